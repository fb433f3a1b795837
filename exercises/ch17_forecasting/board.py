"""What is held out, and how forecasts of it are scored: the last year's temperature."""

from __future__ import annotations

import numpy as np

from course.capstone import Board, Held
from tinymlx.data import climate as climates

HORIZON = 24
LEVELS = (0.1, 0.5, 0.9)
YEAR = 365 * 24


def held() -> Held:
    """Every origin whose 24 hours lie in the last year (of less than four years: last fifth)."""
    climate = climates.load()
    rows = len(climate)
    first = rows - (YEAR if rows >= 4 * YEAR else rows // 5)
    target = climate.column(climate.target)
    at = np.arange(first - 1, rows - HORIZON)
    ahead = at[:, None] + np.arange(1, HORIZON + 1)
    name = "Beijing 2014" if "beijing" in climate.source else "invented climate"
    arrays = {"truth": target[ahead], "yesterday": target[ahead - 24], "origins": at}
    return Held(name, arrays)


def score(predictions: dict[str, np.ndarray], held: Held) -> dict[str, float]:
    """Errors of the middle quantile, the skill with its interval, and what the outer ones hold.

    Args:
        predictions: ``quantiles`` (O, 24, 3) for the levels 0.1, 0.5 and 0.9, and ``origins`` (O,),
            the last known rows: all of those that are held out.
        held: what :func:`held` gave.

    Raises:
        ValueError: something is missing, has another shape or is not finite.
    """
    for name in ("quantiles", "origins"):
        if name not in predictions:
            raise ValueError(f"there is no array {name!r} in the file.")
    truth, at = held.arrays["truth"], held.arrays["origins"]
    mine, q = predictions["origins"], predictions["quantiles"]
    if q.dtype.kind != "f" or q.shape != (*mine.shape, HORIZON, len(LEVELS)):
        raise ValueError(
            f"quantiles should be numbers (O, 24, 3) for O origins; they are {q.shape}."
        )
    if mine.dtype.kind not in "iu":
        raise ValueError(f"origins should be row numbers, whole ones; they are {mine.dtype}.")
    places = np.searchsorted(mine, at) if mine.ndim == 1 and len(mine) else np.zeros(0, int)
    fits = len(places) == len(at) and (np.diff(mine) > 0).all() and np.isin(at, mine).all()
    if not fits:
        raise ValueError(
            f"origins should be ascending and hold every row from {at[0]} to {at[-1]}, the last "
            f"hours before each forecast of {held.name}."
        )
    q = q[places].astype(np.float64)
    if not np.isfinite(q).all():
        raise ValueError("a quantile is not a finite number.")
    if (np.diff(q, axis=-1) < 0).any():
        raise ValueError("quantiles cross: 0.1, 0.5 and 0.9 should ascend.")
    return numbers(q, truth.astype(np.float64), held.arrays["yesterday"].astype(np.float64))


def numbers(q: np.ndarray, truth: np.ndarray, yesterday: np.ndarray) -> dict[str, float]:
    """The columns of the board; hours without a measurement count nothing."""
    known = ~(np.isnan(truth) | np.isnan(yesterday))
    squares = np.where(known, (q[..., 1] - truth) ** 2, 0).sum(1)
    others = np.where(known, (yesterday - truth) ** 2, 0).sum(1)
    count = known.sum()
    low, high = interval(squares, others)
    apart = np.where(known, truth, 0)[..., None] - q
    cost = np.maximum(np.array(LEVELS) * apart, (np.array(LEVELS) - 1) * apart)
    inside = (q[..., 0] <= truth) & (truth <= q[..., 2])
    return {
        "RMSE": float(np.sqrt(squares.sum() / count)),
        "MAE": float(np.abs(q[..., 1] - truth)[known].mean()),
        "skill": float(1 - squares.sum() / others.sum()),
        "low": low,
        "high": high,
        "coverage": float(inside[known].mean()),
        "width": float((q[..., 2] - q[..., 0])[known].mean()),
        "pinball": float(cost[known].mean()),
    }


def interval(squares: np.ndarray, others: np.ndarray, draws: int = 500) -> tuple[float, float]:
    """95 % of the skills of resampled years, in blocks of a week: neighbouring hours err alike."""
    draw = np.random.default_rng(17)
    block, count = min(7 * 24, len(squares)), len(squares)
    totals = [np.concatenate([[0], np.cumsum(x)]) for x in (squares, others)]
    starts = draw.integers(0, count - block + 1, (draws, -(-count // block)))
    sums = [(total[starts + block] - total[starts]).sum(1) for total in totals]
    low, high = np.quantile(1 - sums[0] / sums[1], [0.025, 0.975])
    return float(low), float(high)


BOARD = Board(
    rank_by="RMSE",
    higher_is_better=False,
    held=held,
    score=score,
    columns=("RMSE", "MAE", "skill", "low", "high", "coverage", "width", "pinball"),
)
