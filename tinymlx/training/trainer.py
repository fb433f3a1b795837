"""The training loop."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.core.tree import leaves, rebuild
from tinymlx.nn import Module, weights
from tinymlx.optimizers import Optimizer, clip_grad_norm
from tinymlx.training import checkpoints
from tinymlx.training.accumulation import accumulated
from tinymlx.training.averaging import WeightAverage
from tinymlx.training.batches import Batches
from tinymlx.training.precision import LossScaler, chosen, in_precision
from tinymlx.training.progress import Progress
from tinymlx.training.stopping import EarlyStopping
from tinymlx.utils import tree_flatten

Loss = Callable[..., array]
Numbers = dict[str, float]


class Trainer:
    """Trains a model: one object that holds all that changes on the way.

    A loss is called as ``loss(model, *batch)`` and returns the *mean* loss of the batch's examples;
    a metric is called in the same way and returns a mean, too. Example::

        def loss(model, x, y):
            return nn.losses.cross_entropy(model(x), y, reduction="mean")

        trainer = Trainer(model, optimizers.Adam(1e-3), loss)
        trainer.fit(Batches(x, y, batch_size=64), epochs=10)

    Args:
        model: the model.
        optimizer: the optimizer.
        loss: what to minimize.
        metrics: what else to compute in validation, by name.
        accumulate: into how many pieces to divide a batch (:func:`.accumulated`).
        max_norm: the greatest norm of the gradients (``clip_grad_norm``).
        precision: a dtype to compute in (:func:`.in_precision`).
        scaler: a loss scaler; by default there is one if ``precision`` is ``float16``.
        average: a moving average of the weights, which validation then uses.
        compile: whether to compile the step.

    Attributes:
        history: for each epoch the dict of its numbers.
        steps: how many steps have been made.
        pause: after how many steps, again and again, :meth:`train` waits until all are computed.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Loss,
        *,
        metrics: Mapping[str, Loss] | None = None,
        accumulate: int = 1,
        max_norm: float | None = None,
        precision: core.Dtype | None = None,
        scaler: LossScaler | None = None,
        average: WeightAverage | None = None,
        compile: bool = True,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = dict(metrics or {})
        self.accumulate = accumulate
        self.max_norm = max_norm
        self.precision = precision
        half = precision is not None and precision == core.float16
        self.scaler = LossScaler() if scaler is None and half else scaler
        self.average = average
        self.compile = compile
        self.history: list[Numbers] = []
        self.steps = 0
        self.pause: int | None = None
        self.total, self.seen = 0.0, 0  # of the present epoch: the sum of losses, the examples
        self.best: Any = None  # the parameters of the best epoch
        self._step: Callable[..., array] | None = None
        self._state: list[Any] = []  # what the compiled step reads and changes

    # One step

    def step(self, *batch: Any) -> float:
        """One step of the optimizer.

        Args:
            batch: arrays with one example in each place of the first axis.

        Returns:
            The loss before the step.

        Raises:
            ValueError: the model has no trainable parameters.
            FloatingPointError: the loss is infinite or nan, and there is no loss scaler.
        """
        return self.finish(self.begin(*batch))

    def begin(self, *batch: Any) -> array:
        """Have a step computed, without waiting for it; the loss comes when it is asked for."""
        if self._step is None:
            self._step = self.prepared()
        loss = self._step(*batch)
        core.async_eval(loss, self._state if self.compile else self.changing())
        return loss

    def finish(self, loss: array) -> float:
        """Wait for the step whose loss this is, and count it.

        Raises:
            FloatingPointError: the loss is infinite or nan, and there is no loss scaler.
        """
        value = float(loss.item())
        self.steps += 1
        if not math.isfinite(value) and self.scaler is None:
            raise FloatingPointError(
                f"The loss is {value} in step {self.steps}. A smaller learning rate, "
                f"max_norm, or an operation that cannot overflow may help. Go on from a "
                f"checkpoint: the weights may be spoiled."
            )
        return value

    def losses(self, batches: Batches) -> Iterator[tuple[float, int]]:
        """One step for each batch; for each the loss before it, and its number of examples.

        A loss is waited for when the next step has begun, so that the device has work while Python
        prepares more of it. Where the run may be saved (every :attr:`pause` steps) and at the end,
        no step is left on the way: what is saved belongs to the steps that were counted.

        Args:
            batches: the batches; an example is a place of the first axis of the first array.
        """
        on_the_way: tuple[array, int] | None = None
        for batch in batches:
            loss = self.begin(*batch)
            if on_the_way is not None:
                yield self.finish(on_the_way[0]), on_the_way[1]
            on_the_way = loss, batch[0].shape[0]
            if self.pause and (self.steps + 1) % self.pause == 0:
                yield self.finish(on_the_way[0]), on_the_way[1]
                on_the_way = None
        if on_the_way is not None:
            yield self.finish(on_the_way[0]), on_the_way[1]

    def prepared(self) -> Callable[..., array]:
        """The step as a function of a batch, compiled if that is wanted.

        Raises:
            ValueError: the model has no trainable parameters.
        """
        if not leaves(self.model.trainable_parameters()):
            raise ValueError("[Trainer] The model has no trainable parameters; unfreeze some.")
        self.optimizer.init(self.model.trainable_parameters())
        self._state = [*self.changing(), core.random.state]
        value_and_gradient = self.value_and_gradient()
        if self.accumulate == 1:

            def whole(*batch: Any) -> array:
                return self.apply(*value_and_gradient(*batch))

            return self.compiled(whole)
        # Pieces are computed one by one; the graph of a compiled step would hold all of them.
        pieces = accumulated(self.compiled(value_and_gradient), self.accumulate)
        apply = self.compiled(self.apply)
        return lambda *batch: apply(*pieces(*batch))

    def value_and_gradient(self) -> Callable[..., tuple[array, Any]]:
        """A function of a batch: the loss (scaled, if there is a scaler) and its gradients."""

        def loss(*batch: Any) -> array:
            value = self.loss(self.model, *batch)
            if self.precision is not None:
                value = value.astype(core.float32)
            return value if self.scaler is None else self.scaler.scaled(value)

        if self.precision is not None:
            loss = in_precision(self.model, loss, self.precision)
        return nn.value_and_grad(self.model, loss)

    def apply(self, loss: array, gradients: Any) -> array:
        """Move the parameters (and all else that a step changes) by their gradients.

        With a scaler, a step whose gradients are not finite changes nothing but the scale.

        Returns:
            The loss, without scale.
        """
        if self.scaler is not None:
            loss = loss / self.scaler.state["scale"]
            gradients, finite = self.scaler.unscaled(gradients)
            before = rebuild(lambda x: x, [self.model.parameters(), self.optimizer.state])
        if self.max_norm is not None:
            gradients, _ = clip_grad_norm(gradients, self.max_norm)
        self.optimizer.update(self.model, gradients)
        if self.scaler is not None:
            self.model.update(chosen(finite, self.model.parameters(), before[0]))
            chosen(finite, self.optimizer.state, before[1])
            self.scaler.update(finite)
        if self.average is not None:
            self.average.update()
        return loss

    def changing(self) -> list[Any]:
        """Every tree that a step reads and changes."""
        trees: list[Any] = [self.model.state, self.optimizer.state]
        if self.scaler is not None:
            trees.append(self.scaler.state)
        if self.average is not None:
            trees.append(self.average.state)
        return trees

    def compiled(self, fun: Callable[..., Any]) -> Callable[..., Any]:
        """``fun`` compiled, with all that it captures, or as it is."""
        if not self.compile:
            return fun
        return core.compile(fun, inputs=self._state, outputs=self._state)

    # Epochs

    def train(self, batches: Batches, report: Callable[[int, float], None] | None = None) -> float:
        """What is left of one epoch of training.

        In training mode, ``self.losses(batches)`` makes one step for each batch, and yields the
        mean loss of the batch and its number of examples. :attr:`total` grows by the loss times the
        number of examples, :attr:`seen` by that number: so the mean is right although the last
        batch may be smaller, and also if an epoch is continued. Both start again at 0 when the
        epoch is complete.

        Args:
            batches: the batches.
            report: called after each step with the examples seen and their mean loss so far.

        Returns:
            The mean loss of all examples of the epoch.
        """
        raise NotImplementedError(
            "5.19 train - exercises/ch05_building_networks/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def evaluate(self, batches: Batches) -> Numbers:
        """The mean loss and the mean metrics over all examples, without training.

        The context ``self.validating()`` puts the model into evaluation mode, with the averaged
        weights if there is an average. Each mean is weighted with the number of examples of the
        batches (the first axis of the first array).

        Args:
            batches: the batches; they are gone through from the first one
                (``batches.position = 0``).

        Returns:
            ``"loss"`` and the metrics by name.
        """
        raise NotImplementedError(
            "5.19 evaluate - exercises/ch05_building_networks/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    @contextmanager
    def validating(self) -> Iterator[None]:
        """While the context lasts, the model is as validation wants it: see :meth:`evaluate`."""
        training = self.model.training
        self.model.eval()
        try:
            with nullcontext() if self.average is None else self.average.applied():
                yield
        finally:
            self.model.train(training)

    def fit(
        self,
        batches: Batches,
        epochs: int,
        *,
        validation: Batches | None = None,
        stopping: EarlyStopping | None = None,
        watch: str = "loss",
        checkpoint: str | None = None,
        every: int | None = None,
        progress: bool = True,
    ) -> list[Numbers]:
        """Train until ``epochs`` epochs are complete, those of an earlier run included.

        Args:
            batches: what to train on.
            epochs: the number of epochs.
            validation: what to validate on after each epoch.
            stopping: when to stop early; in the end the model has the weights of its best epoch.
            watch: which number of the validation ``stopping`` looks at.
            checkpoint: a file. If it exists, training continues from it (:meth:`resume`); it is
                written after each epoch.
            every: write it also whenever this many steps have been made.
            progress: whether to show a bar.

        Returns:
            :attr:`history`: for each epoch a dict with ``"loss"``, and with a validation
            ``"validation loss"`` and so on.

        Raises:
            ValueError: ``stopping`` without ``validation``, ``every`` without ``checkpoint``, or a
                checkpoint that does not fit.
        """
        if (stopping is not None and validation is None) or (every and checkpoint is None):
            raise ValueError("[Trainer] stopping needs validation, and every needs a checkpoint.")
        if checkpoint is not None and os.path.exists(checkpoint):
            self.resume(checkpoint, batches, stopping)
        self.pause = every
        with Progress(epochs, batches.size, enabled=progress) as bar:

            def report(seen: int, loss: float) -> None:
                bar.step(batches.epoch, seen, loss)
                if every and checkpoint is not None and self.steps % every == 0:
                    self.save(checkpoint, batches, stopping)

            while batches.epoch < epochs and not (stopping is not None and stopping.stop):
                numbers = {"loss": self.train(batches, report)}
                if validation is not None:
                    measured = self.evaluate(validation)
                    numbers |= {f"validation {name}": value for name, value in measured.items()}
                self.history.append(numbers)
                if stopping is not None and stopping.update(numbers[f"validation {watch}"]):
                    self.best = self.validated()
                if checkpoint is not None:
                    self.save(checkpoint, batches, stopping)
                bar.epoch(batches.epoch, numbers)
        if stopping is not None and self.best is not None:
            self.model.update(self.best)
        return self.history

    def validated(self) -> Any:
        """A copy of the tree of all parameters as validation sees them."""
        with self.validating():
            return self.model.parameters()

    # Files

    def save(
        self, file: str, batches: Batches | None = None, stopping: EarlyStopping | None = None
    ) -> None:
        """Write all that the run needs to go on: see :mod:`.checkpoints`.

        Args:
            file: the path.
            batches: the batches that are being trained on.
            stopping: the early stopping.

        Raises:
            ValueError, OSError, RuntimeError: as :func:`.checkpoints.save`.
        """
        checkpoints.save(file, self.state(batches, stopping))

    def state(
        self, batches: Batches | None = None, stopping: EarlyStopping | None = None
    ) -> dict[str, Any]:
        """All that changes in the course of a run, as one tree.

        Its entries: ``"model"`` (all parameters), ``"optimizer"``, ``"random"`` (the state of the
        global random numbers, :func:`.checkpoints.random_state`), ``"scaler"``, ``"average"``,
        ``"batches"`` and ``"stopping"`` (the ``state`` of each, ``None`` for one that there is
        not), ``"best"``, ``"history"``, ``"steps"``, ``"total"`` and ``"seen"``.

        Args:
            batches: the batches that are being trained on.
            stopping: the early stopping.
        """
        parts = {
            "scaler": self.scaler,
            "average": self.average,
            "batches": batches,
            "stopping": stopping,
        }
        return {
            "model": self.model.parameters(),
            "optimizer": self.optimizer.state,
            "random": checkpoints.random_state(),
            **{name: None if part is None else part.state for name, part in parts.items()},
            "best": self.best,
            "history": self.history,
            "steps": self.steps,
            "total": self.total,
            "seen": self.seen,
        }

    def resume(
        self, file: str, batches: Batches | None = None, stopping: EarlyStopping | None = None
    ) -> None:
        """Continue from a checkpoint, bit for bit as if the run had never stopped.

        Args:
            file: what :meth:`save` wrote, with a model of the same structure.
            batches: the batches to train on; they must be made from the same arrays.
            stopping: the early stopping.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged, or does not fit. Nothing has changed then.
        """
        self.restore(checkpoints.load(file), batches, stopping)

    def restore(
        self,
        state: dict[str, Any],
        batches: Batches | None = None,
        stopping: EarlyStopping | None = None,
    ) -> None:
        """Put a tree that :meth:`state` returned where it belongs.

        The parts are compared first: the weights by name and shape (``weights.check``), and a part
        that one side has and the other has not is an error. The step has been compiled for the old
        dicts of the state; with ``self._step = None`` it is made anew.

        Args:
            state: the tree.
            batches, stopping: as for :meth:`state`.

        Raises:
            ValueError: the tree does not fit. Nothing has changed then.
        """
        raise NotImplementedError(
            "6.16 restore - exercises/ch06_training_autodiff/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
