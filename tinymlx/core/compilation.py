"""Compiling: ``mx.compile`` for functions of this library's arrays.

``mx.compile`` calls a function once with placeholders, remembers the graph of ``mlx.core``
operations that it builds, and afterwards runs the graph alone. Our arrays hold bare ones, so it is
enough to unwrap on the way in and to wrap on the way out; tapes come and go while the graph is
built, and nothing of them is left in it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mlx.core as mx

from .arrays import array, wrap
from .tree import boxes, leaves, rebuild, replace


def compile(
    fun: Callable[..., Any],
    inputs: Any = None,
    outputs: Any = None,
    shapeless: bool = False,
) -> Callable[..., Any]:
    """A compiled version of ``fun``.

    ``fun`` runs again only when the shapes, the dtypes or the constants among its arguments change.
    It should have no effects but its results and its changes of ``outputs``. Where a transform
    watches an argument, ``fun`` is called as it is: to compile a gradient, compile the function
    outside of it.

    Args:
        fun: a function of trees of arrays (and numbers, strings and ``None``, which are constants).
        inputs: a list or dict of arrays (a module, an optimizer's state, ``random.state``) that
            ``fun`` also reads; without it they would be constants.
        outputs: a list or dict of arrays that ``fun`` changes.
        shapeless: makes no difference. In MLX one graph serves all shapes then, and what Python
            did with the first shape (a division by ``x.shape[0]``, the zeros of a derivative rule)
            stands in it for ever. Here every shape is traced, which takes about as long as one call
            without ``compile``; the kernels are compiled once.

    Returns:
        A function with the arguments and results of ``fun``.
    """

    def traced(args: Any, kwargs: Any, state: Any) -> Any:
        with _lent(inputs, state), _kept_on_error([inputs, outputs]):
            result = fun(*rebuild(_wrapped, args), **rebuild(_wrapped, kwargs))
            changed = [_unwrapped(x) for x in _arrays(outputs)]
            return rebuild(_unwrapped, result), changed

    compiled = mx.compile(traced, inputs=_native(inputs), outputs=_native(outputs))

    @functools.wraps(fun)
    def compiled_fun(*args: Any, **kwargs: Any) -> Any:
        state = _arrays(inputs)
        if any(_is_watched(x) for x in state) or any(
            _is_watched(x) for x in leaves([args, kwargs])
        ):
            return fun(*args, **kwargs)
        try:
            result, changed = compiled(
                rebuild(_unwrapped, args),
                rebuild(_unwrapped, kwargs),
                [_unwrapped(x) for x in state],
            )
        except WatchedOutside:
            return fun(*args, **kwargs)
        _write(outputs, changed)
        return rebuild(_wrapped, result)

    return compiled_fun


class WatchedOutside(Exception):
    """While it was traced, the function used an array that a transform outside is watching."""


def _is_watched(x: Any) -> bool:
    return type(x) is array and x._trace is not None


def _wrapped(x: Any) -> Any:
    return wrap(x) if isinstance(x, mx.array) else x


def _unwrapped(x: Any) -> Any:
    if type(x) is not array:
        return x
    while x._trace is not None:
        if not x._trace.finished:
            raise WatchedOutside
        x = x._value  # it has leaked from a transform inside, and is a constant by now
    return x._value


def _arrays(tree: Any) -> list[array]:
    return [x for x in leaves(tree) if isinstance(x, array)]


_RANDOM_STATE = type(mx.random.state)


def _native(tree: Any) -> Any:
    """What ``mx.compile`` must capture by itself: the state of the random numbers."""
    return [x for x in leaves(tree) if isinstance(x, _RANDOM_STATE)] or None


@contextmanager
def _lent(tree: Any, values: list[mx.array]) -> Iterator[None]:
    """While the context lasts, other arrays stand in the places of the tree.

    Each place gets an array of its own, also where one array stands at several places: they may
    have become different by the next call.
    """
    if isinstance(tree, array):
        kept, (tree._value,) = tree._value, values
        try:
            yield
        finally:
            tree._value, tree._trace, tree._record = kept, None, None
        return
    supply = iter(values)
    owners: dict[int, tuple[array, array]] = {}

    def borrowed(x: Any) -> Any:
        if not isinstance(x, array):
            return x
        _, original = owners.get(id(x), (x, x))  # a box that is reached twice is lent twice
        new = wrap(next(supply))
        owners[id(new)] = new, original
        return new

    replace(borrowed, tree)
    try:
        yield
    finally:
        replace(lambda x: owners[id(x)][1] if id(x) in owners else x, tree)


@contextmanager
def _kept_on_error(tree: Any) -> Iterator[None]:
    """If something is raised, lists and dicts of the tree become again what they were before."""
    kept = [(box, list(box) if isinstance(box, list) else dict(box)) for box in boxes(tree)]
    try:
        yield
    except BaseException:
        for box, content in kept:
            box.clear()
            box.extend(content) if isinstance(box, list) else box.update(content)
        raise


def _write(tree: Any, values: list[mx.array]) -> None:
    """Put new arrays in the place of those in the tree."""
    supply = iter(values)
    if isinstance(tree, array):
        tree._rebind(wrap(next(supply)))
    else:
        replace(lambda x: wrap(next(supply)) if isinstance(x, array) else x, tree)


def disable_compile() -> None:
    """From now on compiled functions run as they are."""
    mx.disable_compile()


def enable_compile() -> None:
    """The opposite of :func:`disable_compile`."""
    mx.enable_compile()
