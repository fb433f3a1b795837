"""``tinymlx data``: where the real data sets are, and MNIST from its mirrors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
        from tinymlx.data import data_folder, mnist

        if name is None:
            try:
                given = data_folder()
            except FileNotFoundError as error:
                raise CourseError(str(error)) from error
            console().print(f"TINYMLX_DATA: {given or 'not set'}")
            console().print(f"MNIST: {_places(mnist)}")
        elif name == "mnist":
            _download(mnist, mirrors, folder)
        else:
            raise CourseError(f"There is no data set {name} to download; there is mnist.")


def _places(mnist: Any) -> str:
    found = [mnist.found(mnist.candidates(), remote) for remote in mnist.FILES.values()]
    if all(found):
        return ", ".join(sorted({str(path.parent) for path in found}))
    return "not here; `tinymlx data mnist` downloads it (11.6 MB)"


def _download(mnist: Any, mirrors: list[str], folder: Path | None) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=console()) as bar:
        tasks: dict[str, Any] = {}

        def report(name: str, done: int, size: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=size)
            bar.update(tasks[name], completed=done)

        try:
            place = mnist.download(folder, mirrors or mnist.MIRRORS, report)
            mnist.load(place)
        except (RuntimeError, OSError, ValueError) as error:
            raise CourseError(str(error)) from error
    console().print(f"MNIST is in {place}.")
