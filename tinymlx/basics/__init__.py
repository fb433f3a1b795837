"""The basics, on bare ``mlx.core``.

Learning from data (chapter 1), measuring (chapter 2), and gradients worked out by hand: those of a
network (chapter 4) and of attention (chapter 11).

Nothing here knows about automatic differentiation: that begins in chapter 3.
"""

from . import (
    attention,
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
    "attention",
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
