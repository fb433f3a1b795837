"""The book as files: nothing is missing, nothing comes from elsewhere, no solution is told."""

from __future__ import annotations

import re
import socket
import threading
import urllib.request
from pathlib import Path

import pytest
from books import Site, broken, built, parts

from course.bench.rows import native
from course.book import benchmarks
from course.book.bars import milliseconds
from course.book.build import require
from course.book.formulas import FormulaError, rendered
from course.book.playing import STILLS, figures
from course.book.recolour import dark, dark_svg
from course.book.terms import Finder, Term, load_terms
from course.book.words import load_words
from course.cli.book import listening
from course.errors import CourseError
from course.lessons import anchors
from course.paths import Project
from course.registry import Registry

MILLION = 1_000_000


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, project: Project, registry: Registry) -> Site:
    return built(tmp_path_factory, project, registry)


def test_it_is_built_without_a_complaint(site: Site, registry: Registry) -> None:
    assert site.complaints == []
    for chapter in registry.chapters:
        assert (site.root / "exercises" / chapter.folder / "lesson.html").is_file()
    assert len(site.pages()) > len(registry.chapters) + 100


def test_every_link_leads_to_a_place(site: Site) -> None:
    assert list(broken(site)) == []


def test_nothing_is_fetched_from_elsewhere(site: Site) -> None:
    """Scripts, styles, pictures and fonts are files of the book, by relative addresses."""
    for path in site.pages():
        for address in parts(path).loaded:
            target = (path.parent / address.partition("?")[0]).resolve()
            assert target.is_file() and site.root in target.parents, f"{path}: {address}"
    for path in site.root.rglob("*.css"):
        for address in re.findall(r"url\(([^)]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / address).is_file(), f"{path}: {address}"


def test_no_formula_is_left_as_it_was_typed(site: Site) -> None:
    for path in site.pages():
        text = "".join(parts(path).prose)
        assert "$" not in text, f"{path}: {text[max(0, text.find('$') - 60) :][:120]!r}"


def test_ids_are_unique_and_pages_are_small(site: Site) -> None:
    for path in site.pages():
        ids = parts(path).ids
        assert len(ids) == len(set(ids)), path
        assert path.stat().st_size < MILLION, path


def test_each_exercise_has_its_card_and_no_solution(
    site: Site, project: Project, registry: Registry
) -> None:
    for chapter in registry.chapters:
        path = site.root / "exercises" / chapter.folder / "lesson.html"
        text = path.read_text(encoding="utf-8")
        cards = re.findall(r'<aside class="card".*?</aside>', text, re.S)
        assert len(cards) == len(chapter.exercises)
        for exercise, card in zip(chapter.exercises, cards):
            assert f"tinymlx check {exercise.id}<" in card
            assert card.count("<details>") == 3 and "open" not in card.split("<dl>")[0]
            assert card.count("NotImplementedError") >= len(exercise.symbols)
        assert set(re.findall(r'<section id="([^"]*)"', text)) & {
            exercise.anchor for exercise in chapter.exercises
        } == {exercise.anchor for exercise in chapter.exercises}


def test_figures_that_move_have_a_heading_and_a_picture(project: Project) -> None:
    for figure in figures():
        lesson = project.root / f"{figure['page']}.md"
        assert figure["after"] in anchors(lesson.read_text(encoding="utf-8")), figure["name"]
        assert (STILLS / f"{figure['name']}.svg").stat().st_size > 1000
        assert (STILLS / f"{figure['name']}.js").stat().st_size < 30_000


def test_the_front_page_has_what_the_course_has(site: Site, registry: Registry) -> None:
    text = (site.root / "index.html").read_text(encoding="utf-8")
    assert f"{len(registry.chapters)} chapters, {len(registry.exercises)} exercises" in text
    assert text.count('<th scope="row"><span class="number">') == len(registry.chapters)
    assert "make learn" in text and "{" not in text.partition("<dialog")[0]


def test_the_page_of_benchmarks_has_what_the_files_have(
    site: Site, project: Project, registry: Registry
) -> None:
    """A drawing for light and for dark, and a row with the times and the ratio."""
    text = (site.root / "appendices" / "benchmarks.html").read_text(encoding="utf-8")
    files = benchmarks.load(project.root / benchmarks.FOLDER, registry)
    rows = [row for file in files for row in file.rows]
    assert rows and len(rows) == text.count('class="in-dark"') == text.count("<table")
    for row in rows:
        for timing in row["candidates"].values():
            ratio = timing["median"] / row["candidates"][native(row["candidates"])]["median"]
            assert f"{milliseconds(timing['median'])} ms (" in text
            assert f"<p>{ratio:.{2 if ratio < 100 else 0}f}</p>" in text
    assert f'href="../exercises/{registry.chapter(7).folder}/lesson.html#exercise-71' in text
    assert "Other processes that ran beside it: 1." in text


def test_a_formula_that_is_wrong_says_what_is_wrong() -> None:
    html = rendered(r"\frac{1}{2}", display=True)
    assert "<math" in html and 'class="katex-html" aria-hidden="true"' in html
    with pytest.raises(FormulaError, match="nosuchcommand"):
        rendered(r"\nosuchcommand")


def test_colours_for_dark_pages() -> None:
    """White is the ground, black the ink; a hue stays what it is; pixels are left alone."""
    assert dark("#ffffff") == "#17181a" or dark("#ffffff") == "#181818"
    assert int(dark("#000")[1:3], 16) > 220
    red, green, blue = (int(dark("#0072b2")[i : i + 2], 16) for i in (1, 3, 5))
    assert blue > green > red and blue > 0xB2
    text = (
        '<svg width="1"><image href="data:image/png;base64,#ffffff"/><path style="fill:#000000"/>'
    )
    made = dark_svg(text)
    assert "base64,#ffffff" in made and "fill:#000000" not in made and '<svg fill="#' in made


def test_terms_are_found_once_as_whole_words() -> None:
    terms = [
        Term("batch", "", "", 1),
        Term("batch normalization", "", "", 5),
        Term("Adam", "", "", 4),
        Term("AUC", "", "", 5),
    ]
    text = "Batches, a minibatch, batch normalization, and Adam; no adam, auc or AUC of a batch."
    found = [(text[start:stop], term.name) for start, stop, term in Finder(terms).find(text)]
    assert found == [
        ("Batches", "batch"),
        ("batch normalization", "batch normalization"),
        ("Adam", "Adam"),
        ("AUC", "AUC"),
    ]


def test_a_word_of_every_day_is_a_term_where_it_is_set_off() -> None:
    terms = [Term("state", "", "", 5), Term("stride", "", "", 3)]
    finder = Finder(terms)
    assert [t.name for _, _, t in finder.find("It states a stride.", set_off=False)] == ["stride"]
    assert [t.name for _, _, t in finder.find("state", set_off=True)] == ["state"]


def test_terms_of_a_language_without_spaces_are_found(tmp_path: Path) -> None:
    page = tmp_path / "GLOSSARY.md"
    page.write_text(
        "| 梯度（gradient） | 斜率 | 1, 3 |\n| 樹（tree） | 一層套一層 | 3 |\n", encoding="utf-8"
    )
    finder = Finder(load_terms(page))
    assert [t.name for _, _, t in finder.find("樹上的梯度與梯度", set_off=False)] == ["梯度"]
    assert [t.name for _, _, t in finder.find("樹", set_off=True)] == ["樹"]


def test_every_chapter_stands_in_one_part(registry: Registry) -> None:
    parts_ = load_words("en").parts(registry)
    numbers = [chapter.number for part in parts_ for chapter in part.chapters]
    assert numbers == [chapter.number for chapter in registry.chapters]


def test_a_missing_package_and_a_port_in_use_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "quickjs", None)
        with pytest.raises(CourseError, match=r"quickjs is missing.*\.\[book\]"):
            require()
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(CourseError, match=r"cannot be used .*--port 0"):
        listening(tmp_path, taken.getsockname()[1])


def test_it_is_served_on_this_machine(site: Site) -> None:
    server = listening(site.root.parent, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        with urllib.request.urlopen(address, timeout=10) as answer:
            first = answer.read()
        assert b"en/index.html" in first and b'rel="icon" href="en/_static/icon.svg"' in first
        with urllib.request.urlopen(f"{address}en/index.html", timeout=10) as answer:
            assert b"<h1>tinymlx</h1>" in answer.read()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
