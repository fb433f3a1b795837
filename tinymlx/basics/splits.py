"""Which examples a model may learn from, and which it is examined on."""

from collections.abc import Callable

import mlx.core as mx

from .metrics import mean_squared_error


def train_test_split(
    x: mx.array, y: mx.array, *, test_fraction: float = 0.25, key: mx.array
) -> tuple[mx.array, mx.array, mx.array, mx.array]:
    """Shuffle the examples and put some aside for the examination.

    Every example goes to exactly one side, ``round(test_fraction * N)`` of them to the test
    side, and each row of ``x`` stays with its ``y``. The shuffle follows from ``key`` alone (made
    by ``mx.random.key``): the same key gives the same split, and the global random state is
    neither used nor changed.

    How to do it is your own design: the tests look only at what comes out. Each order of the
    examples must be as likely as any other.

    Returns:
        ``x_train, x_test, y_train, y_test``.

    Shape:
        ``(N, ...)`` and ``(N, ...)`` to ``(N - T, ...)``, ``(T, ...)``, ``(N - T, ...)`` and
        ``(T, ...)``.

    Raises:
        ValueError: when ``x`` and ``y`` have different lengths, or a side would be empty.
    """
    raise NotImplementedError(
        "1.10 train_test_split - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def k_fold(count: int, folds: int, key: mx.array | None = None) -> list[tuple[mx.array, mx.array]]:
    """Cut ``count`` examples into ``folds`` parts, each of which validates once.

    Gives a list of ``folds`` pairs ``(train, validation)`` of index arrays. Every index is in
    exactly one validation part, and in the training part of all other pairs. The parts' sizes
    differ by at most one, the larger ones first: 10 examples in 4 folds are 3, 3, 2, 2.
    With a ``key`` the indices are shuffled once before they are cut; without one they stay in
    order, so that neighbours stay together.

    Raises:
        ValueError: unless ``2 <= folds <= count``.
    """
    raise NotImplementedError(
        "1.11 k_fold - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def cross_validate(
    fit: Callable[[mx.array, mx.array], Callable[[mx.array], mx.array]],
    x: mx.array,
    y: mx.array,
    *,
    folds: int = 5,
    key: mx.array | None = None,
) -> mx.array:
    """The error on unseen examples, estimated without touching the test set.

    For each pair of ``k_fold(N, folds, key)``, ``fit(x_train, y_train)`` is called once; it gives
    a function from ``(M, ...)`` examples to ``(M,)`` predictions, whose mean squared error on the
    validation part is that fold's score. ``fit`` must see nothing of the validation part: what
    it learns, scales of columns included, it learns from its two arguments.

    Shape:
        ``(N, ...)`` and ``(N,)`` to ``(folds,)``.
    """
    raise NotImplementedError(
        "1.12 cross_validate - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
