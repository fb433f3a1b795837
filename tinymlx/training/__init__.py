"""Training: batches, the loop, and what a long run needs (chapters 5 to 7).

A :class:`Trainer` puts the parts together; each of them also works alone:

========================  ===========================================================
:class:`Batches`          arrays in batches, in a new order in every epoch
:class:`Trainer`          the loop: steps, validation, early stopping, checkpoints
:mod:`.metrics`           accuracy, confusion matrix, ROC curve, calibration
:func:`accumulated`       the gradient of a large batch from small pieces
:func:`in_precision`      a model computed in half precision
:class:`LossScaler`       keeps small gradients from vanishing there
:class:`WeightAverage`    an exponential moving average of the weights
:class:`EarlyStopping`    when validation no longer improves
:mod:`.checkpoints`       trees in files, written so that nothing is lost
:func:`one_cycle`         a rate that rises, and falls to nothing
:mod:`.by_hand`           the backward pass of a whole network, written out
========================  ===========================================================
"""

from . import by_hand, checkpoints, metrics
from .accumulation import accumulated
from .averaging import WeightAverage
from .batches import Batches
from .precision import LossScaler, in_precision
from .schedules import one_cycle
from .stopping import EarlyStopping
from .trainer import Trainer

__all__ = [
    "Batches",
    "EarlyStopping",
    "LossScaler",
    "Trainer",
    "WeightAverage",
    "accumulated",
    "by_hand",
    "checkpoints",
    "in_precision",
    "metrics",
    "one_cycle",
]
