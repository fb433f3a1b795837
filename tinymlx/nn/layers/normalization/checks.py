"""What normalization layers demand of their arguments."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import Dtype, array


def check_eps(eps: float, layer: str) -> None:
    """Whether what is added to a variance is positive.

    Raises:
        ValueError: it is not.
    """
    if eps <= 0.0:
        raise ValueError(f"[{layer}] 'eps' must be positive but got {eps}.")


def result_dtype(name: str, x: array, *weights: array | None) -> Dtype:
    """The dtype of ``x``, normalized, times weights.

    Args:
        name: the name of the function, for messages.
        x: the array to normalize.
        weights: arrays that go with its last axis, or ``None``.

    Raises:
        ValueError: a weight does not fit the last axis, there is no axis, or the dtype is not a
            floating one.
    """
    if x.ndim == 0:
        raise ValueError(
            f"[{name}] Input must have at least 1 dimension but got input with 0 dimensions."
        )
    present = [w for w in weights if w is not None]
    for w in present:
        if w.ndim != 1:
            raise ValueError(f"[{name}] weight must have 1 dimension but has {w.ndim} dimensions.")
        if w.shape != x.shape[-1:]:
            raise ValueError(
                f"[{name}] weight must have the same size as the last dimension of x but has "
                f"{w.size} elements."
            )
    dtype = core.result_type(x, *present)
    if not core.issubdtype(dtype, core.floating):
        raise ValueError(f"[{name}] Received unsupported type {str(dtype).rpartition('.')[2]}.")
    return dtype


def in_float32(x: array) -> array:
    """``x`` in ``float32``, or as it is if it has more digits: for sums of many numbers."""
    dtype = core.result_type(x.dtype, core.float32)
    return x if x.dtype == dtype else x.astype(dtype)
