"""Capstones: the skeleton is copied once, judges are asked, predictions are ranked."""

import numpy as np
import pytest

from course.capstone import Board, Held, Milestone, Verdict, judging, scoring, work
from course.errors import CourseError


@pytest.fixture
def pipeline(tmp_path):
    """Writes a reader's pipeline and imports it."""
    path = tmp_path / "pipeline.py"

    def written(text):
        path.write_text(text, encoding="utf-8")
        return work.load(path, 16), path

    return written


def doubles(pipeline, quick):
    """A judge: does ``double`` double?"""
    values = np.arange(3.0)
    right = np.array_equal(pipeline.double(values), 2 * values)
    return Verdict(bool(right), ["Three numbers were doubled."], {"numbers": 3.0})


MILESTONE = Milestone(1, "Twice as much", ("double",), doubles)


@pytest.mark.parametrize(
    ("body", "state", "said"),
    [
        ("return 2 * x", "passed", "Three numbers"),
        ("return 3 * x", "failed", "Three numbers"),
        ("raise NotImplementedError('milestone 1')", "to do", "to be written: `double`"),
        ("return 2 * y", "failed", "pipeline.py, line 2, in double: NameError: name 'y'"),
    ],
)
def test_a_judge_says_how_a_milestone_stands(pipeline, body, state, said):
    module, path = pipeline(f"def double(x):\n    {body}\n")
    outcome = judging.judge(MILESTONE, module, path, True)
    assert outcome.state == state
    assert said in outcome.sentences[0]


def test_what_a_judge_cannot_work_with_is_the_answer_and_no_traceback(pipeline):
    def adds(pipeline, quick):
        return Verdict(pipeline.double(1) + 1 == 3, [])

    module, path = pipeline("def double(x):\n    return None\n")
    outcome = judging.judge(Milestone(1, "", ("double",), adds), module, path, True)
    assert outcome.state == "failed"
    assert "not what the brief asks for (TypeError" in outcome.sentences[0]


def test_a_missing_function_is_named(pipeline):
    module, path = pipeline("def treble(x):\n    return 3 * x\n")
    outcome = judging.judge(MILESTONE, module, path, True)
    assert outcome.state == "failed"
    assert "no function double" in outcome.sentences[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [("def f(:\n", "line 1"), ("import nowhere_at_all\n", "line 1, in <module>: ModuleNotFound")],
)
def test_a_pipeline_that_cannot_be_imported_is_one_sentence(pipeline, text, said):
    with pytest.raises(CourseError, match=said):
        pipeline(text)


def test_milestones_are_chosen_by_number():
    assert judging.chosen((MILESTONE,), "1") == judging.chosen((MILESTONE,), "all") == (MILESTONE,)
    with pytest.raises(CourseError, match="no milestone '7'"):
        judging.chosen((MILESTONE,), "7")


def score(predictions, held):
    if predictions["y"].shape != held.arrays["y"].shape:
        raise ValueError(f"y has shape {predictions['y'].shape}, expected (4,)")
    return {"accuracy": float(np.mean(predictions["y"] == held.arrays["y"]))}


BOARD = Board(
    "accuracy", True, ("accuracy",), lambda: Held("four", {"y": np.array([1, 2, 3, 4])}), score
)


def test_predictions_are_ranked_between_ours(tmp_path):
    path = tmp_path / "predictions.npz"
    np.savez(path, y=np.array([1, 2, 3, 0]))
    held, numbers = scoring.score(BOARD, scoring.read_predictions(path, 16))
    assert (held, numbers) == ("four", {"accuracy": 0.75})
    toml = tmp_path / "board.toml"
    toml.write_text(
        "".join(
            f'[[row]]\nname = "{name}"\nby = "us"\nsetting = ""\nmachine = ""\nheld = "{where}"\n'
            f"numbers = {{ accuracy = {value} }}\n"
            for name, where, value in (("a", "four", 0.5), ("b", "four", 1.0), ("c", "five", 0.9))
        ),
        encoding="utf-8",
    )
    mine = scoring.Row("yours", "you", "", "", numbers)
    rows = scoring.ranked(BOARD, [*scoring.ours(toml, held), mine])
    assert [row.name for row in rows] == ["b", "yours", "a"]
    with pytest.raises(CourseError, match=r"cannot be scored: y has shape \(2,\)"):
        scoring.score(BOARD, {"y": np.zeros(2)})


@pytest.mark.parametrize("kind", ["missing", "text", "cut", "single", "objects"])
def test_files_that_hold_no_predictions(tmp_path, kind):
    path = tmp_path / "predictions.npz"
    if kind == "text":
        path.write_text("accuracy: 1", encoding="utf-8")
    elif kind == "cut":
        np.savez(path, y=np.zeros(1000))
        path.write_bytes(path.read_bytes()[:500])
    elif kind == "single":
        with open(path, "wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "objects":
        np.savez(path, y=np.array([{}, {}], dtype=object))
    with pytest.raises(CourseError, match="predictions"):
        scoring.read_predictions(path, 16)


def test_a_data_folder_that_is_none_is_one_sentence(monkeypatch, tmp_path):
    from course.cli.project import check_data

    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(CourseError, match="nowhere, which is not a folder; correct or unset it"):
        check_data()
    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path))
    check_data()
