"""GGUF: what llama.cpp and its relatives read.

==================  ==============================================================================
``GGUF``            four letters, then the version, 3
two numbers         how many arrays, and how many entries about the model
entries             a name, a number for the kind of value, the value
arrays              for each its name, its axes (the *last* one first), its kind, its offset
the numbers         each array begins at a multiple of 32 bytes
==================  ==============================================================================

Source: ggml, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from tinymlx import core
from tinymlx.core import Dtype, array
from tinymlx.formats.blocks import LENGTH, from_q4_0, from_q8_0, to_q4_0, to_q8_0
from tinymlx.formats.pieces import LARGEST, BrokenFile, Reader, from_bytes, to_bytes
from tinymlx.nn.weights import replacing

MAGIC, VERSION, ALIGNMENT = b"GGUF", 3, 32
#: Numbers of the kinds of values, with their formats in :mod:`struct`.
NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
TEXT, LIST = 8, 9
#: Kinds of arrays that are plain numbers, and those in blocks with their bytes for 32 weights.
PLAIN: dict[int, Dtype] = {
    0: core.float32,
    1: core.float16,
    24: core.int8,
    25: core.int16,
    26: core.int32,
    27: core.int64,
    30: core.bfloat16,
}
KINDS = {dtype: kind for kind, dtype in PLAIN.items()}
BLOCKS = {"Q4_0": 2, "Q8_0": 8}
BLOCK_BYTES = {2: 18, 8: 34}
WRITE = {2: to_q4_0, 8: to_q8_0}
READ = {2: from_q4_0, 8: from_q8_0}
MOST_AXES = 4


@dataclass(frozen=True)
class Entry:
    """What a file says about one array.

    Attributes:
        shape: as in the rest of this library, the last axis last.
        kind: a number of :data:`PLAIN` or :data:`BLOCKS`.
        start: its first byte, counted from the beginning of the numbers.
        size: its bytes.
    """

    shape: tuple[int, ...]
    kind: int
    start: int
    size: int


def save(
    file: str,
    arrays: Mapping[str, array],
    metadata: Mapping[str, Any] | None = None,
    blocks: Mapping[str, str] | None = None,
) -> None:
    """Write arrays to a file, whole or not at all.

    Args:
        file: the path.
        arrays: by their names. Others than those of :data:`PLAIN` do not exist in the format.
        metadata: texts, whole numbers, floating ones, booleans and lists of one of these.
            ``general.architecture`` is there in any case; programs that read the file look at it.
        blocks: ``"Q8_0"`` or ``"Q4_0"`` for the arrays that are written so.

    Raises:
        ValueError: an array or an entry cannot be written.
        OSError: the file could not be written; it is as it was.
    """
    entries = {"general.architecture": "tinymlx", **(metadata or {})}
    parts = {name: coded(name, x, (blocks or {}).get(name)) for name, x in arrays.items()}
    listed = {name: (kind, shape, data.nbytes) for name, (kind, shape, data) in parts.items()}
    start = beginning(entries, listed)
    with replacing(file) as unfinished, open(unfinished, "wb") as out:
        out.write(start)
        for _, _, data in parts.values():
            out.write(to_bytes(data))
            out.write(bytes(aligned(data.nbytes) - data.nbytes))


def beginning(
    entries: Mapping[str, Any], arrays: Mapping[str, tuple[int, tuple[int, ...], int]]
) -> bytes:
    """All that stands in front of the numbers.

    ``GGUF``, the version as 4 bytes, how many arrays and how many entries as 8 bytes each. Then
    for each entry its name and its value. Then for each array: its name; how many axes (4 bytes);
    the axes, the last one first (8 bytes each); its kind (4 bytes); its offset (8 bytes), counted
    from the first of the numbers. Each array begins at a multiple of :data:`ALIGNMENT`, and so do
    the numbers, counted from the beginning of the file: zeros fill up to there.

    Args:
        entries: about the model, by their names.
        arrays: for each name the kind, the shape, and how many bytes there are.

    Returns:
        These bytes; their number is a multiple of :data:`ALIGNMENT`.

    Raises:
        ValueError: an entry cannot be written.
    """
    raise NotImplementedError(
        "15.3 beginning - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def coded(name: str, x: array, block: str | None) -> tuple[int, tuple[int, ...], array]:
    """The kind of an array, its shape, and what is written of it.

    Raises:
        ValueError: the format has no such kind, or not so many axes.
    """
    if x.ndim > MOST_AXES:
        raise ValueError(f"[gguf] {name!r} has {x.ndim} axes; the format allows {MOST_AXES}.")
    if block is not None:
        if block not in BLOCKS:
            raise ValueError(f"[gguf] There are blocks of {', '.join(BLOCKS)}, not of {block!r}.")
        return BLOCKS[block], x.shape, WRITE[BLOCKS[block]](x)
    if x.dtype not in KINDS:
        raise ValueError(f"[gguf] {name!r} is of {x.dtype}, for which the format has no kind.")
    return KINDS[x.dtype], x.shape, x


def text(x: str) -> bytes:
    """A text as the format has it: its length in bytes, then UTF-8."""
    data = x.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def value(name: str, x: Any) -> bytes:
    """An entry's value: the number of its kind (4 bytes), then the value.

    ==================  ==========================================================================
    ``str``             kind 8; its length in bytes, then UTF-8 (:func:`text`)
    ``bool``            kind 7; one byte
    ``int``             kind 5, ``int32``, if it fits; otherwise kind 11, ``int64``
    ``float``           kind 6, ``float32``
    a list or tuple     kind 9; the kind of its members (4 bytes), how many (8 bytes), then the
                        members without their kinds. An empty list has members of the kind 4.
    ==================  ==========================================================================

    Args:
        name: of the entry, for errors.
        x: the value.

    Raises:
        ValueError: it is something else, a number that is too large (a whole one for 64 bits, a
            finite one for ``float32``), or a list whose members have different kinds or are lists.
    """
    raise NotImplementedError(
        "15.3 value - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def aligned(size: int) -> int:
    """The next multiple of 32."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def load(file: str) -> tuple[dict[str, array], dict[str, Any]]:
    """All arrays of a file by their names, and the entries about the model.

    Arrays in blocks come as float32.

    Raises:
        FileNotFoundError: there is no such file.
        BrokenFile: it is damaged or incomplete, no GGUF, or has arrays of an unknown kind.
    """
    with open(file, "rb") as source:
        reader = Reader(source, file, os.path.getsize(file))
        metadata, entries = front(reader)
        alignment = metadata.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise BrokenFile(f"{file} is damaged: its alignment is {alignment!r}.")
        first = -(-source.tell() // alignment) * alignment
        arrays = {name: read(source, reader, first, name, e) for name, e in entries.items()}
    return arrays, metadata


def front(reader: Reader) -> tuple[dict[str, Any], dict[str, Entry]]:
    """What stands in front of the numbers: the entries about the model, and those of arrays."""
    if reader.take(4, "its first letters") != MAGIC:
        raise BrokenFile(f"{reader.name} is no GGUF file: it does not begin with these letters.")
    version = reader.number("I", "its version")
    if version not in (2, VERSION):
        raise BrokenFile(f"{reader.name} is GGUF of version {version}; 2 and 3 are known here.")
    arrays, entries = reader.number("Q", "a count"), reader.number("Q", "a count")
    # An entry has at least a length, a kind and a value: so many cannot be there.
    if (arrays + entries) * 12 > reader.size:
        raise BrokenFile(
            f"{reader.name} is damaged: it would have {arrays} arrays and {entries} entries in "
            f"{reader.size} bytes."
        )
    metadata = {}
    for _ in range(entries):
        name = name_of(reader)
        metadata[name] = member(reader, reader.number("I", f"the kind of {name!r}"), name)
    return metadata, dict(entry(reader) for _ in range(arrays))


def name_of(reader: Reader) -> str:
    """The next text, a name."""
    return reader.text(reader.number("Q", "the length of a name"), "a name")


def member(reader: Reader, kind: int, name: str) -> Any:
    """The next value of a kind.

    Raises:
        BrokenFile: the kind is unknown.
    """
    if kind in NUMBERS:
        return reader.unpacked(NUMBERS[kind], name)[0]
    if kind == TEXT:
        return reader.text(reader.number("Q", name), name)
    if kind == LIST:
        inner, count = reader.number("I", name), reader.number("Q", name)
        if inner in NUMBERS:
            return list(reader.unpacked(f"{checked(reader, count, name)}{NUMBERS[inner]}", name))
        if inner == TEXT:
            return [member(reader, inner, name) for _ in range(checked(reader, count, name))]
        kind = inner
    raise BrokenFile(f"{reader.name} is damaged: {name!r} has a value of the unknown kind {kind}.")


def checked(reader: Reader, count: int, name: str) -> int:
    """A number of members that can be there: each has at least one byte."""
    if count > reader.left():
        raise BrokenFile(
            f"{reader.name} is damaged or incomplete: the list {name!r} would have {count} "
            f"members, and {reader.left()} bytes are left."
        )
    return count


def entry(reader: Reader) -> tuple[str, Entry]:
    """The name of an array, and what the file says about it; see :func:`beginning` for the order.

    Args:
        reader: stands before the name.

    Returns:
        The name and an :class:`Entry` with the shape as in the rest of this library. The size in
        bytes is that of all numbers; in blocks, 32 weights of the last axis have
        ``BLOCK_BYTES[kind]``.

    Raises:
        BrokenFile: it has more than :data:`MOST_AXES` axes, an unknown kind, or is in blocks and
            the last axis is no multiple of 32. No axis is read if there are too many.
    """
    raise NotImplementedError(
        "15.3 entry - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def read(source: BinaryIO, reader: Reader, first: int, name: str, entry: Entry) -> array:
    """The numbers of one array."""
    if max(entry.shape, default=0) > LARGEST:
        raise BrokenFile(
            f"{reader.name} is damaged: {name!r} would have the shape {entry.shape}; an axis has "
            f"{LARGEST} elements at most."
        )
    if first + entry.start > reader.size:
        raise BrokenFile(
            f"{reader.name} is incomplete or damaged: {name!r} would begin at byte "
            f"{first + entry.start}, and there are {reader.size}."
        )
    source.seek(first + entry.start)
    data = reader.take(entry.size, f"the array {name!r}")
    if entry.kind in PLAIN:
        return from_bytes(data, PLAIN[entry.kind], entry.shape)
    width = entry.shape[-1] // LENGTH * BLOCK_BYTES[entry.kind]
    rows = from_bytes(data, core.uint8, (*entry.shape[:-1], width))
    return READ[entry.kind](rows)
