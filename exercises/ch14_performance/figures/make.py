"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

from pathlib import Path
from typing import Any

from tinymlx import compiler, core, plotting
from tinymlx.compiler.algebra import simplified
from tinymlx.compiler.common import without_repeats
from tinymlx.compiler.dead_code import without_dead_code
from tinymlx.compiler.folding import folded
from tinymlx.compiler.fusion import fused
from tinymlx.compiler.graph import Graph, Node, Value
from tinymlx.compiler.lifetimes import lifetimes, peak
from tinymlx.compiler.measuring import bytes_moved
from tinymlx.compiler.order import ordered

INK = "#333333"
PALE = ("#bcd9ee", "#f8dea6", "#b5e3d3", "#f0c3a5")


def main(out: Path) -> None:
    passes(out)
    groups(out)
    orders(out)


def save(fig: Any, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def depths(graph: Graph) -> dict[Node, int]:
    """How far each node is from the inputs."""
    makers = graph.makers()
    found: dict[Node, int] = {}
    for node in graph.nodes:
        before = [found[makers[x]] for x in node.values if x in makers]
        found[node] = 1 + max(before, default=0)
    return found


def draw(axes: Any, graph: Graph, colours: dict[Node, str]) -> None:
    """A graph from top to bottom: a row for each distance from the inputs."""
    places: dict[Any, tuple[float, float]] = {}
    rows: dict[int, list[Any]] = {0: list(graph.inputs)}
    for node, depth in depths(graph).items():
        rows.setdefault(depth, []).append(node)
    widest = max(len(row) for row in rows.values())
    for depth, row in rows.items():
        for i, x in enumerate(row):
            places[x] = ((i + 0.5) * widest / len(row), -depth)
    makers = graph.makers()
    for node in graph.nodes:
        for x in node.values:
            start = places.get(makers.get(x, x))
            if start:
                bend = (
                    0.35 if start[0] == places[node][0] and start[1] - places[node][1] > 1 else 0.0
                )
                arrow = {"arrowstyle": "->", "color": "#888888", "shrinkA": 9, "shrinkB": 10}
                arrow["connectionstyle"] = f"arc3,rad={bend}"
                axes.annotate("", places[node], start, arrowprops=arrow)
    for i, x in enumerate(graph.inputs):
        label(axes, places[x], "xyzw"[i], "#dddddd", INK)
    for node in graph.nodes:
        tone = colours.get(node, "#ffffff")
        label(axes, places[node], written(node), tone, INK, node.output in graph.outputs)
    axes.set_xlim(0, widest)
    axes.set_ylim(-max(rows) - 0.6, 0.6)
    axes.axis("off")


def written(node: Node) -> str:
    """A node with its numbers: what is an array, is a dot."""
    signs = {"add": "+", "multiply": "×", "subtract": "−", "divide": "/"}
    if node.name in signs and len(node.inputs) == 2:
        a, b = ["·" if isinstance(x, Value) else f"{x:g}" for x in node.inputs]
        return f"{a} {signs[node.name]} {b}"
    return node.name


def label(axes: Any, place: Any, text: str, fill: str, ink: str, strong: bool = False) -> None:
    box = {"boxstyle": "round,pad=0.3", "facecolor": fill, "edgecolor": ink}
    box["linewidth"] = 2.2 if strong else 0.8
    axes.text(*place, text, ha="center", va="center", fontsize=9, color=ink, bbox=box)


def example(x: Any, y: Any) -> Any:
    """Something of everything that passes remove."""
    scale = core.exp(core.array(0.5)) * 2
    a = core.exp(x - y) * 1
    b = core.exp(x - y) + scale
    core.square(a)
    return a * b


def passes(out: Path) -> None:
    """One graph before and after each pass."""
    graph = compiler.trace(example, core.zeros((4, 5)), core.zeros((4, 5)))
    # The constants are computed while tracing, unless something watches them; shown all the same.
    steps = [("as traced", graph)]
    for name, step in (
        ("14.5: constants, algebra", lambda g: simplified(folded(g))),
        ("14.4: repeats", without_repeats),
        ("14.3: dead code", without_dead_code),
    ):
        steps.append((name, step(steps[-1][1])))
    fig, axes = plotting.figure(1, 4, width=12.0, height=4.6)
    for place, (name, made) in zip(axes, steps):
        draw(place, made, {})
        count = f"{len(made.nodes)} nodes, {bytes_moved(made)} bytes"
        place.set_title(f"{name}\n{count}", fontsize=10)
    save(fig, out, "passes")


def softmax(x: Any) -> Any:
    e = core.exp(x * 0.5 - core.max(x, axis=-1, keepdims=True))
    return e / core.sum(e, axis=-1, keepdims=True)


def around(x: Any, y: Any) -> Any:
    a = core.exp(x)
    return a + (a @ y)


def groups(out: Path) -> None:
    """Groups of a softmax; and a group that would wait for itself."""
    fig, (left, right) = plotting.figure(1, 2, width=9.0, height=4.6)
    graph = compiler.trace(softmax, core.zeros((4, 5)))
    colours = {}
    for i, group in enumerate(fused(graph).groups):
        colours.update(dict.fromkeys(group.nodes, PALE[i % 4]))
    draw(left, graph, colours)
    left.set_title("a softmax: three kernels", fontsize=10)
    graph = compiler.trace(around, core.zeros((4, 4)), core.zeros((4, 4)))
    both = [node for node in graph.nodes if node.name != "matmul"]
    draw(right, graph, dict.fromkeys(both, PALE[3]))
    right.set_title("the red ones cannot be one:\nthe product is between them", fontsize=10)
    save(fig, out, "groups")


def branches(x: Any) -> Any:
    large = [core.broadcast_to(x, (n,)) for n in (100, 60, 80, 40)]
    small = [core.sum(core.square(y), keepdims=True) for y in large]
    return small[0] + small[1] + small[2] + small[3]


def orders(out: Path) -> None:
    """Memory node by node, in two orders."""
    graph = compiler.trace(branches, core.zeros((1,)))
    better = ordered(graph)
    fig, axes = plotting.figure(1, 1, width=8.0, height=3.6)
    for name, made, colour in (
        ("as written", graph, plotting.ORANGE),
        ("ordered", better, plotting.BLUE),
    ):
        lives = lifetimes(made)
        alive = [
            sum(x.nbytes for x, (a, b) in lives.items() if a <= i <= b)
            for i in range(len(made.nodes))
        ]
        axes.step(range(len(alive)), alive, where="mid", color=colour)
        axes.plot([], [], color=colour, label=f"{name}: {peak(made)} bytes at the peak")
    axes.set_xlabel("node")
    axes.set_ylabel("bytes alive")
    axes.legend()
    save(fig, out, "orders")
