"""Judges of 12.16 to 12.20: names of published weights, Llama's attention, filters, speculation,
adapters."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


def gpt2_weights(draw, front="transformer.", head=True):
    """Weights of one layer as they are published: square matrices among them."""
    shapes = {
        "wte.weight": (7, 4),
        "wpe.weight": (4, 4),
        "h.0.ln_1.weight": (4,),
        "h.0.ln_1.bias": (4,),
        "h.0.attn.bias": (1, 1, 6, 6),
        "h.0.attn.masked_bias": (1,),
        "h.0.attn.c_attn.weight": (4, 12),
        "h.0.attn.c_attn.bias": (12,),
        "h.0.attn.c_proj.weight": (4, 4),
        "h.0.attn.c_proj.bias": (4,),
        "h.0.mlp.c_fc.weight": (4, 16),
        "h.0.mlp.c_fc.bias": (16,),
        "h.0.mlp.c_proj.weight": (16, 4),
        "h.0.mlp.c_proj.bias": (4,),
        "ln_f.weight": (4,),
        "ln_f.bias": (4,),
    }
    found = {f"{front}{name}": draw.normal(*shape) for name, shape in shapes.items()}
    return {**found, **({"lm_head.weight": draw.normal(7, 4)} if head else {})}


@exercise("12.16")
@pytest.mark.parametrize("kind", ["gelu_new", "gelu", "relu"])
def test_the_activation_that_was_meant(check, draw, kind):
    """As the configuration names it: gelu_new is the one with tanh, and they differ by 0.0005.

    A layer of half precision stays one.
    """
    weights = {
        "c_fc.weight": draw.normal(12, 3),
        "c_fc.bias": draw.normal(12),
        "c_proj.weight": draw.normal(3, 12),
        "c_proj.bias": draw.normal(3),
    }
    g = draw.normal(4, 5, 3)
    check("fed_forward", weights=weights, x=draw.normal(4, 5, 3), kind=kind, g=g, terms=60)
    half = {name: weight.astype(np.float16) for name, weight in weights.items()}
    x, g = draw.normal(4, 5, 3, dtype="float16"), g.astype(np.float16)
    check("fed_forward", weights=half, x=x, kind=kind, g=g, terms=60, scale=8.0)


@exercise("12.16")
@pytest.mark.parametrize("front", ["transformer.", ""])
@pytest.mark.parametrize("head", [True, False])
def test_names_of_gpt2(check, draw, front, head):
    """Matrices transposed, square ones, too; masks and the head left out; biases kept."""
    check("renamed", weights=gpt2_weights(draw, front, head))


@exercise("12.16")
def test_weights_that_fit(check, draw):
    """Every name, every shape."""
    own = {"a": draw.normal(2, 3), "b": draw.normal(3)}
    check("fits", own=own, found={"b": draw.normal(3), "a": draw.normal(2, 3)})


CHANGES = {
    "one missing": ({"beta.b": None}, ["missing", "beta.b"]),
    "one more": ({"zeta": (2,)}, ["unexpected", "zeta"]),
    "on its side": ({"alpha.w": (3, 2)}, ["shape", "alpha.w"]),
    "missing and more": (
        {"beta.b": None, "zeta": (2,)},
        ["missing", "unexpected", "beta.b", "zeta"],
    ),
    "more and shape": ({"alpha.w": (9,), "zeta": (2,)}, ["unexpected", "shape", "alpha.w", "zeta"]),
    "two missing and shape": (
        {"beta.b": None, "gamma": None, "alpha.w": (1,)},
        ["missing", "shape", "alpha.w", "beta.b", "gamma"],
    ),
}


@exercise("12.16")
@pytest.mark.parametrize("name", CHANGES)
def test_weights_that_do_not_fit(check, probe, draw, name):
    """All that is wrong is told at once: which kinds of mistakes, and the names."""
    change, words = CHANGES[name]
    own = {"alpha.w": draw.normal(2, 3), "beta.b": draw.normal(3), "gamma": draw.normal(1)}
    assert probe("fits", own=own, found=own)["weights"]["alpha.w"].any()
    found = {**own, **{n: shape and draw.normal(*shape) for n, shape in change.items()}}
    found = {n: weight for n, weight in found.items() if weight is not None}
    check.raises("fits", "ValueError", own=own, found=found)
    assert probe("complaint", own=own, found=found)["told"] == words


def config_of(**changes):
    found = {
        "vocab_size": 9,
        "hidden_size": 8,
        "intermediate_size": 12,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 6,
        "rms_norm_eps": 1e-5,
        "rope_theta": 100.0,
    }
    return {**found, **changes}


def llama_weights(draw, config):
    heads, few, size, dims = (
        config[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim", "hidden_size")
    )
    found = {}
    for name, count in (("q", heads), ("k", few), ("v", few)):
        found[f"{name}_proj.weight"] = 0.5 * draw.normal(count * size, dims)
        if config.get("query_key_value_bias"):
            found[f"{name}_proj.bias"] = draw.normal(count * size)
        if config.get("query_key_norm") and name != "v":
            found[f"{name}_norm.weight"] = 1 + 0.3 * draw.normal(size)
    found["o_proj.weight"] = 0.5 * draw.normal(dims, heads * size)
    return {name: w.astype(np.float32) for name, w in found.items()}


@exercise("12.17")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_key_value_heads": 4},
        {"num_key_value_heads": 1},
        {"query_key_value_bias": True},
        {"query_key_norm": True},
    ],
    ids=["two", "as many", "one", "biases", "norms"],
)
def test_attention_of_a_llama(check, draw, changes):
    """Fewer heads of keys, rotations, biases or norms: values, and gradients of all weights."""
    config = config_of(**changes)
    check(
        "llama_attention",
        weights=llama_weights(draw, config),
        config=config,
        x=draw.normal(2, 5, 8),
        split=None,
        padding=None,
        g=draw.normal(2, 5, 8),
        terms=200,
    )


@exercise("12.17")
@pytest.mark.parametrize("split", [[3], [1, 2, 3, 4], [2, 4]], ids=str)
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_attention_with_a_cache(check, draw, split, padded):
    """In pieces as in one; texts that begin later have their first word at position 0."""
    config = config_of(query_key_norm=True)
    # Places of padding hold nothing that anybody asks.
    padding = np.array([0, 2], np.int32) if padded else None
    g = draw.normal(2, 5, 8)
    if padded:
        g[1, :2] = 0
    check(
        "llama_attention",
        weights=llama_weights(draw, config),
        config=config,
        x=draw.normal(2, 5, 8),
        split=split,
        padding=padding,
        g=g,
        terms=200,
    )


@exercise("12.17")
def test_attention_in_half_precision(check, draw):
    """A model of half precision stays one."""
    config = config_of()
    weights = {name: w.astype(np.float16) for name, w in llama_weights(draw, config).items()}
    x, g = draw.normal(1, 4, 8, dtype="float16"), draw.normal(1, 4, 8, dtype="float16")
    check("llama_attention", weights=weights, config=config, x=x, split=None, padding=None, g=g,
          terms=200, scale=8.0)  # fmt: skip


@exercise("12.17")
@pytest.mark.parametrize("padding", [None, [0, 2]], ids=["whole", "padded"])
def test_keys_in_the_cache(check, draw, padding):
    """Normalized and rotated, each once; the first word of a text that begins later is at 0."""
    config = config_of(query_key_norm=True)
    common = {"weights": llama_weights(draw, config), "config": config, "x": draw.normal(2, 5, 8)}
    padding = None if padding is None else np.array(padding, np.int32)
    check("llama_keys", **common, split=[1, 3], padding=padding, terms=16, scale=4.0)


@exercise("12.17")
def test_keys_that_are_shared_are_not_copied(check, draw):
    """Sixteen heads ask the keys of two: one more token takes no eight copies of them."""
    config = config_of(num_attention_heads=16, num_key_value_heads=2, head_dim=32)
    check("llama_cost", weights=llama_weights(draw, config), config=config,
          x=draw.normal(1, 250, 8), more=draw.normal(1, 1, 8), terms=250, scale=8.0)  # fmt: skip


@exercise("12.17")
@pytest.mark.parametrize(
    "heads, size, rest", [(1, 6, (3,)), (2, 4, (3,)), (3, 8, ()), (2, 2, (2,))]
)
def test_rows_of_a_gguf(check, draw, heads, size, rest):
    """Of each head the first ones of all pairs, then the second ones; also of a bias."""
    check("rows_in_order", weight=draw.normal(heads * size, *rest), heads=heads)


@exercise("12.17")
def test_rows_that_are_no_pairs(check, probe, draw):
    """Three rows for each head, or no head."""
    assert probe("rows_in_order", weight=draw.normal(4, 2), heads=2)["weight"].any()
    for rows, heads in ((6, 2), (5, 1), (4, 0), (4, 4), (4, -1)):
        check.raises(
            "rows_in_order",
            "ValueError",
            match="heads",
            weight=draw.normal(rows, 2),
            heads=heads,
        )


@exercise("12.18")
@pytest.mark.parametrize("p", [0.02, 0.3, 1.0])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_least_share(check, draw, p, dtype):
    """Relative to the best of each row, whatever is added to all logits of a row."""
    logits = (2 * draw.normal(3, 4, 9) + np.array([-30, 0, 30, 3])[:, None]).astype(dtype)
    check("least_share", logits=logits, p=p)


@exercise("12.18")
def test_a_share_that_is_just_reached(check, probe):
    """A token as probable as the best stays with p = 1; shares outside of (0, 1] are errors."""
    logits = np.array([[1.5, 1.5, 1.0], [-2.0, -4.0, -2.0]], np.float32)
    check("least_share", logits=logits, p=1.0)
    assert probe("least_share", logits=logits, p=1e-30)["logits"].tolist() == logits.tolist()
    for wrong in (0.0, -0.5, 1.5):
        check.raises("least_share", "ValueError", match="min_p", logits=logits, p=wrong)


@exercise("12.18")
@pytest.mark.parametrize("penalty", [1.3, 0.5, 1.0])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_said_before(check, draw, penalty, dtype):
    """Positive and negative logits, tokens that came several times, rows by themselves."""
    seen = draw.integers(3, 6, low=0, high=7)
    seen[0] = 2
    check("penalized", logits=draw.normal(3, 7, dtype=dtype), seen=seen, penalty=penalty)


@exercise("12.18")
def test_no_penalty(check, probe, draw):
    """A penalty of 0 or below."""
    common = {"logits": draw.normal(1, 4), "seen": np.array([[1]], np.int32)}
    assert probe("penalized", **common, penalty=2.0)["logits"].any()
    for wrong in (0.0, -1.0):
        check.raises("penalized", "ValueError", match="penalty", **common, penalty=wrong)


# The large model has more than the small one of one token only, so the token is known.
P = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [1.0, 0.0, 0.0]], np.float32)
Q = np.array([[0.6, 0.1, 0.3], [0.2, 0.3, 0.5], [0.5, 0.4, 0.1]], np.float32)


@exercise("12.19")
@pytest.mark.parametrize("proposed", [[0, 2, 1], [1, 1, 2], [0, 0, 0], [2, 0, 1]], ids=str)
def test_how_many_are_accepted(check, draw, proposed):
    """Each with the ratio of p to q, up to the first refusal; then what p has more than q."""
    uniform = np.concatenate(
        [
            draw.uniform(12, 3),
            np.array([[0.0, 0.0, 0.0], [0.999, 0, 0], [0, 0.999, 0], [0, 0, 0.999]]),
            np.array([[0.1, 0.999, 0.0], [0.82, 0.1, 0.7], [0.84, 0.1, 0.7], [0.6, 0.6, 0.6]]),
        ]
    ).astype(np.float32)
    check("judged", p=P, q=Q, proposed=np.array(proposed, np.int32), uniform=uniform)


@exercise("12.19")
def test_what_the_large_model_never_says(check):
    """A ratio of 0 is never accepted, not even with the number 0."""
    p, q = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32), np.array([[0.7, 0.3]], np.float32)
    uniform = np.array([[0.0], [1e-30], [0.5]], np.float32)
    check("judged", p=p, q=q, proposed=np.array([0], np.int32), uniform=uniform)


@exercise("12.19")
def test_a_number_for_each_proposal(probe, draw):
    """With one number for all, a proposal that follows a lucky one would be lucky, too."""
    inputs = {**chains(draw), "prompt": [1, 0], "ahead": 3, "seed": draw.seed()}
    assert set(probe("speculated", **inputs, count=20)["numbers drawn"]) == {3}


@exercise("12.19")
def test_a_key(probe):
    """The same key, the same token."""
    p = np.full((2, 50), 0.02, np.float32)
    found = [
        probe(
            "keyed",
            p=p,
            q=p[:1],
            proposed=np.array([3], np.int32),
            uniform=np.array([u], np.float32),
            seed=4,
        )
        for u in (0.0, 0.5)
    ]
    assert all(f["same"] and f["passed"] == 1 for f in found)


def chi_square(counts, chances):
    expected = np.sum(counts) * np.asarray(chances)
    return float((np.square(np.asarray(counts) - expected) / expected).sum())


@exercise("12.19")
def test_the_distribution_of_one_token(probe, draw):
    """After a proposal by q a token is distributed as by p.

    The chi-square statistic of 4 classes is above 33 once in 3 million runs.
    """
    p = np.array([[0.45, 0.3, 0.2, 0.05], [0.25] * 4], np.float32)
    q = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
    counts = probe("judged_often", p=p, q=q, draws=1500, seed=draw.seed())["counts"]
    assert sum(counts) == 1500
    found = chi_square(counts, p[0])
    assert found < 33, f"{counts} of 1500 for probabilities {p[0].tolist()}: chi-square {found:.0f}"


def chains(draw, size=4):
    """Logits of two models that know the last token."""
    target = 1.2 * draw.normal(size, size)
    return {
        "target": target,
        "draft": (0.7 * target + 0.5 * draw.normal(size, size)).astype(np.float32),
    }


@exercise("12.19")
@pytest.mark.parametrize("ahead", [1, 2, 4])
def test_what_the_caches_hold(probe, draw, ahead):
    """Only tokens of the text, whatever was refused; and nothing is read again and again."""
    found = probe(
        "speculated",
        **chains(draw),
        prompt=[1, 0, 2][: ahead + 1],
        ahead=ahead,
        count=60,
        seed=draw.seed(),
    )
    assert found["wrong places in the caches"] == [0] * 4, "a cache holds tokens that were refused"
    assert max(found["read"]) <= 2 + 60 * (ahead + 1), "tokens were read again"
    assert len(found["text"]) == 60 + min(ahead + 1, 3)


@exercise("12.19")
def test_a_temperature_of_both(probe, draw):
    """Near 0 the text is that of the most probable tokens of the large model, whatever the small
    one says."""
    inputs = {**chains(draw), "prompt": [1, 3], "ahead": 3, "seed": draw.seed()}
    text = probe("speculated", **inputs, count=12, temperature=1e-3)["text"]
    best = inputs["target"].argmax(axis=1)
    for before, token in zip(text[1:], text[2:], strict=False):
        assert token == best[before], f"behind {before} stands {token}, the best is {best[before]}"


@exercise("12.19")
def test_a_prompt_of_one_token(probe, draw):
    """Nothing to read in front; the same model twice, and every proposal is accepted."""
    table = chains(draw)["target"]
    found = probe(
        "speculated", target=table, draft=table, prompt=[2], ahead=3, count=40, seed=draw.seed()
    )
    # Ten rounds of four tokens: three proposals and the one behind them.
    assert found["wrong places in the caches"] == [0] * 4
    assert found["read"] == [40, 40, 39, 39] and len(found["text"]) == 41


@exercise("12.19")
def test_the_distribution_of_a_text(probe, draw):
    """Tokens follow each other as the large model has it, by a small one that has it otherwise.

    Three degrees of freedom for each of three tokens: above 48 once in 4 million runs.
    """
    target = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.3, 0.1, 0.6]])
    draft = np.array([[0.5, 0.2, 0.3], [0.3, 0.3, 0.4], [0.2, 0.6, 0.2]])
    text = probe(
        "speculated",
        target=np.log(target).astype(np.float32),
        draft=np.log(draft).astype(np.float32),
        prompt=[0],
        ahead=3,
        count=800,
        seed=draw.seed(),
    )["text"]
    counts = np.zeros((3, 3))
    for a, b in zip(text, text[1:], strict=False):
        counts[a, b] += 1
    found = sum(chi_square(row, chances) for row, chances in zip(counts, target, strict=True))
    assert found < 48, f"after each token came {counts.tolist()}: chi-square {found:.0f}"


@exercise("12.20")
@pytest.mark.parametrize("rank, alpha", [(2, 2.0), (3, 12.0), (1, 0.5)])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "plain"])
def test_beside_a_layer(check, draw, rank, alpha, bias):
    """Output, gradients, what is trainable, and the one layer that computes the same."""
    check(
        "adapted",
        weight=draw.normal(5, 4),
        bias=draw.normal(5) if bias else None,
        a=draw.normal(4, rank),
        b=draw.normal(rank, 5),
        rank=rank,
        alpha=alpha,
        x=draw.normal(3, 2, 4),
        g=draw.normal(3, 2, 5),
        terms=40,
    )


@exercise("12.20")
def test_the_narrow_way_stays_narrow(check, draw):
    """The product of both matrices is as large as the matrix that is saved: nobody makes it."""
    check("adapted_cost", x=draw.normal(1, 900), a=draw.normal(900, 2), b=draw.normal(2, 900),
          terms=900, scale=100.0)  # fmt: skip


@exercise("12.20")
def test_beside_a_layer_in_half_precision(probe, draw):
    """The output has the dtype of the layer, and so has the layer it merges into."""
    found = probe(
        "adapted",
        weight=draw.normal(5, 4, dtype="float16"),
        bias=draw.normal(5, dtype="float16"),
        a=draw.normal(4, 2),
        b=draw.normal(2, 5),
        rank=2,
        alpha=4.0,
        x=draw.normal(3, 4, dtype="float16"),
        g=draw.normal(3, 5, dtype="float16"),
    )
    assert found["outputs"][0].dtype == found["merged"].dtype == np.float16
    assert found["outputs"][0].any()


@exercise("12.20")
def test_how_it_begins(probe, draw):
    """As the layer, bit for bit; A even between two bounds, B zero.

    The mean and the mean square of 4800 such numbers lie where asked but once in a million runs.
    """
    found = probe("started", inputs=600, outputs=7, rank=8, alpha=24.0, seed=draw.seed())
    assert found["shapes"] == [[600, 8], [8, 7]] and found["unchanged"] and not found["b"].any()
    assert found["scale"] == 3
    assert -1 <= found["least"] < -0.98 and 0.98 < found["greatest"] <= 1
    assert abs(found["mean"]) < 5 * (1 / 3 / 4800) ** 0.5
    assert abs(found["square"] - 1 / 3) < 5 * (4 / 45 / 4800) ** 0.5


@exercise("12.20")
def test_dropping_beside_a_layer(probe, draw):
    """Inputs of the narrow way are dropped, each by itself: many sums, the same for all outputs."""
    found = probe(
        "adapted_in_training", inputs=10, outputs=3, rank=2, dropout=0.5, seed=draw.seed()
    )
    assert agree(found["even"], np.zeros((40, 3)), terms=10)
    assert found["kinds"] > 10, f"40 rows have {found['kinds']} different sums"


@exercise("12.20")
def test_no_rank(check, probe):
    """A rank below 1."""
    assert probe("wrong_rank", rank=1)["fine"]
    for wrong in (0, -2):
        check.raises("wrong_rank", "ValueError", match="rank", rank=wrong)
