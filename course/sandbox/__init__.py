"""Fencing in a process that runs a stranger's code, without root.

`enter` is called in the worker, after everything it needs has been imported and before the first
line of the submission runs. What it could do is described by a `Level`, which every report names.
Nothing here imports the rest of the course: it runs in the worker.
"""

from course.sandbox.levels import (
    Fence,
    Level,
    confine,
    enter,
    keep_to_other_threads,
    level,
    python_itself,
)

__all__ = [
    "Fence",
    "Level",
    "confine",
    "enter",
    "keep_to_other_threads",
    "level",
    "python_itself",
]
