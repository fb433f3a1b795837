"""Grading a class: what is taken in, interruptions, points, exports, receipts."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

import pytest
from small import Mini

from course.errors import CourseError
from course.grading import points
from course.grading.exports import guarded
from course.grading.submissions import find_submissions, read_submission, safe_name, shown

RETURN = "    return rows.softmax(x)[index]"
KNOWN = {"rows/softmax.py", "rows/counter.py", "rows/__init__.py", "__init__.py"}
CODE = b"x = 1\n"


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
    assert result.returncode == 2 and "was begun with other exercises" in result.stderr


def test_interruptions_lose_nothing_and_repeat_nobody(mini: Mini, tmp_path: Path) -> None:
    """Ten kills at random moments; every finished student's record stays as it is."""
    base, out = tmp_path / "class", mini.root / "report"
    for number in range(14):
        shutil.copytree(mini.root / "solutions/tinymlx", base / f"s{number:02d}" / "tinymlx")
    command = [sys.executable, "-m", "course.cli.main", "grade", str(base), "--out", str(out)]
    command += ["--what", "1.3", "--jobs", "2"]
    chance = random.Random(0)
    finished: dict[str, int] = {}
    for _ in range(10):
        process = subprocess.Popen(
            command, env=mini.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.6, 2.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in (out / "records").glob("*.json"):
            json.loads(path.read_text())  # whole, whenever the kill came
            stamp = path.stat().st_mtime_ns
            assert finished.setdefault(path.name, stamp) == stamp
    assert subprocess.run(command, env=mini.environment(), capture_output=True).returncode == 0
    for name, stamp in finished.items():
        assert (out / "records" / name).stat().st_mtime_ns == stamp
    assert {float(row["total"]) for row in grades(out).values()} == {1.0}
    assert len(grades(out)) == 14


# What is taken in


def test_archives_and_repositories_give_the_same_files(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    (folder / "tinymlx" / "rows").mkdir(parents=True)
    (folder / "tinymlx" / "rows" / "softmax.py").write_bytes(CODE)
    (folder / "notes.txt").write_text("hello")
    entries = tmp_path / "class"
    entries.mkdir()
    shutil.copytree(folder, entries / "a")
    with zipfile.ZipFile(entries / "b.zip", "w") as archive:
        archive.write(folder / "tinymlx/rows/softmax.py", "x/tinymlx/rows/softmax.py")
    with tarfile.open(entries / "c.tar.gz", "w:gz") as archive:
        archive.add(folder, "work")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", "-b", "main"], cwd=folder, check=True)
    subprocess.run([*git, "add", "."], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-qm", "x"], cwd=folder, check=True)
    subprocess.run([*git, "clone", "-q", "--bare", ".", entries / "d.git"], cwd=folder, check=True)
    subprocess.run(
        [*git, "bundle", "create", "-q", entries / "e.bundle", "HEAD", "main"],
        cwd=folder,
        check=True,
    )
    for path in find_submissions(entries):
        submission = read_submission(path, KNOWN)
        assert submission.files == {"rows/softmax.py": CODE}, (path, submission.notes)
    assert [read_submission(p, KNOWN).student for p in find_submissions(entries)] == list("abcde")


def test_a_zip_cannot_climb_out(tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../out.py", "/abs.py", "tinymlx/../../up.py", "C:\\x.py", "tinymlx/ok.py"):
            archive.writestr(name, CODE)
        link = zipfile.ZipInfo("tinymlx/link.py")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    submission = read_submission(path, KNOWN)
    assert submission.files == {"ok.py": CODE}
    assert sum("leaves the submission" in note for note in submission.notes) == 4
    assert any("link.py: it is a link" in note for note in submission.notes)


def test_links_devices_and_sparse_files_stay_behind(tmp_path: Path) -> None:
    base = tmp_path / "evil"
    (base / "tinymlx").mkdir(parents=True)
    (base / "tinymlx" / "ok.py").write_bytes(CODE)
    (base / "tinymlx" / "link.py").symlink_to("/etc/passwd")
    (base / "loop").symlink_to(base)
    os.mkfifo(base / "tinymlx" / "pipe.py")
    with open(base / "tinymlx" / "big.py", "wb") as stream:
        stream.truncate(10 << 30)
    started = time.monotonic()
    submission = read_submission(base, KNOWN)
    assert submission.files == {"ok.py": CODE} and time.monotonic() - started < 5
    text = "\n".join(submission.notes)
    assert "link.py: it is a link" in text and "pipe.py: it is a link or a device" in text
    assert "big.py: it has 10737418240 bytes" in text


def test_a_zip_bomb_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tinymlx/bomb.py", b"#" * (64 << 20))
        for number in range(60):
            archive.writestr(f"tinymlx/part{number}.py", b"#" * (1 << 20))
    submission = read_submission(path, KNOWN)
    assert "bomb.py" not in submission.files
    assert sum(map(len, submission.files.values())) <= 32 << 20
    assert any("too large" in note for note in submission.notes)


def test_what_cannot_be_read_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip at all")
    (tmp_path / "b.tar.gz").write_bytes(b"\x1f\x8b broken")
    (tmp_path / "c.bundle").write_bytes(b"nothing")
    (tmp_path / "d").mkdir()
    for path in find_submissions(tmp_path):
        submission = read_submission(path, KNOWN)
        assert not submission.files and submission.notes, path


def test_names_cannot_act() -> None:
    assert safe_name("=HYPERLINK('x')\x1b[31m[bold]") == "_HYPERLINK__x____31m_bold_"
    assert safe_name("../../etc") == "_.._etc" and safe_name("\n") == "_"
    assert shown("a\x1b[2Jb") == "a\\x1b[2Jb"
    assert guarded("=1+1") == "'=1+1" and guarded("-3") == "'-3" and guarded(-3) == -3


def test_a_folder_without_submissions_is_refused(mini: Mini, tmp_path: Path) -> None:
    result = mini.tinymlx("grade", str(tmp_path / "nowhere"))
    assert result.returncode == 2 and "is no folder of submissions" in result.stderr
    (tmp_path / "empty").mkdir()
    result = mini.tinymlx("grade", str(tmp_path / "empty"))
    assert result.returncode == 2 and "holds no submissions" in result.stderr


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
    times = {"ada": points.read_time(submitted, "x")}
    policy = points.Policy(due=DUE, per_day=0.1, times=times)
    verdicts = {"1.2": {"own": PASSED, "filled": None}}
    grade = points.grade("ada", verdicts, list(mini.registry.exercises), policy)
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


def test_wrong_tables_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "times.csv"
    path.write_text("name,when\nada,now\n")
    with pytest.raises(
        CourseError, match=r"times.csv:1: the columns must be student and submitted"
    ):
        points.read_times(path)
    path.write_text("student,submitted\nada,now\n")
    with pytest.raises(CourseError, match=r"times.csv:2: 'now' is no time"):
        points.read_times(path)
    path = tmp_path / "adjustments.toml"
    path.write_text('[ada]\n"1.1" = 3\n')
    with pytest.raises(CourseError, match=r"\[ada\] 1.1 must read"):
        points.read_adjustments(path)
