"""Changing shapes: the numbers stay, their arrangement changes.

All these operations are linear, and the derivative of each is the arrangement undone: a reshape
back, the inverse permutation, a sum over what was repeated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arrays import Axes, Dtype, Stream, array, as_array, wrap
from .broadcasting import broadcast_shapes, normalized_axes, unbroadcast
from .primitive import Primitive, behind, primitive


@primitive
def reshape(x: mx.array, /, shape: Sequence[int]) -> mx.array:
    """The same elements in the same order in another shape; one size may be -1."""
    return mx.reshape(x, shape)


@reshape.defvjp
def reshape_vjp(g: array, y: array, x: array, shape: Sequence[int]) -> tuple[array]:
    """The derivative of a reshape: the cotangent in the shape of the argument.

    Args:
        g: the cotangent of ``y``, of the new shape.
        y: the reshaped array.
        x: the argument.
        shape: what ``reshape`` was called with.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError("3.24 reshape_vjp - exercises/ch03_tensors_autodiff/lesson.md")


@primitive
def transpose(x: mx.array, /, axes: Sequence[int] | None = None) -> mx.array:
    """The axes in another order: axis ``i`` of the result is axis ``axes[i]`` of ``x``."""
    return mx.transpose(x, axes)


@transpose.defvjp
def transpose_vjp(g: array, y: array, x: array, axes: Sequence[int] | None = None) -> tuple[array]:
    """The derivative of a transposition: the inverse transposition.

    Args:
        g: the cotangent of ``y``.
        y: the transposed array; its axis ``i`` is axis ``axes[i]`` of ``x``.
        x: the argument.
        axes: a permutation of the axes, possibly with negative numbers; ``None`` reverses them all.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError("3.24 transpose_vjp - exercises/ch03_tensors_autodiff/lesson.md")


@primitive
def broadcast_to(x: mx.array, /, shape: Sequence[int]) -> mx.array:
    """``x`` repeated along new axes and axes of size 1 until it has the shape."""
    return mx.broadcast_to(x, shape)


@broadcast_to.defvjp
def broadcast_to_vjp(g: array, y: array, x: array, shape: Sequence[int]) -> tuple[array | None]:
    """The derivative of a repetition: the sum over the repetitions.

    Args:
        g: the cotangent of ``y``, of the shape ``shape``.
        y: the repeated array.
        x: the argument.
        shape: what ``broadcast_to`` was called with.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError("3.25 broadcast_to_vjp - exercises/ch03_tensors_autodiff/lesson.md")


def _reshaping(operation: Primitive) -> Primitive:
    # Of all that only reshape, the derivative is a reshape back.
    def reshaping_vjp(g: array, y: array, x: array, *_: Any, **__: Any) -> tuple[array]:
        return (g.reshape(x.shape),)

    operation.defvjp(reshaping_vjp)
    return operation


@_reshaping
@primitive
def flatten(x: mx.array, /, start_axis: int = 0, end_axis: int = -1) -> mx.array:
    """The axes from ``start_axis`` to ``end_axis`` (with it) merged into one."""
    return mx.flatten(x, start_axis, end_axis)


@_reshaping
@primitive
def unflatten(x: mx.array, /, axis: int, shape: Sequence[int]) -> mx.array:
    """One axis split into several of the sizes ``shape``."""
    return mx.unflatten(x, axis, shape)


@_reshaping
@primitive
def squeeze(x: mx.array, /, axis: Axes = None) -> mx.array:
    """Without the axes of size 1: all of them, or those of ``axis``."""
    return mx.squeeze(x, axis)


@_reshaping
@primitive
def expand_dims(x: mx.array, /, axis: int | Sequence[int]) -> mx.array:
    """With new axes of size 1 at the places ``axis`` of the result."""
    return mx.expand_dims(x, axis)


@primitive
def swapaxes(x: mx.array, /, axis1: int, axis2: int) -> mx.array:
    """Two axes exchanged."""
    return mx.swapaxes(x, axis1, axis2)


@swapaxes.defvjp
def swapaxes_vjp(g: array, y: array, x: array, axis1: int, axis2: int) -> tuple[array]:
    """The same exchange."""
    return (swapaxes(g, axis1, axis2),)


@primitive
def moveaxis(x: mx.array, /, source: int, destination: int) -> mx.array:
    """One axis moved to another place; the others keep their order."""
    return mx.moveaxis(x, source, destination)


@moveaxis.defvjp
def moveaxis_vjp(g: array, y: array, x: array, source: int, destination: int) -> tuple[array]:
    """The way back."""
    return (moveaxis(g, destination, source),)


def matrix_transpose(x: array, /, *, stream: Stream = None) -> array:
    """The last two axes exchanged."""
    if x.ndim < 2:
        raise ValueError("[matrix_transpose] Input must have at least 2 dimensions.")
    return swapaxes(x, -1, -2, stream=stream)


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
    raise NotImplementedError("3.27 flip_vjp - exercises/ch03_tensors_autodiff/lesson.md")


@primitive
def roll(x: mx.array, /, shift: Any, axis: Any = None) -> mx.array:
    """The elements moved on by ``shift`` places along ``axis``; the last ones come first."""
    return mx.roll(x, shift, axis)


@roll.defvjp
def roll_vjp(g: array, y: array, x: array, shift: Any, axis: Any = None) -> tuple[array]:
    """The elements moved back."""
    back = -shift if isinstance(shift, int) else tuple(-s for s in shift)
    return (roll(g, back, axis),)


@behind("pad")
def padded(x: mx.array, /, pad_width: Sequence[tuple[int, int]], value: Any = 0) -> mx.array:
    """``x`` inside a border of a constant value; see :func:`pad`."""
    return mx.pad(x, list(pad_width), constant_values=value)


@padded.defvjp
def padded_vjp(
    g: array, y: array, x: array, pad_width: Sequence[tuple[int, int]], value: Any = 0
) -> tuple[array]:
    """The derivative of padding: what lies inside the border.

    Args:
        g: the cotangent of ``y``.
        y: the padded array.
        x: the argument.
        pad_width: for each axis how many elements were added before and after.
        value: the constant in the border.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError("3.27 padded_vjp - exercises/ch03_tensors_autodiff/lesson.md")


def pad(
    x: Any,
    pad_width: Any,
    mode: str = "constant",
    constant_values: Any = 0,
    *,
    stream: Stream = None,
) -> array:
    """``x`` with a border.

    Args:
        x: any array.
        pad_width: how many elements to add before and after each axis: a number, a pair ``(before,
            after)`` for all axes, or a list of pairs, one for each axis.
        mode: what the border holds: ``"constant"``, ``"edge"`` (the outermost element),
            ``"reflect"`` (mirrored at the outermost element) or ``"symmetric"`` (mirrored outside
            it).
        constant_values: the value of the border in the first mode, a number or an array.

    Raises:
        ValueError: a width is negative, or the mode is unknown.
    """
    x = as_array(x)
    widths = pad_pairs(pad_width, x.ndim)
    if any(low < 0 or high < 0 for low, high in widths):
        raise ValueError(f"[pad] Invalid padding sizes {pad_width}: they must not be negative.")
    if mode == "constant":
        if not isinstance(constant_values, (array, mx.array)):
            return padded(x, widths, constant_values, stream=stream)
        inside = padded(wrap(mx.ones(x.shape, mx.bool_)), widths, stream=stream)
        return selection.where(inside, padded(x, widths, stream=stream), constant_values)
    if mode not in ("edge", "reflect", "symmetric"):
        raise ValueError(f"[pad] Invalid padding mode {mode!r}")
    for axis, (low, high) in enumerate(widths):
        if low or high:
            rows = border_indices(x.shape[axis], low, high, mode)
            x = indexing.take(x, wrap(mx.array(rows)), axis, stream=stream)
    return x


def pad_pairs(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """``pad_width`` in its longest form: a pair for each axis."""
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * ndim
    widths = list(pad_width)
    if all(isinstance(w, int) for w in widths):
        if len(widths) in (1, 2):
            return [(widths[0], widths[-1])] * ndim
    elif len(widths) == 1 and ndim != 1:
        widths = widths * ndim
    if len(widths) != ndim or any(isinstance(w, int) for w in widths):
        raise ValueError(f"[pad] Invalid number of padding sizes {pad_width} for {ndim} axes.")
    return [(int(w[0]), int(w[-1])) for w in widths]


def border_indices(n: int, low: int, high: int, mode: str) -> list[int]:
    """Which elements of an axis of size ``n`` stand along the padded axis."""
    places = range(-low, n + high)
    if mode == "edge" or n == 1:
        return [min(max(i, 0), n - 1) for i in places]
    if mode == "reflect":  # there and back again in 2 n - 2 steps: both ends occur once
        return [n - 1 - abs(n - 1 - i % (2 * n - 2)) for i in places]
    return [min(i % (2 * n), 2 * n - 1 - i % (2 * n)) for i in places]


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
    """The whole array ``reps`` times along each axis; new axes come first."""
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


@primitive
def tril(x: mx.array, /, k: int = 0) -> mx.array:
    """The lower triangle up to diagonal ``k``; zeros above."""
    return mx.tril(x, k)


@tril.defvjp
def tril_vjp(g: array, y: array, x: array, k: int = 0) -> tuple[array]:
    """The lower triangle of the cotangent."""
    return (tril(g, k),)


@primitive
def triu(x: mx.array, /, k: int = 0) -> mx.array:
    """The upper triangle from diagonal ``k`` on; zeros below."""
    return mx.triu(x, k)


@triu.defvjp
def triu_vjp(g: array, y: array, x: array, k: int = 0) -> tuple[array]:
    """The upper triangle of the cotangent."""
    return (triu(g, k),)


def diagonal(
    x: array, offset: int = 0, axis1: int = 0, axis2: int = 1, stream: Stream = None
) -> array:
    """The entries with equal places along two axes (``offset`` apart), as a new last axis."""
    if x.ndim < 2:
        raise ValueError(f"[diagonal] Array must have at least two dimensions, but got {x.ndim}.")
    axis1, axis2 = normalized_axes((axis1, axis2), x.ndim)
    if axis1 == axis2:
        raise ValueError("[diagonal] axis1 and axis2 cannot be the same axis")
    rest = [a for a in range(x.ndim) if a not in (axis1, axis2)]
    x = transpose(x, [*rest, axis1, axis2], stream=stream)
    rows, columns = _diagonal_places(x.shape[-2], x.shape[-1], offset)
    return x[..., rows, columns]


def diag(x: array, /, k: int = 0, *, stream: Stream = None) -> array:
    """The ``k``-th diagonal of a matrix, or the matrix with the given ``k``-th diagonal."""
    if x.ndim == 2:
        return diagonal(x, k, stream=stream)
    if x.ndim != 1:
        raise ValueError(f"[diag] array must be 1-D or 2-D, got array with {x.ndim} dimensions.")
    n = x.shape[0] + (k if k > 0 else -k)
    rows, columns = _diagonal_places(n, n, k)
    return indexing.setitem(wrap(mx.zeros((n, n), x.dtype)), (rows, columns), x)


def _diagonal_places(rows: int, columns: int, offset: int) -> tuple[array, array]:
    first_row, first_column = max(-offset, 0), max(offset, 0)
    places = mx.arange(max(min(rows - first_row, columns - first_column), 0))
    return wrap(places + first_row), wrap(places + first_column)


@primitive
def as_strided(
    x: mx.array,
    /,
    shape: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    offset: int = 0,
) -> mx.array:
    """A view of the elements in row-major order with a shape and strides of its own.

    Element ``(i, j, ...)`` of the result is element ``offset + i strides[0] + j strides[1] + ...``
    of the flattened ``x``; elements may occur several times.
    """
    return mx.as_strided(x, shape, strides, offset)


@as_strided.defvjp
def as_strided_vjp(
    g: array,
    y: array,
    x: array,
    shape: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    offset: int = 0,
) -> tuple[array]:
    """Every element receives the sum over the places where it occurs."""
    if strides is None:
        strides = [math.prod(y.shape[i + 1 :]) for i in range(y.ndim)]
    places = mx.array(offset)
    for n, stride in zip(y.shape, strides):
        places = places[..., None] + mx.arange(n) * stride
    flat = wrap(mx.zeros((x.size,), g.dtype))
    return (flat.at[wrap(places.reshape(-1))].add(g.reshape(-1)).reshape(x.shape),)


def sliding_windows(x: array, size: int, stride: int = 1) -> array:
    """All windows of a given size along the last axis, without copying an element.

    Window ``i`` begins at element ``i * stride``; the last window is the last one that fits. In
    row-major order, one step along an axis moves on by that axis' *stride*, the product of the
    sizes of the axes behind it. A window's step along the last axis is 1 element, and from window
    to window it is ``stride`` elements: say so to :func:`as_strided`.

    Args:
        x: an array with at least one axis, of shape ``(..., n)``.
        size: the number of elements in a window, at least 1 and at most ``n``.
        stride: the distance between the beginnings of neighbouring windows, at least 1.

    Returns:
        An array of shape ``(..., (n - size) // stride + 1, size)``.

    Raises:
        ValueError: ``size`` or ``stride`` is out of its range.
    """
    raise NotImplementedError("3.2 sliding_windows - exercises/ch03_tensors_autodiff/lesson.md")


@primitive
def contiguous(x: mx.array, /, allow_col_major: bool = False) -> mx.array:
    """The same values, in one piece of memory."""
    return mx.contiguous(x, allow_col_major)


@contiguous.defvjp
def contiguous_vjp(g: array, y: array, x: array, allow_col_major: bool = False) -> tuple[array]:
    """The cotangent as it is."""
    return (g,)


@primitive
def astype(x: mx.array, /, dtype: Dtype) -> mx.array:
    """The values in another dtype."""
    return x.astype(dtype)


@astype.defvjp
def astype_vjp(g: array, y: array, x: array, dtype: Dtype) -> tuple[array]:
    """The cotangent as it is; the tape brings it to the dtype of ``x``. (From integers, too: MLX.)

    So a cast to integers and back passes its gradient straight through.
    """
    return (g,)


@primitive
def view(x: mx.array, /, dtype: Dtype) -> mx.array:
    """The same bytes read as another dtype. It has no derivative."""
    return mx.view(x, dtype)


def broadcast_arrays(*arrays: Any, stream: Stream = None) -> list[array]:
    """All arrays, broadcast to their common shape."""
    xs = [as_array(x) for x in arrays]
    shape = broadcast_shapes(*(x.shape for x in xs))
    return [broadcast_to(x, shape, stream=stream) for x in xs]


def meshgrid(
    *arrays: Any, sparse: bool = False, indexing: str = "xy", stream: Stream = None
) -> tuple[array, ...]:
    """Coordinate arrays of a grid, from the coordinates along each axis.

    With ``indexing="xy"`` the first two axes are exchanged; with ``sparse`` the arrays are not
    repeated along the other axes.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError("[meshgrid] Invalid indexing value. Valid values are 'xy' and 'ij'.")
    n = len(arrays)
    places = list(range(n))
    if indexing == "xy" and n > 1:
        places[0], places[1] = 1, 0
    grids = tuple(
        reshape(as_array(x), [-1 if a == place else 1 for a in range(n)], stream=stream)
        for x, place in zip(arrays, places)
    )
    return grids if sparse else tuple(broadcast_arrays(*grids, stream=stream))


def atleast_1d(*arys: Any, stream: Stream = None) -> Any:
    """The arrays with at least one axis; a list if there are several."""
    return _at_least(arys, lambda s: (1,) if not s else s, stream)


def atleast_2d(*arys: Any, stream: Stream = None) -> Any:
    """The arrays with at least two axes, new ones first; a list if there are several."""
    return _at_least(arys, lambda s: (1,) * (2 - len(s)) + s, stream)


def atleast_3d(*arys: Any, stream: Stream = None) -> Any:
    """The arrays with at least three axes, ``(1, n, 1)`` and ``(m, n, 1)``; a list for several."""
    new = {0: lambda s: (1, 1, 1), 1: lambda s: (1, *s, 1), 2: lambda s: (*s, 1)}
    return _at_least(arys, lambda s: new.get(len(s), lambda s: s)(s), stream)


def _at_least(arys: Sequence[Any], new_shape: Any, stream: Stream) -> Any:
    xs = [as_array(x) for x in arys]
    xs = [reshape(x, new_shape(x.shape), stream=stream) for x in xs]
    return xs[0] if len(xs) == 1 else xs


from . import indexing, selection  # noqa: E402  (they are built on shapes)
