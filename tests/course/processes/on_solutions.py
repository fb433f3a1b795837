"""``on_solutions.py PROGRAM [ARGUMENT ...]``: run a program on the solutions."""

import runpy
import sys

from course.cli.project import implementation
from course.paths import find_project
from course.registry import load_registry

sys.argv = sys.argv[1:]
project = find_project()
with implementation(project, load_registry(project), "solutions"):
    runpy.run_path(sys.argv[0], run_name="__main__")
