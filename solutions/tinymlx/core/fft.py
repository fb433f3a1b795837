"""Discrete Fourier transforms: ``tinymlx.core.fft``.

A transform is a product with a symmetric matrix, so the derivative of each complex transform is the
same transform of the cotangent. ``n`` (or ``s``) crops the input or pads it with zeros first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arithmetic import conj, real
from .arranging import roll
from .arrays import Stream, array, as_array, unwrap, wrap
from .padding import pad
from .primitive import Primitive
from .strides import as_strided

Shape = Sequence[int] | None


def _fitted(g: array, shape: Sequence[int]) -> array:
    """``g`` cropped, or padded with zeros at the end of each axis, to a shape."""
    g = g[tuple(slice(0, min(n, m)) for n, m in zip(g.shape, shape))]
    missing = [(0, m - n) for n, m in zip(g.shape, shape)]
    return pad(g, missing) if any(high for _, high in missing) else g


@Primitive
def fft(a: mx.array, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> mx.array:
    """The transform along one axis.

    Shape: that of ``a``, with ``n`` along ``axis`` if it is given.
    """
    return mx.fft.fft(a, n, axis, norm)


@fft.defvjp
def fft_vjp(
    g: array, y: array, x: array, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> tuple[array]:
    """The transform of the cotangent."""
    return (_fitted(fft(g, None, axis, norm), x.shape),)


@Primitive
def ifft(a: mx.array, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> mx.array:
    """The inverse transform along one axis.

    Shape: that of ``a``, with ``n`` along ``axis`` if it is given.
    """
    return mx.fft.ifft(a, n, axis, norm)


@ifft.defvjp
def ifft_vjp(
    g: array, y: array, x: array, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> tuple[array]:
    """The inverse transform of the cotangent."""
    return (_fitted(ifft(g, None, axis, norm), x.shape),)


@Primitive
def rfft(a: mx.array, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> mx.array:
    """The transform of real numbers along one axis: the first half, which determines the rest.

    Shape: that of ``a``, with ``n // 2 + 1`` along ``axis``.
    """
    return mx.fft.rfft(a, n, axis, norm)


@rfft.defvjp
def rfft_vjp(
    g: array, y: array, x: array, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> tuple[array]:
    """The whole transform of the cotangent, zeros for the second half; its real part."""
    shape = list(x.shape)
    shape[axis] = x.shape[axis] if n is None else n
    return (_fitted(real(fft(_fitted(g, shape), None, axis, norm)), x.shape),)


_ADJOINT_NORM = {"backward": "forward", "forward": "backward", "ortho": "ortho", None: "forward"}


@Primitive
def irfft(a: mx.array, /, n: int | None = None, axis: int = -1, norm: str = "backward") -> mx.array:
    """The inverse of :func:`rfft`, real; ``n`` is the size of the result, even by default.

    Shape: that of ``a``, with ``n`` along ``axis``, by default ``2 * (size - 1)``.
    """
    return mx.fft.irfft(a, n, axis, norm)


@irfft.defvjp
def irfft_vjp(
    g: array, y: array, x: array, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> tuple[array]:
    """Every entry stands for itself and its mirror image, but for the first and the middle one."""
    size = g.shape[axis]
    half = size // 2 + 1
    twice = [1.0 if k == 0 or 2 * k == size else 2.0 for k in range(half)]
    weights = wrap(
        mx.array(twice).reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    )
    gx = rfft(g, None, axis, _ADJOINT_NORM[norm]) * weights
    return (_fitted(conj(gx), x.shape),)


# The stream is also taken by position, as in mlx.core. So these are plain primitives: the short way
# of a Unary does not look for it there.
for _transform in (fft, ifft, rfft, irfft):
    _transform.names += ("stream",)


def check(transform: Any, x: array, *arguments: Any) -> None:
    """Let ``mlx.core`` look whether arguments fit: it does so before it computes anything."""
    transform(mx.zeros(x.shape, x.dtype), *arguments)


def _complex_axes(one: Any, x: array, s: Shape, axes: Shape, norm: str, stream: Stream) -> array:
    """A transform along one axis after the other."""
    sizes, places = _sizes_and_axes(x, s, axes)
    for n, axis in zip(sizes, places):
        x = one(x, n, axis, norm, stream=stream)
    return x


def _sizes_and_axes(x: array, s: Shape, axes: Shape) -> tuple[list[int | None], list[int]]:
    places = list(range(x.ndim) if axes is None else axes)
    return [None] * len(places) if s is None else list(s), places


def fftn(
    a: Any, s: Shape = None, axes: Shape = None, norm: str = "backward", stream: Stream = None
) -> array:
    """The transform along several axes, all by default.

    Shape: that of ``a``, with the sizes ``s`` along ``axes`` if they are given.
    """
    x = as_array(a)
    check(mx.fft.fftn, x, s, axes, norm)
    return _complex_axes(fft, x, s, axes, norm, stream)


def ifftn(
    a: Any, s: Shape = None, axes: Shape = None, norm: str = "backward", stream: Stream = None
) -> array:
    """The inverse transform along several axes, all by default.

    Shape: that of ``a``, with the sizes ``s`` along ``axes`` if they are given.
    """
    x = as_array(a)
    check(mx.fft.ifftn, x, s, axes, norm)
    return _complex_axes(ifft, x, s, axes, norm, stream)


def rfftn(
    a: Any, s: Shape = None, axes: Shape = None, norm: str = "backward", stream: Stream = None
) -> array:
    """The transform of real numbers along several axes; the last one keeps its first half.

    Shape: that of ``a``, with ``size // 2 + 1`` along the last of ``axes``.
    """
    x = as_array(a)
    check(mx.fft.rfftn, x, s, axes, norm)
    sizes, places = _sizes_and_axes(x, s, axes)
    if not places:
        return x
    x = rfft(x, sizes[-1], places[-1], norm, stream=stream)
    for n, axis in zip(sizes[:-1], places[:-1]):
        x = fft(x, n, axis, norm, stream=stream)
    return x


def irfftn(
    a: Any, s: Shape = None, axes: Shape = None, norm: str = "backward", stream: Stream = None
) -> array:
    """The inverse of :func:`rfftn`.

    Shape: that of ``a``, with ``2 * (size - 1)`` along the last of ``axes`` by default.
    """
    x = as_array(a)
    check(mx.fft.irfftn, x, s, axes, norm)
    sizes, places = _sizes_and_axes(x, s, axes)
    if not places:
        return x
    for n, axis in zip(sizes[:-1], places[:-1]):
        x = ifft(x, n, axis, norm, stream=stream)
    return irfft(x, sizes[-1], places[-1], norm, stream=stream)


def fft2(
    a: Any, s: Shape = None, axes: Shape = (-2, -1), norm: str = "backward", stream: Stream = None
) -> array:
    """The transform along two axes, the last ones by default.

    Shape: that of ``a``, with the sizes ``s`` along ``axes`` if they are given.
    """
    return fftn(a, s, axes, norm, stream)


def ifft2(
    a: Any, s: Shape = None, axes: Shape = (-2, -1), norm: str = "backward", stream: Stream = None
) -> array:
    """The inverse transform along two axes, the last ones by default.

    Shape: that of ``a``, with the sizes ``s`` along ``axes`` if they are given.
    """
    return ifftn(a, s, axes, norm, stream)


def rfft2(
    a: Any, s: Shape = None, axes: Shape = (-2, -1), norm: str = "backward", stream: Stream = None
) -> array:
    """The transform of real numbers along two axes, the last ones by default.

    Shape: that of ``a``, with ``size // 2 + 1`` along the last of ``axes``.
    """
    return rfftn(a, s, axes, norm, stream)


def irfft2(
    a: Any, s: Shape = None, axes: Shape = (-2, -1), norm: str = "backward", stream: Stream = None
) -> array:
    """The inverse of :func:`rfft2`.

    Shape: that of ``a``, with ``2 * (size - 1)`` along the last of ``axes`` by default.
    """
    return irfftn(a, s, axes, norm, stream)


def fftfreq(n: int, d: float = 1.0, stream: Stream = None) -> array:
    """The frequencies of :func:`fft`, for samples ``d`` apart.

    Shape: ``(n,)``.
    """
    return wrap(mx.fft.fftfreq(n, d, stream=stream))


def rfftfreq(n: int, d: float = 1.0, stream: Stream = None) -> array:
    """The frequencies of :func:`rfft`, for samples ``d`` apart.

    Shape: ``(n // 2 + 1,)``.
    """
    return wrap(mx.fft.rfftfreq(n, d, stream=stream))


def fftshift(a: Any, axes: int | Shape = None, stream: Stream = None) -> array:
    """The frequency 0 moved to the middle.

    Shape: that of ``a``.
    """
    return _shift(as_array(a), axes, 1, stream)


def ifftshift(a: Any, axes: int | Shape = None, stream: Stream = None) -> array:
    """The inverse of :func:`fftshift`.

    Shape: that of ``a``.
    """
    return _shift(as_array(a), axes, -1, stream)


def _shift(x: array, axes: int | Shape, sign: int, stream: Stream) -> array:
    places = (
        list(range(x.ndim)) if axes is None else [axes] if isinstance(axes, int) else list(axes)
    )
    steps = [x.shape[a] // 2 if sign > 0 else -(x.shape[a] // 2) for a in places]
    return roll(x, tuple(steps), tuple(places), stream=stream)


def _window(window: Any, win_length: int, n_fft: int) -> array:
    """The window, rectangular by default, centered in ``n_fft`` zeros."""
    w = wrap(mx.ones((win_length,))) if window is None else as_array(window)
    before = (n_fft - w.shape[0]) // 2
    return pad(w, [(before, n_fft - w.shape[0] - before)])


def stft(
    x: Any,
    n_fft: int = 2048,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    norm: str = "backward",
    onesided: bool | None = None,
    stream: Stream = None,
) -> array:
    """The transforms of overlapping windows of a signal.

    Shape: ``(..., n)`` to ``(..., n_freq, n_frames)``.
    """
    if stream is not None:
        with mx.stream(stream):
            return stft(x, n_fft, hop_length, win_length, window, center, pad_mode, norm, onesided)
    x = as_array(x)
    w = unwrap(window)
    check(mx.fft.stft, x, n_fft, hop_length, win_length, w, center, pad_mode, norm, onesided)
    hop = n_fft // 4 if hop_length is None else hop_length
    if onesided is None:
        onesided = x.dtype != mx.complex64
    if center:
        x = pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], pad_mode)
    frames = (x.shape[-1] - n_fft) // hop + 1
    strides = [math.prod(x.shape[i + 1 :]) for i in range(x.ndim - 1)]
    cut = as_strided(x, [*x.shape[:-1], frames, n_fft], [*strides, hop, 1])
    cut = cut * _window(window, n_fft if win_length is None else win_length, n_fft)
    return (rfft if onesided else fft)(cut, None, -1, norm).swapaxes(-1, -2)


def istft(
    stft_matrix: Any,
    n_fft: int | None = None,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    norm: str = "backward",
    onesided: bool | None = None,
    length: int | None = None,
    stream: Stream = None,
) -> array:
    """The signal ``(..., n)`` of an :func:`stft`: frames added where they overlap, and rescaled."""
    if stream is not None:
        with mx.stream(stream):
            return istft(
                stft_matrix, n_fft, hop_length, win_length, window, center, norm, onesided, length
            )
    spectrum = as_array(stft_matrix)
    options = (hop_length, win_length, unwrap(window), center, norm, onesided, length)
    check(mx.fft.istft, spectrum, n_fft, *options)
    spectrum = spectrum.swapaxes(-1, -2)
    onesided = True if onesided is None else onesided
    if n_fft is None:
        n_fft = 2 * (spectrum.shape[-1] - 1) if onesided else spectrum.shape[-1]
    hop = n_fft // 4 if hop_length is None else hop_length
    w = _window(window, n_fft if win_length is None else win_length, n_fft)
    frames = irfft(spectrum, n_fft, -1, norm) if onesided else real(ifft(spectrum, n_fft, -1, norm))
    frames = frames * w
    count = frames.shape[-2]
    total = n_fft + hop * (count - 1)
    places = wrap((mx.arange(count)[:, None] * hop + mx.arange(n_fft)[None]).reshape(-1))
    flat = frames.reshape(*frames.shape[:-2], count * n_fft)
    signal = wrap(mx.zeros((*flat.shape[:-1], total), frames.dtype)).at[..., places].add(flat)
    weight = (w * w).reshape(1, -1) * wrap(mx.ones((count, 1)))
    envelope = wrap(mx.zeros((total,))).at[places].add(weight.reshape(-1))
    signal = signal / (envelope + (envelope < 1e-11))
    begin = n_fft // 2 if center else 0
    if length is None:
        return signal[..., begin : total - begin]
    # A length says where the signal ends: also within the last half frame.
    return _fitted(signal[..., begin:], [*signal.shape[:-1], max(length, 0)])
