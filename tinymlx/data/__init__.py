"""Data sets, in the formats in which their publishers distribute them. Given.

Each loader uses the real data where the folder named by the environment variable
``TINYMLX_DATA`` has it, and an embedded default otherwise, so that everything runs without a
network; ``source`` says which one it was.

Examples with labels come as a :class:`.dataset.Dataset`: ``digits.load()``,
``tables.breast_cancer()`` and ``mnist.load()`` all have ``train.x``, ``train.y``, ``test.x``,
``test.y``, ``classes`` and ``source``.
"""

from .dataset import Dataset, Part
from .folder import data_folder, find

__all__ = ["Dataset", "Part", "data_folder", "find"]
