"""Pages for people: one for each student, and the class at a glance. No scripts, no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from course.grading.door.names import shown, stem_of
from course.grading.exports import Row, first_failure, outcome, printable, seeds_text
from course.grading.points import Grade, best
from course.registry import Exercise

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem;
  color: #1b1b1b; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd;
  vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums }
pre { background: #f5f5f5; padding: .6rem; overflow-x: auto; font-size: 13px }
.passed { color: #00664a } .failed, .incomplete { color: #a33b00 } .none, .to { color: #666 }
.note { color: #666; font-size: 14px }
.cells { display: flex; gap: 2px; flex-wrap: wrap } .cells i { width: 12px; height: 12px }
i.passed { background: #009e73 } i.alone { background: #56b4e9 }
i.failed, i.incomplete { background: #d55e00 } i.to, i.none { background: #ddd }
"""


def page(title: str, body: str) -> str:
    """A self-contained HTML page."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><body>{body}</body></html>"
    )


def student_page(record: dict[str, Any], grade: Grade, exercises: Sequence[Exercise]) -> str:
    """What one student gets to read."""
    name = _name(record)
    parts = [f"<h1>{escape(name)}: {grade.total:g} of {grade.possible} points</h1>"]
    remarks = [*grade.remarks, *record["notes"]]
    parts += [f'<p class="note">{escape(printable(remark))}</p>' for remark in remarks]
    parts.append("<table><tr><th>exercise<th>outcome<th>points</tr>")
    for exercise in exercises:
        said = outcome(record, exercise.id)
        counted = best(record["exercises"].get(exercise.id) or {})
        seeds = seeds_text(record, exercise.id)
        extra = (
            f' <span class="note">{seeds}</span>' if counted and counted.get("seeds", 1) > 1 else ""
        )
        cell = f"{exercise.id} {escape(exercise.title)}"
        lines = first_failure(record, exercise.id) if not said.startswith("passed") else []
        if lines:
            cell += f"<pre>{escape(printable(chr(10).join(lines)))}</pre>"
        if said == "passed alone":
            cell += '<div class="note">It passes when the exercises it builds on are right.</div>'
        points = f"{grade.points[exercise.id]:g} / {exercise.points}"
        css = said.split()[0]
        parts.append(f'<tr><td>{cell}<td class="{css}">{said}{extra}<td class="n">{points}</tr>')
    parts.append("</table>")
    hashes = "".join(f"{h[:12]}  {escape(f)}\n" for f, h in record.get("files", {}).items())
    versions = ", ".join(f"{k} {v}" for k, v in record.get("versions", {}).items())
    parts.append(
        f"<h2>Receipt</h2><pre>{hashes}</pre><p class='note'>seeds {record.get('seeds')}; "
        f"{escape(versions)}; sandbox {escape(str(record.get('sandbox')))}</p>"
    )
    return page(f"{name}: tinymlx", "".join(parts))


def class_page(rows: list[Row], exercises: Sequence[Exercise], run: dict[str, Any]) -> str:
    """Everybody in one table, with a cell for each exercise."""
    parts = [f"<h1>{len(rows)} submissions, {len(exercises)} exercises</h1>"]
    parts.append(f'<p class="note">sandbox: {escape(run["sandbox"])} seeds: {run["seeds"]}</p>')
    parts.append("<table><tr><th>student<th>points<th>exercises<th>notes</tr>")
    for record, grade in sorted(rows, key=lambda row: row[0]["student"]):
        name, file = escape(_name(record)), escape(stem_of(record["student"]))
        cells = "".join(
            f'<i class="{_css(outcome(record, e.id))}" title="{e.id}: {outcome(record, e.id)}"></i>'
            for e in exercises
        )
        notes = escape(printable("; ".join([*grade.remarks, *record["notes"]])))
        parts.append(
            f'<tr><td><a href="feedback/{file}.html">{name}</a><td class="n">{grade.total:g}'
            f'<td><div class="cells">{cells}</div><td class="note">{notes}</tr>'
        )
    parts.append("</table>")
    return page("tinymlx: the class", "".join(parts))


def _name(record: dict[str, Any]) -> str:
    """The student's own name where a roster has it, else the name that was handed in."""
    return record.get("person", {}).get("name") or shown(record["student"])


def _css(said: str) -> str:
    return "alone" if said == "passed alone" else said.split()[0]
