"""A generator whose latent vectors lie in several clouds.

Source: M. Ben-Yosef and D. Weinshall (2018), Gaussian mixture generative adversarial networks for
diverse datasets, https://arxiv.org/abs/1808.10356 (the supervised variant needs labels; this one
does not)
"""

from __future__ import annotations

import math
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.models.conditional_gan import ConditionalGenerator
from tinymlx.nn import Module


class MixtureGenerator(Module):
    """A generator that may make pieces with nothing between them, and needs no labels for it.

    A continuous function makes one connected thing of one cloud. Here the first number of a latent
    vector says in which of several equally likely clouds it lies, and each cloud has a learned
    place of its own. What a cloud comes to mean, nobody says.

    Args:
        clouds: how many.
        latent: the size of the latent vector, which is normal with mean 0 and deviation 1.
        options: go to :class:`.Generator`.

    Shape:
        ``(N, latent)`` to pictures.
    """

    def __init__(self, clouds: int, latent: int = 64, **options: Any) -> None:
        super().__init__()
        self.clouds = clouds
        self.generator = ConditionalGenerator(clouds, latent, **options)

    def cloud(self, z: array) -> array:
        """The cloud of each latent vector, ``(N,)``, from 0.

        The distribution function of the normal distribution makes of the first number one that is
        uniform from 0 to 1.
        """
        uniform = (1 + core.erf(z[:, 0] / math.sqrt(2))) / 2
        return core.clip(core.floor(self.clouds * uniform), 0, self.clouds - 1).astype(core.int32)

    def __call__(self, z: array) -> array:
        """Pictures of latent vectors."""
        return self.generator(z, self.cloud(z))
