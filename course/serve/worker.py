"""The engine in a thread of its own, and the streams of its answers.

MLX computes in the thread that asks for it, and a step takes milliseconds: in the event loop's own
thread nobody else could be heard meanwhile. So requests go to the thread through a queue, and what
it says comes back by ``call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any


class Stopped(Exception):
    """The worker is shutting down, or has failed."""


@dataclass
class Talk:
    """A request on its way.

    Attributes:
        request: for the engine.
        loop, inbox: where its events go.
    """

    request: Any
    loop: asyncio.AbstractEventLoop
    inbox: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)

    def say(self, what: Any) -> None:
        """Hand an event (or an exception) over, from the worker's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self.loop.call_soon_threadsafe(self.inbox.put_nowait, what)


def hand_over(events: list[tuple[asyncio.Queue[Any], Any]]) -> None:
    """Put events where they are waited for, in the loop's thread."""
    for inbox, event in events:
        inbox.put_nowait(event)


class Worker:
    """Runs an engine for as long as there is something to do.

    Args:
        engine: with ``submit``, ``cancel``, ``step`` and ``idle``.
        watch: is told the number of running and waiting requests after each step.
    """

    def __init__(self, engine: Any, watch: Callable[[int, int], None] = lambda a, b: None) -> None:
        self.engine, self.watch = engine, watch
        self.inbox: queue.Queue[tuple[str, Any] | None] = queue.Queue()
        self.talks: dict[int, Talk] = {}
        self.failed: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Finish what is running, if that takes no longer than so many seconds, and end."""
        self.inbox.put(None)
        self.thread.join(seconds)

    async def stream(self, request: Any) -> AsyncGenerator[Any, None]:
        """The events of a request, as they come. Whoever stops listening cancels it.

        Raises:
            ValueError: the engine refuses it.
            Stopped: the worker is shutting down.
        """
        if self.failed is not None or not self.thread.is_alive():
            raise Stopped("The server is shutting down.")
        talk = Talk(request, asyncio.get_running_loop())
        self.inbox.put(("submit", talk))
        try:
            while True:
                event = await talk.inbox.get()
                if isinstance(event, BaseException):
                    raise event
                yield event
                if event.reason is not None:
                    return
        finally:
            self.inbox.put(("cancel", request.number))

    def _run(self) -> None:
        try:
            while self._listen():
                self._step()
        except BaseException as error:
            self.failed = error
            raise
        finally:
            for talk in self.talks.values():
                talk.say(Stopped("The server is shutting down."))

    def _listen(self) -> bool:
        """Take what has come; wait for something if there is nothing to do. Whether to go on."""
        while True:
            try:
                message = self.inbox.get(block=self.engine.idle)
            except queue.Empty:
                return True
            if message is None:
                self._finish()
                return False
            if message[0] == "submit":
                self._submit(message[1])
            else:
                self.talks.pop(message[1], None)
                self.engine.cancel(message[1])
            self.watch(len(self.engine.running), len(self.engine.waiting))

    def _finish(self) -> None:
        """The last steps: who runs may finish, nobody else is let in."""
        self.engine.waiting.clear()
        while self.engine.running:
            self._step()

    def _step(self) -> None:
        said: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Queue[Any], Any]]] = {}
        for event in self.engine.step():
            talk = self.talks.get(event.number)
            if talk is not None:
                said.setdefault(talk.loop, []).append((talk.inbox, event))
        for loop, events in said.items():  # one call for all rows: each one wakes the loop
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(hand_over, events)
        self.watch(len(self.engine.running), len(self.engine.waiting))

    def _submit(self, talk: Talk) -> None:
        try:
            self.engine.submit(talk.request)
        except ValueError as error:
            talk.say(error)
        else:
            self.talks[talk.request.number] = talk
