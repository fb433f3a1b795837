"""What chapter 5's functions should return: by mathematics in NumPy, and by PyTorch for a model.

Trees stand here in the words of the probes: ``{"tuple": [...]}``, ``{"Pair": [...]}`` and
``{"Module": {...}}`` are a tuple, a named tuple and a module.
"""

import numpy as np

from reference.kit import in_numpy, torch

SEQUENCES = ("tuple", "Pair")


def opened(tree):
    """The kind of a branch and its entries by key, or ``None`` and nothing for a leaf."""
    if isinstance(tree, list):
        return "list", dict(enumerate(tree))
    if isinstance(tree, dict) and len(tree) == 1 and next(iter(tree)) in (*SEQUENCES, "Module"):
        ((kind, inside),) = tree.items()
        return kind, dict(inside) if kind == "Module" else dict(enumerate(inside))
    if isinstance(tree, dict):
        return "dict", tree
    return None, {}


def closed(kind, entries):
    """The inverse of `opened`; a module becomes a plain dict."""
    if kind in ("dict", "Module"):
        return entries
    return list(entries.values()) if kind == "list" else {kind: list(entries.values())}


LEAVES = {
    "none": lambda kind, entries: False,
    "tuples": lambda kind, entries: kind in SEQUENCES,
    "short lists": lambda kind, entries: kind == "list" and len(entries) < 3,
    "dicts with a name": lambda kind, entries: kind in ("dict", "Module") and "name" in entries,
    "everything": lambda kind, entries: True,
}


def is_leaf(tree, stop):
    kind, entries = opened(tree)
    return kind is None or LEAVES[stop](kind, entries)


def leaves(tree, stop="none", path=()):
    """Path and value of every leaf, from left to right."""
    if is_leaf(tree, stop):
        yield path, tree
    else:
        for key, branch in opened(tree)[1].items():
            yield from leaves(branch, stop, (*path, str(key)))


# Trees

FUNCTIONS = {
    "negative": lambda x: np.asarray(-x) if isinstance(x, np.ndarray) else -x,
    "shape": lambda x: str(x.shape),
    "name": lambda x: f"<{x}>",
    "size": lambda x: len(opened(x)[1]),
    "joined": lambda *xs: " ".join(map(str, xs)),
    "weighted": lambda x, y: 10 * x + y,
}


@in_numpy
def tree_map(tree, rest, function, is_leaf):
    calls = []

    def walk(tree, *rest):
        kind, entries = opened(tree)
        if kind is None or LEAVES[is_leaf](kind, entries):
            calls.append([tree, *rest])
            return FUNCTIONS[function](tree, *rest)
        others = [opened(other)[1] for other in rest]
        return closed(kind, {k: walk(v, *(o[k] for o in others)) for k, v in entries.items()})

    return {"result": walk(tree, *rest), "calls": calls, "the tree afterwards": tree}


@in_numpy
def tree_flatten(tree, options, is_leaf):
    start = options.get("prefix", "")
    found = leaves(tree, is_leaf)
    pairs = [["".join([start, *(f".{key}" for key in path)])[1:], v] for path, v in found]
    return {"pairs": pairs}


@in_numpy
def there_and_back(tree):
    """Sequences come back as lists; branches without leaves do not come back."""

    def walk(tree):
        kind, entries = opened(tree)
        if kind is None:
            return tree
        kept = {k: walk(v) for k, v in entries.items() if list(leaves(v))}
        return list(kept.values()) if kind in ("list", *SEQUENCES) else kept

    return {"tree": walk(tree)}


FOLDS = {
    "joined": lambda a, x: f"({a} {x})",
    "counted": lambda n, _: n + 1,
    "squares": lambda total, x: np.asarray(total + (x * x).sum()),
    "sizes": lambda n, x: n + len(opened(x)[1]),
}


@in_numpy
def tree_reduce(tree, function, initializer, is_leaf):
    values = [value for _, value in leaves(tree, is_leaf)]
    if initializer is None:
        initializer, *values = values or [None]
    for value in values:
        initializer = FOLDS[function](initializer, value)
    return {"value": initializer}


@in_numpy
def tree_reduce_from_the_first(tree, function):
    return tree_reduce(tree, function, None, "none")


# Layers. Gradients by the chain rule, written out.


def rows(x):
    return x.reshape(-1, x.shape[-1])


@in_numpy
def linear(x, weight, bias, cotangent):
    found = {
        "y": x @ weight.T + (0 if bias is None else bias),
        "dx": cotangent @ weight,
        "dweight": rows(cotangent).T @ rows(x),
    }
    return found if bias is None else found | {"dbias": rows(cotangent).sum(0)}


@in_numpy
def linear_without_its_bias(x, weight, bias):
    return {"with": x @ weight.T + bias, "without": x @ weight.T}


@in_numpy
def embedding(tokens, weight, cotangent):
    dweight = np.zeros_like(weight)
    np.add.at(dweight, tokens, cotangent)
    return {"y": weight[tokens], "dweight": dweight}


@in_numpy
def as_linear(x, weight, cotangent):
    return linear(x, weight, None, cotangent)


@in_numpy
def tied(tokens, weight, cotangent):
    end = linear(weight[tokens], weight, None, cotangent)
    start = embedding(tokens, weight, end["dx"])
    return {"scores": end["y"], "dweight": end["dweight"] + start["dweight"]}


def normalized(x, axes, eps, cotangent):
    """Mean 0 and variance 1 over axes; the value, the statistics, and the gradient by x."""
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    root = np.sqrt(variance + eps)
    z, g = (x - mean) / root, cotangent
    dx = (g - g.mean(axes, keepdims=True) - z * (g * z).mean(axes, keepdims=True)) / root
    return z, dx, mean, variance


@in_numpy
def layer_norm(x, weight, bias, eps, cotangent):
    w = 1.0 if weight is None else weight
    z, dx, _, _ = normalized(x, -1, eps, cotangent * w)
    found = {"y": z * w + (0.0 if bias is None else bias), "dx": dx}
    if weight is not None:
        found["dweight"] = rows(cotangent * z).sum(0)
    if bias is not None:
        found["dbias"] = rows(cotangent).sum(0)
    return found


@in_numpy
def layer_norm_in_half(x, weight, bias, eps):
    return {"y": layer_norm(x, weight, bias, eps, x)["y"]}


@in_numpy
def layer_norm_layer(x, dims, options):
    affine, bias = options.get("affine", True), options.get("bias", True)
    names = (["bias"] if affine and bias else []) + (["weight"] if affine else [])
    y = layer_norm(x, None, None, options.get("eps", 1e-5), x)["y"]
    return {"y": y, "parameters": names}


@in_numpy
def batch_norm(x, weight, bias, cotangent, options, steps):
    """Training steps, then evaluation steps."""
    eps, mu = options.get("eps", 1e-5), options.get("momentum", 0.1)
    tracked = options.get("track_running_stats", True)
    w, b = (1.0, 0.0) if weight is None else (weight, bias)
    channels, axes = x[0].shape[-1], tuple(range(x[0].ndim - 1))
    running_mean, running_var = np.zeros(channels), np.ones(channels)
    found = {}
    for mode in ("training", "evaluating"):
        for i in range(steps):
            if mode == "training" or not tracked:
                z, dx, mean, variance = normalized(x[i], axes, eps, cotangent * w)
            else:
                z = (x[i] - running_mean) / np.sqrt(running_var + eps)
                dx = cotangent * w / np.sqrt(running_var + eps)
            if mode == "training":
                n = x[i].size // channels
                running_mean = (1 - mu) * running_mean + mu * mean.reshape(-1)
                running_var = (1 - mu) * running_var + mu * variance.reshape(-1) * n / (n - 1)
            entry = {"y": z * w + b, "dx": dx}
            if weight is not None:
                entry |= {"dweight": rows(cotangent * z).sum(0), "dbias": rows(cotangent).sum(0)}
            found[f"{mode} {i}"] = entry
            if tracked:
                statistics = {"running mean": running_mean, "running variance": running_var}
                found[f"{mode} {i}, after it"] = statistics
    return found


# Gradients of models


def perceptron(x, w1, b1, w2, b2):
    h = np.tanh(x @ w1.T + b1)
    return h, h @ w2.T + b2


def perceptron_gradients(x, g, w1, b1, w2, b2):
    h, _ = perceptron(x, w1, b1, w2, b2)
    dz = g @ w2 * (1 - h * h)
    return {
        "layers.0.weight": dz.T @ x,
        "layers.0.bias": dz.sum(0),
        "layers.2.weight": g.T @ h,
        "layers.2.bias": g.sum(0),
    }


@in_numpy
def gradients_of_a_model(x, y, w1, b1, w2, b2, names):
    residual = perceptron(x, w1, b1, w2, b2)[1] - y
    found = perceptron_gradients(x, 2 * residual, w1, b1, w2, b2)
    return {
        "loss": np.asarray(np.square(residual).sum()),
        "gradients": {k: v for k, v in found.items() if k not in names},
        "its own arrays": [True] * 4,
    }


@in_numpy
def gradients_again(x, y, w1, b1, w2, b2):
    found = gradients_of_a_model(x, y, 2 * w1, 2 * b1, 2 * w2, 2 * b2, [])
    return {key: found[key] for key in ("loss", "gradients")}


@in_numpy
def auxiliary(x, w):
    y = x @ w.T
    return {
        "loss": np.asarray(3 * (y * y).sum()),
        "output": y,
        "sum": np.asarray(y.sum()),
        "gradient": 6 * y.T @ x,
        "name": "my_loss",
    }


@in_numpy
def shared_layer(x, w, b):
    found = gradients_of_a_model(x, np.zeros(()), w, b, w, b, [])
    g = found["gradients"]
    return {
        "loss": found["loss"],
        "dweight": g["layers.0.weight"] + g["layers.2.weight"],
        "dbias": g["layers.0.bias"] + g["layers.2.bias"],
        "still one layer": True,
    }


@in_numpy
def after_an_error(x, w):
    gradient = np.ones((w.shape[0], 1)) * x.sum(0)
    return {"error": "'on purpose'", "its own array": True, "gradient": gradient}


@in_numpy
def kept_statistics(x, w):
    z = x @ w.T
    y, _, mean, variance = normalized(z, 0, 1e-5, z)
    _, dz, _, _ = normalized(z, 0, 1e-5, 3 * y * y)
    n = len(x)
    variance = variance[0] * n / (n - 1)
    return {
        "loss": np.asarray((y**3).sum()),
        "gradient": dz.T @ x,
        "running mean": mean[0] * (1 - 0.9**2),
        "running variance": 0.81 + (1 - 0.9**2) * variance,
        "no gradient of": ["running_mean", "running_var"],
    }


def whole_model(tokens, labels, parameters, sizes):
    """The same network of PyTorch's layers, with the same weights."""
    p, hidden = parameters, sizes["hidden"]
    functional = torch.nn.functional
    found = {"1 embed": functional.embedding(tokens.long(), p["embed.weight"])}
    found["2 mean over tokens"] = found["1 embed"].mean(1)
    found["3 up"] = functional.linear(found["2 mean over tokens"], p["up.weight"], p["up.bias"])
    found["4 norm"] = functional.layer_norm(
        found["3 up"], (hidden,), p["norm.weight"], p["norm.bias"]
    )
    found["5 tanh"] = torch.tanh(found["4 norm"])
    found["6 batch"] = functional.batch_norm(
        found["5 tanh"], None, None, p["batch.weight"], p["batch.bias"], training=True
    )
    found["7 out"] = functional.linear(found["6 batch"], p["out.weight"])
    loss = functional.cross_entropy(found["7 out"], labels.long())
    loss.backward()
    return found | {"8 loss": loss, "9 gradients": {k: p[k].grad for k in sorted(p)}}


# One walk over the tree


def rule(optimizer, rate, weight, gradient, state):
    """One step for one array; returns its new value and what is remembered of it."""
    if optimizer == "adam":
        m = 0.9 * state.get("m", 0.0) + 0.1 * gradient
        v = 0.999 * state.get("v", 0.0) + 0.001 * gradient**2
        new, kept = weight - rate * m / (np.sqrt(v) + 1e-8), {"m": m, "v": v}
    elif optimizer == "momentum":
        v = 0.9 * state.get("v", 0.0) + gradient
        new, kept = weight - rate * v, {"v": v}
    else:
        new, kept = weight - rate * gradient, {"v": 0 * gradient}
    # NumPy makes numbers of arrays without axes.
    return np.asarray(new), {key: np.asarray(value) for key, value in kept.items()}


RATES = {
    "0.1": lambda step: 0.1,
    "1 / (1 + step)": lambda step: 1 / (1 + step),
    "step": lambda step: float(step),
}


def walked(tree, gradient, state, optimizer, rate):
    """A step for every leaf; trees of new values and of what is remembered."""
    kind, entries = opened(gradient)
    if kind is None:
        return rule(optimizer, rate, tree, gradient, state or {})
    inside, old = opened(tree)[1], opened(state)[1] if state else {}
    pairs = {k: walked(inside[k], g, old.get(k), optimizer, rate) for k, g in entries.items()}
    new = closed(kind, {k: value for k, (value, _) in pairs.items()})
    return new, closed(kind, {k: remembered for k, (_, remembered) in pairs.items()})


@in_numpy
def optimizer_steps(parameters, gradients, optimizer, rate):
    tree, state, found = parameters, {}, {}
    for i, gradient in enumerate(gradients):
        now = RATES[rate](i)
        tree, state = walked(tree, gradient, state, optimizer, now)
        found[f"step {i + 1}"] = tree
        found[f"step {i + 1}, count and rate"] = [i + 1, float(now)]
    return found


@in_numpy
def two_schedules(w, gradients):
    v, rates = np.zeros_like(w), []
    for i, g in enumerate(gradients):
        rates.append([0.1 / (1 + i), 2.0 * i, i + 5.0])
        v = 0.5 * v + g
        w = w - rates[-1][0] * v
    return {"w": w, "rates": rates}


@in_numpy
def optimizer_calls(parameters, gradients):
    v, w = np.zeros_like(parameters["scale"]), parameters["scale"]
    for gradient in gradients:
        v = 0.9 * v + gradient["scale"]
        w = w - 0.1 * v
    return {"calls": {"init": 1, "apply_single": 5 * len(gradients)}, "scale": w}


@in_numpy
def optimizer_state(parameters, gradient, optimizer):
    new, state = walked(parameters, gradient, {}, optimizer, 0.1)
    return {"state": state, "updated": new, "step": 1}


@in_numpy
def a_part_of_the_model(w, g):
    once = w - 0.1 * g
    return {
        "updated": {"layers": [{"weight": once}, {}]},
        "weight": w - 0.1 * 1.5 * g,
        "untouched": ["layers.0.bias", "layers.1.weight", "layers.1.bias"],
        "remembered": [{"weight": {"v": "array"}}, {}],
    }


@in_numpy
def from_a_loaded_state(w, g, v):
    first = 0.5 * v + g
    second = 0.5 * first + g
    return {"first": w - 0.1 * first, "second": w - 0.1 * (first + second), "step": 9}


@in_numpy
def nan_in_one_place(w, g, optimizer):
    new, _ = rule(optimizer, 0.1, w, g, {})
    return {"a": new, "b": new, "spoilt": True, "step": 1}


@in_numpy
def compiled_and_not(x, y, w1, b1, w2, b2, optimizer):
    names = ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]
    weights, state, losses = dict(zip(names, (w1, b1, w2, b2), strict=True)), {}, []
    for _ in range(3):
        residual = perceptron(x, *weights.values())[1] - y
        losses.append(np.asarray(np.square(residual).mean()))
        g = perceptron_gradients(x, 2 * residual / residual.size, *weights.values())
        for name in names:
            weights[name], state[name] = rule(
                optimizer, 0.01, weights[name], g[name], state.get(name, {})
            )
    found = {"losses": losses, "weights": weights, "steps": 3}
    return {"eager": found, "compiled": found}


# Batches and the loop


def of_examples(w, x, y):
    """For each example its mean squared error and its farthest output, and the gradient's sum."""
    residual = x @ w.T - y
    gradient = 2 * residual.T @ x / y.shape[1]
    return np.square(residual).mean(1), np.abs(residual).max(1), gradient


@in_numpy
def trained(w, x, y, rate, batch_size, epochs, compile):
    found, steps = {}, 0
    for i in range(epochs):
        total, reports = 0.0, []
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            losses, _, gradient = of_examples(w, x[rows], y[rows])
            w, steps = w - rate * gradient / len(losses), steps + 1
            total += losses.sum()
            seen = min(start + batch_size, len(x))
            reports.append([seen, float(total / seen)])
        found[f"epoch {i}"] = {
            "mean loss": float(total / len(x)),
            "reports": reports,
            "weight": w,
            "steps": steps,
            "left over": [0.0, 0],
        }
    return found | {"in training mode": True, "without report": True}


@in_numpy
def epoch_continued(w, x, y, rate, batch_size, total, seen):
    done = trained(w, x[seen:], y[seen:], rate, batch_size, 1, False)["epoch 0"]
    rest = done["mean loss"] * (len(x) - seen)
    return {
        "mean loss": float((total + rest) / len(x)),
        "weight": done["weight"],
        "steps": done["steps"],
    }


@in_numpy
def evaluated_as_validation_wants(w, x, y, batch_size):
    full = len(x) // batch_size * batch_size
    losses, farthest, _ = of_examples(2 * w, x[:full], y[:full])
    return {
        "numbers": {"farthest": float(farthest.mean()), "loss": float(losses.mean())},
        "training mode afterwards": False,
        "weight untouched": True,
    }


@in_numpy
def evaluated(w, x, y, batch_size, start):
    losses, farthest, _ = of_examples(w, x, y)
    return {
        "numbers": {"farthest": float(farthest.mean()), "loss": float(losses.mean())},
        "again the same": True,
        "in evaluation mode": True,
        "training mode afterwards": True,
        "weight untouched": True,
        "steps": 0,
        "left over": [0.0, 0],
    }
