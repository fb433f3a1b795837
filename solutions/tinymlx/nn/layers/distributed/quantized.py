"""Quantized linear layers that are divided among processes. Their weights do not learn."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.distributed import Group
from tinymlx.nn.layers.distributed.shares import (
    Segments,
    own_part,
    part_of_inputs,
    part_of_outputs,
    predicate,
    sum_gradients,
)
from tinymlx.nn.module import Module

Made = TypeVar("Made", bound="QuantizedShare")


class QuantizedShare(Module):
    """What both directions have in common: a quantized matrix of ``(outputs, inputs)``."""

    sharding: str

    def __init__(
        self,
        inputs: int,
        outputs: int,
        scale: float,
        bias: int | None,
        options: tuple[int, int, str],
        group: Group,
    ) -> None:
        super().__init__()
        self.group_size, self.bits, self.mode = options
        self.group = group
        weight = core.random.uniform(low=-scale, high=scale, shape=(outputs, inputs))
        self.weight, self.scales, *biases = core.quantize(
            weight, self.group_size, self.bits, mode=self.mode
        )
        self.biases = biases[0] if biases else None
        if bias is not None:
            self.bias = core.zeros((bias,))
        self.freeze()

    def unfreeze(self, *args: Any, **kwargs: Any) -> Module:
        """Unfreeze what is inside; the layer's own weights stay frozen."""
        super().unfreeze(*args, **kwargs)
        self.freeze(recurse=False)
        return self

    def product(self, x: array) -> array:
        """The product with the transposed matrix, without a bias."""
        return core.quantized_matmul(
            x,
            self["weight"],
            scales=self["scales"],
            biases=self.get("biases"),
            transpose=True,
            group_size=self.group_size,
            bits=self.bits,
            mode=self.mode,
        )

    def _dims(self) -> tuple[int, int]:
        outputs, packed = self.weight.shape
        return packed * 32 // self.bits, outputs

    def _described(self, input_dims: int, output_dims: int) -> str:
        return (
            f"input_dims={input_dims}, output_dims={output_dims}, bias={'bias' in self}, "
            f"group_size={self.group_size}, bits={self.bits}, mode={self.mode}"
        )

    @classmethod
    def from_quantized_linear(
        cls: type[Made],
        quantized_linear_layer: Module,
        *,
        segments: Segments = 1,
        group: Group | None = None,
    ) -> Made:
        """This process's part of a quantized linear layer."""
        group = group or core.distributed.init()
        layer = quantized_linear_layer
        outputs, packed = layer.weight.shape
        make: Any = cls
        made: Made = make(
            packed * 32 // layer.bits,
            outputs,
            "bias" in layer,
            group_size=layer.group_size,
            bits=layer.bits,
            mode=getattr(layer, "mode", "affine"),
            group=group,
        )
        made.update(own_part(layer.parameters(), predicate(cls.sharding, segments), group))
        return made


class QuantizedAllToShardedLinear(QuantizedShare):
    """As :class:`AllToShardedLinear`, with a quantized matrix.

    Args:
        input_dims: the size of the last axis of the input.
        output_dims: the size of the last axis of the output, of all processes together.
        bias: whether to add a bias.
        group_size, bits, mode: see :func:`tinymlx.core.quantize`.
        group: the processes; all by default.

    Raises:
        ValueError: ``output_dims`` is not divisible by the number of processes.

    Shape: ``(..., input_dims)`` to ``(..., output_dims / n)`` on each of ``n`` processes.
    """

    sharding = "all-to-sharded"

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        bias: bool = True,
        group_size: int = 64,
        bits: int = 4,
        mode: str = "affine",
        group: Group | None = None,
    ) -> None:
        group = group or core.distributed.init()
        own = part_of_outputs(output_dims, group)
        scale = math.sqrt(1.0 / input_dims)
        options = (group_size, bits, mode)
        super().__init__(input_dims, own, scale, own if bias else None, options, group)

    def _extra_repr(self) -> str:
        inputs, outputs = self._dims()
        return self._described(inputs, outputs * self.group.size())

    def __call__(self, x: array) -> array:
        y = self.product(sum_gradients(self.group)(x))
        return y + self["bias"] if "bias" in self else y


class QuantizedShardedToAllLinear(QuantizedShare):
    """As :class:`ShardedToAllLinear`, with a quantized matrix.

    Args:
        input_dims: the size of the last axis of the input, of all processes together.
        output_dims: the size of the last axis of the output.
        bias: whether to add a bias.
        group_size, bits, mode: see :func:`tinymlx.core.quantize`.
        group: the processes; all by default.

    Raises:
        ValueError: ``input_dims`` is not divisible by the number of processes.

    Shape: ``(..., input_dims / n)`` on each of ``n`` processes to ``(..., output_dims)``.
    """

    sharding = "sharded-to-all"

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        bias: bool = True,
        group_size: int = 64,
        bits: int = 4,
        mode: str = "affine",
        group: Group | None = None,
    ) -> None:
        group = group or core.distributed.init()
        own = part_of_inputs(input_dims, group)
        scale = math.sqrt(1.0 / input_dims)
        options = (group_size, bits, mode)
        super().__init__(own, output_dims, scale, output_dims if bias else None, options, group)

    def _extra_repr(self) -> str:
        inputs, outputs = self._dims()
        return self._described(inputs * self.group.size(), outputs)

    def __call__(self, x: array) -> array:
        y = core.distributed.all_sum(self.product(x), group=self.group)
        return y + self["bias"] if "bias" in self else y
