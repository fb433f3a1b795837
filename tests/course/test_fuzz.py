"""Submissions made by program from the course's real solutions: the judge outlives them all.

In the gate a bounded number, always the same; ask for others with ``TINYMLX_CASES=2000
TINYMLX_SEED=7``.
"""

from __future__ import annotations

import ast
import copy
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.spellings import REFUSED
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from small import Mini

from course.grading.campaign import Campaign, Plan
from course.grading.exports import outcome
from course.graft.grafts import course_package, module_name
from course.graft.package import Module, Package
from course.graft.reach import reached
from course.paths import Project
from course.policy import Violation, read
from course.registry import Exercise, Registry, Symbol
from course.source import read_text
from course.syntax import find

CASES = int(os.environ.get("TINYMLX_CASES", "100"))
SEED = int(os.environ.get("TINYMLX_SEED", "0"))
GRADED = min(max(CASES // 10, 4), 60)  # submissions that run, at a second or two each
BEGIN, END = "what was put in begins", "what was put in ends"
# Spellings that any exercise refuses; some of the table are closed in that of softmax alone.
ANYWHERE = [
    (code, words)
    for code, words in REFUSED
    if not any(word in code + words for word in ("softmax", "logsumexp", "tinymlx"))
]


def _is_expression(code: str) -> bool:
    try:
        ast.parse(code, mode="eval")
    except SyntaxError:
        return False
    return True


EXPRESSIONS = [code for code, _ in ANYWHERE if _is_expression(code)]


def bounded(test):  # type: ignore[no-untyped-def]
    derandomize = "TINYMLX_SEED" not in os.environ
    limits = settings(max_examples=CASES, deadline=None, derandomize=derandomize, database=None)
    return limits(test if derandomize else seed(SEED)(test))


class Course:
    """The solutions of all exercises as trees, read once."""

    def __init__(self, project: Project, registry: Registry) -> None:
        self.package = course_package(project)
        self.exercises = registry.exercises
        self.stops = frozenset((s.module, s.qualname) for e in self.exercises for s in e.symbols)
        base = project.solutions / "tinymlx"
        files = {s.file for e in self.exercises for s in e.symbols}
        self.trees = {name: ast.parse(read_text(base / name)) for name in sorted(files)}

    def handed_in(self, exercise: Exercise, symbol: Symbol, text: str) -> list[Violation]:
        """What the policy says of a module with ``text``."""
        module = Module(symbol.module, f"tinymlx/{symbol.file}", False, text)
        assert module.name == module_name(symbol.file)
        student = Package({symbol.module: module})
        pieces = reached(student, self.package, exercise.symbols, self.stops)
        return list(read(student, self.package, exercise, pieces))


@pytest.fixture(scope="module")
def course(project: Project, registry: Registry) -> Course:
    return Course(project, registry)


def bodies(node: ast.AST) -> list[list[ast.stmt]]:
    """All lists of statements in a definition, at any depth."""
    found = []
    for part in ast.walk(node):
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(part, field, None)
            if isinstance(inner, list) and inner and isinstance(inner[0], ast.stmt):
                found.append(inner)
    return found


def places(node: ast.AST) -> list[tuple[ast.AST, str, int | None]]:
    """Where an expression that is read stands: its parent, the field, the place in a list."""
    found: list[tuple[ast.AST, str, int | None]] = []
    for part in ast.walk(node):
        if isinstance(part, (ast.JoinedStr, ast.FormattedValue, ast.pattern, ast.MatchValue)):
            continue
        for field, value in ast.iter_fields(part):
            if field in ("annotation", "returns", "decorator_list", "bases", "target", "targets"):
                continue
            if isinstance(value, list):
                found += [(part, field, i) for i, v in enumerate(value) if _is_read(v)]
            elif _is_read(value):
                found.append((part, field, None))
    return found


def _is_read(value: object) -> bool:
    if not isinstance(value, ast.expr) or any(isinstance(n, ast.Slice) for n in ast.walk(value)):
        return False  # a slice stands in brackets alone
    plain = not isinstance(value, (ast.JoinedStr, ast.FormattedValue, ast.Starred))
    return plain and isinstance(getattr(value, "ctx", ast.Load()), ast.Load)


def put(place: tuple[ast.AST, str, int | None], value: ast.expr) -> ast.expr:
    """Put an expression into a place; what stood there."""
    parent, field, index = place
    if index is None:
        before = getattr(parent, field)
        setattr(parent, field, value)
    else:
        before = getattr(parent, field)[index]
        getattr(parent, field)[index] = value
    return before  # type: ignore[no-any-return]


def target(course: Course, data: st.DataObject) -> tuple[Exercise, Symbol, ast.Module, ast.AST]:
    """A fresh tree of one exercise's file, and the definition in it."""
    exercise = data.draw(st.sampled_from([e for e in course.exercises if not e.opened]))
    symbol = data.draw(st.sampled_from(exercise.symbols))
    tree = copy.deepcopy(course.trees[symbol.file])
    return exercise, symbol, tree, find(tree, symbol.qualname)[0].node


@bounded
@given(data=st.data())
def test_what_is_closed_is_refused_wherever_it_stands(course: Course, data: st.DataObject) -> None:
    """A statement that is closed, between any two statements of any solution."""
    exercise, symbol, tree, node = target(course, data)
    code, words = data.draw(st.sampled_from(ANYWHERE))
    body = data.draw(st.sampled_from(bodies(node)))
    block = f"'{BEGIN}'\nimport mlx.core as mx\nif True:\n    {code}\n'{END}'"
    at = data.draw(st.integers(0, len(body)))
    body[at:at] = ast.parse(block).body
    text = ast.unparse(ast.fix_missing_locations(tree))
    lines = text.split("\n")
    first, last = (next(i for i, line in enumerate(lines, 1) if m in line) for m in (BEGIN, END))
    found = course.handed_in(exercise, symbol, text)
    inside = [v.sentence for v in found if first < v.line < last]
    assert any(words in sentence for sentence in inside), (exercise.id, code, found)
    assert all(s.startswith(f"tinymlx/{symbol.file}:") for s in inside)


@bounded
@given(data=st.data())
def test_an_expression_that_is_closed_is_refused_in_any_other(
    course: Course, data: st.DataObject
) -> None:
    """In a pair with any part of any solution; without it nothing of a solution is refused."""
    exercise, symbol, tree, node = target(course, data)
    code = data.draw(st.sampled_from(EXPRESSIONS))
    place = data.draw(st.sampled_from(places(node)))
    both = ast.Tuple([ast.parse(code, mode="eval").body], ast.Load())
    both.elts.append(put(place, both))
    head = [s for s in tree.body if isinstance(s, ast.Expr) or _is_future(s)]  # its docstring
    tree.body[len(head) : len(head)] = ast.parse("import mlx.core as mx").body
    text = ast.unparse(ast.fix_missing_locations(tree))
    assert course.handed_in(exercise, symbol, text), (exercise.id, code)


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


ATOMS = "mx x self axis e core 0 1 None () [] 'text' mx.exp(x) core.sum lambda:0 (yield) [*x]"


def mutated(node: ast.AST, source: random.Random) -> None:
    """One change of any kind, sensible or not."""
    kind = source.choice(("drop", "double", "move", "swap", "atom", "deep", "closed"))
    body = source.choice(bodies(node))
    if kind in ("drop", "double", "move", "closed"):
        at = source.randrange(len(body))
        if kind == "drop":
            body[at] = ast.Pass()
        elif kind == "double":
            body.insert(at, copy.deepcopy(body[at]))
        elif kind == "move":
            body.insert(source.randrange(len(body)), body.pop(at))
        else:
            code, _ = source.choice(ANYWHERE)
            body[at:at] = ast.parse(f"if 1:\n    {code}").body
        return
    found = places(node)
    if not found:
        return
    place = source.choice(found)
    if kind == "swap":
        other = source.choice(found)
        put(place, copy.deepcopy(put(other, copy.deepcopy(put(place, ast.Constant(1))))))
    elif kind == "atom":
        put(place, ast.parse(source.choice(ATOMS.split()), mode="eval").body)
    else:
        deep: ast.expr = ast.Name("x", ast.Load())
        for _ in range(source.choice((3, 40, 120))):
            deep = ast.Attribute(deep, "T", ast.Load())
        put(place, deep)


def mutants(node: ast.AST, tree: ast.Module, source: random.Random, most: int) -> Iterator[str]:
    """Texts, each with one change more; what cannot be written down ends it."""
    for _ in range(most):
        mutated(node, source)
        try:
            yield ast.unparse(ast.fix_missing_locations(tree))
        except (ValueError, TypeError, AttributeError, RecursionError):
            return  # no program says this


@bounded
@given(data=st.data(), number=st.integers(0, 1 << 30))
def test_whatever_a_tree_became_the_policy_says_a_sentence_or_nothing(
    course: Course, data: st.DataObject, number: int
) -> None:
    exercise, symbol, tree, node = target(course, data)
    for text in mutants(node, tree, random.Random(number), 5):
        for violation in course.handed_in(exercise, symbol, text):
            assert violation.sentence.startswith("tinymlx/") and violation.sentence.endswith(".")
            assert 1 <= violation.line <= text.count("\n") + 1


def test_the_judge_outlives_them_and_each_record_has_a_reason(mini: Mini, tmp_path: Path) -> None:
    source = random.Random(SEED)
    whole = mini.root / "solutions" / "tinymlx"
    text = read_text(whole / "rows" / "softmax.py")
    made = {}
    while len(made) < GRADED:
        tree = ast.parse(text)
        node = find(tree, source.choice(("softmax", "pick", "shift")))[0].node
        made.update(dict.fromkeys([*mutants(node, tree, source, source.randint(1, 3))][-1:]))
    made[text] = None  # the honest one, last
    for number, changed in enumerate(made):
        folder = tmp_path / "class" / f"s{number:03d}"
        shutil.copytree(whole, folder / "tinymlx")
        (folder / "tinymlx/rows/softmax.py").write_text(changed)
    registry = mini.registry
    plan = Plan(registry.select("1"), seeds=(SEED + 1,), jobs=2, limit=2.0)
    campaign = Campaign(mini.project, registry, plan, mini.root / "report")
    campaign.run(sorted((tmp_path / "class").iterdir()))
    for number, changed in enumerate(made):
        record = campaign.record(f"s{number:03d}")
        assert record is not None and record["files"], changed
        assert not any("did not finish" in note for note in record["notes"]), record["notes"]
        for exercise in registry.exercises:
            said = outcome(record, exercise.id)
            assert said in ("passed", "passed alone", "failed", "to do"), (said, changed)
            for verdict in record["exercises"][exercise.id].values():
                for failure in verdict["failures"] if verdict else ():
                    headline = failure["headline"]
                    assert headline and len(headline) < 500 and "Traceback" not in headline, changed
                assert not verdict or verdict["outcome"] != "failed" or verdict["failures"]
    assert all(outcome(record, e.id) == "passed" for e in registry.exercises)  # the honest one
