"""Tasks for which the right answer is known: copy, sort, add; and sequences that repeat. Given.

A task is written as one row of tokens, *question, equals sign, answer*, and a model that continues
the question has solved it. Everything before the answer is chance, so only the answer is graded.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import mlx.core as mx

#: Tokens of the tasks: the digits are their own numbers.
COPY, SORT, ADD, EQUALS, PLUS = 10, 11, 12, 13, 14
TASKS = {"copy": COPY, "sort": SORT, "add": ADD}
SIGNS = "0123456789CSA=+"
VOCABULARY = len(SIGNS)
LENGTH = 8  # digits to copy or to sort
DIGITS = 3  # of each number to add

#: The token in front of a repeated sequence and of its repetition; the others are from 1 on.
START = 0


class Rows(NamedTuple):
    """Rows of tokens, and at which of them the answer stands.

    Attributes:
        tokens: ``(N, T)``.
        answer: truth values, ``(N, T)``.
    """

    tokens: mx.array
    answer: mx.array


def task(name: str, count: int, key: mx.array) -> Rows:
    """Questions with their answers.

    Copying repeats eight digits, sorting orders them. Adding has two numbers of three digits, and
    the answer with its last digit first: there the carry begins.

    Args:
        name: ``"copy"``, ``"sort"`` or ``"add"``.
        count: how many.
        key: a key of ``mx.random.key``.
    """
    sign = mx.full((count, 1), TASKS[name])
    equals = mx.full((count, 1), EQUALS)
    if name == "add":
        digits = mx.random.randint(0, 10, (count, 2, DIGITS), key=key)
        powers = mx.array([10**i for i in reversed(range(DIGITS))])
        total = mx.sum(digits * powers, axis=(1, 2))[:, None]
        answer = total // mx.array([10**i for i in range(DIGITS + 1)]) % 10
        plus = mx.full((count, 1), PLUS)
        question = mx.concatenate([digits[:, 0], plus, digits[:, 1]], axis=1)
    else:
        question = mx.random.randint(0, 10, (count, LENGTH), key=key)
        answer = question if name == "copy" else mx.sort(question, axis=1)
    tokens = mx.concatenate([sign, question, equals, answer], axis=1).astype(mx.int32)
    places = mx.arange(tokens.shape[1]) >= tokens.shape[1] - answer.shape[1]
    return Rows(tokens, mx.broadcast_to(places, tokens.shape))


def written(tokens: list[int]) -> str:
    """Tokens of a task as text, such as ``"S31=13"``."""
    return "".join(SIGNS[t] for t in tokens)


def repeated(vocabulary: int, length: int, count: int, key: mx.array) -> Rows:
    """Random sequences, each written twice: ``START s_1 ... s_L START s_1 ... s_L``.

    The tokens of a sequence are all different. So the first half is pure chance, and in the second
    half every token is certain for who has seen the first.

    Args:
        vocabulary: how many tokens there are, ``START`` among them.
        length: ``L``.
        count: how many rows.
        key: a key of ``mx.random.key``.

    Returns:
        Rows of ``2 L + 2`` tokens; the answer is the second half.
    """
    if not 0 < length < vocabulary:
        raise ValueError(
            f"{length} different tokens are to be drawn from {vocabulary - 1}, `vocabulary - 1`."
        )
    order = mx.argsort(mx.random.uniform(shape=(count, vocabulary - 1), key=key), axis=1)
    start = mx.full((count, 1), START)
    half = mx.concatenate([start, order[:, :length] + 1], axis=1).astype(mx.int32)
    places = mx.arange(2 * length + 2) > length + 1
    return Rows(
        mx.concatenate([half, half], axis=1), mx.broadcast_to(places, (count, 2 * length + 2))
    )


def first_half_floor(vocabulary: int, length: int) -> float:
    """The least mean surprise (nats) of the tokens of the first half, which are never repeated."""
    return sum(math.log(vocabulary - 1 - t) for t in range(length)) / length
