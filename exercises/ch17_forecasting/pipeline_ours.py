"""Our own pipeline, as plain as it can be: ridge regression and split conformal quantiles."""

from __future__ import annotations

import numpy as np

from tinymlx import core
from tinymlx.forecasting.baselines import persistence, seasonal
from tinymlx.forecasting.cleaning import filled
from tinymlx.forecasting.features import Scaler, circular
from tinymlx.forecasting.intervals import conformal
from tinymlx.forecasting.linear import ridge
from tinymlx.forecasting.windows import origins, sliding

HORIZON = 24
READ = 26


def clean(values: np.ndarray, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """The last value carried forward; before the first one the mean of the past."""
    x = core.array(values.astype(np.float32))
    found = filled(x, Scaler.fit(x, stop).mean)
    return np.array(found.values), np.array(found.age)


def split(
    rows: int, past: int, validation: int, test: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows that read and foretell within one part."""
    usable = core.ones((rows,), core.bool_)
    borders = ((0, validation), (validation, test), (test, rows))
    found = [origins(usable, ~usable, past, HORIZON, a, b) for a, b in borders]
    train, middle, last = (np.array(part) for part in found)
    return train, middle, last


def features(values: np.ndarray, hour: np.ndarray, day: np.ndarray, stop: int) -> np.ndarray:
    """Columns over the scale of the past, and the circles of the day and the year."""
    x = core.array(values)
    clock = circular(core.array(hour), 24)
    year = circular(core.array(day), 365.25)
    return np.array(core.concatenate([Scaler.fit(x, stop).apply(x), clock, year], axis=1))


def baselines(target: np.ndarray, at: np.ndarray) -> dict[str, np.ndarray]:
    """The last value, and yesterday's."""
    past = sliding(core.array(target), 24)[core.array(at) - 23]
    found = {"persistence": persistence(past, HORIZON), "yesterday": seasonal(past, HORIZON, 24)}
    return {name: np.array(y) for name, y in found.items()}


def forecast(
    inputs: np.ndarray, target: np.ndarray, train: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Ridge regression on a day and two hours, of the difference to the last value."""
    rows, y = core.array(inputs), core.array(target)
    x = sliding(rows, READ).reshape(-1, READ * inputs.shape[1])
    ahead = sliding(y, HORIZON)
    learned, asked = core.array(train), core.array(at)
    model = ridge(x[learned - (READ - 1)], ahead[learned + 1] - y[learned][:, None], 100.0)
    return np.array(y[asked][:, None] + model(x[asked - (READ - 1)]))


def intervals(before: np.ndarray, truth: np.ndarray, now: np.ndarray) -> np.ndarray:
    """The forecast, and the conformal distance at both sides of it."""
    b, y, m = core.array(before), core.array(truth), core.array(now)
    room = conformal(b, b, y, 0.8)
    return np.array(core.stack([m - room, m, m + room], axis=-1))
