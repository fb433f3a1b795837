"""Attention, as one operation with a derivative of its own.

==============  ==================================================================
``functions``   ``scaled_dot_product_attention`` as MLX has it
``masks``       which query may ask which key
``plain``       all scores at once
``online``      a softmax over keys that come piece by piece
``grid``        the scores, cut into tiles
``tiles``       attention tile by tile, and its derivative
==============  ==================================================================
"""

# ruff: noqa: F401
from .functions import scaled_dot_product_attention
