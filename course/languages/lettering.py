"""Words in drawings: read from the outlines of their letters, and set in another language.

A figure of a lesson keeps its letters as outlines, so that it looks the same on every machine. Each
outline is named after its font and its number there, and with the font at hand that is a text
again. In another language the drawing stays as it is; only the words are set anew, as text, since
no outlines of a Chinese font come with the course.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from course.languages.parity import Difference
from course.languages.usage import mainland
from course.toml import load_toml

GROUP = re.compile(
    r'(?P<head><g[^>]*? transform="(?P<place>[^"]*?) ?scale\((?P<scale>[\d.]+) -[\d.]+\)">\n'
    r"(?:<defs>.*?</defs>\n)?)(?P<letters>(?:<use [^>]*/>\n)+)</g>",
    re.S,
)
LETTER = re.compile(
    r'<use xlink:href="#(?P<font>DejaVuSans(?:-Bold|-Oblique|Mono|Mono-Bold)?)'
    r'-(?P<glyph>[0-9a-f]+)"'
    r'(?: transform="translate\((?P<x>-?[\d.]+) [^)]*\)")?/>'
)
PLACE = re.compile(r"translate\((-?[\d.]+) (-?[\d.]+)\)(?: rotate\((-?[\d.]+)\))?$")
WORD = re.compile(r"[A-Za-z]{2}")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
JOINED = str.maketrans(
    {"\ufb01": "fi", "\ufb02": "fl", "\ufb00": "ff", "\ufb03": "ffi", "\ufb04": "ffl"}
)
EM = 100.0  # of the units that outlines are drawn in
FONTS = "'Noto Sans TC','PingFang TC','Microsoft JhengHei','Noto Sans CJK TC',sans-serif"
NEAR = 0.6  # points: so far apart two edges are still one


class Lettering(NamedTuple):
    """A text in a drawing.

    ``start``, ``middle`` and ``end`` say where it stands along its own direction, in points;
    ``row`` where across it; ``width`` in units of the outlines.
    """

    text: str
    bold: bool
    start: float
    middle: float
    end: float
    row: float
    angle: float
    width: float


@functools.cache
def font(name: str) -> tuple[Any, dict[int, str]]:
    """A font that matplotlib brings along, and the character of each of its outlines."""
    from matplotlib import ft2font, get_data_path

    file = "DejaVuSans" + name.removeprefix("DejaVuSans")
    found = ft2font.FT2Font(str(Path(get_data_path()) / "fonts" / "ttf" / f"{file}.ttf"))
    found.set_size(EM, 72)
    letters: dict[int, str] = {}
    for code, glyph in found.get_charmap().items():
        letters.setdefault(glyph, chr(code))
    return found, letters


def lettering(group: re.Match[str]) -> Lettering | None:
    """The text of a group of outlines; ``None`` where some are no letters of a plain font."""
    place = PLACE.match(group["place"])
    lines = group["letters"].splitlines()
    found = [LETTER.fullmatch(line) for line in lines]
    if place is None or not all(found):
        return None
    text = "".join(font(f["font"])[1].get(int(f["glyph"], 16), "\0") for f in found if f)
    text = text.translate(JOINED)
    last = found[-1]
    assert last is not None
    advance = font(last["font"])[0].load_glyph(int(last["glyph"], 16)).linearHoriAdvance / 65536
    width = float(last["x"] or 0) + advance
    x, y, angle = float(place[1]), float(place[2]), float(place[3] or 0)
    along, row = (x, y) if angle == 0 else (-y, x)
    long = width * float(group["scale"])
    bold = "Bold" in last["font"]
    return Lettering(text, bold, along, along + long / 2, along + long, row, angle, width)


def letterings(svg: str) -> Iterator[Lettering]:
    """All texts of a drawing, in order."""
    for group in GROUP.finditer(svg):
        found = lettering(group)
        if found is not None and "\0" not in found.text:
            yield found


def words(svg: str) -> list[str]:
    """The texts of a drawing that have a word in them, each once; ``#`` stands for a number."""
    found = (t.text for t in letterings(svg) if WORD.search(t.text))
    return list(dict.fromkeys(NUMBER.sub("#", text) for text in found))


def said(text: str, table: Mapping[str, str]) -> str:
    """A text in another language, its numbers in their places; as it is if the table lacks it."""
    numbers = iter(NUMBER.findall(text))
    pattern = table.get(NUMBER.sub("#", text))
    return text if pattern is None else re.sub("#", lambda _: next(numbers), pattern)


def translated(svg: str, table: Mapping[str, str]) -> str:
    """The drawing with the words of another language.

    Args:
        svg: as `tinymlx.plotting` writes it.
        table: of texts as :func:`words` gives them; others stay as they are.
    """
    others = list(letterings(svg))

    def set_anew(group: re.Match[str]) -> str:
        found = lettering(group)
        if found is None or said(found.text, table) == found.text:
            return group[0]
        return f"{group['head']}{text_element(found, said(found.text, table), others)}\n</g>"

    return GROUP.sub(set_anew, svg)


def text_element(old: Lettering, new: str, others: list[Lettering]) -> str:
    """A text in the place of another one, at that edge which others share, or in its middle."""
    edge = shared_edge(old, others)
    x = {"start": 0.0, "middle": old.width / 2, "end": old.width}[edge]
    size = EM * min(1.0, 1.15 * old.width / wide(new)) if wide(new) > 1.15 * old.width else EM
    weight = ' font-weight="bold"' if old.bold else ""
    return (
        f'<text transform="scale(1 -1)" x="{x:.1f}" font-size="{size:.0f}"{weight} '
        f'font-family="{FONTS}" text-anchor="{edge}">{escape(new)}</text>'
    )


def shared_edge(old: Lettering, others: list[Lettering]) -> str:
    """``start``, ``end`` or ``middle``: what most texts in other rows have in common with this."""
    counts: Counter[str] = Counter()
    for other in others:
        if other.angle == old.angle and abs(other.row - old.row) > NEAR:
            for edge in ("start", "end", "middle"):
                if abs(getattr(other, edge) - getattr(old, edge)) < NEAR:
                    counts[edge] += 1
    best = max(("middle", "start", "end"), key=lambda edge: counts[edge])
    return best if counts[best] else "middle"


def wide(text: str) -> float:
    """About how wide a text is, in units of outlines: a Chinese letter has the width of a line."""
    return sum(EM if ord(letter) > 0x2E80 else 0.58 * EM for letter in text)


def path_of(exercises: Path, language: str) -> Path:
    """The table with the words of all figures in a language."""
    return exercises / f"figures.{language}.toml"


def table_of(exercises: Path, language: str) -> dict[str, str]:
    """The words of all figures in a language; empty where there is none."""
    path = path_of(exercises, language)
    return dict(load_toml(path)) if path.is_file() else {}


def differences(exercises: Path, language: str) -> Iterator[Difference]:
    """Words of figures that the table lacks, words of no figure, and words that nobody says.

    Args:
        exercises: the folder of the chapters.
    """
    path, table = path_of(exercises, language), table_of(exercises, language)
    there: set[str] = set()
    for drawing in sorted(exercises.glob("*/figures/*.svg")):
        found = words(drawing.read_text(encoding="utf-8"))
        there.update(found)
        for text in found:
            if text not in table:
                yield Difference("missing", str(drawing), f'"{text}" is not in {path.name}.')
    for text, other in table.items():
        if text not in there:
            yield Difference("stale", str(path), f'"{text}" stands in no figure.')
        if text.count("#") != other.count("#"):
            yield Difference("numbers", str(path), f'"{text}" and "{other}" differ in numbers.')
        for word, good in mainland(other):
            yield Difference("usage", str(path), f"{word} is not said in Taiwan: {good}.")
