"""What the graders of chapter 13 run of the student's code."""

import io

import mlx.core as mx

from course.grading import meter
from course.grading.characters import few_characters
from course.grading.lines import counted
from tinymlx import core, nn
from tinymlx.core import array as to_array
from tinymlx.core.arrays import bare
from tinymlx.diffusion import (
    ddim,
    ddpm,
    few_calls,
    flow,
    forward,
    guidance,
    optimum,
    places,
    prediction,
    schedules,
    solver,
)
from tinymlx.models.clip import loss, pieces, text, vision, zero_shot
from tinymlx.models.clip.layers import TowerConfig
from tinymlx.models.clip.model import CLIP
from tinymlx.models.latent_diffusion import (
    autoencoder,
    blocks,
    embedding,
    pipeline,
    transformer,
    unet,
)
from tinymlx.text.tokenizer import patterns
from tinymlx.text.tokenizer.clip import ClipTokenizer
from tinymlx.utils import tree_flatten, tree_unflatten

__all__ = ["to_array"]


def pulled(function, arrays, cotangents):
    """What a function returns, and the cotangents of its arguments."""
    outputs, gradients = core.vjp(function, arrays, cotangents)
    return {"outputs": list(outputs), "gradients": list(gradients)}


def pulled_model(model, weights, inputs, forward, g):
    """An output, and the gradient of every input and every weight under a cotangent."""
    names = sorted(weights)

    def function(*arrays):
        model.update(tree_unflatten(list(zip(names, arrays[len(inputs) :], strict=True))))
        return [forward(model, *arrays[: len(inputs)])]

    model.load_weights(list(weights.items()))
    forward(model, *inputs)  # what it is given stays as it is
    found = pulled(function, [*inputs, *(weights[name] for name in names)], [g])
    gradients = found["gradients"]
    return {
        "y": found["outputs"][0],
        "inputs": gradients[: len(inputs)],
        "weights": dict(zip(names, gradients[len(inputs) :], strict=True)),
    }


def peak_of(function):
    """The most bytes that a function that returns an array takes while it runs."""
    mx.synchronize()
    before = mx.get_active_memory()
    meter.reset()
    core.eval(function())
    mx.synchronize()
    return meter.peak() - before


def waiting(x):
    """How many operations are waiting behind an array: 0 once it has been evaluated."""
    written = io.StringIO()
    mx.export_to_dot(written, bare(x))
    return written.getvalue().count("rectangle")


# 13.1 and 13.2: schedules, and what they do


def linear(steps, first, last):
    return {"signal": schedules.linear_signal(steps, first, last)}


def linear_by_default():
    return {"signal": schedules.linear_signal()}


def cosine(steps, offset, most):
    return {"signal": schedules.cosine_signal(steps, offset, most)}


def cosine_by_default():
    return {"signal": schedules.cosine_signal()}


def terminal(signal):
    return {"signal": schedules.zero_terminal(signal)}


def mixed(x, noise, signal, steps, g):
    return pulled(lambda x, noise: [forward.noisy(x, noise, signal, steps)], [x, noise], [g])


def ratio(signal):
    return {"ratio": forward.signal_to_noise(signal)}


# 13.3 and 13.4: what is best, and in which words it is said


def denoised(x, data, signal, g):
    return pulled(lambda x: [optimum.best_denoiser(x, data, signal)], [x], [g])


def of_memory(little):
    return "that of tables (N, M)" if little else "much more than tables (N, M) need"


def denoised_cost(x, data):
    """Whether tables of all points and all data are enough, without their coordinates."""
    core.eval(x, data)
    signal = core.array(0.5)
    best = lambda: optimum.best_denoiser(x, data, signal)  # noqa: E731
    table = x.shape[0] * data.shape[0] * 4
    return {"y": best()[:3], "memory": of_memory(peak_of(best) <= 8 * table)}


def parts(kind, predicted, x, signal, g):
    found = lambda p, x: list(prediction.parts_of(kind, p, x, signal))  # noqa: E731
    return pulled(found, [predicted, x], g)


def target(kind, x, noise, signal, g):
    found = lambda x, noise: [prediction.target_of(kind, x, noise, signal)]  # noqa: E731
    return pulled(found, [x, noise], [g])


# 13.5 to 13.8: steps back


def before(x, x0, signal, before, g):
    def found(x, x0):
        return [ddpm.posterior(x, x0, signal, before).mean]

    variance = ddpm.posterior(x, x0, signal, before).variance
    return {**pulled(found, [x, x0], [g]), "variance": variance}


def with_noise(x, x0, signal, before, noise, g):
    step = lambda x, x0, noise: [ddpm.ddpm_step(x, x0, signal, before, noise)]  # noqa: E731
    return pulled(step, [x, x0, noise], [g])


def without_noise(x0, noise, signal, before, eta, fresh, g):
    given = [x0, noise] if fresh is None else [x0, noise, fresh]

    def step(x0, noise, *fresh):
        return [ddim.ddim_step(x0, noise, signal, before, eta, *fresh)]

    return pulled(step, given, [g])


def by_default(x0, noise, signal, before):
    return {"x": ddim.ddim_step(x0, noise, signal, before)}


def chosen(total, count, spacing, offset):
    return {"places": places.places(total, count, spacing, offset)}


def chosen_by_default(total, count):
    return {"places": places.places(total, count)}


def solved(x, x0, signal, before, last_x0, last_signal, g):
    if last_x0 is None:
        return pulled(lambda x, x0: [solver.solver_step(x, x0, signal, before)], [x, x0], [g])

    def step(x, x0, last):
        return [solver.solver_step(x, x0, signal, before, last, last_signal)]

    return pulled(step, [x, x0, last_x0], [g])


def solved_by_half(x, x0, signal, before, last_x0, last_signal, g):
    step = lambda x, x0: [solver.solver_step(x, x0, signal, before, last_x0, last_signal)]  # noqa: E731
    return pulled(step, [x, x0], [g])


# Data of float16, shares and times of float32: near the data a share is 1 in float16


def near_the_data(what, x, y, signal, before):
    """What a function of 13.2 to 13.9 makes of them, whatever its dtype."""
    found = {
        "noisy": lambda: forward.noisy(x, y, before.reshape(1), core.array(0)),
        "best": lambda: optimum.best_denoiser(x, y, before),
        "parts, noise": lambda: list(prediction.parts_of("noise", y, x, before)),
        "parts, signal": lambda: list(prediction.parts_of("signal", x, y, before)),
        "parts, velocity": lambda: list(prediction.parts_of("velocity", y, x, before)),
        "target": lambda: prediction.target_of("velocity", y, x, before),
        "posterior": lambda: list(ddpm.posterior(x, y, signal, before)),
        "with noise": lambda: ddpm.ddpm_step(x, x, signal, before, y),
        "without noise": lambda: ddim.ddim_step(x, y, signal, before),
        "solver": lambda: solver.solver_step(y, x, signal, before),
        "line": lambda: flow.on_the_line(y, x, core.broadcast_to(before, (x.shape[0],))),
    }[what]()
    found = found if isinstance(found, list) else [found]
    return {"outputs": [found.astype(core.float32) for found in found]}


# 13.9 to 13.11: flows


def line(x, noise, t, g):
    return pulled(lambda x, noise: [flow.on_the_line(x, noise, t)], [x, noise], [g])


def line_loss(x, noise, t, weight, told, g):
    """A network that multiplies by a weight and adds a multiple of the time."""
    asked = []

    def loss(weight, told):
        def network(x, t):
            asked.append(1)
            return x * weight + told * t.reshape(-1, *[1] * (x.ndim - 1))

        return [flow.flow_loss(network, x, noise, t)]

    return {**pulled(loss, [weight, told], [g]), "asked": len(asked)}


def walked(name, x, times, rate):
    """A walk through a field that bends, and where and when it was asked."""
    asked = []

    def field(x, t):
        asked.append(t)
        shape = [-1, *[1] * (x.ndim - 1)]
        return core.sin(3 * t).reshape(*shape) * x + rate * core.cos(x)

    return {"y": getattr(flow, name)(field, x, times), "asked": asked}


def walked_half(name, x, times):
    """A network that answers in the dtype that it is given."""
    return {"y": getattr(flow, name)(lambda x, t: core.cos(x), x, times)}


def started(each):
    """When the steps of a walk are computed."""
    return "each is started by core.async_eval" if each else "they wait until all are written"


def waits(name, x, times):
    """Whether each step is started when it is written: little waits behind what is asked."""
    found = []

    def field(x, t):
        found.append(waiting(x))
        return core.sin(x) - t.reshape(-1, 1)

    y = getattr(flow, name)(field, x, times)
    return {"y": y, "steps": started(max(found) <= 12)}


class Mixture:
    """The exact velocity of the flow to a mixture of Gaussians, and how often it was asked.

    Each number of ``x`` is a mixture of its own. Of a Gaussian with mean ``m`` and deviation ``s``
    the point at time ``t`` has the variance ``v = (1 - t)^2 s^2 + t^2``.
    """

    def __init__(self, weights, means, deviations):
        self.given = weights, means, deviations
        self.calls, self.shapes, self.times = 0, [], []

    def __call__(self, x, t):
        self.calls += 1
        self.shapes.append(list(t.shape))
        self.times += t.tolist()
        weights, m, s = self.given
        t = t.reshape(-1, *[1] * x.ndim)
        v = core.square((1 - t) * s) + core.square(t)
        d = x[..., None] - (1 - t) * m
        shares = core.softmax(core.log(weights) - core.log(v) / 2 - core.square(d) / (2 * v), -1)
        return core.sum(shares * (t / v * d - m - (1 - t) * core.square(s) / v * d), axis=-1)


def arrived(x, weights, means, deviations, calls, by_euler):
    """Where a sampler ends, and what it asked."""
    field = Mixture(weights, means, deviations)
    if by_euler:
        y = flow.euler(field, x, flow.flow_times(calls))
    else:
        y = few_calls.few_calls(field, x, calls)
    times = field.times
    return {
        "y": y,
        "enough calls": field.calls <= calls,
        "all at once": all(shape == [x.shape[0]] for shape in field.shapes),
        "times": min(times) >= -1e-6 and max(times) <= 1 + 1e-6,
    }


def arrived_straight(x, velocity, calls):
    found = [0]

    def field(x, t):
        found[0] += 1
        return core.broadcast_to(velocity, x.shape)

    y = few_calls.few_calls(field, x, calls)
    return {"y": y, "enough calls": 1 <= found[0] <= calls}


def arrived_twice(x, rate, calls):
    """The same call twice, another one between."""
    field = lambda x, t: rate * x + t.reshape(-1, 1)  # noqa: E731
    first = few_calls.few_calls(field, x, calls)
    few_calls.few_calls(lambda x, t: 5 - x, x + 1, calls)
    return {"same": bool(core.array_equal(first, few_calls.few_calls(field, x, calls)).item())}


# 13.12: guidance


def dropped(conditions, nothing, drop, seed):
    draw = lambda c, n, key: guidance.without_some(c, n, drop, key)  # noqa: E731
    # Tracing fails where something is evaluated.
    core.compile(draw)(conditions, nothing, core.random.key(seed))
    kept = guidance.without_some(conditions, nothing, drop, core.random.key(seed))
    return {"kept": kept, "again": guidance.without_some(conditions, nothing, drop,
                                                         core.random.key(seed))}  # fmt: skip


def dropped_by_default(conditions, nothing, drop, seed):
    """What follows from the global random state."""
    core.random.seed(seed)
    return {"kept": guidance.without_some(conditions, nothing, drop)}


def drop_slope(conditions, nothing, drop, g):
    found = lambda c, n: [guidance.without_some(c, n, drop)]  # noqa: E731
    return pulled(found, [conditions, nothing], g)


def guide(unconditional, conditional, w, g):
    found = lambda u, c: [guidance.guided(u, c, w)]  # noqa: E731
    return pulled(found, [unconditional, conditional], [g])


# 13.13 to 13.17: the networks


def embedded(steps, dims, options):
    return {"y": embedding.step_embedding(steps, dims, **options)}


def told_block(weights, x, step, sizes, g):
    inputs, outputs, step_dims, groups, eps = sizes
    model = blocks.ResnetBlock(inputs, outputs, step_dims, groups, eps)
    if step is None:
        return pulled_model(model, weights, [x], lambda model, x: model(x), g)
    if step_dims is None:
        return pulled_model(model, weights, [x], lambda model, x: model(x, step), g)
    return pulled_model(model, weights, [x, step], lambda model, *given: model(*given), g)


def asked(weights, x, context, heads, g):
    """Attention alone, to the places themselves if there is no context."""
    dims = weights["to_q.weight"].shape[0]
    model = transformer.Attention(dims, heads, weights["to_k.weight"].shape[1])
    given = [x] if context is None else [x, context]
    return pulled_model(model, weights, given, lambda model, *given: model(*given), g)


def asking_lines(cases):
    """The lines of Python for so many heads and places; and whether anything came out."""
    lines, alive = [], []
    for heads, length in cases:
        model, x = transformer.Attention(8, heads), core.random.normal((1, length, 8))
        y, count = counted(lambda model=model, x=x: model(x))
        lines.append(count)
        alive.append(core.max(core.abs(y)).item() > 0)
    return {"lines": lines, "alive": alive}


def asked_block(weights, x, context, heads, g):
    model = transformer.TransformerBlock(x.shape[-1], heads, context.shape[-1])
    return pulled_model(model, weights, [x, context], lambda model, *given: model(*given), g)


def asked_map(weights, x, context, sizes, g):
    heads, depth, groups, linear = sizes
    model = transformer.SpatialTransformer(
        x.shape[-1], heads, context.shape[-1], depth, linear, groups
    )
    return pulled_model(model, weights, [x, context], lambda model, *given: model(*given), g)


def unet_of(sizes):
    lists = {key: tuple(v) if isinstance(v, list) else v for key, v in sizes.items()}
    return unet.UNet(unet.UNetConfig(**lists))


def unet_shapes(sizes):
    """The shapes of all weights: what the given parts of the network ask for."""
    found = tree_flatten(unet_of(sizes).parameters(), destination={})
    return {name: list(w.shape) for name, w in found.items()}


def predicted(weights, x, steps, context, told, sizes, g):
    """The prediction, and the gradients of map, text and all weights."""
    return pulled_model(
        unet_of(sizes),
        weights,
        [x, context],
        lambda model, x, context: model(x, steps, context, *told),
        g,
    )


def unet_fails(sizes, shape):
    model = unet_of(sizes)
    model(core.zeros(tuple(shape)), core.zeros((1,)), core.zeros((1, 2, sizes["context"])))
    return {"fine": True}


def unet_calls(weights, x, steps, context, sizes):
    """How often each layer is called, and whether anything is evaluated on the way."""
    model, calls, results = unet_of(sizes), {}, []
    model.load_weights(list(weights.items()))
    kinds = (nn.Conv2d, nn.Linear, nn.GroupNorm, embedding.StepEmbedding, blocks.ResnetBlock,
             transformer.SpatialTransformer)  # fmt: skip
    kept = [kind.__call__ for kind in kinds]
    try:
        for kind, inner in zip(kinds, kept, strict=True):
            kind.__call__ = counting(inner, calls, results)
        y = model(x, steps, context)
        ahead = all(waiting(result) > 0 for result in results)
    finally:
        for kind, inner in zip(kinds, kept, strict=True):
            kind.__call__ = inner
    layers = [m for _, m in model.named_modules() if isinstance(m, kinds)]
    return {
        "y": y,
        "more than once": sum(n > 1 for n in calls.values()),
        "never": sum(id(m) not in calls for m in layers),
        "waiting": ahead,
    }


def counting(inner, calls, results):
    """A method that counts the calls of each object, by its ``id``, and keeps what they return."""

    def counted_call(self, *args):
        calls[id(self)] = calls.get(id(self), 0) + 1
        results.append(inner(self, *args))
        return results[-1]

    return counted_call


class Painter:
    """In the place of a U-Net: a prediction that depends on map, step and text."""

    def __init__(self):
        self.last = []
        self.steps, self.rows, self.waiting, self.dtypes = [], [], [], []

    def __call__(self, x, steps, context):
        self.steps.append(steps)
        self.rows.append([x.shape[0], steps.size, context.shape[0]])
        self.dtypes.append(context.dtype == x.dtype)
        self.last.append(context[context.shape[0] // 2 :])
        self.waiting.append(waiting(x))
        told = core.mean(context, axis=(1, 2)).reshape(-1, 1, 1, 1)
        return (0.6 * core.sin(x + told) + 0.001 * steps.reshape(-1, 1, 1, 1)).astype(x.dtype)


def painted(words, nothing, z, signal, schedule, count, guidance):
    """Maps by a whole walk, and what the network was asked."""
    unet = Painter()
    schedule = pipeline.Schedule(signal, **schedule)
    made = pipeline.TextToImage(None, unet, None, schedule)
    z = made.denoised(words, nothing, z, count, guidance)
    last = all(core.array_equal(half, words).item() for half in unet.last)
    return {
        "z": z,
        "steps": [int(t[0].item()) for t in unet.steps],
        "rows": unet.rows,
        "first half": "those without a text" if last else "not all those without a text",
        "dtype of maps": "it stays" if all(unet.dtypes) else "it changes on the way",
        "each step": started(max(unet.waiting) <= 60),
    }


def ends_of_maps(options, weights):
    """An autoencoder whose encoder and decoder only stretch, so that its ends can be seen."""
    config = autoencoder.AutoencoderConfig(channels=(2,), latent=2, layers=1, groups=1, **options)
    model = autoencoder.AutoencoderKL(config)
    model.load_weights(list(weights.items()), strict=False)
    model.encoder, model.decoder = (lambda x: 2 * x), (lambda z: 3 * z)
    return model


def encoded(x, noise, weights, options, g):
    model = ends_of_maps(options, weights)
    given = [x] if noise is None else [x, noise]
    found = pulled(lambda *given: [model.encode(*given)], given, [g])
    return {**found, "distribution": list(model.distribution(x))}


def decoded(z, weights, options, g):
    model = ends_of_maps(options, weights)
    return pulled(lambda z: [model.decode(z)], [z], [g])


# 13.19 and 13.20: which belongs to which


def directions(x, g):
    found = pulled(lambda x: [zero_shot.normalized(x)], [x], [g])
    return {**found, "finite": bool(core.isfinite(found["gradients"][0]).all().item())}


def short(x, eps):
    return {"y": zero_shot.normalized(x, eps)}


def matched(pictures, sentences, factor, g):
    found = lambda *given: [loss.contrastive_loss(*given)]  # noqa: E731
    return pulled(found, [pictures, sentences, factor], [g])


class Holder(nn.Module):
    """What has a logit_scale."""

    def __init__(self, logit_scale):
        super().__init__()
        self.logit_scale = logit_scale


def scaled(logit_scale, g):
    return pulled(lambda s: [CLIP.scale(Holder(s))], [logit_scale], [g])


class Towers(nn.Module):
    """Two small towers that note how many rows they are asked for."""

    def __init__(self, weights, repeats=1):
        super().__init__()
        self.p, self.q, self.logit_scale = weights["p"], weights["q"], weights["logit_scale"]
        self._asked, self._repeats = [], repeats

    def wide(self, x):
        """The same mean by many numbers in memory."""
        return core.mean(core.sin(x[..., None] + core.zeros((self._repeats,), x.dtype)), axis=-1)

    def pictures(self, x):
        self._asked.append(x.shape[0])
        return zero_shot.normalized(self.wide(x) @ self.p.T)

    def sentences(self, tokens):
        self._asked.append(tokens.shape[0])
        return zero_shot.normalized(self.wide(core.sum(self.q[tokens], axis=1)))

    def scale(self):
        return core.exp(self.logit_scale)


def in_pieces(x, tokens, weights, rows, frozen):
    model = Towers(weights)
    model.freeze(keys=frozen, strict=True)
    value, gradients = pieces.loss_in_pieces(model, x, tokens, rows)
    asked = model._asked
    return {
        "loss": value,
        "gradients": tree_flatten(gradients, destination={}),
        "rows in a tower": f"at most {rows}" if max(asked) <= rows else f"up to {max(asked)}",
        "empty pieces": "none" if min(asked) >= 1 else "some",
        "a row's ways": "two at most" if sum(asked) <= 4 * x.shape[0] else "more than two",
    }


def pieces_cost(x, tokens, weights, rows):
    """Whether what the towers need is in memory for a piece at a time."""
    core.eval(x, tokens, list(weights.values()))
    model = Towers(weights, 20_000)
    whole = x.size * 20_000 * 4
    peak = peak_of(lambda: list(pieces.loss_in_pieces(model, x, tokens, rows)[1].values()))
    value = pieces.loss_in_pieces(Towers(weights), x, tokens, rows)[0]
    one = "that of one piece: evaluate each before the next"
    return {"loss": value, "memory": one if peak < whole / 3 else "that of many pieces at once"}


# 13.21 to 13.24: towers, tokens, classes


def patches(weights, x, sizes, g):
    size, side, channels, dims = sizes
    config = TowerConfig(hidden_size=dims, image_size=size, patch_size=side, num_channels=channels)
    model = vision.VisionEmbeddings(config)
    return pulled_model(model, weights, [x], lambda model, x: model(x), g)


def patches_lines(sides):
    """The lines of Python for so many patches along a side; and whether anything came out."""
    lines, alive = [], []
    for side in sides:
        config = TowerConfig(hidden_size=4, image_size=2 * side, patch_size=2, num_channels=1)
        model, x = vision.VisionEmbeddings(config), core.ones((1, 2 * side, 2 * side, 1))
        y, count = counted(lambda model=model, x=x: model(x))
        lines.append(count)
        alive.append(core.min(core.abs(y)).item() > 0)
    return {"lines": lines, "alive": alive}


def patches_fail(shape):
    config = TowerConfig(hidden_size=2, image_size=4, patch_size=2, num_channels=3)
    vision.VisionEmbeddings(config)(core.zeros(tuple(shape)))
    return {"fine": True}


def ended(tokens, end):
    found = text.ends(tokens, end)
    lazy = waiting(found) > 0
    return {"places": found, "when": "when it is asked for" if lazy else "at once, in the function"}


@few_characters(patterns)
def spoken(merges, text, length):
    tokenizer = ClipTokenizer([tuple(pair) for pair in merges], length)
    return {"numbers": tokenizer.encode(text)}


@few_characters(patterns)
def spoken_batch(merges, texts, length, cut, pad):
    tokenizer = ClipTokenizer([tuple(pair) for pair in merges], length)
    given = {} if pad is None else {"pad": pad}
    return {"rows": tokenizer.batch(texts, cut, **given)}


@few_characters(patterns)
def spoken_by_default(merges, texts, length):
    return {"rows": ClipTokenizer([tuple(pair) for pair in merges], length).batch(texts)}


class Listed(list):
    """A list that counts how far it is searched."""

    searched = 0

    def index(self, *args):
        Listed.searched += len(self)
        return super().index(*args)

    def __contains__(self, word):
        Listed.searched += len(self)
        return super().__contains__(word)

    def __iter__(self):
        Listed.searched += len(self)
        return super().__iter__()


@few_characters(patterns)
def speaking_costs(merges, text, sizes):
    """Lines of Python for texts of several sizes and vocabularies, and what was searched."""
    found = []
    for words, size in sizes:
        more = [(f"{i}", "x") for i in range(words)]
        tokenizer = ClipTokenizer([*map(tuple, merges), *more], 9)
        tokenizer.encode("a")  # the pattern is translated once
        tokenizer.words, Listed.searched = Listed(tokenizer.words), 0
        numbers, lines = counted(lambda t=tokenizer, n=size: t.encode(text * n))
        found.append((len(numbers), sum(numbers), lines, Listed.searched))
    numbers, sums, lines, searched = (list(column) for column in zip(*found, strict=True))
    return {"numbers": numbers, "sums": sums, "lines": lines, "searched": searched}


@few_characters(patterns)
def speaking_often(merges, texts, length):
    """The rows, and how often a sentence was encoded for them."""
    tokenizer, calls = ClipTokenizer([tuple(pair) for pair in merges], length), []
    inner = tokenizer.encode
    tokenizer.encode = lambda text: calls.append(text) or inner(text)
    rows = tokenizer.batch(texts)
    return {"rows": rows, "calls": len(calls)}


def classes(sentences, g):
    return pulled(lambda x: [zero_shot.class_vectors(x)], [sentences], [g])


# Errors: what is wrong is said in one sentence


def pieces_of(pictures, sentences):
    """A batch in pieces of two whose numbers of pictures and of sentences may differ."""
    weights = {"p": core.ones((3, 4)), "q": core.ones((6, 3)), "logit_scale": core.array(0.0)}
    tokens = core.zeros((sentences, 2), core.int32)
    return pieces.loss_in_pieces(Towers(weights), core.ones((pictures, 4)), tokens, 2)


def fails(what, value):
    {
        "kind": lambda: prediction.parts_of(value, core.ones(1), core.ones(1), core.array(0.5)),
        "target": lambda: prediction.target_of(value, core.ones(1), core.ones(1), core.array(0.5)),
        "eta": lambda: ddim.ddim_step(
            core.ones(1), core.ones(1), core.array(0.5), core.array(0.6), value
        ),
        "eta with noise": lambda: ddim.ddim_step(
            core.ones(1), core.ones(1), core.array(0.5), core.array(0.6), value, core.ones(1)
        ),
        "count": lambda: places.places(10, value),
        "spacing": lambda: places.places(10, 5, value),
        "calls": lambda: few_calls.few_calls(lambda x, t: x, core.ones((1, 1)), value),
        "drop": lambda: guidance.without_some(core.ones((2, 1)), core.zeros(1), value),
        "pairs": lambda: loss.contrastive_loss(
            core.ones((3 if value else 0, 2)), core.ones((value, 2)), core.array(1.0)
        ),
        "no pairs": lambda: pieces_of(0, 0),
        "more pictures": lambda: pieces_of(value, 3),
        "more sentences": lambda: pieces_of(3, value),
        "rows": lambda: pieces.loss_in_pieces(None, core.ones((2, 2)), core.ones((2, 2)), value),
        "dims": lambda: embedding.step_embedding(core.ones(1), value),
    }[what]()
    return {"fine": True}
