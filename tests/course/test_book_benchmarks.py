"""The page of benchmarks: every file is on it, and a wrong one is a sentence that names it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from course.book import benchmarks
from course.book.bars import bars, milliseconds
from course.book.words import load_words
from course.errors import CourseError
from course.languages.cards import in_language
from course.paths import Project
from course.registry import Registry

ROW: dict[str, Any] = {
    "name": "bench_rows[4x8]",
    "purpose": "Rows of `mx` numbers, 3 < 4.",
    "exercises": ["1.1"],
    "machine": {"device": "A machine", "flops": 1e9, "bandwidth": 1e9},
    "candidates": {
        "mlx": {"median": 0.002, "low": 0.001, "high": 0.003, "samples": 5},
        "solution": {"median": 0.005, "low": 0.004, "high": 0.006, "samples": 5},
    },
}


def written(folder: Path, name: str, rows: Any) -> Path:
    """A folder with one more file."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(rows if isinstance(rows, str) else json.dumps(rows))
    return folder


def test_a_new_file_is_on_the_page(tmp_path: Path, project: Project, registry: Registry) -> None:
    """Two machines of one chapter stand below each other, and a name of another one is its own."""
    other = {**ROW, "machine": {**ROW["machine"], "device": "Another", "versions": {"MLX": "9.9"}}}
    folder = written(tmp_path / "in", "ch01-a.json", [ROW])
    written(folder, "ch01-b.json", [other])
    written(folder, "ch02-b.json", [{**ROW, "candidates": {"yours": ROW["candidates"]["mlx"]}}])
    page = benchmarks.write(folder, tmp_path, registry, load_words("en"))
    assert page.count("### Rows, 4x8") == 2 and "### Rows, 4x8 (2)" in page
    assert page.count("Rows of `mx` numbers, 3 \\< 4.") == 2 and "*Exercises* 1.1" in page
    assert "**A machine**" in page and "**Another**" in page and "MLX 9.9" in page
    assert page.count("| solution | 5.00 | 4.00 to 6.00 | 5 | 2.50 |") == 2
    assert "| Candidate | Median (ms) | Quartiles (ms) | Samples |\n" in page
    pictures = re.findall(r"!\[Bars of time, Rows, 4x8[^]]*\]\((\S+)\)", page)
    assert len(set(pictures)) == 3
    assert all((tmp_path / "appendices" / name).is_file() for name in pictures)


def test_the_words_around_it_are_the_readers(
    tmp_path: Path, project: Project, registry: Registry
) -> None:
    folder = written(tmp_path / "in", "ch01-a.json", [ROW])
    shown = in_language(project, registry, "zh-TW")
    page = benchmarks.write(folder, tmp_path, shown, load_words("zh-TW"))
    assert page.startswith("# 效能評測\n") and f"· {shown.chapter(1).title}" in page
    assert "與 mlx 的比" in page and "Rows of `mx`" in page and "Candidate" not in page


def test_bars_are_read_without_colour() -> None:
    """A name and a median at each, a whisker from quartile to quartile, and all of it inside."""
    root = ElementTree.fromstring(bars(ROW["candidates"]))
    space = "{http://www.w3.org/2000/svg}"
    texts = [node.text for node in root.iter(f"{space}text")]
    assert {"mlx", "solution", "2.00 ms", "5.00 ms", "0 ms"} <= set(texts)
    wide = [float(node.attrib["width"]) for node in root.iter(f"{space}rect")]
    assert wide[0] / wide[1] == pytest.approx(2.5, rel=1e-2)  # the solution stands first
    whiskers = [n.attrib["d"] for n in root.iter(f"{space}path") if "H" in n.attrib["d"]]
    ends = [[float(x) for x in re.findall(r"[MH]([\d.]+)", d)[:2]] for d in whiskers]
    assert (ends[0][1] - ends[0][0]) == pytest.approx(ends[1][1] - ends[1][0], abs=0.02)
    assert max(end for _, end in ends) < float(root.attrib["width"].removesuffix("pt")) - 60
    assert [milliseconds(s) for s in (1.5, 0.0123, 9.999e-4, 3e-8)] == [
        "1500", "12.3", "1.00", "0.0000300"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        ("ch01-a.json", "{", "cannot be read as JSON"),
        ("ch01-a.json", {}, "no list of benchmarks"),
        ("ch01-a.json", [ROW, {"name": "bench_more"}], "its benchmark 2 lacks a part"),
        ("ch01-a.json", [{**ROW, "purpose": 3}], "no words where words belong"),
        ("ch01-a.json", [{**ROW, "candidates": {}}], "a number that is none"),
        ("ch99-a.json", [ROW], "not named after a chapter and a machine"),
        ("mine.json", [ROW], "not named after a chapter and a machine"),
    ],
)
def test_a_file_that_is_none_of_ours_is_named(
    tmp_path: Path, registry: Registry, name: str, rows: Any, said: str
) -> None:
    folder = written(tmp_path / "in", name, rows)
    with pytest.raises(CourseError, match=said) as error:
        benchmarks.load(folder, registry)
    assert str(folder / name) in str(error.value) and "\n" not in str(error.value)
    shutil.rmtree(folder)
