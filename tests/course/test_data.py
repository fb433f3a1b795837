"""The given data modules: downloads from a server that misbehaves, IDX files, the loaders."""

from __future__ import annotations

import gzip
import hashlib
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tinymlx.data import digits, download, idx, mnist, tables
from tinymlx.data.download import DownloadError, Remote, fetch

CONTENT = np.random.default_rng(0).bytes(300_000)
REMOTE = Remote("numbers.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT; the first part of the path says how."""

    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        manner = self.path.split("/")[1]
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.server.asked.append((manner, start))
        getattr(self, manner)(start)

    def head(self, status: int, length: int | None, **more: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def good(self, start: int) -> None:
        rest = CONTENT[start:]
        if start:
            span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
            self.head(206, len(rest), Content_Range=span)
        else:
            self.head(200, len(rest))
        self.wfile.write(rest)

    def no_ranges(self, start: int) -> None:
        self.head(200, len(CONTENT))
        self.wfile.write(CONTENT)

    def other_range(self, start: int) -> None:
        self.head(206, len(CONTENT) - start, Content_Range=f"bytes 7-99/{len(CONTENT)}")
        self.wfile.write(CONTENT[start:])

    def truncated(self, start: int) -> None:
        self.head(200, len(CONTENT))
        self.wfile.write(CONTENT[: len(CONTENT) // 3])

    def silent(self, start: int) -> None:
        self.head(200, len(CONTENT))
        self.wfile.write(CONTENT[:1000])
        self.wfile.flush()
        self.server.over.wait(10)

    def wrong(self, start: int) -> None:
        self.head(200, len(CONTENT))
        self.wfile.write(CONTENT[::-1])

    def page(self, start: int) -> None:
        self.head(200, 21, Content_Type="text/html")
        self.wfile.write(b"<html>Please log in.<")

    def endless(self, start: int) -> None:
        self.head(200, None)
        try:
            while not self.server.over.is_set():
                self.wfile.write(CONTENT)
        except OSError:
            pass

    def missing(self, start: int) -> None:
        self.head(404, 0)

    def moved(self, start: int) -> None:
        self.head(302, 0, Location="/good/numbers.bin")

    def round_and_round(self, start: int) -> None:
        self.head(302, 0, Location="/round_and_round/numbers.bin")

    def to_a_file(self, start: int) -> None:
        self.head(302, 0, Location="file:///etc/passwd")

    def nonsense(self, start: int) -> None:
        self.wfile.write(b"I am no web server.\r\n\r\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    asked: list[tuple[str, int]]
    over: threading.Event

    def at(self, *manners: str) -> list[str]:
        return [f"http://127.0.0.1:{self.server_address[1]}/{manner}" for manner in manners]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.asked, server.over = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_arrives_once(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    path = fetch(REMOTE, server.at("good"), tmp_path, lambda *numbers: seen.append(numbers))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("numbers.bin", len(CONTENT), len(CONTENT)) and seen == sorted(seen)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "numbers.bin"]
    assert fetch(REMOTE, [], tmp_path) == path
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "manner, reason",
    [
        ("truncated", "ended after 100000 of 300000 bytes"),
        ("silent", "was silent for 0.3 seconds"),
        ("wrong", "wrong checksum; it was deleted"),
        ("page", "offers 21 bytes where 300000 are expected"),
        ("endless", "sends more than 300000 bytes"),
        ("missing", "status 404"),
        ("round_and_round", "infinite loop"),
        ("to_a_file", "not allowed"),
        ("nonsense", "broke the connection"),
    ],
)
def test_a_server_that_misbehaves_is_named_and_the_next_one_helps(
    server: Server, tmp_path: Path, manner: str, reason: str
) -> None:
    with pytest.raises(DownloadError, match="could not be downloaded") as error:
        fetch(REMOTE, server.at(manner), tmp_path, timeout=0.3)
    assert reason in str(error.value) and f"/{manner}/numbers.bin" in str(error.value)
    assert not (tmp_path / "numbers.bin").exists()
    assert fetch(REMOTE, server.at(manner, "good"), tmp_path, timeout=0.3).read_bytes() == CONTENT


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="cannot be reached"):
        fetch(REMOTE, ["http://127.0.0.1:9"], tmp_path)


def test_the_rest_is_asked_for(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError):
        fetch(REMOTE, server.at("truncated"), tmp_path)
    fetch(REMOTE, server.at("good"), tmp_path)
    assert server.asked == [("truncated", 0), ("good", 100_000)]


@pytest.mark.parametrize("manner", ["no_ranges", "moved"])
def test_servers_of_other_habits(server: Server, tmp_path: Path, manner: str) -> None:
    (tmp_path / "numbers.bin.part").write_bytes(CONTENT[:5000])
    assert fetch(REMOTE, server.at(manner), tmp_path).read_bytes() == CONTENT


def test_a_wrong_range_is_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / "numbers.bin.part").write_bytes(CONTENT[:5000])
    with pytest.raises(DownloadError, match="status 206"):
        fetch(REMOTE, server.at("other_range"), tmp_path)
    assert (tmp_path / "numbers.bin.part").read_bytes() == CONTENT[:5000]


def test_a_part_that_is_wrong_or_too_long_is_given_up(server: Server, tmp_path: Path) -> None:
    for part in (CONTENT + b"more", b"x" * 1000):
        (tmp_path / "numbers.bin.part").write_bytes(part)
        path = fetch(REMOTE, server.at("good", "good"), tmp_path)
        assert path.read_bytes() == CONTENT
        path.unlink()


def test_two_at_a_time_download_once(server: Server, tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=fetch, args=(REMOTE, server.at("good"), tmp_path)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "numbers.bin").read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_full_disk_leaves_what_was_there(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numbers.bin.part").write_bytes(CONTENT[:5000])

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_copy", full)
    with pytest.raises(OSError, match="No space left"):
        fetch(REMOTE, server.at("good"), tmp_path)
    assert (tmp_path / "numbers.bin.part").read_bytes() == CONTENT[:5000]


# IDX files


def idx_file(path: Path, array: np.ndarray) -> Path:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["images.gz", "images"])
def test_an_idx_file_is_read(tmp_path: Path, name: str) -> None:
    images = np.arange(24).reshape(2, 3, 4)
    assert (idx.read(idx_file(tmp_path / name, images), 3) == images).all()


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "is no IDX file of bytes: it begins with nothing"),
        (b"\0\0\x0d\x01\0\0\0\1\0\0\0\0", "begins with 00 00 0d 01"),
        (b"\0\0\x08\x03\0\0", "ends in its header"),
        (b"\0\0\x08\x01\0\0\0\2ab", "has 1 axes where 3"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 2, 2) + b"1234567", "is truncated: 7 bytes"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2, 2, 2) + b"123456789", "is damaged: 9 bytes"),
        (b"<!doctype html>", "is a web page"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "truncated or damaged"),
        (gzip.compress(b"x" * 1000, mtime=0)[:12] + b"garbage" * 9, "truncated or damaged"),
    ],
)
def test_a_malformed_idx_file_is_explained(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        idx.read(path, 3)
    assert str(error.value).startswith(str(path))


def mnist_folder(folder: Path, images: int = 3, labels: int = 3) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for kind, remote in mnist.FILES.items():
        shape = (images, 28, 28) if "images" in kind else (labels,)
        idx_file(folder / remote.name, np.arange(np.prod(shape)).reshape(shape) % 10)
    return folder


def test_mnist_is_found_in_the_data_folder_then_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"train images .*download\(\) fetches them"):
        mnist.load()
    assert "scikit-learn" in mnist.load_or_digits().source
    mnist_folder(tmp_path / "cache" / "tinymlx" / "mnist", 4, 4)
    assert len(mnist.load().train.y) == 4
    mnist_folder(tmp_path / "mnist", 3, 3)
    data = mnist.load_or_digits()
    assert data.source.startswith("MNIST") and data.train.x.shape == (3, 28, 28, 1)
    assert data.test.y.tolist() == [0, 1, 2]
    assert abs(data.train.x[0, 0, 9, 0].item() - 9 / 255) < 1e-7


def test_mnist_that_does_not_fit_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has 3 images, but .* has 2 labels"):
        mnist.load(mnist_folder(tmp_path, 3, 2))
    labels = tmp_path / mnist.FILES["train labels"].name
    idx_file(labels, np.array([1, 2, 77]))
    with pytest.raises(ValueError, match="has a label 77"):
        mnist.load(tmp_path)


def test_mnist_is_downloaded_from_a_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """All four files by one call; here all of them are the same numbers."""
    for kind, remote in mnist.FILES.items():
        fake = Remote(remote.name, REMOTE.size, REMOTE.sha256)
        monkeypatch.setitem(mnist.FILES, kind, fake)
    folder = mnist.download(tmp_path, mirrors=server.at("missing", "good"))
    assert len(list(folder.glob("*.gz"))) == 4
    assert [manner for manner, _ in server.asked] == ["missing", "good"] * 4


# What comes with scikit-learn


def test_digits_and_tumours() -> None:
    data = digits.load()
    assert data.train.x.shape == (1347, 8, 8, 1) and data.test.y.shape == (450,)
    assert data.train.x.min().item() == 0 and data.train.x.max().item() == 1
    shares = np.bincount(np.array(data.test.y), minlength=10) / 450
    assert np.abs(shares - 0.1).max() < 0.01
    again, other = digits.load(), digits.load(seed=1)
    assert (np.array(again.test.y) == np.array(data.test.y)).all()
    assert (np.array(other.test.y) != np.array(data.test.y)).any()
    table = tables.breast_cancer()
    assert table.train.x.shape == (427, 30) and len(table.columns) == 30
    # 212 malignant of 569, and a malignant tumour is larger (column "mean radius").
    y = np.concatenate([np.array(table.train.y), np.array(table.test.y)])
    x = np.concatenate([np.array(table.train.x), np.array(table.test.x)])
    assert y.sum() == 212 and x[y == 1, 0].mean() > x[y == 0, 0].mean()
    with pytest.raises(ValueError, match="between 0 and 1; it is 1"):
        digits.load(test_share=1)


def test_the_command_downloads_and_says_where(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a mirror that does not have it: one sentence for each file that was tried."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("TINYMLX_DATA", raising=False)
    from typer.testing import CliRunner

    from course.cli.main import app
    from course.errors import CourseError

    shown = CliRunner().invoke(app, ["data"])
    assert shown.exit_code == 0 and "MNIST: not here; `tinymlx data mnist`" in shown.output
    failed = CliRunner().invoke(app, ["data", "mnist", "--mirror", server.at("missing")[0]])
    assert isinstance(failed.exception, CourseError)
    assert "train-images-idx3-ubyte.gz could not be downloaded" in str(failed.exception)
    assert "status 404" in str(failed.exception)
    other = CliRunner().invoke(app, ["data", "imagenet"])
    assert "no data set imagenet" in str(other.exception)
