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

    def pytorch():
        device = "cuda" if torch.cuda.is_available() else "cpu"
        table = torch.nn.Embedding(SIZE, DIMS)
        body = torch.nn.Transformer(
            DIMS, HEADS, 2, 2, HIDDEN, 0.0, batch_first=True, norm_first=True
        )
        both = torch.nn.ModuleList([table, body]).to(device)
        optimizer = torch.optim.Adam(both.parameters(), 1e-3)
        source, target = (torch.from_numpy(np.array(a)).long().to(device) for a in batch(mx))
        causal = torch.nn.Transformer.generate_square_subsequent_mask(STEPS - 1, device=device)

        def step():
            optimizer.zero_grad()
            x = body(table(source), table(target[:, :-1]), tgt_mask=causal, tgt_is_causal=True)
            loss = torch.nn.functional.cross_entropy(
                (x @ table.weight.T).flatten(0, 1),
                target[:, 1:].flatten(),
                ignore_index=0,
                label_smoothing=0.1,
            )
            loss.backward()
            optimizer.step()
            return loss

        return step

    race(
        tiny=tiny,
        tiny_compiled=lambda tinymlx: tiny(tinymlx, True),
        mlx=mlx,
        mlx_compiled=lambda: mlx(True),
        pytorch=pytorch,
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
