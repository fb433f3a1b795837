"""EfficientNet-Lite0: inverted residual blocks, for phones; and the names of its published weights.

Source: M. Tan, Q. Le, EfficientNet: rethinking model scaling for convolutional neural networks
(2019), and the Lite variants of its authors (2020), which leave out what phones cannot do: no gates
on channels, and a ceiling of 6 on activations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinymlx import core, nn
from tinymlx.core import array

EPS = 1e-3  # of the normalizations, as published


@dataclass(frozen=True)
class Stage:
    """Blocks of one kind: how many, their kernel, the stride of the first, how much wider they are
    inside than outside, and their channels."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


LITE0 = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def padded_same(x: array, kernel: int, stride: int) -> array:
    """Zeros around pictures, so that a convolution gives ``ceil(side / stride)`` places.

    Where their number is odd, one more is at the end than at the beginning: TensorFlow's way.

    Shape: ``(N, H, W, C)`` to ``(N, H', W', C)``.
    """
    widths = [(0, 0)]
    for side in x.shape[1:3]:
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        widths.append((total // 2, total - total // 2))
    return core.pad(x, [*widths, (0, 0)])


class InvertedResidual(nn.Module):
    """Wider, then channel by channel over the places, then narrow again; around it the input.

    Ordinary blocks are narrow inside. Here what is carried on is narrow and what is computed with
    is wide, which costs little, since the wide part never mixes channels over places.

    Args:
        inputs, outputs: channels. The input is added where they and the sides stay as they are.
        kernel, stride: of the convolution over places.
        expand: how much wider it is inside; with 1 there is no first convolution.

    Shape: ``(N, H, W, inputs)`` to ``(N, ceil(H / stride), ceil(W / stride), outputs)``.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inside = inputs * expand
        if expand != 1:
            self.expand_conv = nn.Conv2d(inputs, inside, 1, bias=False)
            self.bn0 = nn.BatchNorm(inside, eps=EPS)
        self.depthwise_conv = nn.Conv2d(inside, inside, kernel, stride, groups=inside, bias=False)
        self.bn1 = nn.BatchNorm(inside, eps=EPS)
        self.project_conv = nn.Conv2d(inside, outputs, 1, bias=False)
        self.bn2 = nn.BatchNorm(outputs, eps=EPS)
        self._kernel, self._stride = kernel, stride
        self._adds = stride == 1 and inputs == outputs

    def __call__(self, x: array) -> array:
        y = nn.relu6(self.bn0(self.expand_conv(x))) if "expand_conv" in self else x
        y = self.depthwise_conv(padded_same(y, self._kernel, self._stride))
        y = self.bn2(self.project_conv(nn.relu6(self.bn1(y))))
        return x + y if self._adds else y


class EfficientNetLite(nn.Module):
    """Stages of inverted residual blocks.

    Args:
        stages: see :data:`LITE0`.
        stem, head: channels before the first block and behind the last one.
        classes: how many logits.

    Shape: ``(N, H, W, 3)``, from -1 to 1 (:func:`prepared`), to ``(N, classes)``.
    """

    def __init__(
        self,
        stages: tuple[Stage, ...] = LITE0,
        stem: int = 32,
        head: int = 1280,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.conv_stem = nn.Conv2d(3, stem, 3, 2, bias=False)
        self.bn0 = nn.BatchNorm(stem, eps=EPS)
        self.blocks, channels = [], stem
        for stage in stages:
            for i in range(stage.repeats):
                stride = stage.stride if i == 0 else 1
                sizes = (channels, stage.channels, stage.kernel, stride, stage.expand)
                self.blocks.append(InvertedResidual(*sizes))
                channels = stage.channels
        self.conv_head = nn.Conv2d(channels, head, 1, bias=False)
        self.bn1 = nn.BatchNorm(head, eps=EPS)
        self.fc = nn.Linear(head, classes)

    def features(self, x: array) -> array:
        """What the network knows of a picture, before it is asked for classes.

        Shape: ``(N, H, W, 3)`` to ``(N, head)``.
        """
        x = nn.relu6(self.bn0(self.conv_stem(padded_same(x, 3, 2))))
        for block in self.blocks:
            x = block(x)
        return core.mean(nn.relu6(self.bn1(self.conv_head(x))), axis=(1, 2))

    def head(self, features: array) -> array:
        """Logits from features: ``(N, head)`` to ``(N, classes)``."""
        return self.fc(features)

    def __call__(self, x: array) -> array:
        return self.head(self.features(x))


def prepared(x: array) -> array:
    """Pixels as the published weights expect them.

    Shape: ``(N, H, W, 3)`` from 0 to 1 to the same from about -1 to 1.
    """
    return (255 * x - 127) / 128


def renamed(published: Mapping[str, array]) -> list[tuple[str, array]]:
    """The published weights under our names, kernels with channels last.

    Args:
        published: by the names of the package: ``_blocks.3._bn1.running_mean``.

    Returns:
        What ``load_weights`` takes. Counters of batches are left out.

    Raises:
        ValueError: an array that is neither a vector, nor a matrix, nor a kernel.
    """
    found = []
    for name, weight in published.items():
        if name.endswith("num_batches_tracked"):
            continue
        if weight.ndim not in (1, 2, 4):
            raise ValueError(f"[renamed] {name} has {weight.ndim} axes; kernels have 4.")
        parts = [part.removeprefix("_") for part in name.split(".")]
        kernel = weight.ndim == 4  # (O, I, KH, KW) there
        found.append((".".join(parts), core.moveaxis(weight, 1, -1) if kernel else weight))
    return found
