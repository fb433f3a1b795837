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
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing == "leading":
        return [total // count * i + offset for i in reversed(range(count))]
    if spacing == "trailing":
        return [round(total - total / count * i) - 1 for i in range(count)]
    if spacing == "linspace":
        if count == 1:
            return [total - 1]
        return [round((total - 1) * i / (count - 1)) for i in reversed(range(count))]
    raise ValueError(
        f'[places] spacing should be "leading", "trailing" or "linspace"; it is {spacing!r}.'
    )
