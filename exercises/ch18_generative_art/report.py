"""One page with all numbers and pictures, and a contact sheet."""

import html
import json
from pathlib import Path

import numpy as np

from tinymlx import plotting
from tinymlx.data.paintings import STYLES

PAGE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc;
text-align:left}img{max-width:100%;image-rendering:auto}"""
CAPTIONS = {
    "transferred": "A photograph in other styles, found by a search; below in its own colours.",
    "painted": "The same in one pass, by one network for all styles.",
    "samples": "What diffusion makes of noise: a column for each style.",
    "data": "Paintings that were drawn by rules, for comparison.",
    "edits": "The photograph painted anew from two thirds of the way; holes filled in another "
    "style; a way from one noise to another.",
    "duel": "What the generator makes that learned against a discriminator.",
    "mixing": "Coarse layers of the rows, fine layers of the columns.",
    "large": "Larger than anything the network has learned, and without a seam: each one twice in "
    "both directions.",
    "contact": "The contact sheet.",
}


def named(out: Path, name: str, pictures: dict[str, np.ndarray], columns: int) -> None:
    """Pictures with their names above, as one file."""
    if not pictures:
        return
    rows = -(-len(pictures) // columns)
    fig, axes = plotting.figure(
        rows, columns, width=2.1 * columns, height=2.35 * rows, squeeze=False
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, (title, x) in zip(axes.flat, pictures.items()):
        ax.imshow(np.clip(x, 0, 1))
        ax.set_title(title, fontsize=9)
    plotting.save(fig, out, name, formats=("png",))


def sheet(out: Path, name: str, x: np.ndarray, columns: int, border: int = 1) -> None:
    """Pictures without names, pixel by pixel, as one file; small ones are enlarged."""
    from matplotlib import image

    y = (255 * np.clip(x, 0, 1) + 0.5).astype(np.uint8)
    k = max(1, 64 // y.shape[1])
    whole = plotting.sheet(y.repeat(k, 1).repeat(k, 2), columns, border)
    image.imsave(out / f"{name}.png", np.ascontiguousarray(whole))


def by_style(x: np.ndarray, styles: np.ndarray, rows: int) -> np.ndarray:
    """Some of each style: ``rows`` rows, a column for each style."""
    chosen = [np.flatnonzero(styles == s)[:rows] for s in range(len(STYLES))]
    rows = min(len(c) for c in chosen)
    return x[np.array([c[:rows] for c in chosen]).T.reshape(-1)]


def gathered(out: Path) -> dict[str, float]:
    """The numbers of all parts that have been run."""
    found: dict[str, float] = {}
    for file in sorted(out.glob("numbers-*.json")):
        found |= json.loads(file.read_text(encoding="utf-8"))
    return found


def write(out: Path, setting: str, aims: dict[str, str]) -> Path:
    """``report.html``."""
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{value:.4g}</td><td>{html.escape(aims.get(name, ''))}"
        "</td></tr>"
        for name, value in gathered(out).items()
    )
    parts = [
        f"<h1>Generative art</h1><p>Setting {setting}.</p>",
        f"<table><tr><th>what</th><th>measured</th><th>aim of --full</th></tr>{rows}</table>",
    ]
    for name, caption in CAPTIONS.items():
        if (out / f"{name}.png").is_file():
            text = html.escape(caption)
            parts.append(f'<h2>{text}</h2><img src="{name}.png" alt="{text}">')
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Generative art</title>'
    path = out / "report.html"
    path.write_text(f"{head}<style>{PAGE}</style>{''.join(parts)}</html>\n", encoding="utf-8")
    return path
