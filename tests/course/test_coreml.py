"""Core ML: programs of whole networks, and packages as they are saved.

To predict needs macOS. On Linux the saved package is computed by ``mil.py``; on a Mac the same test
asks Core ML itself, too.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mil
import numpy as np
import pytest

from course import coreml
from course.cli.export import CoreML, export
from course.cli.project import implementation, load_script
from course.coreml.package import without
from course.errors import CourseError
from course.paths import Project
from course.registry import Registry

Made = tuple[Any, list[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def networks(project: Project, registry: Registry) -> Iterator[dict[str, Callable[[], Made]]]:
    """For each network a program, inputs, and what it answers here."""
    with implementation(project, registry, "solutions"):
        from tinymlx import core, nn
        from tinymlx.formats.mil import convert
        from tinymlx.models.lenet import LeNet
        from tinymlx.models.vae import ConvVAE

        core.random.seed(0)
        encoder, vae = nn.TransformerEncoder(2, 8, 2), ConvVAE((8, 8), (1, 4, 8), 16, 4)
        # Both of its weights have more than 512 numbers: these are the ones that get smaller.
        small = nn.Sequential(
            nn.Conv2d(3, 20, 3, padding=1),
            nn.BatchNorm(20),
            nn.relu,
            nn.MaxPool2d(2),
            lambda x: core.flatten(x, 1),
            nn.Linear(320, 5),
        )
        for network in (encoder, vae, small):
            network.eval()

        def made(function: Any, *shape: int) -> Made:
            x = core.random.uniform(shape=shape)
            y = np.array(function(x).tolist(), np.float32)
            return convert(function, x), [np.array(x.tolist(), np.float32)], y

        def cnn() -> Made:
            script = load_script(project.exercises / "ch07_cnn" / "project.py")
            _, function, shape, _ = script.exported()
            return made(function, 1, *shape)

        yield {
            "cnn": cnn,
            "lenet": lambda: made(LeNet(), 2, 32, 32, 1),
            "small": lambda: made(small, 2, 8, 8, 3),
            "encoder": lambda: made(lambda x: encoder(x, None), 2, 5, 8),
            "decoder": lambda: made(vae.decode, 2, 4),
        }


@pytest.mark.parametrize(
    ("name", "turns"), [("cnn", 2), ("lenet", 2), ("encoder", 8), ("decoder", 2)]
)
def test_programs_compute_what_networks_do(networks: Any, name: str, turns: int) -> None:
    program, inputs, expected = networks[name]()
    (found,) = mil.run(mil.plain(program), inputs)
    assert np.abs(found - expected).max() < 1e-5 * max(1, np.abs(expected).max())
    assert [op.kind for op in program.ops].count("transpose") == turns


@pytest.mark.parametrize(
    ("name", "precision", "weights", "bound"),
    [
        ("small", "float32", "plain", 1e-5),
        ("encoder", "float32", "plain", 1e-5),
        ("decoder", "float32", "plain", 1e-5),
        ("small", "float32", "linear", 5e-2),
        ("small", "float32", "palettes", 0.5),
    ],
)
def test_packages(
    networks: Any, tmp_path: Path, name: str, precision: str, weights: str, bound: float
) -> None:
    program, (x,), expected = networks[name]()
    file = tmp_path / "net.mlpackage"
    coreml.write(program, file, precision, "iOS18", weights, {"classes": "a,b"})
    found = mil.run_package(file, {"input_0": x})["output_0"]
    allowed = bound * max(1 if weights == "plain" else 0, np.abs(expected).max())
    assert found.shape == expected.shape and np.abs(found - expected).max() < allowed
    if sys.platform == "darwin":  # where Core ML is
        model = coreml.tools().models.MLModel(str(file))
        answer = model.predict({"input_0": x})["output_0"]
        assert np.abs(answer - expected).max() < max(allowed, 1e-3)


@pytest.mark.parametrize("chapter", ["ch09_gan", "ch10_autoencoder", "ch13_diffusion_clip"])
def test_what_other_chapters_export(project: Project, registry: Registry, chapter: str) -> None:
    """Their functions as programs: the same pictures, the same vectors."""
    with implementation(project, registry, "solutions"):
        from tinymlx import core
        from tinymlx.formats.mil import convert

        _, function, shape, told = load_script(
            project.exercises / chapter / "project.py"
        ).exported()
        assert told["shape"] == ",".join(map(str, shape))
        x = core.random.normal((1, *shape))
        program, expected = convert(function, x), np.array(function(x).tolist(), np.float32)
    (found,) = mil.run(mil.plain(program), [np.array(x.tolist(), np.float32)])
    assert np.abs(found - expected).max() < 1e-5


def test_a_package_of_an_older_kind(networks: Any, tmp_path: Path) -> None:
    """Palettes as iOS 16 has them; a package that is there is replaced."""
    program, (x,), expected = networks["small"]()
    file = tmp_path / "net.mlpackage"
    for target in ("iOS16", "macOS13"):
        coreml.write(program, file, "float32", target, "palettes")
        found = mil.run_package(file, {"input_0": x})["output_0"]
        assert np.abs(found - expected).max() < 0.5 * np.abs(expected).max()
    assert [path.name for path in tmp_path.iterdir()] == ["net.mlpackage"]


def test_export_of_a_chapter(networks: Any, tmp_path: Path) -> None:
    """In halves: near to what the network says; its classes and its shape are told."""
    file = export(7, "coreml", tmp_path / "n.mlpackage", 1, "solutions", CoreML("float16"))
    _, (x,), expected = networks["cnn"]()
    found = mil.run_package(file, {"input_0": x})["output_0"]
    assert np.abs(found - expected).max() < 1e-2 * max(1, np.abs(expected).max())
    spec = coreml.tools().models.MLModel(str(file), skip_model_load=True).get_spec()
    assert spec.description.metadata.userDefined["tinymlx.classes"].startswith("airplane,")
    assert spec.description.input[0].type.multiArrayType.shape == [1, 32, 32, 3]


def test_a_language_model_with_memory(project: Project, registry: Registry, tmp_path: Path) -> None:
    """Token by token: as the whole text at once; its keys and values stay in the package's state,
    which Core ML keeps in float16."""
    with implementation(project, registry, "solutions"):
        from tinymlx import core
        from tinymlx.deployment.stateful import empty, step_of
        from tinymlx.formats.mil import convert, with_states
        from tinymlx.models.language.gpt2 import GPT2, GPT2Config

        core.random.seed(0)
        model = GPT2(GPT2Config(50, 8, 16, 2, 2))
        tokens = core.array([[3, 7, 1, 30, 2]], core.int32)
        expected = np.array(model(tokens).tolist(), np.float32)[0]
        room, first = empty(model, 8), core.array([0], core.int32)
        program = convert(step_of(model, 8), tokens[:, :1], first, room, room)
    rooms = [np.zeros((2, 1, 2, 8, 8), np.float32)] * 2
    steps = [
        (np.array([[t]], np.int32), np.array([i], np.int32)) for i, t in enumerate([3, 7, 1, 30, 2])
    ]
    for (token, place), y in zip(steps, expected, strict=True):
        found, *rooms = mil.run(mil.plain(program), [token, place, *rooms])
        assert np.abs(found[0, 0] - y).max() < 1e-5 * np.abs(expected).max()
    program = with_states(program, {2: 1, 3: 2})
    with pytest.raises(CourseError, match="iOS17 has no memory"):
        coreml.write(program, tmp_path / "old.mlpackage")
    file = tmp_path / "gpt.mlpackage"
    coreml.write(program, file, "float16", "iOS18")
    state = {name: np.zeros(rooms[0].shape, np.float16) for name in program.states}
    for (token, place), y in zip(steps, expected, strict=True):
        found = mil.run_package(file, {"input_0": token, "input_1": place}, state)["output_0"]
        assert np.abs(found[0, 0] - y).max() < 1e-2 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (CoreML(target="iOS99"), "no deployment target iOS99; there are iOS15, iOS16"),
        (CoreML(precision="int3"), "no precision int3"),
        (CoreML(weights="small"), "no kind of weights small"),
    ],
    ids=str,
)
def test_what_is_unknown(tmp_path: Path, how: CoreML, told: str) -> None:
    with pytest.raises(CourseError, match=told):
        export(7, "coreml", tmp_path / "n.mlpackage", 1, "solutions", how)
    assert not list(tmp_path.iterdir())


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coremltools", None)
    with pytest.raises(CourseError, match=r"pip install 'tinymlx\[coreml\]'"):
        coreml.tools()


def test_nobody_else_imports_it() -> None:
    program = "import sys, course.cli.export, course.coreml; print('coremltools' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_what_was_imported_before_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", sys)
    monkeypatch.delitem(sys.modules, "xgboost", raising=False)
    with pytest.raises(ImportError), without(["sklearn", "xgboost"]):
        import sklearn  # noqa: F401
    assert sys.modules["sklearn"] is sys and "xgboost" not in sys.modules
