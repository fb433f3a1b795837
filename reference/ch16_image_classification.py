"""What PyTorch, SciPy and mathematics answer in chapter 16."""

import numpy as np

from reference.kit import in_numpy, torch


def pull(y, g, inputs):
    """The slopes of inputs (a dict) under a cotangent."""
    y.backward(g)
    return {name: x.grad for name, x in inputs.items()}


# 16.1


@in_numpy
def cells(length, count):
    """Cells of the integral, which is a broken line: exact wherever a border lies."""
    edges = np.linspace(0, length, count + 1)
    pixels = np.eye(length)
    integral = np.concatenate([np.zeros((length, 1)), np.cumsum(pixels, axis=1)], axis=1)
    rows = [np.interp(edges, np.arange(length + 1), row) for row in integral]
    return {"shares": np.diff(np.array(rows), axis=1).T * count / length}


def averaged(x, size):
    """`(N, size, size + 1)` cells of grey pictures."""
    grey = x.mean(-1)
    high, wide = cells(x.shape[1], size)["shares"], cells(x.shape[2], size + 1)["shares"]
    return np.einsum("ih,nhw,jw->nij", high, grey, wide)


@in_numpy
def fingerprints(x, size):
    bits = np.diff(averaged(x, size), axis=2) > 0.5 / 255
    return {"bits": bits.reshape(len(x), -1)}


@in_numpy
def fingerprints_64(x):
    return fingerprints(x, 8)


@in_numpy
def alike_whole(hashes, radius):
    return alike(hashes, radius, None)


@in_numpy
def alike(hashes, radius, block):
    """Connected components of the graph of near pairs, by SciPy."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    differ = (hashes[:, None] != hashes[None]).sum(-1)
    _, parts = connected_components(csr_matrix(differ <= radius), directed=False)
    first = [int(np.flatnonzero(parts == part)[0]) for part in parts]
    return {"groups": np.array(first, np.int64)}


# 16.3


def cut(x, side, g):
    """Windows by `unfold`, whose rows have their channels first."""
    n, height, width, channels = x.shape
    found = torch.nn.functional.unfold(x.movedim(-1, 1), side, stride=side)  # (N, C s s, L)
    found = found.reshape(n, channels, side * side, height // side, width // side)
    y = found.permute(0, 3, 4, 2, 1).flatten(3)
    return {"y": y, "dx": pull(y, g, {"x": x})["x"]}


def stretched(positions, rows, columns, g):
    """Bilinear interpolation, middles at halves."""
    first = positions.movedim(-1, 0)[None]
    y = torch.nn.functional.interpolate(
        first, (rows, columns), mode="bilinear", align_corners=False
    )[0].movedim(0, -1)
    return {"y": y, "dx": pull(y, g, {"x": positions})["x"]}


def tokens_of(x, w, config, prefix="tokens."):
    """The tokens of a picture by torch's own convolution."""
    side, f = config["patch"], torch.nn.functional
    if config["tokenizer"] == "patches":
        kernels = w[f"{prefix}linear.weight"]
        kernels = kernels.reshape(kernels.shape[0], side, side, -1).permute(0, 3, 1, 2)
        maps = f.conv2d(x.movedim(-1, 1), kernels, w[f"{prefix}linear.bias"], stride=side)
    else:
        maps = x.movedim(-1, 1)
        stages = side.bit_length() - 1
        for i in range(stages):
            kernel = w[f"{prefix}stem.layers.{2 * i}.weight"].permute(0, 3, 1, 2)
            maps = f.conv2d(maps, kernel, w[f"{prefix}stem.layers.{2 * i}.bias"], 2, 1)
            maps = f.relu(maps) if i < stages - 1 else maps
    places = w[f"{prefix}positions"].movedim(-1, 0)[None]
    if places.shape[2:] != maps.shape[2:]:
        places = f.interpolate(places, maps.shape[2:], mode="bilinear", align_corners=False)
    found = (maps + places).flatten(2).transpose(1, 2)
    if config["pool"] == "token":
        first = w[f"{prefix}token"].expand(len(x), 1, -1)
        found = torch.cat([first, found], dim=1)
    return found


def told(y, g, x, w):
    y.backward(g)
    return {"y": y, "dx": x.grad, "weights": {name: value.grad for name, value in w.items()}}


def sequence(x, w, config, g):
    return told(tokens_of(x, w, config, prefix=""), g, x, w)


# 16.4


def branches(x, w, heads, prefix=""):
    """What the two branches of a block add; the second depends on what became of the first."""
    f, dims = torch.nn.functional, x.shape[-1]

    def norm(x, name):
        return f.layer_norm(x, (dims,), w[f"{prefix}{name}.weight"], w[f"{prefix}{name}.bias"])

    def linear(x, name):
        return f.linear(x, w[f"{prefix}{name}.weight"], w[f"{prefix}{name}.bias"])

    def first(x):
        y = norm(x, "ln1")
        q, k, v = (
            linear(y, f"attention.{name}_proj").unflatten(-1, (heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        y = f.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return linear(y, "attention.out_proj")

    def second(x):
        return linear(f.gelu(linear(norm(x, "ln2"), "linear1")), "linear2")

    return first, second


def block_of(x, w, heads, prefix=""):
    first, second = branches(x, w, heads, prefix)
    x = x + first(x)
    return x + second(x)


def block(x, w, heads, mlp, g):
    return told(block_of(x, w, heads), g, x, w)


def dropped(x, w, heads, mlp, keep):
    """A block in training: which of its branches were kept, `keep`, each divided by 1/2."""
    first, second = branches(x, w, heads)
    with torch.no_grad():
        x = x + 2 * keep[0] * first(x)
        return {"y": x + 2 * keep[1] * second(x)}


def pooled(x, w, g):
    weights = torch.softmax(torch.nn.functional.linear(x, w["score.weight"], w["score.bias"]), 1)
    return told((weights.transpose(1, 2) @ x)[:, 0], g, x, w)


def vit_of(x, w, config):
    f = torch.nn.functional
    x = tokens_of(x, w, config)
    for i in range(config["layers"]):
        x = block_of(x, w, config["heads"], f"blocks.{i}.")
    return f.layer_norm(x, (config["dims"],), w["ln.weight"], w["ln.bias"])


def logits_of(x, w, config):
    f = torch.nn.functional
    x = vit_of(x, w, config)
    if config["pool"] == "token":
        x = x[:, 0]
    elif config["pool"] == "mean":
        x = x.mean(1)
    else:
        scores = torch.softmax(f.linear(x, w["pool.score.weight"], w["pool.score.bias"]), 1)
        x = (scores.transpose(1, 2) @ x)[:, 0]
    return f.linear(x, w["linear.weight"], w["linear.bias"])


def looks(x, w, config, g):
    features = vit_of(x, w, config)
    found = told(logits_of(x, w, config), g, x, w)
    return {"features": features, **found}


# 16.5


def counted(network, weights, *inputs):
    """Parameters, and what torch's own counter of operations sees."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with (
        counter,
        torch.no_grad(),
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
    ):
        network(*inputs)
    return {
        "parameters": int(sum(w.numel() for w in weights)),
        "flops": int(counter.get_total_flops()),
    }


def resnet(widths, blocks, strides, stem, side, classes, channels):
    """A residual network of torch's layers."""
    made = torch.nn.ModuleList()

    def convolution(inputs, outputs, taps, step):
        layer = torch.nn.Conv2d(inputs, outputs, taps, step, (taps - 1) // 2, bias=False)
        made.extend([layer, torch.nn.BatchNorm2d(outputs)])
        return layer

    first = convolution(channels, widths[0], *stem)
    steps, before = [], widths[0]
    for width, count, stride in zip(widths, blocks, strides):
        for i in range(count):
            step = stride if i == 0 else 1
            branch = [convolution(before, width, 3, step), convolution(width, width, 3, 1)]
            projects = step != 1 or before != width
            steps.append((branch, convolution(before, width, 1, step) if projects else None))
            before = width
    last = torch.nn.Linear(before, classes)

    def network(x):
        x = first(x)
        for (one, two), shortcut in steps:
            x = two(one(x)) + (x if shortcut is None else shortcut(x))
        return last(x.mean((2, 3)))

    weights = [*made.parameters(), *last.parameters()]
    return counted(network, weights, torch.zeros(1, channels, side, side))


def vit(config, weights):
    """The transformer of above, of weights in the shapes that the student's model has."""
    w = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in weights.items()}
    x = torch.zeros(1, config["side"], config["side"], config["channels"], dtype=torch.float64)
    return counted(logits_of, list(w.values()), x, w, config)


# 16.7


def places(theta, height, width, g):
    y = torch.nn.functional.affine_grid(theta, (len(theta), 1, height, width), align_corners=False)
    return {"y": y, "dx": pull(y, g, {"x": theta})["x"]}


def sampled(x, grid, padding, g):
    y = torch.nn.functional.grid_sample(
        x.movedim(-1, 1), grid, padding_mode=padding, align_corners=False
    ).movedim(1, -1)
    return {"y": y, **pull(y, g, {"x": x, "grid": grid})}


def taught_by_default(student, teacher, labels):
    with torch.no_grad():
        one = torch.tensor(1.0, dtype=torch.float64)
    return {"y": taught(student, teacher, labels, 4.0, 0.9, one)["y"].double()}


def sampled_half(x, grid, padding):
    with torch.no_grad():
        y = torch.nn.functional.grid_sample(
            x.movedim(-1, 1), grid, padding_mode=padding, align_corners=False
        )
    return {"y": y.movedim(1, -1).to(torch.float16).double(), "dtype": "float16"}


# 16.8


def taught(student, teacher, labels, temperature, share, g):
    f = torch.nn.functional
    p, q = (f.log_softmax(z / temperature, -1) for z in (teacher.detach(), student))
    apart = f.kl_div(q, p, reduction="batchmean", log_target=True)
    labels = labels if labels.is_floating_point() else labels.long()
    y = share * temperature**2 * apart + (1 - share) * f.cross_entropy(student, labels)
    y.backward(g)
    return {"y": y, "student": student.grad, "teacher": torch.zeros_like(teacher)}


# 16.9


@in_numpy
def reliable(probabilities, labels, bins):
    """Bins by NumPy, answer by answer."""
    confidence = np.minimum(probabilities.max(-1), 1)
    right = probabilities.argmax(-1) == labels
    at = np.minimum((confidence.astype(np.float32) * np.float32(bins)).astype(int), bins - 1)
    counts = np.bincount(at, minlength=bins)
    with np.errstate(invalid="ignore"):
        sure = np.bincount(at, confidence, bins) / counts
        often = np.bincount(at, right, bins) / counts
    error = np.nansum(counts / len(labels) * np.abs(sure - often))
    return {
        "confidence": np.nan_to_num(sure, nan=-1),
        "frequency": np.nan_to_num(often, nan=-1),
        "counts": counts.astype(np.float64),
        "error": np.array(error),
    }


@in_numpy
def tempered(logits, labels):
    """The minimum by SciPy's method of Brent, in 1 / T."""
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    z = logits - logits.max(-1, keepdims=True)
    own = np.take_along_axis(z, labels[:, None].astype(np.int64), -1)[:, 0]

    def loss(b):
        return np.mean(logsumexp(b * z, axis=-1) - b * own)

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-12})
    ends = {0.05: 20.0, 20.0: 0.05}
    for end, temperature in ends.items():
        if loss(end) <= best.fun:
            return {"temperature": temperature}
    return {"temperature": float(1 / best.x)}


@in_numpy
def tempered_in(logits, labels, rounds):
    """The first steps of Newton's method in an interval, from 1."""
    low, high, b = 0.05, 20.0, 1.0
    own = np.take_along_axis(logits, labels[:, None].astype(np.int64), -1)[:, 0]
    for _ in range(rounds):
        p = np.exp(b * logits)
        p /= p.sum(-1, keepdims=True)
        mean = (p * logits).sum(-1)
        first, second = (mean - own).mean(), ((p * logits**2).sum(-1) - mean**2).mean()
        low, high = (low, b) if first > 0 else (b, high)
        b -= first / second
        b = b if low < b < high else (low + high) / 2
    return {"temperature": float(1 / b)}


# 16.10


@in_numpy
def interval(right, total, confidence):
    from scipy.stats import binomtest

    found = binomtest(right, total).proportion_ci(confidence, method="wilson")
    return {"low": float(found.low), "high": float(found.high)}


@in_numpy
def interval_95(right, total):
    return interval(right, total, 0.95)


@in_numpy
def paired(first, second):
    from scipy.stats import binomtest

    one, other = int((first & ~second).sum()), int((second & ~first).sum())
    p = binomtest(one, one + other, 0.5).pvalue if one + other else 1.0
    return {"p": float(p)}


@in_numpy
def law(examples, errors):
    slope, height = np.polyfit(np.log(examples), np.log(errors), 1)
    return {"factor": float(np.exp(height)), "exponent": float(-slope)}


# 16.11


@in_numpy
def passed(attentions):
    from functools import reduce

    one = np.eye(attentions[0].shape[-1])
    mixed = [(a.mean(1) + one) / 2 for a in attentions]
    return {"y": reduce(lambda total, m: np.matmul(m, total), mixed)}


@in_numpy
def covered(x, w, classes, side, stride, fill):
    """Every place by a copy of the pictures."""

    def probability(x):
        z = np.tanh(x).reshape(len(x), -1) @ w
        e = np.exp(z - z.max(-1, keepdims=True))
        return (e / e.sum(-1, keepdims=True))[np.arange(len(x)), classes]

    high, wide = (range(0, n - side + 1, stride) for n in x.shape[1:3])
    y = np.zeros((len(x), len(high), len(wide)))
    for r, top in enumerate(high):
        for c, left in enumerate(wide):
            other = x.copy()
            other[:, top : top + side, left : left + side] = fill
            y[:, r, c] = probability(x) - probability(other)
    calls = 1 + len(high) * len(wide)
    return {"y": y, "sizes": [len(x)] * calls}


@in_numpy
def covered_black(x, w, classes, side, stride):
    return {"y": covered(x, w, classes, side, stride, 0.0)["y"]}


@in_numpy
def covered_half(x, w, classes):
    return {"y": covered(x, w, classes, 2, 1, 0.25)["y"]}
