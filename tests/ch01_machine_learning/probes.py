"""What the graders of chapter 1 run of the student's code. Inputs arrive as bare ``mx.array``."""

import mlx.core as mx

from tinymlx.basics import clustering, features, metrics, regression, splits


def predict(x, weights, bias):
    return {"predictions": regression.predict(x, weights, bias)}


def mean_squared_error(predictions, targets):
    return {"loss": metrics.mean_squared_error(predictions, targets)}


def mean_squared_error_gradient(x, y, weights, bias):
    slope = regression.mean_squared_error_gradient(x, y, weights, bias)
    return {"weights": slope[0], "bias": slope[1]}


def gradient_descent(x, y, learning_rate, steps):
    (weights, bias), losses = regression.gradient_descent(
        x, y, learning_rate=learning_rate, steps=steps
    )
    return {"weights": weights, "bias": bias, "losses": losses}


def back_substitution(r, c):
    return {"solution": regression.back_substitution(r, c)}


def equations(r, c):
    """The left sides, with the solution put in."""
    return {"left": mx.triu(r) @ regression.back_substitution(r, c)}


def least_squares(x, y):
    weights, bias = regression.least_squares(x, y)
    return {"weights": weights, "bias": bias}


def fitted_values(x, y):
    """How well the fit reaches targets that can be reached exactly, whatever its coefficients."""
    weights, bias = regression.least_squares(x, y)
    return {"fitted": x @ weights + bias}


def r_squared(predictions, targets):
    return {"score": metrics.r_squared(predictions, targets)}


def polynomial_features(x, degree):
    return {"columns": features.polynomial_features(x, degree)}


def column_statistics(x):
    mean, scale = features.column_statistics(x)
    return {"mean": mean, "scale": scale}


def standardize(x, mean, deviation):
    return {"columns": features.standardize(x, mean, deviation)}


def standardize_by_training(train, test):
    """The two functions as they are used: statistics of the training rows for both sides."""
    mean, scale = features.column_statistics(train)
    return {
        "train": features.standardize(train, mean, scale),
        "test": features.standardize(test, mean, scale),
    }


def train_test_split(x, y, test_fraction, seed):
    parts = splits.train_test_split(x, y, test_fraction=test_fraction, key=mx.random.key(seed))
    return dict(zip(("x_train", "x_test", "y_train", "y_test"), parts, strict=True))


def split_among_other_draws(x, y, seed):
    """The split under two global seeds, and whether the global generator noticed."""
    mx.random.seed(1)
    undisturbed = mx.random.uniform().item()
    parts, later = [], []
    for global_seed in (1, 2):
        mx.random.seed(global_seed)
        parts.append(splits.train_test_split(x, y, key=mx.random.key(seed))[3])
        later.append(mx.random.uniform().item())
    return {"first": parts[0], "second": parts[1], "undisturbed": later[0] == undisturbed}


def k_fold(count, folds, seed):
    key = None if seed is None else mx.random.key(seed)
    pairs = splits.k_fold(count, folds, key)
    return {"train": [train for train, _ in pairs], "validation": [part for _, part in pairs]}


def cross_validate(x, y, folds):
    """Cross-validation of a line through the origin, with the sizes of what each fit was shown."""
    sizes = []

    def fit(x, y):
        sizes.append(len(x))
        slope = mx.sum(x[:, 0] * y) / mx.sum(mx.square(x[:, 0]))
        return lambda x: slope * x[:, 0]

    return {"scores": splits.cross_validate(fit, x, y, folds=folds), "sizes": sizes}


def ridge(x, y, penalty):
    weights, bias = regression.ridge(x, y, penalty)
    return {"weights": weights, "bias": bias}


def squared_distances(x, centroids):
    return {"distances": clustering.squared_distances(x, centroids)}


def kmeans_step(x, centroids):
    centroids, labels = clustering.kmeans_step(x, centroids)
    return {"centroids": centroids, "labels": labels}


def kmeans(x, centroids, max_steps):
    centroids, labels, inertia = clustering.kmeans(x, centroids, max_steps)
    return {"centroids": centroids, "labels": labels, "inertia": inertia}
