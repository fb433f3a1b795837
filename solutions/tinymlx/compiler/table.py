"""The table of elementwise primitives: what each is in C, Metal and CUDA.

One line for each, the arguments as ``{0}``, ``{1}``, ``{2}``. The three languages share arithmetic
and comparisons; functions have the names of the helpers that a backend brings along
(``exp_``, ``tanh_``, ...), because a vectorized exponential is another function on each machine.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from tinymlx.core import arithmetic, exponential, logic, selection, trigonometry
from tinymlx.core.conversion import astype
from tinymlx.core.shapes import broadcast_to
from tinymlx.core.transforms import stop_gradient

from .graph import Node, Value

#: Arguments and result have one dtype, that of the output.
EXPRESSIONS: dict[Any, str] = {
    arithmetic.add: "{0} + {1}",
    arithmetic.subtract: "{0} - {1}",
    arithmetic.multiply: "{0} * {1}",
    arithmetic.divide: "{0} / {1}",
    arithmetic.negative: "-{0}",
    arithmetic.positive: "{0}",
    arithmetic.square: "{0} * {0}",
    arithmetic.reciprocal: "1 / {0}",
    arithmetic.abs: "abs_({0})",
    arithmetic.sign: "sign_({0})",
    arithmetic.power: "pow_({0}, {1})",
    arithmetic.floor: "floor_({0})",
    arithmetic.ceil: "ceil_({0})",
    exponential.exp: "exp_({0})",
    exponential.log: "log_({0})",
    exponential.expm1: "expm1_({0})",
    exponential.log1p: "log1p_({0})",
    exponential.sqrt: "sqrt_({0})",
    exponential.rsqrt: "1 / sqrt_({0})",
    exponential.sigmoid: "sigmoid_({0})",
    exponential.erf: "erf_({0})",
    trigonometry.tanh: "tanh_({0})",
    trigonometry.sin: "sin_({0})",
    trigonometry.cos: "cos_({0})",
    selection.maximum: "max_({0}, {1})",
    selection.minimum: "min_({0}, {1})",
    stop_gradient: "{0}",
    broadcast_to: "{0}",
    astype: "{0}",
}

#: The result is a bool; the arguments have the dtype that they have together.
COMPARISONS: dict[Any, str] = {
    logic.equal: "{0} == {1}",
    logic.not_equal: "{0} != {1}",
    logic.less: "{0} < {1}",
    logic.less_equal: "{0} <= {1}",
    logic.greater: "{0} > {1}",
    logic.greater_equal: "{0} >= {1}",
    logic.isnan: "{0} != {0}",
}

#: The arguments count as bools.
LOGIC: dict[Any, str] = {
    logic.logical_not: "!{0}",
    logic.logical_and: "{0} && {1}",
    logic.logical_or: "{0} || {1}",
}

#: These take a number of any dtype as it is.
CASTS = (astype, broadcast_to, stop_gradient)

#: What a dtype is called in each language; what is missing cannot be fused there.
TYPES: dict[str, dict[mx.Dtype, str]] = {
    "c": {
        mx.float32: "float",
        mx.int32: "int",
        mx.uint32: "unsigned",
        mx.int64: "long long",
        mx.bool_: "_Bool",
        mx.int8: "signed char",
        mx.uint8: "unsigned char",
    },
    "metal": {
        mx.float32: "float",
        mx.float16: "half",
        mx.bfloat16: "bfloat",
        mx.int32: "int",
        mx.uint32: "uint",
        mx.int64: "long",
        mx.bool_: "bool",
        mx.int8: "char",
        mx.uint8: "uchar",
    },
    "cuda": {
        mx.float32: "float",
        mx.float16: "__half",
        mx.bfloat16: "__nv_bfloat16",
        mx.int32: "int",
        mx.uint32: "unsigned",
        mx.int64: "long long",
        mx.bool_: "bool",
        mx.int8: "signed char",
        mx.uint8: "unsigned char",
    },
}

HALF = (mx.float16, mx.bfloat16)
_FLOATS_ONLY = {
    arithmetic.divide,
    arithmetic.reciprocal,
    arithmetic.power,
    arithmetic.floor,
    arithmetic.ceil,
    *(
        p
        for p in EXPRESSIONS
        if p.__name__ in exponential.__dict__ and p is exponential.__dict__[p.__name__]
    ),
    trigonometry.tanh,
    trigonometry.sin,
    trigonometry.cos,
}


def is_elementwise(node: Node) -> bool:
    """Whether each element of the output follows from one element of each input."""
    known = node.primitive in EXPRESSIONS or node.primitive in COMPARISONS
    known = known or node.primitive in LOGIC or node.primitive is selection.where
    if not known or node.many or "stream" in node.params:
        return False
    if node.primitive in _FLOATS_ONLY:
        return bool(mx.issubdtype(node.output.dtype, mx.floating))
    return True


def computed_in(dtype: mx.Dtype) -> mx.Dtype:
    """The dtype in which a kernel computes: halves count in float32 and are rounded when stored."""
    return mx.float32 if dtype in HALF else dtype


def dtypes_inside(node: Node) -> list[mx.Dtype | None]:
    """For each argument the dtype that it is cast to before the operation; ``None``: as it is."""
    count = len(node.inputs)
    out = computed_in(node.output.dtype)
    if node.primitive in CASTS:
        return [None] * count
    if node.primitive in LOGIC:
        return [mx.bool_] * count
    if node.primitive is selection.where:
        return [mx.bool_, out, out]
    if node.primitive in COMPARISONS:
        return [computed_in(common_dtype(node.inputs))] * count
    return [out] * count


def common_dtype(inputs: Any) -> mx.Dtype:
    """The dtype of arrays and numbers together; a number counts only as far as it must."""
    kinds = [x.dtype if isinstance(x, Value) else x for x in inputs]
    arrays = [k for k in kinds if isinstance(k, mx.Dtype)]
    dtype = mx.result_type(*arrays)
    for x in kinds:
        if isinstance(x, float) and not mx.issubdtype(dtype, mx.inexact):
            dtype = mx.float32
        elif isinstance(x, int) and not isinstance(x, bool) and dtype == mx.bool_:
            dtype = mx.int32
    return dtype


def template(node: Node) -> str:
    """The expression of a node, with ``{0}``, ``{1}``, ``{2}`` for its arguments."""
    if node.primitive is selection.where:
        return "{0} ? {1} : {2}"
    for table in (EXPRESSIONS, COMPARISONS, LOGIC):
        if node.primitive in table:
            return table[node.primitive]
    raise ValueError(f"[compile] There is no expression for {node.name} ({node.where}).")
