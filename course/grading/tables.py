"""CSV files that an instructor writes: the lines as dictionaries, errors with their line."""

from __future__ import annotations

import csv
from pathlib import Path

from course.errors import CourseError
from course.grading.nearest import known


def read_table(path: Path, needed: tuple[str, ...], others: tuple[str, ...] = ()) -> list[Line]:
    """The lines of a CSV file with a header; empty lines are passed over.

    Args:
        path: the file, in UTF-8.
        needed: columns that must be there.
        others: columns that may be.

    Raises:
        CourseError: it cannot be read, or has other columns.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream, restkey="", strict=True)
            columns = list(rows.fieldnames or ())
            for name in columns:
                known(name, (*needed, *others), f"{path}:1", "column")
            if not {*needed} <= {*columns}:
                raise CourseError(f"{path}:1: the columns must be {' and '.join(needed)}.")
            lines = []
            for row in rows:
                where = f"{path}:{rows.line_num}"
                if "" in row or None in row.values():
                    raise CourseError(f"{where}: it has not as many fields as the first line.")
                lines.append(Line(where, {key: value.strip() for key, value in row.items()}))
            return lines
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{path} cannot be read: {error}.") from error


class Line(dict[str, str]):
    """One line: column to text; ``where`` is its place for complaints."""

    def __init__(self, where: str, fields: dict[str, str]) -> None:
        super().__init__(fields)
        self.where = where
