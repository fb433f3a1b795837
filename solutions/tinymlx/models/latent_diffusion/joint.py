"""Stable Diffusion 3: places and words in one Transformer, trained to follow straight lines.

The places of a map and the words of a text have weights of their own, and attend together: each
asks all of both. The step, and a vector of the whole sentence, scale and move what every layer
reads, and open a gate for what it adds.

Source: P. Esser et al. (2024), https://arxiv.org/abs/2403.03206; modulation: W. Peebles and S. Xie,
DiT (2022), https://arxiv.org/abs/2212.09748; the names are those of the published weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array

from .embedding import StepEmbedding, step_embedding

STEP_DIMS = 256


@dataclass(frozen=True)
class JointConfig:
    """The entries of ``config.json`` that matter, under their published names."""

    patch_size: int = 2
    in_channels: int = 16
    out_channels: int = 16
    num_layers: int = 18
    attention_head_dim: int = 64
    num_attention_heads: int = 18
    joint_attention_dim: int = 4096
    pooled_projection_dim: int = 2048
    pos_embed_max_size: int = 96
    qk_norm: str | None = None

    @property
    def dims(self) -> int:
        """The features of a place and of a word."""
        return self.attention_head_dim * self.num_attention_heads

    @staticmethod
    def read(config: dict[str, Any]) -> JointConfig:
        """The published entries.

        Raises:
            ValueError: they ask for what is not known here.
        """
        if config.get("dual_attention_layers") or config.get("qk_norm") not in (None, "rms_norm"):
            raise ValueError(
                "[JointTransformer] dual_attention_layers and a qk_norm other than rms_norm are "
                "not known."
            )
        names = JointConfig.__dataclass_fields__
        return JointConfig(**{n: config[n] for n in names if config.get(n) is not None})


class Modulation(nn.Module):
    """A normalization without weights, scaled and moved by what the step and the sentence say.

    Args:
        dims: features.
        parts: how many vectors are made of the condition: 6 for a block, the last four of which
            are used later; 2 where nothing follows, and then the scale comes first.
    """

    def __init__(self, dims: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.linear = nn.Linear(dims, parts * dims)
        self._norm = nn.LayerNorm(dims, eps=1e-6, affine=False)

    def __call__(self, x: array, condition: array) -> tuple[array, list[array]]:
        """``(N, L, D)`` and ``(N, D)`` to the same, and the vectors that are left."""
        found = core.split(self.linear(nn.silu(condition))[:, None], self.parts, axis=-1)
        first, second, *rest = found
        shift, scale = (first, second) if self.parts == 6 else (second, first)
        return modulated(self._norm(x), shift, scale), rest


def modulated(x: array, shift: array, scale: array) -> array:
    """``x`` scaled by ``1 + scale`` and moved by ``shift``: nothing happens if both are 0."""
    return x * (1 + scale) + shift


class FeedForward(nn.Module):
    """Two linear layers with gelu between them, under their published names."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.net = [Projected(dims, 4 * dims), nn.Identity(), nn.Linear(4 * dims, dims)]

    def __call__(self, x: array) -> array:
        """``(N, L, D)`` to the same."""
        for layer in self.net:
            x = layer(x)
        return x


class Projected(nn.Module):
    """A linear layer and gelu."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, outputs)

    def __call__(self, x: array) -> array:
        """``(..., inputs)`` to ``(..., outputs)``."""
        return nn.gelu_approx(self.proj(x))


class JointAttention(nn.Module):
    """Places and words, each with its own projections, attend to all of both.

    Args:
        config: sizes.
        last: whether this is the last block, after which nobody reads the words any more.
    """

    def __init__(self, config: JointConfig, last: bool) -> None:
        super().__init__()
        dims, size = config.dims, config.attention_head_dim
        self.heads = config.num_attention_heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(dims, dims) for _ in range(3))
        self.add_q_proj, self.add_k_proj, self.add_v_proj = (
            nn.Linear(dims, dims) for _ in range(3)
        )
        self.to_out = [nn.Linear(dims, dims)]
        if not last:
            self.to_add_out = nn.Linear(dims, dims)
        if config.qk_norm:
            self.norm_q, self.norm_k = nn.RMSNorm(size, 1e-6), nn.RMSNorm(size, 1e-6)
            self.norm_added_q, self.norm_added_k = nn.RMSNorm(size, 1e-6), nn.RMSNorm(size, 1e-6)

    def split(self, x: array, norm: str) -> array:
        """``(N, L, D)`` to ``(N, heads, L, D / heads)``, normalized if the model does so."""
        n, length, dims = x.shape
        x = x.reshape(n, length, self.heads, dims // self.heads)
        return (self[norm](x) if norm in self else x).transpose(0, 2, 1, 3)

    def __call__(self, x: array, words: array) -> tuple[array, array]:
        """What places and words get."""
        n, places, dims = x.shape
        q = [self.split(self.to_q(x), "norm_q"), self.split(self.add_q_proj(words), "norm_added_q")]
        k = [self.split(self.to_k(x), "norm_k"), self.split(self.add_k_proj(words), "norm_added_k")]
        v = [self.split(self.to_v(x), ""), self.split(self.add_v_proj(words), "")]
        queries, keys, values = (core.concatenate(parts, axis=2) for parts in (q, k, v))
        scale = (dims // self.heads) ** -0.5
        y = core.fast.scaled_dot_product_attention(queries, keys, values, scale=scale)
        y = y.transpose(0, 2, 1, 3).reshape(n, -1, dims)
        found, said = y[:, :places], y[:, places:]
        return self.to_out[0](found), self.to_add_out(said) if "to_add_out" in self else said


class JointBlock(nn.Module):
    """Attention together, then a feed-forward network for places and one for words."""

    def __init__(self, config: JointConfig, last: bool) -> None:
        super().__init__()
        dims = config.dims
        self.last = last
        self.norm1 = Modulation(dims, 6)
        self.norm1_context = Modulation(dims, 2 if last else 6)
        self.attn = JointAttention(config, last)
        self.ff = FeedForward(dims)
        if not last:
            self.ff_context = FeedForward(dims)
        self._norm = nn.LayerNorm(dims, eps=1e-6, affine=False)

    def __call__(self, x: array, words: array, condition: array) -> tuple[array, array]:
        """Places ``(N, L, D)`` and words ``(N, M, D)`` to the same."""
        y, of_places = self.norm1(x, condition)
        z, of_words = self.norm1_context(words, condition)
        y, z = self.attn(y, z)
        x = self.added(x, y, of_places, self.ff)
        return x, words if self.last else self.added(words, z, of_words, self.ff_context)

    def added(self, x: array, y: array, told: list[array], feed_forward: nn.Module) -> array:
        """What attention found, then what the feed-forward network makes, each through its gate."""
        gate, shift, scale, second = told
        x = x + gate * y
        return x + second * feed_forward(modulated(self._norm(x), shift, scale))


class Patches(nn.Module):
    """A map as tokens, with a table of positions from whose middle a part is cut."""

    def __init__(self, config: JointConfig) -> None:
        super().__init__()
        side = config.patch_size
        self.most = config.pos_embed_max_size
        self.proj = nn.Conv2d(config.in_channels, config.dims, side, side)
        self.pos_embed = core.zeros((1, self.most**2, config.dims))

    def __call__(self, x: array) -> array:
        """``(N, H, W, C)`` to ``(N, H / P, W / P, D)``."""
        y = self.proj(x)
        height, width, dims = y.shape[1:]
        if max(height, width) > self.most:
            raise ValueError(
                f"[JointTransformer] {height} x {width} patches are more than the {self.most} x "
                f"{self.most} positions that the model knows."
            )
        top, left = (self.most - height) // 2, (self.most - width) // 2
        table = self.pos_embed.reshape(self.most, self.most, dims)
        return y + table[top : top + height, left : left + width]


class Told(nn.Module):
    """The step and the sentence as one vector."""

    def __init__(self, config: JointConfig) -> None:
        super().__init__()
        self.timestep_embedder = StepEmbedding(STEP_DIMS, config.dims)
        self.text_embedder = StepEmbedding(config.pooled_projection_dim, config.dims)

    def __call__(self, steps: array, pooled: array) -> array:
        """``(N,)`` and ``(N, features)`` to ``(N, D)``."""
        told = step_embedding(steps, STEP_DIMS).astype(pooled.dtype)
        return self.timestep_embedder(told) + self.text_embedder(pooled)


class JointTransformer(nn.Module):
    """From a noisy map, a step and a text to the velocity in the shape of the map.

    Args:
        config: sizes.
    """

    def __init__(self, config: JointConfig) -> None:
        super().__init__()
        self.patch, self.channels = config.patch_size, config.out_channels
        self.pos_embed = Patches(config)
        self.time_text_embed = Told(config)
        self.context_embedder = nn.Linear(config.joint_attention_dim, config.dims)
        last = config.num_layers - 1
        self.transformer_blocks = [JointBlock(config, i == last) for i in range(config.num_layers)]
        self.norm_out = Modulation(config.dims, 2)
        self.proj_out = nn.Linear(config.dims, self.patch**2 * config.out_channels)

    def __call__(self, x: array, steps: array, context: array, pooled: array) -> array:
        """The velocity.

        Args:
            x: noisy maps, ``(N, H, W, in_channels)``; both sides are multiples of ``patch_size``.
            steps: times from 0 to 1000, ``(N,)``.
            context: the words of a text, ``(N, M, features)``.
            pooled: the vector of the sentence, ``(N, features)``.

        Raises:
            ValueError: a side is no such multiple, or the map is too large.
        """
        if x.shape[1] % self.patch or x.shape[2] % self.patch:
            raise ValueError(
                f"[JointTransformer] The sides of a map should be multiples of {self.patch}; they "
                f"are {x.shape[1]} and {x.shape[2]}."
            )
        condition = self.time_text_embed(steps, pooled)
        words = self.context_embedder(context)
        y = self.pos_embed(x)
        n, height, width, dims = y.shape
        y = y.reshape(n, height * width, dims)
        for block in self.transformer_blocks:
            y, words = block(y, words, condition)
        y, _ = self.norm_out(y, condition)
        side, channels = self.patch, self.channels
        y = self.proj_out(y).reshape(n, height, width, side, side, channels)
        return y.transpose(0, 1, 3, 2, 4, 5).reshape(n, height * side, width * side, channels)
