"""Convolutions of any geometry by the definition, their derivatives as the adjoint, both routes.

The oracle is the definition in float64 (:func:`defined`). A convolution is linear in the input and
in the kernel, so its derivatives are right if ``<g, conv(dx, w)> = <grad_x, dx>`` for random
``dx``, and second derivatives follow from the same.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module")
def core(project: Project, registry: Registry) -> Iterator[Any]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core
        from tinymlx.core.convolution import routes, sizes, steps, windows

        yield core, routes, sizes, windows, steps


def defined(x: np.ndarray, w: np.ndarray, at: Any) -> np.ndarray:
    """The convolution, tap by tap, in float64."""
    x, w = x.astype(np.float64), w.astype(np.float64)
    spread = [(n - 1) * d + 1 for n, d in zip(x.shape[1:-1], at.input_dilation)]
    wide = np.zeros((x.shape[0], *spread, x.shape[-1]))
    wide[(slice(None), *(slice(None, None, d) for d in at.input_dilation))] = x
    for axis, (low, high) in enumerate(zip(at.low, at.high), start=1):
        border = [(0, 0)] * wide.ndim
        border[axis] = (max(low, 0), max(high, 0))
        wide = np.pad(wide, border)
        keep = slice(max(-low, 0), wide.shape[axis] - max(-high, 0))
        wide = wide[(slice(None),) * axis + (keep,)]
    if at.flip:
        w = w[(slice(None), *(slice(None, None, -1) for _ in at.stride))]
    taps, numbers = w.shape[1:-1], list(zip(at.kernel_dilation, at.stride))
    sizes = zip(wide.shape[1:-1], taps, numbers)
    outputs = [(n - ((k - 1) * d + 1)) // s + 1 for n, k, (d, s) in sizes]
    y = np.zeros((x.shape[0], *outputs, w.shape[0]))
    inside, outside = w.shape[-1], w.shape[0] // at.groups
    for tap in itertools.product(*map(range, taps)):
        seen = wide[
            (
                slice(None),
                *(
                    slice(k * d, k * d + (n - 1) * s + 1, s)
                    for k, n, (d, s) in zip(tap, outputs, numbers)
                ),
            )
        ]
        for group in range(at.groups):
            of = slice(group * outside, (group + 1) * outside)
            channels = seen[..., group * inside : (group + 1) * inside]
            y[..., of] += channels @ w[(of, *tap)].T
    return y


def drawn(rng: random.Random, sizes: Any) -> tuple[tuple[int, ...], tuple[int, ...], Any]:
    """Shapes of an input and a kernel that fit, and the geometry."""
    while True:
        dims = rng.choice([1, 2, 2, 3])

        def numbers(low: int, high: int, dims: int = dims) -> tuple[int, ...]:
            return tuple(rng.randint(low, high) for _ in range(dims))

        groups = rng.choice([1, 1, 2, 3]) if dims < 3 else 1
        channels, outputs = rng.randint(1, 3), rng.randint(1, 3)
        channels *= 8 if rng.random() < 0.2 else 1
        spread = numbers(1, 3) if rng.random() < 0.5 else (1,) * dims
        at = sizes.Geometry(
            *(numbers(1, 3), numbers(-1, 3), numbers(-1, 3), numbers(1, 3), spread),
            groups,
            rng.random() < 0.3,
        )
        space, taps = numbers(1, 7 if dims < 3 else 5), numbers(1, 4)
        try:
            at.outputs(space, taps)
        except ValueError:
            continue
        x = (rng.randint(1, 3), *space, groups * channels)
        return x, (groups * outputs, *taps, channels), at


def close(a: Any, b: Any, what: str) -> None:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape, what
    assert np.abs(a - b).max(initial=0) <= 3e-5 * max(1.0, np.abs(b).max(initial=0)), what


@pytest.mark.parametrize("chunk", [64_000_000, 3_000])
@pytest.mark.parametrize("seed", range(4))
def test_any_geometry(core: Any, monkeypatch: pytest.MonkeyPatch, seed: int, chunk: int) -> None:
    """Values, both gradients, jvp, mixed second derivatives and vmap; whole and in small chunks."""
    core, _, sizes, _, steps = core
    monkeypatch.setattr(steps, "CHUNK_BYTES", chunk)
    rng, numbers = random.Random(seed), np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return numbers.normal(size=shape).astype(np.float32)

    for _ in range(25):
        x_shape, w_shape, at = drawn(rng, sizes)
        x, w, dx, dw = normal(*x_shape), normal(*w_shape), normal(*x_shape), normal(*w_shape)

        def f(a: Any, b: Any, at: Any = at) -> Any:
            return core.conv_general(
                *(a, b, at.stride, (at.low, at.high), at.kernel_dilation, at.input_dilation),
                *(at.groups, at.flip),
            )

        what = f"{x_shape} {w_shape} {at}"
        a, b = core.array(x), core.array(w)
        y = defined(x, w, at)
        close(f(a, b), y, what)
        g = normal(*y.shape)
        _, (gx, gw) = core.vjp(f, [a, b], [core.array(g)])
        by_x, by_w = defined(dx, w, at), defined(x, dw, at)
        close((np.array(gx) * dx).sum(), (g * by_x).sum(), f"gradient by the input {what}")
        close((np.array(gw) * dw).sum(), (g * by_w).sum(), f"gradient by the kernel {what}")
        _, (moved,) = core.jvp(f, [a, b], [core.array(dx), core.array(dw)])
        close(moved, by_x + by_w, f"jvp {what}")

        def along(p: Any, b: Any = b, dw: Any = dw, f: Any = f) -> Any:
            gradient = core.grad(lambda p, q: core.square(f(p, q)).sum(), argnums=1)(p, b)
            return (gradient * core.array(dw)).sum()

        mixed = 2 * ((defined(dx, dw, at) * y).sum() + (by_x * by_w).sum())
        close((np.array(core.grad(along)(a)) * dx).sum(), mixed, f"second derivative {what}")
        both = core.vmap(f)(core.stack([a, core.array(dx)]), core.stack([b, core.array(dw)]))
        close(both[1], defined(dx, dw, at), f"vmap {what}")
        close(core.vmap(f, in_axes=(None, 0))(a, core.stack([b, core.array(dw)]))[1], by_w, what)
        close(core.vmap(f, in_axes=(0, None))(core.stack([a, core.array(dx)]), b)[1], by_x, what)


def test_nothing_to_convolve(core: Any) -> None:
    """MLX does not survive an empty batch, no channels or no kernels; zeros have zero gradients."""
    core = core[0]
    for x_shape, w_shape in [
        ((0, 5, 4), (3, 3, 4)),
        ((2, 5, 0), (3, 3, 0)),
        ((2, 5, 4), (0, 3, 4)),
    ]:
        x, w = core.ones(x_shape), core.ones(w_shape)
        y = core.conv1d(x, w)
        assert y.shape == (x_shape[0], 3, w_shape[0]) and float(core.abs(y).sum()) == 0
        gx, gw = core.grad(lambda x, w: core.conv1d(x, w).sum(), argnums=(0, 1))(x, w)
        assert gx.shape == x_shape and gw.shape == w_shape


def test_a_dilated_kernel_may_not_be_larger_than_the_input(core: Any) -> None:
    """MLX compares without the dilation, and reads beyond its memory."""
    core = core[0]
    with pytest.raises(ValueError, match="3 elements, and the kernel spans 5"):
        core.conv1d(core.ones((1, 3, 2)), core.ones((1, 3, 2)), dilation=2)


def test_windows_and_their_transpose(core: Any) -> None:
    """Every window is where it should be; adding up is the adjoint, and counts overlaps."""
    core, _, _, windows, _ = core
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(2, 7, 6, 3)).astype(np.float32)
    how = {"taps": (3, 2), "stride": (2, 1), "dilation": (1, 3)}
    y = windows.windows(core.array(x), **how)
    assert y.shape == (2, 3, 3, 3, 2, 3)
    for i, j, k, m in itertools.product(range(3), range(3), range(3), range(2)):
        assert (np.array(y[:, i, j, k, m]) == x[:, 2 * i + k, j + 3 * m]).all()
    back = {"sizes": (7, 6), "stride": (2, 1), "dilation": (1, 3)}
    g = numbers.normal(size=y.shape).astype(np.float32)
    close(
        (np.array(windows.overlap_add(core.array(g), **back)) * x).sum(),
        (np.array(y) * g).sum(),
        "",
    )
    ones = windows.overlap_add(core.ones(y.shape), **back)
    assert [int(n) for n in ones[0, :, 0, 0]] == [1, 1, 2, 1, 2, 1, 1]
    twice = core.grad(lambda a: core.square(windows.windows(a, **how)).sum())(core.array(x))
    close(twice, 2 * x * np.array(ones), "gradient")
    every_second = core.array(np.repeat(x, 2, axis=-1))[..., ::2]
    close(windows.windows(every_second, **how), y, "a view of memory")
    with pytest.raises(ValueError, match="the kernel spans 9"):
        windows.windows(core.array(x), taps=(9, 1), stride=(1, 1))
