import numpy as np

from reference.kit import in_numpy, torch


def softmax(x, axis):
    return {"y": torch.softmax(x, dim=axis)}


@in_numpy
def pick(x, index):
    e = np.exp(x - x.max(-1, keepdims=True))
    return {"y": (e / e.sum(-1, keepdims=True))[index]}


@in_numpy
def count(parts):
    return {"count": sum(len(p) for p in parts), "total": np.asarray(sum(p.sum() for p in parts))}
