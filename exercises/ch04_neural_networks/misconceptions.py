"""What people really write in chapter 4. Parsed, never imported: see CONTRIBUTING.md."""


# 4.1


@misconception(
    "4.1",
    "Without an activation between them, two linear layers are one linear layer: apply tanh to the "
    "hidden sums.",
    read="why-a-straight-line-is-not-enough",
)
def forward(parameters, x):
    if x.ndim != 2 or x.shape[1] != parameters.weight1.shape[1]:
        raise ValueError(f"forward: expected x of shape (N, D), got {x.shape}")
    hidden = x @ parameters.weight1.T + parameters.bias1
    return hidden, hidden @ parameters.weight2 + parameters.bias2


@misconception(
    "4.1",
    "You add the bias after the tanh. It moves the place where a neuron bends: add it before.",
)
def forward(parameters, x):
    if x.ndim != 2 or x.shape[1] != parameters.weight1.shape[1]:
        raise ValueError(f"forward: expected x of shape (N, D), got {x.shape}")
    hidden = mx.tanh(x @ parameters.weight1.T) + parameters.bias1
    return hidden, hidden @ parameters.weight2 + parameters.bias2


@misconception(
    "4.1",
    "You squash the second layer too. Its sums are the logits, which may be any number.",
)
def forward(parameters, x):
    if x.ndim != 2 or x.shape[1] != parameters.weight1.shape[1]:
        raise ValueError(f"forward: expected x of shape (N, D), got {x.shape}")
    hidden = mx.tanh(x @ parameters.weight1.T + parameters.bias1)
    return hidden, mx.tanh(hidden @ parameters.weight2 + parameters.bias2)


@misconception(
    "4.1",
    "You multiply by weight1 as it stands. Each of its rows is one neuron, so the examples meet its "
    "transpose.",
)
def forward(parameters, x):
    if x.ndim != 2 or x.shape[1] != parameters.weight1.shape[1]:
        raise ValueError(f"forward: expected x of shape (N, D), got {x.shape}")
    hidden = mx.tanh(x @ parameters.weight1 + parameters.bias1)
    return hidden, hidden @ parameters.weight2 + parameters.bias2


@misconception(
    "4.1",
    "You do not look at the shape of x: a single example without its axis is computed without a "
    "word.",
)
def forward(parameters, x):
    hidden = mx.tanh(x @ parameters.weight1.T + parameters.bias1)
    return hidden, hidden @ parameters.weight2 + parameters.bias2


# 4.2


@misconception(
    "4.2",
    "You take the smaller of the two lines. Above 0 it is x that lies higher: take the larger.",
)
def leaky_relu(x, negative_slope=0.01):
    return core.minimum(negative_slope * x, x)


@misconception(
    "4.2", "You cut x off at the number negative_slope. It is a slope: multiply x by it."
)
def leaky_relu(x, negative_slope=0.01):
    return core.maximum(x, negative_slope)


@misconception(
    "4.2", "Below 0 your line rises to the left. minimum(x, 0) is negative already: add it."
)
def leaky_relu(x, negative_slope=0.01):
    return core.maximum(x, 0) - negative_slope * core.minimum(x, 0)


@misconception("4.2", "You write the slope 0.01 as a number, and ignore `negative_slope`.")
def leaky_relu(x, negative_slope=0.01):
    return core.maximum(0.01 * x, x)


@misconception(
    "4.2",
    "exp(x) is infinite from 88.8 on, so the logarithm is too. Use the stable form of the logarithm "
    "of a sum of exponentials.",
)
def softplus(x):
    return core.log(1 + core.exp(x))


@misconception(
    "4.2",
    "Where x is large you choose x, but exp(x) is computed all the same, and its gradient is 0 times "
    "infinity: nan.",
)
def softplus(x):
    return core.where(x > 20, x, core.log1p(core.exp(x)))


@misconception(
    "4.2", "log(1 + exp(-|x|)) is what remains above the corner: add max(x, 0), the corner itself."
)
def softplus(x):
    return core.log1p(core.exp(-core.abs(x)))


@misconception(
    "4.2",
    "Values are right, but at 0 two corners meet, that of max(x, 0) and that of |x|, and both have "
    "the slope 0 there: softplus is smooth, with slope 1/2. core.logaddexp knows.",
)
def softplus(x):
    return core.maximum(x, 0) + core.log1p(core.exp(-core.abs(x)))


# 4.3


@misconception(
    "4.3", "You normalise over the first axis. Each row of logits is one example: use `axis`."
)
def softmax(x, axis=-1):
    e = core.exp(x - core.stop_gradient(core.max(x, axis=0, keepdims=True)))
    return e / core.sum(e, axis=0, keepdims=True)


@misconception(
    "4.3",
    "The maximum is that of the row, but the sum runs over the first axis. Both belong to the same "
    "numbers: use `axis` in both.",
)
def softmax(x, axis=-1):
    e = core.exp(x - core.stop_gradient(core.max(x, axis=axis, keepdims=True)))
    return e / core.sum(e, axis=0, keepdims=True)


@misconception(
    "4.3",
    "The maximum is that of the row, but the sum runs over the first axis. Both belong to the same "
    "numbers: use `axis` in both.",
)
def softmax(x, axis=-1):
    e = core.exp(x - core.max(x, axis=axis, keepdims=True))
    return e / core.sum(e, axis=0, keepdims=True)


@misconception(
    "4.3",
    "exp(x) overflows, and infinity by infinity is nan. Subtract the maximum along the axis first.",
    read="what-can-overflow",
)
def softmax(x, axis=-1):
    e = core.exp(x)
    return e / core.sum(e, axis=axis, keepdims=True)


@misconception(
    "4.3",
    "You subtract the maximum of the whole array. In a row that lies far below it every exponential "
    "is 0, and 0 by 0 is nan: take the maximum along the axis.",
    read="what-can-overflow",
)
def softmax(x, axis=-1):
    e = core.exp(x - core.stop_gradient(core.max(x)))
    return e / core.sum(e, axis=axis, keepdims=True)


@misconception(
    "4.3",
    "You subtract the maximum of the whole array. In a row that lies far below it every exponential "
    "is 0, and 0 by 0 is nan: take the maximum along the axis.",
    read="what-can-overflow",
)
def softmax(x, axis=-1):
    e = core.exp(x - core.max(x))
    return e / core.sum(e, axis=axis, keepdims=True)


@misconception(
    "4.3",
    "You subtract the mean. One outlier lies far above the mean and overflows: subtract the maximum.",
    read="what-can-overflow",
)
def softmax(x, axis=-1):
    e = core.exp(x - core.stop_gradient(core.mean(x, axis=axis, keepdims=True)))
    return e / core.sum(e, axis=axis, keepdims=True)


@misconception(
    "4.3",
    "Without keepdims the sum loses its axis, and in a square table the row sums line up with the "
    "columns.",
)
def softmax(x, axis=-1):
    e = core.exp(x - core.stop_gradient(core.max(x, axis=axis, keepdims=True)))
    return e / core.sum(e, axis=axis)


# 4.4


@misconception(
    "4.4",
    "You leave out the square root of 2: erf belongs to a bell of variance 1/2, and the normal "
    "distribution has variance 1.",
)
def gelu(x):
    return x * (1 + core.erf(x)) / 2


@misconception(
    "4.4", "erf runs from -1 to 1 and a probability from 0 to 1: add 1 before you divide by 2."
)
def gelu(x):
    return x * core.erf(x / math.sqrt(2)) / 2


@misconception("4.4", "You wrote the approximation by tanh. gelu itself uses the error function.")
def gelu(x):
    z = core.clip(x, -10, 10)
    return 0.5 * x * (1 + core.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


@misconception(
    "4.4", "You multiply only x by sqrt(2/pi). The factor stands before the bracket: the cube too."
)
def gelu_approx(x):
    z = core.clip(x, -10, 10)
    return 0.5 * x * (1 + core.tanh(math.sqrt(2 / math.pi) * z + 0.044715 * z**3))


@misconception(
    "4.4",
    "In float16 the cube of 41 is infinite, and then the gradient is 0 times infinity: nan. Limit "
    "what is cubed.",
)
def gelu_approx(x):
    return 0.5 * x * (1 + core.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@misconception(
    "4.4",
    "You use the limited number everywhere. Only inside tanh may x be limited; gelu itself has no "
    "ceiling.",
)
def gelu_approx(x):
    x = core.clip(x, -10, 10)
    return 0.5 * x * (1 + core.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


# 4.5


@misconception(
    "4.5",
    "You take the logarithm of the softmax. Where a share underflows to 0 that is minus infinity.",
)
def log_softmax(x, axis=-1):
    e = core.exp(x - core.stop_gradient(core.max(x, axis=axis, keepdims=True)))
    return core.log(e / core.sum(e, axis=axis, keepdims=True))


@misconception(
    "4.5",
    "You do not subtract the maximum first. logsumexp does not overflow, but of numbers near 10,000 "
    "the difference keeps only three decimals.",
)
def log_softmax(x, axis=-1):
    return x - core.logsumexp(x, axis=axis, keepdims=True)


@misconception(
    "4.5", "You subtract the logarithm of the sum of x itself: what is summed are exponentials."
)
def log_softmax(x, axis=-1):
    x = x - core.stop_gradient(core.max(x, axis=axis, keepdims=True))
    return x - core.log(core.sum(core.abs(x), axis=axis, keepdims=True))


@misconception("4.5", "You always sum over the last axis: use `axis`.")
def log_softmax(x, axis=-1):
    x = x - core.stop_gradient(core.max(x, axis=-1, keepdims=True))
    return x - core.logsumexp(x, axis=-1, keepdims=True)


@misconception(
    "4.5",
    "You subtract the maximum from x, and not from what logsumexp sees: both terms need the same x.",
)
def log_softmax(x, axis=-1):
    return (
        x
        - core.stop_gradient(core.max(x, axis=axis, keepdims=True))
        - core.logsumexp(x, axis=axis, keepdims=True)
    )


@misconception(
    "4.5",
    "You add a small number inside of the logarithm. It changes every result a little, and where a "
    "share underflows to 0 the answer is the logarithm of your number.",
)
def log_softmax(x, axis=-1):
    e = core.exp(x - core.stop_gradient(core.max(x, axis=axis, keepdims=True)))
    return core.log(e / core.sum(e, axis=axis, keepdims=True) + 1e-7)


@misconception(
    "4.5",
    "You subtract the minimum. Nothing overflows in logsumexp, but one number far below makes all "
    "others large, and their digits are lost: subtract the maximum.",
)
def log_softmax(x, axis=-1):
    x = x - core.stop_gradient(core.min(x, axis=axis, keepdims=True))
    return x - core.logsumexp(x, axis=axis, keepdims=True)


# 4.6


@misconception(
    "4.6",
    "You take the logarithm of a softmax. Where the right class's share underflows to 0 the loss is "
    "infinite.",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    e = core.exp(logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True)))
    logs = core.log(e / core.sum(e, axis=axis, keepdims=True))
    if targets.ndim == logits.ndim:
        score = core.sum(logs * targets, axis=axis)
    else:
        index = core.expand_dims(targets, axis)
        score = core.take_along_axis(logs, index, axis).squeeze(axis)
    if label_smoothing > 0:
        score = (1 - label_smoothing) * score + label_smoothing * core.mean(logs, axis=axis)
    return reduce(weighted(-score, weights), reduction)


@misconception(
    "4.6",
    "You do not subtract the maximum. For logits near 10,000 the difference of two large numbers "
    "keeps only three decimals.",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        index = core.expand_dims(targets, axis)
        score = core.take_along_axis(logits, index, axis).squeeze(axis)
    if label_smoothing > 0:
        score = (1 - label_smoothing) * score + label_smoothing * core.mean(logits, axis=axis)
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.6",
    "You subtract the maximum of the whole table. In a row that lies far below it both terms are "
    "large again, and digits are lost: take the maximum along the axis.",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"Label smoothing must be in [0, 1), but got {label_smoothing}.")
    check_targets(logits, targets, axis)
    logits = logits - core.stop_gradient(core.max(logits))
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        score = core.take_along_axis(logits, core.expand_dims(targets, axis), axis).squeeze(axis)
    if label_smoothing > 0:
        score = (1 - label_smoothing) * score + label_smoothing * core.mean(logits, axis=axis)
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.6",
    "You do not look at `label_smoothing`.",
    read="label-smoothing",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"Label smoothing must be in [0, 1), but got {label_smoothing}.")
    check_targets(logits, targets, axis)
    logits = logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True))
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        score = core.take_along_axis(logits, core.expand_dims(targets, axis), axis).squeeze(axis)
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.6",
    "You spread the smoothing over the wrong classes only. It goes to all classes alike, the right "
    "one too: s / C each.",
    read="label-smoothing",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    logits = logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True))
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        index = core.expand_dims(targets, axis)
        score = core.take_along_axis(logits, index, axis).squeeze(axis)
    if label_smoothing > 0:
        others = (core.sum(logits, axis=axis) - score) / (logits.shape[axis] - 1)
        score = (1 - label_smoothing) * score + label_smoothing * others
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.6",
    "You sum the logits for the smoothing. Each class gets s / C, so it is their mean.",
    read="label-smoothing",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    logits = logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True))
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        index = core.expand_dims(targets, axis)
        score = core.take_along_axis(logits, index, axis).squeeze(axis)
    if label_smoothing > 0:
        score = (1 - label_smoothing) * score + label_smoothing * core.sum(logits, axis=axis)
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.6",
    "You divide by the sum of the weights. Here, as in MLX, the mean divides by the number of "
    "examples.",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    logits = logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True))
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        index = core.expand_dims(targets, axis)
        score = core.take_along_axis(logits, index, axis).squeeze(axis)
    if label_smoothing > 0:
        score = (1 - label_smoothing) * score + label_smoothing * core.mean(logits, axis=axis)
    loss = weighted(core.logsumexp(logits, axis=axis) - score, weights)
    if reduction == "mean" and weights is not None:
        return core.sum(loss) / core.sum(weights)
    return reduce(loss, reduction)


@misconception(
    "4.6",
    "`take` picks the same classes for every example. Each example has a class of its own: "
    "take_along_axis.",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    logits = logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True))
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        score = core.take(logits, targets, axis)
    if label_smoothing > 0:
        score = (1 - label_smoothing) * score + label_smoothing * core.mean(logits, axis=axis)
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.6",
    "You take the last axis for the classes. Which one it is, `axis` says.",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    axis = -1
    logits = logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True))
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        index = core.expand_dims(targets, axis)
        score = core.take_along_axis(logits, index, axis).squeeze(axis)
    if label_smoothing > 0:
        score = (1 - label_smoothing) * score + label_smoothing * core.mean(logits, axis=axis)
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.6",
    "You pick the class by a product with a one-hot table. A logit of minus infinity times 0 is nan: "
    "take_along_axis looks at one number only.",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    logits = logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True))
    if targets.ndim != logits.ndim:
        shape = [1] * logits.ndim
        shape[axis] = -1
        classes = core.arange(logits.shape[axis]).reshape(shape)
        targets = (core.expand_dims(targets, axis) == classes).astype(logits.dtype)
    score = core.sum(logits * targets, axis=axis)
    if label_smoothing > 0:
        score = (1 - label_smoothing) * score + label_smoothing * core.mean(logits, axis=axis)
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.6",
    "You mix in the mean of the logits also where nothing is smoothed. A share of 0 times minus "
    "infinity, the logit of a class that is masked out, is nan.",
    read="label-smoothing",
)
def cross_entropy(logits, targets, weights=None, axis=-1, label_smoothing=0.0, reduction="none"):
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    logits = logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True))
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        index = core.expand_dims(targets, axis)
        score = core.take_along_axis(logits, index, axis).squeeze(axis)
    score = (1 - label_smoothing) * score + label_smoothing * core.mean(logits, axis=axis)
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


# 4.7


@misconception(
    "4.7",
    "You go through the sigmoid. Far from 0 it rounds to 0 or 1, and its logarithm is infinite or "
    "cut off: use log(1 + e^x) - t x.",
)
def binary_cross_entropy(inputs, targets, weights=None, with_logits=True, reduction="mean"):
    if inputs.shape != targets.shape:
        raise ValueError(
            f"Inputs shape {inputs.shape} does not match targets shape {targets.shape}."
        )
    if with_logits:
        inputs = core.sigmoid(inputs)
    log_yes = core.clip(core.log(inputs), -100, None)
    log_no = core.clip(core.log(1 - inputs), -100, None)
    loss = -(targets * log_yes + (1 - targets) * log_no)
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.7",
    "The logarithm of a probability of 0 is minus infinity, and 0 times infinity is nan: limit both "
    "logarithms to -100.",
)
def binary_cross_entropy(inputs, targets, weights=None, with_logits=True, reduction="mean"):
    if inputs.shape != targets.shape:
        raise ValueError(
            f"Inputs shape {inputs.shape} does not match targets shape {targets.shape}."
        )
    if with_logits:
        loss = core.logaddexp(0.0, inputs) - inputs * targets
    else:
        loss = -(targets * core.log(inputs) + (1 - targets) * core.log(1 - inputs))
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.7",
    "You score only the examples whose target is 1. A target of 0 has a probability too: 1 - q.",
)
def binary_cross_entropy(inputs, targets, weights=None, with_logits=True, reduction="mean"):
    if inputs.shape != targets.shape:
        raise ValueError(
            f"Inputs shape {inputs.shape} does not match targets shape {targets.shape}."
        )
    if with_logits:
        loss = targets * core.logaddexp(0.0, -inputs)
    else:
        loss = -targets * core.clip(core.log(inputs), -100, None)
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.7",
    "You add t x. The loss is log(1 + e^x) - t x: a large logit is good where the target is 1.",
)
def binary_cross_entropy(inputs, targets, weights=None, with_logits=True, reduction="mean"):
    if inputs.shape != targets.shape:
        raise ValueError(
            f"Inputs shape {inputs.shape} does not match targets shape {targets.shape}."
        )
    if with_logits:
        loss = core.logaddexp(0.0, inputs) + inputs * targets
    else:
        log_yes = core.clip(core.log(inputs), -100, None)
        log_no = core.clip(core.log(1 - inputs), -100, None)
        loss = -(targets * log_yes + (1 - targets) * log_no)
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.7",
    "You do not compare the shapes: a column of inputs and a row of targets broadcast to a table.",
)
def binary_cross_entropy(inputs, targets, weights=None, with_logits=True, reduction="mean"):
    if with_logits:
        loss = core.logaddexp(0.0, inputs) - inputs * targets
    else:
        log_yes = core.clip(core.log(inputs), -100, None)
        log_no = core.clip(core.log(1 - inputs), -100, None)
        loss = -(targets * log_yes + (1 - targets) * log_no)
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.7",
    "Your values are right, but at a logit of 0 two corners meet, that of max(x, 0) and that of |x|: "
    "the slope there is not 1/2 - t. core.logaddexp knows.",
)
def binary_cross_entropy(inputs, targets, weights=None, with_logits=True, reduction="mean"):
    if inputs.shape != targets.shape:
        raise ValueError(f"Inputs {inputs.shape} do not match targets {targets.shape}.")
    if with_logits:
        corner = core.maximum(inputs, 0) + core.log1p(core.exp(-core.abs(inputs)))
        loss = corner - inputs * targets
    else:
        log_yes = core.clip(core.log(inputs), -100, None)
        log_no = core.clip(core.log(1 - inputs), -100, None)
        loss = -(targets * log_yes + (1 - targets) * log_no)
    return reduce(weighted(loss, weights), reduction)


@misconception(
    "4.7",
    "You keep the probabilities away from 0 and 1. What is limited are the logarithms, to -100: a "
    "wrong certainty costs 100, not 16.",
)
def binary_cross_entropy(inputs, targets, weights=None, with_logits=True, reduction="mean"):
    if inputs.shape != targets.shape:
        raise ValueError(f"Inputs {inputs.shape} do not match targets {targets.shape}.")
    if with_logits:
        loss = core.logaddexp(0.0, inputs) - inputs * targets
    else:
        q = core.clip(inputs, 1e-7, 1 - 1e-7)
        loss = -(targets * core.log(q) + (1 - targets) * core.log(1 - q))
    return reduce(weighted(loss, weights), reduction)


# 4.8


@misconception(
    "4.8", "Your parabola is d^2. With d^2 / 2 its slope at delta is delta, as that of the line."
)
def huber_loss(inputs, targets, delta=1.0, reduction="none"):
    d = core.abs(inputs - targets)
    q = core.minimum(d, delta)
    return reduce(core.square(q) + delta * (d - q), reduction)


@misconception(
    "4.8",
    "Your line is delta d, which lies above the parabola where they meet: subtract delta / 2.",
)
def huber_loss(inputs, targets, delta=1.0, reduction="none"):
    d = core.abs(inputs - targets)
    return reduce(core.where(d <= delta, 0.5 * core.square(d), delta * d), reduction)


@misconception(
    "4.8", "Your line has slope 1. It must go on with the slope that the parabola has there, delta."
)
def huber_loss(inputs, targets, delta=1.0, reduction="none"):
    d = core.abs(inputs - targets)
    q = core.minimum(d, delta)
    return reduce(0.5 * core.square(q) + (d - q), reduction)


@misconception(
    "4.8",
    "This is the smooth L1 loss, which divides the parabola by its width; huber's is delta times "
    "that.",
)
def huber_loss(inputs, targets, delta=1.0, reduction="none"):
    d = core.abs(inputs - targets)
    q = core.minimum(d, delta)
    return reduce(0.5 * core.square(q) / delta + (d - q), reduction)


@misconception(
    "4.8",
    "You take the distance as the root of a square. Where a prediction is exact its slope is 0 times "
    "infinity, nan: core.abs.",
)
def huber_loss(inputs, targets, delta=1.0, reduction="none"):
    d = core.sqrt(core.square(inputs - targets))
    q = core.minimum(d, delta)
    return reduce(0.5 * core.square(q) + delta * (d - q), reduction)


# 4.9


@misconception("4.9", "The loss is a mean, so every slope has a factor 1/N: you leave it out.")
def loss_and_gradients(parameters, x, targets):
    if targets.shape != x.shape[:1]:
        raise ValueError(f"loss_and_gradients: targets {targets.shape}, x {x.shape}")
    hidden, logits = forward(parameters, x)
    loss = mx.mean(mx.logaddexp(0, logits) - targets * logits)
    to_logits = mx.sigmoid(logits) - targets
    to_sums = to_logits[:, None] * parameters.weight2 * (1 - hidden * hidden)
    return loss, Parameters(
        to_sums.T @ x, to_sums.sum(axis=0), hidden.T @ to_logits, to_logits.sum()
    )


@misconception(
    "4.9",
    "You walk past the tanh: what arrives at a hidden value must be multiplied by its slope there.",
)
def loss_and_gradients(parameters, x, targets):
    if targets.shape != x.shape[:1]:
        raise ValueError(f"loss_and_gradients: targets {targets.shape}, x {x.shape}")
    hidden, logits = forward(parameters, x)
    loss = mx.mean(mx.logaddexp(0, logits) - targets * logits)
    to_logits = (mx.sigmoid(logits) - targets) / len(x)
    to_sums = to_logits[:, None] * parameters.weight2
    return loss, Parameters(
        to_sums.T @ x, to_sums.sum(axis=0), hidden.T @ to_logits, to_logits.sum()
    )


@misconception(
    "4.9",
    "The slope of tanh is 1 - h^2, where h is the hidden value itself: you take the tanh a second "
    "time.",
)
def loss_and_gradients(parameters, x, targets):
    if targets.shape != x.shape[:1]:
        raise ValueError(f"loss_and_gradients: targets {targets.shape}, x {x.shape}")
    hidden, logits = forward(parameters, x)
    loss = mx.mean(mx.logaddexp(0, logits) - targets * logits)
    to_logits = (mx.sigmoid(logits) - targets) / len(x)
    to_sums = to_logits[:, None] * parameters.weight2 * (1 - mx.tanh(hidden) ** 2)
    return loss, Parameters(
        to_sums.T @ x, to_sums.sum(axis=0), hidden.T @ to_logits, to_logits.sum()
    )


@misconception(
    "4.9",
    "You multiply by the slope of the sigmoid again. In sigma(z) - t it has been cancelled already.",
)
def loss_and_gradients(parameters, x, targets):
    if targets.shape != x.shape[:1]:
        raise ValueError(f"loss_and_gradients: targets {targets.shape}, x {x.shape}")
    hidden, logits = forward(parameters, x)
    loss = mx.mean(mx.logaddexp(0, logits) - targets * logits)
    q = mx.sigmoid(logits)
    to_logits = (q - targets) * q * (1 - q) / len(x)
    to_sums = to_logits[:, None] * parameters.weight2 * (1 - hidden * hidden)
    return loss, Parameters(
        to_sums.T @ x, to_sums.sum(axis=0), hidden.T @ to_logits, to_logits.sum()
    )


@misconception(
    "4.9",
    "The biases' slopes are sums over the examples. 1/N is in the slope of the logits already: a "
    "mean divides twice.",
)
def loss_and_gradients(parameters, x, targets):
    if targets.shape != x.shape[:1]:
        raise ValueError(f"loss_and_gradients: targets {targets.shape}, x {x.shape}")
    hidden, logits = forward(parameters, x)
    loss = mx.mean(mx.logaddexp(0, logits) - targets * logits)
    to_logits = (mx.sigmoid(logits) - targets) / len(x)
    to_sums = to_logits[:, None] * parameters.weight2 * (1 - hidden * hidden)
    return loss, Parameters(
        to_sums.T @ x, to_sums.mean(axis=0), hidden.T @ to_logits, to_logits.mean()
    )


@misconception(
    "4.9", "Computed as log(1 + exp(z)) the loss is infinite for large z: use logaddexp."
)
def loss_and_gradients(parameters, x, targets):
    if targets.shape != x.shape[:1]:
        raise ValueError(f"loss_and_gradients: targets {targets.shape}, x {x.shape}")
    hidden, logits = forward(parameters, x)
    loss = mx.mean(mx.log(1 + mx.exp(logits)) - targets * logits)
    to_logits = (mx.sigmoid(logits) - targets) / len(x)
    to_sums = to_logits[:, None] * parameters.weight2 * (1 - hidden * hidden)
    return loss, Parameters(
        to_sums.T @ x, to_sums.sum(axis=0), hidden.T @ to_logits, to_logits.sum()
    )


@misconception(
    "4.9",
    "You do not look at the shape of the targets: a column broadcasts against the row of logits.",
)
def loss_and_gradients(parameters, x, targets):
    hidden, logits = forward(parameters, x)
    loss = mx.mean(mx.logaddexp(0, logits) - targets * logits)
    to_logits = (mx.sigmoid(logits) - targets) / len(x)
    to_sums = to_logits[:, None] * parameters.weight2 * (1 - hidden * hidden)
    return loss, Parameters(
        to_sums.T @ x, to_sums.sum(axis=0), hidden.T @ to_logits, to_logits.sum()
    )


# 4.10


@misconception(
    "4.10",
    "You multiply the gradient by the learning rate before the momentum. Here the velocity is a sum "
    "of gradients, and the learning rate comes last.",
)
def apply_single(self, gradient, parameter, state):
    if self.weight_decay != 0:
        gradient = gradient + self.weight_decay * parameter
    lr = self.learning_rate.astype(gradient.dtype)
    step = lr * gradient
    if self.momentum > 0:
        new = (1 - self.dampening) * step if self.dampening > 0 else step
        state["v"] = moved = self.momentum * state["v"] + new
        step = step + self.momentum * moved if self.nesterov else moved
    return parameter - step


@misconception(
    "4.10", "You never put the new velocity into the state, so every step starts at rest."
)
def apply_single(self, gradient, parameter, state):
    if self.weight_decay != 0:
        gradient = gradient + self.weight_decay * parameter
    step = gradient
    if self.momentum > 0:
        step = self.momentum * state["v"] + (1 - self.dampening) * gradient
        if self.nesterov:
            step = gradient + self.momentum * step
    return parameter - self.learning_rate.astype(gradient.dtype) * step


@misconception(
    "4.10",
    "You average: 1 - momentum before the gradient. Here the velocity is a sum; only dampening "
    "weakens new gradients.",
)
def apply_single(self, gradient, parameter, state):
    if self.weight_decay != 0:
        gradient = gradient + self.weight_decay * parameter
    step = gradient
    if self.momentum > 0:
        state["v"] = step = self.momentum * state["v"] + (1 - self.momentum) * gradient
        if self.nesterov:
            step = gradient + self.momentum * step
    return parameter - self.learning_rate.astype(gradient.dtype) * step


@misconception(
    "4.10",
    "You shrink the weights beside the step. In SGD the decay is part of the gradient, and so of the "
    "velocity.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    step = gradient
    if self.momentum > 0:
        state["v"] = step = self.momentum * state["v"] + (1 - self.dampening) * gradient
        if self.nesterov:
            step = gradient + self.momentum * step
    return parameter * (1 - lr * self.weight_decay) - lr * step


@misconception(
    "4.10",
    "Nesterov's step is the gradient and one more momentum of the new velocity; you use the old one.",
    read="looking-ahead",
)
def apply_single(self, gradient, parameter, state):
    if self.weight_decay != 0:
        gradient = gradient + self.weight_decay * parameter
    step = gradient
    if self.momentum > 0:
        before = state["v"]
        state["v"] = step = self.momentum * before + (1 - self.dampening) * gradient
        if self.nesterov:
            step = gradient + self.momentum * before
    return parameter - self.learning_rate.astype(gradient.dtype) * step


@misconception(
    "4.10",
    "Your learning rate is float32, and so is the result: multiply it in the dtype of the gradient.",
)
def apply_single(self, gradient, parameter, state):
    if self.weight_decay != 0:
        gradient = gradient + self.weight_decay * parameter
    step = gradient
    if self.momentum > 0:
        state["v"] = step = self.momentum * state["v"] + (1 - self.dampening) * gradient
        if self.nesterov:
            step = gradient + self.momentum * step
    return parameter - self.learning_rate * step


@misconception(
    "4.10",
    "You keep the velocity also where no momentum is asked for, and multiply it by 0: what stood "
    "there, a nan perhaps, is read, and the state is overwritten.",
)
def apply_single(self, gradient, parameter, state):
    if self.weight_decay != 0:
        gradient = gradient + self.weight_decay * parameter
    state["v"] = step = self.momentum * state["v"] + (1 - self.dampening) * gradient
    if self.nesterov:
        step = gradient + self.momentum * step
    return parameter - self.learning_rate.astype(gradient.dtype) * step


# 4.11


@misconception(
    "4.11",
    "You exchange the shares: alpha is that of the past, 1 - alpha that of the new square.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    v = (1 - self.alpha) * state["v"] + self.alpha * core.square(gradient)
    state["v"] = v
    return parameter - lr * gradient / (core.sqrt(v) + self.eps)


@misconception(
    "4.11", "You divide by the mean square itself. Its root has the unit of the gradient."
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    v = self.alpha * state["v"] + (1 - self.alpha) * core.square(gradient)
    state["v"] = v
    return parameter - lr * gradient / (v + self.eps)


@misconception("4.11", "You add eps inside the root. It stands beside it: sqrt(v) + eps.")
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    v = self.alpha * state["v"] + (1 - self.alpha) * core.square(gradient)
    state["v"] = v
    return parameter - lr * gradient / core.sqrt(v + self.eps)


@misconception(
    "4.11",
    "You divide by the mean square before this gradient: the new one, which is limited by it, counts.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    before = state["v"]
    state["v"] = self.alpha * before + (1 - self.alpha) * core.square(gradient)
    return parameter - lr * gradient / (core.sqrt(before) + self.eps)


@misconception(
    "4.11", "You add up the squares, which is Adagrad: a running mean forgets, a sum only grows."
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    state["v"] = v = state["v"] + core.square(gradient)
    return parameter - lr * gradient / (core.sqrt(v) + self.eps)


@misconception(
    "4.11",
    "You leave out eps. Where no gradient has been, 0 is divided by 0.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    v = self.alpha * state["v"] + (1 - self.alpha) * core.square(gradient)
    state["v"] = v
    return parameter - lr * gradient * core.rsqrt(v)


# 4.12


@misconception(
    "4.12",
    "Your count is one ahead: `self.step` is 1 in the first step already.",
    read="correcting-the-start",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    if not self.bias_correction:
        return parameter - lr * m / (core.sqrt(v) + self.eps)
    c1 = (lr / (1 - b1 ** (self.step + 1))).astype(gradient.dtype)
    c2 = core.rsqrt(1 - b2 ** (self.step + 1)).astype(gradient.dtype)
    return parameter - c1 * m / (core.sqrt(v) * c2 + self.eps)


@misconception(
    "4.12",
    "You put the corrected means into the state: the next step would correct them a second time.",
    read="correcting-the-start",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    if self.bias_correction:
        m = (m / (1 - b1**self.step)).astype(gradient.dtype)
        v = (v / (1 - b2**self.step)).astype(gradient.dtype)
    state["m"], state["v"] = m, v
    return parameter - lr * m / (core.sqrt(v) + self.eps)


@misconception(
    "4.12",
    "You correct although nobody asked: with bias_correction=False the means are used as they are.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    step = core.maximum(self.step, 1)
    c1 = (lr / (1 - b1**step)).astype(gradient.dtype)
    c2 = core.rsqrt(1 - b2**step).astype(gradient.dtype)
    return parameter - c1 * m / (core.sqrt(v) * c2 + self.eps)


@misconception(
    "4.12",
    "You correct the mean of the gradients, but not that of the squares.",
    read="correcting-the-start",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    if self.bias_correction:
        lr = (lr / (1 - b1**self.step)).astype(gradient.dtype)
    return parameter - lr * m / (core.sqrt(v) + self.eps)


@misconception(
    "4.12",
    "eps is corrected along with the root. It is added last: sqrt(v) / sqrt(1 - beta2^t) + eps.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    if not self.bias_correction:
        return parameter - lr * m / (core.sqrt(v) + self.eps)
    c1 = (lr / (1 - b1**self.step)).astype(gradient.dtype)
    c2 = core.rsqrt(1 - b2**self.step).astype(gradient.dtype)
    return parameter - c1 * m / ((core.sqrt(v) + self.eps) * c2)


@misconception("4.12", "You add eps inside the root. It stands beside it: sqrt(v) + eps.")
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    if not self.bias_correction:
        return parameter - lr * m / core.sqrt(v + self.eps)
    c1 = (lr / (1 - b1**self.step)).astype(gradient.dtype)
    c2 = (1 / (1 - b2**self.step)).astype(gradient.dtype)
    return parameter - c1 * m / core.sqrt(v * c2 + self.eps)


@misconception(
    "4.12",
    "You take beta1 for the squares and beta2 for the gradients: the squares are remembered longer.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b2, b1 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    if not self.bias_correction:
        return parameter - lr * m / (core.sqrt(v) + self.eps)
    c1 = (lr / (1 - b1**self.step)).astype(gradient.dtype)
    c2 = core.rsqrt(1 - b2**self.step).astype(gradient.dtype)
    return parameter - c1 * m / (core.sqrt(v) * c2 + self.eps)


@misconception(
    "4.12",
    "You ask for the number of the step with item(). In a compiled step it is not yet a number: "
    "compute with the array.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    if not self.bias_correction:
        return parameter - lr * m / (core.sqrt(v) + self.eps)
    t = self.step.item()
    return parameter - lr * (m / (1 - b1**t)) / (core.sqrt(v / (1 - b2**t)) + self.eps)


@misconception(
    "4.12",
    "You count the calls yourself. This function is called once for each parameter: with two of them "
    "your count runs twice as fast. self.step counts the steps.",
    read="correcting-the-start",
)
def apply_single(self, gradient, parameter, state):
    self.count = getattr(self, "count", 0) + 1
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    if not self.bias_correction:
        return parameter - lr * m / (core.sqrt(v) + self.eps)
    m, v = m / (1 - b1**self.count), v / (1 - b2**self.count)
    return parameter - lr * m / (core.sqrt(v) + self.eps)


@misconception(
    "4.12",
    "You compute the corrections in the dtype of the gradient. In half precision 1 - 0.999 has hardly "
    "a digit left: float32 first, then the dtype of the gradient.",
    read="correcting-the-start",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    if not self.bias_correction:
        return parameter - lr * m / (core.sqrt(v) + self.eps)
    step = self.step.astype(gradient.dtype)
    c1 = lr / (1 - b1**step)
    c2 = core.rsqrt(1 - b2**step)
    return parameter - c1 * m / (core.sqrt(v) * c2 + self.eps)


@misconception(
    "4.12",
    "You leave out eps. Where no gradient has been, 0 is divided by 0.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    b1, b2 = self.betas
    m = b1 * state["m"] + (1 - b1) * gradient
    v = b2 * state["v"] + (1 - b2) * core.square(gradient)
    state["m"], state["v"] = m, v
    c1, c2 = lr, core.array(1.0, gradient.dtype)
    if self.bias_correction:
        c1 = (lr / (1 - b1**self.step)).astype(gradient.dtype)
        c2 = core.rsqrt(1 - b2**self.step).astype(gradient.dtype)
    return parameter - c1 * m / (core.sqrt(v) * c2)


# 4.13


@misconception(
    "4.13",
    "You add the decay to the gradient, where the root of the squares divides it again: that is Adam "
    "with a penalty, not AdamW.",
)
def apply_single(self, gradient, parameter, state):
    return super().apply_single(gradient + self.weight_decay * parameter, parameter, state)


@misconception(
    "4.13",
    "You shrink by 1 - weight_decay. The learning rate belongs to it: 1 - lr * weight_decay.",
)
def apply_single(self, gradient, parameter, state):
    return super().apply_single(gradient, parameter * (1 - self.weight_decay), state)


@misconception(
    "4.13",
    "You shrink what Adam returns, and so its step too. The weights shrink first, then Adam steps.",
)
def apply_single(self, gradient, parameter, state):
    lr = self.learning_rate.astype(gradient.dtype)
    return super().apply_single(gradient, parameter, state) * (1 - lr * self.weight_decay)


@misconception("4.13", "You only call Adam: the decay is missing.")
def apply_single(self, gradient, parameter, state):
    return super().apply_single(gradient, parameter, state)


@misconception(
    "4.13",
    "Your learning rate is float32, and so is the result: multiply it in the dtype of the gradient.",
)
def apply_single(self, gradient, parameter, state):
    factor = 1 - self.learning_rate * self.weight_decay
    return super().apply_single(gradient, parameter * factor, state)


# 4.14


@misconception(
    "4.14",
    "You exchange rows and columns: the mean of a row runs over the last axis, and stands in the "
    "entry for rows.",
)
def scaled(self, gradient, beta_2, state):
    square = core.square(gradient) + self.eps[0]
    if gradient.ndim < 2:
        v = beta_2 * state["exp_avg_sq"] + (1 - beta_2) * square
        state["exp_avg_sq"] = v
        return core.rsqrt(v) * gradient
    r = beta_2 * state["exp_avg_sq_row"] + (1 - beta_2) * core.mean(square, axis=-2)
    c = beta_2 * state["exp_avg_sq_col"] + (1 - beta_2) * core.mean(square, axis=-1)
    state["exp_avg_sq_row"], state["exp_avg_sq_col"] = r, c
    by_row = core.rsqrt(r / core.mean(r, axis=-1, keepdims=True))
    return by_row[..., :, None] * core.rsqrt(c)[..., None, :] * gradient


@misconception(
    "4.14",
    "You multiply the means of rows and columns as they are. Both hold the overall size, so it "
    "counts twice: divide by the mean of r.",
)
def scaled(self, gradient, beta_2, state):
    square = core.square(gradient) + self.eps[0]
    if gradient.ndim < 2:
        v = beta_2 * state["exp_avg_sq"] + (1 - beta_2) * square
        state["exp_avg_sq"] = v
        return core.rsqrt(v) * gradient
    r = beta_2 * state["exp_avg_sq_row"] + (1 - beta_2) * core.mean(square, axis=-1)
    c = beta_2 * state["exp_avg_sq_col"] + (1 - beta_2) * core.mean(square, axis=-2)
    state["exp_avg_sq_row"], state["exp_avg_sq_col"] = r, c
    return core.rsqrt(r)[..., :, None] * core.rsqrt(c)[..., None, :] * gradient


@misconception(
    "4.14",
    "You divide by the mean of r over the whole stack. Each matrix has a mean of its own: over the "
    "last axis of r.",
)
def scaled(self, gradient, beta_2, state):
    square = core.square(gradient) + self.eps[0]
    if gradient.ndim < 2:
        v = beta_2 * state["exp_avg_sq"] + (1 - beta_2) * square
        state["exp_avg_sq"] = v
        return core.rsqrt(v) * gradient
    r = beta_2 * state["exp_avg_sq_row"] + (1 - beta_2) * core.mean(square, axis=-1)
    c = beta_2 * state["exp_avg_sq_col"] + (1 - beta_2) * core.mean(square, axis=-2)
    state["exp_avg_sq_row"], state["exp_avg_sq_col"] = r, c
    by_row = core.rsqrt(r / core.mean(r))
    return by_row[..., :, None] * core.rsqrt(c)[..., None, :] * gradient


@misconception(
    "4.14",
    "You divide by the estimate itself. What has the unit of the gradient is its root: rsqrt.",
)
def scaled(self, gradient, beta_2, state):
    square = core.square(gradient) + self.eps[0]
    if gradient.ndim < 2:
        v = beta_2 * state["exp_avg_sq"] + (1 - beta_2) * square
        state["exp_avg_sq"] = v
        return gradient / v
    r = beta_2 * state["exp_avg_sq_row"] + (1 - beta_2) * core.mean(square, axis=-1)
    c = beta_2 * state["exp_avg_sq_col"] + (1 - beta_2) * core.mean(square, axis=-2)
    state["exp_avg_sq_row"], state["exp_avg_sq_col"] = r, c
    v = r[..., :, None] * c[..., None, :] / core.mean(r, axis=-1, keepdims=True)[..., None]
    return gradient / v


@misconception(
    "4.14", "You leave out eps: the square of the gradient gets it before any mean is taken."
)
def scaled(self, gradient, beta_2, state):
    square = core.square(gradient)
    if gradient.ndim < 2:
        v = beta_2 * state["exp_avg_sq"] + (1 - beta_2) * square
        state["exp_avg_sq"] = v
        return core.rsqrt(v) * gradient
    r = beta_2 * state["exp_avg_sq_row"] + (1 - beta_2) * core.mean(square, axis=-1)
    c = beta_2 * state["exp_avg_sq_col"] + (1 - beta_2) * core.mean(square, axis=-2)
    state["exp_avg_sq_row"], state["exp_avg_sq_col"] = r, c
    by_row = core.rsqrt(r / core.mean(r, axis=-1, keepdims=True))
    return by_row[..., :, None] * core.rsqrt(c)[..., None, :] * gradient


@misconception(
    "4.14",
    "You multiply the means first. For small gradients the product of two mean squares is below the "
    "smallest float32, and its inverse root infinite: take the roots first.",
)
def scaled(self, gradient, beta_2, state):
    square = core.square(gradient) + self.eps[0]
    if gradient.ndim < 2:
        v = beta_2 * state["exp_avg_sq"] + (1 - beta_2) * square
        state["exp_avg_sq"] = v
        return core.rsqrt(v) * gradient
    r = beta_2 * state["exp_avg_sq_row"] + (1 - beta_2) * core.mean(square, axis=-1)
    c = beta_2 * state["exp_avg_sq_col"] + (1 - beta_2) * core.mean(square, axis=-2)
    state["exp_avg_sq_row"], state["exp_avg_sq_col"] = r, c
    v = r[..., :, None] * c[..., None, :] / core.mean(r, axis=-1, keepdims=True)[..., None]
    return core.rsqrt(v) * gradient


# 4.15


@misconception(
    "4.15",
    "You do not divide by the norm first. A singular value above about 1.3 is driven away, to "
    "infinity.",
)
def orthogonalized(x, steps):
    assert x.ndim == 2, f"Expected a 2D array for Newton-Schulz iteration, got shape {x.shape}"
    a, b, c = 3.4445, -4.7750, 2.0315
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


@misconception(
    "4.15",
    "You divide by the largest element. A singular value may be larger than every element: take the "
    "norm.",
)
def orthogonalized(x, steps):
    assert x.ndim == 2, f"Expected a 2D array for Newton-Schulz iteration, got shape {x.shape}"
    a, b, c = 3.4445, -4.7750, 2.0315
    x = x / (core.max(core.abs(x)) + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


@misconception(
    "4.15",
    "You compute the square once. It changes with X: every step needs the square of its own X.",
)
def orthogonalized(x, steps):
    assert x.ndim == 2, f"Expected a 2D array for Newton-Schulz iteration, got shape {x.shape}"
    a, b, c = 3.4445, -4.7750, 2.0315
    x = x / (core.linalg.norm(x, keepdims=True) + 1e-7)
    square = x @ x.T
    for _ in range(steps):
        x = a * x + (b * square + c * square @ square) @ x
    return x


@misconception("4.15", "You transpose a tall matrix, and do not transpose the result back.")
def orthogonalized(x, steps):
    assert x.ndim == 2, f"Expected a 2D array for Newton-Schulz iteration, got shape {x.shape}"
    a, b, c = 3.4445, -4.7750, 2.0315
    x = x.T if x.shape[0] > x.shape[1] else x
    x = x / (core.linalg.norm(x, keepdims=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


@misconception(
    "4.15", "You exchange b and c: the cube has the factor -4.7750, the fifth power 2.0315."
)
def orthogonalized(x, steps):
    assert x.ndim == 2, f"Expected a 2D array for Newton-Schulz iteration, got shape {x.shape}"
    a, b, c = 3.4445, 2.0315, -4.7750
    x = x / (core.linalg.norm(x, keepdims=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


@misconception(
    "4.15",
    "You never transpose. The singular values are right, but for a tall matrix X X^T has the square "
    "of its longer side: 600 rows of 4 numbers make 360,000.",
)
def orthogonalized(x, steps):
    assert x.ndim == 2, f"Expected a 2D array for Newton-Schulz iteration, got shape {x.shape}"
    a, b, c = 3.4445, -4.7750, 2.0315
    x = x / (core.linalg.norm(x, keepdims=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


@misconception(
    "4.15",
    "You take Newton's cubic, which never overshoots. A small singular value grows by 1.5 in a step "
    "only: five steps are not enough.",
)
def orthogonalized(x, steps):
    assert x.ndim == 2, f"Expected a 2D array for Newton-Schulz iteration, got shape {x.shape}"
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (core.linalg.norm(x, keepdims=True) + 1e-7)
    for _ in range(steps):
        x = 1.5 * x - 0.5 * (x @ x.T) @ x
    return x.T if tall else x


@misconception(
    "4.15",
    "You treat each number by itself, as Adam does: signs have neither these singular vectors nor "
    "singular values near 1.",
)
def orthogonalized(x, steps):
    assert x.ndim == 2, f"Expected a 2D array for Newton-Schulz iteration, got shape {x.shape}"
    return core.sign(x) / max(x.shape) ** 0.5


# 4.16


@misconception(
    "4.16",
    "You clip each array by its own norm, which turns the gradient. There is one norm and one factor "
    "for all.",
)
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm should be >=0, {max_norm} was provided instead")
    norm = core.sqrt(sum((sum_of_squares(g) for g in leaves(grads)), 0.0))

    def scaled(g):
        own = core.sqrt(sum_of_squares(g))
        return (g * core.minimum(max_norm / (own + 1e-6), 1.0)).astype(g.dtype)

    return rebuild(scaled, grads), norm


@misconception(
    "4.16",
    "You add up the norms. The norm of all numbers together is the root of the sum of all squares.",
)
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm should be >=0, {max_norm} was provided instead")
    norm = sum((core.sqrt(sum_of_squares(g)) for g in leaves(grads)), core.array(0.0))
    factor = core.minimum(max_norm / (norm + 1e-6), 1.0)
    return rebuild(lambda g: (g * factor).astype(g.dtype), grads), norm


@misconception(
    "4.16",
    "You also stretch gradients that are shorter than max_norm: the factor must not exceed 1.",
)
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm should be >=0, {max_norm} was provided instead")
    norm = core.sqrt(sum((sum_of_squares(g) for g in leaves(grads)), 0.0))
    factor = max_norm / (norm + 1e-6)
    return rebuild(lambda g: (g * factor).astype(g.dtype), grads), norm


@misconception(
    "4.16",
    "You limit each number by itself, which turns the gradient into another direction.",
)
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm should be >=0, {max_norm} was provided instead")
    norm = core.sqrt(sum((sum_of_squares(g) for g in leaves(grads)), 0.0))
    return rebuild(lambda g: core.clip(g, -max_norm, max_norm), grads), norm


@misconception(
    "4.16",
    "You ask by `if` whether the norm is too large. In a compiled step it is not yet a number: take "
    "the minimum of the factor and 1.",
)
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm should be >=0, {max_norm} was provided instead")
    norm = core.sqrt(sum((sum_of_squares(g) for g in leaves(grads)), 0.0))
    if norm <= max_norm:
        return grads, norm
    factor = max_norm / (norm + 1e-6)
    return rebuild(lambda g: (g * factor).astype(g.dtype), grads), norm


@misconception("4.16", "You return the norm after clipping; what is asked for is the one before.")
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm should be >=0, {max_norm} was provided instead")
    norm = core.sqrt(sum((sum_of_squares(g) for g in leaves(grads)), 0.0))
    factor = core.minimum(max_norm / (norm + 1e-6), 1.0)
    return rebuild(lambda g: (g * factor).astype(g.dtype), grads), norm * factor


@misconception(
    "4.16",
    "You leave out 1e-6. Where the norm is as small, the factor is another one, and of zeros with a "
    "limit of 0 it is nan.",
)
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm should be >=0, {max_norm} was provided instead")
    norm = core.sqrt(sum((sum_of_squares(g) for g in leaves(grads)), 0.0))
    factor = core.minimum(max_norm / norm, 1.0)
    return rebuild(lambda g: (g * factor).astype(g.dtype), grads), norm


@misconception(
    "4.16",
    "You cast every product back. Integers times a factor below 1 are no integers, and become 0.",
)
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError(f"max_norm should be >=0, {max_norm} was provided instead")
    norm = core.sqrt(sum((sum_of_squares(g) for g in leaves(grads)), 0.0))
    factor = core.minimum(max_norm / (norm + 1e-6), 1.0)
    return rebuild(lambda g: (g * factor).astype(g.dtype), grads), norm


# 4.17


@misconception(
    "4.17", "After decay_steps the cosine would rise again: limit the step by decay_steps."
)
def cosine_decay(init, decay_steps, end=0.0):
    if decay_steps < 1:
        raise ValueError(f"decay_steps must be greater than 0, but got {decay_steps}.")

    def schedule(step):
        decay = 0.5 * (1.0 + core.cos((math.pi / decay_steps) * step))
        return end + decay * (init - end)

    return schedule


@misconception(
    "4.17", "You go through a whole period of the cosine, down and up again: half of one is pi."
)
def cosine_decay(init, decay_steps, end=0.0):
    if decay_steps < 1:
        raise ValueError(f"decay_steps must be greater than 0, but got {decay_steps}.")

    def schedule(step):
        s = core.minimum(step, decay_steps)
        decay = 0.5 * (1.0 + core.cos((2 * math.pi / decay_steps) * s))
        return end + decay * (init - end)

    return schedule


@misconception(
    "4.17", "Your curve starts at init + end: what decays is the distance between them, init - end."
)
def cosine_decay(init, decay_steps, end=0.0):
    if decay_steps < 1:
        raise ValueError(f"decay_steps must be greater than 0, but got {decay_steps}.")

    def schedule(step):
        s = core.minimum(step, decay_steps)
        return end + 0.5 * (1.0 + core.cos((math.pi / decay_steps) * s)) * init

    return schedule


@misconception("4.17", "Each schedule counts from its own beginning: subtract the boundary.")
def join_schedules(schedules, boundaries):
    if len(schedules) == 0:
        raise ValueError("Must provide at least 1 schedule to join.")
    if len(schedules) != len(boundaries) + 1:
        raise ValueError(f"Received {len(boundaries)} boundaries but expected another number.")

    def schedule(step):
        value = schedules[0](step)
        for boundary, following in zip(boundaries, schedules[1:]):
            value = core.where(step < boundary, value, following(step))
        return value

    return schedule


@misconception(
    "4.17", "The boundary belongs to the schedule that begins there: `step < boundary`, not `<=`."
)
def join_schedules(schedules, boundaries):
    if len(schedules) == 0:
        raise ValueError("Must provide at least 1 schedule to join.")
    if len(schedules) != len(boundaries) + 1:
        raise ValueError(f"Received {len(boundaries)} boundaries but expected another number.")

    def schedule(step):
        value = schedules[0](step)
        for boundary, following in zip(boundaries, schedules[1:]):
            value = core.where(step <= boundary, value, following(step - boundary))
        return value

    return schedule


@misconception(
    "4.17",
    "You choose by `if`. In a compiled step the step is not yet a number: compute all, and choose by "
    "where.",
)
def join_schedules(schedules, boundaries):
    if len(schedules) == 0:
        raise ValueError("Must provide at least 1 schedule to join.")
    if len(schedules) != len(boundaries) + 1:
        raise ValueError(f"Received {len(boundaries)} boundaries but expected another number.")

    def schedule(step):
        start, current = 0, schedules[0]
        for boundary, following in zip(boundaries, schedules[1:]):
            if step >= boundary:
                start, current = boundary, following
        return current(step - start)

    return schedule


@misconception(
    "4.17", "You read the boundaries as lengths. They are counted from the first step of all."
)
def join_schedules(schedules, boundaries):
    if len(schedules) == 0:
        raise ValueError("Must provide at least 1 schedule to join.")
    if len(schedules) != len(boundaries) + 1:
        raise ValueError(f"Received {len(boundaries)} boundaries but expected another number.")

    def schedule(step):
        value, start = schedules[0](step), 0
        for length, following in zip(boundaries, schedules[1:]):
            start += length
            value = core.where(step < start, value, following(step - start))
        return value

    return schedule


@misconception(
    "4.17",
    "You look at decay_steps when the schedule is called. The mistake is made where it is built, and "
    "that is where the error belongs, not hours later.",
)
def cosine_decay(init, decay_steps, end=0.0):
    def schedule(step):
        if decay_steps < 1:
            raise ValueError(f"decay_steps must be greater than 0, but got {decay_steps}.")
        s = core.minimum(step, decay_steps)
        return end + 0.5 * (1.0 + core.cos((math.pi / decay_steps) * s)) * (init - end)

    return schedule


@misconception(
    "4.17",
    "You look at the boundaries when the schedule is called. The mistake is made where it is built, "
    "and that is where the error belongs, not hours later.",
)
def join_schedules(schedules, boundaries):
    def schedule(step):
        if len(schedules) != len(boundaries) + 1:
            raise ValueError(f"Received {len(boundaries)} boundaries but expected another number.")
        value = schedules[0](step)
        for boundary, following in zip(boundaries, schedules[1:]):
            value = core.where(step < boundary, value, following(step - boundary))
        return value

    return schedule
