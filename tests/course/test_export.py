"""Trained networks as files, and the runner in C++ that needs no Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import mil
import mlx.core as mx
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image
from skimage import data, transform

from course import coreml
from course.cli.export import ENDINGS, export
from course.cli.project import implementation, load_script
from course.errors import CourseError
from course.paths import Project
from course.registry import Registry
from course.runner import build

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def written(folder: Path) -> dict[str, Path]:
    """Chapter 7's network in every format."""
    return {
        to: export(7, to, folder / f"net.{to}", 1, "solutions")
        for to in ("safetensors", "gguf", "mlxfn")
    }


@pytest.fixture(scope="module")
def runner(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built as its CMakeLists.txt says."""
    program = build(project, tmp_path_factory.mktemp("build"))
    if program is None:
        missing = "there is no cmake, or no C++ compiler, so the runner in C++ is not tested"
        if os.environ.get("TINYMLX_REQUIRE_CMAKE"):
            pytest.fail(missing)
        pytest.skip(missing)
    return program


def said(runner: Path, *args: object) -> tuple[int, str]:
    done = subprocess.run(
        [str(x) for x in (runner, *args)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def logits(project: Project, registry: Registry, pictures: np.ndarray) -> Iterator[np.ndarray]:
    """What the network says in Python, and its weights."""
    with implementation(project, registry, "solutions"):
        script = load_script(project.exercises / "ch07_cnn" / "project.py")
        _, function, shape, _ = script.exported()
        assert shape == pictures.shape[1:]
        from tinymlx import core

        yield np.array(function(core.array(pictures)).tolist(), np.float32)


def test_three_files_with_the_same_weights(written: dict[str, Path]) -> None:
    plain = safetensors.numpy.load_file(str(written["safetensors"]))
    opened = {t.name: t for t in gguf.GGUFReader(str(written["gguf"])).tensors}
    assert set(plain) == set(opened) and len(plain) > 30
    for name, x in plain.items():
        assert np.array_equal(opened[name].data.reshape(x.shape), x), name
    with safetensors.safe_open(str(written["safetensors"]), "numpy") as file:
        assert file.metadata()["classes"].startswith("airplane,automobile")


def test_the_function_is_the_network(
    written: dict[str, Path], pictures: np.ndarray, logits: np.ndarray
) -> None:
    function, about = mx.import_function(str(written["mlxfn"]), True)
    assert "shape=32,32,3" in about
    found = np.array(function(mx.array(pictures))[0])
    assert np.abs(found - logits).max() < 1e-5 * max(1, np.abs(logits).max())


def test_the_runner_computes_the_same_bits(
    runner: Path, written: dict[str, Path], pictures: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "in.npy", pictures)
    code, text = said(runner, written["mlxfn"], "run", tmp_path / "in.npy", tmp_path / "out.npy")
    assert code == 0, text
    # In a process of its own: this one may compute products with another library.
    program = (
        "import sys, mlx.core as mx\n"
        "y = mx.import_function(sys.argv[1])(mx.load(sys.argv[2]))[0]\n"
        "mx.save(sys.argv[3], mx.contiguous(y))"
    )
    files = [written["mlxfn"], tmp_path / "in.npy", tmp_path / "python.npy"]
    subprocess.run([sys.executable, "-c", program, *map(str, files)], check=True)
    assert np.array_equal(np.load(tmp_path / "out.npy"), np.load(tmp_path / "python.npy"))


def test_the_runner_knows_a_cat(runner: Path, written: dict[str, Path], tmp_path: Path) -> None:
    cat = transform.resize(data.chelsea()[:300, 60:360], (32, 32), anti_aliasing=True)
    Image.fromarray((cat * 255).astype(np.uint8)).save(tmp_path / "cat.ppm")
    code, text = said(runner, written["mlxfn"], "classify", tmp_path / "cat.ppm")
    lines = [line.split() for line in text.splitlines()]
    assert code == 0 and lines[0][-1] == "cat" and len(lines) == 10  # measured: 96 %
    assert abs(sum(float(line[0]) for line in lines) - 100) < 0.1


def test_the_runner_completes_a_text(
    runner: Path, project: Project, registry: Registry, tmp_path: Path
) -> None:
    """Greedy bytes from a window, as in Python."""
    with implementation(project, registry, "solutions"):
        from tinymlx import core, nn

        core.random.seed(1)
        table, head = nn.Embedding(256, 16), nn.Linear(16 * 4, 256)
        core.eval(table.parameters(), head.parameters())

        def function(tokens: Any) -> Any:
            return head(table(tokens).reshape(tokens.shape[0], -1)) - 50 * (core.arange(256) > 126)

        file, example = tmp_path / "text.mlxfn", core.zeros((1, 4), core.int32)
        core.export_function(str(file), function, example, metadata="length=4")
        text = b"ab"
        for _ in range(12):
            window = list((bytes(4) + text)[-4:])
            text += bytes([core.argmax(function(core.array([window])), axis=-1).item()])
    done = subprocess.run([str(runner), str(file), "complete", "ab", "12"], capture_output=True)
    assert done.returncode == 0 and done.stdout == text + b"\n"


@pytest.fixture(scope="module")
def gpt(project: Project, registry: Registry, folder: Path) -> Iterator[Any]:
    """Chapter 12's GPT: its script, as long as the solutions are there, and its files."""
    made = {to: folder / f"gpt{ENDINGS[to]}" for to in ENDINGS}
    for to, file in made.items():
        export(12, to, file, 1, "solutions")
    with implementation(project, registry, "solutions"):
        yield load_script(project.exercises / "ch12_text_generation" / "project.py"), made


PROMPT = b"KING RICHARD:\nWhat"


def windows(text: bytes) -> np.ndarray:
    """The end of a text as the network takes it, zeros in front."""
    return np.frombuffer((bytes(64) + text)[-64:], np.uint8).astype(np.int32)[None]


def test_a_language_model_in_files(gpt: Any) -> None:
    """Weights in both formats are those of the network, and a function gives the same logits."""
    script, made = gpt
    from tinymlx import core
    from tinymlx.utils import tree_flatten

    model, function, shape, told = script.exported()
    weights = dict(tree_flatten(model.parameters()))
    plain = safetensors.numpy.load_file(str(made["safetensors"]))
    opened = {t.name: t for t in gguf.GGUFReader(str(made["gguf"])).tensors}
    assert set(plain) == set(opened) == set(weights)
    for name, x in weights.items():
        assert np.array_equal(plain[name], np.array(x.tolist(), np.float32)), name
        assert np.array_equal(opened[name].data.reshape(x.shape), plain[name]), name
    read, about = mx.import_function(str(made["mlxfn"]), True)
    assert "length=64" in about and shape == (64,) and told["length"] == "64"
    for text in (b"", b"a", PROMPT, 5 * PROMPT):
        expected = np.array(function(core.array(windows(text))).tolist(), np.float32)
        found = np.array(read(mx.array(windows(text)))[0])
        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_a_language_model_with_memory(gpt: Any) -> None:
    """Core ML reads byte by byte, and keeps halves; its next byte is that of the window."""
    script, made = gpt
    from tinymlx import core

    _, function, _, _ = script.exported()
    spec = coreml.tools().models.MLModel(str(made["coreml"]), skip_model_load=True).get_spec()
    assert spec.description.metadata.userDefined["tinymlx.length"] == "64"
    rooms = {s.name: s.type.stateType.arrayType.shape for s in spec.description.state}
    state = {name: np.zeros(list(shape), np.float16) for name, shape in rooms.items()}
    assert len(state) == 2
    for i, byte in enumerate(PROMPT):
        given = {"input_0": np.array([[byte]], np.int32), "input_1": np.array([i], np.int32)}
        found = mil.run_package(made["coreml"], given, state)["output_0"][0, 0]
        expected = np.array(function(core.array(windows(PROMPT[: i + 1]))).tolist(), np.float32)[0]
        assert np.abs(found - expected).max() < 1e-2 * np.abs(expected).max()


def test_the_runner_continues_a_play(gpt: Any, runner: Path) -> None:
    """Greedy bytes without Python are those of Python."""
    script, made = gpt
    from tinymlx import core

    _, function, _, _ = script.exported()
    text = PROMPT
    for _ in range(24):
        text += bytes([core.argmax(function(core.array(windows(text))), axis=-1).item()])
    command = [str(runner), str(made["mlxfn"]), "complete", PROMPT.decode(), "24"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stdout == text + b"\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["{net}", "classify", "nothing.ppm"], "nothing.ppm cannot be opened"),
        (["{net}", "classify", "{text}"], "is no binary PGM or PPM"),
        (["{net}", "classify", "{short}"], "is incomplete"),
        (["{net}", "classify", "{large}"], "40 million pixels"),
        (["{net}", "classify", "{small}"], "is 2 x 2 with 3 channels; the model wants 32,32,3"),
        (["{net}", "complete", "a", "3"], 'says nothing about "length"'),
        (["{text}", "classify", "{small}"], "runner: "),
        (["nothing.mlxfn", "classify", "{small}"], "Failed to open nothing.mlxfn"),
        ([], "runner MODEL.mlxfn run"),
    ],
    ids=str,
)
def test_what_the_runner_refuses(
    runner: Path, written: dict[str, Path], tmp_path: Path, args: list[str], told: str
) -> None:
    files = {
        "text": b"hello, this is no picture",
        "short": b"P6 32 32 255\n" + bytes(100),
        "large": b"P6 100000 100000 255\n",
        "small": b"P6\n# two by two\n2 2\n255\n" + bytes(12),
    }
    paths = {"net": str(written["mlxfn"])}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        paths[name] = str(tmp_path / name)
    code, text = said(runner, *(arg.format(**paths) for arg in args))
    assert code in (1, 2) and told in text


def test_what_cannot_be_exported(folder: Path) -> None:
    for chapter, to, out, told in [
        (8, "gguf", None, "came with chapter 8; chapters 7, 9, 10, 12, 13, 16 have one"),
        (7, "png", None, "There is no format png"),
        (7, "coreml", folder / "net.mlmodel", r"ends in \.mlpackage"),
        (7, "gguf", folder / "net.safetensors", r"ends in \.gguf"),
        (7, "gguf", Path("/proc/nowhere/net.gguf"), "cannot be written"),
        (12, "coreml", folder / "gpt.mlpackage", "memory for one text"),
    ]:
        with pytest.raises(CourseError, match=told):
            export(chapter, to, out, 1 + (chapter == 12), "solutions")
