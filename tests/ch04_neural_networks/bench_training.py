"""A whole training step of a perceptron (loss, gradients, clipping, Adam), and its parts."""

from functools import partial

import mlx.core as mx
import mlx.nn
import mlx.optimizers
import numpy as np
import torch

from course.grading.marks import exercise

random = np.random.default_rng(0)

# As for handwritten digits. The rate is tiny, so that thousands of steps change little: what is
# timed should not depend on how far the network has come.
SIZES, BATCH, RATE = (784, 256, 256, 10), 128, 1e-6
X = random.normal(size=(BATCH, SIZES[0])).astype(np.float32)
T = random.integers(0, SIZES[-1], BATCH).astype(np.int32)
LAYERS = [
    {
        "weight": (random.normal(size=(m, n)) / np.sqrt(n)).astype(np.float32),
        "bias": np.zeros(m, np.float32),
    }
    for n, m in zip(SIZES[:-1], SIZES[1:], strict=True)
]

# Forward, the gradient by each weight, and by each layer's input but the first.
PRODUCTS = [n * m for n, m in zip(SIZES[:-1], SIZES[1:], strict=True)]
FLOPS = 2 * BATCH * (2 * PRODUCTS[0] + 3 * sum(PRODUCTS[1:]))


def training_step(m, nn, optimizers, compiled):
    """A step for ``mlx`` and for ``tinymlx``: the same text."""
    layers = [{name: m.array(w) for name, w in layer.items()} for layer in LAYERS]
    model = {"layers": layers}
    x, t, optimizer = m.array(X), m.array(T), optimizers.Adam(RATE, bias_correction=True)
    optimizer.init(model)
    state = [model, optimizer.state]

    def loss(model, x, t):
        *hidden, last = model["layers"]
        for layer in hidden:
            x = nn.gelu(x @ layer["weight"].T + layer["bias"])
        logits = x @ last["weight"].T + last["bias"]
        return nn.losses.cross_entropy(logits, t, reduction="mean")

    def step(x, t):
        value, gradients = m.value_and_grad(loss)(model, x, t)
        gradients, _ = optimizers.clip_grad_norm(gradients, 1.0)
        updated = optimizer.apply_gradients(gradients, model)
        for layer, new in zip(layers, updated["layers"], strict=True):
            layer.update(new)
        return value

    if compiled:
        step = partial(m.compile, inputs=state, outputs=state)(step)

    def call():
        return step(x, t), model, optimizer.state

    return call


@exercise("4.6", "4.12", "4.16")
def bench_training_step(race):
    """784-256-256-10, batch of 128: cross entropy, clipping, Adam; eager and compiled."""

    def tiny(_package):
        from tinymlx import core, nn, optimizers

        return training_step(core, nn, optimizers, compiled=False)

    def tiny_compiled(_package):
        from tinymlx import core, nn, optimizers

        return training_step(core, nn, optimizers, compiled=True)

    def mlx_eager():
        return training_step(mx, mlx.nn, mlx.optimizers, compiled=False)

    def mlx_compiled():
        return training_step(mx, mlx.nn, mlx.optimizers, compiled=True)

    def pytorch(compiled):
        modules = []
        for layer in LAYERS:
            linear = torch.nn.Linear(*layer["weight"].shape[::-1])
            linear.weight.data = torch.from_numpy(layer["weight"].copy())
            linear.bias.data = torch.from_numpy(layer["bias"].copy())
            modules += [linear, torch.nn.GELU()]
        model = torch.nn.Sequential(*modules[:-1])
        optimizer = torch.optim.Adam(model.parameters(), RATE)
        x, t = torch.from_numpy(X), torch.from_numpy(T).long()

        def loss():
            return torch.nn.functional.cross_entropy(model(x), t)

        loss = torch.compile(loss) if compiled else loss  # both ways; the optimizer runs eagerly

        def step():
            optimizer.zero_grad()
            value = loss()
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return value

        return step

    candidates = {"tiny": tiny, "mlx": mlx_eager, "pytorch": lambda: pytorch(False)}
    compiled = {
        "tiny_compiled": tiny_compiled,
        "mlx_compiled": mlx_compiled,
        "pytorch_compiled": lambda: pytorch(True),
    }
    race(**candidates, **compiled, flops=FLOPS)


# An optimizer alone, on as many parameters as a small language model has in one of its layers.
W = random.normal(size=(4, 2_500_000)).astype(np.float32)
G = random.normal(size=W.shape).astype(np.float32)


def adam_step(m, optimizers):
    """One parameter and its state, from the same point in every call."""
    w, g, optimizer = m.array(W), m.array(G), optimizers.Adam(RATE)
    state = {}
    optimizer.init_single(w, state)

    def step(w, g, moments):
        state = dict(moments)
        return optimizer.apply_single(g, w, state), state

    return m.compile(step), w, g, state


@exercise("4.12")
def bench_adam(race):
    """One step of Adam for 10 million parameters, compiled (MLX, tinymlx) or fused (PyTorch)."""

    def tiny(_package):
        from tinymlx import core, optimizers

        step, *arguments = adam_step(core, optimizers)
        return lambda: step(*arguments)

    def mlx_compiled():
        step, *arguments = adam_step(mx, mlx.optimizers)
        return lambda: step(*arguments)

    def pytorch():
        w = torch.from_numpy(W.copy()).requires_grad_()
        w.grad = torch.from_numpy(G)
        optimizer = torch.optim.Adam([w], RATE, fused=True)

        def step():
            optimizer.step()
            return w

        return step

    # Read w, g, m, v; write w, m, v.
    race(tiny_compiled=tiny, mlx_compiled=mlx_compiled, pytorch=pytorch, bytes=7 * W.nbytes)


@exercise("4.16")
def bench_clip(race):
    """Clipping 200 gradients of 100 x 100 numbers: many small arrays, one norm."""
    arrays = [G.ravel()[i * 10_000 : (i + 1) * 10_000].reshape(100, 100) for i in range(200)]

    def tiny(_package):
        from tinymlx import core, optimizers

        grads = {"layers": [core.array(g) for g in arrays]}
        return lambda: optimizers.clip_grad_norm(grads, 1.0)

    def mlx_eager():
        grads = {"layers": [mx.array(g) for g in arrays]}
        return lambda: mlx.optimizers.clip_grad_norm(grads, 1.0)

    def pytorch():
        parameters = [torch.zeros(100, 100, requires_grad=True) for _ in arrays]
        for p, g in zip(parameters, arrays, strict=True):
            p.grad = torch.from_numpy(g.copy())
        return lambda: torch.nn.utils.clip_grad_norm_(parameters, 1.0)

    size = 200 * 10_000
    race(tiny=tiny, mlx=mlx_eager, pytorch=pytorch, flops=3 * size, bytes=12 * size)
