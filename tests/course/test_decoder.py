"""The small decoder: against the Llama of the library, with all kinds of positions and a cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

POSITIONS = ("none", "learned", "sinusoidal", "alibi", "rotary")


@pytest.fixture(scope="module")
def core(project: Project, registry: Registry) -> Iterator[Any]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core

        yield core


def made(positions: str, **options: Any) -> Any:
    from tinymlx import core
    from tinymlx.models.decoder import Decoder

    core.random.seed(0)
    length = 20 if positions == "learned" else None
    return Decoder(7, 12, 6, 2, positions=positions, length=length, **options).eval()


def test_it_is_llama_with_other_names(core: Any) -> None:
    """Rotations, gates, grouped queries and the last norm."""
    from tinymlx.models.language.llama import Llama, LlamaConfig

    model = made("rotary", kv_heads=2, hidden=10)
    other = Llama(LlamaConfig(7, 12, 10, 2, 6, 2, 2, rms_norm_eps=1e-5))
    pairs = [("model.embed_tokens", model.embedding), ("model.norm", model.norm)]
    pairs.append(("lm_head", model.head))
    for i, block in enumerate(model.blocks):
        here = f"model.layers.{i}"
        pairs += [(f"{here}.input_layernorm", block.attention_norm)]
        pairs += [(f"{here}.post_attention_layernorm", block.feed_forward_norm)]
        attention = block.attention
        for name, layer in zip(
            "qkvo",
            (attention.query_proj, attention.key_proj, attention.value_proj, attention.out_proj),
        ):
            pairs.append((f"{here}.self_attn.{name}_proj", layer))
        for name in ("gate_proj", "up_proj", "down_proj"):
            pairs.append((f"{here}.mlp.{name}", block.feed_forward[name]))
    other.load_weights([(f"{name}.weight", layer.weight) for name, layer in pairs])
    tokens = core.random.randint(0, 7, (2, 9))
    assert np.abs(np.array(model(tokens)) - np.array(other(tokens))).max() < 1e-5


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("positions", POSITIONS)
def test_a_step_with_a_cache_is_a_slice_of_the_whole(
    core: Any, positions: str, norm_first: bool
) -> None:
    model = made(positions, norm_first=norm_first, kv_heads=3)
    tokens = core.random.randint(0, 7, (2, 15))
    whole, cache, parts, start = model(tokens), model.make_cache(), [], 0
    for count in (4, 1, 1, 5, 1, 3):
        parts.append(model(tokens[:, start : start + count], cache))
        start += count
    assert np.abs(np.array(core.concatenate(parts, 1)) - np.array(whole)).max() < 1e-5
    changed = model(core.concatenate([tokens[:, :9], (tokens[:, 9:] + 1) % 7], 1))
    assert np.abs(np.array(changed[:, :9]) - np.array(whole[:, :9])).max() < 1e-5
    maps = model.maps(tokens)
    assert len(maps) == 2 and maps[0].shape == (2, 6, 15, 15)
    assert np.abs(np.array(maps[1].sum(-1)) - 1).max() < 1e-5


def test_maps_are_what_the_heads_do(core: Any) -> None:
    """Values mixed by them give what attention gives; a silent head gives nothing."""
    model = made("alibi")
    block = model.blocks[0]
    x = core.random.normal((1, 5, 12))
    weights = block.attention.weights(x, model.mask(5))
    v = block.attention.value_proj(x).reshape(1, 5, 6, 2).transpose(0, 2, 1, 3)
    mixed = weights @ v

    def joined(y: Any) -> Any:
        return block.attention.out_proj(y.transpose(0, 2, 1, 3).reshape(1, 5, 12))

    assert np.abs(np.array(joined(mixed) - block.attention(x, model.mask(5)))).max() < 1e-5
    block.attention.silent = (1, 4)
    keep = core.array([1.0, 0, 1, 1, 0, 1])[:, None, None]
    assert np.abs(np.array(joined(mixed * keep) - block.attention(x, model.mask(5)))).max() < 1e-5


def test_it_writes_what_it_predicts(core: Any) -> None:
    model = made("rotary")
    prompt = [1, 2, 3]
    found = model.write(prompt, 6, k=1)
    for token in found:
        assert int(core.argmax(model(core.array([prompt]))[0, -1]).item()) == token
        prompt.append(token)


def test_what_is_refused(core: Any) -> None:
    from tinymlx.models.decoder import Decoder, SelfAttention

    with pytest.raises(ValueError, match="positions should be one of none, learned"):
        Decoder(5, 4, 2, 1, positions="absolute")
    with pytest.raises(ValueError, match="length is for learned positions"):
        Decoder(5, 4, 2, 1, positions="learned")
    with pytest.raises(ValueError, match="dims, 5, should be a multiple of heads, 2"):
        SelfAttention(5, 2)
    with pytest.raises(ValueError, match="21 tokens are longer than the table of positions, 20"):
        made("learned")(core.zeros((1, 21), core.int32))


def test_scores_of_heads(core: Any) -> None:
    from tinymlx.models.induction import induction_score, previous_token_score

    weights = np.zeros((1, 2, 8, 8), np.float32)
    weights[0, 0, range(1, 8), range(7)] = 1
    weights[0, 1, range(4, 8), range(1, 5)] = 0.5
    found = core.array(weights)
    assert previous_token_score(found).tolist() == [1, 0]
    assert induction_score(found, 4).tolist() == [0, 0.5]


def test_tasks_have_right_answers() -> None:
    from tinymlx.data import sequences

    for name in ("copy", "sort", "add"):
        tokens, answer = sequences.task(name, 50, mx.random.key(1))
        for row, places in zip(tokens.tolist(), answer.tolist()):
            text = sequences.written(row)
            question, found = text.split("=")
            assert len(found) == sum(places) and places[-len(found) :] == [True] * len(found)
            kind, question = question[0], question[1:]
            if kind == "A":
                a, b = question.split("+")
                assert int(found[::-1]) == int(a) + int(b)
            else:
                assert found == ("".join(sorted(question)) if kind == "S" else question)
    tokens, answer = sequences.repeated(9, 5, 20, mx.random.key(2))
    for row, places in zip(tokens.tolist(), answer.tolist()):
        assert row[:6] == row[6:] and row[0] == 0 and len(set(row)) == 6 and max(row) < 9
        assert places == [False] * 7 + [True] * 5
    assert abs(sequences.first_half_floor(9, 2) - (np.log(8) + np.log(7)) / 2) < 1e-12
    with pytest.raises(ValueError, match="9 different tokens are to be drawn from 8"):
        sequences.repeated(9, 9, 1, mx.random.key(0))
