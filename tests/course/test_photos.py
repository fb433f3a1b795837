"""A folder of photographs from the world: what is read, what is told, what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest

from tinymlx.data import corruptions, photos

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path):
    """Two classes with two plain pictures each."""
    for kind, level in (("cat", 60), ("dog", 200)):
        (tmp_path / kind).mkdir()
        for i in range(2):
            Image.new("RGB", (48, 40), (level, level, level + i)).save(tmp_path / kind / f"{i}.png")
    return tmp_path


def test_plain_pictures(folder):
    found = photos.load(folder, 16)
    assert found.classes == ("cat", "dog")
    assert found.x.shape == (4, 16, 16, 3)
    assert found.y.tolist() == [0, 0, 1, 1]
    assert np.allclose(np.array(found.x)[:, 0, 0, 0], [60 / 255] * 2 + [200 / 255] * 2)
    assert found.files[3] == "dog/1.png"
    assert found.skipped == ()


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "LA", "1", "I;16"])
def test_modes(folder, mode):
    """Grey, palette, inks, transparency, bits and sixteen of them: all become red, green, blue."""
    if mode == "I;16":
        image = Image.fromarray(np.full((30, 30), 30000, np.uint16))
    else:
        image = Image.new("RGB", (30, 30), (120, 120, 120)).convert(mode)
    name = "x.tif" if mode in ("CMYK", "I;16") else "x.png"
    image.save(folder / "cat" / name)
    x = photos.read(folder / "cat" / name, 8)
    assert x.shape == (8, 8, 3)
    assert x.dtype == np.uint8
    if mode != "1":
        assert abs(x.astype(int) - 119).max() < 8


def test_what_is_transparent_is_white(folder):
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(folder / "cat" / "x.png")
    assert (photos.read(folder / "cat" / "x.png", 8) == 255).all()


def test_turned_as_the_camera_noted(folder):
    """Stored lying on its side, with a note: the bright half is above."""
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, :20] = 255  # stored: bright on the left; turned by 90 degrees to the right: above
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "cat" / "x.jpg", exif=exif)
    x = photos.read(folder / "cat" / "x.jpg", 8).astype(int)
    assert x[0].mean() > 200 > 60 > x[-1].mean()


def png_of(width, height):
    """A few bytes that claim to be a picture of that size."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    empty = chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + empty + chunk(b"IEND", b"")


def whole_jpeg():
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "no picture that Pillow knows"),
        (b"hello", "no picture that Pillow knows"),
        (whole_jpeg()[:600], "damaged or truncated"),
        (png_of(1, 1), "too few to see"),
        (png_of(20_000, 20_000), "than is read here"),
        (png_of(40, 20_000), "more than is read here"),
        (png_of(40, 40), "damaged or truncated"),
    ],
    ids=["empty", "text", "cut", "one pixel", "huge", "long", "no pixels"],
)
def test_what_is_left_out_and_why(folder, content, said):
    (folder / "dog" / "x.jpg").write_bytes(content)
    found = photos.load(folder, 16)
    assert len(found.y) == 4
    (sentence,) = found.skipped
    assert sentence.startswith("dog/x.jpg: it ")
    assert said in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_folders_that_cannot_be_used(folder, tmp_path_factory):
    with pytest.raises(ValueError, match="no folder"):
        photos.load(folder / "nowhere")
    single = tmp_path_factory.mktemp("single")
    (single / "cat").mkdir()
    with pytest.raises(ValueError, match="1 sub-folder; a classifier needs at least two"):
        photos.load(single)
    (single / "dog").mkdir()
    with pytest.raises(ValueError, match="cat has 0 usable pictures"):
        photos.load(single)
    (folder / "dog" / "0.png").write_text("hello")
    with pytest.raises(ValueError, match=r"dog has 1 usable .* dog/0.png: it is no picture"):
        photos.load(folder)


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
def test_corruptions_grow(name):
    """Each strength is further from the picture than the one before, and stays a picture."""
    x = np.random.default_rng(0).uniform(0.2, 0.8, (6, 16, 16, 3)).astype(np.float32)
    x = (x + np.roll(x, 1, 1) + np.roll(x, 1, 2)) / 3
    gaps = []
    for strength in corruptions.STRENGTHS:
        y = np.array(corruptions.corrupted(x, name, strength))
        assert y.shape == x.shape
        assert y.dtype == np.float32
        assert y.min() >= 0
        assert y.max() <= 1
        gaps.append(float(np.abs(y - x).mean()))
    assert gaps == sorted(gaps), gaps
    assert gaps[0] > 0 or name == "pixelate"
    with pytest.raises(ValueError, match="strengths 1 to 5"):
        corruptions.corrupted(x, name, 6)
    with pytest.raises(ValueError, match="'rain'"):
        corruptions.corrupted(x, "rain", 1)
