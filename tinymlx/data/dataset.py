"""What every loader of examples with labels returns. Given."""

from dataclasses import dataclass
from typing import NamedTuple

import mlx.core as mx


class Part(NamedTuple):
    """Examples and their labels: ``Batches(*part, batch_size=...)`` takes both."""

    x: mx.array  # (N, ...) float32
    y: mx.array  # (N,) int32, class indices


@dataclass(frozen=True)
class Dataset:
    """A data set, divided into what one may learn from and what one may only be tested on."""

    source: str  # where the numbers come from, for captions
    classes: tuple[str, ...]  # what the labels mean
    train: Part
    test: Part


def divided(x: mx.array, y: mx.array, test_share: float, seed: int) -> tuple[Part, Part]:
    """The same share of every class at random for testing, the rest for training.

    Args:
        x: the examples, ``(N, ...)``.
        y: their classes, ``(N,)`` integers.
        test_share: the share for testing, between 0 and 1.
        seed: what the choice follows from; the global random state is left alone.

    Raises:
        ValueError: ``test_share`` is not between 0 and 1, or leaves one of the parts without
            examples.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"test_share should lie between 0 and 1; it is {test_share}.")
    order = mx.random.permutation(len(y), key=mx.random.key(seed)).tolist()
    labels = y.tolist()
    members: dict[int, list[int]] = {}
    for i in order:
        members.setdefault(labels[i], []).append(i)
    chosen = {
        i for of_class in members.values() for i in of_class[: round(test_share * len(of_class))]
    }
    test = mx.array([i for i in order if i in chosen], mx.int32)
    train = mx.array([i for i in order if i not in chosen], mx.int32)
    if not len(test) or not len(train):
        raise ValueError(f"With test_share {test_share} one part of {len(y)} examples is empty.")
    return Part(x[train], y[train]), Part(x[test], y[test])
