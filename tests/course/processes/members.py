"""Run by ``mlx.launch`` in several processes (test_parallel.py): each checks what it has.

Every check is called with the group, this process's number and the number of processes. What was
checked is printed by the first process, so that nothing is missed without notice.
"""

from functools import partial

import mlx.core as mx
import mlx.nn
import mlx.optimizers
import numpy as np
from mlx.nn.layers import distributed as native
from mlx.utils import tree_flatten as native_flatten

from tinymlx import core, nn, optimizers
from tinymlx.nn.layers import distributed
from tinymlx.parallel import pipeline, replicas, ring, sharded_state
from tinymlx.utils import tree_flatten, tree_map

CHECKS = []


def check(fun):
    CHECKS.append(fun)
    return fun


def drawn(*shape, seed=0, scale=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def close(got, want, terms=64):
    got, want = np.array(got), np.array(want)
    assert got.shape == want.shape, (got.shape, want.shape)
    assert got.dtype == want.dtype, (got.dtype, want.dtype)
    limit = 4 * np.finfo(np.float32).eps * terms**0.5 * max(1.0, np.abs(want).max())
    error = np.abs(got.astype(np.float64) - want).max() if got.size else 0.0
    assert error <= limit, f"off by {error:.3g}, allowed {limit:.3g}"


def numbers(x):
    return np.array(x.tolist(), np.float32).reshape(x.shape)


def all_equal(x, group):
    """The same bits in every process."""
    high = core.distributed.all_max(x, group=group)
    low = core.distributed.all_min(x, group=group)
    assert core.array_equal(high, low).item()


def networks(seed=3):
    """A network of ours, and MLX's with the same weights."""
    ours = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 8))
    theirs = mlx.nn.Sequential(mlx.nn.Linear(8, 16), mlx.nn.Tanh(), mlx.nn.Linear(16, 8))
    shapes = {name: x.shape for name, x in tree_flatten(ours.parameters())}
    values = {
        name: drawn(*s, seed=seed + i, scale=0.3) for i, (name, s) in enumerate(shapes.items())
    }
    ours.load_weights([(name, core.array(v)) for name, v in values.items()])
    theirs.load_weights([(name, mx.array(v)) for name, v in values.items()])
    return ours, theirs


def loss(model, x, y):
    return ((model(x) - y) ** 2).mean()


@check
def sums_and_gathers_as_in_mlx(group, rank, size):
    x, c = drawn(4, 3, seed=rank), drawn(4, 3, seed=10 + rank)
    for name in ("all_sum", "all_gather"):
        ours = partial(getattr(core.distributed, name), group=group)
        theirs = partial(getattr(mx.distributed, name), group=group)
        wide = np.concatenate([c] * (size if name == "all_gather" else 1))

        (y,), (g,) = core.vjp(ours, [core.array(x)], [core.array(wide)])
        (y2,), (g2,) = mx.vjp(theirs, [mx.array(x)], [mx.array(wide)])
        close(numbers(y), y2)
        close(numbers(g), g2)
        (y,), (t,) = core.jvp(ours, [core.array(x)], [core.array(c)])
        (y2,), (t2,) = mx.jvp(theirs, [mx.array(x)], [mx.array(c)])
        close(numbers(t), t2)


@check
def a_ring_adds_up_like_mlx(group, rank, size):
    for shape in ((7,), (3, 5), (1,), (), (1000,)):
        x = drawn(*shape, seed=rank)
        got = ring.all_sum(core.array(x), group)
        close(
            numbers(got),
            sum(drawn(*shape, seed=i).astype(np.float64) for i in range(size)).astype(np.float32),
        )
        all_equal(got, group)


@check
def linear_layers(group, rank, size):
    x, c = drawn(3, 8, seed=20), drawn(3, 8, seed=21)
    ours, theirs = networks()
    first, _, second = ours.layers
    made = (
        distributed.shard_linear(first, "all-to-sharded", segments=2, group=group),
        distributed.shard_linear(second, "sharded-to-all", segments=2, group=group),
    )
    expected = (
        native.shard_linear(theirs.layers[0], "all-to-sharded", segments=2, group=group),
        native.shard_linear(theirs.layers[2], "sharded-to-all", segments=2, group=group),
    )
    for a, b in zip(made, expected):
        assert repr(a) == repr(b)
        for (name, v), (name2, v2) in zip(
            tree_flatten(a.parameters()), native_flatten(b.parameters())
        ):
            assert name == name2
            close(numbers(v), v2)
    value = lambda x: (made[1](core.tanh(made[0](x))) * core.array(c)).sum()  # noqa: E731
    whole = lambda x: (theirs(x) * mx.array(c)).sum()  # noqa: E731
    close(numbers(value(core.array(x))), whole(mx.array(x)))
    close(numbers(core.grad(value)(core.array(x))), mx.grad(whole)(mx.array(x)))
    for ours_layer, theirs_layer in zip(made, expected):
        split = lambda x: (expected[1](mx.tanh(expected[0](x))) * mx.array(c)).sum()  # noqa: E731
        _, got = nn.value_and_grad(ours_layer, value)(core.array(x))
        _, want = mlx.nn.value_and_grad(theirs_layer, split)(mx.array(x))
        for (_, g), (_, g2) in zip(tree_flatten(got), native_flatten(want)):
            close(numbers(g), g2)


@check
def quantized_layers(group, rank, size):
    x = drawn(3, 256, seed=22)
    plain = mlx.nn.Linear(256, 256)
    plain.load_weights(
        [("weight", mx.array(drawn(256, 256, seed=1))), ("bias", mx.array(drawn(256)))]
    )
    layer = mlx.nn.QuantizedLinear.from_linear(plain, 64, 4)

    class Like(nn.Module):
        group_size, bits, mode = 64, 4, "affine"

    mine = Like()
    for name in ("weight", "scales", "biases", "bias"):
        setattr(mine, name, core.array(layer[name]))
    for sharding in ("all-to-sharded", "sharded-to-all"):
        ours = distributed.shard_linear(mine, sharding, group=group)
        theirs = native.shard_linear(layer, sharding, group=group)
        part = x if sharding == "all-to-sharded" else np.split(x, size, axis=1)[rank]
        assert repr(ours) == repr(theirs)
        assert tree_flatten(ours.trainable_parameters()) == []
        close(numbers(ours(core.array(part))), theirs(mx.array(part)), 256)


@check
def fully_sharded(group, rank, size):
    x, y = drawn(4, 8, seed=30 + rank), drawn(4, 8, seed=40 + rank)
    ours, theirs = networks()
    wrapped = nn.fully_shard(ours, group=group)
    assert nn.fully_shard(wrapped, group=group) is wrapped
    value, gradients = nn.value_and_grad(wrapped, loss)(wrapped, core.array(x), core.array(y))
    wanted, expected = mlx.nn.value_and_grad(theirs, loss)(theirs, mx.array(x), mx.array(y))
    close(numbers(value), wanted)
    expected = dict(native_flatten(mlx.nn.average_gradients(expected, group)))
    for name, g in tree_flatten(gradients):
        whole = np.array(expected[name.removeprefix("module.")])
        close(numbers(g), np.split(whole, size)[rank])


@check
def whole_batch_gradient(group, rank, size):
    x, y = drawn(8, 8, seed=50), drawn(8, 8, seed=51)
    ours, theirs = networks()
    ours.load_weights([(n, v + rank) for n, v in tree_flatten(ours.parameters())])
    replicas.same_start(ours, group)
    of_batch = nn.value_and_grad(ours, lambda x, y: loss(ours, x, y))
    for size_of_message in (0, 64, 1 << 25):
        parallel = replicas.data_parallel(of_batch, group, size_of_message)
        value, gradients = parallel(core.array(x), core.array(y))
        wanted, expected = mlx.nn.value_and_grad(theirs, loss)(theirs, mx.array(x), mx.array(y))
        close(numbers(value), wanted)
        for (_, g), (_, g2) in zip(tree_flatten(gradients), native_flatten(expected)):
            close(numbers(g), g2)
            all_equal(g, group)
    try:
        replicas.own_rows(core.zeros((size + 1, 2)), group)
    except ValueError as error:
        assert f"{size + 1} examples cannot be divided" in str(error)
    else:
        raise AssertionError("an uneven batch was divided")


@check
def divided_state(group, rank, size):
    ours, theirs = networks()
    make = lambda m: m.AdamW(learning_rate=0.01, weight_decay=0.1)  # noqa: E731
    optimizer, wanted = (
        sharded_state.ShardedOptimizer(make(optimizers), group),
        make(mlx.optimizers),
    )
    weights = sum(v.size for _, v in tree_flatten(ours.parameters()))
    for step in range(3):
        x, y = drawn(size, 8, seed=60 + step), drawn(size, 8, seed=70 + step)
        rows = core.array(x)[rank::size], core.array(y)[rank::size]
        _, gradients = nn.value_and_grad(ours, loss)(ours, *rows)
        optimizer.update(ours, gradients)
        _, expected = mlx.nn.value_and_grad(theirs, loss)(theirs, mx.array(x), mx.array(y))
        wanted.update(theirs, expected)
    learned = native_flatten(theirs.parameters())
    for (_, v), (_, v2) in zip(tree_flatten(ours.parameters()), learned):
        # Adam divides by the root of what it has seen; three steps of size 0.01 multiply rounding.
        close(numbers(v), v2, 4096)
        all_equal(v, group)
    kept = sum(v.size for _, v in tree_flatten(optimizer.state) if v.ndim)
    assert kept == 2 * -(-weights // size), (kept, weights)


@check
def two_stages(group, rank, size):
    ours, theirs = networks()
    stages = [nn.Sequential(*ours.layers[:2]), nn.Sequential(*ours.layers[2:])]
    stages += [nn.Sequential(nn.Linear(8, 8)) for _ in range(size - 2)]
    for stage in stages[2:]:
        stage.load_weights([("layers.0.weight", core.eye(8)), ("layers.0.bias", core.zeros(8))])
    x, y = drawn(6, 8, seed=80), drawn(6, 8, seed=81)
    batch = [(core.array(x[i : i + 2]), core.array(y[i : i + 2])) for i in (0, 2, 4)]
    shape = (2, 16) if rank == 1 else (2, 8)
    mean = lambda a, b: ((a - b) ** 2).mean()  # noqa: E731
    value, gradients = pipeline.pipelined(stages[rank], batch, mean, shape, group)
    wanted, expected = mlx.nn.value_and_grad(theirs, loss)(theirs, mx.array(x), mx.array(y))
    close(numbers(value), wanted)
    if rank < 2:
        named = dict(native_flatten(expected))
        for name, g in tree_flatten(gradients):
            place = ("layers.0", "layers.2")[rank]
            close(numbers(g), named[name.replace("layers.0", place)])


def main():
    group = core.distributed.init(backend="ring", strict=True)
    for fun in CHECKS:
        fun(group, group.rank(), group.size())
        if group.rank() == 0:
            print("checked", fun.__name__, flush=True)
    core.eval(core.distributed.all_sum(tree_map(core.array, 1.0), group=group))


if __name__ == "__main__":
    main()
