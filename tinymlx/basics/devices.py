"""Where a computation runs."""

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

DEVICES = {"cpu": mx.Device(mx.cpu), "gpu": mx.Device(mx.gpu)}


def choose_device(
    preferences: Sequence[str] = ("gpu", "cpu"),
    *,
    is_available: Callable[[mx.Device], bool] = mx.is_available,
) -> mx.Device:
    """The first device of ``preferences`` that this machine has.

    Args:
        preferences: names among the keys of ``DEVICES``, the best first.
        is_available: says of a device whether it can be used.

    Raises:
        ValueError: for a name that is not in ``DEVICES``, wherever it stands in the list (a
            misspelt wish must not turn into a silent fallback), and when none is available.
    """
    raise NotImplementedError(
        "2.13 choose_device - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def run_on(
    where: mx.Stream | mx.Device | mx.DeviceType, function: Callable[..., Any], *arguments: Any
) -> Any:
    """``function(*arguments)``, with ``where`` as the default stream or device meanwhile.

    Afterwards the default is what it was before, also when the function raises an error. The
    result is as lazy as the function left it: operations remember the stream that they were
    recorded on.
    """
    raise NotImplementedError(
        "2.14 run_on - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
