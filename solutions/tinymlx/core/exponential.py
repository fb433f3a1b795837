"""Exponentials, logarithms, roots, the logistic function and the error function."""

from __future__ import annotations

import math

import mlx.core as mx

from .arrays import array
from .broadcasting import unbroadcast
from .primitive import primitive


@primitive
def exp(x: mx.array, /) -> mx.array:
    """The exponential function.

    Shape: that of ``x``.
    """
    return mx.exp(x)


@exp.defvjp
def exp_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The exponential function is its own derivative, and ``y`` is it already."""
    return (g * y,)


@primitive
def log(x: mx.array, /) -> mx.array:
    """The natural logarithm.

    Shape: that of ``x``.
    """
    return mx.log(x)


@log.defvjp
def log_vjp(g: array, y: array, x: array) -> tuple[array]:
    r"""The derivative of the natural logarithm, :math:`1/x`.

    Args:
        g: the cotangent of ``y``.
        y: the logarithm.
        x: the argument.

    Returns:
        A tuple with the cotangent of ``x``.
    """
    return (g / x,)


@primitive
def erf(x: mx.array, /) -> mx.array:
    r"""The error function :math:`\frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt`.

    Shape: that of ``x``.
    """
    return mx.erf(x)


@erf.defvjp
def erf_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative of the error function, element by element.

    The function is defined as an integral (:func:`erf` shows it), and the lesson draws the
    conclusion.

    Args:
        g: the cotangent of ``y``.
        y: the error function of ``x``.
        x: the argument.

    Returns:
        A tuple with the cotangent of ``x``.
    """
    return (g * ((2 / math.sqrt(math.pi)) * exp(-x * x)),)


@primitive
def erfinv(x: mx.array, /) -> mx.array:
    """The inverse of the error function, on the interval from -1 to 1.

    Shape: that of ``x``.
    """
    return mx.erfinv(x)


@erfinv.defvjp
def erfinv_vjp(g: array, y: array, x: array) -> tuple[array]:
    """One over the derivative of the error function at ``y``."""
    return (g * ((math.sqrt(math.pi) / 2) * exp(y * y)),)


@primitive
def expm1(x: mx.array, /) -> mx.array:
    """``exp(x) - 1``, exact also for small ``x``.

    Shape: that of ``x``.
    """
    return mx.expm1(x)


@expm1.defvjp
def expm1_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``exp(x) = y + 1``."""
    return (g * (y + 1),)


@primitive
def log1p(x: mx.array, /) -> mx.array:
    """``log(1 + x)``, exact also for small ``x``.

    Shape: that of ``x``.
    """
    return mx.log1p(x)


@log1p.defvjp
def log1p_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 / (1 + x)``."""
    return (g / (x + 1),)


@primitive
def log2(x: mx.array, /) -> mx.array:
    """The logarithm to base 2.

    Shape: that of ``x``.
    """
    return mx.log2(x)


@log2.defvjp
def log2_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 / (x ln 2)``."""
    return (g / (x * math.log(2)),)


@primitive
def log10(x: mx.array, /) -> mx.array:
    """The logarithm to base 10.

    Shape: that of ``x``.
    """
    return mx.log10(x)


@log10.defvjp
def log10_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 / (x ln 10)``."""
    return (g / (x * math.log(10)),)


@primitive
def logaddexp(a: mx.array, b: mx.array, /) -> mx.array:
    """``log(exp(a) + exp(b))`` without overflow.

    Shape: that to which ``a`` and ``b`` broadcast.
    """
    return mx.logaddexp(a, b)


@logaddexp.defvjp
def logaddexp_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    """Each receives its share, ``exp(a) / (exp(a) + exp(b)) = sigmoid(a - b)``."""
    share = sigmoid(a - b)
    return unbroadcast(g * share, a), unbroadcast(g * (1 - share), b)


@primitive
def sigmoid(x: mx.array, /) -> mx.array:
    """The logistic function ``1 / (1 + exp(-x))``.

    Shape: that of ``x``.
    """
    return mx.sigmoid(x)


@sigmoid.defvjp
def sigmoid_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``y (1 - y)``."""
    return (g * (y * (1 - y)),)


@primitive
def sqrt(x: mx.array, /) -> mx.array:
    """The square root.

    Shape: that of ``x``.
    """
    return mx.sqrt(x)


@sqrt.defvjp
def sqrt_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``1 / (2 sqrt(x))``: infinite at 0, as in MLX and PyTorch."""
    return (g / (y * 2),)


@primitive
def rsqrt(x: mx.array, /) -> mx.array:
    """One over the square root.

    Shape: that of ``x``.
    """
    return mx.rsqrt(x)


@rsqrt.defvjp
def rsqrt_vjp(g: array, y: array, x: array) -> tuple[array]:
    """The derivative is ``-1/2 x^(-3/2) = -y / (2 x)``."""
    return (g * (-0.5 * y / x),)
