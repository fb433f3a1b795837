"""Sentences of misconceptions in another language: shown in it, recorded in English."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from rich.console import Console
from small import Mini
from test_follows import parts_of

from course.cli.verdicts import failure
from course.languages import mistakes
from course.languages.mistakes import Sentences
from course.languages.sections import hashed

MISSED = "You forgot the softmax."
AXIS = "You normalise over the first axis; each row is one example."
LARGE = "exp of a large number is infinite; subtract the maximum first."
CHINESE = f"""[[sentence]]
exercise = "1.2"
of = "{hashed(MISSED)}"
text = "你忘了 softmax。"

[[sentence]]
exercise = "1.1"
of = "{hashed(LARGE)}"
text = "大的數字取 exp 是無限大；先減去最大值。"
"""


@pytest.fixture
def chinese(mini: Mini) -> Path:
    """The small course's file of sentences, two of five."""
    path = mini.root / "exercises/ch01_rows/misconceptions.zh-TW.toml"
    path.write_text(CHINESE, encoding="utf-8")
    return path


def kinds(mini: Mini) -> list[str]:
    chapter = mini.registry.chapters[0]
    found = mistakes.differences(mini.project, mini.registry, chapter, "zh-TW")
    return [one.kind for one in found]


def verdict(*sentences: str) -> dict:
    """A verdict with one failure, diagnosed as `course.grading.report.with_likely` does."""
    said = ["  Likely one of:", *(f"    {s}" for s in sentences)]
    lines = ["1.1 A softmax: y differs", "  yours 1", *said, "  Read: lesson.md#a"]
    if len(sentences) == 1:
        lines[2:4] = [f"  Likely: {sentences[0]}"]
    return {"failures": [{"lines": lines, "candidates": list(sentences)}]}


def test_a_sentence_is_shown_in_the_readers_language(mini: Mini, chinese: Path) -> None:
    """And in English where the reader's is English, or the sentence has changed since."""
    mini.write("1.2 pick", "return x[index]")
    told = mini.tinymlx("check", "1.2", TINYMLX_LANG="zh-TW")
    assert told.returncode == 1 and "  可能是：你忘了 softmax。" in told.stdout
    assert "Likely" not in told.stdout and "  Read: exercises/ch01_rows/" in told.stdout
    data = mini.tinymlx("check", "1.2", "--json", TINYMLX_LANG="zh-TW").stdout
    (failed,) = json.loads(data)["verdicts"][0]["failures"]
    assert failed["likely"] == MISSED and f"  Likely: {MISSED}" in failed["lines"]
    chinese.write_text(CHINESE.replace(hashed(MISSED), "00000000"), encoding="utf-8")
    assert f"Likely: {MISSED}" in mini.tinymlx("check", "1.2", TINYMLX_LANG="zh-TW").stdout


def test_several_keep_their_lines(mini: Mini, chinese: Path) -> None:
    """What has no translation stays English, and the verdict itself is left alone."""
    plain = verdict(AXIS, LARGE)
    before = copy.deepcopy(plain)
    shown, trouble = Sentences(mini.project, mini.registry, "zh-TW").shown("1.1", plain)
    assert not trouble and plain == before
    assert shown["failures"][0]["lines"][2:] == [
        "  可能是其中之一：",
        f"    {AXIS}",
        "    大的數字取 exp 是無限大；先減去最大值。",
        "  Read: lesson.md#a",
    ]
    assert Sentences(mini.project, mini.registry, "en").shown("1.1", plain) == (plain, "")
    console = Console(width=100)
    with console.capture() as caught:
        console.print(failure(shown["failures"][0], mistake_first=True))
    assert [line.strip() for line in caught.get().splitlines()][1] == "可能是其中之一："


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[sentence]\n", "not valid TOML"),
        ('[[sentence]]\nexercise = "1.2"\n', "sentence 1 needs exercise, of and text"),
        ('[[sentence]]\nexercise = 1.2\ntext = "x"\n', "sentence 1 needs exercise, of and text"),
        ('[sentence]\ntext = "x"\n', "with two brackets"),
    ],
)
def test_a_file_that_cannot_be_read_costs_a_sentence(
    mini: Mini, chinese: Path, text: str, words: str
) -> None:
    """The verdict is shown in English, and the reason below it."""
    chinese.write_text(text, encoding="utf-8")
    plain = verdict(MISSED)
    shown, trouble = Sentences(mini.project, mini.registry, "zh-TW").shown("1.2", plain)
    assert shown is plain and words in trouble and chinese.name in trouble


def test_no_verdict_follows_from_a_translation(mini: Mini, chinese: Path) -> None:
    with_it = parts_of(mini)
    chinese.unlink()
    assert parts_of(mini) == with_it


def test_what_is_missing_or_differs_is_listed(mini: Mini, chinese: Path) -> None:
    assert kinds(mini) == ["missing"] * 3
    told = mini.tinymlx("dev", "translations")
    assert told.returncode == 0 and f'1.1 "{AXIS[:47]}..."' in told.stdout
    assert "0 differences, 3 sections, cards or sentences" in told.stdout
    for old, new, kind in (
        (hashed(MISSED), "00000000", "stale"),
        ("你忘了", "你忘了 `mx` 的", "names in code"),
        ("數字", "數據", "usage"),
        ('"1.2"', '"1.9"', "sentence"),
        ("[[", CHINESE.partition("\n\n")[0] + "\n\n[[", "sentence"),
    ):
        chinese.write_text(CHINESE.replace(old, new, 1), encoding="utf-8")
        assert kind in kinds(mini)


def test_stamping_does_not_guess(mini: Mini, chinese: Path) -> None:
    """Hashes are filled by place if the numbers agree; one that fits stays."""

    def stamp(text: str) -> str:
        chinese.write_text(text, encoding="utf-8")
        return mini.tinymlx("dev", "translations", "--stamp", str(chinese)).stderr

    two = "".join(f'[[sentence]]\nexercise = "1.1"\ntext = "{t}"\n\n' for t in ("軸", "大"))
    assert stamp(two) == ""
    assert [t["of"] for t in mistakes.load_tables(chinese)] == [hashed(AXIS), hashed(LARGE)]
    good = chinese.read_text("utf-8")
    assert stamp(good) == "" and chinese.read_text("utf-8") == good
    stale = good.replace(hashed(LARGE), "00000000")
    assert stamp(stale) == "" and chinese.read_text("utf-8") == good
    one = CHINESE.replace(hashed(LARGE), "00000000")
    assert "1.1 has 2 sentences and 1 here" in stamp(one)
    turned = good.replace(hashed(AXIS), "00000000").replace(hashed(LARGE), hashed(AXIS))
    assert "in another order" in stamp(turned) and chinese.read_text("utf-8") == turned


def test_a_comparison_is_read_in_the_readers_language(mini: Mini, chinese: Path) -> None:
    """The table and the page; what a program reads stays English."""
    mini.write("1.2 pick", "return x[index]")
    page = mini.root / "page.html"
    told = mini.tinymlx("compare", "1.2", "--html", str(page), TINYMLX_LANG="zh-TW")
    assert "mine: 你忘了 softmax。" in told.stdout, told.stderr
    said = json.dumps("你忘了 softmax。")
    assert said in page.read_text("utf-8")
    data = mini.tinymlx("compare", "1.2", "--json", TINYMLX_LANG="zh-TW").stdout
    assert MISSED in data and said not in data
