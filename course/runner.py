"""The program of ``deploy/cpp``, which runs exported functions without Python."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx

from course.errors import CourseError
from course.paths import Project


def build(project: Project, folder: Path) -> Path | None:
    """Build the program.

    Args:
        project: where its sources are.
        folder: where it is built; what is there from an earlier time is used.

    Returns:
        The program; ``None`` if there is no CMake or no compiler.

    Raises:
        CourseError: it cannot be built; the message is the compiler's.
    """
    if shutil.which("cmake") is None or shutil.which("c++") is None:
        return None
    where = Path(mx.__file__).parent / "share/cmake/MLX"
    sources = project.root / "deploy" / "cpp"
    for command in (
        ["cmake", "-S", sources, "-B", folder, f"-DMLX_DIR={where}"],
        ["cmake", "--build", folder],
    ):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        if done.returncode:
            raise CourseError(f"The runner cannot be built: {done.stdout}{done.stderr}")
    return folder / "runner"


@dataclass(frozen=True)
class Done:
    """How a program ended.

    Attributes:
        code: 0 if all went well.
        bytes: the most memory that it had.
    """

    code: int
    bytes: int


def run(program: Path, *arguments: Path | str) -> Done:
    """Run the program to its end."""
    command = [str(program), *map(str, arguments)]
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    return Done(os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024)
