"""What chapter 4's functions should return: formulas in float64, and PyTorch's optimizers.

Where PyTorch and the docstring mean the same thing, PyTorch answers (the gradients of the network,
SGD, RMSprop, Adam and AdamW with bias correction). The other optimizers follow MLX's conventions
and are computed from their formulas.
"""

import math

import numpy as np

from reference.kit import in_numpy, torch


def as_arrays(result):
    """Numbers without axes as arrays: NumPy's arithmetic makes numbers of them."""
    return mapped(np.asarray, result)


def mapped(function, tree):
    if isinstance(tree, dict):
        return {key: mapped(function, branch) for key, branch in tree.items()}
    return [mapped(function, b) for b in tree] if isinstance(tree, list) else function(tree)


# 4.1 and 4.9: two layers


@in_numpy
def forward(weight1, bias1, weight2, bias2, x):
    hidden = np.tanh(np.einsum("nd,hd->nh", x, weight1) + bias1)
    return as_arrays({"hidden": hidden, "logits": np.einsum("nh,h->n", hidden, weight2) + bias2})


def loss_and_gradients(weight1, bias1, weight2, bias2, x, targets):
    logits = torch.tanh(x @ weight1.T + bias1) @ weight2 + bias2
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets.double())
    loss.backward()
    parameters = {"weight1": weight1, "bias1": bias1, "weight2": weight2, "bias2": bias2}
    return {"loss": loss} | {name: p.grad for name, p in parameters.items()}


# 4.2 to 4.5: activations, each with its derivative


@in_numpy
def leaky_relu(x, cotangent, negative_slope=0.01):
    slope = np.where(x > 0, 1.0, negative_slope)
    return as_arrays({"y": slope * x, "dx": slope * cotangent})


@in_numpy
def softplus(x, cotangent):
    return as_arrays({"y": np.logaddexp(x, 0), "dx": cotangent * sigmoid(x)})


def sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


@in_numpy
def gelu(x, cotangent):
    phi = (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2
    bell = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    return as_arrays({"y": x * phi, "dx": cotangent * (phi + x * bell)})


@in_numpy
def gelu_approx(x, cotangent):
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    slope = (1 + t) / 2 + x / 2 * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)
    return as_arrays({"y": x / 2 * (1 + t), "dx": cotangent * slope})


@in_numpy
def softmax(x, cotangent, axis=-1):
    axis = tuple(axis) if isinstance(axis, list) else axis
    y = shares(x, axis)
    return as_arrays({"y": y, "dx": y * (cotangent - (y * cotangent).sum(axis, keepdims=True))})


def shares(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@in_numpy
def log_softmax(x, cotangent, axis=-1):
    axis = tuple(axis) if isinstance(axis, list) else axis
    x = x - x.max(axis, keepdims=True)
    y = x - np.log(np.exp(x).sum(axis, keepdims=True))
    return as_arrays(
        {"y": y, "dx": cotangent - shares(x, axis) * cotangent.sum(axis, keepdims=True)}
    )


# 4.6 to 4.8: losses, with their derivatives


def reduced(loss, reduction, cotangent):
    """The reduced loss, and what arrives at each of its elements."""
    if reduction == "none":
        return loss, cotangent
    value = loss.mean() if reduction == "mean" else loss.sum()
    return value, np.full(loss.shape, cotangent / (loss.size if reduction == "mean" else 1))


def weighed(loss, weights, reduction, cotangent):
    """As `reduced`, of loss times weights; and the derivative by the weights, if there are any."""
    value, g = reduced(loss if weights is None else loss * weights, reduction, cotangent)
    slopes = {} if weights is None else {"dweights": g * loss}
    return value, g if weights is None else g * weights, slopes


@in_numpy
def cross_entropy(
    logits, targets, cotangent, weights=None, axis=-1, label_smoothing=0.0, reduction="none"
):
    x = np.moveaxis(logits, axis, -1)
    classes = x.shape[-1]
    if targets.ndim == logits.ndim:
        p = np.moveaxis(targets, axis, -1)
    else:
        p = np.eye(classes)[targets.astype(int)]
    p = (1 - label_smoothing) * p + label_smoothing / classes
    x = x - x.max(-1, keepdims=True)
    logs = x - np.log(np.exp(x).sum(-1, keepdims=True))
    loss = -(p * np.where(p == 0, 0, logs)).sum(-1)  # of what has no weight -inf does not count
    value, g, slopes = weighed(loss, weights, reduction, cotangent)
    dlogits = g[..., None] * (shares(x, -1) - p)
    return as_arrays({"loss": value, "dlogits": np.moveaxis(dlogits, -1, axis)} | slopes)


@in_numpy
def binary_cross_entropy(
    inputs, targets, cotangent, weights=None, with_logits=True, reduction="mean"
):
    if with_logits:
        loss = np.logaddexp(0, inputs) - inputs * targets
        by_inputs, by_targets = sigmoid(inputs) - targets, -inputs
    else:
        yes, no = np.log(inputs), np.log(1 - inputs)
        loss = -(targets * yes + (1 - targets) * no)
        by_inputs, by_targets = (1 - targets) / (1 - inputs) - targets / inputs, no - yes
    value, g, slopes = weighed(loss, weights, reduction, cotangent)
    return as_arrays({"loss": value, "dinputs": g * by_inputs, "dtargets": g * by_targets} | slopes)


@in_numpy
def certain(probabilities, targets):
    """Each element's loss for probabilities that may be 0 or 1."""
    with np.errstate(divide="ignore"):
        yes, no = (np.maximum(np.log(q), -100) for q in (probabilities, 1 - probabilities))
    return as_arrays({"loss": -(targets * yes + (1 - targets) * no)})


@in_numpy
def huber_loss(inputs, targets, cotangent, delta=1.0, reduction="none"):
    difference = inputs - targets
    d = abs(difference)
    loss, g = reduced(
        np.where(d <= delta, d * d / 2, delta * (d - delta / 2)), reduction, cotangent
    )
    slope = g * np.clip(difference, -delta, delta)
    return as_arrays({"loss": loss, "dinputs": slope, "dtargets": -slope})


# 4.10 to 4.13: optimizers, by explicit steps from a given state


def by_torch(name, buffers, options, w, gradients, state, step):
    """The parameters after each step of ``torch.optim``, and its state under the names used here.

    ``buffers`` translates those names into PyTorch's.
    """
    options = {k: v for k, v in options.items() if k != "bias_correction"}
    w = w.detach().requires_grad_()
    optimizer = getattr(torch.optim, name)([w], lr=options.pop("learning_rate"), **options)
    own = optimizer.state[w]
    own.update({theirs: state[mine].detach().clone() for mine, theirs in buffers.items()})
    own["step"] = torch.tensor(float(step))
    trail = []
    for g in gradients:
        w.grad = g.detach().clone()
        optimizer.step()
        trail.append(w.detach().clone())
    return {"parameters": trail, "state": {mine: own[name] for mine, name in buffers.items()}}


def sgd(options, w, gradients, state, step=0):
    return by_torch("SGD", {"v": "momentum_buffer"}, options, w, gradients, state, step)


def rmsprop(options, w, gradients, state, step=0):
    return by_torch("RMSprop", {"v": "square_avg"}, options, w, gradients, state, step)


def adam(options, w, gradients, state, step=0):
    buffers = {"m": "exp_avg", "v": "exp_avg_sq"}
    return by_torch("Adam", buffers, options, w, gradients, state, step)


def adamw(options, w, gradients, state, step=0):
    buffers = {"m": "exp_avg", "v": "exp_avg_sq"}
    return by_torch("AdamW", buffers, options, w, gradients, state, step)


@in_numpy
def uncorrected(options, w, gradients, state, step=0):
    """Adam, and with ``weight_decay`` AdamW, without bias correction: MLX's default."""
    (b1, b2), eps = options.get("betas", (0.9, 0.999)), options.get("eps", 1e-8)
    lr, decay = options["learning_rate"], options.get("weight_decay", 0.0)
    m, v, trail = state["m"], state["v"], []
    for g in gradients:
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        w = w - lr * (m / (np.sqrt(v) + eps) + decay * w)
        trail.append(w)
    return as_arrays({"parameters": trail, "state": {"m": m, "v": v}})


def adam_of_two(options, w, gradients, state):
    trail = adam(options, w, gradients, state)["parameters"]
    return {"first": trail, "second": trail}


# 4.14: Adafactor's running means, by the whole matrix they stand for


@in_numpy
def scaled(gradients, betas, eps, state):
    state, updates = dict(state), []
    for g, beta in zip(gradients, betas, strict=True):
        s = g * g + eps
        if g.ndim < 2:
            v = state["exp_avg_sq"] = beta * state["exp_avg_sq"] + (1 - beta) * s
        else:
            r = beta * state["exp_avg_sq_row"] + (1 - beta) * s.mean(-1)
            c = beta * state["exp_avg_sq_col"] + (1 - beta) * s.mean(-2)
            state["exp_avg_sq_row"], state["exp_avg_sq_col"] = r, c
            v = r[..., :, None] * c[..., None, :] / r.mean(-1)[..., None, None]
        updates.append(g / np.sqrt(v))
    return as_arrays({"updates": updates, "state": state})


# 4.16: clipping


def arrays(tree):
    if isinstance(tree, (list, dict)):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from arrays(branch)
    else:
        yield tree


@in_numpy
def clip_grad_norm(grads, max_norm):
    norm = np.sqrt(sum((np.sum(g.astype(np.float64) ** 2) for g in arrays(grads)), 0.0))
    factor = min(1.0, max_norm / (norm + 1e-6))
    return as_arrays({"clipped": mapped(lambda g: g * factor, grads), "norm": norm})


# 4.17: schedules


def cosine(init, decay_steps, end):
    def schedule(t):
        s = min(t, decay_steps) / decay_steps
        return end + (1 + math.cos(math.pi * s)) / 2 * (init - end)

    return schedule


def linear(init, end, steps):
    return lambda t: init + (end - init) * min(t, steps) / steps


def constant(value):
    return lambda t: value


SCHEDULES = {"cosine": cosine, "linear": linear, "constant": constant}


@in_numpy
def cosine_decay(init, decay_steps, steps, end=0.0):
    return as_arrays({"rates": [cosine(init, decay_steps, end)(t) for t in steps]})


@in_numpy
def the_first_rate(decay_steps, parts, boundaries):
    return as_arrays({"rates": [1.0]})


@in_numpy
def schedules_of_numbers(init, decay_steps, end, schedules, boundaries, steps):
    return {
        "cosine": cosine_decay(init, decay_steps, steps, end)["rates"],
        "joined": join_schedules(schedules, boundaries, steps)["rates"],
        "lists": [len(schedules), len(boundaries)],
    }


@in_numpy
def join_schedules(schedules, boundaries, steps):
    parts = [SCHEDULES[name](*arguments) for name, *arguments in schedules]
    starts = [0, *boundaries]
    rates = []
    for t in steps:
        now = sum(t >= b for b in boundaries)
        rates.append(float(parts[now](t - starts[now])))
    return as_arrays({"rates": rates})
