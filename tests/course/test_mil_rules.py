"""What the converter makes of pooling with overlaps, of borders, and of attention with any mask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mil
import numpy as np
import pytest

from course import coreml
from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

#: Pooling by windows that overlap, that leave something over, with a border; of every dimension.
POOLS = {
    "stem": ("MaxPool2d", (3, 2, 1), (2, 9, 8, 3)),
    "over": ("MaxPool2d", (2,), (1, 7, 5, 2)),
    "apart": ("AvgPool2d", ((2, 3), (3, 1)), (1, 9, 6, 2)),
    "border": ("AvgPool2d", (3, 2, 1), (2, 8, 7, 4)),
    "sequence": ("AvgPool1d", (4, 3, 2), (2, 11, 3)),
    "volume": ("MaxPool3d", (3, 2, 1), (1, 5, 6, 7, 2)),
}


@pytest.fixture(scope="module")
def solved(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


@pytest.mark.parametrize("name", POOLS)
def test_windows_that_overlap(solved: None, name: str) -> None:
    """One operation between two transpositions; the numbers are the layer's."""
    from tinymlx import core, nn
    from tinymlx.formats.mil import convert

    kind, given, shape = POOLS[name]
    layer, x = getattr(nn, kind)(*given), core.random.normal(shape) - 1
    program, expected = convert(layer, x), np.array(layer(x).tolist(), np.float32)
    assert [op.kind for op in program.ops].count("max_pool" if "Max" in kind else "avg_pool") == 1
    assert len(program.ops) == 3
    (found,) = mil.run(mil.plain(program), [np.array(x.tolist(), np.float32)])
    assert found.shape == expected.shape and np.abs(found - expected).max() < 1e-6 * 4


def test_borders_that_a_pool_does_not_have(solved: None) -> None:
    """Zeros in front of a maximum count, so they stay: a ``pad`` of its own."""
    from tinymlx import core, nn
    from tinymlx.formats.mil import convert

    pool = nn.MaxPool2d(3, 1)

    def function(x: Any) -> Any:
        return pool(core.pad(x, [(0, 0), (1, 2), (0, 1), (0, 0)])) + core.sum(
            core.pad(x, 1, constant_values=2.0)
        )

    x = core.random.normal((1, 5, 5, 2)) - 3
    program = convert(function, x)
    assert [op.kind for op in program.ops].count("pad") == 2
    (found,) = mil.run(mil.plain(program), [np.array(x.tolist(), np.float32)])
    expected = np.array(function(x).tolist(), np.float32)
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()


def test_a_stem_and_a_border_as_a_package(solved: None, tmp_path: Path) -> None:
    """What coremltools makes of both kinds of borders, and of a number in halves."""
    from tinymlx import core, nn
    from tinymlx.formats.mil import convert

    pools = [nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(3, 2, 1)]
    x = core.random.normal((1, 9, 9, 2)) - 1
    program = convert(lambda x: core.concatenate([p(core.pad(x, 1)[1:-1]) for p in pools]), x)
    expected = np.concatenate([np.array(p(core.pad(x, 1)[1:-1]).tolist()) for p in pools])
    file = tmp_path / "pools.mlpackage"
    for precision, bound in (("float32", 1e-5), ("float16", 1e-2)):
        coreml.write(program, file, precision)
        given = {"input_0": np.array(x.tolist(), np.float32)}
        found = mil.run_package(file, given)["output_0"]
        assert np.abs(found - expected).max() < bound


@pytest.mark.parametrize("fused", [False, True], ids=["plain", "tiles"])
@pytest.mark.parametrize("mask", ["none", "causal", "numbers", "truths", "window", "sinks"])
def test_attention_of_any_kind(solved: None, mask: str, fused: bool) -> None:
    """Shared heads, queries that may ask nobody, and the form that is one node in a graph."""
    from tinymlx import core
    from tinymlx.formats.mil import convert

    q, k, v = (core.random.normal((2, heads, 5, 4)) for heads in (4, 2, 2))
    more: dict[str, Any] = {"scale": 0.5, "force_fused": fused}
    given = [q, k, v]
    if mask == "numbers":
        given.append(core.where(core.random.normal((2, 4, 5, 5)) > 0, 0.5, -core.inf))
    elif mask == "truths":
        given.append(core.random.normal((2, 1, 5, 5)) > 0.5)
    elif mask == "window":
        given.append(core.array([0, 2], core.int32))
    elif mask == "causal":
        more["mask"] = "causal"
    elif mask == "sinks":
        more["sinks"] = core.array([0.1, -1.0, 2.0, 0.0])

    def function(q: Any, k: Any, v: Any, *masks: Any) -> Any:
        if mask == "window":  # made inside, as a model does of its padding
            places = core.arange(5)
            seen = (places[:, None] >= places) & (places >= masks[0][:, None, None, None])
            return core.fast.scaled_dot_product_attention(q, k, v, mask=seen, **more)
        masked = {"mask": masks[0]} if masks else {}
        return core.fast.scaled_dot_product_attention(q, k, v, **masked, **more)

    expected = np.array(function(*given).tolist(), np.float32)
    numbers = [np.array(x.tolist(), np.int32 if x.dtype == core.int32 else None) for x in given]
    numbers = [x.astype(np.float32) if x.dtype == np.float64 else x for x in numbers]
    program = convert(function, *given)
    (found,) = mil.run(mil.plain(program), numbers)
    assert np.abs(found - expected).max() < 1e-5
