"""Cases at the edge of all exercises, found by a newcomer's wrong solutions."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("18.1")
def test_targets_of_any_size(check, draw, probe):
    """Squares of 1e-13 are 1e-26: no threshold is that small, and no target is left out."""
    small = (1e-13 * draw.normal(2, 5)).astype(np.float32)
    check("relative", x=3 * small, target=small, g=np.full((), 1e-13, np.float32), terms=5)
    found = probe("relative", x=np.zeros((1, 2), np.float32), target=np.zeros((1, 2), np.float32),
                  g=np.ones((), np.float32))  # fmt: skip
    assert found["y"] == 0


@exercise("18.1")
def test_losses_that_wait(check, draw, probe):
    """Nothing is computed before it is asked for; weights of no layer are not the default."""
    maps, targets = [draw.normal(1, 3, 3, 2)], [draw.normal(1, 2, 2)]
    found = probe("losses_wait", maps=maps, targets=targets)
    assert found["wait"] == [True, True, True] and found["y"] > 0
    check.raises("style", "ValueError", match="layers", maps=maps, targets=targets, weights=[],
                 g=draw.normal())  # fmt: skip


@exercise("18.1")
def test_losses_in_a_compiled_step(probe, draw):
    """Nothing is evaluated on the way, not even one number."""
    targets = [draw.normal(2, 2, 2), draw.normal(2, 2, 2)]
    found = probe("losses_compiled", maps=[draw.normal(2, 3, 3, 2)], targets=targets)
    assert all(y > 0 for y in found.values())


@exercise("18.1")
def test_no_pictures(check, probe, draw):
    """Their mean would be nan: one sentence says so."""
    x, g = draw.normal(1, 2, 2, 3), draw.normal(0, 3, 3)
    assert probe("relative_only", x=x, target=2 * x)["y"] > 0
    check.raises("relative_only", "ValueError", match="picture", x=x[:0], target=x)
    check.raises("gram_of", "ValueError", match="maps", maps=x[:0], g=g)


@exercise("18.1")
def test_nan_is_not_hidden(probe, draw):
    """A picture with a nan costs nan."""
    x = draw.normal(1, 3, 4, 2)
    assert np.isfinite(probe("variation_only", x=x)["y"])
    x[0, 1, 1, 0] = np.nan
    assert np.isnan(probe("variation_only", x=x)["y"])


@exercise("18.2")
def test_ten_layers_and_more(probe, draw):
    """`conv1_11` does not begin a group, and is deeper than `conv1_2`; any order."""
    sizes = {"x": draw.normal(1, 4, 4, 3), "widths": [2, 3], "depths": [12, 1]}
    found = probe("seen_calls", layers=["conv1_11", "conv1_2"], **sizes)
    assert found["convolutions"] == 11 and found["waits"], "nothing is computed at once"
    assert found["strength"] > 0
    assert found["shapes"] == [[1, 4, 4, 2]] * 2
    found = probe("seen_calls", layers=["conv2_1", "conv1_1"], **sizes)
    assert found["convolutions"] == 13 and found["shapes"] == [[1, 2, 2, 3], [1, 4, 4, 2]]
    short = sizes | {"depths": [2, 2]}
    assert probe("seen_calls", layers=["conv2_1", "conv1_1"], **short)["convolutions"] == 3


@exercise("18.2")
def test_pixels_out_of_range(check, draw):
    """Nothing is cut off, and slopes are there."""
    check(
        "ready", x=3 * draw.normal(1, 4, 5, 3), g=draw.normal(1, 4, 5, 3), scale=255.0
    )  # what is subtracted


@exercise("18.2")
def test_numbers_of_two_digits(probe, draw):
    """The eleventh layer of the twelfth block."""
    there = {
        "block12/layers/conv2d_10/vars/0": draw.normal(3, 3, 1, 2),
        "block12/layers/conv2d/vars/1": draw.normal(2),
        "block2/layers/conv2d_11/vars/1": draw.normal(4),
    }
    found = probe("names", published=there)
    assert found["names"] == ["conv12_1.bias", "conv12_11.weight", "conv2_12.bias"]


@exercise("18.3")
def test_tiny_steps(check, draw):
    """Steps of 1e-6: products of 1e-12 are as good as others."""
    gradient, steps = draw.normal(3, 4), [draw.normal(3, 4) for _ in range(3)]
    changes = [s * (0.5 + draw.uniform(3, 4)) for s in steps]
    steps, changes = ([(1e-6 * x).astype(np.float32) for x in v] for v in (steps, changes))
    check("towards", gradient=gradient, steps=steps, changes=changes, terms=200, scale=20.0)


@exercise("18.3")
def test_a_tiny_bowl(probe, draw):
    """Near the minimum curvatures are still learned: slopes a thousand times smaller at least."""
    data = np.geomspace(1, 200, 12).astype(np.float32)
    x = (1e-6 * (1 + draw.uniform(12))).astype(np.float32)
    found = probe("minimized", kind="quadratic", x=x, evaluations=60, memory=10, enough=1e-8,
                  data=data)  # fmt: skip
    assert found["steepest"] <= 1e-8, found["steepest"]
    assert 1 < found["asked"] == found["really"] <= 60


@exercise("18.3")
def test_a_place_that_is_infinitely_low(probe):
    """Minus infinity is not finite: too far. From 1, the pit at 0 lies exactly at t = 1/2."""
    found = probe("searched", kind="pit", x=np.float32([1]), first=0.5, most=5, options={})
    assert found["places"][0, 0] == 0 and found["asked"] > 1
    assert np.isfinite(found["value"]) and found["x"][0] != 0
    once = probe("searched", kind="pit", x=np.float32([1]), first=0.5, most=1, options={})
    assert once["value"] == -1 and once["x"][0] == 1


@exercise("18.3")
def test_lower_but_not_by_enough(probe):
    """Time is up: the lowest that was seen comes back, also if it fell by too little; ties pass."""
    found = probe("searched", kind="quartic", x=np.float32([0]), first=0.05, most=2,
                  options={"decrease": 0.99})  # fmt: skip
    assert found["asked"] == 2 and found["x"][0] == pytest.approx(1.35, abs=1e-3)
    # On a slope without end the value falls by exactly what the slope promised: enough.
    found = probe("searched", kind="falling", x=np.float32([0]), first=1.0, most=3,
                  options={"decrease": 1.0})  # fmt: skip
    assert found["places"].ravel().tolist() == [-1, -2, -4]
    none = probe("searched", kind="quartic", x=np.float32([0]), first=0.05, most=0, options={})
    assert none["asked"] == none["really"] == 0 and none["x"][0] == 0


@exercise("18.3")
def test_the_first_length_again(probe):
    """A line without curvature leaves nothing to remember: the next first length is 1/2 again."""
    more = {"x": np.float32([1, 2]), "memory": 3, "enough": 1e-6}
    found = probe("minimized", kind="falling", evaluations=22, **more)
    assert found["value"] == pytest.approx(3 - 2.0**19 - 1, abs=0.2)


@exercise("18.3")
def test_values_below_zero(probe):
    """0 is a value like others: a walk begins there and goes on below."""
    found = probe("minimized", kind="falling", x=np.float32([1, -1]), evaluations=4, memory=2,
                  enough=1e-6)  # fmt: skip
    assert found["asked"] == 4 and found["value"] < -1


def bowl(curvature, x, evaluations, memory):
    """The walk with whole matrices in float64, while every first length is good enough."""
    places, pairs, g = [x], [], curvature * x
    while len(places) < evaluations:
        h = np.eye(len(x))
        if pairs:
            s, y = pairs[-1]
            h *= (s @ y) / (y @ y)
        for s, y in pairs:
            left = np.eye(len(x)) - np.outer(s, y) / (s @ y)
            h = left @ h @ left.T + np.outer(s, s) / (s @ y)
        d, value = -h @ g, 0.5 * (curvature * x * x).sum()
        t, low, high, slope = (1.0 if pairs else min(1, 1 / abs(g).sum())), 0.0, np.inf, g @ d
        while len(places) < evaluations:
            new = x + t * d
            places.append(new)
            if 0.5 * (curvature * new * new).sum() > value + 1e-4 * t * slope:
                high = t
            elif (curvature * new) @ d < 0.9 * slope:
                low = t
            else:
                break
            t = 2 * t if high == np.inf else (low + high) / 2
        pairs = [*pairs, (new - x, curvature * (new - x))][-memory:]
        x, g = new, curvature * new
    return np.array(places)


@exercise("18.3")
@pytest.mark.parametrize("memory", [1, 2, 3])
def test_so_many_steps_are_remembered(probe, memory):
    """Place by place, as by whole matrices; one step more would lead elsewhere."""
    curvature, x = np.float32([1, 3, 10, 30]), np.float32([1, -2, 0.5, 1])
    wanted = bowl(curvature.astype(np.float64), x.astype(np.float64), 9, memory)
    other = bowl(curvature.astype(np.float64), x.astype(np.float64), 9, memory + 1)
    found = probe("walked", x=x, data=curvature, evaluations=9, memory=memory)["places"]
    assert found.shape == wanted.shape and abs(wanted - other).max() > 1e-2
    assert abs(found - wanted).max() < 1e-3, abs(found - wanted).max(1)


@exercise("18.4")
def test_each_direction_is_drawn(probe, draw):
    """None is another one, or that turned around: in 16 dimensions a cosine of 0.98 is rare."""
    for count in (8, 9):
        x = probe("directions", count=count, dims=16, seed=draw.seed())["x"].astype(np.float64)
        assert abs(x @ x.T - np.eye(count)).max() < 0.98


@exercise("18.4")
def test_more_points_than_int32_can_count(probe):
    """60,000 and 50,000: ends at multiples up to 3e9; a shift by 1 costs 1."""
    a = np.linspace(0, 1, 60_000, dtype=np.float32)[:, None]
    b = 1 + np.linspace(0, 1, 50_000, dtype=np.float32)[:, None]
    found = probe("apart_only", a=a, b=b, lines=np.ones((1, 1), np.float32))["y"]
    assert abs(found - 1) < 1e-3


@exercise("18.4")
def test_shadows_beyond_half_precision(probe):
    """300 features of 300: the shadow itself, 90,000, is beyond float16."""
    a, b = np.zeros((3, 300), np.float32), np.full((3, 300), 300, np.float32)
    for x, y in ((a, b), (b, a), (a, b[:2]), (b[:2], a)):
        found = probe("apart_half", a=x, b=y, lines=np.ones((2, 300), np.float32))
        assert found["dtype"] == "float32" and agree(found["y"], 90_000.0**2, terms=300)
