"""What the tests of the machinery share: the course itself, and a small course to break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small import MINI, ROOT, Mini

from course.paths import Project
from course.registry import Registry, load_registry


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
