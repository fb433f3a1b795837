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
from tinymlx.optimizers.optimizers import (
    SGD,
    AdaDelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    MultiOptimizer,
    Muon,
    Optimizer,
    RMSprop,
    clip_grad_norm,
)
from tinymlx.optimizers.schedulers import (
    cosine_decay,
    exponential_decay,
    join_schedules,
    linear_schedule,
    step_decay,
)
