"""Which prompts and which answers get on in the next step.

A step computes some tokens for all weights that it reads, and more of them take longer: so a step
has a budget. A long prompt need not come in one step. What is left is a question of manners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """What is known about a request. How long its answer will be is not.

    Attributes:
        number: tells requests apart.
        prompt: how many tokens of its prompt have not been computed yet.
        written: how many tokens of its answer there are.
        waited: for how many steps it has got nothing, since it came or since it got something.
    """

    number: int
    prompt: int
    written: int
    waited: int


def shares(jobs: Sequence[Job], budget: int) -> dict[int, int]:
    """How many tokens of each job are computed in the next step: a scheduler of your own.

    A job with something left of its prompt can take any part of it. The step that takes the last
    part writes the first token of the answer. From then on the job can take one token in a step.

    What must hold:

    - All shares together are at most ``budget``; every share is at least 1, and no more than what
      its job can take. A job that gets nothing is left out.
    - Nothing is wasted: if a job could take more, the budget is used up.
    - Nobody starves. Of up to ``2 * budget`` jobs that write, none waits for eight steps. A prompt
      that has come before all others that are not complete is complete after at most ten times as
      many steps as it would need alone, whoever else comes.
    - Short prompts don't wait for long ones: where one prompt in ten is long, half of the short
      ones have their first token in half the time that first come, first served would take, or
      sooner.
    - All jobs together are done in at most 1.1 times the steps of first come, first served.

    Args:
        jobs: all that are there, in the order in which they came.
        budget: tokens of a step.

    Returns:
        Shares, by the jobs' numbers.

    Raises:
        ValueError: the budget is below 8.
    """
    if budget < 8:
        raise ValueError(f"[shares] The budget should be at least 8 tokens; it is {budget}.")
    reading = [job for job in jobs if job.prompt]
    writing = sorted((job for job in jobs if not job.prompt), key=lambda job: -job.waited)
    kept = min(budget // 4, sum(job.prompt for job in reading))
    found = {job.number: 1 for job in writing[: budget - kept]}
    left = budget - len(found)
    if reading:
        # Half for the oldest, so that it comes to an end; half for those that are done soon.
        first = min(reading[0].prompt, -(-left // 2))
        found[reading[0].number] = first
        left -= first
    for job in sorted(reading, key=lambda job: job.prompt):
        more = min(job.prompt - found.get(job.number, 0), left)
        if more:
            found[job.number] = found.get(job.number, 0) + more
            left -= more
    return found
