"""Pictures that both sides see changed."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.vision.augmentation import random_crop, several


def random_view(x: array, shift: int = 2, light: float = 0.2, key: array | None = None) -> array:
    """Each picture moved a little, and its ink a little stronger or weaker.

    With few training pictures the discriminator learns them by heart. If it sees each in ever new
    views, it cannot. But then it must see what is *made* in such views, too, and the slope must
    come back through them: otherwise the generator learns to draw moved pictures.

    Every picture is moved by whole pixels, up to ``shift`` up or down and up to ``shift`` left or
    right, each as likely as the others; what comes in from outside is paper, -1. Its ink, which is
    ``x + 1``, is multiplied by a factor that is uniform from ``1 - light`` to ``1 + light``. All
    three are drawn anew for each picture. The result is linear in the ink, so it has a slope.

    Args:
        x: pictures from -1, paper, to 1, ink: ``(N, H, W, C)``.
        shift: how far a picture may move.
        light: how much its ink may change.
        key: what the draw follows from; by default the global random state.

    Returns:
        An array of the shape and dtype of ``x``; it may reach beyond 1, and never below -1.

    Source: S. Zhao et al. (2020), https://arxiv.org/abs/2006.10738
    """
    raise NotImplementedError(
        "9.19 random_view - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
