"""Judges of 6.2 to 6.4: arguments by name, and forward mode."""

import pytest

from course.grading.marks import exercise

OPTIONS = [
    {"argnames": "three"},
    {"argnames": ["three", "four"]},
    {"argnums": 1, "argnames": ["three"]},
    {"argnums": [1, 0], "argnames": ["four"]},
    {"argnums": [0, 1], "argnames": ["four", "three"]},
]


@exercise("6.2")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_which_arguments(check, draw, options):
    """Trees by position and by name; afterwards they hold their own arrays again."""
    arrays = {name: draw.normal(3) for name in "abcd"}
    check("chosen_arguments", **arrays, options=options, terms=6)


@exercise("6.2")
def test_named_arguments_are_lent_not_copied(check, draw):
    """What the function reaches by another name is watched, too."""
    check("by_another_name", x=draw.normal(4), terms=4)


@exercise("6.2")
def test_what_the_function_wrote(check, draw):
    """Edits stay; computed arrays are there by their values, originals as themselves."""
    check("edited", x=draw.normal(3), y=draw.normal(3))
    check("moved", x=draw.normal(3), y=draw.normal(3))


@exercise("6.2")
def test_one_array_by_two_names(check, draw):
    """Each name has a gradient of its own."""
    check("arrays_twice", x=draw.normal(3), terms=3)


@exercise("6.2")
def test_a_function_that_raises(check, draw):
    """The loan ends all the same."""
    check("raised", x=draw.normal(3))


# Forward mode: a text, and the shapes of its arguments.
SMOOTH = {
    "wave": ("lambda x: c.sin(x) * x", [(2, 3)]),
    "broadcast": ("lambda x, y: x * c.exp(y)", [(2, 3), (3,)]),
    "quotient": ("lambda x, y: x / (y * y + 1.0)", [(2, 3), (2, 3)]),
    "matrix product": ("lambda x, y: c.matmul(x, y)", [(2, 3), (3, 4)]),
    "sum": ("lambda x: c.sum(x * x)", [(2, 3)]),
    "sum of rows": ("lambda x: c.sum(c.tanh(x), 1)", [(2, 3)]),
    "slices": ("lambda x: x[1:] * x[:-1]", [(4, 3)]),
    "joined": ("lambda x, y: c.concatenate([c.sin(x), y * y])", [(2, 3), (1, 3)]),
    "chosen": ("lambda x, y: c.where(x > 0, x * y, y)", [(2, 3), (2, 3)]),
    "two results": ("lambda x, y: (c.sin(x) * y, c.sum(x))", [(2, 3), (2, 3)]),
    "one unused": ("lambda x, y: c.exp(x)", [(2, 3), (4,)]),
    "no axes": ("lambda x: c.exp(x) * x", [()]),
    "network": ("lambda x, w, v: c.matmul(c.tanh(c.matmul(x, w)), v)", [(5, 3), (3, 4), (4, 2)]),
}


def moving(draw, name):
    text, shapes = SMOOTH[name]
    primals, tangents = ([draw.normal(*s) for s in shapes] for _ in range(2))
    return {"function": text, "primals": primals, "tangents": tangents}


@exercise("6.3", "6.4")
@pytest.mark.parametrize("name", SMOOTH)
def test_values_and_tangents(check, draw, name):
    """The Jacobian times a direction, for functions of one array and of several."""
    check("forward_mode", **moving(draw, name), terms=20)


@exercise("6.3")
def test_outputs_that_do_not_move(check, draw):
    """Zeros for a constant, the tangent itself for the primal itself."""
    check("constant_outputs", x=draw.normal(2, 3), v=draw.normal(2, 3))


@exercise("6.3")
def test_outputs_are_arrays_of_their_own(check, draw):
    """An output that is the primal, or a constant: who changes it changes nobody else's array."""
    check("outputs_of_their_own", x=draw.normal(3), v=draw.normal(3), c=draw.normal(3))


@exercise("6.3")
def test_a_function_that_fails(check, draw):
    """The trace ends all the same: what leaked is a constant."""
    x, v = draw.normal(3), draw.normal(3)
    check("failed_inside", x=x, v=v, terms=3)


@exercise("6.3")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(check, draw, dtype):
    """Outputs and tangents have the dtype of the primal."""
    x, v = draw.normal(4, dtype=dtype), draw.normal(4, dtype=dtype)
    check("forward_mode", function="lambda x: c.sin(x) * x", primals=[x], tangents=[v], terms=9)


@exercise("6.3")
def test_in_place(check, draw):
    """An argument that the function changes is not the caller's array."""
    check("forward_in_place", x=draw.normal(3), v=draw.normal(3))


@exercise("6.3", "6.4")
@pytest.mark.parametrize(
    "case", ["forward over reverse", "reverse over forward", "forward over forward"]
)
def test_second_derivatives(check, draw, case):
    """Both modes inside of each other."""
    check("forward_compositions", x=draw.normal(4), v=draw.normal(4), case=case, terms=16)


@exercise("6.3")
def test_what_leaks_is_a_constant(check, draw):
    """An array from inside, used after jvp has returned."""
    check("leaked_tangent", x=draw.normal(3), v=draw.normal(3), terms=3)


@exercise("6.3")
@pytest.mark.parametrize("case", ["too few", "another shape"])
def test_directions_that_do_not_fit(check, draw, case):
    """Fewer directions than primals; another shape, even one that would broadcast."""
    check.raises("jvp_fails", "ValueError", match="tangent", x=draw.normal(3), case=case)


@exercise("6.4")
def test_tangents_of_complex_numbers(check, draw):
    """From real numbers to complex ones and back: each tangent has the dtype of its value."""
    z = draw.normal(4) + 1j * draw.normal(4)
    check("complex_tangents", x=draw.normal(4), v=draw.normal(4), z=z.astype("complex64"), terms=4)


@exercise("6.4")
def test_rules_with_gaps(check, draw):
    """A rule that returns None, or a constant, for an argument that moves: it adds nothing."""
    inputs = {name: draw.normal(3) for name in "xyvw"}
    check("rules_with_gaps", **inputs)


@exercise("6.4")
@pytest.mark.parametrize("case", ["split", "taken", "mixed", "cumulative", "sorted"])
def test_primitives_of_other_kinds(check, draw, case):
    """Several outputs, integer arguments, sums that run."""
    # The mixed one goes through float16, whose rounding is 2^13 times that of float32.
    options = {"scale": 2.0**15} if case == "mixed" else {}
    check("pushed_pairs", x=draw.normal(4), v=draw.normal(4), case=case, terms=4, **options)
