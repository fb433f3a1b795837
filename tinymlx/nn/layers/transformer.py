"""The Transformer: attention of many heads, encoder and decoder.

Source: A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.core import Dtype, array
from tinymlx.nn.activations import relu
from tinymlx.nn.layers.dropout import Dropout
from tinymlx.nn.layers.linear import Linear
from tinymlx.nn.layers.normalization import LayerNorm
from tinymlx.nn.module import Module
from tinymlx.nn.utils import checkpoint as checkpointed


class MultiHeadAttention(Module):
    r"""Attention of many heads, each with its own view of queries, keys and values.

    Head :math:`h` projects the three to :math:`D / H` features and attends; the results of all
    heads stand beside each other and are projected once more:

    .. math::
        y = W_O \, [y_1, \dots, y_H], \qquad
        y_h = \operatorname{attention}(W_Q^h q, W_K^h k, W_V^h v), \quad s = (D / H)^{-1/2}

    Args:
        dims: :math:`D`, the features of queries and keys of all heads together.
        num_heads: :math:`H`.
        query_input_dims: features of the queries; ``dims`` by default.
        key_input_dims: features of the keys; ``dims`` by default.
        value_input_dims: features of the values; ``key_input_dims`` by default.
        value_dims: features of the projected values of all heads; ``dims`` by default.
        value_output_dims: features of the output; ``dims`` by default.
        bias: whether the projections have biases.

    Shape:
        Queries ``(B, T_q, query_input_dims)``, keys and values ``(B, T_kv, ...)`` to
        ``(B, T_q, value_output_dims)``.

    Raises:
        ValueError: ``dims`` is no multiple of ``num_heads``.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        query_input_dims: int | None = None,
        key_input_dims: int | None = None,
        value_input_dims: int | None = None,
        value_dims: int | None = None,
        value_output_dims: int | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if dims % num_heads != 0:
            raise ValueError(
                f"The input feature dimensions should be divisible by the number of heads "
                f"({dims} % {num_heads}) != 0"
            )
        key_input_dims = key_input_dims or dims
        value_dims = value_dims or dims
        self.num_heads = num_heads
        self.query_proj = Linear(query_input_dims or dims, dims, bias=bias)
        self.key_proj = Linear(key_input_dims, dims, bias=bias)
        self.value_proj = Linear(value_input_dims or key_input_dims, value_dims, bias=bias)
        self.out_proj = Linear(value_dims, value_output_dims or dims, bias=bias)

    def __call__(
        self, queries: array, keys: array, values: array, mask: array | str | None = None
    ) -> array:
        """What each query gets.

        Args:
            queries, keys, values: arrays of shape ``(B, T, features)``.
            mask: ``None``, ``"causal"``, or an array that broadcasts to ``(B, H, T_q, T_kv)``:
                truth values, true at keys to be asked, or numbers to be added to the scores.
        """
        raise NotImplementedError(
            "11.7 __call__ - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    @staticmethod
    def create_additive_causal_mask(N: int, dtype: Dtype = core.float32) -> array:
        """A mask to be added: 0 at keys up to the query's own position, very small behind it.

        Args:
            N: the number of positions.
            dtype: the dtype of the scores.

        Returns:
            An array of shape ``(N, N)``.
        """
        raise NotImplementedError(
            "11.7 create_additive_causal_mask - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


def split_heads(x: array, heads: int) -> array:
    """``(B, T, H * D)`` as ``(B, H, T, D)``: neighbouring features belong to one head."""
    raise NotImplementedError(
        "11.5 split_heads - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def merge_heads(x: array) -> array:
    """``(B, H, T, D)`` as ``(B, T, H * D)``: the heads beside each other again."""
    raise NotImplementedError(
        "11.5 merge_heads - exercises/ch11_transformer/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class TransformerEncoderLayer(Module):
    r"""Attention of a sequence to itself, and two linear layers; each is added to its input.

    With the norm first (:math:`N_1, N_2` are layer norms, :math:`F` the two linear layers):

    .. math:: x \leftarrow x + \operatorname{attention}(N_1 x), \qquad y = x + F(N_2 x)

    and otherwise :math:`x \leftarrow N_1(x + \operatorname{attention}(x)), \; y = N_2(x + F x)`.

    Args:
        dims: the features of each position.
        num_heads: the heads of the attention.
        mlp_dims: the features between the linear layers; ``4 * dims`` by default.
        dropout: the probability to drop a feature after the attention and after the activation.
        activation: the function between the linear layers.
        norm_first: whether the input of each part is normalized, or the sum.

    Shape:
        ``(B, T, dims)`` to the same.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation: Callable[[Any], Any] = relu,
        norm_first: bool = True,
    ) -> None:
        super().__init__()
        mlp_dims = mlp_dims or dims * 4
        self.attention = MultiHeadAttention(dims, num_heads)
        self.ln1 = LayerNorm(dims)
        self.ln2 = LayerNorm(dims)
        self.linear1 = Linear(dims, mlp_dims)
        self.linear2 = Linear(mlp_dims, dims)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation
        self.norm_first = norm_first

    def __call__(self, x: array, mask: array | str | None) -> array:
        """One layer; ``mask`` is as for :class:`MultiHeadAttention`."""
        raise NotImplementedError(
            "11.12 __call__ - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def feed_forward(self, x: array) -> array:
        """The two linear layers, at each position by itself."""
        raise NotImplementedError(
            "11.12 feed_forward - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class TransformerEncoder(Module):
    """A stack of encoder layers, and a layer norm at the end.

    Args:
        num_layers: how many layers.
        dims, num_heads, mlp_dims, dropout, activation, norm_first: as for each layer.
        checkpoint: whether the derivative computes each layer again instead of keeping what is in
            it.

    Shape:
        ``(B, T, dims)`` to the same.
    """

    def __init__(
        self,
        num_layers: int,
        dims: int,
        num_heads: int,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation: Callable[[Any], Any] = relu,
        norm_first: bool = True,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.layers = [
            TransformerEncoderLayer(dims, num_heads, mlp_dims, dropout, activation, norm_first)
            for _ in range(num_layers)
        ]
        self.ln = LayerNorm(dims)
        self.checkpoint = checkpoint

    def __call__(self, x: array, mask: array | str | None) -> array:
        """All layers, each with the same ``mask``."""
        raise NotImplementedError(
            "11.14 __call__ - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class TransformerDecoderLayer(Module):
    r"""Attention of a sequence to itself, then to a memory, then two linear layers.

    Args:
        dims, num_heads, mlp_dims, dropout, activation, norm_first: as for
            :class:`TransformerEncoderLayer`.

    Shape:
        ``(B, T, dims)`` and a memory ``(B, S, dims)`` to ``(B, T, dims)``.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation: Callable[[Any], Any] = relu,
        norm_first: bool = True,
    ) -> None:
        super().__init__()
        mlp_dims = mlp_dims or dims * 4
        self.self_attention = MultiHeadAttention(dims, num_heads)
        self.cross_attention = MultiHeadAttention(dims, num_heads)
        self.ln1 = LayerNorm(dims)
        self.ln2 = LayerNorm(dims)
        self.ln3 = LayerNorm(dims)
        self.linear1 = Linear(dims, mlp_dims)
        self.linear2 = Linear(mlp_dims, dims)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = activation
        self.norm_first = norm_first

    def __call__(
        self,
        x: array,
        memory: array,
        x_mask: array | str | None,
        memory_mask: array | str | None,
    ) -> array:
        """One layer.

        Args:
            x: the sequence.
            memory: what the encoder made of its own; queries come from ``x``, keys *and* values
                from here.
            x_mask: which of its own positions a position may ask.
            memory_mask: which positions of the memory.
        """
        raise NotImplementedError(
            "11.13 __call__ - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def feed_forward(self, x: array) -> array:
        """The two linear layers, at each position by itself."""
        return self.linear2(self.dropout3(self.activation(self.linear1(x))))


class TransformerDecoder(Module):
    """A stack of decoder layers, and a layer norm at the end.

    Args:
        num_layers, dims, num_heads, mlp_dims, dropout, activation, norm_first, checkpoint: as for
            :class:`TransformerEncoder`.

    Shape:
        ``(B, T, dims)`` and a memory ``(B, S, dims)`` to ``(B, T, dims)``.
    """

    def __init__(
        self,
        num_layers: int,
        dims: int,
        num_heads: int,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation: Callable[[Any], Any] = relu,
        norm_first: bool = True,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.layers = [
            TransformerDecoderLayer(dims, num_heads, mlp_dims, dropout, activation, norm_first)
            for _ in range(num_layers)
        ]
        self.ln = LayerNorm(dims)
        self.checkpoint = checkpoint

    def __call__(
        self,
        x: array,
        memory: array,
        x_mask: array | str | None,
        memory_mask: array | str | None,
    ) -> array:
        """All layers, each with the same memory and masks."""
        raise NotImplementedError(
            "11.14 __call__ - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class Transformer(Module):
    """An encoder, and a decoder that reads what it made.

    Args:
        dims: the features of each position.
        num_heads: the heads of each attention.
        num_encoder_layers, num_decoder_layers: how many layers.
        mlp_dims: the features between the linear layers; ``4 * dims`` by default.
        dropout: the probability to drop a feature.
        activation: the function between the linear layers.
        custom_encoder: a module ``(src, src_mask)`` to take the encoder's place.
        custom_decoder: a module ``(tgt, memory, tgt_mask, memory_mask)`` to take the decoder's.
        norm_first: whether the input of each part is normalized, or the sum.
        checkpoint: whether the derivative computes each layer again.

    Shape:
        ``(B, S, dims)`` and ``(B, T, dims)`` to ``(B, T, dims)``.
    """

    def __init__(
        self,
        dims: int = 512,
        num_heads: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        mlp_dims: int | None = None,
        dropout: float = 0.0,
        activation: Callable[[Any], Any] = relu,
        custom_encoder: Any | None = None,
        custom_decoder: Any | None = None,
        norm_first: bool = True,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        same = (dims, num_heads, mlp_dims, dropout, activation, norm_first, checkpoint)
        if custom_encoder is None:
            custom_encoder = TransformerEncoder(num_encoder_layers, *same)
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(num_decoder_layers, *same)
        self.encoder = custom_encoder
        self.decoder = custom_decoder

    def __call__(
        self,
        src: array,
        tgt: array,
        src_mask: array | str | None,
        tgt_mask: array | str | None,
        memory_mask: array | str | None,
    ) -> array:
        """Read ``src``, and answer at each position of ``tgt``."""
        raise NotImplementedError(
            "11.14 __call__ - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
