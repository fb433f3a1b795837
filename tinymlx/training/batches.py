"""Arrays in batches, in a new order in every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinymlx import core
from tinymlx.core import array


class Batches:
    """The examples of some arrays in batches; ``for x, y in batches`` is one epoch.

    The order of an epoch follows from ``seed`` and the number of the epoch alone, so two numbers
    say where a run stands (:attr:`state`), and the global random state is left alone.

    Args:
        arrays: arrays with one example in each place of the first axis; NumPy arrays are converted.
        batch_size: how many examples a batch has.
        shuffle: whether every epoch has an order of its own; otherwise it is that of the arrays.
        drop_last: whether to leave out the last batch of an epoch where it is not full.
        seed: what the orders follow from.

    Attributes:
        epoch: the number of the present epoch, from 0.
        position: how many of its examples have been handed out.

    Raises:
        ValueError: there is no array, one has no axis, their numbers of examples differ or are 0,
            ``batch_size`` is below 1, or no batch would be full.
    """

    def __init__(
        self,
        *arrays: Any,
        batch_size: int,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        self.arrays = [x if isinstance(x, array) else core.array(x) for x in arrays]
        shapes = [x.shape for x in self.arrays]
        if not shapes or any(len(s) == 0 or s[0] != shapes[0][0] or s[0] == 0 for s in shapes):
            raise ValueError(
                f"[Batches] Every array needs the same number of examples (its first axis), at "
                f"least 1; the shapes are {shapes}."
            )
        self.size = shapes[0][0]
        if batch_size < 1 or (drop_last and batch_size > self.size):
            raise ValueError(
                f"[Batches] batch_size should be at least 1"
                f"{f' and, with drop_last, at most {self.size}' if drop_last else ''}; "
                f"it is {batch_size}."
            )
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.epoch = 0
        self.position = 0

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(self.size, self.batch_size)
        return full if self.drop_last or rest == 0 else full + 1

    def order(self) -> array:
        """The positions of all examples in the order of the present epoch, ``(size,)`` integers."""
        if not self.shuffle:
            return core.arange(self.size)
        key = core.random.split(core.random.key(self.seed), self.epoch + 1)[self.epoch]
        return core.random.permutation(self.size, key=key)

    def __iter__(self) -> Iterator[tuple[array, ...]]:
        """The batches of the present epoch that have not been handed out yet.

        A batch is a tuple with the next ``batch_size`` examples of each array, in the order of
        :meth:`order`. The last one has what is left, unless ``drop_last`` leaves it out. Before a
        batch is handed out, :attr:`position` moves behind it: who saves the state while working on
        a batch will go on with the one after it. After the last one :attr:`epoch` grows by 1 and
        :attr:`position` is 0 again.

        Yields:
            Tuples of arrays, one for each array given, of shape ``(batch_size, ...)``.
        """
        raise NotImplementedError(
            "5.18 __iter__ - exercises/ch05_building_networks/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    @property
    def state(self) -> dict[str, int]:
        """Where the run stands, as plain numbers; setting it continues there."""
        return {"seed": self.seed, "epoch": self.epoch, "position": self.position}

    @state.setter
    def state(self, state: dict[str, int]) -> None:
        self.seed, self.epoch = state["seed"], state["epoch"]
        self.position = state["position"]
