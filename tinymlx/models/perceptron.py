"""The networks of the first GAN: linear layers, one behind the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.nn import Module


class Perceptron(Module):
    """Linear layers with leaky relu (slope 0.2) between them.

    Args:
        inputs: the size of an input; where it has more axes, of all of them together.
        hidden: the size of each hidden layer.
        outputs: the shape of an output. ``()`` stands for a number for each example, as a
            discriminator returns it.
        bounded: whether the last layer ends in tanh.

    Shape:
        ``(N, ...)`` to ``(N, *outputs)``.
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: Sequence[int] = (),
        bounded: bool = False,
    ) -> None:
        super().__init__()
        sizes = [inputs, *hidden, math.prod(outputs)]
        self.layers = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])]
        self.outputs = tuple(outputs)
        self.bounded = bounded

    def __call__(self, x: array) -> array:
        """The output of the last layer, in its shape."""
        x = x.reshape(x.shape[0], -1)
        for layer in self.layers[:-1]:
            x = nn.leaky_relu(layer(x), 0.2)
        x = self.layers[-1](x).reshape(-1, *self.outputs)
        return core.tanh(x) if self.bounded else x


class Waves(Module):
    r"""A network that sees its input through waves: :math:`x`, :math:`\sin(Bx)`, :math:`\cos(Bx)`.

    A network of linear layers learns what is smooth first and what is fine very late. On sines and
    cosines of random directions and lengths, :math:`B`, fine things are near the surface.

    Args:
        inputs: the size of an input.
        count: how many waves; ``self.directions``, ``(inputs, count)``, is drawn once and frozen.
        spread: the deviation of the numbers in :math:`B`: the larger, the finer.
        network: reads the ``inputs + 2 * count`` numbers.

    Shape:
        ``(N, inputs)`` to what the network makes of ``(N, inputs + 2 * count)``.

    Source: A. Rahimi and B. Recht (2007); M. Tancik et al. (2020), https://arxiv.org/abs/2006.10739
    """

    def __init__(self, inputs: int, count: int, spread: float, network: Module) -> None:
        super().__init__()
        self.directions = spread * core.random.normal((inputs, count))
        self.network = network
        self.freeze(keys=["directions"], recurse=False)

    def __call__(self, x: array) -> array:
        """What the network says of the waves."""
        angles = x @ self.directions
        return self.network(core.concatenate([x, core.sin(angles), core.cos(angles)], axis=-1))
