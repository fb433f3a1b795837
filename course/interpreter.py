"""Running a module in a process of its own, as ``python -m`` does, and without its trap.

``python -m`` looks into the current folder before anywhere else. The commands run in the course's
folder, where readers keep scripts of their own: one that is called ``random.py`` or ``numpy.py``
would be run in the place of the module that somebody imports.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent)
# An empty entry is the current folder. The course's own folder comes last: that is where `course`
# is found if it is not installed, and `reference`.
BEGIN = (
    "import sys; root, name = sys.argv[1:3]; del sys.argv[1:3]; "
    "sys.path[:] = [*(p for p in sys.path if p and p != root), root]; "
    "import runpy; runpy.run_module(name, run_name='__main__', alter_sys=True)"
)


def module_command(module: str, *arguments: str) -> list[str]:
    """The command line that runs ``module`` with this Python."""
    return [sys.executable, "-c", BEGIN, ROOT, module, *arguments]
