"""Both towers, and how well each picture fits each sentence."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.models.language.weights import fitted, of_sizes, read_json, read_weights
from tinymlx.utils import tree_flatten

from .layers import TowerConfig
from .loss import contrastive_loss
from .text import TextTower
from .vision import VisionTower
from .zero_shot import normalized

#: What the published configurations leave out.
VISION = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
MOST = math.log(100.0)  # of the scale: without a bound it grows until half precision overflows


class CLIP(nn.Module):
    """A tower for pictures and one for sentences, each projected into a common space.

    Args:
        text: sizes of the tower for sentences.
        vision: of that for pictures.
        dims: of the common space.

    Attributes:
        logit_scale: the logarithm of the scale, learned; it starts at log(1 / 0.07).
    """

    def __init__(self, text: TowerConfig, vision: TowerConfig, dims: int = 512) -> None:
        super().__init__()
        self.text_model = TextTower(text)
        self.vision_model = VisionTower(vision)
        self.text_projection = nn.Linear(text.hidden_size, dims, bias=False)
        self.visual_projection = nn.Linear(vision.hidden_size, dims, bias=False)
        self.logit_scale = core.array(math.log(1 / 0.07))

    def sentences(self, tokens: array) -> array:
        """Vectors of length 1, ``(N, L)`` to ``(N, dims)``."""
        return normalized(self.text_projection(self.text_model(tokens).pooled))

    def pictures(self, x: array) -> array:
        """Vectors of length 1, ``(N, H, W, C)`` to ``(N, dims)``."""
        return normalized(self.visual_projection(self.vision_model(x).pooled))

    def scale(self) -> array:
        """What cosines are multiplied by: the exponential of ``logit_scale``, at most 100.

        Above the bound the slope is that of the bound, and not 0: the scale can come back.
        """
        over = core.maximum(self.logit_scale - MOST, 0)
        return core.exp(self.logit_scale - core.stop_gradient(over))

    def __call__(self, x: array, tokens: array) -> array:
        """How well each picture fits each sentence, ``(pictures, sentences)``."""
        return self.scale() * (self.pictures(x) @ self.sentences(tokens).T)

    def loss(self, x: array, tokens: array) -> array:
        """The contrastive loss of pictures and their sentences."""
        return contrastive_loss(self.pictures(x), self.sentences(tokens), self.scale())

    @staticmethod
    def sanitize(weights: dict[str, array]) -> dict[str, array]:
        """Published layouts to ours: kernels with the channels last, no tables of positions."""
        return {
            name: w.transpose(0, 2, 3, 1) if name.endswith("patch_embedding.weight") else w
            for name, w in weights.items()
            if not name.endswith("position_ids")
        }

    @staticmethod
    def load(folder: str | Path) -> CLIP:
        """A published model, from ``config.json`` and ``model.safetensors``.

        Raises:
            ValueError: something is missing, broken, or does not fit; the message says what.
        """
        path = Path(folder)
        config = read_json(path / "config.json")
        if config.get("model_type") != "clip":
            raise ValueError(
                f"{path} holds a model of the kind {config.get('model_type')!r}, and not clip."
            )
        model = of_sizes(path / "config.json", config, CLIP.from_config)
        own: dict[str, Any] = tree_flatten(model.parameters(), destination={})
        weights = fitted(own, CLIP.sanitize(read_weights(path)), str(path))
        model.load_weights(list(weights.items()))
        model.eval()
        return model

    @staticmethod
    def from_config(config: dict[str, Any]) -> CLIP:
        """A model of the sizes in a published ``config.json``."""
        return CLIP(
            TowerConfig.read(config.get("text_config", {})),
            TowerConfig.read(config.get("vision_config", {}), **VISION),
            config.get("projection_dim", 512),
        )
