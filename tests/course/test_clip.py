"""CLIP against transformers on small random checkpoints: both towers, the loss, every gradient."""

import json
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

TEXT = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 12,
    "initializer_range": 0.3,
    "initializer_factor": 5.0,
}
VISION = {
    "hidden_size": 24,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "image_size": 12,
    "patch_size": 4,
    "initializer_factor": 5.0,
}
RNG = np.random.default_rng(0)
PICTURES = RNG.normal(size=(3, 12, 12, 3)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def solutions(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def ids(x: Any) -> Any:
    from tinymlx import core

    return core.array(np.asarray(x))


def close(ours: Any, expected: Any) -> None:
    expected = expected.detach().numpy() if isinstance(expected, torch.Tensor) else expected
    np.testing.assert_allclose(np.array(ours), expected, rtol=1e-4, atol=1e-4)


def published(folder: Path, end: int = 49, act: str = "quick_gelu") -> Any:
    torch.manual_seed(0)
    config = transformers.CLIPConfig(
        text_config={**TEXT, "eos_token_id": end, "hidden_act": act},
        vision_config={**VISION, "hidden_act": act},
        projection_dim=20,
    )
    model = transformers.CLIPModel(config).eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 and "class" not in name:
            torch.nn.init.normal_(parameter, 0.5, 0.3)
    model.save_pretrained(folder)
    return model


def sentences() -> np.ndarray:
    """Each ends with 49, one of them before the last place."""
    x = RNG.integers(1, 48, (3, 12))
    x[0, 11], x[1, 5], x[2, 8] = 49, 49, 49
    x[1, 9] = 49  # the first one counts
    return x


def loaded(folder: Path) -> Any:
    from tinymlx.models.clip import CLIP

    return CLIP.load(folder)


@pytest.mark.parametrize("end", [49, 2])
@pytest.mark.parametrize("act", ["quick_gelu", "gelu"])
def test_both_towers(tmp_path: Path, end: int, act: str) -> None:
    theirs, tokens = published(tmp_path, end, act), sentences()
    ours = loaded(tmp_path)
    with torch.no_grad():
        text = theirs.text_model(torch.tensor(tokens), output_hidden_states=True)
        vision = theirs.vision_model(torch.tensor(PICTURES.transpose(0, 3, 1, 2)))
        both = theirs(torch.tensor(tokens), torch.tensor(PICTURES.transpose(0, 3, 1, 2)))
    found = ours.text_model(ids(tokens))
    close(found.last, text.last_hidden_state)
    close(found.pooled, text.pooler_output)
    for mine, expected in zip(found.hidden[:-1], text.hidden_states[:-1], strict=True):
        close(mine, expected)
    close(ours.vision_model(ids(PICTURES)).last, vision.last_hidden_state)
    close(ours.vision_model(ids(PICTURES)).pooled, vision.pooler_output)
    close(ours(ids(PICTURES), ids(tokens)), both.logits_per_image)


def test_loss_and_every_gradient(tmp_path: Path) -> None:
    from tinymlx import nn
    from tinymlx.models.clip import CLIP
    from tinymlx.utils import tree_flatten

    theirs, tokens = published(tmp_path), sentences()
    ours = loaded(tmp_path)
    loss = theirs(
        torch.tensor(tokens), torch.tensor(PICTURES.transpose(0, 3, 1, 2)), return_loss=True
    ).loss
    loss.backward()
    value, gradients = nn.value_and_grad(ours, lambda: ours.loss(ids(PICTURES), ids(tokens)))()
    close(value, loss)
    expected = {n: ids(p.grad.numpy()) for n, p in theirs.named_parameters()}
    expected = CLIP.sanitize(expected)
    found = dict(tree_flatten(gradients))
    assert found.keys() == expected.keys()
    for name, g in expected.items():
        scale = max(np.abs(np.array(g)).max(), 1e-3)
        np.testing.assert_allclose(
            np.array(found[name]) / scale, np.array(g) / scale, atol=2e-4, err_msg=name
        )


def test_the_loss_is_least_on_the_diagonal() -> None:
    from tinymlx import core
    from tinymlx.models.clip import contrastive_loss, normalized

    x = normalized(core.random.normal((8, 5)))
    right = contrastive_loss(x, x, core.array(10.0)).item()
    for shift in range(1, 8):
        assert contrastive_loss(x, core.roll(x, shift, axis=0), core.array(10.0)).item() > right
    one = core.ones((8, 5)) / 5**0.5
    close(contrastive_loss(one, one, core.array(3.0)), np.log(8))
    with pytest.raises(ValueError, match="needs its sentence"):
        contrastive_loss(x, x[:3], core.array(1.0))


def test_bad_inputs(tmp_path: Path) -> None:
    published(tmp_path)
    model = loaded(tmp_path)
    with pytest.raises(ValueError, match="13 tokens are more than the 12 positions"):
        model.sentences(ids(np.ones((1, 13), int)))
    with pytest.raises(ValueError, match=r"\(N, 12, 12, 3\); they have \(3, 3, 12, 12\)"):
        model.pictures(ids(PICTURES.transpose(0, 3, 1, 2)))
    with pytest.raises(ValueError, match="There are no pictures"):
        model.pictures(ids(PICTURES[:0]))
    with pytest.raises(ValueError, match="with a text and a token at least"):
        model.sentences(ids(np.ones((0, 12), int)))
    sizes = json.loads((tmp_path / "config.json").read_text())
    for part, name, value, words in (
        ("text_config", "num_attention_heads", 3, "is no multiple of num_attention_heads, 3"),
        ("text_config", "num_attention_heads", 0, "is no multiple of num_attention_heads, 0"),
        ("vision_config", "patch_size", 0, r"config\.json has an entry"),
        ("text_config", "hidden_size", "x", r"config\.json has an entry"),
    ):
        wrong = {**sizes, part: {**sizes[part], name: value}}
        (tmp_path / "config.json").write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match=words):
            loaded(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="'bert', and not clip"):
        loaded(tmp_path)


SENTENCES = [
    "a photo of a cat",
    "A  Photo\nof a CAT!!",
    "it's the dog's 42nd birthday, isn't it?",
    "Zürich — 東京 🙂 naïve café",
    "",
    "x" * 300,
    "don't we'll they've I'm you'd",
    "under_score and-dash 3.14159 #tag @home",
]


@pytest.fixture(scope="module")
def merges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published file where it is; a small one of its form otherwise."""
    import gzip
    import os

    path = Path(os.environ.get("TINYMLX_DATA", "../shared/data"))
    published_file = path / "tokenizers" / "bpe_simple_vocab_16e6.txt.gz"
    if published_file.is_file():
        return published_file
    from tinymlx.text.tokenizer.learning import alphabet

    letters = alphabet()
    pairs = [(a, b) for a in letters for b in letters[:191]][:48_894]
    lines = ["#version", *(f"{a} {b}" for a, b in pairs)]
    file = tmp_path_factory.mktemp("merges") / "bpe.txt.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    return file


def test_the_tokenizer(merges: Path) -> None:
    from tinymlx.text.tokenizer.clip import ClipTokenizer

    ours = ClipTokenizer.load(merges)
    pairs = list(ours.ranks)
    theirs = transformers.CLIPTokenizer(vocab=ours.vocabulary, merges=pairs)
    for text in SENTENCES:
        assert ours.encode(text) == theirs(text).input_ids, text
    assert ours.size == 49_408 and ours.end == 49_407
    batch = np.array(ours.batch(["a cat", "two dogs"], pad=0))
    assert batch.shape == (2, 77) and batch[0, -1] == 0
    assert ours.decode(ours.encode("a photo of a cat")) == "a photo of a cat"


def test_sentences_that_are_too_long(merges: Path) -> None:
    from tinymlx.text.tokenizer.clip import ClipTokenizer

    ours = ClipTokenizer.load(merges)
    with pytest.raises(ValueError, match="has 102 tokens; the model reads 77"):
        ours.batch(["7 " * 100])
    cut = np.array(ours.batch(["7 " * 100], cut=True))
    assert cut.shape == (1, 77) and cut[0, -1] == ours.end


def test_no_merges(tmp_path: Path) -> None:
    import gzip

    from tinymlx.text.tokenizer.clip import ClipTokenizer

    for content in (b"no gzip", gzip.compress(b"#version\na b\n"), gzip.compress(b"x" * 999)[:30]):
        file = tmp_path / "merges.gz"
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"cannot be read|has not the 48894 merges"):
            ClipTokenizer.load(file)
