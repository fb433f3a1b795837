"""Text from language models: which token next, how fast, and what is allowed (chapter 12).

=====================  ================================================================
:mod:`.filters`        least share of the best, and a price on what was said
:mod:`.loop`           tokens one after the other, with a cache, also in batches
:mod:`.speculative`    a small model proposes, the large one disposes
:mod:`.expressions`    regular expressions that eat one character at a time
:mod:`.constraint`     only tokens with which an expression can still be met
=====================  ================================================================
"""

from .constraint import Constraint
from .filters import min_p, repetition_penalty
from .loop import Choice, greedy, random, tokens, tokens_of_batch
from .speculative import accepted, speculative

__all__ = [
    "Choice",
    "Constraint",
    "accepted",
    "greedy",
    "min_p",
    "random",
    "repetition_penalty",
    "speculative",
    "tokens",
    "tokens_of_batch",
]
