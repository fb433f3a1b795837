"""How much memory does a computation need at its worst moment?"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx


def peak_memory(
    function: Callable[[], Any],
    *,
    evaluate: Callable[[Any], None] = mx.eval,
    synchronize: Callable[[], None] = mx.synchronize,
    reset: Callable[[], None] = mx.reset_peak_memory,
    peak: Callable[[], int] = mx.get_peak_memory,
    active: Callable[[], int] = mx.get_active_memory,
) -> int:
    """The bytes that ``function()`` needs at its worst moment, beyond those in use before it.

    ``active()`` says how many bytes arrays hold now; ``peak()`` says the most that they held at
    any time since ``reset()``. The function's result is evaluated, and the device is waited
    for, before the peak is read. Never negative: MLX's peak is 0 until something is allocated.
    """
    raise NotImplementedError(
        "2.12 peak_memory - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
