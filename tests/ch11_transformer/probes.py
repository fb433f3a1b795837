"""What the graders of chapter 11 run of the student's code."""

import mlx.core as mx

from tinymlx import core, nn
from tinymlx.basics import attention as by_hand
from tinymlx.core import array as to_array
from tinymlx.core.arrays import bare
from tinymlx.core.attention import functions, grid, masks, online, plain, tiles
from tinymlx.models.caches import KVCache, RotatingKVCache
from tinymlx.models.feed_forward import MixtureOfExperts, SwiGLU
from tinymlx.nn.layers import transformer

__all__ = ["to_array"]


def pulled(function, arrays, cotangents):
    """What a function returns, and the cotangents of its arguments."""
    outputs, gradients = core.vjp(function, arrays, cotangents)
    return {"outputs": list(outputs), "gradients": list(gradients)}


def bared(*arrays):
    """Bare arrays; ``None`` stays."""
    return [None if a is None else bare(a) for a in arrays]


def costs_little(function, most):
    """Whether a function that returns arrays takes at most ``most`` bytes while it runs."""
    mx.eval([])
    mx.synchronize()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    core.eval(function())
    mx.synchronize()
    return mx.get_peak_memory() - before <= most


# 11.1 and 11.2


def looked_up(query, keys, values):
    answer, shares = by_hand.lookup(*bared(query, keys, values))
    return {"answer": answer, "shares": shares}


def attended(q, k, v, mask):
    y, shares = by_hand.attend(*bared(q, k, v, mask))
    return {"y": y, "shares": shares}


def attend_slope(g, q, k, v, shares):
    gq, gk, gv = by_hand.attend_pull(*bared(g, shares, q, k, v))
    return {"gq": gq, "gk": gk, "gv": gv}


# 11.3 and 11.4


def causal(queries, keys):
    return {"mask": masks.causal_mask(queries, keys)}


def padding(lengths, keys):
    return {"mask": masks.padding_mask(lengths, keys)}


def hidden(scores, mask, g, learned):
    """The weights after a mask, and the slopes of the scores, and of a mask of numbers."""

    def weights(scores, *others):
        return core.softmax(masks.masked(scores, others[0] if others else mask), -1, precise=True)

    small = masks.masked(scores, mask)
    found = pulled(lambda *xs: [weights(*xs)], [scores, *([mask] if learned else [])], [g])
    return {**found, "finite": bool(core.isfinite(small).all().item())}


def unheard(scores, mask, v, g):
    """Attention with rows that may ask nobody: values, and slopes of scores and values."""

    def answers(scores, v):
        weights = core.softmax(masks.masked(scores, mask), -1, precise=True)
        return [masks.silenced(weights @ v, mask, scores.shape[-1])]

    return {**pulled(answers, [scores, v], [g]), "lonely": masks.lonely(mask)}


def silence(y, mask, keys, g):
    return pulled(lambda y: [masks.silenced(y, mask, keys)], [y], [g])


def nobody(mask):
    return {"lonely": masks.lonely(mask)}


def silence_cost(y):
    """Whether a causal mask costs a table of all queries and keys; and the first few answers."""
    core.eval(y)
    length = y.shape[2]
    little = costs_little(lambda: [masks.silenced(y, "causal", length - 2)], length * length // 4)
    return {"y": masks.silenced(y, "causal", length - 2)[:, :, :5], "little memory": little}


# 11.5 to 11.7


def split(x, heads, g):
    return pulled(lambda x: [transformer.split_heads(x, heads)], [x], [g])


def merged(x, g):
    return pulled(lambda x: [transformer.merge_heads(x)], [x], [g])


def grouped(q, k, v, weights, g):
    found = pulled(lambda q, k: [plain.scores_of(q, k)], [q, k], g[:1])
    others = pulled(lambda weights, v: [plain.mixed(weights, v)], [weights, v], g[1:])
    return {"scores": found, "mixed": others, "below": plain.below(q, k.shape[1])}


def grouped_costs(q, k, weights):
    """Whether many heads that ask need no copies of the keys and values that they share."""
    core.eval(q, k, weights)
    most = 4 * q.shape[1] * k.shape[2] * 4
    return {
        "scores": plain.scores_of(q, k).sum(),
        "y": plain.mixed(weights, k),
        "little memory": costs_little(lambda: plain.scores_of(q, k), most),
        "little memory for values": costs_little(lambda: plain.mixed(weights, k), most),
    }


def with_weights(layer, weights):
    """A layer with given parameters, by their dotted names."""
    return layer.load_weights(list(weights.items()))


def multi_head(dims, heads, sizes, weights, queries, keys, values, mask, g):
    names = list(weights)
    bias = any(name.endswith("bias") for name in names)

    def function(queries, keys, values, *rest):
        layer = nn.MultiHeadAttention(dims, heads, *sizes, bias=bias)
        layer = with_weights(layer, dict(zip(names, rest, strict=True)))
        return [layer(queries, keys, values, mask)]

    return pulled(function, [queries, keys, values, *weights.values()], [g])


def additive(length, dtype):
    mask = nn.MultiHeadAttention.create_additive_causal_mask(length, getattr(core, dtype))
    default = nn.MultiHeadAttention.create_additive_causal_mask(length)
    return {"mask": mask, "default": default}


# 11.8 to 11.10


def waves(x, dims, options):
    layer = nn.SinusoidalPositionalEncoding(dims, **options)
    return {"y": layer(x), "parameters": len(layer.parameters()), "training": layer.training}


def waves_fail(dims):
    nn.SinusoidalPositionalEncoding(dims)
    return {"fine": True}


def turned(x, dims, options, offset, g):
    rope = nn.RoPE(dims, **options)
    return pulled(lambda x: [rope(x, offset)], [x], [g])


def turned_pairs(q, k, dims, traditional, first, second):
    """The scores of turned queries and keys, at two pairs of positions as far apart."""
    rope = nn.RoPE(dims, traditional)
    scores = [core.sum(rope(q, a) * rope(k, b), axis=-1) for a, b in (first, second)]
    return {"first": scores[0], "second": scores[1], "turned": rope(q, first[0])}


def turned_in_place(x, dims):
    """A dtype stays, and the angles are those of float32."""
    return {"y": nn.RoPE(dims)(x, 3000)}


def turning_fails(shape, dims, dtype):
    nn.RoPE(dims)(core.zeros(tuple(shape), getattr(core, dtype)))
    return {"fine": True}


def slopes(heads, dtype):
    return {"slopes": nn.ALiBi.create_alibi_slope(heads, getattr(core, dtype))}


def biases(queries, keys, heads, offset, dtype):
    return {
        "biases": nn.ALiBi.create_alibi_matrix(
            q_sequence_length=queries,
            k_sequence_length=keys,
            num_heads=heads,
            offset=offset,
            dtype=getattr(core, dtype),
        )
    }


# 11.11 to 11.14


def gated(x, weights, g):
    names = list(weights)
    hidden, dims = weights["gate_proj.weight"].shape

    def function(x, *rest):
        layer = with_weights(SwiGLU(dims, hidden), dict(zip(names, rest, strict=True)))
        return [layer(x)]

    return pulled(function, [x, *weights.values()], [g])


class Doubling:
    """In the place of dropout: makes twice as much of what it is given."""

    def __call__(self, x):
        return 2 * x


ACTIVATIONS = {"relu": nn.relu, "gelu": nn.gelu}


def block(kind, weights, x, memory, masks, options, doubled, g):
    """An encoder layer, or a decoder layer if there is a memory."""
    names = list(weights)
    activation = ACTIVATIONS[options["activation"]]
    given = {"norm_first": options["norm_first"], "activation": activation}
    made = getattr(nn, kind)
    inputs = [x] if memory is None else [x, memory]

    def function(*arrays):
        here, rest = arrays[: len(inputs)], arrays[len(inputs) :]
        layer = made(x.shape[-1], options["heads"], options["hidden"], **given)
        layer = with_weights(layer, dict(zip(names, rest, strict=True)))
        for i in doubled:
            layer[f"dropout{i}"] = Doubling()
        return [layer(*here, *masks)]

    plain = with_weights(made(x.shape[-1], options["heads"], options["hidden"], **given), weights)
    plain(*inputs, *masks)  # what it is given stays as it is
    return pulled(function, [*inputs, *weights.values()], [g])


class Noting:
    """A layer that remembers what it returned."""

    def __init__(self, layer, notes):
        self.layer, self.notes = layer, notes

    def __call__(self, *args):
        y = self.layer(*args)
        self.notes.append(y)
        return y


def whole(weights, src, tgt, masks, options, g):
    """Everything that a Transformer computes, layer by layer, and the slopes of its inputs."""
    dims, heads, hidden, encoder, decoder = options["sizes"]
    model = nn.Transformer(dims, heads, encoder, decoder, hidden, norm_first=options["norm_first"])
    model = with_weights(model, weights)
    found = pulled(lambda src, tgt: [model(src, tgt, *masks)], [src, tgt], [g])
    notes = {"encoder": [], "decoder": []}
    for name, kept in notes.items():
        half = getattr(model, name)
        half.layers = [Noting(layer, kept) for layer in half.layers]
    memory = model.encoder(src, masks[0])
    y = model.decoder(tgt, memory, *masks[1:])
    return {
        "encoder layers": notes["encoder"],
        "memory": memory,
        "decoder layers": notes["decoder"],
        "y": y,
        **found,
    }


def again(weights, src, tgt, sizes, g):
    """With checkpoints: the same values and slopes, each layer computed a second time."""
    dims, heads, hidden, encoder, decoder = sizes
    model = nn.Transformer(dims, heads, encoder, decoder, hidden, checkpoint=True)
    model = with_weights(model, weights)
    calls = []
    for half in (model.encoder, model.decoder):
        for layer in half.layers:
            kept = layer.dropout1
            layer.dropout1 = lambda x, kept=kept: calls.append(1) or kept(x)
    found = pulled(lambda src, tgt: [model(src, tgt, None, "causal", None)], [src, tgt], [g])
    core.eval(found)
    return {**found, "calls": len(calls)}


# 11.15


def expert(weights, chosen):
    experts, dims, hidden = weights["gate_proj"].shape
    return with_weights(MixtureOfExperts(dims, hidden, experts, chosen), weights)


def experts(x, weights, chosen, g):
    """What they return, the balance, and all slopes of both."""
    names = list(weights)

    def function(x, *rest):
        model = expert(dict(zip(names, rest, strict=True)), chosen)
        return [model(x), model.balance(x)]

    return pulled(function, [x, *weights.values()], g)


def experts_cost(x, weights, chosen):
    """Whether it takes less memory than what all experts have inside for all positions."""
    model = expert(weights, chosen)
    core.eval(x, model.parameters())
    count, _, hidden = weights["gate_proj"].shape
    most = x.shape[0] * count * hidden * x.itemsize
    return {"y": model(x), "little memory": costs_little(lambda: [model(x)], most)}


def balanced(x, router, count):
    experts, dims = router.shape
    model = MixtureOfExperts(dims, 2, experts, count)
    model.router.weight = router
    return {"balance": model.balance(x)}


def chosen(logits, count):
    model = MixtureOfExperts(2, 2, logits.shape[-1], count)
    return {"experts": core.sort(model.choose(logits), axis=-1).astype(core.int32)}


# 11.16 and 11.17


def kept(keys, values, pieces, step):
    """What a cache returns after each piece, and what it holds in the end."""
    cache, start, found = KVCache(step), 0, []
    for count in pieces:
        here = slice(start, start + count)
        k, v = cache.update_and_fetch(keys[:, :, here], values[:, :, here])
        start += count
        core.eval(k, v)
        found.append({"keys": k, "values": v, "offset": cache.offset})
    return {"found": found, "room": [list(a.shape) for a in cache.room]}


def kept_again(keys, values, forget):
    """Some positions forgotten, and others in their place."""
    cache = KVCache(4)
    cache.update_and_fetch(keys, values)
    cache.trim(forget)
    k, v = cache.update_and_fetch(values[:, :, :1], keys[:, :, :1])
    return {"keys": k, "values": v, "offset": cache.offset}


def keeping_costs(keys, new):
    """Whether one more position takes less memory than a copy of what is there."""
    cache = KVCache(4096)
    cache.update_and_fetch(keys, keys)
    core.eval(cache.room)
    little = True
    for _ in range(3):
        little = costs_little(lambda: cache.update_and_fetch(new, new), keys.nbytes // 2) and little
    k, _ = cache.update_and_fetch(new, new)
    return {"last": k[:, :, -5:], "little memory": little}


def rotated(q, k, v, size, keep, pieces):
    """Attention with a cache that forgets, piece by piece; how many keys each piece gets."""
    cache, start, found, places, offsets, returned = RotatingKVCache(size, keep), 0, [], [], [], []
    for count in pieces:
        here = slice(start, start + count)
        keys, values = cache.update_and_fetch(k[:, :, here], v[:, :, here])
        mask = cache.mask(count)
        y = core.fast.scaled_dot_product_attention(
            q[:, :, here], keys, values, scale=1.0, mask=mask
        )
        found.append(y)
        most = size if count == 1 else size - 1 + count
        places.append(keys.shape[2] <= most or start == 0)
        offsets.append(cache.offset)
        at = list(cache.positions)
        returned.append(
            len(at) == keys.shape[2]
            and core.array_equal(keys, core.take(k, core.array(at), axis=2)).item()
        )
        start += count
    return {
        "y": core.concatenate(found, axis=2),
        "few": all(places),
        "named": all(returned),
        "offsets": offsets,
    }


def rotated_stays(k, size, count):
    """What earlier calls returned does not change, however the cache goes on."""
    cache, found = RotatingKVCache(size), []
    for i in range(count):
        found.append(cache.update_and_fetch(k[:, :, i : i + 1], k[:, :, i : i + 1])[0])
    core.eval(found)
    return {"sorted": [core.sort(keys[0, 0, :, 0]) for keys in found], "given": k}


# 11.18 to 11.20


def pieces_of_softmax(scores, v, cuts, g):
    """Parts of some keys put together: the mean and the logarithm, with all slopes."""
    bounds = [0, *cuts, scores.shape[-1]]

    def function(scores, v):
        seen = None
        for a, b in zip(bounds, bounds[1:], strict=False):
            now = online.part(scores[..., a:b], v[:, :, a:b])
            seen = now if seen is None else online.together(seen, now)
        return [seen.mean, seen.log_sum]

    return pulled(function, [scores, v], g)


def together(means, log_sums):
    a, b = (online.Part(m, s) for m, s in zip(means, log_sums, strict=True))
    mean, log_sum = online.together(a, b)
    other = online.together(b, a)
    return {"mean": mean, "log_sum": log_sum, "turned round": list(other)}


def narrow_part(scores, v):
    mean, log_sum = online.part(scores, v)
    return {"mean": mean, "log_sum": log_sum}


def visited(queries, keys, side, causal):
    """Which tiles are looked at, as the corners of each."""
    here = grid.Grid(queries, keys, side, causal)
    return {
        "tiles": [
            [t.rows.start, t.rows.stop, t.columns.start, t.columns.stop]
            for rows in here.rows()
            for t in here.tiles(rows)
        ]
    }


def seen(q, k, v, mask, sinks, rows, side, causal):
    """What some of the queries see of all keys."""
    here = grid.Grid(q.shape[2], k.shape[2], side, causal)
    inputs = tiles.Inputs(q, k, v, mask, sinks)
    piece = slice(*rows)
    mean, log_sum = tiles.seen_from(piece, q[:, :, piece], inputs, here)
    return {"mean": mean, "log_sum": log_sum}


def one_row_of_tiles(q, k, v, side):
    """Whether one piece of queries needs memory for a few of its tiles only."""
    here = grid.Grid(q.shape[2], k.shape[2], side, False)
    inputs = tiles.Inputs(q, k, v, None, None)

    def run():
        return list(tiles.seen_from(slice(0, q.shape[2]), q, inputs, here))

    core.eval(q, k, v)
    little = costs_little(run, 4 * q.shape[1] * q.shape[2] * k.shape[2] // 5)
    mean, log_sum = run()
    in_order = one_after_the_other(q, k, v, side)
    return {"mean": mean, "log_sum": log_sum, "little memory": little, "in order": in_order}


class Watched(grid.Grid):
    """A grid that notes what the scores of its tiles are made of."""

    def __init__(self, *sizes, notes):
        super().__init__(*sizes, False)
        object.__setattr__(self, "notes", notes)

    def scores(self, tile, q, k, mask):
        self.notes.append((q, k))
        return super().scores(tile, q, k, mask)


def one_after_the_other(q, k, v, side):
    """Whether the scores of every tile but the first wait for something of the one before.

    On a CPU there may be little in memory even if nothing says so, by the order that MLX happens
    to choose: so this looks at what waits for what.
    """
    made, notes, kept = [], [], (tiles.after, tiles.depends)

    def noting(function):
        def noted(x, earlier):
            y = function(x, earlier)
            if earlier is not None:
                made.extend((one, earlier) for one in (y if isinstance(y, list) else [y]))
            return y

        return noted

    tiles.after, tiles.depends = map(noting, kept)
    try:
        here = Watched(q.shape[2], k.shape[2], side, notes=notes)
        tiles.seen_from(slice(0, q.shape[2]), q, tiles.Inputs(q, k, v, None, None), here)
    finally:
        tiles.after, tiles.depends = kept
    waits = {id(y): id(earlier) for y, earlier in made}
    found = [{waits[id(a)] for a in arrays if id(a) in waits} for arrays in notes[1:]]
    return all(found) and len(set().union(*found)) >= len(found)


def tiled(q, k, v, mask, sinks, side, g):
    """Attention by tiles of a given side: values and all slopes."""
    learned = {"mask": mask, "sinks": sinks}
    learned = {n: a for n, a in learned.items() if a is not None and not isinstance(a, str)}
    learned = {n: a for n, a in learned.items() if a.dtype != core.bool_}
    kept, functions.tile_side = functions.tile_side, lambda *_: side
    try:

        def function(q, k, v, *rest):
            given = {"mask": mask, "sinks": sinks, **dict(zip(learned, rest, strict=True))}
            return [
                core.fast.scaled_dot_product_attention(
                    q, k, v, scale=0.5, force_fused=True, **given
                )
            ]

        return pulled(function, [q, k, v, *learned.values()], [g])
    finally:
        functions.tile_side = kept


def tiles_cost(q, side, back):
    """Whether attention by tiles takes less than a twelfth of all scores; and what comes out."""
    kept, functions.tile_side = functions.tile_side, lambda *_: side
    length = q.shape[2]
    try:

        def attend(*x):
            return core.fast.scaled_dot_product_attention(
                *x, scale=1.0, mask="causal", force_fused=True
            )

        def run():
            return core.vjp(attend, [q, q, q], [q])[1] if back else [attend(q, q, q)]

        core.eval(q)
        little = costs_little(run, 4 * q.shape[1] * length * length // 12)
        return {"little memory": little, "found": [a[:, :, ::100] for a in run()]}
    finally:
        functions.tile_side = kept


def tile_slope(gweights, scores, log_sum, level, gy, glog_sum, y):
    weights, gscores = tiles.tile_pull(gweights, scores, log_sum, level)
    return {
        "weights": weights,
        "gscores": gscores,
        "level": tiles.level_of(gy, glog_sum, y),
    }


def gathered(weights, x, groups):
    return {"y": tiles.gathered(weights, x, groups)}


def gathered_cost(weights, x, groups):
    """Whether no product of a weight and a feature is kept by itself."""
    core.eval(weights, x)
    products = weights.nbytes * x.shape[-1]
    return {
        "y": tiles.gathered(weights, x, groups),
        "little memory": costs_little(lambda: [tiles.gathered(weights, x, groups)], products // 4),
    }
