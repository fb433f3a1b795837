"""A split without leakage: groups stay together, classes keep their shares."""

from __future__ import annotations

from collections import Counter

from tinymlx import core
from tinymlx.core import array


def grouped_split(
    labels: array, groups: array, share: float, key: array | None = None
) -> tuple[array, array]:
    """Divide examples into a part to train on and a part to test on.

    What is promised, and nothing else is graded:

    * every example is in exactly one part, and all examples of a group are in the same part;
    * if no group has more than one class, the number of test examples of each class differs from
      ``share`` times the number of its examples by at most half the size of its largest group
      (so by at most 1/2 where each example is its own group);
    * the split is random: the same key gives the same split, another key mostly another one, and
      among examples that are alike (same class, same size of group) each is as likely to be tested
      as any other; without a key the global random state decides, and moves on;
    * both results are in ascending order, int32, and both have at least one example.

    Args:
        labels: the class of each example, ``(N,)`` integers.
        groups: the group of each example, ``(N,)`` integers; any numbers, however far apart.
        share: of the test part, between 0 and 1.
        key: what the draw follows from.

    Returns:
        The indices of the training part, and those of the test part.

    Raises:
        ValueError: ``share`` is not between 0 and 1 (the message has the word "share"); ``labels``
            and ``groups`` are not two vectors of the same length ("length"); one of the two parts
            would be empty, as when all examples are one group ("empty").
    """
    raise NotImplementedError(
        "16.2 grouped_split - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
