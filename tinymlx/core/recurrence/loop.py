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
from ..transforms import vjp
from .cells import Cell
from .factors import factored, lstm_factors, lstm_pull
from .kernels import agree, on_cuda, pull_kernel, step_kernel

#: The derivative of a step, on bare arrays.
Pull = Callable[..., list[mx.array]]


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
    """The same as a plain loop: each step a product ``p``, and ``b`` if there is one, and a cell.

    Args:
        cell: ``cell.step(x, p, state)`` is the next state; with a mask,
            ``masked_step(cell, x, p, keep, state)``.
        x, w, b, keep, state: as for :func:`recurrence`.

    Returns:
        For each array of the state ``(L, B, H)``: what it is after every step.
    """
    raise NotImplementedError(
        "8.7 unrolled - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def masked_step(cell: Cell, x: array, p: array, keep: array, state: Sequence[array]) -> list[array]:
    """One step; where ``keep`` is false, every array of the state stays as it is.

    Args:
        cell: which one.
        x, p, state: as for its step.
        keep: ``(B, 1)``, truth values.
    """
    raise NotImplementedError(
        "8.13 masked_step - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def masked_pull(
    cell: Cell,
    g: Sequence[array],
    x: array,
    p: array,
    keep: array,
    state: Sequence[array],
) -> tuple[array, array, list[array]]:
    """The derivative of :func:`masked_step`.

    Args:
        cell: which one; ``cell.pull(g, x, p, state)`` is the derivative of its step.
        g: the cotangents of the next state.
        x, p, keep, state: as for the step.

    Returns:
        The cotangents of ``x``, of ``p``, and a list of those of the state before. What a step
        would have been where it is left out, also infinite, changes none of them.
    """
    raise NotImplementedError(
        "8.13 masked_pull - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


# The walk back


def walked_back(
    pull: Pull, w: mx.array, moments: Sequence[Sequence[mx.array]], rest: Sequence[mx.array]
) -> tuple[list[mx.array], list[mx.array], list[mx.array]]:
    """Back-propagation through time: from the last step to the first, on bare arrays.

    A step reads the state twice: in the cell, element by element, and through ``p = h @ w.T``.

    Args:
        pull: ``pull(*moment, *carried, through)``, the derivative of one step. Its cotangents of
            the next state are those in the moment plus ``carried`` (what the step after it had for
            that state, element by element), and for ``h`` plus ``through`` (what came through
            ``p`` of the step after it). It returns, in one list, the cotangents of ``x``, of ``p``,
            and of each array of the state before, element by element.
        w: ``(gates * H, H)``.
        moments: what ``pull`` needs of each step, the first step first.
        rest: for each array of the state its cotangent from behind the last step, ``(B, H)``.

    Returns:
        The cotangents of ``x`` and those of ``p``, one ``(B, gates * H)`` for each step, the first
        step first; and those of the state before the first step.
    """
    raise NotImplementedError(
        "8.8 walked_back - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def weight_pull(gp: mx.array, before: mx.array) -> mx.array:
    """The cotangent of ``w``: the sum over all steps, as one product.

    Args:
        gp: the cotangents of ``p = h @ w.T``, ``(L, B, gates * H)``.
        before: the ``h`` that each of them was made of, ``(L, B, H)``.

    Returns:
        ``(gates * H, H)``.
    """
    raise NotImplementedError(
        "8.8 weight_pull - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    pull: Pull
    if factored(cell, keep is not None):
        parts, pull = [*lstm_factors(x, p, before, y), *g], lstm_pull
    else:
        masks = () if keep is None else (keep,)
        parts, pull = [x, p, *masks, *before, *g], fast_pull(cell, keep is not None)
    moments, rest = list(zip(*map(steps, parts))), [mx.zeros_like(a) for a in first]
    gxs, gps, gstate = walked_back(pull, w, moments, rest)
    gp = over_steps(gps)
    gx = over_steps(gxs) if cell.differ else gp
    gb = gp.reshape(-1, gp.shape[-1]).sum(0)
    return [gx, weight_pull(gp, before[0]), gb, *gstate]


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
    """A step on bare arrays ``x, p, [keep], *state``."""

    def step(x: mx.array, p: mx.array, *rest: mx.array) -> list[mx.array]:
        keep, state = _parted(masked, rest)
        if keep is None:
            new = cell.step(wrap(x), wrap(p), state)
        else:
            new = masked_step(cell, wrap(x), wrap(p), keep, state)
        return [bare(a) for a in new]

    return _fused(step, None if masked else step_kernel, cell)


@functools.cache
def fast_pull(cell: Cell, masked: bool) -> Pull:
    """Its derivative on bare arrays ``x, p, [keep], *state, *g, *carried, through``.

    See :func:`walked_back`. If ``x`` and ``p`` have the same cotangent, it is one array.
    """
    n = cell.states

    def pull(x: mx.array, p: mx.array, *rest: mx.array) -> list[mx.array]:
        keep, others = _parted(masked, rest)
        state, g, carried, through = others[:n], others[n : 2 * n], others[2 * n : -1], others[-1]
        total = [a + b for a, b in zip(g, carried)]
        total[0] = total[0] + through
        if keep is None:
            gx, gp, before = cell.pull(total, wrap(x), wrap(p), state)
        else:
            gx, gp, before = masked_pull(cell, total, wrap(x), wrap(p), keep, state)
        return [bare(a) for a in ([gx, gp] if cell.differ else [gp]) + before]

    fused = _fused(pull, None if masked else pull_kernel, cell)
    if cell.differ:
        return fused

    def twice(*arrays: mx.array) -> list[mx.array]:
        gp, *before = fused(*arrays)
        return [gp, gp, *before]

    return twice


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
        own = kernel(cell) if kernel is not None and on_cuda() and agree(cell) else None
        return (own or compiled)(*arrays)

    return run
