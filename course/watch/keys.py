"""Single keys from a terminal, without waiting for return."""

from __future__ import annotations

import os
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


def next_key(seconds: float, wake: int) -> str | None:
    """The next key, or ``None`` after ``seconds`` or a byte on ``wake``."""
    try:
        ready, _, _ = select.select([sys.stdin, wake], [], [], seconds)
    except InterruptedError:  # the terminal was resized
        return None
    if wake in ready:
        os.read(wake, 4096)
    if sys.stdin not in ready:
        return None
    raw = os.read(sys.stdin.fileno(), 16)
    if not raw:
        return "q"  # the terminal is gone
    return NAMES.get(raw, raw.decode("utf-8", "replace")[:1].lower())
