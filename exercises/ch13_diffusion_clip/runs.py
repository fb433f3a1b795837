"""What all parts of project 13 share: training that can be stopped, and a table of what came out.

A training is a :class:`.Trainer` of chapter 6 and a function that makes batch number ``i``. It is
saved on the way; the same command goes on where it stopped.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tinymlx import core, optimizers
from tinymlx.core import array
from tinymlx.nn import Module
from tinymlx.training import Trainer, WeightAverage, checkpoints
from tinymlx.training.schedules import one_cycle
from tinymlx.utils import tree_flatten

Numbers = dict[str, float]
Batch = tuple[array, ...]


@dataclass(frozen=True)
class Plan:
    """How long one network is trained, and how.

    Attributes:
        steps: how many.
        batch: examples in each.
        rate: the highest rate.
        half: whether it computes in bfloat16, which only a GPU does faster.
        muon: the highest rate of Muon for the matrices and kernels inside; without it all is
            AdamW's. It learns more from each example, which pays where examples are dear.
        compile: whether the step is compiled on a GPU, which takes minutes once.
    """

    steps: int
    batch: int
    rate: float = 1e-3
    half: bool = False
    muon: float = 0.0
    compile: bool = True

    @property
    def average(self) -> float:
        """The decay of the averaged weights: about the last thirtieth of the run counts."""
        return max(1 - 30 / self.steps, 0.5)


@dataclass
class Run:
    """Where everything goes, what was measured so far, and what was trained."""

    out: Path
    setting: Any
    console: Console
    rows: list[tuple[str, str, float, str]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    models: dict[str, Module] = field(default_factory=dict)

    def measured(self, part: str, name: str, value: float, goal: str = "") -> Numbers:
        """Note a number for the table in the end, with what it should be in the full setting."""
        self.rows.append((part, name, value, goal))
        return {f"{part}: {name}": value}

    def table(self) -> None:
        """Everything that was measured."""
        table = Table("part", "what", "measured", "aim of --full")
        for part, name, value, goal in self.rows:
            table.add_row(part, name, f"{value:.4g}", goal)
        self.console.print(table)

    def fit(
        self,
        name: str,
        model: Module,
        loss: Callable[..., array],
        batch: Callable[[int], Batch],
        plan: Plan,
    ) -> Module:
        """The model, trained, with averaged weights and in evaluation mode.

        Args:
            name: what the training is called.
            model: the model.
            loss: a function of the model and a batch.
            batch: the batch of a step, which follows from the step's number alone.
            plan: how long.
        """
        trainer = made(model, loss, plan)
        file = self.out / f"unfinished-{self.setting.name}-{name}.safetensors"
        self.files.append(file)
        curve = self.resumed(file, trainer, plan)
        every = max(plan.steps // 10, 1)
        trainer.pause = every
        hidden = not self.console.is_terminal
        left = range(trainer.steps, plan.steps)
        losses = trainer.losses(batch(i) for i in left)
        total = 0.0
        model.train()
        for value, _ in track(losses, name, total=len(left), disable=hidden, transient=True):
            total += value
            if trainer.steps % every == 0:
                curve.append(total / every)
                total = 0.0
                self.console.print(f"{name} {trainer.steps:6d}: loss {curve[-1]:.4f}")
                checkpoints.save(str(file), self.state(trainer, plan, curve))
        model.update(trainer.validated())
        self.models[name] = model
        return model.eval()

    def state(self, trainer: Trainer, plan: Plan, curve: list[float]) -> dict[str, Any]:
        """Everything that a training consists of."""
        return {"plan": asdict(plan), "trainer": trainer.state(), "curve": curve}

    def resumed(self, file: Path, trainer: Trainer, plan: Plan) -> list[float]:
        """Go on with a training that was stopped, if it was one of this plan."""
        if not file.is_file():
            return []
        try:
            state = checkpoints.load(str(file))
            if state.get("plan") != json.loads(json.dumps(asdict(plan))):
                raise ValueError(f"{file.name} is of another setting.")
            trainer.restore(state["trainer"])
        except ValueError as error:
            self.console.print(f"{error} It is not used.")
            return []
        self.console.print(f"Going on after step {trainer.steps}. (Delete {file} to begin anew.)")
        return state["curve"]

    def finish(self) -> None:
        """Everything is done: nothing is left to resume."""
        for file in self.files:
            file.unlink(missing_ok=True)


def made(model: Module, loss: Callable[..., array], plan: Plan) -> Trainer:
    """A trainer with all that the plan says."""
    optimizer: optimizers.Optimizer = optimizers.AdamW(
        one_cycle(plan.rate, plan.steps, 0.1), weight_decay=0.01
    )
    if plan.muon:
        of_matrices = optimizers.Muon(one_cycle(plan.muon, plan.steps, 0.1), weight_decay=0.0)
        optimizer = optimizers.MultiOptimizer([of_matrices, optimizer], [is_inside])
    return Trainer(
        model,
        optimizer,
        loss,
        max_norm=1.0,
        precision=core.bfloat16 if plan.half else None,
        average=WeightAverage(model, plan.average),
        compile=plan.compile and mx.default_device().type == mx.gpu,
    )


def is_inside(name: str, weight: array) -> bool:
    """Whether a weight is a matrix or kernel from features to features."""
    at_an_end = any(part in name for part in ("embedding", "table", "conv_in", "conv_out"))
    return weight.ndim >= 2 and not at_an_end


def weights_count(model: Module) -> int:
    """How many weights there are."""
    return sum(w.size for _, w in tree_flatten(model.parameters()))


def in_pieces(make: Callable[[int, int], array], count: int, size: int = 500) -> array:
    """``make(start, stop)`` for all of ``count``, at most ``size`` at a time."""
    parts = []
    for start in range(0, count, size):
        parts.append(make(start, min(start + size, count)))
        core.eval(parts[-1])
    return core.concatenate(parts)


def seeded(number: int) -> mx.array:
    """A key that follows from a number."""
    return mx.random.key(number)


def chance(classes: int) -> float:
    """The cross entropy of who knows nothing."""
    return math.log(classes)
