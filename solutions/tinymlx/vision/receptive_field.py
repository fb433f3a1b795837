"""The receptive field: which pixels of a picture an output depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


class Window(NamedTuple):
    """What a convolution or a pooling looks at, along one axis."""

    taps: int
    stride: int = 1
    dilation: int = 1


def receptive_field(layers: Sequence[Window]) -> tuple[int, int]:
    """How far an output of a stack of layers sees, and how far its neighbour's view is shifted.

    Args:
        layers: convolutions and poolings along one axis, from the input on.

    Returns:
        The number of pixels from the first to the last one that an output may depend on, and the
        number of pixels from there to the same place of the next output. Without layers an output
        is a pixel: (1, 1).
    """
    size, step = 1, 1
    for layer in layers:
        size += (layer.taps - 1) * layer.dilation * step
        step *= layer.stride
    return size, step


def seen(network: Callable[[array], array], x: array, place: tuple[int, int]) -> array:
    """Which pixels the outputs at one place depend on: those where their gradient is not 0.

    Args:
        network: from pictures ``(1, H, W, C)`` to ``(1, H', W', C')``.
        x: a picture, ``(1, H, W, C)``.
        place: a row and a column of the output. All its channels count: the gradient is that of
            their sum.

    Returns:
        ``(H, W)`` booleans.
    """
    row, column = place
    gradient = core.grad(lambda x: core.sum(network(x)[:, row, column]))(x)
    return core.any(gradient != 0, axis=(0, 3))
