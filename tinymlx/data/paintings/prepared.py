"""Collections that are drawn by several processes and kept on disk. Given."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from tinymlx.data.paintings import STYLES, part

PIECE = 90  # paintings drawn at a time


def drawn(job: tuple[int, int, int, int]) -> np.ndarray:
    """One piece of a collection in bytes: from, to, size, seed."""
    start, stop, size, seed = job
    return (255 * part(start, stop, size, seed=seed) + 0.5).astype(np.uint8)


def prepared(
    count: int,
    size: int,
    seed: int,
    folder: Path,
    workers: int | None = None,
    told: Callable[[float], None] = lambda share: None,
) -> tuple[np.ndarray, np.ndarray]:
    """A collection of :func:`.collection`, drawn once and kept.

    Args:
        count, size, seed: as for :func:`.collection`; all styles.
        folder: where it is kept, as a file whose name says what it is.
        workers: how many processes draw; by default as many as there are processors. With fewer
            than 200 paintings, or one worker, it is drawn in this process.
        told: called with the share that is done.

    Returns:
        ``(count, size, size, 3)`` uint8, and ``(count,)`` int32, places in ``STYLES``.
    """
    labels = (np.arange(count) % len(STYLES)).astype(np.int32)
    file = folder / f"paintings-{seed}-{count}-{size}.npy"
    if file.is_file():
        try:
            x = np.load(file)
            if x.shape == (count, size, size, 3) and x.dtype == np.uint8:
                return x, labels
        except (OSError, ValueError, EOFError):
            pass  # a file that was cut off; it is drawn again
    jobs = [(i, min(i + PIECE, count), size, seed) for i in range(0, count, PIECE)]
    workers = workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else "12")
    parts: list[np.ndarray] = []
    if workers > 1 and count >= 200:
        # A child of fork would hang in MLX: new processes are started.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            for piece in pool.map(drawn, jobs):
                parts.append(piece)
                told(len(parts) / len(jobs))
    else:
        for job in jobs:
            parts.append(drawn(job))
            told(len(parts) / len(jobs))
    x = np.concatenate(parts)
    folder.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(f".{os.getpid()}.tmp")
    with half.open("wb") as f:
        np.save(f, x)
    half.replace(file)
    return x, labels
