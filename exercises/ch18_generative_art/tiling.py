"""Pictures larger than those a network has learned, and such that continue at their edges."""

from collections.abc import Callable

import mlx.core as mx
import numpy as np

from tinymlx import core
from tinymlx.art.tiles import seamless
from tinymlx.core import array
from tinymlx.data.paintings import STYLES
from tinymlx.diffusion.flow import euler, flow_times

from .borrowed import Denoiser, Run, asked, from_a_picture, inpainted, seeded
from .generating import NOTHING, pixels
from .material import picture


def windowed(
    make: Callable[[array], Callable[[array, array], array]],
    side: int,
    window: int,
    styles: array,
    size: int,
) -> Callable[[array, array], array]:
    """The velocity of large pictures: the mean over windows, each of a size that was learned.

    Windows stand half a side apart, also across the edges: what is left of the left edge is the
    right one. So what comes out can be laid beside itself. From call to call all windows move, so
    that their borders never lie at one place.

    Args:
        make: from styles to a velocity of pictures of ``window`` pixels.
        side: of the large pictures, a multiple of half a window.
        window: what the network has learned.
        styles: of the large pictures, ``(N,)``.
        size: how many windows are computed at a time.
    """
    step = window // 2
    count = side // step
    rng = np.random.default_rng(0)

    def velocity(x: array, t: array) -> array:
        move = tuple(int(v) for v in rng.integers(0, window, 2))
        x = core.roll(x, move, axis=(1, 2))
        n = x.shape[0]
        wrapped = core.concatenate([x, x[:, :step]], axis=1)
        wrapped = core.concatenate([wrapped, wrapped[:, :, :step]], axis=2)
        places = [(i * step, j * step) for i in range(count) for j in range(count)]
        cut = core.concatenate([wrapped[:, i : i + window, j : j + window] for i, j in places])
        labels = core.tile(styles, (len(places),))
        found = []
        for a in range(0, cut.shape[0], size):
            times = core.full((min(size, cut.shape[0] - a),), t[0])
            found.append(make(labels[a : a + size])(cut[a : a + size], times))
            core.eval(found[-1])
        parts = core.concatenate(found).reshape(count, count, n, 2, step, 2, step, 3)
        # A cell of half a window is in four windows: the lower right part of one, and so on.
        total = core.zeros((), core.float32)
        for a in (0, 1):
            for b in (0, 1):
                cells = parts[:, :, :, a, :, b]  # (count, count, n, step, step, 3)
                total = total + core.roll(cells, (a, b), axis=(0, 1))
        y = (total / 4).transpose(2, 0, 3, 1, 4, 5).reshape(n, side, side, 3)
        return core.roll(y, tuple(-m for m in move), axis=(1, 2))

    return velocity


def large(run: Run, model: Denoiser, styles: list[str]) -> dict[str, np.ndarray]:
    """Seamless pictures of ``print_side`` pixels, one for each style."""
    setting = run.setting
    labels = core.array([list(STYLES).index(name) for name in styles])
    size = 256 if mx.default_device().type == mx.gpu else 32
    velocity = windowed(
        lambda wanted: asked(model, wanted, core.array(NOTHING), setting.guidance),
        setting.print_side, setting.side, labels, size,
    )  # fmt: skip
    shape = (len(styles), setting.print_side, setting.print_side, 3)
    noise = core.random.normal(shape, key=seeded(12))
    return dict(zip(styles, pixels(euler(velocity, noise, flow_times(setting.calls)))))


def edited(run: Run, model: Denoiser) -> dict[str, np.ndarray]:
    """The photograph painted anew from halfway, a hole that is filled, a way between two noises."""
    setting, found = run.setting, {}
    photo, _ = picture(setting.side, setting.name == "quick")
    count = min(len(STYLES), 9)
    x = core.array(np.stack([2 * photo - 1] * count))
    noise = core.random.normal(x.shape, key=seeded(13))
    labels, nothing = core.arange(count), core.array(NOTHING)
    velocity = asked(model, labels, nothing, setting.guidance)
    found["edited"] = pixels(from_a_picture(velocity, x, noise, 0.65, setting.calls))
    whole = euler(velocity, noise, flow_times(setting.calls))
    hole = np.zeros((1, setting.side, setting.side, 1), bool)
    hole[:, setting.side // 4 : -(setting.side // 4), setting.side // 4 : -(setting.side // 4)] = (
        True
    )
    other = asked(model, (labels + 1) % count, nothing, setting.guidance)
    filled = inpainted(other, whole, core.array(hole), noise, flow_times(setting.calls))
    found["filled"] = pixels(filled)
    ends = core.random.normal((2, setting.side, setting.side, 3), key=seeded(14))
    angles = np.linspace(0, np.pi / 2, count)
    way = core.stack([float(np.cos(a)) * ends[0] + float(np.sin(a)) * ends[1] for a in angles])
    same = asked(model, core.full((count,), 1, core.int32), nothing, setting.guidance)
    found["way"] = pixels(euler(same, way, flow_times(setting.calls)))
    return found


def repeated(x: np.ndarray, times: int = 2) -> np.ndarray:
    """Copies beside each other."""
    return np.tile(x, (times, times, 1))


def tile_of(x: np.ndarray) -> np.ndarray:
    """A seamless tile of any picture, by the chapter's own function."""
    return np.array(seamless(core.array(x[None]))[0].tolist(), np.float32)
