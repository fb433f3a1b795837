"""A newer course comes in; nothing a student wrote is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small import Mini

from course.cutter import write_starters
from course.paths import Project
from course.registry import load_registry
from course.update import merge

NAMES = ["f", "g"]
F = 'def f():\n    """F."""\n    raise NotImplementedError("1.1 f - exercises/x")\n'
G = 'def g():\n    """G."""\n    raise NotImplementedError("1.2 g - exercises/x")\n'
OLD = f"import math\n\n\n{F}\n\n{G}"
NEW = f"import math\nimport os\n\n\n{F}\n\n{G.replace('G.', 'G, better.')}"
MINE = OLD.replace(F, 'def f():\n    """F."""\n    return 1\n')


def test_an_untouched_file_is_replaced() -> None:
    assert merge(OLD, OLD, NEW, NAMES) == NEW
    assert merge(None, OLD, NEW, NAMES) == NEW


def test_what_is_written_stays_and_starters_are_renewed() -> None:
    merged = merge(MINE, OLD, NEW, NAMES)
    assert merged is not None
    assert "return 1" in merged and "import os" in merged and "G, better." in merged


def test_own_helpers_stay_where_the_given_parts_did_not_change() -> None:
    mine = MINE.replace("import math\n", "import math\n\n\ndef helper():\n    return 2\n")
    new = OLD.replace("G.", "G, better.")
    merged = merge(mine, OLD, new, NAMES)
    assert merged is not None
    assert "def helper" in merged and "return 1" in merged and "G, better." in merged


def test_both_sides_changed_keeps_the_students_file() -> None:
    assert merge(MINE.replace("import math", "import cmath"), OLD, NEW, NAMES) is None
    assert merge("def broken(:\n", OLD, NEW, NAMES) is None


@pytest.fixture
def newer(mini: Mini, tmp_path: Path) -> Path:
    """A newer course: another title, a changed solution, a new test, a module less."""
    folder = tmp_path / "newer"
    shutil.copytree(mini.root, folder)
    cards = folder / "exercises/ch01_rows/exercises.toml"
    cards.write_text(cards.read_text().replace("Picking from a softmax", "Picking"))
    solution = folder / "solutions/tinymlx/rows/softmax.py"
    text = solution.read_text().replace("Row ``index`` of", "One row, ``index``, of")
    solution.write_text(text.replace("Given: x minus", "Given. x minus"))
    (folder / "tests/ch01_rows/test_new.py").write_text("# new\n")
    (folder / "reference/ch01_rows.py").write_text("# newer\n")
    project = Project(folder)
    write_starters(project, load_registry(project))
    shutil.rmtree(folder / ".tinymlx", ignore_errors=True)
    return folder


def test_update_from_a_folder(mini: Mini, newer: Path) -> None:
    (mini.root / "tests/ch01_rows/test_gone.py").write_text("# only in the old course\n")
    mini.run(sys.executable, "-c", "from course.update import remember; remember()")
    (mini.root / "tests/ch01_rows/test_mine.py").write_text("# the reader's own\n")
    (mini.root / "exercises/notes.md").write_text("my notes\n")
    mini.write("1.1 softmax", "return x * 3")
    dry = mini.tinymlx("update", str(newer), "--dry-run")
    assert dry.returncode == 0 and "files to write" in dry.stdout
    assert "One row" not in (mini.root / "tinymlx/rows/softmax.py").read_text()
    result = mini.tinymlx("update", str(newer))
    assert result.returncode == 0, result.stderr
    mine = (mini.root / "tinymlx/rows/softmax.py").read_text()
    assert "return x * 3" in mine and "One row, ``index``" in mine and "Given. x" in mine
    assert (mini.root / "tests/ch01_rows/test_new.py").exists()
    assert not (mini.root / "tests/ch01_rows/test_gone.py").exists()
    assert "test_gone.py: removed" in result.stdout
    assert (mini.root / "tests/ch01_rows/test_mine.py").exists()
    assert (mini.root / "exercises/notes.md").read_text() == "my notes\n"
    assert "test_mine.py: yours, left alone" in result.stdout
    kept = {p.name for p in (mini.root / ".tinymlx/backups").rglob("*.py")}
    assert {"softmax.py", "test_gone.py", "ch01_rows.py"} <= kept
    assert "0 files to write" in mini.tinymlx("update", str(newer)).stdout


def test_update_reads_what_python_reads(mini: Mini, newer: Path) -> None:
    """Windows' line ends stay; a file that is no text is kept and named."""
    path = mini.write("1.1 softmax", "return x * 3")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    other = mini.root / "tinymlx/rows/counter.py"
    other.write_bytes(b"# caf\xe9\n" + other.read_bytes())
    kept = other.read_bytes()
    result = mini.tinymlx("update", str(newer))
    assert result.returncode == 0, result.stderr
    text = path.read_bytes()
    assert b"return x * 3\r\n" in text and b"One row, ``index``" in text
    assert text.count(b"\n") == text.count(b"\r\n")
    assert "counter.py: kept as it is, tinymlx/rows/counter.py is not UTF-8 text" in result.stdout
    assert other.read_bytes() == kept


def test_update_keeps_a_file_that_both_changed(mini: Mini, newer: Path) -> None:
    path = mini.replace("import mlx.core as mx", "import mlx.core as mx  # mine")
    mine = path.read_text()
    result = mini.tinymlx("update", str(newer))
    assert "kept as it is, both sides changed it" in result.stdout
    assert path.read_text() == mine
    (laid,) = (mini.root / ".tinymlx/backups").glob("*/newer/tinymlx/rows/softmax.py")
    assert "Given. x" in laid.read_text()


def test_update_from_a_git_remote(mini: Mini, newer: Path) -> None:
    def git(folder: Path, *arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)

    for folder in (newer, mini.root):
        git(folder, "init", "-q", "-b", "main")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "x")
    (newer / "tests/ch01_rows/test_gone.py").write_text("# of the old course\n")
    (newer / "appendices").mkdir()
    (newer / "appendices/gone.md").write_text("of the old course\n")
    git(newer, "add", ".")
    git(newer, "commit", "-qm", "y")
    old = mini.root / "old"
    git(newer, "clone", "-q", str(newer), str(old))
    git(newer, "rm", "-q", "tests/ch01_rows/test_gone.py", "appendices/gone.md")
    git(newer, "commit", "-qm", "z")
    (old / "tests/ch01_rows/test_mine.py").write_text("# the reader's own\n")
    capstone = old / "capstones/ch16/pipeline.py"
    capstone.parent.mkdir(parents=True)
    capstone.write_text("# the reader's own\n")
    assert Mini(old).tinymlx("update").returncode == 0
    assert not (old / "tests/ch01_rows/test_gone.py").exists()
    assert not (old / "appendices/gone.md").exists()
    assert capstone.exists()
    assert (old / "tests/ch01_rows/test_mine.py").exists()
    git(mini.root, "remote", "add", "origin", str(newer))
    result = mini.tinymlx("update")
    assert result.returncode == 0, result.stderr
    assert "One row" in (mini.root / "tinymlx/rows/softmax.py").read_text()


def test_update_without_a_remote_or_with_a_wrong_folder(mini: Mini, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=mini.root, check=True)
    result = mini.tinymlx("update")
    assert result.returncode == 2 and "git fetch failed" in result.stderr
    result = mini.tinymlx("update", str(tmp_path))
    assert result.returncode == 2 and "is not a course" in result.stderr
    (mini.root / "a.txt").touch()
    for name in ("/nowhere", "../nowhere", "a.txt"):
        assert f"{name} is no folder" in mini.tinymlx("update", name).stderr
