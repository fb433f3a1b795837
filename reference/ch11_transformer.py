"""Answers for chapter 11, by PyTorch or by NumPy."""

import math

import numpy as np

from reference.kit import in_numpy, torch


def pulled(outputs, arrays, cotangents):
    """What was returned, and the gradients of its products with the cotangents."""
    total = sum((y * g.detach()).sum() for y, g in zip(outputs, cotangents, strict=True))
    gradients = torch.autograd.grad(total, arrays, allow_unused=True)
    found = [
        torch.zeros_like(a) if g is None else g for g, a in zip(gradients, arrays, strict=True)
    ]
    return {"outputs": outputs, "gradients": found}


def attention(q, k, v, mask=None, scale=None):
    """PyTorch's own, where a row that may ask nobody gives 0; heads of keys may be fewer."""
    if isinstance(mask, str):
        queries, keys = q.shape[-2], k.shape[-2]
        mask = torch.arange(queries)[:, None] + (keys - queries) >= torch.arange(keys)
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, scale=scale, enable_gqa=q.ndim == 4
    )


def hidden_by(mask, scores):
    """Scores with minus infinity where a mask hides them."""
    if mask.dtype == torch.bool:
        return scores.masked_fill(~mask, -torch.inf)
    return scores + mask


# 11.1 and 11.2


def looked_up(query, keys, values):
    shares = torch.softmax(keys @ query / math.sqrt(len(query)), 0)
    return {"answer": attention(query[None], keys, values)[0], "shares": shares}


def attended(q, k, v, mask):
    scores = q @ k.T / math.sqrt(q.shape[-1])
    shares = torch.softmax(scores if mask is None else hidden_by(mask, scores), -1)
    return {"y": attention(q, k, v, mask), "shares": shares}


def attend_slope(g, q, k, v, shares):
    mask = shares.detach() > 0
    gq, gk, gv = pulled([attention(q, k, v, mask)], [q, k, v], [g])["gradients"]
    return {"gq": gq, "gk": gk, "gv": gv}


# 11.3 and 11.4


@in_numpy
def causal(queries, keys):
    table = [[j <= i + keys - queries for j in range(keys)] for i in range(queries)]
    return {"mask": np.array(table)}


@in_numpy
def padding(lengths, keys):
    table = [[[[j < n for j in range(keys)]]] for n in lengths.tolist()]
    return {"mask": np.array(table)}


def hidden(scores, mask, g, learned):
    weights = torch.softmax(hidden_by(mask, scores), -1)
    found = pulled([weights], [scores, *([mask] if learned else [])], [g])
    return {**found, "finite": True}


def unheard(scores, mask, v, g):
    """Rows that may ask nobody are left out, and put back as zeros."""
    truth = mask if mask.dtype == torch.bool else ~torch.isneginf(mask)
    lonely = ~truth.any(-1, keepdim=True)
    safe = torch.where(lonely, torch.zeros_like(hidden_by(mask, scores)), hidden_by(mask, scores))
    y = torch.where(lonely, 0.0, torch.softmax(safe, -1) @ v)
    return {**pulled([y], [scores, v], [g]), "lonely": lonely}


def silence(y, mask, keys, g):
    if mask is None:
        lonely = torch.zeros(y.shape[2], 1, dtype=torch.bool)
    elif isinstance(mask, str):
        lonely = torch.arange(y.shape[2])[:, None] < y.shape[2] - keys
    elif mask.dtype == torch.bool:
        lonely = ~mask.any(-1, keepdim=True)
    else:
        lonely = torch.isneginf(mask).all(-1, keepdim=True)
    return pulled([torch.where(lonely, 0.0, y)], [y], [g])


def nobody(mask):
    return {"lonely": torch.isneginf(mask).all(-1, keepdim=True)}


def silence_cost(y):
    first = y[:, :, :5].clone()
    first[:, :, :2] = 0
    return {"y": first, "little memory": True}


# 11.5 to 11.7


def split(x, heads, g):
    batch, length, dims = x.shape
    return pulled([x.view(batch, length, heads, dims // heads).transpose(1, 2)], [x], [g])


def merged(x, g):
    return pulled([x.permute(0, 2, 1, 3).flatten(2)], [x], [g])


def repeated(k, q):
    return k.repeat_interleave(q.shape[1] // k.shape[1], 1)


def grouped(q, k, v, weights, g):
    scores = pulled([q @ repeated(k, q).mT], [q, k], g[:1])
    mixed = pulled([weights @ repeated(v, weights)], [weights, v], g[1:])
    batch, groups = k.shape[:2]
    return {"scores": scores, "mixed": mixed, "below": q.reshape(batch, groups, -1, q.shape[-1])}


def grouped_costs(q, k, weights):
    return {
        "scores": (q @ repeated(k, q).mT).sum(),
        "y": weights @ repeated(k, q),
        "little memory": True,
        "little memory for values": True,
    }


def asked(weights, name, queries, keys, values, heads, mask):
    """Multi-head attention with parameters whose names begin with ``name``."""

    def projected(part, x):
        bias = weights.get(f"{name}{part}_proj.bias")
        return torch.nn.functional.linear(x, weights[f"{name}{part}_proj.weight"], bias)

    q, k, v = (
        projected(part, x).unflatten(-1, (heads, -1)).transpose(1, 2)
        for part, x in (("query", queries), ("key", keys), ("value", values))
    )
    return projected("out", attention(q, k, v, mask).transpose(1, 2).flatten(2))


def multi_head(dims, heads, sizes, weights, queries, keys, values, mask, g):
    y = asked(weights, "", queries, keys, values, heads, mask)
    return pulled([y], [queries, keys, values, *weights.values()], [g])


@in_numpy
def additive(length, dtype):
    later = np.triu(np.ones((length, length)), 1)
    least = {"float32": np.finfo(np.float32).min, "float16": np.finfo(np.float16).min}
    return {
        "mask": (later * least[dtype]).astype(dtype),
        "default": (later * least["float32"]).astype("float32"),
    }


# 11.8 to 11.10


@in_numpy
def waves(x, dims, options):
    low, high = options.get("min_freq", 1e-4), options.get("max_freq", 1.0)
    half = dims // 2
    frequencies = high * (low / high) ** (np.arange(half) / max(half - 1, 1))
    if half == 1:
        frequencies = np.array([high])
    if options.get("full_turns"):
        frequencies = 2 * np.pi * frequencies
    angles = x[..., None] * frequencies
    parts = [np.sin(angles), np.cos(angles)]
    y = np.concatenate(parts[::-1] if options.get("cos_first") else parts, -1)
    scale = options.get("scale")
    y = y * (math.sqrt(2 / dims) if scale is None else scale)
    return {"y": y, "parameters": 0, "training": True}


def rotated_pairs(x, dims, traditional, positions, base=10000.0):
    """Pairs as complex numbers, times e to the i theta."""
    theta = positions[..., None] * base ** (-torch.arange(0, dims, 2, dtype=x.dtype) / dims)
    turn = torch.polar(torch.ones_like(theta), theta)
    here, rest = x[..., :dims], x[..., dims:]
    half = here.unflatten(-1, (-1, 2)) if traditional else here.unflatten(-1, (2, -1)).mT
    y = torch.view_as_real(torch.view_as_complex(half.contiguous()) * turn)
    y = y.flatten(-2) if traditional else y.mT.flatten(-2)
    return torch.cat([y, rest], -1)


def turned(x, dims, options, offset, g):
    if isinstance(offset, torch.Tensor):
        offset = offset.reshape(-1, *[1] * (x.ndim - 2))
    positions = (torch.arange(x.shape[-2]) + offset) * options.get("scale", 1.0)
    y = rotated_pairs(
        x, dims, options.get("traditional", False), positions, options.get("base", 10000.0)
    )
    return pulled([y], [x], [g])


def turned_pairs(q, k, dims, traditional, first, second):
    """Only the distance of the first two positions is used, for both."""
    near = torch.arange(q.shape[-2])
    score = (
        rotated_pairs(q, dims, traditional, near)
        * rotated_pairs(k, dims, traditional, near + first[1] - first[0])
    ).sum(-1)
    turn = rotated_pairs(q, dims, traditional, near + first[0])
    return {"first": score, "second": score, "turned": turn}


def turned_in_place(x, dims):
    return {"y": rotated_pairs(x, dims, False, torch.arange(x.shape[-2]) + 3000)}


def slope_numbers(heads):
    """As published with the paper: a power of two, and every second slope of the next one."""
    power = 2 ** math.floor(math.log2(heads))
    found = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    return found + [2 ** (-4 * (2 * i + 1) / power) for i in range(heads - power)]


@in_numpy
def slopes(heads, dtype):
    return {"slopes": np.array(slope_numbers(heads), dtype)[:, None, None]}


@in_numpy
def biases(queries, keys, heads, offset, dtype):
    distance = abs(np.arange(offset, queries)[:, None] - np.arange(keys))
    found = -np.array(slope_numbers(heads))[:, None, None] * distance
    return {"biases": found[None].astype(dtype)}


# 11.11 to 11.14


def gated(x, weights, g):
    linear = torch.nn.functional.linear
    gate = torch.nn.functional.silu(linear(x, weights["gate_proj.weight"]))
    y = linear(gate * linear(x, weights["up_proj.weight"]), weights["down_proj.weight"])
    return pulled([y], [x, *weights.values()], [g])


def normed(weights, name, x):
    return torch.nn.functional.layer_norm(
        x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"]
    )


def fed(weights, name, x, activation, factor):
    linear = torch.nn.functional.linear
    hidden = linear(x, weights[f"{name}linear1.weight"], weights[f"{name}linear1.bias"])
    hidden = factor * getattr(torch.nn.functional, activation)(hidden)
    return linear(hidden, weights[f"{name}linear2.weight"], weights[f"{name}linear2.bias"])


def layer(weights, name, x, memory, masks, heads, norm_first, activation, doubled):
    """An encoder layer, or a decoder layer if there is a memory, from PyTorch's functions."""

    def own(y):
        part = "attention" if memory is None else "self_attention"
        return asked(weights, f"{name}{part}.", y, y, y, heads, masks[0])

    def other(y):
        return asked(weights, f"{name}cross_attention.", y, memory, memory, heads, masks[1])

    def feed(y):
        return fed(weights, name, y, activation, 2 if last in doubled else 1)

    parts = [own, feed] if memory is None else [own, other, feed]
    last = len(parts)
    for i, part in enumerate(parts, start=1):
        factor = 2 if i in doubled and i < last else 1  # the last one is inside
        if norm_first:
            x = x + factor * part(normed(weights, f"{name}ln{i}", x))
        else:
            x = normed(weights, f"{name}ln{i}", x + factor * part(x))
    return x


def block(kind, weights, x, memory, masks, options, doubled, g):
    y = layer(
        weights,
        "",
        x,
        memory,
        masks,
        options["heads"],
        options["norm_first"],
        options["activation"],
        doubled,
    )
    arrays = [x, *([] if memory is None else [memory]), *weights.values()]
    return pulled([y], arrays, [g])


def stack(weights, name, count, x, memory, masks, heads, norm_first):
    found = []
    for i in range(count):
        here = f"{name}.layers.{i}."
        x = layer(weights, here, x, memory, masks, heads, norm_first, "relu", ())
        found.append(x)
    return found, normed(weights, f"{name}.ln", x)


def run(weights, src, tgt, masks, sizes, norm_first):
    _, heads, _, encoder, decoder = sizes
    first, memory = stack(weights, "encoder", encoder, src, None, masks[:1], heads, norm_first)
    second, y = stack(weights, "decoder", decoder, tgt, memory, masks[1:], heads, norm_first)
    return {"encoder layers": first, "memory": memory, "decoder layers": second, "y": y}


def whole(weights, src, tgt, masks, options, g):
    found = run(weights, src, tgt, masks, options["sizes"], options["norm_first"])
    return {**found, **pulled([found["y"]], [src, tgt], [g])}


def again(weights, src, tgt, sizes, g):
    y = run(weights, src, tgt, (None, "causal", None), sizes, True)["y"]
    return {**pulled([y], [src, tgt], [g]), "calls": 2 * (sizes[3] + sizes[4])}


# 11.15


def experts(x, weights, chosen, g):
    """All experts computed for all positions, and those that were not chosen thrown away."""
    flat = x.reshape(-1, x.shape[-1])
    logits = flat @ weights["router.weight"].T
    best, places = logits.topk(chosen)
    gate = torch.einsum("ti,eih->teh", flat, weights["gate_proj"])
    up = torch.einsum("ti,eih->teh", flat, weights["up_proj"])
    hidden = torch.nn.functional.silu(gate) * up
    every = torch.einsum("teh,eho->teo", hidden, weights["down_proj"])
    picked = torch.stack([every[t, row] for t, row in enumerate(places)])
    y = (best.softmax(-1)[..., None] * picked).sum(1).reshape(x.shape)
    count = logits.shape[-1]
    shares = torch.bincount(places.reshape(-1), minlength=count) / places.numel()
    balance = count * (shares * logits.softmax(-1).mean(0)).sum()
    return pulled([y, balance], [x, *weights.values()], g)


def balanced(x, router, count):
    logits = x @ router.T
    shares = torch.bincount(logits.topk(count).indices.reshape(-1), minlength=len(router))
    balance = len(router) * (shares / shares.sum() * logits.softmax(-1).mean(0)).sum()
    return {"balance": balance}


@in_numpy
def chosen(logits, count):
    order = np.argsort(-logits, axis=-1)[..., :count]
    return {"experts": np.sort(order, axis=-1).astype(np.int32)}


# 11.16 and 11.17


@in_numpy
def kept(keys, values, pieces, step):
    found, end = [], 0
    for count in pieces:
        end += count
        found.append({"keys": keys[:, :, :end], "values": values[:, :, :end], "offset": end})
    room = -(-end // step) * step
    shapes = [[*a.shape[:2], room, a.shape[3]] for a in (keys, values)]
    return {"found": found, "room": shapes}


@in_numpy
def kept_again(keys, values, forget):
    stay = max(keys.shape[2] - forget, 0)
    return {
        "keys": np.concatenate([keys[:, :, :stay], values[:, :, :1]], 2),
        "values": np.concatenate([values[:, :, :stay], keys[:, :, :1]], 2),
        "offset": stay + 1,
    }


@in_numpy
def keeping_costs(keys, new):
    last = np.concatenate([keys[:, :, -1:], *[new] * 4], 2)
    return {"last": last, "little memory": True}


def rotated(q, k, v, size, keep, pieces):
    places = torch.arange(k.shape[2])
    ago = places[:, None] - places
    mask = (ago >= 0) & ((ago < size - keep) | (places < keep))
    offsets = np.cumsum(pieces).tolist()
    y = attention(q, k, v, mask, scale=1.0)
    return {"y": y, "few": True, "named": True, "offsets": offsets}


@in_numpy
def rotated_stays(k, size, count):
    found = [np.sort(k[0, 0, max(i + 1 - size, 0) : i + 1, 0]) for i in range(count)]
    return {"sorted": found, "given": k}


# 11.18 to 11.20


def pieces_of_softmax(scores, v, cuts, g):
    groups = scores.shape[1] // v.shape[1]
    mean = torch.softmax(scores, -1) @ v.repeat_interleave(groups, 1)
    return pulled([mean, torch.logsumexp(scores, -1, keepdim=True)], [scores, v], g)


def together(means, log_sums):
    top = torch.maximum(*log_sums)
    a, b = (torch.exp(s - top) for s in log_sums)
    mean, log_sum = (a * means[0] + b * means[1]) / (a + b), top + torch.log(a + b)
    return {"mean": mean, "log_sum": log_sum, "turned round": [mean, log_sum]}


def narrow_part(scores, v):
    return {
        "mean": torch.softmax(scores, -1) @ v,
        "log_sum": torch.logsumexp(scores, -1, keepdim=True),
    }


@in_numpy
def visited(queries, keys, side, causal):
    """All tiles in which some query may ask some key."""
    may = np.arange(queries)[:, None] + (keys - queries) >= np.arange(keys)
    found = []
    for a in range(0, queries, side):
        for b in range(0, keys, side):
            if not causal or may[a : a + side, b : b + side].any():
                found.append([a, min(a + side, queries), b, min(b + side, keys)])
    return {"tiles": found}


def all_scores(q, k, mask, scale):
    scores = q @ repeated(k, q).mT * scale
    if isinstance(mask, str):
        queries, keys = scores.shape[-2:]
        mask = torch.arange(queries)[:, None] + (keys - queries) >= torch.arange(keys)
    return scores if mask is None else hidden_by(mask, scores)


def seen(q, k, v, mask, sinks, rows, side, causal):
    scores = all_scores(q, k, "causal" if causal else mask, 1.0)[:, :, slice(*rows)]
    v = repeated(v, q)
    if sinks is not None:
        column = sinks[:, None, None].expand(*scores.shape[:-1], 1)
        scores = torch.cat([scores, column], -1)
        v = torch.cat([v, torch.zeros_like(v[:, :, :1])], 2)
    if scores.shape[-1] == 0 or bool(torch.isneginf(scores).all()):
        return {"mean": torch.zeros_like(scores @ v), "log_sum": torch.zeros_like(scores[..., :1])}
    log_sum = torch.logsumexp(scores, -1, keepdim=True)
    return {"mean": torch.softmax(scores, -1) @ v, "log_sum": log_sum}


def one_row_of_tiles(q, k, v, side):
    scores = q @ k.mT
    log_sum = torch.logsumexp(scores, -1, keepdim=True)
    return {
        "mean": torch.softmax(scores, -1) @ v,
        "log_sum": log_sum,
        "little memory": True,
        "in order": True,
    }


def tiled(q, k, v, mask, sinks, side, g):
    scores, values = all_scores(q, k, mask, 0.5), repeated(v, q)
    learned = [a for a in (mask, sinks) if isinstance(a, torch.Tensor) and a.dtype != torch.bool]
    if sinks is not None:
        column = sinks[:, None, None].expand(*scores.shape[:-1], 1)
        scores = torch.cat([scores, column], -1)
        values = torch.cat([values, torch.zeros_like(values[:, :, :1])], 2)
    lonely = torch.isneginf(scores).all(-1, keepdim=True)
    y = torch.where(lonely, 0.0, torch.softmax(torch.where(lonely, 0.0, scores), -1) @ values)
    return pulled([y], [q, k, v, *learned], [g])


def tiles_cost(q, side, back):
    x = [q.detach().clone().requires_grad_() for _ in range(3)]
    y = attention(*x, "causal", scale=1.0)
    found = torch.autograd.grad(y, x, q.detach()) if back else [y]
    return {"little memory": True, "found": [a[:, :, ::100] for a in found]}


def tile_slope(gweights, scores, log_sum, level, gy, glog_sum, y):
    weights = torch.exp(scores - log_sum)
    return {
        "weights": weights,
        "gscores": weights * (gweights - level),
        "level": torch.einsum("bhtd,bhtd->bht", gy, y)[..., None] - glog_sum,
    }


def gathered(weights, x, groups):
    every = torch.einsum("bhts,bhtn->bhsn", weights, x)
    return {"y": every.unflatten(1, (groups, -1)).sum(2)}


def gathered_cost(weights, x, groups):
    return {**gathered(weights, x, groups), "little memory": True}
