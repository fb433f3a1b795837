"""What the graders of chapter 18 run of the student's code."""

import io

import mlx.core as mx

from course.grading import meter
from course.grading.lines import counted
from tinymlx import core
from tinymlx import nn as core_nn
from tinymlx.art import (
    adain,
    augment,
    colour,
    fast,
    features,
    gram,
    lbfgs,
    mixing,
    novelty,
    sliced,
    tiles,
)
from tinymlx.core import array as to_array
from tinymlx.core.arrays import bare
from tinymlx.utils import tree_flatten, tree_unflatten

__all__ = ["to_array"]


def pulled(function, arrays, g):
    """Output and cotangents of a function of several arrays."""
    (y,), gradients = core.vjp(lambda *a: [function(*a)], arrays, [g])
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


def waiting(*arrays):
    """How many operations wait behind arrays: 0 once they have been evaluated."""
    written = io.StringIO()
    mx.export_to_dot(written, *[bare(x) for x in arrays])
    return written.getvalue().count("rectangle")


def dtype_of(x):
    return str(x.dtype).split(".")[-1]


# 18.1


def gram_of(maps, g):
    y, (dx,) = pulled(gram.gram_matrix, [maps], g)
    return {"y": y, "dx": dx}


def gram_half(maps, dtype):
    y = gram.gram_matrix(maps.astype(getattr(core, dtype)))
    return {"y": y, "dtype": dtype_of(y)}


def gram_memory(maps):
    """Peak memory in multiples of the maps, and whether something waits."""
    core.eval(maps)
    mx.synchronize()
    before = mx.get_active_memory()
    meter.reset()
    y = gram.gram_matrix(maps)
    waits = waiting(y) > waiting(maps)
    core.eval(y)
    mx.synchronize()
    times = (meter.peak() - before) / (4 * maps.size)
    return {"y": y, "waits": waits, "much": times > 3}


def relative(x, target, g):
    y, (dx, dt) = pulled(gram.relative_error, [x, target], g)
    return {"y": y, "x": dx, "target": dt}


def relative_half(x, target):
    y = gram.relative_error(x.astype(core.float16), target.astype(core.float16))
    return {"y": y, "dtype": dtype_of(y)}


def style(maps, targets, weights, g):
    count = len(maps)

    def loss(*arrays):
        return gram.style_loss(arrays[:count], arrays[count:], weights)

    y, slopes = pulled(loss, [*maps, *targets], g)
    return {"y": y, "maps": list(slopes[:count]), "targets": list(slopes[count:])}


def style_by_default(maps, targets):
    return {"y": gram.style_loss(maps, targets)}


def variation(x, g):
    y, (dx,) = pulled(gram.total_variation, [x], g)
    return {"y": y, "dx": dx}


def variation_only(x):
    y = gram.total_variation(x)
    return {"y": y, "dtype": dtype_of(y)}


def losses_wait(maps, targets):
    """Whether each of three losses leaves its work for later."""
    core.eval(maps, targets)
    ready = waiting(*maps, *targets)
    found = [
        gram.relative_error(targets[0], 2 * targets[0]),
        gram.style_loss(maps, targets),
        gram.total_variation(maps[0]),
    ]
    return {"wait": [waiting(y) > ready for y in found], "y": found[0]}


def compiled(function, *arrays):
    """What a function gives, after it was traced for a compiled step.

    Tracing fails where something is evaluated. The step itself is not run: on a CPU that would call
    a compiler of C++.
    """
    core.compile(function)(*arrays)
    return function(*arrays)


def losses_compiled(maps, targets):
    return {
        "error": compiled(gram.relative_error, *targets),
        "style": compiled(lambda m, t: gram.style_loss([m], [t]), maps[0], targets[0]),
        "variation": compiled(gram.total_variation, maps[0]),
    }


def relative_only(x, target):
    return {"y": gram.relative_error(x, target)}


# 18.2


def seen(x, w, widths, depths, layers, border, g):
    """Maps at several layers, as one row of numbers, and slopes."""
    model = features.FeatureNet(widths, depths, border)
    order = list(layers)

    def forward(x):
        found = model(x, order)
        if list(found) != order:
            raise AssertionError("not the layers that were asked for, in their order")
        return core.concatenate([found[name].reshape(-1) for name in order])

    return pulled_model(model, w, x, g, forward)


def seen_only(x, widths, depths, layers):
    model = features.FeatureNet(widths, depths)
    return {"shapes": [list(y.shape) for y in model(x, layers).values()]}


class Counted(core_nn.Module):
    """A layer that counts how often it is called."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.calls = layer, [0]

    def __call__(self, x):
        self.calls[0] += 1
        return self.layer(x)


def seen_cost(x, widths, depths, layer):
    """How many convolutions a layer takes."""
    model = features.FeatureNet(widths, depths)
    names = model.layers()
    for name in names:
        model[name] = Counted(model[name])
    y = model(x, [layer])[layer]
    calls = sum(model[n].calls[0] for n in names)
    return {"convolutions": calls, "shape": list(y.shape), "seen": core.any(y > 0).item()}


def seen_calls(x, widths, depths, layers):
    """How many convolutions several layers take, and whether anything waits."""
    model = features.FeatureNet(widths, depths)
    names = model.layers()
    for name in names:
        model[name] = Counted(model[name])
    core.eval(x, model.parameters())
    found = model(x, layers)
    waits = all(waiting(y) > 0 for y in found.values())
    return {
        "convolutions": sum(model[n].calls[0] for n in names),
        "waits": waits,
        "shapes": [list(y.shape) for y in found.values()],
        "strength": sum(core.sum(core.abs(y)) for y in found.values()),
    }


def ready(x, g):
    y, (dx,) = pulled(features.prepared, [x], g)
    return {"y": y, "dx": dx}


def ready_half(x):
    y = features.prepared(x.astype(core.float16))
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}


def names(published):
    """Sorted names and arrays."""
    found = dict(features.renamed(published))
    return {"names": sorted(found), "weights": [found[name] for name in sorted(found)]}


def loaded(published, widths, depths):
    """Whether published weights fill a network, and what its first layer sees."""
    model = features.FeatureNet(widths, depths)
    model.load_weights(features.renamed(published))
    x = core.ones((1, 4, 4, 3))
    return {"y": model(x, ["conv1_1"])["conv1_1"]}


# 18.3


def towards(gradient, steps, changes):
    return {"y": lbfgs.direction(gradient, steps, changes)}


def towards_cost(gradient, steps, changes):
    """Peak memory in multiples of the gradient."""
    core.eval(gradient, steps, changes)
    mx.synchronize()
    before = mx.get_active_memory()
    meter.reset()
    y = lbfgs.direction(gradient, steps, changes)
    core.eval(y)
    mx.synchronize()
    return {"y": y, "much": (meter.peak() - before) / (4 * gradient.size) > 20}


class Asked:
    """A function on one line or in space, which notes where it is asked."""

    def __init__(self, kind, data=None):
        self.kind, self.data, self.places = kind, data, []

    def __call__(self, x):
        self.places.append(x.tolist())
        return core.value_and_grad(self.value)(x)

    def value(self, x):
        if self.kind == "quartic":
            return core.sum(core.square(core.square(x - 3)) / 4)
        if self.kind == "flat":  # falls slowly, far away
            return core.sum(core.sqrt(1 + core.square(x - 40)))
        if self.kind == "wall":  # not a number beyond 2
            return core.sum(core.square(x - 1.5)) - 0.1 * core.sum(core.log(2 - x))
        if self.kind == "wavy":
            return core.sum(core.square(x) / 20 - core.cos(2 * x))
        if self.kind == "quadratic":
            return 0.5 * core.sum(self.data * core.square(x))
        if self.kind == "rosenbrock":
            a, b = x[:-1], x[1:]
            return core.sum(100 * core.square(b - core.square(a)) + core.square(1 - a))
        if self.kind == "falling":
            return core.sum(x)
        if self.kind == "lying":  # the slope says down, and nothing is lower
            return core.sum(x - core.stop_gradient(x)) + 1
        if self.kind == "pit":
            return -core.sum(1 / core.square(x))
        return core.sum(core.square(x))


def searched(kind, x, first, most, options):
    function = Asked(kind)
    value, gradient = function(x)
    start = lbfgs.Point(x, value.item(), gradient)
    function.places.clear()
    place, asked = lbfgs.line_search(function, start, -gradient, first, most, **options)
    return {
        "x": place.x,
        "value": place.value,
        "number": isinstance(place.value, float),
        "gradient": place.gradient,
        "asked": asked,
        "really": len(function.places),
        "places": core.array(function.places or [[]]),
    }


def uphill(x, flat):
    """A direction that leads up, or nowhere; nothing may be asked."""
    value, gradient = Asked("square")(x)
    function = Asked("square")
    try:
        lbfgs.line_search(
            function,
            lbfgs.Point(x, value.item(), gradient),
            0 * gradient if flat else gradient,
        )
    except ValueError:
        if function.places:
            raise AssertionError(
                "the function was asked before the direction was checked"
            ) from None
        raise
    return {"y": value}


def minimized(kind, x, evaluations, memory, enough, data=None):
    function = Asked(kind, data)
    found = lbfgs.minimize(function, x, evaluations, memory, enough)
    value, gradient = Asked(kind, data)(found.x)
    return {
        "x": found.x,
        "value": found.value,
        "number": isinstance(found.value, float),
        "true": value,
        "steepest": core.max(core.abs(gradient)),
        "asked": found.evaluations,
        "really": len(function.places),
        "first": core.array(function.places[min(1, len(function.places) - 1)]),
    }


def walked(x, data, evaluations, memory):
    """Where the function is asked on the way."""
    function = Asked("quadratic", data)
    lbfgs.minimize(function, x, evaluations, memory, 0.0)
    return {"places": core.array(function.places)}


def minimize_by_default(x):
    """How far it comes, with what it does not say."""
    function = Asked("rosenbrock")
    found = lbfgs.minimize(function, x)
    return {"asked": len(function.places), "value": found.value}


def minimized_memory(x, evaluations, memory):
    """The most that is in memory while a long search walks, in multiples of the place."""
    core.eval(x)
    mx.synchronize()
    before = mx.get_active_memory()
    meter.reset()
    weights = core.arange(x.size).reshape(x.shape) % 7 + 1.0
    found = lbfgs.minimize(
        lambda y: core.value_and_grad(
            lambda z: core.sum(weights * (core.sqrt(1 + core.square(z)) - 1))
        )(y),
        x, evaluations, memory, 0.0,
    )  # fmt: skip
    core.eval(found.x)
    mx.synchronize()
    times = (meter.peak() - before) / (4 * x.size)
    much = times > 4 * memory + 25
    return {"value": found.value, "asked": found.evaluations, "much": much}


# 18.4


def directions(count, dims, seed):
    key = core.random.key(seed)
    x = sliced.random_directions(count, dims, key)
    core.random.seed(seed)
    free = [sliced.random_directions(count, dims) for _ in range(2)]
    return {
        "x": x,
        "again": core.array_equal(x, sliced.random_directions(count, dims, key)).item(),
        "other": core.array_equal(*free).item(),
        "dtype": dtype_of(x),
    }


def apart(a, b, lines, g):
    y, (da, db) = pulled(lambda a, b: sliced.sliced_wasserstein(a, b, lines), [a, b], g)
    return {"y": y, "a": da, "b": db}


def apart_only(a, b, lines):
    y = sliced.sliced_wasserstein(a, b, lines)
    return {"y": y, "dtype": dtype_of(y)}


def apart_half(a, b, lines):
    half = [x.astype(core.float16) for x in (a, b, lines)]
    y = sliced.sliced_wasserstein(*half)
    return {"y": y, "dtype": dtype_of(y)}


def apart_memory(a, b, lines):
    """Peak memory in multiples of the points times the directions; whether it waits."""
    core.eval(a, b, lines)
    mx.synchronize()
    before = mx.get_active_memory()
    meter.reset()
    y = sliced.sliced_wasserstein(a, b, lines)
    waits = waiting(y) > 0
    core.eval(y)
    mx.synchronize()
    times = (meter.peak() - before) / (4 * (a.shape[0] + b.shape[0]) * lines.shape[0])
    return {"y": y, "waits": waits, "much": times > 20}


# 18.5


def moments(maps, mask, eps, g, h):
    arrays = [maps] if mask is None else [maps, mask]

    def function(maps, *masks):
        mean, deviation = (
            adain.statistics(maps, *masks, eps=eps) if masks else adain.statistics(maps, None, eps)
        )
        return core.concatenate([(g * mean).reshape(-1), (h * deviation).reshape(-1)])

    total = g.size + h.size
    _, slopes = pulled(function, arrays, core.ones((total,)))
    mean, deviation = adain.statistics(maps, mask, eps)
    return {
        "mean": mean,
        "deviation": deviation,
        "dx": slopes[0],
        "dtype": dtype_of(mean),
        "mask": [slope * mask for slope in slopes[1:]],  # of masks of any unit
    }


def moments_of_many(maps):
    """A mask in half precision whose sum float16 cannot hold."""
    mask = core.ones(maps.shape[:3], core.float16)
    mean, deviation = adain.statistics(maps, mask)
    return {"mean": mean, "deviation": deviation}


def moments_by_default(maps):
    mean, deviation = adain.statistics(maps)
    return {"mean": mean, "deviation": deviation}


def moments_half(maps):
    mean, deviation = adain.statistics(maps.astype(core.float16))
    return {"mean": mean, "deviation": deviation, "dtypes": [dtype_of(mean), dtype_of(deviation)]}


def given(content, style, strength, mask, eps, g):
    masks = [] if mask is None else [mask]

    def function(content, style, *masks):
        return adain.adain(content, style, strength, masks[0] if masks else None, eps)

    y, (dc, ds, *dm) = pulled(function, [content, style, *masks], g)
    return {"y": y, "content": dc, "style": ds, "mask": dm}


def given_by_default(content, style):
    return {"y": adain.adain(content, style)}


def given_half(content, style):
    y = adain.adain(content.astype(core.float16), style.astype(core.float16))
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}


def given_mixed(content, style):
    """Content in half precision, style not."""
    y = adain.adain(content.astype(core.float16), style)
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}


# 18.6


def conditional(x, w, styles, eps, g):
    model = fast.ConditionalInstanceNorm(*w["weight"].shape, eps)
    return pulled_model(model, w, x, g, lambda x: model(x, styles))


def conditional_only(x, styles, count):
    model = fast.ConditionalInstanceNorm(count, x.shape[-1])
    return {"y": model(x, styles)}


def conditional_half(x, styles, count):
    model = fast.ConditionalInstanceNorm(count, x.shape[-1])
    y = model(x.astype(core.float16), styles)
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}


def mirrored(x, w, kernel, stride, g):
    weight = w["conv.weight"]
    model = fast.ReflectConv(weight.shape[-1], weight.shape[0], kernel, stride)
    return pulled_model(model, w, x, g)


def mirrored_only(x, kernel):
    return {"y": fast.ReflectConv(x.shape[-1], 2, kernel)(x)}


def painter(x, w, styles, count, width, blocks, g):
    model = fast.TransformerNet(count, width, blocks)
    return pulled_model(model, w, x, g, lambda x: model(x, styles))


def painter_weights(count, width, blocks):
    model = fast.TransformerNet(count, width, blocks)
    return {name: list(w.shape) for name, w in tree_flatten(model.parameters())}


def cost(painted, content, targets, layers, content_layer, weight, g):
    names, more = list(painted), list(content)

    def loss(*arrays):
        mine = dict(zip(names, arrays))
        theirs = dict(zip(more, arrays[len(names) :]))
        wanted = arrays[len(names) + len(more) :]
        return fast.perceptual_loss(mine, theirs, wanted, layers, content_layer, weight)

    arrays = [*painted.values(), *content.values(), *targets]
    y, slopes = pulled(loss, arrays, g)
    return {
        "y": y,
        "painted": dict(zip(names, slopes)),
        "content": dict(zip(more, slopes[len(names) :])),
        "targets": list(slopes[len(names) + len(more) :]),
    }


def cost_by_default(painted, content, targets, layers, content_layer):
    return {"y": fast.perceptual_loss(painted, content, targets, layers, content_layer)}


# 18.7


def coloured(x, colours, g):
    y, (dx, dc) = pulled(colour.with_colours_of, [x, colours], g)
    return {"y": y, "x": dx, "colours": dc}


def coloured_only(x, colours):
    return {"y": colour.with_colours_of(x, colours)}


def coloured_half(x, colours):
    y = colour.with_colours_of(x.astype(core.float16), colours)
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}


def matched(x, other):
    return {"y": colour.match_histograms(x, other)}


def matched_half(x, other):
    y = colour.match_histograms(x.astype(core.float16), other)
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}


# 18.8


def toned(x, brightness, saturation, contrast, g):
    def function(x, *factors):
        return augment.recoloured(x, *factors)

    y, slopes = pulled(function, [x, brightness, saturation, contrast], g)
    return {"y": y, "slopes": list(slopes)}


def toned_half(x, brightness, saturation, contrast):
    y = augment.recoloured(x.astype(core.float16), brightness, saturation, contrast)
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}


def augmented(x, shift, hole, share, seed):
    """Twice from one key, once from another, with and without a key."""
    key = core.random.key(seed)
    y = augment.diff_augment(x, shift, hole, share, key)
    again = augment.diff_augment(x, shift, hole, share, key)
    other = augment.diff_augment(x, shift, hole, share, core.random.key(seed + 1))
    core.random.seed(seed)
    free = [augment.diff_augment(x, shift, hole, share) for _ in range(2)]
    core.random.seed(seed)
    repeated = augment.diff_augment(x, shift, hole, share)
    return {
        "y": y,
        "again": core.array_equal(y, again).item(),
        "other": core.array_equal(y, other).item(),
        "moves": not core.array_equal(free[0], free[1]).item(),
        "decides": core.array_equal(free[0], repeated).item(),
    }


def augmented_often(x, share, times, seed):
    """How many pictures are changed, time after time."""
    counts = []
    for i in range(times):
        y = augment.diff_augment(x, 0.0, 0.0, share, core.random.key(seed + i))
        counts.append(core.sum(core.any((y != x).reshape(x.shape[0], -1), axis=1)).item())
    return {"counts": counts}


def augmented_by_default(x, seed):
    return {"y": augment.diff_augment(x, key=core.random.key(seed))}


def augmented_half(x, seed):
    y = augment.diff_augment(x.astype(core.float16), key=core.random.key(seed))
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}


def augmented_slope(x, seed, shift, hole, share, g):
    """The result of a fixed draw, and its slope."""

    def function(x):
        return augment.diff_augment(x, shift, hole, share, core.random.key(seed))

    y, (dx,) = pulled(function, [x], g)
    return {"y": y, "dx": dx}


def augmented_compiled(x, seed, factors):
    key = core.random.key(seed)
    return {
        "recoloured": compiled(augment.recoloured, x, *factors),
        "augmented": compiled(lambda x, key: augment.diff_augment(x, key=key), x, key),
    }


# 18.9


def modulated(x, weight, style, demodulate, eps, g):
    def function(x, weight, style):
        return mixing.modulated_conv2d(x, weight, style, demodulate, eps)

    y, (dx, dw, ds) = pulled(function, [x, weight, style], g)
    return {"y": y, "x": dx, "weight": dw, "style": ds}


def modulated_only(x, weight, style):
    return {"y": mixing.modulated_conv2d(x, weight, style)}


def modulated_memory(x, weight, style):
    """Peak memory in multiples of all kernels."""
    core.eval(x, weight, style)
    mx.synchronize()
    before = mx.get_active_memory()
    meter.reset()
    y = mixing.modulated_conv2d(x, weight, style)
    core.eval(y)
    mx.synchronize()
    times = (meter.peak() - before) / (4 * weight.size)
    return {"y": y, "much": times > x.shape[0] / 2}


def modulated_calls(x, weight, style):
    """How many operations wait behind the result for all pictures, and for one."""
    core.eval(x, weight, style)
    y = mixing.modulated_conv2d(x, weight, style)
    one = mixing.modulated_conv2d(x[:1], weight, style[:1])
    ready = waiting(x[:1], style[:1])
    return {"all": waiting(y), "one": waiting(one) - ready, "y": y}


def modulated_half(x, weight, style, demodulate):
    half = [a.astype(core.float16) for a in (x, weight, style)]
    y = mixing.modulated_conv2d(*half, demodulate)
    mixed = mixing.modulated_conv2d(half[0], weight, style, demodulate)
    return {"y": y.astype(core.float32), "dtypes": [dtype_of(y), dtype_of(mixed)]}


def mapped_half(z, w):
    model = mixing.MappingNetwork(z.shape[-1], len(w) // 2)
    model.load_weights([(name, a.astype(core.float16)) for name, a in w.items()])
    y = model(z.astype(core.float16))
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}


def styles_compiled(x, weight, style, crossover):
    model = mixing.MappingNetwork(style.shape[-1], 1)
    return {
        "modulated": compiled(mixing.modulated_conv2d, x, weight, style),
        "mapped": compiled(model, style),
        "mixed": compiled(
            lambda a, b, c: mixing.mixed_styles(a, b, c, 3), style, -style, crossover
        ),
    }


def mapped(z, w, g):
    dims = z.shape[-1]
    model = mixing.MappingNetwork(dims, len(w) // 2)
    return pulled_model(model, w, z, g)


def mixed(first, second, crossover, layers):
    return {"y": mixing.mixed_styles(first, second, crossover, layers)}


# 18.10


def copies(made, known, other, level):
    found = novelty.copied(made, known, other, level)
    return dict(found._asdict())


def copies_by_default(made, known, other):
    return dict(novelty.copied(made, known, other)._asdict())


def copies_half(made, known, other, level):
    half = [x.astype(core.float16) for x in (made, known, other)]
    return dict(novelty.copied(*half, level)._asdict())


def spread(features):
    found = novelty.diversity(features)
    return dict(found._asdict())


def spread_half(features):
    found = novelty.diversity(features.astype(core.float16))
    return dict(found._asdict())


def novelty_memory(made, known, other):
    """Peak memory of both measures, in multiples of all their distances."""
    core.eval(made, known, other)
    mx.synchronize()
    found, values = [], []
    for call, pairs in (
        (lambda: novelty.copied(made, known, other), (len(made) + len(other)) * len(known)),
        (lambda: novelty.diversity(made), len(made) ** 2),
    ):
        before = mx.get_active_memory()
        meter.reset()
        values.append(call())
        mx.synchronize()
        found.append((meter.peak() - before) / (4 * pairs))
    return {
        "much": [times > 8 for times in found],
        "limit": values[0].limit,
        "mean": values[1].mean,
    }


def spread_cost(features, sizes):
    """Lines of Python for so many of the examples."""
    found = [counted(lambda n=n: novelty.diversity(features[:n])) for n in sizes]
    return {"means": [y.mean for y, _ in found], "lines": [lines for _, lines in found]}


def vendi(features):
    y = novelty.vendi_score(features)
    return {"y": y, "dtype": dtype_of(y)}


def vendi_half(features):
    y = novelty.vendi_score(features.astype(core.float16))
    return {"y": y, "dtype": dtype_of(y)}


# 18.11


def tiled(x):
    return {"y": tiles.seamless(x)}


def tiled_half(x):
    y = tiles.seamless(x.astype(core.float16))
    return {"y": y.astype(core.float32), "dtype": dtype_of(y)}
