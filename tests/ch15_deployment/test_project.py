"""The project of chapter 15 with few pictures."""

import json
import sys

import numpy as np
import pytest

from course import runner
from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch15_deployment"


@pytest.fixture
def script():
    with after_chapter(PROJECT, load_registry(PROJECT), 15):
        yield load_script(FOLDER / "project.py")


def part(script, name):
    """A file beside the project."""
    return sys.modules[f"{script.__name__}.{name}"]


def test_the_project(script, tmp_path, capsys, monkeypatch):
    """Every door but the program in C++, which `tests/course/test_export.py` builds."""
    monkeypatch.setattr(runner, "build", lambda project, folder: None)
    numbers = script.main(tmp_path, setting=script.Setting("test", 2, 1))
    assert json.loads((tmp_path / "numbers.json").read_text()) == numbers
    assert {"doors.png", "doors.svg", "network.gguf"} <= {p.name for p in tmp_path.iterdir()}
    assert not (tmp_path / "unfinished-test.json").exists()
    exact = (
        "Python, as trained",
        "folded",
        "folded, our own compiler",
        ".mlxfn",
        "served, over HTTP",
    )
    for name in exact:
        assert numbers[f"{name}: outputs differ"] <= 1e-5
        assert numbers[f"{name}: latency (ms)"] > 0
    for name in ("safetensors", "GGUF"):
        assert numbers[f"{name}: outputs differ"] == 0
        assert numbers[f"{name}: file (MB)"] > 6
    # Measured on 200 patterns: 0.014 and 0.15.
    assert 1e-4 < numbers["GGUF, 8 bits: outputs differ"] < 0.08
    assert 1e-2 < numbers["codes of 4 bits: outputs differ"] < 0.8
    assert numbers["codes of 4 bits: file (MB)"] < numbers["GGUF, 8 bits: file (MB)"] < 2
    assert "needs CMake" in capsys.readouterr().out


def test_another_network_behind_a_door(script, tmp_path, monkeypatch):
    """A stop in between is no loss; a door with another network behind it is closed."""
    doors = part(script, "doors")

    def other(network, out):
        return doors.Door("other", lambda x: 1.001 * np.array(network.function(doors.mx.array(x))))

    monkeypatch.setattr(script, "DOORS", (doors.as_eager, other))
    setting = script.Setting("test", 1, 1)
    for _ in range(2):
        with pytest.raises(ValueError, match="behind the door 'other'"):
            script.main(tmp_path, setting=setting)
    kept = json.loads((tmp_path / "unfinished-test.json").read_text())
    assert list(kept) == ["as_eager"]
