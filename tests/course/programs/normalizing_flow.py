"""A normalizing flow of coupling layers: the density of two moons, by the change of variables."""

import math

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim


class Coupling(nn.Module):
    def __init__(self, dims: int, hidden: int, flip: bool):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(dims // 2, hidden), nn.SiLU(), nn.Linear(hidden, dims))

    def __call__(self, x):
        a, b = mx.split(x, 2, axis=-1)
        if self.flip:
            a, b = b, a
        scale, shift = mx.split(self.net(a), 2, axis=-1)
        scale = mx.tanh(scale)
        b = b * mx.exp(scale) + shift
        y = mx.concatenate([b, a] if self.flip else [a, b], axis=-1)
        return y, scale.sum(axis=-1)


class Flow(nn.Module):
    def __init__(self, dims: int, layers: int):
        super().__init__()
        self.couplings = [Coupling(dims, 16, flip=bool(i % 2)) for i in range(layers)]
        self.log_scale = mx.zeros((dims,))

    def log_prob(self, x):
        log_det = self.log_scale.sum()
        z = x * mx.exp(self.log_scale)
        for coupling in self.couplings:
            z, change = coupling(z)
            log_det = log_det + change
        log_normal = -0.5 * (z**2 + math.log(2 * math.pi)).sum(axis=-1)
        return log_normal + log_det


def moons(n: int):
    angle = mx.random.uniform(0, math.pi, (n,))
    upper = mx.random.bernoulli(0.5, (n,))
    x = mx.where(upper, mx.cos(angle), 1 - mx.cos(angle))
    y = mx.where(upper, mx.sin(angle), 0.5 - mx.sin(angle))
    return mx.stack([x, y], axis=-1) + 0.05 * mx.random.normal((n, 2))


mx.random.seed(3)
flow = Flow(2, 4)
optimizer = optim.MultiOptimizer(
    [optim.Muon(0.02), optim.Lion(2e-3, weight_decay=0.01)],
    [lambda name, weight: weight.ndim == 2],
)
loss_and_grad = nn.value_and_grad(flow, lambda x: -flow.log_prob(x).mean())
for _ in range(30):
    loss, grads = loss_and_grad(moons(128))
    optimizer.update(flow, grads)
    mx.eval(flow, optimizer.state)
    print(f"loss {loss.item():.7g}")
each = mx.vmap(mx.grad(lambda row: flow.log_prob(row[None]).sum()))(moons(5))
print("score", " ".join(f"{v:.5g}" for v in each.reshape(-1).tolist()))
