"""Positional encodings: how a network that treats all positions alike can tell them apart."""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import Dtype, array
from tinymlx.nn.module import Module


class RoPE(Module):
    r"""Rotary positional encoding: pairs of features are turned by angles that grow with position.

    Pair :math:`i` of :math:`D/2` at position :math:`t` is turned by
    :math:`\theta = t \, s \, b^{-2i/D}`:

    .. math::
        (x_1, x_2) \mapsto
        (x_1 \cos\theta - x_2 \sin\theta, \; x_1 \sin\theta + x_2 \cos\theta)

    The scalar product of two vectors turned like this depends on the difference of their positions
    only.

    Args:
        dims: :math:`D`, how many features are turned; those after them stay.
        traditional: whether neighbours are a pair (``0, 1``), and not a feature and the one half of
            ``dims`` further (``0, D/2``).
        base: :math:`b`.
        scale: :math:`s`, by which positions are multiplied.

    Shape:
        ``(B, ..., T, features)`` to the same, with ``features >= dims``.

    Raises:
        ValueError: ``base`` is not positive.

    Raises (when called):
        ValueError: the input has fewer than 3 dimensions or is no floating type; or ``dims`` is not
            positive, not even, or exceeds the last axis.

    Source: J. Su et al., RoFormer (2021), https://arxiv.org/abs/2104.09864
    """

    def __init__(
        self, dims: int, traditional: bool = False, base: float = 10000, scale: float = 1.0
    ) -> None:
        super().__init__()
        if not base > 0:
            raise ValueError(f"[RoPE] base should be positive; it is {base}.")
        self.dims = dims
        self.traditional = traditional
        self.base = base
        self.scale = scale

    def _extra_repr(self) -> str:
        return f"{self.dims}, traditional={self.traditional}"

    def __call__(self, x: array, offset: int | array = 0) -> array:
        """``x`` with the features at each position turned.

        Args:
            x: an array of shape ``(B, ..., T, features)``.
            offset: the position of the first of the ``T`` places: a number, or an array with one
                for each of the ``B`` examples.
        """
        check_rotation(x, self.dims)
        cos, sin = self.rotation(x, offset)
        half = self.dims // 2
        if self.traditional:
            x1, x2 = x[..., : self.dims : 2], x[..., 1 : self.dims : 2]
        else:
            x1, x2 = x[..., :half], x[..., half : self.dims]
        parts = [x1 * cos - x2 * sin, x1 * sin + x2 * cos]  # (B, ..., T, half) each
        if self.traditional:
            parts = [core.stack(parts, axis=-1).flatten(-2)]
        if self.dims < x.shape[-1]:
            parts.append(x[..., self.dims :])
        return core.concatenate(parts, axis=-1)

    def rotation(self, x: array, offset: int | array) -> tuple[array, array]:
        """Cosine and sine of every angle, in the dtype of ``x``: ``(T, dims // 2)``, and with an
        array of offsets an axis for the examples (and for what is between) before these."""
        positions = core.arange(x.shape[-2])
        if isinstance(offset, array) and offset.ndim:
            offset = offset.reshape(-1, *[1] * (x.ndim - 2))
        positions = (positions + offset) * self.scale
        angles = positions[..., None] * self.frequencies()
        return core.cos(angles).astype(x.dtype), core.sin(angles).astype(x.dtype)

    def frequencies(self) -> array:
        """How far each pair turns from one position to the next, ``(dims // 2,)``."""
        half = self.dims // 2
        return core.exp(core.arange(half) * (-math.log(self.base) / half))


def check_rotation(x: array, dims: int) -> None:
    """Whether ``dims`` features of ``x`` can be turned in pairs.

    Raises:
        ValueError: they cannot.
    """
    if x.ndim < 3:
        raise ValueError(
            f"[rope] Input must have at least 3 dimensions but got input with {x.ndim} dimensions."
        )
    if not core.issubdtype(x.dtype, core.floating):
        raise ValueError(f"[rope] Input must be a floating type but got {name_of(x.dtype)}.")
    if dims <= 0:
        raise ValueError(f"[rope] dims must be positive but got {dims}.")
    if dims % 2:
        raise ValueError(f"[rope] dims must be even but got {dims}.")
    if dims > x.shape[-1]:
        raise ValueError(
            f"[rope] dims must not exceed the input's last dimension ({x.shape[-1]}) but got "
            f"{dims}."
        )


def name_of(dtype: Dtype) -> str:
    """``"int32"`` for ``core.int32``."""
    return str(dtype).rpartition(".")[2]


class SinusoidalPositionalEncoding(Module):
    r"""Positions as sines and cosines of many frequencies.

    For a position :math:`t` these are :math:`a \sin(\omega_i t)` and :math:`a \cos(\omega_i t)`
    with :math:`D/2` frequencies :math:`\omega_i`, in equal ratios from the greatest to the
    smallest.

    Args:
        dims: :math:`D`, the size of the encoding.
        min_freq: the smallest frequency.
        max_freq: the greatest frequency.
        scale: :math:`a`; by default :math:`\sqrt{2/D}`, which gives the encoding the length 1.
        cos_first: whether the cosines come before the sines.
        full_turns: whether frequencies count full turns, and so are multiplied by :math:`2\pi`.

    Shape:
        ``(...)`` positions to ``(..., dims)``.

    Raises:
        ValueError: ``dims`` is not positive and even.

    Source: A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        dims: int,
        min_freq: float = 0.0001,
        max_freq: float = 1,
        scale: float | None = None,
        cos_first: bool = False,
        full_turns: bool = False,
    ) -> None:
        """Check ``dims``, and keep the frequencies (under a name that is no parameter's), ``scale``
        and ``cos_first``. With ``dims = 2`` the one frequency is ``max_freq``."""
        super().__init__()
        if dims <= 0 or dims % 2 != 0:
            raise ValueError(
                f"[SinusoidalPositionalEncoding] dims must be positive and even but got {dims}."
            )
        # From 1 (the greatest frequency) down to 0; with two dims there is only one.
        fall = core.array([1.0]) if dims == 2 else 1 - core.arange(dims // 2) / (dims // 2 - 1)
        low, high = math.log(min_freq), math.log(max_freq)
        # The underscore keeps it from being a parameter.
        self._sigmas = core.exp(fall * (high - low) + low)
        if full_turns:
            self._sigmas = self._sigmas * (2 * math.pi)
        self.scale = scale if scale is not None else (2 / dims) ** 0.5
        self.cos_first = cos_first

    def __call__(self, x: array) -> array:
        """The encoding of positions ``x``."""
        angles = x[..., None] * self._sigmas  # (..., dims / 2)
        parts = [core.sin(angles), core.cos(angles)]
        y = core.concatenate(parts[::-1] if self.cos_first else parts, axis=-1)
        return y if self.scale == 1 else y * self.scale


class ALiBi(Module):
    r"""Attention with linear biases: scores sink with the distance of key and query.

    Head :math:`h` of :math:`H` adds :math:`-m_h |i - j|` to the score of query :math:`i` and key
    :math:`j`. The slopes are :math:`m_h = 2^{-8h/H}` for :math:`h = 1, \dots, H` if :math:`H` is a
    power of two.

    Shape:
        Scores ``(B, H, queries, keys)`` to the same.

    Source: O. Press et al., Train Short, Test Long (2021), https://arxiv.org/abs/2108.12409
    """

    @staticmethod
    def create_alibi_matrix(
        q_sequence_length: int,
        k_sequence_length: int,
        num_heads: int,
        offset: int = 0,
        dtype: Dtype = core.float32,
    ) -> array:
        """The biases of all heads.

        Args:
            q_sequence_length: the position after the last query.
            k_sequence_length: the number of keys.
            num_heads: the number of heads.
            offset: the position of the first query.
            dtype: the dtype of the result.

        Returns:
            An array of shape ``(1, num_heads, q_sequence_length - offset, k_sequence_length)``.
        """
        queries = core.arange(offset, q_sequence_length)
        keys = core.arange(0, k_sequence_length)
        distances = core.abs(queries[:, None] - keys[None, :])[None, None]
        slopes = ALiBi.create_alibi_slope(num_heads, dtype)
        return (-distances * slopes).astype(dtype)

    @staticmethod
    def create_alibi_slope(num_heads: int, dtype: Dtype = core.float32) -> array:
        """The slope of every head, as an array of shape ``(num_heads, 1, 1)``.

        For a number that is no power of two: the slopes of the next smaller power, followed by
        every second one of twice that power.
        """

        def slopes(n: int) -> list[float]:
            if math.log2(n).is_integer():
                first = 2 ** (-(2 ** -(math.log2(n) - 3)))
                return [first**k for k in range(1, n + 1)]
            smaller = 2 ** math.floor(math.log2(n))
            return slopes(smaller) + slopes(2 * smaller)[::2][: n - smaller]

        return core.array(slopes(num_heads), dtype=dtype)[:, None, None]

    def __call__(
        self, attention_scores: array, offset: int = 0, mask: array | None = None
    ) -> array:
        """Scores with the biases added.

        Args:
            attention_scores: an array of shape ``(B, H, queries, keys)``.
            offset: the position of the first query.
            mask: something more to add to all scores.
        """
        biases = ALiBi.create_alibi_matrix(
            q_sequence_length=attention_scores.shape[-2] + offset,
            k_sequence_length=attention_scores.shape[-1],
            num_heads=attention_scores.shape[1],
            offset=offset,
            dtype=attention_scores.dtype,
        )
        if mask is not None:
            biases = biases + mask
        return attention_scores + biases
