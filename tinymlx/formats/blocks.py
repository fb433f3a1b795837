r"""Weights in blocks of 32, as GGUF has them.

=========  =========  ==============================================================================
``Q8_0``   34 bytes   a scale :math:`d` in float16, then 32 whole numbers :math:`q` of 8 bits:
                      :math:`w = d q`
``Q4_0``   18 bytes   a scale in float16, then 32 whole numbers of 4 bits: :math:`w = d (q - 8)`;
                      byte :math:`i` has number :math:`i` in its lower half and number
                      :math:`i + 16` in its upper half
=========  =========  ==============================================================================

Source: llama.cpp, ``ggml-quants.c``, the functions ``quantize_row_q8_0_ref`` and
``quantize_row_q4_0_ref``, and the Python package ``gguf``.
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array

LENGTH = 32


def to_q8_0(x: array) -> array:
    """Blocks of 8 bits.

    The scale of a block is its greatest magnitude over 127. Weights are divided by the scale before
    that is rounded to float16, and go to the nearest whole number; halves go away from 0.

    Args:
        x: shape ``(..., N)``; ``N`` is a multiple of 32.

    Returns:
        Bytes of shape ``(..., N / 32 * 34)``.

    Raises:
        ValueError: ``N`` is no multiple of 32.
    """
    raise NotImplementedError(
        "15.4 to_q8_0 - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def from_q8_0(data: array) -> array:
    """The weights of blocks of 8 bits, in float32.

    Args:
        data: bytes of shape ``(..., blocks * 34)``.

    Returns:
        Shape ``(..., blocks * 32)``.
    """
    scale, codes = taken_apart(data, 34)
    return (scale * core.view(codes, core.int8).astype(core.float32)).reshape(*data.shape[:-1], -1)


def to_q4_0(x: array) -> array:
    """Blocks of 4 bits.

    With :math:`m` the weight of the greatest magnitude *with its sign* (the first, of several), the
    scale is :math:`-m / 8`: so the largest weight gets the code 0, which is the only one at a
    distance of 8. Codes are :math:`w / d + 8.5` without what follows the point, at most 15.

    Args:
        x: shape ``(..., N)``; ``N`` is a multiple of 32.

    Returns:
        Bytes of shape ``(..., N / 32 * 18)``.

    Raises:
        ValueError: ``N`` is no multiple of 32.
    """
    raise NotImplementedError(
        "15.4 to_q4_0 - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def from_q4_0(data: array) -> array:
    """The weights of blocks of 4 bits, in float32.

    Args:
        data: bytes of shape ``(..., blocks * 18)``.

    Returns:
        Shape ``(..., blocks * 32)``.
    """
    raise NotImplementedError(
        "15.4 from_q4_0 - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def in_blocks(x: array) -> array:
    """Blocks of 32 in float32: ``(..., N)`` to ``(..., N / 32, 32)``.

    Raises:
        ValueError: ``N`` is no multiple of 32.
    """
    if x.ndim == 0 or x.shape[-1] % LENGTH:
        raise ValueError(
            f"[blocks] The last axis should be a multiple of {LENGTH}; the shape is {x.shape}."
        )
    return x.astype(core.float32).reshape(*x.shape[:-1], -1, LENGTH)


def inverse(scale: array) -> array:
    """One over the scale; 0 for a block of zeros."""
    return core.where(scale == 0, 0.0, 1 / core.where(scale == 0, 1.0, scale))


def away_from_zero(x: array) -> array:
    """The nearest whole number; halves go away from 0. (``core.round`` takes the even one.)"""
    return core.sign(x) * core.floor(core.abs(x) + 0.5)


def packed(scale: array, codes: array, like: array) -> array:
    """Each block's scale in float16 and its codes, side by side."""
    two = core.view(scale.astype(core.float16), core.uint8)
    return core.concatenate([two, codes], axis=-1).reshape(*like.shape[:-1], -1)


def taken_apart(data: array, length: int) -> tuple[array, array]:
    """The scales in float32, ``(..., blocks, 1)``, and the bytes behind them."""
    blocks = data.reshape(*data.shape[:-1], -1, length)
    scale = core.view(core.contiguous(blocks[..., :2]), core.float16)
    return scale.astype(core.float32), core.contiguous(blocks[..., 2:])
