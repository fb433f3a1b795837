"""The library's kernels: thread by thread on the shim, and as functions with derivatives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import mlx.core as mx
import numpy as np
import pytest
import torch

from course.cli.project import implementation
from course.grading.compare import agree, disagreement
from course.paths import Project
from course.registry import Registry
from course.shim import Outcome, run

EPS = 1e-5
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def library(project: Project, registry: Registry) -> Iterator[Any]:
    with implementation(project, registry, "solutions"):
        import tinymlx.kernels.adam
        import tinymlx.kernels.functions

        yield tinymlx.kernels


@pytest.fixture
def numbers() -> Callable[..., np.ndarray]:
    rng = np.random.default_rng(3)
    return lambda *shape: rng.normal(size=shape).astype(np.float32)


def same(yours: np.ndarray, expected: Any, terms: int = 1) -> None:
    assert agree(yours, expected, terms=terms), disagreement


#: What the languages say differently is in these; of the others one language is tried.
IN_BOTH = {"vector_add", "softmax_rows", "matmul_tiles", "transpose", "attention", "quantized"}
TURN = itertools.cycle(("metal", "cuda"))


def ran(kernel: Any, **inputs: np.ndarray) -> Outcome:
    """What a kernel does; alike in both languages."""
    if kernel.name not in IN_BOTH:
        return run(kernel.plain(next(TURN)), inputs)
    found = [run(kernel.plain(language), inputs) for language in ("metal", "cuda")]
    for name, value in found[0].outputs.items():
        np.testing.assert_allclose(found[1].outputs[name], value, rtol=1e-5, atol=1e-6)
    return found[0]


def torched(function: Callable[..., Any], arrays: Arrays, **cotangents: np.ndarray) -> Arrays:
    """Outputs of a function in float64 and the gradients of its arguments, by PyTorch."""
    leaves = {
        n: torch.tensor(a, dtype=torch.float64, requires_grad=True) for n, a in arrays.items()
    }
    outputs = function(**leaves)
    total = sum((outputs[n] * torch.tensor(g)).sum() for n, g in cotangents.items())
    total.backward()
    found = {f"g{n}": a.grad for n, a in leaves.items() if a.grad is not None}
    return {n: a.detach().numpy() for n, a in (outputs | found).items()}


def test_softmax(library: Any, numbers: Any) -> None:
    x, g = numbers(5, 200), numbers(5, 200)
    expected = torched(lambda x: {"y": torch.softmax(x, -1)}, {"x": x}, y=g)
    kernels, single = library.softmax, mx.float32
    for make in (kernels.softmax_kernel, library.plain.softmax_rows):
        found = ran(make(5, 200, single), x=x)
        same(found.outputs["y"], expected["y"], terms=200)
        assert found.counts["x"] == found.counts["y"] == x.size  # one pass
    y = found.outputs["y"]
    same(ran(kernels.softmax_pull_kernel(5, 200, single), y=y, g=g).outputs["gx"], expected["gx"])
    odd = numbers(2, 7)  # a row of an odd length, and one too long for registers
    wide = run(kernels.softmax_kernel(2, 7, single).plain("cuda"), {"x": odd}).outputs["y"]
    same(wide, np.exp(odd) / np.exp(odd).sum(1, keepdims=True))
    assert kernels.softmax_kernel(2, 1_000_001, single) is None


@pytest.mark.parametrize("centred", [False, True])
def test_norms(library: Any, numbers: Any, centred: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr(library.norms, "GROUPS", 3)  # fewer groups than rows
    arrays = {"x": numbers(5, 96), "w": numbers(96)}
    if centred:
        arrays["b"] = numbers(96)
    g = numbers(5, 96)

    def plain(x: Any, w: Any, b: Any = None) -> dict[str, Any]:
        if centred:
            return {"y": torch.nn.functional.layer_norm(x, (96,), w, b, EPS)}
        return {"y": torch.nn.functional.rms_norm(x, (96,), w, EPS)}

    expected = torched(plain, arrays, y=g)
    options = (5, 96, mx.float32, EPS)
    forward = ran(library.norms.norm_kernel(*options, centred), **arrays)
    same(forward.outputs["y"], expected["y"], terms=96)
    back = ran(library.norms.norm_pull_kernel(*options, centred), g=g, **arrays)
    same(back.outputs["gx"], expected["gx"], terms=96)
    for name in set(arrays) - {"x"}:
        same(back.outputs[f"g{name}"].sum(0), expected[f"g{name}"], terms=5)
    if not centred:
        back = ran(library.plain.rms_rows_pull(*options), g=g, **arrays)
        same(back.outputs["gx"], expected["gx"], terms=96)
        same(back.outputs["gw"].sum(0), expected["gw"], terms=5)


def test_sums_tiles_and_moves(library: Any, numbers: Any) -> None:
    x, y = numbers(300), numbers(300)
    same(ran(library.plain.vector_add(300, mx.float32), x=x, y=y).outputs["z"], x + y)
    same(ran(library.moves.add_kernel(300, mx.float32), x=x, y=y).outputs["z"], x + y)
    a, b = numbers(20, 35), numbers(35, 18)
    found = ran(library.plain.matmul_tiles(20, 35, 18, mx.float32), a=a, b=b)
    same(found.outputs["c"], a @ b, terms=35)
    assert found.counts["a"] == 2 * a.size and found.counts["b"] == 2 * b.size  # once a tile
    turned = ran(library.moves.transpose_kernel(20, 35, mx.float32), x=a).outputs["y"]
    np.testing.assert_array_equal(turned, a.T)
    sums = ran(library.moves.row_sum_kernel(20, 35, mx.float32), x=a).outputs["y"]
    same(sums, a.astype(np.float64).sum(1), terms=35)


@pytest.mark.parametrize("causal, keys", [(False, 50), (True, 50), (True, 20)])
def test_attention(library: Any, numbers: Any, causal: bool, keys: int) -> None:
    """With heads that share keys, more or fewer keys than queries, tiles that stick out."""
    arrays = {"q": numbers(4, 40, 8), "k": numbers(2, keys, 8), "v": numbers(2, keys, 8)}
    g = numbers(4, 40, 8)

    def plain(q: Any, k: Any, v: Any) -> dict[str, Any]:
        scores = 0.3 * q @ k.repeat_interleave(2, 0).mT
        if causal:
            later = torch.ones(40, keys).triu(keys - 40 + 1).bool()
            scores = scores.masked_fill(later, -1e30)
            alone = later.all(-1)[:, None]
        else:
            alone = torch.zeros(40, 1).bool()
        p = torch.softmax(scores, -1).masked_fill(alone, 0)
        return {"y": p @ v.repeat_interleave(2, 0)}

    expected = torched(plain, arrays, y=g)
    options = (arrays["q"].shape, arrays["k"].shape, mx.float32, 0.3, causal)
    flash = library.attention
    forward = ran(flash.attention_kernel(*options), **arrays).outputs
    same(forward["y"], expected["y"], terms=keys)
    queries = ran(flash.queries_pull_kernel(*options), g=g, **arrays, **forward).outputs
    given = {"lse": forward["lse"], "delta": queries["delta"]}
    back = ran(flash.keys_pull_kernel(*options), g=g, **arrays, **given).outputs
    for name, value in {"gq": queries["gq"], **back}.items():
        same(value, expected[name], terms=40 * keys)


@pytest.mark.parametrize("name, dims", [("bfloat16", 64), ("float16", 128)])
def test_attention_on_tensor_cores(library: Any, numbers: Any, name: str, dims: int) -> None:
    """As the shim plays the instructions: the threads of a warp, each with its part of a matrix."""
    kind, eps = (ml_dtypes.bfloat16, 2**-8) if name == "bfloat16" else (np.float16, 2**-11)
    q, g = (numbers(2, 40, dims).astype(kind) for _ in range(2))
    k, v = (numbers(1, 70, dims).astype(kind) for _ in range(2))

    def plain(q: Any, k: Any, v: Any) -> dict[str, Any]:
        scores = 0.1 * q @ k.mT
        scores = scores.masked_fill(torch.ones(40, 70).triu(31).bool(), -1e30)
        return {"y": torch.softmax(scores, -1) @ v}

    doubles = {n: a.astype(np.float64) for n, a in {"q": q, "k": k, "v": v}.items()}
    expected = torched(plain, doubles, y=g.astype(np.float64))
    options = (q.shape, k.shape, getattr(mx, name), 0.1, True)
    forward = library.attention_tensor.tensor_attention_kernel(*options)
    found = run(forward.plain("cuda"), {"q": q, "k": k, "v": v}, ("up",)).outputs
    one, two = library.attention_tensor_pull.tensor_pull_kernels(*options)
    given = {"a": q, "b": g, "c": k, "d": v, "lse": found["lse"], "y": found["y"]}
    queries = run(one.plain("cuda"), given, ("up",)).outputs
    given = {"a": k, "b": v, "c": q, "d": g, "lse": found["lse"], "delta": queries["delta"]}
    keys = run(two.plain("cuda"), given, ("up",)).outputs
    mine = {"y": found["y"], "gq": queries["ga"], "gk": keys["ga"], "gv": keys["gb"]}
    for name, value in mine.items():
        # Probabilities and slopes are rounded to 16 bits before they are multiplied, once each.
        allowed = 4 * eps * max(1.0, float(abs(expected[name]).max()))
        assert abs(value.astype(np.float64) - expected[name]).max() < allowed, name


def test_lstm(library: Any, numbers: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(library.lstm, "examples_of_a_group", lambda batch, units: 2)
    length, batch, units = 4, 3, 32
    arrays = {"x": numbers(length, batch, 4 * units), "w": numbers(4 * units, units) * 0.3}
    arrays |= {"h0": numbers(batch, units), "c0": numbers(batch, units)}

    def plain(x: Any, w: Any, h0: Any, c0: Any) -> dict[str, Any]:
        h, c, states, cells = h0, c0, [], []
        for t in range(length):
            i, f, g, o = (x[t] + h @ w.T).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            states.append(h)
            cells.append(c)
        return {"h": torch.stack(states), "c": torch.stack(cells)}

    gh, gc = numbers(length, batch, units), numbers(length, batch, units)
    expected = torched(plain, arrays, h=gh, c=gc)
    options = (length, batch, units, mx.float32)
    x, w, h0, c0 = arrays.values()
    turned = np.ascontiguousarray(w.reshape(4, units, units).transpose(2, 0, 1))
    found = ran(library.lstm.lstm_kernel(*options), x=x, wt=turned, h0=h0, c0=c0).outputs
    same(found["h"], expected["h"], terms=units * length)
    same(found["c"], expected["c"], terms=units * length)
    given = {"c": found["c"], "gates": found["gates"], "c0": c0}
    back = ran(library.lstm.lstm_pull_kernel(*options), gh=gh, gc=gc, w=w, **given).outputs
    for name in ("gx", "gh0", "gc0"):
        same(back[name], expected[name], terms=4 * units * length)


def test_adam(library: Any, numbers: Any) -> None:
    p, g, m = numbers(300), numbers(300), numbers(300)
    v = np.square(numbers(300))
    rates = np.array([0.1, 0.9, 0.99, 1e-3, 1.5, 0.9], np.float32)
    kernel = library.adam.adam_kernel(300, mx.float32, True)
    found = ran(kernel, p=p, g=g, m=m, v=v, rates=rates).outputs
    first, second = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
    same(found["new_m"], first)
    same(found["new_v"], second)
    same(found["new_p"], 0.9 * p - 0.1 * first / (np.sqrt(second) * 1.5 + 1e-3), terms=8)


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_quantized_products(library: Any, numbers: Any, bits: int) -> None:
    w, x = mx.array(numbers(11, 128)), numbers(2, 128)
    codes, scales, biases = mx.quantize(w, 64, bits)
    expected = x.astype(np.float64) @ np.array(mx.dequantize(codes, scales, biases, 64, bits)).T
    kernel = library.quantized.quantized_kernel(2, 11, 128, 64, bits, mx.float32)
    given = {"x": x, "w": codes, "scales": scales, "biases": biases}
    found = ran(kernel, **{name: np.array(a) for name, a in given.items()})
    same(found.outputs["y"], expected, terms=128)


def test_functions_and_their_derivatives(library: Any, numbers: Any) -> None:
    """Values, first and second derivatives as those of the same thing written in operations."""
    from tinymlx import core
    from tinymlx.core.recurrence import cells, loop

    def drawn(*shape: int) -> Any:
        return core.array(numbers(*shape))

    def mean(x: Any) -> Any:
        return core.mean(x, axis=-1, keepdims=True)

    def rms(x: Any, w: Any) -> Any:
        return x * core.rsqrt(mean(x * x) + EPS) * w

    def layer(x: Any, w: Any, b: Any) -> Any:
        h = x - mean(x)
        return h * core.rsqrt(mean(h * h) + EPS) * w + b

    def recurrent(x: Any, w: Any, h: Any, c: Any) -> Any:
        return tuple(loop.recurrence(cells.LSTM, x, w, None, [h, c]))

    mine = library.functions
    attended = {"scale": 0.3, "causal": True}
    usual = core.fast.scaled_dot_product_attention
    cases = [
        (mine.add, lambda x, y: x + y, [drawn(2, 3), drawn(2, 3)]),
        (mine.transpose, lambda x: x.T, [drawn(2, 3)]),
        (mine.row_sum, lambda x: x.sum(-1), [drawn(2, 3)]),
        (mine.matmul, lambda a, b: a @ b, [drawn(2, 3), drawn(3, 4)]),
        (mine.softmax, lambda x: core.softmax(x, -1), [drawn(2, 3, 5)]),
        (lambda x, w: mine.rms_norm(x, w, EPS), rms, [drawn(2, 3, 5), drawn(5)]),
        (lambda x, w, b: mine.layer_norm(x, w, b, EPS), layer, [drawn(2, 5), drawn(5), drawn(5)]),
        (
            lambda q, k, v: mine.attention(q, k, v, **attended),
            lambda q, k, v: usual(q, k, v, scale=0.3, mask="causal"),
            [drawn(1, 4, 3, 8), drawn(1, 2, 5, 8), drawn(1, 2, 5, 8)],
        ),
        (mine.lstm, recurrent, [drawn(3, 2, 12), drawn(12, 3), drawn(2, 3), drawn(2, 3)]),
    ]
    for ours, theirs, inputs in cases:
        outputs = theirs(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        g = [drawn(*y.shape) for y in outputs]

        def slope(function: Any, inputs: Any = inputs, g: Any = g) -> Any:
            return lambda *x: core.vjp(function, list(x), g)[1]

        for function in (lambda f: f, slope):
            mine_, theirs_ = (
                core.vjp(function(f), inputs, g if function is not slope else inputs)
                for f in (ours, theirs)
            )
            for a, b in zip([*mine_[0], *mine_[1]], [*theirs_[0], *theirs_[1]]):
                same(np.array(a), np.array(b), terms=60)
    x = drawn(2, 3, 5)
    rows = core.vmap(mine.softmax)(x)
    same(np.array(rows), np.array(core.softmax(x, -1)))
    with pytest.raises(RuntimeError, match="needs a GPU"):
        library.launch.run(library.plain.vector_add(3, core.float32), x, x)
    with pytest.raises(ValueError, match="differ"):
        mine.add(x, x[0])
