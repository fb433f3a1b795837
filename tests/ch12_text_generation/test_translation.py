"""Judges of 12.7 to 12.15: batches, losses, a translator, beams, BLEU, the mean of checkpoints."""

from collections import Counter

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise

LENGTHS = [4, 6, 9]


def sentences(draw, count, longest=9):
    """Pairs of sentences that can be told apart by their first tokens."""
    lengths = draw.integers(count, 2, low=1, high=longest + 1).tolist()
    sources = [[10 + i, *[1] * (a - 1)] for i, (a, _) in enumerate(lengths)]
    targets = [[500 + i, *[2] * (b - 1)] for i, (_, b) in enumerate(lengths)]
    return sources, targets


def without_padding(rows):
    """Rows up to the last number that is not 0."""
    return [row[: max((i + 1 for i, t in enumerate(row) if t), default=0)] for row in rows]


@exercise("12.7")
def test_every_pair_once(probe, draw):
    """In each epoch, its two sides in the same row, tokens in front and padding behind."""
    sources, targets = sentences(draw, 53)
    found = probe(
        "epochs_of", sources=sources, targets=targets, lengths=LENGTHS, tokens=36, seed=3, epochs=3
    )
    assert found["integers"]
    for batches in found["epochs"]:
        pairs = [
            (a, b)
            for x, y in batches
            for a, b in zip(without_padding(x), without_padding(y), strict=True)
        ]
        there = sorted(pair for pair in pairs if pair != ([], []))
        assert there == sorted(zip(sources, targets, strict=True)), "not every pair came once"


@exercise("12.7")
@pytest.mark.parametrize("tokens", [36, 20, 3])
def test_one_shape_for_each_length(probe, draw, tokens):
    """As few batches as that allows, each pair in the least length that has room for it."""
    sources, targets = sentences(draw, 40)
    found = probe(
        "epochs_of",
        sources=sources,
        targets=targets,
        lengths=[9, 4, 6],
        tokens=tokens,
        seed=0,
        epochs=1,
    )
    needs = [max(map(len, pair)) for pair in zip(sources, targets, strict=True)]
    buckets = Counter(next(n for n in LENGTHS if n >= need) for need in needs)
    rows = {n: max(1, tokens // n) for n in LENGTHS}
    expected = Counter({(rows[n], n): -(-count // rows[n]) for n, count in buckets.items()})
    shapes = Counter((len(x), len(x[0])) for x, _ in found["epochs"][0])
    assert shapes == expected == Counter((len(y), len(y[0])) for _, y in found["epochs"][0])
    assert found["length"] == sum(expected.values())


@exercise("12.7")
def test_orders(probe, draw):
    """Another one in each epoch and for each seed, lengths mixed; the same for the same two."""
    sources, targets = sentences(draw, 60)
    common = {"sources": sources, "targets": targets, "lengths": LENGTHS, "tokens": 18}
    found = probe("epochs_of", **common, seed=1, epochs=6)
    assert found["untouched"], "the global random state has changed"
    firsts = [[[a[0] for a in x] for x, _ in batches] for batches in found["epochs"]]
    assert len({str(f) for f in firsts}) == 6, "two epochs have the same order"
    grouped = [sorted(sorted(b) for b in f) for f in firsts]
    assert len({str(g) for g in grouped}) == 6, "pairs are always together in a batch"
    for batches in found["epochs"]:
        lengths = [len(x[0]) for x, _ in batches]
        # With 15 batches and more, one order in a million has its lengths sorted.
        assert lengths not in (sorted(lengths), sorted(lengths, reverse=True))
    shapes = {str([len(x[0]) for x, _ in batches]) for batches in found["epochs"]}
    assert len(shapes) == 6, "the lengths come in the same order in two epochs"
    later = probe("later_epoch", **common, seed=1, epoch=4)
    assert later["batches"] == found["epochs"][4] and later["epoch"] == 5
    other = probe("later_epoch", **common, seed=2, epoch=4)
    assert other["batches"] != found["epochs"][4]


@exercise("12.7")
def test_few_pairs(probe):
    """One pair, and lengths that no pair has."""
    found = probe(
        "epochs_of", sources=[[5, 6]], targets=[[7]], lengths=[1, 2, 8], tokens=6, seed=0, epochs=2
    )
    empty = [0, 0]
    assert found["epochs"] == 2 * [[[[[5, 6], empty, empty], [[7, 0], empty, empty]]]]


@exercise("12.7")
def test_the_number_that_fills_up(probe):
    """What pads is asked for: in short rows, and in rows that are missing."""
    common = {"lengths": [3], "tokens": 6, "seed": 0, "epochs": 1, "pad": 9}
    found = probe("epochs_of", sources=[[5, 6]], targets=[[7]], **common)
    assert found["epochs"] == [[[[[5, 6, 9], [9, 9, 9]], [[7, 9, 9], [9, 9, 9]]]]]


@exercise("12.7")
def test_cost_of_an_epoch(probe):
    """Eight times the pairs: less than 12 times the lines, and none is looked for in a list.

    Epoch 300 costs what the first one does, and a batch what its own sentences do.
    """
    found = probe("cost_of_batches", counts=[42, 336], epoch=300)
    assert found["batches"] == -(-192 // 7) + 144 // 4
    assert found["rows"].tolist() == [[1] * n + [0] * (7 - n) for n in (5, 6, 7)] + [[0] * 7]
    (few, many), (_, later) = found["lines"], found["later"]
    assert many < 12 * few, f"{few} lines for 42 pairs, {many} for 336"
    assert found["asked"][1] < 20, (
        f"each of 336 pairs was compared {found['asked'][1]:.0f} times: it is looked for in a list"
    )
    assert later < 2 * many, f"{many} lines for the first epoch, {later} for number 300"
    few, many = found["filled"]
    assert many < 2 * few, f"{few} lines for a batch of 42 pairs, {many} for one of 336"


@exercise("12.8")
def test_one_token_later(check, draw):
    """The goal of a place is what comes behind it, of all rows."""
    check("moved", sentences=draw.permutation(24).reshape(4, 6) + 1)
    check("moved", sentences=draw.permutation(6).reshape(3, 2) + 1)


@exercise("12.8")
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("pad", [0, 4])
def test_loss_of_a_translation(check, draw, smoothing, pad):
    """Value and gradient; rows of unequal length, one of nothing but padding."""
    goals = draw.integers(4, 5, low=0, high=7)
    goals[1, 3:], goals[2], goals[3, 1:] = pad, pad, pad
    goals[0, 0] = 3
    check(
        "smoothed",
        logits=2 * draw.normal(4, 5, 7),
        goals=goals,
        pad=pad,
        smoothing=smoothing,
        g=draw.normal(),
        terms=35,
    )


@exercise("12.8")
def test_one_goal(check, draw):
    """A single token in all of the batch."""
    goals = np.array([[0, 0, 3], [0, 0, 0]], np.int32)
    common = {"pad": 0, "smoothing": 0.1, "g": draw.normal(), "terms": 5}
    check("smoothed", logits=draw.normal(2, 3, 5), goals=goals, **common)


@exercise("12.8")
def test_many_goals_in_half_precision(check, draw):
    """Three thousand losses near 30: their sum is no float16."""
    logits = 30 * draw.normal(60, 50, 3, dtype="float16")
    check(
        "smoothed",
        logits=logits,
        goals=draw.integers(60, 50, low=1, high=3),
        pad=0,
        smoothing=0.2,
        g=draw.normal(dtype="float16"),
        terms=9,
    )


@exercise("12.8")
def test_nothing_to_say(probe, draw, check):
    """Only padding: the loss is 0, and so is the gradient. A share of 1 is an error."""
    common = {"pad": 2, "smoothing": 0.1, "g": draw.normal()}
    logits = draw.normal(2, 3, 4)
    real = probe("smoothed", logits=logits, goals=np.full((2, 3), 1, np.int32), **common)
    assert real["outputs"][0] > 0.1
    found = probe("smoothed", logits=logits, goals=np.full((2, 3), 2, np.int32), **common)
    assert found["outputs"][0] == 0 and not found["gradients"][0].any()
    for wrong in (1.0, -0.1):
        check.raises("smoothed_wrongly", "ValueError", smoothing=wrong)


@exercise("12.9")
@pytest.mark.parametrize("warm_up", [1, 5, 400])
def test_rates(check, warm_up):
    """Before, at and behind the top; of numbers, and of arrays in a compiled step."""
    check("rates", peak=0.03, warm_up=warm_up, steps=[0, 1, 3, 4, 5, 19, 399, 400, 9_999])


@exercise("12.9")
@pytest.mark.parametrize("wrong", [0, -3])
def test_no_rise(check, probe, wrong):
    """A rise of no steps is none."""
    assert probe("rates", peak=1.0, warm_up=1, steps=[0])["of numbers"][0] == 1
    check.raises("rates", "ValueError", match="warm_up", peak=1.0, warm_up=wrong, steps=[0])
    check.raises("no_rates", "ValueError", match="warm_up", warm_up=wrong)  # not in step 1 only


SIZES = {"size": 11, "dims": 8, "heads": 2, "layers": 2, "hidden": 12, "dropout": 0.0}


def weights_of(draw, sizes=SIZES):
    """Weights for a translator: norms, too, are not at their beginnings."""
    dims, hidden, found = sizes["dims"], sizes["hidden"], {}

    def put(name, *shape, scale=0.4, shift=0.0):
        found[name] = (scale * draw.normal(*shape) + shift).astype(np.float32)

    def norm(name):
        put(f"{name}.weight", dims, scale=0.2, shift=1.0)
        put(f"{name}.bias", dims, scale=0.2)

    put("embedding.weight", sizes["size"], dims, scale=dims**-0.5)
    for part, attentions, norms in (
        ("encoder", ["attention"], 2),
        ("decoder", ["self_attention", "cross_attention"], 3),
    ):
        for i in range(sizes["layers"]):
            name = f"transformer.{part}.layers.{i}"
            for attention in attentions:
                for kind in ("query", "key", "value", "out"):
                    put(f"{name}.{attention}.{kind}_proj.weight", dims, dims)
            for n in range(norms):
                norm(f"{name}.ln{n + 1}")
            put(f"{name}.linear1.weight", hidden, dims)
            put(f"{name}.linear1.bias", hidden)
            put(f"{name}.linear2.weight", dims, hidden)
            put(f"{name}.linear2.bias", dims)
        norm(f"transformer.{part}.ln")
    return found


SOURCE = np.array([[3, 4, 5, 6, 2], [7, 2, 0, 0, 0], [8, 9, 2, 0, 0]], np.int32)
TARGET = np.array([[1, 5, 4, 6], [1, 9, 0, 0], [1, 7, 8, 0]], np.int32)


@exercise("12.10")
@pytest.mark.parametrize("start", [0, 7])
def test_tokens_as_vectors(check, draw, start):
    """The table times the root of dims, and positions from ``start`` on."""
    check("vectors", weights=weights_of(draw), sizes=SIZES, tokens=TARGET, start=start, terms=8)


@exercise("12.10")
def test_the_encoder(check, draw):
    """Memory, mask, and the gradients of all weights; padding is seen by nobody."""
    g = draw.normal(3, 5, 8) * (SOURCE != 0)[..., None]
    check(
        "memory",
        weights=weights_of(draw),
        sizes=SIZES,
        source=SOURCE,
        g=g.astype(np.float32),
        terms=200,
    )


@exercise("12.10")
def test_the_translator(check, draw):
    """Logits of all places, and the gradients of all weights: the table has three uses."""
    check(
        "logits",
        weights=weights_of(draw),
        sizes=SIZES,
        source=SOURCE,
        target=TARGET,
        g=draw.normal(3, 4, 11),
        terms=400,
    )


@exercise("12.10")
def test_padding_and_the_future(probe, draw):
    """More padding changes nothing; a later token changes nothing before it."""
    common = {"weights": weights_of(draw), "sizes": SIZES}
    g = draw.normal(3, 4, 11)
    first = probe("logits", **common, source=SOURCE, target=TARGET, g=g)["y"]
    wider = np.pad(SOURCE, ((0, 0), (0, 3)))
    later = TARGET.copy()
    later[:, 3] = 10
    second = probe("logits", **common, source=wider, target=later, g=g)["y"]
    assert agree(second[:, :3], first[:, :3], terms=100) and first.any()
    assert not agree(second[:, 3], first[:, 3], terms=100)


@exercise("12.10")
def test_vectors_are_dropped(probe, draw):
    """Half of the 96 x 8 numbers, in training: below 0.4 or above 0.6 once in ten million runs."""
    tokens = draw.integers(8, 12, low=0, high=11)
    share = probe("dropped", weights=weights_of(draw), sizes=SIZES, tokens=tokens)["share"]
    assert 0.4 < share < 0.6


@exercise("12.11")
def test_step_by_step(check, draw):
    """The same logits as of a whole pass; a step leaves the state before it as it was."""
    check(
        "stepped",
        weights=weights_of(draw),
        sizes=SIZES,
        source=SOURCE,
        target=TARGET,
        terms=400,
    )


@exercise("12.11")
def test_cost_of_a_step(probe, draw):
    """A step computes its own place, however long source and target are."""
    weights = weights_of(draw)
    source, target = draw.integers(2, 30, low=3, high=11), draw.integers(2, 9, low=3, high=11)
    common = {"weights": weights, "sizes": SIZES}
    found = probe("places_computed", **common, source=source, target=target)
    # Two layers; each has 4 + 2 maps in its attentions and 2 behind them.
    assert found["places"] == [16] * 9 and found["y"].any(), (
        f"linear layers saw {found['places']} places in nine steps; 16 of the new token are enough"
    )


def table(draw, count=4, histories=17, size=6, spread=2.0, end=0.0):
    """Logits of a scripted model; a larger ``end`` makes sentences shorter."""
    found = spread * draw.normal(count, histories, size)
    found[..., 2] += end
    return found.astype(np.float32)


@exercise("12.11")
@pytest.mark.parametrize("end", [0.0, 1.5, 4.0])
@pytest.mark.parametrize("length", [1, 3, 9])
def test_word_for_word(check, draw, end, length):
    """Rows end at different times, and one says something; no step is made once all have ended."""
    logits = table(draw, end=end)
    logits[1, (1 + 1) % 17, 4] = 50  # behind the beginning
    check("word_for_word", table=logits, begin=1, end=2, length=length)


@exercise("12.11")
def test_a_row_that_has_ended(check, draw):
    """What a row says behind its end is not part of it; the others go on."""
    logits = table(draw, count=2)
    logits[0, :, 2] = 50
    logits[1, :, 2] = -50
    check("word_for_word", table=logits, begin=1, end=2, length=5)


@exercise("12.12")
@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("width, length", [(1, 6), (2, 7), (3, 5), (4, 8)])
def test_beams(check, draw, width, length, penalty):
    """Tokens, scores and calls of several sentences: the same as of each by itself."""
    check(
        "with_beams",
        table=table(draw, end=1.0),
        begin=1,
        end=2,
        length=length,
        width=width,
        penalty=penalty,
        terms=60,
    )


@exercise("12.12")
@pytest.mark.parametrize("end", [-40.0, 3.0, 40.0])
def test_long_and_short(check, draw, end):
    """Sentences that never end, soon end, end at once; by default the score is a mean."""
    logits = table(draw, count=3, end=end)
    logits[1, (1 + 1) % 17, 2] = -50  # one does not end behind the beginning
    check(
        "with_beams",
        table=logits,
        begin=1,
        end=2,
        length=6,
        width=3,
        penalty=None,
        terms=60,
        scale=60,
    )


@exercise("12.12")
@pytest.mark.parametrize("length", [1, 2])
def test_more_beams_than_tokens(check, draw, length):
    """Two tokens and the end: at first there are not as many continuations as beams."""
    logits = table(draw, count=3, size=3, spread=1.0)
    found = {"begin": 1, "end": 2, "length": length, "width": 4, "penalty": 0.5}
    check("with_beams", table=logits, **found, terms=60)


@exercise("12.12")
def test_nothing_else_is_possible(check, draw):
    """A sentence whose only token is the end, beside one that may say anything."""
    logits = table(draw, count=2)
    logits[0, :, [0, 1, 3, 4, 5]] = -np.inf
    check("with_beams", table=logits, begin=1, end=2, length=4, width=1, penalty=1.0, terms=60)


@exercise("12.12")
def test_ends_that_nobody_expects(check, draw):
    """A probability of exp(-150) is no float32; its logarithm is a number like others."""
    logits = table(draw, count=2, size=3, spread=1.0, end=-150.0)
    logits[..., 1] -= 1000
    found = {"begin": 1, "end": 2, "length": 6, "width": 2, "penalty": 1.0}
    check("with_beams", table=logits, **found, terms=60, scale=150)


def best_of_all(logits, begin, end, length, penalty):
    """The best of all sentences of one model, by trying each."""

    def behind(history, score, tokens):
        row = logits[history].astype(float)
        log_p = row - np.log(np.exp(row - row.max()).sum()) - row.max()
        for token, p in enumerate(log_p):
            n = len(tokens) + 1
            if token == end:
                yield (score + p) / n**penalty, tokens
            elif n == length:
                yield (score + p) / n**penalty, [*tokens, token]
            else:
                after = (3 * history + token + 1) % len(logits)
                yield from behind(after, score + p, [*tokens, token])

    return max(behind((begin + 1) % len(logits), 0.0, []))


@exercise("12.12")
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_as_many_beams_as_there_are_sentences(probe, draw, penalty):
    """The best of all that are possible."""
    logits = table(draw, count=3, size=4, spread=1.0)
    found = probe("with_beams", table=logits, begin=1, end=2, length=4, width=130, penalty=penalty)
    for i in range(3):
        score, tokens = best_of_all(logits[i], 1, 2, 4, penalty)
        assert found["tokens"][i] == tokens
        assert agree(found["scores"][i], np.array(score), terms=400)


@exercise("12.12")
def test_no_beam(check, probe, draw):
    """Width and length below 1."""
    common = {"table": table(draw), "begin": 1, "end": 2, "penalty": 1.0}
    assert len(probe("with_beams", **common, length=1, width=1)["tokens"]) == 4
    for length, width in ((0, 1), (1, 0), (2, -1)):
        check.raises(
            "with_beams",
            "ValueError",
            match="width" if width < 1 else "length",
            **common,
            length=length,
            width=width,
        )


@exercise("12.13")
@pytest.mark.parametrize(
    "words, human",
    [
        ("the the the the the", "the cat is on the mat"),
        ("a b c d a b c d", "a b c d e a b c"),
        ("a b", "a b c"),
        ("a b a b a b", "b a b a"),
        ("a bc ab c", "ab c a bc"),
        ("x", "y"),
    ],
)
def test_runs_that_match(check, probe, words, human):
    """At most as often as the reference has them; a sentence shorter than a run has none."""
    assert probe("matching", words=["a"], human=["a"])["found"][0] == [1, 1]
    check("matching", words=words.split(), human=human.split())


CORPUS = {
    "good": (["the cat sat on the mat", "a dog runs"], ["the cat sat on a mat", "the dog runs"]),
    "short": (["the cat sat on", "a dog"], ["the cat sat on the mat today", "a dog runs fast"]),
    "long": (["the cat sat on the mat and on the dog"], ["the cat sat on the mat"]),
    "one sentence without four words": (
        ["a dog", "one two three four five"],
        ["a dog", "one two three four six"],
    ),
    "no run of four": (["the cat is on a mat", "b c d"], ["the cat sat on a mat", "b c d e"]),
    "no run of three or four": (["a x b y c z"], ["a x c b y z"]),
    "perfect": (["one two three four"], ["one two three four"]),
    "three words at most": (["one two three", "one"], ["one two three", "one"]),
    "one of one run of four": (["a b c x"], ["a b c d"]),
    "one word right": (["one x three y"], ["one b c d"]),
    "far too long": ([" ".join(["a b c d", *["z"] * 400])], ["a b c d"]),
    "nothing said at all": (["", ""], ["a b", "c"]),
    "nothing right": (["x y z w"], ["one two three four"]),
    "nothing said": (["", "one two three four five"], ["one two", "one two three four five"]),
}


@exercise("12.13")
@pytest.mark.parametrize("name", CORPUS)
def test_bleu(check, probe, name):
    """Score, precisions, brevity and lengths of a corpus."""
    assert probe("corpus_bleu", translations=["a b c d"], references=["a b c d"])["brevity"] == 1
    translations, references = CORPUS[name]
    check("corpus_bleu", translations=translations, references=references, terms=16, scale=100)


@exercise("12.13")
def test_bleu_of_words_and_signs(probe):
    """Signs are words of their own, case counts. (sacreBLEU 2.6 finds 35.65249.)"""
    translations = ["Ein Mann, der läuft.", "Zwei Hunde rennen durch das Gras."]
    references = ["Ein Mann , der rennt.", "Zwei hunde rennen durch das hohe Gras."]
    found = probe("corpus_bleu", translations=translations, references=references)
    assert found["lengths"] == [13, 14]
    assert abs(found["score"] - 35.65249) < 1e-4


@exercise("12.13")
@pytest.mark.parametrize("translations, references", [([], []), (["a"], []), (["a"], ["a", "b"])])
def test_no_corpus(check, probe, translations, references):
    """One reference for each translation, and at least one."""
    assert probe("corpus_bleu", translations=["a b c d"], references=["a b c d"])["score"] > 99
    check.raises(
        "corpus_bleu",
        "ValueError",
        match="reference",
        translations=translations,
        references=references,
    )


WORDS = [f"w{i}" for i in range(8)]
# Token 3 + i is word i. Each word is translated by another one, the end by the end, and padding by
# words that nobody asked for.
SAYS = [3, 2, 2, 5, 6, 7, 8, 9, 10, 3, 4]
STUMBLE = 9


def texts(draw, count):
    """Texts of unequal length; some have the word behind which the model stumbles."""
    lengths = draw.integers(count, low=1, high=7).tolist()
    return [" ".join(WORDS[i] for i in draw.integers(n, low=0, high=7)) for n in lengths]


@exercise("12.14")
@pytest.mark.parametrize("options", [{}, {"batch": 5}, {"batch": 4, "length": 3}], ids=str)
def test_what_it_says(check, draw, options):
    """In the order of the sources, ``batch`` at a time, at most ``length`` tokens. The ten texts
    are two whole batches, or leave some over."""
    sources = ["w1 w2 w3 w1 w5", "w0", *texts(draw, 8)]
    check("said", words=WORDS, table=SAYS, stumble=STUMBLE, sources=sources, options=options)


@exercise("12.14")
def test_what_beams_say(probe, draw):
    """Several beams prefer to end here; with a penalty of 3 they say more than without."""
    common = {"words": WORDS, "table": SAYS, "stumble": STUMBLE, "sources": ["w1 w2", "w0 w1 w2"]}
    plain = probe("said", **common, options={"width": 1})["texts"]
    assert plain == ["w3 w4", "w2 w3 w4"]
    short = probe("said", **common, options={"width": 2, "penalty": 0.0})["texts"]
    long = probe("said", **common, options={"width": 2, "penalty": 3.0})["texts"]
    assert sum(map(len, short)) < sum(map(len, long))
    assert all(long), f"a sentence was not translated: {long}"


@exercise("12.14")
@pytest.mark.parametrize("options", [{}, {"length": 2}, {"length": 3, "batch": 2}], ids=str)
def test_bleu_of_what_it_says(check, draw, options):
    """A model that goes wrong is not led back by the reference, and texts are compared; all options
    count."""
    sources = ["w1 w2 w3 w1 w5 w0", "w0 w1 w2 w0", "w4 w2 w0 w1", *texts(draw, 6)]
    references = [" ".join(WORDS[(int(w[1]) + 2) % 8] for w in s.split()) for s in sources]
    check(
        "scored",
        words=WORDS,
        table=SAYS,
        stumble=STUMBLE,
        sources=sources,
        references=references,
        options=options,
        terms=16,
        scale=100,
    )


@exercise("12.15")
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_mean(check, draw, dtype):
    """Of each weight, in the dtype in which it is stored, and summed in float32."""
    kind = draw.normal(1, dtype=dtype).dtype
    checkpoints = [
        {
            "a.weight": (900 + draw.normal(3, 4)).astype(kind),
            "b": (1e4 + 1e3 * draw.normal(5)).astype(kind),
        }
        for _ in range(9)
    ]
    check("mean_of_files", checkpoints=checkpoints, terms=9)


@exercise("12.15")
def test_one_file(check, probe, draw):
    """One checkpoint is its own mean; each weight keeps its dtype."""
    check("mean_of_files", checkpoints=[{"w": draw.normal(2, 3, dtype="float16")}])
    mixed = {"w": draw.normal(2, dtype="float16"), "b": draw.normal(3)}
    mean = probe("mean_of_files", checkpoints=[mixed, mixed])["mean"]
    assert mean["w"].dtype == np.float16 and mean["b"].dtype == np.float32


@exercise("12.15")
def test_files_that_do_not_fit(check, probe, draw):
    """Another name, another shape, one more; no file at all. The message names the file."""
    good = {"w": draw.normal(2, 3), "b": draw.normal(3)}
    assert probe("mean_of_files", checkpoints=[good, good])["mean"]["w"].any()
    for wrong in (
        {"w": good["w"], "c": good["b"]},
        {"w": good["w"].T, "b": good["b"]},
        {"w": good["w"]},
        {**good, "c": good["b"]},
    ):
        found = {"checkpoints": [good, wrong, good]}
        check.raises("mean_of_files", "ValueError", match="other", **found)
        assert probe("blamed_file", **found)["blamed"] in ([1], [0, 1])
    check.raises("mean_of_files", "ValueError", match="no file", checkpoints=[])


@exercise("12.15")
def test_memory_of_a_mean(probe):
    """Twelve files, but never the half of them at once."""
    found = probe("memory_of_files", count=12, size=100_000)
    assert found["mean"].tolist() == [5.5] * 3
    assert found["models"] < 6, f"{found['models']} models were in memory at once"
