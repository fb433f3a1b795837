"""The words that judges ask of errors stand in docstrings and lessons."""

from __future__ import annotations

from small import Mini

from course.grading.wording import complaints, wordings
from course.paths import Project
from course.registry import Registry


def test_every_word_that_is_graded_is_promised(project: Project, registry: Registry) -> None:
    assert len(list(wordings(project, registry))) > 10
    assert not complaints(project, registry)


def test_a_word_that_nobody_promised(mini: Mini) -> None:
    judge = mini.root / "tests/ch01_rows/test_rows.py"
    text = judge.read_text()
    assert not complaints(mini.project, mini.registry)
    for match, said in [('"schedule"', "says 'schedule'"), ("axis + ''", "write `match` as text")]:
        judge.write_text(text.replace('match="axis"', f"match={match}"))
        (line,) = complaints(mini.project, mini.registry)
        assert line.startswith("1.1 tests/ch01_rows/test_rows.py:") and said in line


def test_words_of_a_parameter_a_loop_and_a_helper_are_found(mini: Mini) -> None:
    judge = mini.root / "tests/ch01_rows/test_rows.py"
    text = judge.read_text()
    more = """

@exercise("1.2")
@pytest.mark.parametrize("x, match", [(1, "of rows"), (2, "softmax")])
def test_more(check, x, match):
    def refused(words, **inputs):
        check.raises("pick", "ValueError", match=words, **inputs)

    refused("two", x=x)
    check.raises("pick", "ValueError", match=match, x=x)
    for words in ("three", "four"):
        check.raises("pick", "ValueError", match=words, x="four")
"""
    judge.write_text(text + more)
    lines = complaints(mini.project, mini.registry)
    said = {line.rpartition("says ")[2] for line in lines}
    assert said == {"'two'", "'of rows'", "'three'"}
