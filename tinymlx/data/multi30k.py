"""Pictures described in English, and the same in German: Multi30k, without the pictures. Given.

Source: D. Elliott, S. Frank, K. Sima'an, L. Specia, Multi30K: multilingual English-German image
descriptions (2016), https://arxiv.org/abs/1605.00459; https://github.com/multi30k/dataset
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import NamedTuple

from .folder import data_folder

#: The parts, as their files are called.
PARTS = ("train", "val", "test_2016_flickr")
#: The languages that there are, as their files are called.
LANGUAGES = {"en": "English", "de": "German", "fr": "French", "cs": "Czech"}


class Pairs(NamedTuple):
    """Sentences, and what they are in the other language."""

    sources: list[str]
    targets: list[str]


class Translations(NamedTuple):
    """Pairs to learn from, to choose by, and to judge by in the end."""

    source: str  # where they come from, for captions
    train: Pairs
    validation: Pairs
    test: Pairs


def load(path: str | Path | None = None, source: str = "en", target: str = "de") -> Translations:
    """Sentences with translations: 29,000, 1,014 and 1,000 pairs, by default English with German.

    Args:
        path: the folder with ``train.en.gz``, ``train.de.gz`` and likewise ``val`` and
            ``test_2016_flickr``. By default ``multi30k/`` below the folder that ``TINYMLX_DATA``
            names.
        source, target: two of :data:`LANGUAGES`.

    Raises:
        FileNotFoundError: a file is not there; the message says where it was looked for.
        ValueError: a language is not known, a file is damaged, or two files that belong together have different numbers of
            lines.
    """
    for language in (source, target):
        if language not in LANGUAGES:
            known = ", ".join(f"{name!r} ({words})" for name, words in LANGUAGES.items())
            raise ValueError(f"Multi30k is not in {language!r}; it is in {known}.")
    if path is None:
        data = data_folder()
        if data is None:
            raise FileNotFoundError(
                "Multi30k is read from multi30k/ below the folder that TINYMLX_DATA names, and "
                "TINYMLX_DATA is not set."
            )
        path = data / "multi30k"
    parts = [read_pairs(Path(path), part, source, target) for part in PARTS]
    return Translations(f"Multi30k, {len(parts[0].sources):,} pairs to learn from", *parts)


def read_pairs(folder: Path, part: str, source: str = "en", target: str = "de") -> Pairs:
    """One part: two files with a sentence in each line."""
    left, right = (read_lines(folder / f"{part}.{name}.gz") for name in (source, target))
    if len(left) != len(right):
        raise ValueError(
            f"{part} in {folder} has {len(left)} {LANGUAGES[source]} and {len(right)} "
            f"{LANGUAGES[target]} sentences."
        )
    return Pairs(left, right)


def read_lines(path: Path) -> list[str]:
    """The lines of a compressed text.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is damaged, or no text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}.")
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
    except (EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged, or no compressed text in UTF-8: {error}.") from error
    return [line.strip() for line in text.strip().split("\n")]


def is_there() -> bool:
    """Whether the data folder has it."""
    data = data_folder()
    return data is not None and (data / "multi30k" / "train.en.gz").is_file()
