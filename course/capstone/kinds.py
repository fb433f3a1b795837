"""What a chapter says about its capstone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """What a judge found.

    Attributes:
        passed: whether the milestone is reached.
        sentences: what was found, one sentence each, also where it passed.
        numbers: what was measured.
    """

    passed: bool
    sentences: list[str]
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Milestone:
    """A part of the brief.

    Attributes:
        number: 1 for the first.
        title: as the brief's heading says it.
        functions: of the reader's pipeline, which the judge calls.
        judge: gets the pipeline, and whether it should be quick.
    """

    number: int
    title: str
    functions: tuple[str, ...]
    judge: Callable[[ModuleType, bool], Verdict]


@dataclass(frozen=True)
class Held:
    """The data that nobody learned from, in the order in which predictions are expected."""

    name: str
    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Board:
    """How predictions are scored and compared.

    Attributes:
        rank_by: the column that decides.
        higher_is_better: whether a large number of it is good.
        columns: which numbers are shown, in this order.
        held: gives what is held out.
        score: from predictions (the arrays of ``predictions.npz``) and what is held out to
            numbers; a ``ValueError`` says in one sentence what is wrong with the predictions.
    """

    rank_by: str
    higher_is_better: bool
    columns: tuple[str, ...]
    held: Callable[[], Held]
    score: Callable[[dict[str, np.ndarray], Held], dict[str, float]]
