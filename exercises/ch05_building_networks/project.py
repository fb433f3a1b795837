"""Project 5: is this tumour malignant, and how far can the answer be trusted?

A small network learns from 30 measurements of cell nuclei (569 tumours, Wisconsin, 1995). Five
networks are trained, each without a fifth of the tumours, so that every tumour is judged once, by a
network that has never seen it. Of the rest, training rows move the weights and validation rows say
when to stop and where to put the threshold. Then: the ROC curve, whether the probabilities mean
what they say, and what the threshold costs in missed tumours and false alarms.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
from rich.console import Console
from rich.table import Table

from tinymlx import core, nn, optimizers, plotting
from tinymlx.basics.features import column_statistics, standardize
from tinymlx.basics.splits import k_fold
from tinymlx.core import array
from tinymlx.data import tables
from tinymlx.data.dataset import divided
from tinymlx.training import Batches, EarlyStopping, Trainer, metrics
from tinymlx.utils import tree_reduce

SENSITIVITY = 0.97  # the share of malignant tumours that is to be found
FOLDS = 5
BINS = 10

Rows = tuple[array, array]  # standardized measurements, labels (1 is malignant)
History = list[dict[str, float]]


class Judged(NamedTuple):
    """What the network of one fold says about the tumours that it has not seen."""

    probability: array
    labels: array
    decision: array  # 1 where the probability reaches the threshold
    threshold: float
    history: History
    loss_at_first: float
    model: nn.Module


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Train and judge; write pictures into ``out``; return what was measured."""
    console = Console()
    cancer = tables.breast_cancer()
    x = mx.concatenate([cancer.train.x, cancer.test.x])
    y = mx.concatenate([cancer.train.y, cancer.test.y])
    console.print(f"[bold]{cancer.source}[/]: {int(y.sum())} malignant.")
    epochs = 25 if quick else 200
    folds, simple = [], []
    for train, test in k_fold(len(x), FOLDS, key=mx.random.key(0)):
        folds.append(judge(network, x, y, train, test, epochs))
        simple.append(judge(linear_unit, x, y, train, test, epochs))
        console.print(summary(len(folds), folds[-1]))

    probability, labels, decision = together(folds)
    counts = metrics.confusion_matrix(decision, labels.astype(core.int32), 2).tolist()
    (healthy, alarms), (missed, found) = counts
    sensitivity, specificity = found / (found + missed), healthy / (healthy + alarms)
    calibration = metrics.calibration(probability, labels, bins=BINS)
    column = best_column(x, y)
    alone = core.array(x[:, column]), core.array(y)
    numbers = {
        "parameters": float(tree_reduce(lambda n, w: n + w.size, folds[0].model.parameters(), 0)),
        "validation loss before training": mean([f.loss_at_first for f in folds]),
        "validation loss": mean([min(validation_losses(f.history)) for f in folds]),
        "accuracy at even odds": core.mean(
            ((probability > 0.5) == (labels > 0.5)).astype(core.float32)
        ).item(),
        "AUC": metrics.auc(probability, labels).item(),
        "AUC of a linear unit": metrics.auc(*together(simple)[:2]).item(),
        "AUC of the best single column": metrics.auc(*alone).item(),
        "expected calibration error": calibration.error.item(),
        "sensitivity": sensitivity,
        "specificity": specificity,
    }
    console.print(as_table(counts))
    console.print(
        f"AUC {numbers['AUC']:.4f} (a linear unit {numbers['AUC of a linear unit']:.4f}, "
        f"{cancer.columns[column]} alone {numbers['AUC of the best single column']:.4f}); expected "
        f"calibration error "
        f"{calibration.error.item():.3f}; {100 * sensitivity:.1f} % of the malignant and "
        f"{100 * specificity:.1f} % of the benign are recognized."
    )
    curves = [
        ("the network", metrics.roc_curve(probability, labels), "-", plotting.BLUE),
        (f"{cancer.columns[column]} alone", metrics.roc_curve(*alone), "--", plotting.ORANGE),
    ]
    draw_training([fold.history for fold in folds], out)
    draw_roc(curves, (1 - specificity, sensitivity), out)
    draw_calibration(calibration, probability, labels, out)
    return numbers


# One fold


def judge(
    make: Callable[[int], nn.Module],
    x: mx.array,
    y: mx.array,
    train: mx.array,
    test: mx.array,
    epochs: int,
) -> Judged:
    """Train a model that ``make`` makes without the rows ``test``, then look at them."""
    training, validation = divided(x[train], y[train], test_share=0.25, seed=1)
    # The statistics of the training rows: the others are not known yet.
    location, scale = column_statistics(training.x)

    def prepared(x: mx.array, y: mx.array) -> Rows:
        return core.array(standardize(x, location, scale)), core.array(y).astype(core.float32)

    chosen = prepared(*validation)
    core.random.seed(0)
    model = make(x.shape[1])
    history, before = fit(model, prepared(*training), chosen, epochs)
    threshold = threshold_for(SENSITIVITY, core.sigmoid(logits(model, chosen[0])), chosen[1])
    unseen, labels = prepared(x[test], y[test])
    probability = core.sigmoid(logits(model, unseen))
    decision = (probability >= threshold).astype(core.int32)
    return Judged(probability, labels, decision, threshold, history, before, model)


def network(inputs: int, hidden: int = 32) -> nn.Module:
    """One hidden layer; the output is a logit, positive for malignant."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.Tanh(), nn.Dropout(0.3), nn.Linear(hidden, 1)
    )


def linear_unit(inputs: int) -> nn.Module:
    """What the network has to beat: a weighted sum of the measurements."""
    return nn.Linear(inputs, 1)


def logits(model: nn.Module, x: array) -> array:
    return model(x).squeeze(-1)


def loss(model: nn.Module, x: array, y: array) -> array:
    """The mean binary cross entropy."""
    return nn.losses.binary_cross_entropy(logits(model, x), y, reduction="mean")


class Patience(EarlyStopping):
    """Stop when the loss has not reached a new minimum for long. Chapter 6 builds the full one."""

    def update(self, value: float) -> bool:
        better = value < self.best
        self.best, self.waited = (value, 0) if better else (self.best, self.waited + 1)
        return better


def fit(model: nn.Module, training: Rows, validation: Rows, epochs: int) -> tuple[History, float]:
    """Leave the model with the weights of its best epoch; its history, the loss before training."""
    trainer = Trainer(model, optimizers.AdamW(3e-4, weight_decay=0.01), loss)
    aside = Batches(*validation, batch_size=256, shuffle=False)
    before = trainer.evaluate(aside)["loss"]
    history = trainer.fit(
        Batches(*training, batch_size=32),
        epochs,
        validation=aside,
        stopping=Patience(15),
        progress=False,
    )
    model.eval()
    return history, before


def threshold_for(sensitivity: float, scores: array, labels: array) -> float:
    """The greatest threshold with which at least this share of the positives is found."""
    curve = metrics.roc_curve(scores, labels)
    pairs = zip(curve.true_positive_rate.tolist(), curve.thresholds.tolist(), strict=True)
    return next(threshold for found, threshold in pairs if found >= sensitivity)


# Summaries


def together(folds: list[Judged]) -> tuple[array, array, array]:
    """Probabilities, labels and decisions for all tumours."""
    columns = zip(*(fold[:3] for fold in folds), strict=True)
    probability, labels, decision = (core.concatenate(list(column)) for column in columns)
    return probability, labels, decision


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def validation_losses(history: History) -> list[float]:
    return [epoch["validation loss"] for epoch in history]


def summary(number: int, fold: Judged) -> str:
    losses = validation_losses(fold.history)
    return (
        f"Network {number}: validation loss {fold.loss_at_first:.3f} before, {min(losses):.3f} "
        f"after {losses.index(min(losses)) + 1} epochs; malignant from {fold.threshold:.2f} on."
    )


def best_column(x: mx.array, y: mx.array) -> int:
    """The measurement that separates the classes best (with hindsight: on all rows)."""
    labels = core.array(y)
    areas = [metrics.auc(core.array(x[:, i]), labels).item() for i in range(x.shape[1])]
    return max(range(len(areas)), key=areas.__getitem__)


def as_table(counts: list[list[int]]) -> Table:
    shown = Table("tumours", "said benign", "said malignant")
    for name, row in zip(("benign", "malignant"), counts, strict=True):
        shown.add_row(name, *map(str, row))
    return shown


# Pictures


def draw_training(histories: list[History], out: Path) -> None:
    fig, ax = plotting.figure(width=7, height=4)
    for i, history in enumerate(histories):
        epochs, validation = range(1, len(history) + 1), validation_losses(history)
        best = validation.index(min(validation))
        names = ("training, with dropout", "validation", "the weights that are kept")
        a, b, c = names if i == 0 else (None, None, None)
        ax.semilogy(epochs, [h["loss"] for h in history], color=plotting.SKY, lw=1.2, label=a)
        ax.semilogy(epochs, validation, "--", color=plotting.ORANGE, lw=1.5, label=b)
        ax.plot(best + 1, validation[best], "D", color=plotting.RED, label=c, ls="none")
    ax.set(xlabel="epoch", ylabel="binary cross entropy")
    ax.legend()
    plotting.save(fig, out, "training")


def draw_roc(curves: list[tuple], chosen: tuple[float, float], out: Path) -> None:
    """The whole curve, and its upper left corner, where everything happens."""
    fig, (left, right) = plotting.figure(1, 2, width=10, height=4.6)
    for ax in (left, right):
        for name, curve, line, colour in curves:
            rates = curve.false_positive_rate.tolist(), curve.true_positive_rate.tolist()
            ax.plot(*rates, line, color=colour, label=name)
        ax.plot([0, 1], [0, 1], ":", color=plotting.GREY, label="guessing")
        ax.plot(*chosen, "D", color=plotting.RED, ms=8, label="the chosen threshold", ls="none")
        ax.set(xlabel="share of benign tumours taken for malignant")
    left.set(ylabel="share of malignant tumours found", xlim=(-0.01, 1), ylim=(0, 1.01))
    left.legend(loc="lower right")
    right.set(xlim=(-0.005, 0.3), ylim=(0.7, 1.005), title="the corner")
    plotting.save(fig, out, "roc")


def draw_calibration(
    calibration: metrics.Calibration, probability: array, y: array, out: Path
) -> None:
    """Predicted shares against what happened, and where the predictions lie."""
    fig, (left, right) = plotting.figure(1, 2, width=10, height=4.4)
    rows = zip(*(values.tolist() for values in calibration[:3]), strict=True)
    rows = [(said, is_so, n) for said, is_so, n in rows if n]
    left.plot([0, 1], [0, 1], ":", color=plotting.GREY, label="perfect")
    left.plot(*list(zip(*rows, strict=True))[:2], "o-", color=plotting.BLUE, label="the network")
    for said, is_so, n in rows:
        left.annotate(f"{n:.0f}", (said, is_so), xytext=(8, -8), textcoords="offset points",
                      fontsize=10)  # fmt: skip
    left.set(xlabel="mean predicted probability of a bin (with its number of tumours)",
             ylabel="share that is malignant", xlim=(-0.02, 1.06), ylim=(-0.04, 1.04))  # fmt: skip
    left.legend(loc="upper left")
    pairs = list(zip(probability.tolist(), y.tolist(), strict=True))
    kinds = [[p for p, label in pairs if label == kind] for kind in (0, 1)]
    right.hist(
        kinds,
        bins=[i / BINS for i in range(BINS + 1)],
        color=[plotting.SKY, plotting.RED],
        label=["benign", "malignant"],
    )
    right.set(xlabel="predicted probability of being malignant", ylabel="tumours", yscale="symlog")
    right.set(yticks=[0, 1, 10, 100], yticklabels=["0", "1", "10", "100"])
    right.legend(loc="upper center")
    plotting.save(fig, out, "calibration")
