"""The commands as a student types them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small import ROOT, Mini

from course import update

RETURN = "    return rows.softmax(x)[index]"


def states(mini: Mini) -> dict[str, str]:
    """Exercise id to the state that the map shows."""
    plain = json.loads(mini.tinymlx("--json").stdout)
    return {e["id"]: e["state"] for e in plain["chapters"][0]["exercises"]}


def test_the_map_names_the_next_exercise_and_what_to_type(mini: Mini) -> None:
    text = mini.tinymlx().stdout
    assert "0 of 3 exercises, 0 of 4 points" in text
    assert "Next: 1.1 A softmax that cannot overflow" in text
    assert "softmax in tinymlx/rows/softmax.py" in text
    assert "tinymlx watch" in text and "tinymlx hint 1.1" in text


def test_the_map_follows_from_the_code(mini: Mini) -> None:
    assert states(mini) == {"1.1": "to do", "1.2": "to do", "1.3": "to do"}
    path = mini.solve()
    assert states(mini)["1.1"] == "changed"
    assert mini.tinymlx("check", "1.1").returncode == 0
    assert mini.tinymlx("check", "1.2").returncode == 0
    assert states(mini) == {"1.1": "passed", "1.2": "passed", "1.3": "to do"}
    text = path.read_text()
    path.write_text(text.replace(RETURN, "    return x[index]"))
    assert states(mini) == {"1.1": "passed", "1.2": "changed", "1.3": "to do"}
    assert mini.tinymlx("check", "1.2").returncode == 1
    assert states(mini)["1.2"] == "failed"
    path.write_text(text.replace("shift(x, axis)", "shift(x, axis) * 1"))
    assert states(mini)["1.1"] == states(mini)["1.2"] == "changed"  # 1.2 requires 1.1
    path.write_text("def (")
    assert states(mini)["1.1"] == "broken"
    path.write_text(text)
    shutil.rmtree(mini.root / ".tinymlx")
    assert states(mini)["1.1"] == "changed"
    assert mini.tinymlx("check").returncode == 3
    assert states(mini) == {"1.1": "passed", "1.2": "passed", "1.3": "to do"}


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


@pytest.mark.parametrize("text", ["[]", "5", "null", '{"1.1": []}', '{"1.1": "x"}', "[" * 90_000])
def test_state_files_of_another_shape_cost_nothing(mini: Mini, text: str) -> None:
    mini.solve()
    for name in ("hints", "course", "notebook", "cache/last", "cache/scan", "cache/verdicts"):
        path = mini.root / ".tinymlx" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for words in ((), ("hint", "1.1"), ("check", "1.1")):
        result = mini.tinymlx(*words)
        assert result.returncode == 0 and not result.stderr, result.stderr
    assert update._brought(mini.project) == set()


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
    words = ["Hint 1: a question", "Hint 2: the idea", "Hint 3: nearly the code"]
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
    assert "mx.exp(shift(x, axis))" in text and '"1.2 pick - exercises' in text
    (kept,) = (mini.root / ".tinymlx/backups").rglob("softmax.py")
    assert kept.read_text() == mine


def test_reset_of_a_file_that_does_not_parse(mini: Mini) -> None:
    path = mini.solve()
    path.write_text(path.read_text() + "\ndef broken(:\n")
    result = mini.tinymlx("reset", "1.2", "-y")
    assert result.returncode == 2 and "--file" in result.stderr and ":30:" in result.stderr
    assert mini.tinymlx("reset", "1.2", "-y", "--file").returncode == 0
    assert '"1.1 softmax - exercises' in path.read_text()


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


def test_run_has_a_full_setting_where_the_project_has_one(mini: Mini) -> None:
    """Where it has none, and together with --quick, one clear sentence."""
    project = mini.root / "exercises/ch01_rows/project.py"
    project.write_text("def main(out, quick=False):\n    return {}\n")
    refused = mini.tinymlx("run", "1", "--full")
    assert refused.returncode == 2 and "chapter 1 has no --full version" in refused.stderr
    project.write_text("def main(out, quick=False, full=False):\n    return {'full': full * 1.0}\n")
    result = mini.tinymlx("run", "1", "--full")
    assert result.returncode == 0 and "full: 1" in result.stdout, result.stderr
    both = mini.tinymlx("run", "1", "--quick", "--full")
    assert both.returncode == 2 and "exclude each other" in both.stderr
    refused = mini.tinymlx("run", "1", "--trained")
    assert refused.returncode == 2 and "chapter 1 has no --trained version" in refused.stderr


def test_run_takes_some_parts_where_the_project_has_any(mini: Mini) -> None:
    """Where it has none, or not that one, one clear sentence."""
    project = mini.root / "exercises/ch01_rows/project.py"
    project.write_text("def main(out):\n    return {}\n")
    refused = mini.tinymlx("run", "1", "--parts", "left")
    assert refused.returncode == 2 and "chapter 1 has no parts" in refused.stderr
    project.write_text(
        "PARTS = ('left', 'right')\n\n"
        "def main(out, parts=PARTS):\n    return {'/'.join(parts): 1.0}\n"
    )
    refused = mini.tinymlx("run", "1", "--parts", "left,middle")
    assert refused.returncode == 2
    assert "no part 'middle'; there are left, right" in " ".join(refused.stderr.split())
    result = mini.tinymlx("run", "1", "--parts", "right, left")
    assert result.returncode == 0 and "right/left: 1" in result.stdout, result.stderr


def test_trained_weights_are_those_that_came_with_the_course(mini: Mini) -> None:
    folder = mini.root / "exercises/ch01_rows"
    (folder / "project.py").write_text("def main(out, trained=False):\n    return {'ran': 1.0}\n")
    said = mini.tinymlx("run", "1", "--trained")
    assert said.returncode == 2 and "provenance.toml does not exist" in said.stderr
    (folder / "trained").mkdir()
    weights, digest = folder / "trained/w.safetensors", hashlib.sha256(b"abc").hexdigest()
    (folder / "trained/provenance.toml").write_text(
        f'file = "{weights.name}"\nsha256 = "{digest}"\n'
    )
    said = mini.tinymlx("run", "1", "--trained")
    assert said.returncode == 2 and "w.safetensors does not exist; `tinymlx update`" in said.stderr
    weights.write_bytes(b"ab")
    said = mini.tinymlx("run", "1", "--trained")
    assert said.returncode == 2 and "its checksum differs" in said.stderr
    weights.write_bytes(b"abc")
    said = mini.tinymlx("run", "1", "--trained")
    assert said.returncode == 0 and "ran: 1" in said.stdout, said.stderr


def test_the_working_copy_itself_shows_its_map() -> None:
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "course.cli.main"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert time.monotonic() - started < 5.0


def test_editing_a_neighbour_revokes_nothing(mini: Mini) -> None:
    """A verdict belongs to the exercise's own code, what it calls and its tests."""
    path = mini.solve()
    text = path.read_text()
    assert mini.tinymlx("check", "1").returncode == 3
    assert states(mini)["1.1"] == states(mini)["1.2"] == "passed"
    path.write_text(text.replace("rows.softmax(x)[index]", "rows.softmax(x)[index + 1 - 1]"))
    assert states(mini) == {"1.1": "passed", "1.2": "changed", "1.3": "to do"}
    path.write_text(text)
    assert states(mini)["1.2"] == "passed"  # the text is back, and so is its pass
    path.write_text(text.replace("x - mx.max(", "x - 0 - mx.max("))  # a helper of 1.1
    assert states(mini)["1.1"] == "changed"
    path.write_text(text + "\n\ndef unused() -> None:\n    pass\n")
    assert states(mini)["1.1"] == states(mini)["1.2"] == "passed"


def test_a_module_of_ones_own_belongs_to_who_imports_it(mini: Mini) -> None:
    mini.solve()
    helper = mini.root / "tinymlx/rows/helpers.py"
    helper.write_text("def same(x):\n    return x\n")
    mini.replace("import mlx.core as mx", "import mlx.core as mx\nfrom .helpers import same")
    mini.replace("e = mx.exp(", "e = same(mx.exp)(")
    assert mini.tinymlx("check", "1.1").returncode == 0
    assert states(mini)["1.1"] == "passed"
    helper.write_text(helper.read_text() + "\n\ndef nobody_calls():\n    pass\n")
    assert states(mini)["1.1"] == "passed"
    helper.write_text("def same(x):\n    return lambda y: 0 * y\n")
    assert states(mini)["1.1"] == "changed"
    assert mini.tinymlx("check", "1.1").returncode == 1


def test_what_a_module_of_ones_own_imports_belongs_to_it(mini: Mini) -> None:
    mini.solve()
    folder = mini.root / "tinymlx/rows"
    (folder / "helpers.py").write_text("from .further import same\n\ngiven = same\n")
    (folder / "further.py").write_text("def same(x):\n    return x\n")
    mini.replace("import mlx.core as mx", "import mlx.core as mx\nfrom . import helpers")
    mini.replace("e = mx.exp(", "e = helpers.given(mx.exp)(")
    assert mini.tinymlx("check", "1.1").returncode == 0
    assert states(mini)["1.1"] == "passed"
    (folder / "further.py").write_text("def same(x):\n    return lambda y: 0 * y\n")
    assert states(mini)["1.1"] == "changed"


def test_a_rule_that_is_given_by_a_call_is_reached(mini: Mini) -> None:
    """What is added to an object that an exercise uses counts like the object's own text."""
    mini.solve()
    mini.replace("e = mx.exp(", "e = TABLE['exp'](")
    table = "TABLE = {}\nTABLE.update(exp=mx.exp)\n\n\n"
    path = mini.replace("def softmax", table + "def softmax")
    result = mini.tinymlx("check", "1.1")
    assert result.returncode == 0, result.stdout
    assert states(mini)["1.1"] == "passed"
    path.write_text(path.read_text().replace("exp=mx.exp)", "exp=mx.sin)"))
    assert states(mini)["1.1"] == "changed"


def test_next_follows_the_reader(mini: Mini) -> None:
    mini.solve()
    said = mini.tinymlx("check", "1.2").stdout
    assert "Next: 1.3" in said
    assert json.loads(mini.tinymlx("--json").stdout)["next"] == "1.3"
    mini.solve("counter.py")
    assert "Next: 1.1" in mini.tinymlx("check", "1.3").stdout


def test_several_exercises_are_graded_at_once(mini: Mini) -> None:
    mini.solve()
    result = mini.tinymlx("check", "1.2", "1.1", "--json")
    assert [v["exercise"] for v in json.loads(result.stdout)["verdicts"]] == ["1.1", "1.2"]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("foo", "There is no exercise foo. "),
        ("1.77", "did you mean 1.3?"),
        ("pick", "did you mean 1.2 (Picking from a softmax)?"),
        ("8.1", "There is no exercise 8.1. "),
    ],
)
def test_what_a_mistyped_name_may_have_meant(mini: Mini, wanted: str, words: str) -> None:
    assert words in mini.tinymlx("check", wanted).stderr


def test_output_that_is_ascii(mini: Mini) -> None:
    mini.solve()
    mini.tinymlx("check", "1.1")
    result = mini.tinymlx(PYTHONIOENCODING="ascii")
    assert result.returncode == 0 and "*~o" in result.stdout
    mini.replace(RETURN, "    raise ValueError('half \\ud800 of it')")
    for encoding in ("ascii", "utf-8"):
        result = mini.tinymlx("check", "1.2", PYTHONIOENCODING=encoding)
        assert "your code raised ValueError: half ? of it" in result.stdout, result.stderr


@pytest.mark.parametrize("options", [(), ("--isolated",)])
def test_code_that_closes_the_output_is_told(mini: Mini, options: tuple[str, ...]) -> None:
    mini.solve()
    mini.replace(RETURN, "    import sys\n\n    sys.stdout.close()\n" + RETURN)
    said = mini.tinymlx("check", "1.2", *options).stdout
    assert "sys.stdout belongs to whoever runs your code" in said and "0 of 1 tests" in said


def test_a_breakpoint_says_where_it_works(mini: Mini) -> None:
    mini.solve()
    mini.replace(RETURN, "    breakpoint()\n" + RETURN)
    assert "`pytest --exercise 1.2` stops there" in mini.tinymlx("check", "1.2").stdout
    command = [sys.executable, "-m", "pytest", "--exercise", "1.2"]
    result = subprocess.run(
        command, cwd=mini.root, env=mini.environment(), input="p 6 * 7\nc\n",
        capture_output=True, text=True,
    )  # fmt: skip
    assert "(Pdb) 42" in result.stdout and "1 passed" in result.stdout


def test_a_path_with_a_space_and_brackets(mini: Mini, tmp_path: Path) -> None:
    place = tmp_path / "my course [2]"
    shutil.copytree(mini.root, place)
    moved = Mini(place)
    moved.solve()
    result = moved.tinymlx("check", "1.2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 passed" in moved.pytest("--exercise", "1.2").stdout
    assert moved.tinymlx("reset", "1.2", "-y").returncode == 0
