r"""A network of two layers that says yes or no, with gradients worked out by hand.

Throughout, ``x`` holds one example in each row, shape ``(N, D)``, and ``targets`` one number for
each example, 0 or 1, shape ``(N,)``. ``H`` is the number of hidden neurons.
"""

import math
from typing import NamedTuple

import mlx.core as mx


class Parameters(NamedTuple):
    """What the network learns; gradients come in the same form."""

    weight1: mx.array  # (H, D): one hidden neuron in each row
    bias1: mx.array  # (H,)
    weight2: mx.array  # (H,)
    bias2: mx.array  # ()


def start(inputs: int, hidden: int, key: mx.array | None = None) -> Parameters:
    r"""Random parameters, uniform within :math:`\pm 1/\sqrt{\text{number of inputs of a neuron}}`.

    Args:
        inputs: the number of columns of ``x``, ``D``.
        hidden: the number of hidden neurons, ``H``.
        key: a key of ``mx.random.key``; by default the global random state is used.
    """
    keys = [None] * 4 if key is None else list(mx.random.split(key, 4))
    sizes = [((hidden, inputs), inputs), ((hidden,), inputs), ((hidden,), hidden), ((), hidden)]
    return Parameters(
        *(
            mx.random.uniform(-1 / math.sqrt(fan), 1 / math.sqrt(fan), shape, key=k)
            for (shape, fan), k in zip(sizes, keys, strict=True)
        )
    )


def forward(parameters: Parameters, x: mx.array) -> tuple[mx.array, mx.array]:
    r"""The hidden values :math:`h = \tanh(x W_1^\top + b_1)` and logits :math:`z = h w_2 + b_2`.

    Args:
        parameters: :math:`W_1, b_1, w_2, b_2`.
        x: the examples, one in each row.

    Returns:
        The hidden values ``(N, H)`` and the logits ``(N,)``.

    Raises:
        ValueError: when ``x`` is not ``(N, D)`` for a ``weight1`` of shape ``(H, D)``.
    """
    raise NotImplementedError(
        "4.1 forward - exercises/ch04_neural_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def loss_and_gradients(
    parameters: Parameters, x: mx.array, targets: mx.array
) -> tuple[mx.array, Parameters]:
    r"""The mean binary cross entropy, and its slope in each parameter, by the chain rule.

    With the logits :math:`z` of :func:`forward` and targets :math:`t` the loss is
    :math:`L = \frac{1}{N} \sum_n \log(1 + e^{z_n}) - t_n z_n`, and ``mx.logaddexp`` computes the
    first term without overflow. Backwards, from the loss to the first layer:

    .. math::
        \frac{\partial L}{\partial z} = \frac{\sigma(z) - t}{N}, \qquad
        \frac{\partial L}{\partial h} = \frac{\partial L}{\partial z} \, w_2^\top, \qquad
        \frac{\partial L}{\partial a} = \frac{\partial L}{\partial h} \odot (1 - h^2)

    where :math:`a = x W_1^\top + b_1`, so that :math:`h = \tanh a`, and :math:`\odot` multiplies
    element by element. A weight's slope is the sum over the examples of what arrives at its output
    times what went into it.

    Args:
        parameters: :math:`W_1, b_1, w_2, b_2`.
        x: the examples, ``(N, D)``.
        targets: 0 or 1 for each example, ``(N,)``.

    Returns:
        The loss, a scalar, and ``Parameters`` with the slope in each parameter.

    Raises:
        ValueError: when ``targets`` is not ``(N,)``, or as :func:`forward` does.
    """
    raise NotImplementedError(
        "4.9 loss_and_gradients - exercises/ch04_neural_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
