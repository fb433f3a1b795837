"""Judges of 13.19 to 13.24: which sentence a picture fits, and who says so."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


def unit(x):
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(x.dtype)


@exercise("13.19")
@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 2, 3)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_vectors_of_length_one(check, draw, shape, dtype):
    """And the slopes, which are along the sphere."""
    x, g = draw.normal(*shape, dtype=dtype), draw.normal(*shape, dtype=dtype)
    check("directions", x=x, g=g, terms=9, scale=4.0)


@exercise("13.19")
def test_long_and_short_vectors(check, draw):
    """The square of 300 is no float16; and nothing has no direction, but finite slopes."""
    x = (300 * draw.normal(2, 3)).astype(np.float16)
    g = draw.normal(2, 3, dtype="float16") * np.float16(0.01)
    check("directions", x=x, g=g, terms=9)
    x, g = draw.normal(3, 4), draw.normal(3, 4)
    x[1] = 0
    g[1] = 0
    check("directions", x=x, g=g, terms=9, scale=4.0)
    check("short", x=np.float32([[0.03, 0.04], [3.0, 4.0]]), eps=0.1)


@exercise("13.19")
@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_both_directions(check, draw, count, dtype):
    """The loss, and the slopes of all vectors and of the scale."""
    names = ("pictures", "sentences")
    arrays = {name: unit(draw.normal(count, 4, dtype=dtype)) for name in names}
    numbers = {"factor": np.array(3.0, dtype), "g": draw.normal(dtype=dtype)}
    check("matched", **arrays, **numbers, terms=9, scale=4.0)


@exercise("13.19")
def test_one_pair(check, draw):
    """Alone, a picture has no other sentence: the loss is 0. A large scale does not overflow."""
    for count in (1, 6):
        arrays = {name: unit(draw.normal(count, 4)) for name in ("pictures", "sentences")}
        check(
            "matched",
            **arrays,
            factor=np.array(100, np.float32),
            g=draw.normal(),
            terms=6,
            scale=100.0,
        )


@exercise("13.19")
@pytest.mark.parametrize("exponent", [0.0, -1.5, 2.659, 4.7, 6.0, 20.0])
def test_a_scale_that_is_learned(check, draw, exponent):
    """An exponential, at most 100; above it the slope is that of the bound, and not 0."""
    check("scaled", logit_scale=np.array(exponent, np.float32), g=draw.normal(), scale=200.0)


@exercise("13.19")
@pytest.mark.parametrize("count", [2, 4, 0])
def test_pictures_without_sentences(check, draw, count):
    """One sentence says so; also of no pairs at all."""
    check.raises("fails", "ValueError", match="sentence", what="pairs", value=count)
    arrays = {name: unit(draw.normal(3, 4)) for name in ("pictures", "sentences")}
    check("matched", **arrays, g=draw.normal(), terms=9, factor=np.array(2, np.float32))


def towers(draw):
    return {
        "p": draw.normal(3, 4),
        "q": draw.normal(6, 3),
        "logit_scale": np.array(0.7, np.float32),
    }


@exercise("13.20")
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 9])
def test_the_gradient_of_the_whole(check, draw, rows):
    """Pieces of any size, the last of which may be smaller."""
    x, tokens = draw.normal(5, 4), draw.integers(5, 2, low=0, high=6)
    check("in_pieces", x=x, tokens=tokens, weights=towers(draw), rows=rows, frozen=[], terms=25,
          scale=4.0)  # fmt: skip


@exercise("13.20")
@pytest.mark.parametrize("frozen", [["p"], ["q"], ["logit_scale"]], ids=str)
def test_what_is_frozen(check, draw, frozen):
    """It has no gradient, and is not in the tree."""
    x, tokens = draw.normal(4, 4), draw.integers(4, 2, low=0, high=6)
    check("in_pieces", x=x, tokens=tokens, weights=towers(draw), rows=2, frozen=frozen, terms=25,
          scale=4.0)  # fmt: skip


@exercise("13.20")
def test_pieces_of_half_precision(check, draw):
    """The dtype of all inputs is that of the loss and of its gradient."""
    x, tokens = draw.normal(4, 4, dtype="float16"), draw.integers(4, 2, low=0, high=6)
    weights = {name: w.astype(np.float16) for name, w in towers(draw).items()}
    check("in_pieces", x=x, tokens=tokens, weights=weights, rows=2, frozen=[], terms=4, scale=2.0)


@exercise("13.20")
def test_a_piece_at_a_time(check, draw):
    """32 pictures that need 10 MB in their tower, in pieces of two; a third of it is allowed."""
    x, tokens = draw.normal(32, 4), draw.integers(32, 2, low=0, high=6)
    check("pieces_cost", x=x, tokens=tokens, weights=towers(draw), rows=2, terms=25, scale=4.0)


@exercise("13.20")
@pytest.mark.parametrize("value", [0, -1])
def test_no_rows(check, draw, value):
    """One sentence."""
    check.raises("fails", "ValueError", match="rows", what="rows", value=value)
    x, tokens = draw.normal(2, 4), draw.integers(2, 2, low=0, high=6)
    check("in_pieces", x=x, tokens=tokens, weights=towers(draw), rows=1, frozen=[], terms=25,
          scale=4.0)  # fmt: skip


@exercise("13.20")
@pytest.mark.parametrize("what,value", [("more pictures", 5), ("more sentences", 5),
                                        ("more sentences", 4), ("more pictures", 2)])  # fmt: skip
def test_pieces_without_sentences(check, draw, what, value):
    """Another number of sentences than of pictures is said, and not cut off."""
    check.raises("fails", "ValueError", match="sentence", what=what, value=value)
    x, tokens = draw.normal(3, 4), draw.integers(3, 2, low=0, high=6)
    check("in_pieces", x=x, tokens=tokens, weights=towers(draw), rows=2, frozen=[], terms=25,
          scale=4.0)  # fmt: skip


@exercise("13.20")
def test_pieces_of_nothing(check, draw):
    """No pairs at all are said as well."""
    check.raises("fails", "ValueError", match="sentence", what="no pairs", value=0)
    x, tokens = draw.normal(2, 4), draw.integers(2, 2, low=0, high=6)
    check("in_pieces", x=x, tokens=tokens, weights=towers(draw), rows=2, frozen=[], terms=25,
          scale=4.0)  # fmt: skip


def seen(draw, size, side, channels, dims, dtype="float32"):
    count = (size // side) ** 2 + 1
    shapes = {
        "class_embedding": (dims,),
        "patch_embedding.weight": (dims, side, side, channels),
        "position_embedding.weight": (count, dims),
    }
    return {
        "weights": {name: draw.normal(*shape, dtype=dtype) for name, shape in shapes.items()},
        "x": draw.normal(2, size, size, channels, dtype=dtype),
        "sizes": [size, side, channels, dims],
        "g": draw.normal(2, count, dims, dtype=dtype),
    }


@exercise("13.21")
@pytest.mark.parametrize("sizes", [(4, 2, 3, 5), (6, 2, 1, 4), (3, 3, 2, 3)], ids=str)
def test_patches(check, draw, sizes):
    """Row by row behind the class token; the slopes of the picture and of all weights."""
    check("patches", **seen(draw, *sizes), terms=40, scale=8.0)


@exercise("13.21")
def test_all_patches_at_once(probe):
    """No loop: 256 patches take as many lines of Python as four."""
    found = probe("patches_lines", sides=[2, 16])
    assert all(found["alive"]), "patches of nothing but zeros"
    few, many = found["lines"]
    assert many < 1.2 * few, f"{few} lines of Python for 4 patches, {many} for 256"


@exercise("13.21")
def test_patches_of_half_precision(check, probe, draw):
    """A class token of float32 does not make float32 of what is float16."""
    given = seen(draw, 2, 1, 1, 2, "float16")
    check("patches", **given, terms=4, scale=4.0)
    given["weights"]["class_embedding"] = given["weights"]["class_embedding"].astype(np.float32)
    found = probe("patches", **given)
    assert found["y"].dtype == np.float16


@exercise("13.21")
@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 4, 6, 3), (1, 2, 2, 3), (1, 4, 4, 1)], ids=str)
def test_other_pictures(check, draw, shape):
    """One sentence says which shape they should have."""
    check.raises("patches_fail", "ValueError", match="should have the shape", shape=list(shape))
    check("patches", **seen(draw, 4, 2, 1, 2), terms=40, scale=8.0)


@exercise("13.22")
@pytest.mark.parametrize("end", [9, 4, 2])
def test_the_first_end(check, draw, end):
    """Behind it there may be anything: more ends, other numbers, larger ones."""
    tokens = draw.integers(4, 7, low=5, high=9)
    tokens[:, 0] = 3
    tokens[0, 3], tokens[1, 6], tokens[2, 1], tokens[3, 2] = (9 if end == 2 else end,) * 4
    tokens[0, 4:] = 9 if end == 2 else end
    check("ended", tokens=tokens, end=end)


@exercise("13.22")
def test_an_end_that_is_not_the_greatest(check):
    """A tokenizer of one's own may number it as it likes, and 0 is a number as well."""
    tokens = np.array([[5, 8, 0, 8, 8], [5, 1, 9, 9, 0]], np.int32)
    check("ended", tokens=tokens, end=0)


MERGES = [
    ["a", "t</w>"],
    ["c", "at</w>"],
    ["c", "a"],
    ["t", "h"],
    ["th", "e</w>"],
    ["a", "t"],
    ["n", "a"],
    ["Ã", "¼"],
    ["Ã", "¼</w>"],
    ["!", "!</w>"],
    ["4", "2</w>"],
    ["a", "a"],
    ["aa", "aa"],
    ["aa", "a</w>"],
    ["ca", "ca</w>"],
]
TEXTS = [
    "the cat",
    "  The  CAT\n\tsat!! ",
    "it's, they'll and I'D",
    "Zürü na\u0308ive café",
    "42 3.5 x2",
    "",
    "aaaaaaa cacaca banana catcat",
    "東京 ½ ²",
    "under_score-dash (a)",
    "STRAßE İ",
]


@exercise("13.23")
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_sentences(check, text):
    """Case and spaces make no difference; the end of a word does."""
    check("spoken", merges=MERGES, text=text, length=9)


@exercise("13.23")
@pytest.mark.parametrize("pad", [None, 0, 7])
def test_sentences_side_by_side(check, pad):
    """Short ones are filled up, long ones are cut, and their end stays."""
    texts = ["the cat", "", "a b c d", "the the the cat sat on the mat", "x y z"]
    check("spoken_batch", merges=MERGES, texts=texts, length=6, cut=True, pad=pad)


@exercise("13.23")
def test_sentences_that_are_too_long(check):
    """Said, and not cut, unless that is asked for. What just fits is not too long."""
    given = {"merges": MERGES, "length": 4}
    check.raises("spoken_by_default", "ValueError", match="tokens", texts=["cat", "the cat x"],
                 **given)  # fmt: skip
    check("spoken_by_default", texts=["cat", "the cat"], **given)


@exercise("13.23")
def test_cost_of_a_sentence(probe):
    """Eight times the text: less than 12 times the lines; and no more in a large vocabulary."""
    found = probe(
        "speaking_costs", merges=MERGES, text="the cat's ", sizes=[[0, 10], [0, 80], [4000, 10]]
    )
    few, long, large = found["lines"]
    assert found["numbers"] == [42, 322, 42] and min(found["sums"]) > 0
    assert long < 12 * few, f"{few} lines for 100 letters, {long} for 800"
    assert large < 2 * few, f"{few} lines with few merges, {large} with 4000 more"
    assert not any(found["searched"]), "words are looked for in a list: the dictionary knows where"


@exercise("13.23")
def test_each_sentence_is_encoded_once(check):
    """Also if there are several, and if one is as long as can be."""
    check("speaking_often", merges=MERGES, texts=["cat", "the cat", "x"], length=4)


@exercise("13.23")
def test_no_sentences(check):
    """Nothing to read is said, and no array without an axis of places."""
    given = {"merges": MERGES, "length": 4}
    check.raises("spoken_by_default", "ValueError", match="texts", texts=[], **given)
    check("spoken_by_default", texts=["cat"], **given)


@exercise("13.24")
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 1, 3), (1, 3, 2)], ids=str)
def test_classes(check, draw, shape):
    """Each sentence counts alike, however long its vector is."""
    sentences = draw.normal(*shape) * np.exp(draw.normal(*shape[:2], 1))
    check("classes", sentences=sentences.astype(np.float32), g=draw.normal(shape[0], shape[2]),
          terms=30, scale=10.0)  # fmt: skip


@exercise("13.24")
def test_classes_of_half_precision(probe, draw):
    """The dtype stays, and the length is 1."""
    sentences = draw.normal(3, 4, 8, dtype="float16")
    found = probe("classes", sentences=sentences, g=draw.normal(3, 8, dtype="float16"))
    y = found["outputs"][0]
    assert y.dtype == np.float16
    assert agree(np.linalg.norm(y.astype(np.float64), axis=1), np.ones(3), "float16", terms=4)
