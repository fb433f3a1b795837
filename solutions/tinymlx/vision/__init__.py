"""What networks for pictures need around them (chapters 7 and 16).

========================  ==============================================================
:mod:`.convolution`       convolution by loops, and as windows times a matrix
:mod:`.augmentation`      flips and padded crops, a draw for each picture
:mod:`.mixing`            cutout, mixup with soft targets, colours
:mod:`.whitening`         kernels that make the patches of pictures white
:mod:`.receptive_field`   which pixels an output can see
:mod:`.pooling`           means of windows that do not count the border
:mod:`.folding`           a batch normalization inside of the convolution before it
:mod:`.saliency`          where a network looked
:mod:`.averaging`         the mean of the answers to several views of a picture
:mod:`.affine`            turned, sheared, scaled and shifted pictures
========================  ==============================================================
"""

from . import (
    affine,
    augmentation,
    averaging,
    convolution,
    folding,
    mixing,
    pooling,
    receptive_field,
    saliency,
    whitening,
)

__all__ = [
    "affine",
    "augmentation",
    "averaging",
    "convolution",
    "folding",
    "mixing",
    "pooling",
    "receptive_field",
    "saliency",
    "whitening",
]
