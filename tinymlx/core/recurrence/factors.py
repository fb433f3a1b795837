r"""What a step of an LSTM multiplies on the way back, for all steps at once.

Backwards, a step of an LSTM is linear in its cotangents:

.. math::
    \bar c = \bar c' + a \, \bar h, \qquad \bar p = k \, (\bar c, \bar c, \bar c, \bar h), \qquad
    \bar c_\text{before} = f \, \bar c,

and the factors :math:`a`, :math:`k` and :math:`f` are made of states that are all known before the
walk begins. On a CPU a small operation costs about as much as its call, so we compute the factors
of all steps in large operations, and the walk has few small ones left.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence

import mlx.core as mx

from ..arrays import bare, wrap
from .cells import Cell

Arrays = Sequence[mx.array]


def lstm_factors(x: mx.array, p: mx.array, before: Arrays, after: Arrays) -> list[mx.array]:
    """The factors ``k``, ``a`` and ``f`` of all steps.

    Args:
        x, p: ``(L, B, 4 H)``.
        before, after: ``h`` and ``c`` before and after each step, ``(L, B, H)``.

    Returns:
        ``(L, B, 4 H)``, and twice ``(L, B, H)``.
    """
    i, f, g, o = mx.split(x + p, 4, axis=-1)
    i, f, g, o = mx.sigmoid(i), mx.sigmoid(f), mx.tanh(g), mx.sigmoid(o)
    y = mx.tanh(after[1])
    parts = [g * i * (1 - i), before[1] * f * (1 - f), i * (1 - g * g), y * o * (1 - o)]
    return [mx.concatenate(parts, axis=-1), o * (1 - y * y), f]


def lstm_pull(*arrays: mx.array) -> list[mx.array]:
    """A step back, as :func:`.loop.walked_back` wants it.

    Its moment is ``k, a, f, gh, gc``. Nothing goes back to ``h`` element by element, so what is
    carried for it is zero from the beginning, and handed on.
    """
    k, a, f, gh, gc, zero, carried, through = arrays
    h = gh + through
    c = gc + carried + a * h
    gp = mx.concatenate([c, c, c, h], axis=-1) * k
    return [gp, gp, zero, f * c]


def factored(cell: Cell, masked: bool) -> bool:
    """Whether the walk back is to go this way: on a CPU, for an LSTM without a mask."""
    on_cpu = mx.default_device().type == mx.cpu
    return cell.name == "LSTM" and not masked and on_cpu and agrees(cell)


@functools.cache
def agrees(cell: Cell) -> bool:
    """Whether this is what the cell's own derivative says, on a small example: who writes or
    changes a cell shall see what it does."""
    rng = random.Random(0)

    def drawn(*shape: int) -> mx.array:
        return mx.array([rng.uniform(-1, 1) for _ in range(math.prod(shape))]).reshape(shape)

    x, p = drawn(2, 12), drawn(2, 12)
    state, g = ([drawn(2, 3) for _ in range(2)] for _ in range(2))
    wrapped = [wrap(a) for a in state]
    after = [bare(a) for a in cell.step(wrap(x), wrap(p), wrapped)]
    _, gp, before = cell.pull([wrap(a) for a in g], wrap(x), wrap(p), wrapped)
    zero = mx.zeros((2, 3))
    found = lstm_pull(*lstm_factors(x, p, state, after), *g, zero, zero, zero)[1:]
    expected = [bare(a) for a in (gp, *before)]
    return all(mx.allclose(a, b, atol=1e-5).item() for a, b in zip(found, expected))
