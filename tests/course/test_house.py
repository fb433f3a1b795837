"""The house: a file stands above those that it imports, so no import runs in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules_of(base: Path, package: str) -> dict[str, Path]:
    """The modules of a package: name to file."""
    found = {}
    for path in sorted((base / package).rglob("*.py")):
        parts = path.relative_to(base).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports in a tree, also those inside of functions, but not those for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from statements(ast.Module(child.orelse, []))
        elif isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        else:
            yield from statements(child)


def imported(name: str, path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules among ``modules`` that the module ``name`` imports."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for statement in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
            continue
        parts = [statement.module] if statement.module else []
        if statement.level:
            parts = package.split(".")[: package.count(".") + 2 - statement.level] + parts
        origin = ".".join(parts)
        for alias in statement.names:  # a name in a package is a module of it, or its own
            inner = f"{origin}.{alias.name}"
            found.add(inner if inner in modules else origin)
    return found & modules.keys() - {name}


def circle(modules: dict[str, Path]) -> list[str]:
    """Modules that import each other in a circle; empty if there is none."""
    graph = {name: imported(name, path, modules) for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


@pytest.mark.parametrize(
    "base, package", [("solutions", "tinymlx"), (".", "course")], ids=["tinymlx", "course"]
)
def test_no_import_runs_in_a_circle(base, package):
    """An import inside of a function counts: it hides a circle, and does not open it."""
    modules = modules_of(ROOT / base, package)
    assert len(modules) > 50
    assert circle(modules) == []


def test_circles_are_seen(tmp_path):
    """At the top, inside of a function, by way of a package; but not for type checkers."""
    texts = {
        "house/__init__.py": "from .top import roof\n",
        "house/top.py": "from . import middle\nroof = 1\n",
        "house/middle.py": "def f():\n    from house.bottom import floor\n",
        "house/bottom.py": "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from .top import roof\nfloor = 0\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert circle(modules_of(tmp_path, "house")) == []
    (tmp_path / "house/bottom.py").write_text("from .top import roof\n", encoding="utf-8")
    found = circle(modules_of(tmp_path, "house"))
    assert set(found) == {"house.top", "house.middle", "house.bottom"} and found[0] == found[-1]
