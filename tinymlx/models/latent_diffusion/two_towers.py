"""From words to a picture with two text towers: Stable Diffusion XL, and 3, which follows a flow.

Both read a sentence twice, with towers of different widths, and take the layer before the last one.
The vector of the whole sentence is told besides.

Sources: D. Podell et al., SDXL (2023), https://arxiv.org/abs/2307.01952; P. Esser et al. (2024),
https://arxiv.org/abs/2403.03206; folders and steps are those of ``diffusers``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.diffusion.flow import euler
from tinymlx.diffusion.guidance import guided
from tinymlx.models.clip.layers import TowerConfig
from tinymlx.models.clip.text import TextTower
from tinymlx.models.language.weights import fitted, of_sizes, only, read_json, read_weights
from tinymlx.utils import tree_flatten

from .autoencoder import AutoencoderKL
from .joint import JointTransformer
from .loading import load_autoencoder, load_transformer, load_unet
from .pipeline import Schedule, TextToImage, load_text_tower
from .unet import UNet

#: A sentence as the numbers of its tokens for the first tower and for the second, ``(N, L)`` each.
Twice = tuple[array, array]


class Sentence(NamedTuple):
    """What is told of sentences."""

    words: array  # (N, L, features)
    pooled: array  # (N, features)


class ProjectedTower(nn.Module):
    """A text tower whose vector of the sentence goes through a matrix.

    Args:
        config: sizes.

    Shape:
        ``(N, L)`` integers to :class:`Sentence`; the words are those of the layer before the last.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.text_model = TextTower(config)
        self.text_projection = nn.Linear(config.hidden_size, config.projection_dim, bias=False)

    def __call__(self, tokens: array) -> Sentence:
        """What is told of sentences."""
        text = self.text_model(tokens)
        return Sentence(text.hidden[-2], self.text_projection(text.pooled))


def load_projected_tower(folder: str | Path) -> ProjectedTower:
    """A text tower with its projection, as a folder ``text_encoder_2`` has it.

    Raises:
        ValueError: something is missing, broken, or does not fit.
    """
    path = Path(folder)
    config = read_json(path / "config.json")
    model = of_sizes(path / "config.json", config, lambda c: ProjectedTower(TowerConfig.read(c)))
    own: dict[str, Any] = tree_flatten(model.parameters(), destination={})
    found = {n: w for n, w in read_weights(path).items() if not n.endswith("position_ids")}
    model.load_weights(list(fitted(own, found, str(path)).items()))
    model.eval()
    return model


class TextToImageXL:
    """Stable Diffusion XL.

    Args:
        first, second: the text towers.
        unet: is told sizes and the vector of the sentence, too.
        autoencoder: maps to pictures.
        schedule: of the U-Net's training.
    """

    def __init__(
        self,
        first: TextTower,
        second: ProjectedTower,
        unet: UNet,
        autoencoder: AutoencoderKL,
        schedule: Schedule,
    ) -> None:
        self.first, self.second = first, second
        self.unet, self.autoencoder, self.schedule = unet, autoencoder, schedule

    @staticmethod
    def load(folder: str | Path) -> TextToImageXL:
        """A published pipeline: ``text_encoder``, ``text_encoder_2``, ``unet``, ``vae`` and
        ``scheduler``.

        Raises:
            ValueError: something is missing, broken, not known or does not fit.
        """
        path = Path(folder)
        return TextToImageXL(
            load_text_tower(path / "text_encoder"),
            load_projected_tower(path / "text_encoder_2"),
            load_unet(path / "unet"),
            load_autoencoder(path / "vae"),
            Schedule.read(read_json(path / "scheduler" / "scheduler_config.json")),
        )

    def told(self, tokens: Twice) -> Sentence:
        """The words of both towers beside each other, and the second one's vector."""
        first, second = self.first(tokens[0]), self.second(tokens[1])
        return Sentence(core.concatenate([first.hidden[-2], second.words], axis=-1), second.pooled)

    def __call__(
        self,
        tokens: Twice,
        nothing: Twice | None,
        noise: array,
        count: int = 30,
        guidance: float = 5.0,
    ) -> array:
        """Pictures of sentences. The same noise gives the same picture.

        Args:
            tokens: of the sentences.
            nothing: of what is not wanted; ``None`` for vectors of zeros, with which the published
                model was trained.
            noise: standard normal, ``(N, h, w, channels)``.
            count: how many steps.
            guidance: see :func:`.guided`.

        Returns:
            ``(N, H, W, 3)``, from 0 to 1.
        """
        with_words = self.told(tokens)
        if nothing is None:
            without = Sentence(*map(core.zeros_like, with_words))
        else:
            without = self.told(nothing)
        pooled = core.concatenate([without.pooled, with_words.pooled])
        side = 2 ** (len(self.autoencoder.decoder.up_blocks) - 1)
        height, width = (side * n for n in noise.shape[1:3])
        # As large as it was before it was cut, where it was cut, and as large as it is to be.
        sizes = core.array([[height, width, 0, 0, height, width]] * (2 * noise.shape[0]))

        def unet(x: array, steps: array, words: array) -> array:
            return self.unet(x, steps, words, sizes, pooled)

        inner: Any = TextToImage(self.first, unet, self.autoencoder, self.schedule)  # type: ignore[arg-type]
        z = inner.denoised(with_words.words, without.words, noise, count, guidance)
        return core.clip(self.autoencoder.decode(z) / 2 + 0.5, 0, 1)


class TextToImageFlow:
    """Stable Diffusion 3, without the third of its text towers, which may be left out.

    Args:
        first, second: the text towers.
        transformer: says the velocity in a map.
        autoencoder: maps to pictures.
        shift: as for :func:`.flow_times`.
    """

    #: How many words the third tower says; without it they are zeros.
    MORE = 256

    def __init__(
        self,
        first: ProjectedTower,
        second: ProjectedTower,
        transformer: JointTransformer,
        autoencoder: AutoencoderKL,
        shift: float = 3.0,
    ) -> None:
        self.first, self.second = first, second
        self.transformer, self.autoencoder, self.shift = transformer, autoencoder, shift

    @staticmethod
    def load(folder: str | Path) -> TextToImageFlow:
        """A published pipeline: ``text_encoder``, ``text_encoder_2``, ``transformer``, ``vae`` and
        ``scheduler``.

        Raises:
            ValueError: something is missing, broken, not known or does not fit.
        """
        path = Path(folder)
        config = read_json(path / "scheduler" / "scheduler_config.json")
        known = {"use_dynamic_shifting": False, "num_train_timesteps": 1000, "invert_sigmas": False}
        only(config, known, "TextToImageFlow")
        return TextToImageFlow(
            load_projected_tower(path / "text_encoder"),
            load_projected_tower(path / "text_encoder_2"),
            load_transformer(path / "transformer"),
            load_autoencoder(path / "vae"),
            config.get("shift", 1.0),
        )

    def told(self, tokens: Twice) -> Sentence:
        """The words of both towers beside each other and filled up with zeros to the features of
        the transformer, those of the third tower behind them, and both vectors of the sentence."""
        first, second = self.first(tokens[0]), self.second(tokens[1])
        words = core.concatenate([first.words, second.words], axis=-1)
        features = self.transformer.context_embedder.weight.shape[1]
        words = core.pad(words, [(0, 0), (0, self.MORE), (0, features - words.shape[-1])])
        return Sentence(words, core.concatenate([first.pooled, second.pooled], axis=-1))

    def __call__(
        self, tokens: Twice, nothing: Twice, noise: array, count: int = 28, guidance: float = 7.0
    ) -> array:
        """Pictures of sentences. The same noise gives the same picture.

        Args:
            tokens, nothing: of the sentences, and of empty ones or what is not wanted.
            noise: standard normal, ``(N, h, w, channels)``.
            count: how many steps.
            guidance: see :func:`.guided`.

        Returns:
            ``(N, H, W, 3)``, from 0 to 1.
        """
        with_words, without = self.told(tokens), self.told(nothing)
        words, pooled = (core.concatenate(list(pair)) for pair in zip(without, with_words))

        def velocity(x: array, t: array) -> array:
            both = core.concatenate([x, x])
            said = self.transformer(both, 1000 * core.concatenate([t, t]), words, pooled)
            unasked, asked = core.split(said, 2)
            return guided(unasked, asked, guidance).astype(x.dtype)

        z = euler(velocity, noise, published_times(count, self.shift))
        return core.clip(self.autoencoder.decode(z) / 2 + 0.5, 0, 1)


def published_times(count: int, shift: float, total: int = 1000) -> list[float]:
    """Times from 1 down to 0 as ``diffusers`` takes them, ``count + 1`` of them.

    They differ from :func:`.flow_times` in their last step but one: even times end at the least one
    of training, which is shifted already, and all are shifted then.

    Args:
        count: how many steps.
        shift: as for :func:`.flow_times`.
        total: how many times training had.

    Raises:
        ValueError: ``count`` is below 1, or ``shift`` not above 0.
    """
    if count < 1 or not shift > 0:
        raise ValueError(
            f"[published_times] count should be at least 1 and shift above 0; they are {count} and "
            f"{shift}."
        )

    def shifted(t: float) -> float:
        return shift * t / (1 + (shift - 1) * t)

    least = shifted(1 / total)
    even = [1 + (least - 1) * i / max(count - 1, 1) for i in range(count)]
    return [*map(shifted, even), 0.0]
