"""Function transforms: ``vjp``, ``grad``, ``value_and_grad``, and ``stop_gradient``.

Each takes a function and watches it with a :class:`~tinymlx.core.tape.Tape` while it runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from .arguments import Loan, Selection, shape_text
from .arrays import array, as_array, holder, wrap
from .primitive import constant
from .tape import Tape, backward, zeros_like
from .tree import replace


@constant
def stop_gradient(x: mx.array, /) -> mx.array:
    """The same values as a constant: no gradient flows back through the result.

    Args:
        x: any array.

    Returns:
        An array with the shape, dtype and values of ``x``, that no transform watches.
    """
    raise NotImplementedError(
        "3.10 stop_gradient - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def vjp(
    fun: Callable[..., Any], primals: Sequence[Any], cotangents: Sequence[Any]
) -> tuple[list[array], list[array]]:
    r"""The outputs of ``fun`` and the product of ``cotangents`` with its Jacobian.

    For :math:`y = f(x)` with Jacobian :math:`J = \partial y / \partial x` and a cotangent :math:`v`
    of the shape of :math:`y` this is :math:`v^\top J`, of the shape of :math:`x`.

    The steps: start a :class:`Tape` (``with Tape() as tape:``); watch the primals, and remember the
    node of each (``tape.node_of``) before ``fun`` runs, because it may change its inputs in place;
    call ``fun`` on them; bring what it returned into a list (:func:`arrays_of`), and the cotangents
    into its dtypes (:func:`matching_cotangents`); send the cotangents of those outputs that the
    tape watches :func:`backward`. The outputs are returned one level down, each in an array of its
    own, ``holder(tape.lower(y))``; the cotangent of each primal is what :func:`gradient_of` finds
    for its node.

    Args:
        fun: a function of ``len(primals)`` arrays that returns an array, or a list or tuple of
            arrays.
        primals: the arrays to call ``fun`` with.
        cotangents: for each output an array of its shape.

    Returns:
        The outputs, and for each primal the sum over the outputs of cotangent times Jacobian; zeros
        where no output depends on a primal.

    Raises:
        ValueError: there are fewer cotangents than outputs, or one does not have the shape of its
            output.
        TypeError: ``fun`` returned something else than arrays.
    """
    raise NotImplementedError(
        "3.8 vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def arrays_of(outputs: Any) -> list[array]:
    """The outputs of a function under ``vjp`` as a list."""
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    for y in outputs:
        if not isinstance(y, (array, mx.array)):
            raise TypeError(
                f"[vjp] The function should return an array, or a list or tuple of arrays; but it "
                f"returned a {type(y).__name__}."
            )
    return [as_array(y) for y in outputs]


def matching_cotangents(outputs: Sequence[array], cotangents: Sequence[Any]) -> list[array]:
    """The cotangents in the dtypes of the outputs.

    Raises:
        ValueError: there are too few of them, or a shape differs.
    """
    if len(cotangents) < len(outputs):
        raise ValueError(
            f"[vjp] Number of outputs to compute gradients for ({len(outputs)}) does not match "
            f"number of cotangents ({len(cotangents)})."
        )
    matching = []
    for y, g in zip(outputs, cotangents):
        g = holder(as_array(g))
        if g.shape != y.shape:
            raise ValueError(
                f"[vjp] Output shape {shape_text(y.shape)} does not match cotangent shape "
                f"{shape_text(g.shape)}."
            )
        matching.append(g if g.dtype == y.dtype else g.astype(y.dtype))
    return matching


def gradient_of(leaf: Any, gradients: dict[Any, array]) -> array:
    """What flowed back to a leaf, in an array of its own; zeros if nothing did."""
    g = gradients.get(leaf)
    return zeros_like(leaf.output) if g is None else holder(g)


def value_and_grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    argnames: str | Sequence[str] = (),
) -> Callable[..., tuple[Any, Any]]:
    """A function that returns the value of ``fun`` and its gradient.

    Args:
        fun: a function that returns a scalar array, or a tuple whose first entry is one; the other
            entries are returned as they are, and nothing is differentiated through them.
        argnums: the positional argument, or arguments, to differentiate: each an array or a tree of
            arrays. By default the first one, unless ``argnames`` are given.
        argnames: the keyword argument, or arguments, to differentiate.

    Returns:
        A function with the arguments of ``fun`` that returns ``(value, gradient)``. The gradient
        has the structure of the argument; with several ``argnums`` it is a tuple. With ``argnames``
        it is ``(positional, named)``: the gradient of the positional arguments (or ``None``), and a
        dict for the named ones.

    Raises:
        ValueError: an argument to differentiate is missing, or contains something else than arrays;
            ``fun`` does not return a scalar array (first).
    """
    return _differentiated("value_and_grad", fun, argnums, argnames)


def grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    argnames: str | Sequence[str] = (),
) -> Callable[..., Any]:
    """A function that returns the gradient of ``fun``.

    The arguments are those of :func:`value_and_grad`, but ``fun`` must return a scalar array alone.
    """
    value_and_gradient = _differentiated("grad", fun, argnums, argnames)

    @functools.wraps(fun)
    def gradient_fun(*args: Any, **kwargs: Any) -> Any:
        return value_and_gradient(*args, **kwargs)[1]

    return gradient_fun


def _differentiated(
    tag: str,
    fun: Callable[..., Any],
    argnums: int | Sequence[int] | None,
    argnames: str | Sequence[str],
) -> Callable[..., tuple[Any, Any]]:
    if not callable(fun):
        raise TypeError(f"[{tag}] The first argument should be a function, not {fun!r}.")
    selection = Selection(tag, argnums, argnames)

    @functools.wraps(fun)
    def value_and_gradient_fun(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        selection.check(args, kwargs)
        if selection.names:
            return named_value_and_gradient(selection, fun, args, kwargs)
        return value_and_gradient(selection, fun, args, kwargs)

    return value_and_gradient_fun


def value_and_gradient(
    selection: Selection, fun: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Any, Any]:
    """Call ``fun`` on watched arguments, and walk back from its loss.

    The steps, in a running :class:`~tinymlx.core.tape.Tape`: a :class:`Loan` puts watched arrays in
    the place of those to differentiate; ``loan.lend(tape)`` returns the arguments with them, to
    call ``fun`` with. ``selection.loss_of(value)`` finds the loss in what it returns. If the tape
    watches the loss, :func:`~tinymlx.core.tape.backward` runs from its node (``tape.node_of``) with
    the cotangent 1; otherwise nothing flows back. Whatever happens, also when ``fun`` raises,
    ``loan.take_back(tape)`` ends the loan.

    Args:
        selection: which arguments to differentiate, by their positions.
        fun: the function.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Returns:
        The value of ``fun`` as the outside sees it, ``settled(tape, value)``, and the gradients in
        the structure of the arguments: ``loan.arrange`` of a list with ``gradient_of(leaf,
        gradients)`` for each leaf in ``loan.leaves``.
    """
    raise NotImplementedError(
        "3.9 value_and_gradient - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def named_value_and_gradient(
    selection: Selection, fun: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Any, Any]:
    """As :func:`value_and_gradient`, when some arguments to differentiate were chosen by name.

    :func:`value_and_gradient` knows positions only. But a dict of arrays is a tree like any other,
    and can stand at a position. So the chosen named arguments, ``{name: kwargs[name]}``, become one
    argument more, behind the last of ``args``, of a function that calls ``fun`` as it was meant to
    be called; the other named arguments stay where they are. What is asked for now is
    ``Selection(selection.tag, positions)``, with that place among the positions.

    Args:
        selection: which arguments to differentiate: ``selection.positions``, in order and possibly
            empty, and ``selection.names``, at least one, in order.
        fun: the function.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Returns:
        The value of ``fun``, and a pair: the gradient of the positional arguments (``None`` without
        positions, the gradient itself for one, a tuple for several), and a dict with the gradient
        of each named one.
    """
    raise NotImplementedError(
        "6.2 named_value_and_gradient - exercises/ch06_training_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def settled(tape: Tape, tree: Any) -> Any:
    """The tree with every array that ``tape`` watches replaced by its value one level down."""
    return replace(lambda x: holder(x._value) if tape.watches(x) else x, tree)
