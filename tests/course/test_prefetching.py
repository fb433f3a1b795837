"""Batches that a thread makes beforehand: the same ones, and no thread is left."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module")
def prefetched(project: Project, registry: Registry) -> Iterator[Any]:
    with implementation(project, registry, "solutions"):
        yield importlib.import_module("tinymlx.performance.prefetching").Prefetched


def threads() -> int:
    return threading.active_count()


class Counted:
    """Numbers, with a note of each that was made."""

    def __init__(self, count: int, fails_at: int = -1) -> None:
        self.count, self.fails_at, self.made = count, fails_at, 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        for i in range(self.count):
            if i == self.fails_at:
                raise OSError("the disk is gone")
            self.made += 1
            yield i


def until(holds: Any) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_same_batches_again_and_again(prefetched: Any) -> None:
    before = threads()
    batches = prefetched(range(7), ahead=3)
    assert list(batches) == list(batches) == list(range(7))
    assert len(batches) == 7 and threads() == before
    assert list(prefetched([])) == []


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_no_more_than_allowed_are_ready(prefetched: Any, ahead: int) -> None:
    source = Counted(20)
    walk = iter(prefetched(source, ahead))
    for i in range(4):
        assert next(walk) == i
        until(lambda i=i: source.made == i + 1 + ahead)
        time.sleep(0.02)
        assert source.made == i + 1 + ahead
    walk.close()  # type: ignore[attr-defined]


def test_who_leaves_early_ends_the_thread(prefetched: Any) -> None:
    before, source = threads(), Counted(1000)
    for i in prefetched(source):
        if i == 3:
            break
    until(lambda: threads() == before)
    assert source.made <= 6
    with pytest.raises(LookupError):
        for _ in prefetched(source):
            raise LookupError
    until(lambda: threads() == before)


def test_an_error_comes_where_the_batch_would(prefetched: Any) -> None:
    seen = []
    with pytest.raises(OSError, match="the disk is gone"):
        for i in prefetched(Counted(9, fails_at=4)):
            seen.append(i)
    assert seen == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"\[Prefetched\] ahead should be at least 1; it is 0"):
        prefetched([], 0)


def test_reading_and_computing_take_the_longer_of_the_two(prefetched: Any) -> None:
    """Where neither uses the processor, as with a disk and a GPU."""

    def read() -> Iterator[int]:
        for i in range(12):
            time.sleep(0.02)
            yield i

    def walked(batches: Any) -> float:
        start = time.perf_counter()
        for _ in batches:
            time.sleep(0.02)
        return time.perf_counter() - start

    # 24 waits of 0.02 s against 13. The best of three, since others use the machine, too.
    ratios = [walked(prefetched(read())) / walked(read()) for _ in range(3)]
    assert min(ratios) < 0.75, ratios


def test_batches_of_chapter_5_and_what_they_hold(prefetched: Any) -> None:
    core = importlib.import_module("tinymlx.core")
    batches = importlib.import_module("tinymlx.training.batches").Batches

    def epochs(evaluated: bool = True) -> Any:
        x = core.arange(10).astype(core.float32)
        found = batches(x, 2 * x, batch_size=4, seed=3)
        if evaluated:
            core.eval(found.arrays)
        return found

    plain, made = epochs(), prefetched(epochs())
    for _ in range(2):
        for (a, b), (c, d) in zip(plain, made, strict=True):
            assert a.tolist() == c.tolist() and b.tolist() == d.tolist()
    with pytest.raises(ValueError, match="still to be computed; evaluate it first"):
        list(prefetched(epochs(evaluated=False)))
