"""Daily weather of Seattle, 2012 to 2015: temperature, rain and wind.

The real file is ``weather/seattle-weather.csv`` of the vega-datasets collection
(https://github.com/vega/vega-datasets), measured by NOAA at Seattle-Tacoma airport.

The embedded default is not that data. It draws days from a formula: yearly cycles, rain that
tends to last, and deviations that carry over from one day to the next. The formula's few numbers
are summary statistics (mean, yearly cycle, spread and correlation with the day before) that the
authors of this course computed from the real file.
"""

import csv
import datetime
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx

from .folder import find

COLUMNS = ("precipitation", "temp_max", "temp_min", "wind")


@dataclass(frozen=True)
class Weather:
    """One entry for each day, oldest first. All arrays have shape ``(N,)``."""

    source: str  # where the numbers come from, for captions
    year: mx.array  # int32
    month: mx.array  # int32, 1 to 12
    day_of_year: mx.array  # int32, 1 to 366
    precipitation: mx.array  # mm
    temp_max: mx.array  # degrees Celsius
    temp_min: mx.array  # degrees Celsius
    wind: mx.array  # m/s

    @property
    def temperature(self) -> mx.array:
        """The day's mean temperature, halfway between its extremes, in degrees Celsius."""
        return (self.temp_max + self.temp_min) / 2

    def __len__(self) -> int:
        return len(self.year)


def load(path: Path | None = None) -> Weather:
    """The real weather when its file is there, otherwise the embedded default.

    Args:
        path: a CSV file to read instead of looking for one in the data folder.

    Raises:
        ValueError: when the file is not what it should be; the message names file and line.
    """
    path = path or find("weather", "seattle-weather.csv")
    if path is None:
        return _collect("embedded default (drawn from a formula)", _invent())
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        return _collect(f"{path.name} (vega-datasets, NOAA)", _read(file, path))


def _collect(source: str, days: Iterable[tuple[datetime.date, list[float]]]) -> Weather:
    days = list(days)
    numbers = dict(zip(COLUMNS, zip(*(values for _, values in days), strict=True), strict=True))
    return Weather(
        source=source,
        year=mx.array([date.year for date, _ in days]),
        month=mx.array([date.month for date, _ in days]),
        day_of_year=mx.array([date.timetuple().tm_yday for date, _ in days]),
        **{name: mx.array(values, dtype=mx.float32) for name, values in numbers.items()},
    )


def _read(lines: Iterable[str], path: Path) -> Iterable[tuple[datetime.date, list[float]]]:
    """The days of a CSV file with a header line."""
    reader = csv.DictReader(lines)
    missing = {"date", *COLUMNS} - set(reader.fieldnames or ())
    if missing:
        raise ValueError(f"{path}: line 1: missing column {', '.join(sorted(missing))}.")
    before, empty = datetime.date.min, True
    for row in reader:
        where = f"{path}: line {reader.line_num}"
        try:
            date = datetime.date.fromisoformat(row["date"] or "")
            values = [float(row[name] or "") for name in COLUMNS]
        except ValueError as error:
            raise ValueError(f"{where}: expected a date and numbers ({error}).") from None
        if not all(map(math.isfinite, values)):
            raise ValueError(f"{where}: a value is not a finite number.")
        if date <= before:
            raise ValueError(f"{where}: {date} does not come after the day before it.")
        yield date, values
        before, empty = date, False
    if empty:
        raise ValueError(f"{path}: the file has a header and no days.")


def _invent(seed: int = 2012) -> Iterable[tuple[datetime.date, list[float]]]:
    """Days like Seattle's: the same on every machine, since Python's generator is specified."""
    draw = random.Random(seed)
    date, last = datetime.date(2012, 1, 1), datetime.date(2015, 12, 31)
    warmth, unrest, wet = 0.0, 0.0, True
    while date <= last:
        turn = 2 * math.pi * date.timetuple().tm_yday / 365.25
        cos1, sin1, cos2, sin2 = (
            math.cos(turn),
            math.sin(turn),
            math.cos(2 * turn),
            math.sin(2 * turn),
        )
        # Rain: 43 days in 100 on average, more in winter; a wet day is often followed by another.
        chance = 0.426 + 0.234 * cos1 + 0.063 * sin1 - 0.042 * cos2 - 0.053 * sin2
        wet = draw.random() < chance + (0.22 if wet else -0.16)
        rain = round(math.exp(draw.gauss(1.2, 1.3)), 1) if wet else 0.0
        # Temperature: a yearly wave, and a deviation of 2.7 degrees with correlation 0.75.
        warmth = 0.75 * warmth + 2.72 * math.sqrt(1 - 0.75**2) * draw.gauss(0, 1)
        middle = 12.34 - 6.97 * cos1 - 2.66 * sin1 - 0.11 * cos2 + 1.22 * sin2 + warmth
        spread = 8.2 - 3.1 * cos1 - 0.3 * sin1 + (-1.6 if wet else 1.2) + draw.gauss(0, 2.3)
        spread = max(spread, 1.1)
        # Wind: its logarithm wanders around that of 3 m/s, a little higher in rain.
        unrest = 0.4 * unrest + 0.42 * math.sqrt(1 - 0.4**2) * draw.gauss(0, 1)
        wind = math.exp(1.08 + (0.14 if wet else -0.11) + unrest)
        yield (
            date,
            [rain, round(middle + spread / 2, 1), round(middle - spread / 2, 1), round(wind, 1)],
        )
        date += datetime.timedelta(days=1)
