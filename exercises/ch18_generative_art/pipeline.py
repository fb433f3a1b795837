"""Your pipeline: fill it in, milestone by milestone. `brief.md` says what each one is about.

Arrays are NumPy's, in and out: pictures are float32 from 0 to 1, (H, W, 3) or (N, H, W, 3); styles
are integers from 0. Inside use whatever you have built.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def gram(maps: np.ndarray) -> np.ndarray:
    """Which channels of some maps are strong at the same places.

    Args:
        maps: ``(N, H, W, C)``, float32 or float16, any size.

    Returns:
        ``(N, C, C)`` float32: the mean over the places of the products of two channels.
    """
    raise NotImplementedError("milestone 1")


def style_distance(x: np.ndarray, y: np.ndarray) -> float:
    """How different two pictures are in style, wherever on them something is.

    Args:
        x, y: ``(H, W, 3)`` each, also of different sizes, at least 32 x 32.

    Returns:
        A number of at least 0; 0 for equal pictures. What it is measured in is up to you.
    """
    raise NotImplementedError("milestone 2")


def in_colours_of(x: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """The light and dark of one picture, the colours of another, pixel by pixel.

    Args:
        x, colours: ``(H, W, 3)``, of one size.

    Returns:
        ``(H, W, 3)`` float32 from 0 to 1.
    """
    raise NotImplementedError("milestone 3")


def fitted(
    x: np.ndarray, y: np.ndarray, paintings: np.ndarray, classes: int, seconds: float
) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """A classifier of styles, and what you promise of it.

    Args:
        x: cuttings, ``(N, 32, 32, 3)``.
        y: their styles, ``(N,)``.
        paintings: from which painting each was cut, ``(N,)`` integers.
        classes: how many styles there are.
        seconds: about how long training may take.

    Returns:
        A function from pictures ``(M, 32, 32, 3)`` to styles ``(M,)``, and the share of new
        *paintings* that you expect it to get right.
    """
    raise NotImplementedError("milestone 4")


def generated(x: np.ndarray, y: np.ndarray, wanted: np.ndarray, seconds: float) -> np.ndarray:
    """New pictures in the styles asked for.

    Args:
        x: pictures to learn from, ``(N, 16, 16, 3)``.
        y: their styles, ``(N,)``.
        wanted: a style for each new picture, ``(M,)``.
        seconds: about how long it may take.

    Returns:
        ``(M, 16, 16, 3)`` float32 from 0 to 1.
    """
    raise NotImplementedError("milestone 5")


def tile(x: np.ndarray) -> np.ndarray:
    """A picture that continues at its edges, made of one that does not.

    Args:
        x: ``(H, W, 3)``.

    Returns:
        ``(H, W, 3)`` float32 from 0 to 1.
    """
    raise NotImplementedError("milestone 6")
