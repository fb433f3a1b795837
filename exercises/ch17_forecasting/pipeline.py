"""Your pipeline for tomorrow's weather: the brief says what each function is to give back.

Arrays that come in and go out are NumPy's, floating ones float32; inside, use the library of the
course. Rows are hours, oldest first. An origin is the last row that is known, and what is forecast
are the 24 rows behind it.
"""

from __future__ import annotations

import numpy as np

HORIZON = 24


def clean(values: np.ndarray, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Milestone 1: no gap left, filled from the past only.

    Args:
        values: ``(N, F)``; ``nan`` where nothing was measured.
        stop: rows before it may be learned from (what to take before the first measurement).

    Returns:
        The values, ``(N, F)`` without ``nan``; and for each the hours since it was measured,
        ``(N, F)``, whole numbers, 0 where it was.
    """
    raise NotImplementedError("milestone 1")


def split(
    rows: int, past: int, validation: int, test: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Milestone 2: origins for training, validation and test.

    Args:
        rows: how many there are.
        past: how many rows up to the origin a model reads.
        validation: the first row of the validation part.
        test: the first row of the test part.

    Returns:
        Three arrays of row numbers, ascending.
    """
    raise NotImplementedError("milestone 2")


def features(values: np.ndarray, hour: np.ndarray, day: np.ndarray, stop: int) -> np.ndarray:
    """Milestone 3: what a model reads of each row.

    Args:
        values: ``(N, F)`` without gaps.
        hour: the hour of the day, ``(N,)``, 0 to 23.
        day: the day of the year with a fraction, ``(N,)``.
        stop: the rows before it may be learned from.

    Returns:
        ``(N, D)``, numbers without units.
    """
    raise NotImplementedError("milestone 3")


def baselines(target: np.ndarray, at: np.ndarray) -> dict[str, np.ndarray]:
    """Milestone 4: what is to be beaten.

    Args:
        target: ``(N,)`` without gaps, in units.
        at: origins, ``(O,)``, each at least 23.

    Returns:
        ``{"persistence": (O, 24), "yesterday": (O, 24)}``, in units.
    """
    raise NotImplementedError("milestone 4")


def forecast(
    inputs: np.ndarray, target: np.ndarray, train: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Milestone 5: learn from some origins, forecast at others.

    Args:
        inputs: what :func:`features` gave back, ``(N, D)``.
        target: ``(N,)`` without gaps, in units.
        train: origins to learn from, each at least 71; what they foretell may be looked at.
        at: origins to forecast at, each at least 71; what comes behind them may not.

    Returns:
        ``(O, 24)``, in units.
    """
    raise NotImplementedError("milestone 5")


def intervals(before: np.ndarray, truth: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Milestone 6: how sure?

    Args:
        before: forecasts of a part that nobody trained on, ``(C, 24)``.
        truth: what came then, ``(C, 24)``; ``nan`` where nothing was measured.
        now: forecasts for which it is not known yet, ``(O, 24)``.

    Returns:
        The quantiles 0.1, 0.5 and 0.9, ``(O, 24, 3)``, in units.
    """
    raise NotImplementedError("milestone 6")
