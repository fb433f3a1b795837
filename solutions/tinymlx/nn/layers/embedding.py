"""A table of vectors."""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.quantized import QuantizedEmbedding
from tinymlx.nn.module import Module


class Embedding(Module):
    r"""A vector for each of a number of tokens.

    Args:
        num_embeddings: the number of tokens, the size of the vocabulary.
        dims: the size of a vector, :math:`D`.

    Shape:
        ``(...)`` integers to ``(..., dims)``. ``weight`` is ``(num_embeddings, dims)``.

    The vectors start normally distributed with variance :math:`1/D`, so that their length is about
    1.
    """

    def __init__(self, num_embeddings: int, dims: int) -> None:
        super().__init__()
        scale = math.sqrt(1 / dims)
        self.weight = core.random.normal(shape=(num_embeddings, dims), scale=scale)

    def _extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"

    def __call__(self, x: array) -> array:
        """The vectors of tokens.

        Args:
            x: integers from 0 to below ``num_embeddings``.

        Returns:
            An array with one axis more than ``x``, of size ``dims``.
        """
        return self.weight[x]

    def as_linear(self, x: array) -> array:
        r"""The scalar product with the vector of every token, :math:`x W^\top`.

        A language model may end with the table that it begins with ("tied weights").

        Args:
            x: an array of shape ``(..., dims)``.

        Returns:
            An array of shape ``(..., num_embeddings)``.

        Source: O. Press and L. Wolf, Using the Output Embedding to Improve Language Models (2016),
        https://arxiv.org/abs/1608.05859
        """
        return x @ self.weight.T

    def to_quantized(
        self,
        group_size: int | None = None,
        bits: int | None = None,
        mode: str = "affine",
        quantize_input: bool = False,
    ) -> QuantizedEmbedding:
        """The quantized table that approximates this one.

        Raises:
            ValueError: inputs shall be quantized: tokens are whole numbers already.
        """
        if quantize_input:
            raise ValueError("Quantized input is not supported.")
        return QuantizedEmbedding.from_embedding(self, group_size, bits, mode)
