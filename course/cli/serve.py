"""``tinymlx serve``: a model behind HTTP."""

from __future__ import annotations

import errno
import ipaddress
import os
import secrets
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from course.cli.project import check_trained, implementation, load_script
from course.cli.terminal import console
from course.errors import CourseError
from course.paths import find_project
from course.registry import load_registry

DIGITS = "digits"


@dataclass(frozen=True)
class Wanted:
    """What stands on the command line.

    Attributes:
        models: folders with language models, ``"digits"``, or the number of a chapter whose
            network classifies pictures; at most one language model and one classifier.
        host, port: where to listen; port 0 takes a free one.
        token: that clients have to send.
        rows: requests that are computed together.
        pages, page: how many pages for keys and values, and of how many positions.
        queue, tokens, seconds: see :class:`course.serve.wire.Limits`.
        impl: whose code.
    """

    models: list[str]
    host: str
    port: int
    token: str | None
    rows: int
    pages: int
    page: int
    queue: int
    tokens: int
    seconds: float
    impl: str


def run(wanted: Wanted) -> None:
    """Serve until somebody stops it.

    Raises:
        CourseError: a package is missing, a model cannot be loaded, or the port is in use.
    """
    try:
        import prometheus_client  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise CourseError(
            f"The package {error.name} is missing; install it with: pip install -e '.[serve]'"
        ) from None
    # A core is left for HTTP: threads of BLAS wait by spinning, and where they have to share their
    # cores a step takes several times as long (measured on two cores: 5 and 28 requests a second).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(max(1, (os.cpu_count() or 1) - 1)))
    token = wanted.token
    if token is None and not is_loopback(wanted.host):
        token = secrets.token_urlsafe(24)
    bound = listening(wanted.host, wanted.port)
    with ExitStack() as stack, bound:
        server = prepared(wanted, token, stack)
        port = bound.getsockname()[1]
        address = f"http://{'[' + wanted.host + ']' if ':' in wanted.host else wanted.host}:{port}"
        suffix = "" if token is None else f"/#token={token}"
        console().print(f"Serving {', '.join(names(server))} at {address}{suffix}")
        if token is not None:
            console().print(f"Clients have to send the header  Authorization: Bearer {token}")
        console().print("Ctrl-C ends it, after what is running has been answered.")
        options = uvicorn.Config(
            server.app(), log_level="warning", timeout_graceful_shutdown=10, access_log=False
        )
        uvicorn.Server(options).run(sockets=[bound])


def names(server: Any) -> list[str]:
    """Of the models that are served."""
    return [part.name for part in (server.text, server.pictures) if part is not None]


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach the host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening(host: str, port: int) -> socket.socket:
    """A socket that is bound to the address.

    Raises:
        CourseError: the port is in use, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio knows that it may send small pieces at once (TCP_NODELAY);
    # without, every answer over a connection that is kept waits 40 ms for an acknowledgement.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(2048)
    except (OSError, OverflowError) as error:
        bound.close()
        # An error of `socket` itself, such as a port in use, has another class than one of names.
        cure = (
            "Name an address of this machine with --host."
            if isinstance(error, socket.gaierror)
            or getattr(error, "errno", 0) == errno.EADDRNOTAVAIL
            else "Another program may be there already; choose another one with --port, or a free "
            "one with --port 0."
        )
        raise CourseError(f"Nothing can listen at {host}, port {port}: {error}. {cure}") from None
    return bound


def prepared(wanted: Wanted, token: str | None, stack: ExitStack) -> Any:
    """The server with its models loaded.

    Raises:
        CourseError: a model cannot be loaded.
    """
    from course.serve.app import Metrics, Server
    from course.serve.wire import Limits

    project = find_project()
    stack.enter_context(implementation(project, load_registry(project), wanted.impl))
    metrics = Metrics()
    text = pictures = None
    for model in wanted.models:
        if model == DIGITS or model.isdecimal():
            if pictures is not None:
                raise CourseError("One classifier at a time can be served.")
            pictures = digits() if model == DIGITS else network_of(int(model))
        elif text is not None:
            raise CourseError("One language model at a time can be served.")
        else:
            text = language(model, wanted, metrics)
    limits = Limits(queue=wanted.queue, tokens=wanted.tokens, seconds=wanted.seconds)
    return Server(text, pictures, limits, token, metrics)


def language(folder: str, wanted: Wanted, metrics: Any) -> Any:
    """A language model from a folder, in the form in which it is published.

    Raises:
        CourseError: it cannot be loaded.
    """
    from course.serve.text import Speaking, TextModel
    from tinymlx import core
    from tinymlx.models.language.loading import load
    from tinymlx.serving.chunks import ChunkedEngine
    from tinymlx.serving.events import event
    from tinymlx.serving.pages import PageTable
    from tinymlx.serving.requests import Request
    from tinymlx.serving.streams import TextStream

    if not Path(folder).is_dir() or not (Path(folder) / "config.json").is_file():
        why = "lacks config.json" if Path(folder).is_dir() else "is not there"
        raise CourseError(
            f"There is no model {folder} (it {why}): name a folder with config.json and the "
            f"weights, '{DIGITS}', or a chapter such as 7. (`tinymlx data smollm2` fetches a model "
            f"to talk to.)"
        )
    try:
        model, tokenizer = load(folder)
    except ValueError as error:
        raise CourseError(str(error)) from error
    # What is still to be computed belongs to the stream of this thread; others cannot.
    core.eval(model.parameters())
    parts = SimpleNamespace(Request=Request, TextStream=TextStream, event=event)
    speaking = Speaking(model, tokenizer.size)
    engine = ChunkedEngine(speaking, PageTable(wanted.pages, wanted.page), wanted.rows)
    name = Path(folder).resolve().name
    return TextModel(name, engine, tokenizer, parts, metrics.watch)


def digits() -> Any:
    """The course's classifier of digits, which came with it."""
    import mlx.core as mx
    import numpy as np

    from course.serve.classifying import Classifier, centred
    from tinymlx.data import judge
    from tinymlx.serving.batching import Batcher

    def predict(pictures: np.ndarray) -> np.ndarray:
        x = mx.array(np.stack([centred(picture) for picture in pictures]))
        return np.array(mx.softmax(judge.logits_and_features(x)[0], axis=-1))

    names = [str(digit) for digit in range(10)]
    return Classifier("classifier-digits", names, (112, 112, 1), predict, Batcher(64, 0.005))


def network_of(number: int) -> Any:
    """The network of a chapter, with the weights that came with it.

    Raises:
        CourseError: the chapter has none, or one that does not classify pictures.
    """
    import mlx.core as mx
    import numpy as np

    from course.serve.classifying import Classifier
    from tinymlx import core
    from tinymlx.serving.batching import Batcher

    project = find_project()
    folder = project.exercises / load_registry(project).chapter(number).folder
    script = load_script(folder / "project.py")
    found = script.exported() if hasattr(script, "exported") else None
    if found is None or "classes" not in found[3]:
        raise CourseError(
            f"The network of chapter {number} does not classify pictures; that of chapter 7 does."
        )

    check_trained(folder / "trained")
    model, logits, shape, told = found

    def predict(pictures: np.ndarray) -> np.ndarray:
        return np.array(mx.array(core.softmax(logits(core.array(pictures)), axis=-1)))

    names = told["classes"].split(",")
    core.eval(model.parameters(), predict(np.zeros((1, *shape), np.float32)))
    return Classifier(f"classifier-chapter-{number}", names, shape, predict, Batcher(32, 0.005))
