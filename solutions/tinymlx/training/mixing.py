"""The mean of several checkpoints: one model of many."""

from __future__ import annotations

from collections.abc import Sequence

from tinymlx import core
from tinymlx.core import array


def averaged(files: Sequence[str]) -> dict[str, array]:
    """The mean of the weights in several files, element by element.

    Late in training the weights circle around a good place; their mean is nearer to it than each of
    them. Files are read one after the other, so that never more than two models are in memory, and
    added in float32, whatever they are stored in. The mean has their dtypes again.

    Args:
        files: ``.safetensors`` files with the same names and shapes.

    Returns:
        The weights by name.

    Raises:
        ValueError: there is no file, or a file has other names or shapes than the first one; the
            message names it.
    """
    if not files:
        raise ValueError("[averaged] There is no file.")
    total: dict[str, array] = {}
    dtypes = {}
    for file in files:
        weights = core.load(file)
        if not total:
            dtypes = {name: w.dtype for name, w in weights.items()}
            total = {name: core.zeros(w.shape) for name, w in weights.items()}
        if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in total.items()}:
            raise ValueError(f"[averaged] {file} has other weights than {files[0]}.")
        total = {name: total[name] + w.astype(core.float32) for name, w in weights.items()}
        core.eval(total)
    return {name: (w / len(files)).astype(dtypes[name]) for name, w in total.items()}
