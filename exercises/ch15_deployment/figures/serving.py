"""The figures of the serving half."""

from pathlib import Path
from typing import Any

from matplotlib.patches import Rectangle

from tinymlx import plotting

INK = "#333333"
PALE = ("#bcd9ee", "#f8dea6", "#b5e3d3", "#f0c3a5", "#d9c7e8")

#: Rows, and the least milliseconds of a step: 46 million weights in float32, one core.
STEPS = ((1, 28.9), (2, 32.4), (4, 33.4), (8, 41.5), (16, 51.1), (32, 72.3), (64, 128.2))


def save(fig: Any, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def draw_rows(out: Path) -> None:
    """A step hardly takes longer with more rows, so tokens a second grow with them."""
    fig, (left, right) = plotting.figure(1, 2, width=9.0, height=3.4)
    rows = [n for n, _ in STEPS]
    left.plot(rows, [ms for _, ms in STEPS], "o-", color=plotting.BLUE)
    left.set(ylabel="milliseconds for a step", ylim=(0, None))
    right.plot(rows, [1e3 * n / ms for n, ms in STEPS], "o-", color=plotting.ORANGE)
    right.set(ylabel="tokens in a second", ylim=(0, None))
    for ax in (left, right):
        ax.set_xscale("log", base=2)
        ax.set(xlabel="rows computed together", xticks=rows, xticklabels=rows)
    save(fig, out, "rows")


def box(ax: Any, x: float, y: float, colour: str, text: str = "", width: float = 1.0) -> None:
    """A rectangle with text in its middle."""
    edge = {"facecolor": colour, "edgecolor": INK, "linewidth": 0.8}
    ax.add_patch(Rectangle((x, y), width, 0.8, **edge))
    ax.text(x + width / 2, y + 0.4, text, ha="center", va="center", fontsize=9, color=INK)


def draw_pages(out: Path) -> None:
    """Three texts above, the room below, the table beside it."""
    texts = (
        ("text 1", ["The", "sea", "is", "wide", "and", "deep"], [0, 3]),
        ("text 2", ["Who", "goes", "next", "in", "the"], [1, 2]),
        ("text 3", ["Yes"], [5]),
    )
    fig, ax = plotting.figure(1, 1, width=9.0, height=3.6)
    ax.set_axis_off()
    ax.set(xlim=(-3.4, 24.6), ylim=(-0.9, 5.4))
    for row, (name, words, pages) in enumerate(texts):
        y = 4.4 - 1.05 * row
        ax.text(-0.4, y + 0.4, name, ha="right", va="center", fontsize=9)
        for i, word in enumerate(words):
            box(ax, 1.6 * i, y, PALE[row], word, 1.6)
            place = 4 * pages[i // 4] + i % 4
            box(ax, place, 0.4, PALE[row], str(place))
        said = f"pages {pages}, length {len(words)}"
        ax.text(1.6 * len(words) + 0.5, y + 0.4, said, va="center", fontsize=9, color=INK)
    taken = {4 * p[i // 4] + i % 4 for _, words, p in texts for i in range(len(words))}
    for place in set(range(24)) - taken:
        box(ax, place, 0.4, "white", str(place))
    for page in range(6):
        edge = {"facecolor": "none", "edgecolor": INK, "linewidth": 2.2}
        ax.add_patch(Rectangle((4 * page, 0.4), 4, 0.8, **edge))
        free = all(4 * page + i not in taken for i in range(4))
        name = f"page {page}" + (", free" if free else "")
        ax.text(4 * page + 2, 0.05, name, ha="center", va="top", fontsize=9)
    ax.text(-0.4, 0.8, "the room", ha="right", va="center", fontsize=9)
    save(fig, out, "pages")


LENGTHS = (5, 2, 9, 3, 4, 6, 2, 7, 3, 4)


def draw_continuous(out: Path) -> None:
    """Ten requests on three rows, in two ways."""
    fig, axes = plotting.figure(2, 1, width=9.0, height=4.6)
    batched, start = [], 0
    for first in range(0, len(LENGTHS), 3):
        batch = LENGTHS[first : first + 3]
        batched += [(row, start, n) for row, n in enumerate(batch)]
        start += max(batch)
    ends, filled = [0, 0, 0], []
    for n in LENGTHS:
        row = ends.index(min(ends))
        filled.append((row, ends[row], n))
        ends[row] += n
    titles = ("Batches that wait for their longest", "Rows that are filled again at once")
    for ax, bars, title in zip(axes, (batched, filled), titles, strict=True):
        for number, (row, begin, n) in enumerate(bars):
            box(ax, begin, 2 - row, PALE[number % 5], str(number + 1), n)
        last = max(begin + n for _, begin, n in bars)
        ax.axvline(last, color=plotting.ORANGE, linewidth=1.5)
        ax.text(last + 0.2, 2.4, f"{last} steps", fontsize=9, va="center", color=INK)
        ax.set(xlim=(0, 32), ylim=(-0.1, 3.0), yticks=[0.4, 1.4, 2.4])
        ax.set_yticklabels(["row 3", "row 2", "row 1"])
        ax.set_title(title, fontsize=10)
        ax.grid(False)
    axes[1].set_xlabel("step")
    save(fig, out, "continuous")


#: When requests came and went.
STAYS = ((0.0, 2.5), (1.0, 3.5), (1.5, 6.0), (3.0, 6.5), (5.0, 7.0), (5.5, 9.0), (8.0, 9.5))


def draw_little(out: Path) -> None:
    """Arrivals and departures; the area between them in columns and in rows."""
    fig, axes = plotting.figure(1, 2, width=9.0, height=3.7)
    starts, ends = (sorted(x[i] for x in STAYS) for i in (0, 1))
    for ax in axes:
        for times, colour, name in (
            (starts, plotting.BLUE, "have come"),
            (ends, plotting.ORANGE, "have gone"),
        ):
            count = range(len(times) + 1)
            ax.step([times[0] - 0.5, *times, 10], [*count, len(times)], where="post", color=colour)
            ax.plot([], [], color=colour, label=name)
        ax.set(xlabel="time (s)", ylabel="requests", xlim=(-0.5, 10), ylim=(0, 7.4))
        ax.grid(False)
        ax.legend(loc="upper left")
    edges = sorted({*starts, *ends})
    for a, b in zip(edges, edges[1:]):
        low, high = sum(e <= a for e in ends), sum(s <= a for s in starts)
        if high > low:
            size = {"facecolor": PALE[0], "edgecolor": "white", "linewidth": 1.5}
            axes[0].add_patch(Rectangle((a, low), b - a, high - low, **size))
    for i, (a, b) in enumerate(zip(starts, ends, strict=True)):
        size = {"facecolor": PALE[1], "edgecolor": "white", "linewidth": 1.5}
        axes[1].add_patch(Rectangle((a, i), b - a, 1, **size))
    axes[0].set_title("In columns: how many were there, for how long", fontsize=10)
    axes[1].set_title("In rows: how long each one stayed", fontsize=10)
    save(fig, out, "little")


#: Of 10,000 requests of 64 clients: the percentiles 0 to 100 of their latencies, in milliseconds.
LATENCIES = (
    172,
    225,
    252,
    276,
    297,
    317,
    336,
    348,
    367,
    380,
    392,
    407,
    422,
    438,
    452,
    468,
    481,
    496,
    511,
    524,
    538,
    552,
    564,
    580,
    595,
    609,
    621,
    636,
    650,
    666,
    681,
    696,
    710,
    726,
    739,
    754,
    771,
    783,
    798,
    810,
    823,
    834,
    850,
    863,
    877,
    891,
    906,
    920,
    934,
    947,
    962,
    976,
    990,
    1003,
    1016,
    1032,
    1047,
    1060,
    1073,
    1087,
    1103,
    1117,
    1130,
    1142,
    1158,
    1175,
    1191,
    1208,
    1223,
    1236,
    1255,
    1269,
    1285,
    1301,
    1323,
    1344,
    1363,
    1382,
    1402,
    1426,
    1452,
    1477,
    1504,
    1527,
    1548,
    1578,
    1600,
    1631,
    1659,
    1693,
    1728,
    1771,
    1811,
    1858,
    1924,
    1987,
    2085,
    2227,
    2390,
    2582,
    3401,
)


def draw_latencies(out: Path) -> None:
    """Latencies by their share, and the three figures that are mostly told."""
    fig, ax = plotting.figure(1, 1, width=9.0, height=3.4)
    ax.plot(range(101), LATENCIES, color=plotting.BLUE)
    for q in (50, 95, 99):
        ax.plot([q, q, 0], [0, LATENCIES[q], LATENCIES[q]], color=plotting.ORANGE, linewidth=1.0)
        side = "top" if q == 50 else "bottom"  # above the median runs the mean
        ax.text(1, LATENCIES[q], f" p{q}: {LATENCIES[q]} ms", fontsize=9, va=side, color=INK)
    mean = sum((a + b) / 2 for a, b in zip(LATENCIES, LATENCIES[1:])) / 100
    ax.axhline(mean, color=plotting.GREEN, linestyle="--", linewidth=1.0)
    ax.text(72, mean, f"mean: {mean:.0f} ms", fontsize=9, va="top", color=INK)
    ax.set(xlabel="share of the requests (%)", ylabel="latency (ms)", xlim=(0, 100), ylim=(0, None))
    ax.grid(False)
    save(fig, out, "latencies")


def main(out: Path) -> None:
    draw_rows(out)
    draw_pages(out)
    draw_continuous(out)
    draw_little(out)
    draw_latencies(out)
