"""The commands as a student types them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small import ROOT, Mini

RETURN = "    return rows.softmax(x)[index]"


def test_the_map_names_the_next_exercise_and_what_to_type(mini: Mini) -> None:
    text = mini.tinymlx().stdout
    assert "0 of 3 exercises, 0 of 4 points" in text
    assert "Next: 1.1 A softmax that cannot overflow" in text
    assert "softmax in tinymlx/rows/softmax.py" in text
    assert "tinymlx watch" in text and "tinymlx hint 1.1" in text


def test_the_map_follows_from_the_code(mini: Mini) -> None:
    def states() -> dict[str, str]:
        plain = json.loads(mini.tinymlx("--json").stdout)
        return {e["id"]: e["state"] for e in plain["chapters"][0]["exercises"]}

    assert states() == {"1.1": "to do", "1.2": "to do", "1.3": "to do"}
    path = mini.solve()
    assert states()["1.1"] == "changed"
    assert mini.tinymlx("check", "1.1").returncode == 0
    assert mini.tinymlx("check", "1.2").returncode == 0
    assert states() == {"1.1": "passed", "1.2": "passed", "1.3": "to do"}
    text = path.read_text()
    path.write_text(text.replace(RETURN, "    return x[index]"))
    assert states() == {"1.1": "passed", "1.2": "changed", "1.3": "to do"}
    assert mini.tinymlx("check", "1.2").returncode == 1
    assert states()["1.2"] == "failed"
    path.write_text(text.replace("shift(x, axis)", "shift(x, axis) * 1"))
    assert states()["1.1"] == states()["1.2"] == "changed"  # 1.2 requires 1.1
    path.write_text("def (")
    assert states()["1.1"] == "broken"
    path.write_text(text)
    shutil.rmtree(mini.root / ".tinymlx")
    assert states()["1.1"] == "changed"
    assert mini.tinymlx("check").returncode == 3
    assert states() == {"1.1": "passed", "1.2": "passed", "1.3": "to do"}


def test_damaged_state_files_cost_nothing(mini: Mini) -> None:
    mini.solve()
    mini.tinymlx("check", "1.1")
    mini.tinymlx("hint", "1.1")
    for path in (mini.root / ".tinymlx").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\x00garbage")
    assert mini.tinymlx().returncode == 0
    assert mini.tinymlx("check", "1.1").returncode == 0
    assert mini.tinymlx("hint", "1.1").returncode == 0


def test_exit_codes_of_check(mini: Mini) -> None:
    assert mini.tinymlx("check", "1.1").returncode == 3
    mini.solve()
    assert mini.tinymlx("check", "1.1").returncode == 0
    mini.replace(RETURN, "    return x")
    assert mini.tinymlx("check", "1").returncode == 1
    assert mini.tinymlx("check", "7.7").returncode == 2


def test_an_unknown_id_is_one_sentence(mini: Mini) -> None:
    result = mini.tinymlx("check", "1.9")
    assert (
        result.stderr.strip()
        == ("There is no exercise 1.9; did you mean 1.3? `tinymlx` lists them all.")
        or "did you mean 1." in result.stderr
    )
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["check", "hint", "diff", "reset", "lesson", "bench", "watch"])
def test_no_command_shows_a_traceback_for_a_wrong_id(mini: Mini, command: str) -> None:
    result = mini.tinymlx(command, "99.9")
    assert result.returncode == 2
    assert result.stderr.strip().count("\n") == 0 and "There is no" in result.stderr


def test_a_command_outside_a_course_is_one_sentence(mini: Mini, tmp_path: Path) -> None:
    result = mini.tinymlx("check", TINYMLX_ROOT=str(tmp_path))
    assert result.returncode == 2
    assert "is not a working copy of the course" in result.stderr


def test_hints_open_one_at_a_time(mini: Mini) -> None:
    words = ["hint 1 of 3, a question", "hint 2 of 3, the idea", "hint 3 of 3, nearly the code"]
    for expected in [*words, words[2]]:
        assert expected in mini.tinymlx("hint", "1.1").stdout
    assert words[0] in mini.tinymlx("hint", "1.1", "--level", "1").stdout


def test_the_lesson_is_shown_at_the_exercise(mini: Mini) -> None:
    text = mini.tinymlx("lesson", "1.2").stdout
    assert "Exercise 1.2" in text and "Exercise 1.3" not in text and "Exercise 1.1" not in text
    assert "Exercise 1.3" in mini.tinymlx("lesson", "1").stdout


def test_diff_waits_for_the_pass(mini: Mini) -> None:
    mini.solve()
    mini.replace("e = mx.exp(shift(x, axis))", "e = mx.exp(1 * shift(x, axis))")
    before = mini.tinymlx("diff", "1.1")
    assert before.returncode == 2 and "has not passed yet" in before.stderr
    mini.tinymlx("check", "1.1")
    after = mini.tinymlx("diff", "1.1").stdout
    assert "-    e = mx.exp(1 * shift(x, axis))" in after and "+    e = mx.exp(shift" in after
    assert "+    return self.sum" not in mini.tinymlx("diff", "1.1").stdout
    assert "+        return self.sum" in mini.tinymlx("diff", "1.3", "--reveal").stdout


def test_reset_asks_keeps_a_backup_and_touches_one_function(mini: Mini) -> None:
    path = mini.solve()
    mine = path.read_text()
    refused = mini.tinymlx("reset", "1.2")
    assert refused.returncode == 2 and "add --yes" in refused.stderr
    assert path.read_text() == mine
    assert mini.tinymlx("reset", "1.2", "--yes").returncode == 0
    text = path.read_text()
    assert "mx.exp(shift(x, axis))" in text and 'NotImplementedError("1.2 pick' in text
    (kept,) = (mini.root / ".tinymlx/backups").rglob("softmax.py")
    assert kept.read_text() == mine


def test_reset_of_a_file_that_does_not_parse(mini: Mini) -> None:
    path = mini.solve()
    path.write_text(path.read_text() + "\ndef broken(:\n")
    result = mini.tinymlx("reset", "1.2", "-y")
    assert result.returncode == 2 and "--file" in result.stderr and ":30:" in result.stderr
    assert mini.tinymlx("reset", "1.2", "-y", "--file").returncode == 0
    assert 'NotImplementedError("1.1 softmax' in path.read_text()


def test_reset_of_a_deleted_function_puts_it_where_it_was(mini: Mini) -> None:
    path = mini.root / "tinymlx/rows/softmax.py"
    starter = path.read_text()
    start, end = starter.index("def softmax"), starter.index("def pick")
    path.write_text(starter[:start] + starter[end:])
    assert mini.tinymlx("reset", "1.1", "-y").returncode == 0
    assert path.read_text() == starter


def test_nothing_is_lost_when_no_backup_can_be_written(mini: Mini) -> None:
    path = mini.solve()
    mine = path.read_text()
    shutil.rmtree(mini.root / ".tinymlx", ignore_errors=True)
    (mini.root / ".tinymlx").write_text("a file where the folder should be")
    result = mini.tinymlx("reset", "1.1", "-y")
    assert result.returncode == 2 and "nothing was changed" in result.stderr
    assert path.read_text() == mine
    assert mini.tinymlx("check", "1.1").returncode == 0
    assert mini.tinymlx().returncode == 0


def test_light_commands_never_import_torch_or_mlx(mini: Mini) -> None:
    code = (
        "import sys\nfrom course.cli.main import app\n"
        "commands = [[], ['--json'], ['hint', '1.1'], ['lesson', '1.1'], ['reset', '1.1', '-y']]\n"
        "for words in commands:\n"
        "    app(words, standalone_mode=False)\n"
        "print({m.partition('.')[0] for m in sys.modules} & {'torch', 'mlx', 'numpy', 'pytest'})"
    )
    result = mini.run(sys.executable, "-c", code)
    assert result.stdout.splitlines()[-1] == "set()", result.stdout + result.stderr


def test_check_does_not_import_torch_where_the_reference_needs_none(mini: Mini) -> None:
    mini.solve()
    result = mini.pytest("--exercise", "1.1", "-p", "no_torch", PYTHONPATH=str(mini.root))
    assert result.returncode != 0  # the plugin does not exist yet: the option is understood
    (mini.root / "no_torch.py").write_text(
        "import sys\n\ndef pytest_unconfigure():\n    assert 'torch' not in sys.modules\n"
    )
    result = mini.pytest("--exercise", "1.1", "-p", "no_torch", PYTHONPATH=str(mini.root))
    assert result.returncode == 0, result.stderr


def test_run_calls_the_project_on_the_students_code(mini: Mini) -> None:
    project = mini.root / "exercises/ch01_rows/project.py"
    project.write_text(
        "import mlx.core as mx\nfrom tinymlx import rows\n\n"
        "def main(out, quick=False):\n    (out / 'a.svg').write_text('<svg/>')\n"
        "    return {'first': rows.pick(mx.array([[0.0, 0.0]]), 0)[0].item()}\n"
    )
    result = mini.tinymlx("run", "1", "--quick")
    assert result.returncode == 0, result.stderr
    assert "first: 0.5" in result.stdout and "a.svg" in result.stdout
    blocked = mini.tinymlx("run", "1", "--out", str(project))
    assert blocked.returncode == 2 and "choose another place with --out" in blocked.stderr


def test_the_working_copy_itself_shows_its_map() -> None:
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "course.cli.main"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert time.monotonic() - started < 5.0
