"""Judges of 16.3 and 16.4: pictures as sequences, and a transformer that reads them."""

import itertools

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise

TINY = {"side": 8, "patch": 4, "dims": 6, "layers": 2, "heads": 2, "mlp": 2, "classes": 3}
MORE = {"channels": 3, "drop": 0.0}


def config_of(tokenizer, pool, **changes):
    return {**TINY, **MORE, "tokenizer": tokenizer, "pool": pool, **changes}


def linear(draw, outputs, inputs):
    return {"weight": draw.normal(outputs, inputs) * np.float32(0.4),
            "bias": draw.normal(outputs) * np.float32(0.4)}  # fmt: skip


def token_weights(draw, config):
    """The weights of `Tokens`, as its docstring names them."""
    dims, grid, side = config["dims"], config["side"] // config["patch"], config["patch"]
    w = {"positions": draw.normal(grid, grid, dims)}
    if config["pool"] == "token":
        w["token"] = draw.normal(dims)
    if config["tokenizer"] == "patches":
        layers = {"linear": linear(draw, dims, side * side * config["channels"])}
    else:
        stages = side.bit_length() - 1
        widths = [config["channels"], *(max(dims >> (stages - 1 - i), 1) for i in range(stages))]
        layers = {
            f"stem.layers.{2 * i}": {
                "weight": draw.normal(b, 3, 3, a) * np.float32(0.4),
                "bias": draw.normal(b),
            }
            for i, (a, b) in enumerate(itertools.pairwise(widths))
        }
    return {**w, **{f"{n}.{k}": v for n, layer in layers.items() for k, v in layer.items()}}


def block_weights(draw, dims, mlp):
    layers = {f"attention.{n}_proj": linear(draw, dims, dims)
              for n in ("query", "key", "value", "out")}  # fmt: skip
    layers |= {"linear1": linear(draw, mlp * dims, dims), "linear2": linear(draw, dims, mlp * dims)}
    for name in ("ln1", "ln2"):
        layers[name] = {
            "weight": 1 + draw.normal(dims) * np.float32(0.3),
            "bias": draw.normal(dims),
        }
    return {f"{n}.{k}": v for n, layer in layers.items() for k, v in layer.items()}


def model_weights(draw, config):
    dims = config["dims"]
    w = {f"tokens.{k}": v for k, v in token_weights(draw, config).items()}
    for i in range(config["layers"]):
        w |= {f"blocks.{i}.{k}": v for k, v in block_weights(draw, dims, config["mlp"]).items()}
    w |= {"ln.weight": 1 + draw.normal(dims) * np.float32(0.3), "ln.bias": draw.normal(dims)}
    if config["pool"] == "sequence":
        w |= {f"pool.score.{k}": v for k, v in linear(draw, 1, dims).items()}
    return w | {f"linear.{k}": v for k, v in linear(draw, config["classes"], dims).items()}


@exercise("16.3")
@pytest.mark.parametrize(
    "shape, side", [((2, 6, 4, 3), 2), ((1, 3, 9, 2), 3), ((3, 4, 8, 1), 4), ((2, 5, 3, 2), 1)]
)
def test_patches(check, draw, shape, side):
    """Row by row, channels last, as the kernels of a convolution are written; not square."""
    n, height, width, channels = shape
    g = draw.normal(n, height // side, width // side, side * side * channels)
    check("cut", x=draw.normal(*shape), side=side, g=g)


@exercise("16.3")
def test_patches_that_do_not_fit(check, probe, draw):
    """Five rows of patches of two: refused, along either axis."""
    x = draw.normal(1, 4, 6, 2)
    assert agree(probe("cut_only", x=x, side=2)["y"][0, 1, 2], x[0, 2:, 4:].reshape(-1))
    check.raises("cut_only", "ValueError", match="multiple", x=draw.normal(1, 5, 4, 1), side=2)
    check.raises("cut_only", "ValueError", match="multiple", x=draw.normal(1, 4, 5, 1), side=2)


@exercise("16.3")
@pytest.mark.parametrize(
    "old, new",
    [((4, 4), (8, 8)), ((8, 6), (4, 3)), ((3, 5), (7, 4)), ((7, 7), (10, 10)), ((1, 4), (3, 1)),
     ((5, 2), (5, 3)), ((2, 2), (1, 1))],
)  # fmt: skip
def test_positions_of_another_size(check, draw, old, new):
    """Larger, smaller, by no whole factor, along one axis only; from one and to one."""
    check("stretched", positions=draw.normal(*old, 3), rows=new[0], columns=new[1],
          g=draw.normal(*new, 3), terms=8)  # fmt: skip


@exercise("16.3")
def test_positions_that_fit(probe, draw):
    """The same size is no work at all."""
    positions = draw.normal(3, 4, 5)
    found = probe("unchanged", positions=positions)
    assert agree(found["y"], positions)
    assert found["operations"] == 0, "positions of the right size were computed with"


@exercise("16.3")
def test_positions_in_half_precision(check, draw):
    """Half precision stays half precision."""
    check("stretched", positions=draw.normal(3, 3, 2, dtype="float16"), rows=5, columns=2,
          g=draw.normal(5, 2, 2, dtype="float16"), terms=8)  # fmt: skip


@exercise("16.3")
@pytest.mark.parametrize("pool", ["token", "mean"])
@pytest.mark.parametrize("tokenizer", ["patches", "convolutions"])
@pytest.mark.parametrize("size", [(8, 8), (4, 12), (8, 4)], ids=str)
def test_tokens(check, draw, tokenizer, pool, size):
    """Patches or convolutions, positions, and perhaps a token in front; pictures of all sizes."""
    config = config_of(tokenizer, pool)
    count = size[0] * size[1] // 16 + (pool == "token")
    check("sequence", x=draw.normal(3, *size, 3), w=token_weights(draw, config), config=config,
          g=draw.normal(3, count, 6), terms=60, scale=10)  # fmt: skip


@exercise("16.3")
def test_tokens_in_half_precision(check, draw):
    """Half precision stays half precision: patches, positions and token."""
    config = config_of("patches", "token")
    half = {k: (v * 0.5).astype(np.float16) for k, v in token_weights(draw, config).items()}
    check("sequence", x=draw.normal(2, 8, 8, 3, dtype="float16"), w=half, config=config,
          g=draw.normal(2, 5, 6, dtype="float16"), terms=60, scale=3)  # fmt: skip
    check("cut", x=draw.normal(2, 4, 4, 1, dtype="float16"), side=2,
          g=draw.normal(2, 2, 2, 4, dtype="float16"))  # fmt: skip


@exercise("16.4")
def test_a_transformer_in_half_precision(check, draw):
    """Half precision stays half precision, from the pixels to the logits."""
    config = config_of("patches", "sequence", layers=1)
    half = {k: (v * 0.7).astype(np.float16) for k, v in model_weights(draw, config).items()}
    check("looks", x=draw.normal(1, 8, 8, 3, dtype="float16"), w=half, config=config,
          g=draw.normal(1, 3, dtype="float16"), terms=30, scale=4)  # fmt: skip


@exercise("16.4")
def test_a_block(check, draw):
    """Attention and two layers, the norms first, under any cotangent."""
    check("block", x=draw.normal(2, 5, 6), w=block_weights(draw, 6, 3), heads=3, mlp=3,
          g=draw.normal(2, 5, 6), terms=40, scale=40)  # fmt: skip


@exercise("16.4")
def test_branches_that_are_left_out(probe, check, draw):
    """In training each branch of each example stays or goes by a draw of its own.

    64 examples, so that each of the four cases is missing in less than one of 10^7 runs.
    """
    x, w = np.repeat(draw.normal(1, 3, 4), 64, axis=0), block_weights(draw, 4, 2)
    options = {"x": x, "w": w, "heads": 2, "mlp": 2}
    found = probe("block_training", **options, seed=draw.seed() % 10**6)["y"]
    cases = []
    for keep in itertools.product([0, 1], repeat=2):
        one = {"x": x[:1], "w": w, "heads": 2, "mlp": 2, "keep": list(keep)}
        cases.append(check.bench.expected("dropped", one)["y"][0])
    seen = set()
    for row in found:
        near = [float(np.abs(row - case).max()) for case in cases]
        assert agree(row / 8, cases[int(np.argmin(near))] / 8, terms=40), (
            f"an example is none of the four that two branches at half can give: off by {min(near)}"
        )
        seen.add(int(np.argmin(near)))
    assert len(seen) == 4, f"only {len(seen)} of the four cases were seen in 64 examples"


@exercise("16.4")
@pytest.mark.parametrize("shape", [(2, 5, 3), (3, 1, 4), (4, 4, 4)], ids=str)
def test_a_pool(check, draw, shape):
    """A weight for each token, from the token; one token is itself."""
    n, _, dims = shape
    w = {f"score.{k}": 2 * v for k, v in linear(draw, 1, dims).items()}
    check("pooled", x=draw.normal(*shape), w=w, g=draw.normal(n, dims), terms=20)


@exercise("16.4")
def test_a_pool_of_large_scores(check, draw):
    """Scores of hundreds, whose exponentials do not exist in float32."""
    x = 40 * draw.normal(2, 4, 3)
    w = {"score.weight": np.array([[5.0, -4.0, 3.0]], np.float32), "score.bias": draw.normal(1)}
    check("pooled", x=x, w=w, g=draw.normal(2, 3) * np.float32(0.1), terms=20, scale=2000)


@exercise("16.4")
@pytest.mark.parametrize("pool", ["token", "mean", "sequence"])
@pytest.mark.parametrize("tokenizer", ["patches", "convolutions"])
def test_a_transformer(check, draw, tokenizer, pool):
    """The whole network, its features and every slope; three ways to pool."""
    config = config_of(tokenizer, pool)
    check("looks", x=draw.normal(2, 8, 8, 3), w=model_weights(draw, config), config=config,
          g=draw.normal(2, 3), terms=100, scale=60)  # fmt: skip


@exercise("16.4")
@pytest.mark.parametrize("pool", ["token", "mean", "sequence"])
def test_a_transformer_of_one_block(check, draw, pool):
    """One block, and a picture of another size than it was made for: fewer tokens to pool."""
    config = config_of("patches", pool, layers=1, classes=2)
    check("looks", x=draw.normal(1, 4, 12, 3), w=model_weights(draw, config), config=config,
          g=draw.normal(1, 2), terms=100, scale=60)  # fmt: skip
