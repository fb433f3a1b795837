"""Pictures that are there twice: a fingerprint of each, and groups of equal ones."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array

#: Half a grey level of a file with 256 of them: what is less than this is rounding, not a picture.
MARGIN = 0.5 / 255


def shares(length: int, count: int) -> array:
    """Which share of each pixel belongs to each of ``count`` equal cells, along one axis.

    The cells divide the ``length`` pixels evenly; a border between two cells may lie within a
    pixel.
    Row ``i`` of the result averages the pixels of cell ``i``: each pixel counts with the length
    that
    it has in common with the cell, divided by the cell's length. So each row sums to 1, also where
    there are more cells than pixels.

    Args:
        length: how many pixels there are, at least 1.
        count: how many cells.

    Returns:
        ``(count, length)`` numbers in float32.
    """
    edges = core.arange(count + 1) * (length / count)
    pixels = core.arange(length)
    first = core.maximum(edges[:-1, None], pixels)
    last = core.minimum(edges[1:, None], pixels + 1)
    return core.maximum(last - first, 0) * (count / length)


def difference_hash(x: array, size: int = 8) -> array:
    """A fingerprint that survives another size, another brightness and a little noise.

    Each picture becomes grey (the mean of its channels) and small: ``size`` rows and ``size + 1``
    columns of cells, each the mean of its part of the picture (:func:`shares`). A bit says whether
    a cell is brighter than its neighbour to the left by more than :data:`MARGIN`. All is computed
    in float32, whatever the dtype of ``x``.

    Args:
        x: pictures from 0 to 1, ``(N, H, W, C)``; any height and width from 1 on.
        size: the rows of cells.

    Returns:
        ``(N, size * size)`` booleans, row by row.

    Source: N. Krawetz, Kind of Like That (2013), https://www.hackerfactor.com/blog/?/archives/529
    """
    grey = core.mean(x.astype(core.float32), axis=-1)
    rows, columns = shares(x.shape[1], size), shares(x.shape[2], size + 1)
    cells = rows @ grey @ columns.T  # (N, size, size + 1)
    bits = cells[:, :, 1:] - cells[:, :, :-1] > MARGIN
    return bits.reshape(x.shape[0], size * size)


def duplicate_groups(hashes: array, radius: int, block: int = 1024) -> array:
    """Which pictures belong together: those that a chain of near pairs connects.

    Two pictures are near if their fingerprints differ in at most ``radius`` bits. If A is near B
    and B is near C, all three are one group, however far A is from C. The number of a group is the
    smallest index of its members.

    Of the ``N * N`` distances at most ``block * N`` are in memory at any time, and nothing else
    that has ``N * N`` entries, not even bits that say who is near.

    Args:
        hashes: ``(N, bits)`` booleans; ``N`` may be 0.
        radius: in how many bits two copies may differ.
        block: how many pictures are compared with all others at a time.

    Returns:
        ``(N,)`` int32: the group of each picture.

    Raises:
        ValueError: a negative radius, also where there are no pictures; the message has the word
            "radius".
    """
    if radius < 0:
        raise ValueError(f"[duplicate_groups] The radius should be at least 0; it is {radius}.")
    count, bits = hashes.shape
    labels = core.arange(count)
    signs = 2 * hashes.astype(core.float32) - 1  # the product of two is 1 where they agree
    while count:
        found = []
        for start in range(0, count, block):
            differ = (bits - signs[start : start + block] @ signs.T) / 2
            smallest = core.min(core.where(differ <= radius, labels, count), axis=1)
            core.eval(smallest)  # so that the distances of this block are gone before the next
            found.append(smallest)
        new = core.concatenate(found)
        if core.array_equal(new, labels).item():
            break
        labels = new
    return labels
