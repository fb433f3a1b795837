"""Starters: exactly the bodies of the exercises go; nothing else changes by a letter."""

from __future__ import annotations

import pytest
from small import Mini

from course.cutter import GO_ON, cut_package, cut_text, differences, write_starters
from course.errors import CourseError
from course.registry import Exercise, Symbol

SYMBOL = Symbol("tinymlx.a.f", "tinymlx.a", "f", "a.py")
CARD = Exercise("1.1", "T", (SYMBOL,), (), 1, 1, 1, ("a", "b", "c"), (), (), "ch01_x")
RAISE = f"""    raise NotImplementedError(
        "1.1 f - exercises/ch01_x/lesson.md; "
        "{GO_ON}"
    )
"""


def cut(text: str, qualname: str = "f") -> str:
    symbol = Symbol(f"tinymlx.a.{qualname}", "tinymlx.a", qualname, "a.py")
    return cut_text(text, [(CARD, symbol)], "a.py")


def test_only_the_body_goes() -> None:
    before = (
        "# top\nimport math  # kept\n\n\n@decorated(\n    1,\n)\ndef f(\n    x: int,  # the x\n"
        '    y: str = "a",\n) -> int:\n    """Task.\n\n    More.\n    """\n    # inside\n'
        "    def g():\n        return 1\n\n    return g()  # done\n\n\n# after\nz = 1\n"
    )
    after = before[: before.index("    # inside")] + RAISE + before[before.index("\n\n# a") :]
    assert cut(before) == after


def test_methods_properties_and_async_functions() -> None:
    before = (
        "class A:\n    @property\n    def f(self):\n        '''Doc.'''\n        return 1\n\n"
        "    @f.setter\n    def f(self, value):\n        '''Doc.'''\n        self.x = value\n"
    )
    after = cut(before, "A.f")
    assert after.count("raise NotImplementedError(") == after.count("1.1 f - exercises") == 2
    assert "@f.setter" in after and "self.x" not in after


def test_a_class_loses_the_bodies_of_its_methods() -> None:
    before = "class f:\n    size = 3\n\n    def g(self):\n        '''D.'''\n        return 1\n"
    after = cut(before)
    assert "size = 3" in after and "return 1" not in after


def test_a_starter_says_how_to_go_on_without_it() -> None:
    with pytest.raises(NotImplementedError) as error:
        exec(cut("def f():\n    '''D.'''\n    return 1\n") + "\nf()", {})
    assert str(error.value) == f"1.1 f - exercises/ch01_x/lesson.md; {GO_ON}"
    assert all(len(line) <= 100 for line in RAISE.splitlines())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f():\n    return 1\n", "needs a docstring"),
        ("def f():\n    '''Only.'''\n", "no body to cut"),
        ("def g():\n    '''D.'''\n    return 1\n", "has no f, which card 1.1 names"),
    ],
)
def test_what_cannot_be_cut_is_said(text: str, words: str) -> None:
    with pytest.raises(CourseError, match=words):
        cut(text)


def test_check_finds_every_kind_of_difference(mini: Mini) -> None:
    assert differences(mini.project, mini.registry) == []
    package = mini.project.tinymlx
    (package / "rows" / "counter.py").unlink()
    (package / "extra.py").write_text("")
    mini.replace("Given: x", "Mine: x")
    (mini.project.solutions / "tinymlx" / "given.py").write_text("")
    found = "\n".join(differences(mini.project, mini.registry))
    for words in (
        "rows/counter.py is missing",
        "rows/softmax.py differs",
        "extra.py has no solution and is not declared given",
        "given.py is declared given and must not exist",
    ):
        assert words in found


def test_cutting_over_changed_work_keeps_a_backup(mini: Mini) -> None:
    path = mini.solve()
    mine = path.read_text()
    write_starters(mini.project, mini.registry)
    assert path.read_text() == cut_package(mini.project, mini.registry)["rows/softmax.py"]
    kept = list((mini.project.state / "backups").rglob("softmax.py"))
    assert [p.read_text() for p in kept] == [mine]
