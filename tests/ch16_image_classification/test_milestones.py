"""The judges of the brief: our pipeline passes, the skeleton and wrong ones do not."""

import re
import types

import numpy as np
import pytest
from capstones import capstone_of

from course.capstone import scoring
from course.toml import load_toml


@pytest.fixture(scope="module")
def files():
    with capstone_of(16) as found:
        yield found


def verdict(files, number, pipeline):
    return files.milestones.MILESTONES[number - 1].judge(pipeline, True)


@pytest.mark.parametrize("number", range(1, 7))
def test_ours_passes_and_the_skeleton_does_not(files, number):
    found = verdict(files, number, files.pipeline_ours)
    assert found.passed, found.sentences
    assert all(sentence.endswith(".") for sentence in found.sentences)
    with pytest.raises(NotImplementedError, match=f"milestone {number}"):
        verdict(files, number, files.pipeline)


def plain_split(x, y, share, seed):
    """Each picture for itself: copies leak."""
    order = np.random.default_rng(seed).permutation(len(x))
    count = round(share * len(x))
    return np.sort(order[count:]), np.sort(order[:count])


def first_split(x, y, share, seed):
    """The first pictures, whatever they are."""
    count = round(share * len(x))
    return np.arange(count, len(x)), np.arange(count)


def scaled_together(train, other):
    both = np.concatenate([train, other])
    mean, deviation = both.mean((0, 1, 2)), both.std((0, 1, 2))
    return (train - mean) / deviation, (other - mean) / deviation


def scaled_each(train, other):
    one, two = ((x - x.mean((0, 1, 2))) / x.std((0, 1, 2)) for x in (train, other))
    return one, two


def changed_alike(x, seed):
    """One draw for all pictures."""
    return np.roll(x, np.random.default_rng(seed).integers(1, 5), axis=2)


def changed_beyond(x, seed):
    noise = np.random.default_rng(seed).normal(0, 0.3, x.shape)
    return (x + noise).astype(np.float32)


def guessing(x, y, classes, seconds):
    return lambda x: np.full((len(x), classes), 1 / classes, np.float32)


def in_batches(x, y, classes, seconds):
    """Every answer depends on the whole batch."""

    def predict(x):
        share = x.mean((1, 2, 3)) - x.mean()
        z = np.stack([share, 0 * share, -share], axis=1) * 10
        e = np.exp(z)
        return (e / e.sum(1, keepdims=True)).astype(np.float32)

    return predict


def always_one(logits, labels):
    return 1.0


def inverted(logits, labels):
    z = logits - logits.max(1, keepdims=True)
    found = min(
        np.geomspace(0.05, 20, 400),
        key=lambda b: (np.log(np.exp(b * z).sum(1)) - b * z[np.arange(len(z)), labels]).mean(),
    )
    return float(found)


def unpaired(first, second):
    share, n = first.mean(), len(first)
    reach = 1.96 * np.sqrt(share * (1 - share) / n)
    return {
        "difference": share - second.mean(),
        "p": 0.5,
        "low": share - reach,
        "high": share + reach,
    }


def one_sided(first, second):
    return {"difference": abs(first.mean() - second.mean()), "p": 1.0, "low": 0.0, "high": 1.0}


WRONG = [
    (1, "split", plain_split, "copy"),
    (1, "split", first_split, "copy"),
    (2, "scaled", scaled_together, "leak"),
    (2, "scaled", scaled_each, "leak"),
    (3, "changed", changed_alike, "each picture"),
    (3, "changed", changed_beyond, "0 to 1"),
    (4, "fitted", guessing, "chance"),
    (4, "fitted", in_batches, "evaluation"),
    (5, "temperature", always_one, "too large"),
    (5, "temperature", inverted, "too large"),
    (6, "comparison", unpaired, "expected about"),
    (6, "comparison", one_sided, "expected about"),
]


@pytest.mark.parametrize("number, name, function, said", WRONG, ids=[w[2].__name__ for w in WRONG])
def test_wrong_pipelines_are_told_why(files, number, name, function, said):
    found = verdict(files, number, types.SimpleNamespace(**{name: function}))
    assert not found.passed
    assert said in " ".join(found.sentences), found.sentences


def test_the_brief_has_a_heading_for_each_milestone(files):
    text = (files.folder / "brief.md").read_text()
    wanted = [f"## Milestone {m.number}: {m.title}" for m in files.milestones.MILESTONES]
    assert re.findall(r"^## Milestone.*$", text, re.M) == wanted
    for milestone in files.milestones.MILESTONES:
        assert all(f"`{name}(" in text for name in milestone.functions)
        assert all(hasattr(files.pipeline, name) for name in milestone.functions)


@pytest.fixture
def held(files):
    y = np.array([0, 1, 2, 1], np.int32)
    return files.board.Held("four", {"x": np.zeros((4, 2, 2, 3), np.float32), "y": y})


def test_the_board_scores(files, held):
    p = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2], [0.0, 1.0, 0.0]])
    numbers = files.board.score({"probabilities": p}, held)
    assert list(numbers) == list(files.board.BOARD.columns)
    assert numbers["accuracy"] == 0.75
    assert numbers["low"] == pytest.approx(0.3006, abs=1e-4)  # Wilson's, of 3 in 4
    assert numbers["high"] == pytest.approx(0.9544, abs=1e-4)
    assert numbers["cross entropy"] == pytest.approx(-np.log([0.8, 0.7, 0.2, 1]).mean())
    assert numbers["calibration error"] == pytest.approx((0.2 + 0.3 + 0.5) / 4)


@pytest.mark.parametrize(
    "predictions, said",
    [
        ({}, "no array 'probabilities'"),
        ({"probabilities": np.ones((3, 3)) / 3}, r"shape \(4, 3\)"),
        ({"probabilities": np.full((4, 3), np.nan)}, "finite"),
        ({"probabilities": np.ones((4, 3))}, "logits"),
        ({"probabilities": np.array([[1.2, -0.2, 0.0]] * 4)}, "negative"),
        ({"probabilities": np.array([["a", "b", "c"]] * 4)}, "finite"),
    ],
)
def test_predictions_that_cannot_be_scored(files, held, predictions, said):
    with pytest.raises(ValueError, match=said):
        files.board.score(predictions, held)


def test_our_rows_have_the_columns(files):
    """Ours say what was held out, and how sure the accuracy is."""
    rows = load_toml(files.folder / "board.toml")["row"]
    assert len(rows) >= 2
    for row in rows:
        assert set(row["numbers"]) <= set(files.board.BOARD.columns)
        assert files.board.BOARD.rank_by in row["numbers"]
        assert row["numbers"]["low"] < row["numbers"]["accuracy"] < row["numbers"]["high"]
    assert scoring.ours(files.folder / "board.toml", rows[0]["held"])
