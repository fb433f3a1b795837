"""Recurrent layers: a state that is carried from step to step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.recurrence.cells import GRU as GRU_CELL
from tinymlx.core.recurrence.cells import LSTM as LSTM_CELL
from tinymlx.core.recurrence.cells import RELU, Cell
from tinymlx.core.recurrence.cells import RNN as RNN_CELL
from tinymlx.core.recurrence.loop import recurrence
from tinymlx.nn.activations import relu, tanh
from tinymlx.nn.module import Module

#: Nonlinearities with a cell of their own; others run as a plain loop.
CELLS: dict[Any, Cell] = {tanh: RNN_CELL, core.tanh: RNN_CELL, relu: RELU}


def over_time(
    cell: Cell,
    projected: array,
    w: array,
    b: array | None,
    *state: array | None,
    keep: array | None = None,
) -> list[array]:
    """A cell over the sequences of a layer.

    Args:
        cell: which one.
        projected: ``(..., L, gates * H)``: the inputs times their matrix.
        w, b: matrix and bias for the state.
        state: the arrays of the state before the first step, ``(..., H)``; what is ``None`` or left
            out are zeros.
        keep: ``(..., L)``, truth values; false where a step shall not change the state.

    Returns:
        For each array of the state ``(..., L, H)``.

    Raises:
        ValueError: there are less than two axes, or no steps.
    """
    if projected.ndim < 2:
        raise ValueError(
            f"[{cell.name}] The input should be (N, L, D) or (L, D), but it has {projected.ndim} "
            f"axes."
        )
    *outer, length, width = projected.shape
    if length == 0:
        raise ValueError(f"[{cell.name}] The sequences have no steps.")
    batch, hidden = math.prod(outer), w.shape[1]
    x = core.swapaxes(projected.reshape(batch, length, width), 0, 1)
    zeros = core.zeros((batch, hidden), projected.dtype)
    first = [
        zeros if s is None else core.broadcast_to(s, (*outer, hidden)).reshape(batch, hidden)
        for s in [*state, *[None] * (cell.states - len(state))]
    ]
    if keep is not None:
        keep = core.swapaxes(keep.reshape(batch, length), 0, 1)[..., None]
    found = recurrence(cell, x, w, b, first, keep)
    return [core.swapaxes(y, 0, 1).reshape(*outer, length, hidden) for y in found]


def projection(x: array, w: array, b: array | None) -> array:
    """What all inputs become before the first step: all of them times their matrix, in one product.

    Args:
        x: ``(..., L, D)``.
        w: ``(gates * H, D)``.
        b: ``(gates * H,)``, or ``None``.

    Returns:
        ``(..., L, gates * H)``.
    """
    return x @ w.T if b is None else core.addmm(b, x, w.T)


class RNN(Module):
    r"""Elman's recurrent layer, :math:`h_{t+1} = \tanh(W_{xh} x_t + W_{hh} h_t + b)`.

    Args:
        input_size: the size of an input, :math:`D`.
        hidden_size: the size of the state, :math:`H`.
        bias: whether to add :math:`b`.
        nonlinearity: a function in the place of tanh.

    Shape:
        ``(N, L, D)`` or ``(L, D)`` to ``(N, L, H)`` or ``(L, H)``, the state after every step;
        ``Wxh`` is ``(H, D)``, ``Whh`` is ``(H, H)``, ``bias`` is ``(H,)``.

    All start uniform within :math:`\pm 1/\sqrt H`.

    Raises:
        ValueError: ``nonlinearity`` cannot be called.

    Source: J. Elman, Finding structure in time (1990).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity or tanh
        if not callable(self.nonlinearity):
            raise ValueError(f"Nonlinearity must be callable. Current value: {nonlinearity}.")
        scale = 1.0 / math.sqrt(hidden_size)
        self.hidden_size = hidden_size
        self.Wxh = core.random.uniform(low=-scale, high=scale, shape=(hidden_size, input_size))
        self.Whh = core.random.uniform(low=-scale, high=scale, shape=(hidden_size, hidden_size))
        self.bias = (
            core.random.uniform(low=-scale, high=scale, shape=(hidden_size,)) if bias else None
        )

    def _extra_repr(self) -> str:
        return (
            f"input_dims={self.Wxh.shape[1]}, hidden_size={self.hidden_size}, "
            f"nonlinearity={self.nonlinearity}, bias={self.bias is not None}"
        )

    def __call__(self, x: array, hidden: array | None = None) -> array:
        """The state after every step.

        Args:
            x: the sequences, ``(N, L, D)`` or ``(L, D)``.
            hidden: the state before the first step, ``(N, H)`` or ``(H,)``; zeros if left out.
        """
        if self.nonlinearity in CELLS:
            return self.after_steps(x, hidden)[0]
        x = projection(x, self.Wxh, self.bias)
        all_hidden = []
        for t in range(x.shape[-2]):
            now = x[..., t, :]
            hidden = now if hidden is None else core.addmm(now, hidden, self.Whh.T)
            hidden = self.nonlinearity(hidden)
            all_hidden.append(hidden)
        return core.stack(all_hidden, axis=-2)

    def after_steps(self, x: array, *state: array | None, keep: array | None = None) -> list[array]:
        """The state after every step, in a list; where ``keep``, ``(..., L)``, is false it stays.

        Raises:
            ValueError: the nonlinearity is neither tanh nor relu.
        """
        if self.nonlinearity not in CELLS:
            raise ValueError("[RNN] A mask needs the nonlinearity tanh or relu.")
        projected = projection(x, self.Wxh, self.bias)
        return over_time(CELLS[self.nonlinearity], projected, self.Whh, None, *state, keep=keep)


class GRU(Module):
    r"""The gated recurrent unit.

    .. math::
        \begin{aligned}
        r_t &= \sigma(W_{xr} x_t + W_{hr} h_t + b_r) \\
        z_t &= \sigma(W_{xz} x_t + W_{hz} h_t + b_z) \\
        n_t &= \tanh(W_{xn} x_t + b_n + r_t (W_{hn} h_t + b_{hn})) \\
        h_{t+1} &= (1 - z_t) \, n_t + z_t \, h_t
        \end{aligned}

    Args:
        input_size: the size of an input, :math:`D`.
        hidden_size: the size of the state, :math:`H`.
        bias: whether there are biases.

    Shape:
        ``(N, L, D)`` or ``(L, D)`` to ``(N, L, H)`` or ``(L, H)``, the state after every step;
        ``Wx`` is ``(3 H, D)``, ``Wh`` is ``(3 H, H)``, ``b`` is ``(3 H,)``, ``bhn`` is ``(H,)``.

    All start uniform within :math:`\pm 1/\sqrt H`.

    Source: K. Cho et al., Learning phrase representations using RNN encoder-decoder (2014).
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        scale = 1.0 / math.sqrt(hidden_size)

        def start(*shape: int) -> array:
            return core.random.uniform(low=-scale, high=scale, shape=shape)

        self.Wx = start(3 * hidden_size, input_size)
        self.Wh = start(3 * hidden_size, hidden_size)
        self.b = start(3 * hidden_size) if bias else None
        self.bhn = start(hidden_size) if bias else None

    def _extra_repr(self) -> str:
        return (
            f"input_dims={self.Wx.shape[1]}, hidden_size={self.hidden_size}, "
            f"bias={self.b is not None}"
        )

    def __call__(self, x: array, hidden: array | None = None) -> array:
        """The state after every step.

        Args:
            x: the sequences, ``(N, L, D)`` or ``(L, D)``.
            hidden: the state before the first step, ``(N, H)`` or ``(H,)``; zeros if left out.
        """
        return self.after_steps(x, hidden)[0]

    def after_steps(self, x: array, *state: array | None, keep: array | None = None) -> list[array]:
        """The state after every step, in a list; where ``keep``, ``(..., L)``, is false it stays.

        ``b`` belongs to the inputs, ``bhn`` to the third part of what the state is projected to.
        """
        bias = self.bhn
        if bias is not None:  # the other two gates have theirs in x
            bias = core.pad(bias, (2 * self.hidden_size, 0))
        projected = projection(x, self.Wx, self.b)
        return over_time(GRU_CELL, projected, self.Wh, bias, *state, keep=keep)


class LSTM(Module):
    r"""The long short-term memory.

    .. math::
        \begin{aligned}
        i_t &= \sigma(W_{xi} x_t + W_{hi} h_t + b_i) \\
        f_t &= \sigma(W_{xf} x_t + W_{hf} h_t + b_f) \\
        g_t &= \tanh(W_{xg} x_t + W_{hg} h_t + b_g) \\
        o_t &= \sigma(W_{xo} x_t + W_{ho} h_t + b_o) \\
        c_{t+1} &= f_t \, c_t + i_t \, g_t \\
        h_{t+1} &= o_t \tanh(c_{t+1})
        \end{aligned}

    Args:
        input_size: the size of an input, :math:`D`.
        hidden_size: the size of the state, :math:`H`.
        bias: whether there is a bias.

    Shape:
        ``(N, L, D)`` or ``(L, D)`` to two arrays ``(N, L, H)`` or ``(L, H)``, the state :math:`h`
        and the cell :math:`c` after every step; ``Wx`` is ``(4 H, D)``, ``Wh`` is ``(4 H, H)``,
        ``bias`` is ``(4 H,)``.

    All start uniform within :math:`\pm 1/\sqrt H`.

    Source: S. Hochreiter and J. Schmidhuber, Long short-term memory (1997).
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        scale = 1.0 / math.sqrt(hidden_size)

        def start(*shape: int) -> array:
            return core.random.uniform(low=-scale, high=scale, shape=shape)

        self.Wx = start(4 * hidden_size, input_size)
        self.Wh = start(4 * hidden_size, hidden_size)
        self.bias = start(4 * hidden_size) if bias else None

    def _extra_repr(self) -> str:
        return (
            f"input_dims={self.Wx.shape[1]}, hidden_size={self.hidden_size}, "
            f"bias={self.bias is not None}"
        )

    def __call__(
        self, x: array, hidden: array | None = None, cell: array | None = None
    ) -> tuple[array, array]:
        """State and cell after every step.

        Args:
            x: the sequences, ``(N, L, D)`` or ``(L, D)``.
            hidden, cell: both before the first step, ``(N, H)`` or ``(H,)``; zeros if left out.
        """
        h, c = self.after_steps(x, hidden, cell)
        return h, c

    def after_steps(self, x: array, *state: array | None, keep: array | None = None) -> list[array]:
        """State and cell after every step; where ``keep``, ``(..., L)``, is false both stay."""
        projected = projection(x, self.Wx, self.bias)
        return over_time(LSTM_CELL, projected, self.Wh, None, *state, keep=keep)
