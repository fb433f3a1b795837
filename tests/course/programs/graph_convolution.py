"""Graph convolution by matrix products: labels of a few nodes spread over two communities."""

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_map, tree_reduce


class GraphConvolution(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.bias = mx.zeros((outputs,))

    def __call__(self, adjacency, x):
        return adjacency @ self.linear(x) + self.bias


class Network(nn.Module):
    def __init__(self, features: int, hidden: int, classes: int):
        super().__init__()
        self.first = GraphConvolution(features, hidden)
        self.norm = nn.GroupNorm(4, hidden)
        self.second = GraphConvolution(hidden, classes)

    def __call__(self, adjacency, x):
        return self.second(adjacency, nn.gelu(self.norm(self.first(adjacency, x))))


mx.random.seed(4)
nodes, features = 60, 12
community = mx.arange(nodes) // 20
same = community[:, None] == community[None, :]
edges = mx.triu(mx.random.bernoulli(mx.where(same, 0.3, 0.03)), k=1).astype(mx.float32)
adjacency = edges + edges.T + mx.eye(nodes)
degree = mx.rsqrt(adjacency.sum(axis=1))
adjacency = degree[:, None] * adjacency * degree[None, :]
x = mx.random.normal((nodes, features)) + 0.3 * nn.Embedding(3, features)(community)
known = mx.array([i for i in range(nodes) if i % 4 == 0])

model = Network(features, 16, 3)
model.first.linear.freeze()
optimizer = optim.RMSprop(learning_rate=optim.exponential_decay(0.01, 0.98))


def loss_fn():
    logits = model(adjacency, x)
    log_probabilities = nn.log_softmax(logits[known], axis=-1)
    penalty = tree_reduce(lambda a, w: a + w.square().sum(), model.trainable_parameters(), 0.0)
    return (
        nn.losses.nll_loss(log_probabilities, community[known], reduction="mean") + 1e-3 * penalty
    )


loss_and_grad = nn.value_and_grad(model, loss_fn)
for step in range(30):
    if step == 10:
        model.unfreeze()
        optimizer.init(model.trainable_parameters())
    loss, grads = loss_and_grad()
    grads = tree_map(lambda g: mx.clip(g, -1, 1), grads)
    optimizer.update(model, grads)
    accuracy = (model(adjacency, x).argmax(axis=1) == community).mean()
    print(f"loss {loss.item():.7g} accuracy {accuracy.item():.3f}")
