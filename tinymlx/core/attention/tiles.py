r"""Scaled dot-product attention tile by tile, in memory that grows with the length, not its square.

Forwards, each query meets the keys piece by piece (:mod:`.online`), and no more than one tile of
scores is there at a time. Backwards the tiles are computed again: with :math:`\ell_i`, the
logarithm of the sum of the exponentials of query i, a weight is
:math:`p_{ij} = e^{s_{ij} - \ell_i}`, and

.. math::
    \bar v_j = \sum_i p_{ij} \bar y_i, \qquad
    \bar s_{ij} = p_{ij} (\bar y_i \cdot v_j - \bar y_i \cdot y_i + \bar \ell_i)

Source: T. Dao et al., FlashAttention (2022), section 3.1 and appendix B,
https://arxiv.org/abs/2205.14135
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx

from ..arrays import array, bare, wrap
from ..broadcasting import unbroadcast
from ..creation import depends, zeros, zeros_like
from ..exponential import exp
from ..joining import concatenate
from ..primitive import behind
from ..transforms import vjp
from .grid import Grid, mask_in, pieces
from .masks import precise
from .online import Part, part, sinks_alone, together
from .plain import below, mixed, plain_parts, scores_of


class Inputs(NamedTuple):
    """As for :func:`~.plain.plain`; a mask has at least two axes."""

    q: array
    k: array
    v: array
    mask: array | None
    sinks: array | None


def tiled(inputs: Inputs, grid: Grid) -> Part:
    """Attention, and the logarithm of each query's sum of exponentials, tile by tile.

    Args:
        inputs: the arrays.
        grid: where the tiles are, and whether the mask is the causal one.
    """
    rows: list[Part] = []
    for piece in grid.rows():
        here = after(inputs.q[:, :, piece], rows[-1].mean if rows else None)
        rows.append(seen_from(piece, here, inputs, grid))
    mean, log_sum = (concatenate(list(parts), 2) for parts in zip(*rows))
    return Part(grid.silenced(mean, inputs.mask).astype(inputs.v.dtype), log_sum)


def seen_from(rows: slice, q: array, inputs: Inputs, grid: Grid) -> Part:
    """What one piece of the queries sees of all keys.

    There is no more than one tile of scores at a time: the queries of each are made
    :func:`after` what has been seen before it.

    Queries that stand before all keys, and have no sink, have seen nothing: zeros, both.

    Args:
        rows: which queries these are.
        q: these queries alone, multiplied by the scale.
        inputs: all arrays.
        grid: where the tiles are.
    """
    raise NotImplementedError(
        "11.19 seen_from - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def tiled_pull(g: Part, y: Part, inputs: Inputs, grid: Grid) -> list[array | None]:
    """The derivative of :func:`tiled`.

    Args:
        g: the cotangents of ``y``.
        y: what :func:`tiled` returned.
        inputs, grid: what it was called with.

    Returns:
        The cotangents of ``q``, ``k``, ``v``, ``mask`` and ``sinks``.
    """
    q, k, v, mask, sinks = inputs
    gy = grid.silenced(precise(g.mean), mask)
    level = level_of(gy, g.log_sum, precise(y.mean))
    gy = gy.astype(v.dtype)
    columns = pieces(grid.keys, grid.side)
    gk = {piece.start: precise(zeros_like(k[:, :, piece])) for piece in columns}
    gv = {piece.start: precise(zeros_like(v[:, :, piece])) for piece in columns}
    gq: list[array] = []
    gmask: list[list[array]] = []
    for rows in grid.rows():
        here, gy_here = after(q[:, :, rows], gq[-1] if gq else None), gy[:, :, rows]
        gq_here = precise(zeros_like(here))
        gmask.append([])
        for tile in grid.tiles(rows):
            keys, at = tile.columns, tile.columns.start
            here = after(here, gq_here)
            scores = precise(grid.scores(tile, here, k, mask))
            gweights = precise(scores_of(gy_here, v[:, :, keys]))
            weights, gscores = tile_pull(gweights, scores, y.log_sum[:, :, rows], level[:, :, rows])
            if mask is not None:
                gmask[-1].append(added_up(gscores, mask_in(tile, mask)))
            weights, gscores = weights.astype(v.dtype), gscores.astype(k.dtype)
            gq_here, gk[at], gv[at] = together_in_time(
                gq_here + mixed(gscores, k[:, :, keys]),
                gk[at] + gathered(gscores, here, k.shape[1]),
                gv[at] + gathered(weights, gy_here, k.shape[1]),
            )
        gq.append(gq_here)
    return [
        concatenate(gq, 2).astype(q.dtype),
        concatenate(list(gk.values()), 2).astype(k.dtype),
        concatenate(list(gv.values()), 2).astype(v.dtype),
        None if mask is None else assembled(gmask, mask),
        None if sinks is None else sinks_pull(level, y.log_sum, sinks),
    ]


def level_of(gy: array, glog_sum: array, y: array) -> array:
    """What is taken off the cotangents of all the weights of a query.

    Args:
        gy, glog_sum: the cotangents of what the queries got, ``(B, N_q, T_q, D_v)``, and of the
            logarithms of their sums, ``(B, N_q, T_q, 1)``.
        y: what they got.

    Returns:
        ``(B, N_q, T_q, 1)``.
    """
    raise NotImplementedError(
        "11.20 level_of - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def tile_pull(gweights: array, scores: array, log_sum: array, level: array) -> tuple[array, array]:
    """The weights of one tile, computed once more, and the cotangents of its scores.

    Args:
        gweights: the cotangents of the weights, ``(B, N_q, rows, columns)``.
        scores: the masked scores.
        log_sum: the logarithm of each query's sum of exponentials over *all* keys,
            ``(B, N_q, rows, 1)``.
        level: what :func:`level_of` returned for these queries.
    """
    raise NotImplementedError(
        "11.20 tile_pull - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def gathered(weights: array, x: array, groups: int) -> array:
    """What comes back to the keys: for each the sum over its queries of weight times ``x``.

    Args:
        weights: ``(B, N_q, T_q, keys)``.
        x: ``(B, N_q, T_q, n)``.
        groups: ``N_kv``.

    Returns:
        ``(B, N_kv, keys, n)``.
    """
    raise NotImplementedError(
        "11.20 gathered - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def after(x: array, earlier: array | None) -> array:
    """``x``, but what is made of it comes after ``earlier``.

    MLX computes what is independent in whatever order it likes, and there would be many tiles at a
    time.
    """
    return x if earlier is None else depends(x, earlier)


def together_in_time(*arrays: array) -> list[array]:
    """The arrays, of which none is computed without the others: otherwise the weights of every tile
    would wait for the sum that needs them last."""
    return depends(list(arrays), list(arrays[:1]))


def added_up(g: array, x: array) -> array:
    """A cotangent summed over the axes along which ``x`` was repeated."""
    found = unbroadcast(g, x)
    assert found is not None  # it is only for numbers
    return found


def assembled(parts: list[list[array]], mask: array) -> array:
    """The cotangent of a mask of that of its tiles; along an axis of size 1 they are added."""
    rows = [sum(row[1:], row[0]) if mask.shape[-1] == 1 else concatenate(row, -1) for row in parts]
    whole = sum(rows[1:], rows[0]) if mask.shape[-2] == 1 else concatenate(rows, -2)
    return whole.astype(mask.dtype)


def sinks_pull(level: array, log_sum: array, sinks: array) -> array:
    """The cotangent of the sinks: the value of a sink is 0, and so is the cotangent of its weight,
    before ``level`` is taken off."""
    weights = exp(precise(sinks)[:, None, None] - log_sum)
    return -(weights * level).sum((0, 2, 3)).astype(sinks.dtype)


# The primitive and its derivatives


@behind("scaled_dot_product_attention")
def attention(*arrays: Any, grid: Grid) -> list[mx.array]:
    """:func:`tiled` on bare arrays ``q, k, v, mask, sinks``."""
    return [bare(a) for a in tiled(Inputs(*map(wrapped, arrays)), grid)]


@attention.defvjp
def attention_vjp(
    g: list[array], y: list[array], *arrays: Any, grid: Grid
) -> Sequence[array | None]:
    """The tiles once more."""
    found = iter(attention_pull(*g, *y, *arrays, grid=grid))
    return [next(found) if differentiable(a) else None for a in arrays]


@behind("attention_pull")
def attention_pull(*arrays: Any, grid: Grid) -> list[mx.array]:
    """:func:`tiled_pull` on bare arrays: two cotangents, two outputs, and ``q, k, v, mask, sinks``.
    Only for those of the five that have a cotangent there is one."""
    gm, gl, ym, yl, *others = map(wrapped, arrays)
    inputs = Inputs(*others)
    found = tiled_pull(Part(gm, gl), Part(ym, yl), inputs, grid)
    return [bare(a) for a, x in zip(found, inputs) if a is not None and differentiable(x)]


@attention_pull.defvjp
def attention_pull_vjp(
    g: list[array], y: list[array], *arrays: Any, grid: Grid
) -> Sequence[array | None]:
    """Second derivatives: those of the gradient of :func:`~.plain.plain_parts`."""
    inputs = list(arrays[4:])
    places = [i for i, x in enumerate(inputs) if differentiable(x)]

    def forward(*given: array) -> list[array]:
        full = list(inputs)
        for i, x in zip(places, given):
            full[i] = x
        if grid.causal:
            full[3] = "causal"
        return list(plain_parts(*full))

    def gradient(gm: array, gl: array, *given: array) -> list[array]:
        return vjp(forward, given, [gm, gl])[1]

    _, found = vjp(gradient, [*arrays[:2], *(inputs[i] for i in places)], g)
    result: list[array | None] = [None] * len(arrays)
    for i, cotangent in zip([0, 1, *(4 + i for i in places)], found):
        result[i] = cotangent
    return result


def wrapped(x: mx.array | None) -> Any:
    """A bare array as an array of the library; ``None`` stays."""
    return None if x is None else wrap(x)


def differentiable(x: array | None) -> bool:
    """Whether an argument is there and has a cotangent: a mask of truth values has none."""
    return x is not None and x.dtype != mx.bool_
