"""The order of the tests for several processes: long ones first, the same work for each.

``pytest -n N --dist worksteal`` cuts the list into N parts and lets who is done take from others. A
long test that comes last keeps one process busy while the others wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

FIGURES = "tests/course/test_contract.py::test_the_lesson_shows_the_figures_that_its_script_draws"
# Seconds on two idle cores, for what takes more than two; found by `--durations=80`.
LONG = {
    f"{FIGURES}[ch06]": 45,
    "tests/course/test_proofs.py::test_mutants_of_what_a_change_touches": 40,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch03": 40,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch05": 40,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch06": 40,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch04": 35,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter": 30,
    "tests/course/test_attacks.py": 30,
    "tests/course/test_swap.py::test_the_same_losses[compiled_step": 25,
    "tests/ch06_training_autodiff/test_project.py": 20,
    "tests/course/test_grading.py::test_interruptions_lose_nothing_and_repeat_nobody": 20,
    "tests/ch04_neural_networks/test_project.py": 14,
    "tests/course/test_mutants.py::test_an_endless_loop_is_cut": 14,
    "tests/course/test_watch.py::test_a_syntax_error_and_an_endless_loop": 12,
    "tests/ch05_building_networks/test_project.py": 11,
    FIGURES: 10,
    "tests/course/test_compare_rows.py::test_rows_say_what_differs": 10,
    "tests/course/test_bench.py": 9,
    "tests/course/test_training.py": 8,
    "tests/course/test_grading.py::test_a_class_is_graded_and_reported": 8,
    "tests/course/test_outcomes.py::test_a_mishap_reads_the_same_in_both_modes": 5,
    "tests/course/test_lessons.py::test_the_blocks_of_a_lesson_run": 5,
}  # fmt: skip
T = TypeVar("T")


def seconds_of(name: str) -> float:
    """The time of a test by its node id; 0 for the short ones."""
    return next((seconds for start, seconds in LONG.items() if name.startswith(start)), 0.0)


def dealt(names: Sequence[str], parts: int) -> list[int]:
    """Positions in a new order that is cut into ``parts`` parts of the same number of tests.

    Each part begins with its share of the long tests; the files of the short ones stay together,
    because what a file sets up is then set up once.
    """
    long = sorted(
        (i for i, n in enumerate(names) if seconds_of(n)), key=lambda i: -seconds_of(names[i])
    )
    bins: list[list[int]] = [[] for _ in range(parts)]
    loads = [0.0] * parts
    for i in long:
        least = loads.index(min(loads))
        bins[least].append(i)
        loads[least] += seconds_of(names[i])
    files: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        if not seconds_of(name):
            files.setdefault(name.partition("::")[0], []).append(i)
    for group in sorted(files.values(), key=len, reverse=True):
        min(bins, key=len).extend(group)
    return [i for part in bins for i in part]
