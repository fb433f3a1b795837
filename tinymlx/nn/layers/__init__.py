"""Layers, a file for each kind."""

# ruff: noqa: F401, F403
from tinymlx.nn.layers.activations import *
from tinymlx.nn.layers.base import Module
from tinymlx.nn.layers.containers import Sequential
from tinymlx.nn.layers.convolution import Conv1d, Conv2d, Conv3d
from tinymlx.nn.layers.convolution_transpose import (
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from tinymlx.nn.layers.distributed import (
    AllToShardedLinear,
    FullyShardedModule,
    QuantizedAllToShardedLinear,
    QuantizedShardedToAllLinear,
    ShardedToAllLinear,
    fully_shard,
)
from tinymlx.nn.layers.dropout import Dropout, Dropout2d, Dropout3d
from tinymlx.nn.layers.embedding import Embedding
from tinymlx.nn.layers.linear import Bilinear, Identity, Linear
from tinymlx.nn.layers.normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
)
from tinymlx.nn.layers.pooling import (
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from tinymlx.nn.layers.positional_encoding import ALiBi, RoPE, SinusoidalPositionalEncoding
from tinymlx.nn.layers.quantized import (
    QQLinear,
    QuantizedEmbedding,
    QuantizedLinear,
    quantize,
)
from tinymlx.nn.layers.recurrent import GRU, LSTM, RNN
from tinymlx.nn.layers.transformer import (
    MultiHeadAttention,
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from tinymlx.nn.layers.upsample import Upsample
