"""A Transformer that translates: an encoder reads, a decoder writes.

Source: A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
"""

from __future__ import annotations

import math
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.nn.layers.transformer import MultiHeadAttention, merge_heads, split_heads

State = dict[str, Any]


class Translator(nn.Module):
    """One table of tokens for both languages, and for the logits.

    Args:
        size: how many tokens there are.
        dims: the features of each position.
        heads: the heads of each attention.
        layers: how many layers the encoder has, and the decoder.
        hidden: the features between the linear layers of each layer.
        dropout: the share left out.
        pad: the number of padding.
    """

    def __init__(
        self,
        size: int,
        dims: int,
        heads: int,
        layers: int,
        hidden: int,
        dropout: float = 0.1,
        pad: int = 0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, dims)
        self.positions = nn.SinusoidalPositionalEncoding(dims, scale=1.0)
        self.transformer = nn.Transformer(dims, heads, layers, layers, hidden, dropout)
        self.dropout = nn.Dropout(dropout)
        self.dims, self.pad = dims, pad

    def embed(self, tokens: array, start: int = 0) -> array:
        r"""Tokens and their positions as vectors, ``(N, T)`` to ``(N, T, dims)``.

        A row of the table has about the length 1; times :math:`\sqrt{\text{dims}}` its numbers are
        as large as the sines of the positions that are added.

        Args:
            tokens: integers.
            start: the position of the first one.
        """
        raise NotImplementedError(
            "12.10 embed - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def encode(self, source: array) -> tuple[array, array]:
        """What the encoder makes of some sentences, and which places of them may be asked.

        Args:
            source: ``(N, S)`` integers, filled up with ``pad``.

        Returns:
            The memory, ``(N, S, dims)``, and truth values ``(N, 1, 1, S)``, false at padding: a
            mask for every head and every query.
        """
        raise NotImplementedError(
            "12.10 encode - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, source: array, target: array) -> array:
        """Logits of the next token of each target, all places at once.

        A place of the target sees itself and those before it, and all of the source but its
        padding. (Padding of the target comes last, so nothing before it sees it.) Logits are
        products with the rows of the same table that the tokens come from.

        Args:
            source: ``(N, S)`` integers.
            target: ``(N, T)`` integers, with the token that begins a sentence.

        Returns:
            ``(N, T, size)``.
        """
        raise NotImplementedError(
            "12.10 __call__ - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def start(self, source: array) -> State:
        """The state before the first token: what does not change while a sentence is written.

        The keys and values of the memory are computed here, once for each layer, and not again for
        each token.

        Args:
            source: ``(N, S)`` integers.

        Returns:
            A tree of arrays with ``N`` rows: ``keep``, and for each layer ``memory``, the keys and
            values of the source, and ``past``, those of the target so far: ``None``.
        """
        raise NotImplementedError(
            "12.11 start - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def step(self, tokens: array, state: State) -> tuple[array, State]:
        """Logits after one more token of each row, without computing again what came before.

        Equal to the last place of a whole pass. The state that is given stays as it is.

        Args:
            tokens: ``(N,)`` integers.
            state: what :meth:`start` or an earlier step returned.

        Returns:
            ``(N, size)``, and the next state.
        """
        raise NotImplementedError(
            "12.11 step - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


def projected(attention: MultiHeadAttention, x: array) -> list[array]:
    """The keys and values that an attention makes of some positions, ``(N, H, T, D)`` each."""
    heads = attention.num_heads
    return [split_heads(p(x), heads) for p in (attention.key_proj, attention.value_proj)]


def extended(past: list[array] | None, new: list[array]) -> list[array]:
    """Keys and values with those of new positions behind them."""
    if past is None:
        return new
    return [core.concatenate(pair, axis=2) for pair in zip(past, new)]


def attended(
    attention: MultiHeadAttention, x: array, pair: list[array], mask: array | None
) -> array:
    """What queries get from keys and values that were computed before."""
    q = split_heads(attention.query_proj(x), attention.num_heads)
    scale = math.sqrt(1 / q.shape[-1])
    y = core.fast.scaled_dot_product_attention(q, *pair, scale=scale, mask=mask)
    return attention.out_proj(merge_heads(y))


def asked(model: Translator, source: array, target: array, layer: int = -1) -> array:
    """How much each place of a target asks each place of its source: a map to look at.

    Args:
        model: in evaluation mode.
        source: ``(N, S)`` integers.
        target: ``(N, T)`` integers.
        layer: of which layer of the decoder.

    Returns:
        Weights of all heads, ``(N, H, T, S)``; each row sums to 1.
    """
    memory, keep = model.encode(source)
    x, layers = model.embed(target), model.transformer.decoder.layers
    last = layers[layer]
    for each in layers:
        y = each.ln1(x)
        inner = x + each.self_attention(y, y, y, "causal")
        if each is last:
            break
        x = each(x, memory, "causal", keep)
    attention = last.cross_attention
    q = split_heads(attention.query_proj(last.ln2(inner)), attention.num_heads)
    k, _ = projected(attention, memory)
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    return core.softmax(core.where(keep, scores, -core.inf), axis=-1)
