"""More judges of 16.1 to 16.9: many bits, far numbers, cost, state between calls, ties."""

import math

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise

from .test_budget import close, smoothed
from .test_data import judged
from .test_learning import answers, softmax
from .test_transformer import config_of


@exercise("16.1")
def test_long_fingerprints(check, draw):
    """576 bits: a number of agreements that half precision cannot tell from the next."""
    hashes = np.repeat(draw.booleans(4, 576), 3, axis=0)
    hashes[1::3, 5] ^= True  # a distance of 1
    hashes[2::3, 7:10] ^= True  # of 3, and of 4 from the one before
    for radius in (0, 1, 2, 3):
        check("alike", hashes=hashes, radius=radius, block=5)


@exercise("16.2")
def test_groups_with_numbers_far_apart(probe, draw):
    """Numbers such as file sizes or times: nothing may be made for the numbers between."""
    labels = draw.integers(60, low=0, high=2)
    groups = draw.integers(20, low=0, high=2**30).astype(np.int64)[np.arange(60) % 20] * 2**31
    groups = np.where(labels == 0, groups, -groups - 1)  # no group of two classes
    found = probe("divided", labels=labels, groups=groups, share=0.3, seed=draw.seed() % 10**6)
    judged(found, labels, groups, 0.3)


@exercise("16.3")
def test_squares_are_cut_at_once(probe, draw):
    """256 squares take no more operations than one."""
    x = draw.normal(1, 16, 16, 1)
    many = probe("cut_steps", x=x, side=1)
    assert agree(many["y"], x)
    one = probe("cut_steps", x=x, side=16)
    assert agree(one["y"].reshape(-1), x.reshape(-1))
    assert many["steps"] <= one["steps"] + 2, f"{many['steps']} operations, {one['steps']} for one"


@exercise("16.3")
def test_many_positions_in_half_precision(check, draw):
    """700 columns of 500: half precision would move middles by a quarter of a cell."""
    check("stretched", positions=draw.normal(1, 500, 1, dtype="float16"), rows=1, columns=700,
          g=draw.normal(1, 700, 1, dtype="float16"), terms=4)  # fmt: skip


@exercise("16.5")
def test_nothing_is_built_to_be_counted(check, probe):
    """The global random state is where it was."""
    config = config_of("patches", "token")
    expected = check.bench.expected("vit", {"config": config,
                                            "weights": probe("shapes", config=config)})  # fmt: skip
    found = probe("vit_undrawn", config=config)
    assert found["parameters"] == expected["parameters"]
    assert found["same"], "random numbers were drawn: was a model built?"


@exercise("16.6")
def test_one_bad_batch_is_no_end(probe):
    """A single loss of five times the best does not end a sweep: the smoothed loss does."""
    losses = [1.0, 1.0, 1.0, 6.0, 1.0, 1.0]
    found = probe("tried", losses=losses, low=1e-3, high=1.0, count=6, decay=0.9)
    assert len(found["asked"]) == 6, f"it ended after {len(found['asked'])} steps of 6"
    assert close(found["losses"], smoothed(losses, 0.9)), found["losses"]


@exercise("16.7")
def test_pictures_are_read_at_once(probe, draw):
    """Sixteen pictures take as many operations as two."""
    x, grid = draw.normal(16, 3, 4, 2), draw.uniform(16, 2, 2, 2, low=-1, high=1)
    many = probe("sampled_steps", x=x, grid=grid)
    few = probe("sampled_steps", x=x[:2], grid=grid[:2])
    assert agree(many["y"][:2], few["y"])
    assert np.abs(many["y"]).max() > 0
    assert many["steps"] <= few["steps"] + 2, f"{many['steps']} operations, {few['steps']} for two"


@exercise("16.8")
def test_the_teacher_is_asked_anew(probe, draw):
    """Another batch of the same size has other answers."""
    batches, labels = [draw.normal(4, 3), draw.normal(4, 3)], draw.integers(4, low=0, high=2)
    teacher, student = 2 * draw.normal(3, 2), draw.normal(3, 2)
    found = probe("two_lessons", batches=batches, labels=labels, teacher=teacher, student=student,
                  temperature=2.0, share=1.0)["losses"]  # fmt: skip
    for x, loss in zip(batches, found, strict=True):
        p = softmax(answers(x, teacher, False) / 2)
        q = softmax(answers(x, student, True) / 2)
        expected = 4 * (p * np.log(p / q)).sum(-1).mean()
        assert agree(np.float64(loss / 10), expected / 10, terms=30), (loss, expected)


@exercise("16.8")
def test_a_temperature_that_does_not_divide_half_precision(check, draw):
    """Thirds are not exact in float16: logits become float32 before they are divided."""
    student = 4 * draw.normal(3, 6, dtype="float16")
    options = {"student": student, "teacher": 4 * draw.normal(3, 6, dtype="float16"),
               "labels": draw.integers(3, low=0, high=6), "temperature": 3.0, "share": 1.0,
               "g": np.array(1, np.float32)}  # fmt: skip
    found = check.bench.probe("taught", **options)["y"]
    assert found.dtype == np.float32, found.dtype
    assert agree(found / 10, check.bench.expected("taught", options)["y"] / 10, terms=20)


@exercise("16.8")
def test_no_numbers_for_a_loss(check, probe, draw):
    """A temperature or a share that is no number, or infinite."""
    good = {"student": draw.normal(2, 3), "teacher": draw.normal(2, 3), "temperature": 2.0,
            "labels": np.array([0, 2], np.int32), "share": 0.5,
            "g": np.array(1, np.float32)}  # fmt: skip
    assert probe("taught", **good)["y"] > 0
    for name, bad in (("temperature", math.nan), ("temperature", math.inf), ("share", math.nan)):
        check.raises("taught", "ValueError", match=name, **(good | {name: bad}))


@exercise("16.9")
def test_equal_probabilities(check):
    """A network that says nothing answers with the first class, and is right now and then."""
    p = np.full((8, 4), 0.25, np.float32)
    p[6:] = [0.125, 0.375, 0.375, 0.125]
    labels = np.array([0, 1, 2, 3, 0, 1, 2, 1], np.int32)
    check("reliable", probabilities=p, labels=labels, bins=4)


@exercise("16.9")
@pytest.mark.parametrize("bad", [math.nan, -0.5], ids=str)
def test_probabilities_that_are_none(check, probe, bad):
    """No number, or all of them below 0: `calibration` refuses, and nobody hides it from it."""
    p, labels = np.array([[0.3, 0.7], [0.6, 0.4]], np.float32), np.array([1, 1], np.int32)
    assert agree(probe("reliable", probabilities=p, labels=labels, bins=1)["error"], 0.15)
    p[1] = bad
    check.raises("reliable", "ValueError", match="probabilities", probabilities=p, labels=labels,
                 bins=3)  # fmt: skip


@exercise("16.9")
def test_logits_as_far_apart_as_half_precision_goes(probe):
    """Their difference has no float16, but is finite in float32."""
    logits = np.array([[60000, -60000], [-60000, 60000], [60000, -60000]], np.float16)
    wrong = probe("tempered", logits=logits, labels=np.array([0, 1, 1], np.int32))
    assert agree(np.float64(wrong["temperature"]), 20), wrong
    right = probe("tempered", logits=logits, labels=np.array([0, 1, 0], np.int32))
    assert agree(np.float64(right["temperature"]), 0.05), right
