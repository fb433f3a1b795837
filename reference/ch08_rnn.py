"""What chapter 8's functions should return: by PyTorch, by the standard library, or by NumPy."""

import codecs
import itertools
import math
from collections import Counter

import numpy as np

from reference.kit import in_numpy, torch

UNKNOWN = "\ufffd"


def pulled(outputs, arrays, cotangents):
    """What was returned, and the gradients of its products with the cotangents."""
    total = sum((y * g.detach()).sum() for y, g in zip(outputs, cotangents, strict=True))
    gradients = torch.autograd.grad(total, arrays, allow_unused=True)
    found = [
        torch.zeros_like(a) if g is None else g for g, a in zip(gradients, arrays, strict=True)
    ]
    return {"outputs": outputs, "gradients": found}


# 8.1 and 8.2


@in_numpy
def table(text, least, new):
    counts = Counter(text)
    characters = [UNKNOWN] + [c for c in sorted(set(text)) if counts[c] >= least and c != UNKNOWN]
    encoded = [characters.index(c) if c in characters else 0 for c in new]
    decoded = "".join(characters[i] for i in encoded)
    return {
        "characters": characters,
        "numbers": {c: i for i, c in enumerate(characters)},
        "length": len(characters),
        "encoded": encoded,
        "decoded": decoded,
        "of an iterator": decoded,
    }


@in_numpy
def stream(pieces):
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    texts, waiting = [], []
    for piece in pieces:
        texts.append(decoder.decode(bytes(piece)))
        waiting.append(list(decoder.getstate()[0]))
    end = decoder.decode(b"", final=True)
    return {"texts": texts, "waiting": waiting, "end": end, "few": True}


# 8.3


def occurrences(order, texts):
    """How often each run of up to ``order + 1`` tokens occurs."""
    return Counter(
        tuple(text[i : i + n])
        for text in texts
        for n in range(1, order + 2)
        for i in range(len(text) - n + 1)
    )


@in_numpy
def counts(order, size, texts):
    found = occurrences(order, texts)
    return {"counts": sorted([list(run[:-1]), run[-1], n] for run, n in found.items())}


def tokens_copied(order, size, text):
    found = occurrences(order, [text])
    return {"few": True, "contexts": len({run[:-1] for run in found})}


def chance(found, size, context, token):
    """Witten and Bell, from the longest context down."""
    followed = [n for run, n in found.items() if run[:-1] == context]
    below = 1 / size if not context else chance(found, size, context[1:], token)
    if not followed:
        return below
    total, different = sum(followed), len(followed)
    return (found.get((*context, token), 0) + different * below) / (total + different)


@in_numpy
def chances(order, size, text, contexts):
    found = occurrences(order, [text])
    shortened = [tuple(c[max(0, len(c) - order) :]) for c in contexts]
    return {"p": np.array([[chance(found, size, c, t) for t in range(size)] for c in shortened])}


@in_numpy
def bits_of_a_table(order, size, text, test):
    found = occurrences(order, [text])
    each = [chance(found, size, tuple(test[max(0, i - order) : i]), t) for i, t in enumerate(test)]
    return {"bits": np.array(-np.log2(each).mean())}


# 8.4


def measured(logits, targets, keep, characters, g):
    each = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), targets.reshape(-1).long(), reduction="none"
    )
    if keep is not None:
        each = each[keep.reshape(-1)]
    per = each.numel() if characters is None else characters
    outputs = [each.mean(), each.mean().exp(), each.sum() / math.log(2) / per]
    return pulled(outputs, [logits], g)


# 8.5


@in_numpy
def cut(tokens, rows, length):
    steps = (len(tokens) - 1) // rows
    starts = [(t, min(t + length, steps)) for t in range(0, steps, length)]

    def batch(shift):
        return [
            np.stack([tokens[r * steps + a + shift : r * steps + b + shift] for r in range(rows)])
            for a, b in starts
        ]

    return {"x": batch(0), "y": batch(1)}


@in_numpy
def cut_and_not_asked(tokens, rows, length):
    return {"fine": True}


# 8.6 to 8.8


def elman(x, p, state):
    return [torch.tanh(x + p)]


def two_states(x, p, state):
    return [torch.tanh(x + 2 * p) * state[1], state[0] - 0.5 * state[1]]


def lstm(x, p, state):
    """By PyTorch's own cell: its input is the sum, and it ignores the state but for the cell."""
    size = state[0].shape[1]
    cell = torch.nn.LSTMCell(4 * size, size, bias=False, dtype=x.dtype)
    with torch.no_grad():
        cell.weight_ih.copy_(torch.eye(4 * size))
        cell.weight_hh.zero_()
    return list(cell(x + p, (state[0], state[1])))


def gru(x, p, state):
    xr, xz, xn = x.chunk(3, -1)
    pr, pz, pn = p.chunk(3, -1)
    r, z = torch.sigmoid(xr + pr), torch.sigmoid(xz + pz)
    return [(1 - z) * torch.tanh(xn + r * pn) + z * state[0]]


STEPS = {"RNN": elman, "two states": two_states, "LSTM": lstm, "GRU": gru}


def elman_step(x, p, h, g):
    return {"kind": "list", **pulled(elman(x, p, [h]), [x, p, h], [g])}


def elman_slope(x, p, h, g):
    gx, gp, gh = pulled(elman(x, p, [h]), [x, p, h], [g])["gradients"]
    return {"gx": gx, "gp": gp, "state": [gh]}


def projected(x, w, b, g):
    y = torch.nn.functional.linear(x, w, b)
    return pulled([y], [x, w] if b is None else [x, w, b], [g])


@in_numpy
def products_of_inputs(x, w, b):
    return {"y": x @ w.T + (0 if b is None else b), "products": 1}


def looped(cell, x, w, b, keep, state, g):
    now, found = state, []
    for t in range(x.shape[0]):
        p = torch.nn.functional.linear(now[0], w, b)
        new = STEPS[cell](x[t], p, now)
        if keep is not None:
            new = [torch.where(keep[t], n, s) for n, s in zip(new, now, strict=True)]
        now = new
        found.append(now)
    outputs = [torch.stack(each) for each in zip(*found, strict=True)]
    return pulled(outputs, [x, w, *([] if b is None else [b]), *state], g)


recurred = looped


def joined_in_a_loop(x, w, state):
    now = state
    for t in range(x.shape[0]):
        now = STEPS["two states"](x[t], now[0] @ w.T, now)
    return {"few": True, "last": list(now)}


@in_numpy
def walk(w, x, g, rest):
    h, c = rest
    through, gxs, gps = np.zeros_like(h), [], []
    for t in range(len(x) - 1, -1, -1):
        h = h + g[t] + through
        gxs.insert(0, h * x[t][:, :2])
        gps.insert(0, np.concatenate([h * c, x[t][:, 2:]], axis=1))
        h, c = h - c, 2 * c * x[t][:, 1:3]
        through = gps[0] @ w
    return {"gx": gxs, "gp": gps, "before": [h + through, c], "rest": rest}


def weights(gp, before):
    return {"w": torch.einsum("lbg,lbh->gh", gp, before), "products": 1}


# 8.9


def influences(w, states):
    """Inputs that lead through these states, and the Jacobians of what follows from each."""
    w, states = w.detach(), states.detach()
    inputs = torch.atanh(states[1:]) - states[:-1] @ w.T

    def last(h, t):
        for x in inputs[t:]:
            h = torch.tanh(w @ h + x)
        return h

    slopes = [torch.func.jacrev(lambda h, t=t: last(h, t))(states[t]) for t in range(len(states))]
    return {"norms": torch.stack([torch.linalg.matrix_norm(s, ord=2) for s in slopes])}


# 8.10 to 8.12


def memory_step(x, p, h, c, g):
    return pulled(lstm(x, p, [h, c]), [x, p, h, c], g)


@in_numpy
def opened(bias, value):
    size = len(bias) // 4
    bias = bias.copy()
    bias[size : 2 * size] = 1 if value is None else value
    return {"bias": bias, "others": [True, True]}


@in_numpy
def opened_without_bias(size):
    return {"fine": True}


def memory_slope(x, p, h, c, g):
    gx, gp, gh, gc = pulled(lstm(x, p, [h, c]), [x, p, h, c], g)["gradients"]
    return {"gx": gx, "gp": gp, "state": [gh, gc]}


def gated_step(x, p, h, g):
    return {"kind": "list", **pulled(gru(x, p, [h]), [x, p, h], [g])}


def torch_layer(kind, weights, **options):
    """PyTorch's layer and the names of its weights as functions of ours."""
    w, u = weights["Wxh" if kind == "RNN" else "Wx"], weights["Whh" if kind == "RNN" else "Wh"]
    layer = getattr(torch.nn, kind)(w.shape[1], u.shape[1], batch_first=True, dtype=w.dtype)
    zeros = torch.zeros(u.shape[0], dtype=w.dtype)
    b = weights.get("b" if kind == "GRU" else "bias", zeros)
    hidden = zeros
    if "bhn" in weights:
        hidden = torch.cat([zeros[: 2 * u.shape[1]], weights["bhn"]])
    return layer, {"weight_ih_l0": w, "weight_hh_l0": u, "bias_ih_l0": b, "bias_hh_l0": hidden}


def run(kind, weights, x, state=None):
    """One layer over whole sequences: its outputs, and its state in the end, a list."""
    layer, named = torch_layer(kind, weights)
    given = None
    if state is not None:
        given = tuple(s[None] for s in state) if kind == "LSTM" else state[0][None]
    y, end = torch.func.functional_call(layer, named, (x, given))
    return y, [s[0] for s in (end if kind == "LSTM" else [end])]


def run_unequal(kind, weights, x, lengths, backwards=False):
    """The same for each sequence alone, as long as it is: outputs filled up with 0, last states."""
    outputs, ends = [], []
    for row, length in zip(x, lengths.tolist(), strict=True):
        real = row[:length].flip(0) if backwards else row[:length]
        y, end = run(kind, weights, real[None])
        y = y[0].flip(0) if backwards else y[0]
        outputs.append(torch.cat([y, y.new_zeros(len(row) - length, y.shape[1])]))
        ends.append([s[0] for s in end])
    return torch.stack(outputs), [torch.stack(each) for each in zip(*ends, strict=True)]


def gated_layer(x, weights, state, keep, g):
    arrays = [x, *weights.values(), *([] if state is None else [state])]
    if keep is None:
        y, _ = run("GRU", weights, x, None if state is None else [state])
        return pulled([y], arrays, [g])
    h, found = state, []
    for t in range(x.shape[1]):
        y, _ = run("GRU", weights, x[:, t : t + 1], [h])
        h = torch.where(keep[:, t, None], y[:, 0], h)
        found.append(h)
    return pulled([torch.stack(found, 1)], arrays, [g])


# 8.13


def left_out(x, p, keep, state, g):
    new = two_states(x, p, state)
    outputs = [torch.where(keep, n, s) for n, s in zip(new, state, strict=True)]
    found = pulled(outputs, [x, p, *state], g)
    return {**found, "by hand": found["gradients"]}


def left_out_and_infinite(x, p, keep, state, g):
    """Rows that are left out are dealt with apart from the others."""
    rows = keep[:, 0]
    real = [a[rows].detach().requires_grad_() for a in (x, p, *state)]
    part = pulled(two_states(real[0], real[1], real[2:]), real, [a[rows] for a in g])
    y = [s.detach().clone() for s in state]
    found = [torch.zeros_like(x), torch.zeros_like(p), *(a.detach().clone() for a in g)]
    for whole, piece in zip([*y, *found], [*part["outputs"], *part["gradients"]], strict=True):
        whole[rows] = piece.detach()
    return {"y": y, "by hand": found}


def padded(kind, x, lengths, weights, g):
    _, ends = run_unequal(kind, weights, x, lengths)
    return pulled(ends, [x, *weights.values()], g)


# 8.14 and 8.15


def stacked(kind, x, weights, state, keep, g):
    def through(factor):
        y, found = x, []
        for i, w in enumerate(weights):
            given = None if state is None else state[i]
            y = factor * y if i > 0 else y
            if keep is None:
                y, end = run(kind, w, y, given)
            else:
                lengths = keep.sum(1)
                y, end = run_unequal(kind, w, y, lengths)
                last = y[torch.arange(len(y)), lengths - 1]
                y = torch.where(keep[..., None], y, last[:, None])
            found.append(end)
        return y, found

    y, found = through(2)
    flat = [a for w in weights for a in w.values()]
    gradients = pulled([through(1)[0]], [x, *flat], [g])["gradients"]
    supply = iter(gradients[1:])
    return {
        "y": y,
        "state": found,
        "dropped": [[*x.shape[:2], y.shape[-1]] for _ in weights[1:]],
        "gx": gradients[0],
        "gw": [{name: next(supply) for name in w} for w in weights],
    }


def stacked_in_pieces(kind, x, weights, pieces):
    y, found = x, []
    for w in weights:
        y, end = run(kind, w, y)
        found.append(end)
    return {"y": y, "state": found}


def both(kind, x, forward, backward, lengths, g):
    if lengths is None:
        lengths = torch.full((len(x),), x.shape[1])
    ahead, last = run_unequal(kind, forward, x, lengths)
    back, first = run_unequal(kind, backward, x, lengths, backwards=True)
    summary = torch.cat([last[0], first[0]], -1)
    (gx,) = pulled([summary], [x], [g])["gradients"]
    return {"y": torch.cat([ahead, back], -1), "summary": summary, "gx": gx}


# 8.17


def truncated(x, y, w, h, length):
    state = torch.zeros_like(x[:, 0]) if h is None else h
    total, sizes = 0, []
    for start in range(0, x.shape[1], length):
        state = state.detach()
        piece = range(start, min(start + length, x.shape[1]))
        sizes.append([len(piece)] * 2)
        for t in piece:
            state = torch.tanh(w * state + x[:, t])
            total = total + (state - y[:, t]).square().sum()
    loss = total / y.numel()
    return {
        "loss": loss,
        "gradient": torch.autograd.grad(loss, w)[0],
        "state": state,
        "watched": False,
        "sizes": sizes,
        "waiting": 0,
        "the model's own": True,
    }


def unread(x, y, w, length):
    loss = truncated(x, y, w, None, length)["loss"]
    return {"loss": loss, "seen": x.shape[1], "waiting": 0}


def truncated_fails(x, y, w, length):
    return {"fine": True}


# 8.18


def tempered(logits, temperature):
    return {"p": torch.softmax(logits / temperature, -1)}


def filtered(name, logits, value):
    p = torch.softmax(logits.double(), -1)
    falling = torch.sort(p, descending=True, dim=-1).values
    if name == "top_k":
        bound = falling[..., min(value, p.shape[-1]) - 1]
    else:
        reached = (falling.cumsum(-1) < value).sum(-1, keepdim=True)
        bound = falling.gather(-1, reached.clamp(max=p.shape[-1] - 1))[..., 0]
    left = p >= bound[..., None]
    p = p * left / (p * left).sum(-1, keepdim=True)
    return {"p": p.to(logits.dtype), "left": left}


def filter_fails(name, logits, value):
    return {"fine": True}


# 8.19


@in_numpy
def searched(after, memory, start, length, width, known):
    """The same model, each text by itself; all continuations if the beam has room for them."""
    first = np.zeros(after.shape[1]) if known is None else known[0]

    def advanced(text):
        """Log-probabilities of what follows ``start`` and ``text``."""
        h = first
        for token in [start, *text]:
            h = 0.7 * h + memory[token]
            z = 3 * after[token] + 2 * h
        return z - np.log(np.exp(z - z.max()).sum()) - z.max()

    def score(text):
        return sum(advanced(text[:i])[token] for i, token in enumerate(text))

    size = after.shape[1]
    if width >= size**length:
        best = max(itertools.product(range(size), repeat=length), key=score)
        return {
            "tokens": list(best),
            "score": float(score(best)),
            "calls": length,
            "too wide": False,
        }
    beam = [((), 0.0)]
    for _ in range(length):
        longer = [
            ((*text, t), total + advanced(text)[t]) for text, total in beam for t in range(size)
        ]
        beam = sorted(longer, key=lambda pair: -pair[1])[:width]
    tokens, total = beam[0]
    return {"tokens": list(tokens), "score": float(total), "calls": length, "too wide": False}
