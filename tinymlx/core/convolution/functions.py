"""The convolutions of ``mlx.core`` by their names, all made of :func:`~.general.conv_general`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arrays import Stream, array, as_array
from .general import conv_general
from .sizes import check_spatial, each_axis

Numbers = int | Sequence[int]


def conv1d(
    input: Any,
    weight: Any,
    /,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    *,
    stream: Stream = None,
) -> array:
    """Convolution of sequences, ``(N, L, C)`` with ``(O, K, C / groups)``."""
    return _of_dims(1, input, weight, stride, padding, dilation, groups, stream)


def conv2d(
    input: Any,
    weight: Any,
    /,
    stride: Numbers = 1,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    groups: int = 1,
    *,
    stream: Stream = None,
) -> array:
    """Convolution of pictures, ``(N, H, W, C)`` with ``(O, KH, KW, C / groups)``."""
    return _of_dims(2, input, weight, stride, padding, dilation, groups, stream)


def conv3d(
    input: Any,
    weight: Any,
    /,
    stride: Numbers = 1,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    groups: int = 1,
    *,
    stream: Stream = None,
) -> array:
    """Convolution of volumes, ``(N, D, H, W, C)`` with ``(O, KD, KH, KW, C)``."""
    return _of_dims(3, input, weight, stride, padding, dilation, groups, stream)


def _of_dims(
    dims: int,
    input: Any,
    weight: Any,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
    stream: Stream,
) -> array:
    check_spatial(dims, as_array(input), as_array(weight))
    return conv_general(input, weight, stride, padding, dilation, 1, groups, stream=stream)


def conv_transpose(
    dims: int,
    input: Any,
    weight: Any,
    stride: Numbers = 1,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    output_padding: Numbers = 0,
    groups: int = 1,
    stream: Stream = None,
) -> array:
    r"""What sends a cotangent of a convolution back to its input, as a layer that enlarges.

    Take the convolution with this stride :math:`s`, padding :math:`p` and dilation :math:`d`. The
    cotangent of its input is (:func:`~.general.by_input`) a convolution with stride 1 whose input
    stands :math:`s` apart, with the kernel in reverse order and :math:`d (K - 1) - p` zeros at
    both ends. Only the kernel is written differently: its first axis is the output channels here,
    so nothing is exchanged.

    With a stride, inputs of several sizes have outputs of one size; on the way back
    ``output_padding`` says how much larger than the smallest one the result is. It adds places at
    the end, where the kernel goes on, and no zeros.

    Args:
        dims: the number of spatial axes.
        input: ``(N, *sizes, C)``.
        weight: ``(O, *taps, C / groups)``.
        stride, padding, dilation: those of the convolution that is transposed; a number for all
            axes, or one for each.
        output_padding: places to add at the end of each axis.
        groups: how many groups the channels are divided into.
        stream: where to compute.

    Returns:
        ``(N, *outputs, O)`` with
        :math:`(n - 1) s - 2 p + d (K - 1) + 1 + \mathrm{output\_padding}` for each size :math:`n`.

    Raises:
        ValueError: as for :func:`~.general.conv_general`; ``check_spatial`` says whether the input
            array or the weight array has the wrong number of axes.
    """
    raise NotImplementedError(
        "7.8 conv_transpose - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def conv_transpose1d(
    input: Any,
    weight: Any,
    /,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    output_padding: int = 0,
    groups: int = 1,
    *,
    stream: Stream = None,
) -> array:
    """Transposed convolution of sequences, see :func:`conv_transpose`.

    Shape: ``(N, L, C)`` and ``(O, K, C / groups)`` to ``(N, L', O)``.
    """
    numbers = (stride, padding, dilation, output_padding, groups, stream)
    return conv_transpose(1, input, weight, *numbers)


def conv_transpose2d(
    input: Any,
    weight: Any,
    /,
    stride: Numbers = 1,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    output_padding: Numbers = 0,
    groups: int = 1,
    *,
    stream: Stream = None,
) -> array:
    """Transposed convolution of pictures, see :func:`conv_transpose`.

    Shape: ``(N, H, W, C)`` and ``(O, KH, KW, C / groups)`` to ``(N, H', W', O)``.
    """
    numbers = (stride, padding, dilation, output_padding, groups, stream)
    return conv_transpose(2, input, weight, *numbers)


def conv_transpose3d(
    input: Any,
    weight: Any,
    /,
    stride: Numbers = 1,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    output_padding: Numbers = 0,
    groups: int = 1,
    *,
    stream: Stream = None,
) -> array:
    """Transposed convolution of volumes, see :func:`conv_transpose`.

    Shape: ``(N, D, H, W, C)`` and ``(O, KD, KH, KW, C / groups)`` to ``(N, D', H', W', O)``.
    """
    numbers = (stride, padding, dilation, output_padding, groups, stream)
    return conv_transpose(3, input, weight, *numbers)


def convolve(a: Any, v: Any, /, mode: str = "full", *, stream: Stream = None) -> array:
    """The convolution of two sequences of numbers as signal processing has it: one is reversed.

    Args:
        a, v: arrays with one axis; the shorter one slides along the longer one.
        mode: which places count: ``"full"``, where they touch at all; ``"valid"``, where the
            shorter one lies inside; ``"same"``, as many as the longer one has.

    Raises:
        ValueError: an array is empty or has not one axis; the mode is unknown.

    Shape: ``(N,)`` and ``(M,)`` to ``(N + M - 1,)`` in mode ``full``; see ``mode``.
    """
    a, v = as_array(a), as_array(v)
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError("[convolve] Inputs must be 1D.")
    if not (a.size and v.size):
        raise ValueError("[convolve] Inputs cannot be empty.")
    if a.size < v.size:
        a, v = v, a
    last = v.size - 1
    sides = {"full": (last, last), "valid": (0, 0), "same": (v.size // 2, last - v.size // 2)}
    if mode not in sides:
        raise ValueError("[convolve] Invalid mode.")
    low, high = sides[mode]
    x, w = a.reshape(1, -1, 1), v.reshape(1, -1, 1)
    y = conv_general(x, w, padding=([low], [high]), flip=True, stream=stream)
    return y.reshape(-1)
