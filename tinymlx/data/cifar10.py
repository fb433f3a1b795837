"""CIFAR-10: 60,000 photographs of 32 x 32 pixels in ten classes, from its archives. Given.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009),
https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import io
import pickle
import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import mlx.core as mx
import numpy as np

from . import shapes
from .dataset import Dataset, Part
from .download import Remote, Report, fetch
from .folder import cache_folder, data_folder

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
#: The archive of the version for Python; that in binary form is read, too.
ARCHIVE = Remote(
    "cifar-10-python.tar.gz",
    170498071,
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
MIRRORS = ("https://www.cs.toronto.edu/~kriz",)
NAMES = (
    "cifar-10-binary.tar.gz",
    "cifar-10-python.tar.gz",
    "cifar-10-batches-bin",
    "cifar-10-batches-py",
)
RECORD = 1 + 3 * 32 * 32  # bytes: a label, then red, green and blue, each row by row
_BATCH = re.compile(r"(data_batch_\d+|test_batch)(\.bin)?")


def load(path: str | Path | None = None) -> Dataset:
    """The photographs: ``x`` is ``(N, 32, 32, 3)`` from 0 to 1, ``y`` the class.

    Args:
        path: an archive of CIFAR-10, for Python or binary, or a folder with its batches. By default
            it is looked for below the folder that ``TINYMLX_DATA`` names, then where
            :func:`download` puts it.

    Raises:
        FileNotFoundError: it is not there; the message says where it was looked for.
        ValueError: it is truncated, damaged or something else.
    """
    place = _found() if path is None else Path(path)
    batches = sorted(_batches(place), key=lambda batch: batch[0])
    parts = []
    for kind in ("data", "test"):
        of_kind = [batch for name, batch in batches if name.startswith(kind)]
        if not of_kind:
            raise ValueError(f"{place} has no {kind} batch of CIFAR-10.")
        pictures = np.concatenate([x for x, _ in of_kind])
        labels = np.concatenate([y for _, y in of_kind])
        parts.append(Part(mx.array(pictures.astype(np.float32) / 255), mx.array(labels)))
    train, test = parts
    source = f"CIFAR-10, {len(train.y)} photographs to train on and {len(test.y)} to test"
    return Dataset(source, CLASSES, train, test)


def load_or_shapes(**options: Any) -> Dataset:
    """CIFAR-10 where it is, else rendered shapes (:func:`.shapes.load`), which are always there."""
    if not any(place.exists() for place in candidates()):
        return shapes.load(**options)
    return load()


def download(
    folder: str | Path | None = None,
    mirrors: Sequence[str] = MIRRORS,
    report: Report | None = None,
) -> Path:
    """Download the archive (170 MB).

    Args:
        folder: where to put it; by default ``~/.cache/tinymlx/cifar10``.
        mirrors: addresses of folders that have it.
        report: called with the name of the file, the bytes that are there, and its size.

    Returns:
        The archive.

    Raises:
        DownloadError, OSError: as :func:`.download.fetch`.
    """
    return fetch(ARCHIVE, mirrors, Path(folder) if folder else cache_folder("cifar10"), report)


def candidates() -> list[Path]:
    """The places to look at, in order."""
    data = data_folder()
    folders = [] if data is None else [data, data / "cifar10"]
    return [folder / name for folder in [*folders, cache_folder("cifar10")] for name in NAMES]


def _found() -> Path:
    for place in candidates():
        if place.exists():
            return place
    folders = dict.fromkeys(str(place.parent) for place in candidates())
    raise FileNotFoundError(
        f"CIFAR-10 ({', '.join(NAMES)}) is not in {' or '.join(folders)}. "
        f"`tinymlx data cifar10` downloads it."
    )


def _batches(place: Path) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """The batches by their names."""
    for name, content in _files(place):
        match = _BATCH.fullmatch(name)
        if match:
            decode = _of_binary if match[2] else _of_pickle
            yield name, decode(content, f"{name} in {place}")


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for file in sorted(place.iterdir()):
            if _BATCH.fullmatch(file.name):
                yield file.name, file.read_bytes()
        return
    if not place.is_file():
        raise FileNotFoundError(f"There is no {place}.")
    try:
        with tarfile.open(place) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None:
                    yield PurePosixPath(member.name).name, stream.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")
        raise ValueError(
            f"{place} is no whole archive of CIFAR-10 ({reason}). Delete it and download it again."
        ) from error


def _of_binary(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    if not content or len(content) % RECORD:
        raise ValueError(
            f"{name} has {len(content)} bytes, no multiple of {RECORD}: it is truncated, or no "
            f"batch of CIFAR-10."
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    return _checked(records[:, 1:], records[:, 0], name)


def _of_pickle(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = _Plain(io.BytesIO(content), encoding="bytes").load()
        data, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{name} is no batch of CIFAR-10: {error}.") from error
    if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != RECORD - 1:
        raise ValueError(f"{name} has pictures of shape {data.shape}, {data.dtype}.")
    return _checked(data, labels, name)


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _Plain(pickle.Unpickler):
    """A pickle can call any function; this one makes arrays, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        """The few that an array of numbers needs."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def _checked(data: np.ndarray, labels: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    if len(labels) != len(data):
        raise ValueError(f"{name} has {len(data)} pictures, but {len(labels)} labels.")
    if labels.size and not 0 <= labels.min() <= labels.max() <= 9:
        raise ValueError(f"{name} has a label {labels.max()}; the classes are 0 to 9.")
    pictures = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return pictures, labels.astype(np.int32)
