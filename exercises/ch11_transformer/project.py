"""Project 11: a Transformer that copies, sorts and adds; and a head that finds what comes next.

First one small decoder learns three tasks of which we know the answers, and we look at what it
looks at. Then sequences of random tokens, each written twice: what comes in the second half is
certain, for who can look it up in the first. Two layers of attention find that out, one layer does
not; the head that does it is found, drawn, and knocked out. With ``full`` there is a text, too. The
run can be stopped with Ctrl-C: the same command goes on.
"""

import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import mlx.core as mx
import numpy as np
from rich.console import Console
from rich.progress import track

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.data import sequences, texts
from tinymlx.models.decoder import Decoder
from tinymlx.models.induction import induction_score, previous_token_score
from tinymlx.text import Vocabulary
from tinymlx.training import WeightAverage, checkpoints
from tinymlx.utils import tree_flatten, tree_map, tree_reduce

Numbers = dict[str, float]
Batch = tuple[array, array]
TASKS = ("copy", "sort", "add")
LENGTHS = (6, 20)  # of the sequences that are repeated
JUDGED = 12  # their length where they are judged
#: How many of the repeated tokens are right by chance, for who knows which tokens there are and
#: crosses off those that came again, but not their order.
ORDER_BLIND = sum(1 / left for left in range(1, JUDGED + 1)) / JUDGED


@dataclass(frozen=True)
class Setting:
    """How large and how long."""

    name: str
    task_steps: int
    task_dims: int
    copy_steps: int  # of the sequences that are repeated
    copy_batch: int
    vocabulary: int
    text_steps: int = 0
    every: int = 100  # steps between two looks at how far it is


QUICK = Setting("quick", 240, 48, 300, 32, 32, every=60)
DEFAULT = Setting("default", 2000, 64, 1000, 48, 48)
FULL = Setting("full", 6000, 128, 2000, 128, 64, text_steps=3000, every=250)

# Of the text: 10.8 million weights, as in the small GPT of nanoGPT.
LAYERS, DIMS, HEADS, WINDOW, LANES, DROPOUT = 6, 384, 6, 256, 64, 0.2


def main(out: Path, quick: bool = False, full: bool = False) -> Numbers:
    """Train, look inside, knock out; pictures and numbers go into ``out``.

    Args:
        out: the folder.
        quick: fewer steps, for seconds.
        full: more of them, and a GPT that reads Shakespeare, for minutes on a GPU.

    Returns:
        What was measured.
    """
    setting = QUICK if quick else FULL if full else DEFAULT
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    run = Run(out, setting, console)
    numbers: Numbers = {}
    for part in (three_tasks, induction, *([text] if setting.text_steps else [])):
        numbers |= part(run)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    run.finish()
    return numbers


# Training


class Run:
    """What all parts share: where, how large; and training that can be resumed."""

    def __init__(self, out: Path, setting: Setting, console: Console) -> None:
        self.out, self.setting, self.console = out, setting, console
        self.files: list[Path] = []

    def fit(
        self,
        name: str,
        make: Callable[[], Decoder],
        batch: Callable[[int], Batch],
        steps: int,
        judge: Callable[[Decoder], Numbers],
        compile: bool = False,
        **options: float,
    ) -> tuple[Decoder, list[Numbers]]:
        """A trained model, in evaluation mode, and what ``judge`` said on the way.

        Args:
            name: what the checkpoint is called.
            make: makes the model.
            batch: tokens and which of them count, for the number of a step.
            steps: how many.
            judge: measures a model.
            compile: whether the step is compiled; for batches of one shape, and a large model.
            options: as for :class:`Training`.
        """
        core.random.seed(0)
        training = Training(make(), steps, **options)
        file = self.out / f"unfinished-{self.setting.name}-{name}.safetensors"
        self.files.append(file)
        if training.resume(file, asdict(self.setting)):
            self.console.print(f"{name}: going on after step {training.done}.")
        step = training.fast_step() if compile else training.step
        shown = track(range(training.done, steps), f"{name}: training", transient=True)
        for i in shown:
            loss = step(*batch(i))
            core.eval(loss, training.changing())
            training.done = i + 1
            if training.done % self.setting.every == 0 or training.done == steps:
                with training.judged() as model:
                    training.curve.append({"step": training.done, **judge(model)})
                training.save(file, asdict(self.setting))
        with training.judged() as model:
            weights = model.parameters()
        training.model.update(weights)
        return training.model.eval(), training.curve

    def finish(self) -> None:
        """The whole run is done: nothing is left to resume."""
        for file in self.files:
            file.unlink(missing_ok=True)


class Training:
    """A decoder with all that changes while it learns.

    Args:
        model: the decoder.
        steps: how many are planned, for the rate.
        rate: the greatest rate.
        decay: of the weights.
        average: the decay of the averaged weights, by which it is judged; none if 0.
    """

    def __init__(
        self,
        model: Decoder,
        steps: int,
        rate: float = 3e-3,
        decay: float = 0.01,
        average: float = 0.0,
    ) -> None:
        self.model = model
        rise = max(steps // 20, 1)
        up = optimizers.linear_schedule(rate / 20, rate, rise)
        down = optimizers.cosine_decay(rate, max(steps - rise, 1), rate / 20)
        schedule = optimizers.join_schedules([up, down], [rise])
        self.optimizer = optimizers.AdamW(schedule, betas=(0.9, 0.98), weight_decay=decay)
        self.optimizer.init(model.trainable_parameters())
        self.average = WeightAverage(model, average) if average else None
        self.gradient = nn.value_and_grad(model, self.loss)
        self.done = 0
        self.curve: list[Numbers] = []

    def loss(self, tokens: array, counted: array) -> array:
        """The mean of -log p over the tokens that count, each foretold from those before it."""
        each = nn.losses.cross_entropy(self.model(tokens[:, :-1]), tokens[:, 1:])
        return core.sum(each * counted[:, 1:]) / core.sum(counted[:, 1:])

    def step(self, tokens: array, counted: array) -> array:
        """One step; the loss before it."""
        loss, gradients = self.gradient(tokens, counted)
        gradients, _ = optimizers.clip_grad_norm(gradients, 1.0)
        self.optimizer.update(self.model, gradients)
        if self.average is not None:
            self.average.update()
        return loss

    def fast_step(self) -> Callable[..., array]:
        """:meth:`step`, compiled; made after :meth:`resume`."""
        kept = [*self.changing(), core.random.state]
        return core.compile(self.step, inputs=kept, outputs=kept)

    def changing(self) -> list:
        """All trees that a step changes."""
        average = [] if self.average is None else [self.average.state]
        return [self.model.state, self.optimizer.state, *average]

    def judged(self):
        """A context in which the model is in evaluation mode, with averaged weights if any."""
        return Judged(self.model, self.average)

    def save(self, file: Path, setting: dict) -> None:
        """Write everything that the run consists of."""
        state = {
            "setting": setting,
            "model": self.model.parameters(),
            "optimizer": self.optimizer.state,
            "average": None if self.average is None else self.average.state,
            "random": checkpoints.random_state(),
            "done": self.done,
            "curve": self.curve,
        }
        checkpoints.save(str(file), state)

    def resume(self, file: Path, setting: dict) -> bool:
        """Go on with a run that was stopped, if there is one of this setting."""
        if not file.is_file():
            return False
        state = checkpoints.load(str(file))
        if state.get("setting") != json.loads(json.dumps(setting)):
            return False
        self.model.update(state["model"])
        self.optimizer.state = state["optimizer"]
        if self.average is not None:
            self.average.state = state["average"]
        checkpoints.set_random_state(state["random"])
        self.done, self.curve = state["done"], state["curve"]
        return True


class Judged:
    """While it lasts, a model has its averaged weights and leaves nothing out."""

    def __init__(self, model: Decoder, average: WeightAverage | None) -> None:
        self.model = model
        self.applied = None if average is None else average.applied()

    def __enter__(self) -> Decoder:
        if self.applied is not None:
            self.applied.__enter__()
        return self.model.eval()

    def __exit__(self, *error: object) -> None:
        if self.applied is not None:
            self.applied.__exit__(*error)
        self.model.train()


# Three tasks


def three_tasks(run: Run) -> Numbers:
    """Copy, sort and add, one after the other, with one model."""
    setting = run.setting

    def batch(step: int) -> Batch:
        # Adding is the hard one: it gets every second step, and more questions.
        task, count = ("add", 128) if step % 2 else (TASKS[step // 2 % 2], 64)
        rows = sequences.task(task, count, mx.random.key(step))
        return core.array(rows.tokens), core.array(rows.answer)

    def make() -> Decoder:
        return Decoder(sequences.VOCABULARY, setting.task_dims, 4, 2)

    model, curve = run.fit("tasks", make, batch, setting.task_steps, solved, rate=4e-3)
    found = curve[-1]
    run.console.print(
        f"One decoder, {parameters(model):,} weights. Questions answered without a mistake: "
        + ", ".join(f"{task} {found[task]:.1%}" for task in TASKS)
        + "."
    )
    for task in TASKS:
        rows = sequences.task(task, 1, mx.random.key(7))
        question = [t for t, a in zip(rows.tokens[0].tolist(), rows.answer[0].tolist()) if not a]
        answer = model.write(question, int(mx.sum(rows.answer).item()), k=1)
        run.console.print(f"  {sequences.written(question)}[bold]{sequences.written(answer)}[/]")
    draw_progress(run.out, curve)
    draw_tasks(run.out, model)
    return {f"{task}, all right": found[task] for task in TASKS}


def solved(model: Decoder, count: int = 300) -> Numbers:
    """The share of questions, unseen in training, whose answers have no mistake."""
    found = {}
    for task in TASKS:
        rows = sequences.task(task, count, mx.random.key(10**9))
        tokens, answer = core.array(rows.tokens), core.array(rows.answer)
        guesses = core.argmax(model(tokens[:, :-1]), axis=-1)
        right = (guesses == tokens[:, 1:]) | ~answer[:, 1:]
        found[task] = core.mean(core.all(right, axis=1).astype(core.float32)).item()
    return found


# What comes next, if it was there before


def induction(run: Run) -> Numbers:
    """Two layers of attention, and one, on sequences that repeat."""
    numbers: Numbers = {}
    curves = {}
    models = {}
    for layers in (2, 1):
        models[layers], curves[layers] = copier(run, layers)
        last = curves[layers][-1]
        numbers |= {
            f"{layers} layers, repeated tokens right": last["right"],
            f"{layers} layers, first half above the floor (nats)": last["first gap"],
            f"{layers} layers, second half above the floor (nats)": last["second gap"],
        }
        run.console.print(
            f"{layers} layer{'s' * (layers > 1)} of attention and nothing else: "
            f"{last['right']:.1%} of the repeated tokens right; {last['first gap']:.3f} nats above "
            f"the floor in the first half, {last['second gap']:.3f} in the second."
        )
    run.console.print(f"(Who knows which tokens, but not their order, has {ORDER_BLIND:.1%}.)")
    draw_copying(run.out, curves)
    return numbers | look_inside(run, models[2])


def copier(run: Run, layers: int) -> tuple[Decoder, list[Numbers]]:
    """A trained model of attention only, and its curve."""
    setting = run.setting
    low, high = LENGTHS

    def batch(step: int) -> Batch:
        length = random.Random(step).randint(low, high)
        rows = sequences.repeated(
            setting.vocabulary, length, setting.copy_batch, mx.random.key(step)
        )
        return core.array(rows.tokens), core.array(rows.tokens != sequences.START)

    def make() -> Decoder:
        return Decoder(setting.vocabulary, 64, 8, layers, hidden=0, positions="alibi")

    def judge(model: Decoder) -> Numbers:
        return copied(model, setting.vocabulary)

    return run.fit(f"copying with {layers}", make, batch, setting.copy_steps, judge, rate=4e-3)


def copied(model: Decoder, vocabulary: int, count: int = 200) -> Numbers:
    """What a model makes of sequences that it has not seen.

    Returns:
        The share of right tokens in the second half, and for both halves the mean surprise, from
        which what nobody can know has been taken off. The first half is chance: tokens that are
        all different. The second is certain.
    """
    rows = sequences.repeated(vocabulary, JUDGED, count, mx.random.key(10**9))
    tokens = core.array(rows.tokens)
    logits = model(tokens[:, :-1])
    # START can come at any place of the first half. How probable it is does not count.
    logits = core.where(core.arange(vocabulary) == sequences.START, -core.inf, logits)
    each = core.mean(nn.losses.cross_entropy(logits, tokens[:, 1:]), axis=0).tolist()
    second = slice(JUDGED + 1, None)
    right = core.argmax(logits[:, second], axis=-1) == tokens[:, JUDGED + 2 :]
    floor = sequences.first_half_floor(vocabulary, JUDGED)
    return {
        "right": core.mean(right.astype(core.float32)).item(),
        "first gap": sum(each[:JUDGED]) / JUDGED - floor,
        "second gap": sum(each[second]) / JUDGED,
    }


def look_inside(run: Run, model: Decoder) -> Numbers:
    """Find the heads that look at what followed, and see what is left without them."""
    vocabulary, period = run.setting.vocabulary, JUDGED + 1
    rows = sequences.repeated(vocabulary, JUDGED, 100, mx.random.key(10**9 + 1))
    maps = model.maps(core.array(rows.tokens))
    follows = [induction_score(weights, period).tolist() for weights in maps]
    before = [previous_token_score(weights).tolist() for weights in maps]
    without: list[list[float]] = []
    for block in model.blocks:
        without.append([])
        for head in range(model.heads):
            block.attention.silent = (head,)
            without[-1].append(copied(model, vocabulary)["right"])
        block.attention.silent = ()
    order = sorted(range(model.heads), key=lambda h: -follows[-1][h])
    last = model.blocks[-1].attention
    chosen = tuple(h for h in order if follows[-1][h] > 0.3) or (order[0],)
    others = tuple(order[len(chosen) :])
    last.silent = chosen
    gone = copied(model, vocabulary)["right"]
    last.silent = others
    alone = copied(model, vocabulary)["right"]
    last.silent = ()
    best = order[0]
    back = max(range(model.heads), key=before[0].__getitem__)
    run.console.print(
        f"Head {back} of the first layer looks at the token before more than others, with "
        f"{before[0][back]:.0%} of its attention; without it {without[0][back]:.1%} right."
    )
    run.console.print(
        f"Head {best} of the last layer looks at the token behind the earlier occurrence with "
        f"{follows[-1][best]:.0%} of its attention. Without the {len(chosen)} heads that do "
        f"({', '.join(map(str, chosen))}): {gone:.1%} right; with these heads alone: {alone:.1%}."
    )
    draw_heads(run.out, follows, before, without)
    draw_induction(run.out, maps[-1][0, best], rows.tokens[0].tolist())
    return {
        "right without the head that looks back": without[0][back],
        "score of the best head": follows[-1][best],
        "heads that look there": float(len(chosen)),
        "right without them": gone,
        "right with them alone": alone,
    }


# A text


def text(run: Run) -> Numbers:
    """A GPT that reads Shakespeare, letter by letter."""
    data = texts.shakespeare_or_documentation()
    run.console.print(f"[bold]{data.source}[/], for a GPT of {LAYERS} layers.")
    vocabulary = Vocabulary(data.train)
    train, test = (mx.array(vocabulary.encode(t)) for t in (data.train, data.test))
    everything = core.ones((LANES, WINDOW + 1))

    def batch(step: int) -> Batch:
        starts = mx.random.randint(0, train.size - WINDOW, (LANES, 1), key=mx.random.key(step))
        return core.array(train[starts + mx.arange(WINDOW + 1)]), everything

    def make() -> Decoder:
        return Decoder(len(vocabulary), DIMS, HEADS, LAYERS, dropout=DROPOUT)

    def judge(model: Decoder) -> Numbers:
        nats = read(model, test)
        run.console.print(f"  held out: {nats:.4f} nats a character")
        return {"nats": nats}

    options = {"rate": 1.5e-3, "decay": 0.1, "average": 0.995}
    model, curve = run.fit("text", make, batch, run.setting.text_steps, judge, True, **options)
    weights = tree_map(lambda w: w.astype(core.float16), model.parameters())
    core.save_safetensors(
        str(run.out / "weights.safetensors"), tree_flatten(weights, destination={})
    )
    core.random.seed(1)
    tokens = model.write(vocabulary.encode("\n"), 300, 0.8)
    sample = vocabulary.decode(tokens)
    (run.out / "sample.txt").write_text(sample, encoding="utf-8")
    run.console.print(sample, markup=False, highlight=False)
    best = min(point["nats"] for point in curve)
    return {
        "parameters": float(parameters(model)),
        "nats": curve[-1]["nats"],
        "least nats on the way": best,
    }


def read(model: Decoder, tokens: mx.array) -> float:
    """Nats a character of a text, in windows; each character of the later half of a window has at
    least that half as its context."""
    half = WINDOW // 2
    starts = mx.arange(0, tokens.size - WINDOW - 1, half)
    total, count = 0.0, 0
    for i in range(0, starts.size, LANES):
        rows = core.array(tokens[starts[i : i + LANES, None] + mx.arange(WINDOW + 1)])
        each = nn.losses.cross_entropy(model(rows[:, :-1]), rows[:, 1:])[:, half:]
        total, count = total + core.sum(each).item(), count + each.size
    return total / count


def parameters(model: Decoder) -> int:
    """How many weights it has."""
    return tree_reduce(lambda n, w: n + w.size, model.parameters(), 0)


# Pictures


def draw_progress(out: Path, curve: list[Numbers]) -> None:
    """How many questions are answered without a mistake, on the way."""
    fig, ax = plotting.figure(width=7.0, height=4.0)
    steps = [point["step"] for point in curve]
    for task, colour in zip(TASKS, plotting.COLOURS):
        shares = [100 * point[task] for point in curve]
        ax.plot(steps, shares, "o-", color=colour, label=task, markersize=3)
    ax.set(xlabel="step", ylabel="answers without a mistake (%)", ylim=(-3, 103))
    ax.legend(loc="best")
    plotting.save(fig, out, "tasks")


def draw_tasks(out: Path, model: Decoder) -> None:
    """Where each digit of an answer looks: the last layer, for one question of each task."""
    fig, axes = plotting.figure(len(TASKS), model.heads, width=11.0, height=8.4)
    for task, row in zip(TASKS, axes):
        rows = sequences.task(task, 1, mx.random.key(7))
        tokens = rows.tokens[0].tolist()
        first = rows.answer[0].tolist().index(True)
        weights = model.maps(core.array(rows.tokens))[-1][0]
        for head, ax in enumerate(row):
            part = np.array(weights[head, first - 1 : -1].tolist())
            ax.imshow(part[:, :-1], cmap="Blues", vmin=0, vmax=1, aspect="auto")
            ax.set_xticks(range(len(tokens) - 1), [sequences.SIGNS[t] for t in tokens[:-1]])
            ax.set_yticks(range(len(part)), [sequences.SIGNS[t] for t in tokens[first:]])
            ax.tick_params(labelsize=8, length=0)
            ax.grid(False)
            if task == TASKS[0]:
                ax.set_title(f"head {head}")
        row[0].set_ylabel(f"{task}: writes", fontsize=10)
    axes[-1][0].set_xlabel("looks at", fontsize=10)
    plotting.save(fig, out, "maps")


def draw_copying(out: Path, curves: dict[int, list[Numbers]]) -> None:
    """Right tokens of the second half, for two layers and for one."""
    fig, ax = plotting.figure(width=7.0, height=4.0)
    for layers, colour in ((2, plotting.BLUE), (1, plotting.ORANGE)):
        steps = [point["step"] for point in curves[layers]]
        shares = [100 * point["right"] for point in curves[layers]]
        name = "two layers" if layers == 2 else "one layer"
        ax.plot(steps, shares, "o-", color=colour, markersize=3, label=name)
    ax.axhline(100 * ORDER_BLIND, color=plotting.GREY, linestyle="--", linewidth=1.2)
    place = (steps[0], 100 * ORDER_BLIND + 2)
    ax.text(*place, "who knows which, but not in which order", color=plotting.GREY)
    ax.set(xlabel="step", ylabel="repeated tokens right (%)", ylim=(-3, 103))
    ax.legend(loc="center right")
    plotting.save(fig, out, "copying")


def draw_heads(
    out: Path, follows: list[list[float]], before: list[list[float]], without: list[list[float]]
) -> None:
    """Every head: where it looks, and what is left without it."""
    fig, axes = plotting.figure(3, 1, width=8.4, height=6.0, sharex=True)
    names = [f"{i + 1}.{h}" for i, layer in enumerate(follows) for h in range(len(layer))]
    places = range(len(names))
    first = len(follows[0])
    colours = [plotting.SKY if i < first else plotting.BLUE for i in places]
    for ax, values, label in zip(
        axes,
        (before, follows, without),
        ("looks at the\ntoken before", "looks at what\nfollowed", "right without it"),
    ):
        flat = [v for layer in values for v in layer]
        ax.bar(places, flat, color=colours)
        ax.set(ylim=(0, 1.05), ylabel=label)
    axes[-1].set_xticks(list(places), names)
    axes[-1].set_xlabel("layer.head")
    plotting.save(fig, out, "heads")


def draw_induction(out: Path, weights: array, tokens: list[int]) -> None:
    """The attention of the head that was found, over one sequence."""
    fig, ax = plotting.figure(width=6.6, height=6.2)
    ax.imshow(np.array(weights.tolist()), cmap="Blues", vmin=0, vmax=1)
    names = ["|" if t == sequences.START else str(t) for t in tokens]
    ax.set_xticks(range(len(tokens)), names, fontsize=8)
    ax.set_yticks(range(len(tokens)), names, fontsize=8)
    ax.axhline(JUDGED + 0.5, color=plotting.RED, linewidth=1)
    ax.axvline(JUDGED + 0.5, color=plotting.RED, linewidth=1)
    ax.set(xlabel="looks at", ylabel="token")
    ax.grid(False)
    plotting.save(fig, out, "induction")
