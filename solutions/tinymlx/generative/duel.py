"""Two networks, each with an optimizer of its own, in turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.generative.losses import discriminator_loss, nonsaturating_loss
from tinymlx.nn import Module
from tinymlx.optimizers import Optimizer

Critic = Callable[[array], array]


class Duel:
    """A generator and a discriminator that learn against each other.

    Args:
        generator: ``z`` (and labels) to examples.
        discriminator: examples (and labels) to a number for each, ``(N,)``.
        generator_optimizer, discriminator_optimizer: one for each; they never meet.
        discriminator_loss: of the numbers of real and of made examples.
        generator_loss: of the numbers of made examples.
        penalty: ``penalty(critic, real, fake)``, added to the discriminator's loss; ``critic`` is
            the discriminator with the labels filled in.
        augment: applied to everything that the discriminator sees, real or made.

    Attributes:
        state: all that a step changes, for ``core.eval`` and ``core.compile``.
    """

    def __init__(
        self,
        generator: Module,
        discriminator: Module,
        generator_optimizer: Optimizer,
        discriminator_optimizer: Optimizer,
        discriminator_loss: Callable[[array, array], array] = discriminator_loss,
        generator_loss: Callable[[array], array] = nonsaturating_loss,
        penalty: Callable[[Critic, array, array], array] | None = None,
        augment: Callable[[array], array] = lambda x: x,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.discriminator_loss = discriminator_loss
        self.generator_loss = generator_loss
        self.penalty = penalty
        self.augment = augment
        generator_optimizer.init(generator.trainable_parameters())
        discriminator_optimizer.init(discriminator.trainable_parameters())

    @property
    def state(self) -> list[Any]:
        return [
            self.generator.state,
            self.discriminator.state,
            self.generator_optimizer.state,
            self.discriminator_optimizer.state,
        ]

    def discriminator_step(self, real: array, z: array, *labels: array) -> array:
        """A step of the discriminator; the generator's parameters do not move.

        The generator makes as many examples as ``z`` has rows, once. Real and made examples go
        through ``self.augment``, and then through the discriminator as *two* batches, the real one
        first: what a normalization learns of one is not mixed with the other. ``self.penalty``,
        if there is one, gets what the discriminator saw: the augmented examples.

        Nothing is differentiated through the generator, and only the discriminator's optimizer
        makes a step. The running statistics of batch normalizations move in every pass through
        them, as they do everywhere in training.

        Args:
            real: real examples, ``(N, ...)``.
            z: latent vectors, ``(N, D)``.
            labels: given to both networks behind ``z`` and behind the examples.

        Returns:
            The loss, with the penalty in it, before the step.
        """
        fake = core.stop_gradient(self.generator(z, *labels))

        def loss(real: array, fake: array) -> array:
            def critic(x: array) -> array:
                return self.discriminator(x, *labels)

            value = self.discriminator_loss(critic(real), critic(fake))
            if self.penalty is not None:
                value = value + self.penalty(critic, real, fake)
            return value

        gradient = nn.value_and_grad(self.discriminator, loss)
        value, gradients = gradient(self.augment(real), self.augment(fake))
        self.discriminator_optimizer.update(self.discriminator, gradients)
        return value

    def generator_step(self, z: array, *labels: array) -> array:
        """A step of the generator; the discriminator's parameters do not move.

        The slope comes back *through* the discriminator (and through ``self.augment``): it is the
        only thing that the generator ever learns of real examples. But only the generator's
        optimizer makes a step.

        Args:
            z: latent vectors, ``(N, D)``.
            labels: given to both networks.

        Returns:
            The loss before the step.
        """

        def loss(z: array) -> array:
            fake = self.augment(self.generator(z, *labels))
            return self.generator_loss(self.discriminator(fake, *labels))

        value, gradients = nn.value_and_grad(self.generator, loss)(z)
        self.generator_optimizer.update(self.generator, gradients)
        return value
