"""``tinymlx.optimizers`` does what ``mlx.optimizers`` does, and what PyTorch does."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from mirror import Stack, assert_equal, mlx_stack, outcome, plain, tiny_stack

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module")
def stacks(project: Project, registry: Registry) -> Iterator[tuple[Stack, Stack]]:
    with implementation(project, registry, "solutions"):
        yield tiny_stack(), mlx_stack()


OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "dampened": ("SGD", {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "rmsprop": ("RMSprop", {"alpha": 0.9}),
    "adagrad": ("Adagrad", {}),
    "adadelta": ("AdaDelta", {"rho": 0.8}),
    "adam": ("Adam", {"betas": [0.8, 0.95]}),
    "adam-corrected": ("Adam", {"bias_correction": True}),
    "adamw": ("AdamW", {"weight_decay": 0.1}),
    "adamw-corrected": ("AdamW", {"bias_correction": True}),
    "adamax": ("Adamax", {}),
    "lion": ("Lion", {"weight_decay": 0.1}),
    "adafactor": ("Adafactor", {}),
    "adafactor-rate": (
        "Adafactor",
        {"relative_step": False, "scale_parameter": False, "beta_1": 0.9, "weight_decay": 0.1},
    ),
    "adafactor-warmup": ("Adafactor", {"warmup_init": True}),
    "muon": ("Muon", {}),
    "muon-plain": ("Muon", {"nesterov": False, "weight_decay": 0.0, "momentum": 0.8}),
}


def parameters(s: Stack, dtype: str) -> dict[str, Any]:
    """A tree with a matrix, a tall one, a vector, a number, and four axes, in lists and dicts."""
    shapes = {"w": (3, 5), "tall": (6, 2), "b": (5,), "s": (), "conv": (2, 3, 3, 4)}
    draw = np.random.default_rng(5)
    tree = {k: s.core.array(draw.normal(size=v).astype("f4")) for k, v in shapes.items()}
    nested = {"layers": [{"w": tree["w"], "tall": tree["tall"]}, {"b": tree["b"]}]} | {
        "s": tree["s"],
        "conv": tree["conv"],
    }
    return s.utils.tree_map(lambda x: x.astype(getattr(s.core, dtype)), nested)


def ten_steps(s: Stack, name: str, options: dict[str, Any], dtype: str) -> Any:
    optimizer = getattr(s.optim, name)(**({"learning_rate": 0.05} | options))
    tree = parameters(s, dtype)
    trail = []
    for i in range(10):
        gradients = s.utils.tree_map(lambda p, i=i: s.core.sin(p * (i + 1)) + 0.1 * p, tree)
        tree = optimizer.apply_gradients(gradients, tree)
        trail.append(tree)
    return {"trail": trail, "state": optimizer.state, "step": optimizer.step}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("case", OPTIMIZERS)
def test_ten_steps_and_the_state_after_them(stacks, case: str, dtype: str) -> None:
    """Parameters after each of ten steps, and the state, in the dtype of the parameters.

    Both do the same operations in the same order, so what differs is the rounding of a handful:
    a few units in the last place, of which ten steps (and five iterations in Muon) make more.
    """
    name, options = OPTIMIZERS[case]
    mine, theirs = (outcome(lambda s: ten_steps(s, name, options, dtype), s) for s in stacks)
    assert_equal(mine, theirs, case, ulps=64 if dtype == "float32" else 16)
    assert mine["trail"][0]["conv"].dtype == dtype
    first, last = mine["trail"][0]["conv"].numbers, mine["trail"][9]["conv"].numbers
    assert dtype != "float32" or not np.array_equal(first, last)  # it is no test of nothing


TORCH: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "sgd": ("SGD", {}, "SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    "nesterov": (
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "rmsprop": ("RMSprop", {}, "RMSprop", {}),
    "adagrad": ("Adagrad", {"eps": 1e-10}, "Adagrad", {}),
    "adadelta": ("AdaDelta", {}, "Adadelta", {}),
    "adam": ("Adam", {"bias_correction": True}, "Adam", {}),
    "adamw": ("AdamW", {"bias_correction": True}, "AdamW", {}),
}


@pytest.mark.parametrize("case", TORCH)
def test_ten_steps_of_pytorch(stacks, case: str) -> None:
    """The same ten gradients give the same parameters as PyTorch's optimizer in float64."""
    import torch

    mine_name, mine_options, name, options = TORCH[case]
    s = stacks[0]
    draw = np.random.default_rng(1)
    start, gradients = draw.normal(size=(4, 3)), draw.normal(size=(10, 4, 3))
    w = torch.tensor(start, requires_grad=True)
    theirs = getattr(torch.optim, name)([w], lr=0.05, **options)
    optimizer = getattr(s.optim, mine_name)(learning_rate=0.05, **mine_options)
    tree = {"w": s.core.array(start.astype("f4"))}
    for g in gradients:
        w.grad = torch.tensor(g)
        theirs.step()
        tree = optimizer.apply_gradients({"w": s.core.array(g.astype("f4"))}, tree)
    # float32 against float64: ten roundings of numbers around 1. Bias correction divides by
    # 1 - 0.999^t, which loses three digits in the first steps: 6e-5 of a step of 0.05.
    assert np.abs(np.array(tree["w"]) - w.detach().numpy()).max() < 5e-6


SCHEDULES = {
    "exponential": lambda o: o.exponential_decay(0.1, 0.9),
    "step": lambda o: o.step_decay(0.1, 0.5, 3),
    "cosine": lambda o: o.cosine_decay(0.1, 8, 0.01),
    "linear": lambda o: o.linear_schedule(0.0, 0.1, 5),
    "joined": lambda o: o.join_schedules(
        [o.linear_schedule(0.0, 0.1, 4), o.cosine_decay(0.1, 5), o.exponential_decay(0.5, 0.9)],
        [4, 9],
    ),
}


def followed(s: Stack, name: str) -> Any:
    schedule = SCHEDULES[name](s.optim)
    optimizer = s.optim.Adam(learning_rate=schedule)
    rates = [optimizer.learning_rate]
    for _ in range(12):
        optimizer.apply_gradients({}, {})
        rates.append(optimizer.learning_rate)
    return rates, [schedule(s.core.array(i)) for i in range(12)]


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_step_by_step(stacks, name: str) -> None:
    mine, theirs = (outcome(lambda s: followed(s, name), s) for s in stacks)
    assert_equal(mine, theirs, name)
    assert len({float(rate.numbers) for rate in mine[0]}) > 3


def test_a_schedule_against_pytorch(stacks) -> None:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=0.01)
    schedule = stacks[0].optim.cosine_decay(0.1, 10, 0.01)
    for i in range(10):
        assert abs(schedule(stacks[0].core.array(i)).item() - theirs.get_last_lr()[0]) < 1e-7
        optimizer.step()
        theirs.step()


def saved_and_loaded(s: Stack, folder: Any) -> Any:
    """Three steps, the state through a file, two more; against five in one go."""
    trails = []
    for interrupted in (False, True):
        optimizer = s.optim.AdamW(learning_rate=s.optim.cosine_decay(0.1, 20), bias_correction=True)
        tree = parameters(s, "bfloat16")
        for i in range(5):
            if i == 3 and interrupted:
                file = str(folder / f"{s.core.__name__}.safetensors")
                s.core.save_safetensors(file, dict(s.utils.tree_flatten(optimizer.state)))
                optimizer = s.optim.AdamW(
                    learning_rate=s.optim.cosine_decay(0.1, 20), bias_correction=True
                )
                optimizer.state = s.utils.tree_unflatten(s.core.load(file))
            gradients = s.utils.tree_map(lambda p: p * 0.3, tree)
            tree = optimizer.apply_gradients(gradients, tree)
        trails.append((tree, dict(sorted(s.utils.tree_flatten(optimizer.state)))))
    return trails


def test_a_state_survives_a_file(stacks, tmp_path) -> None:
    mine, theirs = (outcome(lambda s: saved_and_loaded(s, tmp_path), s) for s in stacks)
    assert_equal(mine, theirs)
    assert_equal(mine[1], mine[0], ulps=0)


def several(s: Stack) -> Any:
    optimizer = s.optim.MultiOptimizer(
        [s.optim.Muon(0.02), s.optim.SGD(0.3, momentum=0.9), s.optim.AdamW(0.01)],
        [lambda path, g: "layers" in path and g.ndim >= 2, lambda path, g: path.endswith("b")],
    )
    tree = parameters(s, "float32")
    optimizer.init(tree)
    before = plain(optimizer.state)
    for _ in range(3):
        tree = optimizer.apply_gradients(s.utils.tree_map(lambda p: p * 0.3, tree), tree)
    rate = optimizer.learning_rate
    optimizer.learning_rate = 0.5
    rates = [o.learning_rate for o in optimizer.optimizers]
    return before, dict(sorted(s.utils.tree_flatten(tree))), rate, rates, optimizer.state


MISUSES = {
    "nesterov": lambda s: s.optim.SGD(0.1, nesterov=True),
    "rmsprop alpha": lambda s: s.optim.RMSprop(0.1, alpha=-1),
    "rmsprop eps": lambda s: s.optim.RMSprop(0.1, eps=0),
    "adagrad eps": lambda s: s.optim.Adagrad(0.1, eps=0),
    "adadelta rho": lambda s: s.optim.AdaDelta(0.1, rho=-1),
    "adadelta eps": lambda s: s.optim.AdaDelta(0.1, eps=-1),
    "adam beta": lambda s: s.optim.Adam(0.1, betas=[0.9, 1.0]),
    "adam eps": lambda s: s.optim.Adam(0.1, eps=-1),
    "lion beta": lambda s: s.optim.Lion(0.1, betas=[-0.1, 1.0]),
    "filters": lambda s: s.optim.MultiOptimizer([s.optim.SGD(0.1)], [lambda p, g: True]),
    "states": lambda s: setattr(s.optim.MultiOptimizer([s.optim.SGD(0.1)]), "state", {"a": 1}),
    "no base rule": lambda s: s.optim.Optimizer().apply_gradients({"a": s.core.ones(2)}, {}),
    "step decay": lambda s: s.optim.step_decay(0.1, 0.5, 0),
    "cosine decay": lambda s: s.optim.cosine_decay(0.1, 0),
    "linear": lambda s: s.optim.linear_schedule(0.1, 0.5, 0),
    "no schedules": lambda s: s.optim.join_schedules([], []),
    "boundaries": lambda s: s.optim.join_schedules([s.optim.cosine_decay(1, 2)], [3]),
    "clip": lambda s: s.optim.clip_grad_norm({"a": s.core.ones(2)}, -1.0),
    "a gradient too many": lambda s: s.optim.SGD(0.1).apply_gradients(
        {"a": s.core.ones(2), "b": s.core.ones(2)}, {"a": s.core.ones(2)}
    ),
    "a wrong shape": lambda s: s.optim.SGD(0.1).apply_gradients(
        {"a": s.core.ones((2, 3))}, {"a": s.core.ones((4, 5))}
    ),
}


@pytest.mark.parametrize("case", MISUSES)
def test_errors(stacks, case: str) -> None:
    """The same exception with the same message."""
    mine, theirs = (outcome(MISUSES[case], s) for s in stacks)
    assert isinstance(theirs, tuple), f"MLX raises nothing: {theirs}"
    assert mine[0] == theirs[0]
    assert mine[1] == theirs[1] or case == "a wrong shape"


def clipped(s: Stack) -> Any:
    tree = parameters(s, "float16") | {"big": s.core.full((300,), 300.0, s.core.float16)}
    integer = {"i": s.core.array([3, 4])}
    clip = s.optim.clip_grad_norm
    return [clip(tree, 1.0), clip(tree, 1e9), clip(integer, 1.0), clip({}, 1.0), clip(tree, 0.0)]


def grown(s: Stack) -> Any:
    """Parameters that join later get a state of their own; what is there stays."""
    optimizer = s.optim.Adam(0.1)
    optimizer.init({"a": s.core.ones(2), "l": [s.core.ones(1)], "t": (s.core.ones(1),)})
    optimizer.state["a"]["m"] = s.core.full((2,), 7.0)
    optimizer.init({"a": s.core.ones(2), "l": [s.core.ones(1), {"c": s.core.ones(3)}]})
    return optimizer.state


def partial(s: Stack) -> Any:
    """Gradients of a part of a model; a learning rate set by hand; nan; an empty tree."""
    model = s.nn.Sequential(s.nn.Linear(3, 2), s.nn.Linear(2, 1))
    optimizer = s.optim.SGD(0.1, momentum=0.5)
    optimizer.init(model.trainable_parameters())
    optimizer.update(model, {"layers": [{}, {"bias": s.core.array([s.core.nan])}]})
    optimizer.learning_rate = 0.7
    optimizer.update(model, {"layers": [{"bias": s.core.ones(2)}, {}]})
    optimizer.update(model, {})
    return model.parameters(), optimizer.learning_rate, optimizer.step


def compiled_training(s: Stack) -> Any:
    """A compiled step with captured state: schedule, momentum, dropout, clipping."""
    model = s.nn.Sequential(s.nn.Linear(4, 8), s.nn.ReLU(), s.nn.Dropout(0.2), s.nn.Linear(8, 1))
    optimizer = s.optim.Adam(s.optim.cosine_decay(0.05, 20), bias_correction=True)
    x = s.core.random.normal((16, 4))
    y = x.sum(axis=1, keepdims=True)
    state = [model.state, optimizer.state, s.core.random.state]

    def loss_of(x: Any, y: Any) -> Any:
        return s.nn.losses.mse_loss(model(x), y)

    def step(x: Any, y: Any) -> Any:
        loss, gradients = s.nn.value_and_grad(model, loss_of)(x, y)
        gradients, norm = s.optim.clip_grad_norm(gradients, 1.0)
        optimizer.update(model, gradients)
        return loss, norm

    compiled = s.core.compile(step, inputs=state, outputs=state)
    losses = [compiled(x, y) for _ in range(12)]
    s.core.eval(state[:2])
    return losses, model.parameters(), optimizer.state


@pytest.mark.parametrize("script", [several, clipped, grown, partial, compiled_training])
def test_scripts(stacks, script) -> None:
    mine, theirs = (outcome(script, s) for s in stacks)
    assert not isinstance(theirs, tuple), theirs
    assert_equal(mine, theirs, script.__name__, ulps=256)


def test_names_and_signatures(stacks) -> None:
    """Every public name, with the parameters and defaults of MLX (a list of betas is a tuple)."""
    tiny, mlx = stacks
    helpers = {"Callable", "List", "Module", "Optional", "Tuple", "Union", "math", "mx"}
    helpers |= {"optimizers", "tree_flatten", "tree_map", "tree_merge", "tree_reduce"}
    helpers |= {"tree_unflatten"}
    names = [n for n in dir(mlx.optim) if not n.startswith("_") and n not in helpers]
    assert len(names) > 15
    for name in names:
        mine, theirs = getattr(tiny.optim, name), getattr(mlx.optim, name)
        if not callable(theirs):
            continue
        a, b = (inspect.signature(f).parameters for f in (mine, theirs))
        assert list(a) == list(b), name
        for key in b:
            assert a[key].kind == b[key].kind, (name, key)
            default = b[key].default
            expected = tuple(default) if isinstance(default, list) else default
            assert a[key].default == expected, (name, key)


def test_an_update_walks_the_tree_as_often_as_mlx(stacks) -> None:
    """The calls per parameter, counted by a leaf's path through a dict that counts its reads."""
    counts = []
    for s in stacks:

        class Counting(dict):
            reads = 0

            def __getitem__(self, key: str) -> Any:
                Counting.reads += 1
                return super().__getitem__(key)

            def items(self) -> Any:
                Counting.reads += len(self)
                return super().items()

            def values(self) -> Any:
                Counting.reads += len(self)
                return super().values()

        tree = Counting({str(i): s.core.ones(2) for i in range(10)})
        optimizer = s.optim.Adam(0.1)
        optimizer.init(dict(tree))
        Counting.reads = 0
        optimizer.apply_gradients(tree, tree)
        s.optim.clip_grad_norm(tree, 1.0)
        counts.append(Counting.reads)
    assert counts[0] <= counts[1]
