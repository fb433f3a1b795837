"""Convolutions and pooling: MLX has channels last, MIL has them first.

==============  =====================  =====================
                here                   MIL
==============  =====================  =====================
pictures        ``(N, H, W, C)``       ``(N, C, H, W)``
kernels         ``(O, kh, kw, C)``     ``(O, C, kh, kw)``
==============  =====================  =====================

So each convolution is wrapped into two transpositions; :mod:`.layouts` takes away what cancels.
"""

from __future__ import annotations

import mlx.core as mx

from tinymlx.compiler.graph import Node, Value
from tinymlx.core import reductions, shapes

from .program import Builder, refuse
from .reductions import axes_of

POOLS = {reductions.max: "max_pool", reductions.mean: "avg_pool"}


def to_first(ndim: int) -> list[int]:
    """The order of axes that brings channels from the end to the place behind the first axis."""
    return [0, ndim - 1, *range(1, ndim - 1)]


def to_last(ndim: int) -> list[int]:
    """The order of axes that brings channels back to the end."""
    return [0, *range(2, ndim), 1]


def convolved(build: Builder, node: Node) -> str:
    """A convolution whose ``node.params["at"]`` says how.

    ``at.stride``, ``at.kernel_dilation``, ``at.groups``, and ``at.low`` and ``at.high``: the zeros
    in front of and behind each spatial axis. MIL's ``conv`` has the parameters ``x``, ``weight``,
    ``strides``, ``dilations``, ``groups``, ``pad_type`` (here ``"custom"``) and ``pad``: for each
    spatial axis first the zeros in front, then those behind.

    With an input dilation (zeros between the places of the input) it is MIL's ``conv_transpose``:
    see :func:`widened`. A kernel that is to be flipped (``at.flip``) is flipped here.

    Returns:
        The name of the output, channels last again.

    Raises:
        Unsupported: the kernel is no constant.
    """
    x, w = node.values
    at, ndim = node.params["at"], len(x.shape)
    if w.constant is None:
        raise refuse(build, node, "its kernel is computed")
    weight = flipped(w.constant) if at.flip else w.constant
    if max(at.input_dilation) > 1:
        return widened(build, node, weight)
    kernel = build.constant(mx.transpose(weight, to_first(ndim)))
    first = build.transposed(build.name(x), to_first(ndim), x.dtype)
    shape = [node.output.shape[a] for a in to_first(ndim)]
    pad = [n for pair in zip(at.low, at.high) for n in pair]
    made = build.emit(
        "conv",
        {"x": first, "weight": kernel},
        shape,
        x.dtype,
        strides=at.stride,
        dilations=at.kernel_dilation,
        groups=at.groups,
        pad_type="custom",
        pad=pad,
    )
    return build.transposed(made, to_last(ndim), x.dtype)


def flipped(weight: mx.array) -> mx.array:
    """A kernel with its spatial axes backwards."""
    for axis in range(1, weight.ndim - 1):
        weight = mx.take(weight, mx.arange(weight.shape[axis] - 1, -1, -1), axis=axis)
    return weight


def widened(build: Builder, node: Node, weight: mx.array) -> str:
    """A convolution of an input with zeros between its places: ``conv_transpose``.

    Its kernel is (C, O, kh, kw) and flipped; it takes zeros away where we add them, counted from
    all that a kernel can reach.
    """
    x, at = node.values[0], node.params["at"]
    ndim, taps = len(x.shape), node.values[1].shape[1:-1]
    reach = [d * (k - 1) for d, k in zip(at.kernel_dilation, taps)]
    pad = [r - p for r, pair in zip(reach, zip(at.low, at.high)) for p in pair]
    if min(pad) < 0 or max(at.stride) > 1 or at.groups > 1:
        raise refuse(build, node, "its padding, stride or groups have no counterpart")
    order = [ndim - 1, 0, *range(1, ndim - 1)]
    turned = mx.contiguous(mx.transpose(flipped(weight), order))
    first = build.transposed(build.name(x), to_first(ndim), x.dtype)
    made = build.emit(
        "conv_transpose",
        {"x": first, "weight": build.constant(turned)},
        [node.output.shape[a] for a in to_first(ndim)],
        x.dtype,
        strides=list(at.input_dilation),
        dilations=list(at.kernel_dilation),
        groups=1,
        pad_type="custom",
        pad=pad,
    )
    return build.transposed(made, to_last(ndim), x.dtype)


def window_of(node: Node, makers: dict[Value, Node]) -> tuple[Value, tuple[int, ...]] | None:
    """What a reduction pools, if it pools.

    Pooling without overlap is three nodes: ``reshape`` from ``(N, H, W, C)`` to
    ``(N, H/k, k, W/j, j, C)``, ``transpose`` to ``(N, H/k, W/j, k, j, C)``, and the reduction over
    the two axes of a window, which are not kept. (Six axes; Core ML allows five.)

    Args:
        node: a reduction.
        makers: for each value the node that makes it.

    Returns:
        The pictures that are pooled, and the sides ``(k, j)`` of a window; ``None`` if the three
        nodes are not these.
    """
    moved = makers.get(node.values[0])
    if moved is None or moved.primitive is not shapes.transpose or len(moved.output.shape) != 6:
        return None
    if list(moved.params.get("axes") or ()) != [0, 1, 3, 2, 4, 5] or node.params.get("keepdims"):
        return None
    if sorted(axes_of(node.params.get("axis"), 6)) != [3, 4]:
        return None
    opened = makers.get(moved.values[0])
    if opened is None or opened.primitive is not shapes.reshape:
        return None
    x, (n, high, k, wide, j, c) = opened.values[0], opened.output.shape
    return (x, (k, j)) if x.shape == (n, high * k, wide * j, c) else None


def pooled(build: Builder, node: Node, x: Value, sides: tuple[int, ...]) -> str:
    """The pooling that :func:`window_of` found, as ``max_pool`` or ``avg_pool``.

    Args:
        build: the builder.
        node: the reduction, of :data:`POOLS`.
        x: the pictures, channels last.
        sides: of a window, MIL's ``kernel_sizes``; they are the steps, ``strides``, too. There is
            no padding: ``pad_type`` is ``"valid"``.

    Returns:
        The name of the output, channels last.
    """
    first = build.transposed(build.name(x), to_first(4), x.dtype)
    shape = [node.output.shape[a] for a in to_first(4)]
    made = build.emit(
        POOLS[node.primitive],
        {"x": first},
        shape,
        x.dtype,
        kernel_sizes=sides,
        strides=sides,
        pad_type="valid",
    )
    return build.transposed(made, to_last(4), x.dtype)
