"""Convolution of pictures in two ways: as it is defined, and as one product of matrices.

Pictures have their channels last, ``(N, H, W, C)``; kernels are ``(O, KH, KW, C)``, one for each
channel of the output. Neither function pads: a kernel lies inside of the picture everywhere.
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.convolution.sizes import check_channels
from tinymlx.core.convolution.windows import overlap_add, windows


def by_loops(x: array, w: array, stride: int = 1) -> array:
    r"""Convolution as its definition says, place by place and kernel by kernel.

    .. math:: y_{n,i,j,o} = \sum_{a,b,c} x_{n,\, s i + a,\, s j + b,\, c} \; w_{o,a,b,c}

    Args:
        x: pictures, ``(N, H, W, C)``.
        w: kernels, ``(O, KH, KW, C)``, not larger than the pictures.
        stride: the step :math:`s` from one place to the next, in both directions.

    Returns:
        ``(N, (H - KH) // s + 1, (W - KW) // s + 1, O)``.
    """
    outputs, high, wide, _ = w.shape
    rows = []
    for top in range(0, x.shape[1] - high + 1, stride):
        row = []
        for left in range(0, x.shape[2] - wide + 1, stride):
            window = x[:, top : top + high, left : left + wide]
            each = [core.sum(window * w[o], axis=(1, 2, 3)) for o in range(outputs)]
            row.append(core.stack(each, axis=-1))
        rows.append(core.stack(row, axis=1))
    return core.stack(rows, axis=1)


def by_windows(x: array, w: array, stride: int = 1, dilation: int = 1, groups: int = 1) -> array:
    """Convolution as windows times a matrix: one row for each window, one column for each kernel.

    Channels may be divided into groups: the first ``O / groups`` kernels see the first
    ``C / groups`` channels only, the next ones the next, and so on. Each group is a product of its
    own.

    Args:
        x: pictures, ``(N, H, W, C)``.
        w: kernels, ``(O, KH, KW, C / groups)``.
        stride: the step from one place to the next.
        dilation: the distance between neighbouring elements of a kernel.
        groups: how many groups there are.

    Returns:
        ``(N, H', W', O)``.

    Raises:
        ValueError: the input channels do not fit (``check_channels(x, w, groups)`` says so).
    """
    check_channels(x, w, groups)
    found = windows(x, taps=w.shape[1:3], stride=(stride, stride), dilation=(dilation, dilation))
    places = found.shape[:3]  # (N, H', W')
    parts = []
    for of_group, kernels in zip(core.split(found, groups, axis=-1), core.split(w, groups)):
        rows = of_group.reshape(-1, kernels[0].size)  # (N H' W', KH KW C / groups)
        parts.append(rows @ kernels.reshape(kernels.shape[0], -1).T)
    return core.concatenate(parts, axis=-1).reshape(*places, w.shape[0])


def gradients_by_windows(g: array, x: array, w: array, stride: int = 1) -> tuple[array, array]:
    """What ``by_windows(x, w, stride)`` sends back, worked out by hand.

    Use :func:`~tinymlx.core.convolution.windows.overlap_add` where windows become a picture again.

    Args:
        g: the cotangent of the output, ``(N, H', W', O)``.
        x: pictures, ``(N, H, W, C)``.
        w: kernels, ``(O, KH, KW, C)``.
        stride: the step from one place to the next.

    Returns:
        The cotangents of ``x`` and of ``w``, in their shapes.
    """
    both = (stride, stride)
    found = windows(x, taps=w.shape[1:3], stride=both)
    rows = found.reshape(-1, w[0].size)  # (N H' W', KH KW C)
    slopes = g.reshape(-1, w.shape[0])  # (N H' W', O)
    by_rows = slopes @ w.reshape(w.shape[0], -1)
    by_x = overlap_add(by_rows.reshape(found.shape), sizes=x.shape[1:3], stride=both)
    return by_x, (slopes.T @ rows).reshape(w.shape)
