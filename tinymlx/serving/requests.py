"""What is asked for, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Request:
    """A prompt that shall be continued.

    Attributes:
        number: tells requests apart.
        prompt: at least one token.
        most: how many tokens may come.
        temperature: of the draw; 0 takes the most probable token.
        k, p: as for :func:`tinymlx.text.sampling.sample`.
        seed: the draw of each token follows from it and from the token's number, and from nothing
            else. So who else is in the batch does not matter.
        ends: tokens that end the text; they are not returned.
    """

    number: int
    prompt: Sequence[int]
    most: int = 16
    temperature: float = 0.0
    k: int | None = None
    p: float | None = None
    seed: int = 0
    ends: frozenset[int] = frozenset()

    def check(self) -> None:
        """Refuse what cannot be answered.

        Raises:
            ValueError: an empty prompt, or a number that makes no sense.
        """
        if not len(self.prompt):
            raise ValueError("The prompt is empty; it needs at least one token.")
        if self.most < 1:
            raise ValueError(f"At least 1 token should be asked for; it is {self.most}.")
        if not 0 <= self.temperature <= 100:
            raise ValueError(f"The temperature should be from 0 to 100; it is {self.temperature}.")
        if self.k is not None and self.k < 1:
            raise ValueError(f"top_k should be at least 1; it is {self.k}.")
        if self.p is not None and not 0 < self.p <= 1:
            raise ValueError(f"top_p should be above 0 and at most 1; it is {self.p}.")


@dataclass(frozen=True)
class Event:
    """Something that happened to a request.

    Attributes:
        number: of the request.
        token: the next token; ``None`` if the text ended without one.
        reason: ``None`` while more may come; ``"stop"`` at a token that ends the text,
            ``"length"`` when there are as many as were asked for.
    """

    number: int
    token: int | None
    reason: str | None = None


@dataclass(eq=False)
class Row:
    """A request that is running.

    Attributes:
        request: which one.
        written: the tokens so far.
        waited: for how many steps it has got nothing, where a scheduler decides.
    """

    request: Request
    written: list[int] = field(default_factory=list)
    waited: int = 0

    @property
    def number(self) -> int:
        """Of the request."""
        return self.request.number

    @property
    def text(self) -> list[int]:
        """The prompt and what has been written."""
        return [*self.request.prompt, *self.written]

    @property
    def length(self) -> int:
        """How many tokens the text has."""
        return len(self.request.prompt) + len(self.written)
