"""The array: a small object that holds a bare ``mlx.core`` array and, when watched, its history.

Everything the library computes with is an :class:`array`. Three slots tell its whole story:

===========  ============================  ======================================================
slot         nobody watches                watched by a transform (``grad``, ``vjp``, ...)
===========  ============================  ======================================================
``_value``   the bare ``mx.array``         the :class:`array` one level down, with the same numbers
``_trace``   ``None``                      the transform's interpreter
``_record``  ``None``                      what that interpreter keeps (a tape's node)
===========  ============================  ======================================================

Transforms nest, and so do watched arrays: the value of an array watched by an inner transform may
itself be watched by an outer one. At the bottom there is always a bare ``mx.array``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import mlx.core as mx

from . import foreign

if TYPE_CHECKING:
    from types import ModuleType

    from .primitive import Trace

Dtype = mx.Dtype
Stream = Any  # a Stream, a ThreadLocalStream, a Device, a DeviceType, or None
Axes = int | Sequence[int] | None


class array:
    """An array of ``n`` dimensions, as :class:`mlx.core.array`, that transforms can watch.

    Args:
        val: a number, a (nested) list or tuple of numbers or arrays, a NumPy array, anything that
            speaks DLPack, or another array, which is copied.
        dtype: the type of the elements; by default the one that ``mlx.core`` chooses for ``val``.

    Source: https://ml-explore.github.io/mlx/build/html/python/array.html
    """

    __slots__ = ("_value", "_trace", "_record", "__weakref__")

    _value: Any
    _trace: Trace | None
    _record: Any

    def __init__(self, val: Any, dtype: Dtype | None = None) -> None:
        source = from_data(val, dtype)
        self._value, self._trace, self._record = source._value, source._trace, source._record

    # What it is

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of every axis."""
        trace = self._trace
        return self._value.shape if trace is None else trace.shape_of(self)

    @property
    def dtype(self) -> Dtype:
        """The type of the elements."""
        trace = self._trace
        return self._value.dtype if trace is None else trace.dtype_of(self)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._value.ndim if self._trace is None else len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def itemsize(self) -> int:
        """The size of one element in bytes."""
        return self.dtype.size

    @property
    def nbytes(self) -> int:
        """The size of all elements in bytes."""
        return self.size * self.itemsize

    # Reading the numbers. What comes out is a constant: no transform follows it.

    def item(self) -> Any:
        """The value of an array of one element, as a Python number."""
        return bare(self).item()

    def tolist(self) -> Any:
        """The values as nested Python lists (a Python number for an array without axes)."""
        return bare(self).tolist()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return bare(self).__array__(dtype, copy)

    def __getattr__(self, name: str) -> Any:
        # An attribute of the array, not of its class: a watched array must not have it, because
        # bare mlx.core functions would come this way.
        if name == "__dlpack__" and self._trace is None:
            return self._value.__dlpack__
        raise AttributeError(f"'array' object has no attribute {name!r}")

    def __dlpack_device__(self) -> Any:
        return bare(self).__dlpack_device__()

    def __bool__(self) -> bool:
        return bool(bare(self))

    def __int__(self) -> int:
        return int(bare(self))

    def __float__(self) -> float:
        if self._trace is not None:
            foreign.check_number(sys._getframe(1))
        return float(bare(self))

    def __complex__(self) -> complex:
        if self._trace is not None or self.dtype != mx.complex64:
            foreign.check_complex(sys._getframe(1))
        return complex(bare(self))

    def __index__(self) -> int:
        return bare(self).__index__()

    def __bytes__(self) -> bytes:
        return bytes(bare(self))

    def __repr__(self) -> str:
        return repr(bare(self))

    def __format__(self, spec: str) -> str:
        return format(bare(self), spec)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() 0-dimensional array.")
        return self.shape[0]

    def __iter__(self) -> Iterator[array]:
        if self.ndim == 0:
            raise TypeError("iter() 0-dimensional array.")
        return (self[i] for i in range(self.shape[0]))

    def __hash__(self) -> int:
        return id(self) >> 4

    def __copy__(self) -> array:
        return holder(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> array:
        return holder(self)

    def __reduce__(self) -> Any:
        return (array, (bare(self),))

    # Meeting other libraries

    @property
    def __mlx_array__(self) -> Callable[[], mx.array]:
        """Lets a bare ``mlx.core`` function read an array that nobody watches."""
        if self._trace is None:
            return foreign.Bare(self._value)
        return foreign.refusal(sys._getframe(1))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """NumPy's functions read the numbers, as they do those of ``mlx.core`` arrays."""
        if any(isinstance(x, array) and x._trace is not None for x in inputs):
            raise TypeError(
                f"numpy.{ufunc.__name__} was given an array that a transform is watching; its "
                f"result would be a constant, and the gradient lost. Use tinymlx.core instead of "
                f"numpy here, or take the numbers out on purpose with numpy.array(x)."
            )
        inputs = tuple(x.__array__() if isinstance(x, array) else x for x in inputs)
        return getattr(ufunc, method)(*inputs, **options)

    def __array_namespace__(self, api_version: str | None = None) -> ModuleType:
        return sys.modules[__package__]

    # Operators. Each is one call of the function of the same meaning.

    def __add__(self, other: Any) -> array:
        return arithmetic.add(self, other)

    def __sub__(self, other: Any) -> array:
        return arithmetic.subtract(self, other)

    def __mul__(self, other: Any) -> array:
        return arithmetic.multiply(self, other)

    def __truediv__(self, other: Any) -> array:
        return arithmetic.divide(self, other)

    def __floordiv__(self, other: Any) -> array:
        return arithmetic.floor_divide(self, other)

    def __mod__(self, other: Any) -> array:
        return arithmetic.remainder(self, other)

    def __pow__(self, other: Any) -> array:
        return arithmetic.power(self, other)

    def __matmul__(self, other: Any) -> array:
        return products.matmul(self, other)

    def __radd__(self, other: Any) -> array:
        return arithmetic.add(other, self)

    def __rsub__(self, other: Any) -> array:
        return arithmetic.subtract(other, self)

    def __rmul__(self, other: Any) -> array:
        return arithmetic.multiply(other, self)

    def __rtruediv__(self, other: Any) -> array:
        return arithmetic.divide(other, self)

    def __rfloordiv__(self, other: Any) -> array:
        return arithmetic.floor_divide(other, self)

    def __rmod__(self, other: Any) -> array:
        return arithmetic.remainder(other, self)

    def __rpow__(self, other: Any) -> array:
        return arithmetic.power(other, self)

    def __neg__(self) -> array:
        return arithmetic.negative(self)

    def __pos__(self) -> array:
        return arithmetic.positive(self)

    def __abs__(self) -> array:
        return arithmetic.abs(self)

    def __invert__(self) -> array:
        return logic.bitwise_invert(self)

    def __and__(self, other: Any) -> array:
        return logic.bitwise_and(self, other)

    def __or__(self, other: Any) -> array:
        return logic.bitwise_or(self, other)

    def __xor__(self, other: Any) -> array:
        return logic.bitwise_xor(self, other)

    def __rand__(self, other: Any) -> array:
        return logic.bitwise_and(other, self)

    def __ror__(self, other: Any) -> array:
        return logic.bitwise_or(other, self)

    def __rxor__(self, other: Any) -> array:
        return logic.bitwise_xor(other, self)

    def __lshift__(self, other: Any) -> array:
        return logic.left_shift(self, other)

    def __rshift__(self, other: Any) -> array:
        return logic.right_shift(self, other)

    def __eq__(self, other: Any) -> Any:
        return logic.equal(self, other) if _comparable(other) else False

    def __ne__(self, other: Any) -> Any:
        return logic.not_equal(self, other) if _comparable(other) else True

    def __lt__(self, other: Any) -> array:
        return logic.less(self, other)

    def __le__(self, other: Any) -> array:
        return logic.less_equal(self, other)

    def __gt__(self, other: Any) -> array:
        return logic.greater(self, other)

    def __ge__(self, other: Any) -> array:
        return logic.greater_equal(self, other)

    # In place: the holder turns to a new value, so every name of this object sees the change,
    # and no record does.

    def _rebind(self, other: array) -> array:
        self._value, self._trace, self._record = other._value, other._trace, other._record
        return self

    def __iadd__(self, other: Any) -> array:
        return self._rebind(arithmetic.add(self, other))

    def __isub__(self, other: Any) -> array:
        return self._rebind(arithmetic.subtract(self, other))

    def __imul__(self, other: Any) -> array:
        return self._rebind(arithmetic.multiply(self, other))

    def __itruediv__(self, other: Any) -> array:
        return self._rebind(arithmetic.divide(self, other))

    def __ifloordiv__(self, other: Any) -> array:
        return self._rebind(arithmetic.floor_divide(self, other))

    def __imod__(self, other: Any) -> array:
        return self._rebind(arithmetic.remainder(self, other))

    def __ipow__(self, other: Any) -> array:
        return self._rebind(arithmetic.power(self, other))

    def __imatmul__(self, other: Any) -> array:
        return self._rebind(products.matmul(self, other))

    def __iand__(self, other: Any) -> array:
        return self._rebind(logic.bitwise_and(self, other))

    def __ior__(self, other: Any) -> array:
        return self._rebind(logic.bitwise_or(self, other))

    def __ixor__(self, other: Any) -> array:
        return self._rebind(logic.bitwise_xor(self, other))

    def __ilshift__(self, other: Any) -> array:
        return self._rebind(logic.left_shift(self, other))

    def __irshift__(self, other: Any) -> array:
        return self._rebind(logic.right_shift(self, other))

    # Indexing

    def __getitem__(self, index: Any) -> array:
        return indexing.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._rebind(indexing.setitem(self, index, value))

    @property
    def at(self) -> indexing.ArrayAt:
        """Updates that count every repeated index: ``x.at[index].add(value)``."""
        return indexing.ArrayAt(self)

    # Methods: the functions of the same names. `stream` is passed on.

    @property
    def T(self) -> array:
        """All axes in reverse order."""
        return shapes.transpose(self)

    @property
    def mT(self) -> array:
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
        return shapes.astype(self, dtype, stream=stream)

    def view(self, dtype: Dtype, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.view`."""
        return shapes.view(self, dtype, stream=stream)

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
        self, offset: int = 0, axis1: int = 0, axis2: int = 1, stream: Stream = None
    ) -> array:
        """See :func:`tinymlx.core.diagonal`."""
        return shapes.diagonal(self, offset, axis1, axis2, stream=stream)

    def diag(self, k: int = 0, *, stream: Stream = None) -> array:
        """See :func:`tinymlx.core.diag`."""
        return shapes.diag(self, k, stream=stream)

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
        self,
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
        self,
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


_new = object.__new__


def wrap(value: mx.array) -> array:
    """Put a bare ``mx.array`` into an array that nobody watches."""
    x = _new(array)
    x._value = value
    x._trace = None
    x._record = None
    return x


def watched(value: array, trace: Trace, record: Any) -> array:
    """An array that ``trace`` watches; ``value`` is the same array one level down."""
    x = _new(array)
    x._value = value
    x._trace = trace
    x._record = record
    return x


def holder(x: array) -> array:
    """A second holder of the same value: in-place changes of the one do not reach the other."""
    y = _new(array)
    y._value = x._value
    y._trace = x._trace
    y._record = x._record
    return y


def bare(x: array) -> mx.array:
    """The bare ``mx.array`` at the bottom, below every transform that watches."""
    while x._trace is not None:
        x = x._trace.read(x)
    return cast(mx.array, x._value)


def as_array(x: Any) -> array:
    """``x`` itself if it is an array; otherwise a new array that holds its value."""
    if isinstance(x, array):
        return x
    return wrap(mx.array(x))


def unwrap(x: Any) -> Any:
    """``x`` as ``mlx.core`` takes it: arrays lose their wrapping, other objects stay."""
    return bare(x) if isinstance(x, array) else x


def from_data(val: Any, dtype: Dtype | None = None) -> array:
    """The array that ``array(val, dtype)`` builds; lists of arrays are stacked."""
    if isinstance(val, array):
        return val if dtype is None or val.dtype == dtype else val.astype(dtype)
    try:
        return wrap(mx.array(val) if dtype is None else mx.array(val, dtype))
    except ValueError:
        if not isinstance(val, (list, tuple)) or not _contains_array(val):
            raise
    x = joining.stack([from_data(v) for v in val])
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def _contains_array(val: Any) -> bool:
    if isinstance(val, (list, tuple)):
        return any(_contains_array(v) for v in val)
    return isinstance(val, array)


def _comparable(x: Any) -> bool:
    return isinstance(x, (array, int, float, complex, mx.array)) or hasattr(x, "__array__")


# The functions behind the operators. They need the class above, so they come after it.
from . import (  # noqa: E402
    arithmetic,
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
