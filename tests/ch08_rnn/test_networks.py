"""Judges of 8.14 to 8.19: layers put together, training, and writing."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


def weights_of(draw, kind, inputs=3, hidden=4):
    """Weights of a layer in MLX's layout."""
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[kind] * hidden
    names = ("Wxh", "Whh", "bias") if kind == "RNN" else ("Wx", "Wh", "bias")
    shapes = dict(zip(names, [(gates, inputs), (gates, hidden), (gates,)], strict=True))
    if kind == "GRU":
        shapes = {**shapes, "b": shapes.pop("bias"), "bhn": (hidden,)}
    return {name: 0.5 * draw.normal(*shape) for name, shape in shapes.items()}


def layers(draw, kind, count):
    return [weights_of(draw, kind, 4 if i else 3) for i in range(count)]


@exercise("8.14")
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_stack(check, draw, kind, given, count):
    """Outputs, the states in the end, gradients, and where dropout is: between, nowhere else."""
    arrays = 2 if kind == "LSTM" else 1
    state = [[draw.normal(2, 4) for _ in range(arrays)] for _ in range(count)] if given else None
    check(
        "stacked",
        kind=kind,
        x=draw.normal(2, 5, 3),
        weights=layers(draw, kind, count),
        state=state,
        keep=None,
        g=draw.normal(2, 5, 4),
        terms=200,
        scale=8.0,
    )


@exercise("8.14")
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_stack_with_masks(check, draw, kind):
    """Each layer leaves the same steps out."""
    check(
        "stacked",
        kind=kind,
        x=draw.normal(3, 5, 3),
        weights=layers(draw, kind, 2),
        state=None,
        keep=np.arange(5) < np.array([[5], [2], [3]]),
        g=draw.normal(3, 5, 4),
        terms=200,
        scale=8.0,
    )


@exercise("8.14")
@pytest.mark.parametrize("pieces", [[2, 3, 2], [1, 6]], ids=str)
def test_a_stack_in_pieces(check, draw, pieces):
    """With the state carried on, pieces are as good as the whole."""
    check(
        "stacked_in_pieces",
        kind="LSTM",
        x=draw.normal(2, 7, 3),
        weights=layers(draw, "LSTM", 2),
        pieces=pieces,
        terms=64,
    )


def half(tree):
    """A tree of weights in float16."""
    if isinstance(tree, dict):
        return {name: half(branch) for name, branch in tree.items()}
    return [half(branch) for branch in tree] if isinstance(tree, list) else tree.astype("float16")


@exercise("8.14")
def test_a_stack_in_half_precision(check, draw):
    """The dtype of the inputs and weights is that of the outputs."""
    x, weights = half(draw.normal(2, 3, 3)), half(layers(draw, "GRU", 2))
    check("stacked_in_pieces", kind="GRU", x=x, weights=weights, pieces=[2, 1], terms=16)


@exercise("8.15")
def test_both_directions_in_half_precision(check, draw):
    """The dtype of the inputs and weights is that of the outputs."""
    inputs = {"x": draw.normal(2, 3, 3), "g": draw.normal(2, 8)}
    inputs |= {name: weights_of(draw, "RNN") for name in ("forward", "backward")}
    check("both", kind="RNN", **half(inputs), lengths=None, terms=16)


@exercise("8.15")
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("lengths", [None, [5, 1, 3]], ids=["equal", "unequal"])
def test_both_directions(check, draw, kind, lengths):
    """At every step that exists; and what each layer has read in the end."""
    check(
        "both",
        kind=kind,
        x=draw.normal(3, 5, 3),
        forward=weights_of(draw, kind),
        backward=weights_of(draw, kind),
        lengths=None if lengths is None else np.array(lengths, np.int32),
        g=draw.normal(3, 8),
        terms=100,
        scale=4.0,
    )


@exercise("8.15")
def test_one_step_in_both_directions(check, draw):
    """The first step is the last."""
    check(
        "both",
        kind="LSTM",
        x=draw.normal(2, 1, 3),
        forward=weights_of(draw, "LSTM"),
        backward=weights_of(draw, "LSTM"),
        lengths=None,
        g=draw.normal(2, 8),
        terms=32,
    )


@exercise("8.16")
@pytest.mark.parametrize("shape", [(5, 5), (12, 3), (8, 2)], ids=str)
def test_an_orthogonal_start(probe, shape):
    """Every block keeps lengths; no two are the same, and every call draws anew."""
    found = probe("starts", shape=list(shape), dtype="float32")
    rows, size = shape
    assert found["w"].shape == shape and found["w"].dtype == np.float32
    blocks = [w[i : i + size] for w in found.values() for i in range(0, rows, size)]
    for block in blocks:
        assert agree(block.T @ block, np.eye(size), terms=size)
    for i, block in enumerate(blocks):
        assert all(np.abs(block - other).max() > 1e-4 for other in blocks[:i])


@exercise("8.16")
def test_blocks_of_one_number(probe):
    """Each is 1 or -1."""
    w = probe("starts", shape=[5, 1], dtype="float32")["w"]
    assert w.shape == (5, 1) and agree(np.abs(w), np.ones((5, 1)))


@exercise("8.16")
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_dtype_of_a_start(probe, dtype):
    """The dtype is that of the matrix which it replaces."""
    w = probe("starts", shape=[8, 2], dtype=dtype)["w"]
    assert w.dtype.name == dtype
    assert agree((w[:2].T @ w[:2]).astype(w.dtype), np.eye(2), dtype=dtype, terms=2)


def course_of(draw, steps, batch=2, size=3):
    return {
        "x": draw.normal(batch, steps, size),
        "y": draw.normal(batch, steps, size),
        "w": draw.normal(size),
    }


@exercise("8.17")
@pytest.mark.parametrize("steps, length", [(6, 2), (7, 3), (5, 5), (4, 9), (10, 4), (3, 1)])
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
def test_pieces_of_a_sequence(check, draw, steps, length, given):
    """Loss, gradient and state of the pieces; each is done when the next begins."""
    h = draw.normal(2, 3) if given else None
    check("truncated", **course_of(draw, steps), h=h, length=length, terms=60)


@exercise("8.17")
def test_pieces_in_half_precision(check, draw):
    """Loss, gradient and state have the dtype of what they are made of."""
    check("truncated", **half(course_of(draw, 4)), h=None, length=2, terms=24)


@exercise("8.17")
def test_a_state_that_no_loss_reads(check, draw):
    """It is evaluated with its piece all the same, and does not grow into a graph of the whole."""
    check("unread", **course_of(draw, 20), length=2, terms=120)


@exercise("8.17")
def test_memory_of_one_piece(probe, draw):
    """What a piece has made is gone when the next begins, gradients of 100 pieces and all."""
    found = probe("totals_are_done", **course_of(draw, 40, 64, 64), length=2)
    memory = found["memory"]
    assert len(memory) == 20 and found["loss"] > 0
    grown = (memory[-1] - memory[2]) / (64 * 64 * 4)
    assert grown < 8, f"{grown:.0f} arrays of the size of the state are kept from earlier pieces"


@exercise("8.17")
@pytest.mark.parametrize("length", [0, -2])
def test_pieces_without_steps(check, draw, length):
    """An error, and not the whole sequence."""
    check("truncated", **course_of(draw, 4), h=None, length=2, terms=24)
    wrong = {**course_of(draw, 4), "length": length}
    check.raises("truncated_fails", "ValueError", match="length", **wrong)


@exercise("8.18")
@pytest.mark.parametrize("temperature", [0.5, 1.7])
def test_a_temperature(check, draw, temperature):
    """Probabilities of tempered logits."""
    check("tempered", logits=draw.normal(2, 6), temperature=temperature, terms=6)


@exercise("8.18")
@pytest.mark.parametrize("k", [1, 3, 6, 20])
@pytest.mark.parametrize("shape", [(6,), (2, 3, 6)], ids=str)
def test_the_k_most_probable(check, draw, k, shape):
    """The others have the probability 0, in every row by itself."""
    check("filtered", name="top_k", logits=draw.normal(*shape), value=k, terms=6)


@exercise("8.18")
@pytest.mark.parametrize("p", [0.05, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(6,), (2, 3, 6)], ids=str)
def test_the_most_probable_together(check, draw, p, shape):
    """The fewest that reach p, at least one."""
    check("filtered", name="top_p", logits=draw.normal(*shape), value=p, terms=6)


@exercise("8.18")
def test_ties(check):
    """What is as probable as the last one stays, too."""
    logits = np.array([[2.0, 1.0, 0.0, 1.0, 1.0, -3.0]], np.float32)
    for k in (1, 2, 3):
        check("filtered", name="top_k", logits=logits, value=k, terms=6)
    check("filtered", name="top_p", logits=logits, value=0.6, terms=6)


@exercise("8.18")
def test_a_token_that_is_certain(check):
    """It reaches p alone, also 1: the others, of probability 0 in this precision, go."""
    logits = np.array([-3.0, 200.0, 0.0], np.float32)
    for p in (0.5, 1.0):
        check("filtered", name="top_p", logits=logits, value=p, terms=3)


@exercise("8.18")
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_thousands_of_tokens(check, draw, dtype):
    """Small chances have to be added precisely, whatever the dtype of the logits."""
    logits = draw.normal(3000, dtype=dtype)
    check("filtered", name="top_p", logits=logits, value=0.9, terms=3000)


@exercise("8.18")
@pytest.mark.parametrize("name, value", [("top_k", 2), ("top_p", 0.7)])
def test_filters_in_half_precision(check, draw, name, value):
    """The dtype of the logits."""
    check("filtered", name=name, logits=draw.normal(5, dtype="float16"), value=value, terms=5)
    check("tempered", logits=draw.normal(5, dtype="float16"), temperature=2.0, terms=5)


@exercise("8.18")
@pytest.mark.parametrize(
    "name, value, what",
    [
        ("tempered", 0.0, "temperature"),
        ("tempered", -1.0, "temperature"),
        ("top_k", 0, "k"),
        ("top_p", 0.0, "p"),
        ("top_p", 1.5, "p"),
    ],
)
def test_values_that_make_no_sense(check, draw, name, value, what):
    """A temperature of 0, no token, no probability; and a call that does."""
    check("filtered", name="top_k", logits=draw.normal(5), value=2, terms=5)
    wrong = {"name": name, "logits": draw.normal(5), "value": value}
    check.raises("filter_fails", "ValueError", match=what, **wrong)


def language(draw, size):
    return {
        "after": draw.normal(size, size),
        "memory": draw.normal(size, size),
        "start": int(draw.integers(1, low=0, high=size)[0]),
    }


@exercise("8.19")
@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
def test_a_beam(check, draw, width, given):
    """Tokens and score; each continuation goes on with its own state."""
    known = draw.normal(1, 4) if given else None
    check(
        "searched", **language(draw, 4), length=6, width=width, known=known, terms=100, scale=32.0
    )


@exercise("8.19")
@pytest.mark.parametrize("length", [1, 4])
def test_a_beam_with_room_for_all(check, draw, length):
    """The most probable of all continuations."""
    check(
        "searched",
        **language(draw, 3),
        length=length,
        width=3**length,
        known=None,
        terms=64,
        scale=32.0,
    )


@exercise("8.19")
@pytest.mark.parametrize("width", [2, 3, 9])
def test_the_best_begins_badly(check, width):
    """The second best first token leads to a certain one, the best to three that are alike."""
    after = np.array([[-9, 0.1, 0], [0, 0, 0], [5, 0, -9]], np.float32)
    inputs = {"after": after, "memory": np.zeros((3, 3), np.float32), "start": 0, "known": None}
    check("searched", **inputs, length=2, width=width, terms=64, scale=32.0)


@exercise("8.19")
@pytest.mark.parametrize(
    "length, width, what", [(0, 2, "length"), (2, 0, "width"), (-1, 2, "length")]
)
def test_no_beam(check, draw, length, width, what):
    """Nothing to add, or nothing to keep."""
    check("searched", **language(draw, 3), length=2, width=2, known=None, terms=32, scale=32.0)
    check.raises("search_fails", "ValueError", match=what, length=length, width=width)
