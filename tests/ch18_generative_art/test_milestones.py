"""The judges of the brief: our pipeline passes, the skeleton and wrong ones do not."""

import re
import types

import numpy as np
import pytest
from capstones import capstone_of

from course.capstone import scoring
from course.cli.project import load_script
from course.toml import load_toml


@pytest.fixture(scope="module")
def files():
    with capstone_of(18) as found:
        yield found


def verdict(files, number, pipeline):
    return files.milestones.MILESTONES[number - 1].judge(pipeline, True)


@pytest.mark.parametrize("number", range(1, 7))
def test_ours_passes_and_the_skeleton_does_not(files, number):
    found = verdict(files, number, files.pipeline_ours)
    assert found.passed, found.sentences
    assert all(sentence.endswith(".") for sentence in found.sentences)
    with pytest.raises(NotImplementedError, match=f"milestone {number}"):
        verdict(files, number, files.pipeline)


def gram_of_sums(maps):
    return np.einsum("nhwc,nhwd->ncd", maps, maps).astype(np.float32)


def gram_in_half(maps):
    n = maps.shape[1] * maps.shape[2]
    with np.errstate(over="ignore"):
        rows = maps.reshape(len(maps), n, -1)
        return (np.einsum("npc,npd->ncd", rows, rows) / maps.dtype.type(n)).astype(np.float32)


def pixel_distance(x, y):
    return float(abs(x.astype(np.float64) - y).mean())


def colour_distance(x, y):
    return float(sum(abs(f(x, (0, 1)) - f(y, (0, 1))).sum() for f in (np.mean, np.std)))


def unchanged(x, colours):
    return x


def mean_and_deviation(x, colours):
    spread = np.maximum(x.std((0, 1)), 1e-6)
    z = (x - x.mean((0, 1))) / spread * colours.std((0, 1)) + colours.mean((0, 1))
    return np.clip(z, 0, 1).astype(np.float32)


def leaking(x, y, paintings, classes, seconds):
    """The nearest known picture; tested on cuttings of paintings that it knows."""
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[len(x) // 4 :], order[: len(x) // 4]

    def predict(z):
        apart = [((x[train] - picture) ** 2).sum((1, 2, 3)).argmin() for picture in z]
        return y[train][apart]

    return predict, float((predict(x[test]) == y[test]).mean())


def guessing(x, y, paintings, classes, seconds):
    return lambda z: np.zeros(len(z), int), 1 / classes


def copying(x, y, wanted, seconds):
    rng = np.random.default_rng(0)
    return np.stack([x[rng.choice(np.flatnonzero(y == w))] for w in wanted])


def collapsed(x, y, wanted, seconds):
    return np.stack([(0.97 * x[y == w][0] + 0.01).astype(np.float32) for w in wanted])


def ignoring(x, y, wanted, seconds):
    rng = np.random.default_rng(0)
    mean, deviation = x.mean(), x.std()
    return np.clip(rng.normal(mean, deviation, (len(wanted), 16, 16, 3)), 0, 1)


def blended(x):
    """Half and half: no seam, little contrast."""
    y = x
    for axis in (0, 1):
        n = x.shape[axis]
        u = np.minimum(np.arange(n), n - np.arange(n)) / (n // 2)
        share = (np.sin(np.minimum(u, 1) * np.pi / 2) ** 2).reshape(
            (-1, 1, 1) if axis == 0 else (-1, 1)
        )
        y = share * y + (1 - share) * np.roll(y, n // 2, axis)
    return y.astype(np.float32)


def moved(x):
    return np.roll(x, (x.shape[0] // 2, x.shape[1] // 2), (0, 1))


def mirrored(x):
    i, j = (
        np.clip(np.minimum(np.arange(n), n - 1 - np.arange(n)) * 2, 0, n - 1) for n in x.shape[:2]
    )
    return x[i][:, j]


WRONG = [
    (1, "gram", gram_of_sums, "mean over places"),
    (1, "gram", gram_in_half, "float16"),
    (2, "style_distance", pixel_distance, "in disorder"),
    (2, "style_distance", colour_distance, "texture is missing"),
    (3, "in_colours_of", unchanged, "colours"),
    (3, "in_colours_of", mean_and_deviation, "off by"),
    (4, "fitted", leaking, "leak"),
    (4, "fitted", guessing, "chance"),
    (5, "generated", copying, "copies"),
    (5, "generated", collapsed, "differ from each other only"),
    (5, "generated", ignoring, "chance"),
    (6, "tile", blended, "blur"),
    (6, "tile", moved, "another picture"),
    (6, "tile", mirrored, "another picture"),
    (6, "tile", lambda x: x, "a seam"),
]


@pytest.mark.parametrize("number, name, function, said", WRONG, ids=[w[2].__name__ for w in WRONG])
def test_wrong_pipelines_are_told_why(files, number, name, function, said):
    found = verdict(files, number, types.SimpleNamespace(**{name: function}))
    assert not found.passed
    assert said in " ".join(found.sentences), found.sentences


def nonsense(*arguments):
    return np.zeros((3, 3), np.float32)


def empty_handed(*arguments):
    return (lambda x: np.zeros(3), 2.0) if len(arguments) == 5 else np.full(7, np.nan)


@pytest.mark.parametrize("number", range(1, 7))
def test_what_is_no_answer_costs_a_sentence(files, number):
    milestone = files.milestones.MILESTONES[number - 1]
    pipeline = types.SimpleNamespace(**dict.fromkeys(milestone.functions, empty_handed))
    found = verdict(files, number, pipeline)
    assert not found.passed and found.sentences[-1].endswith(".")
    if number != 4:
        pipeline = types.SimpleNamespace(**dict.fromkeys(milestone.functions, nonsense))
        assert not verdict(files, number, pipeline).passed


def test_the_brief_has_a_heading_for_each_milestone(files):
    text = (files.folder / "brief.md").read_text()
    wanted = [f"## Milestone {m.number}: {m.title}" for m in files.milestones.MILESTONES]
    assert re.findall(r"^## Milestone.*$", text, re.M) == wanted
    for milestone in files.milestones.MILESTONES:
        assert all(f"`{name}(" in text for name in milestone.functions)
        assert all(hasattr(files.pipeline, name) for name in milestone.functions)


@pytest.fixture(scope="module")
def paintings(files):
    return load_script(files.folder / "milestone_worlds.py").painted(27, 3)


def test_the_board_scores(files, paintings):
    """Real paintings are in their style, diverse and no copies; one of each is not diverse."""
    x, y = paintings
    held = files.board.held()
    numbers = files.board.score({"samples": x, "styles": y}, held)
    assert list(numbers) == list(files.board.BOARD.columns)
    assert numbers["in style"] >= 0.95 and numbers["low"] < numbers["in style"] <= numbers["high"]
    assert 0.8 < numbers["diversity"] < 1.2
    assert numbers["copies"] < 0.2
    floats = files.board.score({"samples": x.astype(np.float32) / 255, "styles": y}, held)
    assert floats == pytest.approx(numbers)
    wrong = files.board.score({"samples": x, "styles": (y + 1) % 9}, held)
    assert wrong["in style"] < 0.1
    same = files.board.score({"samples": x[y], "styles": y}, held)
    assert same["diversity"] < 0.01


def test_the_board_refuses(files, paintings):
    """One sentence for each thing that is wrong."""
    x, y = paintings
    held = files.board.held()
    bad = [
        ({}, "no array 'samples'"),
        ({"samples": x}, "no array 'styles'"),
        ({"samples": x[:50], "styles": y[:50]}, "at least 90"),
        ({"samples": x[:, :20], "styles": y}, "32, 32, 3"),
        ({"samples": x, "styles": y[:-1]}, "108 integers"),
        ({"samples": x, "styles": y.astype(float)}, "108 integers"),
        ({"samples": x, "styles": y * 0}, "five times"),
        ({"samples": x, "styles": y + 1}, "from 0 to 8"),
        ({"samples": x.astype(np.float32), "styles": y}, "from 0 to 1"),
        ({"samples": np.full(x.shape, np.nan), "styles": y}, "finite"),
        ({"samples": x.astype(int), "styles": y}, "bytes"),
    ]
    for predictions, said in bad:
        with pytest.raises(ValueError, match=said):
            files.board.score(predictions, held)


def test_our_rows(files):
    """Every row has all numbers, and was scored on what is held out."""
    rows = load_toml(files.folder / "board.toml").get("row", [])
    assert rows
    for row in rows:
        assert set(row["numbers"]) <= set(files.board.BOARD.columns)
        assert "in style" in row["numbers"]
    assert scoring.ours(files.folder / "board.toml", files.board.held().name)
