"""Upsampling: a picture on a finer (or coarser) grid.

Each spatial axis is treated by itself. Output :math:`i` lies at some place among the inputs of its
axis (:func:`places`); the inputs around it are its *samples*, each with a weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.module import Module

#: For each sample of the outputs along an axis: which input it is, and its weight.
Samples = list[tuple[array, array]]


def places(size: int, scale: float, align_corners: bool) -> array:
    r"""Where the outputs of an axis lie among its inputs, as fractional numbers.

    With ``align_corners`` the centres of the first and of the last pixel stay where they are:
    :math:`i (n - 1) / (m - 1)` for :math:`m` outputs of :math:`n` inputs, and a single output lies
    at 0. Otherwise pixels are
    small squares, and the outer *edges* of both grids stay together: the centre of output
    :math:`i` is at :math:`i / s`, shifted so that both grids have the same middle.

    Args:
        size: inputs of the axis, :math:`n`.
        scale: the factor :math:`s`; there are ``int(s n)`` outputs.
        align_corners: which of the two.

    Returns:
        ``(m,)``, float32.
    """
    outputs = int(scale * size)
    steps = core.arange(outputs, dtype=core.float32)
    if align_corners:
        return steps * ((size - 1) / max(outputs - 1, 1))
    step = 1 / scale
    return steps * step - ((outputs - 1) * step - size + 1) / 2


def nearest(size: int, scale: float) -> array:
    """The number of the input nearest to each output of an axis."""
    outputs = int(scale * size)
    found = core.arange(outputs, dtype=core.float32)
    if outputs > size:
        found = core.round((found + 0.5) * (size / outputs) - 0.5)
    else:
        found = found * (size / outputs)
    return found.astype(core.uint32)


def linear_samples(size: int, scale: float, align_corners: bool) -> Samples:
    """The two neighbours of each output, weighted by how near they are."""
    at = core.clip(places(size, scale, align_corners), 0, size - 1)
    left, right = core.floor(at), core.ceil(at)
    return [(left.astype(core.uint32), 1 - (at - left)), (right.astype(core.uint32), at - left)]


def cubic_samples(size: int, scale: float, align_corners: bool) -> Samples:
    """The four neighbours of each output, weighted by the cubic kernel; beyond the border the
    outermost input goes on."""
    at = places(size, scale, align_corners)
    left = core.floor(at)
    samples = []
    for k in (-1, 0, 1, 2):
        inside = core.clip(left + k, 0, size - 1).astype(core.uint32)
        samples.append((inside, cubic_kernel(core.abs(at - (left + k)), a=-0.75)))
    return samples


def filtered_samples(
    size: int, scale: float, kernel: Callable[[array], array], radius: float
) -> Samples:
    """Samples for a smaller picture without aliasing: the kernel is as wide as the outputs stand
    apart, so that every input counts. Weights beyond the border are zero, and the sum is 1."""
    at = places(size, scale, align_corners=False)
    width = 1 / scale if scale < 1 else 1.0
    reach = math.ceil(radius * width) + 1
    indices, weights = [], []
    for k in range(1 - reach, reach):
        index = core.floor(at) + k
        weight = kernel(core.abs(at - index) / width)
        weights.append(core.where((index >= 0) & (index < size), weight, 0.0))
        indices.append(core.clip(index, 0, size - 1).astype(core.uint32))
    total = sum(weights[1:], weights[0])
    total = core.where(total > 0, total, 1.0)
    return [(index, weight / total) for index, weight in zip(indices, weights)]


def triangle_kernel(distance: array) -> array:
    """1 at distance 0, and 0 from distance 1 on."""
    return core.maximum(1.0 - distance, 0.0)


def cubic_kernel(distance: array, a: float = -0.5) -> array:
    """The cubic convolution kernel; 0 from distance 2 on.

    Args:
        distance: at least 0.
        a: its slope at distance 1; -0.75 in OpenCV and PyTorch, -0.5 in Pillow and, with
            antialiasing, in PyTorch, too.

    Source: R. Keys, Cubic convolution interpolation for digital image processing (1981).
    """
    x = distance
    inner = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    outer = (((x - 5) * x + 8) * x - 4) * a
    return core.where(x <= 1.0, inner, core.where(x <= 2.0, outer, 0.0))


def interpolate(x: array, samples: Sequence[Samples]) -> array:
    """Along each spatial axis in turn, the weighted sum of the samples.

    Args:
        x: ``(N, *sizes, C)``.
        samples: for each spatial axis its samples, each a pair ``(m,)``, ``(m,)``: which input, and
            its weight.

    Returns:
        ``(N, *outputs, C)``.
    """
    for axis, of_axis in enumerate(samples, start=1):
        shape = [1] * x.ndim
        shape[axis] = -1
        parts = [core.take(x, index, axis) * weight.reshape(shape) for index, weight in of_axis]
        x = sum(parts[1:], parts[0])
    return x


def repeated(x: array, factors: Sequence[int]) -> array:
    """Every pixel ``factors`` times along each spatial axis, by a broadcast."""
    pairs = [n for size in x.shape[1:-1] for n in (size, 1)]
    wide = [n for size, factor in zip(x.shape[1:-1], factors) for n in (size, factor)]
    n, *sizes, channels = x.shape
    x = core.broadcast_to(x.reshape(n, *pairs, channels), (n, *wide, channels))
    return x.reshape(n, *(size * factor for size, factor in zip(sizes, factors)), channels)


class Upsample(Module):
    """A larger (or smaller) picture: every spatial axis times ``scale_factor``.

    Args:
        scale_factor: a factor for all spatial axes, or one for each.
        mode: ``"nearest"`` repeats pixels, ``"linear"`` weighs the two neighbours along each axis,
            ``"cubic"`` four.
        align_corners: whether the centres of the corner pixels stay together, and not their edges.
        antialias: whether to smooth before going to a smaller picture; for ``"linear"`` and
            ``"cubic"``, without ``align_corners``.

    Shape:
        ``(N, *sizes, C)`` to ``(N, *outputs, C)``, outputs rounded down.

    Raises:
        ValueError: an unknown mode, options that exclude each other; (when called) no spatial axis,
            or not as many as there are factors.
    """

    def __init__(
        self,
        scale_factor: float | tuple[float, ...],
        mode: Literal["nearest", "linear", "cubic"] = "nearest",
        align_corners: bool = False,
        antialias: bool = False,
    ) -> None:
        super().__init__()
        if mode not in ("nearest", "linear", "cubic"):
            raise ValueError(f"[Upsample] Got unsupported upsampling algorithm: {mode}")
        if antialias and mode == "nearest":
            raise ValueError(
                "[Upsample] Antialiasing is not supported for nearest neighbor upsampling"
            )
        if antialias and align_corners:
            raise ValueError(
                "[Upsample] antialias=True with align_corners=True is not supported. Use "
                "align_corners=False for antialiased interpolation."
            )
        several = isinstance(scale_factor, (list, tuple))
        factors: Any = scale_factor
        self.scale_factor = tuple(map(float, factors)) if several else float(factors)
        self.mode = mode
        self.align_corners = align_corners
        self.antialias = antialias

    def _extra_repr(self) -> str:
        text = (
            f"scale_factor={self.scale_factor}, mode={self.mode!r}, "
            f"align_corners={self.align_corners}"
        )
        return text + ", antialias=True" if self.antialias else text

    def __call__(self, x: array) -> array:
        """The picture on its new grid."""
        dims = x.ndim - 2
        if dims <= 0:
            raise ValueError(
                f"[Upsample] The input should have at least 1 spatial dimension which means it "
                f"should be at least 3D but {x.ndim}D was provided"
            )
        factors = self.scale_factor
        if not isinstance(factors, tuple):
            factors = (factors,) * dims
        if len(factors) != dims:
            raise ValueError(
                f"[Upsample] One scale per spatial dimension is required but scale_factor="
                f"{factors} and the number of spatial dimensions were {dims}"
            )
        if self.mode != "nearest":
            each = zip(x.shape[1:-1], factors)
            return interpolate(x, [self._samples(size, scale) for size, scale in each])
        if all(scale == int(scale) for scale in factors):
            return repeated(x, [int(scale) for scale in factors])
        for axis, scale in enumerate(factors, start=1):
            x = core.take(x, nearest(x.shape[axis], scale), axis)
        return x

    def _samples(self, size: int, scale: float) -> Samples:
        if self.antialias and self.mode == "linear":
            return filtered_samples(size, scale, triangle_kernel, radius=1)
        if self.antialias:
            return filtered_samples(size, scale, cubic_kernel, radius=2)
        of_mode = linear_samples if self.mode == "linear" else cubic_samples
        return of_mode(size, scale, self.align_corners)
