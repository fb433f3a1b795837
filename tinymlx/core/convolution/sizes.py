"""The geometry of a convolution: what its numbers mean, and the size of the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import mlx.core as mx

Places = tuple[int, ...]


@dataclass(frozen=True)
class Geometry:
    """Where the taps of a convolution fall. One entry for each spatial axis.

    Attributes:
        stride: the step from one output to the next.
        low, high: zeros before the first and behind the last element; a negative number of zeros
            cuts off elements instead.
        kernel_dilation: the distance between neighbouring taps.
        input_dilation: the distance at which the elements of the input stand, zeros between them.
        groups: how many groups the channels are divided into.
        flip: whether the taps are taken in reverse order.
    """

    stride: Places
    low: Places
    high: Places
    kernel_dilation: Places
    input_dilation: Places
    groups: int = 1
    flip: bool = False

    def outputs(self, sizes: Sequence[int], taps: Sequence[int]) -> Places:
        """The sizes of the output's spatial axes, see :func:`output_size`."""
        each = zip(
            sizes,
            taps,
            self.stride,
            self.low,
            self.high,
            self.kernel_dilation,
            self.input_dilation,
        )
        return tuple(output_size(*numbers) for numbers in each)

    def fitting(self, outputs: Places, sizes: Places, taps: Places) -> Geometry:
        """The same with as many zeros behind the last element as give these outputs; a negative
        number cuts off elements that no output meets."""
        behind = (
            (n - 1) * s + (k - 1) * dk - (size - 1) * dx - low
            for n, size, k, s, low, dk, dx in zip(
                outputs,
                sizes,
                taps,
                self.stride,
                self.low,
                self.kernel_dilation,
                self.input_dilation,
            )
        )
        return replace(self, high=tuple(behind))


def output_size(
    size: int,
    taps: int,
    stride: int = 1,
    low: int = 0,
    high: int = 0,
    kernel_dilation: int = 1,
    input_dilation: int = 1,
) -> int:
    """The number of outputs along one axis: at how many places the whole kernel fits.

    Dilation by ``d`` leaves ``d - 1`` gaps between two neighbours, none outside.

    Args:
        size: elements of the input, at least 1.
        taps: elements of the kernel, at least 1.
        stride: the step from one place of the kernel to the next.
        low, high: zeros added before the first and behind the last element.
        kernel_dilation, input_dilation: the distance between neighbouring taps, and elements.

    Returns:
        How many outputs there are, at least 1.

    Raises:
        ValueError: the kernel does not fit a single time.
    """
    raise NotImplementedError(
        "7.2 output_size - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def geometry(
    x: Any,
    w: Any,
    stride: Any,
    padding: Any,
    kernel_dilation: Any,
    input_dilation: Any,
    groups: int,
    flip: bool,
) -> Geometry:
    """The numbers of a call, one for each spatial axis, checked against each other and the shapes.

    Args:
        x, w: input ``(N, ..., C)`` and kernel ``(O, ..., C / groups)``.
        stride, kernel_dilation, input_dilation: a number for all spatial axes, or one for each.
        padding: such numbers, or a pair of them: before the first and behind the last element.
        groups, flip: see :class:`Geometry`.

    Raises:
        ValueError: what is wrong, in MLX's words where it has some.
    """
    dims = x.ndim - 2
    if not 1 <= dims <= 3:
        raise ValueError(
            "[conv] Only works for inputs with 1-3 spatial dimensions. The inputs must be in the "
            "format [N, ..., C_in]"
        )
    check_spatial(dims, x, w)
    check_channels(x, w, groups)
    two_sided = isinstance(padding, (list, tuple)) and any(
        isinstance(side, (list, tuple)) for side in padding
    )
    low, high = padding if two_sided else (padding, padding)
    return Geometry(
        each_axis("stride", stride, dims, least=1),
        each_axis("padding", low, dims),
        each_axis("padding", high, dims),
        each_axis("kernel dilation", kernel_dilation, dims, least=1),
        each_axis("input dilation", input_dilation, dims, least=1),
        groups,
        bool(flip),
    )


def check_spatial(dims: int, x: Any, w: Any) -> None:
    """Refuse an input or a kernel that has not ``dims`` spatial axes."""
    for name, shape, array in (("input", "[N, ..., C_in]", x), ("weight", "[C_out, ..., C_in]", w)):
        if array.ndim != dims + 2:
            raise ValueError(
                f"[conv] Invalid {name} array with {array.ndim} dimensions for {dims}D "
                f"convolution. Expected an array with {dims + 2} dimensions following the format "
                f"{shape}."
            )


def check_channels(x: Any, w: Any, groups: int) -> None:
    """Refuse dtypes and numbers of channels that do not fit."""
    dtype = mx.result_type(x.dtype, w.dtype)
    if not mx.issubdtype(dtype, mx.floating):
        raise ValueError(
            f"[conv] Invalid input array with type {str(dtype).rpartition('.')[2]}. Convolution "
            f"currently only supports floating point types"
        )
    shapes = f"input: {text(x.shape)} and weight: {text(w.shape)}"
    if groups < 1 or x.shape[-1] % groups:
        raise ValueError(
            f"[conv] The input channels must be divisible by the number of groups. Got input with "
            f"shape {text(x.shape)} and {groups} groups."
        )
    if w.shape[0] % groups:
        raise ValueError(
            f"[conv] If groups > 1, the output channels must be divisible by the number of groups. "
            f"Got {w.shape[0]} output channels and {groups} groups."
        )
    if x.shape[-1] // groups != w.shape[-1]:
        raise ValueError(
            f"[conv] Expect the input channels in the input and weight array to match but got "
            f"shapes - {shapes}" + (f", in {groups} groups" if groups > 1 else "")
        )
    if groups > 1 and x.ndim == 5:
        raise ValueError("[conv] Can only handle groups != 1 in 1D or 2D convolutions.")


def each_axis(name: str, numbers: Any, dims: int, least: int | None = None) -> Places:
    """One number for each spatial axis, from one for all of them or a sequence.

    Raises:
        ValueError: a sequence of another length, or a number below ``least``.
    """
    found = (numbers,) * dims if isinstance(numbers, int) else tuple(numbers)
    if len(found) != dims:
        got = "strides" if name == "stride" else name
        raise ValueError(f"[conv] Invalid {got} {text(found)} for {dims}D convolution.")
    if least is not None and any(n < least for n in found):
        got = "strides" if name == "stride" else name
        raise ValueError(
            f"[conv] {name.capitalize()} sizes must be positive. Got {got} {text(found)}."
        )
    return found


def text(numbers: Sequence[int]) -> str:
    """A shape as MLX writes it."""
    return f"({','.join(map(str, numbers))})"
