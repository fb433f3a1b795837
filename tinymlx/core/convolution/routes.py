"""How a convolution is computed: natively on a GPU, by matrix products on a CPU.

On a CPU a convolution is fastest as a few large matrix products. Write the padded pictures one row
of channels for each pixel, all pixels of all pictures below each other. Then what the kernel's
element ("tap") ``k`` sees, for all outputs at once, is the same matrix from another row on, and

    y = sum over k of x[offset_k : offset_k + rows] @ w_k

copies nothing. Rows at the right border are garbage and are cut off in the end. Strides first sort
the pixels by their remainder; a dilated input has outputs of several kinds, which are computed one
after the other. The pictures come in chunks that fit into the cache, so no more than
:data:`CHUNK_BYTES` are copied at a time.

Everything here works on bare arrays, for one to three spatial axes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import mlx.core as mx

from .sizes import Geometry, Places

#: What the copies for one chunk may take on a CPU. Larger chunks fall out of the cache (measured on
#: two cores: 32 pictures of 32 x 32 x 64 at once take five times as long as four at a time).
CHUNK_BYTES = 2_000_000
#: And on a GPU, which wants much to do at a time.
GPU_CHUNK_BYTES = 1_000_000_000

#: With fewer channels than this, windows times a matrix is faster than one product for each tap.
FEW_CHANNELS = 16


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
    if not many_outputs:
        return by_outputs(x, w, outputs, at)
    if at.flip:
        w = reversed_taps(w)
    if math.prod(at.input_dilation) == at.groups == 1 and few_channels(x, w):
        return by_windows(x, w, outputs, at)
    return by_taps(x, w, outputs, at)


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


def few_channels(x: mx.array, w: mx.array) -> bool:
    """Whether windows times a matrix is faster than one product for each tap."""
    return x.shape[-1] < FEW_CHANNELS and math.prod(w.shape[1:-1]) > 1


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


def dilated(x: mx.array, dilation: Places) -> mx.array:
    """``x`` with ``dilation - 1`` zeros between neighbours along its spatial axes."""
    if math.prod(dilation) == 1:
        return x
    wide = [(n - 1) * d + 1 for n, d in zip(x.shape[1:-1], dilation)]
    zeros = mx.zeros((x.shape[0], *wide, x.shape[-1]), x.dtype)
    zeros[(slice(None), *(slice(None, None, d) for d in dilation))] = x
    return zeros


def reversed_taps(w: mx.array) -> mx.array:
    """The kernel with its spatial axes in reverse order."""
    return w[(slice(None), *(slice(None, None, -1) for _ in w.shape[1:-1]))]


def chunks(n: int, bytes_each: int) -> Iterator[slice]:
    """Slices of at most :data:`CHUNK_BYTES`, at least one picture each."""
    most = CHUNK_BYTES if mx.default_device().type == mx.cpu else GPU_CHUNK_BYTES
    size = max(1, most // max(bytes_each, 1))
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


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


# Windows times a matrix


def by_windows(x: mx.array, w: mx.array, outputs: Places, at: Geometry) -> mx.array:
    """Copy the window of every output into a row, and multiply by the kernel as a matrix."""
    taps = w.shape[1:-1]
    matrix = w.reshape(w.shape[0], -1).T
    ready = padded(x, at.low, at.high)
    each = math.prod(outputs) * matrix.shape[0] * x.itemsize
    results = []
    for part in chunks(x.shape[0], each):
        windows = strided_windows(ready[part], taps, outputs, at.stride, at.kernel_dilation)
        y = windows.reshape(-1, matrix.shape[0]) @ matrix
        results.append(y.reshape(-1, *outputs, w.shape[0]))
    return results[0] if len(results) == 1 else mx.concatenate(results)


def strided_windows(
    x: mx.array, taps: Places, outputs: Places, stride: Places, dilation: Places
) -> mx.array:
    """A view ``(N, *outputs, *taps, C)`` of an input ``(N, *sizes, C)`` that is padded already."""
    steps = [math.prod(x.shape[i + 1 :]) for i in range(x.ndim)]
    over = [n * s for n, s in zip(steps[1:-1], stride)]
    within = [n * d for n, d in zip(steps[1:-1], dilation)]
    shape = (x.shape[0], *outputs, *taps, x.shape[-1])
    return mx.as_strided(mx.contiguous(x), shape, (steps[0], *over, *within, 1))


# One product for each tap


def by_taps(x: mx.array, w: mx.array, outputs: Places, at: Geometry) -> mx.array:
    """Add up one matrix product for each tap, of rows that are only shifted."""
    kernel = grouped_kernel(w, at.groups)
    kinds = [
        (kind, list(_taps_of(kind, w.shape[1:-1], at)))
        for kind in itertools.product(*(range(d) for d in at.input_dilation))
    ]
    places = [place for _, taps in kinds for _, place in taps]
    first = tuple(min(axis) for axis in zip(*places))
    counts = tuple(-(-n // d) for n, d in zip(outputs, at.input_dilation))
    low = tuple(-n for n in first)
    high = tuple(
        max(axis) + (n - 1) * s + 1 - size
        for axis, n, s, size in zip(zip(*places), counts, at.stride, x.shape[1:-1])
    )
    each = (x[0].size + math.prod(outputs) * w.shape[0]) * x.itemsize
    results = []
    for part in chunks(x.shape[0], each):
        rows = Rows(x[part], low, high, at.stride, at.groups)
        ys = [rows.product(_shifted(taps, first), kernel, counts) for _, taps in kinds]
        results.append(interleaved(ys, at.input_dilation, outputs))
    return results[0] if len(results) == 1 else mx.concatenate(results)


def _taps_of(kind: Places, sizes: Places, at: Geometry) -> Iterator[tuple[Places, Places]]:
    """The taps that meet an element, for outputs whose remainder by the input's dilation is
    ``kind``; each with the place of the element that it meets for the first such output."""
    for tap in itertools.product(*map(range, sizes)):
        distance = [r + k * d - low for r, k, d, low in zip(kind, tap, at.kernel_dilation, at.low)]
        if all(n % d == 0 for n, d in zip(distance, at.input_dilation)):
            yield tap, tuple(n // d for n, d in zip(distance, at.input_dilation))


def _shifted(taps: Sequence[tuple[Places, Places]], first: Places) -> list[tuple[Places, Places]]:
    return [(tap, tuple(a - b for a, b in zip(place, first))) for tap, place in taps]


def grouped_kernel(w: mx.array, groups: int) -> mx.array:
    """``(*taps, groups, C / groups, O / groups)``, from ``(O, *taps, C / groups)``."""
    w = w.reshape(groups, -1, *w.shape[1:])
    last = w.ndim - 1
    return mx.contiguous(w.transpose(*range(2, last), 0, last, 1))


class Rows:
    """Padded pictures as matrices with one row for each pixel, sorted by the stride's remainder.

    Args:
        x: the pictures, ``(N, *sizes, C)``.
        low, high: the zeros around them.
        stride: pixels whose places have the same remainder come together.
        groups: the groups of channels; each is a matrix of its own.
    """

    def __init__(self, x: mx.array, low: Places, high: Places, stride: Places, groups: int) -> None:
        sizes = [a + n + b for a, n, b in zip(low, x.shape[1:-1], high)]
        high = tuple(b + -n % s for b, n, s in zip(high, sizes, stride))
        x = padded(x, low, high)
        self.stride = stride
        self.shape = (x.shape[0], *(n // s for n, s in zip(x.shape[1:-1], stride)))
        pairs = [n for m, s in zip(self.shape[1:], stride) for n in (m, s)]
        x = x.reshape(self.shape[0], *pairs, groups, -1)
        dims = len(stride)
        remainders, outer = range(2, 2 * dims + 1, 2), range(1, 2 * dims, 2)
        x = x.transpose(*remainders, 2 * dims + 1, 0, *outer, 2 * dims + 2)
        self.matrices = x.reshape(*stride, groups, math.prod(self.shape), -1)
        #: How many rows further the next pixel along each axis is.
        self.steps = [math.prod(self.shape[i + 1 :]) for i in range(1, dims + 1)]

    def from_place(self, place: Places, rows: int) -> mx.array:
        """``rows`` rows from a pixel of the first picture on: ``(groups, rows, C / groups)``."""
        remainder = tuple(p % s for p, s in zip(place, self.stride))
        offset = sum(p // s * step for p, s, step in zip(place, self.stride, self.steps))
        return self.matrices[remainder][:, offset : offset + rows]

    def rows_for(self, counts: Places) -> int:
        """From the first output's row to the last one's."""
        last = sum((n - 1) * step for n, step in zip(counts, self.steps))
        return (self.shape[0] - 1) * math.prod(self.shape[1:]) + last + 1

    def product(
        self, taps: Sequence[tuple[Places, Places]], kernel: mx.array, counts: Places
    ) -> mx.array:
        """The sum over taps ``(tap, place)``, for ``counts`` outputs: ``(N, *counts, O)``."""
        rows = self.rows_for(counts)
        groups, width = kernel.shape[-3], kernel.shape[-1]
        y: mx.array | None = None
        for tap, place in taps:
            y = plus_product(y, self.from_place(place, rows), kernel[tap])
        if y is None:
            return mx.zeros((self.shape[0], *counts, groups * width), kernel.dtype)
        steps = [math.prod(self.shape[1:]), *self.steps]
        view = mx.as_strided(
            y,
            (groups, self.shape[0], *counts, width),
            (rows * width, *(n * width for n in steps), 1),
        )
        if groups == 1:
            return view[0]
        return mx.moveaxis(view, 0, -2).reshape(self.shape[0], *counts, groups * width)


def plus_product(y: mx.array | None, a: mx.array, b: mx.array) -> mx.array:
    """``y + a @ b``; where only one channel is seen, element by element."""
    if a.shape[-1] == 1:
        return a * b if y is None else y + a * b
    return a @ b if y is None else mx.addmm(y, a, b)


def interleaved(ys: list[mx.array], dilation: Places, outputs: Places) -> mx.array:
    """Outputs of all kinds in their places: kind ``r`` has those at ``r, r + d, r + 2 d, ...``."""
    if len(ys) == 1:
        return ys[0]
    n, *counts, channels = ys[0].shape
    dims = len(dilation)
    y = mx.stack(ys).reshape(*dilation, n, *counts, channels)
    order = [i for axis in range(dims) for i in (dims + 1 + axis, axis)]
    y = y.transpose(dims, *order, 2 * dims + 1)
    y = y.reshape(n, *(c * d for c, d in zip(counts, dilation)), channels)
    return y[(slice(None), *(slice(0, size) for size in outputs))]


# One product for each output


def by_outputs(x: mx.array, w: mx.array, outputs: Places, at: Geometry) -> mx.array:
    """Few outputs of a large kernel, as in the gradient by a kernel: a product for each output.

    There the batch is the axis over which is summed. Back in the order of pixels, output ``k`` is
    the product of two matrices with one row for each pixel: of ``x`` from a place on that depends
    on ``k``, and of ``w`` from its first.
    """
    groups = at.groups
    if at.flip:
        w = reversed_taps(w)
    small = mx.swapaxes(w, 0, -1)  # (n, *taps, O)
    spatial = range(1, x.ndim - 1)
    big = x.reshape(*x.shape[:-1], groups, -1)
    big = big.transpose(big.ndim - 1, *spatial, big.ndim - 2, 0)  # (n, *sizes, groups, C)
    big = big.reshape(*big.shape[:-2], -1)
    steps, sign, swapped = at.kernel_dilation, 1, False
    if math.prod(at.input_dilation) > 1:  # the elements of x stand further apart than the taps
        big, small, swapped = small, big, True
        steps, sign = at.input_dilation, -1
    starts = {
        k: tuple(sign * (i * s - low) for i, s, low in zip(k, at.stride, at.low))
        for k in itertools.product(*map(range, outputs))
    }
    products = correlated(big, small, steps, starts, groups)
    y = mx.stack(products)  # (outputs, groups, big's, small's)
    if swapped:
        y = mx.swapaxes(y, -1, -2)
    y = y.transpose(2, 0, 1, 3)
    return y.reshape(x.shape[0], *outputs, w.shape[0])


def correlated(
    big: mx.array,
    small: mx.array,
    stride: Places,
    starts: dict[Places, Places],
    groups: int,
) -> list[mx.array]:
    """For each start, the sum over pixels ``i`` of the products of ``big[start + stride i]`` and
    ``small[i]``: ``(groups, C / groups, O / groups)``."""
    low = tuple(-min(0, *axis) for axis in zip(*starts.values()))
    sizes = small.shape[1:-1]
    high = tuple(
        max(0, max(axis) + (n - 1) * s + 1 - size)
        for axis, n, s, size in zip(zip(*starts.values()), sizes, stride, big.shape[1:-1])
    )
    sums: list[mx.array] = []
    each = (big[0].size + small[0].size) * big.itemsize
    for part in chunks(big.shape[0], each):
        rows = Rows(big[part], low, high, stride, groups)
        grid = [n - size for n, size in zip(rows.shape[1:], sizes)]
        others = Rows(small[part], (0,) * len(grid), tuple(grid), (1,) * len(grid), groups)
        count = rows.rows_for(sizes)
        b = others.from_place((0,) * len(grid), count)
        for i, start in enumerate(starts.values()):
            place = tuple(n + a for n, a in zip(start, low))
            a = mx.swapaxes(rows.from_place(place, count), -1, -2)
            if len(sums) == i:
                sums.append(a @ b)
            else:
                sums[i] = mx.addmm(sums[i], a, b)
    return sums
