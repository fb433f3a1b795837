"""Copies are found in a generated class, and nobody else is named."""

from __future__ import annotations

import ast
import json
import random
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from small import Mini

from course.likeness.page import page
from course.likeness.pairs import Pair, marked, outstanding
from course.likeness.works import Part, Work, part_of
from course.misconceptions import load_misconceptions
from course.paths import Project
from course.registry import Exercise, Registry
from course.source import read_text
from course.syntax import find

CLASS = 16
Bodies = dict[str, list[ast.stmt]]


@pytest.fixture(scope="module")
def variants(project: Project, registry: Registry) -> dict[str, list[str]]:
    """For each exercise of three chapters the ways to write it that we know."""
    mistakes = load_misconceptions(project, registry)
    found: dict[str, list[str]] = {}
    for exercise in registry.exercises:
        if exercise.chapter in (1, 3, 4):
            texts = [ast.unparse(_misconception(m.file, m.line)) for m in mistakes[exercise.id]]
            found[exercise.id] = texts
    return found


@pytest.fixture(scope="module")
def base(project: Project, registry: Registry) -> dict[str, Part]:
    """The solutions."""
    found = {}
    for exercise in registry.exercises:
        text = read_text(project.solutions / "tinymlx" / exercise.symbols[0].file)
        found[exercise.id] = part_of([ast.parse(_symbol(text, exercise)).body[0]])
    return found


def _symbol(text: str, exercise: Exercise) -> str:
    return ast.unparse(find(ast.parse(text), exercise.symbols[0].qualname)[0].node)


@cache
def _file(file: str) -> dict[int, ast.stmt]:
    return {node.lineno: node for node in ast.parse(read_text(Path(file))).body}


def _misconception(file: str, line: int) -> ast.stmt:
    node = _file(file)[line]
    node.decorator_list = []  # type: ignore[attr-defined]
    return node


def written(variants: dict[str, list[str]], seed: int) -> dict[str, str]:
    """What one honest student wrote: one of the ways for each exercise, most exercises."""
    draw = random.Random(seed)
    return {n: draw.choice(texts) for n, texts in variants.items() if draw.random() < 0.9}


def work(owner: str, texts: dict[str, str], past: str = "") -> Work:
    return Work(owner, past, {n: part_of(ast.parse(text).body) for n, text in texts.items()})


class Renamed(ast.NodeTransformer):
    """Every name that the function binds gets another."""

    def __init__(self, tree: ast.AST) -> None:
        bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _stores(n)}
        bound |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        self.names = {name: f"my_{i}_{name[::-1]}" for i, name in enumerate(sorted(bound))}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self.names.get(node.arg, node.arg), None)


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def renamed(text: str) -> str:
    tree = ast.parse(text)
    return ast.unparse(ast.fix_missing_locations(Renamed(tree).visit(tree)))


def split_up(text: str) -> str:
    """The last return of the function moves into a helper, which stands first."""
    tree = ast.parse(text)
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    if not isinstance(node.body[-1], ast.Return) or node.body[-1].value is None:
        return text
    value = ast.unparse(node.body[-1].value)
    names = sorted({n.id for n in ast.walk(node.body[-1]) if isinstance(n, ast.Name)} - {"mx"})
    helper = f"def help_{node.name}({', '.join(names)}):\n    return {value}\n"
    node.body[-1] = ast.parse(f"return help_{node.name}({', '.join(names)})").body[0]
    return helper + ast.unparse(node)


def turned_round(text: str) -> str:
    """Neighbouring assignments change places (what it computes does not matter here)."""
    tree = ast.parse(text)
    body = tree.body[0].body  # type: ignore[attr-defined]
    for i in range(len(body) - 1):
        if isinstance(body[i], ast.Assign) and isinstance(body[i + 1], ast.Assign):
            body[i], body[i + 1] = body[i + 1], body[i]
    return ast.unparse(tree)


@pytest.mark.parametrize("disguise", [str, renamed, split_up, turned_round])
def test_a_copy_is_found_and_nobody_else_is_named(
    variants: dict[str, list[str]],
    base: dict[str, Part],
    disguise: Callable[[str], str],
) -> None:
    texts = [written(variants, i) for i in range(CLASS)]
    works = [work(f"s{i:02d}", text) for i, text in enumerate(texts)]
    assert outstanding(works, base) == []
    copy = {n: disguise(renamed(text)) for n, text in texts[7].items()}
    found = outstanding([*works, work("copy", copy)], base)
    assert [(pair.first, pair.second) for pair in found] == [("s07", "copy")]
    assert found[0].share > found[0].usual + 0.3
    assert len(found[0].exercises) >= 10


def test_a_copy_of_last_years_is_found(
    variants: dict[str, list[str]], base: dict[str, Part]
) -> None:
    old = [work(f"s{i}", written(variants, 50 + i), "2025") for i in range(8)]
    old.append(work("twin of s0", written(variants, 50), "2025"))
    new = [work(f"s{i}", written(variants, 90 + i)) for i in range(8)]
    new.append(work("late", {n: renamed(t) for n, t in written(variants, 53).items()}))
    found = outstanding([*old, *new], base)
    assert [(pair.first, pair.second) for pair in found] == [("late", "s3 (2025)")]


def test_the_solution_itself_is_nobodys(
    variants: dict[str, list[str]], base: dict[str, Part]
) -> None:
    """Two who found the same good solution are not a pair."""
    works = [work(f"s{i}", written(variants, i)) for i in range(10)]
    both = {number: part.text for number, part in base.items()}
    assert outstanding([*works, work("a", both), work("b", both)], base) == []


def test_lines_in_common_are_marked() -> None:
    one = part_of(ast.parse("def f(x):\n    y = mx.exp(x - mx.max(x))\n    return y * 2").body)
    other = part_of(ast.parse("def f(a):\n    return a * 3\n    b = mx.exp(a - mx.max(a))").body)
    assert marked(one, other) == {2}
    assert marked(other, one) == {3}


def test_the_command_and_its_page(mini: Mini) -> None:
    mini.solve()
    for name in ("ada", "bob <b>"):
        shutil.copytree(mini.root / "tinymlx", mini.root / "class" / name / "tinymlx")
    done = mini.tinymlx("likeness", "class", "--json", "--out", "page.html")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert "No pair of this class stands out." in (mini.root / "page.html").read_text()
    done = mini.tinymlx("likeness", "nowhere")
    assert done.returncode == 2 and "nowhere is no folder of submissions" in done.stderr


def test_a_page_shows_both_sides_and_marks_what_is_their_own(registry: Registry) -> None:
    text = "def predict(x):\n    y = mx.exp(x - mx.max(x))\n    return y * 2 + mx.sum(x, axis=1)"
    same = part_of(ast.parse("def predict(x):\n    return y * 2 + mx.sum(x, axis=1)").body)
    works = {name: work(name, {"1.1": text}) for name in ("a", "<b>")}
    pair = Pair("a", "<b>", 0.9, 40.0, 0.1, (("1.1", 12.0),))
    html = page([pair], works, {"1.1": same}, registry)
    assert "<h2>a and &lt;b&gt;</h2>" in html and "<b>" not in html
    assert html.count('class="line same"') == 2  # the exponential, in both
