"""Plain values and frames: what crosses between judge and worker."""

from __future__ import annotations

import math
import struct

import ml_dtypes
import mlx.core as mx
import numpy as np
import pytest

from course.grading.values import DTYPES, WrongValue, as_mlx, decode, encode, plain


@pytest.mark.parametrize("name", sorted(DTYPES))
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3)])
def test_arrays_of_every_dtype_and_shape_survive(name: str, shape: tuple[int, ...]) -> None:
    array = np.asarray(np.arange(math.prod(shape)).reshape(shape) % 2).astype(DTYPES[name])
    back = decode(encode(array))
    assert back.dtype == array.dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_nested_values_survive() -> None:
    value = {"a": [1, 2.5, None, True, "x", {"b": 1 + 2j}], "n": float("nan"), "i": -math.inf}
    back = decode(encode(value))
    assert math.isnan(back.pop("n")) and value.pop("n") != 0
    assert back == value


def test_dicts_that_look_like_headers_are_only_dicts() -> None:
    value = {"array": ["float32", [1]], "dict": {"complex": [1, 2]}}
    assert decode(encode(value)) == value


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "int32", "uint8", "bool"])
def test_numpy_to_mlx_and_back(name: str) -> None:
    array = np.array([[0, 1], [1, 0]]).astype(DTYPES[name])
    back = plain(as_mlx(array))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_bfloat16_keeps_its_bits() -> None:
    x = mx.array([1.0, 3.14159, -2.0e30], mx.bfloat16)
    assert plain(x).dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(plain(x).astype(np.float32), np.array(x.astype(mx.float32)))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"y": object()}, r"the result\['y'\] is a object"),
        ([{1, 2}], r"the result\[0\] is a set"),
        ({1: 2}, "keys are not all strings"),
        (np.array(["a"]), "NumPy array of dtype"),
    ],
)
def test_what_is_not_plain_is_named(value: object, words: str) -> None:
    with pytest.raises(WrongValue, match=words):
        plain(value)


def header(text: str, tail: bytes = b"") -> bytes:
    return struct.pack("<I", len(text)) + text.encode() + tail


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x01",
        struct.pack("<I", 1 << 31) + b"{}",
        header("not json"),
        header('{"array": ["float32", [1000000]]}', b"1234"),
        header('{"array": ["object", [1]]}', b"1234"),
        header('{"array": ["float32", [-1]]}', b"1234"),
        header('{"array": ["float32", [1.5]]}', b"1234"),
        header('{"pickle": "x"}'),
        header('{"a": 1, "b": 2}'),
        header("1", b"left over"),
        header("[" * 5000 + "]" * 5000),
        header('{"array": ["float32", [99999999999999999999, 0, 1]]}') + b"1",
    ],
)
def test_broken_frames_are_refused(frame: bytes) -> None:
    with pytest.raises(WrongValue):
        decode(frame)


def test_a_view_that_runs_backwards_becomes_an_array() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)[::-1, ::-1]
    np.testing.assert_array_equal(plain(as_mlx(array)), array)
    assert plain(as_mlx(np.float32(2.5)[None][0])).shape == ()
