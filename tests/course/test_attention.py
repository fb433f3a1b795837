"""Attention against PyTorch, at once and in tiles: values, derivatives, masks, memory, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
import torch

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

#: What MLX's exp of float64 is good to on a CPU (measured: 2e-6 at 50, relative 1e-7).
CLOSE = 5e-6
#: B, N_q, N_kv, T_q, T_kv, D, D_v
SIZES = [
    (2, 4, 2, 7, 9, 3, 5),
    (1, 2, 2, 6, 6, 4, 4),
    (2, 2, 1, 9, 4, 3, 3),  # more queries than keys: with a causal mask the first ask nobody
    (1, 3, 3, 5, 1, 2, 2),
    (2, 2, 2, 1, 8, 4, 4),
]
MASKS = ["none", "causal", "truth", "empty row", "numbers", "infinities", "per key", "per query"]
LEARNED = {"numbers", "infinities", "per key", "per query"}


@pytest.fixture(scope="module")
def core(project: Project, registry: Registry) -> Iterator[Any]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core

        yield core


def defined(q: Any, k: Any, v: Any, mask: Any, sinks: Any, scale: float) -> Any:
    """Attention by its definition, where a row that may ask nobody gives 0."""
    repeats = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
    scores = q @ k.mT * scale
    if isinstance(mask, str):
        queries, keys = scores.shape[-2:]
        mask = torch.arange(queries)[:, None] + (keys - queries) >= torch.arange(keys)
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, -torch.inf)
    elif mask is not None:
        scores = scores + mask
    top = scores.amax(-1, keepdim=True)
    top = torch.where(torch.isinf(top), 0, top).detach()
    weights = torch.exp(scores - top)
    total = weights.sum(-1, keepdim=True)
    if sinks is not None:
        total = total + torch.exp(sinks[:, None, None] - top)
    return (weights / torch.where(total == 0, 1, total)) @ v


def drawn_mask(kind: str, rng: np.random.Generator, sizes: tuple[int, ...]) -> Any:
    batch, heads, _, queries, keys, *_ = sizes
    if kind in ("none", "causal"):
        return {"none": None, "causal": "causal"}[kind]
    if kind == "truth":
        return rng.random((batch, 1, queries, keys)) > 0.3
    if kind == "empty row":
        mask = rng.random((queries, keys)) > 0.5
        mask[0] = False
        return mask
    if kind == "infinities":
        numbers = rng.normal(size=(batch, heads, queries, keys))
        return np.where(rng.random(numbers.shape) > 0.6, -np.inf, numbers)
    shape = {"numbers": (heads, queries, keys), "per key": (batch, 1, 1, keys)}
    return rng.normal(size=shape.get(kind, (queries, 1)))


def second_order(
    f: Callable[..., Any], inputs: list[Any], g: Any, directions: list[Any], core: Any
) -> list[Any]:
    """The output, its derivative by all inputs, the derivative of that, and forward mode."""

    def gradient(*xs: Any) -> Any:
        return core.vjp(f, list(xs), [g])[1]

    (y,), first = core.vjp(f, inputs, [g])
    return [
        y,
        *first,
        *core.vjp(gradient, inputs, directions)[1],
        *core.jvp(f, inputs, directions)[1],
    ]


def by_torch(
    f: Callable[..., Any], inputs: list[np.ndarray], g: np.ndarray, directions: list[np.ndarray]
) -> list[np.ndarray]:
    """The same four by PyTorch."""
    xs = [torch.tensor(x, requires_grad=True) for x in inputs]
    cotangent = torch.tensor(g, requires_grad=True)
    y = f(*xs)
    first = torch.autograd.grad(y, xs, cotangent, create_graph=True)
    whole = sum((a * torch.tensor(b)).sum() for a, b in zip(first, directions))
    *second, forward = torch.autograd.grad(whole, [*xs, cotangent], allow_unused=True)
    second = [torch.zeros_like(x) if a is None else a for a, x in zip(second, xs)]
    return [a.detach().numpy() for a in (y, *first, *second, forward)]


@pytest.mark.parametrize("sinks", [False, True], ids=["", "sinks"])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_it_is_the_definition(
    core: Any, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...], kind: str, sinks: bool
) -> None:
    from tinymlx.core.attention import functions

    rng = np.random.default_rng(0)
    batch, heads, groups, queries, keys, dims, value_dims = sizes
    mask = drawn_mask(kind, rng, sizes)
    inputs = [
        rng.normal(size=(batch, heads, queries, dims)),
        rng.normal(size=(batch, groups, keys, dims)),
        rng.normal(size=(batch, groups, keys, value_dims)),
        *([mask] if kind in LEARNED else []),
        *([rng.normal(size=heads)] if sinks else []),
    ]
    directions = [rng.normal(size=x.shape) for x in inputs]
    g = rng.normal(size=(batch, heads, queries, value_dims))

    def parted(others: tuple[Any, ...], given: Any) -> tuple[Any, Any]:
        rest = list(others)
        return (rest.pop(0) if kind in LEARNED else given), (rest.pop(0) if sinks else None)

    truth = torch.tensor(mask) if isinstance(mask, np.ndarray) else mask
    expected = by_torch(
        lambda q, k, v, *others: defined(q, k, v, *parted(others, truth), 0.7),
        inputs,
        g,
        directions,
    )
    for side in (2, 3, 64, None):
        monkeypatch.setattr(functions, "tile_side", lambda *_, side=side: side)

        def attend(q: Any, k: Any, v: Any, *others: Any, tiles: bool = side is not None) -> Any:
            given = core.array(mask) if isinstance(mask, np.ndarray) else mask
            of, alone = parted(others, given)
            attention = core.fast.scaled_dot_product_attention
            return attention(q, k, v, scale=0.7, mask=of, sinks=alone, force_fused=tiles)

        with core.stream(core.cpu):
            wide = [core.array(x, dtype=core.float64) for x in inputs]
            ahead = [core.array(x, dtype=core.float64) for x in directions]
            cotangent = core.array(g, dtype=core.float64)
            found = second_order(attend, wide, cotangent, ahead, core)
        assert len(found) == len(expected)
        for a, b in zip(found, expected):
            assert np.abs(np.array(a) - b).max() < CLOSE, side


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("fused", [False, True])
def test_narrow_numbers_lose_no_more_than_their_own_rounding(
    core: Any, dtype: str, fused: bool
) -> None:
    """Also where the exponentials of the scores would overflow."""
    rng = np.random.default_rng(1)
    q, k, v = (
        core.array(rng.normal(size=(1, 2, 300, 8)) * s).astype(getattr(core, dtype))
        for s in (6, 6, 1)
    )
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=1.0, mask="causal", force_fused=fused)
    assert y.dtype == q.dtype
    wide = [torch.tensor(np.array(x.astype(core.float32)), dtype=torch.float64) for x in (q, k, v)]
    expected = defined(*wide, "causal", None, 1.0).numpy()
    eps = {"float32": 2**-23, "float16": 2**-10, "bfloat16": 2**-7}[dtype]
    # Scores of up to 200 are rounded before the exponential, which makes of it a relative error.
    assert np.abs(np.array(y.astype(core.float32)) - expected).max() < 200 * eps


@pytest.mark.parametrize("fused", [False, True])
def test_who_may_ask_nobody_gets_nothing_and_changes_nothing(core: Any, fused: bool) -> None:
    x = core.random.normal((1, 1, 3, 4))
    lowest = -float("inf")
    for mask in (
        core.array([[True, False, False], [False] * 3, [True, True, True]]),
        core.array([[0.0, lowest, lowest], [lowest] * 3, [0.0, 0.0, 0.0]]),
    ):

        def total(q: Any, k: Any, v: Any, mask: Any = mask) -> Any:
            y = core.fast.scaled_dot_product_attention(
                q, k, v, scale=1.0, mask=mask, force_fused=fused
            )
            return (y * y).sum() + (y[:, :, 1] * 7).sum()

        gradients = core.grad(total, (0, 1, 2))(x, x, x)
        assert all(bool(core.isfinite(g).all()) for g in gradients)
        assert not bool(gradients[0][:, :, 1].any())
        only = core.fast.scaled_dot_product_attention(x, x, x, scale=1.0, mask=mask)
        assert not bool(only[:, :, 1].any()) and bool(only[:, :, 0].any())


def test_tiles_take_memory_that_grows_with_the_length_alone(
    core: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinymlx.core.attention import grid

    monkeypatch.setattr(grid, "TILE_BYTES", 1_000_000)
    monkeypatch.setattr(grid, "GPU_TILE_BYTES", 1_000_000)

    def peak(length: int) -> float:
        q, k, v = (core.random.normal((1, 4, length, 8)) for _ in range(3))

        def total(*x: Any) -> Any:
            return core.fast.scaled_dot_product_attention(
                *x, scale=1.0, mask="causal", force_fused=True
            ).sum()

        core.eval(q, k, v)
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        core.eval(core.grad(total, (0, 1, 2))(q, k, v))
        return mx.get_peak_memory() - before

    peak(512)
    short, long = peak(1024), peak(4096)
    scores = 4 * 4096 * 4096 * 4
    assert long < scores / 4 and long < 4 * short + 10e6


def test_what_does_not_go_together_is_refused_in_mlx_words(core: Any) -> None:
    z = core.zeros
    q, k = z((1, 2, 3, 4)), z((1, 2, 5, 4))
    cases: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((z((2, 3, 4)), k, k), {}, "expected to be rank 4"),
        ((z((2, 2, 3, 4)), k, k), {}, "mismatching batch dimension"),
        ((q, z((1, 2, 5, 3)), k), {}, "matching last dimension"),
        ((q, k, z((1, 3, 5, 4))), {}, "matching n_kv_heads"),
        ((q, k, z((1, 2, 6, 4))), {}, "a value for each key; found 5 keys and 6 values"),
        ((z((1, 3, 3, 4)), k, k), {}, "n_heads must be a multiple of n_kv_heads"),
        ((q, z((1, 0, 5, 4)), z((1, 0, 5, 4))), {}, "n_heads must be a multiple"),
        ([x.astype(core.int32) for x in (q, k, k)], {}, "unsupported type int32"),
        ((q, k, k), {"mask": "future"}, "invalid mask option 'future'"),
        ((q, k, k), {"mask": z((1, 1, 1, 3, 5))}, "at most rank 4"),
        ((q, k, k), {"mask": z((2, 5))}, "cannot be broadcast"),
        ((q, k, k), {"mask": z((2, 2, 3, 5))}, "does not broadcast to the scores"),
        ((q, k, k), {"mask": z((3, 5), core.complex64)}, "Mask type must promote"),
        ((q, k, k), {"sinks": z((3,))}, r"invalid shape for sinks \(3\)"),
    ]
    for arguments, options, words in cases:
        with pytest.raises(ValueError, match=words):
            core.fast.scaled_dot_product_attention(*arguments, scale=1.0, **options)
    halves = [x.astype(core.float16) for x in (q, k, k)]
    with pytest.raises(ValueError, match="Mask type must promote to output type float16"):
        core.fast.scaled_dot_product_attention(*halves, scale=1.0, mask=z((3, 5)))
    with pytest.raises(ValueError, match="Type of sinks must promote to output type float16"):
        core.fast.scaled_dot_product_attention(*halves, scale=1.0, sinks=z((2,)))


def test_nothing_to_ask_is_nothing(core: Any) -> None:
    z = core.zeros
    for q, k in (((1, 2, 3, 4), (1, 2, 0, 4)), ((1, 2, 0, 4), (1, 2, 5, 4)), ((0, 2, 3, 4),) * 2):
        for fused in (False, True):
            y = core.fast.scaled_dot_product_attention(
                z(q), z(k), z(k), scale=1.0, force_fused=fused
            )
            assert y.shape == q and not bool(y.any())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["growing", "rotating"])
def test_with_a_cache_it_is_the_whole_attention(core: Any, kind: str, seed: int) -> None:
    """New positions in pieces of any length, also one by one, against one masked pass."""
    from tinymlx.models.caches import KVCache, RotatingKVCache

    rng = np.random.default_rng(seed)
    size, keep, length = 7, seed, 40
    q, k, v = (core.array(rng.normal(size=(2, 3, length, 4)).astype("f4")) for _ in range(3))
    places = np.arange(length)
    ago = places[:, None] - places
    may = ago >= 0
    if kind == "rotating":
        may &= (ago < size - keep) | (places < keep)
    attend = core.fast.scaled_dot_product_attention
    expected = np.array(attend(q, k, v, scale=0.5, mask=core.array(may)))
    cache = KVCache(step=8) if kind == "growing" else RotatingKVCache(size, keep)
    start, found = 0, []
    while start < length:
        count = min(int(rng.choice([1, 1, 1, 2, 5, 11])), length - start)
        piece = slice(start, start + count)
        keys, values = cache.update_and_fetch(k[:, :, piece], v[:, :, piece])
        mask = "causal" if kind == "growing" else cache.mask(count)
        found.append(attend(q[:, :, piece], keys, values, scale=0.5, mask=mask))
        start += count
        assert cache.offset == start
        assert kind == "growing" or count > 1 or keys.shape[2] <= size
    assert np.abs(np.concatenate([np.array(y) for y in found], 2) - expected).max() < 1e-5


def test_a_cache_forgets_and_goes_on(core: Any) -> None:
    from tinymlx.models.caches import KVCache, RotatingKVCache

    cache, x = KVCache(step=4), core.random.normal((1, 1, 9, 2))
    cache.update_and_fetch(x, x)
    assert cache.trim(3) == 3 and cache.offset == 6
    keys, _ = cache.update_and_fetch(x[:, :, :1] * 2, x[:, :, :1])
    assert np.array_equal(
        np.array(keys), np.array(core.concatenate([x[:, :, :6], x[:, :, :1] * 2], 2))
    )
    assert cache.trim(100) == 7 and cache.offset == 0
    before = np.array(x)
    rotating = RotatingKVCache(2)
    for i in range(4):
        rotating.update_and_fetch(x[:, :, i : i + 1], x[:, :, i : i + 1])
    assert np.array_equal(np.array(x), before)
    with pytest.raises(ValueError, match="keep should be from 0 to 3; it is 4"):
        RotatingKVCache(4, 4)


def test_a_position_uses_the_experts_that_it_chose(core: Any) -> None:
    """Against all experts computed for all positions; with every gradient."""
    from tinymlx.models.feed_forward import MixtureOfExperts, SwiGLU

    core.random.seed(3)
    rng = np.random.default_rng(3)
    model, x = MixtureOfExperts(6, 5, 4, chosen=2), rng.normal(size=(2, 7, 6))
    g = rng.normal(size=x.shape)
    names = ("gate_proj", "up_proj", "down_proj")
    weights = {n: torch.tensor(np.array(model[n]), dtype=torch.float64) for n in names}
    weights["router"] = torch.tensor(np.array(model.router.weight), dtype=torch.float64)
    for w in weights.values():
        w.requires_grad_()
    tx = torch.tensor(x, requires_grad=True)
    logits = tx @ weights["router"].T
    best, experts = logits.topk(2)
    hidden = torch.nn.functional.silu(torch.einsum("bti,eih->bteh", tx, weights["gate_proj"]))
    hidden = hidden * torch.einsum("bti,eih->bteh", tx, weights["up_proj"])
    every = torch.einsum("bteh,eho->bteo", hidden, weights["down_proj"])
    picked = every.gather(2, experts[..., None].expand(-1, -1, -1, 6))
    y = (best.softmax(-1)[..., None] * picked).sum(2)
    expected = torch.autograd.grad(y, [tx, *weights.values()], torch.tensor(g))

    def pulled(x: Any, gate: Any, up: Any, down: Any, router: Any) -> Any:
        model.gate_proj, model.up_proj, model.down_proj = gate, up, down
        model.router.weight = router
        return model(x)

    inputs = [core.array(x.astype("f4")), *(model[n] for n in names), model.router.weight]
    (mine,), found = core.vjp(pulled, inputs, [core.array(g.astype("f4"))])
    assert np.abs(np.array(mine) - y.detach().numpy()).max() < 1e-5
    for a, b in zip(found, expected):
        assert np.abs(np.array(a) - b.numpy()).max() < 1e-5
    with pytest.raises(ValueError, match="chosen should be from 1 to 4; it is 5"):
        MixtureOfExperts(6, 5, 4, chosen=5)
    one = SwiGLU(6, 5)
    one.gate_proj.weight, one.up_proj.weight = inputs[1][0].T, inputs[2][0].T
    one.down_proj.weight = inputs[3][0].T
    alone = np.array(one(inputs[0]))
    assert np.abs(alone - every[:, :, 0].detach().numpy()).max() < 1e-5


def test_balance_is_one_where_all_experts_are_used_alike(core: Any) -> None:
    from tinymlx.models.feed_forward import MixtureOfExperts

    model = MixtureOfExperts(4, 2, 4, chosen=1)
    model.router.weight = 50 * core.eye(4)
    assert abs(model.balance(core.eye(4)).item() - 1) < 1e-5
    assert abs(model.balance(core.eye(4)[:1]).item() - 4) < 1e-5
    slope = core.grad(lambda w: _with_router(model, w).balance(core.eye(4)[:2]))(0.5 * core.eye(4))
    # Experts 0 and 1 are used, 2 and 3 are not: the first two are to be lowered.
    assert float(slope[0, 0].item()) > 0 > float(slope[2, 0].item())


def _with_router(model: Any, weight: Any) -> Any:
    model.router.weight = weight
    return model
