"""Judges of an epoch in batches and of the loop."""

import numpy as np
import pytest

from course.grading.marks import exercise

OPTIONS = {
    "a partial last batch": {"batch_size": 4},
    "full batches": {"batch_size": 5},
    "without the partial one": {"batch_size": 4, "drop_last": True},
    "in order": {"batch_size": 3, "shuffle": False},
    "in order, without the partial one": {"batch_size": 4, "shuffle": False, "drop_last": True},
    "one by one": {"batch_size": 1},
    "larger than the data": {"batch_size": 30},
    "another seed": {"batch_size": 4, "seed": 7},
}


@exercise("5.18")
@pytest.mark.parametrize("case", OPTIONS)
def test_the_batches_of_an_epoch(probe, draw, case):
    """Consecutive pieces of the epoch's order, the same for all arrays; three epochs."""
    options, n = OPTIONS[case], 10
    x, y = draw.normal(n, 2, 3), np.arange(n, dtype="int32")
    size, drop = options["batch_size"], options.get("drop_last", False)
    for number, epoch in enumerate(probe("epochs", x=x, y=y, options=options, count=3)["epochs"]):
        pieces = [epoch["order"][i : i + size] for i in range(0, n, size)]
        if drop and len(pieces[-1]) < size:
            pieces = pieces[:-1]
        assert [len(y) for _, y in epoch["batches"]] == [len(piece) for piece in pieces]
        assert epoch["length"] == len(pieces)
        for (bx, by), piece in zip(epoch["batches"], pieces, strict=True):
            assert np.array_equal(by, y[piece]), "a batch holds other examples"
            assert np.array_equal(bx, x[piece]), "x and y do not belong together"
            assert by.dtype == y.dtype and bx.dtype == x.dtype
        seed = options.get("seed", 0)
        ends = np.cumsum([len(piece) for piece in pieces]).tolist()
        standing = [{"seed": seed, "epoch": number, "position": end} for end in ends]
        assert epoch["standing"] == standing, "the position is behind the batch in hand"
        assert epoch["after"] == {"seed": seed, "epoch": number + 1, "position": 0}


@exercise("5.18")
def test_every_epoch_has_an_order_of_its_own(probe, draw):
    """Each example once in every epoch, in another order.

    Of 40 examples, two epochs have the same order by chance once in 40! runs.
    """
    x, y = draw.normal(40, 1), np.arange(40, dtype="int32")
    found = probe("epochs", x=x, y=y, options={"batch_size": 7}, count=3)["epochs"]
    orders = [np.concatenate([by for _, by in epoch["batches"]]).tolist() for epoch in found]
    assert all(sorted(order) == list(range(40)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


@exercise("5.18")
@pytest.mark.parametrize("after", [1, 2, 3])
def test_an_interrupted_epoch_goes_on(probe, draw, after):
    """A state that is saved while a batch is worked on continues with the batch after it."""
    options = {"batch_size": 4, "seed": 5}
    found = probe("continued", x=draw.normal(14, 2), options=options, after=after)
    assert len(found["whole"]) == 4
    assert len(found["in two parts"]) == 4
    for a, b in zip(found["whole"], found["in two parts"], strict=True):
        assert np.array_equal(a, b)
    assert found["epoch"] == 1


@exercise("5.18")
@pytest.mark.parametrize("raises", [False, True], ids=["break", "an error"])
def test_a_loop_that_is_left(probe, draw, raises):
    """The epoch is not over: who comes back gets the rest of it, and then it is."""
    options = {"batch_size": 4, "seed": 5}
    found = probe("left_early", x=draw.normal(14, 2), options=options, after=2, raises=raises)
    assert found["standing"] == {"seed": 5, "epoch": 0, "position": 8}
    assert len(found["handed"]) == len(found["whole"]) == 4
    assert all(map(np.array_equal, found["handed"], found["whole"]))
    assert found["after"] == {"seed": 5, "epoch": 1, "position": 0}


@exercise("5.18")
def test_what_an_epoch_costs(probe, draw):
    """One order, and a batch at a time: the data are not put into the new order as a whole.

    Measured for the first of 64 batches: a tenth of the data; with a copy of all, more than all.
    """
    x = draw.normal(2048, 256)
    found = probe("cost_of_an_epoch", x=x, batch_size=32)
    assert np.isin(found["first"], x[:, 0]).all() and len(set(found["first"])) == 32
    assert found["orders"] == 1, "the order is made again for every batch"
    assert found["half of the data in use"] is False, "a copy of all examples"


@exercise("5.18")
def test_one_array(probe, draw):
    """A batch is a tuple, also if there is one array only."""
    x = draw.normal(5)
    found = probe("one_array_alone", x=x, options={"batch_size": 3, "shuffle": False})
    assert found["kinds"] == ["tuple", "tuple"]
    assert [len(b) for b in found["batches"]] == [3, 2]
    assert np.array_equal(np.concatenate(found["batches"]), x)


@exercise("5.18")
def test_the_global_random_state_is_left_alone(probe, draw):
    """Shuffling does not change what the program draws next (its dropout, say)."""
    found = probe("global_random_state", x=draw.normal(9), options={"batch_size": 4})
    assert found == {"the same numbers": True, "batches": 3}


def data(draw, rows=10):
    return {"w": draw.normal(2, 3), "x": draw.normal(rows, 3), "y": draw.normal(rows, 2)}


@exercise("5.19")
@pytest.mark.parametrize("compile", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("batch_size", [4, 5, 30])
def test_an_epoch_of_training(check, draw, batch_size, compile):
    """Steps in training mode, the mean loss of all examples, reports, a second epoch."""
    check("trained", **data(draw), rate=0.05, batch_size=batch_size, epochs=2, compile=compile,
          terms=40)  # fmt: skip


@exercise("5.19")
def test_an_epoch_that_goes_on(check, draw):
    """What was done before the interruption counts, and only the rest is done."""
    check("epoch_continued", **data(draw), rate=0.05, batch_size=4, total=11.5, seen=4, terms=40)


@exercise("5.19")
@pytest.mark.parametrize("batch_size, start", [(4, 0), (4, 8), (3, 3), (30, 0)])
def test_an_evaluation(check, draw, batch_size, start):
    """Means over all examples, in evaluation mode, without changing anything."""
    check("evaluated", **data(draw), batch_size=batch_size, start=start, terms=40)


@exercise("5.19")
@pytest.mark.parametrize("batch_size", [4, 7])
def test_an_evaluation_leaves_things_as_they_were(check, draw, batch_size):
    """The mode and the weights return, and examples that `drop_last` leaves out do not count."""
    check("evaluated_as_validation_wants", **data(draw), batch_size=batch_size, terms=40)


@exercise("5.19")
def test_an_evaluation_of_one_example(check, draw):
    """A batch of one."""
    check("evaluated", **data(draw, rows=1), batch_size=4, start=0, terms=12)
