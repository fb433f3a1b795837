"""Stacks of 3 x 3 convolutions, as in VGG, with batch normalization."""

from __future__ import annotations

from collections.abc import Sequence

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.nn import Module


class VGG(Module):
    """Groups of 3 x 3 convolutions; behind each group a pooling halves height and width.

    Args:
        widths: the channels of each group.
        depth: how many convolutions a group has.
        classes: the number of logits.
        in_channels: channels of the pictures.

    Shape:
        ``(N, H, W, in_channels)`` to ``(N, classes)``; height and width are halved ``len(widths)``
        times, so they are at least 2 to that power.

    Source: K. Simonyan and A. Zisserman (2014), https://arxiv.org/abs/1409.1556. The original has
    linear layers of 4096 units behind the groups; a mean over all places takes their place here.
    """

    def __init__(
        self,
        widths: Sequence[int] = (64, 128, 256),
        depth: int = 2,
        classes: int = 10,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        layers: list[Module] = []
        channels = in_channels
        for width in widths:
            for _ in range(depth):
                layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=False))
                layers += [nn.BatchNorm(width), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.groups = nn.Sequential(*layers)
        self.linear = nn.Linear(channels, classes)

    def features(self, x: array) -> array:
        """The maps behind the last group, ``(N, H', W', widths[-1])``."""
        return self.groups(x)

    def head(self, features: array) -> array:
        """Logits, from the mean over all places."""
        return self.linear(core.mean(features, axis=(1, 2)))

    def __call__(self, x: array) -> array:
        """Logits of pictures."""
        return self.head(self.features(x))
