"""Project 2: the roofline of this machine, beside the published figures of the M-series.

Three families of computations are timed: matrix products of growing size, elementwise operations,
and polynomials of growing degree, eager and fused into one kernel. The fastest arithmetic and the
fastest traffic make the roof; every computation is a point under it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
from rich.console import Console
from rich.table import Table

from tinymlx import plotting
from tinymlx.basics.costs import Cost, elementwise_cost, matmul_cost
from tinymlx.basics.devices import choose_device, run_on
from tinymlx.basics.measure import compare, measure
from tinymlx.basics.memory import peak_memory
from tinymlx.basics.polynomial import horner, polynomial_cost
from tinymlx.basics.roofline import (
    Machine,
    achieved,
    arithmetic_intensity,
    attainable,
    ridge_point,
)
from tinymlx.data.chips import CHIPS


class Point(NamedTuple):
    """One computation, measured."""

    family: str
    name: str
    cost: Cost
    seconds: float

    @property
    def intensity(self) -> float:
        return arithmetic_intensity(self.cost)

    @property
    def flops(self) -> float:
        return achieved(self.cost, self.seconds).flops

    @property
    def bandwidth(self) -> float:
        return achieved(self.cost, self.seconds).bytes


class Plan(NamedTuple):
    """How much to measure."""

    repeats: int
    longest: float  # seconds: no larger product once one takes this long
    numbers: int  # in the arrays of the elementwise operations and the polynomials
    numbers_on_gpu: int
    degrees: tuple[int, ...]


# The arrays should be larger than the caches. On Linux they should also stay below 32 MiB: from
# there on the allocator takes fresh pages from the system for every result, and mapping those
# takes longer than the arithmetic. 6 million float32 are 24 MB.
QUICK = Plan(5, 0.005, 2_000_000, 16_000_000, degrees=(1, 4, 16))
FULL = Plan(9, 0.2, 6_000_000, 64_000_000, degrees=(1, 2, 4, 8, 16, 32, 64, 128))


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Measure the default device, draw the roofline into ``out``, and return what was measured."""
    console = Console()
    device = choose_device()
    name = str(mx.device_info(device).get("device_name", device))
    console.print(f"[bold]Measuring[/] {name} through MLX on the {_kind(device)}.")
    plan = QUICK if quick else FULL
    if device == mx.Device(mx.gpu):
        plan = plan._replace(numbers=plan.numbers_on_gpu)
    return run_on(device, _measure_all, plan, f"{name} ({_kind(device)})", out)


def _kind(device: mx.Device) -> str:
    return "GPU" if device == mx.Device(mx.gpu) else "CPU"


def _measure_all(plan: Plan, name: str, out: Path) -> dict[str, float]:
    console = Console()
    products = _products(plan)
    x = mx.random.uniform(shape=(plan.numbers,), key=mx.random.key(0))
    mx.eval(x)
    points = [*products, *_elementwise(plan, x), *_polynomials(plan, x, horner, "eager")]
    fused = _fused()
    if fused is None:
        console.print(
            "mx.compile needs a C++ compiler on the CPU and found none: nothing is fused."
        )
    else:
        points += _polynomials(plan, x, fused, "fused")
    machine = Machine(
        name,
        peak=max(point.flops for point in points),
        bandwidth=max(point.bandwidth for point in points),
    )
    console.print(_table(points, machine))
    console.print(
        f"The roof: [bold]{machine.peak / 1e9:.4g} GFLOP/s[/] and "
        f"[bold]{machine.bandwidth / 1e9:.4g} GB/s[/]; the ridge is at "
        f"{ridge_point(machine):.3g} FLOP/byte."
    )
    _draw_roofline(points, machine, out)
    _draw_bandwidths(machine, out)
    last, before = products[-1], products[-2]
    numbers = {
        "peak, GFLOP/s": machine.peak / 1e9,
        "bandwidth, GB/s": machine.bandwidth / 1e9,
        "ridge, FLOP/byte": ridge_point(machine),
        "time of the largest product over that of half its size": last.seconds / before.seconds,
    }
    if fused is not None:
        numbers |= _fusion(x, fused)
        console.print(
            f"Fused, a polynomial of degree 16 is {numbers['gain of fusion']:.2g} times as fast."
        )
    return numbers


def _time(plan: Plan, function: Callable[[], mx.array]) -> float:
    return measure(function, warmup=2, repeats=plan.repeats).median


def _products(plan: Plan) -> list[Point]:
    """Square matrix products, each of twice the size, until one takes long enough."""
    points: list[Point] = []
    size = 64
    while len(points) < 2 or (points[-1].seconds < plan.longest and size <= 8192):
        a = mx.random.uniform(shape=(size, size), key=mx.random.key(size))
        mx.eval(a)
        cost = matmul_cost(size, size, size)
        seconds = _time(plan, lambda a=a: a @ a)
        points.append(Point("matrix product", f"product {size} x {size}", cost, seconds))
        size *= 2
    return points


def _elementwise(plan: Plan, x: mx.array) -> list[Point]:
    """One array in, and two arrays in."""
    shape = (plan.numbers,)
    y = x + 1
    mx.eval(y)
    return [
        Point("elementwise", "x + 1", elementwise_cost(shape), _time(plan, lambda: x + 1)),
        Point("elementwise", "x + y", elementwise_cost(shape, shape), _time(plan, lambda: x + y)),
    ]


def _coefficients(degree: int) -> list[float]:
    return [0.5] * (degree + 1)


def _polynomials(plan: Plan, x: mx.array, function: Callable, how: str) -> list[Point]:
    """The same polynomials, as one kernel for each operation or as one kernel in all."""
    points = []
    for degree in plan.degrees:
        if how == "eager" and degree > 32:
            break  # every further degree does the same again
        coefficients = _coefficients(degree)
        cost = polynomial_cost(plan.numbers, degree, fused=how == "fused")
        seconds = _time(plan, lambda c=coefficients: function(x, c))
        points.append(Point(f"polynomial, {how}", f"{how}, degree {degree}", cost, seconds))
    return points


def _fused() -> Callable[[mx.array, list[float]], mx.array] | None:
    """``horner`` through ``mx.compile``, one compiled function for each degree."""
    ready: dict[int, Callable[[mx.array], mx.array]] = {}

    def function(x: mx.array, coefficients: list[float]) -> mx.array:
        if len(coefficients) not in ready:
            ready[len(coefficients)] = mx.compile(lambda x: horner(x, coefficients))
        return ready[len(coefficients)](x)

    try:
        mx.eval(function(mx.ones((8,)), _coefficients(2)))
    except RuntimeError:
        return None
    return function


def _fusion(x: mx.array, fused: Callable) -> dict[str, float]:
    """Time and memory of one polynomial with and without fusion, raced in turns."""
    coefficients = _coefficients(16)
    race = compare(
        lambda: horner(x, coefficients), lambda: fused(x, coefficients), warmup=1, rounds=5
    )
    return {
        "gain of fusion": race.ratio.median,
        "memory of the fused polynomial, in arrays": (
            peak_memory(lambda: fused(x, coefficients)) / x.nbytes
        ),
    }


def _table(points: list[Point], machine: Machine) -> Table:
    table = Table("computation", "ms", "FLOP/byte", "GFLOP/s", "GB/s", "of the roof")
    for column in table.columns[1:]:
        column.justify = "right"
    for point in points:
        share = point.flops / attainable(point.intensity, machine)
        table.add_row(
            point.name,
            f"{1e3 * point.seconds:.3f}",
            f"{point.intensity:.3g}",
            f"{point.flops / 1e9:.4g}",
            f"{point.bandwidth / 1e9:.4g}",
            f"{100 * share:.0f} %",
        )
    return table


LOOKS = {
    "matrix product": ("o", plotting.BLUE),
    "elementwise": ("s", plotting.ORANGE),
    "polynomial, eager": ("v", plotting.PURPLE),
    "polynomial, fused": ("D", plotting.GREEN),
}


def _draw_roofline(points: list[Point], machine: Machine, out: Path) -> None:
    fig, ax = plotting.figure(width=8, height=5.4)
    right = max(500.0, 4 * max(point.intensity for point in points))
    grid = [10 ** (k / 40) for k in range(-60, 200) if 0.04 <= 10 ** (k / 40) <= right]
    for chip in CHIPS:
        if chip.peak is None:
            continue
        published = Machine(chip.name, chip.peak, chip.bandwidth)
        roof = [attainable(i, published) / 1e9 for i in grid]
        ax.loglog(grid, roof, color=plotting.GREY, lw=1, ls="--")
        ax.annotate(
            chip.name,
            (right, chip.peak / 1e9),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color="#555555",
            annotation_clip=False,
        )
    roof = [attainable(i, machine) / 1e9 for i in grid]
    ax.loglog(grid, roof, color="black", lw=2.5, label="this machine, measured")
    for family, (marker, colour) in LOOKS.items():
        mine = [point for point in points if point.family == family]
        ax.loglog(
            [point.intensity for point in mine],
            [point.flops / 1e9 for point in mine],
            marker,
            color=colour,
            ms=7,
            mec="white",
            mew=0.7,
            label=family,
        )
    ax.set(xlabel="arithmetic intensity, FLOP/byte", ylabel="GFLOP/s", xlim=(0.05, right))
    ax.set_ylim(bottom=min(point.flops for point in points) / 4e9, top=5e4)
    ax.set_title(f"{machine.name}; dashed: float32 roofs that Apple published", fontsize=10)
    ax.legend(loc="lower right")
    plotting.save(fig, out, "roofline")


def _draw_bandwidths(machine: Machine, out: Path) -> None:
    fig, ax = plotting.figure(width=7, height=5.2)
    names = [chip.name for chip in CHIPS] + ["this machine, measured"]
    values = [chip.bandwidth / 1e9 for chip in CHIPS] + [machine.bandwidth / 1e9]
    colours = [plotting.SKY] * len(CHIPS) + [plotting.RED]
    bars = ax.barh(names, values, color=colours)
    ax.bar_label(bars, labels=[f"{value:.4g}" for value in values], padding=3, fontsize=9)
    ax.invert_yaxis()
    ax.set(xlabel="memory bandwidth, GB/s (M1: what its memory can carry; others: Apple)")
    ax.set_xlim(right=1.12 * max(values))
    ax.grid(axis="y", visible=False)
    plotting.save(fig, out, "bandwidths")
