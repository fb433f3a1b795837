"""What the tests of the machinery share: the course itself, and a small course to break."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from order import dealt
from small import MINI, ROOT, Mini

from course.paths import Project
from course.registry import Registry, load_registry


def pytest_configure() -> None:
    """Hundreds of processes import the same modules: where the environment forbids Python to keep
    what it compiles beside the sources, it is kept among the caches."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        folder = Project(ROOT).state / "cache" / "bytecode"
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(folder))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first, where several processes share them."""
    parts = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if parts > 1:
        items[:] = [items[i] for i in dealt([item.nodeid for item in items], parts)]


@pytest.fixture(scope="session")
def project() -> Project:
    return Project(ROOT)


@pytest.fixture(scope="session")
def registry(project: Project) -> Registry:
    return load_registry(project)


@pytest.fixture
def mini(tmp_path: Path) -> Mini:
    root = tmp_path / "course"
    shutil.copytree(MINI, root, ignore=shutil.ignore_patterns("__pycache__", ".tinymlx"))
    return Mini(root)
