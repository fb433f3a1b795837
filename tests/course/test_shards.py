"""A class in parts: the merged report is that of one run, and what does not belong is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small import ROOT, Mini

from course.errors import CourseError
from course.gradebook.shards import Shard, gather, read_shard

SEED = "20261123"


def blocks(kind: str) -> list[str]:
    """The examples in INSTRUCTORS.md that are fenced as ``kind``."""
    text = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, re.S)


def github(pattern: str) -> str:
    """The one command in the example of GitHub's workflow that holds ``pattern``."""
    (workflow,) = (block for block in blocks("yaml") if "matrix" in block)
    (found,) = (line for line in re.findall(r"run: (.+)", workflow) if pattern in line)
    return found.replace("${{ secrets.SEED }}", SEED)


def slurm() -> str:
    """The body of the example of a Slurm array."""
    (script,) = (block for block in blocks("sh") if "#SBATCH" in block)
    return script


@pytest.fixture
def school(mini: Mini) -> Mini:
    """A working copy as the examples have it: ``submissions/`` and ``.venv/bin/tinymlx``."""
    command = mini.root / ".venv/bin/tinymlx"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m course.cli.entry "$@"\n')
    command.chmod(0o755)
    for student in ("ada", "bob", "zoe"):
        shutil.copytree(
            mini.root / "solutions/tinymlx", mini.root / "submissions" / student / "tinymlx"
        )
    path = mini.root / "submissions/bob/tinymlx/rows/softmax.py"
    path.write_text(path.read_text().replace("return e / ", "return 2 * e / "))
    shutil.copytree(
        mini.root / "tinymlx", mini.root / "submissions/zoe/tinymlx", dirs_exist_ok=True
    )
    return mini


def shell(mini: Mini, command: str, **extra: str) -> subprocess.CompletedProcess:
    result = mini.run("bash", "-c", command, **extra)
    assert result.returncode == 0, result.stderr
    return result


def test_the_examples_of_github_and_slurm_give_the_report_of_one_run(school: Mini) -> None:
    """The first shard as GitHub runs it, the second as Slurm does; their merge is the whole."""
    whole = school.tinymlx("grade", "submissions", "--seed", SEED, "--out", "whole")
    assert whole.returncode == 0, whole.stderr
    first = github("--shard").replace("${{ matrix.shard }}", "1").replace("/8", "/2")
    assert "2 submissions of 3, shard 1/2" in shell(school, first).stderr
    tasks = {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "2"}
    shell(school, slurm(), SEED=SEED, **tasks)
    shell(school, github("merge"))
    assert same_report(school.root / "whole", school.root / "report") > 12
    # The merged report goes on as any other: nobody is graded again.
    again = school.tinymlx("grade", "--out", "report")
    assert again.returncode == 0 and "graded" not in again.stderr, again.stderr


def same_report(whole: Path, merged: Path) -> int:
    """Byte for byte where no time stands; how many files that are."""
    files = {p.relative_to(whole).as_posix() for p in whole.rglob("*") if p.is_file()}
    assert files == {p.relative_to(merged).as_posix() for p in merged.rglob("*") if p.is_file()}
    plain = {f for f in files if not re.match("records/|receipts/|run.json", f)}
    for file in plain:
        assert (whole / file).read_bytes() == (merged / file).read_bytes(), file
    for file in files - plain - {"run.json"}:
        one, two = (json.loads((base / file).read_text()) for base in (whole, merged))
        assert one.pop("seconds") and two.pop("seconds")
        assert one == two, file
    return len(plain)


def test_a_shard_is_a_matter_of_the_name() -> None:
    names = [f"s{number}" for number in range(400)]
    parts = [[n for n in names if Shard(k, 4).holds(n)] for k in range(1, 5)]
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert all(70 < len(part) < 130 for part in parts)  # a binomial's 100 +- 3.4 deviations
    for wrong in ("0/8", "9/8", "2", "a/b", "2/0"):
        with pytest.raises(CourseError, match="write it like 2/8"):
            read_shard(wrong)


def test_shards_need_a_common_seed(mini: Mini) -> None:
    shutil.copytree(mini.root / "tinymlx", mini.root / "class/ada/tinymlx")
    result = mini.tinymlx("grade", "class", "--shard", "1/2", "--out", "shard-1")
    assert result.returncode == 2 and "--shard needs --seed" in result.stderr


def begun(base: Path, number: int, **other: Any) -> Path:
    """A shard's report, as far as merging looks at it."""
    run = {
        "seeds": [1],
        "exercises": ["1.1"],
        "course": "c",
        "versions": {"mlx": "1", "torch": "1", "numpy": "1"},
        "sandbox": "none",
        "handed_in": ["ada", "bob"],
        "entries": [["ada"], ["bob"]][number - 1],
        "files": {"times": "hash"},
        "options": {"shard": f"{number}/2", "seed": 1, "due": None, "times": "/there/times.csv"},
    }
    other["options"] = {**run["options"], **other.get("options", {})}
    folder = base / f"shard-{number}"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({**run, **other}))
    (folder / "records").mkdir()
    for student in ("ada", "bob"):
        (folder / "records" / f"{student}.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"course": "d"}, "another state of the course"),
        ({"versions": {"mlx": "2", "torch": "1", "numpy": "1"}}, "mlx 2, .* with 1"),
        ({"seeds": [2]}, "other seeds"),
        ({"exercises": ["1.2"]}, "other exercises"),
        ({"handed_in": ["ada"]}, "another folder of submissions"),
        ({"files": {"times": "other"}}, "other tables or marks"),
        ({"options": {"due": "2026-11-01T12:00Z"}}, "--due 2026-11-01T12:00Z than|--due 2026"),
        ({"options": {"shard": "2/3"}}, "parts of 2 and of 3"),
        ({"options": {"shard": "1/2"}}, "are both shard 1/2"),
        ({"options": {"shard": None}}, "begun without --shard"),
        ({"entries": ["ada"]}, "have both graded 'ada'"),
        ({"entries": []}, "'bob' was handed in, and no shard has graded it"),
    ],
)
def test_what_does_not_belong_together(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    folders = [begun(tmp_path, 1), begun(tmp_path, 2, **change)]
    with pytest.raises(CourseError, match=sentence):
        gather(folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_that_are_missing_or_hold_marks(tmp_path: Path) -> None:
    first, second = begun(tmp_path, 1), begun(tmp_path, 2)
    run = gather([second, first], tmp_path / "out")
    assert run["students"] == ["ada", "bob"] and "shard" not in run["options"]
    with pytest.raises(CourseError, match="shard 2/2 is missing"):
        gather([first], tmp_path / "out")
    with pytest.raises(CourseError, match="is no report"):
        gather([first, tmp_path], tmp_path / "out")
    with pytest.raises(CourseError, match="is a report of its own"):
        gather([first, second], first)
    (second / "records/bob.json").unlink()
    with pytest.raises(CourseError, match=r"shard-2 is not finished, it has no record of 'bob'"):
        gather([first, second], tmp_path / "out")
    (second / "marks.toml").write_text("")
    with pytest.raises(CourseError, match="put them into the merged report"):
        gather([first, second], tmp_path / "out")
