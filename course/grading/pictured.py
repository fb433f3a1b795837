"""The two arrays of a mismatch as plain numbers, for who can draw them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LEAST, MOST = 6, 256  # numbers that are worth a picture, and small enough to be carried along


def pictured(pair: tuple[np.ndarray, np.ndarray] | None) -> dict[str, Any] | None:
    """Rows of numbers of both, or ``None`` where a picture would say no more than the text.

    Args:
        pair: two arrays of one shape, yours first.

    Returns:
        ``{"yours": rows, "expected": rows}``; axes of size 1 do not count, a vector is one row, and
        what is no number is ``None``.
    """
    if pair is None or not LEAST <= pair[0].size <= MOST:
        return None
    yours, expected = (np.squeeze(array) for array in pair)
    if yours.ndim not in (1, 2) or yours.dtype.kind not in "biuf":
        return None
    return {"yours": _rows(yours), "expected": _rows(expected)}


def _rows(array: np.ndarray) -> list[list[float | None]]:
    rows = np.atleast_2d(array).astype(np.float64).tolist()
    return [[float(f"{x:.6g}") if math.isfinite(x) else None for x in row] for row in rows]
