"""What chapter 6's functions should return: by torch.func and autograd, or by NumPy."""

import math

import numpy as np

from reference.kit import in_numpy, torch


class Words:
    """PyTorch under the names of ``mlx.core``."""

    def __getattr__(self, name):
        return getattr(torch, name)

    @staticmethod
    def concatenate(arrays):
        return torch.cat(arrays)

    @staticmethod
    def sum(x, axis=None):
        return x.sum() if axis is None else x.sum(axis)


def smooth(text):
    """The function that a text describes, on tensors."""
    return eval(text, {"c": Words()})


def as_list(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def detached(tree):
    """Inputs as plain tensors: torch.func differentiates by itself."""
    if isinstance(tree, list):
        return [detached(x) for x in tree]
    return tree.detach() if isinstance(tree, torch.Tensor) else tree


def backward_pass(x, labels, weights, biases):
    h = x
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = h @ w.T + b
        h = z if k == len(weights) - 1 else torch.relu(z)
    loss = torch.nn.functional.cross_entropy(h, labels.long())
    loss.backward()
    dw, db = [w.grad for w in weights], [b.grad for b in biases]
    return {
        "loss": loss,
        "weights": dw,
        "biases": db,
        "automatic weights": dw,
        "automatic biases": db,
    }


def chosen_arguments(a, b, c, d, options):
    value = torch.sum(a * b**2) + torch.sum(c * a) + 2 * torch.sum(d**2)
    value.backward()
    zero = torch.zeros(())
    positional, named = [{"x": a.grad}, [b.grad]], {"three": [zero, c.grad], "four": d.grad}
    positions, names = options.get("argnums", []), options["argnames"]
    if isinstance(positions, int):
        by_position = positional[positions]
    else:
        by_position = [positional[i] for i in sorted(positions)] or None
    names = [names] if isinstance(names, str) else names
    gradients = [by_position, {name: named[name] for name in names}]
    kept = [True, True, True]
    kind = {1: "list", 2: "tuple"}.get(len(np.atleast_1d(positions)) * (by_position is not None))
    if by_position is not None and np.size(positions) == 1:
        kind = "list" if np.all(positions) else "dict"
    return {
        "value": value,
        "gradients": gradients,
        "grad alone": gradients,
        "kept": kept,
        "positions in a": kind or "NoneType",
    }


@in_numpy
def by_another_name(x):
    return {"value": np.asarray(3.0 * np.sum(x**2)), "gradient": 6.0 * x}


@in_numpy
def edited(x, y):
    return {"gradient": y, "computed": x * y, "watched": 0, "the original": [True, True, True]}


@in_numpy
def moved(x, y):
    # The loss is y * 2x; what stands in the tree afterwards is y itself and the computed 2x.
    tree = {"a": y, "b": 2.0 * x}
    return {"a": 2.0 * y, "b": 2.0 * x, "tree": tree, "y moved": True, "history": [False, False]}


@in_numpy
def raised(x):
    return {"x": x, "error": "the function's own", "the original": True, "watched": False}


@in_numpy
def arrays_twice(x):
    return {"value": np.asarray(np.sum(x**3)), "gradient": [None, {"b": x**2, "a": 2.0 * x**2}]}


def forward_mode(function, primals, tangents):
    primals, tangents = tuple(detached(primals)), tuple(detached(tangents))
    outputs, moved = torch.func.jvp(smooth(function), primals, tangents)
    return {"outputs": as_list(outputs), "tangents": as_list(moved), "watched": 0}


@in_numpy
def constant_outputs(x, v):
    return {
        "outputs": [np.ones((2, 3)), x, np.zeros_like(x)],
        "tangents": [np.zeros((2, 3)), v, np.zeros_like(x)],
    }


@in_numpy
def outputs_of_their_own(x, v, c):
    changed = [np.full_like(c, 100.0), v + 100, v]
    return {"outputs": [c + 100, x + 100, x], "tangents": changed, "given": [x, v, c]}


@in_numpy
def failed_inside(x, v):
    return {"kept": 2 * x, "watched": False, "moved": np.sum(2 * x * v) + 0 * x}


@in_numpy
def complex_tangents(x, v, z):
    return {
        "scaled": [x * z, v * z],
        "real part": [np.real(x * z), v * np.real(z)],
        "square": [abs(x * z) ** 2, 2 * x * v * abs(z) ** 2],
    }


@in_numpy
def rules_with_gaps(x, y, v, w):
    # d(sin(x) + floor(y)) and the rule that forgets its second argument on purpose.
    return {"none": [x * 3, v * 3], "zeros": [x * y, y * v]}


@in_numpy
def forward_in_place(x, v):
    return {"outputs": [(x + 1) ** 2], "tangents": [2 * (x + 1) * v], "x": x}


def forward_compositions(x, v, case):
    x, v = x.detach(), v.detach()

    def f(x):
        return torch.sum(torch.sin(x) * x**2)

    hessian = torch.func.hessian(f)(x)
    if case == "forward over forward":
        return {"y": v @ hessian @ v}
    return {"y": hessian @ v}


@in_numpy
def leaked_tangent(x, v):
    return {"moved": v, "y": np.asarray(np.sum(2 * x * x)), "g": 2 * x, "watched": False}


def pushed_pairs(x, v, case):
    factors = torch.tensor([2.0, 3.0, 4.0, 5.0], dtype=x.dtype)
    functions = {
        "split": lambda x: tuple(torch.sin(x).split(x.shape[0] // 2)),
        "taken": lambda x: (x * x)[torch.tensor([2, 0, 0])],
        "mixed": lambda x: x * factors,
        "cumulative": lambda x: torch.cumsum(x * x, 0),
        "sorted": lambda x: torch.sort(x).values * 2.0,
    }
    outputs, moved = torch.func.jvp(functions[case], (x.detach(),), (v.detach(),))
    return {"outputs": as_list(outputs), "tangents": as_list(moved)}


@in_numpy
def sums_of_a_batch(x):
    return {"y": x.sum((1, 2)), "calls": 1}


@in_numpy
def products_of_a_batch(x, y):
    return {"y": np.einsum("bij,bj->bi", x, y), "calls": 1}


@in_numpy
def calls_of_the_function(x, by):
    jacobian = np.diag(np.cos(x)) * x.sum() + np.sin(x)[:, None]
    return {"J": jacobian, "few calls": True}


@in_numpy
def jacobian_of_a_number(x, by):
    return {"J": np.asarray(np.exp(x)), "of a list": np.diag([2.0 * x, 4.0])}


@in_numpy
def curvature_of_many(x, v):
    hessian = 6 * x * v * x.sum() + 3 * x**2 * v.sum() + (3 * x**2 * v).sum()
    return {"Hv": hessian, "a matrix in memory": False}


@in_numpy
def without_rules(x, y, case):
    def mirrored(x):
        return x[..., ::-1] * np.arange(x.shape[-1])

    if case == "one argument":
        return {"y": mirrored(x)}
    if case == "another axis":
        return {"y": np.stack([mirrored(x[:, i]) for i in range(x.shape[1])], axis=1)}
    if case == "own rule":
        return {"y": x.reshape(len(x), -1).sum(axis=1) + 100.0}
    if case == "shared first":
        sums = [np.cumsum(y[0])] * len(x)
        others = x
    else:
        sums = [np.cumsum(row) for row in x]
        others = [y[0]] * len(x) if case == "shared" else y
    return {
        "outputs": [
            np.stack([s + o for s, o in zip(sums, others, strict=True)]),
            np.stack([s - o for s, o in zip(sums, others, strict=True)]),
        ]
    }


def examples(function, inputs, axes):
    inputs = detached(inputs)
    outputs = torch.func.vmap(smooth(function), in_dims=tuple(axes))(*inputs)
    return {"outputs": as_list(outputs), "watched": 0}


def gradients_of_examples(x, y, w):
    x, y, w = x.detach(), y.detach(), w.detach()

    def loss(w, x, y):
        return (torch.sum(torch.tanh(x) * w) - y) ** 2

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(w, x, y)
    return {"each": each, "mean": each.mean(0)}


@in_numpy
def alignment(args, batched):
    ranks = [np.ndim(x) - has_batch for x, has_batch in zip(args, batched, strict=True)]
    found = []
    for x, has_batch, rank in zip(args, batched, ranks, strict=True):
        ones = (1,) * (max(ranks) - rank)
        found.append(x.reshape(len(x), *ones, *x.shape[1:]) if has_batch else x)
    return {"aligned": found}


@in_numpy
def combined(x, y, axes):
    count = x.shape[0] if axes[0] == 0 else y.shape[0]
    rows = [
        (x if axes[0] is None else x[i]) * 2.0 + (y if axes[1] is None else y[i])
        for i in range(count)
    ]
    return {"y": np.stack(rows)}


@in_numpy
def reduced(x, name, options):
    def logsumexp(x, **options):
        return np.log(np.sum(np.exp(x), **options))

    function = logsumexp if name == "logsumexp" else getattr(np, name)
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    return {"y": np.stack([function(example, **options) for example in x])}


def products(x, y, axes):
    z = torch.func.vmap(torch.matmul, in_dims=tuple(axes))(x, y)
    torch.sum(torch.sin(z)).backward()
    return {"z": z, "dx": x.grad, "dy": y.grad}


def jacobian(function, x, by):
    return {"J": torch.func.jacrev(smooth(function))(x.detach())}


def curvature(x, v, case):
    functions = {
        "cubic": lambda x: torch.sum(x**3) * torch.sum(x),
        "network": lambda x: torch.sum(torch.tanh(x @ x.T) ** 2),
        "one number": lambda x: torch.exp(x) * x,
    }
    x, v = x.detach(), v.detach()
    hessian = torch.func.hessian(functions[case])(x).reshape(x.numel(), x.numel())
    return {"Hv": (hessian @ v.reshape(-1)).reshape(x.shape)}


@in_numpy
def straight_through(x, g, rule):
    return {"y": np.round(x) * x + x, "dx": g * 3.0 + g if rule else g * np.round(x) + g}


@in_numpy
def rule_of_trees(x, y, g, h, rule):
    if rule == "all":
        gradients = [g * 10.0 + h * y, h * x]
    elif rule == "the first":
        gradients = [g + h * 5.0, np.zeros_like(y)]
    elif rule == "with a number":
        gradients = [g * 3.0 + h * y * 2.0, h]
    else:
        gradients = [g + h * y, g + h * x]
    factor = 3.0 if rule == "with a number" else 1.0
    return {"outputs": [x * factor + y, x * y], "gradients": gradients}


def checkpointed(x, w, g, case):
    def layer(x, w):
        return torch.tanh(x @ w) @ w

    if case == "tree":
        y = torch.tanh(x @ w) * 2.0 + layer(x, w)
    elif case == "a pair and a name":
        y = torch.tanh(x @ w) * w.sum()
    else:
        y = layer(layer(x, w), w) if case == "twice" else layer(x, w)
    gradients = torch.autograd.grad(y, [x, w], g)
    calls = 2 if case == "twice" else 1
    remembered = {"once": 1, "twice": 2, "tree": 3, "a pair and a name": 2}[case]
    return {
        "plain": y,
        "y": y,
        "gradients": list(gradients),
        "calls": [calls, 2 * calls],
        "remembered": remembered,
    }


@in_numpy
def checkpoint_again(x):
    # f = sum sin(x)^2, f' = sin(2x), and the derivative of sum f'^2 is 4 sin(2x) cos(2x).
    return {"y": 4 * np.sin(2 * x) * np.cos(2 * x)}


@in_numpy
def checkpoint_with_other_things(x, w):
    return {"value": np.asarray(np.sum(x * w * 3.0)), "gradients": [3.0 * w, 3.0 * x]}


@in_numpy
def pieces_are_computed(x, pieces):
    sizes = [len(part) for part in np.array_split(x, pieces)]
    return {"loss": np.asarray(np.mean(x)), "sizes": sizes, "unfinished": [0] * (pieces - 1)}


@in_numpy
def gradient_in_pieces(x, y, w, pieces):
    residual = x @ w - y
    gradient = 2 / len(x) * x.T @ residual
    return {
        "loss": np.asarray(np.mean(residual**2)),
        "gradient": gradient,
        "not more pieces than allowed": True,
        "none larger than it must be": True,
        "every example": True,
    }


def after_steps(flags, scale, growth_interval):
    good, found = 0, []
    for finite in flags:
        if not finite:
            scale, good = max(scale / 2, 2.0**-126), 0
        elif good + 1 == growth_interval:
            scale, good = min(scale * 2, 2.0**127), 0
        else:
            good += 1
        found.append([float(scale), good])
    return found


@in_numpy
def scales(flags, start, growth_interval):
    states = after_steps(flags, start, growth_interval)
    return {"states": states, "dtypes": ["mlx.core.float32", "mlx.core.int32"]}


@in_numpy
def compiled_scales(flags, start, growth_interval):
    return {"states": after_steps(flags, start, growth_interval)}


@in_numpy
def unscaled_gradients(gradients, start):
    def divided(tree):
        if isinstance(tree, dict):
            return {key: divided(branch) for key, branch in tree.items()}
        if isinstance(tree, list):
            return [divided(branch) for branch in tree]
        return tree / start

    def finite(tree):
        if isinstance(tree, (dict, list)):
            branches = tree.values() if isinstance(tree, dict) else tree
            return all(finite(branch) for branch in branches)
        return bool(np.isfinite(tree).all())

    found = [divided(gradients), np.array(finite(gradients))]
    return {
        "result": found[0],
        "finite": found[1],
        "untouched": np.array(start, np.float64),
        "compiled": found,
    }


@in_numpy
def averages(ws, bs, decay, frozen):
    a, found = {"weight": ws[0], "bias": bs[0]}, []
    for w, b in zip(ws[1:], bs[1:], strict=True):
        a = {
            "weight": decay * a["weight"] + (1 - decay) * w,
            "bias": decay * a["bias"] + (1 - decay) * b,
        }
        found.append({key: value for key, value in a.items() if key not in frozen})
    return {"averages": found, "unchanged": True, "weight": ws[-1]}


@in_numpy
def applied_average(w, b, w2, b2, x, raises):
    return {
        "inside": x @ ((w + w2) / 2).T + (b + b2) / 2,
        "after": x @ w2.T + b2,
        "own": True,
    }


@in_numpy
def patience(values, options):
    sign = 1 if options.get("mode", "min") == "min" else -1
    best, waited, rows = sign * math.inf, 0, []
    for value in values:
        better = sign * (best - value) > options.get("min_delta", 0.0)
        best, waited = (value, 0) if better else (best, waited + 1)
        rows.append([better, best, waited, waited >= options["patience"]])
    return {"rows": rows}
