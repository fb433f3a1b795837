"""The same weights in another order: what a GGUF file does to queries and keys."""

from __future__ import annotations

from tinymlx.core import array


def unpermuted(weight: array, heads: int) -> array:
    """Rows of queries or keys in the order of the published weights.

    A rotation turns pairs of features. Llama's published weights pair feature ``i`` of a head with
    feature ``i + D / 2``; a GGUF file has the rows of each head in another order, so that
    neighbours are pairs: 0 with 1, 2 with 3. Read as it is, such a model says nothing sensible, and
    no shape tells why.

    Args:
        weight: ``(heads * D, ...)``: of each head first the first of pair 0, then the second of
            pair 0, then those of pair 1, and so on.
        heads: how many heads these rows belong to (those of the keys may be fewer).

    Returns:
        The same shape: of each head first the first of every pair, then the second of every pair.

    Raises:
        ValueError: there is no head, or the rows cannot be divided among them in pairs.
    """
    raise NotImplementedError(
        "12.17 unpermuted - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
