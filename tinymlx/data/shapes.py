"""The shape world: captions, pictures of what they say, and the way back. Given.

A small world in which every question has an exact answer. A *scene* is one thing, or two with a
relation: "a small red circle left of a large blue square". :func:`render` draws it somewhere that
agrees with it; :func:`read` finds out from a picture what is on it, so that what a model has drawn
can be compared with what it was asked for, without a network that judges and without a human eye.

:func:`load` makes pictures of single shapes on busy backgrounds to classify; they stand in for
photographs where there are none.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np

from .dataset import Dataset, Part

SIZES = ("small", "large")
COLOURS = {
    "red": (0.90, 0.12, 0.10),
    "green": (0.10, 0.75, 0.15),
    "blue": (0.15, 0.25, 0.95),
    "yellow": (0.95, 0.85, 0.10),
    "purple": (0.65, 0.15, 0.80),
    "white": (0.95, 0.95, 0.95),
}
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")
#: A relation, and the direction from the second thing to the first: right and down.
RELATIONS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}

#: Half the side of the square around a thing, in pixels of a picture of 32.
RADII = {"small": (3.2, 4.0), "large": (5.6, 6.6)}
#: The area of each shape of radius 1, and how far below the middle its centre of mass is.
AREAS = {
    "circle": np.pi,
    "square": 4.0,
    "triangle": 2.0,
    "diamond": 2.0,
    "cross": 20 / 9,
    "ring": np.pi * (1 - 0.44**2),
}
BELOW = {"triangle": 1 / 3}


@dataclass(frozen=True)
class Thing:
    """Something on a picture."""

    size: str
    colour: str
    shape: str

    def __str__(self) -> str:
        return f"a {self.size} {self.colour} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """One thing, or two and how the first stands to the second."""

    things: tuple[Thing, ...]
    relation: str | None = None

    def __str__(self) -> str:
        return f" {self.relation} ".join(map(str, self.things))


# Captions


def things() -> list[Thing]:
    """Every thing that there is."""
    return [Thing(*words) for words in itertools.product(SIZES, COLOURS, SHAPES)]


def scenes() -> Iterator[Scene]:
    """Every scene: 72 of one thing, and 20,736 of two."""
    for thing in things():
        yield Scene((thing,))
    for first, second in itertools.product(things(), repeat=2):
        for relation in RELATIONS:
            yield Scene((first, second), relation)


def scene_of(caption: str) -> Scene:
    """What a caption says.

    Raises:
        ValueError: it is no caption of this world; the message says which word, or what is missing.
    """
    words = caption.split()
    first, rest = _thing_of(words, caption)
    if not rest:
        return Scene((first,))
    relation = next((r for r in RELATIONS if rest[: len(r.split())] == r.split()), None)
    if relation is None:
        raise ValueError(
            f"{caption!r}: behind {first} stands one of {', '.join(RELATIONS)}, not {rest[0]!r}."
        )
    second, left = _thing_of(rest[len(relation.split()) :], caption)
    if left:
        raise ValueError(f"{caption!r}: there is something behind {second}.")
    return Scene((first, second), relation)


def _thing_of(words: Sequence[str], caption: str) -> tuple[Thing, Sequence[str]]:
    if len(words) < 4:
        raise ValueError(f"{caption!r}: a thing is 'a', a size, a colour and a shape.")
    for word, known in zip(words, (["a"], SIZES, COLOURS, SHAPES)):
        if word not in known:
            raise ValueError(f"{caption!r}: {_near(word, known)}.")
    return Thing(*words[1:4]), words[4:]


def _near(word: str, known: Sequence[str] | dict[str, object]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    hint = f"did you mean {close[0]!r}?" if close else f"there is {', '.join(known)}"
    return f"the word {word!r} is unknown here ({hint})"


# Pictures


def coverage(
    shape: str, x: np.ndarray, y: np.ndarray, radius: np.ndarray, tilt: float | np.ndarray = 0.0
) -> np.ndarray:
    """How much of each pixel a shape covers, from 0 to 1.

    Args:
        shape: one of :data:`SHAPES`.
        x, y: the distance of the pixel's centre from that of the shape, right and down, in pixels.
        radius: half the side of the square around the shape, in pixels.
        tilt: the angle by which the shape is turned, in radians.

    Raises:
        ValueError: there is no such shape.
    """
    x, y = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    ax, ay = np.abs(x), np.abs(y)
    if shape == "circle":
        outside = np.hypot(x, y) - radius
    elif shape == "square":
        outside = np.maximum(ax, ay) - radius
    elif shape == "diamond":
        outside = (ax + ay - radius) / np.sqrt(2)
    elif shape == "triangle":
        outside = np.maximum((ax - (y + radius) / 2) / np.sqrt(1.25), y - radius)
    elif shape == "cross":
        upright = np.maximum(ax - radius / 3, ay - radius)
        lying = np.maximum(ax - radius, ay - radius / 3)
        outside = np.minimum(upright, lying)
    elif shape == "ring":
        outside = np.abs(np.hypot(x, y) - 0.72 * radius) - 0.28 * radius
    else:
        raise ValueError(f"There is no shape {shape!r}; there are {', '.join(SHAPES)}.")
    return np.clip(0.5 - outside, 0.0, 1.0)


def render(scene: Scene, rng: np.random.Generator, pixels: int = 32) -> np.ndarray:
    """A picture of the scene, at a place that is drawn at random among those that agree with it.

    Returns:
        ``(pixels, pixels, 3)``, float32 from 0 to 1, on black.
    """
    scale = pixels / 32
    radii = [rng.uniform(*RADII[thing.size]) * scale for thing in scene.things]
    picture = np.zeros((pixels, pixels, 3), np.float32)
    for thing, radius, centre in zip(scene.things, radii, _places(scene, radii, rng, pixels)):
        x = np.arange(pixels) + 0.5 - centre[0]
        y = np.arange(pixels)[:, None] + 0.5 - centre[1]
        covered = coverage(thing.shape, x, y, np.float64(radius))[..., None]
        picture = picture * (1 - covered) + np.array(COLOURS[thing.colour]) * covered
    return picture.astype(np.float32)


def _places(
    scene: Scene, radii: Sequence[float], rng: np.random.Generator, pixels: int
) -> list[tuple[float, float]]:
    """The centres of the things: inside of the picture, apart, and as the relation says."""
    margin, gap = pixels / 32, 1.5 * pixels / 32
    low = [radius + margin for radius in radii]
    high = [pixels - radius - margin for radius in radii]
    if scene.relation is None:
        return [(rng.uniform(a, b), rng.uniform(a, b)) for a, b in zip(low, high)]
    right, down = RELATIONS[scene.relation]
    apart = sum(radii) + gap
    sign = right or down
    # Along the relation the second thing leaves room for the first; across it they differ less.
    room = (low[1], high[0] - apart) if sign > 0 else (low[0] + apart, high[1])
    along_second = rng.uniform(*room)
    furthest = (high[0] - along_second) if sign > 0 else (along_second - low[0])
    distance = rng.uniform(apart, furthest)
    along_first = along_second + sign * distance
    across_second = rng.uniform(low[1], high[1])
    reach = distance / 2
    across_first = rng.uniform(
        max(low[0], across_second - reach), min(high[0], across_second + reach)
    )
    if right:
        return [(along_first, across_first), (along_second, across_second)]
    return [(across_first, along_first), (across_second, along_second)]


# Reading pictures


def read(picture: np.ndarray, doubt: float = 0.35) -> Scene | None:
    """What is on a picture; ``None`` where that is no scene of this world.

    The bright pixels that hang together are a thing. Its mean colour says its colour, its area and
    its centre of mass say where each shape would have to lie; the one that would look most alike
    is its shape.

    Args:
        picture: ``(pixels, pixels, 3)``, from 0 to 1.
        doubt: how much a thing may differ from the best shape, as a share of its area.
    """
    from scipy import ndimage

    picture = np.clip(np.asarray(picture, np.float64), 0, 1)
    pixels = len(picture)
    bright = picture.max(axis=-1)
    pieces, count = ndimage.label(bright > 0.25, np.ones((3, 3)))
    smallest = 8 * (pixels / 32) ** 2
    found = []
    for piece in range(1, count + 1):
        mask = pieces == piece
        if mask.sum() >= smallest:
            found.append(_thing_at(picture, ndimage.binary_dilation(mask, np.ones((3, 3))), doubt))
    if not 1 <= len(found) <= 2 or None in found:
        return None
    named = [thing for thing in found if thing is not None]
    if len(named) == 1:
        return Scene((named[0][0],))
    return _related(named)


def _thing_at(
    picture: np.ndarray, mask: np.ndarray, doubt: float
) -> tuple[Thing, tuple[float, float]] | None:
    pixels = len(picture)
    inside = picture * mask[..., None]
    bright = inside.max(axis=-1)
    core = bright > 0.7 * bright.max()
    mean = inside[core].mean(axis=0)
    colour = min(COLOURS, key=lambda name: float(np.abs(mean - COLOURS[name]).sum()))
    covered = np.clip(inside @ np.array(COLOURS[colour]) / np.dot(*[COLOURS[colour]] * 2), 0, 1)
    area = covered.sum()
    y, x = np.mgrid[:pixels, :pixels] + 0.5
    centre = (float((covered * x).sum() / area), float((covered * y).sum() / area))
    differences, radii = {}, {}
    for shape in SHAPES:
        radius = np.sqrt(area / AREAS[shape])
        down = centre[1] - BELOW.get(shape, 0.0) * radius
        ideal = coverage(shape, x - centre[0], y - down, radius)
        differences[shape] = np.abs(ideal - covered).sum() / area
        radii[shape] = radius * 32 / pixels
    shape = min(differences, key=lambda name: float(differences[name]))
    if differences[shape] > doubt:
        return None
    size = "small" if radii[shape] < (RADII["small"][1] + RADII["large"][0]) / 2 else "large"
    return Thing(size, colour, shape), (
        centre[0],
        centre[1] - BELOW.get(shape, 0.0) * radii[shape] * pixels / 32,
    )


def _related(found: Sequence[tuple[Thing, tuple[float, float]]]) -> Scene:
    """Two things and their relation. Which comes first, a picture does not say: the one on the
    left, or above."""
    (a, (ax, ay)), (b, (bx, by)) = found
    sideways = abs(ax - bx) >= abs(ay - by)
    if (ax > bx) if sideways else (ay > by):
        a, b = b, a
    return Scene((a, b), "left of" if sideways else "above")


def same(first: Scene | None, second: Scene | None) -> bool:
    """Whether two scenes say the same: "a left of b" is "b right of a"."""
    return first is not None and second is not None and ordered(first) == ordered(second)


def ordered(scene: Scene) -> Scene:
    """The scene in the one of its two wordings that begins on the left, or above."""
    opposite = {"right of": "left of", "below": "above"}
    if scene.relation in opposite:
        return Scene(scene.things[::-1], opposite[scene.relation])
    return scene


# Pictures to classify


def load(
    train: int = 6000, test: int = 1200, seed: int = 0, pixels: int = 32, clutter: float = 1.0
) -> Dataset:
    """Single shapes, turned, of any colour, on busy backgrounds: which shape is it?

    Args:
        train, test: how many pictures.
        seed: what everything follows from.
        pixels: the side of a picture.
        clutter: how lively the backgrounds are, from 0 (grey) to 1.

    Returns:
        ``x`` is ``(N, pixels, pixels, 3)`` from 0 to 1, ``y`` the number of the shape.

    Raises:
        ValueError: there are to be no pictures, or ``clutter`` is outside of [0, 1].
    """
    if train < 1 or test < 1:
        raise ValueError(f"There must be pictures in both parts; asked for are {train} and {test}.")
    if not 0 <= clutter <= 1:
        raise ValueError(f"clutter should be in [0, 1]; it is {clutter}.")
    rng = np.random.default_rng(seed)
    parts = [Part(*_labelled(count, rng, pixels, clutter)) for count in (train, test)]
    source = f"{train + test} rendered shapes on busy backgrounds, {pixels} x {pixels}"
    return Dataset(source, SHAPES, *parts)


def _labelled(
    count: int, rng: np.random.Generator, pixels: int, clutter: float
) -> tuple[mx.array, mx.array]:
    labels = rng.permutation(np.arange(count) % len(SHAPES))
    pictures = 0.5 + clutter * (_backgrounds(count, rng, pixels) - 0.5)
    unit = pixels / 32
    radius = rng.uniform(5, 11, (count, 1, 1)) * unit
    centre = rng.uniform(radius[:, 0], pixels - radius[:, 0], (count, 2))
    tilt = rng.uniform(-0.4, 0.4, (count, 1, 1))
    x = np.arange(pixels) + 0.5 - centre[:, :1, None]
    y = np.arange(pixels)[:, None] + 0.5 - centre[:, 1:, None]
    covered = np.zeros((count, pixels, pixels))
    for i, shape in enumerate(SHAPES):
        of = labels == i
        covered[of] = coverage(shape, x[of], y[of], radius[of], tilt[of])
    colour = rng.uniform(0.1, 1.0, (count, 1, 1, 3))
    strength = rng.uniform(0.55, 1.0, (count, 1, 1, 1))
    alpha = covered[..., None] * strength
    pictures = pictures * (1 - alpha) + colour * alpha
    pictures += rng.normal(0, 0.05, pictures.shape)
    return (
        mx.array(np.clip(pictures, 0, 1).astype(np.float32)),
        mx.array(labels.astype(np.int32)),
    )


def _backgrounds(count: int, rng: np.random.Generator, pixels: int) -> np.ndarray:
    """Smooth random colours, ``(count, pixels, pixels, 3)``, and a few bars across."""
    coarse = rng.uniform(0, 0.9, (count, 5, 5, 3))
    at = np.linspace(0, 4 - 1e-9, pixels)
    low = at.astype(int)
    share = (at - low)[:, None]
    rows = coarse[:, low] * (1 - share[..., None]) + coarse[:, low + 1] * share[..., None]
    smooth = rows[:, :, low] * (1 - share) + rows[:, :, low + 1] * share
    angle, shift = rng.uniform(0, np.pi, (count, 1, 1)), rng.uniform(-8, 8, (count, 1, 1))
    half = np.arange(pixels) - pixels / 2
    across = np.abs(np.cos(angle) * half + np.sin(angle) * half[:, None] - shift * pixels / 32)
    bar = np.clip(1.5 * pixels / 32 - across, 0, 1)[..., None]
    return smooth * (1 - bar) + rng.uniform(0, 1, (count, 1, 1, 3)) * bar
