"""The book as tests read it: built once for all of them, and its pages taken apart."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from course.book.build import build
from course.paths import Project
from course.registry import Registry

#: Elements without an end.
EMPTY = frozenset("area base br col embed hr img input link meta source track wbr".split())
#: Where a dollar is a dollar: code, formulas, what scripts and styles say.
CODE = frozenset({"code", "pre", "script", "style", "math", "template"})


@dataclass
class Site:
    """A built book and what Sphinx complained about."""

    root: Path
    complaints: list[str]

    def pages(self) -> list[Path]:
        return sorted(self.root.rglob("*.html"))


def built(factory: pytest.TempPathFactory, project: Project, registry: Registry) -> Site:
    """The whole book; of several processes the first one builds it, the others wait."""
    several = "PYTEST_XDIST_WORKER" in os.environ
    folder = (factory.getbasetemp().parent if several else factory.getbasetemp()) / "book"
    folder.mkdir(exist_ok=True)
    said = folder / "complaints.json"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.is_file():
            complaints = build(project, registry, folder / "site", ["en"], work=folder / "work")
            said.write_text(json.dumps(complaints), encoding="utf-8")
    return Site(folder / "site" / "en", json.loads(said.read_text(encoding="utf-8")))


@dataclass
class Page(HTMLParser):
    """What a page is made of, as far as tests ask."""

    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)  # of a elements
    loaded: list[str] = field(default_factory=list)  # what the browser fetches for the page
    prose: list[str] = field(default_factory=list)  # text outside of code and formulas
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if "src" in given:
            self.loaded.append(given["src"])
        if tag == "link" and given.get("rel") not in {"next", "prev"}:
            self.loaded.append(given["href"])
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not CODE & set(self.open):
            self.prose.append(data)


@cache
def parts(path: Path) -> Page:
    """A page taken apart."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken(site: Site) -> Iterator[str]:
    """Links that lead nowhere, one sentence each."""
    pages = {path: parts(path) for path in site.pages()}
    places = {path: set(page.ids) for path, page in pages.items()}
    for path, page in pages.items():
        for link in page.links:
            if link.startswith(("http://", "https://", "mailto:")):
                continue
            name, _, place = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            shown = f"{path.relative_to(site.root)}: {link}"
            if target not in pages:
                yield f"{shown} has no page"
            elif place and place not in places[target]:
                yield f"{shown} has no place on its page"
