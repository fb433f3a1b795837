r"""How a text is cut into pieces before anything is merged: regular expressions with ``\p{L}``.

The patterns of published tokenizers name classes of Unicode: ``\p{L}`` is any letter, ``\p{N}`` any
digit or number. Python's ``re`` does not know them, but the standard library knows the category of
every character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache

#: The pattern of GPT-2.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

#: The last code point of Unicode.
LAST = 0x10FFFF

#: Unicode's white space. (Python's ``\s`` has four control characters more.)
SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


def ranges(belongs: Callable[[str], bool]) -> str:
    r"""The characters with a property, as the inside of a class of a regular expression.

    Args:
        belongs: tells whether a character has it.

    Returns:
        For each run of neighbouring code points that have it ``\UXXXXXXXX-\UXXXXXXXX``, the first
        and the last one with eight hexadecimal digits each, in increasing order, without anything
        between the runs. A run of one character has the same one twice.
    """
    found, first = [], None
    for point in range(LAST + 2):
        inside = point <= LAST and belongs(chr(point))
        if inside and first is None:
            first = point
        elif not inside and first is not None:
            found.append(rf"\U{first:08x}-\U{point - 1:08x}")
            first = None
    return "".join(found)


@cache
def of_category(name: str) -> str:
    """The characters whose category is ``name`` or begins with it, as :func:`ranges` writes it."""
    return ranges(lambda character: unicodedata.category(character).startswith(name))


def translated(pattern: str) -> str:
    r"""A pattern with classes of Unicode, as one that Python's ``re`` understands.

    ``\p{X}`` becomes the characters of category X, ``\P{X}`` all others, and likewise ``\s``
    Unicode's white space (:data:`SPACE`) and ``\S`` all others. Between square brackets stand only
    the ranges, since a class cannot stand in a class: ``[^\s\p{L}]`` is ``[^`` with two groups of
    ranges in it.

    Raises:
        ValueError: ``\P`` or ``\S`` stands between square brackets.
    """
    parts, inside, at = [], False, 0
    for match in re.finditer(r"\\[pP]\{(\w+)\}|\\.|\[|\]", pattern, re.DOTALL):
        parts.append(pattern[at : match.start()])
        at, token = match.end(), match[0]
        if token in "[]":
            inside = token == "["
        elif match[1] or token.upper() == r"\S":
            token = written(of_category(match[1]) if match[1] else SPACE, token, inside)
        parts.append(token)
    return "".join([*parts, pattern[at:]])


def written(characters: str, token: str, inside: bool) -> str:
    """Ranges in the place of a class: as they are inside brackets, else with brackets of their own.

    Args:
        characters: the ranges.
        token: what stood there; a capital letter behind the backslash means all others.
        inside: whether it stood between square brackets.
    """
    others = token[1].isupper()
    if inside and others:
        raise ValueError(f"[translated] {token} between square brackets is not supported.")
    return characters if inside else f"[{'^' if others else ''}{characters}]"


@lru_cache(maxsize=64)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern with classes of Unicode, ready to search with."""
    return re.compile(translated(pattern))


def pieces(text: str, pattern: str = GPT2) -> list[str]:
    """A text, cut: what a pattern matches, one match after the other, and what is between."""
    found, at = [], 0
    for match in compiled(pattern).finditer(text):
        found += [text[at : match.start()], match[0]]
        at = match.end()
    return [piece for piece in [*found, text[at:]] if piece]
