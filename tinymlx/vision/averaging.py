"""Averaging at test time: several views of a picture, one answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.nn import Module

View = Callable[[array], array]


def averaged(model: Module, x: array, views: Sequence[View]) -> array:
    """The mean of the probabilities that a model gives to several views of each picture.

    The model answers in evaluation mode. Afterwards it is in the mode in which it was
    (``model.training``), also when something was raised meanwhile.

    Args:
        model: from pictures to logits.
        x: pictures, ``(N, H, W, C)``.
        views: functions from pictures to pictures; a picture itself is one of its views only if a
            function that returns it is among them.

    Returns:
        ``(N, classes)``; each row sums to 1.

    Raises:
        ValueError: there are no views.
    """
    raise NotImplementedError(
        "7.20 averaged - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def itself(x: array) -> array:
    """The view that changes nothing."""
    return x


def mirrored(x: array) -> array:
    """Left and right exchanged."""
    return x[:, :, ::-1]


def shifted(rows: int, columns: int) -> View:
    """The view that moves a picture down and to the right; what is new repeats the border."""

    def view(x: array) -> array:
        height, width = x.shape[1:3]
        i = core.clip(core.arange(height) - rows, 0, height - 1)
        j = core.clip(core.arange(width) - columns, 0, width - 1)
        return core.take(core.take(x, i, 1), j, 2)

    return view
