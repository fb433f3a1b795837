"""Layers made of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinymlx.nn.module import Module


class Sequential(Module):
    """Layers one after the other: the output of each is the input of the next.

    Args:
        modules: modules, or other functions of one argument (those have no parameters here).

    The parameters are named ``"layers.0.weight"`` and so on.

    Shape: what the first layer takes to what the last one gives.
    """

    def __init__(self, *modules: Callable[[Any], Any]) -> None:
        super().__init__()
        self.layers = list(modules)

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x
