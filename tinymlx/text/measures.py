r"""How well a text is predicted, in three units.

All three take logits ``(..., V)``, the tokens that came, ``(...)`` integers, and, where sequences
are filled up to one length, ``keep``: truth values ``(...)``, false where there is no token.
"""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.losses import cross_entropy


def total_nats(logits: array, targets: array, keep: array | None) -> tuple[array, array]:
    """The sum of ``-log p`` over all tokens that count, and how many those are."""
    each = cross_entropy(logits, targets)
    if keep is None:
        return core.sum(each), core.array(float(each.size))
    return core.sum(core.where(keep, each, 0)), core.sum(keep).astype(each.dtype)


def nats(logits: array, targets: array, keep: array | None = None) -> array:
    r"""The mean of :math:`-\log p` over all tokens that count: the loss of a language model."""
    raise NotImplementedError(
        "8.4 nats - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def perplexity(logits: array, targets: array, keep: array | None = None) -> array:
    r"""Among how many equally probable tokens one would be as unsure: :math:`e^{\text{nats}}`."""
    raise NotImplementedError(
        "8.4 perplexity - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def bits_a_character(
    logits: array, targets: array, keep: array | None = None, characters: int | None = None
) -> array:
    r"""How many bits a compressor with this model would need for each character.

    The sum of :math:`-\log_2 p` over the tokens, divided by the characters they make up.

    Args:
        logits, targets, keep: as above.
        characters: how many characters the tokens are, where a token is not one; by default as many
            as there are tokens that count.
    """
    raise NotImplementedError(
        "8.4 bits_a_character - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
