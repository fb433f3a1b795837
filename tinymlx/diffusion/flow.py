r"""Rectified flow: straight lines from noise to data.

Here time runs from 0, data, to 1, noise: :math:`x_t = (1 - t) x_0 + t \epsilon`. On each line the
velocity is constant, :math:`\epsilon - x_0`; the network learns its mean over all lines that pass
through a point. From noise to data one walks against it.

Sources: X. Liu, C. Gong, Q. Liu (2022), https://arxiv.org/abs/2209.03003; Y. Lipman et al. (2022),
https://arxiv.org/abs/2210.02747
"""

from __future__ import annotations

from collections.abc import Callable

from tinymlx import core
from tinymlx.core import array

#: ``(x, t)`` to the velocity at ``x``; ``t`` is ``(N,)``.
Velocity = Callable[[array, array], array]


def on_the_line(x: array, noise: array, t: array) -> array:
    """The point of each line at its time.

    Args:
        x: data, ``(N, ...)``.
        noise: standard normal, in the shape of ``x``.
        t: times from 0 to 1, ``(N,)``.
    """
    raise NotImplementedError(
        "13.9 on_the_line - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def flow_loss(velocity: Velocity, x: array, noise: array, t: array) -> array:
    """The mean square of what the network's velocity differs from that of the lines.

    Args:
        velocity: the network, which is asked once.
        x, noise, t: as for :func:`on_the_line`.

    Returns:
        A scalar.
    """
    raise NotImplementedError(
        "13.9 flow_loss - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def flow_times(count: int, shift: float = 1.0) -> list[float]:
    r"""Times from 1 down to 0, ``count + 1`` of them.

    They are even if ``shift`` is 1; otherwise :math:`t` becomes :math:`s t / (1 + (s - 1) t)`:
    with :math:`s > 1` more of them lie near noise, which large pictures need.

    Args:
        count: how many steps.
        shift: :math:`s`.

    Raises:
        ValueError: ``count`` is below 1, or ``shift`` not above 0.

    Source: P. Esser et al. (2024), section 5.3.2, https://arxiv.org/abs/2403.03206
    """
    if count < 1 or not shift > 0:
        raise ValueError(
            f"[flow_times] count should be at least 1 and shift above 0; they are {count} and "
            f"{shift}."
        )
    even = [1 - i / count for i in range(count + 1)]
    return [shift * t / (1 + (shift - 1) * t) for t in even]


def euler(velocity: Velocity, x: array, times: list[float]) -> array:
    """From noise to data in straight steps.

    Each step is started as soon as it is written (``async_eval``), so that the device works while
    Python goes on; so no transform can look through this function.

    Args:
        velocity: the network.
        x: noise, ``(N, ...)``.
        times: falling, such as :func:`flow_times`; the network is asked once for each but the last.
    """
    raise NotImplementedError(
        "13.10 euler - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def heun(velocity: Velocity, x: array, times: list[float]) -> array:
    """From noise to data; each step goes with the mean of the velocities at both of its ends.

    Args:
        velocity: the network, which is asked twice for each step.
        x, times: as for :func:`euler`.
    """
    raise NotImplementedError(
        "13.10 heun - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
