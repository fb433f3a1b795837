"""What a row of the throughput table is compared with."""

from __future__ import annotations

from typing import Any


def limit(row: dict[str, Any]) -> float:
    """The least seconds that the machine's roofline allows for one call of the row."""
    machine = row["machine"]
    return max(row["flops"] / machine["flops"], row["bytes"] / machine["bandwidth"])


def baseline(name: str) -> str:
    """The native candidate that ``name`` is compared with: the same variant of ``mlx``."""
    for owner in ("yours", "solution", "pytorch"):
        if name.startswith(owner):
            return name.replace(owner, "mlx", 1)
    return "mlx" if name != "mlx" else ""
