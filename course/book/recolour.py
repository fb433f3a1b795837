"""A figure for dark pages: the same drawing, each colour moved to where dark ground shows it."""

from __future__ import annotations

import colorsys
import re

TAG = re.compile(r"<(\w+)[^>]*>")
FILL = re.compile(r"fill: ?(#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3})\b")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b")
PAPER, INK = 0.095, 0.90  # the lightness of the ground and of the text of a dark page


def dark_svg(text: str) -> str:
    """An SVG drawn by `tinymlx.plotting` in the colours of a dark page.

    What has no colour is black by default, so the root says otherwise. Pictures inside (pixels)
    keep theirs.
    """
    made = TAG.sub(_recoloured, text)
    return re.sub(r"<svg\b", f'<svg fill="{dark("#000000")}"', made, count=1)


def _recoloured(tag: re.Match[str]) -> str:
    """An element in its new colours. Areas are dark, because letters that stand on them are light:
    also those that were white."""
    kind, text = tag[1], tag[0]
    if kind == "image":
        return text
    areas = kind in {"path", "rect", "polygon"}
    fills: list[str] = []

    def fill(found: re.Match[str]) -> str:
        light = not areas and kind in {"g", "text"} and found[1].lower() in {"#ffffff", "#fff"}
        fills.append("fill:#ffffff" if light else f"fill:{dark(found[1], area=areas)}")
        return f"\0{len(fills) - 1}\0"

    text = COLOUR.sub(lambda found: dark(found[0]), FILL.sub(fill, text))
    return re.sub("\0(\\d+)\0", lambda found: fills[int(found[1])], text)


def dark(colour: str, area: bool = False) -> str:
    """The colour that stands for ``colour`` (``#rrggbb`` or ``#rgb``) on dark ground.

    White becomes the ground and black the text; a tint becomes a shade of the same hue. A full
    colour is light enough to be seen as a line, and as an area dark enough for letters on it.
    """
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    turned = INK - (INK - PAPER) * light
    if max(red, green, blue) - min(red, green, blue) < 0.1:
        saturation = min(saturation, 0.08)
    elif light > 0.72:
        turned, saturation = turned + 0.06, min(saturation, 0.55)
    elif area:
        turned = min(light, 0.33)
    else:
        turned = max(light, 0.58)
    return "#{:02x}{:02x}{:02x}".format(
        *(round(255 * part) for part in colorsys.hls_to_rgb(hue, turned, saturation))
    )
