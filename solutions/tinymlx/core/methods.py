"""The operators and methods of the array: ``x + y``, ``x[i]``, ``x.sum()`` and all the others.

Each is one call of the function of the same meaning. Those functions compute with arrays, so they
stand above :mod:`.arrays`, and what calls them stands here, above them all. The last lines of this
file give everything in :class:`Methods` to the class ``array``. From then on it has its operators;
``tinymlx.core`` imports this file before anybody computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import FunctionType
from typing import Any

import mlx.core as mx

from . import (
    arithmetic,
    conversion,
    diagonals,
    exponential,
    indexing,
    joining,
    logic,
    products,
    reductions,
    scans,
    shapes,
    sorting,
    trigonometry,
)
from .arrays import Axes, Dtype, Stream, array


class Methods:
    """What an array can do. In every method ``self`` is an :class:`array`."""

    def __init__(self, val: Any, dtype: Dtype | None = None) -> None:
        source = conversion.from_data(val, dtype)
        self._value, self._trace, self._record = source._value, source._trace, source._record

    def __iter__(self: Any) -> Iterator[array]:
        if self.ndim == 0:
            raise TypeError("iter() 0-dimensional array.")
        return (self[i] for i in range(self.shape[0]))

    def __hash__(self) -> int:
        return id(self) >> 4

    # Operators. Each is one call of the primitive of the same meaning.

    def __add__(self, other: Any) -> array:
        return arithmetic.add.of_two(self, other)

    def __sub__(self, other: Any) -> array:
        return arithmetic.subtract.of_two(self, other)

    def __mul__(self, other: Any) -> array:
        return arithmetic.multiply.of_two(self, other)

    def __truediv__(self, other: Any) -> array:
        return arithmetic.divide.of_two(self, other)

    def __floordiv__(self, other: Any) -> array:
        return arithmetic.floor_divide.of_two(self, other)

    def __mod__(self, other: Any) -> array:
        return arithmetic.remainder.of_two(self, other)

    def __pow__(self, other: Any) -> array:
        return arithmetic.power.of_two(self, other)

    def __matmul__(self, other: Any) -> array:
        return products.matmul.of_two(self, other)

    def __radd__(self, other: Any) -> array:
        return arithmetic.add.of_two(other, self)

    def __rsub__(self, other: Any) -> array:
        return arithmetic.subtract.of_two(other, self)

    def __rmul__(self, other: Any) -> array:
        return arithmetic.multiply.of_two(other, self)

    def __rtruediv__(self, other: Any) -> array:
        return arithmetic.divide.of_two(other, self)

    def __rfloordiv__(self, other: Any) -> array:
        return arithmetic.floor_divide.of_two(other, self)

    def __rmod__(self, other: Any) -> array:
        return arithmetic.remainder.of_two(other, self)

    def __rpow__(self, other: Any) -> array:
        return arithmetic.power.of_two(other, self)

    def __neg__(self) -> array:
        return arithmetic.negative(self)

    def __pos__(self) -> array:
        return arithmetic.positive(self)

    def __abs__(self) -> array:
        return arithmetic.abs(self)

    def __invert__(self) -> array:
        return logic.bitwise_invert(self)

    def __and__(self, other: Any) -> array:
        return logic.bitwise_and.of_two(self, other)

    def __or__(self, other: Any) -> array:
        return logic.bitwise_or.of_two(self, other)

    def __xor__(self, other: Any) -> array:
        return logic.bitwise_xor.of_two(self, other)

    def __rand__(self, other: Any) -> array:
        return logic.bitwise_and.of_two(other, self)

    def __ror__(self, other: Any) -> array:
        return logic.bitwise_or.of_two(other, self)

    def __rxor__(self, other: Any) -> array:
        return logic.bitwise_xor.of_two(other, self)

    def __lshift__(self, other: Any) -> array:
        return logic.left_shift.of_two(self, other)

    def __rshift__(self, other: Any) -> array:
        return logic.right_shift.of_two(self, other)

    def __eq__(self, other: Any) -> Any:
        return logic.equal.of_two(self, other) if _comparable(other) else False

    def __ne__(self, other: Any) -> Any:
        return logic.not_equal.of_two(self, other) if _comparable(other) else True

    def __lt__(self, other: Any) -> array:
        return logic.less.of_two(self, other)

    def __le__(self, other: Any) -> array:
        return logic.less_equal.of_two(self, other)

    def __gt__(self, other: Any) -> array:
        return logic.greater.of_two(self, other)

    def __ge__(self, other: Any) -> array:
        return logic.greater_equal.of_two(self, other)

    # In place: the holder turns to a new value, so every name of this object sees the change,
    # and no record does.

    def _rebind(self: Any, other: array) -> array:
        self._value, self._trace, self._record = other._value, other._trace, other._record
        return self

    def __iadd__(self, other: Any) -> array:
        return self._rebind(arithmetic.add.of_two(self, other))

    def __isub__(self, other: Any) -> array:
        return self._rebind(arithmetic.subtract.of_two(self, other))

    def __imul__(self, other: Any) -> array:
        return self._rebind(arithmetic.multiply.of_two(self, other))

    def __itruediv__(self: Any, other: Any) -> array:
        if not mx.issubdtype(self.dtype, mx.inexact):
            raise ValueError("In place division cannot cast to non-floating point type.")
        return self._rebind(arithmetic.divide.of_two(self, other))

    def __ifloordiv__(self, other: Any) -> array:
        return self._rebind(arithmetic.floor_divide.of_two(self, other))

    def __imod__(self, other: Any) -> array:
        return self._rebind(arithmetic.remainder.of_two(self, other))

    def __ipow__(self, other: Any) -> array:
        return self._rebind(arithmetic.power.of_two(self, other))

    def __imatmul__(self, other: Any) -> array:
        return self._rebind(products.matmul.of_two(self, other))

    def __iand__(self, other: Any) -> array:
        return self._rebind(logic.bitwise_and.of_two(self, other))

    def __ior__(self, other: Any) -> array:
        return self._rebind(logic.bitwise_or.of_two(self, other))

    def __ixor__(self, other: Any) -> array:
        return self._rebind(logic.bitwise_xor.of_two(self, other))

    def __ilshift__(self, other: Any) -> array:
        return self._rebind(logic.left_shift.of_two(self, other))

    def __irshift__(self, other: Any) -> array:
        return self._rebind(logic.right_shift.of_two(self, other))

    # Indexing

    def __getitem__(self: Any, index: Any) -> array:
        return indexing.getitem(self, index)

    def __setitem__(self: Any, index: Any, value: Any) -> None:
        self._rebind(indexing.setitem(self, index, value))

    @property
    def at(self: Any) -> indexing.ArrayAt:
        """Updates that count every repeated index: ``x.at[index].add(value)``."""
        return indexing.ArrayAt(self)

    # Methods: the functions of the same names. `stream` is passed on.

    @property
    def T(self) -> array:
        """All axes in reverse order."""
        return shapes.transpose(self)

    @property
    def mT(self: Any) -> array:
        """The last two axes swapped."""
        return shapes.matrix_transpose(self)

    @property
    def real(self) -> array:
        """The real part."""
        return arithmetic.real(self)

    @property
    def imag(self) -> array:
        """The imaginary part."""
        return arithmetic.imag(self)

    def astype(self, dtype: Dtype, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.astype`."""
        return conversion.astype(self, dtype, stream=stream)

    def view(self, dtype: Dtype, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.view`."""
        return conversion.view(self, dtype, stream=stream)

    def reshape(self, *shape: Any, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.reshape`; the shape may come as one tuple or as integers."""
        new_shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return shapes.reshape(self, new_shape, stream=stream)

    def flatten(self, start_axis: int = 0, end_axis: int = -1, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.flatten`."""
        return shapes.flatten(self, start_axis, end_axis, stream=stream)

    def squeeze(self, axis: Axes = None, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.squeeze`."""
        return shapes.squeeze(self, axis, stream=stream)

    def transpose(self, *axes: Any, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.transpose`; the axes may come as one tuple or as integers."""
        if len(axes) == 1 and not isinstance(axes[0], int):
            axes = axes[0]
        return shapes.transpose(self, axes or None, stream=stream)

    def moveaxis(self, source: int, destination: int, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.moveaxis`."""
        return shapes.moveaxis(self, source, destination, stream=stream)

    def swapaxes(self, axis1: int, axis2: int, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.swapaxes`."""
        return shapes.swapaxes(self, axis1, axis2, stream=stream)

    def diagonal(
        self: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, stream: Stream = None
    ) -> array:
        """See :func:`tinymlx.core.diagonal`."""
        return diagonals.diagonal(self, offset, axis1, axis2, stream=stream)

    def diag(self: Any, k: int = 0, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.diag`."""
        return diagonals.diag(self, k, stream=stream)

    def split(
        self, indices_or_sections: int | Sequence[int], axis: int = 0, *, stream: Stream = None
    ) -> list[array]:
        """See :func:`tinymlx.core.split`."""
        return joining.split(self, indices_or_sections, axis, stream=stream)

    def abs(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.abs`."""
        return arithmetic.abs(self, stream=stream)

    def square(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.square`."""
        return arithmetic.square(self, stream=stream)

    def sqrt(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.sqrt`."""
        return exponential.sqrt(self, stream=stream)

    def rsqrt(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.rsqrt`."""
        return exponential.rsqrt(self, stream=stream)

    def reciprocal(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.reciprocal`."""
        return arithmetic.reciprocal(self, stream=stream)

    def exp(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.exp`."""
        return exponential.exp(self, stream=stream)

    def log(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.log`."""
        return exponential.log(self, stream=stream)

    def log2(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.log2`."""
        return exponential.log2(self, stream=stream)

    def log10(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.log10`."""
        return exponential.log10(self, stream=stream)

    def log1p(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.log1p`."""
        return exponential.log1p(self, stream=stream)

    def sin(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.sin`."""
        return trigonometry.sin(self, stream=stream)

    def cos(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.cos`."""
        return trigonometry.cos(self, stream=stream)

    def conj(self, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.conj`."""
        return arithmetic.conj(self, stream=stream)

    def round(self, decimals: int = 0, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.round`."""
        return arithmetic.round(self, decimals, stream=stream)

    def all(self, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.all`."""
        return logic.all(self, axis, keepdims, stream=stream)

    def any(self, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.any`."""
        return logic.any(self, axis, keepdims, stream=stream)

    def sum(self, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.sum`."""
        return reductions.sum(self, axis, keepdims, stream=stream)

    def prod(self, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.prod`."""
        return reductions.prod(self, axis, keepdims, stream=stream)

    def min(self, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.min`."""
        return reductions.min(self, axis, keepdims, stream=stream)

    def max(self, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.max`."""
        return reductions.max(self, axis, keepdims, stream=stream)

    def mean(self, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.mean`."""
        return reductions.mean(self, axis, keepdims, stream=stream)

    def logsumexp(
        self, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None
    ) -> array:
        """See :func:`tinymlx.core.logsumexp`."""
        return reductions.logsumexp(self, axis, keepdims, stream=stream)

    def var(
        self: Any,
        axis: Axes = None,
        keepdims: bool = False,
        ddof: int = 0,
        *,
        correction: int | None = None,
        stream: Stream = None,
    ) -> array:
        """See :func:`tinymlx.core.var`."""
        return reductions.var(self, axis, keepdims, ddof, correction=correction, stream=stream)

    def std(
        self: Any,
        axis: Axes = None,
        keepdims: bool = False,
        ddof: int = 0,
        *,
        correction: int | None = None,
        stream: Stream = None,
    ) -> array:
        """See :func:`tinymlx.core.std`."""
        return reductions.std(self, axis, keepdims, ddof, correction=correction, stream=stream)

    def argmin(
        self, axis: int | None = None, keepdims: bool = False, *, stream: Stream = None
    ) -> array:
        """See :func:`tinymlx.core.argmin`."""
        return sorting.argmin(self, axis, keepdims, stream=stream)

    def argmax(
        self, axis: int | None = None, keepdims: bool = False, *, stream: Stream = None
    ) -> array:
        """See :func:`tinymlx.core.argmax`."""
        return sorting.argmax(self, axis, keepdims, stream=stream)

    def cumsum(self, axis: int | None = None, **options: Any) -> array:
        """See :func:`tinymlx.core.cumsum`."""
        return scans.cumsum(self, axis, **options)

    def cumprod(self, axis: int | None = None, **options: Any) -> array:
        """See :func:`tinymlx.core.cumprod`."""
        return scans.cumprod(self, axis, **options)

    def cummax(self, axis: int | None = None, **options: Any) -> array:
        """See :func:`tinymlx.core.cummax`."""
        return scans.cummax(self, axis, **options)

    def cummin(self, axis: int | None = None, **options: Any) -> array:
        """See :func:`tinymlx.core.cummin`."""
        return scans.cummin(self, axis, **options)

    def logcumsumexp(self, axis: int | None = None, **options: Any) -> array:
        """See :func:`tinymlx.core.logcumsumexp`."""
        return scans.logcumsumexp(self, axis, **options)


def _comparable(x: Any) -> bool:
    return isinstance(x, (array, int, float, complex, mx.array)) or hasattr(x, "__array__")


for _name, _member in vars(Methods).items():
    if isinstance(_member, (FunctionType, property)):
        setattr(array, _name, _member)
