"""What the graders of chapter 8 run of the student's code."""

import io

import mlx.core as mx

from tinymlx import core, nn
from tinymlx.core import array as to_array
from tinymlx.core.arrays import bare
from tinymlx.core.recurrence import cells, loop
from tinymlx.models.recurrent import Bidirectional, Stack, mask
from tinymlx.models.recurrent_memory import influence
from tinymlx.models.recurrent_starts import open_forget_gates, orthogonal_start
from tinymlx.nn.layers import recurrent
from tinymlx.text import beam, lanes, measures, ngram, sampling, utf8, vocabulary
from tinymlx.training.truncated import truncated_gradient

__all__ = ["to_array"]


def two_states_pull(g, x, p, state):
    y = core.tanh(x + 2 * p)
    gx = g[0] * state[1] * (1 - y * y)
    return gx, 2 * gx, [g[1], g[0] * y - 0.5 * g[1]]


TWO_STATES = cells.Cell(
    "two states",
    1,
    2,
    lambda x, p, state: [core.tanh(x + 2 * p) * state[1], state[0] - 0.5 * state[1]],
    two_states_pull,
    differ=True,
)
CELLS = {"RNN": cells.RNN, "LSTM": cells.LSTM, "GRU": cells.GRU, "two states": TWO_STATES}


def pulled(function, arrays, cotangents):
    """What a function returns, and the cotangents of its arguments."""
    outputs, gradients = core.vjp(function, arrays, cotangents)
    return {"outputs": list(outputs), "gradients": list(gradients)}


# 8.1 and 8.2


def table(text, least, new):
    v = vocabulary.Vocabulary(text, least)
    return {
        "characters": list(v.characters),
        "numbers": dict(v.numbers),
        "length": len(v),
        "encoded": list(v.encode(new)),
        "decoded": v.decode(v.encode(new)),
        "of an iterator": v.decode(iter(v.encode(new))),
    }


def decoded(text, numbers):
    return {"decoded": vocabulary.Vocabulary(text).decode(numbers)}


def stream(pieces):
    """The texts that pieces of bytes give, and what waits after each."""
    decoder, texts, waiting = utf8.Utf8Decoder(), [], []
    for piece in pieces:
        texts.append(decoder.feed(bytes(piece)))
        waiting.append(list(decoder.waiting))
    kept = [len(v) for v in vars(decoder).values() if isinstance(v, (bytes, bytearray, str, list))]
    return {"texts": texts, "waiting": waiting, "end": decoder.finish(), "few": max(kept) <= 3}


# 8.3


def counts(order, size, texts):
    model = ngram.NGram(order, size)
    for text in texts:
        model.learn(text)
    found = [[list(c), t, n] for c, followed in model.counts.items() for t, n in followed.items()]
    return {"counts": sorted(found)}


class Sliced(list):
    """A list that counts the tokens which are copied out of it."""

    copied = 0

    def __getitem__(self, index):
        found = super().__getitem__(index)
        if isinstance(index, slice):
            self.copied += len(found)
            return Sliced(found)
        return found


def tokens_copied(order, size, text):
    """Whether counting copies a few tokens for each one, or all that stand in front of it."""
    text = Sliced(text)
    model = ngram.NGram(order, size)
    model.learn(text)
    few = text.copied <= 4 * (order + 1) ** 2 * len(text)
    return {"few": few, "contexts": len(model.counts)}


def chances(order, size, text, contexts):
    """The probabilities of all tokens after some contexts."""
    model = ngram.NGram(order, size)
    model.learn(text)
    rows = [[model.probability(context, t) for t in range(size)] for context in contexts]
    return {"p": core.array(rows)}


def bits_of_a_table(order, size, text, test):
    model = ngram.NGram(order, size)
    model.learn(text)
    return {"bits": core.array(model.bits(test))}


# 8.4


def measured(logits, targets, keep, characters, g):
    def function(logits):
        options = {} if characters is None else {"characters": characters}
        return [
            measures.nats(logits, targets, keep),
            measures.perplexity(logits, targets, keep),
            measures.bits_a_character(logits, targets, keep, **options),
        ]

    return pulled(function, [logits], g)


# 8.5


def cut(tokens, rows, length):
    batches = list(lanes.windows(tokens, rows, length))
    return {"x": [x for x, _ in batches], "y": [y for _, y in batches]}


def cut_and_not_asked(tokens, rows, length):
    lanes.windows(tokens, rows, length)
    return {"fine": True}


# 8.6 to 8.8


def elman_step(x, p, h, g):
    kind = type(cells.rnn_step(x, p, [h])).__name__
    found = pulled(lambda x, p, h: cells.rnn_step(x, p, [h]), [x, p, h], [g])
    return {"kind": kind, **found}


def elman_slope(x, p, h, g):
    gx, gp, state = cells.rnn_pull([g], x, p, [h])
    return {"gx": gx, "gp": gp, "state": state}


def projected(x, w, b, g):
    if b is None:
        return pulled(lambda x, w: [recurrent.projection(x, w, None)], [x, w], [g])
    return pulled(lambda *xs: [recurrent.projection(*xs)], [x, w, b], [g])


def products(function):
    """How many matrix products a function computes."""
    found, primitives = [], [core.matmul, core.addmm]
    kept = [primitive.forward for primitive in primitives]

    def counting(forward):
        def run(*args, **params):
            found.append(1)
            return forward(*args, **params)

        return run

    for primitive, forward in zip(primitives, kept, strict=True):
        primitive.forward = counting(forward)
    try:
        y = function()
    finally:
        for primitive, forward in zip(primitives, kept, strict=True):
            primitive.forward = forward
    return {"y": y, "products": len(found)}


def products_of_inputs(x, w, b):
    return products(lambda: recurrent.projection(x, w, b))


def looped(cell, x, w, b, keep, state, g):
    """The plain loop, and its gradients by the tape."""
    inputs = [x, w, *([] if b is None else [b]), *state]

    def function(x, w, *rest):
        bias, states = (None, rest) if b is None else (rest[0], rest[1:])
        return loop.unrolled(CELLS[cell], x, w, bias, keep, list(states))

    return pulled(function, inputs, g)


def joined_in_a_loop(x, w, state):
    """How often a loop of many steps joins arrays; once for each array of the state will do."""
    found = loop.unrolled(TWO_STATES, x, w, None, None, state)
    text = io.StringIO()
    mx.export_to_dot(text, *[bare(y) for y in found])
    few = text.getvalue().count("Concatenate") <= 2 * len(found)
    return {"few": few, "last": [y[-1] for y in found]}


def recurred(cell, x, w, b, keep, state, g):
    """The loop as one primitive, and its gradients by the walk back."""
    inputs = [x, w, *([] if b is None else [b]), *state]

    def function(x, w, *rest):
        bias, states = (None, rest) if b is None else (rest[0], rest[1:])
        return loop.recurrence(CELLS[cell], x, w, bias, list(states), keep)

    return pulled(function, inputs, g)


def walk(w, x, g, rest):
    """The walk back with a derivative that is easy to follow, for a state of two arrays."""

    def pull(x, g, h, c, through):
        h = h + g + through
        return [h * x[:, :2], mx.concatenate([h * c, x[:, 2:]], axis=1), h - c, 2 * c * x[:, 1:3]]

    moments = [(bare(a), bare(b)) for a, b in zip(x, g, strict=True)]
    given = [bare(a) for a in rest]
    gxs, gps, before = loop.walked_back(pull, bare(w), moments, given)
    return {
        "gx": list(gxs),
        "gp": list(gps),
        "before": list(before),
        "rest": given,
    }


def weights(gp, before):
    found = loop.weight_pull(bare(gp), bare(before))
    text = io.StringIO()
    mx.export_to_dot(text, found)
    return {"w": found, "products": text.getvalue().count("Matmul")}


# 8.9


def influences(w, states):
    return {"norms": influence(w, states)}


# 8.10 to 8.12


def memory_step(x, p, h, c, g):
    return pulled(lambda x, p, h, c: cells.lstm_step(x, p, [h, c]), [x, p, h, c], g)


def opened(bias, value):
    layer = nn.LSTM(2, bias.shape[0] // 4)
    before = [layer.Wx, layer.Wh]
    layer.bias = bias
    if value is None:
        open_forget_gates(layer)
    else:
        open_forget_gates(layer, value)
    return {"bias": layer.bias, "others": [layer.Wx is before[0], layer.Wh is before[1]]}


def opened_without_bias(size):
    open_forget_gates(nn.LSTM(2, size, bias=False))
    return {"fine": True}


def memory_slope(x, p, h, c, g):
    gx, gp, state = cells.lstm_pull(g, x, p, [h, c])
    return {"gx": gx, "gp": gp, "state": list(state)}


def gated_step(x, p, h, g):
    kind = type(cells.gru_step(x, p, [h])).__name__
    found = pulled(lambda x, p, h: cells.gru_step(x, p, [h]), [x, p, h], [g])
    return {"kind": kind, **found}


def layer_of(kind, weights):
    """A layer with given weights, by their names."""
    wx, wh = ("Wxh", "Whh") if kind == "RNN" else ("Wx", "Wh")
    bias = "b" in weights or "bias" in weights
    layer = getattr(nn, kind)(weights[wx].shape[1], weights[wh].shape[1], bias=bias)
    for name, value in weights.items():
        layer[name] = value
    return layer


def gated_layer(x, weights, state, keep, g):
    names = list(weights)
    arrays = [x, *weights.values(), *([] if state is None else [state])]

    def function(x, *rest):
        layer = layer_of("GRU", dict(zip(names, rest, strict=False)))
        return layer.after_steps(x, *rest[len(names) :], keep=keep)

    return pulled(function, arrays, [g])


# 8.13


def left_out(x, p, keep, state, g):
    """A step with a mask: its outputs and gradients by the tape, and by its own derivative."""

    def function(x, p, *state):
        return loop.masked_step(TWO_STATES, x, p, keep, list(state))

    found = pulled(function, [x, p, *state], g)
    gx, gp, before = loop.masked_pull(TWO_STATES, g, x, p, keep, state)
    return {**found, "by hand": [gx, gp, *before]}


def left_out_and_infinite(x, p, keep, state, g):
    """Where a step is left out, what it would have been does not count."""
    y = loop.masked_step(TWO_STATES, x, p, keep, state)
    gx, gp, before = loop.masked_pull(TWO_STATES, g, x, p, keep, state)
    return {"y": y, "by hand": [gx, gp, *before]}


def padded(kind, x, lengths, weights, g):
    """A layer over sequences of unequal length; the last state, and gradients."""
    names = list(weights)
    keep = mask(lengths, x.shape[1])

    def function(x, *rest):
        layer = layer_of(kind, dict(zip(names, rest, strict=True)))
        return [s[:, -1] for s in layer.after_steps(x, keep=keep)]

    return pulled(function, [x, *weights.values()], g)


# 8.14 and 8.15


class Noting:
    """In the place of dropout: doubles, and remembers what it was given."""

    def __init__(self):
        self.shapes = []

    def __call__(self, x):
        self.shapes.append(list(x.shape))
        return 2 * x


def stacked(kind, x, weights, state, keep, g):
    """Layers on top of each other, with a doubling in the place of dropout."""
    stack = Stack([layer_of(kind, w) for w in weights], 0.5)
    stack.dropout = Noting()
    y, found = stack(x, state, keep)
    gx, gw = core.grad(
        lambda x, weights: core.sum(
            Stack([layer_of(kind, w) for w in weights])(x, state, keep)[0] * g
        ),
        argnums=(0, 1),
    )(x, weights)
    return {"y": y, "state": found, "dropped": stack.dropout.shapes, "gx": gx, "gw": gw}


def stacked_in_pieces(kind, x, weights, pieces):
    """What is read in pieces, with the state carried on, is read as one."""
    stack = Stack([layer_of(kind, w) for w in weights])
    state, found, start = None, [], 0
    for length in pieces:
        y, state = stack(x[:, start : start + length], state)
        found.append(y)
        start += length
    return {"y": core.concatenate(found, axis=1), "state": state}


def both(kind, x, forward, backward, lengths, g):
    """Both directions at the steps that exist, and the summary."""
    keep = None if lengths is None else mask(lengths, x.shape[1])
    net = Bidirectional(layer_of(kind, forward), layer_of(kind, backward))
    y = net(x) if keep is None else net(x, keep)
    real = y if keep is None else core.where(keep[..., None], y, 0)

    def function(x):
        net = Bidirectional(layer_of(kind, forward), layer_of(kind, backward))
        return core.sum(net.summary(net(x, keep)) * g)

    return {"y": real, "summary": net.summary(y), "gx": core.grad(function)(x)}


# 8.16


def starts(shape, dtype):
    core.random.seed(8)
    w = core.ones(tuple(shape)).astype(getattr(core, dtype))
    return {"w": orthogonal_start(w), "again": orthogonal_start(w)}


# 8.17


class Leaky(nn.Module):
    """h' = tanh(w h + x), and its mean squared distance to y; the state is a tree."""

    def __init__(self, w):
        super().__init__()
        self.w = w

    def __call__(self, x, state):
        h = core.zeros_like(x[:, 0]) if state is None else state["h"][0]
        found = []
        for t in range(x.shape[1]):
            h = core.tanh(self.w * h + x[:, t])
            found.append(h)
        return core.stack(found, axis=1), {"h": [h]}


def squared(model, x, y, state):
    h, state = model(x, state)
    return core.mean(core.square(h - y)), state


def truncated(x, y, w, h, length):
    """Loss, gradient and state; how many operations were waiting when a piece began."""
    waiting, sizes = [], []

    def noting(model, x, y, state):
        if sizes:
            text = io.StringIO()
            mx.export_to_dot(text, bare(state["h"][0]))
            waiting.append(text.getvalue().count("label"))
        sizes.append([x.shape[1], y.shape[1]])
        return squared(model, x, y, state)

    model = Leaky(w)
    state = None if h is None else {"h": [h]}
    value, gradient, after = truncated_gradient(model, noting, x, y, state, length)
    end = after["h"][0]
    return {
        "loss": value,
        "gradient": gradient["w"],
        "state": end,
        "watched": end._trace is not None,
        "sizes": sizes,
        "waiting": sum(waiting),
        "the model's own": model.w is w,
    }


def unread(x, y, w, length):
    """A part of the state that no loss reads: how long it is, and what it waits for when a piece
    begins."""
    waiting = []

    def counting(model, x, y, state):
        h, seen = state
        text = io.StringIO()
        mx.export_to_dot(text, bare(seen))
        waiting.append(text.getvalue().count("label"))
        value, after = squared(model, x, y, {"h": [h]})
        return value, [after["h"][0], seen + x.shape[1]]

    state = [core.zeros_like(x[:, 0]), core.array(0)]
    core.eval(state)
    value, _, (_, seen) = truncated_gradient(Leaky(w), counting, x, y, state, length)
    return {"loss": value, "seen": seen.item(), "waiting": max(waiting) - min(waiting)}


def totals_are_done(x, y, w, length):
    """How many operations the gradients of earlier pieces still wait for, piece by piece."""
    model, sizes = Leaky(w), []

    def noting(model, x, y, state):
        mx.reset_peak_memory()
        sizes.append(mx.get_active_memory())
        return squared(model, x, y, state)

    value, _, _ = truncated_gradient(model, noting, x, y, None, length)
    return {"loss": value, "memory": sizes}


def truncated_fails(x, y, w, length):
    truncated_gradient(Leaky(w), squared, x, y, None, length)
    return {"fine": True}


# 8.18


def filtered(name, logits, value):
    """The probabilities after a filter, and which tokens are left."""
    y = getattr(sampling, name)(logits, value)
    return {"p": core.softmax(y, axis=-1), "left": core.isfinite(y)}


def tempered(logits, temperature):
    y = sampling.tempered(logits, temperature)
    return {"p": core.softmax(y, axis=-1)}


def filter_fails(name, logits, value):
    getattr(sampling, name)(logits, value)
    return {"fine": True}


# 8.19


def searched(after, memory, start, length, width, known):
    """A model whose logits depend on all tokens before, through its state."""
    calls = []

    def step(tokens, state):
        calls.append(tokens.shape[0])
        h = core.zeros((tokens.shape[0], after.shape[1])) if state is None else state["h"][0]
        h = 0.7 * h + memory[tokens]
        return 3 * after[tokens] + 2 * h, {"h": [h], "nothing": None}

    state = {"h": [known]} if known is not None else None
    tokens, score = beam.beam_search(step, state, start, length, width)
    return {
        "tokens": list(tokens),
        "score": score,
        "calls": len(calls),
        "too wide": max(calls) > width,
    }


def search_fails(length, width):
    step = lambda tokens, state: (core.zeros((tokens.shape[0], 3)), state)  # noqa: E731
    return {"tokens": beam.beam_search(step, None, 0, length, width)[0]}
