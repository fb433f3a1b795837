"""Mutants made by program: what is changed, what becomes of survivors, and equivalent ones."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from textwrap import dedent

import pytest
from small import Mini

from course.mutants import mutants_of
from course.mutants.touched import touched


def changes(mini: Mini, body: str) -> dict[str, set[str]]:
    """Kind to what comes in for a `pick` with ``body``."""
    path = mini.root / "solutions/tinymlx/rows/softmax.py"
    lines = dedent(body).strip().split("\n")
    new = "\n".join(f"    {line}" for line in lines)
    path.write_text(path.read_text().replace("    return rows.softmax(x)[index]", new))
    found: dict[str, set[str]] = {}
    for mutant in mutants_of(mini.project, mini.registry["1.2"]):
        ast.parse(mutant.text)
        found.setdefault(mutant.kind, set()).add(mutant.after)
    return found


@pytest.mark.parametrize(
    ("body", "kind", "after"),
    [
        ("return mx.sum(x, axis=-1)", "axis", "return mx.sum(x, axis=0)"),
        ("return mx.sum(x, axis=-1)", "argument", "return mx.sum(x)"),
        ("return mx.sum(x, keepdims=True)", "keepdims", "return mx.sum(x)"),
        ("return -x", "sign", "return x"),
        ("return x - index", "sign", "return x + index"),
        ("return x + 1", "one", "return x + 2"),
        ("return x * index", "factor", "return x"),
        ("return x < index", "edge", "return x <= index"),
        ("return mx.stop_gradient(x) + 1", "call", "return x + 1"),
        ("return x.astype(mx.float32)", "call", "return x"),
        ("mx.eval(x)\nreturn x", "call", "pass"),
        ("return x if index else -x", "branch", "return -x"),
        ("if index:\n    x = -x\nreturn x", "branch", "(nothing)"),
        ("if index:\n    raise ValueError('x')\nreturn x", "exception",
         "raise RuntimeError('x')"),
        ("rows.x = index\nreturn x", "state", "pass"),
        ("x = x + 1\nreturn x", "in place", "x += 1"),
        ("return mx.matmul(x, index)", "exchange", "return mx.matmul(index, x)"),
        ("return x.shape[0]", "shape", "return 3"),
        ("return mx.max(x)", "reduction", "return mx.min(x)"),
        ("return mx.sqrt(x + 1e-5)", "epsilon", "return mx.sqrt(x) + 1e-05"),
        ("return not index or x", "and or", "return not index and x"),
        ("return not index", "not", "return index"),
        ("for i in range(index):\n    x = -x\nreturn x", "bounds", "for i in range(index + 1):"),
        ("for i in range(index):\n    x = -x\nreturn x", "early", "break"),
        ("return [y for y in x]", "last", "return [y for y in list(x)[:-1]]"),
        ("try:\n    return x\nfinally:\n    rows.x = 0", "cleanup", "return x"),
        ("return x", "dtype", "x = x.astype(mx.float32)"),
    ],
)  # fmt: skip
def test_the_ways_in_which_code_goes_wrong(mini: Mini, body: str, kind: str, after: str) -> None:
    found = changes(mini, body)
    assert after in found[kind] or (after in ("pass", "(nothing)") and "" in found[kind]), found


def test_an_elif_is_changed_with_its_if(mini: Mini) -> None:
    body = "if index == 0:\n    return x\nelif index < 3:\n    return -x\nreturn x + 1"
    assert "elif index <= 3:" in changes(mini, body)["edge"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("return mx.zeros(x.shape) + x.ndim", "dtype"),  # of x nothing but its shape is read
        ("return max(index, 1)", "exchange"),
        ("return mx.minimum(x, index)", "exchange"),
    ],
)
def test_changes_that_change_nothing_are_not_made(mini: Mini, body: str, kind: str) -> None:
    assert kind not in changes(mini, body)


def test_only_bodies_are_changed(mini: Mini) -> None:
    for exercise in mini.registry.exercises:
        for mutant in mutants_of(mini.project, exercise):
            assert '"""exp(x) / sum(exp(x)) along' in mutant.text or "counter" in mutant.path.name
            assert mutant.text != mutant.path.read_text() and mutant.before != mutant.after


def prove(mini: Mini, *options: str) -> tuple[int, str, dict]:
    out = mini.root / "proof.json"
    result = mini.pytest("--prove", "generated", "--prove-json", str(out), *options)
    return result.returncode, result.stdout, json.loads(out.read_text())


def entries(mini: Mini, survivors: list[dict[str, str]]) -> Path:
    path = mini.root / "exercises/ch01_rows/equivalent.toml"
    path.write_text(
        "\n".join(
            "[[equivalent]]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in entry.items())
            for entry in survivors
        )
    )
    return path


def test_a_survivor_fails_the_run_and_an_entry_excuses_it(mini: Mini) -> None:
    code, said, found = prove(mini, "--exercise", "1.2")
    # The test of 1.2 draws float32 alone, so it does not see that others are cast.
    assert code == 1 and "survives all tests: 1.2 solutions/tinymlx/rows/softmax.py:28" in said
    (name,) = found["generated"]["1.2"]["names"]
    keys = ("exercise", "kind", "before", "after")
    entries(mini, [{**dict(zip(keys, name)), "reason": "All inputs are float32."}])
    code, said, found = prove(mini, "--exercise", "1.2")
    assert code == 0 and found["generated"]["1.2"]["equivalent"] == 1, said
    entries(mini, [{**dict(zip(keys, name)), "reason": "All inputs are float32."}])
    judge = mini.root / "tests/ch01_rows/test_rows.py"
    more = "\n    check('pick', x=draw.normal(5, 7, dtype='float16'), index=2)"
    line = 'check("pick", x=draw.normal(5, 7), index=2)'
    judge.write_text(judge.read_text().replace(line, line + more))
    code, said, found = prove(mini, "--exercise", "1.2")
    assert code == 1 and "equivalent.toml: tests reject 1.2" in said


def test_entries_that_are_stale_or_wrong_are_complaints(mini: Mini) -> None:
    base = {"exercise": "1.2", "kind": "call", "before": "x", "after": "y", "reason": "So."}
    line = "return rows.softmax(x)[index]"
    entries(mini, [base, {**base, "kind": "one", "before": line, "after": "return x"}])
    code, said, _ = prove(mini, "--exercise", "1.2")
    assert code == 1 and "no mutant is 1.2 / call / x / y" in said
    entries(mini, [{"exercise": "1.2"}])
    assert "has the keys" in mini.pytest("--prove", "generated").stderr


def test_an_endless_loop_is_cut(mini: Mini) -> None:
    path = mini.root / "solutions/tinymlx/rows/softmax.py"
    body = "    i = 0\n    while i < 3:\n        i += 1\n    return rows.softmax(x)[index]"
    path.write_text(path.read_text().replace("    return rows.softmax(x)[index]", body))
    _, said, found = prove(mini, "--exercise", "1.2")
    score = found["generated"]["1.2"]
    assert score["rejected"] == 4, said
    assert not {"state", "sign"} & {kind for _, kind, _, _ in score["names"]}, said


def test_what_a_change_touches(mini: Mini, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    assert touched(mini.project, mini.registry) is None
    mini.run(*git, "init", "-q", "-b", "main")
    mini.run(*git, "add", ".")
    mini.run(*git, "commit", "-qm", "x")
    assert touched(mini.project, mini.registry) is None
    monkeypatch.setenv("TINYMLX_BASE", "HEAD")
    assert touched(mini.project, mini.registry) == []
    path = mini.root / "solutions/tinymlx/rows/softmax.py"
    path.write_text(path.read_text().replace("[index]", "[int(index)]"))
    assert touched(mini.project, mini.registry) == ["1.2"]
    judge = mini.root / "tests/ch01_rows/test_rows.py"
    judge.write_text(judge.read_text().replace("draw.normal(3, 4)", "draw.normal(4, 4)"))
    assert touched(mini.project, mini.registry) == ["1.2", "1.3"]
