"""The variants of a training step, and how they are timed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mlx.core as mx

from tinymlx import compiler, core, nn, optimizers
from tinymlx.core import array
from tinymlx.kernels import functions
from tinymlx.kernels.adam import adam_step
from tinymlx.models.decoder import Decoder, SelfAttention
from tinymlx.nn.layers.transformer import merge_heads, split_heads
from tinymlx.performance.profiler import Profile, profiled
from tinymlx.training.precision import in_precision

RATE = 1e-3


@dataclass(frozen=True)
class Sizes:
    """Of the network and the batch.

    Attributes:
        vocabulary: how many tokens there are.
        dims, heads, layers: of the decoder.
        length, rows: of the batch.
    """

    vocabulary: int
    dims: int
    heads: int
    layers: int
    length: int
    rows: int

    @property
    def hidden(self) -> int:
        """Features inside of the feed-forward network."""
        return 8 * self.dims // 3

    @property
    def flops(self) -> float:
        """Of the products of a step: forwards once, backwards twice."""
        weights = self.layers * (4 * self.dims**2 + 3 * self.dims * self.hidden)
        weights += self.dims * self.vocabulary
        attention = 2 * self.layers * self.length * self.dims
        return 6.0 * self.rows * self.length * (weights + attention)


@dataclass(frozen=True)
class Measured:
    """What was found of a variant: its first losses, and the median time of later steps."""

    name: str
    losses: list[float]
    seconds: float
    own: bool


@dataclass(frozen=True)
class Variant:
    """One way to take the step.

    Attributes:
        name: what is new in it.
        step: takes a step and returns the loss.
        tolerance: how far its first losses may be from those of the first variant.
        own: whether everything in it is ours.
    """

    name: str
    step: Callable[[], array]
    tolerance: float = 1e-3
    own: bool = True

    def measured(self, repeats: int) -> Measured:
        """Three steps whose losses count, then some whose time does."""
        losses = [self.step().item() for _ in range(3)]
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            core.eval(self.step())
            core.synchronize()
            times.append(time.perf_counter() - start)
        return Measured(self.name, losses, sorted(times)[len(times) // 2], self.own)


class KernelNorm(nn.Module):
    """A root mean square norm by our own kernels, there and back."""

    def __init__(self, norm: nn.RMSNorm) -> None:
        super().__init__()
        self.weight, self.eps = norm.weight, norm.eps

    def __call__(self, x: array) -> array:
        """The norm over the last axis."""
        return functions.rms_norm(x, self.weight.astype(x.dtype), self.eps)


class KernelAttention(SelfAttention):
    """Causal attention by our own kernels, with the weights of another layer."""

    def __init__(self, other: SelfAttention) -> None:
        nn.Module.__init__(self)
        for name, part in other.items():
            self[name] = part
        self.heads, self.kv_heads, self.scale = other.heads, other.kv_heads, other.scale

    def __call__(self, x: array, mask: array | str, cache: object = None) -> array:
        """``(B, T, dims)`` to the same."""
        q, k = self.asked(x)
        v = split_heads(self.value_proj(x), self.kv_heads)
        y = functions.attention(q, k, v, scale=self.scale, causal=True)
        return self.out_proj(merge_heads(y))


class KernelAdamW(optimizers.AdamW):
    """AdamW whose update of a weight is a single kernel."""

    def apply_single(self, gradient: array, parameter: array, state: dict[str, array]) -> array:
        """One step for one parameter."""
        parameter, state["m"], state["v"] = adam_step(
            parameter,
            gradient,
            state["m"],
            state["v"],
            self.step,
            self.learning_rate,
            tuple(self.betas),
            self.eps,
            self.weight_decay,
        )
        return parameter


def decoder(sizes: Sizes) -> Decoder:
    """The network, the same in every variant."""
    core.random.seed(0)
    model = Decoder(sizes.vocabulary, sizes.dims, sizes.heads, sizes.layers, hidden=sizes.hidden)
    core.eval(model.parameters())
    return model


def with_kernels(model: Decoder) -> Decoder:
    """The same network, with our own kernels for norms and attention."""
    for block in model.blocks:
        block.attention_norm = KernelNorm(block.attention_norm)
        block.feed_forward_norm = KernelNorm(block.feed_forward_norm)
        block.attention = KernelAttention(block.attention)
    model.norm = KernelNorm(model.norm)
    return model


def loss(model: Decoder, tokens: array) -> array:
    """The mean cross entropy of the next token."""
    logits = model(tokens[:, :-1])
    return nn.losses.cross_entropy(logits, tokens[:, 1:], reduction="mean")


def loss_of(sizes: Sizes, tokens: array) -> Profile:
    """The profile of the loss and its gradient."""
    model = decoder(sizes)
    gradient = core.value_and_grad(
        lambda parameters, tokens: with_parameters(model, parameters, tokens)
    )
    core.eval(gradient(model.trainable_parameters(), tokens))  # a first call compiles
    _, profile = profiled(gradient, model.trainable_parameters(), tokens)
    return profile


def with_parameters(model: Decoder, parameters: dict, tokens: array) -> array:
    """The loss as a function of the parameters."""
    with nn.utils.lent(model, parameters):
        return loss(model, tokens)


def stepping(
    model: Decoder,
    tokens: array,
    compile: Callable | None = None,
    half: bool = False,
    adam: type[optimizers.AdamW] = optimizers.AdamW,
) -> Callable[[], array]:
    """A function that takes a step and returns the loss."""
    optimizer = adam(RATE)
    optimizer.init(model.trainable_parameters())

    def of_tokens(tokens: array) -> array:
        return loss(model, tokens)

    gradient = nn.value_and_grad(
        model, in_precision(model, of_tokens, core.bfloat16) if half else of_tokens
    )

    def step(tokens: array) -> array:
        value, gradients = gradient(tokens)
        optimizer.update(model, gradients)
        return value

    state = [model.state, optimizer.state]
    if compile is not None:
        step = compile(step, inputs=state, outputs=state)

    def taken() -> array:
        value = step(tokens)
        core.eval(value, state)
        return value

    return taken


def variants(sizes: Sizes, tokens: array) -> Iterator[Variant]:
    """From eager to the fastest that we have here."""
    own = compiler.compile
    yield Variant("eager", stepping(decoder(sizes), tokens))
    yield Variant("MLX's compiler", stepping(decoder(sizes), tokens, core.compile), own=False)
    yield Variant("our own compiler", stepping(decoder(sizes), tokens, own))
    if mx.default_device() != mx.gpu:
        return
    # The numbers of bfloat16 around 5 are 0.03 apart.
    half = stepping(decoder(sizes), tokens, own, half=True)
    yield Variant("and half precision", half, tolerance=0.03)
    fused = stepping(decoder(sizes), tokens, own, half=True, adam=KernelAdamW)
    yield Variant("and Adam as one kernel", fused, tolerance=0.03)
    kernels = with_kernels(decoder(sizes))
    whole = stepping(kernels, tokens, own, half=True, adam=KernelAdamW)
    yield Variant("and our own norms and attention", whole, tolerance=0.03)


def bound(sizes: Sizes) -> float:
    """Seconds that the products of a step take at the speed of a large product alone.

    In bfloat16 on a GPU, in float32 elsewhere.
    """
    gpu = mx.default_device() == mx.gpu
    n = 8192 if gpu else 1024
    a = core.random.normal((n, n)).astype(core.bfloat16 if gpu else core.float32)
    core.eval(a)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        core.eval(a @ a)
        core.synchronize()
        times.append(time.perf_counter() - start)
    return sizes.flops * min(times) / (2 * n**3)
