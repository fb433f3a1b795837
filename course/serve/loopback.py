"""A server in a thread of this process, on a free port of this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from course.cli.serve import listening
from course.serve.app import Server


@contextmanager
def on_loopback(server: Server, seconds: float = 20.0) -> Iterator[str]:
    """Serve inside of the ``with`` block.

    Yields:
        The address.

    Raises:
        RuntimeError: the server did not begin.
    """
    with listening("127.0.0.1", 0) as bound:
        runner = uvicorn.Server(uvicorn.Config(server.app(), log_level="error"))
        thread = threading.Thread(target=runner.run, args=([bound],), daemon=True)
        thread.start()
        end = time.monotonic() + seconds
        while not runner.started:
            if not thread.is_alive() or time.monotonic() > end:
                raise RuntimeError("The server did not begin.")
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            runner.should_exit = True
            thread.join(seconds)
