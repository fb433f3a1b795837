r"""DPM-Solver++: the exact solution of the way back, but for how :math:`x_0` changes on it.

In :math:`\lambda = \log \sqrt{\bar\alpha} - \log \sqrt{1 - \bar\alpha}`, the logarithm of amplitude
over noise, the equation is linear but for :math:`x_0(\lambda)`, and its linear part is solved
exactly. If :math:`x_0` were constant, one step would do: that is DDIM. The second order takes the
slope of :math:`x_0` from the step before, which costs nothing.

Source: C. Lu et al., DPM-Solver++ (2022), algorithm 2, https://arxiv.org/abs/2211.01095
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def log_ratio(signal: array) -> array:
    r""":math:`\lambda`, from minus infinity for noise to infinity for data."""
    return 0.5 * (core.log(signal) - core.log(1 - signal))


def solver_step(
    x: array,
    x0: array,
    signal: array,
    before: array,
    last_x0: array | None = None,
    last_signal: array | None = None,
) -> array:
    r"""One step back of DPM-Solver++ (2M): exact where :math:`x_0` is a line in :math:`\lambda`.

    The lesson derives the formula. The line goes through :math:`x_0` here and in the step before,
    and is taken in the middle of the step. The first step has none before it and takes
    :math:`x_0` as it is. The last one ends at the data, where :math:`\lambda` is infinite: it
    returns :math:`x_0`.

    Args:
        x: :math:`x_t`.
        x0: what the network takes for the data here.
        signal: :math:`\bar\alpha_t`.
        before: :math:`\bar\alpha_{t'}`; 1 for the data themselves.
        last_x0, last_signal: the same of the step before this one, if there was one; one of them
            alone is not used.

    Returns:
        :math:`x_{t'}`, in the shape of ``x``.
    """
    raise NotImplementedError(
        "13.8 solver_step - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
