"""A table of real measurements, which comes with scikit-learn: nothing to download. Given."""

from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from .dataset import Dataset, divided


@dataclass(frozen=True)
class Table(Dataset):
    """A data set whose examples are rows of a table."""

    columns: tuple[str, ...]  # what the columns of ``x`` mean


def breast_cancer(test_share: float = 0.25, seed: int = 0) -> Table:
    """569 tumours: 30 measurements of cell nuclei in a microscope picture, and what it was.

    ``x`` is ``(N, 30)``, not standardized; ``y`` is 1 for a malignant tumour and 0 for a benign
    one, so that the disease is what a score above a threshold reports. (scikit-learn has it the
    other way round.)

    Args:
        test_share: the share of each class that is held out.
        seed: what the choice follows from.

    Raises:
        ValueError: as :func:`.dataset.divided`.

    Source: W. Wolberg et al., Breast Cancer Wisconsin (Diagnostic), 1995,
    https://archive.ics.uci.edu/dataset/17
    """
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    x = mx.array(data.data.astype(np.float32))
    y = mx.array((data.target == 0).astype(np.int32))
    train, test = divided(x, y, test_share, seed)
    columns = tuple(str(name) for name in data.feature_names)
    source = "569 tumours, Breast Cancer Wisconsin (UCI, through scikit-learn)"
    return Table(source, ("benign", "malignant"), train, test, columns)
