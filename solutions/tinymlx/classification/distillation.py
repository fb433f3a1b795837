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
    if not 0 < temperature < math.inf:
        raise ValueError(
            f"[distillation_loss] temperature should be above 0 and finite; it is {temperature}."
        )
    if not 0 <= share <= 1:
        raise ValueError(f"[distillation_loss] share should be from 0 to 1; it is {share}.")
    if student.shape != teacher.shape:
        raise ValueError(
            f"[distillation_loss] The logits should have one shape; they have {student.shape} and "
            f"{teacher.shape}."
        )
    student = student.astype(core.float32)
    teacher = core.stop_gradient(teacher.astype(core.float32))
    log_p = nn.log_softmax(teacher / temperature, axis=-1)
    log_q = nn.log_softmax(student / temperature, axis=-1)
    apart = core.mean(core.sum(core.exp(log_p) * (log_p - log_q), axis=-1))
    truth = nn.losses.cross_entropy(student, labels, reduction="mean")
    return share * temperature**2 * apart + (1 - share) * truth


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

    def loss(model: Module, x: array, y: array) -> array:
        if not model.training:
            return nn.losses.cross_entropy(model(x), y, reduction="mean")
        x = change(x)
        before = teacher.training
        teacher.eval()
        try:
            answers = teacher(x)
        finally:
            teacher.train(before)
        return distillation_loss(model(x), answers, y, temperature, share)

    return loss
