"""How a class is graded: the cost of a submission, how busy the cores are, the judge's memory.

``TINYMLX_CLASS_SIZE=200`` is the full class; the default is small enough to try.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from pathlib import Path

import pytest
from generated import generate
from small import ROOT

from course.bench.plugin import Race
from course.bench.timing import Timing
from course.compare.collect import collect
from course.grading.campaign import Campaign, Plan
from course.grading.exports import outcome
from course.paths import Project
from course.registry import load_registry

SIZE = int(os.environ.get("TINYMLX_CLASS_SIZE", "20"))


class Meter(threading.Thread):
    """Samples how busy all cores are, and this process's memory."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.memory: list[int] = []
        self.stopped = threading.Event()
        self.begin = os.times()

    def run(self) -> None:
        while not self.stopped.wait(1.0):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.memory.append(pages * resource.getpagesize())


def busy(before: list[int], after: list[int]) -> float:
    """The share of processor time that was not idle, from two readings of /proc/stat."""
    spent = [b - a for a, b in zip(before, after, strict=True)]
    return 1 - (spent[3] + spent[4]) / sum(spent)


def reading() -> list[int]:
    return [int(n) for n in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="reads Linux's /proc")
def bench_grade(race: Race, tmp_path: Path) -> None:
    """A generated class, chapter 1: seconds a submission; the table must equal the expected one."""
    project = Project(ROOT)
    registry = load_registry(project)
    exercises = registry.select("1")
    expected = generate(project, registry, exercises, SIZE, tmp_path / "class")
    campaign = Campaign(project, registry, Plan(exercises, (1,)), tmp_path / "report")
    meter, before, start = Meter(), reading(), time.perf_counter()
    meter.start()
    race.benchmark.pedantic(
        lambda: campaign.run(sorted((tmp_path / "class").iterdir())), rounds=1, iterations=1
    )
    seconds = (time.perf_counter() - start) / SIZE
    meter.stopped.set()
    share = busy(before, reading())
    wrong = {
        (student, number): (wanted, outcome(campaign.record(student), number))
        for student, table in expected.items()
        for number, wanted in table.items()
        if outcome(campaign.record(student), number).replace(" alone", "") != wanted
    }
    assert not wrong, wrong
    growth = meter.memory[-1] - meter.memory[len(meter.memory) // 10]
    print(f"{SIZE} submissions, {seconds:.2f} s each, cores {100 * share:.0f}% busy, "
          f"judge grew by {growth / 1e6:.1f} MB")  # fmt: skip
    race.record({"one submission": Timing(seconds, seconds, seconds, SIZE)})


def bench_compare(race: Race, tmp_path: Path) -> None:
    """Comparing the implementations of exercise 1.2 by the whole class: target 120 s for 200."""
    project = Project(ROOT)
    registry = load_registry(project)
    generate(project, registry, registry.select("1"), SIZE, tmp_path / "class")
    start = time.perf_counter()
    race.benchmark.pedantic(
        lambda: collect(project, registry, registry["1.2"], [str(tmp_path / "class")]),
        rounds=1,
        iterations=1,
    )
    seconds = time.perf_counter() - start
    race.record({f"compare {SIZE}": Timing(seconds, seconds, seconds, 1)})
