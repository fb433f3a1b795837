"""What the graders of chapter 15 run of the student's code."""

import io

import mlx.core as mx

from tinymlx import core
from tinymlx.core import array as to_array
from tinymlx.formats import gguf, safetensors
from tinymlx.formats.pieces import Reader

__all__ = ["to_array"]

# Files, 15.1 to 15.4. Bytes come and go as text of hexadecimal digits.


class Counted(io.BytesIO):
    """A file in memory that counts the bytes that are read.

    ``size``: how long it says that it is, if that is not the truth.
    """

    def __init__(self, data, size=None):
        super().__init__(data)
        self.size, self.count = size, 0

    def seek(self, place, whence=0):
        found = super().seek(place, whence)
        return self.size if whence == 2 and self.size else found

    def read(self, count=-1):
        if count < 0 or count > 1 << 20:
            raise MemoryError("as many bytes as the file claims are asked for")
        found = super().read(count)
        self.count += len(found)
        return found


def lazy(spec):
    """Arrays that nobody has computed, from their dtypes and shapes."""
    return {n: core.zeros(shape, getattr(mx, dtype)) for n, (dtype, shape) in spec.items()}


def safe_header(spec, metadata):
    found = safetensors.header(lazy(spec), metadata)
    return {"header": found.hex(), "length": len(found), "order": safetensors.in_order(lazy(spec))}


def header_without_computing(size):
    """Peak memory while the header of a lazy array is written."""
    mx.synchronize()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    found = safetensors.header({"x": core.ones((size,)) * 2}, None)
    return {"small": mx.get_peak_memory() - before < size, "length": len(found)}


def safe_file(data, names):
    """A file that is opened, and some of its arrays; how many bytes were read after each step."""
    source = Counted(bytes.fromhex(data))
    opened = safetensors.SafeFile(source, "x.safetensors")
    counts = [source.count]
    found = []
    for name in names:
        found.append(opened[name])
        counts.append(source.count)
    return {
        "arrays": found,
        "counts": counts,
        "first": opened.first,
        "metadata": opened.metadata,
        "places": {n: [x.dtype, list(x.shape), x.start, x.stop] for n, x in opened.places.items()},
    }


def safe_refused(data, size=None):
    """A file that should be refused; whether bytes were asked for that are not there."""
    source = Counted(bytes.fromhex(data), size)
    return {"names": list(safetensors.SafeFile(source, "x.safetensors").places)}


def safe_missing(data, name):
    safetensors.SafeFile(Counted(bytes.fromhex(data)), "x.safetensors")[name]


def value_of(value):
    return {"bytes": gguf.value("an entry", value).hex()}


def gguf_beginning(entries, arrays):
    """The front of a file. A shape stands there as a list."""
    given = {name: (kind, tuple(shape), size) for name, (kind, shape, size) in arrays.items()}
    return {"bytes": gguf.beginning(entries, given).hex()}


def gguf_entry(data, before=0):
    """What is read about an array, and where the reader stands behind it."""
    data = bytes.fromhex(data)
    source = Counted(data)
    reader = Reader(source, "x.gguf", len(data))
    source.seek(before)
    name, found = gguf.entry(reader)
    return {
        "name": name,
        "shape": list(found.shape),
        "kind": found.kind,
        "start": found.start,
        "size": found.size,
        "place": source.tell(),
    }
