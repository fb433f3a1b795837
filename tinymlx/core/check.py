"""Checking derivatives against differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from .arrays import array, bare, wrap
from .transforms import vjp


def finite_differences(
    fun: Callable[[array], array], x: array, cotangent: array, eps: float = 1e-3
) -> array:
    r"""The gradient of ``sum(cotangent * fun(x))`` by central differences.

    For each element :math:`x_i` alone,
    :math:`\sum_j v_j \frac{f_j(x + \epsilon e_i) - f_j(x - \epsilon e_i)}{2 \epsilon}`, with the
    cotangent :math:`v` and the unit vector :math:`e_i`. The error is of the order of
    :math:`\epsilon^2`, plus rounding of the order of machine epsilon over :math:`\epsilon`.

    Args:
        fun: a function from an array to an array.
        x: where to differentiate; it is left as it is.
        cotangent: an array of the shape of ``fun(x)``.
        eps: the size of the step.

    Returns:
        An array of the shape and dtype of ``x``.
    """
    raise NotImplementedError(
        "3.11 finite_differences - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def check_grads(
    fun: Callable[..., Any],
    primals: Sequence[array],
    *,
    eps: float = 1e-3,
    rtol: float = 1e-2,
    atol: float = 1e-3,
    seed: int = 0,
) -> None:
    """Compare :func:`~tinymlx.core.vjp` with :func:`finite_differences` under a random cotangent.

    Args:
        fun: a function of arrays that returns one array.
        primals: its arguments. With float64 arrays on the CPU, ``eps`` and the tolerances can be
            much smaller.
        eps: the size of the step.
        rtol, atol: how much a derivative may differ, relative to its size and absolutely.
        seed: the seed of the cotangent.

    Raises:
        AssertionError: a derivative differs; it says which one, and by how much.
    """
    y = fun(*primals)
    cotangent = wrap(mx.random.normal(y.shape, key=mx.random.key(seed)).astype(y.dtype))
    _, gradients = vjp(fun, primals, [cotangent])
    for k, (x, g) in enumerate(zip(primals, gradients)):

        def alone(x: array, k: int = k) -> array:
            return fun(*primals[:k], x, *primals[k + 1 :])

        expected = bare(finite_differences(alone, x, cotangent, eps))
        error = mx.abs(bare(g) - expected)
        allowed = atol + rtol * mx.abs(expected)
        if x.size and not mx.all(error <= allowed).item():
            worst = int(mx.argmax(error - allowed))
            found, wanted = (v.reshape(-1)[worst].item() for v in (bare(g), expected))
            raise AssertionError(
                f"The gradient by argument {k} differs: element {worst} of the flattened array is "
                f"{found:.6g}, and finite differences give {wanted:.6g}."
            )
