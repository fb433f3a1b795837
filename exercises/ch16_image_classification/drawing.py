"""The pictures of the report."""

from pathlib import Path

from tinymlx import core, plotting
from tinymlx.core import array
from tinymlx.training.metrics import Calibration, confusion_matrix

from .pictures_in import Pictures

History = list[dict[str, float]]
Formats = tuple[str, ...]
BOTH: Formats = ("png", "svg")
COLOURS = (plotting.BLUE, plotting.ORANGE, plotting.GREEN)


def draw_curves(out: Path, histories: dict[str, History], formats: Formats = BOTH) -> None:
    """Held-out accuracy after each epoch, of all networks."""
    fig, ax = plotting.figure(width=7.0, height=3.8)
    for (name, history), colour in zip(histories.items(), COLOURS, strict=False):
        shares = [100 * h["validation accuracy"] for h in history]
        ax.plot(range(1, len(shares) + 1), shares, color=colour, label=name)
    ax.set(xlabel="epoch", ylabel="right answers, held out (%)", ylim=(0, 100))
    ax.legend(loc="lower right")
    plotting.save(fig, out, "curves", formats)


def draw_reliability(out: Path, found: dict[str, Calibration], formats: Formats = BOTH) -> None:
    """Confidence against accuracy, of the tempered networks."""
    fig, axes = plotting.figure(1, len(found), width=3.1 * len(found), height=3.4, squeeze=False)
    for (name, bins), ax, colour in zip(found.items(), axes[0], COLOURS, strict=False):
        full = [i for i, n in enumerate(bins.counts.tolist()) if n]
        x = [100 * bins.confidence[i].item() for i in full]
        y = [100 * bins.frequency[i].item() for i in full]
        ax.plot([0, 100], [0, 100], color=plotting.GREY, linewidth=1)
        ax.plot(x, y, color=colour, marker="o")
        ax.set(title=f"{name}: {100 * bins.error.item():.1f} %", xlabel="confidence (%)")
    axes[0, 0].set_ylabel("right answers (%)")
    plotting.save(fig, out, "reliability", formats)


def draw_confusion(
    out: Path, pictures: Pictures, probabilities: array, formats: Formats = BOTH
) -> None:
    """Which class is taken for which."""
    classes = pictures.classes
    found = core.argmax(probabilities, axis=-1)
    table = confusion_matrix(found, core.array(pictures.test.y), len(classes))
    shares = table / core.maximum(core.sum(table, axis=1, keepdims=True), 1)
    fig, ax = plotting.figure(width=6.4, height=5.6)
    ax.imshow(shares.tolist(), cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(range(len(classes)), classes, rotation=60, ha="right")
    ax.set_yticks(range(len(classes)), classes)
    ax.set(xlabel="taken for", ylabel="is")
    ax.grid(False)
    plotting.save(fig, out, "confusion", formats)


def draw_corruptions(
    out: Path, found: dict[str, list[float]], names: list[str], formats: Formats = BOTH
) -> None:
    """Accuracy under each corruption."""
    kinds = list(dict.fromkeys(key.split(", ")[0] for key in found))
    fig, axes = plotting.figure(2, 3, width=9.0, height=5.0, sharey=True)
    for kind, ax in zip(kinds, axes.flat, strict=False):
        for i, name in enumerate(names):
            y = [100 * found[f"{kind}, {s}"][i] for s in (1, 3, 5)]
            ax.plot([1, 3, 5], y, marker="o", color=COLOURS[i], label=name)
        ax.set(title=kind, ylim=(0, 100))
    axes[0, 0].legend(fontsize=8)
    for ax in axes[1]:
        ax.set_xlabel("strength")
    plotting.save(fig, out, "corruptions", formats)


def draw_looks(
    out: Path, pictures: Pictures, attention: array, occluded: array, formats: Formats = BOTH
) -> None:
    """Test pictures, what attention passed on, and what a covered square takes away."""
    count = attention.shape[0]
    fig, axes = plotting.figure(3, count, width=1.25 * count, height=4.1, squeeze=False)
    side = pictures.shown.shape[1]
    place = (0, side, side, 0)
    for i in range(count):
        picture = pictures.shown[i].tolist()
        axes[0, i].imshow(picture)
        axes[0, i].set_title(pictures.classes[int(pictures.test.y[i].item())], fontsize=8)
        for row, maps in ((1, attention), (2, occluded)):
            axes[row, i].imshow(picture, extent=place)
            axes[row, i].imshow(maps[i].tolist(), cmap="inferno", alpha=0.6, extent=place)
    for ax in axes.flat:
        ax.axis("off")
    plotting.save(fig, out, "looks", formats)


def draw_mistakes(
    out: Path, pictures: Pictures, probabilities: array, count: int = 12, formats: Formats = BOTH
) -> None:
    """The wrong answers of which the best network was surest."""
    sure = core.max(probabilities, axis=1).tolist()
    found, labels = core.argmax(probabilities, axis=1).tolist(), pictures.test.y.tolist()
    wrong = sorted((i for i in range(len(labels)) if found[i] != labels[i]), key=lambda i: -sure[i])
    fig, axes = plotting.figure(2, count // 2, width=9.0, height=3.9)
    for ax in axes.flat:
        ax.axis("off")
    for i, ax in zip(wrong[:count], axes.flat, strict=False):
        ax.imshow(pictures.shown[i].tolist())
        names = f"{pictures.classes[labels[i]]}, taken\nfor {pictures.classes[found[i]]}"
        ax.set_title(f"{names}, {sure[i]:.0%}", fontsize=9)
    plotting.save(fig, out, "mistakes", formats)
