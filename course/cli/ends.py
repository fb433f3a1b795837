"""How a command ends: what went wrong is a sentence on the error output, never a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from course.errors import CourseError

INTERRUPTED = 130  # what shells expect of a program that Control-C ended


def end(work: Callable[[], int]) -> NoReturn:
    """Do ``work`` and leave with its exit code, or with that of what came in between.

    The system refuses at any place (a full disk, also behind ``> file``; a folder that is not
    ours): that is told as what it is, too.
    """
    try:
        code = work()
        sys.stdout.flush()  # now, while it can still be told that it fails
    except CourseError as error:
        _say(str(error))
        code = 2
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output (head, less) has seen enough
        _drop_output()
        code = 0
    except OSError as error:
        _say(f"{_refused(error)}: {error.strerror or error}.")
        _drop_output()
        code = 2
    sys.exit(code)


def _refused(error: OSError) -> str:
    if error.filename:
        return str(error.filename)
    if isinstance(error, FileNotFoundError):  # of `getcwd`, which names none
        return "The folder that this was started in is gone; go to another one"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
    return "The output cannot be written" if full else "The system refused something"


def _drop_output() -> None:
    """What is left in the buffer goes nowhere: written at the exit, it would fail once more."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # no file behind it
        return


def _say(sentence: str) -> None:
    from course.cli.terminal import console

    console(stderr=True).print(sentence, markup=False, style="red")
