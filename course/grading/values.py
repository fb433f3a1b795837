"""Plain values: what crosses between probe, reference and judge, and its form on a wire.

Plain values are None, booleans, numbers, strings, lists, dicts with string keys, and NumPy arrays.
On the wire they are a JSON header and the raw bytes of the arrays; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import ml_dtypes
import numpy as np

Plain = Any
LIMIT = 256 * 1024 * 1024  # bytes of one frame
DTYPES = {
    name: np.dtype(name)
    for name in [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ]
}
DTYPES["bfloat16"] = np.dtype(ml_dtypes.bfloat16)


class WrongValue(TypeError):
    """A value that is not plain, or a frame that is not one."""


def plain(value: Any, where: str = "the result") -> Plain:
    """``value`` as plain data: arrays of MLX and ``tinymlx`` become NumPy arrays, tuples lists.

    Raises:
        WrongValue: something inside is of another type.
    """
    if value is None or type(value) in (bool, int, float, str, complex):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype not in DTYPES.values():
            raise WrongValue(f"{where} is a NumPy array of dtype {value.dtype}.")
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise WrongValue(f"{where} is a dict whose keys are not all strings.")
        return {key: plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    array = as_numpy(value)
    if array is not None:
        return array
    raise WrongValue(f"{where} is a {type(value).__name__}, not an array, number, text or list.")


def as_numpy(value: Any) -> np.ndarray | None:
    """An `mx.array`, or a ``tinymlx`` array around one, as NumPy; ``None`` for anything else."""
    import mlx.core as mx

    if not isinstance(value, mx.array) and hasattr(type(value), "__mlx_array__"):
        value = unwatched(value)
    if not isinstance(value, mx.array):
        return None
    if value.dtype == mx.bfloat16:
        return np.array(mx.view(value, mx.uint16)).view(ml_dtypes.bfloat16)
    return np.array(value)


def unwatched(value: Any) -> Any:
    """The bare array at the bottom of a ``tinymlx`` array."""
    while hasattr(value, "_value"):
        value = value._value
    return value


def as_mlx(value: np.ndarray) -> Any:
    """A NumPy array as `mx.array` of the same dtype (float64 too; on the CPU it is computed so)."""
    import mlx.core as mx

    value = np.asarray(value, order="C")  # MLX refuses a view that runs backwards
    if value.dtype == ml_dtypes.bfloat16:
        return mx.view(mx.array(value.view(np.uint16)), mx.bfloat16)
    return mx.array(value, getattr(mx, "bool_" if value.dtype == bool else value.dtype.name))


def encode(value: Plain) -> bytes:
    """A frame: the header's length (4 bytes), the JSON header, the arrays' bytes."""
    blobs: list[bytes] = []
    header = json.dumps(_lower(value, blobs)).encode()
    return b"".join([struct.pack("<I", len(header)), header, *blobs])


def decode(frame: bytes) -> Plain:
    """The value of a frame.

    Raises:
        WrongValue: the bytes are not a frame that `encode` could have made.
    """
    try:
        (size,) = struct.unpack_from("<I", frame)
        header = json.loads(frame[4 : 4 + size].decode())
        value, end = _raise(header, frame, 4 + size)
    except (struct.error, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise WrongValue(f"a broken frame ({type(error).__name__})") from error
    if end != len(frame):
        raise WrongValue("a frame with bytes left over")
    return value


def _lower(value: Plain, blobs: list[bytes]) -> Any:
    if isinstance(value, np.ndarray):
        blobs.append(np.ascontiguousarray(value).tobytes())
        return {"array": [value.dtype.name, list(value.shape)]}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, list):
        return [_lower(item, blobs) for item in value]
    if isinstance(value, dict):
        return {"dict": {key: _lower(item, blobs) for key, item in value.items()}}
    return value


def _raise(node: Any, frame: bytes, at: int) -> tuple[Plain, int]:
    if isinstance(node, list):
        items = []
        for item in node:
            value, at = _raise(item, frame, at)
            items.append(value)
        return items, at
    if not isinstance(node, dict):
        return node, at
    ((kind, content),) = node.items()
    if kind == "dict":
        result = {}
        for key, item in content.items():
            result[key], at = _raise(item, frame, at)
        return result, at
    if kind == "complex":
        return complex(*content), at
    if kind != "array":
        raise WrongValue(f"a frame with an unknown kind {kind!r}")
    name, shape = content
    dtype = DTYPES[name]
    if not all(type(n) is int and n >= 0 for n in shape):
        raise WrongValue("a frame with an impossible shape")
    count = math.prod(shape)
    if count * dtype.itemsize > len(frame) - at:
        raise WrongValue("a frame that ends inside an array")
    array = np.frombuffer(frame, dtype, count, at).reshape(shape)
    return array, at + count * dtype.itemsize
