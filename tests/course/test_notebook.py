"""Notebooks: made from lessons, never over work; a cell is checked, written, graded, used."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from small import Mini

from course.errors import CourseError
from course.grading.pictured import pictured
from course.notebook.cells import notebook
from course.notebook.magics import Card, again
from course.notebook.plots import plot
from course.notebook.writing import write
from course.paths import Project, find_project
from course.registry import Registry

RIGHT = '''def softmax(x: mx.array, axis: int = -1) -> mx.array:
    """The exponentials of ``x``, divided by their sum along ``axis``. Shape of ``x``."""
    if x.ndim == 0:
        raise ValueError("softmax: x needs an axis")
    e = mx.exp(x - mx.max(x, axis=axis, keepdims=True))
    return e / mx.sum(e, axis=axis, keepdims=True)
'''


@pytest.fixture(scope="module")
def chapter(project: Project, registry: Registry) -> dict:
    return notebook(project, registry, registry.chapter(1), project.root / "notebooks")


def test_a_lesson_becomes_cells(chapter: dict, project: Project, registry: Registry) -> None:
    """Every block of code with what it prints, every exercise with its starter, every figure."""
    cells = chapter["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    exercises = [source for source in code if source.startswith("%%exercise ")]
    assert [source.split()[1] for source in exercises] == [
        exercise.id for exercise in registry.chapter(1).exercises
    ]
    for source in exercises:
        ast.parse(source.partition("\n")[2])
    lesson = (project.root / "exercises/ch01_machine_learning/lesson.md").read_text("utf-8")
    assert len(code) == 2 + len(exercises) + lesson.count("```python\n")
    printed = sum(bool(cell["outputs"]) for cell in cells if cell["cell_type"] == "code")
    assert printed == lesson.count("```output\n")
    assert "](../exercises/ch01_machine_learning/figures/residuals.svg)" in text
    assert len({cell["id"] for cell in cells}) == len(cells)
    # The cell of an exercise comes before the block that uses it.
    first = next(i for i, source in enumerate(code) if source.startswith("%%exercise 1.1\n"))
    assert "import predict" in code[first + 1]


def test_every_chapter_becomes_a_notebook(project: Project, registry: Registry) -> None:
    for chapter in registry.chapters:
        table = notebook(project, registry, chapter, project.root / "notebooks")
        sources = ["".join(cell["source"]) for cell in table["cells"]]
        magics = [source for source in sources if source.startswith("%%exercise ")]
        assert len(magics) == len(chapter.exercises)
        for source in magics:
            ast.parse(source.partition("\n")[2])


@pytest.mark.parametrize("number", range(1, 19) if os.environ.get("TINYMLX_ALL_NOTEBOOKS") else [7])
def test_a_notebook_runs_from_its_first_cell_to_its_last(
    project: Project, registry: Registry, number: int, tmp_path: Path
) -> None:
    """With a reader's `import course.fill`, and the exercises left alone. One in each run of the
    tests, all of them where TINYMLX_ALL_NOTEBOOKS says so: their blocks are the lessons' own."""
    made = notebook(project, registry, registry.chapter(number), project.root / "notebooks")
    found = nbformat.reads(json.dumps(made), as_version=4)
    found.cells = [cell for cell in found.cells if not cell.source.startswith("%%exercise ")]
    found.cells.insert(0, nbformat.v4.new_code_cell("import course.fill"))
    places = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(found, timeout=300, kernel_name="python3", resources=places)
    client.execute(env={**os.environ, "MPLBACKEND": "Agg"})
    counts = [cell.execution_count for cell in found.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_a_notebook_that_is_there_stays(mini: Mini) -> None:
    made = mini.tinymlx("notebook", "1", "--no-open")
    path = mini.root / "notebooks/ch01.ipynb"
    assert "Wrote notebooks/ch01.ipynb" in made.stdout and path.is_file()
    path.write_text(path.read_text() + "\n")
    mine = path.read_text()
    again_ = mini.tinymlx("notebook", "1", "--no-open")
    assert "stays as it is" in again_.stdout and path.read_text() == mine
    assert "ch01-2.ipynb" in mini.tinymlx("notebook", "1", "--no-open", "--fresh").stdout
    wrong = mini.tinymlx("notebook", "99", "--no-open")
    assert wrong.returncode == 2 and "There is no chapter 99" in wrong.stderr


def test_a_cell_is_written_to_its_place(mini: Mini) -> None:
    path = mini.root / "tinymlx/rows/softmax.py"
    before = path.read_text()
    exercise = mini.registry["1.1"]
    written = write(mini.project, mini.registry, exercise, RIGHT)
    after = path.read_text()
    assert RIGHT in after and "def pick" in after and not written.changed
    assert after.count("def softmax") == before.count("def softmax") == 1
    assert written.kept and (written.kept / "tinymlx/rows/softmax.py").read_text() == before
    # The same cell again: nothing to keep. The file changed meanwhile: shown, and kept.
    assert write(mini.project, mini.registry, exercise, RIGHT).kept is None
    path.write_text(after.replace("e / mx.sum", "2 * e / mx.sum"))
    written = write(mini.project, mini.registry, exercise, RIGHT)
    assert "-    return 2 * e / mx.sum" in written.changed and written.kept
    assert "2 * e" in (written.kept / "tinymlx/rows/softmax.py").read_text()


@pytest.mark.parametrize(
    "code, said",
    [
        ("def softmax(x:\n    return x\n", "of the cell"),
        ("def softmin(x):\n    return x\n", "has no softmax"),
        (RIGHT + "\nlimit = 3\n", "is outside of softmax"),
    ],
)
def test_a_cell_that_is_wrong_writes_nothing(mini: Mini, code: str, said: str) -> None:
    path = mini.root / "tinymlx/rows/softmax.py"
    before = path.read_text()
    with pytest.raises(CourseError, match=said):
        write(mini.project, mini.registry, mini.registry["1.1"], code)
    assert path.read_text() == before


def test_methods_come_and_go_in_their_class(mini: Mini) -> None:
    folder = mini.root / "notebooks"
    table = notebook(mini.project, mini.registry, mini.registry.chapters[0], folder)
    (cell,) = (
        "".join(c["source"]) for c in table["cells"] if "%%exercise 1.3" in "".join(c["source"])
    )
    code = cell.partition("\n")[2]
    assert code.startswith("class Counter:") and "def add" in code and "def total" in code
    write(mini.project, mini.registry, mini.registry["1.3"], code)
    ast.parse((mini.root / "tinymlx/rows/counter.py").read_text())


def test_a_card_is_read_anywhere() -> None:
    from rich.text import Text

    card = Card(Text("wrong <axis>", style="bold red"))
    assert repr(card) == "wrong <axis>"
    assert "wrong &lt;axis&gt;" in card._repr_html_() and "style=" in card._repr_html_()


WORDS = {"yours": "yours", "expected": "<expected>"}


def test_what_can_be_drawn() -> None:
    """Some numbers in rows; not two, not thousands, not a cube, not truth values."""
    row = np.arange(6.0)
    drawing = pictured((row, np.where(row == 2, np.nan, row / 3)))
    assert drawing is not None and drawing["yours"] == [[0, 1, 2, 3, 4, 5]]
    assert drawing["expected"] == [[0, 0.333333, None, 1, 1.33333, 1.66667]]
    cube = np.ones((2, 1, 8), np.float32)
    assert pictured((cube, cube)) == {key: [[1] * 8] * 2 for key in ("yours", "expected")}
    for array in (np.ones(5), np.ones(257), np.ones((2, 2, 2)), np.ones(9, complex)):
        assert pictured((array, array)) is None
    assert pictured(None) is None


@pytest.mark.parametrize("rows, shapes", [([[0.0, 1.0, None]], 2 + 2 * 2), ([[1.0], [1.0]], 2 * 2)])
def test_a_failure_is_drawn(rows: list, shapes: int) -> None:
    """A line and its points for a vector, tiles for a matrix; equal numbers, too."""
    root = ElementTree.fromstring(plot({"yours": rows, "expected": rows}, WORDS))
    names = [e.tag.rpartition("}")[2] for e in root.iter()]
    assert sum(name in {"polyline", "circle", "rect"} for name in names) == shapes
    assert "<expected>" in [e.text for e in root.iter()]


def test_names_of_other_packages_stay(tmp_path: Path) -> None:
    assert again(json) is json and again(Path) is Path and again(3) == 3


SESSION = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in open(sys.argv[1], encoding="utf-8").read().split("\\n#---\\n"):
    result = shell.run_cell(cell, store_history=False)
    result.raise_error()
    print(repr(result.result))
    print("drawn:", getattr(result.result, "_repr_html_", str)().count("<svg"))
"""
CELLS = (
    "%load_ext course.notebook",
    "%%exercise 1.1\n" + RIGHT.replace("axis=axis", "axis=0"),
    "%hint 1.1",
    "%%exercise 1.1\n" + RIGHT,
    "from tinymlx.rows.softmax import softmax\nsoftmax.__name__",
    "%map",
)


def test_a_session(mini: Mini, tmp_path: Path) -> None:
    """In IPython, which Jupyter brings: a wrong answer, a hint, a right one, and it is in use."""
    cells = tmp_path / "cells"
    cells.write_text("\n#---\n".join(CELLS), encoding="utf-8")
    command = [sys.executable, "-c", SESSION, str(cells)]
    environment = {**mini.environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=mini.root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1.1" in done.stdout and "differs" in done.stdout
    drawn = [line for line in done.stdout.splitlines() if line.startswith("drawn:")]
    assert drawn == [f"drawn: {int(i == 1)}" for i in range(len(CELLS))]  # the wrong answer
    assert "Hint 1: a question" in done.stdout and "What is exp(1000)?" in done.stdout
    assert "passed  1.1" in done.stdout and "'softmax'" in done.stdout
    assert "1 of  3" in done.stdout


def test_the_library_is_an_extension_as_well() -> None:
    """``%load_ext tinymlx`` calls what the package defines: the same magics."""
    code = (
        "from IPython.core.interactiveshell import InteractiveShell as Shell\n"
        "shell = Shell.instance()\n"
        "shell.run_line_magic('load_ext', 'tinymlx')\n"
        "print(sorted(shell.magics_manager.magics['line'].keys() & {'hint', 'diff', 'map'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=find_project().root, capture_output=True, text=True
    )
    assert done.returncode == 0 and "['diff', 'hint', 'map']" in done.stdout, done.stderr
