"""The memory of arrays by address, and calls of compiled functions on it. Given."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_char = ctypes.c_char
_addressof = ctypes.addressof


def address(view: memoryview) -> int:
    """Where the first element of an array of MLX lies, from ``memoryview(x)`` of an evaluated one.

    It holds as long as the array lives.
    """
    if view.c_contiguous:
        return _addressof(_char.from_buffer(view))
    buffer = _Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(buffer), STRIDED)
    where = int(buffer.buf)
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))
    return where


STRIDED = 0x0018  # PyBUF_STRIDES


class _Buffer(ctypes.Structure):
    """Python's ``Py_buffer``."""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


@functools.cache
def keep_memory() -> bool:
    """Tell the C library not to give large blocks back to the system.

    MLX on Linux' CPU asks for fresh memory for each array. A block of 40 MB then comes from the
    system page by page, each cleared at its first touch, which takes about ten times as long as an
    addition of its numbers. Kept blocks are used again, by MLX as well.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL(None)
        largest, trim = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
        return bool(libc.mallopt(largest, 1 << 30) and libc.mallopt(trim, 2**31 - 1))
    except (OSError, AttributeError):
        return False


@functools.cache
def threads() -> int:
    """How many threads a kernel may use: ``OMP_NUM_THREADS``, or as many as there are cores."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_pools: dict[int, ThreadPoolExecutor] = {}


def _pool() -> ThreadPoolExecutor:
    me = os.getpid()  # a forked child has none of its parent's threads
    if me not in _pools:
        _pools.clear()
        _pools[me] = ThreadPoolExecutor(max(threads() - 1, 1), thread_name_prefix="kernel")
    return _pools[me]


def in_parts(function: Any, pointers: Any, count: int, parts: int) -> None:
    """Call ``function(pointers, start, stop)`` for ``parts`` parts of ``count``, side by side.

    While a C function runs, Python's lock is open: threads of Python are enough.
    """
    if parts < 2:
        function(pointers, 0, count)
        return
    # Whole lines of the cache for each thread: two that write to one line wait for each other.
    bounds = [count * i // parts // 16 * 16 for i in range(parts)] + [count]
    if count < 16 * parts:
        bounds = [count * i // parts for i in range(parts)] + [count]
    others = [_pool().submit(function, pointers, a, b) for a, b in zip(bounds[1:-1], bounds[2:])]
    function(pointers, bounds[0], bounds[1])
    for other in others:
        other.result()


def function_of(library: ctypes.CDLL, name: str) -> Callable[..., None]:
    """A function of a library that takes a table of pointers and two bounds."""
    found = library[name]
    found.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_long]
    found.restype = None
    return found  # type: ignore[return-value]


def table(addresses: Sequence[int]) -> Any:
    """A table of pointers."""
    return (ctypes.c_void_p * len(addresses))(*addresses)
