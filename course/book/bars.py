"""Bars of time as a drawing: each with its name, its quartiles as a whisker, its median as text."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import floor, log10
from typing import Any

from course.bench.chart import COLORS
from course.bench.rows import rank

WIDTH, LABEL, VALUE, STEP, BAR = 390, 130, 76, 27, 15  # in points; a row is STEP high
INK, LINE, OTHER = "#000000", "#d0d0d0", "#999999"


def milliseconds(seconds: float) -> str:
    """A time to three digits, without an exponent."""
    value = float(f"{seconds * 1e3:.3g}")
    return f"{value:.{max(0, 2 - floor(log10(value)))}f}"


def bars(candidates: dict[str, dict[str, Any]]) -> str:
    """The candidates of a benchmark as an SVG, in the units that figures of lessons have."""
    names = sorted(candidates, key=rank)
    high = STEP * len(names) + 26
    longest = max(timing["high"] for timing in candidates.values()) * 1e3
    scale = (WIDTH - LABEL - VALUE) / longest
    drawn = [*_ticks(longest, scale, STEP * len(names) + 4)]
    for row, name in enumerate(names):
        drawn += _row(name, candidates[name], row * STEP + 2, scale)
    inner = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}pt" height="{high}pt" '
        f'viewBox="0 0 {WIDTH} {high}" font-family="sans-serif" font-size="11">\n{inner}\n</svg>\n'
    )


def _row(name: str, timing: dict[str, Any], top: float, scale: float) -> Iterator[str]:
    low, median, high = (LABEL + timing[part] * 1e3 * scale for part in ("low", "median", "high"))
    middle = top + STEP / 2
    colour = COLORS.get(name.partition("_")[0], OTHER)
    whisker = f"M{low:.2f},{middle}H{high:.2f}M{low:.2f},{middle - 4}v8M{high:.2f},{middle - 4}v8"
    yield _text(LABEL - 7, middle + 4, name.replace("_", " "), "end")
    yield (
        f'<rect x="{LABEL}" y="{middle - BAR / 2}" width="{max(median - LABEL, 0.5):.2f}" '
        f'height="{BAR}" style="fill: {colour}"/>'
    )
    yield f'<path d="{whisker}" style="fill: none; stroke: {INK}; stroke-width: 1.2"/>'
    yield _text(max(high, median) + 7, middle + 4, f"{milliseconds(timing['median'])} ms", "start")


def _ticks(longest: float, scale: float, bottom: float) -> Iterator[str]:
    """The axis: zero, and two to five round numbers of milliseconds."""
    rough = 10.0 ** floor(log10(longest))
    step = next(part * rough for part in (0.2, 0.5, 1.0, 2.0) if longest / (part * rough) <= 5)
    digits = max(0, -floor(log10(step) + 1e-9))
    for count in range(int(longest / step + 1e-9) + 1):
        x = LABEL + count * step * scale
        style = f"fill: none; stroke: {LINE}; stroke-width: .5"
        yield f'<path d="M{x:.2f},0V{bottom}" style="{style}"/>'
        said = f"{count * step:.{digits}f}" if count else "0 ms"
        yield _text(x, bottom + 14, said, "middle")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}">{escape(text)}</text>'
