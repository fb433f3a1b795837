"""Pieces of files, read with care, and arrays as bytes."""

from __future__ import annotations

import math
import struct
from typing import BinaryIO

from tinymlx import core
from tinymlx.core import Dtype, array
from tinymlx.core.arrays import bare

LARGEST = 2**31 - 1  # elements along one axis: MLX counts them in 32 bits


class BrokenFile(ValueError):
    """A file is damaged, incomplete, or of another kind; the sentence says where."""


class Reader:
    """Reads a file from the front, and never more than there is.

    Args:
        source: a file opened for reading bytes, at its beginning.
        name: what to call it in an error.
        size: how many bytes it has.
    """

    def __init__(self, source: BinaryIO, name: str, size: int) -> None:
        self.source, self.name, self.size = source, name, size

    def left(self) -> int:
        """How many bytes follow."""
        return self.size - self.source.tell()

    def take(self, count: int, what: str) -> bytes:
        """The next ``count`` bytes.

        Raises:
            BrokenFile: the file ends before. That is found out before memory is taken: a damaged
                file may ask for 2^60 bytes.
        """
        if count > self.left():
            raise BrokenFile(
                f"{self.name} is incomplete or damaged: {what} should have {count} bytes, and "
                f"{self.left()} are left. Copy or download it again."
            )
        return self.source.read(count)

    def number(self, format: str, what: str) -> int:
        """The next number, in a format of :mod:`struct` without the order of bytes."""
        return int(self.unpacked(format, what)[0])

    def unpacked(self, format: str, what: str) -> tuple[float | int | bool, ...]:
        """The next numbers; the least significant byte of each comes first."""
        return struct.unpack("<" + format, self.take(struct.calcsize("<" + format), what))

    def text(self, count: int, what: str) -> str:
        """The next ``count`` bytes as text in UTF-8.

        Raises:
            BrokenFile: they are no such text.
        """
        data = self.take(count, what)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BrokenFile(f"{self.name} is damaged: {what} is no text in UTF-8.") from error


def to_bytes(x: array) -> bytes:
    """The numbers of an array in rows, each with its least significant byte first."""
    if x.size == 0:
        return b""
    return bytes(memoryview(bare(core.contiguous(x))))  # type: ignore[arg-type]


def from_bytes(data: bytes, dtype: Dtype, shape: tuple[int, ...]) -> array:
    """An array of these numbers; the opposite of :func:`to_bytes`."""
    if math.prod(shape) == 0:
        return core.zeros(shape, dtype)
    as_numbers = core.array(memoryview(data))
    return core.view(as_numbers, dtype).reshape(shape)
