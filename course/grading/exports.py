"""A class's grades in the forms that other programs read.

All of them show the same `course.grading.points.Grade`: none adds up points of its own.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course.backup import write_atomic
from course.gradebook import platforms
from course.gradebook.sheets import sheet
from course.grading.door.names import shown, stem_of
from course.grading.points import Grade, best
from course.registry import Exercise

Row = tuple[dict[str, Any], Grade]  # a student's record and points


def write_all(
    out: Path, rows: list[Row], exercises: Sequence[Exercise], assignment: str = "tinymlx"
) -> list[Path]:
    """Write every export into ``out``; returns the files."""
    texts = {
        "grades.csv": grades_csv(rows, exercises),
        "grades.json": grades_json(rows, exercises),
        "junit.xml": junit(rows, exercises),
        "nbgrader.csv": platforms.nbgrader(rows, exercises, assignment),
        "canvas.csv": platforms.canvas(rows, assignment),
        "moodle.csv": platforms.moodle(rows),
    }
    if any(record.get("person", {}).get("group") for record, _ in rows):
        texts["groups.csv"] = groups_csv(rows, exercises)
    for record, grade in rows:
        name = stem_of(record["student"])
        texts[f"gradescope/{name}/results.json"] = gradescope(record, grade, exercises)
        texts[f"receipts/{name}.json"] = receipt(record, grade)
    for name, text in texts.items():
        write_atomic(out / name, text)
    return [out / name for name in texts]


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
    return sheet(header, lines)


def groups_csv(rows: list[Row], exercises: Sequence[Exercise]) -> str:
    """The groups of a roster: who is in them, the mean total, how many passed each exercise."""
    groups: dict[str, list[Row]] = {}
    for record, grade in rows:
        groups.setdefault(record.get("person", {}).get("group", ""), []).append((record, grade))
    header = ["group", "students", "mean total", "possible", *(e.id for e in exercises), "members"]
    lines = []
    for group, mine in sorted(groups.items()):
        mean = round(sum(grade.total for _, grade in mine) / len(mine), 2)
        passed = [
            sum(outcome(record, e.id).startswith("passed") for record, _ in mine) for e in exercises
        ]
        members = "; ".join(shown(record["student"]) for record, _ in mine)
        lines.append([group, len(mine), mean, mine[0][1].possible, *passed, members])
    return sheet(header, lines)


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
    for record, grade in rows:
        suite = ET.SubElement(
            root, "testsuite", name=shown(record["student"]), tests=str(len(exercises))
        )
        about = ET.SubElement(suite, "properties")
        for name in ("total", "earned", "penalty", "possible"):
            ET.SubElement(about, "property", name=name, value=f"{getattr(grade, name):g}")
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
