"""The pairs as one page that works from a file: each pair's exercises side by side, in folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from course.likeness.pairs import Pair, marked
from course.likeness.works import Part, Work
from course.look import document, highlighted
from course.registry import Registry

STYLE = """
details { border-top: 1px solid var(--line); padding: .3rem 0 }
.sides h3 { font-size: .9rem; margin: .5rem 0 .2rem; overflow-wrap: anywhere }
"""


def page(
    pairs: Sequence[Pair],
    works: Mapping[str, Work],
    base: Mapping[str, Part],
    registry: Registry,
) -> str:
    """The HTML of the whole report; what ``base``, the solutions, says is not marked."""
    title = "Pairs that stand out"
    body = "".join(_pair(pair, works, base, registry) for pair in pairs)
    if not pairs:
        body = "<p>No pair of this class stands out.</p>"
    note = (
        f'<p class="note">{len(works)} works were compared, without what the starters and the '
        "solutions say. Likeness is the share of the smaller work's unusual code that the other "
        "has, too; renaming, another order and another division into functions do not change it. "
        "It is a reason to look, and no verdict.</p>"
    )
    return document(title, f"<h1>{title}</h1>{note}{body}", STYLE)


def _pair(
    pair: Pair, works: Mapping[str, Work], base: Mapping[str, Part], registry: Registry
) -> str:
    first, second = works[pair.first], works[pair.second]
    folds = ""
    for number, _ in pair.exercises:
        title = f"{number} {registry[number].title}"
        folds += _exercise(title, number, first, second, base.get(number))
    return (
        f"<h2>{escape(first.name)} and {escape(second.name)}</h2>"
        f"<p>Likeness {pair.share:.0%}; usual in this class {pair.usual:.0%}; "
        f"{len(pair.exercises)} exercises.</p>{folds}"
    )


def _exercise(title: str, number: str, first: Work, second: Work, base: Part | None) -> str:
    one, other = first.parts[number], second.parts[number]
    return (
        f"<details><summary>{escape(title)}</summary><div class='sides'>"
        f"{_code(first.name, one, marked(one, other, base))}"
        f"{_code(second.name, other, marked(other, one, base))}</div></details>"
    )


def _code(name: str, part: Part, same: set[int]) -> str:
    lines = "".join(
        f'<span class="line{" same" if i in same else ""}">{line}</span>'
        for i, line in enumerate(highlighted(part.text), 1)
    )
    return f"<div><h3>{escape(name)}</h3><code class='block'>{lines}</code></div>"
