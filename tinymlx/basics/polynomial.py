"""A computation with a dial: a polynomial does as much arithmetic for each number as we like."""

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .costs import Cost


def horner(x: mx.array, coefficients: Sequence[float]) -> mx.array:
    r"""A polynomial at every element of ``x``, in few operations.

    For coefficients :math:`c_0, \dots, c_d`, lowest first, the value of
    :math:`c_0 + c_1 x + \dots + c_d x^d`. How to compute it is your own design; the tests compare
    values and count operations: at most ``d`` multiplications and ``d`` additions of arrays, and no
    power.

    Args:
        x: any shape, floating point.
        coefficients: plain numbers, at least two.

    Shape:
        any shape to the same shape.

    Raises:
        ValueError: when there are fewer than two coefficients.
    """
    raise NotImplementedError(
        "2.10 horner - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def polynomial_cost(size: int, degree: int, *, fused: bool, dtype: mx.Dtype = mx.float32) -> Cost:
    """The cost of ``horner`` on ``size`` numbers, for a polynomial of this degree (at least 1).

    The arithmetic is the same in both cases: ``degree`` multiplications and ``degree`` additions
    for each number. ``fused``, one kernel reads each ``x`` once, keeps ``y`` in a register and
    writes it once. Otherwise each operation is a kernel of its own that reads and writes arrays:
    a multiplication ``y * x`` reads two arrays and writes one (the first one, by a plain number,
    reads only ``x``); an addition of a plain number reads one and writes one. Plain numbers cost
    nothing.
    """
    raise NotImplementedError(
        "2.11 polynomial_cost - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
