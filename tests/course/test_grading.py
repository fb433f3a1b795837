"""Grading a class: what is taken in, interruptions, points, exports, receipts."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

import pytest
from small import Mini

from course.cli.classroom import read_records
from course.errors import CourseError
from course.gradebook.marks import People, read_adjustments
from course.gradebook.times import read_time, read_times, read_zone
from course.grading import points
from course.grading.campaign import Campaign, Plan
from course.grading.door.names import stem_of
from course.grading.exports import outcome
from course.grading.roster import Roster, read_roster


@pytest.fixture
def solved(mini: Mini, tmp_path: Path) -> Path:
    """A class of four: all right, one early mistake, nothing done, one changed file alone."""
    base = tmp_path / "class"
    complete = mini.root / "solutions" / "tinymlx"
    for name in ("ada", "bob"):
        shutil.copytree(complete, base / name / "work" / "tinymlx")
    path = base / "bob" / "work" / "tinymlx" / "rows" / "softmax.py"
    path.write_text(path.read_text().replace("return e / ", "return 2 * e / "))
    shutil.copytree(mini.root / "tinymlx", base / "cleo" / "tinymlx")
    (base / "dan").mkdir()
    shutil.copyfile(complete / "rows" / "counter.py", base / "dan" / "counter.py")
    return base


def grades(out: Path) -> dict[str, dict[str, str]]:
    text = (out / "grades.csv").read_text()
    return {row["student"]: row for row in csv.DictReader(io.StringIO(text))}


def test_a_class_is_graded_and_reported(mini: Mini, solved: Path) -> None:
    out = mini.root / "report"
    result = mini.tinymlx("grade", str(solved), "--out", str(out), "--seeds", "2")
    assert result.returncode == 0, result.stderr
    table = grades(out)
    totals = {student: float(row["total"]) for student, row in table.items()}
    # One early mistake costs one exercise: 1.2 builds on 1.1 and passes with it filled.
    assert totals == {"ada": 4, "bob": 2, "cleo": 0, "dan": 1}
    plain = {s["student"]: s for s in json.loads((out / "grades.json").read_text())}
    assert plain["bob"]["exercises"]["1.2"]["outcome"] == "passed alone"
    assert plain["ada"]["exercises"]["1.1"]["seeds"] == "passed 2 of 2"
    assert ElementTree.fromstring((out / "junit.xml").read_text()).tag == "testsuites"
    gradescope = json.loads((out / "gradescope/bob/results.json").read_text())
    assert gradescope["score"] == 2 and len(gradescope["tests"]) == 3
    assert (
        "nbgrader" in str(out / "nbgrader.csv")
        and "Points Possible" in (out / "canvas.csv").read_text()
    )
    receipt = json.loads((out / "receipts/ada.json").read_text())
    assert (
        receipt["seeds"] and receipt["versions"]["mlx"] and "limits on time" in receipt["sandbox"]
    )
    assert len(receipt["files"]["rows/softmax.py"]) == 64
    page = (out / "feedback/bob.html").read_text()
    assert "y differs" in page and "bob: 2 of 4 points" in page and "/tmp/" not in page
    assert "4 submissions" in (out / "index.html").read_text()
    again = mini.tinymlx("grade", "--reproduce", str(out / "receipts/bob.json"))
    assert "the same verdicts on all 3" in again.stdout, again.stdout + again.stderr
    table_of_class = mini.tinymlx("class", str(out)).stdout
    assert "1.1 A softmax that cannot overflow" in table_of_class


def test_a_report_of_another_plan_is_not_overwritten(mini: Mini, solved: Path) -> None:
    out = str(mini.root / "report")
    assert mini.tinymlx("grade", str(solved), "--out", out, "--what", "1.3").returncode == 0
    result = mini.tinymlx("grade", str(solved), "--out", out, "--what", "1.2")
    assert result.returncode == 2 and "was begun with --what 1.3" in result.stderr
    result = mini.tinymlx("grade", str(solved), "--out", out, "--seed", "5")
    assert result.returncode == 2 and "was begun without --seed" in result.stderr


def test_interruptions_lose_nothing_and_repeat_nobody(mini: Mini, tmp_path: Path) -> None:
    """Ten kills at random moments; every finished student's record stays as it is."""
    base, out = tmp_path / "class", mini.root / "report"
    for number in range(14):
        shutil.copytree(mini.root / "solutions/tinymlx", base / f"s{number:02d}" / "tinymlx")
    command = [sys.executable, "-m", "course.cli.main", "grade", str(base), "--out", str(out)]
    command += ["--what", "1.3", "--jobs", "2"]
    chance = random.Random(0)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = mini.environment(TMPDIR=str(scratch))
    finished: dict[str, int] = {}
    for _ in range(10):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.6, 2.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in (out / "records").glob("*.json"):
            json.loads(path.read_text())  # whole, whenever the kill came
            stamp = path.stat().st_mtime_ns
            assert finished.setdefault(path.name, stamp) == stamp
    assert subprocess.run(command, env=environment, capture_output=True).returncode == 0
    assert not list(scratch.glob("tinymlx-grade-*"))  # nor what the killed ones left behind
    for name, stamp in finished.items():
        assert (out / "records" / name).stat().st_mtime_ns == stamp
    assert {float(row["total"]) for row in grades(out).values()} == {1.0}
    assert len(grades(out)) == 14


# Points

PASSED = {"outcome": "passed", "tests": [], "failures": []}
HALF = {
    "outcome": "failed",
    "failures": [],
    "tests": [{"outcome": "passed", "weight": 3}, {"outcome": "failed", "weight": 1}],
}
DUE = datetime(2026, 11, 1, tzinfo=timezone.utc)


def test_partial_credit_by_weight(mini: Mini) -> None:
    exercises = list(mini.registry.exercises)
    verdicts = {"1.1": {"own": HALF, "filled": HALF}, "1.2": {"own": PASSED, "filled": None}}
    strict = points.grade("ada", verdicts, exercises, points.Policy())
    partial = points.grade("ada", verdicts, exercises, points.Policy(partial=True))
    assert (strict.total, partial.total) == (1.0, 2.5)


@pytest.mark.parametrize(
    ("submitted", "days", "total"),
    [("2026-10-31T23:00", 0, 1.0), ("2026-11-01T00:01", 1, 0.9), ("2026-11-03T12:00", 3, 0.7),
     ("2027-11-01T00:00", 365, 0.0)],
)  # fmt: skip
def test_late_penalties(mini: Mini, submitted: str, days: int, total: float) -> None:
    when = read_time(submitted, "x", timezone.utc)
    policy = points.Policy(due=DUE, per_day=0.1)
    verdicts = {"1.2": {"own": PASSED, "filled": None}}
    grade = points.grade("ada", verdicts, mini.registry.exercises, policy, when)
    assert (grade.days, grade.total) == (days, total)


def test_adjustments_survive_regrading(mini: Mini, solved: Path) -> None:
    out = mini.root / "report"
    out.mkdir()
    kept = '[bob]\n"1.1" = { points = 2, reason = "a typo in the test" }\n'
    (out / "adjustments.toml").write_text(kept)
    for _ in range(2):
        assert mini.tinymlx("grade", str(solved), "--out", str(out)).returncode == 0
        assert float(grades(out)["bob"]["total"]) == 4.0
        assert "1.1 set to 2: a typo in the test" in grades(out)["bob"]["remarks"]
    assert (out / "adjustments.toml").read_text() == kept


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("name,when\nada,now\n", r"times.csv:1: there is no column 'name'"),
        ("student\nada\n", r"times.csv:1: the columns must be student and submitted"),
        ("student,submitted\nada,now\n", r"times.csv:2: 'now' is no time"),
        ("student,submitted\nada\n", r"times.csv:2: it has not as many fields"),
        ("student,submitted\n\nada,2026-11-01T10:00\n", r"times.csv:3: .* says no time zone"),
        ("student,submitted\nbda,2026-11-01T10:00Z\n", r"no student 'bda'; the nearest is 'ada'"),
        ("student,submitted\n" + 2 * "ada,2026-11-01T10:00Z\n", r":3: 'ada' has a time already"),
    ],
)
def test_wrong_times_are_named_with_their_line(tmp_path: Path, table: str, sentence: str) -> None:
    path = tmp_path / "times.csv"
    path.write_text(table)
    with pytest.raises(CourseError, match=sentence):
        read_times(path, Roster((), ["ada", "cleo"]).entry)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('[ada]\n"1.1" = 3\n', r"\[ada\] 1.1 must read"),
        ('[adda]\n"1.1" = { points = 1, reason = "" }\n', r"no student 'adda'.*'ada'"),
        ('[ada]\n"1.11" = { points = 1, reason = "" }\n', r"no exercise '1.11'.*'1.1'"),
        ('[ada]\n"1.1" = { point = 1, reason = "" }\n', r"no key 'point'.*'points'"),
    ],
)
def test_wrong_adjustments_are_named(tmp_path: Path, table: str, sentence: str) -> None:
    path = tmp_path / "adjustments.toml"
    path.write_text(table)
    with pytest.raises(CourseError, match=sentence):
        roster = Roster((), ["ada", "cleo"])
        read_adjustments(path, People(roster.resolve, roster.members, ["1.1", "1.2"]))


def test_a_time_without_a_zone_takes_a_stated_one() -> None:
    zone = read_zone("Europe/Berlin")
    summer = read_time("2026-07-01T12:00", "--due", zone)
    assert summer == datetime(2026, 7, 1, 10, tzinfo=timezone.utc)
    said = read_time("2026-07-01T12:00-05:00", "--due", zone)
    assert said == datetime(2026, 7, 1, 17, tzinfo=timezone.utc)
    with pytest.raises(CourseError, match="'Berlin' is no time zone"):
        read_zone("Berlin")


# Students


def test_a_roster_names_students_by_name_or_id(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("student,name,id\nada,Ada L.,7\nzoe,Zoë,12\nbob,Bob,9\n", encoding="utf-8")
    moodle = "Zoë M_12_assignsubmission_file_"
    roster = read_roster(path, ["ada", moodle])
    assert roster.of["ada"].name == "Ada L." and roster.of[moodle].id == "12"
    assert roster.resolve("zoe", "x") == moodle and roster.resolve("7", "x") == "ada"
    assert roster.absent == ["bob"]
    with pytest.raises(CourseError, match="no line for the student 'adda'; the nearest is 'ada'"):
        read_roster(path, ["adda"])
    path.write_text("student,e-mail\nada,a@b\n")
    with pytest.raises(CourseError, match="no column 'e-mail'; the nearest is 'email'"):
        read_roster(path, ["ada"])


def test_names_that_are_alike_are_different_students() -> None:
    students = ["Ada", "ada", "adä", "ad_", "ad?", "ada ", "../ada", "\n"]
    students.append(stem_of("Ada").lower())
    stems = [stem_of(student) for student in students]
    assert len({stem.lower() for stem in stems}) == len(students)
    assert all("/" not in stem and stem.isprintable() for stem in stems)
    assert stem_of("ada") == "ada"


@pytest.fixture
def alike(mini: Mini, tmp_path: Path) -> Path:
    """Two students whose safe names are one: the first solved everything, the second nothing."""
    base = tmp_path / "class"
    shutil.copytree(mini.root / "solutions/tinymlx", base / "müller" / "tinymlx")
    shutil.copytree(mini.root / "tinymlx", base / "möller" / "tinymlx")
    return base


def test_resuming_gives_nobody_the_record_of_another(mini: Mini, alike: Path) -> None:
    out = mini.root / "report"
    command = ("grade", str(alike), "--out", str(out), "--what", "1.3")
    assert mini.tinymlx(*command).returncode == 0
    expected = {"müller": 1.0, "möller": 0.0}
    assert {s: float(row["total"]) for s, row in grades(out).items()} == expected
    # One leaves the class, another comes whose safe name is the same; the others keep theirs.
    (alike / "möller").rename(alike / "mëller")
    assert mini.tinymlx(*command).returncode == 0
    expected = {"müller": 1.0, "mëller": 0.0}
    assert {s: float(row["total"]) for s, row in grades(out).items()} == expected
    assert {r["student"] for r in read_records(out)} == set(expected)


def test_a_resubmission_is_graded_and_the_old_record_kept(mini: Mini, solved: Path) -> None:
    out = mini.root / "report"
    command = ("grade", str(solved), "--out", str(out), "--what", "1.3")
    assert mini.tinymlx(*command).returncode == 0
    stamps = {path.name: path.stat().st_mtime_ns for path in (out / "records").iterdir()}
    shutil.copytree(mini.root / "solutions/tinymlx", solved / "cleo/tinymlx", dirs_exist_ok=True)
    result = mini.tinymlx(*command)
    assert "graded cleo" in result.stderr and "graded ada" not in result.stderr
    assert float(grades(out)["cleo"]["total"]) == 1.0
    (old,) = (out / "history" / "cleo").iterdir()
    assert json.loads(old.read_text())["exercises"]["1.3"]["own"]["outcome"] == "to do"
    result = mini.tinymlx("regrade", "bob", "--out", str(out))
    assert "graded bob" in result.stderr and result.stderr.count("graded ") == 1
    assert len(list((out / "history" / "bob").iterdir())) == 1
    assert stamps["ada.json"] == (out / "records" / "ada.json").stat().st_mtime_ns
    result = mini.tinymlx("regrade", "bop", "--out", str(out))
    assert result.returncode == 2 and "the nearest is 'bob'" in result.stderr


def test_options_stay_with_the_report(mini: Mini, solved: Path, tmp_path: Path) -> None:
    out = mini.root / "report"
    times = tmp_path / "times.csv"
    times.write_text("student,submitted\nada,2026-11-03T12:00\n")
    begun = ("grade", str(solved), "--out", str(out), "--what", "1.3", "--per-day", "0.2")
    due = ("--due", "2026-11-01T00:00", "--time-zone", "UTC", "--times", str(times))
    result = mini.tinymlx(*begun, *due[:2])
    assert result.returncode == 2 and "says no time zone" in result.stderr
    assert mini.tinymlx(*begun, *due).returncode == 0
    assert float(grades(out)["ada"]["total"]) == 0.4
    assert mini.tinymlx("grade", str(solved), "--out", str(out)).returncode == 0
    assert float(grades(out)["ada"]["total"]) == 0.4
    other = ("grade", "--out", str(out), "--due", "2026-11-02T00:00")
    result = mini.tinymlx(*other)
    assert result.returncode == 2
    assert "was begun with --due 2026-11-01T00:00" in result.stderr and "--change" in result.stderr
    assert mini.tinymlx(*other, "--change").returncode == 0
    assert float(grades(out)["ada"]["total"]) == 0.6


# Time


def test_an_endless_function_costs_its_own_exercise_once(mini: Mini, tmp_path: Path) -> None:
    """The first test takes the limit, the others are not run; what builds on it passes alone."""
    base = tmp_path / "class"
    shutil.copytree(mini.root / "solutions/tinymlx", base / "ada/tinymlx")
    path = base / "ada/tinymlx/rows/softmax.py"
    text = path.read_text()
    path.write_text(text.replace("    e = mx.exp(", "    while True: pass\n    e = mx.exp("))
    plan = Plan(mini.registry.exercises, seeds=(1, 2), limit=2.0)
    campaign = Campaign(mini.project, mini.registry, plan, mini.root / "report")
    campaign.run([base / "ada"])
    record = campaign.record("ada")
    assert record is not None
    outcomes = {n: outcome(record, n) for n in record["exercises"]}
    assert outcomes == {"1.1": "failed", "1.2": "passed alone", "1.3": "passed"}
    said = [f["headline"] for f in record["exercises"]["1.1"]["own"]["failures"]]
    assert sum("did not finish within" in headline for headline in said) == 1
    assert all("not run" in headline for headline in said[1:]) and len(said) > 1
    assert record["exercises"]["1.1"]["filled"] is None
    own = record["exercises"]["1.2"]["own"]["failures"]
    assert all("it builds on 1.1, which is endless" in f["headline"] for f in own)


def test_what_was_graded_before_the_limit_stays(mini: Mini, tmp_path: Path) -> None:
    base = tmp_path / "class"
    shutil.copytree(mini.root / "solutions/tinymlx", base / "ada/tinymlx")
    path = base / "ada/tinymlx/rows/counter.py"
    path.write_text(path.read_text().replace("        super().add(x)", "        while True: pass"))
    plan = Plan(mini.registry.exercises, seeds=(1,), limit=600.0, student_seconds=15.0)
    campaign = Campaign(mini.project, mini.registry, plan, mini.root / "report")
    campaign.run([base / "ada"])
    record = campaign.record("ada")
    assert record is not None
    outcomes = {n: outcome(record, n) for n in record["exercises"]}
    assert outcomes == {"1.1": "passed", "1.2": "passed", "1.3": "none"}
    assert any("limit of 15 seconds for a student" in note for note in record["notes"])


def test_an_answer_that_nobody_asked_for_costs_the_whole_exercise() -> None:
    tests = [{"outcome": "passed", "weight": 3}, {"outcome": "failed", "weight": 1}]
    verdict = {"outcome": "failed", "tests": tests, "failures": [{"kind": "wrong"}]}
    assert points.share(verdict, partial=True) == 0.75
    verdict["failures"] = [{"kind": "wrong"}, {"kind": "forged"}]
    assert points.share(verdict, partial=True) == 0.0
