"""Appendix A1 is what the docstrings say, says it of everything, and its differences are real."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from course.appendix import api, names
from course.cli.project import implementation
from course.paths import Project, find_project
from course.registry import Registry
from course.toml import load_toml

TOLD = load_toml(find_project().root / "appendices" / "api.toml")


@pytest.fixture(scope="module", autouse=True)
def solved(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def test_the_page_is_a_fresh_one(project: Project, registry: Registry) -> None:
    folder = project.root / "appendices"
    page = api.page(registry, folder / "api.toml")
    assert (folder / "a1_api.md").read_text(encoding="utf-8") == page, "tinymlx dev appendices"


def test_every_name_of_mlx_is_here_or_is_left_out_with_a_reason() -> None:
    absent = {name for part, theirs, _ in names.PARTS for name in names.absent(part, theirs)}
    assert absent == set(TOLD["left_out"]), "put it in, or into left_out with the reason"
    assert all(TOLD["left_out"].values())


def test_every_public_name_says_what_it_is_and_its_shapes(registry: Registry) -> None:
    there = [n for part, theirs, _ in names.PARTS for n in names.mirrored(registry, part, theirs)]
    assert [n.path for n in there if n.ours and not n.doc] == []
    assert [n.path for n in there if not n.says_shapes] == []
    assert {n.path for n in there} >= names.NO_SHAPES
    own = [n for package in names.packages() for n in names.own_names(registry, package)]
    assert len(own) > 300
    assert [n.path for n in own if not n.doc] == []


def test_what_the_table_names_exists(registry: Registry) -> None:
    paths = {n.path for p, t, _ in names.PARTS for n in names.mirrored(registry, p, t)}
    assert {*TOLD["torch"], *TOLD["differs"]} <= paths
    for name in filter(None, TOLD["torch"].values()):
        first = name.split(",")[0]
        assert api.found(first) is not None, name


@pytest.mark.parametrize("path", TOLD["differs"])
def test_a_difference_is_real(path: str) -> None:
    import torch

    from tinymlx import core, nn, optimizers

    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    seen = {"core": core, "nn": nn, "optimizers": optimizers, "torch": torch, "np": np}
    seen |= {"F": torch.nn.functional, "x": core.array(numbers), "t": torch.from_numpy(numbers)}
    assert eval(TOLD["differs"][path]["check"], seen) is True
