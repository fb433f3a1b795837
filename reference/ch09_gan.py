"""What chapter 9's functions should return: by PyTorch, by SciPy and scikit-learn, or by NumPy."""

import math

import numpy as np

from reference.kit import in_numpy, torch


def pulled(outputs, arrays, cotangents):
    """What was returned, and the gradients of its products with the cotangents."""
    total = sum((y * g.detach()).sum() for y, g in zip(outputs, cotangents, strict=True))
    gradients = torch.autograd.grad(total, arrays, allow_unused=True)
    found = [
        torch.zeros_like(a) if g is None else g for g, a in zip(gradients, arrays, strict=True)
    ]
    return {"outputs": outputs, "gradients": found}


def pulled_model(function, weights, x, g):
    """Output, buffers and all gradients of a model that is a function of its weights."""
    buffers = {k: w.detach().clone() for k, w in weights.items() if "running" in k}
    trained = {k: w for k, w in weights.items() if k not in buffers}
    y = function(x, {**trained, **buffers})
    gradients = torch.autograd.grad((y * g.detach()).sum(), [x, *trained.values()])
    return {
        "y": y,
        "shapes": {name: list(w.shape) for name, w in weights.items()},
        "trainable": sorted(trained),
        "gx": gradients[0],
        "gradients": dict(zip(trained, gradients[1:], strict=True)),
        "buffers": buffers,
    }


# 9.1


def best_logits(log_p, log_q, g):
    return pulled([log_p - log_q], [log_p, log_q], [g])


@in_numpy
def divergences(p, q):
    from scipy.spatial.distance import jensenshannon

    js = np.array(jensenshannon(p, q) ** 2)
    return {"js": js, "loss": np.array(math.log(4) - 2 * js)}


def divergences_and_slopes(p, q, g):
    m = (p + q) / 2
    js = ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()) / 2
    return pulled([js, math.log(4) - 2 * js], [p, q], g)


# 9.2 to 9.4


def crossed(logits, label):
    return torch.nn.functional.binary_cross_entropy_with_logits(
        logits, torch.full_like(logits, label)
    )


def logistic(real, fake, g):
    outputs = [crossed(real, 1.0) + crossed(fake, 0.0), -crossed(fake, 0.0), crossed(fake, 1.0)]
    return pulled(outputs, [real, fake], g)


def others(real, fake, g):
    squares = torch.nn.functional.mse_loss
    outputs = [
        (squares(real, torch.ones_like(real)) + squares(fake, torch.zeros_like(fake))) / 2,
        squares(fake, torch.ones_like(fake)) / 2,
        torch.relu(1 - real).mean() + torch.relu(1 + fake).mean(),
        -fake.mean(),
    ]
    return pulled(outputs, [real, fake], g)


def critics(real, fake, g):
    return pulled([fake.mean() - real.mean(), -fake.mean()], [real, fake], g)


@in_numpy
def distance(a, b):
    from scipy import stats

    return {"w": np.array(stats.wasserstein_distance(a, b))}


# 9.5


def module(weights):
    """The small network of the probe."""
    net = torch.nn.Module()
    net.first = torch.nn.Linear(3, 4, dtype=torch.float64)
    net.norm = torch.nn.BatchNorm1d(4, dtype=torch.float64)
    net.last = torch.nn.Linear(4, len(weights["last.bias"]), dtype=torch.float64)
    net.table = torch.nn.Parameter(weights["table"].detach().clone())
    rest = {k: v.detach() for k, v in weights.items()}
    net.load_state_dict({**net.state_dict(), **rest})
    return net


def run(net, x, label):
    x = x if label is None else x + net.table[label.long()]
    y = net.last(torch.nn.functional.leaky_relu(net.norm(net.first(x)), 0.2))
    return y if y.shape[1] > 1 else y[:, 0]


def arrays_of(net):
    return {k: v for k, v in net.state_dict().items() if "tracked" not in k}


def played(generator, discriminator, real, latents, labels, steps, penalty, augment, own):
    g, d = module(generator), module(discriminator)
    of_g = torch.optim.Adam(g.parameters(), 0.01, eps=0.1)
    of_d = torch.optim.SGD(d.parameters(), 0.05, momentum=0.9)
    view = (lambda x: 2 * x + x * x) if augment else (lambda x: x)
    values, batches = [], [[], []]
    for step, x, z, label in zip(steps, real, latents, labels, strict=True):
        for p in [*g.parameters(), *d.parameters()]:
            p.grad = None if label is not None else torch.zeros_like(p)
        made = run(g, z.detach(), label)
        batches[0].append(len(z))
        if step == "d":
            some, fake = view(x.detach()), view(made.detach())
            a, b = run(d, some, label), run(d, fake, label)
            batches[1] += [len(x), len(z)]
            if own:
                loss = ((a - 1) ** 2).mean() / 2 + (b**2).mean() / 2
            else:
                loss = crossed(a, 1.0) + crossed(b, 0.0)
            if penalty:
                again = run(d, some, label) ** 2 + 0.5 * run(d, fake, label) * fake.sum(1)
                loss = loss + again.mean()
                batches[1] += [len(x), len(z)]
        else:
            b = run(d, view(made), label)
            batches[1].append(len(z))
            loss = -b.mean() if own else crossed(b, 1.0)
        moving = d if step == "d" else g
        for p, slope in zip(
            moving.parameters(),
            torch.autograd.grad(loss, list(moving.parameters()), allow_unused=True),
            strict=True,
        ):
            p.grad = torch.zeros_like(p) if slope is None else slope
        (of_d if step == "d" else of_g).step()
        values.append(loss)
    momentum = of_d.state[d.first.weight].get("momentum_buffer", torch.zeros(4, 3))
    second = of_g.state[g.first.weight].get("exp_avg_sq", torch.zeros(4, 3))
    return {
        "losses": values,
        "generator": arrays_of(g),
        "discriminator": arrays_of(d),
        "momentum": momentum.double(),
        "second moment": second.double(),
        "steps": [steps.count("g"), steps.count("d")],
        "batches": batches,
        "generator watched": [False] * len(steps),
        "left watched": [False] * len(steps),
    }


# 9.6 and 9.7


def ranges(pixels, g):
    return {**pulled([2 * pixels - 1, (pixels + 1) / 2], [pixels], g), "back": pixels}


def first(x):
    """Channels first."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def batch_norm(x, w, name, training):
    """Along the last axis, with the running statistics of ``w``, which it moves."""
    y = torch.nn.functional.batch_norm(
        x.reshape(-1, x.shape[-1]),
        w[f"{name}.running_mean"],
        w[f"{name}.running_var"],
        w[f"{name}.weight"],
        w[f"{name}.bias"],
        training,
    )
    return y.reshape(x.shape)


def up(x, w, name):
    bias = w.get(f"{name}.bias")
    weight = w[f"{name}.weight"].permute(3, 0, 1, 2)
    return last(torch.nn.functional.conv_transpose2d(first(x), weight, bias, 2, 1))


def down(x, w, name):
    bias = w.get(f"{name}.bias")
    weight = w[f"{name}.weight"].permute(0, 3, 1, 2)
    return last(torch.nn.functional.conv2d(first(x), weight, bias, 2, 1))


def generator_block(x, weights, g, training):
    def function(x, w):
        return torch.relu(batch_norm(up(x, w, "conv"), w, "norm", training))

    return pulled_model(function, weights, x, g)


@in_numpy
def map_sides(side):
    found = [side]
    while found[-1] % 2 == 0 and found[-1] >= 8:
        found.append(found[-1] // 2)
    return {"sides": found[::-1]}


def discriminator_block(x, weights, g, normalize, training, wrapped):
    def function(x, w):
        y = down(x, w, "conv.layer" if wrapped else "conv") * (2 if wrapped else 1)
        if normalize == "batch":
            y = batch_norm(y, w, "norm", training)
        elif normalize == "layer":
            group_norm = torch.nn.functional.group_norm
            y = last(group_norm(first(y), 1, w["norm.weight"], w["norm.bias"]))
        return torch.nn.functional.leaky_relu(y, 0.2)

    return pulled_model(function, weights, x, g)


def alone(x, weights, normalize):
    found = discriminator_block(x, weights, torch.ones(()), normalize, True, False)
    return {"y": found["y"]}


# 9.9 and 9.10


def squares_of(critic, x):
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return slope.flatten(1)


def penalty(name, x, w, v, shift, g):
    def critic(x):
        return torch.relu(x.flatten(1) @ w + shift.detach()) ** 2 @ v

    slopes = squares_of(critic, x)
    outputs = {
        "squared_slopes": lambda: (slopes**2).sum(1),
        "gradient_penalty": lambda: ((slopes.norm(2, dim=1) - 1) ** 2).mean(),
        "zero_centred_penalty": lambda: (slopes**2).sum(1).mean() / 2,
    }
    return pulled([outputs[name]()], [x, w, v], [g])


def linear_penalty(x, w, g):
    slopes = squares_of(lambda x: x @ w, x)
    return pulled([((slopes.norm(2, dim=1) - 1) ** 2).mean()], [x, w], [g])


def paired(real, fake, g):
    softplus = torch.nn.functional.softplus
    outputs = [softplus(-(real - fake)).mean(), softplus(-(fake - real)).mean()]
    return pulled(outputs, [real, fake], g)


def one_paired(name, real, fake):
    sign = 1 if "discriminator" in name else -1
    return {"y": torch.nn.functional.softplus(sign * (fake - real)).mean()}


# 9.11


def iterated(w, u, v, rounds, g):
    with torch.no_grad():
        for _ in range(rounds):
            u = torch.nn.functional.normalize(w @ v, dim=0)
            v = torch.nn.functional.normalize(w.T @ u, dim=0)
    return {"u": u, "v": v, "by w": g[0][0].detach() * torch.ones_like(w)}


def spectral_layer(kind, weight, u, v, x, g, modes, rounds):
    """By PyTorch's own parametrization of a linear layer with the weight as a matrix."""
    matrix = weight.detach().reshape(len(weight), -1)
    layer = torch.nn.Linear(matrix.shape[1], len(weight), bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(matrix)
    normalized = torch.nn.utils.parametrizations.spectral_norm(layer, n_power_iterations=rounds)
    hidden = normalized.parametrizations.weight[0]
    hidden._u.copy_(u.detach())
    hidden._v.copy_(v.detach())
    found = []
    for mode in modes:
        normalized.train(mode == "t")
        x = x.detach().requires_grad_()
        if kind == "linear":
            y = normalized(x)
        else:
            w = normalized.weight.reshape(weight.shape).permute(0, 3, 1, 2)
            y = last(torch.nn.functional.conv2d(first(x), w))
        original = normalized.parametrizations.weight.original
        gx, gw = torch.autograd.grad((y * g.detach()).sum(), [x, original])
        found.append(
            {
                "y": y,
                "gx": gx,
                "gw": gw.reshape(weight.shape),
                "u": hidden._u.clone(),
                "v": hidden._v.clone(),
            }
        )
    return {"calls": found, "frozen": ["layer.bias", "layer.weight"], "own weight": weight}


# 9.12


def deviated(x, group):
    n, h, w, c = x.shape
    groups = x.reshape(n // group, group, h, w, c)
    each = (groups.var(1, unbiased=False) + 1e-8).sqrt().flatten(1).mean(1)
    channel = each.repeat_interleave(group).reshape(n, 1, 1, 1).expand(n, h, w, 1)
    return torch.cat([x, channel], -1)


def deviation(x, group, g):
    return pulled([deviated(x, 4 if group is None else group)], [x], [g])


def deviation_fails(x, group):
    return {"y": deviated(x, group)}


# 9.13


def generated(z, w, side, prefix, training):
    """The whole generator."""
    x = z @ w[f"{prefix}linear.weight"].T
    channels = len(w[f"{prefix}norm.weight"])
    edge = round(math.sqrt(x.shape[1] / channels))
    x = torch.relu(batch_norm(x.reshape(-1, edge, edge, channels), w, f"{prefix}norm", training))
    for i in range(round(math.log2(side / edge)) - 1):
        y = up(x, w, f"{prefix}blocks.{i}.conv")
        x = torch.relu(batch_norm(y, w, f"{prefix}blocks.{i}.norm", training))
    return torch.tanh(up(x, w, f"{prefix}last"))


def conditional_generator(weights, z, labels, g, side, width, training):
    def function(z, w):
        both = torch.cat([z, w["embedding.weight"][labels.long()]], -1)
        return generated(both, w, side, "generator.", training)

    return pulled_model(function, weights, z, g)


def projection(weights, x, labels, g, width, training):
    def function(x, w):
        i = 0
        while f"discriminator.blocks.{i}.conv.weight" in w:
            x = down(x, w, f"discriminator.blocks.{i}.conv")
            if i:
                x = batch_norm(x, w, f"discriminator.blocks.{i}.norm", training)
            x = torch.nn.functional.leaky_relu(x, 0.2)
            i += 1
        h = deviated(x, 2).flatten(1)
        judged = h @ w["discriminator.linear.weight"].T + w["discriminator.linear.bias"]
        return judged[:, 0] + (h * w["embedding.weight"][labels.long()]).sum(1)

    return pulled_model(function, weights, x, g)


# 9.14


@in_numpy
def followed(weights, decay, x, training, dtype):
    averages = dict(weights[0])
    for t, step in enumerate(weights[1:]):
        share = min(0.999 if decay is None else decay, (1 + t) / (10 + t))
        averages = {k: share * a + (1 - share) * step[k] for k, a in averages.items()}
    a = {k.removeprefix("layers."): v for k, v in averages.items()}
    y = x @ a["0.weight"].T + a["0.bias"]
    y = (y - a["1.running_mean"]) / np.sqrt(a["1.running_var"] + 1e-5)
    return {
        "averages": averages,
        "steps": len(weights) - 1,
        "y": y * a["1.weight"] + a["1.bias"],
        "raised": True,
        "own again": True,
        "modes": [training] * 3,
        "handed out before": [True] * len(averages),
    }


# 9.15


@in_numpy
def moments(features):
    return {
        "mean": {"value": features.mean(axis=0), "dtype": "mlx.core.float64"},
        "covariance": {
            "value": np.cov(features, rowvar=False).reshape((features.shape[1],) * 2),
            "dtype": "mlx.core.float64",
        },
    }


# 9.16


@in_numpy
def shares(labels, classes, least):
    counts = np.bincount(labels, minlength=classes)
    least = 0.05 if least is None else least
    enough = [int(n) / len(labels) >= least for n in counts]
    return {"shares": counts / len(labels), "covered": sum(enough)}


@in_numpy
def modes(x, centres, radius):
    from scipy.spatial.distance import cdist

    away = cdist(x, centres)
    near = away.min(axis=1) <= radius
    counts = np.bincount(away.argmin(axis=1)[near], minlength=len(centres))
    found = int((counts >= len(x) / len(centres) / 5).sum())
    return {"found": found, "between": np.array(1 - near.mean())}


# 9.17


@in_numpy
def neighbour_radii(x, k):
    from sklearn.neighbors import NearestNeighbors

    k = 3 if k is None else k
    return {"radii": NearestNeighbors(n_neighbors=k).fit(x).kneighbors()[0][:, -1] ** 2}


@in_numpy
def precise(real, made, k):
    from scipy.spatial.distance import cdist

    away = cdist(made, real)
    of_real = np.sqrt(neighbour_radii(real, k)["radii"])
    of_made = np.sqrt(neighbour_radii(made, k)["radii"])
    return {
        "precision": np.array((away <= of_real).any(axis=1).mean()),
        "recall": np.array((away <= of_made[:, None]).any(axis=0).mean()),
    }


@in_numpy
def nearest_known(x, known):
    from sklearn.neighbors import NearestNeighbors

    away, index = NearestNeighbors(n_neighbors=1).fit(known).kneighbors(x)
    return {"index": index[:, 0], "distance": away[:, 0]}


# 9.18


def arc(a, b, t, g):
    t = t.detach() if hasattr(t, "detach") else t
    unit = torch.nn.functional.normalize
    angle = torch.arccos((unit(a, dim=-1) * unit(b, dim=-1)).sum(-1, keepdim=True))
    y = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    return pulled([y], [a, b], [g])


@in_numpy
def arc_values(a, b, t):
    """For vectors of length 1 by SciPy, along straight lines where they have one direction."""
    from scipy.spatial import geometric_slerp

    found = []
    for x, y in zip(a, b, strict=True):
        x64, y64 = x / np.linalg.norm(x), y / np.linalg.norm(y)
        if abs(abs(x64 @ y64) - 1) < 1e-9:
            found.append((1 - t) * x + t * y)
        else:
            found.append(geometric_slerp(x64, y64, t) * np.linalg.norm(x))
    return {"y": np.stack(found)}
