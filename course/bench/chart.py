"""The throughput table as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from course.bench.rows import baseline
from course.errors import CourseError

COLORS = {"yours": "#D55E00", "solution": "#0072B2", "mlx": "#009E73", "pytorch": "#CC79A7"}


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Bars of time relative to native MLX, one group for each benchmark; 1 is MLX itself."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    bars: list[tuple[str, str, float]] = []
    for row in rows:
        for name, timing in row["candidates"].items():
            partner = row["candidates"].get(baseline(name))
            if partner:
                bars.append((row["name"], name, timing["median"] / partner["median"]))
    if not bars:
        raise CourseError("No benchmark has MLX as a candidate, so there is nothing to compare.")
    figure, axes = plt.subplots(figsize=(8, 0.8 + 0.32 * len(bars)), layout="constrained")
    positions = range(len(bars))
    colors = [COLORS.get(name.partition("_")[0], "#999999") for _, name, _ in bars]
    drawn = axes.barh(positions, [ratio for _, _, ratio in bars], color=colors, height=0.7)
    axes.bar_label(drawn, fmt="%.2f", padding=3, fontsize=9)
    axes.set_yticks(
        positions, [f"{bench[6:]}: {name.replace('_', ' ')}" for bench, name, _ in bars]
    )
    axes.invert_yaxis()
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xlabel("time relative to native MLX (shorter is faster)")
    axes.set_title(rows[0]["machine"]["device"])
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be written: {error}.") from error
    plt.close(figure)
