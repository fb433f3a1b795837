"""Indexing: ``x[index]``, ``x[index] = value`` and ``x.at[index].add(value)``.

An index is anything ``mlx.core`` takes: integers, slices, ``None``, ``...``, arrays and lists of
integers, and tuples of these; for assignment also a boolean mask. Before a primitive is called, the
arrays are taken out of the index (:func:`separate`), because arrays are arguments, which transforms
must see; what remains is a parameter.
"""

from __future__ import annotations

import builtins
import operator
from typing import Any

import mlx.core as mx

from .arrays import array, as_array, wrap
from .broadcasting import unbroadcast
from .conversion import from_data
from .primitive import behind
from .scans import cumsum
from .selection import where


class Hole:
    """Marks the place of an array in an index."""

    def __repr__(self) -> str:
        return "array"


HOLE = Hole()
PLAIN = (int, type(None))


def separate(index: Any) -> tuple[Any, list[array]]:
    """An index with holes in the place of its arrays, and the arrays."""
    if type(index) is int or index is Ellipsis:
        return index, []
    arrays: list[array] = []
    if index is None:  # alone it means something else to MLX when it assigns
        return (None,), arrays
    if isinstance(index, tuple):
        if all(map(_as_it_is, index)):
            return index, arrays
        return tuple(_with_hole(part, arrays) for part in index), arrays
    return _with_hole(index, arrays), arrays


def _as_it_is(part: Any) -> bool:
    """Whether there is nothing to change; most parts are such, and a step has hundreds."""
    if type(part) is builtins.slice:
        return part.step is None and type(part.start) in PLAIN and type(part.stop) in PLAIN
    return type(part) in PLAIN or part is Ellipsis


def _with_hole(part: Any, arrays: list[array]) -> Any:
    if isinstance(part, builtins.slice):
        return _plain_slice(part)
    if isinstance(part, (array, mx.array, list)) or (hasattr(part, "__array__") and part.ndim):
        arrays.append(from_data(part))
        return HOLE
    if isinstance(part, (bool, float, complex)) or not hasattr(part, "__index__"):
        return part  # None and ...; what is wrong, MLX itself refuses
    return operator.index(part)


def _plain_slice(s: builtins.slice) -> builtins.slice:
    bounds = [None if b is None else operator.index(b) for b in (s.start, s.stop, s.step)]
    if bounds[2] == 0:  # MLX itself does not survive this
        raise ValueError("[getitem] The step of a slice cannot be 0.")
    return builtins.slice(*bounds)


def joined(index: Any, arrays: Any) -> Any:
    """The inverse of :func:`separate`."""
    if index is HOLE:
        return arrays[0]
    if not arrays or not isinstance(index, tuple):
        return index
    supply = iter(arrays)
    return tuple(next(supply) if part is HOLE else part for part in index)


def getitem(x: array, index: Any) -> array:
    """``x[index]``."""
    index, arrays = separate(index)
    if arrays:
        return gathered(x, *arrays, index=index)
    return sliced(x, index)


def setitem(x: array, index: Any, value: Any) -> array:
    """A new array: ``x`` after ``x[index] = value``. The dtype stays that of ``x``."""
    index, arrays = separate(index)
    if isinstance(value, (list, tuple)):
        value = from_data(value)
    if arrays and arrays[0].dtype == mx.bool_ and len(arrays) == 1 and index in (HOLE, (HOLE,)):
        return masked_assignment(x, arrays[0], value)
    return updated(x, value, *arrays, index=index)


@behind("getitem")
def sliced(x: mx.array, /, index: Any) -> mx.array:
    """``x[index]`` for an index of integers, slices, ``None`` and ``...``: no element twice."""
    return x[index]


@sliced.defvjp
def sliced_vjp(g: array, y: array, x: array, index: Any) -> tuple[array]:
    """The derivative of a slice: zeros with the cotangent in its place.

    :func:`updated` writes there, and can itself be differentiated.

    Args:
        g: the cotangent of ``y``.
        y: the slice, ``x[index]``.
        x: the argument.
        index: integers, slices (also with negative steps), ``None`` and ``...``.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x`` and the dtype of ``g``.
    """
    raise NotImplementedError(
        "3.29 sliced_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@behind("getitem")
def gathered(x: mx.array, *indices: mx.array, index: Any) -> mx.array:
    """``x[index]`` for an index with arrays of integers: elements may occur several times."""
    return x[joined(index, indices)]


gathered.indices = slice(1, None)


@gathered.defvjp
def gathered_vjp(
    g: array, y: array, x: array, *indices: array, index: Any
) -> tuple[array | None, ...]:
    """The derivative of indexing by arrays: add each cotangent where its element was.

    Args:
        g: the cotangent of ``y``.
        y: what was taken, ``x[index]``.
        x: the argument.
        indices: the arrays of integers in the index.
        index: the index with holes in their places. :func:`added` takes it as it is, and repeated
            places accumulate there.

    Returns:
        The cotangent of ``x``, and ``None`` for each index array.
    """
    raise NotImplementedError(
        "3.30 gathered_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@behind("setitem")
def updated(x: mx.array, value: Any, *indices: mx.array, index: Any) -> mx.array:
    """``x`` after ``x[index] = value``; see :func:`setitem`."""
    y = mx.array(x)
    y[joined(index, indices)] = value
    return y


updated.indices = slice(2, None)


@updated.defvjp
def updated_vjp(
    g: array, y: array, x: array, value: Any, *indices: array, index: Any
) -> tuple[array | None, ...]:
    """The derivative of an assignment.

    What was overwritten no longer counts: its cotangent is 0. The value receives the cotangent of
    the places it went to, summed where it was broadcast.

    Args:
        g: the cotangent of ``y``.
        y: ``x`` after ``x[index] = value``.
        x: the array that was assigned to.
        value: a number, or an array whose shape broadcasts to that of ``x[index]``.
        indices: the arrays of integers in the index, possibly none.
        index: the index with holes in their places. ``updated`` takes both as they are, and
            :func:`at_places` reads them.

    Returns:
        The cotangents of ``x`` and ``value`` (``unassigned(g, value)`` undoes the broadcast), and
        ``None`` for each index array.
    """
    raise NotImplementedError(
        "3.32 updated_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def at_places(x: array, indices: Any, index: Any) -> array:
    """``x[index]``, given the index with holes and its arrays."""
    return gathered(x, *indices, index=index) if indices else sliced(x, index)


def unassigned(g: array, value: Any) -> array | None:
    """The cotangent of a value that was assigned: as ``unbroadcast``, but ``value`` may have more
    axes than its place, of size 1, in front."""
    if not isinstance(value, array):
        return None
    if value.ndim > g.ndim:
        g = g.reshape((1,) * (value.ndim - g.ndim) + g.shape)
    return unbroadcast(g, value)


def masked_assignment(x: array, mask: array, value: Any) -> array:
    """``x`` after ``x[mask] = value``, with a mask along the first axes of ``x``.

    The value broadcasts, or has along its first axis one entry for each place that is true.
    """
    rest = x.ndim - mask.ndim
    if mask.shape != x.shape[: mask.ndim]:
        raise ValueError(
            f"[setitem] A mask of shape {mask.shape} does not fit an array of shape {x.shape}."
        )
    if isinstance(value, (array, mx.array)) or getattr(value, "ndim", None):
        value = as_array(value)
        if value.ndim > rest and value.shape[0] != 1:
            return scattered(x, value, mask)
        value = value if value.dtype == x.dtype else value.astype(x.dtype)
    return where(mask.reshape(mask.shape + (1,) * rest), value, x).astype(x.dtype)


@behind("setitem")
def scattered(x: mx.array, value: mx.array, mask: mx.array, /) -> mx.array:
    """``x`` after ``x[mask] = value`` with an entry of ``value`` for each place that is true."""
    y = mx.array(x)
    y[mask] = value
    return y


@scattered.defvjp
def scattered_vjp(
    g: array, y: array, x: array, value: array, mask: array
) -> tuple[array, array | None, None]:
    """The places that are true count from the first to the last; each sends to its entry."""
    rest = x.shape[mask.ndim :]
    place = mask.reshape(mask.shape + (1,) * len(rest))
    number = cumsum(mask.reshape(-1).astype(mx.int32), 0) - 1
    rows = where(place, g, 0).reshape(-1, *rest)
    entries = wrap(mx.zeros((value.shape[0], *rest), g.dtype))
    entries = entries.at[where(number < 0, 0, number)].add(rows)
    return where(place, 0, g), unbroadcast(entries, value), None


# Updates that count every repeated index


@behind("at.add")
def added(x: mx.array, value: Any, *indices: mx.array, index: Any) -> mx.array:
    """``x.at[index].add(value)``."""
    return x.at[joined(index, indices)].add(value) if x.size else x


added.indices = slice(2, None)


@added.defvjp
def added_vjp(
    g: array, y: array, x: array, value: Any, *indices: array, index: Any
) -> tuple[array | None, ...]:
    """``x`` receives everything, the value what arrives at its places."""
    return g, unassigned(at_places(g, indices, index), value), *(None for _ in indices)


@behind("at.multiply")
def multiplied(x: mx.array, value: Any, *indices: mx.array, index: Any) -> mx.array:
    """``x.at[index].multiply(value)``."""
    return x.at[joined(index, indices)].multiply(value) if x.size else x


multiplied.indices = slice(2, None)


@multiplied.defvjp
def multiplied_vjp(
    g: array, y: array, x: array, value: Any, *indices: array, index: Any
) -> tuple[array | None, ...]:
    """The product rule: each factor receives the product of ``x`` and of all other factors there.

    The index may name a place several times. So that nothing is divided by 0, zeros are counted,
    and left out of the product: one factor 0 receives the product of the others, every other 0.
    """
    gx = multiplied(g, value, *indices, index=index)
    if not isinstance(value, array):
        return gx, None, *(None for _ in indices)
    gv = at_places(g * x, indices, index)
    if indices:
        zero = value == 0
        factors, zeros = (wrap(mx.full(x.shape, n, t)) for n, t in ((1, x.dtype), (0, mx.int32)))
        factor = where(zero, 1, value)
        product = multiplied(factors, factor, *indices, index=index)
        count = added(zeros, zero.astype(mx.int32), *indices, index=index)
        product, count = (at_places(part, indices, index) for part in (product, count))
        gv = gv * where(count == zero.astype(mx.int32), product / factor, 0)
    return gx, unassigned(gv, value), *(None for _ in indices)


@behind("at.divide")
def divided(x: mx.array, value: Any, *indices: mx.array, index: Any) -> mx.array:
    """``x.at[index].divide(value)``."""
    return x.at[joined(index, indices)].divide(value) if x.size else x


divided.indices = slice(2, None)


@divided.defvjp
def divided_vjp(
    g: array, y: array, x: array, value: Any, *indices: array, index: Any
) -> tuple[array | None, ...]:
    """The quotient rule at each place."""
    gx = divided(g, value, *indices, index=index)
    gv = unassigned(-at_places(g * y, indices, index) / value, value)
    return gx, gv, *(None for _ in indices)


def _extremum_vjp(
    g: array, y: array, x: array, value: Any, *indices: array, index: Any
) -> tuple[array | None, ...]:
    # Whoever equals the result receives the cotangent, all of it (as in MLX).
    gv = where(at_places(y, indices, index) == value, at_places(g, indices, index), 0)
    return where(x == y, g, 0), unassigned(gv, value), *(None for _ in indices)


@behind("at.maximum")
def raised(x: mx.array, value: Any, *indices: mx.array, index: Any) -> mx.array:
    """``x.at[index].maximum(value)``."""
    return x.at[joined(index, indices)].maximum(value) if x.size else x


@behind("at.minimum")
def lowered(x: mx.array, value: Any, *indices: mx.array, index: Any) -> mx.array:
    """``x.at[index].minimum(value)``."""
    return x.at[joined(index, indices)].minimum(value) if x.size else x


raised.indices = lowered.indices = slice(2, None)
raised.defvjp(_extremum_vjp)
lowered.defvjp(_extremum_vjp)


class ArrayAt:
    """What ``x.at`` returns: ``x.at[index].add(value)`` and its companions give new arrays.

    In contrast to ``x[index] += value``, an index that occurs several times counts several times.
    """

    def __init__(self, x: array, index: Any = ()) -> None:
        self.x = x
        self.index = index
        self.chosen = False

    def __getitem__(self, index: Any) -> ArrayAt:
        other = ArrayAt(self.x, index)
        other.chosen = True
        return other

    def _apply(self, update: Any, value: Any) -> array:
        if not self.chosen:
            raise ValueError("Must give indices to array.at (e.g. `x.at[0].add(4)`).")
        index, arrays = separate(self.index)
        return update(self.x, value, *arrays, index=index)

    def add(self, value: Any) -> array:
        """``x`` with ``value`` added at the places."""
        return self._apply(added, value)

    def subtract(self, value: Any) -> array:
        """``x`` with ``value`` subtracted at the places."""
        return self._apply(added, -value)

    def multiply(self, value: Any) -> array:
        """``x`` multiplied by ``value`` at the places."""
        return self._apply(multiplied, value)

    def divide(self, value: Any) -> array:
        """``x`` divided by ``value`` at the places."""
        return self._apply(divided, value)

    def maximum(self, value: Any) -> array:
        """``x``, at the places at least ``value``."""
        return self._apply(raised, value)

    def minimum(self, value: Any) -> array:
        """``x``, at the places at most ``value``."""
        return self._apply(lowered, value)
