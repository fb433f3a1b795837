"""What PyTorch, SciPy, scikit-image and mathematics answer in chapter 18."""

import numpy as np

from reference.kit import in_numpy, torch


def pull(y, g, **inputs):
    """The slopes of inputs under a cotangent; 0 where nothing arrives."""
    y.backward(g)
    zero = torch.zeros_like
    return {name: zero(x) if x.grad is None else x.grad for name, x in inputs.items()}


# 18.1


def gram(maps):
    return torch.einsum("nhwc,nhwd->ncd", maps, maps) / (maps.shape[1] * maps.shape[2])


def gram_of(maps, g):
    y = gram(maps)
    return {"y": y, **pull(y, g, dx=maps)}


@in_numpy
def gram_plain(maps):
    return {"y": np.einsum("nhwc,nhwd->ncd", maps, maps) / (maps.shape[1] * maps.shape[2])}


def error(x, target):
    axes = tuple(range(1, x.ndim))
    size = target.square().sum(axes)
    size = torch.where(size > 0, size, torch.ones_like(size))
    return ((x - target).square().sum(axes) / size).mean()


def relative(x, target, g):
    y = error(x, target)
    return {"y": y, **pull(y, g, x=x, target=target)}


def relative_plain(x, target):
    return {"y": error(x, target)}


def styles_apart(maps, targets, weights):
    if weights is None:
        weights = [1 / len(maps)] * len(maps)
    return sum(w * error(gram(m), t) for m, t, w in zip(maps, targets, weights))


def style(maps, targets, weights, g):
    y = styles_apart(maps, targets, weights)
    y.backward(g)
    return {"y": y, "maps": [m.grad for m in maps], "targets": [t.grad for t in targets]}


def style_by_default(maps, targets):
    return {"y": styles_apart(maps, targets, None)}


def variation(x, g):
    y = x.diff(dim=1).square().mean() + x.diff(dim=2).square().mean()
    return {"y": y, **pull(y, g, dx=x)}


# 18.2


def seen(x, w, widths, depths, layers, border, g):
    f, maps, found = torch.nn.functional, x.movedim(-1, 1), {}
    for group, depth in enumerate(depths, 1):
        maps = f.avg_pool2d(maps, 2) if group > 1 else maps
        for i in range(1, depth + 1):
            name = f"conv{group}_{i}"
            mode = "constant" if border == "zeros" else "circular"
            kernel = w[f"{name}.weight"].permute(0, 3, 1, 2)
            maps = f.conv2d(f.pad(maps, (1, 1, 1, 1), mode=mode), kernel, w[f"{name}.bias"])
            maps = found[name] = f.relu(maps)
    y = torch.cat([found[name].movedim(1, -1).reshape(-1) for name in layers])
    y.backward(g)
    slopes = {n: torch.zeros_like(a) if a.grad is None else a.grad for n, a in w.items()}
    return {"y": y, "dx": x.grad, "weights": slopes}


def ready(x, g):
    y = torch.stack([255 * x[..., 2] - 103.939, 255 * x[..., 1] - 116.779,
                     255 * x[..., 0] - 123.68], -1)  # fmt: skip
    return {"y": y, **pull(y, g, dx=x)}


# 18.3


@in_numpy
def towards(gradient, steps, changes):
    """By whole matrices, as the formula stands there."""
    n = gradient.size
    h = np.eye(n)
    if steps:
        s, y = steps[-1].reshape(-1), changes[-1].reshape(-1)
        h = h * (s @ y / (y @ y))
    for step, change in zip(steps, changes):
        s, y = step.reshape(-1), change.reshape(-1)
        rho = 1 / (s @ y)
        left = np.eye(n) - rho * np.outer(s, y)
        h = left @ h @ left.T + rho * np.outer(s, s)
    return {"y": -(h @ gradient.reshape(-1)).reshape(gradient.shape)}


# 18.4


def w2(a, b):
    """The squared distance of two sorted samples on a line, by the union of their quantiles."""
    n, m = len(a), len(b)
    ends = sorted({i * m for i in range(1, n + 1)} | {j * n for j in range(1, m + 1)})
    total, before = 0.0, 0
    for end in ends:
        total = total + (end - before) / (n * m) * (a[(end - 1) // m] - b[(end - 1) // n]) ** 2
        before = end
    return total


def away(a, b, lines):
    first, second = (a @ lines.T).sort(0).values, (b @ lines.T).sort(0).values
    parts = [w2(first[:, p], second[:, p]) for p in range(lines.shape[0])]
    return sum(parts) / len(parts)


def apart(a, b, lines, g):
    y = away(a, b, lines)
    return {"y": y, **pull(y, g, a=a, b=b)}


# 18.5


def spread_of(maps, mask, eps):
    share = (
        torch.ones_like(maps[..., :1]) if mask is None else mask[..., None].expand_as(maps[..., :1])
    )
    total = share.sum((1, 2), keepdim=True)
    share = share / torch.where(total > 0, total, torch.ones_like(total))
    mean = (share * maps).sum((1, 2), keepdim=True)
    variance = (share * (maps - mean) ** 2).sum((1, 2), keepdim=True)
    return mean, (variance + eps).sqrt()


def moments(maps, mask, eps, g, h):
    mean, deviation = spread_of(maps, mask, eps)
    (g * mean).sum().add((h * deviation).sum()).backward()
    slopes = [] if mask is None else [mask.grad * mask]
    return {
        "mean": mean,
        "deviation": deviation,
        "dx": maps.grad,
        "dtype": "float32",
        "mask": slopes,
    }


def moments_by_default(maps):
    mean, deviation = spread_of(maps, None, 1e-5)
    return {"mean": mean, "deviation": deviation}


def restyled(content, style, strength, mask, eps):
    mean, deviation = spread_of(content, mask, eps)
    new_mean, new_deviation = spread_of(style, None, eps)
    y = new_deviation * (content - mean) / deviation + new_mean
    share = strength if mask is None else strength * mask[..., None]
    return content + share * (y - content)


def given(content, style, strength, mask, eps, g):
    y = restyled(content, style, strength, mask, eps)
    slopes = pull(y, g, content=content, style=style)
    return {"y": y, **slopes, "mask": [] if mask is None else [mask.grad]}


def given_by_default(content, style):
    return {"y": restyled(content, style, 1.0, None, 1e-5)}


# 18.6


def normalized(x, weight, bias, styles, eps):
    """`F.instance_norm`, channels first, then gains and offsets."""
    y = torch.nn.functional.instance_norm(x.movedim(-1, 1), eps=eps).movedim(1, -1)
    if styles.dtype.is_floating_point:
        gain, offset = styles @ weight, styles @ bias
    else:
        gain, offset = weight[styles.long()], bias[styles.long()]
    return y * gain[:, None, None] + offset[:, None, None]


def all_slopes(y, g, x, w):
    y.backward(g)
    return {"y": y, "dx": x.grad, "weights": {name: a.grad for name, a in w.items()}}


def conditional(x, w, styles, eps, g):
    return all_slopes(normalized(x, w["weight"], w["bias"], styles, eps), g, x, w)


def reflected(x, weight, bias, stride):
    f, k = torch.nn.functional, weight.shape[1] // 2
    y = f.pad(x.movedim(-1, 1), (k, k, k, k), mode="reflect")
    return f.conv2d(y, weight.permute(0, 3, 1, 2), bias, stride).movedim(1, -1)


def mirrored(x, w, kernel, stride, g):
    return all_slopes(reflected(x, w["conv.weight"], w["conv.bias"], stride), g, x, w)


def painter(x, w, styles, count, width, blocks, g):
    def conv(x, name, stride=1):
        return reflected(x, w[f"{name}.conv.weight"], w[f"{name}.conv.bias"], stride)

    def norm(x, name):
        return normalized(x, w[f"{name}.weight"], w[f"{name}.bias"], styles, 1e-5)

    start, sizes = x, []
    for i, (name, stride) in enumerate((("first", 1), ("down.0", 2), ("down.1", 2))):
        sizes.append(x.shape[1:3])
        x = torch.relu(norm(conv(x, name, stride), f"down_norms.{i}"))
    for i in range(blocks):
        y = torch.relu(norm(conv(x, f"blocks.{i}.conv1"), f"blocks.{i}.norm1"))
        x = x + norm(conv(y, f"blocks.{i}.conv2"), f"blocks.{i}.norm2")
    for i in range(2):
        high, wide = sizes[2 - i]
        x = torch.nn.functional.interpolate(x.movedim(-1, 1), scale_factor=2, mode="nearest")
        x = x.movedim(1, -1)[:, :high, :wide]
        x = torch.relu(norm(conv(x, f"up.{i}"), f"up_norms.{i}"))
    return all_slopes(torch.sigmoid(conv(x, "last")), g, start, w)


def priced(painted, content, targets, layers, content_layer, weight):
    told = content[content_layer].detach()
    style = styles_apart([painted[name] for name in layers], targets, None)
    return error(painted[content_layer], told) + weight * style


def cost(painted, content, targets, layers, content_layer, weight, g):
    y = priced(painted, content, targets, layers, content_layer, weight)
    y.backward(g)
    zero = torch.zeros_like

    def slopes(maps):
        return {n: zero(x) if x.grad is None else x.grad for n, x in maps.items()}

    return {
        "y": y,
        "painted": slopes(painted),
        "content": {n: zero(x) for n, x in content.items()},
        "targets": [t.grad for t in targets],
    }


def cost_by_default(painted, content, targets, layers, content_layer):
    return {"y": priced(painted, content, targets, layers, content_layer, 1.0)}


# 18.7

YIQ = ((0.299, 0.587, 0.114), (0.59590059, -0.27455667, -0.32134392),
       (0.21153661, -0.52273617, 0.31119955))  # fmt: skip


def coloured(x, colours, g):
    """There and back by the whole matrices."""
    matrix = torch.tensor(YIQ, dtype=torch.float64)
    first, second = x @ matrix.T, (colours @ matrix.T).expand_as(x)
    both = torch.cat([first[..., :1], second[..., 1:]], dim=-1)
    y = (both @ torch.linalg.inv(matrix).T).clip(0, 1)
    return {"y": y, **pull(y, g, x=x, colours=colours)}


@in_numpy
def matched(x, other):
    """scikit-image, picture by picture."""
    from skimage.exposure import match_histograms

    other = np.broadcast_to(other, (len(x), *other.shape[1:]))
    pairs = zip(x, other, strict=True)
    return {"y": np.stack([match_histograms(a, b, channel_axis=-1) for a, b in pairs])}


# 18.8


def tone(x, brightness, saturation, contrast):
    b, s, c = (f.reshape(-1, 1, 1, 1) for f in (brightness, saturation, contrast))
    x = x + b
    grey = x.mean(-1, keepdim=True)
    x = (x - grey) * s + grey
    middle = x.mean((1, 2, 3), keepdim=True)
    return (x - middle) * c + middle


def toned(x, brightness, saturation, contrast, g):
    y = tone(x, brightness, saturation, contrast)
    slopes = pull(y, g, x=x, b=brightness, s=saturation, c=contrast)
    return {"y": y, "slopes": list(slopes.values())}


# 18.9


def modulated(x, weight, style, demodulate, eps, g):
    """Kernels of each picture, one convolution each."""
    kernels = weight[None] * style[:, None, None, None, :]  # (N, O, KH, KW, I)
    if demodulate:
        kernels = kernels / (kernels.square().sum((2, 3, 4), keepdim=True) + eps).sqrt()
    pad = (weight.shape[1] // 2, weight.shape[2] // 2)
    y = torch.stack([
        torch.nn.functional.conv2d(
            a.movedim(-1, 0)[None], k.permute(0, 3, 1, 2), padding=pad
        )[0].movedim(0, -1)
        for a, k in zip(x, kernels)
    ])  # fmt: skip
    return {"y": y, **pull(y, g, x=x, weight=weight, style=style)}


def mapped(z, w, g):
    x = z / (z.square().mean(-1, keepdim=True) + 1e-8).sqrt()
    for i in range(len(w) // 2):
        x = torch.nn.functional.linear(x, w[f"layers.{i}.weight"], w[f"layers.{i}.bias"])
        x = torch.nn.functional.leaky_relu(x, 0.2)
    return all_slopes(x, g, z, w)


@in_numpy
def mixed(first, second, crossover, layers):
    y = np.stack([
        np.stack([first[n] if i < crossover[n] else second[n] for i in range(layers)])
        for n in range(len(first))
    ])  # fmt: skip
    return {"y": y}


# 18.10


@in_numpy
def copies(made, known, other, level):
    from sklearn.neighbors import NearestNeighbors
    from statsmodels.stats.proportion import proportion_confint

    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)
    near, theirs = (search.kneighbors(x)[0][:, 0] for x in (made, other))
    limit = np.sort(theirs)[max(int(np.floor(level * len(other))), 1) - 1]
    count = int((near < limit).sum())
    low, high = proportion_confint(count, len(made), 0.05, "wilson")
    return {"share": count / len(made), "low": float(low), "high": float(high), "limit": limit}


@in_numpy
def copies_by_default(made, known, other):
    return copies(made, known, other, 0.05)


@in_numpy
def spread(features):
    """Every mean without one example, computed anew by SciPy."""
    from scipy.spatial.distance import pdist

    n, mean = len(features), pdist(features).mean()
    without = np.array([pdist(np.delete(features, i, axis=0)).mean() for i in range(n)])
    variance = (n - 1) / n * ((without - without.mean()) ** 2).sum()
    reach = 1.959963984540054 * np.sqrt(variance)
    return {"mean": mean, "low": max(mean - reach, 0.0), "high": mean + reach}


@in_numpy
def vendi(features):
    """From the singular values of the normalized features, when none is 0."""
    x = features / np.linalg.norm(features, axis=1, keepdims=True)
    values = np.linalg.svd(x, compute_uv=False) ** 2 / len(x)
    values = values[values > 1e-14]
    return {"y": np.array(np.exp(-(values * np.log(values)).sum())), "dtype": "float32"}
