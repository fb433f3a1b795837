"""MNIST: 70,000 handwritten digits of 28 x 28 pixels, from its four IDX files. Given.

Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mlx.core as mx
import numpy as np

from . import digits, idx
from .dataset import Dataset, Part
from .download import Remote, Report, fetch
from .folder import cache_folder, data_folder

FILES = {
    "train images": Remote(
        "train-images-idx3-ubyte.gz",
        9912422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train labels": Remote(
        "train-labels-idx1-ubyte.gz",
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "test images": Remote(
        "t10k-images-idx3-ubyte.gz",
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "test labels": Remote(
        "t10k-labels-idx1-ubyte.gz",
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
)


def load(folder: str | Path | None = None) -> Dataset:
    """The digits: ``x`` is ``(N, 28, 28, 1)`` from 0 (paper) to 1 (ink), ``y`` the digit.

    Args:
        folder: where the four files are, compressed or not. By default they are looked for in
            ``mnist/`` below the folder that ``TINYMLX_DATA`` names, then where :func:`download`
            puts them.

    Raises:
        FileNotFoundError: a file is not there; the message says where it was looked for.
        ValueError: a file is truncated, damaged or something else, or images and labels are not
            equally many.
    """
    folders = [Path(folder)] if folder is not None else candidates()
    train = part(folders, "train images", "train labels")
    test = part(folders, "test images", "test labels")
    source = f"MNIST, {len(train.y)} digits to train on and {len(test.y)} to test"
    return Dataset(source, tuple(str(digit) for digit in range(10)), train, test)


def load_or_digits() -> Dataset:
    """MNIST where it is, else the smaller digits of scikit-learn, which are always there."""
    if any(found(candidates(), remote) is None for remote in FILES.values()):
        return digits.load()
    return load()


def download(
    folder: str | Path | None = None,
    mirrors: Sequence[str] = MIRRORS,
    report: Report | None = None,
) -> Path:
    """Download what is missing of the four files (11.6 MB).

    Args:
        folder: where to put them; by default ``~/.cache/tinymlx/mnist``.
        mirrors: addresses of folders that have them.
        report: called with the name of a file, the bytes that are there, and its size.

    Returns:
        The folder.

    Raises:
        DownloadError, OSError: as :func:`.download.fetch`.
    """
    goal = cache_folder("mnist") if folder is None else Path(folder)
    for remote in FILES.values():
        fetch(remote, mirrors, goal, report)
    return goal


def candidates() -> list[Path]:
    """The folders to look in."""
    data = data_folder()
    return ([] if data is None else [data / "mnist"]) + [cache_folder("mnist")]


def found(folders: Sequence[Path], remote: Remote) -> Path | None:
    """The first file of that name, with or without ``.gz``."""
    for folder in folders:
        for name in (remote.name, remote.name.removesuffix(".gz")):
            if (folder / name).is_file():
                return folder / name
    return None


def part(folders: Sequence[Path], images: str, labels: str) -> Part:
    """Images with their labels."""
    paths = []
    for kind in (images, labels):
        path = found(folders, FILES[kind])
        if path is None:
            places = " or ".join(str(folder) for folder in folders)
            raise FileNotFoundError(
                f"MNIST's {kind} ({FILES[kind].name}) are not in {places}. "
                f"tinymlx.data.mnist.download() fetches them."
            )
        paths.append(path)
    x, y = idx.read(paths[0], 3), idx.read(paths[1], 1)
    if len(x) != len(y):
        raise ValueError(f"{paths[0]} has {len(x)} images, but {paths[1]} has {len(y)} labels.")
    if y.size and y.max() > 9:
        raise ValueError(f"{paths[1]} has a label {y.max()}; digits reach from 0 to 9.")
    pixels = x[..., None].astype(np.float32) / 255
    return Part(mx.array(pixels), mx.array(y.astype(np.int32)))
