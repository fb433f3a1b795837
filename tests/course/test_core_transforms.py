"""jvp, vmap, custom_function and checkpoint, against torch.func and against MLX's own.

The graded tests of these come with chapter 6; until then this is what holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
import torch

from course.cli.project import implementation
from course.grading.compare import agree
from course.paths import Project
from course.registry import Registry

RANDOM = np.random.default_rng(0)
ROWS = np.array([[1, 0], [2, 2], [0, 1]], np.int32)

# What is computed for one example, and the shapes of a batch of three (None: shared by all).
CASES: dict[str, tuple[Callable[..., Any], list[Any], tuple[int | None, ...]]] = {
    "broadcast": (lambda c, x, y: x * c.exp(y), [(3, 4), (3, 2, 4)], (0, 0)),
    "shared": (lambda c, x, y: c.tanh(x) * y, [(3, 5), (4, 5)], (0, None)),
    "other axis": (lambda c, x, y: x - 2 * y, [(5, 3), (3, 5)], (1, 0)),
    "where": (lambda c, x, y: c.where(x > 0, x, y), [(3, 4), (3, 4)], (0, 0)),
    "softmax": (lambda c, x: c.softmax(x, axis=-1), [(3, 4, 2)], (0,)),
    "flip": (lambda c, x: x[::-1], [(3, 4)], (0,)),
    "reshape": (lambda c, x: c.reshape(x, (-1,)), [(3, 4, 2)], (0,)),
    "transpose": (lambda c, x: x.T, [(3, 4, 2)], (0,)),
    "pad": (lambda c, x: c.pad(x, 1), [(3, 4, 2)], (0,)),
    "concatenate": (lambda c, x, y: c.concatenate([x, y]), [(3, 4), (2,)], (0, None)),
    "einsum": (lambda c, x, y: c.einsum("ij,jk->ik", x, y), [(3, 4, 5), (3, 5, 2)], (0, 0)),
    "slice": (lambda c, x: x[1:3, None, ::-1], [(3, 4, 2)], (0,)),
    "rows": (lambda c, x, i: x[i], [(3, 4, 2), ROWS], (0, 0)),
    "far rows": (lambda c, x, i: x[i, :, i], [(3, 4, 2, 4), ROWS], (0, 0)),
    "take": (lambda c, x, i: c.take(x, i, axis=1), [(3, 4, 3), ROWS], (0, 0)),
    "take shared": (lambda c, x, i: c.take(x, i, axis=0), [(4, 3), ROWS], (None, 0)),
    "along axis": (lambda c, x, i: c.take_along_axis(x, i, axis=0), [(3, 4), ROWS], (0, 0)),
    "slope of rows": (
        lambda c, x, i: c.grad(lambda a: c.sum(c.sin(a[i]) * a[i]))(x), [(3, 4, 2), ROWS], (0, 0)
    ),
    "slope of far rows": (
        lambda c, x, i: c.grad(lambda a: c.sum(c.sin(a[i, :, i])))(x),
        [(3, 4, 2, 4), ROWS], (0, 0),
    ),
    "slope of take": (
        lambda c, x, i: c.grad(lambda a: c.sum(c.take(a, i, axis=0) ** 2))(x),
        [(3, 4, 2), ROWS], (0, 0),
    ),
    "slope of take shared": (
        lambda c, x, i: c.grad(lambda a: c.sum(c.take(a, i, axis=0) ** 2))(x),
        [(4, 2), ROWS], (None, 0),
    ),
    "slope of one number": (
        lambda c, x, i: c.grad(lambda a: c.sin(c.take(a, i)))(x), [(3, 4), ROWS[:, 0]], (0, 0)
    ),
    "sort": (lambda c, x: c.sort(x, axis=0), [(3, 4, 2)], (0,)),
    "nested": (lambda c, x, y: c.vmap(lambda a: a @ y)(x), [(3, 4, 5), (3, 5)], (0, 0)),
    "gradient inside": (
        lambda c, x, y: c.grad(lambda a: c.sum(c.tanh(a) * y))(x), [(3, 5), (3, 5)], (0, 0)
    ),
}  # fmt: skip
for _name in ("sum", "mean", "max", "prod", "logsumexp", "var"):
    for _axis in (None, 0, (0, 1)):
        CASES[f"{_name} {_axis}"] = (
            lambda c, x, n=_name, a=_axis: getattr(c, n)(x, axis=a), [(3, 4, 2)], (0,)
        )  # fmt: skip
for _name in ("cumsum", "cumprod", "logcumsumexp"):
    for _axis in (None, 1):
        CASES[f"{_name} {_axis}"] = (
            lambda c, x, n=_name, a=_axis: getattr(c, n)(x, axis=a), [(3, 4, 2)], (0,)
        )  # fmt: skip
for _a, _b in (((4,), (4,)), ((2, 4), (4,)), ((4,), (4, 2)), ((6, 2, 4), (4, 5))):
    CASES[f"matmul {_a} {_b}"] = (lambda c, x, y: x @ y, [(3, *_a), (3, *_b)], (0, 0))


@pytest.fixture(scope="module")
def core(project: Project, registry: Registry) -> Iterator[ModuleType]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core

        yield core


def drawn(shape: Any) -> np.ndarray:
    if isinstance(shape, np.ndarray):
        return shape
    return np.asarray(RANDOM.normal(size=shape).astype(np.float32))


def one_by_one(function: Callable[..., Any], axes: tuple[int | None, ...]) -> Callable[..., Any]:
    """MLX on each example, and a stack of the results."""

    def loop(*args: mx.array) -> mx.array:
        examples = [
            [mx.take(x, i, axis) if axis is not None else x for x, axis in zip(args, axes)]
            for i in range(3)
        ]
        return mx.stack([function(mx, *example) for example in examples])

    return loop


@pytest.mark.parametrize("name", CASES)
def test_vmap_is_a_loop_and_so_are_its_derivatives(core: ModuleType, name: str) -> None:
    function, shapes, axes = CASES[name]
    args = [drawn(shape) for shape in shapes]
    batched = core.vmap(lambda *x: function(core, *x), in_axes=axes if len(axes) > 1 else axes[0])
    mine = batched(*[core.array(x) for x in args])
    native = one_by_one(function, axes)(*[mx.array(x) for x in args])
    assert agree(np.array(mine), np.array(native), terms=8)
    floats = [i for i, x in enumerate(args) if x.dtype == np.float32]
    cotangent = drawn(native.shape)

    def run(lib: ModuleType, target: Callable[..., Any]) -> list[np.ndarray]:
        def of_floats(*x: Any) -> Any:
            full = [lib.array(a) for a in args]
            for i, value in zip(floats, x):
                full[i] = value
            return target(*full)

        primals = [lib.array(args[i]) for i in floats]
        return [np.array(g) for g in lib.vjp(of_floats, primals, [lib.array(cotangent)])[1]]

    gradients = run(core, batched)
    for got, wanted in zip(gradients, run(mx, one_by_one(function, axes))):
        assert agree(got, wanted, terms=256)
    # The tangent of a direction, times the cotangent, is the gradient times the direction.
    directions = [drawn(args[i].shape) for i in floats]
    full = [core.array(x) for x in args]

    def of_floats(*x: Any) -> Any:
        given = list(full)
        for i, value in zip(floats, x):
            given[i] = value
        return batched(*given)

    moved = core.jvp(of_floats, [full[i] for i in floats], [core.array(d) for d in directions])[1]
    left = float((np.array(moved[0]).astype(np.float64) * cotangent).sum())
    right = sum(float((g.astype(np.float64) * d).sum()) for g, d in zip(gradients, directions))
    assert agree(left, right, terms=4096)


def test_hessians_both_ways_and_per_example_gradients(core: ModuleType) -> None:
    x, w, batch = drawn((5,)), drawn((5, 3)), drawn((7, 5))

    def loss(x: Any) -> Any:
        return core.sum(core.exp(core.sin(x)) * x * x)

    point, axes = core.array(x), core.eye(5)
    exact = torch.func.hessian(lambda x: (torch.exp(torch.sin(x)) * x * x).sum())(
        torch.tensor(x, dtype=torch.float64)
    ).numpy()
    ways = {
        "forward over reverse": lambda v: core.jvp(core.grad(loss), [point], [v])[1][0],
        "reverse over reverse": lambda v: core.vjp(core.grad(loss), [point], [v])[1][0],
        "reverse over forward": lambda v: core.grad(lambda z: core.jvp(loss, [z], [v])[1][0])(
            point
        ),
    }
    for name, way in ways.items():
        assert agree(np.array(core.vmap(way)(axes)), exact, terms=64), name

    def f(w: Any, x: Any) -> Any:
        return core.tanh(x @ w).sum()

    each = core.vmap(core.grad(f), in_axes=(None, 0))(core.array(w), core.array(batch))
    wanted = torch.func.vmap(
        torch.func.grad(lambda w, x: torch.tanh(x @ w).sum()), in_dims=(None, 0)
    )(torch.tensor(w), torch.tensor(batch)).numpy()
    assert agree(np.array(each), wanted, terms=16)
    total = core.grad(lambda w: core.vmap(lambda x: f(w, x))(core.array(batch)).sum())(
        core.array(w)
    )
    assert agree(np.array(total), wanted.sum(0), terms=64)
    compiled = core.compile(lambda w: core.vmap(core.grad(f), in_axes=(None, 0))(w, batch_array))
    batch_array = core.array(batch)
    assert agree(np.array(compiled(core.array(w))), wanted, terms=16)


@pytest.mark.parametrize("lib", ["core", "mlx"])
def test_own_rules_are_used(core: ModuleType, lib: str) -> None:
    c: Any = core if lib == "core" else mx

    @c.custom_function
    def g(a: Any, b: Any) -> Any:
        return a * b

    g.vjp(lambda primals, cotangent, output: [cotangent * 7, cotangent * 3])
    g.jvp(lambda primals, tangents: tangents[0] * 11)
    g.vmap(lambda inputs, axes: (inputs[0] * inputs[1] + 100, 0))
    a, b = c.array(2.0), c.array(3.0)
    assert [x.item() for x in c.grad(g, argnums=(0, 1))(a, b)] == [7, 3]
    assert c.jvp(g, (a, b), (c.array(1.0), c.array(5.0)))[1][0].item() == 11
    assert c.vmap(g)(c.array([2.0]), c.array([3.0])).tolist() == [106]


def test_checkpoint_has_the_same_first_and_second_gradients(core: ModuleType) -> None:
    def f(x: Any) -> Any:
        return core.sum(core.sin(x * x))

    x = core.array([0.5, 1.0])
    kept = core.checkpoint(f)
    assert kept(x).item() == f(x).item()
    assert core.grad(kept)(x).tolist() == core.grad(f)(x).tolist()
    twice = [core.grad(lambda x, h=h: core.grad(h)(x).sum())(x) for h in (f, kept)]
    assert agree(np.array(twice[1]), np.array(twice[0]), terms=4)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda c: c.jvp(lambda x: x, [c.ones(2)], [c.ones(3)]), ValueError),
        (lambda c: c.jvp(lambda x: x, [c.ones(2)], []), ValueError),
        (lambda c: c.vmap(lambda x, y: x + y)(c.ones((3, 2)), c.ones((4, 2))), ValueError),
        (lambda c: c.vmap(lambda x: x, in_axes=5)(c.ones((3, 2))), IndexError),
        (lambda c: c.vmap(lambda x: x.item() * x)(c.ones(3)), ValueError),
        (lambda c: c.vmap(lambda x, y: x, in_axes=(0,))(c.ones(3), c.ones(3)), ValueError),
        (lambda c: c.vmap(lambda x, y=0: x)(c.ones(3), y=c.ones(3)), TypeError),
        (lambda c: c.vmap(lambda x: 1.0)(c.ones(3)), ValueError),
    ],
)
def test_wrong_calls_raise_what_mlx_raises(
    core: ModuleType, call: Callable[[Any], Any], error: type[Exception]
) -> None:
    for library in (mx, core):
        with pytest.raises(error):
            call(library)
