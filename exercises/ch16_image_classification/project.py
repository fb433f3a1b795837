"""Project 16: a convolutional network and a transformer with one budget, and a student.

CIFAR-10 where the data folder has it, otherwise rendered shapes; or your own photos, one sub-folder
a class, in the folder that ``TINYMLX_PHOTOS`` names. Every network can be stopped with Ctrl-C: the
same command goes on. A page, ``report.html``, and ``predictions.npz`` are written in the end.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console

from tinymlx import core
from tinymlx.classification.temperature import reliability
from tinymlx.nn import Module
from tinymlx.training import Trainer
from tinymlx.utils import tree_flatten

from . import drawing, evaluation, learning, pictures_in, report, settings, shipped
from . import transfer as transferring
from .settings import DEFAULT, FULL, QUICK, Setting

RATE = {"CNN": 0.1, "student": 0.1}
exported = shipped.exported  # `tinymlx export 16`


def main(
    out: Path,
    quick: bool = False,
    full: bool = False,
    transfer: bool = False,
    trained: bool = False,
    setting: Setting | None = None,
) -> dict[str, float]:
    """Train three networks, compare them, write a report; return what was measured.

    Args:
        out: the folder.
        quick: small networks on rendered shapes, for seconds.
        full: large ones, for minutes on a GPU; their weights are written, too, in half precision.
        transfer: none of these, but a linear layer on a published network's features; with
            ``full`` all of that network is trained.
        trained: no training; the student of a full run, whose weights came with the course.
        setting: another one, for tests.
    """
    if transfer:
        out.mkdir(parents=True, exist_ok=True)
        return transferring.transfer(out, Console(), full)
    if trained:
        out.mkdir(parents=True, exist_ok=True)
        return shipped.shown(out, Console())
    setting = setting or (QUICK if quick else FULL if full else DEFAULT)
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    pictures = pictures_in.load(quick, setting.side, console)
    classes = len(pictures.classes)
    console.print(f"[bold]{pictures.source}[/], setting {setting.name}.")
    facts = [
        f"{pictures.removed} training pictures were near copies of test pictures, and went; "
        f"{pictures.copies} more are near copies of each other, and stay on one side.",
        f"The budget: {settings.budget(setting, classes) / 1e6:.1f} million operations a picture.",
    ]
    for fact in facts:
        console.print(fact)
    core.random.seed(0)
    models = settings.networks(setting, classes)
    trainers = taught(setting, models, pictures, out, console)
    numbers, found = compared(setting, models, pictures, console)
    found["seconds"] = time.perf_counter() - start
    formats = ("png",) if quick else drawing.BOTH
    draw(out, models, trainers, pictures, numbers, formats)
    damaged = evaluation.hardened(models, pictures, 40 if quick else 500)
    drawing.draw_corruptions(out, damaged, list(models), formats)
    page = report.write(out, pictures.source, facts, numbers["networks"], numbers["pairs"], damaged)
    best = max(models, key=lambda name: numbers["networks"][name]["accuracy"])
    probabilities = np.array(numbers["probabilities"][best].tolist(), np.float32)
    np.savez(out / "predictions.npz", probabilities=probabilities)
    if full:
        write_weights(out, setting, models, pictures, numbers["networks"])
    for name in models:
        for path in (learning.unfinished(out, setting, name),):
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
    console.print(f"[bold]{best}[/] is best. The report is {page}.")
    return found


def taught(
    setting: Setting,
    models: dict[str, Module],
    pictures: pictures_in.Pictures,
    out: Path,
    console: Console,
) -> dict[str, Trainer]:
    """All three, the student last: its teacher is the convolutional network."""
    parts = pictures.train, pictures.held_out
    losses = {name: learning.labelled(setting, len(pictures.classes)) for name in models}
    losses["student"] = learning.taught(setting, models["CNN"])
    trainers = {}
    for (name, model), epochs in zip(models.items(), setting.epochs, strict=True):
        rate = RATE.get(name)
        if rate is None:
            rate = remembered_rate(out, setting, model, losses[name], pictures)
        console.print(f"{name}: {epochs} epochs, peak rate {rate:.2g}.")
        arguments = (name, setting, model, losses[name], rate, epochs, parts, out)
        trainers[name] = learning.fit(*arguments)
    return trainers


def remembered_rate(
    out: Path, setting: Setting, model: Module, loss: learning.Loss, pictures: pictures_in.Pictures
) -> float:
    """The rate of the transformer, searched once; a run that goes on has it in a file."""
    file = out / f"rate-{setting.name}.json"
    if file.is_file() and learning.unfinished(out, setting, "transformer").is_file():
        return json.loads(file.read_text())["rate"]
    count = 20 if setting.name == "quick" else 60
    rate = learning.found_rate(model, loss, pictures.train, min(setting.batch, 64), count)
    rate = min(rate, 3e-3)  # beyond it a transformer of this size did not come back
    file.write_text(json.dumps({"rate": rate}) + "\n")
    return rate


def compared(
    setting: Setting, models: dict[str, Module], pictures: pictures_in.Pictures, console: Console
) -> tuple[dict, dict[str, float]]:
    """The numbers of all networks and pairs, for the report and for whoever called."""
    classes = len(pictures.classes)
    flops = settings.flops(setting, classes)
    numbers: dict = {"networks": {}, "probabilities": {}}
    right, found = {}, {}
    for name, model in models.items():
        judged, probabilities, correct = evaluation.judged(model, pictures)
        learned = sum(w.size for _, w in tree_flatten(model.trainable_parameters()))
        judged |= {"parameters": float(learned), "flops": float(flops[name])}
        numbers["networks"][name], numbers["probabilities"][name] = judged, probabilities
        right[name] = correct
        for key in ("accuracy", "parameters", "flops", "calibration error, tempered"):
            found[f"{name}: {key}"] = judged[key]
        console.print(
            f"{name}: {judged['accuracy']:.1%} ({judged['low']:.1%} to {judged['high']:.1%}), "
            f"{learned:,} parameters, calibration error {judged['calibration error']:.1%}, "
            f"tempered {judged['calibration error, tempered']:.1%}."
        )
    numbers["pairs"] = evaluation.differences(right)
    for pair, p in numbers["pairs"].items():
        found[f"{pair}: p"] = p
    return numbers, found


def draw(
    out: Path,
    models: dict[str, Module],
    trainers: dict[str, Trainer],
    pictures: pictures_in.Pictures,
    numbers: dict,
    formats: drawing.Formats,
) -> None:
    """Everything that is seen in the report but the corruptions."""
    labels = core.array(pictures.test.y)
    drawing.draw_curves(out, {name: trainer.history for name, trainer in trainers.items()}, formats)
    found = {name: reliability(p, labels) for name, p in numbers["probabilities"].items()}
    drawing.draw_reliability(out, found, formats)
    best = max(models, key=lambda name: numbers["networks"][name]["accuracy"])
    drawing.draw_confusion(out, pictures, numbers["probabilities"][best], formats)
    drawing.draw_mistakes(out, pictures, numbers["probabilities"][best], formats=formats)
    some = pictures.test.x[:8]
    attention = evaluation.looked(models["transformer"], some)
    classes = core.argmax(numbers["probabilities"][best][:8], axis=-1)
    occluded = evaluation.missed(models[best], some, classes)
    drawing.draw_looks(out, pictures, attention, occluded, formats)


def write_weights(
    out: Path,
    setting: Setting,
    models: dict[str, Module],
    pictures: pictures_in.Pictures,
    numbers: dict[str, dict[str, float]],
) -> None:
    """All parameters in half precision, and what they reached."""
    for name, model in models.items():
        named = tree_flatten(model.parameters(), destination={})
        halves = {key: w.astype(core.float16) for key, w in named.items()}
        core.save_safetensors(str(out / f"{name}.safetensors"), halves)
    results = {"source": pictures.source, "setting": asdict(setting), "numbers": numbers}
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
