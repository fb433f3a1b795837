"""What is taken from logits before a token is drawn, beyond temperature, top-k and top-p."""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array


def min_p(logits: array, p: float) -> array:
    r"""Only tokens at least ``p`` times as probable as the most probable one.

    Where a model is sure few tokens are left, where it is not many. Since
    :math:`p_i / p_\text{max} = e^{z_i - z_\text{max}}`, no softmax is needed. The logits of all
    others become minus infinity.

    Args:
        logits: :math:`z`, ``(..., V)``.
        p: the share.

    Raises:
        ValueError: ``p`` is not above 0, or above 1.

    Source: M. Nguyen et al., Turning up the heat (2024), https://arxiv.org/abs/2407.01082
    """
    if not 0 < p <= 1:
        raise ValueError(f"[min_p] p should be above 0 and at most 1; it is {p}.")
    least = core.max(logits, axis=-1, keepdims=True) + math.log(p)
    return core.where(logits < least, -core.inf, logits)


def repetition_penalty(logits: array, seen: array, penalty: float) -> array:
    """Tokens that were said already made less probable, once, however often they were said.

    A positive logit is divided by the penalty, a negative one multiplied: so it falls in both
    cases.

    Args:
        logits: ``(N, V)``.
        seen: the tokens of each text so far, ``(N, L)`` integers.
        penalty: 1 changes nothing; above 1 repetition is discouraged.

    Raises:
        ValueError: the penalty is not above 0.

    Source: N. Keskar et al., CTRL (2019), section 4.1, https://arxiv.org/abs/1909.05858
    """
    if not penalty > 0:
        raise ValueError(f"[repetition_penalty] The penalty should be above 0; it is {penalty}.")
    z = core.take_along_axis(logits, seen, axis=-1)
    lowered = core.where(z > 0, z / penalty, z * penalty)
    return core.put_along_axis(logits, seen, lowered, axis=-1)
