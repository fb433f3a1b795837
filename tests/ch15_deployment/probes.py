"""What the graders of chapter 15 run of the student's code."""

import io
import os
import tempfile

import mlx.core as mx

from tinymlx import core, nn
from tinymlx.core import array as to_array
from tinymlx.deployment import contract, exporting, ready
from tinymlx.formats import blocks, gguf, safetensors
from tinymlx.formats.pieces import Reader
from tinymlx.utils import tree_flatten

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


def in_blocks(x, kind):
    return {"bytes": {"Q8_0": blocks.to_q8_0, "Q4_0": blocks.to_q4_0}[kind](x)}


def from_blocks(data):
    return {"x": blocks.from_q4_0(data)}


# A model made ready, 15.5 to 15.7


def norm_of(given, eps, parts):
    """A normalization with what ``parts`` names of it."""
    norm = nn.BatchNorm(given["running_mean"].size, eps=eps, affine="weight" in parts)
    for name in parts:
        norm[name] = given[name]
    norm.running_mean, norm.running_var = given["running_mean"], given["running_var"]
    return norm


def folded(weight, bias, norm, eps, affine=True):
    parts = ["weight", "bias"] if affine else []
    w, b = ready.folded(weight, bias, norm_of(norm, eps, parts))
    return {"weight": w, "bias": b}


def folded_without_statistics():
    return ready.folded(core.ones((2, 3)), None, nn.BatchNorm(2, track_running_stats=False))


def wild(layer):
    """A layer whose parameters and statistics are nothing special."""
    for name, x in tree_flatten(layer.parameters()):
        low = 0.5 if name == "running_var" else -1.0
        layer[name] = core.random.uniform(low, 1.5, x.shape)
    return layer


MADE = {
    "conv": lambda: wild(nn.Conv2d(2, 2, 3, padding=1)),
    "bare": lambda: wild(nn.Conv2d(2, 2, 1, bias=False)),
    "linear": lambda: wild(nn.Linear(2, 2)),
    "norm": lambda: wild(nn.BatchNorm(2)),
    "layernorm": lambda: wild(nn.LayerNorm(2)),
    "dropout": lambda: nn.Dropout(0.5),
    "dropout2d": lambda: nn.Dropout2d(0.5),
    "relu": lambda: nn.relu,
    "pool": lambda: nn.MaxPool2d(2),
}


def ready_chain(x, kinds, seed, dtype=None):
    """What is left of a chain, and outputs before and after; in the middle of training."""
    core.random.seed(seed)
    layers = [MADE[kind]() for kind in kinds]
    chain = nn.Sequential(*layers)
    chain.eval()
    expected = chain(x)
    before = tree_flatten(chain.parameters())
    core.eval(before)
    left = ready.ready(layers, getattr(mx, dtype) if dtype else None)
    now = tree_flatten(chain.parameters())
    kept = len(layers) == len(kinds) and all(
        a == b and core.array_equal(v, w).item() for (a, v), (b, w) in zip(before, now)
    )
    y = nn.Sequential(*left)(x)
    return {
        "kinds": [getattr(layer, "__name__", type(layer).__name__) for layer in left],
        "same": [any(layer is old for old in layers) for layer in left],
        "dtypes": [
            str(layer.weight.dtype)
            for layer in left
            if isinstance(layer, dict) and "weight" in layer
        ],
        "kept": kept,
        "y": y,
        "expected": expected,
    }


def weights_as_inputs(x, weight, bias, other):
    """A model whose weights are its own, one of them given, all given; and its own afterwards."""
    model = nn.Sequential(nn.Linear(3, 2))
    model.layers[0].weight, model.layers[0].bias = weight, bias
    f = exporting.with_weights(model, lambda x: 2 * model(x))
    return {
        "own": f(x),
        "one": f(x, **{"layers.0.weight": other}),
        "all": f(x, **{"layers.0.weight": other, "layers.0.bias": 2 * bias}),
        "after": [model.layers[0].weight, model.layers[0].bias],
    }


def weights_after_an_error(weight, other):
    """The model's weight when the function raised in its middle."""
    model = nn.Linear(3, 2)
    model.weight = weight

    def broken(x):
        raise ZeroDivisionError

    try:
        exporting.with_weights(model, broken)(weight, weight=other)
    except ZeroDivisionError:
        return {"weight": model.weight}
    raise AssertionError("the error of the function was lost")


def unknown_weight(x, name):
    model = nn.Linear(3, 2)
    return exporting.with_weights(model, model)(x, **{name: x})


def through_a_file(x, weight, other):
    """A function with its weight as an input, exported, read again, called with two weights."""
    model = nn.Linear(3, 2, bias=False)
    model.weight = weight
    f = exporting.with_weights(model, model)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "f.mlxfn")
        core.eval(x, weight)
        core.export_function(file, f, x, weight=weight)
        found = core.import_function(file)
        results = [found(x, weight=w)[0] for w in (weight, other)]
        core.eval(results)
    return {"first": results[0], "second": results[1]}


def lie(expected, found, tolerance=1e-5):
    """The lie about pairs of outputs; ``None`` stands for a refusal. How many were asked for."""
    calls = []

    def other(x):
        calls.append(x)
        y = found[len(calls) - 1]
        if y is None:
            raise ValueError("no imported function matches")
        return [y]

    given = iter(expected)
    told = exporting.first_lie(
        lambda x: next(given), other, [[x] for x in expected], tolerance=tolerance
    )
    words = told.split() if told else None
    return {"words": words[:3] if words else None, "calls": len(calls)}


def careless_error(x):
    """An error of another kind is a mistake in the program, and comes through."""

    def other(x):
        raise ZeroDivisionError("of the program")

    return exporting.first_lie(lambda x: x, other, [[x]])


def promised(fields):
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return contract.Contract(**fields)


def prepared(fields, pixels):
    return {"x": promised(fields).prepared(pixels)}


def answered(fields, outputs, count):
    return {"pairs": [list(x) for x in promised(fields).answers(outputs, count)]}


def scaling(mean, deviation, order):
    scale, bias, factor = contract.image_scaling(mean, deviation, order)
    return {"scale": scale, "bias": bias, "factor": factor}
