"""What the graders of chapter 4 run of the student's code.

Inputs arrive as arrays of ``tinymlx.core``. An optimizer is driven parameter by parameter, through
``init_single`` and ``apply_single``: the walk over a tree of parameters belongs to chapter 5.
"""

import contextlib

import mlx.core as mx

from course.grading import meter
from tinymlx import core, nn, optimizers
from tinymlx.basics import two_layers
from tinymlx.core import array as to_array
from tinymlx.core.arrays import bare
from tinymlx.optimizers.muon import orthogonalized as newton_schulz

__all__ = ["to_array"]


def differentiated(function, primals, cotangent, names):
    """What ``function`` returns, and under a cotangent the gradient by each named argument.

    It is called by itself first: where nothing watches, an operator in place changes the inputs,
    and the harness looks.
    """
    with on_cpu(primals[0].dtype == core.float64):
        function(*primals)
        (y,), gradients = core.vjp(function, list(primals), [cotangent])
    return y, {f"d{name}": g for name, g in zip(names, gradients, strict=True)}


def on_cpu(wanted=True):
    """float64 lives on the CPU, also where the default device is a GPU."""
    return mx.stream(mx.cpu) if wanted else contextlib.nullcontext()


# 4.1 and 4.9: two layers, on bare arrays


def parameters_of(weight1, bias1, weight2, bias2):
    return two_layers.Parameters(*(bare(p) for p in (weight1, bias1, weight2, bias2)))


def forward(weight1, bias1, weight2, bias2, x):
    hidden, logits = two_layers.forward(parameters_of(weight1, bias1, weight2, bias2), bare(x))
    return {"hidden": hidden, "logits": logits}


def loss_and_gradients(weight1, bias1, weight2, bias2, x, targets):
    loss, gradients = two_layers.loss_and_gradients(
        parameters_of(weight1, bias1, weight2, bias2), bare(x), bare(targets)
    )
    return {"loss": loss} | gradients._asdict()


# 4.2 to 4.5: activations


def activation(function, x, cotangent):
    y, gradients = differentiated(function, [x], cotangent, ["x"])
    return {"y": y} | gradients


def leaky_relu(x, cotangent, **options):
    return activation(lambda x: nn.leaky_relu(x, **options), x, cotangent)


def softplus(x, cotangent):
    return activation(nn.softplus, x, cotangent)


def gelu(x, cotangent):
    return activation(nn.gelu, x, cotangent)


def gelu_approx(x, cotangent):
    return activation(nn.gelu_approx, x, cotangent)


def softmax(x, cotangent, **options):
    return activation(lambda x: nn.softmax(x, **axes(options)), x, cotangent)


def log_softmax(x, cotangent, **options):
    return activation(lambda x: nn.log_softmax(x, **axes(options)), x, cotangent)


def axes(options):
    return {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}


# 4.6 to 4.8: losses


def weighed(function, primals, names, weights, cotangent):
    """A loss and its gradients by what is named, and by the weights, if there are any."""
    if weights is None:
        value, gradients = differentiated(function, primals, cotangent, names)
    else:
        value, gradients = differentiated(
            function, [*primals, weights], cotangent, [*names, "weights"]
        )
    return {"loss": value} | gradients


def cross_entropy(logits, targets, cotangent, weights=None, **options):
    def loss(logits, weights=None):
        return nn.losses.cross_entropy(logits, targets, weights, **options)

    return weighed(loss, [logits], ["logits"], weights, cotangent)


def binary_cross_entropy(inputs, targets, cotangent, weights=None, **options):
    def loss(inputs, targets, weights=None):
        return nn.losses.binary_cross_entropy(inputs, targets, weights, **options)

    return weighed(loss, [inputs, targets], ["inputs", "targets"], weights, cotangent)


def certain(probabilities, targets):
    loss = nn.losses.binary_cross_entropy(
        probabilities, targets, with_logits=False, reduction="none"
    )
    return {"loss": loss}


def huber_loss(inputs, targets, cotangent, **options):
    def loss(inputs, targets):
        return nn.losses.huber_loss(inputs, targets, **options)

    return weighed(loss, [inputs, targets], ["inputs", "targets"], None, cotangent)


# 4.10 to 4.14: optimizers


def stepped(name, options, w, gradients, state, step=0):
    """The parameters after each step, and of the state the entries that the docstring names."""
    optimizer = getattr(optimizers, name)(**options)
    optimizer.state["step"] = core.array(step, core.uint64)
    own = {}
    optimizer.init_single(w, own)
    own.update(copied(state))
    trail = []
    for g in gradients:
        optimizer.state["step"] = optimizer.state["step"] + 1
        w = optimizer.apply_single(g, w, own)
        trail.append(w)
    return {"parameters": trail, "state": {key: own[key] for key in state}}


def adam_of_two(options, w, gradients, state):
    """Two parameters in turns: the count is that of the optimizer, not of the calls."""
    optimizer = optimizers.Adam(**options)
    both, trails = [copied(state), copied(state)], [[w], [w]]
    for t, g in enumerate(gradients, start=1):
        optimizer.state["step"] = core.array(t, core.uint64)
        for own, trail in zip(both, trails, strict=True):
            trail.append(optimizer.apply_single(g, trail[-1], own))
    return {"first": trails[0][1:], "second": trails[1][1:]}


def copied(state):
    """New arrays: an optimizer may change its state in place."""
    return {key: core.array(value) for key, value in state.items()}


def sgd(**inputs):
    return stepped("SGD", **inputs)


def rmsprop(**inputs):
    return stepped("RMSprop", **inputs)


def adam(**inputs):
    return stepped("Adam", **inputs)


def adam_compiled(options, w, gradients, state, step=0):
    """As `stepped`, with a compiled step: the count goes in as an array without a value."""
    optimizer = optimizers.Adam(**options)

    def one(g, w, own, count):
        optimizer.state["step"] = count
        new = dict(own)
        return optimizer.apply_single(g, w, new), new

    compiled, own, trail = core.compile(one), copied(state), []
    for i, g in enumerate(gradients, start=step + 1):
        w, own = compiled(g, w, own, core.array(i, core.uint64))
        trail.append(w)
    return {"parameters": trail, "state": {key: own[key] for key in state}}


def adamw(**inputs):
    return stepped("AdamW", **inputs)


def scaled(gradients, betas, eps, state):
    optimizer = optimizers.Adafactor(eps=(eps, 1e-3))
    own, dtype = copied(state), gradients[0].dtype
    updates = [
        optimizer.scaled(g, core.array(beta, dtype), own)
        for g, beta in zip(gradients, betas, strict=True)
    ]
    return {"updates": updates, "state": {key: own[key] for key in state}}


def orthogonalized(x, steps):
    return {"y": newton_schulz(x, steps)}


def orthogonalized_memory(x):
    """Whether at the worst moment 60 times the memory of the matrix is in use."""
    with on_cpu():
        mx.eval(bare(x))
        meter.reset()
        before = mx.get_active_memory()
        y = newton_schulz(x, 5)
        mx.eval(bare(y))
        return {"60 matrices at a time": meter.peak() - before > 60 * x.nbytes, "y": y}


# 4.16: clipping


def clip_grad_norm(grads, max_norm):
    clipped, norm = optimizers.clip_grad_norm(grads, max_norm)
    return {"clipped": clipped, "norm": norm}


def clip_compiled(grads, max_norm):
    clipped, norm = core.compile(lambda tree: optimizers.clip_grad_norm(tree, max_norm))(grads)
    return {"clipped": clipped, "norm": norm}


# 4.17: schedules


def called(schedule, steps, compiled=False):
    """The rate at each step, which is an array of one integer, as in an optimizer."""
    call = core.compile(schedule) if compiled else schedule
    return {"rates": [call(core.array(t, core.uint64)) for t in steps]}


def cosine_decay(init, decay_steps, steps, end=0.0):
    return called(optimizers.cosine_decay(init, decay_steps, end), steps)


def schedules_made(decay_steps, parts, boundaries):
    """Made, and not called yet."""
    optimizers.cosine_decay(1.0, decay_steps)
    optimizers.join_schedules([part("constant", 1.0) for _ in range(parts)], boundaries)
    return {"rates": [optimizers.cosine_decay(1.0, 9)(core.array(0, core.uint64))]}


def schedules_of_numbers(init, decay_steps, end, schedules, boundaries, steps):
    """Called with Python's integers; the caller's lists change afterwards."""
    parts, starts = [part(*s) for s in schedules], list(boundaries)
    joined = optimizers.join_schedules(parts, starts)
    cosine = optimizers.cosine_decay(init, decay_steps, end)
    found = {"cosine": [core.array(cosine(t)) for t in steps],
             "joined": [core.array(joined(t)) for t in steps]}  # fmt: skip
    return found | {"lists": [len(parts), len(starts)]}


def cosine_compiled(init, decay_steps, steps, end=0.0):
    return called(optimizers.cosine_decay(init, decay_steps, end), steps, compiled=True)


def part(name, *arguments):
    if name == "constant":  # an array, as the given schedules return it
        return lambda t: core.array(*arguments) + 0 * t
    if name == "linear":
        return optimizers.linear_schedule(*arguments)
    init, decay_steps, end = arguments
    return lambda t: optimizers.cosine_decay(init, decay_steps, end)(t)


def join_schedules(schedules, boundaries, steps):
    return called(optimizers.join_schedules([part(*s) for s in schedules], boundaries), steps)


def join_compiled(schedules, boundaries, steps):
    joined = optimizers.join_schedules([part(*s) for s in schedules], boundaries)
    return called(joined, steps, compiled=True)
