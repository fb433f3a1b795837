"""A figure for dark pages: the same drawing, each colour moved to where dark ground shows it."""

from __future__ import annotations

import colorsys
import re

COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b")
PICTURE = re.compile(r'"data:[^"]*"')
PAPER, INK = 0.095, 0.90  # the lightness of the ground and of the text of a dark page


def dark_svg(text: str) -> str:
    """An SVG drawn by `tinymlx.plotting` in the colours of a dark page.

    What has no colour is black by default, so the root says otherwise. Pictures inside (pixels)
    keep theirs.
    """
    parts, end = [], 0
    for picture in PICTURE.finditer(text):
        parts += [COLOUR.sub(_moved, text[end : picture.start()]), picture[0]]
        end = picture.end()
    parts.append(COLOUR.sub(_moved, text[end:]))
    return re.sub(r"<svg\b", f'<svg fill="{dark("#000000")}"', "".join(parts), count=1)


def _moved(found: re.Match[str]) -> str:
    return dark(found[0])


def dark(colour: str) -> str:
    """The colour that stands for ``colour`` (``#rrggbb`` or ``#rgb``) on dark ground.

    White becomes the ground and black the text; a tint becomes a shade of the same hue, and a full
    colour is made as light as it must be to be seen.
    """
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    turned = INK - (INK - PAPER) * light
    if max(red, green, blue) - min(red, green, blue) < 0.1:
        saturation = min(saturation, 0.08)
    elif light > 0.72:
        turned, saturation = turned + 0.06, min(saturation, 0.55)
    else:
        turned = max(light, 0.58)
    return "#{:02x}{:02x}{:02x}".format(
        *(round(255 * part) for part in colorsys.hls_to_rgb(hue, turned, saturation))
    )
