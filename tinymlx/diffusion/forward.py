"""A noisy version of anything, in one step."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def share(signal: array, steps: array, x: array) -> array:
    """An entry of a schedule for each example, with axes of size 1 behind, in the schedule's dtype.

    A schedule stays float32 when ``x`` is float16: shares near 1 would become 1 there, and the
    least noise nothing.

    Args:
        signal: ``(T,)``.
        steps: a number, or one for each example, ``(N,)``.
        x: ``(N, ...)``.
    """
    found = signal[steps]
    return found.reshape(found.shape + (1,) * (x.ndim - found.ndim)) if found.ndim else found


def noisy(x: array, noise: array, signal: array, steps: array) -> array:
    r"""What :math:`t` steps of noise make of ``x``, at once.

    .. math:: x_t = \sqrt{\bar\alpha_t} \, x_0 + \sqrt{1 - \bar\alpha_t} \, \epsilon

    Args:
        x: data, ``(N, ...)``.
        noise: :math:`\epsilon`, standard normal, in the shape of ``x``.
        signal: :math:`\bar\alpha`, ``(T,)``.
        steps: for each example, ``(N,)`` integers from 0 to T - 1, or one for all.

    Returns:
        An array in the shape and dtype of ``x``.

    Source: J. Ho et al. (2020), equation 4, https://arxiv.org/abs/2006.11239
    """
    raise NotImplementedError(
        "13.2 noisy - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def signal_to_noise(signal: array) -> array:
    r"""The variance of the signal over that of the noise, :math:`\bar\alpha / (1 - \bar\alpha)`.

    Args:
        signal: :math:`\bar\alpha`, any shape.
    """
    raise NotImplementedError(
        "13.2 signal_to_noise - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
