"""What the graders of chapter 1 run of the student's code. Inputs arrive as bare ``mx.array``."""

import io

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


def history_of_a_walk(x, y, steps):
    """The longest history of what gradient descent hands to the functions that it calls."""
    names = ["predict", "mean_squared_error", "mean_squared_error_gradient"]
    kept, sizes = {name: getattr(regression, name) for name in names}, [0]

    def seen(function):
        def call(*args, **kwargs):
            given = [a for a in [*args, *kwargs.values()] if isinstance(a, mx.array)]
            sizes.append(graph_size(given))
            return function(*args, **kwargs)

        return call

    try:
        for name, function in kept.items():
            setattr(regression, name, seen(function))
        _, losses = regression.gradient_descent(x, y, learning_rate=0.05, steps=steps)
    finally:
        for name, function in kept.items():
            setattr(regression, name, function)
    return {"losses": losses, "largest": max(sizes)}


def graph_size(arrays):
    """How many arrows the lazy graph behind arrays has that are not evaluated yet."""
    text = io.StringIO()
    mx.export_to_dot(text, *arrays)
    return text.getvalue().count("->")


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


def statistics_of_nothing(x):
    """Whether it returns at all. Nothing is computed: MLX may compute for ever on an axis of 0."""
    features.column_statistics(x)
    return {"returned": True}


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


def orders_of_four(seed, keys):
    """In which order four examples come out, the test side first, under many keys."""
    x = mx.arange(1, 5)
    orders = []
    for key in mx.random.split(mx.random.key(seed), keys):
        train, test, _, _ = splits.train_test_split(x[:, None], x, test_fraction=0.5, key=key)
        orders.append(mx.concatenate([test, train])[:, 0])
    return {"orders": mx.stack(orders)}


def folds_of_four(seed, keys):
    """The validation parts of two folds of four, one behind the other, under many keys."""
    orders = []
    for key in mx.random.split(mx.random.key(seed), keys):
        orders.append(mx.concatenate([part for _, part in splits.k_fold(4, 2, key)]))
    return {"orders": mx.stack(orders)}


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


def rows_of_cross_validation(x, y, folds, seed):
    """Which rows each fit was shown and each model was asked for; the rows carry their numbers."""
    seen, judged = [], []

    def fit(x, y):
        seen.append(x[:, 0])
        return lambda x: judged.append(x[:, 0]) or mx.zeros((len(x),))

    scores = splits.cross_validate(fit, x, y, folds=folds, key=mx.random.key(seed))
    return {"scores": scores, "seen": seen, "judged": judged}


def kinds_in_cross_validation(x, y, folds):
    """Dtypes and number of axes of what fit is given."""
    kinds = []

    def fit(x, y):
        kinds.append([_name(x.dtype), x.ndim, _name(y.dtype)])
        return lambda x: mx.zeros((len(x),), y.dtype)

    scores = splits.cross_validate(fit, x, y, folds=folds)
    return {"scores": scores, "kinds": kinds}


def _name(dtype):
    return str(dtype).removeprefix("mlx.core.")


def ridge(x, y, penalty):
    weights, bias = regression.ridge(x, y, penalty)
    return {"weights": weights, "bias": bias}


def ridge_values(x, y, penalty):
    """The predictions of the fit for its own examples."""
    weights, bias = regression.ridge(x, y, penalty)
    return {"fitted": x @ weights + bias}


def squared_distances(x, centroids):
    return {"distances": clustering.squared_distances(x, centroids)}


def kmeans_step(x, centroids):
    centroids, labels = clustering.kmeans_step(x, centroids)
    return {"centroids": centroids, "labels": labels}


def kmeans(x, centroids, max_steps):
    centroids, labels, inertia = clustering.kmeans(x, centroids, max_steps)
    return {"centroids": centroids, "labels": labels, "inertia": inertia}


def kmeans_counted(x, centroids, max_steps):
    """The labels, and after how many steps they were final."""
    _, labels, inertia = clustering.kmeans(x, centroids, max_steps)
    return {"labels": labels, "steps": len(inertia)}
