"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import math
from pathlib import Path

import mlx.core as mx

from tinymlx import plotting
from tinymlx.basics.clustering import kmeans_step
from tinymlx.basics.features import column_statistics, polynomial_features, standardize
from tinymlx.basics.metrics import mean_squared_error
from tinymlx.basics.regression import (
    back_substitution,
    least_squares,
    mean_squared_error_gradient,
    predict,
    ridge,
)

# Chirps a second of ground crickets and the temperature in degrees Fahrenheit (Pierce, 1948).
CHIRPS = mx.array(
    [20.0, 16.0, 19.8, 18.4, 17.1, 15.5, 14.7, 17.1, 15.4, 16.2, 15.0, 17.2, 16.0, 17.0, 14.4]
)
FAHRENHEIT = mx.array(
    [88.6, 71.6, 93.3, 84.3, 80.6, 75.2, 69.7, 82.0, 69.4, 83.3, 79.6, 82.6, 80.6, 83.5, 76.3]
)
CELSIUS = (FAHRENHEIT - 32) / 1.8


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path) -> None:
    residuals(out)
    bowl(out)
    condition(out)
    degrees(out)
    validation(out)
    folds(out)
    clusters(out)


def residuals(out: Path) -> None:
    """The crickets, the best line, and what it leaves over."""
    fig, ax = plotting.figure(width=6.4, height=3.8)
    line = least_squares(CHIRPS[:, None], CELSIUS)
    fitted = predict(CHIRPS[:, None], *line).tolist()
    for x, y, p in zip(CHIRPS.tolist(), CELSIUS.tolist(), fitted, strict=True):
        ax.plot([x, x], [y, p], color=plotting.RED, lw=1.5)
    ends = mx.array([14.0, 20.5])
    ax.plot(ends.tolist(), predict(ends[:, None], *line).tolist(), color=plotting.BLUE)
    ax.plot(CHIRPS.tolist(), CELSIUS.tolist(), "o", color="black", ms=6)
    ax.annotate("prediction", (18.2, 31.0), color=plotting.BLUE, ha="right", fontweight="bold")
    ax.annotate("residual", (16.1, 22.9), color=plotting.RED, fontweight="bold")
    ax.set(xlabel="chirps of a cricket, 1/s", ylabel="temperature, °C")
    save(fig, out, "residuals")


def bowl(out: Path) -> None:
    """The loss over weight and bias, raw and standardized, with the way down."""
    fig, axes = plotting.figure(1, 2, width=10, height=4.2)
    mean, scale = column_statistics(CHIRPS[:, None])
    tables = (CHIRPS[:, None], standardize(CHIRPS[:, None], mean, scale))
    titles = ("as measured: a long ravine", "standardized: a round bowl")
    rates = (0.003, 0.15)
    spans = (((-0.3, 2.8), (-7, 7)), ((-12, 18), (-3, 50)))
    for ax, x, title, rate, (wide, high) in zip(axes, tables, titles, rates, spans, strict=True):
        w = mx.linspace(*wide, 160)
        b = mx.linspace(*high, 160)
        fitted = w[None, :, None] * x[:, 0] + b[:, None, None]  # (bias, weight, example)
        loss = mx.mean(mx.square(fitted - CELSIUS), axis=2).tolist()
        w, b = w.tolist(), b.tolist()
        ax.contour(w, b, loss, levels=[5, 30, 120, 400, 1200], colors="#AAAAAA", linewidths=0.9)
        weights, bias, path = mx.zeros((1,)), mx.zeros(()), []
        for _ in range(25):
            path.append((weights.item(), bias.item()))
            slope = mean_squared_error_gradient(x, CELSIUS, weights, bias)
            weights, bias = weights - rate * slope.weights, bias - rate * slope.bias
        ax.plot(*zip(*path, strict=True), "o-", color=plotting.RED, ms=4, lw=1.2)
        best = least_squares(x, CELSIUS)
        ax.plot(best.weights.item(), best.bias.item(), "*", color=plotting.BLUE, ms=15)
        ax.set(xlabel="weight, °C per column unit", ylabel="bias, °C", xlim=wide, ylim=high)
        ax.set_title(f"{title} (25 steps, rate {rate:g})", fontsize=11)
        ax.grid(False)
    save(fig, out, "bowl")


def condition(out: Path) -> None:
    """The error of the fitted values against the condition number, for two ways to solve."""
    fig, ax = plotting.figure(width=6.8, height=4)
    t = mx.linspace(0, 1, 60)
    lines: dict[str, list[tuple[float, float]]] = {"QR": [], "normal equations": []}
    for degree in range(1, 9):
        a = mx.concatenate([polynomial_features(t, degree), mx.ones((60, 1))], axis=1)
        y = mx.sum(a, axis=1)  # every coefficient is 1, so that y can be reached exactly
        values = mx.linalg.svd(a, compute_uv=False, stream=mx.cpu)
        number = (values[0] / values[-1]).item()
        q, r = mx.linalg.qr(a, stream=mx.cpu)
        solutions = {
            "QR": back_substitution(r, q.T @ y),
            "normal equations": mx.linalg.solve(a.T @ a, a.T @ y, stream=mx.cpu),
        }
        for name, c in solutions.items():
            lines[name].append((number, max(mx.max(mx.abs(a @ c - y)).item(), 1e-8)))
    ax.loglog(*zip(*lines["normal equations"], strict=True), "s-", color=plotting.RED)
    ax.loglog(*zip(*lines["QR"], strict=True), "o-", color=plotting.BLUE)
    ax.annotate("normal equations", (3e2, 4e-4), color=plotting.RED, ha="right", fontweight="bold")
    ax.annotate(
        "QR and back substitution", (2e4, 6e-8), color=plotting.BLUE, ha="center", fontweight="bold"
    )
    ax.set(xlabel="condition number of the columns", ylabel="worst error of a fitted value")
    ax.set_ylim(2e-8, 1)
    save(fig, out, "condition")


def sample(count: int, key: int) -> tuple[mx.array, mx.array]:
    """Points of the lesson's curve, sin(3x), with noise of standard deviation 0.3."""
    place, noise = mx.random.split(mx.random.key(key))
    x = mx.random.uniform(-1, 1, (count,), key=place)
    return x, mx.sin(3 * x) + 0.3 * mx.random.normal((count,), key=noise)


def curve(x: mx.array, y: mx.array, degree: int, penalty: float = 0.0):
    """A fitted polynomial, as a function."""
    powers = polynomial_features(x, degree)
    mean, scale = column_statistics(powers)
    columns = standardize(powers, mean, scale)
    line = ridge(columns, y, penalty) if penalty else least_squares(columns, y)
    return lambda x: predict(standardize(polynomial_features(x, degree), mean, scale), *line)


def degrees(out: Path) -> None:
    """The same fifteen points and three polynomials: too stiff, about right, too supple."""
    fig, axes = plotting.figure(1, 3, width=10, height=3.6, sharey=True)
    x, y = sample(15, 2)
    grid = mx.linspace(-1, 1, 201)
    names = ("degree 1: underfits", "degree 3: about right", "degree 12: overfits")
    for ax, degree, name in zip(axes, (1, 3, 12), names, strict=True):
        ax.plot(grid.tolist(), mx.sin(3 * grid).tolist(), "--", color=plotting.GREY, lw=1.5)
        ax.plot(grid.tolist(), curve(x, y, degree)(grid).tolist(), color=plotting.RED)
        ax.plot(x.tolist(), y.tolist(), "o", color="black", ms=6)
        ax.set(title=name, xlabel="x", ylim=(-2.2, 2.2))
    axes[0].set_ylabel("y")
    axes[0].annotate(
        "dashed: the curve behind the points", (-0.95, 1.8), fontsize=9, color="#555555"
    )
    save(fig, out, "degrees")


def validation(out: Path) -> None:
    """Training and test error against the degree."""
    fig, ax = plotting.figure(width=6.8, height=3.9)
    x, y = sample(15, 2)
    new_x, new_y = sample(500, 1000)
    degrees = list(range(1, 13))
    seen, unseen = [], []
    for degree in degrees:
        model = curve(x, y, degree)
        seen.append(math.sqrt(mean_squared_error(model(x), y).item()))
        unseen.append(math.sqrt(mean_squared_error(model(new_x), new_y).item()))
    ax.semilogy(degrees, unseen, "^-", color=plotting.RED)
    ax.semilogy(degrees, seen, "o-", color=plotting.BLUE)
    ax.axhline(0.3, color=plotting.GREY, lw=1, ls="--")
    ax.annotate("500 new points", (10.4, 1.5), color=plotting.RED, ha="right", fontweight="bold")
    ax.annotate("the 15 training points", (8, 0.165), color=plotting.BLUE, fontweight="bold")
    ax.annotate("the noise itself", (1, 0.27), color="#555555", fontsize=9, va="top")
    ax.set(xlabel="degree of the polynomial", ylabel="root mean squared error", xticks=degrees)
    ax.set_yticks([0.2, 0.5, 1, 2, 4], ["0.2", "0.5", "1", "2", "4"])
    ax.set_ylim(0.13, 5)
    ax.minorticks_off()
    save(fig, out, "validation")


def folds(out: Path) -> None:
    """Eleven examples in four folds."""
    fig, ax = plotting.figure(width=7.2, height=2.9)
    sizes = (3, 3, 3, 2)
    start = 0
    for row, size in enumerate(sizes):
        for i in range(11):
            inside = start <= i < start + size
            colour = plotting.ORANGE if inside else plotting.SKY
            ax.add_patch(_box(i, row, colour))
            ax.annotate(str(i), (i + 0.5, row + 0.5), ha="center", va="center", fontsize=10)
        start += size
    ax.set(xlim=(0, 11), ylim=(4, 0), yticks=[0.5, 1.5, 2.5, 3.5], xticks=[])
    ax.set_yticklabels([f"round {k}" for k in range(1, 5)])
    ax.set_xlabel("blue: fitted to          orange: validates")
    ax.grid(False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    save(fig, out, "folds")


def _box(x: float, y: float, colour: str):
    from matplotlib.patches import Rectangle

    return Rectangle((x + 0.05, y + 0.12), 0.9, 0.76, facecolor=colour, edgecolor="none")


def clusters(out: Path) -> None:
    """k-means from its start to its end."""
    fig, axes = plotting.figure(1, 4, width=11, height=3.3, sharey=True, sharex=True)
    centres = mx.array([[0.0, 0.0], [4.0, 0.5], [1.5, 3.5]])
    noise = mx.random.normal((3, 24, 2), key=mx.random.key(4))
    x = (centres[:, None] + 0.8 * noise).reshape(-1, 2)
    centroids = x[mx.array([3, 8, 21])]  # three points of one group: a bad start
    colours = (plotting.BLUE, plotting.RED, plotting.GREEN)
    shown = {0: "the start", 1: "after 1 step", 2: "after 2 steps"}
    step, places, before = 0, iter(axes), None
    while True:
        moved, labels = kmeans_step(x, centroids)
        done = before is not None and mx.array_equal(labels, before)
        if step in shown or done:
            ax = next(places)
            _draw_clusters(ax, x, centroids, labels, colours)
            ax.set_title(shown.get(step, f"the end, {step} steps"))
        if done:
            break
        before, centroids, step = labels, moved, step + 1
    axes[0].set_ylabel("column 2")
    save(fig, out, "clusters")


def _draw_clusters(ax, x, centroids, labels, colours) -> None:
    for k, colour in enumerate(colours):
        rows = [p for p, own in zip(x.tolist(), labels.tolist(), strict=True) if own == k]
        if rows:
            ax.plot(*zip(*rows, strict=True), plotting.MARKERS[k], color=colour, ms=4, mew=0)
        ax.plot(
            *centroids[k].tolist(), plotting.MARKERS[k], color=colour, ms=12, mec="black", mew=1.5
        )
    ax.set_xlabel("column 1")


if __name__ == "__main__":
    main(Path(__file__).parent)
