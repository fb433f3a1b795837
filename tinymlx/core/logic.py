"""Comparisons, tests and bits. Their results are constants to every gradient."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from .primitive import Primitive


def _constant(forward: Any, arity: int, names: tuple[str, ...] = ()) -> Primitive:
    made = Primitive(forward, arity, constant=True)
    made.names = names
    return made


equal = _constant(mx.equal, 2)
not_equal = _constant(mx.not_equal, 2)
less = _constant(mx.less, 2)
less_equal = _constant(mx.less_equal, 2)
greater = _constant(mx.greater, 2)
greater_equal = _constant(mx.greater_equal, 2)

logical_not = _constant(mx.logical_not, 1)
logical_and = _constant(mx.logical_and, 2)
logical_or = _constant(mx.logical_or, 2)
logical_xor = _constant(mx.logical_xor, 2)

isnan = _constant(mx.isnan, 1)
isinf = _constant(mx.isinf, 1)
isfinite = _constant(mx.isfinite, 1)
isposinf = _constant(mx.isposinf, 1)
isneginf = _constant(mx.isneginf, 1)

bitwise_and = _constant(mx.bitwise_and, 2)
bitwise_or = _constant(mx.bitwise_or, 2)
bitwise_xor = _constant(mx.bitwise_xor, 2)
bitwise_invert = _constant(mx.bitwise_invert, 1)
left_shift = _constant(mx.left_shift, 2)
right_shift = _constant(mx.right_shift, 2)

all = _constant(mx.all, 1, ("axis", "keepdims"))
any = _constant(mx.any, 1, ("axis", "keepdims"))
count_nonzero = _constant(mx.count_nonzero, 1)
allclose = _constant(mx.allclose, 2, ("rtol", "atol"))
isclose = _constant(mx.isclose, 2, ("rtol", "atol"))
array_equal = _constant(mx.array_equal, 2, ("equal_nan",))
