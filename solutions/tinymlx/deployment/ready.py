"""A network without what only training needs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from tinymlx import core, nn
from tinymlx.core import Dtype, array
from tinymlx.nn import Module

DROPOUTS = (nn.Dropout, nn.Dropout2d, nn.Dropout3d)
WITH_WEIGHTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def folded(weight: array, bias: array | None, norm: nn.BatchNorm) -> tuple[array, array]:
    """Weight and bias of a layer that does its own work and that of the normalization behind it.

    The formula is yours to find; the lesson leads there. The normalization is taken as it is in
    evaluation mode.

    Args:
        weight: of a convolution or a linear layer, ``(O, ...)``.
        bias: ``(O,)``; ``None`` if there is none.
        norm: behind it, with ``O`` channels. It may have no ``weight`` and ``bias``.

    Returns:
        The new weight and the new bias, computed in float32, in the dtype of ``weight``.

    Raises:
        ValueError: ``norm`` keeps no running statistics, so its mean is always that of the batch.
    """
    if not norm.track_running_stats:
        raise ValueError(
            "[folded] The normalization keeps no running statistics: in evaluation mode, too, it "
            "depends on the batch, and cannot become part of another layer."
        )
    factor = core.rsqrt(norm.running_var.astype(core.float32) + norm.eps)
    if "weight" in norm:
        factor = factor * norm.weight
    mean = norm.running_mean.astype(core.float32)
    shift = (-mean if bias is None else bias - mean) * factor
    if "bias" in norm:
        shift = shift + norm.bias
    wide = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    return wide.astype(weight.dtype), shift.astype(weight.dtype)


def ready(layers: Sequence[Callable[..., Any]], dtype: Dtype | None = None) -> list[Any]:
    """Layers that compute the same as ``layers`` one after the other in evaluation mode.

    Dropout is left out. A normalization (``nn.BatchNorm``) whose input is, apart from dropout, the
    output of one of :data:`WITH_WEIGHTS` is folded into it. Everything else stays as it is and
    where it is.

    Args:
        layers: modules and functions of one argument. They and their parameters stay as they are,
            in training mode if they are in it: what changes is a copy (:func:`with_parameters`).
        dtype: the dtype of the parameters of the layers that have been folded; by default their
            own. They are cast after folding: so they are rounded once.

    Returns:
        The layers that are left.

    Raises:
        ValueError: a normalization that should be folded keeps no running statistics.
    """
    found: list[Any] = []
    for layer in layers:
        if isinstance(layer, DROPOUTS):
            continue
        before = found[-1] if found else None
        if isinstance(layer, nn.BatchNorm) and isinstance(before, WITH_WEIGHTS):
            bias = before.bias if "bias" in before else None
            wide, shift = folded(before.weight.astype(core.float32), bias, layer)
            to = dtype or before.weight.dtype
            found[-1] = with_parameters(before, wide.astype(to), shift.astype(to))
        else:
            found.append(layer)
    return found


def with_parameters(layer: Any, weight: array, bias: array) -> Any:
    """A copy of a layer with another weight and another bias."""
    new = copy.copy(layer)
    new.weight, new.bias = weight, bias
    return new


#: Which normalization reads which layer in modules whose code says so, and no list.
PAIRS = {
    "BasicBlock": (("conv1", "bn1"), ("conv2", "bn2")),
    "PreActivationBlock": (("conv1", "bn2"),),
    "ResNet": (("conv", "bn"),),
    "VGG": (),
}


def ready_network(model: Module) -> Module:
    """A copy of a whole network, folded where :data:`PAIRS` or an ``nn.Sequential`` say who follows
    whom, in evaluation mode. Of a network that normalizes before it convolves, what can be folded.
    """
    new = copy.copy(model)
    for name, child in list(new.items()):
        if isinstance(child, nn.Sequential):
            inner = [ready_network(x) if isinstance(x, Module) else x for x in child.layers]
            new[name] = nn.Sequential(*ready(inner))
        elif isinstance(child, DROPOUTS):
            new[name] = nn.Identity()
        elif isinstance(child, Module):
            new[name] = ready_network(child)
        elif isinstance(child, list):
            new[name] = [ready_network(x) if isinstance(x, Module) else x for x in child]
    for layer, norm in PAIRS.get(type(model).__name__, ()):
        # In front of a sum that is normalized only at its end, there is nothing to fold into.
        if type(model).__name__ == "ResNet" and pre_activation(new):
            continue
        new[layer], rest = [*ready([new[layer], new[norm]]), nn.Identity()][:2]
        new[norm] = rest
    return new.eval()


def pre_activation(model: Any) -> bool:
    """Whether a residual network normalizes behind its blocks, and not behind its stem."""
    return any(type(block).__name__ == "PreActivationBlock" for block in model.stages.layers)
