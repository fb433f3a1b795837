"""Appendix A2 as Markdown: formulas, each with a check of both of its sides."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from course.registry import Registry
from course.toml import load_toml

#: Two pages, since one of all chapters would be slow to open on a phone: the last chapter of each.
PAGES = {"a2_formulas.md": ("A2. Formulas", 9), "a2_formulas_more.md": ("A2. More formulas", 99)}
HEAD = """# {title}

Made by `tinymlx dev appendices` from `formulas.toml`, which has for each formula a few lines that
compute both of its sides on random numbers; a formula whose sides differ does not appear here, and
fails a test. The numbers in brackets are the exercises that build it.

{other}
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


def pages(registry: Registry, path: Path) -> dict[str, str]:
    """The pages of the appendix by the names of their files; ``tinymlx`` is the active one."""
    found, first = {}, 1
    for name, (title, last) in PAGES.items():
        (other,) = set(PAGES) - {name}
        place = (
            f"Chapters {'10 and on' if first == 1 else '1 to 9'} are on [another page]({other})."
        )
        head = HEAD.format(title=title, other=place)
        found[name] = head + "\n" + page(registry, path, range(first, last + 1))
        first = last + 1
    return found


def page(registry: Registry, path: Path, chapters: range = range(1, 100)) -> str:
    """The formulas of some chapters; ``tinymlx`` is the implementation that is active."""
    lines, chapter = list[str](), 0
    for entry in sorted(entries(path), key=lambda entry: entry["chapter"]):
        if entry["chapter"] not in chapters or not distance(entry) <= TOLERANCE:
            continue
        if entry["chapter"] != chapter:
            chapter = entry["chapter"]
            lines.append(f"## Chapter {chapter}: {registry.chapter(chapter).title}\n")
        built = f" ({', '.join(entry['built'])})" if entry["built"] else ""
        lines.append(f"**{entry['title']}**{built}\n\n$${entry['formula']}$$\n")
        lines.append(f"{entry['symbols']}.\n")
    return "\n".join(lines).rstrip() + "\n"
