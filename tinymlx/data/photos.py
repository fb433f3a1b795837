"""A folder of photographs, one sub-folder for each class, as a data set. Given.

Every file is opened once and carefully: a picture is turned as its camera noted (EXIF), brought to
three channels from grey, palette, CMYK or with transparency, cut to its middle square and made
small by averaging. What cannot be used is left out, with one sentence that says why.

Needs Pillow (``pip install "tinymlx[serve]"``), which is imported at the first use.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

#: More pixels on a side than this are refused before anything is decoded: a file of a few kilobytes
#: can claim a picture that fills the memory.
MOST_SIDE = 20_000
MOST_PIXELS = 200_000_000
LEAST_SIDE = 8


class Photos(NamedTuple):
    """What was read."""

    x: mx.array  # (N, pixels, pixels, 3) from 0 to 1
    y: mx.array  # (N,) int32
    classes: tuple[str, ...]  # names of the sub-folders, sorted
    files: tuple[str, ...]  # class/file, for each picture
    skipped: tuple[str, ...]  # one sentence for each file that was left out


def load(folder: str | Path, pixels: int = 32) -> Photos:
    """Read all pictures of a folder.

    Args:
        folder: has one sub-folder for each class; files whose names begin with a dot are no
            pictures, and folders within the sub-folders are not looked into.
        pixels: the side of the pictures that come out.

    Raises:
        ValueError: there is no such folder, there are fewer than two classes, or a class has fewer
            than two pictures that can be used. The message says what to do.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}: give one that has a sub-folder a class.")
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
    if len(names) < 2:
        raise ValueError(
            f"{folder} has {len(names)} sub-folder{'s' * (len(names) != 1)}; a classifier needs at "
            f"least two classes, each in a sub-folder of its own."
        )
    pictures, labels, files, skipped = [], [], [], []
    for label, name in enumerate(names):
        before = len(labels)
        for path, picture in _pictures(folder / name, pixels):
            if isinstance(picture, str):
                skipped.append(f"{name}/{path.name}: {picture}")
                continue
            pictures.append(picture)
            labels.append(label)
            files.append(f"{name}/{path.name}")
        if len(labels) - before < 2:
            why = f"; the last one left out is {skipped[-1]}" if skipped else ""
            raise ValueError(
                f"{folder / name} has {len(labels) - before} usable pictures, and a class needs at "
                f"least two, to learn from one and to test on the other{why}"
            )
    x = np.stack(pictures).astype(np.float32) / 255
    y = np.array(labels, np.int32)
    return Photos(mx.array(x), mx.array(y), tuple(names), tuple(files), tuple(skipped))


def _pictures(folder: Path, pixels: int) -> Iterator[tuple[Path, np.ndarray | str]]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name[0] != ".":
            yield path, read(path, pixels)


def read(path: str | Path, pixels: int = 32) -> np.ndarray | str:
    """One picture, ``(pixels, pixels, 3)`` uint8, or the sentence that says why there is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        # The size stands in the header: nothing has been decoded when it is looked at.
        with Image.open(path) as image:
            width, height = image.size
            if max(width, height) >= MOST_SIDE or width * height > MOST_PIXELS:
                return f"it has {width} x {height} pixels, more than is read here; make it smaller."
            if min(width, height) < LEAST_SIDE:
                return f"it has {width} x {height} pixels, too few to see anything."
            image.draft("RGB", (4 * pixels, 4 * pixels))  # a JPEG can be decoded at a fraction
            return _small(_upright(image), pixels)
    except UnidentifiedImageError:
        return "it is no picture that Pillow knows."
    except Image.DecompressionBombError:
        return "it claims to have more pixels than is read here; make it smaller."
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        return f"it is damaged or truncated ({reason})."


def _upright(image: Any) -> Any:
    """Turned as the camera noted, with three channels; what is transparent becomes white."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "I;16", "I;16B", "F"):
        grey = np.asarray(image, np.float64)
        most = 65535 if grey.max(initial=0) > 255 else 255
        image = Image.fromarray((np.clip(grey / most, 0, 1) * 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _small(image: Any, pixels: int) -> np.ndarray:
    """The middle square, averaged down (or interpolated up)."""
    from PIL import Image

    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    way = Image.Resampling.BOX if side >= pixels else Image.Resampling.BILINEAR
    return np.asarray(image.resize((pixels, pixels), way, box=box), np.uint8)
