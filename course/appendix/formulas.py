"""Appendix A2 as Markdown: formulas, each with a check of both of its sides."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from course.registry import Registry
from course.toml import load_toml

HEAD = """# A2. Formulas

Made by `tinymlx dev appendices` from `formulas.toml`, which has for each formula a few lines that
compute both of its sides on random numbers; a formula whose sides differ does not appear here, and
fails a test. The numbers in brackets are the exercises that build it.
"""
TOLERANCE = 1e-4


def entries(path: Path) -> list[dict[str, Any]]:
    """The formulas, in the order of the file."""
    return list(load_toml(path)["formula"])


def distance(entry: dict[str, Any]) -> float:
    """How far the two sides of a formula are apart, as a share of the larger (or of 1).

    ``tinymlx`` is the implementation that is active.
    """
    import mlx.core as mx

    core, nn, optimizers = (
        importlib.import_module(f"tinymlx.{name}") for name in ("core", "nn", "optimizers")
    )
    rng = np.random.default_rng(sum(map(ord, entry["title"])))
    core.random.seed(0)

    def draw(*shape: int) -> Any:
        return core.array(rng.normal(size=shape).astype(np.float32))

    seen = {"core": core, "nn": nn, "optimizers": optimizers, "np": np, "math": math, "draw": draw}
    with mx.stream(mx.cpu):
        exec(entry["check"], seen)
        left, right = (plain(seen[side]) for side in ("left", "right"))
    if left.shape != right.shape:
        return math.inf
    return float(np.max(np.abs(left - right)) / max(1.0, float(np.max(np.abs(right)))))


def plain(value: Any) -> np.ndarray:
    """Numbers of either side as an array of NumPy."""
    return np.array(value.tolist() if hasattr(value, "tolist") else value, dtype=np.float64)


def page(registry: Registry, path: Path) -> str:
    """The whole appendix; ``tinymlx`` is the implementation that is active."""
    lines, chapter = [HEAD], 0
    for entry in sorted(entries(path), key=lambda entry: entry["chapter"]):
        if not distance(entry) <= TOLERANCE:
            continue
        if entry["chapter"] != chapter:
            chapter = entry["chapter"]
            lines.append(f"## Chapter {chapter}: {registry.chapter(chapter).title}\n")
        built = f" ({', '.join(entry['built'])})" if entry["built"] else ""
        lines.append(f"**{entry['title']}**{built}\n\n$${entry['formula']}$$\n")
        lines.append(f"{entry['symbols']}.\n")
    return "\n".join(lines).rstrip() + "\n"
