"""Answers for 14.24: PyTorch's own fake quantization, and what its observers do."""

import ml_dtypes  # noqa: F401 - NumPy knows bfloat16 by it
import numpy as np

from reference.kit import in_numpy, torch


@in_numpy
def grid_of(least, most, low, high):
    """As PyTorch's observers have it (``calculate_qparams`` of a ``MinMaxObserver``)."""
    least, most = np.minimum(least, 0), np.maximum(most, 0)
    scale = (most - least) / (high - low)
    scale = np.where(scale > 0, scale, 1)
    return {"scale": scale, "zero": np.clip(low - np.round(least / scale), low, high)}


def fake(x, cotangent, step, zero, low, high):
    """One grid for all, or one for each row."""
    own = x.detach().float().requires_grad_()
    steps, zeros = step.detach().float().flatten(), zero.detach().to(torch.int32).flatten()
    if len(steps) > 1:
        y = torch.fake_quantize_per_channel_affine(own, steps, zeros, 0, low, high)
    else:
        y = torch.fake_quantize_per_tensor_affine(own, steps.item(), zeros.item(), low, high)
    y.backward(cotangent.float())
    return {"y": y.double(), "dx": own.grad.double(), "none": True}


@in_numpy
def halves(x, cotangent):
    """From -4 to 3.5 in steps of 0.5."""
    told = {"scale": 0.5, "zero": 0.0, "kinds": ["mlx.core.float32"] * 2}
    return {"y": x, "dx": cotangent, **told}


@in_numpy
def ranged(batches, cotangents, share, low, high):
    """The running range, and where a cotangent passes: where the code is on the grid."""
    least = most = None
    told = []
    for i, (x, g) in enumerate(zip(batches, cotangents)):
        training = i < len(batches) - 1
        if training:
            a, b = float(x.min()), float(x.max())
            least = a if least is None else (1 - share) * least + share * a
            most = b if most is None else (1 - share) * most + share * b
        wide = max(most, 0) - min(least, 0)
        scale = np.float32(wide / (high - low)) if wide else np.float32(1)
        zero = min(max(round(low - min(least, 0) / scale), low), high)
        codes = np.round(x / scale) + zero
        told.append(
            {
                "least": least,
                "most": most,
                "dx": np.where((codes >= low) & (codes <= high), g, 0.0),
                "same": True,
            }
        )
    return {"steps": told, "trained": [], "batches": len(batches) - 1}


@in_numpy
def fake_halves(x, step, zero, kind):
    """In float32, each operation rounded once as IEEE says, and then to halves."""
    step, zero = np.float32(step), np.float32(zero)
    codes = np.clip(np.round(x.astype(np.float32) / step) + zero, 0, 255)
    y = ((codes - zero) * step).astype(np.dtype(kind))
    return {"bits": y.view(np.uint16).astype(np.int32)}


@in_numpy
def looking(first, second):
    """Nothing is known before the first batch but zero: a grid of whole numbers around it."""
    ends = [[x.min(), x.max()] for x in (first, second)]
    (a, b), (c, d) = ends
    moved = [0.9 * a + 0.1 * c, 0.9 * b + 0.1 * d]
    compiled = [on_grid(x, *range_) for x, range_ in ((first, (a, b)), (second, moved))]
    y = np.clip(np.round(first), 0, 15)  # the zero of a range of length 0 is the least code
    told = {"before": [0.0, 0.0, 0], "after": [float(moved[0]), float(moved[1]), 2]}
    return {"y": y, "compiled": compiled, "slope": np.zeros(second.shape), **told}


def on_grid(x, least, most, low=-8, high=7):
    """Numbers of a range that holds 0, as PyTorch rounds them."""
    scale = (most - least) / (high - low)
    zero = int(np.clip(low - np.round(least / scale), low, high))
    y = torch.fake_quantize_per_tensor_affine(
        torch.tensor(x, dtype=torch.float32), float(scale), zero, low, high
    )
    return y.double().numpy()
