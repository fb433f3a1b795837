"""``tinymlx run 16 --score``: the reader's predictions between ours, on the same held-out data."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course.capstone.kinds import Board
from course.errors import CourseError
from course.toml import load_toml

PREDICTIONS = "predictions.npz"


@dataclass(frozen=True)
class Row:
    """One line of the board."""

    name: str
    by: str
    setting: str
    machine: str
    numbers: dict[str, float]


def read_predictions(path: Path, chapter: int) -> dict[str, np.ndarray]:
    """The arrays of a file of predictions.

    Raises:
        CourseError: it is not there, is no such file, is damaged, or holds Python objects.
    """
    if not path.is_file():
        raise CourseError(
            f"There are no predictions at {path}; `tinymlx run {chapter}` writes some, and "
            "--predictions names a file of your own."
        )
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array without a name")
        with file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        words = " ".join(str(error).split())
        if not zipfile.is_zipfile(path) and "without a name" not in words:
            words = "it is no .npz file"  # NumPy takes it for a pickle and explains how to load it
        raise CourseError(
            f"{path} is not a file of predictions ({words}); write it with numpy.savez."
        ) from error


def ours(path: Path, held: str) -> list[Row]:
    """The rows of ``board.toml`` that were measured on the same data."""
    table: dict[str, Any] = load_toml(path)
    return [
        Row(row["name"], row["by"], row["setting"], row["machine"], dict(row["numbers"]))
        for row in table.get("row", [])
        if row["held"] == held
    ]


def ranked(board: Board, rows: list[Row]) -> list[Row]:
    """The best first; rows without the deciding number last."""
    worst = float("-inf") if board.higher_is_better else float("inf")

    def key(row: Row) -> float:
        return row.numbers.get(board.rank_by, worst)

    return sorted(rows, key=key, reverse=board.higher_is_better)


def score(board: Board, predictions: dict[str, np.ndarray]) -> tuple[str, dict[str, float]]:
    """The name of what was held out, and the numbers.

    Raises:
        CourseError: the predictions do not fit it.
    """
    held = board.held()
    try:
        return held.name, board.score(predictions, held)
    except ValueError as error:
        raise CourseError(f"These predictions cannot be scored: {error}") from error
