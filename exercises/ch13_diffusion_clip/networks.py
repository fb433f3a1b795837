"""The networks of project 13: the chapter's U-Net, and who reads what it is asked for."""

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.diffusion.flow import Velocity, flow_loss
from tinymlx.diffusion.guidance import guided, without_some
from tinymlx.models.clip.layers import TowerConfig
from tinymlx.models.clip.text import TextTower
from tinymlx.models.latent_diffusion import UNet, UNetConfig
from tinymlx.nn import Module

DROP = 0.1  # how often nothing is asked for, in training


class Labels(nn.Module):
    """A class as one word; the last number asks for nothing.

    Args:
        classes: how many.
        dims: features of the word.
    """

    def __init__(self, classes: int, dims: int) -> None:
        super().__init__()
        self.table = nn.Embedding(classes + 1, dims)

    def __call__(self, labels: array) -> array:
        """``(N,)`` to ``(N, 1, dims)``."""
        return self.table(labels)[:, None]


class Words(nn.Module):
    """A caption as the words that CLIP's text tower makes of its tokens, trained along."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.tower = TextTower(config)

    def __call__(self, tokens: array) -> array:
        """``(N, L)`` to ``(N, L, D)``."""
        return self.tower(tokens).last


class Denoiser(nn.Module):
    """The velocity of a flow at noisy pictures, at times from 0 to 1, under a condition.

    The U-Net works on patches: what lies in one has become channels. That is a quarter of the
    places for a side of 2, and costs no detail, since nothing is thrown away.

    Args:
        config: of the U-Net; its channels are those of a patch.
        reader: makes words of a condition.
        patch: the side of a patch.
    """

    def __init__(self, config: UNetConfig, reader: Module, patch: int) -> None:
        super().__init__()
        self.reader = reader
        self.unet = UNet(config)
        self.patch = patch

    def __call__(self, x: array, t: array, condition: array) -> array:
        """``(N, H, W, C)`` to the same, in float32."""
        words = self.reader(condition)
        y = self.unet(folded(x, self.patch).astype(words.dtype), 1000 * t, words)
        return unfolded(y, self.patch).astype(core.float32)


def folded(x: array, side: int) -> array:
    """Patches as channels: ``(N, H, W, C)`` to ``(N, H / side, W / side, side * side * C)``."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height // side, side, width // side, side, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, height // side, width // side, -1)


def unfolded(x: array, side: int) -> array:
    """The inverse of :func:`folded`."""
    n, height, width, _ = x.shape
    x = x.reshape(n, height, width, side, side, -1).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, height * side, width * side, -1)


def matching_loss(model: Denoiser, x: array, condition: array, nothing: array) -> array:
    """The loss of flow matching; now and then nothing is asked for.

    Args:
        model: the network.
        x: pictures from -1 to 1.
        condition: what each shows.
        nothing: the condition that asks for nothing.
    """
    condition = without_some(condition, nothing, DROP)
    noise = core.random.normal(x.shape)
    t = core.random.uniform(shape=(x.shape[0],))
    return flow_loss(lambda y, at: model(y, at, condition), x, noise, t)


def asked(model: Denoiser, condition: array, nothing: array, scale: float) -> Velocity:
    """The velocity with guidance; both halves are computed at once."""
    both = core.concatenate([core.broadcast_to(nothing, condition.shape), condition])

    def velocity(x: array, t: array) -> array:
        found = model(core.concatenate([x, x]), core.concatenate([t, t]), both)
        return guided(*core.split(found, 2), scale)

    return velocity if scale != 1 else lambda x, t: model(x, t, condition)
