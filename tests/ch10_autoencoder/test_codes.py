"""Judges of 10.16 to 10.20: codebooks, the arithmetic coder and its file."""

import math

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("10.16")
@pytest.mark.parametrize(
    "leading, size, dims", [((20,), 7, 3), ((2, 3, 4), 5, 2), ((6, 1), 3, 4)], ids=str
)
def test_the_nearest(check, draw, leading, size, dims):
    """Codes of very different lengths."""
    book = draw.normal(size, dims) * draw.uniform(size, 1, low=0.2, high=4.0)
    z = 1.5 * draw.normal(*leading, dims)
    check("nearest_codes", z=z.astype(np.float32), book=book.astype(np.float32))


@exercise("10.16")
def test_equally_near(probe):
    """The first one of several; with one code there is no choice."""
    z = np.ones((2, 2), np.float32)
    assert probe("nearest_codes", z=z, book=z[:1])["codes"].tolist() == [0, 0]
    book = np.array([[9, 9], [1, 0], [0, 1], [1, 0]], np.float32)
    z = np.array([[2, 0], [1, 1], [0, 3], [8, 8]], np.float32)
    assert probe("nearest_codes", z=z, book=book)["codes"].tolist() == [1, 1, 2, 0]


@exercise("10.16")
def test_far_away(probe, draw):
    """Codes close together and far from the origin: the differences need the digits of float32.

    The terms are as large as 150. Sixteen of them lose less than 0.001 in float32, and in float16
    as much as the codes differ by.
    """
    z, book = (3 + 0.3 * draw.normal(n, 16) for n in (200, 128))
    z, book = z.astype(np.float32), book.astype(np.float32)
    codes = probe("nearest_codes", z=z, book=book)["codes"]
    distances = np.square(z[:, None].astype(float) - book).sum(-1)
    more = distances[np.arange(200), codes] - distances.min(1)
    worst = int(more.argmax())
    assert more[worst] < 1e-3, (
        f"vector {worst} got code {codes[worst]}, whose squared distance is {more[worst]:.4f} more "
        f"than that of code {distances[worst].argmin()}"
    )


@exercise("10.16")
def test_memory_of_many_codes(probe, draw):
    """A few tables of vectors times codes, not one for each of 64 numbers."""
    z, book = draw.normal(300, 64), draw.normal(200, 64)
    found = probe("memory_of_codes", z=z, book=book)
    expected = ((z[:, None] - book) ** 2).sum(-1).argmin(1)
    assert np.array_equal(found["codes"], expected)
    assert not found["large"], "more than 12 tables of 300 x 200 are needed"


@exercise("10.17")
@pytest.mark.parametrize("leading", [(6,), (2, 3, 2)], ids=str)
def test_straight_through(check, draw, leading):
    """Three values, and which of the two inputs each of them moves."""
    z, book = draw.normal(*leading, 3), draw.normal(4, 3)
    g = [draw.normal(*leading, 3), draw.normal(), draw.normal()]
    check("through", z=z, book=book, g=g, terms=36, scale=4.0)


@exercise("10.17")
def test_straight_through_in_half_precision(check, draw):
    """The dtype is that of vectors and book."""
    z, book = draw.normal(5, 2, dtype="float16"), draw.normal(3, 2, dtype="float16")
    g = [draw.normal(5, 2, dtype="float16"), *(draw.normal(dtype="float16") for _ in range(2))]
    check("through", z=z, book=book, g=g, terms=10, scale=4.0)


@exercise("10.18")
def test_perplexity(check, draw):
    """From 1 to the number of codes; codes that nobody takes count for nothing."""
    check("unsure", counts=draw.uniform(6, low=1, high=9), terms=6, scale=6.0)
    check("unsure", counts=np.array([3, 0, 3, 0, 3], np.float32), terms=6, scale=6.0)
    check("unsure", counts=np.array([0, 0, 8], np.float32), terms=6, scale=6.0)
    check("unsure", counts=np.array([4, 0, 1], np.float16), terms=6, scale=3.0)


def book(draw, size=5, dims=3):
    counts = draw.uniform(size, low=0.5, high=3.0)
    vectors = draw.normal(size, dims)
    return {"vectors": vectors, "counts": counts, "sums": vectors * counts[:, None]}


@exercise("10.18")
@pytest.mark.parametrize("decay", [0.5, 0.9, 0.0])
@pytest.mark.parametrize("shape", [(8,), (2, 3, 2)], ids=str)
def test_a_book_that_follows(check, draw, decay, shape):
    """Three batches; code 4 is never taken, and fades away at once where the decay is 0."""
    batches = [[draw.normal(*shape, 4), draw.integers(*shape, low=0, high=4)] for _ in range(3)]
    check("followed", **book(draw, dims=4), decay=decay, batches=batches, terms=40, scale=8.0)


@exercise("10.18")
def test_a_book_in_training(check, draw):
    """Its averages are no function of the weights: no gradient goes through them."""
    z, codes = draw.normal(6, 3), draw.integers(6, low=0, high=5)
    check("followed_under_a_gradient", **book(draw), z=z, codes=codes, terms=12, scale=4.0)


@exercise("10.18")
def test_dead_codes(probe, draw):
    """Each gets a vector of the batch of its own, count and sum with it; the others stay.

    Forty codes with one of 5000 vectors each are all different in 85 % of runs, and at least 36
    different ones are found in all but one of 10^8.
    """
    size = 60
    given = book(draw, size)
    given["counts"][:40] = 0.01
    given["counts"][40] = 0.25  # just not dead
    z = draw.normal(50, 100, 3)
    found = probe("revived", **given, z=z, least=0.25, seed=draw.seed() % 10**6)
    assert found["same key"]
    rows = {tuple(row) for row in z.reshape(-1, 3).tolist()}
    for state in (found["first"], found["by state"]):
        assert np.array_equal(state["vectors"][40:], given["vectors"][40:])
        assert np.array_equal(state["sums"][40:], given["sums"][40:])
        assert np.array_equal(state["counts"][40:], given["counts"][40:])
        new = {tuple(row) for row in state["vectors"][:40].tolist()}
        assert new <= rows and len(new) > 35
        assert np.array_equal(state["sums"][:40], state["vectors"][:40])
        assert np.array_equal(state["counts"][:40], np.ones(40, np.float32))
    assert not np.array_equal(found["first"]["vectors"], found["by state"]["vectors"])
    given = book(draw, 4, 2)
    one = draw.normal(1, 1, 2)
    found = probe("revived", **given, z=one, least=100.0, seed=1)["first"]
    assert np.array_equal(found["vectors"], np.repeat(one[0], 4, axis=0))


@exercise("10.19")
def test_digits_of_equal_parts(probe, draw):
    """Symbols of probability 1/2, 1/4 and 1/8 are their own binary digits."""
    digits, steps = [], []
    for n in draw.integers(40, low=1, high=4).tolist():
        symbol = int(draw.integers(low=0, high=2**n))
        steps.append([symbol, symbol + 1, 2**n])
        digits += [int(d) for d in f"{symbol:0{n}b}"]
    found = probe("written", steps=steps)
    assert found["bits"] == digits and not any(found["waiting"])
    assert found["same list"], (
        "encoder.bits is another list: copying it for each digit is quadratic"
    )
    assert "".join(f"{b:08b}" for b in found["all"]).startswith("".join(map(str, digits)))


@exercise("10.19")
def test_digits_that_wait(probe):
    """The middle half of the interval again and again: three digits wait for the next one."""
    found = probe("written", steps=[[1, 3, 4]] * 3 + [[0, 1, 2]])
    assert found["waiting"] == [1, 2, 3, 0] and found["bits"] == [0, 1, 1, 1]
    found = probe("written", steps=[[1, 3, 4]] * 2 + [[1, 2, 2], [0, 1, 4]])
    assert found["waiting"] == [1, 2, 0, 0] and found["bits"] == [1, 0, 0, 0, 0]


@exercise("10.19")
def test_digits_read_back(probe, draw):
    """The same from the decoder's side, without an encoder."""
    digits, tables, symbols = "", [], []
    for n in draw.integers(60, low=1, high=4).tolist():
        symbols.append(int(draw.integers(low=0, high=2**n)))
        digits += f"{symbols[-1]:0{n}b}"
        tables.append(list(range(2**n + 1)))
    digits += "0" * (-len(digits) % 8)
    data = [int(digits[i : i + 8], 2) for i in range(0, len(digits), 8)]
    assert probe("read_back", data=data, tables=tables)["symbols"] == symbols


def sequence(draw, count, size, most):
    """Tables of frequencies, one for each symbol, some of them 0; and symbols drawn from them."""
    symbols, tables, bits = [], [], 0.0
    for _ in range(count):
        frequencies = draw.integers(size, low=0, high=most)
        frequencies[int(draw.integers(low=0, high=size))] += 1
        symbol = int(np.searchsorted(np.cumsum(frequencies), draw.uniform() * frequencies.sum()))
        while frequencies[symbol] == 0:
            symbol = (symbol + 1) % size
        symbols.append(symbol)
        tables.append([0, *np.cumsum(frequencies).tolist()])
        bits -= math.log2(frequencies[symbol] / frequencies.sum())
    return symbols, tables, bits


@exercise("10.19")
@pytest.mark.parametrize("size, most", [(2, 3), (3, 9), (17, 100), (256, 5), (4, 1 << 28)])
def test_there_and_back(probe, draw, size, most):
    """Tables that change with every symbol; as long as they are improbable, and two digits more."""
    symbols, tables, bits = sequence(draw, 300, size, most)
    found = probe("coded_and_read", symbols=symbols, tables=tables)
    assert found["symbols"] == symbols and all(found["alike"])
    assert bits - 1 <= found["bits"] <= bits + 2.1
    assert found["bytes"] == math.ceil(found["bits"] / 8)


@exercise("10.19")
def test_the_most_and_the_least_probable(probe):
    """A symbol of probability almost 1 costs almost nothing, one of almost 0 thirty digits."""
    sums = [0, (1 << 30) - 1, 1 << 30]
    found = probe("coded_and_read", symbols=[0] * 500 + [1] * 3, tables=[sums] * 503)
    assert found["symbols"] == [0] * 500 + [1] * 3
    assert 89 <= found["bits"] <= 92.1


@exercise("10.19")
def test_around_the_middle(probe):
    """Narrow parts in the middle: no digit is certain for long, and none is wrong in the end."""
    sums = [0, 499_999, 500_001, 1_000_000]
    symbols = [1] * 12 + [0, 1, 2, 1, 1, 2, 0] + [1] * 9
    found = probe("coded_and_read", symbols=symbols, tables=[sums] * len(symbols))
    assert found["symbols"] == symbols


@exercise("10.19")
def test_where_a_half_ends(probe, draw):
    """Intervals that end exactly at the middle or at a quarter; both sides do the same."""
    tables = [[[0, 1, 2], [0, 1, 3, 4], [0, 1, 2, 3]][i] for i in draw.integers(200, low=0, high=3)]
    tables = [[0, 1, 2], [0, 1, 3, 4], [0, 1, 2], *tables]
    symbols = [1, 1, 0] + [int(draw.integers(low=0, high=len(sums) - 1)) for sums in tables[3:]]
    found = probe("coded_and_read", symbols=symbols, tables=tables)
    assert found["symbols"] == symbols and all(found["alike"])


@exercise("10.19")
@pytest.mark.parametrize("first", [1, 2])
def test_at_the_beginning_of_a_part(probe, first):
    """Thirds are no whole numbers: the part begins a little before, and there the number lies."""
    symbols = [first] + [0] * 40
    found = probe("coded_and_read", symbols=symbols, tables=[[0, 1, 2, 3]] * 41)
    assert found["symbols"] == symbols


@exercise("10.19")
def test_symbols_that_cannot_be(check, probe):
    """No code for what has no probability; a total that leaves a quarter of the numbers is fine."""
    assert probe("written", steps=[[0, 1, 1 << 30]])["bits"] == [0] * 30
    for step in ([1, 1, 4], [0, 5, 4], [0, 1, (1 << 30) + 1]):
        check.raises("written", "ValueError", match="frequencies", steps=[step])


def file(draw, **other):
    inputs = {
        "model": draw.integers(8, low=0, high=256).tolist(),
        "size": 128,
        "shape": [12, 7, 7],
        "payload": draw.integers(30, low=0, high=256).tolist(),
    }
    return {**inputs, **other}


@exercise("10.20")
@pytest.mark.parametrize(
    "other",
    [
        {},
        {"shape": [1]},
        {"shape": [3, 0, 7, 1]},
        {"payload": []},
        {"payload": [0] * 9, "shape": [2**32 - 1] * 4},
        {"size": 1},
        {"size": 65535},
    ],
    ids=str,
)
def test_a_file_and_what_it_holds(probe, draw, other):
    """Everything comes back; the beginning is agreed; little is added."""
    given = file(draw, **other)
    for reader in (None, given["model"]):
        found = probe("packed", **given, reader=reader)
        assert found["head"] == [*b"\x89TMX\r\n", 1]
        assert 0 < found["extra"] <= 40 and found["again"]
        assert {name: found[name] for name in given} == given


@exercise("10.20")
@pytest.mark.parametrize(
    "other",
    [
        {"shape": []},
        {"shape": [1] * 5},
        {"shape": [-1]},
        {"shape": [2**32]},
        {"shape": [3, -1]},
        {"shape": [2**32, 1]},
        {"size": 0},
        {"size": 65536},
        {"model": [1] * 7},
        {"model": [1] * 9},
    ],
    ids=str,
)
def test_what_no_file_holds(check, probe, draw, other):
    """Outside of the limits."""
    assert probe("packed", **file(draw))["again"]
    check.raises("packed", "ValueError", **file(draw, **other))


@exercise("10.20")
def test_the_codes_of_another_model(check, probe, draw):
    """Its decoder would draw something else."""
    given = file(draw)
    assert probe("packed", **given, reader=given["model"])["payload"] == given["payload"]
    other = [*given["model"][:7], given["model"][7] ^ 1]
    check.raises("packed", "ValueError", match="model", **given, reader=other)


FOREIGN, DAMAGED = "no file of this compressor", "damaged"
WORDS = (FOREIGN, "version", DAMAGED, "model")


def wrongly(answers, *words):
    """Which sentences have not just one of the words, or one that belongs to another case."""
    return [
        f"{what}: expected a sentence with {' or '.join(map(repr, words))} and no other of "
        f"{', '.join(map(repr, WORDS))}; found {said!r}"
        for what, said in answers
        if len(found := [word for word in WORDS if word in said]) != 1 or found[0] not in words
    ]


@exercise("10.20")
@pytest.mark.parametrize("fits", [False, True])
@pytest.mark.parametrize("other", [{}, {"payload": []}, {"shape": [5]}], ids=str)
def test_files_that_have_changed(probe, draw, other, fits):
    """Any bit, any length, any other file: one sentence, and the right one."""
    found = probe("changed", **file(draw, **other), fits=fits)
    bits = found["bits"]  # three of each byte
    wrong = [
        *wrongly(found["foreign"], FOREIGN),
        *wrongly(found["later"], "version"),
        *wrongly(found["longer"], DAMAGED),
        *wrongly(found["cut"][:7], FOREIGN, DAMAGED),
        *wrongly(found["cut"][7:], DAMAGED),
        *wrongly(bits[:18], FOREIGN),
        *wrongly(bits[18:21], "version"),
        *wrongly(bits[21:], DAMAGED),
        *wrongly(found["swapped"], DAMAGED),
        *wrongly([each for each in found["forged"] if each[1] != "nothing"], DAMAGED, "model"),
    ]
    assert not wrong, wrong[0]


@exercise("10.20")
def test_three_bytes_that_have_changed(probe, draw):
    """Any change of 17 neighbouring bits is noticed.

    There are more of them than sums of 16 bits, so a checksum of two bytes overlooks one. CRC-32
    overlooks none, any other good checksum of four bytes one in 30,000 runs.
    """
    found = probe("three_bytes", **file(draw))
    assert found["whole"] == "nothing"
    wrong = wrongly(found["missed"], DAMAGED)
    assert not wrong, wrong[0]


@exercise("10.20")
def test_a_sentence_is_one_line(probe, draw):
    """Short enough to be read, and without a traceback."""
    said = probe("changed", **file(draw))
    for kind in ("bits", "swapped", "cut", "longer", "foreign", "later"):
        long = [each for each in said[kind] if not 15 < len(each[1]) < 200 or "\n" in each[1]]
        assert not long, f"{long[0][0]}: found {long[0][1]!r}"
    assert agree(np.array(float(len(said["later"]))), np.array(2.0))
