"""CLIP: pictures and sentences in one space, with the published names and shapes.

================  =================================================================
:mod:`.layers`    the blocks that both towers are made of
:mod:`.text`      sentences to vectors
:mod:`.vision`    pictures to vectors
:mod:`.model`     both, and how well each picture fits each sentence
:mod:`.loss`      what makes them fit
:mod:`.pieces`    the same for a batch that is too large for the memory
:mod:`.zero_shot` classes as sentences
================  =================================================================
"""

from .loss import contrastive_loss
from .model import CLIP
from .pieces import loss_in_pieces
from .text import TextTower
from .vision import VisionTower
from .zero_shot import class_vectors, normalized

__all__ = [
    "CLIP",
    "TextTower",
    "VisionTower",
    "class_vectors",
    "contrastive_loss",
    "loss_in_pieces",
    "normalized",
]
