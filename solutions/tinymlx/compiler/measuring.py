"""What a graph costs: bytes moved, operations counted, seconds and memory measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from tinymlx.core import products, reductions
from tinymlx.core.conversion import astype
from tinymlx.core.passthrough import eval as evaluate
from tinymlx.core.shapes import broadcast_to, reshape, transpose

from .graph import Graph, Node, Value
from .table import is_elementwise

#: These only look at memory in another way. (A reshape may have to copy; mostly it need not.)
VIEWS = (reshape, transpose, broadcast_to)
REDUCTIONS = (reductions.sum, reductions.mean, reductions.max, reductions.min, reductions.prod)
#: These change nothing, or only the dtype: no arithmetic.
COPIES = (astype,)


def bytes_of(node: Node) -> int:
    """The bytes that a node alone moves between memory and the processor.

    Every input is read once, also one that stands at several places; every output is written once.
    Numbers are no arrays and cost nothing, and neither do the nodes of ``VIEWS``.
    """
    if node.primitive in VIEWS:
        return 0
    return sum(x.nbytes for x in {*node.values, *node.outputs})


def flops_of(node: Node) -> int:
    """The operations of arithmetic in a node, as one counts them by hand.

    One for each element of the output of an elementwise primitive (also for an exponential), one
    for each element that a reduction reads, and 2 K for each element of a matrix product over K;
    for views, ``COPIES`` and everything else 0. ``is_elementwise(node)`` knows the first kind.
    """
    if node.primitive in VIEWS or node.primitive in COPIES:
        return 0
    if node.primitive is products.matmul:
        return 2 * node.output.size * int(node.values[0].shape[-1])
    if node.primitive in REDUCTIONS:
        return node.values[0].size
    return node.output.size if is_elementwise(node) else 0


def bytes_moved(graph: Graph) -> int:
    """The bytes that all nodes move, each on its own."""
    return sum(bytes_of(node) for node in graph.nodes)


def flops(graph: Graph) -> int:
    """The operations of all nodes."""
    return sum(flops_of(node) for node in graph.nodes)


def show(graph: Graph) -> str:
    """The graph as text: a line for each input, node and output, with what each costs."""
    names: dict[Value, str] = {x: f"%{i}" for i, x in enumerate(graph.inputs)}
    lines = [f"{names[x]} = input {kind(x)}" for x in graph.inputs]
    for node in graph.nodes:
        for y in node.outputs:
            names[y] = f"%{len(names)}"
        made = ", ".join(names[y] for y in node.outputs)
        given = ", ".join(called(x, names) for x in node.inputs)
        kinds = ", ".join(kind(y) for y in node.outputs)
        cost = f"{bytes_of(node):,} B, {flops_of(node):,} flop"
        lines.append(f"{made} = {node.name}({given}) {kinds}  # {cost}")
    lines.append("return " + ", ".join(called(y, names) for y in graph.outputs))
    return "\n".join(lines)


def kind(x: Value) -> str:
    """Dtype and shape."""
    return f"{str(x.dtype).rpartition('.')[2]}{list(x.shape)}"


def called(x: Any, names: dict[Value, str]) -> str:
    """An input of a node by its name; a constant or a number as such."""
    if not isinstance(x, Value):
        return repr(x)
    return names.get(x) or f"constant {kind(x)}"


def seconds_of(
    fun: Callable[[], Any],
    repeats: int = 5,
    clock: Callable[[], float] = time.perf_counter,
    evaluate: Callable[[Any], Any] = evaluate,
) -> float:
    """How long a call of ``fun`` takes: the median of some calls.

    MLX is lazy: a call that nobody evaluates takes no time and does nothing. So every call is
    followed by ``evaluate`` of its result before the clock is read again. The first call traces and
    compiles: it is made (and evaluated) before the measurement, and not counted.

    Args:
        fun: what to measure; it returns arrays.
        repeats: how many calls are measured.
        clock: tells the time in seconds. It is read before and after each call that counts, and at
            no other time.
        evaluate: computes what ``fun`` returned.
    """
    evaluate(fun())
    times = []
    for _ in range(repeats):
        start = clock()
        evaluate(fun())
        times.append(clock() - start)
    return statistics.median(times)


def peak_of(
    fun: Callable[[], Any],
    evaluate: Callable[[Any], Any] = evaluate,
) -> int:
    """How many bytes a call of ``fun`` needs at most, beyond those that were there before.

    The peak is the greatest number of bytes in use since it was last reset
    (``mx.reset_peak_memory()``, ``mx.get_peak_memory()``): without a reset it is that of something
    that ran long ago. What was in use before, ``mx.get_active_memory()``, is not the function's.
    Freed memory that MLX keeps for the next array (its cache) is not in use, and no leak.

    Args:
        fun: what to measure; it returns arrays.
        evaluate: computes what ``fun`` returned.
    """
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    evaluate(fun())
    return max(mx.get_peak_memory() - before, 0)


__all__ = ["bytes_moved", "bytes_of", "flops", "flops_of", "peak_of", "seconds_of", "show"]
