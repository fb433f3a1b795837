"""Appendix A1 is what the docstrings say, says it of everything, and its differences are real."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course import lessons
from course.appendix import api, formulas, names, reading
from course.cli.project import implementation
from course.languages.sections import hashed
from course.paths import Project, find_project
from course.registry import Registry
from course.toml import load_toml

FOLDER = find_project().root / "appendices"
TOLD = load_toml(FOLDER / "api.toml")
TEXTS = reading.entries(FOLDER / "reading.toml")
FORMULAS = formulas.entries(FOLDER / "formulas.toml")


@pytest.fixture(scope="module", autouse=True)
def solved(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def test_the_names_are_fresh_ones(registry: Registry) -> None:
    pages = api.pages(registry, FOLDER / "api.toml")
    assert len(pages) > 1
    for name, page in pages.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == page, "tinymlx dev appendices"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("api.*.toml")), ids=lambda path: path.name)
def test_other_languages_translate_what_stands_there(path: Path) -> None:
    table = load_toml(path)
    own = {"head": api.HEAD, "own": api.OWN}
    assert {name for name in own if table[name]["of"] != hashed(own[name])} == set()
    assert set(table["differs"]) == set(TOLD["differs"])
    entries = table["differs"].items()
    stale = [n for n, entry in entries if entry["of"] != hashed(TOLD["differs"][n]["what"])]
    assert stale == [], "look at these sentences, then write the new hash beside them"


def test_every_name_of_mlx_is_here_or_is_left_out_with_a_reason() -> None:
    absent = {name for part, theirs, _ in names.PARTS for name in names.absent(part, theirs)}
    assert absent == set(TOLD["left_out"]), "put it in, or into left_out with the reason"
    assert all(TOLD["left_out"].values())


def test_every_public_name_says_what_it_is_and_its_shapes(registry: Registry) -> None:
    there = [n for part, theirs, _ in names.PARTS for n in names.mirrored(registry, part, theirs)]
    assert [n.path for n in there if n.ours and not n.doc] == []
    assert [n.path for n in there if not n.says_shapes] == []
    assert {n.path for n in there} >= names.NO_SHAPES
    own = [n for package in names.packages() for n in names.own_names(registry, package)]
    assert len(own) > 300
    assert [n.path for n in own if not n.doc] == []


def test_what_the_table_names_exists(registry: Registry) -> None:
    paths = {n.path for p, t, _ in names.PARTS for n in names.mirrored(registry, p, t)}
    assert {*TOLD["torch"], *TOLD["differs"]} <= paths
    for name in filter(None, TOLD["torch"].values()):
        first = name.split(",")[0]
        assert api.found(first) is not None, name


@pytest.mark.parametrize("path", TOLD["differs"])
def test_a_difference_is_real(path: str) -> None:
    import torch

    from tinymlx import core, nn, optimizers

    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    seen = {"core": core, "nn": nn, "optimizers": optimizers, "torch": torch, "np": np}
    seen |= {"F": torch.nn.functional, "x": core.array(numbers), "t": torch.from_numpy(numbers)}
    assert eval(TOLD["differs"][path]["check"], seen) is True


@pytest.mark.parametrize("entry", FORMULAS, ids=lambda entry: entry["title"])
def test_both_sides_of_a_formula_agree(registry: Registry, entry: dict[str, Any]) -> None:
    assert formulas.distance(entry) <= formulas.TOLERANCE
    assert set(entry["built"]) <= set(registry.by_id)
    assert all(entry[key].strip() for key in ("title", "formula", "symbols"))


def test_a_formula_whose_sides_differ_does_not_appear(registry: Registry, tmp_path: Path) -> None:
    right, wrong = (
        f"[[formula]]\ntitle = '{title}'\nchapter = 1\nbuilt = []\nformula = 'x'\n"
        f"symbols = 'x'\ncheck = 'left, right = 1.0, {value}'\n"
        for title, value in (("Right", 1.0), ("Wrong", 1.1))
    )
    path = tmp_path / "formulas.toml"
    path.write_text(right + wrong, encoding="utf-8")
    page = formulas.page(registry, path)
    assert "Right" in page and "Wrong" not in page


def test_the_formulas_are_fresh_ones(registry: Registry) -> None:
    pages = formulas.pages(registry, FOLDER / "formulas.toml")
    for name, page in pages.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == page, "tinymlx dev appendices"
    titles = [
        line[2:-2] for page in pages.values() for line in re.findall(r"^\*\*.*?\*\*", page, re.M)
    ]
    assert sorted(titles) == sorted(entry["title"] for entry in FORMULAS)


def test_what_to_read(project: Project, registry: Registry) -> None:
    page = reading.page(registry, FOLDER / "reading.toml")
    assert (FOLDER / "a4_reading.md").read_text(encoding="utf-8") == page, "tinymlx dev appendices"
    numbers = [text["arxiv"] for text in TEXTS if "arxiv" in text]
    assert len(numbers) == len(set(numbers))
    assert all(reading.is_number(number) for number in numbers)
    assert len({text["title"] for text in TEXTS}) == len(TEXTS)
    for text in TEXTS:
        assert ("arxiv" in text) != ("where" in text)
        assert text["read"].endswith(".") and text["chapters"] == sorted(text["chapters"])


def test_lessons_cite_by_number_and_title(project: Project) -> None:
    """A number means the same text everywhere: a lesson's words are words of its title."""
    titles = {text["arxiv"]: plainly(text["title"]) for text in TEXTS if "arxiv" in text}
    for lesson in sorted(project.exercises.glob("ch*/lesson.md")):
        text = lesson.read_text(encoding="utf-8")
        for words, number in re.findall(r"\[([^\]]+)\]\(https://arxiv\.org/abs/([^)]+)\)", text):
            assert number in titles, f"{lesson.parent.name}: {number} is not in reading.toml"
            assert plainly(words) in titles[number], f"{lesson.parent.name}: {words} ({number})"
        bare = re.findall(r"(?<!\]\()https://arxiv\.org|[aA]r[xX]iv:? ?\d{4}\.", text)
        assert not bare, f"{lesson.parent.name}: cite a paper as [title](https://arxiv.org/abs/...)"


def plainly(title: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9% ]", " ", " ".join(title.lower().split())).split())


CHIP = re.compile(r"\| (M\d[^|]*) \| (\d+ \w+ (\d{4})) \|" + r" ([\d.]*) ?\|" * 6)


def test_the_chips_are_those_of_chapter_2() -> None:
    from tinymlx.data.chips import CHIPS

    text = (FOLDER / "a3_apple_silicon.md").read_text(encoding="utf-8")
    rows = {found[1]: found for found in CHIP.finditer(text)}
    assert list(rows) == [chip.name for chip in CHIPS]
    for chip in CHIPS:
        row = rows[chip.name]
        assert int(row[3]) == chip.year
        assert float(row[7]) * 1e9 == chip.bandwidth
        assert (float(row[8]) * 1e12 if row[8] else None) == chip.peak


def test_blocks_and_links_of_the_appendices() -> None:
    for path in sorted(FOLDER.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        lessons.run_blocks(path, lessons.blocks(text))
        for link in lessons.links(text):
            assert link.startswith("https://") or (FOLDER / link.partition("#")[0]).exists(), link
