"""Two conversions that several modules share."""

import mlx.core as mx


def as_floating(x: mx.array) -> mx.array:
    """``x`` itself when it holds floating-point numbers, otherwise ``x`` as float32."""
    return x if mx.issubdtype(x.dtype, mx.floating) else x.astype(mx.float32)


def at_least_float32(x: mx.array) -> mx.array:
    """``x`` in float32, or in float64 when it is that already: factorisations need the digits."""
    return x if x.dtype == mx.float64 else x.astype(mx.float32)
