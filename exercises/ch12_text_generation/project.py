"""Project 12: from English to German.

Sentences of Multi30k where the data folder has them; otherwise a language that needs no file, of
numbers and dates in words. One tokenizer is learned for both sides, then a Transformer of this
chapter, whose last checkpoints are averaged. It is judged by what it writes by itself, word for
word and by beams. Training can be stopped with Ctrl-C: the same command goes on.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import mlx.core as mx
from rich.console import Console
from rich.progress import track

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.data import multi30k, numerals
from tinymlx.data.multi30k import Pairs, Translations
from tinymlx.models.translation import Translator, asked
from tinymlx.text.bleu import bleu
from tinymlx.text.buckets import PairBatches
from tinymlx.text.chrf import chrf
from tinymlx.text.evaluation import evaluated, filled, translated
from tinymlx.text.targets import shifted, smoothed_loss
from tinymlx.text.tokenizer import ByteLevelTokenizer
from tinymlx.training import checkpoints
from tinymlx.training.mixing import averaged
from tinymlx.training.schedules import inverse_square_root
from tinymlx.utils import tree_flatten, tree_reduce

from .gpt import exported, stepwise  # noqa: F401  (`tinymlx export 12`)

PAD, BEGIN, END = 0, 1, 2
SPECIAL = ("<pad>", "<begin>", "<end>")
Numbers = dict[str, float]


@dataclass(frozen=True)
class Setting:
    """How large and how long."""

    name: str
    size: int  # tokens of the vocabulary
    dims: int
    heads: int
    layers: int
    hidden: int
    dropout: float
    tokens: int  # of one side of a batch
    epochs: int
    rate: float
    warm_up: int
    lengths: tuple[int, ...]  # that a batch may have; longer pairs are left out
    last: int = 1  # how many checkpoints are averaged; while it still learns fast, more are worse
    widths: tuple[int, ...] = (1, 2, 4, 8)  # of beams, in the plot
    width: int = 5  # of the beams that count
    penalty: float = 1.0
    every: int = 1  # after how many epochs translations are judged
    judged: int = 200  # sentences of the validation set
    pairs: int | None = None  # how many to learn from; all if left out
    tests: int | None = None


QUICK = Setting(
    "quick", 400, 64, 4, 1, 128, 0.0, 1000, 6, 5e-3, 60, (12, 20, 32, 64), pairs=4000, tests=100
)
DEFAULT = Setting(
    "default", 2048, 128, 4, 2, 256, 0.1, 1200, 3, 2.5e-3, 400, (12, 16, 20, 24, 32, 48)
)
FULL = Setting(
    "full", 8000, 256, 4, 4, 1024, 0.3, 8192, 40, 2e-3, 1000, (16, 24, 48), last=10, every=10
)


def main(out: Path, quick: bool = False, full: bool = False) -> Numbers:
    """Learn to translate, measure, and draw; everything goes into ``out``.

    Args:
        out: the folder.
        quick: a small network on numbers and dates, for seconds.
        full: four layers of 256 on all sentences, for minutes on a GPU.

    Returns:
        What was measured.
    """
    setting = QUICK if quick else FULL if full else DEFAULT
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    data = multi30k.load() if multi30k.is_there() and not quick else numerals.load()
    data = part_of(data, setting)
    console.print(f"[bold]{data.source}[/], setting {setting.name}.")
    start = time.perf_counter()
    tokenizer = learned_tokenizer(data, setting, out)
    console.print(f"{tokenizer.size} tokens in {time.perf_counter() - start:.1f} s.")
    training = TranslationTraining(setting, data, tokenizer, out)
    training.resume(console)
    training.fit(console)
    numbers = judged(console, training)
    draw_curve(out, training.curve)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    training.finish()
    return numbers


def part_of(data: Translations, setting: Setting) -> Translations:
    """As many pairs as the setting uses."""

    def first(pairs: Pairs, count: int | None) -> Pairs:
        return Pairs(pairs.sources[:count], pairs.targets[:count])

    return data._replace(
        train=first(data.train, setting.pairs),
        validation=first(data.validation, setting.tests),
        test=first(data.test, setting.tests),
    )


def learned_tokenizer(data: Translations, setting: Setting, out: Path) -> ByteLevelTokenizer:
    """One vocabulary for both languages, also written in the files of published tokenizers."""
    texts = [*data.train.sources, *data.train.targets]
    tokenizer = ByteLevelTokenizer.learned(texts, setting.size, SPECIAL, "<end>")
    vocabulary = {**tokenizer.special, **tokenizer.vocabulary}
    lines = ["#version: 0.2", *(" ".join(pair) for pair in tokenizer.ranks)]
    (out / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (out / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tokenizer


# Training


class TranslationTraining:
    """A translator, all that its training needs, and where its checkpoints are.

    Args:
        setting: sizes and rates.
        data: the sentences.
        tokenizer: of both languages.
        out: the folder.
    """

    def __init__(
        self, setting: Setting, data: Translations, tokenizer: ByteLevelTokenizer, out: Path
    ) -> None:
        self.setting, self.data, self.tokenizer, self.out = setting, data, tokenizer, out
        self.batches = self.batches_of(data.train, setting.tokens)
        self.validation = self.batches_of(data.validation, setting.tokens)
        core.random.seed(0)
        self.model = Translator(
            tokenizer.size,
            setting.dims,
            setting.heads,
            setting.layers,
            setting.hidden,
            setting.dropout,
            PAD,
        )
        schedule = inverse_square_root(setting.rate, setting.warm_up)
        self.optimizer = optimizers.Adam(schedule, betas=[0.9, 0.98], bias_correction=True)
        self.optimizer.init(self.model.trainable_parameters())
        self.gradient = nn.value_and_grad(self.model, self.loss)
        self.epoch = 0
        self.curve: list[Numbers] = []

    def batches_of(self, pairs: Pairs, tokens: int) -> PairBatches:
        """Pairs as batches, without those that are too long."""
        encode, longest = self.tokenizer.encode, max(self.setting.lengths)
        sources = [[*encode(text), END] for text in pairs.sources]
        targets = [[BEGIN, *encode(text), END] for text in pairs.targets]
        kept = [p for p in zip(sources, targets, strict=True) if max(map(len, p)) <= longest]
        return PairBatches(*zip(*kept, strict=True), self.setting.lengths, tokens, PAD)

    def loss(self, source: array, target: array, smoothing: float = 0.1) -> array:
        """The mean over all tokens that are to be written."""
        inputs, goals = shifted(target)
        return smoothed_loss(self.model(source, inputs), goals, PAD, smoothing)

    def step(self, source: array, target: array) -> array:
        """One step of the optimizer."""
        loss, gradients = self.gradient(source, target)
        gradients, _ = optimizers.clip_grad_norm(gradients, 1.0)
        self.optimizer.update(self.model, gradients)
        return loss

    def fast_step(self) -> Callable[[array, array], array]:
        """:meth:`step`, compiled where that pays; made anew after :meth:`resume`."""
        if mx.default_device().type == mx.cpu:
            return self.step
        kept = [self.model.state, self.optimizer.state, core.random.state]
        return core.compile(self.step, inputs=kept, outputs=kept)

    def fit(self, console: Console | None = None) -> None:
        """All epochs that are left. After each the run is saved, and the last ones are kept."""
        setting, step = self.setting, self.fast_step()
        while self.epoch < setting.epochs:
            start = time.perf_counter()
            self.model.train()
            total = core.array(0.0)
            shown = track(
                self.batches,
                f"epoch {self.epoch + 1}",
                total=len(self.batches),
                disable=console is None,
                transient=True,
            )
            for source, target in shown:
                total = total + step(source, target)
                core.async_eval(total, self.model.state, self.optimizer.state)
            self.epoch += 1
            point = {"training": total.item() / len(self.batches), **self.held_out()}
            point["seconds"] = time.perf_counter() - start
            self.curve.append(point)
            self.save()
            if console:
                told = ", ".join(f"{name} {value:.2f}" for name, value in point.items())
                console.print(f"epoch {self.epoch:2d}: {told}")

    def held_out(self) -> Numbers:
        """The loss of the validation set without smoothing, and now and then its BLEU."""
        self.model.eval()
        total = core.array(0.0)
        for source, target in self.validation:
            total = total + self.loss(source, target, 0.0)
            core.eval(total)
        found = {"validation": total.item() / len(self.validation)}
        if self.epoch % self.setting.every == 0 or self.epoch == self.setting.epochs:
            count = self.setting.judged
            pairs = self.data.validation
            found["BLEU"] = evaluated(
                self.model, self.tokenizer, pairs.sources[:count], pairs.targets[:count], BEGIN
            ).score
        return found

    # Files

    def weights_file(self, epoch: int) -> Path:
        """The weights after an epoch."""
        return self.out / f"unfinished-{self.setting.name}-weights-{epoch}.safetensors"

    @property
    def file(self) -> Path:
        """The whole run."""
        return self.out / f"unfinished-{self.setting.name}.safetensors"

    def save(self) -> None:
        """The run, and the weights of the last epochs."""
        weights = tree_flatten(self.model.parameters(), destination={})
        core.save_safetensors(str(self.weights_file(self.epoch)), weights)
        self.weights_file(self.epoch - self.setting.last).unlink(missing_ok=True)
        state = {
            "setting": {k: v for k, v in asdict(self.setting).items() if k != "epochs"},
            "data": self.data.source,
            "model": self.model.parameters(),
            "optimizer": self.optimizer.state,
            "random": checkpoints.random_state(),
            "epoch": self.epoch,
            "curve": self.curve,
        }
        checkpoints.save(str(self.file), state)

    def resume(self, console: Console) -> None:
        """Go on with a run that was stopped, if it was one of this setting and these sentences."""
        if not self.file.is_file():
            return
        try:
            state = checkpoints.load(str(self.file))
        except ValueError as error:
            console.print(f"{error} It is not used.")
            return
        setting = json.loads(json.dumps(asdict(self.setting)))
        setting.pop("epochs")
        if state.get("setting") != setting or state.get("data") != self.data.source:
            console.print(f"{self.file.name} is of another setting or text; this run begins anew.")
            return
        self.model.update(state["model"])
        self.optimizer.state = state["optimizer"]
        checkpoints.set_random_state(state["random"])
        self.epoch, self.curve = state["epoch"], state["curve"]
        self.batches.epoch = self.epoch
        console.print(f"Going on after epoch {self.epoch}. (Delete {self.file} to begin anew.)")

    def mixed(self) -> None:
        """Give the model the mean of the last checkpoints."""
        first = max(self.epoch - self.setting.last, 0) + 1
        files = [self.weights_file(epoch) for epoch in range(first, self.epoch + 1)]
        self.model.load_weights(list(averaged([str(f) for f in files if f.is_file()]).items()))

    def finish(self) -> None:
        """The whole run is done: nothing is left to resume."""
        for file in [self.file, *map(self.weights_file, range(1, self.epoch + 1))]:
            file.unlink(missing_ok=True)


# Judging


def judged(console: Console, training: TranslationTraining) -> Numbers:
    """What the averaged model makes of the test set."""
    setting, test, model = training.setting, training.data.test, training.model
    common = (model, training.tokenizer, test.sources)
    model.eval()
    alone = evaluated(*common, test.targets, BEGIN).score
    training.mixed()
    numbers = {
        "parameters": float(tree_reduce(lambda n, w: n + w.size, model.parameters(), 0)),
        "validation loss": training.curve[-1]["validation"],
        "BLEU of the last checkpoint, greedy": alone,
        "BLEU, greedy": evaluated(*common, test.targets, BEGIN).score,
    }
    found = translated(*common, BEGIN, width=setting.width, penalty=setting.penalty)
    numbers[f"BLEU, {setting.width} beams"] = bleu(found, test.targets).score
    numbers["chrF"] = chrf(found, test.targets)
    exact = [a == b for a, b in zip(found, test.targets, strict=True)]
    numbers["exactly right"] = sum(exact) / len(exact)
    by_width = {w: evaluated(*common, test.targets, BEGIN, width=w).score for w in setting.widths}
    numbers |= {f"BLEU, width {w}": score for w, score in by_width.items()}
    console.print(
        f"Test set: BLEU {numbers['BLEU, greedy']:.2f} word for word (the last checkpoint alone "
        f"{alone:.2f}), {numbers[f'BLEU, {setting.width} beams']:.2f} with {setting.width} beams; "
        f"chrF {numbers['chrF']:.1f}; {numbers['exactly right']:.1%} are what the human wrote."
    )
    console.print("BLEU is corpus BLEU of plain text in the words of 13a, case counts, smoothed.")
    lines = []
    for ours, theirs, source in list(zip(found, test.targets, test.sources, strict=True))[:20]:
        lines += [source, f"  machine: {ours}", f"  human:   {theirs}"]
    (training.out / "translations.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    console.print("\n".join(lines[:9]), markup=False, highlight=False)
    draw_beams(training.out, by_width)
    draw_attention(training, found)
    weights = {n: w.astype(core.float16) for n, w in tree_flatten(model.parameters())}
    told = {"setting": json.dumps(asdict(setting)), "numbers": json.dumps(numbers)}
    core.save_safetensors(str(training.out / "weights.safetensors"), weights, told)
    return numbers


# Pictures


def draw_curve(out: Path, curve: list[Numbers]) -> None:
    """Losses after each epoch, and BLEU where it was measured."""
    fig, (left, right) = plotting.figure(1, 2, width=10.0, height=4.0)
    epochs = range(1, len(curve) + 1)
    marker = "o" if len(curve) < 20 else None
    for name, colour in (("training", plotting.BLUE), ("validation", plotting.ORANGE)):
        label = f"{name}, smoothed goals" if name == "training" else f"{name}, plain"
        left.plot(epochs, [c[name] for c in curve], marker=marker, color=colour, label=label)
    left.set(xlabel="epoch", ylabel="loss (nats a token)")
    left.legend(loc="best")
    scores = [(i, c["BLEU"]) for i, c in zip(epochs, curve, strict=True) if "BLEU" in c]
    right.plot(*zip(*scores, strict=True), "o-", color=plotting.GREEN)
    right.set(xlabel="epoch", ylabel="BLEU of the validation set, greedy")
    for ax in (left, right):
        ax.xaxis.get_major_locator().set_params(integer=True)
    plotting.save(fig, out, "curve")


def draw_beams(out: Path, by_width: dict[int, float]) -> None:
    """BLEU against the width of the beam."""
    fig, ax = plotting.figure(width=6.0, height=4.0)
    places = range(len(by_width))
    ax.plot(places, list(by_width.values()), "o-", color=plotting.BLUE)
    ax.set_xticks(places, [str(width) for width in by_width])
    ax.set(xlabel="beams", ylabel="BLEU of the test set")
    plotting.save(fig, out, "beams")


def draw_attention(training: TranslationTraining, found: list[str]) -> None:
    """Which words of the source each written token asked, in the last layer of the decoder."""
    test, encode = training.data.test, training.tokenizer.encode
    lengths = [len(encode(text)) for text in test.sources]
    chosen = min(range(len(lengths)), key=lambda i: (abs(lengths[i] - 12), i))
    source = [*encode(test.sources[chosen]), END]
    target = [BEGIN, *encode(found[chosen])]
    arrays = [filled([tokens], PAD) for tokens in (source, target)]
    weights = core.mean(asked(training.model, *arrays)[0], axis=0)
    fig, ax = plotting.figure(width=7.5, height=0.36 * len(target) + 1.8)
    ax.imshow(weights.tolist(), cmap="Blues", aspect="auto", vmin=0)
    show = [
        [training.tokenizer.decode([t]).strip() or "·" for t in side] for side in (source, target)
    ]
    ax.set_xticks(range(len(source)), show[0], rotation=60, ha="right")
    ax.set_yticks(range(len(target)), [*show[1][1:], SPECIAL[END]])
    ax.set(xlabel="asked: the source", ylabel="written: the translation")
    ax.grid(False)
    plotting.save(fig, training.out, "attention")
