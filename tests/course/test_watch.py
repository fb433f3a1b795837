"""The watch loop in a real terminal: keys, saves of every kind, resizing."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest
from small import Mini

from course.watch.files import Watched

RETURN = "    return rows.softmax(x)[index]"


class Terminal:
    """``tinymlx watch`` in a pseudo terminal whose screen can be read."""

    def __init__(
        self, mini: Mini, *arguments: str, rows: int = 30, columns: int = 100, kind: str = "xterm"
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        controller, terminal = pty.openpty()
        self.controller = controller
        self._size(rows, columns)
        # As a shell may have them of another window: the terminal's own size counts.
        environment = mini.environment(TERM=kind, LINES="24", COLUMNS="80")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "course.cli.main", "watch", *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=mini.root,
            env=environment,
            start_new_session=True,
        )
        os.close(terminal)

    def _size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows: int, columns: int) -> None:
        self.screen.resize(rows, columns)
        self._size(rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    def press(self, keys: str) -> None:
        os.write(self.controller, keys.encode())

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, pattern: str, seconds: float = 30.0) -> str:
        """Read until the screen shows ``pattern``."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {pattern!r} on the screen:\n{self.text}")
            if select.select([self.controller], [], [], 0.05)[0]:
                try:
                    self.stream.feed(os.read(self.controller, 65536))
                except OSError:
                    time.sleep(0.05)  # the program has ended; the deadline decides
        return self.text

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.controller)


@pytest.fixture
def terminal(mini: Mini) -> Iterator[Terminal]:
    mini.solve()
    mini.replace(RETURN, "    return x[index]")
    session = Terminal(mini, "1.2")
    yield session
    session.close()


def test_a_save_brings_the_verdict_and_a_pass_the_next(mini: Mini, terminal: Terminal) -> None:
    text = terminal.until(r"Likely: You forgot the softmax\.")
    assert "1.2 Picking from a softmax" in text and "n next" in text and "0/3" in text
    mini.solve()
    text = terminal.until(r"passed  1\.2 Picking")
    assert "Press n for the next exercise" in text and "1/3" in text
    terminal.press("d")
    terminal.until("equals the solution to the letter")
    terminal.press("d")
    terminal.press("n")
    terminal.until(r"1\.3 A counter of rows(.|\n)*to do")
    terminal.press("q")
    assert terminal.process.wait(10) == 0


def test_on_a_small_screen_the_mistake_comes_first(mini: Mini) -> None:
    mini.solve()
    mini.replace(RETURN, "    x = x + 0\n" * 30 + "    return x[index]")
    session = Terminal(mini, "1.2", rows=24, columns=80)
    try:
        text = session.until(r"Likely: You forgot the softmax\.")
    finally:
        session.close()
    assert text.index("y differs") < text.index("Likely:") < text.index("worst at")


def test_on_a_small_screen_an_answer_to_a_key_is_seen(mini: Mini) -> None:
    """Hints stand below the failure, and sentences above it: each is scrolled to."""
    mini.solve()
    mini.replace(RETURN, "    x = x + 0\n" * 30 + "    return x[index]")
    session = Terminal(mini, "1.2", rows=20, columns=60)
    try:
        assert "more lines below: arrow keys, space" in session.until("Likely: You forgot")
        for number in (1, 2, 3):
            session.press("h")
            session.until(rf"Hint {number}: \w+")
        assert "more lines above" in session.text
        session.press("d")
        session.until("The solution shows itself once yours passes")
    finally:
        session.close()


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(mini: Mini) -> None:
    mini.solve()
    mini.replace(RETURN, "    return x[index]")
    session = Terminal(mini, "1.2", kind="dumb")
    try:
        session.until(r"Likely: You forgot the softmax\.")
        mini.solve()
        session.until(r"passed  1\.2 Picking")
    finally:
        session.close()


def test_on_a_low_screen_the_card_makes_room(mini: Mini) -> None:
    """As in the panel of an editor, which has ten lines or so."""
    mini.solve()
    mini.replace(RETURN, "    return x[index]")
    session = Terminal(mini, "1.2", rows=10, columns=80)
    try:
        session.until(r"write  pick in tinymlx/rows/softmax\.py|Likely: You forgot")
        session.until(r"Likely: You forgot the softmax\.")
        session.press("r")
        session.until(r"Put the starter of pick back\?")
    finally:
        session.close()


def test_hints_list_and_reset(mini: Mini, terminal: Terminal) -> None:
    terminal.until("Likely")
    terminal.press("d")
    terminal.until("The solution shows itself once yours passes")
    terminal.press("h")
    terminal.until(r"Hint 1: Which row\?")
    terminal.press("h")
    terminal.until(r"Hint 2: Use softmax\.")
    terminal.press("l")
    terminal.until("› ✗ 1.2")
    terminal.press("\x1b[B\r")
    terminal.until(r"─ 1\.3 A counter of rows")
    terminal.press("p")
    terminal.until(r"─ 1\.2 Picking")
    terminal.press("r")
    terminal.until(r"Put the starter of pick back\?")
    terminal.press("n")
    terminal.press("r")
    terminal.press("y")
    terminal.until("The starter is back; your work is kept in .tinymlx/backups|to do   1.2")
    assert "1.2 pick - exercises" in (mini.root / "tinymlx/rows/softmax.py").read_text()
    assert list((mini.root / ".tinymlx/backups").rglob("softmax.py"))


def test_an_editor_that_renames_and_one_that_truncates(mini: Mini, terminal: Terminal) -> None:
    terminal.until("Likely")
    path = mini.root / "tinymlx/rows/softmax.py"
    good = (mini.root / "solutions/tinymlx/rows/softmax.py").read_text()
    draft = path.with_suffix(".tmp")
    draft.write_text(good)
    os.replace(draft, path)
    terminal.until(r"passed  1\.2")
    with open(path, "w") as stream:  # writes in two pieces
        stream.write(good[:200])
        stream.flush()
        stream.write(good[200:].replace(RETURN, "    return rows.softmax(x)[index] + 1"))
    terminal.until("y differs")


def test_a_syntax_error_and_an_endless_loop(mini: Mini, terminal: Terminal) -> None:
    terminal.until("Likely")
    mini.replace("    return x[index]", "    return x[index")
    terminal.until(r"softmax\.py:28: '\[' was never closed: return x\[index")
    mini.replace("    return x[index", "    while True: index = 1")
    terminal.until(r"hung at tinymlx/rows/softmax\.py:28 in pick: while True", 60)
    mini.solve()
    terminal.until(r"passed  1\.2")


def test_a_newer_save_drops_a_check_that_hangs(mini: Mini, terminal: Terminal) -> None:
    terminal.until("Likely")
    mini.replace("    return x[index]", "    while True: index = 1")
    terminal.until("checking")
    started = time.monotonic()
    mini.solve()
    terminal.until(r"passed  1\.2")
    assert time.monotonic() - started < 8.0  # the loop's own limit is ten seconds


def test_resizing_redraws_to_the_new_size(mini: Mini, terminal: Terminal) -> None:
    terminal.until("Likely")
    for rows, columns in ((12, 60), (5, 30), (40, 140)):
        terminal.resize(rows, columns)
        terminal.press("c")
        terminal.until("n next")
        assert terminal.process.poll() is None
    assert "Likely" in terminal.until("Likely")


def test_without_a_terminal_each_save_prints_a_verdict(mini: Mini) -> None:
    mini.solve()
    process = subprocess.Popen(
        [sys.executable, "-m", "course.cli.main", "watch", "1.2"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=mini.environment(),
    )
    assert process.stdout is not None
    assert "passed  1.2" in process.stdout.readline()
    process.stdout.readline()
    mini.replace(RETURN, "    return x[index]")
    assert "1.2 Picking from a softmax: y differs" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130


def test_links_to_folders_above_are_walked_once(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    for name in ("here", "again"):
        (tmp_path / name).symlink_to(".")
    watched = Watched(tmp_path)
    assert not watched.changed()
    (tmp_path / "a.py").write_text("22")
    assert [watched.changed(), watched.changed(), watched.changed()] == [False, True, False]


def test_changes_are_reported_once_and_only_when_settled(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("1")
    watched = Watched(tmp_path)
    assert not watched.changed()
    path.write_text("22")
    assert not watched.changed()
    path.write_text("333")
    assert not watched.changed()
    assert watched.changed()
    assert not watched.changed()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.py").write_text("")
    assert [watched.changed(), watched.changed()] == [False, True]
    (tmp_path / "notes.txt").write_text("")
    assert [watched.changed(), watched.changed()] == [False, False]
