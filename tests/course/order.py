"""The order of the tests for several processes: long ones first, the same work for each.

``pytest -n N --dist worksteal`` cuts the list into N parts and lets who is done take from others. A
long test that comes last keeps one process busy while the others wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

FIGURES = "tests/course/test_contract.py::test_the_lesson_shows_the_figures_that_its_script_draws"
# Processor seconds with all child processes, the compiler's kernels not yet cached, for what takes
# more than five.
LONG = {
    "tests/course/test_attacks.py::test_the_honest_solution_passes": 76,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch03": 33,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch08": 45,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch09": 42,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch05": 25,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch06": 40,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch04": 40,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch16": 37,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch17": 50,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch18": 60,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter": 25,
    "tests/course/test_proofs.py::test_mutants_of_what_a_change_touches": 40,
    "tests/course/test_lessons.py::test_the_blocks_of_a_lesson_run[10]": 33,
    "tests/course/test_lessons.py::test_the_blocks_of_a_lesson_run[12]": 12,
    "tests/ch08_rnn/test_project.py": 33,
    "tests/ch09_gan/test_project.py": 25,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch10": 45,
    "tests/ch10_autoencoder/test_project.py": 28,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch11": 43,
    "tests/ch11_transformer/test_project.py": 35,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch12": 70,
    "tests/ch12_text_generation/test_project.py": 25,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch13": 48,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch14": 70,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch15": 39,
    "tests/course/test_coreml.py::test_packages[cnn-float32": 8,
    "tests/course/test_graft.py::test_misconceptions_travel_and_offend_nobody": 18,
    f"{FIGURES}[ch06]": 8,
    f"{FIGURES}[ch07]": 9,
    "tests/ch07_cnn/test_project.py": 35,
    "tests/course/test_proofs.py::test_the_graders_of_a_chapter[ch07": 45,
    "tests/course/test_swap.py::test_the_same_losses[compiled_step": 25,
    "tests/ch06_training_autodiff/test_project.py": 20,
    "tests/course/test_grading.py::test_interruptions_lose_nothing_and_repeat_nobody": 19,
    "tests/course/test_mutants.py::test_an_endless_loop_is_cut": 18,
    "tests/course/test_book.py::test_it_is_built_without_a_complaint": 17,
    "tests/course/test_book_pages.py::test_nothing_serious_stands_in_anybodys_way": 16,
    "tests/course/test_book_pages.py::test_pages_are_quiet_and_stay_in_the_window": 6,
    "tests/course/test_book_pages.py::test_searching_finds_what_is_there": 6,
    "tests/course/test_watch.py::test_a_syntax_error_and_an_endless_loop": 17,
    "tests/course/test_outcomes.py::test_a_mishap_reads_the_same_in_both_modes": 12,
    "tests/ch04_neural_networks/test_project.py": 12,
    "tests/course/test_grading.py::test_a_class_is_graded_and_reported": 10,
    "tests/course/test_shards.py::test_the_examples_of_github_and_slurm": 10,
    "tests/course/test_training.py::test_a_run_that_is_killed_again_and_again": 8,
    "tests/course/test_compare_rows.py::test_rows_say_what_differs": 8,
    "tests/course/test_compare_page.py": 8,
    "tests/course/test_bench.py": 7,
    "tests/course/test_outcomes.py::test_the_line_of_an_endless_loop_is_shown": 7,
    "tests/course/test_outcomes.py::test_a_hang_costs_one_exercise": 6,
    "tests/ch05_building_networks/test_project.py": 6,
    FIGURES: 5,
    "tests/course/test_mutants.py::test_a_survivor_fails_the_run": 5,
    "tests/course/test_follows.py::test_a_changed_test_regrades_its_exercise": 5,
    "tests/course/test_gradebook.py::test_best_attempt_extension_and_marks": 5,
    "tests/course/test_grading.py::test_adjustments_survive_regrading": 5,
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
