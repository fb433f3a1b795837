"""Hourly weather: a CSV file with a column of times, or a synthetic climate. Given.

Two forms of files are read. Beijing's (``weather/beijing_pm25.csv`` of the data folder: five years
of hourly air, X. Liang et al., UCI, 2015) has its columns year, month, day and hour; any other file
has a column of times in ISO 8601 (``time``, ``date``, ``datetime``, ``timestamp``), all with a time
zone or all without one. Whatever happens to the file, the rows of a :class:`Climate` are one hour
apart and without holes: hours that the file leaves out are rows of ``nan``, which
:func:`tinymlx.forecasting.cleaning.filled` fills from the past.

The embedded default is invented, and its best forecast is known; see :mod:`.invented_climate`.
"""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .folder import find
from .invented_climate import invented

HOUR = datetime.timedelta(hours=1)
TIMES = ("time", "datetime", "timestamp", "date")
MISSING = frozenset({"", "na", "nan", "null", "none", "-", "n/a"})
#: Longer holes than this are no gaps any more; nothing across them is filled.
LONGEST_GAP = 24 * 31
LARGEST = float(np.finfo(np.float32).max)  # values are float32
DIRECTIONS = ("NE", "NW", "SE", "cv")  # of Beijing's file; the last one is calm and variable


@dataclass(frozen=True)
class Climate:
    """Rows an hour apart, oldest first, without holes in the time; in units, ``nan`` for gaps."""

    source: str  # where the numbers come from, for captions
    start: datetime.datetime  # of the first row
    columns: tuple[str, ...]
    units: dict[str, str]
    values: np.ndarray  # (N, F) float32
    target: str  # the column that is forecast
    facts: dict[str, float] = field(default_factory=dict)  # what is known of an invented climate

    def __len__(self) -> int:
        return len(self.values)

    def column(self, name: str) -> np.ndarray:
        """One column, ``(N,)``."""
        return self.values[:, self.columns.index(name)]

    @property
    def hour(self) -> np.ndarray:
        """The hour of the day of each row, ``(N,)`` float32."""
        first = self.start.hour
        return ((first + np.arange(len(self))) % 24).astype(np.float32)

    @property
    def day(self) -> np.ndarray:
        """The day of the year of each row (1 is the first of January) with a fraction, ``(N,)``."""
        times = np.datetime64(self.start.replace(tzinfo=None), "h") + np.arange(len(self))
        years = times.astype("datetime64[Y]").astype("datetime64[h]")
        return (1 + (times - years).astype(np.float32) / 24).astype(np.float32)

    def row(self, year: int, month: int = 1, day: int = 1) -> int:
        """The first row that is not before a day, between 0 and ``N``."""
        moment = datetime.datetime(year, month, day, tzinfo=self.start.tzinfo)
        return min(max(math.ceil((moment - self.start) / HOUR), 0), len(self))


def load(path: Path | None = None, target: str | None = None) -> Climate:
    """The file, Beijing's if it is there and no other is given, or the embedded default.

    Args:
        path: a CSV file of one's own.
        target: which column is to be forecast; the temperature, or the first one.

    Raises:
        ValueError: when the file is not what it should be; one sentence names file and line.
    """
    found = path or find("weather", "beijing_pm25.csv")
    if found is None:
        return _invented()
    if not found.is_file():
        raise ValueError(f"{found}: there is no such file; give the path of a CSV file.")
    # Spreadsheets put a byte order mark in front of the first name: "utf-8-sig" takes it off.
    with open(found, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        try:
            names = reader.fieldnames or []
            _once(found, names)
            if {"year", "month", "day", "hour", "TEMP"} <= set(names):
                return _beijing(reader, found, target)
            return _own(reader, found, target)
        except csv.Error as error:
            raise ValueError(f"{found}: line {reader.line_num}: no CSV file: {error}.") from None


def _invented() -> Climate:
    values, facts = invented()
    columns = ("temperature", "dew point", "pressure", "wind east", "wind north", "particles")
    return Climate(
        "embedded default (an invented climate)",
        datetime.datetime(2010, 1, 1),
        columns,
        _units(columns),
        values,
        "temperature",
        facts,
    )


def _units(columns: tuple[str, ...]) -> dict[str, str]:
    known = {"temperature": "°C", "dew point": "°C", "pressure": "hPa", "particles": "µg/m³"}
    known |= {"wind east": "m/s", "wind north": "m/s", "wind run": "m/s", "snow": "h", "rain": "h"}
    return {name: known.get(name, "") for name in columns}


def _beijing(reader: csv.DictReader, path: Path, target: str | None) -> Climate:
    """Beijing's file: it knows four directions, which become columns of their own.

    ``Iws`` is the wind summed up since it turned last; its logarithm stands in the column of its
    direction.
    """
    needed = ("pm2.5", "DEWP", "TEMP", "PRES", "cbwd", "Iws", "Is", "Ir")
    _columns(path, needed, reader.fieldnames or [])
    times, rows = [], []
    for line, row in _lines(reader, path):
        try:
            time = datetime.datetime(*(int(row[n]) for n in ("year", "month", "day", "hour")))
        except ValueError:
            raise ValueError(f"{path}: line {line}: year, month, day, hour are no time.") from None
        if row["cbwd"] not in DIRECTIONS:
            raise ValueError(f"{path}: line {line}: {row['cbwd']!r} is no direction of the wind.")
        pm, dew, temp, pressure, run, snow, rain = (
            _number(row[n], path, line, n)
            for n in ("pm2.5", "DEWP", "TEMP", "PRES", "Iws", "Is", "Ir")
        )
        if run < 0:
            raise ValueError(f"{path}: line {line}: {row['Iws']!r} in column 'Iws' is no wind.")
        times.append(time)
        strength = math.log1p(run)
        flags = [float(row["cbwd"] == name) for name in DIRECTIONS]
        winds = [*(strength * flag for flag in flags), *flags]
        rows.append([temp, dew, pressure, *winds, pm, snow, rain])
    names = ("north-east", "north-west", "south-east", "calm")
    columns = ("temperature", "dew point", "pressure", *(f"wind {name}" for name in names))
    columns = (*columns, *(f"is {name}" for name in names), "particles", "snow", "rain")
    start, values = _regular(path, times, rows)
    units = _units(columns) | {name: "log m/s" for name in columns if name.startswith("wind")}
    source = f"{path.name} (Beijing, {times[0].year} to {times[-1].year})"
    return Climate(source, start, columns, units, values, _target(path, columns, target))


def _own(reader: csv.DictReader, path: Path, target: str | None) -> Climate:
    """Any file with a column of times; columns that are no numbers are left out."""
    names = [name for name in reader.fieldnames or [] if name]
    clock = next((n for want in TIMES for n in names if n.strip().lower() == want), None)
    if clock is None:
        between = "; write commas between the columns" if any(";" in n for n in names) else ""
        raise ValueError(
            f"{path}: line 1: no column of times; one should be called {', '.join(TIMES)}{between}."
        )
    lines = list(_lines(reader, path))
    columns = [n for n in names if n != clock and _is_numeric(row[n] for _, row in lines)]
    if not columns:
        raise ValueError(f"{path}: no column has numbers; there is nothing to forecast.")
    times, zones = [], set()
    for line, row in lines:
        try:
            time = datetime.datetime.fromisoformat(
                (row[clock] or "").strip().replace("Z", "+00:00")
            )
            if time.tzinfo is not None:
                time = time.astimezone(datetime.timezone.utc)
        except (ValueError, OverflowError):
            raise ValueError(
                f"{path}: line {line}: {row[clock]!r} is no time; write 2014-12-31T23:00."
            ) from None
        zones.add(time.tzinfo is None)
        if len(zones) > 1:
            raise ValueError(
                f"{path}: line {line}: some times have a time zone and others have none; "
                "give all of them one."
            )
        times.append(time)
    rows = [[_number(row[n], path, line, n) for n in columns] for line, row in lines]
    start, values = _regular(path, times, rows)
    chosen = tuple(columns)
    return Climate(path.name, start, chosen, _units(chosen), values, _target(path, chosen, target))


def _lines(reader: csv.DictReader, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    empty = True
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(
                f"{path}: line {reader.line_num}: another number of fields than the header has."
            )
        empty = False
        yield reader.line_num, row
    if empty:
        raise ValueError(f"{path}: the file has no rows.")


def _once(path: Path, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if name and list(names).count(name) > 1})
    if twice:
        raise ValueError(f"{path}: line 1: column {', '.join(twice)} is there twice; rename one.")


def _columns(path: Path, needed: tuple[str, ...], names: object) -> None:
    missing = sorted(set(needed) - set(names))  # type: ignore[call-overload]
    if missing:
        raise ValueError(f"{path}: line 1: missing column {', '.join(missing)}.")


def _is_numeric(texts: Iterator[str]) -> bool:
    """Whether most of what is there can be read as numbers."""
    there = [t.strip() for t in texts if t.strip().lower() not in MISSING]
    return bool(there) and sum(_float(t) is not None for t in there) > 0.5 * len(there)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _number(text: str, path: Path, line: int, name: str) -> float:
    if text.strip().lower() in MISSING:
        return math.nan
    number = _float(text)
    if number is None or abs(number) > LARGEST:
        raise ValueError(f"{path}: line {line}: {text!r} in column {name!r} is no number.")
    return number


def _target(path: Path, columns: tuple[str, ...], wanted: str | None) -> str:
    if wanted is None:
        return "temperature" if "temperature" in columns else columns[0]
    if wanted not in columns:
        raise ValueError(f"{path}: there is no column {wanted!r}; there are {', '.join(columns)}.")
    return wanted


def _regular(
    path: Path, times: list[datetime.datetime], rows: list[list[float]]
) -> tuple[datetime.datetime, np.ndarray]:
    """Rows an hour apart: hours without a row are ``nan``."""
    places = []
    for i, time in enumerate(times):
        hours = (time - times[0]) / HOUR
        if hours != int(hours):
            raise ValueError(
                f"{path}: row {i + 1}: {time} is no whole number of hours after {times[0]}; "
                "average the file to hours first."
            )
        if places and hours <= places[-1]:
            raise ValueError(
                f"{path}: row {i + 1}: {time} does not come after the row before it; sort the "
                "rows and remove what is there twice (when clocks are set back, use a time zone)."
            )
        if places and hours - places[-1] > LONGEST_GAP:
            days = (hours - places[-1]) / 24
            raise ValueError(
                f"{path}: row {i + 1}: {days:.0f} days are missing before {time}; cut the file "
                "there and forecast from one part."
            )
        places.append(int(hours))
    values = np.full((places[-1] + 1, len(rows[0])), np.nan, np.float32)
    values[places] = rows
    return times[0], values
