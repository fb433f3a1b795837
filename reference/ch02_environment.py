"""The expected answers of chapter 2: what the probes' small worlds must report."""

import itertools
import math

import numpy as np

from reference.kit import in_numpy


@in_numpy
def time_once(dispatch, host, device, backlog):
    return {"seconds": float(dispatch + host + device), "evaluated": 1}


@in_numpy
def summarize(samples):
    low, median, high = (float(np.quantile(samples, q)) for q in (0.25, 0.5, 0.75))
    return {"median": median, "low": low, "high": high, "samples": [float(s) for s in samples]}


@in_numpy
def measured(durations, cold, extra, warmup, repeats):
    seconds = [d + 0.5 + (extra if i < cold else 0) for i, d in enumerate(durations)]
    return summarize(seconds[warmup : warmup + repeats]) | {"calls": warmup + repeats}


@in_numpy
def compare(first, second, drift, warmup, rounds):
    total = warmup + rounds
    a = [first + drift * 2 * i for i in range(total)][warmup:]
    b = [second + drift * (2 * i + 1) for i in range(total)][warmup:]
    ratio = [x / y for x, y in zip(a, b, strict=True)]
    return {
        "first": summarize(a),
        "second": summarize(b),
        "ratio": summarize(ratio),
        "calls": ["first", "second"] * total,
    }


BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8}


@in_numpy
def matmul_cost(m, k, n, batch, dtype):
    numbers = math.prod((m, k)) + math.prod((k, n)) + math.prod((m, n))
    return {"flops": batch * m * n * (k + k), "bytes": BYTES[dtype] * batch * numbers}


@in_numpy
def matmul_cost_by_default(m, k, n):
    return matmul_cost(m, k, n, 1, "float32")


@in_numpy
def elementwise_cost(shapes, operations, dtype):
    result = math.prod(np.broadcast_shapes(*(tuple(shape) for shape in shapes)))
    read = sum(math.prod(shape) for shape in shapes)
    return {"flops": operations * result, "bytes": BYTES[dtype] * (read + result)}


@in_numpy
def achieved(flops, bytes, seconds):
    return {"flops": flops / seconds, "bytes": bytes / seconds}


@in_numpy
def intensity(flops, bytes):
    return {"intensity": flops / bytes}


@in_numpy
def ridge_point(peak, bandwidth):
    return {"ridge": peak / bandwidth}


@in_numpy
def attainable(intensities, peak, bandwidth):
    return {"rates": [float(min(peak, i * bandwidth)) for i in intensities]}


@in_numpy
def least_seconds(flops, bytes, peak, bandwidth):
    return {"seconds": max(flops / peak, bytes / bandwidth)}


@in_numpy
def horner(x, coefficients):
    return {"y": np.asarray(np.polynomial.polynomial.polyval(x, np.array(coefficients)))}


@in_numpy
def polynomial_cost(size, degree, fused, dtype):
    """By listing the kernels: how many arrays each one reads and writes."""
    multiply = itertools.chain([1 + 1], itertools.repeat(2 + 1))
    arrays = 2 if fused else sum(itertools.islice(multiply, degree)) + degree * (1 + 1)
    return {"flops": 2 * degree * size, "bytes": arrays * size * BYTES[dtype]}


@in_numpy
def peak_memory(earlier, in_use, temporary, kept, late=0, queued=0):
    return {"bytes": max(temporary, late)}


@in_numpy
def choose_device(preferences, present):
    return {"device": next(name for name in preferences if name in present)}


@in_numpy
def run_on(x, fails):
    if fails:
        return {"result": None, "error": "the function failed", "inside": [True], "restored": True}
    return {"result": x - 2 * (x + 1), "error": "", "inside": [True], "restored": True}
