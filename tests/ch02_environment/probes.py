"""What the graders of chapter 2 run of the student's code. Inputs arrive as bare ``mx.array``.

Timers are run in a world of their own: a clock that only moves when something in that world takes
time, a lazy function, an ``evaluate`` and a ``synchronize`` that finish its work. Nothing depends
on how fast the real machine is.
"""

import mlx.core as mx

from tinymlx.basics import costs, devices, measure, memory, polynomial, roofline


class Lazy:
    """A result that has been described and not yet computed."""

    def __init__(self, host, device):
        self.host, self.device = host, device


class World:
    """A clock, a device with a queue, and functions whose durations are known."""

    def __init__(self, backlog=0.0):
        self.now, self.queue = 0.0, float(backlog)
        self.evaluated = 0

    def clock(self):
        return self.now

    def function(self, dispatch, host, device=0.0):
        """A function that takes ``dispatch`` to record, and then ``host`` and ``device`` to run."""

        def call():
            self.now += dispatch
            return Lazy(host, device)

        return call

    def evaluate(self, *results):
        for result in results:
            if isinstance(result, (list, tuple)):
                self.evaluate(*result)
            elif isinstance(result, Lazy):
                self.evaluated += 1
                self.now += result.host
                self.queue += result.device
                result.host = result.device = 0.0  # computed once

    def synchronize(self, *_):
        self.now += self.queue
        self.queue = 0.0

    @property
    def tools(self):
        return {"clock": self.clock, "evaluate": self.evaluate, "synchronize": self.synchronize}


def _timing(timing):
    median, low, high, samples = timing
    return {"median": median, "low": low, "high": high, "samples": list(samples)}


def time_once(dispatch, host, device, backlog):
    world = World(backlog)
    seconds = measure.time_once(world.function(dispatch, host, device), **world.tools)
    return {"seconds": seconds, "evaluated": world.evaluated}


def time_for_real(size):
    """A real lazy product, with MLX's own clock and evaluation."""
    a = mx.ones((size, size))
    mx.eval(a)
    return {"seconds": measure.time_once(lambda: a @ a)}


def summarize(samples):
    return _timing(measure.summarize(samples))


def summarize_list(samples):
    """The caller's list afterwards, and the timing's samples after the caller went on with it."""
    samples = list(samples)
    timing = measure.summarize(samples)
    left = list(samples)
    samples.append(0.0)
    return _timing(timing) | {"left": left}


def called_before_refusal(warmup, repeats):
    """How often ``measure`` and ``compare`` call a function before they refuse their counts."""
    world, calls, errors = World(), [], []

    def function():
        calls.append(1)
        return world.function(0.5, 2.0)()

    for run in (
        lambda: measure.measure(function, warmup=warmup, repeats=repeats, **world.tools),
        lambda: measure.compare(function, function, warmup=warmup, rounds=repeats, **world.tools),
    ):
        before = len(calls)
        try:
            run()
            errors.append(["none", len(calls) - before])
        except ValueError:
            errors.append(["ValueError", len(calls) - before])
    return {"measure": errors[0], "compare": errors[1]}


def measured(durations, cold, extra, warmup, repeats):
    """``durations`` call by call; the first ``cold`` evaluations take ``extra`` on top."""
    world, calls = World(), []

    def evaluate(*results):
        if world.evaluated < cold:
            world.now += extra
        world.evaluate(*results)

    def function():
        calls.append(world.now)
        return world.function(0.5, durations[len(calls) - 1])()

    tools = {**world.tools, "evaluate": evaluate}
    timing = measure.measure(function, warmup=warmup, repeats=repeats, **tools)
    return _timing(timing) | {"calls": len(calls)}


def compare(first, second, drift, warmup, rounds):
    """Two functions on a machine on which every call is ``drift`` slower than the one before."""
    world, calls = World(), []

    def candidate(name, seconds):
        def call():
            calls.append(name)
            return world.function(0.0, seconds + drift * (len(calls) - 1))()

        return call

    a, b = candidate("first", first), candidate("second", second)
    found = measure.compare(a, b, warmup=warmup, rounds=rounds, **world.tools)
    return {
        "first": _timing(found[0]),
        "second": _timing(found[1]),
        "ratio": _timing(found[2]),
        "calls": calls,
    }


def _cost(cost):
    return {"flops": cost[0], "bytes": cost[1]}


def matmul_cost(m, k, n, batch, dtype):
    return _cost(costs.matmul_cost(m, k, n, batch=batch, dtype=getattr(mx, dtype)))


def matmul_cost_by_default(m, k, n):
    return _cost(costs.matmul_cost(m, k, n))


def elementwise_cost(shapes, operations, dtype):
    shapes = [tuple(shape) for shape in shapes]
    return _cost(costs.elementwise_cost(*shapes, operations=operations, dtype=getattr(mx, dtype)))


def achieved(flops, bytes, seconds):
    rate = roofline.achieved(costs.Cost(flops, bytes), seconds)
    return {"flops": rate[0], "bytes": rate[1]}


def intensity(flops, bytes):
    return {"intensity": roofline.arithmetic_intensity(costs.Cost(flops, bytes))}


def ridge_point(peak, bandwidth):
    return {"ridge": roofline.ridge_point(roofline.Machine("a machine", peak, bandwidth))}


def attainable(intensities, peak, bandwidth):
    machine = roofline.Machine("a machine", peak, bandwidth)
    return {"rates": [roofline.attainable(intensity, machine) for intensity in intensities]}


def least_seconds(flops, bytes, peak, bandwidth):
    machine = roofline.Machine("a machine", peak, bandwidth)
    return {"seconds": roofline.least_seconds(costs.Cost(flops, bytes), machine)}


def horner(x, coefficients):
    return {"y": polynomial.horner(x, coefficients)}


class Counted:
    """Stands for an array and counts what is done with it."""

    def __init__(self, count):
        self.count = count

    def _operation(self, name):
        self.count[name] = self.count.get(name, 0) + 1
        return Counted(self.count)

    def __mul__(self, _):
        return self._operation("multiplications")

    def __add__(self, other):
        return self if isinstance(other, int) and other == 0 else self._operation("additions")

    def __pow__(self, _):
        return self._operation("powers")

    __rmul__, __radd__ = __mul__, __add__


def horner_operations(degree):
    """How many operations a polynomial of this degree takes."""
    count = {}
    result = polynomial.horner(Counted(count), [float(k) for k in range(1, degree + 2)])
    return {"count": count, "result": isinstance(result, Counted)}


def polynomial_cost(size, degree, fused, dtype):
    return _cost(polynomial.polynomial_cost(size, degree, fused=fused, dtype=getattr(mx, dtype)))


def peak_memory(earlier, in_use, temporary, kept, late=0, queued=0):
    """A meter that had seen ``earlier`` bytes; the function needs ``temporary`` for a while.

    ``queued`` bytes belong to earlier work, and become active when the device is waited for; the
    function's own need rises to ``late`` when the device has finished. As in MLX, the peak stays 0
    after a reset until something is allocated.
    """
    state = {"peak": earlier, "active": in_use, "queued": queued, "late": 0}

    def allocate(size):
        if size:
            state["peak"] = max(state["peak"], state["active"] + size)

    def evaluate(*results):
        if any(result == "lazy" for result in results):
            allocate(temporary)
            state.update(active=state["active"] + kept, late=late)

    def synchronize():
        allocate(state["queued"])
        state.update(active=state["active"] + state["queued"], queued=0)
        allocate(state["late"])
        state["late"] = 0

    extra = memory.peak_memory(
        lambda: "lazy",
        evaluate=evaluate,
        synchronize=synchronize,
        reset=lambda: state.update(peak=0),
        peak=lambda: state["peak"],
        active=lambda: state["active"],
    )
    return {"bytes": extra}


def peak_memory_for_real(size):
    """A sum of two arrays as MLX's own meter sees it; other arrays, in use and freed, around it."""
    other = mx.ones((3 * size,))
    mx.eval(other, mx.exp(other) + other)
    x = mx.ones((size,))
    mx.eval(x)
    return {"bytes": memory.peak_memory(lambda: x + 1)}


def _device_name(device):
    return next(name for name, known in devices.DEVICES.items() if known == device)


def choose_device(preferences, present):
    chosen = devices.choose_device(
        preferences, is_available=lambda device: _device_name(device) in present
    )
    return {"device": _device_name(chosen)}


def choose_device_by_default():
    chosen = devices.choose_device()
    return {"device": _device_name(chosen), "available": mx.is_available(chosen)}


_streams = []


def run_on(x, fails):
    """Run a function, which may fail, on a stream of its own, and look at the default stream."""
    if not _streams:
        _streams.append(mx.new_stream(mx.cpu))
    before, seen = mx.default_stream(mx.default_device()), []

    def function(x, y):
        seen.append(mx.default_stream(mx.cpu) == _streams[0])
        if fails:
            raise ArithmeticError("the function failed")
        return x - 2 * y

    result, error = None, ""
    try:
        result = devices.run_on(_streams[0], function, x, x + 1)
    except ArithmeticError as raised:
        error = str(raised)
    restored = mx.default_stream(mx.default_device()) == before
    mx.set_default_stream(before)
    return {"result": result, "error": error, "inside": seen, "restored": restored}
