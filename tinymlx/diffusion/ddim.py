"""A step back without noise, or with as much of it as one likes."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def ddim_step(
    x0: array,
    noise: array,
    signal: array,
    before: array,
    eta: float = 0.0,
    fresh: array | None = None,
) -> array:
    r"""One step back: the same signal and the same noise, mixed as the step before has them.

    .. math::
        x_{t'} = \sqrt{\bar\alpha_{t'}} \, x_0 + \sqrt{1 - \bar\alpha_{t'} - \sigma^2} \, \epsilon
               + \sigma \, \epsilon',
        \qquad
        \sigma = \eta \sqrt{\frac{1 - \bar\alpha_{t'}}{1 - \bar\alpha_t}
                            \left( 1 - \frac{\bar\alpha_t}{\bar\alpha_{t'}} \right)}

    With :math:`\eta = 0` nothing is random: the same noise at the beginning gives the same picture.
    With :math:`\eta = 1` it is a step of :func:`.ddpm_step`.

    Args:
        x0, noise: what the noisy examples are made of (:func:`.parts_of`).
        signal: :math:`\bar\alpha_t`.
        before: :math:`\bar\alpha_{t'}`; 1 for the data themselves.
        eta: :math:`\eta`.
        fresh: :math:`\epsilon'`, standard normal; needed unless ``eta`` is 0.

    Raises:
        ValueError: ``eta`` is negative, or is not 0 and there is no ``fresh`` noise.

    Source: J. Song, C. Meng, S. Ermon (2020), equations 12 and 16, https://arxiv.org/abs/2010.02502
    """
    raise NotImplementedError(
        "13.6 ddim_step - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
