"""Building the book with Sphinx."""

from __future__ import annotations

import io
import re
import shutil
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from course.book.collect import collect
from course.book.words import Words, languages, load_words
from course.errors import CourseError
from course.languages.cards import in_language
from course.paths import Project
from course.registry import Registry

HERE = Path(__file__).parent
MISSING = (
    "The package {name} is missing, which builds the book; install what it needs with: "
    "pip install -c constraints.txt -e '.[book]'"
)


def require() -> None:
    """Whether the packages of the group ``book`` are there.

    Raises:
        CourseError: one is missing.
    """
    try:
        import myst_parser  # noqa: F401
        import quickjs  # noqa: F401
        import sphinx  # noqa: F401
    except ImportError as error:
        raise CourseError(MISSING.format(name=error.name)) from None


def build(
    project: Project,
    registry: Registry,
    out: Path,
    wanted: Sequence[str] = (),
    only: Iterable[str] = (),
    work: Path | None = None,
) -> list[str]:
    """Build the book, each language in a folder of its own (``out/en``).

    Args:
        out: what is ready for a host, and nothing else.
        wanted: languages; those that have a lesson if left out. The first is what ``out`` opens.
        only: beginnings of paths of pages (``exercises/ch01``); empty for the whole book.
        work: where sources are collected and what Sphinx remembers; among the caches if left out.

    Returns:
        What Sphinx had to complain about.
    """
    require()
    codes = tuple(wanted) or tuple(languages(project))
    work = work or project.state / "cache" / "book"
    said = [
        line
        for code in codes
        for line in _one(project, registry, out, work / code, code, codes, tuple(only))
    ]
    (out / "index.html").write_text(_first_page(codes[0]), encoding="utf-8")
    return said


def _one(
    project: Project,
    registry: Registry,
    out: Path,
    work: Path,
    code: str,
    codes: tuple[str, ...],
    only: tuple[str, ...],
) -> list[str]:
    """Build the book in one language."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    from course.book.extension import Book

    words, said = load_words(code), io.StringIO()
    if (out / code / "search-index.js").is_file():  # ours: no page of an earlier book may stay
        shutil.rmtree(out / code)
    shown = in_language(project, registry, code)
    names = collect(project, shown, words, work / "sources", only)
    book = Book(project, registry, words, names, shown, codes)
    with warnings.catch_warnings(), patch_docutils(), docutils_namespace():
        warnings.simplefilter("ignore")  # what packages say about each other's next versions
        app = Sphinx(
            srcdir=work / "sources",
            confdir=None,
            outdir=out / code,
            doctreedir=work / "doctrees",
            buildername="html",
            confoverrides={**settings(words), "book": book},
            status=None,
            warning=said,
            freshenv=False,
        )
        app.build(force_all=True)
    return complaints(said.getvalue())


def settings(words: Words) -> dict[str, Any]:
    """What Sphinx is configured with."""
    return {
        "project": words.table["title"],
        "language": words.language.replace("-", "_"),
        "extensions": ["myst_parser", "course.book.extension"],
        "root_doc": "contents",
        "source_suffix": {".md": "markdown"},
        "myst_enable_extensions": ["dollarmath"],
        "myst_heading_anchors": 6,
        "myst_heading_slug_func": "course.book.anchors.anchor",
        "myst_links_external_new_tab": False,
        "html_theme": "theme",
        "html_theme_path": [str(HERE)],
        "html_math_renderer": "katex",
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_use_index": False,
        "html_domain_indices": False,
        "html_permalinks_icon": "#",
        "highlight_language": "none",
        "smartquotes": False,
        "exclude_patterns": [],
        "suppress_warnings": ["myst.xref_missing", "myst.header", "toc.not_included"],
    }


def complaints(text: str) -> list[str]:
    """The lines of Sphinx's warnings, without colours."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    return [line for line in plain.splitlines() if line.strip()]


def _first_page(language: str) -> str:
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>tinymlx</title>'
        # Without it a browser asks the host's root for one, if it has the time before it leaves.
        f'<link rel="icon" href="{language}/_static/icon.svg" type="image/svg+xml">'
        f'<meta http-equiv="refresh" content="0; url={language}/index.html">'
        f'<p><a href="{language}/index.html">tinymlx</a></p></html>\n'
    )
