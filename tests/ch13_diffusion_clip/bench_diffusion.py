"""A training step of a U-Net that reads, and one of CLIP: of the sizes of the project.

PyTorch's side is ``diffusers`` and ``transformers``; the native one is the same network on MLX's
layers, with as many weights, written out below.
"""

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch

from course.grading.marks import exercise

ON_GPU = mx.default_device().type == mx.gpu
BATCH = 128 if ON_GPU else 8
PAIRS = 256 if ON_GPU else 32
SIDE, CHANNELS, WORDS, CONTEXT, HEADS = 16, 12, 12, 64, 4
SIZES, ATTENTION, GROUPS = (64, 128), (False, True), 8
TOWER = {
    "hidden_size": 128,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "vocab_size": 400,
    "max_position_embeddings": WORDS,
    "eos_token_id": 1,
    "image_size": 32,
    "patch_size": 4,
}
DRAW = np.random.default_rng(0)
MAPS, NOISE = DRAW.normal(size=(2, BATCH, SIDE, SIDE, CHANNELS)).astype(np.float32)
STEPS = DRAW.uniform(0, 1000, BATCH).astype(np.float32)
TOLD = DRAW.normal(size=(BATCH, WORDS, CONTEXT)).astype(np.float32)
PICTURES = DRAW.normal(size=(PAIRS, 32, 32, 3)).astype(np.float32)
CAPTIONS = np.concatenate(
    [DRAW.integers(3, 400, (PAIRS, WORDS - 1)), np.ones((PAIRS, 1))], axis=1
).astype(np.int32)


# The U-Net on MLX's layers


def normalized(channels):
    return mlx_nn.GroupNorm(GROUPS, channels, pytorch_compatible=True)


def convolution(inputs, outputs, stride=1):
    return mlx_nn.Conv2d(inputs, outputs, 3, stride, 1)


class Block(mlx_nn.Module):
    """A residual block that is told the step."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm1, self.conv1 = normalized(inputs), convolution(inputs, outputs)
        self.told = mlx_nn.Linear(4 * SIZES[0], outputs)
        self.norm2, self.conv2 = normalized(outputs), convolution(outputs, outputs)
        if inputs != outputs:
            self.shortcut = mlx_nn.Conv2d(inputs, outputs, 1)

    def __call__(self, x, step):
        y = self.conv1(mlx_nn.silu(self.norm1(x)))
        y = y + self.told(mlx_nn.silu(step))[:, None, None]
        y = self.conv2(mlx_nn.silu(self.norm2(y)))
        return y + (self.shortcut(x) if "shortcut" in self else x)


class Attention(mlx_nn.Module):
    """Of many heads, to itself or to the words."""

    def __init__(self, dims, context, bias=False):
        super().__init__()
        self.q = mlx_nn.Linear(dims, dims, bias=bias)
        self.k = mlx_nn.Linear(context, dims, bias=bias)
        self.v = mlx_nn.Linear(context, dims, bias=bias)
        self.out = mlx_nn.Linear(dims, dims)

    def __call__(self, x, context, mask=None):
        n, length, dims = x.shape
        q, k, v = (
            y.reshape(n, -1, HEADS, dims // HEADS).transpose(0, 2, 1, 3)
            for y in (self.q(x), self.k(context), self.v(context))
        )
        y = mx.fast.scaled_dot_product_attention(q, k, v, scale=(dims // HEADS) ** -0.5, mask=mask)
        return self.out(y.transpose(0, 2, 1, 3).reshape(n, length, dims))


class Reading(mlx_nn.Module):
    """Attention among the places, to the words, and a gated network."""

    def __init__(self, dims):
        super().__init__()
        self.norm = mlx_nn.GroupNorm(GROUPS, dims, eps=1e-6, pytorch_compatible=True)
        self.into, self.out = mlx_nn.Linear(dims, dims), mlx_nn.Linear(dims, dims)
        self.norm1, self.attn1 = mlx_nn.LayerNorm(dims), Attention(dims, dims)
        self.norm2, self.attn2 = mlx_nn.LayerNorm(dims), Attention(dims, CONTEXT)
        self.norm3 = mlx_nn.LayerNorm(dims)
        self.up, self.down = mlx_nn.Linear(dims, 8 * dims), mlx_nn.Linear(4 * dims, dims)

    def __call__(self, x, words):
        n, height, width, dims = x.shape
        y = self.into(self.norm(x)).reshape(n, height * width, dims)
        z = self.norm1(y)
        y = y + self.attn1(z, z)
        y = y + self.attn2(self.norm2(y), words)
        a, b = mx.split(self.up(self.norm3(y)), 2, axis=-1)
        y = y + self.down(a * mlx_nn.gelu(b))
        return x + self.out(y.reshape(x.shape))


class NativeUNet(mlx_nn.Module):
    """Two levels, one block on the way down and two on the way up, as ours has them."""

    def __init__(self):
        super().__init__()
        small, large = SIZES
        self.step1 = mlx_nn.Linear(small, 4 * small)
        self.step2 = mlx_nn.Linear(4 * small, 4 * small)
        self.conv_in, self.conv_out = convolution(CHANNELS, small), convolution(small, CHANNELS)
        self.down = [Block(small, small), Block(small, large)]
        self.halved, self.doubled = convolution(small, small, 2), convolution(large, large)
        self.middle = [Block(large, large), Block(large, large)]
        self.reading = [Reading(large) for _ in range(4)]
        self.up = [
            Block(large + large, large),
            Block(large + small, large),
            Block(large + small, small),
            Block(small + small, small),
        ]
        self.norm_out = normalized(small)

    def __call__(self, x, steps, words):
        half = SIZES[0] // 2
        angles = steps[:, None] * mx.exp(-mx.arange(half) * (np.log(10_000.0) / half))
        step = mx.concatenate([mx.cos(angles), mx.sin(angles)], axis=-1)
        step = self.step2(mlx_nn.silu(self.step1(step)))
        first = self.conv_in(x)
        second = self.down[0](first, step)
        third = self.halved(second)
        fourth = self.reading[0](self.down[1](third, step), words)
        x = self.reading[1](self.middle[0](fourth, step), words)
        x = self.middle[1](x, step)
        for i, (bridge, level) in enumerate(zip((fourth, third, second, first), self.up)):
            x = level(mx.concatenate([x, bridge], axis=-1), step)
            if i < 2:
                x = self.reading[2 + i](x, words)
            if i == 1:
                x = self.doubled(mx.repeat(mx.repeat(x, 2, axis=1), 2, axis=2))
        return self.conv_out(mlx_nn.silu(self.norm_out(x)))


# CLIP on MLX's layers


class TowerBlock(mlx_nn.Module):
    """Attention and a feed-forward network, each behind a normalization."""

    def __init__(self):
        super().__init__()
        dims, inner = TOWER["hidden_size"], TOWER["intermediate_size"]
        self.norm1, self.norm2 = mlx_nn.LayerNorm(dims), mlx_nn.LayerNorm(dims)
        self.attention = Attention(dims, dims, bias=True)
        self.up, self.down = mlx_nn.Linear(dims, inner), mlx_nn.Linear(inner, dims)

    def __call__(self, x, mask):
        y = self.norm1(x)
        x = x + self.attention(y, y, mask)
        return x + self.down(mlx_nn.gelu_fast_approx(self.up(self.norm2(x))))


class NativeCLIP(mlx_nn.Module):
    """Both towers and their loss."""

    def __init__(self):
        super().__init__()
        dims, count, side = (TOWER[n] for n in ("hidden_size", "num_hidden_layers", "patch_size"))
        self.words = mlx_nn.Embedding(TOWER["vocab_size"], dims)
        self.text_places = mlx_nn.Embedding(WORDS, dims)
        self.text_blocks = [TowerBlock() for _ in range(count)]
        self.text_norm, self.text_out = mlx_nn.LayerNorm(dims), mlx_nn.Linear(dims, dims, False)
        self.first = mx.random.normal((dims,))
        self.patches = mlx_nn.Conv2d(3, dims, side, side, bias=False)
        self.places = mlx_nn.Embedding((32 // side) ** 2 + 1, dims)
        self.before, self.behind = mlx_nn.LayerNorm(dims), mlx_nn.LayerNorm(dims)
        self.blocks = [TowerBlock() for _ in range(count)]
        self.out = mlx_nn.Linear(dims, dims, False)
        self.scale = mx.array(np.log(1 / 0.07), mx.float32)

    def __call__(self, x, tokens):
        y = self.words(tokens) + self.text_places.weight
        for block in self.text_blocks:
            y = block(y, "causal")
        ends = mx.argmax(tokens == 1, axis=-1)
        y = self.text_out(self.text_norm(y)[mx.arange(len(tokens)), ends])
        x = self.patches(x)
        n, dims = x.shape[0], x.shape[-1]
        first = mx.broadcast_to(self.first, (n, 1, dims))
        x = mx.concatenate([first, x.reshape(n, -1, dims)], axis=1) + self.places.weight
        x = self.before(x)
        for block in self.blocks:
            x = block(x, None)
        x = self.out(self.behind(x[:, 0]))
        x, y = (v / mx.linalg.norm(v, axis=-1, keepdims=True) for v in (x, y))
        logits = mx.minimum(mx.exp(self.scale), 100) * (x @ y.T)
        answers = mx.arange(n)
        both = [mlx_nn.losses.cross_entropy(z, answers) for z in (logits, logits.T)]
        return (mx.mean(both[0]) + mx.mean(both[1])) / 2


# Steps


def step_of(lib, nn, optimizers, model, loss, inputs, compile):
    """One step of Adam on one batch."""
    optimizer = optimizers.Adam(1e-3)
    optimizer.init(model.trainable_parameters())
    gradient = nn.value_and_grad(model, loss)
    inputs = [lib.array(x) for x in inputs]

    def step(*inputs):
        value, gradients = gradient(*inputs)
        optimizer.update(model, gradients)
        return value

    state = [model.state, optimizer.state]
    if compile:
        step = lib.compile(step, inputs=state, outputs=state)
    return lambda: (step(*inputs), state)


def torch_step(model, loss, inputs, compile):
    """The same in PyTorch; compiled, the loss both ways: the optimizer runs eagerly."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    inputs = [torch.from_numpy(np.ascontiguousarray(x)).to(device) for x in inputs]
    loss = torch.compile(loss) if compile else loss

    def step():
        optimizer.zero_grad()
        value = loss(*inputs)
        value.backward()
        optimizer.step()
        return value

    return step


def candidates(race, tiny, mlx, pytorch):
    """All of them, eager and compiled."""
    race(
        tiny=lambda package: tiny(False),
        tiny_compiled=lambda package: tiny(True),
        mlx=lambda: mlx(False),
        mlx_compiled=lambda: mlx(True),
        pytorch=pytorch,
        pytorch_compiled=lambda: pytorch(True),
    )


def torch_unet():
    """The U-Net of diffusers."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=SIZES,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=HEADS,
        cross_attention_dim=CONTEXT,
        norm_num_groups=GROUPS,
        use_linear_projection=True,
    )


def torch_clip():
    """CLIP of transformers."""
    from transformers import CLIPConfig, CLIPModel

    dims = TOWER["hidden_size"]
    text = {**TOWER, "bos_token_id": 2, "pad_token_id": 0}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=TOWER, projection_dim=dims))


@exercise("13.9", "13.14", "13.15")
def bench_a_step_of_a_unet(race):
    """Maps of 16 x 16 x 12, levels of 64 and 128, attention to 12 words at the second; Adam."""
    inputs = (MAPS, STEPS, TOLD, NOISE)

    def tiny(compile):
        from tinymlx import core, nn, optimizers
        from tinymlx.models.latent_diffusion import UNet, UNetConfig

        config = UNetConfig(
            CHANNELS, CHANNELS, SIZES, ATTENTION, (HEADS,) * 2, (1, 1), 1, CONTEXT, True, GROUPS
        )
        model = UNet(config)

        def loss(x, steps, words, goal):
            return core.mean(core.square(model(x, steps, words) - goal))

        return step_of(core, nn, optimizers, model, loss, inputs, compile)

    def mlx(compile):
        model = NativeUNet()

        def loss(x, steps, words, goal):
            return mx.mean(mx.square(model(x, steps, words) - goal))

        return step_of(mx, mlx_nn, mlx_optimizers, model, loss, inputs, compile)

    def pytorch(compile=False):
        model = torch_unet()

        def loss(x, steps, words, goal):
            return torch.mean((model(x, steps, words).sample - goal) ** 2)

        first = [x.transpose(0, 3, 1, 2) for x in (MAPS, NOISE)]
        return torch_step(model, loss, (first[0], STEPS, TOLD, first[1]), compile)

    candidates(race, tiny, mlx, pytorch)


@exercise("13.17")
def bench_a_step_of_clip(race):
    """Pictures of 32 x 32 in patches of 4, 12 words, four blocks of 128 in each tower; Adam."""
    inputs = (PICTURES, CAPTIONS)

    def tiny(compile):
        from tinymlx import core, nn, optimizers
        from tinymlx.models.clip import CLIP
        from tinymlx.models.clip.layers import TowerConfig

        model = CLIP(TowerConfig(**TOWER), TowerConfig(**TOWER), TOWER["hidden_size"])
        return step_of(core, nn, optimizers, model, model.loss, inputs, compile)

    def mlx(compile):
        model = NativeCLIP()
        return step_of(mx, mlx_nn, mlx_optimizers, model, model, inputs, compile)

    def pytorch(compile=False):
        model = torch_clip()

        def loss(x, tokens):
            return model(tokens, x, return_loss=True).loss

        inputs = (PICTURES.transpose(0, 3, 1, 2), CAPTIONS.astype(np.int64))
        return torch_step(model, loss, inputs, compile)

    candidates(race, tiny, mlx, pytorch)
