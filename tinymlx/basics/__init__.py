"""The basics, on bare ``mlx.core``.

Learning from data (chapter 1), measuring (chapter 2), and a network whose gradients are worked out
by hand (chapter 4).

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
    two_layers,
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
    "two_layers",
]
