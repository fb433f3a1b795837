"""Normalization layers: mean 0 and variance 1 over a part of the axes, then a learned scale.

============  =================================================================
``LayerNorm``     over the features of each position
``RMSNorm``       as LayerNorm, without subtracting the mean
``GroupNorm``     over groups of channels of each example
``InstanceNorm``  over the positions of each channel of each example
``BatchNorm``     over the examples and positions of each channel
============  =================================================================
"""

from tinymlx.nn.layers.normalization.batch_norm import BatchNorm
from tinymlx.nn.layers.normalization.group_norm import GroupNorm
from tinymlx.nn.layers.normalization.instance_norm import InstanceNorm
from tinymlx.nn.layers.normalization.layer_norm import LayerNorm
from tinymlx.nn.layers.normalization.rms_norm import RMSNorm

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "RMSNorm"]
