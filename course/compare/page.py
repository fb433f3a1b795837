"""The comparison as one self-contained page: no network, no library, readable on a phone."""

from __future__ import annotations

import json
from html import escape
from importlib import resources

from course.compare.collect import Row
from course.look import document, highlighted
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
    timed = max((row.timed for row in rows), default=0)
    body = (
        f"<h1>{escape(title)}</h1><p>{len(rows)} implementations. Time and memory are relative to "
        f"the solution; below 1 is better. Time is the median of {timed} calls, each on inputs "
        "drawn for this comparison alone and asked of the solution in turn; half of the calls lie "
        "in the range beside it, which the bar shows between a quarter and four times. The row of "
        "the solutions shows what chance alone does; a bar in colour lies outside of that. Errors "
        "are in units of the tolerance. The arrow opens a row; choose two rows to see them side by "
        "side.</p>"
        '<p class="tools"><input id="filter" type="search" placeholder="filter: name, verdict, '
        'operation, misconception" aria-label="filter"> <span id="count"></span> '
        '<button id="clear" type="button">clear choice</button></p>'
        '<table id="rows"><colgroup></colgroup><thead></thead><tbody></tbody></table>'
        '<section id="pair" class="sides" aria-live="polite"></section>'
        f'<script type="application/json" id="data">{payload}</script>'
    )
    return document(title, body, style, script)
