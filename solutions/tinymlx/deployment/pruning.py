"""Zeros in the places of the smallest weights."""

from __future__ import annotations

from collections.abc import Mapping

from tinymlx import core
from tinymlx.core import array


def kept(magnitudes: array, sparsity: float) -> array:
    """Which of some numbers stay when the smallest go.

    Args:
        magnitudes: ``(N,)``, none below 0.
        sparsity: the share that goes, from 0 to 1: ``round(sparsity * N)`` of them, exactly. Of
            equal ones, those that stand first go first.

    Returns:
        ``(N,)`` in bool: ``True`` stays.

    Raises:
        ValueError: ``sparsity`` is not from 0 to 1.
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"[kept] A share is from 0 to 1; it is {sparsity}.")
    count = round(sparsity * magnitudes.size)
    if count == 0:
        return core.ones(magnitudes.shape, core.bool_)
    border = core.sort(magnitudes)[count - 1]
    below, equal = magnitudes < border, magnitudes == border
    more = count - core.sum(below)
    gone = below | (equal & (core.cumsum(equal) <= more))
    return core.logical_not(gone)


def pruned(
    weights: Mapping[str, array], sparsity: float, everywhere: bool = False
) -> dict[str, array]:
    """Weights with zeros in the places of the smallest magnitudes.

    Args:
        weights: arrays by name.
        sparsity: the share of zeros.
        everywhere: whether all arrays are ranked together: then some lose more than others, and
            the whole has this share. Otherwise each array loses this share of its own.

    Returns:
        New arrays by the same names, in their shapes and dtypes. Together, of equal magnitudes
        those in arrays that are named first go first.

    Raises:
        ValueError: ``sparsity`` is not from 0 to 1.
    """
    flat = {name: core.abs(w).reshape(-1) for name, w in weights.items()}
    if everywhere and flat:
        all_of_them = kept(core.concatenate(list(flat.values())), sparsity)
        ends = [0]
        for x in flat.values():
            ends.append(ends[-1] + x.size)
        masks = {name: all_of_them[a:b] for name, a, b in zip(flat, ends, ends[1:])}
    else:
        masks = {name: kept(x, sparsity) for name, x in flat.items()}
    return {
        name: core.where(masks[name].reshape(w.shape), w, core.zeros((), w.dtype))
        for name, w in weights.items()
    }
