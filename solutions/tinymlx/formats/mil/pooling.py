"""Pooling whose windows overlap, leave something over, or reach beyond the border.

Such a layer takes ``windows`` and reduces over their elements. The windows are no array that Core
ML could have (six axes for pictures, and most elements several times); the two nodes together are
one operation. So is a border in front of them that never counts: see :func:`overlaps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinymlx.compiler.graph import Graph, Node, Value
from tinymlx.core import padding, reductions
from tinymlx.core.convolution.windows import windows

from .convolution import POOLS, to_first, to_last
from .program import Builder
from .reductions import axes_of

#: What MIL takes a border to hold: it never wins a maximum, and counts as 0 in a mean.
BORDERS = {reductions.max: float("-inf"), reductions.mean: 0.0}


@dataclass(frozen=True)
class Overlap:
    """What a reduction pools.

    Attributes:
        x: the pictures, ``(N, ..., C)``, without their border.
        taps: the sizes of a window.
        strides: from one window to the next.
        pad: the border, in front of and behind each spatial axis.
    """

    x: Value
    taps: tuple[int, ...]
    strides: tuple[int, ...]
    pad: tuple[int, ...]


def overlaps(graph: Graph) -> tuple[dict[Value, Overlap], set[Value]]:
    """All poolings of this kind.

    Returns:
        What each of them pools, by the value that it makes; and the windows that nobody else reads,
        which need not be converted.
    """
    makers = graph.makers()
    found = {node.output: pool for node in graph.nodes if (pool := overlap_of(node, makers))}
    readers, inside = graph.readers(), set()
    for node in graph.nodes:
        if node.primitive is windows and node.output not in graph.outputs:
            if all(reader.output in found for reader in readers.get(node.output, ())):
                inside.add(node.output)
    return found, inside


def overlap_of(node: Node, makers: dict[Value, Node]) -> Overlap | None:
    """What a node pools, if it is a maximum or a mean over the elements of windows."""
    cut = makers.get(node.values[0]) if node.primitive in POOLS else None
    if cut is None or cut.primitive is not windows or node.params.get("keepdims"):
        return None
    taps, strides = tuple(cut.params["taps"]), tuple(cut.params["stride"])
    dims, apart = len(taps), cut.params.get("dilation") or (1,)
    over = sorted(axes_of(node.params.get("axis"), len(node.values[0].shape)))
    if set(apart) != {1} or over != list(range(dims + 1, 2 * dims + 1)):
        return None
    x = cut.values[0]
    border = makers.get(x)
    if border is not None and border.primitive is padding.padded:
        first, *widths, last = border.params["pad_width"]
        held = border.params.get("value", 0)
        if tuple(first) == tuple(last) == (0, 0) and held == BORDERS[node.primitive]:
            return Overlap(
                border.values[0], taps, strides, tuple(n for pair in widths for n in pair)
            )
    return Overlap(x, taps, strides, (0,) * (2 * dims))


def overlapped(build: Builder, node: Node, pool: Overlap) -> str:
    """The pooling as ``max_pool`` or ``avg_pool``; channels last, as it came.

    A mean counts the zeros of its border, as ours does.
    """
    ndim = len(pool.x.shape)
    more: dict[str, Any] = {}
    if any(pool.pad):
        more["pad"] = list(pool.pad)
    if any(pool.pad) and node.primitive is reductions.mean:
        more["exclude_padding_from_average"] = False
    first = build.transposed(build.name(pool.x), to_first(ndim), pool.x.dtype)
    made = build.emit(
        POOLS[node.primitive],
        {"x": first},
        [node.output.shape[a] for a in to_first(ndim)],
        pool.x.dtype,
        kernel_sizes=list(pool.taps),
        strides=list(pool.strides),
        pad_type="custom" if any(pool.pad) else "valid",
        **more,
    )
    return build.transposed(made, to_last(ndim), pool.x.dtype)


def bordered(build: Builder, node: Node) -> str:
    """A border of one number around any axes: MIL's ``pad``."""
    x, y = node.values[0], node.output
    return build.emit(
        "pad",
        {"x": build.name(x)},
        y.shape,
        y.dtype,
        pad=[int(n) for pair in node.params["pad_width"] for n in pair],
        mode="constant",
        constant_val=float(node.params.get("value", 0)),
    )
