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
    raise NotImplementedError(
        "15.13 kept - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "15.13 pruned - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
