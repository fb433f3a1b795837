"""The autograder zip for Gradescope: the repository itself, a setup and a run script."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

from course.errors import CourseError
from course.paths import Project

SETUP = """#!/usr/bin/env bash
# Runs once, when the image is built.
set -euo pipefail
apt-get update -qq
apt-get install -y -qq python3 python3-venv python3-dev g++ make
mkdir -p /autograder/course
tar -xf /autograder/source/course.tar -C /autograder/course
cd /autograder/course && ./setup.sh .venv
"""

RUN = """#!/usr/bin/env bash
# Runs for each submission.
set -uo pipefail
cd /autograder/course
rm -rf /tmp/class /tmp/report
mkdir -p /tmp/class /autograder/results
cp -r /autograder/submission /tmp/class/student
METADATA=/autograder/submission_metadata.json
test -f "$METADATA" && set -- --submission-metadata "$METADATA"
.venv/bin/tinymlx grade /tmp/class --out /tmp/report --jobs 1{options} "$@"
cp /tmp/report/gradescope/student/results.json /autograder/results/results.json
"""


def build(project: Project, target: Path, what: str | None) -> None:
    """Write the zip.

    Raises:
        CourseError: the working copy is no git repository, or the file cannot be written.
    """
    try:
        archive = subprocess.run(
            ["git", "archive", "--format=tar", "HEAD"],
            cwd=project.root,
            check=True,
            capture_output=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CourseError(
            "The autograder is built from the last commit; this is no git repository."
        ) from error
    options = f" --what {what}" if what else ""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in (("setup.sh", SETUP), ("run_autograder", RUN.format(options=options))):
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o755 << 16
            zipped.writestr(member, text)
        zipped.writestr("course.tar", archive)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(buffer.getvalue())
    except OSError as error:
        raise CourseError(f"{target} cannot be written: {error.strerror}.") from error
