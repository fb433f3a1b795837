r"""Speculative decoding: a small model proposes several tokens, the large one judges all at once.

To read five tokens takes a large model hardly longer than to read one: its weights have to be
fetched once either way. And the result is distributed *exactly* as if the large model had drawn
every token by itself. With the small model's distribution :math:`q` and the large one's :math:`p`,
a proposal :math:`x \sim q` is accepted with the probability :math:`\min(1, p(x) / q(x))`;
otherwise a token is drawn from what :math:`p` has more than :math:`q`,
:math:`\max(p - q, 0)`, normalized. Together:

.. math:: q(x) \min\left(1, \tfrac{p(x)}{q(x)}\right) + \max(p(x) - q(x), 0) = p(x).

Sources: Y. Leviathan et al. (2022), https://arxiv.org/abs/2211.17192; C. Chen et al. (2023),
https://arxiv.org/abs/2302.01318
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.text.sampling import tempered


def accepted(
    p: array, q: array, proposed: array, uniform: array, key: array | None = None
) -> tuple[int, int]:
    """How many proposals the large model accepts, and the token that it puts behind them.

    Args:
        p: what the large model says, ``(K + 1, V)`` probabilities: before each proposal, and behind
            the last.
        q: what the small model said before each proposal, ``(K, V)`` probabilities.
        proposed: tokens drawn from ``q``, ``(K,)``.
        uniform: numbers from 0 to 1, ``(K,)``: proposal ``i`` is accepted if all before it are, and
            ``uniform[i]`` is below the ratio of ``p`` to ``q``.
        key: what the token behind follows from; by default the global random state. If all are
            accepted it is drawn from the last row of ``p``, otherwise from what ``p`` has more than
            ``q`` at the first proposal that is refused.

    Returns:
        The count, from 0 to ``K``, and the token.
    """
    raise NotImplementedError(
        "12.19 accepted - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def speculative(
    target: Any,
    draft: Any,
    prompt: Sequence[int],
    ahead: int = 4,
    temperature: float = 1.0,
) -> Iterator[int]:
    """Tokens as ``target`` would draw them, of which ``draft`` has proposed most.

    Both caches hold everything but the last token, whatever was refused: what a refused proposal
    left in them is taken back (``trim``), not read again.

    Args:
        target: the model whose distribution counts.
        draft: a smaller model with the same tokens.
        prompt: at least one token.
        ahead: how many tokens are proposed at a time, at least 1.
        temperature: of both.

    Raises:
        ValueError: (when called) the prompt is empty, ``ahead`` is below 1, or the models do not
            have the same number of tokens.
    """
    if not len(prompt) or ahead < 1:
        raise ValueError("[speculative] A prompt needs a token, and ahead should be at least 1.")
    if target.vocabulary != draft.vocabulary:
        raise ValueError(
            f"[speculative] The models should know the same tokens; they know {target.vocabulary} "
            f"and {draft.vocabulary}."
        )
    return rounds(target, draft, list(prompt), ahead, temperature)


def rounds(
    target: Any, draft: Any, prompt: list[int], ahead: int, temperature: float
) -> Iterator[int]:
    """The rounds of :func:`speculative`: propose, judge, take back what was refused.

    In each round the draft reads what it has not read yet and proposes ``ahead`` tokens
    (:func:`proposals`). The target reads the last token of the text and all proposals at once, and
    :func:`accepted` says how many of them stay and which token comes behind. Of what was refused
    nothing stays in a cache; that last token is in none of them yet. (The draft has never read its
    last proposal: if all of them stay, it has two tokens to read.)

    Yields:
        The tokens that were accepted, and the one behind them.
    """
    raise NotImplementedError(
        "12.19 rounds - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def proposals(
    draft: Any, cache: list[Any], unread: list[int], ahead: int, temperature: float
) -> tuple[array, array]:
    """Tokens of the small model, ``(ahead,)``, and its probabilities, ``(ahead, V)``."""
    found, chances = [], []
    x = core.array([unread])
    for _ in range(ahead):
        logits = tempered(draft(x, cache)[:, -1], temperature).astype(core.float32)
        chances.append(core.softmax(logits, axis=-1)[0])
        found.append(core.random.categorical(logits))
        x = found[-1][:, None]
    return core.concatenate(found), core.stack(chances)
