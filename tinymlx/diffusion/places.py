"""Which of the steps of training are taken, when fewer are enough."""

from __future__ import annotations

from typing import Literal

Spacing = Literal["leading", "trailing", "linspace"]


def places(total: int, count: int, spacing: Spacing = "trailing", offset: int = 0) -> list[int]:
    """``count`` of ``total`` steps, the noisiest first.

    * ``"leading"``: the multiples of ``total // count``, from 0 on, plus ``offset``. The noisiest
      step of training is never among them.
    * ``"trailing"``: from the noisiest one, ``total - 1``, down at equal distances, rounded; step 0
      is not among them.
    * ``"linspace"``: from ``total - 1`` to 0, both, rounded.

    A half is rounded to the even number, by ``round`` as by NumPy, and before the 1 of "trailing"
    is subtracted.

    Args:
        total: how many steps training had.
        count: how many are taken.
        spacing: which of the three.
        offset: for ``"leading"``; Stable Diffusion has 1.

    Raises:
        ValueError: ``count`` is not from 1 to ``total``, or another ``spacing``.

    Source: S. Lin et al. (2023), table 2, https://arxiv.org/abs/2305.08891
    """
    raise NotImplementedError(
        "13.7 places - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
