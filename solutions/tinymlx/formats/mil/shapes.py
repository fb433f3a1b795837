"""Reshaping, transposing, joining, looking up; softmax along an axis."""

from __future__ import annotations

import math

import mlx.core as mx

from tinymlx.compiler.graph import Node
from tinymlx.core import shapes

from .program import Builder, refuse


def reshaped(build: Builder, node: Node) -> str:
    """A node that keeps the numbers in their order: ``reshape``, ``flatten``, ``unflatten``,
    ``squeeze``, ``expand_dims``.

    They are all MIL's ``reshape`` to ``shape``, a list of whole numbers that are known now: the
    shape of the output. (A -1 would have to be computed again on the device, and where a size may
    change, that is where converted networks break.)

    Returns:
        The name of the output; that of the input, if the shape stays.
    """
    x, y = node.values[0], node.output
    if x.shape == y.shape:
        return build.name(x)
    return build.emit("reshape", {"x": build.name(x)}, y.shape, y.dtype, shape=y.shape)


def order_of(node: Node) -> list[int]:
    """For each axis of the output of ``transpose``, ``swapaxes`` or ``moveaxis`` the axis of the
    input that it is.

    ``transpose`` has the parameter ``axes`` (``None`` or left out: backwards), ``swapaxes`` has
    ``axis1`` and ``axis2``, ``moveaxis`` has ``source`` and ``destination``: the axis ``source`` is
    taken out, and what it is put before stands then at ``destination``. Any may count from the end.
    """
    ndim, params = len(node.values[0].shape), node.params
    order = list(range(ndim))
    if node.primitive is shapes.transpose:
        axes = params.get("axes")
        return order[::-1] if axes is None else [a % ndim for a in axes]
    if node.primitive is shapes.swapaxes:
        i, j = params["axis1"], params["axis2"]
        order[i], order[j] = order[j], order[i]
        return order
    order.remove(params["source"] % ndim)
    order.insert(params["destination"] % ndim, params["source"] % ndim)
    return order


def transposed(build: Builder, node: Node) -> str:
    """A node whose axes change their order; see :func:`order_of`.

    Returns:
        The name of the output.
    """
    return build.transposed(build.name(node.values[0]), order_of(node), node.output.dtype)


def normalized(build: Builder, node: Node) -> str:
    """A ``softmax`` over the parameter ``axis``: one axis, several, or ``None`` for all.

    MIL's ``softmax`` has one axis. Over all axes of an array, or over several, it is reshaped so
    that they are one, and back; axes that are not neighbours at the end would have to be transposed
    first.

    Returns:
        The name of the output.

    Raises:
        Unsupported: several axes that are not the last ones.
    """
    x, y = node.values[0], node.output
    ndim, axis = len(x.shape), node.params.get("axis")
    if isinstance(axis, int):
        return build.emit("softmax", {"x": build.name(x)}, y.shape, y.dtype, axis=axis % ndim)
    axes = list(range(ndim)) if axis is None else sorted(a % ndim for a in axis)
    if axes != list(range(ndim - len(axes), ndim)):
        raise refuse(build, node, "it goes over axes that are not the last ones")
    front = x.shape[: -len(axes)]
    row = [*front, math.prod(x.shape[len(front) :])]
    flat = build.emit("reshape", {"x": build.name(x)}, row, y.dtype, shape=row)
    made = build.emit("softmax", {"x": flat}, row, y.dtype, axis=len(front))
    return build.emit("reshape", {"x": made}, y.shape, y.dtype, shape=y.shape)


def broadcast(build: Builder, node: Node) -> str:
    """``broadcast_to``: each axis of 1 is repeated with ``tile``."""
    x, y = node.values[0], node.output
    name, shape = build.name(x), [1] * (len(y.shape) - len(x.shape)) + list(x.shape)
    if shape != list(x.shape):
        name = build.emit("reshape", {"x": name}, shape, y.dtype, shape=shape)
    if shape == list(y.shape):
        return name
    reps = [n // m for n, m in zip(y.shape, shape)]
    return build.emit("tile", {"x": name}, y.shape, y.dtype, reps=reps)


def joined(build: Builder, node: Node) -> str:
    """``concatenate`` along an axis."""
    y, axis = node.output, node.params.get("axis", 0)
    if axis is None:
        raise refuse(build, node, "it joins arrays that it flattens")
    names = [build.name(x) for x in node.values]
    return build.emit(
        "concat", {"values": names}, y.shape, y.dtype, axis=axis % len(y.shape), interleave=False
    )


def stacked(build: Builder, node: Node) -> str:
    """``stack`` along a new axis."""
    names, y = [build.name(x) for x in node.values], node.output
    axis = node.params.get("axis", 0) % len(y.shape)
    return build.emit("stack", {"values": names}, y.shape, y.dtype, axis=axis)


def cut(build: Builder, node: Node) -> list[str]:
    """``split`` into parts, each a ``slice_by_size``."""
    x = node.values[0]
    axis, start, names = node.params.get("axis", 0) % len(x.shape), 0, []
    for y in node.outputs:
        begin = [0] * len(x.shape)
        begin[axis] = start
        names.append(
            build.emit(
                "slice_by_size",
                {"x": build.name(x)},
                y.shape,
                y.dtype,
                begin=begin,
                size=list(y.shape),
            )
        )
        start += y.shape[axis]
    return names


def sliced(build: Builder, node: Node) -> str:
    """``x[1:, ..., -1]``: whole numbers, slices with steps from 1 on, ``...`` and ``None``."""
    x, y = node.values[0], node.output
    parts = node.params["index"]
    parts = list(parts) if isinstance(parts, tuple) else [parts]
    free = len(x.shape) - sum(p is not None and p is not Ellipsis for p in parts)
    place = parts.index(Ellipsis) if Ellipsis in parts else len(parts)
    parts[place : place + 1] = [slice(None)] * free
    begin, end, stride = [], [], []
    for part, n in zip([p for p in parts if p is not None], x.shape):
        if isinstance(part, slice):
            low, high, step = part.indices(n)
            if step < 1:
                raise refuse(build, node, "it goes backwards")
        elif isinstance(part, int):
            low, high, step = part % n, part % n + 1, 1
        else:
            raise refuse(build, node, "its index is no number and no slice")
        begin.append(low)
        end.append(max(low, high))
        stride.append(step)
    sizes = [-(-(b - a) // s) for a, b, s in zip(begin, end, stride)]
    inputs = {"x": build.name(x)}
    name = build.emit("slice_by_index", inputs, sizes, y.dtype, begin=begin, end=end, stride=stride)
    if tuple(sizes) == y.shape:
        return name
    return build.emit("reshape", {"x": name}, y.shape, y.dtype, shape=list(y.shape))


def looked_up(build: Builder, node: Node) -> str:
    """``table[tokens]``: rows of an array by an array of whole numbers, as in an embedding."""
    x, *indices = node.values
    marks = node.params["index"]
    if len(indices) != 1 or (isinstance(marks, tuple) and len(marks) != 1):
        raise refuse(build, node, "it is more than rows by their numbers")
    if indices[0].dtype != mx.int32:
        raise refuse(build, node, "the numbers of its rows are not int32")
    inputs = {"x": build.name(x), "indices": build.name(indices[0])}
    return build.emit("gather", inputs, node.output.shape, node.output.dtype, axis=0)
