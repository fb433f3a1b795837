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
    raise NotImplementedError(
        "18.3 direction - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "18.3 line_search - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "18.3 minimize - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
