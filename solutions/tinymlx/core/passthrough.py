"""What needs no derivative: names of ``mlx.core`` that pass through, wrapped where arrays occur."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx

from .arrays import array, bare, unwrap, wrap
from .places import values_of_known
from .primitive import released
from .tree import BOXES, leaves, rebuild

#: Where there may be arrays.
HOLDERS = (array, *BOXES)


def wrapped(x: Any) -> Any:
    """``x`` with every bare array in it (lists, tuples and dicts, nested) wrapped."""
    return rebuild(lambda leaf: wrap(leaf) if isinstance(leaf, mx.array) else leaf, x)


def passed(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of ``mlx.core`` for arrays of this library. It has no derivative.

    Raises (when called):
        ValueError: a transform is watching an argument; the gradient would be lost without a word.
    """

    @functools.wraps(function)
    def passed_function(*args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(x, HOLDERS) for x in (*args, *kwargs.values())):
            y = function(*args, **kwargs)  # of numbers and names alone, as `arange` mostly is
            return wrap(y) if type(y) is mx.array else wrapped(y)
        for x in leaves([args, kwargs]):
            if isinstance(x, array) and x._trace is not None:
                raise ValueError(
                    f"[{function.__name__}] There is no derivative of this function, but a "
                    f"transform is watching its argument. If the result may be a constant, pass "
                    f"tinymlx.core.stop_gradient(x)."
                )
        return wrapped(function(*rebuild(unwrap, args), **rebuild(unwrap, kwargs)))

    return passed_function


def reading(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` of ``mlx.core`` that only reads numbers (to save them, for example)."""

    @functools.wraps(function)
    def reading_function(*args: Any, **kwargs: Any) -> Any:
        return wrapped(function(*rebuild(unwrap, args), **rebuild(unwrap, kwargs)))

    return reading_function


_PASSED = (
    "arange bartlett blackman dequantize eye from_dlpack from_fp8 gather_qmm gather_qqmm hamming "
    "hanning identity linspace load qqmm quantize segmented_mm to_fp8 tri unique"
).split()

_READING = (
    "export_to_dot get_array_buffer_size save save_gguf save_safetensors savez savez_compressed"
).split()


_OWN_MODULES = "distributed fast fft linalg random".split()

_MODULE_NAMES = "__doc__ __file__ __loader__ __name__ __package__ __path__ __spec__".split()


def names() -> dict[str, Any]:
    """Everything of ``mlx.core`` that passes through: dtypes, devices, constants are the same
    objects; functions of arrays are wrapped."""
    table: dict[str, Any] = {}
    for name in dir(mx):
        if name in _OWN_MODULES or name in _MODULE_NAMES:
            continue
        if name in _PASSED:
            table[name] = passed(getattr(mx, name))
        elif name in _READING:
            table[name] = reading(getattr(mx, name))
        else:
            table[name] = getattr(mx, name)
    return table


def eval(*args: Any) -> None:
    """Compute the arrays in the given trees now."""
    mx.eval(_bare_leaves(args))


def async_eval(*args: Any) -> None:
    """Begin to compute the arrays in the given trees, without waiting.

    Raises:
        ValueError: a transform is watching one of them.
    """
    mx.async_eval(_bare_leaves(args, _unwatched))


def _unwatched(x: array) -> mx.array:
    if released(x)._trace is not None:
        raise ValueError("[async_eval] Not allowed inside a graph transformation.")
    return bare(x)


def _bare_leaves(
    trees: tuple[Any, ...], of_watched: Callable[[array], mx.array] = bare
) -> list[Any]:
    """Everything in the trees, arrays as bare ones. A step evaluates hundreds, so it is quick."""
    found: list[Any] = []
    for tree in trees:
        known = None if type(tree) is array else values_of_known(tree)
        if known is None:
            _collect_bare((tree,), found.append, of_watched)
        else:
            found.append(known)
    return found


def _collect_bare(
    box: Any, append: Callable[[Any], None], of_watched: Callable[[array], mx.array]
) -> None:
    for x in box.values() if isinstance(box, dict) else box:
        if type(x) is array:
            append(x._value if x._trace is None else of_watched(x))
        elif isinstance(x, BOXES):
            _collect_bare(x, append, of_watched)
        else:
            append(x)


def result_type(*arrays_and_dtypes: Any) -> mx.Dtype:
    """The dtype that an operation on these arrays and dtypes has."""
    return mx.result_type(*(x.dtype if isinstance(x, array) else x for x in arrays_and_dtypes))


def can_cast(from_: Any, to: mx.Dtype) -> bool:
    """Whether one dtype goes over to another by the rules of promotion."""
    return mx.can_cast(from_.dtype if isinstance(from_, array) else from_, to)


def _on_bare_arrays(fun: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fun)
    def bare_fun(*args: Any, **kwargs: Any) -> Any:
        with _as_it_lies():
            return rebuild(unwrap, fun(*wrapped(args), **wrapped(kwargs)))

    return bare_fun


@contextmanager
def _as_it_lies() -> Iterator[None]:
    """Within it, ``mx.contiguous`` returns its argument.

    How the numbers of an array lie in memory changes no value, and MLX 0.32.4 cannot write that
    operation to a file.
    """
    contiguous = mx.contiguous
    mx.contiguous = lambda a, *args, **kwargs: a  # type: ignore[assignment]
    try:
        yield
    finally:
        mx.contiguous = contiguous


def export_function(
    file_or_callback: Any,
    fun: Callable[..., Any],
    *args: Any,
    shapeless: bool = False,
    metadata: str | None = None,
    **kwargs: Any,
) -> None:
    """Write the graph of ``fun(*args, **kwargs)`` to a file."""
    mx.export_function(
        file_or_callback,
        _on_bare_arrays(fun),
        *rebuild(unwrap, args),
        shapeless=shapeless,
        metadata=metadata,
        **rebuild(unwrap, kwargs),
    )


def import_function(file: str, return_metadata: bool = False) -> Any:
    """A function that was written by :func:`export_function`."""
    if return_metadata:
        imported: Any = mx.import_function(file, True)
        return _imported(imported[0]), imported[1]
    return _imported(mx.import_function(file))


def _imported(fun: Any) -> Callable[..., Any]:
    def imported_function(*args: Any, **kwargs: Any) -> Any:
        return wrapped(fun(*rebuild(unwrap, args), **rebuild(unwrap, kwargs)))

    return imported_function


class FunctionExporter:
    """Writes several graphs of one function to a file; see :func:`exporter`."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __enter__(self) -> FunctionExporter:
        self._inner.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._inner.__exit__(*error)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Add the graph for these arguments."""
        self._inner(*rebuild(unwrap, args), **rebuild(unwrap, kwargs))

    def close(self) -> None:
        """Finish the file."""
        self._inner.close()


def exporter(
    file: str, fun: Callable[..., Any], *, shapeless: bool = False, metadata: str | None = None
) -> FunctionExporter:
    """A context in which graphs of ``fun`` are added to a file."""
    inner = mx.exporter(file, _on_bare_arrays(fun), shapeless=shapeless, metadata=metadata)
    return FunctionExporter(inner)
