"""Choosing between values: maximum, minimum, clip, where."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from .arrays import Stream, array, as_array
from .broadcasting import unbroadcast
from .logic import isfinite
from .primitive import primitive


@primitive
def maximum(a: mx.array, b: mx.array, /) -> mx.array:
    """The greater of two numbers, element by element."""
    return mx.maximum(a, b)


@maximum.defvjp
def maximum_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    """The derivative of the maximum: the cotangent flows to the greater argument.

    Where both are equal it flows to ``b`` alone, as in MLX (PyTorch gives half to each). So
    ``maximum(x, 0)`` has the derivative 0 at 0, and ``maximum(0, x)`` has 1.

    Args:
        g: the cotangent of ``y``, with its shape.
        y: the maximum.
        a, b: arrays whose shapes broadcast, or numbers.

    Returns:
        The cotangents of ``a`` and ``b``, each passed through ``unbroadcast``. A comparison counts
        as 0 or 1 when it is multiplied.
    """
    return unbroadcast(g * (a > b), a), unbroadcast(g * (a <= b), b)


@primitive
def minimum(a: mx.array, b: mx.array, /) -> mx.array:
    """The smaller of two numbers, element by element."""
    return mx.minimum(a, b)


@minimum.defvjp
def minimum_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    """As for :func:`maximum`: to the smaller argument, to ``b`` where both are equal."""
    return unbroadcast(g * (a < b), a), unbroadcast(g * (a >= b), b)


@primitive
def where(condition: mx.array, a: mx.array, b: mx.array, /) -> mx.array:
    """``a`` where the condition holds, ``b`` elsewhere.

    Shape: that to which all three broadcast.
    """
    return mx.where(condition, a, b)


@where.defvjp
def where_vjp(
    g: array, y: array, condition: array, a: array, b: array
) -> tuple[None, array | None, array | None]:
    """The derivative of a choice: the cotangent flows to the argument that was chosen.

    The other one receives 0, even where ``g`` is infinite or nan: choose, do not multiply. The
    condition receives nothing.

    Args:
        g: the cotangent of ``y``, with its shape.
        y: the chosen values.
        condition, a, b: arrays whose shapes broadcast, or numbers.

    Returns:
        ``None`` for the condition, and the cotangents of ``a`` and ``b``, each passed through
        ``unbroadcast``.
    """
    return (
        None,
        unbroadcast(where(condition, g, 0), a),
        unbroadcast(where(condition, 0, g), b),
    )


def clip(x: array, /, a_min: Any, a_max: Any, *, stream: Stream = None) -> array:
    """``x`` limited to the interval from ``a_min`` to ``a_max``; either bound may be ``None``.

    At a bound the derivative by ``x`` is 0, as in MLX.

    Shape: that to which ``x`` and the bounds broadcast.
    """
    if a_min is None and a_max is None:
        raise ValueError("At most one of a_min and a_max may be None")
    if a_min is not None:
        x = maximum(x, a_min, stream=stream)
    return x if a_max is None else minimum(x, a_max, stream=stream)


@primitive
def nan_to_num(
    a: mx.array, /, nan: float = 0, posinf: float | None = None, neginf: float | None = None
) -> mx.array:
    """Numbers in the place of nan and the infinities (the greatest and smallest by default).

    Shape: that of ``a``.
    """
    return mx.nan_to_num(a, nan=nan, posinf=posinf, neginf=neginf)


@nan_to_num.defvjp
def nan_to_num_vjp(g: array, y: array, x: Any, *_: Any, **__: Any) -> tuple[array | None]:
    """What was replaced does not depend on ``x``."""
    return (where(isfinite(as_array(x)), g, 0),)
