"""All queries against all keys, cut into tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import mlx.core as mx

from ..arrays import array, wrap
from .masks import masked, silenced
from .plain import scores_of

#: What the scores of one tile may take: on a CPU, where they stay in its cache, and on a GPU, which
#: wants much work at a time. MLX runs ahead by ten operations or so, and each may have a tile.
TILE_BYTES = 4_000_000
GPU_TILE_BYTES = 64_000_000


class Tile(NamedTuple):
    """A piece of the queries against a piece of the keys."""

    rows: slice
    columns: slice


@dataclass(frozen=True)
class Grid:
    """The scores of some queries and keys, and where its tiles are.

    Attributes:
        queries, keys: how many there are.
        side: the side of a tile; those at the end may be smaller.
        causal: whether a query asks the keys up to its own position only, the last query standing
            at the last key.
    """

    queries: int
    keys: int
    side: int
    causal: bool

    @property
    def shift(self) -> int:
        """The position of the first query among the keys, if the last one stands at the last."""
        return self.keys - self.queries

    def rows(self) -> list[slice]:
        """The pieces of the queries."""
        return pieces(self.queries, self.side)

    def tiles(self, rows: slice) -> Iterator[Tile]:
        """The tiles of a piece of queries, from the first key to the last that they ask."""
        raise NotImplementedError(
            "11.19 tiles - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def scores(self, tile: Tile, q: array, k: array, mask: array | None) -> array:
        """The masked scores of one tile.

        Args:
            tile: which one.
            q: the queries of the tile, multiplied by the scale.
            k: all keys.
            mask: a mask ``(..., T_q or 1, T_kv or 1)``, or ``None``.
        """
        rows, columns = tile
        scores = scores_of(q, k[:, :, columns])
        if mask is not None:
            scores = masked(scores, mask_in(tile, mask))
        if self.causal and columns.stop - 1 > rows.start + self.shift:
            positions = mx.arange(rows.start, rows.stop) + self.shift
            past = positions[:, None] >= mx.arange(columns.start, columns.stop)
            scores = masked(scores, wrap(past))
        return scores

    def silenced(self, y: array, mask: array | None) -> array:
        """What the queries got, with 0 for those that may ask nobody."""
        return silenced(y, "causal" if self.causal else mask, self.keys)


def pieces(n: int, side: int) -> list[slice]:
    """``n`` cut into slices of ``side``; the last one may be shorter."""
    return [slice(start, min(start + side, n)) for start in range(0, n, side)]


def mask_in(tile: Tile, mask: array) -> array:
    """The part of a mask that belongs to a tile; an axis of size 1 is the same for all tiles."""
    everything = slice(None)
    rows = everything if mask.shape[-2] == 1 else tile.rows
    columns = everything if mask.shape[-1] == 1 else tile.columns
    return mask[..., rows, columns]


def tile_side(grids: int, size: int) -> int:
    """The side of tiles that take no more than they may: a multiple of 64, at least 64.

    Args:
        grids: how many grids of scores there are, examples times heads.
        size: the bytes of a score.
    """
    most = TILE_BYTES if mx.default_device().type == mx.cpu else GPU_TILE_BYTES
    return max(math.isqrt(most // max(grids * size, 1)) // 64, 1) * 64
