"""From a kernel to source: the same statements in C, Metal and CUDA."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from tinymlx.core import reductions

from .graph import Node, Value
from .kernel import Kernel
from .places import offset
from .table import TYPES, computed_in, dtypes_inside, template

Where = Callable[[Value], str]


def number(x: Any, dtype: mx.Dtype) -> str:
    """A number of Python as a literal of C, in the dtype that it gets."""
    if dtype == mx.bool_:
        return "1" if x else "0"
    if not mx.issubdtype(dtype, mx.floating):
        return str(int(x))
    x = float(x)
    if math.isnan(x):
        return "NAN"
    if math.isinf(x) or abs(x) > 3.4028235677973366e38:
        return "INFINITY" if x > 0 else "(-INFINITY)"
    text = repr(struct.unpack("f", struct.pack("f", x))[0])
    text = text if "." in text or "e" in text else text + ".0"
    return f"{text}f" if not text.startswith("-") else f"({text}f)"


def argument(x: Any, names: dict[Value, str], wanted: mx.Dtype | None, language: str) -> str:
    """An input of a node in an expression: its name or its number, cast if it must be."""
    if not isinstance(x, Value):
        return number(x, wanted if wanted is not None else mx.float32)
    if wanted is None or computed_in(x.dtype) == wanted:
        return names[x]
    return f"({TYPES[language][wanted]}){names[x]}"


def statements(kernel: Kernel, language: str, where: Where) -> list[str]:
    """The statements that compute one element of a kernel without reductions.

    First every value that is read gets a name: ``v0``, ``v1``, ... in the order of
    ``kernel.reads``; then every node in its order gives a name to what it makes, counting on. Each
    is a declaration, ``float v3 = v0 * v2;``. At the end those of ``kernel.writes`` are stored.

    A value is computed in ``computed_in(dtype)`` (float for the halves), whose name in the language
    is ``TYPES[language][...]``, and cast to its own dtype where it is stored. The arguments of a
    node are cast to ``dtypes_inside(node)``, one for each, by ``argument``; they stand in
    ``template(node)`` in the places ``{0}``, ``{1}``, ``{2}``. An array is called ``in0``, ``in1``,
    ... or ``out0``, ``out1``, ... by its position in ``reads`` or ``writes``.

    Args:
        kernel: what to compute.
        language: ``"c"``, ``"metal"`` or ``"cuda"``.
        where: for a value of ``reads`` or ``writes`` the place of the element in its array, as an
            expression.

    Returns:
        One statement a line, with semicolons.
    """
    names, lines = load(kernel, language, where)
    for node in kernel.nodes:
        lines.append(computed(node, names, language))
    return lines + store(kernel, kernel.writes, names, language, where)


def load(kernel: Kernel, language: str, where: Where) -> tuple[dict[Value, str], list[str]]:
    """Names of the values that are read, and the statements that read them."""
    names, lines = {}, []
    for i, x in enumerate(kernel.reads):
        names[x] = f"v{i}"
        kind = TYPES[language][computed_in(x.dtype)]
        lines.append(f"{kind} v{i} = ({kind})in{i}[{where(x)}];")
    return names, lines


def computed(node: Node, names: dict[Value, str], language: str) -> str:
    """The statement of a node; its output gets the next name."""
    wanted = dtypes_inside(node)
    parts = [argument(x, names, kind, language) for x, kind in zip(node.inputs, wanted)]
    name = names[node.output] = f"v{len(names)}"
    kind = TYPES[language][computed_in(node.output.dtype)]
    value = template(node).format(*parts)
    where = f"  // {node.where}" if language == "c" else ""
    if node.output.dtype in (mx.float16, mx.bfloat16):  # each step is rounded, as without fusion
        half = TYPES[language][node.output.dtype]
        return f"{kind} {name} = ({kind})({half})({value});"
    return f"{kind} {name} = ({kind})({value});{where}"


def store(
    kernel: Kernel, values: list[Value], names: dict[Value, str], language: str, where: Where
) -> list[str]:
    """The statements that write values to memory."""
    lines = []
    for y in values:
        i = kernel.writes.index(y)
        lines.append(f"out{i}[{where(y)}] = ({TYPES[language][y.dtype]}){names[y]};")
    return lines


def launch(size: int, most: int = 256) -> tuple[int, int]:
    """How many threads are started for ``size`` elements, and how many make a group.

    In MLX the grid counts *threads*, in Metal and in CUDA, not groups of threads: a grid of
    ``size / 256`` computes one 256th of the elements, and is very fast. Groups are of equal size,
    so the grid is rounded up to whole groups, and the last threads find no element to compute.

    Args:
        size: the number of elements, at least 1.
        most: the greatest group that the device allows. A group need not be greater than ``size``.

    Returns:
        The grid, a multiple of the group and at least ``size``, but less than a group more; and the
        group.
    """
    group = min(most, size)
    return -(-size // group) * group, group


INDEX = {
    "metal": "long i = thread_position_in_grid.x;",
    "cuda": "long i = (long)blockIdx.x * blockDim.x + threadIdx.x;",
}


def elementwise_body(kernel: Kernel, language: str) -> str:
    """The body of a GPU kernel in which one thread computes one element of the loop.

    ``INDEX[language]`` declares ``i``, the number of the thread. A thread that has no element
    (``kernel.size`` and more) must return before it touches memory. The place of element ``i`` in
    an array that is read is ``offset(kernel.shape, strides, "i")`` with the strides of that array,
    in one that is written just ``i``.

    Args:
        kernel: without reductions.
        language: ``"metal"`` or ``"cuda"``.

    Returns:
        Statements, one a line.
    """
    strides = dict(zip(kernel.reads, kernel.strides))

    def where(x: Value) -> str:
        return offset(kernel.shape, strides[x], "i") if x in strides else "i"

    start = [INDEX[language], f"if (i >= {kernel.size}) return;"]
    return "\n".join([*start, *statements(kernel, language, where)])


COMBINE = {
    reductions.sum: "{0} += {1};",
    reductions.mean: "{0} += {1};",
    reductions.max: "{0} = max_({0}, {1});",
    reductions.min: "{0} = min_({0}, {1});",
}
START = {
    reductions.sum: "0.0f",
    reductions.mean: "0.0f",
    reductions.max: "(-INFINITY)",
    reductions.min: "INFINITY",
}
LANES = {
    reductions.sum: "lanes_sum",
    reductions.mean: "lanes_sum",
    reductions.max: "lanes_max",
    reductions.min: "lanes_min",
}


def collected(node: Node, name: str, value: str) -> str:
    """The statement that takes a value into the variable of a reduction."""
    return COMBINE[node.primitive].format(name, value)


def row_parts(kernel: Kernel, language: str) -> tuple[list[str], list[str], list[str]]:
    """A row of a kernel whose last axes are reduced: before the loop, inside of it, behind it.

    ``row`` is the number of the row, ``j`` the number of the element in it. In front of the loop
    every reduction gets a variable, ``s0``, ``s1``, ..., always a ``float`` (a sum of thousands of
    halves, kept in a half, stops growing at 2048), with ``START[primitive]`` in it. Inside of the
    loop elements are read, computed and stored as in ``statements``; where a node is a reduction,
    ``collected`` takes the value of its input (cast to ``float``) into the variable instead.
    Behind the loop the variable of a mean is divided by ``kernel.row``, and what is in
    ``kernel.writes`` is stored at ``[row]``.

    On a GPU several threads share a row, and each has a part of it. The function that
    ``LANES[primitive]`` names brings the parts together behind the loop, in front of the division:
    for a sum the statement is ``s0 = lanes_sum(s0);``.

    The place of element ``j`` in an array that is read has two parts, ``offset(outer, strides of
    the outer axes, "row")`` and ``offset(inner, strides of the inner axes, "j")``; the inner axes
    are the last ``kernel.inner``. In one that is written it is ``row * kernel.row + j``.

    Args:
        kernel: with or without reductions.
        language: ``"c"``, ``"metal"`` or ``"cuda"``.

    Returns:
        Three lists of statements.
    """
    where = row_places(kernel)
    names, inside = load(kernel, language, where)
    before, behind = [], []
    sums = [node for node in kernel.nodes if kernel.is_reduction(node)]
    for node in kernel.nodes:
        if node not in sums:
            inside.append(computed(node, names, language))
            continue
        name = names[node.output] = f"s{sums.index(node)}"
        value = argument(node.inputs[0], names, mx.float32, language)
        before.append(f"float {name} = {START[node.primitive]};")
        inside.append(collected(node, name, value))
        if language != "c":
            behind.append(f"{name} = {LANES[node.primitive]}({name});")
        if node.primitive is reductions.mean:
            behind.append(f"{name} = {name} / {number(kernel.row, mx.float32)};")
    reduced = [node.output for node in sums]
    full = [y for y in kernel.writes if y not in reduced]
    inside += store(kernel, full, names, language, where)
    last = [y for y in kernel.writes if y in reduced]
    behind += store(kernel, last, names, language, lambda y: "row")
    return before, inside, behind


def row_places(kernel: Kernel) -> Where:
    """Where element ``j`` of row ``row`` lies, in each array that is read or written in full."""
    strides = dict(zip(kernel.reads, kernel.strides))
    cut = len(kernel.shape) - kernel.inner

    def where(x: Value) -> str:
        if x not in strides:
            return f"row * {kernel.row} + j" if kernel.rows > 1 else "j"
        outer = offset(kernel.shape[:cut], strides[x][:cut], "row")
        inner = offset(kernel.shape[cut:], strides[x][cut:], "j")
        return inner if outer == "0" else f"{outer} + {inner}"

    return where
