"""Project 13: pictures out of noise, on demand; and who says what is on them.

Five parts, each of which prints its figures next to their aims. The *floor*: two numbers instead of
a picture, where the best denoiser is known. *Digits* on demand, judged by the frozen judge.
*Objects*, the same with photographs, for a GPU or for who asks (``--parts objects``).
Captioned *shapes*, drawn by a U-Net that reads, judged by an exact parser, also in combinations
that were never shown; with ``full`` once more in the small maps of an autoencoder (*latent*).
*CLIP* on the same captions. With ``trained`` nothing is trained: where weights of ``full`` come
with the course, they are used. Training can be stopped with Ctrl-C: the same command goes on.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from tinymlx.core import array
from tinymlx.models.clip import CLIP

from . import weights
from .captioned import learned_captions
from .clips import clip, untrained
from .digits import digits
from .floor import floor
from .latent import latent
from .objects import objects
from .runs import Numbers, Run
from .settings import DEFAULT, FULL, QUICK, SHOWN, Setting
from .shapes import shapes

PARTS = ("floor", "digits", "objects", "shapes", "latent", "clip")


def main(
    out: Path,
    quick: bool = False,
    full: bool = False,
    trained: bool = False,
    parts: Sequence[str] | None = None,
    setting: Setting | None = None,
) -> Numbers:
    """Train, judge, draw; pictures and numbers go into ``out``.

    Args:
        out: the folder.
        quick: small networks, for seconds; what they draw is not worth looking at.
        full: large ones, for minutes on a GPU; their weights are written, too.
        trained: no training; those networks of ``full`` whose weights came with the course.
        parts: which parts; by default those of the setting.
        setting: sizes other than those of the three.

    Returns:
        What was measured.
    """
    setting = setting or (QUICK if quick else FULL if full else SHOWN if trained else DEFAULT)
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    run = Run(out, setting, console)
    numbers: Numbers = {}
    for part in setting.parts if parts is None else parts:
        if part == "latent" and setting.latent is None:
            continue
        if trained and part not in weights.there():
            if parts is not None:
                console.print(f"No weights of {part} came with the course: nothing is done there.")
            continue
        start = time.perf_counter()
        numbers |= run_part(run, part, trained)
        numbers[f"{part}: seconds"] = time.perf_counter() - start
        (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    if full:
        weights.write(out, {n: m for n, m in run.models.items() if n in weights.SHIPPED})
    if numbers:
        run.table()
    run.finish()
    return numbers


def exported() -> tuple[CLIP, Callable[[array], array], tuple[int, ...], dict[str, str]]:
    """What ``tinymlx export 13`` writes: CLIP with the weights that came with the course.

    Returns:
        The model; its tower for pictures, a function from ``(N, 32, 32, 3)`` from 0 to 1 to vectors
        of length 1; the shape of one picture; and what a program without Python has to be told.
    """
    model = weights.read("clip", untrained(SHOWN, learned_captions()))

    def vectors(x: array) -> array:
        return model.pictures(2 * x - 1)

    return model, vectors, (32, 32, 3), {"shape": "32,32,3", "makes": "a vector of length 1"}


def run_part(run: Run, part: str, trained: bool) -> Numbers:
    """One part of the project.

    Raises:
        ValueError: there is no such part.
    """
    if part == "floor":
        return floor(run)
    if part == "digits":
        return digits(run, trained)
    if part == "objects":
        return objects(run)
    if part == "shapes":
        return shapes(run, trained)
    if part == "latent":
        return latent(run)
    if part == "clip":
        return clip(run, trained)
    raise ValueError(f"There is no part {part!r}; there are {', '.join(PARTS)}.")
