"""Prompts in parts: every step of an engine under schedulers that are easy to say."""

import pytest

from course.grading.marks import exercise


def crowd(draw, count, steps, longest, most):
    """Requests of many lengths that come at many steps; some end early."""
    found = []
    for _ in range(count):
        step, length, answer = (
            int(draw.integers(1, low=a, high=b)[0])
            for a, b in ((0, steps), (1, longest + 1), (1, most + 1))
        )
        prompt = draw.integers(length, low=0, high=50).tolist()
        found.append([step, prompt, answer, draw.integers(3, low=0, high=61).tolist()])
    return found


@exercise("15.22")
@pytest.mark.parametrize("kind", ["first", "last", "pieces", "waited"])
@pytest.mark.parametrize("count,rows,budget", [(200, 5, 9), (8, 4, 8)], ids=["room", "few-pages"])
def test_every_step_in_parts(check, draw, kind, count, rows, budget):
    """What the scheduler is told, who runs and waits, and each token: as from whole prompts."""
    coming = crowd(draw, 9, 8, 13, 9)
    leaving = [[3, 1], [5, 99], [6, 4]]
    inputs = {"size": 3, "rows": rows, "budget": budget, "coming": coming, "leaving": leaving}
    check("chunked", count=count, kind=kind, **inputs)


@exercise("15.22")
@pytest.mark.parametrize("kind", ["first", "last", "pieces"])
def test_who_gives_way_comes_back_in_parts(check, kind):
    """What was written is computed again, in parts like a prompt, and is not written again."""
    coming = [[0, [1, 2, 3], 9, []], [0, [4, 5], 9, []], [1, [6], 8, []], [2, [7] * 8, 3, []]]
    for count in (4, 5, 6):
        inputs = {"size": 3, "rows": 8, "budget": 8, "coming": coming, "leaving": []}
        check("chunked", count=count, kind=kind, **inputs)


@exercise("15.22")
def test_a_page_that_a_prompt_still_needs(check):
    """Half of a long prompt has its pages; a short one fits into what is free, and waits."""
    coming = [[0, [1] * 20, 3, []], [1, [2] * 4, 2, []], [1, [3], 2, []]]
    for count in (6, 7, 8, 20):
        inputs = {"size": 4, "rows": 3, "budget": 8, "coming": coming, "leaving": []}
        check("chunked", count=count, kind="first", **inputs)


@exercise("15.22")
def test_a_queue_in_front_of_the_door(check):
    """Rows and pages that just suffice, and that do not; who is let in takes none yet."""
    for count, rows, texts, inside in (
        (6, 9, [4, 8, 5, 1], []),
        (5, 9, [4, 8, 5, 1], []),
        (4, 9, [15, 1], []),
        (3, 9, [4, 9, 1, 1], []),
        (9, 2, [1, 1, 1], []),
        (6, 3, [4, 5, 1], [9]),
        (5, 9, [4, 5, 1], [3, 5]),
    ):
        check("let_in_alone", count=count, size=4, rows=rows, texts=texts, inside=inside)


@exercise("15.22")
def test_nobody_asks_and_somebody_asks_late(check):
    """A scheduler is not asked when nobody runs; it is told how long somebody has got nothing."""
    coming = [[2, [1, 2], 3, []], [3, [5] * 11, 2, []], [3, [7], 4, []], [9, [3], 1, []]]
    for kind in ("first", "last", "waited"):
        inputs = {"size": 4, "rows": 3, "budget": 8, "coming": coming, "leaving": []}
        check("chunked", count=40, kind=kind, **inputs)
