"""The basics, on bare ``mlx.core``: learning from data (chapter 1) and measuring (chapter 2).

Nothing here knows about automatic differentiation: that begins in chapter 3.
"""

from . import (
    clustering,
    costs,
    devices,
    features,
    measure,
    memory,
    metrics,
    polynomial,
    regression,
    roofline,
    splits,
)

__all__ = [
    "clustering",
    "costs",
    "devices",
    "features",
    "measure",
    "memory",
    "metrics",
    "polynomial",
    "regression",
    "roofline",
    "splits",
]
