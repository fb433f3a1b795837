"""Words of drawn figures: read from outlines, set in another language."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from course.languages import lettering
from course.paths import Project
from tinymlx import plotting


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two lines with names that begin at one place, and labels."""
    fig, ax = plotting.figure(width=4.0, height=3.0)
    ax.plot([0, 1], [0, 1], label="fluffy loss")
    ax.plot([0, 1], [1, 0], label="rate 0.5, twice")
    ax.set(xlabel="a rather long label", ylabel="$x^2$ of y", title="mean of 12 & 7")
    ax.legend()
    out = tmp_path_factory.mktemp("figure")
    plotting.save(fig, out, "drawing", formats=("svg",))
    return (out / "drawing.svg").read_text(encoding="utf-8")


def test_words_are_read_from_outlines(drawing: str) -> None:
    """Joined letters are letters, numbers are places, formulas and numbers alone are no words."""
    expected = {"fluffy loss", "rate #, twice", "a rather long label", "mean of # & #"}
    assert set(lettering.words(drawing)) == expected


def test_words_are_set_anew(drawing: str) -> None:
    """In their places, with their numbers; the rest of the drawing stays as it is."""
    table = {
        "fluffy loss": "毛茸茸的損失",
        "rate #, twice": "學習率 #，兩次",
        "a rather long label": "標籤",
        "mean of # & #": "# & # 的平均",
    }
    found = lettering.translated(drawing, table)
    root = ElementTree.fromstring(found)
    texts = {e.text: e for e in root.iter() if e.tag.endswith("text")}
    assert set(texts) == {"毛茸茸的損失", "學習率 0.5，兩次", "標籤", "12 & 7 的平均"}
    anchors = {text: e.get("text-anchor") for text, e in texts.items()}
    assert anchors["毛茸茸的損失"] == anchors["學習率 0.5，兩次"] == "start"
    assert anchors["標籤"] == "middle" and float(texts["標籤"].get("x") or 0) > 100
    outlines = re.compile(r"<path[^>]*>")
    assert outlines.findall(found) == outlines.findall(drawing)
    assert lettering.translated(drawing, {}) == drawing
    assert "mean" not in lettering.words(found)


def test_a_long_text_becomes_smaller(drawing: str) -> None:
    """What would stand out is set in smaller letters."""
    found = lettering.translated(drawing, {"fluffy loss": "這個標籤比原來的文字長得多"})
    size = re.search(r'font-size="(\d+)"', found)
    assert size is not None and int(size[1]) < 70


def test_the_figures_of_the_course_have_their_words(project: Project) -> None:
    tables = sorted(project.exercises.glob("figures.*.toml"))
    assert tables
    for table in tables:
        assert not list(lettering.differences(project.exercises, table.name.split(".")[1]))


def test_what_is_missing_or_old_is_named(tmp_path: Path, drawing: str) -> None:
    figures = tmp_path / "ch01_rows" / "figures"
    figures.mkdir(parents=True)
    (figures / "drawing.svg").write_text(drawing, encoding="utf-8")
    (tmp_path / "figures.zh-TW.toml").write_text(
        '"fluffy loss" = "損失"\n"rate #, twice" = "兩次"\n"a rather long label" = "數據"\n'
        '"no such text" = "沒有"\n',
        encoding="utf-8",
    )
    kinds = [one.kind for one in lettering.differences(tmp_path, "zh-TW")]
    assert sorted(kinds) == ["missing", "numbers", "stale", "usage"]
