"""Project 12: from English to German, and what published weights are worth.

Three parts. The *transformer*: sentences of Multi30k where the data folder has them; otherwise a
language that needs no file, of numbers and dates in words. One tokenizer is learned for both sides,
then a Transformer of this chapter, whose last checkpoints are averaged. It is judged by what it
writes by itself, word for word and by beams. The *recurrent* part gives the same sentences to the
GRUs of chapter 8 with attention between them. In the *tuning* part a published language model
reads an author, from its own weights and from random ones. Training can be stopped with Ctrl-C: the
same command goes on (a tuning begins again).
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tinymlx import core
from tinymlx.data import multi30k, numerals

from .gpt import exported, stepwise  # noqa: F401  (`tinymlx export 12`)
from .judging import draw_curve, judged
from .settings import (
    DEFAULT,
    FULL,
    FULL_TUNING,
    QUICK,
    RECURRENT,
    TUNING,
    Numbers,
    Setting,
    recurrent,
)
from .training import TranslationTraining, learned_tokenizer, part_of
from .tuning import tuning

PARTS = ("transformer", "recurrent", "tuning")


def main(
    out: Path, quick: bool = False, full: bool = False, parts: Sequence[str] = PARTS[:1]
) -> Numbers:
    """Learn to translate, measure, and draw; everything goes into ``out``.

    Args:
        out: the folder.
        quick: a small network on numbers and dates, for seconds.
        full: four layers of 256 on all sentences, for minutes on a GPU.
        parts: which of them; the others each take as long again.

    Returns:
        What was measured.
    """
    setting = QUICK if quick else FULL if full else DEFAULT
    console = Console()
    numbers: Numbers = {}
    if "transformer" in parts:
        numbers |= translation(setting, out, console)
    if "recurrent" in parts:
        small = not multi30k.is_there()
        found = translation(recurrent(setting, small), out / "recurrent", console)
        numbers |= {f"recurrent: {name}": value for name, value in found.items()}
        beside(console, out)
    if "tuning" in parts:
        numbers |= tuning(FULL_TUNING if full else TUNING, out / "tuning", console)
    return numbers


def translation(setting: Setting, out: Path, console: Console) -> Numbers:
    """Train one translator and judge it."""
    out.mkdir(parents=True, exist_ok=True)
    quick = setting.name.startswith("quick")
    data = multi30k.load() if multi30k.is_there() and not quick else numerals.load()
    data = part_of(data, setting)
    console.print(f"[bold]{data.source}[/], setting {setting.name}.")
    start = time.perf_counter()
    tokenizer = learned_tokenizer(data, setting, out)
    console.print(f"{tokenizer.size} tokens in {time.perf_counter() - start:.1f} s.")
    training = TranslationTraining(setting, data, tokenizer, out)
    training.resume(console)
    training.fit(console)
    numbers = judged(console, training)
    draw_curve(out, training.curve)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    training.finish()
    return numbers


def beside(console: Console, out: Path) -> None:
    """Both translators in one table, where both have been trained in one setting on one text."""
    told = {name: kept(out / folder) for name, folder in FOLDERS.items()}
    if len({run and run[0] for run in told.values()}) > 1:
        console.print(
            "Run the part `transformer` with the same setting and folder, to have both in a table."
        )
        return
    table = Table("", *told)
    columns = [run[1] for run in told.values() if run]
    for name in columns[0]:
        if all(name in column for column in columns):
            table.add_row(name, *(f"{column[name]:,.4g}" for column in columns))
    console.print(table)


def kept(folder: Path) -> tuple[tuple[str, str], Numbers] | None:
    """Of a finished run its setting and text, and what it measured; ``None`` if there is none."""
    file = folder / "weights.safetensors"
    if not file.is_file():
        return None
    _, told = core.load(str(file), return_metadata=True)
    setting = json.loads(told["setting"])["name"].removesuffix(RECURRENT)
    return (setting, told.get("text", "")), json.loads(told["numbers"])


FOLDERS = {"Transformer": ".", "GRUs with attention": "recurrent"}
