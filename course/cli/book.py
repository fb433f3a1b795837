"""``tinymlx book``: build the book, serve it on this machine, open it."""

from __future__ import annotations

import time
import webbrowser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from course.cli.terminal import console
from course.errors import CourseError
from course.paths import find_project
from course.registry import load_registry


def run(build_only: bool, port: int, out: Path | None, opened: bool) -> None:
    """Build what has changed; then, if wanted, serve until Ctrl-C.

    Args:
        port: 0 takes a free one.
        out: where the book goes; ``build/book`` if left out.
        opened: whether to open it in the browser.

    Raises:
        CourseError: a package is missing, the folder cannot be written, or the port is in use.
    """
    from course.book.build import build, require

    require()
    project = find_project()
    folder = (out or project.root / "build" / "book").resolve()
    server = None if build_only else listening(folder, port)
    say, start = console(), time.perf_counter()
    try:
        complaints = build(project, load_registry(project), folder)
    except OSError as error:
        raise CourseError(
            f"The book cannot be written to {folder} ({error.strerror}); name another with --out."
        ) from None
    for line in complaints:
        say.print(line)
    pages, seconds = len(list(folder.rglob("*.html"))), time.perf_counter() - start
    say.print(f"{pages} pages in {project.relative(folder)}, built in {seconds:.0f} s.")
    if server is not None:
        serve(server, opened)


def listening(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of the folder's files, for this machine alone.

    Raises:
        CourseError: the port is in use, or may not be used.
    """
    handler = partial(Quiet, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise CourseError(
            f"Port {port} cannot be used ({error.strerror}); choose another one with --port, or a "
            "free one with --port 0."
        ) from None


def serve(server: ThreadingHTTPServer, opened: bool) -> None:
    """Answer until Ctrl-C."""
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    console().print(f"The book is at {address} (Ctrl-C ends this).")
    if opened:
        webbrowser.open(address)
    try:
        with server:
            server.serve_forever()
    except KeyboardInterrupt:
        pass


class Quiet(SimpleHTTPRequestHandler):
    """Files without a line for each, and never an old one."""

    def log_message(self, format: str, *args: object) -> None:
        pass

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()
