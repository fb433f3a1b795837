"""Which part of a weight a process has.

A weight is cut along one axis into as many equal parts as there are processes. If it is several
matrices in one (those of queries, keys and values, say), each of these *segments* is cut, and a
process has its part of every one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.distributed import Group
from tinymlx.nn.module import Module
from tinymlx.utils import tree_map_with_path

Segments = int | Sequence[int] | Sequence[float]
Answer = int | tuple[int, Segments] | None
Predicate = Callable[[str, array], Answer]


def shard_inplace(
    module: Module,
    sharding: str | Predicate,
    *,
    segments: Segments = 1,
    group: Group | None = None,
) -> None:
    """Leave in a module only this process's parts of its weights.

    The module itself stays as it is: who calls it must see to it that the processes exchange what
    they need.

    Args:
        module: the module.
        sharding: ``"all-to-sharded"``, ``"sharded-to-all"``, or a function of a parameter's path
            and value. It returns the axis along which to cut, or the axis and segments, or ``None``
            for a parameter that every process has whole.
        segments: how many matrices stand in one; or, as for :func:`tinymlx.core.split`, where they
            end; or at which fractions of the axis.
        group: the processes; all by default.

    Raises:
        ValueError: there is no such sharding, or the function returns something else.
    """
    chosen = sharding if callable(sharding) else predicate(sharding, segments)
    module.update(own_part(module.parameters(), chosen, group or core.distributed.init()))


def predicate(sharding: str, segments: Segments) -> Predicate:
    """How a linear layer is cut: by outputs (``"all-to-sharded"``) or by inputs.

    Raises:
        ValueError: there is no such sharding.
    """

    def by_outputs(path: str, weight: array) -> Answer:
        return (-1 if path.endswith("bias") else max(weight.ndim - 2, 0)), segments

    def by_inputs(path: str, weight: array) -> Answer:
        return None if path.endswith("bias") else (-1, segments)

    check_sharding(sharding)
    return by_outputs if sharding == "all-to-sharded" else by_inputs


def check_sharding(sharding: str) -> None:
    """Refuse what is none of the two.

    Raises:
        ValueError: there is no such sharding.
    """
    if sharding not in ("all-to-sharded", "sharded-to-all"):
        raise ValueError(
            f"Sharding type {sharding=} not supported, choose one of 'all-to-sharded' or "
            f"'sharded-to-all'"
        )


def own_part(parameters: Any, chosen: Predicate, group: Group) -> Any:
    """A tree of parameters with this process's part of each.

    Args:
        parameters: a tree of arrays; what is no array stays as it is.
        chosen: called with the path and the array of each parameter. It returns ``None`` for one
            that every process has whole; the axis along which to cut; or the pair of an axis and
            segments, each of which is cut by itself (see :func:`cut`).
        group: the processes; ``group.size()`` and ``group.rank()``, this one's number.

    Returns:
        A new tree. A part is a copy: it does not hold on to the memory of the whole.

    Raises:
        ValueError: ``chosen`` returned an axis that is no ``int``: ``The sharding function should
            return int or tuple[int, list]``.
    """
    raise NotImplementedError(
        "14.23 own_part - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def cut(weight: array, segments: Segments, axis: int) -> list[array]:
    """As :func:`tinymlx.core.split`, where segments may also be fractions of the axis."""
    if not isinstance(segments, int) and not isinstance(segments[0], int):
        segments = [int(fraction * weight.shape[axis]) for fraction in segments]
    return core.split(weight, segments, axis=axis)


def sum_gradients(group: Group) -> Callable[[array], array]:
    """The identity; what flows back through it is the sum of all processes' gradients.

    It stands where every process uses the same array with weights of its own.
    """
    if group.size() == 1:
        return lambda x: x

    @core.custom_function
    def same(x: array) -> array:
        return x

    @same.vjp
    def same_vjp(primals: array, cotangents: array, outputs: array) -> array:
        return core.distributed.all_sum(cotangents, group=group)

    return same


def part_of_outputs(output_dims: int, group: Group) -> int:
    """How many outputs are one process's.

    Raises:
        ValueError: they cannot be divided equally.
    """
    size = group.size()
    if output_dims % size != 0:
        raise ValueError(f"Cannot shard the output of size {output_dims} across {size} devices.")
    return output_dims // size


def part_of_inputs(input_dims: int, group: Group) -> int:
    """How many inputs are one process's.

    Raises:
        ValueError: they cannot be divided equally.
    """
    size = group.size()
    if input_dims % size != 0:
        raise ValueError(f"The input of size {input_dims} cannot be sharded across {size} devices.")
    return input_dims // size
