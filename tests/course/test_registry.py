"""Cards are validated when they are loaded; each complaint names the file and the line."""

from __future__ import annotations

import pytest
from small import Mini

from course.errors import CourseError
from course.registry import Registry, load_registry, slug

CARDS = "exercises/ch01_rows/exercises.toml"


def broken(mini: Mini, old: str, new: str) -> str:
    path = mini.root / CARDS
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(CourseError) as error:
        load_registry(mini.project)
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('id = "1.2"', 'id = "1.4"', 17, "should be 1.2"),
        ("difficulty = 2", "difficulty = 6", 10, "from 1 to 5"),
        ("minutes = 15", "minutes = 0", 11, "positive"),
        ("minutes = 15", 'minutes = "long"', 11, "must be a int"),
        ("minutes = 15", "minuts = 15", 11, "unknown key 'minuts'; minutes?"),
        ("points = 2\n", "", 6, "no 'points'"),
        ('requires = ["1.1"]', 'requires = ["1.3"]', 20, "no earlier id"),
        ("tinymlx.rows.softmax.pick", "tinymlx.lines.pick", 19, "no module"),
        ("tinymlx.rows.softmax.pick", "rows.pick", 19, "should read tinymlx.module.function"),
        ('"Subtract the maximum.", ', "", 14, "three sentences"),
        ("tinymlx.rows.softmax.pick", "tinymlx.rows.softmax.softmax", 19, "already belongs to 1.1"),
    ],
)
def test_a_wrong_card_is_named_with_its_line(
    mini: Mini, old: str, new: str, line: int, words: str
) -> None:
    message = broken(mini, old, new)
    assert words in message
    assert f"{CARDS}:{line}:" in message


def test_malformed_toml_is_named_with_its_line(mini: Mini) -> None:
    message = broken(mini, 'title = "Rows"', 'title = "Rows')
    assert f"{CARDS}:3: not valid TOML" in message


def test_a_missing_chapter_table_is_named(mini: Mini) -> None:
    assert "[chapter] needs number, title and summary" in broken(mini, "[chapter]", "[chapters]")


def test_the_number_of_a_chapter_must_be_its_folders(mini: Mini) -> None:
    assert "the folder is ch01_rows, the number 2" in broken(mini, "number = 1", "number = 2")


def test_an_unknown_id_suggests_the_nearest(registry: Registry) -> None:
    with pytest.raises(CourseError, match=r"There is no exercise 1.99; did you mean 1\.\d+\?"):
        registry["1.99"]


def test_an_unknown_chapter_lists_those_there_are(registry: Registry) -> None:
    with pytest.raises(CourseError, match="no chapter 99 yet; there are 1, 2"):
        registry.chapter(99)


def test_selecting(mini: Mini) -> None:
    registry = mini.registry
    assert [e.id for e in registry.select(None)] == ["1.1", "1.2", "1.3"]
    assert [e.id for e in registry.select("1")] == ["1.1", "1.2", "1.3"]
    assert [e.id for e in registry.select("1.2")] == ["1.2"]
    assert {e.id for e in registry.closure(registry["1.2"])} == {"1.1", "1.2"}


def test_a_symbol_is_split_where_its_module_ends(mini: Mini) -> None:
    symbol = mini.registry["1.3"].symbols[0]
    assert (symbol.module, symbol.qualname, symbol.file) == (
        "tinymlx.rows.counter",
        "Counter.add",
        "rows/counter.py",
    )


def test_anchors_are_those_of_web_pages() -> None:
    assert slug("Exercise 1.1: What's 2 x 3?") == "exercise-11-whats-2-x-3"
