"""What a row of the throughput table is compared with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

ORDER = ("yours", "solution", "mlx", "pytorch")


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


def native(names: Collection[str]) -> str:
    """The native candidate that a whole row is compared with: compiled, if it was; or empty."""
    return next((name for name in ("mlx_compiled", "mlx") if name in names), "")


def rank(name: str) -> tuple[str, int]:
    """What candidates are sorted by: variants together, and in each the same order."""
    owner, _, variant = name.partition("_")
    return (variant, ORDER.index(owner) if owner in ORDER else len(ORDER))
