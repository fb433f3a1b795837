"""What the graders of chapter 16 run of the student's code."""

import io

import mlx.core as mx

from course.grading import meter
from tinymlx import core, nn
from tinymlx.classification import (
    budget,
    comparison,
    distillation,
    duplicates,
    explanation,
    partition,
    rates,
    temperature,
)
from tinymlx.core import array as to_array
from tinymlx.core.arrays import bare
from tinymlx.models import vit as vision
from tinymlx.models.resnet import ResNet
from tinymlx.utils import tree_flatten, tree_unflatten
from tinymlx.vision import affine

__all__ = ["to_array"]


def pulled(function, arrays, g):
    """Output and cotangents of a function of several arrays."""
    (y,), gradients = core.vjp(function, arrays, [g])
    return y, gradients


def pulled_model(model, w, x, g, forward=None):
    """An output, and the gradients of the input and of every weight."""
    names = sorted(w)

    def function(x, *arrays):
        model.update(tree_unflatten(list(zip(names, arrays, strict=True))))
        return (forward or model)(x)

    model.load_weights(list(w.items()))
    y, (dx, *gradients) = pulled(function, [x, *(w[name] for name in names)], g)
    model.load_weights(list(w.items()))
    return {"y": y, "dx": dx, "weights": dict(zip(names, gradients, strict=True))}


def waiting(x):
    """How many operations wait behind an array: 0 once it has been evaluated."""
    written = io.StringIO()
    mx.export_to_dot(written, bare(x))
    return written.getvalue().count("rectangle")


# 16.1


def cells(length, count):
    return {"shares": duplicates.shares(length, count)}


def fingerprints(x, size):
    return {"bits": duplicates.difference_hash(x, size)}


def fingerprints_by_default(x):
    return {"bits": duplicates.difference_hash(x)}


def alike(hashes, radius, block):
    return {"groups": duplicates.duplicate_groups(hashes, radius, block)}


def alike_by_default(hashes, radius):
    return {"groups": duplicates.duplicate_groups(hashes, radius)}


def alike_memory(hashes, radius, block):
    """What is in memory at most, in tables of distances with `block` rows."""
    core.eval(hashes)
    mx.synchronize()
    before = mx.get_active_memory()
    meter.reset()
    groups = duplicates.duplicate_groups(hashes, radius, block)
    core.eval(groups)
    mx.synchronize()
    tables = (meter.peak() - before) / (4 * block * hashes.shape[0])
    held = "a few" if tables < 15 else "a quarter of all" if tables < 80 else "all"
    return {"groups": groups, "held": held}


# 16.2


def divided(labels, groups, share, seed):
    """Both parts, twice from one key and once from another, with and without a key."""
    key = core.random.key(seed)
    train, test = partition.grouped_split(labels, groups, share, key)
    again = partition.grouped_split(labels, groups, share, core.random.key(seed))[1]
    other = partition.grouped_split(labels, groups, share, core.random.key(seed + 1))[1]
    core.random.seed(seed)
    free = [partition.grouped_split(labels, groups, share)[1] for _ in range(2)]
    core.random.seed(seed)
    repeated = partition.grouped_split(labels, groups, share)[1]
    return {
        "train": train,
        "test": test,
        "same key": core.array_equal(test, again).item(),
        "other key": test.tolist() == other.tolist(),
        "state moves": free[0].tolist() == free[1].tolist(),
        "state decides": core.array_equal(free[0], repeated).item(),
        "dtypes": [str(train.dtype), str(test.dtype)],
    }


def tested(labels, groups, share, seed, times):
    """How often each example is in the test part."""
    counts = core.zeros(labels.shape)
    for key in core.random.split(core.random.key(seed), times):
        test = partition.grouped_split(labels, groups, share, key)[1]
        counts = counts.at[test].add(1.0)
    return {"counts": counts}


def split_fails(labels, groups, share):
    return {"test": partition.grouped_split(labels, groups, share)[1]}


# 16.3


def cut(x, side, g):
    y, (dx,) = pulled(lambda x: [vision.patches(x, side)], [x], g)
    return {"y": y, "dx": dx}


def cut_only(x, side):
    return {"y": vision.patches(x, side)}


def cut_steps(x, side):
    """How many operations it takes to cut a picture, and what comes out."""
    y = vision.patches(x, side)
    return {"steps": waiting(y) - waiting(x), "y": y}


def stretched(positions, rows, columns, g):
    y, (dx,) = pulled(lambda p: [vision.resized(p, rows, columns)], [positions], g)
    return {"y": y, "dx": dx}


def unchanged(positions):
    same = vision.resized(positions, *positions.shape[:2])
    return {"y": same, "operations": waiting(same) - waiting(positions)}


def sequence(x, w, config, g):
    model = vision.Tokens(vision.ViTConfig(**config))
    return pulled_model(model, w, x, g, lambda x: [model(x)])


def shapes(config):
    """The names and shapes of the weights of a model."""
    model = vision.ViT(vision.ViTConfig(**config))
    return {name: list(w.shape) for name, w in tree_flatten(model.parameters())}


# 16.4


def block(x, w, heads, mlp, g):
    model = vision.EncoderBlock(x.shape[-1], heads, mlp, drop=0.5)
    model.eval()
    return pulled_model(model, w, x, g, lambda x: [model(x)])


def block_training(x, w, heads, mlp, seed):
    """A block in training, which leaves out half of the branches."""
    model = vision.EncoderBlock(x.shape[-1], heads, mlp, drop=0.5)
    model.load_weights(list(w.items()))
    core.random.seed(seed)
    return {"y": model(x)}


def pooled(x, w, g):
    model = vision.SequencePool(x.shape[-1])
    return pulled_model(model, w, x, g, lambda x: [model(x)])


def looks(x, w, config, g):
    model = vision.ViT(vision.ViTConfig(**config))
    model.eval()
    found = pulled_model(model, w, x, g, lambda x: [model(x)])
    return {"features": model.features(x), **found}


# 16.5


def resnet(widths, blocks, strides, stem, side, classes, channels):
    found = budget.resnet_size(widths, blocks, strides, tuple(stem), side, classes, channels)
    return {"parameters": found.parameters, "flops": found.flops}


def resnet_by_default(widths, blocks, strides):
    found = budget.resnet_size(widths, blocks, strides)
    model = ResNet(widths, blocks, strides)
    learned = sum(w.size for _, w in tree_flatten(model.trainable_parameters()))
    return {"parameters": found.parameters, "flops": found.flops, "learned": learned}


def vit_undrawn(config):
    """The next random number, had nothing been drawn, and after a size was asked for."""
    core.random.seed(3)
    expected = core.random.uniform().item()
    core.random.seed(3)
    found = budget.vit_size(vision.ViTConfig(**config))
    return {"same": core.random.uniform().item() == expected, "parameters": found.parameters}


def vit(config, weights):
    found = budget.vit_size(vision.ViTConfig(**config))
    return {"parameters": found.parameters, "flops": found.flops}


def widest(costs, limit, scale):
    """Which width fits, and how many were tried; a width's cost stands in a list."""
    asked = []

    def cost(width):
        asked.append(width)
        return costs[width // scale - 1]

    widths = [scale * (i + 1) for i in range(len(costs))]
    return {"width": budget.widest(cost, limit, widths), "asked": len(asked)}


# 16.6


def tried(losses, low, high, count, decay):
    """A sweep over given losses; which rates were asked for, and what came of it."""
    asked = []

    def step(rate):
        asked.append(rate)
        return losses[len(asked) - 1]

    found = rates.sweep(step, low, high, count, decay)
    return {"asked": asked, "rates": list(found.rates), "losses": list(found.losses)}


def tried_by_default(losses):
    asked = []

    def step(rate):
        asked.append(rate)
        return losses[len(asked) - 1]

    found = rates.sweep(step)
    return {"asked": asked, "losses": list(found.losses)}


def never_tried(low, high, count, decay):
    """No step may be made before the numbers have been checked."""

    def step(rate):
        raise KeyError("a step was made")

    return {"rates": rates.sweep(step, low, high, count, decay).rates}


def fastest(tested_rates, losses):
    return {"rate": rates.steepest(rates.Sweep(tested_rates, losses))}


def pulls(names, shapes):
    """Which parameters decay."""
    return {n: bool(rates.decays(n, core.zeros(s))) for n, s in zip(names, shapes, strict=True)}


# 16.7


def places(theta, height, width, g):
    y, (dx,) = pulled(lambda t: [affine.affine_grid(t, height, width)], [theta], g)
    return {"y": y, "dx": dx}


def sampled(x, grid, padding, g):
    y, (dx, dgrid) = pulled(lambda x, p: [affine.grid_sample(x, p, padding)], [x, grid], g)
    return {"y": y, "x": dx, "grid": dgrid}


def sampled_half(x, grid, padding):
    y = affine.grid_sample(x.astype(core.float16), grid.astype(core.float16), padding)
    return {"y": y.astype(core.float32), "dtype": str(y.dtype).split(".")[-1]}


def sampled_by_default(x, grid):
    return {"y": affine.grid_sample(x, grid)}


def sampled_steps(x, grid):
    """How many operations it takes to read pictures, and what comes out."""
    y = affine.grid_sample(x, grid)
    return {"steps": waiting(y) - waiting(x) - waiting(grid), "y": y}


# 16.8


def taught(student, teacher, labels, temperature, share, g):
    def loss(student, teacher):
        return [distillation.distillation_loss(student, teacher, labels, temperature, share)]

    y, (ds, dt) = pulled(loss, [student, teacher], g)
    return {"y": y, "student": ds, "teacher": dt}


def taught_by_default(student, teacher, labels):
    return {"y": distillation.distillation_loss(student, teacher, labels)}


class Small(nn.Module):
    """A norm and a linear layer that note what they are asked."""

    def __init__(self, w):
        super().__init__()
        self.bn = nn.BatchNorm(w.shape[0], affine=False)
        self.weight = w
        self._asked = []

    def __call__(self, x):
        self._asked.append((x, self.training))
        return self.bn(x) @ self.weight


def lesson(x, labels, teacher, student, temperature, share, training, teaching):
    """One call of the loss: what both were asked, and what stayed."""
    old, young = Small(teacher), Small(student)
    old.train(teaching)
    young.train(training)
    changes = []

    def change(x):
        changes.append(1)
        return 2 * x + len(changes)

    loss = distillation.distilled(old, change, temperature, share)
    value, gradients = nn.value_and_grad(young, lambda m: loss(m, x, labels))(young)
    return {
        "loss": value,
        "slope": gradients["weight"],
        "changes": len(changes),
        "asked": [len(old._asked), len(young._asked)],
        "teacher's mode then": [mode for _, mode in old._asked],
        "teacher's mode now": [old.training, old.bn.training],
        "teacher's mean": old.bn.running_mean,
        "seen": [core.stop_gradient(s) for s, _ in [*old._asked, *young._asked]],
    }


def failing_lesson(x, labels, teacher, student):
    """A teacher that raises: its mode is as before."""
    old, young = Small(teacher), Small(student)
    old.bn = None  # cannot be called
    loss = distillation.distilled(old, lambda x: x)
    raised = False
    try:
        loss(young, x, labels)
    except TypeError:
        raised = True
    mode = old.training
    whole = distillation.distilled(Small(teacher), lambda x: x)(young, x, labels)
    return {"mode": mode, "raised": raised, "loss": whole}


def two_lessons(batches, labels, teacher, student, temperature, share):
    """The same loss for one batch after the other, of one size."""
    loss = distillation.distilled(Small(teacher), lambda x: x, temperature, share)
    young = Small(student)
    return {"losses": [loss(young, x, labels).item() for x in batches]}


# 16.9


def reliable(probabilities, labels, bins):
    found = temperature.reliability(probabilities, labels, bins)
    empty = found.counts == 0
    return {
        "confidence": core.where(empty, -1.0, found.confidence),
        "frequency": core.where(empty, -1.0, found.frequency),
        "counts": found.counts,
        "error": found.error,
    }


def reliable_by_default(probabilities, labels):
    found = temperature.reliability(probabilities, labels)
    return {"counts": found.counts}


def tempered(logits, labels):
    return {"temperature": temperature.fitted_temperature(logits, labels)}


def tempered_in(logits, labels, rounds):
    return {"temperature": temperature.fitted_temperature(logits, labels, rounds)}


# 16.10


def interval(right, total, confidence):
    found = comparison.wilson(right, total, confidence)
    return {"low": found.low, "high": found.high}


def interval_by_default(right, total):
    found = comparison.wilson(right, total)
    return {"low": found.low, "high": found.high}


def paired(first, second):
    return {"p": comparison.mcnemar(first, second)}


def law(examples, errors):
    found = comparison.power_law(examples, errors)
    return {"factor": found.factor, "exponent": found.exponent}


# 16.11


def passed(attentions):
    return {"y": explanation.rollout(tuple(attentions))}  # a sequence that nobody can take from


def covered(x, w, classes, side, stride, fill):
    sizes = []

    def network(x):
        sizes.append(x.shape[0])
        return core.tanh(x).reshape(x.shape[0], -1) @ w

    y = explanation.occlusion(network, x, classes, side, stride, fill)
    return {"y": y, "sizes": sizes}


def covered_by_default(x, w, classes, side, stride):
    def network(x):
        return core.tanh(x).reshape(x.shape[0], -1) @ w

    return {"y": explanation.occlusion(network, x, classes, side, stride)}


def covered_memory(side, count):
    """The most memory that hundreds of places take, in batches of pictures."""
    x = core.random.uniform(shape=(count, side, side, 3))
    w = core.random.normal((3, 4))
    core.eval(x, w)
    mx.synchronize()
    before = mx.get_active_memory()
    meter.reset()
    network = lambda x: core.mean(x * x, axis=(1, 2)) @ w  # noqa: E731
    y = explanation.occlusion(network, x, core.zeros((count,), core.int32), 4, 2)
    core.eval(y)
    mx.synchronize()
    few = (meter.peak() - before) / x.nbytes < 16
    return {"memory": f"{'few' if few else 'many'} batches", "y": y}


def covered_half(x, w, classes):
    def network(x):
        return core.tanh(x).reshape(x.shape[0], -1) @ w

    return {"y": explanation.occlusion(network, x, classes, 2, 1, 0.25)}
