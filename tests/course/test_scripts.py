"""Scripts that are loaded by their path: projects, figures, a conversation."""

import sys

import pytest

from course.cli.project import load_script
from course.errors import CourseError


def test_a_script_has_parts_beside_it_and_is_loaded_anew(tmp_path):
    """Nothing of an earlier load is left, neither of the script nor of its parts."""
    folder = tmp_path / "a_chapter"
    folder.mkdir()
    (folder / "project.py").write_text("from .part import VALUE\n")
    (folder / "part.py").write_text("VALUE = 1\n")
    (folder / "extra.py").write_text("")
    assert load_script(folder / "project.py").VALUE == 1
    (folder / "part.py").write_text("from .extra import NAME\nVALUE = 22\n")
    (folder / "extra.py").write_text("NAME = __name__\n")
    assert load_script(folder / "project.py").VALUE == 22
    assert sys.modules["a_chapter_project.part"].NAME == "a_chapter_project.extra"
    with pytest.raises(CourseError, match="does not exist"):
        load_script(folder / "another.py")
