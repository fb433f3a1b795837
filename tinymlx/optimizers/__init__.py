"""tinymlx.optimizers: what to do with a gradient, with the names of ``mlx.optimizers``.

================  =====================================================================
``optimizer``     the base class: state as a tree, schedules, the walk over the parameters
``sgd``, ``rmsprop``, ``adagrad``, ``adadelta``, ``adam``, ``lion``, ``adafactor``, ``muon``
                  one rule (or family of rules) each
``multi``         several optimizers for one model
``schedulers``    rates that change with the step
``clipping``      limiting the norm of gradients
================  =====================================================================
"""

# ruff: noqa: F401
from tinymlx.optimizers.adadelta import AdaDelta
from tinymlx.optimizers.adafactor import Adafactor
from tinymlx.optimizers.adagrad import Adagrad
from tinymlx.optimizers.adam import Adam, Adamax, AdamW
from tinymlx.optimizers.clipping import clip_grad_norm
from tinymlx.optimizers.lion import Lion
from tinymlx.optimizers.multi import MultiOptimizer
from tinymlx.optimizers.muon import Muon
from tinymlx.optimizers.optimizer import Optimizer
from tinymlx.optimizers.rmsprop import RMSprop
from tinymlx.optimizers.schedulers import (
    cosine_decay,
    exponential_decay,
    join_schedules,
    linear_schedule,
    step_decay,
)
from tinymlx.optimizers.sgd import SGD
