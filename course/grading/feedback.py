"""Pages for people: one for each student, and the class at a glance. No scripts, no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from course.grading.door.names import shown, stem_of
from course.grading.exports import Row, first_failure, outcome, printable, seeds_text
from course.grading.points import Grade, best
from course.look import document
from course.registry import Exercise

STYLE = """
body { max-width: 66rem }
col.exercise { width: 72% } col.outcome { width: 15% } col.points { width: 13% }
col.student { width: 25% } col.total { width: 10% } col.count { width: 8% }
col.strip { width: 30% }
tr.why > td { border-bottom: 0; padding-top: 0 } tr.because > td { border-bottom: 0 }
tr.why + tr > td { border-top: 1px solid var(--line) }
tr.one > td { height: 2.1rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
tr.one summary { overflow: hidden; text-overflow: ellipsis }
tr.one > td.said:has(details[open]) { white-space: normal }
.cells { display: flex; gap: 1px; height: 1rem; align-items: stretch; margin-top: .2rem }
.cells i { flex: 1 1 0; max-width: 12px; min-width: 1px }
i.passed { background: var(--passed) } i.alone { background: var(--alone) }
i.failed, i.incomplete { background: var(--failed) } i.to, i.none { background: var(--none) }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin: 0 .2rem 0 .8rem }
@media (max-width: 40rem) {
  col.exercise { width: 56% } col.outcome { width: 22% } col.points { width: 22% }
  col.student { width: 44% } col.total { width: 24% } col.count { width: 16% }
}
"""
LEGEND = (
    '<p class="note legend"><i class="passed"></i>passed <i class="alone"></i>passed alone '
    '<i class="failed"></i>failed <i class="none"></i>to do</p>'
)


def student_page(record: dict[str, Any], grade: Grade, exercises: Sequence[Exercise]) -> str:
    """What one student gets to read."""
    name = _name(record)
    parts = [f"<h1>{escape(name)}: {grade.total:g} of {grade.possible} points</h1>"]
    remarks = [*grade.remarks, *record["notes"]]
    parts += [f'<p class="note">{escape(printable(remark))}</p>' for remark in remarks]
    parts.append(
        '<table><colgroup><col class="exercise"><col class="outcome"><col class="points">'
        '</colgroup><tr><th>exercise<th>outcome<th class="number">points</tr>'
    )
    parts += [_exercise(record, grade, exercise) for exercise in exercises]
    parts.append("</table>")
    hashes = "".join(f"{h[:12]}  {escape(f)}\n" for f, h in record.get("files", {}).items())
    versions = ", ".join(f"{k} {v}" for k, v in record.get("versions", {}).items())
    seeds = ", ".join(map(str, record.get("seeds") or []))
    parts.append(
        f"<details><summary>Receipt: what was graded</summary><pre>{hashes}</pre>"
        f"<p class='note'>seeds {seeds}; {escape(versions)}; "
        f"sandbox {escape(str(record.get('sandbox')))}</p></details>"
    )
    return document(f"{name}: tinymlx", "".join(parts), STYLE)


def _exercise(record: dict[str, Any], grade: Grade, exercise: Exercise) -> str:
    """One row: the outcome, and the lines of the first failure."""
    said = outcome(record, exercise.id)
    counted = best(record["exercises"].get(exercise.id) or {})
    cell = f"{exercise.id} {escape(exercise.title)}"
    lines = first_failure(record, exercise.id) if not said.startswith("passed") else []
    if said == "passed alone":
        cell += '<div class="note">It passes when the exercises it builds on are right.</div>'
    several = counted is not None and counted.get("seeds", 1) > 1
    seeds = f'<div class="note">{seeds_text(record, exercise.id)}</div>' if several else ""
    row = f'<tr class="{"because" if lines else ""}"><td>{cell}'
    row += f'<td class="{said.split()[0]}">{said}{seeds}'
    row += f'<td class="number">{grade.points[exercise.id]:g} / {exercise.points}</tr>'
    if lines:
        why = escape(printable("\n".join(lines)))
        row += f'<tr class="why"><td colspan="3"><pre>{why}</pre></tr>'
    return row


def _count(things: Sequence[Any], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def class_page(rows: list[Row], exercises: Sequence[Exercise], run: dict[str, Any]) -> str:
    """Everybody in one table of rows of one height, with a cell for each exercise."""
    seeds = ", ".join(map(str, run["seeds"]))
    parts = [
        f"<h1>{_count(rows, 'submission')}, {_count(exercises, 'exercise')}</h1>",
        f'<p class="note">Sandbox: {escape(run["sandbox"])} Seeds: {seeds}.</p>{LEGEND}',
        '<table><colgroup><col class="student"><col class="total"><col class="count">'
        '<col class="strip wide"><col class="said wide"></colgroup><tr><th>student'
        '<th class="number">points<th class="number">passed<th class="wide">exercises'
        '<th class="wide">notes</tr>',
    ]
    parts += [
        _student(record, grade, exercises)
        for record, grade in sorted(rows, key=lambda row: row[0]["student"])
    ]
    parts.append("</table>")
    return document("tinymlx: the class", "".join(parts), STYLE)


def _student(record: dict[str, Any], grade: Grade, exercises: Sequence[Exercise]) -> str:
    name, file = escape(_name(record)), escape(stem_of(record["student"]))
    outcomes = [(e.id, outcome(record, e.id)) for e in exercises]
    cells = "".join(f'<i class="{_css(o)}" title="{number}: {o}"></i>' for number, o in outcomes)
    passed = sum(o.startswith("passed") for _, o in outcomes)
    notes = [printable(note) for note in (*grade.remarks, *record["notes"])]
    folded = ""
    if notes:
        lines = "".join(f"<div>{escape(note)}</div>" for note in notes[1:])
        folded = f"<details><summary>{escape(notes[0])}</summary>{lines}</details>"
    return (
        f'<tr class="one"><td title="{name}"><a href="feedback/{file}.html">{name}</a>'
        f'<td class="number">{grade.total:g} / {grade.possible}<td class="number">{passed}'
        f'<td class="wide"><div class="cells">{cells}</div><td class="said note wide">{folded}</tr>'
    )


def _name(record: dict[str, Any]) -> str:
    """The student's own name where a roster has it, else the name that was handed in."""
    return record.get("person", {}).get("name") or shown(record["student"])


def _css(said: str) -> str:
    return "alone" if said == "passed alone" else said.split()[0]
