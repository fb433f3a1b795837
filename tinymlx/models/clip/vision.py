"""Pictures to vectors: a Vision Transformer.

Source: A. Dosovitskiy et al. (2020), https://arxiv.org/abs/2010.11929
"""

from __future__ import annotations

from typing import NamedTuple

from tinymlx import core, nn
from tinymlx.core import array

from .layers import Encoder, TowerConfig


class Vision(NamedTuple):
    """What the tower says of pictures."""

    last: array  # (N, 1 + patches, D): the class token and every patch
    pooled: array  # (N, D): the class token, normalized


class VisionEmbeddings(nn.Module):
    """A vector for each patch of the picture, a learned one in front, and positions for all."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        dims, side = config.hidden_size, config.patch_size
        if config.image_size % side:
            raise ValueError(
                f"[VisionTower] image_size, {config.image_size}, is no multiple of patch_size, "
                f"{side}."
            )
        self.size, self.channels = config.image_size, config.num_channels
        self.class_embedding = core.random.normal((dims,))
        self.patch_embedding = nn.Conv2d(config.num_channels, dims, side, side, bias=False)
        patches = (config.image_size // side) ** 2
        self.position_embedding = nn.Embedding(patches + 1, dims)

    def __call__(self, x: array) -> array:
        """``(N, H, W, C)`` to ``(N, 1 + patches, D)``, in the dtype of the patches.

        Raises:
            ValueError: pictures of another shape; the message begins "[VisionTower] Pictures
                should have the shape", and says which.
        """
        raise NotImplementedError(
            "13.21 __call__ - exercises/ch13_diffusion_clip/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class VisionTower(nn.Module):
    """Patches as tokens, among which a token without a patch collects what the picture is.

    Args:
        config: sizes.

    Shape:
        ``(N, H, W, C)`` to :class:`Vision`.

    Raises (when called):
        ValueError: pictures of another size, or none.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.embeddings = VisionEmbeddings(config)
        # A slip of the pen that has been published, and is a name now.
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.encoder = Encoder(config)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def __call__(self, x: array) -> Vision:
        """What the tower says of pictures."""
        if not x.shape[0]:
            raise ValueError("[VisionTower] There are no pictures to look at.")
        last = self.encoder(self.pre_layrnorm(self.embeddings(x)))[-1]
        return Vision(last, self.post_layernorm(last[:, 0]))
