"""Everything that is to be beaten, for all origins of a part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinymlx import core
from tinymlx.core import array
from tinymlx.forecasting.baselines import Smoothing, persistence, seasonal
from tinymlx.forecasting.comparing import importance
from tinymlx.forecasting.linear import Linear, recursive, ridge
from tinymlx.forecasting.scores import scores

from .preparing import HORIZON, Parts, Prepared

RATES = (0.05, 0.0, 0.1)  # of Holt and Winters: the best of ten tried on the calibration year, 2013


def baselines(ready: Prepared, at: array) -> dict[str, array]:
    """Forecasts in units, ``(O, HORIZON)`` each, by name."""
    past = windows_before(ready.target, at, HORIZON)
    return {
        "persistence": persistence(past, HORIZON),
        "yesterday": seasonal(past, HORIZON, 24),
        "climatology": ready.future(ready.normal, at),
        "Holt-Winters": smoothed(ready, at),
    }


def windows_before(x: array, at: array, length: int) -> array:
    """The last ``length`` values at each origin, ``(O, length)``."""
    return x[at[:, None] + core.arange(1 - length, 1)]


def smoothed(ready: Prepared, at: array) -> array:
    """Holt and Winters, carried through all hours; a forecast at each origin."""
    values = ready.target.tolist()
    wanted = set(at.tolist())
    first = values[:24]
    mean = sum(first) / 24
    state = Smoothing(mean, 0.0, tuple(v - mean for v in first))
    found = []
    for row, value in enumerate(values):
        state = state.updated(value, *RATES)
        if row in wanted:
            found.append(state.forecast(HORIZON))
    return core.array(np.array(found, np.float32))


def direct(ready: Prepared, parts: Parts, at: array, train: array, penalty: float = 300.0) -> array:
    """Ridge on 72 hours of all columns: a line for each hour to come."""
    return direct_forecast(ready, direct_model(ready, train, penalty), at)


def direct_model(ready: Prepared, train: array, penalty: float = 300.0) -> Linear:
    """What :func:`direct` learns: from the window to how the hours to come differ from now."""
    x = ready.history(train).reshape(len(train), -1)
    now = ready.level[train][:, None]
    return ridge(x, ready.future(ready.level, train) - now, penalty)


def direct_forecast(ready: Prepared, model: Linear, at: array) -> array:
    """What :func:`direct` foretells, ``(O, HORIZON)`` in units of the target."""
    rest = ready.level[at][:, None] + model(ready.history(at).reshape(len(at), -1))
    return ready.future(ready.normal, at) + ready.scale * rest


def importances(ready: Prepared, model: Linear, at: array) -> dict[str, float]:
    """By how much the error grows when days of a column are exchanged, in units of the target.

    The present value of the target, to which all forecasts are added, stays: its own column is its
    history.
    """
    truth = ready.future(ready.truth, at)

    def error(columns: array) -> float:
        return scores(direct_forecast(replace(ready, columns=columns), model, at), truth).total_rmse

    found = {
        name: importance(error, ready.columns, i, 24, core.random.key(i))
        for i, name in enumerate(ready.names)
    }
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


def again_and_again(ready: Prepared, at: array, train: array) -> array:
    """An autoregression of the level over 72 hours, which reads its own forecasts."""
    x = windows_before(ready.level, train, 72)
    model: Linear = ridge(x, ready.future(ready.level, train)[:, :1], 1.0)
    rest = recursive(model, windows_before(ready.level, at, 72), HORIZON)
    return ready.future(ready.normal, at) + ready.scale * rest
