"""A model from a folder as it is published: its sizes, its weights, its tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinymlx.utils import tree_flatten

from .gpt2 import GPT2
from .llama import Llama
from .weights import fitted, of_sizes, read_json, read_weights

FAMILIES: dict[str, type[GPT2] | type[Llama]] = {
    "gpt2": GPT2,
    "llama": Llama,
    "mistral": Llama,
    "qwen2": Llama,
    "qwen3": Llama,
}


def load_model(folder: str | Path) -> GPT2 | Llama:
    """A model with its weights, in the dtype in which they are stored.

    Args:
        folder: with ``config.json``, and ``model.safetensors`` or several files and their index.

    Raises:
        ValueError: something is missing, broken, not known or does not fit; the message says what.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ValueError(f"{path} is no folder; a model is one, with config.json in it.")
    config = read_json(path / "config.json")
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ValueError(
            f"{path / 'config.json'} is of the kind {kind!r}; {', '.join(FAMILIES)} can be loaded."
        )
    make: Callable[[dict[str, Any]], GPT2 | Llama] = FAMILIES[kind].from_config
    model = of_sizes(path / "config.json", config, make)
    own: dict[str, Any] = tree_flatten(model.parameters(), destination={})
    weights = fitted(own, model.sanitize(read_weights(path)), str(path))
    model.load_weights(list(weights.items()))
    model.eval()
    return model


def load(folder: str | Path) -> tuple[GPT2 | Llama, Any]:
    """A model and its tokenizer, as ``mlx_lm.load`` returns them.

    Args:
        folder: as for :func:`load_model`, with ``tokenizer.json``, or ``vocab.json`` and
            ``merges.txt``.

    Raises:
        ValueError: as for :func:`load_model`; or the tokenizer has more tokens than the model.
    """
    from tinymlx.text.tokenizer import load_tokenizer  # chapters without text need none

    model, tokenizer = load_model(folder), load_tokenizer(folder)
    size = model.vocabulary
    if tokenizer.size > size:
        raise ValueError(
            f"The tokenizer of {folder} has {tokenizer.size} tokens, the model {size}: they do not "
            "belong together."
        )
    return model, tokenizer
