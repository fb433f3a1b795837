"""Texts to learn from: Shakespeare's plays where they are, and Python's documentation. Given.

Source: A. Karpathy's selection of plays, https://github.com/karpathy/char-rnn
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .download import Remote, Report, fetch
from .folder import cache_folder, data_folder

FILE = Remote(
    "input.txt",
    1115394,
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)
MIRRORS = ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare",)


class Text(NamedTuple):
    """A text, divided into what one may learn from and what one may only be tested on."""

    source: str  # where it comes from, for captions
    train: str
    test: str


def divided(text: str, source: str, test_share: float = 0.1) -> Text:
    """The end of the text for testing, the rest for training. (Not sentences at random: what a
    model has seen on both sides of a sentence tells it much about the sentence.)

    Raises:
        ValueError: ``test_share`` leaves one of the parts without a character.
    """
    cut = len(text) - round(test_share * len(text))
    if not 0 < cut < len(text):
        raise ValueError(f"With test_share {test_share} a part of {len(text)} characters is empty.")
    return Text(source, text[:cut], text[cut:])


def shakespeare(path: str | Path | None = None, test_share: float = 0.1) -> Text:
    """1.1 million characters of plays.

    Args:
        path: the file ``input.txt``. By default it is looked for in ``tinyshakespeare/`` below the
            folder that ``TINYMLX_DATA`` names, then where :func:`download` puts it.
        test_share: the share at the end that is held out.

    Raises:
        FileNotFoundError: it is not there; the message says where it was looked for.
        ValueError: it is no text in UTF-8, or empty.
    """
    if path is None:
        path = next((place for place in candidates() if place.is_file()), None)
        if path is None:
            places = " or ".join(str(place) for place in candidates())
            raise FileNotFoundError(
                f"There is no {places}. `tinymlx data shakespeare` downloads the plays."
            )
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error.reason}.") from error
    if not text.strip():
        raise ValueError(f"{path} is empty.")
    return divided(text, f"{len(text):,} characters of Shakespeare", test_share)


def documentation(characters: int = 400_000, test_share: float = 0.1) -> Text:
    """The documentation of Python's own language, which comes with every Python.

    Args:
        characters: how many of it to take, from the beginning.
        test_share: the share at the end that is held out.
    """
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    plain = "".join(c for c in text if c == "\n" or " " <= c <= "~")[:characters]
    return divided(plain, f"{len(plain):,} characters of Python's documentation", test_share)


def shakespeare_or_documentation(test_share: float = 0.1) -> Text:
    """The plays where they are, else Python's documentation, which is always there."""
    if any(place.is_file() for place in candidates()):
        return shakespeare(test_share=test_share)
    return documentation(test_share=test_share)


def download(
    folder: str | Path | None = None,
    mirrors: Sequence[str] = MIRRORS,
    report: Report | None = None,
) -> Path:
    """Download the plays (1.1 MB).

    Args:
        folder: where to put them; by default ``~/.cache/tinymlx/tinyshakespeare``.
        mirrors: addresses of folders that have the file.
        report: called with the name of the file, the bytes that are there, and its size.

    Returns:
        The file.

    Raises:
        DownloadError, OSError: as :func:`.download.fetch`.
    """
    goal = Path(folder) if folder else cache_folder("tinyshakespeare")
    return fetch(FILE, mirrors, goal, report)


def candidates() -> list[Path]:
    """The places to look at, in order."""
    data = data_folder()
    folders = [] if data is None else [data / "tinyshakespeare"]
    return [folder / FILE.name for folder in [*folders, cache_folder("tinyshakespeare")]]
