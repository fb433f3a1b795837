"""Appendix A1 is what the docstrings say, says it of everything, and its differences are real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from course.appendix import api, formulas, names
from course.cli.project import implementation
from course.paths import Project, find_project
from course.registry import Registry
from course.toml import load_toml

FOLDER = find_project().root / "appendices"
TOLD = load_toml(FOLDER / "api.toml")
FORMULAS = formulas.entries(FOLDER / "formulas.toml")


@pytest.fixture(scope="module", autouse=True)
def solved(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def test_the_names_are_fresh_ones(registry: Registry) -> None:
    page = api.page(registry, FOLDER / "api.toml")
    assert (FOLDER / "a1_api.md").read_text(encoding="utf-8") == page, "tinymlx dev appendices"


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


@pytest.mark.parametrize("entry", FORMULAS, ids=lambda entry: entry["title"])
def test_both_sides_of_a_formula_agree(registry: Registry, entry: dict[str, Any]) -> None:
    assert formulas.distance(entry) <= formulas.TOLERANCE
    assert set(entry["built"]) <= set(registry.by_id)
    assert all(entry[key].strip() for key in ("title", "formula", "symbols"))


def test_a_formula_whose_sides_differ_does_not_appear(registry: Registry, tmp_path: Path) -> None:
    right, wrong = (
        f"[[formula]]\ntitle = '{title}'\nchapter = 1\nbuilt = []\nformula = 'x'\n"
        f"symbols = 'x'\ncheck = 'left, right = 1.0, {value}'\n"
        for title, value in (("Right", 1.0), ("Wrong", 1.1))
    )
    path = tmp_path / "formulas.toml"
    path.write_text(right + wrong, encoding="utf-8")
    page = formulas.page(registry, path)
    assert "Right" in page and "Wrong" not in page


def test_the_formulas_are_fresh_ones(registry: Registry) -> None:
    page = formulas.page(registry, FOLDER / "formulas.toml")
    there = (FOLDER / "a2_formulas.md").read_text(encoding="utf-8")
    assert there == page, "tinymlx dev appendices"
    assert all(f"**{entry['title']}**" in page for entry in FORMULAS)
