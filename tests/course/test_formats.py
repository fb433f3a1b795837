"""Files with weights: equal to what the libraries write and read, and hostile ones refused."""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import mlx.core as mx
import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

DTYPES = "uint64 int64 float32 uint32 int32 float16 uint16 int16 int8 uint8 bool"


@pytest.fixture(scope="module")
def t(project: Project, registry: Registry) -> Iterator[Any]:
    class Served:
        pass

    with implementation(project, registry, "solutions"):
        for name in ("core", "formats.safetensors", "formats.gguf", "formats.blocks"):
            setattr(Served, name.split(".")[-1], importlib.import_module(f"tinymlx.{name}"))
        Served.BrokenFile = importlib.import_module("tinymlx.formats.pieces").BrokenFile
        yield Served


def some(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = [(3,), (2, 3), (), (2, 0), (1, 4, 1), (33,)]
    found = {}
    for i, name in enumerate(DTYPES.split()):
        values = rng.integers(0, 100, shapes[i % len(shapes)])
        found[f"b{i % 4}.{name}"] = np.asarray(values).astype(name)
    found['a "quoted" näme'] = rng.normal(size=(5, 2)).astype(np.float32)
    return found


def test_bytes_are_those_of_the_library(t: Any, tmp_path: Path) -> None:
    for metadata in (None, {"format": "ü\n"}, {}):
        arrays = some()
        ours = {name: t.core.array(x) for name, x in arrays.items()}
        assert [ours[k].dtype == getattr(mx, str(v.dtype).replace("bool", "bool_"))
                for k, v in arrays.items()].count(False) == 0  # fmt: skip
        t.safetensors.save(str(tmp_path / "x"), ours, metadata)
        expected = safetensors.numpy.save(arrays, metadata or None)
        assert (tmp_path / "x").read_bytes() == expected
        with t.safetensors.safe_open(str(tmp_path / "x")) as opened:
            assert opened.metadata == (metadata or {})
        for name, x in t.safetensors.load(str(tmp_path / "x")).items():
            assert np.array_equal(np.array(x.tolist()).reshape(x.shape), arrays[name]), name
            assert x.dtype == ours[name].dtype and x.shape == arrays[name].shape


def test_bfloat16_and_a_transposed_array(t: Any, tmp_path: Path) -> None:
    x = torch.arange(6.0).reshape(2, 3).to(torch.bfloat16)
    ours = t.core.arange(6.0).reshape(2, 3).astype(t.core.bfloat16)
    both = {"x": ours, "y": ours.T}
    t.safetensors.save(str(tmp_path / "x"), both)
    assert (tmp_path / "x").read_bytes() == safetensors.torch.save(
        {"x": x, "y": x.T.contiguous()}, None
    )
    assert t.core.array_equal(t.safetensors.load(str(tmp_path / "x"))["y"], ours.T).item()


def one(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


HOSTILE = {
    "cut": b"\x08\x00\x00",
    "long": struct.pack("<Q", 2**60) + b"{}",
    "over the limit": struct.pack("<Q", 100_000_001) + b"{}",
    "not json": b"hello",
    "no text": b"\xff\xfe",
    "deep": b"[" * 200_000,
    "a list": b"[]",
    "twice": b'{"a":%s,"a":%s}' % ((json.dumps(one()).encode(),) * 2),
    "twice inside": b'{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    "unknown dtype": {"a": one(dtype="F31")},
    "dtype of a list": {"a": one(dtype=["F32"])},
    "negative": {"a": one(shape=[-2, -1])},
    "true": {"a": one(shape=[2, True])},
    "a fraction": {"a": one(shape=[2.0])},
    "too many bytes": {"a": one(shape=[3])},
    "huge": {"a": one(shape=[2**40, 2**40])},
    "huge and empty": {"a": one(shape=[0, 10**22], data_offsets=[0, 0]), "b": one()},
    "a number of 5,000 digits": b'{"a":{"dtype":"F32","shape":[%s]}}' % (b"9" * 5000),
    "backwards": {"a": one(shape=[0], data_offsets=[8, 8]), "b": one(data_offsets=[8, 0])},
    "overlap": {"a": one(), "b": one(data_offsets=[4, 12])},
    "the same": {"a": one(), "b": one()},
    "a gap": {"a": one(shape=[1], data_offsets=[4, 8])},
    "too short": {"a": one(shape=[4], data_offsets=[0, 16])},
    "too long": {"a": one(shape=[1], data_offsets=[0, 4])},
    "more keys": {"a": one(more=1)},
    "metadata": {"__metadata__": {"a": 1}, "a": one()},
    "metadata of a list": {"__metadata__": ["a"], "a": one()},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers(t: Any, tmp_path: Path, name: str) -> None:
    text = HOSTILE[name]
    if isinstance(text, dict):
        text = json.dumps(text).encode()
    file = tmp_path / "x.safetensors"
    raw = name in ("cut", "long", "over the limit")
    file.write_bytes(text if raw else struct.pack("<Q", len(text)) + text + bytes(8))
    with pytest.raises(t.BrokenFile, match=r"x\.safetensors"):
        t.safetensors.load(str(file))
    if name not in ("twice", "twice inside", "more keys"):  # the library takes the last of two
        with pytest.raises(Exception, match=r".") as refused:
            safetensors.numpy.load_file(str(file))
        assert not isinstance(refused.value, AssertionError)


def test_any_cut_file_is_refused(t: Any, tmp_path: Path) -> None:
    file = tmp_path / "x"
    t.safetensors.save(str(file), {"a": t.core.ones((3,)), "b": t.core.zeros((2,), t.core.int8)})
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(t.BrokenFile):
            t.safetensors.load(str(file))


def test_a_name_of_the_format(t: Any, tmp_path: Path) -> None:
    file = tmp_path / "x"
    with pytest.raises(ValueError, match="__metadata__"):
        t.safetensors.save(str(file), {"__metadata__": t.core.ones((3,))})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_blocks_are_those_of_gguf(t: Any, kind: str) -> None:
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(5, 96)) * 10.0 ** rng.integers(-4, 4, (5, 1))).astype(np.float32)
    x[1, 32:64] = 0
    x[2, :2] = [3.0, -3.0]
    x[3, :32] = np.arange(32) / 2 - 7.75  # many halves
    where = gguf.GGMLQuantizationType[kind]
    write, read = getattr(t.blocks, f"to_{kind.lower()}"), getattr(t.blocks, f"from_{kind.lower()}")
    expected = gguf.quants.quantize(x, where)
    got = write(t.core.array(x))
    assert np.array_equal(np.array(got.tolist(), np.uint8), expected)
    back = np.array(read(got).tolist(), np.float32)
    assert np.array_equal(back, gguf.quants.dequantize(expected, where))
    with pytest.raises(ValueError, match="multiple of 32"):
        write(t.core.zeros((2, 33)))


ABOUT = {
    "general.name": "ö",
    "a.count": 7,
    "a.large": 2**40,
    "a.rate": 0.5,
    "a.yes": True,
    "a.words": ["x", "", "é"],
    "a.numbers": [1, 2, 3],
    "a.none": [],
    "a.flags": [True, False],
}


def test_a_file_that_gguf_and_mlx_read(t: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    arrays = {
        "w": rng.normal(size=(4, 64)).astype(np.float32),
        "q8": rng.normal(size=(3, 2, 64)).astype(np.float32),
        "q4": rng.normal(size=(2, 32)).astype(np.float32),
        "half": rng.normal(size=(5,)).astype(np.float16),
        "steps": np.arange(3, dtype=np.int32),
        "wide": np.arange(3, dtype=np.int64) << 40,
    }
    file = tmp_path / "x.gguf"
    ours = {name: t.core.array(x) for name, x in arrays.items()}
    t.gguf.save(str(file), ours, ABOUT, {"q8": "Q8_0", "q4": "Q4_0"})
    opened = gguf.GGUFReader(str(file))
    found = {x.name: x for x in opened.tensors}
    assert list(found) == list(arrays)
    for name, x in arrays.items():
        data = found[name].data
        if name in ("q8", "q4"):
            data = gguf.quants.dequantize(data, found[name].tensor_type)
            assert np.abs(data - x).max() < np.abs(x).max() / (120 if name == "q8" else 7)
        else:
            assert np.array_equal(data.reshape(x.shape), x), name
    for name, value in ABOUT.items():
        if value != []:
            assert opened.get_field(name).contents() == value, name
    back, about = t.gguf.load(str(file))
    assert about == {"general.architecture": "tinymlx", **ABOUT}
    for name, x in back.items():
        assert x.shape == arrays[name].shape
        if name not in ("q8", "q4"):
            assert np.array_equal(np.array(x.tolist(), arrays[name].dtype), arrays[name])
    del ours["wide"]  # MLX itself does not read 64 bits
    t.gguf.save(str(file), ours, ABOUT, {"q8": "Q8_0", "q4": "Q4_0"})
    loaded = mx.load(str(file))
    assert np.array_equal(np.array(loaded["w"]), arrays["w"])


def test_a_file_that_gguf_wrote(t: Any, tmp_path: Path) -> None:
    file = tmp_path / "x.gguf"
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_uint32("llama.block_count", 3)
    writer.add_array("tokenizer.tokens", ["a", "b"])
    writer.add_float32("eps", 0.25)
    x = np.random.default_rng(3).normal(size=(2, 64)).astype(np.float32)
    writer.add_tensor("x", x)
    packed = gguf.quants.quantize(x, gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("y", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    arrays, about = t.gguf.load(str(file))
    assert about["llama.block_count"] == 3 and about["tokenizer.tokens"] == ["a", "b"]
    assert about["eps"] == 0.25
    assert np.array_equal(np.array(arrays["x"].tolist(), np.float32), x)
    expected = gguf.quants.dequantize(packed, gguf.GGMLQuantizationType.Q8_0)
    assert np.array_equal(np.array(arrays["y"].tolist(), np.float32), expected)


def test_any_cut_gguf_is_refused(t: Any, tmp_path: Path) -> None:
    file = tmp_path / "x.gguf"
    about = {"words": ["x", "é"], "numbers": [1, 2]}
    arrays = {"a": t.core.ones((2, 32)), "b": t.core.zeros((3,))}
    t.gguf.save(str(file), arrays, about, {"a": "Q8_0"})
    whole = file.read_bytes()
    for length in range(len(whole) - 20):  # the last 20 fill up to 32
        file.write_bytes(whole[:length])
        with pytest.raises(t.BrokenFile, match=r"x\.gguf"):
            t.gguf.load(str(file))


def test_a_gguf_with_an_axis_that_is_too_long(t: Any, tmp_path: Path) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(t.gguf.beginning({}, {"a": (0, (2**63, 0), 0)}))
    with pytest.raises(t.BrokenFile, match=r"x\.gguf is damaged.*an axis"):
        t.gguf.load(str(file))


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_gguf_never_ends_in_a_traceback(t: Any, tmp_path: Path, seed: int) -> None:
    file = tmp_path / "x.gguf"
    t.gguf.save(str(file), {"a": t.core.ones((2, 32))}, {"words": ["x", "é"], "n": [1, 2]})
    whole = bytearray(file.read_bytes())
    rng = np.random.default_rng(seed)
    for _ in range(150):
        broken = bytearray(whole)
        for place in rng.integers(0, 220, 2):
            broken[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
        file.write_bytes(broken)
        try:
            t.gguf.load(str(file))
        except t.BrokenFile as error:
            assert "x.gguf" in str(error)


@pytest.mark.parametrize(
    ("arrays", "about", "blocks", "said"),
    [
        ({"a": (3, "uint8")}, {}, {}, "uint8"),
        ({"a": (3, "float32")}, {}, {"a": "Q5_K"}, "Q5_K"),
        ({"a": (3, "float32")}, {}, {"a": "Q8_0"}, "multiple of 32"),
        ({}, {"x": None}, {}, "NoneType"),
        ({}, {"x": [1, "a"]}, {}, "one simple kind"),
        ({}, {"x": [[1]]}, {}, "one simple kind"),
        ({}, {"x": 2**70}, {}, "int"),
        ({}, {"x": 1e300}, {}, "float"),
    ],
    ids=str,
)
def test_what_gguf_cannot_say(
    t: Any, tmp_path: Path, arrays: Any, about: Any, blocks: Any, said: str
) -> None:
    made = {n: t.core.zeros((size,), getattr(mx, kind)) for n, (size, kind) in arrays.items()}
    with pytest.raises(ValueError, match=said):
        t.gguf.save(str(tmp_path / "x"), made, about, blocks)
    assert not list(tmp_path.iterdir())
