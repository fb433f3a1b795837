"""The best denoiser that there is, if all data are known."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def best_denoiser(x: array, data: array, signal: array) -> array:
    r"""The mean of the data, given their noisy version: what a perfect network would predict.

    If the data are :math:`M` points, each equally likely, it is a mean of all of them, weighted by
    how probably each became :math:`x`:

    .. math::
        \operatorname{E}[x_0 \mid x] = \sum_m w_m d_m, \qquad
        w = \operatorname{softmax}_m \left( - \frac{\| x - a d_m \|^2}{2 b^2} \right)

    (:math:`a = \sqrt{\bar\alpha}`, :math:`b = \sqrt{1 - \bar\alpha}`). With little noise it is the
    nearest point itself: a perfect denoiser of a finite set only copies.

    Args:
        x: noisy points, ``(N, D)``.
        data: :math:`d`, ``(M, D)``.
        signal: :math:`\bar\alpha`, below 1: a scalar, or ``(N, 1)``.

    Returns:
        ``(N, D)``.
    """
    raise NotImplementedError(
        "13.3 best_denoiser - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
