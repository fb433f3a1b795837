"""The loop over time as one primitive, against the plain loop, in every transform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module")
def modules(project: Project, registry: Registry) -> Iterator[tuple[Any, Any, Any]]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core
        from tinymlx.core.recurrence import cells, loop

        yield core, cells, loop


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("name", ["RNN", "RELU", "LSTM", "GRU"])
def test_one_operation_does_what_the_plain_loop_does(
    modules: tuple[Any, Any, Any], name: str, with_bias: bool, masked: bool
) -> None:
    """Outputs, gradients, second derivatives, jvp, vmap, compiled."""
    core, cells, loop = modules
    cell, rng = getattr(cells, name), np.random.default_rng(1)

    def normal(*shape: int) -> Any:
        return core.array(rng.normal(size=shape).astype(np.float32) * 0.5)

    length, batch, hidden = 4, 3, 2
    gates = cell.gates * hidden
    keep = core.array(rng.random((length, batch, 1)) > 0.4) if masked else None
    inputs = [normal(length, batch, gates), normal(gates, hidden)]
    inputs += [normal(gates)] if with_bias else []
    inputs += [normal(batch, hidden) for _ in range(cell.states)]

    def fast(x: Any, w: Any, *rest: Any) -> Any:
        bias, state = (rest[0], rest[1:]) if with_bias else (None, rest)
        return loop.recurrence(cell, x, w, bias, state, keep)

    def plain(x: Any, w: Any, *rest: Any) -> Any:
        bias, state = (rest[0], rest[1:]) if with_bias else (None, rest)
        return loop.unrolled(cell, x, w, bias, keep, state)

    def same(a: Any, b: Any, what: str) -> None:
        assert len(a) == len(b)
        for p, q in zip(a, b):
            assert np.abs(np.array(p) - np.array(q)).max() < 2e-6, what

    cotangents = [normal(length, batch, hidden) for _ in range(cell.states)]
    directions = [normal(*x.shape) for x in inputs]

    def gradient(of: Any) -> Any:
        return lambda *xs: core.vjp(of, list(xs), cotangents)[1]

    same(fast(*inputs), plain(*inputs), "outputs")
    same(gradient(fast)(*inputs), gradient(plain)(*inputs), "gradients")
    same(
        core.vjp(gradient(fast), inputs, directions)[1],
        core.vjp(gradient(plain), inputs, directions)[1],
        "second derivatives",
    )
    same(core.jvp(fast, inputs, directions)[1], core.jvp(plain, inputs, directions)[1], "jvp")
    pair = core.stack([inputs[0], inputs[0] * 2])
    same(
        core.vmap(lambda x: fast(x, *inputs[1:]))(pair),
        core.vmap(lambda x: plain(x, *inputs[1:]))(pair),
        "vmap",
    )
    same(core.compile(gradient(fast))(*inputs), gradient(plain)(*inputs), "compiled")


def test_sequences_without_steps_are_refused(modules: tuple[Any, Any, Any]) -> None:
    core = modules[0]
    from tinymlx import nn

    for layer in (nn.RNN(2, 3), nn.GRU(2, 3), nn.LSTM(2, 3)):
        with pytest.raises(ValueError, match="have no steps"):
            layer(core.zeros((4, 0, 2)))
        with pytest.raises(ValueError, match="should be"):
            layer(core.zeros((2,)))
