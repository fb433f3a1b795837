"""``tinymlx.nn`` and ``tinymlx.utils`` do what ``mlx.nn`` and ``mlx.utils`` do, and PyTorch."""

from __future__ import annotations

import inspect
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from mirror import Stack, assert_equal, mlx_stack, outcome, plain, tiny_stack

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module")
def stacks(project: Project, registry: Registry) -> Iterator[tuple[Stack, Stack]]:
    """Both libraries. What MLX compiles one function at a time runs uncompiled, to save seconds."""
    with implementation(project, registry, "solutions"):
        tiny, mlx = tiny_stack(), mlx_stack()
        mlx.core.disable_compile()
        try:
            yield tiny, mlx
        finally:
            mlx.core.enable_compile()


def both(stacks: tuple[Stack, Stack], script: Any, ulps: float = 16, fails: bool = False) -> Any:
    """Run a script on both stacks and compare; returns MLX's outcome, as data."""
    mine, theirs = (outcome(script, s) for s in stacks)
    assert isinstance(theirs, tuple) == fails, theirs
    assert_equal(mine, theirs, ulps=ulps)
    return theirs


def printed(value: Any) -> str:
    """How a value prints, without where a function is kept."""
    return re.sub(r"<(function|mlx)[^<>]* at 0x\w+>", "<a function>", repr(value))


# Names


def test_names_and_signatures(stacks) -> None:
    """Every public name; parameters and defaults as in MLX."""
    tiny, mlx = stacks
    for mine, theirs in [
        (tiny.nn, mlx.nn),
        (tiny.nn.losses, mlx.nn.losses),
        (tiny.nn.init, mlx.nn.init),
        (tiny.nn.utils, mlx.nn.utils),
        (tiny.utils, mlx.utils),
    ]:
        for name in dir(theirs):
            value = getattr(theirs, name)
            if name.startswith("_"):
                continue
            if inspect.ismodule(value) and theirs is mlx.nn:
                assert hasattr(mine, name), name
                continue
            if not getattr(value, "__module__", "").startswith("mlx"):
                continue
            a, b = (inspect.signature(f).parameters for f in (getattr(mine, name), value))
            if not any(p.kind == p.VAR_POSITIONAL for p in b.values()):  # compiled: no signature
                assert list(a) == list(b), name
                for key in b:
                    assert a[key].kind == b[key].kind
                    assert printed(a[key].default) == printed(b[key].default)


def test_what_is_not_there(stacks) -> None:
    nn = stacks[0].nn
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = nn.Nothing


# Activations

FUNCTIONS: dict[str, list[Any]] = {
    "sigmoid": [], "relu": [], "relu2": [], "relu6": [], "leaky_relu": [0.2], "log_softmax": [0],
    "elu": [0.7], "softmax": [0], "softplus": [], "softsign": [], "softshrink": [0.3],
    "celu": [0.8], "silu": [], "log_sigmoid": [], "gelu": [], "gelu_approx": [],
    "gelu_fast_approx": [], "glu": [0], "selu": [], "mish": [], "hardswish": [],
    "hard_tanh": [-0.4, 0.3], "hard_shrink": [0.4], "softmin": [0], "tanh": [], "step": [0.2],
}  # fmt: skip

CONSTANT = {"step"}


def pulled(s: Stack, function: Any, *arrays: Any) -> Any:
    """The value, and the gradient of each array under a random cotangent."""
    value = function(*arrays)
    cotangent = s.core.random.normal(value.shape).astype(value.dtype)
    _, gradients = s.core.vjp(lambda *xs: [function(*xs)], list(arrays), [cotangent])
    return value, gradients


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations(stacks, name: str, dtype: str) -> None:
    """Values and gradients, with default and given arguments.

    In half precision the formulas differ where ours has one operation less or more (softmax, elu);
    the tolerance is that of the dtype.
    """

    def script(s: Stack) -> Any:
        x = (s.core.random.normal((6, 8)) * 2).astype(getattr(s.core, dtype))
        function = getattr(s.nn, name)
        if name in CONSTANT:
            return function(x), function(x, *FUNCTIONS[name])
        given = pulled(s, lambda x: function(x, *FUNCTIONS[name]), x)
        return pulled(s, function, x), given, function(s.core.array([1, -2], s.core.int32))

    both(stacks, script)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - CONSTANT - {"glu"}))
def test_activations_at_their_corners(stacks, name: str) -> None:
    """Where a piece ends there is no derivative, and a choice: it is MLX's."""
    corners = [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0]
    both(stacks, lambda s: pulled(s, getattr(s.nn, name), s.core.array(corners)))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - CONSTANT - {"relu2", "prelu"}))
def test_activations_at_large_numbers(stacks, name: str, dtype: str) -> None:
    """At +-1e4, and at 0, values and gradients are finite (MLX's elu and gelu_approx are not)."""
    s = stacks[0]
    x = s.core.array([1e4, -1e4, 0.0, 5.0], getattr(s.core, dtype))
    for result in [
        plain(v) for v in (*pulled(s, getattr(s.nn, name), x)[1], getattr(s.nn, name)(x))
    ]:
        assert np.isfinite(result.numbers).all(), (name, result)


TORCH_FUNCTIONS = {
    "relu": "relu", "relu6": "relu6", "leaky_relu": "leaky_relu", "elu": "elu", "mish": "mish",
    "celu": "celu", "selu": "selu", "silu": "silu", "gelu": "gelu", "softplus": "softplus",
    "glu": "glu", "softsign": "softsign", "softshrink": "softshrink", "log_sigmoid": "logsigmoid",
    "hardswish": "hardswish", "hard_shrink": "hardshrink", "hard_tanh": "hardtanh",
    "sigmoid": "sigmoid", "tanh": "tanh",
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH_FUNCTIONS)
def test_activations_of_pytorch(stacks, name: str) -> None:
    """Values and gradients against PyTorch in float64."""
    import torch

    s = stacks[0]
    draw = np.random.default_rng(2)
    x, g = draw.normal(size=(5, 6)) * 2, draw.normal(size=(5, 6))
    if name == "glu":
        g = g[:, :3]
    t = torch.tensor(x, requires_grad=True)
    y = getattr(torch.nn.functional, TORCH_FUNCTIONS[name])(t)
    y.backward(torch.tensor(g))
    (mine,), (dx,) = s.core.vjp(
        getattr(s.nn, name), [s.core.array(x.astype("f4"))], [s.core.array(g.astype("f4"))]
    )
    # selu: MLX writes its two constants with six digits.
    limit = 2e-5 if name == "selu" else 4e-6
    assert np.abs(np.array(mine) - y.detach().numpy()).max() < limit
    assert np.abs(np.array(dx) - t.grad.numpy()).max() < limit


ACTIVATION_LAYERS = (
    "CELU ELU GELU GLU HardShrink HardTanh Hardswish LeakyReLU LogSigmoid LogSoftmax Mish PReLU "
    "ReLU ReLU2 ReLU6 SELU SiLU Sigmoid Softmax Softmin Softplus Softshrink Softsign Step Tanh"
).split()


def test_activation_layers(stacks) -> None:
    """Every one, with its printed form and its parameters; some with arguments."""

    def script(s: Stack) -> Any:
        x = s.core.random.normal((4, 6))
        layers = [getattr(s.nn, name)() for name in ACTIVATION_LAYERS]
        layers += [s.nn.GELU(approx) for approx in ("precise", "tanh", "fast")]
        layers += [s.nn.LeakyReLU(0.3), s.nn.ELU(2.0), s.nn.CELU(2.0), s.nn.PReLU(6, 0.1)]
        layers += [s.nn.HardShrink(1.0), s.nn.Softshrink(1.0), s.nn.Step(0.5), s.nn.GLU(0)]
        return [(repr(layer), layer.parameters(), layer(x)) for layer in layers]

    both(stacks, script)
    assert both(stacks, lambda s: s.nn.GELU("none of these"), fails=True)[0] == "ValueError"


# Losses


def targets(s: Stack) -> Any:
    draw = s.core.random
    return draw.normal((4, 5)), draw.normal((4, 5)), draw.randint(0, 5, (4,))


LOSSES: dict[str, Any] = {
    "cross_entropy": lambda s, x, t, c, r: s.nn.losses.cross_entropy(x, c, reduction=r),
    "cross_entropy axis": lambda s, x, t, c, r: s.nn.losses.cross_entropy(
        x.T, c, axis=0, label_smoothing=0.2, weights=t[:, 0], reduction=r
    ),
    "cross_entropy probabilities": lambda s, x, t, c, r: s.nn.losses.cross_entropy(
        x, s.core.softmax(t, -1), label_smoothing=0.1, reduction=r
    ),
    "binary": lambda s, x, t, c, r: s.nn.losses.binary_cross_entropy(
        x, s.core.sigmoid(t), weights=s.core.abs(t), reduction=r
    ),
    "binary probabilities": lambda s, x, t, c, r: s.nn.losses.binary_cross_entropy(
        s.core.sigmoid(x), s.core.sigmoid(t), with_logits=False, reduction=r
    ),
    "l1": lambda s, x, t, c, r: s.nn.losses.l1_loss(x, t, r),
    "mse": lambda s, x, t, c, r: s.nn.losses.mse_loss(x, t, r),
    "nll": lambda s, x, t, c, r: s.nn.losses.nll_loss(x, c, reduction=r),
    "gaussian": lambda s, x, t, c, r: s.nn.losses.gaussian_nll_loss(
        x, t, s.core.exp(t), full=True, reduction=r
    ),
    "kl": lambda s, x, t, c, r: s.nn.losses.kl_div_loss(x, t, reduction=r),
    "smooth_l1": lambda s, x, t, c, r: s.nn.losses.smooth_l1_loss(x, t, 0.6, r),
    "triplet": lambda s, x, t, c, r: s.nn.losses.triplet_loss(x, t, x * t, p=3, reduction=r),
    "hinge": lambda s, x, t, c, r: s.nn.losses.hinge_loss(x, s.core.sign(t), r),
    "huber": lambda s, x, t, c, r: s.nn.losses.huber_loss(x, t, 0.7, r),
    "log_cosh": lambda s, x, t, c, r: s.nn.losses.log_cosh_loss(x, t, r),
    "cosine": lambda s, x, t, c, r: s.nn.losses.cosine_similarity_loss(x, t, reduction=r),
    "ranking": lambda s, x, t, c, r: s.nn.losses.margin_ranking_loss(
        x, t, s.core.sign(t), 0.2, r
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(stacks, name: str, dtype: str) -> None:
    """Every reduction, with the gradient by predictions and targets."""

    def script(s: Stack) -> Any:
        x, t, c = targets(s)
        x, t = (a.astype(getattr(s.core, dtype)) for a in (x, t))
        return [
            pulled(s, lambda x, t, r=r: LOSSES[name](s, x, t, c, r), x, t)
            for r in ("none", "mean", "sum")
        ]

    both(stacks, script, ulps=32)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_losses_at_large_logits(stacks, dtype: str) -> None:
    s = stacks[0]
    x = s.core.array([[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4]], getattr(s.core, dtype))
    c, yes = s.core.array([1, 2]), s.core.array([[1, 0, 1], [1, 1, 0]])
    for loss in (
        lambda x: s.nn.losses.cross_entropy(x, c),
        lambda x: s.nn.losses.binary_cross_entropy(x, yes, reduction="none"),
        lambda x: s.nn.losses.log_cosh_loss(x, s.core.zeros_like(x)),
        lambda x: s.nn.losses.huber_loss(x, s.core.zeros_like(x)),
        lambda x: s.nn.losses.smooth_l1_loss(x, s.core.zeros_like(x), reduction="none"),
    ):
        value, (gradient,) = pulled(s, loss, x)
        assert np.isfinite(plain(value).numbers).all()
        assert np.isfinite(plain(gradient).numbers).all()


def test_losses_of_pytorch(stacks) -> None:
    import torch

    f = torch.nn.functional
    s = stacks[0]
    draw = np.random.default_rng(3)
    x, t, c = draw.normal(size=(6, 4)), draw.normal(size=(6, 4)), draw.integers(0, 4, size=6)
    yes = (t > 0).astype(float)
    mx = {k: s.core.array(v.astype("f4")) for k, v in {"x": x, "t": t, "yes": yes}.items()}
    pt = {k: torch.tensor(v) for k, v in {"x": x, "t": t, "yes": yes}.items()}
    losses = s.nn.losses
    classes = torch.tensor(c)
    pairs = [
        (
            losses.cross_entropy(mx["x"], s.core.array(c), label_smoothing=0.1),
            f.cross_entropy(pt["x"], classes, label_smoothing=0.1, reduction="none"),
        ),
        (
            losses.binary_cross_entropy(mx["x"], mx["yes"]),
            f.binary_cross_entropy_with_logits(pt["x"], pt["yes"]),
        ),
        (
            losses.smooth_l1_loss(mx["x"], mx["t"], 0.5),
            f.smooth_l1_loss(pt["x"], pt["t"], beta=0.5),
        ),
        (
            losses.huber_loss(mx["x"], mx["t"], 0.5, "mean"),
            f.huber_loss(pt["x"], pt["t"], delta=0.5),
        ),
        (
            losses.gaussian_nll_loss(mx["x"], mx["t"], s.core.exp(mx["t"])),
            f.gaussian_nll_loss(pt["x"], pt["t"], pt["t"].exp()),
        ),
    ]
    for mine, theirs in pairs:
        assert np.abs(np.array(mine) - theirs.numpy()).max() < 4e-6


LOSS_MISUSES = {
    "reduction": lambda s, x: s.nn.losses.l1_loss(x, x, "max"),
    "classes": lambda s, x: s.nn.losses.cross_entropy(x, s.core.array([1])),
    "probabilities": lambda s, x: s.nn.losses.cross_entropy(x, x[:, :2]),
    "smoothing": lambda s, x: s.nn.losses.cross_entropy(x, x, label_smoothing=1.0),
    "weights": lambda s, x: s.nn.losses.cross_entropy(x, x, weights=s.core.ones(7)),
    "binary": lambda s, x: s.nn.losses.binary_cross_entropy(x, x[0]),
    "binary weights": lambda s, x: s.nn.losses.binary_cross_entropy(x, x, weights=x[0]),
    "l1": lambda s, x: s.nn.losses.l1_loss(x, x[0]),
    "mse": lambda s, x: s.nn.losses.mse_loss(x, x[0]),
    "smooth": lambda s, x: s.nn.losses.smooth_l1_loss(x, x[0]),
    "gaussian": lambda s, x: s.nn.losses.gaussian_nll_loss(x, x[0], x),
    "gaussian vars": lambda s, x: s.nn.losses.gaussian_nll_loss(x, x, x[0]),
    "ranking": lambda s, x: s.nn.losses.margin_ranking_loss(x, x, x[0]),
}


@pytest.mark.parametrize("case", LOSS_MISUSES)
def test_losses_that_do_not_fit(stacks, case: str) -> None:
    got = both(stacks, lambda s: LOSS_MISUSES[case](s, s.core.ones((2, 3))), fails=True)
    assert got[0] == "ValueError"


# Layers


class Case(NamedTuple):
    """A layer and the shapes of its inputs."""

    make: Any
    shapes: tuple[tuple[int, ...], ...]
    integers: bool = False


class Both:
    """A layer with two outputs as one with their sum."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)

    def __repr__(self) -> str:
        return repr(self.layer)

    def __call__(self, *inputs: Any) -> Any:
        first, second = self.layer(*inputs)
        return first * 2 + second


class First(Both):
    """A layer with two outputs as one with the first."""

    def __call__(self, *inputs: Any) -> Any:
        return self.layer(*inputs)[0]


LAYERS: dict[str, Case] = {
    "Linear": Case(lambda nn: nn.Linear(5, 3), ((2, 4, 5),)),
    "Linear no bias": Case(lambda nn: nn.Linear(5, 3, bias=False), ((5,),)),
    "Bilinear": Case(lambda nn: nn.Bilinear(4, 3, 6), ((2, 5, 4), (2, 5, 3))),
    "Bilinear no bias": Case(lambda nn: nn.Bilinear(4, 3, 6, False), ((7, 4), (7, 3))),
    "Identity": Case(lambda nn: nn.Identity(3, a=4), ((2, 3),)),
    "Sequential": Case(
        lambda nn: nn.Sequential(nn.Linear(5, 4), nn.gelu, nn.Linear(4, 2)), ((3, 5),)
    ),
    "Embedding": Case(lambda nn: nn.Embedding(7, 4), ((2, 9),), True),
    "LayerNorm": Case(lambda nn: nn.LayerNorm(6), ((2, 3, 6),)),
    "LayerNorm no bias": Case(lambda nn: nn.LayerNorm(6, 1e-3, bias=False), ((6,),)),
    "LayerNorm plain": Case(lambda nn: nn.LayerNorm(6, affine=False), ((4, 6),)),
    "RMSNorm": Case(lambda nn: nn.RMSNorm(6), ((2, 3, 6),)),
    "GroupNorm": Case(lambda nn: nn.GroupNorm(2, 6), ((2, 4, 5, 6),)),
    "GroupNorm plain": Case(lambda nn: nn.GroupNorm(3, 6, 1e-3, False), ((3, 6),)),
    "GroupNorm pytorch": Case(
        lambda nn: nn.GroupNorm(2, 6, pytorch_compatible=True), ((2, 4, 5, 6),)
    ),
    "InstanceNorm": Case(lambda nn: nn.InstanceNorm(4), ((2, 5, 3, 4),)),
    "InstanceNorm affine": Case(lambda nn: nn.InstanceNorm(4, 1e-3, True), ((2, 5, 4),)),
    "BatchNorm": Case(lambda nn: nn.BatchNorm(4), ((6, 4),)),
    "BatchNorm 4d": Case(lambda nn: nn.BatchNorm(4, momentum=0.4, affine=False), ((2, 3, 5, 4),)),
    "BatchNorm untracked": Case(
        lambda nn: nn.BatchNorm(4, track_running_stats=False), ((2, 3, 4),)
    ),
    "RoPE": Case(lambda nn: nn.RoPE(6), ((2, 3, 5, 6),)),
    "RoPE traditional": Case(lambda nn: nn.RoPE(4, True, 500.0, 0.5), ((2, 5, 6),)),
    "Sinusoidal": Case(lambda nn: nn.SinusoidalPositionalEncoding(8), ((3, 4),)),
    "Sinusoidal options": Case(
        lambda nn: nn.SinusoidalPositionalEncoding(2, 0.1, 3.0, 1, True, True), ((5,),)
    ),
    "ALiBi": Case(lambda nn: nn.ALiBi(), ((2, 6, 4, 5),)),
    "Dropout": Case(lambda nn: nn.Dropout(0.3), ((20, 30),)),
    "Dropout2d": Case(lambda nn: nn.Dropout2d(0.4), ((3, 4, 5, 20),)),
    "Dropout3d": Case(lambda nn: nn.Dropout3d(0.4), ((4, 3, 2, 30),)),
    "Dropout none": Case(lambda nn: nn.Dropout(0.0), ((2, 3),)),
    "Conv1d": Case(lambda nn: nn.Conv1d(4, 6, 3, 2, 1, 2), ((2, 9, 4),)),
    "Conv1d groups": Case(lambda nn: nn.Conv1d(4, 6, 2, groups=2, bias=False), ((2, 5, 4),)),
    "Conv2d": Case(lambda nn: nn.Conv2d(3, 5, 3), ((2, 6, 5, 3),)),
    "Conv2d options": Case(lambda nn: nn.Conv2d(4, 2, (2, 3), (1, 2), (1, 0), 2), ((2, 6, 7, 4),)),
    "Conv2d depthwise": Case(lambda nn: nn.Conv2d(4, 8, 3, 2, 1, groups=4), ((2, 6, 7, 4),)),
    "Conv3d": Case(lambda nn: nn.Conv3d(2, 3, 2, 2, 1), ((2, 4, 3, 5, 2),)),
    "ConvTranspose1d": Case(lambda nn: nn.ConvTranspose1d(4, 6, 3, 2, 1, 2, 1), ((2, 5, 4),)),
    "ConvTranspose2d": Case(lambda nn: nn.ConvTranspose2d(3, 2, 4, 2, 1), ((2, 4, 5, 3),)),
    "ConvTranspose2d options": Case(
        lambda nn: nn.ConvTranspose2d(3, 2, (3, 4), (2, 3), 1, 1, 0, False), ((2, 4, 5, 3),)
    ),
    "ConvTranspose3d": Case(lambda nn: nn.ConvTranspose3d(2, 3, 2, 2), ((2, 2, 3, 2, 2),)),
    "MaxPool1d": Case(lambda nn: nn.MaxPool1d(3, 2, 1), ((2, 8, 3),)),
    "MaxPool2d": Case(lambda nn: nn.MaxPool2d(2), ((2, 6, 4, 3),)),
    "MaxPool2d overlapping": Case(lambda nn: nn.MaxPool2d((3, 2), 2, (1, 0)), ((2, 6, 5, 3),)),
    "MaxPool2d rest": Case(lambda nn: nn.MaxPool2d(2), ((2, 5, 7, 3),)),
    "MaxPool3d": Case(lambda nn: nn.MaxPool3d(2, (1, 2, 2)), ((2, 3, 4, 4, 2),)),
    "AvgPool1d": Case(lambda nn: nn.AvgPool1d(3, padding=1), ((2, 8, 3),)),
    "AvgPool2d": Case(lambda nn: nn.AvgPool2d((2, 3), (1, 2), 1), ((2, 6, 5, 3),)),
    "AvgPool3d": Case(lambda nn: nn.AvgPool3d(2), ((2, 4, 2, 4, 2),)),
    "RNN": Case(lambda nn: nn.RNN(3, 4), ((2, 5, 3),)),
    "RNN plain": Case(lambda nn: nn.RNN(3, 4, False), ((5, 3), (4,))),
    "RNN relu": Case(lambda nn: nn.RNN(3, 4, True, nn.relu), ((2, 5, 3), (2, 4))),
    "RNN other": Case(lambda nn: nn.RNN(3, 4, True, nn.sigmoid), ((2, 5, 3), (2, 4))),
    "GRU": Case(lambda nn: nn.GRU(3, 4), ((2, 5, 3),)),
    "GRU state": Case(lambda nn: nn.GRU(3, 4), ((2, 1, 3), (2, 4))),
    "GRU plain": Case(lambda nn: nn.GRU(3, 4, bias=False), ((6, 3), (4,))),
    "LSTM": Case(lambda nn: First(nn.LSTM(3, 4)), ((2, 5, 3),)),
    "LSTM cells": Case(lambda nn: Both(nn.LSTM(3, 4, bias=False)), ((2, 5, 3), (2, 4), (2, 4))),
    "LSTM alone": Case(lambda nn: Both(nn.LSTM(3, 2)), ((4, 3), (2,), (2,))),
    "Upsample nearest": Case(lambda nn: nn.Upsample(2), ((2, 3, 4, 2),)),
    "Upsample nearest 1.5": Case(lambda nn: nn.Upsample((1.5, 0.7)), ((2, 5, 7, 2),)),
    "Upsample linear": Case(lambda nn: nn.Upsample((2, 1.7), "linear"), ((2, 3, 4, 2),)),
    "Upsample corners": Case(lambda nn: nn.Upsample(2, "linear", True), ((2, 3, 4, 2),)),
    "Upsample smooth": Case(lambda nn: nn.Upsample(0.5, "linear", False, True), ((2, 6, 8, 2),)),
    "Upsample cubic": Case(lambda nn: nn.Upsample(2, "cubic"), ((2, 5, 3),)),
    "Upsample cubic corners": Case(lambda nn: nn.Upsample(1.6, "cubic", True), ((2, 5, 4, 3),)),
    "Upsample cubic smooth": Case(
        lambda nn: nn.Upsample(0.4, "cubic", antialias=True), ((2, 5, 5, 6, 1),)
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(stacks, name: str, dtype: str) -> None:
    """Printed form, parameters, and in both modes the output and every gradient.

    The gradients of half precision are sums in half precision, in another order here and there.
    """
    case = LAYERS[name]

    def script(s: Stack) -> Any:
        layer = case.make(s.nn)
        at_first = layer.parameters()
        layer.set_dtype(getattr(s.core, dtype))
        if case.integers:
            inputs = [s.core.random.randint(0, 7, shape) for shape in case.shapes]
        else:
            inputs = [
                (s.core.random.normal(shape) * 2 + 0.5).astype(getattr(s.core, dtype))
                for shape in case.shapes
            ]
        printed = re.sub(r"<(function|mlx).*?>", "<a function>", repr(layer))
        found = [printed, at_first, layer.trainable_parameters(), layer.training]
        for mode in (True, False):
            layer.train(mode)
            y = layer(*inputs)
            cotangent = s.core.random.normal(y.shape).astype(y.dtype)

            def loss(*xs: Any, cotangent: Any = cotangent, layer: Any = layer) -> Any:
                return (layer(*xs) * cotangent).sum()

            s.core.random.seed(7)
            found.append(y)
            if not case.integers:
                found.append(s.core.grad(loss, argnums=list(range(len(inputs))))(*inputs))
            if s.utils.tree_flatten(layer.trainable_parameters()):
                inner = getattr(layer, "layer", layer)
                found.append(s.nn.value_and_grad(inner, loss)(*inputs))
            found.append(layer.parameters())
        return found

    both(stacks, script, ulps=64 if dtype == "float32" else 32)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_half_precision_is_summed_in_float32(stacks, dtype: str) -> None:
    """Numbers whose squares overflow float16, and a mean far from 0: to the last bit MLX's."""

    def script(s: Stack) -> Any:
        x = (s.core.random.normal((3, 400)) + 300).astype(getattr(s.core, dtype))
        layers = [s.nn.LayerNorm(400), s.nn.LayerNorm(400, affine=False), s.nn.RMSNorm(400)]
        layers += [s.nn.InstanceNorm(400), s.nn.GroupNorm(4, 400, pytorch_compatible=True)]
        rows = x.reshape(1, 3, 400)
        return [layer(x) for layer in layers[:3]] + [layer(rows) for layer in layers[3:]]

    both(stacks, script, ulps=1)


def test_rope_at_offsets_and_alibi_with_a_mask(stacks) -> None:
    def script(s: Stack) -> Any:
        x = s.core.random.normal((2, 3, 5, 8))
        rope, alibi = s.nn.RoPE(8), s.nn.ALiBi()
        scores = s.core.random.normal((2, 3, 4, 7)).astype(s.core.float16)
        return [
            rope(x, offset=7),
            s.nn.RoPE(6, scale=0.3)(x, offset=4),
            rope(x, offset=s.core.array(3)),
            rope(x, offset=s.core.array([3, 9])),
            alibi(scores, offset=3, mask=scores[0]),
            s.nn.ALiBi.create_alibi_matrix(4, 6, 5, 1),
            s.nn.ALiBi.create_alibi_slope(12),
            s.nn.ALiBi.create_alibi_slope(8, s.core.bfloat16),
        ]

    both(stacks, script)


def ones(s: Stack, *shape: int) -> Any:
    return s.core.ones(shape)


LAYER_MISUSES = {
    "linear": lambda s: s.nn.Linear(3, 2)(ones(s, 4, 5)),
    "dropout": lambda s: s.nn.Dropout(1.0),
    "dropout2d": lambda s: s.nn.Dropout2d(-0.1),
    "dropout3d": lambda s: s.nn.Dropout3d(2),
    "dropout2d axes": lambda s: s.nn.Dropout2d()(ones(s, 2, 3)),
    "dropout3d axes": lambda s: s.nn.Dropout3d()(ones(s, 2, 3)),
    "layer eps": lambda s: s.nn.LayerNorm(3, eps=0),
    "layer size": lambda s: s.nn.LayerNorm(3)(ones(s, 4)),
    "layer number": lambda s: s.nn.LayerNorm(3)(s.core.array(1.0)),
    "layer integers": lambda s: s.nn.LayerNorm(3, affine=False)(s.core.array([1, 2, 3])),
    "rms eps": lambda s: s.nn.RMSNorm(3, eps=-1),
    "rms number": lambda s: s.nn.RMSNorm(3)(s.core.array(1.0)),
    "instance eps": lambda s: s.nn.InstanceNorm(3, eps=0),
    "instance axes": lambda s: s.nn.InstanceNorm(3)(ones(s, 2, 3)),
    "group eps": lambda s: s.nn.GroupNorm(2, 4, eps=0),
    "groups": lambda s: s.nn.GroupNorm(0, 4),
    "group dims": lambda s: s.nn.GroupNorm(2, 0),
    "group multiple": lambda s: s.nn.GroupNorm(3, 4),
    "batch eps": lambda s: s.nn.BatchNorm(3, eps=0),
    "batch axes": lambda s: s.nn.BatchNorm(3)(ones(s, 3)),
    "batch of one": lambda s: s.nn.BatchNorm(3)(ones(s, 1, 3)),
    "rope axes": lambda s: s.nn.RoPE(4)(ones(s, 3, 4)),
    "rope odd": lambda s: s.nn.RoPE(3)(ones(s, 1, 3, 4)),
    "rope none": lambda s: s.nn.RoPE(0)(ones(s, 1, 3, 4)),
    "rope size": lambda s: s.nn.RoPE(8)(ones(s, 1, 3, 4)),
    "rope integers": lambda s: s.nn.RoPE(4)(s.core.zeros((1, 3, 4), s.core.int32)),
    "sinusoidal": lambda s: s.nn.SinusoidalPositionalEncoding(3),
    "conv groups": lambda s: s.nn.Conv1d(3, 4, 2, groups=2),
    "conv channels": lambda s: s.nn.Conv2d(3, 4, 2)(ones(s, 1, 5, 5, 4)),
    "conv axes": lambda s: s.nn.Conv2d(3, 4, 2)(ones(s, 5, 5, 3)),
    "conv too small": lambda s: s.nn.Conv2d(3, 4, 4)(ones(s, 1, 3, 5, 3)),
    "conv integers": lambda s: s.core.conv1d(
        s.core.zeros((1, 4, 2), s.core.int32), s.core.zeros((1, 2, 2), s.core.int32)
    ),
    "conv stride": lambda s: s.nn.Conv1d(3, 4, 2, stride=0)(ones(s, 1, 3, 3)),
    "pool size": lambda s: s.nn.MaxPool2d((1, 2, 3)),
    "pool float": lambda s: s.nn.MaxPool2d(2.0),
    "pool stride": lambda s: s.nn.AvgPool1d(2, 0),
    "pool padding": lambda s: s.nn.AvgPool3d(2, padding=-1),
    "pool axes": lambda s: s.nn.MaxPool2d(2)(ones(s, 5, 5, 3)),
    "upsample mode": lambda s: s.nn.Upsample(2, "area"),
    "upsample nearest": lambda s: s.nn.Upsample(2, antialias=True),
    "upsample corners": lambda s: s.nn.Upsample(2, "linear", True, True),
    "upsample axes": lambda s: s.nn.Upsample(2)(ones(s, 5, 3)),
    "upsample factors": lambda s: s.nn.Upsample((2, 2))(ones(s, 1, 5, 3)),
    "identity init": lambda s: s.nn.init.identity()(ones(s, 2, 3)),
    "glorot": lambda s: s.nn.init.glorot_normal()(ones(s, 2)),
    "he": lambda s: s.nn.init.he_uniform()(ones(s, 2, 2), mode="fan_both"),
    "sparse": lambda s: s.nn.init.sparse(0.5)(ones(s, 2)),
    "orthogonal": lambda s: s.nn.init.orthogonal()(ones(s, 2)),
}


#: Where MLX speaks of windows or of other axes than the layer has, and we of the layer's input.
OWN_WORDS = {"conv axes", "conv too small", "pool axes"}


@pytest.mark.parametrize("case", LAYER_MISUSES)
def test_layers_that_do_not_fit(stacks, case: str) -> None:
    mine, theirs = (outcome(LAYER_MISUSES[case], s) for s in stacks)
    assert mine[0] == theirs[0] == "ValueError"
    assert mine == theirs or case in OWN_WORDS


TRANSFORMERS: dict[str, Any] = {
    "attention": lambda nn: nn.MultiHeadAttention(8, 2),
    "attention of other sizes": lambda nn: nn.MultiHeadAttention(8, 4, 8, 8, 8, 12, 8, bias=True),
    "encoder layer": lambda nn: nn.TransformerEncoderLayer(8, 2, 5),
    "encoder layer, norm last": lambda nn: nn.TransformerEncoderLayer(8, 2, norm_first=False),
    "encoder": lambda nn: nn.TransformerEncoder(2, 8, 2, activation=nn.gelu),
    "encoder, computed again": lambda nn: nn.TransformerEncoder(2, 8, 2, checkpoint=True),
    "decoder layer": lambda nn: nn.TransformerDecoderLayer(8, 2),
    "decoder layer, norm last": lambda nn: nn.TransformerDecoderLayer(8, 4, 6, norm_first=False),
    "decoder": lambda nn: nn.TransformerDecoder(1, 8, 2, dropout=0.2),
    "whole": lambda nn: nn.Transformer(8, 2, 1, 1, 6, 0.1),
    "whole, computed again": lambda nn: nn.Transformer(8, 2, 2, 1, checkpoint=True),
    "custom encoder": lambda nn: nn.Transformer(
        8, 2, 1, 1, custom_encoder=nn.TransformerEncoder(1, 8, 4)
    ),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(stacks, name: str) -> None:
    """Printed form, parameters, outputs and every gradient, without and with masks."""

    def script(s: Stack) -> Any:
        layer = TRANSFORMERS[name](s.nn)
        found: list[Any] = [re.sub(r"<(function|mlx).*?>", "<a function>", repr(layer))]
        found.append(layer.parameters())
        x, y = s.core.random.normal((2, 5, 8)), s.core.random.normal((2, 5, 8))
        later = s.nn.MultiHeadAttention.create_additive_causal_mask(5)
        for mask in (None, "causal", later, s.core.random.normal((2, 1, 5, 5)) < 1):
            if "encoder" in name and "custom" not in name:
                arguments: tuple[Any, ...] = (mask,)
            elif name.startswith("attention"):
                arguments = (y, y * 2, mask)
            elif name.startswith("decoder"):
                arguments = (y, mask, None)
            else:
                arguments = (y, None, mask, mask)
            layer.eval()  # two ways to draw the same dropout are compared elsewhere

            def loss(x: Any, layer: Any = layer, arguments: Any = arguments) -> Any:
                return (layer(x, *arguments) ** 2).sum()

            found.append(layer(x, *arguments))
            found.append(s.core.grad(loss)(x))
            found.append(s.nn.value_and_grad(layer, loss)(x))
        return found

    both(stacks, script, ulps=256)
    assert both(stacks, lambda s: s.nn.MultiHeadAttention(8, 3), fails=True)[0] == "ValueError"


def test_initializers(stacks) -> None:
    def script(s: Stack) -> Any:
        init, a, window = s.nn.init, s.core.zeros((6, 4)), s.core.zeros((5, 3, 2, 4))
        found = [init.constant(2.5, s.core.float16)(a), init.identity()(s.core.zeros((3, 3)))]
        found += [init.normal(1, 2)(a), init.uniform(-1, 3)(a), init.sparse(0.6, 1, 2)(a)]
        for make in (init.glorot_normal, init.glorot_uniform):
            found += [make()(a), make()(window, gain=2.0)]
        for make in (init.he_normal, init.he_uniform):
            found += [make()(a), make(s.core.bfloat16)(window, mode="fan_out", gain=2.0)]
        return [*found, init.orthogonal(2.0)(a), init.orthogonal()(a.T)]

    both(stacks, script, ulps=64)
    s = stacks[0]
    q = np.array(s.nn.init.orthogonal()(s.core.zeros((7, 4))))
    assert np.abs(q.T @ q - np.eye(4)).max() < 1e-5


TORCH_LAYERS = {
    "LayerNorm": (lambda nn: nn.LayerNorm(6), lambda nn: nn.LayerNorm(6), (4, 5, 6)),
    "RMSNorm": (lambda nn: nn.RMSNorm(6), lambda nn: nn.RMSNorm(6, eps=1e-5), (4, 6)),
    "GroupNorm": (
        lambda nn: nn.GroupNorm(2, 6, pytorch_compatible=True),
        lambda nn: nn.GroupNorm(2, 6),
        (3, 4, 5, 6),
    ),
    "InstanceNorm": (
        lambda nn: nn.InstanceNorm(6, affine=True),
        lambda nn: nn.InstanceNorm2d(6, affine=True),
        (3, 4, 5, 6),
    ),
    "BatchNorm": (lambda nn: nn.BatchNorm(6), lambda nn: nn.BatchNorm2d(6), (3, 4, 5, 6)),
    "Linear": (lambda nn: nn.Linear(6, 3), lambda nn: nn.Linear(6, 3), (4, 5, 6)),
}


@pytest.mark.parametrize("name", TORCH_LAYERS)
def test_layers_of_pytorch(stacks, name: str) -> None:
    """Outputs and every gradient in float64's eyes, with the same weights, in both modes."""
    import torch

    s = stacks[0]
    make, make_theirs, shape = TORCH_LAYERS[name]
    layer, theirs = make(s.nn), make_theirs(torch.nn).double()
    draw = np.random.default_rng(4)
    for key, value in theirs.named_parameters():
        numbers = draw.normal(size=tuple(value.shape))
        value.data = torch.tensor(numbers)
        layer[key] = s.core.array(numbers.astype("f4"))
    # PyTorch's channels are the second axis.
    order = [0, len(shape) - 1, *range(1, len(shape) - 1)] if "2d" in str(theirs) else None
    order = order or ([0, 3, 1, 2] if name == "GroupNorm" else list(range(len(shape))))
    back = [order.index(i) for i in range(len(shape))]
    for mode in (True, False):
        layer.train(mode)
        theirs.train(mode)
        for key, value in theirs.named_buffers():  # the running statistics, of as many steps
            if "running" in key:
                layer[key] = s.core.array(value.numpy().astype("f4"))
        x = draw.normal(size=shape) * 2 + 1
        t = torch.tensor(x, requires_grad=True)
        y = theirs(t.permute(*order)).permute(*back)
        g = draw.normal(size=tuple(y.shape))
        theirs.zero_grad()
        y.backward(torch.tensor(g))
        tiny_x, tiny_g = s.core.array(x.astype("f4")), s.core.array(g.astype("f4"))

        def loss(x: Any, g: Any = tiny_g) -> Any:
            return (layer(x) * g).sum()

        dx = s.core.grad(loss)(tiny_x)
        _, dw = s.nn.value_and_grad(layer, loss)(tiny_x)
        assert np.abs(np.array(layer(tiny_x)) - y.detach().numpy()).max() < 1e-5
        assert np.abs(np.array(dx) - t.grad.numpy()).max() < 2e-5
        for key, value in theirs.named_parameters():
            assert np.abs(np.array(dw[key]) - value.grad.numpy()).max() < 1e-4, key


def test_running_statistics_of_pytorch(stacks) -> None:
    import torch

    s = stacks[0]
    layer, theirs = s.nn.BatchNorm(3, momentum=0.2), torch.nn.BatchNorm1d(3, momentum=0.2).double()
    draw = np.random.default_rng(5)
    for _ in range(4):
        x = draw.normal(size=(7, 3)) * 3 + 2
        theirs(torch.tensor(x))
        layer(s.core.array(x.astype("f4")))
    assert np.abs(np.array(layer.running_mean) - theirs.running_mean.numpy()).max() < 1e-5
    assert np.abs(np.array(layer.running_var) - theirs.running_var.numpy()).max() < 2e-5


def test_dropout_drops_as_many_as_it_should(stacks) -> None:
    """20,000 decisions at p = 0.3: six standard deviations are 0.0194 (false alarm 2e-9)."""
    s = stacks[0]
    s.core.random.seed(11)
    y = np.array(s.nn.Dropout(0.3)(s.core.ones((200, 100))))
    assert abs((y == 0).mean() - 0.3) < 0.0194
    assert np.allclose(y[y != 0], 1 / 0.7)


# Modules


def mlp(s: Stack) -> Any:
    class Block(s.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = s.nn.BatchNorm(4)
            self.layers = [s.nn.Linear(4, 4), {"deep": s.nn.Linear(4, 4)}]
            self.scale = s.core.array([2.0])
            self.pair = (s.core.ones(2), s.core.ones(3))
            self._hidden = s.core.zeros(3)
            self.arrays = [s.core.ones(2), s.core.zeros(2)]
            self.plain_number = 3

        def __call__(self, x: Any) -> Any:
            return self.layers[1]["deep"](s.nn.relu(self.layers[0](self.norm(x)))) * self.scale

    return s.nn.Sequential(Block(), s.nn.Linear(4, 2))


def anatomy(s: Stack) -> Any:
    model = mlp(s)
    no_numbers = lambda tree: s.utils.tree_map(lambda x: 0, tree)  # noqa: E731
    return [
        repr(model),
        model.parameters(),
        no_numbers(model.trainable_parameters()),
        s.utils.tree_map(str, model.children(), is_leaf=s.nn.Module.is_module),
        s.utils.tree_map(str, model.leaf_modules(), is_leaf=s.nn.Module.is_module),
        [(name, type(m).__name__) for name, m in model.named_modules()],
        [type(m).__name__ for m in model.modules()],
        model.state is model,
        "layers" in model,
        list(model.layers[0]),
        model["layers"][1]["weight"],
        model.filter_and_map(lambda m, k, v: True, lambda v: str(type(v).__name__)),
    ]


def attributes(s: Stack) -> Any:
    m = s.nn.Module()
    m.a = 3
    found = [m.a, "a" in m]
    m.a = s.core.ones(2)
    found += [m.a, "a" in m, "a" in m.__dict__]
    m.a = None
    found += [m.a, "a" in m]
    m.b = [1]
    del m.b
    found += [hasattr(m, "b"), dict(m)]
    m.c = s.core.ones(1)
    m.c = "text"
    found += [m.c, list(m)]
    del m.c
    return [*found, hasattr(m, "c")]


def freezing(s: Stack) -> Any:
    model = mlp(s)

    def free() -> list[str]:
        return [name for name, _ in s.utils.tree_flatten(model.trainable_parameters())]

    found = [free(), model.freeze() is model, free()]
    model.unfreeze(keys="bias")
    found.append(free())
    model.layers[0].unfreeze(recurse=False)
    found.append(free())
    model.unfreeze(keys=["weight", "arrays"], strict=True)
    found.append(free())
    model.unfreeze()
    model.layers[0].norm.freeze(keys=["weight"])
    model.layers[0].norm.unfreeze()
    found.append(free())
    model.apply_to_modules(lambda k, m: m.freeze() if k.endswith("deep") else None)
    return [*found, free()]


def changing(s: Stack) -> Any:
    model = mlp(s)
    model.set_dtype(s.core.float16)
    found = [model.parameters()]
    model.set_dtype(s.core.bfloat16, lambda d: d == s.core.float32)
    model.apply(lambda x: x + 1)
    model.apply(lambda x: x * 0, lambda m, k, v: s.nn.Module.valid_parameter_filter(m, k, v)
                and "weight" not in k)  # fmt: skip
    found.append(model.parameters())
    model.update({"layers": [{"scale": s.core.ones((3, 3))}]})
    model.update({"nothing": s.core.ones(1), "layers": [{}, {}, {}]}, strict=False)
    model.update_modules({"layers": [{}, s.nn.LayerNorm(2)]})
    model.update_modules({"layers": [{"layers": [{}, {"deep": s.nn.Identity()}]}]})
    model.eval()
    found += [model.parameters(), [m.training for m in model.modules()]]
    model.layers[0].train()
    return [*found, [m.training for m in model.modules()], repr(model)]


def lazy_init(s: Stack) -> Any:
    """A subclass that never calls super().__init__()."""

    class Lazy(s.nn.Module):
        def __init__(self) -> None:
            self.weight = s.core.ones(3)
            self.inner = s.nn.Linear(3, 2)

        def __call__(self, x: Any) -> Any:
            return self.inner(x * self.weight)

    m = Lazy()
    return m(s.core.ones((1, 3))), m.parameters(), repr(m), [k for k, _ in m.named_modules()]


def shared(s: Stack) -> Any:
    """One layer at two places, and one array in two layers: gradients, and a step."""
    layer = s.nn.Linear(3, 3)
    model = s.nn.Sequential(layer, s.nn.Tanh(), layer, s.nn.Linear(3, 3))
    model.layers[3].bias = layer.bias
    x = s.core.random.normal((4, 3))
    optimizer = s.optim.Adam(0.1)
    gradient = s.nn.value_and_grad(model, lambda x: (model(x) ** 2).mean())
    found = []
    for _ in range(3):
        loss, g = gradient(x)
        optimizer.update(model, g)
        found.append((loss, g, model.parameters()))
    return found


def several_outputs(s: Stack) -> Any:
    model = s.nn.Linear(3, 2)

    def loss(x: Any, *, scale: float) -> Any:
        y = model(x)
        return (y**2).sum() * scale, y, {"aux": y.sum()}

    return s.nn.value_and_grad(model, loss)(s.core.ones((2, 3)), scale=3.0)


def nan_gradients(s: Stack) -> Any:
    model = s.nn.Linear(2, 1)
    loss, g = s.nn.value_and_grad(model, lambda x: s.core.sqrt(model(x) * 0).sum())(ones(s, 1, 2))
    clipped, norm = s.optim.clip_grad_norm(g, 1.0)
    return loss, g, clipped, norm


def checkpointed(s: Stack) -> Any:
    model = s.nn.Sequential(s.nn.Linear(4, 4), s.nn.GELU(), s.nn.Linear(4, 1))
    run = s.nn.utils.checkpoint(model)
    x = s.core.random.normal((3, 4))
    g = s.nn.value_and_grad(model, lambda x: run(x).sum())(x)
    again = s.nn.utils.checkpoint(model, lambda x, y: model(x * y))
    return run(x), g, s.core.grad(lambda x: again(x, 2 * x).sum())(x), model.parameters()


def one_process(s: Stack) -> Any:
    g = {"a": ones(s, 3), "b": [2 * ones(s, 2)]}
    return s.nn.average_gradients(g), s.nn.utils.clip_grad_norm_sharded(g, 1.0)


def trees(s: Stack) -> Any:
    u = s.utils
    tree = {"a": [1, (2, {"b": 3})], "c": {}, "d": []}

    class Pair(NamedTuple):
        left: Any
        right: Any

    return [
        u.tree_map(lambda x: x + 1, tree),
        u.tree_map(lambda x, y: x * y, [1, 2], [3, 4, 5]),
        u.tree_map(lambda x: x, {"p": Pair(1, [2])})["p"].right,
        u.tree_map(len, [[1, 2], [3]], is_leaf=lambda x: isinstance(x, list) and x[0] != [1, 2]),
        u.tree_map_with_path(lambda p, x: f"{p}={x}", tree),
        u.tree_map_with_path(lambda p, x, y: (p, x, y), (1, Pair(2, 3)), (4, (5, 6)), path="top"),
        u.tree_flatten(tree),
        u.tree_flatten(tree, prefix=".x", destination={"y": 0}),
        u.tree_flatten(7),
        u.tree_flatten([1, [2]], is_leaf=lambda x: x == [2]),
        u.tree_unflatten(u.tree_flatten(tree)),
        u.tree_unflatten({"a.0": 1, "a.2": 2, "b.01": 3, "b.1": 4}),
        u.tree_unflatten([("10", 1), ("9", 2), ("0", 3)])[9:],
        u.tree_unflatten([]),
        u.tree_unflatten([("", 5)]),
        u.tree_reduce(lambda a, x: a + x, tree),
        u.tree_reduce(lambda a, x: a + x, tree, 10),
        u.tree_reduce(lambda a, x: a + x, {}),
        u.tree_reduce(
            lambda a, x: a + len(x), [[1], [2, 3]], 0, is_leaf=lambda x: x != [[1], [2, 3]]
        ),
        u.tree_merge({}, {"a": 1}),
        u.tree_merge([1, {}], [{}, 2]),
        u.tree_merge((1, 2), [3, 4], lambda a, b: a * b),
        u.tree_merge([], []),
        u.tree_merge(None, 3),
        u.tree_merge({"a": {"b": 1}}, {"a": {"b": 2}}, lambda a, b: a - b),
        dict(sorted(u.tree_merge({"a": 1, "b": {}}, {"c": 2, "b": {"d": 3}}).items())),
    ]


SCRIPTS = [
    anatomy, attributes, freezing, changing, lazy_init, shared, several_outputs, nan_gradients,
    checkpointed, one_process, trees,
]  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts(stacks, script) -> None:
    both(stacks, script, ulps=256)


MODULE_MISUSES = {
    "update name": lambda s, m: m.update({"nothing": s.core.ones(1)}),
    "update position": lambda s, m: m.update({"layers": [{}, {}, {}]}),
    "update no array": lambda s, m: m.update({"layers": [{"scale": 3}]}),
    "update no tree": lambda s, m: m.update(3),
    "update deep": lambda s, m: m.update({"layers": [{"norm": 3}]}),
    "modules name": lambda s, m: m.update_modules({"nothing": s.nn.Identity()}),
    "modules position": lambda s, m: m.update_modules({"layers": [{}, {}, {}]}),
    "modules no module": lambda s, m: m.update_modules({"layers": [{"scale": 3}]}),
    "modules no tree": lambda s, m: m.update_modules([]) and m.update_modules("x"),
    "freeze": lambda s, m: m.freeze(keys="nothing", strict=True),
    "freeze own": lambda s, m: m.freeze(keys="weight", strict=True, recurse=False),
    "unfreeze": lambda s, m: m.unfreeze(keys=["bias", "nothing"], strict=True),
    "attribute": lambda s, m: m.nothing,
    "delete": lambda s, m: delattr(m, "nothing"),
    "ending": lambda s, m: m.save_weights("weights.txt"),
    "extra": lambda s, m: m.load_weights(
        [*s.utils.tree_flatten(m.parameters()), ("z", 1), ("y", 2)]
    ),
    "missing": lambda s, m: m.load_weights(s.utils.tree_flatten(m.parameters())[2:]),
    "shape": lambda s, m: m.load_weights(
        [(k, v.reshape(-1)) for k, v in s.utils.tree_flatten(m.parameters())]
    ),
    "no weights": lambda s, m: m.load_weights([]),
    "frozen": lambda s, m: s.nn.value_and_grad(m.freeze(), lambda x: m(x).sum())(ones(s, 2, 4)),
    "no scalar": lambda s, m: s.nn.value_and_grad(m, m)(ones(s, 2, 4)),
    "merge": lambda s, m: s.utils.tree_merge({"a": 1}, {"a": 2}),
    "merge empty": lambda s, m: s.utils.tree_merge([], {}),
    "destination": lambda s, m: s.utils.tree_flatten([1], destination=3),
    "unlike trees": lambda s, m: s.utils.tree_map(lambda a, b: a, {"a": 1}, {}),
}


@pytest.mark.parametrize("case", MODULE_MISUSES)
def test_misuse_of_modules(stacks, case: str) -> None:
    mine, theirs = (outcome(lambda s: MODULE_MISUSES[case](s, mlp(s)), s) for s in stacks)
    assert isinstance(theirs, tuple), theirs
    if case in ("frozen", "no scalar"):  # the sentence of tinymlx.core says a little more
        assert mine[0] == theirs[0] and theirs[1].removeprefix("[grad]") in mine[1]
    else:
        assert mine == theirs


def test_a_weight_that_is_no_array(stacks) -> None:
    s = stacks[0]
    m = s.nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"Expected mx\.array but received .* for parameter bias"):
        m.load_weights([("weight", s.core.ones((2, 2))), ("bias", 3)])
    assert m.weight.shape == (2, 2) and not np.array_equal(np.array(m.weight), np.ones((2, 2)))


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_weights_through_a_file(stacks, tmp_path, ending: str) -> None:
    """Written by one library, read by the other; also over the file that is being read."""
    tiny, mlx = stacks
    for s, other in [(tiny, mlx), (mlx, tiny)]:
        file = str(tmp_path / f"{s.core.__name__}.{ending}")
        model = mlp(s)
        model.set_dtype(s.core.bfloat16 if ending == "safetensors" else s.core.float16)
        model.save_weights(file)
        loaded = mlp(other)
        loaded.load_weights(file)
        assert_equal(plain(loaded.parameters()), plain(model.parameters()), ulps=0)
        if other is tiny:
            loaded.load_weights(file)
            loaded.save_weights(file)
            assert_equal(plain(loaded.parameters()), plain(model.parameters()), ulps=0)
    assert sorted(os.listdir(tmp_path)) == [f"mlx.core.{ending}", f"tinymlx.core.{ending}"]


FULL_DISK = """
import resource, signal, sys
from course.cli.project import implementation
from course.paths import find_project
from course.registry import load_registry
project = find_project()
with implementation(project, load_registry(project), "solutions"):
    from tinymlx import nn
    small, large = nn.Linear(2, 2), nn.Linear(500, 500)
    file = sys.argv[1]
    small.save_weights(file)
    before = open(file, "rb").read()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    try:
        large.save_weights(file)
    except (OSError, RuntimeError) as error:
        print(type(error).__name__, open(file, "rb").read() == before)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of file sizes are a matter of POSIX")
@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_full_disk_loses_nothing(tmp_path, ending: str) -> None:
    """A file may grow to 10 kB, the weights need 1 MB: an error, and the old file is whole."""
    file = tmp_path / f"weights.{ending}"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == ["True"], done.stdout
    assert os.listdir(tmp_path) == [file.name]


# Gradients of a model


def test_the_model_is_itself_again(stacks) -> None:
    """After a gradient, and after an exception, the very arrays are back; nothing is watched."""
    s = stacks[0]
    model = mlp(s)
    cache: list[Any] = []

    class Keeping(s.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model
            self.kept = [s.core.zeros(1)]
            self.weight = s.core.ones(2)

        def __call__(self, x: Any) -> Any:
            y = self.inner(x)
            self.kept[0] = y
            self.weight += 1.0
            if cache:
                raise KeyError("on purpose")
            return y.sum() + (self.weight * 0).sum()

    outer = Keeping()
    before = dict(s.utils.tree_flatten(outer.parameters()))
    statistics = np.array(model.layers[0].norm.running_mean)
    step = s.nn.value_and_grad(outer, outer)
    for raising in (False, True):
        if raising:
            cache.append(1)
            with pytest.raises(KeyError):
                step(s.core.random.normal((5, 4)))
        else:
            step(s.core.random.normal((5, 4)))
        after = dict(s.utils.tree_flatten(outer.parameters()))
        for name, value in after.items():
            assert value._trace is None, name
            if name not in ("kept.0", "weight") and "running" not in name:
                assert value is before[name], name
        assert np.array(outer.kept[0]).shape == (5, 2)
        assert np.array(outer.weight)[0] == 3.0 if raising else 2.0
    assert not np.array_equal(np.array(model.layers[0].norm.running_mean), statistics)


def test_a_gradient_by_the_input_leaves_no_watched_statistics(stacks) -> None:
    s = stacks[0]
    norm = s.nn.BatchNorm(3)
    x = s.core.random.normal((4, 3))
    for _ in range(2):
        s.core.grad(lambda x: (norm(x) ** 3).sum())(x)
    assert norm.running_mean._trace is None
    assert np.isfinite(np.array(norm(x))).all()


def test_transforms_of_a_model(stacks) -> None:
    """Second derivatives, vmap of a model, a gradient penalty: the same as MLX."""

    def script(s: Stack) -> Any:
        model = s.nn.Sequential(
            s.nn.Linear(3, 4), s.nn.Tanh(), s.nn.LayerNorm(4), s.nn.Linear(4, 1)
        )
        x = s.core.random.normal((5, 3))

        def penalty(x: Any) -> Any:
            slope = s.core.grad(lambda x: model(x).sum())(x)
            return (slope**2).sum()

        loss, g = s.nn.value_and_grad(model, penalty)(x)
        rows = s.core.vmap(lambda row: model(row))(x)
        whole = s.core.grad(lambda m: (m(x) ** 2).sum())(model)
        return loss, g, rows, s.core.grad(penalty)(x), whole, model.parameters()

    both(stacks, script, ulps=256)


def test_processes_are_simulated(stacks, monkeypatch) -> None:
    """Averaging over two equal processes: parcels of every size give the gradients back."""
    s = stacks[0]

    class Two:
        def size(self) -> int:
            return 2

    monkeypatch.setattr(s.core.distributed, "all_sum", lambda x, group=None, stream=None: x + x)
    g = {"a": [s.core.arange(6.0).reshape(2, 3), s.core.array(5.0)], "b": s.core.arange(4.0)}
    for size in (0, 1, 20, 10**9):
        got = s.nn.average_gradients(g, Two(), size)
        assert_equal(plain(got), plain(g), ulps=0)
    g["b"] = g["b"].astype(s.core.float16)
    assert_equal(plain(s.nn.average_gradients(g, Two())), plain(g), ulps=0)
    assert s.nn.average_gradients({}, Two()) == {}
    clipped, norm = s.nn.utils.clip_grad_norm_sharded({"a": s.core.array([3.0, 4.0])}, 1.0, Two())
    assert math.isclose(norm.item(), math.sqrt(50), rel_tol=1e-6)
    assert np.allclose(np.array(clipped["a"]), np.array([3, 4]) / math.sqrt(50), atol=1e-6)
