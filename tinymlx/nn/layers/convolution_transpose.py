"""Transposed convolutions: what sends a small picture to a large one."""

from __future__ import annotations

import math
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.convolution import for_each_axis
from tinymlx.nn.module import Module


class _ConvTranspose(Module):
    """What the three have in common, for ``dims`` spatial axes."""

    dims: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        taps = for_each_axis(kernel_size, self.dims)
        scale = math.sqrt(1 / (in_channels * math.prod(taps)))
        self.weight = core.random.uniform(
            low=-scale, high=scale, shape=(out_channels, *taps, in_channels)
        )
        if bias:
            self.bias = core.zeros((out_channels,))
        several = self.dims > 1
        self.padding = for_each_axis(padding, self.dims) if several else padding
        self.stride = for_each_axis(stride, self.dims) if several else stride
        self.dilation = dilation
        self.output_padding = (
            for_each_axis(output_padding, self.dims) if several else output_padding
        )

    def _extra_repr(self) -> str:
        out_channels, *taps, in_channels = self.weight.shape
        return (
            f"{in_channels}, {out_channels}, "
            f"kernel_size={taps[0] if self.dims == 1 else tuple(taps)}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, "
            f"output_padding={self.output_padding}, bias={'bias' in self}"
        )

    def __call__(self, x: array) -> array:
        """The transposed convolution of ``x``, and the bias for each output channel."""
        functions = (core.conv_transpose1d, core.conv_transpose2d, core.conv_transpose3d)
        numbers = (self.stride, self.padding, self.dilation, self.output_padding)
        y = functions[self.dims - 1](x, self.weight, *numbers)
        return y + self.bias if "bias" in self else y


class ConvTranspose1d(_ConvTranspose):
    r"""Transposed convolution of sequences: each element lays a multiple of the kernel into the
    output, :math:`s` further than its neighbour; where they overlap they add up.

    Args:
        in_channels: channels of the input, :math:`C`.
        out_channels: channels of the output, :math:`O`.
        kernel_size: elements of the kernel, :math:`K`.
        stride: the step :math:`s`.
        padding: elements :math:`p` that are cut off at both ends.
        dilation: the distance :math:`d` between neighbouring elements of the kernel.
        output_padding: how many elements more the output has at its end.
        bias: whether to add a number for each output channel.

    Shape:
        ``(N, L, C)`` to ``(N, (L - 1) s - 2 p + d (K - 1) + 1 + output_padding, O)``; ``weight``
        is ``(O, K, C)``.

    The kernel starts uniform within :math:`\pm 1/\sqrt{K C}`, the bias at zero.
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
        output_padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, bias
        )


class ConvTranspose2d(_ConvTranspose):
    r"""Transposed convolution of pictures, see :class:`ConvTranspose1d`; numbers may be pairs.

    Shape:
        ``(N, H, W, C)`` to ``(N, H', W', O)``; ``weight`` is ``(O, KH, KW, C)``.
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
        output_padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, bias
        )


class ConvTranspose3d(_ConvTranspose):
    r"""Transposed convolution of volumes, see :class:`ConvTranspose1d`; numbers may be triples.

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
        output_padding: int | tuple[int, int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, bias
        )
