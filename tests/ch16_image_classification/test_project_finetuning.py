"""A published network that goes on learning: rates by depth, and a run on small things."""

import sys

import numpy as np
import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()


@pytest.fixture
def tuning():
    with after_chapter(PROJECT, load_registry(PROJECT), 16):
        script = load_script(PROJECT.exercises / "ch16_image_classification" / "project.py")
        yield sys.modules[f"{script.__name__}.finetuning"]


def test_the_rate_falls_with_the_distance_from_the_output(tuning):
    """Adam's first step is as long as the rate, whatever the gradient: it shows each group's."""
    from tinymlx import core, nn
    from tinymlx.models.efficientnet import EfficientNetLite
    from tinymlx.utils import tree_flatten, tree_map

    model = EfficientNetLite(classes=10)
    before = dict(tree_flatten(model.trainable_parameters()))
    assert {tuning.group(path) for path in before} == set(range(len(tuning.GROUPS)))
    optimizer = tuning.layerwise(1e-2, 4)
    gradients = tree_map(core.ones_like, model.trainable_parameters())
    optimizer.update(model, gradients)
    steps = {}
    for path, weight in tree_flatten(model.trainable_parameters()):
        if not path.endswith("weight") or weight.ndim < 2:  # no decay there
            moved = np.array((before[path] - weight).tolist()).mean()
            steps.setdefault(tuning.group(path), []).append(moved)
    means = [np.mean(steps[i]) for i in range(len(tuning.GROUPS))]
    assert all(np.allclose(steps[i], means[i], rtol=1e-3) for i in steps)
    assert np.allclose(np.divide(means[1:], means[:-1]), tuning.SLOWER, rtol=1e-3)
    assert isinstance(model.fc, nn.Linear)


def test_a_small_network_learns_on(tuning, tmp_path):
    """Two colours, told apart within a few steps; and the run is resumable by its checkpoint."""
    import mlx.core as mx

    from tinymlx import core
    from tinymlx.data.dataset import Part
    from tinymlx.models.efficientnet import EfficientNetLite, Stage

    core.random.seed(0)
    y = np.arange(200) % 2
    x = np.random.default_rng(0).uniform(0, 0.5, (200, 16, 16, 3)).astype(np.float32)
    x[y == 1, :, :, 0] += 0.5
    part = Part(mx.array(x), mx.array(y.astype(np.int32)))
    model = EfficientNetLite((Stage(1, 3, 1, 1, 4),), stem=4, head=8, classes=7)
    tuning.finetuned(model, part, part, 2, tmp_path, side=16, epochs=8, decay=0.5)
    probabilities = np.array(tuning.foretold(model, core.array(part.x), 16).tolist())
    assert probabilities.shape == (200, 2)
    assert np.abs(probabilities.sum(1) - 1).max() < 1e-5
    assert (probabilities.argmax(1) == y).mean() > 0.9
    assert list(tmp_path.glob("unfinished-transfer*"))
