"""A judge of colour pictures, trained on the spot: a residual network of chapter 7.

The judge of digits came with the course and is the same for everybody. This one belongs to a run,
so its numbers compare what was made in one run, at several scales. How often it is right on real
test pictures is printed: a perfect generator would be right as often, not always.

It learns from a part of the training pictures only. Those it has learned from it knows too well:
their features lie further apart by class than those of new pictures do. For "real against real" it
has to see two sets that are both new to it.
"""

from dataclasses import dataclass

import mlx.core as mx

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.data.dataset import Dataset, Part, divided
from tinymlx.models import ResNet
from tinymlx.nn import Module
from tinymlx.vision.augmentation import random_crop, random_flip
from tinymlx.vision.mixing import one_hot, random_cutout

from .conditional import Seen
from .runs import Batch, Plan, Run, in_pieces, seeded, weights_count
from .settings import Looker


@dataclass(frozen=True)
class ColourJudge:
    """A trained network and the statistics of what it was trained on.

    Attributes:
        model: in evaluation mode.
        mean, deviation: of each colour, ``(3,)``.
    """

    model: ResNet
    mean: array
    deviation: array

    def __call__(self, pictures: array) -> Seen:
        """What is on pictures from 0 to 1, ``(N, H, W, 3)``; the features are the means of the
        last maps over all places."""

        def features(start: int, stop: int) -> array:
            x = (pictures[start:stop] - self.mean) / self.deviation
            return core.mean(self.model.features(x), axis=(1, 2))

        found = in_pieces(features, pictures.shape[0])
        return Seen(core.argmax(self.model.linear(found), axis=-1), found)


def held_back(data: Dataset) -> tuple[Part, Part]:
    """What the judge learns from, and as many others as there are test pictures (at most half)."""
    share = min(len(data.test.y) / len(data.train.y), 0.5)
    return divided(*data.train, test_share=share, seed=1)


def learned_judge(run: Run, known: Part, classes: int, looker: Looker, plan: Plan) -> ColourJudge:
    """A judge that has learned from ``known``."""
    core.random.seed(1)
    model = ResNet(looker.widths, looker.blocks, looker.strides, looker.stem, classes)
    run.console.print(f"A judge of {weights_count(model):,} weights.")
    x, y = core.array(known.x), core.array(known.y)
    mean = core.mean(x, axis=(0, 1, 2))
    deviation = core.maximum(core.std(x, axis=(0, 1, 2)), 1e-3)

    def batch(i: int) -> Batch:
        # Every picture once, in a new order, before one comes again.
        epoch, place = divmod(i * plan.batch, y.shape[0])
        order = core.concatenate([shuffled(y.shape[0], epoch), shuffled(y.shape[0], epoch + 1)])
        chosen = order[place : place + plan.batch]
        return (x[chosen] - mean) / deviation, y[chosen]

    def loss(model: Module, x: array, labels: array) -> array:
        x = random_crop(random_flip(x), x.shape[1] // 8)
        if looker.hole:
            x = random_cutout(x, looker.hole)
        targets = 0.9 * one_hot(labels, classes) + 0.1 / classes
        return nn.losses.cross_entropy(model(x), targets, reduction="mean")

    run.fit("objects_judge", model, loss, batch, plan)
    return ColourJudge(model, mean, deviation)


def shuffled(count: int, seed: int) -> array:
    """The numbers below ``count`` in an order that follows from a seed."""
    return core.array(mx.random.permutation(count, key=seeded(seed)))
