"""From a sequence to a sequence: an encoder reads hours, a decoder writes hours."""

from __future__ import annotations

import math

from tinymlx import core, nn
from tinymlx.core import array


class Forecaster(nn.Module):
    r"""Two GRUs; the second one asks all states of the first by attention before each answer.

    The encoder reads ``(N, L, dims)``. The decoder makes one step for each hour to come. It starts
    from the encoder's last state, and reads the value before (at first the last one that is known)
    and what is known of the hour (its place on the clock: ``known`` features). Its new state
    :math:`h` asks the encoder's states :math:`e_1 \dots e_L`:

    .. math:: a = \text{softmax}\left(\frac{e \, W_q h}{\sqrt H}\right), \qquad
              c = \sum_i a_i e_i, \qquad \hat y = W_o [h; c] + b_o + y_\text{before}

    so that a decoder that answers 0 is persistence.

    Args:
        dims: features of the past.
        known: features that are known of the hours to come.
        hidden: ``H``.

    The parameters: ``encoder``, ``decoder`` (``nn.GRU``, of ``1 + known`` inputs, the value first),
    ``ask`` (a linear layer without bias, :math:`W_q`), ``out``.

    Source: D. Bahdanau et al. (2015) for attention; S. Bengio et al., Scheduled Sampling (2015).
    """

    def __init__(self, dims: int, known: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.GRU(dims, hidden)
        self.decoder = nn.GRU(1 + known, hidden)
        self.ask = nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(2 * hidden, 1)

    def attend(self, h: array, states: array) -> array:
        r"""What the decoder gets from the encoder's states: :math:`c`.

        Args:
            h: the decoder's state, ``(N, H)``.
            states: ``(N, L, H)``.

        Returns:
            ``(N, H)``.
        """
        scores = core.sum(states * self.ask(h)[:, None], axis=-1) / math.sqrt(h.shape[-1])
        shares = core.softmax(scores, axis=-1)  # (N, L)
        return core.sum(shares[..., None] * states, axis=1)

    def __call__(
        self,
        past: array,
        last: array,
        known: array,
        truth: array | None = None,
        teacher: float = 0.0,
        key: array | None = None,
    ) -> array:
        r"""Forecast all steps. The past is read once, and the decoder goes on from its own state.

        In training, *scheduled sampling* decides for each step and each row by itself what the
        decoder reads: with the probability ``teacher`` the true value before, otherwise its own
        forecast. The draws are ``core.random.uniform(shape=(K, N), key=key) < teacher``, row
        ``k`` for the value that step ``k`` reads (that of step 0 is always ``last``). Without
        ``truth`` it always reads its own, and nothing is drawn. The gradient flows through its own
        forecasts.

        Args:
            past: ``(N, L, dims)``.
            last: the last known value, ``(N,)``, in the units of the forecast.
            known: of the hours to come, ``(N, K, known)``.
            truth: ``(N, K)``; for training only.
            teacher: from 0 to 1.
            key: of ``core.random.key``; the global state if left out.

        Returns:
            ``(N, K)``.

        Raises:
            ValueError: ``teacher`` is outside of 0 to 1, or it is positive and there is no
                ``truth``.
        """
        if not 0 <= teacher <= 1 or (teacher > 0 and truth is None):
            raise ValueError(
                f"[Forecaster] teacher should be from 0 to 1, and 0 without truth; it is {teacher}."
            )
        states = self.encoder(past)  # (N, L, H)
        h, before = states[:, -1], last
        steps = known.shape[1]
        if truth is not None:
            told = core.random.uniform(shape=(steps, last.shape[0]), key=key) < teacher
        found: list[array] = []
        for k in range(steps):
            if k > 0:
                before = found[-1]
                if truth is not None:
                    before = core.where(told[k], truth[:, k - 1], before)
            x = core.concatenate([before[:, None], known[:, k]], axis=-1)
            h = self.decoder(x[:, None], h)[:, 0]
            c = self.attend(h, states)
            found.append(self.out(core.concatenate([h, c], axis=-1))[:, 0] + before)
        return core.stack(found, axis=1)
