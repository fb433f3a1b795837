"""Every differentiable operation of ``tinymlx.core`` against PyTorch, and against MLX's gradients.

The rows are those of ``tests/ch03_tensors_autodiff/ops.py``; probe, reference and tolerance are
those of the graded tests. Here all rows are judged, also those whose rules the student is given.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from course.cli.project import implementation, load_script
from course.grading.answers import Answers
from course.grading.compare import Rules, first_mismatch
from course.grading.draw import Draw
from course.grading.fixtures import float_dtype
from course.grading.probing import load_probes, run_probe
from course.grading.values import as_mlx, plain
from course.paths import Project
from course.registry import Registry

CHAPTER = "ch03_tensors_autodiff"
TABLE = load_script(Path(__file__).parents[1] / CHAPTER / "ops.py")
ALL = pytest.mark.parametrize("row", TABLE.OPS, ids=[row.call for row in TABLE.OPS])


@pytest.fixture(scope="module")
def probes(project: Project, registry: Registry) -> Iterator[types.ModuleType]:
    """The chapter's probes, running on the solutions."""
    with implementation(project, registry, "solutions"):
        yield load_probes(project.tests / CHAPTER / "probes.py")


class PlainCheck:
    """What ``check`` does for a graded test, for tests without an exercise."""

    def __init__(self, project: Project, probes: types.ModuleType) -> None:
        self.answers, self.probes = Answers(project), probes

    def __call__(
        self,
        name: str,
        /,
        *,
        terms: int = 1,
        scale: float | None = None,
        reference: str | None = None,
        **inputs: Any,
    ) -> None:
        rules = Rules(float_dtype(inputs), terms, scale)
        found = run_probe(self.probes, name, inputs)
        expected = self.answers.get(CHAPTER, reference or name, inputs)
        mismatch = first_mismatch(found, expected, rules)
        assert mismatch is None, f"{mismatch.headline}: {mismatch.detail}"


@pytest.fixture
def check(project: Project, probes: types.ModuleType) -> PlainCheck:
    return PlainCheck(project, probes)


@ALL
def test_value_gradients_and_second_derivatives(check: PlainCheck, row: Any) -> None:
    TABLE.judge(check, Draw(1, row.call), row)


@pytest.mark.parametrize(
    "row", [row for row in TABLE.OPS if row.short], ids=[r.call for r in TABLE.OPS if r.short]
)
def test_other_dtypes(check: PlainCheck, row: Any) -> None:
    TABLE.judge_dtypes(check, Draw(2, row.call), row)


WIDE = [row for row in TABLE.OPS if row.broadcasts]


@pytest.mark.parametrize("row", WIDE, ids=[row.call for row in WIDE])
def test_broadcasting(check: PlainCheck, row: Any) -> None:
    TABLE.judge_broadcasting(check, Draw(3, row.call), row)


# MLX's own gradients: the same call on bare arrays


class Slices:
    def __getitem__(self, index: Any) -> Any:
        return index


def assigned(x: mx.array, index: Any, value: Any) -> mx.array:
    y = mx.array(x)
    y[index] = value
    return y


def native(call: str, inputs: dict[str, mx.array], pool: mx.array, twice: bool) -> dict[str, Any]:
    """What the probe does, by ``mx.vjp``."""
    names = [n for n, x in inputs.items() if mx.issubdtype(x.dtype, mx.inexact)]
    code = compile(call, "<row>", "eval")

    def function(*values: mx.array) -> Any:
        scope = {**inputs, **dict(zip(names, values, strict=True))}
        found = eval(code, {"mx": mx, "assigned": assigned, "S": Slices(), **scope})
        return list(found) if isinstance(found, (list, tuple)) else [found]

    def cotangents(outputs: list[mx.array], start: int) -> tuple[list[mx.array], int]:
        taken = []
        for y in outputs:
            part = pool[start : start + y.size].reshape(y.shape)
            if y.dtype == mx.complex64:
                part = part + 1j * pool[start + 7 : start + 7 + y.size].reshape(y.shape)
            taken.append(part.astype(y.dtype))
            start += y.size
        return taken, start

    values = [inputs[n] for n in names]
    given, end = cotangents(function(*values), 0)
    ys, gradients = mx.vjp(function, values, given)
    result: dict[str, Any] = {"y": ys if len(ys) > 1 else ys[0]}
    result |= {f"d{n}": g for n, g in zip(names, gradients, strict=True)}
    if twice:

        def slopes(*primals: mx.array) -> Any:
            return mx.vjp(function, list(primals[: len(names)]), list(primals[len(names) :]))[1]

        _, found = mx.vjp(slopes, [*values, *given], cotangents(gradients, end)[0])
        result |= {f"second d{n}": g for n, g in zip(names, found, strict=False)}
        result["by the cotangent"] = found[len(names) :]
    return result


NATIVE = [row for row in TABLE.OPS if row.mlx]


@pytest.mark.parametrize("row", NATIVE, ids=[row.call for row in NATIVE])
def test_the_same_call_on_mlx(probes: types.ModuleType, row: Any) -> None:
    """One text, two libraries: values, gradients and second derivatives agree."""
    given = TABLE.arguments(Draw(4, row.call), row)
    twice = given["twice"] and row.mlx != "first"
    inputs = {name: as_mlx(x) for name, x in given["inputs"].items()}
    with mx.stream(mx.cpu if row.cpu else mx.default_stream(mx.default_device())):
        expected = plain(native(row.call, inputs, as_mlx(given["pool"]), twice))
    found = run_probe(probes, "op", {**given, "twice": twice})
    mismatch = first_mismatch(found, expected, Rules("float32", row.terms, row.scale))
    assert mismatch is None, f"{mismatch.headline}: {mismatch.detail}"


def test_products_with_quantized_matrices(probes: types.ModuleType) -> None:
    """The matrix is a constant; its gradient flows to the other factor, as in MLX."""
    core, key = probes.core, mx.random.key(1)
    w, x = mx.random.normal((32, 64), key=key), mx.random.normal((3, 64), key=key)
    for transpose, left in ((True, x), (False, x[:, :32])):
        quantized = mx.quantize(w)

        def native(x: mx.array, q: Any = quantized, t: bool = transpose) -> mx.array:
            return mx.square(mx.quantized_matmul(x, *q, transpose=t)).sum()

        ours = [core.array(part) for part in quantized]

        def function(x: Any, q: Any = ours, t: bool = transpose) -> Any:
            return core.square(core.quantized_matmul(x, *q, transpose=t)).sum()

        found = np.array(core.grad(function)(core.array(left)))
        assert np.allclose(found, np.array(mx.grad(native)(left)), rtol=1e-4, atol=1e-3)


def test_ten_thousand_steps(probes: types.ModuleType) -> None:
    """A chain ten times as deep as Python's stack, differentiated and evaluated."""
    core = probes.core

    def chain(x: Any) -> Any:
        for _ in range(10_000):
            x = x * 1.0001
        return x

    value, gradient = core.value_and_grad(chain)(core.array(2.0))
    # Each step rounds: ten thousand times half of 2^-23.
    assert abs(gradient.item() - 1.0001**10_000) < 2e-3
    assert abs(value.item() - 2 * 1.0001**10_000) < 4e-3


def test_the_fifth_derivative(probes: types.ModuleType) -> None:
    """d^n/dx^n sin(x) exp(x) = 2^(n/2) exp(x) sin(x + n pi / 4)."""
    core = probes.core
    derivative = lambda x: core.sin(x) * core.exp(x)  # noqa: E731
    for n in range(6):
        found = derivative(core.array(0.7)).item()
        assert abs(found - 2 ** (n / 2) * np.exp(0.7) * np.sin(0.7 + n * np.pi / 4)) < 1e-4
        derivative = core.grad(derivative)


def test_the_table_is_no_accident() -> None:
    """Each row is drawn alike twice, and a wrong value is seen: the check can fail."""
    row = TABLE.OPS[0]
    first, second = (TABLE.arguments(Draw(5, "x"), row) for _ in range(2))
    assert np.array_equal(first["inputs"]["x"], second["inputs"]["x"])
    right = np.ones(3)
    assert first_mismatch(np.float32([1, 1, 1.1]), right, Rules()) is not None
