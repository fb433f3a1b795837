"""Answers for chapter 17: scikit-learn, statsmodels, SciPy, PyTorch, and NumPy's definitions."""

import math
import warnings

import numpy as np

from reference.kit import in_numpy, torch

# 17.1


@in_numpy
def filled(x, start):
    values, age = x.copy(), np.zeros(x.shape, np.int32)
    for j in range(x.shape[1]):
        last, since = start[j], 0
        for i in range(len(x)):
            since += 1
            if not np.isnan(x[i, j]):
                last, since = x[i, j], 0
            values[i, j], age[i, j] = last, since
    return {"values": values, "missing": np.isnan(x), "age": age}


@in_numpy
def outliers(x, size=24, limit=5.0, least=1.0):
    found = np.zeros(len(x), bool)
    for t in range(len(x)):
        past = x[max(0, t - size) : t]
        past = past[~np.isnan(past)]
        if np.isnan(x[t]) or len(past) < (size + 1) // 2:
            continue
        middle = np.median(past)
        spread = 1.4826 * np.median(np.abs(past - middle))
        found[t] = abs(x[t] - middle) > limit * max(spread, least)
    return {"found": found}


# 17.2


@in_numpy
def circular(x, period):
    angle = np.remainder(x, period) * (2 * np.pi / period)
    return {"y": np.stack([np.sin(angle), np.cos(angle)], axis=-1)}


@in_numpy
def wind(speed, direction):
    toward = np.exp(1j * np.deg2rad(np.nan_to_num(direction)))  # north is real, east imaginary
    arrow = np.where(np.isnan(direction), 0, -speed * toward)
    return {"y": np.stack([arrow.imag, arrow.real], axis=-1)}


@in_numpy
def scaled(x, stop, y, column):
    past = x[:stop]
    mean, scale = np.nanmean(past, axis=0), np.nanstd(past, axis=0)
    scale[scale == 0] = 1
    return {
        "mean": mean,
        "scale": scale,
        "values": np.array(y * scale[column] + mean[column]),
        "deviations": np.array(y * scale[column]),
        "there and back": x[:, column],
    }


@in_numpy
def scaled_column(x, stop):
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x[:stop])
    return {"mean": scaler.mean_, "scale": scaler.scale_}


# 17.3


@in_numpy
def sliding(x, length):
    return {"y": np.stack([x[i : i + length] for i in range(len(x) - length + 1)])}


@in_numpy
def sliding_views(x, length):
    parts = {"column": x[:, 1], "turned": x.T, "second": x[::2]}
    return {name: sliding(part, length)["y"] for name, part in parts.items()}


@in_numpy
def origins(usable, breaks, past, future, start, stop):
    found = []
    for t in range(len(usable)):
        first, last = t - past + 1, t + future
        if first < start or last >= stop:
            continue
        if usable[first : last + 1].all() and not breaks[first + 1 : last + 1].any():
            found.append(t)
    return {"y": np.array(found, np.int32)}


@in_numpy
def rolling(count, folds, test, gap, longest):
    from sklearn.model_selection import TimeSeriesSplit

    # It wants two folds at least; of one it is the last.
    split = TimeSeriesSplit(max(folds, 2), test_size=test, gap=gap, max_train_size=longest)
    pairs = list(split.split(np.zeros(count)))[-folds:]
    return {
        "train": [[int(a[0]), int(a[-1]) + 1] for a, _ in pairs],
        "test": [[int(b[0]), int(b[-1]) + 1] for _, b in pairs],
    }


# 17.4


@in_numpy
def seasonal(past, horizon, period):
    rows = [past[:, -period:]] * (horizon // period + 1)
    return {"y": np.concatenate(rows, axis=1)[:, :horizon]}


def waves(day, hour, yearly, daily):
    def parts(angle, count):
        more = [f(k * angle) for k in range(1, count + 1) for f in (np.sin, np.cos)]
        return [np.ones_like(angle), *more]

    year = parts(2 * np.pi * day / 365.25, yearly)
    clock = parts(2 * np.pi * hour / 24, daily)
    return np.stack([a * b for a in year for b in clock], axis=-1)


@in_numpy
def climatology(day, hour, y, yearly, daily, new_day, new_hour):
    known = ~np.isnan(y)
    x = waves(day, hour, yearly, daily)[known]
    w = np.linalg.lstsq(x, y[known], rcond=None)[0]
    return {"then": waves(new_day, new_hour, yearly, daily) @ w, "sizes": [yearly, daily]}


@in_numpy
def climatology_default(day, hour, y):
    w = np.linalg.lstsq(waves(day, hour, 3, 2), y, rcond=None)[0]
    return {"weights": w, "sizes": [3, 2]}


@in_numpy
def smoothing(y, level, trend, season, alpha, beta, gamma, horizon):
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ExponentialSmoothing(
            np.array(y),
            trend="add",
            seasonal="add",
            seasonal_periods=len(season),
            initialization_method="known",
            initial_level=level,
            initial_trend=trend,
            initial_seasonal=season,
        )
        # The library's smoothing_trend is beta, as in the lesson.
        fit = model.fit(
            smoothing_level=alpha, smoothing_trend=beta, smoothing_seasonal=gamma, optimized=False
        )
    # Its own forecast of step m takes the season of two periods ago (0.15.0 writes over the last
    # one before it forecasts), so the forecast is made here, of its level, trend and season.
    last = np.array(fit.season[-len(season) :])
    steps = np.arange(1, horizon + 1)
    return {
        "forecast": fit.level[-1] + steps * fit.trend[-1] + last[(steps - 1) % len(last)],
        "one step": fit.fittedvalues,
        "season": last,
        "level": np.array(fit.level[-1]),
        "trend": np.array(fit.trend[-1]),
        "unchanged": True,
    }


# 17.5


@in_numpy
def ridge(x, y, penalty, rows=4096):
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=penalty, solver="svd").fit(x, y)
    weights = model.coef_.reshape(y.shape[1], -1).T
    return {"weights": weights, "bias": model.intercept_, "y": x @ weights + model.intercept_}


@in_numpy
def recursive(weights, bias, past, horizon):
    """An autoregression whose parameters are given, as statsmodels forecasts it."""
    from statsmodels.tsa.ar_model import AutoReg

    lags = len(weights)
    found = []
    for row in past:
        long = np.concatenate([np.arange(2.0 * lags + 9) % 3, row])  # enough rows to be a series
        model = AutoReg(long, lags)
        parameters = np.concatenate([bias, weights[::-1, 0]])
        found.append(model.predict(parameters, len(long), len(long) + horizon - 1))
    return {"y": np.stack(found)}


# 17.6


@in_numpy
def scored(forecast, truth):
    from sklearn.metrics import mean_absolute_error, root_mean_squared_error

    known = ~np.isnan(truth)
    rows = {"rmse": [], "mae": [], "bias": []}
    for k in range(truth.shape[1]):
        f, y = forecast[known[:, k], k], truth[known[:, k], k]
        rows["rmse"].append(root_mean_squared_error(y, f))
        rows["mae"].append(mean_absolute_error(y, f))
        rows["bias"].append(np.mean(f - y))
    f, y = forecast[known], truth[known]
    totals = [root_mean_squared_error(y, f), mean_absolute_error(y, f)]
    found = {name: np.array(row) for name, row in rows.items()}
    count = known.sum(0).astype(np.int32)
    return found | {"count": count, "totals": np.array(totals), "are numbers": True}


@in_numpy
def naive_scale(past, period):
    scale = np.nanmean(np.abs(past[period:] - past[:-period]))
    return {"scale": np.array(scale), "a number": True}


@in_numpy
def mase(forecast, truth, past, period):
    error = np.nanmean(np.abs(forecast - truth))
    return {"mase": np.array(error / np.nanmean(np.abs(past[period:] - past[:-period])))}


@in_numpy
def skill(forecast, other, truth):
    mine = np.nanmean((forecast - truth) ** 2, axis=0)
    return {"y": 1 - mine / np.nanmean((other - truth) ** 2, axis=0)}


# 17.7 and 17.8: PyTorch. Inputs are leaves with gradients.


def pulled(outputs, cotangents, inputs, parameters):
    """Outputs and gradients by name, as the probe returns them."""
    total = sum((y * c).sum() for y, c in zip(outputs, cotangents))
    total.backward()
    found = {f"y{i}": y for i, y in enumerate(outputs)}
    zero = torch.zeros_like
    found |= {f"d{i}": zero(x) if x.grad is None else x.grad for i, x in enumerate(inputs)}
    return found | {
        f"d {name}": zero(p) if p.grad is None else p.grad for name, p in parameters.items()
    }


def reversible(x, y, weight, bias, eps, column, cotangents):
    mean = x.mean(dim=1, keepdim=True).detach()
    scale = torch.sqrt(x.var(dim=1, keepdim=True, unbiased=False) + eps).detach()
    plain = (x - mean) / scale * weight + bias
    again = (y - bias[column]) / weight[column] * scale[:, :, column] + mean[:, :, column]
    found = pulled([plain, again], cotangents, [x, y], {"weight": weight, "bias": bias})
    return found | {"again": x[:, :, column], "mean": mean, "scale": scale}


def convolved(x, weight, bias, dilation):
    """PyTorch's convolution, zeros in front."""
    before = (weight.shape[1] - 1) * dilation
    padded = torch.nn.functional.pad(x.transpose(1, 2), (before, 0))
    y = torch.nn.functional.conv1d(padded, weight.transpose(1, 2), bias, dilation=dilation)
    return y.transpose(1, 2)


def causal(x, weights, out, size, dilation, cotangent):
    y = convolved(x, weights["conv.weight"], weights["conv.bias"], dilation)
    return pulled([y], [cotangent], [x], weights)


def temporal(x, weights, hidden, blocks, size, cotangent):
    y = x
    for i in range(blocks):
        inner = y
        for part in ("first", "second"):
            name = f"{part}.{i}.conv."
            inner = convolved(inner, weights[name + "weight"], weights[name + "bias"], 2**i)
            inner = torch.relu(inner)
        if f"match.{i}.weight" in weights:
            y = y @ weights[f"match.{i}.weight"].T + weights[f"match.{i}.bias"]
        y = y + inner
    return pulled([y], [cotangent], [x], weights)


def doubly(x, explained, forecast, cotangents):
    rest, total = x, 0
    for a, b in zip(explained, forecast):
        total = total + rest @ b
        rest = rest - rest @ a
    parameters = {}
    for i, (a, b) in enumerate(zip(explained, forecast)):
        parameters |= {f"blocks.{i}.explained": a, f"blocks.{i}.forecast": b}
    return pulled([total, rest], cotangents, [x], parameters)


def asked(h, states, ask):
    """Attention by PyTorch's own function, one query."""
    q = (h @ ask.T)[:, None]
    return torch.nn.functional.scaled_dot_product_attention(q, states, states)[:, 0]


def attend(h, states, ask, cotangent):
    y = asked(h, states, ask)
    y.backward(cotangent)
    return {"y": y, "dh": h.grad, "dstates": states.grad}


def cell(x, h, weights, name):
    """One step of a GRU as MLX has it (the bias of the new state's hidden part is its own)."""
    wx, wh = weights[f"{name}.Wx"], weights[f"{name}.Wh"]
    b, bhn = weights[f"{name}.b"], weights[f"{name}.bhn"]
    n = h.shape[-1]
    gx, gh = x @ wx.T + b, h @ wh.T
    r = torch.sigmoid(gx[:, :n] + gh[:, :n])
    z = torch.sigmoid(gx[:, n : 2 * n] + gh[:, n : 2 * n])
    new = torch.tanh(gx[:, 2 * n :] + r * (gh[:, 2 * n :] + bhn))
    return (1 - z) * new + z * h


def forecaster(past, last, known, weights, hidden, cotangent, truth=None, teacher=0.0, seed=0):
    """For a teacher of 0 and 1; between them a judge compares what is read."""
    h = torch.zeros(len(past), hidden, dtype=past.dtype)
    states = []
    for t in range(past.shape[1]):
        h = cell(past[:, t], h, weights, "encoder")
        states.append(h)
    states = torch.stack(states, dim=1)
    before, found = last, []
    for k in range(known.shape[1]):
        if k:
            before = truth[:, k - 1] if teacher == 1 else found[-1]
        h = cell(torch.cat([before[:, None], known[:, k]], dim=-1), h, weights, "decoder")
        both = torch.cat([h, asked(h, states, weights["ask.weight"])], dim=-1)
        found.append((both @ weights["out.weight"].T + weights["out.bias"])[:, 0] + before)
    return pulled([torch.stack(found, dim=1)], [cotangent], [past, last, known], weights)


# 17.9


def pinball(quantiles, truth, levels, cotangent):
    apart = truth[..., None] - quantiles
    y = torch.maximum(levels * apart, (levels - 1) * apart)
    y.backward(cotangent)
    return {"y": y, "dq": quantiles.grad, "dy": truth.grad}


@in_numpy
def mean_pinball(quantiles, truth, levels):
    from sklearn.metrics import mean_pinball_loss

    return {
        "y": np.array(
            [mean_pinball_loss(truth, quantiles[:, i], alpha=a) for i, a in enumerate(levels)]
        )
    }


def quantile_head(x, weights, horizon, levels, cotangent):
    raw = x @ weights["linear.weight"].T + weights["linear.bias"]
    raw = raw.reshape(*x.shape[:-1], horizon, levels)
    half = levels // 2
    parts = [raw[..., half]]
    for i in range(half + 1, levels):
        parts.append(parts[-1] + torch.nn.functional.softplus(raw[..., i], threshold=700))
    for i in reversed(range(half)):
        parts.insert(0, parts[0] - torch.nn.functional.softplus(raw[..., i], threshold=700))
    return pulled([torch.stack(parts, dim=-1)], [cotangent], [x], weights)


def gaussian_loss(mean, raw, truth, least, cotangent):
    deviation = least + torch.nn.functional.softplus(raw, threshold=700)
    y = -torch.distributions.Normal(mean, deviation).log_prob(truth)
    y.backward(cotangent)
    return {"y": y, "dm": mean.grad, "dr": raw.grad, "dt": truth.grad}


@in_numpy
def gaussian_default(mean, raw, truth):
    from scipy.stats import norm

    return {"y": -norm.logpdf(truth, mean, 1e-3 + np.logaddexp(0, raw))}


@in_numpy
def crps_gaussian(mean, deviation, truth):
    """The integral itself, by quadrature."""
    from scipy.integrate import quad
    from scipy.stats import norm

    def area(m, s, y):
        if s == 0:
            return abs(y - m)
        low = quad(lambda x: norm.cdf(x, m, s) ** 2, min(m - 12 * s, y), y, limit=200)[0]
        return low + quad(lambda x: norm.sf(x, m, s) ** 2, y, max(m + 12 * s, y), limit=200)[0]

    return {"y": np.vectorize(area)(mean, deviation, truth)}


def crps_gaussian_gradient(mean, deviation, truth, cotangent):
    normal = torch.distributions.Normal(torch.zeros((), dtype=mean.dtype), 1.0)
    z = (truth - mean) / deviation
    inner = z * (2 * normal.cdf(z) - 1) + 2 * normal.log_prob(z).exp() - 1 / math.sqrt(math.pi)
    y = deviation * inner
    y.backward(cotangent)
    return {"y": y, "dm": mean.grad, "dd": deviation.grad, "dt": truth.grad}


@in_numpy
def crps_samples(samples, truth):
    first = np.abs(samples - truth[..., None]).mean(-1)
    pairs = np.abs(samples[..., :, None] - samples[..., None, :])
    return {"y": np.array(first - pairs.mean((-2, -1)) / 2)}


# 17.10


@in_numpy
def conformal(low, high, truth, share):
    from fractions import Fraction

    found = []
    for k in range(truth.shape[1]):
        known = ~np.isnan(truth[:, k])
        score = np.maximum(low[:, k] - truth[:, k], truth[:, k] - high[:, k])[known]
        exact = Fraction(str(share))  # as it is written: 0.07 is seven hundredths
        rank = math.ceil((len(score) + 1) * exact)
        found.append(np.sort(score)[rank - 1] if rank <= len(score) else np.inf)
    return {"y": np.array(found)}


@in_numpy
def pit(quantiles, truth, levels):
    found = []
    for q, y in zip(quantiles.reshape(-1, len(levels)), truth.reshape(-1)):
        if np.isnan(y):
            found.append(np.nan)
        elif y < q[0]:
            found.append(levels[0] / 2)
        elif y > q[-1]:
            found.append((1 + levels[-1]) / 2)
        elif (q == y).any():
            equal = levels[q == y]
            found.append((equal[0] + equal[-1]) / 2)
        else:
            found.append(np.interp(y, q, levels))
    return {"y": np.array(found).reshape(truth.shape)}


# 17.11


@in_numpy
def long_run_variance(d, lags):
    from statsmodels.stats.sandwich_covariance import S_hac_simple

    total = S_hac_simple(d - d.mean(), nlags=lags).item()
    return {"y": np.array(total / len(d)), "a number": True}


@in_numpy
def diebold_mariano(first, second, steps):
    from scipy.stats import t
    from statsmodels.regression.linear_model import OLS

    d, n = first - second, len(first)
    covariance = {"maxlags": steps - 1, "use_correction": False}
    fit = OLS(d, np.ones(n)).fit(cov_type="HAC", cov_kwds=covariance)
    correction = math.sqrt((n + 1 - 2 * steps + steps * (steps - 1) / n) / n)
    statistic = fit.tvalues.item() * correction
    p = 2 * t.sf(abs(statistic), n - 1)
    return {
        "difference": np.array(d.mean()),
        "statistic": np.array(statistic),
        "p": np.array(p),
        "numbers": True,
    }
