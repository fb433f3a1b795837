"""MLX programs, unmodified, on tinymlx: the losses of every step, tracebacks, arguments, imports.

Both libraries do the same sums, now and then in another order, so losses differ by roundings, which
training carries along. Allowed is 1e-5 of a printed number (and of 1, for smaller ones) in float32,
0.02 in bfloat16, whose numbers around 1 are 0.008 apart. Measured: at most 3.6e-6 and 0.007; with a
learning rate that is 1% off, between 1e-3 and 4e-2 in float32.
"""

from __future__ import annotations

import builtins
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small import ROOT

from course import blas
from course.cli.project import implementation
from course.errors import CourseError
from course.paths import Project
from course.registry import Registry
from course.swap import run_script, served

PROGRAMS = Path(__file__).with_name("programs")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?|nan|inf")


@pytest.fixture(scope="module")
def tinymlx(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def numbers(text: str) -> list[list[float]]:
    return [[float(n) for n in NUMBER.findall(line)] for line in text.splitlines()]


def run_on_mlx(path: Path, args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    blas.load()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", [str(path), *args])
        runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize(
    ("program", "args", "tolerance"),
    [
        ("classifier", [], 1e-5),
        ("language_model", [], 1e-5),
        ("autoencoder", [], 1e-5),
        ("autoencoder", ["--dtype", "bfloat16"], 0.02),
        ("normalizing_flow", [], 1e-5),
        ("graph_convolution", [], 1e-5),
        ("compiled_step", [], 1e-5),
    ],
)
def test_the_same_losses(tinymlx, capsys, monkeypatch, program, args, tolerance) -> None:
    path = PROGRAMS / f"{program}.py"
    run_on_mlx(path, args, monkeypatch)
    theirs = capsys.readouterr().out
    assert run_script(path, args) == 0
    mine = capsys.readouterr().out
    assert NUMBER.sub("#", mine) == NUMBER.sub("#", theirs)
    rows = list(zip(numbers(mine), numbers(theirs), strict=True))
    assert len(rows) >= 24
    for step, (ours, expected) in enumerate(rows):
        for a, b in zip(ours, expected, strict=True):
            allowed = tolerance * max(1.0, abs(b))
            assert abs(a - b) <= allowed, f"{program}, line {step}: {a} instead of {b}"
    losses = [row[0] for _, row in rows if row]
    assert len(set(losses)) > 20


def script(folder: Path, text: str) -> Path:
    path = folder / "program.py"
    path.write_text(text)
    return path


def test_everything_is_served_and_put_back(tinymlx, tmp_path, capsys) -> None:
    import mlx.core
    import mlx.nn
    import mlx.nn.layers.distributed

    before = dict(sys.modules)
    (tmp_path / "neighbour.py").write_text("from mlx.nn.losses import mse_loss\n")
    path = script(
        tmp_path,
        """
import importlib, sys
import mlx, mlx.core as mx, mlx.nn as nn
import mlx.core
import mlx.core.random, mlx.core.linalg as linalg, mlx.core.metal
import mlx.optimizers.schedulers, mlx.optimizers.optimizers, mlx.nn.layers.linear
from mlx import core, utils, optimizers
from mlx.core import array, grad
from mlx.nn.utils import average_gradients
from mlx.nn.layers.activations import GELU, relu
from mlx.nn.init import orthogonal
from mlx.utils import tree_map
import mlx.extension
from neighbour import mse_loss
assert mx is mlx.core is core is importlib.import_module("mlx.core")
for thing in (mx, nn, utils, optimizers, mlx.nn.layers.linear, linalg, mlx.optimizers):
    assert thing.__name__.startswith("tinymlx"), thing
assert array.__module__.startswith("tinymlx") and mse_loss.__module__ == "tinymlx.nn.losses"
assert mlx.extension.__name__ == "mlx.extension"
assert __name__ == "__main__" and sys.modules["__main__"].array is array
import mlx.nn.layers.distributed
try:
    import mlx.nn.layers.nothing
except ModuleNotFoundError as error:
    print(error)
print(sys.argv[1:], grad(lambda x: x * x)(mx.array(3.0)).item())
sys.exit(7)
""",
    )
    argv, folders = list(sys.argv), list(sys.path)
    assert run_script(path, ["--epochs", "3"]) == 7
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "tinymlx does not have mlx.nn.layers.nothing: there is no tinymlx.nn.layers.nothing (yet).",
        "['--epochs', '3'] 6.0",
    ]
    for name in ("mlx.core", "mlx.nn", "mlx.nn.layers.distributed", "mlx.core.random", "__main__"):
        assert sys.modules[name] is before[name], name
    assert mlx.nn is before["mlx.nn"] and mlx.core.__name__ == "mlx.core"
    assert (sys.argv, sys.path) == (argv, folders)


def test_tinymlx_itself_keeps_mlx(tinymlx) -> None:
    """An import inside one of its functions is not led in a circle."""
    import mlx.core as mx

    import_ = builtins.__import__
    with served():
        inside = {"__name__": "tinymlx.nn.losses"}
        exec("import mlx.core as a\nfrom mlx.core import array as b\nfrom mlx import core", inside)
        assert inside["a"] is mx and inside["b"] is mx.array and inside["core"] is mx
        outside = {"__name__": "program"}
        exec("import mlx.core as a", outside)
        assert outside["a"].__name__ == "tinymlx.core"
    assert builtins.__import__ is import_


def test_a_traceback_begins_in_the_program(tinymlx, tmp_path, capsys) -> None:
    text = (
        "import mlx.core as mx\ndef broken():\n    return mx.ones((2, 3)) @ mx.ones(2)\nbroken()\n"
    )
    path = script(tmp_path, text)
    assert run_script(path) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{path}", line 4, in <module>'
    assert "broken()" in lines[2]
    assert "swap.py" not in "".join(lines)
    assert lines[-1].startswith("ValueError")


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("def", 1, "SyntaxError"),
        ("import sys; sys.exit('a sentence')", 1, "a sentence"),
        ("raise SystemExit", 0, ""),
        (
            "import mlx.nn as nn\nnn.Nothing(1, 1)",
            1,
            "module 'tinymlx.nn' has no attribute 'Nothing'",
        ),
        ("b'\\xff'.decode()", 1, "UnicodeDecodeError"),
    ],
)
def test_ends(tinymlx, tmp_path, capsys, text, status, words) -> None:
    assert run_script(script(tmp_path, text)) == status
    assert words in capsys.readouterr().err


def test_a_program_that_is_not_there(tinymlx, tmp_path) -> None:
    with pytest.raises(CourseError, match="cannot be read"):
        run_script(tmp_path / "nothing.py")


def test_the_command(tmp_path) -> None:
    path = script(
        tmp_path,
        "import sys, mlx.core as mx\nprint(mx.__name__, sys.argv[1:])\nraise SystemExit(3)\n",
    )
    command = [sys.executable, "-m", "course.cli.main", "swap", "--impl", "solutions", str(path)]
    done = subprocess.run(
        [*command, "--impl", "x", "-h", "y"], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert (done.returncode, done.stdout) == (3, "tinymlx.core ['--impl', 'x', '-h', 'y']\n")
    assert done.stderr == ""
