"""What ``tinymlx run 16 --score`` compares: accuracy on the same held-out pictures."""

import numpy as np

from course.capstone import Board, Held


def held() -> Held:
    """CIFAR-10's test pictures where the data folder has them, else rendered shapes."""
    from tinymlx.data import cifar10

    data = cifar10.load_or_shapes(clutter=0.4)
    name = "CIFAR-10" if len(data.classes) == 10 else "rendered shapes"
    y = np.array(data.test.y)
    return Held(f"{name}, {len(y)} test pictures", {"x": np.array(data.test.x), "y": y})


def checked(predictions: dict[str, np.ndarray], y: np.ndarray) -> np.ndarray:
    """The probabilities in float64.

    Raises:
        ValueError: one sentence that says what is wrong with them.
    """
    if "probabilities" not in predictions:
        raise ValueError(
            f"The file has no array 'probabilities'; it has {sorted(predictions) or 'nothing'}."
        )
    p = np.asarray(predictions["probabilities"])
    classes = int(y.max()) + 1
    if p.shape != (len(y), classes):
        raise ValueError(
            f"'probabilities' should have the shape {(len(y), classes)}, a row for each test "
            f"picture in its order; it has {p.shape}."
        )
    if p.dtype.kind not in "fiu" or not np.isfinite(p).all() or (p < 0).any():
        raise ValueError("'probabilities' should be finite numbers that are not negative.")
    p = p.astype(np.float64)
    if abs(p.sum(1) - 1).max() > 1e-3:
        raise ValueError(
            f"Every row of 'probabilities' should sum to 1; one sums to "
            f"{p.sum(1)[abs(p.sum(1) - 1).argmax()]:.4f}. Are they logits?"
        )
    return p


def score(predictions: dict[str, np.ndarray], held: Held) -> dict[str, float]:
    """Accuracy with its 95 % interval (Wilson), cross entropy in nats, calibration error."""
    y = held.arrays["y"]
    p = checked(predictions, y)
    right = p.argmax(1) == y
    n, z = len(y), 1.959964
    share, more = right.mean(), z * z / n
    middle, reach = share + more / 2, np.sqrt(more * (share * (1 - share) + more / 4))
    own = np.maximum(p[np.arange(n), y], 1e-12)
    return {
        "accuracy": float(share),
        "low": float((middle - reach) / (1 + more)),
        "high": float((middle + reach) / (1 + more)),
        "cross entropy": float(-np.log(own).mean()),
        "calibration error": calibration_error(p.max(1), right),
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """The mean gap between confidence and accuracy over bins of equal width."""
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(at, confidence, bins) - np.bincount(at, right, bins)
    return float(np.abs(gaps).sum() / len(right))


BOARD = Board(
    rank_by="accuracy",
    higher_is_better=True,
    held=held,
    score=score,
    columns=("accuracy", "low", "high", "cross entropy", "calibration error"),
)
