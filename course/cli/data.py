"""``tinymlx data``: where the real data sets are, and those that can be downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from course.cli.project import implementation
from course.cli.terminal import console
from course.errors import CourseError
from course.paths import find_project
from course.registry import load_registry


def show(name: str | None, mirrors: list[str], folder: Path | None) -> None:
    """Say what is there, or download a data set.

    Raises:
        CourseError: there is no such data set, or it could not be downloaded.
    """
    project = find_project()
    with implementation(project, load_registry(project)):
        from tinymlx.data import cifar10, data_folder, mnist, texts

        downloads = {
            "mnist": _Download("MNIST", mnist, mnist.load),
            "cifar10": _Download("CIFAR-10", cifar10, cifar10.load),
            "shakespeare": _Download("Shakespeare", texts, texts.shakespeare),
        }
        if name is None:
            try:
                given = data_folder()
            except FileNotFoundError as error:
                raise CourseError(str(error)) from error
            console().print(f"TINYMLX_DATA: {given or 'not set'}")
            console().print(f"MNIST: {_mnist_places(mnist)}")
            console().print(f"CIFAR-10: {_place(cifar10, 'cifar10', '170 MB')}")
            console().print(f"Shakespeare: {_place(texts, 'shakespeare', '1.1 MB')}")
            console().print(f"Models from a hub: {', '.join(MODELS)}")
        elif name in downloads:
            _download(downloads[name], mirrors, folder)
        elif name in MODELS:
            _fetch(name, folder)
        else:
            raise CourseError(
                f"There is no data set {name} to download; there are "
                f"{', '.join([*downloads, *MODELS])}."
            )


#: Published models, by the names that this course gives them; all can be loaded by chapter 12.
MODELS = {
    "gpt2": "openai-community/gpt2",
    "smollm2": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "qwen3": "Qwen/Qwen3-0.6B",
}


def _fetch(name: str, folder: Path | None) -> None:
    """Download a model; the library for its hub does all the work.

    Raises:
        CourseError: the library is missing, or it could not reach the hub.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise CourseError(
            "Models are fetched by huggingface_hub: pip install huggingface_hub"
        ) from None
    wanted = ["config.json", "*.safetensors", "*.index.json", "tokenizer*", "vocab*", "merges*"]
    try:
        place = snapshot_download(MODELS[name], local_dir=folder, allow_patterns=wanted)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise CourseError(
            f"{MODELS[name]} could not be fetched; is there a network? ({reason})"
        ) from error
    console().print(f'{name} is in {place}; tinymlx.models.load("{place}") reads it.')


class _Download(NamedTuple):
    title: str
    module: Any
    load: Callable[[Any], Any]


def _mnist_places(mnist: Any) -> str:
    found = [mnist.found(mnist.candidates(), remote) for remote in mnist.FILES.values()]
    if all(found):
        return ", ".join(sorted({str(path.parent) for path in found}))
    return "not here; `tinymlx data mnist` downloads it (11.6 MB)"


def _place(module: Any, name: str, size: str) -> str:
    found = [place for place in module.candidates() if place.exists()]
    return str(found[0]) if found else f"not here; `tinymlx data {name}` downloads it ({size})"


def _download(of: _Download, mirrors: list[str], folder: Path | None) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    if folder is not None and folder.exists() and not folder.is_dir():
        raise CourseError(f"{folder} is no folder; name another with --folder.")
    for mirror in mirrors:
        if not mirror.startswith(("http://", "https://", "file://")):
            raise CourseError(f"The mirror {mirror} is no address; it begins with https://.")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console()) as bar:
        tasks: dict[str, Any] = {}

        def report(name: str, done: int, size: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=size)
            bar.update(tasks[name], completed=done)

        try:
            place = of.module.download(folder, mirrors or of.module.MIRRORS, report)
            of.load(place)
        except (RuntimeError, OSError, ValueError) as error:
            said = str(error)
            if isinstance(error, OSError) and error.strerror:  # the system's words, with a number
                said = f"{error.filename or folder or 'The download'}: {error.strerror}."
            raise CourseError(said) from error
    console().print(f"{of.title} is in {place}.")
