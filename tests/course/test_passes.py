"""The compiler's passes on programs that nobody chose: hypothesis draws them, and makes one that
fails as short as it can.

Two hundred programs in continuous integration, always the same ones; ``TINYMLX_CASES=2000`` asks
for as many, ``TINYMLX_SEED=7`` for others.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

CASES = int(os.environ.get("TINYMLX_CASES", "200"))
SEED = int(os.environ.get("TINYMLX_SEED", "0"))

UNARY = ["negative", "exp", "abs", "square", "transpose"]
BINARY = ["add", "subtract", "multiply", "divide"]
REDUCTIONS = ["sum", "max", "mean"]
# What rules of algebra are about, and what they must not be wrong for.
NUMBERS = [0.0, -0.0, 1.0, 2.5, float("inf")]
X = [[0.0, -0.0, 1.5], [float("inf"), float("nan"), -2.0], [1e30, -1e-30, 7.0]]
Y = [[-0.0, 3.0, float("-inf")], [0.5, -1.0, 0.0], [2.0, float("nan"), -8.0]]

Instruction = tuple[str, int, int, Any]


def instructions() -> st.SearchStrategy[Instruction]:
    """An operation on values that are there by then (counted from the last one backwards)."""
    place = st.integers(0, 7)
    one = st.tuples(st.sampled_from(UNARY), place, place, st.none())
    two = st.tuples(st.sampled_from(BINARY), place, place, st.none())
    numbers = st.sampled_from(["number", "number first"])
    with_number = st.tuples(numbers, place, st.sampled_from(range(len(BINARY))), st.none()).flatmap(
        lambda t: st.sampled_from(NUMBERS).map(lambda n: (t[0], t[1], t[2], n))
    )
    folds = st.tuples(st.sampled_from(REDUCTIONS), place, place, st.sampled_from([-1, 0]))
    known = st.tuples(st.just("constant"), place, place, st.sampled_from([0.0, -0.0, 2.0]))
    half = st.tuples(st.just("astype"), place, place, st.sampled_from(["float16", "float32"]))
    return st.one_of(one, two, with_number, with_number, with_number, folds, known, half)


PROGRAMS = st.lists(instructions(), min_size=1, max_size=14)


def program(core: Any, written: list[Instruction]) -> Callable[[Any, Any], list[Any]]:
    """The function that a list of instructions describes; it returns its last three values."""

    def function(x: Any, y: Any) -> list[Any]:
        values = [x, y]
        for op, a, b, extra in written:
            left, right = values[-1 - a % len(values)], values[-1 - b % len(values)]
            if op == "number":
                values.append(getattr(core, BINARY[b])(left, extra))
            elif op == "number first":
                values.append(getattr(core, BINARY[b])(extra, left))
            elif op == "constant":
                values.append(left * core.array([[extra, 1.0, extra]]))
            elif op == "astype":
                values.append(left.astype(getattr(core, extra)))
            elif op in REDUCTIONS:
                values.append(left - getattr(core, op)(left, axis=extra, keepdims=True))
            elif op in UNARY:
                values.append(getattr(core, op)(left))
            else:
                values.append(getattr(core, op)(left, right))
        return values[-3:]

    return function


@pytest.fixture(scope="module")
def library(project: Project, registry: Registry) -> Iterator[Callable[[str], Any]]:
    with implementation(project, registry, "solutions"):
        yield lambda name: importlib.import_module(f"tinymlx.{name}")


def bits(arrays: list[mx.array]) -> list[tuple[Any, ...]]:
    """Shapes, dtypes and bits; one nan is as good as another."""
    found = []
    for x in arrays:
        values = np.array(x)
        values[np.isnan(values)] = np.nan
        found.append((values.shape, values.dtype.name, values.tobytes()))
    return found


def in_order_of_the_plan(graph: Any, groups: Any) -> Any:
    """The graph with its nodes as a plan of fusion has them."""
    nodes = [node for group in groups for node in group.nodes]
    return type(graph)(graph.inputs, nodes, graph.outputs)


def test_a_pass_changes_no_bit(library: Callable[[str], Any]) -> None:
    core, trace = library("core"), library("compiler.tracing").trace
    run = library("compiler.graph").run
    fused = library("compiler.fusion").fused
    peak = library("compiler.lifetimes").peak
    ordered = library("compiler.order").ordered
    passes = {
        "constants": library("compiler.folding").folded,
        "algebra": library("compiler.algebra").simplified,
        "repeats": library("compiler.common").without_repeats,
        "dead code": library("compiler.dead_code").without_dead_code,
        "all of them": library("compiler.optimizing").optimized,
        "the groups": lambda graph: in_order_of_the_plan(graph, fused(graph, 6).groups),
        "the order": ordered,
    }
    arrays = [mx.array(X), mx.array(Y)]

    @seed(SEED)
    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(written=PROGRAMS)
    def check(written: list[Instruction]) -> None:
        graph = trace(program(core, written), *map(core.array, (X, Y)))
        wanted = bits(run(graph, arrays))
        for name, changed in passes.items():
            found = changed(graph)
            assert bits(run(found, arrays)) == wanted, name
            assert len(found.nodes) <= len(graph.nodes), name
            if name == "the order":
                assert peak(found) <= peak(graph)
        again = passes["all of them"](passes["all of them"](graph))
        assert len(again.nodes) == len(passes["all of them"](graph).nodes), "once is not enough"

    check()


def test_a_graph_needs_as_much_memory_as_its_buffers_say(library: Callable[[str], Any]) -> None:
    core, trace = library("core"), library("compiler.tracing").trace
    memory = library("compiler.lifetimes")

    @seed(SEED)
    @settings(max_examples=CASES, deadline=None, database=None)
    @given(written=PROGRAMS)
    def check(written: list[Instruction]) -> None:
        graph = trace(program(core, written), *map(core.array, (X, Y)))
        lives, (sizes, held) = memory.lifetimes(graph), memory.buffers(graph)
        assert sum(sizes) >= memory.peak(graph)
        for x, (first, last) in lives.items():
            assert sizes[held[x]] >= x.nbytes
            for y, (begin, end) in lives.items():
                if x is not y and held[x] == held[y]:
                    assert last < begin or end < first, "two values in one buffer at one time"

    check()
