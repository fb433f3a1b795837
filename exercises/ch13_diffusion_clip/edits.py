"""A picture that is given, and a caption that says what should become of it."""

from tinymlx import core
from tinymlx.core import array
from tinymlx.diffusion.flow import Velocity, flow_times, heun, on_the_line


def from_a_picture(
    velocity: Velocity, x: array, noise: array, strength: float, calls: int
) -> array:
    """Image to image: noise up to a time, and back from there under another caption.

    Args:
        velocity: of the caption.
        x: pictures, ``(N, H, W, C)``.
        noise: standard normal, in the shape of ``x``.
        strength: the time to begin at; 1 forgets the picture, 0 changes nothing.
        calls: how many steps a whole way would have.
    """
    steps = max(round(calls * strength), 1)
    times = [strength * t for t in flow_times(steps)]
    return heun(velocity, on_the_line(x, noise, core.full((x.shape[0],), strength)), times)


def inpainted(velocity: Velocity, x: array, hole: array, noise: array, times: list[float]) -> array:
    """Drawn anew inside of a hole, as the caption says and so that it fits what is around it.

    After each step of Euler's, what is known is put back, with as much noise as the time demands.

    Args:
        velocity: of the caption.
        x: pictures, ``(N, H, W, C)``.
        hole: what is to be forgotten, in a shape that fits.
        noise: standard normal, in the shape of ``x``.
        times: falling, from 1 to 0.
    """
    count = x.shape[0]
    y = noise
    for t, after in zip(times, times[1:]):
        y = y + (after - t) * velocity(y, core.full((count,), t))
        y = core.where(hole, y, on_the_line(x, noise, core.full((count,), after)))
        core.async_eval(y)
    return y
