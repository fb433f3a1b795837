"""What the graders of chapter 12 run of the student's code."""

import re
import sys
import tempfile
from pathlib import Path

import mlx.core as mx

from course.grading.characters import few_characters
from course.grading.lines import counted
from tinymlx import core, nn
from tinymlx.core import array as to_array
from tinymlx.models import lora, translation
from tinymlx.models.caches import KVCache
from tinymlx.models.language import gpt2, layouts, llama
from tinymlx.models.language import weights as published
from tinymlx.text import bleu, buckets, evaluation, search, targets
from tinymlx.text.generation import filters
from tinymlx.text.generation.speculative import accepted, speculative
from tinymlx.text.tokenizer import alphabet, byte_level, learning, merging, pairs, patterns
from tinymlx.training import mixing, schedules
from tinymlx.utils import tree_flatten, tree_unflatten

__all__ = ["to_array"]


def pulled(function, arrays, cotangents):
    """What a function returns, and the cotangents of its arguments."""
    outputs, gradients = core.vjp(function, arrays, cotangents)
    return {"outputs": list(outputs), "gradients": list(gradients)}


def with_weights(model, weights):
    """A model with given weights, in evaluation mode."""
    model.load_weights(list(weights.items()))
    return model.eval()


def pulled_model(model, weights, forward, g):
    """An output, and the gradient of every weight under a cotangent."""
    names = sorted(weights)

    def function(*arrays):
        model.update(tree_unflatten(list(zip(names, arrays, strict=True))))
        return [forward(model)]

    found = pulled(function, [weights[name] for name in names], [g])
    return {
        "y": found["outputs"][0],
        "gradients": dict(zip(names, found["gradients"], strict=True)),
    }


# 12.1 and 12.2


def letters_of_bytes():
    return {"letters": list(alphabet.byte_letters())}


def as_letters(text):
    letters = alphabet.to_letters(text)
    return {"letters": letters, "back": list(alphabet.to_bytes(letters))}


def as_bytes(letters):
    return {"bytes": list(alphabet.to_bytes(letters))}


BELONGS = {
    "digits": lambda c: c in "0123456789",
    "vowels and the last": lambda c: c in "aeiou" or ord(c) > 0x10FFF0,
    "from the first": lambda c: ord(c) < 3 or c == "z",
}


def in_ranges(which):
    return {"ranges": patterns.ranges(BELONGS[which])}


@few_characters(patterns)
def found_by(pattern, text):
    return {"found": re.findall(patterns.translated(pattern), text)}


@few_characters(patterns)
def translated_pattern(pattern):
    return {"pattern": len(patterns.translated(pattern))}


# 12.3 to 12.5


def neighbours(words, times):
    counts = pairs.count_pairs(zip(words, times, strict=True))
    return {"counts": sorted([*pair, n] for pair, n in counts.items())}


def joined(tokens, pair):
    return {"tokens": list(pairs.merged(tokens, tuple(pair)))}


def learned(words, times, count, letters, least):
    merges = learning.learn_merges(dict(zip(words, times, strict=True)), count, letters, least)
    return {"merges": [list(pair) for pair in merges]}


def learned_with_the_default(words, times, count, letters):
    merges = learning.learn_merges(dict(zip(words, times, strict=True)), count, letters)
    return {"merges": [list(pair) for pair in merges]}


def replaced(i, pair, tokens, times, counts, others):
    """One word merged; ``counts`` and ``others`` are lists of pairs with a number."""
    table = {(a, b): n for a, b, n in counts}
    places = {(a, b): {n} for a, b, n in others}
    before = dict(table)
    tokens = [list(word) for word in tokens]
    changed = set(learning.replace(i, tuple(pair), tokens, times, table, places))
    differ = {p for p in table.keys() | before.keys() if table.get(p, 0) != before.get(p, 0)}
    now = set(zip(tokens[i], tokens[i][1:], strict=False))
    return {
        "tokens": [list(word) for word in tokens],
        "counts": sorted([*p, n] for p, n in table.items() if n),
        "all that changed": differ <= changed,
        "known places": sorted(list(p) for p in now if i in places.get(p, ())),
        "others stay": all(n in places.get((a, b), ()) for a, b, n in others),
    }


def cost_of_learning(words, times, letters, counts):
    """Lines of Python for several numbers of merges."""
    table = dict(zip(words, times, strict=True))
    found = [counted(lambda n=n: learning.learn_merges(table, n, letters)) for n in counts]
    return {"merges": [len(merges) for merges, _ in found], "lines": [n for _, n in found]}


def ranked(merges):
    ranks = merging.ranks_of(iter([tuple(pair) for pair in merges]))
    return {"ranks": sorted([*pair, rank] for pair, rank in ranks.items())}


def applied(letters, merges):
    ranks = {tuple(pair): i for i, pair in enumerate(merges)}
    return {"tokens": list(merging.apply_merges(letters, ranks))}


def cost_of_merging(merges, part, sizes):
    """Lines of Python for words of several sizes."""
    ranks = {tuple(pair): i for i, pair in enumerate(merges)}
    found = [counted(lambda n=n: merging.apply_merges(part * n, ranks)) for n in sizes]
    return {
        "tokens": [len(tokens) for tokens, _ in found],
        "first": found[0][0][0],
        "lines": [n for _, n in found],
    }


# 12.6


def tokenizer_of(vocabulary, merges, special, pattern):
    merges = [tuple(pair) for pair in merges]
    return byte_level.ByteLevelTokenizer(vocabulary, merges, special, pattern)


def encoded(vocabulary, merges, special, pattern, texts):
    """Texts there and back, one after the other with one tokenizer."""
    tokenizer = tokenizer_of(vocabulary, merges, special, pattern)
    numbers = [list(tokenizer.encode(text)) for text in texts]
    again = [list(tokenizer.encode(text)) for text in texts]
    back = [tokenizer.decode(iter(n)) for n in numbers]
    return {"numbers": numbers, "again": again, "back": back}


def decoded(vocabulary, special, numbers):
    tokenizer = tokenizer_of(vocabulary, [], special, "[^ ]+")
    return {"texts": [tokenizer.decode(n) for n in numbers]}


def remembered(vocabulary, merges, pattern, texts, room):
    """How often pieces were merged, and how many are remembered."""
    tokenizer, merged = tokenizer_of(vocabulary, merges, {}, pattern), []
    inner = tokenizer.numbers_of

    def counting(letters):
        merged.append(letters)
        most.append(len(tokenizer.known))
        return inner(letters)

    most = [0]
    tokenizer.numbers_of = counting
    kept = byte_level.REMEMBERED
    byte_level.REMEMBERED = room
    try:
        numbers = [list(tokenizer.encode(text)) for text in texts]
    finally:
        byte_level.REMEMBERED = kept
    return {
        "numbers": numbers,
        "merged": len(merged),
        "known": len(tokenizer.known),
        "most": max(most),
    }


class Copied:
    """How much was copied to make lists and bytes longer by some that count it.

    ``long + some`` makes a new object of both. ``long += some`` of a list looks at the elements of
    ``some`` one by one and copies nothing, which is the way to tell the two apart.
    """

    def __init__(self):
        self.total = self.last = 0

    def added(self, size):
        self.total += self.last
        self.last = size


def numbers_that_count(copied):
    class Numbers(list):
        def __radd__(self, other):
            copied.added(len(other))
            return NotImplemented

        def __iter__(self):
            copied.last = 0
            return super().__iter__()

    return Numbers


def bytes_that_count(copied):
    class Bytes(bytes):
        def __radd__(self, other):
            if not isinstance(other, bytes):
                return NotImplemented  # a bytearray grows in place
            copied.added(len(other))
            return other + bytes(self)

    return Bytes


def text_that_counts(copied):
    class Text(str):
        def __getitem__(self, key):
            found = str(self)[key]
            copied.added(len(found))
            return Text(found)

    return Text


def cost_of_encoding(vocabulary, merges, special, pattern, part, sizes):
    """Lines of Python and copies for texts of several sizes."""
    found = []
    for size in sizes:
        tokenizer, copied = tokenizer_of(vocabulary, merges, special, pattern), Copied()
        tokenizer.encode("f")  # the pattern is translated once
        inner, kind = tokenizer.numbers_of, numbers_that_count(copied)
        tokenizer.numbers_of = lambda letters, inner=inner, kind=kind: kind(inner(letters))
        text = text_that_counts(copied)("e" + part * size)  # nothing of which the e is
        numbers, lines = counted(lambda t=tokenizer, text=text: t.encode(text))
        copied.added(0)
        found.append((len(numbers), sum(numbers), lines, copied.total / len(text)))
    return {
        "numbers": [n for n, *_ in found],
        "sums": [s for _, s, *_ in found],
        "lines": [n for _, _, n, _ in found],
        "copies": [round(c, 1) for *_, c in found],
    }


def cost_of_decoding(vocabularies, sizes):
    """Lines of Python and copies for as many numbers, with vocabularies of several sizes."""
    found = []
    for size, count in zip(vocabularies, sizes, strict=True):
        letters = alphabet.byte_letters()
        more = [a + b for a in letters for b in letters]
        names = [*more[: size - 256], *letters]
        tokenizer = tokenizer_of({t: i for i, t in enumerate(names)}, [], {}, "[^ ]+")
        copied = Copied()
        inner, kind = tokenizer.bytes_of, bytes_that_count(copied)
        tokenizer.bytes_of = lambda n, inner=inner, kind=kind: kind(inner(n))
        numbers = [size - 256 + 97 + i % 7 for i in range(count)]
        text, lines = counted(lambda t=tokenizer, numbers=numbers: t.decode(iter(numbers)))
        copied.added(0)
        found.append((text, lines, copied.total / count))
    return {
        "texts": [text[:8] for text, *_ in found],
        "lines": [n for _, n, _ in found],
        "copies": [round(c, 1) for *_, c in found],
    }


# 12.7


def epochs_of(sources, targets, lengths, tokens, seed, epochs, pad=0):
    """All batches of some epochs, and whether the global random state stayed as it was."""
    core.random.seed(5)
    before = core.random.normal((2,)).tolist()
    core.random.seed(5)
    batches = buckets.PairBatches(sources, targets, lengths, tokens, pad, seed)
    found = [[[x.tolist(), y.tolist()] for x, y in batches] for _ in range(epochs)]
    integers = all(core.issubdtype(a.dtype, core.integer) for a in next(iter(batches)))
    untouched = core.random.normal((2,)).tolist() == before
    return {"epochs": found, "untouched": untouched, "integers": integers, "length": len(batches)}


def later_epoch(sources, targets, lengths, tokens, seed, epoch):
    """The batches of one epoch, without those before."""
    batches = buckets.PairBatches(sources, targets, lengths, tokens, 0, seed)
    batches.epoch = epoch
    return {"batches": [[x.tolist(), y.tolist()] for x, y in batches], "epoch": batches.epoch}


class Number(int):
    """A number that counts how often it is compared, by what looks for it in a list, too."""

    asked = 0

    def __eq__(self, other):
        Number.asked += 1
        return int(self) == other

    __hash__ = int.__hash__


def cost_of_batches(counts, epoch):
    """What it takes to plan an epoch, and to fill a batch: lines of Python, and comparisons."""
    lines, asked, later, filled = [], [], [], []
    for count in counts:
        sentences = [[1] * (1 + i % 7) for i in range(count)]
        batches = buckets.PairBatches(sentences, sentences, [4, 7], 28)
        batches.buckets = {n: [Number(i) for i in found] for n, found in batches.buckets.items()}
        Number.asked = 0
        plan, cost = counted(batches.plan)
        lines.append(cost)
        asked.append(Number.asked / count)
        batches.epoch = epoch
        later.append(counted(batches.plan)[1])
        rows, cost = counted(lambda b=batches: b.filled(b.sources, 7, [4, 5, 6]))
        filled.append(cost)
    return {
        "batches": len(plan), "rows": rows, "lines": lines, "asked": asked,
        "later": later, "filled": filled,
    }  # fmt: skip


# 12.8 and 12.9


def moved(sentences):
    inputs, goals = targets.shifted(sentences)
    return {"inputs": inputs, "goals": goals}


def smoothed(logits, goals, pad, smoothing, g):
    loss = lambda z, goals: targets.smoothed_loss(z, goals, pad, smoothing)  # noqa: E731
    core.compile(loss)(logits, goals)  # tracing fails where something is evaluated
    return pulled(lambda logits: [loss(logits, goals)], [logits], [g])


def smoothed_wrongly(smoothing):
    targets.smoothed_loss(core.zeros((1, 2, 3)), core.array([[1, 2]]), 0, smoothing)
    return {"fine": True}


def no_rates(warm_up):
    """The schedule alone, which nobody calls."""
    return {"made": callable(schedules.inverse_square_root(1.0, warm_up))}


def rates(peak, warm_up, steps):
    schedule = schedules.inverse_square_root(peak, warm_up)
    compiled = core.compile(schedule)
    return {
        "of numbers": core.stack([core.array(schedule(s)) for s in steps]),
        "of an array": core.stack([compiled(core.array(s)) for s in steps]),
    }


# 12.10 and 12.11


def translator(weights, sizes):
    return with_weights(translation.Translator(**sizes), weights)


def vectors(weights, sizes, tokens, start):
    return {"y": translator(weights, sizes).embed(tokens, start)}


def memory(weights, sizes, source, g):
    found = pulled_model(
        translator(weights, sizes), weights, lambda model: model.encode(source)[0], g
    )
    return {**found, "keep": translator(weights, sizes).encode(source)[1]}


def logits(weights, sizes, source, target, g):
    model = translator(weights, sizes)
    return pulled_model(model, weights, lambda model: model(source, target), g)


def dropped(weights, sizes, tokens):
    """Whether vectors are dropped in training, and how many."""
    model = translator(weights, {**sizes, "dropout": 0.5}).train()
    core.random.seed(0)
    return {"share": (model.embed(tokens) == 0).mean()}


def stepped(weights, sizes, source, target):
    """Logits step by step; each step is made twice from its state."""
    model = translator(weights, sizes)
    state, found, again = model.start(source), [], []
    for i in range(target.shape[1]):
        again.append(model.step(target[:, i], state)[0])
        one, state = model.step(target[:, i], state)
        found.append(one)
    return {"y": core.stack(found, axis=1), "again": core.stack(again, axis=1)}


def places_computed(weights, sizes, source, target):
    """How many places linear layers saw in each step."""
    model, seen = translator(weights, sizes), []
    kept = nn.Linear.__call__

    def counting(self, x):
        seen.append(x.shape[1])
        return kept(self, x)

    state, found = model.start(source), []
    nn.Linear.__call__ = counting
    try:
        for i in range(target.shape[1]):
            seen.clear()
            y, state = model.step(target[:, i], state)
            found.append(sum(seen))
    finally:
        nn.Linear.__call__ = kept
    return {"y": y, "places": found}


class Scripted:
    """A model whose logits follow from the sentence, the token and all tokens before it.

    The state has a row for each row of tokens: which sentence it is, and a sum over its history.
    """

    def __init__(self, table):
        self.table = table  # (sentences, histories, tokens)
        self.rows = []

    def start(self, count):
        return {"sentence": core.arange(count), "history": core.zeros((count,), core.int32)}

    def step(self, tokens, state):
        self.rows.append(tokens.shape[0])
        histories = self.table.shape[1]
        history = (3 * state["history"] + tokens + 1) % histories
        found = self.table[state["sentence"], history]
        return found, {"sentence": state["sentence"], "history": history}


def word_for_word(table, begin, end, length):
    model, count = Scripted(table), table.shape[0]
    found = search.greedy(model.step, model.start(count), count, begin, end, length)
    return {"tokens": [list(t) for t in found], "calls": len(model.rows)}


# 12.12


def with_beams(table, begin, end, length, width, penalty):
    model, count = Scripted(table), table.shape[0]
    options = {} if penalty is None else {"penalty": penalty}
    found = search.beams(
        model.step, model.start(count), count, begin, end, length, width, **options
    )
    return {
        "tokens": [list(f.tokens) for f in found],
        "scores": core.array([f.score for f in found]),
        "rows": model.rows,
    }


# 12.13 and 12.14


def matching(words, human):
    return {"found": [list(bleu.matches(words, human, n)) for n in (1, 2, 3, 4)]}


def corpus_bleu(translations, references):
    found = bleu.bleu(translations, references)
    return {
        "score": core.array(float(found.score)),
        "precisions": core.array([float(p) for p in found.precisions]),
        "brevity": core.array(float(found.brevity)),
        "lengths": [found.length, found.wanted],
    }


class Words:
    """A tokenizer of words; it marks where a word begins, as published ones do."""

    eos = 2

    def __init__(self, words):
        self.words = words

    def encode(self, text):
        return [3 + self.words.index(word) for word in text.split()]

    def decode(self, numbers):
        return " ".join(self.words[n - 3] for n in numbers)


class Parrot:
    """A translator that says what its table says, but stumbles behind its own mistakes.

    Called with a target it forgives: each token follows from the right one before it.
    """

    pad = 0

    def __init__(self, table, stumble):
        self.table, self.stumble, self.batches = table, stumble, []

    def start(self, source):
        self.batches.append(list(source.shape))
        return {"source": source, "at": core.zeros((source.shape[0],), core.int32)}

    def step(self, tokens, state):
        source, at = state["source"], state["at"]
        follow = [(row[i] if i < len(row) else 0) for row, i in zip(source.tolist(), at.tolist())]
        right = [self.table[t] for t in follow]
        wrong = [
            self.stumble if last == self.stumble else r for last, r in zip(tokens.tolist(), right)
        ]
        size = len(self.table)
        found = 5.0 * (core.array(wrong)[:, None] == core.arange(size)).astype(core.float32)
        # A second choice, which beams may prefer: the sentence ends here.
        found = found + 4.0 * (core.arange(size) == Words.eos).astype(core.float32)
        return found, {"source": source, "at": at + 1}

    def __call__(self, source, target):
        rows = [[self.table[t] for t in row] for row in source.tolist()]
        return 5.0 * (core.array(rows)[..., None] == core.arange(len(self.table))).astype(
            core.float32
        )


def said(words, table, stumble, sources, options):
    model, tokenizer = Parrot(table, stumble), Words(words)
    found = evaluation.translated(model, tokenizer, sources, 1, **options)
    return {"texts": list(found), "batches": sorted(model.batches)}


def scored(words, table, stumble, sources, references, options):
    model, tokenizer = Parrot(table, stumble), Words(words)
    found = evaluation.evaluated(model, tokenizer, sources, references, 1, **options)
    return {"score": core.array(float(found.score)), "words": found.length}


# 12.15


def mean_of_files(checkpoints):
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, weights in enumerate(checkpoints):
            files.append(str(Path(folder) / f"part{i}.safetensors"))
            core.save_safetensors(files[-1], weights)
        found = mixing.averaged(files)
        core.eval(found)
    return {"mean": dict(found)}


def blamed_file(checkpoints):
    """Which of the files the message names."""
    try:
        mean_of_files(checkpoints)
    except ValueError as error:
        return {"blamed": [i for i in range(len(checkpoints)) if f"part{i}." in str(error)]}
    return {"blamed": []}


def memory_of_files(count, size):
    """How many models were in memory at once."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i in range(count):
            files.append(str(Path(folder) / f"part{i}.safetensors"))
            core.save_safetensors(files[-1], {"w": core.full((size,), float(i))})
        core.clear_cache()
        core.reset_peak_memory()
        before = core.get_active_memory()
        found = mixing.averaged(files)["w"]
        core.eval(found)
        peak = core.get_peak_memory() - before
    # Whole ones: the rest depends on when memory is given back.
    return {"models": round(peak / (4 * size)), "mean": found[:3]}


# 12.16 and 12.17


def fed_forward(weights, x, kind, g):
    config = gpt2.GPT2Config(n_embd=x.shape[-1], n_head=1, activation_function=kind)
    layer = with_weights(gpt2.FeedForward(config), weights)
    return pulled_model(layer, weights, lambda layer: layer(x), g)


def renamed(weights):
    return {"weights": dict(gpt2.GPT2.sanitize(weights))}


def fits(own, found):
    fitted = published.fitted(own, found, "a folder")
    return {"weights": dict(fitted)}


def complaint(own, found):
    """Which kinds of mistakes and which names the message has."""
    try:
        published.fitted(own, found, "the folder")
    except ValueError as error:
        kinds = ("missing", "unexpected", "shape", *sorted({*own, *found}))
        return {"told": [word for word in kinds if word in str(error)]}
    return {"told": []}


def llama_attention(weights, config, x, split, padding, g):
    """Attention in one piece, or the rest behind the first ``split`` places, by a cache."""
    config = llama.LlamaConfig(**config)
    attention = with_weights(llama.Attention(config), weights)
    from tinymlx.models.language.masks import attention_mask

    def forward(attention):
        if split is None:
            mask = attention_mask(x.shape[1], 0, padding)
            return attention(x, mask, None, padding)
        cache, parts, at = KVCache(), [], 0
        for end in (*split, x.shape[1]):
            piece = x[:, at:end]
            mask = attention_mask(piece.shape[1], cache.offset, padding)
            parts.append(attention(piece, mask, cache, padding))
            at = end
        return core.concatenate(parts, axis=1)

    return pulled_model(attention, weights, forward, g)


def llama_keys(weights, config, x, split, padding):
    """The keys that the cache has in the end."""
    config = llama.LlamaConfig(**config)
    attention, cache, at = with_weights(llama.Attention(config), weights), KVCache(), 0
    for end in (*split, x.shape[1]):
        y = attention(x[:, at:end], "causal", cache, padding)
        at = end
    heard = core.max(core.abs(y)).item() > 0
    return {"keys": cache.room[0][:, :, : cache.offset], "heard": heard}


def llama_cost(weights, config, x, more):
    """Whether one more token takes less memory than copies of the keys for all heads."""
    config = llama.LlamaConfig(**config)
    attention, cache = with_weights(llama.Attention(config), weights), KVCache()
    core.eval(attention(x, "causal", cache, None))
    mx.synchronize()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    y = attention(more, None, cache, None)
    core.eval(y)
    mx.synchronize()
    copies = config.num_attention_heads * x.shape[1] * config.head_dim * x.itemsize
    return {"y": y, "little memory": mx.get_peak_memory() - before < copies}


def rows_in_order(weight, heads):
    return {"weight": layouts.unpermuted(weight, heads)}


# 12.18 and 12.19


def least_share(logits, p):
    return {"logits": filters.min_p(logits, p)}


def penalized(logits, seen, penalty):
    return {"logits": filters.repetition_penalty(logits, seen, penalty)}


def judged(p, q, proposed, uniform):
    """What is accepted, for each of several rows of uniform numbers."""
    core.random.seed(0)
    found = [accepted(p, q, proposed, u) for u in uniform]
    return {"passed": [int(n) for n, _ in found], "tokens": [int(t) for _, t in found]}


def keyed(p, q, proposed, uniform, seed):
    key = core.random.key(seed)
    found = [accepted(p, q, proposed, uniform, key) for _ in range(2)]
    return {"same": found[0] == found[1], "passed": int(found[0][0])}


def judged_often(p, q, draws, seed):
    """The token that one proposal leads to, many times: the proposal, or what replaces it."""
    core.random.seed(seed)
    proposals = core.random.categorical(core.log(q[0]), shape=(draws,)).tolist()
    uniform = core.random.uniform(shape=(draws, 1))
    counts = [0] * p.shape[1]
    for i, token in enumerate(proposals):
        passed, other = accepted(p, q, core.array([token]), uniform[i])
        counts[token if passed else other] += 1
    return {"counts": counts}


#: The module, which the function of its name hides.
speculative_module = sys.modules[speculative.__module__]


class Chain:
    """A language model that knows only the last token, and remembers all it has read."""

    class Cache:
        def __init__(self):
            self.tokens, self.read = [], 0

        @property
        def offset(self):
            return len(self.tokens)

        def trim(self, count):
            del self.tokens[len(self.tokens) - count :]
            return count

    def __init__(self, table):
        self.table, self.caches = table, [self.Cache(), self.Cache()]
        self.vocabulary = table.shape[0]

    def make_cache(self):
        return self.caches

    def __call__(self, tokens, cache=None, padding=None):
        assert cache is self.caches, "a model was given the cache of another one"
        for layer in cache:
            layer.tokens += tokens[0].tolist()
            layer.read += tokens.shape[1]
        return self.table[tokens]


def speculated(target, draft, prompt, ahead, count, seed, temperature=1.0):
    """Tokens of two chains, and what their caches hold afterwards."""
    core.random.seed(seed)
    models, drawn = (Chain(target), Chain(draft)), []

    def noting(p, q, proposed, uniform, *key):
        drawn.append(uniform.size)
        return accepted(p, q, proposed, uniform, *key)

    speculative_module.accepted = noting
    try:
        stream = speculative(*models, prompt, ahead, temperature)
        text = [*prompt, *(int(next(stream)) for _ in range(count))]
    finally:
        speculative_module.accepted = accepted
    held = [cache.tokens for model in models for cache in model.caches]
    wrong = [sum(a != b for a, b in zip(h, text, strict=False)) for h in held]
    return {
        "text": text,
        "numbers drawn": drawn,
        "wrong places in the caches": wrong,
        "read": [cache.read for model in models for cache in model.caches],
    }


# 12.20


def adapted(weight, bias, a, b, rank, alpha, x, g):
    """A layer with given narrow matrices, its gradients, and the layer that it merges into."""
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    linear.weight = weight
    if bias is not None:
        linear.bias = bias
    layer = lora.LoRALinear(linear, rank, alpha)
    names = sorted(name for name, _ in tree_flatten(layer.trainable_parameters()))

    def function(x, a, b):
        layer.lora_a, layer.lora_b = a, b
        return [layer(x)]

    found = pulled(function, [x, a, b], [g])
    layer.lora_a, layer.lora_b = a, b
    plain = layer.merged()
    return {
        **found,
        "trainable": names,
        "merged": plain(x),
        "kind": type(plain).__name__,
        "weight stays": layer.linear.weight,
    }


def started(inputs, outputs, rank, alpha, seed):
    """How the matrices begin."""
    core.random.seed(seed)
    linear = nn.Linear(inputs, outputs)
    layer = lora.LoRALinear(linear, rank, alpha)
    x = core.random.normal((3, inputs))
    a = layer.lora_a
    return {
        "shapes": [list(a.shape), list(layer.lora_b.shape)],
        "b": layer.lora_b,
        "unchanged": core.array_equal(layer(x), linear(x)).item(),
        "least": core.min(a) * inputs**0.5,
        "greatest": core.max(a) * inputs**0.5,
        "mean": core.mean(a) * inputs**0.5,
        "square": core.mean(core.square(a)) * inputs,
        "scale": core.array(float(layer.scale)),
    }


def adapted_in_training(inputs, outputs, rank, dropout, seed):
    """What is dropped: of the layer nothing, of the narrow way inputs."""
    core.random.seed(seed)
    linear = nn.Linear(inputs, outputs, bias=False)
    layer = lora.LoRALinear(linear, rank, rank, dropout)
    layer.lora_a = core.zeros((inputs, rank))
    layer.lora_a[:, 0] = core.array([2.0**i for i in range(inputs)])
    layer.lora_b = core.zeros((rank, outputs))
    layer.lora_b[0] = core.ones((outputs,))
    x = core.ones((40, inputs))
    beside = layer(x) - linear(x)
    return {
        "kinds": len({round(v) for v in beside[:, 0].tolist()}),
        "even": (beside[:, :1] - beside) / 2048,
    }


def adapted_cost(x, a, b):
    """What a layer adds for one row, and whether that takes less memory than its matrix."""
    linear = nn.Linear(a.shape[0], b.shape[1], bias=False)
    linear.weight = core.zeros((b.shape[1], a.shape[0]))
    layer = lora.LoRALinear(linear, a.shape[1], a.shape[1])
    layer.lora_a, layer.lora_b = a, b
    core.eval(layer.parameters(), x)
    mx.synchronize()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    y = layer(x)
    core.eval(y)
    mx.synchronize()
    return {"y": y, "little memory": mx.get_peak_memory() - before < linear.weight.nbytes // 4}


def wrong_rank(rank):
    lora.LoRALinear(nn.Linear(2, 2), rank)
    return {"fine": True}
