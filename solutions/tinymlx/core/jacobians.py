r"""Whole Jacobians, and second derivatives without a matrix, by composing transforms.

Source: A. Griewank and A. Walther, Evaluating Derivatives (2008), chapters 3 and 5; B. Pearlmutter,
Fast exact multiplication by the Hessian (1994).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from .arrays import array, as_array, wrap
from .batching import vmap
from .forward import jvp
from .shapes import reshape
from .transforms import grad, vjp


def jacobian_by_rows(fun: Callable[[array], array], x: Any) -> array:
    r"""The Jacobian :math:`J = \partial y / \partial x` of ``y = fun(x)``, by reverse mode.

    :math:`v^\top J` with a cotangent :math:`v` that is 1 in one place of :math:`y` and 0 elsewhere
    is a row of :math:`J`. The rows of a unit matrix (:func:`unit_arrays`) are all those cotangents,
    and ``vmap`` computes all rows at once. It costs about as much as one ``vjp`` for each number
    of the *output*: the choice for few outputs.

    Args:
        fun: a function of one array that returns one array. It is called for all rows (columns) at
            once.
        x: the array, or numbers that make one.

    Returns:
        An array of shape ``(*y.shape, *x.shape)``.
    """
    x = as_array(x)
    y = fun(x)

    def row(cotangent: array) -> array:
        return vjp(fun, [x], [cotangent])[1][0]

    return reshape(vmap(row)(unit_arrays(y)), (*y.shape, *x.shape))


def jacobian_by_columns(fun: Callable[[array], array], x: Any) -> array:
    r"""The Jacobian as :func:`jacobian_by_rows` returns it, by forward mode.

    :math:`J v` with a tangent :math:`v` that is 1 in one place of :math:`x` is a column of
    :math:`J`. It costs about as much as one ``jvp`` for each number of the *input*: the choice for
    few inputs. The columns belong at the end of the shape of :math:`y` (``out_axes=-1``).

    Args:
        fun: a function of one array that returns one array. It is called for all rows (columns) at
            once.
        x: the array, or numbers that make one.

    Returns:
        An array of shape ``(*y.shape, *x.shape)``.
    """
    x = as_array(x)

    def column(tangent: array) -> array:
        return jvp(fun, [x], [tangent])[1][0]

    columns = vmap(column, out_axes=-1)(unit_arrays(x))  # (*y.shape, x.size)
    return reshape(columns, (*columns.shape[:-1], *x.shape))


def hessian_vector_product(fun: Callable[[array], array], x: Any, v: Any) -> array:
    r"""The product :math:`H v` with the matrix of second derivatives of a scalar function.

    :math:`H` itself, which would have the square of the number of parameters, is never made: the
    product costs a small multiple of the function, in time and in memory.

    Args:
        fun: a function of one array that returns a scalar array.
        x: the array.
        v: the direction, of the shape of ``x``.

    Returns:
        An array of the shape of ``x``.
    """
    return jvp(grad(fun), [x], [v])[1][0]


def unit_arrays(x: array) -> array:
    """All arrays like ``x`` that are 1 in one place: ``(x.size, *x.shape)``, in its dtype."""
    dtype = x.dtype if mx.issubdtype(x.dtype, mx.floating) else mx.float32
    return reshape(wrap(mx.eye(x.size, dtype=dtype)), (x.size, *x.shape))
