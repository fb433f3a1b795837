"""What this machine can do at most: the two numbers of its roofline, measured."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from course import blas
from course.bench.timing import race


@dataclass(frozen=True)
class Machine:
    """Attributes: name of the device, its peak in FLOP/s (float32 matmul) and bytes/s (copy), what
    multiplies matrices on the CPU, the versions of what is raced, and the day."""

    device: str
    flops: float
    bandwidth: float
    blas: str
    versions: dict[str, str] = field(default_factory=dict)
    date: str = ""

    def bound(self, flops: float, traffic: float) -> float:
        """The least seconds that the roofline allows: compute or memory, whichever is slower."""
        return max(flops / self.flops, traffic / self.bandwidth)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def device_name() -> str:
    """The processor or GPU that MLX uses."""
    import mlx.core as mx

    if mx.default_device() == mx.Device(mx.gpu):
        return str(mx.device_info().get("device_name", "GPU"))
    return f"{platform.processor() or platform.machine()} CPU"


def versions() -> dict[str, str]:
    """Of Python, MLX and PyTorch, as far as they are here."""
    found = {"Python": platform.python_version()}
    for shown, package in (("MLX", "mlx"), ("PyTorch", "torch")):
        try:
            found[shown] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def measure() -> Machine:
    """Measure once for each process (under a second on a CPU)."""
    import mlx.core as mx

    gpu = mx.default_device() == mx.Device(mx.gpu)
    size, length = (8192, 1 << 28) if gpu else (1024, 1 << 24)
    a = mx.random.normal((size, size))
    x = mx.random.normal((length,))
    mx.eval(a, x)
    timings = race({"matmul": lambda: a @ a, "copy": lambda: x + 1.0}, rounds=7)
    return Machine(
        device_name(),
        2 * size**3 / timings["matmul"].low,
        2 * 4 * length / timings["copy"].low,
        blas.load().reason,
        versions(),
        date.today().isoformat(),
    )
