"""Project 12: training a translator, which can be stopped and goes on."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import mlx.core as mx
from rich.console import Console
from rich.progress import track

from tinymlx import core, nn, optimizers
from tinymlx.core import array
from tinymlx.data.multi30k import Pairs, Translations
from tinymlx.models.recurrent_translation import RecurrentTranslator
from tinymlx.models.translation import Translator
from tinymlx.text.buckets import PairBatches
from tinymlx.text.evaluation import evaluated
from tinymlx.text.targets import shifted, smoothed_loss
from tinymlx.text.tokenizer import ByteLevelTokenizer
from tinymlx.training import checkpoints
from tinymlx.training.mixing import averaged
from tinymlx.training.schedules import inverse_square_root
from tinymlx.utils import tree_flatten

from .settings import BEGIN, END, PAD, SPECIAL, Numbers, Setting


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


def made(setting: Setting, size: int) -> Translator | RecurrentTranslator:
    """The network of a setting, for ``size`` tokens."""
    s = setting
    if s.kind == "recurrent":
        return RecurrentTranslator(size, s.dims, s.hidden, s.layers, s.dropout, PAD)
    return Translator(size, s.dims, s.heads, s.layers, s.hidden, s.dropout, PAD)


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
        self.model = made(setting, tokenizer.size)
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
