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
        own = dict(tree_flatten(model.parameters()))
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
        own = dict(tree_flatten(model.parameters()))
        unknown = [name for name in weights if name not in own]
        if unknown:
            raise ValueError(f"[with_weights] The model has no parameter {unknown[0]!r}.")
        model.update(tree_unflatten(list(weights.items())))
        return function(*xs)

    return f


@misconception(
    "15.6",
    "You put the model's own weights back only if all went well. An error in the function leaves it with "
    "the others: use `finally`.",
    symbol="with_weights",
)
def with_weights(model, function):
    def f(*xs, **weights):
        own = dict(tree_flatten(model.parameters()))
        unknown = [name for name in weights if name not in own]
        if unknown:
            raise ValueError(f"[with_weights] The model has no parameter {unknown[0]!r}.")
        model.update(tree_unflatten(list(weights.items())))
        y = function(*xs)
        model.update(tree_unflatten(list(own.items())))
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
