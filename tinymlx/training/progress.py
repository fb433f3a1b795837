"""A progress bar for :meth:`tinymlx.training.Trainer.fit`, drawn by Rich. Given."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress:
    """One bar for the examples of an epoch, and a line for each epoch that is complete.

    Where the output is no terminal there is no bar, only the lines.

    Args:
        epochs: how many epochs there will be.
        examples: how many examples an epoch has.
        enabled: whether to show anything.
    """

    def __init__(self, epochs: int, examples: int, enabled: bool = True) -> None:
        self.epochs = epochs
        self.console = Console(quiet=not enabled)
        self.bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not enabled or not self.console.is_terminal,
        )
        self.task = self.bar.add_task("", total=examples, loss=0.0)

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def step(self, epoch: int, seen: int, loss: float) -> None:
        """Show where an epoch (counted from 0) stands."""
        self.bar.update(
            self.task,
            completed=seen,
            loss=loss,
            description=f"epoch {min(epoch + 1, self.epochs)}/{self.epochs}",
        )

    def epoch(self, complete: int, numbers: dict[str, float]) -> None:
        """Write a line for the epoch that has been completed."""
        text = "  ".join(f"{name} {value:.4f}" for name, value in numbers.items())
        self.console.print(f"epoch {complete}/{self.epochs}  {text}", highlight=False)
