"""A class in parts, each graded by a machine of its own, and the parts put together again."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.backup import write_atomic
from course.errors import CourseError
from course.grading import kept
from course.grading.door.names import stem_of

PATHS = ("roster", "times", "extensions", "marks", "adjustments", "submission_metadata")


@dataclass(frozen=True)
class Shard:
    """Part ``number`` of ``count``, from 1."""

    number: int
    count: int

    def holds(self, name: str) -> bool:
        """Whether what belongs to ``name`` is graded in this part; the same on every machine."""
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def read_shard(text: str) -> Shard:
    """``2/8``.

    Raises:
        CourseError: it is not of that form.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise CourseError(f"--shard: {text!r} is no part of a class; write it like 2/8, from 1/8.")
    return Shard(int(match[1]), int(match[2]))


def files_of(options: dict[str, Any]) -> dict[str, str]:
    """The options that name files, by the hash of what is in them."""
    found = {}
    for key in PATHS:
        if options.get(key):
            try:
                content = Path(options[key]).read_bytes()
            except OSError:
                continue  # whoever reads it complains
            found[key] = hashlib.sha256(content).hexdigest()
    return found


def gather(folders: Sequence[Path], out: Path) -> dict[str, Any]:
    """What the parts of a class were begun with, if they can be put together in ``out``.

    Raises:
        CourseError: they do not belong together, or one is missing.
    """
    runs = {folder: _run(folder) for folder in folders}
    first, *others = runs
    for other in others:
        _compare(first, runs[first], other, runs[other])
    shards = {folder: read_shard(run["options"]["shard"]) for folder, run in runs.items()}
    _whole(shards)
    owner: dict[str, Path] = {}
    for folder, run in runs.items():
        for entry in run["entries"]:
            if entry in owner:
                raise CourseError(f"{owner[entry]} and {folder} have both graded {entry!r}.")
            owner[entry] = folder
            if not (folder / "records" / f"{stem_of(entry)}.json").is_file():
                raise CourseError(
                    f"{folder} is not finished, it has no record of {entry!r}; go on with "
                    f"tinymlx grade --out {folder.name}."
                )
    everybody = set(runs[first]["handed_in"])
    for entry in sorted(everybody ^ owner.keys()):
        raise CourseError(f"{entry!r} was handed in, and no shard has graded it.")
    _free(out, first, runs[first])
    run = {key: value for key, value in runs[first].items() if key not in ("entries", "files")}
    options = {key: value for key, value in run["options"].items() if key != "shard"}
    sandbox = " | ".join(dict.fromkeys(run["sandbox"] for run in runs.values()))
    return {**run, "options": options, "students": run["handed_in"], "sandbox": sandbox}


def put(folders: Sequence[Path], out: Path, run: dict[str, Any]) -> None:
    """Copy the records and histories of all parts into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        _copy(folder, out)
    kept.write_run(out, {**run, "merged": len(folders)})


def _run(folder: Path) -> dict[str, Any]:
    run = kept.run_of(folder)
    if not run:
        raise CourseError(f"{folder} is no report of `tinymlx grade`.")
    if not run.get("options", {}).get("shard"):
        raise CourseError(f"{folder} was begun without --shard; there is nothing to merge.")
    if (folder / "marks.toml").is_file() or (folder / "adjustments.toml").is_file():
        raise CourseError(
            f"{folder} holds marks by hand; put them into the merged report, as its marks.toml."
        )
    return run


def _compare(first: Path, a: dict[str, Any], other: Path, b: dict[str, Any]) -> None:
    """See that two parts are of one class, course and plan."""
    for key, what in (
        ("course", "another state of the course"),
        ("seeds", "other seeds"),
        ("exercises", "other exercises"),
        ("handed_in", "another folder of submissions"),
        ("files", "other tables or marks"),
    ):
        if a.get(key) != b.get(key):
            raise CourseError(f"{other} was graded with {what} than {first}.")
    for name in ("mlx", "torch", "numpy"):
        mine, theirs = (run["versions"].get(name) for run in (a, b))
        if mine != theirs:
            raise CourseError(f"{other} was graded with {name} {theirs}, {first} with {mine}.")
    for key in sorted({*a["options"], *b["options"]} - {"shard", "submissions", *PATHS}):
        mine, theirs = (run["options"].get(key) for run in (a, b))
        if mine != theirs:
            flag = "--" + key.replace("_", "-")
            raise CourseError(f"{other} was graded with {flag} {theirs}, {first} with {mine}.")


def _whole(shards: dict[Path, Shard]) -> None:
    """See that every part is there once."""
    counts = {shard.count for shard in shards.values()}
    if len(counts) > 1:
        raise CourseError(f"These are parts of {' and of '.join(map(str, sorted(counts)))}.")
    seen: dict[int, Path] = {}
    for folder, shard in shards.items():
        if shard.number in seen:
            raise CourseError(f"{seen[shard.number]} and {folder} are both shard {shard}.")
        seen[shard.number] = folder
    (count,) = counts
    missing = [str(Shard(n, count)) for n in range(1, count + 1) if n not in seen]
    if missing:
        raise CourseError(f"shard {', '.join(missing)} is missing.")


def _free(out: Path, first: Path, run: dict[str, Any]) -> None:
    """See that ``out`` is new, or an earlier merge of the same campaign."""
    before = kept.run_of(out)
    if before and (not before.get("merged") or before["seeds"] != run["seeds"]):
        raise CourseError(f"{out} is a report of its own; choose a new --out to merge {first}.")


def _copy(folder: Path, out: Path) -> None:
    for path in sorted((folder / "records").glob("*.json")):
        write_atomic(out / "records" / path.name, path.read_text(encoding="utf-8"))
    for path in sorted((folder / "history").glob("*/*.json")):
        target = out / "history" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def students_in(entries: Iterable[str], of: dict[str, list[str]]) -> list[str]:
    """The students of whom one of ``entries`` is."""
    there = set(entries)
    return sorted(student for student, mine in of.items() if there & set(mine))
