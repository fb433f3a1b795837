"""Judges of 16.5 and 16.6: what networks cost, which rate, and what decays."""

import math

import numpy as np
import pytest

from course.grading.marks import exercise

from .test_transformer import config_of


@exercise("16.5")
@pytest.mark.parametrize(
    "network",
    [
        {"widths": [8, 16], "blocks": [2, 1], "strides": [1, 2], "stem": [3, 1], "side": 16},
        {"widths": [8, 8], "blocks": [1, 2], "strides": [1, 1], "stem": [4, 2], "side": 17},
        {"widths": [4, 6], "blocks": [1, 1], "strides": [1, 1], "stem": [3, 1], "side": 8},
        {"widths": [4], "blocks": [2], "strides": [2], "stem": [1, 1], "side": 9},
        {
            "widths": [6, 6, 12],
            "blocks": [1, 1, 2],
            "strides": [1, 3, 2],
            "stem": [7, 2],
            "side": 40,
        },
        {"widths": [4, 9], "blocks": [1, 0], "strides": [1, 2], "stem": [3, 2], "side": 10},
        {"widths": [4, 5], "blocks": [0, 1], "strides": [2, 2], "stem": [5, 3], "side": 21},
    ],
    ids=lambda n: f"{n['widths']}",
)
def test_the_size_of_a_residual_network(check, network):
    """Sides that no stride divides, stems of all kinds, shortcuts for either reason."""
    check("resnet", **network, classes=7, channels=2)


@exercise("16.5")
def test_resnet_20(check, probe):
    """The original paper's network by default, with as many numbers as the course's own learns."""
    network = {"widths": [16, 32, 64], "blocks": [3, 3, 3], "strides": [1, 2, 2]}
    found = probe("resnet_by_default", **network)
    rest = {"stem": [3, 1], "side": 32, "classes": 10, "channels": 3}
    expected = check.bench.expected("resnet", {**network, **rest})
    assert found["parameters"] == found["learned"] == expected["parameters"]
    assert found["flops"] == expected["flops"], found["flops"]


@exercise("16.5")
@pytest.mark.parametrize("pool", ["token", "mean", "sequence"])
@pytest.mark.parametrize("tokenizer", ["patches", "convolutions"])
def test_the_size_of_a_transformer(check, probe, tokenizer, pool):
    """Against a counter that sees every product of the computation."""
    for changes in ({}, {"side": 12, "dims": 20, "heads": 5, "layers": 1, "mlp": 3, "channels": 1}):
        config = config_of(tokenizer, pool, **changes)
        check("vit", config=config, weights=probe("shapes", config=config))


@exercise("16.5")
def test_a_transformer_without_blocks(check, probe):
    """No blocks, patches of one pixel."""
    config = config_of("patches", "mean", layers=0, patch=1, side=4)
    check("vit", config=config, weights=probe("shapes", config=config))


@exercise("16.5")
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 40])
def test_the_widest(probe, count):
    """Every budget: the last width that fits, in few questions; exactly enough is enough."""
    costs = [10 + 3 * (i // 2) ** 2 for i in range(count)]  # each cost twice
    for limit in sorted({*costs, *(c + 1 for c in costs), 10**9}):
        found = probe("widest", costs=costs, limit=limit, scale=5)
        expected = 5 * max(i + 1 for i, c in enumerate(costs) if c <= limit)
        assert found["width"] == expected, f"{found['width']} for {limit}, expected {expected}"
        assert found["asked"] <= count.bit_length(), f"{found['asked']} questions for {count}"


@exercise("16.5")
def test_nothing_fits(check, probe):
    """A budget below the smallest."""
    assert probe("widest", costs=[5, 6, 7], limit=6, scale=2)["width"] == 4
    check.raises("widest", "ValueError", match="budget", costs=[5, 6, 7], limit=4, scale=2)
    check.raises("widest", "ValueError", match="budget", costs=[5], limit=4, scale=2)


def smoothed(losses, decay):
    """The mean of losses with weights that fall by `decay`, by its definition."""
    found = []
    for i in range(1, len(losses) + 1):
        weights = [decay ** (i - j) for j in range(1, i + 1)]
        found.append(sum(w * x for w, x in zip(weights, losses)) / sum(weights))
    return found


def close(yours, expected):
    """Python's own numbers, computed in a few steps: to the last digits of float64."""
    return len(yours) == len(expected) and np.allclose(yours, expected, rtol=1e-10, atol=0)


@exercise("16.6")
@pytest.mark.parametrize(
    "low, high, count, decay",
    [(1e-4, 1.0, 30, 0.9), (0.5, 32.0, 7, 0.0), (1e-6, 1e-5, 2, 0.5), (1e-3, 0.1, 25, 0.98)],
)
def test_a_sweep(probe, draw, low, high, count, decay):
    """From the first rate to the last, each by one factor; means without a bias."""
    losses = (2 + draw.uniform(count).astype(np.float64)).tolist()
    found = probe("tried", losses=losses, low=low, high=high, count=count, decay=decay)
    assert close(found["asked"], np.geomspace(low, high, count)), found["asked"][:3]
    assert close(found["rates"], np.geomspace(low, high, count)), found["rates"][:3]
    assert close(found["losses"], smoothed(losses, decay)), found["losses"][:3]


@exercise("16.6")
def test_a_sweep_by_default(probe, draw):
    """A hundred rates from a millionth to ten."""
    losses = (2 + draw.uniform(100).astype(np.float64)).tolist()
    found = probe("tried_by_default", losses=losses)
    assert close(found["asked"], np.geomspace(1e-6, 10, 100)), len(found["asked"])
    assert close(found["losses"], smoothed(losses, 0.9))


@exercise("16.6")
def test_the_loss_leaves(probe):
    """Four times the smallest smoothed loss: that step is the last, and it is told."""
    losses = [3.0, 2.0, 1.0, 2.5, 3.9, 4.0, 4.1, 50.0, 1.0]
    found = probe("tried", losses=losses, low=1e-3, high=1.0, count=9, decay=0.0)
    assert found["losses"] == losses[:7], found["losses"]
    assert len(found["rates"]) == len(found["asked"]) == 7
    # Smoothed by a half the smallest is 1.0, though a loss of 0.25 was there.
    losses = [1.0, 0.25, 4.0, 4.0, 3.6, 9.0, 9.0]
    found = probe("tried", losses=losses, low=1e-3, high=1.0, count=7, decay=0.5)
    expected = smoothed(losses, 0.5)
    last = next(i for i, x in enumerate(expected) if x > 4 * min(expected[: i + 1]))
    assert close(found["losses"], expected[: last + 1]), found["losses"]
    # The first loss is not the measure: from 10 down to 1 and back to 5 is too far.
    losses = [10.0, 1.0, 3.0, 5.0, 1.0]
    found = probe("tried", losses=losses, low=1e-3, high=1.0, count=5, decay=0.0)
    assert found["losses"] == losses[:4]


@exercise("16.6")
@pytest.mark.parametrize("bad", [math.inf, math.nan, -math.inf], ids=str)
def test_a_loss_that_is_no_number(probe, bad):
    """The step is left out, and no other one is made."""
    found = probe("tried", losses=[3.0, 2.0, bad, 1.0], low=1e-3, high=1.0, count=4, decay=0.5)
    assert len(found["asked"]) == 3
    assert close(found["rates"], np.geomspace(1e-3, 1, 4)[:2])
    assert close(found["losses"], smoothed([3.0, 2.0], 0.5))


@exercise("16.6")
def test_sweeps_that_cannot_be(check, probe):
    """Refused before a step is made."""
    assert len(probe("tried", losses=[2.0, 2.0], low=1, high=2, count=2, decay=0)["rates"]) == 2
    good = {"low": 1e-3, "high": 1.0, "count": 3, "decay": 0.5}
    nan, inf = math.nan, math.inf
    for bad in ({"low": 0.0}, {"low": -1.0}, {"high": 1e-3}, {"high": 1e-4}, {"count": 1},
                {"low": nan}, {"high": nan}, {"high": inf}):  # fmt: skip
        check.raises("never_tried", "ValueError", match="rates", **(good | bad))
    for decay in (1.0, -0.1, nan):
        check.raises("never_tried", "ValueError", match="decay", **(good | {"decay": decay}))


@exercise("16.6")
@pytest.mark.parametrize(
    "losses, place",
    [([3.0, 2.9, 2.5, 1.0, 0.9, 4.0], 2), ([3.0, 1.0, 0.9, 0.8], 1), ([4.0, 3.9, 3.8, 1.0], 2),
     ([2.0, 1.0, 0.0, 5.0, 4.0, 3.0], 1), ([1.0, 2.0, 0.5], 1), ([5.0, 9.0, 4.0, 6.0, 1.0, 7.0],
     2)],
)  # fmt: skip
def test_where_it_falls_fastest(probe, losses, place):
    """Between both neighbours; not the smallest loss, nor the end; of equals the first."""
    rates = [0.5 * 3.0**i for i in range(len(losses))]
    found = probe("fastest", tested_rates=rates, losses=losses)["rate"]
    assert found == rates[place], f"{found}, expected {rates[place]}"


@exercise("16.6")
def test_it_falls_nowhere(check, probe):
    """Too few rates, or a loss that only grows or stays."""
    assert probe("fastest", tested_rates=[1.0, 2.0, 4.0], losses=[3.0, 2.0, 1.0])["rate"] == 2.0
    for losses in ([3.0, 2.0], [], [1.0], [1.0, 2.0, 3.0], [2.0, 1.0, 2.0, 1.0], [1.0] * 4):
        check.raises("fastest", "ValueError", match="falls", losses=losses,
                     tested_rates=[2.0**i for i in range(len(losses))])  # fmt: skip


@exercise("16.6")
def test_what_decays(probe):
    """Matrices and kernels; no gain, bias, token or position, whatever the shape."""
    parameters = {
        "linear.weight": ([3, 4], True),
        "blocks.0.attention.query_proj.weight": ([4, 4], True),
        "tokens.stem.layers.0.weight": ([8, 3, 3, 3], True),
        "score.weight": ([1, 5], True),
        "weight": ([2, 2], True),
        "linear.bias": ([4], False),
        "blocks.0.ln1.weight": ([4], False),
        "blocks.0.ln1.bias": ([4], False),
        "tokens.positions": ([4, 4, 8], False),
        "tokens.token": ([8], False),
        "weights.positions": ([3, 8], False),
        "weight.bias": ([3, 3], False),
        "norm.weight_scale": ([3, 3], False),
        "scale": ([], False),
        "layers.weight.running_var": ([4, 4], False),
        "preweight": ([4, 4], False),
    }
    shapes = [shape for shape, _ in parameters.values()]
    found = probe("pulls", names=list(parameters), shapes=shapes)
    for name, (shape, expected) in parameters.items():
        assert found[name] is expected, f"{name}, {shape}: {found[name]}"
