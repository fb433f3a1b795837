"""One long text as batches, each of which continues the one before."""

from __future__ import annotations

from collections.abc import Iterator

from tinymlx.core import array


def windows(tokens: array, lanes: int, length: int) -> Iterator[tuple[array, array]]:
    """A text in lanes, window by window.

    The text is cut into ``lanes`` stretches of one size, as long as possible; what is left at its
    end is not used. Each stretch is a *lane*, a row in every batch; a batch is a window of
    ``length`` steps over all lanes, with the next token of each place as its target. Row ``i`` of a
    batch goes on where row ``i`` of the one before ended, so a state may be carried on. The last
    batch has the steps that are left.

    With 11 tokens 0 to 10, two lanes and windows of 3 steps::

        x = [[0, 1, 2], [5, 6, 7]]    y = [[1, 2, 3], [6, 7, 8]]
        x = [[3, 4],    [8, 9]]       y = [[4, 5],    [9, 10]]

    Args:
        tokens: ``(N,)`` integers.
        lanes: how many rows a batch has.
        length: how many steps.

    Yields:
        Inputs and targets, ``(lanes, length)`` each.

    Raises:
        ValueError: (when called, not only when the first batch is asked for) ``lanes`` or
            ``length`` is below 1, or there is not one step for each lane.
    """
    steps = (tokens.size - 1) // max(lanes, 1)
    if lanes < 1 or length < 1 or steps < 1:
        raise ValueError(
            f"[windows] {tokens.size} tokens do not make {lanes} lanes in windows of length "
            f"{length}: each lane needs a step, and one token more is the last target."
        )
    x = tokens[: lanes * steps].reshape(lanes, steps)
    y = tokens[1 : lanes * steps + 1].reshape(lanes, steps)
    return ((x[:, t : t + length], y[:, t : t + length]) for t in range(0, steps, length))
