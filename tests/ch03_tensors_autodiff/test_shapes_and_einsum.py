"""Judges of broadcasting, windows and Einstein summation."""

import string

import numpy as np
import pytest

from course.grading.marks import exercise


@exercise("3.1")
@pytest.mark.parametrize(
    "shapes",
    [
        [[3, 1], [4]],
        [[2, 3, 4], [3, 1]],
        [[5], [5]],
        [[4], [], [2, 1]],
        [[7, 1, 5], [6, 1], [7, 6, 5], [1]],
    ],
    ids=str,
)
def test_shapes_aligned_at_the_right(check, shapes):
    """Two shapes, many, one empty."""
    check("broadcast_shapes", shapes=shapes)
    check("broadcast_shapes", shapes=shapes[::-1])


@exercise("3.1")
def test_where_the_alignment_shows(check):
    """Nothing to refuse at either end, but only one of them is right."""
    check("broadcast_shapes", shapes=[[1, 2], [2]])
    check("broadcast_shapes", shapes=[[3], [3, 1, 3]])


@exercise("3.1")
def test_sizes_of_zero(check):
    """0 stretches to nothing: it goes with 1 and with 0; no shapes at all give a number's."""
    check("broadcast_shapes", shapes=[[1, 3], [0, 1]])
    check("broadcast_shapes", shapes=[[2, 0], [1], [2, 1]])
    check("broadcast_shapes", shapes=[[0], [4, 1]])
    check("broadcast_shapes", shapes=[])
    check("broadcast_shapes", shapes=[[], []])


@exercise("3.1")
@pytest.mark.parametrize(
    "shapes", [[[3], [4]], [[2, 3], [3, 2]], [[0], [2]], [[4, 1], [1, 3], [2]]], ids=str
)
def test_shapes_that_do_not_go_together(check, shapes):
    """Two sizes that differ, neither of them 1: also 0 against 2, also in the third shape."""
    check.raises("broadcast_shapes", "ValueError", shapes=shapes)


@exercise("3.2")
@pytest.mark.parametrize(
    "shape, size, stride",
    [((7,), 3, 2), ((8,), 3, 2), ((2, 6), 2, 1), ((2, 3, 9), 4, 3), ((5,), 5, 1), ((4,), 1, 5)],
)
def test_windows(check, draw, shape, size, stride):
    """Windows that end before the row does, one window, windows of one; axes in front."""
    check("sliding_windows", x=draw.normal(*shape), size=size, stride=stride)


@exercise("3.2")
def test_windows_far_apart(check, draw):
    """Rows longer than their windows together: wrong strides read others, and none past the end."""
    check("sliding_windows", x=draw.normal(2, 9), size=2, stride=4)
    check("sliding_windows", x=draw.normal(3, 2, 8), size=2, stride=5)


@exercise("3.2")
def test_windows_of_other_numbers(check, draw):
    """Integers, and half precision."""
    check("sliding_windows", x=draw.integers(2, 6, low=1, high=90), size=3, stride=1)
    check("sliding_windows", x=draw.normal(6, dtype="bfloat16"), size=3, stride=2)


@exercise("3.2")
def test_windows_that_do_not_fit(check, draw):
    """A window of 0, one longer than the row, a stride of 0; the longest that fits is allowed."""
    x = draw.normal(2, 4)
    for size, stride in [(0, 1), (5, 1), (2, 0), (-1, 1)]:
        check.raises("sliding_windows", "ValueError", x=x, size=size, stride=stride)
    check("sliding_windows", x=x, size=4, stride=9)


@exercise("3.2")
def test_windows_cost_no_memory(probe):
    """2048 windows of 2049 numbers would be 16 MB; as a view they need nothing."""
    found = probe("memory_of_windows", n=4096, size=2049)
    assert found["element"] == 8.0, "window 3 begins at number 3; its element 5 is number 8"
    assert found["bytes"] < 1_000_000, f"{found['bytes']} bytes were taken: the windows were copied"


ALPHABET = ["".join(letters) for letters in zip(*[iter(string.ascii_letters)] * 4, strict=True)]
EXPLICIT = [
    ("ij,jk->ik", [2, 2], ["ij", "jk"], "ik"),
    ("ij->ji", [2], ["ij"], "ji"),
    ("ii->i", [2], ["ii"], "i"),
    (" b i j , b j k -> k b ", [3, 3], ["bij", "bjk"], "kb"),
    ("i,j,k->", [1, 1, 1], ["i", "j", "k"], ""),
    ("aB,Bc->ac", [2, 2], ["aB", "Bc"], "ac"),
    (",".join(ALPHABET) + "->", [4] * 13, ALPHABET, ""),  # every letter there is
]
IMPLICIT = [
    ("ij,jk", [2, 2], ["ij", "jk"], "ik"),
    ("ba", [2], ["ba"], "ab"),
    ("ii", [2], ["ii"], ""),
    ("kj,ki", [2, 2], ["kj", "ki"], "ij"),
    ("aab,bc", [3, 2], ["aab", "bc"], "c"),
    (",i", [0, 1], ["", "i"], "i"),
    ("", [0], [""], ""),
    ("zyxwvuts", [8], ["zyxwvuts"], "stuvwxyz"),
]
# A and B are the names that the axes of an ellipsis were given.
ELLIPSIS = [
    ("...ij,jk->...ik", [4, 2], ["ABij", "jk"], "ABik"),
    ("i...,...->...i", [3, 1], ["iAB", "B"], "ABi"),
    ("...i->i", [1], ["i"], "i"),
    ("...ji", [3], ["Aji"], "Aij"),
    ("...i,...i", [2, 3], ["Ai", "BAi"], "BA"),
    ("...i,...i", [2, 4], ["Ai", "CBAi"], "CBA"),
    ("...,...->...", [0, 2], ["", "AB"], "AB"),
]


def same_names(case, found):
    """Whether the names are those expected but for which letter each ellipsis axis got."""
    subscripts, _, operands, result = case
    said = f"{subscripts!r}: yours {found['operands']} and {found['result']!r}, expected"
    mine = " ".join([*found["operands"], found["result"]])
    wanted = " ".join([*operands, result])
    table = dict(zip(mine, wanted, strict=False))
    renamed = "".join(table.get(c, c) if c.isupper() and c not in subscripts else c for c in mine)
    assert renamed == wanted, f"{said} {operands} and {result!r}"
    assert len(set(table.values())) == len(table), f"{said} a name of its own for each axis"


@exercise("3.3")
@pytest.mark.parametrize("case", EXPLICIT, ids=lambda case: case[0])
def test_names_with_an_arrow(probe, case):
    """As written; spaces do not count."""
    same_names(case, probe("parse_einsum", subscripts=case[0], ndims=case[1]))


@exercise("3.3")
def test_names_without_an_arrow(probe):
    """What occurs once, in alphabetical order."""
    for case in IMPLICIT:
        same_names(case, probe("parse_einsum", subscripts=case[0], ndims=case[1]))


@exercise("3.3")
def test_axes_without_a_name(probe):
    """An ellipsis gets as many names as the operand has axes left, aligned at the last one."""
    for case in ELLIPSIS:
        same_names(case, probe("parse_einsum", subscripts=case[0], ndims=case[1]))


@exercise("3.3")
@pytest.mark.parametrize(
    "cases",
    [
        [("ij,jk->ik", [2]), ("ij->ij", [2, 2])],
        [("ij", [3]), ("ij", [1]), ("...ij", [1])],
        [("ij->ik", [2]), ("ij->ii", [2]), ("i1->i", [2])],
        [("...i...", [1]), ("i,...j...", [1, 1]), ("...i->...i...", [1])],
    ],
    ids=["operands", "axes", "names", "ellipses"],
)
def test_subscripts_that_make_no_sense(check, cases):
    """Operands or axes that do not fit; a result from nowhere, or twice; two ellipses in one."""
    for subscripts, ndims in cases:
        check.raises("parse_einsum", "ValueError", subscripts=subscripts, ndims=ndims)


@exercise("3.4")
@pytest.mark.parametrize(
    "a_names, a_shape, b_names, b_shape, result",
    [
        ("ij", (2, 3), "jk", (3, 4), "ik"),
        ("ij", (2, 3), "jk", (3, 4), "ki"),
        ("ji", (3, 2), "kj", (4, 3), "ik"),
        ("i", (5,), "i", (5,), ""),
        ("i", (3,), "j", (4,), "ji"),
        ("ib", (3, 2), "bi", (2, 3), "bi"),
        ("bij", (2, 3, 4), "kbj", (5, 2, 4), "ikb"),
        ("ajbk", (2, 3, 4, 5), "kcja", (5, 6, 3, 2), "cba"),
        ("", (), "ij", (2, 3), "ji"),
        ("ij", (2, 1), "jk", (1, 3), "ik"),
        ("jbi", (4, 2, 3), "kbj", (5, 2, 4), "kbi"),
        ("abij", (2, 3, 4, 5), "kjba", (6, 5, 3, 2), "baki"),
    ],
)
def test_contractions(check, draw, a_names, a_shape, b_names, b_shape, result):
    """Every kind of name present and absent; orders of axes that differ; sizes that all differ."""
    check(
        "contract_pair",
        a=draw.normal(*a_shape),
        a_names=a_names,
        b=draw.normal(*b_shape),
        b_names=b_names,
        result=result,
        terms=20,
    )


@exercise("3.4")
def test_contractions_of_other_numbers(check, draw):
    """Integers, which matmul refuses; half precision; float64 is for the CPU's own tests."""
    names = {"a_names": "bij", "b_names": "jbk", "result": "kbi"}
    small = {"low": -5, "high": 6}
    a, b = draw.integers(2, 3, 4, **small), draw.integers(4, 2, 5, **small)
    check("contract_pair", a=a, b=b, **names)
    for dtype in ("float16", "bfloat16"):
        a, b = draw.normal(2, 3, 4, dtype=dtype), draw.normal(4, 2, 5, dtype=dtype)
        check("contract_pair", a=a, b=b, **names, terms=4)


@exercise("3.4")
def test_contractions_of_nothing(check, draw):
    """A sum over no elements is 0; no rows give no rows."""
    names = {"a_names": "ij", "b_names": "jk", "result": "ki"}
    check("contract_pair", a=draw.normal(2, 3), b=draw.normal(3, 4), **names, terms=3)
    check("contract_pair", a=np.zeros((2, 0), "float32"), b=np.zeros((0, 4), "float32"), **names)
    check("contract_pair", a=np.zeros((0, 3), "float32"), b=draw.normal(3, 4), **names)


@exercise("3.4")
@pytest.mark.parametrize(
    "subscripts, shapes",
    [
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("iij,jk->k", [(3, 3, 2), (2, 4)]),
        ("ij,kl->j", [(2, 3), (4, 5)]),
        ("...ij,...jk", [(2, 1, 3, 4), (5, 4, 2)]),
    ],
)
def test_whole_einsums(check, draw, subscripts, shapes):
    """Built from it: three operands, attention scores, a diagonal, lonely names, an ellipsis."""
    operands = [draw.normal(*shape) for shape in shapes]
    check("einsum", subscripts=subscripts, operands=operands, terms=40)
