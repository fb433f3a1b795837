"""The process that grades: it imports what takes time, waits for one request, serves it, ends.

Started early and kept waiting, it answers in the time of the tests alone. It computes nothing
before the request. What happens is told over a pipe, one JSON object a line.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import sys
from typing import IO, Any

OPTIONS = [
    "-q",
    "--no-header",
    "--import-mode=importlib",
    "-o",
    "addopts=",
    *("-p", "course.grading.plugin"),
    *(part for name in ("cacheprovider", "xdist", "benchmark", "doctest", "junitxml", "pastebin",
                        "nose", "stepwise", "setuponly", "setupplan", "debugging", "anyio",
                        "hypothesispytest")
      for part in ("-p", f"no:{name}")),
]  # fmt: skip


class Teller:
    """Tells the parent when a test starts, how it ended, and the verdicts."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self.exercise = ""

    def tell(self, event: str, **content: Any) -> None:
        self.stream.write(json.dumps({"event": event, **content}) + "\n")
        self.stream.flush()

    def pytest_runtest_protocol(self, item: Any) -> None:
        from course.grading.plugin import exercises_of

        numbers = exercises_of(item)
        self.exercise = numbers[0] if numbers else ""
        self.tell("start", test=item.nodeid, exercises=numbers)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.tell("report", test=report.nodeid, outcome=report.outcome)

    def pytest_tinymlx_phase(self, phase: str) -> None:
        self.tell("phase", phase=phase)

    def pytest_tinymlx_verdicts(self, verdicts: Any) -> None:
        self.tell("verdicts", verdicts=[verdict.plain() for verdict in verdicts])

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.tell("trouble", text=str(report.longrepr)[-2000:])

    def breakpoint(self, *arguments: Any, **options: Any) -> None:
        """What ``breakpoint()`` does here, where no terminal is: it says where there is one."""
        raise RuntimeError(
            f"breakpoint() needs a terminal: `pytest --exercise {self.exercise}` stops there"
        )


def preload() -> None:
    """Import everything that a check needs and that does not depend on the student's code."""
    os.environ.setdefault("MLX_ENABLE_TF32", "0")
    from course import blas

    blas.load()
    import mlx.core  # noqa: F401
    import pytest  # noqa: F401

    import course.grading.plugin  # noqa: F401
    import reference.kit  # noqa: F401
    from course.errors import CourseError
    from course.overlay import Choice, make_bundle
    from course.paths import find_project
    from course.registry import load_registry

    # Parsing is remembered by content: after a save only the changed file is parsed again.
    with contextlib.suppress(CourseError):  # the check itself says what is wrong
        project = find_project()
        make_bundle(project, load_registry(project), Choice(project.root))


def main() -> int:
    stream = os.fdopen(int(sys.argv[1]), "w", encoding="utf-8")
    faulthandler.register(signal.SIGUSR1, file=stream, all_threads=True)
    preload()
    teller = Teller(stream)
    sys.breakpointhook = teller.breakpoint
    teller.tell("ready")
    line = sys.stdin.readline()
    if not line:
        return 0
    request = json.loads(line)
    _limit(request["memory"], request["file"])
    import pytest

    code = int(pytest.main([*OPTIONS, *request["options"]], plugins=[teller]))
    stream.flush()
    os._exit(code)  # threads that a student started must not keep the process


def _limit(memory: int, file: int) -> None:
    """Bound memory and files, so that a mistake fails instead of stopping the machine."""
    import resource

    for kind, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, file)):
        if value:
            try:
                resource.setrlimit(kind, (value, value))
            except (ValueError, OSError):
                continue  # this system refuses the limit; the parent's clock still holds


if __name__ == "__main__":
    sys.exit(main())
