"""Formulas: KaTeX at build time, in a JavaScript engine that is a Python package.

What KaTeX makes is HTML for eyes and MathML for everybody else; a page needs no script for it.
"""

from __future__ import annotations

import json
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.logging import getLogger

log = getLogger(__name__)
VENDOR = Path(str(resources.files("course.book"))) / "vendor"
# The engine hands over a string that was put together from others only after JSON made it one.
RENDER = """(formula, display) => JSON.stringify(katex.renderToString(formula, {
    displayMode: display, output: "htmlAndMathml", strict: "error", throwOnError: true}))"""


class FormulaError(ValueError):
    """A formula that KaTeX does not understand, with what it says."""


@cache
def _engine() -> Any:
    import quickjs

    context = quickjs.Context()
    context.eval((VENDOR / "katex" / "katex.min.js").read_text(encoding="utf-8"))
    return context, context.eval(RENDER)


@cache
def rendered(formula: str, display: bool = False) -> str:
    """A formula in LaTeX as HTML.

    Raises:
        FormulaError: KaTeX does not understand it.
    """
    import quickjs

    _, render = _engine()
    try:
        return str(json.loads(render(formula, display)))
    except quickjs.JSException as error:
        raise FormulaError(f"{formula!r}: {str(error).splitlines()[0]}") from None


def visit_inline(self: Any, node: nodes.math) -> None:
    """A formula in a line, for Sphinx."""
    self.body.append(_html(node, display=False))
    raise nodes.SkipNode


def visit_display(self: Any, node: nodes.math_block) -> None:
    """A formula on lines of its own. It scrolls sideways where it is wider than the page."""
    html = _html(node, display=True)
    self.body.append(f'<div class="formula">{html}</div>\n')
    raise nodes.SkipNode


def _html(node: nodes.Element, display: bool) -> str:
    try:
        return rendered(node.astext(), display)
    except FormulaError as error:
        log.warning("%s", error, location=node, type="book", subtype="formula")
        return f"<code>{escape(node.astext())}</code>"
