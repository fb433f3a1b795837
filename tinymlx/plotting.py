"""Pictures that look alike everywhere in the course. Given.

``figure()`` makes axes, ``save()`` writes them as PNG and SVG. matplotlib is imported at the
first use, so that importing this module costs nothing, and it draws into files only: no window,
no display needed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The palette of Okabe and Ito (2008): told apart by people with any colour vision, and in grey.
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
RED = "#D55E00"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
YELLOW = "#F0E442"
BLACK = "#000000"
GREY = "#7F7F7F"  # for what is only context
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK)  # YELLOW is too faint for lines

# Each series can also be told by its marker.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.0,
    "svg.hashsalt": "tinymlx",  # the same picture gives the same file
    "svg.fonttype": "path",  # the same letters on every machine
    "figure.facecolor": "white",  # readable on a dark page too
    "savefig.facecolor": "white",
}


def use_style() -> None:
    """Give matplotlib the course's style, for everything that is drawn from now on."""
    import matplotlib

    matplotlib.rcParams.update(_STYLE)
    matplotlib.rcParams["axes.prop_cycle"] = matplotlib.cycler(color=COLOURS)


def figure(
    rows: int = 1, columns: int = 1, *, width: float = 7.0, height: float = 4.2, **options: Any
) -> tuple[Figure, Any]:
    """A figure and its axes, in the course's style.

    Args:
        rows: how many rows of axes.
        columns: how many columns of axes.
        width: of the whole figure, in inches.
        height: of the whole figure, in inches.
        options: go to ``Figure.subplots`` (``sharex``, ``squeeze``, ``subplot_kw``, ...).

    Returns:
        The figure, and one ``Axes`` or an array of them, as ``Figure.subplots`` gives them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    use_style()
    fig = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(fig)
    return fig, fig.subplots(rows, columns, **options)


def save(
    fig: Figure, out: Path | str, name: str, formats: tuple[str, ...] = ("png", "svg")
) -> list[Path]:
    """Write ``name.png`` and ``name.svg`` into the folder ``out``, which is made if need be.

    The files depend on the figure alone: they hold no date and no random identifiers.

    Returns:
        The paths, one for each of ``formats``.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{name}.{format}" for format in formats]
    use_style()
    for path in paths:
        if path.suffix == ".svg":
            fig.savefig(path, metadata={"Date": None, "Creator": None})
            path.write_text(_shorten(path.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            fig.savefig(path, metadata={"Software": None})
    return paths


def sheet(pictures: Any, columns: int, border: int = 0) -> Any:
    """Pictures side by side, as one.

    Args:
        pictures: ``(N, H, W, 1)`` or ``(N, H, W, C)``, any kind of array; those that do not fill
            the last row are left out.
        columns: how many stand in a row.
        border: how many zeros surround each picture.

    Returns:
        A NumPy array, ``(rows * H, columns * W)`` or ``(rows * H, columns * W, C)``.
    """
    import numpy as np

    x = np.asarray(pictures)
    x = np.pad(x, [(0, 0), (border, border), (border, border), (0, 0)])
    n, height, width, channels = x.shape
    rows = n // columns
    x = x[: rows * columns].reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    x = x.reshape(rows * height, columns * width, channels)
    return x[..., 0] if channels == 1 else x


def _shorten(svg: str) -> str:
    """The same drawing in about half the bytes, so that a lesson's figures stay small.

    Coordinates are kept to a hundredth of a point; indentation, comments and the names of groups
    (nothing refers to them) go.
    """

    def round_numbers(attribute: re.Match[str]) -> str:
        return re.sub(r"-?\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}", attribute[0])

    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'\b(?:d|x|y|x1|y1|x2|y2)="[^"]*"|translate\([^)]*\)', round_numbers, svg)
    svg = re.sub(r' style="[^"]*"', lambda style: re.sub(r"([:;]) ", r"\1", style[0]), svg)
    svg = svg.replace(";stroke-linejoin:miter", "").replace(' transform="scale(1)"', "")
    return re.sub(r"\s*\n\s*", "\n", svg)


def direct_label(axes: Any, x: float, y: float, text: str, colour: str, **options: Any) -> None:
    """Write a line's name beside it, in its colour: easier to read than a legend."""
    settings = {"ha": "left", "va": "center", "fontsize": 10, "fontweight": "bold", **options}
    axes.annotate(text, (x, y), xytext=(6, 0), textcoords="offset points", color=colour, **settings)
