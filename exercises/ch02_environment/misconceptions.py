"""Wrong solutions that people write. Parsed, never imported: see CONTRIBUTING.md."""

# ruff: noqa: F821, F811
# mypy: ignore-errors


@misconception(
    "2.1", "You never evaluate: MLX is lazy, and you timed the writing down of the computation."
)
def time_once(function, *, clock=time.perf_counter, evaluate=mx.eval, synchronize=mx.synchronize):
    synchronize()
    start = clock()
    function()
    synchronize()
    return clock() - start


@misconception(
    "2.1", "You stop the clock before the device has finished: synchronize inside the timed region."
)
def time_once(function, *, clock=time.perf_counter, evaluate=mx.eval, synchronize=mx.synchronize):
    synchronize()
    start = clock()
    evaluate(function())
    seconds = clock() - start
    synchronize()
    return seconds


@misconception(
    "2.1",
    "You start the clock while earlier work may still be running, and charge it to this call.",
)
def time_once(function, *, clock=time.perf_counter, evaluate=mx.eval, synchronize=mx.synchronize):
    start = clock()
    evaluate(function())
    synchronize()
    return clock() - start


@misconception(
    "2.1", "You call the function before the clock starts: recording the graph takes time as well."
)
def time_once(function, *, clock=time.perf_counter, evaluate=mx.eval, synchronize=mx.synchronize):
    result = function()
    synchronize()
    start = clock()
    evaluate(result)
    synchronize()
    return clock() - start


@misconception(
    "2.2", "You give the mean: one interruption moves it as far as it likes. Take the median."
)
def summarize(samples):
    if not samples:
        raise ValueError("summarize: at least one sample is needed")
    ordered = sorted(samples)

    def quantile(q):
        position = q * (len(ordered) - 1)
        below = int(position)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (position - below) * (ordered[above] - ordered[below])

    return Timing(sum(samples) / len(samples), quantile(0.25), quantile(0.75), tuple(samples))


@misconception("2.2", "You forgot to sort: the middle of the list is not the middle of the values.")
def summarize(samples):
    if not samples:
        raise ValueError("summarize: at least one sample is needed")

    def quantile(q):
        position = q * (len(samples) - 1)
        below = int(position)
        above = min(below + 1, len(samples) - 1)
        return samples[below] + (position - below) * (samples[above] - samples[below])

    return Timing(quantile(0.5), quantile(0.25), quantile(0.75), tuple(samples))


@misconception(
    "2.2", "You cut the position down to a whole number. Between two neighbours, interpolate."
)
def summarize(samples):
    if not samples:
        raise ValueError("summarize: at least one sample is needed")
    ordered = sorted(samples)
    low, median, high = (ordered[int(q * (len(ordered) - 1))] for q in (0.25, 0.5, 0.75))
    return Timing(median, low, high, tuple(samples))


@misconception(
    "2.2",
    "Your spread is the fastest and the slowest run, the two that tell the least. Take quartiles.",
)
def summarize(samples):
    if not samples:
        raise ValueError("summarize: at least one sample is needed")
    ordered = sorted(samples)
    half = len(ordered) // 2
    median = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return Timing(median, ordered[0], ordered[-1], tuple(samples))


@misconception(
    "2.2",
    "You sort the caller's list in place. The samples came in an order, and the list is not yours: "
    "sorted(samples) makes a new one.",
)
def summarize(samples):
    if not samples:
        raise ValueError("summarize: at least one sample is needed")
    kept = tuple(samples)
    samples.sort()

    def quantile(q):
        position = q * (len(samples) - 1)
        below = int(position)
        above = min(below + 1, len(samples) - 1)
        return samples[below] + (position - below) * (samples[above] - samples[below])

    return Timing(quantile(0.5), quantile(0.25), quantile(0.75), kept)


@misconception(
    "2.3",
    "You count the warm-up calls in. They pay for compilation and allocation: leave them out.",
)
def measure(
    function,
    *,
    warmup=3,
    repeats=15,
    clock=time.perf_counter,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
):
    if warmup < 0 or repeats < 1:
        raise ValueError("measure: warmup must be at least 0 and repeats at least 1")
    tools = {"clock": clock, "evaluate": evaluate, "synchronize": synchronize}
    return summarize([time_once(function, **tools) for _ in range(warmup + repeats)])


@misconception(
    "2.3", "Your warm-up calls are never evaluated, so they warm nothing. Evaluate them too."
)
def measure(
    function,
    *,
    warmup=3,
    repeats=15,
    clock=time.perf_counter,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
):
    if warmup < 0 or repeats < 1:
        raise ValueError("measure: warmup must be at least 0 and repeats at least 1")
    for _ in range(warmup):
        function()
    tools = {"clock": clock, "evaluate": evaluate, "synchronize": synchronize}
    return summarize([time_once(function, **tools) for _ in range(repeats)])


@misconception(
    "2.3", "You take the warm-up calls out of the repeats. There are warmup + repeats calls in all."
)
def measure(
    function,
    *,
    warmup=3,
    repeats=15,
    clock=time.perf_counter,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
):
    if warmup < 0 or repeats < 1:
        raise ValueError("measure: warmup must be at least 0 and repeats at least 1")
    tools = {"clock": clock, "evaluate": evaluate, "synchronize": synchronize}
    return summarize([time_once(function, **tools) for _ in range(repeats)][warmup:] or [0.0])


@misconception(
    "2.4",
    "You run all rounds of one, then all of the other: a machine that slows down picks the winner.",
)
def compare(
    first,
    second,
    *,
    warmup=3,
    rounds=15,
    clock=time.perf_counter,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
):
    if warmup < 0 or rounds < 1:
        raise ValueError("compare: warmup must be at least 0 and rounds at least 1")
    tools = {"clock": clock, "evaluate": evaluate, "synchronize": synchronize}
    a = [time_once(first, **tools) for _ in range(warmup + rounds)][warmup:]
    b = [time_once(second, **tools) for _ in range(warmup + rounds)][warmup:]
    ratios = [x / y for x, y in zip(a, b)]
    return Comparison(summarize(a), summarize(b), summarize(ratios))


@misconception("2.4", "You divide the second by the first. The ratio is first over second.")
def compare(
    first,
    second,
    *,
    warmup=3,
    rounds=15,
    clock=time.perf_counter,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
):
    if warmup < 0 or rounds < 1:
        raise ValueError("compare: warmup must be at least 0 and rounds at least 1")
    tools = {"clock": clock, "evaluate": evaluate, "synchronize": synchronize}
    pairs = [
        (time_once(first, **tools), time_once(second, **tools)) for _ in range(warmup + rounds)
    ][warmup:]
    return Comparison(
        summarize([a for a, _ in pairs]),
        summarize([b for _, b in pairs]),
        summarize([b / a for a, b in pairs]),
    )


@misconception(
    "2.4", "You divide the medians of two columns. Divide within each round, then summarize."
)
def compare(
    first,
    second,
    *,
    warmup=3,
    rounds=15,
    clock=time.perf_counter,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
):
    if warmup < 0 or rounds < 1:
        raise ValueError("compare: warmup must be at least 0 and rounds at least 1")
    tools = {"clock": clock, "evaluate": evaluate, "synchronize": synchronize}
    pairs = [
        (time_once(first, **tools), time_once(second, **tools)) for _ in range(warmup + rounds)
    ][warmup:]
    a, b = summarize([a for a, _ in pairs]), summarize([b for _, b in pairs])
    return Comparison(a, b, summarize([a.median / b.median]))


@misconception("2.5", "You count the multiplications only. Each comes with an addition: 2 m k n.")
def matmul_cost(m, k, n, *, batch=1, dtype=mx.float32):
    return Cost(batch * m * k * n, batch * (m * k + k * n + m * n) * dtype.size)


@misconception("2.5", "You count numbers, not bytes: each has dtype.size of them.")
def matmul_cost(m, k, n, *, batch=1, dtype=mx.float32):
    return Cost(2 * batch * m * k * n, batch * (m * k + k * n + m * n))


@misconception("2.5", "You forgot that the result is written to memory as well.")
def matmul_cost(m, k, n, *, batch=1, dtype=mx.float32):
    return Cost(2 * batch * m * k * n, batch * (m * k + k * n) * dtype.size)


@misconception(
    "2.5", "You share one second matrix among the batch. Here each product has matrices of its own."
)
def matmul_cost(m, k, n, *, batch=1, dtype=mx.float32):
    return Cost(2 * batch * m * k * n, (batch * m * k + k * n + batch * m * n) * dtype.size)


@misconception(
    "2.6",
    "You read each input at the result's size. What is broadcast is read once, in its own shape.",
)
def elementwise_cost(*shapes, operations=1, dtype=mx.float32):
    result = _size(mx.broadcast_shapes(*shapes))
    return Cost(operations * result, (len(shapes) + 1) * result * dtype.size)


@misconception("2.6", "You forgot to count the writing of the result.")
def elementwise_cost(*shapes, operations=1, dtype=mx.float32):
    result = _size(mx.broadcast_shapes(*shapes))
    return Cost(operations * result, sum(_size(shape) for shape in shapes) * dtype.size)


@misconception(
    "2.6",
    "You count an operation for each input number. There is one for each number of the result.",
)
def elementwise_cost(*shapes, operations=1, dtype=mx.float32):
    result = _size(mx.broadcast_shapes(*shapes))
    read = sum(_size(shape) for shape in shapes)
    return Cost(operations * read, (read + result) * dtype.size)


@misconception(
    "2.6",
    "The result is as large as the largest input, you say. A column and a row make a whole table: "
    "broadcast the shapes.",
)
def elementwise_cost(*shapes, operations=1, dtype=mx.float32):
    mx.broadcast_shapes(*shapes)
    sizes = [_size(shape) for shape in shapes]
    result = max(sizes)
    return Cost(operations * result, (sum(sizes) + result) * dtype.size)


@misconception("2.6", "You count numbers. The traffic is in bytes: dtype.size of them a number.")
def elementwise_cost(*shapes, operations=1, dtype=mx.float32):
    result = _size(mx.broadcast_shapes(*shapes))
    return Cost(operations * result, sum(_size(shape) for shape in shapes) + result)


@misconception(
    "2.6",
    "You read and write once for each operation. It is one function of the inputs: each number is "
    "read once and written once, whatever is computed in between.",
)
def elementwise_cost(*shapes, operations=1, dtype=mx.float32):
    result = _size(mx.broadcast_shapes(*shapes))
    read = sum(_size(shape) for shape in shapes)
    return Cost(operations * result, operations * (read + result) * dtype.size)


@misconception("2.7", "You multiply by the time. A rate is the cost divided by the seconds.")
def achieved(cost, seconds):
    if not seconds > 0:
        raise ValueError(f"achieved: seconds must be positive, got {seconds}")
    return Rate(cost.flops * seconds, cost.bytes * seconds)


@misconception(
    "2.7", "You give GFLOP/s and GB/s. Keep to FLOP/s and bytes/s; scale when you print."
)
def achieved(cost, seconds):
    if not seconds > 0:
        raise ValueError(f"achieved: seconds must be positive, got {seconds}")
    return Rate(cost.flops / seconds / 1e9, cost.bytes / seconds / 1e9)


@misconception(
    "2.8",
    "You have it upside down: bytes for each operation. Intensity is operations for each byte.",
)
def arithmetic_intensity(cost):
    return cost.bytes / cost.flops


@misconception("2.8", "You have it upside down: the ridge is peak over bandwidth, in FLOP/byte.")
def ridge_point(machine):
    return machine.bandwidth / machine.peak


@misconception(
    "2.9",
    "You take the larger of the two. A chain is as strong as its weakest link: the smaller rate.",
)
def attainable(intensity, machine):
    return max(machine.peak, intensity * machine.bandwidth)


@misconception(
    "2.9", "You left out the flat part of the roof: no intensity lifts you above the peak."
)
def attainable(intensity, machine):
    return intensity * machine.bandwidth


@misconception(
    "2.9", "You add the two times. Arithmetic and traffic overlap: the longer one decides."
)
def least_seconds(cost, machine):
    return cost.flops / machine.peak + cost.bytes / machine.bandwidth


@misconception(
    "2.9",
    "You divide the arithmetic by the attainable rate. A copy has none, and its rate is 0: compare "
    "the two times instead.",
)
def least_seconds(cost, machine):
    return cost.flops / attainable(arithmetic_intensity(cost), machine)


@misconception("2.10", "You read the coefficients highest first. They are given lowest first.")
def horner(x, coefficients):
    if len(coefficients) < 2:
        raise ValueError("horner: at least two coefficients are needed")
    y, *lower = coefficients
    for c in lower:
        y = y * x + c
    return y


@misconception(
    "2.10",
    "You raise x to every power: twice the multiplications. Horner's rule needs one a degree.",
)
def horner(x, coefficients):
    if len(coefficients) < 2:
        raise ValueError("horner: at least two coefficients are needed")
    return sum(c * x**k for k, c in enumerate(coefficients))


@misconception(
    "2.10", "You multiply once too often: the lowest coefficient is added last, and not multiplied."
)
def horner(x, coefficients):
    if len(coefficients) < 2:
        raise ValueError("horner: at least two coefficients are needed")
    y = 0
    for c in reversed(coefficients):
        y = (y + c) * x
    return y


@misconception(
    "2.11", "You let fusion save arithmetic. It saves traffic; the operations stay the same."
)
def polynomial_cost(size, degree, *, fused, dtype=mx.float32):
    arrays = 2 if fused else (2 + 3 * (degree - 1)) + 2 * degree
    return Cost((degree if fused else 2 * degree) * size, arrays * size * dtype.size)


@misconception(
    "2.11", "You let the first multiplication read two arrays. Its other factor is a plain number."
)
def polynomial_cost(size, degree, *, fused, dtype=mx.float32):
    arrays = 2 if fused else 5 * degree
    return Cost(2 * degree * size, arrays * size * dtype.size)


@misconception(
    "2.11",
    "You count one reading and one writing whatever the kernels are. Unfused, each has its own.",
)
def polynomial_cost(size, degree, *, fused, dtype=mx.float32):
    return Cost(2 * degree * size, 2 * size * dtype.size)


@misconception("2.12", "You never reset the peak: an earlier computation may have set it.")
def peak_memory(
    function,
    *,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
    reset=mx.reset_peak_memory,
    peak=mx.get_peak_memory,
    active=mx.get_active_memory,
):
    synchronize()
    before = active()
    evaluate(function())
    synchronize()
    return max(0, peak() - before)


@misconception("2.12", "You count what was in use before the call. Subtract it.")
def peak_memory(
    function,
    *,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
    reset=mx.reset_peak_memory,
    peak=mx.get_peak_memory,
    active=mx.get_active_memory,
):
    synchronize()
    reset()
    evaluate(function())
    synchronize()
    return peak()


@misconception(
    "2.12", "You look at what is in use afterwards. What was needed in between is freed by then."
)
def peak_memory(
    function,
    *,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
    reset=mx.reset_peak_memory,
    peak=mx.get_peak_memory,
    active=mx.get_active_memory,
):
    synchronize()
    before = active()
    reset()
    result = function()
    evaluate(result)
    synchronize()
    return max(0, active() - before)


@misconception("2.12", "You never evaluate. A computation that is only described needs no memory.")
def peak_memory(
    function,
    *,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
    reset=mx.reset_peak_memory,
    peak=mx.get_peak_memory,
    active=mx.get_active_memory,
):
    synchronize()
    before = active()
    reset()
    function()
    synchronize()
    return max(0, peak() - before)


@misconception(
    "2.12",
    "Your result can be negative: after a reset the peak stays 0 until something is allocated.",
)
def peak_memory(
    function,
    *,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
    reset=mx.reset_peak_memory,
    peak=mx.get_peak_memory,
    active=mx.get_active_memory,
):
    synchronize()
    before = active()
    reset()
    evaluate(function())
    synchronize()
    return peak() - before


@misconception(
    "2.12",
    "You never wait for the device: earlier work may still allocate, and the worst moment "
    "may be to come. Synchronize before and after.",
)
def peak_memory(
    function,
    *,
    evaluate=mx.eval,
    synchronize=mx.synchronize,
    reset=mx.reset_peak_memory,
    peak=mx.get_peak_memory,
    active=mx.get_active_memory,
):
    before = active()
    reset()
    evaluate(function())
    return max(0, peak() - before)


@misconception("2.13", "You return the first wish without asking whether this machine has it.")
def choose_device(preferences=("gpu", "cpu"), *, is_available=mx.is_available):
    for name in preferences:
        if name not in DEVICES:
            raise ValueError(f"choose_device: {name!r} is not one of {sorted(DEVICES)}")
    return DEVICES[preferences[0]]


@misconception(
    "2.13", "You skip names that you do not know: a misspelt 'gpu' then falls back without a word."
)
def choose_device(preferences=("gpu", "cpu"), *, is_available=mx.is_available):
    for name in preferences:
        if name in DEVICES and is_available(DEVICES[name]):
            return DEVICES[name]
    raise ValueError(f"choose_device: none of {list(preferences)} is available here")


@misconception("2.13", "You always fall back to the CPU, even where it was not among the wishes.")
def choose_device(preferences=("gpu", "cpu"), *, is_available=mx.is_available):
    for name in preferences:
        if name not in DEVICES:
            raise ValueError(f"choose_device: {name!r} is not one of {sorted(DEVICES)}")
    for name in preferences:
        if is_available(DEVICES[name]):
            return DEVICES[name]
    return DEVICES["cpu"]


@misconception(
    "2.14", "You change the default for good: everything afterwards runs there too. Put it back."
)
def run_on(where, function, *arguments):
    mx.set_default_stream(where)
    return function(*arguments)


@misconception(
    "2.14",
    "When the function raises an error, your default stream stays changed. Use a `with` block.",
)
def run_on(where, function, *arguments):
    before = mx.default_stream(mx.default_device())
    mx.set_default_stream(where)
    result = function(*arguments)
    mx.set_default_stream(before)
    return result


@misconception(
    "2.14", "You leave the block before the function is called: it runs on the old stream."
)
def run_on(where, function, *arguments):
    with mx.stream(where):
        pass
    return function(*arguments)
