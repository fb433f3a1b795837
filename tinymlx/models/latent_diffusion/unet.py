"""The U-Net: down, through the middle, and up again, with a bridge from each level to its twin.

Source: R. Rombach et al. (2022), https://arxiv.org/abs/2112.10752; D. Podell et al., SDXL (2023),
https://arxiv.org/abs/2307.01952; the names are those of the published weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.models.language.weights import only

from .blocks import Downsample, ResnetBlock, Upsample, group_norm
from .embedding import StepEmbedding, step_embedding
from .transformer import SpatialTransformer


@dataclass(frozen=True)
class UNetConfig:
    """Sizes, one for each level from the largest map to the smallest.

    ``attention`` says which levels have attention (the middle always has), ``heads`` and ``depth``
    of how many heads and blocks it is. ``sizes_dims`` and ``pooled_dims`` are for Stable Diffusion
    XL, which is also told six numbers about the picture and a vector of the whole sentence.
    """

    in_channels: int = 4
    out_channels: int = 4
    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    attention: tuple[bool, ...] = (True, True, True, False)
    heads: tuple[int, ...] = (8, 8, 8, 8)
    depth: tuple[int, ...] = (1, 1, 1, 1)
    layers: int = 2
    context: int = 768
    linear: bool = False
    groups: int = 32
    eps: float = 1e-5
    sizes_dims: int | None = None
    pooled_dims: int | None = None


class Level(nn.Module):
    """What happens at one size on the way down or up: blocks, perhaps with attention.

    Args:
        inputs: channels of the input of each block.
        outputs: channels of the output of each.
        config: the whole network's.
        level: which one, from 0 for the largest maps.
        resize: the layer behind the blocks, if there is one, and its published name.
    """

    def __init__(
        self,
        inputs: list[int],
        outputs: int,
        config: UNetConfig,
        level: int,
        resize: tuple[str, nn.Module] | None,
    ) -> None:
        super().__init__()
        dims = 4 * config.channels[0]
        self.resnets = [ResnetBlock(n, outputs, dims, config.groups, config.eps) for n in inputs]
        if config.attention[level]:
            self.attentions = [attention(outputs, config, level) for _ in inputs]
        self.resize = resize[0] if resize else None
        if resize:
            self[resize[0]] = [resize[1]]

    def block(self, i: int, x: array, step: array, context: array) -> array:
        """Block ``i``, and its attention if there is any."""
        x = self.resnets[i](x, step)
        return self.attentions[i](x, context) if "attentions" in self else x

    def resized(self, x: array) -> array:
        """The last layer."""
        return self[self.resize][0](x)


def attention(channels: int, config: UNetConfig, level: int) -> SpatialTransformer:
    """The attention of one level."""
    return SpatialTransformer(
        channels,
        config.heads[level],
        config.context,
        config.depth[level],
        config.linear,
        config.groups,
    )


class Middle(nn.Module):
    """At the smallest size: a block, attention, a block."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        channels, dims = config.channels[-1], 4 * config.channels[0]
        self.resnets = [
            ResnetBlock(channels, channels, dims, config.groups, config.eps) for _ in range(2)
        ]
        self.attentions = [attention(channels, config, -1)]

    def __call__(self, x: array, step: array, context: array) -> array:
        """The map, in the same shape."""
        x = self.attentions[0](self.resnets[0](x, step), context)
        return self.resnets[1](x, step)


class UNet(nn.Module):
    """From a noisy map, a step and a text to a prediction in the shape of the map.

    Args:
        config: sizes.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        sizes, layers = config.channels, config.layers
        self.dims = sizes[0]
        self.sizes_dims = config.sizes_dims
        self.conv_in = nn.Conv2d(config.in_channels, sizes[0], 3, padding=1)
        self.time_embedding = StepEmbedding(sizes[0], 4 * sizes[0])
        if config.sizes_dims is not None:
            told = 6 * config.sizes_dims + (config.pooled_dims or 0)
            self.add_embedding = StepEmbedding(told, 4 * sizes[0])
        self.down_blocks, bridges = [], [sizes[0]]
        for i, size in enumerate(sizes):
            first, last = sizes[max(i - 1, 0)], i == len(sizes) - 1
            smaller = None if last else ("downsamplers", Downsample(size))
            inputs = [first, *[size] * (layers - 1)]
            self.down_blocks.append(Level(inputs, size, config, i, smaller))
            bridges += [size] * (layers if last else layers + 1)
        self.mid_block = Middle(config)
        self.up_blocks, below = [], sizes[-1]
        for i in reversed(range(len(sizes))):
            inputs = []
            for _ in range(layers + 1):
                inputs.append(below + bridges.pop())
                below = sizes[i]
            larger = None if i == 0 else ("upsamplers", Upsample(sizes[i]))
            self.up_blocks.append(Level(inputs, sizes[i], config, i, larger))
        self.conv_norm_out = group_norm(config.groups, sizes[0], config.eps)
        self.conv_out = nn.Conv2d(sizes[0], config.out_channels, 3, padding=1)

    def __call__(
        self,
        x: array,
        steps: array,
        context: array,
        sizes: array | None = None,
        pooled: array | None = None,
    ) -> array:
        """The prediction.

        On the way down a map is kept behind ``conv_in``, behind each block with its attention, and
        behind each halving. On the way up each block reads the map, and beside it (more channels)
        the last one of these that is left. All work in the dtype of ``x``.

        Every layer is called once: what is the same for all blocks, such as the vector of the step,
        is computed for all of them. Nothing is evaluated, so that a step may be compiled.

        Args:
            x: noisy maps, ``(N, H, W, in_channels)``; both sides are multiples of the product of
                all halvings.
            steps: ``(N,)``.
            context: the words of a text, ``(N, M, features)``.
            sizes: for Stable Diffusion XL, ``(N, 6)``: original size, corner, target size.
            pooled: likewise, the vector of the sentence, ``(N, features)``.

        Raises:
            ValueError: a side is no such multiple ("[UNet] The sides of a map should be multiples
                of ...").
        """
        raise NotImplementedError(
            "13.16 __call__ - exercises/ch13_diffusion_clip/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def more(self, sizes: array | None, pooled: array | None, x: array) -> array:
        """What Stable Diffusion XL is told besides, in one row for each example.

        Raises:
            ValueError: it is not told.
        """
        if sizes is None or pooled is None or self.sizes_dims is None:
            raise ValueError("[UNet] This model wants sizes and pooled, too.")
        numbers = step_embedding(sizes.reshape(-1), self.sizes_dims).reshape(sizes.shape[0], -1)
        return core.concatenate([pooled, numbers.astype(pooled.dtype)], axis=-1).astype(x.dtype)


def unet_config(config: dict[str, Any]) -> UNetConfig:
    """The sizes in a published ``config.json``.

    What is called ``attention_head_dim`` there is the number of heads: a slip that was published.

    Raises:
        ValueError: it asks for what is not known here.
    """
    known = {
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "mid_block_scale_factor": 1,
        "downsample_padding": 1,
        "center_input_sample": False,
        "timestep_post_act": None,
        "conv_in_kernel": 3,
        "conv_out_kernel": 3,
        "encoder_hid_dim": None,
        "encoder_hid_dim_type": None,
        "num_class_embeds": None,
        "time_embedding_type": "positional",
        "act_fn": "silu",
        "class_embed_type": None,
        "resnet_time_scale_shift": "default",
        "dual_cross_attention": False,
        "only_cross_attention": False,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
    }
    only(config, known, "UNet")
    if config.get("addition_embed_type") not in (None, "text_time"):
        only(config, {"addition_embed_type": "text_time"}, "UNet")
    channels = tuple(config["block_out_channels"])
    told = config.get("num_attention_heads") or config.get("attention_head_dim", 8)
    heads = each(told, len(channels))
    if any(h < 1 or c % h for c, h in zip(channels, heads)):
        raise ValueError(f"[UNet] Channels, {channels}, should be multiples of heads, {heads}.")
    return UNetConfig(
        in_channels=config.get("in_channels", 4),
        out_channels=config.get("out_channels", 4),
        channels=channels,
        attention=tuple(kind.startswith("CrossAttn") for kind in config["down_block_types"]),
        heads=heads,
        depth=each(config.get("transformer_layers_per_block", 1), len(channels)),
        layers=config.get("layers_per_block", 2),
        context=config.get("cross_attention_dim", 1280),
        linear=config.get("use_linear_projection", False),
        groups=config.get("norm_num_groups", 32),
        eps=config.get("norm_eps", 1e-5),
        sizes_dims=config.get("addition_time_embed_dim"),
        pooled_dims=pooled_dims(config),
    )


def pooled_dims(config: dict[str, Any]) -> int | None:
    """How long the vector of the sentence is: what is left of all that is told besides."""
    whole, each_size = (
        config.get("projection_class_embeddings_input_dim"),
        config.get("addition_time_embed_dim"),
    )
    return None if whole is None or each_size is None else whole - 6 * each_size


def each(value: int | list[int], count: int) -> tuple[int, ...]:
    """A number for each level, where one may stand for all."""
    return (value,) * count if isinstance(value, int) else tuple(value)
