"""More of what was asked for: the difference between asking and not asking, enlarged."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def without_some(conditions: array, nothing: array, drop: float, key: array | None = None) -> array:
    """Conditions, of which some are replaced by that of nothing: so one network learns both.

    Nothing is evaluated, so that a step of training may be compiled.

    Args:
        conditions: ``(N, ...)``.
        nothing: the condition that asks for nothing, ``(...)``.
        drop: the probability for each example.
        key: what the draw follows from; by default the global random state.

    Returns:
        An array in the shape and dtype of ``conditions``.

    Raises:
        ValueError: ``drop`` is not from 0 to 1.

    Source: J. Ho and T. Salimans (2022), algorithm 1, https://arxiv.org/abs/2207.12598
    """
    raise NotImplementedError(
        "13.12 without_some - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def guided(unconditional: array, conditional: array, scale: float) -> array:
    r"""The prediction, further in the direction of what was asked for.

    .. math::
        \epsilon = \epsilon_\text{without}
        + w \, (\epsilon_\text{with} - \epsilon_\text{without})

    With :math:`w = 0` nothing is asked for, with 1 it is the conditional prediction, above 1 more
    than that. (The paper's :math:`w` is smaller by 1.)

    Args:
        unconditional, conditional: predictions, of one shape.
        scale: :math:`w`.
    """
    raise NotImplementedError(
        "13.12 guided - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
