r"""The backward pass of a whole network, written out.

What automatic differentiation does by itself, once without it: a network of affine layers with
rectified linear units between them, a softmax at the end, and the cross entropy as its loss. The
gradients are computed from the stored results of the forward pass, layer by layer, from the last to
the first. On bare arrays, as nothing here is to be watched.
"""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

#: Weight ``(outputs, inputs)`` and bias ``(outputs,)`` of one layer.
Layer = tuple[mx.array, mx.array]


def forward(layers: Sequence[Layer], x: mx.array) -> list[mx.array]:
    r"""What goes into each layer, and the logits at the end.

    Args:
        layers: weights and biases.
        x: the examples, ``(N, D)``.

    Returns:
        ``len(layers) + 1`` arrays: :math:`h_0 = x`, then
        :math:`h_{k+1} = \max(h_k W_k^\top + b_k, 0)`; the last, the logits, without the maximum.
    """
    values = [x]
    for k, (weight, bias) in enumerate(layers):
        z = values[-1] @ weight.T + bias
        values.append(z if k == len(layers) - 1 else mx.maximum(z, 0))
    return values


def cross_entropy(logits: mx.array, labels: mx.array) -> mx.array:
    """The mean cross entropy of logits ``(N, C)`` and class indices ``(N,)``."""
    right = mx.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    return mx.mean(mx.logsumexp(logits, axis=1) - right)


def loss_and_gradients(
    layers: Sequence[Layer], x: mx.array, labels: mx.array
) -> tuple[mx.array, list[Layer]]:
    r"""The mean cross entropy of the network, and its gradient in every weight and bias.

    By one walk from the logits back to the first layer, which the lesson derives: no
    transform, and no second forward pass. :func:`forward` has the values :math:`h_k` that the walk
    needs, :func:`cross_entropy` the loss.

    Args:
        layers: weights and biases, at least one layer.
        x: the examples, ``(N, D)``.
        labels: class indices, ``(N,)``.

    Returns:
        The loss, a scalar, and for each layer the gradients of weight and bias.
    """
    raise NotImplementedError(
        "6.1 loss_and_gradients - exercises/ch06_training_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
