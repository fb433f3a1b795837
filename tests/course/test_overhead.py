"""What the library costs beside the arithmetic, counted in calls of Python functions, not in time.

How long they take is measured by the benchmarks of chapter 6 (`tinymlx bench 6`).
"""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module")
def tinymlx(project: Project, registry: Registry) -> Iterator[types.ModuleType]:
    with implementation(project, registry, "solutions"):
        import tinymlx
        from tinymlx import core, nn, optimizers  # noqa: F401

        yield tinymlx


def calls(run: Callable[[], Any]) -> int:
    """How many Python functions are called."""
    count = 0

    def seen(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def compiled_step(tinymlx: types.ModuleType, depth: int) -> tuple[Callable[[], Any], list[Any]]:
    """A compiled step of Adam for ``depth`` layers, and its state; it has run already."""
    core, nn, optimizers = tinymlx.core, tinymlx.nn, tinymlx.optimizers
    model = nn.Sequential(*[nn.Linear(2, 2) for _ in range(depth)])
    optimizer = optimizers.Adam(1e-3)
    value_and_gradient = nn.value_and_grad(model, lambda x: (model(x) ** 2).mean())
    x = core.ones((1, 2))
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state]

    def step() -> Any:
        value, gradients = value_and_gradient(x)
        optimizer.update(model, gradients)
        return value

    compiled = core.compile(step, inputs=state, outputs=state)
    core.eval(compiled(), state)
    return compiled, state


def test_a_compiled_step_calls_no_function_for_each_array(tinymlx: types.ModuleType) -> None:
    counts = []
    for depth in (1, 5):
        step, state = compiled_step(tinymlx, depth)
        counts.append(calls(lambda: tinymlx.core.eval(step(), state)))  # noqa: B023
    assert counts[0] == counts[1] < 40


def test_another_function_of_the_same_state_may_come_and_go(tinymlx: types.ModuleType) -> None:
    # Places are kept by the identity of their tree: those of the second must not replace those of
    # the first, or evaluating the state would walk through all of it again.
    core = tinymlx.core
    _step, state = compiled_step(tinymlx, 5)  # held: its places are known while it lives
    before = calls(lambda: core.eval(state))
    core.compile(lambda: None, inputs=state, outputs=state)()
    gc.collect()
    assert calls(lambda: core.eval(state)) == before < 20


def test_a_compiled_step_leaves_the_arrays_that_others_hold(tinymlx: types.ModuleType) -> None:
    step, state = compiled_step(tinymlx, 1)
    held = state[0].layers[0].weight
    numbers = held.tolist()
    step()
    assert state[0].layers[0].weight is not held
    assert held.tolist() == numbers != state[0].layers[0].weight.tolist()


def test_an_error_in_a_compiled_step_is_told_and_changes_nothing(tinymlx: types.ModuleType) -> None:
    core, nn = tinymlx.core, tinymlx.nn
    model = nn.Linear(2, 2)
    before = model.weight

    def step(x: Any) -> Any:
        model.weight = model.weight * 2
        model.more = core.ones((1,))
        raise TypeError("mine")

    for state in ([model.state], [model]):
        compiled = core.compile(step, inputs=state, outputs=state)
        with pytest.raises(TypeError, match="mine"):
            compiled(core.ones((1, 2)))
        assert model.weight is before and "more" not in model


@pytest.mark.parametrize(
    "operation",
    [
        lambda core, x, y: x * y,
        lambda core, x, y: 0.5 * x,
        lambda core, x, y: x @ y,
        lambda core, x, y: core.square(x),
        lambda core, x, y: core.maximum(x, y),
        lambda core, x, y: x.astype(core.float32),
    ],
)
def test_an_operation_is_a_few_calls(tinymlx: types.ModuleType, operation: Any) -> None:
    core = tinymlx.core
    x, y = core.ones((2, 2)), core.ones((2, 2))
    # Two lambdas of this test; the operator, method or call; the primitive's short way; the forward
    # function; the new array.
    assert calls(lambda: operation(core, x, y)) <= 6


def test_who_keeps_an_array_keeps_its_numbers(tinymlx: types.ModuleType) -> None:
    """An array that stands in the state and elsewhere is replaced in the state, not overwritten."""
    core = tinymlx.core
    state = {"w": core.array(1.0), "v": [core.array(2.0)], "t": (core.array(3.0),)}

    def step() -> None:
        state["w"] = state["w"] + 1
        state["v"][0] = state["v"][0] + 1
        state["t"][0][...] = state["t"][0] + 1

    compiled = core.compile(step, inputs=state, outputs=state)
    compiled()
    kept = state["v"][0]
    compiled()
    assert kept.item() == 3 and state["v"][0].item() == 4
    kept, other = state["w"], state["t"][0]
    for _ in range(2):
        compiled()
    assert kept.item() == 3 and state["w"].item() == 5
    assert other is state["t"][0] and other.item() == 7
    state["w"] = core.array(10.0)
    compiled()
    assert state["w"].item() == 11
