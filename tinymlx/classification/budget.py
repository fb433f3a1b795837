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
    raise NotImplementedError(
        "16.5 resnet_size - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def vit_size(config: ViTConfig) -> Size:
    """The size of :class:`~tinymlx.models.vit.ViT` for pictures of ``config.side`` pixels.

    Every linear layer and every convolution of the tokenizer has a bias. ``config.stem()`` lists
    the channels from the picture to the tokens; each convolution halves the side. Of the mean and
    of picking the class token nothing is counted; sequence pooling is two products, the scores and
    the weighted sum. Nothing is built for it, and no random number drawn.
    """
    raise NotImplementedError(
        "16.5 vit_size - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "16.5 widest - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
