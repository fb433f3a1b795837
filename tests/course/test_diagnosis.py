"""What a failure says: the mistake that explains it all, the inputs, the lines it may show."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small import Mini

from course.grading.diagnosis import _same
from course.grading.session import Call

RETURN = "    return rows.softmax(x)[index]"
SOFTMAX = "    e = mx.exp(shift(x, axis))\n    return e / mx.sum(e, axis=axis, keepdims=True)"
GUARD = '    if x.ndim == 0:\n        raise ValueError("[softmax] x needs at least one axis.")\n'
FIRST = "You normalise over the first axis; each row is one example."
LARGE = "exp of a large number is infinite; subtract the maximum first."
OVER_THE_FIRST = SOFTMAX.replace("axis=axis", "axis=0").replace("(x, axis)", "(x, 0)")


def failures(mini: Mini, exercise: str, *options: str) -> list[dict]:
    result = mini.tinymlx("check", exercise, "--json", *options)
    assert result.stdout, result.stderr
    return json.loads(result.stdout)["verdicts"][0]["failures"]


@pytest.mark.parametrize("options", [(), ("--isolated",)])
def test_every_failure_shows_what_explains_all(mini: Mini, options: tuple[str, ...]) -> None:
    mini.solve()
    mini.replace(GUARD + "    e", "    e")
    mini.replace(SOFTMAX, OVER_THE_FIRST)
    found = failures(mini, "1.1", *options)
    assert len(found) == 3 and {f["likely"] for f in found} == {FIRST}
    assert all(f"  Likely: {FIRST}" in f["lines"] for f in found)


def test_an_error_that_is_right_may_have_its_own_words(mini: Mini) -> None:
    """A test that asks for an error first, and then for numbers, still finds the mistake."""
    judge = mini.root / "tests/ch01_rows/test_rows.py"
    judge.write_text(
        judge.read_text() + '\n\n@exercise("1.1")\ndef test_both(check, draw):\n    """Both."""\n'
        '    check.raises("softmax", "ValueError", match="axis", x=draw.normal(), axis=-1)\n'
        '    check("softmax", x=draw.normal(5, 7), axis=-1, terms=7)\n'
    )
    path = mini.root / "exercises/ch01_rows/misconceptions.py"
    begin = "def softmax(x, axis=-1):\n"
    guard = '    if x.ndim == 0:\n        raise ValueError("There is no axis.")\n'
    path.write_text(path.read_text().replace(begin, begin + guard, 1))
    mini.solve()
    mini.replace(SOFTMAX, OVER_THE_FIRST)
    found = failures(mini, "1.1")
    assert len(found) == 3 and {f["likely"] for f in found} == {FIRST}


def test_a_forgotten_error_does_not_hide_another_mistake(mini: Mini) -> None:
    """It has no name of its own here, and the mistake's stands where it explains something."""
    path = mini.root / "exercises/ch01_rows/misconceptions.py"
    begin = "def softmax(x, axis=-1):\n"
    path.write_text(path.read_text().replace(begin, begin + GUARD))
    mini.solve()
    mini.replace(GUARD + "    e", "    e")
    alone = failures(mini, "1.1")
    assert len(alone) == 1 and alone[0]["likely"] == "" and alone[0]["kind"] == "promise"
    mini.replace(SOFTMAX, OVER_THE_FIRST)
    found = failures(mini, "1.1")
    said = {failure["kind"]: failure for failure in found}
    assert [failure["kind"] for failure in found] == ["wrong", "wrong", "promise"]
    assert said["wrong"]["likely"] == FIRST
    assert said["promise"]["likely"] == ""
    assert not any("Likely" in line for line in said["promise"]["lines"])


def test_a_sentence_at_several_symbols_explains_the_mistake_in_all_of_them(mini: Mini) -> None:
    path = mini.root / "exercises/ch01_rows/misconceptions.py"
    columns = "You count columns; rows are the first axis."
    text = path.read_text().replace("The total is the sum, not the mean.", columns)
    path.write_text(text)
    mini.solve("counter.py")
    mini.replace("        super().add(x)\n", "        self.count += x.shape[1]\n", "counter.py")
    mini.replace(
        "        return self.sum\n", "        return self.sum / self.count\n", "counter.py"
    )
    found = failures(mini, "1.3")
    assert len(found) == 2 and {f["likely"] for f in found} == {columns}


def test_what_explains_one_failure_of_several_is_not_shown(mini: Mini) -> None:
    """The mean in the place of the sum fails everywhere; large numbers alone explain too little."""
    mini.solve()
    mini.replace(SOFTMAX, "    e = mx.exp(x)\n    return e / mx.mean(e, axis=axis, keepdims=True)")
    assert {f["likely"] for f in failures(mini, "1.1")} == {""}


def test_what_fails_a_test_that_the_student_passes_is_not_shown(mini: Mini) -> None:
    """Over the first axis for these shapes only: the same numbers there, yet another mistake."""
    mini.solve()
    body = "    axis = 0 if axis == -1 and mx.max(x).item() < 100 else axis\n" + SOFTMAX
    mini.replace(SOFTMAX, body)
    found = failures(mini, "1.1")
    assert len(found) == 1 and found[0]["likely"] == ""


def test_two_that_fit_are_both_named(mini: Mini) -> None:
    path = mini.root / "exercises/ch01_rows/misconceptions.py"
    other = (
        '@misconception("1.2", "You take a row of x.")\ndef pick(x, index):\n    return x[index]\n'
    )
    path.write_text(path.read_text() + "\n\n" + other)
    mini.solve()
    mini.replace(RETURN, "    return x[index]")
    (failure,) = failures(mini, "1.2")
    assert failure["likely"] == ""
    assert failure["candidates"] == ["You forgot the softmax.", "You take a row of x."]
    lines = failure["lines"]
    at = lines.index("  Likely one of:")
    assert lines[at + 1 : at + 3] == ["    You forgot the softmax.", "    You take a row of x."]
    # Among the tests of a gate it is not counted.
    proof = ("--prove", "misconceptions", "--exercise", "1.2")
    result = mini.pytest(*proof, PYTEST_XDIST_WORKER="")
    assert "2 misconceptions are rejected and named, 2 beside others" in result.stdout


@pytest.mark.parametrize(
    ("option", "shown"),
    [('agrees="pick"', True), ('differs="pick"', False), ('agrees=["other"]', True)],
)
def test_a_misconception_names_the_inputs_that_count(mini: Mini, option: str, shown: bool) -> None:
    path = mini.root / "exercises/ch01_rows/misconceptions.py"
    old = '"You forgot the softmax.")'
    path.write_text(path.read_text().replace(old, f"{old[:-1]}, {option})"))
    mini.solve()
    mini.replace(RETURN, "    return x[index]")
    (failure,) = failures(mini, "1.2")
    assert failure["likely"] == ("You forgot the softmax." if shown else "")


def test_a_misconception_with_odd_options_is_explained(mini: Mini) -> None:
    path = mini.root / "exercises/ch01_rows/misconceptions.py"
    old = '"You forgot the softmax.")'
    path.write_text(path.read_text().replace(old, f"{old[:-1]}, agrees=3)"))
    assert "agrees and differs take names" in mini.pytest("--prove", "misconceptions").stderr


def test_a_wrong_misconception_is_a_complaint(mini: Mini) -> None:
    path = mini.root / "exercises/ch01_rows/misconceptions.py"
    right = (
        '@misconception("1.2", "None.")\ndef pick(x, index):\n    return rows.softmax(x)[index]\n'
    )
    path.write_text(path.read_text() + "\n\n" + right)
    result = mini.pytest("--prove", "misconceptions")
    assert result.returncode == 1 and "survives all tests: 1.2" in result.stdout


def test_what_only_another_names_is_a_complaint(mini: Mini) -> None:
    path = mini.root / "exercises/ch01_rows/misconceptions.py"
    old = '"You forgot the softmax.")'
    other = (
        '@misconception("1.2", "You take a row of x.")\ndef pick(x, index):\n    return x[index]\n'
    )
    text = path.read_text().replace(old, f'{old[:-1]}, differs="pick")')
    path.write_text(text + "\n\n" + other)
    result = mini.pytest("--prove", "misconceptions", "--exercise", "1.2")
    assert result.returncode == 1
    assert "is rejected but not named (but: ['You take a row of x.']): 1.2" in result.stdout


def test_workers_of_xdist_agree_on_a_sentence(mini: Mini) -> None:
    mini.solve()
    mini.replace(GUARD + "    e", "    e")
    mini.replace(SOFTMAX, OVER_THE_FIRST)
    assert f"Likely: {FIRST}" in mini.pytest("-n", "2", "--exercise", "1.1").stdout


# What is shown


def test_small_inputs_are_shown_whole_and_large_ones_by_range(mini: Mini) -> None:
    mini.solve()
    mini.replace(RETURN, "    return x[index]")
    lines = "\n".join(failures(mini, "1.2")[0]["lines"])
    assert "for pick(x = an array of shape (5, 7), float32, from -" in lines
    assert "index = 2)" in lines and "in tests/ch01_rows/test_rows.py::test_pick" in lines


def test_an_error_that_should_come_is_named_with_its_call(mini: Mini) -> None:
    mini.solve()
    mini.replace(GUARD + "    e", "    return x\n    e")
    text = "\n".join(line for f in failures(mini, "1.1") for line in f["lines"])
    assert "it should raise ValueError for these inputs, and returned" in text
    assert "for softmax(x = " in text


def test_a_judges_assertion_reads_without_pytests_words(mini: Mini) -> None:
    judge = mini.root / "tests/ch01_rows/test_rows.py"
    text = judge.read_text().replace(
        '    check("pick", x=draw.normal(5, 7), index=2)',
        '    x = draw.normal(2, 3)\n    y = probe("pick", x=x, index=1)["y"]\n'
        "    assert agree(y.sum(), 1.0)",
    )
    text = text.replace("def test_pick(check, draw)", "def test_pick(probe, draw)")
    imported = "import pytest\n\nfrom course.grading.compare import agree\n"
    judge.write_text(text.replace("import pytest\n", imported))
    mini.solve()
    mini.replace(RETURN, "    return 2 * rows.softmax(x)[index]")
    lines = "\n".join(failures(mini, "1.2")[0]["lines"])
    assert "yours 2, expected 1 (tolerance" in lines and "agree(" not in lines
    assert "for pick with" in lines and "x = [[" in lines


def test_the_lines_of_solutions_are_not_shown(mini: Mini) -> None:
    """`pick` is the student's; the filled `softmax` fails on what it is given."""
    mini.write(
        "1.2 pick",
        "return rows.softmax(x, axis=5)[index]",
    )
    (failure,) = failures(mini, "1.2")
    text = "\n".join(failure["lines"])
    assert "tinymlx/rows/softmax.py:" in text and "return rows.softmax(x, axis=5)[index]" in text
    assert "mx.sum" not in text and "solutions/" not in text and "mx.exp" not in text


def test_an_error_after_a_wrong_return_is_the_students(mini: Mini) -> None:
    mini.solve("counter.py")
    mini.replace("self.sum = self.sum + mx.sum(x)", "self.count = None", "counter.py")
    text = "\n".join(failures(mini, "1.3")[0]["lines"])
    assert "tinymlx/rows/counter.py:" in text and "Traceback" not in text


def test_hardly_other_bytes_are_the_same() -> None:
    """Memory is measured: a scalar more or less is no other program, a tenth more is."""
    counts = (16008, 16012, 17700)
    mine, nearly, more = (
        Call("f", {}, result={"y": np.float32(1), "bytes": count}) for count in counts
    )
    wrong = Call("f", {}, result={"y": np.float32(2), "bytes": 16012})
    assert _same(mine, nearly) and not _same(mine, more) and not _same(mine, wrong)
