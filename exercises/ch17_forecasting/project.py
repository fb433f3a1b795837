"""Project 17: tomorrow's weather, hour by hour, and how sure one can be.

Beijing from 2010 to 2014 where the data folder has it, an invented climate otherwise. Models learn
from the years before the last one; the year before the last calibrates intervals; the last one is
looked at once. Everything is compared with what costs nothing, and with ridge regression. The run
writes ``predictions.npz`` for the board and a report. Stopped with Ctrl-C, the same command goes on
with the model at which it was stopped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from tinymlx import core
from tinymlx.core import array
from tinymlx.data import climate as climates
from tinymlx.data.climate import Climate
from tinymlx.forecasting.intervals import conformal
from tinymlx.forecasting.linear import ridge
from tinymlx.forecasting.scores import scores

from . import reporting
from .baseline_table import (
    again_and_again,
    baselines,
    direct,
    direct_forecast,
    direct_model,
    importances,
)
from .models import LEVELS, Training, predicted, train_large, train_sequence, zoo
from .preparing import HORIZON, Parts, Prepared, parts, prepared


@dataclass(frozen=True)
class Setting:
    """How many networks, how large, how long."""

    name: str
    large: Training
    members: int  # networks of the ensemble
    sequences: int  # epochs of each model of sequences; 0 leaves them out
    hidden: int  # their size
    every: int  # they learn from every so many origins
    writers: int = 1  # models with a decoder in the ensemble
    particles: bool = True


QUICK = Setting("quick", Training(hidden=32, epochs=1, dropout=0.2), 1, 1, 8, 24, 0, False)
DEFAULT = Setting("default", Training(hidden=512, epochs=12), 2, 6, 32, 3)
FULL = Setting("full", Training(hidden=1024, epochs=16), 5, 6, 64, 1, 5)


#: In the ensemble: chosen on the calibration year, from models that know nothing of it.
WRITER = "seq2seq with attention"


@dataclass(frozen=True)
class Years:
    """First rows of the calibration year and of the test year, and the end of that."""

    calibration: int
    test: int
    stop: int


def main(
    out: Path, quick: bool = False, full: bool = False, file: Path | None = None
) -> dict[str, float]:
    """Fit, forecast, score, calibrate; pictures, a report and predictions go into ``out``.

    Args:
        out: the folder.
        quick: one small network on a few months, for seconds.
        full: an ensemble of five wide ones, for minutes on a GPU.
        file: a CSV file of one's own (see :mod:`tinymlx.data.climate`).

    Returns:
        What was measured; temperatures in the target's units.
    """
    setting = QUICK if quick else FULL if full else DEFAULT
    console, numbers = Console(), {}
    out.mkdir(parents=True, exist_ok=True)
    climate = climates.load(file)
    if quick:
        climate = recent(climate, 500)
    years = divided(climate)
    measured_enough(climate, years)
    console.print(f"[bold]{climate.source}[/], setting {setting.name}.")
    # The calibration year is foretold by models that know nothing of it, the test year by others.
    early = prepared(climate, years.calibration)
    late = prepared(climate, years.test)
    of_early = parts(climate, early, years.calibration, years.test, years.stop)
    of_late = parts(climate, late, years.calibration, years.test, years.stop)
    truth = late.future(late.truth, of_late.test)
    table = dict(baselines(late, of_late.test))
    table["autoregression, again and again"] = again_and_again(late, of_late.test, of_late.both)
    line = direct_model(late, of_late.both)
    table["ridge, direct"] = direct_forecast(late, line, of_late.test)
    if setting.sequences:
        table |= sequences(late, of_late, setting, out, console)
    middle, quantiles = ensemble(late, of_late.both, of_late.test, setting, out, "late", console)
    table["ensemble"] = middle
    fewer = replace(setting, members=1, writers=min(setting.writers, 1))
    _, before = ensemble(early, of_early.train, of_early.calibration, fewer, out, "early", console)
    told = early.future(early.truth, of_early.calibration)
    quantiles = corrected(quantiles, before, told)
    numbers |= reporting.tables(table, truth, climate, console)
    numbers |= reporting.probabilities(
        quantiles, truth, late, of_late, climate, years.test, console
    )
    numbers |= reporting.columns(importances(late, line, of_late.test), climate, console)
    if setting.particles and "particles" in climate.columns:
        numbers |= particles(climate, years, setting, out, console)
    if "floor" in climate.facts:
        numbers["floor"] = climate.facts["floor"]
    reporting.save(out, quantiles, of_late.test)
    reporting.write(out, table, quantiles, truth, climate, of_late.test, numbers)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    for left in out.glob(f"unfinished-{setting.name}-*.safetensors"):
        left.unlink()
    return numbers


def recent(climate: Climate, days: int) -> Climate:
    """The last days of a climate, for a quick look."""
    rows = min(24 * days, len(climate))
    cut = len(climate) - rows
    start = climate.start + cut * climates.HOUR
    return replace(climate, start=start, values=climate.values[cut:])


def divided(climate: Climate) -> Years:
    """The last year is the test, the one before it calibrates; of less than four years, fifths.

    Raises:
        ValueError: fewer than 120 days.
    """
    rows = len(climate)
    if rows < 24 * 120:
        raise ValueError(
            f"{climate.source}: {rows // 24} days are too few to learn from; 120 are enough."
        )
    year = 365 * 24 if rows >= 4 * 365 * 24 else rows // 5
    return Years(rows - 2 * year, rows - year, rows)


def measured_enough(climate: Climate, years: Years) -> None:
    """Every column must have something to learn from, and the target something to be judged by.

    Raises:
        ValueError: a column has less than a week of measured hours in the first part, or the target
            in any part, or the target never changes.
    """
    week, name = 7 * 24, climate.target
    needed = [(column, 0, years.calibration) for column in climate.columns]
    needed += [(name, years.calibration, years.test), (name, years.test, years.stop)]
    for column, first, stop in needed:
        known = int(np.isfinite(climate.column(column)[first:stop]).sum())
        if known < week:
            begin, end = (climate.start + row * climates.HOUR for row in (first, stop))
            raise ValueError(
                f"{climate.source}: column {column!r} has {known} measured hours from {begin} to "
                f"{end}; {week} are needed: leave the column out, or give another part of the file."
            )
    past = climate.column(name)[: years.calibration]
    if np.nanmin(past) == np.nanmax(past):
        raise ValueError(f"{climate.source}: {name!r} is always {past[0]}: nothing to forecast.")


def targets(ready: Prepared, at: array) -> tuple[array, array]:
    """What a network adds to, and what it should reach: in ``unit``, without what is normal."""
    truth = ready.future((ready.truth - ready.normal) / ready.unit, at)
    now = (ready.level[at] * ready.scale / ready.unit)[:, None]
    return core.broadcast_to(now, truth.shape), truth


def ensemble(
    ready: Prepared,
    train: array,
    at: array,
    setting: Setting,
    out: Path,
    name: str,
    console: Console,
) -> tuple[array, array]:
    """Several large networks and models with a decoder; their mean, and quantiles around it.

    Every other large network starts from a ridge's forecast on its window, the others from the
    present. Both kinds count alike: what they do wrong is not the same.
    """
    x, seen = ready.inputs(train), ready.inputs(at)
    base, y = targets(ready, train)
    here, _ = targets(ready, at)
    core.eval(x, seen, base, y)
    filled = core.where(core.isnan(y), base, y)
    line = ridge(x, filled - base, 300.0)
    starts = [(base, here), (base + line(x), here + line(seen))]
    middles, quantiles = [], []
    for member in range(setting.members):
        start, begin = starts[member % 2]
        file = out / f"unfinished-{setting.name}-{name}-{member}.safetensors"
        console.print(f"Network {member + 1} of {setting.members} ({name}).")
        model = train_large(x, start, y, setting.large, member, file, console.is_terminal)
        found = predicted(model, seen, begin)
        middles.append(found[0])
        quantiles.append(found[1])
    usual = ready.future(ready.normal, at)
    middle = ready.unit * (sum(middles[1:], middles[0]) / len(middles))
    spread = ready.unit * (sum(quantiles[1:], quantiles[0]) / len(quantiles)) - middle[..., None]
    if setting.writers and not setting.large.absolute:
        written = [
            one_sequence(WRITER, ready, train, at, setting, out, name, seed, console)
            for seed in range(setting.writers)
        ]
        middle = (middle + sum(written[1:], written[0]) / len(written)) / 2
    return usual + middle, usual[..., None] + middle[..., None] + spread


def corrected(quantiles: array, before: array, truth: array) -> array:
    """Each pair of quantiles moved as far as the calibration year asks for, step by step."""
    count = len(LEVELS)
    columns = [quantiles[..., i] for i in range(count)]
    for i in range(count // 2):
        share = LEVELS[count - 1 - i] - LEVELS[i]
        more = conformal(before[..., i], before[..., count - 1 - i], truth, share)
        columns[i] = columns[i] - more
        columns[count - 1 - i] = columns[count - 1 - i] + more
    levels = core.stack(columns, axis=-1)
    # Step by step: on CUDA, MLX 0.32.4 cannot sort more than 65,535 rows at once.
    steps = [core.sort(levels[:, i], axis=-1) for i in range(levels.shape[1])]
    return core.stack(steps, axis=1)


def one_sequence(
    kind: str,
    ready: Prepared,
    train: array,
    at: array,
    setting: Setting,
    out: Path,
    name: str,
    seed: int,
    console: Console,
) -> array:
    """One model of the zoo; its forecasts without what is normal, in units, ``(O, HORIZON)``.

    It reads means of three hours over three days, and the present itself instead of the last one.
    """
    train = train[:: setting.every]
    past, seen = (
        core.concatenate(
            [ready.history(rows, step=3)[:, :-1], ready.history(rows, hours=1)], axis=1
        )
        for rows in (train, at)
    )
    y = ready.future(ready.level, train) - ready.level[train][:, None]
    data = (past, ready.future(ready.known, train), y)
    core.eval(data, seen)
    make = zoo(past.shape[2], past.shape[1], setting.hidden, HORIZON)[kind]
    file = out / f"unfinished-{setting.name}-{name}-{kind.split()[0]}-{seed}.safetensors"
    model = train_sequence(make, data, setting.sequences, seed, file, console.is_terminal)
    (rest,) = predicted(model, seen, ready.future(ready.known, at))
    return ready.scale * (ready.level[at][:, None] + rest)


def sequences(
    ready: Prepared, of: Parts, setting: Setting, out: Path, console: Console
) -> dict[str, array]:
    """Every model of sequences, for the table."""
    found = {}
    usual, truth = ready.future(ready.normal, of.test), ready.future(ready.truth, of.test)
    for kind in zoo(1, 1, 1, 1):
        y = one_sequence(kind, ready, of.both, of.test, setting, out, "late", 0, console)
        found[kind] = usual + y
        console.print(f"{kind}: {scores(found[kind], truth).total_rmse:.3f}")
    return found


def particles(
    climate: Climate, years: Years, setting: Setting, out: Path, console: Console
) -> dict[str, float]:
    """Fine dust, judged by absolute errors: ridge minimizes squares, the network what is asked."""
    ready = prepared(climate, years.test, "particles")
    of = parts(climate, ready, years.calibration, years.test, years.stop)
    truth = ready.future(ready.truth, of.test)
    line = direct(ready, of, of.test, of.both)
    training = replace(setting.large, absolute=True)
    own = replace(setting, large=training, members=1)
    middle, _ = ensemble(ready, of.both, of.test, own, out, "particles", console)
    found = {"ridge": line, "network": core.maximum(middle, 0)}
    found = {name: scores(y, truth).total_mae for name, y in found.items()}
    console.print(f"Particles, mean absolute error: {found}.")
    return {f"particles: {name} (MAE)": value for name, value in found.items()}
