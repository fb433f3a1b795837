"""Where a network looked."""

from __future__ import annotations

from collections.abc import Callable

from tinymlx import core
from tinymlx.core import array

Function = Callable[[array], array]


def class_activation(features: Function, head: Function, x: array, classes: array) -> array:
    r"""Grad-CAM: how much each place of the last maps speaks for a class.

    With the maps :math:`A = \text{features}(x)` and the logit :math:`s` of the class in
    :math:`\text{head}(A)`, map :math:`c` counts with the mean of its slope over the places,

    .. math::
        \alpha_c = \frac{1}{H W} \sum_{i,j} \frac{\partial s}{\partial A_{ijc}}, \qquad
        M_{ij} = \text{relu} \Big( \sum_c \alpha_c A_{ijc} \Big) .

    Each picture has its own :math:`\alpha`.

    Args:
        features: from pictures to maps, ``(N, H, W, C)``.
        head: from maps to logits, ``(N, classes)``. In evaluation mode no picture changes the
            logits of another one.
        x: pictures.
        classes: the class of each picture to ask for, ``(N,)`` integers.

    Returns:
        ``(N, H, W)``, not negative.

    Source: R. Selvaraju et al. (2016), https://arxiv.org/abs/1610.02391
    """
    maps = features(x)
    each = core.arange(classes.shape[0])
    slopes = core.grad(lambda maps: core.sum(head(maps)[each, classes]))(maps)
    weights = core.mean(slopes, axis=(1, 2), keepdims=True)
    return core.maximum(core.sum(weights * maps, axis=-1), 0.0)


def saliency(network: Function, x: array, classes: array) -> array:
    """By how much a small change of each pixel can change the logit of a class at most.

    Args:
        network: from pictures to logits.
        x: pictures, ``(N, H, W, C)``.
        classes: ``(N,)`` integers.

    Returns:
        ``(N, H, W)``: the greatest absolute slope among the channels.

    Source: K. Simonyan et al. (2013), https://arxiv.org/abs/1312.6034
    """
    each = core.arange(classes.shape[0])
    slopes = core.grad(lambda x: core.sum(network(x)[each, classes]))(x)
    return core.max(core.abs(slopes), axis=-1)
