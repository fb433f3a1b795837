"""tinymlx.core: arrays, their functions and their derivatives, with the names of ``mlx.core``.

Where to find what:

=================  ===================================================================
``arrays``         the array: what it holds, and who watches it
``methods``        its operators and methods
``conversion``     arrays of other data, and in other dtypes
``primitive``      operations, and the one place through which they all pass
``tape``           reverse mode: recording, and walking back
``transforms``     ``vjp``, ``grad``, ``value_and_grad``, ``stop_gradient``
``arguments``      which arguments to differentiate, and how they are lent
``forward``        forward mode: ``jvp``
``batching``       ``vmap``, with the rules in ``batch_rules``
``custom``         ``custom_function``, ``checkpoint``
``compilation``    ``compile``
``broadcasting``   shapes that go together, and undoing it
``arithmetic``, ``exponential``, ``trigonometry``, ``selection``, ``logic``
                   element by element
``reductions``, ``scans``, ``sorting``
                   along axes
``shapes``, ``arranging``, ``joining``, ``padding``, ``diagonals``, ``strides``
                   arrangement
``indexing``, ``scatter``
                   picking and writing
``products``, ``contraction``, ``convolution``, ``quantized``, ``linalg``, ``fft``
                   linear algebra
``recurrence``, ``attention``
                   what sequences need: a cell over time, and everything asking everything
``creation``, ``random``, ``passthrough``, ``distributed``, ``fast``
                   arrays from nothing, and what ``mlx.core`` does by itself
``check``, ``draw``
                   derivatives against differences; pictures of graphs
=================  ===================================================================
"""

# ruff: noqa: E402, F401
from __future__ import annotations

from typing import Any

from . import passthrough as _passthrough

globals().update(_passthrough.names())

# Our own functions come after what passes through, and replace it.
from . import batch_rules, distributed, fast, fft, linalg, methods, random
from .arithmetic import (
    abs,
    add,
    ceil,
    conj,
    degrees,
    divide,
    divmod,
    floor,
    floor_divide,
    imag,
    multiply,
    negative,
    positive,
    power,
    radians,
    real,
    reciprocal,
    remainder,
    round,
    sign,
    square,
    subtract,
    trunc,
)
from .arranging import flip, repeat, roll, tile
from .arrays import array
from .batching import vmap
from .broadcasting import broadcast_shapes
from .compilation import compile, disable_compile, enable_compile
from .contraction import einsum, einsum_path
from .conversion import astype, view
from .convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_general,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    convolve,
)
from .creation import (
    asarray,
    depends,
    diff,
    full,
    full_like,
    hadamard_transform,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from .custom import checkpoint, custom_function
from .diagonals import diag, diagonal, tril, triu
from .exponential import (
    erf,
    erfinv,
    exp,
    expm1,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    rsqrt,
    sigmoid,
    sqrt,
)
from .forward import jvp
from .indexing import ArrayAt
from .joining import concatenate, split, stack, unstack
from .logic import (
    all,
    allclose,
    any,
    array_equal,
    bitwise_and,
    bitwise_invert,
    bitwise_or,
    bitwise_xor,
    count_nonzero,
    equal,
    greater,
    greater_equal,
    isclose,
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    left_shift,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    right_shift,
)
from .padding import pad
from .passthrough import (
    FunctionExporter,
    async_eval,
    can_cast,
    eval,
    export_function,
    exporter,
    import_function,
    result_type,
)
from .products import (
    addmm,
    block_masked_mm,
    gather_mm,
    inner,
    kron,
    matmul,
    outer,
    tensordot,
    vecdot,
)
from .quantized import quantized_matmul
from .reductions import (
    logsumexp,
    max,
    mean,
    median,
    min,
    minmax,
    prod,
    softmax,
    std,
    sum,
    trace,
    var,
)
from .scans import cummax, cummin, cumprod, cumsum, logcumsumexp
from .scatter import dynamic_slice as slice
from .scatter import put_along_axis, slice_update, take, take_along_axis
from .selection import clip, maximum, minimum, nan_to_num, where
from .shapes import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_arrays,
    broadcast_to,
    expand_dims,
    flatten,
    matrix_transpose,
    meshgrid,
    moveaxis,
    reshape,
    squeeze,
    swapaxes,
    transpose,
    unflatten,
)
from .sorting import (
    argmax,
    argmin,
    argpartition,
    argsort,
    partition,
    searchsorted,
    sort,
    topk,
)
from .strides import as_strided, contiguous
from .transforms import grad, stop_gradient, value_and_grad, vjp
from .trigonometry import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cos,
    cosh,
    sin,
    sinh,
    tan,
    tanh,
)

# Second names
acos, acosh, asin, asinh = arccos, arccosh, arcsin, arcsinh
atan, atanh, atan2 = arctan, arctanh, arctan2
bitwise_left_shift, bitwise_right_shift = left_shift, right_shift
concat, conjugate, permute_dims, pow = concatenate, conj, transpose, power
cumulative_prod, cumulative_sum = cumprod, cumsum
empty, empty_like = zeros, zeros_like
matrix_norm = linalg.norm


def __getattr__(name: str) -> Any:  # names that pass through are found here by type checkers
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
