"""Models as one GGUF file: weights, sizes, tokenizer and the form of a conversation.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.utils import tree_flatten

from .layouts import unpermuted
from .llama import Llama
from .weights import fitted

#: Sizes: the published name of each, and what GGUF calls it behind the architecture.
SIZES = {
    "vocab_size": "vocab_size",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_theta": "rope.freq_base",
}
#: How names begin, and parts within them.
BEGINNINGS = {
    "token_embd.": "model.embed_tokens.",
    "output_norm.": "model.norm.",
    "output.": "lm_head.",
    "blk.": "model.layers.",
}
PARTS = {
    ".attn_norm.": ".input_layernorm.",
    ".attn_q.": ".self_attn.q_proj.",
    ".attn_k.": ".self_attn.k_proj.",
    ".attn_v.": ".self_attn.v_proj.",
    ".attn_output.": ".self_attn.o_proj.",
    ".ffn_norm.": ".post_attention_layernorm.",
    ".ffn_gate.": ".mlp.gate_proj.",
    ".ffn_up.": ".mlp.up_proj.",
    ".ffn_down.": ".mlp.down_proj.",
}
GROUP = 32  # of the quantized formats that MLX reads, Q4_0, Q4_1 and Q8_0


def read_gguf(file: str | Path) -> tuple[dict[str, array], dict[str, Any]]:
    """The arrays and the metadata of a file.

    Raises:
        ValueError: there is no such file, or it is no GGUF file.
    """
    path = Path(file)
    if not path.is_file():
        raise ValueError(f"{path} does not exist.")
    with path.open("rb") as opened:
        if opened.read(4) != b"GGUF":
            raise ValueError(f"{path} is no GGUF file.")
    try:
        weights, metadata = core.load(str(path), format="gguf", return_metadata=True)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    return weights, {name: plain(value) for name, value in metadata.items()}


def plain(value: Any) -> Any:
    """A number in the place of an array of one."""
    return value.item() if isinstance(value, array) and value.size == 1 else value


def load_gguf(file: str | Path, dtype: core.Dtype = core.float32) -> tuple[Llama, dict[str, Any]]:
    """A model of the Llama family.

    Args:
        file: the file.
        dtype: of the weights. Quantized ones are turned into it: four bits become 16 or 32.

    Returns:
        The model, and the metadata.

    Raises:
        ValueError: the file is no GGUF file, of another family, or does not fit its own sizes.
    """
    weights, metadata = read_gguf(file)
    config = configuration(metadata, "output.weight" in weights, str(file))
    model = Llama.from_config(config)
    heads = config["num_attention_heads"], config["num_key_value_heads"]
    found = {}
    for name, weight in dequantized(weights, dtype).items():
        if name.endswith((".attn_q.weight", ".attn_k.weight")):
            weight = unpermuted(weight, heads[name.endswith(".attn_k.weight")])
        found[published(name)] = weight
    own: dict[str, Any] = tree_flatten(model.parameters(), destination={})
    model.load_weights(list(fitted(own, found, str(file)).items()))
    model.eval()
    return model, metadata


def published(name: str) -> str:
    """The published name of a weight."""
    for theirs, ours in BEGINNINGS.items():
        if name.startswith(theirs):
            name = ours + name.removeprefix(theirs)
            break
    for theirs, ours in PARTS.items():
        name = name.replace(theirs, ours)
    return name


def configuration(metadata: dict[str, Any], own_head: bool, file: str) -> dict[str, Any]:
    """The sizes under the names of ``config.json``.

    Raises:
        ValueError: another family, or a size is missing.
    """
    family = metadata.get("general.architecture")
    if family != "llama":
        raise ValueError(f"{file} holds a model of the kind {family!r}; llama can be loaded.")
    try:
        sizes = {name: metadata[f"llama.{key}"] for name, key in SIZES.items()}
    except KeyError as error:
        raise ValueError(f"{file} does not say {error}.") from None
    return {"model_type": "llama", "tie_word_embeddings": not own_head, **sizes}


def dequantized(weights: dict[str, array], dtype: core.Dtype) -> dict[str, array]:
    """All weights as numbers: a quantized one has two more arrays, of which it is made.

    How many bits a number has follows from the shapes: ``weight`` holds 32 bits an item, and each
    of the ``scales`` belongs to 32 numbers.
    """
    found = {}
    for name, weight in weights.items():
        stem, _, kind = name.rpartition(".")
        if kind in ("scales", "biases"):
            continue
        if weight.dtype == core.uint32:
            scales, biases = weights[f"{stem}.scales"], weights[f"{stem}.biases"]
            bits = 32 * weight.shape[-1] // (GROUP * scales.shape[-1])
            weight = core.dequantize(weight, scales, biases, group_size=GROUP, bits=bits)
        found[name] = weight.astype(dtype)
    return found


def tokenizer_of(metadata: dict[str, Any]) -> Any:
    """The tokenizer that a GGUF file describes, if it is one over bytes.

    Raises:
        ValueError: it is of another kind, or cuts texts in a way that is not known here.
    """
    from tinymlx.text.tokenizer import ByteLevelTokenizer
    from tinymlx.text.tokenizer.patterns import GPT2

    kind, cut = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre")
    patterns = {"gpt-2": [GPT2], "smollm": [DIGITS, GPT2]}
    if kind != "gpt2" or cut not in patterns:
        raise ValueError(f"A tokenizer of the kind {kind!r}, {cut!r} is not known here.")
    kinds = metadata["tokenizer.ggml.token_type"].tolist()
    words = list(enumerate(metadata["tokenizer.ggml.tokens"]))
    special = {word: n for n, word in words if kinds[n] == CONTROL}
    vocabulary = {word: n for n, word in words if kinds[n] != CONTROL}
    merges: Iterable[Any] = (tuple(m.split(" ")) for m in metadata["tokenizer.ggml.merges"])
    eos = metadata["tokenizer.ggml.tokens"][metadata["tokenizer.ggml.eos_token_id"]]
    return ByteLevelTokenizer(vocabulary, merges, special, patterns[cut], eos)


DIGITS = r"\p{N}"  # every digit by itself, before anything else
CONTROL = 3


def conversation(metadata: dict[str, Any], messages: list[dict[str, str]]) -> str:
    """Messages as the text that a model was trained to continue.

    The template in a file is a small program in a language of its own (Jinja). That of SmolLM2, and
    of most models of 2024 and later, is ChatML, which a few lines write as well.

    Args:
        metadata: of the file; its template must be ChatML.
        messages: each with ``role`` (``"system"``, ``"user"`` or ``"assistant"``) and ``content``.

    Returns:
        The text up to where the model's answer begins.

    Raises:
        ValueError: the template is another one.
    """
    template = metadata.get("tokenizer.chat_template", "")
    if "<|im_start|>" not in template:
        raise ValueError("Only conversations in the form of ChatML can be written here.")
    first = default_system(template) if messages and messages[0]["role"] != "system" else []
    parts = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in [*first, *messages]]
    return "".join(parts) + "<|im_start|>assistant\n"


def default_system(template: str) -> list[dict[str, str]]:
    """What the template puts in front of a conversation that begins with the user."""
    _, mark, rest = template.partition("<|im_start|>system\n")
    if not mark:
        return []
    return [{"role": "system", "content": rest.partition("<|im_end|>")[0]}]
