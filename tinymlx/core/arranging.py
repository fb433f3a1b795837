"""The elements along an axis, mirrored, moved on, or several times."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from .arrays import Axes, Stream, array, as_array
from .primitive import behind, primitive


@primitive
def flip(x: mx.array, /, axis: Axes = None) -> mx.array:
    """The order of the elements along ``axis`` reversed."""
    return mx.flip(x, axis)


@flip.defvjp
def flip_vjp(g: array, y: array, x: array, axis: Axes = None) -> tuple[array]:
    """The derivative of a flip.

    Args:
        g: the cotangent of ``y``.
        y: the flipped array.
        x: the argument.
        axis: one axis, several, or ``None`` for all.

    Returns:
        A tuple with the cotangent of ``x``.
    """
    raise NotImplementedError(
        "3.27 flip_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def roll(x: mx.array, /, shift: Any, axis: Any = None) -> mx.array:
    """The elements moved on by ``shift`` places along ``axis``; the last ones come first."""
    return mx.roll(x, shift, axis)


@roll.defvjp
def roll_vjp(g: array, y: array, x: array, shift: Any, axis: Any = None) -> tuple[array]:
    """The elements moved back."""
    back = -shift if isinstance(shift, int) else tuple(-s for s in shift)
    return (roll(g, back, axis),)


@behind("repeat")
def repeated(x: mx.array, /, repeats: int, axis: int) -> mx.array:
    """Each element ``repeats`` times in a row along ``axis``; see :func:`repeat`."""
    return mx.repeat(x, repeats, axis)


@repeated.defvjp
def repeated_vjp(g: array, y: array, x: array, repeats: int, axis: int) -> tuple[array]:
    """The sum over the copies of each element."""
    axis %= x.ndim
    shape = [*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :]]
    return (g.reshape(shape).sum(axis + 1),)


def repeat(array: Any, repeats: int, axis: int | None = None, *, stream: Stream = None) -> array:  # type: ignore[valid-type]
    """Each element ``repeats`` times in a row along ``axis``, or of the flattened array."""
    x = as_array(array)
    return repeated(x.reshape(-1) if axis is None else x, repeats, axis or 0, stream=stream)


@primitive
def tile(x: mx.array, /, reps: Any) -> mx.array:
    """The whole array ``reps`` times along each axis; new axes come first.

    Shape: each size times its entry of ``reps``.
    """
    return mx.tile(x, reps)


@tile.defvjp
def tile_vjp(g: array, y: array, x: array, reps: Any) -> tuple[array]:
    """The sum over the copies of the array."""
    reps = [reps] if isinstance(reps, int) else list(reps)
    ndim = max(len(reps), x.ndim)
    reps = [1] * (ndim - len(reps)) + reps
    sizes = (1,) * (ndim - x.ndim) + x.shape
    copies = [size for pair in zip(reps, sizes) for size in pair]
    return (g.reshape(copies).sum(list(range(0, 2 * ndim, 2))).reshape(x.shape),)
