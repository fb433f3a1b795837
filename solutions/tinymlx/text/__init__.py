"""Text: from characters to numbers and back, and how well a model predicts them (chapter 8).

================  ================================================================
``vocabulary``    characters as numbers, unknown ones too
``utf8``          characters from a stream of bytes
``ngram``         counts of what followed what: the baseline
``measures``      nats, bits a character, perplexity
``lanes``         one long text as batches, each of which continues the last
``sampling``      a token from logits: temperature, top-k, top-p
``beam``          the best of several continuations at a time
``tokenizer``     byte-pair encoding, learned, applied, read from files (chapter 12)
``buckets``       pairs of sentences in batches (chapter 12)
``targets``       what a decoder should say, and how wrong it is (chapter 12)
``search``        whole sentences, greedily and by beams (chapter 12)
``bleu``          runs of words in common with a reference; ``chrf``: of characters (chapter 12)
``evaluation``    how good a translator is (chapter 12)
``generation``    text from language models (chapter 12)
``preference``    learning from which of two answers is preferred (chapter 12)
================  ================================================================
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
