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
        ValueError: the shapes differ, or there are no pairs; the message says "each needs its
            sentence".

    Source: A. Radford et al. (2021), figure 3, https://arxiv.org/abs/2103.00020
    """
    if pictures.shape != sentences.shape or pictures.shape[0] == 0:
        raise ValueError(
            f"[contrastive_loss] There should be pictures, and each needs its sentence; the shapes "
            f"are {pictures.shape} and {sentences.shape}."
        )
    logits = scale * (pictures @ sentences.T)
    answers = core.arange(logits.shape[0])
    of_rows = nn.losses.cross_entropy(logits, answers, reduction="mean")
    of_columns = nn.losses.cross_entropy(logits.T, answers, reduction="mean")
    return (of_rows + of_columns) / 2
