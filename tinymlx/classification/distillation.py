"""A small network that learns what a large one thinks of all classes."""

from __future__ import annotations

import math
from collections.abc import Callable

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.nn import Module

Change = Callable[[array], array]


def distillation_loss(
    student: array, teacher: array, labels: array, temperature: float = 4.0, share: float = 0.9
) -> array:
    r"""The teacher's opinion and the truth, in one number.

    With :math:`p = \text{softmax}(z_\text{teacher} / T)` and :math:`q` likewise of the student,

    .. math:: \ell = \frac{1}{N} \sum_n \Big( \alpha T^2 \sum_k p_{nk} \log \frac{p_{nk}}{q_{nk}}
        + (1 - \alpha) H(y_n, z_n) \Big)

    where :math:`H` is the cross entropy of the student's own logits, at temperature 1. The factor
    :math:`T^2` keeps the slopes of the first part as large as they are at :math:`T = 1`. Nothing
    flows back to the teacher. It is computed in float32, whatever the dtype of the logits, and is
    finite for all finite logits, also for a class to which the teacher gives no probability.

    Args:
        student: logits, ``(N, classes)``.
        teacher: logits of the same shape.
        labels: ``(N,)`` integers, or ``(N, classes)`` distributions.
        temperature: :math:`T`, above 0 and finite.
        share: :math:`\alpha`, from 0 to 1.

    Returns:
        A scalar in float32.

    Raises:
        ValueError: ``temperature`` or ``share`` outside of these or no number, or logits of two
            shapes; the message has the word "temperature", "share" or "shape".

    Source: G. Hinton et al. (2015), https://arxiv.org/abs/1503.02531
    """
    raise NotImplementedError(
        "16.8 distillation_loss - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def distilled(
    teacher: Module,
    change: Change,
    temperature: float = 4.0,
    share: float = 0.9,
) -> Callable[[Module, array, array], array]:
    """A loss for :class:`~tinymlx.training.Trainer`: ``loss(model, x, y)``, a scalar.

    While ``model.training``, the pictures are changed once, and teacher and student both see the
    changed ones; the loss is :func:`distillation_loss`. Each call asks the teacher anew: the same
    pictures are changed otherwise the next time. Otherwise it is the mean cross entropy of
    ``model`` on the pictures as they are, and the teacher is not asked.

    The teacher answers in evaluation mode, and is never trained: its parameters and its running
    statistics stay as they are. After each call it is in the mode in which it was before.

    Args:
        teacher: from pictures to logits.
        change: a random change of a batch of pictures, called as ``change(x)``.
        temperature, share: as of :func:`distillation_loss`.
    """
    raise NotImplementedError(
        "16.8 distilled - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
