"""An autoencoder of waves, in float32 or in bfloat16; its weights go through a file on the way."""

import argparse
import os
import tempfile
from functools import partial

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim

parser = argparse.ArgumentParser()
parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
parser.add_argument("--steps", type=int, default=24)
options = parser.parse_args()


def autoencoder(size: int, code: int) -> nn.Module:
    encoder = nn.Sequential(nn.Linear(size, 24), nn.ELU(), nn.Linear(24, code))
    decoder = nn.Sequential(nn.Linear(code, 24), nn.Mish(), nn.Linear(24, size))
    return nn.Sequential(encoder, nn.LayerNorm(code), decoder)


mx.random.seed(2)
dtype = getattr(mx, options.dtype)
model = autoencoder(40, 3)
model.apply_to_modules(
    lambda name, module: (
        module.update({"weight": nn.init.he_normal(dtype)(module.weight)})
        if isinstance(module, nn.Linear)
        else None
    )
)
model.set_dtype(dtype)
optimizer = optim.Adamax(learning_rate=0.02)
t = mx.linspace(0, 1, 40)


def waves(n: int) -> mx.array:
    frequency, phase = mx.random.uniform(2, 9, (n, 1)), mx.random.uniform(0, 6, (n, 1))
    return mx.sin(frequency * t + phase).astype(dtype)


def loss_fn(x):
    return partial(nn.losses.smooth_l1_loss, beta=0.5)(model(x), x)


loss_and_grad = nn.value_and_grad(model, loss_fn)
for step in range(options.steps):
    loss, grads = loss_and_grad(waves(64))
    optimizer.update(model, grads)
    print(f"loss {loss.item():.7g}")
    if step == 11:
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "weights.safetensors")
            model.save_weights(file)
            model = autoencoder(40, 3)
            model.load_weights(file)
            mx.eval(model.parameters())
        loss_and_grad = nn.value_and_grad(model, loss_fn)
