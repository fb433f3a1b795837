"""Convolution: ``conv_general`` and its kin.

=============  ===================================================================
``sizes``      what the numbers of a convolution mean, and the output's size
``windows``    all windows of a picture, and adding overlapping windows up
``general``    the primitive and its derivatives
``functions``  the names of ``mlx.core``, and transposed convolution
``routes``     how it is computed, and ``rows``, ``steps``: by products of matrices
=============  ===================================================================
"""

from .functions import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    convolve,
)
from .general import conv_general

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_general",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolve",
]
