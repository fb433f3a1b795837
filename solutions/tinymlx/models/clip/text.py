"""Sentences to vectors."""

from __future__ import annotations

from typing import NamedTuple

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.models.language.masks import check_tokens

from .layers import Encoder, TowerConfig


class Text(NamedTuple):
    """What the tower says of sentences."""

    last: array  # (N, L, D): every token, normalized
    pooled: array  # (N, D): the token that ends the sentence
    hidden: list[array]  # before the first block and behind each: some models read an earlier one


class TextEmbeddings(nn.Module):
    """A vector for each token, and one for each position."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.max_position_embeddings, config.hidden_size)

    def __call__(self, tokens: array) -> array:
        """``(N, L)`` to ``(N, L, D)``."""
        length, most = tokens.shape[1], self.position_embedding.weight.shape[0]
        if length > most:
            raise ValueError(
                f"[TextTower] {length} tokens are more than the {most} positions that the model "
                "knows."
            )
        return self.token_embedding(tokens) + self.position_embedding.weight[:length]


class TextTower(nn.Module):
    """A causal Transformer; the vector of a sentence is that of the token that ends it.

    Args:
        config: sizes.

    Shape:
        ``(N, L)`` integers to :class:`Text`.

    Raises (when called):
        ValueError: a sentence is longer than the positions that there are, or there is none.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.end = config.eos_token_id
        self.embeddings = TextEmbeddings(config)
        self.encoder = Encoder(config)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def __call__(self, tokens: array) -> Text:
        """What the tower says of sentences."""
        check_tokens(tokens, "TextTower")
        hidden = self.encoder(self.embeddings(tokens), "causal")
        last = self.final_layer_norm(hidden[-1])
        rows = core.arange(tokens.shape[0])
        return Text(last, last[rows, ends(tokens, self.end)], hidden)


def ends(tokens: array, end: int) -> array:
    """Where each sentence ends: the first place that holds ``end``, ``(N,)``.

    The first published models say 2 for the end of a text, which is wrong. Theirs is the greatest
    number of the vocabulary, so with 2 it is the first place of the greatest number in a sentence.

    Args:
        tokens: ``(N, L)``.
        end: the number of the token that ends a text; each sentence has it.

    Returns:
        ``(N,)`` integers; nothing is evaluated, so that this can be compiled.
    """
    if end == 2:
        return core.argmax(tokens, axis=-1)
    return core.argmax((tokens == end).astype(core.int32), axis=-1)
