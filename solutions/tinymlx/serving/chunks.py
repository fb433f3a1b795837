"""Prompts in parts: the engine whose steps a scheduler divides.

:class:`~tinymlx.serving.engine.Engine` computes a prompt in one step, whatever its length, and
everybody who writes waits for it. Here a step has a budget of tokens, a prompt may take several
steps, and :func:`tinymlx.serving.scheduling.shares` says who gets what.

Source: A. Agrawal et al., Taming Throughput-Latency Tradeoff in LLM Inference with Sarathi-Serve
(2024), https://arxiv.org/abs/2403.02310
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array

from .engine import Engine, chosen
from .pages import PageTable
from .requests import Event, Row
from .scheduling import Job, shares

#: Jobs and a budget to shares, by the jobs' numbers.
Share = Callable[[Sequence[Job], int], dict[int, int]]
#: A row, and how many of its tokens are computed in a step.
Part = tuple[Row, int]


class ChunkedEngine(Engine):
    """An engine that computes prompts in parts.

    Args:
        model, table, rows: as for :class:`~tinymlx.serving.engine.Engine`.
        budget: how many tokens of all texts together a step computes at most.
        share: the scheduler.

    Raises:
        ValueError: the budget is below 8.
    """

    def __init__(
        self, model: Any, table: PageTable, rows: int, budget: int = 512, share: Share = shares
    ) -> None:
        if budget < 8:
            raise ValueError(f"The budget should be at least 8 tokens; it is {budget}.")
        super().__init__(model, table, rows, budget)
        self.share = share

    def left(self, row: Row) -> int:
        """How many tokens of a row's text have no keys and values yet.

        All of them if it waits. One, the last, if it writes.
        """
        return row.length - self.table.lengths.get(row.number, 0)

    def let_in(self) -> list[Row]:
        """Move rows from those that wait to those that run. They take no pages yet.

        Nobody overtakes: the first one that has to stay keeps all others out. It stays if ``rows``
        are running, or if the free pages are fewer than all texts still need: those of the rows
        that run, those of the rows let in now, and its own. For who would take a page that
        somebody's prompt needs would soon be thrown out for it.

        Returns:
            Those that were let in, in their order; they have not ``waited`` yet.
        """
        found: list[Row] = []
        needed = sum(self.table.missing(row.number, self.left(row)) for row in self.running)
        while self.waiting and len(self.running) < self.rows:
            row = self.waiting[0]
            needed += self.table.missing(row.number, self.left(row))
            if needed > len(self.table.free):
                break
            row.waited = 0
            self.running.append(self.waiting.popleft())
            found.append(row)
        return found

    def jobs(self) -> list[Job]:
        """What the scheduler is told about the rows that run, in the order in which they came in.

        A row that came back after it had to give way has no keys and values. Then all of its text,
        what it has written too, is a prompt to be computed; it writes again when one token is left.
        """
        found = []
        for row in self.running:
            left = self.left(row)
            prompt = 0 if row.written and left == 1 else left
            found.append(Job(row.number, prompt, len(row.written), row.waited))
        return found

    def step(self) -> list[Event]:
        """A part of the text of everybody to whom the scheduler gives one.

        Rows are let in first; then the scheduler is asked, once, if anybody runs. Room for the
        parts is made in the order of the rows, the first one first; who has to give way for that
        loses its part, and is out. The steps that a row has ``waited`` are counted: 0 if it has a
        share, one more if it has none. Only then is the model called (:meth:`computed`).

        Returns:
            What happened: one event for each row whose text is complete now, and so has got a
            token.
        """
        self.let_in()
        got = self.share(self.jobs(), self.budget) if self.running else {}
        for row in list(self.running):
            row.waited = 0 if row.number in got else row.waited + 1
            if row.number in got:
                self.make_room(row, got[row.number])
        return self.computed([(row, got[row.number]) for row in self.running if row.number in got])

    def computed(self, parts: list[Part]) -> list[Event]:
        """Some calls of the model, and a token for each row whose text is complete.

        While the device computes one call, Python prepares the next; all of them are awaited
        together.

        Args:
            parts: in the order of the rows; the table has room for them.
        """
        calls: list[tuple[list[Row], array]] = []
        for group in alike(parts):
            rows = [row for row, _ in group]
            logits = self.called(rows, [self.new(row, count) for row, count in group])
            ready = [i for i, row in enumerate(rows) if not self.left(row)]
            if len(ready) < len(rows):
                logits, rows = logits[core.array(ready, core.int32)], [rows[i] for i in ready]
            tokens = chosen(rows, logits) if rows else core.zeros((0,), core.int32)
            core.async_eval(tokens, *(layer.room for layer in self.cache))
            calls.append((rows, tokens))
        return [event for rows, tokens in calls for event in self.told(rows, tokens.tolist())]

    def new(self, row: Row, count: int) -> list[int]:
        """The last tokens for which a row has room."""
        end = self.table.lengths[row.number]
        return row.text[end - count : end]


def alike(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts in groups, one for each call of the model.

    In a call all are padded to the longest. So those of one token are called together, and of the
    others those that are not padded to more than four times their length.

    Args:
        parts: in any order, which stays within a group.
    """
    groups: list[list[Part]] = []
    longest = 0
    for part in sorted(parts, key=lambda part: -part[1]):
        count = part[1]
        if not groups or 4 * count < longest or (count == 1 < longest):
            groups.append([])
            longest = count
        groups[-1].append(part)
    return groups[::-1]
