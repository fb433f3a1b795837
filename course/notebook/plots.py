"""A failure as a picture: what came back beside what should have.

A row of numbers becomes two lines, several rows become tiles. Drawn as SVG by hand, for it appears
with a verdict, which should not wait until a library for pictures has been imported.
"""

from __future__ import annotations

from html import escape
from typing import Any

Rows = list[list[float | None]]
YOURS, EXPECTED = "#D55E00", "#0072B2"  # of Okabe and Ito's colours, as in the lessons
WIDE, HIGH, EDGE = 420.0, 130.0, 26.0
TEXT = "font-family='sans-serif' font-size='12'"


def plot(drawing: dict[str, Any], words: dict[str, str]) -> str:
    """Both arrays as SVG.

    Args:
        drawing: as :func:`course.grading.pictured.pictured` gives it.
        words: what ``yours`` and ``expected`` are called.
    """
    yours, expected = drawing["yours"], drawing["expected"]
    return (lines if len(yours) == 1 else tiles)(yours, expected, words)


def ends(*arrays: Rows) -> tuple[float, float]:
    """The least and the largest number; 0 and 1 if there is none, never the same twice."""
    numbers = [x for rows in arrays for row in rows for x in row if x is not None]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def lines(yours: Rows, expected: Rows, words: dict[str, str]) -> str:
    """Two vectors over their index. What is no number is a gap."""
    low, high = ends(yours, expected)
    step = (WIDE - 2 * EDGE) / max(len(expected[0]) - 1, 1)
    parts = []
    for row, colour, size in ((expected[0], EXPECTED, 5.0), (yours[0], YOURS, 3.0)):
        places = [
            (EDGE + i * step, EDGE + (HIGH - EDGE) * (high - x) / (high - low))
            for i, x in enumerate(row)
            if x is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f"<polyline points='{path}' fill='none' stroke='{colour}'/>")
        parts += [
            f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{size}' fill='{colour}'/>" for x, y in places
        ]
    return framed("".join(parts), WIDE, HIGH + EDGE, legend(words) + scale(low, high))


def tiles(yours: Rows, expected: Rows, words: dict[str, str]) -> str:
    """Two matrices side by side, in one scale of greys."""
    low, high = ends(yours, expected)
    side = max(4.0, min(22.0, 190.0 / len(yours[0]), 190.0 / len(yours)))
    across, down = side * len(yours[0]), side * len(yours)
    parts, left = [], EDGE
    for name, rows, colour in (("yours", yours, YOURS), ("expected", expected, EXPECTED)):
        parts.append(f"<text x='{left}' y='16' fill='{colour}' {TEXT}>{escape(words[name])}</text>")
        for i, row in enumerate(rows):
            for j, x in enumerate(row):
                grey = "#CC79A7" if x is None else shade((x - low) / (high - low))
                place = f"x='{left + j * side:.1f}' y='{EDGE + i * side:.1f}'"
                parts.append(
                    f"<rect {place} width='{side:.1f}' height='{side:.1f}' fill='{grey}'/>"
                )
        left += across + EDGE
    note = f"{low:.4g} " + "\u2591\u2592\u2593" + f" {high:.4g}"
    parts.append(f"<text x='{EDGE}' y='{EDGE + down + 18:.0f}' fill='#888' {TEXT}>{note}</text>")
    return framed("".join(parts), max(left, WIDE), down + 2 * EDGE, "")


def shade(share: float) -> str:
    """From light to dark."""
    level = round(245 - 215 * share)
    return f"#{level:02x}{level:02x}{level:02x}"


def legend(words: dict[str, str]) -> str:
    """The names of both lines."""
    return (
        f"<text x='{EDGE}' y='14' fill='{YOURS}' {TEXT}>{escape(words['yours'])}</text>"
        f"<text x='{EDGE + 90}' y='14' fill='{EXPECTED}' {TEXT}>{escape(words['expected'])}</text>"
    )


def scale(low: float, high: float) -> str:
    """What the lowest and the highest place stand for."""
    return (
        f"<text x='{WIDE - EDGE}' y='14' text-anchor='end' fill='#888' {TEXT}>"
        f"{low:.4g} \u2026 {high:.4g}</text>"
    )


def framed(inside: str, wide: float, high: float, more: str) -> str:
    """A drawing of a size, as an element of a page."""
    box = f"viewBox='0 0 {wide:.0f} {high:.0f}' width='{wide:.0f}' height='{high:.0f}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {box} role='img'>{inside}{more}</svg>"
