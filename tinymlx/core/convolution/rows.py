"""Convolutions as a few large matrix products.

Take the padded pictures row by row, all first rows before all second ones, and write beside each
other what the kernel sees at each place *within* a row (:class:`Rows`). Then what row ``i`` of the
kernel sees, for all outputs of all pictures at once, is one matrix, and that of the next row is the
same one from another row on:

    y = sum over i of rows[offset_i : offset_i + n] @ w_i

So only the windows within a row are copied, and not those of the whole kernel. The gradient by the
kernel is the transposed product of the same rows (:func:`products`).

The pictures come in chunks, so that the copies take no more than :data:`~.steps.CHUNK_BYTES` at a
time. Everything here works on bare arrays, for one to three spatial axes.
"""

from __future__ import annotations

import math

import mlx.core as mx

from .sizes import Geometry, Places
from .steps import chunks, joined, padded

#: Matrices with fewer columns are not worth a product for each row of the kernel.
FEW_COLUMNS = 24


class Rows:
    """What the kernel sees within each row of the pictures, as matrices.

    The first spatial axis counts the rows; windows are taken along the others. Rows whose number
    has the same remainder by the stride come together, and among them row ``r`` of all pictures
    before row ``r + 1`` of the first one.

    Args:
        x: the pictures, ``(N, *sizes, C)``.
        taps, outputs: the sizes of the kernel and of the output.
        at: stride, padding, distance of the taps and groups.

    Attributes:
        matrices: ``(groups, stride, rows, columns)``; a column is a tap along the other axes and a
            channel of the group.
        count: how many rows the outputs have, together.
    """

    def __init__(self, x: mx.array, taps: Places, outputs: Places, at: Geometry) -> None:
        stride, dilation, groups = at.stride, at.kernel_dilation, at.groups
        # Exactly as much as the outputs see, and whole strides of rows.
        seen = [
            (n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(outputs, stride, taps, dilation)
        ]
        seen[0] += -seen[0] % stride[0]
        high = [n - low - size for n, low, size in zip(seen, at.low, x.shape[1:-1])]
        x = mx.contiguous(padded(x, at.low, high))
        n, channels = x.shape[0], x.shape[-1] // groups
        step = [math.prod(x.shape[i + 1 :]) for i in range(x.ndim)]
        within = [s * d for s, d in zip(step[2:-1], dilation[1:])]
        between = [s * d for s, d in zip(step[2:-1], stride[1:])]
        windows = mx.as_strided(
            x,
            (groups, stride[0], seen[0] // stride[0], n, *outputs[1:], *taps[1:], channels),
            (channels, step[1], step[1] * stride[0], step[0], *between, *within, 1),
        )
        self.each = n * math.prod(outputs[1:])  # rows of a matrix for each row of the pictures
        self.count = outputs[0] * self.each
        columns = math.prod(taps[1:]) * channels
        self.matrices = windows.reshape(groups, stride[0], -1, columns)
        self.stride, self.dilation = stride[0], dilation[0]

    def seen_by(self, i: int) -> mx.array:
        """What row ``i`` of the kernel sees, for all outputs: ``(groups, count, columns)``."""
        row = i * self.dilation
        start = row // self.stride * self.each
        return self.matrices[:, row % self.stride, start : start + self.count]


def in_a_row(at: Geometry) -> Geometry:
    """The same with one axis more in front. Where the kernel's rows are so short that whole windows
    are better, those are the rows then, and there is one."""
    return Geometry(
        stride=(1, *at.stride),
        low=(0, *at.low),
        high=(0, *at.high),
        kernel_dilation=(1, *at.kernel_dilation),
        input_dilation=(1, *at.input_dilation),
        groups=at.groups,
    )


def by_rows(x: mx.array, w: mx.array, outputs: Places, at: Geometry) -> mx.array:
    """One matrix product for each row of the kernel, added up."""
    result = outputs
    if math.prod(w.shape[2:]) < FEW_COLUMNS:
        x, w, outputs, at = x[:, None], w[:, None], (1, *outputs), in_a_row(at)
    groups, taps, width = at.groups, w.shape[1:-1], w.shape[0] // at.groups
    # (rows of the kernel, groups, columns, outputs of a group)
    kernel = w.reshape(groups, width, taps[0], -1).transpose(2, 0, 3, 1)
    columns = kernel.shape[2]
    each = math.prod(outputs) * (columns * at.stride[0] + w.shape[0]) * x.itemsize
    parts = []
    for chunk in chunks(x.shape[0], each):
        rows = Rows(x[chunk], taps, outputs, at)
        y = rows.seen_by(0) @ kernel[0]
        for i in range(1, taps[0]):
            y = mx.addmm(y, rows.seen_by(i), kernel[i])
        n = x[chunk].shape[0]
        y = y.reshape(groups, outputs[0], n, -1, width).transpose(2, 1, 3, 0, 4)
        parts.append(y.reshape(n, *result, w.shape[0]))
    return joined(parts)


def products(x: mx.array, g: mx.array, taps: Places, at: Geometry) -> mx.array:
    """For every tap the sum over places of what it sees there, times ``g`` at that place.

    Args:
        x: ``(N, *sizes, C)``.
        g: ``(N, *outputs, O)``.
        taps: the sizes of the kernel.
        at: its geometry.

    Returns:
        ``(groups, *taps, C / groups, O / groups)``.
    """
    wanted, outputs, groups = taps, g.shape[1:-1], at.groups
    columns = math.prod(taps[1:]) * x.shape[-1] // groups
    if columns < FEW_COLUMNS:
        x, g, taps, outputs, at = x[:, None], g[:, None], (1, *taps), (1, *outputs), in_a_row(at)
        columns *= math.prod(taps[:2])
    sums: list[mx.array] = []
    each = math.prod(outputs) * (columns * at.stride[0] + g.shape[-1]) * x.itemsize
    for chunk in chunks(x.shape[0], each):
        rows = Rows(x[chunk], taps, outputs, at)
        places = g[chunk].reshape(*g[chunk].shape[:-1], groups, -1)
        places = places.transpose(
            places.ndim - 2, 1, 0, *range(2, places.ndim - 2), places.ndim - 1
        )
        places = places.reshape(groups, rows.count, -1)
        for i in range(taps[0]):
            seen = mx.swapaxes(rows.seen_by(i), -1, -2)
            if len(sums) == i:
                sums.append(seen @ places)
            else:
                sums[i] = mx.addmm(sums[i], seen, places)
    y = mx.stack(sums, axis=1)  # (groups, rows of the kernel, columns, O / groups)
    return y.reshape(groups, *wanted, x.shape[-1] // groups, g.shape[-1] // groups)
