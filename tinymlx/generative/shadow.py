"""A moving average of the generator: the one that samples are drawn from."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import Module
from tinymlx.utils import tree_map


class Shadow:
    r"""A generator whose parameters follow those of another one, slowly.

    The two sides of a duel circle around each other, and no single step is the best. The mean over
    the last thousands lies nearer to the middle of the circle. In chapter 6 such a mean served
    validation; here it is the product.

    After step :math:`t` (the first is 0), for *each* array :math:`w` of the generator, also for the
    running statistics of its normalizations, with average :math:`a`,

    .. math:: a \leftarrow \beta_t a + (1 - \beta_t) w, \qquad
              \beta_t = \min\left(\beta, \frac{1 + t}{10 + t}\right)

    so that the random weights of the beginning are soon forgotten.

    Args:
        generator: the generator; the average begins as its present arrays.
        decay: :math:`\beta`, at least 0 and below 1.

    Attributes:
        state: ``{"parameters": the averages, "steps": t}``, arrays all.

    Raises:
        ValueError: ``decay`` is outside of [0, 1).

    Source: Y. Yazıcı et al. (2018), https://arxiv.org/abs/1806.04498
    """

    def __init__(self, generator: Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"[Shadow] decay should be in [0, 1); it is {decay}.")
        self.generator = generator
        self.decay = decay
        self.state: dict[str, Any] = {
            "parameters": generator.parameters(),
            "steps": core.array(0),
        }

    def update(self) -> None:
        """Move all averages a step towards the generator, in the dtypes of its arrays.

        ``self.state["parameters"]`` becomes a new tree of new arrays, ``self.state["steps"]`` is
        one more.
        """
        raise NotImplementedError(
            "9.14 update - exercises/ch09_gan/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, *inputs: array) -> array:
        """What the generator makes of ``inputs`` with the averages, in evaluation mode.

        Afterwards the generator has its own arrays again and is, with all modules in it, in the
        mode that it had itself (``generator.training``), also when something was raised meanwhile.
        """
        raise NotImplementedError(
            "9.14 __call__ - exercises/ch09_gan/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
