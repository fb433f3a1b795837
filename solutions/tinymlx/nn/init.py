r"""Initializers: what a weight is before training.

Each function here returns an initializer, which takes an array and returns a new one of its shape.
A layer keeps the size of its signals if a weight's variance fits the number of terms in each sum:
the *fan-in* on the way forward, the *fan-out* on the way back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from tinymlx import core
from tinymlx.core import Dtype, array

Initializer = Callable[..., array]
Fan = Literal["fan_in", "fan_out"]


def constant(value: float, dtype: Dtype = core.float32) -> Initializer:
    """An initializer that fills with ``value``.

    Shape: that of the array which the initializer gets.
    """

    def initializer(a: array) -> array:
        return core.full(a.shape, value, dtype=dtype)

    return initializer


def normal(mean: float = 0.0, std: float = 1.0, dtype: Dtype = core.float32) -> Initializer:
    """An initializer with normally distributed numbers.

    Args:
        mean: their mean.
        std: their standard deviation.
        dtype: their dtype.

    Shape: that of the array which the initializer gets.
    """

    def initializer(a: array) -> array:
        return core.random.normal(shape=a.shape, scale=std, loc=mean, dtype=dtype)

    return initializer


def uniform(low: float = 0.0, high: float = 1.0, dtype: Dtype = core.float32) -> Initializer:
    """An initializer with numbers spread evenly from ``low`` to ``high``.

    Shape: that of the array which the initializer gets.
    """

    def initializer(a: array) -> array:
        return core.random.uniform(low, high, a.shape, dtype=dtype)

    return initializer


def identity(dtype: Dtype = core.float32) -> Initializer:
    """An initializer for identity matrices.

    Raises (when called):
        ValueError: the array is not a square matrix.

    Shape: ``(N, N)``, that of the array which the initializer gets.
    """

    def initializer(a: array) -> array:
        if a.ndim != 2 or a.shape[0] != a.shape[1]:
            raise ValueError(f"The input array must be a square matrix but got shape {a.shape}.")
        return core.eye(a.shape[0], dtype=dtype)

    return initializer


def fans(x: array) -> tuple[int, int]:
    """Fan-in and fan-out of a weight: how many terms the sums have, forward and backward.

    A weight of a linear map has the shape ``(outputs, inputs)``. That of a convolution has the
    shape ``(outputs, ..., inputs)``, with the axes of its window between: each place of the window
    contributes its own terms.

    Args:
        x: an array of at least two axes.

    Returns:
        The inputs and the outputs, each times the number of places in the window.

    Raises:
        ValueError: there are fewer than two axes.
    """
    if x.ndim < 2:
        raise ValueError(
            "Glorot / He initialization requires at least 2 dimensional input"
            f" but input with {x.ndim} dimensions."
        )
    window = math.prod(x.shape[1:-1])
    return x.shape[-1] * window, x.shape[0] * window


def chosen_fan(x: array, mode: Fan) -> int:
    """Fan-in or fan-out.

    Raises:
        ValueError: ``mode`` is neither.
    """
    fan_in, fan_out = fans(x)
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Invalid mode: {mode}. Valid modes are: fan_in, fan_out")
    return fan_in if mode == "fan_in" else fan_out


def glorot_normal(dtype: Dtype = core.float32) -> Initializer:
    r"""A normal initializer between the needs of both directions.

    The standard deviation is :math:`\gamma \sqrt{2 / (\text{fan\_in} + \text{fan\_out})}`.

    Returns:
        An initializer ``(a, gain=1.0)``, where ``gain`` is :math:`\gamma`.

    Source: X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward
    neural networks (2010), https://proceedings.mlr.press/v9/glorot10a.html
    """

    def initializer(a: array, gain: float = 1.0) -> array:
        std = gain * math.sqrt(2.0 / sum(fans(a)))
        return core.random.normal(shape=a.shape, scale=std, dtype=dtype)

    return initializer


def glorot_uniform(dtype: Dtype = core.float32) -> Initializer:
    r"""As :func:`glorot_normal`, but uniform.

    The numbers lie within :math:`\pm \gamma \sqrt{6 / (\text{fan\_in} + \text{fan\_out})}`, which
    gives the same variance.

    Returns:
        An initializer ``(a, gain=1.0)``, where ``gain`` is :math:`\gamma`.
    """

    def initializer(a: array, gain: float = 1.0) -> array:
        limit = gain * math.sqrt(6.0 / sum(fans(a)))
        return core.random.uniform(-limit, limit, a.shape, dtype=dtype)

    return initializer


def he_normal(dtype: Dtype = core.float32) -> Initializer:
    r"""A normal initializer for rectified linear units.

    The standard deviation is :math:`\gamma / \sqrt{\text{fan}}`. For rectified linear units,
    which pass on half of a signal's mean square, the gain :math:`\gamma` to give is
    :math:`\sqrt 2`.

    Returns:
        An initializer ``(a, mode="fan_in", gain=1.0)``; ``mode`` is ``"fan_in"`` or ``"fan_out"``,
        ``gain`` is :math:`\gamma`. It raises a ``ValueError`` for another mode.

    Source: K. He et al., Delving Deep into Rectifiers (2015), https://arxiv.org/abs/1502.01852
    """

    def initializer(a: array, mode: Fan = "fan_in", gain: float = 1.0) -> array:
        std = gain / math.sqrt(chosen_fan(a, mode))
        return core.random.normal(shape=a.shape, scale=std, dtype=dtype)

    return initializer


def he_uniform(dtype: Dtype = core.float32) -> Initializer:
    r"""As :func:`he_normal`, but uniform: within :math:`\pm \gamma \sqrt{3 / \text{fan}}`.

    Shape: that of the array which the initializer gets.
    """

    def initializer(a: array, mode: Fan = "fan_in", gain: float = 1.0) -> array:
        limit = gain * math.sqrt(3.0 / chosen_fan(a, mode))
        return core.random.uniform(-limit, limit, a.shape, dtype=dtype)

    return initializer


def sparse(
    sparsity: float, mean: float = 0.0, std: float = 1.0, dtype: Dtype = core.float32
) -> Initializer:
    """An initializer for matrices with many zeros, as many in each row.

    Args:
        sparsity: the share of zeros, rounded up to a whole number of columns.
        mean: the mean of the normally distributed rest.
        std: its standard deviation.
        dtype: the dtype.

    Raises (when called):
        ValueError: the array is not a matrix.

    Source: J. Martens, Deep learning via Hessian-free optimization (2010).

    Shape: that of the array which the initializer gets.
    """

    def initializer(a: array) -> array:
        if a.ndim != 2:
            raise ValueError("Only tensors with 2 dimensions are supported")
        rows, columns = a.shape
        zeros = math.ceil(sparsity * columns)
        # The columns of a row in random order: the order of random numbers.
        order = core.argsort(core.random.uniform(shape=a.shape), axis=1)
        a = core.random.normal(shape=a.shape, scale=std, loc=mean, dtype=dtype)
        a[core.arange(rows).reshape(rows, 1), order[:, :zeros]] = 0
        return a

    return initializer


def orthogonal(gain: float = 1.0, dtype: Dtype = core.float32) -> Initializer:
    r"""An initializer for matrices with orthonormal rows or columns.

    They are evenly distributed among all such matrices: no direction comes more often than another.
    How a decomposition makes one of normally distributed numbers, and what is missing in what it
    returns, the lesson derives. A matrix that is not square is the upper left part of a square one.

    Args:
        gain: a factor.
        dtype: the dtype of the result; the decomposition is computed in ``float32``, and on the CPU
            (``core.linalg.qr(matrix, stream=core.cpu)``).

    Returns:
        An initializer ``(a)``.

    Raises (when called):
        ValueError: the array is not a matrix.

    Source: A. Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear
    neural networks (2013), https://arxiv.org/abs/1312.6120
    """

    def initializer(a: array) -> array:
        if a.ndim != 2:
            raise ValueError(
                f"Orthogonal initialization requires a 2D array but got a {a.ndim}D array."
            )
        rows, columns = a.shape
        size = max(rows, columns)
        q, r = core.linalg.qr(core.random.normal(shape=(size, size)), stream=core.cpu)
        q = q * core.sign(core.diag(r))
        return (q[:rows, :columns] * gain).astype(dtype)

    return initializer
