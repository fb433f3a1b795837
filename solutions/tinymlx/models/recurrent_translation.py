"""Two recurrent networks that translate: one reads, one writes and asks what was read.

Sources: D. Bahdanau et al., Neural Machine Translation by Jointly Learning to Align and Translate
(2015), https://arxiv.org/abs/1409.0473; M.-T. Luong et al., Effective Approaches to Attention-based
Neural Machine Translation (2015), https://arxiv.org/abs/1508.04025; Y. Wu et al., Google's Neural
Machine Translation System (2016), https://arxiv.org/abs/1609.08144, for where attention sits.
"""

from __future__ import annotations

import math
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array

from .recurrent import Bidirectional, Stack

Tree = dict[str, Any]


class RecurrentTranslator(nn.Module):
    r"""GRUs with attention, on the same table of tokens as :class:`.translation.Translator`.

    The encoder reads in both directions. The decoder's first GRU reads the tokens written so far;
    its states :math:`h` ask the encoder's states :math:`e_1 \dots e_S`,

    .. math:: a = \text{softmax}\left(\frac{e \, W_q h}{\sqrt H}\right), \qquad c = \sum_i a_i e_i,

    and the GRUs above read :math:`[h; c]`. Since no answer goes back into a question, all places of
    a target are computed by one pass of each GRU in training.

    Args:
        size: how many tokens there are.
        dims: the features of each token.
        hidden: the size of a state, :math:`H`; even.
        layers: how many GRUs the encoder has in each direction, and the decoder above its first.
        dropout: the share left out.
        pad: the number of padding.

    Raises:
        ValueError: ``hidden`` is odd, or ``layers`` below 1.
    """

    def __init__(
        self, size: int, dims: int, hidden: int, layers: int, dropout: float = 0.1, pad: int = 0
    ) -> None:
        super().__init__()
        if hidden % 2 or layers < 1:
            raise ValueError(
                f"[RecurrentTranslator] hidden should be even and layers at least 1; they are "
                f"{hidden} and {layers}."
            )
        half = hidden // 2
        self.embedding = nn.Embedding(size, dims)
        self.encoder = [
            Bidirectional(nn.GRU(inputs, half), nn.GRU(inputs, half))
            for inputs in [dims] + [hidden] * (layers - 1)
        ]
        self.bridge = nn.Linear(hidden, hidden)
        self.asking = nn.GRU(dims, hidden)
        self.ask = nn.Linear(hidden, hidden, bias=False)
        self.writing = Stack(
            [nn.GRU(inputs, hidden) for inputs in [2 * hidden] + [hidden] * (layers - 1)], dropout
        )
        self.out = nn.Linear(2 * hidden, dims)
        self.dropout = nn.Dropout(dropout)
        self.dims, self.pad = dims, pad

    def embed(self, tokens: array) -> array:
        """Tokens as vectors, ``(N, T)`` to ``(N, T, dims)``; their places need none."""
        return self.dropout(self.embedding(tokens) * math.sqrt(self.dims))

    def encode(self, source: array) -> tuple[array, array, array]:
        """What the encoder makes of some sentences.

        Args:
            source: ``(N, S)`` integers, filled up with ``pad``.

        Returns:
            Its states ``(N, S, H)``; which places may be asked, ``(N, S)`` truth values; and the
            state that the decoder begins with, ``(N, H)``.
        """
        keep = source != self.pad
        x = self.embed(source)
        for layer in self.encoder:
            y = layer(x, keep)
            x = self.dropout(y)
        return x, keep, core.tanh(self.bridge(layer.summary(y)))

    def answers(self, h: array, memory: array, keep: array) -> array:
        """What states of the decoder get from those of the encoder.

        A sentence of padding alone (a row that fills a batch up) answers zeros.

        Args:
            h: ``(N, T, H)``.
            memory, keep: of :meth:`encode`.

        Returns:
            ``(N, T, H)``.
        """
        queries, states, mask = self.ask(h)[:, None], memory[:, None], keep[:, None, None]
        scale = math.sqrt(1 / h.shape[-1])
        return core.fast.scaled_dot_product_attention(
            queries, states, states, scale=scale, mask=mask
        )[:, 0]

    def logits(self, top: array, answer: array) -> array:
        """Of the uppermost states and the answers, both ``(N, T, H)``, to ``(N, T, size)``."""
        x = core.tanh(self.out(core.concatenate([top, answer], axis=-1)))
        return self.embedding.as_linear(self.dropout(x))

    def __call__(self, source: array, target: array) -> array:
        """Logits of the next token of each target, all places at once.

        Args:
            source: ``(N, S)`` integers.
            target: ``(N, T)`` integers, with the token that begins a sentence.

        Returns:
            ``(N, T, size)``.
        """
        memory, keep, first = self.encode(source)
        h = self.asking(self.embed(target), first)
        answer = self.answers(h, memory, keep)
        top, _ = self.writing(core.concatenate([self.dropout(h), answer], axis=-1))
        return self.logits(top, answer)

    def asked(self, source: array, target: array) -> array:
        """How much each place of a target asks each place of its source, ``(N, T, S)``.

        Args:
            source, target: as for a call.
        """
        memory, keep, first = self.encode(source)
        h = self.asking(self.embed(target), first)
        scores = self.ask(h) @ memory.swapaxes(-1, -2) / math.sqrt(h.shape[-1])
        return core.softmax(core.where(keep[:, None], scores, -core.inf), axis=-1)

    def start(self, source: array) -> Tree:
        """The state before the first token: a tree of arrays with ``N`` rows.

        Args:
            source: ``(N, S)`` integers.
        """
        memory, keep, first = self.encode(source)
        nothing = core.zeros_like(first)
        return {
            "memory": memory,
            "keep": keep,
            "asking": first,
            "writing": [[nothing] for _ in self.writing.layers],
        }

    def step(self, tokens: array, state: Tree) -> tuple[array, Tree]:
        """Logits after one more token of each row. The state that is given stays as it is.

        Args:
            tokens: ``(N,)`` integers.
            state: what :meth:`start` or an earlier step returned.

        Returns:
            ``(N, size)``, and the next state.
        """
        h = self.asking(self.embed(tokens[:, None]), state["asking"])
        answer = self.answers(h, state["memory"], state["keep"])
        both = core.concatenate([self.dropout(h), answer], axis=-1)
        top, writing = self.writing(both, state["writing"])
        logits = self.logits(top, answer)[:, 0]
        return logits, {**state, "asking": h[:, 0], "writing": writing}
