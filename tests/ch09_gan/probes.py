"""What the graders of chapter 9 run of the student's code."""

import mlx.core as mx

from tinymlx import core, nn, optimizers
from tinymlx.core import array as to_array
from tinymlx.generative import (
    augmentation,
    coverage,
    duel,
    frechet,
    interpolation,
    losses,
    minibatch,
    neighbours,
    optimum,
    pairing,
    penalties,
    shadow,
    spectral,
    wasserstein,
)
from tinymlx.models import conditional_gan, dcgan
from tinymlx.utils import tree_flatten, tree_map

__all__ = ["to_array"]


def pulled(function, arrays, cotangents):
    """What a function returns, and the cotangents of its arguments."""
    outputs, gradients = core.vjp(function, arrays, cotangents)
    return {"outputs": list(outputs), "gradients": list(gradients)}


def named(model):
    return dict(tree_flatten(model.parameters()))


def given(model, weights):
    """A model with the weights of a flat dict; those that are left out stay."""
    model.load_weights(list(weights.items()), strict=False)
    return model


def pulled_model(model, weights, x, g, *others):
    """Output, buffers and all gradients of a model; its parameters before they were given."""
    shapes = {name: list(w.shape) for name, w in named(model).items()}
    trainable = sorted(dict(tree_flatten(model.trainable_parameters())))
    given(model, weights)
    buffers = [name for name in weights if "running" in name or name.split(".")[-1] in "uv"]
    trained = [name for name in weights if name not in buffers]

    def function(x, *values):
        given(model, dict(zip(trained, values, strict=True)))
        return [model(x, *others)]

    found = pulled(function, [x, *(weights[name] for name in trained)], [g])
    given(model, {name: weights[name] for name in weights})
    y = model(x, *others)
    return {
        "y": y,
        "shapes": shapes,
        "trainable": trainable,
        "gx": found["gradients"][0],
        "gradients": dict(zip(trained, found["gradients"][1:], strict=True)),
        "buffers": {name: named(model)[name] for name in buffers},
    }


# 9.1


def best_logits(log_p, log_q, g):
    return pulled(lambda p, q: [optimum.optimal_logits(p, q)], [log_p, log_q], [g])


def divergences(p, q):
    return {"js": optimum.jensen_shannon(p, q), "loss": optimum.least_loss(p, q)}


def divergences_and_slopes(p, q, g):
    return pulled(lambda p, q: [optimum.jensen_shannon(p, q), optimum.least_loss(p, q)], [p, q], g)


# 9.2 to 9.4


def logistic(real, fake, g):
    def function(real, fake):
        return [
            losses.discriminator_loss(real, fake),
            losses.minimax_loss(fake),
            losses.nonsaturating_loss(fake),
        ]

    return pulled(function, [real, fake], g)


def others(real, fake, g):
    def function(real, fake):
        return [
            losses.least_squares_discriminator_loss(real, fake),
            losses.least_squares_generator_loss(fake),
            losses.hinge_discriminator_loss(real, fake),
            losses.hinge_generator_loss(fake),
        ]

    return pulled(function, [real, fake], g)


def critics(real, fake, g):
    def function(real, fake):
        return [wasserstein.critic_loss(real, fake), wasserstein.critic_generator_loss(fake)]

    return pulled(function, [real, fake], g)


def distance(a, b):
    return {"w": wasserstein.wasserstein_distance(a, b)}


def distance_of_many(a, b):
    mx.eval(a, b)
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    w = wasserstein.wasserstein_distance(a, b)
    core.eval(w)
    spent = mx.get_peak_memory() - before
    return {"w": w, "lean": spent < 64 * 4 * (a.size + b.size) + 100_000}


# 9.5


class Noting(nn.Module):
    """A small network that remembers how large its batches were, and whether they were watched."""

    def __init__(self, weights):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.norm = nn.BatchNorm(4)
        self.last = nn.Linear(4, weights["last.bias"].shape[0])
        self.table = weights["table"]
        given(self, weights)
        self._calls = []

    def __call__(self, x, labels=None):
        self._calls.append([len(x), x._trace is not None])
        x = x if labels is None else x + self.table[labels]
        y = self.last(nn.leaky_relu(self.norm(self.first(x)), 0.2))
        return y if y.shape[1] > 1 else y[:, 0]


def played(generator, discriminator, real, latents, labels, steps, penalty, augment, own):
    """Steps of both sides, in an order given by letters."""
    g, d = Noting(generator), Noting(discriminator)
    options = {}
    if own:  # losses other than the usual ones
        options["discriminator_loss"] = losses.least_squares_discriminator_loss
        options["generator_loss"] = losses.hinge_generator_loss
    if penalty:
        options["penalty"] = lambda critic, real, fake: core.mean(
            core.square(critic(real)) + 0.5 * critic(fake) * core.sum(fake, axis=1)
        )
    if augment:
        options["augment"] = lambda x: 2 * x + core.square(x)
    game = duel.Duel(
        g,
        d,
        optimizers.Adam(0.01, eps=0.1, bias_correction=True),
        optimizers.SGD(0.05, momentum=0.9),
        **options,
    )
    values, watched = [], []
    for step, x, z, label in zip(steps, real, latents, labels, strict=True):
        some = [] if label is None else [label]
        if step == "d":
            values.append(game.discriminator_step(x, z, *some))
        else:
            values.append(game.generator_step(z, *some))
        arrays = [w for _, w in tree_flatten([named(g), named(d), game.state])]
        watched.append(any(w._trace is not None for w in arrays if hasattr(w, "_trace")))
    return {
        "losses": values,
        "generator": named(g),
        "discriminator": named(d),
        "momentum": dict(tree_flatten(game.discriminator_optimizer.state))["first.weight.v"],
        "second moment": dict(tree_flatten(game.generator_optimizer.state))["first.weight.v"],
        "steps": [
            game.generator_optimizer.step.item(),
            game.discriminator_optimizer.step.item(),
        ],
        "batches": [[count for count, _ in g._calls], [count for count, _ in d._calls]],
        "generator watched": [watched for _, watched in g._calls],
        "left watched": watched,
    }


# 9.6 and 9.7


def ranges(pixels, g):
    def function(x):
        return [dcgan.scaled(x), dcgan.unscaled(x)]

    found = pulled(function, [pixels], g)
    return {**found, "back": dcgan.unscaled(dcgan.scaled(pixels))}


def generator_block(x, weights, g, training):
    block = dcgan.GeneratorBlock(x.shape[-1], g.shape[-1])
    block.train(training)
    return pulled_model(block, weights, x, g)


def map_sides(side):
    return {"sides": list(dcgan.sides(side))}


class Doubled(nn.Module):
    """A layer, and twice what it makes."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def __call__(self, x):
        return 2 * self.layer(x)


def discriminator_block(x, weights, g, normalize, training, wrapped):
    options = {"wrap": Doubled} if wrapped else {}
    block = dcgan.DiscriminatorBlock(x.shape[-1], g.shape[-1], normalize, **options)
    block.train(training)
    return pulled_model(block, weights, x, g)


def alone(x, weights, normalize):
    """What a block makes of each example by itself."""
    block = given(dcgan.DiscriminatorBlock(x.shape[-1], 4, normalize), weights)
    return {"y": core.concatenate([block(x[i : i + 1]) for i in range(len(x))])}


def no_block(normalize):
    dcgan.DiscriminatorBlock(1, 2, normalize)
    return {"fine": True}


# 9.8


class Nest(nn.Module):
    """All kinds of layers, some of them deep inside."""

    def __init__(self):
        super().__init__()
        self.inner = [{"a": nn.Sequential(nn.Conv2d(16, 64, 5), nn.BatchNorm(30000))}]
        self.up = nn.ConvTranspose2d(32, 32, 4, bias=False)
        self.linear = nn.Linear(200, 150)
        self.table = nn.Embedding(4, 6)
        self.alone = nn.GroupNorm(2, 8)
        self.free = core.ones((5,))
        self.plain = nn.BatchNorm(7, affine=False)


def started(seed):
    """Every array after a start, from arrays full of threes."""
    core.random.seed(seed)
    model = Nest()
    model.update(tree_map(lambda w: core.full(w.shape, 3.0), model.parameters()))
    found = dcgan.dcgan_start(model)
    return {"weights": named(model), "itself": found is model}


# 9.9 and 9.10


def points_between(real, fake, seed):
    key = None if seed is None else mx.random.key(seed)
    core.random.seed(5)
    first, again = penalties.between(real, fake, key), penalties.between(real, fake, key)
    core.random.seed(5)
    return {"first": first, "again": again, "same seed": penalties.between(real, fake, key)}


def critic_of(w, v, shift):
    """A critic that is curved; ``shift`` makes some of its units dead."""

    def critic(x):
        x = x.reshape(x.shape[0], -1)
        return core.square(nn.relu(x @ w + shift)) @ v

    return critic


def penalty(name, x, w, v, shift, g):
    """A penalty, and its gradients by everything that the critic is made of, and by the points."""

    def function(x, w, v):
        return [getattr(penalties, name)(critic_of(w, v, shift), x)]

    outputs = function(x, w, v)
    if outputs[0].shape != g.shape:  # that is what is wrong, and not the cotangent
        return {"outputs": outputs, "gradients": [x, w, v]}
    return pulled(function, [x, w, v], [g])


def linear_penalty(x, w, g):
    def function(x, w):
        return [penalties.gradient_penalty(lambda x: x @ w, x)]

    return pulled(function, [x, w], [g])


def paired(real, fake, g):
    def function(real, fake):
        return [
            pairing.paired_discriminator_loss(real, fake),
            pairing.paired_generator_loss(real, fake),
        ]

    return pulled(function, [real, fake], g)


def one_paired(name, real, fake):
    return {"y": getattr(pairing, name)(real, fake)}


# 9.11


def iterated(w, u, v, rounds, g):
    def function(w, u, v):
        return list(spectral.power_iteration(w, u, v, rounds))

    outputs = spectral.power_iteration(w, u, v, rounds)
    _, gradients = core.vjp(lambda w: [*function(w, u, v), core.sum(w)], [w], [*g, g[0][0]])
    return {"u": outputs[0], "v": outputs[1], "by w": gradients[0]}


def spectral_layer(kind, weight, u, v, x, g, modes, rounds):
    """Calls in training (t) and evaluation (e); outputs, vectors, gradients of each."""
    if kind == "linear":
        layer = nn.Linear(weight.shape[1], weight.shape[0])
    else:
        layer = nn.Conv2d(weight.shape[-1], weight.shape[0], weight.shape[1:3])
    layer.weight = weight
    net = spectral.SpectralNorm(layer, rounds)
    net.u, net.v = u, v
    layer.bias = core.zeros(layer.bias.shape)
    found = []
    for mode in modes:
        net.train(mode == "t")
        before = [net.u, net.v]

        def function(x, w, before=before):
            net.u, net.v = before
            layer.weight = w
            return [net(x)]

        (y,), (gx, gw) = core.vjp(function, [x, weight], [g])
        layer.weight, net.u, net.v = weight, *before
        core.eval(net(x))
        found.append({"y": y, "gx": gx, "gw": gw, "u": net.u, "v": net.v})
    return {
        "calls": found,
        "frozen": sorted(dict(tree_flatten(net.trainable_parameters()))),
        "own weight": net.layer.weight,
    }


# 9.12


def deviation(x, group, g):
    options = {} if group is None else {"group": group}
    return pulled(lambda x: [minibatch.minibatch_deviation(x, **options)], [x], [g])


def deviation_fails(x, group):
    return {"y": minibatch.minibatch_deviation(x, group)}


# 9.13


def conditional_generator(weights, z, labels, g, side, width, training):
    model = conditional_gan.ConditionalGenerator(3, z.shape[1], side=side, width=width)
    model.train(training)
    return pulled_model(model, weights, z, g, labels)


def projection(weights, x, labels, g, width, training):
    model = conditional_gan.ProjectionDiscriminator(
        3, side=x.shape[1], width=width, normalize="batch", group=2
    )
    model.train(training)
    return pulled_model(model, weights, x, g, labels)


# 9.14


def followed(weights, decay, x, training, dtype):
    """A shadow of a generator whose weights are set by hand, step by step."""
    cast = lambda tree: tree_map(lambda w: w.astype(getattr(core, dtype)), tree)  # noqa: E731
    generator = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4))
    given(generator, cast(weights[0]))
    options = {} if decay is None else {"decay": decay}
    follower = shadow.Shadow(generator, **options)
    kept = follower.state["parameters"]
    before = {name: w + 0 for name, w in tree_flatten(kept)}
    for step in weights[1:]:
        given(generator, cast(step))
        follower.update()
    generator.train(training)
    own = named(generator)
    y = follower(x.astype(getattr(core, dtype)))
    try:
        follower(core.zeros((2, 77)))
        raised = False
    except ValueError:
        raised = True
    now = named(generator)
    return {
        "averages": dict(tree_flatten(follower.state["parameters"])),
        "steps": follower.state["steps"].item(),
        "y": y,
        "raised": raised,
        "own again": all(now[name] is own[name] for name in own),
        "modes": [m.training for m in generator.modules()],
        "handed out before": [core.array_equal(before[n], w).item() for n, w in tree_flatten(kept)],
    }


# 9.15


def as_float32(x):
    """float64 results as what a check compares, with the name of what they were."""
    return {"value": x.astype(core.float32, stream=mx.cpu), "dtype": str(x.dtype)}


def moments(features):
    mean, covariance = frechet.mean_and_covariance(features)
    return {"mean": as_float32(mean), "covariance": as_float32(covariance)}


def fine_moments(features):
    """Of thirds, which float32 could not hold: a number of each."""
    with core.stream(core.cpu):
        features = features.astype(core.float64) / 3
    mean, covariance = frechet.mean_and_covariance(features)
    with core.stream(core.cpu):
        return {"mean": core.sum(mean).item(), "covariance": core.sum(covariance).item()}


def root_trace(a, b):
    with core.stream(core.cpu):
        a, b = a.astype(core.float64) / 3, b.astype(core.float64) / 7
    return {"trace": frechet.trace_of_root(a, b).item()}


def clouds(first, second):
    return {"distance": frechet.frechet_distance(first, second).item()}


def cloud_ratio(made, real, other):
    """In thirds, which float32 could not hold."""
    with core.stream(core.cpu):
        made, real, other = (x.astype(core.float64) / 3 for x in (made, real, other))
    return {"ratio": frechet.frechet_ratio(made, real, other).item()}


# 9.16


def shares(labels, classes, least):
    options = {} if least is None else {"least": least}
    return {
        "shares": coverage.class_shares(labels, classes),
        "covered": coverage.classes_covered(labels, classes, **options).item(),
    }


def modes(x, centres, radius):
    found, between = coverage.modes_found(x, centres, radius)
    return {"found": found.item(), "between": between}


# 9.17


def distances(a, b):
    mx.eval(a, b)
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    y = neighbours.squared_distances(a, b)
    core.eval(y)
    return {"y": y, "lean": mx.get_peak_memory() - before < 16 * 4 * y.size + 100_000}


def neighbour_radii(x, k):
    options = {} if k is None else {"k": k}
    return {"radii": neighbours.radii(x, **options)}


def precise(real, made, k):
    options = {} if k is None else {"k": k}
    precision, recall = neighbours.precision_and_recall(real, made, **options)
    return {"precision": precision, "recall": recall}


def nearest_known(x, known):
    index, distance = neighbours.nearest(x, known)
    return {"index": index, "distance": distance}


# 9.18


def arc(a, b, t, g):
    if isinstance(t, float):
        return pulled(lambda a, b: [interpolation.spherical(a, b, t)], [a, b], [g])
    return pulled(lambda a, b: [interpolation.spherical(a, b, t)], [a, b], [g])


def arc_values(a, b, t):
    return {"y": interpolation.spherical(a, b, t)}


# 9.19


def views(x, shift, light, seed, g):
    options = {"key": None if seed is None else mx.random.key(seed)}
    if shift is not None:
        options["shift"] = shift
    if light is not None:
        options["light"] = light
    core.random.seed(3)
    y, again = (augmentation.random_view(x, **options) for _ in range(2))
    core.random.seed(3)
    _, (gx,) = core.vjp(lambda x: augmentation.random_view(x, **options), [x], [g])
    return {"y": y, "again": again, "gx": gx}
