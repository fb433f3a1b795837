"""A function in a file, with its weights inside or as inputs; and whether it does what it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import Module
from tinymlx.utils import tree_unflatten


def with_weights(model: Module, function: Callable[..., array]) -> Callable[..., array]:
    """``function`` with the parameters of ``model`` as inputs: ``f(*xs, **weights)``.

    ``weights`` are by name, as ``tree_flatten(model.parameters())`` has them; those that are left
    out are the model's own. Whatever happens, the model has its own parameters again when ``f``
    returns or raises.

    Args:
        model: the one that ``function`` calls.
        function: of arrays.

    Returns:
        A function that can be exported: in the file, weights are inputs like any others.

    Raises:
        ValueError: (by ``f``) ``weights`` has a name that the model has not.
    """

    def f(*xs: array, **weights: array) -> array:
        own = model.parameters()
        try:
            model.update(tree_unflatten(list(weights.items())))
            return function(*xs)
        finally:
            model.update(own)

    return f


def first_lie(
    function: Callable[..., array],
    other: Callable[..., Any],
    examples: Sequence[Sequence[array]],
    tolerance: float = 1e-5,
) -> str | None:
    """Where a function that was exported and imported is not the one that it was.

    Args:
        function: the original, with one output.
        other: the imported one; it returns a list with that output.
        examples: inputs to try, in this order; without a first lie none would be tried further.
        tolerance: the greatest difference, relative to the largest magnitude of the expected output
            or to 1, whichever is larger. The difference may be equal to it.

    Returns:
        ``None`` if all outputs agree in shape, dtype and values. Otherwise a sentence about the
        first example where they don't, which begins with ``"example 2: "`` (they count from 0) and
        then says ``"shape"``, ``"dtype"`` or ``"values"``, whichever of these differs first, or
        ``"raises"`` if ``other`` refuses what ``function`` takes (with a ``ValueError`` or
        ``RuntimeError``). What ``function`` itself raises comes through. NaN in the same places is
        no difference; NaN in one of them is one, and so is an infinity that the other has not.
    """
    for i, example in enumerate(examples):
        expected = function(*example)
        try:
            (found,) = other(*example)
        except (ValueError, RuntimeError) as error:
            return f"example {i}: raises {error}"
        if found.shape != expected.shape:
            return f"example {i}: shape {found.shape}, and it should be {expected.shape}"
        if found.dtype != expected.dtype:
            return f"example {i}: dtype {found.dtype}, and it should be {expected.dtype}"
        if not agree(found, expected, tolerance):
            return f"example {i}: values differ"
    return None


def agree(found: array, expected: array, tolerance: float) -> bool:
    """Whether two arrays of a shape agree; see :func:`first_lie`."""
    if found.size == 0:
        return True
    found, expected = found.astype(core.float32), expected.astype(core.float32)
    same = (found == expected) | (core.isnan(found) & core.isnan(expected))
    finite = core.isfinite(found) & core.isfinite(expected)
    size = core.max(core.where(core.isfinite(expected), core.abs(expected), 0.0))
    bound = tolerance * core.maximum(size, 1.0)
    near = finite & (core.abs(core.where(finite, found - expected, 0.0)) <= bound)
    return bool(core.all(same | near).item())


def export(
    file: str,
    function: Callable[..., array],
    examples: Sequence[Sequence[array]],
    shapeless: bool = False,
    weights: dict[str, array] | None = None,
) -> None:
    """Write a function to a file, read it again, and try it on every example.

    Args:
        file: ends in ``.mlxfn``.
        function: of arrays.
        examples: inputs; the first is what it is traced with.
        shapeless: whether it is to take other sizes, too (not another number of axes).
        weights: inputs by name, if the weights are not inside: see :func:`with_weights`.

    Raises:
        ValueError: the function of the file is not the one that it was; the sentence says where.
    """
    given: dict[str, Any] = weights or {}
    core.eval(given, *examples[0])
    core.export_function(file, function, *examples[0], shapeless=shapeless, **given)
    found = core.import_function(file)
    lie = first_lie(lambda *xs: function(*xs, **given), lambda *xs: found(*xs, **given), examples)
    if lie:
        raise ValueError(f"[export] What was exported is not the function: {lie}.")
