"""Handwritten digits of 8 x 8 pixels, which come with scikit-learn: nothing to download. Given.

1797 digits by 43 people, of the UCI collection "Optical Recognition of Handwritten Digits"
(E. Alpaydin and C. Kaynak, 1998, https://archive.ics.uci.edu/dataset/80).
"""

import mlx.core as mx
import numpy as np

from .dataset import Dataset, divided


def load(test_share: float = 0.25, seed: int = 0) -> Dataset:
    """The digits: ``x`` is ``(N, 8, 8, 1)`` from 0 (white) to 1 (black), ``y`` the digit.

    Args:
        test_share: the share of each digit that is held out.
        seed: what the choice follows from.

    Raises:
        ValueError: as :func:`.dataset.divided`.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    x = mx.array((data.images / 16).astype(np.float32))[..., None]
    train, test = divided(x, mx.array(data.target.astype(np.int32)), test_share, seed)
    return Dataset(
        "1797 handwritten digits, 8 x 8 (UCI, through scikit-learn)",
        tuple(str(digit) for digit in range(10)),
        train,
        test,
    )
