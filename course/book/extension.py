"""What Sphinx is told: the events at which the parts of the book do their work."""

from __future__ import annotations

import re
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from course.book import context, formulas, images, playing, searching, terms
from course.book.anchors import anchor
from course.book.boards import board
from course.book.cards import card, exercise_of
from course.book.defined import Defined, link_names
from course.book.front import copy_pictures, front
from course.book.listings import listings, page_of
from course.book.numbers import link_numbers
from course.book.words import Words, load_words
from course.cutter import cut_package
from course.paths import Project
from course.registry import Exercise, Registry

API = "appendices/a1_api"
FORMULAS = ("appendices/a2_formulas", "appendices/a2_formulas_more")
BENCHMARKS = "appendices/benchmarks"
#: What Sphinx adds for other themes.
UNUSED = ("documentation_options.js", "doctools.js", "sphinx_highlight.js", "pygments.css")


@dataclass
class Book:
    """A book in one language, while it is built."""

    project: Project
    registry: Registry
    words: Words
    names: list[str]
    shown: Registry  # titles and hints in the book's language; anchors are those of `registry`
    languages: tuple[str, ...] = ("en",)
    starters: dict[str, str] = field(default_factory=dict)
    defined: Defined = field(default_factory=lambda: Defined({}))
    terms: list[terms.Term] = field(default_factory=list)
    index: list[searching.Entry] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)

    def install(self, app: Sphinx) -> None:
        """Take part in a build."""
        app.add_lexer("output", TextLexer)
        app.add_html_math_renderer(
            "katex", (formulas.visit_inline, None), (formulas.visit_display, None)
        )
        app.add_node(nodes.image, override=True, html=(images.visit_image, None))
        app.add_node(nodes.literal, override=True, html=(visit_code, None))
        app.connect("builder-inited", self.begin)
        app.connect("doctree-read", self.read, priority=100)  # before the contents are taken
        app.connect("env-updated", self.updated)
        app.connect("missing-reference", missing)
        app.connect("doctree-resolved", self.resolved)
        app.connect("html-collect-pages", self.more_pages)
        app.connect("html-page-context", self.page)
        app.connect("build-finished", self.finished)

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """Those of the chapters that are in the book."""
        return tuple(
            exercise
            for chapter in self.registry.chapters
            if context.lesson(chapter) in self.names
            for exercise in chapter.exercises
        )

    def begin(self, app: Sphinx) -> None:
        app.builder.search = False  # type: ignore[attr-defined]  # the book has its own index
        self.starters = cut_package(self.project, self.registry)
        self.defined = Defined(self.starters)
        self.terms = terms.load_terms(Path(app.srcdir) / f"{terms.GLOSSARY}.md")

    def read(self, app: Sphinx, doctree: nodes.document) -> None:
        """Headings get the anchors that failures and other pages name; rows get places."""
        for section in doctree.findall(nodes.section):
            heading = section.next_node(nodes.title)
            own = anchor(heading.astext()) if heading is not None else ""
            if own:
                section["ids"] = [own, *(name for name in section["ids"] if name != own)]
        name = app.env.docname
        if name == terms.GLOSSARY:
            terms.mark_rows(doctree)
        elif name == API:
            searching.mark_names(doctree)
        elif name in FORMULAS:
            searching.mark_formulas(doctree)

    def updated(self, app: Sphinx, env: Any) -> None:
        self.titles = {name: env.titles[name].astext() for name in self.names}
        self.groups = context.navigation(self.words, self.shown, self.titles)

    def resolved(self, app: Sphinx, doctree: nodes.document, name: str) -> None:
        """Everything that is put around a page; its own text goes into the index first."""
        minutes = context.reading_minutes(doctree)
        self.remember(doctree, name, app.builder.get_target_uri(name))
        self.link(doctree, name)
        self.insert(doctree, name, minutes)

    def remember(self, doctree: nodes.document, name: str, address: str) -> None:
        """What searching finds on a page."""
        self.index += searching.sections(doctree, address)
        self.index += searching.rows(doctree, address)
        if name in FORMULAS:
            self.index += searching.formulas(doctree, address)

    def link(self, doctree: nodes.document, name: str) -> None:
        """Terms lead to the glossary, names of the API to definitions, numbers to exercises."""
        to_root = "../" * name.count("/")
        chapter = context.chapter_of(name, self.registry)
        if chapter is not None and terms.GLOSSARY in self.names:
            # A word that becomes a term later is a word: the cells of a brain are none of ours.
            known = [term for term in self.terms if term.chapter <= chapter.number]
            terms.link_terms(doctree, known, f"{to_root}{terms.GLOSSARY}.html")
        if name == API:
            link_names(doctree, self.defined, to_root)
        if name.startswith("appendices/"):
            link_numbers(doctree, lambda n: self.address(n, to_root), in_tables=name != BENCHMARKS)

    def insert(self, doctree: nodes.document, name: str, minutes: int) -> None:
        """Facts below the title, cards, figures that move, a board, boxes around tables."""
        to_root = "../" * name.count("/")
        chapter = context.chapter_of(name, self.shown)
        first = doctree.next_node(nodes.section)
        if name.endswith("/lesson"):
            for section in list(doctree.findall(nodes.section)):
                number = exercise_of(section)
                if number in self.registry.by_id:
                    section.insert(1, raw(self.card(self.registry[number], to_root)))
        if name.endswith("/brief"):
            first.append(raw(board((self.project.root / name).parent, self.words)))
        if chapter is not None:
            lesson = name == context.lesson(chapter)
            brief = "brief.html" if lesson and f"{name[:-6]}brief" in self.names else ""
            facts = context.facts(chapter) if lesson else {}
            first.insert(1, raw(context.facts_html(self.words, minutes, facts, brief)))
        playing.insert(doctree, name, to_root, self.words.language)
        for table in list(doctree.findall(nodes.table)):
            box = f'<div class="table{" api" if name == API else ""}">'
            table.parent.replace(table, [raw(box), table, raw("</div>")])

    def card(self, exercise: Exercise, to_root: str) -> str:
        """The card of an exercise on a page at some depth."""
        needs = {number: self.address(number, to_root) for number in exercise.requires}
        return card(self.shown[exercise.id], self.words, self.starters, {"": to_root, **needs})

    def address(self, number: str, to_root: str) -> str:
        """Where an exercise stands; empty if there is none, or not in this book."""
        exercise = self.registry.by_id.get(number)
        page = exercise.lesson.removesuffix(".md") if exercise else ""
        known = exercise is not None and page in self.names
        return f"{to_root}{page}.html#{exercise.anchor}" if exercise and known else ""

    def more_pages(self, app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
        """The front page and the starters."""
        yield "index", front(self.project, self.shown, self.words, self.titles), "front.html"
        files = dict.fromkeys(s.file for e in self.exercises for s in e.symbols)
        if API in self.names:
            files.update(dict.fromkeys(self.defined.all_files()))
        for exercise in self.exercises:
            for symbol in exercise.symbols:
                where = f"{page_of(symbol.file)}.html#{symbol.qualname}"
                shown = f"{symbol.qualname} \u00b7 tinymlx/{symbol.file}"
                self.index.append((shown, where, f"{exercise.id} {exercise.title} {symbol.dotted}"))
        yield from listings(self.starters, list(files))

    def page(
        self, app: Sphinx, name: str, template: str, known: dict[str, Any], doctree: Any
    ) -> None:
        """What the templates of all pages use."""
        chapter = context.chapter_of(name, self.shown)
        known.update(groups=self.groups, words=self.words, ui=self.words.table["ui"])
        known.update(language=self.words.language, part=None)
        known["others"] = [
            (other.language, other.table["name"], f"{known['content_root']}../{code}/{name}.html")
            for code in self.languages
            if code != self.words.language
            for other in [load_words(code)]
        ]
        known["contents_of_page"] = without_title(known.get("toc", ""))
        if doctree is not None:
            known["figures"] = playing.names(name)
            known["say"] = playing.say(self.words.language)
        if chapter is not None and name == context.lesson(chapter):
            known["part"] = next(p for p in self.words.parts(self.shown) if chapter in p.chapters)

    def finished(self, app: Sphinx, error: Exception | None) -> None:
        if error is None:
            out = Path(app.outdir)
            images.write_dark(out / "_images")
            images.write_dark(out / "_static" / "figures")
            copy_pictures(self.project, self.words, out / "_front")
            searching.write_index(out / "search-index.js", self.index)
            copy_vendor(out / "_static")
            for name in UNUSED:
                (out / "_static" / name).unlink(missing_ok=True)
            shutil.rmtree(out / "_sources", ignore_errors=True)  # empty: the book copies no source
            (out / ".nojekyll").touch()  # some hosts hide folders that begin with an underscore


def raw(html: str) -> nodes.raw:
    """HTML as a node."""
    return nodes.raw("", html, format="html")


def visit_code(self: Any, node: nodes.literal) -> None:
    """Code in a line, without an element around each word: that weighs a third of the API."""
    text = escape(node.astext())
    if isinstance(node.parent.parent, nodes.entry) or isinstance(node.parent, nodes.reference):
        text = re.sub(r"(?<=\w[.])(?=\w)", "<wbr>", text)  # where a long name may be broken
    self.body.append(f"<code>{text}</code>")
    raise nodes.SkipNode


def copy_vendor(static: Path) -> None:
    """The fonts of the text and of the formulas, and the style of the formulas."""
    shutil.copytree(formulas.VENDOR / "katex" / "fonts", static / "fonts", dirs_exist_ok=True)
    shutil.copyfile(formulas.VENDOR / "katex" / "katex.min.css", static / "katex.min.css")
    for font in (formulas.VENDOR / "serif").glob("*.woff2"):
        shutil.copyfile(font, static / font.name)


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls; `course.book.build` hands the book over as a setting."""
    app.add_config_value("book", None, "", types=(Book,))
    app.connect("config-inited", lambda app, config: config.book.install(app), priority=1)
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = zlib.crc32(b"".join(path.read_bytes() for path in sources))
    # What was read by other code than this is read again.
    return {"version": "1", "env_version": digest, "parallel_read_safe": False}


def without_title(toc: str) -> str:
    """The headings of a page below its title, as a list; empty if there are none."""
    found = re.match(
        r"\s*<ul>\s*<li>\s*<a[^>]*>.*?</a>\s*(<ul>.*</ul>)\s*</li>\s*</ul>\s*$", toc, re.S
    )
    return found[1] if found else ""


def missing(app: Sphinx, env: Any, node: Any, content: nodes.Node) -> nodes.Node | None:
    """A link to a page that this book leaves out is text."""
    return content if str(node.get("reftarget", "")).rpartition(".")[2] in {"", "md"} else None
