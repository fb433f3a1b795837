r"""Attention of one head on bare arrays, and its derivative worked out by hand.

A dictionary gives the value of the key that equals the query. This one gives a mixture of all
values, each by how well its key fits. Queries are ``(T_q, D)``, keys ``(T_kv, D)``, values
``(T_kv, D_v)``.
"""

from __future__ import annotations

import math

import mlx.core as mx


def lookup(query: mx.array, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
    r"""Ask with one query.

    The score of an entry is the scalar product of the query and its key, divided by
    :math:`\sqrt D`; the shares are the softmax of the scores, and the answer is the sum of all
    values, each times its share.

    Args:
        query: ``(D,)``.
        keys: one for each entry, ``(T, D)``.
        values: ``(T, D_v)``.

    Returns:
        The answer ``(D_v,)``, and the shares ``(T,)``.

    Raises:
        ValueError: there is no entry.
    """
    raise NotImplementedError(
        "11.1 lookup - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def attend(
    q: mx.array, k: mx.array, v: mx.array, mask: mx.array | None = None
) -> tuple[mx.array, mx.array]:
    r""":func:`lookup` for many queries at once, some of which may not ask every key.

    Args:
        q, k, v: queries, keys and values.
        mask: truth values ``(T_q, T_kv)``, true where a query may ask a key. Each query may ask
            somebody. The shares of those that it may ask sum to 1.

    Returns:
        The answers ``(T_q, D_v)``, and the shares ``(T_q, T_kv)``.
    """
    raise NotImplementedError(
        "11.1 attend - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def attend_pull(
    g: mx.array, shares: mx.array, q: mx.array, k: mx.array, v: mx.array
) -> tuple[mx.array, mx.array, mx.array]:
    """The derivative of the answers of :func:`attend`.

    The lesson derives it. A mask is not needed: where a share is 0, nothing comes back.

    Args:
        g: the cotangent of the answers, ``(T_q, D_v)``.
        shares: what :func:`attend` returned beside them.
        q, k, v: what it was called with.

    Returns:
        The cotangents of ``q``, ``k`` and ``v``.
    """
    raise NotImplementedError(
        "11.2 attend_pull - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
