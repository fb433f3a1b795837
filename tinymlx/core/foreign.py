"""When a bare ``mlx.core`` function is given a watched array: an error that says what to do.

Such a function would compute with the numbers, and the gradient would be lost without a word. So a
watched array refuses. That takes some care, because ``mlx.core`` tries one way after the other to
make an array of an object (DLPack, ``complex``, ``float``, ``__mlx_array__``), and swallows most
refusals.
"""

from __future__ import annotations

import dis
import linecache
import re
from collections.abc import Callable
from typing import Any

import mlx.core as mx

Site = tuple[Any, int]

# Calls in programs that were refused a watched array, and the one that is being refused now.
_refused: set[Site] = set()
_asking: list[Site] = []


class Bare(mx.array):
    """What an unwatched array offers as ``__mlx_array__``: some functions of ``mlx.core`` call it,
    some take it for the array itself (0.32.4). It is right for both."""

    def __call__(self) -> mx.array:
        return mx.array(self)


def _site(frame: Any) -> Site:
    return frame.f_code, frame.f_lasti


def check_complex(frame: Any) -> None:
    """Refuse to be a complex number unless the program itself says ``complex(x)``.

    A function of ``mlx.core`` asks every array of one element for that first.

    Raises:
        TypeError: with the advice what to use.
    """
    if "complex(" not in _code_at(frame):
        _refused.add(_site(frame))
        raise TypeError(advice(frame))


def check_number(frame: Any) -> None:
    """Refuse to be a number if it is not the program that asks, but a call that was refused before.

    Raises:
        TypeError: with the advice what to use.
    """
    if _refused and _site(frame) in _refused:
        raise TypeError(advice(frame))


def refusal(frame: Any) -> Callable[[], mx.array]:
    """What a watched array offers as ``__mlx_array__``: a function that raises the ``TypeError``.

    A call of ``mlx.core`` first looks whether the attribute is there, and then gets it; some
    functions do not call it at all (0.32.4). So the second look at one call is refused.
    """
    site = _site(frame)
    if site in _asking:
        _asking.clear()
        raise TypeError(advice(frame))
    text = advice(frame)
    if "CALL" in dis.opname[frame.f_code.co_code[frame.f_lasti]]:
        _asking[:] = [site]

    def refuse() -> mx.array:
        _asking.clear()
        raise TypeError(text)

    return refuse


def advice(frame: Any) -> str:
    """The sentence that names the function to use instead."""
    names = [n for n in re.findall(r"\b(?:mx|mlx\.core)\.([\w.]+)", _code_at(frame)) if _exists(n)]
    name = names[0] if names else None
    use = f"tinymlx.core.{name} instead of mx.{name}" if name else "the function of tinymlx.core"
    return (
        f"A bare mlx.core function was given an array that a transform is watching; its result "
        f"would be a constant, and the gradient lost. Use {use}, or take the numbers out on "
        f"purpose with tinymlx.core.stop_gradient(x)."
    )


def _code_at(frame: Any) -> str:
    """The text of the expression that ``frame`` is evaluating (of its line, before Python 3.11)."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    if not hasattr(frame.f_code, "co_positions"):
        return line
    spans = list(frame.f_code.co_positions())
    first, last, start, end = spans[frame.f_lasti // 2]
    return line[start:end] if first == last and start is not None else line


def _exists(name: str) -> bool:
    target: Any = mx
    for part in name.split("."):
        target = getattr(target, part, None)
    return callable(target)
