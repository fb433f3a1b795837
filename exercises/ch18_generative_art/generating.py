"""Paintings that nobody painted: diffusion that is told a style, and two networks in a duel."""

import json
from dataclasses import asdict
from pathlib import Path

import mlx.core as mx
import numpy as np

from tinymlx import core, optimizers
from tinymlx.art.augment import diff_augment
from tinymlx.art.mixing import StyleGenerator, mixed_styles
from tinymlx.core import array
from tinymlx.core.arrays import bare
from tinymlx.data.paintings import STYLES
from tinymlx.diffusion.flow import euler, flow_times
from tinymlx.generative.duel import Duel
from tinymlx.generative.losses import hinge_discriminator_loss, hinge_generator_loss
from tinymlx.generative.shadow import Shadow
from tinymlx.generative.spectral import SpectralNorm
from tinymlx.models.dcgan import Discriminator
from tinymlx.optimizers import Adam
from tinymlx.training import checkpoints

from .borrowed import Denoiser, Labels, Run, asked, in_pieces, matching_loss, seeded, weights_count
from .material import Paintings, floats
from .settings import Setting

NOTHING = len(STYLES)  # the label that asks for no style
SPREAD = 0.5  # the deviation of pixels from -1 to 1


class Remainder(Denoiser):
    r"""A denoiser whose network learns only what a straight line cannot say.

    If pixels were normal with deviation :math:`\sigma`, the best velocity at
    :math:`x_t = (1 - t) x_0 + t \epsilon` would be :math:`c x_t` with
    :math:`c = (t - (1 - t) \sigma^2) / D` and :math:`D = (1 - t)^2 \sigma^2 + t^2`. What is left
    has the deviation :math:`\sigma / \sqrt D`; the network is asked for it in units of that. Most
    of the noise in a velocity is so copied by a number, not by a network.

    Source: T. Karras et al. (2022), https://arxiv.org/abs/2206.00364, for another schedule
    """

    def __call__(self, x: array, t: array, condition: array) -> array:
        at = t.reshape(-1, 1, 1, 1)
        spread = core.square((1 - at) * SPREAD) + core.square(at)
        straight = (at - (1 - at) * SPREAD**2) / spread
        size = core.rsqrt(spread)
        return straight * x + SPREAD * size * super().__call__(x * size, t, condition)


def denoiser(setting: Setting) -> Remainder:
    """The U-Net and the words for nine styles, untrained."""
    core.random.seed(0)
    sizes = setting.unet
    return Remainder(sizes.config(), Labels(len(STYLES), sizes.context), sizes.patch)


def diffusion(run: Run, data: Paintings) -> Denoiser:
    """The denoiser after training."""
    model, plan = denoiser(run.setting), run.setting.diffusion
    run.console.print(f"Diffusion: a U-Net of {weights_count(model):,} weights.")
    nothing = core.array(NOTHING)

    def loss(model: Denoiser, x: array, styles: array) -> array:
        return matching_loss(model, x, styles, nothing)

    def batch(i: int) -> tuple[array, ...]:
        rng = np.random.default_rng([5, i])
        rows = rng.integers(0, len(data.x), plan.batch)
        x = 2 * floats(data.x[rows]) - 1
        flip = rng.uniform(size=plan.batch) < 0.5
        x[flip] = x[flip, :, ::-1]
        return core.array(x), core.array(data.y[rows])

    run.fit("diffusion", model, loss, batch, plan)
    return model


def sampled(run: Run, model: Denoiser, styles: np.ndarray, seed: int = 3) -> np.ndarray:
    """Pictures in the styles asked for, ``(N, side, side, 3)`` from 0 to 1."""
    setting, count = run.setting, len(styles)
    noise = core.random.normal((count, setting.side, setting.side, 3), key=seeded(seed))
    wanted, nothing = core.array(styles.astype(np.int32)), core.array(NOTHING)

    def some(start: int, stop: int) -> array:
        velocity = asked(model, wanted[start:stop], nothing, setting.guidance)
        return euler(velocity, noise[start:stop], flow_times(setting.calls))

    size = 300 if mx.default_device().type == mx.gpu else 30
    return pixels(in_pieces(some, count, size))


def pixels(x: array) -> np.ndarray:
    """From -1 to 1, to NumPy from 0 to 1."""
    return np.array(bare(core.clip(x / 2 + 0.5, 0, 1)))


class Art:
    """The duel: styles by layer against a discriminator that sees augmented pictures.

    Args:
        setting: how large and how long.
        x: paintings in bytes.
    """

    def __init__(self, setting: Setting, x: np.ndarray) -> None:
        core.random.seed(4)
        self.setting, self.plan = setting, setting.gan
        self.x = core.array(x)
        self.generator = StyleGenerator(self.plan.latent, setting.side, self.plan.width)
        discriminator = Discriminator(
            setting.side, 3, 2 * self.plan.width, normalize=None, wrap=SpectralNorm, group=4
        )
        half = optimizers.cosine_decay(self.plan.rate, self.plan.steps, self.plan.rate / 10)
        self.duel = Duel(
            self.generator,
            discriminator,
            Adam(half, betas=[0.0, 0.99]),
            Adam(half, betas=[0.0, 0.99]),
            hinge_discriminator_loss,
            hinge_generator_loss,
            augment=lambda x: diff_augment(x, hole=self.plan.hole),
        )
        self.shadow = Shadow(self.generator, max(1 - 10 / self.plan.steps, 0.5))
        self.steps = 0

    def latents(self, count: int) -> array:
        """Vectors for each layer; half of the pictures mix two."""
        layers = self.generator.count
        first, second = core.random.normal((2, count, self.plan.latent))
        crossover = core.random.randint(1, 2 * layers, (count,))
        return mixed_styles(first, second, crossover, layers)

    def step(self) -> tuple[array, array]:
        """One step of each side; both losses."""
        count = self.plan.batch
        rows = core.random.randint(0, self.x.shape[0], (count,))
        real = self.x[rows].astype(core.float32) / 127.5 - 1
        flip = core.random.bernoulli(0.5, (count, 1, 1, 1))
        real = core.where(flip, real[:, :, ::-1], real)
        losses = (
            self.duel.discriminator_step(real, self.latents(count)),
            self.duel.generator_step(self.latents(count)),
        )
        self.shadow.update()
        return losses

    def state(self) -> dict[str, object]:
        """Everything that a run consists of."""
        return {
            "plan": json.dumps(asdict(self.plan)),
            "networks": [self.generator.parameters(), self.duel.discriminator.parameters()],
            "optimizers": [
                self.duel.generator_optimizer.state,
                self.duel.discriminator_optimizer.state,
            ],
            "shadow": self.shadow.state,
            "random": checkpoints.random_state(),
            "steps": self.steps,
        }

    def restore(self, state: dict) -> None:
        """Go on where :meth:`state` was taken.

        Raises:
            ValueError: it is of another setting.
        """
        if state.get("plan") != json.dumps(asdict(self.plan)):
            raise ValueError("The saved duel is of another setting.")
        self.generator.update(state["networks"][0])
        self.duel.discriminator.update(state["networks"][1])
        self.duel.generator_optimizer.state = state["optimizers"][0]
        self.duel.discriminator_optimizer.state = state["optimizers"][1]
        self.shadow.state = state["shadow"]
        checkpoints.set_random_state(state["random"])
        self.steps = state["steps"]


def duel(run: Run, data: Paintings) -> Art:
    """Both networks after training, from the beginning or from where it was stopped."""
    art, file = (
        Art(run.setting, data.x),
        run.out / f"unfinished-{run.setting.name}-duel.safetensors",
    )
    run.files.append(file)
    run.console.print(f"Duel: a generator of {weights_count(art.generator):,} weights.")
    if file.is_file():
        try:
            art.restore(checkpoints.load(str(file)))
            run.console.print(f"Going on after step {art.steps}.")
        except (ValueError, KeyError) as error:
            run.console.print(f"{error} It is not used.")
    step = art.step
    kept = [art.duel.state, art.shadow.state, core.random.state]
    if mx.default_device().type == mx.gpu:
        step = core.compile(step, inputs=kept, outputs=kept)
    every = max(art.plan.steps // 10, 1)
    total = [0.0, 0.0]
    while art.steps < art.plan.steps:
        losses = step()
        core.eval(losses, art.duel.state, art.shadow.state)
        art.steps += 1
        if art.steps % 10 == 0 or art.plan.steps < 100:
            total = [0.9 * t + 0.1 * loss.item() for t, loss in zip(total, losses)]
        if art.steps % every == 0:
            run.console.print(
                f"duel {art.steps:6d}: discriminator {total[0]:.3f}, generator {total[1]:.3f}"
            )
            checkpoints.save(str(file), art.state())
    run.models["generator"] = art.generator
    art.generator.update(art.shadow.state["parameters"])
    return art


def drawn(art: Art, count: int, seed: int = 6) -> np.ndarray:
    """What the averaged generator makes, ``(N, side, side, 3)`` from 0 to 1."""
    z = core.random.normal((count, art.plan.latent), key=seeded(seed))
    return pixels(in_pieces(lambda a, b: art.shadow(z[a:b]), count, 100))


def mixed(art: Art, count: int = 6, seed: int = 8) -> np.ndarray:
    """A table: the rows' coarse layers with the columns' fine ones, ``(count * count, ...)``."""
    layers = art.generator.count
    rows, columns = core.random.normal((2, count, art.plan.latent), key=seeded(seed))
    first, second = core.repeat(rows, count, axis=0), core.tile(columns, (count, 1))
    crossover = core.full((count * count,), layers // 2, core.int32)
    return pixels(art.shadow(mixed_styles(first, second, crossover, layers)))


def unfinished(out: Path, setting: Setting) -> list[Path]:
    """Checkpoints that are left."""
    return sorted(out.glob(f"unfinished-{setting.name}-*"))
