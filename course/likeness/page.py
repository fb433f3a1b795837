"""The pairs as one page that works from a file: each pair's exercises side by side, in folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from course.compare.page import colours, highlighted
from course.likeness.pairs import Pair, marked
from course.likeness.works import Part, Work
from course.registry import Registry

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 1rem auto; max-width: 80rem; padding: 0 1rem;
  color: #1b1b1b; background: #fff }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .3rem; overflow-wrap: anywhere }
details { border-top: 1px solid #ddd; padding: .3rem 0 }
summary { cursor: pointer }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr));
  gap: 1rem }
.pair h3 { font-size: .9rem; margin: .5rem 0 .2rem; overflow-wrap: anywhere }
code { display: block; overflow-x: auto; background: #f8f8f8; padding: .5rem 0;
  font: 13px/1.5 ui-monospace, monospace }
code span.line { display: block; white-space: pre; padding: 0 .6rem; min-height: 1.5em;
  border-left: 4px solid transparent }
code span.same { background: #fde9c8; border-left-color: #a35b00 }
.note { color: #555 }
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
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{STYLE}{colours()}</style></head><body><h1>{title}</h1>"
        f'<p class="note">{len(works)} works were compared, without what the starters and the '
        "solutions say. Likeness is the share of the smaller work's unusual code that the other "
        "has, too; renaming, another order and another division into functions do not change it. "
        "It is a reason to look, and no verdict.</p>"
        f"{body}</body></html>"
    )


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
        f"<details><summary>{escape(title)}</summary><div class='pair'>"
        f"{_code(first.name, one, marked(one, other, base))}"
        f"{_code(second.name, other, marked(other, one, base))}</div></details>"
    )


def _code(name: str, part: Part, same: set[int]) -> str:
    lines = "".join(
        f'<span class="line{" same" if i in same else ""}">{line}</span>'
        for i, line in enumerate(highlighted(part.text), 1)
    )
    return f"<div><h3>{escape(name)}</h3><code>{lines}</code></div>"
