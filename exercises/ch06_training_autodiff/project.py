"""Project 6: the whole flow, on handwritten digits.

MNIST where the data folder has it, otherwise the smaller digits of scikit-learn. A tenth of the
training part is for validation: it says when to stop. The run is broken off in the middle of an
epoch, as if the power had failed, and a second trainer, which knows nothing but the checkpoint,
goes on. In the end the test part, which nobody has looked at, is judged once.
"""

import tempfile
from pathlib import Path

import mlx.core as mx
from rich.console import Console

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.data import mnist
from tinymlx.data.dataset import Dataset, Part, divided
from tinymlx.training import Batches, EarlyStopping, Trainer, WeightAverage, metrics
from tinymlx.utils import tree_flatten, tree_reduce

BATCH = 64
SMOOTHING = 0.1
History = list[dict[str, float]]


class PowerFailure(Exception):
    """What ends the first run."""


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Train, resume, test; write pictures into ``out``; return what was measured."""
    console = Console()
    data = mnist.load_or_digits()
    train, validation = divided(*data.train, test_share=0.1, seed=1)
    console.print(f"[bold]{data.source}[/], {len(validation.y)} of the training part to validate.")
    epochs = 8 if quick else 25
    steps = epochs * -(-len(train.y) // BATCH)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "digits.safetensors")
        try:
            fit(train, validation, epochs, seed=0, file=file, failure=steps // 3)
        except PowerFailure:
            console.print(f"The power fails after {steps // 3} steps. Another trainer goes on.")
        # Another seed: what the new trainer begins with must not matter.
        trainer = fit(train, validation, epochs, seed=99, file=file)
    with trainer.validating():
        logits = trainer.model(core.array(data.test.x))
    predictions, labels = core.argmax(logits, axis=1), core.array(data.test.y)
    confusion = metrics.confusion_matrix(predictions, labels, 10)
    numbers = {
        "parameters": float(tree_reduce(lambda n, w: n + w.size, trainer.model.parameters(), 0)),
        "epochs": float(len(trainer.history)),
        "validation accuracy": max(h["validation accuracy"] for h in trainer.history),
        "test accuracy": metrics.accuracy(logits, labels).item(),
    }
    if quick:
        whole = fit(train, validation, epochs, seed=0)
        numbers["numbers that differ from a run that never stopped"] = different(trainer, whole)
    console.print(f"Test accuracy {numbers['test accuracy']:.1%} on {len(data.test.y)} digits.")
    draw_curves(out, trainer.history, numbers["test accuracy"])
    draw_confusion(out, confusion, data)
    draw_mistakes(out, data.test, logits)
    return numbers


def network(pixels: int) -> nn.Module:
    """From an image to ten logits. Where there are many pixels, some are left out in training."""
    missing = 0.2 if pixels > 100 else 0.0
    return nn.Sequential(
        lambda x: x.reshape(x.shape[0], -1),
        nn.Dropout(missing),
        nn.Linear(pixels, 256),
        nn.BatchNorm(256),
        nn.GELU(),
        nn.Dropout(0.2),
        nn.Linear(256, 128),
        nn.BatchNorm(128),
        nn.GELU(),
        nn.Dropout(0.2),
        nn.Linear(128, 10),
    )


def loss(model: nn.Module, x: array, y: array) -> array:
    """Cross entropy; in training with smoothed labels."""
    smoothing = SMOOTHING if model.training else 0.0
    return nn.losses.cross_entropy(model(x), y, label_smoothing=smoothing, reduction="mean")


def accuracy(model: nn.Module, x: array, y: array) -> array:
    """The share of right answers."""
    return metrics.accuracy(model(x), y)


def fit(
    train: Part,
    validation: Part,
    epochs: int,
    *,
    seed: int,
    file: str | None = None,
    failure: int | None = None,
) -> Trainer:
    """Train from the beginning, or from the checkpoint in ``file``; fail after some steps."""
    core.random.seed(seed)
    model = network(train.x[0].size)
    batches = Batches(*train, batch_size=BATCH)
    warm_up, steps = 2 * len(batches), epochs * len(batches)
    rate = optimizers.join_schedules(
        [
            optimizers.linear_schedule(1e-4, 2e-3, warm_up),
            optimizers.cosine_decay(2e-3, steps - warm_up, 1e-5),
        ],
        [warm_up],
    )
    trainer = Trainer(
        model,
        optimizers.AdamW(rate, weight_decay=0.05),
        loss,
        metrics={"accuracy": accuracy},
        max_norm=1.0,
        average=WeightAverage(model, 0.98),
    )
    if failure is not None:
        fail_after(trainer, failure)
    trainer.fit(
        batches,
        epochs,
        validation=Batches(*validation, batch_size=500, shuffle=False),
        stopping=EarlyStopping(8, mode="max"),
        watch="accuracy",
        checkpoint=file,
        every=50 if file else None,
    )
    return trainer


def fail_after(trainer: Trainer, steps: int) -> None:
    """Make the trainer raise in the step after ``steps``."""
    begin = trainer.begin

    def failing(*batch: array) -> array:
        if trainer.steps >= steps:
            raise PowerFailure
        return begin(*batch)

    trainer.begin = failing  # type: ignore[method-assign]


def different(one: Trainer, other: Trainer) -> float:
    """How many numbers of two models differ, in any bit."""
    mine, theirs = (tree_flatten(t.model.parameters(), destination={}) for t in (one, other))
    return float(sum(core.sum(mine[name] != theirs[name]).item() for name in mine))


# Pictures


def draw_curves(out: Path, history: History, test_accuracy: float) -> None:
    """Loss and accuracy after each epoch."""
    fig, axes = plotting.figure(1, 2, width=9.0, height=3.8)
    epochs = range(1, len(history) + 1)
    left, right = axes
    left.plot(epochs, [h["loss"] for h in history], color=plotting.BLUE, label="training, smoothed")
    left.plot(
        epochs, [h["validation loss"] for h in history], color=plotting.ORANGE, label="validation"
    )
    left.set(xlabel="epoch", ylabel="cross entropy (nats)", ylim=(0, None))
    left.legend()
    shares = [100 * h["validation accuracy"] for h in history]
    right.plot(epochs, shares, color=plotting.ORANGE, label="validation")
    right.axhline(
        100 * test_accuracy, color=plotting.GREEN, linestyle="--", label="test, in the end"
    )
    right.set(xlabel="epoch", ylabel="right answers (%)", ylim=(min(90, *shares), 100))
    right.legend()
    plotting.save(fig, out, "curves")


def draw_confusion(out: Path, confusion: array, data: Dataset) -> None:
    """Which digit was taken for which; the right ones are left out of the colours."""
    counts = confusion.tolist()
    wrong = [[0 if i == j else n for j, n in enumerate(row)] for i, row in enumerate(counts)]
    fig, ax = plotting.figure(width=5.6, height=5.2)
    ax.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(max(row) for row in wrong) or 1)
    for i, row in enumerate(counts):
        for j, n in enumerate(row):
            if n:
                dark = wrong[i][j] > 0.6 * max(map(max, wrong))
                colour = plotting.GREY if i == j else "white" if dark else plotting.BLACK
                ax.text(j, i, str(n), ha="center", va="center", color=colour, fontsize=10)
    ax.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="written")
    ax.set_xticklabels(data.classes)
    ax.set_yticklabels(data.classes)
    ax.grid(False)
    plotting.save(fig, out, "confusion")


def draw_mistakes(out: Path, test: Part, logits: array, count: int = 12) -> None:
    """The wrong answers of which the network was surest."""
    sureness = core.max(nn.softmax(logits), axis=1).tolist()
    predictions = core.argmax(logits, axis=1).tolist()
    labels = test.y.tolist()
    wrong = [i for i in range(len(labels)) if predictions[i] != labels[i]]
    wrong = sorted(wrong, key=lambda i: -sureness[i])[:count]
    fig, axes = plotting.figure(2, count // 2, width=9.0, height=3.8)
    for ax in axes.flat:
        ax.axis("off")
    for i, ax in zip(wrong, axes.flat, strict=False):
        ax.imshow(mx.squeeze(test.x[i], -1).tolist(), cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(f"{labels[i]} taken for {predictions[i]}\n{sureness[i]:.0%} sure", fontsize=9)
    plotting.save(fig, out, "mistakes")
