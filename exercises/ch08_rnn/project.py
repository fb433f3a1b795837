"""Project 8: a network that writes, and one that looks a day ahead.

First a text whose entropy is known, so that "how good" has an answer: a Markov chain of order 2.
Then the plays of Shakespeare where they are (Python's documentation otherwise), letter by letter,
with the last tenth held out; a table of counts is what the network must beat. In the end a wave and
the weather. Training can be stopped with Ctrl-C: the same command goes on.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import mlx.core as mx
from rich.console import Console
from rich.progress import track

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.data import markov, texts, weather
from tinymlx.models.char_rnn import CharRNN
from tinymlx.text import NGram, Vocabulary, windows
from tinymlx.training import WeightAverage, checkpoints
from tinymlx.utils import tree_flatten, tree_map, tree_reduce

TABLES = (1, 2, 3, 4)  # orders of the tables of counts
Curve = list[dict[str, float]]


@dataclass(frozen=True)
class Setting:
    """How large and how long."""

    name: str
    dims: int
    layers: int
    dropout: float
    lanes: int
    length: int
    epochs: int
    rate: float
    average: float
    characters: int | None = None  # how much of the training text; all if left out
    letters: int = 100_000  # of the Markov text


QUICK = Setting("quick", 128, 1, 0.0, 16, 32, 2, 6e-3, 0.95, 80_000, 30_000)
DEFAULT = Setting("default", 256, 1, 0.0, 32, 64, 4, 4e-3, 0.98)
FULL = Setting("full", 512, 3, 0.5, 128, 128, 100, 4e-3, 0.99)


def main(out: Path, quick: bool = False, full: bool = False) -> dict[str, float]:
    """Train, write, forecast; pictures, a sample and weights go into ``out``.

    Args:
        out: the folder.
        quick: a small network on a part of the text, for seconds.
        full: three layers of 512, for minutes on a GPU.

    Returns:
        What was measured.
    """
    setting = QUICK if quick else FULL if full else DEFAULT
    console, numbers = Console(), {}
    out.mkdir(parents=True, exist_ok=True)
    numbers |= known_floor(console, setting)
    numbers |= text(console, setting, out)
    numbers |= forecasts(console, quick, out)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    return numbers


# Training on a text


def language_loss(model: nn.Module, x: array, y: array, state: object) -> tuple[array, object]:
    """The mean of -log p, and the state after the last character."""
    logits, state = model(x, state)
    return nn.losses.cross_entropy(logits, y, reduction="mean"), state


class TextTraining:
    """A model that reads a text in lanes: the state goes on from window to window, not the tape.

    Args:
        setting: sizes and rates.
        size: how many characters there are.
        tokens: the text.
    """

    def __init__(self, setting: Setting, size: int, tokens: array) -> None:
        self.setting = setting
        self.tokens = tokens
        self.model = CharRNN(size, setting.dims, setting.layers, setting.dropout)
        self.steps = (tokens.shape[0] - 1) // (setting.lanes * setting.length)
        total = setting.epochs * self.steps
        warm_up = min(100, total // 4)
        rise = optimizers.linear_schedule(setting.rate / 20, setting.rate, warm_up)
        fall = optimizers.cosine_decay(setting.rate, total - warm_up, setting.rate / 50)
        rate = optimizers.join_schedules([rise, fall], [warm_up])
        self.optimizer = optimizers.AdamW(rate, weight_decay=0.01)
        self.optimizer.init(self.model.trainable_parameters())
        self.average = WeightAverage(self.model, setting.average)
        self.gradient = nn.value_and_grad(self.model, partial(language_loss, self.model))
        self.epoch = 0
        self.curve: Curve = []

    def step(self, x: array, y: array, state: object) -> tuple[array, object]:
        """One step; the loss and the state come out without a history."""
        (loss, state), gradients = self.gradient(x, y, state)
        gradients, _ = optimizers.clip_grad_norm(gradients, 1.0)
        self.optimizer.update(self.model, gradients)
        self.average.update()
        return loss, state

    def fast_step(self) -> Callable[..., tuple[array, object]]:
        """:meth:`step`, compiled where that pays; made anew after :meth:`restore`."""
        if mx.default_device().type == mx.cpu:
            return self.step
        kept = [self.model.state, self.optimizer.state, self.average.state, core.random.state]
        return core.compile(self.step, inputs=kept, outputs=kept)

    def read(self, step: Callable[..., tuple[array, object]], shown: bool) -> float:
        """One epoch; its mean loss. Each begins at another place, so windows are cut elsewhere."""
        setting = self.setting
        shift = (17 * self.epoch) % setting.length
        state = self.zeros()
        total = core.array(0.0)
        batches = list(windows(self.tokens[shift:], setting.lanes, setting.length))
        batches = [b for b in batches if b[0].shape[1] == setting.length]
        for x, y in track(batches, f"epoch {self.epoch + 1}", disable=not shown, transient=True):
            loss, state = step(x, y, state)
            total = total + loss
            core.eval(total, state, self.model.state, self.optimizer.state, self.average.state)
        self.epoch += 1
        return total.item() / len(batches)

    def zeros(self) -> list[list[array]]:
        """The state before a text."""
        shape = (self.setting.lanes, self.setting.dims)
        return [[core.zeros(shape), core.zeros(shape)] for _ in range(self.setting.layers)]

    def fit(self, test: array, file: Path | None = None, console: Console | None = None) -> None:
        """All epochs that are left; after each the held-out text is judged and the run is saved."""
        step = self.fast_step()
        while self.epoch < self.setting.epochs:
            self.model.train()
            loss = self.read(step, console is not None)
            with self.average.applied():
                bits = self.model.bits(test)
            nats = bits * math.log(2)
            self.curve.append({"training": loss, "held out": nats})
            if console:
                console.print(
                    f"epoch {self.epoch:2d}: training {loss:.3f}, held out {nats:.3f} nats "
                    f"({bits:.3f} bits a character)"
                )
            if file:
                checkpoints.save(str(file), self.state())

    def state(self) -> dict[str, object]:
        """Everything that a run consists of."""
        return {
            "setting": asdict(self.setting),
            "model": self.model.parameters(),
            "optimizer": self.optimizer.state,
            "average": self.average.state,
            "random": checkpoints.random_state(),
            "epoch": self.epoch,
            "curve": self.curve,
        }

    def restore(self, state: dict) -> None:
        """Go on where :meth:`state` was taken."""
        self.model.update(state["model"])
        self.optimizer.state = state["optimizer"]
        self.average.state = state["average"]
        checkpoints.set_random_state(state["random"])
        self.epoch, self.curve = state["epoch"], state["curve"]


def known_floor(console: Console, setting: Setting) -> dict[str, float]:
    """A text of which we know how well it can be predicted."""
    source = markov.drawn()
    floor = source.entropy_rate()
    vocabulary = Vocabulary(source.letters)
    train = core.array(vocabulary.encode(source.text(setting.letters, seed=1)))
    test = core.array(vocabulary.encode(source.text(20_000, seed=2)))
    epochs = 4 if setting is QUICK else 6
    small = Setting("floor", 64, 1, 0.0, 32, 25, epochs, 1e-2, 0.98)
    core.random.seed(0)
    training = TextTraining(small, len(vocabulary), train)
    training.fit(test)
    found = training.curve[-1]["held out"] / math.log(2)
    console.print(
        f"A Markov text: {found:.3f} bits a letter, where {floor:.3f} is the least possible and "
        f"{source.pair_entropy():.3f} what one letter of memory reaches."
    )
    return {"floor": floor, "bits on the Markov text": found, "gap to the floor": found - floor}


def text(console: Console, setting: Setting, out: Path) -> dict[str, float]:
    """The plays, or the documentation."""
    data = texts.shakespeare_or_documentation()
    train = data.train[: setting.characters]
    test = data.test[: setting.characters and setting.characters // 5]
    console.print(f"[bold]{data.source}[/], setting {setting.name}.")
    vocabulary = Vocabulary(train)
    numbers = tables(console, vocabulary, train, test)
    core.random.seed(0)
    tokens, held_out = (core.array(vocabulary.encode(t)) for t in (train, test))
    training = TextTraining(setting, len(vocabulary), tokens)
    file = out / f"text_{setting.name}.safetensors"
    resume(console, training, file)
    training.fit(held_out, file, console)
    with training.average.applied() as model:
        weights = tree_map(lambda w: w.astype(core.float16), model.parameters())
        core.save_safetensors(
            str(out / "weights.safetensors"),
            tree_flatten(weights, destination={}),
            {
                "characters": "".join(vocabulary.characters[1:]),
                "setting": json.dumps(asdict(setting)),
            },
        )
        sample = written(model, vocabulary, train)
    (out / "sample.txt").write_text(sample, encoding="utf-8")
    console.print(sample, markup=False, highlight=False)
    nats = training.curve[-1]["held out"]
    numbers |= {
        "parameters": float(tree_reduce(lambda n, w: n + w.size, weights, 0)),
        "nats": nats,
        "bits a character": nats / math.log(2),
    }
    draw_curve(out, training.curve, numbers)
    return numbers


def tables(console: Console, vocabulary: Vocabulary, train: str, test: str) -> dict[str, float]:
    """What tables of counts reach, in nats."""
    read, held_out = vocabulary.encode(train), vocabulary.encode(test)
    numbers = {}
    for order in TABLES:
        table = NGram(order, len(vocabulary))
        table.learn(read)
        numbers[f"table of {order}"] = table.bits(held_out) * math.log(2)
    found = ", ".join(f"{numbers[f'table of {n}']:.3f} after {n}" for n in TABLES)
    console.print(f"Tables of what followed what: {found} characters (nats).")
    return numbers


def resume(console: Console, training: TextTraining, file: Path) -> None:
    """Go on with a run that was stopped, if it was one of this setting and size."""
    if not file.is_file():
        return
    try:
        state = checkpoints.load(str(file))
    except ValueError as error:
        console.print(f"{error} It is not used.")
        return
    shapes = [w.shape for _, w in tree_flatten(training.model.parameters())]
    if state.get("setting") != asdict(training.setting) or shapes != [
        w.shape for _, w in tree_flatten(state["model"])
    ]:
        console.print(f"{file.name} is of another setting or text; this run begins anew.")
        return
    training.restore(state)
    console.print(f"Going on after epoch {training.epoch}. (Delete {file} to begin anew.)")


def written(model: CharRNN, vocabulary: Vocabulary, train: str, count: int = 300) -> str:
    """What the model writes, at two temperatures, with the first line of the text before it."""
    prompt = train.split("\n", 1)[0] + "\n"
    core.random.seed(1)
    found = []
    for temperature in (0.5, 0.9):
        tokens = model.write(vocabulary.encode(prompt), count, temperature)
        found.append(f"--- temperature {temperature} ---\n{prompt}{vocabulary.decode(tokens)}")
    return "\n".join(found) + "\n"


# Numbers that follow each other


class Forecaster(nn.Module):
    """A gated recurrent unit that says by how much the next number differs from the last."""

    def __init__(self, dims: int = 32) -> None:
        super().__init__()
        self.cell = nn.GRU(1, dims)
        self.head = nn.Linear(dims, 1)

    def __call__(self, x: array) -> array:
        """``(N, L)`` to the forecast of each following number, ``(N, L)``."""
        return self.carried(x, None)[0]

    def carried(self, x: array, hidden: array | None) -> tuple[array, array]:
        """The same with a state before, and the state after."""
        states = self.cell(x[..., None], hidden)
        return x + self.head(states)[..., 0], states[:, -1]


def fit_series(
    series: array, dims: int, steps: int, rate: float, validation: int = 0, length: int = 64
) -> Forecaster:
    """Train on pieces of a series, each from a place of its own.

    Args:
        series: ``(N,)``.
        dims: the size of the state.
        steps: how many steps of training.
        rate: the greatest rate.
        validation: the end of the series that is only forecast, every 25 steps; the weights that
            did it best are kept.
        length: of a piece.
    """
    core.random.seed(0)
    model = Forecaster(dims)
    optimizer = optimizers.AdamW(optimizers.cosine_decay(rate, steps, rate / 50), weight_decay=0.01)

    def loss(x: array, y: array) -> array:
        return core.mean(core.square(model(x) - y))

    gradient = nn.value_and_grad(model, loss)
    seen = series.shape[0] - validation
    best, kept = math.inf, model.parameters()
    for step in range(steps):
        begin = core.random.randint(0, seen - length, (32, 1))
        piece = series[begin + core.arange(length + 1)[None]]
        _, gradients = gradient(piece[:, :-1], piece[:, 1:])
        gradients, _ = optimizers.clip_grad_norm(gradients, 1.0)
        optimizer.update(model, gradients)
        core.eval(model.state, optimizer.state)
        if validation and step % 25 == 24:
            off = error(model(series[None])[0, seen - 1 : -1], series[seen:])
            if off < best:
                best, kept = off, model.parameters()
    if validation:
        model.update(kept)
    return model


def continued(model: Forecaster, series: array, count: int) -> list[float]:
    """Forecasts of forecasts: each is read as if it had happened."""
    forecast, hidden = model.carried(series[None], None)
    found = []
    for _ in range(count):
        now = forecast[:, -1:]
        found.append(now.item())
        forecast, hidden = model.carried(now, hidden)
    return found


def error(forecast: array, real: array) -> float:
    """The root of the mean squared error."""
    return core.sqrt(core.mean(core.square(forecast - real))).item()


def forecasts(console: Console, quick: bool, out: Path) -> dict[str, float]:
    """A wave that goes on by itself, and tomorrow's temperature."""
    steps = 100 if quick else 800
    t = core.arange(700.0)
    wave = (core.sin(t / 5) + core.sin(t / 8)) / 2
    model = fit_series(wave[:600], 32, steps, 1e-2)
    ahead = continued(model, wave[:600], 100)
    wave_error = error(core.array(ahead), wave[600:])
    console.print(f"A wave, 100 steps ahead on its own: off by {wave_error:.3f} (it swings by 1).")

    data = weather.load()
    degrees = core.array(data.temperature)
    last_year = int(mx.max(data.year).item())
    days = int(mx.sum(data.year < last_year).item())
    mean, spread = core.mean(degrees[:days]), core.std(degrees[:days])
    model = fit_series((degrees[:days] - mean) / spread, 16, steps // 2, 3e-3, validation=365)
    tomorrow = model(((degrees - mean) / spread)[None])[0, days - 1 : -1] * spread + mean
    real, today = degrees[days:], degrees[days - 1 : -1]
    numbers = {
        "wave, 100 steps ahead": wave_error,
        "tomorrow, network": error(tomorrow, real),
        "tomorrow as today": error(today, real),
    }
    console.print(
        f"[bold]{data.source}[/], {last_year} held out: tomorrow's temperature off by "
        f"{numbers['tomorrow, network']:.2f} degrees; by {numbers['tomorrow as today']:.2f} if it "
        f"is taken to be today's."
    )
    draw_forecasts(out, wave.tolist(), ahead, real.tolist(), tomorrow.tolist())
    return numbers


# Pictures


def draw_curve(out: Path, curve: Curve, numbers: dict[str, float]) -> None:
    """Nats after each epoch, with the tables as lines."""
    fig, ax = plotting.figure(width=7.4, height=4.4)
    epochs = range(1, len(curve) + 1)
    ax.plot(epochs, [c["training"] for c in curve], "o-", color=plotting.BLUE, label="training")
    ax.plot(epochs, [c["held out"] for c in curve], "s-", color=plotting.ORANGE, label="held out")
    for order in TABLES:
        height = numbers[f"table of {order}"]
        ax.axhline(height, color=plotting.GREY, linestyle="--", linewidth=1)
        ax.text(
            len(curve), height, f"table of {order} ", color=plotting.GREY, ha="right", va="bottom"
        )
    ax.set(xlabel="epoch", ylabel="nats a character")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="best")
    plotting.save(fig, out, "text")


def draw_forecasts(
    out: Path, wave: list[float], ahead: list[float], real: list[float], tomorrow: list[float]
) -> None:
    """The wave with what the network makes of it, and 120 days of the year held out."""
    fig, (left, right) = plotting.figure(1, 2, width=10.0, height=3.8)
    left.plot(range(-60, 100), wave[540:700], color=plotting.GREY, label="the wave")
    left.plot(range(100), ahead, color=plotting.RED, linestyle="--", label="the network, alone")
    left.axvline(0, color=plotting.BLACK, linewidth=1)
    left.set(xlabel="steps after the end of training", ylabel="height", ylim=(-1.2, 1.7))
    left.legend(loc="upper left", ncols=2)
    days = range(1, min(120, len(real)) + 1)
    right.plot(days, real[: len(days)], color=plotting.GREY, label="measured")
    right.plot(days, tomorrow[: len(days)], color=plotting.RED, label="forecast the day before")
    right.set(xlabel="day of the year held out", ylabel="temperature (°C)")
    right.legend(loc="upper left")
    plotting.save(fig, out, "forecasts")
