"""Standard output and error that a probe cannot close: they belong to whoever runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Open:
    """A stream that refuses to be closed, and is the given one in everything else."""

    def __init__(self, stream: Any, name: str) -> None:
        self._stream, self._name = stream, name

    def close(self) -> None:
        raise RuntimeError(f"{self._name} belongs to whoever runs your code: leave it open")

    def detach(self) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    def __enter__(self) -> Open:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@contextmanager
def unclosable() -> Iterator[None]:
    """While the context lasts, ``sys.stdout`` and ``sys.stderr`` stay open."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Open(sys.stdout, "sys.stdout"), Open(sys.stderr, "sys.stderr")  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
