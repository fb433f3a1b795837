"""Several optimizers for one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinymlx.core import array
from tinymlx.optimizers.optimizer import Optimizer
from tinymlx.utils import tree_flatten, tree_merge, tree_unflatten


class MultiOptimizer(Optimizer):
    """Different optimizers for different parameters.

    A parameter belongs to the first optimizer whose filter accepts it, and to the last one if none
    does.

    Args:
        optimizers: the optimizers.
        filters: for each but the last a function of the path of a parameter
            (``"layers.0.weight"``) and its gradient; whether the optimizer takes it.

    Attributes:
        state: a dict whose only entry ``"states"`` lists the states of the optimizers.

    Raises:
        ValueError: there is not one filter less than optimizers.

    Shape: state is that of each optimizer's own parameters.
    """

    def __init__(
        self,
        optimizers: Sequence[Optimizer],
        filters: Sequence[Callable[[str, array], bool]] = (),
    ) -> None:
        super().__init__()
        if len(filters) != len(optimizers) - 1:
            raise ValueError(f"Given {len(filters)} filters but {len(optimizers) - 1} needed.")
        self.optimizers = optimizers
        self.filters = [*filters, lambda path, gradient: True]

    def _split_dictionary(self, gradients: dict[str, Any]) -> list[Any]:
        """The tree of gradients divided among the optimizers.

        Each gradient goes, with its path, to the first optimizer whose filter (in
        ``self.filters``, where the last one accepts everything) returns true for
        ``(path, gradient)``. ``tree_flatten`` and ``tree_unflatten`` lead from trees to paths and
        back.

        Args:
            gradients: the tree.

        Returns:
            For each optimizer the tree of its gradients, ``{}`` if it has none. A single optimizer
            gets the tree as it is.
        """
        if len(self.optimizers) == 1:
            return [gradients]
        parts: list[list[tuple[str, Any]]] = [[] for _ in self.optimizers]
        for path, gradient in tree_flatten(gradients):
            for part, accepts in zip(parts, self.filters):
                if accepts(path, gradient):
                    part.append((path, gradient))
                    break
        return [tree_unflatten(part) if part else {} for part in parts]

    def init(self, parameters: dict[str, Any]) -> None:
        """Initialize each optimizer with its part of the parameters."""
        for optimizer, part in zip(self.optimizers, self._split_dictionary(parameters)):
            optimizer.init(part)

    def apply_gradients(self, gradients: dict[str, Any], parameters: dict[str, Any]) -> Any:
        """Updated parameters, from each optimizer those of its part."""
        updated: Any = {}
        for optimizer, part in zip(self.optimizers, self._split_dictionary(gradients)):
            updated = tree_merge(updated, optimizer.apply_gradients(part, parameters))
        return updated

    @property
    def state(self) -> dict[str, Any]:
        """The states of all optimizers."""
        return {"states": [optimizer.state for optimizer in self.optimizers]}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        if "states" not in state or len(state["states"]) != len(self.optimizers):
            raise ValueError("Invalid state provided")
        for optimizer, part in zip(self.optimizers, state["states"]):
            optimizer.state = part

    @property
    def learning_rate(self) -> array:
        """The learning rate of the first optimizer; setting it sets that of all."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: float | array) -> None:
        for optimizer in self.optimizers:
            optimizer.learning_rate = learning_rate
