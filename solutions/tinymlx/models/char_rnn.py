"""A recurrent network that predicts the next character."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.text.lanes import windows
from tinymlx.text.sampling import sample

from .recurrent import Stack, State
from .recurrent_starts import open_forget_gates, orthogonal_start


class CharRNN(nn.Module):
    """Characters to vectors, LSTM layers on top of each other, and logits of the next character.

    Args:
        size: how many characters there are.
        dims: the size of their vectors, and of every state.
        layers: how many LSTM layers.
        dropout: the share left out in front of each layer, and in front of the logits.

    The matrices for the state start orthogonal, the forget gates open.
    """

    def __init__(self, size: int, dims: int, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, dims)
        self.dropout = nn.Dropout(dropout)
        stack = [nn.LSTM(dims, dims) for _ in range(layers)]
        for layer in stack:
            open_forget_gates(layer)
            layer.Wh = orthogonal_start(layer.Wh)
        self.stack = Stack(stack, dropout)
        self.head = nn.Linear(dims, size)

    def __call__(self, tokens: array, state: State | None = None) -> tuple[array, State]:
        """Logits of the next character after each one.

        Args:
            tokens: ``(N, L)`` integers.
            state: what an earlier call returned, for tokens that continue those.

        Returns:
            ``(N, L, size)``, and the state after the last token.
        """
        x = self.dropout(self.embedding(tokens))  # (N, L) -> (N, L, dims)
        x, state = self.stack(x, state)  # (N, L, dims)
        return self.head(self.dropout(x)), state  # (N, L, size)

    def step(self, tokens: array, state: State | None) -> tuple[array, State]:
        """Logits after one more token of each row, ``(N,)`` to ``(N, size)``."""
        logits, state = self(tokens[:, None], state)
        return logits[:, 0], state

    def bits(self, tokens: array, lanes: int = 16, length: int = 256) -> float:
        """Bits a token of a text, without dropout; in ``lanes`` that each begin from zeros."""
        training = self.training
        self.eval()
        total, count, state = 0.0, 0, None
        for x, y in windows(tokens, lanes, length):
            logits, state = self(x, state)
            each = nn.losses.cross_entropy(logits, y, reduction="sum")
            core.eval(each, state)
            total, count = total + each.item(), count + y.size
        self.train(training)
        return total / count / math.log(2)

    def write(
        self,
        prompt: Sequence[int],
        count: int,
        temperature: float = 1.0,
        k: int | None = None,
        p: float | None = None,
    ) -> list[int]:
        """Tokens that continue a prompt, which has at least one."""
        training = self.training
        self.eval()
        logits, state = self(core.array([list(prompt)]))
        logits, written = logits[:, -1], []
        for _ in range(count):
            token = sample(logits, temperature, k, p)
            logits, state = self.step(token, state)
            written.append(token.item())
        self.train(training)
        return written
