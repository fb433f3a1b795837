"""Judges of 8.1 to 8.5: texts as numbers, the baseline, its measures, and lanes."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise

TEXT = "to be, or not to be: that is the question"


@exercise("8.1")
@pytest.mark.parametrize("least", [1, 2, 4])
@pytest.mark.parametrize("new", ["to be!", "Zürich", "a tent"])
def test_a_table(check, least, new):
    """The numbers of each character, and back; unknown ones are 0."""
    check("table", text=TEXT, least=least, new=new)


@exercise("8.1")
def test_the_unknown_is_no_character(check):
    """A text with the replacement character in it has no second number for it."""
    check("table", text="ab\ufffd\ufffdba\n", least=1, new="\ufffdab\n")


@exercise("8.1")
@pytest.mark.parametrize("wrong", [-1, 3, 100])
def test_numbers_that_are_none(check, probe, wrong):
    """Below 0 or above the last; the last itself is one."""
    assert probe("decoded", text="ba", numbers=[2, 1, 0])["decoded"] == "ba\ufffd"
    check.raises("decoded", "ValueError", text="ab", numbers=[1, wrong])


STREAM = "Zürich, 東京 and 🙂!".encode()


@exercise("8.2")
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_stream_in_pieces(check, size):
    """One, two, three and four bytes a character, cut anywhere."""
    pieces = [list(STREAM[i : i + size]) for i in range(0, len(STREAM), size)]
    check("stream", pieces=pieces)


BROKEN = {
    "an A after half a character": b"\xc3A",
    "two errors in a row": b"a\xff\xfe\xc3\xa9",
    "a surrogate": b"\xed\xa0\x80b",
    "too long a form": b"\xe0\x80\x80\xc3",
    "the end of a character alone": b"\x80x\xf0\x9f\x99",
    "cut short twice": b"\xf0\x9f\x99\xe6\x9d\xb1\xe6\x9d",
}


@exercise("8.2")
@pytest.mark.parametrize("name", BROKEN)
def test_bytes_that_are_no_text(check, name):
    """Each is replaced as Python replaces it, and what may still become a character waits."""
    check("stream", pieces=[list(BROKEN[name])])


@exercise("8.2")
@pytest.mark.parametrize("name", [name for name in BROKEN if name != "a surrogate"])
def test_bytes_that_are_no_text_one_by_one(check, name):
    """The same, byte by byte. (Half a surrogate Python keeps waiting for another error handler.)"""
    check("stream", pieces=[[byte] for byte in BROKEN[name]])


@exercise("8.2")
def test_a_long_stream(check):
    """What has been decoded is not kept."""
    check("stream", pieces=[list(STREAM) for _ in range(20)])


@exercise("8.2")
def test_nothing_new(check):
    """No bytes at all leave what waits waiting."""
    check("stream", pieces=[[], [0xE6, 0x9D], [], [0xB1], []])


def tokens(draw, n, size):
    """Integers as Python's."""
    return [int(t) for t in draw.integers(n, low=0, high=size)]


@exercise("8.3")
@pytest.mark.parametrize("order", [0, 1, 3])
def test_counts(check, draw, order):
    """After every context, also at the beginning; a second text adds to the first."""
    check("counts", order=order, size=4, texts=[tokens(draw, 40, 4), tokens(draw, 9, 3)])


@exercise("8.3")
def test_counting_a_long_text(check, draw):
    """A context is a few tokens: nobody copies all that stand in front of it."""
    check("tokens_copied", order=3, size=5, text=tokens(draw, 400, 5))


@exercise("8.3")
@pytest.mark.parametrize("order", [0, 1, 2, 4])
def test_chances(check, draw, order):
    """Contexts that came often, seldom and never; longer and shorter ones than the table's."""
    text = [*tokens(draw, 60, 3), 3, 3, 0]
    contexts = [[], [0], [1, 2], [4, 0, 1], [0, 4], [3, 3, 3, 3], [2, 1, 0, 1, 2, 1]]
    check("chances", order=order, size=5, text=text, contexts=contexts, terms=order + 1)


@exercise("8.3")
def test_chances_sum_to_one(probe, draw):
    """After every context, with whatever was counted."""
    text = tokens(draw, 50, 6)
    p = probe("chances", order=3, size=7, text=text, contexts=[[], [1, 2, 3], [0, 0, 6], [5]])["p"]
    assert (p > 0).all() and agree(p.sum(axis=1), np.ones(4), terms=7)


@exercise("8.3")
def test_bits_of_another_text(check, draw):
    """The mean over a text that was not counted."""
    text, test = tokens(draw, 80, 4), tokens(draw, 20, 5)
    check("bits_of_a_table", order=2, size=5, text=text, test=test, terms=20)


@exercise("8.4")
@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
@pytest.mark.parametrize("characters", [None, 5])
def test_three_measures(check, draw, masked, characters):
    """Values and gradients; only tokens that count do, and each of those counts alike."""
    keep = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]], bool) if masked else None
    check(
        "measured",
        logits=draw.normal(3, 4, 6),
        targets=draw.integers(3, 4, low=0, high=6),
        keep=keep,
        characters=characters,
        g=[draw.normal() for _ in range(3)],
        terms=12,
    )


@exercise("8.4")
def test_sure_and_wrong(check, draw):
    """Tokens of small probability: the perplexity is no mean of large numbers."""
    check(
        "measured",
        logits=8 * draw.normal(7, 3),
        targets=draw.integers(7, low=0, high=3),
        keep=None,
        characters=None,
        g=[draw.normal() for _ in range(3)],
        terms=21,
    )


@exercise("8.4")
def test_measures_in_half_precision(check, draw):
    """In the dtype of the logits."""
    check(
        "measured",
        logits=draw.normal(4, 3, dtype="float16"),
        targets=draw.integers(4, low=0, high=3),
        keep=np.array([True, True, False, True]),
        characters=None,
        g=[draw.normal(dtype="float16") for _ in range(3)],
        terms=4,
    )


@exercise("8.5")
@pytest.mark.parametrize(
    "n, rows, length",
    [(11, 2, 3), (13, 3, 4), (25, 4, 6), (26, 4, 2), (9, 1, 4), (5, 4, 7), (20, 3, 1)],
)
def test_lanes(check, draw, n, rows, length):
    """Row i goes on where row i ended; targets are one token later; the rest is not used."""
    check("cut", tokens=draw.permutation(n), rows=rows, length=length)


@exercise("8.5")
@pytest.mark.parametrize(
    "n, rows, length, what",
    [
        (3, 3, 1, ""),
        (1, 1, 1, ""),
        (9, 0, 2, "lanes"),
        (9, -1, 2, "lanes"),
        (9, 2, 0, "length"),
        (9, 2, -1, "length"),
    ],
)
def test_too_few_tokens(check, probe, draw, n, rows, length, what):
    """An error in the call, not in the first batch; one token more than there are lanes will do."""
    assert probe("cut", tokens=draw.permutation(4) + 1, rows=3, length=1)["y"][0].all()
    inputs = {"tokens": draw.permutation(n), "rows": rows, "length": length}
    check.raises("cut_and_not_asked", "ValueError", match=what, **inputs)
