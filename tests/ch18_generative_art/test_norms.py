"""18.5: another picture's statistics; 18.6: a network that paints."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("18.5")
@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (1, 1, 6, 2), (3, 2, 2, 1)])
def test_statistics(check, draw, shape):
    """Of each channel of each picture, with slopes."""
    n, *_, c = shape
    check("moments", maps=3 + draw.normal(*shape), mask=None, eps=0.1, g=draw.normal(n, 1, 1, c),
          h=draw.normal(n, 1, 1, c), terms=20, scale=5.0)  # fmt: skip
    check("moments_by_default", maps=draw.normal(*shape), terms=20)


@exercise("18.5")
@pytest.mark.parametrize("own", [1, 2])
def test_statistics_within_a_mask(check, draw, own):
    """Weights of places; one mask for all; the eps under the root."""
    g, h = draw.normal(2, 1, 1, 3), draw.normal(2, 1, 1, 3)
    check("moments", maps=draw.normal(2, 4, 5, 3), mask=draw.uniform(own, 4, 5), eps=0.3, g=g, h=h,
          terms=20, scale=5.0)  # fmt: skip
    check("moments", maps=draw.normal(2, 4, 5, 3), mask=0.02 * draw.uniform(own, 4, 5), eps=0.3,
          g=g, h=h, terms=20, scale=5.0)  # fmt: skip


@exercise("18.5")
def test_statistics_of_nothing(probe, draw):
    """A mask of zeros, one place, a constant channel, numbers far from 0, half precision."""
    maps, mask = draw.normal(2, 3, 3, 2), np.ones((2, 3, 3), np.float32)
    mask[0] = 0
    g = draw.normal(2, 1, 1, 2)
    found = probe("moments", maps=maps, mask=mask, eps=0.25, g=g, h=g)
    assert agree(found["mean"][0], np.zeros((1, 1, 2)))
    assert agree(found["deviation"][0], np.full((1, 1, 2), 0.5))
    assert agree(found["mean"][1, 0, 0], maps[1].astype(np.float64).mean((0, 1)), terms=9)
    assert np.isfinite(found["dx"]).all()
    far = (1000 + 0.1 * draw.normal(1, 16, 16, 1)).astype(np.float32)
    found = probe("moments_by_default", maps=far)
    wanted = np.sqrt(far.astype(np.float64).var() + 1e-5)
    assert abs(found["deviation"].item() - wanted) < 1e-3, "the mean has to go before the square"
    half = probe("moments_half", maps=np.full((1, 8, 8, 1), 300, np.float32))
    assert half["dtypes"] == ["float32", "float32"]
    assert agree(half["deviation"].item(), np.sqrt(1e-5)) and agree(half["mean"].item(), 300.0)
    whole = draw.uniform(1, 257, 257, 1)
    found = probe("moments_of_many", maps=whole)
    assert agree(found["mean"].item(), whole.astype(np.float64).mean(), terms=66_049)
    many = probe("moments_half", maps=np.round(draw.uniform(1, 64, 64, 1, low=90, high=110)))
    assert abs(many["mean"].item() - 100) < 1


@exercise("18.5")
@pytest.mark.parametrize(
    "own, strength, masked", [(2, 1.0, 0), (1, 0.3, 0), (2, 0.7, 2), (1, 1.0, 1)]
)
def test_given_statistics(check, draw, own, strength, masked):
    """Other sizes, one style for all, a share of it, within a mask; slopes of both."""
    mask = draw.uniform(masked, 4, 5) if masked else None
    check("given", content=2 + draw.normal(2, 4, 5, 3), style=draw.normal(own, 3, 6, 3) * 2 - 1,
          strength=strength, mask=mask, eps=0.05, g=draw.normal(2, 4, 5, 3), terms=20,
          scale=20.0)  # fmt: skip
    check(
        "given_by_default", content=draw.normal(2, 3, 3, 2), style=draw.normal(1, 2, 2, 2), terms=9
    )


@exercise("18.5")
def test_a_picture_with_itself(probe, draw):
    """Nothing changes, also where a channel is constant or large; and with strength 0."""
    x = draw.normal(2, 5, 4, 3)
    x[..., 1] = 7
    x[1, ..., 2] *= 1000
    assert agree(probe("given_by_default", content=x, style=x)["y"], x, terms=20)
    g, y = draw.normal(2, 5, 4, 3), draw.normal(1, 2, 2, 3)
    found = probe("given", content=x, style=y, strength=0.0, mask=None, eps=1e-5, g=g)
    assert agree(found["y"], x) and agree(found["content"], g)
    assert probe("given", content=x, style=y, strength=1.0, mask=None, eps=1e-5, g=g)["style"].any()


@exercise("18.5")
def test_only_within_the_mask(probe, draw):
    """Outside nothing changes, inside the statistics are those of the style."""
    x, style = draw.normal(1, 6, 6, 2), 5 + 2 * draw.normal(1, 4, 4, 2)
    mask = np.zeros((1, 6, 6), np.float32)
    mask[:, :3] = 1
    y = probe("given", content=x, style=style, strength=1.0, mask=mask, eps=1e-6, g=x)["y"]
    assert np.array_equal(y[:, 3:], x[:, 3:])
    assert agree(y[:, :3].mean((1, 2)), style.astype(np.float64).mean((1, 2)), terms=30)
    assert abs(y[:, :3].std((1, 2)) - style.std((1, 2))).max() < 1e-3


@exercise("18.5")
def test_other_channels_and_half_precision(check, probe, draw):
    """Maps that do not fit; the dtype of the content; sums beyond float16."""
    x = draw.normal(1, 3, 3, 4)
    found = probe("given_half", content=40 * draw.normal(1, 32, 32, 2), style=100 + x[..., :2])
    assert found["dtype"] == "float16"
    assert abs(found["y"].mean((1, 2)) - (100 + x[..., :2]).mean((1, 2))).max() < 0.3
    check.raises("given_by_default", "ValueError", match="channels", content=x, style=x[..., :1])
    check.raises("given_by_default", "ValueError", match="channels", content=x[..., :1], style=x)


def table(draw, styles, dims):
    return {"weight": draw.normal(styles, dims), "bias": draw.normal(styles, dims)}


@exercise("18.6")
@pytest.mark.parametrize("eps", [1e-5, 0.4])
def test_a_norm_for_each_style(check, draw, eps):
    """By number, twice the same; and mixed in any proportion. Slopes of gains and offsets."""
    x, g = 2 + draw.normal(3, 4, 5, 2), draw.normal(3, 4, 5, 2)
    styles = np.array([2, 0, 2], np.int32)
    check(
        "conditional", x=x, w=table(draw, 4, 2), styles=styles, eps=eps, g=g, terms=20, scale=20.0
    )
    check("conditional", x=x, w=table(draw, 4, 2), styles=2 * draw.uniform(3, 4), eps=eps, g=g,
          terms=20, scale=20.0)  # fmt: skip
    # As many pictures as styles: the shares' shape alone does not tell.
    check("conditional", x=x, w=table(draw, 3, 2), styles=draw.uniform(3, 3), eps=eps, g=g,
          terms=20, scale=20.0)  # fmt: skip


@exercise("18.6")
def test_styles_that_do_not_fit(check, probe, draw):
    """Too few, other shares; a norm in half precision."""
    x = draw.normal(3, 4, 4, 2)
    good = np.array([0, 1, 1], np.int32)
    assert probe("conditional_only", x=x, styles=good, count=2)["y"].any()
    bad = (good[:2], draw.uniform(3, 3), draw.uniform(3), draw.uniform(2, 2), good[:, None])
    for styles in bad:
        check.raises("conditional_only", "ValueError", match="styles", x=x, styles=styles, count=2)
    large = np.full((1, 32, 32, 1), 60, np.float32)
    large[:, :16] = 20
    found = probe("conditional_half", x=large, styles=np.zeros(1, np.int32), count=1)
    assert found["dtype"] == "float16" and abs(abs(found["y"]) - 1).max() < 2e-3


@exercise("18.6")
@pytest.mark.parametrize("kernel, stride, side", [(3, 1, (4, 5)), (3, 2, (5, 6)), (5, 2, (4, 7)),
                                                  (9, 1, (5, 6)), (1, 1, (1, 2))])  # fmt: skip
def test_a_mirrored_border(check, draw, kernel, stride, side):
    """Sides that are just large enough, strides, no border at all."""
    out = [(s - 1) // stride + 1 for s in side]
    w = {"conv.weight": draw.normal(3, kernel, kernel, 2), "conv.bias": draw.normal(3)}
    check("mirrored", x=draw.normal(2, *side, 2), w=w, kernel=kernel, stride=stride,
          g=draw.normal(2, *out, 3), terms=2 * kernel**2 + 60, scale=20.0)  # fmt: skip


@exercise("18.6")
def test_too_little_to_mirror(check, probe, draw):
    """A side of as many pixels as the border is wide."""
    assert probe("mirrored_only", x=draw.normal(1, 3, 3, 2), kernel=5)["y"].any()
    for shape in ((1, 2, 9, 2), (1, 9, 2, 2)):
        check.raises("mirrored_only", "ValueError", match="side", x=draw.normal(*shape), kernel=5)


@exercise("18.6")
@pytest.mark.parametrize("side, mixed", [((9, 14), False), ((8, 11), True)])
def test_a_network_that_paints(check, probe, draw, side, mixed):
    """All layers, odd sides, all slopes; styles as numbers and as shares."""
    sizes = {"count": 3, "width": 2, "blocks": 2 if mixed else 1}
    shapes = probe("painter_weights", **sizes)
    w = {name: 0.5 * draw.normal(*shape) for name, shape in shapes.items()}
    w = {n: (1 + 0.2 * a if "norm" in n and n.endswith("weight") else a) for n, a in w.items()}
    styles = draw.uniform(2, 3) if mixed else np.array([2, 0], np.int32)
    check("painter", x=draw.uniform(2, *side, 3), w=w, styles=styles, g=draw.normal(2, *side, 3),
          terms=2000, scale=30.0, **sizes)  # fmt: skip


@exercise("18.6")
@pytest.mark.parametrize("content_layer", ["b", "c"])
def test_what_painting_costs(check, draw, content_layer):
    """Content at a layer of its own or at one of the style's; no slope to what is a target."""
    shapes = {"a": (2, 4, 4, 3), "b": (2, 2, 3, 2), "c": (2, 2, 2, 4)}
    painted = {name: draw.normal(*shape) for name, shape in shapes.items()}
    content = {name: draw.normal(*shapes[name]) for name in ("a", content_layer)}
    layers = ["b", "a"]
    targets = [draw.normal(2, shapes[n][-1], shapes[n][-1]) for n in layers]
    more = {"painted": painted, "content": content, "targets": targets, "layers": layers,
            "content_layer": content_layer}  # fmt: skip
    check("cost", weight=2.5, g=draw.normal(), terms=20, scale=20.0, **more)
    check("cost_by_default", terms=20, scale=20.0, **more)
