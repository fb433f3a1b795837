"""Judges of 11.16 to 11.20: caches, and attention piece by piece."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("11.16")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("pieces", [[3, 1, 1, 1, 2], [9, 1], [1, 8, 3], [4, 4, 1]], ids=str)
def test_all_that_was_seen(check, draw, pieces, dtype):
    """After every piece, in order; the room grows by whole steps."""
    length = sum(pieces)
    keys = draw.normal(2, 3, length, 4, dtype=dtype)
    check(
        "kept", keys=keys, values=draw.normal(2, 3, length, 5, dtype=dtype), pieces=pieces, step=4
    )


@exercise("11.16")
@pytest.mark.parametrize("forget", [2, 7, 20])
def test_what_was_forgotten_is_overwritten(check, draw, forget):
    """New positions come where forgotten ones were."""
    check("kept_again", keys=draw.normal(1, 2, 7, 3), values=draw.normal(1, 2, 7, 3), forget=forget)


@exercise("11.16")
def test_one_more_is_no_copy_of_all(check, draw):
    """One position is written in place: no memory for a second copy."""
    check("keeping_costs", keys=draw.normal(1, 4, 3000, 16), new=draw.normal(1, 4, 1, 16))


@exercise("11.17")
@pytest.mark.parametrize("keep", [0, 2])
@pytest.mark.parametrize(
    "pieces",
    [[1] * 14, [3, 1, 1, 1, 4, 1, 1, 2], [9, 1, 1, 1, 1], [2, 7, 1, 1, 8, 1], [4, 1, 1, 11]],
    ids=str,
)
def test_attention_with_a_memory_that_forgets(check, draw, pieces, keep):
    """Piece by piece it is the attention of a window over the whole, and of the first ones."""
    length = sum(pieces)
    q, k, v = (draw.normal(2, 2, length, 3) for _ in range(3))
    check("rotated", q=q, k=k, v=v, size=5, keep=keep, pieces=pieces, terms=20, scale=4.0)


@exercise("11.17")
def test_a_memory_of_half_precision(check, draw):
    """Keys and values stay what they are."""
    q, k, v = (draw.normal(1, 2, 9, 3, dtype="float16") for _ in range(3))
    check("rotated", q=q, k=k, v=v, size=4, keep=1, pieces=[3, 1, 1, 1, 3], terms=8, scale=4.0)


@exercise("11.17")
def test_a_memory_of_one(check, draw):
    """A position that may ask itself alone."""
    q, k, v = (draw.normal(1, 2, 6, 3) for _ in range(3))
    check("rotated", q=q, k=k, v=v, size=1, keep=0, pieces=[1, 1, 3, 1], terms=4, scale=4.0)


@exercise("11.17")
def test_what_was_returned_stays(check, draw):
    """Also after its place was taken."""
    check("rotated_stays", k=draw.normal(1, 1, 8, 2), size=3, count=8)


@exercise("11.18")
@pytest.mark.parametrize("cuts", [[], [2], [1, 2, 5], [6]], ids=str)
@pytest.mark.parametrize("groups", [1, 3])
def test_a_softmax_in_pieces(check, draw, cuts, groups):
    """Whatever the pieces, the whole comes out, with its gradients."""
    check(
        "pieces_of_softmax",
        scores=3 * draw.normal(2, 3, 4, 7),
        v=draw.normal(2, groups, 7, 2),
        cuts=cuts,
        g=[draw.normal(2, 3, 4, 2), draw.normal(2, 3, 4, 1)],
        terms=40,
        scale=20.0,
    )


@exercise("11.18")
@pytest.mark.parametrize("level", [0, 500, -500])
def test_parts_put_together(check, draw, level):
    """Where the exponentials of both would overflow, or would all be 0."""
    means = [draw.normal(1, 2, 3, 4) for _ in range(2)]
    log_sums = [(level + draw.normal(1, 2, 3, 1)).astype(np.float32) for _ in range(2)]
    check("together", means=means, log_sums=log_sums, scale=max(abs(level), 4.0))


@exercise("11.18")
def test_one_part_counts_for_nothing(check, draw):
    """Where the other has seen far more fitting keys."""
    means = [draw.normal(1, 2, 3, 4) for _ in range(2)]
    log_sums = [np.full((1, 2, 3, 1), s, np.float32) for s in (-300, 300)]
    check("together", means=means, log_sums=log_sums, scale=300.0)


@exercise("11.18")
def test_many_keys_of_half_precision(probe, draw):
    """The sum of their exponentials is one of float32."""
    scores, v = (
        draw.normal(1, 1, 2, 4000, dtype="float16"),
        draw.uniform(1, 1, 4000, 3, low=2, high=4),
    )
    found = probe("narrow_part", scores=scores, v=v.astype(np.float16))
    e = np.exp(scores.astype(np.float64))
    mean = e @ v.astype(np.float16) / e.sum(-1, keepdims=True)
    assert found["mean"].dtype == found["log_sum"].dtype == np.float32
    assert agree(found["mean"], mean, dtype="float16")
    assert agree(found["log_sum"], np.log(e.sum(-1, keepdims=True)))


@exercise("11.18")
def test_a_part_of_half_precision_is_float32(check, draw):
    """The sums of many pieces are not rounded at every piece."""
    scores = 4 * draw.normal(1, 2, 3, 6, dtype="float16")
    check("narrow_part", scores=scores, v=draw.normal(1, 2, 6, 4), scale=60.0, terms=60)


@exercise("11.19")
@pytest.mark.parametrize("sizes", [(7, 7, 3), (2, 9, 4), (9, 4, 3), (1, 5, 2), (6, 6, 2)], ids=str)
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "all"])
def test_tiles_that_are_looked_at(check, sizes, causal):
    """No tile in which no query may ask any key."""
    queries, keys, side = sizes
    check("visited", queries=queries, keys=keys, side=side, causal=causal)


def masks(draw, kind, queries, keys):
    """A mask of numbers, of truth values, or none."""
    if kind == "numbers":
        return np.where(
            draw.uniform(2, queries, keys) > 0.3, draw.normal(2, queries, keys), -np.inf
        )
    if kind == "truth":
        found = draw.uniform(2, 1, queries, keys) > 0.4
        found[..., 0] = True
        return found
    return None


@exercise("11.19")
@pytest.mark.parametrize("kind", ["none", "causal", "truth", "sinks", "sinks and causal"])
@pytest.mark.parametrize("rows", [(0, 3), (3, 6), (6, 7)], ids=str)
def test_what_some_queries_see(check, draw, kind, rows):
    """Of all keys, piece by piece: the mean and the logarithm of the sum."""
    q, k, v = draw.normal(2, 2, 7, 3), draw.normal(2, 1, 8, 3), draw.normal(2, 1, 8, 4)
    check(
        "seen",
        q=q,
        k=k,
        v=v,
        mask=masks(draw, kind, 7, 8),
        sinks=draw.normal(2) if "sinks" in kind else None,
        rows=list(rows),
        side=3,
        causal="causal" in kind,
        terms=20,
        scale=8.0,
    )


@exercise("11.19")
def test_queries_before_all_keys(check, draw):
    """They see nothing: zeros, and not an error; those after them see something."""
    q, k, v = draw.normal(1, 1, 7, 3), draw.normal(1, 1, 2, 3), draw.normal(1, 1, 2, 5)
    for rows in ([0, 2], [6, 7]):
        for sinks in (None, draw.normal(1)):
            check("seen", q=q, k=k, v=v, mask=None, sinks=sinks, rows=rows, side=2, causal=True,
                  terms=20, scale=8.0)  # fmt: skip


@exercise("11.19")
def test_one_tile_at_a_time(check, draw):
    """Also within one piece of the queries: not all of its tiles and then all of their parts."""
    q, k, v = (draw.normal(1, 2, n, 4) for n in (64, 6400, 6400))
    check("one_row_of_tiles", q=q, k=k, v=v, side=64, terms=6400, scale=8.0)


KINDS = ["none", "causal", "truth", "numbers", "sinks"]
SHAPES = [(4, 2, 5, 7), (2, 2, 7, 7), (3, 1, 1, 6), (2, 1, 6, 3)]


def attention(draw, kind, sizes, side):
    """What the probe of tiles takes."""
    heads, groups, queries, keys = sizes
    mask = "causal" if kind == "causal" else masks(draw, kind, queries, keys)
    if isinstance(mask, np.ndarray):
        mask = mask[:, :1] if kind == "truth" else mask[:1].astype(np.float32)
    return {
        "q": draw.normal(2, heads, queries, 3),
        "k": draw.normal(2, groups, keys, 3),
        "v": draw.normal(2, groups, keys, 4),
        "mask": mask,
        "sinks": draw.normal(heads) if kind == "sinks" else None,
        "side": side,
        "g": draw.normal(2, heads, queries, 4),
    }


@exercise("11.20")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_tiles_and_back(check, draw, sizes, kind):
    """Values and all gradients, for any side of the tiles; also where it does not divide."""
    for side in (2, 64):
        check("tiled", **attention(draw, kind, sizes, side), terms=60, scale=20.0)


@exercise("11.20")
@pytest.mark.parametrize("level", [0, 500, -500])
def test_the_slope_of_a_tile(check, draw, level):
    """A tile is a part of a row: its weights need not sum to 1, nor their exponentials exist."""
    scores = 2 * draw.normal(2, 3, 4, 5)
    log_sum = np.log(np.exp(scores).sum(-1, keepdims=True)) + draw.uniform(2, 3, 4, 1, high=2)
    scores, log_sum = (a + np.float32(level) for a in (scores, log_sum))
    check(
        "tile_slope",
        gweights=draw.normal(2, 3, 4, 5),
        scores=scores,
        log_sum=log_sum.astype(np.float32),
        level=draw.normal(2, 3, 4, 1),
        gy=draw.normal(2, 3, 4, 6),
        glog_sum=draw.normal(2, 3, 4, 1),
        y=draw.normal(2, 3, 4, 6),
        terms=8,
        scale=8.0,
    )


@exercise("11.20")
def test_half_precision_on_the_way_back(check, draw):
    """The dtype that comes in goes out."""
    shapes = {"gweights": 5, "scores": 5, "log_sum": 1, "level": 1, "gy": 6, "glog_sum": 1, "y": 6}
    arrays = {name: draw.normal(1, 2, 3, n, dtype="float16") for name, n in shapes.items()}
    check("tile_slope", **arrays, terms=8, scale=40.0)
    weights, x = draw.normal(1, 4, 3, 5, dtype="float16"), draw.normal(1, 4, 3, 6, dtype="float16")
    check("gathered", weights=weights, x=x, groups=2, terms=12, scale=8.0)


@exercise("11.20")
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_what_comes_back_to_shared_keys(check, draw, groups):
    """The sum over the queries of all heads that share them."""
    weights, x = draw.normal(2, 4, 3, 5), draw.normal(2, 4, 3, 6)
    check("gathered", weights=weights, x=x, groups=groups, terms=12, scale=8.0)


@exercise("11.20")
def test_what_comes_back_is_added_at_once(check, draw):
    """The products of weights and features, thirty times as many as weights, are not kept."""
    weights, x = draw.normal(1, 4, 90, 100), draw.normal(1, 4, 90, 32)
    check("gathered_cost", weights=weights, x=x, groups=2, terms=180, scale=8.0)


@exercise("11.19")
def test_tiles_take_little_memory(check, draw):
    """Less than a twelfth of the memory of all scores."""
    check("tiles_cost", q=draw.normal(1, 2, 1600, 8), side=64, back=False, terms=500, scale=4.0)


@exercise("11.20")
def test_tiles_take_little_memory_on_the_way_back(check, draw):
    """Less than a twelfth of the memory of all scores."""
    check("tiles_cost", q=draw.normal(1, 2, 1600, 8), side=64, back=True, terms=500, scale=8.0)
