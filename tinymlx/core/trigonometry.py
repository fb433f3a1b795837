"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import mlx.core as mx

from .arrays import array
from .broadcasting import unbroadcast
from .exponential import rsqrt
from .primitive import primitive


@primitive
def sin(x: mx.array, /) -> mx.array:
    """The sine of an angle in radians.

    Shape: that of ``x``.
    """
    return mx.sin(x)


@sin.defvjp
def sin_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative of the sine, element by element; the lesson names it.

    Args:
        g: the cotangent of ``y``.
        y: the sine.
        x: the argument.

    Returns:
        A tuple with the cotangent of ``x``.
    """
    raise NotImplementedError(
        "3.16 sin_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def tanh(x: mx.array, /) -> mx.array:
    """The hyperbolic tangent.

    Shape: that of ``x``.
    """
    return mx.tanh(x)


@tanh.defvjp
def tanh_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative of the hyperbolic tangent, element by element, from ``y`` alone.

    The lesson leads to it. Nothing may overflow for large ``x``.

    Args:
        g: the cotangent of ``y``.
        y: the hyperbolic tangent of ``x``.
        x: the argument.

    Returns:
        A tuple with the cotangent of ``x``.
    """
    raise NotImplementedError(
        "3.16 tanh_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def cos(x: mx.array, /) -> mx.array:
    """The cosine of an angle in radians.

    Shape: that of ``x``.
    """
    return mx.cos(x)


@cos.defvjp
def cos_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``-sin(x)``."""
    return (-g * sin(x),)


@primitive
def tan(x: mx.array, /) -> mx.array:
    """The tangent of an angle in radians.

    Shape: that of ``x``.
    """
    return mx.tan(x)


@tan.defvjp
def tan_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 + tan(x)^2``."""
    return (g * (1 + y * y),)


@primitive
def arcsin(x: mx.array, /) -> mx.array:
    """The inverse of the sine.

    Shape: that of ``x``.
    """
    return mx.arcsin(x)


@arcsin.defvjp
def arcsin_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 / sqrt(1 - x^2)``."""
    return (g * rsqrt(1 - x * x),)


@primitive
def arccos(x: mx.array, /) -> mx.array:
    """The inverse of the cosine.

    Shape: that of ``x``.
    """
    return mx.arccos(x)


@arccos.defvjp
def arccos_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``-1 / sqrt(1 - x^2)``."""
    return (-g * rsqrt(1 - x * x),)


@primitive
def arctan(x: mx.array, /) -> mx.array:
    """The inverse of the tangent.

    Shape: that of ``x``.
    """
    return mx.arctan(x)


@arctan.defvjp
def arctan_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 / (1 + x^2)``."""
    return (g / (1 + x * x),)


@primitive
def arctan2(a: mx.array, b: mx.array, /) -> mx.array:
    """The angle of the point with ordinate ``a`` and abscissa ``b``.

    Shape: that to which ``a`` and ``b`` broadcast.
    """
    return mx.arctan2(a, b)


@arctan2.defvjp
def arctan2_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    """The derivatives are ``b / r^2`` and ``-a / r^2`` with ``r^2 = a^2 + b^2``."""
    g = g / (a * a + b * b)
    return unbroadcast(g * b, a), unbroadcast(-g * a, b)


@primitive
def sinh(x: mx.array, /) -> mx.array:
    """The hyperbolic sine.

    Shape: that of ``x``.
    """
    return mx.sinh(x)


@sinh.defvjp
def sinh_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``cosh(x)``."""
    return (g * cosh(x),)


@primitive
def cosh(x: mx.array, /) -> mx.array:
    """The hyperbolic cosine.

    Shape: that of ``x``.
    """
    return mx.cosh(x)


@cosh.defvjp
def cosh_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``sinh(x)``."""
    return (g * sinh(x),)


@primitive
def arcsinh(x: mx.array, /) -> mx.array:
    """The inverse of the hyperbolic sine.

    Shape: that of ``x``.
    """
    return mx.arcsinh(x)


@arcsinh.defvjp
def arcsinh_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 / sqrt(x^2 + 1)``."""
    return (g * rsqrt(x * x + 1),)


@primitive
def arccosh(x: mx.array, /) -> mx.array:
    """The inverse of the hyperbolic cosine.

    Shape: that of ``x``.
    """
    return mx.arccosh(x)


@arccosh.defvjp
def arccosh_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 / sqrt(x^2 - 1)``, by its factors: of a complex square with a negative
    real part the root has the other sign."""
    return (g * (rsqrt(x - 1) * rsqrt(x + 1)),)


@primitive
def arctanh(x: mx.array, /) -> mx.array:
    """The inverse of the hyperbolic tangent.

    Shape: that of ``x``.
    """
    return mx.arctanh(x)


@arctanh.defvjp
def arctanh_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 / (1 - x^2)``."""
    return (g / (1 - x * x),)
