"""LeNet-5: two convolutions, two poolings, three linear layers."""

from __future__ import annotations

from tinymlx import nn
from tinymlx.core import array
from tinymlx.nn import Module


class LeNet(Module):
    """LeNet-5 with today's parts: relu for tanh, maximum for a weighted mean.

    Args:
        classes: the number of logits.
        in_channels: channels of the pictures.

    Shape:
        ``(N, 32, 32, in_channels)`` to ``(N, classes)``.

    Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to
    document recognition (1998).
    """

    def __init__(self, classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.linear1 = nn.Linear(5 * 5 * 16, 120)
        self.linear2 = nn.Linear(120, 84)
        self.linear3 = nn.Linear(84, classes)

    def features(self, x: array) -> array:
        """The maps behind the second pooling."""
        x = self.pool(nn.relu(self.conv1(x)))  # (N, 32, 32, C) -> (N, 28, 28, 6) -> (N, 14, 14, 6)
        return self.pool(nn.relu(self.conv2(x)))  # (N, 10, 10, 16) -> (N, 5, 5, 16)

    def head(self, features: array) -> array:
        """Logits, from the maps in one row."""
        x = features.reshape(features.shape[0], -1)  # (N, 400)
        x = nn.relu(self.linear1(x))
        x = nn.relu(self.linear2(x))
        return self.linear3(x)  # (N, classes)

    def __call__(self, x: array) -> array:
        """Logits of pictures."""
        return self.head(self.features(x))
