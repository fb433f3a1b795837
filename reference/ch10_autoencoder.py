"""What chapter 10's functions should return: by PyTorch, SciPy, scikit-learn or the definition."""

import math

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from reference.kit import in_numpy, torch


def pulled(outputs, inputs, g):
    """Values, and what comes back to the inputs under the cotangents."""
    outputs = outputs if isinstance(outputs, list) else [outputs]
    total = sum((y * c.detach()).sum() for y, c in zip(outputs, g, strict=True))
    found = torch.autograd.grad(total, inputs, allow_unused=True, retain_graph=True)
    found = [torch.zeros_like(x) if f is None else f for x, f in zip(inputs, found, strict=True)]
    return {"outputs": outputs, "gradients": found}


# 10.1


@in_numpy
def components(x, count, new):
    """scikit-learn turns each direction so that its largest element is positive, too."""
    found = PCA(count, svd_solver="full").fit(x)
    codes = found.transform(new)
    return {
        "mean": found.mean_,
        "components": found.components_,
        "variances": found.explained_variance_,
        "shares": found.explained_variance_ratio_,
        "codes": codes,
        "back": found.inverse_transform(codes),
    }


# 10.2 and 10.3


def decibels(x, y, peak, g):
    error = ((x - y) ** 2).flatten(1).mean(1)
    ratio = 10 * torch.log10((1.0 if peak is None else peak) ** 2 / error)
    return pulled([error, ratio], [x], g)


def window():
    """Weights of the window, from a filter of SciPy."""
    point = np.zeros((11, 11))
    point[5, 5] = 1
    return torch.from_numpy(gaussian_filter(point, 1.5, truncate=3.5, mode="constant"))


def mean_around(x):
    channels = x.movedim(-1, 1).flatten(0, 1)[:, None]
    weights = window()
    return torch.conv2d(channels, (weights / weights.sum())[None, None])


def around(x, g):
    return pulled([mean_around(x).movedim(1, -1)], [x], [g])


def likeness(x, y, peak, g):
    peak = 1.0 if peak is None else peak
    a, b = mean_around(x), mean_around(y)
    xx, yy = mean_around(x * x) - a * a, mean_around(y * y) - b * b
    xy = mean_around(x * y) - a * b
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    s = (2 * a * b + c1) * (2 * xy + c2) / ((a * a + b * b + c1) * (xx + yy + c2))
    return pulled([s.reshape(len(x), -1).mean(1)], [x], [g])


# 10.4


def tied(x, z, weight, bias, g):
    linear = torch.nn.functional.linear
    codes = linear(x - bias, weight)
    return pulled(
        [codes, linear(z, weight.T, bias), linear(codes, weight.T, bias)],
        [x, z, weight, bias],
        g,
    )


# 10.5


def mended(x, w, spoil, training, g):
    seen = x + spoil if training else x
    loss = torch.nn.functional.mse_loss(w * seen, x)
    return {**pulled([loss], [w], g), "calls": int(training)}


# 10.6


@in_numpy
def sizes(size, times):
    """As many places as a kernel of 3 finds in a padded row of pixels, two apart."""
    found = [list(size)]
    for _ in range(times):
        found.append([len(range(0, n + 2 - 2, 2)) for n in found[-1]])
    return {"sizes": found}


def drawn(z, size, channels, weights, g):
    goals = sizes(size, len(channels) - 1)["sizes"]
    x = torch.relu(torch.nn.functional.linear(z, weights[0], weights[1])).flatten(0, -2)
    x = x.reshape(len(x), *goals[-1], channels[-1]).movedim(-1, 1)
    for i, goal in enumerate(reversed(goals[:-1])):
        w, b = weights[2 + 2 * i : 4 + 2 * i]
        layer = torch.nn.ConvTranspose2d(w.shape[-1], w.shape[0], 3, 2, 1).double()
        named = {"weight": w.permute(3, 0, 1, 2), "bias": b}
        x = torch.relu(x) if i > 0 else x
        x = torch.func.functional_call(layer, named, (x,), {"output_size": goal})
    y = x.movedim(1, -1).reshape(*z.shape[:-1], *size, channels[0])
    fresh = [
        [list(w.shape), list(b.shape), True]
        for w, b in zip(weights[::2], weights[1::2], strict=True)
    ]
    return {**pulled([y], [z, *weights], g), "fresh": [*fresh, True]}


# 10.7 and 10.8


def normal(mean, log_variance):
    return torch.distributions.Normal(mean, (0.5 * log_variance).exp(), validate_args=False)


def draws(mean, log_variance, noise, g):
    deviation = normal(mean, log_variance).scale
    return pulled([mean + deviation * noise], [mean, log_variance], [g])


def apart(four, g):
    kl = torch.distributions.kl_divergence(normal(*four[:2]), normal(*four[2:]))
    return pulled([kl], four, [g])


def apart_from_standard(mean, log_variance):
    zeros = torch.zeros_like(mean)
    return {
        "kl": torch.distributions.kl_divergence(normal(mean, log_variance), normal(zeros, zeros))
    }


# 10.9


def probability(logits, x):
    """The log-probability of each picture."""
    coins = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    whole = coins.log_prob(x.expand(logits.shape))
    return whole.unsqueeze(-1).flatten(logits.ndim - x.ndim + 1).sum(-1)


def pixels(logits, x, g):
    return pulled([probability(logits, x)], [logits], g)


@in_numpy
def black_and_white(x, threshold):
    return {"y": np.where(x > (0.5 if threshold is None else threshold), 1.0, 0.0)}


# 10.10 and 10.11


def encoded(x, encoder):
    return (x.flatten(1) @ encoder).chunk(2, -1)


def pictures(z, decoder, x):
    return (z @ decoder).reshape(*z.shape[:-1], *x.shape[1:])


def two_terms(x, encoder, decoder, noise, g):
    mean, log_variance = encoded(x, encoder)
    z = mean + (0.5 * log_variance).exp() * noise
    kl = apart_from_standard(mean, log_variance)["kl"]
    return pulled([probability(pictures(z, decoder, x), x), kl], [encoder, decoder], g)


def one_bound(log_likelihood, kl, beta, g):
    value = log_likelihood - (1.0 if beta is None else beta) * kl.sum(-1)
    return pulled([value], [log_likelihood, kl], [g])


def many_draws(x, encoder, decoder, noise, g):
    mean, log_variance = encoded(x, encoder)
    q = normal(mean, log_variance)
    z = mean + q.scale * noise
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    w = probability(pictures(z, decoder, x), x) + (prior.log_prob(z) - q.log_prob(z)).sum(-1)
    value = torch.logsumexp(w, 0) - math.log(len(noise))
    return pulled([value], [encoder, decoder], [g])


# 10.12


@in_numpy
def plane_with_noise(x, count, new):
    found = PCA(count, svd_solver="full").fit(x)
    noise = found.noise_variance_
    precision = np.linalg.inv(found.get_covariance())
    weight = found.components_.T * np.sqrt(found.explained_variance_ - noise)
    # Conditioning a joint Gaussian: E[z|x] = W' C^-1 (x - m), Cov[z|x] = I - W' C^-1 W.
    codes = (new - found.mean_) @ precision @ weight
    return {
        "mean": found.mean_,
        "noise": np.array(noise),
        "a number": True,
        "covariance": found.get_covariance(),
        "inner": weight.T @ weight,
        "log likelihood": multivariate_normal(found.mean_, found.get_covariance()).logpdf(new),
        "code": codes @ weight.T,
        "variance": np.diag(np.eye(count) - weight.T @ precision @ weight),
    }


# 10.13


@in_numpy
def rising(steps, length, beta):
    beta = 1.0 if beta is None else beta
    weights = [beta if s >= length else beta * s / length for s in steps]
    return {"weights": np.array(weights), "compiled": np.array(weights[1])}


def charged(kl, least, g):
    return pulled([kl.mean(0).clamp(min=least).sum()], [kl], g)


# 10.14


def told(x, z, labels, encoder, decoder, g):
    label = torch.nn.functional.one_hot(labels.long(), len(decoder) - z.shape[1]).double()
    mean, log_variance = (torch.cat([x.flatten(1), label], 1) @ encoder).chunk(2, 1)
    logits = (torch.cat([z, label], 1) @ decoder).reshape(x.shape)
    return pulled([mean, log_variance, logits], [x, z, encoder, decoder], g)


# 10.15


def levels(mean, log_scale, x, count, g):
    """Differences of distribution functions in the tail where they are small: nothing cancels."""
    count = 256 if count is None else count
    half, scale = 0.5 / (count - 1), log_scale.exp()
    above, below = (x - mean + half) / scale, (x - mean - half) / scale
    right = below > 0  # there 1 - sigmoid(v) = sigmoid(-v) is the small one
    inside = torch.where(
        right,
        torch.sigmoid(-below) - torch.sigmoid(-above),
        torch.sigmoid(above) - torch.sigmoid(below),
    ).log()
    first, last = x <= 0, x >= 1
    up, down = torch.nn.functional.logsigmoid(above), torch.nn.functional.logsigmoid(-below)
    value = torch.where(first, up, torch.where(last, down, inside))
    return pulled([value], [mean, log_scale], g)


@in_numpy
def bits(nats, dims):
    return {"bits": np.log2(np.exp(nats / dims))}


# 10.16 and 10.17


@in_numpy
def nearest_codes(z, book):
    found = cdist(z.reshape(-1, z.shape[-1]), book).argmin(1).reshape(z.shape[:-1])
    return {"codes": found.astype(np.int32), "whole": True}


def through(z, book, g):
    codes = torch.cdist(z.detach().flatten(0, -2), book.detach()).argmin(1).reshape(z.shape[:-1])
    e = book[codes]
    outputs = {
        "through": z + (e - z).detach(),
        "codebook loss": torch.nn.functional.mse_loss(e, z.detach()),
        "commitment": torch.nn.functional.mse_loss(z, e.detach()),
    }
    found = {}
    for i, name in enumerate(outputs):
        only = [gi if i == j else torch.zeros_like(gi) for j, gi in enumerate(g)]
        found[name] = pulled(list(outputs.values()), [z, book], only)
    return {**found, "codes": codes.int()}


# 10.18


@in_numpy
def unsure(counts):
    p = counts[counts > 0] / counts.sum()
    return {"perplexity": np.array(np.prod(p**-p))}


@in_numpy
def followed(vectors, counts, sums, decay, batches):
    """Every vector by itself."""
    vectors, counts, sums = vectors.copy(), counts.copy(), sums.copy()
    found = []
    for z, codes in batches:
        rows, chosen = z.reshape(-1, z.shape[-1]), codes.reshape(-1)
        for k in range(len(vectors)):
            mine = rows[chosen == k]
            counts[k] = decay * counts[k] + (1 - decay) * len(mine)
            sums[k] = decay * sums[k] + (1 - decay) * mine.sum(0)
            vectors[k] = sums[k] / counts[k] if counts[k] > 0 else vectors[k]
        found.append({"vectors": vectors.copy(), "counts": counts.copy(), "sums": sums.copy()})
    return {"after": found}


def followed_under_a_gradient(vectors, counts, sums, z, codes):
    after = followed(
        vectors.detach().numpy(),
        counts.detach().numpy(),
        sums.detach().numpy(),
        0.5,
        [(z.detach().numpy(), codes.numpy())],
    )["after"][0]["vectors"]
    return {
        "dz": torch.from_numpy(after)[codes.long()],
        "dz of the revived": torch.ones_like(z),
    }
