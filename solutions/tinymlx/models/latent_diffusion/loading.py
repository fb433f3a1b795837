"""A U-Net or an autoencoder from a folder as ``diffusers`` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinymlx.core import array
from tinymlx.models.language.weights import fitted, listed, of_sizes, read_file, read_json
from tinymlx.utils import tree_flatten

from .autoencoder import AutoencoderConfig, AutoencoderKL
from .joint import JointConfig, JointTransformer
from .unet import UNet, unet_config

FILE = "diffusion_pytorch_model.safetensors"


def load_unet(folder: str | Path) -> UNet:
    """The U-Net in a folder, usually called ``unet``.

    Raises:
        ValueError: something is missing, broken, not known or does not fit; the message says what.
    """
    config = configuration(Path(folder), "UNet2DConditionModel")
    made = of_sizes(Path(folder) / "config.json", config, lambda sizes: UNet(unet_config(sizes)))
    return with_weights(made, Path(folder))


def load_transformer(folder: str | Path) -> JointTransformer:
    """The Transformer of Stable Diffusion 3 in a folder, usually called ``transformer``.

    Raises:
        ValueError: as for :func:`load_unet`.
    """
    config = configuration(Path(folder), "SD3Transformer2DModel")
    made = of_sizes(
        Path(folder) / "config.json", config, lambda c: JointTransformer(JointConfig.read(c))
    )
    return with_weights(made, Path(folder))


def load_autoencoder(folder: str | Path) -> AutoencoderKL:
    """The autoencoder in a folder, usually called ``vae``.

    Raises:
        ValueError: as for :func:`load_unet`.
    """
    config = configuration(Path(folder), "AutoencoderKL")
    made = of_sizes(
        Path(folder) / "config.json", config, lambda c: AutoencoderKL(AutoencoderConfig.read(c))
    )
    return with_weights(made, Path(folder))


def configuration(folder: Path, kind: str) -> dict[str, Any]:
    """The published sizes.

    Raises:
        ValueError: there are none, or they belong to something else.
    """
    config = read_json(folder / "config.json")
    if config.get("_class_name") != kind:
        raise ValueError(f"{folder} holds a {config.get('_class_name')}, and no {kind}.")
    return config


def with_weights(model: Any, folder: Path) -> Any:
    """A model with the weights of a folder, in evaluation mode.

    Raises:
        ValueError: they are missing, broken, a pickle, or do not fit.
    """
    if not (folder / FILE).is_file():
        pickles = sorted(p.name for p in folder.glob("*.bin"))
        what = f" ({listed(pickles)} is a pickle, which is not read)" if pickles else ""
        raise ValueError(f"{folder} has no {FILE}{what}.")
    own: dict[str, Any] = tree_flatten(model.parameters(), destination={})
    found = fitted(own, sanitized(read_file(folder / FILE)), str(folder))
    model.load_weights(list(found.items()))
    return model.eval()


#: What the attention of the autoencoder was called at first.
OLD = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}


def sanitized(weights: dict[str, array]) -> dict[str, array]:
    """Published layouts to ours: kernels with the channels last, and old names to new ones."""
    found = {}
    for name, weight in weights.items():
        for old, new in OLD.items():
            name = name.replace(old, new)
        found[name] = weight.transpose(0, 2, 3, 1) if weight.ndim == 4 else weight
    return found
