"""A class with a method and a property to write."""

import mlx.core as mx


class Base:
    """Holds the state."""

    def __init__(self) -> None:
        self.count = 0
        self.sum = mx.array(0.0)

    def add(self, x: mx.array) -> None:
        """Count rows."""
        self.count += x.shape[0]


class Counter(Base):
    """Counts rows and sums all elements."""

    def add(self, x: mx.array) -> None:
        """Add the rows of ``x``, shape ``(N, D)``."""
        raise NotImplementedError(
            "1.3 add - exercises/ch01_rows/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    @property
    def total(self) -> mx.array:
        """The sum of all elements added so far."""
        raise NotImplementedError(
            "1.3 total - exercises/ch01_rows/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
