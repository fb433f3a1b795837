"""Set-up in a folder whose name is not ASCII: ``python -S -m course.portable .venv``.

The environment notes where the course lives in a ``.pth`` file, which Python reads in the encoding
of the locale. Under ``LC_ALL=C``, which people set for messages in English, Python before 3.13 then
ends with a traceback before its first line. The same path as bytes in ASCII is read anywhere.
"""

from __future__ import annotations

import sys
from pathlib import Path


def make_portable(environment: Path) -> None:
    """Write the paths in the ``.pth`` files of a virtual environment in ASCII."""
    for file in environment.glob("lib/python*/site-packages/*.pth"):
        lines = file.read_bytes().splitlines()
        if not all(line.isascii() for line in lines):
            file.write_bytes(b"".join(_in_ascii(line) + b"\n" for line in lines))


def _in_ascii(line: bytes) -> bytes:
    if line.isascii():
        return line
    return f"import os, sys; sys.path.append(os.fsdecode({line!r}))".encode("ascii")


if __name__ == "__main__":
    make_portable(Path(sys.argv[1]))
