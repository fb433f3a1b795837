"""What people really write in chapter 15. Parsed, never imported: see CONTRIBUTING.md."""

# 15.1: the header of safetensors


@misconception(
    "15.1",
    "You sort by names alone. Then an array of float32 may begin at an odd byte, behind one of int8, "
    "and a program that maps the file into memory cannot use it as it lies there.",
    symbol="in_order",
)
def in_order(arrays):
    return sorted(arrays, key=lambda name: name.encode("utf-8"))


@misconception(
    "15.1",
    "You leave arrays in the order in which they were given. Then the same weights make two files, and "
    "large numbers may begin at odd bytes.",
    symbol="in_order",
)
def in_order(arrays):
    return list(arrays)


@misconception(
    "15.1",
    "You write where an array begins and how many bytes it has. The format wants where it begins and "
    "where it ends.",
    symbol="header",
)
def header(arrays, metadata=None):
    if "__metadata__" in arrays:
        raise ValueError('[safetensors] No array can be called "__metadata__".')
    entries = {} if not metadata else {"__metadata__": dict(metadata)}
    start = 0
    for name in in_order(arrays):
        x = arrays[name]
        offsets = [start, x.nbytes]
        entries[name] = {"dtype": NAMES[x.dtype], "shape": list(x.shape), "data_offsets": offsets}
        start += x.nbytes
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


@misconception(
    "15.1",
    "You always add spaces, eight of them where the length is a multiple of 8 already: `-n % 8` is 0 "
    "there, `8 - n % 8` is not.",
    symbol="header",
)
def header(arrays, metadata=None):
    if "__metadata__" in arrays:
        raise ValueError('[safetensors] No array can be called "__metadata__".')
    entries = {} if not metadata else {"__metadata__": dict(metadata)}
    start = 0
    for name in in_order(arrays):
        x = arrays[name]
        offsets = [start, start + x.nbytes]
        entries[name] = {"dtype": NAMES[x.dtype], "shape": list(x.shape), "data_offsets": offsets}
        start += x.nbytes
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (8 - len(text) % 8)
    return len(text).to_bytes(8, "little") + text


@misconception(
    "15.1",
    "You write the length of the header without the spaces. A reader takes the spaces for the first "
    "numbers.",
    symbol="header",
)
def header(arrays, metadata=None):
    if "__metadata__" in arrays:
        raise ValueError('[safetensors] No array can be called "__metadata__".')
    entries = {} if not metadata else {"__metadata__": dict(metadata)}
    start = 0
    for name in in_order(arrays):
        x = arrays[name]
        offsets = [start, start + x.nbytes]
        entries[name] = {"dtype": NAMES[x.dtype], "shape": list(x.shape), "data_offsets": offsets}
        start += x.nbytes
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    return len(text).to_bytes(8, "little") + text + b" " * (-len(text) % 8)


@misconception(
    "15.1",
    "You count letters. The length is that of the bytes, and `ö` has two: pad and measure what `encode` "
    "returns.",
    symbol="header",
)
def header(arrays, metadata=None):
    if "__metadata__" in arrays:
        raise ValueError('[safetensors] No array can be called "__metadata__".')
    entries = {} if not metadata else {"__metadata__": dict(metadata)}
    start = 0
    for name in in_order(arrays):
        x = arrays[name]
        offsets = [start, start + x.nbytes]
        entries[name] = {"dtype": NAMES[x.dtype], "shape": list(x.shape), "data_offsets": offsets}
        start += x.nbytes
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False)
    text += " " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text.encode("utf-8")


# 15.2: reading it


@misconception(
    "15.2",
    "You believe the length of the header. Whoever writes 2^60 there makes you ask for as much memory: "
    "compare it with the format's limit and with what is left, and only then read.",
    symbol="read_header",
)
def read_header(reader):
    length = reader.number("Q", "the length of its header")
    text = reader.source.read(length)
    if len(text) < length or length > MOST:
        raise BrokenFile(f"{reader.name} is damaged: its header would have {length} bytes.")
    return text


@misconception(
    "15.2",
    "You compare the length of the header with the size of the file only. The format allows 100 million "
    "bytes, so that nobody parses gigabytes of JSON.",
    symbol="read_header",
)
def read_header(reader):
    return reader.take(reader.number("Q", "the length of its header"), "its header")


@misconception(
    "15.2",
    "You compare where arrays begin and end, and not whether that fits shape and dtype. Then somebody "
    "else's bytes become numbers, or an error comes later and says something else.",
    symbol="places",
)
def places(text, size):
    entries = parsed(text)
    metadata = entries.pop("__metadata__", {})
    if not is_texts(metadata):
        raise BrokenFile("its metadata are no texts")
    found = {name: place(name, entry) for name, entry in entries.items()}
    end = 0
    for name, x in sorted(found.items(), key=lambda item: (item[1].start, item[1].stop)):
        if x.start != end or x.stop < x.start:
            raise BrokenFile(f"{name!r} begins at byte {x.start}, and the one before ends at {end}")
        end = x.stop
    if end != size:
        raise BrokenFile(f"the arrays have {end} bytes, and {size} bytes follow the header")
    return found, metadata


@misconception(
    "15.2",
    "You add up the bytes of the arrays and compare the sum with the file. Two arrays that overlap and a "
    "hole of the same size have the same sum: go from one array to the next.",
    symbol="places",
)
def places(text, size):
    entries = parsed(text)
    metadata = entries.pop("__metadata__", {})
    if not is_texts(metadata):
        raise BrokenFile("its metadata are no texts")
    found = {name: place(name, entry) for name, entry in entries.items()}
    for name, x in found.items():
        needed = math.prod(x.shape) * DTYPES[x.dtype].size
        if x.stop - x.start != needed or x.stop > size:
            raise BrokenFile(f"{name!r} needs {needed} bytes, and has those {x.start} to {x.stop}")
    end = sum(x.stop - x.start for x in found.values())
    if end != size:
        raise BrokenFile(f"the arrays have {end} bytes, and {size} bytes follow the header")
    return found, metadata


@misconception(
    "15.2",
    "You expect arrays in the order of the header. Its order is that of a dict and means nothing: sort "
    "by where they begin.",
    symbol="places",
)
def places(text, size):
    entries = parsed(text)
    metadata = entries.pop("__metadata__", {})
    if not is_texts(metadata):
        raise BrokenFile("its metadata are no texts")
    found = {name: place(name, entry) for name, entry in entries.items()}
    end = 0
    for name, x in found.items():
        needed = math.prod(x.shape) * DTYPES[x.dtype].size
        if x.stop - x.start != needed:
            raise BrokenFile(f"{name!r} needs {needed} bytes, and has those {x.start} to {x.stop}")
        if x.start != end:
            raise BrokenFile(f"{name!r} begins at byte {x.start}, and the one before ends at {end}")
        end = x.stop
    if end != size:
        raise BrokenFile(f"the arrays have {end} bytes, and {size} bytes follow the header")
    return found, metadata


@misconception(
    "15.2",
    "You read the file to its end and cut out what is asked for. One array of a file of 16 GB then needs "
    "16 GB.",
    symbol="SafeFile.__getitem__",
)
def __getitem__(self, name):
    x = self.places[name]
    self.source.seek(self.first)
    data = self.source.read()
    return from_bytes(data[x.start : x.stop], DTYPES[x.dtype], x.shape)


@misconception(
    "15.2",
    "You count the offset from the beginning of the file. It counts from the end of the header, so that a "
    "longer header does not change it.",
    symbol="SafeFile.__getitem__",
)
def __getitem__(self, name):
    x = self.places[name]
    self.source.seek(x.start)
    return from_bytes(self.source.read(x.stop - x.start), DTYPES[x.dtype], x.shape)


# 15.3: GGUF


@misconception(
    "15.3",
    "You ask for `int` before `bool`. In Python `True` is an int, too, so it is written as the number 1.",
    symbol="value",
)
def value(name, x):
    if isinstance(x, str):
        return struct.pack("<I", TEXT) + text(x)
    if isinstance(x, (list, tuple)):
        members = [value(name, member) for member in x] or [struct.pack("<I", 4)]
        kinds = {member[:4] for member in members}
        if len(kinds) > 1 or kinds == {struct.pack("<I", LIST)}:
            raise ValueError(f"[gguf] The list {name!r} should have members of one simple kind.")
        content = b"".join(member[4:] for member in members) if x else b""
        return struct.pack("<I", LIST) + kinds.pop() + struct.pack("<Q", len(x)) + content
    if isinstance(x, int) and -(2**63) <= x < 2**63:
        return struct.pack("<Ii", 5, x) if -(2**31) <= x < 2**31 else struct.pack("<Iq", 11, x)
    if isinstance(x, bool):
        return struct.pack("<I?", 7, x)
    if isinstance(x, float):
        return struct.pack("<If", 6, x)
    raise ValueError(f"[gguf] The entry {name!r} is {type(x).__name__}, which cannot be written.")


@misconception(
    "15.3",
    "You write the kind in front of every member of a list. It stands there once, in front of their "
    "number.",
    symbol="value",
)
def value(name, x):
    if isinstance(x, str):
        return struct.pack("<I", TEXT) + text(x)
    if isinstance(x, (list, tuple)):
        members = [value(name, member) for member in x] or [struct.pack("<I", 4)]
        kinds = {member[:4] for member in members}
        if len(kinds) > 1 or kinds == {struct.pack("<I", LIST)}:
            raise ValueError(f"[gguf] The list {name!r} should have members of one simple kind.")
        content = b"".join(members) if x else b""
        return struct.pack("<I", LIST) + kinds.pop() + struct.pack("<Q", len(x)) + content
    if isinstance(x, bool):
        return struct.pack("<I?", 7, x)
    if isinstance(x, int) and -(2**63) <= x < 2**63:
        return struct.pack("<Ii", 5, x) if -(2**31) <= x < 2**31 else struct.pack("<Iq", 11, x)
    if isinstance(x, float):
        return struct.pack("<If", 6, x)
    raise ValueError(f"[gguf] The entry {name!r} is {type(x).__name__}, which cannot be written.")


@misconception(
    "15.3",
    "You write the axes in our order. GGUF names the last axis first, the one along which numbers lie "
    "side by side: a matrix of (2, 3) stands there as 3, 2.",
)
def beginning(entries, arrays):
    start = MAGIC + struct.pack("<IQQ", VERSION, len(arrays), len(entries))
    start += b"".join(text(name) + value(name, x) for name, x in entries.items())
    offset = 0
    for name, (kind, shape, size) in arrays.items():
        axes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        start += text(name) + axes + struct.pack("<IQ", kind, offset)
        offset += aligned(size)
    return start + bytes(aligned(len(start)) - len(start))


@misconception(
    "15.3",
    "You let each array begin where the one before ends. In GGUF it begins at the next multiple of 32.",
    symbol="beginning",
)
def beginning(entries, arrays):
    start = MAGIC + struct.pack("<IQQ", VERSION, len(arrays), len(entries))
    start += b"".join(text(name) + value(name, x) for name, x in entries.items())
    offset = 0
    for name, (kind, shape, size) in arrays.items():
        axes = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        start += text(name) + axes + struct.pack("<IQ", kind, offset)
        offset += size
    return start + bytes(aligned(len(start)) - len(start))


@misconception(
    "15.3",
    "You forget the zeros behind the last entry. The numbers, too, begin at a multiple of 32, counted "
    "from the beginning of the file.",
    symbol="beginning",
)
def beginning(entries, arrays):
    start = MAGIC + struct.pack("<IQQ", VERSION, len(arrays), len(entries))
    start += b"".join(text(name) + value(name, x) for name, x in entries.items())
    offset = 0
    for name, (kind, shape, size) in arrays.items():
        axes = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        start += text(name) + axes + struct.pack("<IQ", kind, offset)
        offset += aligned(size)
    return start


@misconception(
    "15.3",
    "You write how many entries there are before how many arrays. The arrays come first.",
    symbol="beginning",
)
def beginning(entries, arrays):
    start = MAGIC + struct.pack("<IQQ", VERSION, len(entries), len(arrays))
    start += b"".join(text(name) + value(name, x) for name, x in entries.items())
    offset = 0
    for name, (kind, shape, size) in arrays.items():
        axes = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        start += text(name) + axes + struct.pack("<IQ", kind, offset)
        offset += aligned(size)
    return start + bytes(aligned(len(start)) - len(start))


@misconception(
    "15.3",
    "You read the axes in the order of the file. The last axis stands there first.",
    symbol="entry",
)
def entry(reader):
    name = name_of(reader)
    axes = reader.number("I", f"the number of axes of {name!r}")
    if axes > MOST_AXES:
        raise BrokenFile(f"{reader.name} is damaged: {name!r} would have {axes} axes.")
    shape = tuple(reader.number("Q", f"an axis of {name!r}") for _ in range(axes))
    kind, start = reader.number("I", f"the kind of {name!r}"), reader.number("Q", "an offset")
    count = math.prod(shape)
    if kind in PLAIN:
        return name, Entry(shape, kind, start, count * PLAIN[kind].size)
    if kind not in BLOCK_BYTES:
        raise BrokenFile(f"{reader.name} has {name!r} in the kind {kind}, which is unknown here.")
    if not shape or shape[0] % LENGTH:
        raise BrokenFile(f"{reader.name} is damaged: {name!r} of shape {shape} is in blocks of 32.")
    return name, Entry(shape, kind, start, count // LENGTH * BLOCK_BYTES[kind])


@misconception(
    "15.3",
    "You count weights in blocks like plain bytes. 32 of them have 34 bytes in Q8_0, and 18 in Q4_0, "
    "because each block has a scale.",
    symbol="entry",
)
def entry(reader):
    name = name_of(reader)
    axes = reader.number("I", f"the number of axes of {name!r}")
    if axes > MOST_AXES:
        raise BrokenFile(f"{reader.name} is damaged: {name!r} would have {axes} axes.")
    shape = tuple(reader.number("Q", f"an axis of {name!r}") for _ in range(axes))[::-1]
    kind, start = reader.number("I", f"the kind of {name!r}"), reader.number("Q", "an offset")
    count = math.prod(shape)
    if kind in PLAIN:
        return name, Entry(shape, kind, start, count * PLAIN[kind].size)
    if kind not in BLOCK_BYTES:
        raise BrokenFile(f"{reader.name} has {name!r} in the kind {kind}, which is unknown here.")
    if not shape or shape[-1] % LENGTH:
        raise BrokenFile(f"{reader.name} is damaged: {name!r} of shape {shape} is in blocks of 32.")
    return name, Entry(shape, kind, start, count * kind // 8)
