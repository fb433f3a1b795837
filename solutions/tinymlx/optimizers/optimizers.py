"""All optimizers in one module: programs for MLX import them from there, too."""

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
from tinymlx.optimizers.sgd import SGD
