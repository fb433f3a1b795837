"""Painted data: the same from the same seed, one picture at every size, styles that are styles."""

import numpy as np
import pytest

from tinymlx.data.paintings import STYLES, collection, paint


@pytest.mark.parametrize("style", STYLES)
def test_a_painting_follows_from_its_seed(style):
    first, again, other = paint(style, 3, 48), paint(style, 3, 48), paint(style, 4, 48)
    assert first.shape == (48, 48, 3) and first.dtype == np.float32
    assert first.min() >= 0 and first.max() <= 1
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 0.03
    assert first.std() > 0.05  # something is on it


@pytest.mark.parametrize("style", STYLES)
def test_the_size_changes_the_resolution_and_not_the_picture(style):
    fine, coarse, other = paint(style, 5, 128), paint(style, 5, 32), paint(style, 6, 32)
    averaged = fine.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(averaged - coarse).mean() < 0.6 * np.abs(averaged - other).mean()


def test_styles_are_told_apart_by_little():
    """Seven numbers a picture and a linear model: a style is more than its colours."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    def looked_at(x):
        grey = x.mean(axis=-1)
        across, down = np.diff(grey, axis=2), np.diff(grey, axis=1)
        parts = [np.abs(across).mean((1, 2)), np.abs(down).mean((1, 2)), grey.std((1, 2))]
        parts += [(grey < 0.15).mean((1, 2)), (grey > 0.85).mean((1, 2))]
        parts += [(np.abs(across) < 0.01).mean((1, 2)), x.std(axis=-1).mean((1, 2))]
        return np.stack(parts, axis=1)

    x, y = collection(12 * len(STYLES), 32)
    other, truth = collection(6 * len(STYLES), 32, seed=1)
    scaler = StandardScaler().fit(looked_at(x))
    model = LogisticRegression(C=100, max_iter=2000).fit(scaler.transform(looked_at(x)), y)
    assert model.score(scaler.transform(looked_at(other)), truth) > 0.8  # by chance: 0.11


def test_a_collection_takes_styles_in_turn():
    x, y = collection(5, 16, ("glass", "waves"), seed=2)
    assert x.shape == (5, 16, 16, 3) and y.tolist() == [0, 1, 0, 1, 0]
    assert np.array_equal(x[2], paint("glass", 2_000_001, 16))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cubism", 0, 64), "no style 'cubism'; there are flow, glass"),
        (("glass", -1, 64), "seed is -1"),
        (("glass", 1.5, 64), "seed is 1.5; it must be a whole number"),
        (("glass", "3", 64), "seed is '3'; it must be a whole number"),
        (("glass", 0, 8), "size is 8; it must be a whole number from 16 to 1024"),
        (("glass", 0, 20_000), "size is 20000"),
        (("glass", 0, 32.5), "size is 32.5"),
        (("glass", 0, 32.0), "size is 32.0"),
    ],
)
def test_what_cannot_be_painted(arguments, said):
    with pytest.raises(ValueError, match=said):
        paint(*arguments)
