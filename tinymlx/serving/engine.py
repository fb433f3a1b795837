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

    Attributes:
        waiting: requests that have no pages yet (or had to give them back), the next one first.
        running: in the order in which they were let in.
    """

    def __init__(self, model: Any, table: PageTable, rows: int) -> None:
        self.model, self.table, self.rows = model, table, rows
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
        """Let in who can be let in, then one more token for everybody who is running.

        Whoever is let in gets a first token from the prompt. Who runs needs room for one more
        position; if there is none, the row that was let in last gives its pages back and waits at
        the front, with what it has written: it loses time, and no token.

        Returns:
            What happened, at most two events for a request.
        """
        events = []
        older = list(self.running)
        while self.waiting and len(self.running) < self.rows:
            row = self.waiting[0]
            text = [*row.request.prompt, *row.written]
            try:
                self.table.grow(row.number, len(text))
            except OutOfPages:
                break
            self.running.append(self.waiting.popleft())
            events += self.advanced([row], core.array([text]))
        older = [row for row in older if row in self.running]
        for row in list(older):
            if row in older:
                self.make_room(row, older)
        if older:
            events += self.advanced(older, core.array([[row.written[-1]] for row in older]))
        return events

    def make_room(self, row: Row, going: list[Row]) -> None:
        """A position more for a row. If there is no page, others give theirs back, or it does.

        Args:
            row: which one.
            going: who takes part in this step; who has to wait is removed.
        """
        while True:
            try:
                self.table.grow(row.number, 1)
                return
            except OutOfPages:
                last = self.running.pop()
                self.table.release(last.number)
                self.waiting.appendleft(last)
                if last in going:
                    going.remove(last)
                if last is row:
                    return

    def advanced(self, rows: list[Row], tokens: array) -> list[Event]:
        """One step of the model for some rows, and the token that each of them gets.

        Args:
            rows: which ones; the table has room for the new positions already.
            tokens: the new ones of each, ``(N, L)``.
        """
        plan = planned(self.table, [row.number for row in rows], tokens.shape[1])
        for layer in self.cache:
            layer.plan = plan
        logits = self.model(tokens, self.cache, plan.padding)[:, -1]
        events = []
        for row, token in zip(rows, chosen(rows, logits)):
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


def chosen(rows: list[Row], logits: array) -> list[int]:
    """A token for each row: the most probable one, or a draw.

    Args:
        rows: which ones.
        logits: ``(N, V)``.
    """
    found: list[array] = []
    for row, z in zip(rows, logits):
        request = row.request
        if request.temperature == 0:
            found.append(core.argmax(z))
        else:
            key = core.random.key(request.seed * 1_000_003 + len(row.written))
            found.append(sample(z, request.temperature, request.k, request.p, key))
    return [int(token) for token in core.stack(found).tolist()]
