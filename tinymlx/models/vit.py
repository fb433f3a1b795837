"""Transformers for small pictures: patches or convolutions in front, three ways to pool.

Sources: A. Dosovitskiy et al. (2020), https://arxiv.org/abs/2010.11929 (ViT); A. Hassani et al.
(2021), https://arxiv.org/abs/2104.05704 (CCT: sequence pooling); T. Xiao et al. (2021),
https://arxiv.org/abs/2106.14881 (convolutions with stride 2 in front).
"""

from __future__ import annotations

from dataclasses import dataclass

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.models.depth import StochasticDepth
from tinymlx.nn import Module

TOKENIZERS = ("patches", "convolutions")
POOLS = ("token", "mean", "sequence")


@dataclass(frozen=True)
class ViTConfig:
    """The sizes of a :class:`ViT`.

    Attributes:
        side: pixels of a picture, in both directions.
        patch: pixels of a patch, in both directions; for convolutions a power of 2.
        dims: numbers of a token.
        layers: how many blocks.
        heads: how many heads each attention has.
        mlp: how many times wider than a token the middle of a block is.
        classes: how many logits.
        channels: of the pictures.
        tokenizer: ``"patches"``, or ``"convolutions"`` with stride 2.
        pool: a class ``"token"``, the ``"mean"`` of all tokens, or ``"sequence"`` pooling.
        drop: the probability of leaving out a branch of the last block in training; it grows
            evenly from 0 at the first.

    Raises:
        ValueError: sizes that do not fit; the message says which.
    """

    side: int = 32
    patch: int = 4
    dims: int = 64
    layers: int = 4
    heads: int = 4
    mlp: int = 2
    classes: int = 10
    channels: int = 3
    tokenizer: str = "patches"
    pool: str = "token"
    drop: float = 0.0

    def __post_init__(self) -> None:
        if self.tokenizer not in TOKENIZERS or self.pool not in POOLS:
            raise ValueError(
                f"[ViTConfig] tokenizer should be one of {TOKENIZERS} and pool one of {POOLS}; "
                f"they are {self.tokenizer!r} and {self.pool!r}."
            )
        if self.side % self.patch or self.dims % self.heads:
            raise ValueError(
                f"[ViTConfig] side ({self.side}) should be a multiple of patch ({self.patch}), "
                f"and dims ({self.dims}) of heads ({self.heads})."
            )
        if self.tokenizer == "convolutions" and (self.patch < 2 or self.patch & (self.patch - 1)):
            raise ValueError(
                f"[ViTConfig] For convolutions patch should be a power of 2; it is {self.patch}."
            )

    @property
    def grid(self) -> int:
        """How many tokens a row and a column have."""
        return self.side // self.patch

    def stem(self) -> list[int]:
        """The channels from the picture to the tokens, one convolution between two of them."""
        stages = self.patch.bit_length() - 1
        widths = [max(self.dims >> (stages - 1 - i), 1) for i in range(stages)]
        return [self.channels, *widths]


def patches(x: array, side: int) -> array:
    """Pictures cut into squares, each written in one row.

    Args:
        x: pictures, ``(N, H, W, C)``.
        side: of a square.

    Returns:
        ``(N, H / side, W / side, side * side * C)``; within a square row by row, channels last, so
        that a linear layer on it is a convolution with stride ``side``, its kernels written in
        rows. In a few operations, however many squares there are.

    Raises:
        ValueError: height or width is no multiple of ``side``; the message has the word "multiple".
    """
    raise NotImplementedError(
        "16.3 patches - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def resized(positions: array, rows: int, columns: int) -> array:
    r"""Learned positions for a grid of another size, by bilinear interpolation.

    Cell :math:`i` of :math:`n` new ones has its middle at :math:`(i + 1/2) m / n - 1/2`, counted in
    the :math:`m` old ones; what lies outside of the first and the last middle is moved there. Its
    value is on the straight line between its two neighbours, along both axes.

    Args:
        positions: ``(R, C, D)``.
        rows: how many there shall be; any number from 1 on.
        columns: likewise.

    Returns:
        ``(rows, columns, D)`` in the dtype of ``positions``; ``positions`` itself if nothing
        changes. Middles are counted in float32, also in half precision.
    """
    raise NotImplementedError(
        "16.3 resized - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class Tokens(Module):
    """A picture as a sequence of tokens that know where they are.

    With patches: ``linear`` of :func:`patches`. With convolutions: ``stem``, 3 x 3 with stride 2
    and
    padding 1, relu between them. The learned ``positions``, ``(grid, grid, dims)``, are added, for
    pictures of another size :func:`resized`. A class ``token``, ``(dims,)``, if the pool wants one,
    comes first and has no position.

    Shape:
        ``(N, H, W, C)`` to ``(N, T, dims)``, where T is the number of patches, row by row, and 1
        more with a class token.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.patch = config.patch
        if config.tokenizer == "patches":
            self.linear = nn.Linear(config.patch**2 * config.channels, config.dims)
        else:
            layers: list[Module] = []
            widths = config.stem()
            for before, after in zip(widths, widths[1:]):
                layers += [nn.Conv2d(before, after, 3, 2, padding=1), nn.ReLU()]
            self.stem = nn.Sequential(*layers[:-1])
        self.positions = 0.02 * core.random.normal((config.grid, config.grid, config.dims))
        if config.pool == "token":
            self.token = 0.02 * core.random.normal((config.dims,))

    def __call__(self, x: array) -> array:
        """Tokens of pictures."""
        raise NotImplementedError(
            "16.3 __call__ - exercises/ch16_image_classification/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class EncoderBlock(Module):
    r"""Attention and a small network at each token, both as residual branches with the norm first:

    .. math:: x \leftarrow x + \text{attention}(N_1 x), \qquad y = x + W_2 \,
        \text{gelu}(W_1 N_2 x + b_1) + b_2 .

    Each branch goes through ``depth`` before it is added, so that in training it is left out for
    some of the examples, each branch by a draw of its own.

    Args:
        dims: numbers of a token.
        heads: of the ``attention``, whose projections have biases.
        mlp: how many times wider the middle is.
        drop: the probability of leaving out a branch.

    Shape:
        ``(N, T, dims)`` to the same.
    """

    def __init__(self, dims: int, heads: int, mlp: int, drop: float = 0.0) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(dims), nn.LayerNorm(dims)
        self.attention = nn.MultiHeadAttention(dims, heads, bias=True)
        self.linear1 = nn.Linear(dims, mlp * dims)
        self.linear2 = nn.Linear(mlp * dims, dims)
        self.depth = StochasticDepth(drop)

    def __call__(self, x: array) -> array:
        """The block's output."""
        raise NotImplementedError(
            "16.4 __call__ - exercises/ch16_image_classification/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def weights(self, x: array) -> array:
        """What each token takes from each, ``(N, heads, T, T)``; each row sums to 1."""
        y = self.ln1(x)
        heads = self.attention.num_heads
        q = core.unflatten(self.attention.query_proj(y), -1, (heads, -1)).transpose(0, 2, 1, 3)
        k = core.unflatten(self.attention.key_proj(y), -1, (heads, -1)).transpose(0, 2, 3, 1)
        return nn.softmax(q @ k * q.shape[-1] ** -0.5, axis=-1)


class SequencePool(Module):
    r"""The mean of all tokens, each with a weight that it asks for itself:

    .. math:: y = \sum_t a_t x_t, \qquad a = \text{softmax}_t (w^\top x_t + b)

    Shape:
        ``(N, T, dims)`` to ``(N, dims)``.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.score = nn.Linear(dims, 1)

    def __call__(self, x: array) -> array:
        """One vector for each sequence."""
        raise NotImplementedError(
            "16.4 __call__ - exercises/ch16_image_classification/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class ViT(Module):
    """Tokens, blocks, a norm, a pool and a linear layer.

    Shape:
        ``(N, H, W, channels)`` to ``(N, classes)``; height and width other than ``config.side``
        are possible, and give another number of tokens.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.tokens = Tokens(config)
        last = max(config.layers - 1, 1)
        self.blocks = [
            EncoderBlock(config.dims, config.heads, config.mlp, config.drop * i / last)
            for i in range(config.layers)
        ]
        self.ln = nn.LayerNorm(config.dims)
        if config.pool == "sequence":
            self.pool = SequencePool(config.dims)
        self.linear = nn.Linear(config.dims, config.classes)

    def features(self, x: array) -> array:
        """All tokens behind the last block, normalized by ``ln``, ``(N, T, dims)``."""
        raise NotImplementedError(
            "16.4 features - exercises/ch16_image_classification/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def head(self, features: array) -> array:
        """Logits: ``linear`` of the class token, of the mean, or of what ``pool`` makes of all."""
        raise NotImplementedError(
            "16.4 head - exercises/ch16_image_classification/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, x: array) -> array:
        """Logits of pictures."""
        return self.head(self.features(x))

    def attentions(self, x: array) -> list[array]:
        """The attention of each block, ``(N, heads, T, T)``, for :func:`.rollout`."""
        found = []
        x = self.tokens(x)
        for block in self.blocks:
            found.append(block.weights(x))
            x = block(x)
        return found
