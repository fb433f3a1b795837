"""Judges of 7.15 to 7.20: augmentation, the rate, whitening, maps, several views."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("7.15")
@pytest.mark.parametrize("which", [[True, False, True], [False] * 3, [True] * 3], ids=str)
def test_flips(check, draw, which):
    """Left and right, of the pictures that are named and of no other."""
    check("flips", x=draw.normal(3, 4, 5, 2), which=np.array(which))


@exercise("7.15")
@pytest.mark.parametrize(
    "shape, padding", [((5, 4, 6, 2), 2), ((4, 3, 3, 1), 4), ((2, 4, 4, 3), 0)]
)
def test_crops(check, draw, shape, padding):
    """Every picture moved by its own numbers; zeros where it came from."""
    rows, columns = (draw.integers(shape[0], low=0, high=2 * padding + 1) for _ in range(2))
    rows[:2], columns[:2] = [2 * padding, padding], [0, (5 * padding) // 4]  # a far one, a near one
    check("crops", x=draw.normal(*shape), rows=rows, columns=columns, padding=padding)


@exercise("7.15")
def test_pictures_in_half_precision(check, draw):
    """Half precision stays half precision, whatever happens to a picture."""
    x = draw.normal(2, 4, 4, 2, dtype="float16")
    check("flips", x=x, which=np.array([True, False]))
    check("crops", x=x, rows=np.array([1, 2]), columns=np.array([0, 1]), padding=1)
    check("random_crops_type", x=x)


@exercise("7.15")
def test_random_crops(probe, draw):
    """Every place equally likely, for each picture anew; a seed repeats them.

    4000 pictures at 25 places: 160 each, with a standard deviation of 12.4. A count off by seven of
    them happens to the right function in less than one of 10^9 runs.
    """
    found = probe("random_crops", count=4000, padding=2, seed=draw.seed() % 10**6)
    assert found["same key, same pictures"]
    assert found["same state, same pictures"]
    assert found["the state moves on"]
    for name in ("by key", "by state"):
        moves = found[name]
        assert moves.min() == 0
        assert moves.max() == 4
        counts = np.bincount(moves[:, 0] * 5 + moves[:, 1], minlength=25)
        assert abs(counts - 160).max() < 7 * 12.4, counts


@exercise("7.16")
@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_holes(check, draw, size):
    """Squares with even and odd sides, cut off at every border."""
    rows, columns = np.array([0, 2, 4, 3, 1]), np.array([0, 5, 1, 2, 4])
    check("holes", x=draw.normal(5, 5, 6, 2), rows=rows, columns=columns, size=size)
    check("holes", x=draw.normal(1, 8, 8, 2), rows=np.array([4]), columns=np.array([5]), size=2)


@exercise("7.16")
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_type_of_a_hole(check, draw, dtype):
    """Half precision stays half precision."""
    x = draw.integers(1, 4, 4, 2, low=1, high=5).astype(np.float32)
    check("holes_type", x=x, dtype=dtype)


@exercise("7.16")
def test_two_pictures_in_one(check, draw):
    """Shares of their own, the same for picture and target; each with its partner."""
    x = draw.normal(5, 3, 4, 2)
    targets = draw.uniform(5, 3, low=0, high=1)
    order, share = np.array([3, 0, 4, 1, 2]), draw.uniform(5, low=0.1, high=0.4)
    check("mixes", x=x, targets=targets, order=order, share=share)


@exercise("7.16")
def test_two_pictures_in_one_in_half_precision(check, draw):
    """Half precision stays half precision."""
    x, targets, share = (
        draw.uniform(*s, low=0.1, high=0.9, dtype="float16") for s in ((2, 3, 3, 1), (2, 3), (2,))
    )
    check("mixes", x=x, targets=targets, order=np.array([1, 0]), share=share)


@exercise("7.16")
def test_as_many_pictures_as_classes_rows_and_columns(check, draw):
    """Where all sizes are equal, a share along the wrong axis has the right shape."""
    x, targets = draw.normal(3, 3, 3, 3), draw.uniform(3, 3, low=0, high=1)
    check("mixes", x=x, targets=targets, order=np.array([1, 2, 0]), share=draw.uniform(3))


def rates(probe, peak, steps, warm_up):
    found = probe("cycle", peak=peak, steps=steps, warm_up=warm_up)
    assert agree(found["compiled"], found["rates"], terms=4)
    return found["rates"]


def of(found, steps):
    """Some steps and their rates, for a message."""
    return ", ".join(f"{found[i]:.4g} in step {i}" for i in steps)


@exercise("7.17")
@pytest.mark.parametrize(
    "peak, steps, warm_up",
    [(0.5, 40, 0.25), (3.0, 100, 0.1), (1e-3, 33, 0.5), (1.0, 100, 0.6), (2.0, 7, 0.25),
     (1.0, 8, 0.4), (1.0, 4, 0.25), (1.0, 3, 0.6)],
)  # fmt: skip
def test_up_and_down(probe, peak, steps, warm_up):
    """Up to the peak where it was asked for, then down to nothing at the end of the run."""
    found = rates(probe, peak, steps, warm_up)
    top, best = round(warm_up * steps), int(found.argmax())
    left = steps - top
    assert agree(found[top], np.float64(peak)), f"{of(found, [top])}; the peak, {peak}, is there"
    assert found.max() <= found[top], f"more than the peak: {of(found, [best, top])}"
    for i in range(top):
        assert found[i] <= found[i + 1], f"it falls before the peak: {of(found, [i, i + 1])}"
    for i in range(top, steps):
        assert found[i] >= found[i + 1], f"it rises behind the peak: {of(found, [i, i + 1])}"
        drop = found[i] - found[i + 1]
        assert left < 8 or drop < 0.25 * peak, f"a jump: {of(found, [i, i + 1])}"
    assert found[0] > 0, f"nothing is learned: {of(found, [0])}"
    assert top < 3 or found[0] <= peak / 4, f"too much at once: {of(found, [0])}, peak {peak}"
    assert found[steps - 1] > 0, f"nothing is learned: {of(found, [steps - 1])}"
    assert (found[steps:] == 0).all(), f"the run of {steps} steps is over: {of(found, [steps])}"
    for i in range(top + round(0.9 * left), steps if left >= 8 else 0):
        assert found[i] < 0.2 * peak, f"too much is left: {of(found, [i])} of {steps}, peak {peak}"


@exercise("7.17")
def test_a_quarter_by_default(probe):
    """Without a word about it, the peak is after a quarter of the steps."""
    found = rates(probe, 2.0, 80, None)
    assert found.argmax() == 20, f"the peak is in step {found.argmax()} of 80, not in 20"
    assert agree(found[20], np.float64(2.0))


@exercise("7.17")
@pytest.mark.parametrize("steps", [1, 2, 10])
def test_no_warm_up(probe, steps):
    """The peak at once, also in a run of a single step."""
    found = rates(probe, 0.5, steps, 0.0)
    assert agree(found[0], np.float64(0.5))
    assert (found[steps:] == 0).all()


@exercise("7.17")
@pytest.mark.parametrize(
    "steps, warm_up", [(0, 0.2), (10, 1.0), (10, -0.01), (-3, 0.5), (-3, 1.5), (3, 0.9)]
)
def test_a_cycle_that_cannot_be(check, probe, steps, warm_up):
    """No steps, no way down, a peak before the beginning."""
    assert rates(probe, 0.5, 8, 0.5).max() > 0
    check.raises("cycle", "ValueError", peak=1.0, steps=steps, warm_up=warm_up)


def whitened(x, found, size):
    """What the kernels make of all windows of `x`, in float64, one row each."""
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (size, size), (1, 2))
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size * size * x.shape[-1])
    kernels = found["weight"].astype(np.float64).reshape(rows.shape[1], -1)
    return rows, rows @ kernels.T + found["bias"], kernels


@exercise("7.18")
@pytest.mark.parametrize("size, channels, eps", [(2, 3, 1e-2), (3, 2, 0.1), (1, 3, 1e-2)])
def test_white_windows(probe, draw, size, channels, eps):
    """Mean 0, no covariance, variance 1 where there was variance enough; largest first."""
    smooth = draw.normal(12, 7, 8, channels)
    x = smooth + np.roll(smooth, 1, 1) + 0.5 * np.roll(smooth, 1, 2) + 2
    x = x.astype(np.float32)
    found = probe("white", x=x, size=size, eps=eps)
    rows, outputs, kernels = whitened(x, found, size)
    assert found["weight"].shape == (size * size * channels, size, size, channels)
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))[::-1]
    # Outputs are sums of as many products as a row has, over the root of the smallest value.
    options = {"dtype": "float32", "terms": len(rows)}
    scale = np.abs(kernels).max() * np.abs(rows).max()
    assert agree(outputs.mean(axis=0).astype(np.float32) / scale, 0 * values, **options)
    covariance = np.cov(outputs.T, bias=True).reshape(len(values), -1)
    expected = np.diag(values / (values + eps))
    assert agree(covariance.astype(np.float32), expected, **options)


@exercise("7.18")
def test_far_from_zero(probe, draw):
    """Means that are much larger than all variances: they are taken away first."""
    x = (50 + 0.1 * draw.normal(6, 8, 8, 2)).astype(np.float32)
    found = probe("white", x=x, size=1, eps=1e-6)
    _, outputs, _ = whitened(x, found, 1)
    # A variance of 0.01 beside a mean of 50, in float32: its last digit is 4e-6 of 50, or 4e-5 of
    # the deviation, so a percent leaves room. Squares of 50 would leave nothing.
    assert np.abs(outputs.var(axis=0) - 1).max() < 0.01, outputs.var(axis=0)


@exercise("7.18")
def test_a_direction_without_variance(probe, draw):
    """Two equal channels: nothing is blown up, and nothing is infinite, by default, too."""
    one = draw.normal(6, 5, 5, 1)
    found = probe("white", x=np.concatenate([one, one], axis=-1), size=1, eps=None)
    assert np.isfinite(found["weight"]).all()
    _, outputs, kernels = whitened(np.concatenate([one, one], axis=-1), found, 1)
    assert abs(outputs[:, 0].std() - 1) < 0.01
    assert 10 < np.linalg.norm(kernels[1]) <= 101  # 1 / sqrt(eps) is 100


@exercise("7.19")
@pytest.mark.parametrize("classes", [[0, 1, 2], [2, 2, 0]], ids=str)
def test_where_it_looked(check, draw, classes):
    """Each picture with its own class and its own weights; nothing negative."""
    check("looked", x=draw.normal(3, 6, 5, 2), kernel=draw.normal(5, 3, 3, 2) * 0.4,
          w=draw.normal(5, 3), classes=np.array(classes), terms=60)  # fmt: skip


@exercise("7.19")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_where_it_looked_on_two_pictures(check, draw, dtype):
    """Another number of pictures than of classes; half precision stays half precision."""
    x, kernel, w = (
        draw.normal(*s, dtype=dtype) * np.array(0.5, dtype)
        for s in ((2, 5, 5, 2), (4, 3, 3, 2), (4, 3))
    )
    check("looked", x=x, kernel=kernel, w=w, classes=np.array([1, 2]), terms=60)


def eyes(draw):
    """A small network whose logits are large, so that probabilities are far from equal."""
    return {
        "x": draw.normal(3, 4, 5, 2),
        "w": draw.normal(40, 4) * 0.6,
        "mean": draw.normal(2),
        "var": draw.uniform(2, low=0.5, high=2),
    }


@exercise("7.20")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(
    "views", [["itself"], ["mirrored"], ["itself", "mirrored", "shifted"]], ids=str
)
def test_several_views(check, draw, views, training):
    """The mean of probabilities, in evaluation mode; then the mode of before."""
    check("several_views", **eyes(draw), views=views, training=training, terms=40, scale=10)


@exercise("7.20")
def test_several_views_in_half_precision(check, draw):
    """Half precision stays half precision."""
    inputs = {name: x.astype(np.float16) for name, x in eyes(draw).items()}
    inputs["w"] *= np.float16(0.125)  # logits near 0, so that their rounding stays small
    check("several_views", **inputs, views=["itself", "mirrored"], training=False, terms=40)


@exercise("7.20")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_view_that_fails(check, draw, training):
    """The model is not left in the wrong mode."""
    check("a_view_that_fails", **eyes(draw), training=training, terms=40, scale=10)


@exercise("7.20")
def test_no_view_at_all(check, draw, probe):
    """Nothing to average over."""
    inputs = eyes(draw)
    found = probe("several_views", **inputs, views=["itself"], training=False)["y"]
    assert agree(found.sum(axis=1), np.ones(3), terms=4)
    check.raises("no_views", "ValueError", match="views", **inputs)
