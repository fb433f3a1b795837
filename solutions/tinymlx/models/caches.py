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
        start, self.offset = self.offset, self.offset + keys.shape[2]
        if self.room is None or self.offset > self.room[0].shape[2]:
            self.room = self.larger(keys, 0), self.larger(values, 1)
        for room, new in zip(self.room, (keys, values)):
            room[:, :, start : self.offset] = new
        return self.room[0][:, :, : self.offset], self.room[1][:, :, : self.offset]

    def larger(self, new: array, which: int) -> array:
        """Room for all positions up to ``offset``, with those that were there.

        Args:
            new: keys or values to come, for the sizes and the dtype.
            which: 0 for the room of the keys, 1 for that of the values.

        Returns:
            ``(B, H, room, D)``, where ``room`` is the next multiple of ``step``.
        """
        pieces = -(-self.offset // self.step)
        room = core.zeros((*new.shape[:2], pieces * self.step, new.shape[3]), new.dtype)
        if self.room is not None:
            old = self.room[which]
            room[:, :, : old.shape[2]] = old
        return room

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
        new = [*range(self.offset, self.offset + keys.shape[2])]
        self.offset += len(new)
        if self.kept is None:
            self.kept, self.positions = (keys, values), new
        elif len(new) == 1 and len(self.positions) == self.size:
            # In the place of the oldest that may go: nothing else moves.
            place = min(range(self.keep, self.size), key=self.positions.__getitem__)
            self.positions = [*self.positions[:place], *new, *self.positions[place + 1 :]]
            at = core.array([place])
            k, v = (
                core.slice_update(old, more, at, axes=[2])
                for old, more in zip(self.kept, (keys, values))
            )
            self.kept = k, v
        else:
            # Behind those that the first of them may still ask.
            oldest = new[0] - (self.size - self.keep) + 1
            stay = [i for i, p in enumerate(self.positions) if p < self.keep or p >= oldest]
            places = core.array(stay, core.int32)
            k, v = (
                core.concatenate([core.take(old, places, axis=2), more], axis=2)
                for old, more in zip(self.kept, (keys, values))
            )
            self.kept = k, v
            self.positions = [*(self.positions[i] for i in stay), *new]
        return self.kept

    def mask(self, count: int) -> array:
        """Which of the places that were returned last the last ``count`` positions may ask.

        Returns:
            Truth values, ``(count, places)``: a position asks itself, the ``size - keep - 1``
            before it, and the first ``keep``.
        """
        places = core.array(self.positions)
        queries = core.arange(self.offset - count, self.offset)[:, None]
        near = (places <= queries) & (places > queries - (self.size - self.keep))
        return near | ((places < self.keep) & (places <= queries))
