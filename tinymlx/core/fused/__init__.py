"""Fused operations: what ``mlx.core.fast`` computes at once, as primitives with derivatives.

============  =================================================
``norms``     layer norm and RMS norm over the last axis
``rotation``  rotary positional encoding
``entropy``   cross entropy with class indices
``delta``     the gated delta rule over time
============  =================================================
"""

# ruff: noqa: F401
from .delta import gated_delta_update
from .entropy import cross_entropy
from .norms import layer_norm, rms_norm
from .rotation import rope
