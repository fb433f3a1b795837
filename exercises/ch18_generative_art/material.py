"""What the project works with: paintings that are drawn once, photographs, a scene of our own."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from course.errors import CourseError
from tinymlx.data import photos
from tinymlx.data.paintings import STYLES, canvas
from tinymlx.data.paintings.prepared import prepared

from .settings import Setting

LEARNED, HELD, OTHER = 0, 1, 2  # seeds of collections that have no painting in common


@dataclass(frozen=True)
class Paintings:
    """Bytes and labels: what is learned from, and two collections of others."""

    x: np.ndarray
    y: np.ndarray
    held: np.ndarray
    held_y: np.ndarray
    other: np.ndarray


def paintings(setting: Setting, folder: Path, console: Console) -> Paintings:
    """All three collections at the size of the setting, from disk if they are there.

    They are drawn at 64 pixels, or more, and averaged down: thin lines stay what they are.
    """
    drawn = max(setting.side, 64) if setting.name != "quick" else setting.side
    parts = []
    for count, seed in ((setting.count, LEARNED), (setting.held, HELD), (setting.held, OTHER)):
        x, y = prepared(count, drawn, seed, folder)
        k = drawn // setting.side
        if k > 1:
            x = x.reshape(count, setting.side, k, setting.side, k, 3).mean((2, 4))
            x = (x + 0.5).astype(np.uint8)
        parts.append((x, y))
    console.print(
        f"{setting.count:,} paintings in {len(STYLES)} styles to learn from, {setting.held:,} and "
        f"{setting.held:,} others, {setting.side} x {setting.side}."
    )
    (x, y), (held, held_y), (other, _) = parts
    return Paintings(x, y, held, held_y, other)


def floats(x: np.ndarray) -> np.ndarray:
    """Bytes as numbers from 0 to 1."""
    return x.astype(np.float32) / 255


def picture(side: int, quick: bool) -> tuple[np.ndarray, str]:
    """The photograph that is painted: ``(side, side, 3)`` from 0 to 1, and where it is from.

    ``TINYMLX_PHOTOS`` names a picture, or a folder whose first picture is taken. Otherwise it is
    the temple that scikit-learn ships, or, where that cannot be read, a scene of our own.

    Raises:
        CourseError: there is nothing to read in that place; one sentence says why.
    """
    asked = os.environ.get("TINYMLX_PHOTOS")
    if asked and not quick:
        return own_picture(Path(asked), side)
    if not quick:
        try:
            from PIL import Image
            from sklearn.datasets import load_sample_image

            whole = load_sample_image("china.jpg")
            square = Image.fromarray(whole[:, 60 : 60 + whole.shape[0]])
            small = square.resize((side, side), Image.Resampling.LANCZOS)
            return floats(np.asarray(small)), "china.jpg of scikit-learn"
        except (ImportError, OSError):
            pass
    return scene(side), "a scene of our own"


def own_picture(place: Path, side: int) -> tuple[np.ndarray, str]:
    """The reader's own picture.

    Raises:
        CourseError: there is none, or none that can be read.
    """
    if not place.exists():
        raise CourseError(f"TINYMLX_PHOTOS names {place}, and there is no such file or folder.")
    files = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
    why = "it is empty."
    for file in files[:200]:
        found = photos.read(file, side)
        if not isinstance(found, str):
            return floats(found), file.name
        why = f"{file.name}: {found}"
    raise CourseError(f"TINYMLX_PHOTOS names {place}, and no picture in it can be used: {why}")


def scene(side: int) -> np.ndarray:
    """An evening by a lake: sky, sun, two ridges, water. Everything has an edge or a slope."""
    rng = np.random.default_rng(18)
    x, y = canvas.grid(side)
    sky = (
        np.array([0.20, 0.35, 0.65]) * (1 - y[..., None])
        + np.array([0.98, 0.70, 0.45]) * (y[..., None])
    )
    sun = canvas.edge(np.hypot(x - 0.68, y - 0.36) - 0.09, side)
    view = canvas.over(sky, np.array([1.0, 0.93, 0.70]), sun)
    for level, height, colour in (
        (0.48, 0.22, (0.36, 0.36, 0.55)),
        (0.60, 0.12, (0.13, 0.22, 0.25)),
    ):
        ridge = level - height * (0.5 + 0.5 * canvas.noise(rng, x, 0 * y, 3, 4))
        view = canvas.over(view, np.array(colour), canvas.edge(ridge - y, side))
    water = canvas.edge(0.62 - y, side)
    ripples = 0.5 + 0.5 * np.sin(2 * np.pi * (y * 26 + 0.4 * canvas.noise(rng, x * 3, y, 3, 2)))
    mirrored = np.array([0.30, 0.38, 0.55]) + 0.25 * ripples[..., None] * np.array([1.0, 0.7, 0.5])
    return np.clip(view * (1 - water[..., None]) + mirrored * water[..., None], 0, 1).astype(
        np.float32
    )
