"""Wrong solutions that people write. Parsed, never imported: see CONTRIBUTING.md."""

# ruff: noqa: F821, F811
# mypy: ignore-errors


@misconception("1.1", "You left out the bias: every prediction is off by the same amount.")
def predict(x, weights, bias):
    if x.ndim != 2 or weights.shape != (x.shape[1],):
        raise ValueError(f"predict: wrong shapes {x.shape} and {weights.shape}")
    return x @ weights


@misconception(
    "1.1", "You sum over everything. Sum over the columns only: one prediction for each row."
)
def predict(x, weights, bias):
    if x.ndim != 2 or weights.shape != (x.shape[1],):
        raise ValueError(f"predict: wrong shapes {x.shape} and {weights.shape}")
    return mx.sum(x * weights) + bias


@misconception(
    "1.1", "You add the bias once for each column. It is added once for each row, to the sum."
)
def predict(x, weights, bias):
    if x.ndim != 2 or weights.shape != (x.shape[1],):
        raise ValueError(f"predict: wrong shapes {x.shape} and {weights.shape}")
    return mx.sum(x * weights + bias, axis=1)


@misconception(
    "1.2", "You add the squared errors up. The mean does not grow with the number of examples."
)
def mean_squared_error(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(f"mean_squared_error: {predictions.shape} and {targets.shape}")
    return mx.sum(mx.square(predictions - targets))


@misconception("1.2", "You average the distances. Square each difference before you take the mean.")
def mean_squared_error(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(f"mean_squared_error: {predictions.shape} and {targets.shape}")
    return mx.mean(mx.abs(predictions - targets))


@misconception(
    "1.2", "You square the mean error. Errors of opposite sign cancel then; square each first."
)
def mean_squared_error(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(f"mean_squared_error: {predictions.shape} and {targets.shape}")
    return mx.square(mx.mean(predictions - targets))


@misconception(
    "1.2",
    "You let (N, 1) and (N,) broadcast to all N x N differences. Compare the shapes first.",
)
def mean_squared_error(predictions, targets):
    return mx.mean(mx.square(predictions - targets))


@misconception(
    "1.2",
    "You multiply the square out. Of large numbers the squares have no digits left for a small "
    "difference: subtract first.",
)
def mean_squared_error(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(f"mean_squared_error: {predictions.shape} and {targets.shape}")
    p, t = predictions, targets
    return mx.mean(p * p) - 2 * mx.mean(p * t) + mx.mean(t * t)


@misconception(
    "1.3", "You lost the factor 2 that the square leaves behind when it is differentiated."
)
def mean_squared_error_gradient(x, y, weights, bias):
    check_examples("mean_squared_error_gradient", x, y)
    residual = predict(x, weights, bias) - y
    return Coefficients(x.T @ residual / len(y), mx.mean(residual))


@misconception(
    "1.3", "You differentiate the sum of the squared errors. The loss is their mean: divide by N."
)
def mean_squared_error_gradient(x, y, weights, bias):
    check_examples("mean_squared_error_gradient", x, y)
    residual = predict(x, weights, bias) - y
    return Coefficients(2 * (x.T @ residual), 2 * mx.sum(residual))


@misconception(
    "1.3",
    "Your slope has the wrong sign: with y - prediction as the residual, its derivative is -x.",
)
def mean_squared_error_gradient(x, y, weights, bias):
    check_examples("mean_squared_error_gradient", x, y)
    residual = y - predict(x, weights, bias)
    return Coefficients(2 / len(y) * (x.T @ residual), 2 * mx.mean(residual))


@misconception(
    "1.3", "You forgot that the bias is added in the prediction too: the residual needs it."
)
def mean_squared_error_gradient(x, y, weights, bias):
    check_examples("mean_squared_error_gradient", x, y)
    residual = x @ weights - y
    return Coefficients(2 / len(y) * (x.T @ residual), 2 * mx.mean(residual))


@misconception("1.4", "You walk uphill. The gradient points to larger losses: subtract it.")
def gradient_descent(x, y, *, learning_rate=0.1, steps=100):
    check_examples("gradient_descent", x, y)
    if steps < 1:
        raise ValueError("gradient_descent: steps must be at least 1")
    x, y = as_floating(x), as_floating(y)
    weights, bias, losses = mx.zeros((x.shape[1],), x.dtype), mx.zeros((), x.dtype), []
    for _ in range(steps):
        losses.append(mean_squared_error(predict(x, weights, bias), y))
        slope = mean_squared_error_gradient(x, y, weights, bias)
        weights = weights + learning_rate * slope.weights
        bias = bias + learning_rate * slope.bias
        mx.eval(weights, bias)
    return Coefficients(weights, bias), mx.stack(losses)


@misconception(
    "1.4",
    "You take the bias's slope after the weights have moved. Take both at the same point, then move.",
)
def gradient_descent(x, y, *, learning_rate=0.1, steps=100):
    check_examples("gradient_descent", x, y)
    if steps < 1:
        raise ValueError("gradient_descent: steps must be at least 1")
    x, y = as_floating(x), as_floating(y)
    weights, bias, losses = mx.zeros((x.shape[1],), x.dtype), mx.zeros((), x.dtype), []
    for _ in range(steps):
        losses.append(mean_squared_error(predict(x, weights, bias), y))
        weights = weights - learning_rate * mean_squared_error_gradient(x, y, weights, bias).weights
        bias = bias - learning_rate * mean_squared_error_gradient(x, y, weights, bias).bias
        mx.eval(weights, bias)
    return Coefficients(weights, bias), mx.stack(losses)


@misconception(
    "1.4", "You note the loss after the step. The first entry is the loss at the start, at zero."
)
def gradient_descent(x, y, *, learning_rate=0.1, steps=100):
    check_examples("gradient_descent", x, y)
    if steps < 1:
        raise ValueError("gradient_descent: steps must be at least 1")
    x, y = as_floating(x), as_floating(y)
    weights, bias, losses = mx.zeros((x.shape[1],), x.dtype), mx.zeros((), x.dtype), []
    for _ in range(steps):
        slope = mean_squared_error_gradient(x, y, weights, bias)
        weights = weights - learning_rate * slope.weights
        bias = bias - learning_rate * slope.bias
        losses.append(mean_squared_error(predict(x, weights, bias), y))
        mx.eval(weights, bias)
    return Coefficients(weights, bias), mx.stack(losses)


@misconception("1.4", "You never move the bias. It has a slope like every weight.")
def gradient_descent(x, y, *, learning_rate=0.1, steps=100):
    check_examples("gradient_descent", x, y)
    if steps < 1:
        raise ValueError("gradient_descent: steps must be at least 1")
    x, y = as_floating(x), as_floating(y)
    weights, bias, losses = mx.zeros((x.shape[1],), x.dtype), mx.zeros((), x.dtype), []
    for _ in range(steps):
        losses.append(mean_squared_error(predict(x, weights, bias), y))
        slope = mean_squared_error_gradient(x, y, weights, bias)
        weights = weights - learning_rate * slope.weights
        mx.eval(weights)
    return Coefficients(weights, bias), mx.stack(losses)


@misconception(
    "1.4",
    "You never evaluate in the loop: the lazy graph grows with every step, and all of it is computed "
    "at the end. mx.eval(weights, bias) after each step.",
)
def gradient_descent(x, y, *, learning_rate=0.1, steps=100):
    check_examples("gradient_descent", x, y)
    if steps < 1:
        raise ValueError("gradient_descent: steps must be at least 1")
    x, y = as_floating(x), as_floating(y)
    weights, bias, losses = mx.zeros((x.shape[1],), x.dtype), mx.zeros((), x.dtype), []
    for _ in range(steps):
        losses.append(mean_squared_error(predict(x, weights, bias), y))
        slope = mean_squared_error_gradient(x, y, weights, bias)
        weights = weights - learning_rate * slope.weights
        bias = bias - learning_rate * slope.bias
    return Coefficients(weights, bias), mx.stack(losses)


@misconception(
    "1.5", "You start at the top. The first equation has all the unknowns; the last has one."
)
def back_substitution(r, c):
    solution = []
    for i in range(len(c)):
        w = c[i] / r[i, i]
        c = c - r[:, i] * w
        solution.append(w)
    return mx.stack(solution)


@misconception("1.5", "You forgot to divide by the diagonal entry, the unknown's own coefficient.")
def back_substitution(r, c):
    solution = []
    for i in reversed(range(len(c))):
        solution.append(c[i])
        c = c - r[:, i] * c[i]
    return mx.stack(solution[::-1])


@misconception(
    "1.5", "You give the unknowns in the order in which you found them: the last one first."
)
def back_substitution(r, c):
    solution = []
    for i in reversed(range(len(c))):
        w = c[i] / r[i, i]
        c = c - r[:, i] * w
        solution.append(w)
    return mx.stack(solution)


@misconception(
    "1.5",
    "You multiply by the inverse: it loses digits where the triangle is nearly singular. Substitute.",
    read="why-not-the-normal-equations",
)
def back_substitution(r, c):
    return mx.linalg.tri_inv(mx.triu(r), upper=True, stream=mx.cpu) @ c


@misconception(
    "1.5",
    "Your function calls itself for the smaller triangle. Python stops at a thousand calls: loop.",
)
def back_substitution(r, c):
    last = c[-1:] / r[-1, -1]
    if len(c) == 1:
        return last
    rest = back_substitution(r[:-1, :-1], c[:-1] - r[:-1, -1] * last)
    return mx.concatenate([rest, last])


@misconception(
    "1.5",
    "You add a small number to the diagonal for fear of a zero. In other units it is not small: "
    "divide by the entry itself.",
)
def back_substitution(r, c):
    solution = []
    for i in reversed(range(len(c))):
        w = c[i] / (r[i, i] + 1e-8)
        c = c - r[:, i] * w
        solution.append(w)
    return mx.stack(solution[::-1])


@misconception(
    "1.5",
    "You take out the row of the unknown. What multiplies it in the other equations stands in its "
    "column.",
)
def back_substitution(r, c):
    solution = []
    for i in reversed(range(len(c))):
        w = c[i] / r[i, i]
        c = c - r[i] * w
        solution.append(w)
    return mx.stack(solution[::-1])


@misconception(
    "1.6", "You fit a line through the origin. Append a column of ones: its weight is the bias."
)
def least_squares(x, y):
    check_examples("least_squares", x, y)
    if x.shape[0] < x.shape[1] + 1:
        raise ValueError("least_squares: too few examples")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    q, r = mx.linalg.qr(x, stream=mx.cpu)
    check_independent("least_squares", r)
    weights = back_substitution(r, q.T @ y)
    return Coefficients(weights.astype(dtype), mx.zeros((), dtype))


@misconception(
    "1.6",
    "You solve the normal equations. They square the condition number; factor the columns themselves.",
    read="why-not-the-normal-equations",
)
def least_squares(x, y):
    check_examples("least_squares", x, y)
    if x.shape[0] < x.shape[1] + 1:
        raise ValueError("least_squares: too few examples")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    a = mx.concatenate([x, mx.ones((x.shape[0], 1), x.dtype)], axis=1)
    check_independent("least_squares", mx.linalg.qr(a, stream=mx.cpu)[1])
    solution = mx.linalg.solve(a.T @ a, a.T @ y, stream=mx.cpu)
    return Coefficients(solution[:-1].astype(dtype), solution[-1].astype(dtype))


@misconception(
    "1.6", "You put the ones first and the bias last: the coefficients are in the columns' order."
)
def least_squares(x, y):
    check_examples("least_squares", x, y)
    if x.shape[0] < x.shape[1] + 1:
        raise ValueError("least_squares: too few examples")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    ones = mx.ones((x.shape[0], 1), x.dtype)
    q, r = mx.linalg.qr(mx.concatenate([ones, x], axis=1), stream=mx.cpu)
    check_independent("least_squares", r)
    solution = back_substitution(r, q.T @ y)
    return Coefficients(solution[:-1].astype(dtype), solution[-1].astype(dtype))


@misconception(
    "1.6",
    "You call columns dependent below a fixed number. In other units none are, or all: compare "
    "with the length of the column (check_independent).",
)
def least_squares(x, y):
    check_examples("least_squares", x, y)
    if x.shape[0] < x.shape[1] + 1:
        raise ValueError("least_squares: too few examples")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    ones = mx.ones((x.shape[0], 1), x.dtype)
    q, r = mx.linalg.qr(mx.concatenate([x, ones], axis=1), stream=mx.cpu)
    if mx.min(mx.abs(mx.diagonal(r))) < 1e-5:
        raise ValueError("least_squares: the columns are linearly dependent")
    solution = back_substitution(r, q.T @ y)
    return Coefficients(solution[:-1].astype(dtype), solution[-1].astype(dtype))


@misconception(
    "1.7", "You compare with always answering zero. Compare with always answering the mean."
)
def r_squared(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(f"r_squared: {predictions.shape} and {targets.shape}")
    return 1 - mx.sum(mx.square(predictions - targets)) / mx.sum(mx.square(targets))


@misconception(
    "1.7",
    "You compute the squared correlation. It forgives a wrong scale and a wrong bias; this must not.",
)
def r_squared(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(f"r_squared: {predictions.shape} and {targets.shape}")
    p, t = predictions - mx.mean(predictions), targets - mx.mean(targets)
    return mx.square(mx.sum(p * t)) / (mx.sum(p * p) * mx.sum(t * t))


@misconception("1.7", "You divide by zero when all targets are equal. Then the score is 1 or 0.")
def r_squared(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(f"r_squared: {predictions.shape} and {targets.shape}")
    variation = mx.sum(mx.square(targets - mx.mean(targets)))
    return 1 - mx.sum(mx.square(predictions - targets)) / variation


@misconception(
    "1.7",
    "You take the mean of the squares minus the square of the mean: far from zero nothing is left "
    "of the difference. Subtract the mean first, then square.",
)
def r_squared(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(f"r_squared: {predictions.shape} and {targets.shape}")
    unexplained = mx.mean(mx.square(predictions - targets))
    variation = mx.mean(mx.square(targets)) - mx.square(mx.mean(targets))
    constant = mx.max(targets) == mx.min(targets)
    score = 1 - unexplained / mx.where(constant, mx.ones_like(variation), variation)
    return mx.where(constant, (unexplained == 0).astype(score.dtype), score)


@misconception(
    "1.7",
    "You call targets equal when they vary by less than a fixed number. In another unit all do: "
    "compare the largest with the smallest.",
)
def r_squared(predictions, targets):
    if predictions.shape != targets.shape:
        raise ValueError(f"r_squared: {predictions.shape} and {targets.shape}")
    unexplained = mx.sum(mx.square(predictions - targets))
    variation = mx.sum(mx.square(targets - mx.mean(targets)))
    constant = variation < 1e-8
    score = 1 - unexplained / mx.where(constant, mx.ones_like(variation), variation)
    return mx.where(constant, (unexplained == 0).astype(score.dtype), score)


@misconception(
    "1.8", "You add a column of ones. The model has a bias already: two of them are one too many."
)
def polynomial_features(x, degree):
    if x.ndim != 1 or degree < 1:
        raise ValueError("polynomial_features: x must have shape (N,) and degree be at least 1")
    return mx.stack([as_floating(x) ** k for k in range(degree + 1)], axis=1)


@misconception(
    "1.8", "You multiply integers, which overflow: 366**4 is larger than any int32. Convert first."
)
def polynomial_features(x, degree):
    if x.ndim != 1 or degree < 1:
        raise ValueError("polynomial_features: x must have shape (N,) and degree be at least 1")
    return as_floating(mx.cumprod(mx.broadcast_to(x[:, None], (len(x), degree)), axis=1))


@misconception("1.8", "Your columns are multiples of x, k * x. They must be its powers, x**k.")
def polynomial_features(x, degree):
    if x.ndim != 1 or degree < 1:
        raise ValueError("polynomial_features: x must have shape (N,) and degree be at least 1")
    return mx.stack([as_floating(x) * k for k in range(1, degree + 1)], axis=1)


@misconception(
    "1.9", "You take the statistics of the whole table. Each column has its own: axis=0."
)
def column_statistics(x):
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(f"column_statistics: expected x of shape (N, D), got {x.shape}")
    x = as_floating(x)
    like = mx.zeros((x.shape[1],), x.dtype)
    return like + mx.mean(x), like + mx.sqrt(mx.var(x))


@misconception(
    "1.9", "You give the variance. The scale is its square root, in the unit of the column."
)
def column_statistics(x):
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(f"column_statistics: expected x of shape (N, D), got {x.shape}")
    x = as_floating(x)
    constant = mx.max(x, axis=0) == mx.min(x, axis=0)
    return mx.mean(x, axis=0), mx.where(constant, 1.0, mx.var(x, axis=0)).astype(x.dtype)


@misconception(
    "1.9",
    "Your scale of a constant column is 0 or a rounding error; dividing by it ruins it. Use 1.",
)
def column_statistics(x):
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(f"column_statistics: expected x of shape (N, D), got {x.shape}")
    x = as_floating(x)
    return mx.mean(x, axis=0), mx.sqrt(mx.var(x, axis=0))


@misconception(
    "1.9",
    "You standardize with the new examples' own mean and spread. Use those that were passed in: "
    "the training examples'.",
)
def standardize(x, mean, scale):
    return (x - mx.mean(x, axis=0)) / mx.sqrt(mx.var(x, axis=0))


@misconception(
    "1.9",
    "You look for a deviation of exactly 0. The mean of equal numbers is rounded, so theirs is "
    "often 1e-9: compare the largest number with the smallest.",
)
def column_statistics(x):
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(f"column_statistics: expected x of shape (N, D), got {x.shape}")
    x = as_floating(x)
    deviation = mx.sqrt(mx.var(x, axis=0))
    return mx.mean(x, axis=0), mx.where(deviation == 0, mx.ones_like(deviation), deviation)


@misconception(
    "1.9",
    "You call a column constant when its deviation is below a fixed number. In another unit every "
    "column is: compare the largest number with the smallest.",
)
def column_statistics(x):
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(f"column_statistics: expected x of shape (N, D), got {x.shape}")
    x = as_floating(x)
    deviation = mx.sqrt(mx.var(x, axis=0))
    return mx.mean(x, axis=0), mx.where(deviation < 1e-5, mx.ones_like(deviation), deviation)


@misconception(
    "1.9",
    "You take the mean of the squares minus the square of the mean: far from zero nothing is left "
    "of the difference. Subtract the mean first, then square.",
)
def column_statistics(x):
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(f"column_statistics: expected x of shape (N, D), got {x.shape}")
    x = as_floating(x)
    mean = mx.mean(x, axis=0)
    variance = mx.maximum(mx.mean(mx.square(x), axis=0) - mx.square(mean), 0)
    constant = mx.max(x, axis=0) == mx.min(x, axis=0)
    return mean, mx.where(constant, mx.ones_like(mean), mx.sqrt(variance))


@misconception(
    "1.9", "You divide by N - 1. The scale is the root of the mean squared deviation: divide by N."
)
def column_statistics(x):
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(f"column_statistics: expected x of shape (N, D), got {x.shape}")
    x = as_floating(x)
    deviation = mx.sqrt(mx.var(x, axis=0, ddof=1))
    constant = mx.max(x, axis=0) == mx.min(x, axis=0)
    return mx.mean(x, axis=0), mx.where(constant, mx.ones_like(deviation), deviation)


@misconception("1.10", "You shuffle x and y apart from each other: the rows lose their answers.")
def train_test_split(x, y, *, test_fraction=0.25, key):
    count = round(test_fraction * len(x))
    if len(x) != len(y) or not 0 < count < len(x):
        raise ValueError("train_test_split: lengths differ, or one side is empty")
    first, second = mx.random.split(key)
    x = x[mx.random.permutation(len(x), key=first)]
    y = y[mx.random.permutation(len(y), key=second)]
    return x[count:], x[:count], y[count:], y[:count]


@misconception(
    "1.10", "You do not shuffle. In a file sorted by date, the test set would be one season."
)
def train_test_split(x, y, *, test_fraction=0.25, key):
    count = round(test_fraction * len(x))
    if len(x) != len(y) or not 0 < count < len(x):
        raise ValueError("train_test_split: lengths differ, or one side is empty")
    return x[count:], x[:count], y[count:], y[:count]


@misconception(
    "1.10", "You draw the test examples from all, and train on all: the examination's answers leak."
)
def train_test_split(x, y, *, test_fraction=0.25, key):
    count = round(test_fraction * len(x))
    if len(x) != len(y) or not 0 < count < len(x):
        raise ValueError("train_test_split: lengths differ, or one side is empty")
    order = mx.random.permutation(len(x), key=key)
    return (
        x[order[: len(x) - count]],
        x[order[:count]],
        y[order[: len(x) - count]],
        y[order[:count]],
    )


@misconception(
    "1.10", "You seed the global generator and ignore the key: every key gives the same split."
)
def train_test_split(x, y, *, test_fraction=0.25, key):
    count = round(test_fraction * len(x))
    if len(x) != len(y) or not 0 < count < len(x):
        raise ValueError("train_test_split: lengths differ, or one side is empty")
    mx.random.seed(0)
    order = mx.random.permutation(len(x))
    return x[order[count:]], x[order[:count]], y[order[count:]], y[order[:count]]


@misconception("1.10", "You took the training fraction for the test fraction.")
def train_test_split(x, y, *, test_fraction=0.25, key):
    count = len(x) - round(test_fraction * len(x))
    if len(x) != len(y) or not 0 < count < len(x):
        raise ValueError("train_test_split: lengths differ, or one side is empty")
    order = mx.random.permutation(len(x), key=key)
    return x[order[count:]], x[order[:count]], y[order[count:]], y[order[:count]]


@misconception(
    "1.10",
    "You start at a random row and go round. That is N orders of all N!, and neighbours stay "
    "together: draw a permutation.",
)
def train_test_split(x, y, *, test_fraction=0.25, key):
    count = round(test_fraction * len(x))
    if len(x) != len(y) or not 0 < count < len(x):
        raise ValueError("train_test_split: lengths differ, or one side is empty")
    order = (mx.arange(len(x)) + mx.random.randint(0, len(x), key=key)) % len(x)
    return x[order[count:]], x[order[:count]], y[order[count:]], y[order[:count]]


@misconception(
    "1.10",
    "You sort each side again. Which rows are chosen is random then, but their order is not.",
)
def train_test_split(x, y, *, test_fraction=0.25, key):
    count = round(test_fraction * len(x))
    if len(x) != len(y) or not 0 < count < len(x):
        raise ValueError("train_test_split: lengths differ, or one side is empty")
    order = mx.random.permutation(len(x), key=key)
    test, train = mx.sort(order[:count]), mx.sort(order[count:])
    return x[train], x[test], y[train], y[test]


@misconception(
    "1.11", "You drop the remainder: with 10 examples and 4 folds, two examples never validate."
)
def k_fold(count, folds, key=None):
    if not 2 <= folds <= count:
        raise ValueError(f"k_fold: cannot cut {count} examples into {folds} folds")
    order = mx.arange(count) if key is None else mx.random.permutation(count, key=key)
    size, pairs = count // folds, []
    for start in range(0, size * folds, size):
        train = mx.concatenate([order[:start], order[start + size :]])
        pairs.append((train, order[start : start + size]))
    return pairs


@misconception(
    "1.11", "You put the whole remainder into the last fold. Sizes may differ by at most one."
)
def k_fold(count, folds, key=None):
    if not 2 <= folds <= count:
        raise ValueError(f"k_fold: cannot cut {count} examples into {folds} folds")
    order = mx.arange(count) if key is None else mx.random.permutation(count, key=key)
    size, pairs = count // folds, []
    for fold in range(folds):
        start, stop = fold * size, count if fold == folds - 1 else (fold + 1) * size
        pairs.append((mx.concatenate([order[:start], order[stop:]]), order[start:stop]))
    return pairs


@misconception(
    "1.11", "You leave the validation part in the training part: the model has seen the answers."
)
def k_fold(count, folds, key=None):
    if not 2 <= folds <= count:
        raise ValueError(f"k_fold: cannot cut {count} examples into {folds} folds")
    order = mx.arange(count) if key is None else mx.random.permutation(count, key=key)
    size, larger = divmod(count, folds)
    pairs, start = [], 0
    for fold in range(folds):
        stop = start + size + (fold < larger)
        pairs.append((order, order[start:stop]))
        start = stop
    return pairs


@misconception(
    "1.11", "You give the part that is left out for training: the pair is (train, validation)."
)
def k_fold(count, folds, key=None):
    if not 2 <= folds <= count:
        raise ValueError(f"k_fold: cannot cut {count} examples into {folds} folds")
    order = mx.arange(count) if key is None else mx.random.permutation(count, key=key)
    size, larger = divmod(count, folds)
    pairs, start = [], 0
    for fold in range(folds):
        stop = start + size + (fold < larger)
        pairs.append((order[start:stop], mx.concatenate([order[:start], order[stop:]])))
        start = stop
    return pairs


@misconception(
    "1.11",
    "You start at a random index and go round: neighbours stay together. Draw a permutation.",
)
def k_fold(count, folds, key=None):
    if not 2 <= folds <= count:
        raise ValueError(f"k_fold: cannot cut {count} examples into {folds} folds")
    order = mx.arange(count)
    if key is not None:
        order = (order + mx.random.randint(0, count, key=key)) % count
    size, larger = divmod(count, folds)
    pairs, start = [], 0
    for fold in range(folds):
        stop = start + size + (fold < larger)
        pairs.append((mx.concatenate([order[:start], order[stop:]]), order[start:stop]))
        start = stop
    return pairs


@misconception(
    "1.12", "You score the examples that the model was fitted to. Score the validation part."
)
def cross_validate(fit, x, y, *, folds=5, key=None):
    scores = []
    for train, _ in k_fold(len(x), folds, key):
        scores.append(mean_squared_error(fit(x[train], y[train])(x[train]), y[train]))
    return mx.stack(scores)


@misconception(
    "1.12", "You fit once, on all examples, so that every fold has been seen. Fit for each fold."
)
def cross_validate(fit, x, y, *, folds=5, key=None):
    model, scores = fit(x, y), []
    for _, validation in k_fold(len(x), folds, key):
        scores.append(mean_squared_error(model(x[validation]), y[validation]))
    return mx.stack(scores)


@misconception(
    "1.12", "You give the mean over the folds. Give each fold's score: their spread matters too."
)
def cross_validate(fit, x, y, *, folds=5, key=None):
    scores = []
    for train, validation in k_fold(len(x), folds, key):
        model = fit(x[train], y[train])
        scores.append(mean_squared_error(model(x[validation]), y[validation]))
    return mx.mean(mx.stack(scores))


@misconception(
    "1.12", "You do not pass the key on: the folds are then cut in the order of the file."
)
def cross_validate(fit, x, y, *, folds=5, key=None):
    scores = []
    for train, validation in k_fold(len(x), folds):
        model = fit(x[train], y[train])
        scores.append(mean_squared_error(model(x[validation]), y[validation]))
    return mx.stack(scores)


@misconception(
    "1.13", "You penalize the bias like a weight. Then a shift of all targets changes the slopes."
)
def ridge(x, y, penalty):
    check_examples("ridge", x, y)
    if not penalty > 0:
        raise ValueError(f"ridge: penalty must be greater than 0, got {penalty}")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    a = mx.concatenate([x, mx.ones((x.shape[0], 1), x.dtype)], axis=1)
    rows = mx.concatenate([a, math.sqrt(penalty) * mx.eye(a.shape[1], dtype=x.dtype)])
    right = mx.concatenate([y, mx.zeros((a.shape[1],), y.dtype)])
    q, r = mx.linalg.qr(rows, stream=mx.cpu)
    solution = back_substitution(r, q.T @ right)
    return Coefficients(solution[:-1].astype(dtype), solution[-1].astype(dtype))


@misconception(
    "1.13",
    "Your penalty is squared: append sqrt(penalty) times the identity, not penalty times it.",
)
def ridge(x, y, penalty):
    check_examples("ridge", x, y)
    if not penalty > 0:
        raise ValueError(f"ridge: penalty must be greater than 0, got {penalty}")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    x_mean, y_mean = mx.mean(x, axis=0), mx.mean(y)
    rows = mx.concatenate([x - x_mean, penalty * mx.eye(x.shape[1], dtype=x.dtype)])
    right = mx.concatenate([y - y_mean, mx.zeros((x.shape[1],), y.dtype)])
    q, r = mx.linalg.qr(rows, stream=mx.cpu)
    weights = back_substitution(r, q.T @ right)
    return Coefficients(weights.astype(dtype), (y_mean - mx.sum(x_mean * weights)).astype(dtype))


@misconception(
    "1.13", "You penalize the mean error. Here the squared errors are summed, as the formula says."
)
def ridge(x, y, penalty):
    check_examples("ridge", x, y)
    if not penalty > 0:
        raise ValueError(f"ridge: penalty must be greater than 0, got {penalty}")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    x_mean, y_mean = mx.mean(x, axis=0), mx.mean(y)
    root = math.sqrt(penalty * len(y))
    rows = mx.concatenate([x - x_mean, root * mx.eye(x.shape[1], dtype=x.dtype)])
    right = mx.concatenate([y - y_mean, mx.zeros((x.shape[1],), y.dtype)])
    q, r = mx.linalg.qr(rows, stream=mx.cpu)
    weights = back_substitution(r, q.T @ right)
    return Coefficients(weights.astype(dtype), (y_mean - mx.sum(x_mean * weights)).astype(dtype))


@misconception(
    "1.13",
    "You took the mean of y for the bias. The columns were centred too: subtract mean(x) . w.",
)
def ridge(x, y, penalty):
    check_examples("ridge", x, y)
    if not penalty > 0:
        raise ValueError(f"ridge: penalty must be greater than 0, got {penalty}")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    root = math.sqrt(penalty)
    rows = mx.concatenate([x - mx.mean(x, axis=0), root * mx.eye(x.shape[1], dtype=x.dtype)])
    right = mx.concatenate([y - mx.mean(y), mx.zeros((x.shape[1],), y.dtype)])
    q, r = mx.linalg.qr(rows, stream=mx.cpu)
    weights = back_substitution(r, q.T @ right)
    return Coefficients(weights.astype(dtype), mx.mean(y).astype(dtype))


@misconception(
    "1.13",
    "You multiply the columns with each other first, which squares the condition number. Factor "
    "the rows themselves.",
    read="why-not-the-normal-equations",
)
def ridge(x, y, penalty):
    check_examples("ridge", x, y)
    if not penalty > 0:
        raise ValueError(f"ridge: penalty must be greater than 0, got {penalty}")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    x_mean, y_mean = mx.mean(x, axis=0), mx.mean(y)
    centred = x - x_mean
    gram = centred.T @ centred + penalty * mx.eye(x.shape[1], dtype=x.dtype)
    q, r = mx.linalg.qr(gram, stream=mx.cpu)
    weights = back_substitution(r, q.T @ (centred.T @ (y - y_mean)))
    return Coefficients(weights.astype(dtype), (y_mean - mx.sum(x_mean * weights)).astype(dtype))


@misconception(
    "1.14",
    "You take the square root. The squared distances were asked for, and order points alike.",
)
def squared_distances(x, centroids):
    if x.ndim != 2 or centroids.ndim != 2 or x.shape[1] != centroids.shape[1]:
        raise ValueError(f"squared_distances: {x.shape} and {centroids.shape}")
    return mx.sqrt(mx.sum(mx.square(x[:, None, :] - centroids[None, :, :]), axis=2))


@misconception(
    "1.14",
    "You expand the square: |x|^2 - 2 x.c + |c|^2 subtracts large numbers and loses the digits. "
    "Subtract first, then square.",
)
def squared_distances(x, centroids):
    if x.ndim != 2 or centroids.ndim != 2 or x.shape[1] != centroids.shape[1]:
        raise ValueError(f"squared_distances: {x.shape} and {centroids.shape}")
    own = mx.sum(x * x, axis=1)[:, None] + mx.sum(centroids * centroids, axis=1)
    return own - 2 * (x @ centroids.T)


@misconception("1.14", "You take the sum of the absolute differences, and not of their squares.")
def squared_distances(x, centroids):
    if x.ndim != 2 or centroids.ndim != 2 or x.shape[1] != centroids.shape[1]:
        raise ValueError(f"squared_distances: {x.shape} and {centroids.shape}")
    return mx.sum(mx.abs(x[:, None, :] - centroids[None, :, :]), axis=2)


@misconception(
    "1.15", "A centre without points becomes 0 / 0 = NaN, and stays so forever. Leave it in place."
)
def kmeans_step(x, centroids):
    labels = mx.argmin(squared_distances(x, centroids), axis=1)
    members = (labels[:, None] == mx.arange(len(centroids))).astype(centroids.dtype)
    return (members.T @ x.astype(centroids.dtype)) / mx.sum(members, axis=0)[:, None], labels


@misconception("1.15", "A centre without points jumps to the origin. It stays where it was.")
def kmeans_step(x, centroids):
    labels = mx.argmin(squared_distances(x, centroids), axis=1)
    members = (labels[:, None] == mx.arange(len(centroids))).astype(centroids.dtype)
    count = mx.maximum(mx.sum(members, axis=0)[:, None], 1)
    return (members.T @ x.astype(centroids.dtype)) / count, labels


@misconception("1.15", "You divide each cluster's sum by the number of all points, not of its own.")
def kmeans_step(x, centroids):
    labels = mx.argmin(squared_distances(x, centroids), axis=1)
    members = (labels[:, None] == mx.arange(len(centroids))).astype(centroids.dtype)
    count = mx.sum(members, axis=0)[:, None]
    total = members.T @ x.astype(centroids.dtype)
    return mx.where(count > 0, total / len(x), centroids), labels


@misconception(
    "1.15",
    "You label the points again after the centres moved. The labels belong to the old centres.",
)
def kmeans_step(x, centroids):
    labels = mx.argmin(squared_distances(x, centroids), axis=1)
    members = (labels[:, None] == mx.arange(len(centroids))).astype(centroids.dtype)
    count = mx.sum(members, axis=0)[:, None]
    total = members.T @ x.astype(centroids.dtype)
    centroids = mx.where(count > 0, total / mx.maximum(count, 1), centroids)
    return centroids, mx.argmin(squared_distances(x, centroids), axis=1)


@misconception(
    "1.15",
    "You add up in the dtype of the centres: of float16 points the sum overflows, and so does the "
    "count. Sum in float32 (at_least_float32), and cast the means.",
)
def kmeans_step(x, centroids):
    labels = mx.argmin(squared_distances(x, centroids), axis=1)
    members = (labels[:, None] == mx.arange(len(centroids))).astype(centroids.dtype)
    count = mx.sum(members, axis=0)[:, None]
    total = members.T @ x.astype(centroids.dtype)
    return mx.where(count > 0, total / mx.maximum(count, 1), centroids), labels


@misconception("1.16", "You always make max_steps steps. Stop when no point changes its label.")
def kmeans(x, centroids, max_steps=100):
    if max_steps < 1:
        raise ValueError(f"kmeans: max_steps must be at least 1, got {max_steps}")
    inertia = []
    for _ in range(max_steps):
        inertia.append(mx.sum(mx.min(squared_distances(x, centroids), axis=1)))
        centroids, labels = kmeans_step(x, centroids)
    return Clusters(centroids, labels, mx.stack(inertia))


@misconception(
    "1.16",
    "You note the inertia after the step. It belongs to the centres from which the step starts.",
)
def kmeans(x, centroids, max_steps=100):
    if max_steps < 1:
        raise ValueError(f"kmeans: max_steps must be at least 1, got {max_steps}")
    labels, inertia = None, []
    for _ in range(max_steps):
        before, (centroids, labels) = labels, kmeans_step(x, centroids)
        inertia.append(mx.sum(mx.min(squared_distances(x, centroids), axis=1)))
        if before is not None and mx.array_equal(labels, before):
            break
    return Clusters(centroids, labels, mx.stack(inertia))


@misconception(
    "1.16", "Your inertia counts the distance to every centre. Only the nearest one counts."
)
def kmeans(x, centroids, max_steps=100):
    if max_steps < 1:
        raise ValueError(f"kmeans: max_steps must be at least 1, got {max_steps}")
    labels, inertia = None, []
    for _ in range(max_steps):
        inertia.append(mx.sum(squared_distances(x, centroids)))
        before, (centroids, labels) = labels, kmeans_step(x, centroids)
        if before is not None and mx.array_equal(labels, before):
            break
    return Clusters(centroids, labels, mx.stack(inertia))


@misconception(
    "1.16",
    "You stop when the centres move by less than a fixed distance. In another unit they always do: "
    "stop when no label changes.",
)
def kmeans(x, centroids, max_steps=100):
    if max_steps < 1:
        raise ValueError(f"kmeans: max_steps must be at least 1, got {max_steps}")
    inertia = []
    for _ in range(max_steps):
        inertia.append(mx.sum(mx.min(squared_distances(x, centroids), axis=1)))
        before, (centroids, labels) = centroids, kmeans_step(x, centroids)
        if mx.max(mx.abs(centroids - before)) < 1e-4:
            break
    return Clusters(centroids, labels, mx.stack(inertia))
