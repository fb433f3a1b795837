"""Only tokens with which a regular expression can still be met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array

from .expressions import NOTHING, Expression, after, expression
from .loop import Choice, greedy

#: A tree of tokens by their characters; ``None`` leads to the tokens that end here.
Tree = dict[Any, Any]


class Constraint:
    """What may come next, so that a text fulfils an expression in the end.

    A token is allowed if the expression can eat all its characters. All tokens are tried at once in
    a tree of their characters: where the expression can go no further, none of the tokens behind is
    looked at. What was found for an expression is kept.

    Args:
        pattern: the expression; see :mod:`.expressions`.
        words: the text of each token, by number; an empty one is never allowed.
        end: the token that ends a text. It is allowed where the expression is fulfilled.

    Raises:
        ValueError: the expression is none.
    """

    def __init__(self, pattern: str, words: Sequence[str], end: int) -> None:
        self.start = expression(pattern)
        self.words, self.end = list(words), end
        self.tree: Tree = {}
        for number, word in enumerate(self.words):
            if word and number != end:
                self._plant(word, number)
        self.known: dict[Expression, array] = {}

    def _plant(self, word: str, number: int) -> None:
        place = self.tree
        for character in word:
            place = place.setdefault(character, {})
        place.setdefault(None, []).append(number)

    def advance(self, state: Expression, token: int) -> Expression:
        """What is left of an expression behind a token."""
        for character in self.words[token] if token != self.end else "":
            state = after(state, character)
        return state

    def allowed(self, state: Expression) -> array:
        """Truth values, ``(V,)``: which tokens may come where ``state`` is left."""
        if state not in self.known:
            found = [False] * len(self.words)
            found[self.end] = state.empty
            self._mark(self.tree, state, found)
            self.known[state] = core.array(found)
        return self.known[state]

    def _mark(self, place: Tree, state: Expression, found: list[bool]) -> None:
        for character, below in place.items():
            if character is None:
                for number in below:
                    found[number] = True
                continue
            left = after(state, character)
            if left != NOTHING:
                self._mark(below, left, found)

    def choice(self, choose: Choice = greedy) -> Choice:
        """A choice that follows one text from its beginning, for :func:`.loop.tokens`.

        Raises (when called with logits):
            ValueError: no token is allowed, not even the end.
        """
        state = self.start

        def choose_allowed(logits: array) -> array:
            nonlocal state
            allowed = self.allowed(state)
            if not core.any(allowed).item():
                raise ValueError("[Constraint] No token can continue the text.")
            token = choose(core.where(allowed, logits, -core.inf))
            state = self.advance(state, int(token.item()))
            return token

        return choose_allowed
