"""What chapter 12 should return: by PyTorch, by the standard library, or by counting."""

import math
import re
import unicodedata
from collections import Counter

import numpy as np

from reference.kit import in_numpy, torch

PAD, END = 0, 2


def pulled(outputs, arrays, cotangents):
    """What was returned, and the gradients of its products with the cotangents."""
    total = sum((y * g.detach()).sum() for y, g in zip(outputs, cotangents, strict=True))
    gradients = torch.autograd.grad(total, arrays, allow_unused=True)
    found = [
        torch.zeros_like(a) if g is None else g for g, a in zip(gradients, arrays, strict=True)
    ]
    return {"outputs": outputs, "gradients": found}


def pulled_model(y, weights, g):
    """An output, and the gradient of every weight."""
    names = sorted(weights)
    found = pulled([y], [weights[name] for name in names], [g])
    return {"y": y, "gradients": dict(zip(names, found["gradients"], strict=True))}


# 12.1 and 12.2


def gpt2_letters():
    """As GPT-2's own program lists them: visible bytes first, then the others from 256 on."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in visible]
    table = {b: chr(b) for b in visible} | {b: chr(256 + i) for i, b in enumerate(others)}
    return [table[b] for b in range(256)]


@in_numpy
def letters_of_bytes():
    return {"letters": gpt2_letters()}


@in_numpy
def as_letters(text):
    data, letters = text.encode(), gpt2_letters()
    return {"letters": "".join(letters[b] for b in data), "back": list(data)}


@in_numpy
def as_bytes(letters):
    known = gpt2_letters()
    return {"bytes": [known.index(c) for c in letters]}


@in_numpy
def in_ranges(which):
    found = {
        "digits": [("0", "9")],
        "vowels and the last": [(c, c) for c in "aeiou"] + [(chr(0x10FFF1), chr(0x10FFFF))],
        "from the first": [(chr(0), chr(2)), ("z", "z")],
    }[which]
    return {"ranges": "".join(rf"\U{ord(a):08x}-\U{ord(b):08x}" for a, b in found)}


def is_space(c):
    """Unicode's property White_Space."""
    return c in "\t\n\v\f\r\x85" or unicodedata.category(c) in ("Zs", "Zl", "Zp")


@in_numpy
def found_by(pattern, text):
    """Classes as lists of those characters of this one text that are in them."""
    there = sorted({*text})

    def members(name):
        if name == "s":
            return [c for c in there if is_space(c)]
        return [c for c in there if unicodedata.category(c).startswith(name)]

    parts, inside, at = [], False, 0
    while at < len(pattern):
        match = re.compile(r"\\([pPsS])(?:\{(\w+)\})?").match(pattern, at)
        if match and (match[2] or match[1] in "sS"):
            wanted = members(match[2] or "s")
            if match[1].isupper():
                wanted = [c for c in there if c not in wanted]
            text_of = "".join(f"\\U{ord(c):08x}" for c in wanted)
            parts.append(text_of if inside else f"[{text_of}]" if wanted else r"(?!)")
            at = match.end()
        elif pattern[at] == "\\":
            parts.append(pattern[at : at + 2])
            at += 2
        else:
            inside = {"[": True, "]": False}.get(pattern[at], inside)
            parts.append(pattern[at])
            at += 1
    return {"found": re.findall("".join(parts), text)}


# 12.3 to 12.5


def all_pairs(words, times):
    counts = Counter()
    for word, n in zip(words, times, strict=True):
        for i in range(len(word) - 1):
            counts[word[i], word[i + 1]] += n
    return counts


def join(tokens, pair):
    found = []
    for token in tokens:
        # A joined token is never a part of the pair again.
        if found and found[-1] == (pair[0], True) and token == pair[1]:
            found[-1] = (pair[0] + pair[1], False)
        else:
            found.append((token, True))
    return [token for token, _ in found]


@in_numpy
def neighbours(words, times):
    return {"counts": sorted([*pair, n] for pair, n in all_pairs(words, times).items())}


@in_numpy
def joined(tokens, pair):
    return {"tokens": join(tokens, pair)}


@in_numpy
def learned(words, times, count, letters, least):
    """Counting everything again for each merge."""
    numbers = {letter: i for i, letter in enumerate(letters)}
    tokens, merges = [list(word) for word in words], []
    while len(merges) < count:
        counts = all_pairs(tokens, times)
        if not counts or max(counts.values()) < max(least, 1):
            break
        pair = min(counts, key=lambda p: (-counts[p], numbers[p[0]], numbers[p[1]]))
        merges.append(list(pair))
        numbers["".join(pair)] = len(numbers)
        tokens = [join(word, pair) for word in tokens]
    return {"merges": merges}


@in_numpy
def learned_with_the_default(words, times, count, letters):
    merges = learned(words, times, count, letters, 1)["merges"]
    return {"merges": merges}


@in_numpy
def replaced(i, pair, tokens, times, counts, others):
    table = Counter({(a, b): n for a, b, n in counts})
    after = [list(word) for word in tokens]
    after[i] = join(tokens[i], pair)
    table.subtract(all_pairs([tokens[i]], [times]))
    table.update(all_pairs([after[i]], [times]))
    return {
        "tokens": after,
        "counts": sorted([*p, n] for p, n in table.items() if n),
        "all that changed": True,
        "known places": sorted(list(p) for p in all_pairs([after[i]], [1])),
        "others stay": True,
    }


@in_numpy
def ranked(merges):
    found = []
    for i, pair in enumerate(merges):
        if pair not in merges[:i]:
            found.append([*pair, i])
    return {"ranks": sorted(found)}


def by_rank(letters, merges):
    """The definition: look at the whole word again after each merge."""
    tokens, ranks = list(letters), {tuple(pair): i for i, pair in enumerate(merges)}
    while True:
        found = [
            (ranks[pair], i)
            for i, pair in enumerate(zip(tokens, tokens[1:], strict=False))
            if pair in ranks
        ]
        if not found:
            return tokens
        _, i = min(found)
        tokens[i : i + 2] = ["".join(tokens[i : i + 2])]


@in_numpy
def applied(letters, merges):
    return {"tokens": by_rank(letters, merges)}


# 12.6


@in_numpy
def encoded(vocabulary, merges, special, pattern, texts):
    letters = gpt2_letters()

    def numbers_of(text):
        found, at = [], 0
        while at < len(text):
            here = [s for s in special if text.startswith(s, at)]
            if here:
                name = max(here, key=len)
                found.append(special[name])
                at += len(name)
                continue
            end = min([text.find(s, at) for s in special if s in text[at:]], default=len(text))
            part = text[at:end]
            # The patterns of the tests match every character.
            for piece in re.findall(pattern, part):
                word = "".join(letters[b] for b in piece.encode())
                found += [vocabulary[token] for token in by_rank(word, merges)]
            at = end
        return found

    numbers = [numbers_of(text) for text in texts]
    return {"numbers": numbers, "again": numbers, "back": texts}


@in_numpy
def decoded(vocabulary, special, numbers):
    letters = gpt2_letters()
    data = {n: bytes(letters.index(c) for c in token) for token, n in vocabulary.items()}
    data |= {n: token.encode() for token, n in special.items()}
    return {"texts": [b"".join(data[i] for i in n).decode(errors="replace") for n in numbers]}


# 12.8 and 12.9


@in_numpy
def moved(sentences):
    rows = sentences.tolist()
    return {
        "inputs": np.array([row[:-1] for row in rows]),
        "goals": np.array([row[1:] for row in rows]),
    }


def smoothed(logits, goals, pad, smoothing, g):
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]),
        goals.reshape(-1).long(),
        ignore_index=pad,
        label_smoothing=smoothing,
    )
    return pulled([loss], [logits], [g[0] if isinstance(g, list) else g])


@in_numpy
def rates(peak, warm_up, steps):
    found = [peak * min((s + 1) / warm_up, math.sqrt(warm_up) / math.sqrt(s + 1)) for s in steps]
    return {"of numbers": np.array(found), "of an array": np.array(found)}


# 12.10 and 12.11


def positions(count, dims, start=0):
    """Sines, then cosines, of frequencies from 1 down to 1 / 10000 in equal ratios."""
    half = dims // 2
    frequencies = 10000.0 ** -(torch.arange(half, dtype=torch.float64) / (half - 1))
    angles = (start + torch.arange(count, dtype=torch.float64))[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def embedded(weights, tokens, start=0):
    table = weights["embedding.weight"]
    dims = table.shape[1]
    return table[tokens.long()] * math.sqrt(dims) + positions(tokens.shape[1], dims, start)


def attention(weights, name, heads, queries, keys, allowed):
    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    q, k, v = (
        split(x @ weights[f"{name}.{kind}_proj.weight"].T)
        for kind, x in (("query", queries), ("key", keys), ("value", keys))
    )
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    shares = scores.masked_fill(~allowed, -torch.inf).softmax(-1)
    return (shares @ v).transpose(1, 2).flatten(2) @ weights[f"{name}.out_proj.weight"].T


def norm(weights, name, x):
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return torch.nn.functional.layer_norm(x, x.shape[-1:], scale, shift, 1e-5)


def linear(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def feed_forward(weights, name, x):
    return linear(weights, f"{name}.linear2", linear(weights, f"{name}.linear1", x).relu())


def encoder(weights, sizes, source):
    allowed = (source != PAD)[:, None, None]
    x = embedded(weights, source)
    for i in range(sizes["layers"]):
        name = f"transformer.encoder.layers.{i}"
        y = norm(weights, f"{name}.ln1", x)
        x = x + attention(weights, f"{name}.attention", sizes["heads"], y, y, allowed)
        x = x + feed_forward(weights, name, norm(weights, f"{name}.ln2", x))
    return norm(weights, "transformer.encoder.ln", x), allowed


def decoder(weights, sizes, source, target):
    memory_, allowed = encoder(weights, sizes, source)
    length = target.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    x, heads = embedded(weights, target), sizes["heads"]
    for i in range(sizes["layers"]):
        name = f"transformer.decoder.layers.{i}"
        y = norm(weights, f"{name}.ln1", x)
        x = x + attention(weights, f"{name}.self_attention", heads, y, y, causal)
        y = norm(weights, f"{name}.ln2", x)
        x = x + attention(weights, f"{name}.cross_attention", heads, y, memory_, allowed)
        x = x + feed_forward(weights, name, norm(weights, f"{name}.ln3", x))
    return norm(weights, "transformer.decoder.ln", x) @ weights["embedding.weight"].T


def vectors(weights, sizes, tokens, start):
    return {"y": embedded(weights, tokens, start)}


def memory(weights, sizes, source, g):
    y, keep = encoder(weights, sizes, source)
    return {**pulled_model(y, weights, g), "keep": keep}


def logits(weights, sizes, source, target, g):
    return pulled_model(decoder(weights, sizes, source, target), weights, g)


def stepped(weights, sizes, source, target):
    y = decoder(weights, sizes, source, target)
    return {"y": y, "again": y}


def follow(table, sentence, tokens):
    """The logits of a scripted model after some tokens."""
    history = 0
    for token in tokens:
        history = (3 * history + token + 1) % table.shape[1]
    return table[sentence, history]


@in_numpy
def word_for_word(table, begin, end, length):
    texts, calls = [], 0
    for sentence in range(table.shape[0]):
        tokens, made = [begin], 0
        while made < length and tokens[-1] != end:
            tokens.append(int(follow(table, sentence, tokens).argmax()))
            made += 1
        calls = max(calls, made)
        texts.append([t for t in tokens[1:] if t != end])
    return {"tokens": texts, "calls": calls}


# 12.12


def log_softmax(x):
    return x - x.max() - np.log(np.exp(x - x.max()).sum())


def beams_of(table, sentence, begin, end, length, width, penalty):
    """One sentence by itself, with lists: the result, and after how many steps it is done."""
    going, done = [(0.0, [begin])], []
    for n in range(1, length + 1):
        candidates = []
        for score, tokens in going:
            log_p = log_softmax(follow(table, sentence, tokens))
            candidates += [(score + p, [*tokens, t]) for t, p in enumerate(log_p.tolist())]
        candidates.sort(key=lambda c: -c[0])
        going = []
        for score, tokens in candidates:
            if len(going) == width:
                break
            if tokens[-1] != end:
                going.append((score, tokens))
            elif len(done) < width:
                done.append((score / n**penalty, tokens[1:-1]))
        if len(done) >= width:
            return max(done), n
    done += [(score / length**penalty, tokens[1:]) for score, tokens in going]
    return max(done), length


@in_numpy
def with_beams(table, begin, end, length, width, penalty):
    alpha = 1.0 if penalty is None else penalty
    count = table.shape[0]
    found = [beams_of(table, i, begin, end, length, width, alpha) for i in range(count)]
    return {
        "tokens": [best[1] for best, _ in found],
        "scores": np.array([best[0] for best, _ in found]),
        "rows": [count * width] * max(steps for _, steps in found),
    }


# 12.13 and 12.14


def runs(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def common(words, reference, n):
    left, found = runs(reference, n), 0
    for run in runs(words, n):
        if run in left:
            left.remove(run)
            found += 1
    return found


@in_numpy
def matching(words, human):
    return {"found": [[common(words, human, n), len(runs(words, n))] for n in (1, 2, 3, 4)]}


def bleu_of(translations, references):
    """The formula, for texts whose words are divided by spaces."""
    pairs = [(t.split(), r.split()) for t, r in zip(translations, references, strict=True)]
    ours, theirs = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    matched = [sum(common(*pair, n) for pair in pairs) for n in (1, 2, 3, 4)]
    totals = [sum(len(runs(pair[0], n)) for pair in pairs) for n in (1, 2, 3, 4)]
    brevity = 1.0 if ours >= theirs else math.exp(1 - theirs / ours) if ours else 0.0
    precisions, misses = [0.0] * 4, 0
    if matched[0]:
        for n in range(4):
            if totals[n]:
                misses += matched[n] == 0
                precisions[n] = 100 * (matched[n] or 0.5**misses) / totals[n]
    score = 0.0
    if all(precisions):
        score = brevity * math.prod(precisions) ** 0.25
    return {
        "score": np.array(score),
        "precisions": np.array(precisions),
        "brevity": np.array(brevity),
        "lengths": [ours, theirs],
    }


@in_numpy
def corpus_bleu(translations, references):
    return bleu_of(translations, references)


def parrot(words, table, stumble, source, width=1, length=64, **_):
    """What the scripted translator says by itself."""
    tokens, found = [3 + words.index(w) for w in source.split()] + [END], []
    for i in range(length):
        right = table[tokens[i]] if i < len(tokens) else table[0]
        if found and found[-1] == stumble:
            right = stumble
        if right == END:
            break
        found.append(right)
    return " ".join(words[t - 3] for t in found)


@in_numpy
def said(words, table, stumble, sources, options):
    batch = options.get("batch", 100)
    lengths = sorted(len(source.split()) + 1 for source in sources)
    parts = [lengths[i : i + batch] for i in range(0, len(sources), batch)]
    texts = [parrot(words, table, stumble, source, **options) for source in sources]
    return {"texts": texts, "batches": sorted([len(part), part[-1]] for part in parts)}


@in_numpy
def scored(words, table, stumble, sources, references, options):
    texts = [parrot(words, table, stumble, source, **options) for source in sources]
    found = bleu_of(texts, references)
    return {"score": found["score"], "words": found["lengths"][0]}


# 12.15


@in_numpy
def mean_of_files(checkpoints):
    names = checkpoints[0]
    return {"mean": {name: np.mean([c[name] for c in checkpoints], axis=0) for name in names}}


# 12.16 and 12.17


def fed_forward(weights, x, kind, g):
    h = linear(weights, "c_fc", x)
    if kind == "relu":
        h = h.relu()
    else:
        form = "none" if kind == "gelu" else "tanh"
        h = torch.nn.functional.gelu(h, approximate=form)
    return pulled_model(linear(weights, "c_proj", h), weights, g)


@in_numpy
def renamed(weights):
    found = {}
    for name, w in weights.items():
        parts = name.split(".")
        if parts[0] == "transformer":
            parts = parts[1:]
        if parts[-2:] in (["attn", "bias"], ["attn", "masked_bias"]) or parts[0] == "lm_head":
            continue
        narrow = parts[-1] == "weight" and parts[-2] in ("c_attn", "c_proj", "c_fc")
        found[".".join(["model", *parts])] = w.T if narrow else w
    return {"weights": found}


@in_numpy
def fits(own, found):
    return {"weights": found}


def rotated(x, places, base):
    """``(N, H, L, D)``: feature i of a head is turned with feature i + D / 2."""
    half = x.shape[-1] // 2
    frequencies = base ** -(torch.arange(half, dtype=torch.float64) / half)
    angles = places[:, None, :, None] * frequencies
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1)


def llama_parts(weights, config, x, padding):
    """Queries, keys and values of all places, rotated, and their positions."""
    n, length, _ = x.shape
    heads, few, size = (
        config[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim")
    )

    def project(name, count):
        y = x @ weights[f"{name}_proj.weight"].T
        if f"{name}_proj.bias" in weights:
            y = y + weights[f"{name}_proj.bias"]
        y = y.unflatten(-1, (count, size))
        if f"{name}_norm.weight" in weights:
            mean = y.square().mean(-1, keepdim=True)
            y = y / (mean + config["rms_norm_eps"]).sqrt() * weights[f"{name}_norm.weight"]
        return y.transpose(1, 2)

    q, k, v = project("q", heads), project("k", few), project("v", few)
    shift = torch.zeros(n, dtype=torch.long) if padding is None else padding.long()
    places = (torch.arange(length) - shift[:, None]).double()
    q, k = (rotated(a, places, config["rope_theta"]) for a in (q, k))
    return q, k, v, places


def llama_keys(weights, config, x, split, padding):
    return {"keys": llama_parts(weights, config, x, padding)[1], "heard": True}


def llama_output(weights, config, x, padding):
    q, k, v, places = llama_parts(weights, config, x, padding)
    length, size = x.shape[1], config["head_dim"]
    copies = config["num_attention_heads"] // config["num_key_value_heads"]
    k, v = (a.repeat_interleave(copies, dim=1) for a in (k, v))
    allowed = torch.ones(length, length, dtype=torch.bool).tril() & (places >= 0)[:, None, None]
    scores = q @ k.transpose(-1, -2) / math.sqrt(size)
    seen = allowed.any(-1, keepdim=True)
    shares = scores.masked_fill(~allowed & seen, -torch.inf).softmax(-1) * seen
    return (shares @ v).transpose(1, 2).flatten(2) @ weights["o_proj.weight"].T


def llama_attention(weights, config, x, split, padding, g):
    return pulled_model(llama_output(weights, config, x, padding), weights, g)


def llama_cost(weights, config, x, more):
    y = llama_output(weights, config, torch.cat([x, more], dim=1), None)
    return {"y": y[:, -1:], "little memory": True}


@in_numpy
def rows_in_order(weight, heads):
    size = len(weight) // heads
    order = [h * size + i for h in range(heads) for half in (0, 1) for i in range(half, size, 2)]
    return {"weight": weight[order]}


# 12.18 and 12.19


@in_numpy
def least_share(logits, p):
    chances = np.exp(logits - logits.max(-1, keepdims=True))
    return {"logits": np.where(chances < p, -np.inf, logits)}


@in_numpy
def penalized(logits, seen, penalty):
    found = logits.copy()
    for row, tokens in zip(found, seen.tolist(), strict=True):
        for token in {*tokens}:
            row[token] = row[token] / penalty if row[token] > 0 else row[token] * penalty
    return {"logits": found}


@in_numpy
def judged(p, q, proposed, uniform):
    """Where what is left, or the last row, has one token only."""
    passed, tokens = [], []
    for u in uniform:
        n = 0
        while n < len(proposed) and u[n] < p[n, proposed[n]] / q[n, proposed[n]]:
            n += 1
        rest = p[n] - q[n] if n < len(proposed) else p[n]
        passed.append(n)
        tokens.append(int(rest.argmax()))
    return {"passed": passed, "tokens": tokens}


# 12.20


def adapted(weight, bias, a, b, rank, alpha, x, g):
    y = x @ weight.T + alpha / rank * (x @ a @ b)
    if bias is not None:
        y = y + bias
    found = pulled([y], [x, a, b], [g])
    return {
        **found,
        "trainable": ["lora_a", "lora_b"],
        "merged": y,
        "kind": "Linear",
        "weight stays": weight,
    }


def adapted_cost(x, a, b):
    return {"y": x @ a @ b, "little memory": True}
