"""What happens to pictures on their way to a network: six corruptions at five strengths. Given.

After D. Hendrycks and T. Dietterich, Benchmarking Neural Network Robustness to Common Corruptions
(2019), https://arxiv.org/abs/1903.12261, with strengths for pictures of 32 pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx
import numpy as np

STRENGTHS = (1, 2, 3, 4, 5)


def corrupted(x: mx.array, name: str, strength: int, seed: int = 0) -> mx.array:
    """Pictures as they arrive.

    Args:
        x: pictures from 0 to 1, ``(N, H, W, C)``.
        name: one of :data:`CORRUPTIONS`.
        strength: from 1, hardly seen, to 5.
        seed: what random ones follow from.

    Returns:
        Pictures from 0 to 1 in the shape of ``x``, float32.

    Raises:
        ValueError: an unknown name or strength.
    """
    if name not in CORRUPTIONS or strength not in STRENGTHS:
        raise ValueError(
            f"The corruptions are {', '.join(CORRUPTIONS)}, at strengths 1 to 5; asked for is "
            f"{name!r} at {strength}."
        )
    pictures = np.array(x, np.float64)
    changed = CORRUPTIONS[name](pictures, strength - 1, np.random.default_rng(seed))
    return mx.array(np.clip(changed, 0, 1).astype(np.float32))


def _noise(x: np.ndarray, i: int, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(0, (0.02, 0.04, 0.07, 0.11, 0.16)[i], x.shape)


def _impulses(x: np.ndarray, i: int, rng: np.random.Generator) -> np.ndarray:
    share = (0.005, 0.01, 0.03, 0.06, 0.1)[i]
    draws = rng.uniform(size=x.shape[:3])[..., None]
    return np.where(draws < share / 2, 0, np.where(draws > 1 - share / 2, 1, x))


def _blur(x: np.ndarray, i: int, rng: np.random.Generator) -> np.ndarray:
    sigma = (0.4, 0.6, 0.8, 1.1, 1.5)[i]
    reach = 4
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    for axis in (1, 2):
        border = [(0, 0)] * 4
        border[axis] = (reach, reach)
        padded = np.pad(x, border, mode="edge")
        size = x.shape[axis]
        x = sum(
            w * np.take(padded, np.arange(k, k + size), axis=axis) for k, w in enumerate(weights)
        )
    return x


def _contrast(x: np.ndarray, i: int, rng: np.random.Generator) -> np.ndarray:
    middle = x.mean((1, 2), keepdims=True)
    return middle + (0.75, 0.55, 0.4, 0.28, 0.18)[i] * (x - middle)


def _brightness(x: np.ndarray, i: int, rng: np.random.Generator) -> np.ndarray:
    return x + (0.08, 0.16, 0.24, 0.32, 0.4)[i]


def _pixelate(x: np.ndarray, i: int, rng: np.random.Generator) -> np.ndarray:
    """Means of coarse cells, whose borders may lie within pixels, enlarged again."""
    side = x.shape[1]
    coarse = max(1, round(side * (0.9, 0.75, 0.6, 0.45, 0.3)[i]))
    edges = np.linspace(0, side, coarse + 1)
    pixels = np.arange(side)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares = np.maximum(overlap, 0) * coarse / side
    cells = np.einsum("ah,nhwc,bw->nabc", shares, x, shares, optimize=True)
    at = np.minimum(((pixels + 0.5) * coarse / side).astype(int), coarse - 1)
    return cells[:, at][:, :, at]


#: Each by its name.
CORRUPTIONS: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "noise": _noise,
    "impulses": _impulses,
    "blur": _blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "pixelate": _pixelate,
}
