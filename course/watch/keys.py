"""Single keys from a terminal, without waiting for return."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b" ": "page down",
    b"\r": "enter",
    b"\n": "enter",
    b"\x1b": "escape",
    b"\x03": "q",
    b"\x04": "q",
}
KEY = re.compile(rb"\x1b\[[0-9;]*[A-Za-z~]|\x1bO.|[\s\S]")


@contextmanager
def single_keys() -> Iterator[None]:
    """The terminal without echo and line mode inside, as it was outside."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def split_keys(raw: bytes) -> list[str]:
    """The keys of one read: fast typing and arrow keys arrive several bytes at a time."""
    return [NAMES.get(key, key.decode("utf-8", "replace").lower()) for key in KEY.findall(raw)]


def next_keys(seconds: float, wake: int) -> list[str]:
    """The keys pressed, or none after ``seconds`` or a byte on ``wake``."""
    try:
        ready, _, _ = select.select([sys.stdin, wake], [], [], seconds)
    except InterruptedError:  # the terminal was resized
        return []
    if wake in ready:
        os.read(wake, 4096)
    if sys.stdin not in ready:
        return []
    raw = os.read(sys.stdin.fileno(), 1024)
    return split_keys(raw) if raw else ["q"]  # no bytes: the terminal is gone
