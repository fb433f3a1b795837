"""``.safetensors``: a header in JSON, then the numbers of all arrays, one after another.

=============  ==================================================================================
8 bytes        the length of the header, an unsigned number, least significant byte first
the header     JSON in UTF-8: for each name ``{"dtype": "F32", "shape": [2, 3], "data_offsets":
               [0, 24]}``, where offsets count from the end of the header; ``"__metadata__"`` is a
               dict of texts. Spaces at its end make its length a multiple of 8.
the numbers    without gaps
=============  ==================================================================================

A file is data, never a program: that is the point of the format. (``pickle``, which other files of
weights are made of, runs whatever its author wrote.) So the reader trusts nothing: whatever the
header says is checked before memory is taken.

Source: Hugging Face, https://github.com/huggingface/safetensors, "Format"
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from tinymlx import core
from tinymlx.core import Dtype, array
from tinymlx.formats.pieces import LARGEST, BrokenFile, Reader, from_bytes, to_bytes
from tinymlx.nn.weights import replacing

#: Names of dtypes in the file, in the order in which arrays are written: large numbers first, so
#: that every array begins at a multiple of its own numbers' size.
DTYPES: dict[str, Dtype] = {
    "U64": core.uint64,
    "I64": core.int64,
    "F64": core.float64,
    "C64": core.complex64,
    "F32": core.float32,
    "U32": core.uint32,
    "I32": core.int32,
    "BF16": core.bfloat16,
    "F16": core.float16,
    "U16": core.uint16,
    "I16": core.int16,
    "I8": core.int8,
    "U8": core.uint8,
    "BOOL": core.bool_,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
MOST = 100_000_000  # bytes of a header; the format's own limit
END = 2  # seek from the end of a file


@dataclass(frozen=True)
class Place:
    """Where an array stands in a file, and what it is.

    Attributes:
        dtype: its name in the file.
        shape: of the array.
        start, stop: its bytes, counted from the end of the header.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def in_order(arrays: Mapping[str, array]) -> list[str]:
    """The names in the order in which arrays are written: that of their dtypes in :data:`DTYPES`;
    of one dtype, that of the bytes of their names in UTF-8."""
    ranks = {dtype: i for i, dtype in enumerate(DTYPES.values())}
    return sorted(arrays, key=lambda name: (ranks[arrays[name].dtype], name.encode("utf-8")))


def header(arrays: Mapping[str, array], metadata: Mapping[str, str] | None = None) -> bytes:
    """What stands in front of the numbers.

    Arrays are in the order of :func:`in_order`, and their places follow each other without gaps.
    JSON is written without spaces between its parts, other letters than English ones as they are,
    metadata first (and not at all if there is none); of each array first its dtype, then its shape,
    then its offsets.

    Args:
        arrays: by their names.
        metadata: texts by their names.

    Returns:
        The length and the header, with spaces at its end.

    Raises:
        ValueError: an array is called ``"__metadata__"``.
    """
    if "__metadata__" in arrays:
        raise ValueError('[safetensors] No array can be called "__metadata__".')
    entries: dict[str, Any] = {} if not metadata else {"__metadata__": dict(metadata)}
    start = 0
    for name in in_order(arrays):
        x = arrays[name]
        stop = start + x.nbytes
        entries[name] = {
            "dtype": NAMES[x.dtype],
            "shape": list(x.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def read_header(reader: Reader) -> bytes:
    """The text of the header, spaces at its end, too; behind it the reader stands at the first
    number.

    Args:
        reader: stands at the beginning of a file.

    Raises:
        BrokenFile: the header would have more than :data:`MOST` bytes, or more than are left. Not a
            byte of it is read then.
    """
    length = reader.number("Q", "the length of its header")
    if length > MOST:
        raise BrokenFile(
            f"{reader.name} is no .safetensors file, or damaged: its header would have {length} "
            f"bytes; the format allows {MOST}."
        )
    return reader.take(length, "its header")


def places(text: bytes, size: int) -> tuple[dict[str, Place], dict[str, str]]:
    """What a header says, if all of it is true.

    Args:
        text: the header, without its length.
        size: how many bytes follow it in the file.

    Returns:
        The place of each array, in the order of the header, and the metadata.

    Raises:
        BrokenFile: the metadata are no texts (:func:`is_texts`); an array does not have exactly as
            many bytes as its shape and dtype ask for; arrays overlap, leave a gap, or do not begin
            and end where the numbers do. An array without elements has no bytes, and stands
            anywhere between others. (That the header is JSON in which no name stands twice is the
            work of :func:`parsed`, the form of an entry that of :func:`place`.)
    """
    entries = parsed(text)
    metadata = entries.pop("__metadata__", {})
    if not is_texts(metadata):
        raise BrokenFile("its metadata are no texts")
    found = {name: place(name, entry) for name, entry in entries.items()}
    end = 0
    for name, x in sorted(found.items(), key=lambda item: (item[1].start, item[1].stop)):
        needed = math.prod(x.shape) * DTYPES[x.dtype].size
        if x.stop - x.start != needed:
            raise BrokenFile(f"{name!r} needs {needed} bytes, and has those {x.start} to {x.stop}")
        if x.start != end:
            raise BrokenFile(f"{name!r} begins at byte {x.start}, and the one before ends at {end}")
        end = x.stop
    if end != size:
        raise BrokenFile(f"the arrays have {end} bytes, and {size} bytes follow the header")
    return found, metadata


def parsed(text: bytes) -> dict[str, Any]:
    """The header as a dict; nothing in it has been looked at.

    Raises:
        BrokenFile: it is no JSON object, or a name stands in it twice.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise BrokenFile(f"{name!r} stands in its header twice")
            found[name] = value
        return found

    try:
        entries = json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except BrokenFile:
        raise
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, numbers of 5,000 digits
        raise BrokenFile("its header is no JSON") from error
    if not isinstance(entries, dict):
        raise BrokenFile("its header is no JSON object")
    return entries


def place(name: str, entry: Any) -> Place:
    """One entry of a header. Its form is looked at, and not yet whether it is true.

    Raises:
        BrokenFile: it is not of the right form, or its dtype is unknown.
    """
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise BrokenFile(f"{name!r} should have dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise BrokenFile(f"{name!r} has the dtype {dtype!r}, which is unknown here")
    if not are_sizes(shape) or not are_sizes(offsets) or len(offsets) != 2:
        raise BrokenFile(f"{name!r} has the shape {shape!r} and the offsets {offsets!r}")
    if max(shape, default=0) > LARGEST:
        raise BrokenFile(f"{name!r} has the shape {shape}; an axis has {LARGEST} elements at most")
    return Place(dtype, tuple(shape), *offsets)


def are_sizes(x: Any) -> bool:
    """Whether ``x`` is a list of whole numbers from 0 on. (To Python, ``True`` is a number.)"""
    return isinstance(x, list) and all(type(n) is int and n >= 0 for n in x)


def is_texts(x: Any) -> bool:
    """Whether ``x`` is a dict of texts."""
    return isinstance(x, dict) and all(isinstance(value, str) for value in x.values())


def save(file: str, arrays: Mapping[str, array], metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays to a file, whole or not at all.

    Args:
        file: the path.
        arrays: by their names.
        metadata: texts by their names.

    Raises:
        ValueError: an array is called ``"__metadata__"``.
        OSError: the file could not be written; it is as it was.
    """
    start = header(arrays, metadata)
    with replacing(file) as unfinished, open(unfinished, "wb") as out:
        out.write(start)
        for name in in_order(arrays):
            out.write(to_bytes(arrays[name]))


class SafeFile:
    """A file whose header has been read; arrays are read when they are asked for.

    Args:
        source: a file that is open for reading bytes, and stays open as long as arrays are asked
            for (:func:`safe_open` does both).
        name: what to call it in an error.

    Raises:
        BrokenFile: it is damaged or incomplete, or no such file.

    Attributes:
        places: where each array stands.
        metadata: texts by their names.
        first: the byte of the file at which the numbers begin.
    """

    def __init__(self, source: BinaryIO, name: str) -> None:
        self.source = source
        reader = Reader(source, name, source.seek(0, END))
        source.seek(0)
        text = read_header(reader)
        self.first = 8 + len(text)
        try:
            self.places, self.metadata = places(text, reader.size - self.first)
        except BrokenFile as error:
            raise BrokenFile(
                f"{name} is damaged, incomplete, or no .safetensors file: {error}."
            ) from error

    def __getitem__(self, name: str) -> array:
        """The array of that name. Its bytes are read now, and no others.

        Raises:
            KeyError: there is none.
        """
        x = self.places[name]
        self.source.seek(self.first + x.start)
        return from_bytes(self.source.read(x.stop - x.start), DTYPES[x.dtype], x.shape)


@contextmanager
def safe_open(file: str) -> Iterator[SafeFile]:
    """A file, open as long as the context lasts.

    Args:
        file: the path.

    Yields:
        A :class:`SafeFile`.

    Raises:
        FileNotFoundError: there is no such file.
        BrokenFile: it is damaged or incomplete, or no such file.
    """
    with open(file, "rb") as source:
        yield SafeFile(source, file)


def load(file: str) -> dict[str, array]:
    """All arrays of a file, by their names; see :func:`safe_open` for errors."""
    with safe_open(file) as opened:
        return {name: opened[name] for name in opened.places}
