"""Answers for the kernels and codes of chapter 14, from the definitions."""

import numpy as np

from reference.kit import in_numpy, torch


def rms_norm_pull(g, x, w, eps):
    y = torch.nn.functional.rms_norm(x, x.shape[-1:], w, eps)
    gx, gw = torch.autograd.grad(y, [x, w], g.detach())
    return {"gx": gx, "gw": gw}


def rms_norm(x, w, g, eps):
    y = torch.nn.functional.rms_norm(x, x.shape[-1:], w, eps)
    gx, gw = torch.autograd.grad(y, [x, w], g.detach(), retain_graph=True)
    return {"y": y, "gx": gx, "gw": gw}


@in_numpy
def coded(w, group_size, bits):
    """In float32, as MLX: with more digits, a code in the middle would go the other way."""
    groups = w.astype(np.float32).reshape(*w.shape[:-1], -1, group_size)
    n = np.float32(2**bits - 1)
    codes, scales, biases = (np.empty(groups.shape[:-1] + s) for s in ((group_size,), (), ()))
    for at in np.ndindex(groups.shape[:-1]):
        group = groups[at]
        low, high = group.min(), group.max()
        step = max((high - low) / n, np.float32(1e-7))
        edge, step = (low, step) if abs(low) > abs(high) else (high, -step)
        whole, bias = np.rint(edge / step), np.float32(0)
        if whole != 0:
            step, bias = edge / whole, edge
        codes[at] = np.clip(np.rint((group - bias) / step), 0, n)
        scales[at], biases[at] = step, bias
    return {"codes": codes.reshape(w.shape).astype(np.uint32), "scales": scales, "biases": biases}


@in_numpy
def packed(codes, bits):
    rows = codes.reshape(-1, codes.shape[-1])
    words = []
    for row in rows:
        number = sum(int(code) << (i * bits) for i, code in enumerate(row))
        count = len(row) * bits // 32
        words.append([(number >> (32 * i)) & 0xFFFFFFFF for i in range(count)])
    shape = (*codes.shape[:-1], -1)
    return {"words": np.array(words, np.uint32).reshape(shape), "codes": codes.astype(np.uint32)}


@in_numpy
def quantized_product(x, codes, scales, biases):
    size = codes.shape[-1] // scales.shape[-1]
    weights = codes * scales.repeat(size, -1) + biases.repeat(size, -1)
    return {"y": x @ weights.T}


@in_numpy
def error_bound(x, scales):
    parts = abs(x).reshape(len(x), scales.shape[-1], -1).sum(-1)
    return {"bound": parts @ abs(scales).T}


@in_numpy
def column_scales(x, strength):
    size = np.maximum(abs(x).reshape(-1, x.shape[-1]).mean(0), 1e-4) ** strength
    return {"factors": size / np.sqrt(size.max() * size.min())}


@in_numpy
def calibrated(w, x, group_size, bits, strengths):
    errors, found = [], []
    for strength in strengths:
        factors = column_scales(x, strength)["factors"]
        part = coded(w * factors, group_size, bits)
        spread = [part[name].repeat(group_size, -1) for name in ("scales", "biases")]
        weights = part["codes"] * spread[0] + spread[1]
        errors.append(np.square((x / factors) @ weights.T - x @ w.T).mean())
        found.append(factors)
    return {"factors": found[int(np.argmin(errors))]}
