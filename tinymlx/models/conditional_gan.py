"""Generators that make what they are asked for, and a discriminator that knows what was asked.

Sources: M. Mirza and S. Osindero (2014), https://arxiv.org/abs/1411.1784; the projection:
T. Miyato and M. Koyama (2018), https://arxiv.org/abs/1802.05637
"""

from __future__ import annotations

from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.models.dcgan import Discriminator, Generator
from tinymlx.nn import Module


class ConditionalGenerator(Module):
    """A generator whose input is a latent vector and, behind it, a vector for the class.

    Args:
        classes: how many classes there are; ``self.embedding`` has a vector of size ``latent`` for
            each.
        latent: the size of the latent vector; ``self.generator`` reads ``2 * latent`` numbers.
        options: go to :class:`.Generator`.

    Shape:
        ``(N, latent)`` and labels ``(N,)`` to pictures.
    """

    def __init__(self, classes: int, latent: int = 64, **options: Any) -> None:
        super().__init__()
        self.latent = latent
        self.embedding = nn.Embedding(classes, latent)
        self.generator = Generator(2 * latent, **options)

    def __call__(self, z: array, labels: array) -> array:
        """Pictures of the classes ``labels``."""
        raise NotImplementedError(
            "9.13 __call__ - exercises/ch09_gan/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class ProjectionDiscriminator(Module):
    r"""Is it real, *and* is it what the label says?

    With the features :math:`h` of a picture (``self.discriminator.features``), the logit is

    .. math:: w^\top h + b + v_y^\top h

    The first part, ``self.discriminator.linear``, judges the picture, the second the pair:
    ``self.embedding`` has a vector :math:`v_y` of the size of :math:`h` for each class.

    Args:
        classes: how many classes there are.
        options: go to :class:`.Discriminator`.

    Shape:
        Pictures and labels ``(N,)`` to ``(N,)``.
    """

    def __init__(self, classes: int, **options: Any) -> None:
        super().__init__()
        self.discriminator = Discriminator(**options)
        self.embedding = nn.Embedding(classes, self.discriminator.dims)

    def __call__(self, x: array, labels: array) -> array:
        """A logit for each pair of a picture and a label."""
        raise NotImplementedError(
            "9.13 __call__ - exercises/ch09_gan/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
