"""Text: from characters to numbers and back, and how well a model predicts them (chapter 8).

================  =============================================================
``vocabulary``    characters as numbers, unknown ones too
``utf8``          characters from a stream of bytes
``ngram``         counts of what followed what: the baseline
``measures``      nats, bits a character, perplexity
``lanes``         one long text as batches, each of which continues the last
``sampling``      a token from logits: temperature, top-k, top-p
``beam``          the best of several continuations at a time
``generation``    text from language models (chapter 12)
``preference``    learning from which of two answers is preferred (chapter 12)
================  =============================================================
"""

from .beam import beam_search
from .lanes import windows
from .measures import bits_a_character, nats, perplexity
from .ngram import NGram
from .sampling import sample, tempered, top_k, top_p
from .utf8 import Utf8Decoder
from .vocabulary import Vocabulary

__all__ = [
    "NGram",
    "Utf8Decoder",
    "Vocabulary",
    "beam_search",
    "bits_a_character",
    "nats",
    "perplexity",
    "sample",
    "tempered",
    "top_k",
    "top_p",
    "windows",
]
