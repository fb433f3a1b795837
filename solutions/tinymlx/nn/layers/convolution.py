"""Convolutions of sequences, pictures and volumes, channels last."""

from __future__ import annotations

import math
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.module import Module


class _Conv(Module):
    """What the three have in common, for ``dims`` spatial axes."""

    dims: int
    groups: int = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
    ) -> None:
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError(
                f"The number of input channels ({in_channels}) must be divisible by the number of "
                f"groups ({groups})"
            )
        taps = for_each_axis(kernel_size, self.dims)
        seen = in_channels // groups * math.prod(taps)
        scale = math.sqrt(1 / seen)
        self.weight = core.random.uniform(
            low=-scale, high=scale, shape=(out_channels, *taps, in_channels // groups)
        )
        if bias:
            self.bias = core.zeros((out_channels,))
        self.padding = padding if self.dims == 1 else for_each_axis(padding, self.dims)
        self.stride = stride if self.dims == 1 else for_each_axis(stride, self.dims)
        self.dilation = dilation
        if self.dims < 3:
            self.groups = groups

    def _extra_repr(self) -> str:
        out_channels, *taps, channels = self.weight.shape
        groups = f"groups={self.groups}, " if self.dims < 3 else ""
        return (
            f"{channels * self.groups}, {out_channels}, "
            f"kernel_size={taps[0] if self.dims == 1 else tuple(taps)}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, {groups}bias={'bias' in self}"
        )

    def __call__(self, x: array) -> array:
        """The convolution of ``x`` with the kernels, and the bias for each output channel."""
        function = (core.conv1d, core.conv2d, core.conv3d)[self.dims - 1]
        numbers = (self.stride, self.padding, self.dilation, self.groups)
        y = function(x, self.weight, *numbers)
        return y + self.bias if "bias" in self else y


def for_each_axis(numbers: Any, dims: int) -> Any:
    """A number for all spatial axes as one for each; a tuple as it is."""
    return (numbers,) * dims if isinstance(numbers, int) else numbers


class Conv1d(_Conv):
    r"""Convolution of sequences, :math:`y_{n,t,o} = b_o + \sum_{k,c} w_{o,k,c} \, x_{n,st+dk-p,c}`.

    Args:
        in_channels: channels of the input, :math:`C`.
        out_channels: channels of the output, :math:`O`.
        kernel_size: elements of the kernel, :math:`K`.
        stride: the step :math:`s` from one output to the next.
        padding: zeros :math:`p` at both ends.
        dilation: the distance :math:`d` between neighbouring elements of the kernel.
        groups: how many groups the channels are divided into; each sees only its own.
        bias: whether to add :math:`b`.

    Shape:
        ``(N, L, C)`` to ``(N, (L + 2 p - d (K - 1) - 1) // s + 1, O)``; ``weight`` is
        ``(O, K, C / groups)``, ``bias`` is ``(O,)``.

    The kernel starts uniform within :math:`\pm 1/\sqrt{K C / \mathrm{groups}}`, the bias at zero.

    Raises:
        ValueError: ``groups`` does not divide the channels; (when called) shapes do not fit.
    """

    dims = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )


class Conv2d(_Conv):
    r"""Convolution of pictures, see :class:`Conv1d`; the numbers may be pairs, one for each axis.

    Shape:
        ``(N, H, W, C)`` to ``(N, H', W', O)``; ``weight`` is ``(O, KH, KW, C / groups)``.
    """

    dims = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )


class Conv3d(_Conv):
    r"""Convolution of volumes, see :class:`Conv1d`; the numbers may be triples. It has no groups.

    Shape:
        ``(N, D, H, W, C)`` to ``(N, D', H', W', O)``; ``weight`` is ``(O, KD, KH, KW, C)``.
    """

    dims = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int],
        stride: int | tuple[int, int, int] = 1,
        padding: int | tuple[int, int, int] = 0,
        dilation: int | tuple[int, int, int] = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, 1, bias)
