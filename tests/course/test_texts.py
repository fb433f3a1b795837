"""The given texts: Shakespeare where the file is, Python's documentation otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinymlx.data import texts


def test_the_end_of_a_text_is_held_out(tmp_path: Path) -> None:
    file = tmp_path / "input.txt"
    file.write_bytes("To be, or not: ä".encode() * 10)
    text = texts.shakespeare(file, test_share=0.25)
    assert text.train + text.test == "To be, or not: ä" * 10 and len(text.test) == 40
    assert "160 characters" in text.source
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match="characters is empty"):
            texts.shakespeare(file, test_share=share)


def test_broken_files_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "input.txt"
    for content, message in ((b"\xff\xfe", "no text in UTF-8"), (b" \n", "is empty")):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            texts.shakespeare(file)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("TINYMLX_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="tinymlx data shakespeare"):
        texts.shakespeare()


def test_the_documentation_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least 400,000 printable characters, in every version of Python that we run on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path))
    text = texts.shakespeare_or_documentation()
    assert len(text.train) == 360_000 and len(text.test) == 40_000
    assert set(text.train) <= {"\n", *map(chr, range(32, 127))} and "Python" in text.source
    plays = tmp_path / "tinyshakespeare" / "input.txt"
    plays.parent.mkdir()
    plays.write_text("First Citizen: " * 4)
    assert "Shakespeare" in texts.shakespeare_or_documentation().source
