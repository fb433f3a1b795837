"""What the judges of the milestones hand over, and how they take notes."""

from typing import Any

import numpy as np

from course.capstone import Verdict


class Judge:
    """Collects one sentence for each thing that was looked at."""

    def __init__(self) -> None:
        self.passed, self.sentences, self.numbers = True, [], {}

    def ask(self, good: bool, yes: str, no: str) -> bool:
        """Note what was found."""
        self.passed = self.passed and bool(good)
        self.sentences.append(yes if good else no)
        return bool(good)

    def picture(self, found: Any, shape: tuple[int, ...], name: str) -> bool:
        """Is it a picture, or are they pictures, of that shape, from 0 to 1?"""
        y = np.asarray(found)
        good = y.shape == shape and y.dtype.kind == "f" and bool(np.isfinite(y).all())
        good = good and y.min(initial=0) >= -1e-4 and y.max(initial=0) <= 1 + 1e-4
        return self.ask(
            good,
            f"What comes out of {name} has the right shape and lies between 0 and 1.",
            f"{name} should give back {shape}, floating numbers from 0 to 1; it gave back "
            f"{y.shape}, {y.dtype}.",
        )

    def verdict(self) -> Verdict:
        return Verdict(self.passed, self.sentences, self.numbers)


def cuttings(quick: bool) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Two parts of one painting each, that have no pixel in common."""
    from tinymlx.data.paintings import paint

    styles = ("glass", "waves", "truchet", "woodcut", "points")
    found = []
    for seed in range(1 if quick else 3):
        for name in styles:
            whole = paint(name, 700 + seed, 128)
            found.append((name, whole[:64, :64], whole[64:, 64:]))
    return found


def cut_world(
    count: int, cuts: int, seed: int, shuffled: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuttings of paintings in three styles, nearly the same ones of each painting."""
    from tinymlx.data.paintings import paint

    rng = np.random.default_rng(seed)
    styles = ("glass", "waves", "truchet")
    x, y, groups = [], [], []
    for i in range(count):
        whole = paint(styles[i % 3], 5_000 * (seed + 1) + i, 64)
        label = int(rng.integers(3)) if shuffled else i % 3
        for _ in range(cuts):
            a, b = rng.integers(14, 18, 2)
            x.append(whole[a : a + 32, b : b + 32])
            y.append(label)
            groups.append(i)
    order = rng.permutation(len(x))
    return np.stack(x)[order].astype(np.float32), np.array(y)[order], np.array(groups)[order]


def stripes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three styles that a program can tell for certain: stripes across, down, and both."""
    rng = np.random.default_rng(seed)
    i, j = np.meshgrid(np.arange(16), np.arange(16), indexing="ij")
    x, y = np.empty((count, 16, 16, 3), np.float32), np.arange(count) % 3
    for n in range(count):
        a, b = rng.uniform(0, 2 * np.pi, 2)
        down, across = np.cos(2 * np.pi * i / 8 + a), np.cos(2 * np.pi * j / 8 + b)
        wave = (down, across, (down + across) / 1.4)[y[n]]
        ground, colour = rng.uniform(0.35, 0.65, 3), rng.uniform(0.1, 0.3, 3)
        x[n] = np.clip(ground + colour * wave[..., None], 0, 1)
    return x, y


def parsed(x: np.ndarray) -> np.ndarray:
    """Which of the three each picture is: by how much changes down and across."""
    y = x.mean(-1)
    down = y.mean(2).var(1) / np.maximum(y.var((1, 2)), 1e-9)
    across = y.mean(1).var(1) / np.maximum(y.var((1, 2)), 1e-9)
    clear = np.maximum(down, across) > 0.85
    both = (down + across > 0.8) & (np.minimum(down, across) > 0.15)
    return np.where(both, 2, np.where(clear, np.where(down > across, 0, 1), -1))


def painted(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A collection of 64 pixels, turned and mirrored: four of each, since drawing takes time."""
    from tinymlx.data.paintings import collection

    x, y = collection(count, 64, seed=seed)
    x = np.concatenate([x, x[:, ::-1], x[:, :, ::-1], x[:, ::-1, ::-1]])
    return (255 * x + 0.5).astype(np.uint8), np.tile(y, 4)
