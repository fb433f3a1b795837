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
    if not 0 < share < 1:
        raise ValueError(f"[grouped_split] share should be between 0 and 1; it is {share}.")
    if labels.ndim != 1 or labels.shape != groups.shape:
        raise ValueError(
            f"[grouped_split] labels and groups should be vectors of the same length; they have "
            f"the shapes {labels.shape} and {groups.shape}."
        )
    classes, names = labels.tolist(), groups.tolist()
    members: dict[int, list[int]] = {}
    for i in core.random.permutation(len(names), key=key).tolist():
        members.setdefault(names[i], []).append(i)
    missing = {c: share * count for c, count in Counter(classes).items()}
    test: set[int] = set()
    for group in members.values():  # in random order
        counts = Counter(classes[i] for i in group)
        # By how much the sum of the squares of what is missing would grow.
        if sum(k * (k - 2 * missing[c]) for c, k in counts.items()) < 0:
            test.update(group)
            for c, k in counts.items():
                missing[c] -= k
    train = [i for i in range(len(names)) if i not in test]
    if not train or not test:
        raise ValueError(
            f"[grouped_split] One of the parts would be empty: {len(names)} examples in "
            f"{len(members)} groups."
        )
    return core.array(train, core.int32), core.array(sorted(test), core.int32)
