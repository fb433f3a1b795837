"""What came out: tables, pictures, and a page that shows both."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tinymlx import core, plotting
from tinymlx.core import array
from tinymlx.data.climate import Climate
from tinymlx.forecasting.comparing import diebold_mariano, skill_interval
from tinymlx.forecasting.intervals import coverage, pit
from tinymlx.forecasting.probabilities import crps_samples
from tinymlx.forecasting.scores import scores

from .models import LEVELS
from .preparing import HORIZON, Parts, Prepared

SHOWN = (0, 2, 5, 11, 23)  # steps in the table
WEEK = 7 * 24


def tables(
    table: dict[str, array], truth: array, climate: Climate, console: Console
) -> dict[str, float]:
    """Errors of every forecast, at some steps and over all; the skill against yesterday."""
    unit = climate.units.get(climate.target, "")
    shown = Table(
        "forecast", *[f"+{k + 1} h" for k in SHOWN], "all", "skill", title=f"RMSE, {unit}"
    )
    numbers = {}
    squares = {name: per_origin(y, truth) for name, y in table.items()}
    for name, y in table.items():
        found = scores(y, truth)
        score, low, high = skill_interval(
            squares[name], squares["yesterday"], min(WEEK, len(truth)), core.random.key(17), 300
        )
        steps = [f"{found.rmse[k].item():.2f}" for k in SHOWN]
        skill = f"{score:.3f} [{low:.3f}, {high:.3f}]"
        shown.add_row(name, *steps, f"{found.total_rmse:.3f}", skill)
        numbers[f"{name} (RMSE)"] = found.total_rmse
        numbers[f"{name} (MAE)"] = found.total_mae
        numbers[f"{name} (skill)"] = score
    console.print(shown)
    if "ensemble" in table and len(truth) >= 2 * HORIZON:
        test = diebold_mariano(squares["ensemble"], squares["ridge, direct"], HORIZON)
        numbers["Diebold-Mariano against ridge (p)"] = test.p
        verdict = "better" if test.difference < 0 else "worse"
        console.print(
            f"The ensemble is {verdict} than ridge ({test.statistic:.2f}, p = {test.p:.2g})."
        )
    return numbers


def columns(found: dict[str, float], climate: Climate, console: Console) -> dict[str, float]:
    """What ridge would miss most, column by column."""
    unit = climate.units.get(climate.target, "")
    shown = ", ".join(f"{name} {value:.2f}" for name, value in list(found.items())[:6])
    console.print(f"With days of a column exchanged, ridge's RMSE grows by ({unit}): {shown}.")
    return {f"importance for ridge: {name}": value for name, value in found.items()}


def per_origin(y: array, truth: array) -> array:
    """The mean squared error of each origin, ``(O,)``; 0 where nothing was measured."""
    known = ~core.isnan(truth)
    error = core.where(known, y - truth, 0)
    return core.sum(error * error, axis=1) / core.maximum(core.sum(known, axis=1), 1)


def probabilities(
    quantiles: array,
    truth: array,
    ready: Prepared,
    of: Parts,
    climate: Climate,
    first: int,
    console: Console,
) -> dict[str, float]:
    """Coverage and width of the 80 % interval; CRPS against the climate's own distribution."""
    low, high = LEVELS.index(0.1), LEVELS.index(0.9)
    inside = coverage(quantiles[..., low], quantiles[..., high], truth)
    width = core.mean(quantiles[..., high] - quantiles[..., low]).item()
    some = slice(None, None, 5)
    known = truth[some]
    there = ~core.isnan(known)
    mine = crps_samples(quantiles[some], known)
    usual = crps_samples(climate_samples(climate, of.test[some], first), known)
    gain = [core.sum(core.where(there, x, 0)).item() for x in (mine, usual)]
    count = core.sum(there).item()
    numbers = {
        "80 % interval: coverage": core.mean(inside).item(),
        "80 % interval: lowest coverage of a step": core.min(inside).item(),
        "80 % interval: highest coverage of a step": core.max(inside).item(),
        "80 % interval: width": width,
        "CRPS": gain[0] / count,
        "CRPS of the climate": gain[1] / count,
        "CRPS gained": 1 - gain[0] / gain[1],
    }
    for name, value in numbers.items():
        console.print(f"{name}: {value:.3f}")
    return numbers


def climate_samples(climate: Climate, at: array, first: int, around: int = 7) -> array:
    """For each hour to come the same hour on the days around it in all years before ``first``.

    Missing values are drawn from those that are there; ``(O, HORIZON, S)``.
    """
    values = climate.column(climate.target)
    rows = np.array(at)[:, None] + 1 + np.arange(HORIZON)
    years = range(1, 1 + math.ceil(len(values) / 8766))
    shifts = [24 * d for d in range(-around, around + 1)]
    places = np.stack([rows - 24 * 365 * y + s for y in years for s in shifts], axis=-1)
    fine = (places >= 0) & (places < first)
    found = np.where(fine, values[np.clip(places, 0, first - 1)], np.nan)
    middle = np.nanmean(values[:first])
    mean = np.where(np.isnan(found).all(-1), middle, 0)
    order = np.argsort(np.isnan(found), axis=-1, kind="stable")
    found = np.take_along_axis(found, order, axis=-1)
    count = np.maximum((~np.isnan(found)).sum(-1, keepdims=True), 1)
    found = np.take_along_axis(found, np.arange(found.shape[-1]) % count, axis=-1)
    return core.array(np.where(np.isnan(found), mean[..., None], found).astype(np.float32))


def write(
    out: Path,
    table: dict[str, array],
    quantiles: array,
    truth: array,
    climate: Climate,
    at: array,
    numbers: dict[str, float],
) -> None:
    """Pictures and ``report.md``."""
    draw_steps(out, table, truth, climate)
    draw_days(out, quantiles, truth, climate, at)
    draw_calibration(out, quantiles, truth)
    lines = [f"# Forecasts of {climate.target}", "", f"{climate.source}.", ""]
    lines += ["![Errors by step](steps.png)", "", "![Some days](days.png)", ""]
    lines += ["![Calibration](calibration.png)", "", "| measured | |", "|---|---|"]
    lines += [f"| {name} | {value:.4g} |" for name, value in numbers.items()]
    (out / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def save(out: Path, quantiles: array, at: array) -> None:
    """What the board reads: three quantiles for each origin and step."""
    places = [LEVELS.index(level) for level in (0.1, 0.5, 0.9)]
    chosen = np.stack([np.array(quantiles[..., i]) for i in places], axis=-1)
    np.savez_compressed(
        out / "predictions.npz",
        quantiles=chosen.astype(np.float32),
        levels=np.array([0.1, 0.5, 0.9], np.float32),
        origins=np.array(at),
    )


def draw_steps(out: Path, table: dict[str, array], truth: array, climate: Climate) -> None:
    """The error of each forecast over the steps."""
    fig, ax = plotting.figure(1, 1, width=8.5, height=4.8)
    steps = np.arange(1, HORIZON + 1)
    for i, (name, y) in enumerate(table.items()):
        colour = plotting.COLOURS[i % len(plotting.COLOURS)]
        style = ("-", "--", ":")[i // len(plotting.COLOURS)]
        ax.plot(steps, np.array(scores(y, truth).rmse), style, color=colour, label=name)
    unit = climate.units.get(climate.target, "")
    ax.set(xlabel="hours ahead", ylabel=f"RMSE ({unit})", xlim=(1, HORIZON), ylim=(0, None))
    ax.legend(fontsize=8, ncols=2)
    plotting.save(fig, out, "steps")


def draw_days(out: Path, quantiles: array, truth: array, climate: Climate, at: array) -> None:
    """One forecast a day for a week, its 80 % interval, and what came."""
    fig, ax = plotting.figure(1, 1, width=9.5, height=4.0)
    first = len(at) // 2
    chosen = range(first, min(first + WEEK, len(at)), HORIZON)
    low, middle, high = (LEVELS.index(x) for x in (0.1, 0.5, 0.9))
    for k in chosen:
        hours = np.arange(k - first + 1, k - first + 1 + HORIZON)
        q = np.array(quantiles[k])
        ax.fill_between(hours, q[:, low], q[:, high], color=plotting.SKY, alpha=0.4, linewidth=0)
        ax.plot(hours, q[:, middle], color=plotting.BLUE, linewidth=1.2)
        ax.plot(hours, np.array(truth[k]), color=plotting.BLACK, linewidth=1.2)
    unit = climate.units.get(climate.target, "")
    ax.set(xlabel="hours of a week", ylabel=f"{climate.target} ({unit})")
    plotting.save(fig, out, "days")


def draw_calibration(out: Path, quantiles: array, truth: array) -> None:
    """Where truths lie in their forecast distributions: flat if the forecasts are honest."""
    fig, ax = plotting.figure(1, 1, width=6.0, height=3.6)
    places = np.array(pit(quantiles, truth, core.array(LEVELS))).reshape(-1)
    ax.hist(places[~np.isnan(places)], 20, range=(0, 1), density=True, color=plotting.GREEN)
    ax.axhline(1, color=plotting.BLACK, linewidth=1)
    ax.set(xlabel="place of the truth in its forecast", ylabel="density")
    plotting.save(fig, out, "calibration")
