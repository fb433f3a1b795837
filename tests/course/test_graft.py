"""The graft: what an exercise reaches travels, nothing else does, and an allow-list reads it."""

from __future__ import annotations

import ast
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import mlx.core as mx
import pytest
from attacks.spellings import REFUSED, WELCOME
from hypothesis import given, settings, strategies
from small import MINI, Mini

from course.graft.grafts import Grafts, course_package
from course.graft.leftover import leftovers
from course.graft.package import Module, Package
from course.graft.reach import reached
from course.misconceptions import Misconception, load_misconceptions
from course.overlay import Choice, Overlay, make_bundle
from course.paths import Project
from course.policy import read
from course.policy.names import BUILT_HERE, ELSEWHERE, MX
from course.registry import Registry, Symbol, load_registry
from course.source import bare_lines, read_text
from course.syntax import find, first_line

BODY = "    e = mx.exp(shift(x, axis))\n"
HERE = "def softmax"
CLOSED = "asks you to write yourself"  # a card says so; two misconceptions do just that
X = mx.array([[0.0, 0.0], [1.0, 1.0]])


def sentences(mini: Mini, number: str = "1.1") -> list[str]:
    grafts = Grafts(mini.project, mini.registry, mini.root)
    return [v.sentence for v in grafts.violations(mini.registry[number])]


@pytest.fixture(scope="module")
def read_body() -> Callable[[str], list[str]]:
    """The policy's sentences on a softmax whose body begins with some code."""
    project = Project(MINI)
    registry = load_registry(project)
    course = course_package(project)
    exercise = registry["1.1"]
    text = course.modules["tinymlx.rows.softmax"].text
    stops = frozenset({("tinymlx.rows.softmax", "softmax"), ("tinymlx.rows.softmax", "pick")})

    def sentences_on(code: str) -> list[str]:
        mine = Module(
            "tinymlx.rows.softmax", "mine.py", False, text.replace(BODY, f"    {code}\n{BODY}")
        )
        assert not mine.broken, code
        student = Package({mine.name: mine})
        found = read(student, course, exercise, reached(student, course, exercise.symbols, stops))
        return [violation.sentence for violation in found]

    return sentences_on


def softmax_of(mini: Mini, **options: object) -> list[list[float]]:
    """What the student's softmax makes of `X` once it is grafted."""
    choice = Choice(mini.root, **options)  # type: ignore[arg-type]
    with Overlay(make_bundle(mini.project, mini.registry, choice)).activate():
        from tinymlx import rows

        return rows.softmax(X).tolist()


def beyond(mini: Mini, number: str = "1.1") -> list[str]:
    """What travels besides the exercise's own symbols."""
    grafts = Grafts(mini.project, mini.registry, mini.root)
    exercise = mini.registry[number]
    own = {symbol.qualname for symbol in exercise.symbols}
    return [p.qualname for p in grafts.reached(exercise).pieces if p.qualname not in own]


@pytest.mark.parametrize(("code", "words"), REFUSED)
def test_what_is_closed_is_closed_in_every_spelling(
    read_body: Callable[[str], list[str]], code: str, words: str
) -> None:
    found = read_body(code)
    assert words in " ".join(found), found
    assert found[0].startswith("tinymlx/rows/softmax.py:")


@pytest.mark.parametrize("code", WELCOME)
def test_plain_python_is_no_offence(read_body: Callable[[str], list[str]], code: str) -> None:
    assert read_body(code) == []


def test_helpers_classes_constants_and_imports_travel(mini: Mini) -> None:
    mini.solve()
    mini.replace(BODY, "    e = Table(x).values(axis)\n")
    mini.replace(
        HERE,
        "from functools import partial\n\nFACTOR = 2\nshifted = lambda y, axis: mid(y, axis)\n\n\n"
        "class Table:\n    k = FACTOR / 2\n\n    def __init__(self, y):\n        self.y = y\n\n"
        "    def values(self, axis):\n        return partial(grow, k=self.k)(self.y, axis)\n\n\n"
        "def mid(y, axis):\n    return y - y.mean(axis=axis, keepdims=True)\n\n\n"
        "def grow(y, axis, k):\n    return mx.exp(k * shifted(y, axis))\n\n\n"
        "def unused(y):\n    import os\n\n\ndef softmax",
    )
    assert sentences(mini) == []
    assert sorted(beyond(mini)) == ["FACTOR", "Table", "grow", "mid", "partial", "shifted"]
    assert softmax_of(mini) == [[0.5, 0.5], [0.5, 0.5]]


def test_a_module_of_ones_own_travels_as_far_as_it_is_used(mini: Mini, tmp_path: Path) -> None:
    mini.solve()
    mini.replace(BODY, "    from . import tools\n    e = tools.grow(start(shift(x, axis)))\n")
    mini.replace(HERE, "from .more.deep import start\n\n\ndef softmax")
    package = mini.root / "tinymlx" / "rows"
    trace = tmp_path / "trace"
    (package / "more").mkdir()
    (package / "more" / "__init__.py").write_text("")
    (package / "more" / "deep.py").write_text(
        f"open({str(trace)!r}, 'w')\n\nHALF = 0.5\n\n\ndef start(y):\n    return y * HALF * 2\n"
    )
    (package / "tools.py").write_text(
        "import mlx.core as mx\n\nraise SystemExit\n\n\ndef grow(y):\n    return mx.exp(y)\n"
    )
    assert sentences(mini) == []
    assert softmax_of(mini) == [[0.5, 0.5], [0.5, 0.5]]
    assert not trace.exists()


def test_a_closed_name_in_a_helpers_module_is_found(mini: Mini) -> None:
    mini.solve()
    mini.replace(BODY, "    from .tools import grow\n    return grow(x)\n" + BODY)
    path = mini.root / "tinymlx" / "rows" / "tools.py"
    path.write_text("from mlx.core import softmax as grow\n")
    assert "mx.softmax" in " ".join(sentences(mini))
    path.write_text("import mlx.core as m\n\n\ndef grow(x):\n    return m.softmax(x)\n")
    assert sentences(mini) == [
        "tinymlx/rows/tools.py:5 uses mx.softmax, which this exercise asks you to write yourself."
    ]


def test_no_line_at_the_top_runs(mini: Mini, tmp_path: Path) -> None:
    mini.solve()
    trace = tmp_path / "trace"
    line = f"open({str(trace)!r}, 'w')\n"
    mini.replace("import mlx.core as mx\n", f"import mlx.core as mx\n{line}mx.exp = mx.log\n")
    for name in ("__init__.py", "rows/__init__.py", "numpy.py", "rows/x.y.py", "math.py"):
        (mini.root / "tinymlx" / name).write_text(line)
    assert softmax_of(mini) == [[0.5, 0.5], [0.5, 0.5]]
    assert not trace.exists()


def test_a_changed_helper_of_the_course_counts_only_where_it_is_reached(mini: Mini) -> None:
    mini.solve()
    mini.replace("return x - mx.max(x, axis=axis, keepdims=True)", "return mx.zeros_like(x)")
    mini.replace("return rows.softmax(x)[index]", "return rows.softmax(x * 1)[index]")
    assert beyond(mini) == ["shift"]
    assert beyond(mini, "1.2") == []
    assert softmax_of(mini, keep=frozenset({"1.1"})) == [[0.5, 0.5], [0.5, 0.5]]


def test_members_of_a_class_travel_with_its_methods(mini: Mini) -> None:
    path = mini.solve("counter.py")
    text = path.read_text().replace("+ mx.sum(x)", "+ self._more(x) * self.factor")
    path.write_text(
        text + "\n    factor = 2\n\n    def _more(self, x):\n        return mx.sum(x)\n\n"
        "    def _unused(self):\n        return eval('1')\n"
    )
    grafts = Grafts(mini.project, mini.registry, mini.root)
    names = [p.qualname for p in grafts.reached(mini.registry["1.3"]).pieces]
    assert sorted(names) == [
        "Counter._more", "Counter.add", "Counter.factor", "Counter.total",
    ]  # fmt: skip
    assert grafts.violations(mini.registry["1.3"]) == ()
    with Overlay(make_bundle(mini.project, mini.registry, Choice(mini.root))).activate():
        from tinymlx import rows

        counter = rows.Counter()
        counter.add(mx.ones((3, 2)))
        assert (counter.count, counter.total.item()) == (3, 12.0)


def test_what_breaks_the_policy_does_not_run_for_others_either(mini: Mini) -> None:
    mini.solve()
    mini.replace(BODY, "    import os\n" + BODY)
    for fill in (True, False):
        bundle = make_bundle(mini.project, mini.registry, Choice(mini.root, fill=fill))
        overlay = Overlay(bundle)
        with overlay.activate():
            from tinymlx import rows

            if fill:
                assert "solutions" in rows.softmax.__code__.co_filename
            else:
                with pytest.raises(NotImplementedError):
                    rows.softmax(X)


def test_every_name_of_mlx_is_allowed_or_closed() -> None:
    """A new MLX brings new names: somebody has to decide on each."""
    names = {n for n in dir(mx) if not n.startswith("_")} - {"linalg", "random", "fft"}
    for module in ("linalg", "random", "fft"):
        inner = getattr(mx, module)
        names |= {f"{module}.{n}" for n in dir(inner) if not n.startswith("_")}
    assert names - MX == BUILT_HERE | ELSEWHERE
    assert MX - names <= {"random.state"}  # made at its first use


def test_solutions_travel_and_offend_nobody(project: Project, registry: Registry) -> None:
    grafts = Grafts(project, registry, project.solutions)
    for exercise in registry.exercises:
        symbols = {symbol.qualname for symbol in exercise.symbols}
        assert {p.qualname for p in grafts.reached(exercise).pieces} == symbols, exercise.id
        assert grafts.violations(exercise) == (), exercise.id


def test_misconceptions_travel_and_offend_nobody(project: Project, registry: Registry) -> None:
    """What people write in good faith is no cheating: of a mistake they shall hear the mistake."""
    course = course_package(project)
    stops = frozenset((s.module, s.qualname) for e in registry.exercises for s in e.symbols)
    offended = []
    for number, group in load_misconceptions(project, registry).items():
        exercise = registry[number]
        for misconception in group:
            symbol = next(s for s in exercise.symbols if s.dotted == misconception.symbol)
            mine = Module(
                symbol.module, "mine.py", False, _mistaken(project, symbol, misconception)
            )
            student = Package({symbol.module: mine})
            found = read(
                student, course, exercise, reached(student, course, exercise.symbols, stops)
            )
            offended += [v.sentence for v in found if CLOSED not in v.sentence]
    assert not offended, "\n".join(offended)


def _mistaken(project: Project, symbol: Symbol, misconception: Misconception) -> str:
    """The text of a solution's module with a misconception in it."""
    file = project.solutions / "tinymlx" / symbol.file
    (node,) = (n for n in _parsed(misconception.file).body if n.lineno == misconception.line)
    assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
    target = find(_parsed(str(file)), symbol.qualname)[0].node
    node.name, node.decorator_list = target.name, target.decorator_list
    lines = bare_lines(read_text(file))
    written = indent(ast.unparse(node), " " * target.col_offset)
    lines[first_line(target) - 1 : target.end_lineno] = [written]
    return "\n".join(lines) + "\n"


@functools.cache
def _parsed(file: str) -> ast.Module:
    """A solution's module, or a chapter's misconceptions: of these each is taken once."""
    return ast.parse(read_text(Path(file)))


DEEP = "x" + ".T" * 700


def test_what_is_nested_too_deeply_is_refused_in_a_sentence(mini: Mini) -> None:
    mini.solve()
    mini.replace(BODY, f"    {DEEP}\n" + BODY)
    found = sentences(mini)
    assert found == ["tinymlx/rows/softmax.py:13 is nested too deeply to be read; write it flat."]
    assert leftovers(Grafts(mini.project, mini.registry, mini.root)) == []
    make_bundle(mini.project, mini.registry, Choice(mini.root))


WORDS = "mx x axis rows softmax e eval self __class__ type getattr shift import 1 ( ) : . * @"


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(data=strategies.data())
def test_no_text_brings_the_reader_down(small: Mini, data: strategies.DataObject) -> None:
    """Lines and words of a solution exchanged, doubled, dropped, indented, nested."""
    text = read_text(MINI / "solutions" / "tinymlx" / "rows" / "softmax.py")
    for _ in range(data.draw(strategies.integers(1, 6))):
        lines = text.split("\n")
        i = data.draw(strategies.integers(0, len(lines) - 1))
        kind = data.draw(strategies.sampled_from("drop double indent word replace".split()))
        word = data.draw(strategies.sampled_from(WORDS.split()))
        parts = lines[i].split(" ")
        j = data.draw(strategies.integers(0, len(parts) - 1))
        if kind == "replace":
            parts[j] = word
        elif kind == "word":
            parts.insert(j, word)
        lines[i] = " ".join(parts)
        if kind == "indent":
            lines[i] = "    " + lines[i]
        text = "\n".join([*lines[:i], *lines[i : i + 1] * (kind == "double"), *lines[i:]])
        if kind == "drop":
            text = "\n".join([*lines[:i], *lines[i + 1 :]])
    (small.root / "tinymlx" / "rows" / "softmax.py").write_text(text)
    grafts = Grafts(small.project, small.registry, small.root)
    for number in ("1.1", "1.2", "1.3"):
        assert all(v.sentence for v in grafts.violations(small.registry[number]))
    assert all(leftovers(grafts))
    for choice in (Choice(small.root), Choice(small.root, keep=frozenset({"1.2"}), fill=False)):
        bundle = make_bundle(small.project, small.registry, choice, grafts)
        Overlay(bundle).compile_all()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Mini:
    root = tmp_path_factory.mktemp("small") / "course"
    shutil.copytree(MINI, root)
    return Mini(root)


def test_what_stays_behind_is_told(mini: Mini) -> None:
    assert leftovers(Grafts(mini.project, mini.registry, mini.root)) == []
    mini.solve()
    mini.replace("import mlx.core as mx\n", "import mlx.core as mx\nprint(mx)\n")
    mini.replace(HERE, "def unused():\n    return 1\n\n\ndef softmax")
    mini.solve("counter.py").open("a").write("\n    def more(self):\n        return 2\n")
    (mini.root / "tinymlx" / "notes.py").write_text("x = 1\n")
    assert sorted(leftovers(Grafts(mini.project, mini.registry, mini.root))) == [
        "left out of tinymlx/notes.py, no exercise reaches it: line 1 (x = 1)",
        "left out of tinymlx/rows/counter.py, no exercise reaches it: line 31 (def more)",
        "left out of tinymlx/rows/softmax.py, no exercise reaches it: line 4 (print(mx)), "
        "line 14 (def unused)",
    ]
