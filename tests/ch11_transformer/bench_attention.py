"""Attention forwards and backwards by length, a block's training step, and one cached token."""

from functools import partial

import mlx.core as mx
import mlx.nn as mlx_nn
import numpy as np
import torch

from course.bench.timing import evaluate
from course.grading.marks import exercise

HEADS, SIZE = 4, 64
DIMS = HEADS * SIZE

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def lengthwise(race, length, back, heads=HEADS):
    """All candidates at one length; peak memory of each is recorded beside the times."""
    draw = np.random.default_rng(0)
    shape = (1, heads, length, SIZE)
    arrays = [draw.normal(size=shape).astype(np.float32) for _ in range(4)]
    peaks = {}

    def tiny(_tinymlx, tiles=False, compile=False):
        from tinymlx import core

        *x, g = (core.array(a) for a in arrays)

        def attend(*x):
            return core.fast.scaled_dot_product_attention(
                *x, scale=SIZE**-0.5, mask="causal", force_fused=tiles
            )

        def slope(*x):
            return core.vjp(attend, list(x), [g])[1]

        run = slope if back else attend
        run = core.compile(run) if compile else run
        return noted(peaks, f"tiny, tiles {tiles}, compiled {compile}", lambda: run(*x))

    def mlx(fast, compile):
        *x, g = (mx.array(a) for a in arrays)

        def plain(q, k, v):
            scores = (q * SIZE**-0.5) @ k.swapaxes(-1, -2)
            past = mx.arange(length)[:, None] >= mx.arange(length)
            return mx.softmax(mx.where(past, scores, -mx.inf), axis=-1) @ v

        def attend(q, k, v):
            if not fast:
                return plain(q, k, v)
            return mx.fast.scaled_dot_product_attention(q, k, v, scale=SIZE**-0.5, mask="causal")

        run = (lambda *x: mx.vjp(attend, list(x), [g])[1]) if back else attend
        run = mx.compile(run) if compile else run
        return noted(peaks, f"mlx, fast {fast}, compiled {compile}", lambda: run(*x))

    def pytorch():
        *x, g = (torch.from_numpy(a).to(DEVICE).requires_grad_(back) for a in arrays)

        def run():
            y = torch.nn.functional.scaled_dot_product_attention(*x, is_causal=True)
            return torch.autograd.grad(y, x, g.detach()) if back else y

        return run

    # A product of queries and keys, and one of weights and values; backwards four more.
    products = 6 if back else 2
    candidates = {
        "tiny": tiny,
        "tiny_tiles": partial(tiny, tiles=True),
        "tiny_compiled": partial(tiny, compile=True),
        "mlx": partial(mlx, False, False),
        "mlx_fast": partial(mlx, True, False),
        "mlx_compiled": partial(mlx, False, True),
        "pytorch": pytorch,
    }
    if length > 4000:  # seconds for each call: those that say something new
        for name in ("tiny_tiles", "tiny_compiled", "mlx_compiled"):
            candidates.pop(name)
    race(**candidates, flops=products * heads * SIZE * length**2)["peak_bytes"] = peaks
    print(*(f"{name}: {n / 1e6:.1f} MB at most" for name, n in peaks.items()), sep="\n")


def noted(peaks, name, call):
    """``call``, and in ``peaks`` the memory that it takes at most, in bytes."""
    evaluate(call())
    mx.clear_cache()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    evaluate(call())
    peaks[name] = mx.get_peak_memory() - before
    return call


@exercise("11.19")
def bench_attention_512(race):
    """Causal attention of 4 heads of 64 over 512 tokens."""
    lengthwise(race, 512, False)


@exercise("11.19")
def bench_attention_2048(race):
    """Causal attention of 4 heads of 64 over 2048 tokens."""
    lengthwise(race, 2048, False)


@exercise("11.19")
def bench_attention_8192(race):
    """Causal attention of one head of 64 over 8192 tokens; ours is in tiles."""
    lengthwise(race, 8192, False, 1)


@exercise("11.20")
def bench_gradient_512(race):
    """Causal attention of 4 heads of 64 over 512 tokens, and its gradients."""
    lengthwise(race, 512, True)


@exercise("11.20")
def bench_gradient_2048(race):
    """Causal attention of 4 heads of 64 over 2048 tokens, and its gradients."""
    lengthwise(race, 2048, True)


@exercise("11.20")
def bench_gradient_8192(race):
    """Causal attention of one head of 64 over 8192 tokens, and its gradients; ours is in tiles."""
    lengthwise(race, 8192, True, 1)


# A block, and a token


@exercise("11.12")
def bench_a_block(race):
    """A training step of an encoder layer: 8 sequences of 128 tokens, 256 features, 4 heads."""
    batch, length = 8, 128
    draw = np.random.default_rng(0)
    numbers = [draw.normal(size=(batch, length, DIMS)).astype(np.float32) for _ in range(2)]

    def layer(lib, nn, compile):
        x, g = (lib.array(a) for a in numbers)
        block = nn.TransformerEncoderLayer(DIMS, HEADS)
        mask = nn.MultiHeadAttention.create_additive_causal_mask(length)
        step = nn.value_and_grad(block, lambda x: (block(x, mask) * g).sum())
        state = [block.state]
        step = lib.compile(step, inputs=state, outputs=state) if compile else step
        return lambda: step(x)

    def tiny(_tinymlx, compile=False):
        from tinymlx import core, nn

        return layer(core, nn, compile)

    def pytorch(compile=False):
        x, g = (torch.from_numpy(a).to(DEVICE) for a in numbers)
        block = torch.nn.TransformerEncoderLayer(
            DIMS, HEADS, 4 * DIMS, 0.0, batch_first=True, norm_first=True, device=DEVICE
        )
        mask = torch.nn.Transformer.generate_square_subsequent_mask(length, device=DEVICE)

        def loss():
            return (block(x, mask, is_causal=True) * g).sum()

        loss = torch.compile(loss) if compile else loss

        def step():
            block.zero_grad()
            loss().backward()
            return [p.grad for p in block.parameters()]

        return step

    weights = 4 * DIMS**2 + 8 * DIMS**2
    race(
        tiny=tiny,
        tiny_compiled=partial(tiny, compile=True),
        mlx=partial(layer, mx, mlx_nn, False),
        mlx_compiled=partial(layer, mx, mlx_nn, True),
        pytorch=pytorch,
        pytorch_compiled=partial(pytorch, compile=True),
        flops=6 * batch * length * weights + 12 * batch * length**2 * DIMS,
    )


@exercise("11.16")
def bench_a_token(race):
    """Four layers of 256 features write 32 tokens behind 512, with a cache."""
    layers, prompt, count = 4, 512, 32

    def tiny(_tinymlx):
        from tinymlx import core
        from tinymlx.models.decoder import Decoder

        core.random.seed(0)
        model = Decoder(128, DIMS, HEADS, layers)
        tokens = core.zeros((1, prompt), core.int32)
        core.eval(model.parameters())

        def write():
            cache = model.make_cache()
            logits = model(tokens, cache)
            for _ in range(count):
                token = core.argmax(logits[:, -1:], axis=-1)
                logits = model(token, cache)
                core.eval(logits)
            return logits

        return write

    def mlx():
        return native(layers, prompt, count)

    race(tiny=tiny, mlx=mlx)


def native(layers, prompt, count):
    """The same decoder on MLX's layers and fused operations, with `mlx_lm`'s way of caching."""

    class Block(mlx_nn.Module):
        def __init__(self):
            super().__init__()
            hidden = 8 * -(-DIMS // 3)
            self.first, self.second = mlx_nn.RMSNorm(DIMS), mlx_nn.RMSNorm(DIMS)
            self.q, self.k, self.v, self.o = (
                mlx_nn.Linear(DIMS, DIMS, bias=False) for _ in range(4)
            )
            self.gate, self.up = (mlx_nn.Linear(DIMS, hidden, bias=False) for _ in range(2))
            self.down = mlx_nn.Linear(hidden, DIMS, bias=False)
            self.rope = mlx_nn.RoPE(SIZE)

        def __call__(self, x, cache):
            y = self.first(x)
            q, k, v = (
                p(y).reshape(1, -1, HEADS, SIZE).transpose(0, 2, 1, 3)
                for p in (self.q, self.k, self.v)
            )
            q, k = self.rope(q, offset=cache["offset"]), self.rope(k, offset=cache["offset"])
            start, end = cache["offset"], cache["offset"] + k.shape[2]
            if cache["k"] is None or end > cache["k"].shape[2]:
                room = mx.zeros((1, HEADS, -(-end // 256) * 256, SIZE))
                for name in ("k", "v"):
                    old, cache[name] = cache[name], mx.array(room)
                    if old is not None:
                        cache[name][:, :, :start] = old[:, :, :start]
            cache["k"][:, :, start:end], cache["v"][:, :, start:end] = k, v
            cache["offset"] = end
            y = mx.fast.scaled_dot_product_attention(
                q, cache["k"][:, :, :end], cache["v"][:, :, :end], scale=SIZE**-0.5, mask="causal"
            )
            x = x + self.o(y.transpose(0, 2, 1, 3).reshape(1, -1, DIMS))
            y = self.second(x)
            return x + self.down(mlx_nn.silu(self.gate(y)) * self.up(y))

    blocks = [Block() for _ in range(layers)]
    embedding, norm = mlx_nn.Embedding(128, DIMS), mlx_nn.RMSNorm(DIMS)
    head = mlx_nn.Linear(DIMS, 128, bias=False)
    tokens = mx.zeros((1, prompt), mx.int32)

    def forward(tokens, caches):
        x = embedding(tokens)
        for block, cache in zip(blocks, caches, strict=True):
            x = block(x, cache)
        return head(norm(x))

    def write():
        caches = [{"k": None, "v": None, "offset": 0} for _ in range(layers)]
        logits = forward(tokens, caches)
        for _ in range(count):
            logits = forward(mx.argmax(logits[:, -1:], axis=-1), caches)
            mx.eval(logits)
        return logits

    return write
