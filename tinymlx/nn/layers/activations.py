"""All activations, functions and layers, where MLX has them.

See :mod:`tinymlx.nn.activations` and :mod:`tinymlx.nn.activation_layers`.
"""

# ruff: noqa: F403
from tinymlx.nn.activation_layers import *
from tinymlx.nn.activations import *
