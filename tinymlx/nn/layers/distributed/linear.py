"""Linear layers that are divided among processes, by outputs or by inputs.

Both together make a network of two layers with one exchange: the first gives each process a part of
the hidden features, the second adds up what the parts contribute.

Source: M. Shoeybi et al., Megatron-LM (2019), section 3, https://arxiv.org/abs/1909.08053
"""

from __future__ import annotations

import math
from typing import Any, Union

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.distributed import Group
from tinymlx.nn.layers.distributed.quantized import (
    QuantizedAllToShardedLinear,
    QuantizedShardedToAllLinear,
)
from tinymlx.nn.layers.distributed.shares import (
    Segments,
    check_sharding,
    own_part,
    part_of_inputs,
    part_of_outputs,
    predicate,
    sum_gradients,
)
from tinymlx.nn.layers.linear import Linear
from tinymlx.nn.module import Module

Divided = Union[
    "AllToShardedLinear",
    "ShardedToAllLinear",
    QuantizedAllToShardedLinear,
    QuantizedShardedToAllLinear,
]


class AllToShardedLinear(Module):
    """An affine map of which each process computes a part of the outputs.

    Args:
        input_dims: the size of the last axis of the input, :math:`D`.
        output_dims: the size of the last axis of the output, of all processes together.
        bias: whether to add a bias.
        group: the processes; all by default.

    Shape:
        ``(..., input_dims)``, the same in every process, to
        ``(..., output_dims / processes)``. The gradient of the input is the sum of all processes'.

    Raises:
        ValueError: ``output_dims`` is not divisible by the number of processes.
    """

    def __init__(
        self, input_dims: int, output_dims: int, bias: bool = True, group: Group | None = None
    ) -> None:
        super().__init__()
        scale = math.sqrt(1.0 / input_dims)
        self.group = group or core.distributed.init()
        own = part_of_outputs(output_dims, self.group)
        self.weight = core.random.uniform(low=-scale, high=scale, shape=(own, input_dims))
        if bias:
            self.bias = core.random.uniform(low=-scale, high=scale, shape=(own,))

    def _extra_repr(self) -> str:
        own, input_dims = self.weight.shape
        output_dims = own * self.group.size()
        return f"input_dims={input_dims}, output_dims={output_dims}, bias={'bias' in self}"

    def __call__(self, x: array) -> array:
        x = sum_gradients(self.group)(x)
        if "bias" in self:
            return core.addmm(self["bias"], x, self["weight"].T)
        return x @ self["weight"].T

    @classmethod
    def from_linear(
        cls, linear_layer: Module, *, segments: Segments = 1, group: Group | None = None
    ) -> AllToShardedLinear:
        """This process's part of a linear layer; see :func:`shard_inplace` for ``segments``."""
        group = group or core.distributed.init()
        output_dims, input_dims = linear_layer.weight.shape
        made = cls(input_dims, output_dims, "bias" in linear_layer, group)
        chosen = predicate("all-to-sharded", segments)
        made.update(own_part(linear_layer.parameters(), chosen, group))
        return made


class ShardedToAllLinear(Module):
    """An affine map whose inputs are divided among processes; each of them gets all outputs.

    Args:
        input_dims: the size of the last axis of the input, of all processes together.
        output_dims: the size of the last axis of the output.
        bias: whether to add a bias. Every process has it whole, and it is added once.
        group: the processes; all by default.

    Shape:
        ``(..., input_dims / processes)`` to ``(..., output_dims)``, the same in every process.

    Raises:
        ValueError: ``input_dims`` is not divisible by the number of processes.
    """

    def __init__(
        self, input_dims: int, output_dims: int, bias: bool = True, group: Group | None = None
    ) -> None:
        super().__init__()
        scale = math.sqrt(1.0 / input_dims)
        self.group = group or core.distributed.init()
        own = part_of_inputs(input_dims, self.group)
        self.weight = core.random.uniform(low=-scale, high=scale, shape=(output_dims, own))
        if bias:
            self.bias = core.random.uniform(low=-scale, high=scale, shape=(output_dims,))

    def _extra_repr(self) -> str:
        output_dims, own = self.weight.shape
        input_dims = own * self.group.size()
        return f"input_dims={input_dims}, output_dims={output_dims}, bias={'bias' in self}"

    def __call__(self, x: array) -> array:
        y = core.distributed.all_sum(x @ self["weight"].T, group=self.group)
        return y + self["bias"] if "bias" in self else y

    @classmethod
    def from_linear(
        cls, linear_layer: Module, *, segments: Segments = 1, group: Group | None = None
    ) -> ShardedToAllLinear:
        """This process's part of a linear layer; see :func:`shard_inplace` for ``segments``."""
        group = group or core.distributed.init()
        output_dims, input_dims = linear_layer.weight.shape
        made = cls(input_dims, output_dims, "bias" in linear_layer, group)
        chosen = predicate("sharded-to-all", segments)
        made.update(own_part(linear_layer.parameters(), chosen, group))
        return made


def shard_linear(
    module: Module, sharding: str, *, segments: Segments = 1, group: Group | None = None
) -> Divided:
    """This process's part of a linear layer, as a layer that exchanges what is needed.

    Args:
        module: a linear layer, quantized or not. It stays as it is.
        sharding: ``"all-to-sharded"`` or ``"sharded-to-all"``.
        segments: see :func:`shard_inplace`.
        group: the processes; all by default.

    Raises:
        ValueError: there is no such sharding.
    """
    check_sharding(sharding)
    options: dict[str, Any] = {"segments": segments, "group": group}
    by_outputs = sharding == "all-to-sharded"
    if isinstance(module, Linear):
        if by_outputs:
            return AllToShardedLinear.from_linear(module, **options)
        return ShardedToAllLinear.from_linear(module, **options)
    if by_outputs:
        return QuantizedAllToShardedLinear.from_quantized_linear(module, **options)
    return QuantizedShardedToAllLinear.from_quantized_linear(module, **options)
