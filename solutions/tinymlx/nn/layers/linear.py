"""Linear maps of the last axis, and the map that does nothing."""

from __future__ import annotations

import math
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.quantized import QQLinear, QuantizedLinear
from tinymlx.nn.module import Module


class Identity(Module):
    """The input is the output. It takes (and ignores) any arguments, in the place of any layer.

    Shape: ``(...)`` to ``(...)``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def __call__(self, x: array) -> array:
        return x


class Linear(Module):
    r"""An affine map of the last axis, :math:`y = x W^\top + b`.

    Args:
        input_dims: the size of the last axis of the input, :math:`D`.
        output_dims: the size of the last axis of the output.
        bias: whether to add :math:`b`.

    Shape:
        ``(..., input_dims)`` to ``(..., output_dims)``. ``weight`` is
        ``(output_dims, input_dims)``, ``bias`` is ``(output_dims,)``.

    Both start uniform within :math:`\pm 1/\sqrt D`.

    Source: Y. LeCun et al., Efficient BackProp (1998), for the start.
    """

    def __init__(self, input_dims: int, output_dims: int, bias: bool = True) -> None:
        super().__init__()
        scale = math.sqrt(1.0 / input_dims)
        self.weight = core.random.uniform(low=-scale, high=scale, shape=(output_dims, input_dims))
        if bias:
            self.bias = core.random.uniform(low=-scale, high=scale, shape=(output_dims,))

    def _extra_repr(self) -> str:
        output_dims, input_dims = self.weight.shape
        return f"input_dims={input_dims}, output_dims={output_dims}, bias={'bias' in self}"

    def __call__(self, x: array) -> array:
        r"""The map :math:`x W^\top + b`, or :math:`x W^\top` in a layer without ``bias``.

        With a bias, ``core.addmm(b, x, w)``, which is ``b + x @ w`` in one step, is the faster way.

        Args:
            x: an array of shape ``(..., input_dims)``.

        Returns:
            An array of shape ``(..., output_dims)``.

        Raises:
            ValueError: the last axis of ``x`` has another size.
        """
        if "bias" in self:
            return core.addmm(self["bias"], x, self["weight"].T)
        return x @ self["weight"].T

    def to_quantized(
        self,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
        quantize_input: bool = False,
    ) -> QuantizedLinear | QQLinear:
        """The quantized layer that approximates this one.

        Raises:
            ValueError: inputs shall be quantized in a mode that has no codes for them.
        """
        if quantize_input:
            if mode not in ["nvfp4", "mxfp8"]:
                raise ValueError(
                    f"Quantized activations are only supported for 'nvfp4' and 'mxfp8' modes, got "
                    f"{mode}."
                )
            return QQLinear.from_linear(self, group_size, bits, mode)
        return QuantizedLinear.from_linear(self, group_size, bits, mode)


class Bilinear(Module):
    r"""A map of two inputs that is linear in each, :math:`y_i = x_2^\top W_i \, x_1 + b_i`.

    Args:
        input1_dims: the size of the last axis of :math:`x_1`.
        input2_dims: the size of the last axis of :math:`x_2`.
        output_dims: the size of the last axis of the output.
        bias: whether to add :math:`b`.

    Shape:
        ``(..., input1_dims)`` and ``(..., input2_dims)`` to ``(..., output_dims)``, with the same
        axes in the place of the dots. ``weight`` is ``(output_dims, input2_dims, input1_dims)``,
        ``bias`` is ``(output_dims,)``.

    Both start uniform within :math:`\pm 1/\sqrt{\text{input1\_dims}}`.
    """

    def __init__(
        self, input1_dims: int, input2_dims: int, output_dims: int, bias: bool = True
    ) -> None:
        super().__init__()
        scale = math.sqrt(1.0 / input1_dims)
        shape = (output_dims, input2_dims, input1_dims)
        self.weight = core.random.uniform(low=-scale, high=scale, shape=shape)
        if bias:
            self.bias = core.random.uniform(low=-scale, high=scale, shape=(output_dims,))

    def _extra_repr(self) -> str:
        output_dims, input2_dims, input1_dims = self.weight.shape
        return (
            f"input1_dims={input1_dims}, input2_dims={input2_dims}, output_dims={output_dims}, "
            f"bias={'bias' in self}"
        )

    def __call__(self, x1: array, x2: array) -> array:
        r"""The map :math:`y_i = x_2^\top W_i \, x_1 + b_i` for every pair of vectors.

        As two matrix products: with all the rows :math:`W_{ij}` below each other, one product with
        :math:`x_1` gives :math:`z_{ij} = W_{ij} \cdot x_1`; a second one, for each pair of its own,
        sums :math:`x_{2,j} \, z_{ij}` over :math:`j`.

        Args:
            x1: an array of shape ``(..., input1_dims)``.
            x2: an array of shape ``(..., input2_dims)``, equal to ``x1`` in the other axes.

        Returns:
            An array of shape ``(..., output_dims)``.

        Raises:
            ValueError: the shapes do not fit.
        """
        out, in2, in1 = self.weight.shape
        rows = self.weight.reshape(out * in2, in1)
        z = x1.reshape(-1, in1) @ rows.T  # (N, out * in2)
        z = z.reshape(-1, out, in2).swapaxes(-2, -1)  # (N, in2, out)
        y = x2.reshape(-1, 1, in2) @ z  # (N, 1, out)
        y = y.reshape(*x1.shape[:-1], out)
        return y + self.bias if "bias" in self else y
