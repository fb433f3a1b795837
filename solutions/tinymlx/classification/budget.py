"""What a network costs, counted before it is built, and the widest one that fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tinymlx.models.vit import ViTConfig


class Size(NamedTuple):
    """Numbers that are learned, and operations for one picture.

    Operations are those of products: 2 for each multiplication with its addition in convolutions,
    linear layers and both products of attention. Biases, norms, activations and softmax are not
    counted.
    """

    parameters: int
    flops: int


def resnet_size(
    widths: Sequence[int],
    blocks: Sequence[int],
    strides: Sequence[int],
    stem: tuple[int, int] = (3, 1),
    side: int = 32,
    classes: int = 10,
    channels: int = 3,
) -> Size:
    """The size of :class:`~tinymlx.models.ResNet` with basic blocks, which has the same arguments.

    A convolution of ``k`` taps with padding ``p = (k - 1) // 2`` and stride ``s`` makes
    ``(side + 2 p - k) // s + 1`` of ``side`` pixels. No convolution has a bias; each has a
    normalization with a gain and a shift behind it. Running statistics are not learned. Where a
    block changes channels or stride its shortcut is a 1 x 1 convolution with a normalization. A
    stage may have no blocks; it changes nothing then.

    Args:
        widths, blocks, strides, stem, classes: as of ``ResNet``.
        side: of the pictures, in pixels.
        channels: of the pictures.
    """
    parameters = flops = 0

    def convolution(inputs: int, outputs: int, taps: int, pixels: int) -> None:
        nonlocal parameters, flops
        weights = inputs * outputs * taps * taps
        parameters += weights + 2 * outputs
        flops += 2 * weights * pixels * pixels

    taps, step = stem
    side = (side + 2 * ((taps - 1) // 2) - taps) // step + 1
    convolution(channels, widths[0], taps, side)
    before = widths[0]
    for width, count, stride in zip(widths, blocks, strides):
        for i in range(count):
            step = stride if i == 0 else 1
            side = (side - 1) // step + 1
            convolution(before, width, 3, side)
            convolution(width, width, 3, side)
            if step != 1 or before != width:
                convolution(before, width, 1, side)
            before = width
    return Size(parameters + (before + 1) * classes, flops + 2 * before * classes)


def vit_size(config: ViTConfig) -> Size:
    """The size of :class:`~tinymlx.models.vit.ViT` for pictures of ``config.side`` pixels.

    Every linear layer and every convolution of the tokenizer has a bias. ``config.stem()`` lists
    the channels from the picture to the tokens; each convolution halves the side. Of the mean and
    of picking the class token nothing is counted; sequence pooling is two products, the scores and
    the weighted sum. Nothing is built for it, and no random number drawn.
    """
    dims, grid = config.dims, config.grid
    tokens = grid * grid + (config.pool == "token")
    parameters = flops = 0

    def linear(inputs: int, outputs: int, times: int) -> None:
        nonlocal parameters, flops
        parameters += (inputs + 1) * outputs
        flops += 2 * inputs * outputs * times

    if config.tokenizer == "patches":
        linear(config.patch**2 * config.channels, dims, grid * grid)
    else:
        widths, side = config.stem(), config.side
        for before, after in zip(widths, widths[1:]):
            side //= 2
            linear(9 * before, after, side * side)
    parameters += dims * grid * grid + dims * (config.pool == "token")
    for _ in range(config.layers):
        for inputs, outputs in [(dims, dims)] * 4 + [(dims, config.mlp * dims)]:
            linear(inputs, outputs, tokens)
        linear(config.mlp * dims, dims, tokens)
        parameters += 4 * dims  # two norms
        flops += 4 * tokens * tokens * dims  # queries with keys, weights with values
    parameters += 2 * dims
    if config.pool == "sequence":
        linear(dims, 1, tokens)
        flops += 2 * tokens * dims
    linear(dims, config.classes, 1)
    return Size(parameters, flops)


def widest(cost: Callable[[int], int], budget: int, widths: Sequence[int]) -> int:
    """The largest of ``widths`` whose cost is within the budget.

    Args:
        cost: the cost of a width; a larger width never costs less. It may be slow: it is asked at
            most ``len(widths).bit_length()`` times, and only about widths of the list.
        budget: the most that is allowed; exactly as much is allowed, too.
        widths: in ascending order, at least one.

    Raises:
        ValueError: not even the smallest fits; the message has the word "budget".
    """
    low, high = 0, len(widths)  # how many surely fit; how many may fit
    while low < high:
        middle = (low + high) // 2
        if cost(widths[middle]) <= budget:
            low = middle + 1
        else:
            high = middle
    if not low:
        raise ValueError(f"[widest] No width fits the budget of {budget}.")
    return widths[low - 1]
