r"""Regular expressions that eat one character at a time.

What is left of an expression when it has eaten a character is an expression again, its
*derivative*: of ``ab*`` by ``a`` it is ``b*``, by anything else nothing at all. So one knows after
each character whether the text so far can still be completed, which ``re`` does not tell.

Known are: characters, ``.`` (not the end of a line), ``[a-z_]``, ``[^...]``, ``\d \w \s`` and
their opposites, groups, ``|``, ``*``, ``+``, ``?``, ``{2}``, ``{2,}``, ``{2,5}``.

Source: J. Brzozowski, Derivatives of regular expressions (1964)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Expression:
    """An expression: what it is made of differs from kind to kind.

    Attributes:
        empty: whether the empty text fulfils it.
    """

    @property
    def empty(self) -> bool:
        return False

    def after(self, character: str) -> Expression:
        """What is left when it has eaten a character; :data:`NOTHING` if it cannot."""
        return NOTHING


@dataclass(frozen=True)
class Nothing(Expression):
    """No text fulfils it."""


@dataclass(frozen=True)
class Empty(Expression):
    """Only the empty text fulfils it."""

    @property
    def empty(self) -> bool:
        return True


@dataclass(frozen=True)
class Class(Expression):
    """One character of a set, or one that is not in it.

    Attributes:
        ranges: pairs of first and last.
        inside: whether the character has to be in one of them.
    """

    ranges: tuple[tuple[str, str], ...]
    inside: bool = True

    def after(self, character: str) -> Expression:
        found = any(a <= character <= b for a, b in self.ranges)
        return EMPTY if found == self.inside else NOTHING


@dataclass(frozen=True)
class Sequence(Expression):
    """One thing behind another."""

    first: Expression
    second: Expression

    @property
    def empty(self) -> bool:
        return self.first.empty and self.second.empty

    def after(self, character: str) -> Expression:
        left = behind(after(self.first, character), self.second)
        return either(left, after(self.second, character)) if self.first.empty else left


@dataclass(frozen=True)
class Choice(Expression):
    """One thing or another."""

    options: frozenset[Expression]

    @property
    def empty(self) -> bool:
        return any(option.empty for option in self.options)

    def after(self, character: str) -> Expression:
        return either(*(after(option, character) for option in self.options))


@dataclass(frozen=True)
class Star(Expression):
    """Any number of times, also none."""

    inner: Expression

    @property
    def empty(self) -> bool:
        return True

    def after(self, character: str) -> Expression:
        return behind(after(self.inner, character), self)


NOTHING, EMPTY = Nothing(), Empty()


@lru_cache(maxsize=100_000)
def after(expression: Expression, character: str) -> Expression:
    """The derivative, remembered: a language model asks for the same ones again and again."""
    return expression.after(character)


def behind(first: Expression, second: Expression) -> Expression:
    """One behind the other, without what changes nothing: so equal things look equal."""
    if first == NOTHING or second == NOTHING:
        return NOTHING
    if first == EMPTY:
        return second
    if second == EMPTY:
        return first
    if isinstance(first, Sequence):
        return Sequence(first.first, behind(first.second, second))
    return Sequence(first, second)


def either(*options: Expression) -> Expression:
    """One of several, without what changes nothing."""
    found: set[Expression] = set()
    for option in options:
        found |= option.options if isinstance(option, Choice) else {option}
    found -= {NOTHING}
    if len(found) > 1:
        return Choice(frozenset(found))
    return found.pop() if found else NOTHING


def times(inner: Expression, least: int, most: int | None) -> Expression:
    """From ``least`` to ``most`` times; without an upper bound if ``most`` is ``None``."""
    if most is None:
        rest: Expression = Star(inner)
    else:
        rest = EMPTY
        for _ in range(most - least):
            rest = either(EMPTY, behind(inner, rest))
    for _ in range(least):
        rest = behind(inner, rest)
    return rest


CLASSES = {
    "d": (("0", "9"),),
    "w": (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")),
    "s": (("\t", "\r"), (" ", " ")),
}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class Parser:
    """From the usual way of writing to an :class:`Expression`.

    Args:
        text: the expression.

    Raises (in :meth:`parse`):
        ValueError: it is none, or uses what is not known here; the message says where.
    """

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def parse(self) -> Expression:
        """The whole text."""
        found = self.choice()
        if self.at < len(self.text):
            raise self.error("has no opening bracket")
        return found

    def choice(self) -> Expression:
        options = [self.sequence()]
        while self.take("|"):
            options.append(self.sequence())
        return either(*options)

    def sequence(self) -> Expression:
        parts: list[Expression] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self.repeated())
        found: Expression = EMPTY
        for part in reversed(parts):
            found = behind(part, found)
        return found

    def repeated(self) -> Expression:
        found = self.single()
        while self.at < len(self.text) and self.text[self.at] in "*+?{":
            found = times(found, *self.bounds())
        return found

    def bounds(self) -> tuple[int, int | None]:
        """How often: of ``*``, ``+``, ``?`` or braces."""
        mark = self.next()
        if mark != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[mark]
        end = self.text.find("}", self.at)
        low, comma, high = self.text[self.at : max(end, self.at)].partition(",")
        if end < 0 or not low.isdigit() or (high and not high.isdigit()):
            raise self.error("should be followed by {2}, {2,} or {2,5}", -1)
        self.at = end + 1
        most = int(high) if high else None if comma else int(low)
        if most is not None and most < int(low):
            raise self.error("has its bounds the wrong way round", -1)
        return int(low), most

    def single(self) -> Expression:
        mark = self.next()
        if mark == "(":
            found = self.choice()
            if not self.take(")"):
                raise self.error("has a bracket that is not closed")
            return found
        if mark == "[":
            return self.characters()
        if mark == ".":
            return Class((("\n", "\n"),), inside=False)
        if mark == "\\":
            return self.escaped()
        if mark in "*+?{^$":
            raise self.error(f"has {mark!r} where nothing stands in front or it is not known", -1)
        return Class(((mark, mark),))

    def escaped(self) -> Class:
        mark = self.next()
        if mark.lower() in CLASSES:
            return Class(CLASSES[mark.lower()], inside=mark.islower())
        if mark.isalnum() and mark not in ESCAPES:
            raise self.error(f"has \\{mark}, which is not known", -2)
        mark = ESCAPES.get(mark, mark)
        return Class(((mark, mark),))

    def characters(self) -> Class:
        """What stands in square brackets."""
        inside = not self.take("^")
        ranges: list[tuple[str, str]] = []
        while True:
            first = self.next()
            if first == "]" and ranges:
                return Class(tuple(ranges), inside)
            if first == "\\":
                escaped = self.escaped()
                if not escaped.inside:
                    raise self.error("has an opposite inside of brackets, which is not known", -2)
                ranges += escaped.ranges
            elif self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 :][:1] != "]":
                self.at += 1
                ranges.append((first, self.next()))
                if ranges[-1][0] > ranges[-1][1]:
                    raise self.error("has a range the wrong way round", -3)
            else:
                ranges.append((first, first))

    def next(self) -> str:
        if self.at >= len(self.text):
            raise self.error("ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def take(self, mark: str) -> bool:
        """Whether ``mark`` is next; then it is passed."""
        found = self.text[self.at : self.at + 1] == mark
        self.at += found
        return found

    def error(self, what: str, back: int = 0) -> ValueError:
        place = max(self.at + back, 0)
        return ValueError(f"[expression] {self.text!r} {what}, at character {place}.")


def expression(text: str) -> Expression:
    """The expression that is written as ``text``; see :class:`Parser`."""
    return Parser(text).parse()
