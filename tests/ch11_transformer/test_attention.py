"""Judges of 11.1 to 11.7: scores, masks, heads."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


def table(draw, *shape, share=0.5):
    """Truth values; each row has one that is true, and one that is not."""
    found = draw.uniform(*shape) > share
    found[..., 0] = True
    found[..., -1] = False
    return found


def shares_of(q, k, mask=None):
    """The softmax of scaled scores."""
    scores = q @ k.T / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype(np.float32)


@exercise("11.1")
@pytest.mark.parametrize("entries,dims", [(5, 4), (3, 16), (1, 3), (6, 1)])
def test_a_question(check, draw, entries, dims):
    """Also with one entry, and with one feature."""
    arrays = {"query": draw.normal(dims), "keys": draw.normal(entries, dims)}
    check("looked_up", **arrays, values=draw.normal(entries, 3), terms=dims + entries)


@exercise("11.1")
def test_a_question_with_large_scores(check, draw):
    """Exponentials of the scores themselves would overflow."""
    arrays = {"query": 300 * draw.normal(8), "keys": draw.normal(6, 8)}
    check("looked_up", **arrays, values=draw.normal(6, 3), terms=8, scale=1000.0)


@exercise("11.1")
def test_a_question_in_half_precision(check, draw):
    """The dtype of the inputs is that of the answer."""
    x = {name: draw.normal(*s, dtype="float16") for name, s in (("query", (4,)), ("keys", (5, 4)))}
    check("looked_up", **x, values=draw.normal(5, 3, dtype="float16"), terms=8, scale=4.0)


@exercise("11.1")
def test_nobody_to_ask(check, draw):
    """An error with no entry, an answer with one."""
    check.raises(
        "looked_up",
        "ValueError",
        match="entry",
        query=draw.normal(4),
        keys=np.zeros((0, 4), np.float32),
        values=np.zeros((0, 3), np.float32),
    )
    check("looked_up", query=draw.normal(4), keys=draw.normal(1, 4), values=draw.normal(1, 3))


@exercise("11.1")
@pytest.mark.parametrize("masked", [False, True], ids=["all", "some"])
@pytest.mark.parametrize("sizes", [(4, 6, 3, 2), (1, 5, 4, 4), (5, 3, 2, 6)], ids=str)
def test_many_questions(check, draw, sizes, masked):
    """Who may not be asked gets a share of 0, and the others sum to 1."""
    queries, keys, dims, width = sizes
    mask = table(draw, queries, keys) if masked else None
    arrays = {"q": draw.normal(queries, dims), "k": draw.normal(keys, dims)}
    check("attended", **arrays, v=draw.normal(keys, width), mask=mask, terms=dims + keys)


@exercise("11.1")
def test_many_questions_with_large_scores(check, draw):
    """Each row has its own largest score; one of them is far below the others."""
    q = draw.normal(4, 8) * np.array([[80.0], [80], [1], [80]], np.float32)
    mask = table(draw, 4, 6)
    k, v = draw.normal(6, 8), draw.normal(6, 3)
    check("attended", q=q, k=k, v=v, mask=mask, terms=8, scale=100.0)
    check("attended", q=q, k=k, v=v, mask=None, terms=8, scale=100.0)


@exercise("11.1")
def test_many_questions_in_half_precision(check, draw):
    """The dtype of the inputs is that of the answers."""
    q, k, v = (draw.normal(4, 3, dtype="float16") for _ in range(3))
    check("attended", q=q, k=k, v=v, mask=None, terms=8, scale=4.0)


@exercise("11.2")
def test_the_way_back_in_half_precision(check, draw):
    """The dtype of the inputs is that of their gradients."""
    g, q, k, v = (draw.normal(3, 4, dtype="float16") for _ in range(4))
    shares = shares_of(q.astype(np.float32), k.astype(np.float32)).astype(np.float16)
    check("attend_slope", g=g, q=q, k=k, v=v, shares=shares, terms=20, scale=8.0)


@exercise("11.2")
@pytest.mark.parametrize("masked", [False, True], ids=["all", "some"])
@pytest.mark.parametrize("sizes", [(4, 6, 3, 2), (1, 5, 4, 4), (5, 3, 2, 6)], ids=str)
def test_the_way_back(check, draw, sizes, masked):
    """The gradients of queries, keys and values under a random cotangent."""
    queries, keys, dims, width = sizes
    q, k = draw.normal(queries, dims), draw.normal(keys, dims)
    shares = shares_of(q, k, table(draw, queries, keys) if masked else None)
    arrays = {"g": draw.normal(queries, width), "q": q, "k": k, "v": draw.normal(keys, width)}
    check("attend_slope", **arrays, shares=shares, terms=keys * dims, scale=8.0)


# Masks


@exercise("11.3")
@pytest.mark.parametrize("sizes", [(4, 4), (2, 5), (1, 6), (5, 2), (3, 1)], ids=str)
def test_no_look_ahead(check, sizes):
    """The last query stands at the last key, also where queries are fewer, or more."""
    check("causal", queries=sizes[0], keys=sizes[1])


@exercise("11.3")
@pytest.mark.parametrize("lengths", [[3, 5, 1], [4], [5, 0]], ids=str)
def test_only_keys_that_exist(check, lengths):
    """One row for each example, the same for all heads and queries."""
    check("padding", lengths=np.array(lengths, np.int32), keys=5)


def numbers(draw, *shape):
    """A mask of numbers, minus infinity in places."""
    return np.where(table(draw, *shape), draw.normal(*shape), -np.inf).astype(np.float32)


@exercise("11.4")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_hidden_scores(check, draw, dtype):
    """Truth values, true at keys that may be asked; the scores stay finite in their dtype."""
    scores, g = (4 * draw.normal(2, 3, 4, 5, dtype=dtype) for _ in range(2))
    mask = table(draw, 2, 1, 4, 5)
    check("hidden", scores=scores, mask=mask, g=g, learned=False, terms=5, scale=4.0)


@exercise("11.4")
def test_very_low_scores_are_heard(check, draw):
    """Where all that may be asked have low scores, those that may not still get nothing."""
    scores = draw.normal(1, 1, 3, 4) - np.float32(2e4)
    check("hidden", scores=scores, mask=table(draw, 3, 4), g=draw.normal(1, 1, 3, 4), learned=False,
          terms=5, scale=2e4)  # fmt: skip


@exercise("11.4")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_added_masks(check, draw, dtype):
    """Numbers are added as they are; minus infinity hides."""
    scores, g = draw.normal(2, 3, 4, 5, dtype=dtype), draw.normal(2, 3, 4, 5, dtype=dtype)
    mask = numbers(draw, 3, 4, 5).astype(dtype)
    check("hidden", scores=scores, mask=mask, g=g, learned=True, terms=15, scale=8.0)


@exercise("11.4")
def test_an_added_mask_of_another_dtype(probe, draw):
    """The scores keep theirs."""
    scores, g = draw.normal(1, 2, 3, 4, dtype="float16"), draw.normal(1, 2, 3, 4, dtype="float16")
    mask = numbers(draw, 3, 4)
    weights = probe("hidden", scores=scores, mask=mask, g=g, learned=False)["outputs"][0]
    e = np.exp(scores.astype(np.float64) + mask)
    assert weights.dtype == np.float16
    assert agree(weights, e / e.sum(-1, keepdims=True), dtype="float16")


@exercise("11.4")
def test_low_scores_under_an_added_mask(check, draw):
    """The least number of float16 minus 40 is minus infinity: the mask has to be cut before."""
    scores = (40 * draw.normal(1, 2, 3, 4) - 60).astype(np.float16)
    g = draw.normal(1, 2, 3, 4, dtype="float16")
    mask = np.zeros((1, 2, 3, 4), np.float16)
    mask[..., 1:] = -np.inf
    check("hidden", scores=scores, mask=mask, g=g, learned=False, terms=5, scale=4.0)


@exercise("11.4")
@pytest.mark.parametrize("kind", ["truth", "numbers", "numbers for all", "key by key"])
def test_rows_that_may_ask_nobody(check, draw, kind):
    """They get 0, and neither they nor anybody else gets a gradient from it."""
    shape = (2, 1, 1, 5) if kind == "key by key" else (4, 5)
    mask = numbers(draw, *shape) if "numbers" in kind else table(draw, *shape)
    if "numbers" in kind:
        mask[1] = -np.inf
        mask[2, :] = [0, -1e30, -1e30, -1e30, 0.5]  # not infinite: such a row is not lonely
    else:
        mask[1] = False
    if kind == "numbers for all":
        mask = np.broadcast_to(mask, (2, 3, 4, 5)).copy()
    scores, v, g = draw.normal(2, 3, 4, 5), draw.normal(2, 3, 5, 2), draw.normal(2, 3, 4, 2)
    check("unheard", scores=scores, mask=mask, v=v, g=g, terms=20, scale=4.0)


@exercise("11.4")
@pytest.mark.parametrize("keys", [2, 5, 7])
@pytest.mark.parametrize("mask", [None, "causal"])
def test_queries_before_the_first_key(check, draw, mask, keys):
    """With a causal mask, and more queries than keys."""
    y = draw.normal(2, 3, 5, 2)
    check("silence", y=y, mask=mask, keys=keys, g=draw.normal(2, 3, 5, 2))
    half = y.astype(np.float16)
    check("silence", y=half, mask=mask, keys=keys, g=half)


@exercise("11.4")
def test_low_is_not_hidden(check):
    """Only minus infinity hides: a row of very negative numbers may ask, and softly does."""
    low = np.finfo(np.float32).min
    mask = [[-np.inf, -np.inf], [-1e4, -1e9], [low, low / 2], [-np.inf, low], [-1.0, -2.0]]
    check("nobody", mask=np.array(mask, np.float32))


@exercise("11.4")
def test_a_causal_mask_needs_no_table(check, draw):
    """Who stands before the first key is known by the number of the query."""
    check("silence_cost", y=draw.normal(1, 1, 2000, 2))


# Heads


@exercise("11.5")
@pytest.mark.parametrize("sizes", [(2, 5, 3, 4), (1, 1, 2, 2), (2, 3, 1, 4)], ids=str)
def test_heads_apart_and_together(check, draw, sizes):
    """Neighbouring features belong to one head."""
    batch, length, heads, width = sizes
    g = draw.normal(batch, heads, length, width)
    x = draw.normal(batch, length, heads * width)
    check("split", x=x, heads=heads, g=g)
    check("merged", x=g, g=x)
    g, x = g.astype(np.float16), x.astype(np.float16)
    check("split", x=x, heads=heads, g=g)
    check("merged", x=g, g=x)


@exercise("11.6")
@pytest.mark.parametrize("sizes", [(6, 2, 4, 5), (4, 4, 3, 3), (3, 1, 1, 6)], ids=str)
def test_heads_that_share(check, draw, sizes):
    """As many neighbouring heads of the queries have one of the keys."""
    heads, groups, queries, keys = sizes
    check(
        "grouped",
        q=draw.normal(2, heads, queries, 3),
        k=draw.normal(2, groups, keys, 3),
        v=draw.normal(2, groups, keys, 4),
        weights=draw.uniform(2, heads, queries, keys),
        g=[draw.normal(2, heads, queries, keys), draw.normal(2, heads, queries, 4)],
        terms=20,
        scale=8.0,
    )


@exercise("11.6")
def test_heads_that_share_copy_nothing(check, draw):
    """Sixteen heads ask the keys of two: what that takes is for the scores, not for copies."""
    q, k = draw.normal(1, 16, 1, 64), draw.normal(1, 2, 3000, 64)
    weights = draw.uniform(1, 16, 1, 3000) / np.float32(3000)
    check("grouped_costs", q=q, k=k, weights=weights, terms=3000, scale=400.0)


def linear(draw, rows, columns, bias, name):
    found = {f"{name}.weight": draw.normal(rows, columns) / np.float32(np.sqrt(columns))}
    return {**found, **({f"{name}.bias": draw.normal(rows)} if bias else {})}


def projections(draw, dims, sizes=(None,) * 5, bias=False, prefix=""):
    """The parameters of multi-head attention."""
    query, key, value, inner, outer = sizes
    key = key or dims
    shapes = {
        "query": (dims, query or dims),
        "key": (dims, key),
        "value": (inner or dims, value or key),
        "out": (outer or dims, inner or dims),
    }
    found = {}
    for name, (rows, columns) in shapes.items():
        found |= linear(draw, rows, columns, bias, f"{prefix}{name}_proj")
    return found


@exercise("11.7")
@pytest.mark.parametrize("bias", [False, True], ids=["", "bias"])
@pytest.mark.parametrize("sizes", [(None,) * 5, (3, 5, 7, 4, 9)], ids=["equal", "all different"])
@pytest.mark.parametrize("mask", [None, "causal", "table"])
def test_many_heads(check, draw, sizes, bias, mask):
    """The output, and the gradients of inputs and of all parameters."""
    query, key, value, _, outer = (n or 8 for n in sizes)
    if mask == "table":
        mask = table(draw, 2, 1, 5, 6)
    check(
        "multi_head",
        dims=8,
        heads=2,
        sizes=list(sizes),
        weights=projections(draw, 8, sizes, bias),
        queries=2 * draw.normal(2, 5, query),
        keys=2 * draw.normal(2, 6, key),
        values=draw.normal(2, 6, value if sizes[2] else key),
        mask=mask,
        g=draw.normal(2, 5, outer),
        terms=80,
        scale=30.0,
    )


@exercise("11.7")
def test_many_heads_in_half_precision(check, draw):
    """The dtype of inputs and weights is that of everything."""
    weights = {n: w.astype(np.float16) for n, w in projections(draw, 8).items()}
    q, x, g = (draw.normal(1, 4, 8, dtype="float16") for _ in range(3))
    check("multi_head", dims=8, heads=2, sizes=[None] * 5, weights=weights, queries=q, keys=x,
          values=x, mask=None, g=g, terms=80, scale=10.0)  # fmt: skip


@exercise("11.7")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_mask_to_be_added(check, dtype):
    """The least number of the dtype behind the diagonal, which is finite."""
    check("additive", length=4, dtype=dtype)
    check("additive", length=1, dtype=dtype)


@exercise("11.7")
def test_the_order_of_keys_does_not_matter(probe, draw):
    """Keys and values exchanged together: nothing changes. Queries exchanged: the answers are."""
    order = np.array([2, 0, 3, 1])
    given = {"dims": 6, "heads": 2, "sizes": [None] * 5, "weights": projections(draw, 6)}
    q, x, g = draw.normal(1, 4, 6), draw.normal(1, 4, 6), draw.normal(1, 4, 6)
    one = probe("multi_head", **given, queries=q, keys=x, values=x, mask=None, g=g)
    moved = x[:, order]
    other = probe("multi_head", **given, queries=q, keys=moved, values=moved, mask=None, g=g)
    turned = probe("multi_head", **given, queries=q[:, order], keys=x, values=x, mask=None, g=g)
    y = one["outputs"][0]
    assert np.abs(y).max() > 0.01
    assert agree(other["outputs"][0], y, terms=24)
    assert agree(turned["outputs"][0], y[:, order], terms=24)
