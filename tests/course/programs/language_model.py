"""A language model of characters: tied embedding, one causal attention block, AdamW, clipping."""

import math

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.nn.layers.base import Module
from mlx.nn.layers.normalization import LayerNorm, RMSNorm

TEXT = (
    "the quick brown fox jumps over the lazy dog. pack my box with five dozen liquor jugs. "
    "how vexingly quick daft zebras jump. sphinx of black quartz, judge my vow. "
) * 4


class Block(Module):
    def __init__(self, dims: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = LayerNorm(dims), RMSNorm(dims)
        self.qkv = nn.Linear(dims, 3 * dims, bias=False)
        self.out = nn.Linear(dims, dims)
        self.mlp = nn.Sequential(
            nn.Linear(dims, 2 * dims), nn.GELU("precise"), nn.Linear(2 * dims, dims)
        )
        self.rope = nn.RoPE(dims // heads)

    def attend(self, x, mask):
        B, T, D = x.shape
        q, k, v = mx.split(self.qkv(x), 3, axis=-1)
        q, k, v = (a.reshape(B, T, self.heads, -1).transpose(0, 2, 1, 3) for a in (q, k, v))
        q, k = self.rope(q), self.rope(k)
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(q.shape[-1]) + mask
        y = mx.softmax(scores, axis=-1) @ v
        return self.out(y.transpose(0, 2, 1, 3).reshape(B, T, D))

    def __call__(self, x, mask):
        x = x + self.attend(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))


class LanguageModel(nn.Module):
    def __init__(self, vocabulary: int, dims: int, context: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dims)
        self.position = nn.SinusoidalPositionalEncoding(dims)
        self.blocks = [Block(dims, 4) for _ in range(2)]
        self.norm = nn.LayerNorm(dims)
        self._mask = mx.triu(mx.full((context, context), -1e9), k=1)

    def __call__(self, tokens):
        x = self.embedding(tokens) + self.position(mx.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x, self._mask)
        return self.embedding.as_linear(self.norm(x))


mx.random.seed(1)
characters = sorted(set(TEXT))
data = mx.array([characters.index(c) for c in TEXT])
context = 32
model = LanguageModel(len(characters), 32, context)
mx.eval(model.parameters())
optimizer = optim.AdamW(optim.cosine_decay(5e-3, 30), weight_decay=0.1, bias_correction=True)


def loss_fn(inputs, targets):
    return nn.losses.cross_entropy(model(inputs), targets).mean()


loss_and_grad = nn.value_and_grad(model, loss_fn)
for _ in range(25):
    starts = mx.random.randint(0, len(TEXT) - context - 1, (8,))
    window = data[starts[:, None] + mx.arange(context + 1)]
    loss, grads = loss_and_grad(window[:, :-1], window[:, 1:])
    grads, norm = optim.clip_grad_norm(grads, max_norm=1.0)
    optimizer.update(model, grads)
    mx.eval(model.state, optimizer.state)
    print(f"loss {loss.item():.7g} norm {norm.item():.6g}")
