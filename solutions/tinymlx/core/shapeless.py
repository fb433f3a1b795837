"""``compile(..., shapeless=True)``, so that it is right whatever its function does with shapes.

``mx.compile`` can run one graph on arrays of other shapes. But whatever Python did with the shapes
while the graph was made stands in the graph for ever: a division by ``x.shape[0]``, the zeros of a
derivative rule, a reshape. So somebody has to look: if the function, or a rule on its way, asks an
array for its shape, the function is compiled once for each shape instead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import compilation
from .arrays import array


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
        shapeless: whether other shapes shall do without a new compilation. They do, unless ``fun``
            asks an array for its shape, which is also done by ``zeros_like``, ``vmap`` and many
            gradients; then it is compiled for each shape all the same.

    Returns:
        A function with the arguments and results of ``fun``.
    """
    by_shape = compilation.compile(fun, inputs, outputs)
    if not shapeless:
        return by_shape
    questions: list[str] = []

    @functools.wraps(fun)
    def listened(*args: Any, **kwargs: Any) -> Any:
        with listening(questions):
            result = fun(*args, **kwargs)
        if questions:
            raise AskedForShape
        return result

    for_all_shapes = compilation.compile(listened, inputs, outputs, shapeless=True)

    @functools.wraps(fun)
    def compiled_fun(*args: Any, **kwargs: Any) -> Any:
        if not questions:
            try:
                return for_all_shapes(*args, **kwargs)
            except AskedForShape:  # before anything was computed or changed
                pass
        return by_shape(*args, **kwargs)

    return compiled_fun


class AskedForShape(Exception):
    """While it was traced, the function asked an array for its shape."""


@contextmanager
def listening(questions: list[str]) -> Iterator[None]:
    """While the context lasts, every question after the shape of an array goes into the list."""
    silent = array.shape
    array.shape = property(lambda x: questions.append("shape") or silent.fget(x))  # type: ignore
    try:
        yield
    finally:
        array.shape = silent  # type: ignore
