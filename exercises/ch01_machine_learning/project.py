"""Project 1: the yearly temperature curve of a city, and the kinds of its days.

Part one pretends that we own 40 daily temperatures and want the whole curve: polynomials of
growing degree are fitted to 40 days of 2012 to 2014 and examined on all of 2015, a year that no
fit ever sees. Part two sorts the days into kinds with k-means, without being told the season.
"""

import math
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
from rich.console import Console
from rich.table import Table

from tinymlx import plotting
from tinymlx.basics.clustering import kmeans, kmeans_plus_plus
from tinymlx.basics.features import column_statistics, polynomial_features, standardize
from tinymlx.basics.metrics import mean_squared_error, r_squared
from tinymlx.basics.regression import Coefficients, gradient_descent, least_squares, predict, ridge
from tinymlx.basics.splits import cross_validate, train_test_split
from tinymlx.data import weather

TRAINING_DAYS = 40
DEGREES = range(1, 13)
KINDS = 4

Model = Callable[[mx.array], mx.array]
Fit = Callable[[mx.array, mx.array], Model]


def polynomial_fit(degree: int, solver: Callable[[mx.array, mx.array], Coefficients]) -> Fit:
    """A way to fit: powers of the day, standardized by the days at hand, then ``solver``."""

    def fit(day: mx.array, temperature: mx.array) -> Model:
        powers = polynomial_features(day, degree)
        mean, scale = column_statistics(powers)
        coefficients = solver(standardize(powers, mean, scale), temperature)

        def model(day: mx.array) -> mx.array:
            columns = standardize(polynomial_features(day, degree), mean, scale)
            return predict(columns, *coefficients)

        return model

    return fit


def error(model: Model, day: mx.array, temperature: mx.array) -> float:
    """The root of the mean squared error, in degrees Celsius."""
    return math.sqrt(mean_squared_error(model(day), temperature).item())


def validated_error(fit: Fit, day: mx.array, temperature: mx.array) -> float:
    """The same error, estimated by cross-validation on the training days alone."""
    scores = cross_validate(fit, day, temperature, folds=5, key=mx.random.key(1))
    return math.sqrt(mx.mean(scores).item())


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Run both parts, write their pictures into ``out``, and return what was measured."""
    console = Console()
    days = weather.load()
    console.print(f"[bold]Weather of Seattle[/]: {len(days)} days, {days.source}.")
    return fit_the_year(days, out, quick, console) | sort_the_days(days, out, console)


# Part one: a curve through the year


def fit_the_year(
    days: weather.Weather, out: Path, quick: bool, console: Console
) -> dict[str, float]:
    """Choose a polynomial's degree, and tame a polynomial whose degree is too high."""
    position = days.day_of_year / 183 - 1  # from -1 on New Year's Day to 1 on New Year's Eve
    past = mx.array([i for i, year in enumerate(days.year.tolist()) if year < 2015])
    future = mx.array([i for i, year in enumerate(days.year.tolist()) if year == 2015])
    day, _, temperature, _ = train_test_split(
        position[past],
        days.temperature[past],
        test_fraction=1 - TRAINING_DAYS / len(past),
        key=mx.random.key(0),
    )
    test = position[future], days.temperature[future]

    rows, models = [], {}
    for degree in DEGREES:
        fit = polynomial_fit(degree, least_squares)
        models[degree] = fit(day, temperature)
        seen = error(models[degree], day, temperature)
        rows.append(
            (degree, seen, validated_error(fit, day, temperature), error(models[degree], *test))
        )
    chosen = min(rows, key=lambda row: row[2])[0]
    console.print(_error_table(rows, chosen))

    penalties = [10.0**power for power in (range(-4, 4, 2) if quick else range(-5, 4))]
    ridged, penalty_rows = {}, []
    for penalty in penalties:
        fit = polynomial_fit(DEGREES[-1], lambda x, y, p=penalty: ridge(x, y, p))
        ridged[penalty] = fit(day, temperature)
        cv = validated_error(fit, day, temperature)
        penalty_rows.append((penalty, cv, error(ridged[penalty], *test)))
    penalty = min(penalty_rows, key=lambda row: row[1])[0]

    walked = polynomial_fit(
        2, lambda x, y: gradient_descent(x, y, learning_rate=0.3, steps=100 if quick else 300)[0]
    )(day, temperature)

    mean = mx.mean(temperature)
    baseline = error(lambda day: mx.full(day.shape, mean), *test)
    errors = {degree: examined for degree, _, _, examined in rows}
    numbers = {
        "test error of the mean, °C": baseline,
        "chosen degree": float(chosen),
        "test error of the chosen degree, °C": errors[chosen],
        "test error of the highest degree, °C": errors[DEGREES[-1]],
        "chosen penalty": penalty,
        "test error of the highest degree with ridge, °C": error(ridged[penalty], *test),
        "test error of gradient descent, degree 2, °C": error(walked, *test),
        "test error of degree 2, °C": errors[2],
        "test R² of the chosen degree": r_squared(models[chosen](test[0]), test[1]).item(),
    }
    console.print(
        f"Cross-validation chooses degree [bold]{chosen}[/]: {errors[chosen]:.2f} °C on 2015 "
        f"(always answering the mean: {baseline:.2f} °C). Ridge with penalty {penalty:g} brings "
        f"degree {DEGREES[-1]} from {errors[DEGREES[-1]]:.2f} to "
        f"{numbers['test error of the highest degree with ridge, °C']:.2f} °C."
    )
    curves = [
        ("degree 1", models[1], "--", plotting.SKY),
        (f"degree {chosen}, chosen", models[chosen], "-", plotting.BLUE),
        (f"degree {DEGREES[-1]}", models[DEGREES[-1]], "-", plotting.RED),
        (f"degree {DEGREES[-1]}, ridge", ridged[penalty], "-.", plotting.GREEN),
    ]
    _draw_curves(curves, (day, temperature), test, out, days.source)
    _draw_errors(rows, chosen, penalty_rows, penalty, baseline, out)
    return numbers


def _error_table(rows: list[tuple[int, float, float, float]], chosen: int) -> Table:
    table = Table("degree", "training, °C", "cross-validated, °C", "2015 (test), °C")
    for degree, *numbers in rows:
        style = "bold" if degree == chosen else None
        table.add_row(str(degree), *(f"{number:.2f}" for number in numbers), style=style)
    return table


def _draw_curves(curves: list[tuple], training, test, out: Path, source: str) -> None:
    fig, ax = plotting.figure(width=8, height=4.6)

    def to_day(position: mx.array) -> list[float]:
        return [183 * (p + 1) for p in position.tolist()]

    ax.plot(
        to_day(test[0]),
        test[1].tolist(),
        ".",
        color="#BBBBBB",
        ms=4,
        label="2015, only for testing",
    )
    ax.plot(to_day(training[0]), training[1].tolist(), "o", color="black", label="40 training days")
    position = mx.linspace(1 / 183 - 1, 1, 366)
    for name, model, line, colour in curves:
        ax.plot(to_day(position), model(position).tolist(), line, color=colour, label=name)
    ax.set(xlabel="day of the year", ylabel="mean temperature of the day, °C", ylim=(-8, 38))
    ax.set_title(f"Seattle: {source}", fontsize=10, loc="left", color="#444444")
    ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.0))
    plotting.save(fig, out, "temperature")


def _draw_errors(rows, chosen, penalty_rows, penalty, baseline: float, out: Path) -> None:
    fig, (left, right) = plotting.figure(1, 2, width=10, height=4.2, sharey=True)
    degree, seen, validated, examined = zip(*rows, strict=True)
    left.plot(degree, seen, "o-", color=plotting.SKY, label="training days")
    left.plot(degree, validated, "s--", color=plotting.ORANGE, label="cross-validation")
    left.plot(degree, examined, "^-", color=plotting.RED, label="2015 (test)")
    left.axvline(chosen, color="black", lw=1, ls=":")
    left.annotate("chosen", (chosen, 1.15), xytext=(4, 0), textcoords="offset points")
    left.set(xlabel="degree of the polynomial", ylabel="root mean squared error, °C")
    left.set(ylim=(1, 10), xticks=degree, title="least squares")
    penalties, validated, examined = zip(*penalty_rows, strict=True)
    right.semilogx(penalties, validated, "s--", color=plotting.ORANGE, label="cross-validation")
    right.semilogx(penalties, examined, "^-", color=plotting.RED, label="2015 (test)")
    right.axvline(penalty, color="black", lw=1, ls=":")
    right.annotate("chosen", (penalty, 1.15), xytext=(4, 0), textcoords="offset points")
    right.set(xlabel="penalty λ", title=f"ridge, degree {DEGREES[-1]}")
    for ax in (left, right):
        ax.axhline(baseline, color=plotting.GREY, lw=1)
    left.annotate("always the mean", (5.3, baseline + 0.1), color="#555555")
    left.legend(loc="upper center")
    right.legend(loc="upper center")
    plotting.save(fig, out, "errors")


# Part two: kinds of days


def sort_the_days(days: weather.Weather, out: Path, console: Console) -> dict[str, float]:
    """Cluster the days by temperature and daily range, and see when each kind occurs."""
    span = days.temp_max - days.temp_min
    table = mx.stack([days.temperature, span], axis=1)  # (N, 2)
    mean, scale = column_statistics(table)
    points = standardize(table, mean, scale)
    runs = [
        kmeans(points, kmeans_plus_plus(points, KINDS, mx.random.key(seed))) for seed in range(5)
    ]
    best = min(runs, key=lambda run: run.inertia[-1].item())
    centres = (best.centroids * scale + mean).tolist()
    order = sorted(range(KINDS), key=lambda k: centres[k])  # the coldest first
    rank = {k: i for i, k in enumerate(order)}
    labels = [rank[k] for k in best.labels.tolist()]
    centres = [centres[k] for k in order]
    alone = kmeans(points, points[:1]).inertia[-1].item()
    explained = 1 - best.inertia[-1].item() / alone
    console.print(
        f"k-means needs {len(best.inertia)} steps; its {KINDS} centres explain "
        f"{100 * explained:.0f} % of the variation of temperature and daily range."
    )
    _draw_days(table, labels, centres, days, out)
    months = days.month.tolist()
    summer = [label for label, month in zip(labels, months, strict=True) if month in (7, 8)]
    return {
        "variation explained by the kinds of days": explained,
        "steps of k-means": float(len(best.inertia)),
        "share of the two warmest kinds in July and August": (
            sum(label >= KINDS - 2 for label in summer) / len(summer)
        ),
    }


def _draw_days(table, labels, centres, days: weather.Weather, out: Path) -> None:
    fig, (left, right) = plotting.figure(1, 2, width=10, height=4.4)
    colours = (plotting.BLUE, plotting.GREEN, plotting.ORANGE, plotting.RED)
    counts = [[0] * 12 for _ in range(KINDS)]
    for label, month in zip(labels, days.month.tolist(), strict=True):
        counts[label][month - 1] += 1
    totals = [sum(column) for column in zip(*counts, strict=True)]
    below = [0.0] * 12
    for kind, (temperature, span) in enumerate(centres):
        rows = [row for row, label in zip(table.tolist(), labels, strict=True) if label == kind]
        marker = plotting.MARKERS[kind]
        left.plot(*zip(*rows, strict=True), marker, color=colours[kind], ms=3, alpha=0.5, mew=0)
        left.plot(temperature, span, marker, color=colours[kind], ms=13, mec="black", mew=1.5)
        share = [100 * n / total for n, total in zip(counts[kind], totals, strict=True)]
        name = f"{temperature:.0f} °C, range {span:.0f} °C"
        right.bar(range(12), share, bottom=below, color=colours[kind], label=name, width=0.85)
        below = [a + b for a, b in zip(below, share, strict=True)]
    left.set(xlabel="mean temperature of the day, °C", ylabel="warmest minus coldest, °C")
    left.set_title("each dot is a day, each large mark a centre")
    right.set(ylabel="share of the days, %", xlabel="month", ylim=(0, 100))
    right.set_xticks(range(12), list("JFMAMJJASOND"))
    right.grid(False)
    right.set_title("when each kind occurs (centres in the legend)")
    fig.legend(loc="outside lower right", ncols=2)
    plotting.save(fig, out, "days")
