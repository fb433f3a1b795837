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
    dilation = dilation or (1,) * len(taps)
    outputs = outputs_of(x.shape[1:-1], taps, stride, dilation)
    steps = [1]
    for size in reversed(x.shape[1:]):
        steps.insert(0, steps[0] * size)
    over = [step * s for step, s in zip(steps[1:-1], stride)]
    within = [step * d for step, d in zip(steps[1:-1], dilation)]
    shape = (x.shape[0], *outputs, *taps, x.shape[-1])
    return mx.as_strided(mx.contiguous(x), shape, (steps[0], *over, *within, 1))


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
    dims = len(sizes)
    dilation = dilation or (1,) * dims
    outputs, taps = x.shape[1 : dims + 1], x.shape[dims + 1 : -1]
    result = mx.zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    for tap in itertools.product(*map(range, taps)):
        places = tuple(
            slice(k * d, k * d + (n - 1) * s + 1, s)
            for k, d, n, s in zip(tap, dilation, outputs, stride)
        )
        whole = (slice(None),) * (dims + 1)
        result[(slice(None), *places)] += x[(*whole, *tap)]
    return result


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
