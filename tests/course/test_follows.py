"""Regrading only what changed: which hashes a change touches, and what a rerun grades."""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small import ROOT, Mini
from test_house import imported, modules_of

from course.grading.follows import Submitted, all_parts, course_parts, is_aside
from course.grading.job import Record
from course.graft.grafts import Grafts
from course.paths import Project
from course.registry import Registry


def parts_of(mini: Mini) -> dict[str, dict[str, str]]:
    registry = mini.registry
    return course_parts(mini.project, registry, registry.exercises)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def in_card(mini: Mini) -> None:
    path = mini.root / "exercises/ch01_rows/exercises.toml"
    edit(path, 'closed = ["mx.softmax", "mx.logsumexp"]', 'closed = ["mx.softmax"]')


def in_hint(mini: Mini) -> None:
    edit(mini.root / "exercises/ch01_rows/exercises.toml", "Which row?", "Which one?")


def in_tests(mini: Mini) -> None:
    path = mini.root / "tests/ch01_rows/test_more.py"
    path.write_text(
        'from course.grading.marks import exercise\n\n\n@exercise("1.3")\ndef test(): ...\n'
    )


def in_solution(mini: Mini) -> None:
    edit(mini.root / "solutions/tinymlx/rows/softmax.py", "x - mx.max", "x + 0 - mx.max")


def in_misconceptions(mini: Mini) -> None:
    with open(mini.root / "exercises/ch01_rows/misconceptions.py", "a") as stream:
        stream.write("\n# another\n")


@pytest.mark.parametrize(
    ("change", "part", "numbers"),
    [
        (in_card, "card", ["1.1"]),
        (in_hint, "", []),
        (in_tests, "tests", ["1.3"]),
        (in_misconceptions, "tests", ["1.1", "1.2", "1.3"]),
        (in_solution, "library", ["1.1", "1.2", "1.3"]),
    ],
)
def test_a_change_of_the_course_touches(
    mini: Mini, change: Callable[[Mini], None], part: str, numbers: list[str]
) -> None:
    before = parts_of(mini)
    change(mini)
    now = parts_of(mini)
    changed = {(n, key) for n in now for key in now[n] if now[n][key] != before[n][key]}
    assert changed == {(number, part) for number in numbers}


def test_later_solutions_are_no_part_of_an_earlier_chapter(
    project: Project, registry: Registry, tmp_path: Path
) -> None:
    """The body of an exercise of chapter 3 matters from there on, a helper to everybody."""
    for name in ("exercises", "solutions", "tests", "reference", "tinymlx"):
        ignored = shutil.ignore_patterns("course", "figures", "__pycache__", "*.npz")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    copy = Project(tmp_path)
    some = [registry[number] for number in ("2.1", "3.1", "4.1")]
    before = course_parts(copy, registry, some)
    symbol = registry["3.1"].symbols[0]
    path = tmp_path / "solutions/tinymlx" / symbol.file
    tree = ast.parse(path.read_text())
    (node,) = (n for n in ast.walk(tree) if getattr(n, "name", "") == symbol.name)
    lines = path.read_text().split("\n")
    last = node.end_lineno
    lines.insert(last, " " * node.body[-1].col_offset + "pass  # never reached, or harmless")
    path.write_text("\n".join(lines))
    now = course_parts(copy, registry, some)
    assert [now[n]["library"] == before[n]["library"] for n in now] == [True, False, False]


def submitted(mini: Mini, text: str) -> dict[str, str]:
    """Exercise to the hash of a submission with ``text`` as its softmax.py."""
    folder = mini.root / "handed_in"
    shutil.copytree(mini.root / "solutions/tinymlx", folder / "tinymlx", dirs_exist_ok=True)
    (folder / "tinymlx/rows/softmax.py").write_text(text)
    registry = mini.registry
    hashes = Submitted(registry, Grafts(mini.project, registry, folder))
    return {exercise.id: hashes.part(exercise) for exercise in registry.exercises}


def test_what_travels_is_in_the_hash_and_comments_elsewhere_are_not(mini: Mini) -> None:
    text = (mini.root / "solutions/tinymlx/rows/softmax.py").read_text()
    before = submitted(mini, text)
    # 1.3 has its own file; it depends on definitions that travel for its chapter, not on words.
    commented = submitted(mini, text + "\n# a comment\n")
    assert commented["1.3"] == before["1.3"] and commented["1.1"] != before["1.1"]
    wrong = submitted(mini, text.replace("return e / ", "return 2 * e / "))
    assert all(wrong[number] != before[number] for number in before)
    helper = text.replace("return e / ", "return helped(e) / ")
    one = submitted(mini, helper + "\n\ndef helped(e):\n    return e\n")
    two = submitted(mini, helper + "\n\ndef helped(e):\n    return 2 * e\n")
    assert all(one[number] != two[number] for number in one)


def test_too_deep_to_hash_is_graded_again(mini: Mini) -> None:
    deep = "def softmax(x, axis=-1):\n    return " + "(" * 90 + "x" + ")" * 90 + "\n"
    deep += "def pick(x, index):\n    return " + "-" * 5000 + "x\n"
    folder = mini.root / "handed_in"
    shutil.copytree(mini.root / "solutions/tinymlx", folder / "tinymlx")
    (folder / "tinymlx/rows/softmax.py").write_text(deep)
    registry = mini.registry
    found = all_parts(parts_of(mini), registry, Grafts(mini.project, registry, folder))
    assert found == {} or set(found) == {"1.1", "1.2", "1.3"}


def test_what_builds_on_an_endless_exercise_is_graded_together_with_it(tmp_path: Path) -> None:
    """Kept are verdicts of the same parts; what did not end, only if nothing else is graded."""
    same, other = {"tests": "a"}, {"tests": "b"}
    verdicts = {number: {"own": number, "filled": None} for number in ("1.1", "1.2", "1.3")}
    before = {"exercises": verdicts, "follows": dict.fromkeys(verdicts, same), "endless": ["1.1"]}
    record = Record({"record": str(tmp_path / "record.json"), "before": before})
    record.keep(dict.fromkeys(verdicts, same))
    assert record.kept == verdicts and record.ever_endless == {"1.1"}
    record.keep({"1.1": same, "1.2": other, "1.3": same})
    assert set(record.kept) == {"1.3"} and not record.ever_endless
    record.keep({})
    assert record.kept == {}


def test_no_verdict_follows_from_what_is_left_aside() -> None:
    """What grading imports is in the hash of the machinery, but for what only orders or shows."""
    modules = modules_of(ROOT, "course")
    reached: set[str] = set()
    pending = ["course.grading.job", "course.grading.plugin", "course.grading.worker"]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += imported(name, modules[name], modules)
    files = {modules[name].relative_to(ROOT / "course").as_posix() for name in reached}
    aside = {file for file in files if is_aside(file)}
    # Authors' proofs of the graders come with the plugin, and do nothing when a class is graded.
    assert {f for f in aside if not f.startswith("mutants/")} <= {"grading/proofs.py"}


def test_a_changed_test_regrades_its_exercise_for_everybody(mini: Mini, tmp_path: Path) -> None:
    base, out = tmp_path / "class", mini.root / "report"
    for student in ("ada", "bob"):
        shutil.copytree(mini.root / "solutions/tinymlx", base / student / "tinymlx")
    assert mini.tinymlx("grade", str(base), "--out", str(out)).returncode == 0
    before = json.loads((out / "records/ada.json").read_text())
    strict = '\n\n@exercise("1.3")\ndef test_strict(probe, draw):\n    assert False\n'
    (mini.root / "tests/ch01_rows/test_strict.py").write_text(
        "from course.grading.marks import exercise\n" + strict
    )
    result = mini.tinymlx("grade", "--out", str(out))
    assert "1 exercise regraded for 2 students, because tests changed" in result.stderr
    now = json.loads((out / "records/ada.json").read_text())
    assert now["exercises"]["1.1"] == before["exercises"]["1.1"]
    assert now["exercises"]["1.3"]["own"]["outcome"] == "failed"
    (old,) = (out / "history/ada").iterdir()
    assert json.loads(old.read_text()) == before
    # Nothing changed: nobody is graded. A hint changed: the same.
    assert "graded" not in mini.tinymlx("grade", "--out", str(out)).stderr
    in_hint(mini)
    assert "graded" not in mini.tinymlx("grade", "--out", str(out)).stderr
