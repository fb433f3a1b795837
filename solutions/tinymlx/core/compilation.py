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

from .arrays import array, holder, wrap
from .places import Places, places_of
from .tree import boxes, leaves, rebuild


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

    reads, writes = places_of(inputs), places_of(outputs)

    def traced(args: Any, kwargs: Any, state: list[mx.array]) -> Any:
        with lent(reads, lambda: reads.put(state)), kept_on_error([inputs, outputs]):
            result = fun(*rebuild(_wrapped, args), **rebuild(_wrapped, kwargs))
            changed = [_unwrapped(x) for x in writes.look()]
            return rebuild(_unwrapped, result), changed

    compiled = mx.compile(traced, inputs=_native(inputs), outputs=_native(outputs))

    @functools.wraps(fun)
    def compiled_fun(*args: Any, **kwargs: Any) -> Any:
        state = reads.values(keep=reads is writes)
        if state is None:
            return fun(*args, **kwargs)
        try:
            arrays = [
                x._value if type(x) is array and x._trace is None else rebuild(_unwrapped, x)
                for x in args
            ]
            named = rebuild(_unwrapped, kwargs) if kwargs else kwargs
            result, changed = compiled(arrays, named, state)
        except WatchedOutside:
            return fun(*args, **kwargs)
        # Let go of the old values, so that each goes when its array is replaced: with hundreds of
        # old and new ones at a time, Python would look for garbage in every call.
        del state
        if writes is not reads:
            # The inputs have been looked up above; this tree may have grown since.
            writes.values(keep=True)
        writes.put(changed)
        return wrap(result) if type(result) is mx.array else rebuild(_wrapped, result)

    return compiled_fun


class WatchedOutside(Exception):
    """While it was traced, the function used an array that a transform outside is watching."""


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


_RANDOM_STATE = type(mx.random.state)


def _native(tree: Any) -> Any:
    """What ``mx.compile`` must capture by itself: the state of the random numbers."""
    return [x for x in leaves(tree) if isinstance(x, _RANDOM_STATE)] or None


@contextmanager
def lent(places: Places, put: Callable[[], None]) -> Iterator[None]:
    """While the context lasts, the arrays that ``put`` puts there stand in the places of a tree.

    Each place gets an array of its own, also where one array stands at several places: they may
    have become different by the next call. What ``fun`` has put somewhere stays there.
    """
    before = [(x, holder(x)) for x in places.look()]
    put()
    owners = {id(new): (new, *old) for new, old in zip(places.look(), before)}
    try:
        yield
    finally:
        found = places.look()
        for box, key, x in zip(places.boxes, places.keys, found):
            if id(x) in owners:
                _, original, its_value = owners[id(x)]
                original._rebind(its_value)
                if box is not None:
                    box[key] = original


@contextmanager
def kept_on_error(tree: Any) -> Iterator[None]:
    """If something is raised, lists and dicts of the tree become again what they were before."""
    kept = [(box, list(box) if isinstance(box, list) else dict(box)) for box in boxes(tree)]
    try:
        yield
    except BaseException:
        for box, content in kept:
            # The plain methods: a module's own `update` takes parameters only.
            if isinstance(content, list):
                list.__setitem__(box, slice(None), content)
            else:
                dict.clear(box)
                dict.update(box, content)
        raise


def disable_compile() -> None:
    """From now on compiled functions run as they are."""
    mx.disable_compile()


def enable_compile() -> None:
    """The opposite of :func:`disable_compile`."""
    mx.enable_compile()
