"""All windows of a picture, and their transpose: what overlaps is added up.

For one to three spatial axes. Pooling reduces over the windows; a convolution is a product of the
windows with a matrix.
"""

from __future__ import annotations

import itertools

import mlx.core as mx

from ..arrays import array
from ..primitive import primitive
from .sizes import Places, output_size


@primitive
def windows(
    x: mx.array, /, taps: Places, stride: Places, dilation: Places | None = None
) -> mx.array:
    """A view of all windows along the spatial axes; no element of an ``x`` in one piece is copied.

    Window ``o`` begins at element ``o * stride`` of each spatial axis, and its element ``k`` is
    ``k * dilation`` further.

    Args:
        x: ``(N, *sizes, C)``.
        taps: the sizes of a window.
        stride: the step from one window to the next, for each axis.
        dilation: the distance between neighbouring elements of a window, for each axis; 1 if it is
            left out.

    Returns:
        ``(N, *outputs, *taps, C)``.

    Raises:
        ValueError: a window does not fit a single time.
    """
    raise NotImplementedError(
        "7.3 windows - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@windows.defvjp
def windows_vjp(
    g: array, y: array, x: array, taps: Places, stride: Places, dilation: Places | None = None
) -> tuple[array]:
    """An element receives the sum over the windows that it is in."""
    return (overlap_add(g, sizes=x.shape[1:-1], stride=stride, dilation=dilation),)


@primitive
def overlap_add(
    x: mx.array, /, sizes: Places, stride: Places, dilation: Places | None = None
) -> mx.array:
    """Lay windows where :func:`windows` took them from, and add up where they overlap.

    This is the transpose of :func:`windows`, not its inverse: taking the windows of a picture and
    adding them up again multiplies each element by the number of windows that it is in.

    All outputs' elements of one tap lie in one regular slice of the result. So go over the taps
    (few) and not over the windows (many).

    Args:
        x: windows, ``(N, *outputs, *taps, C)``.
        sizes: the spatial sizes of the result.
        stride, dilation: as for :func:`windows`.

    Returns:
        ``(N, *sizes, C)``; zero where no window lies.
    """
    raise NotImplementedError(
        "7.5 overlap_add - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@overlap_add.defvjp
def overlap_add_vjp(
    g: array, y: array, x: array, sizes: Places, stride: Places, dilation: Places | None = None
) -> tuple[array]:
    """A window receives what lies where it was added."""
    taps = x.shape[len(sizes) + 1 : -1]
    return (windows(g, taps=taps, stride=stride, dilation=dilation),)


def outputs_of(sizes: Places, taps: Places, stride: Places, dilation: Places) -> Places:
    """How many windows there are along each axis."""
    each = zip(sizes, taps, stride, dilation)
    return tuple(output_size(n, k, s, kernel_dilation=d) for n, k, s, d in each)
