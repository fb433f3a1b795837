"""The best of several continuations at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.utils import tree_map

#: From the last token of each continuation, ``(N,)``, and a state, to logits ``(N, V)`` and the
#: next state.
Step = Callable[[array, Any], tuple[array, Any]]


def beam_search(
    step: Step, state: Any, token: int, length: int, width: int
) -> tuple[list[int], float]:
    """A probable continuation of a text.

    After each step the ``width`` most probable continuations are kept, and each of them is
    continued by every token. How is yours to design; this is what is judged: with ``width`` 1 the
    most probable token is taken at each step; with as many as there are continuations the result is
    the most probable of all; ``step`` is called ``length`` times, with never more than ``width``
    tokens; and each continuation goes on with *its own* state.

    Args:
        step: the model. Its logits need not be normalized.
        state: the state before ``token``: a tree of arrays with one row (the first axis is that of
            the continuations), or ``None``.
        token: the last token of the text.
        length: how many tokens to add, at least 1.
        width: how many continuations to keep, at least 1.

    Returns:
        The tokens that were added, and the logarithm of the probability of all of them together.

    Raises:
        ValueError: ``length`` or ``width`` is below 1.
    """
    raise NotImplementedError(
        "8.19 beam_search - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def rows(state: Any, chosen: array) -> Any:
    """Some rows of every array of a state."""
    return tree_map(lambda s: None if s is None else s[chosen], state)
