"""A compiled training step that captures the model, the optimizer and the random state."""

from functools import partial

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim


class Regression(nn.Module):
    def __init__(self, dims: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(dims, 32), nn.LayerNorm(32), nn.GELU(), nn.Dropout(0.25), nn.Linear(32, 32)
        )
        self.head = nn.Linear(32, 1)
        self.norm = nn.BatchNorm(32)

    def __call__(self, x):
        return self.head(self.norm(self.body(x))).squeeze(-1)


mx.random.seed(5)
x = mx.random.normal((256, 6))
y = mx.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * mx.random.normal((256,))
model = Regression(6)
mx.eval(model.parameters())
optimizer = optim.Adam(learning_rate=optim.linear_schedule(0.02, 0.005, 30))
state = [model.state, optimizer.state, mx.random.state]


@partial(mx.compile, inputs=state, outputs=state)
def step(x, y):
    noisy = x + 0.05 * mx.random.normal(x.shape)

    def loss_fn(x, y):
        return nn.losses.huber_loss(model(x), y, delta=0.5, reduction="mean")

    loss, grads = nn.value_and_grad(model, loss_fn)(noisy, y)
    optimizer.update(model, grads)
    return loss


@partial(mx.compile, inputs=[model.state])
def evaluate(x, y):
    return nn.losses.mse_loss(model(x), y)


for i in range(30):
    rows = slice(64 * (i % 4), 64 * (i % 4) + 64)
    loss = step(x[rows], y[rows])
    mx.eval(state)
    print(f"loss {loss.item():.7g}")
model.eval()
print(f"held out {evaluate(x, y).item():.7g}")
print(f"rate {optimizer.learning_rate.item():.7g} steps {optimizer.step.item()}")
