"""The judges of the milestones: NumPy arrays go into the reader's functions and come back."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from course.capstone import Milestone, Verdict
from tinymlx.data.invented_climate import invented

HORIZON = 24
HOURS = {True: 24 * 450, False: 24 * 800}


def world(quick: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An invented climate: columns with gaps, hours, days."""
    values, _ = invented(HOURS[quick], seed=1717)
    time = np.arange(len(values))
    return values, (time % 24).astype(np.float32), (1 + time / 24 % 365.25).astype(np.float32)


class Findings:
    """Sentences as they are found; passed as long as none is bad."""

    def __init__(self) -> None:
        self.good: list[str] = []
        self.bad: list[str] = []
        self.numbers: dict[str, float] = {}

    def check(self, fine: object, right: str, wrong: str) -> bool:
        """Note one of two sentences."""
        (self.good if fine else self.bad).append(right if fine else wrong)
        return bool(fine)

    def shape(self, x: object, wanted: tuple[int, ...], name: str) -> bool:
        """Whether something is an array of numbers of that shape."""
        found = getattr(x, "shape", None)
        wrong = f"{name}: should be an array of shape {wanted}, not {found or type(x).__name__}."
        return self.check(found == wanted, f"{name}: of the shape {wanted}.", wrong)

    def verdict(self) -> Verdict:
        """What is wrong comes first."""
        return Verdict(not self.bad, [*self.bad, *self.good], self.numbers)


def judge_clean(pipeline: ModuleType, quick: bool) -> Verdict:
    """Gaps are filled from the past, and nothing else is changed."""
    found = Findings()
    values, _, _ = world(quick)
    values[:5, 2] = np.nan
    stop = len(values) // 2
    full, age = pipeline.clean(values.copy(), stop)
    if not (
        found.shape(full, values.shape, "The values") and found.shape(age, values.shape, "The age")
    ):
        return found.verdict()
    there = ~np.isnan(values)
    found.check(np.isfinite(full).all(), "No gap is left.", "Some values are still missing.")
    found.check(
        np.array_equal(full[there], values[there]),
        "What was measured is as it was.",
        "Values that were measured have changed.",
    )
    expected = np.zeros(values.shape, int)
    for t in range(len(values)):
        expected[t] = np.where(there[t], 0, 1 + (expected[t - 1] if t else 0))
    found.check(
        np.array_equal(age, expected),
        "The age counts hours since the last measurement.",
        "The age is not the number of hours since the last measurement (0 where there is one).",
    )
    other = values.copy()
    other[stop:] = 7 - 3 * values[stop:]
    other[stop + 1 :: 3] = np.nan
    again, since = pipeline.clean(other, stop)
    found.check(
        np.array_equal(again[:stop], full[:stop]) and np.array_equal(since[:stop], age[:stop]),
        "What comes later changes nothing about the past.",
        "Rows before `stop` change with what comes after them: something looks into the future.",
    )
    one = values.copy()
    row = int(np.flatnonzero(np.isnan(values[:, 5]))[-1]) + 1
    while row < len(values) and np.isnan(values[row, 5]):
        row += 1
    if row < len(values):
        one[row, 5] += 1000
        gap = pipeline.clean(one, stop)[0]
        found.check(
            np.array_equal(gap[:row], full[:row]),
            "A gap does not know the value behind it.",
            "A gap is filled with the help of the value behind it.",
        )
    return found.verdict()


def judge_split(pipeline: ModuleType, quick: bool) -> Verdict:
    """No window stands on both sides of a border, and none is left out."""
    found = Findings()
    for rows, past, validation, test in ((400, 24, 250, 320), (900, 72, 500, 700)):
        parts = pipeline.split(rows, past, validation, test)
        borders = ((0, validation), (validation, test), (test, rows))
        for name, part, (low, high) in zip(("training", "validation", "test"), parts, borders):
            at = np.asarray(part)
            inside = (at - past + 1 >= low) & (at + HORIZON < high)
            found.check(
                at.ndim == 1 and inside.all(),
                f"Every window of the {name} part of {rows} rows lies in it.",
                f"A window of the {name} part of {rows} rows reads or foretells rows of another.",
            )
            count = max(high - low - past - HORIZON + 1, 0)
            found.check(
                at.ndim == 1 and np.array_equal(np.unique(at), at) and len(at) == count,
                f"All {count} of them are there, in order.",
                f"The {name} part of {rows} rows has {count} windows; there are {at.size}.",
            )
    return found.verdict()


def judge_features(pipeline: ModuleType, quick: bool) -> Verdict:
    """Scaled by the past, and continuous where the clock and the year begin again."""
    found = Findings()
    values, hour, day = world(quick)
    values = np.where(np.isnan(values), np.nanmean(values, axis=0), values).astype(np.float32)
    stop = len(values) // 2
    x = np.asarray(pipeline.features(values.copy(), hour, day, stop))
    if not found.check(
        x.ndim == 2 and len(x) == len(values) and x.shape[1] >= values.shape[1],
        f"There are {x.shape[-1] if x.ndim else 0} numbers for each row.",
        f"There should be an array (N, D), D at least {values.shape[1]}; its shape is {x.shape}.",
    ):
        return found.verdict()
    size = float(np.abs(x[:stop]).max())
    found.numbers["largest number"] = size
    found.check(
        np.isfinite(x).all() and size < 30,
        "All numbers are finite and of the size of a few.",
        f"The largest number of the past is {size:.3g}: scale each column by mean and deviation.",
    )
    other = values.copy()
    other[stop:] = 50 + 9 * values[stop:]
    again = np.asarray(pipeline.features(other, hour, day, stop))
    found.check(
        np.allclose(again[:stop], x[:stop], atol=1e-5),
        "What comes later changes nothing about the past.",
        "Rows before `stop` change with what comes after them: the scale has seen the future.",
    )
    still = np.repeat(values[:1], 48, axis=0)
    clock = np.arange(48, dtype=np.float32) % 24
    same_day = np.full(48, 100, np.float32)
    turned = np.asarray(pipeline.features(still, clock, same_day, 48))
    steps = np.abs(np.diff(turned, axis=0)).max(axis=1)
    found.check(
        steps.max() > 1e-3 and steps[23] < 1.5 * np.median(steps) + 1e-6,
        "Hour 23 is as close to hour 0 as to hour 22.",
        "Hour 23 and hour 0 are far apart, or the hour is missing: put it on a circle.",
    )
    year = np.concatenate([np.linspace(360, 366, 24), np.linspace(1, 7, 24)]).astype(np.float32)
    seasons = np.asarray(pipeline.features(still, np.zeros(48, np.float32), year, 48))
    jump = np.abs(seasons[23] - seasons[24]).max()
    found.check(
        jump < 0.1,
        "The last of December is close to the first of January.",
        "The last of December is far from the first of January: put the day on a circle.",
    )
    return found.verdict()


def judge_baselines(pipeline: ModuleType, quick: bool) -> Verdict:
    """Two forecasts that everybody can compute."""
    found = Findings()
    values, _, _ = world(quick)
    target, at = values[:, 0], np.arange(30, len(values) - HORIZON, 7)
    table = pipeline.baselines(target.copy(), at)
    ahead = at[:, None] + np.arange(1, HORIZON + 1)
    wanted = {
        "persistence": np.repeat(target[at][:, None], HORIZON, 1),
        "yesterday": target[ahead - 24],
    }
    for name, y in wanted.items():
        mine = table.get(name) if isinstance(table, dict) else None
        if found.shape(mine, y.shape, f"`{name}`"):
            found.check(
                np.allclose(mine, y, atol=1e-3),
                f"`{name}` is right.",
                f"`{name}` is another forecast; the brief says which one it is.",
            )
            error = float(np.sqrt(np.mean((np.asarray(mine) - target[ahead]) ** 2)))
            found.numbers[f"{name} (RMSE)"] = error
    return found.verdict()


def judge_forecast(pipeline: ModuleType, quick: bool) -> Verdict:
    """Better than yesterday by a third, and blind to what comes behind an origin."""
    found = Findings()
    values, hour, day = world(quick)
    values = np.where(np.isnan(values), np.nanmean(values, axis=0), values).astype(np.float32)
    border = 3 * len(values) // 4
    inputs = np.asarray(pipeline.features(values.copy(), hour, day, border), np.float32)
    target = values[:, 0].copy()
    train = np.arange(71, border - HORIZON, 5 if quick else 1)
    at = np.arange(border + 71, len(values) - HORIZON, 5)
    y = np.asarray(pipeline.forecast(inputs.copy(), target.copy(), train, at))
    if not found.shape(y, (len(at), HORIZON), "The forecast"):
        return found.verdict()
    ahead = at[:, None] + np.arange(1, HORIZON + 1)
    truth = target[ahead]
    error = float(np.sqrt(np.mean((y - truth) ** 2)))
    other = float(np.sqrt(np.mean((target[ahead - 24] - truth) ** 2)))
    found.numbers |= {"RMSE": error, "RMSE of yesterday": other}
    found.check(
        error < 0.85 * other,
        f"The error is {error:.2f}, that of yesterday's value {other:.2f}.",
        f"The error is {error:.2f}; less than 0.85 of yesterday's {other:.2f} is asked for.",
    )
    few = at[:: max(len(at) // 3, 1)][:3]
    for origin in few.tolist():
        later, rows = target.copy(), inputs.copy()
        later[origin + 1 :] = -40
        rows[origin + 1 :] = 9
        # Training origins end long before: they are the same in both calls.
        again = np.asarray(pipeline.forecast(rows, later, train, np.array([origin])))
        mine = y[at == origin]
        if not found.check(
            np.allclose(again, mine, atol=0.02 * max(float(np.abs(mine).max()), 1)),
            f"The forecast at row {origin} does not know what comes behind it.",
            f"The forecast at row {origin} changes with what comes behind it.",
        ):
            break
    return found.verdict()


def judge_intervals(pipeline: ModuleType, quick: bool) -> Verdict:
    """80 of 100 truths in the interval of 80 %, at each end ten outside."""
    found = Findings()
    draw = np.random.default_rng(170)
    count = 1500
    size = np.linspace(0.5, 4, HORIZON)

    def some() -> tuple[np.ndarray, np.ndarray]:
        middle = draw.normal(10, 8, (count, HORIZON))
        truth = middle + size * draw.standard_t(6, (count, HORIZON))
        return middle.astype(np.float32), truth.astype(np.float32)

    (before, told), (now, truth) = some(), some()
    told[draw.random(told.shape) < 0.1] = np.nan
    q = np.asarray(pipeline.intervals(before.copy(), told.copy(), now.copy()))
    if not found.shape(q, (count, HORIZON, 3), "The quantiles"):
        return found.verdict()
    found.check(
        np.isfinite(q).all() and (np.diff(q, axis=-1) >= 0).all(),
        "The three quantiles ascend.",
        "The quantiles cross, or are not finite.",
    )
    inside = ((q[..., 0] <= truth) & (truth <= q[..., 2])).mean(axis=0)
    total = float(inside.mean())
    width = float((q[..., 2] - q[..., 0]).mean())
    found.numbers |= {"coverage": total, "width": width}
    # Of 1,500 days the coverage of a step has the deviation 0.015, and its rank adds 0.011.
    found.check(
        abs(total - 0.8) < 0.02,
        f"They hold {total:.1%} of the truths.",
        f"They hold {total:.1%} of the truths; 78 to 82 % are asked for.",
    )
    found.check(
        np.abs(inside - 0.8).max() < 0.08,
        "That is so at every step.",
        f"At one step they hold {inside[np.abs(inside - 0.8).argmax()]:.1%}: steps differ.",
    )
    found.check(
        abs(float((q[..., 1] >= truth).mean()) - 0.5) < 0.05,
        "Half of the truths lie below the middle.",
        "The middle quantile does not lie in the middle.",
    )
    return found.verdict()


MILESTONES = (
    Milestone(1, "No gap, and no future in it", ("clean",), judge_clean),
    Milestone(2, "Windows on one side of every border", ("split",), judge_split),
    Milestone(3, "What a model reads", ("features",), judge_features),
    Milestone(4, "What is to be beaten", ("baselines",), judge_baselines),
    Milestone(5, "A forecast", ("forecast", "features"), judge_forecast),
    Milestone(6, "How sure?", ("intervals",), judge_intervals),
)
