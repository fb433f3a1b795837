"""Judges of ``tinymlx/basics/splits.py``: who may see what."""

import numpy as np
import pytest

from course.grading.marks import exercise


def numbered(n):
    """Examples that carry their own row number, and so do their targets."""
    rows = np.arange(1, n + 1, dtype=np.float32)
    return np.stack([rows, -rows], axis=1), 10 * rows


@exercise("1.10")
@pytest.mark.parametrize(
    "n, fraction, tests", [(20, 0.25, 5), (10, 0.3, 3), (7, 0.5, 4), (2, 0.5, 1)]
)
def test_everyone_is_on_exactly_one_side(probe, draw, n, fraction, tests):
    """No row lost, none on both sides, each with its own target, the sides as large as ordered."""
    x, y = numbered(n)
    part = probe("train_test_split", x=x, y=y, test_fraction=fraction, seed=draw.seed())
    assert part["x_test"].shape == (tests, 2) and part["y_test"].shape == (tests,)
    assert part["x_train"].shape == (n - tests, 2) and part["y_train"].shape == (n - tests,)
    both = np.concatenate([part["x_train"], part["x_test"]])
    assert sorted(both[:, 0]) == sorted(x[:, 0]), "rows are lost, or are on both sides"
    targets = np.concatenate([part["y_train"], part["y_test"]])
    assert np.array_equal(targets, 10 * both[:, 0]), "a row of x was parted from its y"
    assert np.array_equal(both[:, 1], -both[:, 0])


@exercise("1.10")
def test_the_order_is_shuffled_by_the_key(probe, draw):
    """Equal keys give equal splits, other keys other ones.

    Two keys agree by chance with probability 1/100!; that all 60 of one side come in their old
    order is as unlikely.
    """
    x, y = numbered(100)
    seed = draw.seed()
    order = [
        probe("train_test_split", x=x, y=y, test_fraction=0.4, seed=s)["y_train"]
        for s in (seed, seed, seed + 1)
    ]
    assert np.all(order[0] > 0)
    assert np.array_equal(order[0], order[1]), "the same key gave another split"
    assert not np.array_equal(order[0], order[2]), "another key gave the same split"
    assert not np.array_equal(order[0], np.sort(order[0])), "the rows are not shuffled"


@exercise("1.10")
def test_the_global_generator_is_left_alone(probe, draw):
    """The split follows from its key, and later random numbers are what they would have been."""
    x, y = numbered(40)
    found = probe("split_among_other_draws", x=x, y=y, seed=draw.seed())
    assert np.all(found["first"] > 0) and np.array_equal(found["first"], found["second"])
    assert found["undisturbed"] is True, "the global random state has changed"


@exercise("1.10")
def test_an_empty_side_is_refused(check, draw):
    """Fractions that leave nothing to learn from, or nothing to examine; lengths that differ."""
    x, y = numbered(6)
    for fraction in (0.0, 1.0, 0.01):
        check.raises(
            "train_test_split", "ValueError", x=x, y=y, test_fraction=fraction, seed=draw.seed()
        )
    check.raises(
        "train_test_split", "ValueError", x=x, y=y[:5], test_fraction=0.5, seed=draw.seed()
    )


@exercise("1.11")
@pytest.mark.parametrize("count, folds", [(10, 4), (11, 3), (12, 3), (5, 5), (2, 2), (9, 4)])
def test_folds_in_order(check, count, folds):
    """Without a key: neighbours together, sizes that differ by at most one, the larger first."""
    check("k_fold", count=count, folds=folds, seed=None)


@exercise("1.11")
@pytest.mark.parametrize("count, folds", [(60, 7), (50, 2)])
def test_shuffled_folds_part_the_examples(probe, draw, count, folds):
    """Still everyone validates once, and the key decides the order (else 1/50! by chance)."""
    seed = draw.seed()
    found, again, other = (
        probe("k_fold", count=count, folds=folds, seed=s) for s in (seed, seed, seed + 1)
    )
    sizes = [len(part) for part in found["validation"]]
    assert (
        sizes == sorted(sizes, reverse=True) and sizes[0] - sizes[-1] <= 1 and len(sizes) == folds
    )
    together = np.concatenate(found["validation"])
    assert sorted(together) == list(range(count))
    for train, part in zip(found["train"], found["validation"], strict=True):
        assert sorted(np.concatenate([train, part])) == list(range(count))
    assert np.array_equal(together, np.concatenate(again["validation"]))
    assert not np.array_equal(together, np.concatenate(other["validation"]))
    assert not np.array_equal(together, np.arange(count))


@exercise("1.11")
def test_impossible_folds_are_refused(check):
    """One fold has nothing to train on; more folds than examples leave some empty."""
    check.raises("k_fold", "ValueError", count=5, folds=1, seed=None)
    check.raises("k_fold", "ValueError", count=5, folds=6, seed=None)


@exercise("1.12")
@pytest.mark.parametrize("n, folds", [(12, 3), (11, 4), (6, 6)])
def test_one_score_for_each_fold(check, draw, n, folds):
    """Fitted on what lies outside the fold, judged inside it; uneven folds; leave-one-out."""
    x = draw.uniform(n, 1, low=0.5, high=2)
    y = 2 * x[:, 0] + draw.uniform(n, low=1, high=4)
    check("cross_validate", x=x, y=y, folds=folds, terms=n, scale=50.0)
