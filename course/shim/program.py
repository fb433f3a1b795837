"""The text of kernels as a C++ program."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from course.shim.launch import TYPES, Launch, Problem

_SHARED = re.compile(
    r"\b(?:threadgroup|__shared__)\s+(?:__align__\(\d+\)\s+)?([A-Za-z_][\w:]*)\s+([^;()]+);"
)
_ARRAY = re.compile(r"\s*(\w+)\s*((?:\[[^\[\]]+\]\s*)+)\Z")
#: Shared memory of a group at most: what Metal promises, and what CUDA gives without asking.
SHARED_BYTES = {"metal": 32 << 10, "cuda": 48 << 10}
#: What MLX hands to a Metal kernel whose source mentions it.
METAL_PLACES = {
    "thread_position_in_grid": (
        "uint3",
        "shim_at * shim_full + shim_here",
    ),
    "thread_position_in_threadgroup": ("uint3", "shim_here"),
    "threadgroup_position_in_grid": ("uint3", "shim_at"),
    "threads_per_threadgroup": ("uint3", "shim::launch.size"),
    "dispatch_threads_per_threadgroup": ("uint3", "shim_full"),
    "threads_per_grid": ("uint3", "shim::launch.grid"),
    "grid_size": ("uint3", "shim::launch.grid"),
    "threadgroups_per_grid": ("uint3", "shim::launch.groups"),
    "thread_index_in_threadgroup": ("uint", "shim::me().index"),
    "thread_index_in_simdgroup": ("uint", "shim::me().index % 32"),
    "simdgroup_index_in_threadgroup": ("uint", "shim::me().index / 32"),
    "simdgroups_per_threadgroup": ("uint", "(shim::launch.count + 31) / 32"),
    "threads_per_simdgroup": ("uint", "32u"),
}


def program(jobs: Sequence[tuple[Launch, Mapping[str, np.ndarray]]]) -> str:
    """The C++ text that runs kernels on inputs that lie in files.

    They are of one language, and their headers are the same.

    Raises:
        Problem: an input is missing or of a dtype that the shim does not have; shared memory that
            it cannot follow.
    """
    first = jobs[0][0]
    lines = [f'#include "{first.language}.h"', '#line 1 "header"', first.header]
    calls = []
    for at, (launch, inputs) in enumerate(jobs):
        text, call = _kernel(at, launch, inputs)
        lines += text
        calls.append(call)
    lines.append("#undef device\n#undef constant\n#undef thread")
    for at, (launch, inputs) in enumerate(jobs):
        lines += [f"void shim_body{at}() {{ {calls[at]}; }}", *_started(at, launch, inputs)]
    return "\n".join(lines) + "\n"


def _kernel(at: int, launch: Launch, inputs: Mapping[str, np.ndarray]) -> tuple[list[str], str]:
    """A kernel's arrays and function, and how it is called."""
    arrays = f"arrays{at}"
    lines = ['#line 1 "program"', f"namespace {arrays} {{"]
    arguments, parameters = [], []
    words = set(re.findall(r"\w+", launch.source))
    for name in launch.input_names:
        if name not in inputs:
            raise Problem(f"there is no input {name}")
        array = inputs[name]
        kind = _type(array.dtype.name)
        strides = [s // array.itemsize for s in array.strides]
        size = max(span(array), 1)
        lines += [
            f"{kind} {name}_data[{size}]; unsigned long {name}_reads = 0;",
            f"shim::Replies {name}_replies;",
            f'shim::Array<{kind}> {name}{{"{name}", {name}_data, {span(array)}, nullptr, '
            f"&{name}_reads, &{name}_replies}};",
        ]
        scalar = launch.language == "metal" and array.ndim == 0
        parameters.append(f"{kind} {name}" if scalar else f"shim::Input<{kind}> {name}")
        arguments.append(f"{arrays}::{name}_data[0]" if scalar else f"{{&{arrays}::{name}}}")
        for what, of, values in (
            ("shape", "int", array.shape),
            ("strides", "int64_t", strides),
        ):
            if f"{name}_{what}" in words:
                listed = ", ".join(str(v) for v in values) or "0"
                lines.append(f"const {of} {name}_{what}[] = {{{listed}}};")
                parameters.append(f"const {of}* {name}_{what}")
                arguments.append(f"{arrays}::{name}_{what}")
        if f"{name}_ndim" in words:
            parameters.append(f"int {name}_ndim")
            arguments.append(str(array.ndim))
    for name, dtype, size in zip(launch.output_names, launch.output_dtypes, _sizes(launch)):
        kind = _type(dtype)
        lines += [
            f"{kind} {name}_data[{max(size, 1)}]; unsigned long {name}_writes = 0;",
            f"std_::vector<shim::Cell> {name}_cells({size});",
            f'shim::Array<{kind}> {name}{{"{name}", {name}_data, {size}, &{name}_cells, '
            f"&{name}_writes}};",
        ]
        parameters.append(f"shim::Output<{kind}> {name}")
        arguments.append(f"{{&{arrays}::{name}}}")
    lines.append("}")
    if launch.template:
        kinds = ", ".join(f"{_parameter(value)} {name}" for name, value in launch.template)
        lines.append(f"template <{kinds}>")
    lines.append(f"void shim_kernel{at}({', '.join(parameters)}) {{")
    if launch.language == "metal":
        lines.append(
            "[[maybe_unused]] uint3 shim_here = shim::me().place, "
            "shim_at = shim::launch.at, shim_full = shim::launch.group;"
        )
        for name, (kind, value) in METAL_PLACES.items():
            if name in words:
                lines.append(f"{kind} {name} = {value};")
    lines += [f'#line 1 "kernel{at}"', shared(launch.source), '#line 1 "program"', "}"]
    given = ", ".join(_argument(value) for _, value in launch.template)
    call = f"shim_kernel{at}<{given}>" if launch.template else f"shim_kernel{at}"
    return lines, f"{call}({', '.join(arguments)})"


def _started(at: int, launch: Launch, inputs: Mapping[str, np.ndarray]) -> list[str]:
    """The function that reads a kernel's inputs, runs it, and writes what came of it."""
    arrays = f"arrays{at}"
    lines = [
        f'extern "C" void shim_run{at}(const char* order) {{',
        "shim::launch.down = order[0] == 'd';",
        f"shim::launch.most_shared = {SHARED_BYTES[launch.language]};",
        f"shim::launch.grid = {_braced(launch.grid)};",
        f"shim::launch.group = {_braced(launch.group)};",
        f"shim::launch.groups = {_braced(launch.groups)};",
    ]
    for name in launch.input_names:
        size = span(inputs[name])
        lines.append(f'shim::read_all("{at}.{name}.in", {arrays}::{name}_data, {size});')
    exact = "true" if launch.language == "metal" else "false"
    lines.append(f"shim::everything(shim_body{at}, {exact});")
    for name, size in zip(launch.output_names, _sizes(launch)):
        lines.append(f'shim::all_written("{name}", {arrays}::{name}_cells);')
        lines.append(f'shim::write_all("{at}.{name}.out", {arrays}::{name}_data, {size});')
    lines.append(f'FILE* counts = fopen("{at}.counts", "w");')
    for name in launch.input_names:
        read = f"{arrays}::{name}_reads, {arrays}::{name}_replies.count"
        lines.append(f'fprintf(counts, "{name} %lu\\n{name}/replies %lu\\n", {read});')
    for name in launch.output_names:
        lines.append(f'fprintf(counts, "{name} %lu\\n", {arrays}::{name}_writes);')
    return [
        *lines,
        'fprintf(counts, "threads %lu\\nbarriers %lu\\nshared %lu\\n", shim::launch.run, '
        "shim::launch.barriers, shim::launch.shared_bytes);",
        "fclose(counts); fflush(nullptr); _exit(0); }",
    ]


def _sizes(launch: Launch) -> list[int]:
    return [int(np.prod(shape, dtype=np.int64)) for shape in launch.output_shapes]


def span(array: np.ndarray) -> int:
    """How many elements the memory of an array has from its first to its last one."""
    if not array.size:
        return 0
    return 1 + sum((n - 1) * s // array.itemsize for n, s in zip(array.shape, array.strides))


def shared(source: str) -> str:
    """The declarations of shared arrays, as objects that look at every access. Lines stay.

    Raises:
        Problem: a shared variable that is no array, or whose size is not known.
    """
    if re.search(r"\bextern\s+__shared__", source):
        raise Problem("shared memory whose size is not in the source cannot be followed here")

    def declared(found: re.Match[str]) -> str:
        kind, parts = found.group(1), []
        for one in found.group(2).split(","):
            array = _ARRAY.match(one)
            if array is None:
                raise Problem(
                    f"the shim follows shared arrays only, declared as `{kind} name[size];`, "
                    f"not {found.group(0)!r}"
                )
            sizes = ", ".join(re.findall(r"\[([^\[\]]+)\]", array.group(2)))
            parts.append(
                f'static shim::Shared<{kind}, {sizes}> {array.group(1)}("{array.group(1)}");'
            )
        return " ".join(parts) + "\n" * found.group(0).count("\n")

    return _SHARED.sub(declared, source)


def _type(dtype: str) -> str:
    if dtype not in TYPES:
        raise Problem(f"the shim has no dtype {dtype!r}")
    return TYPES[dtype]


def _parameter(value: object) -> str:
    if isinstance(value, str):
        return "typename"
    return "bool" if isinstance(value, bool) else "int"


def _argument(value: object) -> str:
    if isinstance(value, str):
        return TYPES[value]
    return str(value).lower() if isinstance(value, bool) else str(int(value))  # type: ignore[call-overload]


def _braced(three: tuple[int, int, int]) -> str:
    return "{" + ", ".join(f"{n}u" for n in three) + "}"
