"""What students read: the pages of a whole report, with everything in it that can go wrong."""

from __future__ import annotations

import html
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsers import WIDTHS, heights, overflowing, resize, start
from selenium import webdriver
from small import MINI, ROOT, Mini

from course.grading.places import without_places

RETURN = "    return rows.softmax(x)[index]"
LONG = "y" * 300
BODIES = {
    "right": RETURN,
    "wrong": "    return x[index]",
    "starter": "    raise NotImplementedError('1.2 pick - exercises/ch01_rows/lesson.md')",
    "raises": f"    raise ValueError('{LONG} ' * 3)",
    "raises deeply": "    def inner(n):\n        return inner(n - 1) if n else x.nothing\n"
    "    return inner(3)",
    "recursion": "    return pick(x, index)",
    "quotes a module": "    from tinymlx.rows import nothing_of_the_kind\n    return x[index]",
    "quotes a place": "    raise ValueError(f'{PLACES}')",
    "policy": "    return eval('mx.softmax(x)')[index]",
    "policy import": "    import torch\n    return torch.softmax(x)[index]",
    "leaves": "    raise SystemExit(0)",
    "endless": "    while True:\n        pass",
    "no result": "    return object()",
    "another shape": "    return x",
}
NOT_FOR_STUDENTS = re.compile(
    r"tinymlx (?:grade|regrade|class|compare|likeness|autograder|merge|dev)\b"
    r"|(?<!git clone )(?<![\w-])--[a-z]\w+"
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class in which everything goes wrong, graded."""
    base = tmp_path_factory.mktemp("pages")
    mini = Mini(Path(shutil.copytree(MINI, base / "course")))
    whole = mini.root / "solutions" / "tinymlx"
    text = (whole / "rows" / "softmax.py").read_text()
    places = [mini.root, ROOT, sys.prefix, tempfile.gettempdir(), Path.home()]
    broken = {
        "compile error": text.replace("def pick(", "def def pick("),
        "tabs and spaces": text.replace(RETURN, "\t return x\n    return x"),
        "gone": text[: text.index("def pick(")],
        "other arguments": text.replace("index: int", "index: int, more"),
        "a name of two hundred letters " * 7: text.replace("import mlx.core as mx", "import os"),
        **{name: text.replace(RETURN, body) for name, body in BODIES.items()},
    }
    for name, changed in broken.items():
        folder = base / "class" / name
        shutil.copytree(whole, folder / "tinymlx")
        shown = " ".join(f"{place}/x.py" for place in places)
        (folder / "tinymlx/rows/softmax.py").write_text(changed.replace("{PLACES}", shown))
    door = base / "class"
    (door / "damaged.zip").write_bytes(b"PK\x03\x04" + b"1" * 400)
    (door / "damaged.tar.gz").write_bytes(b"\x1f\x8b" + b"1" * 400)
    (door / "closed.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    (door / "nothing").mkdir()
    (door / "linked").symlink_to(whole)
    bare = door / "borrowed.git"
    (bare / "objects" / "info").mkdir(parents=True)
    (bare / "HEAD").write_text("ref: refs/heads/main\n")
    (bare / "objects/info/alternates").write_text(f"{ROOT}/.git/objects\n")
    (door / "damaged.bundle").write_bytes(b"# v2 git bundle\nnothing\n")
    (door / "no text").mkdir()
    (door / "no text" / "softmax.py").write_bytes(b"# coding: rot13\n\xff\xfe\x00def")
    out = base / "report"
    done = mini.tinymlx("grade", str(door), "--out", str(out), "--seed", "1", timeout=400)
    assert done.returncode == 0, done.stderr
    return out


def read_by_students(report: Path) -> dict[str, str]:
    """File to text; what a page escapes as it is meant."""
    files = [*report.glob("feedback/*.html"), *report.glob("gradescope/*/results.json")]
    files += [report / name for name in ("index.html", "grades.csv", "junit.xml")]
    return {str(f.relative_to(report)): html.unescape(f.read_text()) for f in files}


def test_no_place_of_the_machine_is_named(report: Path) -> None:
    places = {str(ROOT), str(report.parent), str(Path.home()), tempfile.gettempdir(), sys.prefix}
    found = [
        f"{name}: {line.strip()[:200]}"
        for name, text in read_by_students(report).items()
        for line in text.splitlines()
        for place in places
        if re.search(rf"(?<![\w.]){re.escape(place)}(?![\w-])", line)
    ]
    assert not found, "\n".join(found)


def test_no_command_is_named_that_a_student_does_not_have(report: Path) -> None:
    found = []
    for name, text in read_by_students(report).items():
        shown = re.sub(r"<style>.*?</style>", "", text, flags=re.S)
        found += [f"{name}: {words}" for words in NOT_FOR_STUDENTS.findall(shown)]
    assert not found, "\n".join(found)


def test_each_page_says_what_went_wrong(report: Path) -> None:
    pages = {f.stem: html.unescape(f.read_text()) for f in report.glob("feedback/*.html")}
    for name, words in {
        "wrong": "You forgot the softmax.",
        "compile error": "tinymlx/rows/softmax.py:26: invalid syntax",
        "gone": "tinymlx/rows/softmax.py has no pick any more",
        "raises deeply": "tinymlx/rows/softmax.py:29 in inner",
        "quotes a module": "nothing_of_the_kind",
        "policy": "uses eval, which hides what the code does",
        "policy import": "imports torch",
        "endless": "an endless loop?",
        "leaves": "your code called for an exit (SystemExit)",
        "damaged.zip": "damaged.zip is damaged",
        "borrowed": "The repository borrows from another one",
        "linked": "It is a symbolic link",
    }.items():
        assert words in pages[name], f"{name}: {words}"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out(browser: webdriver.Chrome, report: Path, width: str) -> None:
    resize(browser, *WIDTHS[width])
    for page in [report / "index.html", *sorted(report.glob("feedback/*.html"))]:
        browser.get(page.as_uri())
        assert overflowing(browser) == [], page.name
        assert browser.get_log("browser") == []
    browser.get((report / "index.html").as_uri())
    assert len(set(heights(browser, "tr.one"))) == 1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/srv/course/course/x.py:3: bad", "course/x.py:3: bad"),
        (f"{tempfile.gettempdir()}/tinymlx-grade-a_1/code/tinymlx/a.py:2", "tinymlx/a.py:2"),
        (f"<module 'a' from '{sys.prefix}/lib/a.so'>", "<module 'a' from 'lib/a.so'>"),
        ("in '/srv/course'.", "in ''."),
        ("/srv/courses and a/srv/course stay", "/srv/courses and a/srv/course stay"),
    ],
)
def test_folders_are_left_out(text: str, left: str) -> None:
    assert without_places({"a": [text, 1]}, [Path("/srv/course")]) == {"a": [left, 1]}
