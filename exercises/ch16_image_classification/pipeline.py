"""Your pipeline: fill it in, milestone by milestone. `brief.md` says what each one is about.

Arrays are NumPy's, in and out: pictures are float32 from 0 to 1, (N, H, W, 3); labels are integers
from 0. Inside use whatever you have built.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def split(x: np.ndarray, y: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures to train on, and which to hold out.

    Args:
        x: pictures, ``(N, H, W, 3)``; some are copies of others, brighter, smaller or noisy.
        y: their classes, ``(N,)``.
        share: of pictures to hold out, between 0 and 1.
        seed: another seed gives another split, the same seed the same.

    Returns:
        The indices of both parts, integers; each picture is in exactly one, copies are on one side,
        and of each class about ``share`` is held out.
    """
    raise NotImplementedError("milestone 1")


def scaled(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both on one scale, which only the training part decides.

    Returns:
        Both in their shapes, float32; each channel of the first has mean 0 and deviation 1.
    """
    raise NotImplementedError("milestone 2")


def changed(x: np.ndarray, seed: int) -> np.ndarray:
    """Pictures as they might also have been taken: flipped, moved, turned, as you like.

    Returns:
        ``(N, H, W, 3)``, float32 from 0 to 1: the same class in each place; what happens to each
        picture is drawn, and follows from the seed.
    """
    raise NotImplementedError("milestone 3")


def fitted(
    x: np.ndarray, y: np.ndarray, classes: int, seconds: float
) -> Callable[[np.ndarray], np.ndarray]:
    """A trained classifier.

    Args:
        x, y: all that may be learned from; ``x`` is not scaled yet.
        classes: how many there are.
        seconds: about how long training may take.

    Returns:
        A function from pictures to probabilities, ``(N, classes)`` float32, whose rows sum to 1.
        Each picture's answer depends on that picture alone.
    """
    raise NotImplementedError("milestone 4")


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """By what to divide logits so that their probabilities are right on average.

    Args:
        logits: ``(N, classes)`` of held-out pictures.
        labels: their classes.
    """
    raise NotImplementedError("milestone 5")


def comparison(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Two classifiers on the same pictures.

    Args:
        first, second: for each picture whether it was right, booleans.

    Returns:
        ``"difference"``, the accuracy of the first less that of the second; ``"p"``, how probable a
        difference as large would be if both were equally good; ``"low"`` and ``"high"``, between
        which the accuracy of the first lies with 95 % confidence.
    """
    raise NotImplementedError("milestone 6")
