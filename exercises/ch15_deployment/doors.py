"""The doors through which the network goes. Each gives a function of pictures, and a file."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from PIL import Image

from course.errors import CourseError
from course.paths import find_project
from tinymlx import compiler, core, nn
from tinymlx.compression import affine
from tinymlx.core import array
from tinymlx.deployment.ready import folded
from tinymlx.formats import gguf, safetensors
from tinymlx.utils import tree_flatten

Predict = Callable[[np.ndarray], np.ndarray]
EXACT = 1e-5  # of the largest logit: what float32 may cost


@dataclass
class Door:
    """A way out of Python, or out of the training program.

    Attributes:
        name: as the table calls it.
        predict: pictures ``(N, H, W, C)`` from 0 to 1 to logits or probabilities.
        file: what would be sent to somebody else, if there is one.
        tolerance: the greatest difference of the outputs, relative to the largest one.
        probabilities: whether ``predict`` gives these.
        memory: bytes, where they are not MLX's own here.
        said: why there is no function, or what else is to be known, in a sentence.
    """

    name: str
    predict: Predict | None
    file: Path | None = None
    tolerance: float | None = EXACT
    probabilities: bool = False
    memory: Callable[[], int] | None = None
    said: str = ""
    facts: dict[str, float] = field(default_factory=dict)


class Network:
    """The network of chapter 7 with the weights that came with it."""

    def __init__(self) -> None:
        from course.cli.project import load_script

        self.script = load_script(find_project().exercises / "ch07_cnn" / "project.py")
        self.model, self.function, self.shape, self.told = self.script.exported()

    def with_weights(self, weights: dict[str, array]) -> Predict:
        """The same network, not folded, with other weights."""
        model, function, _, _ = self.script.exported()
        model.load_weights(list(weights.items()))
        return in_numpy(function)

    @property
    def weights(self) -> dict[str, array]:
        """All parameters by name."""
        return tree_flatten(self.model.parameters(), destination={})


def in_numpy(function: Callable[[array], Any]) -> Predict:
    """A function of NumPy's arrays."""
    return lambda x: np.array(mx.array(function(core.array(x))))


def fold(model: Any) -> None:
    """Put every normalization into the convolution in front of it."""

    def pair(holder: Any, conv: Any, name: str) -> None:
        conv.weight, conv.bias = folded(conv.weight, None, holder[name])
        setattr(holder, name, nn.Identity())

    pair(model, model.conv, "bn")
    for block in model.stages.layers:
        pair(block, block.conv1, "bn1")
        pair(block, block.conv2, "bn2")
        if "shortcut" in block:
            conv, norm = block.shortcut.layers
            conv.weight, conv.bias = folded(conv.weight, None, norm)
            block.shortcut = nn.Sequential(conv)


def in_blocks(name: str, weight: array) -> bool:
    """Whether an array is worth coding: products have it, and its last axis is in blocks of 32."""
    return name.endswith("weight") and weight.ndim > 1 and weight.shape[-1] % 32 == 0


def half_rounding(x: array) -> array:
    """How far a number may be from itself in half precision."""
    return core.maximum(core.abs(x) * 2.0**-11, 2.0**-25)


def as_eager(network: Network, out: Path) -> Door:
    return Door("Python, as trained", in_numpy(network.function))


def as_folded(network: Network, out: Path) -> Door:
    return Door("folded", in_numpy(folded_function(network)))


def folded_function(network: Network) -> Callable[[array], array]:
    """The network with its normalizations folded, as a function."""
    model, function, _, _ = network.script.exported()
    fold(model)
    core.eval(model.parameters())
    return function


def as_compiled(network: Network, out: Path) -> Door:
    return Door("folded, our own compiler", in_numpy(compiler.compile(folded_function(network))))


def as_safetensors(network: Network, out: Path) -> Door:
    file = out / "network.safetensors"
    safetensors.save(str(file), network.weights, network.told)
    return Door("safetensors", network.with_weights(safetensors.load(str(file))), file, 0.0)


def as_gguf(network: Network, out: Path) -> Door:
    file = out / "network.gguf"
    gguf.save(str(file), network.weights)
    return Door("GGUF", network.with_weights(gguf.load(str(file))[0]), file, 0.0)


def as_eight_bits(network: Network, out: Path) -> Door:
    """Blocks of 32 weights with a scale in half precision. The bound is that of each weight."""
    file, weights = out / "network-q8.gguf", network.weights
    coded = {name: "Q8_0" for name, w in weights.items() if in_blocks(name, w)}
    gguf.save(str(file), weights, blocks=coded)
    found = gguf.load(str(file))[0]
    worst = 0.0
    for name in coded:
        w, rounded = (x.reshape(-1, 32) for x in (weights[name], found[name].astype(core.float32)))
        scale = core.max(core.abs(w), axis=-1, keepdims=True) / 127
        # Half a step, and 127 steps by which the scale's rounding to half precision counts.
        bound = 0.5 * scale + 127 * half_rounding(scale)
        worst = max(worst, core.max(core.abs(w - rounded) / bound).item())
    if worst > 1:
        raise ValueError(f"a weight is {worst:.2f} times as far from its code as it may be")
    predict = network.with_weights({n: w.astype(core.float32) for n, w in found.items()})
    return Door("GGUF, 8 bits", predict, file, None, facts={"of the bound": worst})


def as_four_bits(network: Network, out: Path) -> Door:
    """Chapter 14's codes, in groups of 32 with a scale and a bias in half precision."""
    file, kept, rebuilt, worst = out / "network-4.safetensors", {}, {}, 0.0
    for name, w in network.weights.items():
        if not in_blocks(name, w):
            kept[name] = rebuilt[name] = w
            continue
        rows = w.reshape(w.shape[0], -1)
        codes, scales, biases = affine.coded(rows, 32, 4)
        kept[name] = affine.packed(codes, 4)
        kept[f"{name}.scales"] = scales.astype(core.float16)
        kept[f"{name}.biases"] = biases.astype(core.float16)
    safetensors.save(str(file), kept)
    found = safetensors.load(str(file))
    for name, w in network.weights.items():
        if name in rebuilt:
            continue
        scales, biases = (found[f"{name}.{x}"].astype(core.float32) for x in ("scales", "biases"))
        rounded = affine.decoded(affine.unpacked(found[name], 4), scales, biases)
        rebuilt[name] = rounded.reshape(w.shape)
        # The lesson of chapter 14: at the far end of a group a code may be a whole step away.
        bound = core.abs(scales) + 16 * half_rounding(scales) + half_rounding(biases)
        apart = core.abs(w.reshape(w.shape[0], -1) - rounded) / core.repeat(bound, 32, axis=-1)
        worst = max(worst, core.max(apart).item())
    if worst > 1:
        raise ValueError(f"a weight is {worst:.2f} times as far from its code as it may be")
    predict = network.with_weights(rebuilt)
    return Door("codes of 4 bits", predict, file, None, facts={"of the bound": worst})


def as_function(network: Network, out: Path) -> Door:
    file = out / "network.mlxfn"
    write_function(network, file)
    imported = core.import_function(str(file))
    return Door(".mlxfn", lambda x: np.array(mx.array(imported(core.array(x))[0])), file)


def write_function(network: Network, file: Path) -> None:
    """The folded network for one picture at a time, with what a program has to be told."""
    function = folded_function(network)
    example = core.zeros((1, *network.shape))
    core.eval(function(example))
    told = "\n".join(f"{name}={text}" for name, text in network.told.items())
    core.export_function(str(file), function, example, metadata=told)


def as_program(network: Network, out: Path) -> Door:
    """The runner in C++, if it can be built here."""
    from course import runner

    name, file = ".mlxfn in C++", out / "network.mlxfn"
    program = runner.build(find_project(), out / "runner")
    if program is None:
        return Door(name, None, said="needs CMake and a C++ compiler, and one of them is not here")
    write_function(network, file)
    used: list[int] = []

    def predict(x: np.ndarray) -> np.ndarray:
        rows = []
        for picture in x:
            np.save(out / "in.npy", picture[None])
            done = runner.run(program, file, "run", out / "in.npy", out / "out.npy")
            if done.code:
                raise ValueError(f"the runner ended with the code {done.code}")
            used.append(done.bytes)
            rows.append(np.load(out / "out.npy"))
        return np.concatenate(rows)

    said = "the time is that of a whole process, its start counted, and so is the memory"
    return Door(name, predict, file, memory=lambda: max(used), said=said)


def as_core_ml(network: Network, out: Path) -> Door:
    """Core ML's package; only a Mac can run it."""
    from course.cli import export

    name, file = "Core ML", out / "network.mlpackage"
    function, examples = folded_function(network), (core.zeros((1, *network.shape)),)
    try:
        export.as_coreml(file, function, examples, {}, network.told, export.CoreML())
    except CourseError as error:  # what it needs is an extra; its sentence says which
        return Door(name, None, said=str(error))
    return Door(name, None, file, said="latency and outputs need macOS")


@contextmanager
def as_server(network: Network, out: Path) -> Iterator[Door]:
    """Behind HTTP on this machine: pictures go as PNG, probabilities come as JSON."""
    import httpx

    from course.serve.app import Metrics, Server
    from course.serve.classifying import Classifier
    from course.serve.loopback import on_loopback
    from course.serve.wire import Limits
    from tinymlx.serving.batching import Batcher

    names = network.told["classes"].split(",")
    logits = folded_function(network)
    chances = in_numpy(lambda x: core.softmax(logits(x), axis=-1))
    pictures = Classifier("chapter-7", names, network.shape, chances, Batcher(32, 0.0))
    with (
        on_loopback(Server(None, pictures, Limits(), None, Metrics())) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):

        def predict(x: np.ndarray) -> np.ndarray:
            rows = []
            for picture in x:
                answer = client.post("/v1/classify", content=png(picture)).raise_for_status()
                found = {c["name"]: c["probability"] for c in answer.json()["classes"]}
                rows.append([found[name] for name in names])
            return np.array(rows, np.float32)

        yield Door("served, over HTTP", predict, probabilities=True)


def png(picture: np.ndarray) -> bytes:
    """A picture from 0 to 1 as a file."""
    out = io.BytesIO()
    Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


DOORS: tuple[Callable[[Network, Path], Any], ...] = (
    as_eager,
    as_folded,
    as_compiled,
    as_safetensors,
    as_gguf,
    as_eight_bits,
    as_four_bits,
    as_function,
    as_program,
    as_core_ml,
    as_server,
)


def latency(predict: Predict, picture: np.ndarray, repeats: int) -> float:
    """The median of the seconds that one picture takes, after a first time that does not count."""
    predict(picture)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        predict(picture)
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def peak(predict: Predict, picture: np.ndarray) -> int:
    """The most bytes that MLX's arrays take during one call, weights and all."""
    mx.synchronize()
    mx.clear_cache()
    mx.reset_peak_memory()
    predict(picture)
    return mx.get_peak_memory()
