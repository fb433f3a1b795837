"""The paths of the server, its limits, time-outs and metrics."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from course.serve import wire
from course.serve.classifying import Classifier
from course.serve.text import Piece, TextModel
from course.serve.wire import Asked, BadRequest, Limits
from course.serve.worker import Stopped

PAGE = Path(__file__).with_name("page.html")


class Metrics:
    """What is counted, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tinymlx_requests", "Requests.", ["path", "status"], registry=self.registry
        )
        self.tokens = Counter("tinymlx_tokens", "Tokens written.", registry=self.registry)
        self.seconds = Histogram(
            "tinymlx_request_seconds", "From a request to its answer.", ["path"],
            registry=self.registry,
        )  # fmt: skip
        self.running = Gauge("tinymlx_running", "Rows that are computed.", registry=self.registry)
        self.waiting = Gauge("tinymlx_waiting", "Rows that wait.", registry=self.registry)

    def watch(self, running: int, waiting: int) -> None:
        """Note how many rows there are."""
        self.running.set(running)
        self.waiting.set(waiting)


class TooLong(Exception):
    """An answer took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The answer took longer than {seconds:g} seconds.")


async def within(answer: AsyncGenerator[Piece, None], seconds: float) -> AsyncIterator[Piece]:
    """The pieces of an answer, as long as all of them come in time.

    Raises:
        TooLong: one did not; the answer is cancelled.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            piece = await asyncio.wait_for(anext(answer), end - time.monotonic())
        except StopAsyncIteration:
            return
        except (TimeoutError, asyncio.TimeoutError):
            await answer.aclose()
            raise TooLong(seconds) from None
        yield piece


async def collected(
    request: Request, first: Piece, answer: AsyncGenerator[Piece, None], every: float = 0.2
) -> tuple[str, Piece]:
    """All of an answer, and its last piece. Now and then we look whether somebody still listens.

    Raises:
        ClientDisconnect: nobody does.
    """
    text, last, looked = first.text, first, time.monotonic()
    async for last in answer:
        text += last.text
        if last.reason is None and time.monotonic() - looked > every:
            looked = time.monotonic()
            if await request.is_disconnected():
                raise ClientDisconnect
    return text, last


class Server:
    """Everything that the paths need.

    Args:
        text: the language model, if there is one.
        pictures: the classifier, if there is one.
        limits: what may be asked for.
        token: that clients have to send, or ``None``.
    """

    def __init__(
        self,
        text: TextModel | None,
        pictures: Classifier | None,
        limits: Limits,
        token: str | None,
        metrics: Metrics,
    ) -> None:
        self.text, self.pictures, self.limits, self.token = text, pictures, limits, token
        self.metrics = metrics
        self.active = 0

    def app(self) -> Starlette:
        """The application."""
        routes = [
            Route("/", self.page),
            Route("/healthz", self.health),
            Route("/metrics", self.measured),
            Route("/v1/models", self.guarded(self.models)),
            Route("/v1/completions", self.guarded(self.completions), methods=["POST"]),
            Route("/v1/chat/completions", self.guarded(self.chat), methods=["POST"]),
            Route("/v1/classify", self.guarded(self.classify), methods=["POST"]),
        ]
        return Starlette(
            routes=routes,
            lifespan=self.lifespan,
            exception_handlers={HTTPException: self.refused},
        )

    async def refused(self, request: Request, error: Exception) -> Response:
        """A path or a method that there is not, told as everything else is."""
        assert isinstance(error, HTTPException)
        path, method = request.url.path, request.method
        if error.status_code == 404:
            said = f"There is no path {path} here; /v1/models names what is served."
        else:
            said = f"The path {path} does not answer {method} ({error.detail})."
        told = BadRequest(said, error.status_code, "not_found_error")
        return JSONResponse(told.plain(), error.status_code, headers=error.headers)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Threads begin with the server, and end after what is running has been answered."""
        parts = [part for part in (self.text, self.pictures) if part is not None]
        for part in parts:
            part.start()
        try:
            yield
        finally:
            for part in parts:
                await asyncio.to_thread(part.stop)

    # What is asked for

    async def page(self, request: Request) -> Response:
        """The demo page."""
        return HTMLResponse(PAGE.read_text(encoding="utf-8"))

    async def health(self, request: Request) -> Response:
        """Whether everything works."""
        parts = [part for part in (self.text, self.pictures) if part is not None]
        well = all(part.well for part in parts)
        return JSONResponse({"status": "ok" if well else "failed"}, 200 if well else 503)

    async def measured(self, request: Request) -> Response:
        """The metrics in Prometheus' format."""
        return Response(generate_latest(self.metrics.registry), media_type="text/plain")

    async def models(self, request: Request) -> Response:
        """The names of the models."""
        parts = [part for part in (self.text, self.pictures) if part is not None]
        found = [
            {"id": part.name, "object": "model", "created": 0, "owned_by": "tinymlx"}
            for part in parts
        ]
        return JSONResponse({"object": "list", "data": found})

    async def completions(self, request: Request) -> Response:
        """Text that continues a prompt."""
        return await self.written(request, chat=False)

    async def chat(self, request: Request) -> Response:
        """The next message of a conversation."""
        return await self.written(request, chat=True)

    async def written(self, request: Request, chat: bool) -> Response:
        """Text, at once or in a stream."""
        if self.text is None:
            raise BadRequest("No language model is served here.", 404, "not_found_error")
        asked = wire.asked(wire.parsed(await self.body(request)), chat, self.limits)
        if asked.model not in ("", self.text.name):
            raise BadRequest(
                f"There is no model {asked.model} here; there is {self.text.name}.",
                404,
                "not_found_error",
            )
        name = f"{'chatcmpl' if chat else 'cmpl'}-{secrets.token_hex(12)}"
        answer = self.text.answer(asked, self.metrics)
        # The first piece is awaited here: what the engine refuses is an answer with a status.
        first = await anext(answer)
        if asked.stream:
            stream = self.streamed(asked, name, first, answer)
            return StreamingResponse(stream, media_type="text/event-stream")
        try:
            whole = collected(request, first, answer)
            text, last = await asyncio.wait_for(whole, self.limits.seconds)
        except (TimeoutError, asyncio.TimeoutError):
            raise TooLong(self.limits.seconds) from None
        finally:
            await answer.aclose()
        counts = (last.prompt, last.written)
        return JSONResponse(
            wire.answer(asked, name, self.text.name, text, last.reason or "stop", counts)
        )

    async def streamed(
        self, asked: Asked, name: str, first: Piece, answer: AsyncGenerator[Piece, None]
    ) -> AsyncIterator[bytes]:
        """The events of a stream."""
        text = self.text
        assert text is not None
        model, last = text.name, first

        def event(what: object) -> bytes:
            found: bytes = text.parts.event(wire.data(what))
            return found

        yield event(wire.piece(asked, name, model, first.text, first.reason, True))
        try:
            async for last in within(answer, self.limits.seconds):
                if last.text or last.reason:
                    part = wire.piece(asked, name, model, last.text, last.reason, False)
                    yield event(part)
        except (TooLong, Stopped) as error:
            yield event(BadRequest(str(error), 503, "server_error").plain())
            return
        finally:
            await answer.aclose()  # also when the client leaves: then it is cancelled
        if asked.usage:
            kind = "chat.completion.chunk" if asked.chat else "text_completion"
            counts = wire.usage((last.prompt, last.written))
            yield event({**wire.head(name, kind, model), "choices": [], "usage": counts})
        yield event("[DONE]")

    async def classify(self, request: Request) -> Response:
        """The classes of a picture."""
        if self.pictures is None:
            raise BadRequest("No classifier is served here.", 404, "not_found_error")
        picture = self.pictures.read(await self.body(request))
        try:
            found = await asyncio.wait_for(self.pictures.classes(picture), self.limits.seconds)
        except (TimeoutError, asyncio.TimeoutError):
            raise TooLong(self.limits.seconds) from None
        return JSONResponse({"model": self.pictures.name, "classes": found})

    # What surrounds it

    async def body(self, request: Request) -> bytes:
        """The body, read no further than is allowed.

        Raises:
            BadRequest: it is too large.
        """
        most = self.limits.body
        said = BadRequest(f"The body has more than {most} bytes.", 413)
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > most:
            raise said
        found = bytearray()
        async for chunk in request.stream():
            found += chunk
            if len(found) > most:
                raise said
        return bytes(found)

    def guarded(
        self, path: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A path with everything that can go wrong told in one sentence, counted and timed."""

        async def guard(request: Request) -> Response:
            start = time.perf_counter()
            self.active += 1
            try:
                self.admitted(request)
                response = await path(request)
            except BadRequest as error:
                response = JSONResponse(error.plain(), error.status)
            except ValueError as error:
                response = JSONResponse(BadRequest(str(error)).plain(), 400)
            except TooLong as error:
                response = JSONResponse(BadRequest(str(error), 504, "server_error").plain(), 504)
            except Stopped as error:
                response = JSONResponse(BadRequest(str(error), 503, "server_error").plain(), 503)
            except ClientDisconnect:
                response = Response(status_code=499)
            finally:
                self.active -= 1
            self.metrics.requests.labels(request.url.path, response.status_code).inc()
            self.metrics.seconds.labels(request.url.path).observe(time.perf_counter() - start)
            return response

        return guard

    def admitted(self, request: Request) -> None:
        """Let a request in.

        Raises:
            BadRequest: it lacks the token, or too many are there already.
        """
        if self.token is not None:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                raise BadRequest("The token is missing or wrong.", 401, "authentication_error")
        if self.active > self.limits.queue:
            raise BadRequest(
                f"{self.limits.queue} requests are being answered; try again later.",
                429,
                "rate_limit_error",
            )
