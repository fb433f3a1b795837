"""Judges of the rules of shapes, joining, matrix products and indexing."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from course.cli.project import load_script
from course.grading.marks import exercise

TABLE = load_script(Path(__file__).with_name("ops.py"))


def at(check, draw, call, translation="", twice=True, terms=1, **inputs):
    """A call at chosen numbers, with random cotangents and second derivatives."""
    inputs = {name: np.asarray(x) for name, x in inputs.items()}
    check(
        "op",
        call=call,
        translation=translation,
        inputs=inputs,
        pool=draw.normal(TABLE.POOL),
        twice=twice,
        cpu=False,
        terms=terms,
    )


@exercise("3.24")
@TABLE.cases("3.24")
def test_reshapes_and_transposes(check, draw, case):
    """Sizes left open, axes counted from the end, all axes reversed."""
    case(check, draw)


@exercise("3.24")
def test_every_permutation(check, draw):
    """Three axes of three sizes in all six orders: cyclic ones are not their own inverse."""
    for axes in permutations(range(3)):
        at(check, draw, f"mx.transpose(x, {axes})", x=draw.normal(2, 3, 4))


@exercise("3.24")
def test_shapes_of_one_and_none(check, draw):
    """To and from an array without axes; without elements."""
    at(check, draw, "mx.reshape(x, (1, 1))", x=draw.normal())
    at(check, draw, "mx.reshape(x, ())", x=draw.normal(1, 1))
    at(check, draw, "mx.transpose(x).reshape(0, 4)", x=draw.normal(2, 0))
    at(check, draw, "mx.transpose(x)", x=draw.normal(3))


@exercise("3.25")
@TABLE.cases("3.25")
def test_copies(check, draw, case):
    """New axes, axes of size 1, both."""
    case(check, draw)


@exercise("3.25")
def test_no_copies_and_one(check, draw):
    """To its own shape, and to a shape without elements, where the sum of none is 0."""
    at(check, draw, "mx.broadcast_to(x, (2, 3))", x=draw.normal(2, 3))
    at(check, draw, "mx.broadcast_to(x, (0, 3))", x=draw.normal(1, 3))
    at(check, draw, "mx.broadcast_to(x, (1, 1))", x=draw.normal())


@exercise("3.26")
@TABLE.cases("3.26")
def test_joining_and_cutting(check, draw, case):
    """Along each axis, flat, in equal and in unequal parts."""
    case(check, draw)


@exercise("3.26")
def test_joining_one_and_nothing(check, draw):
    """A single array, one array three times, one without elements, three with other shapes."""
    at(check, draw, "mx.concatenate([x], axis=1)", x=draw.normal(2, 3))
    at(check, draw, "mx.concatenate([x, x, x], axis=0)", x=draw.normal(2, 3), terms=3)
    at(check, draw, "mx.concatenate([x, y], axis=1)", x=draw.normal(2, 0), y=draw.normal(2, 3))
    at(
        check,
        draw,
        "mx.concatenate([x, y, z], axis=None)",
        translation="torch.cat([x.flatten(), y.flatten(), z.flatten()])",
        x=draw.normal(2, 3),
        y=draw.normal(),
        z=draw.normal(1, 4),
    )


@exercise("3.26")
def test_parts_that_are_not_used(check, draw):
    """One part of four; two parts, one of them twice; a part without elements."""
    at(check, draw, "mx.split(x, 4)[2]", x=draw.normal(8, 2))
    call = "mx.split(x, [1, 3], axis=1)[0] * mx.split(x, [1, 3], axis=1)[2]"
    at(check, draw, call, x=draw.normal(2, 4))
    at(check, draw, "mx.split(x, [2, 2])", x=draw.normal(4, 2))


@exercise("3.27")
@TABLE.cases("3.27")
def test_borders_and_mirrors(check, draw, case):
    """Borders of every width; mirrors along one axis, several and all."""
    case(check, draw)


@exercise("3.27")
def test_borders_of_nothing(check, draw):
    """Widths of 0, on one side and on all; arrays without elements; infinite borders."""
    at(check, draw, "mx.pad(x, [(0, 0), (2, 0)])", x=draw.normal(2, 3))
    at(check, draw, "mx.pad(x, 0)", x=draw.normal(2, 3))
    at(
        check,
        draw,
        "mx.pad(x, [(1, 0), (0, 1)], constant_values=float('inf'))",
        x=draw.normal(2, 2),
    )
    at(check, draw, "mx.pad(x, 1)", x=draw.normal(0))


@exercise("3.28")
@TABLE.cases("3.28")
def test_matrix_products(check, draw, case):
    """Vectors, matrices, batches on either side, batches that broadcast."""
    case(check, draw)


@exercise("3.28")
def test_matrix_products_of_small_sizes(check, draw):
    """Sizes of 1 everywhere, and sums over nothing."""
    at(check, draw, "x @ y", x=draw.normal(1, 1), y=draw.normal(1, 1))
    at(check, draw, "x @ y", x=draw.normal(3, 1), y=draw.normal(1, 4), terms=4)
    at(check, draw, "x @ y", x=draw.normal(2, 3, 1), y=draw.normal(1, 1, 2), terms=6)
    at(check, draw, "x @ y", x=draw.normal(2, 0), y=draw.normal(0, 3), twice=False)


@exercise("3.28")
@pytest.mark.parametrize(
    "a, b",
    [
        ((1, 3, 4), (5, 4, 2)),
        ((2, 1, 3, 4), (2, 5, 4, 2)),
        ((6, 3, 4), (1, 4, 2)),
        ((4,), (2, 3, 4, 2)),
        ((2, 3, 3, 4), (4,)),
    ],
)
def test_batches_that_broadcast(check, draw, a, b):
    """What was repeated sums what its copies receive; vectors against batches of batches."""
    at(check, draw, "x @ y", x=draw.normal(*a), y=draw.normal(*b), terms=40)


@exercise("3.29")
@TABLE.cases("3.29")
def test_slices(check, draw, case):
    """Steps, steps backwards, integers, new axes, an ellipsis."""
    case(check, draw)


@exercise("3.29")
def test_slices_that_overlap_and_slices_of_nothing(check, draw):
    """Two slices of one array add up where they overlap; an empty one gives zeros."""
    at(check, draw, "x[1:] * x[:-1]", x=draw.normal(5, 2))
    at(check, draw, "x[2:2]", x=draw.normal(4, 2), twice=False)
    at(check, draw, "x[...]", x=draw.normal(2))
    at(check, draw, "x[None, None]", x=draw.normal())
    at(check, draw, "x[100:0:-3]", translation="x[[9, 6, 3]]", x=draw.normal(10))


@exercise("3.30")
@TABLE.cases("3.30")
def test_rows_by_number(check, draw, case):
    """One array of indices, several, between slices, with axes of their own."""
    case(check, draw)


@exercise("3.30")
def test_places_that_occur_again_and_again(check, draw):
    """A hundred times the same row; the same row by a negative number; none at all."""
    x, many = draw.normal(3, 2), np.zeros(100, np.int32)
    at(check, draw, "x[i]", x=x, i=many, terms=100)
    at(check, draw, "x[i]", x=x, i=np.int32([2, -1, 2, -1, 0]), terms=4)
    at(check, draw, "x[i, j]", x=x, i=np.int32([[1], [1]]), j=np.int32([1, -1, 1]), terms=6)
    at(check, draw, "x[i]", x=x, i=np.zeros(0, np.int32), twice=False)


@exercise("3.30")
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "uint32"])
def test_indices_of_every_dtype(check, draw, dtype):
    """Signed and unsigned, short and long."""
    i = np.array([3, 1, 3], dtype)
    at(check, draw, "x[i]", translation="x[i.long()]", x=draw.normal(4, 2), i=i)


@exercise("3.31")
@TABLE.cases("3.31")
def test_taking(check, draw, case):
    """Slices along an axis, elements along rows, flat ones; indices that repeat and broadcast."""
    case(check, draw)


@exercise("3.31")
def test_taking_the_same_again(check, draw):
    """Many times one place, no place, a place without an axis."""
    x, many = draw.normal(3, 4), np.full(50, 2, np.int32)
    at(check, draw, "mx.take(x, i, 0)", x=x, i=many, terms=50)
    at(check, draw, "mx.take(x, i, 1)", x=x, i=np.int32([[3, 3, -1]]), terms=3)
    at(check, draw, "mx.take(x, i, 0)", x=x, i=np.zeros(0, np.int32), twice=False)
    at(check, draw, "mx.take(x, 5)", translation="x.flatten()[5]", x=x)
    i = np.tile(np.int32([[1], [0], [3]]), (1, 6))
    at(check, draw, "mx.take_along_axis(x, i, 1)", x=x, i=i, terms=6)


@exercise("3.31")
def test_taking_along_the_middle(check, draw):
    """An axis between others, counted from either end."""
    x = draw.normal(2, 3, 4)
    at(check, draw, "mx.take(x, i, -2)", x=x, i=np.int32([2, 2, 0]))
    i = draw.integers(2, 5, 4, low=0, high=3)
    at(check, draw, "mx.take_along_axis(x, i, 1)", x=x, i=i, terms=5)


@exercise("3.32")
@TABLE.cases("3.32")
def test_writing(check, draw, case):
    """To slices, places, rows; arrays, arrays that broadcast, numbers."""
    case(check, draw)


@exercise("3.32")
def test_writing_over_and_over(check, draw):
    """Twice to overlapping places: the last one counts. All of it: the old array counts no more."""
    x, v, w = draw.normal(5), draw.normal(3), draw.normal(2)
    at(check, draw, "assigned(assigned(x, S[0:3], v), S[2:4], w)", x=x, v=v, w=w)
    at(check, draw, "assigned(x, S[:], v)", x=draw.normal(3), v=v)
    at(check, draw, "assigned(x, S[:], x * x) * x", x=v, terms=2)
    at(check, draw, "assigned(x, S[1:3], x[0:2]) * 2", x=x)


@exercise("3.32")
def test_writing_into_constants(check, draw):
    """Only the value is differentiated; only the array; broadcast over two axes."""
    at(check, draw, "assigned(n * 1.5, S[1:3], v)", n=np.int32([1, 2, 3, 4]), v=draw.normal(2))
    at(check, draw, "assigned(x, S[1], n)", x=draw.normal(3, 2), n=np.int32([7, 8]))
    at(check, draw, "assigned(x, S[:, 1:], v)", x=draw.normal(3, 4), v=draw.normal(), terms=9)
    at(check, draw, "assigned(x, S[1:], v)", x=draw.normal(3, 4), v=draw.normal(2, 1), terms=4)
    i = np.int32([0, 2])
    at(check, draw, "assigned(x, i, v)", x=draw.normal(3, 4), v=draw.normal(1, 4), i=i, terms=2)


@exercise("3.32")
def test_dtypes_of_writing(probe, draw):
    """float32 written into float16: the result is float16, each gradient as its array."""
    inputs = {"x": draw.normal(3, dtype="float16"), "v": draw.normal(2)}
    found = probe("dtypes_of_gradients", call="assigned(x, S[1:], v)", inputs=inputs)
    assert found["dtypes"] == ["float16", "float32"], f"{found['dtypes']}"
    assert np.array_equal(found["gradients"][0], [1, 0, 0])
    assert np.array_equal(found["gradients"][1], [1, 1])
