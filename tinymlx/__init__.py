"""tinymlx: MLX's Python stack, rebuilt from scratch on bare ``mlx.core`` arrays.

The subpackages carry MLX's own names: :mod:`tinymlx.core`, :mod:`tinymlx.nn`,
:mod:`tinymlx.optimizers` and :mod:`tinymlx.utils`. A program written for MLX runs on them when only
its imports change.
"""

from typing import Any

__version__ = "0.1.0"


def load_ipython_extension(shell: Any) -> None:
    """What IPython calls at ``%load_ext tinymlx``: exercises in cells, by the course's magics.

    Args:
        shell: IPython's.
    """
    from course.notebook import load_ipython_extension as load

    load(shell)
