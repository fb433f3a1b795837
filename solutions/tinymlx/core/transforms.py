"""Function transforms: ``vjp``, ``grad``, ``value_and_grad``, and ``stop_gradient``.

Each takes a function and watches it with a :class:`~tinymlx.core.tape.Tape` while it runs.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from .arrays import array, as_array, holder, wrap
from .primitive import constant
from .tape import Tape, backward, zeros_like
from .tree import leaves, rebuild, replace


@constant
def stop_gradient(x: mx.array, /) -> mx.array:
    """The same values as a constant: no gradient flows back through the result.

    Args:
        x: any array.

    Returns:
        An array with the shape, dtype and values of ``x``, that no transform watches.
    """
    return x


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
    with Tape() as tape:
        inputs = [tape.watch(x) for x in primals]
        sources = [tape.node_of(x) for x in inputs]  # now: fun may change its inputs in place
        outputs = arrays_of(fun(*inputs))
        cotangents = matching_cotangents(outputs, cotangents)
        recorded = [(y._record, g) for y, g in zip(outputs, cotangents) if tape.watches(y)]
        gradients = backward([node for node, _ in recorded], [g for _, g in recorded])
    values = [holder(tape.lower(y)) for y in outputs]
    return values, [gradient_of(node, gradients) for node in sources]


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
                f"[vjp] Output shape {_text(y.shape)} does not match cotangent shape "
                f"{_text(g.shape)}."
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
        selection: which arguments to differentiate.
        fun: the function.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Returns:
        The value of ``fun`` as the outside sees it, ``settled(tape, value)``, and the gradients in
        the structure of the arguments: ``loan.arrange`` of a list with ``gradient_of(leaf,
        gradients)`` for each leaf in ``loan.leaves``.
    """
    loan = Loan(selection, args, kwargs)
    with Tape() as tape:
        try:
            new_args, new_kwargs = loan.lend(tape)
            value = fun(*new_args, **new_kwargs)
            node = tape.node_of(loss := selection.loss_of(value))
            one = wrap(mx.ones((), loss.dtype))
            gradients = {} if node is None else backward([node], [one])
        finally:
            loan.take_back(tape)
    return settled(tape, value), loan.arrange([gradient_of(x, gradients) for x in loan.leaves])


def settled(tape: Tape, tree: Any) -> Any:
    """The tree with every array that ``tape`` watches replaced by its value one level down."""
    return replace(lambda x: holder(x._value) if tape.watches(x) else x, tree)


class Selection:
    """Which arguments of a function to differentiate: what ``argnums`` and ``argnames`` mean.

    Args:
        tag: the name of the transform, for messages.
        argnums: one position or several; ``None`` is the first, unless there are names.
        argnames: one name or several.
    """

    def __init__(
        self, tag: str, argnums: int | Sequence[int] | None, argnames: str | Sequence[str] | None
    ) -> None:
        self.tag = tag
        self.names = sorted({argnames} if isinstance(argnames, str) else set(argnames or ()))
        if argnums is None:
            argnums = () if self.names else (0,)
        self.positions = sorted(_positions(tag, argnums))
        if not self.positions and not self.names:
            raise ValueError(f"[{tag}] Gradient wrt no argument requested")
        for first, second in zip(self.positions, self.positions[1:], strict=False):
            if first == second:
                raise ValueError(f"[{tag}] Duplicate argument index {first} is not allowed.")
        if self.positions and self.positions[0] < 0:
            raise ValueError(
                f"[{tag}] Can't compute the gradient of negative argument index {self.positions[0]}"
            )

    def trees(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments to differentiate: first the positional ones, then the named ones."""
        if self.positions and self.positions[-1] >= len(args):
            raise ValueError(
                f"[{self.tag}] Can't compute the gradient of argument index {self.positions[-1]} "
                f"because the function is called with only {len(args)} positional arguments."
            )
        for name in self.names:
            if name not in kwargs:
                known = "{" + ", ".join(kwargs) + "}"
                raise ValueError(
                    f"[{self.tag}] Can't compute the gradient of keyword argument '{name}' because "
                    f"the function is called with the following keyword arguments {known}"
                )
        return [args[i] for i in self.positions] + [kwargs[name] for name in self.names]

    def loss_of(self, value: Any) -> array:
        """The scalar to differentiate, in what the function returned."""
        loss = value
        if self.tag == "value_and_grad" and isinstance(value, tuple):
            if not value:
                raise ValueError(f"{self._expected()}; but it was an empty tuple.")
            loss = value[0]
            if not isinstance(loss, (array, mx.array)):
                raise ValueError(
                    f"{self._expected()}; but it was a tuple with the first value being of type "
                    f"{type(loss).__name__}."
                )
        if not isinstance(loss, (array, mx.array)):
            raise ValueError(f"{self._expected()}; but {type(value).__name__} was returned.")
        if loss.ndim:
            raise ValueError(
                f"[vjp] Output shape {_text(loss.shape)} does not match cotangent shape (). If you "
                f"are using grad your function must return a scalar."
            )
        return as_array(loss)

    def _expected(self) -> str:
        should = "should be a scalar array"
        if self.tag == "value_and_grad":
            should = (
                "should be either a scalar array or a tuple with the first value being a scalar "
                "array (Union[array, tuple[array, Any, ...]])"
            )
        return (
            f"[{self.tag}] The return value of the function whose gradient we want to compute "
            f"{should}"
        )


class Loan:
    """Watched arrays in the place of those to differentiate, for one call of a function.

    Lists and dicts are lent, not copied: a module that the function also reaches by another name
    shows the watched arrays there, too.

    Args:
        selection: which arguments to differentiate.
        args: the positional arguments of the call.
        kwargs: its keyword arguments.

    Attributes:
        leaves: for each array to differentiate, from left to right, its node on the tape.

    Raises:
        ValueError: an argument is missing, or contains something else than arrays, or nothing.
    """

    def __init__(self, selection: Selection, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.selection = selection
        self.args = list(args)
        self.kwargs = dict(kwargs)
        trees = selection.trees(args, kwargs)
        self.structure = [rebuild(lambda x: x, tree) for tree in trees]  # fun may change the trees
        self.originals = list(leaves(trees))
        if not all(isinstance(x, (array, mx.array)) for x in self.originals):
            raise ValueError("[tree_flatten] The argument should contain only arrays")
        if not self.originals:
            raise ValueError(f"[{selection.tag}] Must specify at least one argument.")
        self.tracers: list[array] = []
        self.leaves: list[Any] = []

    def lend(self, tape: Tape) -> tuple[list[Any], dict[str, Any]]:
        """Watch the arrays to differentiate, and put the watched ones in their places.

        ``tape.watch(x)`` is the watched array for an array, ``tape.node_of`` its node. The watched
        arrays of all :attr:`originals` become ``self.tracers``, their nodes :attr:`leaves`. Then
        ``replace(fun, tree)`` puts one after the other into the arguments that the selection names:
        the positional ones (``self.selection.positions``), then the named ones
        (``self.selection.names``), in the order in which the originals were found. Lists and dicts
        are changed where they are, which is what lending means.

        Args:
            tape: the tape that watches.

        Returns:
            The arguments to call the function with, ``self.args`` and ``self.kwargs``.
        """
        self.tracers = [tape.watch(x) for x in self.originals]
        self.leaves = [tape.node_of(x) for x in self.tracers]
        supply = iter(self.tracers)
        for i in self.selection.positions:
            self.args[i] = replace(lambda _: next(supply), self.args[i])
        for name in self.selection.names:
            self.kwargs[name] = replace(lambda _: next(supply), self.kwargs[name])
        return self.args, self.kwargs

    def take_back(self, tape: Tape) -> None:
        """End the loan: put the arrays back where their watched ones stand.

        In every argument that is a list, dict or tuple (also in those that are not differentiated:
        the function may have moved things), ``replace`` leaves

        * the original array in the place of its watched one (compare by ``id``),
        * the value one level down, ``holder(x._value)``, in the place of any other array ``x`` that
          ``tape.watches(x)``: something that the function computed and wrote there,
        * everything else as it is.

        Args:
            tape: the tape that watches.
        """
        owner = {id(t): x for t, x in zip(self.tracers, self.originals, strict=False)}

        def given_back(x: Any) -> Any:
            if id(x) in owner:
                return owner[id(x)]
            return holder(x._value) if tape.watches(x) else x

        for tree in (*self.args, *self.kwargs.values()):
            if isinstance(tree, (list, dict, tuple)):
                replace(given_back, tree)

    def arrange(self, gradients: Sequence[array]) -> Any:
        """The gradients in the structure of the arguments they belong to."""
        supply = iter(gradients)
        trees = [rebuild(lambda _: next(supply), tree) for tree in self.structure]
        count = len(self.selection.positions)
        positional = tuple(trees[:count]) if count > 1 else trees[0] if count else None
        if not self.selection.names:
            return positional
        return positional, dict(zip(self.selection.names, trees[count:], strict=True))


def _text(shape: Sequence[int]) -> str:
    return f"({','.join(map(str, shape))})"


def _positions(tag: str, argnums: Any) -> list[int]:
    try:
        if hasattr(argnums, "__index__"):
            return [operator.index(argnums)]
        return [operator.index(i) for i in argnums]
    except TypeError:
        raise TypeError(
            f"[{tag}] argnums should be an integer or a sequence of integers, not {argnums!r}."
        ) from None
