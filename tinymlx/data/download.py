"""Downloading a file so that it is complete and right, or not there at all. Given.

A download goes to ``NAME.part`` beside its goal. What arrives is kept when the connection breaks,
and the next attempt, also by another mirror or in another week, asks for the rest. Only a file of
the right size and checksum gets its name.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 16  # bytes
#: Called with the name of the file, the bytes that are there, and those there will be.
Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Args:
        name: its name.
        size: its size in bytes.
        sha256: its checksum, hexadecimal.
    """

    name: str
    size: int
    sha256: str


class DownloadError(RuntimeError):
    """No mirror had the file; the message says of each why."""


class _Refused(Exception):
    """One mirror did not serve the file: why."""


def fetch(
    remote: Remote,
    mirrors: Sequence[str],
    folder: Path,
    report: Report | None = None,
    timeout: float = 20.0,
) -> Path:
    """The path of the file in ``folder``, downloaded if it is not there.

    Args:
        remote: what to download.
        mirrors: addresses of folders that have it, tried in this order.
        folder: where to put it; made if it does not exist.
        report: called while bytes arrive.
        timeout: how many seconds a server may be silent.

    Raises:
        DownloadError: no mirror served the file, right and whole; what has arrived of it, and is
            not known to be wrong, stays for the next attempt.
        OSError: the disk is full, or the folder may not be written.
    """
    goal = folder / remote.name
    if goal.exists():
        return goal
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder / ".lock"):
        if goal.exists():  # another process was faster
            return goal
        part = folder / f"{remote.name}.part"
        reasons = []
        for mirror in mirrors:
            url = f"{mirror.rstrip('/')}/{remote.name}"
            try:
                _receive(url, part, remote, report or _no_report, timeout)
                _check(part, remote)
            except _Refused as refused:
                reasons.append(f"  {url}: {refused}")
                continue
            os.replace(part, goal)
            return goal
    raise DownloadError(
        f"{remote.name} could not be downloaded:\n" + "\n".join(reasons) + "\nTry again later, or "
        f"put the file into {folder} yourself."
    )


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Wait until no other process downloads into the same folder."""
    with path.open("w") as lock:  # it stays: another process may be waiting for this very file
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _receive(url: str, part: Path, remote: Remote, report: Report, timeout: float) -> None:
    """Append what is missing to ``part``."""
    have = part.stat().st_size if part.exists() else 0
    if have >= remote.size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            if not response.url.startswith(("http://", "https://")):
                raise _Refused(f"redirects to {response.url}")
            continues = response.status == 206 and _starts_at(response, have)
            if response.status not in (200, 206) or (response.status == 206 and not continues):
                raise _Refused(f"answered with status {response.status}, not the file")
            _compare_size(response, remote.size - (have if continues else 0))
            with part.open("ab" if continues else "wb") as file:
                _copy(response, file, have if continues else 0, remote, report)
    except urllib.error.HTTPError as error:
        raise _Refused(f"answered with status {error.code} ({error.reason})") from error
    except TimeoutError as error:
        raise _Refused(f"was silent for {timeout:g} seconds") from error
    except urllib.error.URLError as error:
        raise _Refused(f"cannot be reached ({error.reason})") from error
    except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
        raise _Refused(f"broke the connection ({error!r})") from error
    received = part.stat().st_size
    if received < remote.size:
        raise _Refused(f"ended after {received} of {remote.size} bytes")


def _starts_at(response: http.client.HTTPResponse, have: int) -> bool:
    return (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-")


def _compare_size(response: http.client.HTTPResponse, expected: int) -> None:
    """Refuse another file (a page that explains an error, say) before it is written."""
    length = response.headers.get("Content-Length")
    if length is not None and length.isdigit() and int(length) != expected:
        raise _Refused(f"offers {length} bytes where {expected} are expected: another file")


def _no_report(name: str, done: int, size: int) -> None:
    """For those who do not want to know."""


def _copy(
    response: http.client.HTTPResponse, file: BinaryIO, done: int, remote: Remote, report: Report
) -> None:
    """Write what arrives, but never more than the file should have."""
    while done <= remote.size:
        try:
            chunk = response.read1(CHUNK)
        except http.client.IncompleteRead as error:
            chunk = error.partial
        if not chunk:
            return
        file.write(chunk)
        done += len(chunk)
        report(remote.name, min(done, remote.size), remote.size)
    raise _Refused(f"sends more than {remote.size} bytes: another file")


def _check(part: Path, remote: Remote) -> None:
    """Compare the checksum. A file that is wrong is of no use to the next attempt: it goes."""
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else None
        if digest is None:  # Python 3.10
            digest = hashlib.sha256(file.read())
    if part.stat().st_size != remote.size or digest.hexdigest() != remote.sha256:
        part.unlink()
        raise _Refused("sent a file with a wrong checksum; it was deleted")
