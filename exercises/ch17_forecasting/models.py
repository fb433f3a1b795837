"""The networks of the project, and how they are trained: all steps at once, loss in units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx

from tinymlx import core, nn, optimizers
from tinymlx.core import array
from tinymlx.forecasting.networks import Block, DoublyResidual, ReversibleNorm, TemporalConvolution
from tinymlx.forecasting.probabilities import QuantileHead, pinball
from tinymlx.forecasting.sequences import Forecaster
from tinymlx.training import Batches, Trainer

#: Quantiles that the large network answers with: 0.05, 0.1, ... 0.95.
LEVELS = tuple(round(0.05 * i, 2) for i in range(1, 20))


@dataclass(frozen=True)
class Training:
    """How long, how large, how much is left out."""

    hidden: int = 512
    epochs: int = 16
    rate: float = 1e-3
    batch: int = 256
    dropout: float = 0.5
    noise: float = 0.3
    decay: float = 0.1
    mix: bool = True
    absolute: bool = False  # the loss of the middle: absolute errors instead of squared ones


class Large(nn.Module):
    """Two wide layers over a long window; how tomorrow differs from now, and quantiles around it.

    Args:
        dims: numbers of a window.
        horizon: steps.
        training: sizes.
    """

    def __init__(self, dims: int, horizon: int, training: Training) -> None:
        super().__init__()
        hidden = training.hidden
        self.first, self.second = nn.Linear(dims, hidden), nn.Linear(hidden, hidden)
        self.middle = nn.Linear(hidden, horizon)
        self.middle.weight = 0.1 * self.middle.weight
        self.head = QuantileHead(hidden, horizon, len(LEVELS))
        self.drop_input, self.dropout = nn.Dropout(0.1), nn.Dropout(training.dropout)

    def __call__(self, x: array, base: array) -> tuple[array, array]:
        """The middle ``(N, K)`` and quantiles ``(N, K, Q)``, both relative to nothing but units.

        Args:
            x: ``(N, dims)``.
            base: ``(N, K)``, what the forecast is without the network.
        """
        x = self.dropout(nn.gelu(self.first(self.drop_input(x))))
        x = self.dropout(nn.gelu(self.second(x)))
        middle = base + self.middle(x)
        return middle, core.stop_gradient(middle)[..., None] + 0.2 * self.head(x)


def large_loss(training: Training, model: Large, x: array, base: array, y: array) -> array:
    """The middle's error and the quantiles' cost, on mixed windows with noise.

    A mixture of two windows is a weather that might have been: what is nearly linear may be mixed.
    Truth that is missing (``nan``) counts nothing.
    """
    if model.training and training.mix:
        # The mean of three uniform numbers is nearly Beta(4, 4) distributed.
        share = core.mean(core.random.uniform(shape=(3, x.shape[0], 1)), axis=0)
        order = core.random.permutation(x.shape[0])
        x = share * x + (1 - share) * x[order]
        base = share * base + (1 - share) * base[order]
        y = share * y + (1 - share) * y[order]
    if model.training and training.noise:
        x = x + training.noise * core.random.normal(x.shape)
    middle, quantiles = model(x, base)
    there = ~core.isnan(y)
    y = core.where(there, y, 0)
    error = core.where(there, y - middle, 0)
    count = core.maximum(core.sum(there), 1)
    loss = core.sum(core.abs(error) if training.absolute else error * error) / count
    cost = core.sum(pinball(quantiles, y, core.array(LEVELS)), axis=-1)
    return loss + core.sum(core.where(there, cost, 0)) / count / len(LEVELS)


def train_large(
    x: array, base: array, y: array, training: Training, seed: int, file: Path, shown: bool
) -> Large:
    """One network; stopped with Ctrl-C, the same call goes on."""
    core.random.seed(seed)
    model = Large(x.shape[1], y.shape[1], training)
    batches = Batches(x, base, y, batch_size=min(training.batch, len(x)), drop_last=True, seed=seed)
    steps = training.epochs * len(batches)
    rise = optimizers.linear_schedule(training.rate / 25, training.rate, max(steps * 3 // 10, 1))
    fall = optimizers.cosine_decay(training.rate, max(steps - steps * 3 // 10, 1), 0.0)
    rate = optimizers.join_schedules([rise, fall], [max(steps * 3 // 10, 1)])
    optimizer = optimizers.AdamW(rate, betas=[0.9, 0.999], weight_decay=training.decay)
    # Compiling costs a second of g++, which an epoch or two do not win back.
    compiled = training.epochs > 2
    trainer = Trainer(model, optimizer, partial(large_loss, training), compile=compiled)
    trainer.fit(batches, training.epochs, checkpoint=str(file), progress=shown)
    return model


def predicted(model: Any, *inputs: array, rows: int = 2048) -> list[array]:
    """Outputs of a model in evaluation mode, some rows at a time."""
    model.eval()
    found: list[list[array]] = []
    for i in range(0, len(inputs[0]), rows):
        y = model(*[x[i : i + rows] for x in inputs])
        y = [*y] if isinstance(y, tuple) else [y]
        core.eval(y)
        found.append(y)
    return [core.concatenate(list(column), axis=0) for column in zip(*found)]


# Models of sequences: each from (N, L, F) and what the future is known to be to (N, K)


class Recurrent(nn.Module):
    """An RNN, GRU or LSTM reads; its last state answers for all steps at once."""

    def __init__(self, kind: Callable[[int, int], nn.Module], dims: int, hidden: int, horizon: int):
        super().__init__()
        self.layer, self.out = kind(dims, hidden), nn.Linear(hidden, horizon)
        self.dropout = nn.Dropout(0.3)

    def __call__(self, past: array, known: array) -> array:
        """``(N, K)``, relative to the last value."""
        states = self.layer(past)
        states = states[0] if isinstance(states, tuple) else states
        return self.out(self.dropout(states[:, -1]))


class Convolutional(nn.Module):
    """Causal convolutions; the last row answers for all steps."""

    def __init__(self, dims: int, hidden: int, horizon: int) -> None:
        super().__init__()
        self.layer = TemporalConvolution(dims, hidden, 3)
        self.out, self.dropout = nn.Linear(hidden, horizon), nn.Dropout(0.3)

    def __call__(self, past: array, known: array) -> array:
        """``(N, K)``, relative to the last value."""
        return self.out(self.dropout(self.layer(past)[:, -1]))


class Attention(nn.Module):
    """A small Transformer over the hours; what comes out at the last one answers."""

    def __init__(self, dims: int, hidden: int, horizon: int) -> None:
        super().__init__()
        self.into = nn.Linear(dims, hidden)
        self.positions = nn.SinusoidalPositionalEncoding(hidden)
        self.encoder = nn.TransformerEncoder(1, hidden, 4, mlp_dims=2 * hidden, dropout=0.2)
        self.out = nn.Linear(hidden, horizon)

    def __call__(self, past: array, known: array) -> array:
        """``(N, K)``, relative to the last value."""
        x = self.into(past) + self.positions(core.arange(past.shape[1]))
        return self.out(self.encoder(x, None)[:, -1])


class Beats(nn.Module):
    """N-BEATS on the window, every column by its own level first."""

    def __init__(self, dims: int, length: int, hidden: int, horizon: int) -> None:
        super().__init__()
        self.norm = ReversibleNorm(dims)
        blocks = [Block(dims * length, hidden, horizon, dropout=0.3) for _ in range(3)]
        self.stack = DoublyResidual(blocks)

    def __call__(self, past: array, known: array) -> array:
        """``(N, K)``, relative to the last value."""
        plain, level = self.norm(past)
        forecast, _ = self.stack(plain.reshape(len(past), -1))
        return self.norm.back(0.3 * forecast, level, 0) - past[:, -1:, 0]


class Written(nn.Module):
    """The decoder that asks, with scheduled sampling in training."""

    def __init__(self, dims: int, hidden: int) -> None:
        super().__init__()
        self.inner = Forecaster(dims, 4, hidden)

    def __call__(self, past: array, known: array, truth: array | None = None) -> array:
        """``(N, K)``, relative to the last value."""
        teacher = 0.5 if truth is not None else 0.0
        zero = core.zeros((len(past),))
        return self.inner(past, zero, known, truth, teacher)


def zoo(dims: int, length: int, hidden: int, horizon: int) -> dict[str, Callable[[], nn.Module]]:
    """Every model of sequences by name."""
    return {
        "RNN": lambda: Recurrent(nn.RNN, dims, hidden, horizon),
        "GRU": lambda: Recurrent(nn.GRU, dims, hidden, horizon),
        "LSTM": lambda: Recurrent(nn.LSTM, dims, hidden, horizon),
        "seq2seq with attention": lambda: Written(dims, hidden),
        "temporal convolution": lambda: Convolutional(dims, hidden, horizon),
        "Transformer": lambda: Attention(dims, hidden, horizon),
        "N-BEATS": lambda: Beats(dims, length, 2 * hidden, horizon),
    }


def sequence_loss(model: nn.Module, past: array, known: array, y: array) -> array:
    """The mean squared error of differences to the last value, with noise on what is read."""
    if model.training:
        past = past + 0.1 * core.random.normal(past.shape)
    if isinstance(model, Written) and model.training:
        return core.mean(core.square(model(past, known, y) - y))
    return core.mean(core.square(model(past, known) - y))


def train_sequence(
    make: Callable[[], nn.Module],
    data: tuple[array, array, array],
    epochs: int,
    seed: int,
    file: Path,
    shown: bool,
) -> nn.Module:
    """One model of the zoo; stopped with Ctrl-C, the same call goes on."""
    core.random.seed(seed)
    model = make()
    batches = Batches(*data, batch_size=min(128, len(data[0])), drop_last=True, seed=seed)
    rate = optimizers.cosine_decay(2e-3, epochs * len(batches), 0.0)
    optimizer = optimizers.AdamW(rate, weight_decay=0.05)
    gpu = mx.default_device().type == mx.gpu
    # On a CPU each graph is compiled by g++ first: recurrent ones are too large for that to pay.
    compiled = epochs > 2 and (gpu or not isinstance(model, (Recurrent, Written)))
    trainer = Trainer(model, optimizer, sequence_loss, max_norm=1.0, compile=compiled)
    trainer.fit(batches, epochs, checkpoint=str(file), progress=shown)
    return model
