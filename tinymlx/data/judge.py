"""The frozen judge: one digit classifier for everybody. Given.

What a generator draws, a course must be able to measure so that the numbers of two readers can be
compared. So here is one small network, trained once, whose weights come with the course. It says
what digit a picture is and how sure it is; its 64 features are what Frechet distances are taken
between.

``python -m course.judge_training`` made the weights; what it used and reached stands in
:data:`PROVENANCE`, and a file with another checksum is refused.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx

WEIGHTS = Path(__file__).with_name("judge.safetensors")
SHA256 = "?"
PROVENANCE = "?"
SIDE = 28


class Verdict(NamedTuple):
    """What the judge says of ``N`` pictures."""

    digits: mx.array  # (N,) int32, the most likely digit
    confidence: mx.array  # (N,) float32, its probability
    features: mx.array  # (N, 64) float32


def judge(pictures: mx.array, batch_size: int = 500) -> Verdict:
    """The digits on pictures.

    Args:
        pictures: ``(N, 28, 28, 1)`` or ``(N, 28, 28)``, from 0 (paper) to 1 (ink); pictures of
            8 x 8, as scikit-learn's digits, are enlarged as :func:`enlarged` does it.
        batch_size: how many at a time.

    Raises:
        ValueError: the shape is another one, or there are numbers far outside of 0 to 1.
    """
    pictures = checked(pictures)
    starts = range(0, len(pictures), batch_size)
    parts = [logits_and_features(pictures[i : i + batch_size]) for i in starts]
    logits = mx.concatenate([part for part, _ in parts])
    features = mx.concatenate([part for _, part in parts])
    chances = mx.softmax(logits, axis=-1)
    verdict = Verdict(mx.argmax(logits, axis=-1).astype(mx.int32), chances.max(axis=-1), features)
    mx.eval(verdict)
    return verdict


def checked(pictures: mx.array) -> mx.array:
    """Pictures as the judge wants them: ``(N, 28, 28, 1)`` float32."""
    x = pictures.astype(mx.float32)
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim != 4 or x.shape[1:] not in ((SIDE, SIDE, 1), (8, 8, 1)) or not len(x):
        raise ValueError(
            f"The judge wants pictures (N, 28, 28, 1) or (N, 8, 8, 1), and at least one; these are "
            f"{tuple(pictures.shape)}."
        )
    low, high = x.min().item(), x.max().item()
    if not -0.5 <= low <= high <= 1.5:
        raise ValueError(
            f"The judge wants ink from 0 to 1; these pictures reach from {low:.3g} to {high:.3g}. "
            f"A generator that ends in tanh needs (x + 1) / 2."
        )
    return enlarged(x) if x.shape[1] == 8 else x


def enlarged(x: mx.array) -> mx.array:
    """Pictures of 8 x 8 as pictures of 28 x 28: three times as large, smoothed, with a border."""
    x = mx.repeat(mx.repeat(x, 3, axis=1), 3, axis=2)
    x = mx.pad(x, [(0, 0), (3, 3), (3, 3), (0, 0)])
    x = (x[:, :-2] + x[:, 1:-1] + x[:, 2:]) / 3
    return (x[:, :, :-2] + x[:, :, 1:-1] + x[:, :, 2:]) / 3


def logits_and_features(x: mx.array) -> tuple[mx.array, mx.array]:
    """Three convolutions with pooling, then 64 features, then a number for each digit."""
    w = weights()
    for layer in ("conv1", "conv2", "conv3"):
        x = mx.conv2d(x, w[f"{layer}.weight"], padding=1) + w[f"{layer}.bias"]
        x = halved(mx.maximum(x, 0))
    x = x.reshape(len(x), -1) @ w["features.weight"].T + w["features.bias"]
    return mx.maximum(x, 0) @ w["digits.weight"].T + w["digits.bias"], x


def halved(x: mx.array) -> mx.array:
    """The maximum of every 2 x 2 window; an odd row or column at the end is left out."""
    n, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


@functools.cache
def weights() -> dict[str, mx.array]:
    """The weights, in float32.

    Raises:
        FileNotFoundError, ValueError: the file is missing, or is not the one that belongs here.
    """
    if not WEIGHTS.is_file():
        raise FileNotFoundError(f"The judge's weights are missing: {WEIGHTS}.")
    found = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{WEIGHTS} has the checksum {found[:12]}, and the judge's weights have {SHA256[:12]}. "
            f"Bring back the file that came with the course: numbers of another judge cannot be "
            f"compared."
        )
    loaded: dict[str, mx.array] = mx.load(str(WEIGHTS))  # type: ignore[assignment]
    return {name: w.astype(mx.float32) for name, w in loaded.items()}
