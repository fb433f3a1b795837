"""The blocks that both towers of CLIP are made of.

Source: A. Radford et al., Learning transferable visual models from natural language supervision
(2021), https://arxiv.org/abs/2103.00020; the names are those of the published weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tinymlx import core, nn
from tinymlx.core import array

Mask = array | Literal["causal"] | None

ACTIVATIONS = {
    "quick_gelu": nn.gelu_fast_approx,
    "gelu": nn.gelu,
    "gelu_pytorch_tanh": nn.gelu_approx,
}


@dataclass(frozen=True)
class TowerConfig:
    """The entries of ``config.json`` that matter, under their published names."""

    hidden_size: int = 512
    intermediate_size: int = 2048
    num_hidden_layers: int = 12
    num_attention_heads: int = 8
    layer_norm_eps: float = 1e-5
    hidden_act: str = "quick_gelu"
    projection_dim: int = 512
    # of sentences
    vocab_size: int = 49408
    max_position_embeddings: int = 77
    eos_token_id: int = 49407
    # of pictures
    image_size: int = 224
    patch_size: int = 32
    num_channels: int = 3

    def __post_init__(self) -> None:
        if self.hidden_act not in ACTIVATIONS:
            raise ValueError(
                f"[CLIP] hidden_act {self.hidden_act!r} is not known; {', '.join(ACTIVATIONS)} are."
            )

    @staticmethod
    def read(config: dict[str, Any], **defaults: Any) -> TowerConfig:
        """The entries of a published configuration; ``defaults`` for those that are not there."""
        names = TowerConfig.__dataclass_fields__
        return TowerConfig(**defaults | {n: config[n] for n in names if n in config})


class Attention(nn.Module):
    """Attention of many heads, all projections with biases."""

    def __init__(self, dims: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or dims % heads:
            raise ValueError(
                f"[CLIP] hidden_size, {dims}, is no multiple of num_attention_heads, {heads}."
            )
        self.heads = heads
        self.q_proj, self.k_proj = nn.Linear(dims, dims), nn.Linear(dims, dims)
        self.v_proj, self.out_proj = nn.Linear(dims, dims), nn.Linear(dims, dims)

    def __call__(self, x: array, mask: Mask) -> array:
        """``(N, L, D)`` to the same."""
        n, length, dims = x.shape
        q, k, v = (
            project(x).reshape(n, length, self.heads, -1).transpose(0, 2, 1, 3)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        scale = (dims // self.heads) ** -0.5
        y = core.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask)
        return self.out_proj(y.transpose(0, 2, 1, 3).reshape(n, length, dims))


class FeedForward(nn.Module):
    """Two linear layers with an activation between them."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self._activation = ACTIVATIONS[config.hidden_act]

    def __call__(self, x: array) -> array:
        """``(N, L, D)`` to the same."""
        return self.fc2(self._activation(self.fc1(x)))


class Block(nn.Module):
    """Attention, then the feed-forward network, each behind a normalization and added."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        dims, eps = config.hidden_size, config.layer_norm_eps
        self.self_attn = Attention(dims, config.num_attention_heads)
        self.layer_norm1 = nn.LayerNorm(dims, eps)
        self.mlp = FeedForward(config)
        self.layer_norm2 = nn.LayerNorm(dims, eps)

    def __call__(self, x: array, mask: Mask) -> array:
        """``(N, L, D)`` to the same."""
        x = x + self.self_attn(self.layer_norm1(x), mask)
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    """All blocks of a tower."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.layers = [Block(config) for _ in range(config.num_hidden_layers)]

    def __call__(self, x: array, mask: Mask = None) -> list[array]:
        """What goes into the first block, and what comes out of each: ``(N, L, D)`` each."""
        found = [x]
        for layer in self.layers:
            found.append(layer(found[-1], mask))
        return found
