r"""Weights as codes of a few bits: affine quantization of groups, as ``mlx.core.quantize`` has it.

A group of neighbours in a row shares a step :math:`s` and a bias :math:`b`; a weight is a code
:math:`q` from 0 to :math:`n = 2^{bits} - 1`, and stands for :math:`s q + b`.
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array

#: A step is at least this: the weights of a group may all be equal.
SMALLEST_STEP = 1e-7
#: Codes that are packed together: they fill as many words as a code has bits.
CHUNK = 32


def coded(w: array, group_size: int = 64, bits: int = 4) -> tuple[array, array, array]:
    r"""Codes, steps and biases of the groups of ``w``, to the last bit those of MLX.

    All in float32, for each group: of its largest and its smallest weight, the *edge* is the one
    with the larger magnitude (the largest, if they are equal). The step is :math:`(max - min) / n`,
    at least ``SMALLEST_STEP``, and goes from the edge to the other end: it is negative where the
    edge is the largest weight. Zero shall be a code of its own, without any error, because many
    weights are near it: :math:`q_0`, the edge in steps, rounded, is a whole number, so the step
    becomes :math:`edge / q_0` and the bias the edge. (Where :math:`q_0` is 0, the step stays, and
    the bias is 0.) A code is :math:`(w - b) / s`, rounded, and not below 0 or above :math:`n`.

    Args:
        w: weights, ``(..., N)``, two axes or more.
        group_size: neighbours that share a step and a bias.
        bits: of a code.

    Returns:
        The codes, ``(..., N)``, uint32, one for each weight; and steps and biases, ``(..., N /
        group_size)``, in the dtype of ``w``. (Codes are made with steps and biases in float32.)

    Raises:
        ValueError: ``group_size`` does not divide the last axis; both numbers are in the message.
    """
    raise NotImplementedError(
        "14.16 coded - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def packed(codes: array, bits: int) -> array:
    """Codes without gaps in 32-bit words: the first code in the lowest bits of the first word.

    The bits of all codes in a row are one long number, cut into words; a code of 3, 5 or 6 bits may
    begin in one word and end in the next. 32 codes fill exactly ``bits`` words.

    Args:
        codes: ``(..., N)``, uint32, each below ``2 ** bits``; 32 divides ``N``.
        bits: of a code.

    Returns:
        ``(..., N * bits / 32)``, uint32.
    """
    raise NotImplementedError(
        "14.16 packed - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def unpacked(words: array, bits: int) -> array:
    """The codes again: the inverse of :func:`packed`.

    Args:
        words: ``(..., W)``, uint32; ``bits`` divides ``W``.
        bits: of a code.

    Returns:
        ``(..., W * 32 / bits)``, uint32.
    """
    raise NotImplementedError(
        "14.16 unpacked - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def decoded(codes: array, scales: array, biases: array) -> array:
    """The weights that the codes stand for, in the dtype of the scales."""
    groups = core.unflatten(codes, -1, (scales.shape[-1], -1)).astype(scales.dtype)
    return core.flatten(groups * scales[..., None] + biases[..., None], -2, -1)


def product(x: array, codes: array, scales: array, biases: array) -> array:
    r"""``x`` times the transpose of a matrix in codes, without ever making the matrix.

    With :math:`w = s q + b` the factors of a group come out of its sum, :math:`\sum_k x_k w_k =
    \dots`: one product with whole numbers for each group, and one sum of ``x``, which is the same
    for all rows. The lesson writes it out.

    Args:
        x: ``(B, N)``.
        codes: ``(M, N)``, unpacked.
        scales, biases: ``(M, G)``; the group size is ``N / G``.

    Returns:
        ``(B, M)``, in the dtype of ``x``; computed in float32.
    """
    raise NotImplementedError(
        "14.17 product - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def error_bound(x: array, scales: array) -> array:
    r"""How far :func:`product` can be from the product with the weights before they were coded.

    The lesson derives how far a weight can be from what its code stands for, and what this makes
    of a sum.

    Args:
        x: ``(B, N)``.
        scales: ``(M, G)``.

    Returns:
        ``(B, M)``, numbers from 0 on, in float32: no error is larger (but for the rounding of the
        arithmetic itself).
    """
    raise NotImplementedError(
        "14.17 error_bound - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
