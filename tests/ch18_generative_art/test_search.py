"""18.3: the two loops, the search along a line, the walk."""

import numpy as np
import pytest
from scipy.optimize import minimize

from course.grading.marks import exercise


def pairs(draw, shape, count):
    """Steps and changes with a positive product, of different sizes."""
    steps, changes = [], []
    for k in range(count):
        s = draw.normal(*shape)
        c = 0.5 + draw.uniform(*shape)
        steps.append((s * (k + 1)).astype(np.float32))
        changes.append((s * c * (k + 1)).astype(np.float32))
    return steps, changes


@exercise("18.3")
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_the_two_loops(check, draw, count):
    """As by whole matrices."""
    steps, changes = pairs(draw, (3, 4), count)
    check(
        "towards", gradient=draw.normal(3, 4), steps=steps, changes=changes, terms=200, scale=20.0
    )


@exercise("18.3")
def test_an_exact_direction(probe, draw):
    """On a bowl whose axes have all been walked once, one step leads to the bottom."""
    curvature = np.float32([1, 4, 9])
    steps = [np.eye(3, dtype=np.float32)[i] for i in range(3)]
    changes = [curvature * s for s in steps]
    x = draw.normal(3)
    y = probe("towards", gradient=curvature * x, steps=steps, changes=changes)["y"]
    assert np.abs(y + x).max() < 1e-5


@exercise("18.3")
def test_no_matrix_is_made(probe, draw):
    """4,096 numbers: a matrix would have 16 million."""
    steps, changes = pairs(draw, (64, 64), 3)
    found = probe("towards_cost", gradient=draw.normal(64, 64), steps=steps, changes=changes)
    assert not found["much"], "the memory of a matrix was taken"
    assert np.isfinite(found["y"]).all() and found["y"].any()


def phi(kind, x):
    return {
        "quartic": lambda: ((x - 3) ** 4 / 4, (x - 3) ** 3),
        "flat": lambda: (np.sqrt(1 + (x - 40) ** 2), (x - 40) / np.sqrt(1 + (x - 40) ** 2)),
        "wall": lambda: ((x - 1.5) ** 2 - 0.1 * np.log(2 - x), 2 * (x - 1.5) + 0.1 / (2 - x)),
        "wavy": lambda: (x**2 / 20 - np.cos(2 * x), x / 10 + 2 * np.sin(2 * x)),
    }[kind]()


def expected_places(kind, x, first, most, c1=1e-4, c2=0.9):
    """The rule, in float64."""
    value, gradient = phi(kind, x)
    d, slope = -gradient, -gradient * gradient
    low, high, t, places = 0.0, np.inf, first, []
    for _ in range(most):
        with np.errstate(invalid="ignore", divide="ignore"):
            new, steep = phi(kind, x + t * d)
        places.append((x + t * d, new))
        if not new <= value + c1 * t * slope:
            high = t
        elif steep * d < c2 * slope:
            low = t
        else:
            return places, True
        t = 2 * t if high == np.inf else (low + high) / 2
    return places, False


LINES = [("quartic", 0.0, 1.0), ("quartic", 0.5, 0.01), ("flat", 0.0, 1.0), ("wall", 0.0, 1.0),
         ("wavy", 4.0, 1.0), ("flat", 39.0, 64.0)]  # fmt: skip


@exercise("18.3")
@pytest.mark.parametrize("kind, x, first", LINES)
def test_places_on_a_line(probe, kind, x, first):
    """The same places as by the rule; one question each; nan is too far."""
    places, good = expected_places(kind, x, first, 20)
    assert good
    found = probe("searched", kind=kind, x=np.float32([x]), first=first, most=20, options={})
    assert found["asked"] == found["really"] == len(places) and found["number"]
    assert np.abs(found["places"][:, 0] - [p for p, _ in places]).max() < 1e-3
    assert found["x"][0] == pytest.approx(places[-1][0], abs=1e-3)
    assert found["value"] == pytest.approx(places[-1][1], abs=1e-3)
    assert found["gradient"][0] == pytest.approx(phi(kind, places[-1][0])[1], abs=1e-3)


@exercise("18.3")
def test_other_conditions(probe):
    """A strict curvature walks on; a strict decrease walks back."""
    for options, names in (({"curvature": 0.1}, (1e-4, 0.1)), ({"decrease": 0.6}, (0.6, 0.9))):
        places, good = expected_places("wavy", 4.0, 0.05, 20, *names)
        found = probe("searched", kind="wavy", x=np.float32([4]), first=0.05, most=20,
                      options=options)  # fmt: skip
        assert found["asked"] == len(places), (options, good)
    both = {"curvature": 0.1, "decrease": 0.3}  # too short, too long, between them
    places, good = expected_places("quartic", 0.0, 0.055, 20, 0.3, 0.1)
    found = probe("searched", kind="quartic", x=np.float32([0]), first=0.055, most=20, options=both)
    assert good and len(places) == 3
    assert np.abs(found["places"][:, 0] - [p for p, _ in places]).max() < 1e-3
    plain, _ = expected_places("wavy", 4.0, 0.05, 20)
    strict, _ = expected_places("wavy", 4.0, 0.05, 20, 1e-4, 0.1)
    assert len(plain) != len(strict)


@exercise("18.3")
@pytest.mark.parametrize("kind, x, first, most", [("flat", 0.0, 0.01, 3), ("quartic", 0.0, 1.0, 2),
                                                  ("wall", 0.0, 50.0, 3)])  # fmt: skip
def test_a_search_that_ends_too_soon(probe, kind, x, first, most):
    """The lowest place that was seen, which may be the start."""
    places, good = expected_places(kind, x, first, most)
    assert not good
    found = probe("searched", kind=kind, x=np.float32([x]), first=first, most=most, options={})
    seen = [(x, phi(kind, x)[0])] + [(p, v) for p, v in places if np.isfinite(v)]
    best = min(seen, key=lambda pair: pair[1])
    assert found["asked"] == found["really"] == most
    assert found["x"][0] == pytest.approx(best[0], abs=1e-3)
    assert found["value"] == pytest.approx(best[1], rel=1e-4)


@exercise("18.3")
def test_a_direction_that_does_not_fall(check, probe):
    """Up, or nowhere: said at once."""
    assert probe("searched", kind="quartic", x=np.float32([0]), first=0.1, most=9, options={})["x"]
    for flat in (False, True):
        check.raises("uphill", "ValueError", match="direction", x=np.float32([2, 1]), flat=flat)


@exercise("18.3")
def test_a_bowl(probe, draw):
    """Curvatures from 1 to 200 in 12 dimensions: fewer questions than SciPy's allows twice."""
    data = np.geomspace(1, 200, 12).astype(np.float32)
    x = 1 + draw.uniform(12)
    found = probe("minimized", kind="quadratic", x=x, evaluations=120, memory=10, enough=1e-3,
                  data=data)  # fmt: skip
    theirs = minimize(lambda x: (0.5 * (data * x * x).sum(), data * x), x.astype(float), jac=True,
                      method="L-BFGS-B", options={"maxcor": 10, "gtol": 1e-3})  # fmt: skip
    assert found["steepest"] <= 1e-3
    assert found["asked"] == found["really"] <= 2 * theirs.nfev, theirs.nfev
    assert found["value"] == pytest.approx(float(found["true"]), abs=1e-6)
    assert found["number"], "the value is a number, not an array"


@exercise("18.3")
def test_a_bent_valley(probe):
    """Rosenbrock's function from its usual start; memory matters."""
    x = np.float32([-1.2, 1])
    found = probe("minimized", kind="rosenbrock", x=x, evaluations=100, memory=8, enough=1e-3)
    assert np.abs(found["x"] - 1).max() < 5e-3
    assert found["asked"] == found["really"] <= 80
    # The first length is 1 over the sum of the slopes' sizes: 215.6 and 88.
    assert np.abs(found["first"] - (x + np.array([215.6, 88]) / 303.6)).max() < 1e-3


@exercise("18.3")
@pytest.mark.parametrize("evaluations", [1, 2, 7, 15])
def test_no_question_more_than_allowed(probe, evaluations):
    """And the best place that was seen comes back, with its value."""
    x = np.float32([-1.2, 1, 0.5])
    found = probe(
        "minimized", kind="rosenbrock", x=x, evaluations=evaluations, memory=5, enough=0.0
    )
    assert found["asked"] == found["really"] == evaluations
    assert found["value"] == pytest.approx(float(found["true"]), rel=1e-5)
    start = 100 * (1 - 1.44) ** 2 + 2.2**2 + 100 * (0.5 - 1) ** 2
    assert found["value"] <= start + 1e-3 and (evaluations == 1) == (found["value"] > start - 1e-3)


@exercise("18.3")
def test_where_a_walk_ends(probe):
    """At a minimum at once; on a slope without end; where all slopes are small enough."""
    flat = probe("minimized", kind="square", x=np.zeros(3, np.float32), evaluations=9, memory=2,
                 enough=0.0)  # fmt: skip
    assert flat["asked"] == 1 and flat["number"] and not flat["x"].any()
    near = probe("minimized", kind="square", x=np.float32([0.25, -0.125]), evaluations=9, memory=2,
                 enough=0.5)  # fmt: skip
    assert near["asked"] == 1, "the largest slope is 0.5: enough"
    far = probe("minimized", kind="square", x=np.float32([0.2, -0.3]), evaluations=30, memory=2,
                enough=0.55)  # fmt: skip
    assert far["asked"] == 3
    down = probe("minimized", kind="falling", x=np.float32([1, 2]), evaluations=30, memory=3,
                 enough=1e-6)  # fmt: skip
    assert down["asked"] <= 30 and down["value"] < -100
    gentle = probe("minimized", kind="square", x=np.float32([0.1, -0.15]), evaluations=30, memory=2,
                   enough=0.25)  # fmt: skip
    assert gentle["asked"] == 3, "the first length is at most 1"
    long = probe("minimize_by_default", x=np.linspace(-1, 1, 40, dtype=np.float32))
    assert long["asked"] == 100 and long["value"] > 0.0


@exercise("18.3")
def test_lines_without_end_and_without_a_lower_place(probe):
    """A line may ask 20 times, or what is left; where none is lower, the walk ends."""
    more = {"x": np.float32([1, 2]), "memory": 3, "enough": 1e-6}
    assert probe("minimized", kind="falling", evaluations=5, **more)["asked"] == 5
    once = probe("minimized", kind="falling", evaluations=21, **more)
    again = probe("minimized", kind="falling", evaluations=22, **more)
    # 20 questions from 1/2 on, doubled: 2 ** 18 along both axes; then a line of its own.
    assert once["value"] == pytest.approx(3 - 2.0**19, rel=1e-5)
    assert again["value"] == pytest.approx(3 - 2.0**19 - 1, rel=1e-5)
    same = probe("minimized", kind="lying", evaluations=60, **more)
    assert same["asked"] == 21 and np.array_equal(same["x"], more["x"])


@exercise("18.3")
def test_one_step_is_enough_to_remember(probe):
    """With a memory of one, a bowl is still walked down."""
    data = np.float32([1, 5])
    found = probe("minimized", kind="quadratic", x=np.float32([1, 1]), evaluations=60, memory=1,
                  enough=1e-3, data=data)  # fmt: skip
    assert found["steepest"] <= 1e-3 and found["asked"] > 2


@exercise("18.3")
def test_only_the_last_steps_are_remembered(probe, draw):
    """40,000 numbers, 60 questions, three steps in memory."""
    found = probe("minimized_memory", x=3 * draw.normal(200, 200), evaluations=60, memory=3)
    assert not found["much"], "all steps are kept"
    assert 0 <= found["value"] < 4000 and found["asked"] > 20


@exercise("18.3")
def test_bad_numbers(check, probe):
    """No questions, no memory; a start whose value is no number."""
    good = {"kind": "wall", "x": np.float32([0.5]), "evaluations": 30, "memory": 3, "enough": 1e-3}
    assert probe("minimized", **good)["value"] < 0.2
    check.raises("minimized", "ValueError", match="evaluations", **good | {"evaluations": 0})
    check.raises("minimized", "ValueError", match="memory", **good | {"memory": 0})
    check.raises("minimized", "ValueError", match="finite", **good | {"x": np.float32([3])})
    check.raises("minimized", "ValueError", match="finite", **good | {"x": np.float32([2])})
    check.raises("minimized", "ValueError", match="finite",
                 **good | {"kind": "pit", "x": np.float32([0])})  # fmt: skip
