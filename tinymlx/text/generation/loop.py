"""Tokens one after the other: the text so far is read once, then each step reads one token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.text.sampling import sample

#: Logits ``(N, V)`` to tokens ``(N,)``.
Choice = Callable[[array], array]


def greedy(logits: array) -> array:
    """The most probable token of each row."""
    return core.argmax(logits, axis=-1)


def random(temperature: float = 1.0, k: int | None = None, p: float | None = None) -> Choice:
    """A choice that draws from the global random state, see :func:`tinymlx.text.sample`."""
    return lambda logits: sample(logits, temperature, k, p)


def tokens(
    model: Any,
    prompt: Sequence[int],
    choose: Choice = greedy,
    cache: list[Any] | None = None,
    piece: int = 512,
) -> Iterator[int]:
    """Tokens that continue a prompt, for as long as somebody asks for them.

    Each step is handed to the device before the token of the step before it is awaited, so that the
    device need not wait for Python. At most one step too many is computed.

    Args:
        model: called with tokens and a cache, such as those of :mod:`tinymlx.models.language`.
        prompt: at least one token.
        choose: which token of the logits.
        cache: what an earlier call has filled; ``prompt`` continues it.
        piece: how many tokens of a long prompt are read at a time, which bounds the memory.

    Raises:
        ValueError: (when called) the prompt is empty, or has a number that is none of the model's
            tokens; (later) the text is longer than the model's context.
    """
    if not len(prompt):
        raise ValueError("[tokens] A prompt needs at least one token.")
    check_numbers(model, prompt, "tokens")
    return stream(model, core.array([list(prompt)]), choose, cache or model.make_cache(), piece)


def stream(
    model: Any, prompt: array, choose: Choice, cache: list[Any], piece: int
) -> Iterator[int]:
    """The steps of :func:`tokens`."""
    last = prompt.shape[1] - 1
    for start in range(0, last, piece):
        core.eval(model(prompt[:, start : min(start + piece, last)], cache))
    token = choose(model(prompt[:, last:], cache)[:, -1])
    core.async_eval(token)
    while True:
        try:
            following = choose(model(token[:, None], cache)[:, -1])
        except ValueError:  # the text is as long as it may be: this token is its last
            yield token.item()
            raise
        core.async_eval(following)
        yield token.item()
        token = following


def tokens_of_batch(
    model: Any,
    prompts: Sequence[Sequence[int]],
    count: int,
    choose: Choice = greedy,
    end: int | None = None,
) -> list[list[int]]:
    """Continuations of several prompts of unequal length, computed together.

    Shorter prompts are padded on the *left*: so all of them end at the same place, where they are
    continued. The model is told how much is padding, and sees none of it.

    Args:
        model: as for :func:`tokens`; it also takes ``padding``.
        prompts: at least one, of at least one token each.
        count: how many tokens each may get.
        choose: which token of the logits.
        end: the token that ends a text; it is not returned.

    Raises:
        ValueError: there is no prompt, one of them is empty, or has a number that is none of the
            model's tokens.
    """
    lengths = [len(prompt) for prompt in prompts]
    if not lengths or min(lengths) < 1:
        raise ValueError("[tokens_of_batch] There should be prompts, of at least one token each.")
    for prompt in prompts:
        check_numbers(model, prompt, "tokens_of_batch")
    longest = max(lengths)
    rows = core.array([[0] * (longest - len(p)) + list(p) for p in prompts])
    padding = core.array([longest - n for n in lengths])
    cache, found = model.make_cache(), []
    for _ in range(count):
        token = choose(model(rows, cache, padding)[:, -1])
        found.append(token.tolist())
        if end is not None and all(end in text for text in zip(*found)):
            break
        rows = token[:, None]
    return [until(list(text), end) for text in zip(*found)] if found else [[] for _ in prompts]


def check_numbers(model: Any, prompt: Sequence[int], what: str) -> None:
    """A table of vectors answers for numbers that it does not have, too, and means nothing by it.

    Raises:
        ValueError: a number is none of the model's tokens.
    """
    known = getattr(model, "vocabulary", None)
    wrong = [n for n in prompt if not 0 <= n < known] if isinstance(known, int) else []
    if wrong:
        raise ValueError(
            f"[{what}] {wrong[0]} is no token of the model, which knows {known}: is the tokenizer "
            "that of another one?"
        )


def until(text: list[int], end: int | None) -> list[int]:
    """A text up to the first ``end``, without it."""
    return text[: text.index(end)] if end in text else text
