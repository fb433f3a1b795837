"""The expected answers of chapter 1: mathematics in float64, and PyTorch where it is an oracle."""

import numpy as np

from reference.kit import in_numpy, torch


@in_numpy
def predict(x, weights, bias):
    return {"predictions": x @ weights + bias}


@in_numpy
def mean_squared_error(predictions, targets):
    return {"loss": np.asarray(np.mean((predictions.astype(float) - targets) ** 2))}


def mean_squared_error_gradient(x, y, weights, bias):
    """By PyTorch's autograd, which knows nothing of the formula worked out by hand."""
    torch.nn.functional.mse_loss(
        x.to(torch.float64) @ weights + bias, y.to(torch.float64)
    ).backward()
    return {"weights": weights.grad, "bias": bias.grad}


@in_numpy
def gradient_descent(x, y, learning_rate, steps):
    a = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    c, losses = np.zeros(a.shape[1]), []
    for _ in range(steps):
        residual = a @ c - y
        losses.append(np.mean(residual**2))
        c = c - learning_rate * 2 / len(y) * a.T @ residual
    return {"weights": c[:-1], "bias": np.asarray(c[-1]), "losses": np.array(losses)}


@in_numpy
def back_substitution(r, c):
    return {"solution": np.linalg.solve(np.triu(r), c)}


@in_numpy
def equations(r, c):
    return {"left": c}


def least_squares(x, y):
    """By LAPACK, through PyTorch."""
    x, y = x.detach().to(torch.float64), y.detach().to(torch.float64)
    a = torch.cat([x, torch.ones(len(x), 1, dtype=torch.float64)], dim=1)
    solution = torch.linalg.lstsq(a, y[:, None]).solution[:, 0]
    return {"weights": solution[:-1], "bias": solution[-1]}


@in_numpy
def fitted_values(x, y):
    a = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    return {"fitted": a @ np.linalg.lstsq(a, y, rcond=None)[0]}


@in_numpy
def r_squared(predictions, targets):
    unexplained = np.sum((predictions - targets) ** 2)
    if targets.max() == targets.min():
        return {"score": np.asarray(float(unexplained == 0))}
    return {"score": np.asarray(1 - unexplained / np.sum((targets - targets.mean()) ** 2))}


@in_numpy
def polynomial_features(x, degree):
    return {"columns": np.stack([x.astype(float) ** k for k in range(1, degree + 1)], axis=1)}


@in_numpy
def column_statistics(x):
    constant = x.max(axis=0) == x.min(axis=0)
    return {"mean": x.mean(axis=0), "scale": np.where(constant, 1.0, x.std(axis=0))}


@in_numpy
def standardize(x, mean, deviation):
    return {"columns": (x - mean) / deviation}


@in_numpy
def standardize_by_training(train, test):
    mean, scale = column_statistics(train).values()
    return {"train": (train - mean) / scale, "test": (test - mean) / scale}


@in_numpy
def k_fold(count, folds, seed):
    assert seed is None
    parts = np.array_split(np.arange(count), folds)
    rest = [np.concatenate(parts[:i] + parts[i + 1 :]) for i in range(folds)]
    return {"train": rest, "validation": list(parts)}


@in_numpy
def cross_validate(x, y, folds):
    pairs, scores = k_fold(len(x), folds, None), []
    for train, part in zip(pairs["train"], pairs["validation"], strict=True):
        slope = np.sum(x[train, 0] * y[train]) / np.sum(x[train, 0] ** 2)
        scores.append(np.mean((slope * x[part, 0] - y[part]) ** 2))
    return {"scores": np.array(scores), "sizes": [len(train) for train in pairs["train"]]}


@in_numpy
def ridge(x, y, penalty):
    x, y = x.astype(float), y.astype(float)
    centred = x - x.mean(axis=0)
    gram = centred.T @ centred + penalty * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (y - y.mean()))
    return {"weights": weights, "bias": np.asarray(y.mean() - x.mean(axis=0) @ weights)}


@in_numpy
def ridge_values(x, y, penalty):
    rows = np.concatenate([x - x.mean(axis=0), np.sqrt(penalty) * np.eye(x.shape[1])])
    right = np.concatenate([y - y.mean(), np.zeros(x.shape[1])])
    weights = np.linalg.lstsq(rows, right, rcond=None)[0]
    return {"fitted": (x - x.mean(axis=0)) @ weights + y.mean()}


@in_numpy
def squared_distances(x, centroids):
    return {"distances": ((x[:, None] - centroids) ** 2).sum(axis=2).astype(float)}


@in_numpy
def kmeans_step(x, centroids):
    labels = squared_distances(x, centroids)["distances"].argmin(axis=1)
    moved = np.array(centroids, dtype=float)
    for k in range(len(centroids)):
        if np.any(labels == k):
            moved[k] = x[labels == k].mean(axis=0)
    return {"centroids": moved, "labels": labels}


@in_numpy
def kmeans(x, centroids, max_steps):
    labels, inertia = None, []
    for _ in range(max_steps):
        inertia.append(squared_distances(x, centroids)["distances"].min(axis=1).sum())
        before, (centroids, labels) = labels, kmeans_step(x, centroids).values()
        if before is not None and np.array_equal(labels, before):
            break
    return {"centroids": centroids, "labels": labels, "inertia": np.array(inertia)}


@in_numpy
def kmeans_counted(x, centroids, max_steps):
    found = kmeans(x, centroids, max_steps)
    return {"labels": found["labels"], "steps": len(found["inertia"])}
