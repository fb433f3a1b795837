"""Programs in MIL, computed with NumPy: what a Mac would do, for machines that are none.

``run`` takes a program as plain data (what ``tinymlx.formats.mil`` writes), ``run_package`` a saved
``.mlpackage``: it reads the protobuf and the file of weights that are in there, so everything that
``coremltools`` did on the way counts, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {
    "int16": np.int16,
    "uint16": np.uint16,
    "fp32": np.float32,
    "fp16": np.float16,
    "int32": np.int32,
    "bool": np.bool_,
}
erf = np.vectorize(math.erf, otypes=[float])


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def with_epsilon(function: Callable[[Any], Any], usual: float) -> Callable[..., Any]:
    """A function that adds an epsilon first, a small one if it is not told otherwise."""
    return lambda x, epsilon=usual: function(x + np.asarray(epsilon, x.dtype))


def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axes=None, keep_dims=False: function(
        x, axis=None if axes is None else tuple(np.atleast_1d(axes)), keepdims=bool(keep_dims)
    )


def padded(x: np.ndarray, pad: Any, fill: float = 0.0) -> np.ndarray:
    """Zeros around the spatial axes of ``(N, C, ...)``: in front and behind, axis by axis."""
    pairs = np.asarray(pad).reshape(-1, 2)
    cut = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape[2:])]
    grown = [(max(a, 0), max(b, 0)) for a, b in pairs]
    return np.pad(x[(..., *cut)], [(0, 0), (0, 0), *grown], constant_values=fill)


def windows(x: np.ndarray, sides: Any, strides: Any, dilations: Any) -> np.ndarray:
    """All windows: ``(N, C, places..., taps...)``."""
    spans = [d * (k - 1) + 1 for k, d in zip(sides, dilations)]
    axes = tuple(range(2, x.ndim))
    found = np.lib.stride_tricks.sliding_window_view(x, spans, axis=axes)
    steps = [slice(None, None, s) for s in strides]
    return found[(slice(None), slice(None), *steps, *[slice(None, None, d) for d in dilations])]


def conv(
    x: Any, weight: Any, bias: Any = None, strides: Any = None, pad_type: str = "valid",
    pad: Any = None, dilations: Any = None, groups: int = 1,
) -> np.ndarray:  # fmt: skip
    """(N, C, ...) and (O, C / groups, ...) to (N, O, ...)."""
    dims = x.ndim - 2
    assert pad_type in ("valid", "custom"), pad_type
    strides = [1] * dims if strides is None else list(strides)
    dilations = [1] * dims if dilations is None else list(dilations)
    x = padded(x, [0] * 2 * dims if pad is None or pad_type == "valid" else pad)
    found = windows(x.astype(np.float64), weight.shape[2:], strides, dilations)
    made = []
    for part, kernel in zip(np.split(found, groups, axis=1), np.split(weight, groups)):
        axes = [1, *range(2 + dims, 2 + 2 * dims)]
        y = np.tensordot(part, kernel.astype(np.float64), (axes, list(range(1, 2 + dims))))
        made.append(np.moveaxis(y, -1, 1))
    y = np.concatenate(made, axis=1)
    if bias is not None:
        y = y + np.asarray(bias, np.float64).reshape(-1, *[1] * dims)
    return y.astype(x.dtype)


def conv_transpose(
    x: Any, weight: Any, bias: Any = None, strides: Any = None, pad_type: str = "valid",
    pad: Any = None, dilations: Any = None, groups: int = 1, output_shape: Any = None,
) -> np.ndarray:  # fmt: skip
    """The derivative of a convolution: each place is spread by the kernel (C, O, ...)."""
    assert groups == 1 and all(
        d == 1 for d in np.atleast_1d(dilations if dilations is not None else 1)
    )
    dims = x.ndim - 2
    strides = [1] * dims if strides is None else list(strides)
    sides = weight.shape[2:]
    full = [(n - 1) * s + k for n, s, k in zip(x.shape[2:], strides, sides)]
    y = np.zeros((x.shape[0], weight.shape[1], *full))
    for place in np.ndindex(*x.shape[2:]):
        spread = np.tensordot(
            x[(..., *place)].astype(np.float64), weight.astype(np.float64), (1, 0)
        )
        where = [slice(p * s, p * s + k) for p, s, k in zip(place, strides, sides)]
        y[(slice(None), slice(None), *where)] += spread
    if pad is not None and pad_type == "custom":
        pairs = np.asarray(pad).reshape(-1, 2)
        y = y[(..., *[slice(a, n - b) for (a, b), n in zip(pairs, full)])]
    if bias is not None:
        y = y + np.asarray(bias, np.float64).reshape(-1, *[1] * dims)
    return y.astype(x.dtype)


def pool(function: Callable[..., Any], fill: float) -> Callable[..., Any]:
    """Windows and what is made of each; the border holds ``fill``, and counts."""

    def pooled(
        x: np.ndarray, kernel_sizes: Any, strides: Any, pad_type: str, pad: Any = None, **more: Any
    ) -> np.ndarray:
        assert pad_type in ("valid", "custom") and not more.get("ceil_mode")
        assert not (more.get("exclude_padding_from_average") and np.any(pad))
        dims = x.ndim - 2
        x = padded(x, pad, fill) if pad_type == "custom" else x
        found = windows(x, kernel_sizes, strides, [1] * dims)
        return function(found, axis=tuple(range(2 + dims, 2 + 2 * dims)))

    return pooled


def bordered(x: np.ndarray, pad: Any, mode: str, constant_val: Any) -> np.ndarray:
    """A border of one number around the last axes that ``pad`` has numbers for."""
    assert mode == "constant"
    pairs = np.asarray(pad).reshape(-1, 2)
    whole = [(0, 0)] * (x.ndim - len(pairs)) + [(int(a), int(b)) for a, b in pairs]
    return np.pad(x, whole, constant_values=constant_val)


def matmul(x: Any, y: Any, transpose_x: bool = False, transpose_y: bool = False) -> np.ndarray:
    x = np.swapaxes(x, -1, -2) if transpose_x else x
    y = np.swapaxes(y, -1, -2) if transpose_y else y
    return (x.astype(np.float64) @ y.astype(np.float64)).astype(x.dtype)


def linear(x: np.ndarray, weight: np.ndarray, bias: Any = None) -> np.ndarray:
    y = x.astype(np.float64) @ weight.astype(np.float64).T
    return (y if bias is None else y + np.asarray(bias, np.float64)).astype(x.dtype)


def slice_by_index(x: Any, begin: Any, end: Any, stride: Any = None, **masks: Any) -> np.ndarray:
    assert not any(np.any(m) for m in masks.values()), masks
    steps = [1] * x.ndim if stride is None else stride
    return x[tuple(slice(int(a), int(b), int(s)) for a, b, s in zip(begin, end, steps))]


def looked_up(x: np.ndarray, indices: np.ndarray, axis: int = 0, **more: Any) -> np.ndarray:
    return np.take(x, indices, axis=int(axis))


OPS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "real_div": lambda x, y: x / y,
    "pow": lambda x, y: x**y,
    "maximum": lambda x, y: np.maximum(x, y),
    "minimum": lambda x, y: np.minimum(x, y),
    "equal": lambda x, y: x == y,
    "not_equal": lambda x, y: x != y,
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "square": lambda x: x * x,
    "abs": lambda x: np.abs(x),
    "sign": lambda x: np.sign(x),
    "floor": lambda x: np.floor(x),
    "ceil": lambda x: np.ceil(x),
    "exp": lambda x: np.exp(x),
    "sqrt": lambda x: np.sqrt(x),
    "tanh": lambda x: np.tanh(x),
    "sin": lambda x: np.sin(x),
    "cos": lambda x: np.cos(x),
    "erf": lambda x: erf(x).astype(x.dtype),
    "sigmoid": lambda x: (1 / (1 + np.exp(-x.astype(np.float64)))).astype(x.dtype),
    "relu": lambda x: np.maximum(x, 0),
    "inverse": with_epsilon(lambda x: 1 / x, 1e-4),
    "log": with_epsilon(np.log, 1e-45),
    "rsqrt": with_epsilon(lambda x: 1 / np.sqrt(x), 1e-12),
    "logical_and": lambda x, y: x & y,
    "logical_or": lambda x, y: x | y,
    "logical_xor": lambda x, y: x ^ y,
    "logical_not": lambda x: ~x,
    "select": lambda cond, a, b: np.where(cond, a, b),
    "cast": lambda x, dtype: x.astype(KINDS[dtype]),
    "identity": lambda x: x,
    "reduce_sum": reduction(np.sum),
    "reduce_mean": reduction(np.mean),
    "reduce_max": reduction(np.max),
    "reduce_min": reduction(np.min),
    "reduce_prod": reduction(np.prod),
    "reduce_log_sum_exp": reduction(lambda x, **k: np.log(np.sum(np.exp(x), **k))),
    "softmax": lambda x, axis=-1: softmax(x, int(axis)),
    "matmul": matmul,
    "linear": linear,
    "reshape": lambda x, shape: x.reshape([int(n) for n in shape]),
    "transpose": lambda x, perm: x.transpose([int(a) for a in perm]),
    "expand_dims": lambda x, axes: np.expand_dims(x, tuple(int(a) for a in axes)),
    "squeeze": lambda x, axes: np.squeeze(x, tuple(int(a) for a in axes)),
    "tile": lambda x, reps: np.tile(x, [int(n) for n in reps]),
    "concat": lambda values, axis, interleave=False: np.concatenate(values, axis=int(axis)),
    "stack": lambda values, axis: np.stack(values, axis=int(axis)),
    "slice_by_size": lambda x, begin, size: x[
        tuple(slice(int(a), int(a) + int(n)) for a, n in zip(begin, size))
    ],
    "slice_by_index": slice_by_index,
    "gather": looked_up,
    "conv": conv,
    "conv_transpose": conv_transpose,
    "max_pool": pool(np.max, -np.inf),
    "avg_pool": pool(np.mean, 0.0),
    "pad": bordered,
}


def plain(program: Any) -> dict[str, Any]:
    """A program of ``tinymlx.formats.mil`` as :func:`run` takes it."""
    return {
        "inputs": list(program.inputs),
        "outputs": program.outputs,
        "constants": {name: np.array(x) for name, x in program.constants.items()},
        "ops": [{**vars(op)} for op in program.ops],
    }


def run(program: dict[str, Any], inputs: list[np.ndarray]) -> list[np.ndarray]:
    """A program as plain data: ``inputs``, ``outputs``: names; ``constants``: arrays by name;
    ``ops``: kind, inputs, attributes, output, shape, dtype. Shapes and dtypes that it states are
    compared with those that come out."""
    found: dict[str, Any] = {k: np.asarray(v) for k, v in program["constants"].items()}
    found |= dict(zip(program["inputs"], inputs, strict=True))
    for op in program["ops"]:
        given = {
            k: [found[n] for n in x] if isinstance(x, list) else found[x]
            for k, x in op["inputs"].items()
        }
        y = np.asarray(OPS[op["kind"]](**given, **op["attributes"]))
        assert list(y.shape) == list(op["shape"]), f"{op['output']} has the shape {y.shape}"
        assert y.dtype == KINDS[op["dtype"]], f"{op['output']} is of {y.dtype}"
        found[op["output"]] = y
    return [found[name] for name in program["outputs"]]


def run_package(path: Path, inputs: dict[str, np.ndarray], state: Any = None) -> dict[str, Any]:
    """A saved package, from its protobuf and its file of weights.

    ``state``: arrays by name, changed in place.
    """
    from coremltools.models import MLModel

    spec = MLModel(str(path), skip_model_load=True).get_spec()
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    found: dict[str, Any] = {x.name: inputs[x.name] for x in function.inputs if x.name in inputs}
    for op in block.operations:
        computed(op, found, state or {}, path)
    return {name: found[name] for name in block.outputs}


def computed(op: Any, found: dict[str, Any], state: dict[str, Any], path: Path) -> None:
    """One operation of a protobuf; what it makes goes into ``found``."""
    name = op.outputs[0].name if op.outputs else ""
    if op.type == "const":
        found[name] = constant(op.attributes["val"], path)
        return
    given: dict[str, Any] = {}
    for key, argument in op.inputs.items():
        bound = [
            constant(a.value, path)
            if a.WhichOneof("binding") == "value"
            else found.get(a.name, a.name)
            for a in argument.arguments
        ]
        given[key] = bound if key == "values" else bound[0]
    if op.type == "write_state":
        state[given["input"]][...] = given["data"]
    elif op.type == "read_state":
        found[name] = state[given["input"]].copy()
    elif op.type in OLD and not op.inputs:
        old = {key: constant(x, path) for key, x in op.attributes.items() if key != "name"}
        found[name] = OLD[op.type](**old)
    elif op.type == "constexpr_lut_to_dense":
        found[name] = from_palette(**given)
    elif op.type == "constexpr_blockwise_shift_scale":
        found[name] = from_scales(**given)
    else:
        given.pop("validate_indices", None)
        found[name] = OPS[op.type](**given)


def from_palette(indices: np.ndarray, lut: np.ndarray, **more: Any) -> np.ndarray:
    """Weights from a table: ``lut`` is (1, ..., colours, length of a vector)."""
    assert lut.shape[-1] == 1
    groups = lut.reshape(-1, lut.shape[-2])
    assert len(groups) == 1, "one table for all"
    return groups[0][indices.astype(int)]


def from_scales(data: np.ndarray, scale: np.ndarray, offset: Any = None) -> np.ndarray:
    """Weights from whole numbers and a scale for each block."""
    for axis, (n, m) in enumerate(zip(data.shape, scale.shape)):
        scale = np.repeat(scale, n // m, axis=axis)
        offset = None if offset is None else np.repeat(offset, n // m, axis=axis)
    shift = 0 if offset is None else offset.astype(np.float32)
    return ((data.astype(np.float32) - shift) * scale).astype(scale.dtype)


def from_packed_palette(indices: np.ndarray, lut: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """The form of iOS 16: indices side by side in bytes, lowest bits first."""
    bits = int(np.log2(len(lut)))
    flat = np.unpackbits(indices, bitorder="little")[: int(np.prod(shape)) * bits]
    numbers = flat.reshape(-1, bits) @ (1 << np.arange(bits))
    return lut[numbers].reshape([int(n) for n in shape])


def from_affine(quantized_data: Any, scale: Any, zero_point: Any, axis: Any) -> np.ndarray:
    """The form of iOS 16: one scale for each place of an axis."""
    shape = [1] * quantized_data.ndim
    shape[int(axis)] = -1 if np.ndim(scale) else 1
    scale, zero = (np.reshape(x, shape).astype(np.float32) for x in (scale, zero_point))
    return (quantized_data.astype(np.float32) - zero) * scale


OLD: dict[str, Callable[..., Any]] = {
    "constexpr_lut_to_dense": from_packed_palette,
    "constexpr_affine_dequantize": from_affine,
}
TYPES = {
    32: np.uint16,
    33: np.uint32,
    24: np.int64,
    10: np.float16,
    11: np.float32,
    21: np.int8,
    22: np.int16,
    23: np.int32,
    31: np.uint8,
}
READERS = {10: "fp16", 11: "float", 21: "int8", 23: "int32", 31: "uint8", 35: "uint4"}


def constant(value: Any, path: Path) -> Any:
    """A value of the protobuf, or of the file beside it."""
    kind = value.type.tensorType
    shape = [d.constant.size for d in kind.dimensions]
    if value.WhichOneof("value") == "blobFileValue":
        from coremltools.libmilstoragepython import _BlobStorageReader

        place = value.blobFileValue
        file = path / "Data/com.apple.CoreML" / place.fileName.replace("@model_path/", "")
        reader = _BlobStorageReader(str(file))
        read = getattr(reader, f"read_{READERS[kind.dataType]}_data")
        data = np.asarray(read(place.offset))
        if kind.dataType == 10:
            data = data.view(np.float16) if data.dtype != np.float16 else data
        return data.reshape(shape)
    tensor = value.immediateValue.tensor
    which = tensor.WhichOneof("value")
    values = getattr(tensor, which).values
    if which == "strings":
        return values[0] if not shape else list(values)
    if which == "bytes":
        return np.frombuffer(values, TYPES[kind.dataType]).reshape(shape)
    kinds = {"floats": np.float32, "ints": np.int32, "bools": np.bool_}
    data = np.array(list(values), kinds[which]).reshape(shape)
    return data if shape else data[()]
