"""``tinymlx.core`` is ``mlx.core`` under another name: the same names, results, errors.

Each program below is a function of a module and runs twice: with ``mlx.core`` and with
``tinymlx.core``. Both must return the same, to the last bit, or raise the same kind of error.
"""

from __future__ import annotations

import copy
import functools
import operator
import pickle
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlx.core
import numpy as np
import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

PRIVATE = {"_RandomState"}
# Python 2's division; unpickling, which goes through __reduce__ here; the buffer protocol, which
# Python shows from 3.12 on, and through which bare functions would read a watched array; and what
# every object has from 3.11 on.
UNUSED = {"__div__", "__rdiv__", "__setstate__"}
UNUSED |= {"__buffer__", "__release_buffer__", "__getstate__"}

Program = Callable[[Any], Any]


@pytest.fixture(scope="module")
def core(project: Project, registry: Registry) -> Iterator[types.ModuleType]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core

        yield core


# Names


@pytest.mark.parametrize("part", ["", "linalg", "fft", "random", "fast", "distributed", "metal"])
def test_every_name_is_there(core: types.ModuleType, part: str) -> None:
    theirs = getattr(mlx.core, part) if part else mlx.core
    ours = getattr(core, part) if part else core
    missing = {name for name in dir(theirs) if not hasattr(ours, name)} - PRIVATE
    assert not missing


@pytest.mark.parametrize("part", ["", "fast"])
def test_what_mlx_does_not_have_is_missing(core: types.ModuleType, part: str) -> None:
    module = getattr(core, part) if part else core
    with pytest.raises(AttributeError, match="has no attribute 'nothing_like_it'"):
        module.nothing_like_it  # noqa: B018


def test_arrays_have_all_attributes(core: types.ModuleType) -> None:
    assert set(dir(mlx.core.array)) - set(dir(core.array)) <= UNUSED


def test_arrays_go_to_other_libraries_unless_they_are_watched(core: types.ModuleType) -> None:
    x = core.array([1.0, 2.0])
    for taken in (mlx.core.array(x), mlx.core.asarray(x), np.from_dlpack(x), np.array(x)):
        assert taken.tolist() == [1, 2]
    wrong = core.grad(lambda x: core.array(mlx.core.array(x)).sum())
    with pytest.warns(UserWarning, match="Use tinymlx.core.array"), pytest.raises(RuntimeError):
        wrong(x)
    with pytest.warns(UserWarning), pytest.raises(BufferError, match="a transform is watching"):
        core.grad(lambda x: core.array(np.from_dlpack(x)).sum())(x)


def test_reading_an_attribute_of_an_array_takes_the_short_way(core: types.ModuleType) -> None:
    # With a __getattr__ in the class each x._value takes four times as long, in every operation.
    assert not hasattr(core.array, "__getattr__")
    assert core.array.__getattribute__ is object.__getattribute__


def test_constants_and_types_are_the_same_objects(core: types.ModuleType) -> None:
    for name in ("float32", "bfloat16", "int8", "bool_", "Dtype", "inexact", "cpu", "gpu", "inf"):
        assert getattr(core, name) is getattr(mlx.core, name), name
    assert (core.pi, core.e, core.newaxis) == (mlx.core.pi, mlx.core.e, mlx.core.newaxis)


# Programs


def count(mx: Any, *shape: int) -> Any:
    return mx.arange(int(np.prod(shape))).reshape(shape)


def halves(mx: Any, *shape: int) -> Any:
    return count(mx, *shape).astype(mx.float32) / 2 - 1.25


def assign(mx: Any, x: Any, index: Any, value: Any) -> Any:
    x[index] = value
    return x


def update(operation: Callable[[Any, Any], Any], x: Any, value: Any) -> Any:
    """An in-place operator, seen through a second name of the same array."""
    other = x
    x = operation(x, value)
    return [x, other, x is other]


CREATION: dict[str, Program] = {
    "a number": lambda mx: mx.array(3),
    "a float": lambda mx: mx.array(3.5),
    "a boolean": lambda mx: mx.array(True),
    "a complex number": lambda mx: mx.array(1 + 2j),
    "a list": lambda mx: mx.array([1, 2, 3]),
    "a nested list": lambda mx: mx.array([[1, 2.5], [3, 4]]),
    "mixed numbers": lambda mx: mx.array([True, 2, 3.5]),
    "a list of arrays": lambda mx: mx.array([mx.array([1, 2]), mx.array([3, 4])]),
    "arrays among numbers": lambda mx: mx.array([mx.array(1.0), 2]),
    "nothing": lambda mx: [mx.array([]), mx.zeros((0, 3)), mx.array([[], []])],
    "numpy": lambda mx: mx.array(np.arange(4, dtype=np.float64)),
    "numpy half": lambda mx: mx.array(np.arange(4, dtype=np.float16)),
    "a dtype": lambda mx: [mx.array([1, 2], mx.float16), mx.array([1.7], dtype=mx.int8)],
    "a copy": lambda mx: mx.array(mx.array([1, 2])),
    "zeros and ones": lambda mx: [mx.zeros((2, 3)), mx.ones(3, mx.int32), mx.zeros([2])],
    "like": lambda mx: [mx.zeros_like(mx.array([1, 2])), mx.ones_like(mx.array([1.5]))],
    "full": lambda mx: [mx.full((2, 2), 7), mx.full(3, mx.array([1.0, 2, 3])), mx.full(2, 1.5)],
    "ranges": lambda mx: [mx.arange(4), mx.arange(1, 9, 3), mx.arange(0, 1, 0.25)],
    "more ranges": lambda mx: [mx.linspace(0, 1, 5), mx.arange(3, dtype=mx.float16)],
    "eye": lambda mx: [mx.eye(3), mx.identity(2), mx.tri(3, 2, 1), mx.eye(2, 3, k=1)],
    "windows": lambda mx: [mx.hanning(5), mx.hamming(4), mx.blackman(4), mx.bartlett(5)],
    "asarray": lambda mx: [mx.asarray([1, 2]), mx.asarray(np.ones(2, np.float32))],
    "unique": lambda mx: mx.meshgrid(mx.arange(3), mx.arange(2), indexing="ij"),
}

OPERATORS: dict[str, Program] = {}
for symbol in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    action = getattr(operator, symbol)
    for name, make in {
        "floats": lambda mx: mx.array([1.5, 2.0, 4.0]),
        "halves": lambda mx: mx.array([1.5, 2.0, 4.0], mx.float16),
        "integers": lambda mx: mx.array([1, 2, 4]),
        "bytes": lambda mx: mx.array([1, 2, 4], mx.uint8),
        "booleans": lambda mx: mx.array([True, False]),
    }.items():
        if name == "booleans" and symbol in ("pow", "mod", "floordiv"):
            continue  # division by False differs from run to run

        def binary(mx: Any, action: Any = action, make: Any = make) -> Any:
            x = make(mx)
            return [action(x, 2), action(2, x), action(x, 0.5), action(x, x), action(3.0, x)]

        OPERATORS[f"{symbol} {name}"] = binary
OPERATORS |= {
    "comparisons": lambda mx: [
        mx.array([1, 2]) < 2,
        2 >= mx.array([1, 2]),  # noqa: SIM300
        mx.array([1, 2]) == mx.array([1, 3]),
        mx.array([1, 2]) != 1,
        mx.array([1.0]) == "text",
    ],
    "bits": lambda mx: [
        ~mx.array([True, False]),
        mx.array([5, 6]) & 3,
        mx.array([5, 6]) | 3,
        mx.array([1, 2]) ^ mx.array([3, 3]),
        mx.array([1, 2]) << 2,
        mx.array([8, 9]) >> 1,
        ~mx.array([1, 2]),
    ],
    "unary": lambda mx: [-mx.array([1, -2]), +mx.array([1.0]), abs(mx.array([-1.5]))],
    "matmul": lambda mx: [halves(mx, 2, 3) @ halves(mx, 3, 2), halves(mx, 3) @ halves(mx, 3)],
    "numpy on the left": lambda mx: mx.array([1.0, 2]) + np.array([1.0, 2], np.float32),
    "promotion": lambda mx: [
        mx.array([1], mx.int8) + mx.array([1], mx.uint8),
        mx.array([1.0], mx.float16) + mx.array([1.0], mx.bfloat16),
        mx.array([1], mx.int64) * mx.array([1.0], mx.float16),
        mx.array([True]) + mx.array([True]),
        mx.array([1.0], mx.float16) * 2.5,
        mx.result_type(mx.array(1), mx.float16),
    ],
    "divmod": lambda mx: mx.divmod(mx.array([7, -7]), mx.array([3, 3])),
}

IN_PLACE: dict[str, Program] = {
    name: functools.partial(
        lambda mx, action, value: update(action, mx.array([8.0, 2.0]), value),
        action=action,
        value=3,
    )
    for name, action in {
        "+=": operator.iadd,
        "-=": operator.isub,
        "*=": operator.imul,
        "/=": operator.itruediv,
        "//=": operator.ifloordiv,
        "**=": operator.ipow,
        "%=": operator.imod,
    }.items()
}
IN_PLACE |= {
    "&=": lambda mx: update(operator.iand, mx.array([6, 3]), 2),
    "|=": lambda mx: update(operator.ior, mx.array([6, 3]), 8),
    "^=": lambda mx: update(operator.ixor, mx.array([6, 3]), 1),
    "<<=": lambda mx: update(operator.ilshift, mx.array([6, 3]), 1),
    ">>=": lambda mx: update(operator.irshift, mx.array([6, 3]), 1),
    "@=": lambda mx: update(operator.imatmul, halves(mx, 2, 2), halves(mx, 2, 2)),
    "dtype changes": lambda mx: update(operator.iadd, mx.array([1, 2]), 0.5),
    "a slice": lambda mx: update(lambda x, v: assign(mx, x, slice(1, 3), v), count(mx, 4), 9),
    "a copy is another": lambda mx: [
        (x := mx.array([1, 2])),
        (y := mx.array(x)),
        operator.iadd(y, 1),
        x,
    ],
    "at": lambda mx: [
        mx.zeros(3).at[mx.array([0, 0, 2])].add(1),
        mx.ones(3).at[1].subtract(5),
        count(mx, 4).at[1:3].multiply(7),
        halves(mx, 4).at[mx.array([1, 2])].maximum(0),
        halves(mx, 4).at[...].minimum(0),
        halves(mx, 4).at[0].divide(2),
    ],
}

INDEX = {
    "an integer": 1,
    "a negative one": -1,
    "a slice": slice(1, None),
    "a step": slice(None, None, 2),
    "backwards": slice(None, None, -1),
    "backwards from": slice(3, 0, -2),
    "nothing of it": slice(2, 2),
    "beyond": slice(1, 99),
    "an ellipsis": (..., 0),
    "a new axis": (None, slice(None), None, 1),
    "None": None,
    "all": slice(None),
    "integers": (1, 2),
    "a numpy integer": np.int64(1),
    "mixed": (slice(None), 1, ..., slice(0, 2)),
    "empty": (),
}
READING: dict[str, Program] = {
    name: functools.partial(lambda mx, index: count(mx, 4, 3, 2)[index], index=index)
    for name, index in INDEX.items()
}
READING |= {
    "an array": lambda mx: count(mx, 4, 3)[mx.array([0, 2, -1])],
    "a list": lambda mx: count(mx, 4, 3)[[2, 2]],
    "two arrays": lambda mx: count(mx, 4, 3)[mx.array([0, 2]), mx.array([1, 1])],
    "arrays that broadcast": lambda mx: count(mx, 4, 3)[mx.array([[0], [2]]), mx.array([1, 0])],
    "array and slice": lambda mx: count(mx, 4, 3)[1:, mx.array([2, 0])],
    "array, None and slice": lambda mx: count(mx, 4, 3)[mx.array([1, 1]), None, :2],
    "apart": lambda mx: count(mx, 2, 3, 4)[mx.array([0, 1]), :, mx.array([3, 0])],
    "unsigned": lambda mx: count(mx, 4)[mx.array([3], mx.uint8)],
    "a number of an array": lambda mx: count(mx, 4, 3)[mx.array(2)],
    "take": lambda mx: [
        mx.take(count(mx, 4, 3), mx.array([1, 1]), axis=1),
        mx.take(count(mx, 4, 3), 5),
        mx.take_along_axis(count(mx, 2, 3), mx.array([[2], [0]]), axis=1),
        mx.put_along_axis(count(mx, 2, 3), mx.array([[2], [0]]), mx.array(9), axis=1),
    ],
    "iteration": lambda mx: [list(count(mx, 2, 3)), len(count(mx, 2, 3)), *count(mx, 2)],
    "unpacking": lambda mx: [[a, b] for a, b in count(mx, 2, 2)],
}
WRITING: dict[str, Program] = {
    name: functools.partial(
        lambda mx, index: assign(mx, count(mx, 4, 3, 2), index, 77), index=index
    )
    for name, index in INDEX.items()
}
WRITING |= {
    "an array": lambda mx: assign(mx, count(mx, 4, 3), mx.array([0, 2]), mx.array([[7], [8]])),
    "floats into integers": lambda mx: assign(mx, count(mx, 3), 1, mx.array(2.7)),
    "a mask": lambda mx: assign(mx, halves(mx, 4), halves(mx, 4) < 0, 0),
    "a mask of rows": lambda mx: assign(
        mx, halves(mx, 2, 3), mx.array([True, False]), mx.array([7.0, 8, 9])
    ),
    "more axes": lambda mx: assign(mx, count(mx, 4, 3), slice(0, 2), mx.ones((1, 1, 2, 3))),
    "numpy": lambda mx: assign(mx, halves(mx, 3), slice(1, 3), np.array([5.0, 6.0])),
    "an array and a slice": lambda mx: assign(
        mx, count(mx, 4, 3), (slice(1, 3), mx.array([2, 0])), 5
    ),
}

LEAVING: dict[str, Program] = {
    "item": lambda mx: [mx.array(3).item(), mx.array([2.5]).item(), mx.array(True).item()],
    "tolist": lambda mx: [count(mx, 2, 2).tolist(), mx.array(1.5).tolist()],
    "numbers": lambda mx: [float(mx.array(2)), int(mx.array([3.7])), complex(mx.array(1 + 2j))],
    "truth": lambda mx: [bool(mx.array(0)), bool(mx.array([2.0])), not mx.array(False)],
    "print": lambda mx: [str(halves(mx, 2, 3)), repr(mx.array(True)), f"{mx.array(1.5)}"],
    "long print": lambda mx: str(count(mx, 200, 200)),
    "numpy": lambda mx: [np.array(halves(mx, 2, 3)), np.asarray(mx.array([1, 2], mx.int8))],
    "numpy functions": lambda mx: [np.exp(mx.array([0.0])), np.add(mx.array([1.0]), 2)],
    "dlpack": lambda mx: np.from_dlpack(halves(mx, 3)),
    "what it is": lambda mx: [
        halves(mx, 2, 3).shape,
        halves(mx, 2, 3).size,
        halves(mx, 2, 3).ndim,
        halves(mx, 2, 3).nbytes,
        halves(mx, 2, 3).itemsize,
        halves(mx, 2, 3).dtype,
    ],
    "pickle": lambda mx: pickle.loads(pickle.dumps(halves(mx, 2, 3).astype(mx.bfloat16))),
    "copies": lambda mx: [copy.copy(halves(mx, 2)), copy.deepcopy([halves(mx, 2)])],
    "hashes": lambda mx: [hash(x := halves(mx, 2)) == hash(x), len({halves(mx, 2): 1})],
    "index": lambda mx: [list(range(mx.array(3).item())), [7, 8, 9][mx.array(1).item()]],
    "views": lambda mx: [halves(mx, 2).view(mx.int32), mx.view(mx.array([1.0]), mx.uint8)],
}

FUNCTIONS: dict[str, Program] = {
    "reductions": lambda mx: [
        getattr(mx, name)(halves(mx, 2, 3), **options)
        for name in "sum mean max min prod all any logsumexp var std argmax argmin median".split()
        for options in ({}, {"axis": 1}, {"axis": -2, "keepdims": True})
    ],
    "methods": lambda mx: [
        getattr(halves(mx, 2, 3), name)(**options)
        for name in "sum mean max min prod all any logsumexp var std argmax argmin".split()
        for options in ({}, {"axis": 1}, {"axis": 0, "keepdims": True})
    ],
    "elements": lambda mx: [
        getattr(mx, name)(halves(mx, 5))
        for name in (
            "exp sin cos tan tanh sinh cosh arctan arcsinh erf sigmoid square sign floor ceil round"
            " abs negative isnan isinf isfinite logical_not degrees radians expm1 stop_gradient"
        ).split()
    ],
    "more elements": lambda mx: [
        getattr(mx, name)(halves(mx, 5) + 2)
        for name in "log log2 log10 log1p sqrt rsqrt reciprocal trunc".split()
    ],
    "two arguments": lambda mx: [
        getattr(mx, name)(halves(mx, 4), mx.array([1.0, -1, 2, 0.5]))
        for name in (
            "add subtract multiply divide power maximum minimum logaddexp arctan2 remainder equal"
            " greater less_equal logical_and logical_or not_equal isclose allclose array_equal"
        ).split()
    ],
    "choices": lambda mx: [
        mx.where(halves(mx, 4) > 0, 1, 0),
        mx.where(mx.array([True, False]), mx.array([1, 2]), 0.5),
        mx.clip(halves(mx, 4), -1, None),
        mx.clip(count(mx, 5), 1, mx.array(3)),
        mx.nan_to_num(mx.array([1.0, float("nan"), float("inf")])),
    ],
    "scans": lambda mx: [
        getattr(mx, name)(halves(mx, 2, 3), axis=1, reverse=reverse, inclusive=inclusive)
        for name in "cumsum cumprod cummax cummin".split()
        for reverse in (False, True)
        for inclusive in (False, True)
    ],
    "sorting": lambda mx: [
        mx.sort(mx.array([3, 1, 2])),
        mx.argsort(mx.array([[3.0, 1], [0, 2]]), axis=0),
        mx.sort(mx.topk(mx.array([3, 1, 2]), 2)),
        mx.partition(mx.array([3, 1, 2]), 1)[1],
        mx.searchsorted(mx.array([1.0, 2, 3]), mx.array([1.5, 3])),
    ],
    "shapes": lambda mx: [
        mx.transpose(count(mx, 2, 3, 4), (1, 2, 0)),
        count(mx, 2, 3).T,
        count(mx, 2, 3).reshape(3, -1),
        count(mx, 2, 3).reshape((6,)),
        mx.flatten(count(mx, 2, 3, 4), 1),
        mx.unflatten(count(mx, 6), 0, (2, 3)),
        mx.squeeze(count(mx, 1, 3, 1)),
        mx.expand_dims(count(mx, 3), [0, 2]),
        mx.broadcast_to(count(mx, 3), (2, 3)),
        mx.broadcast_arrays(count(mx, 3), count(mx, 2, 1)),
        mx.swapaxes(count(mx, 2, 3), 0, 1),
        mx.moveaxis(count(mx, 2, 3, 4), 0, -1),
        mx.atleast_2d(mx.array(1)),
        mx.broadcast_shapes((3, 1), (4,)),
    ],
    "joining": lambda mx: [
        mx.concatenate([count(mx, 2, 2), count(mx, 1, 2)]),
        mx.stack([count(mx, 2), count(mx, 2)], axis=1),
        mx.split(count(mx, 6), 3),
        mx.split(count(mx, 2, 6), [1, 4], axis=-1),
        mx.unstack(count(mx, 2, 3)),
        mx.tile(count(mx, 2), 3),
        mx.repeat(count(mx, 2, 2), 2, axis=1),
        mx.pad(count(mx, 2), 1, constant_values=5),
        mx.pad(halves(mx, 2, 3), [(0, 0), (2, 1)], mode="edge"),
        mx.flip(count(mx, 2, 3), -1),
        mx.roll(count(mx, 5), 2),
        mx.diag(count(mx, 3)),
        mx.diagonal(count(mx, 2, 3)),
        mx.trace(count(mx, 3, 3)),
        mx.tril(count(mx, 3, 3)),
        mx.as_strided(count(mx, 6), (2, 3), (1, 2), 0),
    ],
    "products": lambda mx: [
        mx.matmul(halves(mx, 2, 3, 4), halves(mx, 4, 2)),
        mx.addmm(halves(mx, 2), halves(mx, 2, 3), halves(mx, 3, 2), alpha=2.0, beta=0.5),
        mx.outer(halves(mx, 2), halves(mx, 3)),
        mx.inner(halves(mx, 2, 3), halves(mx, 2, 3)),
        mx.tensordot(halves(mx, 2, 3), halves(mx, 3, 2), axes=1),
        mx.einsum("ij,kj->ik", halves(mx, 2, 4), halves(mx, 3, 4)),
        mx.kron(halves(mx, 2), halves(mx, 3)),
    ],
    "dtypes": lambda mx: [
        halves(mx, 3).astype(dtype)
        for dtype in (mx.int32, mx.uint8, mx.float16, mx.bfloat16, mx.bool_, mx.complex64)
    ],
    "integers": lambda mx: [
        mx.sum(mx.array([1, 2], mx.int8)),
        mx.mean(mx.array([1, 2])),
        mx.exp(mx.array([1])),
        mx.sum(mx.array([True, True])),
        mx.square(mx.array([3], mx.uint8)),
        mx.softmax(halves(mx, 2, 3).astype(mx.bfloat16), axis=-1),
    ],
    "linalg": lambda mx: [
        mx.linalg.norm(halves(mx, 2, 3)),
        mx.linalg.norm(halves(mx, 2, 3), axis=1),
        mx.linalg.inv(mx.array([[2.0, 1], [1, 3]]), stream=mx.cpu),
        mx.linalg.qr(mx.array([[2.0, 1], [1, 3]]), stream=mx.cpu),
        mx.linalg.cholesky(mx.array([[2.0, 1], [1, 3]]), stream=mx.cpu),
        mx.linalg.svd(mx.array([[2.0, 1], [1, 3]]), stream=mx.cpu),
        mx.linalg.solve(mx.array([[2.0, 1], [1, 3]]), mx.array([1.0, 2]), stream=mx.cpu),
    ],
    "fft": lambda mx: [
        mx.fft.fft(halves(mx, 5)),
        mx.fft.irfft(mx.fft.rfft(halves(mx, 6))),
        mx.fft.fft2(halves(mx, 2, 3)),
        mx.fft.fftshift(mx.fft.fftfreq(5)),
    ],
    "streams": lambda mx: [
        mx.add(halves(mx, 2), 1, stream=mx.cpu),
        mx.sum(halves(mx, 2), stream=mx.cpu),
        halves(mx, 2).sum(stream=mx.cpu),
    ],
    "quantized": lambda mx: [
        *(q := mx.quantize(halves(mx, 2, 64))),
        mx.dequantize(*q),
        mx.quantized_matmul(halves(mx, 1, 64), *q),
    ],
    "logic": lambda mx: [
        mx.all(mx.array([True, False])),
        mx.array_equal(count(mx, 2), count(mx, 2)),
        mx.count_nonzero(count(mx, 3)),
        mx.issubdtype(mx.int8, mx.integer),
        mx.can_cast(mx.int8, mx.float32),
    ],
    "zero elements": lambda mx: [
        mx.zeros((0, 3)) + 1,
        mx.concatenate([mx.zeros((0, 2)), mx.ones((1, 2))]),
        mx.zeros((2, 0)) @ mx.zeros((0, 3)),
        mx.zeros((0, 3)).T,
    ],
}

RANDOM: dict[str, Program] = {
    "with the global state": lambda mx: [
        mx.random.seed(7),
        mx.random.uniform(shape=(3,)),
        mx.random.normal((2, 2), loc=1.0, scale=3.0),
        mx.random.randint(0, 10, (4,)),
        mx.random.bernoulli(0.3, (5,)),
        mx.random.permutation(6),
        mx.random.permutation(count(mx, 3, 2)),
        mx.random.gumbel((2,)),
        mx.random.laplace((2,)),
        mx.random.truncated_normal(-1, 1, (3,)),
        mx.random.categorical(mx.zeros((2, 4))),
        mx.random.uniform(mx.array([0.0, 10]), mx.array([1.0, 20]), (2,)),
    ],
    "with keys": lambda mx: [
        (key := mx.random.key(3)),
        mx.random.split(key, 3),
        mx.random.normal((2,), key=key),
        mx.random.uniform(shape=(2,), dtype=mx.float16, key=key),
        mx.random.multivariate_normal(mx.zeros(2), mx.eye(2), key=key, stream=mx.cpu),
    ],
}


def linear(mx: Any, p: Any, x: Any) -> Any:
    return ((x @ p["w"] + p["b"]) ** 2).mean()


def compiled_with_one_array_at_two_places(mx: Any) -> list[Any]:
    """The weight and its average begin as one array, and become different."""
    w = mx.array([1.0, 2.0])
    state = {"w": w, "average": w}

    def step(x: Any) -> Any:
        state["w"] = state["w"] * x
        state["average"] = 0.5 * state["average"] + 0.5 * state["w"]
        return state["w"] + 0

    compiled = mx.compile(step, inputs=[state], outputs=[state])
    return [compiled(mx.array(2.0)), compiled(mx.array(3.0)), state["w"], state["average"]]


def compiled_with_state(mx: Any) -> list[Any]:
    """A counter and random numbers that a compiled function reads and changes."""
    mx.random.seed(5)
    state = {"count": mx.array(0), "w": mx.array([1.0, 2.0])}

    @functools.partial(
        mx.compile, inputs=[state, mx.random.state], outputs=[state, mx.random.state]
    )
    def step(x: Any) -> Any:
        state["count"] = state["count"] + 1
        state["w"] = state["w"] - 0.5 * x
        return state["w"] * x + mx.random.uniform(shape=(2,))

    results = [step(mx.array([1.0, 3.0])) for _ in range(3)]
    return [*results, state["count"], state["w"]]


TRANSFORMS: dict[str, Program] = {
    "grad": lambda mx: mx.grad(lambda x: (x**3).sum())(mx.array([1.0, 2.0])),
    "argnums": lambda mx: [
        mx.grad(lambda x, y: x * y * y, argnums=n)(mx.array(3.0), mx.array(4.0))
        for n in (0, 1, [0, 1], (1, 0), [1])
    ],
    "argnames": lambda mx: [
        mx.grad(lambda x, y: x * y * y, argnames="y")(mx.array(3.0), y=mx.array(4.0)),
        mx.value_and_grad(lambda x, y: x * y * y, argnums=0, argnames=["y"])(
            mx.array(3.0), y=mx.array(4.0)
        ),
    ],
    "trees": lambda mx: mx.value_and_grad(functools.partial(linear, mx))(
        {"w": halves(mx, 3, 2), "b": mx.zeros(2)}, halves(mx, 4, 3)
    ),
    "more than the loss": lambda mx: mx.value_and_grad(lambda x: (x.sum(), x * 2, "text"))(
        mx.array([1.0, 2.0])
    ),
    "vjp": lambda mx: mx.vjp(
        lambda x, y: [x * y, x + y],
        [mx.array([1.0, 2]), mx.array([3.0, 4])],
        [mx.ones(2), mx.array([2.0, 0])],
    ),
    "second derivatives": lambda mx: mx.grad(mx.grad(lambda x: x**4))(mx.array(2.0)),
    "stop_gradient": lambda mx: mx.grad(lambda x: (mx.stop_gradient(x) * x).sum())(
        mx.array([1.0, 2.0])
    ),
    "by integers": lambda mx: [
        mx.grad(lambda x: (x * 1.5).sum())(mx.array([1, 2])),
        mx.grad(lambda x: (x * x).sum())(mx.array([1, 2])),
        mx.vjp(lambda x: x * 2.5, [mx.array([3])], [mx.array([1.0])]),
    ],
    "through integers": lambda mx: mx.grad(lambda x: (x.astype(mx.int32) * x).sum())(
        mx.array([1.5, 2.5])
    ),
    "reading inside": lambda mx: mx.grad(lambda x: x * float(x.item()))(mx.array(3.0)),
    "control flow": lambda mx: mx.grad(lambda x: x * 2 if x > 0 else x * 5)(mx.array(-1.0)),
    "in place": lambda mx: mx.grad(lambda x: assign(mx, x * 2, 0, x[1]).sum())(
        mx.array([1.0, 2.0])
    ),
    "compile": lambda mx: mx.compile(lambda x, y: [mx.exp(x) + y, {"y": y * 2}])(
        halves(mx, 3), mx.array(2.0)
    ),
    "compile a gradient": lambda mx: mx.compile(mx.grad(lambda x: mx.sin(x).sum()))(halves(mx, 3)),
    "compile with state": compiled_with_state,
    "compile with one array at two places": compiled_with_one_array_at_two_places,
    "compile of other shapes": lambda mx: [
        f(count(mx, n)) for f in [mx.compile(lambda x: x * 2, shapeless=True)] for n in (2, 3)
    ],
    "eval": lambda mx: [
        mx.eval(x := [halves(mx, 2), {"a": (halves(mx, 3), None, "text")}], halves(mx, 1)),
        mx.async_eval(x),
        x,
    ],
}

ALL = {
    f"{group}: {name}": program
    for group, programs in {
        "creation": CREATION,
        "operators": OPERATORS,
        "in place": IN_PLACE,
        "reading": READING,
        "writing": WRITING,
        "leaving": LEAVING,
        "functions": FUNCTIONS,
        "random": RANDOM,
        "transforms": TRANSFORMS,
    }.items()
    for name, program in programs.items()
}


def same(ours: Any, theirs: Any, core: types.ModuleType, where: str = "result") -> None:
    """Equal to the last bit, array for array, with arrays of either library in its own type."""
    if isinstance(theirs, mlx.core.array):
        assert type(ours) is core.array, f"{where} is a {type(ours).__name__}"
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), where
        bare = ours.__mlx_array__()
        equal = mlx.core.array_equal(mlx.core.array(bare), theirs, equal_nan=_has_nan(theirs))
        assert bool(equal), f"{where}: {ours} is not {theirs}"
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key in theirs:
            same(ours[key], theirs[key], core, f"{where}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(ours, (list, tuple)) and len(ours) == len(theirs), where
        for i, (mine, wanted) in enumerate(zip(ours, theirs, strict=True)):
            same(mine, wanted, core, f"{where}[{i}]")
    elif isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs, equal_nan=True), where
    else:
        assert type(ours) is type(theirs) and ours == theirs, f"{where}: {ours!r}, {theirs!r}"


def _has_nan(x: mlx.core.array) -> bool:
    return mlx.core.issubdtype(x.dtype, mlx.core.floating)


@pytest.mark.parametrize("name", ALL)
def test_the_same_program(core: types.ModuleType, name: str) -> None:
    same(ALL[name](core), ALL[name](mlx.core), core)


# Errors


def ones(mx: Any, *shape: int) -> Any:
    return mx.ones(shape)


ERRORS: dict[str, Program] = {
    "shapes that do not broadcast": lambda mx: ones(mx, 3) + ones(mx, 4),
    "matmul": lambda mx: ones(mx, 2, 3) @ ones(mx, 2, 3),
    "matmul of a number": lambda mx: mx.matmul(mx.array(1.0), ones(mx, 2)),
    "reshape": lambda mx: ones(mx, 3).reshape(2, 2),
    "transpose": lambda mx: mx.transpose(ones(mx, 2, 3), (0, 0)),
    "broadcast_to": lambda mx: mx.broadcast_to(ones(mx, 3), (2, 2)),
    "concatenate": lambda mx: mx.concatenate([ones(mx, 2, 2), ones(mx, 3)]),
    "concatenate nothing": lambda mx: mx.concatenate([]),
    "stack": lambda mx: mx.stack([ones(mx, 2), ones(mx, 3)]),
    "split": lambda mx: mx.split(ones(mx, 5), 2),
    "squeeze": lambda mx: mx.squeeze(ones(mx, 2), 0),
    "an axis too many": lambda mx: mx.sum(ones(mx, 2), axis=3),
    "expand_dims": lambda mx: mx.expand_dims(ones(mx, 2), [0, 0]),
    "an index of text": lambda mx: ones(mx, 3)["a"],
    "a floating index": lambda mx: ones(mx, 3)[1.5],
    "too many indices": lambda mx: ones(mx, 3)[0, 0],
    "writing the wrong shape": lambda mx: assign(mx, ones(mx, 3), slice(0, 2), ones(mx, 3)),
    "iterating a number": lambda mx: list(mx.array(1.0)),
    "the length of a number": lambda mx: len(mx.array(1.0)),
    "item of many": lambda mx: ones(mx, 3).item(),
    "truth of many": lambda mx: bool(ones(mx, 3)),
    "float of many": lambda mx: float(ones(mx, 3)),
    "a ragged list": lambda mx: mx.array([[1, 2], [3]]),
    "a list of text": lambda mx: mx.array(["a"]),
    "adding text": lambda mx: ones(mx, 3) + "a",
    "comparing with text": lambda mx: ones(mx, 3) < "a",
    "bits of floats": lambda mx: mx.bitwise_and(ones(mx, 3), ones(mx, 3)),
    "an unknown option": lambda mx: mx.exp(ones(mx, 3), nothing=1),
    "too few arguments": lambda mx: mx.add(ones(mx, 3)),
    "softmax over nothing": lambda mx: mx.softmax(ones(mx, 3), axis=2),
    "einsum": lambda mx: mx.einsum("ij,jk", ones(mx, 2, 3), ones(mx, 2, 3)),
    "einsum operands": lambda mx: mx.einsum("ij,jk->ik", ones(mx, 2, 3)),
    "tensordot": lambda mx: mx.tensordot(ones(mx, 2, 3), ones(mx, 2, 3), 1),
    "pad": lambda mx: mx.pad(ones(mx, 2), [(1, 1), (1, 1)]),
    "median of nothing": lambda mx: mx.median(mx.zeros((0,))),
    "clip without bounds": lambda mx: mx.clip(ones(mx, 3), None, None),
    "grad of a vector": lambda mx: mx.grad(mx.exp)(ones(mx, 3)),
    "grad of a number": lambda mx: mx.grad(lambda x: 1.0)(ones(mx, 3)),
    "grad of nothing": lambda mx: mx.grad(lambda x: None)(ones(mx, 3)),
    "grad of a tuple": lambda mx: mx.grad(lambda x: (x.sum(), x))(ones(mx, 3)),
    "argnums too high": lambda mx: mx.grad(lambda x: x.sum(), argnums=2)(ones(mx, 3)),
    "argnums negative": lambda mx: mx.grad(lambda x: x.sum(), argnums=-1)(ones(mx, 3)),
    "argnums twice": lambda mx: mx.grad(lambda x: x.sum(), argnums=[0, 0])(ones(mx, 3)),
    "argnames unknown": lambda mx: mx.grad(lambda x: x.sum(), argnames="y")(ones(mx, 3)),
    "no argument": lambda mx: mx.grad(lambda x: x.sum(), argnums=[])(ones(mx, 3)),
    "vjp cotangents": lambda mx: mx.vjp(mx.exp, [ones(mx, 3)], [ones(mx, 2)]),
    "vjp too few": lambda mx: mx.vjp(lambda x: [x, x], [ones(mx, 3)], [ones(mx, 3)]),
    "an integer argument": lambda mx: mx.grad(lambda p: p[0].sum())([ones(mx, 3), 1]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_same_error(core: types.ModuleType, name: str) -> None:
    with pytest.raises(Exception) as theirs:
        mlx.core.eval(ERRORS[name](mlx.core))
    with pytest.raises(theirs.type):
        core.eval(ERRORS[name](core))


# Files


@pytest.mark.parametrize("kind", ["save", "savez", "save_safetensors", "save_gguf"])
def test_what_one_saves_the_other_loads(core: types.ModuleType, tmp_path: Path, kind: str) -> None:
    def arrays(mx: Any) -> dict[str, Any]:
        return {"a": halves(mx, 2, 3), "b": mx.array([1.5, 2.5], mx.float16)}

    for i, (writer, reader) in enumerate([(core, mlx.core), (mlx.core, core), (core, core)]):
        if kind == "save":
            path = str(tmp_path / f"{i}.npy")
            writer.save(path, arrays(writer)["a"])
            expected: Any = arrays(mlx.core)["a"]
        elif kind == "savez":
            path = str(tmp_path / f"{i}.npz")
            writer.savez(path, **arrays(writer))
            expected = arrays(mlx.core)
        else:
            path = str(tmp_path / f"{i}.{kind.removeprefix('save_')}")
            getattr(writer, kind)(path, arrays(writer))
            expected = arrays(mlx.core)
        loaded = reader.load(path)
        if reader is core:
            same(dict(sorted(loaded.items())) if kind != "save" else loaded, expected, core)
        else:
            found = dict(sorted(loaded.items())) if kind != "save" else {"a": loaded}
            for key, x in found.items():
                assert bool(mlx.core.array_equal(x, arrays(mlx.core)[key]))


# What a gradient must not lose


def test_bare_functions_refuse_watched_arrays(core: types.ModuleType) -> None:
    """``mx.exp`` of an array that a transform watches would drop the gradient silently."""
    for function in (
        lambda x: mlx.core.exp(x),
        lambda x: mlx.core.add(x, 1),
        lambda x: mlx.core.array(2.0) * x,
    ):
        with pytest.raises(TypeError, match=r"tinymlx\.core"):
            core.grad(lambda x, f=function: core.array(f(x)).sum())(core.array(1.0))
    assert mlx.core.exp(core.array(0.0)).item() == 1.0, "unwatched, it is just an array"


def test_functions_without_a_derivative_say_so(core: types.ModuleType) -> None:
    with pytest.raises(ValueError, match="derivative"):
        core.grad(lambda x: core.view(x, core.int32).astype(core.float32).sum())(core.ones(3))
    with pytest.raises(ValueError, match="derivative"):
        core.grad(lambda x: core.quantize(x)[0].sum())(core.ones((2, 64)))


def test_random_numbers_with_watched_parameters(core: types.ModuleType) -> None:
    """Drawn as a function of standard numbers, so that gradients reach mean and scale."""
    key = core.random.key(1)
    standard = np.array(core.random.normal((1000,), key=key))
    loc, scale = core.grad(
        lambda m, s: core.random.normal((1000,), loc=m, scale=s, key=key).sum(), argnums=(0, 1)
    )(core.array(0.5), core.array(2.0))
    assert loc.item() == 1000
    assert abs(scale.item() - standard.sum()) < 1e-2  # a float32 sum of a thousand numbers
    low, high = core.grad(
        lambda a, b: core.random.uniform(a, b, (10,), key=key).sum(), argnums=(0, 1)
    )(core.array(0.0), core.array(1.0))
    assert abs(low.item() + high.item() - 10) < 1e-4
