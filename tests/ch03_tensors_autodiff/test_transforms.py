"""Judges of vjp, value_and_grad, stop_gradient and finite differences."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("3.8")
@pytest.mark.parametrize("function", ["one", "mutating", "itself"])
def test_functions_of_one_array(check, draw, function):
    """A chain, a function that changes its argument in place, the identity."""
    x = draw.normal(2, 3)
    check("vjp", function=function, primals=[x], given=[draw.normal(2, 3)])


@exercise("3.8")
@pytest.mark.parametrize("function, count", [("pair", 2), ("list", 1), ("diamond", 1)])
def test_functions_of_two_arrays(check, draw, function, count):
    """A tuple, a list, paths that meet again; what an array receives from each output adds up."""
    primals = [draw.normal(2, 3), draw.uniform(2, 3, low=1, high=2)]
    given = [draw.normal(2, 3) for _ in range(count)]
    check("vjp", function=function, primals=primals, given=given)


@exercise("3.8")
def test_what_nothing_depends_on(check, draw):
    """Zeros, of the right shape: an argument that is not used, an output that is a constant."""
    primals = [draw.normal(4), draw.normal(2, 3)]
    check("vjp", function="unused", primals=primals, given=[draw.normal(4)])
    given = [draw.normal(2, 3), draw.normal(2, 3)]
    check("vjp", function="constant output", primals=primals, given=given)


@exercise("3.8")
def test_an_output_given_twice(check, draw):
    """The same array in two places of the result: its two cotangents add up."""
    given = [draw.normal(3), draw.normal(3)]
    check("vjp", function="itself twice", primals=[draw.normal(3)], given=given)


@exercise("3.8")
def test_one_array_in_two_places(check, draw):
    """The same object for both arguments: each place has a gradient of its own."""
    check("same_primal_twice", x=draw.normal(3), g=draw.normal(3))


@exercise("3.8")
def test_arrays_of_every_kind(check, draw):
    """Without axes, without elements, in half precision, bare."""
    check("vjp", function="one", primals=[draw.normal()], given=[draw.normal()])
    check("vjp", function="itself", primals=[draw.normal(0, 3)], given=[draw.normal(0, 3)])
    for dtype in ("float16", "bfloat16"):
        x, g = draw.normal(4, dtype=dtype), draw.normal(4, dtype=dtype)
        check("vjp", function="one", primals=[x], given=[g])
    check("vjp_of_bare", x=draw.normal(3), given=draw.normal(3))


@exercise("3.8")
def test_cotangents_take_the_dtype_of_their_output(probe, draw):
    """A float32 cotangent for a float16 output."""
    x, g = draw.normal(3), draw.normal(3)
    found = probe("vjp", function="half", primals=[x], given=[g])
    assert found["outputs"][0].dtype == np.float16 and found["gradients"][0].dtype == np.float32
    assert agree(found["gradients"][0], g * np.exp(x), "float16")


@exercise("3.8")
@pytest.mark.parametrize("case", ["too few", "too many numbers", "would broadcast"])
def test_cotangents_that_do_not_fit(check, draw, case):
    """Fewer than there are outputs; another shape, even one that would broadcast."""
    check.raises("vjp_fails", "ValueError", x=draw.normal(3), case=case)


@exercise("3.8")
@pytest.mark.parametrize("case", ["a string", "a number"])
def test_functions_that_return_something_else(check, draw, case):
    """Only arrays have derivatives."""
    check.raises("vjp_fails", "TypeError", x=draw.normal(3), case=case)


@exercise("3.8")
def test_results_in_arrays_of_their_own(check, draw):
    """Changing an output in place changes no other output, no gradient, and not the argument."""
    check("own_arrays", x=draw.normal(3), g=draw.normal(3))


@exercise("3.8")
@pytest.mark.parametrize("case", ["closure", "confusion", "inner constant", "mixed", "third"])
def test_gradients_inside_of_gradients(check, draw, case):
    """Each level sees its own variable, and all that flows through the levels inside."""
    x, v = draw.uniform(low=0.5, high=1.5), draw.uniform(low=0.5, high=1.5)
    check("nested", x=x, v=v, case=case)


@exercise("3.8")
def test_arrays_that_leak_are_constants(check, draw):
    """An array from inside, used after its transform has returned: its values, no history."""
    check("forgotten", x=draw.normal(3))


OPTIONS = [
    ({}, False),
    ({"argnums": 2}, True),
    ({"argnums": [0, 1]}, False),
    ({"argnums": [2, 0]}, True),
    ({"argnums": [1]}, False),
]


@exercise("3.9")
@pytest.mark.parametrize("options, keyword", OPTIONS, ids=lambda x: str(x))
def test_which_arguments(check, draw, options, keyword):
    """The first, another, several in any order; a single one bare, several as a tuple."""
    arrays = {name: draw.normal(3) for name in "wxyb"}
    check("argument_choice", **arrays, options=options, keyword=keyword, terms=3, scale=64.0)


@exercise("3.9")
@pytest.mark.parametrize("kind", ["list", "dict", "tuple", "named", "mixed"])
def test_trees_of_arrays(check, draw, kind):
    """The gradient has the structure of the argument, which afterwards holds the same objects."""
    check("of_a_tree", w=draw.normal(2, 3), b=draw.normal(3), kind=kind, terms=9)


@exercise("3.9")
def test_more_than_the_loss(check, draw):
    """What stands beside the loss comes back as it is, for anyone to read."""
    check("auxiliary", x=draw.normal(4), terms=4)


@exercise("3.9")
def test_what_the_loss_does_not_depend_on(check, draw):
    """Zeros: for a closure over the outer array, and for one argument of two."""
    check("lost_in_a_closure", x=draw.normal(4), terms=4)


@exercise("3.9")
def test_lists_and_dicts_that_the_function_changes(check, draw):
    """They keep what it wrote; its own arrays come back in the place of the watched ones."""
    check("side_effects", x=draw.normal(3), terms=3)


@exercise("3.9")
def test_a_function_that_raises(check, draw):
    """The argument is given back all the same."""
    check("after_an_error", x=draw.normal(3))


@exercise("3.9")
def test_numbers_read_inside(check, draw):
    """item(), float() and print() work inside, and what they give is a constant."""
    check("reading_inside", x=draw.normal(3), terms=3)


@exercise("3.9")
@pytest.mark.parametrize(
    "cases",
    [
        ["not a scalar", "not an array", "empty", "its second"],
        ["no such position", "no such name", "not only arrays"],
    ],
    ids=["results", "arguments"],
)
def test_what_cannot_be_differentiated(check, draw, cases):
    """Functions that return no scalar array first; arguments that are not there."""
    for case in cases:
        check.raises("grad_fails", "ValueError", x=draw.normal(3), case=case)


@exercise("3.9")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_value_and_gradient_keep_the_dtype(check, draw, dtype):
    """Half precision in, half precision out; float64 on the CPU."""
    x = draw.normal(4, dtype=dtype)
    check("dtype_of_loss", x=x, cpu=dtype == "float64", terms=4)


@exercise("3.9")
@pytest.mark.parametrize(
    "case", ["hessian times a vector", "a penalty on the gradient", "through the value"]
)
def test_gradients_of_gradients(check, draw, case):
    """grad of grad, against torch.func."""
    # Sums of squares of second derivatives: the terms are up to a thousand times the result.
    check("higher", x=draw.normal(4), v=draw.normal(4), case=case, terms=4, scale=1000.0)


@exercise("3.10")
@pytest.mark.parametrize("shape", [(3,), (2, 3), ()])
def test_the_road_is_closed(check, draw, shape):
    """The values go through, and no gradient comes back; beside it the other factor counts."""
    check("stopped", x=draw.uniform(*shape, low=1, high=2), terms=6)


@exercise("3.10")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32", "bool"])
def test_values_of_every_dtype(probe, draw, dtype):
    """Shape, dtype and values stay, outside of a transform and inside."""
    x = draw.booleans(2, 3) | (np.arange(6).reshape(2, 3) == 4)
    if dtype != "bool":
        x = draw.integers(2, 3, low=1, high=99, dtype=dtype)
    found = probe("stopped_values", x=x)
    assert found["dtype"].startswith(f"mlx.core.{dtype}"), f"the dtype is {found['dtype']}"
    assert np.array_equal(found["values"], x) and np.array_equal(found["inside"], x)


@exercise("3.11")
@pytest.mark.parametrize(
    "function, shape, out",
    [
        ("square", (2, 3), (2, 3)),
        ("cube", (4,), (4,)),
        ("sums", (3, 2), (2,)),
        ("neighbours", (5,), (4,)),
        ("cube", (), ()),
    ],
)
def test_central_differences(check, draw, function, shape, out):
    """The formula itself, on numbers for which float32 is exact: the step is 1/4."""
    x = np.asarray(draw.integers(*shape, low=-8, high=9) / 4, np.float32)
    v = np.asarray(draw.integers(*out, low=1, high=5), np.float32)
    check("finite_differences", function=function, x=x, cotangent=v, eps=0.25, cpu=False)


@exercise("3.11")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_differences_keep_the_dtype(check, draw, dtype):
    """The slopes have the dtype of the argument; the step is a power of two again."""
    x = (draw.integers(3, low=-8, high=9) / 4).astype(dtype)
    v = np.array([1, 2, 3], dtype)
    cpu = dtype == "float64"
    check("finite_differences", function="square", x=x, cotangent=v, eps=0.5, cpu=cpu)


@exercise("3.11")
def test_differences_of_a_curve(check, draw):
    """The default step on a sine: right to about four digits."""
    # Rounding of the sine, at most 6e-8, is divided by the step of 1e-3; the error of the formula
    # itself is 1e-6 / 6. Measured on 500 seeds: at most 1.5e-4, and a one-sided difference has
    # 5e-4 and more. So intermediate values are 1/0.02 times the result's rounding.
    x, v = draw.uniform(6, low=0.8, high=2.2), np.ones(6, np.float32)
    check("default_step", x=x, cotangent=v, scale=150.0)


@exercise("3.11")
def test_differences_of_nothing(check, draw):
    """An array without elements has as many slopes; beside it one with an element."""
    x, v = np.float32([0.5]), np.float32([2])
    check("finite_differences", function="cube", x=x, cotangent=v, eps=0.25, cpu=False)
    empty = np.zeros((0, 2), np.float32)
    check("finite_differences", function="square", x=empty, cotangent=empty, eps=0.25, cpu=False)


@exercise("3.11")
def test_the_checker_finds_a_wrong_rule(probe, draw):
    """check_grads passes sin, and objects to a rule that forgets a factor of 2."""
    found = probe("finds_a_wrong_rule", x=draw.uniform(4, low=-1, high=1))
    assert found["objection"], "a rule that is wrong by a factor of 2 went through"
