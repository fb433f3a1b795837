"""Softmax, cross entropy and gelu over rows, as the last layers of networks compute them."""

import mlx.core as mx
import mlx.nn
import numpy as np
import torch

from course.grading.marks import exercise

random = np.random.default_rng(0)
X = random.normal(size=(4096, 1024)).astype(np.float32)
T = random.integers(0, X.shape[1], X.shape[0]).astype(np.int32)


@exercise("4.3")
def bench_softmax(race):
    """Softmax over rows of 4096 x 1024 numbers, from its parts; MLX and PyTorch have a kernel."""

    def tiny(_package):
        from tinymlx import core, nn

        x = core.array(X)
        return lambda: nn.softmax(x)

    def tiny_compiled(_package):
        from tinymlx import core, nn

        x, call = core.array(X), core.compile(nn.softmax)
        return lambda: call(x)

    def mlx_eager():
        x = mx.array(X)
        return lambda: mlx.nn.softmax(x)

    def pytorch():
        x = torch.from_numpy(X)
        return lambda: torch.softmax(x, -1)

    race(
        tiny=tiny,
        tiny_compiled=tiny_compiled,
        mlx=mlx_eager,
        pytorch=pytorch,
        flops=5 * X.size,
        bytes=8 * X.size,
    )


@exercise("4.6")
def bench_cross_entropy(race):
    """The mean cross entropy of 4096 rows of 1024 logits, and its gradient."""

    def tiny(_package):
        from tinymlx import core, nn

        x, t = core.array(X), core.array(T)
        slope = core.value_and_grad(lambda x: nn.losses.cross_entropy(x, t, reduction="mean"))
        return lambda: slope(x)

    def mlx_eager():
        x, t = mx.array(X), mx.array(T)
        slope = mx.value_and_grad(lambda x: mlx.nn.losses.cross_entropy(x, t, reduction="mean"))
        return lambda: slope(x)

    def pytorch():
        x, t = torch.from_numpy(X).requires_grad_(), torch.from_numpy(T).long()
        return lambda: torch.autograd.grad(torch.nn.functional.cross_entropy(x, t), x)

    race(tiny=tiny, mlx=mlx_eager, pytorch=pytorch, flops=8 * X.size, bytes=8 * X.size)


@exercise("4.4")
def bench_gelu(race):
    """gelu of 4096 x 1024 numbers and its gradient, compiled."""

    def tiny_compiled(_package):
        from tinymlx import core, nn

        x, call = core.array(X), core.compile(core.grad(lambda x: nn.gelu(x).sum()))
        return lambda: call(x)

    def mlx_compiled():
        x, call = mx.array(X), mx.compile(mx.grad(lambda x: mlx.nn.gelu(x).sum()))
        return lambda: call(x)

    def pytorch():
        x = torch.from_numpy(X).requires_grad_()
        return lambda: torch.autograd.grad(torch.nn.functional.gelu(x).sum(), x)

    race(tiny_compiled=tiny_compiled, mlx_compiled=mlx_compiled, pytorch=pytorch, bytes=8 * X.size)
