"""Pictures to a file and back."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from tinymlx import core
from tinymlx.compression.adaptive import coded, decoded
from tinymlx.compression.archive import Archive, pack, unpack
from tinymlx.core import array
from tinymlx.core.arrays import bare
from tinymlx.models.vqvae import VQVAE
from tinymlx.nn import Module
from tinymlx.utils import tree_flatten


def fingerprint(model: Module) -> bytes:
    """Eight bytes that follow from all parameters: their names, shapes and values in float32."""
    digest = hashlib.sha256()
    for name, w in sorted(tree_flatten(model.parameters())):
        digest.update(f"{name} {tuple(w.shape)};".encode())
        values: Any = bare(w.astype(core.float32))  # which has the bytes of its numbers
        digest.update(memoryview(values))
    return digest.digest()[:8]


def compress(model: VQVAE, pictures: array, batch_size: int = 250) -> tuple[bytes, float]:
    """Pictures as the bytes of a file, and the bits that its codes cost at least.

    Args:
        model: a trained model, in evaluation mode.
        pictures: ``(N, H, W, C)``, from 0 to 1.
        batch_size: how many at a time.
    """
    parts = [
        model.codes(pictures[i : i + batch_size]) for i in range(0, pictures.shape[0], batch_size)
    ]
    codes = core.concatenate(parts)
    payload, bits = coded(codes.reshape(codes.shape[0], -1).tolist(), model.size)
    return pack(Archive(fingerprint(model), model.size, codes.shape, payload)), bits


def decompress(model: VQVAE, data: bytes, batch_size: int = 250) -> array:
    """The pictures of a file, ``(N, H, W, C)``, as the decoder draws them.

    Raises:
        ValueError: as :func:`.unpack`.
    """
    archive = unpack(data, fingerprint(model))
    count, *places = archive.shape
    rows = decoded(archive.payload, count, math.prod(places), archive.size)
    codes = core.array(rows).reshape(archive.shape)
    parts = [model.drawn(codes[i : i + batch_size]) for i in range(0, count, batch_size)]
    return core.concatenate(parts)
