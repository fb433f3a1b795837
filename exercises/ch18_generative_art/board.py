"""What ``tinymlx run 18 --score`` compares: samples in a style that was asked for."""

from pathlib import Path

import numpy as np

from course.capstone import Board, Held

#: The judge's features of paintings of collection 0 (learned from) and 1 (held out), at 32 and at
#: 64 pixels; ``python -m course.style_judge_training --board`` made them.
FEATURES = Path(__file__).with_name("board_features.npz")
LEAST = 90


def held() -> Held:
    """Features of paintings that were learned from, and of others."""
    with np.load(FEATURES) as file:
        arrays = {name: file[name].astype(np.float32) for name in file.files}
    return Held("nine styles, frozen judge", arrays)


def checked(predictions: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Samples from 0 to 1, and their styles.

    Raises:
        ValueError: one sentence that says what is wrong with them.
    """
    missing = [name for name in ("samples", "styles") if name not in predictions]
    if missing:
        raise ValueError(
            f"The file has no array {missing[0]!r}; it has {sorted(predictions) or 'nothing'}."
        )
    x, styles = np.asarray(predictions["samples"]), np.asarray(predictions["styles"])
    if x.ndim != 4 or x.shape[1:] not in ((32, 32, 3), (64, 64, 3)) or len(x) < LEAST:
        raise ValueError(
            f"'samples' should be at least {LEAST} pictures, (N, 32, 32, 3) or (N, 64, 64, 3); it "
            f"has the shape {x.shape}."
        )
    if styles.shape != (len(x),) or styles.dtype.kind not in "iu":
        raise ValueError(
            f"'styles' should be {len(x)} integers; it is {styles.shape} {styles.dtype}."
        )
    counts = np.bincount(styles[(styles >= 0) & (styles < 9)], minlength=9)
    if counts.sum() < len(styles) or counts.min() < 5:
        raise ValueError(
            f"'styles' should be from 0 to 8, each asked for five times at least; the counts are "
            f"{counts.tolist()}."
        )
    if x.dtype == np.uint8:
        x = x.astype(np.float32) / 255
    if x.dtype.kind != "f" or not np.isfinite(x).all() or x.min() < -1e-3 or x.max() > 1.001:
        raise ValueError("'samples' should be bytes, or finite numbers from 0 to 1.")
    return x.astype(np.float32), styles


def nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far each of ``a`` is from the nearest of ``b``."""
    squares = (a * a).sum(1)[:, None] - 2 * a @ b.T + (b * b).sum(1)
    return np.sqrt(np.maximum(squares, 0).min(1))


def spread(a: np.ndarray) -> float:
    """The mean distance of two different ones."""
    a = a - a.mean(0)
    squares = (a * a).sum(1)[:, None] - 2 * a @ a.T + (a * a).sum(1)
    np.fill_diagonal(squares, 0)
    return float(np.sqrt(np.maximum(squares, 0)).sum() / (len(a) * (len(a) - 1)))


def wilson(right: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share."""
    share, more = right / count, z * z / count
    middle, reach = share + more / 2, z * np.sqrt((share * (1 - share) + more / 4) / count)
    low, high = (middle - reach) / (1 + more), (middle + reach) / (1 + more)
    return float(min(low, share)), float(max(high, share))


def score(predictions: dict[str, np.ndarray], held: Held) -> dict[str, float]:
    """The share in the style asked for (Wilson's interval), diversity and copies.

    Diversity is the mean distance of two samples in one style, averaged over the styles, as a share
    of the same of held-out paintings. Copies are samples that are nearer to a painting that was
    learned from than 19 of 20 held-out ones are; about 0.05 is innocent.
    """
    import mlx.core as mx

    from tinymlx.data.style_judge import judge_styles

    x, styles = checked(predictions)
    verdict = judge_styles(mx.array(x))
    right = int((np.array(verdict.styles) == styles).sum())
    low, high = wilson(right, len(x))
    made = np.array(verdict.features).astype(np.float64)
    known, other = (
        held.arrays[f"{name}{x.shape[1]}"].astype(np.float64) for name in ("known", "held")
    )
    theirs = np.arange(len(other)) % 9
    within = np.mean([spread(made[styles == s]) for s in range(9)])
    wanted = np.mean([spread(other[theirs == s]) for s in range(9)])
    copies = int((nearest(made, known) < np.quantile(nearest(other, known), 0.05)).sum())
    return {
        "in style": right / len(x),
        "low": low,
        "high": high,
        "diversity": float(within / wanted),
        "copies": copies / len(x),
        "copies, high": wilson(copies, len(x))[1],
    }


BOARD = Board(
    rank_by="in style",
    higher_is_better=True,
    held=held,
    score=score,
    columns=("in style", "low", "high", "diversity", "copies", "copies, high"),
)
