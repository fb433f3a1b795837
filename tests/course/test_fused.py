"""``core.fast``: values as MLX's, first derivatives as MLX's, second ones by differences."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

EPS = 1e-3
ROPE: dict[str, Any] = {"traditional": False, "base": 100.0, "scale": 1.5, "offset": 3}
#: For each operation functions of floating arrays, and the arrays' shapes.
CASES: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    "rms_norm": (lambda f, x, w: f.rms_norm(x, w, EPS), [(2, 3, 8), (8,)]),
    "rms_norm without weight": (lambda f, x: f.rms_norm(x, None, EPS), [(2, 3, 8)]),
    "rms_norm of a vector": (lambda f, x, w: f.rms_norm(x, w, eps=EPS), [(8,), (8,)]),
    "layer_norm": (lambda f, x, w, b: f.layer_norm(x, w, b, EPS), [(2, 3, 8), (8,), (8,)]),
    "layer_norm without bias": (lambda f, x, w: f.layer_norm(x, w, None, EPS), [(2, 8), (8,)]),
    "layer_norm alone": (lambda f, x: f.layer_norm(x, None, None, EPS), [(2, 8)]),
    "rope": (lambda f, x: f.rope(x, 6, **ROPE), [(2, 2, 3, 8)]),
    "rope of neighbours": (
        lambda f, x: f.rope(x, 8, **ROPE | {"traditional": True}),
        [(2, 2, 3, 8)],
    ),
    "rope with wavelengths": (
        lambda f, x, w: f.rope(x, 8, **ROPE | {"base": None}, freqs=1.5 + w * w),
        [(2, 3, 8), (4,)],
    ),
    "cross_entropy": (lambda f, x: f.cross_entropy(x, TARGETS(f)), [(2, 3, 5)]),
    "gated_delta_update": (
        lambda f, q, k, v, g, b, s: f.gated_delta_update(q, k, v, g, b, s)[0],
        [(1, 3, 1, 32), (1, 3, 1, 32), (1, 3, 2, 4), (1, 3, 2), (1, 3, 2), (1, 2, 4, 32)],
    ),
    "the state of gated_delta_update": (
        lambda f, q, k, v, g, b: f.gated_delta_update(q, k, v, g, b, mask=MASK(f))[1],
        [(2, 3, 1, 32), (2, 3, 1, 32), (2, 3, 1, 4), (2, 3, 1), (2, 3, 1)],
    ),
}


def made(f: Any, numbers: Any) -> Any:
    return mx.array(numbers) if f is mx.fast else OURS[0].array(numbers)


OURS: list[Any] = []
TARGETS = lambda f: made(f, [[0, 4, 2], [1, 1, 3]])  # noqa: E731
MASK = lambda f: made(f, [[True, False, True], [True, True, True]])  # noqa: E731


@pytest.fixture(scope="module")
def core(project: Project, registry: Registry) -> Iterator[types.ModuleType]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core

        OURS[:] = [core]
        yield core


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_as_mlx(core: Any, name: str, dtype: str) -> None:
    function, shapes = CASES[name]
    rng = np.random.default_rng(5)
    inputs = [0.5 * rng.normal(size=shape).astype(np.float32) for shape in shapes]

    def ours(*x: Any) -> Any:
        return function(core.fast, *x)

    def theirs(*x: mx.array) -> mx.array:
        return function(mx.fast, *x)

    mine = [core.array(x).astype(getattr(core, dtype)) for x in inputs]
    native = [mx.array(x).astype(getattr(mx, dtype)) for x in inputs]
    y = theirs(*native)
    g = rng.normal(size=y.shape).astype(np.float32)
    (value,), slopes = core.vjp(ours, mine, [core.array(g).astype(y.dtype)])
    _, expected = mx.vjp(theirs, native, [mx.array(g).astype(y.dtype)])
    near(value, y, dtype)
    for a, b in zip(slopes, expected, strict=True):
        near(a, b, dtype)
    if dtype == "bfloat16":
        return
    directions = [core.array(rng.normal(size=x.shape).astype(np.float32)) for x in inputs]

    def slope(*x: Any) -> Any:
        return sum(
            (core.square(part)).sum() for part in core.vjp(ours, list(x), [core.array(g)])[1]
        )

    along = core.jvp(slope, mine, directions)[1][0].item()
    h = 3e-3
    ahead, behind = (
        slope(*[x + s * h * d for x, d in zip(mine, directions)]).item() for s in (1, -1)
    )
    assert abs(along - (ahead - behind) / (2 * h)) < 2e-2 * max(1, abs(along))
    # In a batch, where every example has arrays of its own, and where they share the rest.
    for shared in (False, True):
        axes = [0] + [None if shared else 0] * (len(mine) - 1)
        pairs = [x if a is None else core.stack([x, x * 0.5]) for x, a in zip(mine, axes)]
        rows = core.vmap(ours, in_axes=tuple(axes))(*pairs)
        one = ours(mine[0] * 0.5, *[x if shared else x * 0.5 for x in mine[1:]])
        near(rows[1], core.stop_gradient(one), dtype)


def near(a: Any, b: Any, dtype: str) -> None:
    assert a.dtype == b.dtype and a.shape == tuple(b.shape)
    a, b = (np.array(x.astype(mx.float32)) for x in (a, b))
    eps = 2**-23 if dtype == "float32" else 2**-8
    assert abs(a - b).max(initial=0) <= 40 * eps * max(1.0, abs(b).max(initial=0))
