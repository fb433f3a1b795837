r"""Recurrent cells: one step in time, and its derivative.

A step sees the input only through :math:`x = W_x x_t + b`, which a layer computes for all times at
once, and the state before only through :math:`p = W_h h` and element by element. So a cell is a
function of ``x``, ``p`` and the state without any matrix in it, and the loop over time
(:mod:`.loop`) multiplies.

Shapes: ``x`` and ``p`` are ``(B, gates * H)``, gates side by side along the last axis; each array
of the state is ``(B, H)``, the first of them :math:`h`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..arrays import array
from ..creation import zeros_like
from ..exponential import sigmoid
from ..joining import concatenate
from ..selection import maximum, where
from ..trigonometry import tanh

State = Sequence[array]


@dataclass(frozen=True)
class Cell:
    """A recurrent cell.

    Attributes:
        name: for messages.
        gates: how many blocks of ``H`` numbers ``x`` and ``p`` have.
        states: how many arrays the state has.
        step: ``step(x, p, state)`` is the next state.
        pull: ``pull(g, x, p, state)`` are the cotangents of ``x``, of ``p`` and of the state
            before, a list, from those of the next state.
        differ: whether those of ``x`` and ``p`` differ; they do not where only the sum counts.
    """

    name: str
    gates: int
    states: int
    step: Callable[[array, array, State], list[array]]
    pull: Callable[[State, array, array, State], tuple[array, array, list[array]]]
    differ: bool = False


def parts(x: array, n: int) -> list[array]:
    """``x`` cut into ``n`` blocks of one size along the last axis.

    By slices: ``mx.compile`` loses its way where the outputs of one ``split`` are split again.
    """
    size = x.shape[-1] // n
    return [x[..., i * size : (i + 1) * size] for i in range(n)]


def rnn_step(x: array, p: array, state: State) -> list[array]:
    r"""Elman's cell: :math:`h' = \tanh(x + p)`.

    Args:
        x, p: ``(B, H)``.
        state: ``h``, ``(B, H)``, in a sequence; the cell sees it through ``p`` only.

    Returns:
        ``h'``, in a list.

    Source: J. Elman, Finding structure in time (1990).
    """
    return [tanh(x + p)]


def rnn_pull(g: State, x: array, p: array, state: State) -> tuple[array, array, list[array]]:
    r"""The derivative of :func:`rnn_step`.

    The slope of tanh is :math:`1 - \tanh^2`.

    Args:
        g: the cotangent of ``h'``, in a sequence.
        x, p, state: as for the step.

    Returns:
        The cotangents of ``x``, of ``p``, and a list with that of ``h``, in its shape: what comes
        through ``p`` is not in it.
    """
    y = tanh(x + p)
    gx = g[0] * (1 - y * y)
    return gx, gx, [zeros_like(state[0])]


def relu_step(x: array, p: array, state: State) -> list[array]:
    r"""Elman's cell with :math:`h' = \max(x + p, 0)`."""
    return [maximum(x + p, 0)]


def relu_pull(g: State, x: array, p: array, state: State) -> tuple[array, array, list[array]]:
    """The derivative of :func:`relu_step`."""
    gx = where(x + p > 0, g[0], 0)
    return gx, gx, [zeros_like(state[0])]


def lstm_step(x: array, p: array, state: State) -> list[array]:
    r"""The long short-term memory.

    With :math:`(i, f, g, o) = x + p`, in this order,

    .. math:: c' = \sigma(f) \, c + \sigma(i) \tanh(g), \qquad h' = \sigma(o) \tanh(c').

    Args:
        x, p: ``(B, 4 H)``.
        state: ``h`` and ``c``, ``(B, H)``.

    Returns:
        ``h'`` and ``c'``.

    Source: S. Hochreiter and J. Schmidhuber, Long short-term memory (1997), with the forget gate of
    F. Gers et al. (2000).
    """
    _, c = state
    i, f, g, o = parts(x + p, 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return [sigmoid(o) * tanh(c), c]


def lstm_pull(g: State, x: array, p: array, state: State) -> tuple[array, array, list[array]]:
    r"""The derivative of :func:`lstm_step`, which the lesson derives.

    The gates are computed again. ``h`` counts through ``p`` only, so its own cotangent is zero, and
    ``x`` and ``p`` count as their sum, so theirs are the same.

    Args:
        g: the cotangents of ``h'`` and ``c'``.
        x, p, state: as for the step.

    Returns:
        The cotangents of ``x``, of ``p``, and a list of those of ``h`` and ``c``.
    """
    gh, gc = g
    h, c = state
    i, f, z, o = parts(x + p, 4)
    i, f, z, o = sigmoid(i), sigmoid(f), tanh(z), sigmoid(o)
    y = tanh(f * c + i * z)
    gc = gc + gh * o * (1 - y * y)
    gx = concatenate(
        [
            gc * z * i * (1 - i),
            gc * c * f * (1 - f),
            gc * i * (1 - z * z),
            gh * y * o * (1 - o),
        ],
        axis=-1,
    )
    return gx, gx, [zeros_like(h), gc * f]


def gru_step(x: array, p: array, state: State) -> list[array]:
    r"""The gated recurrent unit.

    With :math:`(r, z, n)` for the three parts of ``x`` and of ``p``,

    .. math::
        r = \sigma(x_r + p_r), \quad z = \sigma(x_z + p_z), \quad
        n = \tanh(x_n + r \, p_n), \quad h' = (1 - z) \, n + z \, h.

    The reset gate multiplies what the state was *projected* to, as in MLX, PyTorch and cuDNN; in
    the first version of the paper it multiplies the state.

    Args:
        x, p: ``(B, 3 H)``.
        state: ``h``, ``(B, H)``, in a sequence.

    Returns:
        ``h'``, in a list.

    Source: K. Cho et al., Learning phrase representations using RNN encoder-decoder (2014).
    """
    (h,) = state
    xr, xz, xn = parts(x, 3)
    pr, pz, pn = parts(p, 3)
    r, z = sigmoid(xr + pr), sigmoid(xz + pz)
    n = tanh(xn + r * pn)
    return [(1 - z) * n + z * h]


def gru_pull(g: State, x: array, p: array, state: State) -> tuple[array, array, list[array]]:
    """The derivative of :func:`gru_step`; ``x`` and ``p`` differ in the last part."""
    (gh,), (h,) = g, state
    xr, xz, xn = parts(x, 3)
    pr, pz, pn = parts(p, 3)
    r, z = sigmoid(xr + pr), sigmoid(xz + pz)
    n = tanh(xn + r * pn)
    gn = gh * (1 - z) * (1 - n * n)
    gr = gn * pn * r * (1 - r)
    gz = gh * (h - n) * z * (1 - z)
    gx = concatenate([gr, gz, gn], axis=-1)
    gp = concatenate([gr, gz, gn * r], axis=-1)
    return gx, gp, [gh * z]


RNN = Cell("RNN", 1, 1, rnn_step, rnn_pull)
RELU = Cell("RNN", 1, 1, relu_step, relu_pull)
LSTM = Cell("LSTM", 4, 2, lstm_step, lstm_pull)
GRU = Cell("GRU", 3, 1, gru_step, gru_pull, differ=True)
