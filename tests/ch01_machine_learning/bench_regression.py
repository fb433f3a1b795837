"""Throughput of the closed-form fit: 20,000 examples, 32 columns."""

import mlx.core as mx
import numpy as np
import torch

from course.grading.marks import exercise

N, D = 20_000, 32
random = np.random.default_rng(0)
X = random.normal(size=(N, D)).astype(np.float32)
Y = (X @ random.normal(size=D) + random.normal(size=N) + 3).astype(np.float32)


@exercise("1.6")
def bench_least_squares(race):
    """QR is about 2 N D^2 operations; LAPACK also forms Q, which costs as much again."""

    def tiny(_package):
        from tinymlx.basics.regression import least_squares

        x, y = mx.array(X), mx.array(Y)
        return lambda: list(least_squares(x, y))

    def mlx():
        x, y = mx.array(X), mx.array(Y)

        def fit():
            a = mx.concatenate([x, mx.ones((N, 1))], axis=1)
            q, r = mx.linalg.qr(a, stream=mx.cpu)
            return mx.linalg.solve_triangular(r, q.T @ y, upper=True, stream=mx.cpu)

        return fit

    def pytorch():
        x, y = torch.from_numpy(X), torch.from_numpy(Y)[:, None]
        return lambda: torch.linalg.lstsq(torch.cat([x, torch.ones(N, 1)], dim=1), y).solution

    race(tiny=tiny, mlx=mlx, pytorch=pytorch, flops=4 * N * (D + 1) ** 2, bytes=4 * N * (D + 2))


@exercise("1.3")
def bench_gradient(race):
    """Two passes over the table: one for the residuals, one for the slopes."""

    def tiny(_package):
        from tinymlx.basics.regression import mean_squared_error_gradient

        x, y, w, b = mx.array(X), mx.array(Y), mx.ones((D,)), mx.array(0.5)
        return lambda: list(mean_squared_error_gradient(x, y, w, b))

    def mlx():
        x, y, w, b = mx.array(X), mx.array(Y), mx.ones((D,)), mx.array(0.5)
        slope = mx.grad(lambda w, b: mx.mean(mx.square(x @ w + b - y)), argnums=(0, 1))
        return lambda: list(slope(w, b))

    def pytorch():
        x, y, w, b = torch.from_numpy(X), torch.from_numpy(Y), torch.ones(D), torch.tensor(0.5)
        w.requires_grad_(), b.requires_grad_()

        def slope():
            return torch.autograd.grad(torch.mean(torch.square(x @ w + b - y)), (w, b))

        return slope

    race(tiny=tiny, mlx=mlx, pytorch=pytorch, flops=4 * N * D, bytes=8 * N * D)
