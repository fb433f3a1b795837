"""The IDX format, in which MNIST is published: sizes, then bytes. Given.

Source: Y. LeCun et al., The MNIST database of handwritten digits, section "File formats".
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTES = 0x08
HTML = (b"<!do", b"<htm", b"<HTM", b"<!DO")


def read(path: Path, axes: int) -> np.ndarray:
    """The array of unsigned bytes in an IDX file, compressed by gzip or not.

    Args:
        path: the file.
        axes: how many axes the array must have.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is truncated, damaged, or something else; the message says what to do.
    """
    data = content(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTES:
        raise ValueError(
            f"{path} is no IDX file of bytes: it begins with {data[:4].hex(' ') or 'nothing'} "
            f"instead of 00 00 08. Delete it and download it again."
        )
    if data[3] != axes:
        raise ValueError(
            f"{path} has {data[3]} axes where {axes} are expected: are images and labels swapped?"
        )
    header = 4 + 4 * axes
    if len(data) < header:
        raise ValueError(f"{path} is truncated: it ends in its header. Download it again.")
    shape = struct.unpack(f">{axes}I", data[4:header])
    expected = math.prod(shape)
    if len(data) - header != expected:
        kind = "truncated" if len(data) - header < expected else "damaged"
        raise ValueError(
            f"{path} is {kind}: {len(data) - header} bytes follow a header that announces "
            f"{expected}. Delete it and download it again."
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def content(path: Path) -> bytes:
    """The bytes of a file, uncompressed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a web page, or its compression is broken.
    """
    data = path.read_bytes()
    if data[:4] in HTML:
        raise ValueError(
            f"{path} is a web page, not data: probably an error page of a server. Delete it and "
            f"download it again."
        )
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is truncated or damaged ({error}). Delete it and download it again."
        ) from error
