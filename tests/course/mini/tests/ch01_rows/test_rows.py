import pytest

from course.grading.marks import exercise


@exercise("1.1")
@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax(check, draw, axis):
    """Rows sum to one."""
    check("softmax", x=draw.normal(5, 7), axis=axis, terms=7)


@exercise("1.1")
def test_softmax_of_large_numbers(check, draw):
    """Nothing overflows."""
    check("softmax", x=draw.normal(5, 7) * 1000, axis=-1, terms=7)


@exercise("1.1")
def test_softmax_of_a_scalar(check, draw):
    """A scalar has no axis."""
    check.raises("softmax", "ValueError", match="axis", x=draw.normal(), axis=-1)


@exercise("1.2")
def test_pick(check, draw):
    """Row two of the softmax."""
    check("pick", x=draw.normal(5, 7), index=2)


@exercise("1.3")
def test_counter(check, draw):
    """Two batches."""
    check("count", parts=[draw.normal(3, 4), draw.normal(2, 4)], terms=20)


@exercise("1.3")
def test_the_rows_alone(check, draw):
    """`add`, without `total`."""
    check("rows_of", parts=[draw.normal(3, 4), draw.normal(2, 4)])
