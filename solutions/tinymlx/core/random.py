"""Random numbers: ``tinymlx.core.random``.

They are drawn by ``mlx.core`` from its own state, so a seed gives the numbers it gives there. Where
a distribution has parameters, its numbers are a differentiable function of them and of standard
random numbers ("reparameterisation"), so gradients flow to the parameters.

Where a transform watches a key or a parameter, the numbers come from a primitive, whose arguments
it sees. Under ``vmap`` each example with a key of its own draws its own numbers; examples that
share the key, or the global state, draw the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arrays import Dtype, Stream, array, as_array, unwrap, wrap
from .broadcasting import unbroadcast
from .conversion import astype
from .exponential import erf, erfinv
from .indexing import getitem
from .primitive import behind, constant
from .selection import maximum, minimum

Shape = Sequence[int]


def __getattr__(name: str) -> Any:
    if name == "state":  # an object of MLX, for `compile(inputs=..., outputs=...)`
        return mx.random.state
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def seed(seed: int) -> None:
    """Start the global generator anew."""
    mx.random.seed(seed)


def key(seed: int) -> array:
    """A key, from which a function draws its own numbers and leaves the global state alone.

    Shape: ``(2,)``, ``uint32``.
    """
    return wrap(mx.random.key(seed))


def split(key: array, num: int = 2, stream: Stream = None) -> array:
    """``num`` new keys from one, as the rows of an array.

    Shape: ``(num, 2)``.
    """
    if _is_watched(key):
        return keys_from(key, num=num, stream=stream)
    return wrap(mx.random.split(unwrap(key), num, stream))


@constant
def keys_from(key: mx.array, /, *, num: int) -> mx.array:
    """See :func:`split`."""
    return mx.random.split(key, num)


def _is_watched(*xs: Any) -> bool:
    return any(isinstance(x, array) and x._trace is not None for x in xs)


#: While a compiler traces a function and has captured the state of the random numbers, its
#: ``draw(parameters, sampler, options)``: a draw without a key is noted, and made in every call.
draws: list[Any] = []


def _is_noted(key: array | None) -> bool:
    return bool(draws) and key is None


@constant
def drawn_now(*parameters: mx.array, sampler: Any, options: dict[str, Any]) -> mx.array:
    """Numbers from a sampler of ``mlx.core`` and its own state."""
    return sampler(*parameters, **options)


def _next_key() -> array:
    """The key with which the global state would draw next; the state moves on."""
    state: Any = mx.random.state
    key = mx.random.split(mx.array(state[0]))[1]
    mx.random.uniform()
    return wrap(key)


@constant
def drawn(*parameters: mx.array, sampler: Any, options: dict[str, Any]) -> mx.array:
    """Numbers from a sampler of ``mlx.core``: its parameters, of which the last is the key."""
    return sampler(*parameters[:-1], **options, key=parameters[-1])


def _standard(sampler: Any, key: array | None, stream: Stream, **options: Any) -> array:
    """Numbers from a distribution without parameters; the key may be watched."""
    if _is_noted(key):
        return draws[-1]([], sampler, {**options, "stream": stream})
    if _is_watched(key):
        return drawn(key, sampler=sampler, options=options, stream=stream)
    return wrap(sampler(**options, key=unwrap(key), stream=stream))


def _drawn(sampler: Any, *arguments: Any, **options: Any) -> array:
    """Numbers that are constants to gradients: parameters, key and stream of the sampler."""
    *parameters, key, stream = arguments
    if _is_noted(key):
        return draws[-1](parameters, sampler, {**options, "stream": stream})
    if not _is_watched(*parameters, key):
        parameters = [unwrap(x) for x in parameters]
        return wrap(sampler(*parameters, **options, key=unwrap(key), stream=stream))
    key = _next_key() if key is None else key
    return drawn(*parameters, key, sampler=sampler, options=options, stream=stream)


def _like(parameter: Any, x: array) -> array:
    """A parameter in the dtype of the numbers that it changes."""
    return astype(as_array(parameter), x.dtype)


def uniform(
    low: Any = 0,
    high: Any = 1,
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Numbers spread evenly from ``low`` to ``high``, without ``high``.

    Shape: ``shape``, or that to which the parameters broadcast.
    """
    if not _is_watched(low, high, key):
        if _is_noted(key):
            options = {"shape": shape, "dtype": dtype, "stream": stream}
            return draws[-1]([low, high], mx.random.uniform, options)
        low, high = unwrap(low), unwrap(high)
        return wrap(mx.random.uniform(low, high, shape, dtype, unwrap(key), stream))
    if not shape:
        shape = mx.broadcast_shapes(as_array(low).shape, as_array(high).shape)
    standard = _standard(mx.random.uniform, key, stream, shape=shape, dtype=dtype)
    low, high = _like(low, standard), _like(high, standard)
    return standard * (high - low) + low


def normal(
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    loc: Any = None,
    scale: Any = None,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Normally distributed numbers with mean ``loc`` and standard deviation ``scale``.

    Shape: ``shape``, or that to which the parameters broadcast.
    """
    if not _is_watched(loc, scale, key) and not _is_noted(key):
        loc, scale = unwrap(loc), unwrap(scale)
        return wrap(mx.random.normal(shape, dtype, loc, scale, unwrap(key), stream))
    x = _standard(mx.random.normal, key, stream, shape=shape, dtype=dtype)
    x = x if scale is None else x * _like(scale, x)
    return x if loc is None else x + _like(loc, x)


def multivariate_normal(
    mean: array,
    cov: array,
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Normally distributed vectors with a mean (differentiable) and a covariance matrix.

    Shape: ``(*shape, D)`` for a mean ``(..., D)`` and a covariance ``(..., D, D)``.
    """
    if _is_noted(key):
        options = {"shape": shape, "dtype": dtype, "stream": stream}
        return draws[-1]([mean * 0, cov], mx.random.multivariate_normal, options) + mean
    if not _is_watched(mean, cov, key):
        x = mx.random.multivariate_normal(
            unwrap(mean), unwrap(cov), shape, dtype, unwrap(key), stream
        )
        return wrap(x)
    key = _next_key() if key is None else key
    return normal_vectors(mean, cov, key, shape=shape, dtype=dtype, stream=stream)


@behind("multivariate_normal")
def normal_vectors(
    mean: mx.array, cov: mx.array, key: mx.array, /, *, shape: Shape, dtype: Any
) -> mx.array:
    """See :func:`multivariate_normal`."""
    return mx.random.multivariate_normal(mean, cov, shape, dtype, key)


@normal_vectors.defvjp
def normal_vectors_vjp(
    g: array, y: array, mean: array, cov: array, key: array, **_: Any
) -> tuple[array | None, None, None]:
    """The mean is added to every vector. Through the covariance there is no gradient."""
    return unbroadcast(g, mean), None, None


def truncated_normal(
    lower: Any,
    upper: Any,
    shape: Shape | None = None,
    dtype: Dtype | None = mx.float32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Standard normal numbers, under the condition that they lie from ``lower`` to ``upper``.

    Shape: ``shape``, or that to which the parameters broadcast.
    """
    if not _is_watched(lower, upper, key) and not _is_noted(key):
        lower, upper = unwrap(lower), unwrap(upper)
        return wrap(mx.random.truncated_normal(lower, upper, shape, dtype, unwrap(key), stream))
    standard = wrap(mx.zeros((), mx.float32 if dtype is None else dtype))
    low, high = _like(lower, standard), _like(upper, standard)
    if shape is None:
        shape = mx.broadcast_shapes(low.shape, high.shape)
    a, b = erf(low / math.sqrt(2)), erf(high / math.sqrt(2))
    x = erfinv(uniform(a, b, shape, dtype, key, stream)) * math.sqrt(2)
    return maximum(minimum(x, high), low)


def laplace(
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    loc: float = 0.0,
    scale: float = 1.0,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Laplace distributed numbers with mean ``loc`` and scale ``scale``.

    Shape: ``shape``, or that to which the parameters broadcast.
    """
    standard = _standard(mx.random.laplace, key, stream, shape=shape, dtype=dtype)
    return standard * _like(scale, standard) + _like(loc, standard)


def gumbel(
    shape: Shape = (),
    dtype: Dtype | None = mx.float32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Standard Gumbel distributed numbers.

    Shape: ``shape``.
    """
    return _standard(mx.random.gumbel, key, stream, shape=shape, dtype=dtype)


def randint(
    low: Any,
    high: Any,
    shape: Shape = (),
    dtype: Dtype | None = mx.int32,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Integers from ``low`` to ``high``, without ``high``.

    Shape: ``shape``, or that to which the parameters broadcast.
    """
    return _drawn(mx.random.randint, low, high, key, stream, shape=shape, dtype=dtype)


def bernoulli(
    p: Any = 0.5, shape: Shape | None = None, key: array | None = None, stream: Stream = None
) -> array:
    """``True`` with probability ``p``; a constant to every gradient.

    Shape: ``shape``, or that to which the parameters broadcast.
    """
    return _drawn(mx.random.bernoulli, p, key, stream, shape=shape)


def categorical(
    logits: array,
    axis: int = -1,
    shape: Shape | None = None,
    num_samples: int | None = None,
    key: array | None = None,
    stream: Stream = None,
) -> array:
    """Indices along ``axis`` with the probabilities ``softmax(logits)``; constants to gradients.

    Shape: that of ``logits`` without ``axis``, or ``shape``; ``num_samples`` is a new last axis.
    """
    options = {"axis": axis, "shape": shape, "num_samples": num_samples}
    return _drawn(mx.random.categorical, logits, key, stream, **options)


def permutation(
    x: int | array, axis: int = 0, key: array | None = None, stream: Stream = None
) -> array:
    """The integers below ``x``, or the slices of ``x`` along ``axis``, in random order.

    Shape: ``(x,)`` for a number, that of ``x`` for an array.
    """
    if _is_noted(key) and not isinstance(x, array):
        return draws[-1]([], mx.random.permutation, {"x": x, "stream": stream})
    if isinstance(x, array) and (_is_watched(x, key) or _is_noted(key)):
        order = permutation(x.shape[axis], 0, key, stream)
        return getitem(x, (slice(None),) * (axis % x.ndim) + (order,))
    if _is_watched(key):
        return drawn(key, sampler=mx.random.permutation, options={"x": x}, stream=stream)
    return wrap(mx.random.permutation(unwrap(x), axis, unwrap(key), stream))
