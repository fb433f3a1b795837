"""Judges of 16.1 and 16.2: pictures that are there twice, and a split without leakage."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("16.1")
@pytest.mark.parametrize(
    "length, count", [(9, 3), (5, 2), (7, 4), (1, 3), (2, 5), (4, 4), (33, 9), (1, 1)]
)
def test_cells(check, length, count):
    """Borders between pixels and within them; more cells than pixels."""
    check("cells", length=length, count=count, terms=4)


@exercise("16.1")
@pytest.mark.parametrize(
    "shape, size", [((3, 16, 18, 3), 8), ((2, 13, 7, 3), 4), ((2, 5, 30, 1), 3), ((40, 4, 4, 2), 1)]
)
def test_fingerprints(check, draw, shape, size):
    """Grey cells of any picture, each against its neighbour to the left."""
    check("fingerprints", x=draw.uniform(*shape), size=size)


@exercise("16.1")
def test_fingerprints_of_many_at_once(check, draw):
    """One row for each picture, 64 bits by default; no picture changes another's."""
    x = draw.uniform(5, 20, 24, 3)
    check("fingerprints", x=x, size=8)
    check("fingerprints_by_default", reference="fingerprints_64", x=x)


@exercise("16.1")
def test_less_than_half_a_grey_level_is_nothing(check, probe, draw):
    """A flat picture has no bit, whatever rounding does; a slope of a level from cell to cell has
    all; so has a picture of one pixel none."""
    flat = np.full((1, 23, 31, 3), 0.7, np.float32)
    slope = (np.arange(9) / 255).astype(np.float32).reshape(1, 1, 9, 1) * np.ones((1, 8, 1, 3))
    gentle = slope * 0.4
    for x, bits in ((flat, 0), (slope, 64), (gentle, 0), (flat[:, :1, :1], 0), (-slope + 1, 0)):
        found = probe("fingerprints", x=x.astype(np.float32), size=8)["bits"]
        assert found.dtype == bool, found.dtype
        assert found.sum() == bits, f"{found.sum()} bits, expected {bits}"


@exercise("16.1")
def test_half_precision(check, draw):
    """Sums of half precision would lose a grey level."""
    x = (0.5 + 0.4 * draw.uniform(2, 64, 72, 3)).astype(np.float16)
    slope = (0.9 + np.arange(72) / 8 / 400).reshape(1, 1, 72, 1) * np.ones((1, 64, 1, 3))
    check("fingerprints", x=np.concatenate([x, slope.astype(np.float16)]), size=8)


@exercise("16.1")
@pytest.mark.parametrize("block", [1, 3, 8, 100])
@pytest.mark.parametrize("radius", [0, 1, 4])
def test_groups(check, draw, radius, block):
    """Copies with a few bits changed, pictures of their own, in any order and any blocks."""
    hashes = draw.booleans(4, 16)
    changed = hashes ^ (draw.uniform(4, 16) < 0.1)
    every = np.concatenate([hashes, changed, hashes[:2], draw.booleans(3, 16)])
    check("alike", hashes=every[draw.permutation(13)], radius=radius, block=block)


@exercise("16.1")
def test_chains(check, draw):
    """Neighbours of neighbours, far from each other, are one group; the smallest index names it."""
    steps = np.tril(np.ones((12, 12), bool), -1)
    order = draw.permutation(12)
    check("alike", hashes=steps[order], radius=1, block=5)
    check("alike", hashes=steps[:, :11][::-1].copy(), radius=1, block=4)
    check("alike_by_default", reference="alike_whole", hashes=steps[order][::2], radius=2)


@exercise("16.1")
def test_no_pictures_and_one(check, probe, draw):
    """Nothing is in no group; one picture is one; a negative radius is refused."""
    found = probe("alike_by_default", hashes=np.zeros((0, 8), bool), radius=2)["groups"]
    assert found.shape == (0,)
    assert found.dtype == np.int32
    assert probe("alike_by_default", hashes=draw.booleans(3, 64), radius=1)["groups"].tolist() == [
        0,
        1,
        2,
    ]
    for count in (3, 0):
        check.raises("alike", "ValueError", match="radius", hashes=draw.booleans(count, 8),
                     radius=-1, block=4)  # fmt: skip


@exercise("16.1")
def test_the_memory_of_distances(probe, draw):
    """A block of distances at a time: far less than all of them, or than a bit for each.

    Measured in tables of float32 with a block's rows: 3.3 to 6.4 for 16 of 1600 pictures (a hundred
    blocks), 30 where a byte is kept for each pair, 229 where all distances are.
    """
    hashes = draw.booleans(1600, 64)
    hashes[800:] = hashes[:800]
    found = probe("alike_memory", hashes=hashes, radius=0, block=16)
    assert found["groups"].tolist() == [*range(800), *range(800)]
    assert found["held"] == "a few", f"{found['held']} tables of a block's distances at once"


def world(draw, counts, twins):
    """Labels in any order, and groups: of each class `twins` pairs and one group of five."""
    labels, groups, number = [], [], 2**30  # no float32 tells such numbers apart
    for label, count in enumerate(counts):
        of_class = [0] * 5 + [1 + i // 2 for i in range(2 * twins)]
        of_class += list(range(1 + twins, 1 + twins + count - len(of_class)))
        labels += [2**25 + label] * count
        groups += [number - 7 * g for g in of_class]
        number += 10_000
    order = draw.permutation(len(labels))
    return np.array(labels, np.int32)[order], np.array(groups, np.int32)[order]


def judged(found, labels, groups, share):
    """What the docstring promises of every split."""
    train, test = found["train"], found["test"]
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(labels)))
    assert (np.diff(train) > 0).all(), "the training part is not in ascending order"
    assert (np.diff(test) > 0).all(), "the test part is not in ascending order"
    assert [d.split(".")[-1] for d in found["dtypes"]] == ["int32", "int32"], found["dtypes"]
    leaked = set(groups[train].tolist()) & set(groups[test].tolist())
    assert not leaked, f"groups in both parts: {sorted(leaked)[:5]}"
    for label in np.unique(labels):
        sizes = np.bincount(np.unique(groups[labels == label], return_inverse=True)[1])
        wanted, got = share * (labels == label).sum(), (labels[test] == label).sum()
        room = sizes.max() / 2
        assert abs(got - wanted) <= room + 1e-9, (
            f"class {label}: {got} in the test part, expected {wanted:.1f} give or take {room}"
        )


@exercise("16.2")
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.8])
def test_a_split(probe, draw, share):
    """No group in both parts, each class in proportion, the same key the same split."""
    labels, groups = world(draw, [60, 23, 41], twins=6)
    found = probe("divided", labels=labels, groups=groups, share=share, seed=draw.seed() % 10**6)
    judged(found, labels, groups, share)
    assert found["same key"], "one key gave two splits"
    assert found["state decides"], "one random state gave two splits"
    # 40 examples or more of 124 without twins: two equal draws happen less than once in 10^9.
    assert not found["other key"], "another key gave the same split"
    assert not found["state moves"], "the next split of one random state is the same again"


@exercise("16.2")
def test_every_example_its_own_group(probe, draw):
    """Each class to the nearest whole number, also a class of three."""
    labels = np.repeat(np.array([4, 0, 9], np.int32), [50, 31, 3])[draw.permutation(84)]
    for share in (0.1, 0.3, 0.7, 0.9):
        found = probe("divided", labels=labels, groups=np.arange(84, dtype=np.int32), share=share,
                      seed=draw.seed() % 10**6)  # fmt: skip
        judged(found, labels, np.arange(84), share)


@exercise("16.2")
def test_nobody_is_left_out(probe, draw):
    """Classes of three of which all three are to be tested: the last one that comes, too."""
    labels = np.array([0] * 10 + [1 + i // 3 for i in range(30)], np.int32)[draw.permutation(40)]
    for _ in range(8):
        found = probe("divided", labels=labels, groups=np.arange(40, dtype=np.int32), share=0.9,
                      seed=draw.seed() % 10**6)  # fmt: skip
        judged(found, labels, np.arange(40), 0.9)


@exercise("16.2")
def test_groups_of_several_classes(probe, draw):
    """A group may have several classes: it stays together all the same."""
    labels, groups = draw.integers(120, low=0, high=3), draw.integers(120, low=-20, high=20)
    found = probe("divided", labels=labels, groups=groups, share=0.3, seed=draw.seed() % 10**6)
    assert not set(groups[found["train"]].tolist()) & set(groups[found["test"]].tolist())
    assert sorted([*found["train"].tolist(), *found["test"].tolist()]) == list(range(120))


@exercise("16.2")
def test_one_large_group(probe, draw):
    """A group that is larger than the whole test part stays out of it; one that fills it exactly
    is welcome, with some draws."""
    labels = np.zeros(40, np.int32)
    groups = np.array([0] * 20 + list(range(1, 21)), np.int32)
    found = probe("divided", labels=labels, groups=groups, share=0.2, seed=3)
    judged(found, labels, groups, 0.2)
    assert len(found["test"]) == 8, f"{len(found['test'])} tested: twenty single ones give 8"


@exercise("16.2")
def test_each_is_as_likely(probe, draw):
    """400 splits: alike examples are tested equally often.

    Each of 20 is tested 100 times of 400 with a deviation of at most 8.7; a gap of 6 of these
    happens to one of 20 right ones in less than one of 10^7 runs.
    """
    labels = np.array([0] * 12 + [1] * 8, np.int32)
    counts = probe("tested", labels=labels, groups=np.arange(20, dtype=np.int32), share=0.25,
                   seed=draw.seed() % 10**6, times=400)["counts"]  # fmt: skip
    assert agree(counts[:12].sum(), np.float64(1200))
    assert agree(counts[12:].sum(), np.float64(800))
    assert abs(counts - 100).max() < 6 * 8.7, counts


@exercise("16.2")
def test_splits_that_cannot_be(check, probe, draw):
    """Shares outside, two lengths, one group, nothing at all."""
    labels = draw.integers(12, low=0, high=2)
    found = probe("split_fails", labels=labels, groups=np.arange(12, dtype=np.int32), share=0.5)
    assert 4 <= len(found["test"]) <= 8
    for share in (0.0, 1.0, -0.1, 1.2, np.nan):
        check.raises("split_fails", "ValueError", match="share", labels=labels,
                     groups=np.arange(12, dtype=np.int32), share=share)  # fmt: skip
    check.raises("split_fails", "ValueError", match="length", labels=labels,
                 groups=np.arange(11, dtype=np.int32), share=0.5)  # fmt: skip
    check.raises("split_fails", "ValueError", match="length", labels=labels.reshape(3, 4),
                 groups=np.arange(12, dtype=np.int32).reshape(3, 4), share=0.5)  # fmt: skip
    empty = [(labels, np.zeros(12, np.int32), 0.5), (labels[:0], labels[:0], 0.5),
             (labels, np.zeros(12, np.int32), 0.9), (labels[:1], labels[:1], 0.9)]  # fmt: skip
    for some, groups, share in empty:
        check.raises("split_fails", "ValueError", match="empty", labels=some, groups=groups,
                     share=share)  # fmt: skip
