"""Putting the sources of the book together in a folder, in the places that they have in the course.

So a link in a lesson is right as it stands. A page of another language stands beside the English
one (``lesson.zh-TW.md``) and takes its place; where there is none, the English one does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from course.book import benchmarks
from course.book.anchors import learn
from course.book.words import Words
from course.languages import lettering
from course.lessons import links
from course.paths import Project
from course.registry import Registry

PAGES = ("INSTRUCTORS.md", "CONTRIBUTING.md", "exercises/GLOSSARY.md")


def pages(project: Project, registry: Registry) -> Iterator[Path]:
    """Every page of the book, relative to the root of the course."""
    for chapter in registry.chapters:
        folder = Path("exercises") / chapter.folder
        for name in ("lesson.md", "brief.md"):
            if (project.root / folder / name).is_file():
                yield folder / name
    for path in sorted((project.root / "appendices").glob("a?_*.md")):
        if not path.stem.partition(".")[2]:
            yield path.relative_to(project.root)
    if any((project.root / benchmarks.FOLDER).glob("*.json")):
        yield benchmarks.PAGE
    yield from (Path(name) for name in PAGES if (project.root / name).is_file())


def translated(path: Path, language: str) -> Path:
    """The file that a page is read from in a language: its translation, or itself."""
    other = path.with_suffix(f".{language}{path.suffix}")
    return other if other.is_file() else path


def collect(
    project: Project, registry: Registry, words: Words, into: Path, only: Iterable[str] = ()
) -> list[str]:
    """Copy the pages and their figures into a folder, and write the one that lists them all.

    Args:
        registry: with titles in the language of the words.
        only: beginnings of paths (``exercises/ch01``); empty for the whole book.

    Returns:
        The names of the pages, as Sphinx has them, in the order of the book.
    """
    wanted, made = tuple(only), []
    letters = lettering.table_of(project.exercises, words.language)
    for page in pages(project, registry):
        if wanted and not page.as_posix().startswith(wanted):
            continue
        made.append(page.with_suffix("").as_posix())
        if page == benchmarks.PAGE:
            folder = project.root / benchmarks.FOLDER
            _write(into / page, benchmarks.write(folder, into, registry, words))
            continue
        source = translated(project.root / page, words.language)
        if source != project.root / page:
            learn(project.root / page, source)
        _copy(source, into / page)
        for name in links(source.read_text(encoding="utf-8")):
            figure = source.parent / name
            if name.endswith(".svg") and letters and figure.is_file():
                drawing = lettering.translated(figure.read_text(encoding="utf-8"), letters)
                _write(into / page.parent / name, drawing)
            elif name.endswith((".svg", ".png")) and figure.is_file():
                _copy(figure, into / page.parent / name)
    _write(into / "contents.md", _contents(words, made))
    keep = {into / f"{name}.md" for name in (*made, "contents")}
    for path in into.rglob("*.md"):
        if path not in keep:
            path.unlink()
    return made


def _contents(words: Words, made: list[str]) -> str:
    """A page that lists all others: the order in which they follow each other."""
    listed = "\n".join(made)
    return f"# {words.ui('contents')}\n\n```{{toctree}}\n:maxdepth: 2\n\n{listed}\n```\n"


def _copy(source: Path, target: Path) -> None:
    """Copy what has changed, so that a second build renders little."""
    if target.is_file() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
