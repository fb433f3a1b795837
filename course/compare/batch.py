"""Grades one exercise of many implementations in one process, which imports pytest once.

``python -m course.compare.batch REQUEST.json``. The implementations themselves run in workers.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from course.checker.child import OPTIONS
from course.grading.job import Listener
from course.grading.worker import die_with_parent


def main() -> None:
    die_with_parent()
    import pytest

    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    seed = int.from_bytes(os.urandom(4), "little")
    verdicts = {}
    for name, folder in request["folders"].items():
        listener = Listener()
        options = [f"--impl={folder}", "--isolated", "--fence", "--alone", "--limit", "10"]
        options += ["--seed", str(seed), "--exercise", request["exercise"]]
        # Without the plugin that collects garbage five times at the end of each session.
        options += ["-p", "no:terminalreporter", "-p", "no:unraisableexception"]
        pytest.main([*OPTIONS, *options], plugins=[listener])
        verdicts[name] = listener.verdicts.get(request["exercise"])
    Path(request["out"]).write_text(json.dumps(verdicts), encoding="utf-8")


if __name__ == "__main__":
    main()
