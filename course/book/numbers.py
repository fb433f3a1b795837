"""Numbers of exercises in the appendices, as links to their exercises."""

from __future__ import annotations

import re
from collections.abc import Callable

from docutils import nodes

NUMBERS = re.compile(r"\d+\.\d+")
LISTED = re.compile(r"\s*\(?\d+\.\d+(, \d+\.\d+)*\)?\s*")


def link_numbers(
    doctree: nodes.document, address: Callable[[str], str], in_tables: bool = True
) -> None:
    """Link each number in a text that is nothing but a list of them, such as ``(1.2, 1.6)``.

    Args:
        address: of an exercise from this page; empty for what is none, or not in the book.
        in_tables: whether numbers in tables are exercises' as well; times are not.
    """
    for text in list(doctree.findall(nodes.Text)):
        around = text.parent
        if not isinstance(around, nodes.paragraph) or not LISTED.fullmatch(str(text)):
            continue
        if in_tables or not isinstance(around.parent, nodes.entry):
            around.replace(text, list(_linked(str(text), address)))


def _linked(text: str, address: Callable[[str], str]) -> list[nodes.Node]:
    parts: list[nodes.Node] = []
    end = 0
    for number in NUMBERS.finditer(text):
        uri = address(number[0])
        if uri:
            link = nodes.reference("", number[0], refuri=uri, internal=True)
            parts += [nodes.Text(text[end : number.start()]), link]
            end = number.end()
    return [*parts, nodes.Text(text[end:])]
