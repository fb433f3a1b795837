"""A classifier of points in rings: batch normalization, dropout, momentum, a schedule."""

import math

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_flatten


class Classifier(nn.Module):
    def __init__(self, dims: int, hidden: int, classes: int):
        super().__init__()
        self.layers = [
            nn.Linear(dims, hidden),
            nn.BatchNorm(hidden),
            nn.Linear(hidden, hidden),
            nn.Linear(hidden, classes),
        ]
        self.dropout = nn.Dropout(0.1)

    def __call__(self, x):
        x = nn.relu(self.layers[1](self.layers[0](x)))
        x = self.dropout(nn.leaky_relu(self.layers[2](x)))
        return self.layers[3](x)


def rings(n: int, classes: int):
    labels = mx.random.randint(0, classes, (n,))
    angle = mx.random.uniform(0, 2 * math.pi, (n,))
    radius = labels + 1 + 0.2 * mx.random.normal((n,))
    return mx.stack([radius * mx.cos(angle), radius * mx.sin(angle)], axis=1), labels


def loss_fn(model, x, y):
    logits = model(x)
    loss = nn.losses.cross_entropy(logits, y, label_smoothing=0.05, reduction="mean")
    return loss, (mx.argmax(logits, axis=1) == y).mean()


mx.random.seed(0)
x, y = rings(512, 3)
model = Classifier(2, 32, 3)
schedule = optim.join_schedules(
    [optim.linear_schedule(0.0, 0.2, 5), optim.cosine_decay(0.2, 35)], [5]
)
optimizer = optim.SGD(learning_rate=schedule, momentum=0.9, nesterov=True, weight_decay=1e-4)
loss_and_grad = nn.value_and_grad(model, loss_fn)

print(model)
print("parameters", sum(p.size for _, p in tree_flatten(model.trainable_parameters())))
for _ in range(40):
    rows = mx.random.permutation(512)[:128]
    (loss, accuracy), grads = loss_and_grad(model, x[rows], y[rows])
    optimizer.update(model, grads)
    mx.eval(model.parameters(), optimizer.state)
    print(f"loss {loss.item():.7g} accuracy {accuracy.item():.3f}")
model.eval()
print(f"held out {loss_fn(model, *rings(256, 3))[0].item():.7g}")
