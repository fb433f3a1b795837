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
    if w.shape[-1] % group_size:
        raise ValueError(
            f"[coded] A group of {group_size} does not divide the last axis, which has "
            f"{w.shape[-1]} weights."
        )
    n = 2**bits - 1
    groups = core.unflatten(w.astype(core.float32), -1, (-1, group_size))
    most, least = (f(groups, axis=-1, keepdims=True) for f in (core.max, core.min))
    from_least = core.abs(least) > core.abs(most)
    step = core.maximum((most - least) / n, SMALLEST_STEP)
    step = core.where(from_least, step, -step)
    edge = core.where(from_least, least, most)
    steps_to_zero = core.round(edge / step)
    has_zero = steps_to_zero != 0
    step = core.where(has_zero, edge / core.where(has_zero, steps_to_zero, 1), step)
    bias = core.where(has_zero, edge, 0)
    codes = core.clip(core.round((groups - bias) / step), 0, n).astype(core.uint32)
    scales, biases = (x.squeeze(-1).astype(w.dtype) for x in (step, bias))
    return core.flatten(codes, -2, -1), scales, biases


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
    chunks = core.unflatten(codes, -1, (-1, CHUNK))
    words = [core.zeros(chunks.shape[:-1], core.uint32) for _ in range(bits)]
    for i in range(CHUNK):
        word, shift = divmod(i * bits, 32)
        words[word] = words[word] | core.left_shift(chunks[..., i], shift)
        if shift + bits > 32:
            words[word + 1] = words[word + 1] | core.right_shift(chunks[..., i], 32 - shift)
    return core.flatten(core.stack(words, axis=-1), -2, -1)


def unpacked(words: array, bits: int) -> array:
    """The codes again: the inverse of :func:`packed`.

    Args:
        words: ``(..., W)``, uint32; ``bits`` divides ``W``.
        bits: of a code.

    Returns:
        ``(..., W * 32 / bits)``, uint32.
    """
    chunks = core.unflatten(words, -1, (-1, bits))
    codes = []
    for i in range(CHUNK):
        word, shift = divmod(i * bits, 32)
        code = core.right_shift(chunks[..., word], shift)
        if shift + bits > 32:
            code = code | core.left_shift(chunks[..., word + 1], 32 - shift)
        codes.append(code & (2**bits - 1))
    return core.flatten(core.stack(codes, axis=-1), -2, -1)


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
    groups = scales.shape[-1]
    parts = core.unflatten(x.astype(core.float32), -1, (groups, -1))  # (B, G, n)
    q = core.unflatten(codes, -1, (groups, -1)).astype(core.float32)  # (M, G, n)
    by_group = core.einsum("bgn,mgn->bmg", parts, q)
    y = core.sum(by_group * scales, axis=-1) + core.sum(parts, axis=-1) @ biases.T
    return y.astype(x.dtype)


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
    parts = core.unflatten(core.abs(x.astype(core.float32)), -1, (scales.shape[-1], -1))
    return core.sum(parts, axis=-1) @ core.abs(scales.astype(core.float32)).T
