r"""A cell over time, as one primitive.

Written as a plain loop (:func:`unrolled`), a sequence of 256 steps is a graph of thousands of small
operations, and its gradient twice as many. Here the whole loop is one operation with a derivative
of its own:

- forwards, each step is a product :math:`p = W_h h` and the cell, element by element;
- only the states are kept. Backwards, :math:`p` of *all* steps is one product again;
- each step backwards is the cell's derivative and a product with :math:`W_h`; the gradient of
  :math:`W_h`, a sum over all steps, is one product at the end.

Derivatives of the derivative follow from the plain loop.

Shapes: time comes first, ``(L, B, ...)``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from ..arrays import array, bare, wrap
from ..joining import stack
from ..primitive import behind
from ..products import addmm
from ..selection import where
from ..shapes import swapaxes
from ..transforms import vjp
from .cells import Cell
from .kernels import on_cuda, pull_kernel, step_kernel


def recurrence(
    cell: Cell,
    x: array,
    w: array,
    b: array | None,
    state: Sequence[array],
    keep: array | None = None,
) -> list[array]:
    """The states of a cell after every step.

    Args:
        cell: which one.
        x: what the input becomes, ``(L, B, gates * H)``, its bias in it.
        w: ``(gates * H, H)``, the matrix for the state.
        b: ``(gates * H,)``, a bias for ``p``, or ``None``.
        state: the arrays of the state before the first step, ``(B, H)``.
        keep: ``(L, B, 1)``, truth values; where it is false, a step leaves the state as it is.

    Returns:
        For each array of the state ``(L, B, H)``.
    """
    return list(recurrent(x, w, b, keep, *state, cell=cell))


def unrolled(
    cell: Cell,
    x: array,
    w: array,
    b: array | None,
    keep: array | None,
    state: Sequence[array],
) -> list[array]:
    """The same as a plain loop: each step a product, and a call of the cell."""
    wt = swapaxes(w, 0, 1)
    all_states: list[list[array]] = [[] for _ in state]
    for t in range(x.shape[0]):
        p = state[0] @ wt if b is None else addmm(b, state[0], wt)
        state = stepped(cell, x[t], p, None if keep is None else keep[t], state)
        for found, now in zip(all_states, state):
            found.append(now)
    return [stack(found) for found in all_states]


def stepped(
    cell: Cell, x: array, p: array, keep: array | None, state: Sequence[array]
) -> list[array]:
    """One step; where ``keep`` is false, the state stays."""
    new = cell.step(x, p, state)
    return new if keep is None else [where(keep, n, s) for n, s in zip(new, state)]


def pulled(
    cell: Cell,
    g: Sequence[array],
    x: array,
    p: array,
    keep: array | None,
    state: Sequence[array],
) -> tuple[array, array, list[array]]:
    """The derivative of :func:`stepped`."""
    if keep is None:
        return cell.pull(g, x, p, state)
    through = [where(keep, part, 0) for part in g]
    gx, gp, before = cell.pull(through, x, p, state)
    return gx, gp, [a + where(keep, 0, part) for a, part in zip(before, g)]


# The primitive and its derivative


@behind("recurrence")
def recurrent(*arrays: Any, cell: Cell) -> list[mx.array]:
    """The loop on bare arrays ``x, w, b, keep, *state``; see :func:`recurrence`.

    An operation of MLX takes some microseconds, whatever it does. So the steps are cut apart and
    put together again in one operation each.
    """
    x, w, b, keep, *state = arrays
    step = fast_step(cell, keep is not None)
    wt = w.T
    all_states: list[list[mx.array]] = [[] for _ in state]
    for now in zip(steps(x), *(() if keep is None else (steps(keep),))):
        p = state[0] @ wt if b is None else mx.addmm(b, state[0], wt)
        state = step(now[0], p, *now[1:], *state)
        for found, new in zip(all_states, state):
            found.append(new)
    return [over_steps(found) for found in all_states]


def steps(x: mx.array) -> list[mx.array]:
    """``(L, B, n)`` as ``L`` arrays ``(B, n)``."""
    length, batch, n = x.shape
    return list(mx.split(x.reshape(length * batch, n), length))


def over_steps(found: list[mx.array]) -> mx.array:
    """``L`` arrays ``(B, n)`` as ``(L, B, n)``."""
    return mx.concatenate(found).reshape(len(found), *found[0].shape)


@recurrent.defvjp
def recurrent_vjp(
    g: list[array], y: list[array], *arrays: Any, cell: Cell
) -> Sequence[array | None]:
    """Backwards through time, in one operation."""
    gx, gw, gb, *gstate = recurrent_pull(*g, *y, *arrays, cell=cell)
    return gx, gw, (None if arrays[2] is None else gb), None, *gstate


@behind("recurrence_pull")
def recurrent_pull(*arrays: Any, cell: Cell) -> list[mx.array]:
    """The cotangents of ``x``, ``w``, ``b`` and the first state, on bare arrays."""
    n = cell.states
    g, y, (x, w, b, keep, *first) = arrays[:n], arrays[n : 2 * n], arrays[2 * n :]
    before = [mx.concatenate([a[None], later[:-1]]) for a, later in zip(first, y)]
    p = before[0] @ w.T if b is None else mx.addmm(b, before[0], w.T)
    pull = fast_pull(cell, keep is not None)
    masks = () if keep is None else (keep,)
    each = zip(*(steps(a)[::-1] for a in (x, p, *masks, *before, *g)))
    carried = [mx.zeros_like(a) for a in first]
    through = carried[0]  # what comes through p of the next step
    gxs, gps = [], []
    for now in each:
        found = pull(*now, *carried, through)
        inner, carried = found[: -cell.states], found[-cell.states :]
        gxs.append(inner[0])
        gps.append(inner[-1])
        through = inner[-1] @ w
    carried[0] = carried[0] + through
    gp = over_steps(gps[::-1])
    gx = over_steps(gxs[::-1]) if cell.differ else gp
    rows = gp.reshape(-1, gp.shape[-1])
    gw = rows.T @ before[0].reshape(-1, before[0].shape[-1])
    return [gx, gw, rows.sum(0), *carried]


@recurrent_pull.defvjp
def recurrent_pull_vjp(
    g: list[array], y: list[array], *arrays: Any, cell: Cell
) -> Sequence[array | None]:
    """Second derivatives: those of the gradient of the plain loop."""
    n = cell.states
    passive = {*range(n, 2 * n), 2 * n + 3}  # the outputs again, and the mask
    present = [i for i, a in enumerate(arrays) if a is not None and i not in passive]

    def gradient(*given: array) -> list[array]:
        full = list(arrays)
        for i, a in zip(present, given):
            full[i] = a
        x, w, b, keep, *first = full[2 * n :]
        inputs = [x, w, *([] if b is None else [b]), *first]

        def forward(x: array, w: array, *others: array) -> list[array]:
            bias = None if b is None else others[0]
            return unrolled(cell, x, w, bias, keep, others[0 if b is None else 1 :])

        _, found = vjp(forward, inputs, full[:n])
        return list(found)

    cotangents = g if arrays[2 * n + 2] is not None else [*g[:2], *g[3:]]
    _, found = vjp(gradient, [arrays[i] for i in present], cotangents)
    result: list[array | None] = [None] * len(arrays)
    for i, a in zip(present, found):
        result[i] = a
    return result


# The cell on bare arrays, its elementwise operations fused where that pays


@functools.cache
def fast_step(cell: Cell, masked: bool) -> Callable[..., list[mx.array]]:
    """:func:`stepped` on bare arrays ``x, p, [keep], *state``."""

    def step(x: mx.array, p: mx.array, *rest: mx.array) -> list[mx.array]:
        keep, state = _parted(masked, rest)
        return [bare(a) for a in stepped(cell, wrap(x), wrap(p), keep, state)]

    return _fused(step, None if masked else step_kernel, cell)


@functools.cache
def fast_pull(cell: Cell, masked: bool) -> Callable[..., list[mx.array]]:
    """:func:`pulled` on bare arrays ``x, p, [keep], *state, *g, *carried, through``.

    The cotangent of the state is the sum of the last three. Returns the cotangents of ``x`` (only
    if it is another one), of ``p`` and of the state in a row.
    """
    n = cell.states

    def pull(x: mx.array, p: mx.array, *rest: mx.array) -> list[mx.array]:
        keep, others = _parted(masked, rest)
        state, g, carried, through = others[:n], others[n : 2 * n], others[2 * n : -1], others[-1]
        total = [a + b for a, b in zip(g, carried)]
        total[0] = total[0] + through
        gx, gp, before = pulled(cell, total, wrap(x), wrap(p), keep, state)
        return [bare(a) for a in ((gx, gp) if cell.differ else (gp,))] + [bare(a) for a in before]

    return _fused(pull, None if masked else pull_kernel, cell)


def _parted(masked: bool, rest: Sequence[mx.array]) -> tuple[array | None, list[array]]:
    arrays = [wrap(a) for a in rest]
    return (arrays[0], arrays[1:]) if masked else (None, arrays)


def _fused(
    function: Callable[..., list[mx.array]],
    kernel: Callable[[Cell], Callable[..., list[mx.array]] | None] | None,
    cell: Cell,
) -> Callable[..., list[mx.array]]:
    """The fastest way here: on CUDA a kernel of our own where there is one; on other GPUs one that
    ``mx.compile`` makes. (On a CPU its C++ compiler would run for a second at the first step.)"""
    compiled = mx.compile(function)

    def run(*arrays: mx.array) -> list[mx.array]:
        if mx.default_device().type == mx.cpu:
            return function(*arrays)
        own = kernel(cell) if kernel is not None and on_cuda() else None
        return (own or compiled)(*arrays)

    return run
