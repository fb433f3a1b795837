r"""How much of the signal is left at each step, :math:`\bar\alpha_t` for :math:`t = 0 \dots T - 1`.

With :math:`\beta_t`, the variance that step :math:`t` adds, it is
:math:`\bar\alpha_t = \prod_{s \le t} (1 - \beta_s)`. There is no entry for the data themselves: at
:math:`t = 0` one step has been made.
"""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array


def linear_signal(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> array:
    r""":math:`\bar\alpha` where :math:`\beta` grows evenly from ``first`` to ``last``.

    Args:
        steps: :math:`T`.
        first, last: :math:`\beta_0` and :math:`\beta_{T-1}`.

    Returns:
        ``(steps,)``, falling.

    Source: J. Ho, A. Jain, P. Abbeel (2020), section 4, https://arxiv.org/abs/2006.11239
    """
    raise NotImplementedError(
        "13.1 linear_signal - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def scaled_linear_signal(steps: int = 1000, first: float = 0.00085, last: float = 0.012) -> array:
    r""":math:`\bar\alpha` where the *root* of :math:`\beta` grows evenly: Stable Diffusion's.

    Args, returns: as for :func:`linear_signal`.

    Source: R. Rombach et al. (2022), https://arxiv.org/abs/2112.10752, and its published code
    """
    return core.cumprod(1 - core.square(core.linspace(first**0.5, last**0.5, steps)))


def cosine_signal(steps: int = 1000, offset: float = 0.008, most: float = 0.999) -> array:
    r""":math:`\bar\alpha` as the square of a cosine, so that little is lost at both ends.

    With :math:`f(u) = \cos^2 \left( \frac{u + s}{1 + s} \frac{\pi}{2} \right)` the variances are
    :math:`\beta_t = \min \left( 1 - f(\tfrac{t + 1}{T}) / f(\tfrac{t}{T}), \beta_\text{max}
    \right)`. Without the bound the last one would be 1.

    Args:
        steps: :math:`T`.
        offset: :math:`s`, so that the first steps are not too small.
        most: :math:`\beta_\text{max}`.

    Returns:
        ``(steps,)``, falling.

    Source: A. Nichol and P. Dhariwal (2021), section 3.2, https://arxiv.org/abs/2102.09672
    """
    raise NotImplementedError(
        "13.1 cosine_signal - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def zero_terminal(signal: array) -> array:
    r"""The schedule moved and stretched so that nothing of the signal is left at the last step.

    Most schedules leave some: with 1 % of the amplitude a network learns from the brightness that
    shines through, and starts from noise without it later. What is moved and stretched is the
    amplitude, :math:`\sqrt{\bar\alpha}`; the first entry stays.

    Args:
        signal: ``(T,)``, falling.

    Returns:
        ``(T,)``, from the same first entry to 0.

    Source: S. Lin et al. (2023), algorithm 1, https://arxiv.org/abs/2305.08891
    """
    raise NotImplementedError(
        "13.1 zero_terminal - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
