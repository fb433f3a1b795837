"""What people really write in chapter 13. Parsed, never imported: see CONTRIBUTING.md."""

# 13.1: schedules


@misconception(
    "13.1",
    "Your schedule begins with 1, the data themselves: it is off by one step. At step 0 one step has "
    "been made, so the first entry is 1 - beta_0.",
)
def linear_signal(steps=1000, first=1e-4, last=0.02):
    betas = core.linspace(first, last, steps)
    return core.cumprod(1 - betas) / (1 - betas)


@misconception(
    "13.1",
    "You take 1 - beta of each step for what is left. The steps follow each other, so their shares "
    "are multiplied.",
    agrees="schedule[1-",
)
def linear_signal(steps=1000, first=1e-4, last=0.02):
    return 1 - core.linspace(first, last, steps)


@misconception(
    "13.1",
    "You add up the betas instead of multiplying what they leave: after some steps less than nothing "
    "is left.",
)
def linear_signal(steps=1000, first=1e-4, last=0.02):
    return 1 - core.cumsum(core.linspace(first, last, steps))


@misconception(
    "13.1",
    "You leave out the bound of the betas. The last one becomes 1, nothing is left, and a network "
    "that predicts noise has its errors divided by 0 there.",
)
def cosine_signal(steps=1000, offset=0.008, most=0.999):
    f = [math.cos((t / steps + offset) / (1 + offset) * math.pi / 2) ** 2 for t in range(steps + 1)]
    betas = core.array([1 - after / before for before, after in zip(f, f[1:])])
    return core.cumprod(1 - betas)


@misconception(
    "13.1",
    "You take the cosine itself. What is left is a share of a variance, which is its square.",
)
def cosine_signal(steps=1000, offset=0.008, most=0.999):
    f = [math.cos((t / steps + offset) / (1 + offset) * math.pi / 2) for t in range(steps + 1)]
    betas = core.array([min(1 - after / before, most) for before, after in zip(f, f[1:])])
    return core.cumprod(1 - betas)


@misconception(
    "13.1",
    "You move and stretch the share of the variance. What a network sees is the amplitude, its root: "
    "take roots first, and square at the end.",
)
def zero_terminal(signal):
    first, last = signal[0], signal[-1]
    return (signal - last) * first / (first - last)


@misconception(
    "13.1",
    "You subtract the last entry and do not stretch. The first entry changes, and with it the least "
    "noise that the network ever sees.",
)
def zero_terminal(signal):
    amplitude = core.sqrt(signal)
    return core.square(amplitude - amplitude[-1])


# 13.2: noise


@misconception(
    "13.2",
    "You multiply by the shares themselves. They are shares of variances: the factors of the numbers "
    "are their roots.",
    symbol="noisy",
)
def noisy(x, noise, signal, steps):
    a = share(signal, steps, x)
    return (a * x + (1 - a) * noise).astype(x.dtype)


@misconception(
    "13.2",
    "You take the entry before the one that was asked for. The schedule has no entry for the data: "
    "step t is entry t.",
    symbol="noisy",
)
def noisy(x, noise, signal, steps):
    a = share(signal, steps - 1, x)
    return (core.sqrt(a) * x + core.sqrt(1 - a) * noise).astype(x.dtype)


@misconception(
    "13.2",
    "You exchange the two shares: with little noise you give nearly nothing but noise.",
    symbol="noisy",
)
def noisy(x, noise, signal, steps):
    a = share(signal, steps, x)
    return (core.sqrt(1 - a) * x + core.sqrt(a) * noise).astype(x.dtype)


@misconception(
    "13.2",
    "You divide the amplitudes. The ratio is one of variances, the shares as they stand.",
    symbol="signal_to_noise",
)
def signal_to_noise(signal):
    return core.sqrt(signal / (1 - signal))


# 13.3: the best denoiser


@misconception(
    "13.3",
    "You give the nearest point of the data. With noise there are several from which x may have "
    "come; the best guess is their mean, weighted by their probabilities.",
)
def best_denoiser(x, data, signal):
    scores = core.sqrt(signal) * (x @ data.T) - 0.5 * signal * core.sum(core.square(data), axis=-1)
    return data[core.argmax(scores, axis=-1)]


@misconception(
    "13.3",
    "You compare x with the data as they are. The noisy version of a point lies around the point "
    "times the root of the share of signal.",
)
def best_denoiser(x, data, signal):
    scores = (x @ data.T - 0.5 * core.sum(core.square(data), axis=-1)) / (1 - signal)
    return core.softmax(scores, axis=-1) @ data


@misconception(
    "13.3",
    "You divide the squared distance by the deviation. In a Gaussian it is divided by the variance.",
)
def best_denoiser(x, data, signal):
    scores = core.sqrt(signal) * (x @ data.T) - 0.5 * signal * core.sum(core.square(data), axis=-1)
    return core.softmax(scores / core.sqrt(1 - signal), axis=-1) @ data


@misconception(
    "13.3",
    "You take exponentials of distances before you divide. Far from all data each of them is 0, and "
    "0 / 0 is nan: leave it to softmax, which subtracts the maximum first.",
    agrees=["best_guess", "share_for_each"],
)
def best_denoiser(x, data, signal):
    a = core.sqrt(signal)
    squares = core.sum(core.square(x), axis=-1, keepdims=True) + a * a * core.sum(
        core.square(data), axis=-1
    )
    weights = core.exp(-(squares - 2 * a * (x @ data.T)) / (2 * (1 - signal)))
    return weights / core.sum(weights, axis=-1, keepdims=True) @ data


@misconception(
    "13.3",
    "You build a table of all differences, (N, M, D). Multiplied out, the squared distance needs one "
    "product of matrices, and no table larger than (N, M).",
    agrees=["best_guess", "far_from"],
)
def best_denoiser(x, data, signal):
    a = core.sqrt(signal)
    away = x[:, None] - (a[..., None] if a.ndim else a) * data
    scores = -core.sum(core.square(away), axis=-1) / (2 * (1 - signal))
    return core.softmax(scores, axis=-1) @ data


@misconception(
    "13.3",
    "You divide the squared distance by b^2. A Gaussian has 2 b^2 below it.",
)
def best_denoiser(x, data, signal):
    a = core.sqrt(signal)
    scores = (2 * a * (x @ data.T) - signal * core.sum(core.square(data), axis=-1)) / (1 - signal)
    return core.softmax(scores, axis=-1) @ data


# 13.4: three ways to say it


@misconception(
    "13.4",
    "Your velocity has the other sign. It is the derivative on the way from data to noise: noise "
    "comes with plus, the data with minus.",
    symbol="target_of",
)
def target_of(kind, x, noise, signal):
    if kind == "noise":
        return noise
    if kind == "signal":
        return x
    if kind == "velocity":
        return core.sqrt(1 - signal) * x - core.sqrt(signal) * noise
    raise ValueError(f"[target_of] kind should be one of three; it is {kind!r}.")


@misconception(
    "13.4",
    "You exchange the two factors of the velocity. On the circle the derivative of the cosine is minus "
    "the sine: the noise has the factor that the signal had.",
    symbol="target_of",
)
def target_of(kind, x, noise, signal):
    if kind == "noise":
        return noise
    if kind == "signal":
        return x
    if kind == "velocity":
        return core.sqrt(1 - signal) * noise - core.sqrt(signal) * x
    raise ValueError(f"[target_of] kind should be one of three; it is {kind!r}.")


@misconception(
    "13.4",
    "You go from the velocity to the noise, take that off x, and divide by the factor of the "
    "signal. That is right but where no signal is left: turn back by the angle, and nothing is "
    "divided.",
    symbol="parts_of",
    agrees="test_the_parts",
)
def parts_of(kind, predicted, x, signal):
    a, b = core.sqrt(signal), core.sqrt(1 - signal)
    if kind == "noise":
        return Parts((x - b * predicted) / a, predicted)
    if kind == "signal":
        return Parts(predicted, (x - a * predicted) / b)
    if kind == "velocity":
        noise = a * predicted + b * x
        return Parts((x - b * noise) / a, noise)
    raise ValueError(f"[parts_of] kind should be one of three; it is {kind!r}.")


@misconception(
    "13.4",
    "You subtract the predicted noise as it is. In x it has the factor b, and the data the factor a.",
    symbol="parts_of",
)
def parts_of(kind, predicted, x, signal):
    a, b = core.sqrt(signal), core.sqrt(1 - signal)
    if kind == "noise":
        return Parts(x - predicted, predicted)
    if kind == "signal":
        return Parts(predicted, x - predicted)
    if kind == "velocity":
        return Parts(a * x - b * predicted, a * predicted + b * x)
    raise ValueError(f"[parts_of] kind should be one of three; it is {kind!r}.")


@misconception(
    "13.4",
    "Your velocity has the other sign. It is the derivative on the way from data to noise: noise "
    "comes with plus, the data with minus.",
    symbol="parts_of",
)
def parts_of(kind, predicted, x, signal):
    a, b = core.sqrt(signal), core.sqrt(1 - signal)
    if kind == "noise":
        return Parts((x - b * predicted) / a, predicted)
    if kind == "signal":
        return Parts(predicted, (x - a * predicted) / b)
    if kind == "velocity":
        return Parts(a * x + b * predicted, b * x - a * predicted)
    raise ValueError(f"[parts_of] kind should be one of three; it is {kind!r}.")


@misconception(
    "13.4",
    "You take the shares for factors. They are shares of variances: a and b are their roots.",
    symbol="parts_of",
)
def parts_of(kind, predicted, x, signal):
    a, b = signal, 1 - signal
    if kind == "noise":
        return Parts((x - b * predicted) / a, predicted)
    if kind == "signal":
        return Parts(predicted, (x - a * predicted) / b)
    if kind == "velocity":
        return Parts(a * x - b * predicted, a * predicted + b * x)
    raise ValueError(f"[parts_of] kind should be one of three; it is {kind!r}.")


@misconception(
    "13.4",
    "You take the shares for factors. They are shares of variances: a and b are their roots.",
    symbol="target_of",
)
def target_of(kind, x, noise, signal):
    if kind == "noise":
        return noise
    if kind == "signal":
        return x
    if kind == "velocity":
        return signal * noise - (1 - signal) * x
    raise ValueError(f"[target_of] kind should be one of three; it is {kind!r}.")


@misconception(
    "13.4",
    "You clip the signal, as samplers of pictures do. That is a choice of the sampler: "
    "`parts_of` says what a prediction means, and data need not end at 1.",
    symbol="parts_of",
)
def parts_of(kind, predicted, x, signal):
    a, b = core.sqrt(signal), core.sqrt(1 - signal)
    if kind == "noise":
        return Parts(core.clip((x - b * predicted) / a, -1, 1), predicted)
    if kind == "signal":
        return Parts(predicted, (x - a * predicted) / b)
    if kind == "velocity":
        return Parts(a * x - b * predicted, a * predicted + b * x)
    raise ValueError(f'[parts_of] kind should be "noise", "signal" or "velocity"; it is {kind!r}.')


@misconception(
    "13.4",
    "Your b is 1 - a. On the circle a and b are cosine and sine: their squares add up to 1, "
    "so b is the root of 1 - signal.",
    symbol="parts_of",
)
def parts_of(kind, predicted, x, signal):
    a, b = core.sqrt(signal), 1 - core.sqrt(signal)
    if kind == "noise":
        return Parts((x - b * predicted) / a, predicted)
    if kind == "signal":
        return Parts(predicted, (x - a * predicted) / b)
    if kind == "velocity":
        return Parts(a * x - b * predicted, a * predicted + b * x)
    raise ValueError(f'[parts_of] kind should be "noise", "signal" or "velocity"; it is {kind!r}.')


@misconception(
    "13.4",
    "You round the shares to the dtype of the examples. A share of 0.9999 is 1 in half "
    "precision, and nothing is left of the noise.",
    symbol="parts_of",
)
def parts_of(kind, predicted, x, signal):
    signal = signal.astype(x.dtype)
    a, b = core.sqrt(signal), core.sqrt(1 - signal)
    if kind == "noise":
        return Parts((x - b * predicted) / a, predicted)
    if kind == "signal":
        return Parts(predicted, (x - a * predicted) / b)
    if kind == "velocity":
        return Parts(a * x - b * predicted, a * predicted + b * x)
    raise ValueError(f'[parts_of] kind should be "noise", "signal" or "velocity"; it is {kind!r}.')


# 13.5: steps with noise


@misconception(
    "13.5",
    "Your variance is that of a step forward, 1 - alpha. Of the step before more is known, since the "
    "data are known, too; and the last step would add noise to the data.",
    symbol="posterior",
)
def posterior(x, x0, signal, before):
    alpha = signal / before
    of_data = core.sqrt(before) * (1 - alpha) / (1 - signal)
    of_x = core.sqrt(alpha) * (1 - before) / (1 - signal)
    return Posterior(of_data * x0 + of_x * x, (1 - alpha) * core.ones_like(before))


@misconception(
    "13.5",
    "You multiply the noise by the variance. A number with this variance is noise times its root.",
    symbol="ddpm_step",
)
def ddpm_step(x, x0, signal, before, noise):
    mean, variance = posterior(x, x0, signal, before)
    return mean + variance * noise


@misconception(
    "13.5",
    "You forget the noise. The mean alone is the middle of all ways back: what comes out is too "
    "smooth, and has too little variance.",
    symbol="ddpm_step",
)
def ddpm_step(x, x0, signal, before, noise):
    return posterior(x, x0, signal, before).mean


@misconception(
    "13.5",
    "You add the noise that x already has in it, and not the fresh one: nothing new is drawn, and the "
    "variance of the steps does not add up.",
    symbol="ddpm_step",
)
def ddpm_step(x, x0, signal, before, noise):
    mean, variance = posterior(x, x0, signal, before)
    old = (x - core.sqrt(signal) * x0) / core.sqrt(1 - signal)
    return mean + core.sqrt(variance) * old + 0 * noise


@misconception(
    "13.5",
    "You exchange the two weights: far from the data, where x says little, you hold on to x0.",
    symbol="posterior",
)
def posterior(x, x0, signal, before):
    alpha = signal / before
    of_x = core.sqrt(before) * (1 - alpha) / (1 - signal)
    of_data = core.sqrt(alpha) * (1 - before) / (1 - signal)
    return Posterior(of_data * x0 + of_x * x, (1 - before) / (1 - signal) * (1 - alpha))


@misconception(
    "13.5",
    "You use `signal` as the share of one step. It is the product of all steps so far; the step from "
    "the one before to this one keeps signal / before.",
    symbol="posterior",
)
def posterior(x, x0, signal, before):
    alpha = signal
    of_data = core.sqrt(before) * (1 - alpha) / (1 - signal)
    of_x = core.sqrt(alpha) * (1 - before) / (1 - signal)
    return Posterior(of_data * x0 + of_x * x, (1 - before) / (1 - signal) * (1 - alpha))


@misconception(
    "13.5",
    "The weight of the data has the root of this step's share in yours. It is that of the "
    "step before, where the data are to be.",
    symbol="posterior",
)
def posterior(x, x0, signal, before):
    alpha = signal / before
    of_data = core.sqrt(signal) * (1 - alpha) / (1 - signal)
    of_x = core.sqrt(alpha) * (1 - before) / (1 - signal)
    return Posterior(of_data * x0 + of_x * x, (1 - before) / (1 - signal) * (1 - alpha))


@misconception(
    "13.5",
    "You go by the noise and divide by the root of alpha, as the paper does. At the last "
    "step of a schedule that ends at zero that is 0 by 0; the form with x0 and x has no "
    "such quotient.",
    symbol="posterior",
)
def posterior(x, x0, signal, before):
    alpha = signal / before
    of_data = core.sqrt(before) * (1 - alpha) / (1 - signal)
    of_x = core.sqrt(alpha) * (1 - before) / (1 - signal)
    noise = (x - core.sqrt(signal) * x0) / core.sqrt(1 - signal)
    return Posterior(
        (x - (1 - alpha) / core.sqrt(1 - signal) * noise) / core.sqrt(alpha),
        (1 - before) / (1 - signal) * (1 - alpha),
    )


@misconception(
    "13.5",
    "Your noise has the variance of a step forward, 1 - alpha. Of the step before more is "
    "known, since the data are known, too; and the last step would add noise to the data.",
    symbol="ddpm_step",
)
def ddpm_step(x, x0, signal, before, noise):
    mean, variance = posterior(x, x0, signal, before)
    return mean + core.sqrt(1 - signal / before) * noise


# 13.6: steps without


@misconception(
    "13.6",
    "You keep all of the old noise and add the fresh one to it: there is too much noise after the "
    "step. What comes in has to go out.",
)
def ddim_step(x0, noise, signal, before, eta=0.0, fresh=None):
    if eta < 0 or (eta and fresh is None):
        raise ValueError("[ddim_step] eta should not be negative, and needs fresh noise.")
    sigma = eta * core.sqrt((1 - before) / (1 - signal) * (1 - signal / before))
    y = core.sqrt(before) * x0 + core.sqrt(1 - before) * noise
    return y if fresh is None else y + sigma * fresh


@misconception(
    "13.6",
    "You mix with the shares of this step and not with those of the one before: nothing moves.",
)
def ddim_step(x0, noise, signal, before, eta=0.0, fresh=None):
    if eta < 0 or (eta and fresh is None):
        raise ValueError("[ddim_step] eta should not be negative, and needs fresh noise.")
    sigma = eta * core.sqrt((1 - before) / (1 - signal) * (1 - signal / before))
    kept = core.sqrt(core.maximum(1 - signal - core.square(sigma), 0))
    y = core.sqrt(signal) * x0 + kept * noise
    return y if fresh is None else y + sigma * fresh


@misconception(
    "13.6",
    "You leave out the root of sigma: without it eta 1 is not the step of DDPM.",
)
def ddim_step(x0, noise, signal, before, eta=0.0, fresh=None):
    if eta < 0 or (eta and fresh is None):
        raise ValueError("[ddim_step] eta should not be negative, and needs fresh noise.")
    sigma = eta * (1 - before) / (1 - signal) * (1 - signal / before)
    kept = core.sqrt(core.maximum(1 - before - core.square(sigma), 0))
    y = core.sqrt(before) * x0 + kept * noise
    return y if fresh is None else y + sigma * fresh


@misconception(
    "13.6",
    "You take off sigma where its square belongs: variances add up, deviations do not.",
)
def ddim_step(x0, noise, signal, before, eta=0.0, fresh=None):
    if eta < 0 or (eta and fresh is None):
        raise ValueError("[ddim_step] eta should not be negative, and needs fresh noise.")
    sigma = eta * core.sqrt((1 - before) / (1 - signal) * (1 - signal / before))
    kept = core.sqrt(core.maximum(1 - before - sigma, 0))
    y = core.sqrt(before) * x0 + kept * noise
    return y if fresh is None else y + sigma * fresh


# 13.7: places


@misconception(
    "13.7",
    "Your steps go from clean to noisy. Sampling begins with noise: the noisiest step first.",
)
def places(total, count, spacing="trailing", offset=0):
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing == "leading":
        return [total // count * i + offset for i in range(count)]
    if spacing == "trailing":
        return [round(total - total / count * i) - 1 for i in range(count)][::-1]
    if spacing == "linspace":
        return [round((total - 1) * i / max(count - 1, 1)) for i in range(count)]
    raise ValueError(f"[places] spacing should be one of three; it is {spacing!r}.")


@misconception(
    "13.7",
    "Your trailing steps are the leading ones: of 1000 in 50 steps the first is 950 or 980, and not "
    "999. Noise is given to the network, and it is told that there is signal in it.",
)
def places(total, count, spacing="trailing", offset=0):
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing in ("leading", "trailing"):
        return [total // count * i + offset for i in reversed(range(count))]
    if spacing == "linspace":
        if count == 1:
            return [total - 1]
        return [round((total - 1) * i / (count - 1)) for i in reversed(range(count))]
    raise ValueError(f"[places] spacing should be one of three; it is {spacing!r}.")


@misconception(
    "13.7",
    "You cut the distance of trailing steps to a whole number first. With 7 of 1000 steps the error "
    "adds up: round each place, and not the distance.",
)
def places(total, count, spacing="trailing", offset=0):
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing == "leading":
        return [total // count * i + offset for i in reversed(range(count))]
    if spacing == "trailing":
        return [total - total // count * i - 1 for i in range(count)]
    if spacing == "linspace":
        if count == 1:
            return [total - 1]
        return [round((total - 1) * i / (count - 1)) for i in reversed(range(count))]
    raise ValueError(f"[places] spacing should be one of three; it is {spacing!r}.")


@misconception(
    "13.7",
    "Your places are those of even parts that begin at 0; linspace has both ends, so there is one "
    "distance fewer than there are steps.",
)
def places(total, count, spacing="trailing", offset=0):
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing == "leading":
        return [total // count * i + offset for i in reversed(range(count))]
    if spacing == "trailing":
        return [round(total - total / count * i) - 1 for i in range(count)]
    if spacing == "linspace":
        if count == 1:
            return [total - 1]
        return [round((total - 1) * i / count) for i in reversed(range(count))]
    raise ValueError(f"[places] spacing should be one of three; it is {spacing!r}.")


@misconception(
    "13.7",
    "You cut off the fraction of trailing steps. Each place is rounded to the nearest.",
)
def places(total, count, spacing="trailing", offset=0):
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing == "leading":
        return [total // count * i + offset for i in reversed(range(count))]
    if spacing == "trailing":
        return [int(total - total / count * i) - 1 for i in range(count)]
    if spacing == "linspace":
        if count == 1:
            return [total - 1]
        return [round((total - 1) * i / (count - 1)) for i in reversed(range(count))]
    raise ValueError(f"[places] spacing should be one of three; it is {spacing!r}.")


@misconception(
    "13.7",
    "You move all steps by the offset. It is that of leading steps only: trailing ones and those of "
    "linspace begin at the last step already, and behind it there is none.",
)
def places(total, count, spacing="trailing", offset=0):
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing == "leading":
        return [total // count * i + offset for i in reversed(range(count))]
    if spacing == "trailing":
        return [round(total - total / count * i) - 1 + offset for i in range(count)]
    if spacing == "linspace":
        if count == 1:
            return [total - 1 + offset]
        return [round((total - 1) * i / (count - 1)) + offset for i in reversed(range(count))]
    raise ValueError(f"[places] spacing should be one of three; it is {spacing!r}.")


@misconception(
    "13.7",
    "You round halves up. `round` and NumPy round them to the even number, and published "
    "models were sampled so.",
)
def places(total, count, spacing="trailing", offset=0):
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing == "leading":
        return [total // count * i + offset for i in reversed(range(count))]
    if spacing == "trailing":
        return [int(total - total / count * i + 0.5) - 1 for i in range(count)]
    if spacing == "linspace":
        if count == 1:
            return [total - 1]
        return [round((total - 1) * i / (count - 1)) for i in reversed(range(count))]
    raise ValueError(
        f'[places] spacing should be "leading", "trailing" or "linspace"; it is {spacing!r}.'
    )


@misconception(
    "13.7",
    "You go down by whole steps until nothing is left, which may be one step more than "
    "`count`, and not at equal distances from both ends.",
)
def places(total, count, spacing="trailing", offset=0):
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing == "leading":
        return [total // count * i + offset for i in reversed(range(count))]
    if spacing == "trailing":
        return list(range(total - 1, -1, -(total // count)))
    if spacing == "linspace":
        if count == 1:
            return [total - 1]
        return [round((total - 1) * i / (count - 1)) for i in reversed(range(count))]
    raise ValueError(
        f'[places] spacing should be "leading", "trailing" or "linspace"; it is {spacing!r}.'
    )


@misconception(
    "13.7",
    "A single step has no distance to another: you divide by count - 1, which is 0. It is "
    "the noisiest one.",
)
def places(total, count, spacing="trailing", offset=0):
    if not 1 <= count <= total:
        raise ValueError(f"[places] count should be from 1 to {total}; it is {count}.")
    if spacing == "leading":
        return [total // count * i + offset for i in reversed(range(count))]
    if spacing == "trailing":
        return [round(total - total / count * i) - 1 for i in range(count)]
    if spacing == "linspace":
        return [round((total - 1) * i / (count - 1)) for i in reversed(range(count))]
    raise ValueError(
        f'[places] spacing should be "leading", "trailing" or "linspace"; it is {spacing!r}.'
    )


# 13.8: the solver


@misconception(
    "13.8",
    "You go a whole step ahead on the line. The middle of the step stands for all of it: half of the "
    "step.",
)
def solver_step(x, x0, signal, before, last_x0=None, last_signal=None):
    inside = core.where(before < 1, before, 0.5)
    here = log_ratio(signal)
    h, d = log_ratio(inside) - here, x0
    if last_x0 is not None and last_signal is not None:
        d = x0 + (x0 - last_x0) * (h / (here - log_ratio(last_signal)))
    kept = core.sqrt(1 - inside) / core.sqrt(1 - signal)
    y = kept * x - core.sqrt(inside) * core.expm1(-h) * d
    return core.where(before < 1, y, x0)


@misconception(
    "13.8",
    "You ignore the step before: this is the first order, which is DDIM.",
)
def solver_step(x, x0, signal, before, last_x0=None, last_signal=None):
    inside = core.where(before < 1, before, 0.5)
    h = log_ratio(inside) - log_ratio(signal)
    kept = core.sqrt(1 - inside) / core.sqrt(1 - signal)
    y = kept * x - core.sqrt(inside) * core.expm1(-h) * x0
    return core.where(before < 1, y, x0)


@misconception(
    "13.8",
    "You take both steps for equally long. In lambda they are not: the line goes through x0 at the "
    "places where it was known.",
)
def solver_step(x, x0, signal, before, last_x0=None, last_signal=None):
    inside = core.where(before < 1, before, 0.5)
    h, d = log_ratio(inside) - log_ratio(signal), x0
    if last_x0 is not None and last_signal is not None:
        d = x0 + (x0 - last_x0) / 2
    kept = core.sqrt(1 - inside) / core.sqrt(1 - signal)
    y = kept * x - core.sqrt(inside) * core.expm1(-h) * d
    return core.where(before < 1, y, x0)


@misconception(
    "13.8",
    "At the data lambda is infinite, and infinity minus infinity is nan. There the result is x0: "
    "choose it, and compute with another number in its place.",
)
def solver_step(x, x0, signal, before, last_x0=None, last_signal=None):
    here = log_ratio(signal)
    h, d = log_ratio(before) - here, x0
    if last_x0 is not None and last_signal is not None:
        d = x0 + (x0 - last_x0) * (h / 2 / (here - log_ratio(last_signal)))
    kept = core.sqrt(1 - before) / core.sqrt(1 - signal)
    return kept * x - core.sqrt(before) * core.expm1(-h) * d


# 13.9: straight lines


@misconception(
    "13.9",
    "Your time runs the other way: at time 0 you have noise. Here 0 is data and 1 is noise.",
    symbol="on_the_line",
)
def on_the_line(x, noise, t):
    t = t.reshape(-1, *[1] * (x.ndim - 1))
    return t * x + (1 - t) * noise


@misconception(
    "13.9",
    "Your target has the sign of the other convention. Time runs from data to noise here, so the "
    "velocity is noise - x.",
    symbol="flow_loss",
)
def flow_loss(velocity, x, noise, t):
    return core.mean(core.square(velocity(on_the_line(x, noise, t), t) - (x - noise)))


@misconception(
    "13.9",
    "You mix with roots, as diffusion does. A line is straight: 1 - t and t.",
    symbol="on_the_line",
)
def on_the_line(x, noise, t):
    t = t.reshape(-1, *[1] * (x.ndim - 1))
    return core.sqrt(1 - t) * x + core.sqrt(t) * noise


@misconception(
    "13.9",
    "Your network should say the noise. It is asked for the velocity, noise - x.",
    symbol="flow_loss",
)
def flow_loss(velocity, x, noise, t):
    return core.mean(core.square(velocity(on_the_line(x, noise, t), t) - noise))


# 13.10: walks


@misconception(
    "13.10",
    "You walk with the stream: your steps are positive, and lead away from the data. Times fall, so "
    "after - t is negative.",
    symbol="euler",
)
def euler(velocity, x, times):
    for t, after in zip(times, times[1:]):
        x = x + (t - after) * velocity(x, core.full((x.shape[0],), t))
        core.async_eval(x)
    return x


@misconception(
    "13.10",
    "You tell the network the time at which the step ends. At the first step it is given noise, and "
    "told that it has data in it.",
    symbol="euler",
)
def euler(velocity, x, times):
    for t, after in zip(times, times[1:]):
        x = x + (after - t) * velocity(x, core.full((x.shape[0],), after))
        core.async_eval(x)
    return x


@misconception(
    "13.10",
    "You ask at the trial point and forget its time: the second call is for the end of the step.",
    symbol="heun",
)
def heun(velocity, x, times):
    for t, after in zip(times, times[1:]):
        now = core.full((x.shape[0],), t)
        here = velocity(x, now)
        there = velocity(x + (after - t) * here, now)
        x = x + (after - t) * (here + there) / 2
        core.async_eval(x)
    return x


@misconception(
    "13.10",
    "You go on from the trial point. It is only for asking: the step starts where you are.",
    symbol="heun",
)
def heun(velocity, x, times):
    for t, after in zip(times, times[1:]):
        here = velocity(x, core.full((x.shape[0],), t))
        x = x + (after - t) * here
        there = velocity(x, core.full((x.shape[0],), after))
        x = x + (after - t) * (here + there) / 2
        core.async_eval(x)
    return x


@misconception(
    "13.10",
    "Nothing is computed until the last step is written: it all waits, and the device with it. "
    "Call core.async_eval(x) after each.",
    symbol="euler",
    agrees="test_a_walk",
)
def euler(velocity, x, times):
    for t, after in zip(times, times[1:]):
        x = x + (after - t) * velocity(x, core.full((x.shape[0],), t))
    return x


# 13.11: few calls


@misconception(
    "13.11",
    "These are Euler's steps. The velocity at the beginning of a step stands for all of it, and each "
    "step is wrong by the square of its length.",
    agrees="exact[float32",
)
def few_calls(velocity, x, calls):
    if calls < 1:
        raise ValueError(f"[few_calls] calls should be at least 1; it is {calls}.")
    for i in range(calls):
        x = x - velocity(x, core.full((x.shape[0],), 1 - i / calls)) / calls
    return x


@misconception(
    "13.11",
    "You ask twice in each of `calls` steps: that is twice as often as allowed.",
)
def few_calls(velocity, x, calls):
    if calls < 1:
        raise ValueError(f"[few_calls] calls should be at least 1; it is {calls}.")
    for i in range(calls):
        here = velocity(x, core.full((x.shape[0],), 1 - i / calls))
        there = velocity(x - here / calls, core.full((x.shape[0],), 1 - (i + 1) / calls))
        x = x - (here + there) / 2 / calls
    return x


@misconception(
    "13.11",
    "Steps of Heun are half as many and twice as long, and at the ends of so long a step the velocity "
    "says little of its middle. Ask in the middle, or use the call of the step before.",
    agrees="exact[float32",
)
def few_calls(velocity, x, calls):
    if calls < 1:
        raise ValueError(f"[few_calls] calls should be at least 1; it is {calls}.")
    t = 1.0
    if calls % 2:
        x = x - velocity(x, core.full((x.shape[0],), t)) / calls
        t = t - 1 / calls
    for _ in range(calls // 2):
        here = velocity(x, core.full((x.shape[0],), t))
        there = velocity(x - 2 / calls * here, core.full((x.shape[0],), t - 2 / calls))
        x, t = x - (here + there) / calls, t - 2 / calls
    return x


# 13.12: guidance


@misconception(
    "13.12",
    "This is the paper's w, which is smaller by 1: here 1 is the conditional prediction itself.",
    symbol="guided",
)
def guided(unconditional, conditional, scale):
    return (1 + scale) * conditional - scale * unconditional


@misconception(
    "13.12",
    "You exchange the two predictions, and lead away from what was asked for.",
    symbol="guided",
)
def guided(unconditional, conditional, scale):
    return conditional + scale * (unconditional - conditional)


@misconception(
    "13.12",
    "You draw for each number. Half a caption teaches nothing: a caption is there, or it is not.",
    symbol="without_some",
)
def without_some(conditions, nothing, drop, key=None):
    if not 0 <= drop <= 1:
        raise ValueError(f"[without_some] drop should be from 0 to 1; it is {drop}.")
    which = core.random.bernoulli(drop, conditions.shape, key=key)
    return core.where(which, nothing.astype(conditions.dtype), conditions)


@misconception(
    "13.12",
    "You keep with the probability that is meant for dropping: nearly all captions are gone.",
    symbol="without_some",
)
def without_some(conditions, nothing, drop, key=None):
    if not 0 <= drop <= 1:
        raise ValueError(f"[without_some] drop should be from 0 to 1; it is {drop}.")
    which = core.random.bernoulli(drop, (conditions.shape[0],), key=key)
    which = which.reshape(-1, *[1] * (conditions.ndim - 1))
    return core.where(which, conditions, nothing.astype(conditions.dtype))


# 13.13: time


@misconception(
    "13.13",
    "Sines come first in yours. Published weights were trained with the cosines first.",
)
def step_embedding(steps, dims, period=10_000.0):
    if dims < 2:
        raise ValueError(f"[step_embedding] dims should be at least 2; it is {dims}.")
    half = dims // 2
    frequencies = core.exp(-core.arange(half) * (math.log(period) / half))
    angles = steps.astype(core.float32)[:, None] * frequencies
    found = core.concatenate([core.sin(angles), core.cos(angles)], axis=-1)
    return core.pad(found, [(0, 0), (0, 1)]) if dims % 2 else found


@misconception(
    "13.13",
    "Your frequencies reach the slowest one, 1 / P, as in chapter 11. Here they end one step before "
    "it: i / h, and not i / (h - 1).",
)
def step_embedding(steps, dims, period=10_000.0):
    if dims < 2:
        raise ValueError(f"[step_embedding] dims should be at least 2; it is {dims}.")
    half = dims // 2
    frequencies = core.exp(-core.arange(half) * (math.log(period) / max(half - 1, 1)))
    angles = steps.astype(core.float32)[:, None] * frequencies
    found = core.concatenate([core.cos(angles), core.sin(angles)], axis=-1)
    return core.pad(found, [(0, 0), (0, 1)]) if dims % 2 else found


@misconception(
    "13.13",
    "You compute angles in the dtype of the steps. In half precision 981 times a frequency is "
    "rounded to half a turn or so: to float32 first.",
    agrees="waves_of_time",
)
def step_embedding(steps, dims, period=10_000.0):
    if dims < 2:
        raise ValueError(f"[step_embedding] dims should be at least 2; it is {dims}.")
    half = dims // 2
    frequencies = core.exp(-core.arange(half) * (math.log(period) / half))
    dtype = steps.dtype if core.issubdtype(steps.dtype, core.floating) else core.float32
    angles = steps.astype(dtype)[:, None] * frequencies.astype(dtype)
    found = core.concatenate([core.cos(angles), core.sin(angles)], axis=-1)
    return core.pad(found, [(0, 0), (0, 1)]) if dims % 2 else found


@misconception(
    "13.13",
    "Your cosines and sines take turns. All cosines stand first, then all sines.",
)
def step_embedding(steps, dims, period=10_000.0):
    if dims < 2:
        raise ValueError(f"[step_embedding] dims should be at least 2; it is {dims}.")
    half = dims // 2
    frequencies = core.exp(-core.arange(half) * (math.log(period) / half))
    angles = steps.astype(core.float32)[:, None] * frequencies
    found = core.stack([core.cos(angles), core.sin(angles)], axis=-1).reshape(-1, 2 * half)
    return core.pad(found, [(0, 0), (0, 1)]) if dims % 2 else found


# 13.14: a block


@misconception(
    "13.14",
    "You add the step at the end of the block. It belongs between the convolutions, so that the "
    "second one can work with it.",
)
def __call__(self, x, step=None):
    y = self.conv1(nn.silu(self.norm1(x)))
    y = self.conv2(nn.silu(self.norm2(y)))
    if step is not None and "time_emb_proj" in self:
        y = y + self.time_emb_proj(nn.silu(step))[:, None, None]
    return y + (self.conv_shortcut(x) if "conv_shortcut" in self else x)


@misconception(
    "13.14",
    "You leave out the silu in front of the step's projection.",
)
def __call__(self, x, step=None):
    y = self.conv1(nn.silu(self.norm1(x)))
    if step is not None and "time_emb_proj" in self:
        y = y + self.time_emb_proj(step)[:, None, None]
    y = self.conv2(nn.silu(self.norm2(y)))
    return y + (self.conv_shortcut(x) if "conv_shortcut" in self else x)


@misconception(
    "13.14",
    "Your block forgets the shortcut. Without it the network has no road on which slopes stay large.",
)
def __call__(self, x, step=None):
    y = self.conv1(nn.silu(self.norm1(x)))
    if step is not None and "time_emb_proj" in self:
        y = y + self.time_emb_proj(nn.silu(step))[:, None, None]
    return self.conv2(nn.silu(self.norm2(y)))


@misconception(
    "13.14",
    "You normalize behind the convolutions. Norm and silu stand in front of each.",
)
def __call__(self, x, step=None):
    y = nn.silu(self.norm2(self.conv1(x)))
    if step is not None and "time_emb_proj" in self:
        y = y + self.time_emb_proj(nn.silu(step))[:, None, None]
    y = nn.silu(self.norm2(self.conv2(y)))
    return y + (self.conv_shortcut(x) if "conv_shortcut" in self else x)


# 13.15: places and words


@misconception(
    "13.15",
    "You take the values from the places. The words are asked, so keys and values are both theirs.",
    symbol="Attention.__call__",
)
def __call__(self, x, context=None):
    n, length, dims = x.shape
    asked = x if context is None else context
    q, k, v = (
        y.reshape(n, -1, self.heads, dims // self.heads).transpose(0, 2, 1, 3)
        for y in (self.to_q(x), self.to_k(asked), self.to_v(x))
    )
    scale = (dims // self.heads) ** -0.5
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=scale)
    return self.to_out[0](y.transpose(0, 2, 1, 3).reshape(n, length, dims))


@misconception(
    "13.15",
    "Your scale is that of all heads together. A scalar product is one of one head.",
    symbol="Attention.__call__",
)
def __call__(self, x, context=None):
    n, length, dims = x.shape
    asked = x if context is None else context
    q, k, v = (
        y.reshape(n, -1, self.heads, dims // self.heads).transpose(0, 2, 1, 3)
        for y in (self.to_q(x), self.to_k(asked), self.to_v(asked))
    )
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=dims**-0.5)
    return self.to_out[0](y.transpose(0, 2, 1, 3).reshape(n, length, dims))


@misconception(
    "13.15",
    "You reshape to heads at once, which mixes places with features. Cut the last axis, then exchange "
    "the axes.",
    symbol="Attention.__call__",
)
def __call__(self, x, context=None):
    n, length, dims = x.shape
    asked = x if context is None else context
    q, k, v = (
        y.reshape(n, self.heads, -1, dims // self.heads)
        for y in (self.to_q(x), self.to_k(asked), self.to_v(asked))
    )
    scale = (dims // self.heads) ** -0.5
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=scale)
    return self.to_out[0](y.reshape(n, length, dims))


@misconception(
    "13.15",
    "You never ask the words: the second attention is missing.",
    symbol="TransformerBlock.__call__",
)
def __call__(self, x, context):
    x = x + self.attn1(self.norm1(x))
    return x + self.ff(self.norm3(x))


@misconception(
    "13.15",
    "You normalize and go on with what is normalized. Each part reads it; the sum goes on without.",
    symbol="TransformerBlock.__call__",
)
def __call__(self, x, context):
    x = self.norm1(x)
    x = x + self.attn1(x)
    x = self.norm2(x)
    x = x + self.attn2(x, context)
    x = self.norm3(x)
    return x + self.ff(x)


@misconception(
    "13.15",
    "You forget to add the map. What the words say is a correction of the map, and not a new one.",
    symbol="SpatialTransformer.__call__",
)
def __call__(self, x, context):
    n, height, width, channels = x.shape
    y = self.proj_in(self.norm(x)).reshape(n, height * width, channels)
    for block in self.transformer_blocks:
        y = block(y, context)
    return self.proj_out(y.reshape(n, height, width, channels))


# 13.16: bridges


@misconception(
    "13.16",
    "You lay the map behind the bridge. Published weights read the map first: the first channels are "
    "its.",
)
def __call__(self, x, steps, context, sizes=None, pooled=None):
    halvings = 2 ** (len(self.down_blocks) - 1)
    if x.shape[1] % halvings or x.shape[2] % halvings:
        raise ValueError(f"[UNet] The sides of a map should be multiples of {halvings}.")
    step = self.time_embedding(step_embedding(steps, self.dims).astype(x.dtype))
    if self.sizes_dims is not None:
        step = step + self.add_embedding(self.more(sizes, pooled, x))
    x = self.conv_in(x)
    bridges = [x]
    for level in self.down_blocks:
        for i in range(len(level.resnets)):
            x = level.block(i, x, step, context)
            bridges.append(x)
        if level.resize:
            x = level.resized(x)
            bridges.append(x)
    x = self.mid_block(x, step, context)
    for level in self.up_blocks:
        for i in range(len(level.resnets)):
            x = core.concatenate([bridges.pop(), x], axis=-1)
            x = level.block(i, x, step, context)
        if level.resize:
            x = level.resized(x)
    return self.conv_out(nn.silu(self.conv_norm_out(x)))


@misconception(
    "13.16",
    "Before the last convolution there is a silu, as before every convolution of a block.",
)
def __call__(self, x, steps, context, sizes=None, pooled=None):
    halvings = 2 ** (len(self.down_blocks) - 1)
    if x.shape[1] % halvings or x.shape[2] % halvings:
        raise ValueError(f"[UNet] The sides of a map should be multiples of {halvings}.")
    step = self.time_embedding(step_embedding(steps, self.dims).astype(x.dtype))
    if self.sizes_dims is not None:
        step = step + self.add_embedding(self.more(sizes, pooled, x))
    x = self.conv_in(x)
    bridges = [x]
    for level in self.down_blocks:
        for i in range(len(level.resnets)):
            x = level.block(i, x, step, context)
            bridges.append(x)
        if level.resize:
            x = level.resized(x)
            bridges.append(x)
    x = self.mid_block(x, step, context)
    for level in self.up_blocks:
        for i in range(len(level.resnets)):
            x = core.concatenate([x, bridges.pop()], axis=-1)
            x = level.block(i, x, step, context)
        if level.resize:
            x = level.resized(x)
    return self.conv_out(self.conv_norm_out(x))


@misconception(
    "13.16",
    "A model that is told the sizes of the picture and a vector of the sentence does not hear them: "
    "add_embedding of self.more(...) belongs to the step.",
    agrees=["two sizes", "three sizes"],
)
def __call__(self, x, steps, context, sizes=None, pooled=None):
    halvings = 2 ** (len(self.down_blocks) - 1)
    if x.shape[1] % halvings or x.shape[2] % halvings:
        raise ValueError(f"[UNet] The sides of a map should be multiples of {halvings}.")
    step = self.time_embedding(step_embedding(steps, self.dims).astype(x.dtype))
    x = self.conv_in(x)
    bridges = [x]
    for level in self.down_blocks:
        for i in range(len(level.resnets)):
            x = level.block(i, x, step, context)
            bridges.append(x)
        if level.resize:
            x = level.resized(x)
            bridges.append(x)
    x = self.mid_block(x, step, context)
    for level in self.up_blocks:
        for i in range(len(level.resnets)):
            x = core.concatenate([x, bridges.pop()], axis=-1)
            x = level.block(i, x, step, context)
        if level.resize:
            x = level.resized(x)
    return self.conv_out(nn.silu(self.conv_norm_out(x)))


@misconception(
    "13.16",
    "You embed the step for every block anew. It is the same vector for all: compute it once.",
    symbol="UNet.__call__",
)
def __call__(self, x, steps, context, sizes=None, pooled=None):
    halvings = 2 ** (len(self.down_blocks) - 1)
    if x.shape[1] % halvings or x.shape[2] % halvings:
        raise ValueError(
            f"[UNet] The sides of a map should be multiples of {halvings}; they are "
            f"{x.shape[1]} and {x.shape[2]}."
        )
    step = self.time_embedding(step_embedding(steps, self.dims).astype(x.dtype))
    if self.sizes_dims is not None:
        step = step + self.add_embedding(self.more(sizes, pooled, x))
    x = self.conv_in(x)
    bridges = [x]
    for level in self.down_blocks:
        for i in range(len(level.resnets)):
            x = level.block(
                i,
                x,
                self.time_embedding(step_embedding(steps, self.dims).astype(x.dtype))
                if self.sizes_dims is None
                else step,
                context,
            )
            bridges.append(x)
        if level.resize:
            x = level.resized(x)
            bridges.append(x)
    x = self.mid_block(x, step, context)
    for level in self.up_blocks:
        for i in range(len(level.resnets)):
            x = core.concatenate([x, bridges.pop()], axis=-1)
            x = level.block(i, x, step, context)
        if level.resize:
            x = level.resized(x)
    return self.conv_out(nn.silu(self.conv_norm_out(x)))


# 13.17: small maps


@misconception(
    "13.17",
    "You do not scale. Diffusion takes its numbers for numbers of deviation 1: with more of it there "
    "is never as much noise as the schedule says.",
    symbol="AutoencoderKL.encode",
)
def encode(self, x, noise=None):
    mean, log_variance = self.distribution(x)
    return mean if noise is None else mean + core.exp(log_variance / 2) * noise


@misconception(
    "13.17",
    "You multiply on the way back as well. The decoder knows maps as the encoder made them: divide.",
    symbol="AutoencoderKL.decode",
)
def decode(self, z):
    z = z * self.scaling + self.shift
    return self.decoder(self.post_quant_conv(z) if "post_quant_conv" in self else z)


@misconception(
    "13.17",
    "You take the exponential of the whole logarithm, which is the variance. Noise is multiplied by "
    "the deviation.",
    symbol="AutoencoderKL.encode",
)
def encode(self, x, noise=None):
    mean, log_variance = self.distribution(x)
    z = mean if noise is None else mean + core.exp(log_variance) * noise
    return (z - self.shift) * self.scaling


@misconception(
    "13.17",
    "You undo the shift before the scale. What was done last is undone first.",
    symbol="AutoencoderKL.decode",
)
def decode(self, z):
    z = (z + self.shift) / self.scaling
    return self.decoder(self.post_quant_conv(z) if "post_quant_conv" in self else z)


@misconception(
    "13.17",
    "You divide on the way to maps. Published scalings are multiplied here: 0.18 makes a deviation of "
    "5.5 one of 1.",
    symbol="AutoencoderKL.encode",
)
def encode(self, x, noise=None):
    mean, log_variance = self.distribution(x)
    z = mean if noise is None else mean + core.exp(log_variance / 2) * noise
    return (z - self.shift) / self.scaling


@misconception(
    "13.17",
    "You shift behind the scaling. Shifted first, then scaled: the shift is one of the encoder's "
    "numbers.",
    symbol="AutoencoderKL.encode",
)
def encode(self, x, noise=None):
    mean, log_variance = self.distribution(x)
    z = mean if noise is None else mean + core.exp(log_variance / 2) * noise
    return z * self.scaling - self.shift


@misconception(
    "13.17",
    "You forget the scaling on the way back: the decoder gets maps that are too small for it.",
    symbol="AutoencoderKL.decode",
)
def decode(self, z):
    z = z + self.shift
    return self.decoder(self.post_quant_conv(z) if "post_quant_conv" in self else z)


# 13.18: from words to a map


@misconception(
    "13.18",
    "You exchange the halves: what you take for the prediction without words is the one with them, and "
    "guidance leads away from what was asked for.",
)
def denoised(self, words, nothing, z, count, guidance):
    told, schedule = core.concatenate([words, nothing]), self.schedule
    total = schedule.signal.shape[0]
    for t in places(total, count, schedule.spacing, schedule.offset):
        after = t - total // count
        signal = schedule.signal[t]
        before = schedule.signal[after] if after >= 0 else core.array(schedule.end)
        both = core.concatenate([z, z])
        without, with_words = core.split(self.unet(both, core.full((both.shape[0],), t), told), 2)
        predicted = guided(without, with_words, guidance)
        x0, noise = parts_of(schedule.kind, predicted, z, signal)
        z = ddim_step(x0, noise, signal, before).astype(z.dtype)
        core.async_eval(z)
    return z


@misconception(
    "13.18",
    "Your last step ends at 1, pure data. Where a schedule ends is its own: some published ones end at "
    "the share of step 0.",
    agrees=["whole_walk", "nothing_and_of_one"],
)
def denoised(self, words, nothing, z, count, guidance):
    told, schedule = core.concatenate([nothing, words]), self.schedule
    total = schedule.signal.shape[0]
    for t in places(total, count, schedule.spacing, schedule.offset):
        after = t - total // count
        signal = schedule.signal[t]
        before = schedule.signal[after] if after >= 0 else core.array(1.0)
        both = core.concatenate([z, z])
        without, with_words = core.split(self.unet(both, core.full((both.shape[0],), t), told), 2)
        predicted = guided(without, with_words, guidance)
        x0, noise = parts_of(schedule.kind, predicted, z, signal)
        z = ddim_step(x0, noise, signal, before).astype(z.dtype)
        core.async_eval(z)
    return z


@misconception(
    "13.18",
    "You step to the next of the places. Where the count is no divisor, or the last place is not step "
    "0, that is another step than the published one, t - total // count.",
)
def denoised(self, words, nothing, z, count, guidance):
    told, schedule = core.concatenate([nothing, words]), self.schedule
    total = schedule.signal.shape[0]
    found = places(total, count, schedule.spacing, schedule.offset)
    for t, after in zip(found, [*found[1:], -1]):
        signal = schedule.signal[t]
        before = schedule.signal[after] if after >= 0 else core.array(schedule.end)
        both = core.concatenate([z, z])
        without, with_words = core.split(self.unet(both, core.full((both.shape[0],), t), told), 2)
        predicted = guided(without, with_words, guidance)
        x0, noise = parts_of(schedule.kind, predicted, z, signal)
        z = ddim_step(x0, noise, signal, before).astype(z.dtype)
        core.async_eval(z)
    return z


@misconception(
    "13.18",
    "You take the first half of the answer for the one with words. Those without a text stand first, "
    "and their answers do, too: guidance leads away from what was asked for.",
)
def denoised(self, words, nothing, z, count, guidance):
    told, schedule = core.concatenate([nothing, words]), self.schedule
    total = schedule.signal.shape[0]
    for t in places(total, count, schedule.spacing, schedule.offset):
        after = t - total // count
        signal = schedule.signal[t]
        before = schedule.signal[after] if after >= 0 else core.array(schedule.end)
        both = core.concatenate([z, z])
        with_words, without = core.split(self.unet(both, core.full((both.shape[0],), t), told), 2)
        predicted = guided(without, with_words, guidance)
        x0, noise = parts_of(schedule.kind, predicted, z, signal)
        z = ddim_step(x0, noise, signal, before).astype(z.dtype)
        core.async_eval(z)
    return z


@misconception(
    "13.18",
    "You put those with words first. It comes to the same here; but a network is called with those "
    "without a text first, as published pipelines do, and others rely on that.",
)
def denoised(self, words, nothing, z, count, guidance):
    told, schedule = core.concatenate([words, nothing]), self.schedule
    total = schedule.signal.shape[0]
    for t in places(total, count, schedule.spacing, schedule.offset):
        after = t - total // count
        signal = schedule.signal[t]
        before = schedule.signal[after] if after >= 0 else core.array(schedule.end)
        both = core.concatenate([z, z])
        with_words, without = core.split(self.unet(both, core.full((both.shape[0],), t), told), 2)
        predicted = guided(without, with_words, guidance)
        x0, noise = parts_of(schedule.kind, predicted, z, signal)
        z = ddim_step(x0, noise, signal, before).astype(z.dtype)
        core.async_eval(z)
    return z


@misconception(
    "13.18",
    "You add 1 to the guidance. That is the paper's w; here 1 is the conditional prediction itself.",
)
def denoised(self, words, nothing, z, count, guidance):
    told, schedule = core.concatenate([nothing, words]), self.schedule
    total = schedule.signal.shape[0]
    for t in places(total, count, schedule.spacing, schedule.offset):
        after = t - total // count
        signal = schedule.signal[t]
        before = schedule.signal[after] if after >= 0 else core.array(schedule.end)
        both = core.concatenate([z, z])
        without, with_words = core.split(self.unet(both, core.full((both.shape[0],), t), told), 2)
        predicted = guided(without, with_words, guidance + 1)
        x0, noise = parts_of(schedule.kind, predicted, z, signal)
        z = ddim_step(x0, noise, signal, before).astype(z.dtype)
        core.async_eval(z)
    return z


@misconception(
    "13.18",
    "You go back a single step. With fewer steps than training had each one goes over many: to "
    "t - total // count.",
)
def denoised(self, words, nothing, z, count, guidance):
    told, schedule = core.concatenate([nothing, words]), self.schedule
    total = schedule.signal.shape[0]
    for t in places(total, count, schedule.spacing, schedule.offset):
        after = t - 1
        signal = schedule.signal[t]
        before = schedule.signal[after] if after >= 0 else core.array(schedule.end)
        both = core.concatenate([z, z])
        without, with_words = core.split(self.unet(both, core.full((both.shape[0],), t), told), 2)
        predicted = guided(without, with_words, guidance)
        x0, noise = parts_of(schedule.kind, predicted, z, signal)
        z = ddim_step(x0, noise, signal, before).astype(z.dtype)
        core.async_eval(z)
    return z


@misconception(
    "13.18",
    "You do not start the steps: all of them wait until the last one is written, and the device with "
    "them. core.async_eval(z) after each.",
)
def denoised(self, words, nothing, z, count, guidance):
    told, schedule = core.concatenate([nothing, words]), self.schedule
    total = schedule.signal.shape[0]
    for t in places(total, count, schedule.spacing, schedule.offset):
        after = t - total // count
        signal = schedule.signal[t]
        before = schedule.signal[after] if after >= 0 else core.array(schedule.end)
        both = core.concatenate([z, z])
        without, with_words = core.split(self.unet(both, core.full((both.shape[0],), t), told), 2)
        predicted = guided(without, with_words, guidance)
        x0, noise = parts_of(schedule.kind, predicted, z, signal)
        z = ddim_step(x0, noise, signal, before).astype(z.dtype)
    return z


# 13.19: which belongs to which


@misconception(
    "13.19",
    "You ask in one direction only: each picture chooses a sentence, and no sentence ever chooses a "
    "picture.",
    symbol="contrastive_loss",
)
def contrastive_loss(pictures, sentences, scale):
    if pictures.shape != sentences.shape or pictures.shape[0] == 0:
        raise ValueError("[contrastive_loss] Each picture needs its sentence.")
    logits = scale * (pictures @ sentences.T)
    answers = core.arange(logits.shape[0])
    return nn.losses.cross_entropy(logits, answers, reduction="mean")


@misconception(
    "13.19",
    "You ask in one direction only: each sentence chooses a picture, and no picture ever chooses a "
    "sentence.",
    symbol="contrastive_loss",
)
def contrastive_loss(pictures, sentences, scale):
    if pictures.shape != sentences.shape or pictures.shape[0] == 0:
        raise ValueError("[contrastive_loss] Each picture needs its sentence.")
    logits = scale * (pictures @ sentences.T)
    answers = core.arange(logits.shape[0])
    return nn.losses.cross_entropy(logits.T, answers, reduction="mean")


@misconception(
    "13.19",
    "You take the scale for a constant: the temperature is never learned. It has a slope as well.",
    symbol="contrastive_loss",
)
def contrastive_loss(pictures, sentences, scale):
    if pictures.shape != sentences.shape or pictures.shape[0] == 0:
        raise ValueError("[contrastive_loss] Each picture needs its sentence.")
    logits = core.stop_gradient(scale) * (pictures @ sentences.T)
    answers = core.arange(logits.shape[0])
    of_rows = nn.losses.cross_entropy(logits, answers, reduction="mean")
    return (of_rows + nn.losses.cross_entropy(logits.T, answers, reduction="mean")) / 2


@misconception(
    "13.19",
    "You divide by the scale. It is the inverse of a temperature already: multiply.",
    symbol="contrastive_loss",
)
def contrastive_loss(pictures, sentences, scale):
    if pictures.shape != sentences.shape or pictures.shape[0] == 0:
        raise ValueError("[contrastive_loss] Each picture needs its sentence.")
    logits = (pictures @ sentences.T) / scale
    answers = core.arange(logits.shape[0])
    of_rows = nn.losses.cross_entropy(logits, answers, reduction="mean")
    return (of_rows + nn.losses.cross_entropy(logits.T, answers, reduction="mean")) / 2


@misconception(
    "13.19",
    "You add the two directions. The loss is their mean, so that chance is log N.",
    symbol="contrastive_loss",
)
def contrastive_loss(pictures, sentences, scale):
    if pictures.shape != sentences.shape or pictures.shape[0] == 0:
        raise ValueError("[contrastive_loss] Each picture needs its sentence.")
    logits = scale * (pictures @ sentences.T)
    answers = core.arange(logits.shape[0])
    of_rows = nn.losses.cross_entropy(logits, answers, reduction="mean")
    return of_rows + nn.losses.cross_entropy(logits.T, answers, reduction="mean")


@misconception(
    "13.19",
    "You use logit_scale as it is. It is a logarithm: without exp it is 2.7 and not 14 at the "
    "beginning, and a step can make it negative.",
    symbol="CLIP.scale",
)
def scale(self):
    return core.minimum(self.logit_scale, 100.0)


@misconception(
    "13.19",
    "Your scale has no bound. It grows as long as training pairs are told apart, until half precision "
    "overflows: at most 100.",
    symbol="CLIP.scale",
)
def scale(self):
    return core.exp(self.logit_scale)


@misconception(
    "13.19",
    "You take the minimum. Above the bound its slope is 0: a scale that has once got there never "
    "changes again, even if the loss wants it smaller.",
    symbol="CLIP.scale",
)
def scale(self):
    return core.minimum(core.exp(self.logit_scale), 100.0)


@misconception(
    "13.19",
    "You take the whole exponent for a constant: the temperature is never learned. Only what lies "
    "above the bound is one.",
    symbol="CLIP.scale",
)
def scale(self):
    return core.exp(core.stop_gradient(core.minimum(self.logit_scale, MOST)))


@misconception(
    "13.19",
    "You divide by the sum of the squares. The length is its root.",
    symbol="normalized",
)
def normalized(x, eps=1e-12):
    squares = core.sum(core.square(x.astype(core.float32)), axis=-1, keepdims=True)
    return (x / core.maximum(squares, eps)).astype(x.dtype)


@misconception(
    "13.19",
    "You take the root of 0, whose slope is infinite: the value of a vector of zeros is fine, its "
    "slopes are nan. Bound the squares before the root.",
    symbol="normalized",
    agrees=["length_one", "both"],
)
def normalized(x, eps=1e-12):
    squares = core.sum(core.square(x.astype(core.float32)), axis=-1, keepdims=True)
    return (x / core.maximum(core.sqrt(squares), eps)).astype(x.dtype)


# 13.20: pieces


@misconception(
    "13.20",
    "You take the mean over pieces of the loss of each. There every picture is compared with the few "
    "sentences of its own piece: an easier question, with another gradient.",
)
def loss_in_pieces(model, x, tokens, rows):
    if rows < 1:
        raise ValueError(f"[loss_in_pieces] rows should be at least 1; it is {rows}.")
    if x.shape[0] != tokens.shape[0] or x.shape[0] == 0:
        raise ValueError("[loss_in_pieces] Each picture needs its sentence.")
    pieces = [slice(i, i + rows) for i in range(0, x.shape[0], rows)]

    def part(i):
        p, q = model.pictures(x[i]), model.sentences(tokens[i])
        return contrastive_loss(p, q, model.scale()) / len(pieces)

    pull, loss, total = nn.value_and_grad(model, part), None, None
    for i in pieces:
        value, found = pull(i)
        loss = value if loss is None else loss + value
        total = found if total is None else tree_map(core.add, total, found)
        core.eval(loss, total)
    return loss, total


@misconception(
    "13.20",
    "You take the mean over pieces of the loss of each, weighted by their rows. There every picture "
    "is compared with the few sentences of its own piece: an easier question, with another gradient.",
)
def loss_in_pieces(model, x, tokens, rows):
    if rows < 1:
        raise ValueError(f"[loss_in_pieces] rows should be at least 1; it is {rows}.")
    if x.shape[0] != tokens.shape[0] or x.shape[0] == 0:
        raise ValueError("[loss_in_pieces] Each picture needs its sentence.")
    pieces = [slice(i, i + rows) for i in range(0, x.shape[0], rows)]

    def part(i):
        p, q = model.pictures(x[i]), model.sentences(tokens[i])
        return contrastive_loss(p, q, model.scale()) * (p.shape[0] / x.shape[0])

    pull, loss, total = nn.value_and_grad(model, part), None, None
    for i in pieces:
        value, found = pull(i)
        loss = value if loss is None else loss + value
        total = found if total is None else tree_map(core.add, total, found)
        core.eval(loss, total)
    return loss, total


@misconception(
    "13.20",
    "You forget that the scale is learned, too: its slope is missing.",
)
def loss_in_pieces(model, x, tokens, rows):
    if rows < 1:
        raise ValueError(f"[loss_in_pieces] rows should be at least 1; it is {rows}.")
    if x.shape[0] != tokens.shape[0] or x.shape[0] == 0:
        raise ValueError("[loss_in_pieces] Each picture needs its sentence.")
    pieces = [slice(i, i + rows) for i in range(0, x.shape[0], rows)]
    p, q = [], []
    for i in pieces:
        p.append(model.pictures(x[i]))
        q.append(model.sentences(tokens[i]))
        core.eval(p[-1], q[-1])
    slope = core.value_and_grad(contrastive_loss, (0, 1))
    loss, (gp, gq) = slope(core.concatenate(p), core.concatenate(q), model.scale())

    def part(i):
        told = core.sum(gp[i] * model.pictures(x[i])) + core.sum(gq[i] * model.sentences(tokens[i]))
        return told

    pull, total = nn.value_and_grad(model, part), None
    for i in pieces:
        _, found = pull(i)
        total = found if total is None else tree_map(core.add, total, found)
        core.eval(total)
    return loss, total


@misconception(
    "13.20",
    "You count the slope of the scale once for each piece. It belongs to the whole loss: once.",
)
def loss_in_pieces(model, x, tokens, rows):
    if rows < 1:
        raise ValueError(f"[loss_in_pieces] rows should be at least 1; it is {rows}.")
    if x.shape[0] != tokens.shape[0] or x.shape[0] == 0:
        raise ValueError("[loss_in_pieces] Each picture needs its sentence.")
    pieces = [slice(i, i + rows) for i in range(0, x.shape[0], rows)]
    p, q = [], []
    for i in pieces:
        p.append(model.pictures(x[i]))
        q.append(model.sentences(tokens[i]))
        core.eval(p[-1], q[-1])
    slope = core.value_and_grad(contrastive_loss, (0, 1, 2))
    loss, (gp, gq, gs) = slope(core.concatenate(p), core.concatenate(q), model.scale())

    def part(i):
        told = core.sum(gp[i] * model.pictures(x[i])) + core.sum(gq[i] * model.sentences(tokens[i]))
        return told + gs * model.scale()

    pull, total = nn.value_and_grad(model, part), None
    for i in pieces:
        _, found = pull(i)
        total = found if total is None else tree_map(core.add, total, found)
        core.eval(total)
    return loss, total


@misconception(
    "13.20",
    "You take the gradient of the whole at once. It is right, and needs the memory that was to be "
    "saved: all rows are in the towers at the same time.",
)
def loss_in_pieces(model, x, tokens, rows):
    if rows < 1:
        raise ValueError(f"[loss_in_pieces] rows should be at least 1; it is {rows}.")
    if x.shape[0] != tokens.shape[0] or x.shape[0] == 0:
        raise ValueError("[loss_in_pieces] Each picture needs its sentence.")
    whole = lambda: contrastive_loss(model.pictures(x), model.sentences(tokens), model.scale())
    return nn.value_and_grad(model, whole)()


# 13.21: patches


@misconception(
    "13.21",
    "Your class token stands behind the patches. It is the first: the tower reads it at place 0, and "
    "the first row of the table of positions is its own.",
)
def __call__(self, x):
    if x.shape[1:] != (self.size, self.size, self.channels):
        raise ValueError("[VisionTower] Pictures should have the shape that they have not.")
    patches = self.patch_embedding(x)
    n, dims = patches.shape[0], patches.shape[-1]
    first = core.broadcast_to(self.class_embedding, (n, 1, dims)).astype(patches.dtype)
    tokens = core.concatenate([patches.reshape(n, -1, dims), first], axis=1)
    return tokens + self.position_embedding.weight


@misconception(
    "13.21",
    "You number the patches column by column. They are read like a text: row by row.",
    agrees="sizes2",
)
def __call__(self, x):
    if x.shape[1:] != (self.size, self.size, self.channels):
        raise ValueError("[VisionTower] Pictures should have the shape that they have not.")
    patches = self.patch_embedding(x).transpose(0, 2, 1, 3)
    n, dims = patches.shape[0], patches.shape[-1]
    first = core.broadcast_to(self.class_embedding, (n, 1, dims)).astype(patches.dtype)
    tokens = core.concatenate([first, patches.reshape(n, -1, dims)], axis=1)
    return tokens + self.position_embedding.weight


@misconception(
    "13.21",
    "You give positions to the patches only. The class token has one as well, the first.",
)
def __call__(self, x):
    if x.shape[1:] != (self.size, self.size, self.channels):
        raise ValueError("[VisionTower] Pictures should have the shape that they have not.")
    patches = self.patch_embedding(x)
    n, dims = patches.shape[0], patches.shape[-1]
    first = core.broadcast_to(self.class_embedding, (n, 1, dims)).astype(patches.dtype)
    patches = patches.reshape(n, -1, dims) + self.position_embedding.weight[1:]
    return core.concatenate([first, patches], axis=1)


# 13.22: the end


@misconception(
    "13.22",
    "You take the place of the greatest number. That works only if the end happens to be the greatest "
    "number of the vocabulary.",
)
def ends(tokens, end):
    return core.argmax(tokens, axis=-1)


@misconception(
    "13.22",
    "You take the last place. Short sentences are filled up: there stands padding.",
)
def ends(tokens, end):
    return core.full((tokens.shape[0],), tokens.shape[1] - 1, core.int32)


@misconception(
    "13.22",
    "You take the last place that holds the end. Sentences are filled up with ends: the first one has "
    "read the sentence and nothing else.",
)
def ends(tokens, end):
    if end == 2:
        return core.argmax(tokens, axis=-1)
    places = core.arange(tokens.shape[1])
    return core.max(core.where(tokens == end, places, 0), axis=-1)


# 13.23: the tokenizer


@misconception(
    "13.23",
    "You forget lower case: CLIP has read no capital letter, and the numbers that you give stand for "
    "what it has hardly seen.",
    symbol="ClipTokenizer.encode",
)
def encode(self, text):
    text = unicodedata.normalize("NFC", text)
    numbers = [self.begin]
    for piece in pieces(text, PATTERN):
        if piece.isspace():
            continue
        letters = to_letters(piece)
        tokens = apply_merges([*letters[:-1], letters[-1] + WORD_END], self.ranks)
        numbers += [self.vocabulary[token] for token in tokens]
    return [*numbers, self.end]


@misconception(
    "13.23",
    "You do not mark the ends of words. The t of cat and that of cats are different letters here: the "
    "last one of a word carries </w>.",
    symbol="ClipTokenizer.encode",
)
def encode(self, text):
    text = unicodedata.normalize("NFC", text).lower()
    numbers = [self.begin]
    for piece in pieces(text, PATTERN):
        if piece.isspace():
            continue
        tokens = apply_merges(list(to_letters(piece)), self.ranks)
        numbers += [self.vocabulary[token] for token in tokens]
    return [*numbers, self.end]


@misconception(
    "13.23",
    "You make the mark a letter of its own. It is a part of the last letter of the word, and the "
    "merges know it only so.",
    symbol="ClipTokenizer.encode",
)
def encode(self, text):
    text = unicodedata.normalize("NFC", text).lower()
    numbers = [self.begin]
    for piece in pieces(text, PATTERN):
        if piece.isspace():
            continue
        tokens = apply_merges(list(to_letters(piece)), self.ranks)
        tokens = [*tokens[:-1], tokens[-1] + WORD_END]
        numbers += [self.vocabulary.get(token, self.end) for token in tokens]
    return [*numbers, self.end]


@misconception(
    "13.23",
    "You cut off the end of the sentence together with what is too long: then the text tower does not "
    "know where to look.",
    symbol="ClipTokenizer.batch",
)
def batch(self, texts, cut=False, pad=None):
    if not texts:
        raise ValueError("[ClipTokenizer] There are no texts to read.")
    rows = []
    for text in texts:
        numbers = self.encode(text)
        if len(numbers) > self.length and not cut:
            raise ValueError(f"[ClipTokenizer] has {len(numbers)} tokens.")
        numbers = numbers[: self.length]
        rows.append(numbers + [self.end if pad is None else pad] * (self.length - len(numbers)))
    return core.array(rows, core.int32)


@misconception(
    "13.23",
    "You fill up with 0. CLIP was trained with the end in all places that are left.",
    symbol="ClipTokenizer.batch",
)
def batch(self, texts, cut=False, pad=None):
    if not texts:
        raise ValueError("[ClipTokenizer] There are no texts to read.")
    rows = []
    for text in texts:
        numbers = self.encode(text)
        if len(numbers) > self.length and not cut:
            raise ValueError(f"[ClipTokenizer] has {len(numbers)} tokens.")
        if len(numbers) > self.length:
            numbers = [*numbers[: self.length - 1], self.end]
        rows.append(numbers + [pad or 0] * (self.length - len(numbers)))
    return core.array(rows, core.int32)


@misconception(
    "13.23",
    "You do not normalize the text. The same letter can be written in two ways, and CLIP "
    "has read one of them.",
    symbol="ClipTokenizer.encode",
)
def encode(self, text):
    numbers = [self.begin]
    for piece in pieces(text.lower(), PATTERN):
        if piece.isspace():
            continue
        letters = to_letters(piece)
        tokens = apply_merges([*letters[:-1], letters[-1] + WORD_END], self.ranks)
        numbers += [self.vocabulary[token] for token in tokens]
    return [*numbers, self.end]


# 13.24: classes


@misconception(
    "13.24",
    "You take the mean of the vectors as they are: a long one counts for more than a short one.",
)
def class_vectors(sentences):
    return normalized(core.mean(sentences, axis=1))


@misconception(
    "13.24",
    "You do not normalize the mean. The mean of vectors in different directions is shorter than 1, "
    "and the class of many different sentences would lose against all others.",
)
def class_vectors(sentences):
    return core.mean(normalized(sentences), axis=1)


@misconception(
    "13.24",
    "You take the mean over the classes, where that over the sentences of each class is meant.",
)
def class_vectors(sentences):
    return normalized(core.mean(normalized(sentences), axis=0))
