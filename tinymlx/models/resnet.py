"""Residual networks in the form for small pictures."""

from __future__ import annotations

from collections.abc import Sequence

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.models.depth import StochasticDepth
from tinymlx.nn import Module


class BasicBlock(Module):
    r"""Two 3 x 3 convolutions, and a shortcut around them:
    :math:`\text{relu}(\text{branch}(x) + \text{shortcut}(x))`.

    The branch is ``conv1``, ``bn1``, relu, ``conv2``, ``bn2``. ``conv1`` has the stride, both have
    padding 1 and no bias, since the mean of the normalization takes it away again. The gain of the
    last normalization, ``bn2.weight``, starts at zero: so the block starts as its shortcut.

    Where the branch changes the shape (a stride other than 1, or other channels), the shortcut
    projects: ``self.shortcut`` is an ``nn.Sequential`` of a 1 x 1 convolution with the same stride,
    without bias, and a normalization. Otherwise there is no ``self.shortcut``, and ``x`` itself is
    added.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: of the first convolution (and of the projection).
        drop: the probability of leaving the branch out in training (``self.depth``, behind the
            branch).

    Shape:
        ``(N, H, W, in_channels)`` to ``(N, ceil(H / stride), ceil(W / stride), out_channels)``.

    Source: K. He et al. (2015), https://arxiv.org/abs/1512.03385; the zero: P. Goyal et al. (2017),
    https://arxiv.org/abs/1706.02677
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, drop: float = 0.0
    ) -> None:
        """Make the layers: ``conv1``, ``bn1``, ``conv2``, ``bn2``, ``depth``, and ``shortcut``
        where it projects."""
        raise NotImplementedError(
            "7.13 __init__ - exercises/ch07_cnn/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, x: array) -> array:
        """The block's output; the last relu comes behind the sum."""
        raise NotImplementedError(
            "7.13 __call__ - exercises/ch07_cnn/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class PreActivationBlock(Module):
    r"""The same with normalization and relu *before* each convolution:
    :math:`\text{shortcut}(x) + \text{branch}(x)`, so nothing stands in the way of the sum.

    To start as its shortcut, the weights of the last convolution are zero. (The gain of the last
    normalization would not do: relu of 0 has slope 0, and the block would never wake up.)

    Args, shape: as for :class:`BasicBlock`.

    Source: K. He et al. (2016), https://arxiv.org/abs/1603.05027
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, drop: float = 0.0
    ) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.conv2.weight = core.zeros(self.conv2.weight.shape)
        self.depth = StochasticDepth(drop)
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def __call__(self, x: array) -> array:
        """The block's output."""
        h = nn.relu(self.bn1(x))
        y = self.conv2(nn.relu(self.bn2(self.conv1(h))))
        return self.depth(y) + (self.shortcut(h) if "shortcut" in self else x)


class ResNet(Module):
    """A stem, stages of residual blocks, and a linear layer behind the mean over all places.

    With the defaults this is ResNet-20 of the original paper.

    Args:
        widths: the channels of each stage.
        blocks: how many blocks each stage has.
        strides: the stride of the first block of each stage.
        stem: the size and the stride of the first convolution.
        classes: the number of logits.
        in_channels: channels of the pictures.
        pre_activation: whether the blocks are :class:`PreActivationBlock`.
        drop: the probability of leaving out the last branch in training; the probability grows
            evenly from 0 at the first.

    Shape:
        ``(N, H, W, in_channels)`` to ``(N, classes)``.

    Raises:
        ValueError: ``widths``, ``blocks`` and ``strides`` have different lengths.
    """

    def __init__(
        self,
        widths: Sequence[int] = (16, 32, 64),
        blocks: Sequence[int] = (3, 3, 3),
        strides: Sequence[int] = (1, 2, 2),
        stem: tuple[int, int] = (3, 1),
        classes: int = 10,
        in_channels: int = 3,
        pre_activation: bool = False,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        if not len(widths) == len(blocks) == len(strides):
            raise ValueError(
                f"[ResNet] Each stage needs a width, a number of blocks and a stride; there are "
                f"{len(widths)}, {len(blocks)} and {len(strides)}."
            )
        kind = PreActivationBlock if pre_activation else BasicBlock
        channels, total = widths[0], sum(blocks)
        stages: list[Module] = []
        taps, step = stem
        padding = (taps - 1) // 2
        self.conv = nn.Conv2d(in_channels, channels, taps, step, padding, bias=False)
        for width, count, stride in zip(widths, blocks, strides):
            for i in range(count):
                rate = drop * len(stages) / max(total - 1, 1)
                stages.append(kind(channels, width, stride if i == 0 else 1, rate))
                channels = width
        self.stages = nn.Sequential(*stages)
        # Where the blocks end with a sum, it has not been normalized yet.
        self.bn = nn.BatchNorm(channels if pre_activation else widths[0])
        self.pre_activation = pre_activation
        self.linear = nn.Linear(channels, classes)

    def features(self, x: array) -> array:
        """The maps behind the last stage, ``(N, H', W', widths[-1])``."""
        x = self.conv(x)  # (N, H, W, in_channels) -> (N, H, W, widths[0])
        if self.pre_activation:
            return nn.relu(self.bn(self.stages(x)))
        return self.stages(nn.relu(self.bn(x)))

    def head(self, features: array) -> array:
        """Logits, from the mean over all places."""
        return self.linear(core.mean(features, axis=(1, 2)))

    def __call__(self, x: array) -> array:
        """Logits of pictures."""
        return self.head(self.features(x))
