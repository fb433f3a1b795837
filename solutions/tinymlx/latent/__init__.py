"""Pictures as a few numbers, and what that costs (chapter 10).

==========================  ============================================================
:mod:`.pca`                 principal components, the best linear code
:mod:`.quality`             mean squared error, PSNR, SSIM
:mod:`.corruption`          spoiled inputs to train on, and units that are seldom on
:mod:`.gaussian`            draws with a slope, and how far two Gaussians are apart
:mod:`.likelihoods`         pixels as black or white, as one of 256 levels; bits a dimension
:mod:`.bounds`              lower bounds of the log-likelihood
:mod:`.probabilistic_pca`   the linear model whose likelihood is known
:mod:`.schedules`           warm-up and free bits
:mod:`.codebook`            a code of whole numbers
:mod:`.walks`               from one code to another
==========================  ============================================================
"""

from . import (
    bounds,
    codebook,
    corruption,
    gaussian,
    likelihoods,
    pca,
    probabilistic_pca,
    quality,
    schedules,
    walks,
)

__all__ = [
    "bounds",
    "codebook",
    "corruption",
    "gaussian",
    "likelihoods",
    "pca",
    "probabilistic_pca",
    "quality",
    "schedules",
    "walks",
]
