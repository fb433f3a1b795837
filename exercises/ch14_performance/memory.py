"""What a budget of memory costs: as planned, and as measured."""

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tinymlx import core, nn, plotting
from tinymlx.core import array
from tinymlx.performance.recompute import Recomputed, measured, peak, step_peak, to_recompute

SHARES = (1.0, 0.75, 0.5, 0.3)


def memory(layers: int, width: int, rows: int, out: Path, console: Console) -> dict[str, float]:
    """A stack of blocks, large and small ones, under smaller and smaller budgets."""
    core.random.seed(0)
    stack = [block(width, 4 if i % 2 else 1) for i in range(layers)]
    x = core.random.normal((rows, width))
    core.eval(x, [layer.parameters() for layer in stack])
    blocks = measured(stack, x)
    whole = peak(blocks, [])
    smallest = peak(blocks, range(len(blocks)))
    table = Table(
        "budget (MB)", "again", "planned (MB)", "measured (MB)", "planned (ms)", "step (ms)"
    )
    numbers: dict[str, float] = {}
    points = []
    for share in SHARES:
        budget = max(int(share * whole), smallest)
        again = to_recompute(blocks, budget)
        model = Recomputed(stack, again)
        found = step_peak(model, loss, x)
        seconds = step_seconds(model, x)
        lost = sum(blocks[i].seconds for i in again)
        points.append((peak(blocks, again) / 1e6, found / 1e6, 1e3 * seconds))
        table.add_row(
            f"{budget / 1e6:.1f}",
            f"{len(again)} of {layers}",
            f"{points[-1][0]:.1f}",
            f"{points[-1][1]:.1f}",
            f"+ {1e3 * lost:.1f}",
            f"{1e3 * seconds:.1f}",
        )
        numbers[f"memory: planned at {share:.0%} (MB)"] = points[-1][0]
        numbers[f"memory: measured at {share:.0%} (MB)"] = points[-1][1]
    console.print("[bold]Memory[/]: gradients and what MLX does ahead of time come on top.")
    console.print(table)
    fig, ax = plotting.figure(height=3.4)
    ax.plot([p for p, _, _ in points], [m for _, m, _ in points], "o-")
    ax.set(xlabel="planned (MB)", ylabel="measured (MB)")
    plotting.save(fig, out, "memory")
    return numbers


def block(width: int, times: int) -> nn.Module:
    """Two layers; the hidden one is wider by a factor."""
    return nn.Sequential(
        nn.Linear(width, times * width), nn.GELU(), nn.Linear(times * width, width)
    )


def loss(model: nn.Module, x: array) -> array:
    """Something to differentiate."""
    return core.mean(core.square(model(x)))


def step_seconds(model: nn.Module, x: array) -> float:
    """The fastest of three gradients."""
    step = nn.value_and_grad(model, loss)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        core.eval(step(model, x))
        core.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)
