"""Quantized layers as in ``mlx.nn``, and codes as in ``mlx.core``, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import mlx.nn
import numpy as np
import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module")
def stacks(project: Project, registry: Registry) -> Iterator[list[tuple[Any, Any]]]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core, nn

        yield [(core, nn), (mx, mlx.nn)]


def plain(x: Any) -> Any:
    return np.array(x.astype(mx.float32)) if x.dtype == mx.bfloat16 else np.array(x)


@pytest.mark.parametrize("mode", ["affine", "mxfp4", "nvfp4", "mxfp8"])
def test_a_model_becomes_the_same(stacks: Any, mode: str) -> None:
    """Tree of modules, arrays, outputs, representation; a tied table at the end."""
    found = []
    for core, nn in stacks:
        core.random.seed(3)
        model = nn.Sequential(
            nn.Embedding(10, 64), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64)
        )
        nn.quantize(model, mode=mode)
        y = model(core.array([[1, 2, 3]]))
        logits = model.layers[0].as_linear(y)
        leaves = sorted(mlx.utils.tree_flatten(model.parameters()) if nn is mlx.nn else flat(model))
        found.append((repr(model), [n for n, _ in leaves], [plain(a) for _, a in leaves]))
        found[-1] += ([plain(y), plain(logits)], len(model.trainable_parameters()["layers"][1]))
    mine, theirs = found
    assert mine[0].replace("tinymlx", "mlx") == theirs[0] and mine[1] == theirs[1]
    for a, b in zip(mine[2] + mine[3], theirs[2] + theirs[3]):
        np.testing.assert_array_equal(a, b)
    assert mine[4] == theirs[4] == 1  # the bias alone


def flat(model: Any) -> Any:
    from tinymlx.utils import tree_flatten

    return tree_flatten(model.parameters())


def test_inputs_too_and_what_cannot_be(stacks: Any) -> None:
    for core, nn in stacks:
        layer = nn.Linear(64, 32, bias=False)
        nn.quantize(model := nn.Sequential(layer), mode="mxfp8", quantize_input=True)
        assert type(model.layers[0]).__name__ == "QQLinear"
        model.eval()
        assert model.layers[0].weight.dtype == core.uint32 and "scales" in model.layers[0]
        model.train()
        assert model.layers[0].weight.shape == (32, 64)
        chosen = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))
        nn.quantize(chosen, class_predicate=lambda p, m: {"bits": 8} if p == "layers.0" else False)
        assert "bits=8" in repr(chosen.layers[0]) and type(chosen.layers[2]) is nn.Linear
        with pytest.raises(ValueError, match="Invalid quantization mode 'mx'"):
            nn.QuantizedLinear(64, 64, mode="mx")
        with pytest.raises(ValueError, match="Unable to quantize model of type"):
            nn.quantize(nn.Sequential(nn.ReLU()), class_predicate=lambda p, m: True)
        with pytest.raises(ValueError, match="must return a bool"):
            nn.quantize(nn.Sequential(nn.Linear(64, 64)), class_predicate=lambda p, m: "yes")
        with pytest.raises(ValueError, match="only supported for"):
            nn.Linear(64, 64).to_quantized(quantize_input=True)
        with pytest.raises(ValueError, match="Quantized input"):
            nn.Embedding(8, 64).to_quantized(quantize_input=True)
        with pytest.raises(NotImplementedError, match="bias"):
            nn.QQLinear.from_linear(nn.Linear(64, 64))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_codes_are_mlx_s(stacks: Any, bits: int) -> None:
    """Groups of one sign, of equal weights, of zeros, of tiny ones, in every dtype."""
    from tinymlx.compression import affine

    core = stacks[0][0]
    rng = np.random.default_rng(bits)
    w = np.concatenate(
        [
            rng.normal(size=(6, 256)),
            np.zeros((1, 256)),
            np.full((1, 256), 3.0),
            rng.uniform(2, 3, size=(4, 256)),
            -rng.uniform(0, 3, size=(4, 256)),
            1e-6 * rng.normal(size=(4, 256)),
        ]
    )
    for dtype in (mx.float32, mx.float16, mx.bfloat16):
        native = mx.array(w.astype(np.float32)).astype(dtype)
        for group_size in (32, 64, 128):
            words, scales, biases = mx.quantize(native, group_size, bits)
            codes, steps, starts = affine.coded(core.array(native), group_size, bits)
            packed = affine.packed(codes, bits)
            weights = mx.dequantize(words, scales, biases, group_size, bits)
            pairs = [(packed, words), (steps, scales), (starts, biases)]
            pairs += [(affine.decoded(codes, steps, starts), weights)]
            for a, b in pairs:
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(plain(a), plain(b))
            np.testing.assert_array_equal(plain(affine.unpacked(packed, bits)), plain(codes))


@pytest.mark.parametrize("bits", [4, 8])
def test_cache_of_codes(stacks: Any, bits: int) -> None:
    """Pieces of any length are what all of it would be; less memory; the last ones forgotten."""
    from tinymlx.models.quantized_cache import QuantizedKVCache

    core = stacks[0][0]
    rng = np.random.default_rng(0)
    keys, values = (core.array(rng.normal(size=(2, 3, 9, 64)).astype(np.float32)) for _ in "kv")
    cache = QuantizedKVCache(bits=bits, step=4)
    seen = 0
    for count in (1, 5, 2, 1):
        piece = slice(seen, seen + count)
        seen += count
        found = cache.update_and_fetch(keys[:, :, piece], values[:, :, piece])
        for mine, whole in zip(found, (keys, values)):
            codes = core.quantize(whole[:, :, :seen], 64, bits)
            expected = core.dequantize(*codes, 64, bits)
            np.testing.assert_array_equal(np.array(mine), np.array(expected))
    assert cache.offset == 9 and cache.codes[0][0].shape[2] == 12
    assert cache.nbytes * 9 / 12 < (keys.nbytes + values.nbytes) * (bits + 2) / 32
    assert cache.trim(3) == 3 and cache.update_and_fetch(keys[:, :, :1], values[:, :, :1])
    assert cache.offset == 7


def test_generation_with_a_cache_of_codes(stacks: Any) -> None:
    """A small model of chapter 12 with its cache in codes: nearly the same scores."""
    from tinymlx.models.language.llama import Llama, LlamaConfig
    from tinymlx.models.quantized_cache import QuantizedKVCache

    core = stacks[0][0]
    core.random.seed(1)
    model = Llama(LlamaConfig(20, 128, 64, 2, 2, 1, 64))
    tokens = core.array([[3, 1, 4, 1, 5, 9, 2, 6]])
    exact = model(tokens)
    cache = [QuantizedKVCache(bits=8) for _ in model.model.layers]
    parts = [model(tokens[:, i : i + 2], cache) for i in range(0, 8, 2)]
    gap = core.max(core.abs(core.concatenate(parts, axis=1) - exact)).item()
    assert 0 < gap < 0.02 * core.max(core.abs(exact)).item()
