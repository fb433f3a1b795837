"""Continuous batching: requests that come and go while a batch is running.

A step of a language model reads all its weights, for one row or for thirty. So rows are computed
together. To wait until a batch is complete, and then until its longest text is finished, would
leave most of it idle. Here a row that is finished leaves at once, and a request that waits takes
its place in the next step.

Source: G.-I. Yu et al., Orca: A Distributed Serving System for Transformer-Based Generative Models
(2022), "iteration-level scheduling".
"""

from __future__ import annotations

from collections import deque
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.text.sampling import sample

from .pages import OutOfPages, PagedCache, PageTable, planned
from .requests import Event, Request, Row


class Engine:
    """A model, and the requests that it is answering.

    Args:
        model: called with tokens ``(N, L)``, a cache for each layer, and padding ``(N,)``;
            ``len(model.make_cache())`` is the number of layers.
        table: the pages.
        rows: how many requests run at a time.
        budget: how many positions the prompts of a step may take together, padding counted. One
            that is longer comes alone.

    Attributes:
        waiting: requests that have no pages yet (or had to give them back), the next one first.
        running: in the order in which they were let in.
    """

    def __init__(self, model: Any, table: PageTable, rows: int, budget: int = 2048) -> None:
        self.model, self.table, self.rows, self.budget = model, table, rows, budget
        self.cache = [PagedCache(table) for _ in model.make_cache()]
        self.waiting: deque[Row] = deque()
        self.running: list[Row] = []

    def submit(self, request: Request) -> None:
        """Put a request at the end of those that wait.

        Raises:
            ValueError: it makes no sense, or could not be answered with all pages there are.
        """
        request.check()
        positions = len(request.prompt) + request.most
        if positions > self.table.count * self.table.size:
            raise ValueError(
                f"The prompt has {len(request.prompt)} tokens and {request.most} are asked for; "
                f"together at most {self.table.count * self.table.size} are possible."
            )
        self.waiting.append(Row(request))

    def cancel(self, number: int) -> None:
        """Forget a request, wherever it is. One that is unknown or finished is no mistake."""
        self.waiting = deque(row for row in self.waiting if row.number != number)
        self.running = [row for row in self.running if row.number != number]
        self.table.release(number)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self.waiting and not self.running

    def step(self) -> list[Event]:
        """A token for everybody who is running, and a first one for those who are let in now.

        Whoever runs needs room for one more position, the first one first; what is left is for
        those who wait. Only when that has been settled is the model called, at most twice: first
        for those who have been running, with the token that each of them wrote last, then for those
        who are let in, with all of their text. Who is finished leaves at once; what it gives back
        is for the next step.

        Returns:
            What happened: one event for each row that took part, in the order of the calls.
        """
        raise NotImplementedError(
            "15.16 step - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def make_room(self, row: Row, new: int = 1) -> None:
        """``new`` positions more for a row, if it is still running.

        While there are not enough pages, the row that was let in last gives all of its pages back
        and waits again, in front of everybody else; it keeps what it has written, and loses time
        but no token. It may be this row itself; then it has no room.
        """
        raise NotImplementedError(
            "15.16 make_room - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def let_in(self) -> list[Row]:
        """Move rows from those that wait to those that run, with pages for all of their text.

        Nobody overtakes: the first one that has to stay keeps all others out. It stays if ``rows``
        are running, if there are not enough pages, or if the longest text of those let in now,
        times their number, were above ``budget``; alone, a text may be.

        Returns:
            Those that were let in, in their order.
        """
        raise NotImplementedError(
            "15.16 let_in - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def advanced(self, rows: list[Row], new: list[list[int]]) -> list[Event]:
        """One call of the model for some rows, and the token that each of them gets.

        Args:
            rows: which ones; the table has room for the new positions already.
            new: the tokens of these positions, for each row.
        """
        return self.told(rows, chosen(rows, self.called(rows, new)).tolist())

    def called(self, rows: list[Row], new: list[list[int]]) -> array:
        """Logits behind the last of the new tokens of each row, ``(N, V)``; not computed yet."""
        counts = [len(tokens) for tokens in new]
        plan = planned(self.table, [row.number for row in rows], counts)
        longest = max(counts)
        for layer in self.cache:
            layer.plan = plan
        padded = [[0] * (longest - len(tokens)) + tokens for tokens in new]
        logits: array = self.model(core.array(padded), self.cache, plan.padding)[:, -1]
        return logits

    def told(self, rows: list[Row], tokens: list[int]) -> list[Event]:
        """What a token each means for some rows. Who is finished gives its pages back."""
        events = []
        for row, token in zip(rows, tokens, strict=True):
            event = taken(row, token)
            events.append(event)
            if event.reason is not None:
                self.running.remove(row)
                self.table.release(row.number)
        return events


def taken(row: Row, token: int) -> Event:
    """What a token means for a row: it goes on, or it ends."""
    if token in row.request.ends:
        return Event(row.number, None, "stop")
    row.written.append(token)
    complete = len(row.written) == row.request.most
    return Event(row.number, token, "length" if complete else None)


def chosen(rows: list[Row], logits: array) -> array:
    """A token for each row, ``(N,)``: the most probable one, or a draw; not computed yet.

    Rows that are drawn alike are drawn together: one sorting for all of them, and each with the key
    that it would have alone.

    Args:
        rows: which ones.
        logits: ``(N, V)``.
    """
    found = core.argmax(logits, axis=-1)
    alike: dict[tuple[float, int | None, float | None], list[int]] = {}
    for i, row in enumerate(rows):
        asked = row.request
        if asked.temperature > 0:
            alike.setdefault((asked.temperature, asked.k, asked.p), []).append(i)
    for (temperature, k, p), places in alike.items():
        where = core.array(places)
        keys = core.array([key_of(rows[i]) for i in places], core.uint32)

        def draw(z: array, key: array, t: float = temperature, k: Any = k, p: Any = p) -> array:
            return sample(z, t, k, p, key)

        found[where] = core.vmap(draw)(logits[where], keys)
    return found


def key_of(row: Row) -> list[int]:
    """Of the draw of a row's next token: the two numbers that ``core.random.key`` makes of one."""
    seed = row.request.seed * 1_000_003 + len(row.written)
    return [seed >> 32, seed & 0xFFFFFFFF]
