"""Any module divided among processes: its weights come together only while it is called.

Each process keeps, and updates, an equal part of every weight. Before a call the parts are
gathered; what flows back is added up and divided again, so that every process learns with the mean
gradient.

Source: S. Rajbhandari et al., ZeRO (2019), section 5.3, https://arxiv.org/abs/1910.02054
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.core import Dtype, array
from tinymlx.core.distributed import Group
from tinymlx.nn.layers.distributed.shares import own_part
from tinymlx.nn.module import Module
from tinymlx.utils import tree_flatten, tree_unflatten


class FullyShardedModule(Module):
    """A module whose weights are divided along their first axis.

    Args:
        module: the module. Parts of it that are divided already stay as they are.
        group: the processes; all by default.
        compute_dtype: the dtype of the gathered weights; their own by default.

    Raises:
        ValueError: a weight is a number, or its first axis cannot be divided equally.

    Shape: a weight ``(N, ...)`` is ``(N / n, ...)`` on each of ``n`` processes.
    """

    def __init__(
        self, module: Module, group: Group | None = None, compute_dtype: Dtype | None = None
    ) -> None:
        super().__init__()
        group = group or core.distributed.init()
        parameters = module.filter_and_map(not_yet_divided)
        flat = tree_flatten(parameters)
        for path, x in flat:
            _check(path, x, group.size())
        object.__setattr__(self, "_paths", [path for path, _ in flat])
        shapes = [x.shape for _, x in flat]
        module.update(own_part(parameters, lambda path, x: 0, group))
        self.module = module
        self._gather = gathering(group, shapes, compute_dtype)

    def _extra_repr(self) -> str:
        return f"num_sharded_params={len(self._paths)}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._gathered_call(self.module, *args, **kwargs)

    def as_linear(self, *args: Any, **kwargs: Any) -> Any:
        """``as_linear`` of the module (an embedding)."""
        return self._gathered_call(self.module.as_linear, *args, **kwargs)

    def _gathered_call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        parts = self.module.filter_and_map(not_yet_divided)
        whole = self._gather([x for _, x in tree_flatten(parts)])
        self.module.update(tree_unflatten(list(zip(self._paths, whole))))
        try:
            return fn(*args, **kwargs)
        finally:
            self.module.update(parts)


def fully_shard(
    module: Module, *, group: Group | None = None, compute_dtype: Dtype | None = None
) -> Module:
    """The module as a :class:`FullyShardedModule`; itself, if there is nothing to divide.

    Args:
        module: the module.
        group: the processes; all by default.
        compute_dtype: the dtype of the gathered weights; their own by default.
    """
    group = group or core.distributed.init()
    if group.size() == 1 or isinstance(module, FullyShardedModule):
        return module
    wrapped = FullyShardedModule(module, group=group, compute_dtype=compute_dtype)
    return wrapped if wrapped._paths else module


def not_yet_divided(module: Module, key: str, value: Any) -> bool:
    """Which parameters of a module to divide."""
    if isinstance(value, FullyShardedModule):
        return False
    return bool(Module.valid_parameter_filter(module, key, value))


def gathering(
    group: Group, shapes: list[tuple[int, ...]], compute_dtype: Dtype | None
) -> Callable[[list[array]], list[array]]:
    """A function from the parts of weights to the weights; all of them travel in one message.

    Args:
        group: the processes.
        shapes: of the whole weights.
        compute_dtype: their dtype; that of the parts if it is ``None``.
    """
    size = group.size()
    ends, end = [], 0
    for shape in shapes:
        end += math.prod(shape) // size
        ends.append(end)

    @core.custom_function
    def gather(parts: list[array]) -> list[array]:
        rows = [x.reshape(1, -1) for x in parts]
        if compute_dtype is not None:
            rows = [x.astype(compute_dtype) for x in rows]
        whole = core.distributed.all_gather(core.concatenate(rows, axis=1), group=group)
        pieces = core.split(whole, ends[:-1], axis=1)
        return [x.reshape(shape) for x, shape in zip(pieces, shapes)]

    @gather.vjp
    def gather_vjp(parts: list[array], cotangents: list[array], outputs: Any) -> list[array]:
        rows = core.concatenate([g.reshape(size, -1) for g in cotangents], axis=1)
        own = own_row_of_sum(rows, group) / size
        pieces = core.split(own, ends[:-1], axis=1)
        return [g.reshape(x.shape).astype(x.dtype) for g, x in zip(pieces, parts)]

    return gather


def own_row_of_sum(rows: array, group: Group) -> array:
    """This process's row of the sum of all processes' arrays, in an array of one row.

    NCCL sends each process its row only. MLX's other connections do not know how, so all rows
    travel there.
    """
    if core.distributed.is_available("nccl"):
        return core.distributed.sum_scatter(rows, group=group)
    rank = group.rank()
    return core.distributed.all_sum(rows, group=group)[rank : rank + 1]


def _check(path: str, x: array, size: int) -> None:
    if x.ndim == 0:
        raise ValueError(f"Cannot shard parameter '{path}' because it is a scalar.")
    if x.shape[0] % size != 0:
        raise ValueError(
            f"Cannot shard parameter '{path}' with shape {x.shape} across {size} devices: axis 0 "
            f"must be divisible by {size}."
        )
