"""Variational autoencoders: dense, convolutional, linear, and with a label given."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.latent.gaussian import log_density, reparameterized
from tinymlx.models.autoencoder import ConvDecoder, ConvEncoder
from tinymlx.nn import Module


class VAE(Module):
    """What :mod:`tinymlx.latent.bounds` wants: pictures to Gaussians, and codes to logits.

    Args:
        shape: of a picture, ``(H, W, C)``.
        hidden: units of the encoder's layers, from the picture to the code; the decoder has them in
            the opposite order.
        latent: the numbers of a code.
        dropout: behind every layer of units.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        hidden: Sequence[int] = (512, 256),
        latent: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.shape = shape
        pixels = math.prod(shape)
        self.encoder = layers([pixels, *hidden, 2 * latent], dropout)
        self.decoder = layers([latent, *reversed(hidden), pixels], dropout)

    def encode(self, x: array) -> tuple[array, array]:
        """``(N, H, W, C)`` to the mean and the log-variance of the code, ``(N, latent)`` each."""
        mean, log_variance = core.split(self.encoder(x.reshape(x.shape[0], -1)), 2, axis=-1)
        return mean, log_variance

    def decode(self, z: array) -> array:
        """``(..., latent)`` to logits, ``(..., H, W, C)``."""
        return self.decoder(z).reshape(*z.shape[:-1], *self.shape)


class ConvVAE(Module):
    """The same with convolutions.

    Args:
        size: ``(H, W)`` of the pictures.
        channels: of the pictures, then of each stage.
        hidden: units between the convolutions and the code.
        latent: the numbers of a code.
        dropout: behind the layers of units.
    """

    def __init__(
        self,
        size: tuple[int, int],
        channels: Sequence[int] = (1, 32, 64, 128),
        hidden: int = 256,
        latent: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            ConvEncoder(size, channels, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, 2 * latent),
        )
        self.units = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Dropout(dropout))
        self.decoder = ConvDecoder(size, channels, hidden)

    def encode(self, x: array) -> tuple[array, array]:
        """``(N, H, W, C)`` to the mean and the log-variance of the code, ``(N, latent)`` each."""
        mean, log_variance = core.split(self.encoder(x), 2, axis=-1)
        return mean, log_variance

    def decode(self, z: array) -> array:
        """``(..., latent)`` to logits, ``(..., H, W, C)``."""
        return self.decoder(self.units(z))


class LinearVAE(Module):
    r"""The smallest one: every map is linear, the noise of the pixels is learned, too.

    Its best bound is known: it is the log-likelihood of :class:`.ProbabilisticPCA`.

    Args:
        inputs: numbers of a row.
        latent: the numbers of a code.

    Source: J. Lucas et al., Don't blame the ELBO! (2019), https://arxiv.org/abs/1911.02469
    """

    def __init__(self, inputs: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(inputs, latent)
        self.log_variance = core.zeros((latent,))
        self.decoder = nn.Linear(latent, inputs)
        self.log_noise = core.zeros(())

    def bound(self, x: array, noise: array) -> array:
        """The evidence lower bound of each row, ``(N, inputs)`` and ``(N, latent)`` to ``(N,)``.

        The divergence is estimated by the same draw, as log q(z | x) - log p(z): where the encoder
        is the true posterior, the errors of the three terms cancel, and nothing is left to chance.
        """
        mean = self.encoder(x)
        z = reparameterized(mean, self.log_variance, noise)
        zero = core.zeros((), z.dtype)
        picture = core.sum(log_density(x, self.decoder(z), self.log_noise), axis=-1)
        prior = core.sum(log_density(z, zero, zero), axis=-1)
        return picture + prior - core.sum(log_density(z, mean, self.log_variance), axis=-1)


class ConditionalVAE(Module):
    """A variational autoencoder that is told what is on the picture.

    Both sides know the label: the encoder because what the label says need not be in the code, the
    decoder because it has to draw it. The label goes in as a row of zeros with a single one.

    Args:
        shape: of a picture, ``(H, W, C)``.
        classes: the number of labels.
        hidden: units of the layer between.
        latent: the numbers of a code.

    Source: K. Sohn, H. Lee and X. Yan, Learning structured output representation using deep
    conditional generative models (2015).
    """

    def __init__(
        self, shape: tuple[int, ...], classes: int, hidden: int = 256, latent: int = 8
    ) -> None:
        super().__init__()
        self.shape, self.classes = shape, classes
        pixels = math.prod(shape)
        self.encoder = layers([pixels + classes, hidden, 2 * latent], 0.0)
        self.decoder = layers([latent + classes, hidden, pixels], 0.0)

    def one_hot(self, labels: array) -> array:
        """``(N,)`` to ``(N, classes)``."""
        return (labels[:, None] == core.arange(self.classes)).astype(core.float32)

    def encode(self, x: array, labels: array) -> tuple[array, array]:
        """The mean and the log-variance of the code, ``(N, latent)`` each.

        ``self.encoder`` sees the picture as a row with the label's row behind it; the first half of
        what it returns is the mean.

        Args:
            x: ``(N, H, W, C)``.
            labels: ``(N,)`` integers.
        """
        rows = core.concatenate([x.reshape(x.shape[0], -1), self.one_hot(labels)], axis=-1)
        mean, log_variance = core.split(self.encoder(rows), 2, axis=-1)
        return mean, log_variance

    def decode(self, z: array, labels: array) -> array:
        """Logits, ``(N, H, W, C)``: ``self.decoder`` sees the code with the label's row behind it.

        Args:
            z: ``(N, latent)``.
            labels: ``(N,)`` integers.
        """
        logits = self.decoder(core.concatenate([z, self.one_hot(labels)], axis=-1))
        return logits.reshape(-1, *self.shape)


class Given(Module):
    """A conditional model with its labels in place, for what expects a model without.

    Args:
        model: a :class:`ConditionalVAE`.
        labels: ``(N,)``, those of the pictures that will come.
    """

    def __init__(self, model: ConditionalVAE, labels: array) -> None:
        super().__init__()
        self.model, self.labels = model, labels
        self.freeze(recurse=False, keys=["labels"])

    def encode(self, x: array) -> tuple[array, array]:
        """As :meth:`ConditionalVAE.encode`."""
        return self.model.encode(x, self.labels)

    def decode(self, z: array) -> array:
        """As :meth:`ConditionalVAE.decode`."""
        return self.model.decode(z, self.labels)


def layers(sizes: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers with relu and dropout between them."""
    found: list[Module] = []
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        if i > 0:
            found += [nn.ReLU(), nn.Dropout(dropout)] if dropout else [nn.ReLU()]
        found.append(nn.Linear(inputs, outputs))
    return nn.Sequential(*found)
