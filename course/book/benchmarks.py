"""The page of benchmarks: made from what `tinymlx bench N --json` wrote, and from nothing else.

`appendices/benchmarks/chNN-MACHINE.json` is what one machine measured for one chapter. A file that
is put there is on the page of the next book. Its `machine` may say more than the command knows:
`beside`, how many other processes ran; `pytorch_on`, where PyTorch's tensors were; and `by_hand`,
which of its fields a person wrote.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from course.bench.rows import native, rank
from course.book.anchors import ENGLISH
from course.book.bars import bars, milliseconds
from course.book.words import Words
from course.errors import CourseError
from course.registry import Registry, slug

FOLDER = Path("appendices/benchmarks")
PAGE = Path("appendices/benchmarks.md")
NAME = re.compile(r"ch(\d\d)-[\w.-]+\.json")
TIMES = ("low", "median", "high")


@dataclass(frozen=True)
class Measured:
    """A file: its name without the ending, the chapter, and the rows that the benchmarks gave."""

    name: str
    chapter: int
    rows: tuple[dict[str, Any], ...]


def load(folder: Path, registry: Registry) -> list[Measured]:
    """All files of a folder, by chapter and machine.

    Raises:
        CourseError: one of them is not what `tinymlx bench N --json` writes.
    """
    return [_file(path, registry) for path in sorted(folder.glob("*.json"))]


def _file(path: Path, registry: Registry) -> Measured:
    named = NAME.fullmatch(path.name)
    chapters = {chapter.number for chapter in registry.chapters}
    if named is None or int(named[1]) not in chapters:
        raise CourseError(
            f"{path} is not named after a chapter and a machine, as ch07-nvidia-h100.json is."
        )
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        wrong = _wrong(rows)
    except (OSError, ValueError) as error:
        wrong = f"it cannot be read as JSON ({error})"
    if wrong:
        raise CourseError(f"{path} is not what `tinymlx bench N --json` writes: {wrong}.")
    return Measured(path.stem, int(named[1]), tuple(rows))


def _wrong(rows: Any) -> str:
    """What is not as it should be; empty if nothing is."""
    if not isinstance(rows, list) or not rows:
        return "it is no list of benchmarks"
    for number, row in enumerate(rows, 1):
        try:
            texts = [row["name"], row["purpose"], row["machine"]["device"], *row["exercises"]]
            speeds = [row["machine"]["flops"], row["machine"]["bandwidth"]]
            timings = list(row["candidates"].values())
            dict(row["machine"].get("versions", {}))
            numbers = [t[part] for t in timings for part in (*TIMES, "samples")]
        except (KeyError, TypeError, ValueError, AttributeError):
            return f"its benchmark {number} lacks a part"
        if not all(isinstance(text, str) for text in texts):
            return f"its benchmark {number} has no words where words belong"
        if not timings or not all(map(_positive, [*speeds, *numbers])):
            return f"its benchmark {number} has a number that is none, or not above 0"
        if any(not t["low"] <= t["median"] <= t["high"] for t in timings):
            return f"its benchmark {number} has a median outside of its quartiles"
    return ""


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and isfinite(value) and value > 0


def write(folder: Path, into: Path, registry: Registry, words: Words) -> str:
    """Draw the figures below ``into`` and return the page.

    Args:
        folder: where the JSON is.
        into: the root of the collected sources.
        registry: with titles in the language of the words.
    """
    files, seen, lines = load(folder, registry), set[str](), [f"# {words.bench('title')}", ""]
    _learn(words.bench("title"), "Benchmarks")
    lines += [words.bench("about"), "", words.bench("reading"), ""]
    (into / FOLDER).mkdir(parents=True, exist_ok=True)
    for number in dict.fromkeys(file.chapter for file in files):
        heading = f"{words.ui('chapter', n=number)} \u00b7 {registry.chapter(number).title}"
        _learn(heading, f"Chapter {number}")
        lines += [f"## {heading}", ""]
        mine = [file for file in files if file.chapter == number]
        for file in mine:
            lines += [_machine(file, words), ""]
        for name, measured in _benchmarks(mine).items():
            lines += _benchmark(name, number, measured, into, words, seen)
    return "\n".join(lines).rstrip() + "\n"


def _learn(heading: str, english: str) -> None:
    ENGLISH[slug(heading)] = slug(english)


def _benchmarks(files: list[Measured]) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Each benchmark of a chapter with what the machines say of it."""
    found = defaultdict(list)
    for file in files:
        for row in file.rows:
            found[row["name"]].append((file.name, row))
    return found


def _benchmark(
    name: str,
    chapter: int,
    measured: list[tuple[str, dict[str, Any]]],
    into: Path,
    words: Words,
    seen: set[str],
) -> Iterator[str]:
    title = shown(name)
    if slug(title) in seen:  # places on a page have names of their own
        title = f"{title} ({chapter})"
    seen.add(slug(title))
    first = measured[0][1]
    yield from (f"### {_plain(title)}", "", _code(first["purpose"]), "")
    if first["exercises"]:
        yield from (f"*{words.bench('exercises')}* {', '.join(first['exercises'])}", "")
    for file, row in measured:
        if len(measured) > 1:
            yield from (f"**{_plain(row['machine']['device'])}**", "")
        picture = f"{file}-{slug(name)}.svg"
        (into / FOLDER / picture).write_text(bars(row["candidates"]), encoding="utf-8")
        yield from (f"![{_plain(_alt(title, row, words))}]({FOLDER.name}/{picture})", "")
        yield from (*_table(row, words), "")


def shown(name: str) -> str:
    """The name of a benchmark as a heading; what stands in brackets are its sizes."""
    plain, _, sizes = name.removeprefix("bench_").replace("_", " ").partition("[")
    return plain[:1].upper() + plain[1:] + (f", {sizes.rstrip(']')}" if sizes else "")


def _alt(title: str, row: dict[str, Any], words: Words) -> str:
    """What the drawing shows, with its numbers."""
    timings = row["candidates"]
    said = [
        words.bench("bar", name=name.replace("_", " "), **_times(timings[name]))
        for name in sorted(timings, key=rank)
    ]
    return words.bench("alt", name=title, bars=words.bench("between").join(said))


def _times(timing: dict[str, Any]) -> dict[str, str]:
    return {part: milliseconds(timing[part]) for part in TIMES}


def _table(row: dict[str, Any], words: Words) -> Iterator[str]:
    timings = row["candidates"]
    partner = native(timings)
    columns = [words.bench(part) for part in ("candidate", "median", "quartiles", "samples")]
    if partner:
        columns.append(words.bench("ratio", name=partner.replace("_", " ")))
    yield f"| {' | '.join(columns)} |"
    yield "|---|" + "---:|" * (len(columns) - 1)
    for name in sorted(timings, key=rank):
        timing, times = timings[name], _times(timings[name])
        cells = [name.replace("_", " "), times["median"], words.bench("interval", **times)]
        cells.append(str(timing["samples"]))
        if partner:
            ratio = timing["median"] / timings[partner]["median"]
            cells.append(f"{ratio:.{2 if ratio < 100 else 0}f}")
        yield f"| {' | '.join(cells)} |"


def _machine(file: Measured, words: Words) -> str:
    """Where and when a file was measured, and what is to be known about it."""
    machine = file.rows[0]["machine"]
    facts = [
        f"**{_plain(machine['device'])}**",
        words.bench(
            "peak",
            flops=f"{machine['flops'] / 1e9:,.0f}",
            bytes=f"{machine['bandwidth'] / 1e9:,.1f}",
        ),
        *(f"{_plain(name)} {_plain(v)}" for name, v in machine.get("versions", {}).items()),
        *([_plain(machine["date"])] if machine.get("date") else []),
    ]
    said = [words.bench("comma").join(facts) + words.bench("stop")]
    if machine.get("beside"):
        said.append(words.bench("beside", n=machine["beside"]))
    if machine.get("pytorch_on"):
        said.append(words.bench("pytorch_on", device=_plain(machine["pytorch_on"])))
    if machine.get("by_hand"):
        said.append(words.bench("by_hand"))
    return words.bench("space").join(said)


def _plain(text: Any) -> str:
    """Text in which nothing is a sign of Markdown."""
    return re.sub(r"([\\`*_\[\]<>|$#])", r"\\\1", str(text))


def _code(text: str) -> str:
    """The same, but code between backticks stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _plain(text)
    return "".join(f"`{part}`" if i % 2 else _plain(part) for i, part in enumerate(parts))
