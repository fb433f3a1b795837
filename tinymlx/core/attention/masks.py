"""Masks: which query may ask which key.

A mask is ``None``, the word ``"causal"``, or an array that broadcasts to ``(B, N, T_q, T_kv)``:

- of truth values, where a query asks the keys at which it is true;
- of numbers, which are added to the scores, minus infinity at keys that are not asked.

A score that shall not count becomes the smallest number, and not minus infinity: a row of
infinities is nan after the softmax, and nan times 0 is nan in every gradient. A row of equal
numbers is harmless, and what comes out of it is replaced by 0 (:func:`silenced`).
"""

from __future__ import annotations

import mlx.core as mx

from ..arrays import array, wrap
from ..logic import all, any, equal, logical_not
from ..selection import maximum, where

#: A mask as it is described above.
Mask = str | array | None


def causal_mask(queries: int, keys: int) -> array:
    """Each query asks the keys up to its own position; the last query stands at the last key.

    Args:
        queries, keys: how many there are. With a cache there are fewer queries than keys.

    Returns:
        Truth values, ``(queries, keys)``.
    """
    raise NotImplementedError(
        "11.3 causal_mask - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def padding_mask(lengths: array, keys: int) -> array:
    """The keys that exist, where sequences of unequal lengths were filled up at their ends.

    Padding hides *keys*, for every query alike. What a query gets that is itself padding does not
    matter: nobody asks it, and no loss looks at it.

    Args:
        lengths: how long each sequence is, ``(B,)``.
        keys: the length to which they were filled up.

    Returns:
        Truth values, ``(B, 1, 1, keys)``: the same for all heads and all queries.
    """
    raise NotImplementedError(
        "11.3 padding_mask - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def masked(scores: array, mask: array) -> array:
    """Scores with those that a mask hides so small that the softmax makes 0 of them.

    A mask of numbers is added, but for entries below half of the least number of the dtype, such
    as minus infinity: for them that half is. The result is finite, in the dtype of the scores, also
    where that is float16.

    Args:
        scores: ``(B, N, T_q, T_kv)``.
        mask: an array that broadcasts to them, of truth values or of numbers.
    """
    raise NotImplementedError(
        "11.4 masked - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def silenced(y: array, mask: Mask, keys: int) -> array:
    """What the queries got, with 0 for those that may ask nobody.

    Under ``"causal"`` these are known by their number: a table of all queries and keys, which tiles
    never make, is not needed.

    Args:
        y: ``(B, N, T_q, D_v)``.
        mask: which keys may be asked: ``None``, ``"causal"`` (queries that stand before the first
            key may ask nobody), or an array with at least two axes.
        keys: how many there are.
    """
    raise NotImplementedError(
        "11.4 silenced - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def lonely(mask: array) -> array:
    """Which queries may ask nobody: truth values, ``(..., T_q, 1)``, for a mask of the shape
    ``(..., T_q, T_kv)``."""
    raise NotImplementedError(
        "11.4 lonely - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def precise(x: array) -> array:
    """``x`` in float32 at least."""
    return x if x.dtype in (mx.float32, mx.float64) else x.astype(mx.float32)
