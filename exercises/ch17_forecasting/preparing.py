"""From a table of hours to what models read: gaps filled, columns scaled, windows of the past.

All that is learned here (levels, scales, waves) is learned from the rows before ``stop``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinymlx import core
from tinymlx.core import array
from tinymlx.data.climate import Climate
from tinymlx.forecasting.baselines import Climatology
from tinymlx.forecasting.cleaning import filled, outliers
from tinymlx.forecasting.features import Scaler, circular
from tinymlx.forecasting.windows import origins, sliding

HORIZON = 24
#: How far back each number of a long window looks, in hours: alone near by, means further away.
#: 22 and 23 hours ago is where tomorrow's hours begin.
LAGS = [(0, 0), (1, 1), (2, 2), (3, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19), (20, 21)]
LAGS += [(22, 22), (23, 23), (24, 26), (27, 32), (33, 38), (39, 44), (45, 50), (51, 60)]
LAGS += [(61, 72), (73, 96), (97, 144), (145, 240)]
PAST = 1 + LAGS[-1][1]
RAW = 72  # hours that models of sequences and the ridge read


@dataclass(frozen=True)
class Parts:
    """Origins: what is learned from, what decides and calibrates, what is looked at once."""

    train: array
    calibration: array
    both: array
    test: array


@dataclass(frozen=True)
class Prepared:
    """A climate, ready to be forecast; rows are hours."""

    truth: array  # (N,) the target in units, nan where it was not measured
    target: array  # (N,) the same, filled
    normal: array  # (N,) what is normal then
    columns: array  # (N, F) without units, no nan
    known: array  # (N, 4) sines and cosines of the day and the year: known of the future, too
    level: array  # (N,) target minus normal, over its scale
    scale: float  # that scale, in units
    names: tuple[str, ...]

    @property
    def unit(self) -> float:
        """What the large networks count in, so that their numbers are of the size of a few."""
        return self.scale / 4

    def inputs(self, at: array) -> array:
        """What the long window of each origin says, ``(O, D)``: means over :data:`LAGS`.

        Columns that are weather (not flags) are told relative to the present: how it was is how
        it changed.
        """
        parts = []
        now = self.columns[at]
        for near, far in LAGS:
            means = core.mean(sliding(self.columns, far - near + 1), axis=1)
            then = means[at - far]
            parts.append(
                now if far == 0 else core.concatenate([then[:, :3] - now[:, :3], then[:, 3:]], 1)
            )
        return core.concatenate([*parts, self.known[at + 1]], axis=1)

    def history(self, at: array, hours: int = RAW, step: int = 1) -> array:
        """The hours before and at each origin, ``(O, hours // step, F + 4)``, means of ``step``."""
        rows = core.concatenate([self.columns, self.known], axis=1)
        view = sliding(rows, hours)[at - (hours - 1)]
        if step == 1:
            return view
        return core.mean(view.reshape(len(at), hours // step, step, -1), axis=2)

    def future(self, values: array, at: array) -> array:
        """The hours to come of some rows, ``(O, HORIZON, ...)``."""
        return sliding(values, HORIZON)[at + 1]


def prepared(climate: Climate, stop: int, target: str | None = None) -> Prepared:
    """Clean, fill and scale; learn from the rows before ``stop``.

    Args:
        climate: the table.
        stop: where the future begins.
        target: the column to forecast.
    """
    name = target or climate.target
    order = [name, *(c for c in climate.columns if c != name)]
    values = core.array(np.stack([climate.column(c) for c in order], axis=1))
    cleaned = []
    for i in range(values.shape[1]):
        column = values[:, i]
        # A spike of ten times what a day and a half shows is an instrument; rain and dust are not.
        wild = outliers(column, size=36, limit=10.0, least=3.0)
        smooth = order[i] in ("temperature", "dew point", "pressure")
        cleaned.append(core.where(wild, core.nan, column) if smooth else column)
    values = core.stack(cleaned, axis=1)
    start = Scaler.fit(values, stop).mean
    full, missing, age = filled(values, start)
    if name == "particles" or "particles" in order:
        place = order.index("particles")
        full = with_column(full, place, core.log1p(core.maximum(full[:, place], 0)))
    day, hour = core.array(climate.day), core.array(climate.hour)
    measured = values[:, 0]
    target_row = core.where(
        core.isnan(measured), filled(values[:, :1], start[:1]).values[:, 0], measured
    )
    columns = anomalies(full, missing, day, hour, stop)
    usual = Climatology.fit(day[:stop], hour[:stop], measured[:stop])(day, hour)
    unit = Scaler.fit((target_row - usual)[:, None], stop).scale.item()
    flags = [
        core.minimum(age[:, i], 48) / 24 for i in range(len(order)) if missing[:, i].any().item()
    ]
    columns = core.concatenate([columns, *[f[:, None] for f in flags]], axis=1)
    known = core.concatenate([circular(hour, 24), circular(day, 365.25)], axis=1)
    level = (target_row - usual) / unit
    core.eval(columns, known, level, target_row, usual)
    return Prepared(measured, target_row, usual, columns, known, level, unit, tuple(order))


def with_column(x: array, place: int, column: array) -> array:
    """A table with another column in one place."""
    return core.concatenate([x[:, :place], column[:, None], x[:, place + 1 :]], axis=1)


def anomalies(full: array, missing: array, day: array, hour: array, stop: int) -> array:
    """Every column without what is normal for it, scaled, ``(N, F)``."""
    usual = []
    for i in range(full.shape[1]):
        past = core.where(missing[:stop, i], core.nan, full[:stop, i])
        usual.append(Climatology.fit(day[:stop], hour[:stop], past)(day, hour))
    rest = full - core.stack(usual, axis=1)
    return Scaler.fit(rest, stop).apply(rest)


def parts(climate: Climate, ready: Prepared, calibration: int, test: int, stop: int) -> Parts:
    """The origins of each part: windows foretell nothing behind its end.

    What is *read* may lie before a part's first row, as it does when a forecast is made: so a
    part's rows begin ``PAST`` rows earlier for :func:`.origins`. What is *foretold* may not.

    Args:
        climate: the table.
        ready: what became of it.
        calibration, test, stop: first rows of the calibration part, of the test, and its end.
    """
    usable = core.ones((len(climate),), core.bool_)  # gaps are filled, the age says so
    breaks = ~usable

    def between(first: int, last: int) -> array:
        return origins(usable, breaks, PAST, HORIZON, max(first - PAST, 0), last)

    return Parts(
        between(0, calibration), between(calibration, test), between(0, test), between(test, stop)
    )
