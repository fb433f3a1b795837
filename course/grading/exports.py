"""A class's grades in the forms that other programs read.

Spreadsheets run what begins with ``=``, ``+``, ``-`` or ``@``; text is guarded against it.
"""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course.backup import write_atomic
from course.grading.door.names import shown, stem_of
from course.grading.points import Grade, best
from course.registry import Exercise

Row = tuple[dict[str, Any], Grade]  # a student's record and points


def write_all(out: Path, rows: list[Row], exercises: Sequence[Exercise]) -> list[Path]:
    """Write every export into ``out``; returns the files."""
    texts = {
        "grades.csv": grades_csv(rows, exercises),
        "grades.json": grades_json(rows, exercises),
        "junit.xml": junit(rows, exercises),
        "nbgrader.csv": nbgrader(rows, exercises),
        "canvas.csv": canvas(rows),
    }
    for record, grade in rows:
        name = stem_of(record["student"])
        texts[f"gradescope/{name}/results.json"] = gradescope(record, grade, exercises)
        texts[f"receipts/{name}.json"] = receipt(record, grade)
    for name, text in texts.items():
        write_atomic(out / name, text)
    return [out / name for name in texts]


def guarded(value: Any) -> Any:
    """Text that a spreadsheet takes for text, whatever it begins with."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def _table(header: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([guarded(cell) for cell in line] for line in lines)
    return stream.getvalue()


def outcome(record: dict[str, Any], number: str) -> str:
    """``passed``, ``passed alone`` (with the others filled), ``failed``, ``to do``, ``none``."""
    verdicts = record["exercises"].get(number) or {}
    own, counted = verdicts.get("own"), best(verdicts)
    if counted is None:
        return "none"
    if counted["outcome"] == "passed" and not (own and own["outcome"] == "passed"):
        return "passed alone"
    return str(counted["outcome"])


def seeds_text(record: dict[str, Any], number: str) -> str:
    """``passed 3 of 3``."""
    counted = best(record["exercises"].get(number) or {})
    if counted is None or "seeds" not in counted:
        return ""
    return f"passed {counted['seeds_passed']} of {counted['seeds']}"


def grades_csv(rows: list[Row], exercises: Sequence[Exercise]) -> str:
    named = any(record.get("person") for record, _ in rows)
    who = ["name", "id", "group", "email"] if named else []
    header = ["student", *who, "total", "possible", "earned", "days late"]
    header += [e.id for e in exercises] + ["remarks", "notes"]
    lines = [
        [
            shown(record["student"]),
            *(record.get("person", {}).get(key, "") for key in who),
            grade.total,
            grade.possible,
            grade.earned,
            grade.days,
            *(grade.points[e.id] for e in exercises),
            "; ".join(grade.remarks),
            "; ".join(record["notes"]),
        ]
        for record, grade in rows
    ]
    return _table(header, lines)


def grades_json(rows: list[Row], exercises: Sequence[Exercise]) -> str:
    students = [
        {
            "student": record["student"],
            **record.get("person", {}),
            "total": grade.total,
            "earned": grade.earned,
            "possible": grade.possible,
            "days_late": grade.days,
            "remarks": list(grade.remarks),
            "notes": record["notes"],
            "exercises": {
                e.id: {
                    "points": grade.points[e.id],
                    "outcome": outcome(record, e.id),
                    "seeds": seeds_text(record, e.id),
                }
                for e in exercises
            },
        }
        for record, grade in rows
    ]
    return json.dumps(students, indent=2)


def junit(rows: list[Row], exercises: Sequence[Exercise]) -> str:
    root = ET.Element("testsuites")
    for record, _ in rows:
        suite = ET.SubElement(
            root, "testsuite", name=shown(record["student"]), tests=str(len(exercises))
        )
        failures = 0
        for exercise in exercises:
            name = f"{exercise.id} {exercise.title}"
            case = ET.SubElement(suite, "testcase", classname=suite.get("name", ""), name=name)
            said = outcome(record, exercise.id)
            if said in ("failed", "incomplete"):
                failures += 1
                text = "\n".join(first_failure(record, exercise.id))
                ET.SubElement(case, "failure", message=said).text = printable(text)
            elif not said.startswith("passed"):
                ET.SubElement(case, "skipped", message=said)
        suite.set("failures", str(failures))
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def printable(text: str) -> str:
    """Without control characters, which XML and terminals cannot show."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def first_failure(record: dict[str, Any], number: str) -> list[str]:
    """The lines of the first failure that a student may see."""
    counted = best(record["exercises"].get(number) or {})
    if counted is None:
        return []
    visible = {test["id"]: test.get("visible", "shown") for test in counted["tests"]}
    for failure in counted["failures"]:
        state = visible.get(failure.get("test", ""), "shown")
        if state == "shown":
            return list(failure["lines"])
        if state == "name":
            return [f"{failure['test'].rpartition('::')[2]} failed."]
    return ["A hidden test failed."] if counted["failures"] else []


def gradescope(record: dict[str, Any], grade: Grade, exercises: Sequence[Exercise]) -> str:
    tests = [
        {
            "name": f"{e.id} {e.title}",
            "number": e.id,
            "score": grade.points[e.id],
            "max_score": e.points,
            "status": "passed" if outcome(record, e.id).startswith("passed") else "failed",
            "output": printable("\n".join(first_failure(record, e.id)) or outcome(record, e.id)),
            "visibility": "visible",
        }
        for e in exercises
    ]
    notes = "\n".join([*grade.remarks, *record["notes"]])
    result = {"score": grade.total, "output": printable(notes), "tests": tests}
    return json.dumps(result, indent=2)


def nbgrader(rows: list[Row], exercises: Sequence[Exercise]) -> str:
    """The columns of nbgrader's export: one line for each student and chapter."""
    header = ["assignment", "student_id", "raw_score", "late_submission_penalty", "score"]
    header.append("max_score")
    lines = []
    for record, grade in rows:
        for chapter in dict.fromkeys(e.chapter for e in exercises):
            mine = [e for e in exercises if e.chapter == chapter]
            raw = round(sum(grade.points[e.id] for e in mine), 2)
            lost = round(raw * grade.penalty, 2)
            possible = sum(e.points for e in mine)
            line = [f"chapter {chapter}", _id(record), raw, lost, round(raw - lost, 2)]
            lines.append([*line, possible])
    return _table(header, lines)


def canvas(rows: list[Row]) -> str:
    """The columns that Canvas imports; the second line holds the points possible."""
    possible = rows[0][1].possible if rows else 0
    header = ["Student", "ID", "SIS Login ID", "Section", "tinymlx"]
    lines: list[list[Any]] = [["Points Possible", "", "", "", possible]]
    for record, grade in rows:
        person = record.get("person", {})
        name = person.get("name") or shown(record["student"])
        lines.append(
            [name, person.get("id", ""), _id(record), person.get("group", ""), grade.total]
        )
    return _table(header, lines)


def _id(record: dict[str, Any]) -> str:
    """What a platform calls the student: the id of the roster, else the name that was handed in."""
    return record.get("person", {}).get("id") or shown(record["student"])


def receipt(record: dict[str, Any], grade: Grade) -> str:
    """What was graded with what: enough to get the same verdicts again."""
    kept = (
        "student",
        "source",
        "content",
        "files",
        "notes",
        "seeds",
        "versions",
        "sandbox",
        "seconds",
    )
    verdicts = {n: outcome(record, n) for n in record["exercises"]}
    table = {key: record.get(key) for key in kept}
    return json.dumps({**table, "verdicts": verdicts, "points": grade.points}, indent=2)
