"""Keys and values in pages.

A cache in one piece needs room for the longest text that *may* come, for every row of a batch; most
of it stays empty. Here the room is cut into pages of a few positions, which belong to nobody until
a text needs one, and to nobody again when it is finished.

Source: W. Kwon et al., Efficient Memory Management for Large Language Model Serving with
PagedAttention (2023), https://arxiv.org/abs/2309.06180
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinymlx import core
from tinymlx.core import array


class OutOfPages(Exception):
    """There are not as many free pages as were asked for."""


class PageTable:
    """Who has which pages. Of keys and values it knows nothing.

    Args:
        count: how many pages there are.
        size: positions in a page.

    Attributes:
        free: pages that nobody has; the last one is taken next.
        pages: the pages of each text, in the order of its positions.
        lengths: how many positions each text has.
    """

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size
        self.free = list(range(count))[::-1]
        self.pages: dict[int, list[int]] = {}
        self.lengths: dict[int, int] = {}

    @property
    def nowhere(self) -> int:
        """A place behind all pages, for what nobody will read."""
        return self.count * self.size

    def missing(self, text: int, new: int) -> int:
        """How many pages a text needs beyond those that it has, for ``new`` more positions."""
        raise NotImplementedError(
            "15.15 missing - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def grow(self, text: int, new: int) -> None:
        """Give a text ``new`` more positions, with the pages that it needs for them.

        Args:
            text: its number; one that is unknown begins with no positions.
            new: how many.

        Raises:
            OutOfPages: there are not enough; nothing has changed then.

        The pages that it had stay where they are, and the free ones are neither copied nor gone
        through: what a page costs does not depend on how many there are.
        """
        raise NotImplementedError(
            "15.15 grow - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def release(self, text: int) -> None:
        """Take all pages of a text back. A text that has none is no mistake."""
        raise NotImplementedError(
            "15.15 release - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def places(self, text: int, start: int = 0) -> list[int]:
        """Where the positions of a text lie, from ``start`` on.

        All pages lie one behind the other, each with ``size`` places: page 2 of size 4 has the
        places 8 to 11.
        """
        raise NotImplementedError(
            "15.15 places - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


@dataclass(frozen=True)
class Plan:
    """Where one step of a batch reads and writes, for all layers.

    The texts are of unequal length, so they are padded on the left to that of the longest, ``T``.
    They get unequal numbers of new positions, too: these are the last of ``L`` columns, where ``L``
    is the largest of the numbers.

    Attributes:
        write: the places of the new positions, ``(N, L)``; :attr:`PageTable.nowhere` in a column
            that is not new for a text.
        read: the places of all positions, ``(N, T)``; 0 where there is padding.
        padding: how much of it each text has in front, ``(N,)``.
    """

    write: array
    read: array
    padding: array

    @property
    def offset(self) -> int:
        """How many positions came before the new ones, padding counted."""
        return self.read.shape[1] - self.write.shape[1]


def planned(table: PageTable, texts: Sequence[int], new: Sequence[int]) -> Plan:
    """The plan for texts whose last positions are not written yet.

    Args:
        table: where they have grown already.
        texts: their numbers, in the order of the batch.
        new: how many positions of each are new, at least one.
    """
    raise NotImplementedError(
        "15.16 planned - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class PagedCache:
    """The keys and values of one layer; a model uses it as :class:`tinymlx.models.caches.KVCache`.

    Args:
        table: how many pages there are, and of which size.

    Attributes:
        plan: of the step that runs now; the engine sets it.
        room: all pages of keys and of values, each ``(H, places, D)``. Heads come first, so that
            what is read of one head is a matrix whose rows lie side by side, as products want it.
            (Measured on a processor, 60 texts of 48 positions: with the places first, attention
            copies everything once more, and takes 2.5 times as long.)
    """

    def __init__(self, table: PageTable) -> None:
        self.table = table
        self.plan: Plan | None = None
        self.room: tuple[array, array] | None = None

    @property
    def offset(self) -> int:
        """As in the plan."""
        assert self.plan is not None
        return self.plan.offset

    def update_and_fetch(self, keys: array, values: array) -> tuple[array, array]:
        """Write new positions to their pages, and return all positions of all texts.

        Args:
            keys: ``(N, H, L, D)``.
            values: ``(N, H, L, D_v)``.

        Returns:
            ``(N, H, T, D)`` and ``(N, H, T, D_v)``, padded on the left as the plan says.
        """
        assert self.plan is not None
        if self.room is None:
            places = self.table.nowhere + 1
            k, v = (core.zeros((x.shape[1], places, x.shape[3]), x.dtype) for x in (keys, values))
            self.room = k, v
        found = []
        for room, new in zip(self.room, (keys, values)):
            room[:, self.plan.write] = new.transpose(1, 0, 2, 3)
            found.append(room[:, self.plan.read].transpose(1, 0, 2, 3))
        return found[0], found[1]
