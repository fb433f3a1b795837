"""Judges of 6.5 to 6.9: vmap, its rules, Jacobians and curvature."""

import pytest

from course.grading.marks import exercise


@exercise("6.5")
@pytest.mark.parametrize("case", ["one argument", "another axis", "two outputs", "own rule"])
def test_primitives_without_a_rule(check, draw, case):
    """Example by example, then a stack; also for a list of outputs."""
    check("without_rules", x=draw.normal(4, 3), y=draw.normal(4, 3), case=case, terms=3)


@exercise("6.5")
@pytest.mark.parametrize("case", ["shared", "shared first"])
def test_arguments_that_all_examples_share(check, draw, case):
    """The one without a batch is the same for all of them."""
    check("without_rules", x=draw.normal(4, 3), y=draw.normal(4, 3), case=case, terms=3)


EXAMPLES = {
    "elementwise": ("lambda x, y: c.sin(x) * y + 2.0", [(4, 3), (4, 3)], [0, 0]),
    "shared": ("lambda x, y: c.exp(x) * y", [(4, 3), (3,)], [0, None]),
    "other axes": ("lambda x, y: x - 2.0 * y", [(3, 4), (4, 3)], [1, 0]),
    "two results": ("lambda x, y: (x * y, c.sum(x))", [(4, 3), (4, 3)], [0, 0]),
    "a batch of one": ("lambda x: c.sum(x * x)", [(1, 3)], [0]),
    "a network": ("lambda x, w: c.matmul(c.tanh(c.matmul(w, x)), w)", [(4, 3), (3, 3)], [0, None]),
}


@exercise("6.5")
@pytest.mark.parametrize("name", EXAMPLES)
def test_functions_of_one_example(check, draw, name):
    """One call for the whole batch gives what a loop would give."""
    text, shapes, axes = EXAMPLES[name]
    inputs = [draw.normal(*s) for s in shapes]
    check("examples", function=text, inputs=inputs, axes=axes, terms=12)


@exercise("6.5")
def test_gradients_for_each_example(check, draw):
    """vmap of a gradient, and the gradient of what vmap computed."""
    check(
        "gradients_of_examples", x=draw.normal(5, 3), y=draw.normal(5), w=draw.normal(3), terms=15
    )


@exercise("6.5")
def test_a_batch_of_one_example(check, draw):
    """Also there the result is a stack, of one; and of two outputs two."""
    for case in ("one argument", "two outputs"):
        check("without_rules", x=draw.normal(1, 3), y=draw.normal(1, 3), case=case, terms=3)


ALIGNED = {
    "a vector and a matrix": ([[5, 4], [5, 3, 4]], [True, True]),
    "a matrix and numbers": ([[5, 2, 3], [5]], [True, True]),
    "shared by all": ([[5, 4], [2, 3, 4]], [True, False]),
    "shared vector": ([[4], [5, 3, 4]], [False, True]),
    "three": ([[5], [5, 4], [5, 2, 3, 4]], [True, True, True]),
    "as they are": ([[5, 3], [5, 3]], [True, True]),
    "a number": ([[5, 3], None], [True, False]),
}


@exercise("6.6")
@pytest.mark.parametrize("name", ALIGNED)
def test_axes_behind_the_batch(check, draw, name):
    """Axes of size 1 between the batch and the example, as many as are missing."""
    shapes, batched = ALIGNED[name]
    args = [3.0 if shape is None else draw.normal(*shape) for shape in shapes]
    check("alignment", args=args, batched=batched)


@exercise("6.6")
@pytest.mark.parametrize(
    "shapes, axes",
    [
        ([(5, 4), (5, 3, 4)], [0, 0]),
        ([(5,), (5, 3, 4)], [0, 0]),
        ([(5, 4), (3, 4)], [0, None]),
        ([(3, 4), (5, 4)], [None, 0]),
        ([(4, 4), (4, 4, 4)], [0, 0]),
    ],
    ids=str,
)
def test_examples_of_different_ranks(check, draw, shapes, axes):
    """They broadcast as one by one; sizes that happen to be equal must not confuse."""
    check("combined", x=draw.normal(*shapes[0]), y=draw.normal(*shapes[1]), axes=axes)


REDUCTIONS = [
    {},
    {"axis": 0},
    {"axis": -1},
    {"axis": 1, "keepdims": True},
    {"axis": [0, 1]},
    {"axis": [-1, 0], "keepdims": True},
    {"keepdims": True},
]


@exercise("6.6")
@pytest.mark.parametrize("name", ["sum", "max", "logsumexp"])
@pytest.mark.parametrize("options", REDUCTIONS, ids=str)
def test_reductions_of_each_example(check, draw, name, options):
    """Along one axis, several or all, from the front and from the back."""
    check("reduced", x=draw.normal(4, 3, 2), name=name, options=options, terms=6)


@exercise("6.6")
@pytest.mark.parametrize("name", ["sum", "max", "logsumexp"])
def test_reductions_of_numbers(check, draw, name):
    """An example without axes: its reduction is itself, kept axes or not."""
    check("reduced", x=draw.normal(5), name=name, options={})
    check("reduced", x=draw.normal(5), name=name, options={"keepdims": True})


@exercise("6.6")
def test_one_sum_for_all_examples(check, draw):
    """It is carried out once, however many examples there are."""
    check("sums_of_a_batch", x=draw.normal(40, 3, 4), terms=12)


PRODUCTS = [
    ((5, 3), (5, 3), [0, 0]),
    ((5, 2, 3), (5, 3), [0, 0]),
    ((5, 3), (5, 3, 4), [0, 0]),
    ((5, 2, 3), (5, 3, 4), [0, 0]),
    ((5, 3), (3, 4), [0, None]),
    ((2, 3), (5, 3), [None, 0]),
    ((3,), (5, 3), [None, 0]),
    ((3,), (5, 3, 4), [None, 0]),
    ((5, 2, 3), (3,), [0, None]),
    ((5, 6, 2, 3), (5, 3, 4), [0, 0]),
    ((5, 2, 3), (6, 3, 4), [0, None]),
    ((3, 3), (3, 3), [0, 0]),
    ((3, 5), (3, 5), [1, 1]),
]


@exercise("6.7")
@pytest.mark.parametrize("a, b, axes", PRODUCTS, ids=str)
def test_a_product_for_each_example(check, draw, a, b, axes):
    """Vectors, matrices and stacks, with a batch on either side or on both; and its gradient."""
    check("products", x=draw.normal(*a), y=draw.normal(*b), axes=axes, terms=60)


@exercise("6.7")
def test_one_product_for_all_examples(check, draw):
    """It is carried out once, however many examples there are."""
    check("products_of_a_batch", x=draw.normal(40, 3, 4), y=draw.normal(40, 4), terms=4)


JACOBIANS = {
    "a vector": ("lambda x: c.sin(x) * c.sum(x)", (3,)),
    "more outputs": ("lambda x: c.concatenate([x * x, c.exp(x)])", (3,)),
    "a matrix": ("lambda x: c.matmul(c.tanh(x), x[:, :2] * 1.0)", (3, 3)),
    "one number": ("lambda x: c.sum(x * x)", (2, 3)),
    "from one number": ("lambda x: c.exp(x)", ()),
    "rows": ("lambda x: c.sum(x * x, 1)", (2, 3)),
}


@exercise("6.8")
@pytest.mark.parametrize("by", ["rows", "columns"])
@pytest.mark.parametrize("name", JACOBIANS)
def test_the_jacobian(check, draw, name, by):
    """All shapes of inputs and outputs, by either mode."""
    text, shape = JACOBIANS[name]
    check("jacobian", function=text, x=draw.normal(*shape), by=by, terms=9)


@exercise("6.8")
@pytest.mark.parametrize("by", ["rows", "columns"])
def test_all_rows_at_once(check, draw, by):
    """The function is called for all of them together, not once for each."""
    check("calls_of_the_function", x=draw.normal(12), by=by, terms=12)


@exercise("6.8")
@pytest.mark.parametrize("by", ["rows", "columns"])
def test_the_jacobian_of_numbers(check, draw, by):
    """What is given may be a number of Python's, or a list of them."""
    check("jacobian_of_a_number", x=float(draw.normal()), by=by)


@exercise("6.8")
@pytest.mark.parametrize("by", ["rows", "columns"])
def test_the_jacobian_in_half_precision(check, draw, by):
    """It has the dtype of the function's result."""
    x = draw.normal(4, dtype="float16")
    check("jacobian", function="lambda x: c.sin(x)", x=x, by=by)


@exercise("6.9")
@pytest.mark.parametrize(
    "case, shape", [("cubic", (2, 3)), ("network", (3, 2)), ("one number", ())]
)
def test_curvature_in_one_direction(check, draw, case, shape):
    """The matrix of second derivatives times a direction, for arrays of any shape."""
    check("curvature", x=draw.normal(*shape), v=draw.normal(*shape), case=case, terms=36)


@exercise("6.9")
def test_curvature_without_a_matrix(check, draw):
    """For 2000 numbers: the matrix would take 2000 times their memory, and is never made.

    Measured: below 20 times.
    """
    check("curvature_of_many", x=draw.normal(2000), v=draw.normal(2000), terms=2000, scale=2e3)
