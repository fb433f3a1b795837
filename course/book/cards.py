"""The card of an exercise: what it costs, what it needs, three hints in folds, the starter."""

from __future__ import annotations

import ast
import re
from html import escape

from docutils import nodes

from course.book.listings import function_of, highlighted, page_of
from course.book.words import Words
from course.registry import Exercise

NUMBER = re.compile(r"\b(\d+\.\d+)\b")


def exercise_of(section: nodes.section) -> str:
    """The number of the exercise that a section is about; empty if it is about none.

    In any language the heading names it before its first colon.
    """
    title = section.next_node(nodes.title)
    text = title.astext() if title is not None else ""
    head = re.split("[:：]", text, maxsplit=1)[0]
    found = NUMBER.search(head)
    return found[1] if found and head != text else ""


def card(exercise: Exercise, words: Words, starters: dict[str, str], needs: dict[str, str]) -> str:
    """The card as HTML.

    Args:
        starters: file (relative to ``tinymlx/``) to its text, as it was before anybody wrote.
        needs: the exercises that this one needs, and their addresses (an empty one is no link);
            under the empty name the way from the page to the root of the book, such as ``../../``.
    """
    label = words.card("label", id=exercise.id)
    points = "point" if exercise.points == 1 else "points"
    facts = (
        _dots(exercise.difficulty, words),
        escape(words.card("minutes", n=exercise.minutes)),
        escape(words.card(points, n=exercise.points)),
    )
    lines = [
        f'<aside class="card" aria-label="{escape(label)}">',
        '<p class="facts">' + "".join(f"<span>{fact}</span>" for fact in facts) + "</p>",
        "<dl>",
        _entry(words.card("write"), "<br>".join(_symbols(exercise, needs[""]))),
    ]
    if exercise.requires:
        needed = (f'<a href="{needs[n]}">{n}</a>' if needs[n] else n for n in exercise.requires)
        lines.append(_entry(words.card("needs"), ", ".join(needed)))
    if exercise.closed:
        closed = ", ".join(f"<code>{escape(name)}</code>" for name in exercise.closed)
        lines.append(_entry(words.card("closed"), closed))
    check = f"<code>tinymlx check {exercise.id}</code>"
    lines += [_entry(words.card("check"), check), "</dl>"]
    for title, hint in zip(words.table["card"]["hint"], exercise.hints, strict=True):
        lines.append(f"<details><summary>{escape(title)}</summary><p>{_code(hint)}</p></details>")
    lines += [_starters(exercise, words, starters), "</aside>"]
    return "\n".join(lines)


def _dots(difficulty: int, words: Words) -> str:
    said = escape(words.card("difficulty", n=difficulty))
    marks = "".join(f'<i class="{"on" if i < difficulty else "off"}"></i>' for i in range(5))
    return f'<span class="dots" role="img" aria-label="{said}" title="{said}">{marks}</span>'


def _entry(name: str, html: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{html}</dd></div>"


def _symbols(exercise: Exercise, to_root: str) -> list[str]:
    """Where each function is written: its name, and its file as a link."""
    return [
        f"<code>{escape(symbol.qualname)}</code> "
        f'<a class="file" href="{to_root}{page_of(symbol.file)}.html#{symbol.qualname}">'
        f"tinymlx/{escape(symbol.file)}</a>"
        for symbol in exercise.symbols
    ]


def _starters(exercise: Exercise, words: Words, starters: dict[str, str]) -> str:
    """The functions as they are before anybody writes them, in a fold."""
    shown = []
    for symbol in exercise.symbols:
        tree = ast.parse(starters[symbol.file])
        shown += function_of(starters[symbol.file], tree, symbol.qualname)
    code = highlighted("\n\n".join(shown))
    title = escape(words.card("starter"))
    return (
        f'<details class="starter"><summary>{title}</summary>'
        f'<div class="highlight"><pre>{code}</pre></div></details>'
    )


def _code(text: str) -> str:
    """Text with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
