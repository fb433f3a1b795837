"""Files as readers really have them: nothing but the asked for definition ever changes in one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from small import Mini

from course.backup import write_bytes
from course.definitions import definitions, replace_definition
from course.errors import CourseError
from course.source import Source, bare_lines, decode, read_source, split_lines, write_source

MINE = "    return rows.softmax(x)[index] * 1"
RETURN = "    return rows.softmax(x)[index]"
STARTER = '"1.2 pick - exercises'
OTHER = 'def f():\n    raise NotImplementedError("1.1 f - exercises/x")\n'


def written(mini: Mini) -> tuple[Path, bytes]:
    """The student's file with 1.1 and 1.2 solved, and its bytes."""
    mini.solve()
    path = mini.replace(RETURN, MINE)
    return path, path.read_bytes()


def reset(mini: Mini) -> None:
    result = mini.tinymlx("reset", "1.2", "-y")
    assert result.returncode == 0, result.stderr


# What a file may contain or be, and what must still be so after a reset.
FORMS = {
    "form feed": lambda b: b.replace(b"def softmax", b"\x0c\n\n\ndef softmax"),
    "U+2028": lambda b: b.replace(b"def softmax", "NOTE = '\u2028'\n\n\ndef softmax".encode()),
    "vertical tab": lambda b: b.replace(b"def softmax", b"NOTE = '\x0b\x1c'\n\n\ndef softmax"),
    "CRLF": lambda b: b.replace(b"\n", b"\r\n"),
    "CR": lambda b: b.replace(b"\n", b"\r"),
    "mark": lambda b: b"\xef\xbb\xbf" + b,
    "mark and CRLF": lambda b: b"\xef\xbb\xbf" + b.replace(b"\n", b"\r\n"),
    "Latin-1": lambda b: b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + b,
    "no end": lambda b: b.rstrip(b"\n"),
    "mixed ends": lambda b: b.replace(b"\n", b"\r\n", 9),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_reset_changes_one_definition_and_no_other_byte(mini: Mini, form: str) -> None:
    path, content = written(mini)
    content = FORMS[form](content)
    path.write_bytes(content)
    checked = mini.tinymlx("check", "1.1", "1.2")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert mini.tinymlx("diff", "1.2").returncode == 0
    reset(mini)
    after = path.read_bytes()
    start = content.index(b"def pick")
    assert after[:start] == content[:start]
    assert STARTER.encode() in after and MINE.encode() not in after
    ends = {end: after.count(end) for end in (b"\r\n", b"\n", b"\r")}
    if form in ("CRLF", "mark and CRLF"):
        assert ends[b"\r\n"] == ends[b"\n"] == ends[b"\r"]
    if form == "CR":
        assert ends[b"\n"] == 0
    assert after.endswith((b"\n", b"\r")) == content.endswith((b"\n", b"\r"))
    (kept,) = (mini.root / ".tinymlx/backups").rglob("softmax.py")
    assert kept.read_bytes() == content
    assert mini.tinymlx("check", "1.1").returncode == 0
    assert mini.tinymlx("check", "1.2").returncode == 3


def test_a_symbolic_link_stays_one(mini: Mini, tmp_path: Path) -> None:
    path, content = written(mini)
    target = tmp_path / "elsewhere.py"
    target.write_bytes(content)
    target.chmod(0o640)
    path.unlink()
    path.symlink_to(target)
    reset(mini)
    assert path.is_symlink() and STARTER in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o640
    assert mini.tinymlx("update", str(mini.root)).returncode == 0
    assert path.is_symlink()


def test_a_link_to_nowhere_is_written_through(tmp_path: Path) -> None:
    link = tmp_path / "a.py"
    link.symlink_to(tmp_path / "new" / "b.py")
    write_bytes(link, b"x = 1\n")
    assert link.is_symlink() and (tmp_path / "new" / "b.py").read_bytes() == b"x = 1\n"


def test_links_in_a_circle_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(CourseError, match="nothing was changed"):
        write_bytes(tmp_path / "a" / "x.py", b"")


def test_what_is_no_text_is_one_sentence(mini: Mini) -> None:
    path, content = written(mini)
    path.write_bytes(b"# caf\xe9\n" + content)
    for words in (["check", "1.1"], ["diff", "1.1", "--reveal"], ["reset", "1.1", "-y"], []):
        result = mini.tinymlx(*words)
        said = result.stdout + result.stderr
        assert "is not UTF-8 text (byte" in said and "Traceback" not in said, words
    assert path.read_bytes() == b"# caf\xe9\n" + content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"# coding: klingon\nx = 1\n", "declares an unknown encoding: klingon"),
        (b"# coding: rot13\nk = 1\n", "declares an encoding that is none of text"),
        (b"\xff\xfex\x00", "is not UTF-8 text (byte 0)"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "declares an encoding problem: utf-8"),
        (b"x = '\x80'\n", "is not UTF-8 text (byte 5)"),
    ],
)
def test_encodings_that_cannot_be(content: bytes, words: str) -> None:
    with pytest.raises(CourseError) as error:
        decode(content, "a.py")
    assert words in str(error.value) and "save it as UTF-8" in str(error.value)


def test_an_encoding_that_lacks_a_character_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    content = b"# coding: latin-1\nx = '\xe9'\n"
    path.write_bytes(content)
    source = read_source(path)
    assert source.encoding == "iso-8859-1" and "\u00e9" in source.text
    with pytest.raises(CourseError, match=r"has no .\\u2028"):
        write_source(path, source.with_text(source.text + "'\u2028'"))
    assert path.read_bytes() == content


def test_lines_are_those_of_the_syntax_tree() -> None:
    text = "a = 1\r\nb = '\u2028\x0c'\rc = 2\n\x0cd = 3"
    assert bare_lines(text) == ["a = 1", "b = '\u2028\x0c'", "c = 2", "\x0cd = 3"]
    assert "".join(split_lines(text)) == text
    assert Source("a\r\nb\r\nc\n").newline == "\r\n" and Source("").newline == "\n"
    assert definitions("X = '\u2028'\ndef f():\n    return 1\n", "f") == [
        ["def f():", "    return 1"]
    ]


def test_a_deleted_definition_comes_back_with_the_files_line_ends() -> None:
    other = OTHER + "\n\n" + OTHER.replace("f()", "g()").replace(" f ", " g ")
    text = replace_definition("def f():\r\n    return 1", "g", other)
    assert text.startswith("def f():\r\n    return 1\r\n\r\n\r\ndef g():\r\n    raise")
    assert text.count("\n") == text.count("\r\n")


def test_a_file_that_may_not_be_read_is_one_sentence(mini: Mini) -> None:
    path, _ = written(mini)
    path.unlink()
    os.mkdir(path)
    result = mini.tinymlx("reset", "1.1", "-y")
    assert result.returncode == 2 and "is a folder where a file should be" in result.stderr
