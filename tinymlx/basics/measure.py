"""Honest stopwatches for lazy computations.

MLX only records what is to be computed; a stopwatch that stops before the work is done measures
the recording. The clock, the evaluation and the synchronization are parameters with MLX's own as
defaults, so that tests can replace them by ones that they control.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mlx.core as mx


class Timing(NamedTuple):
    """What ``summarize`` says about repeated measurements, in the unit of the samples."""

    median: float
    low: float  # the first quartile: a quarter of the samples are below
    high: float  # the third quartile: a quarter of the samples are above
    samples: tuple[float, ...]  # in the order in which they were taken


class Comparison(NamedTuple):
    """What ``compare`` found: both candidates in seconds, and first/second, round by round."""

    first: Timing
    second: Timing
    ratio: Timing


def time_once(
    function: Callable[[], Any],
    *,
    clock: Callable[[], float] = time.perf_counter,
    evaluate: Callable[[Any], None] = mx.eval,
    synchronize: Callable[[], None] = mx.synchronize,
) -> float:
    """The seconds from calling ``function()`` until its result has really been computed.

    Waits for all earlier work (``synchronize``) before the clock starts. Then, inside the timed
    region, calls the function, hands its result to ``evaluate``, and waits with ``synchronize``
    until the device has finished.
    """
    raise NotImplementedError(
        "2.1 time_once - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def summarize(samples: Sequence[float]) -> Timing:
    """Median and quartiles: a middle and a spread that a single interruption cannot move.

    ``low``, ``median`` and ``high`` are the quantiles of 1/4, 1/2 and 3/4. Where a quantile lies
    between two samples it is on the straight line between them; the lesson says at which place.
    The samples are kept as they came, and the caller's list is left as it is.

    Raises:
        ValueError: when there are no samples.
    """
    raise NotImplementedError(
        "2.2 summarize - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def measure(
    function: Callable[[], Any],
    *,
    warmup: int = 3,
    repeats: int = 15,
    clock: Callable[[], float] = time.perf_counter,
    evaluate: Callable[[Any], None] = mx.eval,
    synchronize: Callable[[], None] = mx.synchronize,
) -> Timing:
    """Call ``function`` ``warmup`` times unmeasured, then time it ``repeats`` times.

    The first calls pay for what later calls find ready: kernels that are compiled, memory that
    is allocated, caches that are filled. Warm-up calls are evaluated like the others, since work
    that is only recorded warms nothing. The function is called ``warmup + repeats`` times in all.

    Returns:
        The ``summarize`` of the ``repeats`` seconds, each taken by ``time_once``.

    Raises:
        ValueError: when ``warmup`` is negative or ``repeats`` less than 1; before any call.
    """
    raise NotImplementedError(
        "2.3 measure - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def compare(
    first: Callable[[], Any],
    second: Callable[[], Any],
    *,
    warmup: int = 3,
    rounds: int = 15,
    clock: Callable[[], float] = time.perf_counter,
    evaluate: Callable[[Any], None] = mx.eval,
    synchronize: Callable[[], None] = mx.synchronize,
) -> Comparison:
    """Race two functions, turn by turn: first, second, first, second, ...

    A machine grows warm, and other programs come and go. Measured one after the other, the two
    candidates meet different machines; measured in turns, they share every change, and the ratio
    within a round hardly feels it. There are ``warmup`` unmeasured rounds, then ``rounds``
    measured ones, all in turns. ``ratio`` summarizes the rounds' own ratios, first over second:
    2 means that the first takes twice as long.

    Raises:
        ValueError: when ``warmup`` is negative or ``rounds`` less than 1; before any call.
    """
    raise NotImplementedError(
        "2.4 compare - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
