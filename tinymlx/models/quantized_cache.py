"""A cache of keys and values as codes of a few bits.

At long texts the cache is larger than the model: every token leaves two vectors in each layer. Kept
as codes of 8 bits they take a little more than half of float16, at 4 bits a little more than a
quarter. Attention gets numbers again, all positions at once, as from the other caches.
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.models.caches import KVCache, Pair

Codes = list[array]


class QuantizedKVCache(KVCache):
    """As ``KVCache``, with codes for what it keeps.

    Args:
        group_size, bits: as for ``core.quantize``; the group size divides the size of a head.
        step: by how many positions the room grows.

    Attributes:
        offset: how many positions were seen.
    """

    def __init__(self, group_size: int = 64, bits: int = 8, step: int = 256) -> None:
        super().__init__(step)
        self.group_size, self.bits = group_size, bits
        self.codes: list[Codes] = []

    def update_and_fetch(self, keys: array, values: array) -> Pair:
        """Keep new positions as codes, and return the numbers of all.

        Args:
            keys: ``(B, H, T, D)``.
            values: ``(B, H, T, D_v)``.
        """
        start, self.offset = self.offset, self.offset + keys.shape[2]
        new = [list(core.quantize(x, self.group_size, self.bits)) for x in (keys, values)]
        if not self.codes or self.offset > self.codes[0][0].shape[2]:
            self.codes = [self.grown(parts, i) for i, parts in enumerate(new)]
        for rooms, parts in zip(self.codes, new):
            for room, part in zip(rooms, parts):
                room[:, :, start : self.offset] = part
        return self.numbers(0), self.numbers(1)

    def grown(self, parts: Codes, which: int) -> Codes:
        """Room for all positions up to ``offset``, with those that were there."""
        rooms = []
        for i, new in enumerate(parts):
            self.room = (self.codes[which][i],) * 2 if self.codes else None
            rooms.append(self.larger(new, 0))
        self.room = None
        return rooms

    def numbers(self, which: int) -> array:
        """All keys (0) or values (1), decoded."""
        words, scales, biases = (x[:, :, : self.offset] for x in self.codes[which])
        return core.dequantize(words, scales, biases, self.group_size, self.bits)

    @property
    def nbytes(self) -> int:
        """How much memory the codes take, with the room that is still empty."""
        return sum(x.nbytes for rooms in self.codes for x in rooms)
