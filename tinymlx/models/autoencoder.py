"""Autoencoders: a picture to a few numbers, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.nn import Module


class TiedAutoencoder(Module):
    r"""A linear encoder whose weights, transposed, are the decoder's:
    :math:`z = W (x - b)`, :math:`\hat x = W^\top z + b`.

    One matrix has two uses, and learns from both.

    Args:
        inputs: numbers of an example, :math:`D`.
        latent: numbers of a code, :math:`K`.

    Attributes:
        weight: :math:`W`, ``(K, D)``.
        bias: :math:`b`, ``(D,)``.
    """

    def __init__(self, inputs: int, latent: int) -> None:
        super().__init__()
        scale = 1 / math.sqrt(inputs)
        self.weight = core.random.uniform(-scale, scale, (latent, inputs))
        self.bias = core.zeros((inputs,))

    def encode(self, x: array) -> array:
        """``(N, D)`` to ``(N, K)``."""
        raise NotImplementedError(
            "10.4 encode - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def decode(self, z: array) -> array:
        """``(N, K)`` to ``(N, D)``."""
        raise NotImplementedError(
            "10.4 decode - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, x: array) -> array:
        """The example as it comes back."""
        return self.decode(self.encode(x))


class DenseAutoencoder(Module):
    """Two layers down and two up, with a sigmoid at the end.

    Args:
        inputs: numbers of an example.
        hidden: units of the layers between.
        latent: numbers of a code.
        sparse: whether the code goes through a sigmoid, for :func:`.sparsity`.
    """

    def __init__(self, inputs: int, hidden: int, latent: int, sparse: bool = False) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, latent))
        self.up = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, inputs))
        self.sparse = sparse

    def encode(self, x: array) -> array:
        """``(N, inputs)`` to ``(N, latent)``."""
        z = self.down(x)
        return nn.sigmoid(z) if self.sparse else z

    def decode(self, z: array) -> array:
        """``(N, latent)`` to ``(N, inputs)``, from 0 to 1."""
        return nn.sigmoid(self.up(z))

    def __call__(self, x: array) -> array:
        """The example as it comes back."""
        return self.decode(self.encode(x))


def halved(size: tuple[int, int], times: int) -> list[tuple[int, int]]:
    """The sizes of a picture that is halved again and again: ``(H, W)`` itself and one for each
    time, ``ceil`` of half the size before.

    Args:
        size: ``(H, W)``.
        times: how often.
    """
    raise NotImplementedError(
        "10.6 halved - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class ConvEncoder(Module):
    """Convolutions with stride 2, relu behind each, and a linear layer to the code.

    Args:
        size: ``(H, W)`` of the pictures.
        channels: of the pictures, then of each stage: one convolution for each but the first.
        latent: how many numbers the linear layer returns.

    Shape:
        ``(N, H, W, channels[0])`` to ``(N, latent)``.
    """

    def __init__(self, size: tuple[int, int], channels: Sequence[int], latent: int) -> None:
        super().__init__()
        self.stages = [
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in zip(channels, channels[1:])
        ]
        height, width = halved(size, len(self.stages))[-1]
        self.linear = nn.Linear(height * width * channels[-1], latent)

    def __call__(self, x: array) -> array:
        """Codes of pictures."""
        for stage in self.stages:
            x = nn.relu(stage(x))
        return self.linear(x.reshape(x.shape[0], -1))


class ConvDecoder(Module):
    """The way back: a linear layer, and transposed convolutions with stride 2.

    For the sizes that :class:`ConvEncoder` goes through, whatever they are: a transposed
    convolution of ``n`` with a kernel of 3, stride 2 and padding 1 makes ``2 n - 1``, which is
    right where the size before it was odd; where it was even, ``output_padding`` adds the row or
    column that is missing. Rows and columns differ.

    Args:
        size: ``(H, W)`` of the pictures.
        channels: as the encoder's: of the pictures, then of each of its stages.
        latent: the numbers of a code.

    Attributes:
        linear: from the code to ``channels[-1]`` maps of the smallest size, in the order rows,
            columns, channels.
        stages: the transposed convolutions, the first one from the smallest size.

    Shape:
        ``(..., latent)`` to ``(..., H, W, channels[0])``. relu stands behind the linear layer and
        behind every stage but the last, which returns logits (or anything).
    """

    def __init__(self, size: tuple[int, int], channels: Sequence[int], latent: int) -> None:
        """Make ``self.linear``, ``self.stages`` (a list) and what :meth:`__call__` needs."""
        raise NotImplementedError(
            "10.6 __init__ - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, z: array) -> array:
        """Pictures of codes, as logits."""
        raise NotImplementedError(
            "10.6 __call__ - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class ConvAutoencoder(Module):
    """A convolutional encoder, and a decoder with a sigmoid at the end.

    Args:
        size: ``(H, W)`` of the pictures.
        channels: of the pictures, then of each stage.
        latent: the numbers of a code.
    """

    def __init__(
        self, size: tuple[int, int], channels: Sequence[int] = (1, 16, 32), latent: int = 16
    ) -> None:
        super().__init__()
        self.encoder = ConvEncoder(size, channels, latent)
        self.decoder = ConvDecoder(size, channels, latent)

    def encode(self, x: array) -> array:
        """``(N, H, W, C)`` to ``(N, latent)``."""
        return self.encoder(x)

    def decode(self, z: array) -> array:
        """``(N, latent)`` to ``(N, H, W, C)``, from 0 to 1."""
        return nn.sigmoid(self.decoder(z))

    def __call__(self, x: array) -> array:
        """The pictures as they come back."""
        return self.decode(self.encode(x))
