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
    "n, fraction, tests", [(20, 0.25, 5), (10, 0.3, 3), (7, 0.5, 4), (5, 0.5, 2), (2, 0.5, 1)]
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


def uneven(orders):
    """Chi squared of the counts of all orders of four things, against equal counts."""
    _, counts = np.unique(orders, axis=0, return_counts=True)
    counts = np.concatenate([counts, np.zeros(24 - len(counts))])
    expected = len(orders) / 24
    return float(np.sum((counts - expected) ** 2) / expected)


# Of a fair shuffle chi squared with 23 degrees of freedom exceeds 90 once in 10**9 runs.
TOO_UNEVEN = 90.0


@exercise("1.10")
def test_every_order_is_as_likely_as_any_other(probe, draw):
    """Four examples under 600 keys: 24 orders, about 25 times each.

    A rotation has four of them: chi squared is 3000.
    """
    orders = probe("orders_of_four", seed=draw.seed(), keys=600)["orders"]
    assert orders.shape == (600, 4) and np.all(np.sort(orders) == [1, 2, 3, 4])
    chi_squared = uneven(orders)
    assert chi_squared < TOO_UNEVEN, (
        f"of the 24 orders of four examples some come more often than others (chi squared "
        f"{chi_squared:.0f}, of a fair shuffle about 23): {len(np.unique(orders, axis=0))} occur"
    )


@exercise("1.10")
def test_tables_of_any_rank_and_dtype(probe, draw):
    """Pictures and whole-number answers: rows move as they are."""
    x, y = draw.integers(8, 3, 2, low=1, high=99, dtype="int16"), np.arange(1, 9, dtype=np.int64)
    part = probe("train_test_split", x=x, y=y, test_fraction=0.25, seed=draw.seed())
    assert part["x_test"].shape == (2, 3, 2) and part["x_train"].shape == (6, 3, 2)
    for side in ("train", "test"):
        rows = part[f"y_{side}"]
        assert rows.dtype == np.int64 and part[f"x_{side}"].dtype == np.int16, "a dtype changed"
        assert np.array_equal(part[f"x_{side}"], x[rows - 1])


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
def test_folds_are_shuffled_fairly(probe, draw):
    """Four examples in two folds under 600 keys: each of the 24 orders about 25 times."""
    orders = probe("folds_of_four", seed=draw.seed(), keys=600)["orders"]
    assert np.all(np.sort(orders) == [0, 1, 2, 3])
    assert uneven(orders) < TOO_UNEVEN, f"chi squared is {uneven(orders):.0f}, and should be 23"


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


@exercise("1.12")
def test_the_key_chooses_the_folds(probe, draw):
    """The folds are those of k_fold with this key: the rows that each fit saw, in any order."""
    x, y = numbered(30)
    seed = draw.seed()
    found = probe("rows_of_cross_validation", x=x, y=y, folds=4, seed=seed)
    pairs = probe("k_fold", count=30, folds=4, seed=seed)
    assert found["scores"].shape == (4,) and np.all(found["scores"] > 0)
    for seen, judged, train, part in zip(
        found["seen"], found["judged"], pairs["train"], pairs["validation"], strict=True
    ):
        assert sorted(seen) == sorted(train + 1), "a fit saw other rows than k_fold's with this key"
        assert sorted(judged) == sorted(part + 1), "a model answered for other rows than its fold"


@exercise("1.12")
def test_fit_gets_the_examples_as_they_are(probe, draw):
    """Pictures of whole numbers stay such: what is converted is the business of fit."""
    x = draw.integers(6, 2, 3, low=1, high=9, dtype="int16")
    y = draw.normal(6, dtype="float16") + np.float16(4)
    found = probe("kinds_in_cross_validation", x=x, y=y, folds=3)
    assert found["kinds"] == [["int16", 3, "float16"]] * 3, f"fit was given {found['kinds']}"
    assert found["scores"].dtype == np.float16 and np.all(found["scores"] > 1)
