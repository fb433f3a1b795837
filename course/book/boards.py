"""The board of a capstone: what was reached, as a table below its brief."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from course.book.words import Words
from course.toml import load_toml


def board(folder: Path, words: Words) -> str:
    """The rows of a chapter's ``board.toml`` as HTML; empty where there is none."""
    path = folder / "board.toml"
    if not path.is_file():
        return ""
    rows: list[dict[str, Any]] = load_toml(path).get("row", [])
    columns = list(dict.fromkeys(name for row in rows for name in row["numbers"]))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    first = escape(words.ui("entry"))
    body = "".join(_row(row, columns) for row in rows)
    return (
        f'<div class="table"><table class="board"><thead><tr><th scope="col">{first}</th>{head}'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: dict[str, Any], columns: list[str]) -> str:
    said = "; ".join(str(row[key]) for key in ("setting", "machine", "held") if row.get(key))
    cells = "".join(f"<td>{_number(row['numbers'].get(name))}</td>" for name in columns)
    name = f'{escape(str(row["name"]))}<span class="summary">{escape(said)}</span>'
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
