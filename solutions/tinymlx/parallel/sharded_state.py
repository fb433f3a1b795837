r"""An optimizer whose state is divided among the processes.

Adam keeps two numbers for each weight. Where every process keeps all of them, :math:`n` processes
keep :math:`2 n` numbers for each weight, of which :math:`2 n - 2` are copies. Here a process
updates its own part of the weights, keeps the state of that part, and afterwards all parts are
gathered.

Source: S. Rajbhandari et al., ZeRO: Memory Optimizations Toward Training Trillion Parameter Models
(2019), section 5.1 (the first stage), https://arxiv.org/abs/1910.02054
"""

from __future__ import annotations

from typing import Any

from tinymlx import core, optimizers
from tinymlx.core import array
from tinymlx.core.distributed import Group
from tinymlx.nn import Module
from tinymlx.nn.layers.distributed.whole import own_row_of_sum
from tinymlx.utils import tree_flatten, tree_unflatten

#: Optimizers that look at a whole matrix; a part of a vector would be something else to them.
BY_MATRIX = (optimizers.Adafactor, optimizers.Muon)


class ShardedOptimizer:
    """An optimizer that updates this process's part of all weights, and gathers the others'.

    Args:
        optimizer: any that treats every weight by itself (SGD, Adam, Lion ...).
        group: the processes; all by default.

    Raises:
        ValueError: the optimizer looks at whole matrices.
    """

    def __init__(self, optimizer: optimizers.Optimizer, group: Group | None = None) -> None:
        if isinstance(optimizer, BY_MATRIX):
            raise ValueError(
                f"[ShardedOptimizer] {type(optimizer).__name__} updates a matrix as a whole; its "
                f"state cannot be divided by weights."
            )
        self.optimizer = optimizer
        self.group = group or core.distributed.init()

    @property
    def state(self) -> dict[str, Any]:
        """The state of this process's part."""
        return self.optimizer.state

    def update(self, model: Module, gradients: Any) -> None:
        """Take a step with the mean of all processes' gradients.

        Args:
            model: the model, the same in every process. It is the same afterwards, too.
            gradients: this process's own gradients, not averaged; a tree like the trainable
                parameters.
        """
        named = tree_flatten(gradients)
        parameters = dict(tree_flatten(model.trainable_parameters()))
        weights = [parameters[name] for name, _ in named]
        own_weights, own_gradients = {}, {}
        for dtype, some in by_dtype(weights).items():
            key = str(dtype)
            rows = in_rows([weights[i] for i in some], self.group.size())
            own_weights[key] = rows[self.group.rank()]
            pulled = in_rows([named[i][1] for i in some], self.group.size())
            own_gradients[key] = own_row_of_sum(pulled, self.group)[0] / self.group.size()
        updated = self.optimizer.apply_gradients(own_gradients, own_weights)
        for dtype, some in by_dtype(weights).items():
            flat = core.distributed.all_gather(updated[str(dtype)], group=self.group)
            for i, piece in zip(some, taken_apart(flat, [weights[i] for i in some])):
                weights[i] = piece
        model.update(tree_unflatten([(name, w) for (name, _), w in zip(named, weights)]))


def by_dtype(arrays: list[array]) -> dict[core.Dtype, list[int]]:
    """Which of the arrays have which dtype."""
    found: dict[core.Dtype, list[int]] = {}
    for i, x in enumerate(arrays):
        found.setdefault(x.dtype, []).append(i)
    return found


def in_rows(arrays: list[array], count: int) -> array:
    """All elements, one array after another, in ``count`` rows of one length.

    Args:
        arrays: of one dtype.
        count: how many rows.

    Returns:
        An array of shape ``(count, ceil(elements / count))``; zeros fill up the last row.
    """
    flat = core.concatenate([x.reshape(-1) for x in arrays])
    length = -(-flat.size // count)
    return core.pad(flat, (0, count * length - flat.size)).reshape(count, length)


def taken_apart(flat: array, like: list[array]) -> list[array]:
    """The opposite of :func:`in_rows`: arrays of these shapes from all elements."""
    pieces, start = [], 0
    for x in like:
        pieces.append(flat[start : start + x.size].reshape(x.shape))
        start += x.size
    return pieces
