"""What has to be the same in every language: code, formulas, figures, links, names, headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from course.languages.sections import Section, original_of, sections
from course.languages.usage import mainland
from course.lessons import FENCE, LINK

CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?!\s)([^$]+?)(?<!\s)\$", re.S)
WORDS = re.compile(r"\\(?:text|mathrm|textit|operatorname)\{[^{}]*\}")
README = re.compile(r"README(\.[\w-]+)?\.md")
NUMBER = re.compile(r"\b(\d+\.\d+)\b")


@dataclass(frozen=True)
class Difference:
    """Something that differs between the languages.

    Attributes:
        kind: ``missing`` or ``stale`` (a person has to look), or what is broken.
        place: file and line.
        sentence: what is the matter.
    """

    kind: str
    place: str
    sentence: str

    @property
    def is_broken(self) -> bool:
        """Whether continuous integration fails for it."""
        return self.kind not in {"missing", "stale"}


def translated(root: Path) -> list[Path]:
    """The translated pages of a course: those with a language in their names."""
    places = ("*.*.md", "exercises/*.*.md", "exercises/*/*.*.md", "appendices/*.*.md")
    return sorted(path for place in places for path in root.glob(place))


def blocks(section: Section) -> list[str]:
    """The fenced blocks, with their languages."""
    found, inside = list[str](), list[str]()
    for line in section.text.splitlines():
        if inside or FENCE.match(line):
            inside.append(line.rstrip())
            if len(inside) > 1 and line.strip() == "```":
                found.append("\n".join(inside))
                inside = []
    return found


def prose(section: Section) -> str:
    """The heading and the text outside of fenced blocks."""
    text = re.sub(r"^```.*?^```\s*$", "", section.text, flags=re.S | re.M)
    return f"{section.title}\n{text}"


def formulas(section: Section) -> list[str]:
    """The formulas without their words and spaces; another language may order them otherwise."""
    text = CODE.sub("", prose(section))
    found = (display or inline for display, inline in FORMULA.findall(text))
    return sorted("".join(WORDS.sub("", formula).split()) for formula in found)


def addresses(section: Section) -> list[str]:
    """What links and figures lead to, but for the same page in another language."""
    found = LINK.findall(CODE.sub("", prose(section)))
    return sorted(link for link in found if not README.fullmatch(link))


def names(section: Section) -> list[str]:
    """What stands as code in the text, each once."""
    return sorted(set(CODE.findall(prose(section))))


def stars(section: Section) -> list[str]:
    """Texts in which a star is left: emphasis that does not end.

    Markdown sees no end in ``**說明。**然後``, where punctuation stands before the stars and a
    letter behind them; the full stop belongs behind the stars.
    """
    text = FORMULA.sub("", CODE.sub("", prose(section)))
    tokens = (child for token in MarkdownIt().parse(text) for child in token.children or ())
    return [token.content for token in tokens if token.type == "text" and "*" in token.content]


def exercise(section: Section) -> list[str]:
    """The number of the exercise in the heading."""
    return NUMBER.findall(section.title)[:1]


SAME: dict[str, Callable[[Section], list[str]]] = {
    "code blocks": blocks,
    "formulas": formulas,
    "links and figures": addresses,
    "names in code": names,
    "exercise": exercise,
    "emphasis": stars,
}


def differences(path: Path, language: str) -> Iterator[Difference]:
    """How a translated page differs from the English one where it may not, and what is old."""
    original = original_of(path, language)
    if not original.is_file():
        yield Difference(
            "headings", str(path), f"it translates {original.name}, which is not there."
        )
        return
    ours, theirs = (sections(p.read_text(encoding="utf-8")) for p in (original, path))
    if [s.level for s in ours] != [s.level for s in theirs]:
        yield Difference("headings", str(path), _headings(ours, theirs))
        return
    for mine, other in zip(ours, theirs, strict=True):
        place = f"{path}:{other.line}"
        yield from compared(mine, other, place)
        if language == "zh-TW":
            for word, good in mainland(CODE.sub("", prose(other))):
                yield Difference("usage", place, f"{word}: in Taiwan it is {good}.")


def compared(mine: Section, other: Section, place: str) -> Iterator[Difference]:
    """The same for one section and its translation."""
    for kind, taken in SAME.items():
        left, right = Counter(taken(mine)), Counter(taken(other))
        if left != right:
            lacks = ", ".join(map(_short, (left - right).elements()))
            extra = ", ".join(map(_short, (right - left).elements()))
            said = [f"lacks {lacks}" if lacks else "", f"has {extra} instead" if extra else ""]
            yield Difference(kind, place, f"{kind}: {' and '.join(filter(None, said))}.")
    if not other.of:
        yield Difference("missing", place, f'"{mine.title}": the translation records no hash.')
    elif other.of != mine.hash:
        yield Difference("stale", place, f'"{mine.title}" was {other.of} and is {mine.hash} now.')


def _headings(ours: list[Section], theirs: list[Section]) -> str:
    for mine, other in zip(ours, theirs):
        if mine.level != other.level:
            marks = f"{'#' * mine.level} {mine.title}", f"{'#' * other.level} {other.title}"
            return f'the headings part at line {other.line}: "{marks[0]}" is "{marks[1]}".'
    return f"there are {len(theirs)} headings for {len(ours)}."


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:57] + "...")
