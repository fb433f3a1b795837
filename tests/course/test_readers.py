"""Readers' machines and habits: what the disk, the terminal and the file system are there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small import Mini

from course.folders import python_files
from course.interpreter import module_command
from course.paths import Project
from course.portable import make_portable
from course.scan import Scan

RETURN = "    return rows.softmax(x)[index]"
COMMAND = [sys.executable, "-m", "course.cli.entry"]


def is_one_sentence(said: str) -> bool:
    return "Traceback" not in said and len(said.strip().splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("words", [[], ["--json"], ["check", "1.1"], ["hint", "1.1"]])
def test_an_output_that_cannot_be_written_is_one_sentence(mini: Mini, words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [*COMMAND, *words], cwd=mini.root, env=mini.environment(), stdout=full,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert result.returncode == 2 and is_one_sentence(result.stderr), result.stderr
    assert "No space left on device" in result.stderr


@pytest.mark.parametrize("words", ["", "lesson 1.1", "hint 1.1", "check 1.1"])
def test_an_output_that_was_closed_before(mini: Mini, words: str) -> None:
    mini.solve()
    result = mini.run("sh", "-c", f"{' '.join(COMMAND)} {words} >&-")
    assert result.returncode == 0 and not result.stderr


@pytest.mark.parametrize("width", ["0", "1", "wide", ""])
def test_a_width_that_is_none(mini: Mini, width: str) -> None:
    assert "Next: 1.1 A softmax that cannot overflow" in mini.tinymlx(COLUMNS=width).stdout


@pytest.mark.parametrize("place", ["overview.show", "terminal.prepare"])
def test_control_c_at_any_time_leaves_no_traceback(mini: Mini, place: str) -> None:
    """Also on the map, and while a command is still being imported."""
    module, name = place.split(".")
    code = (
        f"from course.cli import entry, {module}\n\n\n"
        "def interrupted(*arguments, **options):\n    raise KeyboardInterrupt\n\n\n"
        f"{module}.{name} = interrupted\nentry.main()\n"
    )
    result = mini.run(sys.executable, "-c", code)
    assert result.returncode == 130 and not result.stderr


def test_a_linked_folder_is_what_is_graded(mini: Mini, tmp_path: Path) -> None:
    """Python imports through a link to a folder; a check that did not see it passed the solution's
    code for the reader's."""
    mini.solve()
    elsewhere = tmp_path / "mine"
    shutil.move(mini.root / "tinymlx/rows", elsewhere)
    (mini.root / "tinymlx/rows").symlink_to(elsewhere)
    for options in ((), ("--isolated",)):
        assert "passed" in mini.tinymlx("check", "1.2", *options).stdout
    path = elsewhere / "softmax.py"
    path.write_text(path.read_text().replace(RETURN, "    return x[index]"))
    for options in ((), ("--isolated",)):
        result = mini.tinymlx("check", "1.2", *options)
        assert result.returncode == 1 and "You forgot the softmax" in result.stdout, result.stdout
    assert mini.tinymlx("reset", "1.2", "-y").returncode == 0
    assert '"1.2 pick - exercises' in path.read_text()
    assert (mini.root / "tinymlx/rows").is_symlink()


def test_links_are_followed_once_and_never_above(tmp_path: Path) -> None:
    base, elsewhere = tmp_path / "package", tmp_path / "elsewhere"
    for folder in (base / "rows", elsewhere / "deep", tmp_path / "above"):
        folder.mkdir(parents=True)
        (folder / "a.py").touch()
    (base / "alias").symlink_to(base / "rows")  # sorted before what it leads to
    (base / "here").symlink_to(base)
    (base / "up").symlink_to(tmp_path)
    (base / "linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(base)
    (base / ".hidden").mkdir()
    (base / ".hidden/a.py").touch()
    found = [path.relative_to(base).as_posix() for path in python_files(base)]
    assert found == ["linked/deep/a.py", "rows/a.py"]


def test_benchmarks_in_a_folder_with_brackets(mini: Mini, tmp_path: Path) -> None:
    moved = Mini(tmp_path / "my course [2]")
    shutil.copytree(mini.root, moved.root)
    result = moved.tinymlx("bench", "1.1", "--quick")
    assert result.returncode == 0 and "solution" in result.stdout, result.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\nx = '\0'\n", "softmax.py:2 has a null byte"),
        ("x = " + "+".join(["1"] * 60_000) + "\n", "nested too deeply"),
        ("x = " + "not " * 6000 + "x\n", "nested too deeply"),
        ("def (\n", "softmax.py:1: invalid syntax"),
    ],
)
def test_what_python_cannot_parse_is_one_sentence(mini: Mini, text: str, words: str) -> None:
    path = mini.root / "tinymlx/rows/softmax.py"
    path.write_text(text)
    for command in (("reset", "1.1", "-y"), ("diff", "1.1", "--reveal")):
        result = mini.tinymlx(*command, COLUMNS="400")
        assert result.returncode == 2 and is_one_sentence(result.stderr), result.stderr
        assert f"tinymlx/rows/{words}" in result.stderr or words in result.stderr
        assert str(mini.root) not in result.stderr  # a path as one types it
    assert mini.tinymlx("check", "1.1").returncode == 1
    assert mini.tinymlx().returncode == 0
    assert path.read_text() == text
    assert mini.tinymlx("reset", "1.1", "-y", "--file").returncode == 0


def test_a_folder_where_a_file_should_be(mini: Mini) -> None:
    path = mini.root / "tinymlx/rows/softmax.py"
    path.unlink()
    path.mkdir()
    for options in ((), ("--file",)):
        result = mini.tinymlx("reset", "1.1", "-y", *options)
        assert result.returncode == 2 and is_one_sentence(result.stderr)
        assert "softmax.py is a folder where a file should be" in result.stderr
    assert mini.tinymlx().returncode == 0 and mini.tinymlx("check", "1.1").returncode == 1


def test_two_windows_keep_each_others_verdicts(mini: Mini) -> None:
    """`watch` stays open for hours beside a `check` in another window."""
    mini.solve()
    scans = [Scan(mini.project, mini.registry) for _ in range(2)]
    for scan in scans:
        scan.statuses()  # what is known is read
    scans[0].record({"1.1": "passed"})
    scans[1].record({"1.2": "passed"})
    for scan in (scans[1], Scan(mini.project, mini.registry)):
        assert [status.state for status in scan.statuses()] == ["passed", "passed", "to do"]


@pytest.mark.parametrize("options", [(), ("--isolated",)])
@pytest.mark.parametrize("line", ["breakpoint()", "import pdb; pdb.set_trace()"])
def test_a_debugger_says_where_it_works(mini: Mini, line: str, options: tuple[str, ...]) -> None:
    mini.solve()
    mini.replace(RETURN, f"    {line}\n{RETURN}")
    said = mini.tinymlx("check", "1.2", *options).stdout
    assert "needs a terminal: `pytest --exercise 1.2` stops there" in said, said


@pytest.mark.parametrize("options", [(), ("--isolated",)])
def test_half_a_character_may_be_printed(mini: Mini, options: tuple[str, ...]) -> None:
    mini.solve()
    mini.replace(RETURN, f"    print('half \\ud800 of it', '學習')\n{RETURN}")
    assert mini.tinymlx("check", "1.2", *options).returncode == 0


def test_warnings_of_a_text_are_no_part_of_a_map(mini: Mini) -> None:
    mini.solve()
    mini.replace('"""Softmax over rows."""', '"""Softmax over rows: \\d."""')
    result = mini.tinymlx()
    assert result.returncode == 0 and not result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", ""], "There is no exercise ''"),
        (["check", "1."], "There is no exercise '1.'"),
        (["check", "1.1", "--limit", "-1"], "--limit"),
        (["check", "1.1", "--seed", "abc"], "--seed takes a number"),
        (["check", "1.1", "--impl", "/nowhere"], "/nowhere holds no folder tinymlx/"),
        (["bench", "abc"], "There is no exercise abc"),
        (["bench", "1.77"], "There is no exercise 1.77"),
        (["dev", "figures", "99"], "There is no chapter 99"),
    ],
)
def test_an_argument_that_cannot_be(mini: Mini, words: list[str], said: str) -> None:
    result = mini.tinymlx(*words)
    assert result.returncode == 2 and said in result.stderr and "Traceback" not in result.stderr
    assert "doctor" not in result.stderr and "could not run" not in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--folder", "README.md"], "README.md is no folder"),
        (["--mirror", "somewhere"], "The mirror somewhere is no address"),
    ],
)
def test_a_download_that_cannot_be(project: Project, options: list[str], said: str) -> None:
    result = Mini(project.root).tinymlx("data", "mnist", *options)
    assert result.returncode == 2 and said in result.stderr and "Errno" not in result.stderr


@pytest.mark.parametrize("words", ["check 1.1", "check 1.1 --isolated", "bench 1 --quick"])
def test_a_script_of_ones_own_is_no_library(mini: Mini, words: str) -> None:
    """Whoever kept a ``random.py`` beside the course's folders had it run by every check."""
    mini.solve()
    for name in ("random", "json", "numpy", "pytest"):
        (mini.root / f"{name}.py").write_text("raise SystemExit('a script of my own')\n")
    # As the installed command does: it does not look into the current folder itself.
    result = mini.run(*module_command("course.cli.entry", *words.split()))
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_folder_that_is_gone(mini: Mini) -> None:
    gone = mini.root / "gone"
    gone.mkdir()
    command = " ".join(module_command("course.cli.entry", "run", "1")[:2])
    line = f'cd gone && rmdir ../gone && exec {command} "$@"'
    words = module_command("course.cli.entry", "run", "1")[2:]
    result = mini.run("sh", "-c", line, "sh", *words)
    assert result.returncode == 2 and is_one_sentence(result.stderr), result.stderr
    assert "The folder that this was started in is gone" in result.stderr


def test_a_program_of_ones_own_may_ask_for_what_it_has(project: Project, tmp_path: Path) -> None:
    """`import course.fill` is the first line of readers' scripts; `swap` fills without it."""
    script = tmp_path / "mine.py"
    script.write_text("import course.fill\nfrom tinymlx import core\n\nprint(core.array(7))\n")
    result = Mini(project.root).tinymlx("swap", str(script))
    assert result.returncode == 0 and "7" in result.stdout, result.stderr


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nobody can write to")
def test_a_folder_for_results_is_tried_first(mini: Mini) -> None:
    project = mini.root / "exercises/ch01_rows/project.py"
    project.write_text("def main(out, quick=False):\n    print('hours of training')\n")
    result = mini.tinymlx("run", "1", "--out", "/proc/self")
    assert result.returncode == 2 and "--out" in result.stderr and not result.stdout


@pytest.mark.parametrize("options", [(), ("--isolated",)])
def test_what_code_says_is_read_and_not_obeyed(mini: Mini, options: tuple[str, ...]) -> None:
    """A whole array in one line, a cleared screen, a bell: in an error, and printed."""
    mini.solve()
    long = "'x' * 200_000 + chr(27) + '[2J'"
    mini.replace(
        RETURN, f"    print({long})\n    raise ValueError(chr(27) + '[2J' + chr(7) + {long})"
    )
    said = mini.tinymlx("check", "1.2", *options).stdout
    assert "\\x1b[2J\\x07xxx" in said
    assert "more characters)" in said and len(said) < 4000
    assert "\x1b" not in said and "\x07" not in said


def test_a_folder_that_is_called_something_in_chinese(tmp_path: Path) -> None:
    """Python before 3.13 reads the environment's note of it in the encoding of the locale."""
    place, environment = tmp_path / "學習 [2]", tmp_path / "venv"
    place.mkdir()
    (place / "found_here.py").write_text("print('found')\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    note = packages / "__editable__.course.pth"
    note.write_text(f"{place}\nimport sys\n", encoding="utf-8")
    make_portable(environment)
    assert note.read_bytes().isascii()
    command = [str(environment / "bin/python"), "-c", "import found_here"]
    for locale in ("C", "C.UTF-8"):
        result = subprocess.run(command, env={"LC_ALL": locale}, capture_output=True, text=True)
        assert result.stdout == "found\n", result.stderr
