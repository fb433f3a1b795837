"""Project 14: one function on its way from eager to compiled.

A GELU and its gradient, over a million numbers: op by op, by ``mx.compile``, by our own compiler.
"""

import math
from pathlib import Path

from rich.console import Console

from tinymlx import compiler, core, plotting
from tinymlx.compiler.measuring import seconds_of


def gelu(x: core.array) -> core.array:
    """The activation of chapter 4, exactly."""
    return 0.5 * x * (1 + core.erf(x / math.sqrt(2)))


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Measure and draw.

    Args:
        out: the folder for the picture.
        quick: fewer numbers.
    """
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    x = core.random.normal((64, 1024) if quick else (1024, 1024))
    slope = core.grad(lambda x: core.sum(gelu(x)))
    ways = {"eager": slope, "mx.compile": core.compile(slope), "ours": compiler.compile(slope)}
    numbers: dict[str, float] = {}
    for name, fun in ways.items():
        numbers[f"{name}: milliseconds"] = 1e3 * seconds_of(lambda fun=fun: fun(x))
        console.print(f"{name}: {numbers[f'{name}: milliseconds']:.2f} ms")
    graph = compiler.trace(slope, x)
    numbers["bytes, op by op"] = compiler.bytes_moved(graph)
    numbers["bytes, one kernel"] = 2 * x.nbytes
    fig, axes = plotting.figure(1, 1)
    axes.bar(list(ways), [numbers[f"{name}: milliseconds"] for name in ways], color=plotting.BLUE)
    axes.set_ylabel("milliseconds")
    plotting.save(fig, out, "speed")
    return numbers
