"""The gradebook: extensions, marks by hand, attempts, groups, and one total in every export."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from small import ROOT, Mini

from course.errors import CourseError
from course.gradebook.attempts import Attempt, check_order, counting
from course.gradebook.marks import Item, Mark, Marks, People, read_marks
from course.gradebook.metadata import read_metadata
from course.gradebook.sheets import split
from course.gradebook.times import read_extensions
from course.grading import exports, points
from course.grading.gradescope import RUN
from course.grading.roster import Person, Roster

DUE = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
PASSED = {"outcome": "passed", "tests": [], "failures": []}
FAILED = {"outcome": "failed", "tests": [], "failures": []}


def roster_of(*lines: str, entries: list[str], together: bool = False) -> Roster:
    """A roster from lines of ``student,group,id``."""
    people = []
    for line in lines:
        student, group, number = [*line.split(","), "", ""][:3]
        people.append(Person(student, name=student.title(), group=group, id=number))
    return Roster(people, entries, "roster.csv", together)


CLASS = roster_of("ada,red,1", "bob,red,2", "cleo,blue,3", entries=["ada", "cleo"])


# Extensions


@pytest.mark.parametrize("form", ["csv", "toml"])
def test_extensions_of_students_and_groups(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"extensions.{form}"
    if form == "csv":
        path.write_text("student,group,due,hours,reason\nada,,,48,ill\n,red,2026-11-02T12:00,,\n")
    else:
        path.write_text(
            '[[extension]]\nstudent = "ada"\nhours = 48\nreason = "ill"\n\n'
            '[[extension]]\ngroup = "red"\ndue = 2026-11-02T12:00:00Z\n'
        )
    found = read_extensions(path, CLASS.resolve, CLASS.members, DUE, timezone.utc)
    # The later of two holds; bob has not handed in yet and has his time all the same.
    assert found == {"ada": (DUE.replace(day=3), "ill"), "bob": (DUE.replace(day=2), "")}
    policy = points.Policy(due=DUE, extensions=found)
    late = DUE.replace(day=4)
    assert [points.grade(s, {}, [], policy, late).days for s in ("ada", "bob", "cleo")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("student,hours\nadda,4\n", r"extensions.csv:2: there is no student 'adda'.*'ada'"),
        ("group,hours\nreds,4\n", r"extensions.csv:2: there is no group 'reds'.*'red'"),
        ("student,hour\nada,4\n", r"extensions.csv:1: there is no column 'hour'.*'hours'"),
        ("student,hours\nada,-4\n", r"extensions.csv:2: hours must be a positive number"),
        ("student,hours\nada,nan\n", r"extensions.csv:2: hours must be a positive number"),
        ("student,hours,due\nada,4,2026-11-02T12:00Z\n", r":2: it must name .* due or hours"),
        ("student,due\nada,2026-10-02T12:00Z\n", r":2: .* is before the time for all"),
        ("student,hours\nada,4\nada,5\n", r":3: the student 'ada' has an extension already"),
    ],
)
def test_wrong_extensions_are_named_with_their_line(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "extensions.csv"
    path.write_text(text)
    with pytest.raises(CourseError, match=sentence):
        read_extensions(path, CLASS.resolve, CLASS.members, DUE, timezone.utc)


def test_wrong_extensions_in_toml_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "extensions.toml"
    path.write_text('[[extension]]\nstudent = "ada"\nhours = 1\n[[extension]]\nstuden = "ada"\n')
    with pytest.raises(CourseError, match=r"toml:4: there is no key 'studen'.*'student'"):
        read_extensions(path, CLASS.resolve, CLASS.members, DUE, timezone.utc)


# Marks

RUBRIC = """
possible = 2
[rubric]
style = { points = 1.5, text = "Reads well." }
copied = { points = -3, text = "Not your own." }
"""
PEOPLE = People(CLASS.resolve, CLASS.members, ["1.1", "1.2"])


def test_marks_stand_beside_automatic_points(mini: Mini, tmp_path: Path) -> None:
    path = tmp_path / "marks.toml"
    path.write_text(
        RUBRIC + '[groups.red]\npoints = 0.5\n[students.ada]\nawarded = ["style"]\n'
        'comment = "A pleasure."\n[students.ada."1.1"]\npoints = 1\ncomment = "Nearly."\n'
        '[students.ada."1.2"]\nawarded = ["copied"]\n[students.cleo."1.1"]\ninstead = 2\n'
    )
    marks = read_marks(path, PEOPLE)
    policy = points.Policy(marks=marks, due=DUE, per_day=0.5)
    verdicts = {"1.1": {"own": FAILED}, "1.2": {"own": PASSED}}
    exercises = mini.registry.select("1")
    ada = points.grade("ada", verdicts, exercises, policy, DUE.replace(day=2))
    assert ada.points == {"1.1": 1.0, "1.2": 0.0, "1.3": 0.0}  # never below zero
    assert (ada.extra, ada.earned, ada.total, ada.possible) == (2.0, 3.0, 1.5, 6)
    assert ada.remarks == (
        "1.1: +1 by hand", "1.1: Nearly.", "1.2: -3 Not your own.", "+1.5 Reads well.",
        "+0.5 by hand", "A pleasure.", "1 day late: -50%",
    )  # fmt: skip
    assert points.grade("cleo", verdicts, exercises, policy).points["1.1"] == 2
    assert points.grade("bob", {}, exercises, policy).total == 0.5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[rubrik]\n", r"no key 'rubrik'; the nearest is 'rubric'"),
        ("[students.adda]\npoints = 1\n", r"\[students\]: there is no student 'adda'.*'ada'"),
        ("[groups.reed]\npoints = 1\n", r"\[groups\]: there is no group 'reed'.*'red'"),
        ('[students.ada."1.3"]\npoints = 1\n', r"\[students.ada\]: .*no exercise '1.3'"),
        ('[students.ada]\nawarded = ["stile"]\n', r"no item of the rubric 'stile'.*'style'"),
        ("[students.ada]\npoint = 1\n", r"\[students.ada\]: there is no key 'point'.*'points'"),
        ("[students.ada]\npoints = true\n", r"\[students.ada\] points must be a number"),
        ("[students.ada]\ninstead = -1\n", r"instead must be a number, in the place"),
        ("[students.ada]\npoints = nan\n", r"points must be a number"),
        ('[students.ada]\n"1.1" = 3\n', r"\[students.ada\] 1.1 must be a table"),
        ("[students.ada]\ninstead = 1\npoints = 1\n", r"instead takes the place of points"),
        ("[students]\nada = 3\n", r"write \[students.NAME\]"),
        ("[students.ada\n", r"marks.toml:\d+: not valid TOML"),
    ],
)
def test_wrong_marks_are_named(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "marks.toml"
    path.write_text(RUBRIC + text)
    with pytest.raises(CourseError, match=sentence):
        read_marks(path, PEOPLE)


# Attempts and groups


def attempt(total: int, day: int, current: bool = False) -> Attempt:
    return Attempt({"total": total}, DUE.replace(day=day), current)


def graded(one: Attempt) -> points.Grade:
    total = float(one.record["total"])
    return points.Grade({}, 0.0, total, 0, 0.0, total, 10, ())


def test_best_and_latest() -> None:
    three = [attempt(5, 1), attempt(7, 2), attempt(3, 3, current=True)]
    assert counting(three, "latest", graded)[1].total == 3
    _, grade, remark = counting(three, "best", graded)
    assert grade.total == 7 and remark == "attempt 2 of 3 counts, the best"
    equal = [attempt(5, 1), attempt(5, 2, current=True)]
    assert counting(equal, "best", graded)[0] is equal[1]
    assert counting(equal[1:], "best", graded)[2] == ""


def test_the_latest_of_several_entries_needs_their_times() -> None:
    entries = ["Ada L_1_assignsubmission_file_", "ada"]
    roster = roster_of("ada,,1", entries=entries)
    assert roster.entries == {"ada": entries}
    check_order(roster, "best", {})
    check_order(roster, "latest", dict.fromkeys(entries, DUE))
    with pytest.raises(CourseError, match=r"'ada' handed in .* --attempts best"):
        check_order(roster, "latest", {"ada": DUE})
    assert roster.entry("ada", "x") == "ada"
    with pytest.raises(CourseError, match=r"handed in .* name one"):
        roster.entry("1", "times.csv:2")


def test_a_group_hands_in_once() -> None:
    lines = ("ada,red,1", "bob,red,2", "cleo,blue,3", "dan,blue,4")
    roster = roster_of(*lines, entries=["red", "dan"])
    assert roster.entries == {"ada": ["red"], "bob": ["red"], "dan": ["dan"]}
    assert roster.absent == ["cleo"] and roster.holder("red") == "red"
    together = roster_of(*lines, entries=["red", "bob", "dan"], together=True)
    assert together.entries["ada"] == together.entries["bob"] == ["red", "bob"]
    assert together.entries["cleo"] == ["dan"] and together.absent == []
    assert together.holder("bob") == "red" and together.holder("dan") == "blue"
    with pytest.raises(CourseError, match=r"no line for the student 'reed'.*'red'"):
        roster_of(*lines, entries=["reed"])


# Gradescope's metadata

METADATA: dict[str, Any] = {
    "id": 4711,
    "created_at": "2026-11-03T14:22:32.365935-07:00",
    "assignment": {"due_date": "2026-11-02T12:00:00Z", "title": "One", "total_points": "4.0"},
    "users": [{"email": "ada@x", "id": 1, "name": "Ada L"}],
}


def test_gradescope_says_when_it_was_handed_in(tmp_path: Path) -> None:
    path = tmp_path / "submission_metadata.json"
    path.write_text(json.dumps(METADATA))
    found = read_metadata(path)
    assert found.due is not None and (found.submitted - found.due).days == 1
    assert found.person("x").name == "Ada L" and found.extended is None
    user = {**METADATA["users"][0], "assignment": {"due_date": "2026-11-05T12:00:00Z"}}
    path.write_text(json.dumps({**METADATA, "users": [user]}))
    assert read_metadata(path).extended == datetime(2026, 11, 5, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"created_at": None}, "created_at, the time of the submission, is missing"),
        ({"created_at": "soon"}, "created_at: 'soon' is no time"),
        ({"created_at": 5}, "created_at must be a time in quotes"),
        ({"assignment": []}, "assignment must be a table"),
        ({"assignment": {"due_date": "2026-11-02"}}, "due_date: .* says no time zone"),
        ({"users": {}}, "users must be a list"),
        ({"users": ["ada"]}, r"users\[0\] must be a table"),
    ],
)
def test_wrong_metadata_is_named(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    path = tmp_path / "submission_metadata.json"
    path.write_text(json.dumps({**METADATA, **change}))
    with pytest.raises(CourseError, match=sentence):
        read_metadata(path)
    path.write_text("{")
    with pytest.raises(CourseError, match="cannot be read as JSON"):
        read_metadata(path)


# One total everywhere


def test_cents_are_split_without_loss() -> None:
    assert split(1.0, [1, 1, 1]) == [0.34, 0.33, 0.33]
    assert split(0.0, [1, 2]) == [0.0, 0.0] and split(1.0, []) == []


MARKS = Marks(
    {
        "ada": {"1.1": Mark(items=(Item(0.25, "Clear."),)), "total": Mark(points=0.37)},
        "bob": {"total": Mark(instead=3.21, comments=("An oral exam.",))},
    },
    possible=1,
)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def test_every_export_shows_the_same_total(mini: Mini, tmp_path: Path) -> None:
    exercises = mini.registry.select("1")
    extensions = {"cleo": (DUE.replace(day=3), "ill")}
    policy = points.Policy(due=DUE, per_day=0.13, extensions=extensions, marks=MARKS)
    rows = []
    for number, student in enumerate(["ada", "bob", "cleo", "dan"]):
        passed = {e.id: {"own": PASSED} for e in exercises[: number % 3 + 1]}
        grade = points.grade(student, passed, exercises, policy, DUE.replace(day=2 + number))
        person = Person(student, name=f"{student.title()} L", id=f"7{number}", email=f"{student}@x")
        record = {"student": student, "person": person.plain(), "exercises": passed, "notes": []}
        rows.append((record, grade))
    exports.write_all(tmp_path, rows, exercises)
    totals = {f"7{n}": grade.total for n, (_, grade) in enumerate(rows)}
    assert totals == {"70": 2.28, "71": 3.21, "72": 3.48, "73": 0.96}
    sums: dict[str, list[float]] = {}
    for line in table(tmp_path / "nbgrader.csv"):
        lost = float(line["raw_score"]) - float(line["late_submission_penalty"])
        assert float(line["score"]) == pytest.approx(lost)
        sums.setdefault(line["student_id"], []).append(float(line["score"]))
    assert {student: round(sum(scores), 2) for student, scores in sums.items()} == totals
    assert {
        p["id"]: p["total"] for p in json.loads((tmp_path / "grades.json").read_text())
    } == totals
    assert {r["id"]: float(r["total"]) for r in table(tmp_path / "grades.csv")} == totals
    canvas = table(tmp_path / "canvas.csv")
    assert list(canvas[0]) == [
        "Student", "ID", "SIS User ID", "SIS Login ID", "Section", "tinymlx",
    ]  # fmt: skip
    assert {r["SIS User ID"]: float(r["tinymlx"]) for r in canvas[1:]} == totals
    moodle = table(tmp_path / "moodle.csv")
    assert {
        r["Identifier"].removeprefix("Participant "): float(r["Grade"]) for r in moodle
    } == totals
    assert moodle[0]["Email address"] == "ada@x" and moodle[0]["Maximum Grade"] == "5"
    suites = ElementTree.fromstring((tmp_path / "junit.xml").read_text())
    of_junit = [s.find("properties/property[@name='total']").get("value") for s in suites]  # type: ignore[union-attr]
    assert [float(value) for value in of_junit if value] == list(totals.values())
    for (record, grade), total in zip(rows, totals.values()):
        result = json.loads((tmp_path / f"gradescope/{record['student']}/results.json").read_text())
        assert result["score"] == total
        earned = sum(test["score"] for test in result["tests"]) + grade.extra
        assert earned == pytest.approx(grade.earned)


# From the command


@pytest.fixture
def folder(mini: Mini, tmp_path: Path) -> Path:
    """ada solved 1.3, bob did nothing."""
    base = tmp_path / "class"
    shutil.copytree(mini.root / "solutions/tinymlx", base / "ada/tinymlx")
    shutil.copytree(mini.root / "tinymlx", base / "bob/tinymlx")
    return base


def totals(out: Path) -> dict[str, float]:
    return {row["student"]: float(row["total"]) for row in table(out / "grades.csv")}


def test_best_attempt_extension_and_marks_survive_regrading(
    mini: Mini, folder: Path, tmp_path: Path
) -> None:
    out = mini.root / "report"
    times, extensions = tmp_path / "times.csv", tmp_path / "extensions.csv"
    times.write_text("student,submitted\nada,2026-11-01T13:00Z\n")
    extensions.write_text("student,hours\nbob,5\n")
    begun = ("grade", str(folder), "--out", str(out), "--what", "1.3", "--attempts", "best")
    late = ("--due", "2026-11-01T12:00Z", "--times", str(times), "--extensions", str(extensions))
    assert mini.tinymlx(*begun, *late).returncode == 0
    assert totals(out) == {"ada": 0.9, "bob": 0.0}
    marks = '[rubric]\nkind = { points = 0.5, text = "Kind names." }\n[students.ada]\n'
    marks += 'awarded = ["kind"]\n'
    (out / "marks.toml").write_text(marks)
    # ada hands in worse work, later; what counts is the better attempt with its own lateness.
    shutil.copytree(mini.root / "tinymlx", folder / "ada/tinymlx", dirs_exist_ok=True)
    times.write_text("student,submitted\nada,2026-11-03T13:00Z\n")
    result = mini.tinymlx("grade", "--out", str(out))
    assert result.returncode == 0 and "graded ada" in result.stderr, result.stderr
    assert totals(out) == {"ada": 1.35, "bob": 0.0}
    (ada, _) = json.loads((out / "grades.json").read_text())
    assert ada["remarks"] == ["+0.5 Kind names.", "1 day late: -10%"]
    assert "attempt 1 of 2 counts, the best" in ada["notes"]
    assert "Kind names." in (out / "feedback/ada.html").read_text()
    result = mini.tinymlx("regrade", "ada", "--out", str(out))
    assert result.returncode == 0 and totals(out) == {"ada": 1.35, "bob": 0.0}
    assert (out / "marks.toml").read_text() == marks
    result = mini.tinymlx("grade", "--out", str(out), "--attempts", "latest", "--change")
    assert result.returncode == 0, result.stderr
    assert totals(out) == {"ada": 0.35, "bob": 0.0}  # 0.5 of the rubric, three days late


def test_members_of_a_group_have_its_record(mini: Mini, folder: Path, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("student,name,id,group\nada,Ada,1,red\nzoe,Zoe,2,red\nbob,Bob,3,blue\n")
    out = mini.root / "report"
    command = ("grade", str(folder), "--out", str(out), "--what", "1.3", "--roster", str(roster))
    result = mini.tinymlx(*command, "--groups")
    assert result.returncode == 0, result.stderr
    assert totals(out) == {"ada": 1.0, "bob": 0.0, "zoe": 1.0}
    assert "Zoe: 1 of 1 points" in (out / "feedback/zoe.html").read_text()
    groups = {row["group"]: row for row in table(out / "groups.csv")}
    assert groups["red"]["mean total"] == "1.0" and groups["red"]["members"] == "ada; zoe"
    assert groups["blue"]["1.3"] == "0" and groups["red"]["1.3"] == "2"
    assert len(list((out / "records").iterdir())) == 2  # graded once for the group


def test_the_examples_for_instructors_are_read(tmp_path: Path) -> None:
    text = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
    extensions, marks = re.findall(r"```toml\n(.*?)```", text, re.S)
    (tables,) = (b for b in re.findall(r"```text\n(.*?)```", text, re.S) if "hours" in b)
    roster = roster_of("ada,red", "bob,blue", entries=["ada", "bob"])
    people = People(roster.resolve, roster.members, ["1.2", "1.3"])
    for name, content in (("a.toml", extensions), ("b.csv", tables), ("marks.toml", marks)):
        (tmp_path / name).write_text(content)
    early = DUE.replace(year=2025)
    one = read_extensions(tmp_path / "a.toml", roster.resolve, roster.members, early)
    two = read_extensions(tmp_path / "b.csv", roster.resolve, roster.members, early)
    assert one["ada"] == two["ada"] and set(two) == {"ada", "bob"}
    found = read_marks(tmp_path / "marks.toml", people)
    assert found.of["ada"]["1.2"].items[0].points == -1 and found.of["bob"]["1.3"].instead == 2
    assert found.of["bob"]["total"].points == 0.5


def test_the_autograder_tells_when_and_whose_it_is(mini: Mini, tmp_path: Path) -> None:
    """Gradescope's script, with its folders moved: a day late, and a later time for this user."""
    base = tmp_path / "autograder"
    shutil.copytree(mini.root / "solutions/tinymlx", base / "submission/tinymlx")
    command = mini.root / ".venv/bin/tinymlx"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m course.cli.entry "$@"\n')
    command.chmod(0o755)
    (base / "submission_metadata.json").write_text(json.dumps(METADATA))
    script = RUN.format(options=" --what 1.3").replace("/tmp/", "WORK-")
    script = script.replace("/autograder/course", str(mini.root)).replace("/autograder", str(base))
    script = script.replace("WORK-", f"{tmp_path}/work-")
    result = mini.run("bash", "-c", script)
    assert result.returncode == 0, result.stderr
    found = json.loads((base / "results/results.json").read_text())
    assert found["score"] == 0.8 and found["output"] == "2 days late: -20%"
    user = {**METADATA["users"][0], "assignment": {"due_date": "2026-11-05T12:00:00Z"}}
    (base / "submission_metadata.json").write_text(json.dumps({**METADATA, "users": [user]}))
    shutil.rmtree(tmp_path / "work-class")
    assert mini.run("bash", "-c", script).returncode == 0
    assert json.loads((base / "results/results.json").read_text())["score"] == 1.0
    (base / "submission_metadata.json").write_text("{}")
    result = mini.run("bash", "-c", script)
    assert "created_at, the time of the submission, is missing" in result.stderr
