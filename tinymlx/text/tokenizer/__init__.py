"""Tokenizers: a text as pieces that a model knows, and back (chapter 12).

================  =============================================================
``alphabet``      a letter for each byte
``patterns``      how a text is cut before anything is merged
``pairs``         which neighbours are frequent, and one token of two
``learning``      merges learned from a text
``merging``       merges applied to a word
``byte_level``    a tokenizer of all of these
``wordpiece``     the longest piece first
``clip``          the tokenizer of CLIP (chapter 13)
``sentences``     merges over whole sentences, with bytes for what is unknown
``published``     the files of published models
================  =============================================================
"""

from .byte_level import ByteLevelTokenizer
from .learning import learn_merges
from .merging import apply_merges, ranks_of
from .published import load_tokenizer
from .wordpiece import longest_pieces

__all__ = [
    "ByteLevelTokenizer",
    "apply_merges",
    "learn_merges",
    "load_tokenizer",
    "longest_pieces",
    "ranks_of",
]
