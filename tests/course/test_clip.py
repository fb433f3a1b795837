"""CLIP against transformers on small random checkpoints: both towers, the loss, every gradient."""

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
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="'bert', and not clip"):
        loaded(tmp_path)
