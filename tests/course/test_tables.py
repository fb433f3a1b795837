"""Tables of `class`, `compare` and `likeness`: on a terminal of any width, and in a pipe."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from small import Mini

from course.cli import classroom, likeness
from course.cli.compare import show
from course.compare.collect import Row
from course.likeness.pairs import Pair

NAMES = ["ada", "Ada Lovelace_1234_assignsubmission_file_" * 2, "Ивáн\tПетров", "李小龍" * 9]
WORDS = "You forgot the softmax, and what follows is a long sentence about it. " * 2


def record(student: str, said: str) -> dict[str, Any]:
    verdict = {
        "outcome": said,
        "failures": [{"headline": "it did not finish within 10 seconds", "likely": WORDS}],
    }
    numbers = [f"{chapter}.{n}" for chapter in range(1, 8) for n in range(1, 18)]
    verdicts = {"own": verdict, "filled": verdict}
    return {"student": student, "exercises": dict.fromkeys(numbers, verdicts)}


RECORDS = [record(n, s) for n, s in zip(NAMES, ["passed", "failed", "to do", "failed"])]
TITLES = {number: f"{number} A title of {'many words' * 6}" for number in RECORDS[0]["exercises"]}


def printed(width: int, draw: Any) -> list[str]:
    out = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    draw(out)
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 200])
def test_a_class_fits_the_terminal(width: int) -> None:
    summaries = classroom.summarise(RECORDS)

    lines = printed(
        width, lambda out: out.print(classroom.exercise_table(summaries, TITLES, out.width))
    )
    found = printed(width, lambda out: out.print(classroom.heat_map(RECORDS, out.width)))
    assert max(map(cell_len, [*lines, *found])) <= width
    first = next(line for line in lines if line.startswith("1.1 "))
    assert first.split()[-4:] == ["1", "2", "1", "4"]  # passed, failed, to do, time-outs
    marks = "".join(found)
    assert {mark: marks.count(mark) for mark in "PF."} == {"P": 119, "F": 2 * 119, ".": 119}
    assert not any(sign in "".join([*lines, *found]) for sign in "\x1b│█")


def test_a_class_in_a_pipe_is_whole() -> None:
    lines = classroom.tables(classroom.summarise(RECORDS), RECORDS, TITLES)
    assert [TITLES["1.1"], "1", "0", "2", "1", "4"] == lines[1][:6]
    empty = lines.index([])
    assert [line[0] for line in lines[empty + 2 :]][1] == NAMES[1]
    assert all(len(line) == 1 + 119 for line in lines[empty + 1 :])


@pytest.mark.parametrize("width", [80, 200])
def test_a_comparison_fits_the_terminal(width: int) -> None:
    rows = [Row(NAMES[1], "wrong when timed", 1, 3, 0, 20, 9e17, math.nan, 123.4, 99.9, 1e4, 24)]
    rows += [Row(name, "passed", 3, 3, 2, 2, 0.1, 0.2, 1.0, 0.9, 1.1, 24) for name in NAMES]
    rows[0].notes = [WORDS]
    lines = printed(width, lambda out: show(out, rows))
    assert max(map(cell_len, lines)) <= width
    assert "99.9-1.0e+04" in lines[1] and "0/20" in lines[1] and "9.0e+17" in lines[1]
    assert "".join(lines[7:]).replace(" ", "").startswith(f"{NAMES[1]}:Youforgot".replace(" ", ""))


@pytest.mark.parametrize("width", [80, 200])
def test_pairs_fit_the_terminal_and_are_whole_in_a_pipe(width: int) -> None:
    exercises = tuple((f"4.{i}", 12.0) for i in range(1, 18))
    pairs = [Pair(NAMES[1], NAMES[3], 0.91, 40.0, 0.2, exercises)]
    lines = printed(width, lambda out: out.print(likeness.table(pairs, out.width)))
    assert max(map(cell_len, lines)) <= width
    assert "91%" in lines[1] and "20%" in lines[1]
    assert likeness.tabbed(pairs)[1][:4] == [NAMES[1], NAMES[3], "0.910", "0.200"]
    assert likeness.tabbed(pairs)[1][4].split() == [number for number, _ in exercises]


def test_what_a_pipe_gets_reads_as_a_table(mini: Mini) -> None:
    folder = mini.root / "report" / "records"
    folder.mkdir(parents=True)
    for number, made in enumerate(RECORDS):
        (folder / f"{number}.json").write_text(json.dumps(made))
    result = mini.tinymlx("class", "report", COLUMNS="")
    assert result.returncode == 0, result.stderr
    summary, students = result.stdout.split("\n\n")
    table = list(csv.DictReader(io.StringIO(summary), delimiter="\t"))
    assert table[0]["exercise"] == "1.1 A softmax that cannot overflow"
    assert table[0]["time-outs"] == "4" and table[0]["most common misconception"] == WORDS.strip()
    rows = {row["student"]: row for row in csv.DictReader(io.StringIO(students), delimiter="\t")}
    assert rows["ada"]["7.17"] == "passed" and rows[NAMES[3]]["1.1"] == "failed"
    assert "Ивáн\\x09Петров" in rows
    assert Text(result.stdout).plain == result.stdout and "\x1b" not in result.stdout


def test_the_pages_command_says_where_it_is(mini: Mini, tmp_path: Path) -> None:
    for name in ("ada", "bob", "cleo"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "softmax.py").write_text("def pick(x, index):\n    return x\n")
    result = mini.tinymlx("likeness", str(tmp_path), COLUMNS="")
    assert result.stdout == "first\tsecond\tlikeness\tusual\texercises\n", result.stderr
    assert "likeness.html" in result.stderr
