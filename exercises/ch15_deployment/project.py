"""Project 15: one network through every door, and one question: is it still the same?

The network of chapter 7, whose trained weights came with the course, is folded, compiled by our
own compiler, written to files of five kinds (two of them with weights of a few bits), exported as a
function, run by a program in C++, converted to Core ML, and served over HTTP. Behind each door it
gets the same pictures. Where weights are still float32, its outputs may differ by 1e-5 of the
largest one; where they are codes, each weight is held to its own bound, and the table says what
that does to the outputs. Stopped with Ctrl-C, the same command goes on with the doors that are
left.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tinymlx import plotting
from tinymlx.data import cifar10

from .doors import DOORS, Door, Network, Predict, in_numpy, latency, peak

Row = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """How many pictures are compared, and how often one is timed."""

    name: str
    pictures: int
    repeats: int


QUICK = Setting("quick", 4, 3)
DEFAULT = Setting("default", 200, 30)


def main(out: Path, quick: bool = False, setting: Setting | None = None) -> dict[str, float]:
    """Go through all doors; files, a picture and the numbers go into ``out``.

    Args:
        out: the folder.
        quick: few pictures, for seconds.
        setting: another number of pictures.

    Returns:
        What was measured.

    Raises:
        ValueError: behind a door the network is another one.
    """
    setting = setting or (QUICK if quick else DEFAULT)
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    pictures, source = some_pictures(setting.pictures)
    console.print(f"[bold]{source}[/], setting {setting.name}.")
    network = Network()
    wanted = one_by_one(in_numpy(network.function), pictures)
    unfinished = out / f"unfinished-{setting.name}.json"
    rows: dict[str, Row] = {}
    if unfinished.is_file():
        rows = json.loads(unfinished.read_text(encoding="utf-8"))
        console.print(f"{len(rows)} doors were open already.")
    for open_door in DOORS:
        if open_door.__name__ in rows:
            continue
        found = open_door(network, out)
        around: AbstractContextManager[Door] = (
            nullcontext(found) if isinstance(found, Door) else found
        )
        with around as door:
            row = rows[open_door.__name__] = behind(door, pictures, wanted, setting)
        said = "the same network" if "apart" in row else row["said"]
        console.print(f"  {row['name']}: {said}")
        unfinished.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    table(list(rows.values()), console)
    draw(list(rows.values()), out)
    numbers = as_numbers(rows.values())
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    unfinished.unlink()
    return numbers


def some_pictures(count: int) -> tuple[np.ndarray, str]:
    """Test photographs, or random ones: to be the same network, it need not know what is on them.

    All are multiples of 1/255, as in a file.
    """
    if any(place.exists() for place in cifar10.candidates()):
        data = cifar10.load()
        return np.rint(np.array(data.test.x[:count]) * 255).astype(np.float32) / 255, data.source
    draw = np.random.default_rng(0)
    rough = draw.random((count, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
    x = np.rint(255 * np.clip(rough + draw.normal(0, 0.1, rough.shape), 0, 1))
    return x.astype(np.float32) / 255, f"{count} coloured patterns"


def behind(door: Door, pictures: np.ndarray, wanted: np.ndarray, setting: Setting) -> Row:
    """What the network is like behind a door.

    Raises:
        ValueError: it is another one.
    """
    row: Row = {"name": door.name, "said": door.said, **door.facts}
    if door.file is not None:
        row["bytes"] = size_of(door.file)
    if door.predict is None:
        return row
    expected = softmax(wanted) if door.probabilities else wanted
    found = one_by_one(door.predict, pictures)
    apart = np.abs(found - expected).max() / max(1.0, np.abs(expected).max())
    if not np.isfinite(found).all() or (door.tolerance is not None and apart > door.tolerance):
        raise ValueError(
            f"behind the door {door.name!r} the outputs differ by {apart:.2g} of the largest; "
            f"{door.tolerance:g} is allowed"
        )
    row["apart"] = float(apart)
    row["same class"] = float((found.argmax(-1) == expected.argmax(-1)).mean())
    row["seconds"] = latency(door.predict, pictures[:1], setting.repeats)
    row["memory"] = door.memory() if door.memory else peak(door.predict, pictures[:1])
    return row


def one_by_one(predict: Predict, pictures: np.ndarray) -> np.ndarray:
    """One picture at a time, as a function in a file was exported."""
    return np.concatenate([predict(x[None]) for x in pictures])


def size_of(file: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    parts = [file] if file.is_file() else [p for p in file.rglob("*") if p.is_file()]
    return sum(part.stat().st_size for part in parts)


def softmax(z: np.ndarray) -> np.ndarray:
    """Probabilities."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cell(row: Row, name: str, form: str, factor: float = 1.0) -> str:
    """A number of a row, if it has it."""
    return format(row[name] * factor, form) if name in row else "-"


def table(rows: list[Row], console: Console) -> None:
    """A row for each door."""
    shown = Table("door", "file (MB)", "outputs differ", "same class", "ms", "memory (MB)")
    for row in rows:
        shown.add_row(
            row["name"],
            cell(row, "bytes", ".2f", 1e-6),
            cell(row, "apart", ".1e"),
            cell(row, "same class", ".1%"),
            cell(row, "seconds", ".3g", 1e3),
            cell(row, "memory", ".3g", 1e-6),
        )
    console.print(shown)
    for row in rows:
        if row["said"]:
            console.print(f"{row['name']}: {row['said']}.")


def draw(rows: list[Row], out: Path) -> None:
    """How large each file is, how long a picture takes, how far the outputs are from the first."""
    fig, axes = plotting.figure(1, 3, width=10.0, height=3.8)
    kinds = (
        ("bytes", 1e-6, "file (MB)", False),
        ("seconds", 1e3, "a picture (ms)", False),
        ("apart", 1.0, "outputs differ by", True),
    )
    for ax, (name, factor, label, logarithmic) in zip(axes, kinds, strict=True):
        there = [row for row in rows if row.get(name, 0) > 0]
        ax.barh(range(len(there)), [row[name] * factor for row in there], color=plotting.BLUE)
        ax.set(yticks=range(len(there)), yticklabels=[row["name"] for row in there], xlabel=label)
        ax.tick_params(axis="y", labelsize=8)
        if logarithmic:
            ax.set_xscale("log")
            ax.set_xlim(1e-8, 1)
        ax.invert_yaxis()
        if name == "apart":
            ax.axvline(1e-5, color=plotting.ORANGE, linewidth=1.2)
    plotting.save(fig, out, "doors")


def as_numbers(rows: Any) -> dict[str, float]:
    """All measured numbers under one name each."""
    units = {
        "bytes": ("file (MB)", 1e-6),
        "apart": ("outputs differ", 1.0),
        "same class": ("same class", 1.0),
        "seconds": ("latency (ms)", 1e3),
        "memory": ("memory (MB)", 1e-6),
        "of the bound": ("error of the bound", 1.0),
    }
    return {
        f"{row['name']}: {label}": row[name] * factor
        for row in rows
        for name, (label, factor) in units.items()
        if name in row
    }
