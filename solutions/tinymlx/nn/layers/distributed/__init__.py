"""Layers whose weights are divided among processes.

=============  ===================================================================
``shares``     which part of a weight a process has: ``shard_inplace``
``linear``     linear maps in two directions, and ``shard_linear``
``quantized``  the same with quantized weights
``whole``      any module, whose weights come together while it is called
=============  ===================================================================
"""

from tinymlx.nn.layers.distributed.linear import (
    AllToShardedLinear,
    ShardedToAllLinear,
    shard_linear,
)
from tinymlx.nn.layers.distributed.quantized import (
    QuantizedAllToShardedLinear,
    QuantizedShardedToAllLinear,
)
from tinymlx.nn.layers.distributed.shares import shard_inplace, sum_gradients
from tinymlx.nn.layers.distributed.whole import FullyShardedModule, fully_shard

__all__ = [
    "AllToShardedLinear",
    "FullyShardedModule",
    "QuantizedAllToShardedLinear",
    "QuantizedShardedToAllLinear",
    "ShardedToAllLinear",
    "fully_shard",
    "shard_inplace",
    "shard_linear",
    "sum_gradients",
]
