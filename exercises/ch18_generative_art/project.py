"""Project 18: pictures in a style, by a search, in one pass, and out of noise.

Parts, each of which can be run alone (``--parts diffusion``), also several at a time in
processes of their own into one folder:

* ``paintings``: nine styles drawn by rules, kept on disk;
* ``looking``: a classifier of styles, whose features look at pictures in the next two parts;
* ``transfer``: a photograph in other styles, by L-BFGS. Yours, if ``TINYMLX_PHOTOS`` names it;
* ``painter``: one network that does it in one pass;
* ``diffusion``: pictures in a style that is asked for, judged; edits; large seamless ones;
* ``duel``: a generator with styles by layer, and a discriminator with augmentation;
* ``report``: ``report.html`` and ``contact.png`` of what is there.

Training can be stopped with Ctrl-C: the same command goes on. ``predictions.npz`` is what
``tinymlx run 18 --score`` compares.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from tinymlx import core
from tinymlx.data.paintings import STYLES, paint
from tinymlx.utils import tree_flatten

from . import generating, judging, looking, material, report, tiling, transferring
from .borrowed import Numbers, Run
from .settings import DEFAULT, FULL, QUICK, Setting

PARTS = ("paintings", "looking", "transfer", "painter", "diffusion", "duel", "report")
NAMES = list(STYLES)


def main(
    out: Path,
    quick: bool = False,
    full: bool = False,
    parts: Sequence[str] = PARTS,
    setting: Setting | None = None,
) -> dict[str, float]:
    """Everything, or some parts; pictures and numbers go into ``out``.

    Args:
        out: the folder.
        quick: small networks, for seconds; what they draw is not worth looking at.
        full: large ones, for a GPU; their weights are written, too, in half precision.
        parts: which; all by default.
        setting: sizes other than those of the three.

    """
    setting = setting or (QUICK if quick else FULL if full else DEFAULT)
    if {"transfer", "painter", "diffusion"} & set(parts):  # say it before anything is trained
        material.picture(setting.transfer_side, setting.name == "quick")
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    project = Project(Run(out, setting, console), full)
    for part in PARTS:
        if part in parts:
            project.run_part(part)
    project.run.table()
    if setting.name == "quick" or set(parts) >= set(PARTS):
        project.run.finish()
    return report.gathered(out)


class Project:
    """One call: what several parts need is made once."""

    def __init__(self, run: Run, full: bool) -> None:
        self.run, self.full = run, full
        self.data: material.Paintings | None = None
        self.looker: looking.StyleClassifier | None = None

    @property
    def out(self) -> Path:
        return self.run.out

    def paintings(self) -> material.Paintings:
        """The collections, drawn or read."""
        if self.data is None:
            self.data = material.paintings(self.run.setting, self.out, self.run.console)
        return self.data

    def run_part(self, part: str) -> None:
        """One part; its numbers go into a file of their own."""
        start, before = time.perf_counter(), len(self.run.rows)
        numbers: Numbers = getattr(self, f"part_{part}")()
        if part == "report":
            return
        numbers[f"{part}: seconds"] = time.perf_counter() - start
        file = self.out / f"numbers-{part}.json"
        file.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
        aims = {f"{p}: {name}": goal for p, name, _, goal in self.run.rows[before:]}
        (self.out / f"aims-{part}.json").write_text(json.dumps(aims) + "\n", encoding="utf-8")
        if self.full:
            self.write_weights()

    def part_paintings(self) -> Numbers:
        data = self.paintings()
        report.sheet(
            self.out, "data", report.by_style(material.floats(data.held), data.held_y, 5), 9
        )
        return {"paintings: to learn from": float(len(data.x))}

    @property
    def looker_file(self) -> Path:
        return self.out / f"looker-{self.run.setting.name}.safetensors"

    def classifier(self) -> looking.StyleClassifier:
        """The classifier: of this call, of a file, or trained now."""
        if self.looker is None and self.looker_file.is_file():
            self.looker = looking.StyleClassifier(self.run.setting.looker)
            self.looker.load_weights(str(self.looker_file))
            self.looker.eval()
        if self.looker is None:
            self.part_looking()
        assert self.looker is not None
        return self.looker

    def part_looking(self) -> Numbers:
        self.looker, accuracy = looking.learned(self.run, self.paintings())
        self.looker.save_weights(str(self.looker_file))
        return self.run.measured("looking", "accuracy on other paintings", accuracy, ">= 0.98")

    def part_transfer(self) -> Numbers:
        numbers, pictures = transferring.transfer(self.run, self.classifier())
        plain = {n: x for n, x in pictures.items() if "own" not in n}
        styles = {f"{n}, the style": paint(n, 11, 128) for n in plain if n in STYLES}
        own = {n: x for n, x in pictures.items() if "own" in n}
        blank = {" ": np.ones((4, 4, 3), np.float32)}
        report.named(
            self.out, "transferred", plain | blank | styles | {"  ": blank[" "]} | own, len(plain)
        )
        for name, x in plain.items():
            transferring.write(self.out, f"transferred-{name}", x)
        return numbers

    def part_painter(self) -> Numbers:
        numbers, pictures = transferring.painter(self.run, self.classifier(), self.paintings())
        report.named(self.out, "painted", pictures, min(3, len(pictures)))
        return numbers

    def part_diffusion(self) -> Numbers:
        run, data = self.run, self.paintings()
        model = generating.diffusion(run, data)
        styles = (np.arange(run.setting.judged) % len(STYLES)).astype(np.int32)
        x = generating.sampled(run, model, styles)
        as_bytes = (255 * x + 0.5).astype(np.uint8)
        np.savez_compressed(self.out / "predictions.npz", samples=as_bytes, styles=styles)
        known = self.looker_file.is_file() or self.looker is not None
        looker = self.classifier() if known else None
        numbers = judging.agreement(run, "diffusion", x, styles, looker)
        numbers |= judging.quality(run, "diffusion", x, styles, data)
        report.sheet(self.out, "samples", report.by_style(x, styles, 5), 9)
        found = tiling.edited(run, model)
        report.sheet(self.out, "edits", np.concatenate(list(found.values())), 9)
        names = NAMES if run.setting.name == "full" else ["glass", "reaction", "truchet", "waves"]
        large = tiling.large(run, model, names)
        for name, picture in large.items():
            transferring.write(self.out, f"large-{name}", picture)
        report.named(self.out, "large", {n: tiling.repeated(p) for n, p in large.items()}, 3)
        return numbers

    def part_duel(self) -> Numbers:
        run, data = self.run, self.paintings()
        art = generating.duel(run, data)
        x = generating.drawn(art, run.setting.judged)
        numbers, styles = judging.covered(run, "duel", x)
        numbers |= judging.quality(run, "duel", x, styles, data)
        report.sheet(self.out, "duel", x[:45], 9)
        report.sheet(self.out, "mixing", generating.mixed(art), 6)
        return numbers

    def part_report(self) -> Numbers:
        aims: dict[str, str] = {}
        for file in sorted(self.out.glob("aims-*.json")):
            aims |= json.loads(file.read_text(encoding="utf-8"))
        self.contact()
        page = report.write(self.out, self.run.setting.name, aims)
        self.run.console.print(f"The report is {page}.")
        return {}

    def contact(self) -> None:
        """The best of everything that is there, in one picture for a wall."""
        from matplotlib import image

        side, found = 128, []
        names = [f"transferred-{n}" for n in ("photo", *NAMES)]
        if self.run.setting.name == "full":  # before, they are grain
            names += [f"large-{n}" for n in NAMES]
        for name in names:
            file = self.out / f"{name}.png"
            if file.is_file():
                found.append(shrunk(image.imread(file)[..., :3], side))
        for i in range(len(found), 18):
            found.append(shrunk(paint(NAMES[i % 9], 40 + i, side), side))
        report.sheet(self.out, "contact", np.stack(found[:18]), 6, border=4)

    def write_weights(self) -> None:
        """What was trained, in half precision."""
        for name, model in self.run.models.items():
            named = tree_flatten(model.parameters(), destination={})
            halves = {key: w.astype(core.float16) for key, w in named.items()}
            core.save_safetensors(str(self.out / f"{name}.safetensors"), halves)


def shrunk(x: np.ndarray, side: int) -> np.ndarray:
    """A picture with ``side`` pixels a side: averaged where there are enough, else repeated."""
    x = x[..., :3].astype(np.float32)
    k = x.shape[0] // side
    if k >= 1:
        x = x[: k * side, : k * side].reshape(side, k, side, k, 3).mean((1, 3))
    rows = np.minimum((np.arange(side) * x.shape[0]) // side, x.shape[0] - 1)
    return x[rows][:, rows]
