"""A language model behind the paths: from text to tokens and back."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from course.serve.wire import Asked
from course.serve.worker import Worker


@dataclass(frozen=True)
class Piece:
    """A piece of an answer.

    Attributes:
        text: that has become certain.
        reason: why it ends, with the last piece.
        prompt, written: tokens of the prompt, and of the answer so far.
    """

    text: str
    reason: str | None
    prompt: int
    written: int


class Speaking:
    """A model that says no token which its tokenizer cannot write.

    Published tables are rounded up to a multiple of 64 or so: the rows behind the last token stand
    for nothing, and a draw might find one.

    Args:
        model: with ``make_cache``; its logits are ``(N, L, V)``.
        size: how many numbers the tokenizer knows.
    """

    def __init__(self, model: Any, size: int) -> None:
        self.model, self.size = model, size
        self.make_cache = model.make_cache

    def __call__(self, *inputs: Any) -> Any:
        return self.model(*inputs)[..., : self.size]


class TextModel:
    """A model, its tokenizer, and the worker that runs it.

    Args:
        name: as clients see it.
        engine: answers requests.
        tokenizer: with ``encode``, ``bytes_of`` and ``eos``.
        parts: ``Request``, ``TextStream`` and ``event`` of the reader's package.
        watch: see :class:`Worker`.
    """

    def __init__(
        self,
        name: str,
        engine: Any,
        tokenizer: Any,
        parts: Any,
        watch: Callable[[int, int], None],
    ) -> None:
        self.name, self.tokenizer, self.parts = name, tokenizer, parts
        self.worker = Worker(engine, watch)
        self.numbers = itertools.count(1)
        self.start, self.stop = self.worker.start, self.worker.stop

    @property
    def well(self) -> bool:
        """Whether the worker is alive."""
        return self.worker.failed is None and self.worker.thread.is_alive()

    def request(self, asked: Asked) -> Any:
        """What the engine is asked."""
        eos = self.tokenizer.eos
        return self.parts.Request(
            number=next(self.numbers),
            prompt=self.tokenizer.encode(asked.text),
            most=asked.most,
            temperature=asked.temperature,
            p=asked.top_p,
            seed=secrets.randbelow(2**31) if asked.seed is None else asked.seed % 2**31,
            ends=frozenset() if eos is None else frozenset({eos}),
        )

    async def answer(self, asked: Asked, metrics: Any) -> AsyncGenerator[Piece, None]:
        """The pieces of an answer: characters that are complete, in front of a stop sequence."""
        request = self.request(asked)
        stream = self.parts.TextStream(asked.stops)
        count, written = len(request.prompt), 0
        events = self.worker.stream(request)
        try:
            async for event in events:
                text = ""
                if event.token is not None:
                    written += 1
                    metrics.tokens.inc()
                    text = stream.feed(self.tokenizer.bytes_of(event.token))
                if event.reason is not None:
                    text += stream.finish()
                reason = "stop" if stream.stopped else event.reason
                yield Piece(text, reason, count, written)
                if reason is not None:
                    return
        finally:
            await events.aclose()
