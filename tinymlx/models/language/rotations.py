"""Rotary encodings for texts that are longer than those of training."""

from __future__ import annotations

import math
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array


class ScaledRoPE(nn.RoPE):
    """:class:`tinymlx.nn.RoPE` whose slow pairs turn more slowly than usual.

    A pair that turns many times within the texts of training says how near two tokens are, and is
    left alone. One that never came round would meet angles that it has not seen: it is slowed down
    by ``factor``. Between both the change is gradual.

    Args:
        dims: features that are turned.
        base: as for ``nn.RoPE``.
        factor: by how much slow pairs are slowed down.
        low_freq_factor: pairs that turn fewer times than this in ``original`` tokens are slow.
        high_freq_factor: pairs that turn more often are fast.
        original: the length of the texts of training.

    Source: the Llama 3 herd of models (2024), section 3.4, https://arxiv.org/abs/2407.21783, and
    the code that was published with it
    """

    def __init__(
        self,
        dims: int,
        base: float,
        factor: float,
        low_freq_factor: float,
        high_freq_factor: float,
        original: int,
    ) -> None:
        super().__init__(dims, base=base)
        self.factor = factor
        self.low, self.high = low_freq_factor, high_freq_factor
        self.original = original

    def frequencies(self) -> array:
        """How far each pair turns from one position to the next, ``(dims // 2,)``."""
        plain = super().frequencies()
        turns = self.original * plain / (2 * math.pi)
        fast = core.clip((turns - self.low) / (self.high - self.low), 0, 1)
        return fast * plain + (1 - fast) * plain / self.factor


def rotation(dims: int, base: float, scaling: dict[str, Any] | None) -> nn.RoPE:
    """The rotary encoding that a published configuration asks for.

    Args:
        dims: features of a head.
        base: ``rope_theta``.
        scaling: ``rope_scaling`` or ``rope_parameters``, or ``None``.

    Raises:
        ValueError: a kind that is not known here, or one of its numbers is missing.
    """
    scaling = scaling or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    try:
        if kind in ("default", None):
            return nn.RoPE(dims, base=base)
        if kind == "linear":
            return nn.RoPE(dims, base=base, scale=1 / scaling["factor"])
        if kind == "llama3":
            return ScaledRoPE(
                dims,
                base,
                scaling["factor"],
                scaling["low_freq_factor"],
                scaling["high_freq_factor"],
                scaling["original_max_position_embeddings"],
            )
    except KeyError as error:
        raise ValueError(f"[rotation] rope_scaling of the kind {kind!r} lacks {error}.") from None
    raise ValueError(
        f'[rotation] rope_scaling of the kind {kind!r} is not known; "default", "linear" and '
        '"llama3" are.'
    )
