"""The part of project 13 that draws objects, and its judge, in their smallest sizes.

Each threshold lies between what the solutions and what sabotaged solutions measured.
"""

import dataclasses
import io
import sys

import numpy as np
import pytest

from course.cli.project import after_chapter, chosen_parts, load_script
from course.errors import CourseError
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch13_diffusion_clip"


@pytest.fixture
def script(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYMLX_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no cache"))
    with after_chapter(PROJECT, load_registry(PROJECT), 13):
        yield load_script(FOLDER / "project.py")


def part(script, name):
    """A file beside the project."""
    return sys.modules[f"{script.__name__}.{name}"]


def run_in(script, out, said=None, **changes):
    """A run of the quick setting; what it says goes into ``said``."""
    setting = dataclasses.replace(script.QUICK, **changes)
    console = script.Console(file=said or io.StringIO(), width=200)
    return part(script, "runs").Run(out, setting, console)


def some(script, count, side=8):
    """Pictures of noise in three classes, the first third of class 0 and so on."""
    import mlx.core as mx

    from tinymlx.data.dataset import Dataset, Part

    rng = np.random.default_rng(0)
    x = mx.array(rng.uniform(size=(count, side, side, 3)).astype(np.float32))
    rows = Part(x, mx.arange(count).astype(mx.int32) * 3 // count)
    return Dataset("noise", ("one", "two", "three"), rows, Part(x[:3], rows.y[:3]))


def batches_of(script, run, learn):
    """What a training would be given, without the training."""
    got = []
    run.fit = lambda name, model, loss, batch, plan: got.append((batch, plan))
    learn()
    return got[0]


def test_the_part_runs_whole(script, tmp_path):
    """Judge, U-Net, table and pictures, with hardly any training; nothing is left to resume."""
    settings, runs = part(script, "settings"), part(script, "runs")
    few = runs.Plan(2, 8)
    tiny = dataclasses.replace(
        script.QUICK.objects,
        looker=settings.Looker((4,), (1,), (1,), (4, 2), hole=4),
        looking=few,
        unet=settings.Sizes(4, (8,), (False,), context=8),
        plan=few,
        judged=12,
        calls=1,
        guidance=1.0,
    )
    setting = dataclasses.replace(script.QUICK, objects=tiny)
    numbers = script.main(tmp_path, parts=["objects"], setting=setting)
    for name in ("the judge on test pictures", "as asked, guidance 1.0"):
        assert 0 <= numbers[f"objects: {name}"] <= 1
    best = numbers["objects: Frechet ratio, the best"]
    assert 1 < best <= numbers["objects: Frechet ratio, guidance 1.0"]
    # Noise is further from the training pictures than test pictures are.
    near, usual = (
        numbers[f"objects: {name}"]
        for name in ("to the nearest training picture", "the same of test pictures")
    )
    assert near > usual > 0
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "numbers.json",
        "objects.png",
        "objects_neighbours.png",
        "objects_guidance.png",
        "objects_guidance.svg",
    }


def test_the_judge_knows_the_classes(script, tmp_path):
    """It is right on test pictures far more often than chance, 1/6; one that takes each class for
    the next, or was taught so, is not."""
    objects, judge_of = part(script, "objects"), part(script, "colour_judge")
    conditional = part(script, "conditional")
    from tinymlx import core

    run = run_in(script, tmp_path)
    data, setting = objects.pictures(run), run.setting.objects
    known, _ = judge_of.held_back(data)
    judge = judge_of.learned_judge(run, known, 6, setting.looker, setting.looking)
    seen, labels = judge(core.array(data.test.x)), core.array(data.test.y)
    assert seen.features.shape == (len(data.test.y), setting.looker.widths[-1])
    # 0.45; taught the next class instead 0.13.
    assert conditional.as_asked(seen, labels) > 0.3
    swapped = conditional.Seen((seen.classes + 1) % 6, seen.features)
    assert conditional.as_asked(swapped, labels) < 0.2
    # The judge keeps nothing of a batch: one by one it sees the same.
    alone = core.concatenate([judge(core.array(data.test.x[i : i + 1])).features for i in range(5)])
    assert np.allclose(alone.tolist(), seen.features[:5].tolist(), atol=1e-4)


def test_a_judge_that_is_trained_is_not_trained_again(script, tmp_path):
    """A run that was stopped behind it reads it back, bit for bit, and draws no batch for it."""
    judge_of, runs = part(script, "colour_judge"), part(script, "runs")
    settings = part(script, "settings")
    data, looker = some(script, 30), settings.Looker((4,), (1,), (1,), (3, 1))
    from tinymlx import core

    x, found, drawn = core.array(data.test.x), [], []
    shuffled = judge_of.shuffled
    judge_of.shuffled = lambda *numbers: drawn.append(numbers) or shuffled(*numbers)
    for steps in (3, 3, 4):
        run, drawn[:] = run_in(script, tmp_path), []
        judge = judge_of.learned_judge(run, data.train, 3, looker, runs.Plan(steps, 8))
        found.append((judge(x).features.tolist(), len(drawn)))
    assert found[0][0] == found[1][0] != found[2][0]
    assert [count for _, count in found] == [6, 0, 8]  # two orders for each batch


def test_the_judge_learns_from_other_pictures_than_it_compares(script, tmp_path):
    """No picture is in both parts, and each class is divided alike; the others are as many as there
    are test pictures, and never more than half."""
    judge_of = part(script, "colour_judge")
    data = some(script, 60)
    for tests, expected in ((12, 12), (60, 30)):
        both = dataclasses.replace(
            data, test=type(data.test)(data.train.x[:tests], data.train.y[:tests])
        )
        known, others = judge_of.held_back(both)
        assert (len(known.y), len(others.y)) == (60 - expected, expected)
        assert [others.y.tolist().count(c) for c in range(3)] == [expected // 3] * 3
        rows = {tuple(np.array(x).ravel().tolist()) for p in (known, others) for x in p.x}
        assert len(rows) == 60


def test_the_judge_sees_all_before_one_comes_again(script, tmp_path):
    """Two and a half batches are an epoch; each has every picture once, with its own class."""
    judge_of, runs = part(script, "colour_judge"), part(script, "runs")
    data, run = some(script, 30), run_in(script, tmp_path)
    looker, plan = run.setting.objects.looker, runs.Plan(5, 12)
    judges = []
    batch, plan = batches_of(
        script,
        run,
        lambda: judges.append(judge_of.learned_judge(run, data.train, 3, looker, plan)),
    )
    seen, labels = [], []
    for i in range(5):
        x, y = batch(i)
        x = x * judges[0].deviation + judges[0].mean
        seen += np.array(x.tolist(), np.float32).tolist()
        labels += y.tolist()
    stored = np.array(data.train.x.tolist(), np.float32)
    for epoch in (range(30), range(30, 60)):
        rows = [np.abs(stored - np.array(seen[i])).max(axis=(1, 2, 3)).argmin() for i in epoch]
        assert sorted(rows) == list(range(30))
        assert [labels[i] for i in epoch] == [int(data.train.y[int(r)]) for r in rows]
        assert rows != list(range(30))


@pytest.mark.parametrize("flip", [True, False])
def test_half_of_the_objects_are_mirrored_and_no_digit(script, tmp_path, flip):
    """Of 400 draws a fair coin leaves 160 to 240 in all but 1 of 20,000 runs."""
    objects, conditional = part(script, "objects"), part(script, "conditional")
    data, run = some(script, 30), run_in(script, tmp_path)
    task = objects.task_of(run, data)
    assert task.flip
    plan = dataclasses.replace(task.plan, batch=400)
    task = dataclasses.replace(task, flip=flip, plan=plan)
    batch, _ = batches_of(script, run, lambda: conditional.learned(run, task))
    x, y = batch(0)
    x, stored = np.array(x.tolist()), 2 * np.array(data.train.x.tolist()) - 1
    whole = x.reshape(400, 1, -1)
    straight = np.abs(whole - stored.reshape(1, 30, -1)).max(axis=2)
    mirrored = np.abs(whole - stored[:, :, ::-1].reshape(1, 30, -1)).max(axis=2)
    places = np.minimum(straight, mirrored).argmin(axis=1)
    assert np.minimum(straight, mirrored).min(axis=1).max() < 1e-6
    assert y.tolist() == np.array(data.train.y)[places].tolist()
    count = int((mirrored.min(axis=1) < 1e-6).sum())
    assert 160 <= count <= 240 if flip else count == 0


def test_each_column_is_what_was_asked(script, tmp_path):
    """A flow that goes to one colour for each class fills columns of that colour."""
    objects, conditional = part(script, "objects"), part(script, "conditional")
    from tinymlx import core

    run = run_in(script, tmp_path)
    task = dataclasses.replace(objects.task_of(run, some(script, 30)), judged=7, calls=3)
    colours = core.array([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [0, 0, 0]])

    def model(x, t, labels):
        return (x - colours[labels][:, None, None]) / t.reshape(-1, 1, 1, 1)

    for scale in (1.0, 2.0):
        x = conditional.made(model, task, scale)
        assert x.shape == (7, 8, 8, 3)
        assert np.argmax(x[:, 3, 5].tolist(), axis=1).tolist() == [0, 1, 2, 0, 1, 2, 0]
        assert all(0 <= v <= 1 for v in (core.min(x).item(), core.max(x).item()))


def test_missing_and_damaged_photographs(script, tmp_path, monkeypatch):
    """What is taken instead, and how photographs are fetched; a damaged file is one sentence."""
    objects = part(script, "objects")
    asked = []
    monkeypatch.setattr(objects.shapes, "load", lambda **options: asked.append(options))
    said = io.StringIO()
    objects.pictures(run_in(script, tmp_path, said, name="default"))
    assert asked == [{"clutter": 0.4}]
    assert "`tinymlx data cifar10` fetches" in " ".join(said.getvalue().split())
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(b"no archive")
    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path))
    with pytest.raises(CourseError, match=r"cifar-10-binary\.tar\.gz") as error:
        objects.pictures(run_in(script, tmp_path, name="default"))
    assert "\n" not in str(error.value)


def test_which_parts_there_are(script, tmp_path, capsys):
    """Two cores are not asked for objects unless somebody asks; an unknown part is a sentence, and
    so is one without weights, where nothing is to be trained."""
    assert "objects" not in script.DEFAULT.parts
    assert set(script.QUICK.parts) == set(script.FULL.parts) == set(script.PARTS)
    assert chosen_parts(13, script, "objects") == {"parts": ["objects"]}
    with pytest.raises(CourseError, match=r"There is no part 'photos'; there are floor, .*objects"):
        chosen_parts(13, script, "photos")
    with pytest.raises(ValueError, match="There is no part 'photos'"):
        script.main(tmp_path, quick=True, parts=["photos"])
    assert script.main(tmp_path, trained=True, parts=["objects"]) == {}
    assert "No weights of objects came with the course" in capsys.readouterr().out
