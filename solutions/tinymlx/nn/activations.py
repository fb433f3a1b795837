r"""Activation functions: what stands between two linear maps and makes a network more than one.

Every function takes an array and returns one of the same shape and dtype, element by element unless
an ``axis`` is named. The layers of the same meaning (``ReLU`` for :func:`relu`) are in
:mod:`tinymlx.nn.activation_layers`.

In MLX most of these functions are compiled one by one. Here they are not: while a gradient is
computed such a function runs uncompiled in either library, and in a compiled training step it is
part of the whole. Measured alone on a CPU (gelu forward, 1024 x 1024), compiling saves 2%.
"""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array

__all__ = [
    "celu",
    "elu",
    "gelu",
    "gelu_approx",
    "gelu_fast_approx",
    "glu",
    "hard_shrink",
    "hard_tanh",
    "hardswish",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "prelu",
    "relu",
    "relu2",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "step",
    "tanh",
]


def sigmoid(x: array) -> array:
    r"""The logistic function :math:`\sigma(x) = 1 / (1 + e^{-x})`, from 0 to 1.

    Shape: that of ``x``.
    """
    return core.sigmoid(x)


def tanh(x: array) -> array:
    r"""The hyperbolic tangent :math:`(e^x - e^{-x}) / (e^x + e^{-x})`, from -1 to 1.

    Shape: that of ``x``.
    """
    return core.tanh(x)


# Straight pieces


def relu(x: array) -> array:
    r"""The rectified linear unit :math:`\max(x, 0)`.

    At 0, where there is no derivative, the gradient is 0: ``core.maximum`` hands the cotangent to
    its second argument when both are equal.

    Source: V. Nair and G. Hinton, Rectified Linear Units Improve Restricted Boltzmann Machines
    (ICML 2010).

    Shape: that of ``x``.
    """
    return core.maximum(x, 0)


def relu2(x: array) -> array:
    r"""The squared rectified linear unit :math:`\max(x, 0)^2`.

    Source: D. So et al., Primer (2021), https://arxiv.org/abs/2109.08668

    Shape: that of ``x``.
    """
    return core.square(core.maximum(x, 0))


def relu6(x: array) -> array:
    r"""A rectified linear unit with a ceiling, :math:`\min(\max(x, 0), 6)`.

    Source: A. Howard et al., MobileNets (2017), https://arxiv.org/abs/1704.04861

    Shape: that of ``x``.
    """
    return core.minimum(core.maximum(x, 0), 6.0)


def leaky_relu(x: array, negative_slope: float = 0.01) -> array:
    r"""A rectified linear unit that keeps a slope :math:`a` below 0, :math:`\max(a x, x)`.

    Args:
        x: any array.
        negative_slope: the slope :math:`a`, below 1.

    Source: A. Maas et al., Rectifier Nonlinearities Improve Neural Network Acoustic Models (2013).

    Shape: that of ``x``.
    """
    return core.maximum(negative_slope * x, x)


def prelu(x: array, alpha: array) -> array:
    r"""As :func:`leaky_relu` with a slope that is learned, :math:`\max(0, x) + a \min(0, x)`.

    Args:
        x: any array.
        alpha: the slopes :math:`a`; their shape broadcasts with that of ``x``.

    Source: K. He et al., Delving Deep into Rectifiers (2015), https://arxiv.org/abs/1502.01852
    """
    return core.maximum(0, x) + alpha * core.minimum(0, x)


def hard_tanh(x: array, min_val: float = -1.0, max_val: float = 1.0) -> array:
    r"""``x`` limited to an interval, :math:`\min(\max(x, \text{min\_val}), \text{max\_val})`.

    Shape: that of ``x``.
    """
    return core.minimum(core.maximum(x, min_val), max_val)


def hardswish(x: array) -> array:
    r"""An approximation of :func:`silu` by straight pieces, :math:`x \min(\max(x + 3, 0), 6) / 6`.

    Source: A. Howard et al., Searching for MobileNetV3 (2019), https://arxiv.org/abs/1905.02244

    Shape: that of ``x``.
    """
    return x * core.minimum(core.maximum(x + 3, 0), 6) / 6


def hard_shrink(x: array, lambd: float = 0.5) -> array:
    r"""``x`` where :math:`|x| > \lambda`, 0 elsewhere.

    Shape: that of ``x``.
    """
    return core.where(core.abs(x) > lambd, x, 0)


def softshrink(x: array, lambd: float = 0.5) -> array:
    r"""``x`` drawn towards 0 by :math:`\lambda`, and 0 where :math:`|x| \le \lambda`.

    .. math::
        y = \begin{cases}
            x - \lambda & \text{if } x > \lambda \\
            x + \lambda & \text{if } x < -\lambda \\
            0 & \text{otherwise}
        \end{cases}

    Shape: that of ``x``.
    """
    return core.where(core.abs(x) > lambd, x - core.sign(x) * lambd, 0)


def step(x: array, threshold: float = 0.0) -> array:
    """1 where ``x`` is at least ``threshold``, 0 elsewhere, as ``int32``.

    Shape: that of ``x``.
    """
    return core.where(x >= threshold, 1, 0)


# Smooth pieces


def softplus(x: array) -> array:
    r"""A smooth :func:`relu`: :math:`\log(1 + e^x)`.

    Read literally the formula overflows: in float32 :math:`e^x` is infinite from 88.8 on, in
    float16 from 11.1. But it is the logarithm of a sum of exponentials,
    :math:`\log(e^x + e^0)`, and for that there is a stable form (``core.logaddexp``).

    Args:
        x: any array.

    Returns:
        The values: close to 0 far below 0, close to ``x`` far above; finite wherever ``x`` is.

    Shape: that of ``x``.
    """
    return core.logaddexp(x, 0)


def log_sigmoid(x: array) -> array:
    r"""The logarithm of :func:`sigmoid`, :math:`\log \sigma(x) = -\log(1 + e^{-x})`.

    Where :math:`\sigma(x)` underflows to 0 its logarithm would be minus infinity; the second form,
    a :func:`softplus`, stays close to ``x`` there.

    Args:
        x: any array.

    Returns:
        The values, all at most 0; finite wherever ``x`` is.

    Shape: that of ``x``.
    """
    return -softplus(-x)


def softsign(x: array) -> array:
    r"""A flat sigmoid from -1 to 1, :math:`x / (1 + |x|)`.

    Shape: that of ``x``.
    """
    return core.divide(x, 1 + core.abs(x))


def elu(x: array, alpha: float = 1.0) -> array:
    r"""The exponential linear unit: ``x`` above 0, :math:`\alpha (e^x - 1)` below.

    The exponent is limited to 0, because also the piece that is not chosen takes part in the
    gradient: 0 times infinity would be nan. In ``core.minimum(0, x)`` the second argument receives
    the cotangent where both are equal, so the slope at 0 is :math:`\alpha`.

    Args:
        x: any array.
        alpha: :math:`\alpha`; the values approach :math:`-\alpha` far below 0.

    Source: D. Clevert et al., Fast and Accurate Deep Network Learning by ELUs (2015),
    https://arxiv.org/abs/1511.07289

    Shape: that of ``x``.
    """
    return core.where(x > 0, x, alpha * core.expm1(core.minimum(0, x)))


def celu(x: array, alpha: float = 1.0) -> array:
    r"""An :func:`elu` whose derivative is continuous for every :math:`\alpha`.

    :math:`\max(x, 0) + \alpha (e^{\min(x, 0) / \alpha} - 1)`, with slope 1 on both sides of 0. At 0
    itself the gradient is 0, as in MLX: both constants receive the cotangent there.

    Source: J. Barron, Continuously Differentiable Exponential Linear Units (2017),
    https://arxiv.org/abs/1704.07483

    Shape: that of ``x``.
    """
    return core.maximum(x, 0.0) + alpha * core.expm1(core.minimum(x, 0.0) / alpha)


def selu(x: array) -> array:
    r"""An :func:`elu`, scaled so that mean 0 and variance 1 persist from layer to layer.

    :math:`\lambda \, \text{elu}(x, \alpha)` with :math:`\lambda = 1.0507` and
    :math:`\alpha = 1.67326`.

    Source: G. Klambauer et al., Self-Normalizing Neural Networks (2017),
    https://arxiv.org/abs/1706.02515

    Shape: that of ``x``.
    """
    return elu(x, 1.67326) * 1.0507


def silu(x: array) -> array:
    r"""The sigmoid linear unit (swish), :math:`x \, \sigma(x)`.

    Source: S. Elfwing et al. (2017), https://arxiv.org/abs/1702.03118

    Shape: that of ``x``.
    """
    return x * core.sigmoid(x)


def mish(x: array) -> array:
    r""":math:`x \tanh(\text{softplus}(x))`.

    Source: D. Misra, Mish (2019), https://arxiv.org/abs/1908.08681

    Shape: that of ``x``.
    """
    return x * core.tanh(softplus(x))


def gelu(x: array) -> array:
    r"""The Gaussian error linear unit: ``x`` times the probability that a normal number is below.

    :math:`x \, \Phi(x) = x \, (1 + \text{erf}(x / \sqrt 2)) / 2`, where :math:`\Phi` is the
    distribution function of the standard normal distribution.

    Args:
        x: any array.

    Source: D. Hendrycks and K. Gimpel (2016), https://arxiv.org/abs/1606.08415

    Shape: that of ``x``.
    """
    return x * (1 + core.erf(x / math.sqrt(2))) / 2


def gelu_approx(x: array) -> array:
    r""":func:`gelu` with a hyperbolic tangent in the place of the error function.

    :math:`\frac{x}{2} \left(1 + \tanh\left(\sqrt{2/\pi}\,(x + 0.044715\,x^3)\right)\right)`. It
    differs from gelu by less than 0.0005. Beyond 10 the tangent is exactly 1 (or -1), so its
    argument may be limited there, which keeps the cube finite in float16.

    Source: as :func:`gelu`.

    Shape: that of ``x``.
    """
    z = core.clip(x, -10, 10)
    return 0.5 * x * (1 + core.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


def gelu_fast_approx(x: array) -> array:
    r""":func:`gelu` with a sigmoid, :math:`x \, \sigma(1.702 x)`; it differs by less than 0.021.

    Source: as :func:`gelu`.

    Shape: that of ``x``.
    """
    return x * core.sigmoid(1.702 * x)


# Along an axis


def softmax(x: array, axis: int = -1) -> array:
    r"""Positive numbers that sum to 1 along an axis, :math:`e^{x_i} / \sum_j e^{x_j}`.

    No number is too large: values and gradients are finite wherever ``x`` is, also where rows lie
    far apart. How, the lesson derives.

    Args:
        x: any array with at least one axis; minus infinity is allowed, and gets the share 0.
        axis: the axis to sum over, or several.

    Returns:
        An array of the shape and dtype of ``x``.
    """
    e = core.exp(x - core.stop_gradient(core.max(x, axis=axis, keepdims=True)))
    return e / core.sum(e, axis=axis, keepdims=True)


def log_softmax(x: array, axis: int = -1) -> array:
    r"""The logarithm of the softmax, :math:`x_i - \log \sum_j e^{x_j}`.

    A logarithm of the softmax would be minus infinity where that underflows to 0; the difference
    does not. The maximum along the axis is subtracted first, as a constant
    (``core.stop_gradient``): for large :math:`x` the sum's logarithm would be rounded away in
    :math:`x - \log\sum`.

    Args:
        x: any array with at least one axis.
        axis: the axis to sum over, or several.

    Returns:
        An array of the shape and dtype of ``x``, all numbers at most 0.
    """
    x = x - core.stop_gradient(core.max(x, axis=axis, keepdims=True))
    return x - core.logsumexp(x, axis=axis, keepdims=True)


def softmin(x: array, axis: int = -1) -> array:
    r""":func:`softmax` of :math:`-x`: the smallest number gets the largest share.

    Shape: that of ``x``.
    """
    return softmax(-x, axis=axis)


def glu(x: array, axis: int = -1) -> array:
    r"""The gated linear unit: one half of ``x``, weighted by the sigmoid of the other.

    :math:`a \, \sigma(b)`, where :math:`a` and :math:`b` are the halves of ``x`` along an axis.

    Args:
        x: an array whose size along ``axis`` is even.
        axis: the axis to divide, which has half its size in the result.

    Raises:
        ValueError: the size is odd.

    Source: Y. Dauphin et al. (2016), https://arxiv.org/abs/1612.08083

    Shape: ``(..., 2 D)`` to ``(..., D)``, for the last ``axis``.
    """
    a, b = core.split(x, 2, axis=axis)
    return a * core.sigmoid(b)
