"""All passes in their order, and the program that remains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

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
        writes_over: the positions of those inputs that it writes over if it can.
    """

    graph: Graph
    plan: Plan
    kernels: dict[Group, Kernel]
    reasons: dict[Group, str]
    run: Callable[..., Any]
    writes_over: set[int]


def ready(graph: Graph, backend: Backend, results: int | None = None) -> Ready:
    """Group, generate, build, and put everything into one straight program.

    Args:
        graph: after the passes.
        backend: what computes kernels.
        results: how many of the outputs are results; behind them is a captured state.
    """
    replaces = replaced(graph, results)
    plan = fused(graph, backend.most) if backend.most else Plan(singles(graph), [])
    kernels, reasons = chosen(graph, plan, backend, replaces)
    functions = backend.build(list(kernels.values())) if kernels else []
    if functions is None:
        kernels, functions = {}, []
    runs = dict(zip(kernels, functions))
    slots = Slots(graph)
    steps: list[Step] = []
    rest: list[Node] = []
    for group in plan.groups:
        if group not in runs:
            rest += group.nodes
            continue
        steps += steps_of(rest, slots, backend.hands_over)
        rest = []
        kernel = kernels[group]
        run_one: Any = runs[group]
        reads = list(kernel.reads)
        live = getattr(run_one, "over", {})
        if live:
            run_one.live = {i: slots(kernel.reads[at]) for i, at in live.items()}
            reads = [x for at, x in enumerate(reads) if at not in live.values()]
        made = [slots(y) for y in kernel.writes]
        steps.append(Step(run_one, [slots(x) for x in reads], made, True, bool(live)))
    steps += steps_of(rest, slots, backend.hands_over)
    run = program(len(graph.inputs), steps, [slots(y) for y in graph.outputs])
    over = {at for function in runs.values() for at in getattr(function, "live", {}).values()}
    return Ready(graph, plan, kernels, reasons, run, over)


def replaced(graph: Graph, results: int | None) -> dict[Value, Value]:
    """For each output that is a captured state the input that was the state before.

    Inputs and outputs of the state stand at the ends of their lists, in the same order.
    """
    state = graph.outputs[results:] if results is not None else []
    before = graph.inputs[len(graph.inputs) - len(state) :] if state else []
    once = [y for y in state if graph.outputs.count(y) == 1]
    return {y: x for y, x in zip(state, before) if y in once and x not in graph.outputs}


def only_here(group: Group, graph: Graph, replaces: dict[Value, Value]) -> dict[Value, Value]:
    """Those pairs of ``replaced`` whose input no other group reads."""
    inside = set(group.nodes)
    outside = {x for node in graph.nodes if node not in inside for x in node.values}
    return {y: x for y, x in replaces.items() if x not in outside}


class Slots:
    """Where the values of a graph are while its program runs: in numbered slots."""

    def __init__(self, graph: Graph) -> None:
        self.numbers: dict[Value, int] = {x: i for i, x in enumerate(graph.inputs)}
        self.readers = graph.readers()
        self.kept = set(graph.outputs)

    def __call__(self, x: Any) -> Any:
        if not isinstance(x, Value):
            return ("constant", x)
        if x.constant is not None:
            return ("constant", x.constant)
        return self.numbers.setdefault(x, len(self.numbers))


def steps_of(nodes: list[Node], slots: Slots, hands_over: bool) -> list[Step]:
    """Nodes that became no kernels, as steps.

    Each is a call of its primitive. That costs about a microsecond of Python for each, which is
    much where arrays are small. So, where the backend says so, nodes in a row are handed over to
    MLX in one piece, which remembers the calls and makes them without Python (``mx.compile``).
    """
    steps: list[Step] = []
    piece: list[Node] = []
    for node in [*nodes, None]:
        if node is not None and hands_over and not node.random and "stream" not in node.params:
            piece.append(node)
            continue
        # One operation is as quick by itself; a node of several outputs may be a whole loop.
        large = len(piece) > 2 or any(n.many for n in piece)
        steps += handed_over(piece, slots) if large else [one(n, slots) for n in piece]
        piece = []
        if node is not None:
            steps.append(one(node, slots))
    return steps


def one(node: Node, slots: Slots) -> Step:
    """The step of a node."""
    given, made = [slots(x) for x in node.inputs], [slots(y) for y in node.outputs]
    return Step(call_of(node), given, made, node.many)


def handed_over(nodes: list[Node], slots: Slots) -> list[Step]:
    """One step for several nodes, compiled by MLX."""
    inside = set(nodes)
    made = [y for node in nodes for y in node.outputs]
    reads = dict.fromkeys(x for node in nodes for x in node.values if x.constant is None)
    given = [x for x in reads if x not in set(made)]
    wanted = [
        y
        for y in made
        if y in slots.kept or any(reader not in inside for reader in slots.readers.get(y, []))
    ]
    part = Graph(given, nodes, wanted)
    own = Slots(part)
    run = program(len(given), [one(n, own) for n in nodes], [own(y) for y in wanted])
    compiled: Any = mx.compile(lambda *arrays: run(list(arrays)))
    return [Step(compiled, [slots(x) for x in given], [slots(y) for y in wanted], True)]


def call_of(node: Node) -> Callable[..., Any]:
    """A function of bare arrays and numbers, with as little around it as possible."""
    if not node.params:
        return node.primitive.forward  # type: ignore[no-any-return]
    return node.function()


def singles(graph: Graph) -> list[Group]:
    """Every node on its own."""
    return [Group([node], None) for node in graph.nodes]


def chosen(
    graph: Graph, plan: Plan, backend: Backend, replaces: dict[Value, Value]
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
        kernel = kernel_of(group, needed, only_here(group, graph, replaces))
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
