"""Judges of 16.8 and 16.9: a teacher, and probabilities that mean what they say."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("16.8")
@pytest.mark.parametrize("temperature", [1.0, 4.0, 0.5])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_loss_of_a_student(check, draw, temperature, share):
    """Both parts in their shares, at several temperatures; nothing goes back to the teacher."""
    check("taught", student=2 * draw.normal(4, 5), teacher=3 * draw.normal(4, 5),
          labels=draw.integers(4, low=0, high=5), temperature=temperature, share=share,
          g=np.array(1.7, np.float32), terms=20, scale=20)  # fmt: skip


@exercise("16.8")
def test_distributions_for_labels(check, draw):
    """Mixed pictures have mixed labels."""
    labels = draw.uniform(3, 4, low=0.1)
    check("taught", student=draw.normal(3, 4), teacher=draw.normal(3, 4),
          labels=labels / labels.sum(-1, keepdims=True), temperature=2.0, share=0.4,
          g=np.array(0.6, np.float32), terms=12, scale=10)  # fmt: skip


@exercise("16.8")
def test_by_default(check, draw):
    """Temperature 4, nine tenths of the teacher."""
    check("taught_by_default", student=draw.normal(6, 3), teacher=3 * draw.normal(6, 3),
          labels=draw.integers(6, low=0, high=3), terms=20, scale=20)  # fmt: skip


@exercise("16.8")
def test_large_logits(check, draw):
    """A teacher that is sure beyond float32: probabilities that are exactly 0 do no harm."""
    student, teacher = 300 * draw.normal(3, 4), 500 * draw.normal(3, 4)
    check("taught", student=student, teacher=teacher, labels=draw.integers(3, low=0, high=4),
          temperature=1.0, share=0.5, g=np.array(1, np.float32), terms=12, scale=3000)  # fmt: skip


@exercise("16.8")
def test_one_picture_and_two_classes(check, draw):
    """The smallest batch."""
    check("taught", student=draw.normal(1, 2), teacher=draw.normal(1, 2),
          labels=np.array([1], np.int32), temperature=3.0, share=0.7, g=np.array(1, np.float32),
          terms=4, scale=9)  # fmt: skip


@exercise("16.8")
def test_logits_in_half_precision(check, draw):
    """The loss is in float32 and as exact as float32, the slopes in the dtype of the logits."""
    options = {"labels": draw.integers(3, low=0, high=6), "temperature": 4.0, "share": 0.9}
    student, teacher = draw.normal(3, 6, dtype="float16"), draw.normal(3, 6, dtype="float16")
    whole = check.bench.expected(
        "taught", {"student": student, "teacher": teacher, **options, "g": np.array(1, np.float32)}
    )
    found = check.bench.probe(
        "taught", student=student, teacher=teacher, g=np.array(1, np.float32), **options
    )
    assert found["y"].dtype == np.float32, found["y"].dtype
    assert found["student"].dtype == np.float16, found["student"].dtype
    assert agree(found["y"], whole["y"], terms=20)
    assert agree(found["student"], whole["student"], dtype="float16", terms=20)


@exercise("16.8")
def test_losses_that_cannot_be(check, probe, draw):
    """No temperature, a share outside, logits of two shapes."""
    good = {"student": draw.normal(2, 3), "teacher": draw.normal(2, 3), "g": np.array(1,
    np.float32),
            "labels": np.array([0, 2], np.int32), "temperature": 2.0, "share": 0.5}  # fmt: skip
    assert probe("taught", **good)["y"] > 0
    for bad, word in [({"temperature": 0.0}, "temperature"), ({"temperature": -1.0}, "temperature"),
                      ({"share": -0.1}, "share"), ({"share": 1.1}, "share"),
                      ({"teacher": draw.normal(1, 3)}, "shape")]:  # fmt: skip
        check.raises("taught", "ValueError", match=word, **(good | bad))


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def answers(x, w, training):
    """What the network of the probes says of a batch, in float64."""
    if training:
        x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    else:
        x = x / np.sqrt(1 + 1e-5)
    return x @ w.astype(np.float64)


@exercise("16.8")
@pytest.mark.parametrize("teaching", [True, False], ids=["training", "evaluation"])
def test_a_lesson(probe, draw, teaching):
    """Both see the pictures as they were changed, once; the teacher stays what it is."""
    x, labels = draw.normal(5, 3), draw.integers(5, low=0, high=4)
    teacher, student = draw.normal(3, 4), draw.normal(3, 4)
    found = probe("lesson", x=x, labels=labels, teacher=teacher, student=student, temperature=3.0,
                  share=0.6, training=True, teaching=teaching)  # fmt: skip
    assert found["changes"] == 1, f"the pictures were changed {found['changes']} times"
    assert found["asked"] == [1, 1], f"teacher and student were asked {found['asked']} times"
    changed = 2 * x.astype(np.float64) + 1
    for seen in found["seen"]:
        assert agree(seen, changed)
    assert found["teacher's mode then"] == [False], "the teacher answered in training mode"
    assert found["teacher's mode now"] == [teaching, teaching]
    assert agree(found["teacher's mean"], np.zeros(3)), "the teacher's statistics moved"
    p = softmax(answers(changed, teacher, False) / 3)
    z = answers(changed, student, True)
    q, own = softmax(z / 3), softmax(z)
    expected = 0.6 * 9 * (p * np.log(p / q)).sum(-1).mean()
    expected -= 0.4 * np.log(own[np.arange(5), labels]).mean()
    assert agree(found["loss"] / 10, expected / 10, terms=60)
    slopes = 0.6 * 3 * (q - p) + 0.4 * (own - np.eye(4)[labels])
    normed = (changed - changed.mean(0)) / np.sqrt(changed.var(0) + 1e-5)
    assert agree(found["slope"] / 10, normed.T @ slopes / 5 / 10, terms=60)


@exercise("16.8")
def test_in_evaluation(probe, draw):
    """Unchanged pictures, the plain cross entropy, and nobody asks the teacher."""
    x, labels = draw.normal(4, 3), draw.integers(4, low=0, high=2)
    student = draw.normal(3, 2)
    found = probe("lesson", x=x, labels=labels, teacher=draw.normal(3, 2), student=student,
                  temperature=3.0, share=0.6, training=False, teaching=True)  # fmt: skip
    assert found["asked"] == [0, 1]
    assert found["changes"] == 0
    assert agree(found["seen"][0], x)
    expected = -np.log(softmax(answers(x, student, False))[np.arange(4), labels]).mean()
    assert agree(found["loss"], expected, terms=12)


@exercise("16.8")
def test_a_teacher_that_fails(probe, draw):
    """Its error comes through, and its mode is as before; a good one's loss is a number."""
    found = probe("failing_lesson", x=draw.normal(4, 3), labels=draw.integers(4, low=0, high=2),
                  teacher=draw.normal(3, 2), student=draw.normal(3, 2))  # fmt: skip
    assert found["raised"]
    assert found["mode"] is True, "the teacher was left in evaluation mode"
    assert found["loss"] > 0


def guesses(draw, n, classes, sureness=2.0):
    p = softmax(sureness * draw.normal(n, classes).astype(np.float64)).astype(np.float32)
    return p, draw.integers(n, low=0, high=classes)


@exercise("16.9")
@pytest.mark.parametrize("bins", [1, 4, 15])
def test_reliability(check, draw, bins):
    """Each bin's confidence and accuracy, and the error; empty bins count nothing."""
    p, labels = guesses(draw, 60, 3)
    check("reliable", probabilities=p, labels=labels, bins=bins, terms=60)


@exercise("16.9")
def test_reliability_by_default(check, probe, draw):
    """Fifteen bins, and answers that are right more often than not."""
    p, labels = guesses(draw, 40, 4, sureness=3.0)
    labels[::2] = p.argmax(-1)[::2]
    counts = probe("reliable_by_default", probabilities=p, labels=labels)["counts"]
    assert counts.shape == (15,)
    assert counts.sum() == 40
    check("reliable", probabilities=p, labels=labels, bins=5, terms=60)


@exercise("16.9")
def test_surer_than_sure(check, probe):
    """A softmax may round to more than 1; one picture; half precision."""
    p = np.array([[1.0000001, 0.0], [0.0, 1.0000002], [0.25, 0.75]], np.float32)
    check("reliable", probabilities=p, labels=np.array([0, 0, 1], np.int32), bins=10)
    check("reliable", probabilities=p[2:], labels=np.array([1], np.int32), bins=3)
    # 3000 of 0.6875 in half precision, whose sum would be lost.
    many = np.full((3000, 2), 0.3125, np.float16)
    many[:, 1] = 0.6875
    found = probe("reliable", probabilities=many, labels=np.ones(3000, np.int32), bins=2)
    assert found["error"].dtype == np.float32, found["error"].dtype
    assert agree(found["error"], np.float64(0.3125), terms=3000)
    assert agree(found["confidence"], np.array([-1, 0.6875]), terms=3000)


def overconfident(draw, n=400, classes=5, factor=3.0):
    """Logits whose probabilities would be right before they were multiplied."""
    z = 1.5 * draw.normal(n, classes)
    labels = (z + draw.random.gumbel(size=z.shape)).argmax(-1).astype(np.int32)
    return (factor * z).astype(np.float32), labels


@exercise("16.9")
@pytest.mark.parametrize("factor", [0.035, 0.1, 0.5, 1.0, 3.0, 12.0, 27.0])
def test_a_temperature(check, draw, factor):
    """Too sure or not sure enough: the minimum of the cross entropy.

    It is found where a slope in float32 is 0: a mean of 400 numbers of the size of the logits
    against a curvature that is a few tenths of their squares.
    """
    logits, labels = overconfident(draw, factor=factor)
    found = check.bench.probe("tempered", logits=logits, labels=labels)["temperature"]
    expected = check.bench.expected("tempered", {"logits": logits, "labels": labels})["temperature"]
    assert type(found) is float, type(found)
    assert agree(np.float64(found / expected), np.float64(1), terms=400), (found, expected)


@exercise("16.9")
def test_a_constant_in_every_row(probe, check, draw):
    """Logits may begin anywhere; half precision is computed with in float32."""
    logits, labels = overconfident(draw, factor=2.0)
    logits = logits.astype(np.float16).astype(np.float32)
    expected = check.bench.expected("tempered", {"logits": logits, "labels": labels})["temperature"]
    shifted = np.round(logits * 64) / 64 + 1024 * draw.integers(400, 1, low=-4, high=5)
    exact = check.bench.expected("tempered", {"logits": shifted, "labels": labels})["temperature"]
    found = probe("tempered", logits=shifted.astype(np.float32), labels=labels)["temperature"]
    assert agree(np.float64(found / exact), np.float64(1), terms=400), (found, exact)
    found = probe("tempered", logits=logits.astype(np.float16), labels=labels)["temperature"]
    assert agree(np.float64(found / expected), np.float64(1), terms=400), (found, expected)


@exercise("16.9")
def test_newton_jumps_too_far(check, probe, draw):
    """Very sure and sometimes wrong: where the curvature is next to nothing Newton leaves."""
    logits = np.array([[60.0, 0.0], [0.0, 50.0], [70.0, 0.0], [0.0, 90.0], [80.0, 1.0]], np.float32)
    labels = np.array([0, 1, 0, 1, 1], np.int32)
    for scale in (1.0, 0.3, 5.0):
        z = logits * np.float32(scale)
        expected = check.bench.expected("tempered", {"logits": z, "labels": labels})["temperature"]
        found = probe("tempered", logits=z, labels=labels)["temperature"]
        assert agree(np.float64(found / expected), np.float64(1), terms=400), (found, expected)


@exercise("16.9")
def test_no_minimum_within(probe, draw):
    """All right: as cold as it may be. Worse than nothing, or all equal: as warm."""
    labels = draw.integers(30, low=0, high=4)
    right = 2 * np.eye(4, dtype=np.float32)[labels]
    assert agree(np.float64(probe("tempered", logits=right, labels=labels)["temperature"]), 0.05)
    for logits in (-right, 0 * right, right[:, ::-1].copy() - 3 * right):
        found = probe("tempered", logits=logits, labels=labels)["temperature"]
        assert agree(np.float64(found), np.float64(20)), found


@exercise("16.9")
def test_few_steps(probe, check, draw):
    """Newton's method has the answer in five steps; it starts at 1, and each step is one."""
    logits, labels = overconfident(draw, factor=0.5)
    expected = check.bench.expected("tempered", {"logits": logits, "labels": labels})["temperature"]
    found = probe("tempered_in", logits=logits, labels=labels, rounds=5)["temperature"]
    assert agree(np.float64(found / expected), np.float64(1), terms=400), (found, expected)
    for rounds in (0, 1, 2):
        check("tempered_in", logits=logits, labels=labels, rounds=rounds, terms=400)
    # Far too sure: Newton leaves the interval, whose middle comes next.
    logits, labels = overconfident(draw, factor=12.0)
    check("tempered_in", logits=logits, labels=labels, rounds=1, terms=400)


@exercise("16.9")
def test_no_curvature(check, probe):
    """So sure that probabilities are exactly 0 and 1: no curvature to divide by."""
    logits = np.tile(np.array([[120.0, 0.0]], np.float32), (1000, 1))
    labels = np.zeros(1000, np.int32)
    labels[5] = 1  # the best probability of this class is 0.001
    expected = 120 / np.log(999)
    found = probe("tempered", logits=logits, labels=labels)["temperature"]
    assert agree(np.float64(found / expected), np.float64(1), terms=1000), (found, expected)
    found = probe("tempered", logits=2 * logits, labels=0 * labels)["temperature"]
    assert agree(np.float64(found), np.float64(0.05)), f"{found}: all are right"


@exercise("16.9")
def test_nothing_to_fit(check, probe, draw):
    """No examples; a logit that is no number."""
    logits, labels = overconfident(draw, n=40)
    assert probe("tempered", logits=logits, labels=labels)["temperature"] > 1
    check.raises("tempered", "ValueError", match="examples", logits=logits[:0], labels=labels[:0])
    for bad in (np.nan, np.inf, -np.inf):
        broken = logits.copy()
        broken[3, 1] = bad
        check.raises("tempered", "ValueError", match="finite", logits=broken, labels=labels)
