"""Pooling: one number for each window of a sequence, a picture or a volume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.convolution.windows import windows
from tinymlx.nn.module import Module


class _Pool(Module):
    """What all have in common: ``dims`` spatial axes, windows, and what they are padded with."""

    dims: int
    border: float = 0.0

    def __init__(self, kernel_size: Any, stride: Any, padding: Any) -> None:
        super().__init__()
        name = type(self).__name__
        self._kernel_size = checked("kernel_size", name, kernel_size, self.dims)
        self._stride = (
            self._kernel_size if stride is None else checked("stride", name, stride, self.dims)
        )
        self._padding = checked("padding", name, padding, self.dims)
        for what, numbers in (("kernel_size", self._kernel_size), ("stride", self._stride)):
            if any(n <= 0 for n in numbers):
                raise ValueError(f"[{name}] '{what}' must be positive but got {numbers}.")
        if any(n < 0 for n in self._padding):
            raise ValueError(f"[{name}] 'padding' must be non-negative but got {self._padding}.")

    def _extra_repr(self) -> str:
        return f"kernel_size={self._kernel_size}, stride={self._stride}, padding={self._padding}"

    def _windows(self, x: array) -> array:
        """The windows of ``x``, padded: ``(N, *outputs, *taps, C)``."""
        raise NotImplementedError(
            "7.9 _windows - exercises/ch07_cnn/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def _over(self) -> tuple[int, ...]:
        """The axes of the windows' elements."""
        return tuple(range(-self.dims - 1, -1))


def checked(what: str, name: str, numbers: Any, dims: int) -> tuple[int, ...]:
    """One number for each spatial axis.

    Raises:
        ValueError: it is no number, and not a tuple of ``dims`` numbers.
    """
    if isinstance(numbers, (list, tuple)) and len(numbers) == dims:
        return tuple(numbers)
    if isinstance(numbers, int):
        return (numbers,) * dims
    raise ValueError(
        f"[{name}] '{what}' must be an integer or a tuple containing {dims} "
        f"integer{'s' if dims > 1 else ''}"
    )


def cut(x: array, taps: Sequence[int], stride: Sequence[int]) -> array:
    """The windows of ``x``. Where they do not overlap and leave nothing over, a reshape will do."""
    sizes = x.shape[1:-1]
    if list(taps) != list(stride) or any(n % k for n, k in zip(sizes, taps)):
        return windows(x, taps=tuple(taps), stride=tuple(stride))
    pairs = [n for size, k in zip(sizes, taps) for n in (size // k, k)]
    last = 2 * len(sizes) + 1
    order = (0, *range(1, last, 2), *range(2, last, 2), last)
    return core.transpose(x.reshape(x.shape[0], *pairs, x.shape[-1]), order)


class _MaxPool(_Pool):
    border = float("-inf")

    def __call__(self, x: array) -> array:
        """The largest number of every window, for each channel.

        Beyond the border there is minus infinity, so it never wins. Of equal winners each receives
        an equal share of the gradient.
        """
        raise NotImplementedError(
            "7.9 __call__ - exercises/ch07_cnn/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class _AvgPool(_Pool):
    def __call__(self, x: array) -> array:
        """The mean of every window, for each channel; beyond the border there are zeros, which
        count."""
        return core.mean(self._windows(x), self._over())


_One = int | tuple[int]
_Two = int | tuple[int, int]
_Three = int | tuple[int, int, int]


class MaxPool1d(_MaxPool):
    """The maximum of each window of a sequence.

    Args:
        kernel_size: the size of a window.
        stride: the step from one window to the next; the size of a window if it is left out.
        padding: elements of minus infinity added at both ends.

    Shape:
        ``(N, L, C)`` to ``(N, (L + 2 padding - kernel_size) // stride + 1, C)``.

    Raises:
        ValueError: a number is out of range; (when called) a window does not fit.
    """

    dims = 1

    def __init__(self, kernel_size: _One, stride: _One | None = None, padding: _One = 0) -> None:
        super().__init__(kernel_size, stride, padding)


class MaxPool2d(_MaxPool):
    """The maximum of each window of a picture ``(N, H, W, C)``, see :class:`MaxPool1d`."""

    dims = 2

    def __init__(self, kernel_size: _Two, stride: _Two | None = None, padding: _Two = 0) -> None:
        super().__init__(kernel_size, stride, padding)


class MaxPool3d(_MaxPool):
    """The maximum of each window of a volume ``(N, D, H, W, C)``, see :class:`MaxPool1d`."""

    dims = 3

    def __init__(
        self, kernel_size: _Three, stride: _Three | None = None, padding: _Three = 0
    ) -> None:
        super().__init__(kernel_size, stride, padding)


class AvgPool1d(_AvgPool):
    """The mean of each window of a sequence.

    Args:
        kernel_size: the size of a window.
        stride: the step from one window to the next; the size of a window if it is left out.
        padding: zeros added at both ends. They count in the mean.

    Shape:
        ``(N, L, C)`` to ``(N, (L + 2 padding - kernel_size) // stride + 1, C)``.

    Raises:
        ValueError: a number is out of range; (when called) a window does not fit.
    """

    dims = 1

    def __init__(self, kernel_size: _One, stride: _One | None = None, padding: _One = 0) -> None:
        super().__init__(kernel_size, stride, padding)


class AvgPool2d(_AvgPool):
    """The mean of each window of a picture ``(N, H, W, C)``, see :class:`AvgPool1d`."""

    dims = 2

    def __init__(self, kernel_size: _Two, stride: _Two | None = None, padding: _Two = 0) -> None:
        super().__init__(kernel_size, stride, padding)


class AvgPool3d(_AvgPool):
    """The mean of each window of a volume ``(N, D, H, W, C)``, see :class:`AvgPool1d`."""

    dims = 3

    def __init__(
        self, kernel_size: _Three, stride: _Three | None = None, padding: _Three = 0
    ) -> None:
        super().__init__(kernel_size, stride, padding)
