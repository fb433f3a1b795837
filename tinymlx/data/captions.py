"""Captioned pictures of the shape world, some of whose combinations are held out. Given.

Who draws or names what was never seen together has understood the parts. So a rule, and not chance,
says what is held out: of each colour one shape (nobody is ever shown a red circle), and of all ways
in which two shapes can stand to each other one in six. :func:`score` says of what was drawn how
much is as asked, attribute by attribute, with the exact parser of :mod:`.shapes`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from .shapes import COLOURS, SHAPES, Scene, Thing, ordered, read, render, same, scenes

COLOUR_NUMBERS = {name: i for i, name in enumerate(COLOURS)}
SHAPE_NUMBERS = {name: i for i, name in enumerate(SHAPES)}
#: What :func:`score` counts, besides everything at once.
ATTRIBUTES = ("colour", "shape", "size", "relation")


def new_thing(thing: Thing) -> bool:
    """Whether this colour is never shown with this shape: six of 36 combinations."""
    return COLOUR_NUMBERS[thing.colour] == SHAPE_NUMBERS[thing.shape]


def new_relation(scene: Scene) -> bool:
    """Whether these shapes are never shown in this relation: one of six combinations."""
    if scene.relation is None:
        return False
    told = ordered(scene)
    first, second = (SHAPE_NUMBERS[thing.shape] for thing in told.things)
    return (first + 2 * second + 3 * (told.relation == "above")) % len(SHAPES) == 0


def held_out(scene: Scene) -> bool:
    """Whether the scene has a combination that is never shown."""
    return new_relation(scene) or any(map(new_thing, scene.things))


class Split(NamedTuple):
    """Scenes to learn from, and scenes with combinations that are not among them."""

    seen: tuple[Scene, ...]
    new: tuple[Scene, ...]


@functools.cache
def split(count: int) -> Split:
    """All scenes of ``count`` things, each in one wording only.

    Of one thing there are 60 to learn from and 12 others, of two 6,000 and 4,368.

    Args:
        count: 1 or 2.

    Raises:
        ValueError: it is another number.
    """
    if count not in (1, 2):
        raise ValueError(f"A scene has 1 or 2 things, and not {count}.")
    found = [s for s in scenes() if len(s.things) == count and ordered(s) == s]
    seen = tuple(s for s in found if not held_out(s))
    return Split(seen, tuple(s for s in found if held_out(s)))


def other_wording(scene: Scene) -> Scene:
    """The same scene told from its other thing: "a above b" as "b below a"."""
    opposite = {"left of": "right of", "above": "below", "right of": "left of", "below": "above"}
    if scene.relation is None:
        return scene
    return Scene(scene.things[::-1], opposite[scene.relation])


def drawn(some: Sequence[Scene], each: int = 1, seed: int = 0, pixels: int = 32) -> mx.array:
    """``each`` pictures of every scene, ``(len(some), each, pixels, pixels, 3)``, as bytes.

    Bytes take a quarter of the memory of numbers from 0 to 1; divide by 255.
    """
    rng = np.random.default_rng(seed)
    out = np.empty((len(some), each, pixels, pixels, 3), np.uint8)
    for i, scene in enumerate(some):
        for j in range(each):
            out[i, j] = np.round(255 * render(scene, rng, pixels))
    return mx.array(out)


# How much is as asked


def score(asked: Sequence[Scene], pictures: Iterable[np.ndarray]) -> dict[str, float]:
    """The share of colours, shapes, sizes and relations that are as asked, and of whole scenes.

    Args:
        asked: the scenes.
        pictures: one for each, ``(pixels, pixels, 3)``, from 0 to 1.

    Returns:
        A share for each of :data:`ATTRIBUTES` (``"relation"`` only if any scene has one), and
        ``"all"``: the share of pictures on which everything is as asked.
    """
    rows = [agreement(scene, read(x)) for scene, x in zip(asked, pictures, strict=True)]
    found = {}
    for name in (*ATTRIBUTES, "all"):
        values = [row[name] for row in rows if name in row]
        if values:
            found[name] = sum(values) / len(values)
    return found


def agreement(asked: Scene, found: Scene | None) -> dict[str, float]:
    """How much of one scene is as asked: shares from 0 to 1, without a relation if none was asked.

    What was found is matched with what was asked for so that most agrees. What is not a scene, or
    has another number of things, agrees in nothing.
    """
    if found is None or len(found.things) != len(asked.things):
        nothing = dict.fromkeys((*ATTRIBUTES, "all"), 0.0)
        return {n: v for n, v in nothing.items() if n != "relation" or asked.relation}
    told, read_as = ordered(asked), ordered(found)
    best = max(
        (_matched(told, read_as, order) for order in permutations(range(len(told.things)))),
        key=lambda shares: sum(shares.values()),
    )
    return {**best, "all": float(same(asked, found))}


def _matched(told: Scene, found: Scene, order: tuple[int, ...]) -> dict[str, float]:
    """The shares, if thing ``i`` is what was found as ``order[i]``."""
    pairs = [(thing, found.things[i]) for thing, i in zip(told.things, order)]
    shares = {
        name: sum(getattr(a, name) == getattr(b, name) for a, b in pairs) / len(pairs)
        for name in ("colour", "shape", "size")
    }
    if told.relation:
        in_order = order == tuple(range(len(order)))
        shares["relation"] = float(in_order and told.relation == found.relation)
    return shares
