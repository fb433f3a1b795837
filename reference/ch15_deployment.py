"""Answers for chapter 15: files as their libraries write and read them, networks made ready."""

import io
import json
import struct

import gguf
import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

from reference.ch15_engines import chunked, let_in_alone, room_for, served  # noqa: F401
from reference.ch15_serving import (  # noqa: F401
    batches,
    flying,
    heard,
    percentiles,
    sent,
    shown,
    stopped,
)
from reference.kit import in_numpy

# Files, 15.1 to 15.4


def zeros(spec):
    """Arrays of zeros from their dtypes and shapes."""
    kinds = {"bfloat16": ml_dtypes.bfloat16, "bool_": bool}
    return {n: np.zeros(shape, kinds.get(dtype, dtype)) for n, (dtype, shape) in spec.items()}


@in_numpy
def safe_header(spec, metadata):
    data = safetensors.numpy.save(zeros(spec), metadata or None)
    length = 8 + struct.unpack_from("<Q", data)[0]
    order = [name for name, _ in safetensors.deserialize(data)]
    starts = {n: x["data_offsets"] for n, x in entries_of(data).items() if n != "__metadata__"}
    order.sort(key=lambda name: (starts[name], list(starts).index(name)))
    return {"header": data[:length].hex(), "length": length, "order": order}


def entries_of(data):
    """The header of a file as a dict."""
    length = struct.unpack_from("<Q", data)[0]
    return json.loads(data[8 : 8 + length])


@in_numpy
def safe_order(data, names):
    return {"order": names}


@in_numpy
def safe_file(data, names):
    data = bytes.fromhex(data)
    first = 8 + struct.unpack_from("<Q", data)[0]
    entries = entries_of(data)
    metadata = entries.pop("__metadata__", {})
    places = {n: [x["dtype"], x["shape"], *x["data_offsets"]] for n, x in entries.items()}
    library = dict(safetensors.deserialize(data))
    kinds = {"F32": "float32", "I16": "int16", "U8": "uint8", "BF16": ml_dtypes.bfloat16}
    counts, arrays = [first], []
    for name in names:
        x = library[name]
        arrays.append(np.frombuffer(bytes(x["data"]), kinds[x["dtype"]]).reshape(x["shape"]))
        counts.append(counts[-1] + len(x["data"]))
    return {
        "arrays": arrays,
        "counts": counts,
        "first": first,
        "metadata": metadata,
        "places": places,
    }


def writer():
    """The library's writer of GGUF, and the file in memory into which it writes."""
    made = gguf.GGUFWriter(None, "tinymlx")
    made.kv_data[0].clear()
    return made, io.BytesIO()


KINDS = {
    bool: gguf.GGUFValueType.BOOL,
    str: gguf.GGUFValueType.STRING,
    float: gguf.GGUFValueType.FLOAT32,
}


def kind_of(value):
    """The kind of one value, as our writer chooses it."""
    if isinstance(value, list):
        return gguf.GGUFValueType.ARRAY
    if isinstance(value, int) and not isinstance(value, bool):
        small = -(2**31) <= value < 2**31
        return gguf.GGUFValueType.INT32 if small else gguf.GGUFValueType.INT64
    return KINDS[type(value)]


def packed(value):
    """A value by the library, with the kind in front; that of an empty list by hand."""
    if value == []:
        return struct.pack("<IIQ", 9, 4, 0)
    if isinstance(value, list):
        members = [packed(member) for member in value]
        return struct.pack("<I4sQ", 9, members[0][:4], len(value)) + b"".join(
            member[4:] for member in members
        )
    made, _ = writer()
    return made._pack_val(value, kind_of(value), add_vtype=True)


@in_numpy
def value_of(value, as_tuple=False):
    return {"bytes": packed(value).hex()}


def text(x):
    """A text with its length."""
    data = x.encode()
    return struct.pack("<Q", len(data)) + data


def information(name, kind, shape, offset):
    """What stands in the file about one array."""
    axes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1])
    return text(name) + axes + struct.pack("<IQ", kind, offset)


@in_numpy
def gguf_beginning(entries, arrays):
    data = b"GGUF" + struct.pack("<IQQ", 3, len(arrays), len(entries))
    for name, value in entries.items():
        data += text(name) + packed(value)
    offset = 0
    for name, (kind, shape, size) in arrays.items():
        data += information(name, kind, shape, offset)
        offset += gguf.GGUFWriter.ggml_pad(size, gguf.GGUF_DEFAULT_ALIGNMENT)
    whole = gguf.GGUFWriter.ggml_pad(len(data), gguf.GGUF_DEFAULT_ALIGNMENT)
    return {"bytes": data.ljust(whole, b"\0").hex()}


@in_numpy
def gguf_entry(data, before=0):
    data = bytes.fromhex(data)[before:]
    length = struct.unpack_from("<Q", data)[0]
    name = data[8 : 8 + length].decode()
    axes = struct.unpack_from("<I", data, 8 + length)[0]
    shape = struct.unpack_from(f"<{axes}Q", data, 12 + length)[::-1]
    kind, start = struct.unpack_from("<IQ", data, 12 + length + 8 * axes)
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType(kind)]
    return {
        "name": name,
        "shape": list(shape),
        "kind": kind,
        "start": start,
        "size": int(np.prod(shape, dtype=object)) // block * size,
        "place": before + 24 + length + 8 * axes,
    }


@in_numpy
def in_blocks(x, kind):
    return {"bytes": gguf.quants.quantize(x.astype(np.float32), gguf.GGMLQuantizationType[kind])}


@in_numpy
def from_blocks(data):
    found = gguf.quants.dequantize(data.astype(np.uint8), gguf.GGMLQuantizationType.Q4_0)
    return {"x": found}


# A model made ready, 15.5 to 15.7


@in_numpy
def folded(weight, bias, norm, eps, affine=True):
    factor = 1 / np.sqrt(norm["running_var"] + eps)
    shift = -norm["running_mean"] if bias is None else bias - norm["running_mean"]
    if affine:
        factor = factor * norm["weight"]
    shift = shift * factor + (norm["bias"] if affine else 0)
    return {"weight": weight * factor.reshape(-1, *[1] * (weight.ndim - 1)), "bias": shift}


@in_numpy
def weights_as_inputs(x, weight, bias, other):
    return {
        "own": 2 * (x @ weight.T + bias),
        "one": 2 * (x @ other.T + bias),
        "all": 2 * (x @ other.T + 2 * bias),
        "after": [weight, bias],
    }


@in_numpy
def weights_after_training(x, weight, other):
    return {"before": x @ weight.T, "now": x @ other.T, "after": other}


@in_numpy
def weights_after_an_error(weight, other):
    return {"weight": weight}


@in_numpy
def through_a_file(x, weight, other):
    return {"first": x @ weight.T, "second": x @ other.T}


@in_numpy
def prepared(fields, pixels):
    x = (pixels / 255 - np.array(fields["mean"])) / np.array(fields["deviation"])
    return {"x": x[..., ::-1] if fields.get("order") == "BGR" else x}


@in_numpy
def scaling(mean, deviation, order):
    """Two pixels of each channel, 0 and 255, tell bias and scale."""
    shared = float(np.mean(deviation))
    ends = [[(e - m) / d for e in (0, 1)] for m, d in zip(mean, deviation)]
    factor = [(high - low) * shared for low, high in ends]
    bias = [low / f for (low, _), f in zip(ends, factor)]
    if order == "BGR":
        bias, factor = bias[::-1], factor[::-1]
    return {"scale": 1 / 255 / shared, "bias": bias, "factor": factor}


# Fewer bytes, 15.11 to 15.13


@in_numpy
def codes_of(table, weights):
    """How many borders are below."""
    borders = (table[1:] + table[:-1]) / 2
    return {"codes": (weights[..., None] > borders).sum(-1).astype(np.uint8)}


@in_numpy
def palette_of(weights, count, rounds):
    flat = weights.reshape(-1)
    table = np.linspace(flat.min(), flat.max(), count)
    codes = codes_of(table, flat)["codes"]
    for _ in range(rounds):
        for k in range(count):
            if (codes == k).any():
                table[k] = flat[codes == k].mean()
        new = codes_of(table, flat)["codes"]
        if (new == codes).all():
            break
        codes = new
    return {"table": table, "codes": codes.reshape(weights.shape)}


@in_numpy
def stay(magnitudes, sparsity):
    """A stable sort: of equal ones the first go first."""
    gone = np.argsort(magnitudes, kind="stable")[: round(sparsity * len(magnitudes))]
    kept = np.ones(len(magnitudes), bool)
    kept[gone] = False
    return {"kept": kept}


@in_numpy
def pruned(weights, sparsity, everywhere):
    parts = {name: np.abs(w).reshape(-1) for name, w in weights.items()}
    if everywhere and parts:
        kept = stay(np.concatenate(list(parts.values())), sparsity)["kept"]
        cuts = np.cumsum([len(x) for x in parts.values()])[:-1]
        masks = dict(zip(parts, np.split(kept, cuts)))
    else:
        masks = {name: stay(x, sparsity)["kept"] for name, x in parts.items()}
    return {"weights": {n: np.where(masks[n].reshape(w.shape), w, 0) for n, w in weights.items()}}
