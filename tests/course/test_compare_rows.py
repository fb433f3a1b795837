"""What `tinymlx compare` finds: errors, speed that cannot be faked, size, likeness."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small import Mini

from course.compare import code, similarity
from course.compare.collect import Row, collect, is_gradient
from course.compare.timing import Stopwatch, series
from course.errors import CourseError
from course.overlay import Choice

RETURN = "    return rows.softmax(x)[index]"


def hand_in(mini: Mini, base: Path, **bodies: str) -> None:
    """One submission for each name, with its body in the place of ``pick``'s."""
    for name, body in bodies.items():
        shutil.copytree(mini.root / "solutions/tinymlx", base / name / "tinymlx")
        path = base / name / "tinymlx/rows/softmax.py"
        path.write_text(path.read_text().replace(RETURN, body))


def compared(mini: Mini, base: Path) -> dict[str, Row]:
    registry = mini.registry
    rows = collect(mini.project, registry, registry["1.2"], [str(base), "mine"])
    return {row.name: row for row in rows}


def test_rows_say_what_differs(mini: Mini, tmp_path: Path) -> None:
    slow = "    for _ in range(300):\n        y = rows.softmax(x + 0.0 * mx.sum(mx.exp(x)))\n"
    slow += "        mx.eval(y)\n    return y[index]"
    hand_in(
        mini,
        tmp_path / "class",
        right=RETURN,
        slow=slow,
        wrong="    return x[index]",
        inexact="    return rows.softmax(x)[index] + 1e-7",
        large="    z = mx.zeros((1 << 26,))\n    mx.eval(z)\n" + RETURN,
    )
    rows = compared(mini, tmp_path / "class")
    assert set(rows) == {"right", "slow", "wrong", "inexact", "large", "mine", "solutions"}
    assert rows["wrong"].misconceptions == ["You forgot the softmax."]
    assert rows["wrong"].verdict == "failed" and rows["mine"].verdict == "to do"
    assert rows["slow"].verdict == "passed", rows["slow"].notes
    assert rows["slow"].speed > 3
    assert rows["right"].speed < 3
    assert rows["large"].memory > 2 * rows["right"].memory
    assert rows["right"].forward_error < rows["inexact"].forward_error < 1
    assert rows["right"].like_solution == 1.0 and rows["slow"].like_solution < 0.5
    assert rows["slow"].complexity == 2 and "exp" in rows["slow"].operations
    assert rows["right"].lines == 1


def test_inputs_are_drawn_for_one_comparison_and_timed_once(mini: Mini) -> None:
    drawn = [series(mini.project, mini.registry["1.2"]) for _ in range(2)]
    arrays = [inputs["x"].tobytes() for pair in drawn for calls in pair for _, inputs in calls]
    assert len(arrays) == len(set(arrays)) == 2 * (1 + 8)


def test_remembered_results_save_no_time(mini: Mini, tmp_path: Path) -> None:
    """Whatever was computed for the calls before, the next one asks for something else."""
    body = """    import time
    key = (index, str(x.tolist()))
    if key not in pick.__dict__.setdefault("seen", {}):
        time.sleep(0.05)
        pick.seen[key] = rows.softmax(x)[index]
    return pick.seen[key]"""
    hand_in(mini, tmp_path, sly=body)
    watch = Stopwatch(mini.project, mini.registry, mini.registry["1.2"])
    speed = watch.time(Choice(tmp_path / "sly", fill=False, whole=True))
    assert not speed.trouble and speed.seconds > 0.05


@pytest.mark.parametrize(
    "body",
    [
        # Results kept from the call before: fresh inputs make them wrong.
        "    rows.kept = getattr(rows, 'kept', None) or rows.softmax(x)[index]\n"
        "    return rows.kept",
        # A clock that stands still is the submission's own, not the judge's.
        "    import time\n    time.perf_counter = lambda: 0.0\n    for _ in range(300):\n"
        "        y = rows.softmax(x)\n        mx.eval(y)\n    return y[index]",
        # Work put off until somebody looks: the result crosses as numbers, so it is done in time.
        "    y = rows.softmax(x)\n    for _ in range(300):\n        y = y + 0 * mx.exp(y)\n"
        "    return y[index]",
    ],
    ids=["cached", "patched clock", "deferred"],
)
def test_fake_timing_shows(mini: Mini, tmp_path: Path, body: str) -> None:
    hand_in(mini, tmp_path / "class", cheat=body)
    row = compared(mini, tmp_path / "class")["cheat"]
    assert row.verdict != "passed" or row.speed > 1.5, row


def tokens(body: str) -> tuple[str, ...]:
    import ast

    node = ast.parse(f"def f(x, n=2):\n    '''Doc.'''\n{body}").body[0]
    return tuple(code._tokens(node))  # type: ignore[arg-type]


LONG = (
    "    total = mx.sum(x, axis=-1)\n    for i in range(n):\n        if i > 3:\n"
    "            total = total * mx.exp(x[i]) + i\n    return total / mx.max(total, axis=0)\n"
)


def test_renaming_and_layout_make_no_difference() -> None:
    renamed = LONG.replace("total", "acc").replace("for i ", "for  k ").replace("i > 3", "k > 3")
    renamed = renamed.replace("x[i]) + i", "x[k]) + k")
    assert tokens(LONG) == tokens(renamed)
    assert tokens(LONG) != tokens(LONG.replace("3", "4"))


def test_pairs_stand_out_only_against_the_usual() -> None:
    def variant(i: int) -> str:
        # Everybody writes the same frame, and fills it in an own way.
        names = ["exp", "log", "sin", "cos", "tanh", "abs", "square", "sqrt", "erf", "sign"]
        lines = [
            f"    y{j} = mx.{names[(i * 7 + j * j) % 10]}(x * {i + j}) + {i * j}" for j in range(6)
        ]
        return "    total = mx.sum(x)\n" + "\n".join(lines) + "\n    return total + y5\n"

    group = {f"s{i}": tokens(variant(i)) for i in range(12)}
    group["copy"] = tokens(variant(3).replace("total", "acc").replace("y5", "last"))
    pairs = similarity.outstanding(group, similarity.matrix(group))
    assert [(p.first, p.second) for p in pairs] == [("copy", "s3")]
    same = {f"s{i}": tokens(LONG) for i in range(10)}
    assert similarity.outstanding(same, similarity.matrix(same)) == []


def test_entries_of_gradients() -> None:
    assert all(is_gradient(name) for name in ("dx", "dw", "grads", "gradients", "second"))
    assert not any(is_gradient(name) for name in ("y", "loss", "degree", "distances"))


def test_a_path_that_is_nothing_is_named(mini: Mini) -> None:
    with pytest.raises(CourseError, match="nowhere is no submission"):
        collect(mini.project, mini.registry, mini.registry["1.2"], ["nowhere"])
