"""Arrays made of other data, and in other dtypes: ``astype`` and ``view``."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from .arrays import Dtype, array, wrap
from .joining import stack
from .primitive import primitive


def from_data(val: Any, dtype: Dtype | None = None) -> array:
    """The array that ``array(val, dtype)`` builds; lists of arrays are stacked."""
    if isinstance(val, array):
        return val if dtype is None or val.dtype == dtype else astype(val, dtype)
    try:
        return wrap(mx.array(val) if dtype is None else mx.array(val, dtype))
    except ValueError:
        if not isinstance(val, (list, tuple)) or not _contains_array(val):
            raise
    x = stack([from_data(v) for v in val])
    return x if dtype is None or x.dtype == dtype else astype(x, dtype)


def _contains_array(val: Any) -> bool:
    if isinstance(val, (list, tuple)):
        return any(_contains_array(v) for v in val)
    return isinstance(val, array)


@primitive
def astype(x: mx.array, /, dtype: Dtype) -> mx.array:
    """The values in another dtype.

    Shape: that of ``x``.
    """
    return x.astype(dtype)


@astype.defvjp
def astype_vjp(g: array, y: array, x: array, dtype: Dtype) -> tuple[array]:
    """The cotangent as it is; the tape brings it to the dtype of ``x``. (From integers, too: MLX.)

    So a cast to integers and back passes its gradient straight through.
    """
    return (g,)


@primitive
def view(a: mx.array, /, dtype: Dtype) -> mx.array:
    """The same bytes read as another dtype. It has no derivative.

    Shape: that of ``a``, with the last axis longer or shorter if the new dtype is narrower or
    wider.
    """
    return mx.view(a, dtype)
