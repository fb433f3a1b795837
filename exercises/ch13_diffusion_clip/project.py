"""Project 13: pictures out of noise, on demand; and who says what is on them.

Four parts, each of which prints its figures next to their aims. The *floor*: two numbers instead of
a picture, where the best denoiser is known. *Digits* on demand, judged by the frozen judge.
Captioned *shapes*, drawn by a U-Net that reads, judged by an exact parser, also in combinations
that were never shown; with ``full`` once more in the small maps of an autoencoder (*latent*).
*CLIP* on the same captions. Training can be stopped with Ctrl-C: the same command goes on.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from .clips import clip
from .digits import digits
from .floor import floor
from .latent import latent
from .runs import Numbers, Run
from .settings import DEFAULT, FULL, QUICK, Setting
from .shapes import shapes

PARTS = ("floor", "digits", "shapes", "latent", "clip")


def main(
    out: Path,
    quick: bool = False,
    full: bool = False,
    parts: Sequence[str] = PARTS,
    setting: Setting | None = None,
) -> Numbers:
    """Train, judge, draw; pictures and numbers go into ``out``.

    Args:
        out: the folder.
        quick: small networks, for seconds; what they draw is not worth looking at.
        full: large ones, for minutes on a GPU.
        parts: which parts.
        setting: sizes other than those of the three.

    Returns:
        What was measured.
    """
    setting = setting or (QUICK if quick else FULL if full else DEFAULT)
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    run = Run(out, setting, console)
    numbers: Numbers = {}
    for part in parts:
        if part == "latent" and setting.latent is None:
            continue
        start = time.perf_counter()
        numbers |= run_part(run, part)
        numbers[f"{part}: seconds"] = time.perf_counter() - start
        (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    run.table()
    run.finish()
    return numbers


def run_part(run: Run, part: str) -> Numbers:
    """One part of the project.

    Raises:
        ValueError: there is no such part.
    """
    if part == "floor":
        return floor(run)
    if part == "digits":
        return digits(run, quick=run.setting.name == "quick")
    if part == "shapes":
        return shapes(run)
    if part == "latent":
        return latent(run)
    if part == "clip":
        return clip(run)
    raise ValueError(f"There is no part {part!r}; there are {', '.join(PARTS)}.")
