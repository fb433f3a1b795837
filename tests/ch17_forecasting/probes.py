"""What the graders of chapter 17 run of the student's code."""

import mlx.core as mx

from course.grading.lines import counted
from tinymlx import core, nn
from tinymlx.core import array as to_array
from tinymlx.forecasting import (
    baselines,
    cleaning,
    comparing,
    features,
    intervals,
    linear,
    networks,
    probabilities,
    scores,
    sequences,
    windows,
)
from tinymlx.utils import tree_flatten, tree_unflatten

__all__ = ["to_array"]


def computed(make):
    """What a call returns, and how many bytes were needed at most to compute it."""
    mx.clear_cache()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    found = make()
    core.eval(found)
    return found, mx.get_peak_memory() - before


def with_weights(model, weights):
    """A model with parameters by name."""
    model.update(tree_unflatten(list(weights.items())))
    return model


def gradients(function, model, inputs, cotangents):
    """Outputs of a model, and derivatives for its inputs and all parameters."""
    names = [name for name, _ in tree_flatten(model.parameters())]
    start = [value for _, value in tree_flatten(model.parameters())]

    def run(*arrays):
        model.update(tree_unflatten(list(zip(names, arrays[len(inputs) :]))))
        return function(*arrays[: len(inputs)])

    outputs, pulled = core.vjp(run, [*inputs, *start], cotangents)
    model.update(tree_unflatten(list(zip(names, start))))
    found = {f"d{i}": g for i, g in enumerate(pulled[: len(inputs)])}
    found |= {f"d {name}": g for name, g in zip(names, pulled[len(inputs) :])}
    return {f"y{i}": y for i, y in enumerate(outputs)} | found


# 17.1


def filled(x, start):
    found = cleaning.filled(x, start)
    return {"values": found.values, "missing": found.missing, "age": found.age}


def outliers(x, **settings):
    return {"found": cleaning.outliers(x, **settings)}


def cleaning_lines(x, start, size):
    """Whether all rows take about as many lines of Python as the first tenth of them."""
    part = x[: len(x) // 10]
    core.eval(x, part)

    def alike(run):
        return counted(lambda: run(x))[1] <= counted(lambda: run(part))[1] + 40

    full = cleaning.filled(x, start)[0]
    return {
        "filled": alike(lambda rows: cleaning.filled(rows, start)),
        "outliers": alike(lambda rows: cleaning.outliers(rows[:, 0], size)),
        "alive": core.max(core.abs(full)).item() > 0,
    }


# 17.2


def circular(x, period):
    return {"y": features.circular(x, period)}


def wind(speed, direction):
    return {"y": features.wind(speed, direction)}


def scaled(x, stop, y, column):
    scaler = features.Scaler.fit(x, stop)
    return {
        "mean": scaler.mean,
        "scale": scaler.scale,
        "values": scaler.back(y, column),
        "deviations": scaler.back(y, column, deviation=True),
        "there and back": scaler.back(scaler.apply(x)[:, column], column),
    }


def scaled_column(x, stop):
    scaler = features.Scaler.fit(x, stop)
    return {"mean": scaler.mean, "scale": scaler.scale}


# 17.3


def sliding(x, length):
    return {"y": windows.sliding(x, length)}


def sliding_views(x, length):
    """Of what does not lie row by row: a column, a transposed table, every second row."""
    core.eval(x)
    parts = {"column": x[:, 1], "turned": x.T, "second": x[::2]}
    return {name: windows.sliding(part, length) for name, part in parts.items()}


def sliding_memory(x, length):
    core.eval(x)
    found, used = computed(lambda: windows.sliding(x, length))
    return {"bytes": used, "last": found[-1]}


def origins(usable, breaks, past, future, start, stop):
    return {"y": windows.origins(usable, breaks, past, future, start, stop)}


def origins_memory(usable, breaks, past, future):
    core.eval(usable, breaks)
    stop = usable.shape[0]
    found, used = computed(lambda: windows.origins(usable, breaks, past, future, 0, stop))
    return {"bytes": used, "count": found.shape[0], "first": found[0].item()}


def origins_lines(usable, breaks, sizes):
    """Whether wide windows take about as many lines of Python as narrow ones."""
    stop = usable.shape[0]

    def run(size):
        return counted(lambda: windows.origins(usable, breaks, size, size, 0, stop))

    narrow, wide = (run(size) for size in sizes)
    ends = [[found[0].item(), found[-1].item()] for found, _ in (narrow, wide)]
    return {"one pass": wide[1] <= 1.2 * narrow[1] + 100, "ends": ends}


def rolling(count, folds, test, gap, longest):
    found = windows.rolling(count, folds, test, gap, longest)
    return {"train": [list(f.train) for f in found], "test": [list(f.test) for f in found]}


# 17.4


def seasonal(past, horizon, period):
    return {"y": baselines.seasonal(past, horizon, period)}


def climatology(day, hour, y, yearly, daily, new_day, new_hour):
    model = baselines.Climatology.fit(day, hour, y, yearly, daily)
    return {"then": model(new_day, new_hour), "sizes": [model.yearly, model.daily]}


def climatology_default(day, hour, y):
    model = baselines.Climatology.fit(day, hour, y)
    return {"weights": model.weights, "sizes": [model.yearly, model.daily]}


def smoothing(y, level, trend, season, alpha, beta, gamma, horizon):
    state = baselines.Smoothing(level, trend, tuple(season))
    first = state
    ahead = []
    for value in y:
        ahead.append(state.forecast(1)[0])
        state = state.updated(value, alpha, beta, gamma)
    return {
        "forecast": to_array(state.forecast(horizon), core.float32),
        "one step": to_array(ahead, core.float32),
        "season": to_array(state.season, core.float32),
        "level": to_array(state.level, core.float32),
        "trend": to_array(state.trend, core.float32),
        "unchanged": first == baselines.Smoothing(level, trend, tuple(season)),
    }


# 17.5


def ridge(x, y, penalty, **settings):
    model = linear.ridge(x, y, penalty, **settings)
    return {"weights": model.weights, "bias": model.bias, "y": model(x)}


def ridge_memory(x, length, penalty):
    """On windows that overlap: they are many times as large as their memory."""
    core.eval(x)
    view = windows.sliding(x, length)
    flat = core.as_strided(x, (view.shape[0], length), (1, 1))
    y = x[: view.shape[0], None]
    core.eval(y)
    model, used = computed(lambda: linear.ridge(flat, y, penalty, rows=256))
    # What is in memory together depends on threads: only on which side of the limit it is counts.
    return {"little memory": used < 3_000_000, "weights": model.weights}


def recursive(weights, bias, past, horizon):
    return {"y": linear.recursive(linear.Linear(weights, bias), past, horizon)}


# 17.6


def scored(forecast, truth):
    found = scores.scores(forecast, truth)
    return {
        "rmse": found.rmse,
        "mae": found.mae,
        "bias": found.bias,
        "count": found.count,
        "totals": to_array([found.total_rmse, found.total_mae], core.float32),
        "are numbers": isinstance(found.total_rmse, float) and isinstance(found.total_mae, float),
    }


def naive_scale(past, period):
    found = scores.naive_scale(past, period)
    return {"scale": to_array(found, core.float32), "a number": isinstance(found, float)}


def mase(forecast, truth, past, period):
    return {"mase": to_array(scores.mase(forecast, truth, past, period), core.float32)}


def skill(forecast, other, truth):
    return {"y": scores.skill(forecast, other, truth)}


# 17.7


def reversible(x, y, weight, bias, eps, column, cotangents):
    norm = with_weights(networks.ReversibleNorm(x.shape[-1], eps), {"weight": weight, "bias": bias})

    def both(x, y):
        plain, level = norm(x)
        return plain, norm.back(y, level, column)

    found = gradients(both, norm, [x, y], cotangents)
    plain, level = norm(x)
    again = norm.back(plain[:, :, column], level, column)
    return found | {"again": again, "mean": level.mean, "scale": level.scale}


def causal(x, weights, out, size, dilation, cotangent):
    layer = with_weights(networks.CausalConv(x.shape[-1], out, size, dilation), weights)
    return gradients(layer, layer, [x], [cotangent])


def temporal(x, weights, hidden, blocks, size, cotangent):
    model = networks.TemporalConvolution(x.shape[-1], hidden, blocks, size)
    return gradients(with_weights(model, weights), model, [x], [cotangent])


class Half(nn.Module):
    """A block whose answers are linear in its input."""

    def __init__(self, explained, forecast):
        super().__init__()
        self.explained, self.forecast = explained, forecast

    def __call__(self, x):
        return x @ self.explained, x @ self.forecast


def doubly(x, explained, forecast, cotangents):
    blocks = [Half(a, b) for a, b in zip(explained, forecast)]
    model = networks.DoublyResidual(blocks)
    return gradients(model, model, [x], cotangents)


def block_calls(x, count):
    """How often the blocks are asked."""
    calls = []

    class Noted(nn.Module):
        def __call__(self, x):
            calls.append(x.shape)
            return x / 2, x[:, :1]

    forecast, rest = networks.DoublyResidual([Noted() for _ in range(count)])(x)
    return {"calls": len(calls), "forecast": forecast, "rest": rest}


# 17.8


def attend(h, states, ask, cotangent):
    model = with_weights(sequences.Forecaster(2, 1, h.shape[-1]), {"ask.weight": ask})
    (y,), (dh, dstates) = core.vjp(model.attend, [h, states], [cotangent])
    return {"y": y, "dh": dh, "dstates": dstates}


def forecaster(past, last, known, weights, hidden, cotangent, truth=None, teacher=0.0, seed=0):
    model = sequences.Forecaster(past.shape[-1], known.shape[-1], hidden)
    with_weights(model, weights)

    def run(past, last, known):
        key = core.random.key(seed)
        return model(past, last, known, truth, teacher, key)

    return gradients(run, model, [past, last, known], [cotangent])


def forecaster_draws(past, last, known, truth, seed):
    """Which values are read, and whether the global state is used."""
    model = sequences.Forecaster(past.shape[-1], known.shape[-1], 3)
    model.update({"out": {"weight": core.zeros((1, 6)), "bias": core.zeros((1,))}})
    key = core.random.key(seed)
    told = core.random.uniform(shape=truth.shape[::-1], key=key)
    core.random.seed(5)
    with_key = model(past, last, known, truth, 0.5, key)
    plain = model(past, last, known)
    now = core.random.uniform(shape=(3,))
    core.random.seed(5)
    same = core.random.uniform(shape=(3,))
    core.random.seed(6)
    one = model(past, last, known, truth, 0.5)
    core.random.seed(6)
    other = core.random.uniform(shape=truth.shape[::-1])
    return {
        "told": told < 0.5,
        "y": with_key,
        "plain": plain,
        "untouched": core.array_equal(now, same).item(),
        "global told": other < 0.5,
        "global": one,
    }


def encoder_calls(past, last, known):
    """How often the encoder reads the past, and how many hours the decoder goes through."""
    model = sequences.Forecaster(past.shape[-1], known.shape[-1], 3)
    calls = {"encoder": [], "decoder": []}

    class Noted(nn.GRU):
        def __init__(self, name, dims):
            super().__init__(dims, 3)
            self.name = name

        def __call__(self, x, hidden=None):
            calls[self.name].append(x.shape[1])
            return super().__call__(x, hidden)

    model.encoder = Noted("encoder", past.shape[-1])
    model.decoder = Noted("decoder", 1 + known.shape[-1])
    y = model(past, last, known)
    return {"calls": len(calls["encoder"]), "hours": sum(calls["decoder"]), "y": y}


# 17.9


def pinball(quantiles, truth, levels, cotangent):
    (y,), (dq, dy) = core.vjp(
        lambda q, t: probabilities.pinball(q, t, levels), [quantiles, truth], [cotangent]
    )
    return {"y": y, "dq": dq, "dy": dy}


def mean_pinball(quantiles, truth, levels):
    return {"y": core.mean(probabilities.pinball(quantiles, truth, levels), axis=0)}


def quantile_head(x, weights, horizon, levels, cotangent):
    head = with_weights(probabilities.QuantileHead(x.shape[-1], horizon, levels), weights)
    return gradients(head, head, [x], [cotangent])


def gaussian_loss(mean, raw, truth, least, cotangent):
    (y,), (dm, dr, dt) = core.vjp(
        lambda m, r, t: probabilities.gaussian_loss(m, r, t, least), [mean, raw, truth], [cotangent]
    )
    return {"y": y, "dm": dm, "dr": dr, "dt": dt}


def gaussian_default(mean, raw, truth):
    return {"y": probabilities.gaussian_loss(mean, raw, truth)}


def crps_gaussian(mean, deviation, truth):
    return {"y": probabilities.crps_gaussian(mean, deviation, truth)}


def crps_gaussian_gradient(mean, deviation, truth, cotangent):
    (y,), (dm, dd, dt) = core.vjp(
        probabilities.crps_gaussian, [mean, deviation, truth], [cotangent]
    )
    return {"y": y, "dm": dm, "dd": dd, "dt": dt}


def crps_samples(samples, truth):
    return {"y": probabilities.crps_samples(samples, truth)}


def crps_memory(samples, truth):
    core.eval(samples, truth)
    y, used = computed(lambda: probabilities.crps_samples(samples, truth))
    return {"y": y, "bytes": used}


def crps_lines(samples, truth):
    """Whether all samples take about as many lines of Python as a tenth of them."""
    some = samples[:, : samples.shape[1] // 10]
    y, few = counted(lambda: probabilities.crps_samples(some, truth))
    _, many = counted(lambda: probabilities.crps_samples(samples, truth))
    return {"at once": many <= few + 40, "y": y}


# 17.10


def conformal(low, high, truth, share):
    return {"y": intervals.conformal(low, high, truth, share)}


def covered(low, high, truth, new_low, new_high, new_truth, share):
    wider = intervals.conformal(low, high, truth, share)
    return {"y": intervals.coverage(new_low - wider, new_high + wider, new_truth)}


def pit(quantiles, truth, levels):
    return {"y": intervals.pit(quantiles, truth, levels)}


# 17.11


def long_run_variance(d, lags):
    found = comparing.long_run_variance(d, lags)
    return {"y": to_array(found, core.float32), "a number": isinstance(found, float)}


def variance_memory(d, lags):
    core.eval(d)
    mx.clear_cache()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    found = comparing.long_run_variance(d, lags)
    return {"y": found, "little memory": mx.get_peak_memory() - before < 2_000_000}


def diebold_mariano(first, second, steps):
    found = comparing.diebold_mariano(first, second, steps)
    return {
        "difference": to_array(found.difference, core.float32),
        "statistic": to_array(found.statistic, core.float32),
        "p": to_array(found.p, core.float32),
        "numbers": all(isinstance(value, float) for value in found),
    }


def block_starts(count, block, seed, draws):
    core.random.seed(3)
    y = comparing.block_starts(count, block, core.random.key(seed), draws)
    now = core.random.uniform(shape=(3,))
    core.random.seed(3)
    same = core.array_equal(now, core.random.uniform(shape=(3,))).item()
    return {"y": y, "untouched": same}


def skill_interval(errors, other, block, seed, draws, share):
    key = core.random.key(seed)
    found = comparing.skill_interval(errors, other, block, key, draws, share)
    rows = comparing.block_starts(len(errors), block, key, draws)
    numbers = all(isinstance(value, float) for value in found)
    return {"found": to_array(found, core.float32), "rows": rows, "numbers": numbers}


def skill_lines(errors, other, block):
    """Whether 200 draws take about as many lines of Python as 20."""
    key = core.random.key(0)

    def run(draws):
        return counted(lambda: comparing.skill_interval(errors, other, block, key, draws))

    few, many = run(20), run(200)
    return {"at once": many[1] <= few[1] + 40, "found": to_array(few[0], core.float32)}
