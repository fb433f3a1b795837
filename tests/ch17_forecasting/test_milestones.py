"""The milestones' judges on our own pipeline, on the skeleton, and on pipelines that are wrong."""

import types

import numpy as np
import pytest
from capstones import capstone_of

from course.capstone.judging import judge


@pytest.fixture(scope="module")
def capstone():
    """The chapter's milestones, our pipeline, and the skeleton."""
    with capstone_of(17) as found:
        yield found


def verdict(capstone, number, pipeline):
    milestone = capstone.milestones.MILESTONES[number - 1]
    return judge(milestone, pipeline, capstone.folder / "pipeline.py", quick=True)


@pytest.mark.parametrize("number", range(1, 7))
def test_ours_passes_and_the_skeleton_is_to_do(capstone, number):
    found = verdict(capstone, number, capstone.pipeline_ours)
    assert found.state == "passed", found.sentences
    assert found.sentences
    found = verdict(capstone, number, capstone.pipeline)
    assert found.state == "to do" and found.sentences[0].startswith("Still to be written: `")


def from_both_sides(ours):
    def clean(values, stop):
        full, age = ours.clean(values, stop)
        rows = np.arange(len(values))
        for j in range(values.shape[1]):
            known = ~np.isnan(values[:, j])
            full[:, j] = np.interp(rows, rows[known], values[known, j])
        return full, age

    return {"clean": clean}


def mean_of_all(ours):
    def clean(values, stop):
        return np.where(np.isnan(values), np.nanmean(values, 0), values), ours.clean(values, stop)[
            1
        ]

    return {"clean": clean}


def over_the_border(ours):
    def split(rows, past, validation, test):
        every = np.arange(past - 1, rows - 24)
        return (
            every[every < validation],
            every[(every >= validation) & (every < test)],
            every[every >= test],
        )

    return {"split": split}


def shuffled(ours):
    def split(rows, past, validation, test):
        every = np.random.default_rng(0).permutation(np.arange(past - 1, rows - 24))
        return tuple(np.sort(x) for x in np.split(every, [validation, test]))

    return {"split": split}


def scaled_by_all(ours):
    return {
        "features": lambda values, hour, day, stop: ours.features(values, hour, day, len(values))
    }


def a_plain_clock(ours):
    def features(values, hour, day, stop):
        x = ours.features(values, hour, day, stop)
        return np.concatenate([x[:, :-4], hour[:, None] / 12 - 1, day[:, None] / 183 - 1], axis=1)

    return {"features": features}


def one_hour_late(ours):
    return {"baselines": lambda target, at: ours.baselines(target, at - 1)}


def two_days_ago(ours):
    def baselines(target, at):
        return {
            **ours.baselines(target, at),
            "yesterday": ours.baselines(target, at - 24)["yesterday"],
        }

    return {"baselines": baselines}


def persistent(ours):
    return {"forecast": lambda x, y, train, at: ours.baselines(y, at)["persistence"]}


def centred(ours):
    """Inputs smoothed over the hours on both sides: an hour of the future leaks."""

    def forecast(inputs, target, train, at):
        later = np.concatenate([target[1:], target[-1:]])
        return ours.forecast(np.concatenate([inputs, later[:, None] / 10], 1), target, train, at)

    return {"forecast": forecast}


def one_width(ours):
    def intervals(before, truth, now):
        room = np.nanquantile(np.abs(truth - before), 0.8)
        return np.stack([now - room, now, now + room], axis=-1)

    return {"intervals": intervals}


def ninety(ours):
    def intervals(before, truth, now):
        room = np.nanquantile(np.abs(truth - before), 0.9, axis=0)
        return np.stack([now - room, now, now + room], axis=-1)

    return {"intervals": intervals}


WRONG = {
    1: (from_both_sides, mean_of_all),
    2: (over_the_border, shuffled),
    3: (scaled_by_all, a_plain_clock),
    4: (one_hour_late, two_days_ago),
    5: (persistent, centred),
    6: (one_width, ninety),
}


@pytest.mark.parametrize("number, make", [(n, m) for n, some in WRONG.items() for m in some])
def test_wrong_pipelines_fail(capstone, number, make):
    """Each with a sentence that says what is wrong, and no traceback."""
    ours = capstone.pipeline_ours
    names = {
        n: getattr(ours, n) for n in vars(capstone.pipeline) if callable(getattr(ours, n, None))
    }
    wrong = types.SimpleNamespace(**{**names, **make(ours)})
    found = verdict(capstone, number, wrong)
    assert found.state == "failed", found
    assert "Error" not in found.sentences[0], found.sentences


def test_other_shapes_are_said_in_a_sentence(capstone):
    for number, name in enumerate(
        ("clean", "split", "features", "baselines", "forecast", "intervals"), 1
    ):
        names = {n: getattr(capstone.pipeline_ours, n) for n in ("features",)}
        wrong = types.SimpleNamespace(**{**names, name: lambda *given: None})
        found = verdict(capstone, number, wrong)
        assert found.state == "failed" and len(found.sentences[0]) > 20, found


def test_the_board(capstone, monkeypatch, tmp_path):
    """Yesterday's value has no skill; bad files get one sentence each."""
    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path))
    board = capstone.board.BOARD
    held = board.held()
    assert held.name == "invented climate"
    yesterday, at = held.arrays["yesterday"], held.arrays["origins"]
    q = yesterday[..., None] + np.float32([-3, 0, 3])
    found = board.score({"quantiles": q, "origins": at}, held)
    assert set(board.columns) == set(found) and abs(found["skill"]) < 1e-9
    assert found["low"] <= found["skill"] <= found["high"]
    better = (yesterday + held.arrays["truth"])[..., None] / 2 + np.float32([-3, 0, 3])
    found = board.score({"quantiles": better, "origins": at}, held)
    assert abs(found["skill"] - 0.75) < 1e-3 and found["coverage"] > 0.6
    nan = q.copy()
    nan[5, 5, 1] = np.nan
    for wrong, words in (
        ({"origins": at}, "no array 'quantiles'"),
        ({"quantiles": q[:, :5], "origins": at}, "O, 24, 3"),
        ({"quantiles": q[1:], "origins": at[1:]}, "every row from"),
        ({"quantiles": q, "origins": at[::-1]}, "every row from"),
        ({"quantiles": q, "origins": at.astype("U8")}, "whole ones"),
        ({"quantiles": q, "origins": at + 0.5}, "whole ones"),
        ({"quantiles": nan, "origins": at}, "finite"),
        ({"quantiles": q[..., ::-1], "origins": at}, "cross"),
    ):
        with pytest.raises(ValueError, match=words):
            board.score(wrong, held)
