"""Judges of the network of two layers: its forward pass, and its gradients by hand."""

import pytest

from course.grading.marks import exercise


def network(draw, inputs, hidden, scale=1.0):
    """Random parameters."""
    return {
        "weight1": draw.normal(hidden, inputs),
        "bias1": draw.normal(hidden),
        "weight2": draw.normal(hidden, scale=scale),
        "bias2": draw.normal(),
    }


# Examples, inputs, hidden neurons.
SIZES = [(7, 3, 5), (6, 4, 4), (1, 2, 3), (5, 1, 2), (4, 3, 1)]


@exercise("4.1")
@pytest.mark.parametrize("n, inputs, hidden", SIZES)
def test_hidden_values_and_logits(check, draw, n, inputs, hidden):
    """Several sizes, among them one example, one input and one hidden neuron."""
    p = network(draw, inputs, hidden)
    check("forward", **p, x=draw.normal(n, inputs), terms=max(inputs, hidden))


@exercise("4.1")
def test_large_inputs_saturate(check, draw):
    """Far from 0 the hidden values are -1 and 1; the logits are not limited."""
    p = network(draw, 2, 4, scale=100.0)
    check("forward", **p, x=draw.normal(5, 2, scale=1e4), terms=4)


@exercise("4.1")
def test_examples_of_a_wrong_shape(check, draw):
    """One row without its axis, a column too many and a stack are refused."""
    p = network(draw, 3, 4)
    for shape in [(3,), (5, 4), (2, 5, 3)]:
        check.raises("forward", "ValueError", **p, x=draw.normal(*shape))
    check("forward", **p, x=draw.normal(2, 3), terms=4)


@exercise("4.9")
@pytest.mark.parametrize("n, inputs, hidden", SIZES)
def test_loss_and_every_gradient(check, draw, n, inputs, hidden):
    """Against PyTorch's autograd, for targets 0 and 1, and for probabilities."""
    x = draw.normal(n, inputs)
    targets = draw.integers(n, low=0, high=2).astype("float32")
    terms = max(n, inputs, hidden)
    p = network(draw, inputs, hidden)
    check("loss_and_gradients", **p, x=x, targets=targets, terms=terms)
    p = network(draw, inputs, hidden)
    check("loss_and_gradients", **p, x=x, targets=draw.uniform(n), terms=terms)


@exercise("4.9")
def test_logits_of_thousands(check, draw):
    """The loss is finite where e^z is not."""
    p = network(draw, 2, 4, scale=1e4)
    targets = draw.integers(6, low=0, high=2).astype("float32")
    check("loss_and_gradients", **p, x=draw.normal(6, 2), targets=targets, terms=6)


@exercise("4.9")
def test_targets_as_integers(check, draw):
    """0 and 1 may be integers; the gradients are float32 all the same."""
    p, targets = network(draw, 3, 5), draw.integers(8, low=0, high=2)
    check("loss_and_gradients", **p, x=draw.normal(8, 3), targets=targets, terms=8)


@exercise("4.9")
def test_targets_of_a_wrong_shape(check, draw):
    """A column of targets would broadcast against the row of logits."""
    p, x = network(draw, 3, 4), draw.normal(5, 3)
    for shape in [(5, 1), (4,), (1,), ()]:
        targets = draw.uniform(*shape)
        check.raises("loss_and_gradients", "ValueError", match="targets", **p, x=x, targets=targets)
    check("loss_and_gradients", **p, x=x, targets=draw.uniform(5), terms=5)
