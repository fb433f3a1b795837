"""The frozen judge of styles: one classifier of :mod:`.paintings` for everybody. Given.

It says in which of the nine styles a picture is painted, and its 64 features are what distances of
generated pictures are taken between, so that the numbers of two readers can be compared.

``python -m course.style_judge_training`` made the weights; what it used and reached stands in
:data:`PROVENANCE`, and a file with another checksum is refused.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx

from tinymlx.data.paintings import STYLES

WEIGHTS = Path(__file__).with_name("style_judge.safetensors")
SHA256 = "5643abffe6ce28efb4fe848bb07bec39bac66941a79d33e38d8eb8405b78db44"
PROVENANCE = (
    "12 epochs, seed 0, on 3,600 paintings of collection 900, turned, mirrored, a little noisy, some "
    "of them seen at 32 pixels; mlx 0.32.4 on two cores. Right on 99.9 % of 900 paintings of "
    "collection 901 at 64 pixels and on 99.2 % of them at 32."
)
SIDE = 64


class StyleVerdict(NamedTuple):
    """What the judge says of ``N`` pictures."""

    styles: mx.array  # (N,) int32, places in STYLES
    confidence: mx.array  # (N,) float32, the probability of that style
    features: mx.array  # (N, 64) float32


def judge_styles(pictures: mx.array, batch_size: int = 250) -> StyleVerdict:
    """The styles of pictures.

    Args:
        pictures: ``(N, H, H, 3)`` from 0 to 1; H is 16, 32 or a multiple of 64. Smaller ones are
            enlarged to 64 pixels with straight lines between the old ones, larger ones averaged.
        batch_size: how many at a time.

    Raises:
        ValueError: the shape is another one, or there are numbers far outside of 0 to 1.
    """
    x = checked(pictures)
    parts = [
        scores_and_features(resized(x[i : i + batch_size])) for i in range(0, len(x), batch_size)
    ]
    scores = mx.concatenate([part for part, _ in parts])
    features = mx.concatenate([part for _, part in parts])
    chances = mx.softmax(scores, axis=-1)
    found = StyleVerdict(
        mx.argmax(scores, axis=-1).astype(mx.int32), chances.max(axis=-1), features
    )
    mx.eval(found)
    return found


def checked(pictures: mx.array) -> mx.array:
    """Pictures in float32.

    Raises:
        ValueError: see :func:`judge_styles`.
    """
    shape = tuple(pictures.shape)
    good = len(shape) == 4 and shape[1] == shape[2] and shape[3] == 3 and shape[0] > 0
    if not good or not (shape[1] in (16, 32) or (shape[1] and shape[1] % SIDE == 0)):
        raise ValueError(
            f"The judge wants pictures (N, H, H, 3) with H 16, 32 or a multiple of 64, and at "
            f"least one; these are {shape}."
        )
    x = pictures.astype(mx.float32)
    low, high = x.min().item(), x.max().item()
    if not -0.5 <= low <= high <= 1.5:
        raise ValueError(
            f"The judge wants colours from 0 to 1; these pictures reach from {low:.3g} to "
            f"{high:.3g}. A generator that works from -1 to 1 needs x / 2 + 0.5."
        )
    return x


def resized(x: mx.array) -> mx.array:
    """Pictures of 64 pixels a side."""
    while x.shape[1] < SIDE:
        x = doubled(doubled(x, 1), 2)
    k, n = x.shape[1] // SIDE, x.shape[0]
    return x.reshape(n, SIDE, k, SIDE, k, 3).mean(axis=(2, 4)) if k > 1 else x


def doubled(x: mx.array, axis: int) -> mx.array:
    """Twice as many pixels along an axis: each new one 3/4 its own old one, 1/4 the neighbour's."""
    n = x.shape[axis]
    before = mx.take(x, mx.maximum(mx.arange(n) - 1, 0), axis)
    behind = mx.take(x, mx.minimum(mx.arange(n) + 1, n - 1), axis)
    both = mx.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * behind], axis=axis + 1)
    return both.flatten(axis, axis + 1)


def scores_and_features(x: mx.array) -> tuple[mx.array, mx.array]:
    """Four convolutions with pooling, the mean over all places, and a number for each style."""
    w = weights()
    for i in range(1, 5):
        x = mx.conv2d(x, w[f"conv{i}.weight"], padding=1) + w[f"conv{i}.bias"]
        x = mx.maximum(x, 0)
        if i < 4:
            n, side, _, channels = x.shape
            x = x.reshape(n, side // 2, 2, side // 2, 2, channels).max(axis=(2, 4))
    features = x.mean(axis=(1, 2))
    return features @ w["styles.weight"].T + w["styles.bias"], features


@functools.cache
def weights() -> dict[str, mx.array]:
    """The weights, in float32.

    Raises:
        FileNotFoundError, ValueError: the file is missing, or is not the one that belongs here.
    """
    if not WEIGHTS.is_file():
        raise FileNotFoundError(f"The weights of the judge of styles are missing: {WEIGHTS}.")
    found = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{WEIGHTS} has the checksum {found[:12]}, and the judge's weights have {SHA256[:12]}. "
            f"Bring back the file that came with the course."
        )
    loaded: dict[str, mx.array] = mx.load(str(WEIGHTS))  # type: ignore[assignment]
    return {name: w.astype(mx.float32) for name, w in loaded.items()}


#: The names of the styles, in the order of the judge's numbers.
NAMES = tuple(STYLES)
