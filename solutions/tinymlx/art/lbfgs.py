r"""A minimizer for pictures: the curvature is learned from the last few steps.

Sources: J. Nocedal, Updating quasi-Newton matrices with limited storage (1980); A. Lewis and M.
Overton, Nonsmooth optimization via quasi-Newton methods (2013), for the search along a line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array

#: A function's value and its gradient.
Function = Callable[[array], tuple[array, array]]


class Point(NamedTuple):
    """What is known of one place."""

    x: array
    value: float
    gradient: array


class Minimum(NamedTuple):
    """What a search has found."""

    x: array  # the best place that was seen, in the shape of the start
    value: float
    evaluations: int  # how often the function was asked


def dot(a: array, b: array) -> float:
    """The sum of products of two arrays of one shape, as a number."""
    return core.sum(a.astype(core.float32) * b.astype(core.float32)).item()


def direction(gradient: array, steps: Sequence[array], changes: Sequence[array]) -> array:
    r"""Where to go: :math:`-H g`, with :math:`H` the inverse curvature that the steps tell of.

    With :math:`s_k` the steps, :math:`y_k` by how much each changed the gradient, and
    :math:`\rho_k = 1 / s_k \cdot y_k`, one step adds to an inverse curvature :math:`H` what makes
    :math:`H_k y_k = s_k` (the update of Broyden, Fletcher, Goldfarb and Shanno):

    .. math:: H_k = (1 - \rho_k s_k y_k^\top) H_{k-1} (1 - \rho_k y_k s_k^\top)
              + \rho_k s_k s_k^\top

    Before the first one, :math:`H_0 = s \cdot y / y \cdot y` of the *last* step times the
    identity; without steps :math:`H = 1`. No matrix is made: two loops over the steps, the
    lesson derives them.

    Args:
        gradient: :math:`g`, any shape.
        steps, changes: :math:`s_k` and :math:`y_k`, the oldest first, in the shape of ``gradient``;
            each :math:`s_k \cdot y_k` is positive.

    Returns:
        An array of the shape of ``gradient``.
    """
    q, shares = gradient, []
    for s, y in zip(reversed(steps), reversed(changes)):
        shares.append(dot(s, q) / dot(s, y))
        q = q - shares[-1] * y
    if steps:
        q = q * (dot(steps[-1], changes[-1]) / dot(changes[-1], changes[-1]))
    for s, y, share in zip(steps, changes, reversed(shares)):
        q = q + (share - dot(y, q) / dot(s, y)) * s
    return -q


def line_search(
    function: Function,
    start: Point,
    towards: array,
    first: float = 1.0,
    most: int = 20,
    decrease: float = 1e-4,
    curvature: float = 0.9,
) -> tuple[Point, int]:
    r"""A place on a line that is lower, by enough, and where it is less steep.

    With :math:`\phi(t) = f(x + t d)` both of Wolfe's conditions are asked for:
    :math:`\phi(t) \le \phi(0) + c_1 t \phi'(0)` and :math:`\phi'(t) \ge c_2 \phi'(0)`. If the first
    one fails, :math:`t` is too far; if only the second one fails, not far enough. While nothing
    was too far :math:`t` is doubled; afterwards it is halfway between the largest that was not far
    enough (0 at first) and the smallest that was too far. A value that is not finite was too far,
    minus infinity, too: there is nothing to walk to.

    Args:
        function: asked once for each place.
        start: where the line begins.
        towards: :math:`d`, a direction in which the function falls.
        first: the first :math:`t`.
        most: how often the function may be asked; with 0 it is not, and the start comes back.
        decrease, curvature: :math:`c_1` and :math:`c_2`.

    Returns:
        The place, and how often the function was asked. If no place fulfils both in time, the
        lowest one that was seen, which may be the start.

    Raises:
        ValueError: the function does not fall in that direction; the message has the word
            "direction". Nothing is asked then.
    """
    slope = dot(start.gradient, towards)
    if not slope < 0:
        raise ValueError(f"[line_search] The slope in the direction is {slope}; it should fall.")
    low, high, t, best = 0.0, float("inf"), first, start
    for asked in range(1, most + 1):
        x = start.x + t * towards
        value, gradient = function(x)
        here = Point(x, value.item(), gradient)
        finite = abs(here.value) < float("inf")
        if finite and here.value < best.value:
            best = here
        if not (finite and here.value <= start.value + decrease * t * slope):
            high = t
        elif dot(here.gradient, towards) < curvature * slope:
            low = t
        else:
            return here, asked
        t = 2 * t if high == float("inf") else (low + high) / 2
    return best, most


def minimize(
    function: Function, x: array, evaluations: int = 100, memory: int = 10, enough: float = 1e-6
) -> Minimum:
    """Walk to a minimum of a function, with as many questions as are allowed.

    As long as no step is remembered, the direction is against the gradient, and the first length
    to try is ``1 / sum(|gradient|)``, at most 1; otherwise it is 1. Of each step that was made the
    last ``memory`` are remembered, if step and change of the gradient have a positive product, be
    it ever so small. The
    search ends when the largest slope is at most ``enough``, when a line has no lower place, or
    when the function has been asked ``evaluations`` times: never more often. (A line may ask 20
    times, or what is left.) If a direction does not lead down, what is remembered is forgotten.

    Args:
        function: the value and the gradient.
        x: where to begin.
        evaluations: how often the function may be asked, at least 1.
        memory: how many steps are remembered, at least 1.
        enough: the largest slope that counts as none.

    Returns:
        The best place that was seen.

    Raises:
        ValueError: fewer than one evaluation or step to remember, or a start whose value is not
            finite ("evaluations", "memory" and "finite").
    """
    if evaluations < 1 or memory < 1:
        raise ValueError(
            f"[minimize] evaluations and memory should be at least 1; they are {evaluations} and "
            f"{memory}."
        )
    value, gradient = function(x)
    here, asked = Point(x, value.item(), gradient), 1
    if not abs(here.value) < float("inf"):
        raise ValueError(f"[minimize] The value at the start is not finite: {here.value}.")
    steps: list[array] = []
    changes: list[array] = []
    while asked < evaluations and core.max(core.abs(here.gradient)).item() > enough:
        towards = direction(here.gradient, steps, changes)
        if not dot(towards, here.gradient) < 0:
            steps, changes, towards = [], [], -here.gradient
        first = 1.0 if steps else min(1.0, 1 / core.sum(core.abs(here.gradient)).item())
        new, more = line_search(function, here, towards, first, min(20, evaluations - asked))
        asked += more
        if new.value >= here.value:
            break
        s, y = new.x - here.x, new.gradient - here.gradient
        if dot(s, y) > 0:
            steps, changes = [*steps, s][-memory:], [*changes, y][-memory:]
        here = new
    return Minimum(here.x, here.value, asked)
