"""tinymlx.core: arrays and their derivatives, with the names of ``mlx.core``."""

from .arrays import array
from .transforms import grad, stop_gradient, value_and_grad, vjp
