"""Judges of 15.1 to 15.3: files with weights, byte by byte."""

import json
import struct

import gguf
import numpy as np
import pytest

from course.grading.marks import exercise


def one(dtype="F32", shape=(2,), start=0, stop=8):
    """An entry of a header."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}


def file_of(entries, data=bytes(8), length=None):
    """A file in hexadecimal digits: a header (a dict, or text), and what follows it."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return (struct.pack("<Q", len(text) if length is None else length) + text + data).hex()


# 15.1

DTYPES = "uint8 float32 bool_ int64 float16 bfloat16 int8 complex64 uint16 int32 uint64 uint32"


@exercise("15.1")
@pytest.mark.parametrize("letters", range(1, 9))
def test_header_of_every_length(check, letters):
    """Spaces at its end make it a multiple of 8; none where it is one already."""
    check("safe_header", spec={"w" * letters: ["float32", [2, 3]]}, metadata=None)


@exercise("15.1")
def test_order_of_arrays(check):
    """Large numbers first; of one dtype by name; scalars and empty arrays, too."""
    shapes = [[3], [2, 3], [], [2, 0], [1, 4, 1], [33]]
    spec = {f"{'bca'[i % 3]}.{i}": [d, shapes[i % 6]] for i, d in enumerate(DTYPES.split())}
    spec |= {"b.z": ["float32", [7]], "a.z": ["float32", [1]], "B": ["float32", []]}
    check("safe_header", spec=spec, metadata=None)


@exercise("15.1")
def test_other_letters(check):
    """In names and metadata: as they are, and two bytes are two bytes."""
    check("safe_header", spec={"größe": ["int8", [3]]}, metadata={"von": 'Ü "x"\n'})
    # In UTF-8 the letter comes before the shell, in UTF-16 behind it.
    check("safe_header", spec={"🐚": ["int8", [3]], "ｚ": ["int8", [1]]}, metadata=None)


@exercise("15.1")
def test_metadata(check):
    """They come first; of nothing there is nothing."""
    for metadata in (None, {}, {"format": "mlx"}):
        check("safe_header", spec={"w": ["float16", [5]], "b": ["int8", [1]]}, metadata=metadata)


@exercise("15.1")
def test_header_of_nothing(check):
    """No arrays; beside one."""
    check("safe_header", spec={}, metadata=None)
    check("safe_header", spec={"x": ["bfloat16", [2]]}, metadata=None)


@exercise("15.1")
def test_header_computes_nothing(probe):
    """Shape and dtype are known before the numbers are."""
    found = probe("header_without_computing", size=1 << 20)
    assert found["small"], "the array was computed in order to write the header"
    assert found["length"] > 8


@exercise("15.1")
def test_name_of_the_format(check):
    """An array of that name would be taken for metadata."""
    check("safe_header", spec={"metadata": ["int8", [1]]}, metadata=None)
    spec = {"__metadata__": ["float32", [1]]}
    check.raises("safe_header", "ValueError", match="__metadata__", spec=spec, metadata=None)


# 15.2


def numbers(draw):
    """A file with four arrays, of which one is empty and one a scalar; and its entries."""
    w = draw.normal(3, 4).tobytes()
    i = draw.integers(5, low=-9, high=9, dtype="int16").tobytes()
    entries = {
        "__metadata__": {"from": "here"},
        "count": one("I16", [5], 52, 62),
        "w": one("F32", [3, 4], 0, 48),
        "empty": one("F32", [2, 0], 48, 48),
        "s": one("F32", [], 48, 52),
        "half": one("BF16", [2], 62, 66),
    }
    data = w + draw.normal(1).tobytes() + i + draw.normal(2, dtype="bfloat16").tobytes()
    return entries, data


@exercise("15.2")
def test_only_what_is_asked_for_is_read(check, draw):
    """The header when the file is opened, then the bytes of each array, and no others."""
    file = file_of(*numbers(draw))
    check("safe_file", data=file, names=["w", "count", "s", "half", "w", "empty"])
    check("safe_file", data=file, names=["half"])


@exercise("15.2")
def test_header_with_spaces(check, draw):
    """They are part of it: the first number comes behind them."""
    entries, data = numbers(draw)
    for spaces in range(1, 9):
        text = json.dumps(entries).encode() + b" " * spaces
        check("safe_file", data=file_of(text, data), names=["half", "w"])


@exercise("15.2")
def test_order_of_a_header(check, draw):
    """Any; the places are in the same one. Empty arrays stand anywhere between others, also behind
    one that begins where they do."""
    entries, data = numbers(draw)
    for order in (list(entries), list(entries)[::-1], sorted(entries)):
        file = file_of({name: entries[name] for name in order}, data)
        check("safe_file", data=file, names=["w"])
        names = [name for name in order if name != "__metadata__"]
        check("safe_order", data=file, names=names)


@exercise("15.2")
def test_array_that_is_not_there(check, draw):
    """A KeyError for it; the others are there."""
    file = file_of(*numbers(draw))
    check("safe_file", data=file, names=["count"])
    check.raises("safe_missing", "KeyError", data=file, name="nothing")


def refused(check, data, size=None, what="x.safetensors"):
    """A file is refused by a sentence that says which, and the same without the lie is read."""
    check("safe_file", data=file_of({"a": one()}), names=["a"])
    check.raises("safe_refused", "BrokenFile", match=what, data=data, size=size)


@exercise("15.2")
def test_header_that_is_too_long(check):
    """2^60 bytes in a short file, one byte too many, and more than the format allows in a file that
    is large enough: none of them is read."""
    good = json.dumps({"a": one()}).encode()
    refused(check, file_of(good, length=2**60))
    refused(check, file_of(good, length=len(good) + 9))
    refused(check, file_of(good, length=100_000_001), size=1 << 40)
    # As much text as is there would do.
    refused(check, file_of(b"{}", b"", length=11))
    # What the format allows is asked for (and this file in memory refuses to hand it over).
    most = file_of(good, length=100_000_000)
    check.raises("safe_refused", "MemoryError", data=most, size=1 << 40)


@exercise("15.2")
@pytest.mark.parametrize("length", [0, 3, 7, 8, 20])
def test_file_that_is_cut(check, length):
    """Within the length, behind it, within the header."""
    refused(check, file_of({"a": one()})[: 2 * length])


@exercise("15.2")
def test_numbers_that_are_cut(check):
    """One byte less than the arrays have, and one more."""
    refused(check, file_of({"a": one()}, bytes(7)))
    refused(check, file_of({"a": one()}, bytes(9)))


@exercise("15.2")
def test_wrong_number_of_bytes(check):
    """More or fewer than shape and dtype ask for, also where the arrays fit together."""
    refused(check, file_of({"a": one(shape=[3])}))
    refused(check, file_of({"a": one(shape=[1])}))
    refused(check, file_of({"a": one(dtype="F16", shape=[2])}))
    refused(check, file_of({"a": one(shape=[2**40, 2**40])}))
    refused(check, file_of({"a": one(), "e": one(shape=[0])}))
    both = {"a": one(shape=[1], stop=8), "b": one(shape=[3], start=8, stop=16)}
    refused(check, file_of(both, bytes(16)))


@exercise("15.2")
def test_holes(check):
    """In front, and between two arrays."""
    refused(check, file_of({"a": one(shape=[1], start=4)}))
    holed = {"a": one(shape=[1], stop=4), "b": one(shape=[1], start=8, stop=12)}
    refused(check, file_of(holed, bytes(12)))


@exercise("15.2")
def test_overlap(check):
    """Two arrays that share bytes, all of them or a few, in any order of the header."""
    refused(check, file_of({"a": one(), "b": one()}))
    refused(check, file_of({"b": one(start=4, stop=12), "a": one()}, bytes(12)))
    # Together they have as many bytes as there are.
    three = {"a": one(), "b": one(start=4, stop=12), "c": one(shape=[1], start=16, stop=20)}
    refused(check, file_of(three, bytes(20)))


@exercise("15.2")
def test_many_arrays(probe):
    """Each is looked at once, not with every other one."""
    few, many = probe("lines_of_places", counts=[40, 160])["lines"]
    assert many < 6 * few, f"{few} lines of Python for 40 arrays, {many} for 160"


@exercise("15.2")
def test_backwards(check):
    """An end before its beginning."""
    refused(check, file_of({"a": one(shape=[0], start=8, stop=8), "b": one(start=8, stop=0)}))


@exercise("15.2")
def test_name_twice(check):
    """Whoever takes the first and whoever takes the last would read two files."""
    entry = json.dumps(one())
    refused(check, file_of(f'{{"a":{entry},"a":{entry}}}'.encode()))


@exercise("15.2")
def test_metadata_that_are_no_texts(check):
    """Numbers, lists."""
    refused(check, file_of({"__metadata__": {"a": 1}, "a": one()}))
    refused(check, file_of({"__metadata__": ["a"], "a": one()}))
    refused(check, file_of({"__metadata__": None, "a": one()}))


# 15.3


@exercise("15.3")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "größe",
        7,
        -1,
        2**31 - 1,
        2**31,
        -(2**31),
        -(2**31) - 1,
        2**63 - 1,
        -(2**63),
        0.1,
        -3e38,
        float("inf"),
        True,
        False,
    ],
    ids=repr,
)
def test_value_of_an_entry(check, value):
    """Texts by their bytes, whole numbers of 32 and 64 bits, booleans that are no numbers."""
    check("value_of", value=value)


@exercise("15.3")
@pytest.mark.parametrize(
    "value", [["x", "", "é"], [1, 2, 3], [0.5], [True, False], [], [2**40, 2**41]], ids=repr
)
def test_value_that_is_a_list(check, value):
    """The kind of the members once, how many, the members; a tuple is as good as a list."""
    check("value_of", value=value)
    check("value_of", value=value, as_tuple=True)


@exercise("15.3")
@pytest.mark.parametrize(
    "value", [None, [1, "a"], [[1]], 2**63, -(2**63) - 1, [1, 2**40], {"a": 1}, 1e39], ids=repr
)
def test_value_that_cannot_be_written(check, value):
    """A sentence with the entry's name; beside one that can."""
    check("value_of", value=3)
    check.raises("value_of", "ValueError", match="an entry", value=value)


ABOUT = {"general.architecture": "tinymlx", "a.count": 7, "a.words": ["x", "é"]}


@exercise("15.3")
@pytest.mark.parametrize("letters", [1, 9, 16])
def test_front_of_a_file(check, letters):
    """Axes the last one first, offsets that are multiples of 32, zeros up to the numbers."""
    arrays = {
        "w" * letters: [0, [2, 3, 5], 120],
        "q8": [8, [3, 64], 204],
        "b": [1, [7], 14],
        "whole": [26, [8], 32],
        "none": [0, [0], 0],
        "last": [30, [], 2],
    }
    check("gguf_beginning", entries=ABOUT, arrays=arrays)
    check("gguf_beginning", entries={}, arrays={"x": [0, [4, 8], 128]})
    check("gguf_beginning", entries={"a": ["b", "cd"]}, arrays={})


@exercise("15.3")
def test_front_that_the_library_reads(probe, tmp_path, draw):
    """`gguf.GGUFReader` finds the entries, and the numbers where we put them."""
    x, y = draw.normal(3, 5), draw.integers(2, 2, 2, low=0, high=99)
    arrays = {"x": [0, [3, 5], 60], "y": [26, [2, 2, 2], 32]}
    front = bytes.fromhex(probe("gguf_beginning", entries=ABOUT, arrays=arrays)["bytes"])
    assert len(front) % 32 == 0
    file = tmp_path / "x.gguf"
    file.write_bytes(front + x.tobytes() + bytes(4) + y.tobytes())
    opened = gguf.GGUFReader(str(file))
    for found, expected in zip(opened.tensors, (x, y), strict=True):
        assert np.array_equal(found.data.reshape(expected.shape), expected)
        assert tuple(found.shape) == expected.shape[::-1]
    assert opened.get_field("a.words").contents() == ["x", "é"]
    assert opened.get_field("a.count").contents() == 7


def told(name, axes, kind, start=64):
    """What stands in a file about an array; its axes as they stand there."""
    data = struct.pack("<Q", len(name.encode())) + name.encode()
    return (data + struct.pack(f"<I{len(axes)}QIQ", len(axes), *axes, kind, start)).hex()


@exercise("15.3")
@pytest.mark.parametrize(
    ("axes", "kind"),
    [([5, 3, 2], 0), ([7], 1), ([], 30), ([0, 3], 27), ([64, 3], 8), ([96, 2, 5], 2), ([3], 24)],
    ids=str,
)
def test_entry_about_an_array(check, axes, kind):
    """Plain numbers and blocks; what comes behind is not read."""
    data = told("größe", axes, kind)
    check("gguf_entry", data=data + "ff" * 40)
    check("gguf_entry", data="00" * 13 + data, before=13)


@exercise("15.3")
@pytest.mark.parametrize(
    "data",
    [
        told("w", [1] * 5, 0),
        told("w", [4], 99),
        told("w", [32], 99),
        told("w", [33], 8),
        told("w", [3, 32, 32], 2),
        told("w", [], 8),
        told("w", [1], 0)[:-2],
    ],
    ids=["axes", "kind", "unknown blocks", "no blocks", "first axis", "scalar", "cut"],
)
def test_entry_that_is_broken(check, data):
    """Refused, beside one that is read."""
    check("gguf_entry", data=told("w", [32, 3], 8))
    check.raises("gguf_entry", "BrokenFile", data=data)


@exercise("15.3")
def test_entry_with_countless_axes(check):
    """Four thousand million axes are not read one by one."""
    check("gguf_entry", data=told("w", [2, 3, 4, 5], 0))
    data = struct.pack("<Q1sI", 1, b"w", 2**32 - 1).hex() + "00" * 2000
    check.raises("gguf_entry", "BrokenFile", data=data)


# 15.4


@exercise("15.4")
@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_blocks_of_weights(check, draw, kind):
    """Bit for bit as the library's, over eight decades; two axes, one, and three."""
    x = draw.normal(12, 96) * 10.0 ** draw.integers(12, 1, low=-4, high=4)
    check("in_blocks", x=x.astype(np.float32), kind=kind)
    check("in_blocks", x=draw.normal(32), kind=kind)
    check("in_blocks", x=draw.normal(2, 2, 64), kind=kind)


@exercise("15.4")
@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_blocks_of_halves(check, draw, kind):
    """Weights that lie between two codes, the same with the other sign, and float16."""
    x = np.arange(32, dtype=np.float32) / 2 - 7.5
    for largest in (-127, -8):
        x[0] = largest
        check("in_blocks", x=np.stack([x, -x]), kind=kind)
        # Close to the middle between two codes, with a scale that float16 does not have.
        for shift in (-1e-4, 1e-4):
            near = np.concatenate([x[:1], x[1:] + np.float32(shift)]) * np.float32(1.0004)
            check("in_blocks", x=np.stack([near, -near]), kind=kind)
    check("in_blocks", x=draw.normal(3, 64, dtype="float16"), kind=kind)


@exercise("15.4")
@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_blocks_that_are_special(check, draw, kind):
    """Zeros; both ends equally far, the first of them counts; of one sign; one weight; weights so
    small that their scale is 0 in float16, and codes are there all the same."""
    check("in_blocks", x=draw.normal(2, 32) * np.float32(1e-9), kind=kind)
    x = draw.normal(6, 32)
    x[0], x[1], x[2] = 0, np.clip(x[1], -1, 1), abs(x[2])
    x[1, 3], x[1, 9] = 1.5, -1.5
    x[3] = -np.roll(x[1], 1)
    x[4], x[5] = 0, -abs(x[5])
    x[4, 7] = 2.5
    check("in_blocks", x=x, kind=kind)


@exercise("15.4")
@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_blocks_that_do_not_fit(check, draw, kind):
    """The last axis counts, not the number of weights; beside one that fits."""
    check("in_blocks", x=draw.normal(3, 32), kind=kind)
    for x in (draw.normal(2, 33), draw.normal(32, 3), draw.normal(64, 16)):
        check.raises("in_blocks", "ValueError", match="multiple of 32", x=x, kind=kind)


@exercise("15.4")
def test_weights_of_blocks(check, draw):
    """Every code in every place, scales of both signs; several axes."""
    data = draw.integers(4, 3 * 18, low=0, high=256, dtype="uint8").reshape(4, 3, 18)
    data[..., :2] = draw.normal(4, 3, 1, dtype="float16").view(np.uint8)
    check("from_blocks", data=data.reshape(4, 54))
    check("from_blocks", data=data.reshape(2, 2, 54))
    check("from_blocks", data=data[0, 0])
