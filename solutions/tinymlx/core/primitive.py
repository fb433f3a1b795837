"""Primitives: a forward function on bare ``mx`` arrays, and its derivative rule beside it.

Every operation of the library passes through one place, :meth:`Primitive.__call__`. There it is
decided who is watching: nobody, and the forward function runs; or a transform, and its interpreter
(a :class:`Trace`) takes over.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import mlx.core as mx

from .arrays import array, as_array, holder, wrap

Rule = TypeVar("Rule", bound=Callable[..., Any])

_mx_array = mx.array
_new = object.__new__
_levels = itertools.count(1)
_absent: Any = object()


def is_number(x: Any) -> bool:
    """Whether ``x`` is a number of Python or NumPy; numbers take the dtype of the arrays around."""
    return isinstance(x, (int, float, complex)) or (
        hasattr(x, "__float__") and not hasattr(x, "__len__")
    )


class Trace:
    """The interpreter of one running transform. :class:`~tinymlx.core.tape.Tape` is one.

    Attributes:
        level: an operation goes to the trace of the highest level among its arguments. A transform
            that starts later lies deeper inside, so levels simply count up; there is nothing to
            put back when an exception flies past.
        finished: set when the transform returns. An array that is still watched then has leaked;
            from there on it is a constant.
    """

    name = "transform"

    def __init__(self) -> None:
        self.level = next(_levels)
        self.finished = False

    def bind(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Carry out ``primitive`` on ``args``, of which this trace watches at least one."""
        raise NotImplementedError

    def watches(self, x: Any) -> bool:
        """Whether ``x`` is an array that this trace watches."""
        return type(x) is array and x._trace is self

    def lower(self, x: Any) -> Any:
        """An argument as the level below sees it, in a holder that no one else can change."""
        if type(x) is array:
            return x._value if x._trace is self else holder(x)
        return x if x is None or is_number(x) else as_array(x)

    def shape_of(self, x: array) -> tuple[int, ...]:
        """The shape of an array that this trace watches."""
        return x._value.shape

    def dtype_of(self, x: array) -> mx.Dtype:
        """The dtype of an array that this trace watches."""
        return x._value.dtype

    def leaked(self, x: array) -> array:
        """What an array that this trace watched is after the transform has returned."""
        return x._value

    def read(self, x: array) -> array:
        """The array one level down, for somebody who wants to see its numbers."""
        return x._value


def released(x: Any) -> Any:
    """``x`` without the traces of transforms that have returned."""
    while type(x) is array and x._trace is not None and x._trace.finished:
        x = x._trace.leaked(x)
    return x


class Primitive:
    """An operation that transforms know. Made with the decorator :func:`primitive`.

    Attributes:
        forward: the function on bare ``mx`` arrays. Its positional-only arguments (before the
            ``/``, or ``*args``) are arrays or numbers; what follows are parameters.
        vjp: the derivative rule, or ``None`` while there is none. It is called as
            ``vjp(g, y, *args, **params)`` with the cotangent ``g`` of the output ``y``, and returns
            a sequence with one cotangent for each argument; ``None`` means that nothing flows back.
            A primitive with several outputs gets lists for ``g`` and ``y``.
        jvp: a rule of its own for forward mode, ``jvp(tangents, y, *args, **params)``, which
            returns one tangent for each output; ``None`` means that it follows from ``vjp``.
        batch: a batching rule of its own; ``None`` means that the table of rules is asked.
        indices: which arguments are indices, if any. There is no derivative by them, and to ask for
            one is a mistake: ``None`` in what a rule returns would make it zeros.
        constant: whether the output does not change when the arguments change a little (indices,
            comparisons). Then it is a constant to every transform that differentiates.
    """

    __name__: str

    def __init__(
        self, forward: Callable[..., Any], arity: int | None = None, constant: bool = False
    ) -> None:
        functools.update_wrapper(self, forward)
        self.forward = forward
        self.vjp: Callable[..., Sequence[array | None]] | None = None
        self.jvp: Callable[..., Sequence[array]] | None = None
        self.batch: Callable[..., Any] | None = None
        self.indices: slice | None = None
        self.constant = constant
        self.arity, self.names, self.array_names = _arguments(forward, arity)

    def defvjp(self, rule: Rule) -> Rule:
        """Register ``rule`` as the derivative of this primitive."""
        self.vjp = rule
        return rule

    def refuse_indices(self, tag: str, asked: Sequence[Any]) -> None:
        """Compare with the arguments whose derivative is asked for: those that are not ``None``.

        Raises:
            ValueError: an index is among them.
        """
        if self.indices is not None and any(x is not None for x in asked[self.indices]):
            raise ValueError(
                f"[{self.__name__}] Cannot calculate {tag} with respect to indices. Use "
                f"stop_gradient on indices to stop gradients from being computed."
            )

    def __call__(self, *args: Any, stream: Any = None, **params: Any) -> Any:
        """The one bind: run the forward function, or hand over to the trace that watches.

        ``stream=`` is understood for every primitive: its work, and later that of its derivative,
        goes to that stream or device.
        """
        if stream is not None:
            params["stream"] = stream
        if len(args) > self.arity:
            args, params = self._by_position(args, params)
        elif params and len(args) < self.arity:
            args, params = self._by_name(args, params)
        values = []
        for x in args:
            if type(x) is array:
                if x._trace is not None:
                    return self._watched(args, params)
                x = x._value
            values.append(x)
        try:
            if "stream" in params:
                y = self._forward_on_stream(values, **params)
            else:
                y = self.forward(*values, **params)
        except RuntimeError as error:
            raise self._explained(error, args) from None
        return _wrapped(y)

    def of_two(self, a: Any, b: Any) -> Any:
        """The same for two arguments: the operators call this. Python calls a method much faster
        than an object."""
        return self(a, b)

    def _by_position(
        self, args: tuple[Any, ...], params: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What follows the arrays are parameters: they are known by their names from here on."""
        arity = self.arity
        if len(args) > arity + len(self.names):
            expected = arity + len(self.names)
            raise TypeError(f"{self.__name__}() takes at most {expected} positional arguments")
        named = dict(zip(self.names, args[arity:]))
        for name in params:
            if name in named:
                raise TypeError(f"{self.__name__}() got multiple values for argument '{name}'")
        named.update(params)
        if "stream" in named and named["stream"] is None:
            del named["stream"]
        return args[:arity], named

    def _by_name(
        self, args: tuple[Any, ...], params: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """An array may be given by its name."""
        for name in self.array_names[len(args) :]:
            if name not in params:
                break
            args = (*args, params.pop(name))
        return args, params

    def _watched(self, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Hand over to the trace of the highest level.

        An array that leaked out of a transform (appended to a list outside, say) is a constant once
        the transform has returned, as in MLX.
        """
        top: Trace | None = None
        for x in args:
            if type(x) is array:
                trace = x._trace
                if trace is not None:
                    if trace.finished:
                        return self(*[released(x) for x in args], **params)
                    if top is None or trace.level > top.level:
                        top = trace
        assert top is not None
        return top.bind(self, args, params)

    def _forward_on_stream(self, values: list[Any], *, stream: Any, **params: Any) -> Any:
        with mx.stream(stream):
            return self.forward(*values, **params)

    def _explained(self, error: RuntimeError, args: Sequence[Any]) -> Exception:
        if str(error) != "std::bad_cast":
            return error
        kinds = ", ".join(type(x).__name__ for x in args)
        return TypeError(f"[{self.__name__}] expected arrays and numbers, but got {kinds}.")

    @property
    def __signature__(self) -> Any:
        """What ``help`` and editors show: the forward function's signature and ``stream``."""
        import inspect

        signature = inspect.signature(self.forward)
        by_position = "stream" in self.names
        kind = (
            inspect.Parameter.POSITIONAL_OR_KEYWORD
            if by_position
            else inspect.Parameter.KEYWORD_ONLY
        )
        stream = inspect.Parameter("stream", kind, default=None)
        return signature.replace(parameters=[*signature.parameters.values(), stream])

    def __repr__(self) -> str:
        return f"<primitive {self.__name__}>"


class Unary(Primitive):
    """A primitive of one array: the bind of :class:`Primitive`, without its loop.

    A step makes thousands of calls, most of them with arrays only. So the arrays have names here:
    Python then builds no tuple for them. (One that is absent was given by its own name.)
    """

    def __call__(self, x: Any = _absent, /, *more: Any, stream: Any = None, **params: Any) -> Any:
        if type(x) is array and stream is None:
            if x._trace is None:
                value = x._value
                if params:
                    return _wrapped(self.forward(value, *more, **params))
                return _wrapped(self.forward(value, *more) if more else self.forward(value))
            if not more:
                return self._watched((x,), params)
        args = more if x is _absent else (x, *more)
        return Primitive.__call__(self, *args, stream=stream, **params)


class Binary(Primitive):
    """A primitive of two arrays or numbers; see :class:`Unary`."""

    def __call__(
        self, a: Any = _absent, b: Any = _absent, /, *more: Any, stream: Any = None, **params: Any
    ) -> Any:
        if more or params or stream is not None or b is _absent:
            args = [x for x in (a, b, *more) if x is not _absent]
            return Primitive.__call__(self, *args, stream=stream, **params)
        return self.of_two(a, b)

    def of_two(self, a: Any, b: Any) -> Any:
        left, right = a, b
        if type(a) is array:
            if a._trace is not None:
                return self._watched((a, b), {})
            left = a._value
        if type(b) is array:
            if b._trace is not None:
                return self._watched((a, b), {})
            right = b._value
        try:
            y = self.forward(left, right)
        except RuntimeError as error:
            raise self._explained(error, (a, b)) from None
        return _wrapped(y)


def _wrapped(y: Any) -> Any:
    """What a forward function returned, in arrays that nobody watches."""
    if type(y) is not _mx_array:
        return [wrap(part) for part in y]
    x = _new(array)
    x._value = y
    x._trace = x._record = None
    return x


def primitive(forward: Callable[..., Any], name: str | None = None) -> Primitive:
    """Make a primitive of a forward function on bare ``mx`` arrays.

    Arguments before the ``/`` of its signature are arrays or numbers, later ones are parameters::

        @primitive
        def tanh(x, /):
            return mx.tanh(x)

        @tanh.defvjp
        def tanh_vjp(g, y, x):
            return (g * (1 - y * y),)
    """
    made = _kind(forward)(forward)
    made.__name__ = name or forward.__name__
    return made


def _kind(forward: Callable[..., Any]) -> type[Primitive]:
    arity, _, _ = _arguments(forward, None)
    return {1: Unary, 2: Binary}.get(arity, Primitive)


def behind(name: str) -> Callable[[Callable[..., Any]], Primitive]:
    """As :func:`primitive`, for the operation behind a function that users know by ``name``."""
    return functools.partial(primitive, name=name)


def constant(forward: Callable[..., Any]) -> Primitive:
    """Make a primitive whose output is a constant to every transform that differentiates."""
    return _kind(forward)(forward, constant=True)


def _arguments(
    forward: Callable[..., Any], arity: int | None
) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """How many array arguments a forward function has, and the names of parameters and arrays."""
    if arity is not None:
        return arity, (), ()
    code = forward.__code__
    if code.co_flags & 0x04:  # it takes *args: all of them are arrays
        return sys.maxsize, (), ()
    arrays = code.co_posonlyargcount
    return arrays, code.co_varnames[arrays : code.co_argcount], code.co_varnames[:arrays]
