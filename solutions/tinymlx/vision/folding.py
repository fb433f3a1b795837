"""A convolution and the batch normalization behind it as one convolution."""

from __future__ import annotations

from tinymlx import core, nn


def folded(convolution: nn.Conv2d, norm: nn.BatchNorm) -> nn.Conv2d:
    """One convolution that does what both do in evaluation mode.

    There the normalization is the same affine map for every picture, with the running statistics
    and ``norm.eps``; so is a convolution, and one after the other is again one. Either may lack a
    part: the convolution its bias (``"bias" in convolution``), the normalization its gain and shift
    (``"weight" in norm``).

    Args:
        convolution: stays as it is.
        norm: stays as it is. It has running statistics.

    Returns:
        A new layer, made by :func:`same_geometry`, with a weight and a bias of its own.

    Raises:
        ValueError: ``norm`` keeps no running statistics (``norm.track_running_stats``).
    """
    if not norm.track_running_stats:
        raise ValueError("[folded] The normalization has no running statistics to fold.")
    scale = core.rsqrt(norm.running_var + norm.eps)
    if "weight" in norm:
        scale = scale * norm.weight
    bias = (convolution.bias if "bias" in convolution else 0.0) - norm.running_mean
    bias = bias * scale
    if "weight" in norm:
        bias = bias + norm.bias
    layer = same_geometry(convolution)
    layer.weight = convolution.weight * scale.reshape(-1, 1, 1, 1)
    layer.bias = bias
    return layer


def same_geometry(convolution: nn.Conv2d) -> nn.Conv2d:
    """A new convolution with the same numbers and a bias; its weights are random."""
    outputs, *taps, channels = convolution.weight.shape
    height, width = taps
    return nn.Conv2d(
        channels * convolution.groups,
        outputs,
        (height, width),
        convolution.stride,
        convolution.padding,
        convolution.dilation,
        convolution.groups,
    )
