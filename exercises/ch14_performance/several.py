"""Two processes of this machine, and what they say about 1,024."""

import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tinymlx import plotting
from tinymlx.parallel.scaling import efficiency, fitted, sum_time

PROGRAM = Path(__file__).with_name("sums.py")
MACHINES = (1, 2, 4, 16, 64, 256, 1024)
COMPUTE, SIZE = 0.2, 40e6  # a step of 0.2 s with 10 million gradients in float32


def several(messages: Sequence[int], out: Path, console: Console) -> dict[str, float]:
    """Time sums of two processes, fit a latency and a bandwidth, and draw what follows."""
    times = timed(messages)
    if times is None:
        console.print("[bold]Several processes[/]: no two of them could be started here.")
        return {}
    try:
        link = fitted(messages, times, 2)
    except ValueError:
        console.print("[bold]Several processes[/]: this machine is too busy to measure sums.")
        return {}
    table = Table("bytes", "measured (µs)", "the model says (µs)")
    for size, seconds in zip(messages, times):
        table.add_row(f"{size:,}", f"{1e6 * seconds:,.0f}", f"{1e6 * sum_time(size, 2, link):,.0f}")
    console.print(
        f"[bold]Several processes[/]: a latency of {1e6 * link.latency:.0f} µs, and "
        f"{link.bandwidth / 1e9:.2g} GB/s between two processes of this machine."
    )
    console.print(table)
    fig, ax = plotting.figure(height=3.6)
    for overlap, name in ((0.0, "gradients last"), (0.6, "gradients on their way")):
        shares = [efficiency(COMPUTE, SIZE, n, link, overlap) for n in MACHINES]
        ax.plot(MACHINES, shares, "o-", label=name)
    ax.set(
        xscale="log", xlabel="machines", ylabel="speed of each, of a single one's", ylim=(0, 1.05)
    )
    ax.set_xticks(MACHINES, [f"{n:,}" for n in MACHINES])
    ax.legend()
    plotting.save(fig, out, "scaling")
    return {
        "several: latency (µs)": 1e6 * link.latency,
        "several: bandwidth (GB/s)": link.bandwidth / 1e9,
        "several: 1,024 machines": efficiency(COMPUTE, SIZE, 1024, link),
    }


def timed(messages: Sequence[int]) -> list[float] | None:
    """Seconds for a sum of each size over two processes; ``None`` if they cannot be started."""
    launcher = Path(sys.executable).with_name("mlx.launch")
    command = [launcher, "-n", 2, "--backend", "ring", "--python", sys.executable]
    command += ["--starting-port", free_port(), PROGRAM, *messages]
    try:
        done = subprocess.run(
            [str(x) for x in command], capture_output=True, text=True, timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    return json.loads(lines[0]) if lines else None


def free_port() -> int:
    """A port that nobody uses, and the one behind it neither."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
