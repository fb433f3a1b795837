"""The frozen judge of digits: it is the one that was shipped, it can read, and it can refuse."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from tinymlx.data import digits, judge


def test_it_reads_digits() -> None:
    """What it has not been trained on: at least 97 % (98.2 % when it was made)."""
    test = digits.load().test
    verdict = judge.judge(test.x)
    right = np.array(verdict.digits) == np.array(test.y)
    confidence = np.array(verdict.confidence)
    assert right.mean() > 0.97
    assert confidence[right].mean() > 0.85 > confidence[~right].mean()
    assert verdict.features.shape == (450, 64) and confidence.max() <= 1 + 1e-6


def test_batches_change_nothing() -> None:
    x = digits.load().test.x[:30]
    whole, parts = judge.judge(x), judge.judge(x, batch_size=7)
    assert np.abs(np.array(whole.features) - np.array(parts.features)).max() < 1e-4
    without_channel = judge.judge(x[..., 0])
    assert (np.array(without_channel.digits) == np.array(whole.digits)).all()


def test_noise_is_no_digit() -> None:
    noise = mx.random.uniform(shape=(200, 28, 28, 1), key=mx.random.key(0))
    assert judge.judge(noise).confidence.mean().item() < 0.8


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (mx.zeros((3, 32, 32, 1)), "wants pictures"),
        (mx.zeros((3, 28, 28, 3)), "wants pictures"),
        (mx.zeros((0, 28, 28, 1)), "at least one"),
        (mx.zeros((28, 28)), "wants pictures"),
        (mx.full((2, 28, 28, 1), -1.0), "ends in tanh"),
        (mx.full((2, 28, 28, 1), 255.0), "reach from 255 to 255"),
        (mx.full((2, 28, 28, 1), float("nan")), "reach from nan"),
    ],
)
def test_what_is_no_picture_is_refused(pictures: mx.array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judge.judge(pictures)


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge.weights.cache_clear()
    monkeypatch.setattr(judge, "WEIGHTS", tmp_path / "judge.safetensors")
    with pytest.raises(FileNotFoundError, match="weights are missing"):
        judge.weights()
    (tmp_path / "judge.safetensors").write_bytes(b"other")
    with pytest.raises(ValueError, match="cannot be compared"):
        judge.weights()
    judge.weights.cache_clear()
