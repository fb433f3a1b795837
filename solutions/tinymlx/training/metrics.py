r"""Metrics: how good predictions are, in numbers that people understand.

A loss is made to be differentiated; these are made to be read. All take whole arrays of predictions
and return arrays.
"""

from __future__ import annotations

from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


def accuracy(logits: array, labels: array) -> array:
    """The share of examples whose greatest logit stands at the right class.

    Args:
        logits: ``(N, C)`` numbers (or probabilities).
        labels: ``(N,)`` class indices.

    Raises:
        ValueError: the shapes do not fit.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"[accuracy] Expected logits (N, C) and labels (N,), got {logits.shape} and "
            f"{labels.shape}."
        )
    return core.mean((core.argmax(logits, axis=-1) == labels).astype(core.float32))


def top_k_accuracy(logits: array, labels: array, k: int) -> array:
    """The share of examples whose right class is among the ``k`` with the greatest logits.

    A class counts as better than the right one only if its logit is greater.

    Args:
        logits: ``(N, C)`` numbers (or probabilities).
        labels: ``(N,)`` class indices.
        k: how many answers are allowed, from 1 to ``C``.

    Raises:
        ValueError: the shapes do not fit, or ``k`` is out of range.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not 1 <= k <= logits.shape[1]:
        raise ValueError(
            f"[top_k_accuracy] Expected logits (N, C), labels (N,) and k from 1 to C, got "
            f"{logits.shape}, {labels.shape} and {k}."
        )
    right = core.take_along_axis(logits, labels[:, None].astype(core.int32), axis=1)
    better = core.sum((logits > right).astype(core.int32), axis=1)
    return core.mean((better < k).astype(core.float32))


def confusion_matrix(predictions: array, labels: array, classes: int) -> array:
    """How often each class was taken for each.

    Args:
        predictions: ``(N,)`` class indices that were predicted.
        labels: ``(N,)`` class indices that are right.
        classes: how many classes there are.

    Returns:
        ``(classes, classes)`` integers: row ``i``, column ``j`` counts examples of class ``i`` that
        were predicted as ``j``. The diagonal is what was right.

    Raises:
        ValueError: the shapes differ, or an index is negative or too great.
    """
    check_same_length("confusion_matrix", predictions, labels)
    for name, x in (("predictions", predictions), ("labels", labels)):
        if x.size and (x.min().item() < 0 or x.max().item() >= classes):
            raise ValueError(
                f"[confusion_matrix] {name} should lie between 0 and {classes - 1}; they reach "
                f"from {x.min().item()} to {x.max().item()}."
            )
    zeros = core.zeros((classes, classes), dtype=core.int32)
    return zeros.at[labels, predictions].add(1)


class ROC(NamedTuple):
    """A receiver operating characteristic: one entry for each threshold, from strict to lenient."""

    false_positive_rate: array  # the share of negatives that are taken for positive
    true_positive_rate: array  # the share of positives that are found ("sensitivity")
    thresholds: array  # scores from here on are positive; the first is infinite


def roc_curve(scores: array, labels: array) -> ROC:
    """What a threshold on the score costs and brings, for every threshold that matters.

    The examples are sorted by their score, greatest first. With a threshold at the score of one of
    them, it and all before it are taken for positive. Equal scores cannot be told apart: only the
    last of them gives a point.

    Args:
        scores: ``(N,)`` numbers, greater for what is more likely positive.
        labels: ``(N,)``, 1 for positive, 0 for negative.

    Returns:
        The rates and their thresholds; the first point is (0, 0), the last is (1, 1).

    Raises:
        ValueError: the shapes differ, a label is neither 0 nor 1, or one of them never occurs; a
            score is nan, which has no place in an order.

    Source: T. Fawcett, An introduction to ROC analysis (2006).
    """
    positives, negatives = count_labels("roc_curve", scores, labels)
    if core.any(core.isnan(scores)).item():
        raise ValueError("[roc_curve] A score is nan, which has no place in an order.")
    order = core.argsort(scores)[::-1]  # not of -scores: unsigned integers have no negative
    scores, labels = scores[order], labels[order].astype(core.int32)
    found, false = core.cumsum(labels), core.cumsum(1 - labels)
    last = [i for i, here in enumerate((scores[1:] != scores[:-1]).tolist()) if here]
    last.append(scores.shape[0] - 1)
    at = core.array(last)
    zero = core.zeros((1,))
    return ROC(
        core.concatenate([zero, false[at] / negatives]),
        core.concatenate([zero, found[at] / positives]),
        core.concatenate([core.full((1,), float("inf")), scores[at].astype(core.float32)]),
    )


def area_under(x: array, y: array) -> array:
    r"""The area under a curve by trapezoids, :math:`\sum_i (x_{i+1} - x_i)(y_i + y_{i+1}) / 2`."""
    return core.sum((x[1:] - x[:-1]) * (y[1:] + y[:-1])) / 2


def auc(scores: array, labels: array) -> array:
    """The area under the ROC curve.

    It is the probability that a random positive has a greater score than a random negative, ties
    counting half: 1 is perfect, 0.5 is guessing.

    Args, errors: as for :func:`roc_curve`.
    """
    curve = roc_curve(scores, labels)
    return area_under(curve.false_positive_rate, curve.true_positive_rate)


class Calibration(NamedTuple):
    """Predicted probabilities against what happened, in bins of equal width."""

    confidence: array  # the mean probability in each bin; nan in an empty one
    frequency: array  # the share of positives in each bin; nan in an empty one
    counts: array  # how many examples each bin has
    error: array  # the expected calibration error, a scalar


def calibration(probabilities: array, labels: array, bins: int = 10) -> Calibration:
    r"""Whether things that are given 70% happen in 70% of all cases.

    Bin :math:`b` of :math:`B` holds the probabilities from :math:`b/B` to below :math:`(b+1)/B`
    (the last one also 1). With :math:`n_b` examples, their mean probability :math:`p_b` and their
    share of positives :math:`f_b` the expected calibration error is
    :math:`\sum_b \frac{n_b}{N} |p_b - f_b|`.

    Args:
        probabilities: ``(N,)`` numbers from 0 to 1.
        labels: ``(N,)``, 1 for positive, 0 for negative.
        bins: :math:`B`.

    Raises:
        ValueError: the shapes differ, a probability is outside of [0, 1], or ``bins`` is below 1.

    Source: C. Guo et al., On Calibration of Modern Neural Networks (2017),
    https://arxiv.org/abs/1706.04599
    """
    check_same_length("calibration", probabilities, labels)
    outside = (probabilities < 0) | (probabilities > 1) | core.isnan(probabilities)
    if bins < 1 or core.any(outside).item():
        raise ValueError(
            f"[calibration] Expected probabilities from 0 to 1 and at least 1 bin; {bins} bins, "
            f"{int(core.sum(outside).item())} numbers outside."
        )
    probabilities = probabilities.astype(core.float32)
    bin_of = core.minimum((probabilities * bins).astype(core.int32), bins - 1)
    zeros = core.zeros((bins,))
    counts = zeros.at[bin_of].add(1.0)
    confidence = zeros.at[bin_of].add(probabilities) / counts
    frequency = zeros.at[bin_of].add(labels.astype(core.float32)) / counts
    gaps = core.where(counts > 0, core.abs(confidence - frequency), 0)
    error = core.sum(counts * gaps) / probabilities.shape[0]
    return Calibration(confidence, frequency, counts, error)


def check_same_length(name: str, a: array, b: array) -> None:
    """Compare the shapes of two arrays of one axis, which must not be empty.

    Raises:
        ValueError: they differ.
    """
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise ValueError(
            f"[{name}] Expected two arrays of shape (N,) with N at least 1, got {a.shape} and "
            f"{b.shape}."
        )


def count_labels(name: str, scores: array, labels: array) -> tuple[int, int]:
    """The number of positives and of negatives.

    Raises:
        ValueError: the shapes differ, a label is neither 0 nor 1, or one of them never occurs.
    """
    check_same_length(name, scores, labels)
    positives = int(core.sum(labels == 1).item())
    negatives = int(core.sum(labels == 0).item())
    if positives + negatives != labels.size or not positives or not negatives:
        raise ValueError(
            f"[{name}] Labels should be 0 and 1, each at least once; of {labels.size} labels "
            f"{positives} are 1 and {negatives} are 0."
        )
    return positives, negatives
