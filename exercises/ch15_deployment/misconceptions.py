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
    "You compare the length of the header with the size of the file only, or with the format's limit when "
    "it has been read already. 100 million bytes are allowed, so that nobody reads gigabytes of JSON.",
    symbol="read_header",
)
def read_header(reader):
    return reader.take(reader.number("Q", "the length of its header"), "its header")


@misconception(
    "15.2",
    "You take the spaces off the text. They are part of the header: who counts its bytes afterwards looks "
    "for the first number where it is not.",
    symbol="read_header",
)
def read_header(reader):
    length = reader.number("Q", "the length of its header")
    if length > MOST:
        raise BrokenFile(f"{reader.name} is damaged: its header would have {length} bytes.")
    return reader.take(length, "its header").rstrip()


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
    "You compare every array with every other one. A header with a hundred thousand names then takes "
    "minutes, and its author knows that: sorted, each only has to be compared with the one before.",
    symbol="places",
)
def places(text, size):
    entries = parsed(text)
    metadata = entries.pop("__metadata__", {})
    if not is_texts(metadata):
        raise BrokenFile("its metadata are no texts")
    found = {name: place(name, entry) for name, entry in entries.items()}
    total = 0
    for name, x in found.items():
        needed = math.prod(x.shape) * DTYPES[x.dtype].size
        if x.stop - x.start != needed or x.stop > size:
            raise BrokenFile(f"{name!r} needs {needed} bytes")
        for other in found.values():
            if other is not x and x.start < other.stop and other.start < x.stop:
                raise BrokenFile(f"{name!r} overlaps another array")
        total += needed
    if total != size:
        raise BrokenFile("there are holes")
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
        content = b"".join(member[4:] for member in members)
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


# 15.4: blocks


@misconception(
    "15.4",
    "You divide by the scale as it is stored, rounded to float16. The library divides by the scale before "
    "it is rounded; a few codes come out differently.",
    symbol="to_q8_0",
)
def to_q8_0(x):
    blocks = in_blocks(x)
    scale = core.max(core.abs(blocks), axis=-1, keepdims=True) / 127
    rounded = scale.astype(core.float16).astype(core.float32)
    codes = away_from_zero(blocks * inverse(rounded))
    return packed(scale, core.view(codes.astype(core.int8), core.uint8), x)


@misconception(
    "15.4",
    "You round halves to the even number, as `core.round` does. Here they go away from zero.",
    symbol="to_q8_0",
)
def to_q8_0(x):
    blocks = in_blocks(x)
    scale = core.max(core.abs(blocks), axis=-1, keepdims=True) / 127
    codes = core.round(blocks * inverse(scale))
    return packed(scale, core.view(codes.astype(core.int8), core.uint8), x)


@misconception(
    "15.4",
    "You take the largest weight for the scale, without its magnitude. In a block whose furthest weight is "
    "negative, codes overflow.",
    symbol="to_q8_0",
)
def to_q8_0(x):
    blocks = in_blocks(x)
    scale = core.max(blocks, axis=-1, keepdims=True) / 127
    codes = away_from_zero(blocks * inverse(scale))
    return packed(scale, core.view(codes.astype(core.int8), core.uint8), x)


@misconception(
    "15.4",
    "You divide by the scale as it is stored, rounded to float16. The library divides by the scale before "
    "it is rounded; a few codes come out differently.",
    symbol="to_q4_0",
)
def to_q4_0(x):
    blocks = in_blocks(x)
    largest = core.argmax(core.abs(blocks), axis=-1, keepdims=True)
    scale = core.take_along_axis(blocks, largest, axis=-1) / -8
    scale = scale.astype(core.float16).astype(core.float32)
    codes = core.minimum(core.floor(blocks * inverse(scale) + 8.5), 15).astype(core.uint8)
    return packed(scale, codes[..., :16] + 16 * codes[..., 16:], x)


@misconception(
    "15.4",
    "You make the scale of the greatest magnitude without its sign. Then a positive weight of that "
    "magnitude would need the code 16: with the sign, the furthest weight gets -8, the far end, on "
    "whichever side it lies.",
    symbol="to_q4_0",
)
def to_q4_0(x):
    blocks = in_blocks(x)
    scale = core.max(core.abs(blocks), axis=-1, keepdims=True) / 8
    codes = core.minimum(core.floor(blocks * inverse(scale) + 8.5), 15).astype(core.uint8)
    return packed(scale, codes[..., :16] + 16 * codes[..., 16:], x)


@misconception(
    "15.4",
    "You pack neighbours into one byte. In Q4_0 byte i has the codes i and i + 16, so that one load and "
    "one mask give sixteen neighbours.",
    symbol="to_q4_0",
)
def to_q4_0(x):
    blocks = in_blocks(x)
    largest = core.argmax(core.abs(blocks), axis=-1, keepdims=True)
    scale = core.take_along_axis(blocks, largest, axis=-1) / -8
    codes = core.minimum(core.floor(blocks * inverse(scale) + 8.5), 15).astype(core.uint8)
    return packed(scale, codes[..., ::2] + 16 * codes[..., 1::2], x)


@misconception(
    "15.4",
    "You let codes be 16. A weight at the other end, as far as the furthest, is 8 + 8; four bits end at "
    "15.",
    symbol="to_q4_0",
)
def to_q4_0(x):
    blocks = in_blocks(x)
    largest = core.argmax(core.abs(blocks), axis=-1, keepdims=True)
    scale = core.take_along_axis(blocks, largest, axis=-1) / -8
    codes = core.floor(blocks * inverse(scale) + 8.5).astype(core.uint8)
    return packed(scale, codes[..., :16] + 16 * codes[..., 16:], x)


@misconception(
    "15.4",
    "You read lower and upper halves in turn. All lower halves come first, then all upper ones.",
    symbol="from_q4_0",
)
def from_q4_0(data):
    scale, codes = taken_apart(data, 18)
    both = core.stack([codes % 16, codes // 16], axis=-1).reshape(*codes.shape[:-1], 32)
    return (scale * (both.astype(core.float32) - 8)).reshape(*data.shape[:-1], -1)


@misconception(
    "15.4",
    "You subtract 8 while the codes are unsigned bytes: 3 - 8 is 251 there. Make them floats first.",
    symbol="from_q4_0",
)
def from_q4_0(data):
    scale, codes = taken_apart(data, 18)
    both = core.concatenate([codes % 16, codes // 16], axis=-1)
    return (scale * (both - 8).astype(core.float32)).reshape(*data.shape[:-1], -1)


# 15.5: folding


@misconception(
    "15.5",
    "You add epsilon outside of the root. It stands under it, beside the variance: with a small variance "
    "the two are far apart.",
    symbol="folded",
)
def folded(weight, bias, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization keeps no running statistics.")
    factor = 1 / (core.sqrt(norm.running_var.astype(core.float32)) + norm.eps)
    if "weight" in norm:
        factor = factor * norm.weight
    start = 0.0 if bias is None else bias.astype(core.float32)
    shift = (start - norm.running_mean.astype(core.float32)) * factor
    if "bias" in norm:
        shift = shift + norm.bias
    wide = weight.astype(core.float32) * factor.reshape(-1, *[1] * (weight.ndim - 1))
    return wide.astype(weight.dtype), shift.astype(weight.dtype)


@misconception(
    "15.5",
    "You leave the layer's own bias unscaled. It goes through the normalization like everything else: "
    "(b - mean) times the factor.",
    symbol="folded",
)
def folded(weight, bias, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization keeps no running statistics.")
    factor = core.rsqrt(norm.running_var.astype(core.float32) + norm.eps)
    if "weight" in norm:
        factor = factor * norm.weight
    start = 0.0 if bias is None else bias.astype(core.float32)
    shift = start - norm.running_mean.astype(core.float32) * factor
    if "bias" in norm:
        shift = shift + norm.bias
    wide = weight.astype(core.float32) * factor.reshape(-1, *[1] * (weight.ndim - 1))
    return wide.astype(weight.dtype), shift.astype(weight.dtype)


@misconception(
    "15.5",
    "You multiply along the last axis of the weight. That is the axis of inputs; the normalization "
    "belongs to the outputs, the first axis.",
    symbol="folded",
)
def folded(weight, bias, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization keeps no running statistics.")
    factor = core.rsqrt(norm.running_var.astype(core.float32) + norm.eps)
    if "weight" in norm:
        factor = factor * norm.weight
    start = 0.0 if bias is None else bias.astype(core.float32)
    shift = (start - norm.running_mean.astype(core.float32)) * factor
    if "bias" in norm:
        shift = shift + norm.bias
    wide = weight.astype(core.float32) * factor[: weight.shape[-1]]
    return wide.astype(weight.dtype), shift.astype(weight.dtype)


@misconception(
    "15.5",
    "You forget that a layer without a bias gets one: the mean has to be taken away somewhere.",
    symbol="folded",
)
def folded(weight, bias, norm):
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization keeps no running statistics.")
    factor = core.rsqrt(norm.running_var.astype(core.float32) + norm.eps)
    if "weight" in norm:
        factor = factor * norm.weight
    shift = core.zeros(factor.shape)
    if bias is not None:
        shift = (bias.astype(core.float32) - norm.running_mean.astype(core.float32)) * factor
    if "bias" in norm:
        shift = shift + norm.bias
    wide = weight.astype(core.float32) * factor.reshape(-1, *[1] * (weight.ndim - 1))
    return wide.astype(weight.dtype), shift.astype(weight.dtype)


@misconception(
    "15.5",
    "You compare a normalization with the layer right in front of it, and there stands a dropout. In "
    "evaluation mode it does nothing: leave it out first.",
    symbol="ready",
)
def ready(layers, dtype=None):
    found = []
    for before, layer in zip([None, *layers], layers):
        if isinstance(layer, DROPOUTS):
            continue
        if isinstance(layer, nn.BatchNorm) and isinstance(before, WITH_WEIGHTS):
            weight = before.weight if dtype is None else before.weight.astype(core.float32)
            bias = before.bias if "bias" in before else None
            weight, bias = folded(weight, bias, layer)
            if dtype is not None:
                weight, bias = weight.astype(dtype), bias.astype(dtype)
            found[-1] = with_parameters(before, weight, bias)
        else:
            found.append(layer)
    return found


@misconception(
    "15.5",
    "You fold into the layers that you were given. Somebody may still train them: change a copy.",
    symbol="ready",
)
def ready(layers, dtype=None):
    found = []
    for layer in layers:
        if isinstance(layer, DROPOUTS):
            continue
        before = found[-1] if found else None
        if isinstance(layer, nn.BatchNorm) and isinstance(before, WITH_WEIGHTS):
            weight = before.weight if dtype is None else before.weight.astype(core.float32)
            weight, bias = folded(weight, before.bias if "bias" in before else None, layer)
            if dtype is not None:
                weight, bias = weight.astype(dtype), bias.astype(dtype)
            before.weight, before.bias = weight, bias
        else:
            found.append(layer)
    return found


@misconception(
    "15.5",
    "You fold in the dtype of the weights and cast the result. Weights of float16 that are wanted in "
    "float32 were rounded to float16 in between: give `folded` a weight in float32, and round once.",
    symbol="ready",
)
def ready(layers, dtype=None):
    found = []
    for layer in layers:
        if isinstance(layer, DROPOUTS):
            continue
        before = found[-1] if found else None
        if isinstance(layer, nn.BatchNorm) and isinstance(before, WITH_WEIGHTS):
            weight, bias = folded(before.weight, before.get("bias"), layer)
            if dtype is not None:
                weight, bias = weight.astype(dtype), bias.astype(dtype)
            found[-1] = with_parameters(before, weight, bias)
        else:
            found.append(layer)
    return found


@misconception(
    "15.5",
    "You fold a normalization into the last layer with weights, whatever stands between. Behind a relu it "
    "is no longer an affine map of what the layer computes.",
    symbol="ready",
)
def ready(layers, dtype=None):
    found = []
    for layer in layers:
        if isinstance(layer, DROPOUTS):
            continue
        places = [i for i, x in enumerate(found) if isinstance(x, WITH_WEIGHTS)]
        if isinstance(layer, nn.BatchNorm) and places:
            before = found[places[-1]]
            weight = before.weight if dtype is None else before.weight.astype(core.float32)
            weight, bias = folded(weight, before.bias if "bias" in before else None, layer)
            if dtype is not None:
                weight, bias = weight.astype(dtype), bias.astype(dtype)
            found[places[-1]] = with_parameters(before, weight, bias)
        else:
            found.append(layer)
    return found


# 15.6: functions in files


@misconception(
    "15.6",
    "You call the function with the model's own weights. While it is traced they become constants of the "
    "file, and those that are handed in later change nothing.",
    symbol="with_weights",
)
def with_weights(model, function):
    def f(*xs, **weights):
        own = model.parameters()
        unknown = [name for name in weights if name not in own]
        if unknown:
            raise ValueError(f"[with_weights] The model has no parameter {unknown[0]!r}.")
        return function(*xs)

    return f


@misconception(
    "15.6",
    "You leave the weights that were given in the model. While the function is traced these are "
    "placeholders without numbers, and the model is ruined.",
    symbol="with_weights",
)
def with_weights(model, function):
    def f(*xs, **weights):
        own = model.parameters()
        unknown = [name for name in weights if name not in own]
        if unknown:
            raise ValueError(f"[with_weights] The model has no parameter {unknown[0]!r}.")
        model.update(tree_unflatten(list(weights.items())))
        return function(*xs)

    return f


@misconception(
    "15.6",
    "You note the model's weights when the function is made. When it is called after some training, it puts "
    "the old ones back: ask for them inside of it.",
    symbol="with_weights",
)
def with_weights(model, function):
    own = model.parameters()

    def f(*xs, **weights):
        try:
            model.update(tree_unflatten(list(weights.items())))
            return function(*xs)
        finally:
            model.update(own)

    return f


@misconception(
    "15.6",
    "You put the model's own weights back only if all went well. An error in the function leaves it with "
    "the others: use `finally`.",
    symbol="with_weights",
)
def with_weights(model, function):
    def f(*xs, **weights):
        own = model.parameters()
        unknown = [name for name in weights if name not in own]
        if unknown:
            raise ValueError(f"[with_weights] The model has no parameter {unknown[0]!r}.")
        model.update(tree_unflatten(list(weights.items())))
        y = function(*xs)
        model.update(own)
        return y

    return f


@misconception(
    "15.6",
    "You try the first example only. It is the one that was traced: what was baked in by its size shows "
    "with another one.",
    symbol="first_lie",
)
def first_lie(function, other, examples, tolerance=1e-5):
    example = examples[0]
    expected = function(*example)
    try:
        (found,) = other(*example)
        core.eval(found)
    except (ValueError, RuntimeError) as error:
        return f"example 0: raises {error}"
    if found.shape != expected.shape:
        return f"example 0: shape {found.shape}, and it should be {expected.shape}"
    if found.dtype != expected.dtype:
        return f"example 0: dtype {found.dtype}, and it should be {expected.dtype}"
    return None if agree(found, expected, tolerance) else "example 0: values differ"


@misconception(
    "15.6",
    "You compare values and let them broadcast. A result of another shape, or of another dtype, is a lie "
    "even if its numbers fit.",
    symbol="first_lie",
)
def first_lie(function, other, examples, tolerance=1e-5):
    for i, example in enumerate(examples):
        expected = function(*example)
        try:
            (found,) = other(*example)
            core.eval(found)
            same = agree(found, expected, tolerance)
        except (ValueError, RuntimeError) as error:
            return f"example {i}: raises {error}"
        if not same:
            return f"example {i}: values differ"
    return None


@misconception(
    "15.6",
    "You compare differences with the tolerance itself. In float32 an output of 1,000 has seven digits as "
    "well, and they end at a thousandth: compare relative to the largest magnitude.",
    symbol="first_lie",
)
def first_lie(function, other, examples, tolerance=1e-5):
    for i, example in enumerate(examples):
        expected = function(*example)
        try:
            (found,) = other(*example)
        except (ValueError, RuntimeError) as error:
            return f"example {i}: raises {error}"
        if found.shape != expected.shape:
            return f"example {i}: shape {found.shape}, and it should be {expected.shape}"
        if found.dtype != expected.dtype:
            return f"example {i}: dtype {found.dtype}, and it should be {expected.dtype}"
        same = (found == expected) | (core.isnan(found) & core.isnan(expected))
        if not core.all(same | (core.abs(found - expected) <= tolerance)).item():
            return f"example {i}: values differ"
    return None


@misconception(
    "15.6",
    "You catch every error. A mistake in the program itself is then told as one of the file.",
    symbol="first_lie",
)
def first_lie(function, other, examples, tolerance=1e-5):
    for i, example in enumerate(examples):
        expected = function(*example)
        try:
            (found,) = other(*example)
            core.eval(found)
        except Exception as error:
            return f"example {i}: raises {error}"
        if found.shape != expected.shape:
            return f"example {i}: shape {found.shape}, and it should be {expected.shape}"
        if found.dtype != expected.dtype:
            return f"example {i}: dtype {found.dtype}, and it should be {expected.dtype}"
        if not agree(found, expected, tolerance):
            return f"example {i}: values differ"
    return None


# 15.7: the contract


@misconception(
    "15.7",
    "You turn the channels around before you normalize, so that blue gets the mean of red. Numbers of a "
    "colour belong to the colour: normalize first.",
    symbol="Contract.prepared",
)
def prepared(self, pixels):
    mean, deviation = core.array(self.mean), core.array(self.deviation)
    x = pixels.astype(core.float32) / 255
    x = x[..., ::-1] if self.order == "BGR" else x
    return (x - mean) / deviation


@misconception(
    "15.7",
    "You hand the pixels on in the order red, green, blue to a network that was trained with blue first. "
    "It will still recognize most things, and nobody will know why it is a little worse.",
    symbol="Contract.prepared",
)
def prepared(self, pixels):
    mean, deviation = core.array(self.mean), core.array(self.deviation)
    return (pixels.astype(core.float32) / 255 - mean) / deviation


@misconception(
    "15.7",
    "You subtract the mean from pixels up to 255. It was measured on pixels from 0 to 1.",
    symbol="Contract.prepared",
)
def prepared(self, pixels):
    mean, deviation = core.array(self.mean), core.array(self.deviation)
    x = (pixels.astype(core.float32) - mean) / deviation / 255
    return x[..., ::-1] if self.order == "BGR" else x


@misconception(
    "15.7",
    "You apply a softmax to whatever comes. A softmax of probabilities makes them all nearly equal: the "
    "answer stays the first, and looks unsure. The contract says what the outputs are.",
    symbol="Contract.answers",
)
def answers(self, outputs, count):
    p = core.softmax(outputs.astype(core.float32), axis=-1)
    found = sorted(zip(self.classes, p.tolist()), key=lambda pair: -pair[1])
    return found[:count]


@misconception(
    "15.7",
    "You show logits as if they were probabilities. Where the contract says logits, a softmax is still to "
    "come.",
    symbol="Contract.answers",
)
def answers(self, outputs, count):
    found = sorted(zip(self.classes, outputs.tolist()), key=lambda pair: -pair[1])
    return found[:count]


@misconception(
    "15.7",
    "You divide the bias by each channel's own deviation and the scale by the mean of them, and leave the "
    "rest away. Only with factors for the first convolution the two sides are equal.",
    symbol="image_scaling",
)
def image_scaling(mean, deviation, order="RGB"):
    shared = sum(deviation) / len(deviation)
    bias = [-m / d for m, d in zip(mean, deviation)]
    factor = [1.0 for _ in deviation]
    if order == "BGR":
        bias, factor = bias[::-1], factor[::-1]
    return 1 / (255 * shared), bias, factor


@misconception(
    "15.7",
    "You forget that Core ML's pixels go up to 255: its scale has to divide by that, too.",
    symbol="image_scaling",
)
def image_scaling(mean, deviation, order="RGB"):
    shared = sum(deviation) / len(deviation)
    bias = [-m / shared for m in mean]
    factor = [shared / d for d in deviation]
    if order == "BGR":
        bias, factor = bias[::-1], factor[::-1]
    return 1 / shared, bias, factor


# 15.8: nodes and operations


@misconception(
    "15.8",
    "You put the array first and the number behind it. Then 2 - x becomes x - 2: which stands first "
    "matters.",
    symbol="elementwise",
)
def elementwise(build, node):
    y, like = node.output, node.values[0]
    numbers = [x for x in node.inputs if not isinstance(x, Value)]
    names = [build.name(x, like) for x in [*node.values, *numbers]]
    if node.primitive is arithmetic.negative:
        return build.emit("mul", {"x": names[0], "y": build.name(-1, like)}, y.shape, y.dtype)
    if node.primitive in BINARY:
        inputs = {"x": names[0], "y": names[1]}
        return build.emit(BINARY[node.primitive], inputs, y.shape, y.dtype)
    kind = UNARY[node.primitive]
    more = {"epsilon": 0.0} if kind in CAREFUL else {}
    return build.emit(kind, {"x": names[0]}, y.shape, y.dtype, **more)


@misconception(
    "15.8",
    "You leave epsilons to Core ML. Its `inverse` adds 1e-4 to what it divides by, `rsqrt` 1e-12: for "
    "small numbers that is another function.",
    symbol="elementwise",
)
def elementwise(build, node):
    y, like = node.output, node.values[0]
    names = [build.name(x, like) for x in node.inputs]
    if node.primitive is arithmetic.negative:
        return build.emit("mul", {"x": names[0], "y": build.name(-1, like)}, y.shape, y.dtype)
    if node.primitive in BINARY:
        inputs = {"x": names[0], "y": names[1]}
        return build.emit(BINARY[node.primitive], inputs, y.shape, y.dtype)
    return build.emit(UNARY[node.primitive], {"x": names[0]}, y.shape, y.dtype)


@misconception(
    "15.8",
    "You make every number a float32. Beside an array of float16 Core ML refuses the pair: a number takes "
    "the dtype of the array.",
    symbol="elementwise",
)
def elementwise(build, node):
    y = node.output
    names = [build.name(x if isinstance(x, Value) else float(x)) for x in node.inputs]
    if node.primitive is arithmetic.negative:
        return build.emit("mul", {"x": names[0], "y": build.name(-1.0)}, y.shape, y.dtype)
    if node.primitive in BINARY:
        inputs = {"x": names[0], "y": names[1]}
        return build.emit(BINARY[node.primitive], inputs, y.shape, y.dtype)
    kind = UNARY[node.primitive]
    more = {"epsilon": 0.0} if kind in CAREFUL else {}
    return build.emit(kind, {"x": names[0]}, y.shape, y.dtype, **more)


@misconception(
    "15.8",
    "You take `axis=None` for the last axis. It means all of them.",
    symbol="reduced",
)
def reduced(build, node):
    x, y = node.values[0], node.output
    axis = node.params.get("axis")
    axes = axes_of(-1 if axis is None else axis, len(x.shape))
    keep = bool(node.params.get("keepdims", False))
    kind = REDUCTIONS[node.primitive]
    return build.emit(kind, {"x": build.name(x)}, y.shape, y.dtype, axes=axes, keep_dims=keep)


@misconception(
    "15.8",
    "You never keep the axes. With `keepdims` the result has another shape, and what follows is repeated "
    "along the wrong axis.",
    symbol="reduced",
)
def reduced(build, node):
    x, y = node.values[0], node.output
    axes = axes_of(node.params.get("axis"), len(x.shape))
    kind = REDUCTIONS[node.primitive]
    return build.emit(kind, {"x": build.name(x)}, y.shape, y.dtype, axes=axes, keep_dims=False)


@misconception(
    "15.8",
    "You hand a linear layer the matrix as it is multiplied, (inputs, outputs). MIL's `linear` has the "
    "weight of a layer, (outputs, inputs).",
    symbol="product",
)
def product(build, node):
    *start, a, b = node.inputs
    y = node.output
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise refuse(build, node, "its matrices need two axes at least")
    numbers = {"transpose_x": False, "transpose_y": False}
    if not start:
        inputs = {"x": build.name(a), "y": build.name(b)}
        return build.emit("matmul", inputs, y.shape, y.dtype, **numbers)
    if node.params.get("alpha", 1) != 1 or node.params.get("beta", 1) != 1:
        raise refuse(build, node, "it scales its terms")
    c = start[0]
    if known(b, 2) and known(c, 1):
        inputs = {"x": build.name(a), "weight": build.name(b), "bias": build.name(c)}
        return build.emit("linear", inputs, y.shape, y.dtype)
    inputs = {"x": build.name(a), "y": build.name(b)}
    wide = build.emit("matmul", inputs, y.shape, y.dtype, **numbers)
    return build.emit("add", {"x": wide, "y": build.name(c)}, y.shape, y.dtype)


@misconception(
    "15.8",
    "You forget the first argument of `addmm`: it is the bias.",
    symbol="product",
)
def product(build, node):
    *start, a, b = node.inputs
    y = node.output
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise refuse(build, node, "its matrices need two axes at least")
    if node.params.get("alpha", 1) != 1 or node.params.get("beta", 1) != 1:
        raise refuse(build, node, "it scales its terms")
    inputs = {"x": build.name(a), "y": build.name(b)}
    return build.emit("matmul", inputs, y.shape, y.dtype, transpose_x=False, transpose_y=False)


@misconception(
    "15.8",
    "You ignore `alpha` and `beta`. A program that leaves a factor out is wrong without a word; refuse it.",
    symbol="product",
)
def product(build, node):
    *start, a, b = node.inputs
    y = node.output
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise refuse(build, node, "its matrices need two axes at least")
    inputs = {"x": build.name(a), "y": build.name(b)}
    if not start:
        return build.emit("matmul", inputs, y.shape, y.dtype)
    c = start[0]
    if known(b, 2) and known(c, 1):
        weight = build.constant(b.constant.T)
        inputs = {"x": build.name(a), "weight": weight, "bias": build.name(c)}
        return build.emit("linear", inputs, y.shape, y.dtype)
    wide = build.emit("matmul", inputs, y.shape, y.dtype)
    return build.emit("add", {"x": wide, "y": build.name(c)}, y.shape, y.dtype)


# 15.9: layouts


@misconception(
    "15.9",
    "You hand over the kernel as it lies here, channels last. Where the numbers of taps and channels fit by "
    "chance, nothing complains.",
    symbol="convolved",
)
def convolved(build, node):
    x, w = node.values
    at, ndim = node.params["at"], len(x.shape)
    if w.constant is None:
        raise refuse(build, node, "its kernel is computed")
    weight = flipped(w.constant) if at.flip else w.constant
    if max(at.input_dilation) > 1:
        return widened(build, node, weight)
    first = build.transposed(build.name(x), to_first(ndim), x.dtype)
    made = build.emit(
        "conv",
        {"x": first, "weight": build.constant(mx.contiguous(weight))},
        [node.output.shape[a] for a in to_first(ndim)],
        x.dtype,
        strides=list(at.stride),
        dilations=list(at.kernel_dilation),
        groups=at.groups,
        pad_type="custom",
        pad=[n for pair in zip(at.low, at.high) for n in pair],
    )
    return build.transposed(made, to_last(ndim), x.dtype)


@misconception(
    "15.9",
    "You write all zeros in front first, then all behind. MIL wants both of one axis, then both of the "
    "next.",
    symbol="convolved",
)
def convolved(build, node):
    x, w = node.values
    at, ndim = node.params["at"], len(x.shape)
    if w.constant is None:
        raise refuse(build, node, "its kernel is computed")
    weight = flipped(w.constant) if at.flip else w.constant
    if max(at.input_dilation) > 1:
        return widened(build, node, weight)
    weight = build.constant(mx.contiguous(mx.transpose(weight, to_first(ndim))))
    first = build.transposed(build.name(x), to_first(ndim), x.dtype)
    made = build.emit(
        "conv",
        {"x": first, "weight": weight},
        [node.output.shape[a] for a in to_first(ndim)],
        x.dtype,
        strides=list(at.stride),
        dilations=list(at.kernel_dilation),
        groups=at.groups,
        pad_type="custom",
        pad=[*at.low, *at.high],
    )
    return build.transposed(made, to_last(ndim), x.dtype)


@misconception(
    "15.9",
    "You leave the channels in front. Everything behind the convolution still expects them at the end.",
    symbol="convolved",
)
def convolved(build, node):
    x, w = node.values
    at, ndim = node.params["at"], len(x.shape)
    if w.constant is None:
        raise refuse(build, node, "its kernel is computed")
    weight = flipped(w.constant) if at.flip else w.constant
    if max(at.input_dilation) > 1:
        return widened(build, node, weight)
    weight = build.constant(mx.contiguous(mx.transpose(weight, to_first(ndim))))
    first = build.transposed(build.name(x), to_first(ndim), x.dtype)
    return build.emit(
        "conv",
        {"x": first, "weight": weight},
        [node.output.shape[a] for a in to_first(ndim)],
        x.dtype,
        strides=list(at.stride),
        dilations=list(at.kernel_dilation),
        groups=at.groups,
        pad_type="custom",
        pad=[n for pair in zip(at.low, at.high) for n in pair],
    )


@misconception(
    "15.9",
    "You give windows their sides the other way round: rows first, then columns, as the spatial axes "
    "stand.",
    symbol="pooled",
)
def pooled(build, node, x, sides):
    first = build.transposed(build.name(x), to_first(4), x.dtype)
    numbers = {"kernel_sizes": list(sides)[::-1], "strides": list(sides)[::-1]}
    if node.primitive is reductions.mean:
        numbers["exclude_padding_from_average"] = False
    made = build.emit(
        POOLS[node.primitive],
        {"x": first},
        [node.output.shape[a] for a in to_first(4)],
        x.dtype,
        pad_type="valid",
        pad=[0, 0, 0, 0],
        ceil_mode=False,
        **numbers,
    )
    return build.transposed(made, to_last(4), x.dtype)


@misconception(
    "15.9",
    "You apply two orders of axes the wrong way round. The second one counts the axes as the first one "
    "left them: first[axis] for each axis of the second.",
    symbol="Mover.wait",
)
def wait(self, op):
    name, perm = op.inputs["x"], op.attributes["perm"]
    start, before = self.waiting.get(name, (name, list(range(len(perm)))))
    self.waiting[op.output] = start, after(perm, before)


@misconception(
    "15.9",
    "You let every operation pass in front. A sum over axis 1 sums another axis there: only those that "
    "treat each element for itself may.",
    symbol="Mover.in_front",
)
def in_front(self, op):
    orders = [self.waiting[x][1] for x in op.inputs.values() if self.waits(x)]
    if not orders or any(o != orders[0] for o in orders):
        return False
    perm = orders[0]
    inputs = {key: self.turned(x, perm) for key, x in op.inputs.items()}
    if any(x is None for x in inputs.values()):
        return False
    name = f"{op.output}_first"
    shape = list(op.shape)
    for i, axis in enumerate(perm[: len(shape)]):
        if len(perm) == len(shape):
            shape[axis] = op.shape[i]
    self.keep(replace(op, inputs=inputs, output=name, shape=tuple(shape)))
    self.dtypes[name] = op.dtype
    self.waiting[op.output] = name, perm
    return True


@misconception(
    "15.9",
    "You look only at whether arguments wait, not at their orders. Two that wait for different ones have "
    "different elements side by side.",
    symbol="Mover.in_front",
)
def in_front(self, op):
    orders = [self.waiting[x][1] for x in op.inputs.values() if self.waits(x)]
    if op.kind not in FREE or not orders or len(orders[0]) != len(op.shape):
        return False
    perm = orders[0]
    inputs = {key: self.turned(x, perm) for key, x in op.inputs.items()}
    if any(x is None for x in inputs.values()):
        return False
    name = f"{op.output}_first"
    shape = [0] * len(perm)
    for i, axis in enumerate(perm):
        shape[axis] = op.shape[i]
    self.keep(replace(op, inputs=inputs, output=name, shape=tuple(shape)))
    self.dtypes[name] = op.dtype
    self.waiting[op.output] = name, perm
    return True


@misconception(
    "15.9",
    "You do everything where it stands. Each convolution then keeps its two transpositions, and the network "
    "spends its time moving pictures about.",
    symbol="Mover.in_front",
)
def in_front(self, op):
    return False


# 15.10: shapes


@misconception(
    "15.10",
    "You write -1 for the first size and leave it to the device. Where converted networks break with a new "
    "size, it is in such a reshape; here all sizes are known.",
    symbol="reshaped",
)
def reshaped(build, node):
    x, y = node.values[0], node.output
    if x.shape == y.shape:
        return build.name(x)
    shape = [-1, *y.shape[1:]]
    return build.emit("reshape", {"x": build.name(x)}, y.shape, y.dtype, shape=shape)


@misconception(
    "15.10",
    "You write a reshape also where the shape stays. It does nothing, at the cost of an operation.",
    symbol="reshaped",
)
def reshaped(build, node):
    x, y = node.values[0], node.output
    return build.emit("reshape", {"x": build.name(x)}, y.shape, y.dtype, shape=list(y.shape))


@misconception(
    "15.10",
    "You exchange the two axes of `moveaxis`. It takes one out and puts it elsewhere; the others keep their "
    "order. With three axes that is not the same.",
    symbol="order_of",
)
def order_of(node):
    ndim, params = len(node.values[0].shape), node.params
    order = list(range(ndim))
    if node.primitive is shapes.transpose:
        axes = params.get("axes")
        return order[::-1] if axes is None else [a % ndim for a in axes]
    names = ("axis1", "axis2") if "axis1" in params else ("source", "destination")
    i, j = (params[name] % ndim for name in names)
    order[i], order[j] = order[j], order[i]
    return order


@misconception(
    "15.10",
    "You return where each axis of the input goes. Asked for is the opposite: which axis of the input each "
    "axis of the output is. For an exchange both are the same; for a rotation they are not.",
    symbol="order_of",
)
def order_of(node):
    ndim, params = len(node.values[0].shape), node.params
    order = list(range(ndim))
    if node.primitive is shapes.transpose:
        axes = params.get("axes")
        found = order[::-1] if axes is None else [a % ndim for a in axes]
        return [found.index(a) for a in order]
    if node.primitive is shapes.swapaxes:
        i, j = params["axis1"] % ndim, params["axis2"] % ndim
        order[i], order[j] = order[j], order[i]
        return order
    order.remove(params["source"] % ndim)
    order.insert(params["destination"] % ndim, params["source"] % ndim)
    return [order.index(a) for a in range(ndim)]


@misconception(
    "15.10",
    "You take `axis=None` for the last axis. A softmax over all axes has one sum for the whole array.",
    symbol="normalized",
)
def normalized(build, node):
    x, y = node.values[0], node.output
    ndim, axis = len(x.shape), node.params.get("axis")
    axis = -1 if axis is None else axis
    if isinstance(axis, int):
        return build.emit("softmax", {"x": build.name(x)}, y.shape, y.dtype, axis=axis % ndim)
    axes = sorted(a % ndim for a in axis)
    if axes != list(range(ndim - len(axes), ndim)):
        raise refuse(build, node, "it goes over axes that are not the last ones")
    front = x.shape[: ndim - len(axes)]
    row = [*front, math.prod(x.shape[len(front) :])]
    flat = build.emit("reshape", {"x": build.name(x)}, row, y.dtype, shape=row)
    made = build.emit("softmax", {"x": flat}, row, y.dtype, axis=len(front))
    return build.emit("reshape", {"x": made}, y.shape, y.dtype, shape=list(y.shape))


@misconception(
    "15.10",
    "You apply a softmax along one axis after the other. Each makes sums of 1 along its own axis; what is "
    "asked for is one sum over both.",
    symbol="normalized",
)
def normalized(build, node):
    x, y = node.values[0], node.output
    ndim, axis = len(x.shape), node.params.get("axis")
    axes = [axis] if isinstance(axis, int) else list(range(ndim) if axis is None else axis)
    axes = sorted(a % ndim for a in axes)
    if axes != list(range(ndim - len(axes), ndim)) and len(axes) > 1:
        raise refuse(build, node, "it goes over axes that are not the last ones")
    name = build.name(x)
    for a in axes:
        name = build.emit("softmax", {"x": name}, y.shape, y.dtype, axis=a)
    return name


# 15.11: precision


@misconception(
    "15.11",
    "You try one stage in float16 after the other. A hundred stages take a hundred runs; if the first "
    "fifty are fine together, none of them has to be tried alone.",
    symbol="first_loss",
)
def first_loss(stages, x, tolerance=1e-2):
    expected = mixed(stages, x, 0)
    size = core.max(core.abs(expected)).item()
    if not core.all(core.isfinite(expected)).item():
        raise ValueError("[first_loss] The output in float32 has something that is not finite.")
    for count in range(1, len(stages) + 1):
        found = mixed(stages, x, count)
        near = core.max(core.abs(found - expected)).item() <= tolerance * size
        if not core.all(core.isfinite(found)).item() or not near:
            return count - 1
    return None


@misconception(
    "15.11",
    "You look only for what is not finite. Numbers below 6e-8 become 0 in float16, and large ones lose "
    "their digits: the output is finite and wrong.",
    symbol="first_loss",
)
def first_loss(stages, x, tolerance=1e-2):
    expected = mixed(stages, x, 0)
    if not core.all(core.isfinite(expected)).item():
        raise ValueError("[first_loss] The output in float32 has something that is not finite.")

    def bad(count):
        return not core.all(core.isfinite(mixed(stages, x, count))).item()

    if not stages or not bad(len(stages)):
        return None
    good, known = 0, len(stages)
    while known - good > 1:
        middle = (good + known) // 2
        if bad(middle):
            known = middle
        else:
            good = middle
    return known - 1


@misconception(
    "15.11",
    "You return how many stages in float16 are too many. The guilty one is the last of these, and stages "
    "are counted from 0.",
    symbol="first_loss",
)
def first_loss(stages, x, tolerance=1e-2):
    expected = mixed(stages, x, 0)
    size = core.max(core.abs(expected)).item()
    if not core.all(core.isfinite(expected)).item():
        raise ValueError("[first_loss] The output in float32 has something that is not finite.")

    def bad(count):
        found = mixed(stages, x, count)
        if not core.all(core.isfinite(found)).item():
            return True
        return bool(core.max(core.abs(found - expected)).item() > tolerance * size)

    if not stages or not bad(len(stages)):
        return None
    good, known = 0, len(stages)
    while known - good > 1:
        middle = (good + known) // 2
        if bad(middle):
            known = middle
        else:
            good = middle
    return known


@misconception(
    "15.11",
    "You compare differences with the tolerance itself. An output of a hundredth may then be quite wrong, "
    "and one of thousands must be too exact: compare relative to its size.",
    symbol="first_loss",
)
def first_loss(stages, x, tolerance=1e-2):
    expected = mixed(stages, x, 0)
    if not core.all(core.isfinite(expected)).item():
        raise ValueError("[first_loss] The output in float32 has something that is not finite.")

    def bad(count):
        found = mixed(stages, x, count)
        if not core.all(core.isfinite(found)).item():
            return True
        return bool(core.max(core.abs(found - expected)).item() > tolerance)

    if not stages or not bad(len(stages)):
        return None
    good, known = 0, len(stages)
    while known - good > 1:
        middle = (good + known) // 2
        if bad(middle):
            known = middle
        else:
            good = middle
    return known - 1


@misconception(
    "15.11",
    "You compute everything in float32 and round what lies between the stages. What overflows inside of a "
    "stage never overflows so: the stage itself has to compute in float16.",
    symbol="mixed",
)
def mixed(stages, x, count):
    for i, stage in enumerate(stages):
        x = stage(x)
        if i < count:
            x = x.astype(core.float16).astype(core.float32)
    return x


# 15.12: palettes


@misconception(
    "15.12",
    "You compare every weight with every entry. For sixteen entries that is an array of sixteen times the "
    "weights; on a line, a weight only has to be put between borders.",
    symbol="nearest",
)
def nearest(table, weights):
    return core.argmin(core.abs(weights[..., None] - table), axis=-1).astype(core.uint8)


@misconception(
    "15.12",
    "You look weights up in the table instead of between its middles. Each goes to the next entry above "
    "it, not to the nearest.",
    symbol="nearest",
)
def nearest(table, weights):
    return core.searchsorted(table[:-1], weights).astype(core.uint8)


@misconception(
    "15.12",
    "You divide by the number of weights of an entry that has none. It becomes NaN, and its neighbours with "
    "it; it should stay where it is.",
    symbol="palette",
)
def palette(weights, count=16, rounds=50):
    if not 2 <= count <= 256 or weights.size == 0:
        raise ValueError("[palette] There should be weights, and 2 to 256 entries.")
    flat = weights.astype(core.float32).reshape(-1)
    low, high = core.min(flat), core.max(flat)
    table = low + (high - low) * core.arange(count) / (count - 1)
    codes = nearest(table, flat)
    for _ in range(rounds):
        sums = core.zeros((count,)).at[codes].add(flat)
        sizes = core.zeros((count,)).at[codes].add(core.ones(flat.shape))
        table = sums / sizes
        new = nearest(table, flat)
        if core.array_equal(new, codes).item():
            break
        codes = new
    return table, codes.reshape(weights.shape)


@misconception(
    "15.12",
    "You let an entry without weights become 0. It should stay where it is; at 0 the table is no longer in "
    "order.",
    symbol="palette",
)
def palette(weights, count=16, rounds=50):
    if not 2 <= count <= 256 or weights.size == 0:
        raise ValueError("[palette] There should be weights, and 2 to 256 entries.")
    flat = weights.astype(core.float32).reshape(-1)
    low, high = core.min(flat), core.max(flat)
    table = low + (high - low) * core.arange(count) / (count - 1)
    codes = nearest(table, flat)
    for _ in range(rounds):
        sums = core.zeros((count,)).at[codes].add(flat)
        sizes = core.zeros((count,)).at[codes].add(core.ones(flat.shape))
        table = sums / core.maximum(sizes, 1)
        new = nearest(table, flat)
        if core.array_equal(new, codes).item():
            break
        codes = new
    return table, codes.reshape(weights.shape)


@misconception(
    "15.12",
    "You return the codes of the table before its last move. Codes belong to a table: look again when it "
    "has moved.",
    symbol="palette",
)
def palette(weights, count=16, rounds=50):
    if not 2 <= count <= 256 or weights.size == 0:
        raise ValueError("[palette] There should be weights, and 2 to 256 entries.")
    flat = weights.astype(core.float32).reshape(-1)
    low, high = core.min(flat), core.max(flat)
    table = low + (high - low) * core.arange(count) / (count - 1)
    codes = nearest(table, flat)
    for i in range(rounds):
        new = nearest(table, flat)
        if i and core.array_equal(new, codes).item():
            break
        codes = new
        sums = core.zeros((count,)).at[codes].add(flat)
        sizes = core.zeros((count,)).at[codes].add(core.ones(flat.shape))
        table = core.where(sizes > 0, sums / core.maximum(sizes, 1), table)
    return table, codes.reshape(weights.shape)


# 15.13: pruning


@misconception(
    "15.13",
    "You take away everything up to the border. Where several are equal to it, too many go: the share is "
    "exact.",
    symbol="kept",
)
def kept(magnitudes, sparsity):
    if not 0 <= sparsity <= 1:
        raise ValueError(f"[kept] A share is from 0 to 1; it is {sparsity}.")
    count = round(sparsity * magnitudes.size)
    if count == 0:
        return core.ones(magnitudes.shape, core.bool_)
    return magnitudes > core.sort(magnitudes)[count - 1]


@misconception(
    "15.13",
    "You cut the number of weights that go down to a whole one. It is rounded to the nearest.",
    symbol="kept",
)
def kept(magnitudes, sparsity):
    if not 0 <= sparsity <= 1:
        raise ValueError(f"[kept] A share is from 0 to 1; it is {sparsity}.")
    count = int(sparsity * magnitudes.size)
    if count == 0:
        return core.ones(magnitudes.shape, core.bool_)
    border = core.sort(magnitudes)[count - 1]
    below, equal = magnitudes < border, magnitudes == border
    more = count - core.sum(below.astype(core.int32))
    gone = below | (equal & (core.cumsum(equal.astype(core.int32)) <= more))
    return core.logical_not(gone)


@misconception(
    "15.13",
    "You rank weights, not their magnitudes. The most negative ones are large, and go first.",
    symbol="pruned",
)
def pruned(weights, sparsity, everywhere=False):
    flat = {name: w.astype(core.float32).reshape(-1) for name, w in weights.items()}
    if everywhere and flat:
        all_of_them = kept(core.concatenate(list(flat.values())), sparsity)
        ends = [0]
        for x in flat.values():
            ends.append(ends[-1] + x.size)
        masks = {name: all_of_them[a:b] for name, a, b in zip(flat, ends, ends[1:])}
    else:
        masks = {name: kept(x, sparsity) for name, x in flat.items()}
    return {
        name: core.where(masks[name].reshape(w.shape), w, core.zeros((), w.dtype))
        for name, w in weights.items()
    }


@misconception(
    "15.13",
    "You prune each layer by itself in any case. Ranked together, a layer of small weights loses more than "
    "one of large weights.",
    symbol="pruned",
)
def pruned(weights, sparsity, everywhere=False):
    masks = {
        name: kept(core.abs(w).astype(core.float32).reshape(-1), sparsity)
        for name, w in weights.items()
    }
    return {
        name: core.where(masks[name].reshape(w.shape), w, core.zeros((), w.dtype))
        for name, w in weights.items()
    }


# Serving

# 15.14: full, or late


@misconception(
    "15.14",
    "You look at the newest item. Who comes then pushes the deadline of all others away, and under a "
    "steady trickle nobody is ever late: the oldest one decides.",
)
def due(self, now):
    if not self.items:
        return []
    if len(self.items) < self.most and now - self.items[-1][0] < self.patience:
        return []
    batch, self.items = self.items[: self.most], self.items[self.most :]
    return [item for _, item in batch]


@misconception(
    "15.14",
    "At the deadline exactly nothing is due with you. Whoever sleeps for as long as `wake_up` says then "
    "asks in vain, and sleeps for 0 seconds, again and again.",
)
def due(self, now):
    if not self.items:
        return []
    if len(self.items) < self.most and now - self.items[0][0] <= self.patience:
        return []
    batch, self.items = self.items[: self.most], self.items[self.most :]
    return [item for _, item in batch]


@misconception(
    "15.14",
    "Your batch has everybody who is there. More than `most` are too many for one call of the network; "
    "the others are for the next batch.",
)
def due(self, now):
    if not self.items:
        return []
    if len(self.items) < self.most and now - self.items[0][0] < self.patience:
        return []
    batch, self.items = self.items, []
    return [item for _, item in batch]


@misconception(
    "15.14",
    "The items stay where they are after you have handed them out. They are answered again with the next "
    "batch.",
)
def due(self, now):
    if not self.items:
        return []
    if len(self.items) < self.most and now - self.items[0][0] < self.patience:
        return []
    return [item for _, item in self.items[: self.most]]


@misconception(
    "15.14",
    "The newest go first with you. Under load the oldest ones are never answered.",
)
def due(self, now):
    if not self.items:
        return []
    if len(self.items) < self.most and now - self.items[0][0] < self.patience:
        return []
    batch = [self.items.pop() for _ in range(min(self.most, len(self.items)))]
    return [item for _, item in batch]


@misconception(
    "15.14",
    "You say how long the patience lasts, not how much of it is left: an item that has waited for most "
    "of it waits for all of it once more.",
)
def wake_up(self, now):
    if not self.items:
        return None
    if len(self.items) >= self.most:
        return 0.0
    return self.patience


@misconception(
    "15.14",
    "With nobody there you say 0. Then the thread that asks never sleeps: `None` means that something "
    "has to come first.",
)
def wake_up(self, now):
    if not self.items or len(self.items) >= self.most:
        return 0.0
    return max(0.0, self.items[0][0] + self.patience - now)


@misconception(
    "15.14",
    "A deadline that has gone by gives a negative number of seconds with you; nobody can wait that long.",
)
def wake_up(self, now):
    if not self.items:
        return None
    if len(self.items) >= self.most:
        return 0.0
    return self.items[0][0] + self.patience - now


@misconception(
    "15.14",
    "You forget that a full batch is due at once, whatever the clock says.",
)
def wake_up(self, now):
    if not self.items:
        return None
    return max(0.0, self.items[0][0] + self.patience - now)


# 15.15: pages


@misconception(
    "15.15",
    "You take a page ahead at every full one. A text of exactly 4 positions needs one page of 4; the "
    "next one is for whoever comes.",
)
def missing(self, text, new):
    positions = self.lengths.get(text, 0) + new
    return max(0, positions // self.size + 1 - len(self.pages.get(text, ())))


@misconception(
    "15.15",
    "You round the new positions up by themselves. There may be room on the page that the text has.",
)
def missing(self, text, new):
    return -(-new // self.size)


@misconception(
    "15.15",
    "You count all pages of the text, with those that it has.",
)
def missing(self, text, new):
    return -(-(self.lengths.get(text, 0) + new) // self.size)


@misconception(
    "15.15",
    "You hand pages out until there are none, and then refuse. The text keeps what it got, and has more "
    "pages than positions: nothing may have changed after a failure.",
)
def grow(self, text, new):
    for _ in range(self.missing(text, new)):
        if not self.free:
            raise OutOfPages("there are no more pages")
        self.pages.setdefault(text, []).append(self.free.pop())
    self.pages.setdefault(text, [])
    self.lengths[text] = self.lengths.get(text, 0) + new


@misconception(
    "15.15",
    "You refuse when the last free page would be used up. Equal is enough.",
)
def grow(self, text, new):
    needed = self.missing(text, new)
    if needed >= len(self.free) and needed:
        raise OutOfPages(f"{needed} pages are needed, and {len(self.free)} are free")
    self.pages.setdefault(text, []).extend(self.free.pop() for _ in range(needed))
    self.lengths[text] = self.lengths.get(text, 0) + new


@misconception(
    "15.15",
    "You copy the list of free pages and the text's own list each time. With 100,000 pages that is a "
    "long walk for one token: `pop` and `append` change a list where it is.",
)
def grow(self, text, new):
    needed = self.missing(text, new)
    if needed > len(self.free):
        raise OutOfPages(f"{needed} pages are needed, and {len(self.free)} are free")
    taken, self.free = self.free[:needed], self.free[needed:]
    self.pages[text] = [*self.pages.get(text, []), *taken]
    self.lengths[text] = self.lengths.get(text, 0) + new


@misconception(
    "15.15",
    "You forget the text and keep its pages. They belong to nobody then, and after some hours the server "
    "has none left.",
)
def release(self, text):
    self.pages.pop(text, None)
    self.lengths.pop(text, None)


@misconception(
    "15.15",
    "You give the pages back and keep the length. A text of the same number begins in the middle then.",
)
def release(self, text):
    self.free.extend(reversed(self.pages.pop(text, [])))


@misconception(
    "15.15",
    "A text that has no pages is an error with you. A client may leave before its request was let in, or "
    "twice.",
)
def release(self, text):
    self.free.extend(reversed(self.pages.pop(text)))
    self.lengths.pop(text)


@misconception(
    "15.15",
    "You let the places run on from the first page. The next page of a text may lie anywhere.",
)
def places(self, text, start=0):
    first = self.pages[text][0] * self.size
    return [first + position for position in range(start, self.lengths[text])]


@misconception(
    "15.15",
    "You give the places of whole pages. The last page is seldom full, and behind the text's end stands "
    "what somebody else left there.",
)
def places(self, text, start=0):
    return [page * self.size + i for page in self.pages[text] for i in range(self.size)][start:]


# 15.16: they come and go


@misconception(
    "15.16",
    "You pad on the right. The newest position of each text has to stand in the last column: that is "
    "where the model's answer is read, and where `padding` says that a text is.",
)
def planned(table, texts, new):
    rows = [table.places(text) for text in texts]
    longest, most = max(len(row) for row in rows), max(new)
    write = [
        row[len(row) - count :] + [table.nowhere] * (most - count) for row, count in zip(rows, new)
    ]
    padding = [longest - len(row) for row in rows]
    read = [row + [0] * count for row, count in zip(rows, padding)]
    return Plan(core.array(write), core.array(read), core.array(padding))


@misconception(
    "15.16",
    "Where a text has fewer new positions than its neighbour, you let the model write over the old ones, "
    "with keys of the token 0. Those columns write nowhere.",
)
def planned(table, texts, new):
    rows = [table.places(text) for text in texts]
    longest, most = max(len(row) for row in rows), max(new)
    padding = [longest - len(row) for row in rows]
    read = [[0] * count + row for row, count in zip(rows, padding)]
    return Plan(core.array([row[-most:] for row in read]), core.array(read), core.array(padding))


@misconception(
    "15.16",
    "You say how long each text is, not how much stands in front of it.",
)
def planned(table, texts, new):
    rows = [table.places(text) for text in texts]
    longest, most = max(len(row) for row in rows), max(new)
    write = [
        [table.nowhere] * (most - count) + row[len(row) - count :] for row, count in zip(rows, new)
    ]
    read = [[0] * (longest - len(row)) + row for row in rows]
    return Plan(core.array(write), core.array(read), core.array([len(row) for row in rows]))


@misconception(
    "15.16",
    "You let nobody in while somebody is running. That is a batch as in the old days: it is finished when "
    "its longest text is, and most of it idles until then.",
)
def let_in(self):
    found = []
    longest = 0
    while self.waiting and len(self.running) < self.rows:
        if len(self.running) > len(found):
            break
        row = self.waiting[0]
        longest = max(longest, len(row.text))
        if found and longest * (len(found) + 1) > self.budget:
            break
        try:
            self.table.grow(row.number, len(row.text))
        except OutOfPages:
            break
        self.running.append(self.waiting.popleft())
        found.append(row)
    return found


@misconception(
    "15.16",
    "You add up the lengths. All texts of one call are padded to the longest: it counts as often as there "
    "are texts.",
)
def let_in(self):
    found = []
    total = 0
    while self.waiting and len(self.running) < self.rows:
        row = self.waiting[0]
        total += len(row.text)
        if found and total > self.budget:
            break
        try:
            self.table.grow(row.number, len(row.text))
        except OutOfPages:
            break
        self.running.append(self.waiting.popleft())
        found.append(row)
    return found


@misconception(
    "15.16",
    "A prompt above the budget is never let in by you, and nobody behind it either. Alone it may come.",
)
def let_in(self):
    found = []
    longest = 0
    while self.waiting and len(self.running) < self.rows:
        row = self.waiting[0]
        longest = max(longest, len(row.text))
        if longest * (len(found) + 1) > self.budget:
            break
        try:
            self.table.grow(row.number, len(row.text))
        except OutOfPages:
            break
        self.running.append(self.waiting.popleft())
        found.append(row)
    return found


@misconception(
    "15.16",
    "Who does not fit is skipped, and those behind it come in. As long as short ones come, the long one "
    "waits forever.",
)
def let_in(self):
    found = []
    longest = 0
    for row in list(self.waiting):
        if len(self.running) >= self.rows:
            break
        if found and max(longest, len(row.text)) * (len(found) + 1) > self.budget:
            continue
        try:
            self.table.grow(row.number, len(row.text))
        except OutOfPages:
            continue
        longest = max(longest, len(row.text))
        self.waiting.remove(row)
        self.running.append(row)
        found.append(row)
    return found


@misconception(
    "15.16",
    "Somebody who comes back needs pages for what it has written, too, not only for its prompt.",
)
def let_in(self):
    found = []
    longest = 0
    while self.waiting and len(self.running) < self.rows:
        row = self.waiting[0]
        longest = max(longest, len(row.text))
        if found and longest * (len(found) + 1) > self.budget:
            break
        try:
            self.table.grow(row.number, len(row.request.prompt))
        except OutOfPages:
            break
        self.running.append(self.waiting.popleft())
        found.append(row)
    return found


@misconception(
    "15.16",
    "You make room for one position, whatever is asked for. A part of a prompt needs several.",
)
def make_room(self, row, new=1):
    while row in self.running:
        try:
            self.table.grow(row.number, 1)
            return
        except OutOfPages:
            last = self.running.pop()
            self.table.release(last.number)
            self.waiting.appendleft(last)


@misconception(
    "15.16",
    "Whoever has to give way goes to the end of the queue with you. It was there before those who wait.",
)
def make_room(self, row, new=1):
    while row in self.running:
        try:
            self.table.grow(row.number, new)
            return
        except OutOfPages:
            last = self.running.pop()
            self.table.release(last.number)
            self.waiting.append(last)


@misconception(
    "15.16",
    "The one that needs a page gives way itself. So the oldest ones are thrown out again and again, and "
    "nobody comes to an end: the one let in last has to go.",
)
def make_room(self, row, new=1):
    try:
        self.table.grow(row.number, new)
    except OutOfPages:
        self.running.remove(row)
        self.table.release(row.number)
        self.waiting.appendleft(row)


@misconception(
    "15.16",
    "You forget what a row has written when it gives way. Its client has read that already, and gets it "
    "once more.",
)
def make_room(self, row, new=1):
    while row in self.running:
        try:
            self.table.grow(row.number, new)
            return
        except OutOfPages:
            last = self.running.pop()
            self.table.release(last.number)
            last.written.clear()
            self.waiting.appendleft(last)


@misconception(
    "15.16",
    "You compute the prompts of newcomers before those who are running have their pages. A newcomer takes "
    "the last page, and is thrown out for it in the same step, its prompt for nothing.",
)
def step(self):
    older = list(self.running)
    newer = self.let_in()
    events = []
    if newer:
        events += self.advanced(newer, [row.text for row in newer])
    for row in older:
        if row in self.running:
            self.make_room(row)
    older = [row for row in older if row in self.running]
    if older:
        events += self.advanced(older, [row.text[-1:] for row in older])
    return events


@misconception(
    "15.16",
    "You call the model for newcomers first. Those who have been running come first, in the calls and in "
    "the events.",
)
def step(self):
    for row in list(self.running):
        self.make_room(row)
    older = list(self.running)
    newer = self.let_in()
    events = []
    if newer:
        events += self.advanced(newer, [row.text for row in newer])
    if older:
        events += self.advanced(older, [row.text[-1:] for row in older])
    return events


@misconception(
    "15.16",
    "You call the model once for each row. It reads all its weights for each of them; that they are read "
    "once for all is what a batch is for.",
)
def step(self):
    for row in list(self.running):
        if row in self.running:
            self.make_room(row)
    older = list(self.running)
    newer = self.let_in()
    events = []
    for row in older:
        events += self.advanced([row], [row.text[-1:]])
    for row in newer:
        events += self.advanced([row], [row.text])
    return events


@misconception(
    "15.16",
    "You let newcomers in when those who run have been computed already. Who is let in is settled before "
    "the model is called; what a step gives back is for the next one.",
)
def step(self):
    for row in list(self.running):
        if row in self.running:
            self.make_room(row)
    older = list(self.running)
    events = []
    if older:
        events += self.advanced(older, [row.text[-1:] for row in older])
    newer = self.let_in()
    if newer:
        events += self.advanced(newer, [row.text for row in newer])
    return events


# 15.17: a stop sequence in pieces


@misconception(
    "15.17",
    "You look for a sequence in each piece alone. One that begins in a piece and ends in the next is "
    "never found.",
)
def feed(self, text):
    if self.stopped:
        return ""
    found = [(place + len(s), place) for s in self.sequences if (place := text.find(s)) >= 0]
    if found:
        self.stopped = True
        return text[: min(found)[1]]
    return text


@misconception(
    "15.17",
    "You cut at the sequence that begins first. The one that is complete first ends the text, even if "
    "another had begun before it.",
)
def feed(self, text):
    if self.stopped:
        return ""
    text = self.waiting + text
    found = [place for s in self.sequences if (place := text.find(s)) >= 0]
    if found:
        self.stopped, self.waiting = True, ""
        return text[: min(found)]
    held = self.held(text)
    self.waiting = text[len(text) - held :]
    return text[: len(text) - held]


@misconception(
    "15.17",
    "Of two sequences that end at the same character you take the shorter one. The longer one has begun "
    "earlier, and its beginning is handed on.",
)
def feed(self, text):
    if self.stopped:
        return ""
    text = self.waiting + text
    found = [(place + len(s), -place) for s in self.sequences if (place := text.find(s)) >= 0]
    if found:
        self.stopped, self.waiting = True, ""
        return text[: -min(found)[1]]
    held = self.held(text)
    self.waiting = text[len(text) - held :]
    return text[: len(text) - held]


@misconception(
    "15.17",
    "You take the first sequence of the list that occurs, wherever it is. Another one may be complete "
    "long before it.",
)
def feed(self, text):
    if self.stopped:
        return ""
    text = self.waiting + text
    for s in self.sequences:
        if s in text:
            self.stopped, self.waiting = True, ""
            return text[: text.find(s)]
    held = self.held(text)
    self.waiting = text[len(text) - held :]
    return text[: len(text) - held]


@misconception(
    "15.17",
    "After a sequence you go on. What comes behind it is not part of the answer.",
)
def feed(self, text):
    text = self.waiting + text
    found = [(place + len(s), place) for s in self.sequences if (place := text.find(s)) >= 0]
    if found:
        self.stopped, self.waiting = True, ""
        return text[: min(found)[1]]
    held = self.held(text)
    self.waiting = text[len(text) - held :]
    return text[: len(text) - held]


@misconception(
    "15.17",
    "You hand the sequence on with the text.",
)
def feed(self, text):
    if self.stopped:
        return ""
    text = self.waiting + text
    found = [(place + len(s), place) for s in self.sequences if (place := text.find(s)) >= 0]
    if found:
        self.stopped, self.waiting = True, ""
        return text[: min(found)[0]]
    held = self.held(text)
    self.waiting = text[len(text) - held :]
    return text[: len(text) - held]


@misconception(
    "15.17",
    "You hold back as many characters as the longest sequence has, less one, whatever they are. The "
    "reader sees every answer late: only what is a beginning of a sequence has to wait.",
)
def held(self, text):
    longest = max((len(s) for s in self.sequences), default=0)
    return min(max(longest - 1, 0), len(text))


@misconception(
    "15.17",
    'You hold back the shortest beginning that fits. In "aa" before "aab" both letters wait.',
)
def held(self, text):
    longest = max((len(s) for s in self.sequences), default=0)
    for count in range(1, min(longest - 1, len(text)) + 1):
        end = text[len(text) - count :]
        if any(s.startswith(end) for s in self.sequences):
            return count
    return 0


@misconception(
    "15.17",
    "You ask whether all of the text is a beginning. Mostly only its end is one.",
)
def held(self, text):
    return len(text) if any(s.startswith(text) for s in self.sequences) else 0


@misconception(
    "15.17",
    "Only the first sequence of the list makes you wait.",
)
def held(self, text):
    for s in self.sequences[:1]:
        for count in range(min(len(s) - 1, len(text)), 0, -1):
            if s.startswith(text[len(text) - count :]):
                return count
    return 0


# 15.18: letters while they are written


@misconception(
    "15.18",
    "You decode each token by itself. A character of several bytes may lie in several tokens, and becomes "
    "a row of question marks.",
)
def feed(self, new):
    return self.stops.feed(new.decode("utf-8", "replace"))


@misconception(
    "15.18",
    "You drop bytes that are no character. Whoever reads should see that something is broken.",
)
def feed(self, new):
    return self.stops.feed(self.letters.feed(new).replace("\ufffd", ""))


@misconception(
    "15.18",
    "Bytes that wait at the end are lost with you. They will never be a character; the decoder's `finish` "
    "says what stands for them.",
)
def finish(self):
    return self.stops.finish()


@misconception(
    "15.18",
    "What the decoder says at the end goes past the stops. It may be what completes a sequence, or come "
    "after one.",
)
def finish(self):
    return self.stops.finish() + self.letters.finish()


@misconception(
    "15.18",
    "What waits for a sequence to be complete is lost at the end. It has turned out to be text.",
)
def finish(self):
    return self.stops.feed(self.letters.finish())


# 15.19: events on the wire


@misconception(
    "15.19",
    "You write `data: ` once, in front of everything. A line break in the data ends the field, and an empty "
    "line ends the event.",
)
def event(data):
    return f"data: {data}\n\n".encode()


@misconception(
    "15.19",
    "You split with `splitlines`. It also breaks at characters such as U+2028, and drops an empty line at the "
    "end: what arrives is not what was sent.",
)
def event(data):
    lines = data.splitlines() or [""]
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


@misconception(
    "15.19",
    "The empty line behind the event is missing. The reader waits for it.",
)
def event(data):
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join(f"data: {line}\n" for line in lines).encode()


@misconception(
    "15.19",
    "You read each piece by itself. A line that begins in one piece and ends in the next is lost.",
    symbol="EventReader.feed",
)
def feed(self, new):
    found = []
    for line in new.split(b"\n"):
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        name, _, value = text.partition(":")
        if not text and self.lines:
            found.append("\n".join(self.lines))
            self.lines = []
        elif name == "data":
            self.lines.append(value.removeprefix(" "))
    return found


@misconception(
    "15.19",
    "You decode before you have whole lines. A character whose bytes arrive in two pieces becomes two signs for "
    "something broken.",
    symbol="EventReader.feed",
)
def feed(self, new):
    *lines, rest = (self.rest.decode() + new.decode("utf-8", "replace")).split("\n")
    self.rest = rest.encode()
    found = []
    for line in lines:
        text = line.removesuffix("\r")
        name, _, value = text.partition(":")
        if not text and self.lines:
            found.append("\n".join(self.lines))
            self.lines = []
        elif name == "data":
            self.lines.append(value.removeprefix(" "))
    return found


@misconception(
    "15.19",
    "You take all spaces away from the data. Only one behind the colon is not part of it; tokens begin with "
    "spaces.",
    symbol="EventReader.feed",
)
def feed(self, new):
    *lines, self.rest = (self.rest + new).split(b"\n")
    found = []
    for line in lines:
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        name, _, value = text.partition(":")
        if not text and self.lines:
            found.append("\n".join(self.lines))
            self.lines = []
        elif name == "data":
            self.lines.append(value.strip())
    return found


@misconception(
    "15.19",
    "Every line of data is an event with you. The event ends at the empty line; until then the lines belong "
    "together.",
    symbol="EventReader.feed",
)
def feed(self, new):
    *lines, self.rest = (self.rest + new).split(b"\n")
    found = []
    for line in lines:
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        name, _, value = text.partition(":")
        if name == "data":
            found.append(value.removeprefix(" "))
    return found


@misconception(
    "15.19",
    "An empty line without data in front of it is an event with you. Comments keep a connection alive; they end "
    "with an empty line, too.",
    symbol="EventReader.feed",
)
def feed(self, new):
    *lines, self.rest = (self.rest + new).split(b"\n")
    found = []
    for line in lines:
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        name, _, value = text.partition(":")
        if not text:
            found.append("\n".join(self.lines))
            self.lines = []
        elif name == "data":
            self.lines.append(value.removeprefix(" "))
    return found


# 15.20: what the mean hides


@misconception(
    "15.20",
    "You take the values in the order in which they came. A percentile is one of their ranks: sort them.",
)
def percentile(values, q):
    if not values or not 0 <= q <= 100:
        raise ValueError("[percentile] no values, or q outside")
    ranked = list(values)
    place = q / 100 * (len(ranked) - 1)
    low = int(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])


@misconception(
    "15.20",
    "You take the value at the rank below, without the way to the next one. Of ten values the 99th "
    "percentile is then the second largest.",
)
def percentile(values, q):
    if not values or not 0 <= q <= 100:
        raise ValueError("[percentile] no values, or q outside")
    ranked = sorted(values)
    return ranked[int(q / 100 * (len(ranked) - 1))]


@misconception(
    "15.20",
    "You divide the way into as many parts as there are values. Between n values there are n - 1 gaps.",
)
def percentile(values, q):
    if not values or not 0 <= q <= 100:
        raise ValueError("[percentile] no values, or q outside")
    ranked = sorted(values)
    place = q / 100 * len(ranked)
    low = min(int(place), len(ranked) - 1)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])


@misconception(
    "15.20",
    "You sort the caller's list. It was in the order in which the requests came.",
)
def percentile(values, q):
    if not values or not 0 <= q <= 100:
        raise ValueError("[percentile] no values, or q outside")
    values.sort()
    place = q / 100 * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


@misconception(
    "15.20",
    "You count a request with all of its time, also with what lies outside of the window.",
)
def in_flight(starts, ends, begin, end):
    if not end > begin or any(b < a for a, b in zip(starts, ends, strict=True)):
        raise ValueError("[in_flight] an empty window, or a request that ends before it begins")
    return sum(b - a for a, b in zip(starts, ends)) / (end - begin)


@misconception(
    "15.20",
    "A request that is not in the window at all counts with a negative time.",
)
def in_flight(starts, ends, begin, end):
    if not end > begin or any(b < a for a, b in zip(starts, ends, strict=True)):
        raise ValueError("[in_flight] an empty window, or a request that ends before it begins")
    return sum(min(b, end) - max(a, begin) for a, b in zip(starts, ends)) / (end - begin)


@misconception(
    "15.20",
    "You take the mean of the numbers at the moments when somebody comes or goes. Each number counts for "
    "as long as it lasts.",
)
def in_flight(starts, ends, begin, end):
    if not end > begin or any(b < a for a, b in zip(starts, ends, strict=True)):
        raise ValueError("[in_flight] an empty window, or a request that ends before it begins")
    moments = sorted(x for x in [begin, *starts, *ends] if begin <= x < end)
    counts = [sum(a <= x < b for a, b in zip(starts, ends)) for x in moments]
    return sum(counts) / len(counts)


@misconception(
    "15.20",
    "You count only requests that came and went within the window. Long ones are cut off by every window, "
    "and they are those that fill the server.",
)
def in_flight(starts, ends, begin, end):
    if not end > begin or any(b < a for a, b in zip(starts, ends, strict=True)):
        raise ValueError("[in_flight] an empty window, or a request that ends before it begins")
    inside = [b - a for a, b in zip(starts, ends) if begin <= a and b <= end]
    return sum(inside) / (end - begin)


# 15.21: who goes next?


@misconception(
    "15.21",
    "That is first come, first served. One long prompt takes all of a step, and of the next, and all "
    "short ones behind it wait.",
)
def shares(jobs, budget):
    if budget < 8:
        raise ValueError(f"[shares] The budget should be at least 8 tokens; it is {budget}.")
    found, left = {}, budget
    for job in jobs:
        share = min(job.prompt or 1, left)
        if share:
            found[job.number] = share
            left -= share
    return found


@misconception(
    "15.21",
    "Shortest first: as long as short ones come, a long prompt gets nothing. Keep a part of the budget for "
    "whoever has waited longest.",
)
def shares(jobs, budget):
    if budget < 8:
        raise ValueError(f"[shares] The budget should be at least 8 tokens; it is {budget}.")
    found, left = {}, budget
    for job in sorted(jobs, key=lambda job: (job.prompt, -job.waited)):
        share = min(job.prompt or 1, left)
        if share:
            found[job.number] = share
            left -= share
    return found


@misconception(
    "15.21",
    "Prompts come first with you. While prompts come, every answer that is half written stands still.",
)
def shares(jobs, budget):
    if budget < 8:
        raise ValueError(f"[shares] The budget should be at least 8 tokens; it is {budget}.")
    found, left = {}, budget
    reading = sorted((job for job in jobs if job.prompt), key=lambda job: job.prompt)
    for job in [*reading, *(job for job in jobs if not job.prompt)]:
        share = min(job.prompt or 1, left)
        if share:
            found[job.number] = share
            left -= share
    return found


@misconception(
    "15.21",
    "You give whole prompts or nothing. A prompt that is longer than the budget never comes, and what is "
    "left of a step is wasted: take a part.",
)
def shares(jobs, budget):
    if budget < 8:
        raise ValueError(f"[shares] The budget should be at least 8 tokens; it is {budget}.")
    found, left = {}, budget
    for job in sorted(jobs, key=lambda job: -job.waited):
        share = job.prompt or 1
        if share <= left:
            found[job.number] = share
            left -= share
    return found


@misconception(
    "15.21",
    "You count jobs, not tokens: a prompt takes all of its length, and the step is over its budget.",
)
def shares(jobs, budget):
    if budget < 8:
        raise ValueError(f"[shares] The budget should be at least 8 tokens; it is {budget}.")
    return {job.number: job.prompt or 1 for job in jobs[:budget]}


@misconception(
    "15.21",
    "You keep a quarter of the budget for prompts even if there are none. What nobody uses there should go "
    "to those who write.",
)
def shares(jobs, budget):
    if budget < 8:
        raise ValueError(f"[shares] The budget should be at least 8 tokens; it is {budget}.")
    reading = [job for job in jobs if job.prompt]
    writing = sorted((job for job in jobs if not job.prompt), key=lambda job: -job.waited)
    found = {job.number: 1 for job in writing[: budget - budget // 4]}
    left = budget - len(found)
    if reading:
        first = min(reading[0].prompt, -(-left // 2))
        found[reading[0].number] = first
        left -= first
    for job in sorted(reading, key=lambda job: job.prompt):
        more = min(job.prompt - found.get(job.number, 0), left)
        if more:
            found[job.number] = found.get(job.number, 0) + more
            left -= more
    return found


# 15.22: prompts in parts


@misconception(
    "15.22",
    "You let a row in as soon as the free pages are enough for it. Others have their prompts half in "
    "pages and need these pages for the rest; soon somebody is thrown out for them.",
)
def let_in(self):
    found = []
    needed = 0
    while self.waiting and len(self.running) < self.rows:
        row = self.waiting[0]
        needed += self.table.missing(row.number, self.left(row))
        if needed > len(self.table.free):
            break
        row.waited = 0
        self.running.append(self.waiting.popleft())
        found.append(row)
    return found


@misconception(
    "15.22",
    "Who does not fit is skipped, and shorter ones behind it come in. As long as they come, the long one "
    "waits.",
)
def let_in(self):
    found = []
    needed = sum(self.table.missing(row.number, self.left(row)) for row in self.running)
    for row in list(self.waiting):
        more = self.table.missing(row.number, self.left(row))
        if len(self.running) >= self.rows:
            break
        if needed + more > len(self.table.free):
            continue
        needed += more
        row.waited = 0
        self.waiting.remove(row)
        self.running.append(row)
        found.append(row)
    return found


@misconception(
    "15.22",
    "A row takes the pages of its whole prompt when it is let in. In parts it takes them when it computes "
    "them: here, none of its text is left to be computed.",
)
def let_in(self):
    found = []
    while self.waiting and len(self.running) < self.rows:
        row = self.waiting[0]
        if self.table.missing(row.number, row.length) > len(self.table.free):
            break
        self.table.grow(row.number, row.length)
        row.waited = 0
        self.running.append(self.waiting.popleft())
        found.append(row)
    return found


@misconception(
    "15.22",
    "You tell the scheduler about the rest of the prompt only. A row that had to give way has lost the "
    "keys and values of what it has written, too.",
)
def jobs(self):
    found = []
    for row in self.running:
        left = len(row.request.prompt) - self.table.lengths.get(row.number, 0)
        found.append(Job(row.number, max(left, 0), len(row.written), row.waited))
    return found


@misconception(
    "15.22",
    "You tell the scheduler that a row that writes has a prompt of one token. It takes those rows for "
    "newcomers, and cannot treat the two kinds differently.",
)
def jobs(self):
    return [Job(row.number, self.left(row), len(row.written), row.waited) for row in self.running]


@misconception(
    "15.22",
    "Whoever has written something counts as writing with you, also when it has come back without its "
    "pages: all of its text is to be computed again, and gets one token of the budget in a step.",
)
def jobs(self):
    return [
        Job(row.number, 0 if row.written else self.left(row), len(row.written), row.waited)
        for row in self.running
    ]


@misconception(
    "15.22",
    "You ask the scheduler first and let rows in afterwards. What is free in this step stays unused "
    "until the next one.",
)
def step(self):
    got = self.share(self.jobs(), self.budget) if self.running else {}
    for row in list(self.running):
        row.waited = 0 if row.number in got else row.waited + 1
        if row.number in got:
            self.make_room(row, got[row.number])
    parts = [(row, got[row.number]) for row in self.running if row.number in got]
    self.let_in()
    return self.computed(parts) if parts else []


@misconception(
    "15.22",
    "You count the steps since a row came, not those in which it has got nothing: a share sets `waited` "
    "back to 0.",
)
def step(self):
    self.let_in()
    got = self.share(self.jobs(), self.budget) if self.running else {}
    for row in list(self.running):
        row.waited += 1
        if row.number in got:
            self.make_room(row, got[row.number])
    return self.computed([(row, got[row.number]) for row in self.running if row.number in got])


@misconception(
    "15.22",
    "Nobody's `waited` grows with you. The scheduler is told that everybody has just got something, and "
    "cannot know whom it has forgotten.",
)
def step(self):
    self.let_in()
    got = self.share(self.jobs(), self.budget) if self.running else {}
    for row in list(self.running):
        if row.number in got:
            self.make_room(row, got[row.number])
    return self.computed([(row, got[row.number]) for row in self.running if row.number in got])


@misconception(
    "15.22",
    "You call the model for one row after the other. All parts of a step go to `computed` together, which "
    "calls those of one length at once: that is what a batch is for.",
)
def step(self):
    self.let_in()
    got = self.share(self.jobs(), self.budget) if self.running else {}
    for row in list(self.running):
        row.waited = 0 if row.number in got else row.waited + 1
        if row.number in got:
            self.make_room(row, got[row.number])
    return [
        event
        for row in list(self.running)
        if row.number in got
        for event in self.computed([(row, got[row.number])])
    ]


@misconception(
    "15.22",
    "You compare each newcomer alone with the free pages. Nobody takes pages when it is let in, so all who "
    "run, also those let in just now, still need theirs: add them up.",
)
def let_in(self):
    found = []
    while self.waiting and len(self.running) < self.rows:
        row = self.waiting[0]
        if self.table.missing(row.number, self.left(row)) > len(self.table.free):
            break
        row.waited = 0
        self.running.append(self.waiting.popleft())
        found.append(row)
    return found


@misconception(
    "15.22",
    "You put who comes in before the others. The rows that run stand in the order in which they "
    "came: the first one is served first, and the last one gives way.",
)
def let_in(self):
    found = []
    needed = sum(self.table.missing(row.number, self.left(row)) for row in self.running)
    while self.waiting and len(self.running) < self.rows:
        row = self.waiting[0]
        needed += self.table.missing(row.number, self.left(row))
        if needed > len(self.table.free):
            break
        row.waited = 0
        self.running.insert(0, self.waiting.popleft())
        found.append(row)
    return found


@misconception(
    "15.22",
    "You compute one token of each row that has a share. The share says how many: of a prompt it "
    "may be all of it.",
)
def step(self):
    self.let_in()
    got = self.share(self.jobs(), self.budget) if self.running else {}
    for row in list(self.running):
        row.waited = 0 if row.number in got else row.waited + 1
        if row.number in got:
            self.make_room(row, 1)
    return self.computed([(row, 1) for row in self.running if row.number in got])


@misconception(
    "15.22",
    "You drop what the last part of a prompt brings. Its last position has the logits of the "
    "first token of the answer: that is an event, too.",
)
def step(self):
    self.let_in()
    jobs = self.jobs()
    got = self.share(jobs, self.budget) if self.running else {}
    for row in list(self.running):
        row.waited = 0 if row.number in got else row.waited + 1
        if row.number in got:
            self.make_room(row, got[row.number])
    writing = {job.number for job in jobs if not job.prompt}
    parts = [(row, got[row.number]) for row in self.running if row.number in got]
    return [event for event in self.computed(parts) if event.number in writing]
