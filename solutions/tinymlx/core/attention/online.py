r"""The softmax over keys that come piece by piece.

What queries have seen of some keys is the mean of the values and the logarithm of the sum of the
exponentials (:class:`Part`). That is enough to go on: two parts are one again (:func:`together`).

Source: M. Milakov and N. Gimelshein, Online normalizer calculation for softmax (2018),
https://arxiv.org/abs/1805.02867
"""

from __future__ import annotations

from typing import NamedTuple

from ..arrays import array
from ..creation import zeros
from ..exponential import exp, logaddexp
from ..reductions import logsumexp, softmax
from ..shapes import broadcast_to
from .masks import precise
from .plain import mixed


class Part(NamedTuple):
    """What queries have seen of some keys.

    Attributes:
        mean: the mean of the values, weighted by ``exp(score)``, ``(B, N_q, T_q, D_v)``.
        log_sum: the logarithm of the sum of ``exp(score)``, ``(B, N_q, T_q, 1)``.
    """

    mean: array
    log_sum: array


def part(scores: array, v: array) -> Part:
    """What queries see of one piece of the keys.

    Both are in float32 at least. The exponentials are added up in it, too; the shares that multiply
    the values may have the dtype of these.

    Args:
        scores: ``(B, N_q, T_q, keys)``.
        v: the values of these keys, ``(B, N_kv, keys, D_v)``.
    """
    mean = mixed(softmax(scores, -1, precise=True), v)
    return Part(precise(mean), logsumexp(precise(scores), -1, keepdims=True))


def together(a: Part, b: Part) -> Part:
    """What queries have seen that have seen the keys of ``a`` and those of ``b``.

    The lesson derives it. Nothing overflows, however large the logarithms are.
    """
    log_sum = logaddexp(a.log_sum, b.log_sum)
    mean = a.mean * exp(a.log_sum - log_sum) + b.mean * exp(b.log_sum - log_sum)
    return Part(mean, log_sum)


def sinks_alone(sinks: array, shape: tuple[int, ...], dims: int) -> Part:
    """What queries have seen that have seen no key yet: a sink each, with a value of 0.

    Args:
        sinks: one for each head, ``(N_q,)``.
        shape: ``(B, N_q, T_q)``.
        dims: ``D_v``.
    """
    log_sum = broadcast_to(precise(sinks)[:, None, None], (*shape, 1))
    return Part(zeros((*shape, dims), log_sum.dtype), log_sum)
