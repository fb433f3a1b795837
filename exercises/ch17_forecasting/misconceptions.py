"""What people really write in chapter 17. Parsed, never imported: see CONTRIBUTING.md."""

# 17.1: what was known at the time


@misconception(
    "17.1",
    "You fill a gap from both of its ends. The later end is the future: at the time of the gap nobody "
    "knew it.",
)
def filled(x, start):
    if x.ndim != 2 or start.shape != (x.shape[1],):
        raise ValueError("[filled] x (N, F), start (F,)")
    missing = core.isnan(x)
    if x.shape[0] == 0:
        return Filled(x, missing, core.zeros(x.shape, core.int32))
    rows = core.arange(x.shape[0], dtype=core.int32)[:, None]
    last = core.cummax(core.where(missing, -1, rows), axis=0)
    after = core.cummin(core.where(missing, x.shape[0], rows), axis=0, reverse=True)
    a = core.take_along_axis(x, core.maximum(last, 0), axis=0)
    b = core.take_along_axis(x, core.minimum(after, x.shape[0] - 1), axis=0)
    a = core.where(last < 0, start.astype(x.dtype), a)
    b = core.where(after == x.shape[0], a, b)
    share = (rows - last) / core.maximum(after - last, 1)
    values = core.where(missing, (a + (b - a) * share).astype(x.dtype), x)
    return Filled(values, missing, (rows - last).astype(core.int32))


@misconception(
    "17.1",
    "You fill gaps with the mean of the whole column. Half of those rows lie in the future.",
)
def filled(x, start):
    if x.ndim != 2 or start.shape != (x.shape[1],):
        raise ValueError("[filled] x (N, F), start (F,)")
    missing = core.isnan(x)
    if x.shape[0] == 0:
        return Filled(x, missing, core.zeros(x.shape, core.int32))
    rows = core.arange(x.shape[0], dtype=core.int32)[:, None]
    last = core.cummax(core.where(missing, -1, rows), axis=0)
    count = core.sum(~missing, axis=0)
    mean = core.sum(core.where(missing, 0, x), axis=0) / core.maximum(count, 1)
    values = core.where(missing, core.where(count > 0, mean, start).astype(x.dtype), x)
    return Filled(values, missing, (rows - last).astype(core.int32))


@misconception(
    "17.1",
    "Before the first measurement you take that measurement, which comes later. Take `start`.",
)
def filled(x, start):
    if x.ndim != 2 or start.shape != (x.shape[1],):
        raise ValueError("[filled] x (N, F), start (F,)")
    missing = core.isnan(x)
    if x.shape[0] == 0:
        return Filled(x, missing, core.zeros(x.shape, core.int32))
    rows = core.arange(x.shape[0], dtype=core.int32)[:, None]
    last = core.cummax(core.where(missing, -1, rows), axis=0)
    first = core.min(core.where(missing, x.shape[0], rows), axis=0, keepdims=True)
    place = core.where(last < 0, core.minimum(first, x.shape[0] - 1), last)
    values = core.take_along_axis(x, place, axis=0)
    values = core.where(core.isnan(values), start.astype(x.dtype), values)
    return Filled(values, missing, (rows - last).astype(core.int32))


@misconception(
    "17.1",
    "You count from the first missing row. A value that was measured one row ago is 1 "
    "row old, not 0.",
)
def filled(x, start):
    if x.ndim != 2 or start.shape != (x.shape[1],):
        raise ValueError("[filled] x (N, F), start (F,)")
    missing = core.isnan(x)
    if x.shape[0] == 0:
        return Filled(x, missing, core.zeros(x.shape, core.int32))
    rows = core.arange(x.shape[0], dtype=core.int32)[:, None]
    last = core.cummax(core.where(missing, -1, rows), axis=0)
    values = core.take_along_axis(x, core.maximum(last, 0), axis=0)
    values = core.where(last < 0, start.astype(x.dtype), values)
    return Filled(values, missing, core.maximum(rows - last - 1, 0).astype(core.int32))


@misconception(
    "17.1",
    "Your window ends with the value that is judged. A spike then widens the deviation it is compared "
    "with; look at the rows before it.",
)
def outliers(x, size=24, limit=5.0, least=1.0):
    if x.ndim != 1 or size < 1 or not least > 0:
        raise ValueError("[outliers] least")
    if x.shape[0] == 0:
        return core.zeros((0,), core.bool_)
    padded = core.concatenate([core.full((size - 1,), core.nan, x.dtype), x])
    past = core.as_strided(padded, (x.shape[0], size), (1, 1))
    known = core.sum(~core.isnan(past), axis=1, keepdims=True)
    middle = median_of(past, known)
    spread = 1.4826 * median_of(core.abs(past - middle), known)
    far = core.abs(x[:, None] - middle) > limit * core.maximum(spread, least)
    return (far & (known >= (size + 1) // 2))[:, 0]


@misconception(
    "17.1",
    "You take mean and standard deviation. One spike in the window moves both, so that the next spike "
    "passes: that is why the rule has medians.",
)
def outliers(x, size=24, limit=5.0, least=1.0):
    if x.ndim != 1 or size < 1 or not least > 0:
        raise ValueError("[outliers] least")
    if x.shape[0] == 0:
        return core.zeros((0,), core.bool_)
    padded = core.concatenate([core.full((size,), core.nan, x.dtype), x[:-1]])
    past = core.as_strided(padded, (x.shape[0], size), (1, 1))
    there = ~core.isnan(past)
    known = core.sum(there, axis=1, keepdims=True)
    middle = core.sum(core.where(there, past, 0), axis=1, keepdims=True) / core.maximum(known, 1)
    rest = core.where(there, past - middle, 0)
    spread = core.sqrt(core.sum(rest * rest, axis=1, keepdims=True) / core.maximum(known, 1))
    far = core.abs(x[:, None] - middle) > limit * core.maximum(spread, least)
    return (far & (known >= (size + 1) // 2))[:, 0]


@misconception(
    "17.1",
    "The median absolute deviation of normal values is 0.67 of their standard deviation: 1.4826 is "
    "missing.",
)
def outliers(x, size=24, limit=5.0, least=1.0):
    if x.ndim != 1 or size < 1 or not least > 0:
        raise ValueError("[outliers] least")
    if x.shape[0] == 0:
        return core.zeros((0,), core.bool_)
    padded = core.concatenate([core.full((size,), core.nan, x.dtype), x[:-1]])
    past = core.as_strided(padded, (x.shape[0], size), (1, 1))
    known = core.sum(~core.isnan(past), axis=1, keepdims=True)
    middle = median_of(past, known)
    spread = median_of(core.abs(past - middle), known)
    far = core.abs(x[:, None] - middle) > limit * core.maximum(spread, least)
    return (far & (known >= (size + 1) // 2))[:, 0]


@misconception(
    "17.1",
    "You add `least` to the deviation. It is a lower bound: where the deviation is larger, it counts "
    "alone.",
)
def outliers(x, size=24, limit=5.0, least=1.0):
    if x.ndim != 1 or size < 1 or not least > 0:
        raise ValueError("[outliers] least")
    if x.shape[0] == 0:
        return core.zeros((0,), core.bool_)
    padded = core.concatenate([core.full((size,), core.nan, x.dtype), x[:-1]])
    past = core.as_strided(padded, (x.shape[0], size), (1, 1))
    known = core.sum(~core.isnan(past), axis=1, keepdims=True)
    middle = median_of(past, known)
    spread = 1.4826 * median_of(core.abs(past - middle), known)
    far = core.abs(x[:, None] - middle) > limit * (spread + least)
    return (far & (known >= (size + 1) // 2))[:, 0]


# 17.2: circles, arrows and scales


@misconception(
    "17.1",
    "You go through the rows one by one: right, and five years have 43,824 of them. Find "
    "the last measured row of all rows at once, by a running maximum.",
)
def filled(x, start):
    if x.ndim != 2 or start.shape != (x.shape[1],):
        raise ValueError(
            f"[filled] Expected x (N, F) and start (F,); got {x.shape}, {start.shape}."
        )
    missing = core.isnan(x)
    value, old = start.astype(x.dtype), core.zeros((x.shape[1],), core.int32)
    values, ages = [], []
    for t in range(x.shape[0]):
        value = core.where(missing[t], value, x[t])
        old = core.where(missing[t], old + 1, 0)
        values.append(value)
        ages.append(old)
    if not values:
        return Filled(x, missing, core.zeros(x.shape, core.int32))
    return Filled(core.stack(values), missing, core.stack(ages))


@misconception(
    "17.1",
    "You go through the rows one by one: right, and each row costs a dozen operations on "
    "arrays. Windows of the past are one view, and medians of all its rows one sort.",
)
def outliers(x, size=24, limit=5.0, least=1.0):
    if x.ndim != 1 or size < 1 or not least > 0:
        raise ValueError(
            f"[outliers] Expected x of shape (N,), size >= 1 and least > 0; {x.shape} {size} {least}"
        )
    found = []
    for t in range(x.shape[0]):
        past = x[max(t - size, 0) : t][None]
        if past.shape[1] == 0:
            found.append(core.array(False))
            continue
        known = core.sum(~core.isnan(past), axis=1, keepdims=True)
        middle = median_of(past, known)
        spread = 1.4826 * median_of(core.abs(past - middle), known)
        far = core.abs(x[t] - middle) > limit * core.maximum(spread, least)
        found.append((far & (known >= (size + 1) // 2))[0, 0])
    return core.stack(found) if found else core.zeros((0,), core.bool_)


@misconception(
    "17.2",
    "You count degrees, not radians: a whole turn is 2 pi.",
)
def circular(x, period):
    if not period > 0:
        raise ValueError("[circular] period")
    angle = core.remainder(x.astype(core.float32), period) * (360 / period)
    return core.stack([core.sin(angle), core.cos(angle)], axis=-1)


@misconception(
    "17.2",
    "The sine alone is the same at 3 and at 9 o'clock. A point on a circle needs its cosine, too.",
)
def circular(x, period):
    if not period > 0:
        raise ValueError("[circular] period")
    angle = core.remainder(x.astype(core.float32), period) * (2 * math.pi / period)
    return core.stack([core.sin(angle), core.sin(angle)], axis=-1)


@misconception(
    "17.2",
    "Your circle has one place too few: the hours 0 to 23 are divided by 24, so that 24 is 0 "
    "again.",
)
def circular(x, period):
    if not period > 0:
        raise ValueError("[circular] period")
    angle = core.remainder(x.astype(core.float32), period) * (2 * math.pi / (period - 1))
    return core.stack([core.sin(angle), core.cos(angle)], axis=-1)


@misconception(
    "17.2",
    "The direction says where the wind comes from: a north wind's air goes south. The sign is missing.",
)
def wind(speed, direction):
    if speed.shape != direction.shape:
        raise ValueError("[wind] shape")
    calm = core.isnan(direction)
    toward = circular(core.where(calm, 0, direction), 360)
    return (core.where(calm, 0, speed)[..., None] * toward).astype(speed.dtype)


@misconception(
    "17.2",
    "Degrees count clockwise from north, not counterclockwise from east: the sine belongs to east.",
)
def wind(speed, direction):
    if speed.shape != direction.shape:
        raise ValueError("[wind] shape")
    calm = core.isnan(direction)
    toward = -circular(core.where(calm, 0, direction), 360)[..., ::-1]
    return (core.where(calm, 0, speed)[..., None] * toward).astype(speed.dtype)


@misconception(
    "17.2",
    "A calm becomes a wind from the north: where there is no direction there is no arrow.",
)
def wind(speed, direction):
    if speed.shape != direction.shape:
        raise ValueError("[wind] shape")
    toward = -circular(core.where(core.isnan(direction), 0, direction), 360)
    return (speed[..., None] * toward).astype(speed.dtype)


@misconception(
    "17.2",
    "You fit the scale on all rows. What comes after `stop` is the future, and its mean is news.",
)
def fit(cls, x, stop):
    if x.ndim != 2 or not 1 <= stop <= x.shape[0]:
        raise ValueError("[Scaler] stop")
    if core.any(core.sum(~core.isnan(x[:stop]), axis=0) == 0).item():
        raise ValueError("[Scaler] A column has no measured value")
    past = x
    known = ~core.isnan(past)
    count = core.sum(known, axis=0)
    mean = core.sum(core.where(known, past, 0), axis=0) / count
    rest = core.where(known, past - mean, 0)
    scale = core.sqrt(core.sum(rest * rest, axis=0) / count)
    low = core.min(core.where(known, past, core.inf), axis=0)
    high = core.max(core.where(known, past, -core.inf), axis=0)
    scale = core.where(low == high, 1, scale)
    return cls(mean.astype(x.dtype), scale.astype(x.dtype))


@misconception(
    "17.2",
    "You divide by all rows, also by those without a value.",
)
def fit(cls, x, stop):
    if x.ndim != 2 or not 1 <= stop <= x.shape[0]:
        raise ValueError("[Scaler] stop")
    past = x[:stop]
    known = ~core.isnan(past)
    if core.any(core.sum(known, axis=0) == 0).item():
        raise ValueError("[Scaler] A column has no measured value")
    mean = core.sum(core.where(known, past, 0), axis=0) / stop
    rest = core.where(known, past - mean, 0)
    scale = core.sqrt(core.sum(rest * rest, axis=0) / stop)
    low = core.min(core.where(known, past, core.inf), axis=0)
    high = core.max(core.where(known, past, -core.inf), axis=0)
    scale = core.where(low == high, 1, scale)
    return cls(mean.astype(x.dtype), scale.astype(x.dtype))


@misconception(
    "17.2",
    "The mean of the squares minus the square of the mean: of a pressure in float32 nothing is left.",
)
def fit(cls, x, stop):
    if x.ndim != 2 or not 1 <= stop <= x.shape[0]:
        raise ValueError("[Scaler] stop")
    past = x[:stop]
    known = ~core.isnan(past)
    count = core.sum(known, axis=0)
    if core.any(count == 0).item():
        raise ValueError("[Scaler] A column has no measured value")
    past = core.where(known, past, 0)
    mean = core.sum(past, axis=0) / count
    scale = core.sqrt(core.abs(core.sum(past * past, axis=0) / count - mean * mean))
    low = core.min(core.where(known, past, core.inf), axis=0)
    high = core.max(core.where(known, past, -core.inf), axis=0)
    scale = core.where(low == high, 1, scale)
    return cls(mean.astype(x.dtype), scale.astype(x.dtype))


@misconception(
    "17.2",
    "A deviation has no zero of its own: an error of two scales is not 12 degrees warmer. Leave out the "
    "mean.",
)
def back(self, y, column, deviation=False):
    return y * self.scale[column] + self.mean[column]


@misconception(
    "17.2",
    "You scale back with the first column's numbers. Each column has its own.",
)
def back(self, y, column, deviation=False):
    scaled = y * self.scale[0]
    return scaled if deviation else scaled + self.mean[0]


# 17.3: windows, and where they may stand


@misconception(
    "17.3",
    "You gather the rows of each window. That is right, and it copies each number as often as windows "
    "have it: say by strides how to read the memory that is there.",
)
def sliding(x, length):
    if x.ndim < 1 or not 1 <= length <= x.shape[0]:
        raise ValueError("[sliding] length")
    return x[core.arange(x.shape[0] - length + 1)[:, None] + core.arange(length)]


@misconception(
    "17.3",
    "The last window is missing: N rows have N - length + 1 windows.",
)
def sliding(x, length):
    if x.ndim < 1 or not 1 <= length <= x.shape[0]:
        raise ValueError("[sliding] length")
    inner = [1]
    for size in reversed(x.shape[1:]):
        inner.insert(0, inner[0] * size)
    count = max(x.shape[0] - length, 1)
    return core.as_strided(core.contiguous(x), (count, length, *x.shape[1:]), (inner[0], *inner))


@misconception(
    "17.3",
    "Your windows step by one number, not by one row: a row has as many numbers as there are columns.",
)
def sliding(x, length):
    if x.ndim < 1 or not 1 <= length <= x.shape[0]:
        raise ValueError("[sliding] length")
    inner = [1]
    for size in reversed(x.shape[1:]):
        inner.insert(0, inner[0] * size)
    rows = core.contiguous(x)
    return core.as_strided(rows, (x.shape[0] - length + 1, length, *x.shape[1:]), (1, *inner))


@misconception(
    "17.3",
    "A column of a table does not lie in one piece: strides that you say are those of its own memory.",
)
def sliding(x, length):
    if x.ndim < 1 or not 1 <= length <= x.shape[0]:
        raise ValueError("[sliding] length")
    inner = [1]
    for size in reversed(x.shape[1:]):
        inner.insert(0, inner[0] * size)
    return core.as_strided(x, (x.shape[0] - length + 1, length, *x.shape[1:]), (inner[0], *inner))


@misconception(
    "17.3",
    "What a window foretells may not reach over the end of its part: the last origins see the truth of "
    "the next part.",
)
def origins(usable, breaks, past, future, start, stop):
    count = usable.shape[0]
    if usable.shape != breaks.shape or usable.ndim != 1:
        raise ValueError("[origins] shapes")
    if past < 1 or future < 1 or not 0 <= start <= stop <= count:
        raise ValueError("[origins] numbers")
    good, torn = usable.tolist(), breaks.tolist()
    found, run = [], 0
    for row in range(start, count):
        run = 0 if not good[row] else 1 if torn[row] else run + 1
        if run >= past + future and row - future < stop:
            found.append(row - future)
    return core.array(found, core.int32)


@misconception(
    "17.3",
    "What a window reads may not begin before its part: the first origins of the test read training "
    "rows.",
)
def origins(usable, breaks, past, future, start, stop):
    count = usable.shape[0]
    if usable.shape != breaks.shape or usable.ndim != 1:
        raise ValueError("[origins] shapes")
    if past < 1 or future < 1 or not 0 <= start <= stop <= count:
        raise ValueError("[origins] numbers")
    good, torn = usable.tolist(), breaks.tolist()
    found, run = [], 0
    for row in range(stop):
        run = 0 if not good[row] else 1 if torn[row] else run + 1
        if run >= past + future and row - future >= start:
            found.append(row - future)
    return core.array(found, core.int32)


@misconception(
    "17.3",
    "You look for breaks in front of all rows of a window, also in front of its first one: that break "
    "lies outside.",
)
def origins(usable, breaks, past, future, start, stop):
    count = usable.shape[0]
    if usable.shape != breaks.shape or usable.ndim != 1:
        raise ValueError("[origins] shapes")
    if past < 1 or future < 1 or not 0 <= start <= stop <= count:
        raise ValueError("[origins] numbers")
    good, torn = usable.tolist(), breaks.tolist()
    found, run = [], 0
    for row in range(start, stop):
        run = 0 if not good[row] or torn[row] else run + 1
        if run >= past + future:
            found.append(row - future)
    return core.array(found, core.int32)


@misconception(
    "17.3",
    "A table of all windows: right, and as large as rows times the size of a window.",
)
def origins(usable, breaks, past, future, start, stop):
    count = usable.shape[0]
    if usable.shape != breaks.shape or usable.ndim != 1:
        raise ValueError("[origins] shapes")
    if past < 1 or future < 1 or not 0 <= start <= stop <= count:
        raise ValueError("[origins] numbers")
    size = past + future
    if stop - start < size:
        return core.zeros((0,), core.int32)
    rows = core.arange(start, stop - size + 1)[:, None] + core.arange(size)
    fine = core.all(usable[rows], axis=1) & ~core.any(breaks[rows][:, 1:], axis=1)
    core.eval(rows, fine)
    found = [start + i + past - 1 for i, yes in enumerate(fine.tolist()) if yes]
    return core.array(found, core.int32)


@misconception(
    "17.3",
    "Usable rows are not enough: after a break in time the rows before it are of another week.",
)
def origins(usable, breaks, past, future, start, stop):
    count = usable.shape[0]
    if usable.shape != breaks.shape or usable.ndim != 1:
        raise ValueError("[origins] shapes")
    if past < 1 or future < 1 or not 0 <= start <= stop <= count:
        raise ValueError("[origins] numbers")
    good = usable.tolist()
    found, run = [], 0
    for row in range(start, stop):
        run = run + 1 if good[row] else 0
        if run >= past + future:
            found.append(row - future)
    return core.array(found, core.int32)


@misconception(
    "17.3",
    "Training ends in front of the gap, not right before the test: your gap is missing.",
)
def rolling(count, folds, test, gap=0, longest=None):
    if folds < 1 or test < 1 or gap < 0 or (longest is not None and longest < 1):
        raise ValueError("[rolling] numbers")
    first = count - folds * test
    if first - gap < 1:
        raise ValueError("[rolling] too few")
    found = []
    for begin in range(first, count, test):
        start = 0 if longest is None else max(0, begin - longest)
        found.append(Fold((start, begin), (begin, begin + test)))
    return found


@misconception(
    "17.3",
    "That is k-fold: later rows are in the training part of an earlier test. Only what lies before a "
    "test may be learned from.",
)
def rolling(count, folds, test, gap=0, longest=None):
    if folds < 1 or test < 1 or gap < 0 or (longest is not None and longest < 1):
        raise ValueError("[rolling] numbers")
    first = count - folds * test
    if first - gap < 1:
        raise ValueError("[rolling] too few")
    return [Fold((0, count - gap), (begin, begin + test)) for begin in range(first, count, test)]


@misconception(
    "17.3",
    "The longest training part is counted from the test on; the gap takes its rows away from it.",
)
def rolling(count, folds, test, gap=0, longest=None):
    if folds < 1 or test < 1 or gap < 0 or (longest is not None and longest < 1):
        raise ValueError("[rolling] numbers")
    first = count - folds * test
    if first - gap < 1:
        raise ValueError("[rolling] too few")
    found = []
    for begin in range(first, count, test):
        start = 0 if longest is None else max(0, begin - longest)
        found.append(Fold((min(start, begin - gap), begin - gap), (begin, begin + test)))
    return found


# 17.4: forecasts that cost nothing


@misconception(
    "17.3",
    "You look at every row of every window: rows times the size of a window. Count how long "
    "the present run of good rows is, in one pass.",
)
def origins(usable, breaks, past, future, start, stop):
    count = usable.shape[0]
    if usable.shape != breaks.shape or usable.ndim != 1:
        raise ValueError(f"[origins] usable has {usable.shape} and breaks {breaks.shape}.")
    if past < 1 or future < 1 or not 0 <= start <= stop <= count:
        raise ValueError(f"[origins] past {past}, future {future} borders {start} and {stop}")
    good, torn = usable.tolist(), breaks.tolist()
    found = []
    for t in range(start + past - 1, stop - future):
        rows = range(t - past + 1, t + future + 1)
        if all(good[r] for r in rows) and not any(torn[r] for r in rows[1:]):
            found.append(t)
    return core.array(found, core.int32)


@misconception(
    "17.4",
    "Beyond a period you go on further back. What is repeated is the last period that is known.",
)
def seasonal(past, horizon, period):
    if not 1 <= period <= past.shape[1]:
        raise ValueError("[seasonal] period")
    steps = core.arange(horizon)
    places = steps % period - period * (1 + steps // period)
    return past[:, core.maximum(past.shape[1] + places, 0)]


@misconception(
    "17.4",
    "That is one place too early: step 1 is the value `period` rows before it, past[-period].",
)
def seasonal(past, horizon, period):
    if not 1 <= period <= past.shape[1]:
        raise ValueError("[seasonal] period")
    places = core.arange(horizon) % period - period - 1
    return past[:, core.maximum(past.shape[1] + places, 0)]


@misconception(
    "17.4",
    "That is persistence: the last value for every step. The season has another value for each hour.",
)
def seasonal(past, horizon, period):
    if not 1 <= period <= past.shape[1]:
        raise ValueError("[seasonal] period")
    return core.broadcast_to(past[:, -1:], (past.shape[0], horizon))


@misconception(
    "17.4",
    "A row without a measurement is taken for one of 0 degrees. Its waves have to be zero, too.",
)
def fit(cls, day, hour, y, yearly=3, daily=2):
    size = (2 * yearly + 1) * (2 * daily + 1)
    known = ~core.isnan(y)
    if core.sum(known).item() < size:
        raise ValueError("[Climatology] measured")
    with core.stream(core.cpu):
        q, r = core.linalg.qr(waves(day, hour, yearly, daily))
        right = q.T @ core.where(known, y, 0)
        weights = core.linalg.solve_triangular(r, right[:, None], upper=True)[:, 0]
    return cls(weights, yearly, daily)


@misconception(
    "17.4",
    "The new trend is measured from the old level to the value that was seen: it is the way from "
    "the old level to the new one.",
)
def updated(self, y, alpha, beta, gamma):
    level, trend, season = self
    now = season[0]
    if math.isnan(y):
        return Smoothing(level + trend, trend, (*season[1:], now))
    new = alpha * (y - now) + (1 - alpha) * (level + trend)
    slope = beta * (y - now - level) + (1 - beta) * trend
    again = gamma * (y - level - trend) + (1 - gamma) * now
    return Smoothing(new, slope, (*season[1:], again))


@misconception(
    "17.4",
    "The season learns from what the *new* level leaves over; here it is the old level and trend, as "
    "they were before y was seen.",
)
def updated(self, y, alpha, beta, gamma):
    level, trend, season = self
    now = season[0]
    if math.isnan(y):
        return Smoothing(level + trend, trend, (*season[1:], now))
    new = alpha * (y - now) + (1 - alpha) * (level + trend)
    slope = beta * (new - level) + (1 - beta) * trend
    again = gamma * (y - new) + (1 - gamma) * now
    return Smoothing(new, slope, (*season[1:], again))


@misconception(
    "17.4",
    "The season does not move on: its first entry belongs to the step that comes next.",
)
def updated(self, y, alpha, beta, gamma):
    level, trend, season = self
    now = season[0]
    if math.isnan(y):
        return Smoothing(level + trend, trend, season)
    new = alpha * (y - now) + (1 - alpha) * (level + trend)
    slope = beta * (new - level) + (1 - beta) * trend
    again = gamma * (y - level - trend) + (1 - gamma) * now
    return Smoothing(new, slope, (again, *season[1:]))


@misconception(
    "17.4",
    "A missing value goes into the state, and from then on every forecast is nan. Where y is nan, the "
    "state only moves on.",
)
def updated(self, y, alpha, beta, gamma):
    level, trend, season = self
    now = season[0]
    new = alpha * (y - now) + (1 - alpha) * (level + trend)
    slope = beta * (new - level) + (1 - beta) * trend
    again = gamma * (y - level - trend) + (1 - gamma) * now
    return Smoothing(new, slope, (*season[1:], again))


@misconception(
    "17.4",
    "Each step is one further along the trend: h times, not once.",
)
def forecast(self, horizon):
    return [
        self.level + self.trend + self.season[(h - 1) % len(self.season)]
        for h in range(1, horizon + 1)
    ]


@misconception(
    "17.4",
    "The season of step h is the one at h - 1: the first entry belongs to step 1.",
)
def forecast(self, horizon):
    return [
        self.level + h * self.trend + self.season[h % len(self.season)]
        for h in range(1, horizon + 1)
    ]


# 17.5: a line for every hour


@misconception(
    "17.4",
    "Products of columns square the condition number: of two months, in which the waves of "
    "a year look alike, float32 has no digits left. Take the QR of the waves themselves.",
    symbol="Climatology.fit",
)
def fit(cls, day, hour, y, yearly=3, daily=2):
    size = (2 * yearly + 1) * (2 * daily + 1)
    known = ~core.isnan(y)
    if core.sum(known).item() < size:
        raise ValueError(f"[Climatology] {size} waves need as many measured values.")
    x = core.where(known[:, None], waves(day, hour, yearly, daily), 0)
    with core.stream(core.cpu):
        weights = core.linalg.solve(x.T @ x, x.T @ core.where(known, y, 0))
    return cls(weights, yearly, daily)


@misconception(
    "17.5",
    "The bias pays, too: with a column of ones in the penalty it is pulled to zero. Take the means off.",
)
def ridge(x, y, penalty, rows=4096):
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) == 0 or not penalty > 0:
        raise ValueError("[ridge] penalty")
    with core.stream(core.cpu):
        a = core.concatenate([x, core.ones((len(x), 1), x.dtype)], axis=1).astype(core.float64)
        gram = a.T @ a + penalty * core.eye(a.shape[1], dtype=core.float64)
        w = core.linalg.solve(gram, a.T @ y.astype(core.float64)).astype(core.float32)
        model = Linear(w[:-1], w[-1])
        core.eval(model)
    return model


@misconception(
    "17.5",
    "The penalty is divided by the number of rows, or the products are: then it means another thing.",
)
def ridge(x, y, penalty, rows=4096):
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) == 0 or not penalty > 0:
        raise ValueError("[ridge] penalty")
    with core.stream(core.cpu):
        x_mean, y_mean = mean_of_rows(x, rows), mean_of_rows(y, rows)
        gram = len(x) * penalty * core.eye(x.shape[1], dtype=core.float64)
        right = core.zeros((x.shape[1], y.shape[1]), core.float64)
        for i in range(0, len(x), rows):
            part = x[i : i + rows].astype(core.float64) - x_mean
            gram = gram + part.T @ part
            right = right + part.T @ (y[i : i + rows].astype(core.float64) - y_mean)
            core.eval(gram, right)
        weights = core.linalg.solve(gram, right)
        bias = y_mean - x_mean @ weights
        model = Linear(weights.astype(core.float32), bias.astype(core.float32))
        core.eval(model)
    return model


@misconception(
    "17.5",
    "In float32 the products of columns square the condition number: half of the digits are gone before "
    "anything is solved.",
)
def ridge(x, y, penalty, rows=4096):
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) == 0 or not penalty > 0:
        raise ValueError("[ridge] penalty")
    with core.stream(core.cpu):
        x_mean, y_mean = core.mean(x, axis=0), core.mean(y, axis=0)
        gram = penalty * core.eye(x.shape[1])
        right = core.zeros((x.shape[1], y.shape[1]))
        for i in range(0, len(x), rows):
            part = x[i : i + rows] - x_mean
            gram = gram + part.T @ part
            right = right + part.T @ (y[i : i + rows] - y_mean)
            core.eval(gram, right)
        weights = core.linalg.solve(gram, right)
        model = Linear(weights, y_mean - x_mean @ weights)
        core.eval(model)
    return model


@misconception(
    "17.5",
    "All rows are in memory at once. A view of windows is a hundred times as large as its memory: make "
    "`rows` of them float64 at a time, and evaluate each sum before the next part begins.",
)
def ridge(x, y, penalty, rows=4096):
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) == 0 or not penalty > 0:
        raise ValueError("[ridge] penalty")
    with core.stream(core.cpu):
        a, b = x.astype(core.float64), y.astype(core.float64)
        x_mean, y_mean = core.mean(a, axis=0), core.mean(b, axis=0)
        a = a - x_mean
        gram = penalty * core.eye(x.shape[1], dtype=core.float64) + a.T @ a
        weights = core.linalg.solve(gram, a.T @ (b - y_mean))
        bias = y_mean - x_mean @ weights
        model = Linear(weights.astype(core.float32), bias.astype(core.float32))
        core.eval(model)
    return model


@misconception(
    "17.5",
    "Each part is centred by its own mean. The mean is that of all rows.",
)
def ridge(x, y, penalty, rows=4096):
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) == 0 or not penalty > 0:
        raise ValueError("[ridge] penalty")
    with core.stream(core.cpu):
        x_mean, y_mean = mean_of_rows(x, rows), mean_of_rows(y, rows)
        gram = penalty * core.eye(x.shape[1], dtype=core.float64)
        right = core.zeros((x.shape[1], y.shape[1]), core.float64)
        for i in range(0, len(x), rows):
            part = x[i : i + rows].astype(core.float64)
            part = part - core.mean(part, axis=0)
            other = y[i : i + rows].astype(core.float64)
            gram = gram + part.T @ part
            right = right + part.T @ (other - core.mean(other, axis=0))
            core.eval(gram, right)
        weights = core.linalg.solve(gram, right)
        bias = y_mean - x_mean @ weights
        model = Linear(weights.astype(core.float32), bias.astype(core.float32))
        core.eval(model)
    return model


@misconception(
    "17.5",
    "The oldest value stays and the newest leaves: your window moves backwards.",
)
def recursive(model, past, horizon):
    length, outputs = model.weights.shape
    if outputs != 1 or past.shape[1] < length:
        raise ValueError("[recursive] inputs and outputs")
    window = past[:, past.shape[1] - length :]
    found = []
    for _ in range(horizon):
        new = model(window)
        found.append(new)
        window = core.concatenate([new, window[:, :-1]], axis=1)
    return core.concatenate(found, axis=1)


@misconception(
    "17.5",
    "Every step reads the same window: the second one has to know the first forecast.",
)
def recursive(model, past, horizon):
    length, outputs = model.weights.shape
    if outputs != 1 or past.shape[1] < length:
        raise ValueError("[recursive] inputs and outputs")
    new = model(past[:, past.shape[1] - length :])
    return core.concatenate([new] * horizon, axis=1)


@misconception(
    "17.5",
    "You read the first values of the past, not the last ones.",
)
def recursive(model, past, horizon):
    length, outputs = model.weights.shape
    if outputs != 1 or past.shape[1] < length:
        raise ValueError("[recursive] inputs and outputs")
    window = past[:, :length]
    found = []
    for _ in range(horizon):
        new = model(window)
        found.append(new)
        window = core.concatenate([window[:, 1:], new], axis=1)
    return core.concatenate(found, axis=1)


# 17.6: errors that count


@misconception(
    "17.6",
    "You divide by all origins, also by those without a truth: errors become too small.",
)
def scores(forecast, truth):
    if forecast.shape != truth.shape or truth.ndim != 2:
        raise ValueError("[scores] Expected two arrays (O, K)")
    known = ~core.isnan(truth)
    if not core.any(known).item():
        raise ValueError("[scores] There is no measured truth.")
    if core.any(known & ~core.isfinite(forecast)).item():
        raise ValueError("[scores] A forecast is not finite where the truth is known.")
    error = core.where(known, forecast - truth, 0)
    count = core.sum(known, axis=0)
    n = truth.shape[0]
    squares, sizes = core.sum(error * error, axis=0), core.sum(core.abs(error), axis=0)
    return Scores(
        core.sqrt(squares / n),
        sizes / n,
        core.sum(error, axis=0) / n,
        count.astype(core.int32),
        core.sqrt(core.sum(squares) / truth.size).item(),
        (core.sum(sizes) / truth.size).item(),
    )


@misconception(
    "17.6",
    "The total is the mean of the steps' roots. The root comes last: of the mean of all squares.",
)
def scores(forecast, truth):
    if forecast.shape != truth.shape or truth.ndim != 2:
        raise ValueError("[scores] Expected two arrays (O, K)")
    known = ~core.isnan(truth)
    if not core.any(known).item():
        raise ValueError("[scores] There is no measured truth.")
    if core.any(known & ~core.isfinite(forecast)).item():
        raise ValueError("[scores] A forecast is not finite where the truth is known.")
    error = core.where(known, forecast - truth, 0)
    count = core.sum(known, axis=0)
    squares, sizes = core.sum(error * error, axis=0), core.sum(core.abs(error), axis=0)
    rmse = core.sqrt(squares / count)
    return Scores(
        rmse,
        sizes / count,
        core.sum(error, axis=0) / count,
        count.astype(core.int32),
        (core.sum(core.where(count > 0, rmse, 0)) / core.sum(count > 0)).item(),
        (core.sum(sizes) / core.sum(count)).item(),
    )


@misconception(
    "17.6",
    "The bias is forecast minus truth: positive if the forecast is too warm.",
)
def scores(forecast, truth):
    if forecast.shape != truth.shape or truth.ndim != 2:
        raise ValueError("[scores] Expected two arrays (O, K)")
    known = ~core.isnan(truth)
    if not core.any(known).item():
        raise ValueError("[scores] There is no measured truth.")
    if core.any(known & ~core.isfinite(forecast)).item():
        raise ValueError("[scores] A forecast is not finite where the truth is known.")
    error = core.where(known, truth - forecast, 0)
    count = core.sum(known, axis=0)
    squares, sizes = core.sum(error * error, axis=0), core.sum(core.abs(error), axis=0)
    total = core.sum(count)
    return Scores(
        core.sqrt(squares / count),
        sizes / count,
        core.sum(error, axis=0) / count,
        count.astype(core.int32),
        core.sqrt(core.sum(squares) / total).item(),
        (core.sum(sizes) / total).item(),
    )


@misconception(
    "17.6",
    "A place where the forecast is nan is left out, too. Then the best forecast is one that says nothing "
    "where it is hard.",
)
def scores(forecast, truth):
    if forecast.shape != truth.shape or truth.ndim != 2:
        raise ValueError("[scores] Expected two arrays (O, K)")
    known = ~core.isnan(truth)
    if not core.any(known).item():
        raise ValueError("[scores] There is no measured truth.")
    known = known & core.isfinite(forecast)
    error = core.where(known, forecast - truth, 0)
    count = core.sum(known, axis=0)
    squares, sizes = core.sum(error * error, axis=0), core.sum(core.abs(error), axis=0)
    total = core.sum(count)
    return Scores(
        core.sqrt(squares / count),
        sizes / count,
        core.sum(error, axis=0) / count,
        count.astype(core.int32),
        core.sqrt(core.sum(squares) / total).item(),
        (core.sum(sizes) / total).item(),
    )


@misconception(
    "17.6",
    "The scale is that of one step. With a season the naive forecast is the value one *period* before.",
)
def naive_scale(past, period):
    if period < 1 or past.ndim != 1:
        raise ValueError("[naive_scale] period")
    if len(past) <= period:
        raise ValueError("[naive_scale] no pair")
    apart = core.abs(past[1:] - past[:-1])
    known = ~core.isnan(apart)
    count = core.sum(known).item()
    if count == 0:
        raise ValueError("[naive_scale] no pair")
    scale = (core.sum(core.where(known, apart, 0)) / count).item()
    if not core.any(core.abs(past[period:] - past[:-period]) > 0).item():
        raise ValueError("[naive_scale] the scale is 0")
    return scale


@misconception(
    "17.6",
    "You divide by the number of values, not by that of measured pairs.",
)
def naive_scale(past, period):
    if period < 1 or past.ndim != 1:
        raise ValueError("[naive_scale] period")
    apart = core.abs(past[period:] - past[: max(len(past) - period, 0)])
    known = ~core.isnan(apart)
    if core.sum(known).item() == 0:
        raise ValueError("[naive_scale] no pair")
    scale = (core.sum(core.where(known, apart, 0)) / len(past)).item()
    if scale == 0:
        raise ValueError("[naive_scale] the scale is 0")
    return scale


@misconception(
    "17.6",
    "That is a ratio of errors. The skill is one of squared errors: the share of the variance that is "
    "gone.",
)
def skill(forecast, other, truth):
    mine, theirs = scores(forecast, truth).rmse, scores(other, truth).rmse
    safe = core.where(theirs > 0, theirs, 1)
    return core.where(theirs > 0, 1 - mine / safe, core.nan)


@misconception(
    "17.6",
    "Upside down: what you divide by is the error of the *other* forecast.",
)
def skill(forecast, other, truth):
    mine, theirs = scores(forecast, truth).rmse, scores(other, truth).rmse
    safe = core.where(mine > 0, mine, 1)
    return core.where(mine > 0, 1 - (theirs / safe) ** 2, core.nan)


@misconception(
    "17.6",
    "You add something small to the divisor. Where the other forecast is perfect there is no skill, and "
    "where it is nearly perfect the small number is not small.",
)
def skill(forecast, other, truth):
    mine, theirs = scores(forecast, truth).rmse, scores(other, truth).rmse
    return 1 - mine**2 / (theirs**2 + 1e-8)


# 17.7: a level, a past and a rest


@misconception(
    "17.6",
    "You call a small error none. How small a number is depends on its unit: only where the "
    "other forecast has no error at all is there no skill.",
)
def skill(forecast, other, truth):
    mine, theirs = scores(forecast, truth).rmse, scores(other, truth).rmse
    safe = core.where(theirs > 1e-5, theirs, 1)
    return core.where(theirs > 1e-5, 1 - (mine / safe) ** 2, core.nan)


@misconception(
    "17.7",
    "You take mean and deviation over all windows, too. A window's own level is of its own times only.",
    symbol="ReversibleNorm.__call__",
)
def __call__(self, x):
    mean = core.stop_gradient(core.mean(x, axis=(0, 1), keepdims=True))
    variance = core.mean(core.square(x - mean), axis=(0, 1), keepdims=True)
    scale = core.stop_gradient(core.sqrt(variance + self.eps))
    mean = core.broadcast_to(mean, (x.shape[0], 1, x.shape[2]))
    scale = core.broadcast_to(scale, (x.shape[0], 1, x.shape[2]))
    return (x - mean) / scale * self.weight + self.bias, Level(mean, scale)


@misconception(
    "17.7",
    "The derivative flows through mean and scale. They are where the window stood: constants.",
    symbol="ReversibleNorm.__call__",
)
def __call__(self, x):
    mean = core.mean(x, axis=1, keepdims=True)
    variance = core.mean(core.square(x - mean), axis=1, keepdims=True)
    scale = core.sqrt(variance + self.eps)
    return (x - mean) / scale * self.weight + self.bias, Level(mean, scale)


@misconception(
    "17.7",
    "The epsilon stands outside of the root: it belongs to the variance.",
    symbol="ReversibleNorm.__call__",
)
def __call__(self, x):
    mean = core.stop_gradient(core.mean(x, axis=1, keepdims=True))
    variance = core.mean(core.square(x - mean), axis=1, keepdims=True)
    scale = core.stop_gradient(core.sqrt(variance) + self.eps)
    return (x - mean) / scale * self.weight + self.bias, Level(mean, scale)


@misconception(
    "17.7",
    "You go back in the wrong order: what came last, the shift, has to be undone first.",
    symbol="ReversibleNorm.back",
)
def back(self, y, level, column):
    plain = y / self.weight[column] - self.bias[column]
    return plain * level.scale[:, :, column] + level.mean[:, :, column]


@misconception(
    "17.7",
    "Gain and shift are not undone: as long as they are 1 and 0 nobody notices.",
    symbol="ReversibleNorm.back",
)
def back(self, y, level, column):
    return y * level.scale[:, :, column] + level.mean[:, :, column]


@misconception(
    "17.7",
    "Zeros on both sides: then each row sees rows that come later.",
    symbol="CausalConv.__call__",
)
def __call__(self, x):
    left = self.before // 2
    return self.conv(core.pad(x, [(0, 0), (left, self.before - left), (0, 0)]))


@misconception(
    "17.7",
    "All zeros stand behind the last row: each row sees only those that come later.",
    symbol="CausalConv.__call__",
)
def __call__(self, x):
    return self.conv(core.pad(x, [(0, 0), (0, self.before), (0, 0)]))


@misconception(
    "17.7",
    "The first row is repeated in front. Nothing was there: zeros.",
    symbol="CausalConv.__call__",
)
def __call__(self, x):
    first = core.repeat(x[:, :1], self.before, axis=1)
    return self.conv(core.concatenate([first, x], axis=1))


@misconception(
    "17.7",
    "The second ReLU comes after the sum. Then a block can never make a number smaller than zero, and "
    "what goes past it does not stay as it is.",
    symbol="TemporalConvolution.__call__",
)
def __call__(self, x):
    for first, second, match in zip(self.first, self.second, self.match):
        x = nn.relu(match(x) + second(nn.relu(first(x))))
    return x


@misconception(
    "17.7",
    "Each block should add to what went in; yours replaces it.",
    symbol="TemporalConvolution.__call__",
)
def __call__(self, x):
    for first, second, _ in zip(self.first, self.second, self.match):
        x = nn.relu(second(nn.relu(first(x))))
    return x


@misconception(
    "17.7",
    "Every block reads the whole input. The next one should see only what is left of it.",
    symbol="DoublyResidual.__call__",
)
def __call__(self, x):
    if not self.blocks:
        raise ValueError("[DoublyResidual] There is no block.")
    rest, forecasts = x, []
    for block in self.blocks:
        explained, forecast = block(x)
        rest = rest - explained
        forecasts.append(forecast)
    return sum(forecasts[1:], forecasts[0]), rest


@misconception(
    "17.7",
    "The forecast of the last block is not the forecast: it is what the others left over. Add them.",
    symbol="DoublyResidual.__call__",
)
def __call__(self, x):
    if not self.blocks:
        raise ValueError("[DoublyResidual] There is no block.")
    for block in self.blocks:
        explained, forecast = block(x)
        x = x - explained
    return forecast, x


@misconception(
    "17.7",
    "What is explained is added to the input: it has to be taken off.",
    symbol="DoublyResidual.__call__",
)
def __call__(self, x):
    if not self.blocks:
        raise ValueError("[DoublyResidual] There is no block.")
    forecasts = []
    for block in self.blocks:
        explained, forecast = block(x)
        x = x + explained
        forecasts.append(forecast)
    return sum(forecasts[1:], forecasts[0]), x


# 17.8: a decoder that asks


@misconception(
    "17.7",
    "The mean of the squares minus the square of the mean: of a window of pressures nothing "
    "is left of the variance in float32. Take the mean off first.",
    symbol="ReversibleNorm.__call__",
)
def __call__(self, x):
    mean = core.stop_gradient(core.mean(x, axis=1, keepdims=True))
    variance = core.mean(core.square(x), axis=1, keepdims=True) - core.square(mean)
    scale = core.stop_gradient(core.sqrt(variance + self.eps))
    return (x - mean) / scale * self.weight + self.bias, Level(mean, scale)


@misconception(
    "17.7",
    "Each block is asked twice, once for each of its answers: twice the work, and with "
    "dropout two different answers.",
    symbol="DoublyResidual.__call__",
)
def __call__(self, x):
    if not self.blocks:
        raise ValueError("[DoublyResidual] There is no block.")
    forecasts = []
    for block in self.blocks:
        forecasts.append(block(x)[1])
        x = x - block(x)[0]
    return sum(forecasts[1:], forecasts[0]), x


@misconception(
    "17.8",
    "The scores are not divided by the root of H: with more features the softmax gets harder.",
)
def attend(self, h, states):
    scores = core.sum(states * self.ask(h)[:, None], axis=-1)
    shares = core.softmax(scores, axis=-1)
    return core.sum(shares[..., None] * states, axis=1)


@misconception(
    "17.8",
    "The softmax runs over the rows of the batch. Shares are of the hours of one row.",
)
def attend(self, h, states):
    scores = core.sum(states * self.ask(h)[:, None], axis=-1) / math.sqrt(h.shape[-1])
    shares = core.softmax(scores, axis=0)
    return core.sum(shares[..., None] * states, axis=1)


@misconception(
    "17.8",
    "You ask with the state itself: the linear layer `ask` is there so that a question need not look "
    "like its answer.",
)
def attend(self, h, states):
    scores = core.sum(states * h[:, None], axis=-1) / math.sqrt(h.shape[-1])
    shares = core.softmax(scores, axis=-1)
    return core.sum(shares[..., None] * states, axis=1)


@misconception(
    "17.8",
    "With a teacher the decoder reads the truth of the *same* step: it is told what it should foretell.",
)
def __call__(self, past, last, known, truth=None, teacher=0.0, key=None):
    if not 0 <= teacher <= 1 or (teacher > 0 and truth is None):
        raise ValueError("[Forecaster] teacher")
    states = self.encoder(past)
    h, before = states[:, -1], last
    if truth is not None:
        told = core.random.uniform(shape=(known.shape[1], last.shape[0]), key=key) < teacher
    found = []
    for k in range(known.shape[1]):
        if k > 0:
            before = found[-1]
            if truth is not None:
                before = core.where(told[k], truth[:, k], before)
        h = self.decoder(core.concatenate([before[:, None], known[:, k]], axis=-1)[:, None], h)[
            :, 0
        ]
        both = core.concatenate([h, self.attend(h, states)], axis=-1)
        found.append(self.out(both)[:, 0] + before)
    return core.stack(found, axis=1)


@misconception(
    "17.8",
    "One toss for all: each row and each step decide by themselves what they read.",
)
def __call__(self, past, last, known, truth=None, teacher=0.0, key=None):
    if not 0 <= teacher <= 1 or (teacher > 0 and truth is None):
        raise ValueError("[Forecaster] teacher")
    states = self.encoder(past)
    h, before = states[:, -1], last
    if truth is not None:
        told = core.random.uniform(shape=(known.shape[1], last.shape[0]), key=key) < teacher
    found = []
    for k in range(known.shape[1]):
        if k > 0:
            before = found[-1]
            if truth is not None:
                before = core.where(told[0, 0], truth[:, k - 1], before)
        h = self.decoder(core.concatenate([before[:, None], known[:, k]], axis=-1)[:, None], h)[
            :, 0
        ]
        both = core.concatenate([h, self.attend(h, states)], axis=-1)
        found.append(self.out(both)[:, 0] + before)
    return core.stack(found, axis=1)


@misconception(
    "17.8",
    "Its own forecasts are cut off from the gradient: then no step learns what it does to the next one.",
)
def __call__(self, past, last, known, truth=None, teacher=0.0, key=None):
    if not 0 <= teacher <= 1 or (teacher > 0 and truth is None):
        raise ValueError("[Forecaster] teacher")
    states = self.encoder(past)
    h, before = states[:, -1], last
    if truth is not None:
        told = core.random.uniform(shape=(known.shape[1], last.shape[0]), key=key) < teacher
    found = []
    for k in range(known.shape[1]):
        if k > 0:
            before = core.stop_gradient(found[-1])
            if truth is not None:
                before = core.where(told[k], truth[:, k - 1], before)
        h = self.decoder(core.concatenate([before[:, None], known[:, k]], axis=-1)[:, None], h)[
            :, 0
        ]
        both = core.concatenate([h, self.attend(h, states)], axis=-1)
        found.append(self.out(both)[:, 0] + before)
    return core.stack(found, axis=1)


@misconception(
    "17.8",
    "The decoder begins with a state of zeros: what the encoder has read is lost but for the attention.",
)
def __call__(self, past, last, known, truth=None, teacher=0.0, key=None):
    if not 0 <= teacher <= 1 or (teacher > 0 and truth is None):
        raise ValueError("[Forecaster] teacher")
    states = self.encoder(past)
    h, before = core.zeros_like(states[:, -1]), last
    if truth is not None:
        told = core.random.uniform(shape=(known.shape[1], last.shape[0]), key=key) < teacher
    found = []
    for k in range(known.shape[1]):
        if k > 0:
            before = found[-1]
            if truth is not None:
                before = core.where(told[k], truth[:, k - 1], before)
        h = self.decoder(core.concatenate([before[:, None], known[:, k]], axis=-1)[:, None], h)[
            :, 0
        ]
        both = core.concatenate([h, self.attend(h, states)], axis=-1)
        found.append(self.out(both)[:, 0] + before)
    return core.stack(found, axis=1)


@misconception(
    "17.8",
    "Each answer is added to the last *known* value, not to the one before it.",
)
def __call__(self, past, last, known, truth=None, teacher=0.0, key=None):
    if not 0 <= teacher <= 1 or (teacher > 0 and truth is None):
        raise ValueError("[Forecaster] teacher")
    states = self.encoder(past)
    h, before = states[:, -1], last
    if truth is not None:
        told = core.random.uniform(shape=(known.shape[1], last.shape[0]), key=key) < teacher
    found = []
    for k in range(known.shape[1]):
        if k > 0:
            before = found[-1]
            if truth is not None:
                before = core.where(told[k], truth[:, k - 1], before)
        h = self.decoder(core.concatenate([before[:, None], known[:, k]], axis=-1)[:, None], h)[
            :, 0
        ]
        both = core.concatenate([h, self.attend(h, states)], axis=-1)
        found.append(self.out(both)[:, 0] + last)
    return core.stack(found, axis=1)


# 17.9: how sure?


@misconception(
    "17.8",
    "Your decoder begins at its first hour again at every step. Its state is what it needs "
    "to know of them: one step from the state before.",
    symbol="Forecaster.__call__",
)
def __call__(self, past, last, known, truth=None, teacher=0.0, key=None):
    if not 0 <= teacher <= 1 or (teacher > 0 and truth is None):
        raise ValueError(
            f"[Forecaster] teacher should be from 0 to 1, and 0 without truth; it is {teacher}."
        )
    states = self.encoder(past)
    first, before = states[:, -1], last
    steps = known.shape[1]
    if truth is not None:
        told = core.random.uniform(shape=(steps, last.shape[0]), key=key) < teacher
    found, read = [], []
    for k in range(steps):
        if k > 0:
            before = found[-1]
            if truth is not None:
                before = core.where(told[k], truth[:, k - 1], before)
        read.append(core.concatenate([before[:, None], known[:, k]], axis=-1))
        h = self.decoder(core.stack(read, axis=1), first)[:, -1]
        found.append(
            self.out(core.concatenate([h, self.attend(h, states)], axis=-1))[:, 0] + before
        )
    return core.stack(found, axis=1)


@misconception(
    "17.9",
    "Tau and 1 - tau are exchanged: a quantile of 0.9 that lies too low must be expensive.",
)
def pinball(quantiles, truth, levels):
    if quantiles.shape != (*truth.shape, *levels.shape) or levels.ndim != 1:
        raise ValueError("[pinball] shapes")
    apart = truth[..., None] - quantiles
    return core.where(apart >= 0, (1 - levels) * apart, -levels * apart)


@misconception(
    "17.9",
    "That is quantile minus truth: the sides are exchanged, and the least cost lies at 1 - tau.",
)
def pinball(quantiles, truth, levels):
    if quantiles.shape != (*truth.shape, *levels.shape) or levels.ndim != 1:
        raise ValueError("[pinball] shapes")
    apart = quantiles - truth[..., None]
    return core.where(apart > 0, levels * apart, (levels - 1) * apart)


@misconception(
    "17.9",
    "Sorting makes crossed quantiles ascend, but it gives each gradient to another level's number from "
    "one input to the next. Build them so that they cannot cross.",
)
def __call__(self, x):
    raw = self.linear(x).reshape(*x.shape[:-1], self.horizon, self.levels)
    return core.sort(raw, axis=-1)


@misconception(
    "17.9",
    "All steps go upwards from the first quantile. Then an error of the lowest one moves all others: "
    "begin in the middle.",
)
def __call__(self, x):
    raw = self.linear(x).reshape(*x.shape[:-1], self.horizon, self.levels)
    first = raw[..., :1]
    steps = core.cumsum(softplus(raw[..., 1:]), axis=-1)
    return core.concatenate([first, first + steps], axis=-1)


@misconception(
    "17.9",
    "Each lower quantile is measured from the middle, not from its neighbour: two of them can cross.",
)
def __call__(self, x):
    raw = self.linear(x).reshape(*x.shape[:-1], self.horizon, self.levels)
    half = self.levels // 2
    middle = raw[..., half : half + 1]
    return core.concatenate(
        [middle - softplus(raw[..., :half]), middle, middle + softplus(raw[..., half + 1 :])],
        axis=-1,
    )


@misconception(
    "17.9",
    "exp for softplus: a deviation of e^90 is infinite, and one of e^-60 is next to nothing.",
)
def gaussian_loss(mean, raw, truth, least=1e-3):
    deviation = least + core.exp(raw)
    z = (truth - mean) / deviation
    return core.log(deviation) + z * z / 2 + math.log(2 * math.pi) / 2


@misconception(
    "17.9",
    "The logarithm of the deviation is missing: then the widest forecast is the best one.",
)
def gaussian_loss(mean, raw, truth, least=1e-3):
    deviation = least + softplus(raw)
    z = (truth - mean) / deviation
    return z * z / 2 + math.log(2 * math.pi) / 2


@misconception(
    "17.9",
    "You take the variance for the deviation.",
)
def gaussian_loss(mean, raw, truth, least=1e-3):
    variance = least + softplus(raw)
    z = truth - mean
    return core.log(variance) / 2 + z * z / variance / 2 + math.log(2 * math.pi) / 2


@misconception(
    "17.9",
    "erf takes z over the root of 2: Phi(z) is half of one and erf(z / sqrt 2).",
)
def crps_gaussian(mean, deviation, truth):
    sure = deviation == 0
    safe = core.where(sure, 1, deviation)
    z = (truth - mean) / safe
    density = core.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    inner = z * core.erf(z) + 2 * density - 1 / math.sqrt(math.pi)
    return core.where(sure, core.abs(truth - mean), safe * inner)


@misconception(
    "17.9",
    "Without doubt you divide by zero. The score of such a forecast is its absolute error.",
)
def crps_gaussian(mean, deviation, truth):
    z = (truth - mean) / deviation
    density = core.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return deviation * (z * core.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))


@misconception(
    "17.9",
    "The score has the units of the truth: times the deviation is missing.",
)
def crps_gaussian(mean, deviation, truth):
    sure = deviation == 0
    safe = core.where(sure, 1, deviation)
    z = (truth - mean) / safe
    density = core.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    inner = z * core.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi)
    return core.where(sure, core.abs(truth - mean), inner)


@misconception(
    "17.9",
    "A table of all pairs: right, and a thousand samples have a million pairs.",
)
def crps_samples(samples, truth):
    if samples.shape[:-1] != truth.shape or samples.ndim == 0 or samples.shape[-1] == 0:
        raise ValueError("[crps_samples] shapes")
    pairs = core.abs(samples[..., :, None] - samples[..., None, :])
    return (
        core.mean(core.abs(samples - truth[..., None]), axis=-1)
        - core.mean(pairs, axis=(-2, -1)) / 2
    )


@misconception(
    "17.9",
    "You divide by the pairs of two different samples. The score of the samples as they are counts each "
    "one with itself, too: S squared.",
)
def crps_samples(samples, truth):
    if samples.shape[:-1] != truth.shape or samples.ndim == 0 or samples.shape[-1] == 0:
        raise ValueError("[crps_samples] shapes")
    count = samples.shape[-1]
    apart = samples - truth[..., None]
    ranks = 2 * core.arange(1, count + 1) - (count + 1)
    spread = core.sum(ranks * core.sort(apart, axis=-1), axis=-1) / max(count * (count - 1), 1)
    return core.mean(core.abs(apart), axis=-1) - spread


@misconception(
    "17.9",
    "The second sum is missing. Without it the best forecast is one sample at the median.",
)
def crps_samples(samples, truth):
    if samples.shape[:-1] != truth.shape or samples.ndim == 0 or samples.shape[-1] == 0:
        raise ValueError("[crps_samples] shapes")
    return core.mean(core.abs(samples - truth[..., None]), axis=-1)


# 17.10: intervals that keep their word


@misconception(
    "17.9",
    "You call a small deviation none. How small a number is depends on its unit: only 0 is "
    "a forecast without doubt.",
)
def crps_gaussian(mean, deviation, truth):
    sure = deviation < 1e-6
    safe = core.where(sure, 1, deviation)
    z = (truth - mean) / safe
    density = core.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    inner = z * core.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi)
    return core.where(sure, core.abs(truth - mean), safe * inner)


@misconception(
    "17.9",
    "You sort the samples as they are: of pressures near 1,000, products with ranks have "
    "few right digits in float32. Take the truth off first; differences stay what they are.",
)
def crps_samples(samples, truth):
    if samples.ndim == 0 or samples.shape[:-1] != truth.shape or samples.shape[-1] == 0:
        raise ValueError(
            f"[crps_samples] Samples of {samples.shape} do not fit truth of {truth.shape}."
        )
    count = samples.shape[-1]
    ranks = 2 * core.arange(1, count + 1) - (count + 1)
    spread = core.sum(ranks * core.sort(samples, axis=-1), axis=-1) / count**2
    return core.mean(core.abs(samples - truth[..., None]), axis=-1) - spread


@misconception(
    "17.10",
    "You take the rank among n days. The new day is one more: n + 1 places, all equally likely.",
)
def conformal(low, high, truth, share):
    if not low.shape == high.shape == truth.shape or truth.ndim != 2 or not 0 < share < 1:
        raise ValueError("[conformal] share")
    known = ~core.isnan(truth)
    score = core.where(known, core.maximum(low - truth, truth - high), core.inf)
    score = core.concatenate([score, core.full((1, score.shape[1]), core.inf, score.dtype)])
    ranks = [max(math.ceil(n * share - 1e-9), 1) for n in core.sum(known, axis=0).tolist()]
    places = core.array(ranks, core.int32)[None] - 1
    return core.take_along_axis(core.sort(score, axis=0), places, axis=0)[0]


@misconception(
    "17.10",
    "Where there are too few days you take the worst of them. No finite number keeps the promise: say "
    "so.",
)
def conformal(low, high, truth, share):
    if not low.shape == high.shape == truth.shape or truth.ndim != 2 or not 0 < share < 1:
        raise ValueError("[conformal] share")
    known = ~core.isnan(truth)
    score = core.where(known, core.maximum(low - truth, truth - high), core.inf)
    counts = core.sum(known, axis=0).tolist()
    ranks = [max(min(math.ceil((n + 1) * share - 1e-9), n), 1) for n in counts]
    places = core.array(ranks, core.int32)[None] - 1
    return core.take_along_axis(core.sort(score, axis=0), places, axis=0)[0]


@misconception(
    "17.10",
    "Inside of the interval your score is 0. How far inside counts: intervals may be too wide, too.",
)
def conformal(low, high, truth, share):
    if not low.shape == high.shape == truth.shape or truth.ndim != 2 or not 0 < share < 1:
        raise ValueError("[conformal] share")
    known = ~core.isnan(truth)
    score = core.maximum(core.maximum(low - truth, truth - high), 0)
    score = core.where(known, score, core.inf)
    score = core.concatenate([score, core.full((1, score.shape[1]), core.inf, score.dtype)])
    ranks = [
        min(math.ceil((n + 1) * share - 1e-9), len(score)) for n in core.sum(known, axis=0).tolist()
    ]
    places = core.array(ranks, core.int32)[None] - 1
    return core.take_along_axis(core.sort(score, axis=0), places, axis=0)[0]


@misconception(
    "17.10",
    "Days without truth count as days: their scores are infinite, and they move the rank.",
)
def conformal(low, high, truth, share):
    if not low.shape == high.shape == truth.shape or truth.ndim != 2 or not 0 < share < 1:
        raise ValueError("[conformal] share")
    known = ~core.isnan(truth)
    score = core.where(known, core.maximum(low - truth, truth - high), core.inf)
    score = core.concatenate([score, core.full((1, score.shape[1]), core.inf, score.dtype)])
    rank = min(math.ceil(len(score) * share - 1e-9), len(score))
    return core.sort(score, axis=0)[rank - 1]


@misconception(
    "17.10",
    "One number for all steps: a forecast of tomorrow needs more room than one of the next hour.",
)
def conformal(low, high, truth, share):
    if not low.shape == high.shape == truth.shape or truth.ndim != 2 or not 0 < share < 1:
        raise ValueError("[conformal] share")
    known = ~core.isnan(truth)
    score = core.where(known, core.maximum(low - truth, truth - high), core.inf).reshape(-1)
    score = core.concatenate([score, core.full((1,), core.inf, score.dtype)])
    rank = min(math.ceil((core.sum(known).item() + 1) * share - 1e-9), len(score))
    return core.broadcast_to(core.sort(score)[rank - 1], (truth.shape[1],))


@misconception(
    "17.10",
    "You count the quantiles below: then all truths between two of them have the same place, and the "
    "histogram has as many spikes as there are quantiles.",
)
def pit(quantiles, truth, levels):
    if quantiles.shape != (*truth.shape, *levels.shape):
        raise ValueError("[pit] shapes")
    under = core.sum(quantiles < truth[..., None], axis=-1)
    return core.where(core.isnan(truth), core.nan, under / len(levels))


@misconception(
    "17.10",
    "Outside of all quantiles you say 0 or 1. There is half of what is left on that side.",
)
def pit(quantiles, truth, levels):
    if quantiles.shape != (*truth.shape, *levels.shape):
        raise ValueError("[pit] shapes")
    y = truth[..., None]
    under = core.sum(quantiles < y, axis=-1)
    upto = core.sum(quantiles <= y, axis=-1)
    last = len(levels) - 1
    left, right = core.clip(under - 1, 0, last), core.clip(under, 0, last)
    start = core.take_along_axis(quantiles, left[..., None], axis=-1)[..., 0]
    end = core.take_along_axis(quantiles, right[..., None], axis=-1)[..., 0]
    width = end - start
    along = (truth - start) / core.where(width > 0, width, 1)
    between = levels[left] + along * (levels[right] - levels[left])
    met = (levels[right] + levels[core.clip(upto - 1, 0, last)]) / 2
    found = core.where(upto > under, met, between)
    found = core.where(upto == 0, 0.0, found)
    found = core.where(under == len(levels), 1.0, found)
    return core.where(core.isnan(truth), core.nan, found)


@misconception(
    "17.10",
    "A missing truth becomes the highest place of all: nan is neither below nor above anything.",
)
def pit(quantiles, truth, levels):
    if quantiles.shape != (*truth.shape, *levels.shape):
        raise ValueError("[pit] shapes")
    y = truth[..., None]
    under = core.sum(quantiles < y, axis=-1)
    upto = core.sum(quantiles <= y, axis=-1)
    last = len(levels) - 1
    left, right = core.clip(under - 1, 0, last), core.clip(under, 0, last)
    start = core.take_along_axis(quantiles, left[..., None], axis=-1)[..., 0]
    end = core.take_along_axis(quantiles, right[..., None], axis=-1)[..., 0]
    width = end - start
    along = (truth - start) / core.where(width > 0, width, 1)
    between = levels[left] + along * (levels[right] - levels[left])
    met = (levels[right] + levels[core.clip(upto - 1, 0, last)]) / 2
    found = core.where(upto > under, met, between)
    found = core.where(upto == 0, levels[0] / 2, found)
    return core.where(under == len(levels), (1 + levels[-1]) / 2, found)


# 17.11: better, or lucky?


@misconception(
    "17.11",
    "That is the variance of independent values. Neighbouring hours err together: their covariances are "
    "missing.",
)
def long_run_variance(d, lags):
    if d.ndim != 1 or not 0 <= lags < d.shape[0]:
        raise ValueError("[long_run_variance] lags")
    rest = d - core.mean(d)
    return core.mean(rest * rest).item()


@misconception(
    "17.11",
    "All lags count alike. Then the sum can become negative: weights that fall keep it above zero.",
)
def long_run_variance(d, lags):
    if d.ndim != 1 or not 0 <= lags < d.shape[0]:
        raise ValueError("[long_run_variance] lags")
    rest = d - core.mean(d)
    total = core.sum(rest * rest)
    for k in range(1, lags + 1):
        total = total + 2 * core.sum(rest[k:] * rest[:-k])
    return abs((total / d.shape[0]).item())


@misconception(
    "17.11",
    "Each covariance counts twice, for k and for -k.",
)
def long_run_variance(d, lags):
    if d.ndim != 1 or not 0 <= lags < d.shape[0]:
        raise ValueError("[long_run_variance] lags")
    rest = d - core.mean(d)
    total = core.sum(rest * rest)
    for k in range(1, lags + 1):
        total = total + (1 - k / (lags + 1)) * core.sum(rest[k:] * rest[:-k])
    return (total / d.shape[0]).item()


@misconception(
    "17.11",
    "You divide each covariance by its own number of pairs. Divide by n: with few pairs the sum could "
    "become negative.",
)
def long_run_variance(d, lags):
    if d.ndim != 1 or not 0 <= lags < d.shape[0]:
        raise ValueError("[long_run_variance] lags")
    rest = d - core.mean(d)
    total = core.mean(rest * rest)
    for k in range(1, lags + 1):
        total = total + 2 * (1 - k / (lags + 1)) * core.mean(rest[k:] * rest[:-k])
    return abs(total.item())


@misconception(
    "17.11",
    "The variance is that of one difference. That of their mean is n times smaller.",
)
def diebold_mariano(first, second, steps):
    count = first.shape[0] if first.ndim == 1 else 0
    if first.shape != second.shape or first.ndim != 1 or not 1 <= steps <= count // 2:
        raise ValueError("[diebold_mariano] steps")
    d = first - second
    if not core.all(core.isfinite(d)).item():
        raise ValueError("[diebold_mariano] A loss is not finite.")
    mean = core.mean(d).item()
    if core.all(d == d[0]).item():
        return Comparison(
            mean, math.copysign(math.inf, mean) if mean else 0.0, 0.0 if mean else 1.0
        )
    correction = (count + 1 - 2 * steps + steps * (steps - 1) / count) / count
    statistic = mean / math.sqrt(long_run_variance(d, steps - 1)) * math.sqrt(correction)
    return Comparison(mean, statistic, 2 * student_tail(abs(statistic), count - 1))


@misconception(
    "17.11",
    "One side only: who did not know beforehand which one would be better has to count both.",
)
def diebold_mariano(first, second, steps):
    count = first.shape[0] if first.ndim == 1 else 0
    if first.shape != second.shape or first.ndim != 1 or not 1 <= steps <= count // 2:
        raise ValueError("[diebold_mariano] steps")
    d = first - second
    if not core.all(core.isfinite(d)).item():
        raise ValueError("[diebold_mariano] A loss is not finite.")
    mean = core.mean(d).item()
    if core.all(d == d[0]).item():
        return Comparison(
            mean, math.copysign(math.inf, mean) if mean else 0.0, 0.0 if mean else 1.0
        )
    variance = long_run_variance(d, steps - 1)
    correction = (count + 1 - 2 * steps + steps * (steps - 1) / count) / count
    statistic = mean / math.sqrt(variance / count) * math.sqrt(correction)
    return Comparison(mean, statistic, student_tail(abs(statistic), count - 1))


@misconception(
    "17.11",
    "As many lags as steps. Forecasts of h steps from neighbouring origins share h - 1 hours.",
)
def diebold_mariano(first, second, steps):
    count = first.shape[0] if first.ndim == 1 else 0
    if first.shape != second.shape or first.ndim != 1 or not 1 <= steps <= count // 2:
        raise ValueError("[diebold_mariano] steps")
    d = first - second
    if not core.all(core.isfinite(d)).item():
        raise ValueError("[diebold_mariano] A loss is not finite.")
    mean = core.mean(d).item()
    if core.all(d == d[0]).item():
        return Comparison(
            mean, math.copysign(math.inf, mean) if mean else 0.0, 0.0 if mean else 1.0
        )
    variance = long_run_variance(d, steps)
    correction = (count + 1 - 2 * steps + steps * (steps - 1) / count) / count
    statistic = mean / math.sqrt(variance / count) * math.sqrt(correction)
    return Comparison(mean, statistic, 2 * student_tail(abs(statistic), count - 1))


@misconception(
    "17.11",
    "The correction for few origins is missing.",
)
def diebold_mariano(first, second, steps):
    count = first.shape[0] if first.ndim == 1 else 0
    if first.shape != second.shape or first.ndim != 1 or not 1 <= steps <= count // 2:
        raise ValueError("[diebold_mariano] steps")
    d = first - second
    if not core.all(core.isfinite(d)).item():
        raise ValueError("[diebold_mariano] A loss is not finite.")
    mean = core.mean(d).item()
    if core.all(d == d[0]).item():
        return Comparison(
            mean, math.copysign(math.inf, mean) if mean else 0.0, 0.0 if mean else 1.0
        )
    statistic = mean / math.sqrt(long_run_variance(d, steps - 1) / count)
    return Comparison(mean, statistic, 2 * student_tail(abs(statistic), count - 1))


@misconception(
    "17.11",
    "Single rows are drawn, not blocks: that is the bootstrap of independent values.",
)
def block_starts(count, block, key, draws):
    if not 1 <= block <= count:
        raise ValueError("[block_starts] block")
    return core.random.randint(0, count, (draws, count), key=key).astype(core.int32)


@misconception(
    "17.11",
    "Blocks begin only at multiples of their length. Each place that a block fits behind is as likely.",
)
def block_starts(count, block, key, draws):
    if not 1 <= block <= count:
        raise ValueError("[block_starts] block")
    pieces = -(-count // block)
    starts = block * core.random.randint(0, count // block, (draws, pieces, 1), key=key)
    rows = (starts + core.arange(block)).reshape(draws, pieces * block)
    return rows[:, :count].astype(core.int32)


@misconception(
    "17.11",
    "The last block can never be drawn: there are count - block + 1 of them, and randint leaves its upper "
    "end out.",
)
def block_starts(count, block, key, draws):
    if not 1 <= block <= count:
        raise ValueError("[block_starts] block")
    pieces = -(-count // block)
    starts = core.random.randint(0, max(count - block, 1), (draws, pieces, 1), key=key)
    rows = (starts + core.arange(block)).reshape(draws, pieces * block)
    return rows[:, :count].astype(core.int32)


@misconception(
    "17.11",
    "Both errors are resampled by themselves. They belong to the same hours: what was hard for one was "
    "hard for the other, and that must stay together.",
)
def skill_interval(errors, other, block, key, draws=1000, share=0.95):
    if errors.shape != other.shape or errors.ndim != 1:
        raise ValueError("[skill_interval] shapes")
    one, two = core.random.split(key)
    rows = block_starts(errors.shape[0], block, one, draws)
    more = block_starts(errors.shape[0], block, two, draws)
    found = 1 - core.sum(errors[rows], axis=1) / core.sum(other[more], axis=1)
    ranked = core.sort(found)
    score = 1 - (core.sum(errors) / core.sum(other)).item()
    tail = (1 - share) / 2
    return score, between(ranked, tail), between(ranked, 1 - tail)


@misconception(
    "17.11",
    "The mean of the rows' ratios is not the ratio of their sums: one hour with a small error decides it.",
)
def skill_interval(errors, other, block, key, draws=1000, share=0.95):
    if errors.shape != other.shape or errors.ndim != 1:
        raise ValueError("[skill_interval] shapes")
    rows = block_starts(errors.shape[0], block, key, draws)
    ranked = core.sort(core.mean(1 - errors[rows] / other[rows], axis=1))
    score = core.mean(1 - errors / other).item()
    tail = (1 - share) / 2
    return score, between(ranked, tail), between(ranked, 1 - tail)


@misconception(
    "17.11",
    "You cut off 1 - share at each end: half of it belongs to each.",
)
def skill_interval(errors, other, block, key, draws=1000, share=0.95):
    if errors.shape != other.shape or errors.ndim != 1:
        raise ValueError("[skill_interval] shapes")
    rows = block_starts(errors.shape[0], block, key, draws)
    found = 1 - core.sum(errors[rows], axis=1) / core.sum(other[rows], axis=1)
    ranked = core.sort(found)
    score = 1 - (core.sum(errors) / core.sum(other)).item()
    return score, between(ranked, 1 - share), between(ranked, share)


@misconception(
    "17.11",
    "You look at the variance: that of equal numbers may be rounded to a little more than "
    "0. Compare the differences with each other.",
)
def diebold_mariano(first, second, steps):
    count = first.shape[0] if first.ndim == 1 else 0
    if first.shape != second.shape or not 1 <= steps <= count // 2:
        raise ValueError(
            f"[diebold_mariano] Expected losses (n,) twice and steps from 1 to n // 2; {steps}."
        )
    d = first - second
    if not core.all(core.isfinite(d)).item():
        raise ValueError("[diebold_mariano] A loss is not finite.")
    mean = core.mean(d).item()
    variance = long_run_variance(d, steps - 1)
    if variance == 0:
        return Comparison(
            mean, math.copysign(math.inf, mean) if mean else 0.0, 0.0 if mean else 1.0
        )
    correction = (count + 1 - 2 * steps + steps * (steps - 1) / count) / count
    statistic = mean / math.sqrt(variance / count) * math.sqrt(correction)
    return Comparison(mean, statistic, 2 * student_tail(abs(statistic), count - 1))


@misconception(
    "17.11",
    "You round a uniform number: the first and the last start then get half of the room "
    "that the others get. Draw whole numbers.",
)
def block_starts(count, block, key, draws):
    if not 1 <= block <= count:
        raise ValueError(f"[block_starts] Blocks of {block} do not fit {count} rows.")
    pieces = -(-count // block)
    u = core.random.uniform(shape=(draws, pieces, 1), key=key)
    starts = core.round(u * (count - block)).astype(core.int32)
    return (starts + core.arange(block)).reshape(draws, pieces * block)[:, :count]


@misconception(
    "17.11",
    "A table of all pairs of rows: right, and of a year of hours it has 77 million numbers. "
    "There are only as many products as lags.",
)
def long_run_variance(d, lags):
    if d.ndim != 1 or not 0 <= lags < d.shape[0]:
        raise ValueError(f"[long_run_variance] {lags} lags do not fit a series of {d.shape}.")
    count = d.shape[0]
    rest = d - core.mean(d)
    apart = core.abs(core.arange(count)[:, None] - core.arange(count))
    weight = core.maximum(1 - apart / (lags + 1), 0)
    return (core.sum(weight * rest[:, None] * rest) / count).item()
