"""What people really write in chapter 11. Parsed, never imported: see CONTRIBUTING.md."""


@misconception(
    "11.1",
    "You leave the scale out. A scalar product of D numbers has a variance of D: with many features "
    "the softmax is nearly a maximum, and has no slope.",
    symbol="lookup",
)
def lookup(query, keys, values):
    if keys.shape[0] == 0:
        raise ValueError("[lookup] There is no entry to ask.")
    scores = keys @ query
    shares = mx.exp(scores - mx.max(scores))
    shares = shares / mx.sum(shares)
    return shares @ values, shares


@misconception(
    "11.1",
    "You divide by D. It is the standard deviation of the scores that should become 1, and that is "
    "the root of D.",
    symbol="attend",
)
def attend(q, k, v, mask=None):
    scores = q @ k.T / q.shape[-1]
    if mask is not None:
        scores = mx.where(mask, scores, -math.inf)
    shares = mx.exp(scores - mx.max(scores, axis=-1, keepdims=True))
    shares = shares / mx.sum(shares, axis=-1, keepdims=True)
    return shares @ v, shares


@misconception(
    "11.1",
    "You multiply by the root of D, where the scores are to be divided by it.",
    symbol="attend",
)
def attend(q, k, v, mask=None):
    scores = q @ k.T * math.sqrt(q.shape[-1])
    if mask is not None:
        scores = mx.where(mask, scores, -math.inf)
    shares = mx.exp(scores - mx.max(scores, axis=-1, keepdims=True))
    shares = shares / mx.sum(shares, axis=-1, keepdims=True)
    return shares @ v, shares


@misconception(
    "11.1",
    "You mask after the softmax. The keys that may not be asked have had their part of the sum, and "
    "what is left sums to less than 1.",
    symbol="attend",
)
def attend(q, k, v, mask=None):
    scores = q @ k.T / math.sqrt(q.shape[-1])
    shares = mx.exp(scores - mx.max(scores, axis=-1, keepdims=True))
    shares = shares / mx.sum(shares, axis=-1, keepdims=True)
    if mask is not None:
        shares = mx.where(mask, shares, 0.0)
    return shares @ v, shares


@misconception(
    "11.1",
    "You take the exponential of the scores as they are. Above 88 it is infinite in float32: "
    "subtract the greatest score first.",
    symbol="lookup",
)
def lookup(query, keys, values):
    if keys.shape[0] == 0:
        raise ValueError("[lookup] There is no entry to ask.")
    shares = mx.exp(keys @ query / math.sqrt(query.shape[0]))
    shares = shares / mx.sum(shares)
    return shares @ values, shares


@misconception(
    "11.1",
    "You normalise over the queries. Each query shares out 1 among the keys: along the last axis.",
    symbol="attend",
)
def attend(q, k, v, mask=None):
    scores = q @ k.T / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = mx.where(mask, scores, -math.inf)
    shares = mx.exp(scores - mx.max(scores, axis=0, keepdims=True))
    shares = shares / mx.sum(shares, axis=0, keepdims=True)
    return shares @ v, shares


@misconception(
    "11.2",
    "You multiply by the shares alone. If one score grows, its share grows and all others of the row "
    "shrink: take off the mean of the row, weighted by the shares.",
)
def attend_pull(g, shares, q, k, v):
    gscores = shares * (g @ v.T) / math.sqrt(q.shape[-1])
    return gscores @ k, gscores.T @ q, shares.T @ g


@misconception(
    "11.2",
    "You forget the scale. The scores were divided by the root of D, and so are their slopes.",
)
def attend_pull(g, shares, q, k, v):
    gshares = g @ v.T
    gscores = shares * (gshares - mx.sum(gshares * shares, axis=-1, keepdims=True))
    return gscores @ k, gscores.T @ q, shares.T @ g


@misconception(
    "11.2",
    "You take off the plain mean of the row. It has to be weighted by the shares.",
)
def attend_pull(g, shares, q, k, v):
    gshares = g @ v.T
    gscores = shares * (gshares - mx.mean(gshares, axis=-1, keepdims=True))
    gscores = gscores / math.sqrt(q.shape[-1])
    return gscores @ k, gscores.T @ q, shares.T @ g


@misconception(
    "11.2",
    "You use p (1 - p), the slope of a sigmoid, element by element. In a softmax every score changes "
    "every share of its row.",
)
def attend_pull(g, shares, q, k, v):
    gscores = (g @ v.T) * shares * (1 - shares) / math.sqrt(q.shape[-1])
    return gscores @ k, gscores.T @ q, shares.T @ g


@misconception(
    "11.3",
    "Your diagonal is off by one: nobody may ask the own position, and the first query nobody at all.",
    symbol="causal_mask",
)
def causal_mask(queries, keys):
    return wrap((mx.arange(queries) + (keys - queries))[:, None] > mx.arange(keys))


@misconception(
    "11.3",
    "Your diagonal is off by one: every query may ask the next key, which is the answer. The loss "
    "falls to 0, and the samples are nonsense.",
    symbol="causal_mask",
)
def causal_mask(queries, keys):
    return wrap((mx.arange(queries) + (keys - queries))[:, None] + 1 >= mx.arange(keys))


@misconception(
    "11.3",
    "You align the first query with the first key. With a cache there are fewer queries than keys, "
    "and the *last* query stands at the last key.",
    symbol="causal_mask",
)
def causal_mask(queries, keys):
    return wrap(mx.arange(queries)[:, None] >= mx.arange(keys))


@misconception(
    "11.3",
    "You let everybody ask the future and nobody the past: rows are queries, columns are keys.",
    symbol="causal_mask",
)
def causal_mask(queries, keys):
    return wrap((mx.arange(queries) + (keys - queries))[:, None] <= mx.arange(keys))


@misconception(
    "11.3",
    "You hide the rows of queries that are padding, not the columns of keys: everybody still asks "
    "the padding. With -1e4 nobody notices, with minus infinity those rows become nan.",
    symbol="padding_mask",
)
def padding_mask(lengths, keys):
    return (wrap(mx.arange(keys)) < lengths[:, None])[:, None, :, None]


@misconception(
    "11.3",
    "You keep one key too many: a sequence of three has the keys 0, 1 and 2.",
    symbol="padding_mask",
)
def padding_mask(lengths, keys):
    return (wrap(mx.arange(keys)) <= lengths[:, None])[:, None, None]


@misconception(
    "11.3",
    "Your mask has no axes for heads and queries: with (B, keys) it is laid against queries and "
    "keys, or against nothing at all.",
    symbol="padding_mask",
)
def padding_mask(lengths, keys):
    return wrap(mx.arange(keys)) < lengths[:, None]


@misconception(
    "11.4",
    "You fill with minus infinity. A row of nothing else is nan after the softmax, and nan times 0 "
    "is nan in every gradient.",
    symbol="masked",
)
def masked(scores, mask):
    if mask.dtype == mx.bool_:
        return where(mask, scores, -float("inf"))
    return scores + mask.astype(scores.dtype)


@misconception(
    "11.4",
    "-float('-inf') is plus infinity: two signs. The hidden keys get everything, and infinity minus "
    "infinity is nan.",
    symbol="masked",
)
def masked(scores, mask):
    if mask.dtype == mx.bool_:
        return where(mask, scores, -float("-inf"))
    return scores + maximum(mask.astype(scores.dtype), mx.finfo(scores.dtype).min / 2)


@misconception(
    "11.4",
    "-1e9 is no number of float16, whose largest is 65504: it becomes minus infinity. Take the least "
    "number of the scores' own dtype.",
    symbol="masked",
    agrees="float32",
)
def masked(scores, mask):
    if mask.dtype == mx.bool_:
        return where(mask, scores, -1e9)
    return scores + maximum(mask.astype(scores.dtype), mx.finfo(scores.dtype).min / 2)


@misconception(
    "11.4",
    "-1e4 is not small enough: where all scores that count are low, what is hidden is heard.",
    symbol="masked",
)
def masked(scores, mask):
    if mask.dtype == mx.bool_:
        return where(mask, scores, -1e4)
    return scores + maximum(mask.astype(scores.dtype), -1e4)


@misconception(
    "11.4",
    "You add the least number there is. A score may be negative, too, and the sum is minus infinity "
    "again: half of it leaves room.",
    symbol="masked",
)
def masked(scores, mask):
    low = mx.finfo(scores.dtype).min
    if mask.dtype == mx.bool_:
        return where(mask, scores, low)
    return scores + maximum(mask.astype(scores.dtype), low)


@misconception(
    "11.4",
    "You make a table of all queries and keys to see which queries may ask nobody. Under a causal "
    "mask these are the first T_q - T_kv; whoever computes tile by tile has no room for the table.",
    symbol="silenced",
)
def silenced(y, mask, keys):
    if mask is None:
        return y
    if not isinstance(mask, array):
        mask = causal_mask(y.shape[2], keys)
    return where(lonely(mask), 0, y)


@misconception(
    "11.4",
    "You multiply by the mask. A score of 0 is a score like any other; hidden is what is very small.",
    symbol="masked",
)
def masked(scores, mask):
    if mask.dtype == mx.bool_:
        return scores * mask.astype(scores.dtype)
    return scores + maximum(mask.astype(scores.dtype), mx.finfo(scores.dtype).min / 2)


@misconception(
    "11.4",
    "You read the mask the other way round. Here true means *may be asked* (in some libraries true "
    "means hidden).",
    symbol="masked",
)
def masked(scores, mask):
    low = mx.finfo(scores.dtype).min
    if mask.dtype == mx.bool_:
        return where(mask, low, scores)
    return scores + maximum(mask.astype(scores.dtype), low / 2)


@misconception(
    "11.4",
    "Whoever may ask nobody gets the mean of all values, without a word: all scores of the row are "
    "equally small. Replace it by 0.",
    symbol="silenced",
)
def silenced(y, mask, keys):
    return y


@misconception(
    "11.4",
    "You call a row lonely in which one key is hidden. It is lonely if all are.",
    symbol="lonely",
)
def lonely(mask):
    if mask.dtype == mx.bool_:
        return logical_not(all(mask, -1, keepdims=True))
    return any(equal(mask, -float("inf")), -1, keepdims=True)


@misconception(
    "11.4",
    'You forget the word "causal": with more queries than keys, the first ones stand before all '
    "keys and may ask nobody.",
    symbol="silenced",
)
def silenced(y, mask, keys):
    return where(lonely(mask), 0, y) if isinstance(mask, array) else y


@misconception(
    "11.5",
    "You split the heads by a reshape alone: tokens and heads are mixed. With one head nobody "
    "notices.",
    symbol="split_heads",
)
def split_heads(x, heads):
    return x.reshape(x.shape[0], heads, x.shape[1], -1)


@misconception(
    "11.5",
    "You give every head the features h, h + H, h + 2H, ... Neighbouring features belong to one head, "
    "or published weights do not fit.",
    symbol="split_heads",
)
def split_heads(x, heads):
    return core.unflatten(x, -1, (-1, heads)).transpose(0, 3, 1, 2)


@misconception(
    "11.5",
    "You join the last axes without exchanging tokens and heads back.",
    symbol="merge_heads",
)
def merge_heads(x):
    return x.reshape(x.shape[0], x.shape[2], -1)


@misconception(
    "11.6",
    "You tile the keys: head 0, 1, 0, 1. Neighbouring heads share: 0, 0, 1, 1.",
    symbol="scores_of",
)
def scores_of(q, k):
    return q @ concatenate([k] * (q.shape[1] // k.shape[1]), 1).swapaxes(-1, -2)


@misconception(
    "11.6",
    "You copy the keys for every head that asks. A cache is made small by sharing, and the copies "
    "make it large again: put the queries below each other instead.",
    symbol="scores_of",
)
def scores_of(q, k):
    copies = q.shape[1] // k.shape[1]
    shape = (*k.shape[:2], copies, *k.shape[2:])
    every = broadcast_to(k[:, :, None], shape).reshape(k.shape[0], -1, *k.shape[2:])
    return q @ every.swapaxes(-1, -2)


@misconception(
    "11.6",
    "You tile the values: head 0, 1, 0, 1. Neighbouring heads share: 0, 0, 1, 1.",
    symbol="mixed",
)
def mixed(weights, v):
    return weights @ concatenate([v] * (weights.shape[1] // v.shape[1]), 1)


@misconception(
    "11.7",
    "You scale by the width of the whole model. A scalar product has the numbers of one head only.",
    symbol="MultiHeadAttention.__call__",
)
def __call__(self, queries, keys, values, mask=None):
    q = split_heads(self.query_proj(queries), self.num_heads)
    k = split_heads(self.key_proj(keys), self.num_heads)
    v = split_heads(self.value_proj(values), self.num_heads)
    scale = math.sqrt(1 / (q.shape[-1] * self.num_heads))
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask)
    return self.out_proj(merge_heads(y))


@misconception(
    "11.7",
    "You forget the last projection: the heads stand beside each other and never meet.",
    symbol="MultiHeadAttention.__call__",
)
def __call__(self, queries, keys, values, mask=None):
    q = split_heads(self.query_proj(queries), self.num_heads)
    k = split_heads(self.key_proj(keys), self.num_heads)
    v = split_heads(self.value_proj(values), self.num_heads)
    scale = math.sqrt(1 / q.shape[-1])
    return merge_heads(core.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask))


@misconception(
    "11.7",
    "You do not hand the mask on.",
    symbol="MultiHeadAttention.__call__",
)
def __call__(self, queries, keys, values, mask=None):
    q = split_heads(self.query_proj(queries), self.num_heads)
    k = split_heads(self.key_proj(keys), self.num_heads)
    v = split_heads(self.value_proj(values), self.num_heads)
    scale = math.sqrt(1 / q.shape[-1])
    return self.out_proj(merge_heads(core.fast.scaled_dot_product_attention(q, k, v, scale=scale)))


@misconception(
    "11.7",
    "-1e9 is no number of float16. The mask is made of the least number of its dtype.",
    symbol="MultiHeadAttention.create_additive_causal_mask",
)
def create_additive_causal_mask(N, dtype=core.float32):
    positions = core.arange(N)
    return (positions[:, None] < positions[None]).astype(dtype) * -1e9


@misconception(
    "11.7",
    "Your mask hides the past: rows are queries, and what is behind the diagonal is later.",
    symbol="MultiHeadAttention.create_additive_causal_mask",
)
def create_additive_causal_mask(N, dtype=core.float32):
    positions = core.arange(N)
    return (positions[:, None] > positions[None]).astype(dtype) * core.finfo(dtype).min


@misconception(
    "11.8",
    "You let sines and cosines alternate. MLX has all sines first, then all cosines.",
    symbol="SinusoidalPositionalEncoding.__call__",
)
def __call__(self, x):
    angles = x[..., None] * self._sigmas
    parts = [core.sin(angles), core.cos(angles)]
    y = core.stack(parts[::-1] if self.cos_first else parts, axis=-1)
    return y.reshape(*y.shape[:-2], -1) * self.scale


@misconception(
    "11.8",
    "You take the frequencies of the paper, 10000^(-2i/D), whose last one is not yet the smallest. "
    "Here they go from max_freq to min_freq, both of them reached.",
    symbol="SinusoidalPositionalEncoding.__init__",
)
def __init__(
    self, dims, min_freq=0.0001, max_freq=1, scale=None, cos_first=False, full_turns=False
):
    super().__init__()
    if dims <= 0 or dims % 2 != 0:
        raise ValueError("[SinusoidalPositionalEncoding] dims must be positive and even.")
    fall = core.arange(dims // 2) / (dims // 2)
    self._sigmas = core.exp(fall * (math.log(min_freq) - math.log(max_freq)) + math.log(max_freq))
    if full_turns:
        self._sigmas = self._sigmas * (2 * math.pi)
    self.scale = scale if scale is not None else (2 / dims) ** 0.5
    self.cos_first = cos_first


@misconception(
    "11.8",
    "Your frequencies have no underscore in front and so are parameters: an optimizer would train "
    "them.",
    symbol="SinusoidalPositionalEncoding.__init__",
)
def __init__(
    self, dims, min_freq=0.0001, max_freq=1, scale=None, cos_first=False, full_turns=False
):
    super().__init__()
    if dims <= 0 or dims % 2 != 0:
        raise ValueError("[SinusoidalPositionalEncoding] dims must be positive and even.")
    fall = core.array([1.0]) if dims == 2 else 1 - core.arange(dims // 2) / (dims // 2 - 1)
    low, high = math.log(min_freq), math.log(max_freq)
    self.sigmas = core.exp(fall * (high - low) + low)
    if full_turns:
        self.sigmas = self.sigmas * (2 * math.pi)
    self._sigmas = self.sigmas
    self.scale = scale if scale is not None else (2 / dims) ** 0.5
    self.cos_first = cos_first


@misconception(
    "11.8",
    "With two dims there is one frequency, and you divide 0 by 0.",
    symbol="SinusoidalPositionalEncoding.__init__",
)
def __init__(
    self, dims, min_freq=0.0001, max_freq=1, scale=None, cos_first=False, full_turns=False
):
    super().__init__()
    if dims <= 0 or dims % 2 != 0:
        raise ValueError("[SinusoidalPositionalEncoding] dims must be positive and even.")
    fall = 1 - core.arange(dims // 2) / core.array(dims // 2 - 1.0)
    low, high = math.log(min_freq), math.log(max_freq)
    self._sigmas = core.exp(fall * (high - low) + low)
    if full_turns:
        self._sigmas = self._sigmas * (2 * math.pi)
    self.scale = scale if scale is not None else (2 / dims) ** 0.5
    self.cos_first = cos_first


@misconception(
    "11.9",
    "You turn neighbours where halves are a pair, and halves where neighbours are. Weights that were "
    "trained the other way fall silent.",
    symbol="RoPE.__call__",
)
def __call__(self, x, offset=0):
    check_rotation(x, self.dims)
    cos, sin = self.rotation(x, offset)
    half = self.dims // 2
    turned, rest = x[..., : self.dims], x[..., self.dims :]
    if not self.traditional:
        x1, x2 = turned[..., ::2], turned[..., 1::2]
    else:
        x1, x2 = turned[..., :half], turned[..., half:]
    y1, y2 = x1 * cos - x2 * sin, x1 * sin + x2 * cos
    if not self.traditional:
        y = core.stack([y1, y2], axis=-1).reshape(turned.shape)
    else:
        y = core.concatenate([y1, y2], axis=-1)
    return y if rest.shape[-1] == 0 else core.concatenate([y, rest], axis=-1)


@misconception(
    "11.9",
    "You take neighbours as pairs and put them back as halves: the features end in other places.",
    symbol="RoPE.__call__",
)
def __call__(self, x, offset=0):
    check_rotation(x, self.dims)
    cos, sin = self.rotation(x, offset)
    half = self.dims // 2
    turned, rest = x[..., : self.dims], x[..., self.dims :]
    if self.traditional:
        x1, x2 = turned[..., ::2], turned[..., 1::2]
    else:
        x1, x2 = turned[..., :half], turned[..., half:]
    y1, y2 = x1 * cos - x2 * sin, x1 * sin + x2 * cos
    y = core.concatenate([y1, y2], axis=-1)
    return y if rest.shape[-1] == 0 else core.concatenate([y, rest], axis=-1)


@misconception(
    "11.9",
    "You turn the other way. Between your own queries and keys nothing changes, but the vectors are "
    "not those of MLX, nor of published weights.",
    symbol="RoPE.__call__",
)
def __call__(self, x, offset=0):
    check_rotation(x, self.dims)
    cos, sin = self.rotation(x, offset)
    half = self.dims // 2
    turned, rest = x[..., : self.dims], x[..., self.dims :]
    if self.traditional:
        x1, x2 = turned[..., ::2], turned[..., 1::2]
    else:
        x1, x2 = turned[..., :half], turned[..., half:]
    y1, y2 = x1 * cos + x2 * sin, x2 * cos - x1 * sin
    if self.traditional:
        y = core.stack([y1, y2], axis=-1).reshape(turned.shape)
    else:
        y = core.concatenate([y1, y2], axis=-1)
    return y if rest.shape[-1] == 0 else core.concatenate([y, rest], axis=-1)


@misconception(
    "11.9",
    "You leave the features behind dims out. They are not turned, but they stay.",
    symbol="RoPE.__call__",
)
def __call__(self, x, offset=0):
    check_rotation(x, self.dims)
    cos, sin = self.rotation(x, offset)
    half = self.dims // 2
    turned = x[..., : self.dims]
    if self.traditional:
        x1, x2 = turned[..., ::2], turned[..., 1::2]
        y = core.stack([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)
        return y.reshape(turned.shape)
    x1, x2 = turned[..., :half], turned[..., half:]
    return core.concatenate([x1 * cos - x2 * sin, x1 * sin + x2 * cos], axis=-1)


@misconception(
    "11.9",
    "You begin at position 0 whatever the offset: with a cache every new token claims to be the "
    "first.",
    symbol="RoPE.rotation",
)
def rotation(self, x, offset):
    positions = core.arange(x.shape[-2]).astype(core.float32) * self.scale
    angles = positions[..., None] * self.frequencies()
    return core.cos(angles).astype(x.dtype), core.sin(angles).astype(x.dtype)


@misconception(
    "11.9",
    "You compute the angles in the dtype of the input. float16 has no number between 2048 and 2050: "
    "neighbouring positions become one.",
    symbol="RoPE.rotation",
)
def rotation(self, x, offset):
    positions = core.arange(x.shape[-2]).astype(x.dtype)
    if isinstance(offset, array) and offset.ndim:
        offset = offset.reshape(-1, *[1] * (x.ndim - 2)).astype(x.dtype)
    angles = ((positions + offset) * self.scale)[..., None] * self.frequencies().astype(x.dtype)
    return core.cos(angles), core.sin(angles)


@misconception(
    "11.9",
    "Your pairs turn half as fast as they should from one to the next: the exponent is -2i/D, and "
    "there are D/2 pairs.",
    symbol="RoPE.frequencies",
)
def frequencies(self):
    half = self.dims // 2
    return core.exp(-core.arange(half) * (math.log(self.base) / self.dims))


@misconception(
    "11.9",
    "The scale belongs to the whole position, offset and all.",
    symbol="RoPE.rotation",
)
def rotation(self, x, offset):
    positions = core.arange(x.shape[-2]).astype(core.float32)
    if isinstance(offset, array) and offset.ndim:
        offset = offset.reshape(-1, *[1] * (x.ndim - 2))
    angles = (positions * self.scale + offset)[..., None] * self.frequencies()
    return core.cos(angles).astype(x.dtype), core.sin(angles).astype(x.dtype)


@misconception(
    "11.10",
    "You use 2^(-8h/H) for every number of heads. For one that is no power of two the paper takes "
    "the slopes of the next smaller power, and every second of the next greater one.",
    symbol="ALiBi.create_alibi_slope",
)
def create_alibi_slope(num_heads, dtype=core.float32):
    found = [2 ** (-8 * h / num_heads) for h in range(1, num_heads + 1)]
    return core.array(found, dtype=dtype)[:, None, None]


@misconception(
    "11.10",
    "You take every second slope from the second one on. Of twice the power it is the first, the "
    "third and so on: those that lie between the ones that are there.",
    symbol="ALiBi.create_alibi_slope",
)
def create_alibi_slope(num_heads, dtype=core.float32):
    def slopes(n):
        if math.log2(n).is_integer():
            first = 2 ** (-(2 ** -(math.log2(n) - 3)))
            return [first**k for k in range(1, n + 1)]
        smaller = 2 ** math.floor(math.log2(n))
        return slopes(smaller) + slopes(2 * smaller)[1::2][: n - smaller]

    return core.array(slopes(num_heads), dtype=dtype)[:, None, None]


@misconception(
    "11.10",
    "You count heads from 0: the first slope is then 1. They begin with h = 1.",
    symbol="ALiBi.create_alibi_slope",
)
def create_alibi_slope(num_heads, dtype=core.float32):
    def slopes(n):
        if math.log2(n).is_integer():
            return [2 ** (-8 * k / n) for k in range(n)]
        smaller = 2 ** math.floor(math.log2(n))
        return slopes(smaller) + slopes(2 * smaller)[::2][: n - smaller]

    return core.array(slopes(num_heads), dtype=dtype)[:, None, None]


@misconception(
    "11.10",
    "Your biases are positive: what is far becomes more probable.",
    symbol="ALiBi.create_alibi_matrix",
)
def create_alibi_matrix(
    q_sequence_length, k_sequence_length, num_heads, offset=0, dtype=core.float32
):
    queries = core.arange(offset, q_sequence_length)
    distances = core.abs(queries[:, None] - core.arange(k_sequence_length))[None, None]
    return (distances * ALiBi.create_alibi_slope(num_heads, dtype)).astype(dtype)


@misconception(
    "11.10",
    "You begin at position 0 whatever the offset: the first query stands at position `offset`, and "
    "there are as many as are left.",
    symbol="ALiBi.create_alibi_matrix",
)
def create_alibi_matrix(
    q_sequence_length, k_sequence_length, num_heads, offset=0, dtype=core.float32
):
    queries = core.arange(q_sequence_length - offset)
    distances = core.abs(queries[:, None] - core.arange(k_sequence_length))[None, None]
    return (-distances * ALiBi.create_alibi_slope(num_heads, dtype)).astype(dtype)


@misconception(
    "11.11",
    "You use a sigmoid for the gate. That is GLU; here the gate is silu(z) = z sigmoid(z).",
)
def __call__(self, x):
    return self.down_proj(nn.sigmoid(self.gate_proj(x)) * self.up_proj(x))


@misconception(
    "11.11",
    "You put silu on the wrong layer: published weights call that one the gate which goes through it.",
)
def __call__(self, x):
    return self.down_proj(self.gate_proj(x) * nn.silu(self.up_proj(x)))


@misconception(
    "11.11",
    "You apply silu to the product. It belongs to the gate alone.",
)
def __call__(self, x):
    return self.down_proj(nn.silu(self.gate_proj(x) * self.up_proj(x)))


@misconception(
    "11.12",
    "You add to the normalized input. What goes past a block is the input itself: that is the road "
    "along which the gradient reaches the first layer.",
    symbol="TransformerEncoderLayer.__call__",
)
def __call__(self, x, mask):
    if self.norm_first:
        y = self.ln1(x)
        x = y + self.dropout1(self.attention(y, y, y, mask))
        y = self.ln2(x)
        return y + self.feed_forward(y)
    x = self.ln1(x + self.dropout1(self.attention(x, x, x, mask)))
    return self.ln2(x + self.feed_forward(x))


@misconception(
    "11.12",
    "Between your linear layers there is always a relu. The block was given an activation: "
    "self.activation.",
    symbol="TransformerEncoderLayer.feed_forward",
)
def feed_forward(self, x):
    return self.linear2(self.dropout2(relu(self.linear1(x))))


@misconception(
    "11.12",
    "You normalize the queries only. With the norm first, queries, keys and values are all made of "
    "the normalized input.",
    symbol="TransformerEncoderLayer.__call__",
)
def __call__(self, x, mask):
    if self.norm_first:
        x = x + self.dropout1(self.attention(self.ln1(x), x, x, mask))
        return x + self.feed_forward(self.ln2(x))
    x = self.ln1(x + self.dropout1(self.attention(x, x, x, mask)))
    return self.ln2(x + self.feed_forward(x))


@misconception(
    "11.12",
    "With the norm after, you normalize what is added. It is the *sum* that goes through the norm.",
    symbol="TransformerEncoderLayer.__call__",
)
def __call__(self, x, mask):
    if self.norm_first:
        y = self.ln1(x)
        x = x + self.dropout1(self.attention(y, y, y, mask))
        return x + self.feed_forward(self.ln2(x))
    x = x + self.ln1(self.dropout1(self.attention(x, x, x, mask)))
    return x + self.ln2(self.feed_forward(x))


@misconception(
    "11.12",
    "You drop parts of the sum, and with them of the input that should go past the block untouched. "
    "Drop of what is added.",
    symbol="TransformerEncoderLayer.__call__",
)
def __call__(self, x, mask):
    if self.norm_first:
        y = self.ln1(x)
        x = self.dropout1(x + self.attention(y, y, y, mask))
        return x + self.feed_forward(self.ln2(x))
    x = self.ln1(self.dropout1(x + self.attention(x, x, x, mask)))
    return self.ln2(x + self.feed_forward(x))


@misconception(
    "11.13",
    "You take the keys from the encoder and the values from the decoder. Who is asked is also who "
    "answers: both are those of the memory.",
    symbol="TransformerDecoderLayer.__call__",
)
def __call__(self, x, memory, x_mask, memory_mask):
    count = memory.shape[1]
    if self.norm_first:
        y = self.ln1(x)
        x = x + self.dropout1(self.self_attention(y, y, y, x_mask))
        y = self.ln2(x)
        x = x + self.dropout2(self.cross_attention(y, memory, y[:, :count], memory_mask))
        return x + self.feed_forward(self.ln3(x))
    x = self.ln1(x + self.dropout1(self.self_attention(x, x, x, x_mask)))
    y = self.cross_attention(x, memory, x[:, :count], memory_mask)
    x = self.ln2(x + self.dropout2(y))
    return self.ln3(x + self.feed_forward(x))


@misconception(
    "11.13",
    "You let the memory ask the text. The decoder has the questions: its length is that of the "
    "output.",
    symbol="TransformerDecoderLayer.__call__",
)
def __call__(self, x, memory, x_mask, memory_mask):
    if self.norm_first:
        y = self.ln1(x)
        x = x + self.dropout1(self.self_attention(y, y, y, x_mask))
        y = self.ln2(x)
        answers = self.cross_attention(memory, y, y, None)
        x = x + self.dropout2(
            core.pad(answers, [(0, 0), (0, x.shape[1] - memory.shape[1]), (0, 0)])
        )
        return x + self.feed_forward(self.ln3(x))
    x = self.ln1(x + self.dropout1(self.self_attention(x, x, x, x_mask)))
    y = self.cross_attention(memory, x, x, None)
    x = self.ln2(x + self.dropout2(core.pad(y, [(0, 0), (0, x.shape[1] - y.shape[1]), (0, 0)])))
    return self.ln3(x + self.feed_forward(x))


@misconception(
    "11.13",
    "You do not hand the mask of the memory on: the padding of the source is read.",
    symbol="TransformerDecoderLayer.__call__",
)
def __call__(self, x, memory, x_mask, memory_mask):
    if self.norm_first:
        y = self.ln1(x)
        x = x + self.dropout1(self.self_attention(y, y, y, x_mask))
        y = self.ln2(x)
        x = x + self.dropout2(self.cross_attention(y, memory, memory))
        return x + self.feed_forward(self.ln3(x))
    x = self.ln1(x + self.dropout1(self.self_attention(x, x, x, x_mask)))
    x = self.ln2(x + self.dropout2(self.cross_attention(x, memory, memory)))
    return self.ln3(x + self.feed_forward(x))


@misconception(
    "11.13",
    "You normalize the memory with the norm of the text. It comes from an encoder that has its own.",
    symbol="TransformerDecoderLayer.__call__",
)
def __call__(self, x, memory, x_mask, memory_mask):
    if self.norm_first:
        y = self.ln1(x)
        x = x + self.dropout1(self.self_attention(y, y, y, x_mask))
        y, m = self.ln2(x), self.ln2(memory)
        x = x + self.dropout2(self.cross_attention(y, m, m, memory_mask))
        return x + self.feed_forward(self.ln3(x))
    x = self.ln1(x + self.dropout1(self.self_attention(x, x, x, x_mask)))
    x = self.ln2(x + self.dropout2(self.cross_attention(x, memory, memory, memory_mask)))
    return self.ln3(x + self.feed_forward(x))


@misconception(
    "11.14",
    "You forget the last norm of the encoder. With the norm first every layer adds to a sum that "
    "nobody has normalized.",
    symbol="TransformerEncoder.__call__",
)
def __call__(self, x, mask):
    for layer in self.layers:
        x = (checkpointed(layer) if self.checkpoint else layer)(x, mask)
    return x


@misconception(
    "11.14",
    "You forget the last norm of the decoder. With the norm first every layer adds to a sum that "
    "nobody has normalized.",
    symbol="TransformerDecoder.__call__",
)
def __call__(self, x, memory, x_mask, memory_mask):
    for layer in self.layers:
        step = checkpointed(layer) if self.checkpoint else layer
        x = step(x, memory, x_mask, memory_mask)
    return x


@misconception(
    "11.14",
    "Your decoder reads the source itself. It is to read what the encoder made of it.",
    symbol="Transformer.__call__",
)
def __call__(self, src, tgt, src_mask, tgt_mask, memory_mask):
    return self.decoder(tgt, src, tgt_mask, memory_mask)


@misconception(
    "11.14",
    "You use the mask of the source for the memory. It has an argument of its own.",
    symbol="Transformer.__call__",
)
def __call__(self, src, tgt, src_mask, tgt_mask, memory_mask):
    memory = self.encoder(src, src_mask)
    return self.decoder(tgt, memory, tgt_mask, src_mask)


@misconception(
    "11.14",
    "You ignore `checkpoint`: everything inside the layers is kept for the derivative.",
    symbol="TransformerEncoder.__call__",
)
def __call__(self, x, mask):
    for layer in self.layers:
        x = layer(x, mask)
    return self.ln(x)


@misconception(
    "11.15",
    "You take the softmax over all experts and use the part of those that were chosen: the weights "
    "sum to less than 1.",
    symbol="MixtureOfExperts.__call__",
)
def __call__(self, x):
    logits = self.router(x)
    experts = self.choose(logits)
    weights = core.take_along_axis(core.softmax(logits, axis=-1), experts, axis=-1)
    rows = x[..., None, None, :]
    gates = core.gather_mm(rows, self.gate_proj, rhs_indices=experts)
    hidden = nn.silu(gates) * core.gather_mm(rows, self.up_proj, rhs_indices=experts)
    y = core.gather_mm(hidden, self.down_proj, rhs_indices=experts)
    return core.sum(weights[..., None] * y[..., 0, :], axis=-2)


@misconception(
    "11.15",
    "You compute all experts and multiply most of them by 0. It is right, and costs as much as a "
    "network of all of them; and 0 times nan is nan.",
    symbol="MixtureOfExperts.__call__",
)
def __call__(self, x):
    logits = self.router(x)
    experts = self.choose(logits)
    chosen = core.softmax(core.take_along_axis(logits, experts, axis=-1), axis=-1)
    one_hot = (experts[..., None] == core.arange(logits.shape[-1])).astype(x.dtype)
    weights = core.sum(chosen[..., None] * one_hot, axis=-2)
    rows = x[..., None, None, :]
    hidden = nn.silu(rows @ self.gate_proj) * (rows @ self.up_proj)
    y = (hidden @ self.down_proj)[..., 0, :]
    return core.sum(weights[..., None] * y, axis=-2)


@misconception(
    "11.15",
    "You add the experts without their weights: the router is never told what was good.",
    symbol="MixtureOfExperts.__call__",
)
def __call__(self, x):
    experts = self.choose(self.router(x))
    rows = x[..., None, None, :]
    gates = core.gather_mm(rows, self.gate_proj, rhs_indices=experts)
    hidden = nn.silu(gates) * core.gather_mm(rows, self.up_proj, rhs_indices=experts)
    y = core.gather_mm(hidden, self.down_proj, rhs_indices=experts)
    return core.mean(y[..., 0, :], axis=-2)


@misconception(
    "11.15",
    "You choose those with the smallest logits: argpartition puts the smallest first.",
    symbol="MixtureOfExperts.choose",
)
def choose(self, logits):
    order = core.argpartition(core.stop_gradient(logits), self.chosen - 1, axis=-1)
    return order[..., : self.chosen]


@misconception(
    "11.15",
    "You leave out the number of experts: the balance of equal use is then 1/E, and depends on how "
    "many there are.",
    symbol="MixtureOfExperts.balance",
)
def balance(self, x):
    logits = self.router(x)
    count = logits.shape[-1]
    experts = self.choose(logits).reshape(-1)
    shares = core.mean((experts[:, None] == core.arange(count)).astype(logits.dtype), axis=0)
    means = core.mean(core.softmax(logits, axis=-1).reshape(-1, count), axis=0)
    return core.sum(shares * means)


@misconception(
    "11.15",
    "You multiply the means of the probabilities with themselves. One factor is how often each was "
    "really chosen.",
    symbol="MixtureOfExperts.balance",
)
def balance(self, x):
    logits = self.router(x)
    count = logits.shape[-1]
    means = core.mean(core.softmax(logits, axis=-1).reshape(-1, count), axis=0)
    return count * core.sum(means * means)


@misconception(
    "11.15",
    "All experts compute for all positions, and then you take the chosen ones: the values "
    "are right, and nothing is saved. Tell `gather_mm` whom each position has chosen.",
    symbol="MixtureOfExperts.__call__",
)
def __call__(self, x):
    logits = self.router(x)
    experts = self.choose(logits)  # (..., chosen)
    weights = core.softmax(core.take_along_axis(logits, experts, axis=-1), axis=-1)
    rows = x[..., None, None, :]
    hidden = nn.silu(rows @ self.gate_proj) * (rows @ self.up_proj)
    y = (hidden @ self.down_proj)[..., 0, :]
    y = core.take_along_axis(y, experts[..., None], axis=-2)
    return core.sum(weights[..., None] * y, axis=-2)


@misconception(
    "11.16",
    "You join old and new in every call: each step copies all that was there, and what was trimmed "
    "comes back. Make room once, and write in place from `offset` on.",
    symbol="KVCache.update_and_fetch",
)
def update_and_fetch(self, keys, values):
    if self.room is None:
        self.room = keys, values
    else:
        self.room = (
            core.concatenate([self.room[0], keys], axis=2),
            core.concatenate([self.room[1], values], axis=2),
        )
    self.offset += keys.shape[2]
    return self.room


@misconception(
    "11.16",
    "You join old and new in every call: each step copies all that was there. Make room once, and "
    "write in place.",
    symbol="KVCache.update_and_fetch",
)
def update_and_fetch(self, keys, values):
    start, self.offset = self.offset, self.offset + keys.shape[2]
    if self.room is None:
        self.room = keys, values
    else:
        self.room = (
            core.concatenate([self.room[0][:, :, :start], keys], axis=2),
            core.concatenate([self.room[1][:, :, :start], values], axis=2),
        )
    return self.room


@misconception(
    "11.16",
    "You write behind the new offset: the first places stay empty. Remember where the offset was.",
    symbol="KVCache.update_and_fetch",
)
def update_and_fetch(self, keys, values):
    self.offset += keys.shape[2]
    if self.room is None or self.offset + keys.shape[2] > self.room[0].shape[2]:
        self.offset += keys.shape[2]
        self.room = self.larger(keys, 0), self.larger(values, 1)
        self.offset -= keys.shape[2]
    for room, new in zip(self.room, (keys, values)):
        room[:, :, self.offset : self.offset + keys.shape[2]] = new
    return self.room[0][:, :, : self.offset], self.room[1][:, :, : self.offset]


@misconception(
    "11.16",
    "You return the whole room. Behind the offset there are zeros, and a key of zeros has a score of "
    "0: it is asked like any other.",
    symbol="KVCache.update_and_fetch",
)
def update_and_fetch(self, keys, values):
    start, self.offset = self.offset, self.offset + keys.shape[2]
    if self.room is None or self.offset > self.room[0].shape[2]:
        self.room = self.larger(keys, 0), self.larger(values, 1)
    for room, new in zip(self.room, (keys, values)):
        room[:, :, start : self.offset] = new
    return self.room


@misconception(
    "11.16",
    "You grow by one step, however many positions come: a long prompt does not fit.",
    symbol="KVCache.larger",
)
def larger(self, new, which):
    old = None if self.room is None else self.room[which]
    size = self.step if old is None else old.shape[2] + self.step
    room = core.zeros((*new.shape[:2], max(size, new.shape[2]), new.shape[3]), new.dtype)
    if old is not None:
        room[:, :, : old.shape[2]] = old
    return room


@misconception(
    "11.16",
    "Your room is float32 whatever comes: half precision saves nothing then.",
    symbol="KVCache.larger",
)
def larger(self, new, which):
    pieces = -(-self.offset // self.step)
    room = core.zeros((*new.shape[:2], pieces * self.step, new.shape[3]))
    if self.room is not None:
        old = self.room[which]
        room[:, :, : old.shape[2]] = old
    return room


@misconception(
    "11.16",
    "You make new room and forget what was in the old one.",
    symbol="KVCache.larger",
)
def larger(self, new, which):
    pieces = -(-self.offset // self.step)
    return core.zeros((*new.shape[:2], pieces * self.step, new.shape[3]), new.dtype)


@misconception(
    "11.17",
    "You keep the last `size` positions before anybody has asked. Of several new ones the first "
    "still may ask keys that you have thrown away.",
    symbol="RotatingKVCache.update_and_fetch",
)
def update_and_fetch(self, keys, values):
    new = [*range(self.offset, self.offset + keys.shape[2])]
    self.offset += len(new)
    if self.kept is None:
        self.kept, self.positions = (keys, values), new
    else:
        joined = [*self.positions, *new]
        last = self.offset - (self.size - self.keep)
        stay = [i for i, p in enumerate(joined) if p < self.keep or p >= last]
        places = core.array(stay, core.int32)
        k, v = (
            core.take(core.concatenate([old, more], axis=2), places, axis=2)
            for old, more in zip(self.kept, (keys, values))
        )
        self.kept, self.positions = (k, v), [joined[i] for i in stay]
    return self.kept


@misconception(
    "11.17",
    "You give up the first positions, too. The first `keep` stay for ever: a trained model puts on "
    "them what it has no other use for.",
    symbol="RotatingKVCache.update_and_fetch",
)
def update_and_fetch(self, keys, values):
    new = [*range(self.offset, self.offset + keys.shape[2])]
    self.offset += len(new)
    if self.kept is None:
        self.kept, self.positions = (keys, values), new
    else:
        stay = [i for i, p in enumerate(self.positions) if p > new[0] - self.size]
        places = core.array(stay, core.int32)
        k, v = (
            core.concatenate([core.take(old, places, axis=2), more], axis=2)
            for old, more in zip(self.kept, (keys, values))
        )
        self.kept, self.positions = (k, v), [*(self.positions[i] for i in stay), *new]
    return self.kept


@misconception(
    "11.17",
    "Your offset is the number of positions that are kept. It counts all that were seen: else every "
    "new token would claim the same position.",
    symbol="RotatingKVCache.update_and_fetch",
)
def update_and_fetch(self, keys, values):
    first = self.positions[-1] + 1 if self.positions else 0
    new = [*range(first, first + keys.shape[2])]
    if self.kept is None:
        self.kept, self.positions = (keys, values), new
    else:
        oldest = new[0] - (self.size - self.keep) + 1
        stay = [i for i, p in enumerate(self.positions) if p < self.keep or p >= oldest]
        places = core.array(stay, core.int32)
        k, v = (
            core.concatenate([core.take(old, places, axis=2), more], axis=2)
            for old, more in zip(self.kept, (keys, values))
        )
        self.kept, self.positions = (k, v), [*(self.positions[i] for i in stay), *new]
    self.offset = len(self.positions)
    return self.kept


@misconception(
    "11.17",
    "Your mask looks at places, not at positions: after the first turn a place says nothing about "
    "how old its key is.",
    symbol="RotatingKVCache.mask",
)
def mask(self, count):
    total = len(self.positions)
    places = core.arange(total)
    queries = core.arange(total - count, total)[:, None]
    near = (places <= queries) & (places > queries - (self.size - self.keep))
    return near | ((places < self.keep) & (places <= queries))


@misconception(
    "11.17",
    "You forget the window: of several new positions the last ones may not ask the oldest keys that "
    "are still there for the first one.",
    symbol="RotatingKVCache.mask",
)
def mask(self, count):
    queries = core.arange(self.offset - count, self.offset)[:, None]
    return core.array(self.positions) <= queries


@misconception(
    "11.17",
    "You write into the arrays that you have given out. Whoever asked before you sees other keys; "
    "`core.slice_update` makes new ones.",
)
def update_and_fetch(self, keys, values):
    new = [*range(self.offset, self.offset + keys.shape[2])]
    self.offset += len(new)
    if self.kept is None:
        self.kept, self.positions = (keys, values), new
    elif len(new) == 1 and len(self.positions) == self.size:
        place = min(range(self.keep, self.size), key=self.positions.__getitem__)
        self.positions = [*self.positions[:place], *new, *self.positions[place + 1 :]]
        for old, more in zip(self.kept, (keys, values)):
            old[:, :, place : place + 1] = more
    else:
        oldest = new[0] - (self.size - self.keep) + 1
        stay = [i for i, p in enumerate(self.positions) if p < self.keep or p >= oldest]
        places = core.array(stay, core.int32)
        k, v = (
            core.concatenate([core.take(old, places, axis=2), more], axis=2)
            for old, more in zip(self.kept, (keys, values))
        )
        self.kept, self.positions = (k, v), [*(self.positions[i] for i in stay), *new]
    return self.kept


@misconception(
    "11.17",
    "You compute the place from the offset, as if positions stood one behind the other. After a "
    "piece of several they do not: look for the oldest.",
)
def update_and_fetch(self, keys, values):
    new = [*range(self.offset, self.offset + keys.shape[2])]
    self.offset += len(new)
    if self.kept is None:
        self.kept, self.positions = (keys, values), new
    elif len(new) == 1 and len(self.positions) == self.size:
        place = self.keep + (new[0] - self.keep) % (self.size - self.keep)
        self.positions = [*self.positions[:place], *new, *self.positions[place + 1 :]]
        at = core.array([place])
        k, v = (
            core.slice_update(old, more, at, axes=[2])
            for old, more in zip(self.kept, (keys, values))
        )
        self.kept = k, v
    else:
        oldest = new[0] - (self.size - self.keep) + 1
        stay = [i for i, p in enumerate(self.positions) if p < self.keep or p >= oldest]
        places = core.array(stay, core.int32)
        k, v = (
            core.concatenate([core.take(old, places, axis=2), more], axis=2)
            for old, more in zip(self.kept, (keys, values))
        )
        self.kept, self.positions = (k, v), [*(self.positions[i] for i in stay), *new]
    return self.kept


@misconception(
    "11.17",
    "Your mask hides the first `keep` as soon as they are behind the window. They stay in memory so "
    "that everybody behind them may ask them.",
)
def mask(self, count):
    places = core.array(self.positions)
    queries = core.arange(self.offset - count, self.offset)[:, None]
    return (places <= queries) & (places > queries - (self.size - self.keep))


@misconception(
    "11.17",
    "The first `keep` come on top of a window of `size`. Both share the room: beside itself a "
    "position may ask the `size - keep - 1` before it.",
)
def mask(self, count):
    places = core.array(self.positions)
    queries = core.arange(self.offset - count, self.offset)[:, None]
    near = (places <= queries) & (places > queries - self.size)
    return near | ((places < self.keep) & (places <= queries))


@misconception(
    "11.18",
    "You add the exponentials in the dtype of the scores. In half precision thousands of them are more "
    "than its digits hold: the logarithm of their sum is one of float32.",
    symbol="part",
)
def part(scores, v):
    mean = mixed(softmax(scores, -1, precise=True), v)
    return Part(precise(mean), logsumexp(scores, -1, keepdims=True))


@misconception(
    "11.18",
    "You take the middle of the two means. Each counts by how large its denominator is.",
    symbol="together",
)
def together(a, b):
    return Part((a.mean + b.mean) / 2, logaddexp(a.log_sum, b.log_sum))


@misconception(
    "11.18",
    "You go back to the sums themselves: exp(500) is infinite. Only differences of logarithms may "
    "be raised.",
    symbol="together",
)
def together(a, b):
    one, two = exp(a.log_sum), exp(b.log_sum)
    total = one + two
    return Part((a.mean * one + b.mean * two) / total, logaddexp(a.log_sum, b.log_sum))


@misconception(
    "11.18",
    "You keep the greater logarithm. The denominators are added: with two equal ones it grows by "
    "log 2.",
    symbol="together",
)
def together(a, b):
    log_sum = logaddexp(a.log_sum, b.log_sum)
    mean = a.mean * exp(a.log_sum - log_sum) + b.mean * exp(b.log_sum - log_sum)
    top = (a.log_sum + b.log_sum + ((a.log_sum - b.log_sum) ** 2) ** 0.5) / 2
    return Part(mean, top)


@misconception(
    "11.18",
    "You add means as if they were sums. A part has divided by its own denominator already: multiply "
    "by its share of the whole.",
    symbol="together",
)
def together(a, b):
    return Part(a.mean + b.mean, logaddexp(a.log_sum, b.log_sum))


@misconception(
    "11.18",
    "You keep the parts in half precision: over hundreds of tiles the sums lose what they gain.",
    symbol="part",
)
def part(scores, v):
    mean = mixed(softmax(scores, -1, precise=True), v)
    return Part(mean, logsumexp(scores, -1, keepdims=True))


@misconception(
    "11.19",
    "You look at every tile, also at those in which nobody may ask anybody: twice the work.",
    symbol="Grid.tiles",
)
def tiles(self, rows):
    for columns in pieces(self.keys, self.side):
        yield Tile(rows, columns)


@misconception(
    "11.19",
    "You skip the tiles on the diagonal, in which some queries may ask some keys. The *last* query "
    "of a piece decides.",
    symbol="Grid.tiles",
)
def tiles(self, rows):
    for columns in pieces(self.keys, self.side):
        if not self.causal or columns.stop <= rows.start + self.shift + 1:
            yield Tile(rows, columns)


@misconception(
    "11.19",
    "You align the first query with the first key. The last query stands at the last key: positions "
    "are shifted by `self.shift`.",
    symbol="Grid.tiles",
)
def tiles(self, rows):
    for columns in pieces(self.keys, self.side):
        if not self.causal or columns.start < rows.stop:
            yield Tile(rows, columns)


@misconception(
    "11.19",
    "You keep the last tile only. What was seen before has to be put together with it.",
    symbol="seen_from",
)
def seen_from(rows, q, inputs, grid):
    _, k, v, mask, sinks = inputs
    shape = q.shape[:-1]
    seen = None if sinks is None else sinks_alone(sinks, shape, v.shape[-1])
    for tile in grid.tiles(rows):
        q = after(q, None if seen is None else seen.mean)
        seen = part(grid.scores(tile, q, k, mask), v[:, :, tile.columns])
    if seen is None:
        return Part(zeros((*shape, v.shape[-1])), zeros((*shape, 1)))
    return seen


@misconception(
    "11.19",
    "You leave out the sinks: what has been seen before the first key is not nothing then.",
    symbol="seen_from",
)
def seen_from(rows, q, inputs, grid):
    _, k, v, mask, _ = inputs
    shape = q.shape[:-1]
    seen = None
    for tile in grid.tiles(rows):
        q = after(q, None if seen is None else seen.mean)
        now = part(grid.scores(tile, q, k, mask), v[:, :, tile.columns])
        seen = now if seen is None else together(seen, now)
    if seen is None:
        return Part(zeros((*shape, v.shape[-1])), zeros((*shape, 1)))
    return seen


@misconception(
    "11.19",
    "The values are right, but nothing says which tile comes first: MLX makes the scores of all of "
    "them at once, and they are all in memory. The queries of each tile are made `after` what has "
    "been seen before it.",
)
def seen_from(rows, q, inputs, grid):
    _, k, v, mask, sinks = inputs
    shape = q.shape[:-1]
    seen = None if sinks is None else sinks_alone(sinks, shape, v.shape[-1])
    for tile in grid.tiles(rows):
        now = part(grid.scores(tile, q, k, mask), v[:, :, tile.columns])
        seen = now if seen is None else together(seen, now)
    if seen is None:
        return Part(zeros((*shape, v.shape[-1])), zeros((*shape, 1)))
    return seen


@misconception(
    "11.19",
    "You begin with zeros as if they were nothing. A logarithm of 0 is a sum of 1: a key that nobody "
    "has takes a part of the softmax.",
)
def seen_from(rows, q, inputs, grid):
    _, k, v, mask, sinks = inputs
    shape = q.shape[:-1]
    seen = Part(zeros((*shape, v.shape[-1])), zeros((*shape, 1)))
    if sinks is not None:
        seen = sinks_alone(sinks, shape, v.shape[-1])
    for tile in grid.tiles(rows):
        q = after(q, seen.mean)
        seen = together(seen, part(grid.scores(tile, q, k, mask), v[:, :, tile.columns]))
    return seen


@misconception(
    "11.20",
    "You take the softmax of the tile. Its weights are parts of a whole row: exp(score - log_sum), "
    "with the logarithm of all keys.",
    symbol="tile_pull",
)
def tile_pull(gweights, scores, log_sum, level):
    weights = exp(scores - scores.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    return weights, weights * (gweights - level)


@misconception(
    "11.20",
    "You take off the mean of the tile. It is that of the whole row, which `level` has.",
    symbol="tile_pull",
)
def tile_pull(gweights, scores, log_sum, level):
    weights = exp(scores - log_sum)
    return weights, weights * (gweights - (weights * gweights).sum(-1, keepdims=True))


@misconception(
    "11.20",
    "You forget what comes back to the logarithm of the sum: its slope by a score is the weight, too.",
    symbol="level_of",
)
def level_of(gy, glog_sum, y):
    return (gy * y).sum(-1, keepdims=True)


@misconception(
    "11.20",
    "You add the cotangent of the logarithm to the level, which is subtracted.",
    symbol="level_of",
)
def level_of(gy, glog_sum, y):
    return (gy * y).sum(-1, keepdims=True) + glog_sum


@misconception(
    "11.20",
    "You give the shared keys the gradient of one head of each group. All heads that share them have "
    "one: add them up.",
    symbol="gathered",
)
def gathered(weights, x, groups):
    copies = weights.shape[1] // groups
    return weights[:, ::copies].swapaxes(-1, -2) @ x[:, ::copies]


@misconception(
    "11.20",
    "You take nothing off: weight times cotangent. If one weight grows the others shrink, and "
    "`level` is what that costs.",
)
def tile_pull(gweights, scores, log_sum, level):
    weights = exp(scores - log_sum)
    return weights, weights * gweights


@misconception(
    "11.20",
    "exp(score) / exp(log_sum) is infinite by infinite for large scores, 0 by 0 for small ones. "
    "Subtract first: exp(score - log_sum).",
)
def tile_pull(gweights, scores, log_sum, level):
    weights = exp(scores) / exp(log_sum)
    return weights, weights * (gweights - level)
