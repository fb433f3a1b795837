"""The file of the compressor: what is in it, and whether it is whole."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

MAGIC = b"\x89TMX\r\n"  # the first byte is no text; a transfer that changes line ends spoils it
VERSION = 1
HEAD = "<B8sHB"  # version, model, size, number of axes; "<" is one byte order everywhere, no gaps


class Archive(NamedTuple):
    """What a file holds.

    Attributes:
        model: 8 bytes that name the model whose decoder belongs to it.
        size: how many codes there are to choose from, 1 to 65,535.
        shape: the shape of the codes, one to four numbers from 0 to 2**32 - 1.
        payload: the coded codes, any bytes.
    """

    model: bytes
    size: int
    shape: tuple[int, ...]
    payload: bytes


def pack(archive: Archive) -> bytes:
    """The bytes of a file.

    They begin with ``MAGIC`` and a byte, the ``VERSION``. What comes then is yours to design, so
    that :func:`unpack` can keep what it promises. All together they are at most 40 bytes more than
    the payload, and the same for the same archive on every machine. ``zlib.crc32(data)`` is a
    checksum of four bytes. It notices every change of up to four bytes side by side; a sum of the
    bytes does not notice that two are exchanged, and two bytes of a checksum overlook too much.

    Raises:
        ValueError: something in the archive is outside of the limits that :class:`Archive` states.
    """
    model, size, shape, payload = archive
    if len(model) != 8 or not 1 <= size < 1 << 16 or not 1 <= len(shape) <= 4:
        raise ValueError(
            f"An archive needs 8 bytes for the model, 1 to 65535 codes and one to four axes; there "
            f"are {len(model)} bytes, {size} codes and {len(shape)} axes."
        )
    if not all(0 <= n < 1 << 32 for n in shape):
        raise ValueError(f"The shape {shape} has numbers that do not fit into 32 bits.")
    head = struct.pack(f"{HEAD}{len(shape)}I", VERSION, model, size, len(shape), *shape)
    body = MAGIC + head + payload
    return body + struct.pack("<I", zlib.crc32(body))


def unpack(data: bytes, model: bytes | None = None) -> Archive:
    """What :func:`pack` was given.

    Args:
        data: the bytes of a file, wherever they come from.
        model: the name of the model that is going to decode it, if the file has to fit.

    Raises:
        ValueError: always with one sentence that says which of these it is, and never with
            another exception. Looked at in this order: a file of something else ("no file of this
            compressor"); another version ("version"), whatever follows, because a later version
            may have another checksum, and be it by a bit that has turned; one that is not whole or
            has changed, be it a single bit, three bytes side by side, two that are exchanged, a
            byte too few or too many ("damaged"); the codes of another model ("model"). Each
            sentence has its own word and none of the other three. What ends before the version is
            no file of this compressor or a damaged one, as you like.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("This is no file of this compressor: it begins otherwise.")
    at = len(MAGIC)
    if len(data) > at and data[at] != VERSION:
        raise ValueError(
            f"The file has the version {data[at]}, and this program reads version {VERSION}."
        )
    body, end = data[:-4], data[-4:]
    damaged = ValueError("The file is damaged or not complete: its checksum does not fit.")
    start = at + struct.calcsize(HEAD)
    if len(body) < start or end != struct.pack("<I", zlib.crc32(body)):
        raise damaged
    _, name, size, axes = struct.unpack(HEAD, body[at:start])
    payload = start + 4 * axes
    if len(body) < payload:
        raise damaged
    if model is not None and name != model:
        raise ValueError(
            f"The file was made with the model {name.hex()}, and this is the model {model.hex()}."
        )
    shape = struct.unpack(f"<{axes}I", body[start:payload])
    return Archive(name, size, shape, body[payload:])
