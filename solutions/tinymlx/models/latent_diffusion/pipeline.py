"""From words to a picture: read, denoise with guidance, decode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.diffusion import schedules
from tinymlx.diffusion.ddim import ddim_step
from tinymlx.diffusion.guidance import guided
from tinymlx.diffusion.places import Spacing, places
from tinymlx.diffusion.prediction import Kind, parts_of
from tinymlx.models.clip.layers import TowerConfig
from tinymlx.models.clip.text import TextTower
from tinymlx.models.language.weights import fitted, of_sizes, read_json, read_weights
from tinymlx.utils import tree_flatten

from .autoencoder import AutoencoderKL
from .loading import load_autoencoder, load_unet
from .unet import UNet

KINDS: dict[str, Kind] = {"epsilon": "noise", "sample": "signal", "v_prediction": "velocity"}


@dataclass(frozen=True)
class Schedule:
    """How training mixed signal and noise, and which of its steps are taken.

    Attributes:
        signal: for each step of training.
        kind: what the network predicts.
        spacing, offset: as for :func:`.places`.
        end: the share of signal at which the last step ends.
    """

    signal: array
    kind: Kind = "noise"
    spacing: Spacing = "leading"
    offset: int = 1
    end: float = 1.0

    @staticmethod
    def read(config: dict[str, Any]) -> Schedule:
        """The entries of a published ``scheduler_config.json``.

        Raises:
            ValueError: an entry is not known here.
        """
        shape = config.get("beta_schedule", "linear")
        steps = config.get("num_train_timesteps", 1000)
        ends = config.get("beta_start", 1e-4), config.get("beta_end", 0.02)
        kind = config.get("prediction_type", "epsilon")
        if kind not in KINDS or shape not in ("linear", "scaled_linear", "squaredcos_cap_v2"):
            raise ValueError(
                f"[Schedule] beta_schedule {shape!r} with prediction_type {kind!r} is not known."
            )
        if shape == "squaredcos_cap_v2":
            signal = schedules.cosine_signal(steps)
        elif shape == "linear":
            signal = schedules.linear_signal(steps, *ends)
        else:
            signal = schedules.scaled_linear_signal(steps, *ends)
        if config.get("rescale_betas_zero_snr"):
            signal = schedules.zero_terminal(signal)
        return Schedule(
            signal,
            KINDS[kind],
            config.get("timestep_spacing", "leading"),
            config.get("steps_offset", 0),
            1.0 if config.get("set_alpha_to_one", True) else signal[0].item(),
        )


class TextToImage:
    """A text tower, a U-Net, an autoencoder and a schedule.

    Args:
        text: sentences to vectors.
        unet: predicts noise, signal or velocity in maps.
        autoencoder: maps to pictures.
        schedule: of the U-Net's training.
    """

    def __init__(
        self, text: TextTower, unet: UNet, autoencoder: AutoencoderKL, schedule: Schedule
    ) -> None:
        self.text, self.unet = text, unet
        self.autoencoder, self.schedule = autoencoder, schedule

    @staticmethod
    def load(folder: str | Path) -> TextToImage:
        """A published pipeline: folders ``text_encoder``, ``unet``, ``vae`` and ``scheduler``.

        Raises:
            ValueError: something is missing, broken, not known or does not fit.
        """
        path = Path(folder)
        return TextToImage(
            load_text_tower(path / "text_encoder"),
            load_unet(path / "unet"),
            load_autoencoder(path / "vae"),
            Schedule.read(read_json(path / "scheduler" / "scheduler_config.json")),
        )

    def __call__(
        self,
        tokens: array,
        nothing: array,
        noise: array,
        count: int = 30,
        guidance: float = 7.5,
    ) -> array:
        """Pictures of sentences. The same noise gives the same picture.

        Args:
            tokens: ``(N, L)``.
            nothing: the tokens of an empty sentence, or of what is not wanted, ``(N, L)``.
            noise: standard normal, ``(N, h, w, channels)``.
            count: how many steps.
            guidance: see :func:`.guided`.

        Returns:
            ``(N, H, W, 3)``, from 0 to 1.
        """
        z = self.denoised(self.text(tokens).last, self.text(nothing).last, noise, count, guidance)
        return core.clip(self.autoencoder.decode(z) / 2 + 0.5, 0, 1)

    def denoised(
        self, words: array, nothing: array, z: array, count: int, guidance: float
    ) -> array:
        """Maps without noise, by steps of :func:`.ddim_step` with nothing random.

        The step before ``t`` is ``t - total // count``, as published; below 0 it is the share at
        which the schedule ends. The network is called once for each step, with 2 N maps: those
        without a text first. Each step is started as soon as it is written
        (``core.async_eval``), as in :func:`.euler`.

        Args:
            words: the vectors of the texts, ``(N, L, features)``.
            nothing: those of no text, or of what is not wanted, likewise.
            z: standard normal, ``(N, h, w, channels)``.
            count: how many steps.
            guidance: see :func:`.guided`.

        Returns:
            Maps in the shape and dtype of ``z``.
        """
        told, schedule = core.concatenate([nothing, words]), self.schedule
        total = schedule.signal.shape[0]
        for t in places(total, count, schedule.spacing, schedule.offset):
            after = t - total // count
            signal = schedule.signal[t]
            before = schedule.signal[after] if after >= 0 else core.array(schedule.end)
            both = core.concatenate([z, z])
            without, with_words = core.split(
                self.unet(both, core.full((both.shape[0],), t), told), 2
            )
            predicted = guided(without, with_words, guidance)
            x0, noise = parts_of(schedule.kind, predicted, z, signal)
            z = ddim_step(x0, noise, signal, before).astype(z.dtype)  # the schedule is float32
            core.async_eval(z)
        return z


def load_text_tower(folder: Path) -> TextTower:
    """The text tower of CLIP by itself, as pipelines have it.

    Raises:
        ValueError: something is missing, broken, or does not fit.
    """
    config = read_json(folder / "config.json")
    model = of_sizes(folder / "config.json", config, lambda c: TextTower(TowerConfig.read(c)))
    own: dict[str, Any] = tree_flatten(model.parameters(), destination={})
    found = {
        name.removeprefix("text_model."): weight
        for name, weight in read_weights(folder).items()
        if not name.endswith("position_ids")
    }
    model.load_weights(list(fitted(own, found, str(folder)).items()))
    model.eval()
    return model
