"""Single questions in batches: when there are enough, or when one has waited long enough."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Batcher(Generic[Item]):
    """Collects items until a batch is due.

    It knows no clock: whoever uses it says what time it is. So it can be tested to the microsecond.

    Args:
        most: items in a batch.
        patience: seconds that an item may wait for others.

    Raises:
        ValueError: ``most`` is below 1, or ``patience`` below 0.
    """

    def __init__(self, most: int, patience: float) -> None:
        if most < 1 or not patience >= 0:
            raise ValueError(
                f"[Batcher] most should be at least 1 and patience at least 0; they are {most} and "
                f"{patience}."
            )
        self.most, self.patience = most, patience
        self.items: list[tuple[float, Item]] = []

    def offer(self, item: Item, now: float) -> None:
        """Add an item that has come now."""
        self.items.append((now, item))

    def due(self, now: float) -> list[Item]:
        """The batch that is to be computed now, oldest items first; an empty list if none is.

        One is due if there are ``most`` items, or if the oldest has waited for ``patience``. It has
        as many items as there are, up to ``most``; they are not here any more then.
        """
        raise NotImplementedError(
            "15.14 due - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def wake_up(self, now: float) -> float | None:
        """In how many seconds :meth:`due` is to be asked again at the latest; ``None``: not before
        something has come."""
        raise NotImplementedError(
            "15.14 wake_up - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
