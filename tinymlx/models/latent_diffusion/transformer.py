"""Attention among the places of a map, and from the places to the words of a text.

Source: R. Rombach et al. (2022), section 3.3, https://arxiv.org/abs/2112.10752
"""

from __future__ import annotations

from tinymlx import core, nn
from tinymlx.core import array

from .blocks import group_norm


class Attention(nn.Module):
    """Attention of many heads: to the places themselves, or to a text.

    Args:
        dims: features of the queries and of the output.
        heads: how many.
        context: features of what is asked; ``dims`` by default.
        bias: whether the projections of queries, keys and values have biases.
    """

    def __init__(
        self, dims: int, heads: int, context: int | None = None, bias: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(dims, dims, bias=bias)
        self.to_k = nn.Linear(context or dims, dims, bias=bias)
        self.to_v = nn.Linear(context or dims, dims, bias=bias)
        self.to_out = [nn.Linear(dims, dims)]

    def __call__(self, x: array, context: array | None = None) -> array:
        """``(N, L, D)`` to the same; ``context`` is ``(N, M, features)``."""
        raise NotImplementedError(
            "13.15 __call__ - exercises/ch13_diffusion_clip/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class GatedLinear(nn.Module):
    """A linear layer whose one half is a gate for the other: ``a * gelu(b)``."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, 2 * outputs)

    def __call__(self, x: array) -> array:
        """``(..., inputs)`` to ``(..., outputs)``."""
        a, b = core.split(self.proj(x), 2, axis=-1)
        return a * nn.gelu(b)


class FeedForward(nn.Module):
    """A gated layer and a linear one. (Between them dropout had a place, which is empty.)"""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.net = [GatedLinear(dims, 4 * dims), nn.Identity(), nn.Linear(4 * dims, dims)]

    def __call__(self, x: array) -> array:
        """``(N, L, D)`` to the same."""
        for layer in self.net:
            x = layer(x)
        return x


class TransformerBlock(nn.Module):
    """Attention among the places, attention to the text, and a feed-forward network."""

    def __init__(self, dims: int, heads: int, context: int) -> None:
        super().__init__()
        self.norm1, self.attn1 = nn.LayerNorm(dims), Attention(dims, heads)
        self.norm2, self.attn2 = nn.LayerNorm(dims), Attention(dims, heads, context)
        self.norm3, self.ff = nn.LayerNorm(dims), FeedForward(dims)

    def __call__(self, x: array, context: array) -> array:
        """``(N, L, D)`` to the same."""
        raise NotImplementedError(
            "13.15 __call__ - exercises/ch13_diffusion_clip/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class SpatialTransformer(nn.Module):
    """The places of a map as tokens, and back.

    Args:
        channels: of the map.
        heads: of the attention.
        context: features of the text.
        depth: how many blocks.
        linear: whether the projections in front and behind are linear layers, as in Stable
            Diffusion 2 and XL, or convolutions with kernels of one place. It is the same
            arithmetic; only the shapes of the published weights differ.
        groups: of the normalization.

    Shape:
        ``(N, H, W, channels)`` to the same.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        context: int,
        depth: int = 1,
        linear: bool = False,
        groups: int = 32,
    ) -> None:
        super().__init__()
        self.norm = group_norm(groups, channels, 1e-6)
        self.proj_in = nn.Linear(channels, channels) if linear else nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = [TransformerBlock(channels, heads, context) for _ in range(depth)]
        self.proj_out = (
            nn.Linear(channels, channels) if linear else nn.Conv2d(channels, channels, 1)
        )

    def __call__(self, x: array, context: array) -> array:
        """The map, with what the places and the text have to say to each place added."""
        raise NotImplementedError(
            "13.15 __call__ - exercises/ch13_diffusion_clip/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
