"""The given pairs: Multi30k where the files are, numbers and dates otherwise."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tinymlx.data import multi30k, numerals


def written(folder: Path, name: str, lines: list[str]) -> None:
    (folder / f"{name}.gz").write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "multi30k"
    folder.mkdir()
    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path))
    assert not multi30k.is_there()
    for part in multi30k.PARTS:
        written(folder, f"{part}.en", [f"{part} one", "two"])
        written(folder, f"{part}.de", ["eins", "zwei für drei"])
    data = multi30k.load()
    assert multi30k.is_there() and "2 pairs" in data.source
    assert data.test.sources == ["test_2016_flickr one", "two"]
    assert data.train.targets == ["eins", "zwei für drei"]
    back = multi30k.load(folder, "de", "en")
    assert back.train.sources == data.train.targets and back.test.targets == data.test.sources
    for pair in (("xx", "de"), ("en", "German")):
        with pytest.raises(ValueError, match="Multi30k is not in"):
            multi30k.load(folder, *pair)
    written(folder, "val.de", ["eins"])
    with pytest.raises(ValueError, match="2 English and 1 German"):
        multi30k.load(folder)
    for content in (b"\x1f\x8bnonsense", b"", b"plain text"):
        (folder / "val.de.gz").write_bytes(content)
        with pytest.raises(ValueError, match="val"):
            multi30k.load(folder)
    (folder / "val.de.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"val\.de\.gz"):
        multi30k.load(folder)
    monkeypatch.delenv("TINYMLX_DATA")
    with pytest.raises(FileNotFoundError, match="TINYMLX_DATA is not set"):
        multi30k.load()


def test_numbers_in_words() -> None:
    expected = {
        0: "zero",
        13: "thirteen",
        40: "forty",
        99: "ninety-nine",
        100: "one hundred",
        207: "two hundred and seven",
        1000: "one thousand",
        1001: "one thousand and one",
        90_120: "ninety thousand one hundred and twenty",
        999_999: "nine hundred and ninety-nine thousand nine hundred and ninety-nine",
    }
    assert {n: numerals.in_words(n) for n in expected} == expected
    assert len({numerals.in_words(n) for n in range(20_000)}) == 20_000
    days = [numerals.ordinal(day) for day in (1, 12, 20, 21, 30, 31)]
    assert days == ["first", "twelfth", "twentieth", "twenty-first", "thirtieth", "thirty-first"]
    years = [numerals.year_in_words(year) for year in (1100, 1905, 1998, 2000, 2007, 2031)]
    assert years == [
        "eleven hundred",
        "nineteen oh five",
        "nineteen ninety-eight",
        "two thousand",
        "two thousand and seven",
        "twenty thirty-one",
    ]


def test_pairs_are_different() -> None:
    data = numerals.load(train=500, test=60)
    sources = [*data.train.sources, *data.validation.sources, *data.test.sources]
    assert len({*sources}) == 620 and len(data.test.targets) == 60
    assert numerals.load(train=500, test=60) == data
    assert numerals.load(train=500, test=60, seed=1) != data
