"""What chapter 7's functions should return: by PyTorch's convolutions and autograd, or by loops."""

import itertools

import numpy as np

from reference.kit import in_numpy, torch


def to_first(x):
    """Channels behind the first axis, as PyTorch has them."""
    return x.movedim(-1, 1)


def to_last(x):
    return x.movedim(1, -1)


def convolution(x, w, numbers):
    """The definition, with zeros put between the elements and around them by hand."""
    dims = x.ndim - 2
    x, w = to_first(x), to_first(w)
    for axis in range(dims):
        apart = numbers["input_dilation"][axis]
        places = torch.arange(x.shape[axis + 2]) * apart
        wide = torch.zeros(
            *x.shape[: axis + 2],
            (x.shape[axis + 2] - 1) * apart + 1,
            *x.shape[axis + 3 :],
            dtype=x.dtype,
        )
        x = wide.index_copy(axis + 2, places, x)
    pads = [n for pair in zip(reversed(numbers["low"]), reversed(numbers["high"]), strict=True)
            for n in pair]  # fmt: skip
    x = torch.nn.functional.pad(x, pads)
    if numbers.get("flip"):
        w = w.flip(tuple(range(2, dims + 2)))
    conv = (torch.conv1d, torch.conv2d, torch.conv3d)[dims - 1]
    return to_last(
        conv(x, w, stride=numbers["stride"], dilation=numbers["kernel_dilation"],
             groups=numbers.get("groups", 1))
    )  # fmt: skip


def conv2d(x, w, stride=1, dilation=1, groups=1):
    y = torch.conv2d(to_first(x), to_first(w), stride=stride, dilation=dilation, groups=groups)
    return to_last(y)


# 7.1 to 7.5


def loops(x, w, stride):
    return {"y": conv2d(x, w, stride)}


def places_of(size, taps, stride, low, high, dilation, apart):
    """Count the places by trying all of them."""
    row = (size - 1) * apart + 1 + low + high
    last = (taps - 1) * dilation
    return sum(1 for start in range(0, row, stride) if start + last < row)


@in_numpy
def outputs(numbers):
    defaults = [None, None, 1, 0, 0, 1, 1]
    sizes = []
    for each in numbers:
        found = places_of(*each, *defaults[len(each) :])
        sizes.append(found if found > 0 else "error")
    return {"sizes": sizes, "by default": 6}


@in_numpy
def all_windows(x, taps, stride, dilation, order):
    x = np.transpose(x, order) if order else x
    dims = len(taps)
    dilation = dilation or [1] * dims
    sizes = x.shape[1:-1]
    outputs = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, d, s in zip(sizes, taps, dilation, stride, strict=True)
    ]
    y = np.zeros((x.shape[0], *outputs, *taps, x.shape[-1]))
    for out in itertools.product(*map(range, outputs)):
        for tap in itertools.product(*map(range, taps)):
            place = tuple(
                o * s + k * d for o, s, k, d in zip(out, stride, tap, dilation, strict=True)
            )
            y[(slice(None), *out, *tap)] = x[(slice(None), *place)]
    return {"y": y}


@in_numpy
def windows_are_a_view(x):
    return {"copied": False, "corner": x[0, :5, :5]}


def windows_times_matrix(x, w, options):
    return {"y": conv2d(x, w, **options)}


@in_numpy
def laid_back(x, sizes, stride, dilation):
    dims = len(sizes)
    dilation = dilation or [1] * dims
    outputs, taps = x.shape[1 : dims + 1], x.shape[dims + 1 : -1]
    y = np.zeros((x.shape[0], *sizes, x.shape[-1]))
    for out in itertools.product(*map(range, outputs)):
        for tap in itertools.product(*map(range, taps)):
            place = tuple(
                o * s + k * d for o, s, k, d in zip(out, stride, tap, dilation, strict=True)
            )
            y[(slice(None), *place)] += x[(slice(None), *out, *tap)]
    return {"y": y}


@in_numpy
def laid_back_type(x, dtype):
    y = laid_back(x, [4], [1], None)["y"]
    return {"y": y.astype(np.float32), "dtype": f"mlx.core.{dtype}"}


def gradients_by_hand(g, x, w, stride):
    conv2d(x, w, stride).backward(g)
    return {"dx": x.grad, "dw": w.grad, "automatic": [x.grad, w.grad]}


# 7.6 to 7.8


def slope_of_picture(g, x, w, numbers):
    convolution(x, w, numbers).backward(g)
    return {"dx": x.grad}


def slope_of_kernel(g, x, w, numbers):
    convolution(x, w, numbers).backward(g)
    return {"dw": w.grad}


def slopes_of_slopes(g, x, w, a, b, numbers):
    y = convolution(x, w, numbers)
    dx, dw = torch.autograd.grad(y, (x, w), g, create_graph=True)
    slopes = torch.autograd.grad((dx * a).sum() + (dw * b).sum(), (g, x, w))
    return {"slopes": list(slopes)}


def transposed(x, w, cotangent, options):
    options = dict(options)
    groups = options.get("groups", 1)
    dims = x.ndim - 2
    conv = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)[dims - 1]
    # (O, *taps, C / groups) to PyTorch's (C, O / groups, *taps), group by group.
    parts = [part.movedim(-1, 0).movedim(1, 1) for part in w.chunk(groups)]
    y = to_last(conv(to_first(x), torch.cat(parts), **options))
    y.backward(cotangent)
    return {"y": y, "gradients": [x.grad, w.grad]}


# 7.9, 7.10


def pooled(x, cotangent, kind, options):
    dims = x.ndim - 2
    function = getattr(torch.nn.functional, f"{kind.lower()}_pool{dims}d")
    y = to_last(function(to_first(x), **options))
    y.backward(cotangent)
    return {"y": y, "dx": x.grad}


@in_numpy
def pooled_with_ties(x, cotangent, options):
    """Of equal winners each gets the same share."""
    k, s, p = options["kernel_size"], options["stride"], options["padding"]
    wide = np.pad(x, [(0, 0), (p, p), (p, p), (0, 0)], constant_values=-np.inf)
    slopes, y = np.zeros_like(wide), np.zeros_like(cotangent)
    for n, i, j, c in itertools.product(*map(range, cotangent.shape)):
        where = (n, slice(i * s, i * s + k), slice(j * s, j * s + k), c)
        best = wide[where].max()
        winners = wide[where] == best
        y[n, i, j, c] = best
        slopes[where] += cotangent[n, i, j, c] * winners / winners.sum()
    inside = slice(p, -p) if p else slice(None)
    return {"y": y, "dx": slopes[:, inside, inside]}


def honest(x, cotangent, size, stride, padding):
    y = torch.nn.functional.avg_pool2d(to_first(x), size, stride, padding, count_include_pad=False)
    y = to_last(y)
    y.backward(cotangent)
    return {"y": y, "dx": x.grad}


@in_numpy
def honest_type(x, dtype):
    ones = np.pad(np.ones(x.shape[1:3]), 1)
    wide = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    n, m = wide.shape[1] - 1, wide.shape[2] - 1
    totals = sum(wide[:, a : a + n, b : b + m] for a in (0, 1) for b in (0, 1))
    counts = sum(ones[a : a + n, b : b + m] for a in (0, 1) for b in (0, 1))
    y = (totals / counts[..., None]).astype(np.float32)
    return {"y": y, "dtype": f"mlx.core.{dtype}"}


# 7.11


@in_numpy
def between(size, factor, align):
    m = int(factor * size)
    i = np.arange(m)
    if align:
        return {"places": np.linspace(0, size - 1, m) if m > 1 else np.zeros(1)}
    return {"places": (size - 1) / 2 + (i - (m - 1) / 2) / factor}


def interpolated(x, cotangent, indices, weights):
    y = x
    for axis, (of_axis, shares) in enumerate(zip(indices, weights, strict=True), start=1):
        shape = [1] * x.ndim
        shape[axis] = -1
        y = sum(
            torch.index_select(y, axis, i.long()) * share.reshape(shape)
            for i, share in zip(of_axis, shares, strict=True)
        )
    y.backward(cotangent)
    return {"y": y, "dx": x.grad}


def upsampled(x, cotangent, factor, align):
    mode = ("linear", "bilinear", "trilinear")[x.ndim - 3]
    y = torch.nn.functional.interpolate(
        to_first(x), scale_factor=factor, mode=mode, align_corners=align
    )
    y = to_last(y)
    y.backward(cotangent)
    return {"y": y, "dx": x.grad}


# 7.12


@in_numpy
def fields(stacks):
    """By following, from an output in the middle of a long row, which pixels it depends on."""

    def span(stack, place):
        pixels = {place}
        for taps, *more in reversed(stack):
            stride, dilation = [*more, *[1, 1][len(more) :]]
            pixels = {p * stride + k * dilation for p in pixels for k in range(taps)}
        return min(pixels), max(pixels)

    found = []
    for stack in stacks:
        (first, last), (after, _) = span(stack, 5), span(stack, 6)
        found.append([last - first + 1, after - first])
    return {"fields": found}


def seen_pixels(x, kernels, strides, place):
    y = x
    for kernel, stride in zip(kernels, strides, strict=True):
        y = torch.tanh(conv2d(y, kernel, stride))
    y[:, place[0], place[1]].sum().backward()
    seen = (x.grad != 0).any(dim=3).any(dim=0)
    return {"seen": seen.to(torch.int32), "dtype": "mlx.core.bool"}


# 7.13


def residual(x, cotangent, parameters, options, training):
    p, stride = parameters, options.get("stride", 1)
    statistics = {k: v.detach().clone() for k, v in p.items() if "running" in k}

    def norm(x, name):
        return torch.nn.functional.batch_norm(
            x, statistics[f"{name}.running_mean"], statistics[f"{name}.running_var"],
            p[f"{name}.weight"], p[f"{name}.bias"], training,
        )  # fmt: skip

    def conv(x, name, stride=1, padding=0):
        return torch.conv2d(x, to_first(p[f"{name}.weight"]), stride=stride, padding=padding)

    first = to_first(x)
    y = torch.relu(norm(conv(first, "conv1", stride, 1), "bn1"))
    y = norm(conv(y, "conv2", 1, 1), "bn2")
    if "shortcut.layers.0.weight" in p:
        first = norm(conv(first, "shortcut.layers.0", stride), "shortcut.layers.1")
    value = (to_last(torch.relu(y + first)) * cotangent).sum()
    value.backward()
    return {
        "value": value,
        "dx": x.grad,
        "slopes": {k: v.grad for k, v in p.items() if "running" not in k},
        "statistics": [statistics["bn1.running_mean"], statistics["bn2.running_var"]],
    }


@in_numpy
def new_block(x, options):
    i, o, stride = options["in_channels"], options["out_channels"], options.get("stride", 1)
    shapes = {"conv1.weight": [o, 3, 3, i], "conv2.weight": [o, 3, 3, o]}
    norms = ["bn1", "bn2"]
    if stride != 1 or i != o:
        shapes["shortcut.layers.0.weight"] = [o, 1, 1, i]
        norms.append("shortcut.layers.1")
    for norm in norms:
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{name}"] = [o]
    return {
        "shapes": shapes,
        "starts as its shortcut": True,
        "gain": np.zeros(o),
        "other gain": np.ones(o),
        "layers": None,
        "x": np.maximum(x, 0),
    }


# 7.14


def fold(x, parameters, options, affine, training):
    p = parameters
    outputs, height, width, channels = p["weight"].shape
    conv = torch.nn.Conv2d(
        channels * options.get("groups", 1), outputs, (height, width), bias="bias" in p,
        dtype=torch.float64, **options,
    )  # fmt: skip
    norm = torch.nn.BatchNorm2d(outputs, eps=0.1, affine=affine, dtype=torch.float64)
    with torch.no_grad():
        conv.weight.copy_(to_first(p["weight"]))
        if "bias" in p:
            conv.bias.copy_(p["bias"])
        norm.running_mean.copy_(p["mean"])
        norm.running_var.copy_(p["var"])
        if affine:
            norm.weight.copy_(p["gain"])
            norm.bias.copy_(p["shift"])
    layer = torch.nn.utils.fusion.fuse_conv_bn_eval(conv.eval(), norm.eval())
    return {
        "y": to_last(layer(to_first(x))),
        "weight": to_last(layer.weight),
        "bias": layer.bias,
        "a new layer": True,
        "untouched": [True, True],
        "mode": training,
        "old bias": p["bias"] if "bias" in p else torch.zeros(1, dtype=torch.float64),
    }


# 7.15, 7.16


@in_numpy
def flips(x, which):
    return {"y": np.stack([p[:, ::-1] if w else p for p, w in zip(x, which, strict=True)])}


@in_numpy
def crops(x, rows, columns, padding):
    _, height, width, _ = x.shape
    border = [(padding, padding), (padding, padding), (0, 0)]
    found = [
        np.pad(p, border)[i : i + height, j : j + width]
        for p, i, j in zip(x, rows, columns, strict=True)
    ]
    return {"y": np.stack(found)}


@in_numpy
def random_crops_type(x):
    return {"y": x}


@in_numpy
def holes(x, rows, columns, size):
    y = x.copy()
    for p, row, column in zip(y, rows, columns, strict=True):
        top, left = row - size // 2, column - size // 2
        p[max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = 0
    return {"y": y}


@in_numpy
def holes_type(x, dtype):
    y = holes(x, [1], [1], 2)["y"]
    return {"y": y.astype(np.float32), "dtype": f"mlx.core.{dtype}"}


@in_numpy
def mixes(x, targets, order, share):
    pictures = [
        s * x[n] + (1 - s) * x[k] for n, (s, k) in enumerate(zip(share, order, strict=True))
    ]
    answers = [
        s * targets[n] + (1 - s) * targets[k]
        for n, (s, k) in enumerate(zip(share, order, strict=True))
    ]
    return {"pictures": np.stack(pictures), "targets": np.stack(answers)}


# 7.19, 7.20


def looked(x, kernel, w, classes):
    maps = torch.tanh(conv2d(x, kernel))
    logits = torch.tanh((maps**3 + maps).mean(dim=(1, 2))) @ w
    found = []
    for n in range(x.shape[0]):
        (slopes,) = torch.autograd.grad(logits[n, int(classes[n])], maps, retain_graph=True)
        weights = slopes[n].mean(dim=(0, 1))
        found.append(torch.relu((maps[n] * weights).sum(dim=-1)))
    return {"maps": torch.stack(found)}


def view_of(name, x):
    if name == "mirrored":
        return x.flip(2)
    if name == "shifted":  # down by one, to the left by one; the border repeats
        x = torch.cat([x[:, :1], x[:, :-1]], dim=1)
        return torch.cat([x[:, :, 1:], x[:, :, -1:]], dim=2)
    return x


def small(x, w, mean, var):
    y = (x - mean) / torch.sqrt(var + 1e-5)
    return torch.softmax(y.reshape(x.shape[0], -1) @ w, dim=-1)


def several_views(x, w, mean, var, views, training):
    answers = [small(view_of(name, x), w, mean, var) for name in views]
    return {"y": sum(answers) / len(answers), "modes": [training, training], "mean": mean}


def a_view_that_fails(x, w, mean, var, training):
    return {"modes": [training, training], "y": small(x, w, mean, var)}
