"""A training step of a decoder of 10.7 million weights: 64 texts of 256 tokens, 2 on a CPU."""

from functools import partial

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch

from course.grading.marks import exercise

VOCABULARY, DIMS, HEADS, LAYERS, LENGTH = 128, 384, 6, 6, 256
HIDDEN = 8 * DIMS // 3
SIZE = DIMS // HEADS
ROWS = 64 if mx.default_device() == mx.gpu else 2
TOKENS = np.random.default_rng(0).integers(0, VOCABULARY, (ROWS, LENGTH + 1)).astype(np.int32)


def training_step(lib, nn, optimizers, model, compile):
    """Cross entropy, gradients, AdamW."""
    optimizer = optimizers.AdamW(1e-4)
    optimizer.init(model.trainable_parameters())
    tokens = lib.array(TOKENS)

    def loss(tokens):
        logits = model(tokens[:, :-1])
        return nn.losses.cross_entropy(logits, tokens[:, 1:], reduction="mean")

    gradient = nn.value_and_grad(model, loss)

    def step(tokens):
        value, gradients = gradient(tokens)
        optimizer.update(model, gradients)
        return value

    state = [model.state, optimizer.state]
    if compile:
        step = lib.compile(step, inputs=state, outputs=state)
    return lambda: (step(tokens), state)


def attended(q, k, v, fast):
    """Causal attention of MLX, fused or in its own words."""
    if fast:
        return mx.fast.scaled_dot_product_attention(q, k, v, scale=SIZE**-0.5, mask="causal")
    scores = (q * SIZE**-0.5) @ k.swapaxes(-1, -2)
    past = mx.arange(LENGTH)[:, None] >= mx.arange(LENGTH)
    return mx.softmax(mx.where(past, scores, -mx.inf), axis=-1) @ v


def normalized(x, weight):
    """The root mean square norm without ``mx.fast``."""
    return x * mx.rsqrt(mx.mean(mx.square(x), axis=-1, keepdims=True) + 1e-5) * weight


def turned(x):
    """Neighbours turned by the position, without ``mx.fast``: ``(B, H, T, D)``."""
    rates = mx.exp(mx.arange(0, SIZE, 2) * (-np.log(10_000) / SIZE))
    angles = mx.arange(LENGTH)[:, None] * rates
    cosine, sine = mx.cos(angles), mx.sin(angles)
    a, b = x[..., : SIZE // 2], x[..., SIZE // 2 :]
    return mx.concatenate([a * cosine - b * sine, a * sine + b * cosine], axis=-1)


class NativeBlock(mlx_nn.Module):
    """A block of MLX's layers; without ``fast``, nothing of ``mx.fast``."""

    def __init__(self, fast):
        super().__init__()
        self.fast = fast
        self.first, self.second = mlx_nn.RMSNorm(DIMS), mlx_nn.RMSNorm(DIMS)
        self.q, self.k, self.v, self.o = (mlx_nn.Linear(DIMS, DIMS, bias=False) for _ in range(4))
        self.gate, self.up = (mlx_nn.Linear(DIMS, HIDDEN, bias=False) for _ in range(2))
        self.down = mlx_nn.Linear(HIDDEN, DIMS, bias=False)
        self.rope = mlx_nn.RoPE(SIZE)

    def norm(self, layer, x):
        return layer(x) if self.fast else normalized(x, layer.weight)

    def __call__(self, x):
        y = self.norm(self.first, x)
        q, k, v = (
            p(y).reshape(len(y), -1, HEADS, SIZE).transpose(0, 2, 1, 3)
            for p in (self.q, self.k, self.v)
        )
        q, k = (self.rope(a) if self.fast else turned(a) for a in (q, k))
        y = attended(q, k, v, self.fast)
        x = x + self.o(y.transpose(0, 2, 1, 3).reshape(x.shape))
        y = self.norm(self.second, x)
        return x + self.down(mlx_nn.silu(self.gate(y)) * self.up(y))


class NativeDecoder(mlx_nn.Module):
    def __init__(self, fast):
        super().__init__()
        self.embedding = mlx_nn.Embedding(VOCABULARY, DIMS)
        self.blocks = [NativeBlock(fast) for _ in range(LAYERS)]
        self.norm = mlx_nn.RMSNorm(DIMS)
        self.head = mlx_nn.Linear(DIMS, VOCABULARY, bias=False)

    def __call__(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(block.norm(self.norm, x))


class TorchBlock(torch.nn.Module):
    def __init__(self):
        super().__init__()
        linear = partial(torch.nn.Linear, bias=False)
        self.first, self.second = torch.nn.RMSNorm(DIMS), torch.nn.RMSNorm(DIMS)
        self.qkv, self.o = linear(DIMS, 3 * DIMS), linear(DIMS, DIMS)
        self.gate, self.up, self.down = (
            linear(*sizes) for sizes in ((DIMS, HIDDEN), (DIMS, HIDDEN), (HIDDEN, DIMS))
        )

    def forward(self, x, cosine, sine):
        def turned(x):
            a, b = x.chunk(2, -1)
            return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)

        parts = self.qkv(self.first(x)).unflatten(-1, (3, HEADS, SIZE))  # (B, T, 3, H, D)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        y = torch.nn.functional.scaled_dot_product_attention(
            turned(q), turned(k), v, is_causal=True
        )
        x = x + self.o(y.transpose(1, 2).flatten(2))
        y = self.second(x)
        return x + self.down(torch.nn.functional.silu(self.gate(y)) * self.up(y))


def torch_step(compile=False):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    embedding = torch.nn.Embedding(VOCABULARY, DIMS)
    blocks = torch.nn.ModuleList(TorchBlock() for _ in range(LAYERS))
    norm, head = torch.nn.RMSNorm(DIMS), torch.nn.Linear(DIMS, VOCABULARY, bias=False)
    model = torch.nn.ModuleList([embedding, blocks, norm, head]).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    tokens = torch.from_numpy(TOKENS).long().to(device)
    angles = torch.arange(LENGTH)[:, None] * 10_000 ** (-torch.arange(0, SIZE, 2) / SIZE)
    cosine, sine = angles.cos().to(device), angles.sin().to(device)

    def loss():
        x = embedding(tokens[:, :-1])
        for block in blocks:
            x = block(x, cosine, sine)
        logits = head(norm(x)).flatten(0, 1)
        return torch.nn.functional.cross_entropy(logits, tokens[:, 1:].flatten())

    loss = torch.compile(loss) if compile else loss  # both ways; the optimizer runs eagerly

    def step():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value

    return step


@exercise("11.9", "11.11", "11.12")
def bench_a_step_of_a_gpt(race):
    """6 layers of 384, 6 heads, 256 tokens, AdamW; `fast` is MLX's own with `mx.fast`."""

    def tiny(_tinymlx, compile=False):
        from tinymlx import core, nn, optimizers
        from tinymlx.models.decoder import Decoder

        model = Decoder(VOCABULARY, DIMS, HEADS, LAYERS, hidden=HIDDEN)
        return training_step(core, nn, optimizers, model, compile)

    def mlx(fast=False, compile=False):
        return training_step(mx, mlx_nn, mlx_optimizers, NativeDecoder(fast), compile)

    # Products with weights, and of queries, keys, weights and values; backwards twice as many.
    weights = LAYERS * (4 * DIMS**2 + 3 * DIMS * HIDDEN) + DIMS * VOCABULARY
    race(
        tiny=tiny,
        tiny_compiled=partial(tiny, compile=True),
        mlx=mlx,
        mlx_compiled=partial(mlx, compile=True),
        mlx_fast=partial(mlx, True),
        mlx_fast_compiled=partial(mlx, True, True),
        pytorch=torch_step,
        pytorch_compiled=partial(torch_step, True),
        flops=6 * ROWS * LENGTH * (weights + 2 * LAYERS * LENGTH * DIMS),
    )
