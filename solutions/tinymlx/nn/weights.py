"""Files of weights: writing them so that nothing is lost, and comparing them with a model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinymlx import core
from tinymlx.core import array


def save(file: str, weights: dict[str, array]) -> None:
    """Write arrays to a ``.npz`` or ``.safetensors`` file.

    They go to a new file beside it, which takes its place when it is complete
    (:func:`replacing`). So a full disk does not destroy what was there, and a model may be saved
    to the file it was (lazily) loaded from.

    Args:
        file: the path; its ending says which format.
        weights: the arrays by name.

    Raises:
        ValueError: another ending.
        OSError, RuntimeError: it could not be written; ``file`` is as it was.
    """
    with replacing(file) as unfinished:
        if file.endswith(".npz"):
            core.savez(unfinished, **weights)
        elif file.endswith(".safetensors"):
            core.save_safetensors(unfinished, weights)
        else:
            raise ValueError(
                f"Unsupported file extension for {file}. Use '.npz' or '.safetensors'."
            )


@contextmanager
def replacing(file: str) -> Iterator[str]:
    """The path of a new file beside ``file``, which takes its place when the context ends.

    It is forced to the disk first, so that also after a power failure ``file`` is the old one or
    the new one, complete. If something is raised, the new file is removed. A symbolic link stays
    one: what it points to is replaced. The new file has the permissions of the old one.

    Args:
        file: the path.

    Yields:
        The path to write to, with the same ending.
    """
    file = os.path.realpath(file)
    folder, name = os.path.split(file)
    unfinished = os.path.join(folder, f".unfinished-{os.getpid()}-{name}")
    try:
        yield unfinished
        with open(unfinished, "rb") as written:
            os.fsync(written.fileno())
        if os.path.exists(file):
            shutil.copymode(file, unfinished)
        os.replace(unfinished, file)
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)


def check(own: dict[str, array], new: dict[str, Any]) -> None:
    """Compare the weights that a model is to receive with its own, by name and shape.

    Args:
        own: the arrays of the model by name.
        new: what is to take their place.

    Raises:
        ValueError: in this order: ``new`` has names that ``own`` has not; it lacks some (in both
            cases the message counts them and lists them in alphabetical order); an entry is no
            array; an entry has another shape.
    """
    extra, missing = sorted(new.keys() - own.keys()), sorted(own.keys() - new.keys())
    if extra:
        names = ",\n".join(extra)
        raise ValueError(f"Received {len(extra)} parameters not in model: \n{names}.")
    if missing:
        names = ",\n".join(missing)
        raise ValueError(f"Missing {len(missing)} parameters: \n{names}.")
    for name, mine in own.items():
        value = new[name]
        if not isinstance(value, array):
            kind = type(value)
            raise ValueError(f"Expected mx.array but received {kind} for parameter {name}")
        if value.shape != mine.shape:
            raise ValueError(
                f"Expected shape {mine.shape} but received shape {value.shape} for parameter {name}"
            )
