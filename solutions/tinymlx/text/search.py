"""From a model of the next token to whole sentences: greedy search and beams, many at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tinymlx import core
from tinymlx.core import array
from tinymlx.text.beam import rows

#: From the last token of each row, ``(N,)``, and a state, to logits ``(N, V)`` and the next state.
Step = Callable[[array, Any], tuple[array, Any]]


class Found(NamedTuple):
    """A sentence, and how good it is."""

    tokens: list[int]
    score: float


def greedy(
    step: Step, state: Any, count: int, begin: int, end: int, length: int
) -> list[list[int]]:
    """The most probable token, again and again, in all rows at once.

    Args:
        step: the model.
        state: its state before the first token: a tree of arrays with ``count`` rows.
        count: how many sentences, at least 1.
        begin: the token that begins each.
        end: the token that ends one.
        length: how many tokens a sentence may have at most.

    Returns:
        For each row its tokens, without ``begin``, and without ``end`` and what comes behind it.
        ``step`` is not called any more once all rows have ended.
    """
    tokens = core.full((count,), begin, core.int32)
    found: list[list[int]] = [[] for _ in range(count)]
    going = set(range(count))
    for _ in range(length):
        logits, state = step(tokens, state)
        tokens = core.argmax(logits, axis=-1).astype(core.int32)
        for i, token in enumerate(tokens.tolist()):
            if token == end:
                going.discard(i)
            elif i in going:
                found[i].append(token)
        if not going:
            break
    return found


def beams(
    step: Step,
    state: Any,
    count: int,
    begin: int,
    end: int,
    length: int,
    width: int,
    penalty: float = 1.0,
) -> list[Found]:
    r"""The best of several continuations for each of several sentences.

    After each step all continuations of a sentence are looked at, from the most probable one down:
    one that ends is set aside, until ``width`` that go on have been found. What was set aside is
    never continued. A sentence is done when ``width`` continuations have been set aside; after
    ``length`` tokens those that still go on are set aside as they are. Of all that were, the one
    with the best score is the result. The score of :math:`n` tokens, the one that ends them
    counted, is

    .. math:: \frac{1}{n^{\alpha}} \sum_{i=1}^n \log p_i

    With :math:`\alpha = 0` this is the probability, which likes short sentences; with 1 it is a
    mean. A token whose logit is minus infinity is never chosen.

    The rows of the state stay together sentence by sentence: first all continuations of the first
    one. ``step`` is called with ``count * width`` rows each time, and not any more once all
    sentences are done.

    Args:
        step, state, count, begin, end, length: as for :func:`greedy`.
        width: how many continuations of each sentence to keep.
        penalty: :math:`\alpha`.

    Returns:
        For each sentence its tokens without ``begin`` and ``end``, and its score.

    Raises:
        ValueError: ``width`` or ``length`` is below 1.
    """
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts: list[list[list[int]]] = [[[] for _ in range(width)] for _ in range(count)]
    done: list[list[Found]] = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going: list[tuple[float, int, int]] = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


def greatest(values: array, count: int) -> array:
    """Where the greatest numbers of each row are, the greatest one first, ``(N, count)``.

    To sort everything for a few of it takes longer. With less than ``count`` in a row: all of them.
    """
    count = min(count, values.shape[-1])
    some = core.argpartition(-values, count - 1, axis=-1)[:, :count]
    order = core.argsort(-core.take_along_axis(values, some, axis=-1), axis=-1)
    return core.take_along_axis(some, order, axis=-1)
