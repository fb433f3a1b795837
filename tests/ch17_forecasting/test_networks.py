"""Judges of 17.7 and 17.8: parts of networks, and a decoder that asks."""

import numpy as np
import pytest

from course.grading.marks import exercise

# 17.7


@exercise("17.7")
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_reversible(check, draw, eps):
    """Both directions, and the derivatives for windows, forecasts, gain and shift."""
    for column, shape in ((0, (3, 6, 4)), (3, (1, 2, 4)), (1, (5, 1, 2))):
        x = draw.normal(*shape, scale=3) + np.float32([[[5]]])
        y = draw.normal(shape[0], 7)
        weight, bias = draw.uniform(shape[2], low=0.5, high=2), draw.normal(shape[2])
        # A window of one row has the deviation sqrt(eps): its differences are divided by that.
        size = 40 if shape[1] > 1 else 3000
        check(
            "reversible",
            x=x,
            y=y,
            weight=weight,
            bias=bias,
            eps=eps,
            column=column,
            cotangents=[draw.normal(*shape), draw.normal(*y.shape)],
            terms=8,
            scale=size,
        )


@exercise("17.7")
def test_a_window_without_change(probe, draw):
    """Equal values: nothing is divided by zero, and the way back leads to them."""
    x = np.full((2, 5, 3), 4, np.float32)
    found = probe(
        "reversible",
        x=x,
        y=draw.normal(2, 4),
        weight=np.float32([2, 1, 1]),
        bias=np.float32([0.5, 0, 0]),
        eps=1e-5,
        column=0,
        cotangents=[draw.normal(2, 5, 3), draw.normal(2, 4)],
    )
    assert np.allclose(found["y0"][..., 0], 0.5) and np.allclose(found["again"], 4)
    assert np.isfinite(found["d0"]).all()


@exercise("17.7")
def test_a_window_of_pressure(probe, draw):
    """1,000 hectopascals and a spread of one: the mean comes off before anything is squared."""
    x = (1013 + draw.normal(3, 40, 2)).astype(np.float32)
    found = probe(
        "reversible",
        x=x,
        y=draw.normal(3, 4),
        weight=np.ones(2, np.float32),
        bias=np.zeros(2, np.float32),
        eps=1e-5,
        column=0,
        cotangents=[draw.normal(3, 40, 2), draw.normal(3, 4)],
    )
    expected = np.sqrt(x.astype(np.float64).var(axis=1, keepdims=True) + 1e-5)
    assert np.allclose(found["scale"], expected, rtol=1e-4)


def conv(draw, dims, out, size, name="conv."):
    return {f"{name}weight": draw.normal(out, size, dims), f"{name}bias": draw.normal(out)}


@exercise("17.7")
@pytest.mark.parametrize("size, dilation", [(1, 1), (2, 1), (3, 2), (3, 5)])
def test_causal(check, draw, size, dilation):
    """Against PyTorch with zeros in front; also where the kernel reaches back beyond the start."""
    for rows in (1, 4, 13):
        check(
            "causal",
            x=draw.normal(2, rows, 3),
            weights=conv(draw, 3, 5, size),
            out=5,
            size=size,
            dilation=dilation,
            cotangent=draw.normal(2, rows, 5),
            terms=30,
            scale=10,
        )


@exercise("17.7")
@pytest.mark.parametrize("dims, blocks", [(3, 1), (4, 1), (3, 3), (4, 3)])
def test_temporal(check, draw, dims, blocks):
    """With another number of features, and with the same one; derivatives of everything."""
    weights = {}
    for i in range(blocks):
        ins = dims if i == 0 else 4
        weights |= conv(draw, ins, 4, 3, f"first.{i}.conv.")
        weights |= conv(draw, 4, 4, 3, f"second.{i}.conv.")
    if dims != 4:
        weights |= {"match.0.weight": draw.normal(4, dims), "match.0.bias": draw.normal(4)}
    weights = {k: v / 2 for k, v in weights.items()}
    check(
        "temporal",
        x=draw.normal(2, 17, dims),
        weights=weights,
        hidden=4,
        blocks=blocks,
        size=3,
        cotangent=draw.normal(2, 17, 4),
        terms=60,
        scale=60,
    )


@exercise("17.7")
@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_doubly(check, draw, blocks):
    """Blocks that are linear: forecast, rest and all derivatives."""
    check(
        "doubly",
        x=draw.normal(3, 5),
        explained=[draw.normal(5, 5, scale=0.3) for _ in range(blocks)],
        forecast=[draw.normal(5, 2) for _ in range(blocks)],
        cotangents=[draw.normal(3, 2), draw.normal(3, 5)],
        terms=30,
        scale=10,
    )


@exercise("17.7")
def test_no_block(check, draw):
    x = draw.normal(2, 3)
    given = {"x": x, "cotangents": [draw.normal(2, 1), draw.normal(2, 3)]}
    one = {"explained": [draw.normal(3, 3)], "forecast": [draw.normal(3, 1)]}
    check("doubly", **given, **one, terms=9, scale=6)
    check.raises("doubly", "ValueError", match="no block", **given, explained=[], forecast=[])


@exercise("17.7")
def test_each_block_is_asked_once(probe, draw):
    """A block with dropout says something else when it is asked again."""
    x = draw.normal(2, 3)
    found = probe("block_calls", x=x, count=3)
    assert found["calls"] == 3, f"{found['calls']} calls of three blocks"
    assert np.allclose(found["rest"], x / 8) and np.allclose(found["forecast"], 1.75 * x[:, :1])


# 17.8


@exercise("17.8")
def test_attend(check, draw):
    """Shares of the encoder's states; also of one state, and of scores that overflow exp."""
    for steps, size in ((1, 1), (7, 1), (5, 30)):
        check(
            "attend",
            h=draw.normal(3, 4) * np.float32(size),
            states=draw.normal(3, steps, 4),
            ask=draw.normal(4, 4) * np.float32(size / 4),
            cotangent=draw.normal(3, 4),
            terms=16,
            scale=10 * size * size,
        )


def setting(draw, rows=3, steps=4, dims=2, known=2, hidden=5, length=6):
    weights = {}
    for name, ins in (("encoder", dims), ("decoder", 1 + known)):
        weights |= {
            f"{name}.Wx": draw.normal(3 * hidden, ins, scale=0.5),
            f"{name}.Wh": draw.normal(3 * hidden, hidden, scale=0.5),
            f"{name}.b": draw.normal(3 * hidden, scale=0.5),
            f"{name}.bhn": draw.normal(hidden, scale=0.5),
        }
    weights |= {
        "ask.weight": draw.normal(hidden, hidden, scale=0.5),
        "out.weight": draw.normal(1, 2 * hidden, scale=0.5),
        "out.bias": draw.normal(1),
    }
    return {
        "past": draw.normal(rows, length, dims),
        "last": draw.normal(rows),
        "known": draw.normal(rows, steps, known),
        "weights": weights,
        "hidden": hidden,
        "cotangent": draw.normal(rows, steps),
    }


@exercise("17.8")
@pytest.mark.parametrize("steps", [1, 4])
def test_forecaster(check, draw, steps):
    """Its own forecasts are read, and derivatives flow through them."""
    check("forecaster", **setting(draw, steps=steps), terms=60, scale=30)
    check("forecaster", **setting(draw, rows=1, steps=steps, length=1), terms=60, scale=30)
    given = setting(draw, steps=steps)
    truth = draw.normal(3, steps)
    check("forecaster", **given, truth=truth, teacher=0.0, terms=60, scale=30)


@exercise("17.8")
@pytest.mark.parametrize("steps", [1, 4])
def test_forecaster_with_a_teacher(check, draw, steps):
    """Only true values are read; the last one never."""
    given = setting(draw, steps=steps)
    truth = draw.normal(3, steps, scale=2)
    check("forecaster", **given, truth=truth, teacher=1.0, terms=60, scale=30)


@exercise("17.8")
def test_forecaster_that_is_told_sometimes(probe, draw):
    """With an output of zero each forecast is what was read before: so it shows who was asked."""
    given = setting(draw, rows=40, steps=6)
    truth = draw.normal(40, 6) + np.float32(100)
    inputs = {name: given[name] for name in ("past", "last", "known")}
    found = probe("forecaster_draws", **inputs, truth=truth, seed=draw.seed())
    for told, y in (("told", "y"), ("global told", "global")):
        expected = [given["last"]]
        for k in range(1, 6):
            expected.append(np.where(found[told][k], truth[:, k - 1], expected[-1]))
        assert np.array_equal(found[y], np.stack(expected, axis=1)), f"what is read: {y}"
    assert np.array_equal(found["plain"], np.repeat(given["last"][:, None], 6, axis=1))
    assert found["untouched"], "with a key, or without truth, the global state stays as it is"


@exercise("17.8")
def test_the_past_is_read_once(probe, draw):
    given = setting(draw, steps=5)
    found = probe("encoder_calls", past=given["past"], last=given["last"], known=given["known"])
    assert found["calls"] == 1 and found["y"].shape == (3, 5) and found["y"].any()
    assert found["hours"] == 5, f"the decoder goes through {found['hours']} hours for five"


@exercise("17.8")
def test_a_teacher_who_cannot_be(check, draw):
    given = setting(draw)
    truth = draw.normal(3, 4)
    check("forecaster", **given, truth=truth, teacher=1.0, terms=60, scale=30)
    for wrong in (
        {"teacher": 0.5},
        {"teacher": -0.1, "truth": truth},
        {"teacher": 1.1, "truth": truth},
    ):
        check.raises("forecaster", "ValueError", match="teacher", **given, **wrong)
