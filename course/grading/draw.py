"""Drawing a test's inputs: everything follows from the run's seed and the test's name."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from course.grading.values import DTYPES


class Draw:
    """A seeded source of NumPy arrays; the ``draw`` fixture."""

    def __init__(self, seed: int, name: str) -> None:
        self.random = np.random.default_rng([seed, zlib.crc32(name.encode())])

    def normal(self, *shape: int, dtype: str = "float32", scale: float = 1.0) -> np.ndarray:
        """Standard normal numbers times ``scale``."""
        return self._as(self.random.standard_normal(shape) * scale, dtype)

    def uniform(
        self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: str = "float32"
    ) -> np.ndarray:
        """Numbers between ``low`` and ``high``."""
        return self._as(self.random.uniform(low, high, shape), dtype)

    def integers(self, *shape: int, low: int, high: int, dtype: str = "int32") -> np.ndarray:
        """Integers from ``low`` to ``high - 1``."""
        return self._as(self.random.integers(low, high, shape), dtype)

    def booleans(self, *shape: int) -> np.ndarray:
        return self._as(self.random.integers(0, 2, shape), "bool")

    def permutation(self, n: int) -> np.ndarray:
        return self.random.permutation(n).astype(np.int32)

    def seed(self) -> int:
        """A number to seed something else with."""
        return int(self.random.integers(0, 2**31))

    def choice(self, items: list[Any]) -> Any:
        return items[int(self.random.integers(len(items)))]

    @staticmethod
    def _as(values: np.ndarray, dtype: str) -> np.ndarray:
        return np.asarray(values).astype(DTYPES[dtype])
