"""What students do to a function, and what they read then: the same verdict in both modes."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from small import Mini

RETURN = "    return rows.softmax(x)[index]"

# What the student writes into `pick`, and what the first failure says, in either mode.
MISHAPS = {
    "wrong value": ("    return rows.softmax(x)[index] * 2", "y differs"),
    "wrong shape": ("    return rows.softmax(x)", "y has the wrong shape"),
    "wrong dtype": (
        "    return rows.softmax(x)[index].astype(mx.float16)",
        "y has the wrong dtype",
    ),
    "a number": ("    return 0.5", "y is of the wrong kind"),
    "nothing": ("    pass", "y is of the wrong kind"),
    "an object": ("    return object()", "is a object, not an array"),
    "not a number": ("    return rows.softmax(x)[index] * float('nan')", "not finite"),
    "changed input": ("    x[0] = 0\n" + RETURN, "your code changed its input x"),
    "an exception": ("    return 1 / 0", "your code raised ZeroDivisionError: division by zero"),
    "a name": ("    return rows.sofmax(x)", "has no attribute 'sofmax'"),
    "recursion": ("    return pick(x, index)", "calls itself without an end"),
    "sys.exit": ("    import sys\n    sys.exit(0)", "called for an exit (SystemExit)"),
    "interrupt": ("    raise KeyboardInterrupt", "called for an exit (KeyboardInterrupt)"),
    "a bare exception": ("    raise BaseException('x')", "your code raised BaseException: x"),
    "another starter": ("    raise NotImplementedError", "your code raised NotImplementedError"),
    "own error class": (
        "    class Odd(Exception):\n        def __str__(self):\n            raise Odd\n    raise Odd",  # noqa: E501
        "your code raised Odd",
    ),
    "os._exit": ("    from tinymlx.given import leave\n    leave(0)", "exit code 0"),
    "a crash": ("    from tinymlx.given import crash\n    crash()", "SIGABRT"),
    "a closed module": ("    import os\n    os._exit(0)", "imports os; the library stands on"),
    "endless loop": ("    while True:\n        pass", "did not finish within"),
    "endless printing": ("    while True:\n        print('x' * 10000)", ""),
    "memory": ("    y = [bytearray(1 << 30) for _ in range(64)]", ""),
}
SLOW = {"endless loop", "endless printing", "memory"}


def grade(mini: Mini, *options: str) -> dict:
    result = mini.tinymlx("check", "1.2", "--json", "--limit", "4", *options)
    assert result.stdout, result.stderr
    return json.loads(result.stdout)["verdicts"][0]


@pytest.mark.parametrize("name", MISHAPS)
def test_a_mishap_reads_the_same_in_both_modes(mini: Mini, name: str) -> None:
    code, words = MISHAPS[name]
    mini.solve()
    mini.replace(RETURN, code)
    for options in ((), ("--isolated",)):
        verdict = grade(mini, *options)
        assert verdict["outcome"] == "failed"
        first = verdict["failures"][0]
        assert words in first["headline"], options
        assert first["lines"][0].startswith("1.2 Picking from a softmax: ")
        assert "Traceback" not in "\n".join(first["lines"])


@pytest.mark.parametrize("options", [(), ("--isolated",)])
def test_the_solution_passes(mini: Mini, options: tuple[str, ...]) -> None:
    mini.solve()
    assert grade(mini, *options)["outcome"] == "passed"


@pytest.mark.parametrize("options", [(), ("--isolated",)])
def test_a_starter_is_to_do(mini: Mini, options: tuple[str, ...]) -> None:
    assert grade(mini, *options)["outcome"] == "to do"


def test_the_line_of_an_endless_loop_is_shown(mini: Mini) -> None:
    mini.solve()
    mini.replace(RETURN, "    while True:\n        index += 1")
    lines = grade(mini)["failures"][0]["lines"]
    assert any("It hung at tinymlx/rows/softmax.py:2" in line for line in lines)


def test_a_misconception_is_named_in_both_modes(mini: Mini) -> None:
    mini.solve()
    mini.replace(RETURN, "    return x[index]")
    for options in ((), ("--isolated",)):
        failure = grade(mini, *options)["failures"][0]
        assert failure["likely"] == "You forgot the softmax."


def test_an_own_print_is_shown(mini: Mini) -> None:
    mini.solve()
    mini.replace(RETURN, "    print('look here')\n    return x")
    assert "look here" in grade(mini)["failures"][0]["output"]


def test_a_syntax_error_is_shown_with_its_line(mini: Mini) -> None:
    mini.solve()
    mini.replace(RETURN, "    return rows.softmax(x)[index")
    verdict = grade(mini)
    assert "tinymlx/rows/softmax.py:28: '[' was never closed" in verdict["failures"][0]["headline"]
    other = mini.tinymlx("check", "1.3", "--json")
    assert json.loads(other.stdout)["verdicts"][0]["outcome"] == "to do"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("def pick(", "def pik(", "has no pick any more; `tinymlx reset 1.2`"),
        ("def pick(x: mx.array, index: int)", "def pick(x: mx.array)", "takes (x: mx.array) now"),
        ("def pick(x: mx.array, index: int)", "def pick(a, b)", "Put the signature back"),
        ("def pick(", "class pick:\n    pass\n\n\ndef unused(", "is a class now"),
        ("    return rows", "    from math import roof\n    return rows", "'roof'"),
    ],
)
def test_a_changed_definition_is_explained(mini: Mini, old: str, new: str, words: str) -> None:
    mini.solve()
    mini.replace(old, new)
    for options in ((), ("--isolated",)):
        assert words in grade(mini, *options)["failures"][0]["headline"]


def test_a_parameter_more_with_a_default_is_welcome(mini: Mini) -> None:
    mini.solve()
    mini.replace("def pick(x: mx.array, index: int)", "def pick(x, index, *, verbose=False)")
    assert grade(mini)["outcome"] == "passed"


def test_a_module_that_is_gone_is_explained(mini: Mini) -> None:
    (mini.root / "tinymlx/rows/softmax.py").unlink()
    words = "tinymlx/rows/softmax.py is gone; `tinymlx reset 1.2` puts the starter back"
    assert words in grade(mini)["failures"][0]["headline"]
    assert mini.tinymlx("reset", "1.2", "-y").returncode == 0
    assert grade(mini)["outcome"] == "to do"


def test_without_fill_an_earlier_starter_is_named(mini: Mini) -> None:
    mini.write("1.2 pick", RETURN[4:])
    assert grade(mini)["outcome"] == "passed"
    headline = grade(mini, "--no-fill")["failures"][0]["headline"]
    assert headline == "needs exercise 1.1 (softmax), which is still a starter"


def test_a_hang_costs_one_exercise(mini: Mini) -> None:
    mini.solve()
    mini.solve("counter.py")
    mini.replace(RETURN, "    while True:\n        pass")
    result = mini.tinymlx("check", "--json", "--limit", "3")
    outcomes = {v["exercise"]: v["outcome"] for v in json.loads(result.stdout)["verdicts"]}
    assert outcomes == {"1.1": "passed", "1.2": "failed", "1.3": "passed"}


def test_the_summary_counts_points(mini: Mini) -> None:
    mini.solve()
    result = mini.pytest("--verdicts", "v.json")
    assert result.returncode == 0
    assert "2 of 3 exercises, 3 of 4 points" in result.stdout
    assert "to do" in result.stdout


def test_a_test_that_was_left_out_does_not_count_as_passed(mini: Mini) -> None:
    mini.solve()
    result = mini.pytest("--exercise", "1.1", "-k", "large")
    assert "incomplete" in result.stdout and "points 0/2" in result.stdout


def test_another_folder_is_graded_with_impl(mini: Mini) -> None:
    other = mini.root / "somebody"
    shutil.copytree(mini.root / "solutions", other)
    result = mini.pytest("--impl", str(other))
    assert (
        "3 of 3 exercises" in result.stdout
        and "somebody/tinymlx" in mini.pytest("--impl", str(other), "-v").stdout
    )
    assert "holds no folder tinymlx/" in mini.pytest("--impl", "tests").stderr


def test_a_random_seed_is_printed_and_can_be_given_again(mini: Mini) -> None:
    result = mini.run(sys.executable, "-m", "pytest", "--seed", "random", "--impl", "solutions")
    seed = result.stdout.partition("seed ")[2].split()[0]
    assert seed.isdigit()
    assert mini.pytest("--seed", seed, "--impl", "solutions").returncode == 0
    assert "--seed takes a number" in mini.pytest("--seed", "one").stderr


def test_pytest_xdist_gives_the_same_table(mini: Mini) -> None:
    mini.solve()
    alone, together = mini.pytest(), mini.pytest("-n", "2")
    table = [line for line in alone.stdout.splitlines() if "points" in line]
    assert table == [line for line in together.stdout.splitlines() if "points" in line]


def test_pdb_and_tracebacks_reach_the_students_frame(mini: Mini) -> None:
    mini.solve()
    mini.replace(RETURN, "    marker = 41 + 1\n    return 1 / 0")
    result = mini.run(
        "sh", "-c", f"echo 'p marker\nq' | {sys.executable} -m pytest -q --exercise 1.2 --pdb"
    )
    assert "42" in result.stdout


@pytest.mark.parametrize("options", [(), ("--isolated",), ("--no-fill",)])
def test_half_an_exercise_is_graded_and_the_rest_named(
    mini: Mini, options: tuple[str, ...]
) -> None:
    mini.write("1.3 add", "super().add(x)\n        self.sum = self.sum + mx.sum(x)", "counter.py")
    result = mini.tinymlx("check", "1.3", *options)
    assert result.returncode == 3
    assert "1 of 2 tests pass; total is still to write" in result.stdout
    if not options:
        assert "still to write: total" in mini.tinymlx().stdout
    mini.replace("self.sum + mx.sum(x)", "self.sum", "counter.py")
    mini.replace("super().add(x)", "self.count += x.shape[1]", "counter.py")
    result = mini.tinymlx("check", "1.3", *options)
    assert result.returncode == 1
    assert "Likely: You count columns" in result.stdout
    assert "0 of 2 tests pass; still to write: total" in result.stdout
