"""Batching rules: what a primitive does when its arguments carry a batch in front.

Each rule is called as ``rule(batch, primitive, args, batched, params)``: the arguments one level
down, for each whether it carries the batch as its first axis, and the parameters as the function
for one example wrote them. It returns the output (a list for several) with the batch in front.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from . import (
    arithmetic,
    creation,
    exponential,
    fft,
    indexing,
    joining,
    linalg,
    logic,
    products,
    reductions,
    scans,
    scatter,
    selection,
    shapes,
    sorting,
    trigonometry,
)
from .arrays import array, wrap
from .batching import Batch, Rule, one_by_one, rules
from .primitive import Primitive
from .transforms import stop_gradient

Args = Sequence[Any]
Params = dict[str, Any]


def rule_of(*primitives: Primitive) -> Callable[[Rule], Rule]:
    """Register one rule for several primitives."""

    def register(rule: Rule) -> Rule:
        rules.update(dict.fromkeys(primitives, rule))
        return rule

    return register


def rank(x: Any, has_batch: bool) -> int:
    """The number of axes of one example; a number has none."""
    return x.ndim - has_batch if isinstance(x, array) else 0


def aligned(args: Args, batched: Sequence[bool]) -> list[Any]:
    """Arguments whose examples broadcast as they would one by one.

    Broadcasting compares shapes from the right. Examples of shapes ``(4,)`` and ``(3, 4)`` fit, but
    with a batch of 5 in front ``(5, 4)`` and ``(5, 3, 4)`` do not. So every argument with a batch
    gets axes of size 1 *behind* the batch (:func:`with_rank`) until its examples have as many axes
    as the longest example of all (:func:`rank`). Arguments without a batch need nothing.

    Args:
        args: the arguments, arrays or numbers.
        batched: for each whether it has the batch in front.

    Returns:
        The arguments, in their order.
    """
    most = max(rank(x, b) for x, b in zip(args, batched))
    return [with_rank(x, most) if b else x for x, b in zip(args, batched)]


def with_rank(x: array, ndim: int) -> array:
    """A batch of examples of ``ndim`` axes, by axes of size 1 behind the batch."""
    missing = ndim - (x.ndim - 1)
    if missing <= 0:
        return x
    return shapes.reshape(x, (x.shape[0], *(1,) * missing, *x.shape[1:]))


def everywhere(batch: Batch, x: Any, has_batch: bool) -> Any:
    """An argument with the batch in front, repeated if all examples share it."""
    return x if has_batch else shapes.broadcast_to(x, (batch.size, *x.shape))


def behind(axis: int) -> int:
    """An axis of one example as an axis of the batch."""
    return axis + 1 if axis >= 0 else axis


def all_behind(axis: Any) -> Any:
    """An axis or several, behind the batch."""
    return behind(axis) if isinstance(axis, int) else tuple(behind(a) for a in axis)


def flat_examples(x: array) -> array:
    """Each example as a row."""
    return shapes.reshape(x, (x.shape[0], _product(x.shape[1:])))


def _product(numbers: Sequence[int]) -> int:
    total = 1
    for n in numbers:
        total *= n
    return total


# Elementwise


@rule_of(
    *(p for p in vars(arithmetic).values() if isinstance(p, Primitive)),
    *(p for p in vars(exponential).values() if isinstance(p, Primitive)),
    *(p for p in vars(trigonometry).values() if isinstance(p, Primitive)),
    *(selection.maximum, selection.minimum, selection.where, selection.nan_to_num),
    *(shapes.astype, shapes.view, shapes.contiguous, stop_gradient),
    *(logic.equal, logic.not_equal, logic.less, logic.less_equal, logic.greater),
    *(logic.greater_equal, logic.logical_not, logic.logical_and, logic.logical_or),
    *(logic.logical_xor, logic.isnan, logic.isinf, logic.isfinite, logic.isposinf),
    *(logic.isneginf, logic.bitwise_and, logic.bitwise_or, logic.bitwise_xor),
    *(logic.bitwise_invert, logic.left_shift, logic.right_shift, logic.isclose),
    *(creation.hadamard_transform,),
)
def elementwise(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """The same operation; examples of fewer axes get axes of size 1, so that they broadcast."""
    return primitive(*aligned(args, batched), **params)


# Reductions, scans and sorting: the axis moves by one


@rule_of(
    *(reductions.sum, reductions.mean, reductions.max, reductions.min, reductions.prod),
    *(reductions.logsumexp, reductions.softmax, reductions.variance, logic.all, logic.any),
)
def reduction(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """A reduction of each example.

    The axis (``params.get("axis")``, a number, several, or none) is one of an example; the batch in
    front moves it (:func:`all_behind`). No axis means all axes of the example: all but the batch.
    Where that leaves no axis, because an example is a single number, it is
    :func:`reduced_numbers`.

    Args:
        batch: the trace.
        primitive: the reduction, ``primitive(x, axis=..., keepdims=...)``.
        args: a single array with the batch in front.
        batched: that it has it.
        params: ``axis`` and ``keepdims``, where they were given.

    Returns:
        The reductions, with the batch in front.
    """
    (x,) = args
    axis = params.get("axis")
    axis = tuple(range(1, x.ndim)) if axis is None else all_behind(axis)
    if axis == ():  # an example is a single number
        return reduced_numbers(primitive, x, params)
    return primitive(x, **{**params, "axis": axis})


def reduced_numbers(primitive: Primitive, x: array, params: Params) -> array:
    """The reduction of examples that are single numbers: each alone, along an axis of size 1."""
    return primitive(shapes.expand_dims(x, 1), **{**params, "axis": 1, "keepdims": False})


@rule_of(scans.cumsum, scans.cumprod, scans.cummax, scans.cummin, scans.logcumsumexp)
def along_one_axis(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """No axis means: the example in a row."""
    (x,) = args
    if params.get("axis") is None:
        return primitive(flat_examples(x), **{**params, "axis": 1})
    return primitive(x, **{**params, "axis": behind(params["axis"])})


@rule_of(sorting.sort, sorting.argsort)
def sorted_examples(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """As scans, but without a parameter the last axis is meant."""
    return along_one_axis(batch, primitive, args, batched, {"axis": -1, **params})


@rule_of(sorting.argmax, sorting.argmin)
def position(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """Without an axis, the position in the example laid out in a row."""
    (x,) = args
    if params.get("axis") is not None:
        return primitive(x, **{**params, "axis": behind(params["axis"])})
    y = primitive(flat_examples(x), axis=1)
    if params.get("keepdims"):
        return shapes.reshape(y, (batch.size, *(1,) * (x.ndim - 1)))
    return y


# Shapes


@rule_of(shapes.reshape)
def reshape(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    shape = tuple(params["shape"])
    if -1 in shape and x.size:
        known = -_product(shape)
        shape = tuple(_product(x.shape[1:]) // known if n == -1 else n for n in shape)
    return primitive(x, (batch.size, *shape))


@rule_of(shapes.transpose)
def transpose(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    axes = params.get("axes") or tuple(range(x.ndim - 2, -1, -1))
    return primitive(x, (0, *(a % (x.ndim - 1) + 1 for a in axes)))


@rule_of(shapes.broadcast_to)
def broadcast_to(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    shape = tuple(params["shape"])
    return primitive(with_rank(x, len(shape)), (batch.size, *shape))


@rule_of(shapes.squeeze)
def squeeze(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    axis = params.get("axis")
    if axis is None:
        axis = tuple(i for i, n in enumerate(x.shape) if n == 1 and i > 0)
        return primitive(x, axis) if axis else x
    return primitive(x, all_behind(axis))


@rule_of(shapes.flip)
def flip(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    axis = params.get("axis")
    axis = tuple(range(1, x.ndim)) if axis is None else all_behind(axis)
    return primitive(x, axis) if axis != () else x


@rule_of(shapes.flatten)
def flatten(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    if x.ndim == 1:
        return shapes.expand_dims(x, 1)
    start, end = params.get("start_axis", 0), params.get("end_axis", -1)
    return primitive(x, behind(start), behind(end))


@rule_of(shapes.unflatten, shapes.repeated, shapes.expand_dims)
def moved_axis(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, **{**params, "axis": all_behind(params["axis"])})


@rule_of(shapes.swapaxes)
def swapaxes(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, behind(params["axis1"]), behind(params["axis2"]))


@rule_of(shapes.moveaxis)
def moveaxis(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, behind(params["source"]), behind(params["destination"]))


@rule_of(shapes.padded)
def padded(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, **{**params, "pad_width": [(0, 0), *params["pad_width"]]})


@rule_of(shapes.tril, shapes.triu)
def triangle(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """The last two axes are meant, with or without a batch."""
    return primitive(*args, **params)


# Joining and cutting


@rule_of(joining.concatenated, joining.stacked)
def joined(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    parts = [everywhere(batch, x, b) for x, b in zip(args, batched)]
    axis = params.get("axis", 0)
    if axis is None:
        return primitive(*(flat_examples(x) for x in parts), axis=1)
    return primitive(*parts, axis=behind(axis))


@rule_of(joining.split, joining.unstacked)
def cut(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    (x,) = args
    return primitive(x, **{**params, "axis": behind(params.get("axis", 0))})


# Products


@rule_of(products.matmul)
def matmul(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """A matrix product for each example.

    ``core.matmul`` multiplies stacks of matrices: the last two axes are matrices, those before them
    broadcast. A batch in front is one more axis of the stack. But an example that is a vector
    (:func:`rank` 1) would be taken for a row of a matrix together with its batch. So a vector ``a``
    becomes a matrix of one row, a vector ``b`` one of one column (``shapes.expand_dims``), the two
    are :func:`aligned`, and after the product the axis of size 1 goes away again
    (``shapes.squeeze``): axis -1 for ``b``, and for ``a`` axis -2, or -1 if ``b``'s has gone.

    Args:
        batch: the trace.
        primitive: the matrix product.
        args: its two arguments.
        batched: for each whether it has the batch in front; at least one has.
        params: nothing.

    Returns:
        The products, with the batch in front.
    """
    a, b = args
    a_rank, b_rank = rank(a, batched[0]), rank(b, batched[1])
    if a_rank == 1:
        a = shapes.expand_dims(a, -2)
    if b_rank == 1:
        b = shapes.expand_dims(b, -1)
    y = primitive(*aligned((a, b), batched), **params)
    if b_rank == 1:
        y = shapes.squeeze(y, -1)
    return shapes.squeeze(y, -1 if b_rank == 1 else -2) if a_rank == 1 else y


@rule_of(products.addmm)
def addmm(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """``beta c + alpha a @ b`` by its parts."""
    c, a, b = args
    product = matmul(batch, products.matmul, (a, b), batched[1:], {})
    product = arithmetic.multiply(product, params.get("alpha", 1.0))
    c = arithmetic.multiply(c, params.get("beta", 1.0))
    sides = (c, product)
    return elementwise(batch, arithmetic.add, sides, (batched[0], True), {})


@rule_of(
    *(linalg.inv, linalg.tri_inv, linalg.cholesky, linalg.det, linalg.eigvalsh),
    *(linalg.slogdet_pair, linalg.eigh_pair, linalg.qr_pair, linalg.singular_values),
    *(linalg.svd_triple, linalg.pinv, linalg.solve_matrices, linalg.solve_triangular_matrices),
)
def matrices(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """Linear algebra works on the last two axes and takes any axes in front."""
    return primitive(*(everywhere(batch, x, b) for x, b in zip(args, batched)), **params)


@rule_of(fft.fft, fft.ifft, fft.rfft, fft.irfft)
def transformed(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, **{**params, "axis": behind(params.get("axis", -1))})


# Indexing


@rule_of(indexing.sliced)
def sliced(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, index=behind_batch(params["index"]))


def behind_batch(index: Any) -> tuple[Any, ...]:
    """An index of one example as an index of the batch."""
    return (builtins.slice(None), *(index if isinstance(index, tuple) else (index,)))


def arrays_lead(index: Any) -> bool:
    """Whether the arrays of an index come first and without a gap, as in ``x[i, j, :]``."""
    parts = index if isinstance(index, tuple) else (index,)
    holes = [part is indexing.HOLE for part in parts]
    return holes == sorted(holes, reverse=True) and not any(isinstance(part, int) for part in parts)


@rule_of(indexing.gathered)
def gathered(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """Where the arrays lead, the number of the example is one more of them; else one by one."""
    index = params["index"]
    if not arrays_lead(index):
        return one_by_one(batch, primitive, args, batched, params)
    x, *indices = args
    if not any(batched[1:]):
        return primitive(x, *indices, index=behind_batch(index))
    if not batched[0]:
        return primitive(x, *aligned(indices, batched[1:]), index=index)
    indices = [everywhere(batch, i, b) for i, b in zip(indices, batched[1:])]
    indices = aligned(indices, [True] * len(indices))
    parts = index if isinstance(index, tuple) else (index,)
    return primitive(x, numbers_of(batch, indices[0].ndim), *indices, index=(indexing.HOLE, *parts))


def numbers_of(batch: Batch, ndim: int) -> array:
    """0, 1, 2, ...: the number of each example, with ``ndim`` axes."""
    return wrap(mx.arange(batch.size).reshape(batch.size, *(1,) * (ndim - 1)))


@rule_of(indexing.updated, indexing.added)
def written(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """One assignment for all examples where the arrays of the index lead; else one by one.

    Examples that write to places of their own are told apart as in :func:`gathered`.
    """
    x, value, *indices = args
    index = params["index"]
    if indices and not arrays_lead(index):
        return one_by_one(batch, primitive, args, batched, params)
    x = everywhere(batch, x, batched[0])
    if any(batched[2:]):
        indices = [everywhere(batch, i, b) for i, b in zip(indices, batched[2:])]
        indices = aligned(indices, [True] * len(indices))
        indices = [numbers_of(batch, indices[0].ndim), *indices]
        index = (indexing.HOLE, *(index if isinstance(index, tuple) else (index,)))
    else:
        index = behind_batch(index)
    if batched[1]:
        place = x[indexing.joined(index, indices)]
        if value.ndim > place.ndim:
            return one_by_one(batch, primitive, args, batched, params)
        value = with_rank(value, place.ndim - 1)
    return primitive(x, value, *indices, index=index)


@rule_of(scatter.take)
def take(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    x, indices = args
    axis = params.get("axis")
    if axis is None:
        x, axis = flat_examples(x) if batched[0] else shapes.reshape(x, (-1,)), 0
    axis = axis % rank(x, batched[0])
    if not batched[1]:
        return primitive(x, indices, axis + 1)
    if not batched[0]:
        return shapes.moveaxis(primitive(x, indices, axis), axis, 0)
    x = shapes.moveaxis(x, axis + 1, 1)
    places = (numbers_of(batch, indices.ndim), indices)
    y = indexing.gathered(x, *places, index=(indexing.HOLE, indexing.HOLE))
    count = indices.ndim - 1  # axes of the indices come first and go where the axis was
    order = [*range(1 + count, 1 + count + axis), *range(1, 1 + count)]
    rest = [i for i in range(1, y.ndim) if i not in order]
    return shapes.transpose(y, (0, *order, *rest))


@rule_of(scatter.take_along_axis, scatter.put_along_axis, scatter.scatter_add_along_axis)
def along_axis(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    axis = params.get("axis", -1)
    if axis is None or not all(isinstance(x, array) for x in args):
        return one_by_one(batch, primitive, args, batched, params)
    sides = [everywhere(batch, x, b) for x, b in zip(args, batched)]
    sides = aligned(sides, [True] * len(sides))
    return primitive(*sides, **{**params, "axis": behind(axis)})
