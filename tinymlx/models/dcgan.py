"""The deep convolutional GAN: pictures by transposed convolutions, judged by convolutions.

Source: A. Radford, L. Metz and S. Chintala (2015), https://arxiv.org/abs/1511.06434
"""

from __future__ import annotations

from collections.abc import Callable

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.generative.minibatch import minibatch_deviation
from tinymlx.nn import Module

Wrap = Callable[[Module], Module]


def scaled(pixels: array) -> array:
    """Pictures from 0 to 1 as the generator's tanh makes them: from -1 to 1."""
    raise NotImplementedError(
        "9.6 scaled - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def unscaled(x: array) -> array:
    """The inverse of :func:`scaled`: from 0, paper, to 1, ink."""
    raise NotImplementedError(
        "9.6 unscaled - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def sides(side: int) -> list[int]:
    """The sides of the maps from the smallest one up to the picture, each twice the one before.

    A picture is halved as long as its side is even and the half is at least 4: 28 is 7, 14, 28.

    Args:
        side: of the picture.

    Returns:
        The sides, smallest first, at least two.

    Raises:
        ValueError: the picture cannot be halved once: the side is odd, or below 8.
    """
    raise NotImplementedError(
        "9.7 sides - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class GeneratorBlock(Module):
    """Twice as large: transposed convolution, batch normalization, relu.

    ``self.conv`` has a kernel of 4 x 4, stride 2 and padding 1, and no bias, since the mean of
    ``self.norm``, a batch normalization, takes it away.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.

    Shape:
        ``(N, H, W, in_channels)`` to ``(N, 2 H, 2 W, out_channels)``.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        """Make ``self.conv`` and ``self.norm``."""
        raise NotImplementedError(
            "9.6 __init__ - exercises/ch09_gan/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, x: array) -> array:
        """The block's output."""
        raise NotImplementedError(
            "9.6 __call__ - exercises/ch09_gan/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class DiscriminatorBlock(Module):
    """Half as large: convolution, perhaps a normalization, leaky relu with slope 0.2.

    ``self.conv`` has a kernel of 4 x 4, stride 2 and padding 1; it has a bias only where no
    normalization follows.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        normalize: ``"batch"`` for ``nn.BatchNorm``; ``"layer"`` for a normalization of each example
            by itself, ``nn.GroupNorm`` with one group, which a critic with a penalty on its slope
            needs; ``None`` for none (then there is no ``self.norm``).
        wrap: applied to the convolution, such as :class:`.SpectralNorm`.

    Shape:
        ``(N, H, W, in_channels)`` to ``(N, H / 2, W / 2, out_channels)``.

    Raises:
        ValueError: ``normalize`` is something else.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        normalize: str | None = None,
        wrap: Wrap = lambda layer: layer,
    ) -> None:
        """Make ``self.conv``, and ``self.norm`` where there is one."""
        raise NotImplementedError(
            "9.7 __init__ - exercises/ch09_gan/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, x: array) -> array:
        """The block's output."""
        raise NotImplementedError(
            "9.7 __call__ - exercises/ch09_gan/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class Generator(Module):
    """From a latent vector to a picture.

    A linear layer makes the smallest map, with normalization and relu; each block doubles its side
    and halves its channels; the last transposed convolution, without normalization, ends in tanh.

    Args:
        latent: the size of the latent vector.
        side: of the picture; see :func:`sides`.
        channels: of the picture.
        width: the channels of the map of half the picture's side.

    Shape:
        ``(N, latent)`` to ``(N, side, side, channels)``, from -1 to 1.
    """

    def __init__(
        self, latent: int = 64, side: int = 28, channels: int = 1, width: int = 32
    ) -> None:
        super().__init__()
        self.latent = latent
        first, *larger = sides(side)
        widths = [width * 2**i for i in reversed(range(len(larger)))]
        self.map = (first, first, widths[0])
        self.linear = nn.Linear(latent, first * first * widths[0], bias=False)
        self.norm = nn.BatchNorm(widths[0])
        self.blocks = [GeneratorBlock(a, b) for a, b in zip(widths[:-1], widths[1:])]
        self.last = nn.ConvTranspose2d(widths[-1], channels, 4, 2, padding=1)

    def __call__(self, z: array) -> array:
        """Pictures of latent vectors."""
        x = self.linear(z).reshape(-1, *self.map)  # (N, latent) -> (N, 7, 7, C)
        x = nn.relu(self.norm(x))
        for block in self.blocks:
            x = block(x)  # (N, s, s, C) -> (N, 2 s, 2 s, C / 2)
        return core.tanh(self.last(x))


class Discriminator(Module):
    """From a picture to one number: a logit, or what a critic says.

    The mirror of :class:`Generator`: blocks halve the side and double the channels; the first has
    no normalization.

    Args:
        side, channels, width: as for :class:`Generator`.
        normalize, wrap: as for :class:`DiscriminatorBlock`; the last layer is wrapped, too.
        group: how many examples :func:`.minibatch_deviation` compares before the last layer;
            0 leaves it out.

    Shape:
        ``(N, side, side, channels)`` to ``(N,)``.
    """

    def __init__(
        self,
        side: int = 28,
        channels: int = 1,
        width: int = 32,
        normalize: str | None = "batch",
        wrap: Wrap = lambda layer: layer,
        group: int = 0,
    ) -> None:
        super().__init__()
        first, *larger = sides(side)
        widths = [channels, *(width * 2**i for i in range(len(larger)))]
        self.group = group
        self.blocks = [
            DiscriminatorBlock(a, b, None if i == 0 else normalize, wrap)
            for i, (a, b) in enumerate(zip(widths[:-1], widths[1:]))
        ]
        self.dims = first * first * (widths[-1] + (group > 0))
        self.linear = wrap(nn.Linear(self.dims, 1))

    def features(self, x: array) -> array:
        """The last maps in a row, ``(N, self.dims)``."""
        for block in self.blocks:
            x = block(x)  # (N, s, s, C) -> (N, s / 2, s / 2, 2 C)
        if self.group:
            x = minibatch_deviation(x, self.group)
        return x.reshape(x.shape[0], -1)

    def __call__(self, x: array) -> array:
        """A number for each picture."""
        return self.linear(self.features(x))[:, 0]


def dcgan_start(model: Module) -> Module:
    """Draw all weights anew, as the paper does.

    The ``weight`` of each ``nn.Linear``, ``nn.Conv2d`` and ``nn.ConvTranspose2d`` is normal with
    mean 0 and deviation 0.02, that of each ``nn.BatchNorm`` normal with mean 1 and deviation 0.02;
    their biases are 0 where they have any. Other layers stay as they are.

    Args:
        model: the network; its layers may be nested as they like.

    Returns:
        The network itself.
    """
    raise NotImplementedError(
        "9.8 dcgan_start - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
