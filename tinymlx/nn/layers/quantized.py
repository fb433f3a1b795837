r"""Layers whose weights are codes of a few bits.

What a code stands for is ``core.quantize``'s matter; chapter 14 writes it out for the mode
``"affine"``. The layers' own part is small: they keep codes, scales and biases as arrays, are
frozen, and multiply without making the matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.module import Module
from tinymlx.utils import tree_map_with_path

#: For each mode the usual group size and bits.
MODES = {"affine": (64, 4), "mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}


def defaults_for(mode: str, group_size: int | None, bits: int | None) -> tuple[int, int]:
    """Group size and bits, those of the mode where there are none.

    Raises:
        ValueError: there is no such mode.
    """
    if mode not in MODES:
        raise ValueError(
            f"Invalid quantization mode '{mode}'. Valid modes are: {', '.join(MODES)}."
        )
    return group_size or MODES[mode][0], bits or MODES[mode][1]


def quantize(
    model: Module,
    group_size: int | None = None,
    bits: int | None = None,
    *,
    mode: str = "affine",
    quantize_input: bool = False,
    class_predicate: Callable[[str, Module], bool | dict[str, Any]] | None = None,
) -> None:
    """Put quantized layers in the place of a model's layers.

    Args:
        model: changed in place: every layer with a ``to_quantized`` method, or those that the
            predicate chooses.
        group_size, bits, mode: as for ``core.quantize``.
        quantize_input: whether inputs are quantized, too; in the modes ``"nvfp4"`` and ``"mxfp8"``,
            for linear layers.
        class_predicate: called with the path and the layer; it returns whether to quantize, or the
            keyword arguments for ``to_quantized``.

    Raises:
        ValueError: a layer that was chosen cannot be quantized, or the predicate returned something
            else.
    """
    predicate = class_predicate or (lambda _, layer: hasattr(layer, "to_quantized"))

    def quantized(path: str, layer: Any) -> Any:
        chosen = predicate(path, layer)
        if not chosen:
            return layer
        if not hasattr(layer, "to_quantized"):
            raise ValueError(f"Unable to quantize model of type {type(layer)}")
        if isinstance(chosen, bool):
            options: dict[str, Any] = {"group_size": group_size, "bits": bits, "mode": mode}
            if quantize_input:
                options["quantize_input"] = True
            return layer.to_quantized(**options)
        if isinstance(chosen, dict):
            if not chosen.get("quantize_input", True):
                chosen.pop("quantize_input")
            return layer.to_quantized(**chosen)
        raise ValueError(
            "``class_predicate`` must return a bool or a dict of parameters to pass to "
            "``to_quantized``"
        )

    leaves = model.leaf_modules()
    model.update_modules(tree_map_with_path(quantized, leaves, is_leaf=Module.is_module))


class QuantizedEmbedding(Module):
    """As ``Embedding``, with codes for a table.

    Args:
        num_embeddings: the number of tokens.
        dims: the size of a vector.
        group_size, bits, mode: as for ``core.quantize``.

    Shape:
        ``(...)`` integers to ``(..., dims)``.
    """

    def __init__(
        self,
        num_embeddings: int,
        dims: int,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
    ) -> None:
        super().__init__()
        self.group_size, self.bits = defaults_for(mode, group_size, bits)
        self.mode = mode
        weight = core.random.normal(shape=(num_embeddings, dims), scale=math.sqrt(1 / dims))
        self.weight, self.scales, *biases = core.quantize(weight, group_size, bits, mode=mode)
        self.biases = biases[0] if biases else None
        self.num_embeddings = num_embeddings
        self.dims = dims
        self.freeze()

    def __call__(self, x: array) -> array:
        biases = self.get("biases")
        return core.dequantize(
            self["weight"][x],
            scales=self["scales"][x],
            biases=biases[x] if biases is not None else None,
            group_size=self.group_size,
            bits=self.bits,
            mode=self.mode,
        )

    def as_linear(self, x: array) -> array:
        """The scalar product with the vector of every token."""
        return multiplied(self, x)

    def _extra_repr(self) -> str:
        return (
            f"{self.num_embeddings}, {self.dims}, group_size={self.group_size}, bits={self.bits}, "
            f"mode={self.mode}"
        )

    @classmethod
    def from_embedding(
        cls,
        embedding_layer: Module,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
    ) -> QuantizedEmbedding:
        """The layer that approximates an ``Embedding``."""
        weight = embedding_layer.weight
        layer = cls(weight.shape[0], weight.shape[1], group_size, bits, mode=mode)
        layer.weight, layer.scales, *biases = core.quantize(weight, group_size, bits, mode=mode)
        layer.biases = biases[0] if biases else None
        return layer


class QuantizedLinear(Module):
    """As ``Linear``, with codes for a matrix. It is frozen.

    Args:
        input_dims: the size of the last axis of the input; the group size divides it.
        output_dims: the size of the last axis of the output.
        bias: whether to add a bias.
        group_size, bits, mode: as for ``core.quantize``.

    Shape:
        ``(..., input_dims)`` to ``(..., output_dims)``.
    """

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        bias: bool = True,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
    ) -> None:
        super().__init__()
        self.group_size, self.bits = defaults_for(mode, group_size, bits)
        self.mode = mode
        scale = math.sqrt(1 / input_dims)
        weight = core.random.uniform(low=-scale, high=scale, shape=(output_dims, input_dims))
        self.weight, self.scales, *biases = core.quantize(weight, group_size, bits, mode=mode)
        self.biases = biases[0] if biases else None
        if bias:
            self.bias = core.zeros((output_dims,))
        self.freeze()

    def _extra_repr(self) -> str:
        rows, words = self.weight.shape
        return (
            f"input_dims={words * 32 // self.bits}, output_dims={rows}, bias={'bias' in self}, "
            f"group_size={self.group_size}, bits={self.bits}, mode={self.mode}"
        )

    def __call__(self, x: array) -> array:
        y = multiplied(self, x)
        return y + self["bias"] if "bias" in self else y

    @classmethod
    def from_linear(
        cls,
        linear_layer: Module,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
    ) -> QuantizedLinear:
        """The layer that approximates a ``Linear``."""
        output_dims, input_dims = linear_layer.weight.shape
        layer = cls(input_dims, output_dims, False, group_size, bits, mode=mode)
        layer.weight, layer.scales, *biases = core.quantize(
            linear_layer.weight, group_size, bits, mode=mode
        )
        layer.biases = biases[0] if biases else None
        if "bias" in linear_layer:
            layer.bias = linear_layer.bias
        return layer


class QQLinear(Module):
    """A linear layer that quantizes its input, too.

    In training mode the weights are numbers, and are quantized on the way, so that they have
    gradients; in evaluation mode they are kept as codes. It has no bias.

    Args:
        input_dims, output_dims: the sizes of the last axis.
        group_size, bits: as for ``core.quantize``.
        mode: ``"nvfp4"`` or ``"mxfp8"``.

    Shape: ``(..., input_dims)`` to ``(..., output_dims)``.
    """

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "nvfp4",
    ) -> None:
        super().__init__()
        self.group_size, self.bits = defaults_for(mode, group_size, bits)
        self.mode = mode
        scale = math.sqrt(1 / input_dims)
        self.weight = core.random.uniform(low=-scale, high=scale, shape=(output_dims, input_dims))
        self._quantized = False

    def _extra_repr(self) -> str:
        rows, columns = self.weight.shape
        if self.weight.dtype == core.uint32:
            columns = columns * 32 // self.bits
        return (
            f"input_dims={columns}, output_dims={rows}, group_size={self.group_size}, "
            f"bits={self.bits}, mode={self.mode}"
        )

    def quantize(self) -> None:
        """Keep codes."""
        if not self._quantized:
            self.weight, self.scales = core.quantize(
                self.weight, self.group_size, self.bits, mode=self.mode
            )
            self._quantized = True

    def dequantize(self) -> None:
        """Keep numbers."""
        if self._quantized:
            self.weight = core.dequantize(
                self.weight,
                scales=self.scales,
                group_size=self.group_size,
                bits=self.bits,
                mode=self.mode,
            )
            del self.scales
            self._quantized = False

    def _set_training_mode(self, mode: bool) -> None:
        super()._set_training_mode(mode)
        if self._training:
            self.dequantize()
        else:
            self.quantize()

    def __call__(self, x: array) -> array:
        return core.qqmm(
            x,
            self["weight"],
            scales=self.get("scales"),
            group_size=self.group_size,
            bits=self.bits,
            mode=self.mode,
        )

    @classmethod
    def from_linear(
        cls,
        linear_layer: Module,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "nvfp4",
    ) -> QQLinear:
        """The layer that approximates a ``Linear`` without bias."""
        output_dims, input_dims = linear_layer.weight.shape
        if linear_layer.get("bias") is not None:
            raise NotImplementedError("QQLinear does not support bias yet.")
        layer = cls(input_dims, output_dims, group_size, bits, mode=mode)
        layer.weight = linear_layer.weight
        layer.train(linear_layer.training)
        return layer


def multiplied(layer: Module, x: array) -> array:
    """``x`` times the transpose of a layer's quantized matrix."""
    return core.quantized_matmul(
        x,
        layer["weight"],
        scales=layer["scales"],
        biases=layer.get("biases"),
        transpose=True,
        group_size=layer.group_size,
        bits=layer.bits,
        mode=layer.mode,
    )
