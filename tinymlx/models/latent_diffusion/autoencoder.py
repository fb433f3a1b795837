"""Pictures to small maps and back: a variational autoencoder, whose maps diffusion works on.

Source: R. Rombach et al. (2022), section 3.1, https://arxiv.org/abs/2112.10752; the names are those
of the published weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.models.language.weights import only

from .blocks import Downsample, ResnetBlock, Upsample, group_norm
from .transformer import Attention


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes; ``channels`` from the largest map to the smallest.

    ``scaling`` is what maps are multiplied by, so that their deviation is about 1; ``shift`` is
    taken away first. Both belong to the weights.
    """

    in_channels: int = 3
    latent: int = 4
    channels: tuple[int, ...] = (128, 256, 512, 512)
    layers: int = 2
    groups: int = 32
    scaling: float = 0.18215
    shift: float = 0.0
    quantized: bool = True  # whether there is a convolution on each side of the map

    @staticmethod
    def read(config: dict[str, Any]) -> AutoencoderConfig:
        """The sizes in a published ``config.json``.

        Raises:
            ValueError: it asks for what is not known here.
        """
        known = {"act_fn": "silu", "mid_block_add_attention": True, "latents_mean": None}
        only(config, known, "AutoencoderKL")
        return AutoencoderConfig(
            in_channels=config.get("in_channels", 3),
            latent=config.get("latent_channels", 4),
            channels=tuple(config["block_out_channels"]),
            layers=config.get("layers_per_block", 1),
            groups=config.get("norm_num_groups", 32),
            scaling=config.get("scaling_factor", 0.18215),
            shift=config.get("shift_factor") or 0.0,
            quantized=config.get("use_quant_conv", True),
        )


class PlaceAttention(Attention):
    """Attention of one head among the places of a map, behind a normalization, added."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__(channels, 1, bias=True)
        self.group_norm = group_norm(groups, channels, 1e-6)

    def __call__(self, x: array, context: array | None = None) -> array:
        """``(N, H, W, C)`` to the same."""
        n, height, width, channels = x.shape
        y = super().__call__(self.group_norm(x).reshape(n, height * width, channels), context)
        return x + y.reshape(x.shape)


class Middle(nn.Module):
    """At the smallest size: a block, attention, a block."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.resnets = [ResnetBlock(channels, channels, None, groups, 1e-6) for _ in range(2)]
        self.attentions = [PlaceAttention(channels, groups)]

    def __call__(self, x: array) -> array:
        """The map, in the same shape."""
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Level(nn.Module):
    """Blocks of one size, and a layer that changes it, under its published name."""

    def __init__(
        self, inputs: int, outputs: int, count: int, groups: int, resize: tuple[str, Any] | None
    ) -> None:
        super().__init__()
        sizes = [inputs, *[outputs] * (count - 1)]
        self.resnets = [ResnetBlock(n, outputs, None, groups, 1e-6) for n in sizes]
        self.resize = resize[0] if resize else None
        if resize:
            self[resize[0]] = [resize[1]]

    def __call__(self, x: array) -> array:
        """The map after all blocks, smaller or larger."""
        for block in self.resnets:
            x = block(x)
        return self[self.resize][0](x) if self.resize else x


class Encoder(nn.Module):
    """Pictures to mean and logarithm of the variance of each number of a map."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        sizes, groups = config.channels, config.groups
        self.conv_in = nn.Conv2d(config.in_channels, sizes[0], 3, padding=1)
        self.down_blocks = [
            Level(
                sizes[max(i - 1, 0)],
                size,
                config.layers,
                groups,
                ("downsamplers", Downsample(size, one_sided=True)) if i < len(sizes) - 1 else None,
            )
            for i, size in enumerate(sizes)
        ]
        self.mid_block = Middle(sizes[-1], groups)
        self.conv_norm_out = group_norm(groups, sizes[-1], 1e-6)
        self.conv_out = nn.Conv2d(sizes[-1], 2 * config.latent, 3, padding=1)

    def __call__(self, x: array) -> array:
        """``(N, H, W, in_channels)`` to ``(N, h, w, 2 * latent)``."""
        x = self.conv_in(x)
        for level in self.down_blocks:
            x = level(x)
        return self.conv_out(nn.silu(self.conv_norm_out(self.mid_block(x))))


class Decoder(nn.Module):
    """Maps to pictures; each level has one block more than the encoder's."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        sizes, groups = config.channels[::-1], config.groups
        self.conv_in = nn.Conv2d(config.latent, sizes[0], 3, padding=1)
        self.mid_block = Middle(sizes[0], groups)
        self.up_blocks = [
            Level(
                sizes[max(i - 1, 0)],
                size,
                config.layers + 1,
                groups,
                ("upsamplers", Upsample(size)) if i < len(sizes) - 1 else None,
            )
            for i, size in enumerate(sizes)
        ]
        self.conv_norm_out = group_norm(groups, sizes[-1], 1e-6)
        self.conv_out = nn.Conv2d(sizes[-1], config.in_channels, 3, padding=1)

    def __call__(self, z: array) -> array:
        """``(N, h, w, latent)`` to ``(N, H, W, in_channels)``."""
        x = self.mid_block(self.conv_in(z))
        for level in self.up_blocks:
            x = level(x)
        return self.conv_out(nn.silu(self.conv_norm_out(x)))


class AutoencoderKL(nn.Module):
    """Encoder and decoder.

    Args:
        config: sizes.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.scaling, self.shift = config.scaling, config.shift
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        if config.quantized:
            self.quant_conv = nn.Conv2d(2 * config.latent, 2 * config.latent, 1)
            self.post_quant_conv = nn.Conv2d(config.latent, config.latent, 1)

    def distribution(self, x: array) -> tuple[array, array]:
        """Mean and logarithm of the variance of the map of each picture.

        Args:
            x: pictures from -1 to 1, ``(N, H, W, 3)``.

        Returns:
            Two arrays ``(N, h, w, latent)``; the logarithm is between -30 and 20.
        """
        raise NotImplementedError(
            "13.17 distribution - exercises/ch13_diffusion_clip/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def encode(self, x: array, noise: array | None = None) -> array:
        """Maps of deviation 1 or so, as diffusion wants them.

        Args:
            x: pictures from -1 to 1, ``(N, H, W, 3)``.
            noise: standard normal, ``(N, h, w, latent)``; without it, the means.
        """
        raise NotImplementedError(
            "13.17 encode - exercises/ch13_diffusion_clip/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def decode(self, z: array) -> array:
        """Pictures from -1 to 1 or so; the inverse of :meth:`encode`, nearly."""
        raise NotImplementedError(
            "13.17 decode - exercises/ch13_diffusion_clip/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
