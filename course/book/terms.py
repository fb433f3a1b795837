"""The glossary's terms: a place for each, and a link where a page first uses one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes

from course.registry import slug

GLOSSARY = "exercises/GLOSSARY"
ROW = re.compile(r"^\| *(.+?) *\| *(.+?) *\| *(\d+).*\|$", re.M)
#: Terms that are words of every day as well ("a minute of patience", "it states"): where a text
#: does not set them off, nobody can tell which is meant.
ORDINARY = frozenset(
    "barrier bounds bucket candidate cell code collapse context contract coverage critic "
    "evaluate expert feature folding frozen gate group groups head header lane lazy leaf "
    "lifetime mask merge mode module momentum origin page palette pass patch path patience "
    "prior primitive reference ring saddle schedule score shim sink skill state tangent tap "
    "tape temperature tile tracing transform tree velocity warp whitening window "
    "樹 路徑 視窗 模式 溫度 專家 耐心 特徵 狀態 模組 動量 圖塊 遮罩 先驗 帶子 閘".split()
)
#: What stands behind a term in brackets; in Chinese they are as wide as a character.
BRACKETS = re.compile(r"\s*\(.*?\)|（.*?）|`")
IDEOGRAPH = re.compile("[\u3400-\u9fff]")
#: Where a term is no link: in code, formulas, links, headings, and what is quoted from a program.
CLOSED = (nodes.literal, nodes.literal_block, nodes.math, nodes.reference, nodes.title, nodes.raw)


@dataclass(frozen=True)
class Term:
    """A term, without what stands behind it in brackets; what it means; its place; its chapter."""

    name: str
    meaning: str
    anchor: str
    chapter: int


def load_terms(path: Path) -> list[Term]:
    """The rows of the glossary's table."""
    if not path.is_file():
        return []
    return [
        Term(re.sub(BRACKETS, "", name), meaning, anchor(name), int(chapter))
        for name, meaning, chapter in ROW.findall(path.read_text(encoding="utf-8"))
    ]


def anchor(name: str) -> str:
    """The place of a term on the glossary's page."""
    return f"term-{slug(re.sub('`', '', name))}"


def mark_rows(doctree: nodes.document) -> None:
    """Give each row of the glossary its place."""
    for row in doctree.findall(nodes.row):
        first = row[0].astext()
        if isinstance(row.parent, nodes.tbody):
            row["ids"].append(anchor(first))


class Finder:
    """Looks for terms in a text; each is found once."""

    def __init__(self, terms: list[Term]) -> None:
        self.left = {self._key(term.name): term for term in terms}
        names = sorted({term.name for term in terms}, key=len, reverse=True)
        self.pattern = re.compile("|".join(map(self._whole, names)) or "(?!)", re.I)

    @staticmethod
    def _whole(name: str) -> str:
        """A pattern for a term: a whole word, or anywhere where words have no spaces between."""
        if IDEOGRAPH.search(name):
            return f"({re.escape(name)})"
        return rf"(?<![\w-])({re.escape(name)})(?:s|es)?(?![\w-])"

    @staticmethod
    def _key(name: str) -> str:
        """Terms with capitals (Adam, AUC) are told from words; others may begin a sentence."""
        return name if any(letter.isupper() for letter in name[1:]) else name.lower()

    def find(self, text: str, set_off: bool = True) -> list[tuple[int, int, Term]]:
        """Where terms begin and end that were not found before.

        Args:
            set_off: whether the text is emphasized, as a term is where it is explained.
        """
        found = []
        for match in self.pattern.finditer(text):
            name = match[match.lastindex or 0]
            if name.lower() in ORDINARY and not set_off:
                continue
            term = self.left.pop(name, None) or (
                self.left.pop(name.lower(), None) if name[1:].islower() else None
            )
            if term and (name[0].isupper() or not term.name[0].isupper()):
                found.append((match.start(), match.end(), term))
        return found


def link_terms(doctree: nodes.document, terms: list[Term], glossary: str) -> None:
    """Link the first use of each term in the text of a page.

    Args:
        glossary: the address of the glossary, from this page.
    """
    if not terms:
        return
    finder = Finder(terms)
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if isinstance(paragraph.parent, nodes.entry):
            continue
        for text in list(paragraph.findall(nodes.Text)):
            if not _closed(text, paragraph):
                set_off = isinstance(text.parent, (nodes.emphasis, nodes.strong))
                _replace(text, finder.find(str(text), set_off), glossary)


def _closed(text: nodes.Text, paragraph: nodes.Element) -> bool:
    node = text.parent
    while node is not paragraph and node is not None:
        if isinstance(node, CLOSED):
            return True
        node = node.parent
    return False


def _replace(text: nodes.Text, found: list[tuple[int, int, Term]], glossary: str) -> None:
    if not found:
        return
    parts: list[nodes.Node] = []
    whole, end = str(text), 0
    for start, stop, term in found:
        parts.append(nodes.Text(whole[end:start]))
        link = nodes.reference(
            "", whole[start:stop], refuri=f"{glossary}#{term.anchor}", internal=True
        )
        link["classes"].append("term")
        link["reftitle"] = term.meaning.replace("`", "")
        parts.append(link)
        end = stop
    parts.append(nodes.Text(whole[end:]))
    text.parent.replace(text, parts)
