"""What clients send and what they get, in the forms that OpenAI's clients know."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class BadRequest(Exception):
    """A client asked for something that cannot be.

    Attributes:
        status: of HTTP.
        kind: as OpenAI's API names it.
    """

    def __init__(self, message: str, status: int = 400, kind: str = "invalid_request_error"):
        super().__init__(message)
        self.status, self.kind = status, kind

    def plain(self) -> dict[str, Any]:
        return {"error": {"message": str(self), "type": self.kind, "code": None, "param": None}}


@dataclass(frozen=True)
class Limits:
    """What one client, and all of them, may ask for.

    Attributes:
        body: bytes of a request.
        queue: requests that may wait or run at a time.
        tokens: that one request may ask for.
        seconds: that one request may take.
    """

    body: int = 1_000_000
    queue: int = 256
    tokens: int = 1024
    seconds: float = 120.0


@dataclass(frozen=True)
class Asked:
    """A request for text, checked.

    Attributes:
        text: of the prompt.
        most: how many tokens may come.
        temperature, top_p, seed: of the draw; without a seed, one is drawn.
        stops: texts that end the answer.
        stream: whether pieces are wanted as they come.
        usage: whether a stream ends with counts of tokens.
        chat: whether the answer is a message.
        model: as the client called it.
    """

    text: str
    most: int
    temperature: float
    top_p: float | None
    seed: int | None
    stops: tuple[str, ...]
    stream: bool
    usage: bool
    chat: bool
    model: str


def parsed(body: bytes) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        BadRequest: it is none, or has a text that is none.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The body is no JSON.") from None
    if "\\ud" in body.decode("utf-8", "replace").lower():  # halves of characters come in pairs
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BadRequest("The body has half of a character (\\ud800 to \\udfff).") from None
    if not isinstance(found, dict):
        raise BadRequest("The body should be a JSON object.")
    return found


def number(
    body: dict[str, Any], name: str, default: Any, low: float, high: float, whole: bool = False
) -> Any:
    """A number of a request.

    Raises:
        BadRequest: it is none, or outside of the limits.
    """
    value = body.get(name)
    if value is None:
        return default
    right = isinstance(value, int) if whole else isinstance(value, (int, float))
    if isinstance(value, bool) or not right or not low <= value <= high or math.isnan(value):
        kind = "whole number" if whole else "number"
        limits = f"{low:.0f} to {high:.0f}" if whole else f"{low:g} to {high:g}"
        raise BadRequest(f"{name} should be a {kind} from {limits}; it is {value!r}.")
    return value


def stops(body: dict[str, Any]) -> tuple[str, ...]:
    """The stop sequences of a request.

    Raises:
        BadRequest: they are not one to four texts of at least one character.
    """
    value = body.get("stop")
    found = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(found, list) or len(found) > 4:
        raise BadRequest("stop should be a text, or a list of at most four.")
    if not all(isinstance(text, str) and text for text in found):
        raise BadRequest("A stop sequence should be a text of at least one character.")
    return tuple(found)


def prompt_of(body: dict[str, Any]) -> str:
    """The prompt of a completion.

    Raises:
        BadRequest: it is missing, or no text, or empty.
    """
    value = body.get("prompt")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise BadRequest("prompt should be a text.")
    if not value:
        raise BadRequest("The prompt is empty; it needs at least one character.")
    return value


def messages_of(body: dict[str, Any]) -> list[dict[str, str]]:
    """The messages of a conversation.

    Raises:
        BadRequest: there is none, or one is not of the right form.
    """
    value = body.get("messages")
    if not isinstance(value, list) or not value:
        raise BadRequest("messages should be a list with at least one message.")
    found = []
    for message in value:
        if not isinstance(message, dict):
            raise BadRequest("A message should be an object with role and content.")
        role, content = message.get("role"), message.get("content")
        if isinstance(content, list):  # parts; text is all that is known here
            parts = [p.get("text") for p in content if isinstance(p, dict)]
            texts = [text for text in parts if isinstance(text, str)]
            content = "".join(texts) if len(texts) == len(content) else None
        if role not in ("system", "user", "assistant") or not isinstance(content, str):
            raise BadRequest(
                "A message should have the role system, user or assistant, and a text as content."
            )
        found.append({"role": role, "content": content})
    return found


def conversation(messages: Sequence[dict[str, str]]) -> str:
    """Messages as one text, in the form that ChatML has, up to where the answer begins."""
    parts = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages]
    return "".join(parts) + "<|im_start|>assistant\n"


def asked(body: dict[str, Any], chat: bool, limits: Limits) -> Asked:
    """A request for text.

    Raises:
        BadRequest: something in it is wrong; the sentence says what.
    """
    if body.get("n", 1) != 1:
        raise BadRequest("n: only one answer at a time is possible here.")
    name = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise BadRequest("stream_options should be an object.")
    if not isinstance(body.get("stream") or False, bool):
        raise BadRequest("stream should be true or false.")
    text = conversation(messages_of(body)) if chat else prompt_of(body)
    return Asked(
        text,
        number(body, name, min(256 if chat else 16, limits.tokens), 1, limits.tokens, whole=True),
        number(body, "temperature", 1.0, 0, 2),
        number(body, "top_p", None, 1e-6, 1),
        number(body, "seed", None, -(2**63), 2**63, whole=True),
        (*stops(body), "<|im_end|>") if chat else stops(body),
        bool(body.get("stream")),
        bool((options or {}).get("include_usage")),
        chat,
        str(body.get("model", "")),
    )


def answer(
    asked: Asked, name: str, model: str, text: str, reason: str, counts: tuple[int, int]
) -> dict[str, Any]:
    """A whole answer."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason, "logprobs": None}
    if asked.chat:
        choice["message"] = {"role": "assistant", "content": text}
    else:
        choice["text"] = text
    kind = "chat.completion" if asked.chat else "text_completion"
    return {**head(name, kind, model), "choices": [choice], "usage": usage(counts)}


def piece(
    asked: Asked, name: str, model: str, text: str, reason: str | None, first: bool
) -> dict[str, Any]:
    """A piece of a stream."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason, "logprobs": None}
    if asked.chat:
        role = {"role": "assistant"} if first else {}
        choice["delta"] = {**role, **({"content": text} if text or first else {})}
    else:
        choice["text"] = text
    kind = "chat.completion.chunk" if asked.chat else "text_completion"
    return {**head(name, kind, model), "choices": [choice]}


def head(name: str, kind: str, model: str) -> dict[str, Any]:
    """What every answer begins with."""
    return {"id": name, "object": kind, "created": int(time.time()), "model": model}


def usage(counts: tuple[int, int]) -> dict[str, int]:
    """Tokens of the prompt and of the answer."""
    prompt, written = counts
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
    }


def data(what: Any) -> str:
    """The data of an event."""
    return what if isinstance(what, str) else json.dumps(what, ensure_ascii=False)
