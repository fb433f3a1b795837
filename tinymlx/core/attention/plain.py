r"""Scaled dot-product attention with all scores at once.

Every query asks every key, and gets a weighted mean of the values:

.. math::
    y_i = \sum_j p_{ij} v_j, \qquad p_i = \operatorname{softmax}_j(s \, q_i \cdot k_j + m_{ij})

The scores of all queries and keys are one array, so memory grows with the product of their
numbers; :mod:`.tiles` computes the same with less.

Shapes: queries ``(B, N_q, T_q, D)``, keys ``(B, N_kv, T_kv, D)``, values ``(B, N_kv, T_kv, D_v)``.
As many neighbouring heads of the queries as go into ``N_q / N_kv`` share one of keys and values.
Queries come multiplied by the scale.
"""

from __future__ import annotations

from ..arrays import array
from ..joining import concatenate
from ..reductions import logsumexp, softmax
from ..shapes import broadcast_to
from .masks import Mask, causal_mask, masked, precise, silenced


def plain(q: array, k: array, v: array, mask: Mask, sinks: array | None) -> array:
    """Attention, with the scores of all queries and keys kept.

    Args:
        q, k, v: queries, keys (at least one) and values.
        mask: ``None``, ``"causal"`` or an array; see :mod:`.masks`.
        sinks: a score for each head that takes part in the softmax but has no value, ``(N_q,)``.

    Returns:
        ``(B, N_q, T_q, D_v)``; 0 for a query that may ask nobody.
    """
    scores = masked_scores(q, k, mask)
    return silenced(mixed(weights_of(scores, sinks), v), mask, k.shape[2])


def plain_parts(
    q: array, k: array, v: array, mask: Mask, sinks: array | None
) -> tuple[array, array]:
    """The same, and the logarithm of each query's sum of exponentials, ``(B, N_q, T_q, 1)``."""
    scores = masked_scores(q, k, mask)
    everything = precise(scores if sinks is None else with_sinks(scores, sinks))
    log_sum = logsumexp(everything, -1, keepdims=True)
    return silenced(mixed(weights_of(scores, sinks), v), mask, k.shape[2]), log_sum


def masked_scores(q: array, k: array, mask: Mask) -> array:
    """The scores of all queries and keys, those that do not count very small."""
    scores = scores_of(q, k)
    if isinstance(mask, str):
        mask = causal_mask(q.shape[2], k.shape[2])
    return scores if mask is None else masked(scores, mask)


def scores_of(q: array, k: array) -> array:
    """The scalar product of every query with every key: ``(B, N_q, T_q, T_kv)``."""
    raise NotImplementedError(
        "11.6 scores_of - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def mixed(weights: array, v: array) -> array:
    """The mean of the values by weights ``(B, N_q, T_q, T_kv)``: ``(B, N_q, T_q, D_v)``."""
    raise NotImplementedError(
        "11.6 mixed - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def below(x: array, groups: int) -> array:
    """Heads that share keys as one matrix, below each other.

    Args:
        x: ``(B, N_q, T_q, n)``.
        groups: ``N_kv``.

    Returns:
        ``(B, N_kv, N_q / N_kv * T_q, n)``.
    """
    raise NotImplementedError(
        "11.6 below - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def weights_of(scores: array, sinks: array | None) -> array:
    """The softmax over the keys, in float32 at least. Sinks take a part that nobody gets."""
    if sinks is None:
        return softmax(scores, -1, precise=True)
    return softmax(with_sinks(scores, sinks), -1, precise=True)[..., 1:]


def with_sinks(scores: array, sinks: array) -> array:
    """The scores behind a first column with the sink of each head."""
    column = broadcast_to(sinks[:, None, None], (*scores.shape[:-1], 1))
    return concatenate([column.astype(scores.dtype), scores], -1)
