"""A training step of the chapter's transformer: AdamW with and without decay, compiled."""

import mlx.core as mx
import mlx.nn
import mlx.optimizers
import numpy as np
import torch

from course.grading.marks import exercise

RANDOM = np.random.default_rng(0)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BATCH, SIDE, DIMS, LAYERS, HEADS, MLP, CLASSES = 64, 32, 88, 2, 4, 2, 10
TOKENS = (SIDE // 4) ** 2
X = RANDOM.normal(size=(BATCH, SIDE, SIDE, 3)).astype(np.float32)
Y = RANDOM.integers(0, CLASSES, BATCH).astype(np.int32)
FLOPS = 3 * BATCH * 23836384  # `vit_size` of this network, forwards and twice as much backwards


def tiny_step(tinymlx):
    """Ours, with the trainer's own step."""
    from tinymlx import core, nn
    from tinymlx.classification.rates import adamw
    from tinymlx.models.vit import ViT, ViTConfig
    from tinymlx.training import Trainer

    config = ViTConfig(SIDE, 4, DIMS, LAYERS, HEADS, MLP, CLASSES, 3, "convolutions", "sequence")
    model = ViT(config)

    def loss(model, x, y):
        return nn.losses.cross_entropy(model(x), y, reduction="mean")

    trainer = Trainer(model, adamw(1e-3, 0.05), loss)
    step, x, y = trainer.prepared(), core.array(X), core.array(Y)
    return lambda: (step(x, y), trainer.changing())


def layers_of(nn, core):
    """The same network of another library's layers, channels last."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(DIMS), nn.LayerNorm(DIMS)
            self.attention = nn.MultiHeadAttention(DIMS, HEADS, bias=True)
            self.linear1, self.linear2 = nn.Linear(DIMS, MLP * DIMS), nn.Linear(MLP * DIMS, DIMS)

        def __call__(self, x):
            y = self.ln1(x)
            x = x + self.attention(y, y, y)
            return x + self.linear2(nn.gelu(self.linear1(self.ln2(x))))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, DIMS // 2, 3, 2, padding=1)
            self.conv2 = nn.Conv2d(DIMS // 2, DIMS, 3, 2, padding=1)
            self.positions = 0.02 * core.random.normal((SIDE // 4, SIDE // 4, DIMS))
            self.blocks = [Block() for _ in range(LAYERS)]
            self.ln, self.score = nn.LayerNorm(DIMS), nn.Linear(DIMS, 1)
            self.linear = nn.Linear(DIMS, CLASSES)

        def __call__(self, x):
            x = self.conv2(nn.relu(self.conv1(x))) + self.positions
            x = x.reshape(x.shape[0], TOKENS, DIMS)
            for block in self.blocks:
                x = block(x)
            x = self.ln(x)
            weights = core.softmax(self.score(x), axis=1)
            return self.linear((weights * x).sum(axis=1))

    return Network()


def mlx_step():
    """MLX's own layers, transforms and optimizers."""
    model = layers_of(mlx.nn, mx)
    groups = [mlx.optimizers.AdamW(1e-3, weight_decay=d) for d in (0.0, 0.05)]
    optimizer = mlx.optimizers.MultiOptimizer(
        groups, [lambda path, g: g.ndim < 2 or not path.endswith("weight")]
    )
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state, mx.random.state]

    def loss(model, x, y):
        return mlx.nn.losses.cross_entropy(model(x), y, reduction="mean")

    slopes = mlx.nn.value_and_grad(model, loss)

    def step(x, y):
        value, gradients = slopes(model, x, y)
        optimizer.update(model, gradients)
        return value

    compiled, x, y = mx.compile(step, inputs=state, outputs=state), mx.array(X), mx.array(Y)
    return lambda: (compiled(x, y), state[:2])


class TorchBlock(torch.nn.Module):
    """The block in PyTorch."""

    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = torch.nn.LayerNorm(DIMS), torch.nn.LayerNorm(DIMS)
        self.attention = torch.nn.MultiheadAttention(DIMS, HEADS, batch_first=True)
        self.linear1 = torch.nn.Linear(DIMS, MLP * DIMS)
        self.linear2 = torch.nn.Linear(MLP * DIMS, DIMS)

    def forward(self, x):
        y = self.ln1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.linear2(torch.nn.functional.gelu(self.linear1(self.ln2(x))))


class TorchNetwork(torch.nn.Module):
    """The network in PyTorch, channels first."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, DIMS // 2, 3, 2, 1)
        self.conv2 = torch.nn.Conv2d(DIMS // 2, DIMS, 3, 2, 1)
        self.positions = torch.nn.Parameter(0.02 * torch.randn(DIMS, SIDE // 4, SIDE // 4))
        self.blocks = torch.nn.Sequential(*(TorchBlock() for _ in range(LAYERS)))
        self.ln, self.score = torch.nn.LayerNorm(DIMS), torch.nn.Linear(DIMS, 1)
        self.linear = torch.nn.Linear(DIMS, CLASSES)

    def forward(self, x):
        x = self.conv2(torch.relu(self.conv1(x))) + self.positions
        x = self.ln(self.blocks(x.flatten(2).transpose(1, 2)))
        weights = torch.softmax(self.score(x), dim=1)
        return self.linear((weights * x).sum(1))


def torch_step():
    """PyTorch, uncompiled, its own AdamW."""
    model = TorchNetwork().to(DEVICE)
    plain = [w for w in model.parameters() if w.ndim < 2 or w is model.positions]
    known = {id(w) for w in plain}
    decayed = [w for w in model.parameters() if id(w) not in known]
    optimizer = torch.optim.AdamW(
        [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": 0.05}], 1e-3
    )
    x = torch.from_numpy(X).movedim(-1, 1).to(DEVICE)
    y = torch.from_numpy(Y).long().to(DEVICE)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


@exercise("16.4", "16.6")
def bench_a_training_step(race):
    """64 pictures through the transformer and back, and all weights moved."""
    race(tiny_compiled=tiny_step, mlx_compiled=mlx_step, pytorch=torch_step, flops=FLOPS)
