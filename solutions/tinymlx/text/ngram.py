r"""Counts of what followed what: the model that every network should beat."""

from __future__ import annotations

import math
from collections.abc import Sequence


class NGram:
    r"""A table of which token followed which context, for contexts of every length up to ``order``.

    Let :math:`n_{hc}` be how often token :math:`c` followed the context :math:`h`, :math:`n_h` the
    sum of these over all tokens, :math:`d_h` how many *different* tokens followed, and :math:`h'`
    the context without its oldest token. Then (Witten and Bell)

    .. math:: p(c \mid h) = \frac{n_{hc} + d_h \, p(c \mid h')}{n_h + d_h},

    and below the empty context all ``size`` tokens are equally probable. A context that never
    occurred says nothing: it has the probabilities of :math:`h'`.

    Args:
        order: the length of the longest context, at least 0.
        size: how many tokens there are.

    Attributes:
        counts: for each context that occurred, a tuple of tokens with the newest last, how often
            each token followed.

    Raises:
        ValueError: ``order`` is negative, or ``size`` is below 1.

    Source: I. Witten and T. Bell, The zero-frequency problem (1991).
    """

    def __init__(self, order: int, size: int) -> None:
        if order < 0 or size < 1:
            raise ValueError(f"[NGram] order {order} is negative, or size {size} is below 1.")
        self.order = order
        self.size = size
        self.counts: dict[tuple[int, ...], dict[int, int]] = {}

    def learn(self, tokens: Sequence[int]) -> None:
        """Count every token of a text, after each context in front of it.

        A context is the last 0, 1, ..., ``order`` tokens; near the beginning there are fewer. A
        second text adds to the counts of the first.
        """
        for i, token in enumerate(tokens):
            for n in range(min(i, self.order) + 1):
                followed = self.counts.setdefault(tuple(tokens[i - n : i]), {})
                followed[token] = followed.get(token, 0) + 1

    def probability(self, context: Sequence[int], token: int) -> float:
        """The probability of a token after a context.

        Args:
            context: all tokens before, the newest last; the last ``order`` of them count.
            token: the next one.
        """
        p = 1 / self.size
        for n in range(min(len(context), self.order) + 1):
            followed = self.counts.get(tuple(context[len(context) - n :]))
            if followed is None:
                break
            total, different = sum(followed.values()), len(followed)
            p = (followed.get(token, 0) + different * p) / (total + different)
        return p

    def bits(self, tokens: Sequence[int]) -> float:
        """The mean of ``-log2 p`` over a text: bits a token."""
        surprises = (
            -math.log2(self.probability(tokens[max(0, i - self.order) : i], token))
            for i, token in enumerate(tokens)
        )
        return sum(surprises) / len(tokens)
