"""tinymlx.nn: modules, layers, losses and their gradients, with the names of ``mlx.nn``.

=====================  ================================================================
``module``             the module, a tree of arrays; ``weights`` are its files
``layers``             the layers, a file for each kind
``activations``        activation functions; ``activation_layers`` are the same as layers
``losses``             loss functions
``init``               what weights are before training
``utils``              ``value_and_grad`` of a model, ``checkpoint``, several processes
=====================  ================================================================
"""

# ruff: noqa: F401, F403
from __future__ import annotations

from tinymlx.nn import init, losses
from tinymlx.nn.layers import *
from tinymlx.nn.utils import average_gradients, value_and_grad
