"""How a convolution is computed: natively on a GPU, by matrix products on a CPU.

On a CPU a convolution is fastest as a few large matrix products (:mod:`.rows`). An input that is
dilated has outputs of several kinds (:func:`by_kinds`), each of which is an ordinary convolution
with a part of the kernel; few outputs of a large kernel are the gradient by a kernel
(:func:`by_outputs`).

Everything here works on bare arrays, for one to three spatial axes.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import mlx.core as mx

from .rows import by_rows, products
from .sizes import Geometry, Places
from .steps import dilated, padded, reversed_taps


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
