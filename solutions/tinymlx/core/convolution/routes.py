"""How a convolution is computed: natively on a GPU, by matrix products on a CPU.

On a CPU a convolution is fastest as a few large matrix products. Take the padded pictures row by
row, all first rows before all second ones, and write beside each other what the kernel sees at each
place *within* a row (:class:`Rows`). Then what row ``i`` of the kernel sees, for all outputs of all
pictures at once, is one matrix, and that of the next row is the same one from another row on:

    y = sum over i of rows[offset_i : offset_i + n] @ w_i

So only the windows within a row are copied, and not those of the whole kernel. The gradient by the
kernel is the transposed product of the same rows. An input that is dilated has outputs of several
kinds (:func:`by_kinds`), each of which is an ordinary convolution with a part of the kernel.

The pictures come in chunks, so that the copies take no more than :data:`CHUNK_BYTES` at a time.
Everything here works on bare arrays, for one to three spatial axes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import mlx.core as mx

from .sizes import Geometry, Places

#: What the copies for one chunk may take.
CHUNK_BYTES = 64_000_000
#: Matrices with fewer columns are not worth a product for each row of the kernel.
FEW_COLUMNS = 24


def convolution(x: mx.array, w: mx.array, at: Geometry) -> mx.array:
    """The convolution, by the route that is fastest here.

    Args:
        x: the input, ``(N, *sizes, C)``.
        w: the kernel, ``(O, *taps, C / groups)``.
        at: where its taps fall.

    Returns:
        ``(N, *outputs, O)``, of the dtype of ``x`` and ``w`` together.
    """
    taps, dtype = w.shape[1:-1], mx.result_type(x, w)
    outputs = at.outputs(x.shape[1:-1], taps)
    if not (x.size and w.size):  # MLX does not survive convolutions of nothing
        return mx.zeros((x.shape[0], *outputs, w.shape[0]), dtype)
    many_outputs = math.prod(taps) <= math.prod(outputs)
    if not own_way(dtype, at.groups) or too_mixed(at, many_outputs):
        return native(x, w, at)
    x, w = x.astype(dtype), w.astype(dtype)
    if at.flip:
        w, at = reversed_taps(w), replace(at, flip=False)
    if not many_outputs:
        return by_outputs(x, w, outputs, at)
    if max(at.input_dilation) > 1:
        return by_kinds(x, w, outputs, at)
    depthwise = w.shape[-1] == 1 and at.groups == w.shape[0] > 1
    return (by_slices if depthwise else by_rows)(x, w, outputs, at)


def own_way(dtype: mx.Dtype, groups: int) -> bool:
    """Whether to go another way than MLX: on a CPU, where that is faster; and with groups on CUDA,
    where MLX 0.32.4 returns wrong numbers now and then, or fails, if several are under way."""
    if mx.default_device().type == mx.cpu:
        return dtype in (mx.float32, mx.float64)
    return groups > 1 and mx.cuda.is_available()


def too_mixed(at: Geometry, many_outputs: bool) -> bool:
    """Whether the input is dilated *and* the routes below would have to take larger steps."""
    if many_outputs:
        return any(s > 1 and d > 1 for s, d in zip(at.stride, at.input_dilation))
    return max(at.kernel_dilation) > 1 and max(at.input_dilation) > 1


def native(x: mx.array, w: mx.array, at: Geometry) -> mx.array:
    """MLX's own convolution, kept away from where it is wrong (0.32.4, measured against the
    definition): negative padding of a dilated input; on CUDA also strides together with a dilated
    input, a dilated input whose kernel is not flipped, and strides whose kernel is."""
    low, high, dilation, flip = at.low, at.high, at.input_dilation, at.flip
    none = (0,) * len(dilation)
    if max(dilation) > 1 and max(at.stride) > 1:
        x, dilation = dilated(x, dilation), (1,) * len(dilation)
    if min(*low, *high) < 0:
        x, dilation = dilated(x, dilation), (1,) * len(dilation)
        x, low, high = padded(x, low, high), none, none
    if flip != (max(dilation) > 1) and max(*dilation, *at.stride) > 1:
        w, flip = reversed_taps(w), not flip
    return mx.conv_general(
        x,
        w,
        list(at.stride),
        (list(low), list(high)),
        list(at.kernel_dilation),
        list(dilation),
        at.groups,
        flip,
    )


# Steps that all have in common


def dilated(x: mx.array, dilation: Places) -> mx.array:
    """``x`` with ``dilation - 1`` zeros between neighbours along its spatial axes."""
    if math.prod(dilation) == 1:
        return x
    wide = [(n - 1) * d + 1 for n, d in zip(x.shape[1:-1], dilation)]
    zeros = mx.zeros((x.shape[0], *wide, x.shape[-1]), x.dtype)
    zeros[(slice(None), *(slice(None, None, d) for d in dilation))] = x
    return zeros


def padded(x: mx.array, low: Sequence[int], high: Sequence[int]) -> mx.array:
    """``x`` with zeros around its spatial axes; negative numbers cut off instead."""
    border = [(max(a, 0), max(b, 0)) for a, b in zip(low, high)]
    if any(map(any, border)):
        x = mx.pad(x, [(0, 0), *border, (0, 0)])
    if any(n < 0 for n in (*low, *high)):
        sizes = x.shape[1:-1]
        keep = (slice(max(-a, 0), n - max(-b, 0)) for a, b, n in zip(low, high, sizes))
        x = x[(slice(None), *keep)]
    return x


def reversed_taps(w: mx.array) -> mx.array:
    """The kernel with its spatial axes in reverse order."""
    return w[(slice(None), *(slice(None, None, -1) for _ in w.shape[1:-1]))]


def chunks(n: int, bytes_each: int) -> Iterator[slice]:
    """Slices of at most :data:`CHUNK_BYTES`, at least one picture each."""
    size = max(1, CHUNK_BYTES // max(bytes_each, 1))
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def joined(parts: list[mx.array]) -> mx.array:
    """The results for all chunks, in one piece of memory."""
    return mx.contiguous(parts[0]) if len(parts) == 1 else mx.concatenate(parts)


# Rows of windows


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


def by_slices(x: mx.array, w: mx.array, outputs: Places, at: Geometry) -> mx.array:
    """Where every channel has a kernel of its own: shifted pictures times numbers, added up."""
    taps = w.shape[1:-1]
    high = Geometry.fitting(at, outputs, x.shape[1:-1], taps).high
    x = padded(x, at.low, high)
    y: mx.array | None = None
    for tap in itertools.product(*map(range, taps)):
        seen = x[
            (
                slice(None),
                *(
                    slice(k * d, k * d + (n - 1) * s + 1, s)
                    for k, d, n, s in zip(tap, at.kernel_dilation, outputs, at.stride)
                ),
            )
        ]
        part = seen * w[(slice(None), *tap, 0)]
        y = part if y is None else y + part
    assert y is not None
    return y


# Dilated inputs


def by_kinds(x: mx.array, w: mx.array, outputs: Places, at: Geometry) -> mx.array:
    """Outputs whose places have the same remainder by the input's dilation meet the same taps: a
    convolution of the input as it is with every so-many-th tap. Their results are interleaved."""
    dims, dilation = len(outputs), at.input_dilation
    counts = tuple(-(-n // d) for n, d in zip(outputs, dilation))
    kinds = []
    for kind in itertools.product(*map(range, dilation)):
        axes = [
            _taps_of(r, k, d, dw, low)
            for r, k, d, dw, low in zip(kind, w.shape[1:-1], dilation, at.kernel_dilation, at.low)
        ]
        some = w[(slice(None), *(taps for taps, _, _ in axes))]
        part = replace(
            at,
            low=tuple(low for _, low, _ in axes),
            kernel_dilation=tuple(distance for _, _, distance in axes),
            input_dilation=(1,) * dims,
        ).fitting(counts, x.shape[1:-1], some.shape[1:-1])
        if some.size:
            kinds.append(by_rows(x, some, counts, part))
        else:
            kinds.append(mx.zeros((x.shape[0], *counts, w.shape[0]), x.dtype))
    y = mx.stack(kinds).reshape(*dilation, x.shape[0], *counts, w.shape[0])
    order = [i for axis in range(dims) for i in (dims + 1 + axis, axis)]
    y = y.transpose(dims, *order, 2 * dims + 1)
    y = y.reshape(x.shape[0], *(n * d for n, d in zip(counts, dilation)), w.shape[0])
    return y[(slice(None), *(slice(0, n) for n in outputs))]


def _taps_of(
    kind: int, taps: int, dilation: int, distance: int, low: int
) -> tuple[slice, int, int]:
    """Along one axis: the taps that meet elements for outputs of a kind, the zeros in front of the
    input then, and the distance between neighbouring ones of these taps, in elements."""
    every = dilation // math.gcd(dilation, distance)
    for k in range(min(every, taps)):
        first = kind + k * distance - low
        if first % dilation == 0:
            return slice(k, None, every), -(first // dilation), every * distance // dilation
    return slice(0, 0), 0, 1


# Gradients by the kernel


def by_outputs(x: mx.array, w: mx.array, outputs: Places, at: Geometry) -> mx.array:
    """Few outputs of a large kernel, as in the gradient by a kernel.

    There the batch is what is summed over, and the "kernel" ``w`` is the cotangent of an output.
    Back in the order of pictures, output row ``i`` is a product of two matrices: the transposed
    rows of the pictures, as row ``i`` of a kernel of the size of ``outputs`` sees them, and the
    cotangent.
    """
    groups = at.groups
    pictures = batch_in_front(x, groups)  # (n, *sizes, C)
    cotangent = mx.swapaxes(w, 0, -1)  # (n, *taps, O)
    ordinary = (1,) * len(outputs)
    if max(at.input_dilation) == 1:
        seen = replace(at, stride=at.kernel_dilation, kernel_dilation=at.stride)
        y = products(pictures, cotangent, outputs, seen)
    else:  # the pictures' elements stand further apart than the cotangent's: change their roles
        low = tuple((k - 1) * s - a for k, s, a in zip(outputs, at.stride, at.low))
        seen = replace(
            at,
            stride=at.input_dilation,
            low=low,
            kernel_dilation=at.stride,
            input_dilation=ordinary,
        )
        y = products(cotangent, pictures, outputs, seen)
        y = mx.swapaxes(y[(slice(None), *(slice(None, None, -1) for _ in outputs))], -1, -2)
    y = mx.moveaxis(y, 0, -2)  # (*outputs, C / groups, groups, O / groups)
    y = mx.moveaxis(y, -3, 0)
    return y.reshape(x.shape[0], *outputs, w.shape[0])


def batch_in_front(x: mx.array, groups: int) -> mx.array:
    """``(N, *sizes, C)``, from ``(C / groups, *sizes, groups * N)``."""
    if groups == 1:
        return mx.swapaxes(x, 0, -1)
    x = x.reshape(*x.shape[:-1], groups, -1)
    last = x.ndim - 1
    x = x.transpose(last, *range(1, last - 1), last - 1, 0)
    return x.reshape(*x.shape[:-2], -1)


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
