"""Recurrent layers put together: on top of each other, and in both directions."""

from __future__ import annotations

from collections.abc import Sequence

from tinymlx import core, nn
from tinymlx.core import array

#: What is carried from one sequence to the next: for each layer its arrays, ``(N, H)``.
State = list[list[array]]


def mask(lengths: array, steps: int) -> array:
    """Which steps of sequences of unequal length are real: ``(N, steps)``, truth values."""
    return core.arange(steps) < lengths[:, None]


class Stack(nn.Module):
    """Recurrent layers on top of each other: each reads the states of the one below.

    Args:
        layers: ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM`` layers whose sizes fit.
        dropout: the share of numbers left out *between* two layers (never in front of the first,
            nor after the last, nor from one time to the next).
    """

    def __init__(self, layers: Sequence[nn.RNN | nn.GRU | nn.LSTM], dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = list(layers)
        self.dropout = nn.Dropout(dropout)

    def __call__(
        self, x: array, state: State | None = None, keep: array | None = None
    ) -> tuple[array, State]:
        """Read sequences, and say where one would go on.

        Each layer has ``after_steps(x, *state, keep=keep)``: all its states after every step, a
        list, :math:`h` first.

        Args:
            x: ``(N, L, D)``.
            state: what an earlier call returned, for each layer a list of its arrays ``(N, H)``;
                zeros if left out.
            keep: ``(N, L)``, truth values; false where there is no step.

        Returns:
            The states of the last layer after every step, ``(N, L, H)``; and the state of every
            layer after the last step.
        """
        found: State = []
        for i, layer in enumerate(self.layers):
            if i > 0:
                x = self.dropout(x)
            before = [] if state is None else state[i]
            after = layer.after_steps(x, *before, keep=keep)
            x = after[0]
            found.append([s[:, -1] for s in after])
        return x, found


class Bidirectional(nn.Module):
    """Two recurrent layers over the same sequences, one of them from the end to the beginning.

    Args:
        forward, backward: two layers of the same sizes.
    """

    def __init__(
        self, forward: nn.RNN | nn.GRU | nn.LSTM, backward: nn.RNN | nn.GRU | nn.LSTM
    ) -> None:
        super().__init__()
        self.forward = forward
        self.backward = backward

    def __call__(self, x: array, keep: array | None = None) -> array:
        """What both layers know at every step.

        Each layer has ``after_steps(x, keep=keep)``: its states after every step, :math:`h` first.

        Args:
            x: ``(N, L, D)``.
            keep: ``(N, L)``, truth values; false where there is no step (at the end of a sequence).

        Returns:
            ``(N, L, 2 H)``. At step ``t`` first what the forward layer has after reading up to
            ``t``, then what the backward layer has after reading from the end down to ``t``.
        """
        (ahead, *_) = self.forward.after_steps(x, keep=keep)
        turned = None if keep is None else keep[:, ::-1]
        (back, *_) = self.backward.after_steps(x[:, ::-1], keep=turned)
        return core.concatenate([ahead, back[:, ::-1]], axis=-1)

    def summary(self, y: array) -> array:
        """Of what a call returned: what each layer has after reading a whole sequence.

        Args:
            y: ``(N, L, 2 H)``.

        Returns:
            ``(N, 2 H)``, the forward layer's first. Also for sequences of unequal length: a step
            that is not there leaves a state as it is.
        """
        size = y.shape[-1] // 2
        return core.concatenate([y[:, -1, :size], y[:, 0, size:]], axis=-1)
