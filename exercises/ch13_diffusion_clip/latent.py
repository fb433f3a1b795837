"""The same captions in small maps: an autoencoder first, then diffusion in what it makes.

A picture of 32 x 32 x 3 becomes a map of 8 x 8 x 4. Here the network predicts the velocity under a
schedule that ends without any signal, and pictures come out of the chapter's own pipeline: the
class that runs Stable Diffusion.
"""

import numpy as np

from tinymlx import core, nn, plotting
from tinymlx.core import array
from tinymlx.diffusion.forward import noisy, share
from tinymlx.diffusion.guidance import without_some
from tinymlx.diffusion.prediction import target_of
from tinymlx.diffusion.schedules import cosine_signal, zero_terminal
from tinymlx.models.clip.text import TextTower
from tinymlx.models.latent_diffusion import AutoencoderKL, UNet
from tinymlx.models.latent_diffusion.pipeline import Schedule, TextToImage
from tinymlx.nn import Module

from .captioned import END, Captions, Pools, learned_captions
from .networks import DROP
from .runs import Batch, Numbers, Run, in_pieces, seeded, weights_count
from .settings import Latent, tower
from .shapes import SCALE, draw_captioned, in_01, judged, questions

PRICE = (
    1e-6  # of a nat, beside the mean squared error of a pixel: 100 times more, and colour is lost
)
GOALS = {"seen": ">= 0.85", "new": ""}


class Painter(nn.Module):
    """A tower that reads and a U-Net for maps: what is trained in the second step."""

    def __init__(self, text: TextTower, unet: UNet) -> None:
        super().__init__()
        self.text, self.unet = text, unet

    def __call__(self, z: array, steps: array, tokens: array) -> array:
        """The velocity, in float32."""
        words = self.text(tokens).last
        return self.unet(z.astype(words.dtype), steps, words).astype(core.float32)


def parts(run: Run, captions: Captions) -> tuple[AutoencoderKL, Painter]:
    """Both networks, untrained."""
    setting: Latent = run.setting.latent
    core.random.seed(0)
    sizes = setting.unet
    text = TextTower(tower(sizes.context, run.setting.readers, captions.size, END))
    return AutoencoderKL(setting.autoencoder), Painter(text, UNet(sizes.config(4)))


def latent(run: Run) -> Numbers:
    """Train both, draw what is asked for, and have it read."""
    captions = learned_captions()
    signal = zero_terminal(cosine_signal(1000))
    core.eval(signal)
    numbers: Numbers = {}
    autoencoder, painter = learned(run, captions, signal, numbers)
    schedule = Schedule(signal, "velocity", "trailing", 0)
    pipeline = TextToImage(painter.text, painter.unet, autoencoder, schedule)
    nothing = captions([""])
    scenes, made = questions(run), {}
    for kind, some in scenes.items():
        tokens = captions([str(scene) for scene in some])
        noise = core.random.normal((len(some), 8, 8, 4), key=seeded(4))

        def pictures(start: int, stop: int, tokens: array = tokens, noise: array = noise) -> array:
            row = tokens[start:stop]
            empty = core.broadcast_to(nothing, row.shape)
            return pipeline(row, empty, noise[start:stop], run.setting.calls, SCALE)

        made[kind] = in_pieces(pictures, len(some), 250)
    draw_captioned(run, "latent", scenes, made)
    return numbers | judged(run, "latent", made, GOALS)


def learned(
    run: Run, captions: Captions, signal: array, numbers: Numbers
) -> tuple[AutoencoderKL, Painter]:
    """Both networks after training; what is measured on the way goes into ``numbers``."""
    autoencoder, painter = parts(run, captions)
    counts = [f"{weights_count(m):,}" for m in (autoencoder, painter)]
    run.console.print(f"[bold]In maps of 8 x 8 x 4[/]: {' and '.join(counts)} weights.")
    pools = Pools(run.setting, run.setting.things, captions)
    numbers |= learn_maps(run, autoencoder, pools)
    for pool in pools.pools:
        pool.replace(autoencoder.encode)
    plan, nothing = run.setting.latent.plan, captions([""])[0]

    def loss(model: Module, z: array, tokens: array) -> array:
        z = z.astype(core.float32)
        steps = core.random.randint(0, signal.shape[0], (z.shape[0],))
        noise = core.random.normal(z.shape)
        goal = target_of("velocity", z, noise, share(signal, steps, z))
        told = without_some(tokens, nothing, DROP)
        return core.mean(core.square(model(noisy(z, noise, signal, steps), steps, told) - goal))

    def batch(i: int) -> Batch:
        return pools.draw(plan.batch, seeded(i))

    run.fit("latent", painter, loss, batch, plan)
    return autoencoder, painter


def learn_maps(run: Run, autoencoder: AutoencoderKL, pools: Pools) -> Numbers:
    """Pictures to maps and back, at a small price for what the maps say; then their scale."""
    plan = run.setting.latent.learning

    def loss(model: Module, x: array) -> array:
        mean, log_variance = model.distribution(x)
        mean, log_variance = mean.astype(core.float32), log_variance.astype(core.float32)
        noise = core.random.normal(mean.shape)
        z = (mean + core.exp(log_variance / 2) * noise).astype(x.dtype)
        wrong = core.mean(core.square(model.decode(z).astype(core.float32) - x))
        told = core.square(mean) + core.exp(log_variance) - log_variance - 1
        return wrong + PRICE * 0.5 * core.mean(core.sum(told, axis=(1, 2, 3)))

    def batch(i: int) -> Batch:
        return pools.draw(plan.batch, seeded(10**6 + i))[:1]

    run.fit("autoencoder", autoencoder, loss, batch, plan)
    x = pools.draw(1000, seeded(1))[0]
    z = autoencoder.encode(x)
    deviation = core.std(z).item()
    autoencoder.shift, autoencoder.scaling = core.mean(z).item(), 1 / deviation
    y = autoencoder.decode(autoencoder.encode(x))
    draw_maps(run, x[:8], y[:8])
    wrong = core.mean(core.square(x - y)).item()
    return {
        **run.measured("latent", "deviation of the maps", deviation),
        **run.measured("latent", "error of the autoencoder", wrong),
    }


def draw_maps(run: Run, x: array, y: array) -> None:
    """Pictures, and what is left of them on the way through the map."""
    fig, axes = plotting.figure(2, 8, width=9.6, height=2.7)
    for row, name, pictures in zip(axes, ("before", "after"), (x, y), strict=True):
        for ax, picture in zip(row, pictures):
            ax.imshow(np.array(in_01(picture).tolist()))
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)
    plotting.save(fig, run.out, "autoencoder", formats=("png",))
