r"""Noise, signal and velocity: a network may predict any of them, and the others follow.

With :math:`a = \sqrt{\bar\alpha}` and :math:`b = \sqrt{1 - \bar\alpha}`, :math:`(a, b)` is a point
on the circle, and :math:`x = a x_0 + b \epsilon`. The velocity is the derivative along the circle,
:math:`v = a \epsilon - b x_0`. So :math:`(x, v)` is :math:`(x_0, \epsilon)` turned, and turning
back needs no division: at :math:`\bar\alpha = 0` the velocity still says something of the signal,
where noise says nothing.

Source: T. Salimans and J. Ho (2022), appendix D, https://arxiv.org/abs/2202.00512
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from tinymlx import core
from tinymlx.core import array

Kind = Literal["noise", "signal", "velocity"]


class Parts(NamedTuple):
    """What a noisy example is made of."""

    signal: array
    noise: array


def parts_of(kind: Kind, predicted: array, x: array, signal: array) -> Parts:
    """The signal and the noise that a prediction means.

    Args:
        kind: what was predicted.
        predicted: the prediction, in the shape of ``x``.
        x: the noisy examples, ``(N, ...)``.
        signal: the share of signal in them, a scalar, or with axes that fit those of ``x``.

    Raises:
        ValueError: ``kind`` is none of the three; the message names ``kind``.
    """
    raise NotImplementedError(
        "13.4 parts_of - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def target_of(kind: Kind, x: array, noise: array, signal: array) -> array:
    """What a network that predicts ``kind`` should say.

    Args:
        kind: what is to be predicted.
        x: data, ``(N, ...)``.
        noise: what was added, in the shape of ``x``.
        signal: the share of signal, with axes that fit.

    Raises:
        ValueError: ``kind`` is none of the three; the message names ``kind``.
    """
    raise NotImplementedError(
        "13.4 target_of - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
