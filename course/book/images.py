"""Figures: one for light pages and one for dark ones, with their sizes, so that no line jumps."""

from __future__ import annotations

import re
import struct
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes

from course.book.recolour import dark_svg

POINT = 96 / 72  # pixels of CSS in a point
SIZE = re.compile(r'<svg[^>]*?width="([\d.]+)pt" height="([\d.]+)pt"', re.S)


def size(path: Path) -> tuple[int, int]:
    """Width and height of a picture, in pixels of CSS; 0 and 0 where it does not say."""
    if path.suffix == ".png":
        wide, high = struct.unpack(">II", path.read_bytes()[16:24])
        return wide, high
    found = SIZE.search(path.read_text(encoding="utf-8")[:2000])
    return (round(float(found[1]) * POINT), round(float(found[2]) * POINT)) if found else (0, 0)


def picture(source: Path, address: str, alt: str, lazy: bool = True) -> str:
    """A picture as HTML: a drawing twice, of which the page shows one; pixels once, on white.

    Args:
        source: the file, for its size.
        address: of the picture on the page.
    """
    wide, high = size(source)
    more = f' width="{wide}" height="{high}"' if wide else ""
    more += ' loading="lazy"' if lazy else ""
    said = escape(alt)
    if source.suffix != ".svg":
        return f'<img class="pixels" src="{address}" alt="{said}"{more}>'
    other = address.removesuffix(".svg") + ".dark.svg"
    return (
        f'<img class="in-light" src="{address}" alt="{said}"{more}>'
        f'<img class="in-dark" src="{other}" alt="{said}"{more}>'
    )


def visit_image(self: Any, node: nodes.image) -> None:
    """A picture of a lesson, for Sphinx."""
    uri, builder = node["uri"], self.builder
    if uri not in builder.images:
        self.body.append(f'<img src="{escape(uri)}" alt="{escape(node.get("alt", ""))}">')
    else:
        address = f"{builder.imgpath}/{builder.images[uri]}"
        html = picture(Path(builder.srcdir) / uri, address, node.get("alt", ""))
        alone = len(node.parent.children) == 1
        self.body.append(f"<span class='figure'>{html}</span>" if alone else html)
    raise nodes.SkipNode


def write_dark(folder: Path) -> None:
    """Beside each drawing of a folder the one for dark pages."""
    for path in folder.glob("*.svg"):
        if not path.stem.endswith(".dark"):
            text = dark_svg(path.read_text(encoding="utf-8"))
            path.with_suffix(".dark.svg").write_text(text, encoding="utf-8")
