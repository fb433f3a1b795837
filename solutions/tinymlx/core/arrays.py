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
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import mlx.core as mx

from . import foreign

if TYPE_CHECKING:
    from types import ModuleType

    from .methods import Methods
    from .primitive import Trace
else:
    Methods = object

Dtype = mx.Dtype
Stream = Any  # a Stream, a ThreadLocalStream, a Device, a DeviceType, or None
Axes = int | Sequence[int] | None


class array(Methods):
    """An array of ``n`` dimensions, as :class:`mlx.core.array`, that transforms can watch.

    Args:
        val: a number, a (nested) list or tuple of numbers or arrays, a NumPy array, anything that
            speaks DLPack, or another array, which is copied.
        dtype: the type of the elements; by default the one that ``mlx.core`` chooses for ``val``.

    What can be done with it, and how it is made of ``val``, is in :mod:`.methods`: that needs the
    operations of the library, which need this file. It is added to the class when they are there;
    type checkers and editors see it as a base class.

    Source: https://ml-explore.github.io/mlx/build/html/python/array.html
    """

    __slots__ = ("_value", "_trace", "_record", "__weakref__")

    _value: Any
    _trace: Trace | None
    _record: Any

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
        numbers = bare(self).__array__(dtype, copy)
        return numbers.copy() if copy else numbers  # mlx.core 0.32.4 shares its memory even then

    def __dlpack__(self, **options: Any) -> Any:
        """Lets other libraries take an array that nobody watches without a copy.

        Raises:
            BufferError: it is watched. ``mx.array(x)`` swallows that and says ``std::bad_cast``
                (0.32.4); so a warning says it, too.
        """
        if self._trace is not None:
            text = foreign.advice(sys._getframe(1))
            warnings.warn(text, stacklevel=2)
            raise BufferError(text)
        return self._value.__dlpack__(**options)

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
