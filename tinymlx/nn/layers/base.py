"""``Module`` under the name that it has in MLX; see :mod:`tinymlx.nn.module`."""

from tinymlx.nn.module import Module

__all__ = ["Module"]
