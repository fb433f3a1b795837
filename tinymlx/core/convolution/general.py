r"""Convolution: one primitive, whose two derivatives are the same operation with other axes.

With input :math:`x`, kernel :math:`w`, stride :math:`s`, distances :math:`d_w` between taps and
:math:`d_x` between elements, and :math:`l` zeros in front, along each spatial axis

.. math:: y_o = \sum_k x_{[s o + d_w k - l]} \, w_k,

where :math:`[p]` is element :math:`p / d_x` if it exists and a zero if not. Over the channels of
the input is summed, too; every channel of the output has a kernel of its own. (Signal processing
calls this correlation, and convolution what comes with ``flip``.)

Source of the arithmetic: V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep
learning (2016), https://arxiv.org/abs/1603.07285
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from ..arranging import flip as flipped
from ..arrays import Stream, array, as_array
from ..primitive import primitive
from ..shapes import reshape, swapaxes, transpose
from .routes import convolution
from .sizes import Geometry, Places, geometry


@primitive
def convolved(x: mx.array, w: mx.array, /, at: Geometry) -> mx.array:
    """The convolution of ``(N, *sizes, C)`` with ``(O, *taps, C / groups)``."""
    return convolution(x, w, at)


@convolved.defvjp
def convolved_vjp(
    g: array, y: array, x: array, w: array, at: Geometry
) -> tuple[array | None, array | None]:
    """Both are convolutions again, so derivatives of any order follow."""
    return by_input(g, w, x.shape[1:-1], at), by_kernel(g, x, w.shape[1:-1], at)


def convolved_jvp(
    tangents: Sequence[array | None], y: array, x: array, w: array, at: Geometry
) -> list[array]:
    """A convolution is linear in the input and in the kernel."""
    dx, dw = tangents
    if dx is None or dw is None:
        return [convolved(x if dx is None else dx, w if dw is None else dw, at=at)]
    return [convolved(dx, w, at=at) + convolved(x, dw, at=at)]


convolved.jvp = convolved_jvp


def by_input(g: array, w: array, sizes: Places, at: Geometry) -> array:
    """The cotangent of the input, as one convolution of ``g`` with the kernel.

    The lesson finds its stride, distances and zeros, and what becomes of the kernel.
    :func:`exchanged_channels` exchanges the kernel's input and output channels, group by group;
    ``Geometry(...).fitting(outputs, sizes, taps)`` finds how many zeros behind the last element
    give the outputs that are wanted.

    Args:
        g: the cotangent of the output, ``(N, *outputs, O)``.
        w: the kernel, ``(O, *taps, C / groups)``.
        sizes: the spatial sizes of the input. Where the kernel never reached the last elements,
            their cotangents are 0.
        at: the geometry of the forward convolution.

    Returns:
        ``(N, *sizes, C)``.
    """
    raise NotImplementedError(
        "7.6 by_input - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def by_kernel(g: array, x: array, taps: Places, at: Geometry) -> array:
    """The cotangent of the kernel, as one convolution of the input with ``g`` as a large kernel.

    The lesson finds its numbers. :func:`batch_as_channels` puts the examples in the place of the
    channels, group by group; ``fitting`` helps as in :func:`by_input`. If the forward convolution
    flips (``at.flip``), its kernel was read in reverse order, and so is its cotangent.

    Args:
        g: the cotangent of the output, ``(N, *outputs, O)``.
        x: the input, ``(N, *sizes, C)``.
        taps: the spatial sizes of the kernel.
        at: the geometry of the forward convolution.

    Returns:
        ``(O, *taps, C / groups)``.
    """
    raise NotImplementedError(
        "7.7 by_kernel - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def exchanged_channels(w: array, groups: int) -> array:
    """``(C, *taps, O / groups)``, from ``(O, *taps, C / groups)``."""
    if groups == 1:
        return swapaxes(w, 0, -1)
    w = reshape(w, (groups, -1, *w.shape[1:]))
    w = swapaxes(w, 1, -1)
    return reshape(w, (-1, *w.shape[2:]))


def batch_as_channels(x: array, groups: int) -> array:
    """``(C / groups, *sizes, groups * N)``, from ``(N, *sizes, C)``: each group keeps its own."""
    if groups == 1:
        return swapaxes(x, 0, -1)
    n, *sizes, channels = x.shape
    x = reshape(x, (n, *sizes, groups, channels // groups))
    dims = len(sizes)
    x = transpose(x, (dims + 2, *range(1, dims + 1), dims + 1, 0))
    return reshape(x, (channels // groups, *sizes, groups * n))


def conv_general(
    input: Any,
    weight: Any,
    /,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | tuple[Sequence[int], Sequence[int]] = 0,
    kernel_dilation: int | Sequence[int] = 1,
    input_dilation: int | Sequence[int] = 1,
    groups: int = 1,
    flip: bool = False,
    *,
    stream: Stream = None,
) -> array:
    """Convolution over one to three spatial axes.

    Args:
        input: ``(N, *sizes, C)``.
        weight: ``(O, *taps, C / groups)``.
        stride: the step from one output to the next; a number for all axes, or one for each.
        padding: zeros at both ends; or a pair, those in front and those behind.
        kernel_dilation, input_dilation: the distance between neighbouring taps, and elements.
        groups: how many groups the channels are divided into; each sees only its own.
        flip: whether the taps are taken in reverse order.

    Returns:
        ``(N, *outputs, O)``; for their sizes see :func:`~.sizes.output_size`.

    Raises:
        ValueError: shapes or numbers do not fit together; the dtype is no floating point.
    """
    x, w = as_array(input), as_array(weight)
    at = geometry(x, w, stride, padding, kernel_dilation, input_dilation, groups, flip)
    at.outputs(x.shape[1:-1], w.shape[1:-1])  # also where it is not computed at once
    return convolved(x, w, at=at, stream=stream)
