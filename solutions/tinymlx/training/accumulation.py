"""The gradient of a large batch from pieces that fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.utils import tree_map

ValueAndGradient = Callable[..., tuple[Any, Any]]


def accumulated(value_and_gradient: ValueAndGradient, pieces: int) -> ValueAndGradient:
    r"""A function that computes a mean loss and its gradient piece by piece.

    How is yours to design; the lesson says what can go wrong, and this is what is judged. Loss and
    gradient are those of the whole batch, whatever its size is. There are at most ``pieces`` pieces
    of at most ``ceil(N / pieces)`` of its :math:`N` examples. And when a piece begins, the one
    before has been computed: never are two of them in memory together, not even as lazy graphs.
    :func:`scaled` multiplies a whole tree.

    Args:
        value_and_gradient: called with some of the examples; returns their *mean* loss and its
            gradient, a tree. ``nn.value_and_grad(model, loss)`` is one, compiled or not.
        pieces: into how many pieces to divide a batch.

    Returns:
        A function of arrays whose first axis counts the examples; it returns the mean loss of all
        and its gradient.

    Raises:
        ValueError: ``pieces`` is below 1; (when called) the arrays have different numbers of
            examples, or none.
    """
    if pieces < 1:
        raise ValueError(f"[accumulated] pieces should be at least 1; it is {pieces}.")

    def of_batch(*batch: Any) -> tuple[Any, Any]:
        size = batch_size(batch)
        length = -(-size // pieces)
        total: Any = None
        for start in range(0, size, length):
            piece = [x[start : start + length] for x in batch]
            part = scaled(value_and_gradient(*piece), piece[0].shape[0] / size)
            total = part if total is None else tree_map(lambda a, b: a + b, total, part)
            core.eval(total)
        return total

    return of_batch


def scaled(tree: Any, factor: float) -> Any:
    """A tree of arrays times a number."""
    return tree_map(lambda x: x * factor, tree)


def batch_size(batch: tuple[Any, ...]) -> int:
    """How many examples the arrays of a batch have.

    Raises:
        ValueError: they disagree, or there is none.
    """
    sizes = {x.shape[0] for x in batch}
    if len(sizes) != 1 or 0 in sizes:
        shapes = [x.shape for x in batch]
        raise ValueError(
            f"[accumulated] The arrays of a batch need the same number of examples, at least 1; "
            f"their shapes are {shapes}."
        )
    return sizes.pop()
