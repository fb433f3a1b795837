"""The comparison as one self-contained page: no network, no library, readable on a phone."""

from __future__ import annotations

import json
from html import escape
from importlib import resources

from course.compare.collect import Row
from course.registry import Exercise


def page(exercise: Exercise, rows: list[Row]) -> str:
    """The HTML of the whole page, with its data, style and script inside."""
    data = [{**row.plain(), "code": highlighted(row.text)} for row in rows]
    folder = resources.files("course.compare")
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = (folder / "page.js").read_text(encoding="utf-8")
    title = f"{exercise.id} {exercise.title}"
    # "</script>" inside a script would end it; JSON may write the bracket as an escape.
    payload = json.dumps(data).replace("<", "\\u003c")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{style}{colours()}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{len(rows)} implementations. Errors in units of the "
        "tolerance; time and memory relative to the solution (below 1 is better). "
        "Choose two rows to see them side by side.</p>"
        '<p><input id="filter" type="search" placeholder="filter: name, verdict, operation, '
        'misconception" aria-label="filter"> <span id="count"></span> '
        '<button id="clear" type="button">clear choice</button></p>'
        '<div class="scroll"><table id="rows"><thead></thead><tbody></tbody></table></div>'
        '<section id="pair" aria-live="polite"></section>'
        f'<script type="application/json" id="data">{payload}</script>'
        f"<script>{script}</script></body></html>"
    )


def highlighted(text: str) -> list[str]:
    """The lines of the code as HTML with syntax colours."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    if not text:
        return []
    html = highlight(text, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    return html.rstrip("\n").split("\n")


def colours() -> str:
    from pygments.formatters import HtmlFormatter

    return str(HtmlFormatter(style="default").get_style_defs("code"))
