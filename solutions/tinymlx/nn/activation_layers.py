"""The activation functions as layers, to be put between others (in a ``Sequential``, say).

What they compute, and from which paper it is, stands in :mod:`tinymlx.nn.activations`. They have no
parameters (except :class:`PReLU`) and take any array.
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import activations
from tinymlx.nn.module import Module

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "HardShrink",
    "HardTanh",
    "Hardswish",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU2",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Step",
    "Tanh",
]


class Sigmoid(Module):
    """:func:`~tinymlx.nn.activations.sigmoid` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.sigmoid(x)


class Tanh(Module):
    """:func:`~tinymlx.nn.activations.tanh` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.tanh(x)


class ReLU(Module):
    """:func:`~tinymlx.nn.activations.relu` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.relu(x)


class ReLU2(Module):
    """:func:`~tinymlx.nn.activations.relu2` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.relu2(x)


class ReLU6(Module):
    """:func:`~tinymlx.nn.activations.relu6` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.relu6(x)


class LeakyReLU(Module):
    """:func:`~tinymlx.nn.activations.leaky_relu` as a layer.

    Args:
        negative_slope: the slope below 0.

    Shape: ``(...)`` to ``(...)``.
    """

    def __init__(self, negative_slope: float = 1e-2) -> None:
        super().__init__()
        self._negative_slope = negative_slope

    def __call__(self, x: array) -> array:
        return activations.leaky_relu(x, self._negative_slope)


class PReLU(Module):
    """:func:`~tinymlx.nn.activations.prelu` as a layer that learns its slopes.

    Args:
        num_parameters: how many slopes: one for all, or one for each feature (the last axis).
        init: their value before training.

    Shape:
        ``(..., num_parameters)``, or any for one slope, to the same; ``weight`` is
        ``(num_parameters,)``.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        super().__init__()
        self.weight = core.full([num_parameters], init)

    def __call__(self, x: array) -> array:
        return activations.prelu(x, self.weight)


class ELU(Module):
    """:func:`~tinymlx.nn.activations.elu` as a layer.

    Args:
        alpha: the values approach ``-alpha`` far below 0.

    Shape: ``(...)`` to ``(...)``.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self._alpha = alpha

    def __call__(self, x: array) -> array:
        return activations.elu(x, self._alpha)


class CELU(Module):
    """:func:`~tinymlx.nn.activations.celu` as a layer.

    Args:
        alpha: the values approach ``-alpha`` far below 0.

    Shape: ``(...)`` to ``(...)``.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self._alpha = alpha

    def __call__(self, x: array) -> array:
        return activations.celu(x, self._alpha)


class SELU(Module):
    """:func:`~tinymlx.nn.activations.selu` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.selu(x)


class SiLU(Module):
    """:func:`~tinymlx.nn.activations.silu` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.silu(x)


class Mish(Module):
    """:func:`~tinymlx.nn.activations.mish` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.mish(x)


class GELU(Module):
    """:func:`~tinymlx.nn.activations.gelu` as a layer, or one of its approximations.

    Args:
        approx: ``"none"``, ``"precise"`` (or ``"tanh"``, as PyTorch calls it:
            :func:`~tinymlx.nn.activations.gelu_approx`), or ``"fast"``
            (:func:`~tinymlx.nn.activations.gelu_fast_approx`).

    Raises:
        ValueError: another ``approx``.

    Shape: ``(...)`` to ``(...)``.
    """

    def __init__(self, approx: str = "none") -> None:
        super().__init__()
        self._approx = approx
        allowed = ["none", "precise", "tanh", "fast"]
        if approx not in allowed:
            raise ValueError(f"The approximation should be in {allowed} but '{approx}' was given")

    def __call__(self, x: array) -> array:
        if self._approx == "none":
            return activations.gelu(x)
        if self._approx == "fast":
            return activations.gelu_fast_approx(x)
        return activations.gelu_approx(x)


class Softplus(Module):
    """:func:`~tinymlx.nn.activations.softplus` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.softplus(x)


class Softsign(Module):
    """:func:`~tinymlx.nn.activations.softsign` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.softsign(x)


class Softshrink(Module):
    """:func:`~tinymlx.nn.activations.softshrink` as a layer.

    Args:
        lambd: how far values are drawn towards 0.

    Shape: ``(...)`` to ``(...)``.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def __call__(self, x: array) -> array:
        return activations.softshrink(x, self.lambd)


class HardShrink(Module):
    """:func:`~tinymlx.nn.activations.hard_shrink` as a layer.

    Args:
        lambd: below which distance from 0 values become 0.

    Shape: ``(...)`` to ``(...)``.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def __call__(self, x: array) -> array:
        return activations.hard_shrink(x, self.lambd)


class HardTanh(Module):
    """:func:`~tinymlx.nn.activations.hard_tanh` as a layer, from -1 to 1.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.hard_tanh(x)


class Hardswish(Module):
    """:func:`~tinymlx.nn.activations.hardswish` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.hardswish(x)


class Step(Module):
    """:func:`~tinymlx.nn.activations.step` as a layer.

    Args:
        threshold: from which value on the result is 1.

    Shape: ``(...)`` to ``(...)``.
    """

    def __init__(self, threshold: float = 0.0) -> None:
        super().__init__()
        self.threshold = threshold

    def __call__(self, x: array) -> array:
        return activations.step(x, self.threshold)


class LogSigmoid(Module):
    """:func:`~tinymlx.nn.activations.log_sigmoid` as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.log_sigmoid(x)


class Softmax(Module):
    """:func:`~tinymlx.nn.activations.softmax` along the last axis as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.softmax(x)


class LogSoftmax(Module):
    """:func:`~tinymlx.nn.activations.log_softmax` along the last axis as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.log_softmax(x)


class Softmin(Module):
    """:func:`~tinymlx.nn.activations.softmin` along the last axis as a layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __call__(self, x: array) -> array:
        return activations.softmin(x)


class GLU(Module):
    """:func:`~tinymlx.nn.activations.glu` as a layer.

    Args:
        axis: the axis to divide into halves.

    Shape: ``(..., 2 D)`` to ``(..., D)``.
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis

    def __call__(self, x: array) -> array:
        return activations.glu(x, axis=self.axis)
