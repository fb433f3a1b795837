"""What brings pictures and their sentences together, and all others apart."""

from __future__ import annotations

from tinymlx import core, nn
from tinymlx.core import array


def contrastive_loss(pictures: array, sentences: array, scale: array) -> array:
    r"""Which sentence belongs to each picture, and which picture to each sentence?

    With vectors of length 1 and :math:`z_{ij} = s \, p_i \cdot q_j`, the loss is the mean of two
    cross entropies, one over the rows of :math:`z` and one over its columns; the right answer is
    the diagonal in both.

    Args:
        pictures: :math:`p`, ``(N, D)``, each of length 1.
        sentences: :math:`q`, ``(N, D)``, likewise; row ``i`` belongs to picture ``i``.
        scale: :math:`s`, a positive scalar: the inverse of a temperature.

    Returns:
        A scalar. Chance is :math:`\log N`.

    Raises:
        ValueError: the shapes differ.

    Source: A. Radford et al. (2021), figure 3, https://arxiv.org/abs/2103.00020
    """
    raise NotImplementedError(
        "13.17 contrastive_loss - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
