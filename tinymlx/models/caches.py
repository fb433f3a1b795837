"""Keys and values of positions that a Transformer has seen, so that each is computed once.

A cache belongs to one layer of attention. ``update_and_fetch`` takes the keys and values of new
positions and returns all that the new queries may ask, ``(B, H, T, D)`` each; ``offset`` is the
position of the next one, for encodings of positions.
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array

Pair = tuple[array, array]


class KVCache:
    """Everything that was seen, in an array that grows by whole pieces.

    To append one position to an array is to copy all of it. Here there is room for ``step`` more
    each time, and new positions are written in place.

    Args:
        step: by how many positions the room grows.

    Attributes:
        offset: how many positions were seen.
    """

    def __init__(self, step: int = 256) -> None:
        self.step = step
        self.offset = 0
        self.room: Pair | None = None

    def update_and_fetch(self, keys: array, values: array) -> Pair:
        """Keep new positions, and return all.

        Where there is room, only the new positions are written.

        Args:
            keys: ``(B, H, T, D)``.
            values: ``(B, H, T, D_v)``.

        Returns:
            The keys and values of all ``offset`` positions so far, in their order.
        """
        raise NotImplementedError(
            "11.16 update_and_fetch - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def larger(self, new: array, which: int) -> array:
        """Room for all positions up to ``offset``, with those that were there.

        Args:
            new: keys or values to come, for the sizes and the dtype.
            which: 0 for the room of the keys, 1 for that of the values.

        Returns:
            ``(B, H, room, D)``, where ``room`` is the next multiple of ``step``.
        """
        raise NotImplementedError(
            "11.16 larger - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def trim(self, count: int) -> int:
        """Forget the last ``count`` positions, or as many as there are, and return how many."""
        count = min(count, self.offset)
        self.offset -= count
        return count


class RotatingKVCache:
    """The first ``keep`` positions and the last ones, ``size`` together.

    Memory no longer grows with the text. A new position takes the place of the oldest one behind
    the first ``keep``. Their order does not matter to attention, since positions are encoded in the
    keys before they come here.

    Args:
        size: how many positions are kept.
        keep: how many of the first ones are never given up.

    Attributes:
        offset: how many positions were seen.
        positions: which position stands in each place.

    Raises:
        ValueError: ``keep`` is not below ``size``.
    """

    def __init__(self, size: int, keep: int = 0) -> None:
        if not 0 <= keep < size:
            raise ValueError(
                f"[RotatingKVCache] keep should be from 0 to {size - 1}; it is {keep}."
            )
        self.size, self.keep = size, keep
        self.offset = 0
        self.positions: list[int] = []
        self.kept: Pair | None = None

    def update_and_fetch(self, keys: array, values: array) -> Pair:
        """Keep new positions, and return all that one of them may ask.

        What must hold:

        - Together with :meth:`mask`, attention to what is returned is attention to the whole text
          in which a position may ask itself, the ``size - keep - 1`` before it, and the first
          ``keep``: for new positions that come in pieces of any length.
        - One new position gets no more than ``size`` keys; several, no more than ``size - 1``
          beside themselves. ``positions`` says which they are, in the order of the keys.
        - ``offset`` counts all that were seen.
        - What an earlier call was given or returned does not change.

        Args:
            keys: ``(B, H, T, D)``.
            values: ``(B, H, T, D_v)``.
        """
        raise NotImplementedError(
            "11.17 update_and_fetch - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def mask(self, count: int) -> array:
        """Which of the places that were returned last the last ``count`` positions may ask.

        Returns:
            Truth values, ``(count, places)``: a position asks itself, the ``size - keep - 1``
            before it, and the first ``keep``.
        """
        raise NotImplementedError(
            "11.17 mask - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
