"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``.

Nothing here is measured: the figures show published numbers, costs that are counted, and made-up
durations drawn from a seed, so that they are the same on every machine.
"""

import random
from pathlib import Path

from tinymlx import plotting
from tinymlx.basics.costs import elementwise_cost, matmul_cost
from tinymlx.basics.measure import summarize
from tinymlx.basics.polynomial import polynomial_cost
from tinymlx.basics.roofline import Machine, arithmetic_intensity, attainable, ridge_point
from tinymlx.data.chips import CHIPS


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path) -> None:
    timeline(out)
    samples(out)
    turns(out)
    memory(out)
    bandwidths(out)
    roofline(out)


def _box(ax, x, y, width, height, colour, text="", **options) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="white", lw=1.5))
    settings = {"ha": "center", "va": "center", "fontsize": 10, **options}
    ax.annotate(text, (x + width / 2, y + height / 2), **settings)


def timeline(out: Path) -> None:
    """What Python and the device do during a lazy call, and where two stopwatches stop."""
    fig, ax = plotting.figure(width=8, height=2.9)
    _box(ax, 0, 1.1, 0.7, 0.8, plotting.ORANGE, "record")
    _box(ax, 0.7, 1.1, 0.6, 0.8, plotting.YELLOW, "eval")
    _box(ax, 1.3, 1.1, 4.7, 0.8, "#EEEEEE", "wait: synchronize")
    _box(ax, 1.3, 0.1, 4.7, 0.8, plotting.SKY, "compute")
    for x, text, colour in (
        (0, "start", "black"),
        (0.7, "stop: only recorded", plotting.RED),
        (6, "stop: done", plotting.BLUE),
    ):
        ax.plot([x, x], [0, 2.2], color=colour, lw=2)
        side = "right" if x == 6 else "left"
        ax.annotate(text, (x, 2.3), ha=side, color=colour, fontweight="bold", fontsize=10)
    ax.set(xlim=(-0.15, 6.3), ylim=(0, 2.6), yticks=[0.5, 1.5], xticks=[])
    ax.set_yticklabels(["device", "Python"])
    ax.set_xlabel("time")
    ax.grid(False)
    ax.spines[["left"]].set_visible(False)
    ax.tick_params(length=0)
    save(fig, out, "timeline")


def samples(out: Path) -> None:
    """A hundred durations, a few of them interrupted; the mean and the median."""
    draw = random.Random(1)
    values = [10 + draw.expovariate(2) for _ in range(100)]
    values = [v + draw.uniform(15, 60) if draw.random() < 0.07 else v for v in values]
    timing, mean = summarize(values), sum(values) / len(values)
    fig, ax = plotting.figure(width=7.2, height=3.2)
    ax.plot(range(100), values, "o", color=plotting.GREY, ms=4)
    ax.axhspan(timing.low, timing.high, color=plotting.SKY, alpha=0.5, lw=0)
    ax.axhline(timing.median, color=plotting.BLUE, lw=1.5)
    ax.axhline(mean, color=plotting.RED, lw=1.5, ls="--")
    ax.annotate(
        f"mean {mean:.1f} ms",
        (101, mean),
        va="bottom",
        color=plotting.RED,
        fontweight="bold",
        annotation_clip=False,
    )
    ax.annotate(
        f"median {timing.median:.1f} ms",
        (101, timing.median),
        va="top",
        color=plotting.BLUE,
        fontweight="bold",
        annotation_clip=False,
    )
    ax.set(xlabel="call", ylabel="ms", xlim=(-2, 132), ylim=(0, 75), xticks=range(0, 101, 20))
    save(fig, out, "samples")


def turns(out: Path) -> None:
    """Two equally fast candidates on a machine that slows down."""
    fig, axes = plotting.figure(1, 2, width=9, height=3.2, sharey=True)
    slow = [10 + 0.25 * call for call in range(20)]
    orders = ([0] * 10 + [1] * 10, [0, 1] * 10)
    for ax, order, name in zip(axes, orders, ("one after the other", "in turns"), strict=True):
        sums = []
        for who, colour, marker in ((0, plotting.BLUE, "o"), (1, plotting.ORANGE, "s")):
            calls = [i for i, turn in enumerate(order) if turn == who]
            times = [slow[i] for i in calls]
            ax.plot(calls, times, marker, color=colour, ms=7, label="AB"[who])
            sums.append(sum(times))
        ax.set(title=f"{name}: A/B = {sums[0] / sums[1]:.2f}", xlabel="call", ylim=(8, 16))
        ax.set_xticks(range(0, 20, 5))
    axes[0].set_ylabel("ms")
    axes[0].legend(loc="upper left")
    save(fig, out, "turns")


def memory(out: Path) -> None:
    """Separate memories and a unified one."""
    fig, axes = plotting.figure(1, 2, width=9, height=3.1)
    left, right = axes
    _box(left, 0, 2, 2, 0.9, plotting.ORANGE, "CPU")
    _box(left, 0, 0.5, 2, 0.9, "#DDDDDD", "main memory")
    _box(left, 4, 2, 2, 0.9, plotting.SKY, "GPU")
    _box(left, 4, 0.5, 2, 0.9, "#DDDDDD", "video memory")
    _arrow(left, (1, 2), (1, 1.4))
    _arrow(left, (5, 2), (5, 1.4))
    _arrow(left, (2, 0.95), (4, 0.95))
    left.annotate("copy", (3, 1.05), ha="center", color=plotting.RED, fontweight="bold")
    left.set_title("a PC with a graphics card")
    _box(right, 0, 2, 2, 0.9, plotting.ORANGE, "CPU")
    _box(right, 4, 2, 2, 0.9, plotting.SKY, "GPU")
    _box(right, 0, 0.5, 6, 0.9, "#DDDDDD", "unified memory")
    _arrow(right, (1, 2), (1, 1.4))
    _arrow(right, (5, 2), (5, 1.4))
    right.set_title("Apple silicon")
    for ax in axes:
        ax.set(xlim=(-0.1, 6.1), ylim=(0.3, 3.1))
        ax.set_axis_off()
    save(fig, out, "memory")


def _arrow(ax, start, end) -> None:
    style = {"arrowstyle": "<->", "lw": 2, "color": "#444444", "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style)


def bandwidths(out: Path) -> None:
    """The published memory bandwidths."""
    fig, ax = plotting.figure(width=6.6, height=4.6)
    names = [chip.name for chip in CHIPS]
    values = [chip.bandwidth / 1e9 for chip in CHIPS]
    family = {"M1": plotting.BLUE, "M2": plotting.ORANGE, "M3": plotting.GREEN}
    family |= {"M4": plotting.PURPLE, "M5": plotting.RED}
    bars = ax.barh(names, values, color=[family[name[:2]] for name in names])
    ax.bar_label(bars, labels=[f"{value:.3g}" for value in values], padding=3, fontsize=9)
    ax.invert_yaxis()
    ax.set(xlabel="memory bandwidth, GB/s", xlim=(0, 900))
    ax.grid(axis="y", visible=False)
    save(fig, out, "bandwidths")


def roofline(out: Path) -> None:
    """The roof of the M1's GPU, and where some computations stand under it."""
    fig, ax = plotting.figure(width=7.6, height=4.6)
    m1 = Machine("M1", CHIPS[0].peak, CHIPS[0].bandwidth)
    ridge = ridge_point(m1)
    ends = [0.05, ridge, 1000]
    ax.loglog(ends, [attainable(i, m1) / 1e9 for i in ends], color="black", lw=2.5)
    ax.axvspan(0.05, ridge, color=plotting.SKY, alpha=0.18, lw=0)
    ax.axvspan(ridge, 1000, color=plotting.ORANGE, alpha=0.18, lw=0)
    ax.annotate(
        "waits for memory", (0.07, 4000), fontsize=10, color=plotting.BLUE, fontweight="bold"
    )
    ax.annotate("waits for arithmetic", (48, 4000), fontsize=10, color="#A06000", fontweight="bold")
    ax.annotate(f"ridge: {ridge:.0f} FLOP/byte", (ridge * 1.1, 1250), fontsize=9)
    ax.annotate("2.6 TFLOP/s", (950, 1800), fontsize=9, ha="right")
    ax.annotate("68 GB/s", (0.5, 46), fontsize=9, rotation=39, ha="center")
    n = 1_000_000
    computations = (
        ("x + y", elementwise_cost((n,), (n,)), "o"),
        ("polynomial of degree 16, eager", polynomial_cost(n, 16, fused=False), "v"),
        ("the same, fused", polynomial_cost(n, 16, fused=True), "D"),
        ("product of 64 x 64", matmul_cost(64, 64, 64), "s"),
        ("product of 1024 x 1024", matmul_cost(1024, 1024, 1024), "P"),
    )
    colours = (plotting.ORANGE, plotting.PURPLE, plotting.GREEN, plotting.BLUE, plotting.RED)
    for (name, cost, marker), colour in zip(computations, colours, strict=True):
        intensity = arithmetic_intensity(cost)
        ax.loglog(
            intensity,
            attainable(intensity, m1) / 1e9,
            marker,
            color=colour,
            ms=10,
            mec="white",
            label=f"{name}: {intensity:.3g} FLOP/byte",
        )
    ax.legend(loc="lower right", fontsize=9)
    ax.set(xlabel="arithmetic intensity, FLOP/byte", ylabel="attainable GFLOP/s")
    ax.set(xlim=(0.05, 1000), ylim=(2, 7000))
    save(fig, out, "roofline")


if __name__ == "__main__":
    main(Path(__file__).parent)
