"""How like is a picture to its original?"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array

SIDE, SIGMA = 11, 1.5  # of the window of SSIM


def mean_squared_error(x: array, y: array) -> array:
    """The mean of the squared differences of each pair of pictures.

    It is computed in float32, also where the pictures have half precision: the sum of a few squares
    of bytes is larger than any float16. The result has the dtype of the pictures.

    Shape:
        Twice ``(N, ...)`` to ``(N,)``.
    """
    raise NotImplementedError(
        "10.2 mean_squared_error - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def psnr(x: array, y: array, peak: float = 1.0) -> array:
    r"""Peak signal-to-noise ratio of each pair of pictures, in decibels (dB).

    .. math:: 10 \log_{10} \frac{\text{peak}^2}{\text{MSE}}

    Two equal pictures have infinitely many. Mean and quotient are computed in float32, also where
    the pictures have half precision; the result has the dtype of the pictures.

    Args:
        x, y: pictures, ``(N, ...)``.
        peak: the largest value that a pixel can have, 255 for bytes.

    Shape:
        Twice ``(N, ...)`` to ``(N,)``.
    """
    raise NotImplementedError(
        "10.2 psnr - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def gaussian_window(side: int = SIDE, sigma: float = SIGMA) -> array:
    """``(side, side)`` weights that fall off like a bell from the middle; their sum is 1."""
    places = core.arange(side) - (side - 1) / 2
    bell = core.exp(-core.square(places) / (2 * sigma**2))
    window = bell[:, None] * bell
    return window / core.sum(window)


def local_mean(x: array) -> array:
    """The mean around each place, weighted by :func:`gaussian_window`, where the window fits.

    The result has the dtype of ``x``.

    Shape:
        ``(N, H, W, C)`` to ``(N * C, H - 10, W - 10, 1)``.
    """
    raise NotImplementedError(
        "10.3 local_mean - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def ssim(x: array, y: array, peak: float = 1.0) -> array:
    r"""Structural similarity of each pair of pictures: 1 for equal ones.

    With means :math:`\mu`, variances :math:`\sigma^2` and the covariance :math:`\sigma_{xy}` in the
    window around a place, all weighted by the window (so the variance is
    :math:`E[x^2] - \mu_x^2`),

    .. math:: \frac{(2 \mu_x \mu_y + c_1)(2 \sigma_{xy} + c_2)}
                   {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)}, \quad
              c_1 = (0.01\,\text{peak})^2,\; c_2 = (0.03\,\text{peak})^2,

    and the mean of it over all places where the window fits, and over the channels. All of it is
    computed in float32, also where the pictures have half precision: a variance is a small
    difference of large numbers. The result has the dtype of the pictures.

    Args:
        x, y: pictures, ``(N, H, W, C)``.
        peak: the largest value that a pixel can have.

    Shape:
        Twice ``(N, H, W, C)`` to ``(N,)``.

    Raises:
        ValueError: the window, 11 x 11, is larger than the pictures.

    Source: Z. Wang, A. Bovik, H. Sheikh and E. Simoncelli, Image quality assessment (2004).
    """
    raise NotImplementedError(
        "10.3 ssim - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
