"""The pictures: read, cleaned of copies, divided without leakage, on one scale."""

import os
from dataclasses import dataclass

import mlx.core as mx
from rich.console import Console

from course.errors import CourseError
from tinymlx import core
from tinymlx.classification.duplicates import difference_hash, duplicate_groups
from tinymlx.classification.partition import grouped_split
from tinymlx.data import cifar10, photos
from tinymlx.data.dataset import Part

from .small_world import things

FEWEST = 14  # different photos of a class: a fifth is tested, a twentieth of the rest held out
RADIUS = 3  # of 64 bits; the lesson measures what it finds


@dataclass(frozen=True)
class Pictures:
    """All parts, with the statistics of the training part taken away."""

    source: str
    classes: tuple[str, ...]
    train: Part
    held_out: Part
    test: Part
    shown: mx.array  # the test pictures as they are, from 0 to 1
    mean: mx.array
    deviation: mx.array
    copies: int  # pictures of the training part that are near another picture
    removed: int  # of these, those that were near a test picture


def load(quick: bool, side: int, console: Console) -> Pictures:
    """CIFAR-10, rendered shapes, or the folder that ``TINYMLX_PHOTOS`` names.

    Raises:
        CourseError: that folder cannot be used; one sentence says why.
    """
    folder = os.environ.get("TINYMLX_PHOTOS")
    if folder and not quick:
        return own_photos(folder, side, console)
    data = things(1000, 240) if quick else cifar10.load_or_shapes(clutter=0.4)
    return prepared(data.source, data.classes, data.train, data.test)


def own_photos(folder: str, side: int, console: Console) -> Pictures:
    """A fifth of the reader's own photos is tested on; copies stay on one side.

    Raises:
        CourseError: that folder cannot be used; one sentence says why and what to do.
    """
    try:
        found = photos.load(folder, side)
    except ValueError as error:
        raise CourseError(str(error)) from error
    for sentence in found.skipped:
        console.print(f"Left out: {sentence}", style="yellow", markup=False)
    groups = duplicate_groups(difference_hash(core.array(found.x)), RADIUS)
    of_class: dict[int, set[int]] = {}
    for label, group in zip(found.y.tolist(), groups.tolist(), strict=True):
        of_class.setdefault(label, set()).add(group)
    for label, different in of_class.items():
        if len(different) < FEWEST:
            raise CourseError(
                f"{folder}/{found.classes[label]} has {found.y.tolist().count(label)} usable "
                f"pictures, {len(different)} without the copies; {FEWEST} different "
                f"ones a class are needed for a part to test on and a part to hold out."
            )
    source = f"{len(found.y)} photos of {folder}"
    try:
        train, test = grouped_split(core.array(found.y), groups, 0.2, core.random.key(0))
        parts = (Part(found.x[i], found.y[i]) for i in (bare(train), bare(test)))
        return prepared(source, found.classes, *parts)
    except ValueError as error:
        if "empty" not in str(error):
            raise
        raise CourseError(
            f"{folder} cannot be divided, since most of its pictures are copies of a few; leave "
            f"one of each there."
        ) from error


def bare(x: core.array) -> mx.array:
    """A bare array for indexing bare arrays."""
    return mx.array(x.tolist(), mx.int32)


def prepared(source: str, classes: tuple[str, ...], train: Part, test: Part) -> Pictures:
    """Training pictures that are near a test picture go; a twentieth of the rest is held out."""
    count = len(train.y)
    hashes = difference_hash(core.array(mx.concatenate([train.x, test.x])))
    groups = duplicate_groups(hashes, RADIUS).tolist()
    tested = set(groups[count:])
    kept = [i for i in range(count) if groups[i] not in tested]
    own = [groups[i] for i in kept]
    copies = len(own) - len(set(own))
    train = Part(train.x[mx.array(kept)], train.y[mx.array(kept)])
    first, second = grouped_split(
        core.array(train.y), core.array(own, core.int32), 0.05, core.random.key(1)
    )
    mean, deviation = mx.mean(train.x, axis=(0, 1, 2)), mx.std(train.x, axis=(0, 1, 2))

    def scaled(x: mx.array) -> mx.array:
        return (x - mean) / mx.maximum(deviation, 1e-3)

    parts = (Part(scaled(train.x[i]), train.y[i]) for i in (bare(first), bare(second)))
    return Pictures(
        source,
        classes,
        *parts,
        Part(scaled(test.x), test.y),
        test.x,
        mean,
        deviation,
        copies,
        count - len(kept),
    )
