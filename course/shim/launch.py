"""A kernel as plain data, and what may be wrong with it before it runs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LANGUAGES = ("metal", "cuda")
MOST_THREADS = 1024  # of a group
MOST_GROUPS = 65_535  # of CUDA along y and z
MOST_RUN = 1 << 21  # threads that the shim is willing to run
#: dtypes and how C++ calls them here.
TYPES = {
    "float32": "float",
    "float16": "half",
    "bfloat16": "bfloat16_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "bool": "bool",
}
_WORD = re.compile(r"[A-Za-z_]\w*\Z")


class Problem(ValueError):
    """What is wrong with a kernel, in one sentence."""


@dataclass(frozen=True)
class Launch:
    """A kernel and how it is started, named as in ``mx.fast.metal_kernel``.

    Attributes:
        language: ``"metal"`` or ``"cuda"``.
        name: of the kernel.
        source: the body of the function.
        header: what stands before the function.
        input_names, output_names: the arrays, as the source calls them.
        template: pairs of a name and a dtype, a whole number or a truth value.
        grid: how many *threads* along x, y and z.
        threadgroup: how many of them make a group.
        output_shapes, output_dtypes: of the arrays that are written.
        ensure_row_contiguous: whether inputs arrive contiguous; if not, ``name_strides`` says how
            they lie.
    """

    language: str
    name: str
    source: str
    header: str
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    template: tuple[tuple[str, Any], ...]
    grid: tuple[int, int, int]
    threadgroup: tuple[int, int, int]
    output_shapes: tuple[tuple[int, ...], ...]
    output_dtypes: tuple[str, ...]
    ensure_row_contiguous: bool = True

    @staticmethod
    def from_plain(data: Mapping[str, Any]) -> Launch:
        """The same from lists, strings and numbers, as a probe returns it.

        Raises:
            Problem: something is missing or has the wrong form.
        """
        try:
            launch = Launch(
                language=_text(data["language"]),
                name=_text(data.get("name", "kernel")),
                source=_text(data["source"]),
                header=_text(data.get("header", "")),
                input_names=tuple(_text(x) for x in data["input_names"]),
                output_names=tuple(_text(x) for x in data["output_names"]),
                template=tuple((_text(name), value) for name, value in data.get("template", ())),
                grid=_three(data["grid"]),
                threadgroup=_three(data["threadgroup"]),
                output_shapes=tuple(tuple(_whole(n) for n in s) for s in data["output_shapes"]),
                output_dtypes=tuple(_text(x) for x in data["output_dtypes"]),
                ensure_row_contiguous=bool(data.get("ensure_row_contiguous", True)),
            )
        except KeyError as missing:
            raise Problem(f"the kernel does not say its {missing.args[0]}") from None
        except (TypeError, ValueError) as error:
            raise Problem(f"the kernel's description cannot be read: {error}") from None
        launch._check()
        return launch

    def _check(self) -> None:
        if self.language not in LANGUAGES:
            raise Problem(f"the language is {self.language!r}; here are {', '.join(LANGUAGES)}")
        for word in (*self.input_names, *self.output_names, *(name for name, _ in self.template)):
            if not _WORD.match(word):
                raise Problem(f"{word!r} cannot be a name in a kernel")
        if not len(self.output_names) == len(self.output_shapes) == len(self.output_dtypes):
            raise Problem("every output needs a name, a shape and a dtype")
        for dtype in (*self.output_dtypes, *(v for _, v in self.template if isinstance(v, str))):
            if dtype not in TYPES:
                raise Problem(f"the shim has no dtype {dtype!r}")
        if min(self.grid) < 1 or min(self.threadgroup) < 1:
            raise Problem(f"grid {self.grid}, group {self.threadgroup}: nothing would run")
        threads = math.prod(self.threadgroup)
        if threads > MOST_THREADS:
            raise Problem(
                f"a group of {threads:,} threads is too large: {MOST_THREADS:,} are the most that "
                "devices allow, and Metal may allow fewer"
            )
        if self.language == "cuda" and max(self.groups[1:]) > MOST_GROUPS:
            raise Problem(f"CUDA has at most {MOST_GROUPS:,} groups along y and z")

    @property
    def group(self) -> tuple[int, int, int]:
        """The size of a full group; MLX makes none larger than the grid."""
        return tuple(min(g, n) for g, n in zip(self.threadgroup, self.grid))  # type: ignore[return-value]

    @property
    def groups(self) -> tuple[int, int, int]:
        """How many groups along each axis."""
        return tuple(-(-n // g) for n, g in zip(self.grid, self.group))  # type: ignore[return-value]


def _text(x: Any) -> str:
    if not isinstance(x, str):
        raise TypeError(f"{x!r} is no text")
    return x


def _whole(x: Any) -> int:
    if isinstance(x, bool) or int(x) != x or x < 0:
        raise TypeError(f"{x!r} is no whole number from 0 on")
    return int(x)


def _three(x: Any) -> tuple[int, int, int]:
    numbers = [_whole(n) for n in x]
    if len(numbers) != 3:
        raise TypeError(f"{x!r} should be three numbers, for x, y and z")
    return (numbers[0], numbers[1], numbers[2])
