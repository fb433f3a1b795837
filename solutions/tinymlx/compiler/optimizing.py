"""All passes in their order, and the program that remains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .algebra import simplified
from .backends import Backend
from .common import without_repeats
from .dead_code import without_dead_code
from .folding import folded
from .fusion import Group, Plan, fused
from .graph import Graph, Node, Value
from .kernel import Kernel, kernel_of
from .machine.program import Step, program


def optimized(graph: Graph) -> Graph:
    """The graph after folding, algebra, common subexpressions and dead code."""
    for improved in (folded, simplified, without_repeats, without_dead_code):
        graph = improved(graph)
    return graph


@dataclass
class Ready:
    """A graph that can be run.

    Attributes:
        graph: after the passes.
        plan: its groups.
        kernels: the groups that became kernels; ``reasons`` says why the others did not.
        run: a function of a list of bare arrays that returns a list.
    """

    graph: Graph
    plan: Plan
    kernels: dict[Group, Kernel]
    reasons: dict[Group, str]
    run: Callable[..., Any]


def ready(graph: Graph, backend: Backend) -> Ready:
    """Group, generate, build, and put everything into one straight program."""
    plan = fused(graph, backend.most) if backend.most else Plan(singles(graph), [])
    kernels, reasons = chosen(graph, plan, backend)
    functions = backend.build(list(kernels.values())) if kernels else []
    if functions is None:
        kernels, functions = {}, []
    runs = dict(zip(kernels, functions))
    slots: dict[Value, int] = {x: i for i, x in enumerate(graph.inputs)}

    def slot(x: Any) -> Any:
        if not isinstance(x, Value):
            return ("constant", x)
        if x.constant is not None:
            return ("constant", x.constant)
        return slots.setdefault(x, len(slots))

    steps = []
    for group in plan.groups:
        if group in runs:
            kernel = kernels[group]
            given = [slot(x) for x in kernel.reads]
            steps.append(Step(runs[group], given, [slot(y) for y in kernel.writes], True))
            continue
        for node in group.nodes:
            given = [slot(x) for x in node.inputs]
            made = [slot(y) for y in node.outputs]
            steps.append(Step(call_of(node), given, made, node.many))
    run = program(len(graph.inputs), steps, [slot(y) for y in graph.outputs])
    return Ready(graph, plan, kernels, reasons, run)


def call_of(node: Node) -> Callable[..., Any]:
    """A function of bare arrays and numbers, with as little around it as possible."""
    if not node.params:
        return node.primitive.forward  # type: ignore[no-any-return]
    return node.function()


def singles(graph: Graph) -> list[Group]:
    """Every node on its own."""
    return [Group([node], None) for node in graph.nodes]


def chosen(
    graph: Graph, plan: Plan, backend: Backend
) -> tuple[dict[Group, Kernel], dict[Group, str]]:
    """The kernels that the backend takes, and why it does not take the others."""
    group_of = {node: group for group in plan.groups for node in group.nodes}
    needed = set(graph.outputs)
    for node in graph.nodes:
        makers = [x for x in node.values if x not in set(group_of[node].made)]
        needed.update(makers)
    kernels, reasons = {}, {}
    for group in plan.groups:
        if group.shape is None:
            continue
        kernel = kernel_of(group, needed)
        reason = backend.refuses(kernel) if kernel.size else "it has no elements"
        if reason is None:
            kernels[group] = kernel
        else:
            reasons[group] = reason
    return kernels, reasons


def explained(made: Ready) -> str:
    """In words: what was fused, what was not, and why."""
    lines = []
    for group in made.plan.groups:
        names = ", ".join(node.name for node in group.nodes)
        where = place(group.nodes[0])
        if group in made.kernels:
            kernel = made.kernels[group]
            count = f"reads {len(kernel.reads)}, writes {len(kernel.writes)}"
            lines.append(f"one kernel over {list(kernel.shape)}, {count}: {names} ({where})")
        elif group in made.reasons and len(group.nodes) > 1:
            lines.append(f"no kernel, for {made.reasons[group]}: {names} ({where})")
    for first, second, reason in made.plan.refused:
        lines.append(
            f"{first.name} and {second.name} stay apart: {reason} ({place(first)}, {place(second)})"
        )
    return "\n".join(lines)


def place(node: Node) -> str:
    """Where a node comes from, without folders."""
    return node.where.replace("\\", "/").rpartition("/")[2]
