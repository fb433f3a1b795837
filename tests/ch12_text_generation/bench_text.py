"""Byte-pair encoding learned and applied, a step of training a translator, tokens with a cache."""

import random

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from course.grading.marks import exercise

SIZE, DIMS, HEADS, HIDDEN, ROWS, STEPS = 2048, 128, 4, 256, 32, 24


def invented_text(words=40_000):
    """Words made of syllables, as unevenly frequent as words are."""
    draw = random.Random(0)
    parts = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "in", "or", "ut")]
    known = ["".join(draw.choices(parts, k=draw.randint(1, 4))) for _ in range(6000)]
    weights = [1 / (i + 1) for i in range(len(known))]
    return " ".join(draw.choices(known, weights, k=words))


TEXT = invented_text()


def their_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=1256,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    return tokenizer


@exercise("12.4")
def bench_learning(race):
    """A thousand merges from 40,000 words; beside the library tokenizers, which is in Rust."""

    def tiny(tinymlx):
        from tinymlx.text.tokenizer.learning import alphabet, count_words, learn_merges

        return lambda: learn_merges(count_words([TEXT]), 1000, alphabet())

    race(tiny=tiny, tokenizers=lambda: their_tokenizer)


@exercise("12.6")
def bench_encoding(race):
    """The same text as numbers, with a memo that is empty at first."""

    def tiny(tinymlx):
        from tinymlx.text.tokenizer import ByteLevelTokenizer

        tokenizer = ByteLevelTokenizer.learned([TEXT], 1256)

        def encode():
            tokenizer.known.clear()
            return tokenizer.encode(TEXT)

        return encode

    def tokenizers():
        tokenizer = their_tokenizer()
        return lambda: tokenizer.encode(TEXT)

    race(tiny=tiny, tokenizers=tokenizers)


def batch(lib):
    draw = np.random.default_rng(0)
    source, target = (draw.integers(3, SIZE, (ROWS, STEPS)).astype(np.int32) for _ in range(2))
    return lib.array(source), lib.array(target)


def native_translator():
    """The same network on MLX's layers."""

    class Network(mlx_nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = mlx_nn.Embedding(SIZE, DIMS)
            self.positions = mlx_nn.SinusoidalPositionalEncoding(DIMS, scale=1.0)
            self.transformer = mlx_nn.Transformer(DIMS, HEADS, 2, 2, HIDDEN, 0.0)

        def embed(self, tokens):
            return self.embedding(tokens) * DIMS**0.5 + self.positions(mx.arange(tokens.shape[1]))

        def __call__(self, source, target):
            keep = (source != 0)[:, None, None]
            memory = self.transformer.encoder(self.embed(source), keep)
            x = self.transformer.decoder(self.embed(target), memory, "causal", keep)
            return self.embedding.as_linear(x)

    return Network()


def native_loss(logits, goals):
    each = mlx_nn.losses.cross_entropy(logits, goals, label_smoothing=0.1)
    keep = goals != 0
    return mx.sum(mx.where(keep, each, 0)) / mx.sum(keep)


def step_of(lib, nn, optimizers, model, loss_of, compile):
    """One step of Adam on one batch."""
    source, target = batch(lib)
    optimizer = optimizers.Adam(1e-3)
    optimizer.init(model.trainable_parameters())

    def loss(source, target):
        return loss_of(model(source, target[:, :-1]), target[:, 1:])

    gradient = nn.value_and_grad(model, loss)

    def step(source, target):
        value, gradients = gradient(source, target)
        optimizer.update(model, gradients)
        return value

    state = [model.state, optimizer.state]
    if compile:
        step = lib.compile(step, inputs=state, outputs=state)
    return lambda: (step(source, target), state)


@exercise("12.10")
def bench_training(race):
    """A step of 32 pairs of 24 tokens, two layers of 128."""

    def tiny(tinymlx, compile=False):
        from tinymlx import core, nn, optimizers
        from tinymlx.models.translation import Translator
        from tinymlx.text.targets import smoothed_loss

        model = Translator(SIZE, DIMS, HEADS, 2, HIDDEN, 0.0)
        return step_of(
            core, nn, optimizers, model, lambda z, goals: smoothed_loss(z, goals, 0, 0.1), compile
        )

    def mlx(compile=False):
        return step_of(mx, mlx_nn, mlx_optimizers, native_translator(), native_loss, compile)

    def pytorch(compile=False):
        device = "cuda" if torch.cuda.is_available() else "cpu"
        table = torch.nn.Embedding(SIZE, DIMS)
        body = torch.nn.Transformer(
            DIMS, HEADS, 2, 2, HIDDEN, 0.0, batch_first=True, norm_first=True
        )
        both = torch.nn.ModuleList([table, body]).to(device)
        optimizer = torch.optim.Adam(both.parameters(), 1e-3)
        source, target = (torch.from_numpy(np.array(a)).long().to(device) for a in batch(mx))
        causal = torch.nn.Transformer.generate_square_subsequent_mask(STEPS - 1, device=device)

        def loss():
            x = body(table(source), table(target[:, :-1]), tgt_mask=causal, tgt_is_causal=True)
            return torch.nn.functional.cross_entropy(
                (x @ table.weight.T).flatten(0, 1),
                target[:, 1:].flatten(),
                ignore_index=0,
                label_smoothing=0.1,
            )

        loss = torch.compile(loss) if compile else loss  # both ways; the optimizer runs eagerly

        def step():
            optimizer.zero_grad()
            value = loss()
            value.backward()
            optimizer.step()
            return value

        return step

    race(
        tiny=tiny,
        tiny_compiled=lambda tinymlx: tiny(tinymlx, True),
        mlx=mlx,
        mlx_compiled=lambda: mlx(True),
        pytorch=pytorch,
        pytorch_compiled=lambda: pytorch(True),
    )


@exercise("12.11")
def bench_writing(race):
    """Twenty tokens of 32 sentences, one step at a time: with a cache, and without (MLX)."""

    def tiny(tinymlx):
        from tinymlx import core
        from tinymlx.models.translation import Translator
        from tinymlx.text.search import greedy

        model = Translator(SIZE, DIMS, HEADS, 2, HIDDEN, 0.0).eval()
        source, _ = batch(core)
        return lambda: greedy(model.step, model.start(source), ROWS, 1, SIZE, 20)

    def mlx():
        model = native_translator()
        source, _ = batch(mx)

        def write():
            tokens = mx.full((ROWS, 1), 1, mx.int32)
            for _ in range(20):
                following = mx.argmax(model(source, tokens)[:, -1], axis=-1)
                tokens = mx.concatenate([tokens, following[:, None].astype(mx.int32)], axis=1)
                mx.eval(tokens)
            return tokens

        return write

    race(tiny=tiny, mlx=mlx)


LLAMA = {
    "vocab_size": 4096,
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 32,
}


class NativeCache:
    """Keys and values in room that grows by whole pieces, as mlx_lm keeps them."""

    def __init__(self):
        self.keys, self.values, self.offset = None, None, 0

    def update_and_fetch(self, keys, values):
        start, self.offset = self.offset, self.offset + keys.shape[2]
        if self.keys is None or self.offset > self.keys.shape[2]:
            self.keys, self.values = (
                mx.concatenate(
                    [*([] if old is None else [old[:, :, :start]]), mx.zeros_like(self.room(new))],
                    axis=2,
                )
                for old, new in ((self.keys, keys), (self.values, values))
            )
        self.keys[:, :, start : self.offset] = keys
        self.values[:, :, start : self.offset] = values
        return self.keys[:, :, : self.offset], self.values[:, :, : self.offset]

    @staticmethod
    def room(new):
        pieces = -(-new.shape[2] // 256)
        return mx.zeros((*new.shape[:2], 256 * pieces, new.shape[3]), new.dtype)


class NativeLayer(mlx_nn.Module):
    """A layer of Llama on MLX's own layers."""

    def __init__(self):
        super().__init__()
        dims, heads, few, size = 256, 8, 2, 32
        self.heads, self.few = heads, few
        self.q_proj = mlx_nn.Linear(dims, heads * size, bias=False)
        self.k_proj = mlx_nn.Linear(dims, few * size, bias=False)
        self.v_proj = mlx_nn.Linear(dims, few * size, bias=False)
        self.o_proj = mlx_nn.Linear(heads * size, dims, bias=False)
        self.rope = mlx_nn.RoPE(size)
        self.gate_proj = mlx_nn.Linear(dims, 704, bias=False)
        self.up_proj = mlx_nn.Linear(dims, 704, bias=False)
        self.down_proj = mlx_nn.Linear(704, dims, bias=False)
        self.before, self.behind = mlx_nn.RMSNorm(dims), mlx_nn.RMSNorm(dims)

    def __call__(self, x, mask, cache):
        n, length, _ = x.shape
        y = self.before(x)
        q, k, v = (
            p(y).reshape(n, length, heads, -1).transpose(0, 2, 1, 3)
            for p, heads in (
                (self.q_proj, self.heads),
                (self.k_proj, self.few),
                (self.v_proj, self.few),
            )
        )
        q, k = self.rope(q, offset=cache.offset), self.rope(k, offset=cache.offset)
        k, v = cache.update_and_fetch(k, v)
        y = mx.fast.scaled_dot_product_attention(q, k, v, scale=32**-0.5, mask=mask)
        x = x + self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))
        y = self.behind(x)
        return x + self.down_proj(mlx_nn.silu(self.gate_proj(y)) * self.up_proj(y))


class NativeLlama(mlx_nn.Module):
    """The same model as ours, on MLX's own layers."""

    def __init__(self):
        super().__init__()
        self.embed_tokens = mlx_nn.Embedding(4096, 256)
        self.layers = [NativeLayer() for _ in range(6)]
        self.norm = mlx_nn.RMSNorm(256)
        self.lm_head = mlx_nn.Linear(256, 4096, bias=False)

    def __call__(self, tokens, caches):
        x = self.embed_tokens(tokens)
        mask = "causal" if tokens.shape[1] > 1 else None
        for layer, cache in zip(self.layers, caches, strict=True):
            x = layer(x, mask, cache)
        return self.lm_head(self.norm(x))


@exercise("12.17")
def bench_generation(race):
    """A prompt of 64 tokens and 64 more, one by one, by a Llama of 6 layers, with a cache."""
    prompt = list(range(64))

    def tiny(tinymlx):
        from itertools import islice

        from tinymlx.models.language.llama import Llama, LlamaConfig
        from tinymlx.text.generation import tokens

        model = Llama(LlamaConfig(**LLAMA))
        return lambda: list(islice(tokens(model, prompt), 64))

    def mlx():
        model = NativeLlama()

        def write():
            caches = [NativeCache() for _ in model.layers]
            model(mx.array([prompt[:-1]]), caches)
            token = mx.argmax(model(mx.array([prompt[-1:]]), caches)[:, -1], axis=-1)
            mx.async_eval(token)
            found = []
            for _ in range(64):
                following = mx.argmax(model(token[:, None], caches)[:, -1], axis=-1)
                mx.async_eval(following)
                found.append(token.item())
                token = following
            return found

        return write

    race(tiny=tiny, mlx=mlx)
