"""tinymlx: MLX's Python stack, rebuilt from scratch on bare ``mlx.core`` arrays.

The subpackages carry MLX's own names: :mod:`tinymlx.core`, :mod:`tinymlx.nn`,
:mod:`tinymlx.optimizers` and :mod:`tinymlx.utils`. A program written for MLX runs on them when only
its imports change.
"""

__version__ = "0.1.0"
