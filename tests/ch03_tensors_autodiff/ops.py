"""The table of operations: one row is one operation, with all that its tests need.

A row's ``call`` is written in MLX's words. The probes evaluate it with ``mx`` as ``tinymlx.core``,
the reference with ``mx`` as PyTorch, ``tests/course/test_core_ops.py`` with ``mlx.core`` itself.
From the row follow the checks of the value, of the gradient by every floating input under a random
cotangent, of second derivatives, of other dtypes and of broadcasting.

To add an operation, add its row. ``exercise`` is the exercise whose rule it needs first; rows
without one belong to rules that are given, and only ``tests/course/test_core_ops.py`` judges them.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

POOL = 640  # as many random numbers as all cotangents of one row need


class Input(NamedTuple):
    """How an input is drawn. Kinds of floating numbers take the dtype of the check."""

    kind: str
    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    values: Any = None


def normal(*shape):
    """Standard normal numbers."""
    return Input("normal", shape)


def between(low, high, *shape):
    """Numbers spread evenly from ``low`` to ``high``."""
    return Input("between", shape, low, high)


def positive(*shape):
    """Numbers from 0.5 to 2."""
    return Input("between", shape, 0.5, 2)


def away(*shape):
    """Numbers of either sign with absolute values from 0.5 to 2."""
    return Input("away", shape)


def distinct(*shape):
    """Odd multiples of 1/8 in random order, no two equal: exact in every dtype, without ties."""
    return Input("distinct", shape)


def between_those(*shape):
    """Even multiples of 1/8, which tie with none of `distinct` in any dtype."""
    return Input("distinct", shape, 0.125)


def definite(*shape):
    """Symmetric positive definite matrices with distinct eigenvalues."""
    return Input("definite", shape)


def waves(*shape):
    """Complex numbers."""
    return Input("complex", shape)


def integers(low, high, *shape):
    """Integers from ``low`` to ``high - 1``."""
    return Input("integers", shape, low, high)


def mask(*shape):
    """Booleans."""
    return Input("mask", shape)


def exactly(values, dtype="int32"):
    """These values: indices, for the most part."""
    return Input("exactly", (), values=np.array(values, dtype))


FLOATING = ("normal", "between", "away", "distinct", "definite", "complex")


class Op(NamedTuple):
    """One row.

    Attributes:
        exercise: the id of the exercise, or "" for a rule that is given.
        call: the operation in MLX's words, on the names of the inputs.
        inputs: name to `Input`.
        torch: the call in PyTorch's words, where the adapter in ``reference/`` does not do.
        broadcasts: names of inputs that broadcast against each other.
        terms: the length of the longest sum behind one number.
        scale: the magnitude of intermediate values, where it is much greater than the results'.
        mlx: whether ``mlx.core`` has the same derivative; "first" if only the first one.
        twice: whether there is a second derivative to check.
        short: whether the operation is also checked in float16, bfloat16 and float64.
        single: whether ``mlx.core`` computes it with the digits of float32 also in float64, as it
            does exp, sin, cos, erf and what is made of them (0.32.4, on the CPU).
        cpu: whether ``mlx.core`` offers it on the CPU only.
    """

    exercise: str
    call: str
    inputs: dict[str, Input]
    torch: str = ""
    broadcasts: str = ""
    terms: int = 1
    scale: float | None = None
    mlx: bool | str = True
    twice: bool = True
    short: bool = True
    single: bool = False
    cpu: bool = False


OPTIONS = set(Op._fields[3:])


def op(exercise, call, **given):
    """A row: options are told from inputs by their names."""
    options = {key: value for key, value in given.items() if key in OPTIONS}
    inputs = {key: value for key, value in given.items() if key not in OPTIONS}
    return Op(exercise, call, inputs, **options)


# Shapes for two inputs that broadcast: a missing axis, sizes 1 on either side, on both, numbers.
PAIRS = [
    ((3, 4), (4,)),
    ((1, 4), (3, 1)),
    ((2, 1, 3), (4, 1)),
    ((), (2, 3)),
    ((2, 3), (1, 1)),
    ((3,), (2, 3)),
]


def drawn(draw, row, dtype="float32"):
    """The inputs of a row as NumPy arrays."""
    return {name: _draw(draw, item, dtype) for name, item in row.inputs.items()}


def _draw(draw, item, dtype):
    kind, shape, low, high, values = item
    if kind == "normal":
        return draw.normal(*shape, dtype=dtype)
    if kind == "between":
        return draw.uniform(*shape, low=low, high=high, dtype=dtype)
    if kind == "away":
        numbers = draw.uniform(*shape, low=0.5, high=2) * np.where(draw.booleans(*shape), 1, -1)
        return np.asarray(numbers, dtype_of(dtype))
    if kind == "distinct":
        size = int(np.prod(shape))
        numbers = (draw.permutation(size) - size // 2) / 4 + 0.125 + low
        return numbers.reshape(shape).astype(dtype_of(dtype))
    if kind == "definite":
        a = draw.normal(*shape, dtype="float64")
        ladder = np.diag(np.arange(1.0, shape[-1] + 1))
        return (0.2 * a @ np.swapaxes(a, -1, -2) + ladder).astype(dtype_of(dtype))
    if kind == "complex":
        both = draw.normal(*shape, dtype="float64") + 1j * draw.normal(*shape, dtype="float64")
        return both.astype("complex64")
    if kind == "integers":
        return draw.integers(*shape, low=low, high=high)
    if kind == "mask":
        return draw.booleans(*shape)
    return values


def dtype_of(name):
    """The NumPy dtype of a name, bfloat16 included."""
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)


def arguments(draw, row, dtype="float32", twice=None):
    """What probe and reference of the name ``op`` take for a row."""
    return {
        "call": row.call,
        "translation": row.torch,
        "inputs": drawn(draw, row, dtype),
        "pool": draw.normal(POOL, dtype=dtype),
        "twice": row.twice if twice is None else twice,
        "cpu": row.cpu or dtype == "float64",
    }


def judge(check, draw, row):
    """The value, all gradients and the second derivatives, in float32."""
    check("op", terms=row.terms, scale=row.scale, **arguments(draw, row))


def judge_dtypes(check, draw, row):
    """The value and all gradients in the other floating dtypes; float64 lives on the CPU."""
    for dtype in ("float16", "bfloat16", "float64"):
        scale = 2.0**29 if row.single and dtype == "float64" else row.scale
        check("op", terms=row.terms, scale=scale, **arguments(draw, row, dtype, twice=False))


def judge_broadcasting(check, draw, row):
    """Pairs of shapes that differ; an array without elements; the second derivative of one."""
    for shapes in [*PAIRS, ((0, 3), (1, 3)), ((2, 1), (2, 0))]:
        wide = row._replace(inputs=widened(row, shapes))
        twice = row.twice and shapes == PAIRS[1]
        check("op", terms=24, scale=row.scale, **arguments(draw, wide, twice=twice))


def widened(row, shapes):
    """The inputs with other shapes; a third one that broadcasts takes the first shape."""
    chosen = dict(zip(row.broadcasts, [*shapes, shapes[0]], strict=False))
    return {
        name: item._replace(shape=chosen.get(name, item.shape)) for name, item in row.inputs.items()
    }


def rows(exercise):
    """The rows of an exercise."""
    return [row for row in OPS if row.exercise == exercise]


def cases(exercise):
    """The checks of an exercise's rows, each as a function of ``check`` and ``draw``."""
    found = []
    for row in rows(exercise):
        found.append(pytest.param(partial(judge, row=row), id=row.call))
        if row.short:
            other = partial(judge_dtypes, row=row)
            found.append(pytest.param(other, id=f"{row.call} in other dtypes"))
        if row.broadcasts:
            wide = partial(judge_broadcasting, row=row)
            found.append(pytest.param(wide, id=f"{row.call} broadcast"))
    return pytest.mark.parametrize("case", found)


M34 = normal(3, 4)
M234 = normal(2, 3, 4)

OPS = [
    # 3.13, sums, whose rules are given, and which need only the broadcast undone
    op("3.13", "x + y", x=M34, y=M34, broadcasts="xy", mlx="first"),
    op("3.13", "x - y", x=M34, y=M34, broadcasts="xy", short=False),
    # 3.14, products and quotients
    op("3.14", "x * y", x=M34, y=M34, broadcasts="xy"),
    op("3.14", "x / y", x=M34, y=away(3, 4), broadcasts="xy"),
    op("3.14", "2 * x + x * 3", x=M34, short=False),
    op("3.14", "x / 3 + 2 / x", x=away(3, 4), short=False),
    op("3.14", "n * x + x * m + n / x", x=away(5), n=integers(-3, 4, 5), m=mask(5), short=False),
    op("", "-x", x=M34),
    op("", "+x", x=M34),
    op("", "mx.square(x)", x=M34),
    op("", "mx.reciprocal(x)", x=away(3, 4)),
    op("", "x % y", x=between(2.6, 2.9, 3, 4), y=between(0.75, 0.85, 3, 4), scale=8.0),
    op(
        "",
        "mx.divmod(x, y)[1]",
        x=between(2.6, 2.9, 5),
        y=between(0.75, 0.85, 5),
        torch="torch.remainder(x, y)",
        mlx=False,
        short=False,
    ),
    op(
        "",
        "x // 0.7 * y",
        torch="torch.floor(x / 0.7).detach() * y",
        x=between(2.2, 2.7, 5),
        y=normal(5),
    ),
    op(
        "",
        "mx.floor(x) * y + mx.ceil(x) * y + mx.round(x) * y",
        x=between(1.2, 1.4, 5),
        y=normal(5),
        short=False,
    ),
    op("", "mx.sign(x) * y", x=away(5), y=normal(5)),
    op("", "mx.trunc(x) * y", x=between(1.2, 1.8, 5), y=normal(5), short=False),
    op("", "mx.degrees(x)", x=M34),
    op("", "mx.radians(x)", x=M34),
    # 3.15, powers and logarithms
    op("3.15", "x ** y", x=positive(3, 4), y=M34, broadcasts="xy"),
    op("3.15", "mx.log(x)", x=positive(3, 4)),
    op("3.15", "x ** 3", x=M34),
    op("3.15", "x ** -2 + x ** n", x=away(5), n=integers(-2, 4, 5), short=False, scale=1000.0),
    op("3.15", "x ** 0.5 + 2 ** x", x=positive(4), short=False),
    op("", "mx.exp(x)", single=True, x=M34),
    op("", "mx.expm1(x)", x=M34),
    op("", "mx.log1p(x)", x=positive(3, 4)),
    op("", "mx.log2(x)", x=positive(3, 4)),
    op("", "mx.log10(x)", x=positive(3, 4)),
    op("", "mx.logaddexp(x, y)", single=True, x=M34, y=M34, broadcasts="xy"),
    op("", "mx.sqrt(x)", x=positive(3, 4)),
    op("", "mx.rsqrt(x)", x=positive(3, 4), scale=64.0),
    op("", "mx.sigmoid(x)", single=True, x=M34),
    # 3.16, three curves
    op("3.16", "mx.sin(x)", single=True, x=M34),
    op("3.16", "mx.tanh(x)", x=M34),
    op("3.16", "mx.erf(x)", single=True, x=M34),
    op("", "mx.erfinv(x)", single=True, x=between(-0.8, 0.8, 3, 4), scale=16.0),
    op("", "mx.cos(x)", single=True, x=M34),
    op("", "mx.tan(x)", x=between(-1, 1, 3, 4), scale=16.0),
    op("", "mx.arcsin(x)", x=between(-0.8, 0.8, 3, 4), scale=16.0),
    op("", "mx.arccos(x)", x=between(-0.8, 0.8, 3, 4), scale=16.0),
    op("", "mx.arctan(x)", x=M34),
    op("", "mx.arctan2(x, y)", x=away(3, 4), y=away(3, 4), broadcasts="xy", scale=8.0),
    op("", "mx.sinh(x)", x=M34),
    op("", "mx.cosh(x)", x=M34),
    op("", "mx.arcsinh(x)", x=M34),
    op("", "mx.arccosh(x)", x=between(1.5, 3, 3, 4), scale=16.0),
    op("", "mx.arctanh(x)", x=between(-0.8, 0.8, 3, 4), scale=16.0),
    # 3.17, corners (never at the corner itself: there the conventions have judges of their own)
    op("3.17", "mx.abs(x)", x=away(3, 4)),
    op("3.17", "mx.maximum(x, y)", x=distinct(3, 4), y=between_those(3, 4), broadcasts="xy"),
    op(
        "3.17",
        "mx.maximum(x, 0.2) * mx.maximum(-0.2, x)",
        x=distinct(3, 4),
        short=False,
        torch="torch.clamp(x, min=0.2) * torch.clamp(x, min=-0.2)",
    ),
    op("3.17", "mx.maximum(n, x)", x=distinct(6), n=integers(-2, 2, 6), short=False),
    op("", "mx.minimum(x, y)", x=distinct(3, 4), y=between_those(3, 4), broadcasts="xy"),
    op("", "mx.clip(x, -0.5, 0.7)", x=distinct(3, 4)),
    op("", "mx.clip(x, -0.5, None) * mx.clip(x, None, 0.7)", x=distinct(3, 4), short=False),
    op(
        "",
        "mx.clip(x, y, 2)",
        x=distinct(3, 4),
        y=between_those(3, 1),
        torch="torch.clamp(x, y, 2 + 0 * y)",
    ),
    # 3.18, choices
    op("3.18", "mx.where(c, x, y)", c=mask(3, 4), x=M34, y=M34, broadcasts="xyc"),
    op("3.18", "mx.where(x > 0, x * x, 2) + mx.where(c, 1, x)", c=mask(3, 4), x=M34, short=False),
    op("", "mx.nan_to_num(x)", x=M34, short=False),
    # 3.19, sums and means, in all forms
    op("3.19", "x.sum()", x=M234, terms=24),
    op("3.19", "mx.sum(x, axis=1)", x=M234, terms=3),
    op("3.19", "mx.sum(x, axis=(0, -1), keepdims=True)", x=M234, terms=8, short=False),
    op("3.19", "mx.mean(x)", x=M234, terms=24),
    op("3.19", "mx.mean(x, axis=-2)", x=M234, terms=3),
    op("3.19", "mx.mean(x, (0, 2), True)", x=M234, terms=8, short=False),
    op("", "mx.trace(x)", x=normal(4, 4), terms=4),
    op("", "mx.trace(x, 1, 0, 2)", x=M234, terms=4, torch="x.diagonal(1, 0, 2).sum(-1)"),
    op("", "mx.linalg.norm(x)", x=M34, terms=12),
    # 3.20, the greatest
    op("3.20", "x.max()", x=distinct(2, 3, 4)),
    op("3.20", "mx.max(x, axis=1)", x=distinct(2, 3, 4)),
    op("3.20", "mx.max(x, axis=[0, -1], keepdims=True)", x=distinct(2, 3, 4), short=False),
    op("", "mx.min(x)", x=distinct(2, 3, 4)),
    op("", "mx.min(x, -1, True)", x=distinct(2, 3, 4)),
    op("", "mx.minmax(x, 1)", x=distinct(2, 3, 4), short=False),
    op("", "mx.median(x, 1)", x=distinct(2, 3, 4)),
    op("", "mx.median(x, (0, 2), True)", x=distinct(2, 3, 4), short=False),
    # 3.21, products
    op("3.21", "x.prod()", x=away(2, 3), scale=64.0),
    op("3.21", "mx.prod(x, axis=1)", x=away(2, 3, 4), scale=16.0),
    op("3.21", "mx.prod(x, axis=(0, -1), keepdims=True)", x=away(2, 2, 3), scale=64.0, short=False),
    # 3.22, log-sum-exp and its relatives
    op("3.22", "mx.logsumexp(x)", single=True, x=M34, terms=12),
    op("3.22", "mx.logsumexp(x, axis=1)", single=True, x=M234, terms=3),
    op("3.22", "x.logsumexp((0, -1), True)", x=M234, terms=8, short=False),
    op("", "mx.softmax(x, -1)", single=True, x=M34, terms=4),
    op("", "mx.softmax(x)", single=True, x=M34, terms=12),
    op(
        "",
        "mx.softmax(x, (0, 2), precise=True)",
        single=True,
        x=M234,
        terms=8,
        torch=(
            "torch.softmax(x.transpose(0, 1).reshape(3, 8), 1).reshape(3, 2, 4).transpose(0, 1)"
        ),
    ),
    # 3.23, the variance
    op("3.23", "mx.var(x)", x=M34, terms=12),
    op("3.23", "mx.var(x, axis=1, ddof=1)", x=M234, terms=3),
    op("3.23", "mx.var(x, (0, -1), True)", x=M234, terms=8, short=False),
    op("", "mx.var(x, 1, correction=1)", x=M34, terms=4),
    op("", "mx.std(x, 1)", x=M34, terms=4, scale=8.0),
    op("", "mx.std(x, None, True, 1)", x=M34, terms=12, scale=8.0),
    # 3.24, the same numbers in another order
    op("3.24", "mx.reshape(x, (4, -1))", x=M234),
    op("3.24", "x.reshape(2, 12) * 2", x=M234, short=False),
    op("3.24", "mx.transpose(x)", x=M234),
    op("3.24", "x.transpose(1, 2, 0)", x=M234, torch="x.permute(1, 2, 0)"),
    op("3.24", "mx.transpose(x, (-1, 0, -2))", x=M234, short=False),
    op("", "x.flatten()", x=M234),
    op("", "mx.flatten(x, 1)", x=M234),
    op("", "mx.unflatten(x, 1, (3, 2))", x=normal(2, 6, 2)),
    op("", "mx.squeeze(x)", x=normal(1, 3, 1)),
    op("", "x.squeeze(0) + mx.squeeze(x, [0])", x=normal(1, 3, 1), torch="x.squeeze(0) * 2"),
    op("", "mx.expand_dims(x, (0, 2))", x=M34),
    op("", "x.T", x=M34),
    op("", "mx.matrix_transpose(x) + x.mT", x=M234, torch="x.mT * 2"),
    op("", "x.swapaxes(0, 2)", x=M234),
    op("", "x.moveaxis(0, 2)", x=M234),
    op("", "mx.contiguous(x.T)", x=M34, torch="x.T"),
    op("", "x.astype(mx.float32)", x=M34, torch="x.float()", short=False),
    op("", "mx.atleast_3d(x)", x=M34),
    op("", "mx.depends(x, y)", x=M34, y=M34, torch="x + 0 * y"),
    # 3.25, many copies
    op("3.25", "mx.broadcast_to(x, (2, 3, 4))", x=normal(3, 1)),
    op("3.25", "mx.broadcast_to(x, (2, 3))", x=normal(), short=False),
    op("3.25", "mx.broadcast_to(x, [4, 2, 3])", x=normal(1, 2, 3), short=False),
    op("", "mx.broadcast_arrays(x, y)", x=normal(3, 1), y=normal(4)),
    op("", "mx.meshgrid(x, y)", x=normal(3), y=normal(4)),
    op("", "mx.repeat(x, 3, 1)", x=M34),
    op("", "mx.repeat(x, 2)", x=M34),
    op("", "mx.tile(x, (2, 1, 3))", x=normal(2, 2)),
    op("", "mx.tile(x, 2)", x=normal(2, 2), torch="torch.tile(x, (2,))"),
    op("", "mx.full((2, 3), x)", x=normal(3), mlx=False, torch="x.broadcast_to(2, 3)"),
    # 3.26, joining and cutting
    op("3.26", "mx.concatenate([x, y, z])", x=normal(2, 3), y=normal(1, 3), z=normal(4, 3)),
    op("3.26", "mx.concatenate([x, x, y], axis=-1)", x=normal(2, 3), y=normal(2, 1), short=False),
    op(
        "3.26",
        "mx.concatenate([x, y], axis=None)",
        x=normal(2, 3),
        y=normal(4),
        short=False,
        torch="torch.cat([x.flatten(), y.flatten()])",
    ),
    op("3.26", "mx.split(x, 3)", x=normal(6, 2)),
    op("3.26", "mx.split(x, [1, 4], axis=1)", x=normal(2, 6), short=False),
    op("3.26", "mx.split(x, 2, axis=-1)[1]", x=normal(3, 4), short=False),
    op("", "mx.stack([x, y], 1)", x=M34, y=M34),
    op("", "mx.stack([x, y, x], -1)", x=M34, y=M34),
    op("", "mx.unstack(x, axis=1)", x=M234, torch="torch.unbind(x, 1)"),
    op("", "mx.diff(x)", x=M34),
    op("", "mx.diff(x, 2, 0)", x=normal(4, 3), short=False),
    # 3.27, borders and mirrors
    op("3.27", "mx.pad(x, [(1, 2), (0, 3)])", x=normal(2, 3)),
    op("3.27", "mx.pad(x, 1, constant_values=7)", x=normal(2, 3), short=False),
    op("3.27", "mx.pad(x, (2, 0))", x=normal(3), short=False),
    op("3.27", "mx.flip(x)", x=M34),
    op("3.27", "mx.flip(x, -1)", x=M34, short=False),
    op("3.27", "mx.flip(x, [0, 2])", x=M234, short=False),
    op("", "mx.pad(x, [(2, 1), (0, 3)], 'edge')", x=normal(2, 3)),
    op("", "mx.pad(x, [(1, 1), (2, 3)], 'reflect')", x=normal(2, 4)),
    op("", "mx.pad(x, [(1, 1), (2, 3)], 'symmetric')", x=normal(2, 4)),
    op(
        "",
        "mx.pad(x, 1, constant_values=y)",
        x=normal(3),
        y=normal(),
        mlx=False,
        torch="torch.cat([y[None], x, y[None]])",
    ),
    op("", "mx.roll(x, 2)", x=M34),
    op("", "mx.roll(x, (1, -2), (0, 1))", x=M34),
    op("", "mx.tril(x, -1) + mx.triu(x, 1)", x=normal(3, 3)),
    op("", "mx.diag(x)", x=normal(3)),
    op("", "mx.diag(x, -1)", x=M34),
    op("", "mx.diagonal(x, 1, 0, 2)", x=M234),
    op("", "mx.as_strided(x, (3, 2), (1, 2), 1)", x=normal(2, 3), terms=3),
    # 3.28, matrix products in all ranks
    op("3.28", "x @ y", x=normal(3, 4), y=normal(4, 5), terms=5),
    op("3.28", "mx.matmul(x, y)", x=normal(4), y=normal(4), terms=4),
    op("3.28", "x @ y * 2", x=normal(4), y=normal(4, 3), terms=4, short=False),
    op("3.28", "2 * (x @ y)", x=normal(3, 4), y=normal(4), terms=4, short=False),
    op("3.28", "x @ y + 0", x=normal(2, 3, 4), y=normal(4, 5), terms=6),
    op("3.28", "0 + x @ y", x=normal(3, 4), y=normal(2, 4, 5), terms=10, short=False),
    op("3.28", "x @ y + 1", x=normal(2, 1, 3, 4), y=normal(5, 4, 2), terms=20, short=False),
    op("3.28", "1 + x @ y", x=normal(4), y=normal(2, 4, 3), terms=8, short=False),
    op("3.28", "x @ y - 1", x=normal(2, 3, 4), y=normal(4), terms=6, short=False),
    op("", "mx.addmm(z, x, y, 0.5, 2)", x=normal(3, 4), y=normal(4, 2), z=normal(2), terms=4),
    op("", "mx.addmm(z, x, y)", x=normal(2, 3, 4), y=normal(4, 2), z=normal(3, 2), terms=6),
    op("", "mx.inner(x, y)", x=normal(2, 3), y=normal(4, 3), terms=4),
    op("", "mx.outer(x, y)", x=normal(3), y=normal(4), terms=4),
    op("", "mx.tensordot(x, y)", x=normal(2, 3, 4), y=normal(3, 4, 2), terms=12),
    op("", "mx.tensordot(x, y, [[2, 0], [0, 1]])", x=normal(2, 3, 4), y=normal(4, 2, 3), terms=8),
    op("", "mx.vecdot(x, y)", x=M34, y=M34, terms=4),
    op("", "mx.kron(x, y)", x=normal(2, 2), y=normal(3, 2), terms=6),
    op("", "mx.einsum('ij,jk->ki', x, y)", x=M34, y=normal(4, 2), terms=4),
    op("", "mx.einsum('bij,bkj->bik', x, y)", x=M234, y=normal(2, 5, 4), terms=5),
    op(
        "",
        "mx.einsum('...ij,jk,k', x, y, z)",
        x=M234,
        y=normal(4, 2),
        z=normal(2),
        terms=8,
        torch="torch.einsum('...ij,jk,k->...i', x, y, z)",
    ),
    op("", "mx.einsum('iij->j', x)", x=normal(3, 3, 2), terms=3),
    op(
        "",
        "mx.gather_mm(x, y, None, i)",
        x=normal(3, 2, 4),
        y=normal(2, 4, 5),
        terms=10,
        i=exactly([1, 0, 1], "uint32"),
        torch="x @ y[i.long()]",
        short=False,
        mlx="first",
    ),
    op(
        "",
        "mx.block_masked_mm(x, y, 32, m)",
        x=normal(2, 32),
        y=normal(32, 3),
        m=exactly([[True]], "bool"),
        torch="x @ y",
        terms=32,
        short=False,
        twice=False,
    ),
    op(
        "",
        "mx.hadamard_transform(x)",
        x=normal(3, 2),
        terms=2,
        short=False,
        torch="torch.stack([x.sum(-1), x[:, 0] - x[:, 1]], -1) / 2**0.5",
    ),
    # 3.29, slices
    op("3.29", "x[1:3]", x=normal(4, 3)),
    op("3.29", "x[::-2, 1]", x=normal(5, 3), torch="x.flip(0)[::2, 1]", short=False),
    op("3.29", "x[..., None, 1:]", x=M234, short=False),
    op("3.29", "x[-1]", x=M34, short=False),
    op("3.29", "x[1, 2]", x=M34, short=False),
    op("3.29", "x[:, 3:0:-1]", x=M34, torch="x[:, 1:4].flip(1)", short=False),
    # 3.30, indexing by arrays
    op("3.30", "x[i]", x=normal(4, 3), i=exactly([0, 2, 2, -1, 2]), terms=3),
    op("3.30", "x[i, j]", x=M34, i=exactly([0, 2, 0]), j=exactly([3, 1, 3]), short=False),
    op("3.30", "x[:, i]", x=M34, i=exactly([[1, 1], [3, 0]]), short=False),
    op(
        "3.30",
        "x[i, 1:, None, j]",
        x=normal(3, 3, 4),
        i=exactly([0, 2]),
        j=exactly([3, 3]),
        torch="x[i, 1:, j][:, :, None]",
        short=False,
    ),
    op("3.30", "x[i, j] * 2", x=M34, i=exactly([[0], [2]]), j=exactly([1, 1, 3]), short=False),
    # 3.31, take
    op("3.31", "mx.take(x, i, 0)", x=normal(4, 3), i=exactly([1, 1, 3, -1])),
    op("3.31", "mx.take(x, i, axis=-1)", x=M34, i=exactly([[0, 0], [2, 0]]), short=False),
    op("3.31", "mx.take(x, i)", x=M34, i=exactly([11, 0, 11]), short=False),
    op("3.31", "mx.take(x, 2, 1)", x=M34, short=False),
    op("3.31", "mx.take_along_axis(x, i, 1)", x=M34, i=exactly([[0, 0], [2, 3], [1, 1]])),
    op("3.31", "mx.take_along_axis(x, i, 0)", x=M34, i=exactly([[2, 2, 0, 1]]), short=False),
    op(
        "3.31",
        "mx.take_along_axis(x, i, None)",
        x=M34,
        i=exactly([5, 5, 0]),
        short=False,
        torch="torch.take_along_dim(x, i.long())",
    ),
    op(
        "3.31",
        "mx.take_along_axis(x, i, -1)",
        x=normal(1, 4),
        short=False,
        i=exactly([[0, 1], [1, 1], [3, 0]]),
    ),
    op(
        "",
        "mx.put_along_axis(x, i, y, 1)",
        x=M34,
        i=exactly([[0, 2], [1, 3], [3, 0]]),
        y=normal(3, 2),
        torch="x.scatter(1, i.long(), y)",
        mlx="first",
    ),
    op("", "mx.slice(x, i, (0, 1), (2, 3))", x=M34, i=exactly([1, 0]), torch="x[1:3, 0:3]"),
    op(
        "",
        "mx.slice_update(x, y, i, (0, 1))",
        x=M34,
        y=normal(2, 2),
        i=exactly([1, 2]),
        torch="assigned(x, S[1:3, 2:4], y)",
    ),
    # 3.32, writing
    op("3.32", "assigned(x, S[1:3], y)", x=normal(4, 3), y=normal(2, 3)),
    op("3.32", "assigned(x, S[::2, 1], y)", x=normal(4, 3), y=normal(), terms=2, short=False),
    op(
        "3.32",
        "assigned(x, S[:, 1:], y)",
        x=normal(4, 3),
        y=normal(1, 1, 2),
        short=False,
        torch="assigned(x, S[:, 1:], y[0])",
    ),
    op("3.32", "assigned(x, i, y)", x=normal(4, 3), y=normal(3), i=exactly([2, 0]), short=False),
    op("3.32", "assigned(x, (S[:], i), y)", x=M34, y=normal(3, 2), i=exactly([3, 1]), short=False),
    op("3.32", "assigned(x, S[1], 0.5)", x=M34, short=False),
    op(
        "",
        "assigned(x, m, y)",
        x=M34,
        m=exactly([[1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]], "bool"),
        y=normal(5),
    ),
    op("", "assigned(x, m, y)", x=M34, m=exactly([True, False, True], "bool"), y=normal(4)),
    op(
        "",
        "x.at[i].add(y)",
        x=normal(4, 3),
        y=normal(3, 3),
        i=exactly([2, 0, 2]),
        torch="x.index_put((i,), y, accumulate=True)",
    ),
    op(
        "",
        "x.at[1:3, 0].subtract(y)",
        x=normal(4, 3),
        y=normal(2),
        torch="assigned(x, S[1:3, 0], x[1:3, 0] - y)",
    ),
    op(
        "",
        "x.at[i].multiply(y)",
        x=away(4, 3),
        y=away(2, 3),
        i=exactly([2, 0]),
        mlx=False,
        torch="assigned(x, i, x[i] * y)",
        scale=16.0,
    ),
    op(
        "",
        "x.at[:, 1].divide(y)",
        x=normal(4, 3),
        y=away(4),
        torch="assigned(x, S[:, 1], x[:, 1] / y)",
        scale=16.0,
    ),
    op(
        "",
        "x.at[i].maximum(y)",
        x=distinct(4, 3),
        y=between_those(2, 3),
        i=exactly([2, 0]),
        torch="assigned(x, i, torch.maximum(x[i], y))",
    ),
    op(
        "",
        "x.at[i].minimum(y)",
        x=distinct(4, 3),
        y=between_those(2, 3),
        i=exactly([2, 0]),
        torch="assigned(x, i, torch.minimum(x[i], y))",
    ),
    # 3.33, running sums and other scans
    op("3.33", "mx.cumsum(x, 1)", x=M34, terms=4),
    op("3.33", "mx.cumsum(x, 0, reverse=True)", x=M34, terms=3, short=False),
    op("3.33", "mx.cumsum(x, -1, inclusive=False)", x=M234, terms=4, short=False),
    op("3.33", "mx.cumsum(x, axis=1, reverse=True, inclusive=False)", x=M234, terms=3, short=False),
    op("3.33", "mx.cumsum(x)", x=M34, terms=12, short=False),
    op("", "mx.cumprod(x, 1)", x=away(3, 4), scale=32.0),
    op("", "mx.cumprod(x, 0, reverse=True, inclusive=False)", x=away(3, 4), scale=32.0),
    op("", "mx.cumprod(x)", x=away(2, 3), scale=64.0, short=False),
    op("", "mx.cummax(x, 1)", x=distinct(3, 4)),
    op("", "mx.cummin(x, 0, reverse=True)", x=distinct(3, 4)),
    op("", "mx.cummax(x)", x=distinct(3, 4), short=False),
    op("", "mx.logcumsumexp(x, 1)", single=True, x=M34, terms=4),
    op("", "mx.logcumsumexp(x, 0, reverse=True)", x=M34, terms=4, short=False),
    # 3.34, orders
    op("3.34", "mx.sort(x)", x=distinct(3, 5)),
    op("3.34", "mx.sort(x, 0)", x=distinct(4, 3), short=False),
    op("3.34", "mx.sort(x, axis=1)", x=distinct(2, 4, 3), short=False),
    op(
        "3.34",
        "mx.sort(x, None)",
        x=distinct(3, 3),
        short=False,
        torch="torch.sort(x.flatten())[0]",
    ),
    op("", "mx.sort(mx.topk(x, 2, 0), 0)", x=distinct(4, 3), torch="torch.sort(x, 0)[0][2:]"),
    op("", "mx.partition(x, 2)[..., 2]", x=distinct(3, 5), torch="torch.sort(x)[0][:, 2]"),
    # Linear algebra
    op("", "mx.linalg.inv(x)", x=definite(2, 3, 3), terms=9, cpu=True, mlx=False, short=False),
    op(
        "",
        "mx.linalg.tri_inv(mx.tril(x))",
        x=definite(3, 3),
        cpu=True,
        short=False,
        terms=9,
        torch="torch.linalg.inv(torch.tril(x))",
        mlx=False,
    ),
    op("", "mx.linalg.det(x)", x=definite(2, 3, 3), terms=9, cpu=True, short=False),
    op("", "mx.linalg.slogdet(x)[1]", x=definite(3, 3), terms=9, cpu=True, short=False),
    op("", "mx.linalg.cholesky(x)", x=definite(3, 3), terms=9, cpu=True, short=False, mlx=False),
    op(
        "",
        "mx.linalg.cholesky(x, True)",
        x=definite(2, 3, 3),
        terms=9,
        cpu=True,
        short=False,
        torch="torch.linalg.cholesky(x).mT",
        mlx=False,
    ),
    op(
        "",
        "mx.linalg.solve(x, y)",
        x=definite(3, 3),
        y=normal(3, 2),
        terms=9,
        cpu=True,
        short=False,
        mlx=False,
    ),
    op(
        "",
        "mx.linalg.solve(x, y) + 0",
        x=definite(3, 3),
        y=normal(3),
        terms=9,
        cpu=True,
        short=False,
        mlx=False,
    ),
    op(
        "",
        "mx.linalg.solve_triangular(x, y, upper=True)",
        x=definite(3, 3),
        y=normal(3, 2),
        terms=9,
        cpu=True,
        short=False,
        mlx=False,
    ),
    op("", "mx.linalg.eigvalsh(x)", x=definite(3, 3), terms=9, cpu=True, short=False, mlx=False),
    op(
        "",
        "mx.abs(mx.linalg.eigh(x)[1])",
        x=definite(3, 3),
        terms=9,
        cpu=True,
        short=False,
        mlx=False,
        scale=64.0,
    ),
    op(
        "",
        "mx.linalg.qr(x)",
        x=definite(3, 3),
        terms=9,
        cpu=True,
        short=False,
        mlx=False,
        twice=False,
        scale=8.0,
    ),
    op(
        "",
        "mx.linalg.svd(x, compute_uv=False)",
        x=definite(3, 3),
        terms=9,
        cpu=True,
        short=False,
        torch="torch.linalg.svdvals(x)",
        twice=False,
        mlx=False,
    ),
    op(
        "",
        "mx.linalg.pinv(x[:, :2])",
        x=definite(3, 3),
        terms=9,
        cpu=True,
        short=False,
        mlx=False,
        scale=64.0,
    ),
    op("", "mx.linalg.cross(x, y)", x=normal(2, 3), y=normal(2, 3), mlx="first"),
    op("", "mx.linalg.norm(x, 3, 1)", x=away(3, 4), terms=4, scale=8.0),
    op(
        "",
        "mx.linalg.norm(x, 'fro', (0, 1), True)",
        x=M34,
        terms=12,
        scale=8.0,
        torch="torch.linalg.matrix_norm(x, 'fro', (0, 1), True)",
    ),
    op("", "mx.linalg.norm(x, 1)", x=away(3, 4), terms=4),
    op("", "mx.linalg.norm(x, float('inf'), -1)", x=distinct(3, 4), terms=4),
    op("", "mx.linalg.norm(x, 1, (0, 1))", x=distinct(3, 4), terms=4),
    op(
        "",
        "mx.linalg.norm(x, 2, (0, 1))",
        x=definite(3, 3),
        terms=9,
        cpu=True,
        short=False,
        twice=False,
        mlx=False,
    ),
    op(
        "",
        "mx.linalg.norm(x, 'nuc', (0, 1))",
        x=definite(3, 3),
        terms=9,
        cpu=True,
        short=False,
        twice=False,
        mlx=False,
    ),
    op(
        "",
        "mx.linalg.cholesky_inv(mx.linalg.cholesky(x))",
        x=definite(3, 3),
        terms=9,
        cpu=True,
        short=False,
        mlx=False,
        torch="torch.cholesky_inverse(torch.linalg.cholesky(x))",
    ),
    # Fourier transforms
    op("", "mx.fft.fft(x)", x=waves(2, 5), terms=5, short=False),
    op("", "mx.fft.fft(x, 6, 0, 'ortho')", x=waves(4, 3), terms=6, short=False),
    op("", "mx.fft.ifft(x, 3)", x=waves(2, 5), terms=5, short=False),
    op("", "mx.fft.rfft(x)", x=normal(2, 5), terms=5, short=False),
    op("", "mx.fft.rfft(x, 8, 0, 'forward')", x=normal(6, 2), terms=8, short=False),
    op("", "mx.fft.irfft(x)", x=waves(2, 4), terms=6, short=False),
    op("", "mx.fft.irfft(x, 7, -1)", x=waves(2, 4), terms=7, short=False),
    op("", "mx.fft.fft2(x)", x=waves(3, 4), terms=12, short=False),
    op("", "mx.fft.ifftn(x, None, (0, 2))", x=waves(2, 3, 4), terms=8, short=False),
    op("", "mx.fft.irfft2(mx.fft.rfft2(x))", x=normal(3, 4), terms=12, short=False),
    op("", "mx.fft.ifftshift(mx.fft.fftshift(x, 0))", x=M34, short=False),
    op(
        "",
        "mx.fft.stft(x, 4, 2)",
        x=normal(9),
        terms=8,
        short=False,
        torch="torch.stft(x, 4, 2, window=torch.ones(4, dtype=x.dtype), return_complex=True)",
    ),
    op(
        "",
        "mx.fft.istft(mx.fft.stft(x, 4, 2), 4, 2)",
        x=normal(8),
        terms=8,
        short=False,
        torch="x + 0",
    ),
    # Complex numbers (the sign in the rule of abs is a constant, here and in MLX: it has no second
    # derivative by complex numbers)
    op("", "mx.abs(x)", x=waves(3), short=False, twice=False),
    op("", "x * y", x=waves(3), y=waves(3), short=False),
    op("", "mx.exp(x) / y", x=waves(3), y=waves(3), short=False, mlx="first", scale=64.0),
    op("", "mx.real(x) * mx.imag(x)", x=waves(3), short=False),
    op("", "mx.conj(x) * x", x=waves(3), short=False),
]
