"""Arithmetic, element by element: sums, products, quotients, powers, and parts of numbers.

Binary operations broadcast. Their rules work on the common shape and end with
:func:`~tinymlx.core.broadcasting.unbroadcast`, which also returns ``None`` for a number.
"""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from . import exponential, selection
from .arrays import Stream, array
from .broadcasting import unbroadcast
from .primitive import constant, primitive


@primitive
def add(a: mx.array, b: mx.array, /) -> mx.array:
    """The sum ``a + b``.

    Shape: that to which ``a`` and ``b`` broadcast.
    """
    return mx.add(a, b)


@add.defvjp
def add_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    """Both summands receive the cotangent as it is.

    This one is the model. ``g`` is the cotangent of the output ``y``; ``a`` and ``b`` are the
    arguments. Each result has the shape of its argument, so broadcasting is undone.
    """
    return unbroadcast(g, a), unbroadcast(g, b)


@primitive
def subtract(a: mx.array, b: mx.array, /) -> mx.array:
    """The difference ``a - b``.

    Shape: that to which ``a`` and ``b`` broadcast.
    """
    return mx.subtract(a, b)


@subtract.defvjp
def subtract_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    """The cotangent, and its negative for what is subtracted."""
    return unbroadcast(g, a), unbroadcast(-g, b)


@primitive
def multiply(a: mx.array, b: mx.array, /) -> mx.array:
    """The product ``a * b``.

    Shape: that to which ``a`` and ``b`` broadcast.
    """
    return mx.multiply(a, b)


@multiply.defvjp
def multiply_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    r"""The derivative of ``y = a * b``.

    :math:`\partial y/\partial a = b` and :math:`\partial y/\partial b = a`, element by element on
    the broadcast shape.

    Args:
        g: the cotangent of ``y``, with its shape.
        y: the product.
        a, b: the factors: arrays whose shapes broadcast, or numbers.

    Returns:
        The cotangents of ``a`` and ``b``, each passed through ``unbroadcast``.
    """
    raise NotImplementedError(
        "3.14 multiply_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def divide(a: mx.array, b: mx.array, /) -> mx.array:
    """The quotient ``a / b``.

    Shape: that to which ``a`` and ``b`` broadcast.
    """
    return mx.divide(a, b)


@divide.defvjp
def divide_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    r"""The derivative of ``y = a / b``.

    :math:`\partial y/\partial a = 1/b` and :math:`\partial y/\partial b = -a/b^2 = -y/b`.

    Args:
        g: the cotangent of ``y``, with its shape.
        y: the quotient.
        a, b: dividend and divisor: arrays whose shapes broadcast, or numbers.

    Returns:
        The cotangents of ``a`` and ``b``, each passed through ``unbroadcast``.
    """
    raise NotImplementedError(
        "3.14 divide_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def power(a: mx.array, b: mx.array, /) -> mx.array:
    """The power ``a ** b``.

    Shape: that to which ``a`` and ``b`` broadcast.
    """
    return mx.power(a, b)


@power.defvjp
def power_vjp(g: array, y: array, a: Any, b: Any) -> tuple[array | None, array | None]:
    r"""The derivative of ``y = a ** b``.

    :math:`\partial y/\partial a = b\,a^{b-1}` and :math:`\partial y/\partial b = y \ln a`. Two
    places need care, because a factor 0 must win over an infinite one: where ``b`` is 0, the
    derivative by ``a`` is 0 for every ``a``, also for ``a = 0`` (as in PyTorch; MLX returns nan
    there); where ``a`` is 0 and ``b`` not negative, the derivative by ``b`` is 0. Choose the inputs
    of the power and of the logarithm so that neither is infinite there, with ``selection.where``.

    Args:
        g: the cotangent of ``y``, with its shape.
        y: the power.
        a, b: base and exponent: arrays whose shapes broadcast, or numbers.

    Returns:
        The cotangents of ``a`` and ``b``, each passed through ``unbroadcast``; ``None`` for a
        number.
    """
    raise NotImplementedError(
        "3.15 power_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@constant
def floor_divide(a: mx.array, b: mx.array, /) -> mx.array:
    """The quotient rounded down; its derivative is 0.

    Shape: that to which ``a`` and ``b`` broadcast.
    """
    return mx.floor_divide(a, b)


@primitive
def remainder(a: mx.array, b: mx.array, /) -> mx.array:
    """The remainder of the division rounded down; it has the sign of ``b``.

    Shape: that to which ``a`` and ``b`` broadcast.
    """
    return mx.remainder(a, b)


@remainder.defvjp
def remainder_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    """``y = a - b * floor(a / b)``, and the floor does not change."""
    return unbroadcast(g, a), unbroadcast(-g * floor_divide(a, b), b)


@primitive
def divmod(a: mx.array, b: mx.array, /) -> Any:
    """Quotient rounded down and remainder, as a list of two arrays.

    Shape: of both, that to which ``a`` and ``b`` broadcast.
    """
    return mx.divmod(a, b)


@divmod.defvjp
def divmod_vjp(
    g: list[array], y: list[array], a: array, b: array
) -> tuple[array | None, array | None]:
    """As for :func:`remainder`; the quotient adds nothing. (MLX returns zeros here.)"""
    return unbroadcast(g[1], a), unbroadcast(-g[1] * y[0], b)


@primitive
def negative(x: mx.array, /) -> mx.array:
    """``-x``.

    Shape: that of ``x``.
    """
    return mx.negative(x)


@negative.defvjp
def negative_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The negative of the cotangent."""
    return (-g,)


@primitive
def positive(x: mx.array, /) -> mx.array:
    """``+x``, the same values.

    Shape: that of ``x``.
    """
    return mx.positive(x)


@positive.defvjp
def positive_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The cotangent as it is."""
    return (g,)


@primitive
def square(x: mx.array, /) -> mx.array:
    """``x * x``.

    Shape: that of ``x``.
    """
    return mx.square(x)


@square.defvjp
def square_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative of the square is ``2 x``."""
    return (g * (x * 2),)


@primitive
def reciprocal(x: mx.array, /) -> mx.array:
    """``1 / x``.

    Shape: that of ``x``.
    """
    return mx.reciprocal(x)


@reciprocal.defvjp
def reciprocal_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``-1 / x^2``, and ``y`` is ``1 / x`` already."""
    return (-g * (y * y),)


@primitive
def abs(x: mx.array, /) -> mx.array:
    """The absolute value.

    Shape: that of ``x``.
    """
    return mx.abs(x)


@abs.defvjp
def abs_vjp(g: array, y: array, x: array) -> tuple[array]:
    r"""The derivative of the absolute value.

    It is the sign of ``x``: 1, -1, and 0 at ``x = 0``. (For a complex ``x`` the sign is
    :math:`x/|x|` and the derivative its conjugate; :func:`conj` leaves real numbers alone.)

    Args:
        g: the cotangent of ``y``.
        y: the absolute value.
        x: the argument.

    Returns:
        The cotangent of ``x``.
    """
    raise NotImplementedError(
        "3.17 abs_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@constant
def sign(x: mx.array, /) -> mx.array:
    """-1, 0 or 1; its derivative is 0.

    Shape: that of ``x``.
    """
    return mx.sign(x)


@constant
def floor(x: mx.array, /) -> mx.array:
    """The greatest integer that is not greater; its derivative is 0.

    Shape: that of ``x``.
    """
    return mx.floor(x)


@constant
def ceil(x: mx.array, /) -> mx.array:
    """The smallest integer that is not smaller; its derivative is 0.

    Shape: that of ``x``.
    """
    return mx.ceil(x)


@constant
def trunc(x: mx.array, /) -> mx.array:
    """The integer part; its derivative is 0.

    Shape: that of ``x``.
    """
    return mx.trunc(x)


@constant
def round(x: mx.array, /, decimals: int = 0) -> mx.array:
    """Rounded to a number of decimals, halves to even; its derivative is 0.

    Shape: that of ``x``.
    """
    return mx.round(x, decimals)


def degrees(x: Any, /, *, stream: Stream = None) -> array:
    """Radians in degrees.

    Shape: that of ``x``.
    """
    return multiply(x, 180 / math.pi, stream=stream)


def radians(x: Any, /, *, stream: Stream = None) -> array:
    """Degrees in radians.

    Shape: that of ``x``.
    """
    return multiply(x, math.pi / 180, stream=stream)


# Complex numbers. Rules are written as if every number were real. Where numbers are complex, the
# tape conjugates around them, so that the gradient of a real loss L by z = x + iy is
# dL/dx + i dL/dy (MLX's and PyTorch's convention).


@primitive
def conj(a: mx.array, /) -> mx.array:
    """The complex conjugate; a real array stays as it is.

    Shape: that of ``a``.
    """
    return mx.conj(a)


@conj.defvjp
def conj_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The conjugate of the cotangent."""
    return (conj(g),)


@primitive
def real(x: mx.array, /) -> mx.array:
    """The real part.

    Shape: that of ``x``.
    """
    return mx.real(x)


@real.defvjp
def real_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The cotangent as the real part."""
    return (g,)


@primitive
def imag(x: mx.array, /) -> mx.array:
    """The imaginary part; zeros for a real array.

    Shape: that of ``x``.
    """
    return mx.imag(x)


@imag.defvjp
def imag_vjp(g: array, y: array, x: array) -> tuple[array | None]:
    """The imaginary part of ``z`` is the real part of ``-i z``."""
    return (g * -1j,) if x.dtype == mx.complex64 else (None,)
