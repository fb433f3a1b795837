"""Answers for chapter 13, by PyTorch or by NumPy, from the definitions."""

import math
import unicodedata

import numpy as np

from reference.kit import in_numpy, torch


def slopes(outputs, arrays, cotangents):
    """The gradients of the products with the cotangents, of each array."""
    total = sum((y * g.detach()).sum() for y, g in zip(outputs, cotangents, strict=True))
    found = torch.autograd.grad(total, arrays, allow_unused=True)
    return [torch.zeros_like(a) if d is None else d for d, a in zip(found, arrays, strict=True)]


def pulled(outputs, arrays, cotangents):
    """What was returned, and the gradients."""
    return {"outputs": outputs, "gradients": slopes(outputs, arrays, cotangents)}


def pulled_model(y, inputs, weights, g):
    """An output, and the gradient of every input and every weight."""
    names = sorted(weights)
    found = slopes([y], [*inputs, *(weights[name] for name in names)], [g])
    return {
        "y": y,
        "inputs": found[: len(inputs)],
        "weights": dict(zip(names, found[len(inputs) :], strict=True)),
    }


# 13.1 and 13.2


@in_numpy
def linear(steps, first, last):
    left, signal = 1.0, []
    for t in range(steps):
        left *= 1 - (first + (last - first) * t / (steps - 1))
        signal.append(left)
    return {"signal": np.array(signal)}


@in_numpy
def linear_by_default():
    return linear(1000, 1e-4, 0.02)


@in_numpy
def cosine(steps, offset, most):
    def f(u):
        return math.cos((u + offset) / (1 + offset) * math.pi / 2) ** 2

    left, signal = 1.0, []
    for t in range(steps):
        left *= 1 - min(1 - f((t + 1) / steps) / f(t / steps), most)
        signal.append(left)
    return {"signal": np.array(signal)}


@in_numpy
def cosine_by_default():
    return cosine(1000, 0.008, 0.999)


@in_numpy
def terminal(signal):
    root = np.sqrt(signal)
    return {"signal": ((root - root[-1]) / (root[0] - root[-1]) * root[0]) ** 2}


def per_example(signal, steps, x):
    """The entry of a schedule for each example, with the axes of ``x``."""
    found = signal.detach()[steps]
    return found.reshape(-1, *[1] * (x.ndim - 1)) if found.ndim else found


def mixed(x, noise, signal, steps, g):
    left = per_example(signal, steps, x)
    return pulled([left.sqrt() * x + (1 - left).sqrt() * noise], [x, noise], [g])


@in_numpy
def ratio(signal):
    return {"ratio": np.sqrt(signal) ** 2 / np.sqrt(1 - signal) ** 2}


# 13.3 and 13.4


def nearest(x, data, signal):
    """Bayes: each point of the data made x with a density of a Gaussian."""
    distances = ((x[:, None] - signal.sqrt()[..., None] * data) ** 2).sum(-1)
    return torch.softmax(-distances / (2 * (1 - signal)), -1) @ data


def denoised(x, data, signal, g):
    return pulled([nearest(x, data, signal.detach())], [x], [g])


def denoised_cost(x, data):
    y = nearest(x[:3], data, torch.tensor(0.5, dtype=x.dtype))
    return {"y": y, "memory": "that of tables (N, M)"}


def parts(kind, predicted, x, signal, g):
    """From what is predicted and x, by solving two equations: a x0 + b noise = x is one of them."""
    a, b = (share.detach().broadcast_to(x.shape).sqrt() for share in (signal, 1 - signal))
    one, zero = torch.ones_like(a), torch.zeros_like(a)
    other = {"noise": [zero, one], "signal": [one, zero], "velocity": [-b, a]}[kind]
    rows = torch.stack([torch.stack([a, b], -1), torch.stack(other, -1)], -2)
    solved = torch.linalg.solve(rows, torch.stack([x, predicted], -1)[..., None])[..., 0]
    return pulled([solved[..., 0], solved[..., 1]], [predicted, x], g)


def target(kind, x, noise, signal, g):
    angle = torch.acos(signal.detach().sqrt())
    wanted = {
        "noise": noise,
        "signal": x,
        "velocity": torch.cos(angle) * noise - torch.sin(angle) * x,
    }
    return pulled([wanted[kind]], [x, noise], [g])


# 13.5 to 13.8


def product(x, x0, signal, before):
    """Mean and variance of the product of two Gaussians of the step before.

    One says what the data make of it; the other, how x came from it.
    """
    signal, before = signal.detach(), before.detach()
    kept, at_data = signal / before, before == 1
    mean_0, variance_0 = before.sqrt() * x0, torch.where(at_data, 0.5, 1 - before)
    # x = sqrt(kept) z + sqrt(1 - kept) noise, as a Gaussian of z times kept: no division by it.
    precision = 1 / variance_0 + kept / (1 - kept)
    mean = (mean_0 / variance_0 + kept.sqrt() * x / (1 - kept)) / precision
    return torch.where(at_data, x0, mean), torch.where(at_data, 0.0, 1 / precision)


def before(x, x0, signal, before, g):
    mean, variance = product(x, x0, signal, before)
    return {**pulled([mean], [x, x0], [g]), "variance": variance}


def with_noise(x, x0, signal, before, noise, g):
    mean, variance = product(x, x0, signal, before)
    return pulled([mean + variance.sqrt() * noise], [x, x0, noise], [g])


def without_noise(x0, noise, signal, before, eta, fresh, g):
    """A part of the posterior's deviation is fresh; the rest of the noise stays what it was."""
    _, variance = product(torch.zeros_like(x0), x0, signal, before)
    sigma, before = eta * variance.sqrt(), before.detach()
    y = before.sqrt() * x0 + (1 - before - sigma**2).clamp(min=0).sqrt() * noise
    if fresh is None:
        return pulled([y], [x0, noise], [g])
    return pulled([y + sigma * fresh], [x0, noise, fresh], [g])


def by_default(x0, noise, signal, before):
    return {"x": before.sqrt() * x0 + (1 - before).sqrt() * noise}


@in_numpy
def chosen(total, count, spacing, offset):
    if spacing == "leading":
        found = np.arange(count)[::-1] * (total // count) + offset
    elif spacing == "trailing":
        found = np.round(total - np.arange(count) * (total / count)) - 1
    else:
        found = np.round(np.linspace(0, total - 1, count))[::-1]
        found = found if count > 1 else np.array([total - 1])
    return {"places": [int(t) for t in found]}


@in_numpy
def chosen_by_default(total, count):
    return chosen(total, count, "trailing", 0)


def solved(x, x0, signal, before, last_x0, last_signal, g):
    """The integral of e^lambda x0(lambda) with x0 in the middle of the step."""
    signal, before = signal.detach(), before.detach()
    given = [x, x0] if last_x0 is None else [x, x0, last_x0]
    inside = torch.where(before == 1, 0.9, before)
    there, here = (torch.log(s / (1 - s)) / 2 for s in (inside, signal))
    middle = x0
    if last_x0 is not None:
        last = torch.log(last_signal.detach() / (1 - last_signal.detach())) / 2
        middle = x0 + (x0 - last_x0) / (here - last) * (there - here) / 2
    grown = x / (1 - signal).sqrt() + (there.exp() - here.exp()) * middle
    return pulled([torch.where(before == 1, x0, (1 - inside).sqrt() * grown)], given, [g])


def solved_by_half(x, x0, signal, before, last_x0, last_signal, g):
    return solved(x, x0, signal, before, None, None, g)


# 13.9 to 13.11


def line(x, noise, t, g):
    t = t.detach().reshape(-1, *[1] * (x.ndim - 1))
    return pulled([x + t * (noise - x)], [x, noise], [g])


def line_loss(x, noise, t, weight, told, g):
    t = t.detach().reshape(-1, *[1] * (x.ndim - 1))
    answer = (x + t * (noise - x)) * weight + told * t
    return {**pulled([((answer - noise + x) ** 2).mean()], [weight, told], [g]), "asked": 1}


def walked(name, x, times, rate):
    asked = []

    def field(x, t):
        asked.append(torch.full(x.shape[:1], t, dtype=x.dtype))
        return math.sin(3 * t) * x + rate * torch.cos(x)

    for t, after in zip(times, times[1:], strict=False):
        here, step = field(x, t), after - t
        if name == "euler":
            x = x + step * here
        else:
            x = x + step * (here + field(x + step * here, after)) / 2
    return {"y": x, "asked": asked}


def waits(name, x, times):
    for t, after in zip(times, times[1:], strict=False):
        here, step = torch.sin(x) - t, after - t
        there = torch.sin(x + step * here) - after
        x = x + step * (here if name == "euler" else (here + there) / 2)
    return {"y": x, "steps": "each is started by core.async_eval"}


# 13.12


def guide(unconditional, conditional, w, g):
    y = (1 - w) * unconditional + w * conditional
    return pulled([y], [unconditional, conditional], [g])


# 13.13 to 13.17


@in_numpy
def embedded(steps, dims, options):
    half, period = dims // 2, options.get("period", 10_000.0)
    found = np.zeros((len(steps), dims))
    for n, t in enumerate(steps):
        for i in range(half):
            angle = float(t) / period ** (i / half)
            found[n, i], found[n, half + i] = math.cos(angle), math.sin(angle)
    return {"y": found}


def channels_first(x):
    return x.permute(0, 3, 1, 2)


def normed(x, weights, name, groups, eps):
    """Group normalization of a map with the channels last."""
    y = torch.nn.functional.group_norm(
        channels_first(x), groups, weights[f"{name}.weight"], weights[f"{name}.bias"], eps
    )
    return y.permute(0, 2, 3, 1)


def convolved(x, weights, name):
    """A convolution that keeps the size; kernels are (outputs, height, width, inputs)."""
    kernel = weights[f"{name}.weight"]
    y = torch.nn.functional.conv2d(
        channels_first(x),
        kernel.permute(0, 3, 1, 2),
        weights[f"{name}.bias"],
        padding=kernel.shape[1] // 2,
    )
    return y.permute(0, 2, 3, 1)


def affine(x, weights, name):
    return torch.nn.functional.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


def told_by(x, step, weights, groups, eps):
    """A residual block; ``step`` is None where it is not told."""
    silu = torch.nn.functional.silu
    y = convolved(silu(normed(x, weights, "norm1", groups, eps)), weights, "conv1")
    if step is not None:
        y = y + affine(silu(step), weights, "time_emb_proj")[:, None, None, :]
    y = convolved(silu(normed(y, weights, "norm2", groups, eps)), weights, "conv2")
    return y + (convolved(x, weights, "conv_shortcut") if "conv_shortcut.weight" in weights else x)


def told_block(weights, x, step, sizes, g):
    _, _, step_dims, groups, eps = sizes
    told = step if step_dims is not None else None
    y = told_by(x, told, weights, groups, eps)
    return pulled_model(y, [x] if told is None else [x, step], weights, g)


def part_of(weights, prefix):
    """The weights whose names begin with a prefix, without it."""
    return {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}


def attention(x, context, weights, prefix, heads):
    """Head by head, written out."""
    part = part_of(weights, prefix)
    q, k, v = affine(x, part, "to_q"), affine(context, part, "to_k"), affine(context, part, "to_v")
    size, found = q.shape[-1] // heads, []
    for i in range(heads):
        a, b, c = (y[..., i * size : (i + 1) * size] for y in (q, k, v))
        found.append(torch.softmax(a @ b.transpose(1, 2) / math.sqrt(size), -1) @ c)
    return affine(torch.cat(found, -1), part, "to_out.0")


def asked(weights, x, context, heads, g):
    y = attention(x, x if context is None else context, weights, "", heads)
    return pulled_model(y, [x] if context is None else [x, context], weights, g)


def layer_normed(x, weights, name):
    shape = x.shape[-1:]
    w, b = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return torch.nn.functional.layer_norm(x, shape, w, b, 1e-5)


def blocked(x, context, weights, prefix, heads):
    """Attention among places, attention to words, and a gated network."""
    part = part_of(weights, prefix)
    y = layer_normed(x, part, "norm1")
    x = x + attention(y, y, part, "attn1.", heads)
    x = x + attention(layer_normed(x, part, "norm2"), context, part, "attn2.", heads)
    a, b = affine(layer_normed(x, part, "norm3"), part, "ff.net.0.proj").chunk(2, -1)
    return x + affine(a * torch.nn.functional.gelu(b), part, "ff.net.2")


def asked_block(weights, x, context, heads, g):
    return pulled_model(blocked(x, context, weights, "", heads), [x, context], weights, g)


def mapped(x, context, weights, sizes):
    """A map as a row of places, blocks, and a map again."""
    heads, depth, groups, linear = sizes
    project = affine if linear else convolved
    y = project(normed(x, weights, "norm", groups, 1e-6), weights, "proj_in")
    places = [y[:, i, j] for i in range(y.shape[1]) for j in range(y.shape[2])]
    y = torch.stack(places, 1)
    for i in range(depth):
        y = blocked(y, context, weights, f"transformer_blocks.{i}.", heads)
    rows = [y[:, i : i + x.shape[2]] for i in range(0, y.shape[1], x.shape[2])]
    return x + project(torch.stack(rows, 1), weights, "proj_out")


def asked_map(weights, x, context, sizes, g):
    return pulled_model(mapped(x, context, weights, sizes), [x, context], weights, g)


def waves(steps, dims):
    """Cosines and sines of steps."""
    angles = steps.detach().double()[:, None] / 10_000 ** (torch.arange(dims // 2) / (dims // 2))
    return torch.cat([torch.cos(angles), torch.sin(angles)], 1)


def two_layers(x, weights, name):
    y = torch.nn.functional.silu(affine(x, weights, f"{name}.linear_1"))
    return affine(y, weights, f"{name}.linear_2")


def predicted(weights, x, steps, context, told, sizes, g):
    """Down, through the middle and up; a kept map for each block on the way up."""
    groups, eps, start, levels = sizes["groups"], 1e-5, x, len(sizes["channels"])
    step = two_layers(waves(steps, sizes["channels"][0]), weights, "time_embedding")
    if told:
        numbers, pooled = told
        row = waves(numbers.reshape(-1), sizes["sizes_dims"]).reshape(len(pooled), -1)
        step = step + two_layers(torch.cat([pooled, row], 1), weights, "add_embedding")

    def block(x, prefix, i, level):
        x = told_by(x, step, part_of(weights, f"{prefix}resnets.{i}."), groups, eps)
        inside = part_of(weights, f"{prefix}attentions.{i}.")
        form = [sizes["heads"][level], sizes["depth"][level], groups, sizes["linear"]]
        return mapped(x, context, inside, form) if inside else x

    x = convolved(x, weights, "conv_in")
    kept = [x]
    for level in range(levels):
        prefix = f"down_blocks.{level}."
        for i in range(sizes["layers"]):
            x = block(x, prefix, i, level)
            kept.append(x)
        if level < levels - 1:
            smaller = part_of(weights, f"{prefix}downsamplers.0.conv.")
            kernel = smaller["weight"].permute(0, 3, 1, 2)
            x = torch.nn.functional.conv2d(channels_first(x), kernel, smaller["bias"], 2, 1)
            x = x.permute(0, 2, 3, 1)
            kept.append(x)
    x = block(x, "mid_block.", 0, levels - 1)
    x = told_by(x, step, part_of(weights, "mid_block.resnets.1."), groups, eps)
    for up in range(levels):
        prefix, level = f"up_blocks.{up}.", levels - 1 - up
        for i in range(sizes["layers"] + 1):
            x = block(torch.cat([x, kept.pop()], -1), prefix, i, level)
        if level > 0:
            x = x.repeat_interleave(2, 1).repeat_interleave(2, 2)
            x = convolved(x, part_of(weights, f"{prefix}upsamplers.0."), "conv")
    x = torch.nn.functional.silu(normed(x, weights, "conv_norm_out", groups, eps))
    return pulled_model(convolved(x, weights, "conv_out"), [start, context], weights, g)


def taken_apart(kind, said, z, a, b):
    """Signal and noise of a map, by what the network said."""
    if kind == "noise":
        return (z - b * said) / a, said
    if kind == "signal":
        return said, (z - a * said) / b
    return a * z - b * said, a * said + b * z


@in_numpy
def painted(words, nothing, z, signal, schedule, count, guidance):
    total, steps = len(signal), []
    found = chosen(total, count, schedule["spacing"], schedule["offset"])["places"]

    def network(z, t, told):
        told = told.mean((1, 2)).reshape(-1, 1, 1, 1)
        return 0.6 * np.sin(z + told) + 0.001 * t

    for t in found:
        steps.append(t)
        said = (1 - guidance) * network(z, t, nothing) + guidance * network(z, t, words)
        a, b = np.sqrt(signal[t]), np.sqrt(1 - signal[t])
        x0, noise = taken_apart(schedule["kind"], said, z, a, b)
        after = t - total // count
        left = signal[after] if after >= 0 else schedule["end"]
        z = np.sqrt(left) * x0 + np.sqrt(1 - left) * noise
    return {
        "z": z,
        "steps": steps,
        "rows": [[2 * len(words)] * 3] * count,
        "first half": "those without a text",
        "dtype of maps": "it stays",
        "each step": "each is started by core.async_eval",
    }


def encoded(x, noise, weights, options, g):
    y = 2 * x
    if "quant_conv.weight" in weights:
        y = convolved(y, {n: w.detach() for n, w in weights.items()}, "quant_conv")
    mean, log_variance = y[..., :2], y[..., 2:].clamp(-30, 20)
    z = mean if noise is None else mean + torch.exp(log_variance) ** 0.5 * noise
    z = options["scaling"] * (z - options["shift"])
    given = [x] if noise is None else [x, noise]
    return {**pulled([z], given, [g]), "distribution": [mean, log_variance]}


def decoded(z, weights, options, g):
    y = z / options["scaling"] + options["shift"]
    if "post_quant_conv.weight" in weights:
        y = convolved(y, {n: w.detach() for n, w in weights.items()}, "post_quant_conv")
    return pulled([3 * y], [z], [g])


# 13.19 and 13.20


def unit(x, eps=1e-12):
    return x / x.norm(dim=-1, keepdim=True).clamp(min=eps)


def directions(x, g):
    return {**pulled([unit(x)], [x], [g]), "finite": True}


def short(x, eps):
    return {"y": unit(x, eps)}


def contrast(p, q, scale):
    """Each picture chooses among the sentences, and each sentence among the pictures."""
    table = scale * p @ q.T
    rows = torch.log_softmax(table, 1).diagonal().mean()
    columns = torch.log_softmax(table, 0).diagonal().mean()
    return -(rows + columns) / 2


def matched(pictures, sentences, factor, g):
    given = [pictures, sentences, factor]
    return pulled([contrast(*given)], given, [g])


def scaled(logit_scale, g):
    """At most 100; the slope of an exponential is its value, here at the bound."""
    y = logit_scale.detach().exp().clamp(max=100)
    return {"outputs": [y], "gradients": [y * g.detach()]}


def in_pieces(x, tokens, weights, rows, frozen):
    p = unit(torch.sin(x) @ weights["p"].T)
    q = unit(torch.sin(weights["q"][tokens].sum(1)))
    loss = contrast(p, q, weights["logit_scale"].exp())
    names = sorted(name for name in weights if name not in frozen)
    found = torch.autograd.grad(loss, [weights[name] for name in names])
    return {
        "loss": loss,
        "gradients": dict(zip(names, found, strict=True)),
        "rows in a tower": f"at most {rows}",
        "empty pieces": "none",
        "a row's ways": "two at most",
    }


def pieces_cost(x, tokens, weights, rows):
    one = "that of one piece: evaluate each before the next"
    return {"loss": in_pieces(x, tokens, weights, rows, [])["loss"], "memory": one}


# 13.21 to 13.24


def patches(weights, x, sizes, g):
    """Patch by patch, each a product with the kernel."""
    size, side, _, dims = sizes
    kernel, tokens = weights["patch_embedding.weight"], []
    tokens.append(weights["class_embedding"].expand(x.shape[0], dims))
    for i in range(0, size, side):
        for j in range(0, size, side):
            piece = x[:, i : i + side, j : j + side].reshape(x.shape[0], -1)
            tokens.append(piece @ kernel.reshape(dims, -1).T)
    y = torch.stack(tokens, 1) + weights["position_embedding.weight"]
    return pulled_model(y, [x], weights, g)


@in_numpy
def ended(tokens, end):
    rows = tokens.tolist()
    places = [row.index(max(row) if end == 2 else end) for row in rows]
    return {"places": np.array(places), "when": "when it is asked for"}


VISIBLE = [*range(33, 127), *range(161, 173), *range(174, 256)]


def letter(byte):
    """What stands for a byte: itself if it can be seen, else one of those from 256 on."""
    hidden = [b for b in range(256) if b not in VISIBLE]
    return chr(byte) if byte in VISIBLE else chr(256 + hidden.index(byte))


def cut(text):
    """Contractions, letters, single digits, signs; spaces are left out."""
    found, at = [], 0

    def kind(c):
        return "s" if c.isspace() else {"L": "l", "N": "n"}.get(unicodedata.category(c)[0], "o")

    while at < len(text):
        short = next(
            (s for s in ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d") if text.startswith(s, at)), ""
        )
        end = at + len(short)
        if not short:
            end = at + 1
            while kind(text[at]) in "lo" and end < len(text) and kind(text[end]) == kind(text[at]):
                end += 1
        if kind(text[at]) != "s":
            found.append(text[at:end])
        at = end
    return found


def joined(piece, merges):
    tokens = [letter(byte) for byte in piece.encode("utf-8")]
    tokens[-1] += "</w>"
    while True:
        pairs = list(zip(tokens, tokens[1:], strict=False))
        known = [merges.index(pair) for pair in pairs if pair in merges]
        if not known:
            return tokens
        first, second = merges[min(known)]
        found, i = [], 0
        while i < len(tokens):
            if tokens[i : i + 2] == [first, second]:
                found.append(first + second)
                i += 2
            else:
                found.append(tokens[i])
                i += 1
        tokens = found


def numbered(merges, text):
    """The numbers of a sentence, and that of the end."""
    merges = [tuple(pair) for pair in merges]
    letters = sorted(letter(byte) for byte in range(256))
    words = [*letters, *(a + "</w>" for a in letters), *(a + b for a, b in merges)]
    text = " ".join(unicodedata.normalize("NFC", text).split()).lower()
    tokens = [token for piece in cut(text) for token in joined(piece, merges)]
    end = len(words) + 1
    return [end - 1, *(words.index(token) for token in tokens), end], end


@in_numpy
def spoken(merges, text, length):
    return {"numbers": numbered(merges, text)[0]}


@in_numpy
def spoken_batch(merges, texts, length, cut, pad):
    rows = []
    for text in texts:
        row, end = numbered(merges, text)
        row = row if len(row) <= length else [*row[: length - 1], end]
        rows.append(row + [end if pad is None else pad] * (length - len(row)))
    return {"rows": np.array(rows, np.int32)}


@in_numpy
def spoken_by_default(merges, texts, length):
    return spoken_batch(merges, texts, length, False, None)


@in_numpy
def speaking_often(merges, texts, length):
    return {**spoken_batch(merges, texts, length, False, None), "calls": len(texts)}


def classes(sentences, g):
    return pulled([unit(unit(sentences).mean(1))], [sentences], [g])
