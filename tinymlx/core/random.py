"""Random numbers: ``tinymlx.core.random``.

They are drawn by ``mlx.core`` from its own state, so a seed gives the numbers it gives there. Where
a distribution has parameters, its numbers are a differentiable function of them and of standard
random numbers ("reparameterisation"), so gradients flow to the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arrays import Dtype, Stream, array, as_array, bare, unwrap, wrap
from .exponential import erf, erfinv
from .indexing import getitem
from .selection import clip

Shape = Sequence[int]


def __getattr__(name: str) -> Any:
    if name == "state":  # an object of MLX, for `compile(inputs=..., outputs=...)`
        return mx.random.state
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def seed(seed: int) -> None:
    """Start the global generator anew."""
    mx.random.seed(seed)


def key(seed: int) -> array:
    """A key, from which a function draws its own numbers and leaves the global state alone."""
    return wrap(mx.random.key(seed))


def split(key: array, num: int = 2, stream: Stream = None) -> array:
    """``num`` new keys from one, as the rows of an array."""
    return wrap(mx.random.split(unwrap(key), num, stream))


def _is_watched(*xs: Any) -> bool:
    return any(isinstance(x, array) and x._trace is not None for x in xs)


def uniform(
    low: Any = 0,
    high: Any = 1,
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Numbers spread evenly from ``low`` to ``high``, without ``high``."""
    if not _is_watched(low, high):
        low, high = unwrap(low), unwrap(high)
        return wrap(mx.random.uniform(low, high, shape, dtype, unwrap(key), stream))
    if not shape:
        shape = mx.broadcast_shapes(as_array(low).shape, as_array(high).shape)
    standard = wrap(mx.random.uniform(0, 1, shape, dtype, unwrap(key), stream))
    return standard * (high - low) + low


def normal(
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    loc: Any = None,
    scale: Any = None,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Normally distributed numbers with mean ``loc`` and standard deviation ``scale``."""
    if not _is_watched(loc, scale):
        loc, scale = unwrap(loc), unwrap(scale)
        return wrap(mx.random.normal(shape, dtype, loc, scale, unwrap(key), stream))
    x = wrap(mx.random.normal(shape, dtype, None, None, unwrap(key), stream))
    x = x if scale is None else x * scale
    return x if loc is None else x + loc


def multivariate_normal(
    mean: array,
    cov: array,
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Normally distributed vectors with a mean (differentiable) and a covariance matrix."""
    if _is_watched(cov):
        raise ValueError("[multivariate_normal] There is no gradient through the covariance.")
    zero_mean = mx.zeros(mean.shape) if _is_watched(mean) else unwrap(mean)
    x = wrap(
        mx.random.multivariate_normal(zero_mean, unwrap(cov), shape, dtype, unwrap(key), stream)
    )
    return x + mean if _is_watched(mean) else x


def truncated_normal(
    lower: Any,
    upper: Any,
    shape: Shape | None = None,
    dtype: Dtype | None = mx.float32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Standard normal numbers, under the condition that they lie from ``lower`` to ``upper``."""
    if not _is_watched(lower, upper):
        lower, upper = unwrap(lower), unwrap(upper)
        return wrap(mx.random.truncated_normal(lower, upper, shape, dtype, unwrap(key), stream))
    low, high = as_array(lower), as_array(upper)
    if shape is None:
        shape = mx.broadcast_shapes(low.shape, high.shape)
    a, b = erf(low / math.sqrt(2)), erf(high / math.sqrt(2))
    x = erfinv(uniform(a, b, shape, dtype, key, stream)) * math.sqrt(2)
    return clip(x, low, high)


def laplace(
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    loc: float = 0.0,
    scale: float = 1.0,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Laplace distributed numbers with mean ``loc`` and scale ``scale``."""
    if not _is_watched(loc, scale) and not isinstance(loc, array) and not isinstance(scale, array):
        return wrap(mx.random.laplace(shape, dtype, loc, scale, unwrap(key), stream))
    return wrap(mx.random.laplace(shape, dtype, key=unwrap(key), stream=stream)) * scale + loc


def gumbel(
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Standard Gumbel distributed numbers."""
    return wrap(mx.random.gumbel(shape, dtype, unwrap(key), stream))


def randint(
    low: Any,
    high: Any,
    shape: Shape = (),
    dtype: Dtype | None = mx.int32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Integers from ``low`` to ``high``, without ``high``."""
    return wrap(mx.random.randint(unwrap(low), unwrap(high), shape, dtype, unwrap(key), stream))


def bernoulli(
    p: Any = 0.5, shape: Shape | None = None, key: array | None = None, stream: Stream = None
) -> array:
    """``True`` with probability ``p``; a constant to every gradient."""
    return wrap(mx.random.bernoulli(unwrap(p), shape, unwrap(key), stream))


def categorical(
    logits: array,
    axis: int = -1,
    shape: Shape | None = None,
    num_samples: int | None = None,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Indices along ``axis`` with the probabilities ``softmax(logits)``; constants to gradients."""
    x = mx.random.categorical(unwrap(logits), axis, shape, num_samples, unwrap(key), stream)
    return wrap(x)


def permutation(
    x: int | array, axis: int = 0, key: array | None = None, stream: Stream = None
) -> array:
    """The integers below ``x``, or the slices of ``x`` along ``axis``, in random order."""
    if not isinstance(x, array):
        return wrap(mx.random.permutation(x, axis, unwrap(key), stream))
    if x._trace is None:
        return wrap(mx.random.permutation(bare(x), axis, unwrap(key), stream))
    order = wrap(mx.random.permutation(x.shape[axis], 0, unwrap(key), stream))
    return getitem(x, (slice(None),) * (axis % x.ndim) + (order,))
