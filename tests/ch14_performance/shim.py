"""Kernels for a GPU as C++: compiled by the system's compiler, run thread by thread.

The source that a probe has returned is a stranger's. So it is compiled and run in a process behind
the fence of `course.sandbox`, never in the judge's own; only arrays come back. Every output is
filled with a pattern beforehand, and there is a margin behind it: what was not written, and what
was written outside, is seen.
"""

import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
MARGIN = 512
UNTOUCHED = 0xA5
KINDS = {"float32": "float", "float16": "half", "int32": "int", "bool": "bool"}

HEADER = r"""
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
typedef _Float16 half;
typedef _Float16 __half;
struct Three { unsigned x, y, z; };
static Three thread_position_in_grid, blockIdx, threadIdx, blockDim, gridDim;
typedef unsigned uint;
#define abs_(x) ((x) > 0 ? (x) : 0 - (x))
#define max_(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define min_(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#define exp_ expf
#define log_ logf
#define sqrt_ sqrtf
#define tanh_ tanhf
#define erf_ erff
#define lanes_sum(x) (x)
#define lanes_max(x) (x)
#define lanes_min(x) (x)
static inline float sigmoid_(float x) { return 1.0f / (1.0f + expf(-x)); }
static void *take(FILE *file, long bytes) {
    void *data = malloc(bytes + 1);
    if (fread(data, 1, bytes, file) != (size_t)bytes) exit(3);
    return data;
}
"""

CHILD = r"""
import ctypes, os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from course.sandbox import Fence, enter, python_itself
work, compiler = sys.argv[2], sys.argv[3]
places = (*python_itself(), sys.argv[1] + "/course", "/bin", "/usr", "/etc/alternatives")
enter(Fence(places, work, memory=2 << 30, cpu=30, compiler=True))
flags = ["-std=c++17", "-O1", "-w", "-shared", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing"]
files = ["kernels.cpp", "-o", "kernels.so"]
done = subprocess.run(
    [compiler, *flags, *files], cwd=work, capture_output=True, text=True, env={**os.environ,
    "TMPDIR": work}
)
if done.returncode:
    sys.exit(done.stderr[:2000])
sys.exit(ctypes.CDLL(work + "/kernels.so").run_all())
"""


class Refused(AssertionError):
    """The compiler refused a source, or the program did not end well."""


@functools.cache
def compiler():
    """The system's C++ compiler."""
    found = next((p for p in map(shutil.which, ("g++", "clang++", "c++")) if p), None)
    assert found, "These graders compile what you wrote: install a C++ compiler (apt install g++)."
    return found


def run(kernels):
    """Run kernels, each a dict.

    ``body``: statements; ``inputs``: arrays; ``outputs``: pairs of shape and dtype; ``grid`` and
    ``group``: how many threads, and how many in a group.

    Returns:
        For each kernel its outputs. What was not written is full of a pattern.
    """
    parts, steps, data = [HEADER], [], []
    for k, kernel in enumerate(kernels):
        given = [f"const {KINDS[x.dtype.name]} *in{i}" for i, x in enumerate(kernel["inputs"])]
        taken = [f"{KINDS[d]} *out{i}" for i, (_, d) in enumerate(kernel["outputs"])]
        parts.append(f"static void kernel{k}({', '.join(given + taken)}) {{\n{kernel['body']}\n}}")
        names = []
        steps.append("{")
        for i, x in enumerate(kernel["inputs"]):
            data.append(np.ascontiguousarray(x).tobytes())
            names.append(f"a{i}")
            kind = KINDS[x.dtype.name]
            steps.append(f"{kind} *a{i} = ({kind} *)take(file, {len(data[-1])});")
        for i, (shape, dtype) in enumerate(kernel["outputs"]):
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize + MARGIN
            names.append(f"b{i}")
            steps.append(f"{KINDS[dtype]} *b{i} = ({KINDS[dtype]} *)malloc({size});")
            steps.append(f"memset(b{i}, {UNTOUCHED}, {size});")
        grid, group = kernel["grid"], kernel["group"]
        steps.append(f"blockDim.x = {group}; gridDim.x = {-(-grid // group)};")
        steps.append(
            f"for (unsigned t = 0; t < {grid}u; t++) {{ thread_position_in_grid.x = t; "
            f"blockIdx.x = t / {group}u; threadIdx.x = t % {group}u; "
            f"kernel{k}({', '.join(names)}); }}"
        )
        for i, (shape, dtype) in enumerate(kernel["outputs"]):
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize + MARGIN
            steps.append(f"fwrite(b{i}, 1, {size}, result);")
        steps.append("}")
    main = "\n".join(steps)
    parts.append(
        'extern "C" int run_all() {\nFILE *file = fopen("data", "rb");\n'
        'FILE *result = fopen("result", "wb");\n'
        f"{main}\nfclose(result);\nreturn 0;\n}}\n"
    )
    return _results(_executed("\n".join(parts), b"".join(data)), kernels)


def _executed(source, data):
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "kernels.cpp").write_text(source)
        (Path(work) / "data").write_bytes(data)
        command = [sys.executable, "-c", CHILD, str(ROOT), work, compiler()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=work)
        if done.returncode:
            raise Refused(f"your source does not compile, or does not end: {done.stderr.strip()}")
        return (Path(work) / "result").read_bytes()


def _results(written, kernels):
    found, at = [], 0
    for kernel in kernels:
        outputs = []
        for shape, dtype in kernel["outputs"]:
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            outputs.append(np.frombuffer(written[at : at + size], dtype).reshape(shape))
            margin = written[at + size : at + size + MARGIN]
            assert margin == bytes([UNTOUCHED]) * MARGIN, (
                "a thread wrote behind the end of an output"
            )
            at += size + MARGIN
        found.append(outputs)
    return found
