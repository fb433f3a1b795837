"""A classifier behind the paths: pictures in batches."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from course.serve.wire import BadRequest
from course.serve.worker import Stopped

Predict = Callable[[np.ndarray], np.ndarray]
PIXELS = 40_000_000  # of a picture that is read at all


class Classifier:
    """Answers single pictures in batches.

    Args:
        name: as clients see it.
        names: of the classes.
        shape: ``(height, width, channels)`` that the network takes.
        predict: from pictures ``(N, H, W, C)`` from 0 to 1 to probabilities ``(N, classes)``.
        batcher: an empty ``Batcher`` of the reader's package.
    """

    def __init__(
        self,
        name: str,
        names: Sequence[str],
        shape: tuple[int, int, int],
        predict: Predict,
        batcher: Any,
    ) -> None:
        self.name, self.names, self.shape, self.predict = name, names, shape, predict
        self.batcher = batcher
        self.changed = threading.Condition()
        self.ending = False
        self.failed: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="classifier", daemon=True)

    @property
    def well(self) -> bool:
        """Whether the thread is alive."""
        return self.failed is None and self.thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Answer what has come, and end."""
        with self.changed:
            self.ending = True
            self.changed.notify()
        self.thread.join(seconds)

    def read(self, body: bytes) -> np.ndarray:
        """A picture from the body: a file (PNG, JPEG ...), or JSON with one in base64.

        Raises:
            BadRequest: it is none.
        """
        if body[:1] == b"{":
            body = from_json(body)
        try:
            with Image.open(io.BytesIO(body)) as picture:
                if picture.width * picture.height > PIXELS:
                    raise BadRequest(f"The picture has more than {PIXELS} pixels.", 413)
                height, width, channels = self.shape
                mode = {1: "L", 3: "RGB"}[channels]
                small = picture.convert(mode).resize((width, height))
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            raise BadRequest("The body is no picture that can be read.") from error
        return np.asarray(small, np.float32).reshape(self.shape) / 255

    async def classes(self, picture: np.ndarray) -> list[dict[str, Any]]:
        """The classes of a picture with their probabilities, the most probable first.

        Raises:
            Stopped: the server is shutting down.
        """
        if self.ending or not self.well:
            raise Stopped("The server is shutting down.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[np.ndarray] = loop.create_future()
        with self.changed:
            self.batcher.offer((picture, loop, future), time.monotonic())
            self.changed.notify()
        chances = await future
        order = np.argsort(-chances)
        return [{"name": self.names[i], "probability": float(chances[i])} for i in order]

    def _run(self) -> None:
        try:
            while True:
                with self.changed:
                    batch = self.batcher.due(time.monotonic())
                    if not batch and self.ending and self.batcher.wake_up(0.0) is None:
                        return
                    if not batch:
                        self.changed.wait(self.batcher.wake_up(time.monotonic()))
                        continue
                found = self.predict(np.stack([picture for picture, _, _ in batch]))
                for (_, loop, future), chances in zip(batch, found, strict=True):
                    loop.call_soon_threadsafe(given, future, chances)
        except BaseException as error:
            self.failed = error
            raise


def centred(picture: np.ndarray, side: int = 28, inner: int = 20) -> np.ndarray:
    """Ink as the digits of MNIST lie: 20 pixels large, its centre of mass in the middle of 28.

    Args:
        picture: ``(H, W, 1)``, from 0 (paper) to 1 (ink).
        side: of the result.
        inner: the longer side of the ink.

    Returns:
        ``(side, side, 1)``.
    """
    found = np.zeros((side, side, 1), np.float32)
    ink = np.argwhere(picture[..., 0] > 0.2)
    if not len(ink):
        return found
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0) + 1
    part = Image.fromarray((picture[top:bottom, left:right, 0] * 255).astype(np.uint8))
    scale = inner / max(part.width, part.height)
    size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
    small = np.asarray(part.resize(size, Image.Resampling.BOX), np.float32) / 255
    rows, columns = np.indices(small.shape)
    total = max(float(small.sum()), 1e-6)
    middle = (side - 1) / 2
    y = round(middle - float((rows * small).sum()) / total)
    x = round(middle - float((columns * small).sum()) / total)
    y, x = (int(np.clip(a, 0, side - n)) for a, n in zip((y, x), small.shape))
    found[y : y + small.shape[0], x : x + small.shape[1], 0] = small
    return found


def given(future: asyncio.Future[np.ndarray], chances: np.ndarray) -> None:
    """An answer, if somebody still waits for it."""
    if not future.done():
        future.set_result(chances)


def from_json(body: bytes) -> bytes:
    """The picture in ``{"image": "<base64>"}``, also as a data URL.

    Raises:
        BadRequest: there is none.
    """
    try:
        text = json.loads(body)["image"]
        return base64.b64decode(text.rpartition(",")[2], validate=True)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise BadRequest('The body should be {"image": "<a picture in base64>"}.') from error
