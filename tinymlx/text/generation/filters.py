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
    raise NotImplementedError(
        "12.18 min_p - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "12.18 repetition_penalty - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
