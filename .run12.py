import sys
from course.cli.project import *
from pathlib import Path

P = find_project()
with implementation(P, load_registry(P), "solutions"):
    load_script(Path("exercises/ch12_text_generation/project.py")).main(Path("/tmp/out12d"))
